//! Whatever becomes of the journal's directory, no number is given twice while the database lives.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, Executor};

use super::*;
use crate::base::Wall;
use crate::store::segment::{self, newest};
use crate::store::{Records, Settings, Store};
use crate::switch::care::Need;
use crate::switch::fact::{CareFact, Fact, FactKind, Meaning, Protocol};

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn open(dir: &Path) -> Store {
    Store::open(Settings::new(dir.join("journal"), dir.join("belfry.db"))).unwrap()
}

/// Takes facts by the numbers that are next.
fn take(store: &Store, kinds: impl IntoIterator<Item = FactKind>) {
    for (seq, kind) in (store.next_seq()..).zip(kinds) {
        store.journal().submit(Fact { seq, wall: Wall(seq as i64), kind }).unwrap();
    }
    assert!(store.drain(Duration::from_secs(30)));
}

fn alarm(case: u64) -> FactKind {
    let what = CareFact::Reported {
        by: "900".into(),
        protocol: Protocol::Scaip,
        device: String::new(),
        device_type: String::new(),
        meaning: Meaning::Alarm(Need::Fall),
        code: 10,
        priority: 4,
        place: String::new(),
        call_back: None,
        reference: String::new(),
        raw: String::new(),
        case: Some(case),
        opens: true,
        repeat: false,
        home: None,
    };
    FactKind::Care { account: "77".into(), what }
}

fn message() -> FactKind {
    let text = |text: &str| text.to_owned();
    let (from, to, content_type, body) =
        (text("1001"), text("1002"), text("text/plain"), text("hello"));
    FactKind::MessageTaken { from, to, content_type, body, expires: Wall(i64::MAX) }
}

fn field(value: &str) -> FactKind {
    let call = crate::base::CallId::new(Wall(1_790_000_000_000), 1);
    FactKind::CallField { call, name: "n".into(), value: value.into() }
}

/// Numbers of open cases and held messages.
fn kept(dir: &Path) -> (Vec<u64>, Vec<u64>) {
    block(async {
        let records = Records::open(&dir.join("belfry.db")).await.unwrap();
        let cases = records.kept_cases().await.unwrap().cases;
        let held = records.held_messages().await.unwrap();
        (cases.iter().map(|(case, _)| case.id).collect(), held.iter().map(|m| m.id).collect())
    })
}

#[test]
fn a_database_whose_journal_is_gone_keeps_its_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    take(&store, [alarm(1), message(), field("a")]);
    store.close();
    fs::remove_dir_all(dir.path().join("journal")).unwrap();

    let store = open(dir.path());
    let next = store.next_seq();
    assert_eq!(next, 3 + LEAP + 1);
    take(&store, [alarm(next), message()]);
    store.close();
    assert_eq!(kept(dir.path()), (vec![1, next], vec![2, next + 1]));

    // From then on by one, as ever, with or without facts.
    open(dir.path()).close();
    let store = open(dir.path());
    assert_eq!(store.next_seq(), next + 2);
    // Who has read up to a number of the lost journal goes on behind it.
    let facts = block(async {
        let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
        records.facts_after(1, 10).await.unwrap()
    });
    assert_eq!(facts.iter().map(|fact| fact.seq).collect::<Vec<_>>(), [2, 3, next, next + 1]);
    store.close();
}

/// The package starts an appliance before anybody can restore: what that one wrote down is of other records.
#[test]
fn the_journal_of_a_trial_is_not_applied_to_a_restored_database() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(old.path());
    take(&store, [field("a"), alarm(2), message()]);
    store.close();
    let trial = open(new.path());
    take(&trial, [alarm(1), alarm(2)]);
    trial.close();
    for ending in ["", "-wal", "-shm"] {
        let name = format!("belfry.db{ending}");
        let _ = fs::remove_file(new.path().join(&name));
        if old.path().join(&name).exists() {
            fs::copy(old.path().join(&name), new.path().join(&name)).unwrap();
        }
    }
    let store = open(new.path());
    let next = store.next_seq();
    assert_eq!(next, 3 + LEAP + 1);
    assert!(store.journal().has_former(), "nothing is waited for");
    take(&store, [alarm(next)]);
    store.close();
    assert_eq!(kept(new.path()), (vec![2, next], vec![3]));
    let names = fs::read_dir(new.path().join("journal")).unwrap();
    let aside = names.flatten().filter(|e| e.path().extension().is_some_and(|e| e == "aside"));
    assert_eq!(aside.count(), 1, "it is kept");
}

/// Otherwise all that the run writes looks as if it had been applied.
#[test]
fn an_older_copy_of_the_journal_hides_no_fact() {
    let dir = tempfile::tempdir().unwrap();
    let journal = dir.path().join("journal");
    let store = open(dir.path());
    take(&store, [field("a")]);
    store.close();
    let first = segment::list(&journal).unwrap()[0].to_string();
    let kept_first = fs::read(journal.join(&first)).unwrap();
    for value in ["b", "c"] {
        let store = open(dir.path());
        take(&store, [field(value)]);
        store.close();
    }
    fs::remove_dir_all(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    fs::write(journal.join(&first), kept_first).unwrap();
    let store = open(dir.path());
    let next = store.next_seq();
    assert_eq!(next, 3 + LEAP + 1);
    take(&store, [message()]);
    store.close();
    assert_eq!(kept(dir.path()).1, [next]);
}

#[test]
fn a_new_journal_beside_a_database_that_does_not_answer_counts_far_beyond_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    take(&store, [alarm(1)]);
    store.close();
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("belfry.db"));
    let options = options.locking_mode(sqlx::sqlite::SqliteLockingMode::Exclusive);
    let mut other = block(async {
        let mut other = options.connect().await.unwrap();
        other.execute("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").await.unwrap();
        other
    });
    let store = open(dir.path());
    let next = store.next_seq();
    assert!(next > 1_700_000_000_000, "{next}");
    block(async {
        other.execute("COMMIT").await.unwrap();
        other.close().await.unwrap();
    });
    take(&store, [alarm(next)]);
    store.close();
    assert_eq!(kept(dir.path()).0, [1, next]);
    let store = open(dir.path());
    assert_eq!(store.next_seq(), next + 1);
    store.close();
}

#[test]
fn a_database_that_is_not_there_or_empty_or_another_programs_knows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("belfry.db");
    assert_eq!(look(&path), Ok(Known::default()));
    fs::write(&path, "").unwrap();
    assert_eq!(look(&path), Ok(Known::default()));
    let store = open(dir.path());
    assert_eq!(store.next_seq(), 1);
    store.close();
    // A new database begins behind the journal that is there.
    let store = open(dir.path());
    take(&store, [field("a"), field("b")]);
    store.close();
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(dir.path().join(format!("belfry.db{ending}")));
    }
    let store = open(dir.path());
    assert_eq!(store.next_seq(), 3);
    store.close();
}

#[test]
fn what_waits_for_the_database_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, database) = (dir.path().join("journal"), dir.path().join("belfry.db"));
    assert_eq!(newest(&journal).unwrap(), None);
    let store = open(dir.path());
    take(&store, [field("a"), field("b")]);
    store.close();
    let tip = newest(&journal).unwrap().unwrap();
    assert_eq!((tip.1, waiting(&journal, tip, &database)), (2, Ok(0)));
    let away = dir.path().join("away");
    fs::rename(&database, &away).unwrap();
    // Of a database that is gone, all that the directory has.
    assert_eq!(waiting(&journal, tip, &database), Ok(2));
    let store = open(dir.path());
    store.close();
    let (journal_number, last) = tip;
    assert_eq!(waiting(&journal, (journal_number, last + 5), &database), Ok(5));
}
