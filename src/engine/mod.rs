//! Floor 5: the RTP workers, their ports and I/O backends, the prompts in memory, the disk thread.
//!
//! ```text
//!  switch ─ Engine::send ─▶ clips resolved ─▶ ring ─▶ rtp-N: Worker { Plane, Backend } ─▶ events
//!         └ Engine::open_recording ─────────────────▶ disk ◀── ring of taps ──┘
//! ```
//!
//! All legs of one call live on one worker. The handle belongs to the switch's thread; it never
//! waits: what a worker's ring cannot take is kept here and offered again.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the sockets, files, threads and the clock of the RTP workers"
)]

pub mod address;
pub mod backend;
pub mod clips;
pub mod disk;
pub mod pool;
pub mod worker;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::bounded;
use rtrb::{Producer, RingBuffer};
use serde::Serialize;

use self::backend::{Backend, Epoll, Uring, Wake};
use self::disk::storage::{Directory, Repaired};
use self::disk::{Disk, ring};
use self::pool::{Pair, Pool, PoolError};
use self::worker::{Counters, Deliver, Worker, pin};
use crate::base::{CallId, Duration, LegId, RecordingId, Rng};
use crate::media::control::{Command, Event, NoPort, PlayEnd};
use crate::media::{Clip, Plane, PlaneConfig, PortIndex};

pub use self::clips::{ClipFault, Clips};
pub use self::disk::{DiskEvent, OpenRecording};

/// Commands that a worker's ring holds.
const RING: usize = 8_192;
/// Commands that may wait for room in it.
const MOST_WAITING: usize = 65_536;
/// Bytes of recorded audio on the way from a worker to the disk: ten seconds of 200 channels.
const TAP_BYTES: usize = 16 << 20;

/// By what the workers get their packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// io-uring where the kernel permits it, else epoll.
    Auto,
    /// io-uring.
    IoUring,
    /// epoll, by mio.
    Epoll,
}

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The address that SDP offers.
    pub address: IpAddr,
    /// First and last RTP port.
    pub ports: (u16, u16),
    /// Pairs of ports to open at most.
    pub pairs: usize,
    /// Workers; `None`: one for each core but one.
    pub workers: Option<usize>,
    /// Their backend.
    pub backend: Choice,
    /// The directory of recordings.
    pub recordings: PathBuf,
    /// The prompts.
    pub clips: Clips,
    /// A leg from which nothing has come for so long is told of.
    pub rtp_lost_after: Duration,
}

/// Why the engine did not start.
#[derive(Debug)]
pub enum StartError {
    /// There are no ports.
    Ports(PoolError),
    /// The directory of recordings cannot be used.
    Recordings(PathBuf, io::Error),
    /// A worker has no backend.
    Backend(io::Error),
    /// A thread could not be started.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Ports(error) => error.fmt(f),
            StartError::Recordings(dir, error) => {
                write!(f, "{}: {error}; correct [record] dir, or make it Belfry's", dir.display())
            }
            StartError::Backend(error) => {
                write!(f, "RTP workers: {error}; write backend = \"mio\" in [media]")
            }
            StartError::Thread(error) => write!(f, "RTP workers: no thread: {error}"),
        }
    }
}
impl std::error::Error for StartError {}

/// One worker as the console shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WorkerRow {
    /// `rtp-0` …
    pub name: String,
    /// `io-uring` or `epoll`.
    pub backend: &'static str,
    /// Whether it is kept on one core.
    pub pinned: bool,
    /// Its ports.
    pub ports: usize,
    /// Legs now.
    pub legs: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the kernel refused.
    pub send_errors: u64,
    /// System calls.
    pub calls: u64,
    /// Turns.
    pub turns: u64,
    /// Ticks that came more than 10 ms late.
    pub late_ticks: u64,
    /// Recorded blocks that were dropped.
    pub taps_dropped: u64,
    /// Events that were dropped.
    pub events_dropped: u64,
}

/// The figures of all workers, for whoever may look.
#[derive(Clone)]
pub struct Figures(Arc<Vec<(String, Running, Arc<Counters>)>>);

impl Figures {
    /// As they stand.
    pub fn rows(&self) -> Vec<WorkerRow> {
        let row = |(name, running, c): &(String, Running, Arc<Counters>)| WorkerRow {
            name: name.clone(),
            backend: running.backend,
            pinned: running.pinned,
            ports: running.ports,
            legs: c.legs.load(Relaxed),
            received: c.received.load(Relaxed),
            sent: c.sent.load(Relaxed),
            send_errors: c.send_errors.load(Relaxed),
            calls: c.calls.load(Relaxed),
            turns: c.turns.load(Relaxed),
            late_ticks: c.late_ticks.load(Relaxed),
            taps_dropped: c.taps_dropped.load(Relaxed),
            events_dropped: c.events_dropped.load(Relaxed),
        };
        self.0.iter().map(row).collect()
    }
}

/// How a worker came up.
#[derive(Clone, Copy, Debug)]
struct Running {
    backend: &'static str,
    pinned: bool,
    ports: usize,
}

/// One worker, seen from the handle.
struct Handle {
    commands: Producer<Command<Arc<Clip>>>,
    /// What found no room in the ring.
    waiting: VecDeque<Command<Arc<Clip>>>,
    wake: Wake,
    legs: usize,
    thread: Option<JoinHandle<()>>,
}

/// The engine.
pub struct Engine {
    workers: Vec<Handle>,
    stop: Arc<AtomicBool>,
    figures: Figures,
    clips: Clips,
    deliver: Deliver,
    /// The worker of each call, and its open legs.
    groups: HashMap<CallId, (usize, usize)>,
    legs: HashMap<LegId, (usize, CallId)>,
    recordings: HashMap<RecordingId, usize>,
    disk: Disk,
    tell: Arc<dyn Fn(DiskEvent) + Send + Sync>,
    repaired: Vec<Repaired>,
    taken: usize,
}

impl Engine {
    /// Opens the ports and starts the threads. `deliver` must not wait; `tell` may.
    pub fn start(
        config: EngineConfig,
        deliver: Deliver,
        tell: Arc<dyn Fn(DiskEvent) + Send + Sync>,
        mut rng: Rng,
    ) -> Result<Engine, StartError> {
        let files = pool::raise_file_limit();
        // Two files a pair; what is left serves SIP, recordings and the database.
        let affordable =
            usize::try_from(files / 2).unwrap_or(usize::MAX).saturating_sub(256).max(16);
        let (first, last) = config.ports;
        let pool = pool::open(config.address, first, last, config.pairs.min(affordable));
        let Pool { pairs, taken } = pool.map_err(StartError::Ports)?;
        let (directory, repaired) = Directory::open(&config.recordings)
            .map_err(|error| StartError::Recordings(config.recordings.clone(), error))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = config.workers.unwrap_or(cores.saturating_sub(1)).clamp(1, pairs.len());
        let stop = Arc::new(AtomicBool::new(false));
        let (mut workers, mut rings, mut figures) = (Vec::new(), Vec::new(), Vec::new());
        for (n, pairs) in shared_out(pairs, count).into_iter().enumerate() {
            let (taps, from) = ring::ring(TAP_BYTES);
            rings.push(from);
            let plane_config =
                PlaneConfig { rtp_lost_after: config.rtp_lost_after, ..PlaneConfig::default() };
            let seed = Seed {
                name: format!("rtp-{n}"),
                // The first core is left to everything else where there are several.
                core: if cores > 1 { 1 + n % (cores - 1) } else { 0 },
                pairs,
                plane: Plane::new(plane_config, rng.split()),
                taps,
                deliver: deliver.clone(),
                stop: stop.clone(),
            };
            let (handle, row) = seed.grow(config.backend)?;
            workers.push(handle);
            figures.push(row);
        }
        let disk =
            Disk::start(Box::new(directory), rings, tell.clone()).map_err(StartError::Thread)?;
        Ok(Engine {
            workers,
            stop,
            figures: Figures(Arc::new(figures)),
            clips: config.clips,
            deliver,
            groups: HashMap::new(),
            legs: HashMap::new(),
            recordings: HashMap::new(),
            disk,
            tell,
            repaired,
            taken,
        })
    }

    /// Recordings that the last run had left unfinished and that were made whole.
    pub fn repaired(&self) -> &[Repaired] {
        &self.repaired
    }
    /// Pairs of the range of which another program has a port.
    pub fn taken_ports(&self) -> usize {
        self.taken
    }
    /// The workers' figures.
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }
    /// Other prompts from now on; what plays goes on with the old.
    pub fn set_clips(&mut self, clips: Clips) {
        self.clips = clips;
    }

    /// A recording is about to begin.
    pub fn open_recording(&self, open: OpenRecording) {
        if let Some(event) = self.disk.open(open) {
            (self.tell)(event);
        }
    }

    /// Carries out a command of the switch.
    pub fn send(&mut self, command: Command<String>) {
        let Some(worker) = self.worker_of(&command) else { return };
        if let Command::Play { leg, play, .. } = &command {
            let (leg, play) = (*leg, *play);
            let clips = &self.clips;
            match command.map_clips(|name| clips.get(&name).ok_or(name)) {
                Ok(command) => self.hand_on(worker, command),
                Err(name) => self.say(Event::PlayDone { leg, play, end: PlayEnd::Missing(name) }),
            }
            return;
        }
        let open = match &command {
            Command::Open { leg, .. } => Some(*leg),
            _ => None,
        };
        if let Some(leg) = open.filter(|_| self.workers[worker].waiting.len() >= MOST_WAITING) {
            return self.say(Event::OpenFailed { leg, why: NoPort::Overloaded });
        }
        // Only a play has clips.
        if let Ok(command) = command.map_clips(|name: String| Err::<Arc<Clip>, String>(name)) {
            self.hand_on(worker, command);
        }
    }

    /// Which worker a command is for. `None`: its leg is gone.
    fn worker_of(&mut self, command: &Command<String>) -> Option<usize> {
        match command {
            Command::Open { leg, group } => {
                let fewest = (0..self.workers.len()).min_by_key(|n| self.workers[*n].legs)?;
                let (worker, legs) = self.groups.entry(*group).or_insert((fewest, 0));
                *legs += 1;
                self.legs.insert(*leg, (*worker, *group));
                self.workers[*worker].legs += 1;
                Some(*worker)
            }
            Command::Close { leg } => {
                let (worker, group) = self.legs.remove(leg)?;
                self.workers[worker].legs -= 1;
                if let Some((_, legs)) = self.groups.get_mut(&group) {
                    *legs -= 1;
                    if *legs == 0 {
                        self.groups.remove(&group);
                    }
                }
                Some(worker)
            }
            Command::Record { recording, left, .. } => {
                let (worker, _) = *self.legs.get(left)?;
                self.recordings.insert(*recording, worker);
                Some(worker)
            }
            Command::StopRecord { recording } => self.recordings.remove(recording),
            Command::SetRecordRight { recording, .. } | Command::PauseRecord { recording, .. } => {
                self.recordings.get(recording).copied()
            }
            Command::Bridge { a: leg, .. }
            | Command::Set { leg, .. }
            | Command::Unbridge { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg }
            | Command::SendDigits { leg, .. } => Some(self.legs.get(leg)?.0),
        }
    }

    fn hand_on(&mut self, worker: usize, command: Command<Arc<Clip>>) {
        let handle = &mut self.workers[worker];
        handle.waiting.push_back(command);
        handle.flush();
    }

    /// Offers again what found no room in a worker's ring; to be called now and then.
    pub fn flush(&mut self) {
        self.workers.iter_mut().for_each(Handle::flush);
    }

    /// Tells the switch from here; its own queue is full only when nothing helps any more.
    fn say(&self, event: Event) {
        let _ = (self.deliver)(event);
    }

    /// Ends the workers, then the recordings, which are on the disk when this returns.
    pub fn stop(mut self) {
        self.end_workers();
    }

    fn end_workers(&mut self) {
        self.stop.store(true, Relaxed);
        for worker in &mut self.workers {
            worker.wake.wake();
        }
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end_workers();
    }
}

impl Handle {
    fn flush(&mut self) {
        let mut sent = false;
        while let Some(command) = self.waiting.pop_front() {
            match self.commands.push(command) {
                Ok(()) => sent = true,
                Err(rtrb::PushError::Full(command)) => {
                    self.waiting.push_front(command);
                    break;
                }
            }
        }
        if sent {
            self.wake.wake();
        }
    }
}

/// Deals the pairs out to `count` workers, one each in turn.
fn shared_out(pairs: Vec<Pair>, count: usize) -> Vec<Vec<Pair>> {
    let mut shares: Vec<Vec<Pair>> = (0..count).map(|_| Vec::new()).collect();
    for (n, pair) in pairs.into_iter().enumerate() {
        shares[n % count].push(pair);
    }
    shares
}

/// What a worker is made of, before its thread runs.
struct Seed {
    name: String,
    core: usize,
    pairs: Vec<Pair>,
    plane: Plane,
    taps: ring::TapSender,
    deliver: Deliver,
    stop: Arc<AtomicBool>,
}

type Grown = (Handle, (String, Running, Arc<Counters>));

impl Seed {
    /// Starts the thread, which opens its backend itself; waits for that.
    fn grow(mut self, choice: Choice) -> Result<Grown, StartError> {
        let wake = Wake::new().map_err(StartError::Backend)?;
        let (commands, from) = RingBuffer::new(RING);
        let counters = Arc::new(Counters::default());
        let ports = self.pairs.len();
        let mut sockets: Vec<UdpSocket> = Vec::with_capacity(2 * ports);
        for (n, pair) in std::mem::take(&mut self.pairs).into_iter().enumerate() {
            self.plane.add_port(PortIndex(n as u32), pair.rtp);
            sockets.extend(pair.sockets);
        }
        let (up, came_up) = bounded(1);
        let (name, core) = (self.name.clone(), self.core);
        let thread = std::thread::Builder::new()
            .name(name.clone())
            .spawn({
                let (wake, counters) = (wake.clone(), counters.clone());
                move || {
                    let pinned = pin(core);
                    let parts = Parts { seed: self, commands: from, counters };
                    parts.run(choice, sockets, wake, |result| {
                        let _ = up.send(result.map(|backend| Running { backend, pinned, ports }));
                    });
                }
            })
            .map_err(StartError::Thread)?;
        let running = match came_up.recv() {
            Ok(Ok(running)) => running,
            Ok(Err(error)) => return Err(StartError::Backend(error)),
            Err(_) => {
                return Err(StartError::Backend(io::Error::other("the worker ended at once")));
            }
        };
        let handle =
            Handle { commands, waiting: VecDeque::new(), wake, legs: 0, thread: Some(thread) };
        Ok((handle, (name, running, counters)))
    }
}

/// A worker's parts within its own thread.
struct Parts {
    seed: Seed,
    commands: rtrb::Consumer<Command<Arc<Clip>>>,
    counters: Arc<Counters>,
}

impl Parts {
    fn run(
        self,
        choice: Choice,
        sockets: Vec<UdpSocket>,
        wake: Wake,
        up: impl FnOnce(io::Result<&'static str>),
    ) {
        if choice != Choice::Epoll {
            let own = sockets.iter().map(UdpSocket::try_clone).collect::<io::Result<Vec<_>>>();
            match own.and_then(|own| Uring::open(own, wake.clone())) {
                Ok(backend) => {
                    drop(sockets);
                    up(Ok("io-uring"));
                    return self.with(backend);
                }
                Err(error) if choice == Choice::IoUring => return up(Err(error)),
                Err(_) => {}
            }
        }
        match Epoll::open(sockets, wake) {
            Ok(backend) => {
                up(Ok("epoll"));
                self.with(backend);
            }
            Err(error) => up(Err(error)),
        }
    }

    fn with<B: Backend>(self, backend: B) {
        let Seed { plane, taps, deliver, stop, .. } = self.seed;
        let worker = Worker {
            backend,
            plane,
            commands: self.commands,
            deliver,
            tap: taps,
            counters: self.counters,
            stop,
            began: Instant::now(),
            waiting: VecDeque::new(),
        };
        worker.run();
    }
}
