//! From packets and holes to samples: the decoder of one stream and what helps it over losses.
//!
//! ```text
//!              │ codec conceals itself (Opus)          │ it does not (G.711, G.722, L16)
//!   ───────────┼───────────────────────────────────────┼───────────────────────────────
//!   hole, next │ the copy in the next packet (in-band  │ both sides of the hole, one fading
//!   is there   │ FEC); before that, or without one,    │ into the other (dsp::conceal)
//!              │ libopus' concealment, fading into what│
//!              │ leads back from what is known         │
//!   nothing    │ libopus' concealment                  │ the last pitch period, played on
//!   is there   │                                       │
//!   nobody     │ libopus' comfort noise (after a DTX   │ noise of the level that RFC 3389's
//!   speaks     │ frame)                                │ packet told
//! ```
//!
//! Its users are the jitter buffer and the recorder's tap ([`tap`](crate::media::tap)). Not here: when what
//! is due.

use crate::base::{Duration, Noise};
use crate::dsp::codec::{Codec, Decoder, OpenError};
use crate::dsp::comfort::Comfort;
use crate::dsp::conceal::Concealer;
use crate::dsp::opus;
use crate::dsp::rate::Rate;

/// Opus makes up losses in steps of so many slots: 2.5 ms; and at most so many at once: 120 ms.
const OPUS_STEP: usize = 20;
const OPUS_MOST: usize = 960;
/// Longest hole that is filled from both sides, slots: 60 ms. Further from either there is silence.
const LONGEST_BRIDGE: usize = 480;

/// After a packet with a copy so many without are a pause in speech: 4 s.
const COPIES_FOR: u8 = 200;

/// About what Opus' network costs: to look at what was heard before a hole, and for each slot.
const DEEP_BEGINS: Duration = Duration::from_micros(500);
const DEEP_SLOT: Duration = Duration::from_nanos(750);

/// Who speaks while no packets come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rest {
    /// Packets should come.
    No,
    /// The sender told its noise.
    Comfort,
    /// The last frame was Opus' DTX.
    Dtx,
}

/// One stream's.
#[derive(Debug)]
pub(in crate::media) struct Voice {
    decoder: Decoder,
    concealer: Concealer,
    comfort: Comfort,
    rest: Rest,
    k: usize,
    is_opus: bool,
    /// Packets for which Opus is still taken to send copies of those before: it sends none in pauses.
    copies: u8,
    /// Whether there is time for Opus' network, and what it has cost so far.
    deep: bool,
    cost: Duration,
    /// Whether the last samples were made up.
    concealed: bool,
}

impl Voice {
    /// For a stream of `codec`, to samples of `rate`, at which it can run; `seed` for its noise.
    pub(in crate::media) fn new(codec: Codec, rate: Rate, seed: u64) -> Result<Voice, OpenError> {
        let decoder = Decoder::new(codec, rate)?;
        Ok(Voice {
            is_opus: decoder.conceals(),
            decoder,
            concealer: Concealer::new(rate),
            comfort: Comfort::new(Noise::from_seed(seed)),
            rest: Rest::No,
            k: rate.per_slot(),
            copies: 0,
            deep: false,
            cost: Duration::ZERO,
            concealed: false,
        })
    }

    /// Another sender's stream begins: nothing of the old one helps to decode it. What was heard of
    /// that goes over into it without a step.
    pub(in crate::media) fn restart(&mut self) {
        self.decoder.reset();
        self.rest = Rest::No;
        self.join();
    }

    /// What comes next does not follow on what was heard: it will be blended in.
    pub(in crate::media) fn join(&mut self) {
        self.concealer.lost(&mut [0]);
    }

    /// Whether there is time for Opus' network to make up what is lost.
    pub(super) fn set_deep(&mut self, deep: bool) {
        self.deep = deep;
    }

    /// About how long it took since this was last asked.
    pub(super) fn deep_cost(&mut self) -> Duration {
        core::mem::take(&mut self.cost)
    }

    /// Samples that are to be played as they are, for what comes after.
    pub(in crate::media) fn heard(&mut self, samples: &mut [i16]) {
        self.concealer.good(samples);
    }

    /// Whether a change of length may be made now.
    pub(super) fn is_whole(&self) -> bool {
        !self.concealer.is_concealing() && self.rest == Rest::No
    }

    /// Whether nobody speaks, so that nothing is missing while no packets come.
    pub(in crate::media) fn rests(&self) -> bool {
        self.rest != Rest::No
    }

    /// Whether a loss is made up the better when the packet after it is there.
    pub(super) fn looks_ahead(&self) -> bool {
        !self.is_opus || self.copies > 0
    }

    /// Decodes a packet into the beginning of `out`; says how many slots, `None` when it is none.
    pub(in crate::media) fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Option<usize> {
        let count = self.decoder.decode(payload, out).ok()? / self.k;
        self.concealed = false;
        self.rest = Rest::No;
        if self.is_opus {
            self.copies = match opus::has_copy(payload) {
                true => COPIES_FOR,
                false => self.copies.saturating_sub(1),
            };
            if opus::is_dtx(payload) {
                self.rest = Rest::Dtx;
            }
        }
        Some(count)
    }

    /// The sender told the level of its noise (RFC 3389 §3): from here on nobody speaks.
    pub(super) fn quiet(&mut self, payload: &[u8]) {
        if let Some(level) = payload.first() {
            self.comfort.set_level(*level);
            self.rest = Rest::Comfort;
        }
    }

    /// The noise while nobody speaks; where nothing was told of it, what was heard fades into silence.
    pub(in crate::media) fn noise(&mut self, out: &mut [i16]) {
        match self.rest {
            Rest::No => self.concealer.lost(out),
            Rest::Comfort => {
                self.comfort.fill(out);
                self.concealer.good(out);
            }
            Rest::Dtx => {
                let step = OPUS_STEP * self.k;
                let (whole, odd) = out.split_at_mut(out.len() / step * step);
                for part in whole.chunks_mut(OPUS_MOST * self.k) {
                    self.lost(part);
                }
                self.concealer.lost(odd);
            }
        }
    }

    /// How many slots are made up at once where `wanted` are due and a packet has `packet`.
    pub(super) fn portion(&self, wanted: usize, packet: usize) -> usize {
        match self.is_opus {
            true => packet.next_multiple_of(OPUS_STEP).clamp(OPUS_STEP, OPUS_MOST),
            false => wanted,
        }
    }

    /// Nothing is there: makes up the whole of `out`, whose length [`Voice::portion`] gave.
    pub(in crate::media) fn lost(&mut self, out: &mut [i16]) {
        self.reach(out.len() / self.k);
        if self.is_opus && self.decoder.conceal(out).is_ok() {
            self.concealer.good(out);
            return;
        }
        self.concealer.foresee(out);
        self.decoder.follow(self.concealer.heard(), out);
        self.concealer.lost(out);
    }

    /// Lets Opus' network make up the next `slots`, if there is time for it and somebody speaks.
    fn reach(&mut self, slots: usize) {
        let deep = self.is_opus && self.deep && self.rest == Rest::No;
        self.decoder.set_deep(deep);
        if deep {
            let begins = if self.concealed { Duration::ZERO } else { DEEP_BEGINS };
            self.cost += begins + DEEP_SLOT * slots as u32;
        }
        self.concealed = true;
    }

    /// Of a hole of `gap` slots before a packet of `packet`: how many are to be made up without regard
    /// to that packet first. What is left goes to [`Voice::bridge`].
    pub(in crate::media) fn before_bridge(
        &self,
        gap: usize,
        packet: usize,
        wanted: usize,
    ) -> usize {
        match self.is_opus {
            true => {
                // The copy, and a packet before it, which is led into the copy.
                let two = 2 * packet;
                let known = if two <= gap.min(OPUS_MOST) { two } else { packet.min(OPUS_MOST) };
                gap.saturating_sub(known).min(OPUS_MOST)
            }
            false => gap.saturating_sub(LONGEST_BRIDGE).min(wanted),
        }
    }

    /// Fills the first `gap` slots of `out`, which lie before the packet `next`, and decodes that
    /// behind them; says how many slots it has of its `packet`.
    pub(in crate::media) fn bridge(
        &mut self,
        gap: usize,
        packet: usize,
        next: &[u8],
        out: &mut [i16],
    ) -> Option<usize> {
        let (hole, after) = out.split_at_mut((gap * self.k).min(out.len()));
        if self.is_opus {
            let before = gap.saturating_sub(packet);
            let (unknown, known) = hole.split_at_mut(before * self.k);
            if before > 0 {
                self.lost(unknown);
            }
            self.recover(gap - before, next, known);
            let count = self.decode(next, after)?;
            match opus::has_copy(next) {
                true => self.concealer.lead(unknown, known),
                // Of speech there would be one: it ended in the hole.
                false if self.copies > 0 => self.concealer.lead(hole, &after[..count * self.k]),
                false => {}
            }
            self.concealer.good(hole);
            self.concealer.good(&mut after[..count * self.k]);
            return Some(count);
        }
        // Not what will be heard, but near enough for a decoder to go on from.
        self.concealer.foresee(hole);
        self.decoder.follow(self.concealer.heard(), hole);
        let count = self.decode(next, after)?;
        self.concealer.between(hole, &mut after[..count * self.k]);
        Some(count)
    }

    /// What Opus' next packet and its own concealment tell of a hole. libopus fills whole steps only.
    fn recover(&mut self, gap: usize, next: &[u8], hole: &mut [i16]) {
        let whole = gap / OPUS_STEP * OPUS_STEP * self.k;
        let (odd, whole) = hole.split_at_mut(hole.len() - whole.min(hole.len()));
        if !odd.is_empty() {
            self.concealer.lost(odd);
        }
        match opus::has_copy(next) {
            true => self.concealed = false,
            false => self.reach(gap),
        }
        let made = !whole.is_empty() && self.decoder.recover(next, whole).is_ok();
        if !made && !whole.is_empty() {
            self.concealer.lost(whole);
        }
    }
}
