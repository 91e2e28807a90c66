//! The form of an encrypted recording: a key of its own, wrapped by the master key, and chunks that can be read
//! by themselves.
//!
//! ```text
//!   head, 84 bytes                                        chunks, 16,412 bytes each; the last is shorter
//!  ┌───────┬─────────┬────────┬───────┬────────────────┐ ┌───────┬──────────────────────┬─────┬ … ┬──────┐
//!  │ magic │ content │ key id │ nonce │ file's key, tag│ │ nonce │ 16,384 bytes, coded  │ tag │   │ last │
//!  └───────┴─────────┴────────┴───────┴────────────────┘ └───────┴──────────────────────┴─────┴ … ┴──────┘
//!     8         8         8      12       32 + 16           12                            16
//! ```
//!
//! AES-256-GCM (NIST SP 800-38D) throughout. The file's key is random; the head before its nonce is authenticated with
//! it. Each chunk authenticates its number and whether it is the last (the STREAM construction: Hoang, Reyhanitabar,
//! Rogaway, Vizár 2015), so chunks that were changed, moved, left out or cut off are noticed, and any chunk can be
//! read without those before it. A full chunk is never the last: a file whose length is a multiple of a chunk ends
//! with an empty one, so that each chunk is written once, when it is full, without knowing what comes.
//!
//! A chunk holds as much as one piece of a recording on its way to the disk ([`piece`](crate::media::control)), so what a
//! kill takes is what it takes of a plain file. Nonces are random (8 bytes for each time that a file is opened, then a
//! counter) and stand with the chunk: one that could not be written may be sealed anew with something else in it.
//!
//! Content [`Content::Wav`]: a WAV's header says how long it is, which is not known when the first chunk is sealed. It
//! is kept as it was first written, and whoever reads puts the true sizes in (`wire::wav::repair`).
//!
//! Opens no file and draws no random numbers: keys, bytes and randomness are arguments. Who reads and writes files so is
//! `engine::disk::envelope`.

mod keyring;
#[cfg(test)]
mod tests;

use core::fmt;

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use zeroize::Zeroizing;

use self::keyring::aead;
pub use self::keyring::{KEY, KEY_ID, KeyFault, KeyId, Keyring, MOST_KEYS, id_of, written};

/// Bytes of sample data or packed audio in a chunk.
pub const CHUNK: usize = 16 * 1_024;
/// Bytes of a nonce.
pub const NONCE: usize = 12;
/// Bytes of a tag.
const TAG: usize = 16;
/// Bytes of a chunk's nonce and tag.
pub const OVERHEAD: usize = NONCE + TAG;
/// Bytes of a full chunk in the file.
pub const RECORD: usize = CHUNK + OVERHEAD;
/// Bytes before the first chunk.
pub const HEAD: usize = AUTHENTIC + NONCE + KEY + TAG;
/// Bytes of the head that are authenticated with the file's key.
const AUTHENTIC: usize = 8 + 8 + KEY_ID;
/// What a file begins with; the last byte is the form's number.
const MAGIC: [u8; 8] = *b"BELFREC\x01";
/// Random bytes for a new file: its key, and the nonce under which that is wrapped.
pub const RANDOM: usize = KEY + NONCE;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Bytes as they are.
    Bytes,
    /// A WAV whose header is as it was first written.
    Wav,
}

/// Why a file, or a part of it, cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// It does not begin as an encrypted recording does.
    NotOurs,
    /// It is in a form that a newer Belfry writes.
    Form(u8),
    /// The key that it names is not known; `None`: no key is, and one was to write.
    NoKey(Option<KeyId>),
    /// The head is not what was written.
    Head,
    /// That chunk, from 0, is not what was written there.
    Chunk(u64),
    /// It ends behind so many chunks, without the last one: it was cut off, or its writer was.
    Cut(u64),
    /// It has more chunks than can be told apart.
    TooLong,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::NotOurs => f.write_str("not an encrypted recording"),
            Damage::Form(form) => {
                write!(f, "encrypted in form {form}, which a newer Belfry reads")
            }
            Damage::NoKey(Some(id)) => write!(
                f,
                "it is encrypted with key {id}, which is not known: put that key back into [record] key_file or key_env"
            ),
            Damage::NoKey(None) => f.write_str(
                "recordings are to be encrypted and no key is known: see [record] key_file or key_env",
            ),
            Damage::Head => f.write_str("damaged: its head is not what was written"),
            Damage::Chunk(nth) => write!(
                f,
                "damaged: chunk {nth}, bytes {} to {} of the file, is not what was written",
                offset(*nth),
                offset(nth.saturating_add(1)) - 1
            ),
            Damage::Cut(chunks) => {
                write!(f, "it ends behind {chunks} whole chunks, before its end was written")
            }
            Damage::TooLong => f.write_str("it has more chunks than a file may have"),
        }
    }
}
impl std::error::Error for Damage {}

/// Where a chunk, from 0, begins in the file.
pub fn offset(nth: u64) -> u64 {
    nth.saturating_mul(RECORD as u64).saturating_add(HEAD as u64)
}

/// What chunks a file of some length has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Full chunks.
    pub whole: u64,
    /// Bytes behind them.
    pub rest: usize,
}

impl Shape {
    /// Of a file of `len` bytes; `None`: it has not even a head.
    pub fn of(len: u64) -> Option<Shape> {
        let chunks = len.checked_sub(HEAD as u64)?;
        let record = RECORD as u64;
        Some(Shape { whole: chunks / record, rest: (chunks % record) as usize })
    }

    /// Whether the bytes behind the full chunks may be the last chunk.
    pub fn may_be_whole(self) -> bool {
        self.rest >= OVERHEAD
    }
}

/// Nonces, none twice: for each time that a file is opened to be written.
#[derive(Debug)]
pub struct Nonces {
    salt: [u8; 8],
    next: u32,
}

impl Nonces {
    /// `salt` is random.
    pub fn new(salt: [u8; 8]) -> Nonces {
        Nonces { salt, next: 0 }
    }

    fn next(&mut self) -> Result<[u8; NONCE], Damage> {
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Damage::TooLong)?;
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&self.salt);
        nonce[8..].copy_from_slice(&number.to_be_bytes());
        Ok(nonce)
    }
}

/// The key of one file.
pub struct FileKey {
    aead: LessSafeKey,
    content: Content,
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKey").field("content", &self.content).finish_non_exhaustive()
    }
}

impl FileKey {
    /// For a new file: its key, and its head. `random` is, and is used for nothing else.
    ///
    /// # Errors
    /// No key is known that could wrap it.
    pub fn new(
        ring: &Keyring,
        content: Content,
        random: &[u8; RANDOM],
    ) -> Result<(FileKey, [u8; HEAD]), Damage> {
        let (id, master) = ring.writing().ok_or(Damage::NoKey(None))?;
        let (key, nonce) = random.split_at(KEY);
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&MAGIC);
        head[8] = match content {
            Content::Bytes => 0,
            Content::Wav => 1,
        };
        head[16..AUTHENTIC].copy_from_slice(&id.0);
        let (authentic, wrapped) = head.split_at_mut(AUTHENTIC);
        wrapped[..NONCE].copy_from_slice(nonce);
        wrapped[NONCE..NONCE + KEY].copy_from_slice(key);
        // 2^32 files of one key are the most (SP 800-38D §8.3): a thousand a second for 49 days.
        seal(master, Aad::from(&*authentic), wrapped);
        let key = key.first_chunk().expect("so many are split off");
        Ok((FileKey { aead: aead(key), content }, head))
    }

    /// Of the file that begins with `head`.
    ///
    /// # Errors
    /// It is no encrypted recording, its head is damaged, or its key is not known.
    pub fn open(ring: &Keyring, head: &[u8]) -> Result<FileKey, Damage> {
        let head: &[u8; HEAD] = head.first_chunk().ok_or(Damage::NotOurs)?;
        let (authentic, wrapped) = head.split_at(AUTHENTIC);
        if authentic[..7] != MAGIC[..7] {
            return Err(Damage::NotOurs);
        }
        if authentic[7] != MAGIC[7] {
            return Err(Damage::Form(authentic[7]));
        }
        let id = KeyId(*authentic[16..].first_chunk().expect("the rest is the id"));
        let master = ring.get(id).ok_or(Damage::NoKey(Some(id)))?;
        let mut wrapped =
            Zeroizing::new(<[u8; HEAD - AUTHENTIC]>::try_from(wrapped).expect("the rest"));
        let key = open(master, Aad::from(authentic), &mut *wrapped).ok_or(Damage::Head)?;
        let key: &[u8; KEY] = (&*key).try_into().map_err(|_| Damage::Head)?;
        // All of it is authentic: what is not known here a newer Belfry has written.
        let content = match authentic[8..16] {
            [0, 0, 0, 0, 0, 0, 0, 0] => Content::Bytes,
            [1, 0, 0, 0, 0, 0, 0, 0] => Content::Wav,
            _ => return Err(Damage::Form(MAGIC[7])),
        };
        Ok(FileKey { aead: aead(key), content })
    }

    /// What the file holds.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Makes the chunk `nth`, the last or not, of `record`: room for a nonce, and what is to be in the chunk.
    ///
    /// # Errors
    /// There are no more nonces.
    pub fn seal(
        &self,
        nth: u64,
        last: bool,
        nonces: &mut Nonces,
        record: &mut Vec<u8>,
    ) -> Result<(), Damage> {
        debug_assert!(record.len() >= NONCE && (last == (record.len() < NONCE + CHUNK)));
        record[..NONCE].copy_from_slice(&nonces.next()?);
        record.resize(record.len() + TAG, 0);
        seal(&self.aead, Aad::from(place(nth, last)), record);
        Ok(())
    }

    /// Reads the chunk `nth`, the last or not, in place.
    ///
    /// # Errors
    /// It is not what was written there.
    pub fn chunk<'r>(
        &self,
        nth: u64,
        last: bool,
        record: &'r mut [u8],
    ) -> Result<&'r mut [u8], Damage> {
        let fits = if last { record.len() < RECORD } else { record.len() == RECORD };
        let plain = fits.then(|| open(&self.aead, Aad::from(place(nth, last)), record)).flatten();
        plain.ok_or(Damage::Chunk(nth))
    }
}

/// What a chunk authenticates beside what is in it.
fn place(nth: u64, last: bool) -> [u8; 9] {
    let mut place = [u8::from(last); 9];
    place[..8].copy_from_slice(&nth.to_be_bytes());
    place
}

/// Encrypts what lies between a nonce and room for a tag.
fn seal<A: AsRef<[u8]>>(key: &LessSafeKey, with: Aad<A>, record: &mut [u8]) {
    let (nonce, rest) = record.split_at_mut(NONCE);
    let (plain, room) = rest.split_at_mut(rest.len() - TAG);
    let nonce = Nonce::try_assume_unique_for_key(nonce).expect("12 bytes are a nonce");
    let tag = key.seal_in_place_separate_tag(nonce, with, plain);
    room.copy_from_slice(tag.expect("far less than GCM's 64 GB").as_ref());
}

/// Decrypts what [`seal`] has made; `None`: it is not that.
fn open<'r, A: AsRef<[u8]>>(
    key: &LessSafeKey,
    with: Aad<A>,
    record: &'r mut [u8],
) -> Option<&'r mut [u8]> {
    if record.len() < OVERHEAD {
        return None;
    }
    let (nonce, rest) = record.split_at_mut(NONCE);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    key.open_in_place(nonce, with, rest).ok()
}
