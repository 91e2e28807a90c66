//! The store's thread: journal to database, in order, each fact once.
//!
//! ```text
//!          ┌───────────────────── trouble: pause, longer each time ────────────────────┐
//!          ▼                                                                            │
//!   open database ──► read a chunk up to the tip ──► one transaction: facts + position ─┤
//!          ▲                  ▲      nothing: wait for the tip                          │
//!          │                  └───────────── remove the applied segment ◄── committed ──┘
//! ```
//!
//! The position is kept in the same transaction as what was applied, so a crash between the two
//! cannot be. A fact that the database itself refuses (which a fault in the program could bring
//! about) does not hold up those behind it: it stands in `events` with the reason. Between two transactions
//! records that are past their time go ([`Keeper`]).
#![allow(clippy::disallowed_methods, reason = "this floor owns the clock and the threads")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use sqlx::{Connection, Row};
use tokio::sync::watch;

use super::apply;
use super::database::{Database, Trouble};
use super::figures::{self, Added};
use super::journal::Tip;
use super::keep::{Keeper, Kept};
use super::reader::{Batch, Position, Reader};
use super::roll_up::RollUp;
use super::state::{Report, State};
use super::statement::{Hot, Refusal};
use crate::report::Ledger;

/// First and longest pause before a database that is away is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The pause after a copy for which there was no room: each try might fill the disk again.
const COPY_PAUSE: Duration = Duration::from_secs(60);

/// How long facts gather for one transaction when nothing waits: each ends with an `fsync` and writes
/// whole pages, and the records are read by people.
const GATHER: Duration = Duration::from_millis(100);
/// The same when so many facts come that the records are in nobody's eye: the batch before had [`MANY`].
const GATHER_MORE: Duration = Duration::from_millis(400);
const MANY: usize = 300;

/// Applies the journal to the database.
pub(super) struct Applier {
    pub(super) reader: Reader,
    /// The journal and run of this process, whose facts are counted.
    pub(super) this_run: (u64, u32),
    pub(super) database: PathBuf,
    pub(super) tip: watch::Receiver<Option<Tip>>,
    pub(super) stopped: watch::Receiver<bool>,
    pub(super) state: Arc<State>,
    pub(super) reports: Sender<Report>,
}

/// What ended one connection's work.
enum Over {
    /// Everything is applied and nothing more will come.
    Done,
    /// The database could not be had.
    Trouble(Trouble),
}

impl Applier {
    /// Runs until the journal ends and all of it is applied, or the database is away then. Says
    /// through `look` how the database was at first.
    pub(super) fn run(mut self, look: Sender<Option<Trouble>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.work(look)),
            Err(why) => {
                tracing::error!(%why, "the store has no runtime: facts stay in the journal")
            }
        }
    }

    async fn work(&mut self, look: Sender<Option<Trouble>>) {
        let mut look = Some(look);
        let mut pause = PAUSE.0;
        // A batch that was read and is not applied yet outlives the connection.
        let mut batch = Batch::default();
        loop {
            let opened = Database::open(&self.database).await;
            if let Some(look) = look.take() {
                let _ = look.send(opened.as_ref().err().cloned());
            }
            let over = match opened {
                Ok(mut database) => {
                    let before = self.state.applied_bytes.load(Relaxed);
                    let over = self.apply_all(&mut database, &mut batch).await;
                    if self.state.applied_bytes.load(Relaxed) > before {
                        pause = PAUSE.0;
                    }
                    let _ = database.connection.close().await;
                    over
                }
                Err(trouble) => Over::Trouble(trouble),
            };
            let Over::Trouble(trouble) = over else { return };
            let rest = match trouble {
                Trouble::NoCopy(..) => COPY_PAUSE,
                _ => pause,
            };
            self.away(trouble);
            // The sender is gone when the store was dropped without being closed.
            if *self.stopped.borrow() || self.stopped.has_changed().is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = self.stopped.changed() => {}
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Takes away what is older than it is kept, and rolls figures up, as far as their turn has come.
    async fn tidy(
        &self,
        database: &mut Database,
        keeper: &mut Keeper,
        roll_up: &mut RollUp,
    ) -> Result<(), Trouble> {
        let (calls, cases) = (&self.state.first_kept, &self.state.first_case);
        let kept = Kept { calls: calls.load(Relaxed), cases: cases.load(Relaxed) };
        keeper.turn(database, kept, Instant::now()).await?;
        let zone = self.state.zone.borrow().clone();
        roll_up.turn(database, (kept.calls, &zone), Instant::now()).await
    }

    /// Applies until there is trouble or the end.
    async fn apply_all(&mut self, database: &mut Database, batch: &mut Batch) -> Over {
        let mut positions = match positions(database).await {
            Ok(positions) => positions,
            Err(trouble) => return Over::Trouble(trouble),
        };
        let mut ledger = match figures::ledger(database).await {
            Ok(ledger) => ledger,
            Err(trouble) => return Over::Trouble(trouble),
        };
        let (mut gather, mut keeper) = (GATHER, Keeper::new(Instant::now()));
        let mut roll_up = RollUp::new(Instant::now());
        loop {
            if let Err(trouble) = self.tidy(database, &mut keeper, &mut roll_up).await {
                return Over::Trouble(trouble);
            }
            // The tip is looked at before the journal's end, so that the last facts are seen.
            let ended = self.tip.has_changed().is_err();
            if batch.is_empty() {
                let tip = *self.tip.borrow_and_update();
                match self.reader.next(tip) {
                    Ok(next) => *batch = next,
                    Err(why) => {
                        let why = format!("its journal cannot be read: {why}");
                        return Over::Trouble(Trouble::Away(self.database.clone(), why));
                    }
                }
            }
            if batch.is_empty() {
                self.back();
                if ended {
                    return Over::Done;
                }
                // An error means that the writer is gone: the next round sees the end.
                let now = Instant::now();
                let rest = keeper.rest(now).min(roll_up.rest(now));
                if let Ok(Ok(())) = tokio::time::timeout(rest, self.tip.changed()).await {
                    tokio::time::sleep(gather).await;
                }
                continue;
            }
            if let Err(trouble) = self.apply(database, batch, &mut positions, &mut ledger).await {
                return Over::Trouble(trouble);
            }
            gather = if batch.records.len() < MANY { GATHER } else { GATHER_MORE };
            self.reader.applied(batch);
            *batch = Batch::default();
            // Not before: one that another program has locked can be opened, not written.
            self.back();
        }
    }

    /// One batch in one transaction; again without the fact that the database refuses.
    async fn apply(
        &self,
        database: &mut Database,
        batch: &Batch,
        positions: &mut BTreeMap<u64, Position>,
        ledger: &mut Ledger,
    ) -> Result<(), Trouble> {
        let new = |at: &Position, positions: &BTreeMap<u64, Position>| {
            positions.get(&at.journal).is_none_or(|applied| at > applied)
        };
        let mut refused: BTreeMap<Position, String> = BTreeMap::new();
        let (reached, counted) = loop {
            database.still_there().await?;
            match try_apply(database, batch, (positions, ledger), &refused, new).await {
                Ok(reached) => break reached,
                Err((trouble, Some(at))) => {
                    let Trouble::Refused(why) = trouble else {
                        return Err(trouble);
                    };
                    if refused.insert(at, why.clone()).is_some() {
                        // Not even the event was taken.
                        return Err(Trouble::Away(self.database.clone(), why));
                    }
                    tracing::error!(seq = at.seq, why, "the database refuses a fact");
                    // Many at once must leave room for what an alarm hangs on.
                    if self.reports.len() < self.reports.capacity().map_or(0, |most| most / 2) {
                        let _ = self.reports.try_send(Report::FactRefused { seq: at.seq, why });
                    }
                }
                Err((trouble, None)) => return Err(trouble),
            }
        };
        let mine = |at: &Position| (at.journal, at.run) == self.this_run && new(at, positions);
        let facts = batch.records.iter().filter(|record| mine(&record.at)).count() as u64;
        (*positions, *ledger) = (reached, counted);
        self.state.applied.fetch_add(facts, Release);
        self.state.applied_bytes.fetch_add(batch.bytes, Release);
        Ok(())
    }

    fn away(&self, trouble: Trouble) {
        if !self.state.database_away.swap(true, Relaxed) {
            // Of a later version's file the start itself tells, which fails by it.
            if !matches!(trouble, Trouble::NewerSchema { .. }) {
                tracing::error!("{trouble}");
            }
            let _ = self.reports.try_send(Report::DatabaseAway(trouble));
        }
    }

    fn back(&self) {
        if self.state.database_away.swap(false, Relaxed) {
            tracing::info!("the database can be had again");
            let _ = self.reports.try_send(Report::DatabaseBack);
        }
    }
}

/// How far each journal is applied.
async fn positions(database: &mut Database) -> Result<BTreeMap<u64, Position>, Trouble> {
    let select = "SELECT journal, run, seq FROM journal_position";
    let rows = sqlx::query(select).fetch_all(&mut database.connection).await;
    let read = rows.and_then(|rows| {
        rows.iter()
            .map(|row| {
                let journal = row.try_get::<i64, _>(0)? as u64;
                let (run, seq) =
                    (row.try_get::<i64, _>(1)? as u32, row.try_get::<i64, _>(2)? as u64);
                Ok((journal, Position { journal, run, seq }))
            })
            .collect()
    });
    read.map_err(|error: sqlx::Error| database.sort(&error))
}

/// Applies what is new of a batch and gives the positions reached, and what is open then; of an error also the
/// fact at which it came.
async fn try_apply(
    database: &mut Database,
    batch: &Batch,
    (positions, ledger): (&BTreeMap<u64, Position>, &Ledger),
    refused: &BTreeMap<Position, String>,
    new: impl Fn(&Position, &BTreeMap<u64, Position>) -> bool,
) -> Result<(BTreeMap<u64, Position>, Ledger), (Trouble, Option<Position>)> {
    let mut reached = positions.clone();
    let (mut ledger, mut added) = (ledger.clone(), Added::default());
    let path = database.path().to_owned();
    let sorted = |error: sqlx::Error, at| (super::database::sort(&path, &error), at);
    let begun = database.connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(|error| sorted(error, None))?;
    let refusal = |why: Refusal, at| (super::database::sort_code(&path, why.code, why.why), at);
    let hot = Hot::lock(&mut transaction).await.map_err(|why| refusal(why, None))?;
    for record in &batch.records {
        if !new(&record.at, &reached) {
            continue;
        }
        let at = Some(record.at);
        let why = refused.get(&record.at).map(String::as_str);
        // Tables first: a start ends what was open at the last event before it.
        if why.is_none() {
            apply::derive(&hot, &record.fact).map_err(|why| refusal(why, at))?;
            ledger.take(record.fact.wall, record.fact.happened());
            added.take(&mut ledger);
        }
        apply::event(&hot, record, why).map_err(|why| refusal(why, at))?;
        reached.insert(record.at.journal, record.at);
    }
    added.write(&hot, &mut ledger).map_err(|why| refusal(why, None))?;
    drop(hot);
    for position in reached.values().filter(|at| positions.get(&at.journal) != Some(at)) {
        let upsert = "INSERT INTO journal_position (journal, run, seq) VALUES (?, ?, ?) \
                      ON CONFLICT DO UPDATE SET run = excluded.run, seq = excluded.seq";
        let statement = sqlx::query(upsert)
            .bind(position.journal as i64)
            .bind(i64::from(position.run))
            .bind(position.seq as i64);
        statement.execute(&mut *transaction).await.map_err(|error| sorted(error, None))?;
    }
    transaction.commit().await.map_err(|error| sorted(error, None))?;
    Ok((reached, ledger))
}
