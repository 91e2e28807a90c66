//! The whole plane in virtual time: parties that send and judge RTP around it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::*;
use crate::base::{CallId, LegId, PlayId, RecordingId, Wall};
use crate::dsp::level::tone_dbm0;
use crate::dsp::narrow::{Decoder, Encoder};
use crate::dsp::opus::Settings;
use crate::dsp::tone::{Generator, Plan};
use crate::media::control::RecordFormat;
use crate::media::control::{
    Agreed, Codec, Command, DigitBy, DigitSet, Event, Item, LegStats, NoPort, OpusTerms, PlayEnd,
    StreamParams,
};
use crate::media::dtmf_rx::{DtmfRx, EventPacket};
use crate::media::player::Clip;
use crate::media::tap::Recorded;
use crate::media::{Kind, PortIndex, Transmit};
use crate::wire::rtp::{HEADER_LEN, Header, Packet, write_header};
use crate::wire::telephone_event;

mod bridging;
mod copies;
mod handshake;
mod hostile;
mod lengths;
mod playing;
mod protected;
mod quality;
mod recording;
mod recording_clocks;
mod recording_losses;
mod rooms;
mod storms;
mod wideband;

/// Where every port is.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A datagram that the plane sent.
#[derive(Clone, Debug)]
struct Sent {
    at: Time,
    kind: Kind,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// The samples of a recording that has no sample yet: A-law's silence.
const SILENCE: u8 = RecordFormat::Alaw.silence();

#[derive(Default)]
struct Out {
    now: Time,
    sent: Vec<Sent>,
    /// Each recording's file, without its header.
    files: BTreeMap<RecordingId, Vec<u8>>,
    /// Samples that came too late for any of them.
    late: u64,
    /// Datagrams for the handshakes.
    shaken: Vec<(LegId, Vec<u8>)>,
    /// Whether the last pieces of recordings have to wait.
    disk_is_full: bool,
}

impl Transmit for Out {
    fn send(&mut self, _: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.sent.push(Sent { at: self.now, kind, to, bytes: bytes.to_vec() });
    }
    fn record(&mut self, part: Recorded<'_>) {
        let (Recorded::Piece { recording, position: samples, .. }
        | Recorded::End { recording, samples, .. }) = part;
        let file = self.files.entry(recording).or_default();
        assert!(file.len() as u64 <= 2 * samples, "each piece lies behind the one before");
        file.resize(2 * samples as usize, SILENCE);
        match part {
            Recorded::Piece { samples, .. } => file.extend(samples.to_vec()),
            Recorded::End { late, .. } => self.late += late,
        }
    }
    fn takes_ends(&mut self) -> bool {
        !self.disk_is_full
    }
    fn handshake(&mut self, leg: LegId, datagram: &[u8]) {
        self.shaken.push((leg, datagram.to_vec()));
    }
}

/// The plane and its clock.
struct World {
    plane: Plane,
    now: Time,
    out: Out,
    events: Vec<Event>,
    encoders: BTreeMap<LegId, (Codec, Encoder)>,
}

/// A phone: what it sends, and where.
#[derive(Clone)]
struct Phone {
    leg: LegId,
    addr: SocketAddr,
    port: PortIndex,
    codec: Codec,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

const PORTS: u32 = 8;

fn world() -> World {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(1));
    for n in 0..PORTS {
        plane.add_port(PortIndex(n), ours(PortIndex(n)));
    }
    World {
        plane,
        now: Time::from_millis(1_000),
        out: Out::default(),
        events: Vec::new(),
        encoders: BTreeMap::new(),
    }
}

fn ours(port: PortIndex) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 20_000 + 2 * port.0 as u16))
}

fn group() -> CallId {
    CallId::new(Wall(0), 1)
}

/// Telephone-event payload types: what the phone takes from us, and what it sends.
const TO_PHONE: u8 = 96;
const FROM_PHONE: u8 = 101;

impl World {
    fn command(&mut self, command: Command<Arc<Clip>>) {
        self.plane.command(self.now, command);
        self.events.extend(core::iter::from_fn(|| self.plane.poll_event()));
    }

    /// Opens a leg for a phone at host 192.0.2.`n`.
    fn phone(&mut self, n: u8, codec: Codec) -> Phone {
        let leg = LegId(u64::from(n));
        self.command(Command::Open { leg, group: group(), near: NEAR });
        let opened = self.events.iter().rev().find_map(|e| match e {
            Event::Opened { leg: l, rtp } if *l == leg => Some(*rtp),
            _ => None,
        });
        let rtp = opened.expect("a port is free");
        let port = PortIndex(u32::from((rtp.port() - 20_000) / 2));
        let addr = SocketAddr::from(([192, 0, 2, n], 5_000));
        let phone = Phone {
            leg,
            addr,
            port,
            codec,
            ssrc: 0x1000 + u32::from(n),
            sequence: 65_000,
            timestamp: u32::MAX - 16_000,
        };
        self.set(&phone, |_| {});
        phone
    }

    fn set(&mut self, phone: &Phone, change: impl FnOnce(&mut StreamParams)) {
        let pt = pt(phone.codec);
        let mut params = StreamParams {
            remote: Some(phone.addr),
            remote_rtcp: Some(SocketAddr::new(phone.addr.ip(), phone.addr.port() + 1)),
            codec: phone.codec,
            send_pt: pt,
            recv_pt: pt,
            others: Default::default(),
            carriage: Default::default(),
            noise: false,
            max_ptime_ms: None,
            dtmf_send_pt: Some(TO_PHONE),
            key_tones: true,
            xr: false,
            dtmf_recv_pt: Some(FROM_PHONE),
            event_clock_hz: 8_000,
            opus: OpusTerms::default(),
            ptime_ms: 20,
            send: true,
            receive: true,
            inband_dtmf: false,
            inband_until_event: false,
            srtp: None,
        };
        change(&mut params);
        self.command(Command::Set { leg: phone.leg, params });
    }

    fn bridge(&mut self, a: &Phone, b: &Phone) {
        self.command(Command::Bridge { a: a.leg, b: b.leg });
    }

    fn record(&mut self, recording: u64, left: &Phone, right: Option<&Phone>) {
        let (recording, format) = (RecordingId(recording), RecordFormat::Alaw);
        let (left, right) = (left.leg, right.map(|phone| phone.leg));
        self.command(Command::Record { recording, format, beep: None, left, right });
    }

    /// Ends a recording; gives what is on its left and on its right.
    fn recorded(&mut self, recording: u64) -> [Vec<u8>; 2] {
        let recording = RecordingId(recording);
        self.command(Command::StopRecord { recording });
        self.plane.tick(self.now, &mut self.out);
        let file = self.out.files.remove(&recording).unwrap_or_default();
        [0, 1].map(|side| file.chunks(2).map(|frame| frame[side]).collect())
    }

    fn play(&mut self, phone: &Phone, play: u64, items: Vec<Item<Arc<Clip>>>, repeat: bool) {
        let (play, stop_on) = (PlayId(play), DigitSet::of("#"));
        self.command(Command::Play { leg: phone.leg, play, items, repeat, stop_on });
    }

    /// One datagram to the plane; forwarded ones are sent.
    fn datagram(&mut self, port: PortIndex, from: SocketAddr, bytes: &[u8]) -> Disposition {
        let mut buf = [0; 2_048];
        buf[..bytes.len()].copy_from_slice(bytes);
        self.out.now = self.now;
        let (plane, out) = (&mut self.plane, &mut self.out);
        let given = plane.receive(self.now, port, Kind::Rtp, from, &mut buf, bytes.len(), out);
        if let Disposition::Forward { to, len, .. } = given {
            let bytes = buf[..len].to_vec();
            self.out.sent.push(Sent { at: self.now, kind: Kind::Rtp, to, bytes });
        }
        self.events.extend(core::iter::from_fn(|| self.plane.poll_event()));
        given
    }

    /// Lets time pass, ticking when the plane wants it.
    fn pass(&mut self, ms: u64) {
        self.pass_until(self.now + Duration::from_millis(ms));
    }

    /// The same, until `end`.
    fn pass_until(&mut self, end: Time) {
        while self.plane.next_tick() <= end {
            self.now = self.now.max(self.plane.next_tick());
            self.out.now = self.now;
            self.plane.tick(self.now, &mut self.out);
            self.events.extend(core::iter::from_fn(|| self.plane.poll_event()));
        }
        self.now = end;
    }

    /// RTP that was sent to `phone` since this was last asked.
    fn heard_by(&mut self, phone: &Phone) -> Vec<Sent> {
        let (mine, rest): (Vec<_>, Vec<_>) = core::mem::take(&mut self.out.sent)
            .into_iter()
            .partition(|s| s.to == phone.addr && s.kind == Kind::Rtp);
        self.out.sent = rest;
        mine
    }

    fn take_events(&mut self) -> Vec<Event> {
        let told = core::mem::take(&mut self.events);
        told.into_iter().filter(|event| !matches!(event, Event::Figures { .. })).collect()
    }

    fn close(&mut self, phone: &Phone) -> LegStats {
        self.command(Command::Close { leg: phone.leg });
        let closed = self.events.iter().rev().find_map(|e| match e {
            Event::Closed { leg, stats } if *leg == phone.leg => Some(*stats),
            _ => None,
        });
        closed.expect("closed")
    }
}

fn pt(codec: Codec) -> u8 {
    match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
        Codec::G722 => 9,
        Codec::Opus => 88,
        Codec::L16(_) => 89,
    }
}

impl Phone {
    fn packet(&mut self, payload_type: u8, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut head = [0; HEADER_LEN];
        let header = Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        write_header(&mut head, header);
        [&head, payload].concat()
    }

    /// The next packet of these samples.
    fn say(&mut self, world: &mut World, pcm: &[i16]) -> Disposition {
        let known = world.encoders.remove(&self.leg).filter(|(codec, _)| *codec == self.codec);
        let made = || (self.codec, Encoder::new(self.codec, Settings::new).unwrap());
        let (_, encoder) = world.encoders.entry(self.leg).or_insert(known.unwrap_or_else(made));
        let mut payload = vec![0; 1_000];
        let bytes = encoder.encode(pcm, &mut payload).unwrap();
        payload.truncate(bytes);
        let packet = self.packet(pt(self.codec), false, &payload);
        let ticks = pcm.len() as u32 * self.codec.ticks_per_sample();
        self.timestamp = self.timestamp.wrapping_add(ticks);
        world.datagram(self.port, self.addr, &packet)
    }

    /// One packet of a key press that began at `self.timestamp`.
    fn key(&mut self, world: &mut World, code: u8, duration: u16, end: bool) -> Disposition {
        let event = telephone_event::Event { code, end, volume: 10, duration };
        let packet = self.packet(FROM_PHONE, duration == 160, &event.to_bytes());
        world.datagram(self.port, self.addr, &packet)
    }

    /// A press of 100 ms by telephone-event, packets 20 ms apart.
    fn press(&mut self, world: &mut World, code: u8) {
        for n in 1..=4 {
            self.key(world, code, n * 160, false);
            world.pass(20);
        }
        for _ in 0..3 {
            self.key(world, code, 800, true);
            world.pass(20);
        }
        self.timestamp = self.timestamp.wrapping_add(7 * 160);
    }
}

/// A tone that goes on.
struct Tone(Generator);

impl Tone {
    fn new(hz: u32) -> Tone {
        Tone(Generator::new(&Plan::parse(&hz.to_string(), -10).unwrap()))
    }
    fn next(&mut self) -> [i16; 160] {
        let mut pcm = [0; 160];
        self.0.fill(&mut pcm);
        pcm
    }
}

/// Two phones speak a tone each for `ms`.
fn talk(world: &mut World, a: (&mut Phone, &mut Tone), b: (&mut Phone, &mut Tone), ms: u64) {
    for _ in 0..ms / 20 {
        a.0.say(world, &a.1.next());
        b.0.say(world, &b.1.next());
        world.pass(20);
    }
}

/// What a phone hears of the audio packets sent to it, in order, by its codec.
fn samples(sent: &[Sent], codec: Codec) -> Vec<i16> {
    let mut all = Vec::new();
    let mut decoder = Decoder::new(codec).unwrap();
    for sent in sent {
        let packet = Packet::parse(&sent.bytes).unwrap();
        if packet.payload_type() == pt(codec) {
            let mut pcm = [0; 1_600];
            let count = decoder.decode(packet.payload(), &mut pcm).unwrap();
            all.extend_from_slice(&pcm[..count]);
        }
    }
    all
}

/// Codes of one of G.711's laws to samples.
fn decode(codec: Codec, codes: &[u8], pcm: &mut [i16]) {
    Decoder::new(codec).unwrap().decode(codes, pcm).unwrap();
}

/// Digits that a phone is told of by telephone-event.
fn digits(sent: &[Sent]) -> String {
    let mut rx = DtmfRx::default();
    let mut told = String::new();
    for sent in sent {
        let packet = Packet::parse(&sent.bytes).unwrap();
        if packet.payload_type() == TO_PHONE {
            let event = telephone_event::Event::parse(packet.payload()).unwrap();
            let (timestamp, marker) = (packet.timestamp(), packet.marker());
            told.extend(rx.packet(sent.at, EventPacket { timestamp, marker, event }).began);
        }
    }
    told
}

/// One stream, its numbers each one more than the last; timestamps that never go back for audio.
fn assert_one_stream(sent: &[Sent]) {
    let packets: VecDeque<_> = sent.iter().map(|s| Packet::parse(&s.bytes).unwrap()).collect();
    for (a, b) in packets.iter().zip(packets.iter().skip(1)) {
        assert_eq!(a.ssrc(), b.ssrc());
        assert_eq!(b.sequence(), a.sequence().wrapping_add(1));
    }
    let audio: Vec<_> = packets.iter().filter(|p| p.payload_type() < 90).collect();
    for pair in audio.windows(2) {
        let step = pair[1].timestamp().wrapping_sub(pair[0].timestamp());
        assert!((160..480_000).contains(&step), "step {step}");
    }
}

fn level(pcm: &[i16], hz: u32) -> f64 {
    tone_dbm0(pcm, f64::from(hz))
}

#[test]
fn a_leg_is_opened_once_and_ports_run_out() {
    let mut world = world();
    for n in 0..PORTS as u8 {
        world.phone(n, Codec::Pcma);
    }
    world.take_events();
    world.command(Command::Open { leg: LegId(3), group: group(), near: NEAR });
    world.command(Command::Open { leg: LegId(99), group: group(), near: NEAR });
    let failed = |leg, why| Event::OpenFailed { leg: LegId(leg), why };
    assert_eq!(world.take_events(), [failed(3, NoPort::Duplicate), failed(99, NoPort::Exhausted)]);
}

#[test]
fn commands_for_what_is_not_there_are_counted() {
    let mut world = world();
    let leg = LegId(1);
    world.command(Command::StopPlay { leg });
    world.command(Command::Close { leg });
    world.command(Command::Bridge { a: leg, b: leg });
    world.command(Command::StopRecord { recording: RecordingId(1) });
    assert_eq!(world.plane.counts().commands_dropped, 4);
    assert!(world.take_events().is_empty());
}

#[test]
fn reports_go_both_ways_and_a_goodbye_ends_them() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    let mut tone = Tone::new(450);
    for _ in 0..500 {
        a.say(&mut world, &tone.next());
        world.pass(20);
    }
    let reports = |world: &World| world.out.sent.iter().filter(|s| s.kind == Kind::Rtcp).count();
    assert!((1..=4).contains(&reports(&world)), "{}", reports(&world));
    let stats = world.close(&a);
    assert_eq!((stats.packets_received, stats.packets_lost), (500, 0));
    world.pass(0);
    let last = world.out.sent.last().unwrap();
    assert_eq!((last.kind, last.to.port()), (Kind::Rtcp, 5_001));
    assert_eq!(world.plane.next_tick(), Time::NEVER);
}

/// RFC 3550 §6.3.7: who has sent nothing has nothing to end.
#[test]
fn a_leg_that_sent_nothing_says_no_goodbye() {
    let mut world = world();
    let a = world.phone(1, Codec::Pcma);
    world.pass(100);
    world.close(&a);
    world.pass(100);
    assert_eq!(world.out.sent.len(), 0);
    // One that has reported says it, though it sent no audio.
    let b = world.phone(2, Codec::Pcma);
    world.pass(9_000);
    let reports = world.out.sent.len();
    assert!(reports > 0 && world.out.sent.iter().all(|s| s.kind == Kind::Rtcp));
    world.close(&b);
    world.pass(100);
    assert_eq!(world.out.sent.len(), reports + 1);
}

#[test]
fn absence_is_told_while_it_lasts() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    let lost =
        |events: Vec<Event>| events.iter().filter(|e| matches!(e, Event::RtpLost { .. })).count();
    world.pass(17_000);
    assert_eq!(lost(world.take_events()), 3, "at 5, 10 and 15 s");
    a.say(&mut world, &[0; 160]);
    world.pass(4_900);
    assert_eq!(lost(world.take_events()), 0);
    world.pass(2_000);
    assert_eq!(lost(world.take_events()), 1);
    world.set(&a, |p| p.receive = false);
    world.pass(20_000);
    assert_eq!(lost(world.take_events()), 0, "on hold nothing should come");
}
