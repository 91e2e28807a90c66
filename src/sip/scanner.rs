//! Words by which tools that look for weak exchanges give themselves away: in User-Agent, and in From,
//! whose display name some of them fill with their own.
//!
//! Only the careless are caught by it; the others are by what they do (`access::sources`).

use crate::wire::sip::{Message, Name};

/// Whether one of the `signatures` stands in the request, in whatever case.
pub fn is_named(request: &Message, signatures: impl Iterator<Item: AsRef<[u8]>> + Clone) -> bool {
    let says = |name: Name| {
        let value = request.header(name).unwrap_or_default();
        signatures.clone().any(|words| holds(value, words.as_ref()))
    };
    says(Name::UserAgent) || says(Name::From)
}

/// Whether `text` holds `words`, letter case aside.
fn holds(text: &[u8], words: &[u8]) -> bool {
    !words.is_empty() && text.windows(words.len()).any(|part| part.eq_ignore_ascii_case(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanner_is_known_by_its_own_words() {
        let named = |headers: &str| {
            let text = format!("OPTIONS sip:100@h SIP/2.0\r\n{headers}\r\n");
            let request = Message::parse(text.as_bytes()).expect("a message");
            is_named(&request, ["friendly-scanner", "sipvicious"].iter())
        };
        assert!(named("User-Agent: Friendly-Scanner\r\n"));
        assert!(named("From: \"sipvicious\"<sip:100@1.1.1.1>;tag=1\r\n"));
        assert!(!named("User-Agent: friendly phone\r\nTo: <sip:sipvicious@h>\r\n"));
        assert!(!named(""));
    }
}
