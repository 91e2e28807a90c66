//! Quarters of an hour: where a moment lies, and how a span of time is split between them.
//!
//! They are of UTC. Every time zone in use is off by whole quarters of an hour, so that any of its days is
//! made of whole intervals.

/// The length of one, in milliseconds.
pub const INTERVAL_MS: i64 = 15 * 60 * 1_000;
/// The longest span that is split, in milliseconds: 30 days. A clock that was set by years must not make a
/// million rows.
const LONGEST_MS: i64 = 30 * 24 * 3_600 * 1_000;

/// Where the interval of a moment begins; both in milliseconds since 1970.
pub fn start_of(at: i64) -> i64 {
    at.div_euclid(INTERVAL_MS) * INTERVAL_MS
}

/// The parts of the `ms` that end at `until`: the interval's begin, and how many of them lie in it.
pub fn split(until: i64, ms: u64) -> impl Iterator<Item = (i64, u64)> {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX).min(LONGEST_MS);
    let mut from = until.saturating_sub(ms);
    core::iter::from_fn(move || {
        let start = start_of(from);
        let end = start.saturating_add(INTERVAL_MS).min(until);
        let part = u64::try_from(end - from).ok().filter(|part| *part > 0)?;
        from = end;
        Some((start, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_span_over_three_quarters() {
        let parts: Vec<_> = split(2 * INTERVAL_MS + 5_000, INTERVAL_MS as u64 + 15_000).collect();
        assert_eq!(
            parts,
            [(0, 10_000), (INTERVAL_MS, INTERVAL_MS as u64), (2 * INTERVAL_MS, 5_000)]
        );
        assert_eq!(split(7, 0).count(), 0);
        assert_eq!(start_of(-1), -INTERVAL_MS);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_part_is_too_long(until in 0i64..4_000_000_000_000, ms in 0u64..LONGEST_MS as u64) {
            let parts: Vec<_> = split(until, ms).collect();
            prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<u64>(), ms);
            prop_assert!(parts.iter().all(|(start, part)| start % INTERVAL_MS == 0 && *part <= INTERVAL_MS as u64));
        }
    }
}
