//! The crypto suites that are spoken (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §12), and their lengths.

use serde::{Deserialize, Serialize};

/// A cipher, an authentication tag and a key length.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Suite {
    /// AES-128 in counter mode, HMAC-SHA1 cut to 80 bits: what every SRTP peer knows.
    AesCm128Sha1Tag80,
    /// The same with 32 bits, of RTP alone.
    AesCm128Sha1Tag32,
    /// AES-256 in counter mode, HMAC-SHA1 cut to 80 bits.
    AesCm256Sha1Tag80,
    /// The same with 32 bits, of RTP alone.
    AesCm256Sha1Tag32,
    /// AES-128 in Galois/counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois/counter mode.
    AeadAes256Gcm,
}

impl Suite {
    /// Every suite.
    pub const ALL: [Suite; 6] = [
        Suite::AesCm128Sha1Tag80,
        Suite::AesCm128Sha1Tag32,
        Suite::AesCm256Sha1Tag80,
        Suite::AesCm256Sha1Tag32,
        Suite::AeadAes128Gcm,
        Suite::AeadAes256Gcm,
    ];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesCm128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::AesCm256Sha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::AesCm256Sha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of that name, letter case aside.
    pub fn of_name(name: &[u8]) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| name.eq_ignore_ascii_case(suite.name().as_bytes()))
    }

    /// Whether it is AES-GCM.
    pub const fn is_aead(self) -> bool {
        matches!(self, Suite::AeadAes128Gcm | Suite::AeadAes256Gcm)
    }

    /// Bytes of its master key, and of its cipher's session key.
    pub const fn key_len(self) -> usize {
        match self {
            Suite::AesCm128Sha1Tag80 | Suite::AesCm128Sha1Tag32 | Suite::AeadAes128Gcm => 16,
            Suite::AesCm256Sha1Tag80 | Suite::AesCm256Sha1Tag32 | Suite::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of its master salt, and of its session salt.
    pub const fn salt_len(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Bytes of the tag of an RTP packet.
    pub const fn rtp_tag_len(self) -> usize {
        match self {
            Suite::AesCm128Sha1Tag80 | Suite::AesCm256Sha1Tag80 => 10,
            Suite::AesCm128Sha1Tag32 | Suite::AesCm256Sha1Tag32 => 4,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the tag of an RTCP packet, which is never cut to 32 bits (RFC 4568 §6.2.2).
    pub const fn rtcp_tag_len(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for suite in Suite::ALL {
            assert_eq!(Suite::of_name(suite.name().to_ascii_lowercase().as_bytes()), Some(suite));
        }
        assert_eq!(Suite::of_name(b"F8_128_HMAC_SHA1_80"), None);
    }
}
