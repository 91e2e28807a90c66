//! Whether a gateway is who it says (RFC 5922 §7).
//!
//! ```text
//!  a fingerprint is given ─▶ it is that certificate ─────────────────────────▶ believed
//!  else ─▶ signed by a CA that we believe, and its time ─▶ it bears the name ─▶ believed
//! ```
//!
//! A name is compared whole: an asterisk in a certificate stands for no host (§7.2), and a name that
//! stands in the subject alone is none (RFC 9525).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::{Facts, fingerprint};
use super::provider;

/// What a peer's certificate is measured by.
#[derive(Debug)]
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    /// `None`: the name of the connection.
    name: Option<String>,
    pin: Option<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    /// For a peer of that name, or with that fingerprint.
    pub(super) fn new(roots: Arc<RootCertStore>, name: String, pin: Option<[u8; 32]>) -> Trust {
        let algorithms = provider().signature_verification_algorithms;
        Trust { roots, name: Some(name), pin, algorithms }
    }
    /// For whoever is called by an address.
    pub(super) fn of_anybody(roots: Arc<RootCertStore>) -> Trust {
        let algorithms = provider().signature_verification_algorithms;
        Trust { roots, name: None, pin: None, algorithms }
    }
}

/// Why a certificate is not believed, where rustls' own words say less than is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Disbelief {
    /// It is another one than the one whose fingerprint is configured.
    NotPinned([u8; 32]),
    /// Nobody that we believe has signed it.
    UnknownIssuer([u8; 32]),
    /// It bears other names.
    OtherName {
        /// The one that we called.
        wanted: String,
        /// Its own.
        borne: Vec<String>,
    },
}

impl fmt::Display for Disbelief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disbelief::NotPinned(_) => f.write_str("another certificate than the configured one"),
            Disbelief::UnknownIssuer(_) => f.write_str("signed by nobody we know"),
            Disbelief::OtherName { wanted, .. } => write!(f, "does not bear the name {wanted}"),
        }
    }
}
impl std::error::Error for Disbelief {}

fn disbelieve(why: Disbelief) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        called: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = fingerprint(certificate);
        if let Some(pin) = self.pin {
            return match shown == pin {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(disbelieve(Disbelief::NotPinned(shown))),
            };
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            between,
            now,
            self.algorithms.all,
        )
        .map_err(|error| match error {
            // A CA of the same name with another key is another CA.
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => disbelieve(Disbelief::UnknownIssuer(shown)),
            other => other,
        })?;
        let wanted = self.name.clone().unwrap_or_else(|| called.to_str().into_owned());
        let borne = Facts::of(certificate).map(|facts| facts.names).unwrap_or_default();
        match borne.iter().any(|name| same(name, &wanted)) {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(disbelieve(Disbelief::OtherName { wanted, borne })),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether two names mean the same host: addresses by value, others without case.
fn same(borne: &str, wanted: &str) -> bool {
    match (borne.parse::<IpAddr>(), wanted.parse::<IpAddr>()) {
        (Ok(borne), Ok(wanted)) => borne == wanted,
        (Err(_), Err(_)) => borne.eq_ignore_ascii_case(wanted.trim_end_matches('.')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_whole() {
        for (borne, wanted, is) in [
            ("gw.example", "GW.example", true),
            ("gw.example", "gw.example.", true),
            ("*.example", "gw.example", false),
            ("example", "gw.example", false),
            ("10.0.0.5", "10.0.0.5", true),
            ("2001:db8::5", "2001:db8:0::5", true),
            ("10.0.0.5", "gw.example", false),
        ] {
            assert_eq!(same(borne, wanted), is, "{borne} {wanted}");
        }
    }
}
