//! Recordings as they are read: plain files as they lie there, encrypted ones decrypted a chunk at a time, from any
//! byte on. Whoever listens, copies or packs reads through this.

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::envelope::{damaged, is_encrypted};
use super::storage::{below, is_open};
use crate::record::envelope::{
    CHUNK, Content, Damage, FileKey, HEAD, Keyring, NONCE, OVERHEAD, RECORD, Shape, offset,
};
use crate::wire::wav;

/// A recording that is open.
#[derive(Debug)]
pub struct Reading(Form);

#[derive(Debug)]
enum Form {
    Plain { file: File, len: u64 },
    Encrypted(Box<Encrypted>),
}

/// Opens the recording at `path` below `root`.
///
/// # Errors
/// It is not there, cannot be read, its key is not known, or it is cut off and nobody writes it.
pub fn open(root: &Path, path: &str, ring: &Keyring) -> io::Result<Reading> {
    // Looked at first: it may be finished in between.
    let goes_on = is_open(root, path);
    let reading = Reading::open(&below(root, path)?, ring)?;
    if !goes_on {
        reading.whole()?;
    }
    Ok(reading)
}

impl Reading {
    /// Opens the file at `at`, which may lack its end.
    pub(super) fn open(at: &Path, ring: &Keyring) -> io::Result<Reading> {
        let file = File::open(at)?;
        if is_encrypted(at) {
            return Ok(Reading(Form::Encrypted(Box::new(Encrypted::open(file, ring)?))));
        }
        let len = file.metadata()?.len();
        Ok(Reading(Form::Plain { file, len }))
    }

    /// Bytes of the recording.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Form::Plain { len, .. } => *len,
            Form::Encrypted(own) => own.len,
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An error: its end is missing. Of a plain file that is not known.
    pub(super) fn whole(&self) -> io::Result<()> {
        match &self.0 {
            Form::Encrypted(own) if !own.finished => Err(damaged(Damage::Cut(own.whole))),
            _ => Ok(()),
        }
    }
}

impl Read for Reading {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Form::Plain { file, .. } => file.read(to),
            Form::Encrypted(own) => own.read(to),
        }
    }
}

impl Seek for Reading {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let own = match &mut self.0 {
            Form::Plain { file, .. } => return file.seek(to),
            Form::Encrypted(own) => own,
        };
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => own.len.checked_add_signed(by),
            SeekFrom::Current(by) => own.at.checked_add_signed(by),
        };
        own.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(own.at)
    }
}

#[derive(Debug)]
struct Encrypted {
    file: File,
    key: FileKey,
    /// Full chunks, and bytes of the last one as it lies there.
    whole: u64,
    rest: usize,
    finished: bool,
    /// Bytes of the recording.
    len: u64,
    /// What is read next.
    at: u64,
    /// The chunk that was read last, with its nonce and tag, and which it is.
    record: Vec<u8>,
    held: Option<u64>,
    /// A WAV's header with the sizes that fit.
    header: Vec<u8>,
}

impl Encrypted {
    fn open(file: File, ring: &Keyring) -> io::Result<Encrypted> {
        let Some(shape) = Shape::of(file.metadata()?.len()) else {
            return Err(damaged(Damage::NotOurs));
        };
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0)?;
        let key = FileKey::open(ring, &head).map_err(damaged)?;
        let Shape { whole, rest } = shape;
        let mut own = Encrypted {
            file,
            key,
            whole,
            rest,
            finished: false,
            len: whole * CHUNK as u64,
            at: 0,
            record: Vec::with_capacity(RECORD),
            held: None,
            header: Vec::new(),
        };
        if shape.may_be_whole() {
            own.finished = true;
            own.len += (rest - OVERHEAD) as u64;
            if let Err(error) = own.hold(whole) {
                if error.kind() != io::ErrorKind::InvalidData {
                    return Err(error);
                }
                // Nobody's last chunk: what is there is read as far as it goes.
                own.finished = false;
                own.len = whole * CHUNK as u64;
            }
        }
        if own.key.content() == Content::Wav && own.len > 0 {
            own.fit_header()?;
        }
        Ok(own)
    }

    /// Puts the sizes that fit into a WAV's header.
    fn fit_header(&mut self) -> io::Result<()> {
        self.hold(0)?;
        let first = self.plain(0);
        let first = &first[..first.len().min(wav::PROBE_LEN)];
        let unfit = |e: wav::WavError| io::Error::new(io::ErrorKind::InvalidData, e.to_string());
        if let Some(repair) = wav::repair(first, self.len).map_err(unfit)? {
            self.len = self.len.min(repair.file_len);
            self.header = repair.header;
        }
        self.held = None;
        Ok(())
    }

    /// Has the chunk `nth` in memory.
    fn hold(&mut self, nth: u64) -> io::Result<()> {
        if self.held == Some(nth) {
            return Ok(());
        }
        self.held = None;
        let last = nth == self.whole;
        self.record.resize(if last { self.rest } else { RECORD }, 0);
        self.file.read_exact_at(&mut self.record, offset(nth))?;
        let plain = self.key.chunk(nth, last, &mut self.record).map_err(damaged)?;
        if nth == 0
            && let Some(place) = plain.get_mut(..self.header.len())
        {
            place.copy_from_slice(&self.header);
        }
        self.held = Some(nth);
        Ok(())
    }

    /// What is in the chunk that is held, from that byte on.
    fn plain(&self, from: usize) -> &[u8] {
        let end = self.record.len() + NONCE - OVERHEAD;
        self.record.get(NONCE + from..end).unwrap_or_default()
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = left.min(to.len());
        if most == 0 {
            return Ok(0);
        }
        self.hold(self.at / CHUNK as u64)?;
        let there = self.plain((self.at % CHUNK as u64) as usize);
        let len = most.min(there.len());
        to[..len].copy_from_slice(&there[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::super::envelope::Writing;
    use super::*;
    use crate::record::envelope::written;

    /// A ring of one key.
    pub(in crate::engine::disk) fn ring(n: u8) -> Keyring {
        Keyring::parse(&written(&core::array::from_fn(|at| n ^ at as u8))).unwrap()
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n * n / 13) as u8).collect()
    }

    fn write(at: &Path, bytes: &[u8]) {
        let mut file = Writing::create(at, &ring(1)).unwrap();
        bytes.chunks(10_000).for_each(|some| file.write(some).unwrap());
        file.finish().unwrap();
    }

    #[test]
    fn a_name_says_whether_a_file_is_encrypted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.opus", "a.opus.enc"] {
            write(&dir.path().join(name), &bytes(40_000));
            let mut read = Vec::new();
            let mut reading = open(dir.path(), name, &ring(1)).unwrap();
            assert_eq!(reading.len(), 40_000);
            reading.read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes(40_000));
            let lies = fs::read(dir.path().join(name)).unwrap();
            assert_eq!(lies == read, name == "a.opus");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a.opus.enc");
        write(&at, &bytes(40_000));
        let whole = fs::read(&at).unwrap();
        let why = |key: u8| open(dir.path(), "a.opus.enc", &ring(key)).unwrap_err().to_string();
        let missing = ring(1).ids().next().unwrap().to_string();
        assert!(why(2).contains(&missing), "{}", why(2));
        fs::write(&at, &whole[..whole.len() - 1]).unwrap();
        assert!(why(1).contains("ends behind 2 whole chunks"), "{}", why(1));
        fs::write(&at, "RIFF").unwrap();
        assert!(why(1).contains("not an encrypted recording"), "{}", why(1));
        let mut damaged = whole.clone();
        damaged[HEAD + RECORD + 100] ^= 1;
        fs::write(&at, &damaged).unwrap();
        let mut reading = open(dir.path(), "a.opus.enc", &ring(1)).unwrap();
        let mut first = vec![0; CHUNK];
        reading.read_exact(&mut first).unwrap();
        assert_eq!(first, bytes(CHUNK));
        let told = reading.read_to_end(&mut first).unwrap_err().to_string();
        assert!(told.contains("chunk 1,") && first.len() == CHUNK, "{told}");
        reading.seek(SeekFrom::Start(2 * CHUNK as u64)).unwrap();
        first.clear();
        reading.read_to_end(&mut first).unwrap();
        assert_eq!(first, bytes(40_000)[2 * CHUNK..], "what lies behind it is read");
        assert!(open(dir.path(), "../a.opus.enc", &ring(1)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_part_is_read_from_where_it_lies(len in 0usize..50_000, from in 0u64..60_000, most in 0usize..40_000) {
            let dir = tempfile::tempdir().unwrap();
            let at = dir.path().join("a.opus.enc");
            write(&at, &bytes(len));
            let mut reading = Reading::open(&at, &ring(1)).unwrap();
            reading.seek(SeekFrom::Start(from)).unwrap();
            let mut part = Vec::new();
            reading.take(most as u64).read_to_end(&mut part).unwrap();
            let begin = len.min(from as usize);
            prop_assert_eq!(part, &bytes(len)[begin..len.min(begin + most)]);
        }
    }
}
