//! A handshake that failed, in words: what was wrong, and what to do about it.

use std::fmt;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::certificate::{day, written};
use super::trust::Disbelief;

/// Most names of a certificate that a line shows.
const MOST_NAMES: usize = 4;

/// Why there is no TLS with a peer. [`fmt::Display`] gives the whole line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Who it is, where that is known.
    who: Option<String>,
    what: String,
    remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(who) = &self.who {
            write!(f, "{who}: ")?;
        }
        match self.remedy.as_str() {
            "" => f.write_str(&self.what),
            remedy => write!(f, "{}; {remedy}", self.what),
        }
    }
}

impl std::error::Error for Fault {}

impl Fault {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Fault {
        Fault { who: None, what: what.into(), remedy: remedy.into() }
    }
    pub(super) fn with(self, who: &str) -> Fault {
        Fault { who: Some(who.to_owned()), ..self }
    }
    pub(super) fn nothing_to_show() -> Fault {
        Fault::new("there is no certificate to show", "add a [[certificate]]")
    }
    pub(super) fn nobody_believed() -> Fault {
        Fault::new("TLS is not set up", "write a [[gateway]] with a tls: address")
    }
    pub(super) fn slow(limit: Duration) -> Fault {
        let what = format!("no handshake within {} s", limit.as_secs());
        Fault::new(what, "see whether it speaks TLS on this port at all")
    }

    /// Of a peer that has connected to us.
    pub(super) fn of_who_connects(error: &io::Error) -> Fault {
        let Some(error) = inner(error) else { return broken_off(error) };
        match error {
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Fault::new(
                "what it sent is no TLS",
                "a peer that speaks plain SIP belongs on a tcp: or udp: port",
            ),
            Error::NoCertificatesPresented => Fault::new(
                "it has shown no certificate",
                "give it one of a CA in [tls] client_ca, or leave client_ca out",
            ),
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => Fault::new(
                "its certificate is signed by no CA of [tls] client_ca",
                "give it one, or add its CA there",
            ),
            Error::AlertReceived(alert) => refused_us(*alert),
            other => both_sides(other),
        }
    }

    /// Of a peer that we have connected to.
    pub(super) fn of_whom_we_call(error: &io::Error, who: &str) -> Fault {
        let fault = match inner(error) {
            None => broken_off(error),
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Fault::new(
                "what it answers is no TLS",
                "correct the port in its tls: address, or write tcp: or udp:",
            ),
            Some(Error::AlertReceived(alert)) => refused_us(*alert),
            Some(other) => both_sides(other),
        };
        fault.with(who)
    }
}

fn inner(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

fn broken_off(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
            Fault::new("it broke off the handshake", "see its own log")
        }
        _ => Fault::new(error.to_string(), ""),
    }
}

/// What either side can find wrong with the other.
fn both_sides(error: &Error) -> Fault {
    match error {
        Error::InvalidCertificate(why) => certificate(why),
        Error::PeerIncompatible(why) => incompatible(why),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord => {
            Fault::new(format!("it does not keep to TLS ({error})"), "see its own log")
        }
        other => Fault::new(other.to_string(), ""),
    }
}

fn certificate(why: &CertificateError) -> Fault {
    let day = |time: &UnixTime| day(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    match why {
        CertificateError::ExpiredContext { not_after, .. } => Fault::new(
            format!("its certificate is over since {}", day(not_after)),
            "it needs a new one; see that this machine's clock is right",
        ),
        CertificateError::NotValidYetContext { not_before, .. } => Fault::new(
            format!("its certificate holds only from {}", day(not_before)),
            "see that this machine's clock is right",
        ),
        CertificateError::UnknownIssuer => {
            Fault::new("its certificate is signed by no CA known here", "add its CA")
        }
        CertificateError::InvalidPurposeContext { .. } => Fault::new(
            "its certificate is for another purpose",
            "it needs one for TLS servers and clients (serverAuth, clientAuth)",
        ),
        CertificateError::Other(other) => match other.0.downcast_ref::<Disbelief>() {
            Some(why) => disbelief(why),
            None => self_made(&why.to_string()),
        },
        other => self_made(&other.to_string()),
    }
}

/// What X.509's rules refuse, such as a CA's own certificate on a server.
fn self_made(why: &str) -> Fault {
    let remedy = "if it is self-signed, write its fingerprint in the gateway's tls_pin";
    Fault::new(format!("its certificate is not accepted: {why}"), remedy)
}

fn disbelief(why: &Disbelief) -> Fault {
    match why {
        Disbelief::NotPinned(shown) => Fault::new(
            format!("its certificate is not the one of tls_pin but {}", written(shown)),
            "find out whether it was renewed there; then write this one",
        ),
        Disbelief::UnknownIssuer(shown) => Fault::new(
            "its certificate is signed by no CA known here",
            format!(
                "write the CA's file in [tls] ca, or for this one alone tls_pin = \"{}\"",
                written(shown)
            ),
        ),
        Disbelief::OtherName { wanted, borne } => {
            let shown: Vec<&str> = borne.iter().take(MOST_NAMES).map(String::as_str).collect();
            let names = if shown.is_empty() { "no name".into() } else { shown.join(", ") };
            Fault::new(
                format!("its certificate is for {names}, not for {wanted}"),
                "write the name it has in the gateway's tls_name",
            )
        }
    }
}

fn incompatible(why: &PeerIncompatible) -> Fault {
    match why {
        PeerIncompatible::NoCipherSuitesInCommon
        | PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::NoSignatureSchemesInCommon
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired
        | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => Fault::new(
            "it and Belfry have no cipher in common",
            "let it use ECDHE with AES-GCM or ChaCha20, and a certificate of P-256, P-384, Ed25519 or \
             RSA from 2048 bits",
        ),
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::SupportedVersionsExtensionRequired => Fault::new(
            "it knows only TLS below 1.2",
            "update it: 1.0 and 1.1 are broken (RFC 8996)",
        ),
        other => Fault::new(format!("it cannot do what is needed ({other:?})"), "update it"),
    }
}

/// The peer ended the handshake and said why.
fn refused_us(alert: AlertDescription) -> Fault {
    match alert {
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::DecryptError
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => Fault::new(
            "it does not believe our certificate",
            "give it the CA of our [[certificate]], or the certificate itself where it is self-signed",
        ),
        AlertDescription::CertificateExpired => Fault::new(
            "it finds our certificate over",
            "renew the [[certificate]]; see both clocks",
        ),
        AlertDescription::CertificateRequired => {
            Fault::new("it wants a certificate of us", "add a [[certificate]] that it believes")
        }
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => {
            Fault::new("it finds no version or cipher in common with us", "update it")
        }
        other => Fault::new(format!("it ended the handshake ({other:?})"), "see its own log"),
    }
}
