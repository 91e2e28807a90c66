//! DTMF in the body of SIP INFO: `application/dtmf-relay` and `application/dtmf`.
//!
//! No RFC: the first is Cisco's, the second older still; gateways and phones send either.
//!
//! ```text
//! Signal=5          5
//! Duration=160
//! ```

/// The longest key that is written, in milliseconds.
const MAX_MS: u32 = 5_000;

/// The key in a body: `0-9 * # A-D`. `None`: another kind of body, or no key in it.
pub fn parse(content_type: &[u8], body: &[u8]) -> Option<char> {
    let kind = content_type.split(|b| *b == b';').next()?.trim_ascii();
    let text = core::str::from_utf8(body).ok()?;
    let signal = if kind.eq_ignore_ascii_case(b"application/dtmf-relay") {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?
    } else if kind.eq_ignore_ascii_case(b"application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    key(signal)
}

/// A key by its sign, or by its event number (RFC 4733 §3.2: `10` is the star), as some send it.
fn key(signal: &str) -> Option<char> {
    let mut signs = signal.chars();
    match (signs.next()?.to_ascii_uppercase(), signs.next()) {
        (sign @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(sign),
        _ => match signal.parse::<usize>().ok()? {
            event @ 10..=15 => "*#ABCD".chars().nth(event - 10),
            _ => None,
        },
    }
}

/// Content-Type and body that carry `digit`, `ms` long.
pub fn relay(digit: char, ms: u32) -> (&'static str, Vec<u8>) {
    let body = format!("Signal={digit}\r\nDuration={}\r\n", ms.min(MAX_MS));
    ("application/dtmf-relay", body.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let relay_of = |body: &[u8]| parse(b"application/dtmf-relay", body);
        assert_eq!(relay_of(b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(relay_of(b"Duration=160\nsignal = *\n"), Some('*'));
        assert_eq!(relay_of(b"Signal=11\r\n"), Some('#'));
        assert_eq!(relay_of(b"Signal=\r\n"), None);
        assert_eq!(relay_of(b"Signal=99\r\n"), None);
        assert_eq!(relay_of(b"\xff\xfe"), None);
        assert_eq!(parse(b"Application/DTMF; charset=utf-8", b"d\r\n"), Some('D'));
        assert_eq!(parse(b"application/sdp", b"5"), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for digit in "0123456789*#ABCD".chars() {
            let (kind, body) = relay(digit, 160);
            assert_eq!(parse(kind.as_bytes(), &body), Some(digit));
        }
    }
}
