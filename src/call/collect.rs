//! Taking digits from a caller: a menu's key, an account number, a survey's answer (R3).
//!
//! ```text
//!  prompt plays ──digit──▶ (prompt stops) ──digit…──▶ full, terminator, or pause ──▶ Done
//!       │ prompt over
//!       ▼
//!  first-digit time runs ──over──▶ Done with what there is
//! ```
//!
//! Digits pressed before the prompt began count too: whoever knows the menu by heart presses
//! through it ([`TypedAhead`]).

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};

/// What to take.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Wanted {
    /// As soon as there are this many digits it is over.
    pub max: usize,
    /// Digits that end it and do not count themselves, `#` mostly.
    pub terminators: String,
    /// From the end of the prompt to the first digit.
    pub first: Duration,
    /// Between two digits.
    pub between: Duration,
}

/// Why it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Ended {
    /// There are as many digits as asked for.
    Full,
    /// By this terminator.
    Terminator(char),
    /// By a pause.
    Timeout,
}

/// What a digit or the clock led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More may come.
    More,
    /// More may come, and the prompt is to stop: the caller has begun.
    StopPrompt,
    /// It is over.
    Done {
        /// What was pressed, without the terminator.
        digits: String,
        /// Why.
        ended: Ended,
    },
}

/// One collection under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Collect {
    wanted: Wanted,
    digits: String,
    prompt_over: bool,
    deadline: Time,
}

impl Collect {
    /// Begins; the prompt is about to play.
    pub fn new(wanted: Wanted) -> Collect {
        Collect { wanted, digits: String::new(), prompt_over: false, deadline: Time::NEVER }
    }

    /// The prompt has ended by itself (or there is none): now the time runs.
    pub fn prompt_over(&mut self, now: Time) {
        if !self.prompt_over {
            self.prompt_over = true;
            let patience =
                if self.digits.is_empty() { self.wanted.first } else { self.wanted.between };
            self.deadline = now + patience;
        }
    }

    /// The caller pressed `digit`.
    pub fn digit(&mut self, digit: char, now: Time) -> Progress {
        if self.wanted.terminators.contains(digit) {
            return self.done(Ended::Terminator(digit));
        }
        self.digits.push(digit);
        if self.digits.len() >= self.wanted.max {
            return self.done(Ended::Full);
        }
        let first = !core::mem::replace(&mut self.prompt_over, true);
        self.deadline = now + self.wanted.between;
        if first { Progress::StopPrompt } else { Progress::More }
    }

    /// The digits that end it.
    pub fn terminators(&self) -> &str {
        &self.wanted.terminators
    }
    /// What was pressed so far.
    pub fn so_far(&self) -> &str {
        &self.digits
    }
    /// What was pressed so far is enough: nothing longer would mean anything else.
    pub fn enough(&mut self) -> Progress {
        self.done(Ended::Full)
    }
    /// When the patience ends.
    pub fn deadline(&self) -> Time {
        self.deadline
    }
    /// It is `now`.
    pub fn wake(&mut self, now: Time) -> Progress {
        if now >= self.deadline { self.done(Ended::Timeout) } else { Progress::More }
    }

    fn done(&mut self, ended: Ended) -> Progress {
        self.deadline = Time::NEVER;
        Progress::Done { digits: core::mem::take(&mut self.digits), ended }
    }
}

/// How long after an entry that its length has ended a terminator still closes it.
const CLOSING: Duration = Duration::from_secs(1);

/// Digits that came before anyone asked, and the terminator behind an entry that is over already: who
/// closes a PIN with `#` does not mean what comes after it.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct TypedAhead {
    digits: String,
    /// The terminators of the entry that was full, and until when one belongs to it.
    #[serde(default)]
    closing: Option<(String, Time)>,
}

impl TypedAhead {
    /// The most that is kept; later digits push the oldest out.
    pub const MAX: usize = 32;

    /// Keeps `digit`.
    pub fn push(&mut self, digit: char) {
        if self.digits.len() >= Self::MAX {
            self.digits.remove(0);
        }
        self.digits.push(digit);
    }
    /// The oldest one.
    pub fn take(&mut self) -> Option<char> {
        (!self.digits.is_empty()).then(|| self.digits.remove(0))
    }
    /// Forgets all: what comes next is not a continuation (a survey after the talk).
    pub fn clear(&mut self) {
        self.digits.clear();
    }
    /// An entry was full at `now`: one of these behind it belongs to it.
    pub fn entry_full(&mut self, terminators: &str, now: Time) {
        match self.digits.chars().next() {
            Some(next) if terminators.contains(next) => drop(self.take()),
            Some(_) => {}
            None => self.closing = Some((terminators.into(), now + CLOSING)),
        }
    }
    /// Whether `digit` only closes the entry before. Asked of each digit.
    pub fn closes(&mut self, digit: char, now: Time) -> bool {
        let closing = self.closing.take();
        closing.is_some_and(|(terminators, until)| now < until && terminators.contains(digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(max: usize) -> Collect {
        Collect::new(Wanted {
            max,
            terminators: "#".into(),
            first: Duration::from_secs(5),
            between: Duration::from_secs(2),
        })
    }
    fn at(s: u64) -> Time {
        Time::from_millis(s * 1000)
    }
    fn done(digits: &str, ended: Ended) -> Progress {
        Progress::Done { digits: digits.into(), ended }
    }

    #[test]
    fn a_digit_stops_the_prompt_and_the_last_one_ends_it() {
        let mut c = collect(3);
        assert_eq!(c.deadline(), Time::NEVER, "while the prompt plays no time runs");
        assert_eq!(c.digit('1', at(1)), Progress::StopPrompt);
        assert_eq!(c.digit('2', at(2)), Progress::More);
        assert_eq!(c.deadline(), at(4));
        assert_eq!(c.digit('3', at(3)), done("123", Ended::Full));
    }

    #[test]
    fn terminator_and_pauses_end_it() {
        let mut c = collect(5);
        c.prompt_over(at(10));
        assert_eq!(c.deadline(), at(15));
        assert_eq!(c.wake(at(14)), Progress::More);
        assert_eq!(c.wake(at(15)), done("", Ended::Timeout));
        let mut c = collect(5);
        c.digit('7', at(0));
        c.prompt_over(at(1));
        assert_eq!(c.deadline(), at(2), "a late end of the prompt gives no new time");
        assert_eq!(c.digit('#', at(1)), done("7", Ended::Terminator('#')));
    }

    #[test]
    fn a_terminator_behind_a_full_entry_belongs_to_it() {
        let typed = |keys: &str| {
            let mut typed = TypedAhead::default();
            keys.chars().for_each(|key| typed.push(key));
            typed.entry_full("#", at(10));
            typed
        };
        assert!(typed("").closes('#', at(10)));
        assert!(!typed("").closes('#', at(11)), "a second later it is a key of its own");
        assert!(!typed("").closes('1', at(10)), "no terminator");
        let mut once = typed("");
        assert!(once.closes('#', at(10)) && !once.closes('#', at(10)), "one closes it");
        let mut other = typed("");
        assert!(!other.closes('1', at(10)) && !other.closes('#', at(10)), "not right behind it");
        let mut ahead = typed("#2");
        assert_eq!((ahead.closes('#', at(10)), ahead.take()), (false, Some('2')));
        assert_eq!(typed("2#").take(), Some('2'));
    }

    #[test]
    fn typing_ahead_keeps_the_latest() {
        let mut typed = TypedAhead::default();
        (0..40).for_each(|n| typed.push(char::from(b'0' + n % 10)));
        assert_eq!(typed.take(), Some('8'));
        assert_eq!(core::iter::from_fn(|| typed.take()).count(), 31);
    }
}
