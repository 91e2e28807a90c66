//! Contact values (RFC 3261 §20.10): an address with `expires` and `q`, or the `*` by which a
//! REGISTER removes everything (§10.2.2).

use super::error::Fault;
use super::lex;
use super::name_addr::NameAddr;
use super::write::ToWire;

/// Seconds that stand in for an `expires` that cannot be read (§20.10, §10.3 step 7).
const MALFORMED_EXPIRES_S: u32 = 3600;

/// All Contact values of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `Contact: *`, alone.
    Star,
    /// Addresses, perhaps none.
    List(Vec<Contact>),
}

/// One Contact value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Address, display name and all parameters.
    pub addr: NameAddr,
}

impl Contact {
    /// Parses one value that is not `*`.
    pub fn parse(text: &[u8]) -> Result<Contact, Fault> {
        NameAddr::parse(text).map(|addr| Contact { addr })
    }

    /// The `expires` parameter in seconds. One that is no number or above 2^32 - 1 counts as 3600.
    pub fn expires(&self) -> Option<u32> {
        let text = self.addr.params.get_unquoted("expires")?;
        Some(lex::number(&text, u32::MAX).unwrap_or(MALFORMED_EXPIRES_S))
    }

    /// Preference in thousandths, 0 to 1000; 1000 when there is no readable `q`.
    pub fn q(&self) -> u16 {
        self.addr.params.get("q").and_then(parse_q).unwrap_or(1000)
    }
}

/// `qvalue`: `0`, `1`, `0.25`, at most three decimals.
pub(crate) fn parse_q(text: &[u8]) -> Option<u16> {
    let (whole, decimals) = lex::split_once(text, b'.').unwrap_or((text, b""));
    if decimals.len() > 3 || !decimals.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |n: usize| decimals.get(n).map_or(0, |d| u16::from(d - b'0'));
    let thousandths = digit(0) * 100 + digit(1) * 10 + digit(2);
    match whole {
        b"0" => Some(thousandths),
        b"" if !decimals.is_empty() => Some(thousandths),
        b"1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

impl ToWire for Contact {
    fn to_wire(&self, out: &mut Vec<u8>) {
        self.addr.to_wire(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_and_q() {
        let c = Contact::parse(b"<sip:a@h>;expires=60;q=0.33").unwrap();
        assert_eq!((c.expires(), c.q()), (Some(60), 330));
        let c = Contact::parse(b"<sip:a@h>;expires=280297596632815").unwrap();
        assert_eq!((c.expires(), c.q()), (Some(3600), 1000));
        assert_eq!(Contact::parse(b"<sip:a@h>;expires=\"60\"").unwrap().expires(), Some(60));
        for (text, q) in [
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("0.5", Some(500)),
            (".5", Some(500)),
            ("0", Some(0)),
            ("0.", Some(0)),
            ("1.1", None),
            ("2", None),
            ("0.1234", None),
            (".", None),
            ("-1", None),
        ] {
            assert_eq!(parse_q(text.as_bytes()), q, "{text}");
        }
    }
}
