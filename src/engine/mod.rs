//! Floor 5: the RTP workers, their ports and I/O backends, the prompts in memory, the disk thread.
//!
//! ```text
//!  switch ─ Engine::send ─▶ clips resolved ─▶ ring ─▶ rtp-N: Worker { Plane, Backend } ─▶ events
//!         └ Engine::open_recording ─────────────────▶ disk ◀─── pieces ───┘
//! ```
//!
//! All legs of one call live on one worker; a room's may live on several ([`links`]). The handle belongs to
//! the switch's thread; it never waits: what a worker's ring cannot take is kept here and offered again.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the sockets, files, threads and the clock of the RTP workers"
)]

pub mod address;
pub mod backend;
mod choice;
pub mod clips;
pub mod disk;
pub mod dtls;
pub mod figures;
mod links;
pub mod pinning;
pub mod pool;
mod prefetch;
mod roster;
mod staged;
mod start;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Instant;

use rtrb::{Consumer, Producer};

use self::backend::Wake;
use self::choice::Settled;
use self::disk::archive::Archivist;
use self::disk::background::Background;
use self::disk::envelope::Vault;
use self::disk::keys::Keys;
use self::disk::ring::TapReceiver;
use self::disk::seal::Sealer;
use self::disk::storage::{Directory, Repaired};
use self::disk::{Disk, archive, pack, ring, seal};
use self::dtls::thread::Desk;
use self::links::Links;
use self::pool::{Pair, PoolError};
use self::roster::{For, Roster};
use self::start::{Nursery, Shown};
use crate::base::{Duration, LegId, PlayId, Rng, RoomId};
use crate::media::Clip;
use crate::media::control::{Command, Event, NoPort, PlayEnd};
use crate::media::room::partial::MOST_WORKERS;
use crate::record::retention::Retention;
use crate::wire::sdp::Fingerprint;

pub use self::choice::Choice;
pub use self::clips::{ClipFault, Clips};
pub use self::disk::{DiskEvent, OpenRecording};
pub use self::figures::{Figures, WorkerRow};
pub use self::pinning::clock_is_synchronised;
pub use self::worker::Deliver;

/// Commands that a worker's ring holds.
const RING: usize = 8_192;
/// Commands that may wait for room in it.
const MOST_WAITING: usize = 65_536;
/// Bytes of recorded audio that can be on the way from a worker to the disk: two seconds of 500 calls.
const TAP_BYTES: usize = 16 << 20;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Our addresses, one in each network: each has ports of its own.
    pub addresses: Vec<IpAddr>,
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
    /// With which recordings are encrypted and read.
    pub keys: Keys,
    /// The prompts.
    pub clips: Clips,
    /// What is shown in DTLS handshakes; `None`: no leg may agree on DTLS.
    pub dtls: Option<dtls::Identity>,
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
                write!(f, "RTP workers: {error}; write backend = \"auto\" in [media]")
            }
            StartError::Thread(error) => write!(f, "RTP workers: no thread: {error}"),
        }
    }
}
impl std::error::Error for StartError {}

/// Whose playback it is of which a clip is not there.
enum Missed {
    Leg(LegId, PlayId),
    Aside(LegId, PlayId),
    Room(RoomId, PlayId),
}

impl Missed {
    /// What a command would play, if anything.
    fn of(command: &Command<String>) -> Option<Missed> {
        match command {
            Command::Play { leg, play, .. } => Some(Missed::Leg(*leg, *play)),
            Command::Aside { leg, play, .. } => Some(Missed::Aside(*leg, *play)),
            Command::PlayRoom { room, play, .. } => Some(Missed::Room(*room, *play)),
            _ => None,
        }
    }
}

/// One worker, seen from the handle.
struct Handle {
    commands: Producer<Command<Arc<Clip>>>,
    /// What found no room in the ring.
    waiting: VecDeque<Command<Arc<Clip>>>,
    /// Legs that it had no port for.
    failed: Consumer<LegId>,
    /// A command is in the ring of which it was not told yet.
    told: bool,
    wake: Wake,
    thread: Option<JoinHandle<()>>,
}

/// The running workers; when dropped, they have ended.
#[derive(Default)]
struct Crew {
    workers: Vec<Handle>,
    stop: Arc<AtomicBool>,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for worker in &self.workers {
            worker.wake.wake();
        }
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// The engine. When dropped, its workers have ended and its recordings are on the disk.
pub struct Engine {
    // First, so that the workers end before the disk that they write to.
    crew: Crew,
    desk: Option<Desk>,
    fingerprint: Option<Fingerprint>,
    /// The legs that have a handshake, and those whose end it has still to be told.
    handshakes: HashSet<LegId>,
    ended: Vec<LegId>,
    figures: Figures,
    clips: Clips,
    deliver: Deliver,
    roster: Roster,
    disk: Disk,
    archivist: Archivist,
    packer: Background<Option<Duration>>,
    sealer: Sealer,
    repaired: Vec<Repaired>,
    taken: usize,
}

/// Starts a worker for each share of the ports, on a backend that may have been asked for by name; gives what each shows,
/// and from where its recordings come.
fn hire(
    crew: &mut Crew,
    nursery: &mut Nursery,
    shares: Vec<Vec<Pair>>,
    (settled, by_name): (&Settled, bool),
    mut rng: Rng,
) -> Result<(Vec<Shown>, Vec<TapReceiver>), StartError> {
    let (mut figures, mut rings) = (Vec::new(), Vec::new());
    for (n, pairs) in shares.into_iter().enumerate() {
        let (taps, from) = ring::ring(TAP_BYTES);
        rings.push(from);
        let seed = nursery.seed(n, pairs, taps, rng.split());
        let (handle, shown) = seed.grow(settled.clone(), by_name)?;
        crew.workers.push(handle);
        figures.push(shown);
    }
    Ok((figures, rings))
}

impl Engine {
    /// Opens the ports and starts the threads. `deliver` must not wait; `tell` may.
    pub fn start(
        config: EngineConfig,
        deliver: Deliver,
        tell: Arc<dyn Fn(DiskEvent) + Send + Sync>,
        rng: Rng,
    ) -> Result<Engine, StartError> {
        let (pairs, taken) = bind(&config)?;
        let recordings = &config.recordings;
        let (directory, repaired) = Directory::open(recordings, &config.keys)
            .map_err(|error| StartError::Recordings(recordings.clone(), error))?;
        let by_name = config.backend != Choice::Auto;
        let settled = config.backend.settle(2 * pairs.len()).map_err(StartError::Backend)?;
        let cores = pinning::cores();
        let count = workers(&config, cores.len(), pairs.len());
        let desk = config.dtls.clone().map(|own| Desk::start(own, count, deliver.clone()));
        let (desk, lines) = desk.transpose().map_err(StartError::Thread)?.unzip();
        let mut crew = Crew::default();
        let mut nursery = Nursery {
            cores,
            links: Links::between(count).into_iter(),
            lines: lines.unwrap_or_default().into_iter(),
            // Rooms tick alike on all workers, so all go by one clock.
            began: Instant::now(),
            rtp_lost_after: config.rtp_lost_after,
            deliver: deliver.clone(),
            stop: crew.stop.clone(),
        };
        let shares = start::shared_out(pairs, count);
        let (figures, rings) = hire(&mut crew, &mut nursery, shares, (&settled, by_name), rng)?;
        let (tell, sealer) = seal::start(recordings.clone(), tell).map_err(StartError::Thread)?;
        let vault = Vault::new(directory, config.keys.clone());
        let disk = Disk::start(Box::new(vault), rings, tell.clone()).map_err(StartError::Thread)?;
        let archivist = archive::start(recordings.clone(), tell.clone());
        let packer = pack::start(recordings.clone(), config.keys, tell.clone());
        Ok(Engine {
            crew,
            desk,
            fingerprint: config.dtls.map(|own| own.fingerprint().clone()),
            handshakes: HashSet::new(),
            ended: Vec::new(),
            figures: Figures(Arc::new(figures), Arc::new(config.clips.bytes().into())),
            clips: config.clips,
            deliver,
            roster: Roster::new(count),
            disk,
            archivist: archivist.map_err(StartError::Thread)?,
            packer: packer.map_err(StartError::Thread)?,
            sealer,
            repaired,
            taken,
        })
    }

    /// Recordings that the last run had left unfinished and that were made whole.
    pub fn repaired(&self) -> &[Repaired] {
        &self.repaired
    }
    /// Takes checksums of recordings that have none.
    pub fn sealer(&self) -> Sealer {
        self.sealer.clone()
    }
    /// Pairs of the range of which another program has a port.
    pub fn taken_ports(&self) -> usize {
        self.taken
    }
    /// How many workers run.
    pub fn workers(&self) -> usize {
        self.crew.workers.len()
    }
    /// The workers' figures.
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }
    /// Of the certificate that DTLS handshakes show.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint.clone()
    }
    /// Other prompts from now on; what plays goes on with the old.
    pub fn set_clips(&mut self, clips: Clips) {
        self.figures.1.store(clips.bytes(), Relaxed);
        self.clips = clips;
    }

    /// A recording is about to begin. Gives the event if that cannot even be asked for: it is the
    /// switch's own thread that asks, and it must not wait for room in its own queue.
    #[must_use]
    pub fn open_recording(&self, open: OpenRecording) -> Option<DiskEvent> {
        self.disk.open(open)
    }

    /// How long recordings are kept from now on; before this was said none is removed.
    pub fn keep_recordings(&self, retention: Retention) {
        self.archivist.order(retention);
    }

    /// An operator says that the clock, which had leapt, is right: recordings' ages go by it again.
    pub fn trust_clock(&self) {
        self.archivist.trust_clock();
    }

    /// A recording is packed when it has been whole for so long, `None`: never; before this was said
    /// none is.
    pub fn pack_recordings(&self, after: Option<Duration>) {
        self.packer.order(after);
    }

    /// A play whose clip is not there.
    fn not_played(&mut self, worker: usize, missed: Missed, name: String) {
        match missed {
            // It takes the place of what played before, though there is nothing to hear.
            Missed::Leg(leg, play) => {
                self.hand_on(worker, Command::StopPlay { leg });
                self.say(Event::PlayDone { leg, play, end: PlayEnd::Missing(name) });
            }
            // What it would have been over goes on.
            Missed::Aside(leg, play) => {
                self.say(Event::PlayDone { leg, play, end: PlayEnd::Missing(name) });
            }
            Missed::Room(room, play) => {
                self.hand_on(worker, Command::StopPlayRoom { room });
                self.say(Event::RoomPlayDone { room, play, end: PlayEnd::Missing(name) });
            }
        }
    }

    /// Carries out a command of the switch; a worker that sleeps hears of it by [`Engine::flush`].
    pub fn send(&mut self, mut command: Command<String>) {
        self.forget_failed();
        if let Command::CloseRoom { room } = command {
            let workers = self.roster.closed(room);
            return self.tell_workers(workers, &Command::CloseRoom { room });
        }
        let worker = match self.roster.route(&command) {
            For::Worker(worker) => worker,
            For::Nobody => return,
            For::Duplicate(leg) => {
                return self.say(Event::OpenFailed { leg, why: NoPort::Duplicate });
            }
        };
        let full = self.crew.workers[worker].waiting.len() >= MOST_WAITING;
        if let (true, Command::Open { leg, .. }) = (full, &command) {
            self.roster.forget(*leg);
            return self.say(Event::OpenFailed { leg: *leg, why: NoPort::Overloaded });
        }
        self.arrange_handshake(worker, &command);
        let joined = match &command {
            Command::Join { room, .. } => Some(*room),
            _ => None,
        };
        let missed = Missed::of(&command);
        for name in command.take_missing(|name| self.clips.get(name).is_some()) {
            self.say(Event::ClipMissing { name });
        }
        let clips = &self.clips;
        match (command.map_clips(|name| clips.get(&name).ok_or(name)), missed) {
            (Ok(command), _) => self.hand_on(worker, command),
            (Err(name), Some(missed)) => self.not_played(worker, missed, name),
            (Err(_), None) => unreachable!("only a play has clips"),
        }
        if let Some(room) = joined
            && let Some(workers) = self.roster.joined(room, worker)
        {
            self.tell_workers(workers, &Command::RoomParts { room, workers });
        }
    }

    /// A leg's handshake begins or ends, before its worker hears of it.
    fn arrange_handshake(&mut self, worker: usize, command: &Command<String>) {
        let Some(desk) = &self.desk else { return };
        match command {
            Command::Set { leg, params } => match &params.carriage.dtls {
                Some(terms) => {
                    self.handshakes.insert(*leg);
                    self.ended.retain(|ended| ended != leg);
                    let checked = params.carriage.ice.is_some();
                    if let Err(why) = desk.agree(*leg, worker, terms.clone(), checked) {
                        self.say(Event::HandshakeFailed { leg: *leg, why });
                    }
                }
                None => self.end_handshake(*leg),
            },
            Command::Close { leg } => self.end_handshake(*leg),
            _ => {}
        }
    }

    fn end_handshake(&mut self, leg: LegId) {
        if self.handshakes.remove(&leg) {
            self.ended.push(leg);
            self.forget_ended();
        }
    }

    /// Tells the handshakes which legs have none any more; who finds no room is told of later.
    fn forget_ended(&mut self) {
        if let Some(desk) = &self.desk {
            self.ended.retain(|leg| !desk.forget(*leg));
        }
    }

    /// The same command for each of these workers, bit by bit.
    fn tell_workers(&mut self, workers: u64, command: &Command<Arc<Clip>>) {
        for worker in (0..self.crew.workers.len()).filter(|n| workers & 1 << n != 0) {
            self.hand_on(worker, command.clone());
        }
    }

    fn hand_on(&mut self, worker: usize, command: Command<Arc<Clip>>) {
        let handle = &mut self.crew.workers[worker];
        handle.waiting.push_back(command);
        handle.offer();
    }

    /// Wakes the workers that have commands, and offers again what found no room in a ring. To be called at the
    /// end of each turn of the switch: a call's commands, and those of all calls of a turn, cost one wake.
    pub fn flush(&mut self) {
        self.forget_failed();
        self.forget_ended();
        self.crew.workers.iter_mut().for_each(Handle::flush);
    }

    /// Legs that got no port are nobody's any more.
    fn forget_failed(&mut self) {
        for worker in &mut self.crew.workers {
            while let Ok(leg) = worker.failed.pop() {
                self.roster.forget(leg);
            }
        }
    }

    /// Tells the switch from here; its own queue is full only when nothing helps any more.
    fn say(&self, event: Event) {
        let _ = (self.deliver)(event);
    }

    /// Ends the workers, then the recordings, which are on the disk when this returns.
    pub fn stop(self) {
        drop(self);
    }
}

/// How many workers there are to be, with so many cores and pairs of ports.
fn workers(config: &EngineConfig, cores: usize, pairs: usize) -> usize {
    config.workers.unwrap_or(cores.saturating_sub(1)).clamp(1, pairs.min(MOST_WORKERS))
}

/// The ports of all networks, and how many of the range are another program's.
fn bind(config: &EngineConfig) -> Result<(Vec<Pair>, usize), StartError> {
    let affordable = pool::affordable(pool::raise_file_limit());
    let (first, last) = config.ports;
    let most = config.pairs.min(affordable / config.addresses.len().max(1));
    let (mut pairs, mut taken) = (Vec::new(), 0);
    for address in &config.addresses {
        let pool = pool::await_free(*address, first, last, most).map_err(StartError::Ports)?;
        pairs.extend(pool.pairs);
        taken += pool.taken;
    }
    Ok((pairs, taken))
}

impl Handle {
    /// Puts into the ring what has room there; the worker takes it with its next turn.
    fn offer(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            match self.commands.push(command) {
                Ok(()) => self.told = true,
                Err(rtrb::PushError::Full(command)) => {
                    self.waiting.push_front(command);
                    break;
                }
            }
        }
    }

    fn flush(&mut self) {
        self.offer();
        if std::mem::take(&mut self.told) {
            self.wake.wake();
        }
    }
}
