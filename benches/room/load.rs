//! One load of the bench of rooms: a worker with real sockets on loopback, its members' phones, and what its
//! thread spent.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use belfry::base::{CallId, LegId, Rng, RoomId, Wall};
use belfry::dsp::codec::Encoder;
use belfry::dsp::opus::Settings;
use belfry::dsp::rate::Rate;
use belfry::engine::{Choice, Clips, Engine, EngineConfig};
use belfry::media::control::{Codec, Command, Event, Membership, OpusTerms, StreamParams};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PTIME: Duration = Duration::from_millis(20);
/// Parts of a packet time in each of which a part of the members sends.
const SLICES: usize = 20;
const WARM: Duration = Duration::from_secs(2);
/// Members that speak.
pub const SPEAK: u64 = 3;
/// Packets of speech before it begins again.
const LOOP: usize = 100;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Load {
    /// Pairs of legs, relayed.
    Relay,
    /// One room.
    Room(Codec),
    /// One room whose members each hear it at a loudness of their own: nothing can be shared.
    Apart(Codec),
}

impl Load {
    fn codec(self) -> Codec {
        match self {
            Load::Relay => Codec::Pcma,
            Load::Room(codec) | Load::Apart(codec) => codec,
        }
    }
}

/// One member's phone.
struct Peer {
    port: SocketAddr,
    socket: UdpSocket,
    payloads: Arc<Vec<Vec<u8>>>,
    codec: Codec,
    ssrc: u32,
    count: u32,
}

impl Peer {
    fn send(&mut self) {
        let payload = &self.payloads[self.count as usize % self.payloads.len()];
        self.count += 1;
        let mut packet = [0; 600];
        let pt = if self.codec == Codec::Pcma { 8 } else { 96 };
        packet[..2].copy_from_slice(&[0x80, pt]);
        packet[2..4].copy_from_slice(&(self.count as u16).to_be_bytes());
        let timestamp = self.count.wrapping_mul(160 * self.codec.ticks_per_sample());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet[12..12 + payload.len()].copy_from_slice(payload);
        let _ = self.socket.send_to(&packet[..12 + payload.len()], self.port);
    }
    fn drain(&self) -> u64 {
        let mut buf = [0; 2_048];
        std::iter::from_fn(|| self.socket.recv(&mut buf).ok()).count() as u64
    }
}

/// Packets of syllables, or of a quiet line's noise, as they come in the midst of a call: an encoder that
/// begins takes the first second of a noise for speech.
fn payloads(codec: Codec, speaks: bool) -> Arc<Vec<Vec<u8>>> {
    let mut encoder = Encoder::new(codec, Rate::Khz8, Settings::new).expect("a coder");
    let mut rng = Rng::from_seed(7);
    let packet = |n: usize| {
        let pcm: Vec<i16> = (0..160)
            .map(|k| {
                let at = (n * 160 + k) as f64 / 8_000.0;
                let syllable = (at * 4.0 * std::f64::consts::TAU).sin().max(0.0);
                let voice = (at * 150.0 * std::f64::consts::TAU).sin().powi(7);
                let level = if speaks { 8_000.0 } else { 0.0 };
                (level * syllable * voice) as i16 + rng.below(20) as i16 - 10
            })
            .collect();
        let mut payload = vec![0; 500];
        let bytes = encoder.encode(&pcm, &mut payload).expect("a packet");
        payload.truncate(bytes);
        payload
    };
    Arc::new((0..2 * LOOP).map(packet).skip(LOOP).collect())
}

/// CPU µs a packet sent, and CPU ms a second.
pub fn measure(load: Load, members: u64, span: Duration) -> io::Result<(f64, f64)> {
    let dir = tempfile::tempdir()?;
    let config = EngineConfig {
        addresses: vec![ADDRESS],
        ports: (30_000, 34_999),
        pairs: members as usize,
        workers: Some(1),
        backend: Choice::Auto,
        recordings: dir.path().to_owned(),
        keys: belfry::engine::disk::keys::Keys::default(),
        dtls: None,
        clips: Clips::default(),
        rtp_lost_after: Duration::from_secs(60),
    };
    let (to, events) = channel();
    let deliver = Arc::new(move |event| {
        let _ = to.send(event);
        Ok(())
    });
    let engine = Engine::start(config, deliver, Arc::new(|_| ()), Rng::from_seed(1));
    let mut engine = engine.map_err(|error| io::Error::other(error.to_string()))?;
    let mut peers = open(&mut engine, &events, load, members)?;
    generate(&mut peers, WARM);
    let before = (on_cpu("rtp-0")?, engine.figures().rows()[0].sent);
    generate(&mut peers, span);
    let after = (on_cpu("rtp-0")?, engine.figures().rows()[0].sent);
    let (cost, packets) = (after.0 - before.0, (after.1 - before.1).max(1));
    let expected = members * span.as_millis() as u64 / 20;
    if packets < expected * 9 / 10 {
        return Err(io::Error::other(format!("{load:?}: {packets} packets, not {expected}")));
    }
    let seconds = span.as_secs_f64();
    Ok((cost.as_secs_f64() * 1e6 / packets as f64, cost.as_secs_f64() * 1e3 / seconds))
}

/// Opens the legs and brings them together.
fn open(
    engine: &mut Engine,
    events: &Receiver<Event>,
    load: Load,
    members: u64,
) -> io::Result<Vec<Peer>> {
    let codec = load.codec();
    let (speech, noise) = (payloads(codec, true), payloads(codec, false));
    let mut peers = Vec::new();
    for n in 0..members {
        let (leg, group) = (LegId(n), CallId::new(Wall(1), n / 2));
        engine.send(Command::Open { leg, group, near: ADDRESS });
        engine.flush();
        let port = loop {
            match events.recv_timeout(Duration::from_secs(10)) {
                Ok(Event::Opened { rtp, .. }) => break rtp,
                Ok(Event::OpenFailed { why, .. }) => {
                    return Err(io::Error::other(format!("{why:?}")));
                }
                Ok(_) => {}
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        };
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        engine.send(Command::Set { leg, params: params(codec, socket.local_addr()?) });
        let payloads = if n < SPEAK { speech.clone() } else { noise.clone() };
        peers.push(Peer { port, socket, payloads, codec, ssrc: n as u32 + 1, count: 0 });
        let gain_out_db = if matches!(load, Load::Apart(_)) { n as i8 - 50 } else { 0 };
        match load {
            Load::Relay if n % 2 == 1 => {
                engine.send(Command::Bridge { a: LegId(n - 1), b: leg });
            }
            Load::Relay => {}
            Load::Room(_) | Load::Apart(_) => {
                let membership = Membership { gain_out_db, ..Membership::PARTY };
                engine.send(Command::Join { leg, room: RoomId(1), membership });
            }
        }
    }
    engine.flush();
    Ok(peers)
}

fn params(codec: Codec, remote: SocketAddr) -> StreamParams {
    let pt = if codec == Codec::Pcma { 8 } else { 96 };
    StreamParams {
        remote: Some(remote),
        remote_rtcp: None,
        codec,
        send_pt: pt,
        recv_pt: pt,
        others: Default::default(),
        carriage: Default::default(),
        noise: false,
        max_ptime_ms: None,
        dtmf_send_pt: None,
        key_tones: true,
        dtmf_recv_pt: None,
        event_clock_hz: codec.clock_rate(),
        opus: OpusTerms::default(),
        ptime_ms: 20,
        send: true,
        receive: true,
        xr: false,
        inband_dtmf: false,
        inband_until_event: false,
        srtp: None,
    }
}

/// Sends from all peers for `span`, spread over the packet time.
fn generate(peers: &mut [Peer], span: Duration) {
    let begun = Instant::now();
    for slice in 0.. {
        let due = PTIME / SLICES as u32 * slice;
        if due >= span {
            break;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        for peer in peers.iter_mut().skip(slice as usize % SLICES).step_by(SLICES) {
            peer.drain();
            peer.send();
        }
    }
}

/// How long the thread of that name has been on a CPU.
fn on_cpu(name: &str) -> io::Result<Duration> {
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == name {
            let stat = fs::read_to_string(task.join("schedstat"))?;
            let nanos = stat.split_whitespace().next().and_then(|n| n.parse().ok());
            return nanos.map(Duration::from_nanos).ok_or(io::ErrorKind::InvalidData.into());
        }
    }
    Err(io::ErrorKind::NotFound.into())
}
