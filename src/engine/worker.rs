//! One RTP worker: a pinned thread around a [`Plane`] and its sockets.
//!
//! ```text
//!  commands (ring) ─▶ plane ─▶ wait: 1 ms, 5 ms under load, until woken when nobody talks
//!      ▲                │                    │
//!      └── next turn ◀──┴── tick, events ◀── harvest: datagrams in, forwarded from the same buffer
//! ```
//!
//! Never waits for another thread: an event that the switch cannot take now is offered again in the
//! next turn; a recorded block that finds no room is dropped and counted.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rtrb::Consumer;

use super::backend::{Backend, DATAGRAM_BYTES, Forward, Receive, Wait};
use super::disk::ring::TapSender;
use crate::base::Time;
use crate::media::control::{Command, Event};
use crate::media::{Clip, Disposition, Kind, Plane, PortIndex, TapBlock, Transmit};

/// A turn with few legs.
const SHORT_TURN: Duration = Duration::from_millis(1);
/// A turn with many.
const LONG_TURN: Duration = Duration::from_millis(5);
/// More legs than this are many.
const MANY_LEGS: usize = 100;
/// A turn without legs: until woken, at most this long.
const IDLE: Duration = Duration::from_millis(500);
/// A tick that comes this much too late is counted.
const LATE: Duration = Duration::from_millis(10);
/// Events that may wait for the switch.
const MOST_WAITING: usize = 65_536;

/// Hands an event to the switch, or gives it back when it cannot be taken now.
pub type Deliver = Arc<dyn Fn(Event) -> Result<(), Event> + Send + Sync>;

/// A worker's figures since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Legs now.
    pub legs: AtomicU64,
    /// Datagrams received.
    pub received: AtomicU64,
    /// Datagrams sent.
    pub sent: AtomicU64,
    /// Datagrams that the kernel refused to send.
    pub send_errors: AtomicU64,
    /// System calls.
    pub calls: AtomicU64,
    /// Turns.
    pub turns: AtomicU64,
    /// Ticks that came more than 10 ms too late.
    pub late_ticks: AtomicU64,
    /// Recorded blocks that found no room on their way to the disk.
    pub taps_dropped: AtomicU64,
    /// Events that found no room on their way to the switch.
    pub events_dropped: AtomicU64,
}

/// What a worker's thread owns.
pub(super) struct Worker<B: Backend> {
    pub(super) backend: B,
    pub(super) plane: Plane,
    pub(super) commands: Consumer<Command<Arc<Clip>>>,
    pub(super) deliver: Deliver,
    pub(super) tap: TapSender,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) began: Instant,
    pub(super) waiting: VecDeque<Event>,
}

impl<B: Backend> Worker<B> {
    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        let mut staged = Staged::new();
        while !self.stop.load(Relaxed) {
            let now = self.now();
            while let Ok(command) = self.commands.pop() {
                self.plane.command(now, command);
            }
            self.tick(now);
            let legs = self.plane.leg_count();
            self.backend.wait(patience(legs, self.waiting.is_empty()));
            let now = self.now();
            let mut harvest =
                Harvest { plane: &mut self.plane, tap: &mut self.tap, staged: &mut staged, now };
            self.backend.harvest(&mut harvest);
            staged.send(&mut self.backend);
            self.tick(now);
            self.tell();
            self.tap.flush();
            self.count(legs);
        }
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    fn tick(&mut self, now: Time) {
        let due = self.plane.next_tick();
        if due > now {
            return;
        }
        if now.since(due) > LATE {
            self.counters.late_ticks.fetch_add(1, Relaxed);
        }
        self.plane.tick(now, &mut Out { backend: &mut self.backend, tap: &mut self.tap });
    }

    /// Tells the switch what happened, in order.
    fn tell(&mut self) {
        while let Some(event) = self.plane.poll_event() {
            if let Event::RecordStopped { recording, samples } = event {
                self.tap.stop(recording, samples);
            }
            match self.waiting.len() < MOST_WAITING {
                true => self.waiting.push_back(event),
                false => _ = self.counters.events_dropped.fetch_add(1, Relaxed),
            }
        }
        while let Some(event) = self.waiting.pop_front() {
            if let Err(event) = (self.deliver)(event) {
                return self.waiting.push_front(event);
            }
        }
    }

    fn count(&self, legs: usize) {
        let counts = self.backend.counts();
        self.counters.legs.store(legs as u64, Relaxed);
        self.counters.received.store(counts.received, Relaxed);
        self.counters.sent.store(counts.sent, Relaxed);
        self.counters.send_errors.store(counts.send_errors, Relaxed);
        self.counters.calls.store(counts.calls, Relaxed);
        self.counters.taps_dropped.store(self.tap.dropped(), Relaxed);
        self.counters.turns.fetch_add(1, Relaxed);
    }
}

/// How long to wait: by time while there are legs, else until something happens.
fn patience(legs: usize, all_told: bool) -> Wait {
    match legs {
        0 if all_told => Wait::Event(IDLE),
        0..=MANY_LEGS => Wait::Time(SHORT_TURN),
        _ => Wait::Time(LONG_TURN),
    }
}

/// A port's RTP socket is the even one of its pair.
fn socket_of(port: PortIndex, kind: Kind) -> u32 {
    port.0 * 2 + u32::from(kind == Kind::Rtcp)
}

/// Takes what was received to the plane.
struct Harvest<'a> {
    plane: &'a mut Plane,
    tap: &'a mut TapSender,
    staged: &'a mut Staged,
    now: Time,
}

impl Receive for Harvest<'_> {
    fn datagram(
        &mut self,
        socket: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        let kind = if socket & 1 == 0 { Kind::Rtp } else { Kind::Rtcp };
        let mut out = Aside { tap: self.tap, staged: self.staged };
        match self.plane.receive(self.now, PortIndex(socket / 2), kind, from, buf, len, &mut out) {
            Disposition::Forward { port, to, len } => {
                Some(Forward { socket: socket_of(port, Kind::Rtp), to, len })
            }
            _ => None,
        }
    }
}

/// Where a receive's taps go, and packets of the plane's own, which wait until the harvest is over.
struct Aside<'a> {
    tap: &'a mut TapSender,
    staged: &'a mut Staged,
}

impl Transmit for Aside<'_> {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.staged.push(socket_of(port, kind), to, bytes);
    }
    fn tap(&mut self, block: TapBlock<'_>) {
        self.tap.block(&block);
    }
}

/// A few packets that were made during a harvest; more than fit are dropped, as a network would.
struct Staged {
    packets: Vec<(u32, SocketAddr, usize)>,
    bytes: Vec<u8>,
}

/// How many fit.
const STAGED: usize = 64;

impl Staged {
    fn new() -> Staged {
        Staged {
            packets: Vec::with_capacity(STAGED),
            bytes: Vec::with_capacity(STAGED * DATAGRAM_BYTES),
        }
    }
    fn push(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        if self.packets.len() < STAGED && bytes.len() <= DATAGRAM_BYTES {
            self.packets.push((socket, to, bytes.len()));
            self.bytes.extend_from_slice(bytes);
        }
    }
    fn send(&mut self, backend: &mut impl Backend) {
        let mut at = 0;
        for (socket, to, len) in self.packets.drain(..) {
            backend.send(socket, to, &self.bytes[at..at + len]);
            at += len;
        }
        self.bytes.clear();
    }
}

/// Where the tick's packets and taps go.
struct Out<'a, B: Backend> {
    backend: &'a mut B,
    tap: &'a mut TapSender,
}

impl<B: Backend> Transmit for Out<'_, B> {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.backend.send(socket_of(port, kind), to, bytes);
    }
    fn tap(&mut self, block: TapBlock<'_>) {
        self.tap.block(&block);
    }
}

/// Keeps the calling thread on one core. Not being allowed to is no error: it only costs evenness.
#[allow(unsafe_code, reason = "sched_setaffinity has no safe wrapper in std")]
pub(super) fn pin(core: usize) -> bool {
    // SAFETY: an all-zero cpu_set_t is an empty set; CPU_SET stays within it, since `core` is
    // bounded; the call reads the set and nothing else.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core.min(libc::CPU_SETSIZE as usize - 1), &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0
    }
}
