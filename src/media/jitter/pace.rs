//! How long the jitter buffer holds a packet: when a stream begins to play, and when a pitch period more or less
//! is played so that the delay becomes what it should be (the second picture of [`jitter`](super)).

use super::delay::samples;
use super::ready::Wish;
use super::store::Kind;
use super::{Jitter, MOST_DELAY, State};
use crate::base::Time;
use crate::dsp::stretch::{GENTLE, QUIET, URGENT};

/// Added to what the statistics ask for, slots: 2 ms for the clock's own accuracy.
const SAFETY: i64 = 16;
/// Spread that is supposed while there are few statistics, slots: 10 ms.
const FIRST_SPREAD: i64 = 80;
/// Packets after which the statistics are believed alone.
const FEW: u64 = 50;
/// A delay that could be less by so much (8 ms) without any packet coming late is shrunk.
const WORTH_IT: i64 = 64;
/// Slots between two changes of the delay: 100 ms.
const REST: i64 = 800;
/// A change that is not urgent waits so many slots (1.5 s) for a pause in speech.
const PAUSE_PATIENCE: i64 = 12_000;
/// After so many slots in vain a change may be heard a little: 0.5 s where packets come too late, 2 s
/// where the delay could be less. For losses alone it never is.
const LATE_PATIENCE: i64 = 4_000;
const LONG_PATIENCE: i64 = 16_000;

impl Jitter {
    /// Begins to play so that a packet's edge falls on a pull's and packets as late as expected come in
    /// time: after whole pulls of silence, or behind `first` when a stall has delivered much at once.
    pub(super) fn start(&mut self, now: Time, first: u64, pull: i64) {
        let delay = samples(now) - first as i64;
        let needed = self.needed(first) + pull - common(pull, self.packet);
        let wait = (needed - delay + pull - 1).div_euclid(pull) * pull;
        self.lead = (wait - self.ready.slots() as i64).max(0) as usize;
        let next = first + wait.min(0).unsigned_abs();
        self.state = State::Playing { next, owed: 0 };
        self.dry = 0;
        // Whatever was heard before goes over into it without a step.
        self.voice.join();
    }

    /// The delay that lets all but rare packets come in time, when their edges fall on pulls'; while
    /// packets are lost, the ones after them too.
    fn needed(&mut self, next: u64) -> i64 {
        let spread = match self.packets {
            ..FEW => self.delay.spread().max(FIRST_SPREAD),
            _ => self.delay.spread(),
        };
        self.ahead = if self.losses.last(next) { self.packet } else { 0 };
        self.delay.least().unwrap_or(0) + (spread + self.ahead).min(MOST_DELAY) + SAFETY
    }

    /// Whether the delay should change before a pull of `pull` slots.
    ///
    /// Packets and pulls both come in steps. Where a packet's edge falls `k` slots into a pull, it
    /// has to be there that much before its first sample is played. So the delay that counts is
    /// the one less `k`; and as long as shrinking only moves the edge towards the pull's beginning,
    /// it costs nothing. For the same reason stretching wins nothing before the edge reaches the pull
    /// after.
    pub(super) fn wish(&mut self, now: Time, pull: i64) -> Wish {
        let State::Playing { next, .. } = self.state else {
            return Wish::None;
        };
        let before = self.lead + self.ready.slots();
        let position = next as i64 - before as i64;
        let step = common(pull, self.packet);
        let edge = (self.end as i64 - position).rem_euclid(step);
        self.excess = samples(now) - position - (pull - step + edge) - self.needed(next);
        let steps = (self.excess - SAFETY).max(0) / step;
        let wish = match edge + steps * step {
            // Nothing is won before the edge has come to the next pull.
            _ if self.excess < 0 => Wish::Stretch((step - edge) as usize),
            most @ WORTH_IT.. => Wish::Shrink(most as usize),
            _ => Wish::None,
        };
        if self.dry > 0 {
            return Wish::None; // time may be standing still
        }
        self.waited = if wish == Wish::None { 0 } else { self.waited + pull };
        if self.rest > 0 || self.packets < 2 {
            return Wish::None;
        }
        wish
    }

    /// Plays a block with a pitch period more or less, if there is one that lends itself.
    pub(super) fn change(&mut self, wish: Wish) {
        if !self.voice.is_whole() {
            return;
        }
        while self.ready.slots() < wish.block()
            && let (Some(kept), State::Playing { next, .. }) = (self.store.first(), self.state)
            && (kept.at, kept.kind) == (next, Kind::Audio)
        {
            self.decode(kept, next);
        }
        let late = self.excess + self.ahead < 0;
        let similarity = match (wish, self.waited) {
            (Wish::Stretch(_), LATE_PATIENCE..) if late => URGENT,
            (Wish::Stretch(_), _) if late => GENTLE,
            (Wish::Shrink(_), LONG_PATIENCE..) => URGENT,
            (Wish::Shrink(most), _) if most as i64 > self.packet => GENTLE,
            (_, PAUSE_PATIENCE..) => GENTLE,
            _ => QUIET,
        };
        if !self.ready.change(wish, similarity) {
            return;
        }
        match wish {
            Wish::Stretch(_) => self.figures.stretched += 1,
            Wish::Shrink(_) | Wish::None => self.figures.shrunk += 1,
        }
        self.rest = REST;
    }
}

/// Greatest common divisor: the step by which packets' edges move within pulls.
fn common(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.max(1), b.max(1));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
