//! How often a source gave a wrong password lately, and how long its next 401 therefore takes.
//!
//! Half a second for the first failure, doubling to 8 s; each minute of peace forgives one. The
//! table is bounded: when strangers fill it, further sources wait the longest time. Each failure is
//! numbered, so that who writes them down can stop at [`GUESSING`]: a flood of guesses must not
//! become a flood of records.

use std::net::IpAddr;

use crate::base::{Duration, Rng, Time};
use crate::sip::hash::{Keyed, KeyedMap};

/// Sources remembered.
const MOST_SOURCES: usize = 4_096;
/// The first delay.
const FIRST: Duration = Duration::from_millis(500);
/// Doublings: 0.5 s becomes 8 s.
const MOST_DOUBLINGS: u32 = 4;
/// Failures of one source, none of them forgiven, that are no slip of the finger any more.
pub const GUESSING: u32 = MOST_DOUBLINGS + 1;
/// The table is looked through at most once in this time.
const SWEEP: Duration = Duration::from_secs(10);
/// The time that forgives one failure.
const FORGIVEN: Duration = Duration::from_secs(60);

/// One failure more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failed {
    /// How long its answer is to be kept back.
    pub(super) delay: Duration,
    /// Which one of its source it is, from 1; what is above [`GUESSING`] is not counted further.
    pub(super) nth: u32,
}

/// The table.
#[derive(Debug)]
pub(super) struct Failures {
    sources: KeyedMap<IpAddr, Source>,
    /// Not before this time is it looked through again.
    swept: Time,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    failures: u32,
    last: Time,
}

impl Source {
    /// What is left of its failures at `now`.
    fn left(self, now: Time) -> u32 {
        let forgiven = now.since(self.last).as_secs() / FORGIVEN.as_secs();
        self.failures.saturating_sub(forgiven.min(u64::from(u32::MAX)) as u32)
    }
}

impl Failures {
    pub(super) fn new(rng: &mut Rng) -> Failures {
        Failures { sources: KeyedMap::with_hasher(Keyed::new(rng)), swept: Time::ZERO }
    }

    /// One more failure.
    pub(super) fn failed(&mut self, now: Time, source: IpAddr) -> Failed {
        if self.sources.len() >= MOST_SOURCES && !self.sources.contains_key(&source) {
            self.expire(now);
            if self.sources.len() >= MOST_SOURCES {
                return Failed { delay: FIRST * (1 << MOST_DOUBLINGS), nth: GUESSING + 1 };
            }
        }
        let entry = self.sources.entry(source).or_insert(Source { failures: 0, last: now });
        let before = entry.left(now);
        let doublings = before.min(MOST_DOUBLINGS);
        *entry = Source { failures: doublings + 1, last: now };
        Failed { delay: FIRST * (1 << doublings), nth: before + 1 }
    }

    /// Forgets who was forgiven everything. May be called at each wake: it looks through the table
    /// once in a while only.
    pub(super) fn expire(&mut self, now: Time) {
        if now < self.swept {
            return;
        }
        self.swept = now + SWEEP;
        self.sources.retain(|_, source| source.left(now) > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn delay(table: &mut Failures, s: u64, source: u32) -> u128 {
        let source = IpAddr::V4(Ipv4Addr::from_bits(source));
        table.failed(Time::from_millis(s * 1_000), source).delay.as_millis()
    }

    #[test]
    fn failures_are_numbered_until_they_are_guessing() {
        let mut table = Failures::new(&mut Rng::from_seed(1));
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut nth = |s: u64| table.failed(Time::from_millis(s * 1_000), source).nth;
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(&mut nth), [1, 2, 3, 4, 5, 6, 6]);
        assert_eq!(nth(6 + 60), GUESSING, "a minute forgives one");
        assert_eq!(nth(10_000), 1);
    }

    #[test]
    fn it_doubles_and_forgives() {
        let mut table = Failures::new(&mut Rng::from_seed(1));
        let delays: Vec<u128> = (0..7).map(|s| delay(&mut table, s, 1)).collect();
        assert_eq!(delays, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
        assert_eq!(delay(&mut table, 6 + 180, 1), 2_000, "three minutes forgive three");
        assert_eq!(delay(&mut table, 10_000, 1), 500);
        assert_eq!(delay(&mut table, 10_000, 2), 500, "another source");
    }

    #[test]
    fn a_flood_of_sources_is_bounded() {
        let mut table = Failures::new(&mut Rng::from_seed(1));
        for source in 0..MOST_SOURCES as u32 {
            delay(&mut table, 0, source);
        }
        assert_eq!(delay(&mut table, 1, u32::MAX), 8_000);
        assert_eq!(delay(&mut table, 61, u32::MAX), 500, "the others were forgiven");
    }
}
