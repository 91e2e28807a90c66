//! What SRTP adds to the way of a datagram: only what is authenticated goes on to the latch, and what is
//! relayed is protected for whom it goes to.

use std::net::SocketAddr;

use super::{Disposition, Plane};
use crate::base::Time;
use crate::media::control::{Codec, Event};
use crate::media::latch::Verdict;
use crate::media::leg::{Leg, Payload};
use crate::media::srtp::receiver::Unfit;
use crate::media::srtp::{Fault, Guard};
use crate::wire::rtp::{Packet, looks_like_rtcp};

/// Bytes in which a packet of G.711 or G.722 is counted: 10 ms. SRTP's tags are no multiple of it.
const TEN_MS: usize = 80;

impl Plane {
    /// Authenticates and decrypts a datagram to a leg with SRTP in place; says how long it is now.
    #[inline]
    pub(super) fn open_protected(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<usize, Disposition> {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Disposition::Foreign);
        };
        match leg.guard {
            Guard::Plain => return Ok(datagram.len()),
            // It is not to be read yet, and the peer goes on sending.
            Guard::Awaited => return Err(Disposition::Consumed),
            Guard::Keyed(_) => {}
        }
        if looks_like_rtcp(datagram) && leg.payload(datagram[1] & 0x7f) == Payload::Unknown {
            return Err(self.receive_rtcp(now, slot, from, datagram));
        }
        let Guard::Keyed(srtp) = &mut leg.guard else {
            return Ok(datagram.len());
        };
        match srtp.receive(now, datagram) {
            Ok(len) => Ok(len),
            Err(why) => Err(self.unfit(now, slot, from, datagram, why)),
        }
    }

    /// A datagram that SRTP does not take: a stranger's where the leg holds a source, else maybe the
    /// peer's own, which is told.
    #[cold]
    fn unfit(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        datagram: &[u8],
        why: Unfit,
    ) -> Disposition {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Disposition::Foreign;
        };
        if leg.latch.held().is_some_and(|held| held.addr != from) {
            leg.latch.note_foreign(from);
            let _ = self.source(now, slot, from, Verdict::Foreign);
            return Disposition::Foreign;
        }
        let expected = leg.latch.held().is_some() || leg.latch.expects(from);
        let fault = match why {
            Unfit::Replayed => Fault::Replayed,
            Unfit::Refused(_) if looks_plain(leg, datagram) => Fault::Plain,
            Unfit::Refused(_) => Fault::Key,
        };
        let id = leg.id;
        let Some(srtp) = leg.guard.srtp() else { return Disposition::Foreign };
        srtp.refuse(why);
        if srtp.misses(expected) {
            self.tell(Event::SrtpRefused { leg: id, from, fault });
        }
        Disposition::Foreign
    }

    /// Protects `buf[..len]`, which goes on to the partner of the leg in `slot`, if that has SRTP.
    #[inline]
    pub(super) fn seal_relayed(&mut self, slot: u32, buf: &mut [u8], len: usize) -> Option<usize> {
        let (leg, partner) = self.legs.with_partner(slot)?;
        partner.unwrap_or(leg).seal(buf, len)
    }
}

/// RTCP packets to a leg, decrypted where it has SRTP; `None`: they are not authentic.
pub(super) fn opened_rtcp<'d>(
    leg: &mut Leg,
    now: Time,
    datagram: &'d mut [u8],
) -> Option<&'d [u8]> {
    match &mut leg.guard {
        Guard::Plain => Some(datagram),
        Guard::Awaited => None,
        Guard::Keyed(srtp) => {
            let opened = srtp.receive_rtcp(now, datagram);
            let len = opened.inspect_err(|why| srtp.refuse(*why)).ok()?;
            Some(&datagram[..len])
        }
    }
}

/// Whether a datagram may be audio of the leg's without SRTP: by its type and its length, which a
/// tag would have changed.
fn looks_plain(leg: &Leg, datagram: &[u8]) -> bool {
    let counted = |codec| matches!(codec, Codec::Pcma | Codec::Pcmu | Codec::G722);
    let codec = leg.codec();
    let Ok(packet) = Packet::parse(datagram) else { return false };
    let audio = matches!(leg.payload(packet.payload_type()), Payload::Audio | Payload::OtherLaw);
    let bytes = packet.payload().len();
    codec.is_some_and(counted) && audio && bytes > 0 && bytes.is_multiple_of(TEN_MS)
}
