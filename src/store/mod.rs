//! Floor 5, `store`: facts to the disk, then to the database, with nothing lost between.
//!
//! ```text
//!  switch ──submit──► bounded ring ──► thread "journal" ──► journal/000003-…17.journal
//!         (never waits)                append, fsync once             │ tip: how far it is durable,
//!                                      for many facts                 ▼ and the facts themselves
//!  console ◄── query ◄── belfry.db ◄── transactions ◄── thread "store": applies in order; reads what
//!                                                       it was not handed
//! ```
//!
//! The journal is the queue: what is durable there is applied to SQLite in order, each fact exactly
//! once, whenever the database can be had; a segment is removed when all of it is applied. A slow,
//! locked, absent or damaged database costs no call (R5): facts wait. Only when they cannot be
//! written down, or [`Settings::max_backlog`] is reached, does [`Journal::accepting`] turn false, so
//! that the switch refuses new calls with 503; facts of calls in being are still taken.
//!
//! What it does not do: it decides nothing about calls, and the call path never asks it anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::base::Wall;
use crate::switch::fact::Fact;

mod agents;
mod alive;
mod applier;
mod apply;
pub mod asked;
pub mod campaigns;
mod care;
pub mod cases;
pub mod contacts;
pub mod copy;
mod damage;
pub mod database;
mod events;
pub mod figures;
pub mod floor;
mod handed;
mod journal;
mod keep;
pub mod query;
mod queues;
mod reader;
pub mod record;
pub mod recordings;
mod roll_up;
mod row;
pub mod scores;
pub mod segment;
mod state;
mod statement;
pub mod subscribers;
pub mod surveys;

pub use database::Trouble;
pub use query::Records;
pub use segment::OpenError;
pub use state::{Health, Report};

use alive::Alive;
use state::State;

/// Facts between the switch and the journal's thread. A call makes some thirty, so the ring holds
/// the facts of two thousand calls that end while the disk stands still.
pub const RING_FACTS: usize = 65_536;

/// Reports that wait for the daemon; further ones are dropped, [`Store::health`] still tells.
const REPORTS: usize = 256;

/// How long [`Store::open`] waits to hear how the database is.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// How often somebody who waits for the database looks again.
const STEP: Duration = Duration::from_millis(2);

/// Where and how much.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The journal's directory; made when it is not there.
    pub journal: PathBuf,
    /// The SQLite file; made when it is not there, its directory is not.
    pub database: PathBuf,
    /// Bytes of facts that may wait for the database.
    pub max_backlog: u64,
    /// Bytes after which a segment is closed and the next begun.
    pub segment_bytes: u64,
    /// How often it is noted that the process lives while no fact comes; `None`: not at all.
    pub alive: Option<Duration>,
}

impl Settings {
    /// The usual bounds.
    pub fn new(journal: impl Into<PathBuf>, database: impl Into<PathBuf>) -> Settings {
        Settings {
            journal: journal.into(),
            database: database.into(),
            max_backlog: 2 << 30,
            segment_bytes: 4 << 20,
            alive: None,
        }
    }
}

/// The switch's end: takes facts, never waits. One for each thread that tells facts.
#[derive(Clone, Debug)]
pub struct Journal {
    ring: Sender<Message>,
    state: Arc<State>,
}

/// How many facts of this process have to be on the disk for one of them to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaited(u64);

/// The ring is full: the fact is handed back.
#[derive(Debug)]
pub struct Full(pub Box<Fact>);

/// What the journal's thread is told.
#[derive(Debug)]
enum Message {
    Fact(Box<Fact>),
    Stop,
}

impl Journal {
    /// Takes a fact; it is durable some milliseconds later. Numbers must rise from
    /// [`Store::next_seq`].
    pub fn submit(&self, fact: Fact) -> Result<(), Full> {
        use crossbeam_channel::TrySendError::{Disconnected, Full as RingFull};
        match self.ring.try_send(Message::Fact(Box::new(fact))) {
            Ok(()) => {
                self.state.submitted.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(RingFull(Message::Fact(fact)) | Disconnected(Message::Fact(fact))) => {
                Err(Full(fact))
            }
            Err(_) => unreachable!("only a fact was sent"),
        }
    }

    /// The mark of the fact that was submitted last, for [`Journal::has`].
    pub fn submitted(&self) -> Awaited {
        Awaited(self.state.submitted.load(Relaxed))
    }

    /// Whether the fact of that mark is on the disk.
    pub fn has(&self, awaited: Awaited) -> bool {
        self.state.durable.load(Acquire) >= awaited.0
    }

    /// Whether the database has the fact of that mark, and all that former processes wrote down.
    pub fn has_applied(&self, awaited: Awaited) -> bool {
        self.state.has_former() && self.state.applied.load(Acquire) >= awaited.0
    }

    /// Whether the database has every fact that was handed in so far, by former processes too.
    pub fn is_settled(&self) -> bool {
        let health = self.state.health();
        health.not_durable == 0 && health.not_applied == 0 && health.backlog_bytes == 0
    }

    /// Whether the database has all that former processes wrote down, whatever came since.
    pub fn has_former(&self) -> bool {
        self.state.has_former()
    }

    /// Records of calls that were over before `first` go by and by, and figures of before it become days of `zone`;
    /// until this is said all are kept.
    pub fn keep_from(&self, first: Wall, zone: &TimeZone) {
        self.state.first_kept.store(first.as_millis(), Relaxed);
        self.state.zone.send_replace(zone.clone());
    }

    /// The same of the care line's cases that were closed before `first`.
    pub fn keep_cases_from(&self, first: Wall) {
        self.state.first_case.store(first.as_millis(), Relaxed);
    }

    /// How it is now.
    pub fn health(&self) -> Health {
        self.state.health()
    }

    /// Bytes that facts on their way to the disk hold; without their texts.
    pub fn held(&self) -> u64 {
        let places = RING_FACTS * (size_of::<Message>() + size_of::<usize>());
        (places + self.ring.len() * size_of::<Fact>()) as u64
    }

    /// Why the file of the records is known to be damaged, by whoever of this process met it: in the database's words, and
    /// what mends it.
    pub fn damage(&self) -> Option<String> {
        let path = &self.state.database;
        let why = damage::of(path)?;
        Some(format!("{}: {why}; {}", path.display(), database::MENDED))
    }

    /// Whether new calls may begin: facts can be written down, and not too many wait.
    pub fn accepting(&self) -> bool {
        self.ring.len() < RING_FACTS / 4 * 3 && self.state.accepting()
    }
}

/// The journal and its way into the database; one for a process.
#[derive(Debug)]
pub struct Store {
    journal: Journal,
    reports: Receiver<Report>,
    run: u32,
    next_seq: u64,
    first_look: Option<Trouble>,
    stop: watch::Sender<bool>,
    writer: JoinHandle<()>,
    applier: JoinHandle<()>,
}

impl Store {
    /// Opens the journal, cuts off what a crash left half written, and starts both threads. A
    /// database that cannot be had is no error here: see [`Store::first_look`].
    pub fn open(settings: Settings) -> Result<Store, OpenError> {
        let mut opened = segment::open(&settings.journal)?;
        let before = opened.next_seq;
        floor::settle(&mut opened, &settings.journal, &settings.database)?;
        let (next_seq, journal, run) = (opened.next_seq, opened.journal, opened.run);
        // Of a journal that is not the newest the mark says nothing.
        let lived_ms = match settings.alive {
            Some(_) if next_seq == before => alive::lived(&settings.journal, journal, before - 1),
            _ => 0,
        };
        let alive = settings.alive.map(|every| Alive::new(&settings.journal, journal, every));
        let state = Arc::new(State::new(&settings, opened.waiting_bytes));
        let (report_tx, reports) = crossbeam_channel::bounded(REPORTS);
        if opened.cut > 0 || opened.damaged > 0 {
            let _ = report_tx
                .try_send(Report::JournalMended { cut: opened.cut, damaged: opened.damaged });
        }
        let (ring, ring_rx) = crossbeam_channel::bounded(RING_FACTS);
        let (tip_tx, tip) = watch::channel(None);
        let (hand, taken) = handed::way();
        let (stop, stopped) = watch::channel(false);
        let writer = journal::Writer::new(
            Box::new(segment::Directory::new(&settings.journal)),
            opened,
            settings.segment_bytes,
            lived_ms,
        );
        let loop_state = journal::Loop {
            writer,
            alive,
            ring: ring_rx,
            tip: tip_tx,
            hand,
            state: state.clone(),
            reports: report_tx.clone(),
        };
        let (look_tx, look) = crossbeam_channel::bounded(1);
        let applier = applier::Applier {
            reader: reader::Reader::new(&settings.journal, (journal, run), taken),
            this_run: (journal, run),
            database: settings.database,
            tip,
            stopped,
            state: state.clone(),
            reports: report_tx,
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            Builder::new().name(name.into()).spawn(run).map_err(OpenError::Thread)
        };
        let writer = spawn("journal", Box::new(move || loop_state.run()))?;
        let applier = spawn("store", Box::new(move || applier.run(look_tx)))?;
        let first_look = look.recv_timeout(FIRST_LOOK).ok().flatten();
        let journal = Journal { ring, state };
        Ok(Store { journal, reports, run, next_seq, first_look, stop, writer, applier })
    }

    /// The end for the switch.
    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// Which run of its journal this is, from 1.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// The number that the first fact of this process gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// What was wrong with the database at start. A newer schema or a damaged file is a reason to
    /// tell the operator loudly; calls go on either way, and facts wait in the journal.
    pub fn first_look(&self) -> Option<&Trouble> {
        self.first_look.as_ref()
    }

    /// What happened since, in order: for alarms.
    pub fn reports(&self) -> &Receiver<Report> {
        &self.reports
    }

    /// How it is now.
    pub fn health(&self) -> Health {
        self.journal.state.health()
    }

    /// Waits until every fact that was submitted is in the database; says whether that was so
    /// within `patience`.
    pub fn drain(&self, patience: Duration) -> bool {
        let state = &self.journal.state;
        let tries = patience.as_millis() / STEP.as_millis() + 1;
        (0..tries).any(|_| {
            let done = state.applied.load(Acquire) >= state.submitted.load(Relaxed);
            if !done {
                std::thread::park_timeout(STEP);
            }
            done
        })
    }

    /// Writes down what was submitted, applies it if the database can be had, and ends both
    /// threads. Gives the health at the end: what waits then is applied at the next start.
    pub fn close(self) -> Health {
        self.close_within(Duration::MAX)
    }

    /// As [`Store::close`], but the database gets no longer than `patience`: a thread that still
    /// waits for it then is left to the end of the process, and the facts to the next start.
    pub fn close_within(self, patience: Duration) -> Health {
        self.journal.state.stopping.store(true, Relaxed);
        // A full ring is being emptied by the writer, which is what is waited for here.
        let _ = self.journal.ring.send(Message::Stop);
        let writer = self.writer.join();
        let _ = self.stop.send(true);
        let tries = patience.as_millis() / STEP.as_millis();
        let ended = (0..tries).any(|_| {
            let ended = self.applier.is_finished();
            if !ended {
                std::thread::park_timeout(STEP);
            }
            ended
        });
        let applier = if ended { self.applier.join() } else { Ok(()) };
        if writer.is_err() || applier.is_err() {
            tracing::error!("a thread of the store panicked: see the line above");
        }
        self.journal.state.health()
    }
}

#[cfg(test)]
pub(crate) mod tests;
