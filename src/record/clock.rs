//! Whether the calendar is believed when it says that a recording's time is over.
//!
//! A clock can be wrong: a battery is dead, a time server answers nonsense, a virtual machine is put
//! back. Recordings that are removed by such a day do not come back. So the wall clock is held against
//! what was known: the wall time that was believed last, run on by the monotonic clock.
//!
//! ```text
//!   within LEAP of what was known  ─▶ believed: from now on this is what is known
//!   further behind                 ─▶ ages go by it: nothing goes too early
//!   further ahead                  ─▶ ages go by what was known; somebody has to look at it
//!       │ an operator says that it is right, or it has run on steadily for STEADY
//!       └─▶ believed
//! ```
//!
//! Rules only. The engine's `archive` thread keeps what is known over a restart.

use crate::base::{Duration, Now, Time, Wall};

/// How far the wall clock may be from what was known: a stop over the weekend's night is within it.
const LEAP: Duration = Duration::from_secs(2 * 86_400);
/// How long a clock that had leapt has to run on before it is believed by itself.
pub const STEADY: Duration = Duration::from_secs(7 * 86_400);

/// What is known of the date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    known: Now,
    /// Since when the wall clock has been elsewhere, and where it was then.
    elsewhere: Option<Now>,
}

/// What ages are judged by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The wall time that holds.
    pub wall: Wall,
    /// By how much the clock is ahead of it, when that is not believed.
    pub ahead: Option<Duration>,
}

impl Clock {
    /// At the start: `last` was believed before. Without it there is nothing to doubt the clock by.
    pub fn new(last: Option<Wall>, now: Now) -> Clock {
        Clock { known: Now { at: now.at, wall: last.unwrap_or(now.wall) }, elsewhere: None }
    }

    /// What is known, run on to `at`.
    pub fn known(&self, at: Time) -> Wall {
        run_on(self.known, at)
    }

    /// What ages are judged by now.
    pub fn look(&mut self, now: Now) -> Judged {
        let known = self.known(now.at);
        let steady = |since: &Now| is_near(run_on(*since, now.at), now.wall);
        if is_near(known, now.wall) {
            return self.believe(now);
        }
        match self.elsewhere.filter(steady) {
            Some(since) if now.at.since(since.at) >= STEADY => return self.believe(now),
            Some(_) => {}
            None => self.elsewhere = Some(now),
        }
        match now.wall > known {
            true => Judged { wall: known, ahead: Some(apart(known, now.wall)) },
            false => Judged { wall: now.wall, ahead: None },
        }
    }

    /// The wall clock is right: now, or because an operator says so.
    pub fn believe(&mut self, now: Now) -> Judged {
        (self.known, self.elsewhere) = (now, None);
        Judged { wall: now.wall, ahead: None }
    }
}

/// The wall time at `at` of a clock that has run on from `since`.
fn run_on(since: Now, at: Time) -> Wall {
    let passed = i64::try_from(at.since(since.at).as_millis()).unwrap_or(i64::MAX);
    Wall(since.wall.0.saturating_add(passed))
}

fn apart(a: Wall, b: Wall) -> Duration {
    Duration::from_millis(a.0.abs_diff(b.0))
}

fn is_near(a: Wall, b: Wall) -> bool {
    apart(a, b) <= LEAP
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn now(ran: i64, wall: i64) -> Now {
        Now { at: Time::from_millis(ran as u64), wall: Wall(wall) }
    }

    #[test]
    fn a_clock_that_runs_is_believed_whatever_was_skipped_within_two_days() {
        let mut clock = Clock::new(Some(Wall(100 * DAY)), now(0, 101 * DAY));
        for (ran, wall) in [(0, 101 * DAY), (30 * DAY, 131 * DAY), (30 * DAY, 133 * DAY)] {
            let judged = Judged { wall: Wall(wall), ahead: None };
            assert_eq!(clock.look(now(ran, wall)), judged);
        }
    }

    #[test]
    fn a_leap_ahead_moves_no_age_until_it_is_confirmed_or_has_run_on() {
        let ahead = |known: i64, days: u64| Judged {
            wall: Wall(known),
            ahead: Some(Duration::from_secs(days * 86_400)),
        };
        let leapt = || {
            let mut clock = Clock::new(Some(Wall(100 * DAY)), now(0, 500 * DAY));
            assert_eq!(clock.look(now(0, 500 * DAY)), ahead(100 * DAY, 400));
            assert_eq!(clock.look(now(6 * DAY, 506 * DAY)), ahead(106 * DAY, 400));
            clock
        };
        let believed = |wall| Judged { wall: Wall(wall), ahead: None };
        let mut clock = leapt();
        assert_eq!(clock.look(now(7 * DAY, 507 * DAY)), believed(507 * DAY), "it ran on");
        let mut clock = leapt();
        assert_eq!(clock.look(now(7 * DAY, 800 * DAY)), ahead(107 * DAY, 693), "it leapt again");
        assert_eq!(clock.look(now(13 * DAY, 806 * DAY)), ahead(113 * DAY, 693));
        assert_eq!(clock.look(now(14 * DAY, 114 * DAY)), believed(114 * DAY), "it was put right");
        assert_eq!(clock.look(now(15 * DAY, 800 * DAY)), ahead(115 * DAY, 685));
        clock.believe(now(15 * DAY, 800 * DAY));
        assert_eq!(clock.look(now(16 * DAY, 801 * DAY)), believed(801 * DAY), "confirmed");
    }

    #[test]
    fn a_clock_that_wakes_up_in_1970_forgets_nothing() {
        let mut clock = Clock::new(Some(Wall(20_000 * DAY)), now(0, 0));
        assert_eq!(clock.look(now(0, 0)), Judged { wall: Wall(0), ahead: None });
        let right = 20_001 * DAY;
        assert_eq!(clock.look(now(60_000, right)), Judged { wall: Wall(right), ahead: None });
        assert_eq!(clock.known(Time::from_millis(120_000)), Wall(right + 60_000));
    }

    #[test]
    fn without_anything_known_the_clock_is_all_there_is() {
        let mut clock = Clock::new(None, now(0, 500 * DAY));
        assert_eq!(clock.look(now(1, 500 * DAY)).ahead, None);
    }
}
