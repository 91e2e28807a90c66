//! Log lines that anybody outside can bring about: one a minute, with the number of those not
//! written, so that a flood of requests does not become a flood of lines.

use crate::base::{Duration, Time};

/// The least time between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// One kind of line.
#[derive(Debug, Default)]
pub(super) struct Sparing {
    next: Time,
    kept_back: u64,
}

impl Sparing {
    /// Whether a line may be written now: how many were kept back before it.
    pub(super) fn may(&mut self, now: Time) -> Option<u64> {
        if now < self.next {
            self.kept_back += 1;
            return None;
        }
        self.next = now + PAUSE;
        Some(std::mem::take(&mut self.kept_back))
    }
}

/// What a line adds of those that were kept back before it.
pub(super) fn and_more(kept_back: u64) -> String {
    match kept_back {
        0 => String::new(),
        n => format!(" (and {n} more since the last such line)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_and_the_rest_are_counted() {
        let mut lines = Sparing::default();
        let at = |s: u64| Time::from_millis(s * 1_000);
        let may: Vec<_> = [0, 1, 59, 60, 61, 120].map(|s| lines.may(at(s))).into();
        assert_eq!(may, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
