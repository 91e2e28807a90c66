//! `a=fingerprint` (RFC 8122): which certificate a peer will show in its DTLS handshake; `a=setup`
//! (RFC 4145): who begins it.

use core::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::{Attribute, Media, Sdp};

/// Fingerprints of one peer that are looked at.
const MOST: usize = 8;

/// A hash function that is good enough to stand for a certificate; MD5 and SHA-1 are not (§5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Hash {
    /// What every peer knows.
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl Hash {
    const ALL: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];

    /// Its name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Hash::Sha256 => "sha-256",
            Hash::Sha384 => "sha-384",
            Hash::Sha512 => "sha-512",
        }
    }

    const fn len(self) -> usize {
        match self {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }
}

/// The hash of a certificate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fingerprint {
    hash: Hash,
    digest: Box<[u8]>,
}

/// Why an `a=fingerprint` is of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadFingerprint {
    /// A hash function that is not known, or that is broken.
    Hash,
    /// No pairs of hexadecimal digits with colons between, or not as many as the function gives.
    Digest,
}

impl fmt::Display for BadFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadFingerprint::Hash => "its a=fingerprint is not of sha-256, sha-384 or sha-512",
            BadFingerprint::Digest => "its a=fingerprint is torn",
        })
    }
}
impl std::error::Error for BadFingerprint {}

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(hash: Hash, certificate: &[u8]) -> Fingerprint {
        let digest = match hash {
            Hash::Sha256 => Sha256::digest(certificate).as_slice().into(),
            Hash::Sha384 => Sha384::digest(certificate).as_slice().into(),
            Hash::Sha512 => Sha512::digest(certificate).as_slice().into(),
        };
        Fingerprint { hash, digest }
    }

    /// Reads the value of an `a=fingerprint`.
    pub fn parse(text: &[u8]) -> Result<Fingerprint, BadFingerprint> {
        let text = core::str::from_utf8(text).map_err(|_| BadFingerprint::Digest)?.trim();
        let (name, digest) = text.split_once(' ').ok_or(BadFingerprint::Digest)?;
        let named = |hash: &Hash| name.eq_ignore_ascii_case(hash.name());
        let hash = Hash::ALL.into_iter().find(named).ok_or(BadFingerprint::Hash)?;
        let byte = |pair: &str| match pair.len() == 2 && !pair.starts_with('+') {
            true => u8::from_str_radix(pair, 16).ok(),
            false => None,
        };
        let digest: Option<Box<[u8]>> = digest.trim().split(':').map(byte).collect();
        let digest = digest.filter(|digest| digest.len() == hash.len());
        Ok(Fingerprint { hash, digest: digest.ok_or(BadFingerprint::Digest)? })
    }

    /// Whether it is that of this certificate.
    pub fn is_of(&self, certificate: &[u8]) -> bool {
        Fingerprint::of(self.hash, certificate).digest.ct_eq(&self.digest).into()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (n, byte) in self.digest.iter().enumerate() {
            let before = if n == 0 { ' ' } else { ':' };
            write!(f, "{before}{byte:02X}")?;
        }
        Ok(())
    }
}

/// Who begins the handshake (RFC 4145 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// The writer.
    Active,
    /// The reader.
    Passive,
    /// Whoever the answer says.
    ActPass,
}

impl Setup {
    /// As written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::ActPass => "actpass",
        }
    }
}

impl Sdp {
    /// The attribute of that name of a section: its own, else the session's.
    pub fn attribute_of<'a>(&'a self, media: &'a Media, name: &str) -> Option<&'a Attribute> {
        media.attribute(name).or_else(|| self.attribute(name))
    }

    /// The first usable fingerprint of a section or the session; several are of one certificate (§5).
    /// `None`: there is none at all.
    pub fn fingerprint_of(&self, media: &Media) -> Option<Result<Fingerprint, BadFingerprint>> {
        let all = |attributes: &[Attribute]| {
            let named = attributes.iter().filter(|a| a.is("fingerprint")).take(MOST);
            let mut read: Vec<_> = named.map(|a| Fingerprint::parse(a.text())).collect();
            let usable = read.iter().position(Result::is_ok).unwrap_or(0);
            (!read.is_empty()).then(|| read.swap_remove(usable))
        };
        all(&media.attributes).or_else(|| all(&self.attributes))
    }

    /// `a=setup` of a section or the session; `holdconn` and what is not known count as absent.
    pub fn setup_of(&self, media: &Media) -> Option<Setup> {
        let text = self.attribute_of(media, "setup")?.text().trim_ascii();
        let all = [Setup::Active, Setup::Passive, Setup::ActPass];
        all.into_iter().find(|setup| text.eq_ignore_ascii_case(setup.as_str().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_comes_back_as_it_was_written() {
        for hash in Hash::ALL {
            let made = Fingerprint::of(hash, b"certificate");
            assert_eq!(Fingerprint::parse(made.to_string().as_bytes()), Ok(made.clone()));
            let lower = made.to_string().to_ascii_lowercase();
            assert_eq!(Fingerprint::parse(lower.as_bytes()), Ok(made.clone()));
            assert!(made.is_of(b"certificate") && !made.is_of(b"certificat"));
        }
        // RFC 6234's digest of "abc".
        let abc = Fingerprint::of(Hash::Sha256, b"abc").to_string();
        assert!(abc.starts_with("sha-256 BA:78:16:BF:8F:01") && abc.ends_with("F2:00:15:AD"));
    }

    #[test]
    fn what_is_torn_or_weak_is_none() {
        let good = Fingerprint::of(Hash::Sha256, b"x").to_string();
        let bad = |text: &str| Fingerprint::parse(text.as_bytes()).expect_err(text);
        assert_eq!(bad(&good.replace("sha-256", "sha-1")), BadFingerprint::Hash);
        assert_eq!(bad(&good.replace("sha-256", "sha-512")), BadFingerprint::Digest);
        assert_eq!(bad(&good[..good.len() - 3]), BadFingerprint::Digest);
        assert_eq!(bad("sha-256"), BadFingerprint::Digest);
        assert_eq!(bad("sha-256 +A:+B"), BadFingerprint::Digest);
        assert_eq!(bad("sha-256 é:00"), BadFingerprint::Digest);
    }

    #[test]
    fn the_section_goes_before_the_session_and_the_usable_before_the_weak() {
        let print = |bytes: &[u8]| Fingerprint::of(Hash::Sha256, bytes);
        let text = format!(
            "v=0\r\na=fingerprint:{}\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 8\r\n\
             a=fingerprint:sha-1 00\r\na=fingerprint:{}\r\nm=video 9 UDP/TLS/RTP/SAVPF 9\r\n\
             a=setup:Active\r\n",
            print(b"session"),
            print(b"audio")
        );
        let sdp = Sdp::parse(text.as_bytes()).expect("a description");
        assert_eq!(sdp.fingerprint_of(&sdp.media[0]), Some(Ok(print(b"audio"))));
        assert_eq!(sdp.fingerprint_of(&sdp.media[1]), Some(Ok(print(b"session"))));
        assert_eq!(sdp.setup_of(&sdp.media[0]), Some(Setup::ActPass));
        assert_eq!(sdp.setup_of(&sdp.media[1]), Some(Setup::Active));
        let plain = Sdp::parse(b"v=0\r\nm=audio 9 RTP/AVP 8\r\na=setup:holdconn\r\n").expect("one");
        assert_eq!(plain.fingerprint_of(&plain.media[0]), None);
        assert_eq!(plain.setup_of(&plain.media[0]), None);
    }
}
