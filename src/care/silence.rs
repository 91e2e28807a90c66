//! Units that fall silent (R14): a unit that reports by itself each few minutes, and has not for several times, is a notice in
//! the technical list, over by itself with the next sign of life.
//!
//! ```text
//!  watched no more, or no subscriber any more, when it was told: over, a part at a time like those that begin
//!  heard ─▶ every × missed + a tenth of it ─▶ silent: told once ─▶ heard ─▶ over
//!              └─ heard meanwhile: from the beginning
//! ```
//!
//! Source: domain notes on social alarms §6, heartbeat ("missed after N × interval + grace; restore on return"). By the
//! monotonic clock, so that a calendar which is set tells of nobody. What it does not do: who is looked after at a time of
//! the day is [`check_in`](super::check_in)'s; who writes it down is the switch.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Duration, Now, Time, Wall};

use super::subscriber::Subscriber;

/// Those told at once, and how long the next wait then: a network that fails silences thousands.
const MOST_AT_ONCE: usize = 200;
const PAUSE: Duration = Duration::from_millis(100);
/// So long those wait for whom there is no room.
const LATER: Duration = Duration::from_secs(1);
/// What comes a little late is not missed: a part of so many.
const GRACE: u32 = 10;

/// Of which units it is known how often they report by themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// Of subscribers with this type of terminal; empty: any.
    pub kind: String,
    /// Of these subscribers alone; empty: all.
    pub numbers: Vec<String>,
    /// How often.
    pub every: Duration,
    /// So many times in a row not heard; 0: they are not watched.
    pub missed: u32,
}

impl Rule {
    fn fits(&self, subscriber: &Subscriber) -> bool {
        let kind = self.kind.is_empty() || self.kind == subscriber.terminal.kind;
        kind && (self.numbers.is_empty() || self.numbers.contains(&subscriber.number))
    }

    /// After which time without a sign it is told.
    fn patience(&self) -> Duration {
        let times = self.every.saturating_mul(self.missed);
        times.saturating_add(times / GRACE)
    }
}

#[derive(Clone, Copy, Debug)]
struct Unit {
    patience: Duration,
    /// When it is told; `NEVER`: it has been.
    until: Time,
}

/// Units that are watched.
#[derive(Debug, Default)]
pub struct Silence {
    rules: Vec<Rule>,
    units: BTreeMap<String, Unit>,
    due: BTreeSet<(Time, String)>,
    /// No more are told before.
    next: Time,
    /// Silent ones that are watched no more, and of which nobody was told that this is over.
    over: BTreeSet<String>,
    /// No more of those are told before.
    over_next: Time,
}

impl Silence {
    /// Other rules. The subscribers are put anew after that.
    pub fn configure(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// The rules in force.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// A subscriber is there, new or other than before. `seen`: when its unit was heard last, by the records of before the
    /// start; `told`: it is silent, and that was said. Gives `false` where it is not watched.
    pub fn put(&mut self, now: Now, of: &Subscriber, seen: Option<Wall>, told: bool) -> bool {
        let rule = self.rules.iter().find(|rule| rule.fits(of)).filter(|rule| rule.missed > 0);
        let Some(rule) = rule else {
            self.remove(&of.number);
            return false;
        };
        let patience = rule.patience();
        // What it said while nobody heard is not known: it has the time for one more.
        let again = rule.every.saturating_add(rule.every / GRACE);
        let until = match self.units.get(&of.number) {
            Some(own) if own.patience == patience => return true,
            Some(_) => now.at + patience,
            None if told => Time::NEVER,
            None => {
                let gone = seen.map_or(0, |seen| now.wall.0.saturating_sub(seen.0).max(0));
                let gone = Duration::from_millis(gone.unsigned_abs());
                now.at + patience.saturating_sub(gone).max(again)
            }
        };
        self.over.remove(&of.number);
        self.set(&of.number, Unit { patience, until });
        true
    }

    /// It is watched no more.
    pub fn remove(&mut self, account: &str) {
        if let Some(own) = self.units.remove(account) {
            self.due.remove(&(own.until, account.to_owned()));
        }
    }

    /// It was told as silent and is watched no more: that this is over is told by and by, for a rule that goes does so of
    /// thousands.
    pub fn ends(&mut self, account: &str) {
        self.over.insert(account.to_owned());
    }

    /// Of whom it is over by now, a part at a time.
    pub fn over_due(&mut self, now: Time) -> Vec<String> {
        let mut over = Vec::new();
        if now < self.over_next {
            return over;
        }
        while over.len() < MOST_AT_ONCE
            && let Some(account) = self.over.pop_first()
        {
            over.push(account);
        }
        if !over.is_empty() {
            self.over_next = now + PAUSE;
        }
        over
    }

    /// A unit gives a sign of life.
    pub fn heard(&mut self, now: Time, account: &str) {
        if let Some(own) = self.units.get(account).copied() {
            self.set(account, Unit { until: now + own.patience, ..own });
        }
    }

    fn set(&mut self, account: &str, unit: Unit) {
        if let Some(old) = self.units.insert(account.to_owned(), unit) {
            self.due.remove(&(old.until, account.to_owned()));
        }
        if unit.until != Time::NEVER {
            self.due.insert((unit.until, account.to_owned()));
        }
    }

    /// Who has fallen silent by now, a part at a time.
    pub fn due(&mut self, now: Time) -> Vec<String> {
        let mut silent = Vec::new();
        if now < self.next {
            return silent;
        }
        while silent.len() < MOST_AT_ONCE
            && self.due.first().is_some_and(|(until, _)| *until <= now)
            && let Some((_, account)) = self.due.pop_first()
        {
            if let Some(own) = self.units.get_mut(&account) {
                own.until = Time::NEVER;
            }
            silent.push(account);
        }
        if silent.len() == MOST_AT_ONCE {
            self.next = now + PAUSE;
        }
        silent
    }

    /// They cannot be told now.
    pub fn later(&mut self, now: Time) {
        (self.next, self.over_next) = (now + LATER, now + LATER);
    }

    /// When somebody is due.
    pub fn next_wake(&self) -> Option<Time> {
        let begins = self.due.first().map(|(until, _)| (*until).max(self.next));
        let ends = self.over.first().map(|_| self.over_next);
        begins.into_iter().chain(ends).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn at(minutes: u64) -> Now {
        Now { at: Time::from_millis(minutes * 60_000), wall: Wall(minutes as i64 * 60_000) }
    }

    fn subscriber(number: &str, kind: &str) -> Subscriber {
        let mut own = Subscriber::default();
        own.set("number", number).unwrap();
        own.set("terminal_type", kind).unwrap();
        own
    }

    fn rule(kind: &str, numbers: &[&str], missed: u32) -> Rule {
        let numbers = numbers.iter().map(|own| (*own).to_owned()).collect();
        Rule { kind: kind.into(), numbers, every: HOUR, missed }
    }

    #[test]
    fn who_is_not_heard_for_three_times_and_a_little_is_silent_once() {
        let mut all = Silence::default();
        all.configure(vec![rule("hub", &[], 3)]);
        assert!(all.put(at(0), &subscriber("100", "hub"), None, false));
        assert!(!all.put(at(0), &subscriber("101", "phone"), None, false), "of another type");
        assert_eq!(all.due(at(197).at), Vec::<String>::new());
        assert_eq!(all.next_wake(), Some(at(198).at));
        assert_eq!(all.due(at(198).at), ["100"]);
        assert_eq!(all.due(at(9_000).at), Vec::<String>::new(), "it is told once");
        assert_eq!(all.next_wake(), None);
        all.heard(at(9_000).at, "100");
        all.heard(at(9_000).at, "101");
        assert_eq!(all.due(at(9_197).at).len() + all.due(at(9_198).at).len(), 1);
        all.remove("100");
        all.heard(at(9_200).at, "100");
        assert_eq!(all.next_wake(), None);
    }

    /// The first rule that fits holds; one without a number of times exempts.
    #[test]
    fn rules_are_by_type_and_by_number() {
        let mut all = Silence::default();
        all.configure(vec![rule("", &["101"], 0), rule("hub", &[], 2), rule("", &["102"], 5)]);
        assert!(!all.put(at(0), &subscriber("101", "hub"), None, false));
        assert!(all.put(at(0), &subscriber("100", "hub"), None, false));
        assert!(all.put(at(0), &subscriber("102", "other"), None, false));
        assert!(!all.put(at(0), &subscriber("103", "other"), None, false));
        assert_eq!(all.due(at(132).at), ["100"]);
        assert_eq!(all.due(at(330).at), ["102"]);
        // By another rule it has its time from now; who is watched no more is told no more.
        all.heard(at(400).at, "100");
        all.configure(vec![rule("hub", &[], 1)]);
        assert!(all.put(at(401), &subscriber("100", "hub"), None, false));
        assert!(!all.put(at(401), &subscriber("102", "other"), None, false));
        assert_eq!(all.due(at(466).at), Vec::<String>::new());
        assert_eq!(all.due(at(467).at), ["100"]);
    }

    /// After a start the time before it counts, but for one more report, which may have come while nobody heard.
    #[test]
    fn what_was_heard_before_the_start_counts() {
        let mut all = Silence::default();
        all.configure(vec![rule("", &[], 10)]);
        let of = |number| subscriber(number, "");
        assert!(all.put(at(10_000), &of("1"), Some(at(9_400).wall), false), "60 minutes are left");
        assert!(all.put(at(10_000), &of("2"), Some(at(10).wall), false), "long gone");
        assert!(all.put(at(10_000), &of("3"), Some(at(20_000).wall), false), "by a clock ahead");
        assert!(all.put(at(10_000), &of("4"), None, true), "it is told already");
        assert_eq!(all.due(at(10_065).at), Vec::<String>::new());
        assert_eq!(all.due(at(10_066).at), ["1", "2"]);
        assert_eq!(all.due(at(10_660).at), ["3"]);
        all.heard(at(10_700).at, "4");
        assert_eq!(all.due(at(11_360).at), ["4"]);
    }

    #[test]
    fn thousands_are_told_a_part_at_a_time() {
        let mut all = Silence::default();
        all.configure(vec![rule("", &[], 1)]);
        for n in 0..1_000 {
            all.put(at(0), &subscriber(&n.to_string(), ""), None, false);
        }
        let (mut told, mut now) = (BTreeSet::new(), at(70).at);
        for round in 0..5 {
            let some = all.due(now);
            assert_eq!(some.len(), MOST_AT_ONCE, "round {round}");
            told.extend(some);
            assert!(all.due(now).is_empty());
            now = all.next_wake().unwrap_or(now);
        }
        assert_eq!((told.len(), all.next_wake()), (1_000, None));
    }

    #[test]
    fn ends_are_told_a_part_at_a_time_too_unless_they_are_none_any_more() {
        let mut all = Silence::default();
        (0..450).for_each(|n| all.ends(&n.to_string()));
        // Watched again meanwhile: it is silent still.
        all.configure(vec![rule("hub", &[], 3)]);
        assert!(all.put(at(0), &subscriber("449", "hub"), None, true));
        let (mut told, mut now) = (Vec::new(), at(0).at);
        while let Some(next) = all.next_wake() {
            now = now.max(next);
            told.push(all.over_due(now).len());
            assert!(all.over_due(now).is_empty());
        }
        assert_eq!(told, [MOST_AT_ONCE, MOST_AT_ONCE, 49]);
        all.ends("1");
        all.later(now);
        assert!(all.over_due(now + PAUSE).is_empty(), "there is no room");
        assert_eq!(all.over_due(now + LATER), ["1"]);
    }

    proptest! {
        /// The order of what is due is that of the units, whatever happens.
        #[test]
        fn each_unit_is_due_once_or_told(steps in proptest::collection::vec((0u8..5, 0u8..4, 1u64..500), 1..60)) {
            let mut all = Silence::default();
            all.configure(vec![rule("", &[], 2)]);
            let mut minute = 0;
            for (number, what, passes) in steps {
                minute += passes;
                let number = number.to_string();
                match what {
                    0 => _ = all.put(at(minute), &subscriber(&number, ""), None, false),
                    1 => all.remove(&number),
                    2 => all.heard(at(minute).at, &number),
                    _ => for own in all.due(at(minute).at) {
                        prop_assert_eq!(all.units[&own].until, Time::NEVER);
                    },
                }
                let waits = all.units.iter().filter(|(_, own)| own.until != Time::NEVER);
                let waits: BTreeSet<(Time, String)> = waits.map(|(own, unit)| (unit.until, own.clone())).collect();
                prop_assert_eq!(&waits, &all.due);
            }
        }
    }
}
