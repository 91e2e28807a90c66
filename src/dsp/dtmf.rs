//! DTMF digits as tones (ITU-T Q.23): which frequencies, and the plan that plays one.
//!
//! ```text
//!           1209   1336   1477   1633 Hz     one row and one column sound together
//!   697 Hz    1      2      3      A
//!   770       4      5      6      B
//!   852       7      8      9      C
//!   941       *      0      #      D
//! ```
//!
//! On the path: digits sent in-band, on legs without telephone-event. Hearing them is
//! [`dtmf_detect`](super::dtmf_detect); as packets they are RFC 4733's affair, not this floor's.

use super::tone::{Partial, Plan, Segment};

/// Frequencies of the low group, in Hz.
pub const ROWS: [u16; 4] = [697, 770, 852, 941];
/// Frequencies of the high group, in Hz.
pub const COLUMNS: [u16; 4] = [1209, 1336, 1477, 1633];
/// The digit of each row and column.
pub const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Level of each group in dBm0. Their difference is the twist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// The rows' level.
    pub low_dbm0: i8,
    /// The columns' level.
    pub high_dbm0: i8,
}

impl Default for Levels {
    /// The high group 2 dB over the low one, as ETSI ES 201 235-2 has it, because lines take more
    /// from the high frequencies. −5 dBm0 together.
    fn default() -> Levels {
        Levels { low_dbm0: -9, high_dbm0: -7 }
    }
}

/// Row and column frequency of `digit` (`0`–`9`, `*`, `#`, `A`–`D` in either case) in Hz.
pub fn frequencies(digit: char) -> Option<(u16, u16)> {
    let digit = digit.to_ascii_uppercase();
    KEYS.iter().zip(ROWS).find_map(|(keys, row)| {
        let column = keys.iter().position(|&key| key == digit)?;
        Some((row, COLUMNS[column]))
    })
}

/// `digit` for `on_ms`, then silence for `off_ms`; `None` when it is no DTMF digit. 0 for `on_ms`
/// sounds until stopped.
pub fn plan(digit: char, on_ms: u32, off_ms: u32, levels: Levels) -> Option<Plan> {
    let (row, column) = frequencies(digit)?;
    let low = Partial { hz: row, dbm0: levels.low_dbm0 };
    let high = Partial { hz: column, dbm0: levels.high_dbm0 };
    Some(Plan::once(Segment::pair(low, high, on_ms), off_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{dominant_tone, tone_dbm0};
    use crate::dsp::tone::Generator;

    #[test]
    fn sixteen_digits_sound_as_q23_says() {
        let rows = ROWS.map(f64::from);
        let columns = COLUMNS.map(f64::from);
        for (digit, row, column) in
            [('1', 697, 1209), ('5', 770, 1336), ('0', 941, 1336), ('#', 941, 1477)]
        {
            assert_eq!(frequencies(digit), Some((row, column)));
        }
        for digit in KEYS.concat() {
            let (row, column) = frequencies(digit).unwrap();
            let levels = Levels { low_dbm0: -10, high_dbm0: -12 };
            let mut out = vec![1; 2000];
            let filled = Generator::new(&plan(digit, 100, 50, levels).unwrap()).fill(&mut out);
            assert_eq!(filled, 1200);
            let on = &out[80..720];
            assert!((tone_dbm0(on, f64::from(row)) + 10.0).abs() < 0.5);
            assert!((tone_dbm0(on, f64::from(column)) + 12.0).abs() < 0.5);
            assert_eq!(dominant_tone(on, &rows).map(|d| d.hz), Some(f64::from(row)));
            assert_eq!(dominant_tone(on, &columns), None, "the row is stronger");
            assert!(out[800..1200].iter().all(|&s| s == 0));
        }
    }

    #[test]
    fn what_is_no_digit_has_no_tone() {
        assert_eq!(frequencies('d'), frequencies('D'));
        for c in ['E', ' ', '١', '\0', 'é'] {
            assert_eq!(plan(c, 100, 100, Levels::default()), None);
        }
    }
}
