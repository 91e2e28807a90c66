//! How the peer's clock lies against ours: the offset in force, the least delay that shows where it
//! should be, and the drift that both have seen.

use super::MS;

/// The least delay is taken over this many slots of [`SLOT`] each: long enough to hold a packet
/// that met no queue, short enough that 500 ppm move it by 2 ms only.
const SLOTS: usize = 4;
/// Samples a slot.
pub(super) const SLOT: i64 = 1_000 * MS;
/// Offsets kept for stragglers: half a second's at the usual pace of corrections. Of an older one each
/// correction since is a sample by which it lies wrong; more of them is memory that each packet meets.
const OFFSETS_KEPT: usize = 4;
/// Samples over which the drift must have been seen before it is believed: 20 s.
const DRIFT_SPAN: i64 = 20_000 * MS;
/// Drift beyond 1 in this many is no crystal but a network that changed: not believed.
const DRIFT_LIMIT: i64 = 1_000;
/// Over less than this the drift amounts to nothing.
const SHORTEST_SPAN: i64 = 1_000 * MS;

/// The offset from timestamp to position, and its last values, since a straggler belongs to the
/// one of its own time.
#[derive(Clone, Debug)]
pub(super) struct Offsets {
    used: usize,
    /// (first timestamp, offset), newest first.
    steps: [(u64, i64); OFFSETS_KEPT],
}

impl Offsets {
    pub(super) fn new(offset: i64) -> Offsets {
        Offsets { used: 1, steps: [(0, offset); OFFSETS_KEPT] }
    }
    pub(super) fn latest(&self) -> i64 {
        self.steps[0].1
    }
    pub(super) fn push(&mut self, from: u64, offset: i64) {
        self.used = (self.used + 1).min(OFFSETS_KEPT);
        self.steps[..self.used].rotate_right(1);
        self.steps[0] = (from, offset);
    }
    /// The one in force at `timestamp`; of an older time than any, the oldest.
    pub(super) fn at(&self, timestamp: u64) -> i64 {
        let steps = &self.steps[..self.used];
        let step = steps.iter().find(|(from, _)| *from <= timestamp);
        step.unwrap_or(&steps[self.used - 1]).1
    }
}

/// The least delay (arrival less timestamp) of the last [`SLOTS`] slots.
#[derive(Clone, Debug)]
pub(super) struct LeastDelay {
    began: i64,
    /// Number of the slot of the latest packet, from `began`.
    slot: i64,
    least: [i64; SLOTS],
}

impl LeastDelay {
    pub(super) fn new(clock: i64, delay: i64) -> LeastDelay {
        let mut least = [i64::MAX; SLOTS];
        least[0] = delay;
        LeastDelay { began: clock, slot: 0, least }
    }
    pub(super) fn note(&mut self, clock: i64, delay: i64) {
        let slot = self.age(clock) / SLOT;
        for passed in self.slot + 1..=slot.min(self.slot + SLOTS as i64) {
            self.least[passed as usize % SLOTS] = i64::MAX;
        }
        self.slot = slot;
        let least = &mut self.least[slot as usize % SLOTS];
        *least = delay.min(*least);
    }
    pub(super) fn least(&self) -> i64 {
        self.least.into_iter().min().expect("there are slots")
    }
    /// All delays of before, as seen from a timestamp that is `by` less.
    pub(super) fn shift(&mut self, by: i64) {
        for least in self.least.iter_mut().filter(|l| **l != i64::MAX) {
            *least += by;
        }
    }
    pub(super) fn age(&self, clock: i64) -> i64 {
        (clock - self.began).max(0)
    }
}

/// How fast the least delay has moved: the two clocks against each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Drift {
    /// The first full window's (clock, least delay).
    first: Option<(i64, i64)>,
    last: (i64, i64),
}

impl Drift {
    pub(super) fn note(&mut self, clock: i64, delay: &LeastDelay) {
        if delay.age(clock) < SLOTS as i64 * SLOT || clock - self.last.0 < SLOT {
            return;
        }
        self.last = (clock, delay.least());
        self.first.get_or_insert(self.last);
    }
    /// What it amounts to over `span`.
    pub(super) fn over(&self, span: i64) -> i64 {
        let Some(first) = self.first else { return 0 };
        let (seen, moved) = (self.last.0 - first.0, self.last.1 - first.1);
        if span < SHORTEST_SPAN || seen < DRIFT_SPAN || moved.abs() > seen / DRIFT_LIMIT {
            return 0;
        }
        (i128::from(moved) * i128::from(span) / i128::from(seen)) as i64
    }
}
