//! Who is banned, and for how long: the first ban is short, each further one within a day of the last
//! twice as long (R29).
//!
//! ```text
//!  ban ─▶ 10 min ── over, remembered for a day ── ban ─▶ 20 min … ─▶ 24 h at most
//! ```
//!
//! A ban is as strong as what earned it is sure: what a datagram brought about may have been forged, so
//! it ends as soon as somebody there gives a right password, and he is asked for one.
//!
//! Kept in memory alone: a restart sets everybody free, and who goes on is banned again within seconds.
//! That is also the way out when somebody has banned himself.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Duration, Source, Time};

use super::sources::Why;

/// Sources that are banned or remembered; beyond them the one whose time is over first goes.
pub const MOST: usize = 10_000;
/// How long a ban is remembered after its end.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

/// How much of a banned source is kept out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strength {
    /// All but calls in being and calls to emergency numbers; the sockets do not read the rest.
    Full,
    /// Who does not answer a challenge. It was earned by datagrams, whose source may be forged.
    UntilProven,
}

/// One source's ban.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ban {
    /// When it ends; earlier than now: it is remembered.
    pub until: Time,
    /// Which one it is.
    pub nth: u32,
    /// Why.
    pub why: Why,
    /// What it keeps out.
    pub strength: Strength,
}

/// All bans.
#[derive(Debug, Default)]
pub struct Bans {
    by_source: BTreeMap<Source, Ban>,
    by_end: BTreeSet<(Time, Source)>,
}

impl Bans {
    /// Bans `source`, the first time for `first`, never for longer than `longest`. Gives the time, and
    /// whose ban was given up for the place.
    pub fn ban(
        &mut self,
        now: Time,
        source: Source,
        (why, strength): (Why, Strength),
        first: Duration,
        longest: Duration,
    ) -> (Duration, Option<Source>) {
        self.expire(now);
        // What may have been forged makes no later ban longer.
        let counts = |ban: &&Ban| ban.strength == Strength::Full || strength != Strength::Full;
        let before = self.by_source.get(&source).filter(counts);
        let nth = before.map_or(0, |ban| ban.nth).saturating_add(1);
        let doubled = first.saturating_mul(1 << (nth - 1).min(20));
        let time = doubled.min(longest.max(first));
        (time, self.insert(source, Ban { until: now + time, nth, why, strength }))
    }

    /// Bans it for `time`, by order.
    pub fn order(&mut self, now: Time, source: Source, time: Duration) -> Option<Source> {
        self.expire(now);
        let nth = self.by_source.get(&source).map_or(0, |ban| ban.nth);
        let (why, strength) = (Why::Operator, Strength::Full);
        self.insert(source, Ban { until: now + time, nth, why, strength })
    }

    /// Sets `source` free, and forgets that it was banned. `false`: it was not.
    pub fn unban(&mut self, now: Time, source: Source) -> bool {
        let Some(ban) = self.by_source.remove(&source) else { return false };
        self.by_end.remove(&(ban.until, source));
        ban.until > now
    }

    /// The ban of `source`, if it is in force.
    pub fn of(&self, now: Time, source: Source) -> Option<Ban> {
        self.by_source.get(&source).filter(|ban| ban.until > now).copied()
    }

    /// Those that hold, the one that ends first at the beginning.
    pub fn all(&self, now: Time) -> impl Iterator<Item = (Source, Ban)> {
        let holds = self.by_end.iter().filter(move |(until, _)| *until > now);
        holds.filter_map(|(_, source)| Some((*source, *self.by_source.get(source)?)))
    }

    fn insert(&mut self, source: Source, ban: Ban) -> Option<Source> {
        if let Some(before) = self.by_source.insert(source, ban) {
            self.by_end.remove(&(before.until, source));
        }
        self.by_end.insert((ban.until, source));
        let gone = (self.by_source.len() > MOST).then(|| self.by_end.pop_first()).flatten();
        let (_, gone) = gone?;
        self.by_source.remove(&gone);
        Some(gone)
    }

    fn expire(&mut self, now: Time) {
        while let Some((until, source)) = self.by_end.first().copied()
            && until + REMEMBERED <= now
        {
            self.by_end.remove(&(until, source));
            self.by_source.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(600);
    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn source(n: u32) -> Source {
        Source::of(std::net::Ipv4Addr::from_bits(n).into())
    }

    const SCAN: (Why, Strength) = (Why::Scan, Strength::Full);
    const FORGED: (Why, Strength) = (Why::Scan, Strength::UntilProven);

    #[test]
    fn who_comes_back_is_banned_for_twice_as_long() {
        let mut bans = Bans::default();
        let mut now = 0;
        let mut times = Vec::new();
        for _ in 0..10 {
            let (time, _) = bans.ban(at(now), source(1), SCAN, FIRST, DAY);
            times.push(time.as_secs() / 60);
            assert!(bans.of(at(now + time.as_secs() - 1), source(1)).is_some());
            now += time.as_secs();
            assert!(bans.of(at(now), source(1)).is_none());
        }
        assert_eq!(times, [10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440]);
        let (time, _) = bans.ban(at(now + 86_400), source(1), SCAN, FIRST, DAY);
        assert_eq!(time, FIRST, "a day without forgives all");
        let (time, _) = bans.ban(at(now), source(2), SCAN, DAY, FIRST);
        assert_eq!(time, DAY, "the first is never shortened");
    }

    #[test]
    fn what_may_have_been_forged_makes_no_later_ban_longer() {
        let mut bans = Bans::default();
        for n in 0..5 {
            bans.ban(at(n), source(1), FORGED, FIRST, DAY);
        }
        let ban = bans.of(at(9), source(1)).expect("it is");
        assert_eq!((ban.nth, ban.strength), (5, Strength::UntilProven));
        let (time, _) = bans.ban(at(9), source(1), SCAN, FIRST, DAY);
        assert_eq!(time, FIRST);
        assert_eq!(bans.of(at(9), source(1)).map(|ban| ban.strength), Some(Strength::Full));
        assert_eq!(bans.ban(at(700), source(1), SCAN, FIRST, DAY).0, FIRST * 2);
    }

    #[test]
    fn an_order_bans_and_frees() {
        let mut bans = Bans::default();
        bans.order(at(0), source(1), FIRST);
        bans.ban(at(0), source(2), SCAN, FIRST / 2, DAY);
        let all: Vec<_> = bans.all(at(1)).map(|(source, ban)| (source, ban.nth)).collect();
        assert_eq!(all, [(source(2), 1), (source(1), 0)]);
        assert!(bans.unban(at(1), source(1)) && !bans.unban(at(1), source(1)));
        assert!(bans.of(at(1), source(1)).is_none());
        assert_eq!(bans.all(at(301)).count(), 0);
        assert!(!bans.unban(at(301), source(2)), "it was over");
        let (time, _) = bans.ban(at(301), source(2), SCAN, FIRST, DAY);
        assert_eq!(time, FIRST, "and is forgotten with that");
    }

    #[test]
    fn a_crowd_is_bounded() {
        let mut bans = Bans::default();
        for n in 0..MOST as u32 {
            assert_eq!(bans.ban(at(u64::from(n)), source(n), SCAN, FIRST, DAY).1, None);
        }
        let (_, gone) = bans.ban(at(20_000), source(u32::MAX), SCAN, FIRST, DAY);
        assert_eq!(gone, Some(source(0)));
        assert_eq!(bans.by_source.len(), MOST);
        assert_eq!(bans.by_source.len(), bans.by_end.len());
    }
}
