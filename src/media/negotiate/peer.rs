//! What the peer's section says: formats, direction, packet length, addresses.

use std::net::{IpAddr, SocketAddr};

use super::NoCommon;
use super::local::{EVENT_HZ, Format, LocalMedia, PTIME_MS};
use crate::dsp::opus::LEAST_BIT_RATE;
use crate::media::control::{Codec, OpusTerms};
use crate::wire::sdp::{Direction, Media, Sdp};

/// The least and the most that we send in a packet, milliseconds.
const PTIME_RANGE_MS: (u32, u32) = (10, 60);

/// How SDP asks for VoIP metrics.
pub(super) const METRICS: &str = "voip-metrics";

/// Whether we speak this protocol of an `m=` line.
pub(super) fn spoken(proto: &str) -> bool {
    // AVPF (RFC 4585) lets feedback be sent and does not ask for it.
    ["RTP/AVP", "RTP/AVPF"].iter().any(|p| proto.eq_ignore_ascii_case(p))
}

/// The number under which the peer writes `format`.
pub(super) fn find(media: &Media, format: Format) -> Option<u8> {
    media.codecs().find(|map| format.is(map)).map(|map| map.payload_type)
}

/// Our own number, if the peer's answer names it without saying what it stands for.
pub(super) fn unmapped(local: &LocalMedia, media: &Media, format: Format) -> Option<u8> {
    let ours = local.number(format)?;
    let named = media.payload_types().any(|pt| pt == ours);
    (named && media.rtpmap(ours).is_none()).then_some(ours)
}

/// The peer's direction as it means it: with `c=0.0.0.0` it does not receive (§8.4). One that speaks ICE
/// writes that as long as it knows no address of its own (RFC 8839 §4.2.1.3).
pub(super) fn direction(sdp: &Sdp, media: &Media) -> Direction {
    let written = sdp.direction_of(media);
    let hold = sdp.attribute_of(media, "ice-ufrag").is_none();
    let hold = hold && sdp.connection_of(media).is_some_and(|c| c.is_hold());
    Direction::new(written.sends(), written.receives() && !hold)
}

/// Milliseconds that the peer wants in a packet, as far as we and `codec` can: a multiple of 10.
pub(super) fn ptime(media: &Media, codec: Codec) -> u8 {
    let (least, most) = PTIME_RANGE_MS;
    let wanted = media.ptime_ms().unwrap_or(u32::from(PTIME_MS));
    let allowed = media.maxptime_ms().unwrap_or(most);
    let ms = wanted.min(allowed).clamp(least, most);
    let ms = ms - ms % 10;
    let shorter = (0..=ms / 10).rev().map(|tens| tens * 10);
    shorter.into_iter().find(|ms| codec.takes_ptime(*ms)).unwrap_or(least) as u8
}

/// The longest packet that the peer takes, milliseconds; what is longer than any packet says nothing.
pub(super) fn max_ptime(media: &Media) -> Option<u8> {
    media.maxptime_ms().and_then(|ms| u8::try_from(ms).ok()).filter(|ms| *ms > 0)
}

/// The telephone-events that go with `codec`: those of its own clock, else of the telephone network's.
/// Number and clock.
pub(super) fn events(codec: Codec, number: impl Fn(Format) -> Option<u8>) -> Option<(u8, u32)> {
    let clocks = [codec.clock_rate(), EVENT_HZ];
    clocks.into_iter().find_map(|hz| Some((number(Format::Event(hz))?, hz)))
}

/// What the peer's `a=fmtp` says of Opus (RFC 7587 §6.1); what it leaves out or writes wrongly is
/// taken as not said.
pub(super) fn opus_terms(media: &Media, number: u8) -> OpusTerms {
    let mut terms = OpusTerms::default();
    let text = media.fmtp(number).and_then(|text| core::str::from_utf8(text).ok());
    for parameter in text.unwrap_or_default().split(';') {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("maxaveragebitrate", value) => {
                let rate = value.parse().unwrap_or(terms.bit_rate);
                terms.bit_rate = rate.clamp(LEAST_BIT_RATE, OpusTerms::MOST_BIT_RATE);
            }
            ("useinbandfec", value) => terms.fec = value == "1",
            ("usedtx", value) => terms.dtx = value == "1",
            _ => {}
        }
    }
    terms
}

/// Whether the peer wants blocks of VoIP metrics in our reports (RFC 3611 §5.1).
pub(super) fn wants_metrics(media: &Media) -> bool {
    let asked = media.attribute("rtcp-xr").and_then(|attribute| attribute.value.as_deref());
    let mut formats = asked.unwrap_or_default().split(|byte| *byte == b' ');
    formats.any(|format| format.eq_ignore_ascii_case(METRICS.as_bytes()))
}

/// Where the peer receives. `None`: nowhere yet.
pub(super) struct Remote {
    pub(super) rtp: Option<SocketAddr>,
    pub(super) rtcp: Option<SocketAddr>,
}

/// `checked`: ICE will show where the peer is, and what is written says nothing.
pub(super) fn remote(
    local: &LocalMedia,
    sdp: &Sdp,
    media: &Media,
    checked: bool,
) -> Result<Remote, NoCommon> {
    if checked {
        return Ok(Remote { rtp: None, rtcp: None });
    }
    let connection = sdp.connection_of(media).ok_or(NoCommon::NoAddress)?;
    let usable = |ip: IpAddr| {
        let wrong = ip.is_multicast() || ip.is_ipv4() != local.rtp.is_ipv4();
        if wrong { Err(NoCommon::Address(ip)) } else { Ok(ip) }
    };
    let Some(ip) = connection.address.ip().filter(|ip| !ip.is_unspecified()) else {
        return Ok(Remote { rtp: None, rtcp: None });
    };
    let ip = usable(ip)?;
    let rtcp = match media.rtcp() {
        _ if media.has("rtcp-mux") => Some((ip, media.port)),
        Some(rtcp) => {
            let other = rtcp.address.and_then(|a| a.ip()).and_then(|ip| usable(ip).ok());
            Some((other.unwrap_or(ip), rtcp.port))
        }
        None => media.port.checked_add(1).map(|port| (ip, port)),
    };
    let rtcp = rtcp.filter(|(_, port)| *port != 0).map(SocketAddr::from);
    Ok(Remote { rtp: Some(SocketAddr::new(ip, media.port)), rtcp })
}
