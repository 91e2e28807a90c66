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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use sqlx::{Connection, Row};
use tokio::sync::watch;

use super::apply;
use super::damage;
use super::database::{Database, Trouble};
use super::figures::{self, Added};
use super::journal::Tip;
use super::keep::{Keeper, Kept};
use super::reader::{Batch, Position, Reader, Record};
use super::roll_up::RollUp;
use super::state::{Report, State};
use super::statement::{Hot, Refusal, query};
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
        let mut could_not = false;
        loop {
            let opened = Database::open(&self.database).await;
            if std::mem::replace(&mut could_not, matches!(opened, Err(Trouble::Damaged(..))))
                && opened.is_ok()
            {
                damage::forget(&self.database);
            }
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

    /// One batch, once and for all.
    async fn apply(
        &self,
        database: &mut Database,
        batch: &Batch,
        positions: &mut BTreeMap<u64, Position>,
        ledger: &mut Ledger,
    ) -> Result<(), Trouble> {
        database.still_there().await?;
        let taken = apply_batch(database, batch, (positions, ledger)).await?;
        for (at, why) in taken.refused {
            tracing::error!(seq = at.seq, why, "the database refuses a fact");
            // Many at once must leave room for what an alarm hangs on.
            if self.reports.len() < self.reports.capacity().map_or(0, |most| most / 2) {
                let _ = self.reports.try_send(Report::FactRefused { seq: at.seq, why });
            }
        }
        let mine = |at: &Position| (at.journal, at.run) == self.this_run && is_new(at, positions);
        let facts = batch.records.iter().filter(|record| mine(&record.at)).count() as u64;
        (*positions, *ledger) = (taken.reached, taken.ledger);
        self.state.applied.fetch_add(facts, Release);
        self.state.applied_bytes.fetch_add(batch.bytes, Release);
        Ok(())
    }

    fn away(&self, trouble: Trouble) {
        if let Trouble::Damaged(path, why) = &trouble {
            damage::note(path, why);
        }
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

/// Whether what stands there is not applied yet.
fn is_new(at: &Position, positions: &BTreeMap<u64, Position>) -> bool {
    positions.get(&at.journal).is_none_or(|applied| at > applied)
}

/// What came of a batch.
struct Taken {
    /// How far each journal is applied now.
    reached: BTreeMap<u64, Position>,
    /// What is open then.
    ledger: Ledger,
    /// Facts that the database refuses, and why: of each only its event is there.
    refused: Vec<(Position, String)>,
}

/// How the facts of a batch are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// All or none: the usual way.
    Together,
    /// Each by itself within the one transaction, so that one that is refused costs no other. Two statements more a fact.
    EachByItself,
}

/// Applies a batch in one transaction. Where the database refuses a fact of it the batch is taken once more, and not
/// more often than that, however many it refuses.
async fn apply_batch(
    database: &mut Database,
    batch: &Batch,
    before: (&BTreeMap<u64, Position>, &Ledger),
) -> Result<Taken, Trouble> {
    match try_apply(database, batch, before, Pass::Together).await {
        Err(Trouble::Refused(_)) => try_apply(database, batch, before, Pass::EachByItself).await,
        taken => taken,
    }
}

async fn try_apply(
    database: &mut Database,
    batch: &Batch,
    (positions, ledger): (&BTreeMap<u64, Position>, &Ledger),
    pass: Pass,
) -> Result<Taken, Trouble> {
    let (mut reached, mut refused) = (positions.clone(), Vec::new());
    let (mut ledger, mut added) = (ledger.clone(), Added::default());
    let path = database.path().to_owned();
    let sorted = |error: sqlx::Error| super::database::sort(&path, &error);
    let begun = database.connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(sorted)?;
    let refusal = |why: Refusal| super::database::sort_code(&path, why.code, why.why);
    let hot = Hot::lock(&mut transaction).await.map_err(refusal)?;
    for record in &batch.records {
        if !is_new(&record.at, &reached) {
            continue;
        }
        let taken = match pass {
            Pass::Together => take(&hot, record).map_err(refusal).map(|()| None)?,
            Pass::EachByItself => take_or_refuse(&hot, record, &path)?,
        };
        match taken {
            None => {
                ledger.take(record.fact.wall, record.fact.happened());
                added.take(&mut ledger);
            }
            Some(why) => refused.push((record.at, why)),
        }
        reached.insert(record.at.journal, record.at);
    }
    added.write(&hot, &mut ledger).map_err(refusal)?;
    drop(hot);
    for position in reached.values().filter(|at| positions.get(&at.journal) != Some(at)) {
        let upsert = "INSERT INTO journal_position (journal, run, seq) VALUES (?, ?, ?) \
                      ON CONFLICT DO UPDATE SET run = excluded.run, seq = excluded.seq";
        let statement = sqlx::query(upsert)
            .bind(position.journal as i64)
            .bind(i64::from(position.run))
            .bind(position.seq as i64);
        statement.execute(&mut *transaction).await.map_err(sorted)?;
    }
    transaction.commit().await.map_err(sorted)?;
    Ok(Taken { reached, ledger, refused })
}

/// A fact into the tables and among the events.
fn take(hot: &Hot<'_>, record: &Record) -> Result<(), Refusal> {
    // Tables first: a start ends what was open at the last event before it.
    apply::derive(hot, &record.fact)?;
    apply::event(hot, record, None)
}

/// The same; of one that the database refuses nothing is left but its event with the reason, which is given back.
fn take_or_refuse(hot: &Hot<'_>, record: &Record, path: &Path) -> Result<Option<String>, Trouble> {
    let sorted = |why: Refusal| super::database::sort_code(path, why.code, why.why);
    let run = |sql| hot.run(query(sql)).map_err(sorted);
    run("SAVEPOINT fact")?;
    let refused = match take(hot, record).map_err(sorted) {
        Ok(()) => None,
        Err(Trouble::Refused(why)) => {
            run("ROLLBACK TO fact")?;
            apply::event(hot, record, Some(&why)).map_err(|why| match sorted(why) {
                // Not even the event was taken.
                Trouble::Refused(why) => Trouble::Away(path.to_owned(), why),
                other => other,
            })?;
            Some(why)
        }
        Err(trouble) => return Err(trouble),
    };
    run("RELEASE fact")?;
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Wall};
    use crate::switch::fact::{Fact, FactKind};
    use sqlx::Executor;

    /// A batch of which many are refused is taken twice and no more: the work grows with the facts, not with the faults.
    #[test]
    fn however_many_facts_are_refused_a_batch_is_taken_twice_at_most() {
        const FACTS: u64 = 200;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut database = Database::open(&path).await.unwrap();
            let trigger = "CREATE TRIGGER no BEFORE INSERT ON call_fields WHEN new.value % 2 = 1 \
                           BEGIN SELECT raise(ABORT, 'no odd value'); END";
            database.connection.execute(trigger).await.unwrap();
            let record = |seq: u64| {
                let call = CallId::new(Wall(1), seq);
                let kind = FactKind::CallField { call, name: "n".into(), value: seq.to_string() };
                let at = Position { journal: 1, run: 1, seq };
                Record { at, fact: Fact { seq, wall: Wall(1), kind }, json: "{}".into() }
            };
            let mut batch = Batch::default();
            batch.records.extend((1..=FACTS).map(record));
            let changes = async |database: &mut Database| {
                let row = sqlx::query("SELECT total_changes()");
                let row = row.fetch_one(&mut database.connection).await.unwrap();
                row.get::<i64, _>(0) as u64
            };
            let before = changes(&mut database).await;
            let known = (&BTreeMap::new(), &Ledger::default());
            let taken = apply_batch(&mut database, &batch, known).await.unwrap();
            assert_eq!(taken.reached[&1].seq, FACTS);
            assert_eq!(taken.refused.len() as u64, FACTS / 2);
            assert_eq!(taken.refused[0].1, "no odd value");
            let work = changes(&mut database).await - before;
            assert!(work <= 3 * FACTS, "{work} rows written for {FACTS} facts");
            let counted = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM call_fields), \
                           (SELECT count(*) FROM events WHERE refused = 'no odd value')";
            let row = sqlx::query(counted).fetch_one(&mut database.connection).await.unwrap();
            let of = |nth: usize| row.get::<i64, _>(nth) as u64;
            assert_eq!([of(0), of(1), of(2)], [FACTS, FACTS / 2, FACTS / 2]);
        });
    }
}
