//! A call between two legs of the plane, the one's packets through a bad network.
//!
//! ```text
//!   samples ─▶ coder ─▶ network (loss, bursts, jitter, delay) ─▶ Plane ─▶ the other leg's packets
//!                                                                          └▶ decoded: what it hears
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use belfry::base::{CallId, Duration, LegId, Noise, Rng, Time, Wall};
use belfry::dsp::narrow::{Decoder, Encoder};
use belfry::dsp::opus::Settings;
use belfry::dsp::rate::Rate;
use belfry::media::control::{Codec, Command, OpusTerms, StreamParams};
use belfry::media::{Disposition, Kind, Plane, PlaneConfig, PortIndex, Recorded, Transmit};
use belfry::wire::rtp::{HEADER_LEN, Header, Packet, write_header};

/// Where every port is.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Payload type of all audio here.
const PT: u8 = 96;
/// Packet time, milliseconds.
const PTIME_MS: u32 = 20;

/// What happens to the packets.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Network {
    /// Share of packets that vanish, this many in a row each time.
    pub loss: f64,
    pub burst: u32,
    /// Delay: a constant and as much again at random, milliseconds.
    pub delay: u64,
    pub jitter: u64,
}

pub const CLEAN: Network = Network { loss: 0.0, burst: 1, delay: 30, jitter: 0 };

/// Who speaks in which codec, and who hears in which.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Call {
    pub from: Codec,
    pub to: Codec,
    /// Rate of what is spoken and of what is heard.
    pub rate: Rate,
    pub heard: Rate,
    /// What an Opus sender expects to be lost, per cent: above 0 it codes copies (in-band FEC).
    pub expected_loss: u8,
}

const NARROW: Call = Call {
    from: Codec::Pcma,
    to: Codec::Pcmu,
    rate: Rate::Khz8,
    heard: Rate::Khz8,
    expected_loss: 0,
};

/// A-law to µ-law through samples, as where a key or a beep is mixed in: without that each packet would be relayed.
pub const G711: Call = NARROW;
/// G.722 to the telephone network.
pub const G722: Call = Call { from: Codec::G722, to: Codec::Pcma, rate: Rate::Khz16, ..NARROW };
/// Opus of 24 kbit/s and 48 kHz with FEC, heard without being coded again.
pub const OPUS: Call = Call {
    from: Codec::Opus,
    to: Codec::L16(Rate::Khz16),
    rate: Rate::Khz48,
    heard: Rate::Khz16,
    expected_loss: 10,
};

/// What the plane sends to the hearer.
#[derive(Default)]
struct Out(Vec<Vec<u8>>);

impl Transmit for Out {
    fn send(&mut self, port: PortIndex, kind: Kind, _: SocketAddr, bytes: &[u8]) {
        if (port, kind) == (PortIndex(1), Kind::Rtp) {
            self.0.push(bytes.to_vec());
        }
    }
    fn record(&mut self, _: Recorded<'_>) {}
}

fn phone(n: u64) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8], 4_000))
}

/// A plane with the call up, at `now`.
pub fn plane(now: Time, call: Call, seed: u64) -> Plane {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(seed));
    for (n, codec) in [(0u64, call.from), (1, call.to)] {
        let port = SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16));
        plane.add_port(PortIndex(n as u32), port);
        let (leg, group) = (LegId(n), CallId::new(Wall(0), 0));
        plane.command(now, Command::Open { leg, group, near: NEAR });
        let params = StreamParams {
            remote: Some(phone(n)),
            remote_rtcp: None,
            codec,
            send_pt: PT,
            recv_pt: PT,
            others: Default::default(),
            carriage: Default::default(),
            noise: false,
            max_ptime_ms: None,
            dtmf_send_pt: None,
            key_tones: false,
            dtmf_recv_pt: None,
            // Keys in another clock do not pass the relay.
            event_clock_hz: if codec == Codec::Pcmu { 16_000 } else { 8_000 },
            opus: OpusTerms::default(),
            xr: false,
            ptime_ms: PTIME_MS as u8,
            send: true,
            receive: true,
            inband_dtmf: false,
            inband_until_event: false,
            srtp: None,
        };
        plane.command(now, Command::Set { leg, params });
    }
    plane.command(now, Command::Bridge { a: LegId(0), b: LegId(1) });
    plane
}

/// `samples` of the call's rate in packets of the codec that speaks; empty where it sends none.
pub fn packets(call: Call, samples: &[i16], dtx: bool) -> Vec<Vec<u8>> {
    let settings = |rate| Settings {
        loss_percent: call.expected_loss,
        dtx,
        complexity: 9,
        ..Settings::new(rate)
    };
    let mut encoder = Encoder::at(call.from, call.rate, settings).expect("a coder");
    let frame = call.rate.samples(PTIME_MS);
    let code = |pcm: &[i16]| {
        let mut payload = [0; 2_000];
        let bytes = encoder.encode(pcm, &mut payload).expect("a packet");
        payload[..bytes].to_vec()
    };
    samples.chunks_exact(frame).map(code).collect()
}

/// One packet under way.
#[derive(Clone, Debug)]
pub struct UnderWay {
    pub at: Time,
    pub bytes: Vec<u8>,
}

/// The packets with their headers, as the network delivers them.
pub fn deliver(call: Call, payloads: &[Vec<u8>], network: Network, seed: u64) -> Vec<UnderWay> {
    let mut rng = Noise::from_seed(seed);
    // Where the sender's packets fall between the plane's ticks.
    let phase = Duration::from_micros(rng.below(20_000));
    let (start, ticks) = (Time::from_millis(1_000) + phase, call.from.clock_rate() / 50);
    let mut lost = 0;
    let mut under_way = Vec::new();
    for (n, payload) in payloads.iter().enumerate() {
        if lost == 0 && rng.chance(network.loss / f64::from(network.burst)) {
            lost = network.burst;
        }
        let late = network.delay * 1_000 + rng.below(network.jitter * 1_000 + 1);
        if lost > 0 {
            lost -= 1;
        } else if !payload.is_empty() {
            let header = Header {
                marker: false,
                payload_type: PT,
                sequence: (65_500 + n as u32) as u16,
                timestamp: (u32::MAX - 100_000).wrapping_add(n as u32 * ticks),
                ssrc: 7,
            };
            let mut bytes = vec![0; HEADER_LEN];
            write_header(bytes.first_chunk_mut().expect("a header's length"), header);
            bytes.extend(payload);
            let sent = start + Duration::from_millis(n as u64 * u64::from(PTIME_MS));
            under_way.push(UnderWay { at: sent + Duration::from_micros(late), bytes });
        }
    }
    under_way.sort_by_key(|packet| packet.at);
    under_way
}

/// What the other leg hears of them, from the first packet's departure on.
pub fn hear(call: Call, under_way: &[UnderWay], seconds: f64) -> Vec<i16> {
    let start = Time::from_millis(1_000);
    let end = start + Duration::from_millis((seconds * 1_000.0) as u64);
    let (mut plane, mut out) = (plane(start, call, 1), Out::default());
    let mut under_way = under_way.iter().peekable();
    loop {
        let tick = plane.next_tick();
        let next = under_way.peek().map_or(Time::NEVER, |packet| packet.at);
        if tick.min(next) >= end {
            break;
        }
        if tick <= next {
            plane.tick(tick, &mut out);
        } else if let Some(packet) = under_way.next() {
            let mut bytes = packet.bytes.clone();
            let length = bytes.len();
            let port = PortIndex(0);
            let took = plane.receive(next, port, Kind::Rtp, phone(0), &mut bytes, length, &mut out);
            assert_eq!(took, Disposition::Consumed);
        }
    }
    decoded(call, &out.0)
}

/// The packets that were sent, as one stretch of samples.
fn decoded(call: Call, sent: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::at(call.to, call.heard).expect("a coder");
    let mut all = Vec::new();
    let mut next = None;
    for bytes in sent {
        let packet = Packet::parse(bytes).expect("what we send is RTP");
        let at = packet.timestamp();
        assert!(next.is_none_or(|next| next == at), "one stream without a hole");
        let mut pcm = vec![0; call.heard.samples(60)];
        let count = decoder.decode(packet.payload(), &mut pcm).expect("what we send is speech");
        next = Some(at.wrapping_add(call.to.ticks(count, call.heard)));
        all.extend_from_slice(&pcm[..count]);
    }
    all
}
