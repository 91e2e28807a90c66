//! Where the memory lies that a datagram will need, for an engine that knows what comes next: with
//! many legs each datagram meets one whose memory has left the caches.

use core::ops::Range;

use super::Plane;
use crate::media::PortIndex;
use crate::media::leg::Leg;

impl Plane {
    /// What every packet meets of the leg at `port`.
    #[inline]
    pub fn leg_place(&self, port: PortIndex) -> Option<Range<*const u8>> {
        self.legs.get(self.ports.leg(port)?).map(place)
    }

    /// What its packet meets next: its ear, or its partner where it is relayed. It looks into the leg,
    /// which should be near by now.
    #[inline]
    pub fn next_place(&self, port: PortIndex) -> Option<Range<*const u8>> {
        let leg = self.legs.get(self.ports.leg(port)?)?;
        match &leg.ear {
            Some(ear) => Some(ear.place()),
            None => self.legs.get(leg.partner?).map(place),
        }
    }

    /// What a leg's clock meets of the leg in `slot`.
    #[inline]
    pub(super) fn speaker_place(&self, slot: u32) -> Option<Range<*const u8>> {
        self.legs.get(slot).map(place)
    }

    /// What it meets next: its partner's ear. It looks into both.
    #[inline]
    pub(super) fn heard_place(&self, slot: u32) -> Option<Range<*const u8>> {
        let partner = self.legs.get(self.legs.get(slot)?.partner?)?;
        partner.ear.as_ref().map(|ear| ear.place())
    }
}

fn place(leg: &Leg) -> Range<*const u8> {
    let start = core::ptr::from_ref(leg).cast::<u8>();
    start..start.wrapping_add(Leg::EVERY_PACKET)
}
