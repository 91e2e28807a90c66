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

/// The bodies that are read here, as Accept lists them.
pub const ACCEPT: &str = "application/dtmf-relay, application/dtmf";

/// Why a body gives no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoKey {
    /// It is of another kind than [`ACCEPT`] lists: 415 (RFC 6086 §4.2.2).
    OtherKind,
    /// It is of one of these kinds, and nothing that can be pressed stands in it: 400.
    Garbage,
}

/// The key in a body: `0-9 * # A-D`; `None` for a hook flash, which means nothing to an exchange
/// whose features are dialled.
pub fn read(content_type: &[u8], body: &[u8]) -> Result<Option<char>, NoKey> {
    let kind = content_type.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let known = ACCEPT.split(", ").any(|own| kind.eq_ignore_ascii_case(own.as_bytes()));
    if !known {
        return Err(NoKey::OtherKind);
    }
    let text = core::str::from_utf8(body).map_err(|_| NoKey::Garbage)?;
    // Some makes write the one kind's body under the other's name.
    let signal = match text.contains('=') {
        true => text.lines().find_map(signal_of).ok_or(NoKey::Garbage)?,
        false => text.trim(),
    };
    if FLASH.iter().any(|sign| signal.eq_ignore_ascii_case(sign)) {
        return Ok(None);
    }
    key(signal).map(Some).ok_or(NoKey::Garbage)
}

/// How a hook flash is written: by its event (RFC 4733 §3.2), or by Cisco's sign.
const FLASH: [&str; 3] = ["16", "hf", "!"];

/// The key in a body, where there is one.
pub fn parse(content_type: &[u8], body: &[u8]) -> Option<char> {
    read(content_type, body).ok().flatten()
}

/// The value in `Signal=value`.
fn signal_of(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
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
    fn what_gives_no_key_says_why() {
        assert_eq!(read(b"application/sdp", b"5"), Err(NoKey::OtherKind));
        assert_eq!(read(b"", b"5"), Err(NoKey::OtherKind));
        assert_eq!(read(b"application/dtmf-relay", b"Duration=5\r\n"), Err(NoKey::Garbage));
        assert_eq!(read(b"application/dtmf", b"\xff"), Err(NoKey::Garbage));
        assert_eq!(read(b"application/dtmf", b"17"), Err(NoKey::Garbage));
        assert_eq!(read(b"application/dtmf", b"Duration=5"), Err(NoKey::Garbage));
        assert_eq!(read(b"application/dtmf", b"Signal=5\r\nDuration=160\r\n"), Ok(Some('5')));
        assert_eq!(read(b"application/dtmf-relay", b" 5\r\n"), Ok(Some('5')));
        assert_eq!(read(b"application/dtmf-relay", b"Signal=hf\r\n"), Ok(None));
        assert_eq!(read(b"application/dtmf-relay;x=y", b"Signal=16\n"), Ok(None));
        for kind in ACCEPT.split(',') {
            assert_ne!(read(kind.as_bytes(), b"5"), Err(NoKey::OtherKind), "{kind}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for digit in "0123456789*#ABCD".chars() {
            let (kind, body) = relay(digit, 160);
            assert_eq!(parse(kind.as_bytes(), &body), Some(digit));
        }
    }
}
