//! Check-ins: what units and callers say goes to the rule, what the rule wants is done and written down.

use crate::base::{CallId, Now, Wall};
use crate::care::check_in::{Action, Signed, Terms};
use crate::care::report::Protocol;
use crate::care::{Meaning, Need, Report, Speech, Way};

use super::calls::Why;
use super::{CareFact, FactKind};
use crate::switch::placing::NotPlaced;
use crate::switch::{Level, Switch};

/// The priority of a task: before all else that has none of its own.
const OF_TASK: u8 = 9;
/// What is due is done so much at a time: after an absence there is very much, and calls go between.
const MOST_AT_ONCE: usize = 200;
/// The same while the journal takes no more: what finds no room in it is lost.
const MOST_WHILE_FULL: usize = 5;

impl Switch {
    /// What the configuration says of check-ins.
    pub(in crate::switch) fn configure_check_ins(&mut self) {
        let check_in = &self.config.check_in;
        let terms = Terms {
            window: check_in.window,
            grace: check_in.grace,
            reminders: check_in.reminders,
            every: check_in.every,
            escalate: check_in.escalate,
            calls: check_in.calls as usize,
        };
        let (plan, list) = (self.plan.clone(), check_in.holidays.to_string());
        let holiday = move |day| plan.is_holiday(&list, day);
        self.care.check_ins.configure(terms, self.zone.clone(), holiday);
    }

    /// A sign of life of an account.
    pub(super) fn sign(&mut self, now: Now, account: &str, way: Way) {
        if let Some(early) = &mut self.care.early {
            if !early.hold(now.at, account, way) {
                let line =
                    format!("a sign of life of {account} is lost: too many wait for the records");
                self.log(Level::Error, line);
            }
            return;
        }
        // What is overdue is missed first: a sign now is late for it.
        for action in self.care.check_ins.overdue(now, account) {
            self.check_in_action(now, action);
        }
        let Some(Signed { due, late }) = self.care.check_ins.sign(now, account, way) else {
            return;
        };
        self.reminders_ring_no_more(now, account, true);
        let settled = self.care.check_ins.settled(account).unwrap_or(due);
        let name = self.care.home_of(account).unwrap_or_default().name;
        let what = CareFact::CheckedIn {
            due: due.0,
            settled: settled.0,
            by: way.as_str().to_owned(),
            late,
            name,
        };
        self.fact(now, FactKind::Care { account: account.to_owned(), what });
    }

    /// The plan takes a caller's report.
    pub(in crate::switch) fn checked_in(&mut self, now: Now, call: CallId) {
        let Some(active) = self.calls.get(&call) else { return };
        let number = active.from.clone();
        let account = match self.care.calls.get(&call) {
            Some(out) => out.account.clone(),
            None => self.care.home(&number).to_owned(),
        };
        if self.care.early.is_none() && self.care.directory.find(&account).is_none() {
            let line = format!("call {call}: {number} checks in and is no subscriber's number");
            return self.log(Level::Warning, line);
        }
        self.sign(now, &account, Way::Call);
    }

    /// A contact takes a missed check-in on.
    pub(super) fn check_in_accepted(&mut self, now: Now, account: String, number: String) {
        let Some(due) = self.care.check_ins.accepted(&account) else { return };
        let line = format!("{number} sees to {}, who has not checked in", self.care.who(&account));
        self.log(Level::Info, line);
        let what = CareFact::CheckInAccepted { due: due.0, number };
        self.fact(now, FactKind::Care { account, what });
    }

    /// What is due of check-ins, as much as may be at once.
    pub(super) fn check_ins_due(&mut self, now: Now) {
        let most = if self.journal_full { MOST_WHILE_FULL } else { MOST_AT_ONCE };
        for action in self.care.check_ins.due(now, most) {
            self.check_in_action(now, action);
        }
        let (without, waiting) = self.care.check_ins.take_without_channel();
        if without > 0 {
            let calls = self.config.check_in.calls;
            let line = format!(
                "{without} reminders of check-ins had no channel in time ([check_in] calls = {calls}): they count as made, so \
                 that a person hears of who is missed in time; {waiting} more wait"
            );
            self.log(Level::Warning, line);
        }
    }

    /// The subscribers are known: signs that came before count from when they came.
    pub(super) fn early_signs(&mut self, now: Now) {
        let Some(mut early) = self.care.early.take() else { return };
        for (at, number, way) in early.take() {
            // By the calendar as it is now: it may have been set since.
            let ago = i64::try_from(now.at.since(at).as_millis()).unwrap_or(i64::MAX);
            let then = Now { at, wall: Wall(now.wall.0.saturating_sub(ago)) };
            let account = self.care.home(&number).to_owned();
            self.sign(then, &account, way);
        }
    }

    pub(super) fn check_in_action(&mut self, now: Now, action: Action) {
        match action {
            Action::Missed { account, due } => {
                let name = self.care.home_of(&account).unwrap_or_default().name;
                let line = format!("{} has not checked in", self.care.who(&account));
                self.log(Level::Warning, line);
                let what = CareFact::CheckInMissed { due: due.0, name };
                self.fact(now, FactKind::Care { account, what });
            }
            Action::Remind { account, due, nth } => {
                let number = account.clone();
                let why = Why::Reminder { due: due.0 };
                let called = self.call_out(now, (&account, &number), why, nth);
                self.check_in_not_called(now, &account, called.err());
            }
            Action::DueAgain { after, until } => {
                let line = "the clock was ahead and is set back: check-ins that were missed or settled by it \
                            are due again";
                self.log(Level::Warning, line);
                let what = CareFact::CheckInsDueAgain { after: after.0, until: until.0 };
                self.fact(now, FactKind::Care { account: String::new(), what });
            }
            Action::Left { of, .. } => {
                let line = format!(
                    "the clock is set forward: of {of} subscribers check-ins of more than a day ago are left"
                );
                self.log(Level::Error, line);
            }
            Action::Task { account, due } => self.check_in_task(now, account, due.0),
            Action::Contact { account, due, nth } => {
                let of = self.care.directory.find(&account);
                let number = of.and_then(|of| of.contacts.get(nth)).map(|own| own.number.clone());
                let at_home =
                    |number: &String| of.is_some_and(|of| of.numbers().any(|own| own == number));
                let times = u32::try_from(nth + 1).unwrap_or(u32::MAX);
                let not = match number {
                    // The home does not answer there: the next contact is called.
                    Some(number) if at_home(&number) => {
                        let line = format!(
                            "{}: a contact has the home's own number {number}, and is not called",
                            self.care.who(&account)
                        );
                        self.log(Level::Warning, line);
                        Some(NotPlaced::Never("it is the home's own number".into()))
                    }
                    Some(number) => {
                        let why = Why::Contact { due: due.0 };
                        self.call_out(now, (&account, &number), why, times).err()
                    }
                    None => Some(NotPlaced::Never("there is no such contact".into())),
                };
                self.check_in_not_called(now, &account, not);
            }
        }
    }

    /// Somebody is not called for a check-in: what cannot be now is held, and is no call made.
    fn check_in_not_called(&mut self, now: Now, account: &str, not: Option<NotPlaced>) {
        match not {
            None => {}
            Some(NotPlaced::Now(_)) => self.care.check_ins.not_placed(now, account),
            Some(NotPlaced::Never(_)) => self.care.check_ins.call_over(now, account),
        }
    }

    /// Reminders have not helped: a case, at the top.
    fn check_in_task(&mut self, now: Now, account: String, due: i64) {
        let report = Report {
            account: account.clone(),
            device: String::new(),
            device_type: String::new(),
            protocol: Protocol::Centre,
            reference: format!("check-in {due}"),
            meaning: Meaning::Alarm(Need::CheckIn),
            code: 0,
            priority: OF_TASK,
            speech: Speech::None,
            place: String::new(),
        };
        let case = self.take_report(now, &account, &report).and_then(|place| {
            self.write_report(now, &account, report, String::new(), place);
            place.case
        });
        let who = self.care.who(&account);
        let line = match case {
            Some(case) => format!("case {case}: {who} has not checked in: call back at once"),
            None => format!("{who} has not checked in, and there is no room for a case: call back"),
        };
        self.log(Level::Error, line);
        let what = CareFact::CheckInTask { due, case };
        self.fact(now, FactKind::Care { account, what });
    }
}
