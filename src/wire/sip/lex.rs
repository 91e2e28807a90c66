//! The characters of SIP's grammar (RFC 3261 §25.1) and the few scans that everything else is
//! made of: tokens, white space, quoted strings, decimal numbers, the end of a line.
//!
//! All of it works on bytes. A byte of 0x80 or more is text in an unknown charset and is passed
//! on as it came.

use std::borrow::Cow;

/// `token` of §25.1: letters, digits and ``-.!%*_+`'~``.
pub(in crate::wire) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// Linear white space within a line; folds have become spaces before anyone looks.
pub(in crate::wire) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// True for one or more token characters and nothing else.
pub(in crate::wire) fn is_token_text(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| is_token(*b))
}

/// `text` without white space at its start.
pub(in crate::wire) fn trim_start(text: &[u8]) -> &[u8] {
    let skip = text.iter().position(|b| !is_space(*b)).unwrap_or(text.len());
    &text[skip..]
}

/// `text` without white space at either end.
pub(in crate::wire) fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    let end = text.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    &text[..end]
}

/// The token at the front, perhaps empty, and what follows it.
pub(in crate::wire) fn take_token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !is_token(*b)).unwrap_or(text.len());
    text.split_at(end)
}

/// Splits at the first `byte`, which is in neither half.
pub(in crate::wire) fn split_once(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

/// The length of the quoted string that `text` begins with, both quotes included; `None` when its
/// closing quote is missing.
pub(in crate::wire) fn quoted_len(text: &[u8]) -> Option<usize> {
    debug_assert_eq!(text.first(), Some(&b'"'));
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A quoted string's text, or `text` itself when it is not quoted. Allocates only where a
/// backslash hides a character.
pub(in crate::wire) fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        let byte = if *byte == b'\\' { bytes.next().unwrap_or(byte) } else { byte };
        plain.push(*byte);
    }
    Cow::Owned(plain)
}

/// Writes `text` as a quoted string. Control characters go as quoted pairs (§25.1); CR and LF
/// cannot be written inside one and become spaces.
pub(in crate::wire) fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'\r' | b'\n' => out.push(b' '),
            b'"' | b'\\' | 0..=0x1f | 0x7f => out.extend_from_slice(&[b'\\', *byte]),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

/// Why a decimal number was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum NumberError {
    /// Empty, or a byte that is no digit.
    NotDigits,
    /// More than the type or the header holds.
    TooLarge,
}

/// One or more digits, at most `max`; leading zeros are fine.
pub(in crate::wire) fn number(text: &[u8], max: u32) -> Result<u32, NumberError> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::NotDigits);
    }
    let mut value = 0u32;
    for digit in text {
        let next = value.checked_mul(10).and_then(|v| v.checked_add(u32::from(digit - b'0')));
        value = next.filter(|v| *v <= max).ok_or(NumberError::TooLarge)?;
    }
    Ok(value)
}

/// The first CR or LF at or after `from`. Reads eight bytes at a time: a message's lines are
/// found in one pass and this is most of what parsing costs.
pub(in crate::wire) fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // A byte of `word` is zero exactly where the lowest marked byte of this is (Mycroft's test:
    // marks above the lowest may be false, the lowest never is).
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = from;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let cr = zero(word ^ (ONES * b'\r' as u64));
        let lf = zero(word ^ (ONES * b'\n' as u64));
        let first = cr.trailing_zeros().min(lf.trailing_zeros());
        if first < 64 {
            return Some(at + first as usize / 8);
        }
        at += 8;
    }
    let rest = bytes.get(at..)?;
    rest.iter().position(|b| matches!(b, b'\r' | b'\n')).map(|n| at + n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_end_agrees_with_a_plain_search() {
        let text = b"abc\x8a\x0bdefgh\x0c\x0eijk\rlmnopqrstuvw\n\nxyz\r";
        for from in 0..=text.len() + 1 {
            let plain = text.iter().skip(from).position(|b| matches!(b, b'\r' | b'\n'));
            assert_eq!(line_end(text, from), plain.map(|n| n + from), "from {from}");
        }
    }

    #[test]
    fn quoted_strings_survive_both_ways() {
        let mut out = Vec::new();
        quote(b"a\"b\\c\x07\0\xe4", &mut out);
        assert_eq!(quoted_len(&out), Some(out.len()));
        assert_eq!(unquote(&out).as_ref(), b"a\"b\\c\x07\0\xe4");
        assert_eq!(quoted_len(b"\"open \\\""), None);
        assert_eq!(quoted_len(b"\"open \\"), None);
        assert_eq!(unquote(b"plain").as_ref(), b"plain");
    }

    #[test]
    fn numbers_do_not_wrap() {
        assert_eq!(number(b"0068", 255), Ok(68));
        assert_eq!(number(b"4294967295", u32::MAX), Ok(u32::MAX));
        assert_eq!(number(b"4294967296", u32::MAX), Err(NumberError::TooLarge));
        assert_eq!(number(b"36893488147419103232", u32::MAX), Err(NumberError::TooLarge));
        assert_eq!(number(b"256", 255), Err(NumberError::TooLarge));
        assert_eq!(number(b"-9", 255), Err(NumberError::NotDigits));
        assert_eq!(number(b"", 255), Err(NumberError::NotDigits));
    }
}
