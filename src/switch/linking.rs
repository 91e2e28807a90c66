//! Two parties hear each other, wherever their legs live.
//!
//! ```text
//!  one worker:   a ══ Bridge ══ b                          relayed, if they speak one codec
//!  two workers:  a ── room of two, part 1 ═ mixes ═ part 2 ── b
//! ```
//!
//! A leg stays on the RTP worker that gave it its port. The legs of a call are opened beside the party for
//! whom its plan runs, so that most bridges are of one worker; a transfer may join two calls of different
//! ones, and then the workers exchange the two voices as those of a conference. Such a pair is mixed, not
//! relayed: some 20 ms more, and a telephone-event is sent on as a key of its own.

use crate::base::{CallId, LegId};
use crate::media::control::{Command, Membership};

use super::{Output, Switch};

impl Switch {
    /// The two hear each other from now on, and nobody else.
    pub(super) fn bridge(&mut self, a: LegId, b: LegId) {
        self.unlink(a);
        self.unlink(b);
        if self.workers == 1 || self.group_of_leg(a) == self.group_of_leg(b) {
            return self.out.push_back(Output::Media(Command::Bridge { a, b }));
        }
        let room = self.new_room_id();
        for (leg, other) in [(a, b), (b, a)] {
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.link = Some((room, other));
            }
            let membership = Membership::PARTY;
            self.out.push_back(Output::Media(Command::Join { leg, room, membership }));
        }
    }

    /// `leg` and whom it hears do so no more.
    pub(super) fn unbridge(&mut self, leg: LegId) {
        if !self.unlink(leg) {
            self.out.push_back(Output::Media(Command::Unbridge { leg }));
        }
    }

    /// The room of two that `leg` is in is over. `false`: it is in none.
    pub(super) fn unlink(&mut self, leg: LegId) -> bool {
        let Some((room, other)) = self.legs.get_mut(&leg).and_then(|leg| leg.link.take()) else {
            return false;
        };
        if let Some(other) = self.legs.get_mut(&other) {
            other.link = None;
        }
        for leg in [leg, other] {
            self.out.push_back(Output::Media(Command::Leave { leg }));
        }
        self.out.push_back(Output::Media(Command::CloseRoom { room }));
        true
    }

    /// Whether `leg` hears one that lives on another worker.
    pub(super) fn is_linked(&self, leg: LegId) -> bool {
        self.legs.get(&leg).is_some_and(|leg| leg.link.is_some())
    }

    /// With whose legs it shares a worker. One that is gone is alone.
    pub(super) fn group_of_leg(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).map(|leg| leg.group)
    }
}
