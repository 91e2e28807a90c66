//! A peer that changes to another codec of its answer in mid-stream (RFC 3264 §6.1), without a word of
//! signalling: its leg changes with it, both ways.
//!
//! ```text
//!   packet under another agreed payload type ─▶ turn()        noted; this packet is not heard
//!   next tick, at once                       ─▶ make_turns()  coders, ear, paths as after an offer
//!   next packet                              ─▶ heard
//! ```
//!
//! What it is sent changes as well: a peer may take one codec only at a time, and a relay comes back when
//! both sides are at one again. Two packets are never worth two sets of coders: who changes again within
//! [`PACE`] is followed at its end, and of many who change at once only [`TURNS_A_TICK`] do with each tick:
//! the others' packets come first. The two laws of G.711 need none of this
//! ([`receive`](super::receive) brings one into the other).

use super::Plane;
use super::chores::figures_of;
use crate::base::{Duration, Time};
use crate::media::control::StreamParams;

/// Least time between two changes of one leg: making coders costs more than a packet does.
const PACE: Duration = Duration::from_secs(1);
/// Legs that change with one tick, each for as long as it takes to make two coders (some 0.2 ms with Opus),
/// and when the next ones do.
const TURNS_A_TICK: usize = 4;
const NEXT_TURNS: Duration = Duration::from_millis(1);

impl Plane {
    /// A packet of another agreed codec came.
    #[cold]
    pub(super) fn turn(&mut self, now: Time, slot: u32, payload_type: u8) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        if leg.turned.is_some_and(|(_, at)| now.since(at) < PACE) {
            leg.dropped += 1;
            return;
        }
        leg.turning = Some(payload_type);
        self.soon(now, slot);
    }

    /// The leg is to be looked at with the next tick. There is room for each once.
    pub(super) fn soon(&mut self, now: Time, slot: u32) {
        if !self.turning.contains(&slot) && self.turning.len() < self.turning.capacity() {
            self.turning.push(slot);
        }
        self.turn_at = now;
    }

    /// Changes the codecs of the legs that are to. This makes coders, as a negotiation does.
    #[cold]
    pub(super) fn make_turns(&mut self, now: Time) {
        for _ in 0..TURNS_A_TICK.min(self.turning.len()) {
            // Who came first: a flood of turns keeps nobody waiting for ever.
            let slot = self.turning.remove(0);
            let Some(leg) = self.legs.get_mut(slot) else { continue };
            let wanted = leg.turning.take();
            let Some((wanted, mut params)) = wanted.zip(leg.params.as_deref().cloned()) else {
                self.fit(slot);
                self.rewire(now, slot);
                continue;
            };
            if params.turn_to(|other| other.recv_pt == wanted) {
                leg.turned = Some((params.codec, now));
                let _ = self.set(now, slot, params);
                if let Some(leg) = self.legs.get(slot) {
                    let figures = figures_of(leg);
                    self.tell(figures);
                }
            }
        }
        self.turn_at = if self.turning.is_empty() { Time::NEVER } else { now + NEXT_TURNS };
    }

    /// Another negotiation leaves a leg with the codec that it changed to, where that is still agreed on.
    /// What it and its partner send is measured anew.
    pub(super) fn stay(&mut self, slot: u32, params: &mut StreamParams) {
        let Some((leg, partner)) = self.legs.with_partner(slot) else { return };
        leg.turning = None;
        let lengths = |p: &StreamParams| (p.codec, p.ptime_ms, p.max_ptime_ms);
        // A refresh changes nothing, and the way through samples goes on without a break.
        if leg.params.as_deref().map(lengths) != Some(lengths(params)) {
            leg.lengths.forget();
            partner.into_iter().for_each(|partner| partner.lengths.forget());
        }
        let Some((codec, _)) = leg.turned else { return };
        if params.codec != codec && !params.turn_to(|other| other.codec == codec) {
            leg.turned = None;
        }
    }
}
