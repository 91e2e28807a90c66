//! The engine by itself, without sockets: what a relayed call holds in it, and how often its packet and tick
//! paths ask for memory.

#[path = "../../tests/checks/counting.rs"]
mod counting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;

use ::belfry::base::{CallId, LegId, Rng, Time, Wall};
use ::belfry::media::control::{Codec, Command, OpusTerms, StreamParams};
use ::belfry::media::{Kind, Plane, PlaneConfig, PortIndex, Recorded, Transmit};
use ::belfry::wire::rtp::{HEADER_LEN, Header, write_header};

use self::counting::{HELD, allocations};

const CALLS: u32 = 500;
/// Packet times before, so that ports are learned, and those that are looked at: two ticks or more in each.
const WARM: u32 = 100;
const PACKETS: u32 = 5_000;
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What was found.
pub struct Engine {
    /// Bytes a call of two legs in A-law, both heard and relayed.
    pub bytes_a_call: f64,
    /// How often memory was asked for in 10,000 ticks and the packets between them.
    pub allocations: u64,
}

struct Nowhere;

impl Transmit for Nowhere {
    fn send(&mut self, _: PortIndex, _: Kind, _: SocketAddr, _: &[u8]) {}
    fn record(&mut self, _: Recorded<'_>) {}
}

/// Looks at it.
pub fn measure() -> Engine {
    let before = HELD.load(Ordering::Relaxed);
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(2));
    for n in 0..2 * CALLS {
        open(&mut plane, n);
    }
    (0..WARM).for_each(|turn| pass(&mut plane, turn, 2 * CALLS));
    let held = HELD.load(Ordering::Relaxed) - before;
    let asked = allocations();
    // Two calls do: which legs there are changes nothing in what each packet asks for.
    (WARM..WARM + PACKETS).for_each(|turn| pass(&mut plane, turn, 4));
    let allocations = allocations() - asked;
    Engine { bytes_a_call: held as f64 / f64::from(CALLS), allocations }
}

/// Opens leg `n`; every second one is brought together with the one before.
fn open(plane: &mut Plane, n: u32) {
    plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
    let (leg, group) = (LegId(n.into()), CallId::new(Wall(0), u64::from(n / 2)));
    plane.command(Time::ZERO, Command::Open { leg, group, near: NEAR });
    plane.command(Time::ZERO, Command::Set { leg, params: params(phone(n)) });
    if n % 2 == 1 {
        plane.command(Time::ZERO, Command::Bridge { a: leg, b: LegId(u64::from(n - 1)) });
    }
}

/// One packet time: a packet of each of so many legs, and the ticks until the next.
fn pass(plane: &mut Plane, turn: u32, legs: u32) {
    let mut out = Nowhere;
    let now = Time::from_millis(u64::from(turn) * 20);
    for n in 0..legs {
        let mut bytes = [0; HEADER_LEN + 160];
        let header = Header {
            marker: false,
            payload_type: 8,
            sequence: turn as u16,
            timestamp: turn * 160,
            ssrc: n,
        };
        write_header(bytes.first_chunk_mut().expect("it begins with a header"), header);
        let len = bytes.len();
        plane.receive(now, PortIndex(n), Kind::Rtp, phone(n), &mut bytes, len, &mut out);
    }
    for later in [5, 15] {
        plane.tick(Time::from_millis(u64::from(turn) * 20 + later), &mut out);
    }
    while plane.poll_event().is_some() {}
}

fn phone(n: u32) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000 + n as u16))
}

fn params(remote: SocketAddr) -> StreamParams {
    StreamParams {
        remote: Some(remote),
        remote_rtcp: None,
        codec: Codec::Pcma,
        send_pt: 8,
        recv_pt: 8,
        others: Default::default(),
        carriage: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: Some(101),
        key_tones: true,
        xr: false,
        dtmf_recv_pt: Some(101),
        event_clock_hz: 8_000,
        opus: OpusTerms::default(),
        ptime_ms: 20,
        send: true,
        receive: true,
        inband_dtmf: false,
        inband_until_event: false,
        srtp: None,
    }
}
