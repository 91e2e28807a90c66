//! Which byte may stand where in a URI, and `%XX` for the others (RFC 3261 §19.1.2, §25.1).

use std::borrow::Cow;

use super::error::UriFault;

/// Can this byte stand anywhere in a URI that we read? Wider than the grammar: peers send `#` and
/// UTF-8 unescaped.
pub(super) const fn is_possible(byte: u8) -> bool {
    byte > 0x20 && byte != 0x7f && !matches!(byte, b'<' | b'>' | b'"' | b'\\')
}

/// `unreserved` of §25.1.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

/// `user` of §25.1 without `escaped`.
pub(super) const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

/// `password` of §25.1 without `escaped`.
pub(super) const fn is_password_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',')
}

/// `paramchar` of §25.1 without `escaped`.
pub(super) const fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$')
}

/// A parameter list: its characters and the two that part them.
pub(super) const fn is_params_byte(byte: u8) -> bool {
    is_param_byte(byte) || matches!(byte, b';' | b'=')
}

/// `hnv-unreserved` and the two that part headers.
pub(super) const fn is_headers_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'[' | b']' | b'/' | b'?' | b':' | b'+' | b'$' | b'=' | b'&')
}

/// Every `%` must begin an escape.
pub(super) fn check_escapes(text: &[u8]) -> Result<(), UriFault> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) => rest = &rest[at + 3..],
            _ => return Err(UriFault::Escape),
        }
    }
    Ok(())
}

/// `%XX` to bytes. A `%` that begins no escape stays.
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let hex = |b: &u8| char::from(*b).to_digit(16);
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let value = match after {
            [high, low, ..] if *first == b'%' => hex(high).zip(hex(low)),
            _ => None,
        };
        rest = if value.is_some() { &after[2..] } else { after };
        plain.push(value.map_or(*first, |(high, low)| (high * 16 + low) as u8));
    }
    Cow::Owned(plain)
}

/// Writes plain text with everything escaped that is not `legal`.
pub(super) fn escape_all(text: &[u8], legal: fn(u8) -> bool, out: &mut Vec<u8>) {
    for byte in text {
        if legal(*byte) {
            out.push(*byte);
        } else {
            push_escape(*byte, out);
        }
    }
}

/// Writes escaped text: its escapes stay, whatever else is not `legal` becomes one.
pub(super) fn escape_rest(text: &[u8], legal: fn(u8) -> bool, out: &mut Vec<u8>) {
    for (at, byte) in text.iter().enumerate() {
        let begins_escape = *byte == b'%'
            && text.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        if begins_escape || legal(*byte) {
            out.push(*byte);
        } else {
            push_escape(*byte, out);
        }
    }
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_once_and_written_where_needed() {
        assert_eq!(unescape(b"%61%5A%00%zz%4").as_ref(), b"aZ\0%zz%4");
        assert_eq!(unescape(b"%2541").as_ref(), b"%41", "not twice");
        let mut out = Vec::new();
        escape_rest(b"a%41%4 b\xe4", is_user_byte, &mut out);
        assert_eq!(out, b"a%41%254%20b%E4");
        out.clear();
        escape_all(b"%41", is_user_byte, &mut out);
        assert_eq!(out, b"%2541");
        assert_eq!(check_escapes(b"%41%4"), Err(UriFault::Escape));
        assert_eq!(check_escapes(b"%e4x%E4"), Ok(()));
    }
}
