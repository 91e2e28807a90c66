//! A room's packets and ticks allocate nothing once warm, whoever speaks, in whatever codec, with a
//! part of it on another worker and music for all.

#[path = "checks/counting.rs"]
mod counting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use belfry::base::{CallId, Duration, LegId, PlayId, Rng, RoomId, Time, Wall};
use belfry::dsp::codec::Encoder;
use belfry::dsp::opus::Settings;
use belfry::media::control::{Codec, Command, Item, Membership, OpusTerms, StreamParams};
use belfry::media::{Clip, Kind, Partial, Plane, PlaneConfig, PortIndex, Recorded, Transmit};
use belfry::wire::rtp::{HEADER_LEN, Header, write_header};

use counting::allocations;

const ROOM: RoomId = RoomId(1);
const MEMBERS: u32 = 12;

/// Takes the place of the other worker too: what it is sent comes back as if said there.
#[derive(Default)]
struct Out {
    packets: u64,
    partials: u64,
    echo: Vec<Partial>,
}

impl Transmit for Out {
    fn send(&mut self, _: PortIndex, _: Kind, _: SocketAddr, _: &[u8]) {
        self.packets += 1;
    }
    fn record(&mut self, _: Recorded<'_>) {}
    fn partial(&mut self, _: u64, partial: &Partial) {
        self.partials += 1;
        self.echo.push(Partial { from: 1, ..partial.clone() });
    }
}

fn codec(n: u32) -> (Codec, u8) {
    match n % 4 {
        0 => (Codec::Pcma, 8),
        1 => (Codec::Pcmu, 0),
        2 => (Codec::Opus, 96),
        _ => (Codec::G722, 9),
    }
}

fn phone(n: u32) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n as u8 + 1], 4_000))
}

fn plane() -> Plane {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(1));
    let near = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for n in 0..MEMBERS {
        plane.add_port(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * n as u16)));
        let (leg, group) = (LegId(n.into()), CallId::new(Wall(0), n.into()));
        plane.command(Time::ZERO, Command::Open { leg, group, near });
        let (codec, pt) = codec(n);
        let params = StreamParams {
            remote: Some(phone(n)),
            remote_rtcp: Some(phone(n)),
            codec,
            send_pt: pt,
            recv_pt: pt,
            others: Default::default(),
            carriage: Default::default(),
            noise: false,
            max_ptime_ms: None,
            dtmf_send_pt: None,
            key_tones: false,
            dtmf_recv_pt: Some(101),
            event_clock_hz: codec.clock_rate(),
            opus: OpusTerms { fec: true, ..OpusTerms::default() },
            ptime_ms: if n == 4 { 60 } else { 20 },
            send: true,
            receive: true,
            xr: false,
            inband_dtmf: n == 5,
            inband_until_event: false,
            srtp: None,
        };
        plane.command(Time::ZERO, Command::Set { leg, params });
        let muted = n == 6;
        let membership = Membership { muted, ..Membership::PARTY };
        plane.command(Time::ZERO, Command::Join { leg, room: ROOM, membership });
    }
    plane.command(Time::ZERO, Command::RoomParts { room: ROOM, workers: 0b11 });
    let items = vec![Item::Clip(Arc::new(Clip::new(vec![500i16; 4_000])))];
    let play = Command::PlayRoom { room: ROOM, play: PlayId(1), items, repeat: true };
    plane.command(Time::ZERO, play);
    plane
}

/// Payloads of each codec: one that speaks, one that is silent.
fn payloads() -> Vec<[Vec<u8>; 2]> {
    let coded = |n: u32, speaks: bool| {
        let (codec, _) = codec(n);
        let rate = if codec == Codec::Opus { belfry::dsp::rate::Rate::Khz8 } else { codec.rate() };
        let mut encoder = Encoder::new(codec, rate, Settings::new).expect("a coder");
        let level = if speaks { 9_000.0 } else { 0.0 };
        let pcm: Vec<i16> = (0..rate.samples(20))
            .map(|k| ((k as f64 * 0.21).sin() * (k as f64 * 0.033).sin() * level) as i16)
            .collect();
        let mut payload = vec![0; 1_000];
        let bytes = encoder.encode(&pcm, &mut payload).expect("a packet");
        payload.truncate(bytes);
        payload
    };
    (0..4).map(|n| [coded(n, true), coded(n, false)]).collect()
}

#[test]
fn ten_thousand_ticks_of_a_room_allocate_nothing() {
    let (mut plane, payloads) = (plane(), payloads());
    let (mut out, mut now, mut before) = (Out::default(), Time::ZERO, 0);
    for turn in 0..10_500u32 {
        if turn == 500 {
            before = allocations();
        }
        for n in 0..MEMBERS {
            // They speak in turn, three seconds each.
            let speaks = (turn / 150) % MEMBERS == n || (turn / 100) % 7 == n;
            let payload = &payloads[n as usize % 4][usize::from(!speaks)];
            let (codec, payload_type) = codec(n);
            let timestamp = turn * 160 * codec.ticks_per_sample();
            let header =
                Header { marker: false, payload_type, sequence: turn as u16, timestamp, ssrc: n };
            let mut bytes = [0; 600];
            write_header(bytes.first_chunk_mut().expect("longer than a header"), header);
            let len = HEADER_LEN + payload.len();
            bytes[HEADER_LEN..len].copy_from_slice(payload);
            if (turn + n) % 31 != 0 {
                plane.receive(now, PortIndex(n), Kind::Rtp, phone(n), &mut bytes, len, &mut out);
            }
        }
        now += Duration::from_millis(20);
        while plane.next_tick() <= now {
            let at = plane.next_tick();
            plane.tick(at, &mut out);
            out.echo.drain(..).for_each(|partial| plane.partial(&partial));
        }
        while plane.poll_event().is_some() {}
    }
    let after = allocations();
    assert!(out.packets > 110_000 && out.partials > 20_000, "{} {}", out.packets, out.partials);
    assert_eq!(after - before, 0, "allocations in 10,000 turns");
}
