//! The few lines of SDP that both peers are given, and what is read from theirs.

use std::net::{IpAddr, SocketAddr};

use ::belfry::wire::sdp::{Crypto, Sdp};
use ::belfry::wire::srtp::{KeySource, MasterKey, Suite};

/// What one side of a call speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    Pcma,
    Pcmu,
    Opus,
}

/// Payload type that we give to Opus.
pub const OPUS: u8 = 96;

impl Speech {
    /// Its payload type in our own SDP.
    pub fn payload_type(self) -> u8 {
        match self {
            Speech::Pcma => 8,
            Speech::Pcmu => 0,
            Speech::Opus => OPUS,
        }
    }

    /// Its name in SDP.
    fn name(self) -> &'static str {
        match self {
            Speech::Pcma => "PCMA/8000",
            Speech::Pcmu => "PCMU/8000",
            Speech::Opus => "opus/48000/2",
        }
    }

    /// Ticks of its timestamps in 20 ms.
    pub fn ticks(self) -> u32 {
        match self {
            Speech::Pcma | Speech::Pcmu => 160,
            Speech::Opus => 960,
        }
    }
}

/// A session at `rtp` that speaks `speech` as payload type `pt`; whether it takes telephone-events.
pub fn write(rtp: SocketAddr, speech: Speech, pt: u8, events: bool) -> String {
    let (and_events, lines) = match events {
        true => (" 101", "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"),
        false => ("", ""),
    };
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {pt}{and_events}\r\na=rtpmap:{pt} {name}\r\n{lines}\
         a=ptime:20\r\na=sendrecv\r\n",
        ip = rtp.ip(),
        port = rtp.port(),
        name = speech.name(),
    )
}

/// Where a session wants its RTP.
pub fn destination(sdp: &str) -> Option<SocketAddr> {
    let ip: IpAddr = line(sdp, "c=IN IP4 ")?.parse().ok()?;
    let port = line(sdp, "m=audio ")?.split(' ').next()?.parse().ok()?;
    Some(SocketAddr::new(ip, port))
}

/// The suite of which all keys are.
const SUITE: Suite = Suite::AesCm128Sha1Tag80;
/// The tag of that suite's line in the appliance's offers, and in ours.
const TAG: u32 = 2;

/// The key of what a party sends.
pub fn key(party: usize) -> MasterKey {
    KeySource::from_seed(std::array::from_fn(|n| (party >> (8 * (n % 4))) as u8)).next(SUITE)
}

/// The same session with SRTP under `key`.
pub fn protected(sdp: &str, key: MasterKey) -> String {
    let line = Crypto::new(TAG, key).to_value();
    let sdp = sdp.replace("RTP/AVP", "RTP/SAVP");
    sdp.replace("a=ptime", &format!("a=crypto:{}\r\na=ptime", &*line))
}

/// The key under which a session's writer sends.
pub fn key_of(sdp: &str) -> Option<MasterKey> {
    let sdp = Sdp::parse(sdp.as_bytes()).ok()?;
    let keys = sdp.audio()?.crypto().flatten().map(|line| line.key);
    keys.into_iter().find(|key| key.suite() == SUITE)
}

/// The payload type under which a session wants `speech`.
pub fn payload_type(sdp: &str, speech: Speech) -> Option<u8> {
    let offered: Vec<u8> =
        line(sdp, "m=audio ")?.split(' ').skip(2).filter_map(|pt| pt.parse().ok()).collect();
    let named = |line: &str| {
        let (pt, name) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        name.eq_ignore_ascii_case(speech.name()).then(|| pt.parse().ok())?
    };
    let named = sdp.lines().find_map(|line| named(line.trim_end()));
    named
        .or((speech != Speech::Opus).then_some(speech.payload_type()))
        .filter(|pt| offered.contains(pt))
}

fn line<'a>(sdp: &'a str, start: &str) -> Option<&'a str> {
    sdp.lines().find_map(|line| line.strip_prefix(start)).map(str::trim_end)
}
