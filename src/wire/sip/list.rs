//! Comma-separated header values (RFC 3261 §7.3.1): where one ends and the next begins.

use super::lex;

/// The values of one header line.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a> {
    rest: Option<&'a [u8]>,
    list: bool,
}

impl<'a> Elements<'a> {
    /// A line of a header that is a list: empty elements are passed over.
    pub(super) fn list(value: &'a [u8]) -> Elements<'a> {
        Elements { rest: Some(value), list: true }
    }

    /// A line whose value is one, commas and all, even when empty.
    pub(super) fn whole(value: &'a [u8]) -> Elements<'a> {
        Elements { rest: Some(value), list: false }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let text = self.rest.take()?;
            if !self.list {
                return Some(text);
            }
            let end = comma(text);
            self.rest = text.get(end + 1..);
            let element = lex::trim(&text[..end]);
            if !element.is_empty() {
                return Some(element);
            }
        }
    }
}

/// The first comma outside quotes and angle brackets; the text's length when there is none. What
/// an unclosed quote or bracket begins reaches to the end.
fn comma(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let skip = match rest[0] {
            b',' => return at,
            b'"' => lex::quoted_len(rest),
            b'<' => rest.iter().position(|b| *b == b'>').map(|n| n + 1),
            _ => Some(1),
        };
        match skip {
            Some(skip) => at += skip,
            None => return text.len(),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_part() {
        let text = br#""Watson, T \"," <sip:w,x@h;p=1,2>;q=1 , sip:b@h,,  c ,"#;
        let parts: Vec<_> = Elements::list(text).collect();
        let first = &br#""Watson, T \"," <sip:w,x@h;p=1,2>;q=1"#[..];
        assert_eq!(parts, [first, b"sip:b@h", b"c"]);
        assert_eq!(Elements::list(b"\"open, x").count(), 1);
        assert_eq!(Elements::list(b"<open, x").count(), 1);
        assert_eq!(Elements::list(b"").count(), 0);
        assert_eq!(Elements::whole(b"").count(), 1);
        assert_eq!(Elements::whole(b"a, b").count(), 1);
    }
}
