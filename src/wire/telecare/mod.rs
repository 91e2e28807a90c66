//! What social alarms say to the centre that receives them.
//!
//! ```text
//!   by SIP MESSAGE   scaip    SS 91100, CLC/TS 50134-9: <mrq> and <mrs>
//!                    now_ip   BS 8521-2: <ATM>, with the digits of BS 8521-1 inside
//!   by DTMF          bs8521   BS 8521-1: 24 digits and commands
//!                    contact_id  ANSI/SIA DC-05: 16 digits with a checksum
//! ```
//!
//! Values as they stand on the wire. What a code means, and what is done about it, is the care line's
//! affair. Units in the field bend the standards: blanks around values, codes with and without leading
//! zeros, tags in any order; all of that is read.

pub mod bs8521;
pub mod contact_id;
mod leaves;
pub mod now_ip;
pub mod scaip;

use leaves::Leaves;

/// The body of a MESSAGE that is a unit's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Said {
    /// SCAIP.
    Scaip(Result<scaip::Request, scaip::Refused>),
    /// NOW-IP, and its data, whatever else of it cannot be read.
    NowIp(Result<now_ip::Message, now_ip::Refused>, String),
}

impl Said {
    /// Reads a body by its Content-Type, or by what it is: NOW-IP is `text/plain` in the field, and SCAIP
    /// has been seen as `application/xml`. `None`: it is no unit's.
    pub fn read(content_type: &[u8], body: &[u8]) -> Option<Said> {
        let kind = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        let is_scaip = kind.eq_ignore_ascii_case(scaip::TYPE.as_bytes());
        let leaves = Leaves::read(body);
        match leaves.as_ref().map(|leaves| leaves.root.as_str()) {
            Ok("mrq" | "scaip") => {}
            Ok("atm") => {
                let leaves = leaves.ok()?;
                let data = leaves.get("data").unwrap_or_default().to_owned();
                return Some(Said::NowIp(now_ip::Message::of(&leaves), data));
            }
            _ if is_scaip => {}
            // Broken off, or broken; what it was meant to be is seen by how it begins.
            Err(_) if begins(body, "<mrq") || begins(body, "<scaip") => {}
            Err(_) if begins(body, "<atm") => {
                return Some(Said::NowIp(Err(now_ip::Refused::NotAtm), String::new()));
            }
            _ => return None,
        }
        Some(Said::Scaip(scaip::Request::of(leaves.ok().as_ref(), body)))
    }
}

/// Whether the first element of a body is this one.
fn begins(body: &[u8], tag: &str) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    // A declaration may come first.
    let declared = text.strip_prefix("<?").and_then(|rest| rest.split_once("?>"));
    let text = declared.map_or(text, |(_, rest)| rest).trim_start();
    text.get(..tag.len()).is_some_and(|own| own.eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was cut off on its way is still known for what it was meant to be.
    #[test]
    fn what_is_broken_off_is_a_units_still() {
        let said = |text: &str| Said::read(b"text/plain", text.as_bytes());
        assert!(matches!(said("<?xml version=\"1.0\"?>\n<MRQ><ref>12"), Some(Said::Scaip(Err(_)))));
        assert!(matches!(said("<ATM><type>1</type><da"), Some(Said::NowIp(Err(_), _))));
        for text in ["", "hello", "<a>", "<?xml", "王"] {
            assert_eq!(said(text), None, "{text}");
        }
    }
}
