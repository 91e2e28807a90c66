//! HMAC with SHA-256 (RFC 2104): signs the nonces that the verifier gives out, so that it need not
//! remember those that never come back.

use sha2::{Digest, Sha256};

/// Bytes of one block of SHA-256.
const BLOCK: usize = 64;

/// The tag of the parts, one after another, under a key of 32 bytes.
pub(super) fn sign(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut inner_pad = [0x36; BLOCK];
    let mut outer_pad = [0x5c; BLOCK];
    for (i, byte) in key.iter().enumerate() {
        inner_pad[i] ^= byte;
        outer_pad[i] ^= byte;
    }
    let mut inner = Sha256::new();
    inner.update(inner_pad);
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(outer_pad);
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_test_cases_1_and_2() {
        // Keys shorter than the block are padded with zeros, so 32 bytes with zeros at the end
        // are the same keys.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let tag = sign(&key, &[b"Hi ", b"There"]);
        assert_eq!(tag[..4], [0xb0, 0x34, 0x4c, 0x61]);
        assert_eq!(tag[28..], [0x2e, 0x32, 0xcf, 0xf7]);

        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let tag = sign(&key, &[b"what do ya want for nothing?"]);
        assert_eq!(tag[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_eq!(tag[28..], [0x64, 0xec, 0x38, 0x43]);
    }
}
