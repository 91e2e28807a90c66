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

    /// The same of its partner; it looks into the leg, which should be near by now.
    #[inline]
    pub fn partner_place(&self, port: PortIndex) -> Option<Range<*const u8>> {
        let leg = self.legs.get(self.ports.leg(port)?)?;
        self.legs.get(leg.partner?).map(place)
    }
}

fn place(leg: &Leg) -> Range<*const u8> {
    let start = core::ptr::from_ref(leg).cast::<u8>();
    start..start.wrapping_add(Leg::EVERY_PACKET)
}
