//! Offer and answer (RFC 3264): what two descriptions agree on, as [`StreamParams`].
//!
//! ```text
//!        we call                                we are called, or the peer offers anew
//!  offer(local) ──▶ peer                        peer ──▶ answer(local, offer) ──▶ (answer, params)
//!  accept_answer(local, answer) ──▶ params
//! ```
//!
//! One audio stream of G.711, G.722 or Opus (RFC 7587) and telephone-event (RFC 4733); every other `m=` line is refused with
//! port 0, in its place (§6). What must hold from one exchange to the next is in [`LocalMedia`]:
//! payload type numbers keep their meaning (§8.3.2), `m=` lines their order (§8), and the version in
//! `o=` goes up by one with each change and only then (§8).
//!
//! | What the peer writes | What it comes to |
//! |---|---|
//! | `sendonly`, `inactive`, `c=0.0.0.0` (§8.4) | we do not send: on hold |
//! | port 0 in a later offer (§8.2) | the stream rests, both ways |
//! | another number than ours for a format (§5.1) | we send theirs and take ours |
//! | two codecs in an answer (§6.1) | the first is sent until another comes, then that one ([`StreamParams::others`]) |
//! | `opus/48000/2` with `a=fmtp` | mono, within their `maxaveragebitrate`, FEC and DTX as they want |
//! | telephone-event in several clocks | the codec's own, else 8 kHz |
//! | payload type 13 in an offer (RFC 3389) | with G.711 it is in the answer as well; we offer none ourselves |
//! | `a=ptime` | packets of that length to them, 10 to 60 ms, at most their `a=maxptime` |
//! | `a=rtcp` (RFC 3605), or none | RTCP goes there, or to the port above |
//! | a domain name for an address | nowhere, until their first packet shows where they are |
//! | `a=crypto` (RFC 4568) | SRTP, as the account has it ([`sdes`]) |
//! | `UDP/TLS/RTP/SAVPF`, `a=fingerprint` (RFC 5763) | SRTP by DTLS, whatever the account has ([`dtls`]) |
//! | `a=ice-ufrag` with SRTP and `a=rtcp-mux` | checks are answered; where we send is what they say ([`ice`]) |
//! | `a=rtcp-mux` (RFC 5761) | RTCP on the RTP port, both ways |
//! | `a=mid`, `a=group:BUNDLE` | the same in the answer, of our one stream |
//! | `a=extmap`, `a=rtcp-fb`, `a=rtcp-rsize`, `a=ssrc` | left out of the answer, and so not used |
//!
//! Not here: when to offer (switch), glare and retries (sip), what is done with it (the plane).

pub mod copies;
mod dtls;
#[cfg(test)]
mod dtls_tests;
mod ice;
mod local;
mod peer;
mod sdes;
#[cfg(test)]
mod sdes_tests;
#[cfg(test)]
mod tests;

use core::fmt;
use std::net::IpAddr;

use super::control::{Agreed, Codec, MOST_OTHERS, OpusTerms, StreamParams};
use super::dtls::Terms;
use crate::wire::sdp::{BadFingerprint, Crypto, Direction, Media, Sdp, Unusable};
use dtls::{Dtls, is_dtls};
use local::{EVENT_HZ, Format, formats};
use peer::{
    Remote, direction, events, find, max_ptime, opus_terms, ptime, remote, unmapped, wants_metrics,
};

pub use local::LocalMedia;
pub use sdes::Protection;

/// Why there is no stream. Each is the peer's choice, not an error of ours; in answer to an offer
/// it is 488 (RFC 3261 §21.4.26).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoCommon {
    /// There is no audio section, or each is refused with port 0.
    NoAudio,
    /// The audio is carried in a way that we do not speak; holds the protocol of the `m=` line.
    Protocol(Box<str>),
    /// SRTP without a key that can be used, or plain RTP where SRTP is required; holds the protocol of
    /// the `m=` line and what is wrong with the first key, if there is one.
    NoKey {
        /// As it stands in the `m=` line.
        proto: Box<str>,
        /// Why its first key is none for us.
        why: Option<Unusable>,
    },
    /// Keys by DTLS, of a peer that names no certificate; holds the protocol of the `m=` line and what is
    /// wrong with the fingerprint, if there is one.
    NoFingerprint {
        /// As it stands in the `m=` line.
        proto: Box<str>,
        /// Why its fingerprint is none for us.
        why: Option<BadFingerprint>,
    },
    /// Only DTLS-SRTP is taken; holds the protocol of the `m=` line.
    NotDtls(Box<str>),
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
            NoCommon::Protocol(proto) => write!(f, "audio over {proto} is not taken here"),
            NoCommon::NoKey { proto, why: None } => {
                write!(f, "SRTP is required, and the audio over {proto} has no a=crypto")
            }
            NoCommon::NoKey { proto, why: Some(why) } => {
                write!(f, "no key for SRTP over {proto}: {why}")
            }
            NoCommon::NoFingerprint { proto, why: None } => {
                write!(f, "the audio over {proto} has no a=fingerprint")
            }
            NoCommon::NoFingerprint { proto, why: Some(why) } => {
                write!(f, "no certificate for {proto}: {why}")
            }
            NoCommon::NotDtls(proto) => {
                write!(f, "only DTLS-SRTP is taken here, and the audio comes over {proto}")
            }
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
        local.sections = vec![local::Section { kind, proto, formats: Vec::new() }];
    }
    let formats = formats(&local.codecs);
    let before = local.sections[local.audio].proto.clone();
    if local.offers_dtls() {
        let proto = Dtls::protocol(&before);
        let mut media = local.section(&proto, &formats, local.wanted(), local.ptime_ms);
        if !local.agreed {
            (local.mid, local.bundled) = (Some(b"0"[..].into()), true);
        }
        local.dtls.write(&mut media, None);
        let checked = !local.agreed || local.ice.terms().is_some();
        local.carry(&mut media, true, checked);
        return local.describe(media);
    }
    let keys = local.sdes.offer(local.agreed).to_vec();
    let proto = local.sdes.protocol(&before, !keys.is_empty());
    let mut media = local.section(&proto, &formats, local.wanted(), local.ptime_ms);
    keys.iter().for_each(|line| media.push_crypto(line));
    let carriage = local.carriage.clone();
    local.carry(&mut media, carriage.rtcp_mux, carriage.ice.is_some());
    local.describe(media)
}

/// Our first [`offer`] in the other of the two ways in which SRTP can be left open, `RTP/AVP` with keys
/// (RFC 8643) and `RTP/SAVP`: for a peer that refuses the one. `None` where the account leaves nothing open.
/// Whichever is answered, [`accept_answer`] takes it.
pub fn otherwise(local: &mut LocalMedia) -> Option<Sdp> {
    let turned = !local.agreed && local.sdes.turn();
    turned.then(|| offer(local))
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
    let theirs = chosen.way.is_protected().then(|| ice::credentials(offer, media)).flatten();
    let remote = remote(local, offer, media, theirs.is_some())?;

    local.keep_sections(offer, at);
    local.ice.settle(theirs, true);
    local.name(offer, media);
    let event = events(chosen.codec, |event| find(media, event));
    local.set_number(Format::Audio(chosen.codec), chosen.number);
    if let Some((number, hz)) = event {
        local.set_number(Format::Event(hz), number);
    }
    let theirs = direction(offer, media);
    let ours = Direction::new(
        theirs.receives() && local.wanted().sends(),
        theirs.sends() && local.wanted().receives(),
    );
    let audio = Format::Audio(chosen.codec);
    let noise = chosen.codec.is_g711() && find(media, Format::Noise) == Some(Format::NOISE_PT);
    if noise {
        local.set_number(Format::Noise, Format::NOISE_PT);
    }
    let event_format = event.map(|(_, hz)| Format::Event(hz));
    let formats = [Some(audio), noise.then_some(Format::Noise), event_format];
    let formats: Vec<Format> = formats.into_iter().flatten().collect();
    let ptime_ms = ptime(media, chosen.codec);
    let mut section = local.section(&media.proto, &formats, ours, ptime_ms);
    local.protect(chosen.way, &mut section);
    let checked = local.ice.has_peer();
    local.carry(&mut section, media.has("rtcp-mux"), checked);
    let sdp = local.describe(section);
    local.settle(chosen.codec, ptime_ms);
    local.carriage = local.carried(media);
    let number = chosen.number;
    let event = event.map(|(number, hz)| (number, Some(number), hz));
    let agreement = Agreement {
        audio: agreed_on(chosen.codec, [number; 2], event),
        others: Default::default(),
        noise,
        opus: opus_terms(media, number),
        ptime_ms,
        direction: ours,
    };
    let params = agreement.params(local, media, remote);
    Ok((sdp, params))
}

/// The stream that comes of the peer's answer to our latest [`offer`].
pub fn accept_answer(local: &mut LocalMedia, answer: &Sdp) -> Result<StreamParams, NoCommon> {
    let audio = |m: &&Media| &*m.kind == "audio" && m.port != 0;
    // By its place (§6); a peer that left the others out is understood all the same.
    let placed = answer.media.get(local.audio).filter(audio);
    let media = placed.or_else(|| answer.media.iter().find(audio)).ok_or(NoCommon::NoAudio)?;
    let way = accepted(local, answer, media)?;
    let checks = way.is_protected() && local.ice.is_ours();
    let credentials = checks.then(|| ice::credentials(answer, media)).flatten();
    let remote = remote(local, answer, media, credentials.is_some())?;
    let number_of = |format| find(media, format).or_else(|| unmapped(local, media, format));
    let codecs = local.codecs.iter().filter_map(|c| Some((*c, number_of(Format::Audio(*c))?)));
    let rank = |number: u8| media.payload_types().position(|pt| pt == number);
    // The first that the peer names is the one it likes best; of two it may send either (§6.1).
    let (codec, send_pt) = codecs
        .clone()
        .min_by_key(|(_, number)| rank(*number))
        .ok_or_else(|| NoCommon::Codecs(media.formats.clone()))?;
    let event_of = |codec| {
        let event = events(codec, number_of);
        event.map(|(number, hz)| (number, local.number(Format::Event(hz)), hz))
    };
    let agreed = |(codec, send_pt): (Codec, u8)| {
        let recv_pt = local.number(Format::Audio(codec))?;
        Some(agreed_on(codec, [send_pt, recv_pt], event_of(codec)))
    };
    let mut rest = codecs.clone().filter(|(other, _)| *other != codec).filter_map(agreed);
    let others = core::array::from_fn(|_| rest.next());
    let opus = codecs.clone().find(|(codec, _)| *codec == Codec::Opus);
    let theirs = direction(answer, media);
    let recv_pt = local.number(Format::Audio(codec)).unwrap_or(send_pt);
    let agreement = Agreement {
        audio: agreed_on(codec, [send_pt, recv_pt], event_of(codec)),
        others,
        noise: false, // we offer none
        opus: opus.map_or_else(OpusTerms::default, |(_, number)| opus_terms(media, number)),
        ptime_ms: ptime(media, codec),
        direction: Direction::new(
            theirs.receives() && local.wanted().sends(),
            theirs.sends() && local.wanted().receives(),
        ),
    };
    local.ice.settle(credentials, false);
    way.settle(local, media);
    local.carriage = local.carried(media);
    local.settle(codec, agreement.ptime_ms);
    Ok(agreement.params(local, media, remote))
}

/// A codec under its numbers to the peer and from it, and the events that go with it: theirs, and their clock.
fn agreed_on(
    codec: Codec,
    [send_pt, recv_pt]: [u8; 2],
    event: Option<(u8, Option<u8>, u32)>,
) -> Agreed {
    Agreed {
        codec,
        send_pt,
        recv_pt,
        dtmf_send_pt: event.map(|(to, ..)| to),
        dtmf_recv_pt: event.and_then(|(_, from, _)| from),
        event_clock_hz: event.map_or(EVENT_HZ, |(.., hz)| hz),
    }
}

/// What an offer and its answer come to, but for keys and ways.
struct Agreement {
    audio: Agreed,
    others: [Option<Agreed>; MOST_OTHERS],
    noise: bool,
    opus: OpusTerms,
    ptime_ms: u8,
    /// Seen from us.
    direction: Direction,
}

impl Agreement {
    /// The stream that it makes, whose keys and ways `local` knows.
    fn params(self, local: &LocalMedia, media: &Media, remote: Remote) -> StreamParams {
        let Agreed { codec, send_pt, recv_pt, dtmf_send_pt, dtmf_recv_pt, event_clock_hz } =
            self.audio;
        StreamParams {
            remote: remote.rtp,
            remote_rtcp: remote.rtcp,
            codec,
            send_pt,
            recv_pt,
            others: self.others,
            noise: self.noise,
            max_ptime_ms: max_ptime(media),
            dtmf_send_pt,
            key_tones: true,
            xr: wants_metrics(media),
            dtmf_recv_pt,
            event_clock_hz,
            opus: self.opus,
            ptime_ms: self.ptime_ms,
            send: self.direction.sends(),
            receive: self.direction.receives(),
            inband_dtmf: dtmf_send_pt.is_none(),
            // Tones survive a codec of the telephone network, and behind another is no gateway to one.
            inband_until_event: dtmf_send_pt.is_some() && codec.is_g711(),
            srtp: local.sdes.keys(),
            carriage: local.carriage.clone(),
        }
    }
}

/// The codec that was chosen, under the peer's number.
struct Chosen {
    codec: Codec,
    number: u8,
    way: Way,
}

/// How offered audio is protected.
#[derive(Clone)]
enum Way {
    /// Not at all.
    Plain,
    /// By the peer's key.
    Sdes(Crypto),
    /// By DTLS.
    Dtls(Terms),
}

impl Way {
    fn is_protected(&self) -> bool {
        !matches!(self, Way::Plain)
    }

    /// How a section of an offer is to be protected.
    fn choose(local: &LocalMedia, offer: &Sdp, media: &Media) -> Result<Way, NoCommon> {
        if is_dtls(&media.proto) {
            return local.dtls.read(offer, media).map(Way::Dtls);
        }
        Ok(local.sdes.choose(media)?.map_or(Way::Plain, Way::Sdes))
    }
}

/// How the audio is protected by an answer to our offer.
enum Accepted {
    /// By our line and the peer's, if at all.
    Sdes(Option<(Crypto, Crypto)>),
    Dtls(Terms),
}

impl Accepted {
    fn is_protected(&self) -> bool {
        !matches!(self, Accepted::Sdes(None))
    }

    /// The keys of the session are these from now on.
    fn settle(self, local: &mut LocalMedia, media: &Media) {
        match self {
            Accepted::Dtls(terms) => {
                local.sdes.forget();
                local.dtls.settle(Some(terms));
            }
            Accepted::Sdes(keys) => {
                local.dtls.settle(None);
                local.sdes.settle(keys);
                local.sdes.carried_as(&media.proto);
                let section = local.sections.get_mut(local.audio);
                if let Some(section) =
                    section.filter(|s| sdes::is_secure(&s.proto) != sdes::is_secure(&media.proto))
                {
                    section.proto = media.proto.clone();
                }
            }
        }
    }
}

fn accepted(local: &LocalMedia, answer: &Sdp, media: &Media) -> Result<Accepted, NoCommon> {
    match (local.offers_dtls(), is_dtls(&media.proto)) {
        (true, true) => local.dtls.read(answer, media).map(Accepted::Dtls),
        (true, false) => Err(NoCommon::NotDtls(media.proto.clone())),
        (false, _) => local.sdes.accepted(media).map(Accepted::Sdes),
    }
}

/// The first audio section that we can take, and in it the codec that we prefer. Else the reason
/// that came closest to success.
fn choose(local: &LocalMedia, offer: &Sdp) -> Result<(usize, Chosen), NoCommon> {
    let mut why = NoCommon::NoAudio;
    let mut sections: Vec<_> = offer.media.iter().enumerate().collect();
    if local.sdes.is_wanted() {
        // Some offer the same audio twice, protected and not.
        sections.sort_by_key(|(_, media)| {
            !is_dtls(&media.proto) && media.crypto().all(|line| line.is_err())
        });
    }
    for (at, media) in sections {
        if &*media.kind != "audio" || media.port == 0 {
            continue;
        }
        let way = match Way::choose(local, offer, media) {
            Ok(way) => way,
            Err(no) => {
                if why == NoCommon::NoAudio {
                    why = no;
                }
                continue;
            }
        };
        let ours = |c: &Codec| find(media, Format::Audio(*c)).map(|number| (*c, number));
        if let Some((codec, number)) = local.codecs.iter().find_map(ours) {
            return Ok((at, Chosen { codec, number, way }));
        }
        why = NoCommon::Codecs(media.formats.clone());
    }
    Err(why)
}

/// A later offer without audio: the stream rests, all sections are refused. `None` if the offer has
/// no place where the audio could come back.
fn rest(local: &mut LocalMedia, offer: &Sdp) -> Option<(Sdp, StreamParams)> {
    let at = offer.media.iter().position(|m| &*m.kind == "audio")?;
    local.keep_sections(offer, at);
    let sdp = local.describe(offer.media[at].refusal());
    let codec = *local.codecs.first()?;
    let number = local.number(Format::Audio(codec))?;
    let params = StreamParams {
        remote: None,
        remote_rtcp: None,
        codec,
        send_pt: number,
        recv_pt: number,
        others: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: None,
        key_tones: true,
        xr: false,
        dtmf_recv_pt: None,
        event_clock_hz: EVENT_HZ,
        opus: OpusTerms::default(),
        ptime_ms: local.ptime_ms,
        send: false,
        receive: false,
        inband_dtmf: false,
        inband_until_event: false,
        srtp: local.sdes.keys(),
        carriage: local.carriage.clone(),
    };
    Some((sdp, params))
}
