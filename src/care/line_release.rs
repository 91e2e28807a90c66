//! The line of a bell's call (R13): released where nobody of ours does anything with it, and how it ended.
//!
//! ```text
//!  a bell's call ─▶ waits ──somebody talks──▶ is a talk like others ──▶ over: normal, or fault
//!                     └── two minutes, and nobody has ──▶ released: fault (报障)
//! ```
//!
//! Its case stays open, and what is done about it is the rule of cases. Not here: which calls are bells'.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::base::{CallId, Duration, Time};

/// How the line of a bell's call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// A party hung up, or the plan came to its end: 正常.
    Normal,
    /// It was released, or broke: 报障.
    Fault,
}

impl LineEnd {
    /// Both.
    pub const ALL: [LineEnd; 2] = [LineEnd::Normal, LineEnd::Fault];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            LineEnd::Normal => "normal",
            LineEnd::Fault => "fault",
        }
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<LineEnd> {
        LineEnd::ALL.into_iter().find(|end| end.as_str() == word)
    }
}

/// Bells' calls in which nobody of ours has done anything yet.
#[derive(Debug, Default)]
pub struct LineRelease {
    due: BTreeSet<(Time, CallId)>,
    of: BTreeMap<CallId, Time>,
    /// How often one was put off because somebody of ours was being rung for it.
    put_off: BTreeMap<CallId, u32>,
}

/// So long a line is kept on while somebody of ours is rung for it: a phone that rings is answered, or rings no more.
const WHILE_RUNG: Duration = Duration::from_secs(10);
/// So often at most.
const MOST_PUT_OFF: u32 = 6;

impl LineRelease {
    /// A bell's call waits; it is released after so long, zero: never.
    pub fn waits(&mut self, now: Time, call: CallId, after: Duration) {
        self.over(call);
        if !after.is_zero() {
            self.due.insert((now + after, call));
            self.of.insert(call, now + after);
        }
    }

    /// Somebody of ours has done something, or the call is over.
    pub fn over(&mut self, call: CallId) {
        self.put_off.remove(&call);
        self.forget(call);
    }

    fn forget(&mut self, call: CallId) {
        if let Some(at) = self.of.remove(&call) {
            self.due.remove(&(at, call));
        }
    }

    /// When the first is due.
    pub fn next_wake(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// A line that is to be released.
    pub fn due(&mut self, now: Time) -> Option<CallId> {
        let (_, call) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.forget(call);
        Some(call)
    }

    /// One that was due is kept on for a while, for somebody of ours is being rung for it. `false`: it was often enough.
    pub fn put_off(&mut self, now: Time, call: CallId) -> bool {
        let times = self.put_off.entry(call).or_default();
        if *times >= MOST_PUT_OFF {
            return false;
        }
        *times += 1;
        let at = now + WHILE_RUNG;
        self.due.insert((at, call));
        self.of.insert(call, at);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    #[test]
    fn two_minutes_without_a_hand_and_it_is_released_once() {
        let at = |s: u64| Time::from_millis(s * 1_000);
        let [first, second, third] = [1, 2, 3].map(|n| CallId::new(Wall(9), n));
        let mut lines = LineRelease::default();
        let after = Duration::from_secs(120);
        lines.waits(at(0), first, after);
        lines.waits(at(10), second, after);
        lines.waits(at(10), third, Duration::ZERO);
        assert_eq!((lines.due(at(119)), lines.next_wake()), (None, Some(at(120))));
        assert_eq!(lines.due(at(120)), Some(first));
        lines.over(second);
        assert_eq!((lines.due(at(500)), lines.next_wake()), (None, None));
    }

    /// A phone that rings for it may be answered yet; but not for ever.
    #[test]
    fn a_line_for_which_somebody_is_rung_is_kept_on_for_a_minute_at_most() {
        let at = |s: u64| Time::from_millis(s * 1_000);
        let call = CallId::new(Wall(9), 1);
        let mut lines = LineRelease::default();
        lines.waits(at(0), call, Duration::from_secs(120));
        let mut now = 120;
        while lines.due(at(now)) == Some(call) && lines.put_off(at(now), call) {
            assert_eq!(lines.next_wake(), Some(at(now + 10)));
            now += 10;
        }
        assert_eq!(now, 180);
        lines.over(call);
        assert_eq!((lines.next_wake(), lines.put_off.len()), (None, 0));
    }

    #[test]
    fn the_words() {
        for end in LineEnd::ALL {
            assert_eq!(LineEnd::named(end.as_str()), Some(end));
        }
        assert_eq!(LineEnd::named("报障"), None);
    }
}
