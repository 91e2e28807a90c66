//! The `Reason` header (RFC 3326; in responses RFC 6432): why, in the words of the network that
//! knows.
//!
//! ```text
//! Reason: Q.850 ;cause=16 ;text="Terminated", SIP;cause=200;text="Call completed elsewhere"
//! ```

use super::Cause;
use crate::wire::sip::{Message, Name, Params, ToWire, lex};

/// Whose cause it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// ITU-T Q.850.
    Q850,
    /// A SIP status code.
    Sip,
    /// Any other.
    Other(Box<[u8]>),
}

/// One value of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Whose.
    pub protocol: Protocol,
    /// The number, when there is one.
    pub cause: Option<u16>,
    /// The words, unquoted.
    pub text: Option<Box<[u8]>>,
}

impl Reason {
    /// A Q.850 cause with its text.
    pub fn q850(cause: Cause) -> Reason {
        Reason {
            protocol: Protocol::Q850,
            cause: Some(u16::from(cause.value())),
            text: Some(cause.text().as_bytes().into()),
        }
    }

    /// A SIP status, as a CANCEL to the losers of a fork carries it.
    pub fn sip(status: u16, text: &str) -> Reason {
        Reason { protocol: Protocol::Sip, cause: Some(status), text: Some(text.as_bytes().into()) }
    }

    /// Parses one value; `None` when it has no protocol or malformed parameters. A cause that is
    /// no number counts as absent.
    pub fn parse(value: &[u8]) -> Option<Reason> {
        let end = value.iter().position(|b| *b == b';').unwrap_or(value.len());
        let name = value[..end].trim_ascii();
        let params = Params::parse(&value[end..]).ok()?;
        let protocol = match name {
            b"" => return None,
            _ if name.eq_ignore_ascii_case(b"Q.850") => Protocol::Q850,
            _ if name.eq_ignore_ascii_case(b"SIP") => Protocol::Sip,
            _ => Protocol::Other(name.into()),
        };
        let cause = params.get_unquoted("cause");
        let cause = cause.and_then(|c| core::str::from_utf8(&c).ok()?.trim().parse().ok());
        let text = params.get_unquoted("text").map(|t| t.into_owned().into());
        Some(Reason { protocol, cause, text })
    }

    /// The Q.850 cause, when it is one.
    pub fn as_q850(&self) -> Option<Cause> {
        let value = self.cause.filter(|_| self.protocol == Protocol::Q850)?;
        Cause::new(u8::try_from(value).ok()?)
    }
}

/// The Q.850 cause that a message gives in its `Reason` headers.
pub fn cause_of(message: &Message) -> Option<Cause> {
    message.headers(Name::Reason).find_map(|value| Reason::parse(value)?.as_q850())
}

impl ToWire for Reason {
    fn to_wire(&self, out: &mut Vec<u8>) {
        match &self.protocol {
            Protocol::Q850 => out.extend_from_slice(b"Q.850"),
            Protocol::Sip => out.extend_from_slice(b"SIP"),
            Protocol::Other(name) => out.extend_from_slice(name),
        }
        let mut params = Params::new();
        if let Some(cause) = self.cause {
            params.set("cause", Some(&cause.to_bytes()));
        }
        out.extend_from_slice(params.as_bytes());
        if let Some(text) = &self.text {
            out.extend_from_slice(b";text=");
            lex::quote(text, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_gateways_write_it() {
        let r = Reason::parse(b"Q.850 ;cause=16 ;text=\"local\"").unwrap();
        assert_eq!(r.as_q850(), Some(Cause::NORMAL_CLEARING));
        assert_eq!(r.text.as_deref(), Some(&b"local"[..]));
        let text = b"Q.850;cause=17;text=\"User busy\"";
        assert_eq!(Reason::q850(Cause::USER_BUSY).to_bytes(), text);
        assert_eq!(Reason::parse(text), Some(Reason::q850(Cause::USER_BUSY)));
        for (text, cause) in [
            (&b"q.850;cause=\"17\""[..], Some(17)),
            (b"Q.850;cause=0", None),
            (b"Q.850;cause=128", None),
            (b"Q.850;cause=x", None),
            (b"Q.850", None),
            (b"SIP;cause=17", None),
        ] {
            let got = Reason::parse(text).unwrap().as_q850();
            assert_eq!(got.map(Cause::value), cause, "{}", text.escape_ascii());
        }
        assert_eq!(Reason::parse(b";cause=1"), None);
        assert_eq!(Reason::parse(b"Q.850;;"), None);
    }

    #[test]
    fn the_first_q850_of_a_message() {
        let m = Message::parse(
            b"BYE sip:a@h SIP/2.0\r\nReason: SIP;cause=200;text=\"a, b\", x\r\n\
              Reason: Preemption;cause=1, Q.850;cause=31\r\n\r\n",
        );
        assert_eq!(cause_of(&m.unwrap()), Some(Cause::NORMAL_UNSPECIFIED));
    }
}
