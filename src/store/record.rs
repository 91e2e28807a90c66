//! One record of the journal: a line with its check sum.
//!
//! ```text
//! 1c291ca3 {"seq":17,"wall":1790000000000,"kind":"leg_ringing","call":"…","leg":2}\n
//! └─ CRC-32 of what stands between the blank and the line's end
//! ```
//!
//! Lines, so that an operator can read a journal with `less`, and so that after a damaged record the
//! next one is found again. JSON never holds a bare line break.

use std::io::Write;

/// CRC-32 as in Ethernet and gzip (polynomial 0x04C11DB7, reflected).
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Appends the record of a JSON text, which holds no line break.
pub fn frame(json: &str, out: &mut Vec<u8>) {
    debug_assert!(!json.contains('\n'));
    let written = write!(out, "{:08x} ", crc32(json.as_bytes()));
    debug_assert!(written.is_ok(), "a vector takes all");
    out.extend_from_slice(json.as_bytes());
    out.push(b'\n');
}

/// The JSON text of a line without its line break; `None` when the check sum is wrong.
pub fn unframe(line: &[u8]) -> Option<&str> {
    let (sum, rest) = line.split_at_checked(8)?;
    let json = rest.strip_prefix(b" ")?;
    let sum = u32::from_str_radix(core::str::from_utf8(sum).ok()?, 16).ok()?;
    if crc32(json) != sum {
        return None;
    }
    core::str::from_utf8(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_sum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    proptest! {
        #[test]
        fn a_record_reads_back_and_no_flipped_bit_passes(json in "[^\n]{0,80}", at in any::<usize>(), bit in 0u8..8) {
            let mut bytes = Vec::new();
            frame(&json, &mut bytes);
            prop_assert_eq!(bytes.pop(), Some(b'\n'));
            prop_assert_eq!(unframe(&bytes), Some(json.as_str()));
            let at = at % bytes.len();
            let before = bytes[at];
            bytes[at] ^= 1 << bit;
            // Only the case of a hexadecimal digit may change unnoticed.
            let same = before.eq_ignore_ascii_case(&bytes[at]) && at < 8;
            prop_assert!(same || unframe(&bytes).is_none());
        }

        #[test]
        fn any_bytes_are_a_record_or_not(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = unframe(&bytes);
        }
    }
}
