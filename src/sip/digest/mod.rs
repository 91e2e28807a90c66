//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): the arithmetic both sides share.
//!
//! ```text
//!   response = H( HA1 : nonce : nc : cnonce : qop : HA2 )      with qop=auth
//!   response = H( HA1 : nonce : HA2 )                          without (RFC 2069)
//!        HA1 = H( user : realm : password )
//!        HA2 = H( method : uri )
//! ```
//!
//! H is MD5, SHA-256 or SHA-512-256, in lower-case hexadecimal. [`verifier`] challenges and checks, `client`
//! answers. Not here: the header's syntax (`wire::sip`), who may log in, MD5-sess, auth-int.

pub mod client;
mod failures;
mod hmac;
pub mod verifier;

pub use client::Credentials;
pub use failures::GUESSING;
pub use verifier::{Role, Verdict, Verifier};

use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use crate::wire::auth;

/// The hash of a challenge; of two the greater is the stronger.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub enum Algorithm {
    /// Required by RFC 3261; weak, but all that most phones know.
    #[default]
    Md5,
    /// RFC 8760: to be preferred by all who know it.
    Sha256,
    /// RFC 8760: SHA-512 cut to 256 bits.
    Sha512_256,
}

impl Algorithm {
    /// As the `algorithm` parameter spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
        }
    }

    /// Reads the `algorithm` parameter; `None` for one that is not done here. Absent means MD5,
    /// which is the caller's to say.
    pub fn parse(text: &[u8]) -> Option<Algorithm> {
        match text {
            t if t.eq_ignore_ascii_case(b"MD5") => Some(Algorithm::Md5),
            t if t.eq_ignore_ascii_case(b"SHA-256") => Some(Algorithm::Sha256),
            t if t.eq_ignore_ascii_case(b"SHA-512-256") => Some(Algorithm::Sha512_256),
            _ => None,
        }
    }

    /// As challenges and credentials have it.
    fn wire(self) -> auth::Algorithm {
        match self {
            Algorithm::Md5 => auth::Algorithm::Md5,
            Algorithm::Sha256 => auth::Algorithm::Sha256,
            Algorithm::Sha512_256 => auth::Algorithm::Sha512_256,
        }
    }

    /// H of the parts joined by colons.
    fn hash(self, parts: &[&[u8]]) -> Hex {
        match self {
            Algorithm::Md5 => Hex::of(&joined::<Md5>(parts)),
            Algorithm::Sha256 => Hex::of(&joined::<Sha256>(parts)),
            Algorithm::Sha512_256 => Hex::of(&joined::<Sha512_256>(parts)),
        }
    }
}

fn joined<H: Digest>(parts: &[&[u8]]) -> sha2::digest::Output<H> {
    let mut hash = H::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize()
}

/// A hash in lower-case hexadecimal, without a heap.
#[derive(Clone, Copy)]
pub struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Hex {
    fn of(bytes: &[u8]) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = Hex { text: [0; 64], len: (bytes.len() * 2).min(64) };
        for (pair, byte) in hex.text.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

/// What a response is computed over.
#[derive(Clone, Copy, Debug)]
pub struct Computation<'a> {
    /// Which H.
    pub algorithm: Algorithm,
    /// User name as sent.
    pub user: &'a [u8],
    /// Realm of the challenge.
    pub realm: &'a [u8],
    /// The shared secret.
    pub password: &'a [u8],
    /// Nonce of the challenge.
    pub nonce: &'a [u8],
    /// With `qop=auth`: the nonce count as its eight digits, and the client's nonce.
    pub auth: Option<(&'a [u8], &'a [u8])>,
    /// Method of the request.
    pub method: &'a [u8],
    /// The `uri` parameter as sent.
    pub uri: &'a [u8],
}

impl Computation<'_> {
    /// The `response` parameter.
    pub fn response(&self) -> Hex {
        let h = self.algorithm;
        let ha1 = h.hash(&[self.user, self.realm, self.password]);
        let ha2 = h.hash(&[self.method, self.uri]);
        match self.auth {
            Some((nc, cnonce)) => {
                h.hash(&[ha1.as_bytes(), self.nonce, nc, cnonce, b"auth", ha2.as_bytes()])
            }
            None => h.hash(&[ha1.as_bytes(), self.nonce, ha2.as_bytes()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published examples; those of SHA-256 and SHA-512-256 for SIP were computed for this project (RFC 8760
    /// has none, and RFC 7616's of SHA-512-256 is wrong), the latter's with OpenSSL.
    #[test]
    fn published_vectors() {
        let http = Computation {
            algorithm: Algorithm::Md5,
            user: b"Mufasa",
            realm: b"http-auth@example.org",
            password: b"Circle of Life",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            auth: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
            method: b"GET",
            uri: b"/dir/index.html",
        };
        let sip = Computation {
            algorithm: Algorithm::Md5,
            user: b"bob",
            realm: b"biloxi.com",
            password: b"zanzibar",
            nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
            auth: None,
            method: b"INVITE",
            uri: b"sip:bob@biloxi.com",
        };
        let rfc2617 = Computation {
            realm: b"testrealm@host.com",
            password: b"Circle Of Life",
            nonce: sip.nonce,
            auth: Some((b"00000001", b"0a4f113b")),
            ..http
        };
        let auth = Some((&b"00000001"[..], &b"0a4f113b"[..]));
        let sha = Algorithm::Sha256;
        let vectors = [
            ("RFC 2617 §3.5", rfc2617, "6629fae49393a05397450978507c4ef1"),
            ("RFC 7616 §3.9.1 MD5", http, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "RFC 7616 §3.9.1 SHA-256",
                Computation { algorithm: sha, ..http },
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            ("draft-smith-sipping-auth-examples §3.1", sip, "bf57e4e0d0bffc0fbaedce64d59add5e"),
            (
                "draft-smith-sipping-auth-examples §3.3",
                Computation { auth, ..sip },
                "89eb0059246c02b2f6ee02c7961d5ea3",
            ),
            (
                "SIP with SHA-256, computed",
                Computation { auth, algorithm: sha, ..sip },
                "b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f",
            ),
            (
                "SIP with SHA-512-256, computed",
                Computation { auth, algorithm: Algorithm::Sha512_256, ..sip },
                "7f1a09de0f19af0a1eac2b28d33e3f2fb89cca1ad8fb01bba5e1883b288bac14",
            ),
        ];
        for (source, computation, response) in vectors {
            assert_eq!(computation.response().as_bytes(), response.as_bytes(), "{source}");
        }
    }

    #[test]
    fn algorithms_read_in_any_case_and_unknown_ones_are_refused() {
        assert_eq!(Algorithm::parse(b"md5"), Some(Algorithm::Md5));
        assert_eq!(Algorithm::parse(b"sha-256"), Some(Algorithm::Sha256));
        assert_eq!(Algorithm::parse(b"SHA-512-256"), Some(Algorithm::Sha512_256));
        assert_eq!(Algorithm::parse(b"SHA-512"), None);
        assert!(Algorithm::Md5 < Algorithm::Sha256 && Algorithm::Sha256 < Algorithm::Sha512_256);
        assert_eq!(Algorithm::parse(b"MD5-sess"), None);
        assert_eq!(Algorithm::parse(b""), None);
    }
}
