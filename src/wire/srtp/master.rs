//! Master key and salt of one direction (RFC 3711 §3.2.1): secret, and treated as such.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{MOST_MKI, Suite};

/// A master key with its salt, the suite that they are for, and the identifier that packets name
/// them by, if they do. `Debug` prints neither key nor salt; both are wiped when it is dropped.
/// What it is serialised into has to be kept as secret as itself.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct MasterKey {
    suite: Suite,
    /// The key, then the salt.
    bytes: Zeroizing<Box<[u8]>>,
    mki: Option<Mki>,
}

/// The same as plain data.
#[derive(Serialize, Deserialize)]
struct Stored {
    suite: Suite,
    bytes: Zeroizing<Box<[u8]>>,
    mki: Option<Mki>,
}

impl MasterKey {
    /// From key and salt in one piece. `None` if they are not as long as the suite has them.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Option<MasterKey> {
        let fits = key_and_salt.len() == suite.key_len() + suite.salt_len();
        let bytes = Zeroizing::new(Box::from(key_and_salt));
        fits.then_some(MasterKey { suite, bytes, mki: None })
    }

    /// The same, named by `mki` in each packet.
    pub fn with_mki(self, mki: Option<Mki>) -> MasterKey {
        MasterKey { mki, ..self }
    }

    /// Its suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The identifier in its packets.
    pub fn mki(&self) -> Option<Mki> {
        self.mki
    }

    /// Key and salt in one piece, for the one who writes them into a description.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_len()]
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.bytes[self.suite.key_len()..]
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, …)", self.suite.name())
    }
}

impl From<MasterKey> for Stored {
    fn from(key: MasterKey) -> Stored {
        Stored { suite: key.suite, bytes: key.bytes, mki: key.mki }
    }
}

impl TryFrom<Stored> for MasterKey {
    type Error = &'static str;
    fn try_from(stored: Stored) -> Result<MasterKey, &'static str> {
        let key = MasterKey::new(stored.suite, &stored.bytes);
        Ok(key.ok_or("a master key of another length than its suite's")?.with_mki(stored.mki))
    }
}

/// A master key identifier (RFC 3711 §3.1): which key a packet is of, where there may be several.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mki {
    bytes: [u8; MOST_MKI],
    len: u8,
}

impl Mki {
    /// The number `value` in `len` bytes. `None` if it has no room in them, or they are none or more
    /// than [`MOST_MKI`].
    pub fn new(value: u64, len: usize) -> Option<Mki> {
        let fits = (1..=MOST_MKI).contains(&len) && (len == 8 || value >> (8 * len) == 0);
        fits.then_some(Mki { bytes: value.to_be_bytes(), len: len as u8 })
    }

    /// Its number.
    pub fn value(self) -> u64 {
        u64::from_be_bytes(self.bytes)
    }

    /// How many bytes of each packet it takes.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(self) -> usize {
        usize::from(self.len).clamp(1, MOST_MKI)
    }

    /// As it stands in a packet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[MOST_MKI - self.len()..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed_and_comes_back_as_it_was_stored() {
        let mki = Mki::new(0x0102, 2);
        let key = MasterKey::new(Suite::AeadAes128Gcm, &[0xab; 28]).unwrap().with_mki(mki);
        assert_eq!(format!("{key:?}"), "MasterKey(AEAD_AES_128_GCM, …)");
        let stored = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<MasterKey>(&stored).unwrap(), key);
        let cut = stored.replacen("171,", "", 1);
        assert!(serde_json::from_str::<MasterKey>(&cut).is_err());
        assert_eq!(MasterKey::new(Suite::AeadAes128Gcm, &[0; 30]), None);
    }

    #[test]
    fn an_mki_has_room_for_its_number() {
        assert_eq!(Mki::new(256, 1), None);
        assert_eq!((Mki::new(1, 0), Mki::new(1, 9)), (None, None));
        let mki = Mki::new(0x0203, 3).unwrap();
        assert_eq!((mki.bytes(), mki.value()), (&[0, 2, 3][..], 0x0203));
        assert_eq!(Mki::new(u64::MAX, 8).unwrap().bytes(), [0xff; 8]);
    }
}
