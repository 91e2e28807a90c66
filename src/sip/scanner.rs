//! Words by which tools that look for weak exchanges give themselves away: in User-Agent, and as the whole
//! name or user of From, which some of them fill with their own. Never as a part of a word: people are
//! called Tiwari.
//!
//! Only the careless are caught by it; the others are by what they do (`access::sources`).

use super::caller_id::user;
use crate::wire::sip::{Message, Name};

/// Whether one of the `signatures` stands in the request, in whatever case.
pub fn is_named(request: &Message, mut signatures: impl Iterator<Item: AsRef<[u8]>>) -> bool {
    let agent = request.header(Name::UserAgent).unwrap_or_default();
    let from = request.from().ok();
    let display = from.as_ref().and_then(|from| from.display.as_deref());
    let user = from.as_ref().and_then(|from| user(&from.uri));
    signatures.any(|words| {
        let words = words.as_ref();
        let is = |text: Option<&[u8]>| text.is_some_and(|t| t.eq_ignore_ascii_case(words));
        holds(agent, words) || is(display) || is(user.as_deref().map(str::as_bytes))
    })
}

/// Whether `words` stand in `text` by themselves, letter case aside.
fn holds(text: &[u8], words: &[u8]) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    !words.is_empty()
        && text.windows(words.len()).enumerate().any(|(at, part)| {
            let before = at.checked_sub(1).and_then(|at| text.get(at));
            part.eq_ignore_ascii_case(words) && ends(before) && ends(text.get(at + words.len()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_is_known_by_its_own_words() {
        let named = |headers: &str| {
            let text = format!("OPTIONS sip:100@h SIP/2.0\r\n{headers}\r\n");
            let request = Message::parse(text.as_bytes()).expect("a message");
            is_named(&request, ["friendly-scanner", "sipvicious", "iWar", "smap"].iter())
        };
        assert!(named("User-Agent: Friendly-Scanner\r\n"));
        assert!(named("From: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\n"));
        assert!(named("User-Agent: smap 0.6.0\r\n") && named("From: <sip:SIPvicious@h>;tag=1\r\n"));
        assert!(!named("From: \"Anil Tiwari\" <sip:tiwari@h>;tag=1\r\nUser-Agent: Tiwari/1\r\n"));
        assert!(!named("From: \"iWar room\" <sip:1001@smap.example>;tag=1\r\n"));
        assert!(!named("User-Agent: friendly phone\r\nTo: <sip:sipvicious@h>\r\n"));
        assert!(!named(""));
    }
}
