//! The way of one datagram: port to leg, checked view, latch, statistics, and on.
//!
//! ```text
//!   port ─▶ leg ─▶ [SRTP] ─▶ Packet::parse ─▶ latch ─▶ rtp_rx ─┬─ audio ─▶ taps, ear, copy, partner (Forward)
//!     │              │              │               │              ├─ event ─▶ digits, partner
//!   STUN, DTLS    Foreign        Malformed       Foreign           ├─ another codec ─▶ turn
//!                                                                  └─ Leap, Duplicate, more than its allowance: dropped
//! ```

use std::net::SocketAddr;

use super::protected::opened_rtcp;
use super::{Disposition, Plane};
use crate::base::{Duration, Time};
use crate::media::bridge::Audio;
use crate::media::control::{Codec, Event};
use crate::media::jitter::{Arrived, Order};
use crate::media::latch::{Mark, Source, Verdict};
use crate::media::leg::{COMFORT_NOISE, Leg, Payload, recode};
use crate::media::room::gate::Passage;
use crate::media::rtp_rx::Arrival;
use crate::media::rtp_tx::Relayed;
use crate::media::srtp::Guard;
use crate::media::tap::Heard;
use crate::media::tap::batch::Waiting;
use crate::media::{Kind, PortIndex, Transmit};
use crate::wire::rtp::{Header, Packet, looks_like_rtcp, rewrite};

/// Strangers, and other addresses of the peer, are told of at most this often.
const SOURCE_PACE: Duration = Duration::from_secs(1);

/// A packet that is ours, without its bytes.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) slot: u32,
    pub(super) payload: Payload,
    pub(super) relayed: Relayed,
    /// Others overtook it.
    late: bool,
    ssrc: u32,
    /// Of its payload.
    pub(super) bytes: usize,
}

impl Taken {
    /// What it is to the others of its stream.
    pub(super) fn order(&self) -> Order {
        match (self.relayed.first, self.late) {
            (true, _) => Order::Begins,
            (false, true) => Order::Overtaken,
            (false, false) => Order::Newest,
        }
    }
}

impl Plane {
    /// Takes one datagram of `len` bytes in `buf` that came `from` there to `port`. What is to be
    /// recorded of it goes to `out` at once. Never allocates. An IPv4 address has to come as one, not
    /// mapped into IPv6: SDP's is compared with it.
    #[allow(clippy::too_many_arguments)] // one flat call, as the engine's completion gives it
    pub fn receive(
        &mut self,
        now: Time,
        port: PortIndex,
        kind: Kind,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
        out: &mut dyn Transmit,
    ) -> Disposition {
        let len = len.min(buf.len());
        let Some(slot) = self.ports.leg(port) else {
            self.stray(now, port, from, &buf[..len]);
            return Disposition::Foreign;
        };
        // RTP begins with its version in the upper two bits.
        if buf[..len].first().is_some_and(|first| *first < 0x80) {
            // Checks and handshakes are agreed on for the port of RTP alone.
            let done = match kind {
                Kind::Rtp => self.receive_other(now, slot, from, &buf[..len], out),
                Kind::Rtcp => {
                    if let Some(leg) = self.legs.get_mut(slot) {
                        leg.malformed += 1;
                    }
                    Some(Disposition::Malformed)
                }
            };
            if let Some(done) = done {
                return done;
            }
        }
        if kind == Kind::Rtcp {
            return self.receive_rtcp(now, slot, from, &mut buf[..len]);
        }
        let len = match self.open_protected(now, slot, from, &mut buf[..len]) {
            Ok(len) => len,
            Err(disposition) => return disposition,
        };
        let datagram = &mut buf[..len];
        let taken = match self.take(now, slot, from, datagram, out) {
            Ok(taken) => taken,
            Err(disposition) => return disposition,
        };
        if let Some(to) = self.legs.get(slot).and_then(|leg| leg.copy) {
            self.send_copy(now, taken, to, datagram, out);
        }
        let forward = match taken.payload {
            Payload::Audio => self.relay_audio(now, taken, datagram, out),
            Payload::Event => self.receive_event(now, taken, datagram),
            Payload::ComfortNoise => self.relay_noise(now, taken),
            Payload::OtherLaw | Payload::OtherCodec | Payload::Unknown => None,
        };
        match forward {
            None => Disposition::Consumed,
            Some((header, port, to)) => {
                let len = rewrite(datagram, header);
                match self.seal_relayed(slot, buf, len) {
                    Some(len) => Disposition::Forward { port, to, len },
                    None => Disposition::Consumed,
                }
            }
        }
    }

    /// A datagram to a port that is nobody's.
    #[cold]
    fn stray(&mut self, now: Time, port: PortIndex, from: SocketAddr, datagram: &[u8]) {
        self.counts.strays += 1;
        if let Ok(packet) = Packet::parse(datagram) {
            self.ports.stray(now, port, Source { addr: from, ssrc: packet.ssrc() });
        }
    }

    /// Decides whether a datagram is the leg's own and new; notes it, taps it, lets it be heard.
    #[inline(always)] // as below
    fn take(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        datagram: &mut [u8],
        out: &mut dyn Transmit,
    ) -> Result<Taken, Disposition> {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Disposition::Foreign);
        };
        let Ok(packet) = Packet::parse(datagram) else {
            leg.malformed += 1;
            return Err(Disposition::Malformed);
        };
        let payload = leg.payload(packet.payload_type());
        if payload == Payload::Unknown && looks_like_rtcp(datagram) {
            return Err(self.receive_rtcp(now, slot, from, datagram));
        }
        let mark = Mark {
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            timestamp: packet.timestamp(),
            known: payload != Payload::Unknown,
            ticks_per_ms: leg.narrowed.ticks() * 8,
            authentic: !matches!(leg.guard, Guard::Plain),
        };
        match leg.latch.check(now, from, mark) {
            Verdict::Ours => {}
            verdict => {
                if payload == Payload::Unknown && verdict == Verdict::Unproven {
                    leg.note_unagreed(now, packet.payload_type());
                }
                self.source(now, slot, from, verdict)?;
            }
        }
        if payload == Payload::OtherLaw {
            self.other_law(slot, datagram);
            let packet = Packet::parse(datagram).map_err(|_| Disposition::Malformed)?;
            return self.number(now, slot, Payload::Audio, packet, out);
        }
        self.number(now, slot, payload, packet, out)
    }

    /// Brings audio of the other law into the leg's codec where it lies: all behind sees one codec.
    #[cold]
    fn other_law(&mut self, slot: u32, datagram: &mut [u8]) {
        if let Some(codec) = self.legs.get(slot).and_then(Leg::codec) {
            recode_payload(codec, datagram);
        }
    }

    /// Notes a packet that came from the leg's own source, and lets it be heard when it is new.
    #[inline(always)] // what it gives would be read back from memory while a recording's copy is still on its way there
    fn number(
        &mut self,
        now: Time,
        slot: u32,
        payload: Payload,
        packet: Packet<'_>,
        out: &mut dyn Transmit,
    ) -> Result<Taken, Disposition> {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Disposition::Foreign);
        };
        if payload == Payload::Unknown {
            leg.note_unagreed(now, packet.payload_type());
            return Err(Disposition::Malformed);
        }
        let audio = payload == Payload::Audio;
        let bytes = packet.payload().len();
        let codec = leg.codec().unwrap_or(Codec::Pcma);
        let ticks = match audio && bytes > 0 {
            true => codec.ticks_of(packet.payload()),
            false => Ok(0),
        };
        let Ok(ticks) = ticks else {
            leg.malformed += 1;
            return Err(Disposition::Malformed);
        };
        let (ssrc, sequence, timestamp) = (packet.ssrc(), packet.sequence(), packet.timestamp());
        let receives = leg.receives();
        let arrival = leg.rx.packet(now, ssrc, sequence, audio.then_some(timestamp), bytes);
        let first = match arrival {
            Arrival::Duplicate => return Err(Disposition::Consumed),
            Arrival::Leap => {
                leg.dropped += 1;
                return Err(Disposition::Consumed);
            }
            Arrival::First => {
                self.restarted(slot);
                true
            }
            Arrival::Next { .. } | Arrival::Late => false,
        };
        if !receives || bytes == 0 {
            return Err(Disposition::Consumed);
        }
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Disposition::Foreign);
        };
        let allowance = match payload {
            Payload::Event => &mut leg.keys_allowance,
            _ => &mut leg.allowance,
        };
        if !allowance.takes(now) {
            leg.dropped += 1;
            return Err(Disposition::Consumed);
        }
        let relayed = Relayed { first, marker: packet.marker(), sequence, timestamp, ticks };
        let late = arrival == Arrival::Late;
        let taken = Taken { slot, payload, relayed, late, ssrc, bytes };
        if !audio {
            leg.taps.iter_mut().flatten().for_each(|point| point.aside = true);
        }
        match payload {
            Payload::Audio => self.listen(now, taken, packet.payload(), out),
            Payload::ComfortNoise => self.listen_noise(taken, packet.payload()),
            Payload::OtherCodec => self.turn(now, slot, packet.payload_type()),
            Payload::OtherLaw | Payload::Event | Payload::Unknown => {}
        }
        Ok(taken)
    }

    /// A packet that is not simply the holder's: what is told of its source.
    #[cold]
    pub(super) fn source(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        verdict: Verdict,
    ) -> Result<(), Disposition> {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Err(Disposition::Foreign);
        };
        let id = leg.id;
        let event = match verdict {
            Verdict::Learned if !leg.watch.first => {
                leg.watch.first = true;
                Some(Event::FirstRtp { leg: id, from })
            }
            Verdict::Moved(old) if leg.watch.moved.is_none_or(|t| now.since(t) >= SOURCE_PACE) => {
                leg.watch.moved = Some(now);
                Some(Event::SourceMoved { leg: id, from: old, to: from })
            }
            Verdict::Foreign if leg.watch.foreign.is_none_or(|t| now.since(t) >= SOURCE_PACE) => {
                leg.watch.foreign = Some(now);
                let packets = leg.latch.foreign().0;
                Some(Event::ForeignSource { leg: id, from, packets })
            }
            _ => None,
        };
        if let Some(event) = event {
            self.tell(event);
        }
        match verdict.is_ours() {
            true => Ok(()),
            false => Err(Disposition::Foreign),
        }
    }

    /// Recordings and the ear take the payload before it is passed on.
    #[inline]
    fn listen(&mut self, now: Time, taken: Taken, payload: &[u8], out: &mut dyn Transmit) {
        let Some(leg) = self.legs.get_mut(taken.slot) else {
            return;
        };
        let Some(codec) = leg.codec() else {
            return;
        };
        let Relayed { sequence, timestamp, ticks, .. } = taken.relayed;
        let timestamp = leg.narrowed.at(timestamp);
        let samples = ticks / leg.narrowed.ticks();
        if let Some(ear) = &mut leg.ear
            && let passage @ (Passage::Heard | Passage::Anew) =
                leg.gate.pass(codec, payload, samples)
        {
            let order = match passage {
                Passage::Anew => Order::Begins,
                _ => taken.order(),
            };
            ear.insert(now, Arrived { order, timestamp, slots: samples, payload });
        }
        for point in leg.taps.iter_mut().flatten() {
            let heard = Heard { ssrc: taken.ssrc, sequence, timestamp, samples };
            let anew = core::mem::replace(&mut point.anew, false);
            let aside = core::mem::replace(&mut point.aside, false);
            let (arrival, channel) = (now, point.channel);
            let payload = if point.paused { &[] } else { payload };
            let placed = None;
            let waiting = Waiting { arrival, channel, anew, aside, heard, codec, placed, payload };
            self.recordings.hear(point.recording, &waiting, out);
        }
    }

    /// The ear is told that nobody speaks (RFC 3389).
    #[cold]
    fn listen_noise(&mut self, taken: Taken, payload: &[u8]) {
        let Some(leg) = self.legs.get_mut(taken.slot) else {
            return;
        };
        let timestamp = leg.narrowed.at(taken.relayed.timestamp);
        if let Some(ear) = &mut leg.ear {
            ear.insert_noise(timestamp, payload);
        }
    }

    /// The header under which audio goes on to the partner, when it is relayed; back to the leg, when it
    /// is joined with itself. Its codes become the partner's.
    #[inline]
    fn relay_audio(
        &mut self,
        now: Time,
        taken: Taken,
        datagram: &mut [u8],
        out: &mut dyn Transmit,
    ) -> Option<(Header, PortIndex, SocketAddr)> {
        let (leg, partner) = self.legs.with_partner(taken.slot)?;
        if leg.paths.audio != Audio::Relay {
            if leg.lengths.are_unlike() {
                self.watch_lengths(now, taken, datagram);
            }
            return None;
        }
        let (is_echo, spoken) = (partner.is_none(), leg.codec());
        let partner = partner.unwrap_or(leg);
        if taken.relayed.ticks != partner.packet_ticks && !is_echo {
            return self.relay_unlike(now, taken, datagram, out);
        }
        pass_on(partner, spoken, now, taken, datagram)
    }

    /// Comfort noise goes on where its partner takes it. To another the audio around it is one stream all
    /// the same: what comes next has the next number.
    #[cold]
    fn relay_noise(&mut self, now: Time, taken: Taken) -> Option<(Header, PortIndex, SocketAddr)> {
        let (leg, partner) = self.legs.with_partner(taken.slot)?;
        if leg.paths.audio != Audio::Relay {
            return None;
        }
        let partner = partner.unwrap_or(leg);
        if !partner.params.as_ref().is_some_and(|params| params.send && params.noise) {
            partner.tx.withhold(taken.relayed);
            return None;
        }
        let to = partner.latch.destination()?;
        let header = partner.tx.relay(now, taken.relayed, COMFORT_NOISE, taken.bytes)?;
        Some((header, partner.port, to))
    }

    /// A report of the peer.
    #[cold]
    pub(super) fn receive_rtcp(
        &mut self,
        now: Time,
        slot: u32,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Disposition {
        let Some(leg) = self.legs.get_mut(slot) else {
            return Disposition::Foreign;
        };
        if !leg.rtcp.is_peer(from, &leg.latch) {
            // Before its source is known it may be the peer's own.
            if leg.latch.held().is_some() {
                leg.latch.note_foreign(from);
            }
            return Disposition::Foreign;
        }
        let Some(datagram) = opened_rtcp(leg, now, datagram) else {
            return Disposition::Foreign;
        };
        match leg.rtcp.receive(now, from, &leg.latch, leg.tx.ssrc(), datagram) {
            Ok(true) => Disposition::Consumed,
            Ok(false) => Disposition::Foreign,
            Err(_) => {
                leg.malformed += 1;
                Disposition::Malformed
            }
        }
    }
}

/// The header under which a packet of audio goes on to `partner`, from a leg that speaks `spoken`.
#[inline]
pub(super) fn pass_on(
    partner: &mut Leg,
    spoken: Option<Codec>,
    now: Time,
    taken: Taken,
    datagram: &mut [u8],
) -> Option<(Header, PortIndex, SocketAddr)> {
    let (codec, payload_type) = partner.sends()?;
    let to = partner.latch.destination()?;
    let header = partner.tx.relay(now, taken.relayed, payload_type, taken.bytes)?;
    if spoken != Some(codec) {
        recode_payload(codec, datagram);
    }
    Some((header, partner.port, to))
}

/// Brings the codes in a packet of the other law into `codec`'s, where they lie.
#[inline(never)]
fn recode_payload(codec: Codec, datagram: &mut [u8]) {
    let payload =
        Packet::parse(datagram).map(|p| p.header_len()..p.header_len() + p.payload().len());
    if let Ok(payload) = payload {
        recode(codec, &mut datagram[payload]);
    }
}
