//! Where the memory lies that a datagram will need, for an engine that knows what comes next: with
//! many legs each datagram meets one whose memory has left the caches.

use core::ops::Range;

use super::Plane;
use crate::media::PortIndex;
use crate::media::leg::Leg;
use crate::media::tap::TapPoint;

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

    /// What its packet meets first of the recording that listens to the leg at `port`. It looks into the leg.
    #[inline]
    pub fn tap_place(&self, port: PortIndex) -> Option<Range<*const u8>> {
        let point = self.tap_of(port)?;
        self.recordings.place(point.recording, point.channel)
    }

    /// Where that puts its payload. It looks into the leg, and at what [`Plane::tap_place`] gave.
    #[inline]
    pub fn tap_room(&self, port: PortIndex) -> Option<Places> {
        let point = self.tap_of(port)?;
        self.recordings.room(point.recording, point.channel)
    }

    /// The first recording's: a second one is rare.
    #[inline]
    fn tap_of(&self, port: PortIndex) -> Option<&TapPoint> {
        self.legs.get(self.ports.leg(port)?)?.taps.iter().flatten().next()
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
pub(super) const NOWHERE: Range<*const u8> = core::ptr::null()..core::ptr::null();
