//! The false-alarm guard (R12): who calls again and again is locked out for a time or for ever, and can be let in
//! again; an alarm is never turned away.
//!
//! ```text
//!  call ─▶ white? counts nothing                locked: a call that is no alarm is refused,
//!       ─▶ counted by number and by home ─▶ too many within the time ─▶ locked   an alarm waits behind others
//!  a person: lock, lift, white list
//! ```
//!
//! Counts are of the clock that does not jump, and calls from before a restart are given back by their age; until when a
//! lock holds is by the calendar, since it outlives a restart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::{Duration, Now, Time, Wall};

/// Numbers whose calls are counted at once.
const MOST_COUNTED: usize = 100_000;
/// Numbers that are locked, and that are on the white list.
const MOST_LISTED: usize = 100_000;

/// What the configuration says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Terms {
    /// So many calls of one number, or of one home, lock it; 0: none do.
    pub calls: u32,
    /// Within this.
    pub within: Duration,
    /// For so long; zero: for ever.
    pub lock: Duration,
}

/// Why one is locked, and until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lock {
    /// Since when.
    pub since: Wall,
    /// Until when; `None`: for ever.
    pub until: Option<Wall>,
    /// Why, in words.
    pub why: String,
    /// Who did it; empty: the rule.
    pub by: String,
}

impl Lock {
    fn holds(&self, now: Wall) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Counts, locks, the white list.
#[derive(Debug, Default)]
pub struct Guard {
    terms: Terms,
    /// Milliseconds of the clock that does not jump; below zero: before the start.
    counts: BTreeMap<String, VecDeque<i64>>,
    /// The same, by the last of each.
    by_age: BTreeSet<(i64, String)>,
    locks: BTreeMap<String, Lock>,
    white: BTreeSet<String>,
}

impl Guard {
    /// Another configuration.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// A call of `number`, whose home is `home` (itself, where it is nobody's). `Some`: it is locked by this
    /// call, which is to be written down; the call itself is let in.
    pub fn called(&mut self, now: Now, number: &str, home: &str) -> Option<(String, Lock)> {
        let Terms { calls, within, lock } = self.terms;
        if calls == 0 || number.is_empty() || self.is_white(number) || self.is_white(home) {
            return None;
        }
        let most = calls as usize;
        let mut full = None;
        let own = (home != number).then_some(number);
        for key in [Some(home), own].into_iter().flatten() {
            let at = on_clock(now.at);
            let times = self.counted(key, at);
            times.push_back(at);
            while times.front().is_some_and(|then| at - then > millis(within)) {
                times.pop_front();
            }
            if times.len() > most {
                times.pop_front();
            }
            if times.len() >= most && full.is_none() {
                full = Some(key.to_owned());
            }
        }
        let key = full.filter(|key| !self.locked(now.wall, key))?;
        // The lock is for all of them: none of the counts is to lock him anew when it is lifted.
        self.forget(home);
        self.forget(number);
        let until = (lock != Duration::ZERO).then(|| Wall(now.wall.0.saturating_add(millis(lock))));
        let why = format!("{calls} calls within {} s", within.as_secs());
        let lock = Lock { since: now.wall, until, why, by: String::new() };
        self.lock(key.clone(), lock.clone()).then_some((key, lock))
    }

    /// A call from before the start, so long ago: it counts, and locks nobody by itself. The oldest comes first; what has
    /// come since the start stands.
    pub fn restore_call(&mut self, now: Time, ago: Duration, number: &str, home: &str) {
        let Terms { calls, within, .. } = self.terms;
        if calls == 0 || number.is_empty() || ago > within {
            return;
        }
        let at = on_clock(now).saturating_sub(millis(ago));
        let own = (home != number).then_some(number);
        for key in [Some(home), own].into_iter().flatten() {
            let times = self.counted(key, at);
            let place = times.partition_point(|then| *then <= at);
            times.insert(place, at);
            if times.len() > calls as usize {
                times.pop_front();
            }
        }
    }

    /// Whether a number, or whose home it is, is locked.
    pub fn is_locked(&self, now: Wall, number: &str, home: &str) -> bool {
        let white = self.is_white(number) || self.is_white(home);
        !white && (self.locked(now, number) || self.locked(now, home))
    }

    fn locked(&self, now: Wall, key: &str) -> bool {
        self.locks.get(key).is_some_and(|lock| lock.holds(now))
    }

    fn is_white(&self, key: &str) -> bool {
        self.white.contains(key)
    }

    /// Locks a number or a home. `false`: there are too many.
    pub fn lock(&mut self, number: String, lock: Lock) -> bool {
        let now = lock.since;
        if self.locks.len() >= MOST_LISTED {
            self.locks.retain(|_, lock| lock.holds(now));
        }
        let room = self.locks.len() < MOST_LISTED || self.locks.contains_key(&number);
        if room {
            self.locks.insert(number, lock);
        }
        room
    }

    /// Lets one in again: a home with all its numbers. Gives what was locked; none: nothing was.
    pub fn lift<'a>(&mut self, all: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut lifted = Vec::new();
        for key in all {
            self.forget(key);
            if self.locks.remove(key).is_some() {
                lifted.push(key.to_owned());
            }
        }
        lifted
    }

    /// Puts one on the white list, or takes it off. `false`: nothing changes, or there are too many.
    pub fn set_white(&mut self, number: &str, white: bool) -> bool {
        match white {
            true if self.white.len() >= MOST_LISTED => false,
            true => self.white.insert(number.to_owned()),
            false => self.white.remove(number),
        }
    }

    /// Who is locked.
    pub fn locks(&self, now: Wall) -> impl Iterator<Item = (&str, &Lock)> {
        self.locks.iter().filter(move |(_, l)| l.holds(now)).map(|(n, l)| (n.as_str(), l))
    }

    /// The white list.
    pub fn white(&self) -> impl Iterator<Item = &str> {
        self.white.iter().map(String::as_str)
    }

    /// The calls of one, of which another comes to it: of very many the one whose last is the longest ago gives way.
    fn counted(&mut self, key: &str, at: i64) -> &mut VecDeque<i64> {
        match self.counts.get(key).and_then(VecDeque::back) {
            Some(last) => _ = self.by_age.remove(&(*last, key.to_owned())),
            None if self.counts.len() >= MOST_COUNTED => {
                if let Some((_, oldest)) = self.by_age.pop_first() {
                    self.counts.remove(&oldest);
                }
            }
            None => {}
        }
        let times = self.counts.entry(key.to_owned()).or_default();
        let last = times.back().map_or(at, |last| at.max(*last));
        self.by_age.insert((last, key.to_owned()));
        times
    }

    fn forget(&mut self, key: &str) {
        if let Some(last) = self.counts.remove(key).and_then(|times| times.back().copied()) {
            self.by_age.remove(&(last, key.to_owned()));
        }
    }
}

fn on_clock(time: Time) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guard(calls: u32, lock_s: u64) -> Guard {
        let (within, lock) = (Duration::from_secs(600), Duration::from_secs(lock_s));
        let mut guard = Guard::default();
        guard.set_terms(Terms { calls, within, lock });
        guard
    }

    fn at(seconds: u64) -> Now {
        Now { at: Time::from_millis(seconds * 1_000), wall: Wall(seconds as i64 * 1_000) }
    }

    #[test]
    fn many_calls_lock_for_a_time() {
        let mut guard = guard(3, 1_000);
        assert_eq!(guard.called(at(0), "1", "1"), None);
        assert_eq!(guard.called(at(500), "1", "1"), None);
        // The first is too long ago.
        assert_eq!(guard.called(at(700), "1", "1"), None);
        let (who, lock) = guard.called(at(800), "1", "1").unwrap();
        assert_eq!((who.as_str(), lock.until), ("1", Some(Wall(1_800_000))));
        assert!(guard.is_locked(at(1_799).wall, "1", "1"));
        assert!(!guard.is_locked(at(1_800).wall, "1", "1"));
        assert!(!guard.is_locked(at(900).wall, "2", "2"));
    }

    /// Of very many numbers the one that has not called for the longest gives way, and no call looks at all of them.
    #[test]
    fn of_very_many_the_oldest_gives_way() {
        let mut guard = guard(2, 1_000);
        for n in 0..MOST_COUNTED {
            assert_eq!(guard.called(at(n as u64 / 1_000), &n.to_string(), &n.to_string()), None);
        }
        assert!(guard.called(at(100), "7", "7").is_some(), "it was counted");
        assert_eq!(guard.called(at(100), "new", "new"), None);
        assert_eq!(guard.called(at(100), "newer", "newer"), None);
        assert!(guard.called(at(101), "newer", "newer").is_some(), "a new one is counted too");
        assert_eq!(guard.called(at(101), "0", "0"), None, "the oldest was forgotten");
        assert!(guard.counts.len() <= MOST_COUNTED);
        let ages: BTreeSet<(i64, String)> = guard
            .counts
            .iter()
            .filter_map(|(key, times)| Some((*times.back()?, key.clone())))
            .collect();
        assert_eq!(guard.by_age, ages);
    }

    /// A home calls twice, the process dies, and the third call locks as if it had not.
    #[test]
    fn calls_from_before_a_restart_count() {
        let mut guard = guard(3, 1_000);
        let ago = |seconds| Duration::from_secs(seconds);
        for seconds in [700, 500, 400] {
            guard.restore_call(at(10).at, ago(seconds), "11", "10");
        }
        assert_eq!(guard.called(at(20), "9", "9"), None, "another's");
        assert!(!guard.is_locked(at(20).wall, "11", "10"), "nobody is locked by a restart");
        let (who, _) = guard.called(at(30), "11", "10").expect("the third within the time");
        assert_eq!(who, "10");
        // Too long ago by now.
        let mut guard = self::guard(3, 1_000);
        guard.restore_call(at(10).at, ago(500), "11", "10");
        guard.restore_call(at(10).at, ago(400), "11", "10");
        assert_eq!(guard.called(at(250), "11", "10"), None);
    }

    #[test]
    fn a_homes_telephones_count_together_and_are_locked_together() {
        let mut guard = guard(3, 0);
        for number in ["11", "12"] {
            assert_eq!(guard.called(at(0), number, "10"), None);
        }
        let (who, lock) = guard.called(at(1), "13", "10").unwrap();
        assert_eq!((who.as_str(), lock.until), ("10", None));
        assert!(guard.is_locked(Wall(i64::MAX), "11", "10"), "for ever");
        assert_eq!(guard.lift(["10"]), ["10"]);
        assert!(!guard.is_locked(at(2).wall, "11", "10"));
        assert!(guard.lift(["10"]).is_empty());
    }

    /// Who is let in again is in: no count of one of his numbers locks him with his next call, and a lock that stands under one
    /// of them goes with the home's.
    #[test]
    fn a_lift_is_of_a_home_and_all_its_numbers() {
        let mut guard = guard(3, 0);
        for n in 0..2 {
            assert_eq!(guard.called(at(n), "11", "10"), None);
        }
        assert_eq!(guard.called(at(2), "11", "10").unwrap().0, "10");
        assert_eq!(guard.lift(["10", "11"]), ["10"]);
        assert_eq!(guard.called(at(3), "11", "10"), None, "by the number's own count");
        let by_hand = Lock { since: Wall(0), until: None, why: "x".into(), by: "li".into() };
        guard.lock("11".into(), by_hand);
        assert_eq!(guard.lift(["10", "11"]), ["11"]);
        assert!(!guard.is_locked(at(4).wall, "11", "10"));
    }

    /// The rule's lock is over, or was lifted under one key alone: what was counted before it counts no more.
    #[test]
    fn a_lock_forgets_the_counts_of_the_number_too() {
        let mut guard = guard(3, 1);
        for n in 0..3 {
            guard.called(at(n), "11", "10");
        }
        assert!(guard.is_locked(at(2).wall, "11", "10"));
        assert_eq!(guard.called(at(10), "11", "10"), None);
        assert!(!guard.is_locked(at(10).wall, "11", "10"));
    }

    #[test]
    fn the_white_list_and_no_rule() {
        let mut white = guard(1, 0);
        assert!(white.set_white("10", true));
        assert_eq!(white.called(at(0), "11", "10"), None);
        let lock = Lock { since: Wall(0), until: None, why: "x".into(), by: "li".into() };
        white.lock("10".into(), lock);
        assert!(!white.is_locked(Wall(1), "11", "10"));
        assert!(white.set_white("10", false) && white.is_locked(Wall(1), "11", "10"));
        let mut off = guard(0, 0);
        assert!((0..1_000).all(|n| off.called(at(n), "1", "1").is_none()));
    }

    proptest! {
        /// Fewer calls than the rule names within its time never lock; as many always do.
        #[test]
        fn the_rule_is_the_rule(gaps in proptest::collection::vec(0u64..400, 1..40)) {
            let mut guard = guard(4, 10);
            let (mut now, mut times): (u64, Vec<u64>) = (0, vec![]);
            for gap in gaps {
                now += gap;
                times.push(now);
                let recent = times.iter().filter(|at| now - **at <= 600).count();
                let locked = guard.called(at(now), "1", "1").is_some();
                prop_assert!(!locked || recent >= 4);
                if locked { times.clear(); }
                else if !guard.is_locked(at(now).wall, "1", "1") { prop_assert!(recent < 4); }
            }
        }
    }
}
