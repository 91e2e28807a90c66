//! Figures in the database: what a batch of facts adds, in the batch's own transaction; and all of them computed
//! anew from the facts that are kept.
//!
//! ```text
//!   facts of a batch ─▶ Ledger (as it was at the last commit) ─▶ sums ─▶ figures
//!                          └── what is open ──▶ figures_open: so that a restart goes on from it
//! ```

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::database::{Database, Trouble, sort_code};
use super::statement::{Hot, Refusal, Statement, query};
use crate::report::measure::Merge;
use crate::report::{Ledger, Measure, Subject};
use crate::switch::fact::{COUNTED, Fact};

/// Facts that are read at once when figures are computed anew.
const READ: i64 = 20_000;

/// What is open, as the database has it.
pub(super) async fn ledger(database: &mut Database) -> Result<Ledger, Trouble> {
    let select = "SELECT key, body FROM figures_open";
    let rows = sqlx::query_as::<_, (String, String)>(select).fetch_all(&mut database.connection);
    let rows = rows.await.map_err(|error| database.sort(&error))?;
    Ok(Ledger::restore(rows.iter().map(|(key, body)| (key.as_str(), body.as_str()))))
}

/// Sums of a batch, and what has become open or is so no more.
#[derive(Default)]
pub(super) struct Added {
    sums: BTreeMap<(Subject, i64, Measure), u64>,
}

impl Added {
    /// Takes what the ledger has counted since.
    pub(super) fn take(&mut self, ledger: &mut Ledger) {
        for delta in ledger.drain() {
            let merge = delta.measure.merge();
            let sum = self.sums.entry((delta.subject, delta.start, delta.measure)).or_default();
            *sum = match merge {
                Merge::Sum => sum.saturating_add(delta.value),
                Merge::Most => delta.value.max(*sum),
            };
        }
    }

    /// Writes all of it down.
    pub(super) fn write(self, connection: &Hot<'_>, ledger: &mut Ledger) -> Result<(), Refusal> {
        for ((subject, start, measure), value) in &self.sums {
            connection.run(added(subject, *start, measure, *value))?;
        }
        for (key, body) in ledger.changed() {
            connection.run(match body {
                Some(body) => {
                    let upsert = "INSERT INTO figures_open (key, body) VALUES (?, ?) \
                                  ON CONFLICT DO UPDATE SET body = excluded.body";
                    query(upsert).bind(key).bind(body)
                }
                None => query("DELETE FROM figures_open WHERE key = ?").bind(key),
            })?;
        }
        Ok(())
    }
}

fn added<'q>(subject: &'q Subject, start: i64, measure: &Measure, value: u64) -> Statement<'q> {
    let upsert = match measure.merge() {
        Merge::Sum => {
            "INSERT INTO figures (kind, start, name, measure, value) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET value = value + excluded.value"
        }
        Merge::Most => {
            "INSERT INTO figures (kind, start, name, measure, value) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"
        }
    };
    query(upsert)
        .bind(subject.kind.name())
        .bind(start)
        .bind(&*subject.name)
        .bind(measure.to_string())
        .bind(i64::try_from(value).unwrap_or(i64::MAX))
}

/// How long what was open when the first fact was written that is still kept may have lasted, milliseconds: figures
/// of that time stay as they are. A call lasts twelve hours at most unless `[limits]` says otherwise.
const BLURRED: i64 = 24 * 3_600_000;
/// A quarter of an hour, milliseconds.
const QUARTER: i64 = 900_000;

/// Computes all figures anew from the facts in the database, in one transaction: whoever reads meanwhile
/// reads the old ones, and facts that come wait in the journal. Where the oldest facts are past their time and gone
/// ([`super::keep`]) figures of before, and of the day after, stay; so do days. Gives how many facts there were.
pub async fn recompute(database: &mut Database) -> Result<u64, Trouble> {
    let path = database.path().to_owned();
    let sorted = |error: sqlx::Error| super::database::sort(&path, &error);
    let refusal = |why: Refusal| sort_code(&path, why.code, why.why);
    let begun = database.connection.begin_with("BEGIN IMMEDIATE").await;
    let mut transaction = begun.map_err(sorted)?;
    let from = computed_from(&mut transaction).await.map_err(sorted)?;
    let delete = sqlx::query("DELETE FROM figures WHERE start >= ?").bind(from);
    delete.execute(&mut *transaction).await.map_err(sorted)?;
    sqlx::query("DELETE FROM figures_open").execute(&mut *transaction).await.map_err(sorted)?;
    let counted: Vec<String> = COUNTED.iter().map(|kind| format!("'{kind}'")).collect();
    let select = format!(
        "SELECT id, wall, CASE WHEN kind IN ({}) THEN body END FROM events \
         WHERE id > ? AND refused IS NULL ORDER BY id LIMIT ?",
        counted.join(", ")
    );
    let (mut ledger, mut facts, mut after) = (Ledger::default(), 0, i64::MIN);
    loop {
        let query = sqlx::query(sqlx::AssertSqlSafe(select.clone())).bind(after).bind(READ);
        let rows = query.fetch_all(&mut *transaction).await.map_err(sorted)?;
        let Some(last) = rows.last() else { break };
        after = last.try_get(0).map_err(sorted)?;
        let mut sums = Added::default();
        for row in &rows {
            let wall = crate::base::Wall(row.try_get(1).map_err(sorted)?);
            let body: Option<String> = row.try_get(2).map_err(sorted)?;
            let fact = body.and_then(|body| serde_json::from_str::<Fact>(&body).ok());
            let happened = fact.as_ref().map_or(crate::report::Happened::Nothing, Fact::happened);
            ledger.take(wall, happened);
            sums.take(&mut ledger);
            facts += 1;
        }
        sums.sums.retain(|(_, start, _), _| *start >= from);
        let hot = Hot::lock(&mut transaction).await.map_err(refusal)?;
        sums.write(&hot, &mut ledger).map_err(refusal)?;
    }
    transaction.commit().await.map_err(sorted)?;
    Ok(facts)
}

/// The first quarter of an hour whose figures can be computed from the facts that are there.
async fn computed_from(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let first = "SELECT id, wall FROM events ORDER BY id LIMIT 1";
    let first = sqlx::query_as::<_, (i64, i64)>(first).fetch_optional(&mut *connection).await?;
    let rolled = super::roll_up::rolled_until(&mut *connection).await?;
    Ok(rolled.max(match first {
        // The rows of a database are numbered from 1.
        Some((id, wall)) if id > 1 => (wall + BLURRED) / QUARTER * QUARTER,
        _ => i64::MIN,
    }))
}

#[cfg(test)]
mod day;

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests of processes")]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::base::{CallId, LegId, Rng, Wall};
    use crate::report::book::Book;
    use crate::store::{Records, Settings, Store};
    use crate::switch::fact::{AgentFact, EndedBy, FactKind, Party, QueueFact, Role};
    pub(super) use crate::switch::tests::day::told;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    fn state(rng: &mut Rng, agent: &str, state: &str) -> FactKind {
        let what = AgentFact::State {
            phone: None,
            state: state.into(),
            reason: if state == "not_ready" { "break".into() } else { String::new() },
            code: 0,
            cause: "agent".into(),
            was_ms: rng.below(1_200_000),
            call: None,
            queue: (state == "after_call").then(|| "care".into()),
            team: Some("day".into()),
        };
        FactKind::Agent { agent: agent.into(), what }
    }

    /// What may happen next, in no order that makes sense: the figures have to be the same anyhow.
    fn kind(rng: &mut Rng) -> FactKind {
        let call = CallId::new(Wall(1_790_000_000_000), rng.below(40));
        let leg = LegId(rng.below(40));
        let agent = ["7001", "7002", "7003"][rng.below(3) as usize].to_owned();
        let waited_ms = rng.below(90_000);
        let party = Party::Trunk { gateway: "e1-a".into(), number: "138".into() };
        let role = if rng.chance(0.5) { Role::Caller } else { Role::Callee };
        let queue = |what| FactKind::Queue { queue: "care".into(), call, what };
        match rng.below(17) {
            13 => queue(QueueFact::BackWanted {
                from: "138".into(),
                number: "138".into(),
                priority: 0,
                waited_ms,
                within_ms: 3_600_000,
            }),
            14 => queue(QueueFact::BackFailed { agent, failed: 1 }),
            15 => {
                let by =
                    rng.chance(0.7).then(|| CallId::new(Wall(1_790_000_000_000), rng.below(40)));
                queue(QueueFact::Answered { agent, waited_ms, rang_ms: 0, back: true, by })
            }
            0 => queue(QueueFact::Entered { position: 1, priority: 0 }),
            1 => queue(QueueFact::Answered {
                agent,
                waited_ms,
                rang_ms: waited_ms / 2,
                back: false,
                by: None,
            }),
            2 => queue(QueueFact::TalkOver { agent, talk_ms: waited_ms, up_ms: None }),
            3 => queue(QueueFact::Left { why: "abandoned".into(), waited_ms }),
            4 => queue(QueueFact::Offered { agent, waited_ms }),
            5 => queue(QueueFact::NotTaken { agent, why: "no_answer".into(), rang_ms: 15_000 }),
            6 => state(rng, &agent, "ready"),
            7 => state(rng, &agent, "not_ready"),
            8 => state(rng, &agent, "after_call"),
            9 => FactKind::LegBegan { call, leg, party, role, outgoing: None },
            10 => FactKind::LegEnded {
                call,
                leg,
                cause: 16,
                status: 0,
                by: EndedBy::Caller,
                ring_ms: 0,
                talk_ms: waited_ms,
                busy_ms: None,
                sound: None,
            },
            11 => FactKind::Held { call, leg, up_ms: None },
            _ => FactKind::Stopped { why: "of no count".into() },
        }
    }

    /// Facts of some hours in several lives of the process.
    fn facts(from: u64, count: u64, rng: &mut Rng) -> Vec<Fact> {
        let fact = |seq: u64, rng: &mut Rng| {
            let wall = Wall(1_790_000_000_000 + seq as i64 * 20_000);
            let begins = seq == from;
            let node = String::new();
            let started = FactKind::Started { version: String::new(), node, lived_ms: 0 };
            Fact { seq, wall, kind: if begins { started } else { kind(rng) } }
        };
        (from..from + count).map(|seq| fact(seq, rng)).collect()
    }

    pub(super) type Rows = (Vec<(String, i64, String, String, i64)>, Vec<(String, String)>);

    pub(super) fn rows(path: &Path) -> Rows {
        block(async {
            let mut database = Database::open(path).await.unwrap();
            let figures = sqlx::query_as("SELECT kind, start, name, measure, value FROM figures");
            let open = sqlx::query_as("SELECT key, body FROM figures_open ORDER BY key");
            let figures = figures.fetch_all(&mut database.connection).await.unwrap();
            (figures, open.fetch_all(&mut database.connection).await.unwrap())
        })
    }

    /// The figures in the database are these, and nothing else is there. Gives how many.
    pub(super) fn are_kept(kept: &Rows, book: &Book) -> usize {
        let there: std::collections::BTreeSet<_> = kept.0.iter().collect();
        let mut of_book = 0;
        for (subject, start, tally) in book.rows() {
            for (measure, value) in tally.values() {
                let (kind, name) = (subject.kind.name().to_owned(), subject.name.to_string());
                let row = (kind, start, name, measure.to_string(), value as i64);
                assert!(there.contains(&row), "{row:?} is missing");
                of_book += 1;
            }
        }
        assert_eq!(kept.0.len(), of_book, "and nothing else is there");
        of_book
    }

    #[test]
    fn figures_grow_with_the_facts_over_restarts_and_are_the_same_when_computed_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut rng) = (dir.path().join("belfry.db"), Rng::from_seed(7));
        let (mut ledger, mut book) = (Ledger::default(), Book::default());
        for _ in 0..3 {
            let store = Store::open(Settings::new(dir.path().join("journal"), &path)).unwrap();
            for fact in facts(store.next_seq(), 700, &mut rng) {
                ledger.take(fact.wall, fact.happened());
                ledger.drain().for_each(|delta| book.add(delta));
                store.journal().submit(fact).expect("the ring is large");
            }
            assert!(store.drain(PATIENCE));
            store.close();
        }
        let kept = rows(&path);
        let of_book = are_kept(&kept, &book);
        assert!(of_book > 200, "{of_book}");
        // What a switch that starts is told of its queues: all of it, and up to which fact.
        let (seq, day) = block(async {
            Records::open(&path).await.unwrap().figures_of_queues(i64::MIN).await.unwrap()
        });
        let mut of_queues = Book::default();
        day.into_iter().for_each(|delta| of_queues.add(delta));
        book.forget(crate::report::Kind::Agent);
        book.forget(crate::report::Kind::Team);
        book.forget(crate::report::Kind::Trunk);
        assert_eq!((of_queues, seq), (book, 2_100));

        let count = block(async {
            let mut database = Database::open(&path).await.unwrap();
            recompute(&mut database).await.unwrap()
        });
        assert_eq!(count, 2_100);
        assert_eq!(rows(&path), kept, "computed anew they are the same");

        // The oldest facts go: what they made stays, and what can be computed comes out as it was.
        let count = block(async {
            let mut database = Database::open(&path).await.unwrap();
            let delete = sqlx::query("DELETE FROM events WHERE id <= 300");
            delete.execute(&mut database.connection).await.unwrap();
            recompute(&mut database).await.unwrap()
        });
        assert_eq!(count, 1_800);
        assert_eq!(rows(&path).0.len(), kept.0.len(), "no figure is gone or new");
        let of_queue = block(async {
            let records = Records::open(&path).await.unwrap();
            records.figures("queue", i64::MIN, i64::MAX).await.unwrap()
        });
        assert!(of_queue.iter().all(|(_, name, _, _)| name == "care"));
        assert!(!of_queue.is_empty());
    }

    /// The other half of the tests below: tells facts until it is killed, and prints how many are durable.
    #[test]
    #[ignore = "run by the tests of kills"]
    fn killed_child() {
        tells(|from| facts(from, 50_000, &mut Rng::from_seed(from)).into_iter());
    }

    /// Tells what `facts` has from a number on, in the folder that the parent has named.
    pub(super) fn tells<I: Iterator<Item = Fact>>(facts: impl FnOnce(u64) -> I) {
        let Some(dir) = std::env::var_os("BELFRY_FIGURES_CHILD").map(std::path::PathBuf::from)
        else {
            return;
        };
        let own = Settings::new(dir.join("journal"), dir.join("belfry.db"));
        let store = Store::open(Settings { segment_bytes: 20_000, ..own }).unwrap();
        for fact in facts(store.next_seq()) {
            let seq = fact.seq;
            while store.journal().submit(fact.clone()).is_err() {
                std::thread::yield_now();
            }
            // Not far ahead of the disk, so that a kill meets it at work.
            while store.health().not_durable > 100 {
                std::thread::yield_now();
            }
            if seq % 20 == 0 {
                println!("durable {}", seq - store.health().not_durable);
            }
        }
    }

    /// One life of the process, killed after so many words of it. Gives how many facts were durable.
    fn life(dir: &Path, words: usize, child: &str) -> u64 {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env("BELFRY_FIGURES_CHILD", dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut durable = 0;
        for line in lines.by_ref().take(words) {
            let line = line.unwrap();
            durable = line.strip_prefix("durable ").map_or(durable, |n| n.parse().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Only now: a closed pipe would end it in an orderly way.
        drop(lines);
        durable
    }

    /// Kills the process at so many random moments; in every third life the database is locked away, for hours of
    /// the facts' clock. Then no fact that was durable is lost, none is doubled, and the figures are those of the facts.
    /// `most`: words of a life at most. Gives how many facts there are.
    pub(super) fn killed(dir: &Path, kills: u64, seed: u64, (child, most): (&str, u64)) -> u64 {
        let (path, mut rng) = (dir.join("belfry.db"), Rng::from_seed(seed));
        let mut durable = 0;
        for nth in 0..kills {
            let words = (most / 10 + rng.below(most)) as usize;
            if nth % 3 == 2 {
                block(async {
                    let mut database = Database::open(&path).await.unwrap();
                    sqlx::query("BEGIN EXCLUSIVE").execute(&mut database.connection).await.unwrap();
                    durable = durable.max(life(dir, words, child));
                    sqlx::query("COMMIT").execute(&mut database.connection).await.unwrap();
                });
            } else {
                durable = durable.max(life(dir, words, child));
            }
        }
        let store = Store::open(Settings::new(dir.join("journal"), &path)).unwrap();
        let next = store.next_seq();
        assert!(next > durable && durable > 20 * kills, "{next} {durable}");
        assert!(store.drain(PATIENCE));
        store.close();
        let seqs: Vec<(i64,)> = block(async {
            let mut database = Database::open(&path).await.unwrap();
            let select = sqlx::query_as("SELECT seq FROM events ORDER BY id");
            select.fetch_all(&mut database.connection).await.unwrap()
        });
        let seqs: Vec<u64> = seqs.into_iter().map(|(seq,)| seq as u64).collect();
        assert_eq!(seqs, (1..next).collect::<Vec<_>>(), "each fact once");
        let sorted = |(mut figures, open): Rows| {
            figures.sort();
            (figures, open)
        };
        let kept = sorted(rows(&path));
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            recompute(&mut database).await.unwrap()
        });
        assert!(sorted(rows(&path)) == kept, "figures that grew are those of the facts");
        assert!(kept.0.len() > 100, "{}", kept.0.len());
        next - 1
    }

    const CHILD: (&str, u64) = ("store::figures::tests::killed_child", 100);

    #[test]
    fn a_kill_at_any_moment_neither_loses_nor_doubles_a_figure() {
        let dir = tempfile::tempdir().unwrap();
        killed(dir.path(), 6, 3, CHILD);
    }

    #[test]
    #[ignore = "a minute: the long form of the one above"]
    fn a_hundred_kills_neither_lose_nor_double_a_figure() {
        let dir = tempfile::tempdir().unwrap();
        killed(dir.path(), 100, 4, CHILD);
    }
}
