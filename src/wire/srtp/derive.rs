//! Session keys (RFC 3711 §4.3): each is the key stream of the master key under a counter that
//! begins at its label, exclusive-or the master salt. The key derivation rate is 0: once.
//!
//! ```text
//!   label   00 cipher  01 authentication  02 salt   of RTP;   03 04 05   of RTCP
//!   x     = label · 2⁴⁸  ⊕  master salt (14 bytes; GCM's 12 are followed by two zeroes, RFC 7714 §11)
//!   key   = AES-CTR(master key, x · 2¹⁶) of as many zero bytes as it has
//! ```

use zeroize::Zeroizing;

use super::transform::{Counter, Gcm, Transform, counter_mode};
use super::{MasterKey, Suite};

/// Bytes of the authentication key (RFC 3711 §5.2).
const AUTH_LEN: usize = 20;
/// Bytes of the longest key.
const LONGEST: usize = 32;

/// What the keys are for.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Rtp,
    Rtcp,
}

impl Kind {
    /// Labels of the cipher's key, the authentication key and the salt.
    const fn labels(self) -> [u8; 3] {
        match self {
            Kind::Rtp => [0, 1, 2],
            Kind::Rtcp => [3, 4, 5],
        }
    }

    const fn tag_len(self, suite: Suite) -> usize {
        match self {
            Kind::Rtp => suite.rtp_tag_len(),
            Kind::Rtcp => suite.rtcp_tag_len(),
        }
    }
}

/// The primitives of RTP or RTCP under `master`.
pub(super) fn transform(master: &MasterKey, kind: Kind) -> Transform {
    let suite = master.suite();
    let [cipher, auth, salt] = kind.labels();
    let key = session_key(master, cipher, suite.key_len());
    let salt = session_key(master, salt, suite.salt_len());
    if suite.is_aead() {
        return Transform::Gcm(Gcm::new(&key[..suite.key_len()], &salt[..]));
    }
    let auth = session_key(master, auth, AUTH_LEN);
    let tag_len = kind.tag_len(suite);
    Transform::Counter(Counter::new(&key[..suite.key_len()], &auth[..AUTH_LEN], &salt[..], tag_len))
}

/// The key of that label: `len` bytes, then zeroes.
pub(super) fn session_key(master: &MasterKey, label: u8, len: usize) -> Zeroizing<[u8; LONGEST]> {
    let mut x = Zeroizing::new([0; 16]);
    let salt = master.salt();
    x[..salt.len()].copy_from_slice(salt);
    x[7] ^= label;
    let mut key = Zeroizing::new([0; LONGEST]);
    counter_mode(master.key(), &x, &mut key[..len]);
    key
}
