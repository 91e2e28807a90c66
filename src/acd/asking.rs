//! The question to a caller who wants a call-back: at which number.
//!
//! ```text
//!  own number ─▶ "at 138…?" ─ 1 ─▶ Confirmed
//!                   ▲ │ 2
//!                   │ ▼
//!              "which number?" ─ 3 to 20 digits, # ─┘     0, silence, three wrong rounds ─▶ WaitsOn
//! ```
//!
//! Not here: prompts (the switch says what [`Asking::number`] is), and whether a call-back is to be had
//! ([`back`](super::back)).

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};
use crate::call::collect::{Collect, Progress, Wanted};

/// The longest and the shortest number that a caller can give.
const MOST_DIGITS: usize = 20;
const LEAST_DIGITS: usize = 3;
/// Time for the first key, and between keys.
const FIRST: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_secs(4);
/// Rounds of silence or wrong keys before the caller waits on.
const ROUNDS: u32 = 3;

/// A caller who is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asking {
    number: Option<String>,
    collect: Collect,
    round: u32,
}

/// What a key or the clock led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// More may come.
    More,
    /// The next question is to be put, after word that the key was wrong, if it was.
    Again {
        /// It was.
        wrong: bool,
    },
    /// At this number.
    Confirmed(String),
    /// It waits on the line, as before.
    WaitsOn,
}

impl Asking {
    /// Asks to confirm `number`, or for one.
    pub fn new(number: Option<String>) -> Asking {
        Asking::round(number, 1)
    }

    fn round(number: Option<String>, round: u32) -> Asking {
        let max = if number.is_some() { 1 } else { MOST_DIGITS };
        let wanted = Wanted { max, terminators: "#".into(), first: FIRST, between: BETWEEN };
        Asking { number, collect: Collect::new(wanted), round }
    }

    /// The number that is to be confirmed; `None`: one is asked for.
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// When its patience ends.
    pub fn deadline(&self) -> Time {
        self.collect.deadline()
    }

    /// The question has been put: now the time runs.
    pub fn prompt_over(&mut self, now: Time) {
        self.collect.prompt_over(now);
    }

    /// The caller pressed a key.
    pub fn key(&mut self, digit: char, now: Time) -> Answer {
        let progress = self.collect.digit(digit, now);
        self.progress(progress)
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Time) -> Answer {
        if self.deadline() > now {
            return Answer::More;
        }
        let progress = self.collect.wake(now);
        self.progress(progress)
    }

    fn progress(&mut self, progress: Progress) -> Answer {
        let Progress::Done { digits, .. } = progress else { return Answer::More };
        let is_number = digits.len() >= LEAST_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        let (next, wrong) = match (self.number.take(), digits.as_str()) {
            (Some(number), "1") => return Answer::Confirmed(number),
            (Some(_), "0") => return Answer::WaitsOn,
            (Some(_), "2") => (Asking::round(None, self.round), false),
            (None, _) if is_number => (Asking::round(Some(digits), self.round), false),
            _ if self.round >= ROUNDS => return Answer::WaitsOn,
            (number, typed) => (Asking::round(number, self.round + 1), !typed.is_empty()),
        };
        *self = next;
        Answer::Again { wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_000);

    fn keys(asking: &mut Asking, keys: &str) -> Answer {
        keys.chars().map(|key| asking.key(key, NOW)).last().expect("a key")
    }

    #[test]
    fn the_own_number_or_another_one_is_confirmed() {
        let mut asking = Asking::new(Some("138".into()));
        assert_eq!(keys(&mut asking, "1"), Answer::Confirmed("138".into()));
        let mut asking = Asking::new(Some("138".into()));
        assert_eq!(keys(&mut asking, "2"), Answer::Again { wrong: false });
        assert_eq!(asking.number(), None);
        assert_eq!(keys(&mut asking, "01012"), Answer::More);
        assert_eq!(keys(&mut asking, "#"), Answer::Again { wrong: false });
        assert_eq!(asking.number(), Some("01012"));
        assert_eq!(keys(&mut asking, "1"), Answer::Confirmed("01012".into()));
        assert_eq!(keys(&mut Asking::new(Some("138".into())), "0"), Answer::WaitsOn);
    }

    #[test]
    fn three_rounds_of_silence_or_wrong_keys_are_enough() {
        let mut asking = Asking::new(Some("138".into()));
        assert_eq!(keys(&mut asking, "9"), Answer::Again { wrong: true });
        assert_eq!(asking.number(), Some("138"), "asked again");
        asking.prompt_over(NOW);
        assert_eq!(asking.wake(NOW), Answer::More);
        assert_eq!(asking.wake(NOW + FIRST), Answer::Again { wrong: false });
        assert_eq!(keys(&mut asking, "5"), Answer::WaitsOn);
        let mut asking = Asking::new(None);
        assert_eq!(keys(&mut asking, "12#"), Answer::Again { wrong: true }, "too short");
        assert_eq!(keys(&mut asking, "1*3#"), Answer::Again { wrong: true }, "no number");
    }
}
