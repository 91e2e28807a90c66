//! How late packets come: the statistics from which the jitter buffer takes its target delay.
//!
//! A packet's *lateness* is its arrival minus its timestamp, both in samples; only differences mean
//! anything, since the two clocks have nothing in common.
//!
//! ```text
//!   lateness │            x
//!            │      x          x        ─── all but one in RARE lie below: quantile ┐
//!            │  x     x  x  x     x  x                                              │ spread
//!            │ x  x  x   x   x x   x    ─── the least of the last 4 s               ┘
//!            └──────────────────────── time
//! ```
//!
//! The spread grows with the first packets that are late, and falls when the last of them is
//! [`MEMORY_MS`] old. Drift moves all of them alike: 500 ppm are 2 ms over the whole memory.

use crate::base::Time;

/// How long a packet's lateness is remembered, milliseconds.
const MEMORY_MS: u32 = 4_000;
/// Packets remembered: 4 s of 10 ms each, and some.
const MOST: usize = 512;
/// One packet in this many may be later than the target without raising it.
const RARE: usize = 150;
/// The statistics are worked out anew after this many milliseconds, or when a packet exceeds them.
const SETTLE_MS: u32 = 200;
/// A lateness this far (1 s) from the least is another clock, not a late packet.
const ANOTHER_CLOCK: i64 = 8_000;

/// Lateness of the last packets.
#[derive(Debug)]
pub struct Delay {
    /// Millisecond (wraps) and lateness less `origin`, in a ring; `oldest` is where it begins.
    packets: Box<[(u32, i32); MOST]>,
    /// The first packet's lateness: the others lie near it.
    origin: i64,
    oldest: usize,
    count: usize,
    /// These, too, less `origin`.
    least: i32,
    quantile: i32,
    settled_ms: u32,
}

impl Delay {
    /// Bytes of its box.
    pub(super) fn held(&self) -> usize {
        size_of_val(&*self.packets)
    }

    /// Before any packet.
    pub fn new() -> Delay {
        Delay {
            packets: Box::new([(0, 0); MOST]),
            origin: 0,
            oldest: 0,
            count: 0,
            least: 0,
            quantile: 0,
            settled_ms: 0,
        }
    }

    /// Forgets everything: another clock is behind the timestamps now.
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Notes a packet whose first sample is `timestamp` (extended) and which came at `now`.
    pub fn note(&mut self, now: Time, timestamp: u64) {
        let lateness = samples(now) - timestamp as i64;
        if self.least().is_none_or(|least| (lateness - least).abs() > ANOTHER_CLOCK) {
            (self.count, self.origin) = (0, lateness);
        }
        // Drift moves it by 1.8 s an hour: 32 bits hold years of that.
        let late = (lateness - self.origin) as i32;
        let ms = now.as_millis() as u32;
        while self.count > 0 && (self.count == MOST || self.age(ms) > MEMORY_MS) {
            self.oldest = (self.oldest + 1) % MOST;
            self.count -= 1;
        }
        self.packets[(self.oldest + self.count) % MOST] = (ms, late);
        self.count += 1;
        let exceeds = late > self.quantile || late < self.least;
        if self.count == 1 || exceeds || ms.wrapping_sub(self.settled_ms) >= SETTLE_MS {
            self.settle(ms);
        }
    }

    /// The least lateness: that of packets which met no queue. `None` before the first packet.
    pub fn least(&self) -> Option<i64> {
        (self.count > 0).then_some(self.origin + i64::from(self.least))
    }

    /// How much later than that a packet is that comes at `now`, samples; 0 when it is the first.
    pub fn lateness(&self, now: Time, timestamp: u64) -> i64 {
        let late = samples(now) - timestamp as i64;
        self.least().map_or(0, |least| late - least)
    }

    /// How much later than that all but rare packets come, samples.
    pub fn spread(&self) -> i64 {
        i64::from(self.quantile - self.least)
    }

    /// Milliseconds since the oldest packet that is remembered.
    fn age(&self, ms: u32) -> u32 {
        ms.wrapping_sub(self.packets[self.oldest].0)
    }

    fn settle(&mut self, ms: u32) {
        let mut all = [0i32; MOST];
        let until_end = self.count.min(MOST - self.oldest);
        let (head, rest) = all[..self.count].split_at_mut(until_end);
        let lateness = |(to, from): (&mut i32, &(u32, i32))| *to = from.1;
        head.iter_mut().zip(&self.packets[self.oldest..]).for_each(lateness);
        rest.iter_mut().zip(&self.packets[..]).for_each(lateness);
        let all = &mut all[..self.count];
        self.least = all.iter().copied().min().unwrap_or(0);
        let rank = self.count - 1 - self.count / RARE;
        self.quantile = *all.select_nth_unstable(rank).1;
        self.settled_ms = ms;
    }
}

/// A time in samples.
pub fn samples(time: Time) -> i64 {
    (time.as_nanos() / 125_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes packets of 20 ms that come so many milliseconds late.
    fn noted(delay: &mut Delay, from: u64, late: impl Iterator<Item = u64>) {
        for (n, late) in (from..).zip(late) {
            delay.note(Time::from_millis(n * 20 + late + 1_000), n * 160);
        }
    }

    #[test]
    fn a_steady_line_has_no_spread() {
        let mut delay = Delay::new();
        assert_eq!(delay.least(), None);
        noted(&mut delay, 0, core::iter::repeat_n(0, 300));
        assert_eq!((delay.least(), delay.spread()), (Some(8_000), 0));
    }

    #[test]
    fn the_spread_grows_at_once_and_is_forgotten_after_four_seconds() {
        let mut delay = Delay::new();
        noted(&mut delay, 0, core::iter::repeat_n(0, 300));
        noted(&mut delay, 300, [40; 4].into_iter());
        assert_eq!(delay.spread(), 320);
        noted(&mut delay, 304, core::iter::repeat_n(0, 190));
        assert_eq!(delay.spread(), 320);
        noted(&mut delay, 494, core::iter::repeat_n(0, 20));
        assert_eq!(delay.spread(), 0);
    }

    #[test]
    fn one_packet_in_a_long_while_does_not_raise_it() {
        let mut delay = Delay::new();
        noted(&mut delay, 0, (0..500).map(|n| if n % 200 == 199 { 300 } else { 0 }));
        assert_eq!(delay.spread(), 0);
    }

    #[test]
    fn another_clock_starts_anew() {
        let mut delay = Delay::new();
        noted(&mut delay, 0, [0, 10, 0].into_iter());
        delay.note(Time::from_millis(60), 1_000_000);
        assert_eq!((delay.least(), delay.spread()), (Some(480 - 1_000_000), 0));
    }
}
