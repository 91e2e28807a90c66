//! What holds for `media::Plane` whatever it is told: any bytes are read as a list of commands,
//! datagrams and time; nothing panics, what is sent is well formed, each end is told once, and when
//! all is closed nothing is left over. Shared by the property test and the fuzz target
//! `media_plane`.
//!
//! ```text
//!   byte 0   what, modulo the table in `Script::step`     bytes 1 …   its arguments
//! ```

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use belfry::base::{CallId, Duration, LegId, PlayId, RecordingId, Rng, Time, Wall};
use belfry::dsp::tone::{Kind as Tone, plan};
use belfry::media::control::{
    Agreed, Codec, Command, DigitSet, Event, Item, OpusTerms, RecordFormat, StreamParams,
};
use belfry::media::{Clip, Disposition, Kind, Plane, PlaneConfig, PortIndex, Recorded, Transmit};
use belfry::wire::rtp::{HEADER_LEN, Header, Packet, write_header};

/// Where every port is.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Legs that a script names.
const LEGS: u8 = 6;
/// Ports of the pool: fewer than legs, so that it runs out.
const PORTS: u8 = 4;
/// Operations of a script that are run.
const MOST_STEPS: usize = 2_000;

/// Runs the operations in `data`.
pub fn check(data: &[u8]) {
    let mut plane = Plane::new(PlaneConfig::default(), Rng::from_seed(7));
    for n in 0..PORTS {
        let addr = SocketAddr::from(([127, 0, 0, 1], 20_000 + 2 * u16::from(n)));
        plane.add_port(PortIndex(n.into()), addr);
    }
    let mut script =
        Script { plane, data, now: Time::from_millis(1), out: Checked, ledger: Ledger::default() };
    for _ in 0..MOST_STEPS {
        if script.step().is_none() {
            break;
        }
        script.poll();
    }
    script.finish();
}

/// The codec under the other of the two payload types, where the answer named both.
fn other(pt: u8, bits: u8) -> Option<Agreed> {
    let codec = match (pt, bits & 16) {
        (0, 0) => Codec::Pcma,
        (0, _) => Codec::Opus,
        (_, 0) => Codec::Pcmu,
        _ => Codec::G722,
    };
    let pt = 8 - pt;
    Some(Agreed {
        codec,
        send_pt: pt,
        recv_pt: pt,
        dtmf_send_pt: Some(101),
        dtmf_recv_pt: Some(101),
        event_clock_hz: 8_000,
    })
    .filter(|_| bits & 8 == 0)
}

/// What was opened and begun must be closed and ended.
#[derive(Default)]
struct Ledger {
    open: Vec<LegId>,
    plays: Vec<PlayId>,
    next_play: u64,
}

struct Script<'a> {
    plane: Plane,
    data: &'a [u8],
    now: Time,
    out: Checked,
    ledger: Ledger,
}

/// Everything that is sent must be well formed.
struct Checked;

impl Transmit for Checked {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        assert!(port.0 < PORTS.into() && to.port() != 0);
        assert!(kind == Kind::Rtcp || Packet::parse(bytes).is_ok());
    }
    fn record(&mut self, part: Recorded<'_>) {
        assert!(!matches!(part, Recorded::Piece { samples, .. } if samples.bytes() == 0));
    }
}

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.data.split_first()?;
        self.data = rest;
        Some(*first)
    }

    fn leg(&mut self) -> Option<LegId> {
        Some(LegId((self.byte()? % LEGS).into()))
    }

    /// One operation; `None` at the end of the list.
    fn step(&mut self) -> Option<()> {
        let command = match self.byte()? % 24 {
            0 | 1 => Command::Open { leg: self.leg()?, group: CallId::new(Wall(0), 0), near: NEAR },
            2 | 3 => Command::Set { leg: self.leg()?, params: self.params()? },
            4 => Command::Bridge { a: self.leg()?, b: self.leg()? },
            5 => Command::Unbridge { leg: self.leg()? },
            6 => self.play()?,
            7 => Command::StopPlay { leg: self.leg()? },
            8 => self.digits()?,
            9 => Command::Record {
                recording: self.recording()?,
                format: RecordFormat::Alaw,
                beep: (self.byte()? & 1 == 1).then(|| plan("cn", Tone::Record)).flatten(),
                left: self.leg()?,
                right: Some(self.leg()?),
            },
            10 => Command::SetRecordLegs {
                recording: self.recording()?,
                left: Some(self.leg()?).filter(|leg| leg.0 != 0),
                right: Some(self.leg()?).filter(|leg| leg.0 != 0),
            },
            11 => {
                Command::PauseRecord { recording: self.recording()?, paused: self.byte()? & 1 == 1 }
            }
            12 => Command::StopRecord { recording: self.recording()? },
            13 => Command::Close { leg: self.leg()? },
            14..=16 => return self.pass(),
            17 => return self.garbage(),
            _ => return self.packets(),
        };
        self.plane.command(self.now, command);
        Some(())
    }

    fn recording(&mut self) -> Option<RecordingId> {
        Some(RecordingId((self.byte()? % 3).into()))
    }

    fn params(&mut self) -> Option<StreamParams> {
        let bits = self.byte()?;
        let (remote, ptime_ms) = (peer(self.byte()?), self.byte()?);
        let (codec, pt) = match (bits & 1, ptime_ms) {
            (0, ..192) => (Codec::Pcma, 8),
            (0, _) => (Codec::Opus, 8),
            (_, ..192) => (Codec::Pcmu, 0),
            _ => (Codec::G722, 0),
        };
        Some(StreamParams {
            remote: (bits & 2 == 0).then_some(remote),
            remote_rtcp: (bits & 4 == 0).then_some(remote),
            codec,
            send_pt: pt,
            recv_pt: pt,
            carriage: Default::default(),
            others: [other(pt, bits), None, None, None],
            noise: bits & 2 == 0,
            max_ptime_ms: (bits & 4 == 0).then_some(ptime_ms),
            dtmf_send_pt: (bits & 8 == 0).then_some(101),
            key_tones: bits & 24 != 24,
            xr: bits & 1 != 0,
            dtmf_recv_pt: (bits & 16 == 0).then_some(101),
            event_clock_hz: if bits & 32 == 0 { codec.clock_rate() } else { 8_000 },
            opus: OpusTerms::default(),
            ptime_ms,
            send: bits & 32 == 0,
            receive: bits & 64 == 0,
            inband_dtmf: bits & 128 != 0,
            inband_until_event: false,
            srtp: None,
        })
    }

    fn play(&mut self) -> Option<Command<Arc<Clip>>> {
        let (leg, what) = (self.leg()?, self.byte()?);
        let clip = Item::Clip(Arc::new(Clip::new(vec![1_000; usize::from(what) * 16])));
        let mut items = vec![clip, Item::Silence(u32::from(what))];
        items.extend(plan("cn", Tone::ALL[usize::from(what) % Tone::ALL.len()]).map(Item::Tone));
        self.ledger.next_play += 1;
        let play = PlayId(self.ledger.next_play);
        if self.ledger.open.contains(&leg) {
            self.ledger.plays.push(play);
        }
        if what % 3 == 2 {
            return Some(Command::Aside { leg, play, items });
        }
        let (repeat, stop_on) = (what & 1 == 1, DigitSet::of("#5"));
        Some(Command::Play { leg, play, items, repeat, stop_on })
    }

    fn digits(&mut self) -> Option<Command<Arc<Clip>>> {
        let (leg, what) = (self.leg()?, self.byte()?);
        let digits = "12#DX"[..usize::from(what % 6).min(5)].to_string();
        let (on_ms, off_ms) = (u16::from(what), u16::from(what) * 2);
        Some(Command::SendDigits { leg, digits, on_ms, off_ms })
    }

    /// Time passes, with ticks as the plane asks for them.
    fn pass(&mut self) -> Option<()> {
        let ms = match self.byte()? {
            250.. => 6_000,
            ms => u64::from(ms),
        };
        let end = self.now + Duration::from_millis(ms);
        while self.plane.next_tick() <= end {
            let due = self.plane.next_tick().max(self.now);
            self.now = due;
            self.plane.tick(due, &mut self.out);
            assert!(self.plane.next_tick() > due, "a tick moves on");
            self.poll();
        }
        self.now = end;
        Some(())
    }

    fn garbage(&mut self) -> Option<()> {
        let (port, length) = (self.byte()?, usize::from(self.byte()?));
        let mut bytes = [0; 256];
        let taken = length.min(self.data.len());
        bytes[..taken].copy_from_slice(&self.data[..taken]);
        self.data = &self.data[taken..];
        let kind = if port & 0x80 == 0 { Kind::Rtp } else { Kind::Rtcp };
        self.datagram(port % 8, kind, peer(length as u8), &mut bytes, taken);
        Some(())
    }

    /// A run of packets of one stream, with steps of sequence and time as the bytes say.
    fn packets(&mut self) -> Option<()> {
        let (port, from, kind) = (self.byte()?, self.byte()?, self.byte()?);
        let (count, step, length) = (self.byte()? % 32, self.byte()?, self.byte()?);
        let start = u16::from(self.byte()?) << 8;
        for n in 0..count {
            let sequence = start.wrapping_add(u16::from(n) * u16::from(step % 5));
            let header = Header {
                marker: n == 0,
                payload_type: [8, 0, 101, 13, 72][usize::from(kind % 5)],
                sequence,
                timestamp: u32::from(sequence).wrapping_mul(160 + u32::from(step / 64)),
                ssrc: u32::from(from % 3),
            };
            let mut bytes = [length; 256];
            if let Some(head) = bytes.first_chunk_mut::<HEADER_LEN>() {
                write_header(head, header);
            }
            let length = HEADER_LEN + usize::from(length).min(240);
            self.datagram(port % 8, Kind::Rtp, peer(from), &mut bytes, length);
        }
        Some(())
    }

    fn datagram(&mut self, port: u8, kind: Kind, from: SocketAddr, bytes: &mut [u8], len: usize) {
        let port = PortIndex(port.into());
        let given = self.plane.receive(self.now, port, kind, from, bytes, len, &mut self.out);
        if let Disposition::Forward { port: by, to, len } = given {
            // An echo goes out by the port at which it came in.
            assert!(by.0 < PORTS.into() && to.port() != 0 && kind == Kind::Rtp);
            assert!(Packet::parse(&bytes[..len]).is_ok());
        }
    }

    fn poll(&mut self) {
        while let Some(event) = self.plane.poll_event() {
            match event {
                Event::Opened { leg, .. } => {
                    assert!(!self.ledger.open.contains(&leg));
                    self.ledger.open.push(leg);
                }
                Event::PlayDone { play, .. } => {
                    let at = self.ledger.plays.iter().position(|p| *p == play);
                    self.ledger.plays.swap_remove(at.expect("a playback ends once"));
                }
                Event::Closed { leg, stats } => {
                    let at = self.ledger.open.iter().position(|l| *l == leg);
                    self.ledger.open.swap_remove(at.expect("a leg closes once"));
                    assert!(stats.bytes_received <= stats.packets_received * 256);
                }
                _ => {}
            }
        }
        let counts = self.plane.counts();
        assert_eq!((counts.legs, counts.ports), (self.ledger.open.len(), self.ledger.open.len()));
    }

    /// Everything is closed: nothing may be left over.
    fn finish(mut self) {
        for leg in 0..LEGS {
            self.plane.command(self.now, Command::Close { leg: LegId(leg.into()) });
        }
        for recording in 0..3 {
            let recording = RecordingId(recording);
            self.plane.command(self.now, Command::StopRecord { recording });
        }
        self.poll();
        self.plane.tick(self.now, &mut self.out);
        self.poll();
        let counts = self.plane.counts();
        assert_eq!((counts.legs, counts.ports, counts.recordings, counts.clocks), (0, 0, 0, 0));
        assert!(self.ledger.plays.is_empty(), "each playback's end is told");
        assert_eq!(self.plane.next_tick(), Time::NEVER);
    }
}

/// One of a few addresses, one of them of another host.
fn peer(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n % 3], 4_000 + u16::from(n % 4)))
}
