//! Session-Expires (RFC 4028 §4): how long a call lives without a refresh, and who refreshes it.

use super::error::Fault;
use super::lex;
use super::params::Params;
use super::write::ToWire;

/// Who refreshes, by the roles of the transaction that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Refresher {
    /// Who sent the request.
    Uac,
    /// Who answers it.
    Uas,
}

/// A Session-Expires value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SessionExpires {
    /// Seconds from the 2xx.
    pub seconds: u32,
    /// `None`: the other side may choose.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Parses `seconds[;refresher=uac|uas]`. A refresher of another name is none.
    pub fn parse(text: &[u8]) -> Result<SessionExpires, Fault> {
        let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
        let (seconds, params) = text.split_at(end);
        let seconds = lex::number(lex::trim(seconds), u32::MAX)?;
        let params = Params::parse(params)?;
        let refresher = match params.get_unquoted("refresher") {
            Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            _ => None,
        };
        Ok(SessionExpires { seconds, refresher })
    }
}

impl ToWire for SessionExpires {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.seconds.to_wire(out);
        match self.refresher {
            Some(Refresher::Uac) => out.extend_from_slice(b";refresher=uac"),
            Some(Refresher::Uas) => out.extend_from_slice(b";refresher=uas"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, seconds, refresher, printed) in [
            (&b"1800"[..], 1800, None, &b"1800"[..]),
            (b"90 ; refresher = UAC;x", 90, Some(Refresher::Uac), b"90;refresher=uac"),
            (
                b"4294967295;refresher=\"uas\"",
                u32::MAX,
                Some(Refresher::Uas),
                b"4294967295;refresher=uas",
            ),
            (b"7200;refresher=proxy", 7200, None, b"7200"),
        ] {
            let read = SessionExpires::parse(text).expect("readable");
            assert_eq!(read, SessionExpires { seconds, refresher });
            assert_eq!(read.to_bytes(), printed);
        }
        assert_eq!(SessionExpires::parse(b"4294967296"), Err(Fault::TooLarge));
        assert_eq!(SessionExpires::parse(b"soon"), Err(Fault::NotNumber));
        assert!(SessionExpires::parse(b"90;;").is_err());
    }
}
