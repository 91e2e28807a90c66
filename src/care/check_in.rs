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
//! missed by it is due again. One that is set forward by more, or an absence, makes much overdue at once: it is looked
//! back so far and no farther, and given out a little at a time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::{Duration, Now, Time, Wall};

use super::care_call::MOST_LOST;
use super::directory::Kept;
use super::schedule::{Schedule, Way};

/// By how much the calendar may be set back and still count as having been right.
pub const STEP: Duration = Duration::from_secs(3_600);
/// A calendar that was set is noticed within this.
const LOOK: Duration = Duration::from_secs(60);
/// The rest of what is due is asked for after this.
const PACE: Duration = Duration::from_millis(100);
/// A call could not be placed: no other is tried for so long,
const HOLD: Duration = Duration::from_secs(1);
/// and that one again after this; within [`Terms::every`] it counts as none.
const AGAIN: Duration = Duration::from_secs(20);
/// After an absence what is older is left: of it nobody can be called back in time. A week, in milliseconds.
const LOOK_BACK_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// The same when the calendar is set forward: a day, for the exchange was there all the time.
const LOOK_BACK_SET_MS: i64 = 24 * 3_600 * 1_000;
/// Times that one owes at once: a week of the most that a day has.
const MOST_OWED: usize = 7 * super::schedule::MOST_TIMES;

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
    /// The calendar was ahead and was set right: what is settled after this is not. To be written down.
    DueAgain {
        /// By the calendar that holds now.
        after: Wall,
        /// What a sign settled is settled if it is no farther ahead than this.
        until: Wall,
    },
    /// The calendar was set forward: of so many what is older than this is left. To be told.
    Left {
        /// By the calendar that holds now.
        before: Wall,
        /// Subscribers.
        of: usize,
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
    /// Since when its call cannot be placed.
    unplaced: Option<Time>,
    /// How often the gateway has lost it before anybody rang.
    lost: u32,
}

impl Open {
    fn new(missed: Missed, next: Time) -> Open {
        Open { missed, calling: false, next, unplaced: None, lost: 0 }
    }
}

/// What the next step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Reminder,
    Task,
    Contact,
    /// Nobody is left to call.
    Nothing,
}

impl Step {
    fn is_call(self) -> bool {
        matches!(self, Step::Reminder | Step::Contact)
    }
}

struct Entry {
    schedule: Schedule,
    /// Its own; none: the node's.
    zone: Option<TimeZone>,
    served: (Option<Date>, Option<Date>),
    contacts: usize,
    /// All until then is settled.
    settled: Wall,
    /// The schedule holds since then.
    since: Wall,
    /// What fell due by the one before it and is not settled, the first first.
    owed: Vec<Wall>,
    /// All until then is settled if the calendar is wrong, and too far back, now.
    ahead: Option<Wall>,
    /// The last was settled by a sign.
    by_sign: bool,
    /// What is due next.
    next: Option<Wall>,
    open: Option<Open>,
}

impl Entry {
    /// What is due next after all that is settled.
    fn due_after(
        &self,
        settled: Wall,
        nodes: &TimeZone,
        holiday: &dyn Fn(Date) -> bool,
    ) -> Option<Wall> {
        let zone = self.zone.as_ref().unwrap_or(nodes);
        let mut after = settled.max(self.since);
        if let Some(from) = self.served.0.and_then(|day| day.to_zoned(zone.clone()).ok()) {
            after = after.max(Wall(from.timestamp().as_millisecond() - 1));
        }
        let owed = self.owed.iter().copied().find(|due| *due > settled);
        let next = owed.or_else(|| self.schedule.next(after, zone, holiday));
        let served = |due: &Wall| {
            let day = Timestamp::from_millisecond(due.0).map(|t| t.to_zoned(zone.clone()).date());
            self.served.1.is_none_or(|last| day.is_ok_and(|day| day <= last))
        };
        next.filter(served)
    }

    fn step(&self, terms: &Terms) -> Step {
        let Some(Open { missed, .. }) = &self.open else { return Step::Nothing };
        match missed.task {
            false if missed.reminders < terms.reminders => Step::Reminder,
            false => Step::Task,
            true if terms.escalate != Duration::ZERO && missed.contacts < self.contacts => {
                Step::Contact
            }
            true => Step::Nothing,
        }
    }
}

/// All who have to report.
pub struct CheckIns {
    terms: Terms,
    zone: TimeZone,
    holiday: Box<dyn Fn(Date) -> bool + Send>,
    entries: BTreeMap<String, Entry>,
    /// By when each is missed.
    due: BTreeSet<(Wall, String)>,
    /// When each open one's next step is due that is a call,
    to_call: BTreeSet<(Time, String)>,
    /// and each one's that is none.
    steps: BTreeSet<(Time, String)>,
    /// Of those that are calls the reminders: none waits for a channel without end.
    reminders: BTreeSet<(Time, String)>,
    /// Reminders that no channel was free for in time, and nobody has been told of.
    without_channel: u64,
    /// No call is tried before that.
    hold: Time,
    /// What the clocks have brought about, and nobody has been told.
    by_clock: Vec<Action>,
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
            to_call: BTreeSet::new(),
            steps: BTreeSet::new(),
            reminders: BTreeSet::new(),
            without_channel: 0,
            hold: Time::ZERO,
            by_clock: Vec::new(),
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
            self.line_up(&account);
        }
    }

    /// A subscriber is new, or other than before. `settled`: up to where the records say that all is.
    pub fn put(&mut self, now: Now, kept: &Kept, settled: Option<Wall>) {
        let subscriber = &kept.subscriber;
        let account = subscriber.number.clone();
        let old = self.entries.remove(&account);
        if let Some(old) = &old {
            self.unplan(&account, old);
        }
        let known = [settled, old.as_ref().map(|old| old.settled)].into_iter().flatten().max();
        let (settled, since, ahead) = self.believed(now, known, kept.since);
        // What the schedule says of times before it was made is nobody's duty; what the one before said is.
        let owed = old.as_ref().map_or_else(Vec::new, |old| self.owed(old, settled, since));
        let zone = subscriber.zone.clone();
        let (by_sign, open) = old.map_or((false, None), |old| (old.by_sign, old.open));
        if subscriber.check_in.is_empty() && open.is_none() && owed.is_empty() {
            return;
        }
        let entry = Entry {
            schedule: subscriber.check_in.clone(),
            zone,
            served: (subscriber.served_from, subscriber.served_until),
            contacts: subscriber.contacts.len(),
            settled,
            since,
            owed,
            ahead,
            by_sign,
            next: None,
            open,
        };
        self.entries.insert(account.clone(), entry);
        self.line_up(&account);
        self.plan(&account);
    }

    /// Up to where all is settled and since when the schedule holds, as far as the calendar can be believed: what lies
    /// ahead of all that a sign settles was written by one that was ahead, or is read by one that is behind.
    fn believed(&self, now: Now, known: Option<Wall>, since: Wall) -> (Wall, Wall, Option<Wall>) {
        let latest = self.latest(now);
        let far = |wall: &Wall| *wall > latest;
        let ahead = [known, Some(since)].into_iter().flatten().filter(far).max();
        let earliest = Wall(now.wall.0.saturating_sub(LOOK_BACK_MS));
        let settled = match known {
            Some(known) if far(&known) => now.wall,
            Some(known) => known.max(earliest),
            None => since.min(now.wall).max(earliest),
        };
        let since = if far(&since) { settled } else { since.min(now.wall) };
        (settled, since, ahead)
    }

    /// Nothing is settled farther ahead, by a calendar that may have been set back a little since.
    fn latest(&self, now: Now) -> Wall {
        let ahead = millis(self.terms.window).saturating_add(millis(STEP));
        Wall(now.wall.0.saturating_add(ahead))
    }

    /// What fell due by an older schedule after `settled` and until `since`.
    fn owed(&self, old: &Entry, settled: Wall, since: Wall) -> Vec<Wall> {
        let mut owed: Vec<Wall> = Vec::new();
        while owed.len() < MOST_OWED {
            let after = owed.last().copied().unwrap_or(settled);
            let next = old.due_after(after, &self.zone, &*self.holiday);
            let Some(due) = next.filter(|due| *due <= since) else { break };
            owed.push(due);
        }
        owed
    }

    /// What was open before the start: its next step is due now.
    pub fn restore(&mut self, now: Now, account: &str, missed: Missed) {
        if let Some(entry) = self.entries.get_mut(account).filter(|entry| entry.open.is_none()) {
            entry.open = Some(Open::new(missed, now.at));
            self.line_up(account);
        }
    }

    /// A subscriber is gone: nothing more is expected of it.
    pub fn remove(&mut self, account: &str) {
        if let Some(old) = self.entries.remove(account) {
            self.unplan(account, &old);
            self.calling -= usize::from(old.open.is_some_and(|open| open.calling));
        }
    }

    /// A sign of life. `Some`: it is of use, and to be written down. What is [overdue](Self::overdue) of this account
    /// is to be asked for before: one that was not told of yet counts as reported.
    pub fn sign(&mut self, now: Now, account: &str, way: Way) -> Option<Signed> {
        let entry = self.entries.get_mut(account)?;
        if !entry.schedule.ways.has(way) {
            return None;
        }
        if let Some(open) = entry.open.take() {
            let due = open.missed.due;
            self.unline(account, open.next);
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
        self.unline(account, open.next);
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

    /// A call for it is over.
    pub fn call_over(&mut self, now: Now, account: &str) {
        let every = self.terms.every;
        let Some(entry) = self.entries.get_mut(account) else { return };
        let Some(open) = entry.open.as_mut().filter(|open| open.calling) else { return };
        (open.calling, open.next, open.unplaced) = (false, now.at + every, None);
        open.lost = 0;
        self.calling -= 1;
        self.line_up(account);
    }

    /// The gateway has taken a call for it and lost it before anybody rang: it is made again soon; after [`MOST_LOST`] of
    /// them it was a call.
    pub fn lost(&mut self, now: Now, account: &str) {
        let open = self.entries.get_mut(account).and_then(|entry| entry.open.as_mut());
        let Some(open) = open.filter(|open| open.calling) else { return };
        if open.lost >= MOST_LOST {
            return self.call_over(now, account);
        }
        open.lost += 1;
        self.not_placed(now, account);
    }

    /// A call could not be placed: it is tried again soon, and no other meanwhile. One that cannot be for as long as
    /// the next would be waited for counts as made: a person is to hear of it.
    pub fn not_placed(&mut self, now: Now, account: &str) {
        let every = self.terms.every;
        let Some(entry) = self.entries.get_mut(account) else { return };
        let Some(open) = entry.open.as_mut().filter(|open| open.calling) else { return };
        (open.calling, self.hold) = (false, now.at + HOLD);
        self.calling -= 1;
        let since = *open.unplaced.get_or_insert(now.at);
        if now.at.since(since) < every {
            match open.missed.task {
                true => open.missed.contacts -= 1,
                false => open.missed.reminders -= 1,
            }
            open.next = now.at + AGAIN;
        } else {
            (open.unplaced, open.lost, open.next) = (None, 0, now.at);
        }
        self.line_up(account);
    }

    /// What is due, so many at most. The rest is due at [`Self::next_wake`].
    pub fn due(&mut self, now: Now, most: usize) -> Vec<Action> {
        self.look_at_clocks(now);
        let mut actions = core::mem::take(&mut self.by_clock);
        while actions.len() < most {
            let Some((due, account)) = self.due.first().cloned() else { break };
            if !self.is_missed(now, due) {
                break;
            }
            actions.push(self.miss(now, account, due));
        }
        while actions.len() < most {
            let free = self.calling < self.terms.calls && now.at >= self.hold;
            let is_due = |(at, _): &&(Time, String)| *at <= now.at;
            let next = if free && self.to_call.first().filter(is_due).is_some() {
                self.to_call.pop_first().inspect(|own| _ = self.reminders.remove(own))
            } else if self.drop_reminder(now) {
                continue;
            } else if self.steps.first().filter(is_due).is_some() {
                self.steps.pop_first()
            } else {
                None
            };
            let Some((_, account)) = next else { break };
            actions.extend(self.step(now, account));
        }
        actions
    }

    /// A reminder that has waited for a channel as long as the next would be waited for counts as made, as one that cannot be
    /// placed does: after a bad night a person hears of the last home as soon as of the first. `false`: none has.
    fn drop_reminder(&mut self, now: Now) -> bool {
        let every = self.terms.every;
        let Some((at, account)) = self.reminders.first().cloned() else { return false };
        if now.at.since(at) < every || every == Duration::ZERO {
            return false;
        }
        self.unline(&account, at);
        if let Some(open) = self.entries.get_mut(&account).and_then(|own| own.open.as_mut()) {
            open.missed.reminders = open.missed.reminders.saturating_add(1);
            (open.unplaced, open.lost, open.next) = (None, 0, now.at);
        }
        self.without_channel = self.without_channel.saturating_add(1);
        self.line_up(&account);
        true
    }

    /// Reminders for which no channel was free in time, since this was asked last; and how many wait for one now.
    pub fn take_without_channel(&mut self) -> (u64, usize) {
        (core::mem::take(&mut self.without_channel), self.reminders.len())
    }

    /// What is overdue of one, and was not told of: all that [`Self::due`] would give of it alone.
    pub fn overdue(&mut self, now: Now, account: &str) -> Vec<Action> {
        self.look_at_clocks(now);
        let mut actions = core::mem::take(&mut self.by_clock);
        while actions.len() < MOST_OWED {
            let next = self.entries.get(account).and_then(|entry| entry.next);
            let Some(due) = next.filter(|due| self.is_missed(now, *due)) else { break };
            actions.push(self.miss(now, account.to_owned(), due));
        }
        actions
    }

    fn is_missed(&self, now: Now, due: Wall) -> bool {
        now.wall.0 >= due.0.saturating_add(millis(self.terms.grace))
    }

    fn miss(&mut self, now: Now, account: String, due: Wall) -> Action {
        self.due.remove(&(due, account.clone()));
        if let Some(entry) = self.entries.get_mut(&account) {
            (entry.settled, entry.by_sign, entry.next) = (due, false, None);
            // One that is open already goes on: who is sought is sought once.
            if entry.open.is_none() {
                let missed = Missed { due, reminders: 0, task: false, contacts: 0 };
                entry.open = Some(Open::new(missed, now.at));
                self.line_up(&account);
            }
            self.plan(&account);
        }
        Action::Missed { account, due }
    }

    /// The next step of one that is open and waits no longer.
    fn step(&mut self, now: Now, account: String) -> Option<Action> {
        let entry = self.entries.get_mut(&account)?;
        let step = entry.step(&self.terms);
        let open = entry.open.as_mut()?;
        let (due, missed) = (open.missed.due, &mut open.missed);
        (open.next, open.calling) = (Time::NEVER, step.is_call());
        self.calling += usize::from(step.is_call());
        let whose = account.clone();
        match step {
            Step::Reminder => {
                missed.reminders += 1;
                Some(Action::Remind { account, due, nth: missed.reminders })
            }
            Step::Task => {
                missed.task = true;
                if self.terms.escalate != Duration::ZERO {
                    open.next = now.at + self.terms.escalate;
                }
                self.line_up(&whose);
                Some(Action::Task { account, due })
            }
            Step::Contact => {
                missed.contacts += 1;
                Some(Action::Contact { account, due, nth: missed.contacts - 1 })
            }
            Step::Nothing => None,
        }
    }

    /// When something is due, as the clocks stand.
    pub fn next_wake(&self, now: Now) -> Option<Time> {
        if self.entries.is_empty() {
            return None;
        }
        // The rest of what was due: in a while, for others wait as well.
        let paced = |at: Time| if at <= now.at { now.at + PACE } else { at };
        let due = self.due.first().map(|(due, _)| {
            let left = due.0.saturating_add(millis(self.terms.grace)).saturating_sub(now.wall.0);
            paced(now.at + Duration::from_millis(left.max(0) as u64))
        });
        // One that waits for a channel is looked at when a call is over.
        let call = self.to_call.first().filter(|_| self.calling < self.terms.calls);
        let call = call.map(|(at, _)| paced((*at).max(self.hold)));
        let step = self.steps.first().map(|(at, _)| paced(*at));
        let too_long = self.reminders.first().map(|(at, _)| paced(*at + self.terms.every));
        [due, call, step, too_long].into_iter().flatten().chain([now.at + LOOK]).min()
    }

    /// A calendar that was set far was wrong. Set back: what was settled by it ahead of now was not. Set forward: what the
    /// records said holds again, and nobody is called because of what is long over.
    fn look_at_clocks(&mut self, now: Now) {
        // What came early is told late, by the calendar that holds now.
        if self.last.is_some_and(|last| now.at < last.at) {
            return;
        }
        let Some(last) = self.last.replace(now) else { return };
        let passed = millis(now.at.since(last.at));
        let forward = now.wall.0.saturating_sub(last.wall.0).saturating_sub(passed);
        if forward < -millis(STEP) {
            self.set_back(now);
        } else if forward > millis(STEP) {
            self.set_forward(now);
        }
    }

    fn set_back(&mut self, now: Now) {
        let ahead = Wall(now.wall.0.saturating_add(millis(self.terms.window)));
        let mut wrong = Vec::new();
        for (account, entry) in &mut self.entries {
            entry.owed.retain(|due| *due <= now.wall);
            let settled = entry.settled > now.wall && (!entry.by_sign || entry.settled > ahead);
            if settled {
                entry.settled = now.wall;
            }
            if settled || entry.since > now.wall {
                entry.since = entry.since.min(now.wall);
                wrong.push(account.clone());
            }
        }
        wrong.iter().for_each(|account| self.plan(account));
        if !wrong.is_empty() {
            self.by_clock.push(Action::DueAgain { after: now.wall, until: ahead });
        }
    }

    fn set_forward(&mut self, now: Now) {
        let latest = self.latest(now);
        let earliest = Wall(now.wall.0.saturating_sub(LOOK_BACK_MS));
        let before = Wall(now.wall.0.saturating_sub(LOOK_BACK_SET_MS));
        let (mut other, mut left) = (Vec::new(), 0);
        for (account, entry) in &mut self.entries {
            if let Some(ahead) = entry.ahead.take_if(|ahead| *ahead <= latest) {
                entry.settled = entry.settled.max(ahead).max(earliest);
            } else if entry.next.is_some_and(|next| next <= before) {
                (entry.settled, left) = (before, left + 1);
            } else {
                continue;
            }
            other.push(account.clone());
        }
        other.iter().for_each(|account| self.plan(account));
        if left > 0 {
            self.by_clock.push(Action::Left { before, of: left });
        }
    }

    /// Finds what is due next.
    fn plan(&mut self, account: &str) {
        let Some(entry) = self.entries.get_mut(account) else { return };
        if let Some(next) = entry.next.take() {
            self.due.remove(&(next, account.to_owned()));
        }
        entry.next = entry.due_after(entry.settled, &self.zone, &*self.holiday);
        if let Some(next) = entry.next {
            self.due.insert((next, account.to_owned()));
        }
    }

    /// Puts an open one's next step where it waits.
    fn line_up(&mut self, account: &str) {
        let Some(entry) = self.entries.get(account) else { return };
        let Some(open) = entry.open.as_ref().filter(|open| open.next != Time::NEVER) else {
            return;
        };
        let (step, next) = (entry.step(&self.terms), open.next);
        self.unline(account, next);
        if step == Step::Reminder {
            self.reminders.insert((next, account.to_owned()));
        }
        let waits = if step.is_call() { &mut self.to_call } else { &mut self.steps };
        waits.insert((next, account.to_owned()));
    }

    fn unline(&mut self, account: &str, next: Time) {
        let key = (next, account.to_owned());
        if !self.steps.remove(&key) {
            self.to_call.remove(&key);
            self.reminders.remove(&key);
        }
    }

    fn unplan(&mut self, account: &str, old: &Entry) {
        if let Some(next) = old.next {
            self.due.remove(&(next, account.to_owned()));
        }
        if let Some(open) = &old.open {
            self.unline(account, open.next);
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
        all.put(at(0), &one(fields), None);
        all
    }

    const AT_EIGHT: &[(&str, &str)] =
        &[("number", "100"), ("check_in", "08:00 20:00"), ("contacts", "Li/1; Wang/2")];
    const EIGHT: Wall = Wall(480 * 60_000);
    /// As many as there are.
    const MOST: usize = 1_000;

    #[test]
    fn who_reports_in_time_is_left_in_peace() {
        let mut all = of(AT_EIGHT);
        assert_eq!(all.sign(at(200), "100", Way::Bell), None, "hours before the window");
        assert_eq!(all.sign(at(300), "100", Way::Heartbeat), None, "no way of its own");
        let signed = all.sign(at(300), "100", Way::Bell);
        assert_eq!(signed, Some(Signed { due: EIGHT, late: false }));
        assert_eq!(all.sign(at(301), "100", Way::Bell), None, "eight o'clock is settled");
        assert_eq!(all.due(at(600), MOST), []);
    }

    /// After a bad night more homes are missed than there are channels: each one's reminders wait for one as long as the next
    /// would be waited for and no longer, so that a person hears of the last home within `reminders` times `every`.
    #[test]
    fn reminders_that_find_no_channel_count_as_made_in_time() {
        let mut all = CheckIns::new(TERMS);
        for n in 0..40 {
            all.put(at(0), &one(&[("number", &format!("{n}")), ("check_in", "08:00")]), None);
        }
        let mut told: BTreeMap<String, (usize, Option<i64>)> = BTreeMap::new();
        let (mut now, mut without) = (495, 0);
        while now < 540 {
            for action in all.due(at(now), MOST) {
                match action {
                    Action::Remind { account, .. } => told.entry(account).or_default().0 += 1,
                    Action::Task { account, .. } => {
                        let own = told.entry(account).or_default();
                        assert_eq!(own.1.replace(now), None, "once");
                    }
                    _ => {}
                }
            }
            without += all.take_without_channel().0;
            let wake = all.next_wake(at(now)).expect("it goes on");
            assert!(wake > at(now).at, "no spinning");
            // Both channels are held by calls that nobody ends.
            now += 1;
        }
        assert_eq!(told.values().filter(|(reminded, _)| *reminded > 0).count(), 2);
        let tasks = told.values().filter_map(|(_, task)| *task);
        let tasks: Vec<i64> = tasks.collect();
        assert_eq!(tasks.len(), 38, "{told:?}");
        assert!(tasks.iter().all(|at| *at == 515), "20 minutes: {tasks:?}");
        assert_eq!(without, 76);
    }

    #[test]
    fn who_does_not_is_reminded_and_then_sought() {
        let mut all = of(AT_EIGHT);
        let whose = || "100".to_owned();
        assert_eq!(all.due(at(494), MOST), []);
        let first = all.due(at(495), MOST);
        let remind = |nth| Action::Remind { account: whose(), due: EIGHT, nth };
        assert_eq!(first, [Action::Missed { account: whose(), due: EIGHT }, remind(1)]);
        assert_eq!(all.due(at(500), MOST), [], "it is being called");
        all.call_over(at(500), "100");
        assert_eq!(all.due(at(509), MOST), []);
        assert_eq!(all.due(at(510), MOST), [remind(2)]);
        all.call_over(at(511), "100");
        assert_eq!(all.due(at(521), MOST), [Action::Task { account: whose(), due: EIGHT }]);
        let contact = |nth| Action::Contact { account: whose(), due: EIGHT, nth };
        assert_eq!(all.due(at(541), MOST), [contact(0)]);
        all.call_over(at(542), "100");
        assert_eq!(all.due(at(552), MOST), [contact(1)]);
        all.call_over(at(553), "100");
        assert_eq!(all.due(at(700), MOST), [], "nobody is left to call");
        assert_eq!(all.sign(at(800), "100", Way::Call), Some(Signed { due: EIGHT, late: true }));
        assert_eq!(all.closed("100"), None);
    }

    /// A contact who takes it on is the last that is called; the task stays a person's.
    #[test]
    fn a_contact_who_accepts_is_the_last() {
        let mut all = of(AT_EIGHT);
        for minute in [495, 506, 517] {
            all.due(at(minute), MOST);
            assert_eq!(all.accepted("100"), None, "that is a reminder");
            all.call_over(at(minute + 1), "100");
        }
        let begun: Vec<Action> = (518..600).flat_map(|minute| all.due(at(minute), MOST)).collect();
        assert!(matches!(begun.last(), Some(Action::Contact { nth: 0, .. })), "{begun:?}");
        assert_eq!(all.accepted("100"), Some(EIGHT));
        all.call_over(at(601), "100");
        assert_eq!(all.due(at(900), MOST), []);
        assert_eq!(all.closed("100"), Some(EIGHT));
    }

    #[test]
    fn a_report_ends_what_was_begun() {
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(495), MOST).len(), 2);
        assert_eq!(all.sign(at(496), "100", Way::Call), Some(Signed { due: EIGHT, late: true }));
        all.call_over(at(497), "100");
        assert_eq!(all.due(at(900), MOST), []);
        assert_eq!(all.calling, 0);
    }

    #[test]
    fn no_more_calls_at_once_than_may_be() {
        let mut all = CheckIns::new(TERMS);
        for n in 0..5 {
            all.put(at(0), &one(&[("number", &format!("10{n}")), ("check_in", "08:00")]), None);
        }
        let calls = |actions: Vec<Action>| {
            actions.into_iter().filter(|a| matches!(a, Action::Remind { .. })).count()
        };
        assert_eq!(calls(all.due(at(495), MOST)), 2);
        assert_eq!(calls(all.due(at(496), MOST)), 0);
        all.call_over(at(496), "100");
        assert_eq!(calls(all.due(at(496), MOST)), 1);
    }

    #[test]
    fn what_is_kept_over_a_restart_goes_on() {
        let mut all = CheckIns::new(TERMS);
        all.put(at(600), &one(AT_EIGHT), Some(EIGHT));
        all.restore(at(600), "100", Missed { due: EIGHT, reminders: 2, task: false, contacts: 0 });
        let task = Action::Task { account: "100".into(), due: EIGHT };
        assert_eq!(all.due(at(600), MOST), [task]);
        // What fell due while nobody looked is missed now, once; what is open already goes on alone.
        let late = all.due(at(1_440 + 600), MOST);
        let missed = late.iter().filter(|a| matches!(a, Action::Missed { .. })).count();
        assert_eq!(missed, 2, "{late:?}");
    }

    #[test]
    fn a_calendar_that_is_set_back_a_little_raises_nothing_twice_and_a_wrong_one_loses_nothing() {
        let shifted =
            |minutes: i64, by: i64| Now { wall: Wall((minutes + by) * 60_000), ..at(minutes) };
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(495), MOST).len(), 2);
        all.closed("100");
        assert_eq!(all.due(shifted(496, -30), MOST), []);
        assert_eq!(all.due(shifted(530, -30), MOST), [], "eight o'clock was raised");
        // Two days ahead by mistake: those of a day are missed, and due again when it is set right.
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(400), MOST), []);
        let ahead = all.due(shifted(401, 2_880), MOST);
        assert_eq!(ahead.iter().filter(|a| matches!(a, Action::Missed { .. })).count(), 2);
        all.closed("100");
        let again = Action::DueAgain { after: at(402).wall, until: at(402 + 240).wall };
        assert_eq!(all.due(at(402), MOST), [again]);
        let again = all.due(at(495), MOST);
        assert_eq!(again[0], Action::Missed { account: "100".into(), due: EIGHT });
    }

    #[test]
    fn who_is_not_served_any_more_owes_nothing() {
        let day = [("number", "100"), ("check_in", "08:00"), ("served_until", "1970-01-02")];
        let mut all = of(&day);
        let missed = |actions: Vec<Action>| {
            actions.into_iter().filter(|a| matches!(a, Action::Missed { .. })).count()
        };
        assert_eq!(missed(all.due(at(1_440 * 9), MOST)), 2);
    }

    fn missed(actions: &[Action]) -> Vec<i64> {
        let due = |action: &Action| match action {
            Action::Missed { due, .. } => Some(due.0 / 60_000),
            _ => None,
        };
        actions.iter().filter_map(due).collect()
    }

    /// Eight o'clock with a quarter of an hour's grace; at five past somebody changes the schedule.
    #[test]
    fn what_is_due_already_stays_due_when_the_schedule_changes() {
        for fields in [
            &[("number", "100"), ("check_in", "09:00")][..],
            &[("number", "100"), ("check_in", "08:00"), ("check_in_pauses", "1970-01-01")],
            &[("number", "100")],
        ] {
            let changed = Kept { since: at(485).wall, ..one(fields) };
            let mut all = of(AT_EIGHT);
            assert_eq!(all.due(at(484), MOST), []);
            all.put(at(485), &changed, None);
            assert_eq!(missed(&all.due(at(494), MOST)), [0i64; 0]);
            assert_eq!(missed(&all.due(at(495), MOST)), [480], "{fields:?}");
            // The same again, as a file that is imported says it: once is enough.
            all.put(at(496), &changed, None);
            assert_eq!(missed(&all.due(at(520), MOST)), [0i64; 0]);
            // Who reports in the grace has done so.
            let mut all = of(AT_EIGHT);
            all.due(at(484), MOST);
            all.put(at(485), &changed, None);
            assert!(all.sign(at(486), "100", Way::Bell).is_some_and(|signed| signed.due == EIGHT));
            assert_eq!(missed(&all.due(at(520), MOST)), [0i64; 0]);
        }
    }

    /// A calendar a year ahead settled all until then, and was set right; then the process starts anew.
    #[test]
    fn records_from_a_calendar_that_was_ahead_silence_nobody() {
        let year = 365 * 1_440;
        for (settled, since) in [(Some(year), 0), (Some(-200), year), (None, year)] {
            let mut all = CheckIns::new(TERMS);
            let kept = Kept { since: at(since).wall, ..one(AT_EIGHT) };
            all.put(at(400), &kept, settled.map(|minutes| Wall(minutes * 60_000)));
            assert_eq!(missed(&all.due(at(400), MOST)), [0i64; 0]);
            // Somebody changes a name: nothing is lost by that either.
            all.put(at(490), &kept, None);
            assert_eq!(missed(&all.due(at(495), MOST)), [480], "{settled:?} {since}");
        }
    }

    /// A node that begins at the epoch and is told the time later: what the records say holds.
    #[test]
    fn a_calendar_that_was_behind_at_the_start_raises_nothing_twice() {
        let right = 700 * 1_440;
        let mut all = CheckIns::new(TERMS);
        let kept = Kept { since: at(100 * 1_440).wall, ..one(AT_EIGHT) };
        all.put(at(0), &kept, Some(at(right + 480).wall));
        assert_eq!(all.due(at(1), MOST), []);
        let now = |minutes: i64| Now { at: at(minutes).at, wall: at(right + 600 + minutes).wall };
        assert_eq!(all.due(now(2), MOST), []);
        assert_eq!(missed(&all.due(now(615), MOST)), [right + 1_200]);
    }

    /// The calendar is set a year ahead: a day is looked back, and the rest is told in one line.
    #[test]
    fn a_step_forward_looks_back_a_day() {
        let mut all = of(AT_EIGHT);
        assert_eq!(all.due(at(400), MOST), []);
        let ahead = Now { wall: at(365 * 1_440).wall, ..at(401) };
        let actions = all.due(ahead, MOST);
        assert!(matches!(actions[0], Action::Left { of: 1, .. }), "{actions:?}");
        assert_eq!(missed(&actions).len(), 2);
        let back = all.due(at(402), MOST);
        assert!(matches!(back[0], Action::DueAgain { .. }), "{back:?}");
        assert_eq!(missed(&all.due(at(495), MOST)), [480]);
    }

    /// Much that is due at once comes a little at a time, each once; and a sign does not wait for its turn.
    #[test]
    fn much_is_given_out_a_little_at_a_time() {
        let mut all = CheckIns::new(Terms { reminders: 0, ..TERMS });
        let number = |n| format!("{}", 1_000 + n);
        for n in 0..100 {
            all.put(at(0), &one(&[("number", &number(n)), ("check_in", "08:00")]), None);
        }
        let own = all.overdue(at(495), "1099");
        assert_eq!(own, [Action::Missed { account: number(99), due: EIGHT }]);
        let signed = all.sign(at(495), "1099", Way::Bell);
        assert_eq!(signed, Some(Signed { due: EIGHT, late: true }));
        let (mut now, mut told, mut turns) = (at(495), Vec::new(), 0);
        while told.len() < 2 * 99 {
            let actions = all.due(now, 30);
            assert!(!actions.is_empty() && actions.len() <= 30);
            told.extend(actions);
            let wake = all.next_wake(now).unwrap();
            assert!(wake > now.at);
            now = Now { at: wake, wall: Wall(now.wall.0 + millis(wake.since(now.at))) };
            turns += 1;
        }
        assert_eq!((turns, missed(&told).len()), (7, 99));
        assert_eq!(all.due(at(600), MOST), []);
    }

    /// The gateway is down at eight: no reminder is spent by that, and the calls come when it is up.
    #[test]
    fn a_call_that_cannot_be_placed_is_none() {
        let mut all = CheckIns::new(TERMS);
        for n in 0..5 {
            all.put(at(0), &one(&[("number", &format!("10{n}")), ("check_in", "08:00")]), None);
        }
        let reminds = |actions: &[Action]| -> Vec<(String, u32)> {
            let remind = |action: &Action| match action {
                Action::Remind { account, nth, .. } => Some((account.clone(), *nth)),
                _ => None,
            };
            actions.iter().filter_map(remind).collect()
        };
        let (begin, mut tries) = (at(495), 0);
        let later = |seconds: u64| Now {
            at: begin.at + Duration::from_secs(seconds),
            wall: Wall(begin.wall.0 + seconds as i64 * 1_000),
        };
        for second in 0..300 {
            for (account, nth) in reminds(&all.due(later(second), MOST)) {
                assert_eq!(nth, 1);
                all.not_placed(later(second), &account);
                tries += 1;
            }
        }
        assert!((5..=5 * 16).contains(&tries), "{tries}");
        let mut first = Vec::new();
        for second in 300..340 {
            for (account, nth) in reminds(&all.due(later(second), MOST)) {
                first.push(nth);
                all.call_over(later(second), &account);
            }
        }
        assert_eq!(first, [1; 5], "each is reminded for the first time");
        // For ever down: a person hears of it no later than if nobody had answered.
        let mut all = of(AT_EIGHT);
        let mut task = None;
        for second in 0..3_600 {
            let actions = all.due(later(second), MOST);
            for (account, _) in reminds(&actions) {
                all.not_placed(later(second), &account);
            }
            if actions.iter().any(|action| matches!(action, Action::Task { .. })) {
                task = Some(second);
            }
        }
        assert!(task.is_some_and(|second| second <= 2 * 600 + 60), "{task:?}");
    }

    /// The gateway takes each call and loses it: each is made three times more, and then was one.
    #[test]
    fn a_call_that_is_lost_again_and_again_was_one() {
        let mut all = of(AT_EIGHT);
        let (mut reminders, mut contacts) = (Vec::new(), Vec::new());
        for second in 0..3 * 3_600 {
            let begin = at(495);
            let wall = Wall(begin.wall.0 + second as i64 * 1_000);
            let now = Now { at: begin.at + Duration::from_secs(second), wall };
            for action in all.due(now, MOST) {
                match action {
                    Action::Remind { nth, .. } => reminders.push(nth),
                    Action::Contact { nth, .. } => contacts.push(nth),
                    _ => continue,
                }
                all.lost(now, "100");
            }
        }
        assert_eq!(reminders, [1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(contacts, [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(all.calling, 0);
    }
}
