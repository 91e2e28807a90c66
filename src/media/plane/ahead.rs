//! Where the memory lies that a datagram will need, for an engine that knows what comes next: with
//! many legs each datagram meets one whose memory has left the caches.

use core::ops::Range;

use super::Plane;
use crate::media::PortIndex;
use crate::media::leg::Leg;

/// Where what is met together lies.
pub type Places = [Range<*const u8>; 2];

impl Plane {
    /// What every packet meets of the leg at `port`.
    #[inline]
    pub fn leg_places(&self, port: PortIndex) -> Option<Places> {
        self.legs.get(self.ports.leg(port)?).map(Leg::heard_place)
    }

    /// What its packet meets next: its ear, or its partner where it is relayed. It looks into the leg,
    /// which should be near by now.
    #[inline]
    pub fn next_places(&self, port: PortIndex) -> Option<Places> {
        let leg = self.legs.get(self.ports.leg(port)?)?;
        match &leg.ear {
            Some(ear) => Some([ear.place(), NOWHERE]),
            None => self.legs.get(leg.partner?).map(Leg::sent_place),
        }
    }

    /// Where the first recording that listens to the leg at `port` puts what comes next. It looks into the leg.
    #[inline]
    pub fn tap_places(&self, port: PortIndex) -> Option<Places> {
        let leg = self.legs.get(self.ports.leg(port)?)?;
        let point = leg.taps.iter().flatten().next()?;
        Some(self.recordings.room(point.recording))
    }

    /// What a leg's clock meets of the leg in `slot`.
    #[inline]
    pub(super) fn clock_place(&self, slot: u32) -> Option<Places> {
        self.legs.get(slot).map(Leg::clock_place)
    }

    /// What it meets next: its partner's ear. It looks into both.
    #[inline]
    pub(super) fn heard_place(&self, slot: u32) -> Option<Range<*const u8>> {
        let partner = self.legs.get(self.legs.get(slot)?.partner?)?;
        partner.ear.as_ref().map(|ear| ear.place())
    }
}

/// No memory.
const NOWHERE: Range<*const u8> = core::ptr::null()..core::ptr::null();
