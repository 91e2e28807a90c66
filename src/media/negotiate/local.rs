//! Our side of a session: what must hold from one description to the next.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::Way;
use super::dtls::Dtls;
use super::ice::Ice;
use super::peer::METRICS;
use super::sdes::{Protection, Sdes, is_secure};
use crate::media::control::{Carriage, Codec, OpusTerms};
use crate::wire::sdp::{Attribute, Direction, Fingerprint, Media, RtpMap, Sdp};
use crate::wire::srtp::KeySource;

/// The payload types that we offer for telephone-event, and for codecs that have none of their own;
/// what a peer offers is taken instead.
const EVENT_PT: u8 = 101;
const FAST_EVENT_PT: u8 = 102;
const OPUS_PT: u8 = 96;
const L16_PT: u8 = 97;
/// The clock of telephone-events beside the codecs of the telephone network, Hz: all peers know it.
pub(super) const EVENT_HZ: u32 = 8_000;
/// The sixteen DTMF digits, for `a=fmtp` (RFC 4733 §2.4.1).
const EVENTS: &str = "0-15";
/// Milliseconds of audio in a packet when nobody asks for something else (RFC 3551 §4.5).
pub(super) const PTIME_MS: u8 = 20;
/// Longest packet that we ask for where a codec can make longer ones, milliseconds.
const MAXPTIME_MS: u8 = 60;

/// What a payload type number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Format {
    Audio(Codec),
    /// Telephone-events that count so many ticks a second.
    Event(u32),
    /// Comfort noise beside G.711 (RFC 3389).
    Noise,
}

impl Format {
    /// The number that RFC 3551 §6 gives to comfort noise of 8 kHz.
    pub(super) const NOISE_PT: u8 = 13;

    const fn encoding(self) -> &'static str {
        match self {
            Format::Audio(codec) => codec.name(),
            Format::Event(_) => "telephone-event",
            Format::Noise => "CN",
        }
    }
    /// The number that RFC 3551 §6 gives it, or our habit.
    const fn usual_number(self) -> u8 {
        match self {
            Format::Audio(Codec::Pcma) => 8,
            Format::Audio(Codec::Pcmu) => 0,
            Format::Audio(Codec::G722) => 9,
            Format::Audio(Codec::Opus) => OPUS_PT,
            Format::Audio(Codec::L16(_)) => L16_PT,
            Format::Event(EVENT_HZ) => EVENT_PT,
            Format::Event(_) => FAST_EVENT_PT,
            Format::Noise => Format::NOISE_PT,
        }
    }

    const fn clock_hz(self) -> u32 {
        match self {
            Format::Audio(codec) => codec.clock_rate(),
            Format::Event(hz) => hz,
            Format::Noise => EVENT_HZ,
        }
    }

    /// How many channels its `rtpmap` names: Opus always two, whatever is sent (RFC 7587 §7).
    const fn channels(self) -> u8 {
        match self {
            Format::Audio(Codec::Opus) => 2,
            Format::Audio(_) | Format::Event(_) | Format::Noise => 1,
        }
    }

    /// Its `a=fmtp`: what we want to be sent.
    fn parameters(self) -> String {
        match self {
            Format::Audio(Codec::Opus) => {
                let most = OpusTerms::MOST_BIT_RATE;
                format!("minptime=10;useinbandfec=1;stereo=0;maxaveragebitrate={most}")
            }
            Format::Audio(_) | Format::Noise => String::new(),
            Format::Event(_) => EVENTS.into(),
        }
    }

    fn map(self, number: u8) -> RtpMap {
        let map = RtpMap::new(number, self.encoding(), self.clock_hz());
        RtpMap { channels: self.channels(), ..map }
    }

    /// Whether `map` stands for it. Some leave out Opus' second channel.
    pub(super) fn is(self, map: &RtpMap) -> bool {
        map.is(self.encoding(), self.clock_hz()) && (1..=self.channels()).contains(&map.channels)
    }
}

/// All formats of these codecs: after them telephone-event in the clock of each, and always in the
/// telephone network's (RFC 4733 §2.1; many peers know no other).
pub(super) fn formats(codecs: &[Codec]) -> Vec<Format> {
    let mut all: Vec<_> = codecs.iter().map(|c| Format::Audio(*c)).collect();
    let clocks = codecs.iter().map(|c| c.clock_rate()).chain([EVENT_HZ]);
    for event in clocks.map(Format::Event) {
        if !all.contains(&event) {
            all.push(event);
        }
    }
    all
}

/// An `m=` line of the session, as far as it has to come back in each later description.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Section {
    pub(super) kind: Box<str>,
    pub(super) proto: Box<str>,
    pub(super) formats: Vec<Box<str>>,
}

/// A description as it is sent, with the keys in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Printed(Vec<u8>);

impl core::fmt::Debug for Printed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Drop for Printed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Our side of one leg's session, from its first description to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LocalMedia {
    pub(super) rtp: SocketAddr,
    session: u64,
    version: u64,
    /// The preferred first.
    pub(super) codecs: Vec<Codec>,
    hold: bool,
    pub(super) ptime_ms: u8,
    /// Our numbers, as the peer knows them.
    numbers: Vec<(Format, u8)>,
    /// All `m=` lines, and which of them is ours. Empty before the first description.
    pub(super) sections: Vec<Section>,
    pub(super) audio: usize,
    /// The latest description, printed with version 0.
    last: Printed,
    /// The keys of SRTP.
    pub(super) sdes: Sdes,
    /// The certificates that give them instead.
    pub(super) dtls: Dtls,
    pub(super) ice: Ice,
    /// The name of our section, where the peer or we gave it one (RFC 5888).
    pub(super) mid: Option<Box<[u8]>>,
    /// Whether that is named as a bundle (RFC 8843), of one.
    pub(super) bundled: bool,
    /// What was agreed on beside codecs and keys.
    pub(super) carriage: Carriage,
    /// An exchange has come to its end.
    pub(super) agreed: bool,
}

impl LocalMedia {
    /// A leg that receives RTP at `rtp` and RTCP at the port above, and takes `codecs`, the
    /// preferred first. `session` is the id in `o=`: any number that no other session of ours has.
    pub fn new(rtp: SocketAddr, codecs: Vec<Codec>, session: u64) -> LocalMedia {
        let all = [formats(&codecs), vec![Format::Noise]].concat();
        LocalMedia {
            rtp,
            session,
            version: 1,
            numbers: all.iter().map(|f| (*f, f.usual_number())).collect(),
            codecs,
            hold: false,
            ptime_ms: PTIME_MS,
            sections: Vec::new(),
            audio: 0,
            last: Printed(Vec::new()),
            sdes: Sdes::new(Protection::Off, KeySource::from_seed([0; 32])),
            dtls: Dtls::new(None),
            ice: Ice::default(),
            mid: None,
            bundled: false,
            carriage: Carriage::default(),
            agreed: false,
        }
    }

    /// The same with SRTP as the account has it; `source` gives this leg's keys and no other's.
    pub fn protected(self, policy: Protection, source: KeySource) -> LocalMedia {
        LocalMedia { sdes: Sdes::new(policy, source), ..self }
    }

    /// The same for a device that is known to want `RTP/SAVP` where the account leaves it open.
    pub fn insisting(mut self, insists: bool) -> LocalMedia {
        self.sdes.insist(insists);
        self
    }

    /// Whether the audio that was agreed on is carried as `RTP/SAVP`, and not as `RTP/AVP` with keys.
    pub fn is_savp(&self) -> bool {
        self.agreed && self.sections.get(self.audio).is_some_and(|s| is_secure(&s.proto))
    }

    /// The same with DTLS, by a certificate of that fingerprint.
    pub fn certified(self, own: Option<Fingerprint>) -> LocalMedia {
        LocalMedia { dtls: Dtls::new(own), ..self }
    }

    /// Puts `codec` first, if it is one of ours: the one in which the other leg already speaks.
    pub fn prefer(&mut self, codec: Option<Codec>) {
        self.codecs.sort_by_key(|c| Some(*c) != codec);
    }

    /// From the next description on: whether we have put the peer on hold. It then hears us (music)
    /// and we do not hear it.
    pub fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// From the next description of ours on: other keys than before, where there are any.
    pub fn change_keys(&mut self) {
        self.sdes.change();
    }

    /// Where we receive RTP.
    pub fn rtp(&self) -> SocketAddr {
        self.rtp
    }

    /// What we want, as we would write it.
    pub(super) fn wanted(&self) -> Direction {
        Direction::new(true, !self.hold)
    }

    pub(super) fn number(&self, format: Format) -> Option<u8> {
        self.numbers.iter().find(|(f, _)| *f == format).map(|(_, n)| *n)
    }

    /// From now on `number` is ours for `format`. Another format that had it gets a free one; the
    /// peer never saw that, or is itself to blame for using one number twice.
    pub(super) fn set_number(&mut self, format: Format, number: u8) {
        let taken = |numbers: &[(Format, u8)], n: u8| numbers.iter().any(|(_, m)| *m == n);
        let free = (96..=127).find(|n| *n != number && !taken(&self.numbers, *n));
        for (other, n) in &mut self.numbers {
            if *other == format {
                *n = number;
            } else if *n == number {
                *n = free.expect("there are fewer formats than numbers");
            }
        }
    }

    /// Our description: `audio` among the sections as they are, the others refused.
    pub(super) fn describe(&mut self, audio: Media) -> Sdp {
        let mut sdp = Sdp::new("belfry", self.session, 0, self.rtp.ip());
        if let Some(mid) = self.mid.as_ref().filter(|_| self.bundled && audio.port != 0) {
            sdp.attributes.push(Attribute::new("group", [b"BUNDLE ", &mid[..]].concat()));
        }
        if audio.has("ice-ufrag") {
            sdp.attributes.push(Attribute::flag("ice-lite"));
        }
        let mut audio = Some(audio);
        for (i, section) in self.sections.iter().enumerate() {
            let refused = || Media {
                formats: section.formats.clone(),
                ..Media::new(&section.kind, 0, &section.proto)
            };
            let ours = if i == self.audio { audio.take() } else { None };
            sdp.media.push(ours.unwrap_or_else(refused));
        }
        let printed = Printed(sdp.to_bytes());
        if !self.last.0.is_empty() && self.last != printed {
            self.version += 1;
        }
        self.last = printed;
        if let Some(origin) = &mut sdp.origin {
            origin.version = self.version;
        }
        sdp
    }

    /// Our audio section with `formats` under our numbers.
    pub(super) fn section(
        &self,
        proto: &str,
        formats: &[Format],
        direction: Direction,
        ptime_ms: u8,
    ) -> Media {
        let mut media = Media::new("audio", self.rtp.port(), proto);
        for format in formats {
            let Some(number) = self.number(*format) else {
                continue;
            };
            media.add_codec(&format.map(number), &format.parameters());
        }
        media.push("ptime", ptime_ms.to_string());
        if formats.contains(&Format::Audio(Codec::Opus)) {
            media.push("maxptime", MAXPTIME_MS.to_string());
        }
        media.push("rtcp-xr", METRICS);
        media.set_direction(direction);
        media
    }

    /// Whether an offer of ours is of DTLS: as the account has it, and as long as the session has it.
    pub(super) fn offers_dtls(&self) -> bool {
        let wanted = self.sdes.policy() == Protection::Dtls || self.dtls.terms().is_some();
        wanted && self.dtls.is_spoken()
    }

    /// Protects our section of an answer as the peer's offer has it.
    pub(super) fn protect(&mut self, way: Way, section: &mut Media) {
        let (key, terms) = match way {
            Way::Plain => (None, None),
            Way::Sdes(key) => (Some(key), None),
            Way::Dtls(terms) => (None, Some(terms)),
        };
        self.sdes.answer(key).iter().for_each(|line| section.push_crypto(line));
        if terms.is_some() {
            self.dtls.write(section, terms.as_ref());
        }
        self.dtls.settle(terms);
    }

    /// Takes the name of our section, and whether it is bundled, from the peer's offer.
    pub(super) fn name(&mut self, offer: &Sdp, media: &Media) {
        self.mid = media.attribute("mid").map(|mid| mid.text().into());
        let mid = self.mid.as_deref();
        let in_group = |group: &Attribute| {
            let mut words =
                group.text().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
            words.next().is_some_and(|kind| kind.eq_ignore_ascii_case(b"BUNDLE"))
                && words.any(|word| Some(word) == mid)
        };
        let groups = offer.attributes.iter().filter(|attribute| attribute.is("group"));
        self.bundled = mid.is_some() && groups.into_iter().any(in_group);
    }

    /// Says in our section by which ways packets go.
    pub(super) fn carry(&mut self, section: &mut Media, mux: bool, checked: bool) {
        if let Some(mid) = &self.mid {
            section.push("mid", mid);
        }
        if mux {
            section.attributes.push(Attribute::flag("rtcp-mux"));
        }
        if checked {
            self.ice.write(section, self.rtp, self.sdes.source());
        }
        if self.bundled {
            // A browser shows a stream that has a name; this is all that it is for (RFC 8830).
            section.push("msid", "belfry audio");
        }
    }

    /// What was agreed on with the peer's `media`.
    pub(super) fn carried(&self, media: &Media) -> Carriage {
        let (ice, dtls) = (self.ice.terms(), self.dtls.terms());
        Carriage { rtcp_mux: media.has("rtcp-mux"), ice, dtls, asymmetric: false }
    }

    /// The sections of a session that the peer has laid out; the one at `audio` is ours.
    pub(super) fn keep_sections(&mut self, offer: &Sdp, audio: usize) {
        let section = |m: &Media| Section {
            kind: m.kind.clone(),
            proto: m.proto.clone(),
            formats: m.formats.clone(),
        };
        self.sections = offer.media.iter().map(section).collect();
        self.audio = audio;
    }

    /// An exchange has come to its end. The codec in use comes first in the next offer, so that
    /// nothing changes without need.
    pub(super) fn settle(&mut self, codec: Codec, ptime_ms: u8) {
        self.prefer(Some(codec));
        self.ptime_ms = ptime_ms;
        self.agreed = true;
    }
}
