//! Offer and answer (RFC 3264): what two descriptions agree on, as [`StreamParams`].
//!
//! ```text
//!        we call                                we are called, or the peer offers anew
//!  offer(local) ──▶ peer                        peer ──▶ answer(local, offer) ──▶ (answer, params)
//!  accept_answer(local, answer) ──▶ params
//! ```
//!
//! One audio stream of G.711 and telephone-event (RFC 4733); every other `m=` line is refused with
//! port 0, in its place (§6). What must hold from one exchange to the next is in [`LocalMedia`]:
//! payload type numbers keep their meaning (§8.3.2), `m=` lines their order (§8), and the version in
//! `o=` goes up by one with each change and only then (§8).
//!
//! | What the peer writes | What it comes to |
//! |---|---|
//! | `sendonly`, `inactive`, `c=0.0.0.0` (§8.4) | we do not send: on hold |
//! | port 0 in a later offer (§8.2) | the stream rests, both ways |
//! | another number than ours for a format (§5.1) | we send theirs and take ours |
//! | `a=ptime` | packets of that length to them, 10 to 60 ms, at most their `a=maxptime` |
//! | `a=rtcp` (RFC 3605), or none | RTCP goes there, or to the port above |
//! | a domain name for an address | nowhere, until their first packet shows where they are |
//! | `RTP/SAVP` and the like, `a=rtcp-mux` | refused; left out of the answer |
//!
//! Not here: when to offer (switch), glare and retries (sip), what is done with it (the plane).

use core::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::control::{Codec, StreamParams};
use crate::wire::sdp::{Direction, Media, RtpMap, Sdp};

/// Clock of all that is negotiated here, Hz.
const CLOCK_HZ: u32 = 8_000;
/// The payload type that we offer for telephone-event; what a peer offers is taken instead.
const EVENT_PT: u8 = 101;
/// The sixteen DTMF digits, for `a=fmtp` (RFC 4733 §2.4.1).
const EVENTS: &str = "0-15";
/// Milliseconds of audio in a packet when nobody asks for something else (RFC 3551 §4.5).
const PTIME_MS: u8 = 20;
/// The least and the most that we send in a packet, milliseconds.
const PTIME_RANGE_MS: (u32, u32) = (10, 60);

/// What a payload type number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Format {
    Audio(Codec),
    Event,
}

impl Format {
    const fn encoding(self) -> &'static str {
        match self {
            Format::Audio(Codec::Pcma) => "PCMA",
            Format::Audio(Codec::Pcmu) => "PCMU",
            Format::Event => "telephone-event",
        }
    }
    /// The number that RFC 3551 §6 gives it, or our habit.
    const fn usual_number(self) -> u8 {
        match self {
            Format::Audio(Codec::Pcma) => 8,
            Format::Audio(Codec::Pcmu) => 0,
            Format::Event => EVENT_PT,
        }
    }
    fn is(self, map: &RtpMap) -> bool {
        map.is(self.encoding(), CLOCK_HZ) && map.channels == 1
    }
}

/// An `m=` line of the session, as far as it has to come back in each later description.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Section {
    kind: Box<str>,
    proto: Box<str>,
    formats: Vec<Box<str>>,
}

/// Our side of one leg's session, from its first description to its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LocalMedia {
    rtp: SocketAddr,
    session: u64,
    version: u64,
    /// The preferred first.
    codecs: Vec<Codec>,
    hold: bool,
    ptime_ms: u8,
    /// Our numbers, as the peer knows them.
    numbers: Vec<(Format, u8)>,
    /// All `m=` lines, and which of them is ours. Empty before the first description.
    sections: Vec<Section>,
    audio: usize,
    /// The latest description, printed with version 0.
    last: Vec<u8>,
    /// An exchange has come to its end.
    agreed: bool,
}

impl LocalMedia {
    /// A leg that receives RTP at `rtp` and RTCP at the port above, and takes `codecs`, the
    /// preferred first. `session` is the id in `o=`: any number that no other session of ours has.
    pub fn new(rtp: SocketAddr, codecs: Vec<Codec>, session: u64) -> LocalMedia {
        let all = codecs
            .iter()
            .map(|c| Format::Audio(*c))
            .chain([Format::Event]);
        LocalMedia {
            rtp,
            session,
            version: 1,
            numbers: all.map(|f| (f, f.usual_number())).collect(),
            codecs,
            hold: false,
            ptime_ms: PTIME_MS,
            sections: Vec::new(),
            audio: 0,
            last: Vec::new(),
            agreed: false,
        }
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

    /// Where we receive RTP.
    pub fn rtp(&self) -> SocketAddr {
        self.rtp
    }

    /// What we want, as we would write it.
    fn wanted(&self) -> Direction {
        Direction::new(true, !self.hold)
    }

    fn number(&self, format: Format) -> Option<u8> {
        self.numbers
            .iter()
            .find(|(f, _)| *f == format)
            .map(|(_, n)| *n)
    }

    /// From now on `number` is ours for `format`. Another format that had it gets a free one; the
    /// peer never saw that, or is itself to blame for using one number twice.
    fn set_number(&mut self, format: Format, number: u8) {
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
    fn describe(&mut self, audio: Media) -> Sdp {
        let mut sdp = Sdp::new("belfry", self.session, 0, self.rtp.ip());
        let mut audio = Some(audio);
        for (i, section) in self.sections.iter().enumerate() {
            let refused = || Media {
                formats: section.formats.clone(),
                ..Media::new(&section.kind, 0, &section.proto)
            };
            let ours = if i == self.audio { audio.take() } else { None };
            sdp.media.push(ours.unwrap_or_else(refused));
        }
        let printed = sdp.to_bytes();
        if !self.last.is_empty() && self.last != printed {
            self.version += 1;
        }
        self.last = printed;
        if let Some(origin) = &mut sdp.origin {
            origin.version = self.version;
        }
        sdp
    }

    /// Our audio section with `formats` under our numbers.
    fn section(
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
            let fmtp = if *format == Format::Event { EVENTS } else { "" };
            media.add_codec(&RtpMap::new(number, format.encoding(), CLOCK_HZ), fmtp);
        }
        media.push("ptime", ptime_ms.to_string());
        media.set_direction(direction);
        media
    }
}

/// Why there is no stream. Each is the peer's choice, not an error of ours; in answer to an offer
/// it is 488 (RFC 3261 §21.4.26).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoCommon {
    /// There is no audio section, or each is refused with port 0.
    NoAudio,
    /// The audio is carried in a way that we do not speak; holds the protocol of the `m=` line.
    Protocol(Box<str>),
    /// None of the codecs is ours; holds the formats of the `m=` line.
    Codecs(Vec<Box<str>>),
    /// There is no `c=` line for the audio.
    NoAddress,
    /// It would go to a multicast address, or from IPv4 to IPv6 or back; holds the address.
    Address(IpAddr),
}

impl fmt::Display for NoCommon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoCommon::NoAudio => f.write_str("no audio stream, or it is refused"),
            NoCommon::Protocol(proto) => write!(f, "audio over {proto}: only RTP/AVP is spoken"),
            NoCommon::Codecs(formats) => {
                write!(f, "no codec in common: {} offered", formats.join(" "))
            }
            NoCommon::NoAddress => f.write_str("no c= line for the audio"),
            NoCommon::Address(ip) => write!(f, "audio cannot be sent to {ip} from here"),
        }
    }
}
impl std::error::Error for NoCommon {}

/// Our offer: all codecs, the preferred first, or after an exchange the same again with what has
/// changed since.
pub fn offer(local: &mut LocalMedia) -> Sdp {
    if local.sections.is_empty() {
        let (kind, proto) = ("audio".into(), "RTP/AVP".into());
        local.sections = vec![Section {
            kind,
            proto,
            formats: Vec::new(),
        }];
    }
    let formats: Vec<_> = local.codecs.iter().map(|c| Format::Audio(*c)).collect();
    let formats = [&formats[..], &[Format::Event]].concat();
    let before = &local.sections[local.audio].proto;
    let proto = if spoken(before) {
        before.clone()
    } else {
        "RTP/AVP".into()
    };
    let media = local.section(&proto, &formats, local.wanted(), local.ptime_ms);
    local.describe(media)
}

/// Our answer to the peer's offer, and the stream that comes of it. `Err`: nothing has changed, and
/// a session that stood before stands as it did.
pub fn answer(local: &mut LocalMedia, offer: &Sdp) -> Result<(Sdp, StreamParams), NoCommon> {
    let (at, chosen) = match choose(local, offer) {
        Ok(found) => found,
        Err(NoCommon::NoAudio) if local.agreed => {
            return rest(local, offer).ok_or(NoCommon::NoAudio);
        }
        Err(why) => return Err(why),
    };
    let media = &offer.media[at];
    let remote = remote(local, offer, media)?;

    keep_sections(local, offer, at);
    let event = find(media, Format::Event);
    local.set_number(Format::Audio(chosen.codec), chosen.number);
    if let Some(number) = event {
        local.set_number(Format::Event, number);
    }
    let theirs = direction(offer, media);
    let ours = Direction::new(
        theirs.receives() && local.wanted().sends(),
        theirs.sends() && local.wanted().receives(),
    );
    let audio = Format::Audio(chosen.codec);
    let formats = if event.is_some() {
        &[audio, Format::Event][..]
    } else {
        &[audio]
    };
    let ptime_ms = ptime(media);
    let section = local.section(&media.proto, formats, ours, ptime_ms);
    let sdp = local.describe(section);
    settle(local, chosen.codec, ptime_ms);
    let params = StreamParams {
        remote: remote.rtp,
        remote_rtcp: remote.rtcp,
        codec: chosen.codec,
        send_pt: chosen.number,
        recv_pt: chosen.number,
        dtmf_send_pt: event,
        dtmf_recv_pt: event,
        ptime_ms,
        send: ours.sends(),
        receive: ours.receives(),
        inband_dtmf: event.is_none(),
    };
    Ok((sdp, params))
}

/// The stream that comes of the peer's answer to our latest [`offer`].
pub fn accept_answer(local: &mut LocalMedia, answer: &Sdp) -> Result<StreamParams, NoCommon> {
    let audio = |m: &&Media| &*m.kind == "audio" && m.port != 0;
    // By its place (§6); a peer that left the others out is understood all the same.
    let placed = answer.media.get(local.audio).filter(audio);
    let media = placed
        .or_else(|| answer.media.iter().find(audio))
        .ok_or(NoCommon::NoAudio)?;
    if !spoken(&media.proto) {
        return Err(NoCommon::Protocol(media.proto.clone()));
    }
    let remote = remote(local, answer, media)?;
    let number_of = |format| find(media, format).or_else(|| unmapped(local, media, format));
    // The first that the peer names is the one it is going to send (§6.1).
    let codec = local
        .codecs
        .iter()
        .filter_map(|c| Some((*c, number_of(Format::Audio(*c))?)));
    let rank = |number: u8| media.payload_types().position(|pt| pt == number);
    let (codec, send_pt) = codec
        .min_by_key(|(_, number)| rank(*number))
        .ok_or_else(|| NoCommon::Codecs(media.formats.clone()))?;
    let event = number_of(Format::Event);
    let theirs = direction(answer, media);
    let ptime_ms = ptime(media);
    let params = StreamParams {
        remote: remote.rtp,
        remote_rtcp: remote.rtcp,
        codec,
        send_pt,
        recv_pt: local.number(Format::Audio(codec)).unwrap_or(send_pt),
        dtmf_send_pt: event,
        dtmf_recv_pt: event.and(local.number(Format::Event)),
        ptime_ms,
        send: theirs.receives() && local.wanted().sends(),
        receive: theirs.sends() && local.wanted().receives(),
        inband_dtmf: event.is_none(),
    };
    settle(local, codec, ptime_ms);
    Ok(params)
}

/// The codec that was chosen, under the peer's number.
struct Chosen {
    codec: Codec,
    number: u8,
}

/// The first audio section that we can take, and in it the codec that we prefer. Else the reason
/// that came closest to success.
fn choose(local: &LocalMedia, offer: &Sdp) -> Result<(usize, Chosen), NoCommon> {
    let mut why = NoCommon::NoAudio;
    for (at, media) in offer.media.iter().enumerate() {
        if &*media.kind != "audio" || media.port == 0 {
            continue;
        }
        if !spoken(&media.proto) {
            if why == NoCommon::NoAudio {
                why = NoCommon::Protocol(media.proto.clone());
            }
            continue;
        }
        let ours = |c: &Codec| find(media, Format::Audio(*c)).map(|number| (*c, number));
        if let Some((codec, number)) = local.codecs.iter().find_map(ours) {
            return Ok((at, Chosen { codec, number }));
        }
        why = NoCommon::Codecs(media.formats.clone());
    }
    Err(why)
}

/// A later offer without audio: the stream rests, all sections are refused. `None` if the offer has
/// no place where the audio could come back.
fn rest(local: &mut LocalMedia, offer: &Sdp) -> Option<(Sdp, StreamParams)> {
    let at = offer.media.iter().position(|m| &*m.kind == "audio")?;
    keep_sections(local, offer, at);
    let sdp = local.describe(offer.media[at].refusal());
    let codec = *local.codecs.first()?;
    let number = local.number(Format::Audio(codec))?;
    let params = StreamParams {
        remote: None,
        remote_rtcp: None,
        codec,
        send_pt: number,
        recv_pt: number,
        dtmf_send_pt: None,
        dtmf_recv_pt: None,
        ptime_ms: local.ptime_ms,
        send: false,
        receive: false,
        inband_dtmf: false,
    };
    Some((sdp, params))
}

fn keep_sections(local: &mut LocalMedia, offer: &Sdp, audio: usize) {
    let section = |m: &Media| Section {
        kind: m.kind.clone(),
        proto: m.proto.clone(),
        formats: m.formats.clone(),
    };
    local.sections = offer.media.iter().map(section).collect();
    local.audio = audio;
}

/// What holds for the next offer: the codec in use comes first, so that nothing changes without
/// need.
fn settle(local: &mut LocalMedia, codec: Codec, ptime_ms: u8) {
    local.prefer(Some(codec));
    local.ptime_ms = ptime_ms;
    local.agreed = true;
}

fn spoken(proto: &str) -> bool {
    // AVPF (RFC 4585) lets feedback be sent and does not ask for it.
    ["RTP/AVP", "RTP/AVPF"]
        .iter()
        .any(|p| proto.eq_ignore_ascii_case(p))
}

/// The number under which the peer writes `format`.
fn find(media: &Media, format: Format) -> Option<u8> {
    media
        .codecs()
        .find(|map| format.is(map))
        .map(|map| map.payload_type)
}

/// Our own number, if the peer's answer names it without saying what it stands for.
fn unmapped(local: &LocalMedia, media: &Media, format: Format) -> Option<u8> {
    let ours = local.number(format)?;
    let named = media.payload_types().any(|pt| pt == ours);
    (named && media.rtpmap(ours).is_none()).then_some(ours)
}

/// The peer's direction as it means it: with `c=0.0.0.0` it does not receive (§8.4).
fn direction(sdp: &Sdp, media: &Media) -> Direction {
    let written = sdp.direction_of(media);
    let hold = sdp.connection_of(media).is_some_and(|c| c.is_hold());
    Direction::new(written.sends(), written.receives() && !hold)
}

/// Milliseconds that the peer wants in a packet, as far as we can: a multiple of 10.
fn ptime(media: &Media) -> u8 {
    let (least, most) = PTIME_RANGE_MS;
    let wanted = media.ptime_ms().unwrap_or(u32::from(PTIME_MS));
    let allowed = media.maxptime_ms().unwrap_or(most);
    let ms = wanted.min(allowed).clamp(least, most);
    (ms - ms % 10) as u8
}

/// Where the peer receives. `None`: nowhere yet.
struct Remote {
    rtp: Option<SocketAddr>,
    rtcp: Option<SocketAddr>,
}

fn remote(local: &LocalMedia, sdp: &Sdp, media: &Media) -> Result<Remote, NoCommon> {
    let connection = sdp.connection_of(media).ok_or(NoCommon::NoAddress)?;
    let usable = |ip: IpAddr| {
        let wrong = ip.is_multicast() || ip.is_ipv4() != local.rtp.is_ipv4();
        if wrong {
            Err(NoCommon::Address(ip))
        } else {
            Ok(ip)
        }
    };
    let Some(ip) = connection.address.ip().filter(|ip| !ip.is_unspecified()) else {
        return Ok(Remote {
            rtp: None,
            rtcp: None,
        });
    };
    let ip = usable(ip)?;
    let rtcp = match media.rtcp() {
        Some(rtcp) => {
            let other = rtcp
                .address
                .and_then(|a| a.ip())
                .and_then(|ip| usable(ip).ok());
            Some((other.unwrap_or(ip), rtcp.port))
        }
        None => media.port.checked_add(1).map(|port| (ip, port)),
    };
    let rtcp = rtcp.filter(|(_, port)| *port != 0).map(SocketAddr::from);
    Ok(Remote {
        rtp: Some(SocketAddr::new(ip, media.port)),
        rtcp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

    fn local() -> LocalMedia {
        LocalMedia::new("192.0.2.1:20000".parse().unwrap(), BOTH.to_vec(), 77)
    }
    fn sdp(text: &str) -> Sdp {
        Sdp::parse(text.as_bytes()).unwrap()
    }
    fn text(sdp: &Sdp) -> String {
        String::from_utf8(sdp.to_bytes()).unwrap()
    }
    fn version(sdp: &Sdp) -> u64 {
        sdp.origin.as_ref().unwrap().version
    }
    /// An offer whose audio section has these lines after `m=audio 4000 `.
    fn audio(rest: &str) -> Sdp {
        sdp(&format!(
            "v=0\no=p 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 4000 {rest}\n"
        ))
    }
    fn agree(offer: &Sdp) -> StreamParams {
        answer(&mut local(), offer).unwrap().1
    }
    fn refuse(offer: &Sdp) -> NoCommon {
        answer(&mut local(), offer).unwrap_err()
    }

    /// AudioCodes Mediant 2000, LTRT-68805 pp. 223-224, addresses shortened.
    const MEDIANT: &str = "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 10.8.201.10\r\ns=Phone-Call\r\n\
        c=IN IP4 10.8.201.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\n\
        a=ptime:20\r\na=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";

    #[test]
    fn a_mediant_is_answered_with_its_own_numbers() {
        let (answer, params) = answer(&mut local(), &sdp(MEDIANT)).unwrap();
        let expected = "v=0\r\no=belfry 77 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
            m=audio 20000 RTP/AVP 8 96\r\na=rtpmap:8 PCMA/8000\r\n\
            a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
        assert_eq!(text(&answer), expected);
        let expected = StreamParams {
            remote: Some("10.8.201.10:4000".parse().unwrap()),
            remote_rtcp: Some("10.8.201.10:4001".parse().unwrap()),
            codec: Codec::Pcma,
            send_pt: 8,
            recv_pt: 8,
            dtmf_send_pt: Some(96),
            dtmf_recv_pt: Some(96),
            ptime_ms: 20,
            send: true,
            receive: true,
            inband_dtmf: false,
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn older_and_later_firmware_too() {
        // MP-118: s= and t= before o= and c=; later firmware: m=audio 4000 RTP/AVP 8 0 101.
        let old = "v=0\r\ns=Phone-Call\r\nt=0 0\r\no=AudiocodesGW 1 2 IN IP4 10.0.0.7\r\n\
            c=IN IP4 10.0.0.7\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 pcmu/8000\r\n\
            a=rtpmap:8 pcma/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
        let params = agree(&sdp(old));
        assert_eq!(
            (params.codec, params.dtmf_send_pt),
            (Codec::Pcma, Some(101))
        );
        let params = agree(&audio("RTP/AVP 8 0 101"));
        assert_eq!(
            (params.codec, params.dtmf_send_pt, params.inband_dtmf),
            (Codec::Pcma, None, true)
        );
    }

    #[test]
    fn our_offer_and_an_answer_with_other_numbers() {
        let mut local = local();
        let first = offer(&mut local);
        assert_eq!(*first.media[0].formats, ["8", "0", "101"].map(Box::from));
        let their =
            audio("RTP/AVP 0 100\na=rtpmap:100 telephone-event/8000\na=ptime:30\na=rtcp:5555");
        let params = accept_answer(&mut local, &their).unwrap();
        assert_eq!(
            (params.codec, params.send_pt, params.recv_pt),
            (Codec::Pcmu, 0, 0)
        );
        assert_eq!(
            (params.dtmf_send_pt, params.dtmf_recv_pt),
            (Some(100), Some(101))
        );
        assert_eq!(
            (params.ptime_ms, params.remote_rtcp.unwrap().port()),
            (30, 5_555)
        );
        // The next offer keeps the numbers and the codec in use.
        let again = offer(&mut local);
        assert_eq!(*again.media[0].formats, ["0", "8", "101"].map(Box::from));
    }

    #[test]
    fn the_first_codec_of_the_answer_is_meant() {
        let mut local = local();
        offer(&mut local);
        let params = accept_answer(&mut local, &audio("RTP/AVP 0 8")).unwrap();
        assert_eq!(params.codec, Codec::Pcmu);
        // Sloppy: our number for telephone-event named without its meaning.
        let params = accept_answer(&mut local, &audio("RTP/AVP 8 101")).unwrap();
        assert_eq!(
            (params.codec, params.dtmf_send_pt),
            (Codec::Pcma, Some(101))
        );
    }

    #[test]
    fn the_version_goes_up_with_each_change_and_only_then() {
        let mut local = local();
        assert_eq!(version(&offer(&mut local)), 1);
        assert_eq!(version(&offer(&mut local)), 1);
        accept_answer(&mut local, &audio("RTP/AVP 8")).unwrap();
        assert_eq!(version(&offer(&mut local)), 1);
        local.hold(true);
        let held = offer(&mut local);
        assert_eq!(
            (version(&held), held.direction_of(&held.media[0])),
            (2, Direction::SendOnly)
        );
        local.hold(false);
        assert_eq!(version(&offer(&mut local)), 3);
        let (back, _) = answer(&mut local, &audio("RTP/AVP 8")).unwrap();
        assert_eq!(version(&back), 4, "one codec where two were offered");
        let (back, _) = answer(&mut local, &audio("RTP/AVP 8")).unwrap();
        assert_eq!(version(&back), 4);
    }

    #[test]
    fn hold_in_every_spelling() {
        let cases = [
            ("RTP/AVP 8\na=sendonly", Direction::RecvOnly, (false, true)),
            ("RTP/AVP 8\na=recvonly", Direction::SendOnly, (true, false)),
            ("RTP/AVP 8\na=inactive", Direction::Inactive, (false, false)),
            (
                "RTP/AVP 8\nc=IN IP4 0.0.0.0",
                Direction::RecvOnly,
                (false, true),
            ),
            (
                "RTP/AVP 8\nc=IN IP4 0.0.0.0\na=inactive",
                Direction::Inactive,
                (false, false),
            ),
            ("RTP/AVP 8", Direction::SendRecv, (true, true)),
        ];
        for (rest, direction, flows) in cases {
            let offer = audio(rest);
            let (answer, params) = answer(&mut local(), &offer).unwrap();
            assert_eq!(answer.direction_of(&answer.media[0]), direction, "{rest}");
            assert_eq!((params.send, params.receive), flows, "{rest}");
            assert_eq!(params.remote.is_none(), rest.contains("0.0.0.0"), "{rest}");
        }
        // Both on hold: the peer that we hold offers sendonly.
        let mut local = local();
        local.hold(true);
        let (back, params) = answer(&mut local, &audio("RTP/AVP 8\na=sendonly")).unwrap();
        assert_eq!(back.direction_of(&back.media[0]), Direction::Inactive);
        assert!(!params.send && !params.receive);
    }

    #[test]
    fn a_stream_rests_with_port_0_and_comes_back_in_its_place() {
        let mut local = local();
        let both = "v=0\nc=IN IP4 10.0.0.9\nm=video 0 RTP/AVP 34\nm=audio 4000 RTP/AVP 8 96\n\
                    a=rtpmap:96 telephone-event/8000\n";
        answer(&mut local, &sdp(both)).unwrap();
        let resting = both.replace("4000", "0");
        let (back, params) = answer(&mut local, &sdp(&resting)).unwrap();
        assert!(back.media.iter().all(|m| m.port == 0) && back.media.len() == 2);
        assert!(!params.send && !params.receive && params.remote.is_none());
        let again = offer(&mut local);
        let ports: Vec<_> = again.media.iter().map(|m| m.port).collect();
        assert_eq!(ports, [0, 20_000]);
        assert_eq!(*again.media[1].formats, ["8", "0", "96"].map(Box::from));
        assert_eq!(
            refuse(&sdp(&resting)),
            NoCommon::NoAudio,
            "no session to rest"
        );
    }

    #[test]
    fn other_sections_are_refused_in_their_place() {
        let offer = "v=0\nc=IN IP4 10.0.0.9\nm=audio 5000 RTP/SAVP 8\nm=image 6000 udptl t38\n\
                     m=audio 4000 RTP/AVP 18 8\nm=video 4002 RTP/AVP 34\nm=audio 4004 RTP/AVP 0\n";
        let (answer, params) = answer(&mut local(), &sdp(offer)).unwrap();
        let lines: Vec<_> = answer
            .media
            .iter()
            .map(|m| (&*m.kind, m.port, &*m.proto))
            .collect();
        let expected = [
            ("audio", 0, "RTP/SAVP"),
            ("image", 0, "udptl"),
            ("audio", 20_000, "RTP/AVP"),
            ("video", 0, "RTP/AVP"),
            ("audio", 0, "RTP/AVP"),
        ];
        assert_eq!(lines, expected);
        assert_eq!(params.remote.unwrap().port(), 4_000);
    }

    #[test]
    fn a_refusal_names_its_cause() {
        assert_eq!(refuse(&sdp("v=0\n")), NoCommon::NoAudio);
        assert_eq!(
            refuse(&sdp("v=0\nm=audio 0 RTP/AVP 8\n")),
            NoCommon::NoAudio
        );
        assert_eq!(
            refuse(&audio("RTP/SAVP 8")),
            NoCommon::Protocol("RTP/SAVP".into())
        );
        assert_eq!(
            refuse(&audio("RTP/AVP 18 9")),
            NoCommon::Codecs(vec!["18".into(), "9".into()])
        );
        assert_eq!(
            refuse(&sdp("v=0\nm=audio 9 RTP/AVP 8\n")),
            NoCommon::NoAddress
        );
        let multicast = "RTP/AVP 8\nc=IN IP4 224.2.1.1/127";
        assert_eq!(
            refuse(&audio(multicast)),
            NoCommon::Address([224, 2, 1, 1].into())
        );
        let v6 = refuse(&audio("RTP/AVP 8\nc=IN IP6 2001:db8::1"));
        assert_eq!(
            v6.to_string(),
            "audio cannot be sent to 2001:db8::1 from here"
        );
        // A stereo or wide-band namesake is another codec.
        let stereo = "RTP/AVP 97 98\na=rtpmap:97 PCMA/8000/2\na=rtpmap:98 PCMU/16000";
        assert!(matches!(refuse(&audio(stereo)), NoCommon::Codecs(_)));
    }

    #[test]
    fn dynamic_numbers_ipv6_names_and_odd_lengths() {
        let dynamic = agree(&audio("RTP/AVP 97\na=rtpmap:97 pcma/8000"));
        assert_eq!((dynamic.send_pt, dynamic.recv_pt), (97, 97));
        // The peer's 101 is A-law: our telephone-event has to give way, in later offers too.
        let mut local = local();
        answer(&mut local, &audio("RTP/AVP 101\na=rtpmap:101 PCMA/8000")).unwrap();
        assert_eq!(
            *offer(&mut local).media[0].formats,
            ["101", "0", "96"].map(Box::from)
        );

        let named = agree(&audio("RTP/AVP 8\nc=IN IP4 gw.example"));
        assert!(named.remote.is_none() && named.send);
        let v6 = sdp("v=0\nc=IN IP6 2001:db8::2\nm=audio 4000 RTP/AVP 8\n");
        let mut local6 = LocalMedia::new("[2001:db8::1]:20000".parse().unwrap(), BOTH.to_vec(), 1);
        let (back, params) = answer(&mut local6, &v6).unwrap();
        assert!(text(&back).contains("c=IN IP6 2001:db8::1\r\n"));
        assert_eq!(
            params.remote_rtcp,
            Some("[2001:db8::2]:4001".parse().unwrap())
        );

        let ptime = |lines: &str| agree(&audio(&format!("RTP/AVP 8\n{lines}"))).ptime_ms;
        let cases = [
            "",
            "a=ptime:10",
            "a=ptime:200",
            "a=ptime:1",
            "a=ptime:25",
            "a=ptime:40\na=maxptime:30",
        ];
        assert_eq!(cases.map(ptime), [20, 10, 60, 10, 20, 30]);
        let top = agree(&sdp("v=0\nc=IN IP4 10.0.0.9\nm=audio 65535 RTP/AVP 8\n"));
        assert_eq!(top.remote_rtcp, None);
    }

    #[test]
    fn an_answer_that_refuses_or_fits_nothing() {
        let mut local = local();
        offer(&mut local);
        let mut accept = |answer: &Sdp| accept_answer(&mut local, answer).unwrap_err();
        assert_eq!(
            accept(&sdp("v=0\nm=audio 0 RTP/AVP 8\n")),
            NoCommon::NoAudio
        );
        assert!(matches!(accept(&audio("RTP/AVP 18")), NoCommon::Codecs(_)));
        assert!(matches!(
            accept(&audio("RTP/SAVP 8")),
            NoCommon::Protocol(_)
        ));
    }

    fn any_offer() -> impl Strategy<Value = String> {
        let line = prop::sample::select(vec![
            "m=audio 4000 RTP/AVP 8 0 101",
            "m=audio 4000 RTP/AVP 97 13",
            "m=audio 0 RTP/AVP 8",
            "m=video 5000 RTP/AVP 34",
            "m=audio 4004 RTP/SAVP 8",
            "m=audio 4006 RTP/AVPF 0 0 0",
            "m=image 1 udptl t38",
            "c=IN IP4 10.0.0.9",
            "c=IN IP4 0.0.0.0",
            "c=IN IP6 ::1",
            "a=rtpmap:97 PCMA/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=rtpmap:8 X/8000",
            "a=rtpmap:13 telephone-event/8000",
            "a=sendonly",
            "a=inactive",
            "a=recvonly",
            "a=ptime:0",
            "a=ptime:30",
            "a=maxptime:5",
            "a=rtcp:1",
            "a=rtcp:0 IN IP4 9.9.9.9",
            "a=rtcp-mux",
            "o=x 1 1 IN IP4 1.1.1.1",
            "b=AS:64",
        ]);
        prop::collection::vec(line, 0..20)
            .prop_map(|lines| format!("v=0\nc=IN IP4 10.0.0.9\n{}\n", lines.join("\n")))
    }

    /// What holds between any offer and our answer (RFC 3264 §6).
    fn check_answer(offer: &Sdp, answer: &Sdp, params: &StreamParams) {
        assert_eq!(answer.media.len(), offer.media.len());
        let taken = answer.media.iter().filter(|m| m.port != 0).count();
        let printed = answer.to_bytes();
        assert!(taken <= 1 && Sdp::parse(&printed).unwrap().to_bytes() == printed);
        for (theirs, ours) in offer.media.iter().zip(&answer.media) {
            assert_eq!((&theirs.kind, &theirs.proto), (&ours.kind, &ours.proto));
            assert!(ours.formats.iter().all(|f| theirs.formats.contains(f)));
            if ours.port == 0 {
                continue;
            }
            let (t, o) = (direction(offer, theirs), answer.direction_of(ours));
            assert!(
                theirs.port != 0 && (!o.sends() || t.receives()) && (!o.receives() || t.sends())
            );
            assert_eq!((params.send, params.receive), (o.sends(), o.receives()));
        }
        assert!((10..=60).contains(&params.ptime_ms));
        assert!(params.dtmf_send_pt != Some(params.send_pt));
    }

    proptest! {
        #[test]
        fn any_row_of_offers_is_answered_validly(
            offers in prop::collection::vec((any_offer(), any::<bool>(), any::<bool>()), 1..6)
        ) {
            let mut local = local();
            for (text, hold, ours_first) in offers {
                local.hold(hold);
                if ours_first {
                    let ours = offer(&mut local);
                    assert!(ours.media.iter().filter(|m| m.port != 0).count() == 1);
                    let _ = accept_answer(&mut local, &sdp(&text));
                }
                let theirs = sdp(&text);
                let before = local.clone();
                match answer(&mut local, &theirs) {
                    Ok((ours, params)) => check_answer(&theirs, &ours, &params),
                    Err(_) => prop_assert_eq!(&local, &before),
                }
            }
        }

        #[test]
        fn any_bytes_are_answered_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(theirs) = Sdp::parse(&bytes) {
                let _ = answer(&mut local(), &theirs);
                let _ = accept_answer(&mut local(), &theirs);
            }
        }
    }
}
