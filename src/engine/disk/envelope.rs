//! Recordings that are written encrypted: the form is [`record::envelope`](crate::record::envelope)'s, here are its
//! files. Below the recording's own file, so that whoever writes samples need not know of it.
//!
//! ```text
//!   RecordingFile ─ write_at ─▶ Sealing ─ a full chunk ─▶ file            finish: the last chunk
//!   Packer ─────── write ─────▶    │
//!                                  └ what a chunk still lacks waits in memory, never on the disk
//! ```
//!
//! Pieces of a recording are as long as chunks and begin where they do, so nothing waits: a kill takes no more than of
//! a plain file. After one [`mend`] writes the end that is missing.

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::keys::Keys;
use super::storage::{Storage, StoredFile};
use crate::record::envelope::{
    CHUNK, Content, Damage, FileKey, HEAD, Keyring, NONCE, Nonces, OVERHEAD, RANDOM, RECORD, Shape,
    offset,
};
use crate::record::path;

/// Storage in which files lie encrypted whose names say so.
pub(in crate::engine) struct Vault<S> {
    storage: S,
    keys: Keys,
}

impl<S: Storage> Vault<S> {
    /// In `storage`, with whatever keys there are when a file begins.
    pub(in crate::engine) fn new(storage: S, keys: Keys) -> Vault<S> {
        Vault { storage, keys }
    }
}

impl<S: Storage> Storage for Vault<S> {
    fn create(&mut self, path: &str) -> io::Result<Box<dyn StoredFile>> {
        if !path::is_encrypted(path) {
            return self.storage.create(path);
        }
        // Without a key there is no file: nothing of it may lie there as it was said.
        let making = Making::new(&self.keys.ring(), Content::Wav)?;
        let file = self.storage.create(path)?;
        Ok(Box::new(Sealing { file, making }))
    }
}

pub(super) fn damaged(damage: Damage) -> io::Error {
    let kind = match damage {
        Damage::NoKey(_) => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, damage)
}

/// Random bytes of the system.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// What of a file is not written yet.
struct Making {
    key: FileKey,
    nonces: Nonces,
    /// Until it is written.
    head: Option<[u8; HEAD]>,
    /// The number of the chunk that is next.
    nth: u64,
    /// Room for its nonce, and what of it has come.
    record: Vec<u8>,
}

impl Making {
    fn new(ring: &Keyring, content: Content) -> io::Result<Making> {
        let (key, head) = FileKey::new(ring, content, &random::<RANDOM>()?).map_err(damaged)?;
        let record = vec![0; NONCE];
        Ok(Making { key, nonces: Nonces::new(random()?), head: Some(head), nth: 0, record })
    }

    /// Bytes that have come.
    fn position(&self) -> u64 {
        self.nth * CHUNK as u64 + (self.record.len() - NONCE) as u64
    }

    fn head(&mut self, write: &mut impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(head) = &self.head {
            write(0, head)?;
            self.head = None;
        }
        Ok(())
    }

    /// Takes `bytes` and writes the chunks that they fill. After an error nothing of the chunk that could not be
    /// written was taken.
    fn take(
        &mut self,
        mut bytes: &[u8],
        write: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.head(write)?;
        while !bytes.is_empty() {
            let had = self.record.len();
            let (now, later) = bytes.split_at(bytes.len().min(NONCE + CHUNK - had));
            self.record.extend_from_slice(now);
            if self.record.len() == NONCE + CHUNK
                && let Err(error) = self.chunk(false, write)
            {
                self.record.truncate(had);
                return Err(error);
            }
            bytes = later;
        }
        Ok(())
    }

    /// Writes the chunk in the making. After an error it is there as before.
    fn chunk(
        &mut self,
        last: bool,
        write: &mut impl FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.key.seal(self.nth, last, &mut self.nonces, &mut self.record).map_err(damaged)?;
        let written = write(offset(self.nth), &self.record);
        if written.is_err() {
            let plain = self.key.chunk(self.nth, last, &mut self.record).map_err(damaged)?.len();
            self.record.truncate(NONCE + plain);
            return written;
        }
        self.nth += 1;
        self.record.truncate(NONCE);
        Ok(())
    }

    fn end(&mut self, write: &mut impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        self.head(write)?;
        self.chunk(true, write)
    }
}

/// A recording that is being written.
struct Sealing {
    file: Box<dyn StoredFile>,
    making: Making,
}

impl StoredFile for Sealing {
    /// Takes the header, and then what comes behind it, in its order. What was taken already is not taken again, be it
    /// the header with other sizes (whoever reads puts them in) or silence for a piece of which a part could be written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let Sealing { file, making } = self;
        let mut write = |at: u64, bytes: &[u8]| file.write_at(at, bytes);
        let known = making.position().checked_sub(offset).ok_or(io::ErrorKind::InvalidInput)?;
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        match bytes.get(known..) {
            Some(new) if offset == 0 && making.record.len() + new.len() < NONCE + CHUNK => {
                // The header is taken whatever the disk says: it does not come again.
                making.record.extend_from_slice(new);
                making.head(&mut write)
            }
            Some(new) => making.take(new, &mut write),
            None => making.head(&mut write),
        }
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        let Sealing { mut file, mut making } = *self;
        making.end(&mut |at, bytes| file.write_at(at, bytes))?;
        file.finish()
    }
}

/// A file that is written from its beginning to its end: plain, or encrypted.
pub(super) struct Writing {
    file: File,
    making: Option<Making>,
}

impl Writing {
    /// A new file at `at`; encrypted if its name says so.
    pub(super) fn create(at: &Path, ring: &Keyring) -> io::Result<Writing> {
        let making = is_encrypted(at).then(|| Making::new(ring, Content::Bytes)).transpose()?;
        Ok(Writing { file: File::create(at)?, making })
    }

    /// The next bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Writing { file, making } = self;
        match making {
            None => file.write_all(bytes),
            Some(making) => making.take(bytes, &mut |at, bytes| file.write_all_at(bytes, at)),
        }
    }

    /// No more: it is on the disk when this returns.
    pub(super) fn finish(self) -> io::Result<()> {
        let Writing { file, making } = self;
        if let Some(mut making) = making {
            making.end(&mut |at, bytes| file.write_all_at(bytes, at))?;
        }
        file.sync_all()
    }
}

/// Whether the name of a file says so.
pub(super) fn is_encrypted(at: &Path) -> bool {
    at.to_str().is_some_and(path::is_encrypted)
}

/// Writes the end of an encrypted file whose writer died: behind its last chunk that is what was written. `false`:
/// nothing of it had come as far as the disk.
pub(super) fn mend(at: &Path, ring: &Keyring) -> io::Result<bool> {
    let file = OpenOptions::new().read(true).write(true).open(at)?;
    let Some(shape) = Shape::of(file.metadata()?.len()) else { return Ok(false) };
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0)?;
    let key = FileKey::open(ring, &head).map_err(damaged)?;
    let mut record = Vec::with_capacity(RECORD);
    let mut is_good = |nth: u64, last: bool, len: usize| {
        record.resize(len, 0);
        file.read_exact_at(&mut record, offset(nth))?;
        Ok::<_, io::Error>(key.chunk(nth, last, &mut record).is_ok())
    };
    let Shape { mut whole, rest } = shape;
    if shape.may_be_whole() && is_good(whole, true, rest)? {
        return Ok(true);
    }
    // Where the power went, blocks of the last half minute may never have been written.
    while whole > 0 && !is_good(whole - 1, false, RECORD)? {
        whole -= 1;
    }
    let mut end = Vec::with_capacity(OVERHEAD);
    end.resize(NONCE, 0);
    key.seal(whole, true, &mut Nonces::new(random()?), &mut end).map_err(damaged)?;
    file.set_len(offset(whole))?;
    file.write_all_at(&end, offset(whole))?;
    file.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::super::fake::FakeStorage;
    use super::super::file::{FileState, RecordingFile};
    use super::super::reading::{Reading, tests::ring};
    use super::*;
    use crate::media::control::RecordFormat;
    use crate::wire::wav;

    const FIRST: usize = CHUNK - 58;

    fn state() -> FileState {
        FileState::new("a.wav.enc".into(), RecordFormat::Alaw)
    }

    /// What another program gets of a file of those bytes.
    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a.wav.enc");
        fs::write(&at, bytes).unwrap();
        let mut plain = Vec::new();
        Reading::open(&at, &ring(1))?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn wav_of(samples: &[&[u8]]) -> Vec<u8> {
        let data = samples.concat();
        [&RecordFormat::Alaw.spec().header(data.len() as u64)[..], &data].concat()
    }

    #[test]
    fn a_recording_lies_encrypted_and_is_read_as_the_wav_it_is_at_any_moment() {
        let (storage, disk) = FakeStorage::new();
        let mut storage = Vault::new(storage, Keys::new(ring(1)));
        let mut state = state();
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        let pieces = [vec![1; FIRST], vec![2; CHUNK], vec![3; CHUNK], vec![4; 700]];
        let mut position = 0;
        for (n, piece) in pieces.iter().enumerate() {
            file.piece(position, piece);
            position += piece.len() as u64 / 2;
            // A kill here: what was written until then is whole.
            let there: Vec<&[u8]> = pieces[..(n + 1).min(3)].iter().map(Vec::as_slice).collect();
            assert_eq!(read(&disk.bytes("a.wav.enc")).unwrap(), wav_of(&there), "{n}");
        }
        assert!(file.end(position, u64::MAX));
        state.take_file().unwrap().finish().unwrap();
        let there: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let bytes = disk.bytes("a.wav.enc");
        assert_eq!(read(&bytes).unwrap(), wav_of(&there));
        for plain in [&b"RIFF"[..], &[1; 8], &[2; 8], &[4; 8]] {
            assert!(!bytes.windows(plain.len()).any(|own| own == plain), "{plain:?}");
        }
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_leaves_silence_there_as_in_a_plain_file() {
        let (storage, disk) = FakeStorage::new();
        let mut storage = Vault::new(storage, Keys::new(ring(1)));
        let mut state = state();
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        file.piece(0, &[1; FIRST]);
        disk.fill();
        file.piece(FIRST as u64 / 2, &[2; CHUNK]);
        disk.free();
        file.piece((FIRST + CHUNK) as u64 / 2, &[3; CHUNK]);
        assert!(file.end((FIRST + 2 * CHUNK) as u64 / 2, u64::MAX));
        state.take_file().unwrap().finish().unwrap();
        let wanted = wav_of(&[&[1; FIRST], &[0xd5; CHUNK], &[3; CHUNK]]);
        assert_eq!(read(&disk.bytes("a.wav.enc")).unwrap(), wanted);
    }

    /// It begins when there is room, or a key.
    #[test]
    fn a_file_that_could_not_begin_begins_later() {
        let (storage, disk) = FakeStorage::new();
        let keys = Keys::default();
        let mut storage = Vault::new(storage, keys.clone());
        let mut state = state();
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        let why = file.state.take_fault().unwrap().to_string();
        assert!(why.contains("key_file"), "{why}");
        assert!(disk.bytes("a.wav.enc").is_empty(), "nothing is there in the clear");
        keys.put(ring(1));
        disk.fill();
        file.piece(0, &[1; FIRST]);
        disk.free();
        file.piece(FIRST as u64 / 2, &[2; CHUNK]);
        assert!(file.end((FIRST + CHUNK) as u64 / 2, u64::MAX));
        state.take_file().unwrap().finish().unwrap();
        let wanted = wav_of(&[&[0xd5; FIRST], &[2; CHUNK]]);
        assert_eq!(read(&disk.bytes("a.wav.enc")).unwrap(), wanted);
    }

    #[test]
    fn pieces_of_any_length_and_the_same_ones_again_are_taken_once() {
        let (storage, disk) = FakeStorage::new();
        let mut storage = Vault::new(storage, Keys::new(ring(1)));
        let mut file = storage.create("a.wav.enc").unwrap();
        let header = RecordFormat::Alaw.spec().header(0);
        let data: Vec<u8> = (0..50_000u32).map(|n| (n * n / 11) as u8).collect();
        file.write_at(0, &header).unwrap();
        file.write_at(58, &data[..20_000]).unwrap();
        assert!(file.write_at(30_000, &[0]).is_err(), "a hole");
        disk.fill();
        assert!(file.write_at(20_058, &data[20_000..]).is_err());
        disk.free();
        file.write_at(0, &RecordFormat::Alaw.spec().header(20_000)).unwrap();
        file.write_at(58, &data[..30_000]).unwrap();
        file.write_at(30_058, &data[30_000..]).unwrap();
        file.finish().unwrap();
        assert_eq!(read(&disk.bytes("a.wav.enc")).unwrap(), wav_of(&[&data]));
    }

    #[test]
    fn what_a_kill_left_gets_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a.wav.enc");
        let (storage, disk) = FakeStorage::new();
        let mut storage = Vault::new(storage, Keys::new(ring(1)));
        let mut file = storage.create("a.wav.enc").unwrap();
        file.write_at(0, &RecordFormat::Alaw.spec().header(0)).unwrap();
        file.write_at(58, &[1; FIRST]).unwrap();
        file.write_at(CHUNK as u64, &[2; CHUNK + 500]).unwrap();
        let left = disk.bytes("a.wav.enc");
        let (one, two) = (wav_of(&[&[1; FIRST]]), wav_of(&[&[1; FIRST], &[2; CHUNK]]));
        // As it was; the last chunk torn; a few of its bytes never written.
        let mut unwritten = left.clone();
        let end = left.len();
        unwritten[end - 4_096..].fill(0);
        let torn = &left[..end - 5_000];
        for (bytes, wanted) in [(&left[..], &two), (torn, &one), (&unwritten[..], &one)] {
            fs::write(&at, bytes).unwrap();
            assert!(mend(&at, &ring(1)).unwrap());
            Reading::open(&at, &ring(1)).unwrap().whole().unwrap();
            let mended = fs::read(&at).unwrap();
            assert_eq!(&read(&mended).unwrap(), wanted);
            assert!(mend(&at, &ring(1)).unwrap());
            assert_eq!(fs::read(&at).unwrap(), mended, "once is enough");
            let wav = wav::Wav::parse(&read(&mended).unwrap()).unwrap();
            assert_eq!(wav.data_len(u64::MAX) as usize, wanted.len() - 58);
        }
        fs::write(&at, &left[..HEAD - 1]).unwrap();
        assert!(!mend(&at, &ring(1)).unwrap());
        fs::write(&at, &left).unwrap();
        assert_eq!(mend(&at, &ring(2)).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&at).unwrap(), left, "as it was until its key is there");
    }
}
