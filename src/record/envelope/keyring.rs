//! The keys under which recordings are encrypted: the first writes, all read, so that keys can be changed while
//! what older ones have encrypted stays readable.
//!
//! ```text
//!   # made 2026-11-23                       what begins with # is a remark
//!   3f0c…  64 hexadecimal digits            the first: new recordings are encrypted with it
//!   91aa…                                   the others: older recordings are read with them
//! ```
//!
//! A key's id follows from the key (SHA-256, RFC 6234), so that it need not be written down and a wrong key is told
//! by its name. Opens no file: the daemon reads the text.

use core::fmt;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of its id.
pub const KEY_ID: usize = 8;
/// Keys of one ring at most: one a month are five years.
pub const MOST_KEYS: usize = 64;
/// Stands before the key in what its id is made of, so that the id tells nothing of any other use of it.
const ID_OF: &[u8] = b"belfry recording key";

/// The name of a key; no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyId(pub [u8; KEY_ID]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A key, which nothing prints.
pub(super) struct Key {
    id: KeyId,
    pub(super) aead: LessSafeKey,
}

/// Why a text holds no keys. What was written is not repeated: it may be a key all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyFault {
    /// There is no key in it.
    Empty,
    /// The word in that place, from 1, is no key.
    NotAKey(usize),
    /// It is the same byte again and again.
    Weak(usize),
    /// It was there already.
    Twice(usize),
    /// More than [`MOST_KEYS`].
    TooMany,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remedy = "write 64 hexadecimal digits, as `belfry recording key` makes them";
        match self {
            KeyFault::Empty => f.write_str("there is no key in it"),
            KeyFault::NotAKey(nth) => write!(f, "its key {nth} is none: {remedy}"),
            KeyFault::Weak(nth) => write!(f, "its key {nth} can be guessed: {remedy}"),
            KeyFault::Twice(nth) => write!(f, "its key {nth} is there twice: leave one out"),
            KeyFault::TooMany => write!(f, "it holds more than {MOST_KEYS} keys"),
        }
    }
}
impl std::error::Error for KeyFault {}

/// The keys that are known; empty: no recording can be encrypted, and of those that are none be read.
#[derive(Default)]
pub struct Keyring {
    keys: Vec<Key>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Keyring {
    /// Reads the keys of a text: words of 64 hexadecimal digits, each on a line of its own or not.
    ///
    /// # Errors
    /// A word is no key, or there is none.
    pub fn parse(text: &str) -> Result<Keyring, KeyFault> {
        let mut ring = Keyring::default();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or(""));
        for (nth, word) in lines.flat_map(str::split_whitespace).enumerate() {
            let nth = nth + 1;
            let bytes = digits(word).ok_or(KeyFault::NotAKey(nth))?;
            if bytes.iter().all(|byte| *byte == bytes[0]) {
                return Err(KeyFault::Weak(nth));
            }
            let id = id_of(&bytes);
            if ring.get(id).is_some() {
                return Err(KeyFault::Twice(nth));
            }
            if ring.keys.len() == MOST_KEYS {
                return Err(KeyFault::TooMany);
            }
            ring.keys.push(Key { id, aead: aead(&bytes) });
        }
        if ring.keys.is_empty() { Err(KeyFault::Empty) } else { Ok(ring) }
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys' names, that which writes first.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.iter().map(|key| key.id)
    }

    /// The key that writes.
    pub(super) fn writing(&self) -> Option<(KeyId, &LessSafeKey)> {
        self.keys.first().map(|key| (key.id, &key.aead))
    }

    /// The key of that name.
    pub(super) fn get(&self, id: KeyId) -> Option<&LessSafeKey> {
        self.keys.iter().find(|key| key.id == id).map(|key| &key.aead)
    }
}

/// The primitive for a key of its length.
pub(super) fn aead(key: &[u8; KEY]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 has keys of 32 bytes"))
}

/// The name of a key.
pub fn id_of(key: &[u8; KEY]) -> KeyId {
    let sum = Sha256::new().chain_update(ID_OF).chain_update(key).finalize();
    KeyId(*sum.first_chunk().expect("SHA-256 has 32 bytes"))
}

/// A key as a key file has it.
pub fn written(key: &[u8; KEY]) -> Zeroizing<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // As long as it will be: a text that grew would leave parts of the key behind.
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY));
    for byte in key {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn digits(word: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut key = Zeroizing::new([0; KEY]);
    if word.len() != 2 * KEY {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(word.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> [u8; KEY] {
        core::array::from_fn(|at| n ^ at as u8)
    }

    #[test]
    fn the_first_writes_and_all_read() {
        let (one, two) = (written(&key(1)), written(&key(2)));
        let text =
            format!("# made 2026-11-23\n{}\n\n  {} # of last year\n", *two, one.to_uppercase());
        let ring = Keyring::parse(&text).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), [id_of(&key(2)), id_of(&key(1))]);
        assert_eq!(ring.writing().unwrap().0, id_of(&key(2)));
        assert!(ring.get(id_of(&key(1))).is_some() && ring.get(id_of(&key(3))).is_none());
        // As an environment variable has them.
        let line = Keyring::parse(&format!("{} {}", *two, *one)).unwrap();
        assert!(line.ids().eq(ring.ids()));
    }

    #[test]
    fn what_is_no_key_is_told_by_its_place_and_never_shown() {
        let good = written(&key(1));
        let parse = |text: &str| Keyring::parse(text).map(|ring| ring.keys.len());
        assert_eq!(parse(""), Err(KeyFault::Empty));
        assert_eq!(parse("# nothing\n"), Err(KeyFault::Empty));
        assert_eq!(parse(&format!("{}\n{}0", *good, *good)), Err(KeyFault::NotAKey(2)));
        assert_eq!(parse(&good[1..]), Err(KeyFault::NotAKey(1)));
        assert_eq!(parse(&"é".repeat(KEY)), Err(KeyFault::NotAKey(1)));
        assert_eq!(parse(&"0".repeat(2 * KEY)), Err(KeyFault::Weak(1)));
        assert_eq!(parse(&format!("{0} {0}", *good)), Err(KeyFault::Twice(2)));
        let many: Vec<String> = (0..=64).map(|n| written(&key(n)).to_string()).collect();
        assert_eq!(parse(&many[..64].join("\n")), Ok(64));
        assert_eq!(parse(&many.join("\n")), Err(KeyFault::TooMany));
        for fault in [KeyFault::NotAKey(1), KeyFault::Twice(1)] {
            assert!(!fault.to_string().contains(&good[..8]));
        }
        let ring = Keyring::parse(&good).unwrap();
        assert_eq!(format!("{ring:?}"), format!("[{:?}]", id_of(&key(1))));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,300}") {
            let _ = Keyring::parse(&text);
        }
    }
}
