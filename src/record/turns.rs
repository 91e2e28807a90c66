//! Which recorder outside has a call, and when it is tried again: the first in the admin's order that takes
//! it; one that has failed comes last.
//!
//! ```text
//!   a, b, c ── a fails ─▶ b ── b fails ─▶ c ── c fails ─▶ pause: 10 s, 20 s … 5 min ─▶ a, b, c
//!                                              └ stands for a minute: all is forgotten
//! ```
//!
//! Not here: whether a recorder answers ([`trunk::health`](crate::trunk), the switch asks), what fails.

use crate::base::{Duration, Time};

/// The pause after a round in which nobody took the call, and the longest that it grows to.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A session that stood for so long is a success.
const STOOD: Duration = Duration::from_secs(60);

/// How it stands with one call.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Turns {
    /// Those that have failed in this round.
    failed: Vec<String>,
    /// Rounds in which nobody took it, in a row.
    rounds: u32,
    /// Nobody is asked before.
    again: Option<Time>,
}

impl Turns {
    /// The one whose turn it is of `names`, in their order, of those that `take` calls now.
    pub fn next<'n>(
        &self,
        now: Time,
        mut names: impl Iterator<Item = &'n str>,
        mut takes: impl FnMut(&str) -> bool,
    ) -> Option<&'n str> {
        if self.waits(now) {
            return None;
        }
        names.find(|name| !self.failed.iter().any(|failed| failed == name) && takes(name))
    }

    /// Whether nobody is to be asked yet.
    pub fn waits(&self, now: Time) -> bool {
        self.again.is_some_and(|again| now < again)
    }

    /// When to ask again.
    pub fn due(&self) -> Time {
        self.again.unwrap_or(Time::NEVER)
    }

    /// That one has failed, which had the call for `stood`.
    pub fn failed(&mut self, name: &str, stood: Duration) {
        if stood >= STOOD {
            *self = Turns::default();
        }
        self.failed.push(name.to_owned());
    }

    /// Nobody takes it: a pause, and then all again.
    pub fn nobody(&mut self, now: Time) {
        let grown = PAUSE * (1 << self.rounds.min(10));
        self.rounds += 1;
        self.again = Some(now + grown.min(LONGEST_PAUSE));
        self.failed.clear();
    }

    /// One that was away is back: all are asked again at once.
    pub fn anew(&mut self) {
        (self.again, self.failed) = (None, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn next(turns: &Turns, now: u64, down: &str) -> Option<&'static str> {
        turns.next(at(now), ["a", "b"].into_iter(), |name| name != down)
    }

    #[test]
    fn the_first_that_takes_it_and_then_the_next() {
        let mut turns = Turns::default();
        assert_eq!((next(&turns, 0, ""), next(&turns, 0, "a")), (Some("a"), Some("b")));
        turns.failed("a", Duration::ZERO);
        assert_eq!((next(&turns, 0, ""), next(&turns, 0, "b")), (Some("b"), None));
    }

    #[test]
    fn pauses_grow_and_end_with_a_success() {
        let mut turns = Turns::default();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            turns.failed("a", Duration::ZERO);
            turns.nobody(at(0));
            pauses.push(turns.due().as_nanos() / 1_000_000_000);
            assert!(turns.waits(at(9)) && next(&turns, 9, "").is_none());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(next(&turns, 300, ""), Some("a"), "all again");
        turns.failed("a", Duration::from_secs(61));
        assert_eq!(next(&turns, 300, ""), Some("b"));
        turns.nobody(at(400));
        assert_eq!(turns.due(), at(410));
        turns.anew();
        assert_eq!((turns.due(), next(&turns, 400, "")), (Time::NEVER, Some("a")));
    }
}
