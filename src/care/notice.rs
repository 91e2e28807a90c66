//! What a terminal hears that calls in by itself to say how it is (R14): a low battery, no mains, all well again.
//!
//! ```text
//!  by keys:     report ─▶ written ─▶ confirmed ─▶ the prompt ─▶ the line is given back
//!  by MESSAGE:  report ─▶ written ─▶ 200;  its call, soon after ─▶ the prompt ─▶ still there: an alarm like any call
//! ```
//!
//! A call that is no alarm by its report is one as soon as whoever calls stays. Not here: who plays, who writes down.

use std::collections::{BTreeMap, VecDeque};

use crate::base::{Duration, Time};

use super::report::{Meaning, Trouble};

/// Terminals whose call is expected to hear something.
const MOST_EXPECTED: usize = 10_000;

/// The prompt that says what a terminal has reported; `None`: nothing that is to be heard.
pub fn prompt(meaning: Meaning) -> Option<&'static str> {
    Some(match meaning {
        Meaning::Began(Trouble::Battery) => "care/notice-battery",
        Meaning::Began(Trouble::Mains) => "care/notice-mains",
        Meaning::Began(_) => "care/notice-fault",
        Meaning::Over(_) => "care/notice-restored",
        Meaning::Alarm(_) | Meaning::Cancelled | Meaning::Alive | Meaning::Noted => return None,
    })
}

/// Terminals that have said by MESSAGE how they are, and whose call may follow.
#[derive(Debug, Default)]
pub struct Notices {
    of: BTreeMap<String, (Time, &'static str)>,
    /// In their order.
    until: VecDeque<(Time, String)>,
}

impl Notices {
    /// A terminal has said how it is; its call is expected within this.
    pub fn said(&mut self, now: Time, account: &str, meaning: Meaning, within: Duration) {
        self.forget(now);
        let Some(prompt) = prompt(meaning) else {
            // An alarm: its call is that one's.
            self.of.remove(account);
            return;
        };
        if self.until.len() >= MOST_EXPECTED {
            return;
        }
        self.of.insert(account.to_owned(), (now + within, prompt));
        self.until.push_back((now + within, account.to_owned()));
    }

    /// It calls: what it is to hear, once.
    pub fn calls(&mut self, now: Time, account: &str) -> Option<&'static str> {
        self.forget(now);
        self.of.remove(account).map(|(_, prompt)| prompt)
    }

    fn forget(&mut self, now: Time) {
        while self.until.front().is_some_and(|(until, _)| *until <= now) {
            let Some((at, account)) = self.until.pop_front() else { break };
            // Not what was said since.
            if self.of.get(&account).is_some_and(|(until, _)| *until <= at) {
                self.of.remove(&account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Need;
    use super::*;

    #[test]
    fn a_call_soon_after_its_report_hears_what_was_reported_once() {
        let at = |s: u64| Time::from_millis(s * 1_000);
        let within = Duration::from_secs(60);
        let low = Meaning::Began(Trouble::Battery);
        let mut notices = Notices::default();
        notices.said(at(0), "1", low, within);
        notices.said(at(0), "2", low, within);
        notices.said(at(0), "3", Meaning::Over(Trouble::Mains), within);
        notices.said(at(1), "2", Meaning::Alarm(Need::Fall), within);
        assert_eq!(notices.calls(at(10), "1"), Some("care/notice-battery"));
        assert_eq!(notices.calls(at(11), "1"), None, "once");
        assert_eq!(notices.calls(at(12), "2"), None, "it has raised an alarm since");
        notices.said(at(30), "3", low, within);
        assert_eq!(notices.calls(at(70), "3"), Some("care/notice-battery"), "the later one");
        notices.said(at(80), "1", low, within);
        assert_eq!(notices.calls(at(140), "1"), None, "too late");
        assert!(notices.until.len() <= 1);
    }
}
