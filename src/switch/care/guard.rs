//! The guard at the door (R12): who is locked out is refused, unless the call is an alarm; that comes last and is
//! told as what it is.

use std::collections::BTreeMap;

use crate::base::{Duration, Now, Wall};
use crate::care::guard::{Lock, Terms};
use crate::care::subscriber;

use super::{CareFact, FactKind};
use crate::switch::console::{GuardOrder, GuardView, LockRow, Reply};
use crate::switch::{Level, Switch};

/// The longest time of an operator's lock, in days; beyond it is for ever.
const MOST_DAYS: u32 = 3_650;

/// What the records say of the guard.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KeptGuard {
    /// Who is locked.
    pub locks: Vec<(String, Lock)>,
    /// The white list.
    pub white: Vec<String>,
    /// Who has called.
    pub calls: KeptCalled,
}

/// Calls from before the start, by which a home that calls again and again is known.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KeptCalled {
    /// Each number and when it called, the oldest first.
    pub calls: Vec<(String, Wall)>,
    /// From when the calls of a number count: it was locked, or let in again.
    pub anew: Vec<(String, Wall)>,
}

impl Switch {
    /// What the configuration says of the guard.
    pub(in crate::switch) fn configure_guard(&mut self) {
        let guard = &self.config.guard;
        let terms = Terms { calls: guard.calls, within: guard.within, lock: guard.lock };
        self.care.guard.set_terms(terms);
    }

    /// What the records say of it. Gives what waits for the subscribers.
    pub(super) fn guard_restored(&mut self, kept: KeptGuard) -> KeptCalled {
        for number in kept.white {
            self.care.guard.set_white(&number, true);
        }
        for (number, lock) in kept.locks {
            self.care.guard.lock(number, lock);
        }
        kept.calls
    }

    /// Calls from before the start count by their age: those that would have been counted when they came.
    pub(super) fn calls_restored(&mut self, now: Now, kept: KeptCalled) {
        let anew: BTreeMap<String, Wall> = kept.anew.into_iter().collect();
        for (number, at) in kept.calls {
            let is_phone = self.config.phone(&number).is_some();
            if is_phone && !self.is_subscriber(&number) {
                continue;
            }
            let home = self.care.home(&number).to_owned();
            if [&number, &home].iter().any(|own| anew.get(*own).is_some_and(|since| at <= *since)) {
                continue;
            }
            let ago = u64::try_from(now.wall.0.saturating_sub(at.0)).unwrap_or(0);
            self.care.guard.restore_call(now.at, Duration::from_millis(ago), &number, &home);
        }
    }

    /// Whether a caller is locked out.
    pub(in crate::switch) fn is_locked_out(&self, now: Now, number: &str) -> bool {
        self.care.guard.is_locked(now.wall, number, self.care.home(number))
    }

    /// Whether a number is a subscriber's.
    pub(in crate::switch) fn is_subscriber(&self, number: &str) -> bool {
        self.care.directory.find(number).is_some()
    }

    /// A call of somebody who is no agent has come in: it counts.
    pub(in crate::switch) fn guard_counts(&mut self, now: Now, number: &str) {
        let home = self.care.home(number).to_owned();
        if let Some((locked, lock)) = self.care.guard.called(now, number, &home) {
            self.guard_locked(now, locked, lock);
        }
    }

    /// An agent has marked a caller as malicious.
    pub(in crate::switch) fn guard_marked(&mut self, now: Now, number: &str, by: &str) {
        if !self.config.guard.marked {
            return;
        }
        let number = self.care.home(number).to_owned();
        let until = until(now, self.config.guard.lock);
        let why = "marked as malicious".to_owned();
        let lock = Lock { since: now.wall, until, why, by: by.to_owned() };
        if self.care.guard.lock(number.clone(), lock.clone()) {
            self.guard_locked(now, number, lock);
        }
    }

    fn guard_locked(&mut self, now: Now, number: String, lock: Lock) {
        let who = self.care.who(&number);
        self.log(Level::Warning, format!("{who} is locked out: {}", lock.why));
        let until = lock.until.map(|until| until.0);
        let what = CareFact::GuardLocked { until, why: lock.why, by: lock.by };
        self.fact(now, FactKind::Care { account: number, what });
    }

    /// A locked one raises an alarm: it reaches a person, behind others, and that is written down.
    pub(super) fn locked_alarm(&mut self, now: Now, case: u64, account: &str) {
        if !self.care.guard.is_locked(now.wall, account, account)
            || !self.care.cases.set_low(case, true)
        {
            return;
        }
        let line = format!(
            "case {case}: {} is locked out: it waits behind others",
            self.care.who(account)
        );
        self.log(Level::Warning, line);
        let (account, what) = (account.to_owned(), CareFact::LockedAlarm { case });
        self.fact(now, FactKind::Care { account, what });
    }

    /// An operator looks at the guard, or changes something.
    pub(in crate::switch) fn guard_order(
        &mut self,
        now: Now,
        order: GuardOrder,
        by: &str,
    ) -> Reply {
        let by = || if by.is_empty() { "console" } else { by }.to_owned();
        let (number, said) = match &order {
            GuardOrder::List => return Reply::Guard(self.guard_view(now)),
            GuardOrder::Lock(number, _)
            | GuardOrder::Lift(number)
            | GuardOrder::White(number, _) => match subscriber::number(number) {
                Ok(number) => {
                    let home = self.care.home(&number).to_owned();
                    (home, number)
                }
                Err(why) => return Reply::Refused(why),
            },
        };
        let (done, what) = match order {
            GuardOrder::List => return Reply::Guard(self.guard_view(now)),
            GuardOrder::Lock(_, days) => {
                let span = days.filter(|days| *days <= MOST_DAYS).map_or(Duration::ZERO, |days| {
                    Duration::from_secs(u64::from(days) * 24 * 3_600)
                });
                let until = until(now, span);
                let lock = Lock { since: now.wall, until, why: "by an operator".into(), by: by() };
                if !self.care.guard.lock(number.clone(), lock.clone()) {
                    return Reply::Refused("there are too many locks: lift some".into());
                }
                self.guard_locked(now, number.clone(), lock);
                return Reply::Done(format!("{number} is locked out; its alarms still come in"));
            }
            GuardOrder::Lift(_) => return self.guard_lifts(now, [&number, &said], &by()),
            GuardOrder::White(_, on) => match self.care.guard.set_white(&number, on) {
                true => {
                    let what = if on { "on" } else { "off" };
                    let fact = CareFact::GuardWhite { on, by: by() };
                    if on {
                        self.waits_no_more_behind(&number);
                    }
                    (format!("{number} is {what} the white list"), fact)
                }
                false => return Reply::Refused(format!("{number}: nothing changes: 'guard list'")),
            },
        };
        self.fact(now, FactKind::Care { account: number, what });
        Reply::Done(done)
    }

    /// A home is let in again with all its numbers, and the number as it was `said`. A fact for each lock; and one for the home,
    /// so that what it has called counts anew after a restart too.
    fn guard_lifts(&mut self, now: Now, [home, said]: [&str; 2], by: &str) -> Reply {
        let mut all: Vec<String> = vec![home.to_owned(), said.to_owned()];
        if let Some(of) = self.care.directory.find(home) {
            all.extend(of.numbers().map(str::to_owned));
        }
        let mut lifted = self.care.guard.lift(all.iter().map(String::as_str));
        if lifted.is_empty() {
            return Reply::Refused(format!("{said} is not locked out: 'guard list'"));
        }
        self.waits_no_more_behind(home);
        if !lifted.iter().any(|own| own == home) {
            lifted.push(home.to_owned());
        }
        for account in lifted {
            let what = CareFact::GuardLifted { by: by.to_owned() };
            self.fact(now, FactKind::Care { account, what });
        }
        Reply::Done(format!("{said} is let in again"))
    }

    /// Whose lock is over is in need like others: his case's next call, or the agent who is to be offered it, waits behind nobody.
    fn waits_no_more_behind(&mut self, home: &str) {
        if let Some(case) = self.care.cases.of_caller(home).map(|case| case.id) {
            self.care.cases.set_low(case, false);
        }
    }

    /// After a start: the cases of who is locked out wait behind others, as they did before.
    pub(super) fn locked_cases_restored(&mut self, now: Now) {
        let all = self.care.cases.open();
        let all: Vec<(u64, String)> = all.map(|case| (case.id, case.account.clone())).collect();
        for (case, account) in all {
            if self.care.guard.is_locked(now.wall, &account, &account) {
                self.care.cases.set_low(case, true);
            }
        }
    }

    fn guard_view(&self, now: Now) -> GuardView {
        let row = |(number, lock): (&str, &Lock)| LockRow {
            number: number.to_owned(),
            name: self.care.home_of(number).unwrap_or_default().name,
            since: lock.since.0,
            until: lock.until.map(|until| until.0),
            why: lock.why.clone(),
            by: lock.by.clone(),
        };
        GuardView {
            locks: self.care.guard.locks(now.wall).map(row).collect(),
            white: self.care.guard.white().map(str::to_owned).collect(),
        }
    }
}

/// So long from now; for ever, where that is no time.
fn until(now: Now, span: Duration) -> Option<Wall> {
    let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    (ms > 0).then(|| Wall(now.wall.0.saturating_add(ms)))
}
