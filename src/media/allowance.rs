//! How many packets a party may send: what is above is counted and goes nowhere. Behind the latch and the
//! statistics, before anybody hears it. A worker's other calls are protected by the engine; this protects
//! the other party of the same call, to whom a relay would pass a flood whole.
//!
//! ```text
//!   packet ─▶ place in time += interval ──▶ at most a second ahead of now: taken
//!                                     └──▶ further ahead: not taken, the place stays
//! ```
//!
//! One number says it all (the generic cell rate algorithm of ITU-T I.371): the time up to which the
//! packets so far would have been enough. Who was silent or held up by the network has a whole second's
//! worth at once. Audio and keys have one each, so that neither takes the other's place.

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};

/// How many times the packets that were agreed on are taken.
const TIMES: u32 = 4;
/// The least packets a second that are taken: peers send 10 and 5 ms of audio in a packet unasked, and
/// Opus has packets of 2.5 ms.
const LEAST_A_SECOND: u32 = 400;
/// How far a party may be ahead of its rate.
const BURST: Duration = Duration::from_secs(1);

/// One party's, of one kind of packets.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Allowance {
    /// The time for which what came is enough.
    enough_until: Time,
    interval: Duration,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance::of(20)
    }
}

impl Allowance {
    /// For packets of `ptime_ms` milliseconds.
    pub fn of(ptime_ms: u8) -> Allowance {
        let interval = Duration::from_millis(u64::from(ptime_ms)) / TIMES;
        let most = Duration::from_secs(1) / LEAST_A_SECOND;
        Allowance { enough_until: Time::ZERO, interval: interval.min(most) }
    }

    /// For so many packets a second, and no more.
    pub fn a_second(packets: u32) -> Allowance {
        Allowance { enough_until: Time::ZERO, interval: BURST / packets.max(1) }
    }

    /// The packets are of another length from now on.
    pub fn set(&mut self, ptime_ms: u8) {
        self.interval = Allowance::of(ptime_ms).interval;
    }

    /// Whether a packet that came at `now` is taken.
    #[inline]
    pub fn takes(&mut self, now: Time) -> bool {
        let from = self.enough_until.max(now);
        let taken = from.since(now) <= BURST;
        if taken {
            self.enough_until = from + self.interval;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `rate` packets a second are taken in each of three seconds.
    fn taken(ptime_ms: u8, rate: u64) -> [usize; 3] {
        let mut allowance = Allowance::of(ptime_ms);
        [0, 1, 2].map(|second| {
            let at = |n: u64| {
                Time::from_nanos(5_000_000_000 + (second * rate + n) * 1_000_000_000 / rate)
            };
            (0..rate).filter(|n| allowance.takes(at(*n))).count()
        })
    }

    #[test]
    fn four_times_what_was_agreed_and_a_second_of_it_at_once() {
        assert_eq!(taken(20, 50), [50; 3]);
        assert_eq!(taken(20, 200), [200; 3]);
        assert_eq!(taken(60, 200), [200; 3], "whoever sends shorter packets than asked");
        assert_eq!(taken(10, 400), [400; 3]);
        let [first, ..] = taken(20, 10_000);
        assert!((795..=805).contains(&first), "{first}");
        assert!(taken(20, 10_000)[1..].iter().all(|second| (398..=402).contains(second)));
    }

    #[test]
    fn who_was_held_up_by_the_network_loses_nothing() {
        let mut allowance = Allowance::of(20);
        let at = |ms: u64| Time::from_millis(10_000 + ms);
        assert!((0..150).all(|_| allowance.takes(at(3_000))), "three seconds at once");
        assert!((0..500).all(|n| allowance.takes(at(3_000 + n * 20))));
    }
}
