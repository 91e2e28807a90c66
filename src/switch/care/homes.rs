//! Whose a number or an account is: subscribers, as the records gave them.

use std::collections::BTreeSet;

use crate::base::{Duration, Now, Time};
use crate::care::plan::Start;
use crate::care::{Kept, Report, Subscriber, Update};

use super::{Care, CareFact, FactKind, Home, KeptCheckIns, Missed};
use crate::switch::{Level, Switch};

/// So long the plan of an alarm waits for the subscribers: for whom it calls, if nobody knows whose the alarm is?
const PLAN_WAITS: Duration = Duration::from_secs(30);

/// Changes that wait for the records.
const MOST_UPDATES: usize = 1_000;

impl Care {
    /// The number by which the one is known to whom a number or an account belongs; itself, where that is
    /// nobody's.
    pub(super) fn home<'a>(&'a self, number: &'a str) -> &'a str {
        self.directory.find(number).map_or(number, |subscriber| &subscriber.number)
    }

    /// By which a caller's open case is found: his home, or his own number.
    pub(super) fn known_as<'a>(&'a self, number: &'a str) -> &'a str {
        let home = self.home(number);
        if self.cases.of_caller(home).is_some() { home } else { number }
    }

    /// What is known of whose an account is.
    pub(super) fn home_of(&self, account: &str) -> Option<Home> {
        let Subscriber { name, address, region, flag, .. } = self.directory.find(account)?;
        Some(Home {
            name: name.clone(),
            address: address.clone(),
            region: region.clone(),
            flag: flag.as_str().to_owned(),
        })
    }

    /// An account with its name, for the log.
    pub(super) fn who(&self, account: &str) -> String {
        match self.directory.find(account) {
            Some(subscriber) if !subscriber.name.is_empty() => {
                format!("{account} ({})", subscriber.name)
            }
            _ => account.to_owned(),
        }
    }

    /// Makes a report by keys its home's: whose line it comes by is known by the caller's number, and the account
    /// says it where that is nobody's. Gives the account that was not believed.
    pub(super) fn believe_keys(&self, caller: &str, report: &mut Report) -> Option<String> {
        let home = self.home(caller);
        if self.directory.find(caller).is_some() {
            return self.believe(caller, report);
        }
        let known = report.accounts().find(|account| self.directory.find(account).is_some());
        if let Some(account) = known {
            report.account = self.home(account).to_owned();
            return None;
        }
        // Four digits that nobody has noted call nobody back; a number does. A scheme's line is its homes'.
        let callable = home.bytes().any(|b| b.is_ascii_digit()) && !self.cases.terms().any_account;
        callable.then(|| core::mem::replace(&mut report.account, home.to_owned()))
    }

    /// Makes a report its home's. Gives the account that was not believed.
    pub(super) fn believe(&self, sender: &str, report: &mut Report) -> Option<String> {
        let home = self.home(sender);
        // What the records say is a home's own it may say of itself.
        if report.accounts().any(|account| self.home(account) == home) {
            home.clone_into(&mut report.account);
        }
        let other = self.cases.terms().believe(home, report);
        let known = report.accounts().find(|account| self.directory.find(account).is_some());
        let known = self.home(known.unwrap_or(&report.account)).to_owned();
        report.account = known;
        other
    }
}

impl Switch {
    /// What the records say of subscribers: at the start, and at each change. The start's comes after that of cases and
    /// has all; what changes before that waits for it.
    pub(in crate::switch) fn subscribers_changed(&mut self, now: Now, update: Update) {
        if self.care.early.is_some() && !(self.care.restored && update.all) {
            return self.change_waits(update);
        }
        self.subscribers_told(now, update);
        for update in core::mem::take(&mut self.care.updates) {
            self.subscribers_told(now, update);
        }
    }

    /// By a copy it is known who the subscribers are, while the records cannot be read: alarms are their homes', and plans that
    /// have waited for that begin. What they have to report, and what was open, is not known by that.
    pub(in crate::switch) fn homes_known(&mut self, now: Now, homes: Vec<Kept>) {
        if self.care.early.is_none() {
            return;
        }
        for kept in homes {
            let number = kept.subscriber.number.clone();
            if let Err(why) = self.care.directory.put(kept) {
                self.log(Level::Error, format!("subscriber {number} is not known: {why}"));
            }
        }
        self.plans_waited(now, true);
    }

    fn change_waits(&mut self, update: Update) {
        if update.all {
            self.care.updates.clear();
        }
        if self.care.updates.len() < MOST_UPDATES {
            return self.care.updates.push(update);
        }
        let line = "a change of subscribers is not known, too many wait for the records: try 'subscriber reload' \
                    later";
        self.log(Level::Error, line);
    }

    /// Those whom the records, all of which these are, have no more.
    fn left_out_of(&self, put: &[Kept]) -> Vec<String> {
        let stay: BTreeSet<&String> = put.iter().map(|kept| &kept.subscriber.number).collect();
        let old = self.care.directory.all().map(|kept| &kept.subscriber.number);
        let goes = |number: &&String| !stay.contains(number) && !self.care.told.is_newer(number);
        old.filter(goes).cloned().collect()
    }

    fn subscriber_gone(&mut self, now: Now, number: &str) {
        for action in self.care.check_ins.overdue(now, number) {
            self.check_in_action(now, action);
        }
        self.care.directory.remove(number);
        self.care.check_ins.remove(number);
        self.unit_unwatched(number);
    }

    /// Check-ins that were missed before the start, by subscriber; `closed`: whose case somebody has closed since.
    fn missed_restored(
        &mut self,
        now: Now,
        missed: Vec<(String, Missed)>,
        closed: BTreeSet<String>,
    ) {
        // The first of each comes first; one is open for each, and what was missed later waits with it.
        for (number, missed) in missed {
            if !closed.contains(&number) {
                self.care.check_ins.restore(now, &number, missed);
            }
        }
        // Whoever closed the case has seen to it, though the process ended before that was written.
        for account in closed {
            let what = CareFact::CheckInClosed { due: now.wall.0 };
            self.fact(now, FactKind::Care { account, what });
        }
    }

    fn subscribers_told(&mut self, now: Now, mut update: Update) {
        // The clocks first: what the records say is believed by them. What is overdue stays so.
        self.check_ins_due(now);
        self.care.told.take(&mut update);
        let Update { all, mut put, mut gone, .. } = update;
        let kept = if all { self.care.kept.take() } else { None };
        if all {
            gone.extend(self.left_out_of(&put));
        }
        gone.iter().for_each(|number| self.subscriber_gone(now, number));
        // Who is as before is nobody to look at; there are many thousands.
        let directory = &self.care.directory;
        let is_other =
            |kept: &Kept| directory.get(&kept.subscriber.number).is_none_or(|own| **own != *kept);
        put.retain(|own| kept.is_some() || is_other(own));
        let changed = put.len() + gone.len();
        // Numbers may have changed hands: those that had them give them up first.
        put.iter().for_each(|kept| _ = self.care.directory.remove(&kept.subscriber.number));
        let KeptCheckIns { settled, missed, closed } = kept.unwrap_or_default();
        for kept in put {
            let number = kept.subscriber.number.clone();
            self.care.check_ins.put(now, &kept, settled.get(&number).copied());
            self.unit_watched(now, &kept.subscriber);
            if let Err(why) = self.care.directory.put(kept) {
                self.log(Level::Error, format!("subscriber {number} is not known: {why}"));
            }
        }
        self.missed_restored(now, missed, closed);
        if all {
            self.care.seen.clear();
            self.silent_strangers();
            self.early_signs(now);
        }
        self.silence_ends_due(now);
        if changed > 0 {
            let there = self.care.directory.len();
            self.log(Level::Info, format!("subscribers: {changed} changed, {there} in all"));
        }
        let (called, receptions) = core::mem::take(&mut self.care.kept_by_number);
        self.calls_restored(now, called);
        self.receptions_restored(now, receptions);
        self.plans_restored(now);
        if all {
            self.plans_waited(now, true);
        }
        self.care_calls_restored(now);
        self.check_ins_due(now);
    }

    /// The plan of an alarm begins; as soon as it is known whose that is, if it soon is.
    pub(super) fn plan_when_known(&mut self, now: Now, case: u64, start: Start) {
        let unknown = self.care.early.is_some() && self.care.directory.is_empty();
        match unknown && self.care.plans_wait.len() < super::MOST_WAITING {
            true => _ = self.care.plans_wait.insert((now.at + PLAN_WAITS, case), start),
            false => self.plan_for_alarm(now, case, start),
        }
    }

    /// Plans of alarms that have waited begin, and all of them when the subscribers are known. Where none fits whom
    /// nobody knows, one may fit then.
    pub(super) fn plans_waited(&mut self, now: Now, all: bool) {
        while let Some(first) = self.care.plans_wait.first_entry()
            && (all || first.key().0 <= now.at)
        {
            let ((_, case), start) = first.remove_entry();
            self.plan_for_alarm(now, case, start);
            if !all && !self.care.plans.has(case) && self.care.cases.get(case).is_some() {
                self.care.plans_wait.insert((Time::NEVER, case), start);
            }
        }
    }
}
