//! The packet and tick paths allocate nothing once warm (architecture.md, "The way of an RTP packet").
//!
//! A counting allocator stands in for the system's; it is this test program's own, so that no other
//! test's allocations are counted.

#[path = "checks/counting.rs"]
mod counting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use belfry::base::{CallId, Duration, LegId, PlayId, RecordingId, Rng, Time, Wall};
use belfry::dsp::tone::Plan;
use belfry::media::control::{
    Carriage, Codec, Command, DigitSet, Item, OpusTerms, RecordFormat, StreamParams,
};
use belfry::media::ice::{self, Credentials};
use belfry::media::srtp::{Keys, Srtp};
use belfry::media::{
    Clip, Disposition, Kind, Plane, PlaneConfig, PortIndex, Recorded, Transmit, dtls,
};
use belfry::wire::rtp::{HEADER_LEN, Header, write_header};
use belfry::wire::sdp::{Fingerprint, Hash};
use belfry::wire::srtp::{KeySource, MOST_TAIL, Suite};
use belfry::wire::stun::check::{Key, request};

use counting::{HELD, allocations};

#[derive(Default)]
struct Out {
    packets: u64,
    pieces: u64,
    handshakes: u64,
}

impl Transmit for Out {
    fn send(&mut self, _: PortIndex, _: Kind, _: SocketAddr, _: &[u8]) {
        self.packets += 1;
    }
    fn record(&mut self, _: Recorded<'_>) {
        self.pieces += 1;
    }
    fn handshake(&mut self, _: LegId, _: &[u8]) {
        self.handshakes += 1;
    }
}

/// Where every port is.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn phone(n: u32) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8], 4_000))
}

/// A stream in both directions.
fn params(codec: Codec, pt: u8, remote: SocketAddr) -> StreamParams {
    StreamParams {
        remote: Some(remote),
        remote_rtcp: Some(remote),
        codec,
        send_pt: pt,
        recv_pt: pt,
        others: Default::default(),
        carriage: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: Some(101),
        key_tones: true,
        xr: false,
        dtmf_recv_pt: Some(101),
        event_clock_hz: codec.clock_rate(),
        opus: OpusTerms::default(),
        ptime_ms: 20,
        send: true,
        receive: true,
        inband_dtmf: false,
        inband_until_event: false,
        srtp: None,
    }
}

/// SRTP of leg `n`: of the relayed, one of the transcoded and the one that hears music.
fn keys(n: u32) -> Option<Keys> {
    let suite = match n {
        0 | 4 => Suite::AesCm128Sha1Tag80,
        1 | 2 => Suite::AeadAes128Gcm,
        _ => return None,
    };
    let mut source = KeySource::from_seed([n as u8; 32]);
    Some(Keys { send: source.next(suite), receive: source.next(suite) })
}

/// A phone's end of them.
fn srtp(n: u32) -> Option<Srtp> {
    keys(n).map(|Keys { send, receive }| Srtp::new(Keys { send: receive, receive: send }))
}

/// Ten legs: two relayed, two transcoded, one hears music, one a tone, one presses keys, one
/// listens for tones; Opus and G.722 hear each other. The first four and the last two are recorded, the
/// transcoded with a beep. Two more legs get copies for recorders outside: of one relayed, as it is and
/// protected, and of the one that speaks G.722, coded anew.
fn plane() -> Plane {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(1));
    let command = |plane: &mut Plane, c| plane.command(Time::ZERO, c);
    for n in 0..10u32 {
        plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
        let (leg, group) = (LegId(u64::from(n)), CallId::new(Wall(0), 0));
        command(&mut plane, Command::Open { leg, group, near: NEAR });
        let (codec, pt) = match n {
            3 => (Codec::Pcmu, 0),
            8 => (Codec::Opus, 96),
            9 => (Codec::G722, 9),
            _ => (Codec::Pcma, 8),
        };
        let params = StreamParams {
            dtmf_send_pt: (n != 5).then_some(101),
            inband_dtmf: n == 7,
            srtp: keys(n),
            ..params(codec, pt, phone(n))
        };
        command(&mut plane, Command::Set { leg, params });
    }
    for (a, b) in [(0, 1), (2, 3), (8, 9)] {
        command(&mut plane, Command::Bridge { a: LegId(a), b: LegId(b) });
        let (recording, format) = (RecordingId(a), RecordFormat::Alaw);
        let beep = (a == 2).then(|| Plan::parse("1400/400,0/10000", -20).expect("a plan"));
        let (left, right) = (LegId(a), Some(LegId(b)));
        command(&mut plane, Command::Record { recording, format, beep, left, right });
    }
    for (n, of) in [(10u32, 0), (11, 9)] {
        plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
        let (leg, group) = (LegId(u64::from(n)), CallId::new(Wall(0), 0));
        command(&mut plane, Command::Open { leg, group, near: NEAR });
        let srtp = keys(if n == 10 { 1 } else { n });
        let params = StreamParams { receive: false, srtp, ..params(Codec::Pcma, 8, phone(n)) };
        command(&mut plane, Command::Set { leg, params });
        command(&mut plane, Command::Copy { leg, of: Some(LegId(of)) });
    }
    let music = Item::Clip(Arc::new(Clip::new(vec![1_000i16; 4_000])));
    let tone = Item::Tone(Plan::parse("450/1000,0/4000", -10).expect("a plan"));
    for (leg, item) in [(4, music), (5, tone)] {
        let (leg, play) = (LegId(leg), PlayId(leg));
        let (items, repeat, stop_on) = (vec![item], true, DigitSet::NONE);
        command(&mut plane, Command::Play { leg, play, items, repeat, stop_on });
    }
    plane
}

/// One packet of leg `n`, with loss, reordering and keys mixed in.
fn packet(n: u32, turn: u32, bytes: &mut [u8; 172]) -> usize {
    let turn = if turn % 50 == 7 { turn + 1 } else { turn };
    let event = n == 6 && turn % 20 < 10;
    let header = Header {
        marker: false,
        payload_type: match n {
            _ if event => 101,
            3 => 0,
            8 => 96,
            9 => 9,
            _ => 8,
        },
        sequence: turn as u16,
        timestamp: if event { turn / 20 * 3_200 } else { turn * if n == 8 { 960 } else { 160 } },
        ssrc: n,
    };
    bytes.fill(turn as u8);
    bytes[12] = if n == 8 { 0x08 } else { turn as u8 }; // Opus: SILK, 20 ms, one frame
    let head: &mut [u8; HEADER_LEN] = bytes.first_chunk_mut().expect("longer than a header");
    write_header(head, header);
    if event {
        bytes[12..16].copy_from_slice(&[
            (turn / 20 % 10) as u8,
            if turn % 20 > 7 { 0x8a } else { 10 },
            0,
            turn as u8,
        ]);
        return 16;
    }
    172
}

/// Bytes that a relayed call may take in the engine.
const MOST_A_CALL: i64 = 24 << 10;
const CALLS: u32 = 500;

/// What a worker holds for a call of two legs in A-law, both heard and relayed.
fn a_relayed_call_is_small() {
    let before = HELD.load(Ordering::Relaxed);
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(2));
    let mut out = Out::default();
    for n in 0..2 * CALLS {
        plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
        let (leg, group) = (LegId(u64::from(n)), CallId::new(Wall(0), u64::from(n / 2)));
        plane.command(Time::ZERO, Command::Open { leg, group, near: NEAR });
        let remote = Some(SocketAddr::from(([192, 0, 2, 1], 4_000 + n as u16)));
        let params = StreamParams { remote, ..params(Codec::Pcma, 8, phone(1)) };
        plane.command(Time::ZERO, Command::Set { leg, params });
        if n % 2 == 1 {
            let b = LegId(u64::from(n - 1));
            plane.command(Time::ZERO, Command::Bridge { a: leg, b });
        }
    }
    for turn in 0..50 {
        for n in 0..2 * CALLS {
            let mut bytes = [0; 172];
            let len = packet(0, turn, &mut bytes);
            let from = SocketAddr::from(([192, 0, 2, 1], 4_000 + n as u16));
            let now = Time::from_millis(u64::from(turn) * 20);
            plane.receive(now, PortIndex(n), Kind::Rtp, from, &mut bytes, len, &mut out);
        }
        while plane.poll_event().is_some() {}
    }
    let held = (HELD.load(Ordering::Relaxed) - before) / i64::from(CALLS);
    assert!(held < MOST_A_CALL, "{held} bytes a call");
}

/// A browser's leg is found by checks, and its handshake is handed on.
fn checks_allocate_nothing() {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(3));
    plane.add_port(PortIndex(0), SocketAddr::from(([127, 0, 0, 1], 20_000)));
    let (leg, group) = (LegId(0), CallId::new(Wall(0), 0));
    plane.command(Time::ZERO, Command::Open { leg, group, near: NEAR });
    let side = |fragment: &str| Credentials {
        fragment: fragment.into(),
        password: "a password of 22 or so".into(),
    };
    let (ours, theirs) = (side("ours"), side("theirs"));
    let own = Fingerprint::of(Hash::Sha256, b"theirs");
    let carriage = Carriage {
        rtcp_mux: true,
        ice: Some(ice::Terms { ours, theirs }),
        dtls: Some(dtls::Terms { fingerprint: own, active: false, id: None }),
        asymmetric: false,
    };
    let params = StreamParams { remote: None, carriage, ..params(Codec::Opus, 96, phone(1)) };
    plane.command(Time::ZERO, Command::Set { leg, params });
    let key = Key::new("a password of 22 or so");
    let (right, wrong) =
        (request("ours:theirs", &key, true, 0), request("x:theirs", &key, true, 1));
    let mut out = Out::default();
    let mut before = 0;
    for turn in 0..1_000u32 {
        if turn == 10 {
            before = allocations();
        }
        let now = Time::from_millis(u64::from(turn) * 50);
        for datagram in [&right[..], &wrong[..], &[22, 0xfe, 0xfd, 0]] {
            let mut bytes = [0; 256];
            bytes[..datagram.len()].copy_from_slice(datagram);
            let len = datagram.len();
            plane.receive(now, PortIndex(0), Kind::Rtp, phone(1), &mut bytes, len, &mut out);
        }
    }
    assert_eq!(allocations() - before, 0, "allocations for 1,000 checks");
    assert_eq!((out.packets, out.handshakes), (1_000, 1_000));
}

/// Packets of 60 ms are cut where every other one is so, and joined from 20 ms where all are.
fn packet_times_allocate_nothing() {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(4));
    for n in 0..4u32 {
        plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
        let (leg, group) = (LegId(u64::from(n)), CallId::new(Wall(0), 0));
        plane.command(Time::ZERO, Command::Open { leg, group, near: NEAR });
        let ptime_ms = if n == 3 { 60 } else { 20 };
        let params = StreamParams { ptime_ms, srtp: keys(n), ..params(Codec::Pcma, 8, phone(n)) };
        plane.command(Time::ZERO, Command::Set { leg, params });
    }
    for (a, b) in [(0, 1), (2, 3)] {
        plane.command(Time::ZERO, Command::Bridge { a: LegId(a), b: LegId(b) });
    }
    let mut phones: Vec<_> = (0..3).map(srtp).collect();
    let (mut out, mut now, mut before) = (Out::default(), Time::ZERO, 0);
    for turn in 0..2_000u32 {
        if turn == 200 {
            (before, out.packets) = (allocations(), 0);
        }
        for n in [0u32, 2] {
            let length = if n == 0 && turn % 2 == 1 { 480 } else { 160 };
            // Leg 0 has said 80 ms after each two packets, and is silent for the next two.
            if n == 2 || turn % 4 < 2 {
                let (sequence, within) = (turn / 4 * 2 + turn % 4, turn % 4 * 160);
                let (sequence, timestamp) = match n {
                    0 => (sequence as u16, turn / 4 * 640 + within),
                    _ => (turn as u16, turn * 160),
                };
                let header =
                    Header { marker: false, payload_type: 8, sequence, timestamp, ssrc: n };
                let mut bytes = [0xd5; HEADER_LEN + 480 + MOST_TAIL];
                write_header(bytes.first_chunk_mut().expect("longer than a header"), header);
                let mut len = HEADER_LEN + length;
                if let Some(srtp) = &mut phones[n as usize] {
                    len = srtp.send(&mut bytes, len).expect("a new number");
                }
                plane.receive(now, PortIndex(n), Kind::Rtp, phone(n), &mut bytes, len, &mut out);
            }
        }
        now += Duration::from_millis(20);
        while plane.next_tick() <= now {
            let at = plane.next_tick();
            plane.tick(at, &mut out);
        }
        while plane.poll_event().is_some() {}
    }
    assert_eq!(allocations() - before, 0, "allocations for packets of other lengths");
    // 450 in three pieces, 600 of 60 ms from 1,800 of 20, and reports.
    assert!((1_900..2_100).contains(&out.packets), "{} packets", out.packets);
}

// One test, for the allocations of another beside it would be counted too.
#[test]
fn ten_thousand_ticks_allocate_nothing() {
    a_relayed_call_is_small();
    checks_allocate_nothing();
    packet_times_allocate_nothing();
    let mut plane = plane();
    let mut phones: Vec<_> = (0..10).map(srtp).collect();
    let (mut out, mut now, mut before, mut forwarded) = (Out::default(), Time::ZERO, 0, 0);
    for turn in 0..10_500u32 {
        if turn == 500 {
            before = allocations();
        }
        for n in 0..10 {
            let mut plain = [0; 172];
            let mut len = packet(n, turn, &mut plain);
            if (turn + n) % 31 == 0 {
                continue;
            }
            let mut bytes = [0; 172 + MOST_TAIL];
            bytes[..172].copy_from_slice(&plain);
            if let Some(srtp) = &mut phones[n as usize] {
                // A number that came before has been sealed before.
                let Some(sealed) = srtp.send(&mut bytes, len) else { continue };
                len = sealed;
            }
            let given =
                plane.receive(now, PortIndex(n), Kind::Rtp, phone(n), &mut bytes, len, &mut out);
            forwarded += u32::from(matches!(given, Disposition::Forward { .. }));
        }
        now += Duration::from_millis(20);
        while plane.next_tick() <= now {
            let at = plane.next_tick();
            plane.tick(at, &mut out);
        }
        while plane.poll_event().is_some() {}
    }
    let after = allocations();
    assert!(forwarded > 18_000 && out.pieces > 500 && out.packets > 58_000);
    assert_eq!(after - before, 0, "allocations in 10,000 turns");
}
