//! How much of a worker's time may go into the neural concealment of Opus' losses (decisions/0009).
//!
//! It costs half a millisecond to begin with and a tenth for each packet after: nothing for one call on a
//! bad line, too much when a link fails and a hundred ears lose the same packet. Then as many of them
//! have it as fit into a fifth of the worker's time, and the others are concealed by the older means.
//!
//! ```text
//!   time passes ── a fifth of it ──▶ ▒▒▒▒▒ left, at most MOST ──▶ what each ear took
//! ```
//!
//! Time is the legs' own, so that the same packets always sound the same; what is taken is reckoned, not
//! measured.

use crate::base::{Duration, Time};

/// One part in this many of the time may be spent.
const PART: u32 = 5;
/// What can be saved up, nanoseconds: 4 ms.
const MOST_NS: i64 = 4_000_000;

/// What one worker may still spend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deep {
    /// Nanoseconds; below 0 when what was begun took more than there was.
    left_ns: i64,
    at: Time,
}

impl Deep {
    /// As much as can be.
    pub(super) fn new() -> Deep {
        Deep { left_ns: MOST_NS, at: Time::ZERO }
    }

    /// Whether there is time for it at `now`.
    pub(super) fn has_time(&mut self, now: Time) -> bool {
        let earned = (now.since(self.at) / PART).as_nanos().min(2 * MOST_NS as u128) as i64;
        self.at = self.at.max(now);
        self.left_ns = (self.left_ns + earned).min(MOST_NS);
        self.left_ns > 0
    }

    /// So much was spent.
    pub(super) fn spend(&mut self, cost: Duration) {
        self.left_ns = self.left_ns.saturating_sub(cost.as_nanos().min(1 << 40) as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_time_is_spent_and_no_more() {
        let (mut deep, cost) = (Deep::new(), Duration::from_micros(600));
        deep.has_time(Time::from_millis(1_000));
        let mut spent = Duration::ZERO;
        for ms in 1_000..2_000u64 {
            // Many ears, in no order.
            for ear in 0..20 {
                if deep.has_time(Time::from_millis(ms + ear % 3)) {
                    deep.spend(cost);
                    spent += cost;
                }
            }
        }
        assert!((200..206).contains(&spent.as_millis()), "{spent:?}");
    }

    #[test]
    fn what_is_saved_is_bounded() {
        let mut deep = Deep::new();
        assert!(deep.has_time(Time::from_millis(3_600_000)));
        deep.spend(Duration::from_millis(4));
        assert!(!deep.has_time(Time::from_millis(3_600_000)));
        assert!(deep.has_time(Time::from_millis(3_601_000)));
    }
}
