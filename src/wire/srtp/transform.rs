//! The primitives of one direction: AES in counter mode with HMAC-SHA1, or AES-GCM. Both by AWS-LC
//! (decision 13), which picks what the processor has for them.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use subtle::ConstantTimeEq;

use super::Refused;

/// Bytes of GCM's tag.
const GCM_TAG: usize = 16;

/// The keys of RTP or of RTCP.
// Both are large, and which one a leg has does not change; behind a pointer each packet met one more
// line of memory.
#[allow(clippy::large_enum_variant)]
pub(super) enum Transform {
    Counter(Counter),
    Gcm(Gcm),
}

impl Transform {
    pub(super) fn tag_len(&self) -> usize {
        match self {
            Transform::Counter(keys) => keys.tag_len,
            Transform::Gcm(_) => GCM_TAG,
        }
    }
}

/// AES in counter mode and HMAC-SHA1 (RFC 3711 §4.1.1, §4.2.1).
pub(super) struct Counter {
    cipher: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 14],
    tag_len: usize,
}

impl Counter {
    /// `key` has 16 or 32 bytes, `salt` at least 14.
    pub(super) fn new(key: &[u8], auth: &[u8], salt: &[u8], tag_len: usize) -> Counter {
        Counter {
            cipher: cipher(key),
            auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth),
            salt: *salt.first_chunk().expect("a session salt has 14 bytes"),
            tag_len,
        }
    }

    /// The counter at which a packet's key stream begins: the salt, exclusive-or SSRC · 2⁶⁴ and
    /// index · 2¹⁶ (§4.1.1).
    pub(super) fn rtp_iv(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let number = u128::from(ssrc) << 64 | u128::from(index) << 16;
        let mut iv = number.to_be_bytes();
        iv.iter_mut().zip(self.salt).for_each(|(byte, salt)| *byte ^= salt);
        iv
    }

    /// Encrypts or decrypts.
    pub(super) fn crypt(&self, iv: &[u8; 16], bytes: &mut [u8]) -> Result<(), Refused> {
        let context = EncryptionContext::Iv128(FixedLength::from(*iv));
        let done = self.cipher.less_safe_encrypt(bytes, context);
        done.map(|_| ()).map_err(|_| Refused::Tag)
    }

    /// The whole tag of `bytes` and what follows them.
    pub(super) fn tag(&self, bytes: &[u8], then: &[u8]) -> [u8; 20] {
        let mut context = hmac::Context::with_key(&self.auth);
        context.update(bytes);
        context.update(then);
        *context.sign().as_ref().first_chunk().expect("SHA-1 gives 20 bytes")
    }

    /// Whether `tag` is theirs, in a time that does not tell how much of it is.
    pub(super) fn check(&self, bytes: &[u8], then: &[u8], tag: &[u8]) -> Result<(), Refused> {
        let expected = self.tag(bytes, then);
        let is = expected.get(..tag.len()).is_some_and(|expected| expected.ct_eq(tag).into());
        if is { Ok(()) } else { Err(Refused::Tag) }
    }
}

/// AES-GCM (RFC 7714).
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    /// `key` has 16 or 32 bytes, `salt` at least 12.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Gcm {
        let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
        let key = UnboundKey::new(algorithm, key).expect("a session key has 16 or 32 bytes");
        let salt = *salt.first_chunk().expect("a session salt has 12 bytes");
        Gcm { key: LessSafeKey::new(key), salt }
    }

    /// §8.1: two zeroes, SSRC, rollover counter and sequence number, exclusive-or the salt.
    pub(super) fn rtp_iv(&self, ssrc: u32, index: u64) -> [u8; 12] {
        self.iv(u128::from(ssrc) << 48 | u128::from(index))
    }

    /// §9.1: two zeroes, SSRC, two zeroes, the index, exclusive-or the salt.
    pub(super) fn rtcp_iv(&self, ssrc: u32, index: u32) -> [u8; 12] {
        self.iv(u128::from(ssrc) << 48 | u128::from(index))
    }

    fn iv(&self, number: u128) -> [u8; 12] {
        let bytes = number.to_be_bytes();
        core::array::from_fn(|n| bytes[n + 4] ^ self.salt[n])
    }

    /// Encrypts; gives the tag.
    pub(super) fn seal(
        &self,
        iv: [u8; 12],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; GCM_TAG], Refused> {
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), bytes);
        let tag = tag.map_err(|_| Refused::Tag)?;
        Ok(*tag.as_ref().first_chunk().expect("GCM's tag has 16 bytes"))
    }

    /// Authenticates and decrypts `bytes`, whose tag is `tag`.
    pub(super) fn open(
        &self,
        iv: [u8; 12],
        aad: &[u8],
        bytes: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(iv);
        let opened = self.key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, bytes);
        opened.map(|_| ()).map_err(|_| Refused::Tag)
    }
}

fn cipher(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 16 { &cipher::AES_128 } else { &cipher::AES_256 };
    let key = UnboundCipherKey::new(algorithm, key).expect("a session key has 16 or 32 bytes");
    EncryptingKey::ctr(key).expect("AES has a counter mode")
}

/// The key stream of `key` from the counter `iv` on, over `bytes`.
pub(super) fn counter_mode(key: &[u8], iv: &[u8; 16], bytes: &mut [u8]) {
    let context = EncryptionContext::Iv128(FixedLength::from(*iv));
    let done = cipher(key).less_safe_encrypt(bytes, context);
    done.expect("counter mode takes any length and this counter");
}
