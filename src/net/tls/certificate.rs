//! A certificate and its key out of PEM files, and what is to be known of them: for whom, until when.
//!
//! ```text
//!  chain.pem ─▶ DER ─▶ x509: names, from, until ─┐
//!  key.pem ──▶ a signing key ─▶ does it fit? ────┴─▶ Identity ─▶ handshakes
//! ```
//!
//! Not here: whom we trust (`trust`), which of several is shown (`identity`).

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::provider;

/// The largest PEM file that is read, bytes: the system's list of all CAs has a quarter of it.
const MOST_BYTES: u64 = 1 << 20;
/// A certificate that ends sooner than this is told of.
pub const SOON: Duration = Duration::from_secs(30 * 86_400);

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Its names: of hosts, addresses, and the domains of `sip:` URIs (RFC 5922 §7.1).
    pub names: Vec<String>,
    /// From when it holds.
    pub from: SystemTime,
    /// Until when.
    pub until: SystemTime,
    /// Its SHA-256.
    pub fingerprint: [u8; 32],
}

impl Facts {
    /// Reads a certificate; `None` when it is none.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Facts> {
        let read = x509_cert::Certificate::from_der(certificate).ok()?;
        let tbs = read.tbs_certificate();
        let names = match tbs.get_extension::<SubjectAltName>().ok()? {
            Some((_, SubjectAltName(names))) => names.iter().filter_map(name).collect(),
            None => Vec::new(),
        };
        let validity = tbs.validity();
        Some(Facts {
            names,
            from: UNIX_EPOCH + validity.not_before.to_unix_duration(),
            until: UNIX_EPOCH + validity.not_after.to_unix_duration(),
            fingerprint: fingerprint(certificate),
        })
    }

    /// How it stands at `now`.
    pub fn standing(&self, now: SystemTime) -> Standing {
        match self.until.duration_since(now) {
            Err(_) => Standing::Over,
            Ok(_) if now < self.from => Standing::NotYet,
            Ok(left) if left < SOON => Standing::Ending(left),
            Ok(_) => Standing::Good,
        }
    }
}

/// Where a certificate stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It holds.
    Good,
    /// It holds for so long and no longer.
    Ending(Duration),
    /// It does not hold any more.
    Over,
    /// It does not hold yet.
    NotYet,
}

/// A day, as lines show it.
pub fn day(time: SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(time).unwrap_or_default();
    stamp.strftime("%Y-%m-%d").to_string()
}

/// The SHA-256 by which a certificate can be known.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// A fingerprint as `tls_pin` takes it.
pub fn written(fingerprint: &[u8; 32]) -> String {
    let hex: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// One name of a certificate that means a host.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(host) => Some(host.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => match *bytes.as_bytes() {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
            ref long => Some(IpAddr::from(<[u8; 16]>::try_from(long).ok()?).to_string()),
        },
        GeneralName::UniformResourceIdentifier(uri) => sip_domain(uri.as_str()).map(str::to_owned),
        _ => None,
    }
}

/// The domain that a certificate's `sip:` URI names. One with a user part names a person
/// (RFC 5922 §7.1).
pub(super) fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_domain = scheme.eq_ignore_ascii_case("sip") && !rest.contains('@');
    let end = rest.find([';', '?', ':']).unwrap_or(rest.len());
    (is_domain && end > 0).then(|| &rest[..end])
}

/// A certificate with its key, ready to be shown.
#[derive(Clone, Debug)]
pub struct Identity {
    /// For the handshake.
    pub key: Arc<CertifiedKey>,
    /// What it says.
    pub facts: Facts,
    /// Its file.
    pub chain: PathBuf,
}

impl Identity {
    /// Reads both files and checks that they belong together.
    pub fn read(chain: &Path, key: &Path) -> Result<Identity, Unusable> {
        let certificates = certificates(chain)?;
        let unusable = |file: &Path, why: Why| Unusable { file: file.to_owned(), why };
        let text = read(key)?;
        let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => unusable(key, Why::NoKey),
            other => unusable(key, Why::Broken(other.to_string())),
        })?;
        let first = certificates.first().and_then(Facts::of);
        let facts =
            first.ok_or_else(|| unusable(chain, Why::Broken("no X.509 certificate".into())))?;
        let fitted = CertifiedKey::from_der(certificates, private, &provider());
        let key = Arc::new(fitted.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => unusable(key, Why::DoesNotFit(chain.to_owned())),
            other => unusable(key, Why::Broken(other.to_string())),
        })?);
        Ok(Identity { key, facts, chain: chain.to_owned() })
    }
}

/// All certificates of a PEM file; at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let unusable = |why| Unusable { file: path.to_owned(), why };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match read {
        Ok(none) if none.is_empty() => Err(unusable(Why::NoCertificate)),
        Ok(some) => Ok(some),
        Err(error) => Err(unusable(Why::Broken(error.to_string()))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Unusable> {
    let unusable = |error| Unusable { file: path.to_owned(), why: Why::Unreadable(error) };
    let about = std::fs::metadata(path).map_err(unusable)?;
    if about.len() > MOST_BYTES || !about.is_file() {
        return Err(unusable(io::Error::new(ErrorKind::InvalidData, "no file of certificates")));
    }
    std::fs::read(path).map_err(unusable)
}

/// A file that cannot be used, and why.
#[derive(Debug)]
pub struct Unusable {
    /// Which.
    pub file: PathBuf,
    /// Why not.
    pub why: Why,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Why {
    /// The system does not give it.
    Unreadable(io::Error),
    /// There is no certificate in it.
    NoCertificate,
    /// There is no private key in it.
    NoKey,
    /// What stands there cannot be read or used, as the library says.
    Broken(String),
    /// The key is not the one of the certificate in this file.
    DoesNotFit(PathBuf),
}

impl Unusable {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match &self.why {
            Why::Unreadable(error) if error.kind() == ErrorKind::NotFound => {
                "correct the path, or make the files with 'belfry certificate'"
            }
            Why::Unreadable(_) => "let Belfry's user read it",
            Why::NoCertificate => "it must hold PEM: -----BEGIN CERTIFICATE-----",
            Why::NoKey => "it must hold PEM: -----BEGIN PRIVATE KEY-----, without a password",
            Why::Broken(_) => "put the file as it was issued there again",
            Why::DoesNotFit(_) => "write the two files that were made together",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.why {
            Why::Unreadable(error) => write!(f, "{file}: {error}"),
            Why::NoCertificate => write!(f, "{file}: there is no certificate in it"),
            Why::NoKey => write!(f, "{file}: there is no private key in it"),
            Why::Broken(why) => write!(f, "{file}: {why}"),
            Why::DoesNotFit(chain) => {
                write!(f, "{file}: the key does not belong to {}", chain.display())
            }
        }
    }
}
impl std::error::Error for Unusable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::self_signed::{SelfSigned, self_signed};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn made() -> SelfSigned {
        self_signed(&["care.example".into(), "10.0.0.5".into()], 100).expect("made")
    }

    #[test]
    fn the_domain_of_a_sip_uri_is_a_name_and_a_person_is_none() {
        for (uri, domain) in [
            ("sip:care.example", Some("care.example")),
            ("SIP:care.example:5061;transport=tls", Some("care.example")),
            ("sip:1001@care.example", None),
            ("sips:care.example", None),
            ("https://care.example", None),
            ("sip:", None),
            ("care", None),
        ] {
            assert_eq!(sip_domain(uri), domain, "{uri}");
        }
    }

    #[test]
    fn what_a_certificate_says_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let (chain, key) = (dir.path().join("c.pem"), dir.path().join("c.key"));
        let made = made();
        std::fs::write(&chain, &made.certificate).expect("written");
        std::fs::write(&key, &made.key).expect("written");
        let facts = Identity::read(&chain, &key).expect("they fit").facts;
        assert_eq!(facts.names, ["care.example", "10.0.0.5"]);
        assert_eq!(facts.fingerprint, made.fingerprint);
        let now = SystemTime::now();
        let day = Duration::from_secs(86_400);
        assert_eq!(facts.standing(now), Standing::Good);
        assert!(
            matches!(facts.standing(now + 80 * day), Standing::Ending(left) if left < 21 * day)
        );
        assert_eq!(facts.standing(now + 101 * day), Standing::Over);
        assert_eq!(facts.standing(now - 2 * day), Standing::NotYet);
        assert_eq!(facts.standing(at(0)), Standing::NotYet);
    }

    #[test]
    fn files_that_cannot_be_used_say_why() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            path
        };
        let (one, other) = (made(), made());
        let (chain, key) = (put("c.pem", &one.certificate), put("c.key", &one.key));
        let wrong = put("o.key", &other.key);
        let empty = put("empty", "");
        let torn = put("torn.pem", &one.certificate[..200]);
        let noise =
            put("noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        let gone = dir.path().join("gone");
        assert!(Identity::read(&chain, &key).is_ok());
        for (chain, key, told) in [
            (&gone, &key, "No such file"),
            (&chain, &gone, "No such file"),
            (&empty, &key, "no certificate"),
            (&chain, &empty, "no private key"),
            (&key, &key, "no certificate"),
            (&chain, &wrong, "does not belong to"),
            (&torn, &key, "torn.pem"),
            (&noise, &key, "no X.509 certificate"),
            (&dir.path().to_owned(), &key, "no file of certificates"),
        ] {
            let error = Identity::read(chain, key).expect_err(told);
            assert!(error.to_string().contains(told), "{error}");
            assert!(!error.remedy().is_empty());
        }
    }
}
