//! The capture file of a call: its messages as they were, and the audio of its recordings as RTP, so that
//! Wireshark plays it.
//!
//! ```text
//!  recording, left  ─ 20 ms each ─▶ RTP, A-law: customer's c=/m= ─▶ ours ┐
//!  recording, right ─ 20 ms each ─▶ RTP, A-law: agent's c=/m= ───▶ ours ┴─ by time, among the messages
//! ```
//!
//! **These packets are made, not captured.** Their clock is the recording's: what the network did to the
//! real ones (loss, jitter, another codec) is not in them; a leg's figures tell of that. Their addresses are
//! those of SDP at that moment. Their SSRC begins with [`MADE`], which no random one is likely to.

use std::net::SocketAddr;

use super::find::{Found, Kept};
use crate::wire::pcap;
use crate::wire::rtp::{self, HEADER_LEN};
use crate::wire::sdp::Sdp;
use crate::wire::sip::Message;

/// The upper half of each SSRC: "BF".
const MADE: u32 = 0x4246 << 16;
/// Payload type of A-law (RFC 3551 §6).
const PCMA: u8 = 8;
/// Samples, and bytes, in a packet.
const PACKET: usize = 160;
/// Microseconds of a packet.
const PACKET_US: u64 = 20_000;
/// A-law's byte for silence.
const SILENCE: u8 = 0xd5;

/// One recording's samples.
#[derive(Clone, Debug, Default)]
pub struct Audio {
    /// Which of [`Found::recordings`].
    pub recording: usize,
    /// A-law of the left channel and of the right one, 8 kHz.
    pub channels: [Vec<u8>; 2],
}

/// What the file holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Capture {
    /// The file.
    pub file: Vec<u8>,
    /// RTP packets in it.
    pub packets: usize,
}

/// The messages, and these recordings, as a capture file.
pub fn pcap(found: &Found, audio: &[Audio]) -> Capture {
    let ways: Vec<Way> = (0..=found.messages.iter().map(|m| m.dialog).max().unwrap_or(0))
        .map(|dialog| Way::of(found, dialog))
        .collect();
    let mut all: Vec<Packet> = Vec::new();
    for one in audio {
        let Some(recording) = found.recordings.get(one.recording) else { continue };
        for (side, samples) in one.channels.iter().enumerate() {
            for (n, payload) in samples.chunks(PACKET).enumerate() {
                let at_us = recording.at_us + n as u64 * PACKET_US;
                let Some(dialog) = recording.dialog_of(side, at_us) else { continue };
                let Some((from, to)) = ways.get(dialog).and_then(|way| way.at(at_us)) else {
                    continue;
                };
                let number = (one.recording * 2 + side) as u16;
                all.push(Packet { at_us, from, to, bytes: packet(number, n, payload) });
            }
        }
    }
    let packets = all.len();
    all.extend(found.messages.iter().map(|message| {
        let (from, to) = message.ends();
        let bytes = message.text.clone().into_bytes();
        Packet { at_us: message.at_us, from, to, bytes }
    }));
    all.sort_by_key(|packet| packet.at_us);
    let mut file = pcap::header().to_vec();
    for Packet { at_us, from, to, bytes } in &all {
        pcap::datagram(&mut file, *at_us, *from, *to, bytes);
    }
    Capture { file, packets }
}

struct Packet {
    at_us: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// The `n`-th packet of a stream.
fn packet(stream: u16, n: usize, payload: &[u8]) -> Vec<u8> {
    let mut header = [0; HEADER_LEN];
    let fields = rtp::Header {
        marker: n == 0,
        payload_type: PCMA,
        sequence: n as u16,
        timestamp: (n * PACKET) as u32,
        ssrc: MADE | u32::from(stream),
    };
    rtp::write_header(&mut header, fields);
    let mut bytes = header.to_vec();
    bytes.extend(payload);
    bytes.resize(HEADER_LEN + PACKET, SILENCE);
    bytes
}

/// Where the audio of one dialog goes, from when on.
#[derive(Default)]
struct Way {
    ours: Vec<(u64, SocketAddr)>,
    theirs: Vec<(u64, SocketAddr)>,
}

impl Way {
    fn of(found: &Found, dialog: usize) -> Way {
        let mut way = Way::default();
        for message in found.messages.iter().filter(|message| message.dialog == dialog) {
            if let Some(at) = described(message) {
                let side = if message.ours { &mut way.ours } else { &mut way.theirs };
                side.push((message.at_us, at));
            }
        }
        way
    }

    /// From the peer to us at that moment.
    fn at(&self, at_us: u64) -> Option<(SocketAddr, SocketAddr)> {
        Some((latest(&self.theirs, at_us)?, latest(&self.ours, at_us)?))
    }
}

/// What held last at that moment; before all, the first.
fn latest(all: &[(u64, SocketAddr)], at_us: u64) -> Option<SocketAddr> {
    let held = all.iter().rev().find(|(from, _)| *from <= at_us);
    held.or(all.first()).map(|(_, at)| *at)
}

/// Where a message's SDP wants its audio; `None`: it has none, or names no place (hold, refused).
fn described(message: &Kept) -> Option<SocketAddr> {
    let parsed = Message::parse(message.text.as_bytes()).ok()?;
    let sdp = Sdp::parse(parsed.body()).ok()?;
    let audio = sdp.audio().filter(|audio| audio.port != 0)?;
    let ip = sdp.connection_of(audio)?.address.ip().filter(|ip| !ip.is_unspecified())?;
    Some(SocketAddr::new(ip, audio.port))
}

#[cfg(test)]
mod tests {
    use super::super::find::Recorded;
    use super::*;

    const CUSTOMER: &str = "10.0.0.9:4000";
    const AGENT: &str = "10.0.0.8:5000";

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// A message of `dialog` whose SDP names `media`.
    fn message(at_us: u64, ours: bool, dialog: usize, media: &str) -> Kept {
        let media = at(media);
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 8\r\n",
            media.ip(),
            media.port()
        );
        let text = format!(
            "INVITE sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\n\
             From: <sip:2@x>;tag=1\r\nTo: <sip:1@x>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (local, remote) = (at("10.0.0.1:5060"), at("10.0.0.2:5060"));
        Kept { at_us, ours, transport: "UDP", local, remote, dialog, text }
    }

    fn found(sides: Vec<(u64, [Option<usize>; 2])>) -> Found {
        let recording = Recorded { at_us: 1_000_000, path: "x.wav".into(), sides };
        Found {
            messages: vec![
                message(0, false, 0, CUSTOMER),
                message(500_000, true, 0, "10.0.0.1:20000"),
                message(600_000, true, 1, "10.0.0.1:20002"),
                message(900_000, false, 1, AGENT),
                message(1_030_000, false, 1, "10.0.0.7:6000"),
            ],
            recordings: vec![recording],
            ..Found::default()
        }
    }

    /// Time, ends, SSRC, number and first sample of each RTP packet of a file.
    fn rtp_of(file: &[u8]) -> Vec<(u64, String, u32, u16, u8)> {
        let mut rest = &file[24..];
        let mut all = Vec::new();
        while rest.len() > 16 {
            let le = |n: usize| u32::from_le_bytes(rest[n..n + 4].try_into().expect("four"));
            let (at_us, len) = (u64::from(le(0)) * 1_000_000 + u64::from(le(4)), le(8) as usize);
            let ip = &rest[16..16 + len];
            rest = &rest[16 + len..];
            let Ok(packet) = rtp::Packet::parse(&ip[28..]) else { continue };
            let end = |at: usize, port: usize| {
                let ip4: [u8; 4] = ip[at..at + 4].try_into().expect("four");
                let port = u16::from_be_bytes([ip[port], ip[port + 1]]);
                SocketAddr::from((ip4, port)).to_string()
            };
            let ends = format!("{} to {}", end(12, 20), end(16, 22));
            all.push((at_us, ends, packet.ssrc(), packet.sequence(), packet.payload()[0]));
        }
        all
    }

    #[test]
    fn each_channel_goes_from_its_party_to_us_by_the_recordings_clock() {
        let found = found(vec![(1_000_000, [Some(0), Some(1)])]);
        let audio = Audio { recording: 0, channels: [vec![1; 320], vec![2; 400]] };
        let capture = pcap(&found, &[audio]);
        assert_eq!(capture.packets, 5);
        let customer = format!("{CUSTOMER} to 10.0.0.1:20000");
        let agent = format!("{AGENT} to 10.0.0.1:20002");
        let moved = "10.0.0.7:6000 to 10.0.0.1:20002".to_owned();
        assert_eq!(
            rtp_of(&capture.file),
            [
                (1_000_000, customer.clone(), MADE, 0, 1),
                (1_000_000, agent.clone(), MADE | 1, 0, 2),
                (1_020_000, customer, MADE, 1, 1),
                (1_020_000, agent, MADE | 1, 1, 2),
                (1_040_000, moved, MADE | 1, 2, 2),
            ]
        );
        let without = pcap(&found, &[]);
        assert_eq!((without.packets, rtp_of(&without.file).len()), (0, 0));
    }

    #[test]
    fn a_channel_follows_who_speaks_on_it() {
        let sides = vec![(1_000_000, [Some(1), None]), (1_020_000, [Some(0), Some(1)])];
        let audio = Audio { recording: 0, channels: [vec![1; 320], vec![2; 320]] };
        let capture = pcap(&found(sides), &[audio]);
        let ends: Vec<_> = rtp_of(&capture.file).into_iter().map(|(_, ends, ..)| ends).collect();
        assert_eq!(
            ends,
            [
                format!("{AGENT} to 10.0.0.1:20002"),
                format!("{CUSTOMER} to 10.0.0.1:20000"),
                format!("{AGENT} to 10.0.0.1:20002"),
            ],
            "nobody is on the right channel at first"
        );
    }
}
