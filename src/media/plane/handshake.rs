//! What comes to an RTP port and is no RTP (RFC 7983 tells them apart by the first byte): ICE's checks, which
//! are answered here, and DTLS, which goes out to the engine's thread for handshakes and comes back as
//! datagrams to send and, at last, keys.
//!
//! ```text
//!   0 to 3      STUN  ─▶ ice::Agent ─▶ answer; nominated ─▶ latch
//!   20 to 63    DTLS  ─▶ Transmit::handshake ─▶ engine … Plane::handshake ─▶ to where the peer is
//!                                                      … Plane::keyed     ─▶ SRTP
//!   128 to 191  RTP and RTCP: the packet path
//! ```
//!
//! Nothing is allocated but by [`Plane::keyed`]. Not here: the handshake (`engine::dtls`).

use std::net::SocketAddr;

use super::{Disposition, Plane};
use crate::base::{LegId, Time};
use crate::media::dtls::Terms;
use crate::media::leg::Leg;
use crate::media::srtp::Keys;
use crate::media::{Kind, Transmit};

/// First bytes of STUN and of DTLS (RFC 7983 §7).
const STUN: core::ops::RangeInclusive<u8> = 0..=3;
const DTLS: core::ops::RangeInclusive<u8> = 20..=63;

impl Plane {
    /// A datagram that cannot be RTP. `None`: nor is it anything that was agreed on.
    #[cold]
    pub(super) fn receive_other(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut dyn Transmit,
    ) -> Option<Disposition> {
        let leg = self.legs.get_mut(slot)?;
        let first = datagram.first()?;
        if STUN.contains(first) {
            return checked(leg, now, from, datagram, out);
        }
        if !DTLS.contains(first) {
            return None;
        }
        leg.params.as_ref()?.carriage.dtls.as_ref()?;
        if !leg.takes_handshake(now, from, datagram) || !leg.handshake_allowance.takes(now) {
            return Some(Disposition::Foreign);
        }
        out.handshake(leg.id, datagram);
        Some(Disposition::Consumed)
    }

    /// A datagram of a leg's handshake is to be sent to its peer. There is none of a leg that is gone, or
    /// whose peer is nowhere yet: a handshake sends again what was lost.
    pub fn handshake(&mut self, leg: LegId, datagram: &[u8], out: &mut dyn Transmit) {
        let leg = self.legs.slot(leg).and_then(|slot| self.legs.get(slot));
        let agreed = leg.filter(|leg| leg.is_for_dtls());
        if let Some((leg, to)) = agreed.and_then(|leg| Some((leg, leg.handshakes_with()?))) {
            out.send(leg.port, Kind::Rtp, to, datagram);
        }
    }

    /// A leg's handshake on `terms` has come to its end: its audio flows from now on. Keys of terms that hold no
    /// more, which were under way when the leg agreed anew, are nobody's.
    pub fn keyed(&mut self, now: Time, leg: LegId, terms: &Terms, keys: Keys) {
        let slot = self.legs.slot(leg);
        let leg = slot.and_then(|slot| self.legs.get_mut(slot));
        let taken = leg.is_some_and(|leg| leg.keyed(now, terms, keys, &mut self.rng));
        match slot.filter(|_| taken) {
            Some(slot) => self.rewire(now, slot),
            None => self.counts.commands_dropped += 1,
        }
    }
}

/// STUN to a leg.
fn checked(
    leg: &mut Leg,
    now: Time,
    from: SocketAddr,
    datagram: &[u8],
    out: &mut dyn Transmit,
) -> Option<Disposition> {
    let ice = leg.ice.as_mut()?;
    let Some(checked) = ice.check(now, from, datagram) else {
        return Some(Disposition::Foreign);
    };
    if checked.nominated.is_some() {
        leg.latch.checked(checked.nominated);
    }
    out.send(leg.port, Kind::Rtp, from, checked.answer.bytes());
    // Each says it again, as long as there are no keys: what a ring has no room for is lost.
    if leg.has_way_to_begin(from) {
        out.handshake(leg.id, &[]);
    }
    Some(Disposition::Consumed)
}
