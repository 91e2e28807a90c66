//! How the store is: shared by its two threads and whoever asks.

use std::path::PathBuf;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};

use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::watch;

use super::Settings;
use super::database::Trouble;

/// Counters of one process. Each is written by one thread.
#[derive(Debug)]
pub(super) struct State {
    /// Facts that the switch handed in.
    pub(super) submitted: AtomicU64,
    /// Facts of this process that are durable in the journal.
    pub(super) durable: AtomicU64,
    /// Facts of this process that are in the database.
    pub(super) applied: AtomicU64,
    /// Bytes in the journal, those found at start included.
    pub(super) written_bytes: AtomicU64,
    /// Bytes of it that are in the database.
    pub(super) applied_bytes: AtomicU64,
    /// The journal cannot be written.
    pub(super) failing: AtomicBool,
    /// The database cannot be had.
    pub(super) database_away: AtomicBool,
    /// Facts that could not be written down before the process ended.
    pub(super) lost: AtomicU64,
    /// The process ends: no more retries without end.
    pub(super) stopping: AtomicBool,
    /// Records of calls before this moment may go, milliseconds since 1970.
    pub(super) first_kept: AtomicI64,
    /// Cases that were closed before this moment may go, milliseconds since 1970.
    pub(super) first_case: AtomicI64,
    /// The time zone of the days that figures of before it become.
    pub(super) zone: watch::Sender<TimeZone>,
    /// The file of the records.
    pub(super) database: PathBuf,
    /// Bytes that were found in the journal at start.
    found_bytes: u64,
    max_backlog: u64,
}

impl State {
    pub(super) fn new(settings: &Settings, waiting_bytes: u64) -> State {
        State {
            submitted: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            written_bytes: AtomicU64::new(waiting_bytes),
            applied_bytes: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            database_away: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            first_kept: AtomicI64::new(i64::MIN),
            first_case: AtomicI64::new(i64::MIN),
            zone: watch::Sender::new(TimeZone::UTC),
            database: settings.database.clone(),
            found_bytes: waiting_bytes,
            max_backlog: settings.max_backlog,
        }
    }

    fn backlog(&self) -> u64 {
        // Read in this order the difference cannot come out negative by a race.
        let applied = self.applied_bytes.load(Acquire);
        self.written_bytes.load(Acquire).saturating_sub(applied)
    }

    pub(super) fn has_former(&self) -> bool {
        self.applied_bytes.load(Acquire) >= self.found_bytes
    }

    pub(super) fn accepting(&self) -> bool {
        !self.failing.load(Relaxed) && self.backlog() < self.max_backlog
    }

    pub(super) fn health(&self) -> Health {
        let applied = self.applied.load(Acquire);
        let durable = self.durable.load(Acquire);
        Health {
            accepting: self.accepting(),
            journal_failing: self.failing.load(Relaxed),
            database_away: self.database_away.load(Relaxed),
            not_durable: self.submitted.load(Relaxed).saturating_sub(durable),
            not_applied: durable.saturating_sub(applied),
            backlog_bytes: self.backlog(),
            lost: self.lost.load(Relaxed),
        }
    }
}

/// How the store is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Health {
    /// New calls may begin.
    pub accepting: bool,
    /// The journal cannot be written: the disk is full or broken.
    pub journal_failing: bool,
    /// The database cannot be had: facts wait in the journal.
    pub database_away: bool,
    /// Facts of this process that are not yet on the disk.
    pub not_durable: u64,
    /// Facts of this process that are on the disk and not yet in the database.
    pub not_applied: u64,
    /// Bytes of the journal that are not yet in the database, those of former processes included.
    pub backlog_bytes: u64,
    /// Facts that were never written down: only when the process ended while the disk was full.
    pub lost: u64,
}

/// What happened to the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// A crash had left a record half written, or the disk had damaged some.
    JournalMended {
        /// Bytes of the half-written end that were cut off.
        cut: u64,
        /// Records whose check sum is wrong; their segment is kept as `*.damaged`.
        damaged: u64,
    },
    /// The journal cannot be written; new calls must be refused.
    JournalStopped {
        /// The system's word for it.
        why: String,
    },
    /// It can be written again, and nothing was lost.
    JournalResumed,
    /// The database cannot be had; it is tried again and again.
    DatabaseAway(Trouble),
    /// It can be had again; what waited is applied now.
    DatabaseBack,
    /// The database refused a fact that no retry can mend; it stands in `events` with the reason,
    /// and in no other table.
    FactRefused {
        /// The fact's number.
        seq: u64,
        /// The database's words.
        why: String,
    },
}
