//! What a packet's payload type stands for on a leg, and under which its own go out.

use super::Leg;
use crate::dsp::g711;
use crate::media::control::{Agreed, Codec, StreamParams};
use crate::media::srtp::Guard;

/// Comfort noise (RFC 3389): static payload type 13, known though never negotiated here.
pub(in crate::media) const COMFORT_NOISE: u8 = 13;

/// What a packet's payload type stands for on a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media) enum Payload {
    Audio,
    /// Audio in the law of G.711 that is not the leg's codec.
    OtherLaw,
    /// Audio in another codec that was agreed on.
    OtherCodec,
    Event,
    ComfortNoise,
    Unknown,
}

impl Leg {
    /// What `payload_type` stands for.
    #[inline]
    pub(in crate::media) fn payload(&self, payload_type: u8) -> Payload {
        match &self.terms {
            terms if terms.recv_pt == Some(payload_type) => Payload::Audio,
            terms if terms.event_pt == Some(payload_type) => Payload::Event,
            _ => self.other_payload(payload_type),
        }
    }

    #[cold]
    fn other_payload(&self, payload_type: u8) -> Payload {
        let params = self.params.as_ref();
        params.map_or(Payload::Unknown, |params| params.other_payload(payload_type))
    }

    /// Whether audio may be sent to its party, and as what.
    pub(in crate::media) fn sends(&self) -> Option<(Codec, u8)> {
        let can = !matches!(self.guard, Guard::Awaited);
        let payload_type = self.terms.send_pt.filter(|_| can)?;
        Some((self.terms.codec, payload_type))
    }

    /// The codec of its stream, once that was negotiated.
    pub(in crate::media) fn codec(&self) -> Option<Codec> {
        self.terms.recv_pt.map(|_| self.terms.codec)
    }

    /// Payload type of telephone-events to its party.
    pub(in crate::media) fn event_pt(&self) -> Option<u8> {
        self.params.as_ref().and_then(|p| p.dtmf_send_pt)
    }

    /// Ticks of its events' clock in a sample of 8 kHz.
    pub(in crate::media) fn event_ticks(&self) -> u32 {
        self.params.as_ref().map_or(1, |p| (p.event_clock_hz / 8_000).max(1))
    }

    /// Ticks of its timestamps in one of its events' clock.
    pub(in crate::media) fn event_stamps(&self) -> u32 {
        (self.narrowed.ticks() / self.event_ticks()).max(1)
    }
}

impl StreamParams {
    /// What a payload type stands for that is neither the codec in use nor a key.
    ///
    /// A peer sends under the numbers that we offered (RFC 3264 §6.1). Some gateways send under those that they
    /// answered with: they are understood too, where nothing else has them.
    fn other_payload(&self, payload_type: u8) -> Payload {
        let (number, mut others) = (Some(payload_type), self.others.iter().flatten());
        let is_event = |other: &Agreed| other.dtmf_recv_pt == number;
        let answered_event = |other: &Agreed| other.dtmf_send_pt == number;
        match others.clone().find(|other| other.recv_pt == payload_type) {
            Some(other) if other.codec.is_g711() && self.codec.is_g711() => Payload::OtherLaw,
            Some(_) => Payload::OtherCodec,
            None if others.clone().any(is_event) => Payload::Event,
            None if payload_type == COMFORT_NOISE => Payload::ComfortNoise,
            None if self.dtmf_send_pt == number => Payload::Event,
            None if self.send_pt == payload_type => Payload::Audio,
            None if others.any(answered_event) => Payload::Event,
            None => Payload::Unknown,
        }
    }
}

/// Codes of the other law to `codec`'s, in place.
pub(in crate::media) fn recode(codec: Codec, codes: &mut [u8]) {
    match codec {
        Codec::Pcma => g711::ulaw_to_alaw(codes),
        Codec::Pcmu => g711::alaw_to_ulaw(codes),
        Codec::G722 | Codec::Opus | Codec::L16(_) => {} // negotiated with G.711 only
    }
}
