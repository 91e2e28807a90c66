//! Outside numbers, shown so that nobody can call them (R29): in the log, and to programs that only look on.
//!
//! ```text
//!   13800138000 ─▶ 138******00     88012345 ─▶ 88****45     1001, 7001 (of the house) ─▶ as they are
//! ```

use std::borrow::Cow;

use serde_json::Value;

/// Digits of the shortest number that is masked: shorter ones are of the house, or nobody's.
const SHORTEST: usize = 7;
/// Of the longest: what is longer is no number to call.
const LONGEST: usize = 20;
/// Digits that are left: at the beginning of a long number and of a short one, and at the end.
const LONG: usize = 10;
const HEAD_OF_LONG: usize = 3;
const HEAD: usize = 2;
const TAIL: usize = 2;

/// The text with each number in it masked: digits that stand by themselves, behind a `+` as well.
pub fn in_text(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut masked: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if (SHORTEST..=LONGEST).contains(&len) && stands_alone(bytes, at, len) {
            let head = if len >= LONG { HEAD_OF_LONG } else { HEAD };
            let own = masked.get_or_insert_with(|| bytes.to_vec());
            own[at + head..at + len - TAIL].fill(b'*');
        }
        at += len;
    }
    match masked.map(String::from_utf8) {
        Some(Ok(masked)) => Cow::Owned(masked),
        _ => Cow::Borrowed(text),
    }
}

/// Whether digits are no piece of a name, of an address or of a fraction.
fn stands_alone(bytes: &[u8], at: usize, len: usize) -> bool {
    let piece = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    let before = at.checked_sub(1).map(|before| &bytes[before]);
    // A figure of a line in JSON.
    if bytes[..at].ends_with(b"\":") {
        return false;
    }
    let ahead = bytes.get(at + len);
    let fraction = ahead == Some(&b'.') && bytes.get(at + len + 1).is_some_and(u8::is_ascii_digit);
    !before.is_some_and(piece)
        && !ahead.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && !fraction
}

/// The same in every text of a JSON value; keys and figures stay.
pub fn in_json(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(masked) = in_text(text) {
                *text = masked;
            }
        }
        Value::Array(all) => all.iter_mut().for_each(in_json),
        Value::Object(all) => all.values_mut().for_each(in_json),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_masked_and_what_looks_like_one_is_not() {
        for (text, masked) in [
            ("call 1001 013800138000", "call 1001 013*******00"),
            ("from +8613800138000.", "from +861********00."),
            ("<sip:88012345@10.0.0.1:5060>", "<sip:88****45@10.0.0.1:5060>"),
            ("number 138 0013 8000", "number 138 0013 8000"),
            ("2026-11-23T12:06:03.439897Z", "2026-11-23T12:06:03.439897Z"),
            ("call 6H0GRGH1C0001 of 1234567a", "call 6H0GRGH1C0001 of 1234567a"),
            ("{\"seq\":12345678,\"to\":\"88012345\"}", "{\"seq\":12345678,\"to\":\"88****45\"}"),
            ("0.1234567 and 1234567.5", "0.1234567 and 1234567.5"),
            ("客户13800138000", "客户138******00"),
            ("123456789012345678901", "123456789012345678901"),
        ] {
            assert_eq!(in_text(text), masked);
        }
    }

    #[test]
    fn figures_and_keys_of_json_stay() {
        let mut value = json!({ "13800138000": 13_800_138_000_u64, "to": ["13800138000", "7001"] });
        in_json(&mut value);
        let masked = json!({ "13800138000": 13_800_138_000_u64, "to": ["138******00", "7001"] });
        assert_eq!(value, masked);
    }

    proptest! {
        #[test]
        fn nothing_moves_and_nothing_is_masked_twice(text in ".{0,80}") {
            let masked = in_text(&text);
            prop_assert_eq!(masked.len(), text.len());
            prop_assert_eq!(in_text(&masked), masked.clone());
        }
    }
}
