//! What a relayed packet costs: both backends, with real sockets on loopback.
//!
//! `cargo bench --bench relay` (arguments: `--calls 50,500 --seconds 4`). Each call is two legs of G.711
//! that hear each other; a generator on another core sends a packet a leg every 20 ms, spread over the
//! time, and receives what is relayed. The cost is the worker thread's time on the CPU (user and system,
//! from the scheduler), divided by the packets that it forwarded. Loopback charges the receiver's part
//! of the kernel to the sender, so take the ratios, not the figures.

#![allow(clippy::disallowed_methods, reason = "a bench owns its sockets, threads and clocks")]

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use belfry::base::{CallId, LegId, Rng, Wall};
use belfry::engine::backend::uring;
use belfry::engine::{Choice, Clips, Engine, EngineConfig};
use belfry::media::control::{Codec, Command, Event, OpusTerms, StreamParams};

/// Where everything happens.
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PTIME: Duration = Duration::from_millis(20);
/// Parts of a packet time in each of which a part of the legs sends.
const SLICES: usize = 20;
const WARM: Duration = Duration::from_secs(1);

/// One leg's peer.
struct Peer {
    leg: LegId,
    port: SocketAddr,
    socket: UdpSocket,
    packet: [u8; 172],
    count: u32,
}

impl Peer {
    fn send(&mut self) {
        self.count += 1;
        self.packet[2..4].copy_from_slice(&(self.count as u16).to_be_bytes());
        self.packet[4..8].copy_from_slice(&(self.count * 160).to_be_bytes());
        let _ = self.socket.send_to(&self.packet, self.port);
    }
    fn drain(&self) -> u64 {
        let mut buf = [0; 2_048];
        std::iter::from_fn(|| self.socket.recv(&mut buf).ok()).count() as u64
    }
}

fn argument(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1)
}

fn main() -> io::Result<()> {
    let calls = argument("--calls").unwrap_or_else(|| "50,500".into());
    let seconds = argument("--seconds").and_then(|s| s.parse().ok()).unwrap_or(4);
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "| backend | calls | packets/s | CPU µs a packet | syscalls a packet | relayed |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for choice in [Choice::Epoll, Choice::IoUring] {
        if let (Choice::IoUring, Err(error)) = (choice, uring::probe()) {
            writeln!(out, "| io-uring | – | not to be had here: {error} | | | |")?;
            continue;
        }
        for calls in calls.split(',').filter_map(|n| n.trim().parse().ok()) {
            writeln!(out, "{}", measure(choice, calls, Duration::from_secs(seconds))?)?;
        }
    }
    Ok(())
}

fn measure(choice: Choice, calls: u64, span: Duration) -> io::Result<String> {
    let dir = tempfile::tempdir()?;
    let config = EngineConfig {
        addresses: vec![ADDRESS],
        ports: (20_000, 29_999),
        pairs: 2 * calls as usize,
        workers: Some(1),
        backend: choice,
        recordings: dir.path().to_owned(),
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
    let mut peers = bridge(&mut engine, &events, calls)?;

    generate(&mut peers, WARM);
    let before = (on_cpu("rtp-0")?, engine.figures().rows()[0].clone());
    let begun = Instant::now();
    let (sent, heard) = generate(&mut peers, span);
    let seconds = begun.elapsed().as_secs_f64();
    let after = (on_cpu("rtp-0")?, engine.figures().rows()[0].clone());
    let packets = (after.1.sent - before.1.sent).max(1) as f64;
    let cost = (after.0 - before.0).as_secs_f64() * 1e6 / packets;
    let syscalls = (after.1.calls - before.1.calls) as f64 / packets;
    let (backend, relayed) = (after.1.backend, 100.0 * heard as f64 / sent.max(1) as f64);
    let rate = packets / seconds;
    Ok(format!("| {backend} | {calls} | {rate:.0} | {cost:.2} | {syscalls:.3} | {relayed:.1} % |"))
}

/// Opens the calls and joins their legs.
fn bridge(engine: &mut Engine, events: &Receiver<Event>, calls: u64) -> io::Result<Vec<Peer>> {
    let mut peers = Vec::new();
    for leg in 0..2 * calls {
        let (id, group) = (LegId(leg), CallId::new(Wall(1), leg / 2));
        engine.send(Command::Open { leg: id, group, near: ADDRESS });
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
        let params = StreamParams {
            remote: Some(socket.local_addr()?),
            remote_rtcp: None,
            codec: Codec::Pcma,
            send_pt: 8,
            recv_pt: 8,
            recv_other_pt: None,
            dtmf_send_pt: None,
            key_tones: true,
            xr: false,
            dtmf_recv_pt: None,
            event_clock_hz: 8_000,
            opus: OpusTerms::default(),
            ptime_ms: 20,
            send: true,
            receive: true,
            inband_dtmf: false,
        };
        engine.send(Command::Set { leg: id, params });
        let mut packet = [0xd5; 172];
        packet[..2].copy_from_slice(&[0x80, 8]);
        packet[8..12].copy_from_slice(&(leg as u32 + 1).to_be_bytes());
        peers.push(Peer { leg: id, port, socket, packet, count: 0 });
    }
    for pair in peers.chunks(2) {
        engine.send(Command::Bridge { a: pair[0].leg, b: pair[1].leg });
    }
    Ok(peers)
}

/// Sends from all peers for `span`; how many went out and how many came back.
fn generate(peers: &mut [Peer], span: Duration) -> (u64, u64) {
    let (begun, mut sent, mut heard) = (Instant::now(), 0, 0);
    for slice in 0.. {
        let due = PTIME / SLICES as u32 * slice;
        if due >= span {
            break;
        }
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        for peer in peers.iter_mut().skip(slice as usize % SLICES).step_by(SLICES) {
            heard += peer.drain();
            peer.send();
            sent += 1;
        }
    }
    std::thread::sleep(PTIME);
    (sent, heard + peers.iter().map(Peer::drain).sum::<u64>())
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
