//! What nobody may read later: the keys of SRTP in SDP (RFC 4568 §6.1). Each becomes as many `*`, so
//! that lengths stay true.

use std::borrow::Cow;

const KEY: &[u8] = b"inline:";

/// The message without its keys; most have none.
pub(super) fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut bytes = Cow::Borrowed(bytes);
    if find(&bytes, KEY).is_some() {
        mask(bytes.to_mut());
    }
    bytes
}

fn mask(bytes: &mut [u8]) {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], KEY) {
        let begin = from + at + KEY.len();
        let ends = |b: &u8| matches!(b, b'|' | b' ' | b';' | b'\r' | b'\n');
        let len = bytes[begin..].iter().position(ends).unwrap_or(bytes.len() - begin);
        bytes[begin..begin + len].fill(b'*');
        from = begin + len;
    }
}

fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hidden_and_nothing_moves() {
        let text = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4\r\na=crypto:2 X inline:ab inline:";
        let mut masked = text.to_vec();
        mask(&mut masked);
        let shown = String::from_utf8_lossy(&masked);
        assert_eq!(masked.len(), text.len());
        assert!(
            shown.contains("inline:********|2^20|1:4\r\n") && shown.ends_with("inline:** inline:")
        );
    }
}
