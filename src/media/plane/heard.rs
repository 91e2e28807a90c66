//! What a member of a room hears, on the recording of what it says: the other channel (R5), and the tone that
//! tells it so.
//!
//! ```text
//!   room ─▶ mix-minus of a member ─┬─ recorder's right side, where nobody else is
//!                                  └─ + beep ─▶ encode ─▶ member
//! ```
//!
//! What it is played alone is on no recording, as a prompt is on none. Two legs of one recording that are
//! bridged have each their own side, and nothing of this.

use super::Plane;
use crate::base::Time;
use crate::media::Transmit;
use crate::media::room::{FRAME_MS, Room, rate_of};
use crate::media::tap::Channel;

impl Plane {
    /// Lays what the member in `slot` hears of its room with the tick at `at`.
    pub(super) fn record_heard(
        &mut self,
        at: Time,
        slot: u32,
        pcm: &[i16],
        out: &mut dyn Transmit,
    ) {
        let Some(leg) = self.legs.get(slot) else { return };
        if leg.mouth.is_busy() || leg.sends().is_none() {
            return; // it hears something else, or nothing
        }
        let own = leg.taps.iter().flatten().filter(|tap| tap.channel == Channel::Left);
        own.for_each(|tap| self.recordings.hear_room(tap.recording, at, pcm, out));
    }

    /// The same for all who share the `n`-th coding of a room.
    pub(super) fn record_shared(
        &mut self,
        at: Time,
        room: &Room,
        n: usize,
        pcm: &[i16],
        out: &mut dyn Transmit,
    ) {
        if self.recordings.len() == 0 {
            return;
        }
        for member in room.members().iter().filter(|member| member.shares(n)) {
            self.record_heard(at, member.slot(), pcm, out);
        }
    }

    /// Makes what the recordings of a leg in a room need, before the tick does.
    pub(super) fn expect_room(&mut self, slot: u32) {
        let Some(leg) = self.legs.get(slot).filter(|leg| leg.room.is_some()) else { return };
        let Some(rate) = leg.params.as_ref().map(|params| rate_of(params.codec)) else { return };
        for tap in leg.taps.iter().flatten().filter(|tap| tap.channel == Channel::Left) {
            if let Some(recording) = self.recordings.get_mut(tap.recording) {
                recording.expect_room(rate);
            }
        }
    }

    /// Puts the tone of a member that is recorded onto what it hears; `pcm` comes from the room.
    pub(super) fn mix_beep(&mut self, slot: u32, pcm: &mut [i16]) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let rate = leg.rate;
        if let Some(beep) = leg.beep.as_mut().filter(|_| pcm.len() == rate.samples(FRAME_MS)) {
            beep.mix(pcm);
        }
    }
}
