//! One leg of one worker: everything that a party's stream needs, in one place.
//!
//! ```text
//!   party ──▶ srtp ─▶ latch ─▶ rx ─┬▶ taps          (recordings)
//!                                  ├▶ partner's tx  (relay path)
//!                                  ├▶ ear           (sample path: jitter buffer, in-band digits)
//!                                  └▶ dtmf          (telephone-events)
//!   party ◀── srtp ◀── tx ◀── mouth, or the partner's ear, by the leg's clock; or its room, by the
//!                             room's
//! ```
//!
//! A leg decides nothing about others: [`plane`](super::plane) moves packets and samples between
//! them along the paths that [`bridge`](super::bridge) chose.

mod coders;
mod figures;
mod payload;
mod protection;

use core::mem::offset_of;
use core::ops::Range;
use std::net::SocketAddr;

pub(super) use self::coders::cost;
pub(super) use self::payload::{COMFORT_NOISE, Payload, recode};
use super::PortIndex;
use super::allowance::Allowance;
use super::beep::Beep;
use super::bridge::{Audio, Paths, Side};
use super::control::{Codec, DigitSet, StreamParams};
use super::dtmf_rx::DtmfRx;
use super::ear::{Ear, Narrowed};
use super::ice;
use super::jitter::{Figures, LONGEST_PULL};
use super::latch::{Latch, Source};
use super::lengths::Lengths;
use super::mouth::{Mouth, Over, Said};
use super::room::gate::Gate;
use super::rtcp::Rtcp;
use super::rtp_rx::RtpRx;
use super::rtp_tx::RtpTx;
use super::seam::Seam;
use super::send_rate::SendRate;
use super::srtp::{Figures as SrtpFigures, Guard};
use super::tap::TapPoint;
use crate::base::{Duration, LegId, Rng, Time};
use crate::dsp::narrow::Encoder;
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::dsp::tone;

/// Samples of a packet time before anything was negotiated.
const DEFAULT_SAMPLES: usize = 160;
/// Packet times that we send, milliseconds.
const PTIME_MS: core::ops::RangeInclusive<u8> = 10..=60;
/// Recordings that can listen to one leg (R5: a second, independent recorder).
pub(super) const MOST_TAPS: usize = 2;
/// A digit heard in the audio is the one that telephone-events told if it comes this soon after.
const SAME_KEY: Duration = Duration::from_millis(400);

/// The first telephone-event tells the digit that was heard in the audio if it comes this soon after: some tell of a key
/// when it is let go.
const SAME_TONE: Duration = Duration::from_secs(1);

/// Datagrams of a DTLS handshake that are taken of a leg's peer in a second: a whole one has about ten.
const MOST_HANDSHAKE: u32 = 50;

/// Which keys the partner is not to hear: those that begin a feature code, and what follows one.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct HeldKeys {
    pub(super) first: DigitSet,
    /// One came, and nobody has said yet what it was.
    pub(super) all: bool,
}

impl HeldKeys {
    /// Whether a key that begins now is kept back.
    pub(super) fn holds(&mut self, digit: char) -> bool {
        self.all |= self.first.contains(digit);
        self.all
    }
}

/// What of the negotiated stream every packet asks for, beside each other: the whole is long and far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    codec: Codec,
    /// Payload types of audio and of telephone-events from the party; `None`: there are none.
    recv_pt: Option<u8>,
    event_pt: Option<u8>,
    /// Payload type of audio to the party, where it may be sent any.
    send_pt: Option<u8>,
    /// Whether audio is taken from it.
    receives: bool,
}

impl Terms {
    /// Before anything was negotiated.
    const NONE: Terms =
        Terms { codec: Codec::Pcma, recv_pt: None, event_pt: None, send_pt: None, receives: false };

    fn of(params: &StreamParams) -> Terms {
        Terms {
            codec: params.codec,
            recv_pt: Some(params.recv_pt),
            event_pt: params.dtmf_recv_pt,
            send_pt: params.send.then_some(params.send_pt),
            receives: params.receive,
        }
    }
}

/// One leg. In memory as it stands here, in cache lines, for with hundreds of legs each packet meets two that
/// have left the caches:
///
/// ```text
///   tx │ terms, srtp … │ paths, taps … │ rx │ latch │ the rest
///      ├──────────────────────────────────┤ ├─┤        a packet from the party
///   ├──────────────────┤                    ├─┤        one to it: to its source's address
/// ```
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Leg {
    pub(super) tx: RtpTx,
    /// Ticks of the packets that its party is to be sent (`a=ptime`).
    pub(super) packet_ticks: u32,
    pub(super) port: PortIndex,
    terms: Terms,
    /// How its packets are protected.
    pub(super) guard: Guard,
    /// How many packets of audio it may send.
    pub(super) allowance: Allowance,
    /// How the partner hears this leg.
    pub(super) paths: Paths,
    /// Whether its packets are as long as its partner wants them.
    pub(super) lengths: Lengths,
    pub(super) partner: Option<u32>,
    /// The leg to whose party a copy of its packets goes.
    pub(super) copy: Option<u32>,
    pub(super) taps: [Option<TapPoint>; MOST_TAPS],
    /// Which of its packets its ear takes.
    pub(super) gate: Gate,
    pub(super) ear: Option<Box<Ear>>,
    /// The clock of its timestamps against the plane's.
    pub(super) narrowed: Narrowed,
    pub(super) rx: RtpRx,
    pub(super) latch: Latch,
    // From here on it is not every packet's; what its own clock meets comes first.
    /// How this leg hears its partner.
    pub(super) hears: Audio,
    /// The rate of the samples that are heard of it and sent to it.
    pub(super) rate: Rate,
    /// Whether it is on the plane's list of clocks.
    pub(super) listed: bool,
    /// Whether something of our own was sent: then silence is too, so that the stream goes on.
    pub(super) spoken: bool,
    /// When its next packet time begins; `None`: its clock stands.
    pub(super) clock: Option<Time>,
    pub(super) seam: Seam,
    /// Codes what it is sent; `None` before it was negotiated, or where there was no memory.
    pub(super) encoder: Option<Box<Encoder>>,
    /// The place of its room.
    pub(super) room: Option<usize>,
    /// Whose packets its own party gets a copy of.
    pub(super) copies: Option<Copied>,
    /// Tells its party that it is being recorded.
    pub(super) beep: Option<Box<Beep>>,
    // From here on it is not every packet time's either.
    pub(super) mouth: Mouth,
    pub(super) id: LegId,
    /// All that was negotiated.
    pub(super) params: Option<Box<StreamParams>>,
    /// For which codec and rate there are coders.
    coded: Option<(Codec, Rate)>,
    /// What ears that it had before heard.
    past: Figures,
    /// Brings what it says of its own, which is 8 kHz, to its rate; `None`: that is its rate.
    widen: Option<Box<Resampler>>,
    pub(super) dtmf: DtmfRx,
    /// Finds its peer, where that shows by checks where it is.
    pub(super) ice: Option<Box<ice::Agent>>,
    /// Where its DTLS handshake comes from, where ICE does not say, and since when.
    handshaker: Option<(SocketAddr, Time)>,
    /// How many datagrams of a handshake it may send.
    pub(super) handshake_allowance: Allowance,
    /// How many packets of keys it may send.
    pub(super) keys_allowance: Allowance,
    /// The last digit that a telephone-event told.
    pub(super) last_event: Option<(char, Time)>,
    /// Whether it tells its keys by telephone-events: one has come.
    pub(super) tells_events: bool,
    /// The last digit that was heard in its audio.
    pub(super) last_tone: Option<(char, Time)>,
    /// Timestamp of an event that began while the partner could not be told of it: its later packets
    /// are not the partner's either.
    pub(super) withheld: Option<u32>,
    /// Keys that the partner is not to hear.
    pub(super) held_keys: HeldKeys,
    /// The event that is inserted into the partner's stream: its timestamp here and there.
    pub(super) inserted: Option<(u32, u32)>,
    /// Timestamp of the digit that we are sending.
    pub(super) sent_event: u32,
    pub(super) rtcp: Rtcp,
    /// How many bits of Opus its reports leave it.
    send_rate: SendRate,
    pub(super) malformed: u64,
    /// Its own packets that were not taken, but for those that others count.
    pub(super) dropped: u64,
    /// Packets of payload types that were not agreed on.
    pub(super) unagreed: u64,
    /// The codec that it changed to in mid-stream, and when.
    pub(super) turned: Option<(Codec, Time)>,
    /// Ticks of the longest packet that its party takes (`a=maxptime`).
    pub(super) most_ticks: u32,
    /// Payload type of the codec that it is to change to.
    pub(super) turning: Option<u8>,
    /// What SRTP that it had before did not take.
    past_srtp: SrtpFigures,
    pub(super) watch: Watch,
    /// Listens for its network's tones.
    pub(super) tones: Option<Box<Tones>>,
}

/// Listens for a network's tones.
#[derive(Debug)]
pub(super) struct Tones {
    pub(super) detector: tone::Detector,
    /// Whose tones they are.
    pub(super) country: Box<str>,
    /// Not longer than until then.
    pub(super) until: Time,
}

/// A leg whose packets another one's party gets a copy of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    /// Its slot.
    pub(super) of: u32,
    /// How they get there.
    pub(super) paths: Paths,
    /// The codec in which the ear hears them, where that way has samples.
    heard_as: Option<Codec>,
}

impl Copied {
    /// Nothing gets there yet.
    pub(super) fn new(of: u32) -> Copied {
        Copied { of, paths: Paths::NONE, heard_as: None }
    }
}

/// What was told about a leg's source, so that it is told once.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Watch {
    /// Since when packets should come.
    pub(super) since: Time,
    /// When their absence was told.
    pub(super) lost: Option<Time>,
    /// Whether the first source was told.
    pub(super) first: bool,
    /// When a stranger was last told.
    pub(super) foreign: Option<Time>,
    /// When it was last told that the stream goes on elsewhere.
    pub(super) moved: Option<Time>,
    /// What comes instead of what was agreed on.
    pub(super) instead: Option<Instead>,
}

/// Packets of a payload type that was not agreed on, since the last one that was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instead {
    /// The latest's.
    pub(super) payload_type: u8,
    /// Since when.
    pub(super) since: Time,
    /// When the latest came.
    latest: Time,
    /// Packets that were taken before.
    taken: u64,
}

impl Leg {
    /// Bytes that it holds beside its jitter buffer, and those of that.
    pub(super) fn held(&self) -> (usize, usize) {
        let encoder = self.encoder.as_ref().map_or(0, |_| size_of::<Encoder>());
        let params = self.params.as_ref().map_or(0, |_| size_of::<StreamParams>());
        let ear = self.ear.as_ref().map_or(0, |ear| ear.held());
        (size_of::<Leg>() + encoder + params, ear)
    }

    /// What every packet from its party meets.
    pub(super) fn heard_place(&self) -> [Range<*const u8>; 2] {
        let latch = offset_of!(Leg, latch);
        [
            self.bytes(offset_of!(Leg, port)..offset_of!(Leg, rx) + RtpRx::EVERY_PACKET),
            self.bytes(latch..latch + Latch::EVERY_PACKET),
        ]
    }

    /// What every relayed packet to its party meets.
    pub(super) fn sent_place(&self) -> [Range<*const u8>; 2] {
        let latch = offset_of!(Leg, latch);
        [
            self.bytes(offset_of!(Leg, tx)..offset_of!(Leg, allowance)),
            self.bytes(latch..latch + Latch::EVERY_PACKET),
        ]
    }

    /// What its own clock meets.
    pub(super) fn clock_place(&self) -> [Range<*const u8>; 2] {
        let latch = offset_of!(Leg, latch);
        [
            self.bytes(offset_of!(Leg, tx)..latch + Latch::EVERY_PACKET),
            self.bytes(offset_of!(Leg, hears)..offset_of!(Leg, mouth)),
        ]
    }

    fn bytes(&self, of: Range<usize>) -> Range<*const u8> {
        let start = core::ptr::from_ref(self).cast::<u8>();
        start.wrapping_add(of.start)..start.wrapping_add(of.end)
    }

    pub(super) fn new(
        now: Time,
        id: LegId,
        port: PortIndex,
        stray: Option<Source>,
        rng: &mut Rng,
    ) -> Leg {
        // Below 2¹⁵, so that an SRTP peer that misses the first packets counts rollovers as we do
        // (RFC 3711 §3.3.1).
        let sequence = rng.next_u32() as u16 & 0x7fff;
        let (ssrc, timestamp) = (rng.next_u32(), rng.next_u32());
        Leg {
            tx: RtpTx::new(now, ssrc, sequence, timestamp),
            packet_ticks: DEFAULT_SAMPLES as u32,
            port,
            terms: Terms::NONE,
            guard: Guard::Plain,
            allowance: Allowance::default(),
            paths: Paths::NONE,
            lengths: Lengths::default(),
            partner: None,
            copy: None,
            taps: [None; MOST_TAPS],
            gate: Gate::Open,
            ear: None,
            narrowed: Narrowed::new(Codec::Pcma),
            rx: RtpRx::default(),
            latch: Latch::new(stray),
            hears: Audio::None,
            rate: Rate::Khz8,
            listed: false,
            spoken: false,
            clock: None,
            seam: Seam::default(),
            encoder: None,
            room: None,
            copies: None,
            beep: None,
            mouth: Mouth::new(),
            id,
            params: None,
            coded: None,
            past: Figures::default(),
            widen: None,
            dtmf: DtmfRx::default(),
            ice: None,
            handshaker: None,
            handshake_allowance: Allowance::a_second(MOST_HANDSHAKE),
            keys_allowance: Allowance::default(),
            last_event: None,
            tells_events: false,
            last_tone: None,
            withheld: None,
            held_keys: HeldKeys::default(),
            inserted: None,
            sent_event: 0,
            rtcp: Rtcp::new(now, rng),
            send_rate: SendRate::new(),
            malformed: 0,
            dropped: 0,
            unagreed: 0,
            turned: None,
            most_ticks: u32::MAX,
            turning: None,
            past_srtp: SrtpFigures::default(),
            watch: Watch::default(),
            tones: None,
        }
    }

    /// The stream was negotiated, again maybe.
    pub(super) fn set(&mut self, now: Time, params: StreamParams, rng: &mut Rng) {
        self.protect(now, &params, rng);
        self.find(&params);
        self.latch.negotiated(params.remote);
        self.rtcp.negotiated(params.remote_rtcp);
        if params.receive && !self.params.as_ref().is_some_and(|p| p.receive) {
            self.watch.since = now;
            self.watch.lost = None;
        }
        self.code(now, &params);
        let ticks = |ms: u8| u32::from(ms) * (params.codec.clock_rate() / 1_000);
        self.most_ticks = params.max_ptime_ms.map_or(u32::MAX, ticks);
        for allowance in [&mut self.allowance, &mut self.keys_allowance] {
            allowance.set(params.ptime_ms);
        }
        self.terms = Terms::of(&params);
        match &mut self.params {
            Some(before) => **before = params,
            none => *none = Some(Box::new(params)),
        }
        self.packet_ticks = self.samples() as u32 * self.narrowed.ticks();
    }

    /// As one side of a bridge; `None` before it was negotiated.
    pub(super) fn side(&self) -> Option<Side> {
        let (mixed, busy) = (self.beep.is_some(), self.mouth.busy());
        let unlike = self.lengths.are_unlike();
        self.params.as_ref().map(|params| Side { unlike, ..Side::new(params, mixed, busy) })
    }

    /// Whether audio is taken from its party.
    pub(super) fn receives(&self) -> bool {
        self.terms.receives
    }

    /// Slots of an eighth of a millisecond in one packet that we send.
    pub(super) fn samples(&self) -> usize {
        let ptime = |p: &StreamParams| p.ptime_ms.clamp(*PTIME_MS.start(), *PTIME_MS.end());
        let made = self.params.as_ref().map(|p| (p.codec, ptime(p)));
        let made = made.filter(|(codec, ms)| codec.takes_ptime(u32::from(*ms)));
        made.map_or(DEFAULT_SAMPLES, |(_, ms)| usize::from(ms) * 8)
    }

    /// Whether it listens for digits or tones in the audio.
    pub(super) fn detects(&self) -> bool {
        self.detects_digits() || self.receives() && self.tones.is_some()
    }

    /// Whether it listens for digits in the audio.
    pub(super) fn detects_digits(&self) -> bool {
        let Some(params) = &self.params else { return false };
        params.receive
            && (params.inband_dtmf || params.inband_until_event && self.may_tell_by_tones())
    }

    /// Whether tones in its audio may still be its keys though it agreed on telephone-events: none has come, and what
    /// is heard is for nobody but us.
    pub(super) fn may_tell_by_tones(&self) -> bool {
        !self.tells_events && self.partner.is_none() && self.room.is_none() && self.copies.is_none()
    }

    /// What it says of its own in the next packet time, at its rate.
    pub(super) fn say(&mut self, pcm: &mut [i16]) -> (Said, Over) {
        let events = self.event_pt().map(|_| self.event_ticks());
        if self.rate == Rate::Khz8 {
            return self.mouth.say(pcm, events);
        }
        let mut narrow = [0; LONGEST_PULL];
        let narrow = &mut narrow[..pcm.len() / self.rate.per_slot()];
        let said = self.mouth.say(narrow, events);
        let Some(widen) = &mut self.widen else { return said };
        if said.0 == Said::Samples && widen.process(narrow, pcm).is_err() {
            pcm.fill(0);
        }
        said
    }

    /// Whether its clock has to run: it speaks by itself, hears its partner through samples, or
    /// listens for digits or tones while nobody else asks its ear.
    pub(super) fn wants_clock(&self) -> bool {
        self.mouth.is_busy()
            || self.hears == Audio::Samples
            || self.listens_alone()
            || (self.spoken
                && self.room.is_none()
                && self.hears != Audio::Relay
                && self.sends().is_some())
    }

    /// Whether its own clock takes the samples out of its ear.
    pub(super) fn listens_alone(&self) -> bool {
        self.detects()
            && self.ear.is_some()
            && self.room.is_none()
            && self.paths.audio != Audio::Samples
    }
}

impl Leg {
    /// Whether `digit`, heard in the audio at `now`, is the key that a telephone-event told of.
    pub(super) fn was_told(&self, now: Time, digit: char) -> bool {
        self.last_event.is_some_and(|(told, at)| told == digit && now.since(at) < SAME_KEY)
    }

    /// An event of it came. Whether it is the first, which ends the listening for tones.
    pub(super) fn tells_event(&mut self) -> bool {
        let listened = self.may_tell_by_tones();
        self.tells_events = true;
        listened && self.params.as_ref().is_some_and(|params| params.inband_until_event)
    }

    /// Whether `digit`, of which the first event tells at `now`, was heard in the audio already.
    pub(super) fn was_heard(&self, now: Time, digit: char) -> bool {
        self.last_tone.is_some_and(|(heard, at)| heard == digit && now.since(at) < SAME_TONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(places: [Range<*const u8>; 2]) -> usize {
        let line = |at: *const u8| at.addr() / 64;
        let count =
            |place: Range<*const u8>| line(place.end.wrapping_sub(1)) - line(place.start) + 1;
        places.into_iter().map(count).sum()
    }

    /// What a relayed packet costs in memory: five cache lines of the leg that it came from, three of the one
    /// that it goes to.
    #[test]
    fn a_packet_meets_few_cache_lines() {
        let mut rng = Rng::from_seed(1);
        let leg = Box::new(Leg::new(Time::ZERO, LegId(1), PortIndex(0), None, &mut rng));
        assert_eq!((lines(leg.heard_place()), lines(leg.sent_place())), (5, 3));
    }
}
