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

use std::borrow::Cow;

use encoding_rs::GB18030;

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

/// A report's text in UTF-8: units made in China write GB 18030 at times, whatever they say of it. What is neither stays as
/// it is; what is UTF-8 and cut off within a character is no GB 18030.
pub fn legible(body: &[u8]) -> Cow<'_, [u8]> {
    let Err(error) = core::str::from_utf8(body) else { return Cow::Borrowed(body) };
    if error.error_len().is_none() {
        return Cow::Borrowed(body);
    }
    match GB18030.decode_without_bom_handling_and_without_replacement(body) {
        Some(text) => Cow::Owned(text.into_owned().into_bytes()),
        None => Cow::Borrowed(body),
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

    /// The place of an alarm is written in what its maker writes: it is read, and 32 characters are 32.
    #[test]
    fn a_place_in_gb_18030_is_read() {
        let place = "石岐区悦来中路十六号大院三栋二单元五〇二房卧室";
        let text = format!("<mrq><ref>1</ref><cid>1001</cid><dty>3</dty><lte>{place}</lte></mrq>");
        let sent = GB18030.encode(&text).0;
        assert_eq!(legible(&sent), text.as_bytes());
        let said = Said::read(b"application/scaip+xml", &legible(&sent));
        let Some(Said::Scaip(Ok(request))) = said else { panic!("{said:?}") };
        assert!(format!("{request:?}").contains(place), "{request:?}");
        let cut = &text.as_bytes()[..text.len() - 29];
        for same in [text.as_bytes(), cut, b"\xff\xff"] {
            assert_eq!(legible(same), same);
        }
    }

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
