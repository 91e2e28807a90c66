//! Where recordings are stored: a directory of files, and in it `.open/` with a mark for each that
//! is being written, so that the next start finds what a crash left behind.
//!
//! A trait stands between, so that tests can have a disk that is full.

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use super::envelope;
use super::keys::Keys;
use super::reading::Reading;
use crate::record::envelope::Keyring;
use crate::record::path::is_encrypted;
use crate::wire::wav;

/// The directory of marks.
const MARKS: &str = ".open";
/// A mark longer than this is none of ours, bytes.
const MARK_BYTES: u64 = 1_024;

/// Makes files.
pub trait Storage: Send {
    /// A new file at `path` below the storage's root. It must not exist yet.
    fn create(&mut self, path: &str) -> io::Result<Box<dyn StoredFile>>;
}

/// A file that is being written.
pub trait StoredFile: Send {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// The file is complete: returns when it is on the disk. May take seconds.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// A recording that the last run left unfinished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// Its path below the directory of recordings.
    pub path: String,
    /// Samples of one channel that it holds now, or why it could not be made whole.
    pub result: Result<u64, String>,
}

/// Recordings in a directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Takes `root` (made if it is not there), and makes whole what the last run left behind. What a disk that
    /// cannot be written leaves undone is told, and done at a start when it can be.
    pub fn open(root: &Path, keys: &Keys) -> io::Result<(Directory, Vec<Repaired>)> {
        let ring = keys.ring();
        let marks = root.join(MARKS);
        fs::create_dir_all(&marks)?;
        let mut repaired = Vec::new();
        for entry in fs::read_dir(&marks)? {
            repaired.extend(match entry {
                Ok(entry) => unfinished(root, &entry.path(), &ring),
                Err(error) => Some(Repaired { path: MARKS.into(), result: Err(error.to_string()) }),
            });
        }
        repaired.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((Directory { root: root.to_owned() }, repaired))
    }
}

impl Storage for Directory {
    fn create(&mut self, path: &str) -> io::Result<Box<dyn StoredFile>> {
        let file = below(&self.root, path)?;
        let directory = file.parent().expect("a path below the root").to_owned();
        fs::create_dir_all(&directory)?;
        let mark = mark(&self.root, path);
        let made = fs::write(&mark, path)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&file));
        match made {
            Ok(file) => Ok(Box::new(Opened { file, mark, directory })),
            Err(error) => {
                let _ = fs::remove_file(&mark);
                Err(error)
            }
        }
    }
}

/// The mark of the file at `path` while it is written.
fn mark(root: &Path, path: &str) -> PathBuf {
    root.join(MARKS).join(path.replace('/', "_"))
}

/// Whether the file at `path` is being written.
pub(super) fn is_open(root: &Path, path: &str) -> bool {
    // What cannot be known counts as open: nothing may go that somebody writes.
    mark(root, path).try_exists().unwrap_or(true)
}

/// `path` below `root`; refused if it leads elsewhere.
pub(super) fn below(root: &Path, path: &str) -> io::Result<PathBuf> {
    let inside = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    if !inside || path.is_empty() {
        let why = format!("'{path}' is no path below the directory of recordings");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(root.join(path))
}

struct Opened {
    file: File,
    mark: PathBuf,
    directory: PathBuf,
}

impl StoredFile for Opened {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        File::open(&self.directory)?.sync_all()?;
        fs::remove_file(&self.mark)
    }
}

/// Makes whole what `mark` stands for, and takes the mark away. `None`: there was no such recording.
fn unfinished(root: &Path, mark: &Path, ring: &Keyring) -> Option<Repaired> {
    let path = match marked(mark) {
        Ok(path) => path,
        Err(error) => {
            let path = mark.strip_prefix(root).unwrap_or(mark).display().to_string();
            return Some(Repaired { path, result: Err(error.to_string()) });
        }
    };
    let mend = if is_encrypted(&path) { mend } else { repair };
    let result = below(root, &path).and_then(|file| mend(&file, ring));
    if let Err(error) = &result
        && error.kind() == io::ErrorKind::PermissionDenied
    {
        // Its key, or the right to write it, may be there at another start.
        return Some(Repaired { path, result: Err(error.to_string()) });
    }
    // A file that cannot be repaired stays as it is, and is told of once; of a disk that takes no changes the mark stays.
    let removed = fs::remove_file(mark);
    let result = match (result, removed) {
        (Err(error), _) if error.kind() == io::ErrorKind::NotFound => return None,
        (Err(error), _) | (Ok(_), Err(error)) => Err(error.to_string()),
        (Ok(samples), Ok(())) => Ok(samples),
    };
    Some(Repaired { path, result })
}

/// Writes the end of an encrypted recording. Gives its samples.
fn mend(path: &Path, ring: &Keyring) -> io::Result<u64> {
    if !envelope::mend(path, ring)? {
        // Not even what says how it is encrypted: there is no recording.
        fs::remove_file(path)?;
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut reading = Reading::open(path, ring)?;
    let mut first = Vec::with_capacity(wav::PROBE_LEN);
    let len = reading.len();
    (&mut reading).take(wav::PROBE_LEN as u64).read_to_end(&mut first)?;
    if first.is_empty() {
        return Ok(0);
    }
    let wav = wav::Wav::parse(&first).map_err(unfit)?;
    Ok(wav.data_len(len) / u64::from(wav.spec.frame_bytes()))
}

fn unfit(error: wav::WavError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error.to_string())
}

/// The path that a mark names.
fn marked(mark: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(mark)?.take(MARK_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes the sizes in the header agree with the file's length. Gives its samples.
fn repair(path: &Path, _: &Keyring) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    if len == 0 {
        // Nothing was written, not even the header: there is no recording.
        fs::remove_file(path)?;
        return Err(io::ErrorKind::NotFound.into());
    }
    let mut first = Vec::with_capacity(wav::PROBE_LEN);
    (&mut file).take(wav::PROBE_LEN as u64).read_to_end(&mut first)?;
    if let Some(repair) = wav::repair(&first, len).map_err(unfit)? {
        file.set_len(repair.file_len)?;
        file.write_all_at(&repair.header, 0)?;
        file.sync_all()?;
        return Ok(repair.frames);
    }
    let whole = wav::Wav::parse(&first).map_err(unfit)?;
    Ok(whole.data_len(len) / u64::from(whole.spec.frame_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_cannot_be_read_or_taken_away_is_told_and_keeps_nobody_from_starting() {
        let root = tempfile::tempdir().unwrap();
        // A mark that is a directory can neither be read nor removed as a file, whoever asks.
        fs::create_dir_all(root.path().join(MARKS).join("2026_call.wav")).unwrap();
        let (mut directory, repaired) = Directory::open(root.path(), &Keys::default()).unwrap();
        assert_eq!(repaired.len(), 1);
        assert!(repaired[0].result.is_err() && repaired[0].path.contains("2026_call"));
        directory.create("2026/other.wav").unwrap();
        assert!(root.path().join(MARKS).join("2026_call.wav").exists(), "for a start when it can");
    }

    #[test]
    fn a_file_is_marked_while_it_is_open_and_made_once() {
        let root = tempfile::tempdir().unwrap();
        let (mut storage, none) = Directory::open(root.path(), &Keys::default()).unwrap();
        assert!(none.is_empty());
        let mut file = storage.create("2026/03/09/a.wav").unwrap();
        file.write_at(2, b"cd").unwrap();
        file.write_at(0, b"ab").unwrap();
        let marks = || fs::read_dir(root.path().join(MARKS)).unwrap().count();
        assert_eq!(marks(), 1);
        file.finish().unwrap();
        assert_eq!(marks(), 0);
        assert_eq!(fs::read(root.path().join("2026/03/09/a.wav")).unwrap(), b"abcd");
        assert!(storage.create("2026/03/09/a.wav").is_err(), "never overwritten");
        assert_eq!(marks(), 0);
        for outside in ["../a.wav", "/etc/a.wav", "", "a/../../b.wav", "./a.wav"] {
            assert!(storage.create(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn what_a_crash_left_is_made_whole_at_the_next_start() {
        let root = tempfile::tempdir().unwrap();
        let (mut storage, _) = Directory::open(root.path(), &Keys::default()).unwrap();
        let spec = wav::Spec { format: wav::Format::Alaw, channels: 2, rate_hz: 8_000 };
        let mut cut = storage.create("d/cut.wav").unwrap();
        cut.write_at(0, &[&spec.header(0)[..], &[0xd5; 4_001]].concat()).unwrap();
        let mut garbage = storage.create("d/garbage.wav").unwrap();
        garbage.write_at(0, b"not a wave file").unwrap();
        let empty = storage.create("d/empty.wav").unwrap();
        drop((cut, garbage, empty));

        let (_, repaired) = Directory::open(root.path(), &Keys::default()).unwrap();
        assert_eq!(repaired.len(), 2);
        assert_eq!(repaired[0], Repaired { path: "d/cut.wav".into(), result: Ok(2_000) });
        assert!(repaired[1].result.is_err());
        let bytes = fs::read(root.path().join("d/cut.wav")).unwrap();
        assert_eq!(bytes[..58], spec.header(4_000));
        assert_eq!(bytes.len(), 58 + 4_000);
        assert!(!root.path().join("d/empty.wav").exists());
        assert!(Directory::open(root.path(), &Keys::default()).unwrap().1.is_empty(), "told once");
    }

    #[test]
    fn an_encrypted_one_is_made_whole_when_its_key_is_there() {
        use super::super::envelope::Vault;
        use super::super::reading::{self, tests::ring};

        let root = tempfile::tempdir().unwrap();
        let (keys, path) = (Keys::new(ring(1)), "d/a.wav.enc");
        let (storage, _) = Directory::open(root.path(), &keys).unwrap();
        let mut file = Vault::new(storage, keys.clone()).create(path).unwrap();
        let spec = wav::Spec { format: wav::Format::Alaw, channels: 2, rate_hz: 8_000 };
        file.write_at(0, &spec.header(0)).unwrap();
        file.write_at(58, &[7; 20_000]).unwrap();
        let there = |keys: &Keys| {
            let mut plain = Vec::new();
            reading::open(root.path(), path, &keys.ring())?.read_to_end(&mut plain)?;
            Ok::<_, io::Error>(plain.len())
        };
        assert_eq!(there(&keys).unwrap(), 16_384, "while it is written, what is there");
        drop(file);

        let other = Keys::new(ring(2));
        for _ in 0..2 {
            let (_, repaired) = Directory::open(root.path(), &other).unwrap();
            assert_eq!(repaired.len(), 1, "told until its key is there");
            let why = repaired[0].result.clone().unwrap_err();
            assert!(why.contains("which is not known"), "{why}");
        }
        let (_, repaired) = Directory::open(root.path(), &keys).unwrap();
        assert_eq!(repaired, [Repaired { path: path.into(), result: Ok((16_384 - 58) / 2) }]);
        assert!(Directory::open(root.path(), &keys).unwrap().1.is_empty(), "told once");
        assert_eq!(there(&keys).unwrap(), 16_384);
    }
}
