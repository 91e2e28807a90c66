//! When a thread looks at what comes in: at once while little comes, else by time. Under load the waking of a
//! thread for each message costs more than the message (RTP's workers are paced for the same reason).
//!
//! ```text
//!  seldom   ──m───────────────m────────      each is seen as it comes
//!  thick    ──m──mm─m─|─mmm──m|──m─mm─|      what came within 4 ms is seen together
//!  leisure  ──r────r───r──r─|──r───r──r─|    refreshes of registrations alone: within 40 ms
//! ```

use std::time::{Duration, Instant};

/// How long messages gather while they come thick. SIP's own times begin at 500 ms (T1).
pub const GATHER: Duration = Duration::from_millis(4);
/// The same while a look finds [`MANY`]: hundreds of calls a second.
const GATHER_MORE: Duration = Duration::from_millis(8);
const MANY: usize = 16;
/// The same while nothing but refreshes comes, a few at a time: nobody waits for one, and thousands of phones make
/// a steady trickle of them. The first message of a call is seen later by so much at most.
const LEISURE: Duration = Duration::from_millis(40);
/// So long after a message that somebody waits for there is no leisure: a call's next ones follow.
const BUSY: Duration = Duration::from_secs(5);

/// One thread's pace.
#[derive(Debug)]
pub struct Pace {
    looked: Instant,
    /// How long they gather; zero: they come seldom.
    gather: Duration,
    /// Until then there is no leisure.
    busy: Instant,
}

impl Pace {
    /// Nothing has come yet.
    pub fn new(now: Instant) -> Pace {
        Pace { looked: now, gather: Duration::ZERO, busy: now }
    }

    /// How long to let messages gather before the next look.
    pub fn rest(&self, now: Instant) -> Duration {
        self.gather.saturating_sub(now.saturating_duration_since(self.looked))
    }

    /// A look found so many messages, each of which somebody may wait for.
    pub fn found(&mut self, now: Instant, messages: usize) {
        if messages > 0 {
            self.busy = now + BUSY;
        }
        self.take(now, messages, GATHER);
    }

    /// A look found so many, all of them refreshes.
    pub fn found_refreshes(&mut self, now: Instant, messages: usize) {
        self.take(now, messages, if now < self.busy { GATHER } else { LEISURE });
    }

    fn take(&mut self, now: Instant, messages: usize, gather: Duration) {
        let soon = now.saturating_duration_since(self.looked) < gather * 2;
        self.gather = match messages {
            MANY.. => GATHER_MORE,
            2.. => gather,
            1 if soon => gather,
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

    #[test]
    fn refreshes_alone_gather_for_longer_until_somebody_waits() {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut pace = Pace::new(began);
        pace.found_refreshes(at(100), 1);
        assert_eq!(pace.rest(at(100)), Duration::ZERO, "the first for long");
        pace.found_refreshes(at(110), 1);
        assert_eq!(pace.rest(at(110)), LEISURE, "the next follows soon");
        pace.found_refreshes(at(150), 4);
        assert_eq!(pace.rest(at(150)), LEISURE);
        pace.found_refreshes(at(190), 40);
        assert_eq!(pace.rest(at(190)), GATHER_MORE, "hundreds a second");
        pace.found(at(200), 1);
        pace.found_refreshes(at(206), 2);
        assert_eq!(pace.rest(at(206)), GATHER, "a call is being set up");
        pace.found_refreshes(at(5_300), 2);
        assert_eq!(pace.rest(at(5_300)), LEISURE, "it is up");
        pace.found_refreshes(at(5_340), 0);
        assert_eq!(pace.rest(at(5_340)), Duration::ZERO, "nothing comes");
    }
}
