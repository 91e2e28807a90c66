//! What the workers count, for whoever may look: the console, a metrics page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use crate::base::{Duration, Time};

/// A worker's figures since the start; it writes them once a turn.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) legs: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) receive_errors: AtomicU64,
    pub(super) kernel_drops: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) send_errors: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) turns: AtomicU64,
    pub(super) late_ticks: AtomicU64,
    pub(super) lateness: Lateness,
    pub(super) taps_dropped: AtomicU64,
    pub(super) partials_dropped: AtomicU64,
    pub(super) staged_dropped: AtomicU64,
    pub(super) events_dropped: AtomicU64,
    pub(super) untold: AtomicU64,
    pub(super) commands_dropped: AtomicU64,
    pub(super) strays: AtomicU64,
    pub(super) held: Held,
}

/// Bytes that a worker holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Rings and buffers, from the start on.
    pub(super) buffers: AtomicU64,
    /// Its legs without, and with, their jitter buffers: weighed once a second.
    pub(super) legs: AtomicU64,
    pub(super) jitter: AtomicU64,
    /// Pieces of recordings that wait for the disk.
    pub(super) pieces: AtomicU64,
}

/// How late turns begin: microseconds, counted by ranges of which each is at most a quarter of its
/// own beginning wide. Two halves take turns, each for [`HALF`], so that what was long ago is forgotten.
#[derive(Debug)]
pub(super) struct Lateness {
    halves: [[AtomicU64; RANGES]; 2],
    /// Which time is counted, in halves since the start.
    nth: AtomicU64,
}

/// Ranges: one for each of the first eight microseconds, then four to an octave; the last takes all
/// from a quarter of a minute on.
const RANGES: usize = 92;
/// How long one half counts: what is said is of the last one to two hours in which there were turns.
const HALF: Duration = Duration::from_secs(3_600);

impl Default for Lateness {
    fn default() -> Lateness {
        let half = || std::array::from_fn(|_| AtomicU64::new(0));
        Lateness { halves: [half(), half()], nth: AtomicU64::new(0) }
    }
}

impl Lateness {
    /// The turn that began at `now` began so much after its time.
    pub(super) fn note(&self, now: Time, late: Duration) {
        let us = late.as_micros().min(u128::from(u32::MAX)) as usize;
        let range = match us {
            0..8 => us,
            _ => {
                let octave = us.ilog2() as usize;
                (octave - 1) * 4 + (us >> (octave - 2) & 3)
            }
        };
        let half = &self.halves[self.turn_to(now)];
        half[range.min(RANGES - 1)].fetch_add(1, Relaxed);
    }

    /// The half that counts at `now`; what is older than the one before it goes.
    fn turn_to(&self, now: Time) -> usize {
        let nth = (now.as_nanos() / HALF.as_nanos() as u64).max(self.nth.load(Relaxed));
        for passed in (self.nth.swap(nth, Relaxed)..nth).rev().take(2) {
            let forgotten = &self.halves[(passed + 1) as usize % 2];
            forgotten.iter().for_each(|count| count.store(0, Relaxed));
        }
        nth as usize % 2
    }

    /// What 99 of 100 turns of the last one to two hours stay below, microseconds; 0 before the first.
    pub(super) fn p99_us(&self) -> u64 {
        let counts: [u64; RANGES] = std::array::from_fn(|range| {
            self.halves.iter().map(|half| half[range].load(Relaxed)).sum()
        });
        let allowed = counts.iter().sum::<u64>() / 100;
        let mut beyond = 0;
        let reached = counts.iter().rposition(|count| {
            beyond += count;
            beyond > allowed
        });
        match reached {
            None => 0,
            Some(range @ 0..8) => range as u64 + 1,
            Some(range) => (range as u64 % 4 + 5) << (range / 4 - 1),
        }
    }
}

/// How a worker came up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) backend: &'static str,
    pub(super) pinned: bool,
    pub(super) real_time: bool,
    pub(super) ports: usize,
}

/// One worker as the console shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WorkerRow {
    /// `rtp-0` …
    pub name: String,
    /// `steered`, `io-uring` or `mio`.
    pub backend: &'static str,
    /// Whether it is kept on one core.
    pub pinned: bool,
    /// Whether it goes before all that is not real time.
    pub real_time: bool,
    /// Its ports.
    pub ports: usize,
    /// Legs now.
    pub legs: u64,
    /// Datagrams received.
    pub received: u64,
    /// Receives that failed, or found no buffer, or a datagram that was too long.
    pub receive_errors: u64,
    /// Datagrams that the kernel dropped, its queue being full.
    pub kernel_drops: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the kernel refused.
    pub send_errors: u64,
    /// System calls.
    pub calls: u64,
    /// Turns.
    pub turns: u64,
    /// Ticks that came more than 10 ms late.
    pub late_ticks: u64,
    /// Of 100 turns that had a time, 99 began at most so many microseconds after it; of the last one to two
    /// hours with legs.
    pub late_p99_us: u64,
    /// Recorded blocks that were dropped.
    pub taps_dropped: u64,
    /// Parts of rooms' mixes for other workers that were dropped.
    pub partials_dropped: u64,
    /// Copies for recorders outside and answers to connectivity checks that were dropped.
    pub staged_dropped: u64,
    /// Events that were dropped.
    pub events_dropped: u64,
    /// Commands for what was not there, or had no room.
    pub commands_dropped: u64,
    /// Datagrams to ports that were nobody's.
    pub strays: u64,
}

/// The figures of all workers, and how many bytes of prompts there are.
#[derive(Clone)]
pub struct Figures(
    pub(super) Arc<Vec<(String, Running, Arc<Counters>)>>,
    pub(super) Arc<AtomicU64>,
);

impl Figures {
    /// Bytes that the engine holds, by subsystem; what codecs and the kernel hold is not in it.
    pub fn held(&self) -> [(&'static str, u64); 5] {
        let sum = |of: fn(&Held) -> &AtomicU64| -> u64 {
            self.0.iter().map(|(_, _, counters)| of(&counters.held).load(Relaxed)).sum()
        };
        [
            ("rtp_buffers", sum(|held| &held.buffers)),
            ("rtp_legs", sum(|held| &held.legs)),
            ("jitter_buffers", sum(|held| &held.jitter)),
            ("recordings", sum(|held| &held.pieces)),
            ("prompts", self.1.load(Relaxed)),
        ]
    }

    /// As they stand.
    pub fn rows(&self) -> Vec<WorkerRow> {
        let row = |(name, running, c): &(String, Running, Arc<Counters>)| WorkerRow {
            name: name.clone(),
            backend: running.backend,
            pinned: running.pinned,
            real_time: running.real_time,
            ports: running.ports,
            legs: c.legs.load(Relaxed),
            received: c.received.load(Relaxed),
            receive_errors: c.receive_errors.load(Relaxed),
            kernel_drops: c.kernel_drops.load(Relaxed),
            sent: c.sent.load(Relaxed),
            send_errors: c.send_errors.load(Relaxed),
            calls: c.calls.load(Relaxed),
            turns: c.turns.load(Relaxed),
            late_ticks: c.late_ticks.load(Relaxed),
            late_p99_us: c.lateness.p99_us(),
            taps_dropped: c.taps_dropped.load(Relaxed),
            partials_dropped: c.partials_dropped.load(Relaxed),
            events_dropped: c.events_dropped.load(Relaxed) + c.untold.load(Relaxed),
            commands_dropped: c.commands_dropped.load(Relaxed),
            strays: c.strays.load(Relaxed),
            staged_dropped: c.staged_dropped.load(Relaxed),
        };
        self.0.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_late_turn_of_a_hundred_is_passed_over_and_two_are_not() {
        let lateness = Lateness::default();
        assert_eq!(lateness.p99_us(), 0);
        (0..99).for_each(|_| lateness.note(Time::ZERO, Duration::from_micros(3)));
        lateness.note(Time::ZERO, Duration::from_millis(7));
        assert_eq!(lateness.p99_us(), 4);
        lateness.note(Time::ZERO, Duration::from_secs(3_600));
        assert_eq!(lateness.p99_us(), 7_168, "7 ms lie below");
    }

    #[test]
    fn a_range_says_at_most_a_quarter_too_much() {
        for us in (0..70).chain([100, 499, 1_023, 1_024, 999_999]) {
            let lateness = Lateness::default();
            lateness.note(Time::ZERO, Duration::from_micros(us));
            let said = lateness.p99_us();
            assert!(said > us && said <= us + us / 4 + 1, "{us} is said to be below {said}");
        }
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let lateness = Lateness::default();
        let hour = |n: u64| Time::ZERO + HALF * n as u32;
        let said = |n: u64, ms: u64| {
            (0..10).for_each(|_| lateness.note(hour(n), Duration::from_millis(ms)));
            lateness.p99_us() / 1_000
        };
        assert_eq!([said(0, 60), said(1, 1)], [65, 65], "the hour before still counts");
        assert_eq!([said(2, 1), said(3, 30)], [1, 32]);
        assert_eq!(said(7, 1), 1, "hours without legs pass as well");
    }
}
