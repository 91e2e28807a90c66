//! Packets that are of another length than who hears them wants (`a=ptime`, `a=maxptime`, RFC 8866 §6.4).
//!
//! ```text
//!   relayed packet, other length ─▶ relay_unlike() ─┬─ longer:  cut where it is, each piece at once
//!                                                   ├─ shorter: goes on as it is
//!                                                   └─ a few in a row ─▶ next tick: ear, clock, samples
//!   packet through samples       ─▶ watch_lengths() ── long enough alike ─▶ next tick: relay
//! ```
//!
//! Cutting bridges the packets until there is an ear, so that none is longer than its hearer takes. It is not the
//! way for a whole call: the pieces of 60 ms would come three at a time. From the ear they come at the
//! hearer's own pace, and shorter ones are joined there.
//!
//! Opus is left as it is: coded anew it would sound worse and cost much, and its decoders take packets of any
//! length (RFC 7587 §4.2). What is longer than `a=maxptime` goes through samples.
//!
//! Not here: when a sender's packets count as of another length ([`Lengths`](crate::media::lengths::Lengths)).

use std::net::SocketAddr;

use super::receive::{Taken, pass_on};
use super::{MOST_COPIED, MOST_PACKET, Plane};
use crate::base::Time;
use crate::media::control::Codec;
use crate::media::jitter::Order;
use crate::media::leg::Leg;
use crate::media::room::gate::is_silent;
use crate::media::{Kind, PortIndex, Transmit};
use crate::wire::rtp::{HEADER_LEN, Header, Packet, write_header};

impl Plane {
    /// A packet on the relay path that is of another length than the partner wants. Allocates nothing.
    #[cold]
    pub(super) fn relay_unlike(
        &mut self,
        now: Time,
        taken: Taken,
        datagram: &mut [u8],
        out: &mut dyn Transmit,
    ) -> Option<(Header, PortIndex, SocketAddr)> {
        let Plane { legs, packet: made, .. } = self;
        let (leg, partner) = legs.with_partner(taken.slot)?;
        let partner = partner?;
        let (spoken, ticks) = (leg.codec(), taken.relayed.ticks);
        let too_long = ticks > partner.most_ticks;
        let parts = match spoken {
            Some(Codec::Opus) if too_long => {
                leg.lengths.part();
                true
            }
            Some(Codec::Opus) | None => false,
            Some(_) => leg.lengths.miss(taken.relayed.sequence),
        };
        let given = match piece(spoken?, partner.packet_ticks, taken) {
            // Its place among the pieces of those that overtook it is gone.
            Some(_) if taken.order() == Order::Overtaken => None,
            Some(bytes) => {
                cut(spoken, partner, now, taken, datagram, bytes, made, out);
                None
            }
            None => pass_on(partner, spoken, now, taken, datagram),
        };
        if parts {
            self.soon(now, taken.slot);
        }
        given
    }

    /// A packet through samples of a leg whose lengths were not those that its partner wants.
    #[cold]
    pub(super) fn watch_lengths(&mut self, now: Time, taken: Taken, datagram: &[u8]) {
        let Some((leg, Some(partner))) = self.legs.with_partner(taken.slot) else { return };
        let Some(codec) = leg.codec() else { return };
        let ticks = taken.relayed.ticks;
        let alike = match codec {
            Codec::Opus => ticks <= partner.most_ticks,
            _ => ticks == partner.packet_ticks,
        };
        let silent = || Packet::parse(datagram).is_ok_and(|p| is_silent(codec, p.payload()));
        if leg.lengths.hear(alike, silent) {
            self.soon(now, taken.slot);
        }
    }
}

/// Bytes of a piece of `wanted` ticks; `None`: the packet is not longer, or not to be cut.
fn piece(codec: Codec, wanted: u32, taken: Taken) -> Option<usize> {
    let (ticks, wanted) = (taken.relayed.ticks as usize, wanted as usize);
    let cuts = codec != Codec::Opus && ticks > wanted && taken.bytes.is_multiple_of(ticks);
    let bytes = taken.bytes.checked_div(ticks)? * wanted;
    (cuts && (1..=MOST_COPIED).contains(&bytes)).then_some(bytes)
}

/// Sends a packet on to `partner` in pieces of `bytes`, the last with what is left.
#[allow(clippy::too_many_arguments)] // one flat call, as of the way of a datagram
fn cut(
    spoken: Option<Codec>,
    partner: &mut Leg,
    now: Time,
    taken: Taken,
    datagram: &mut [u8],
    bytes: usize,
    made: &mut [u8; MOST_PACKET],
    out: &mut dyn Transmit,
) {
    let wanted = partner.packet_ticks;
    let Some((header, port, to)) = pass_on(partner, spoken, now, taken, datagram) else { return };
    let Ok(packet) = Packet::parse(datagram) else { return };
    let mut header = header;
    for (n, piece) in packet.payload().chunks(bytes).enumerate() {
        if n > 0 {
            (header.sequence, header.marker) = (partner.tx.more(), false);
            header.timestamp = header.timestamp.wrapping_add(wanted);
        }
        let Some((head, body)) = made.split_first_chunk_mut::<HEADER_LEN>() else { return };
        write_header(head, header);
        body[..piece.len()].copy_from_slice(piece);
        if let Some(whole) = partner.seal(made, HEADER_LEN + piece.len()) {
            out.send(port, Kind::Rtp, to, &made[..whole]);
        }
    }
}
