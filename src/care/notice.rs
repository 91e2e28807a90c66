//! What a terminal hears that calls in by itself to say how it is (R14): a low battery, no mains, all well again.
//!
//! ```text
//!  by keys:     report ─▶ written ─▶ confirmed ─▶ the prompt ─▶ the line is given back
//!  by MESSAGE:  report ─▶ written ─▶ 200;  its call, soon after ─▶ the prompt ─▶ still there: an alarm like any call
//! ```
//!
//! A call that is no alarm by its report is one as soon as whoever calls stays. Not here: who plays, who writes down.

use std::collections::{BTreeMap, BTreeSet};

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
    /// In the order of their times: one entry for each.
    until: BTreeSet<(Time, String)>,
}

impl Notices {
    /// A terminal has said how it is; its call is expected within this.
    pub fn said(&mut self, now: Time, account: &str, meaning: Meaning, within: Duration) {
        self.forget(now);
        let prompt = match (prompt(meaning), meaning) {
            (Some(prompt), _) => prompt,
            // Its call is the alarm's.
            (None, Meaning::Alarm(_)) => {
                self.remove(account);
                return;
            }
            // A heartbeat, or what says nothing, changes nothing of what it is to hear.
            (None, _) => return,
        };
        self.remove(account);
        if self.of.len() < MOST_EXPECTED {
            self.of.insert(account.to_owned(), (now + within, prompt));
            self.until.insert((now + within, account.to_owned()));
        }
    }

    /// It calls: what it is to hear, once.
    pub fn calls(&mut self, now: Time, account: &str) -> Option<&'static str> {
        self.forget(now);
        self.remove(account)
    }

    fn remove(&mut self, account: &str) -> Option<&'static str> {
        let (until, prompt) = self.of.remove(account)?;
        self.until.remove(&(until, account.to_owned()));
        Some(prompt)
    }

    fn forget(&mut self, now: Time) {
        while self.until.first().is_some_and(|(until, _)| *until <= now) {
            let Some((_, account)) = self.until.pop_first() else { break };
            self.of.remove(&account);
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

    /// A heartbeat says nothing of a battery; what is expected of others is their own, however often one says the same.
    #[test]
    fn only_an_alarm_takes_a_notice_away() {
        let at = |s: u64| Time::from_millis(s * 1_000);
        let within = Duration::from_secs(60);
        let low = Meaning::Began(Trouble::Battery);
        let mut notices = Notices::default();
        for n in 0..2 * MOST_EXPECTED as u64 {
            notices.said(Time::from_millis(n), "1", low, within);
        }
        for meaning in [Meaning::Alive, Meaning::Noted, Meaning::Cancelled] {
            notices.said(at(20), "1", meaning, within);
        }
        notices.said(at(20), "2", Meaning::Over(Trouble::Mains), within);
        assert_eq!(notices.calls(at(21), "1"), Some("care/notice-battery"));
        assert_eq!(notices.calls(at(22), "2"), Some("care/notice-restored"));
        assert!(notices.until.is_empty());
        for n in 0..2 * MOST_EXPECTED {
            notices.said(at(30), &n.to_string(), low, within);
        }
        assert_eq!((notices.of.len(), notices.until.len()), (MOST_EXPECTED, MOST_EXPECTED));
        assert_eq!(notices.calls(at(90), "5"), None);
        assert_eq!(notices.until.len(), 0);
    }
}
