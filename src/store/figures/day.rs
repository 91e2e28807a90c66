//! Figures of a simulated day of the centre in the database: the database away for an hour of it, the process killed at
//! random moments of it.
//!
//! By default a small day. The whole one, 300 agents, 40 queues and 50,000 calls:
//! `BELFRY_DAY=300,40,50000 BELFRY_KILLS=100 cargo test --lib store::figures::day -- --nocapture`; a build for debugging
//! takes some minutes. The day itself has `day::a_whole_day` (`src/switch/tests/day.rs`).
#![allow(clippy::disallowed_methods, reason = "tests of processes and files")]

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use super::tests::{are_kept, killed, rows, tells, told};
use crate::report::book::Book;
use crate::store::database::Database;
use crate::store::tests::block;
use crate::store::{Settings, Store};
use crate::switch::fact::{Fact, FactKind};

const PATIENCE: Duration = Duration::from_secs(300);
const SEED: u64 = 17;
const HOUR_MS: i64 = 3_600_000;

/// A list of numbers from the environment.
fn given(name: &str) -> Option<Vec<u64>> {
    let text = std::env::var(name).ok()?;
    Some(text.split(',').map(|n| n.trim().parse().expect("a number")).collect())
}

/// The day's facts, numbered from 1, and the figures that were live at its end.
fn day() -> (Vec<Fact>, Book) {
    let size = given("BELFRY_DAY").unwrap_or_else(|| vec![12, 4, 300]);
    let [agents, queues, calls] = size[..] else { panic!("BELFRY_DAY=agents,queues,calls") };
    let (mut facts, book) = told(agents, queues, calls, SEED);
    facts.iter_mut().zip(1..).for_each(|(fact, seq)| fact.seq = seq);
    (facts, book)
}

#[test]
fn with_the_database_away_for_an_hour_the_figures_are_those_that_were_live() {
    let (facts, book) = day();
    let (first, last) = (facts[0].wall.0, facts[facts.len() - 1].wall.0);
    let away = first + (last - first) / 2;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("belfry.db");
    let store = Store::open(Settings::new(dir.path().join("journal"), &path)).unwrap();
    let tell = |from: i64, until: i64| {
        let mut count = 0;
        for fact in facts.iter().filter(|fact| (from..until).contains(&fact.wall.0)) {
            while store.journal().submit(fact.clone()).is_err() {
                std::thread::yield_now();
            }
            count += 1;
        }
        count
    };
    let before = tell(i64::MIN, away);
    assert!(store.drain(PATIENCE));
    block(async {
        let mut database = Database::open(&path).await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut database.connection).await.unwrap();
        let meanwhile = tell(away, away + HOUR_MS);
        assert!(before > 100 && meanwhile > 100, "{before} {meanwhile}");
        assert!(!store.drain(Duration::from_millis(300)), "they wait in the journal");
        sqlx::query("COMMIT").execute(&mut database.connection).await.unwrap();
    });
    tell(away + HOUR_MS, i64::MAX);
    assert!(store.drain(PATIENCE));
    store.close();
    let figures = are_kept(&rows(&path), &book);
    println!("{} facts, {figures} figures, the same as live", facts.len());
}

/// The process that is killed: tells the day from where it was, each life with a start.
#[test]
#[ignore = "run by the test below"]
fn killed_child() {
    tells(|from| {
        let dir = std::env::var_os("BELFRY_FIGURES_CHILD").expect("the parent's");
        let file = std::fs::File::open(std::path::Path::new(&dir).join("day")).unwrap();
        let lines = BufReader::new(file).lines().skip(from as usize - 1);
        lines.map(move |line| {
            let fact: Fact = serde_json::from_str(&line.unwrap()).unwrap();
            let (version, node, lived_ms) = (String::new(), String::new(), 0);
            let started = FactKind::Started { version, node, lived_ms };
            if fact.seq == from && from > 1 { Fact { kind: started, ..fact } } else { fact }
        })
    });
}

#[test]
fn killed_at_random_moments_it_neither_loses_nor_doubles_an_event_or_a_figure() {
    let (facts, _) = day();
    let dir = tempfile::tempdir().unwrap();
    let mut file = std::io::BufWriter::new(std::fs::File::create(dir.path().join("day")).unwrap());
    for fact in &facts {
        writeln!(file, "{}", serde_json::to_string(fact).unwrap()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    let kills = given("BELFRY_KILLS").map_or(5, |given| given[0]);
    // A life prints a word each 20 facts: so that the kills are spread over the day.
    let most = (facts.len() as u64 / kills / 12).max(20);
    let child = ("store::figures::day::killed_child", most);
    let told = killed(dir.path(), kills, SEED, child);
    println!("{kills} kills within {told} of {} facts", facts.len());
}
