//! Packets of a leg that go to a recorder outside too (RFC 7866 §4): by another leg, under its own source,
//! numbers and timestamps, and by its own keys.
//!
//! ```text
//!   party ─▶ leg ─┬─────────────────────────────────────▶ partner, as ever
//!            copy │ one codec: payload as it is ─▶ header of our own ─▶ recorder     (or code by code, A-law and µ-law)
//!                 └ else: jitter buffer ─▶ decode ─▶ its leg's clock ─▶ encode ─▶ recorder
//! ```
//!
//! Nothing of this is waited for or answered to: whatever becomes of the copy, the leg's own packet goes its
//! way. Keys go along as telephone-events where the payload goes as it is; through samples they leave a
//! pause.
//!
//! Not here: whose audio is copied and when (the switch), what is played to a party (nobody's packets).

use super::receive::Taken;
use super::{MOST_COPIED, Plane};
use crate::base::{LegId, Time};
use crate::media::bridge::{Audio, Events, Paths, Side};
use crate::media::control::Codec;
use crate::media::jitter::Arrived;
use crate::media::leg::{COMFORT_NOISE, Copied, Leg, Payload, recode};
use crate::media::{Kind, Transmit};
use crate::wire::rtp::{HEADER_LEN, Packet, write_header};

impl Plane {
    /// What comes from the party of `of` goes to the party of `leg` too from now on.
    pub(super) fn copy(&mut self, now: Time, leg: LegId, of: Option<LegId>) -> Option<()> {
        let slot = self.legs.slot(leg)?;
        let of = of.map(|of| self.legs.slot(of));
        self.end_copy_to(now, slot);
        let Some(of) = of else { return Some(()) };
        let of = of.filter(|of| *of != slot)?;
        if let Some(before) = self.legs.get(of)?.copy {
            self.end_copy_to(now, before);
        }
        self.legs.get_mut(of)?.copy = Some(slot);
        let leg = self.legs.get_mut(slot)?;
        leg.copies = Some(Copied::new(of));
        leg.lengths.forget();
        leg.tx.unsplice();
        self.rewire(now, slot);
        Some(())
    }

    /// The leg in `slot` gets no copies any more.
    fn end_copy_to(&mut self, now: Time, slot: u32) {
        let Some(leg) = self.legs.get_mut(slot) else { return };
        let Some(Copied { of, .. }) = leg.copies else { return };
        leg.take_copies(Paths::NONE, Codec::Pcma);
        (leg.copies, leg.spoken) = (None, false);
        if let Some(source) = self.legs.get_mut(of) {
            source.copy = None;
        }
        self.rewire(now, slot);
    }

    /// The leg in `slot` is about to go: neither gets it copies nor are any made of its packets.
    pub(super) fn end_copies(&mut self, now: Time, slot: u32) {
        self.end_copy_to(now, slot);
        if let Some(to) = self.legs.get(slot).and_then(|leg| leg.copy) {
            self.end_copy_to(now, to);
        }
    }

    /// Decides anew how the copies reach the leg in `slot`.
    pub(super) fn rewire_copy(&mut self, now: Time, slot: u32) {
        let of = self.legs.get(slot).and_then(|leg| leg.copies);
        let Some((leg, source)) = of.and_then(|copied| self.legs.pair(slot, copied.of)) else {
            return;
        };
        let (paths, codec) = match (source.side(), leg.side()) {
            (Some(from), Some(to)) => {
                // Whether its packets are too long is another question for each who gets them.
                let from = Side { unlike: leg.lengths.are_unlike(), ..from };
                (Paths::between(from, to), from.codec)
            }
            _ => (Paths::NONE, Codec::Pcma),
        };
        self.coders_made += leg.take_copies(paths, codec);
        self.wind(now, slot);
    }

    /// Sends a packet that was taken to the leg in slot `to` as well. Allocates nothing.
    #[inline(never)]
    pub(super) fn send_copy(
        &mut self,
        now: Time,
        taken: Taken,
        to: u32,
        datagram: &[u8],
        out: &mut dyn Transmit,
    ) {
        let Ok(packet) = Packet::parse(datagram) else { return };
        let payload = packet.payload();
        let Plane { legs, packet: made, .. } = self;
        let Some((source, leg)) = legs.pair(taken.slot, to) else { return };
        let Some(Copied { paths, .. }) = leg.copies else { return };
        match paths.audio {
            Audio::None => return,
            Audio::Samples => return hear(source, leg, now, taken, payload),
            Audio::Relay => {}
        }
        let Some(payload_type) = payload_type(leg, taken.payload, paths.events) else {
            return leg.tx.withhold(taken.relayed);
        };
        let Some(at) = leg.latch.destination().filter(|_| payload.len() <= MOST_COPIED) else {
            return;
        };
        let Some(header) = leg.tx.relay(now, taken.relayed, payload_type, payload.len()) else {
            return;
        };
        let Some((head, body)) = made.split_first_chunk_mut::<HEADER_LEN>() else { return };
        write_header(head, header);
        let body = &mut body[..payload.len()];
        body.copy_from_slice(payload);
        if let (Payload::Audio, Some((codec, _))) = (taken.payload, leg.sends())
            && source.codec() != Some(codec)
        {
            recode(codec, body);
        }
        let longer = taken.relayed.ticks > leg.most_ticks;
        if longer {
            leg.lengths.part();
        }
        if let Some(whole) = leg.seal(made, HEADER_LEN + payload.len()) {
            out.send(leg.port, Kind::Rtp, at, &made[..whole]);
        }
        if longer {
            self.soon(now, to);
        }
    }
}

/// Under which payload type it goes on as it is; `None`: its like is not taken there.
fn payload_type(leg: &Leg, payload: Payload, events: Events) -> Option<u8> {
    let (_, audio) = leg.sends()?;
    match (payload, events) {
        (Payload::Audio, _) => Some(audio),
        (Payload::Event, Events::Relay(payload_type)) => Some(payload_type),
        (Payload::ComfortNoise, _) => {
            leg.params.as_ref().filter(|params| params.noise).map(|_| COMFORT_NOISE)
        }
        _ => None,
    }
}

/// Lets the ear of `leg` hear a packet of `source`.
fn hear(source: &mut Leg, leg: &mut Leg, now: Time, taken: Taken, payload: &[u8]) {
    let Some(ear) = &mut leg.ear else { return };
    let timestamp = source.narrowed.at(taken.relayed.timestamp);
    let slots = taken.relayed.ticks / source.narrowed.ticks();
    match taken.payload {
        Payload::Audio => {
            ear.insert(now, Arrived { order: taken.order(), timestamp, slots, payload });
        }
        Payload::ComfortNoise => ear.insert_noise(timestamp, payload),
        Payload::OtherLaw | Payload::OtherCodec | Payload::Event | Payload::Unknown => {}
    }
}
