//! When a thread looks at what comes in: at once while little comes, else by time. Under load the waking of a
//! thread for each message costs more than the message (RTP's workers are paced for the same reason).
//!
//! ```text
//!  seldom   ──m───────────────m────────      each is seen as it comes
//!  thick    ──m──mm─m─|─mmm──m|──m─mm─|      what came within 4 ms is seen together
//! ```

use std::time::{Duration, Instant};

/// How long messages gather while they come thick. SIP's own times begin at 500 ms (T1).
pub const GATHER: Duration = Duration::from_millis(4);
/// The same while a look finds [`MANY`]: hundreds of calls a second.
const GATHER_MORE: Duration = Duration::from_millis(8);
const MANY: usize = 16;

/// One thread's pace.
#[derive(Debug)]
pub struct Pace {
    looked: Instant,
    /// How long they gather; zero: they come seldom.
    gather: Duration,
}

impl Pace {
    /// Nothing has come yet.
    pub fn new(now: Instant) -> Pace {
        Pace { looked: now, gather: Duration::ZERO }
    }

    /// How long to let messages gather before the next look.
    pub fn rest(&self, now: Instant) -> Duration {
        self.gather.saturating_sub(now.saturating_duration_since(self.looked))
    }

    /// A look found so many.
    pub fn found(&mut self, now: Instant, messages: usize) {
        let soon = now.saturating_duration_since(self.looked) < GATHER * 2;
        self.gather = match messages {
            MANY.. => GATHER_MORE,
            2.. => GATHER,
            1 if soon => GATHER,
            _ => Duration::ZERO,
        };
        self.looked = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thick_messages_gather_and_seldom_ones_do_not() {
        let began = Instant::now();
        let at = |us: u64| began + Duration::from_micros(us);
        let mut pace = Pace::new(began);
        pace.found(at(100_000), 1);
        assert_eq!(pace.rest(at(100_000)), Duration::ZERO, "the first for long");
        pace.found(at(100_300), 1);
        assert_eq!(pace.rest(at(100_400)), Duration::from_micros(3_900), "the next follows soon");
        assert_eq!(pace.rest(at(109_000)), Duration::ZERO);
        pace.found(at(102_300), 7);
        assert_eq!(pace.rest(at(102_300)), GATHER);
        pace.found(at(106_300), 40);
        assert_eq!(pace.rest(at(106_300)), GATHER_MORE);
        pace.found(at(114_300), 15);
        assert_eq!(pace.rest(at(114_300)), GATHER, "fewer");
        pace.found(at(118_300), 0);
        assert_eq!(pace.rest(at(118_300)), Duration::ZERO, "the crowd is gone");
        pace.found(at(150_000), 1);
        assert_eq!(pace.rest(at(150_000)), Duration::ZERO);
    }
}
