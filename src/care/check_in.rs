//! Check-ins (R11): who has to report by when, who has, and what follows when somebody has not.
//!
//! ```text
//!        sign within the window                      a sign, or a person closes the task
//!  due ───────────────▶ settled                     ┌──────────────────────────▶ over
//!   │ not by then, and the grace is over            │
//!   └──▶ missed ─▶ reminder call ─▶ … as often ─▶ task: a case ─▶ contacts, one after the other
//!          once     every so often     as set       once
//! ```
//!
//! Each time that is due is settled once: by a sign within its window, or as missed. Up to where each is
//! settled, and what is open, is written down by who drives this, and given back at the start; what fell due
//! meanwhile is missed then. Due is by the calendar; how long until a reminder or the next one is by the
//! clock that does not jump. A calendar that is set back by more than [`STEP`] was wrong before: what was
//! missed by it is due again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::{Duration, Now, Time, Wall};

use super::directory::Kept;
use super::schedule::{Schedule, Way};

/// By how much the calendar may be set back and still count as having been right.
pub const STEP: Duration = Duration::from_secs(3_600);
/// A calendar that was set is noticed within this.
const LOOK: Duration = Duration::from_secs(60);
/// Actions that are given at once; the rest at the next asking.
const MOST_AT_ONCE: usize = 1_000;

/// What the configuration says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terms {
    /// A sign counts for a time so long before it.
    pub window: Duration,
    /// So long after it is missed.
    pub grace: Duration,
    /// Reminder calls.
    pub reminders: u32,
    /// From the end of one call to the next, and to the task after the last.
    pub every: Duration,
    /// From the task to the first contact; zero: none is called.
    pub escalate: Duration,
    /// Calls at once: the other channels are for alarms.
    pub calls: usize,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It was not reported by this time: to be written down.
    Missed {
        /// Whose.
        account: String,
        /// Which.
        due: Wall,
    },
    /// Call, and remind.
    Remind {
        /// Whom.
        account: String,
        /// Of which.
        due: Wall,
        /// The how manieth time, from 1.
        nth: u32,
    },
    /// A person has to act.
    Task {
        /// Whose.
        account: String,
        /// Which.
        due: Wall,
    },
    /// Call a contact.
    Contact {
        /// Whose.
        account: String,
        /// Which.
        due: Wall,
        /// Which contact, from 0.
        nth: usize,
    },
}

/// A sign that was of use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed {
    /// The time that it settles: one to come, or the one that was missed.
    pub due: Wall,
    /// It was missed before.
    pub late: bool,
}

/// How far a missed one has come: as it is kept over a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missed {
    /// Which.
    pub due: Wall,
    /// Reminder calls made.
    pub reminders: u32,
    /// It is a person's task.
    pub task: bool,
    /// Contacts called.
    pub contacts: usize,
}

/// What follows a missed one.
#[derive(Clone, Debug)]
struct Open {
    missed: Missed,
    /// A call for it is up.
    calling: bool,
    /// When the next step is due; [`Time::NEVER`]: none is.
    next: Time,
}

struct Entry {
    schedule: Schedule,
    /// Its own; none: the node's.
    zone: Option<TimeZone>,
    served: (Option<Date>, Option<Date>),
    contacts: usize,
    /// All until then is settled.
    settled: Wall,
    /// The last was settled by a sign.
    by_sign: bool,
    /// What is due next.
    next: Option<Wall>,
    open: Option<Open>,
}

/// All who have to report.
pub struct CheckIns {
    terms: Terms,
    zone: TimeZone,
    holiday: Box<dyn Fn(Date) -> bool + Send>,
    entries: BTreeMap<String, Entry>,
    /// By when each is missed.
    due: BTreeSet<(Wall, String)>,
    /// When each open one's next step is due.
    steps: BTreeSet<(Time, String)>,
    /// Calls that are up.
    calling: usize,
    /// The last look at the clocks.
    last: Option<Now>,
}

impl core::fmt::Debug for CheckIns {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CheckIns").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl CheckIns {
    /// Nobody has to report yet.
    pub fn new(terms: Terms) -> CheckIns {
        CheckIns {
            terms,
            zone: TimeZone::UTC,
            holiday: Box::new(|_| false),
            entries: BTreeMap::new(),
            due: BTreeSet::new(),
            steps: BTreeSet::new(),
            calling: 0,
            last: None,
        }
    }

    /// Another configuration: how long, where, and which days are holidays.
    pub fn configure(
        &mut self,
        terms: Terms,
        zone: TimeZone,
        holiday: impl Fn(Date) -> bool + Send + 'static,
    ) {
        (self.terms, self.zone, self.holiday) = (terms, zone, Box::new(holiday));
        let all: Vec<String> = self.entries.keys().cloned().collect();
        for account in all {
            self.plan(&account);
        }
    }

    /// A subscriber is new, or other than before. `settled`: up to where the records say that all is.
    pub fn put(&mut self, kept: &Kept, settled: Option<Wall>) {
        let subscriber = &kept.subscriber;
        let account = subscriber.number.clone();
        let old = self.entries.remove(&account);
        if let Some(old) = &old {
            self.unplan(&account, old);
        }
        let known = [settled, old.as_ref().map(|old| old.settled)].into_iter().flatten().max();
        // What the schedule says of times before it was made is nobody's duty.
        let settled = known.map_or(kept.since, |known| known.max(kept.since));
        let zone = match subscriber.time_zone.as_str() {
            "" => None,
            name => TimeZone::get(name).ok(),
        };
        let (by_sign, open) = old.map_or((false, None), |old| (old.by_sign, old.open));
        if subscriber.check_in.is_empty() && open.is_none() {
            return;
        }
        let entry = Entry {
            schedule: subscriber.check_in.clone(),
            zone,
            served: (subscriber.served_from, subscriber.served_until),
            contacts: subscriber.contacts.len(),
            settled,
            by_sign,
            next: None,
            open: None,
        };
        self.entries.insert(account.clone(), entry);
        if let Some(open) = open {
            self.open(&account, open);
        }
        self.plan(&account);
    }

    /// What was open before the start: its next step is due now.
    pub fn restore(&mut self, now: Now, account: &str, missed: Missed) {
        if self.entries.get(account).is_some_and(|entry| entry.open.is_none()) {
            self.open(account, Open { missed, calling: false, next: now.at });
        }
    }

    /// A subscriber is gone: nothing more is expected of it.
    pub fn remove(&mut self, account: &str) {
        if let Some(old) = self.entries.remove(account) {
            self.unplan(account, &old);
            self.calling -= usize::from(old.open.is_some_and(|open| open.calling));
        }
    }

    /// A sign of life. `Some`: it is of use, and to be written down. What is due is to be asked for before: one
    /// that is overdue and was not told of yet counts as reported.
    pub fn sign(&mut self, now: Now, account: &str, way: Way) -> Option<Signed> {
        let entry = self.entries.get_mut(account)?;
        if !entry.schedule.ways.has(way) {
            return None;
        }
        if let Some(open) = entry.open.take() {
            let due = open.missed.due;
            self.steps.remove(&(open.next, account.to_owned()));
            self.calling -= usize::from(open.calling);
            // It says as well that all is well for what is due soon.
            self.settles(now, account);
            return Some(Signed { due, late: true });
        }
        self.settles(now, account).map(|due| Signed { due, late: false })
    }

    /// Settles what is due next, if now is within its window.
    fn settles(&mut self, now: Now, account: &str) -> Option<Wall> {
        let entry = self.entries.get_mut(account)?;
        let due = entry.next?;
        let from = Wall(due.0 - millis(self.terms.window)).max(entry.settled);
        if now.wall < from {
            return None;
        }
        (entry.settled, entry.by_sign) = (due, true);
        self.plan(account);
        Some(due)
    }

    /// Up to where all of one is settled.
    pub fn settled(&self, account: &str) -> Option<Wall> {
        Some(self.entries.get(account)?.settled)
    }

    /// A person has seen to it. Gives which.
    pub fn closed(&mut self, account: &str) -> Option<Wall> {
        let open = self.entries.get_mut(account)?.open.take()?;
        self.steps.remove(&(open.next, account.to_owned()));
        self.calling -= usize::from(open.calling);
        Some(open.missed.due)
    }

    /// A contact sees to it: no further one is called. Gives which it is; `None`: nothing is open, or no contact is
    /// called now.
    pub fn accepted(&mut self, account: &str) -> Option<Wall> {
        let entry = self.entries.get_mut(account)?;
        let open = entry.open.as_mut().filter(|open| open.calling && open.missed.task)?;
        open.missed.contacts = entry.contacts.max(open.missed.contacts);
        Some(open.missed.due)
    }

    /// A call for it is over, or could not be made.
    pub fn call_over(&mut self, now: Now, account: &str) {
        let every = self.terms.every;
        let Some(entry) = self.entries.get_mut(account) else { return };
        let Some(open) = entry.open.as_mut().filter(|open| open.calling) else { return };
        open.calling = false;
        open.next = now.at + every;
        self.calling -= 1;
        self.steps.insert((open.next, account.to_owned()));
    }

    /// What is due. To be asked until it gives nothing.
    pub fn due(&mut self, now: Now) -> Vec<Action> {
        self.look_at_clocks(now);
        let mut actions = Vec::new();
        let grace = millis(self.terms.grace);
        let is_missed = |(due, _): &&(Wall, String)| now.wall.0 >= due.0.saturating_add(grace);
        while actions.len() < MOST_AT_ONCE && self.due.first().filter(is_missed).is_some() {
            let Some((due, account)) = self.due.pop_first() else { break };
            let Some(entry) = self.entries.get_mut(&account) else { continue };
            (entry.settled, entry.by_sign, entry.next) = (due, false, None);
            actions.push(Action::Missed { account: account.clone(), due });
            // One that is open already goes on: who is sought is sought once.
            if entry.open.is_none() {
                let missed = Missed { due, reminders: 0, task: false, contacts: 0 };
                self.open(&account, Open { missed, calling: false, next: now.at });
            }
            self.plan(&account);
        }
        self.next_steps(now, &mut actions);
        actions
    }

    fn next_steps(&mut self, now: Now, actions: &mut Vec<Action>) {
        let due: Vec<(Time, String)> =
            self.steps.range(..=(now.at, "\u{10ffff}".to_owned())).cloned().collect();
        for (at, account) in due {
            let (full, terms) = (self.calling >= self.terms.calls, &self.terms);
            let Some(entry) = self.entries.get_mut(&account) else { continue };
            let Some(open) = entry.open.as_mut() else { continue };
            let missed = &mut open.missed;
            let (due, mut next) = (missed.due, Time::NEVER);
            let whose = account.clone();
            if !missed.task && missed.reminders < terms.reminders {
                if full {
                    continue;
                }
                missed.reminders += 1;
                open.calling = true;
                actions.push(Action::Remind { account: whose, due, nth: missed.reminders });
            } else if !missed.task {
                missed.task = true;
                actions.push(Action::Task { account: whose, due });
                if terms.escalate != Duration::ZERO {
                    next = now.at + terms.escalate;
                }
            } else if terms.escalate != Duration::ZERO && missed.contacts < entry.contacts {
                if full {
                    continue;
                }
                open.calling = true;
                actions.push(Action::Contact { account: whose, due, nth: missed.contacts });
                missed.contacts += 1;
            }
            self.calling += usize::from(open.calling);
            self.steps.remove(&(at, account.clone()));
            open.next = next;
            if next != Time::NEVER {
                self.steps.insert((next, account));
            }
        }
    }

    /// When something is due, as the clocks stand.
    pub fn next_wake(&self, now: Now) -> Option<Time> {
        if self.entries.is_empty() {
            return None;
        }
        let due = self.due.first().map(|(due, _)| {
            let left = due.0.saturating_add(millis(self.terms.grace)).saturating_sub(now.wall.0);
            now.at + Duration::from_millis(left.max(0) as u64)
        });
        // One that waits for a channel is looked at when a call is over.
        let step = self
            .steps
            .first()
            .map(|(at, _)| *at)
            .filter(|at| *at > now.at || self.calling < self.terms.calls);
        due.into_iter().chain(step).chain([now.at + LOOK]).min()
    }

    /// A calendar that was set back far was wrong: what was settled by it ahead of now was not.
    fn look_at_clocks(&mut self, now: Now) {
        let Some(last) = self.last.replace(now) else { return };
        let passed = millis(now.at.since(last.at));
        let back = passed.saturating_sub(now.wall.0.saturating_sub(last.wall.0));
        if back <= millis(STEP) {
            return;
        }
        let ahead = Wall(now.wall.0.saturating_add(millis(self.terms.window)));
        let wrong =
            |entry: &Entry| entry.settled > now.wall && (!entry.by_sign || entry.settled > ahead);
        let all: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, e)| wrong(e))
            .map(|(account, _)| account.clone())
            .collect();
        for account in all {
            if let Some(entry) = self.entries.get_mut(&account) {
                entry.settled = now.wall;
            }
            self.plan(&account);
        }
    }

    /// Finds what is due next.
    fn plan(&mut self, account: &str) {
        let Some(entry) = self.entries.get_mut(account) else { return };
        if let Some(next) = entry.next.take() {
            self.due.remove(&(next, account.to_owned()));
        }
        let zone = entry.zone.as_ref().unwrap_or(&self.zone);
        let mut after = entry.settled;
        if let Some(from) = entry.served.0.and_then(|day| day.to_zoned(zone.clone()).ok()) {
            after = after.max(Wall(from.timestamp().as_millisecond() - 1));
        }
        let next = entry.schedule.next(after, zone, &*self.holiday);
        let served = |due: &Wall| {
            let day = Timestamp::from_millisecond(due.0).map(|t| t.to_zoned(zone.clone()).date());
            entry.served.1.is_none_or(|last| day.is_ok_and(|day| day <= last))
        };
        entry.next = next.filter(served);
        if let Some(next) = entry.next {
            self.due.insert((next, account.to_owned()));
        }
    }

    fn open(&mut self, account: &str, open: Open) {
        let Some(entry) = self.entries.get_mut(account) else { return };
        if open.next != Time::NEVER && !open.calling {
            self.steps.insert((open.next, account.to_owned()));
        }
        entry.open = Some(open);
    }

    fn unplan(&mut self, account: &str, old: &Entry) {
        if let Some(next) = old.next {
            self.due.remove(&(next, account.to_owned()));
        }
        if let Some(open) = &old.open {
            self.steps.remove(&(open.next, account.to_owned()));
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::subscriber::Subscriber;
    use super::*;

    const TERMS: Terms = Terms {
        window: Duration::from_secs(4 * 3_600),
        grace: Duration::from_secs(900),
        reminders: 2,
        every: Duration::from_secs(600),
        escalate: Duration::from_secs(1_200),
        calls: 2,
    };

    /// Minutes after midnight in Greenwich, the two clocks together.
    fn at(minutes: i64) -> Now {
        Now { at: Time::from_millis(minutes as u64 * 60_000), wall: Wall(minutes * 60_000) }
    }

    fn one(fields: &[(&str, &str)]) -> Kept {
        let mut subscriber = Subscriber::default();
        for (name, text) in fields {
            subscriber.set(name, text).unwrap();
        }
        Kept { subscriber, since: Wall(0) }
    }

    fn of(fields: &[(&str, &str)]) -> CheckIns {
        let mut all = CheckIns::new(TERMS);
        all.put(&one(fields), None);
        all
    }

    const AT_EIGHT: &[(&str, &str)] =
        &[("number", "100"), ("check_in", "08:00 20:00"), ("contacts", "Li/1; Wang/2")];
    const EIGHT: Wall = Wall(480 * 60_000);

    #[test]
    fn who_reports_in_time_is_left_in_peace() {
        let mut all = of(AT_EIGHT);
        assert_eq!(all.sign(at(200), "100", Way::Bell), None, "hours before the window");
        assert_eq!(all.sign(at(300), "100", Way::Heartbeat), None, "no way of its own");
        let signed = all.sign(at(300), "100", Way::Bell);
        assert_eq!(signed, Some(Signed { due: EIGHT, late: false }));
        assert_eq!(all.sign(at(301), "100", Way::Bell), None, "eight o'clock is settled");
        assert_eq!(all.due(at(600)), []);
    }

    #[test]
    fn who_does_not_is_reminded_and_then_sought() {
        let mut all = of(AT_EIGHT);
        let whose = || "100".to_owned();
        assert_eq!(all.due(at(494)), []);
        let first = all.due(at(495));
        let remind = |nth| Action::Remind { account: whose(), due: EIGHT, nth };
        assert_eq!(first, [Action::Missed { account: whose(), due: EIGHT }, remind(1)]);
        assert_eq!(all.due(at(500)), [], "it is being called");
        all.call_over(at(500), "100");
        assert_eq!(all.due(at(509)), []);
        assert_eq!(all.due(at(510)), [remind(2)]);
        all.call_over(at(511), "100");
        assert_eq!(all.due(at(521)), [Action::Task { account: whose(), due: EIGHT }]);
        let contact = |nth| Action::Contact { account: whose(), due: EIGHT, nth };
        assert_eq!(all.due(at(541)), [contact(0)]);
        all.call_over(at(542), "100");
        assert_eq!(all.due(at(552)), [contact(1)]);
        all.call_over(at(553), "100");
        assert_eq!(all.due(at(700)), [], "nobody is left to call");
        assert_eq!(all.sign(at(800), "100", Way::Call), Some(Signed { due: EIGHT, late: true }));
        assert_eq!(all.closed("100"), None);
    }

    /// A contact who takes it on is the last that is called; the task stays a person's.
    #[test]
    fn a_contact_who_accepts_is_the_last() {
        let mut all = of(AT_EIGHT);
        for minute in [495, 506, 517] {
            all.due(at(minute));
            assert_eq!(all.accepted("100"), None, "that is a reminder");
            all.call_over(at(minute + 1), "100");
        }
        let begun: Vec<Action> = (518..600).flat_map(|minute| all.due(at(minute))).collect();
        assert!(matches!(begun.last(), Some(Action::Contact { nth: 0, .. })), "{begun:?}");
        assert_eq!(all.accepted("100"), Some(EIGHT));
        all.call_over(at(601), "100");
        assert_eq!(all.due(at(900)), []);
        assert_eq!(all.closed("100"), Some(EIGHT));
    }

    #[test]
    fn a_report_ends_what_was_begun() {
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(495)).len(), 2);
        assert_eq!(all.sign(at(496), "100", Way::Call), Some(Signed { due: EIGHT, late: true }));
        all.call_over(at(497), "100");
        assert_eq!(all.due(at(900)), []);
        assert_eq!(all.calling, 0);
    }

    #[test]
    fn no_more_calls_at_once_than_may_be() {
        let mut all = CheckIns::new(TERMS);
        for n in 0..5 {
            all.put(&one(&[("number", &format!("10{n}")), ("check_in", "08:00")]), None);
        }
        let calls = |actions: Vec<Action>| {
            actions.into_iter().filter(|a| matches!(a, Action::Remind { .. })).count()
        };
        assert_eq!(calls(all.due(at(495))), 2);
        assert_eq!(calls(all.due(at(496))), 0);
        all.call_over(at(496), "100");
        assert_eq!(calls(all.due(at(496))), 1);
    }

    #[test]
    fn what_is_kept_over_a_restart_goes_on() {
        let mut all = CheckIns::new(TERMS);
        all.put(&one(AT_EIGHT), Some(EIGHT));
        all.restore(at(600), "100", Missed { due: EIGHT, reminders: 2, task: false, contacts: 0 });
        let task = Action::Task { account: "100".into(), due: EIGHT };
        assert_eq!(all.due(at(600)), [task]);
        // What fell due while nobody looked is missed now, once; what is open already goes on alone.
        let late = all.due(at(1_440 + 600));
        let missed = late.iter().filter(|a| matches!(a, Action::Missed { .. })).count();
        assert_eq!(missed, 2, "{late:?}");
    }

    #[test]
    fn a_calendar_that_is_set_back_a_little_raises_nothing_twice_and_a_wrong_one_loses_nothing() {
        let shifted =
            |minutes: i64, by: i64| Now { wall: Wall((minutes + by) * 60_000), ..at(minutes) };
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(495)).len(), 2);
        all.closed("100");
        assert_eq!(all.due(shifted(496, -30)), []);
        assert_eq!(all.due(shifted(530, -30)), [], "eight o'clock was raised");
        // Two days ahead by mistake: all of them are missed, and due again when it is set right.
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(400)), []);
        let ahead = all.due(shifted(401, 2_880));
        assert_eq!(ahead.iter().filter(|a| matches!(a, Action::Missed { .. })).count(), 4);
        all.closed("100");
        assert_eq!(all.due(at(402)), []);
        let again = all.due(at(495));
        assert_eq!(again[0], Action::Missed { account: "100".into(), due: EIGHT });
    }

    #[test]
    fn who_is_not_served_any_more_owes_nothing() {
        let day = [("number", "100"), ("check_in", "08:00"), ("served_until", "1970-01-02")];
        let mut all = of(&day);
        let missed = |actions: Vec<Action>| {
            actions.into_iter().filter(|a| matches!(a, Action::Missed { .. })).count()
        };
        assert_eq!(missed(all.due(at(1_440 * 9))), 2);
    }
}
