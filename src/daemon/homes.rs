//! A copy of the subscribers beside the journal, for a start with the database away: whose a bell is, whom to call for it and
//! what a physician has to know is not to wait for that (R10).
//!
//! ```text
//!  the records ─ each few seconds: another version? ─▶ subscribers.copy      whole or not at all: written aside, renamed
//!  a start ─ the records are not read in time ─▶ the copy ─▶ Input::Homes ─▶ the exchange knows the homes
//!          └─ the records are read at last ─────────────────▶ Input::Subscribers: they stand for all of it
//! ```
//!
//! Records that never had a subscriber beside a copy that has some are those of a store that was begun anew (a damaged one was
//! moved away): the copy's are put back into them, and an alarm says what else is gone. A copy of later records than those it
//! would be written from is kept beside it (`subscribers.copy.before`).
//!
//! Its first line says how many follow, each a subscriber as the records have it; a file that has not that many is none. For the
//! owner's eyes alone. Not in it: check-ins, cases, who is locked out.
#![allow(clippy::disallowed_methods, reason = "a file of the daemon's own")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock::Clock;
use super::exchange::Inputs;
use crate::base::Wall;
use crate::store::{Records, Trouble, subscribers};
use crate::switch::Input;
use crate::switch::care::{Directory, Kept};
use crate::switch::fact::AlarmWhat;

/// Its name, by which it also stands as who changed what is put back; and that of one of other records.
const COPY: &str = "subscribers.copy";
const BEFORE: &str = "subscribers.copy.before";
/// How often it is looked whether the subscribers have changed.
const LOOK: Duration = Duration::from_secs(5);
/// Before a full exchange is told again.
const FULL: Duration = Duration::from_millis(50);

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    /// The last change that it has.
    version: i64,
    /// How many follow.
    subscribers: usize,
}

/// Another line.
#[derive(Serialize, Deserialize)]
struct Home {
    number: String,
    since: i64,
    body: Value,
}

/// Where it is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(COPY)
}

/// Keeps it as the records are, for ever.
pub(super) async fn keep(database: PathBuf, path: PathBuf, inputs: Inputs) {
    keep_each(database, path, LOOK, Some(inputs)).await;
}

/// `inputs`: who hears of an alarm.
async fn keep_each(database: PathBuf, path: PathBuf, look: Duration, inputs: Option<Inputs>) {
    let mut written = None;
    loop {
        // A store may have been begun anew under the running exchange.
        match put_back(&database, &path).await {
            Ok(Some(alarm)) => {
                if let Some(inputs) = &inputs {
                    offer(inputs, alarm).await;
                }
            }
            Ok(None) => {}
            Err(why) => {
                tracing::warn!("the subscribers of the copy are not in the records yet: {why}")
            }
        }
        let at = identity(&database);
        if let Ok(records) = Records::open(&database).await {
            keep_with(&records, (&database, at), &path, &mut written, look).await;
        }
        tokio::time::sleep(look).await;
    }
}

/// Device and inode.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

/// Looks on one connection as long as it holds, and the file is the one at its path.
async fn keep_with(
    records: &Records,
    (database, at): (&Path, Option<(u64, u64)>),
    path: &Path,
    written: &mut Option<i64>,
    look: Duration,
) {
    while let Ok(version) = records.subscribers_version().await {
        if identity(database) != at {
            return;
        }
        // What the copy has is put back first.
        if version == 0 && head(path).is_ok_and(|head| head.subscribers > 0) {
            return;
        }
        if *written != Some(version) {
            let Ok(update) = records.all_subscribers().await else { return };
            let version = update.version.unwrap_or(version);
            let own = path.to_owned();
            let saved = tokio::task::spawn_blocking(move || save(&own, version, &update.put)).await;
            match saved.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => *written = Some(version),
                Err(error) => tracing::warn!(
                    "{}: the copy of the subscribers cannot be written: {error}: a start with the database away will not \
                     know them",
                    path.display()
                ),
            }
        }
        tokio::time::sleep(look).await;
    }
}

/// Tells the exchange of whom the copy knows.
pub(super) async fn tell(path: &Path, inputs: &Inputs) {
    let own = path.to_owned();
    let read = tokio::task::spawn_blocking(move || load(&own)).await;
    let homes = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(homes) => homes,
        Err(error) => {
            let path = path.display();
            return tracing::error!(
                "{path}: the copy of the subscribers cannot be read: {error}: whose a bell is is not known until the \
                 records are read"
            );
        }
    };
    tracing::warn!(
        "the records are not read yet: {} subscribers are known by the copy {}",
        homes.len(),
        path.display()
    );
    offer(inputs, Input::Homes(homes)).await;
}

pub(super) async fn offer(inputs: &Inputs, mut input: Input) {
    while let Err(again) = inputs.offer(input) {
        input = again;
        tokio::time::sleep(FULL).await;
    }
}

/// Puts the copy's subscribers into records that never had one. Gives the alarm that says so; `None`: there is nothing to do.
pub(super) async fn put_back(database: &Path, path: &Path) -> Result<Option<Input>, Trouble> {
    // Records that are away are told elsewhere.
    let Ok(records) = Records::open(database).await else { return Ok(None) };
    if records.subscribers_version().await? > 0 {
        return Ok(None);
    }
    let own = path.to_owned();
    let read = tokio::task::spawn_blocking(move || Ok((load(&own)?, head(&own)?.version))).await;
    let homes = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(homes) if !homes.0.is_empty() => homes,
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            let former = path.with_file_name(BEFORE);
            tracing::error!(
                "{}: the records have no subscribers, and their copy cannot be read: {error}; it stays as {}",
                path.display(),
                former.display()
            );
            // Told once.
            let _ = fs::rename(path, former);
            return Ok(None);
        }
        _ => return Ok(None),
    };
    let by = subscribers::By { who: COPY.to_owned(), wall: Clock::start().now().wall };
    let count = subscribers::put_back(database, &by, homes).await?;
    if count == 0 {
        return Ok(None);
    }
    let detail = format!(
        "the records in {} have begun anew: {count} subscribers are put back from {}; calls, cases, settled check-ins, locks, \
         white list and scores of before are not in them. A back-up has them: belfry restore --only store FILE",
        database.display(),
        path.display()
    );
    tracing::error!("{detail}");
    Ok(Some(Input::Alarm { what: AlarmWhat::RecordsLost, raised: true, detail }))
}

/// The first line alone.
fn head(path: &Path) -> io::Result<Head> {
    let mut line = String::new();
    BufReader::new(File::open(path)?).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// A copy of later records than `version` of these is another store's: it is kept.
fn keep_former(path: &Path, version: i64) -> io::Result<()> {
    let former = path.with_file_name(BEFORE);
    match head(path) {
        Ok(head) if head.version > version && head.subscribers > 0 => {
            tracing::error!(
                "the records have fewer changes of subscribers than their copy: they are of another store, or of a back-up; \
                 the {} subscribers of the copy stay in {}",
                head.subscribers,
                former.display()
            );
            fs::rename(path, former)
        }
        _ => Ok(()),
    }
}

fn save(path: &Path, version: i64, all: &[Kept]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let _ = fs::remove_file(&aside);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    let mut writer = BufWriter::new(file);
    let mut line = |value: serde_json::Result<String>| {
        writer.write_all(value.map_err(io::Error::other)?.as_bytes())?;
        writer.write_all(b"\n")
    };
    line(serde_json::to_string(&Head { version, subscribers: all.len() }))?;
    for kept in all {
        let body = subscribers::body(&kept.subscriber);
        let body = serde_json::from_str(&body).unwrap_or_default();
        let number = kept.subscriber.number.clone();
        line(serde_json::to_string(&Home { number, since: kept.since.0, body }))?;
    }
    let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    keep_former(path, version)?;
    fs::rename(&aside, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn load(path: &Path) -> io::Result<Vec<Kept>> {
    let mut lines = BufReader::new(File::open(path)?).lines();
    let broken = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let first = lines.next().transpose()?.unwrap_or_default();
    let head: Head = serde_json::from_str(&first).map_err(|e| broken(e.to_string()))?;
    let mut all = Directory::default();
    let mut read = 0;
    for line in lines {
        let home: Home = serde_json::from_str(&line?).map_err(|e| broken(e.to_string()))?;
        let subscriber = subscribers::read(&home.number, &home.body.to_string());
        read += 1;
        // Numbers are one subscriber's there as well.
        let _ = all.put(Kept { subscriber, since: Wall(home.since) });
    }
    if read != head.subscribers {
        return Err(broken(format!("it has {read} of {} subscribers", head.subscribers)));
    }
    Ok(all.all().map(|kept| Kept::clone(kept)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::care::Subscriber;

    fn one(number: &str, fields: &[(&str, &str)]) -> Kept {
        let mut subscriber = Subscriber { number: number.into(), ..Subscriber::default() };
        for (name, text) in fields {
            subscriber.set(name, text).unwrap();
        }
        Kept { subscriber, since: Wall(7) }
    }

    #[test]
    fn what_is_kept_is_read_and_what_is_cut_off_is_none() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path());
        assert!(load(&path).is_err(), "there is none yet");
        let all = [
            one("100", &[("name", "王秀英"), ("contacts", "Li/13800138000/son")]),
            one(
                "200",
                &[("check_in", "08:00"), ("time_zone", "Asia/Shanghai"), ("medical", "a\nb")],
            ),
        ];
        save(&path, 3, &all).unwrap();
        assert_eq!(load(&path).unwrap(), all);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        save(&path, 4, &all[..1]).unwrap();
        assert_eq!(load(&path).unwrap(), all[..1]);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        assert!(load(&path).is_err());
        fs::write(&path, text.lines().next().unwrap()).unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("0 of 1"));
    }

    /// What changes in the records is in the copy a moment later.
    #[tokio::test]
    async fn the_copy_follows_the_records() {
        let dir = tempfile::tempdir().unwrap();
        let (database, path) = (dir.path().join("belfry.db"), path(dir.path()));
        let by = subscribers::By { who: "li".into(), wall: Wall(7) };
        let put = |kept: Kept| {
            move |_: &Directory| {
                Ok(subscribers::Change { put: vec![kept.subscriber], gone: vec![] })
            }
        };
        subscribers::change(&database, &by, put(one("100", &[]))).await.unwrap();
        let kept = tokio::spawn(keep_each(
            database.clone(),
            path.clone(),
            Duration::from_millis(20),
            None,
        ));
        let there = async |count: usize| {
            for _ in 0..2_000 {
                if load(&path).is_ok_and(|all| all.len() == count) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        };
        assert!(there(1).await);
        subscribers::change(&database, &by, put(one("200", &[]))).await.unwrap();
        assert!(there(2).await);
        // A store that is begun anew under it has them again, and the copy is as it was.
        for name in ["belfry.db", "belfry.db-wal", "belfry.db-shm"] {
            let _ = fs::rename(dir.path().join(name), dir.path().join(format!("{name}.away")));
        }
        drop(crate::store::database::Database::open(&database).await.unwrap());
        let mut found = 0;
        for _ in 0..2_000 {
            let records = Records::open(&database).await.unwrap();
            found = records.subscribers().await.unwrap().len();
            if found == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(found, 2, "they are put back");
        kept.abort();
        assert_eq!(load(&path).unwrap().len(), 2);
    }

    /// R10: a damaged store was moved away, as operating.md has it: nobody's bell may be nobody's by that.
    #[tokio::test]
    async fn records_that_begin_anew_have_the_homes_of_the_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (database, path) = (dir.path().join("belfry.db"), path(dir.path()));
        let all = [one("100", &[("contacts", "Li/13800138000/son")]), one("200", &[])];
        save(&path, 40, &all).unwrap();
        assert!(put_back(&database, &path).await.unwrap().is_none(), "no store is away, not new");
        drop(crate::store::database::Database::open(&database).await.unwrap());
        let Some(Input::Alarm { what, raised, detail }) = put_back(&database, &path).await.unwrap()
        else {
            panic!("no alarm")
        };
        assert_eq!((what, raised), (AlarmWhat::RecordsLost, true));
        assert!(detail.contains("2 subscribers") && detail.contains("belfry restore"), "{detail}");
        let records = Records::open(&database).await.unwrap();
        let update = records.all_subscribers().await.unwrap();
        let put: Vec<&str> = update.put.iter().map(|one| one.subscriber.number.as_str()).collect();
        assert_eq!(put, ["100", "200"]);
        assert_eq!(update.put[0].subscriber, all[0].subscriber);
        assert!(update.version.is_some_and(|version| version > 40), "later than what was told");
        assert!(put_back(&database, &path).await.unwrap().is_none(), "once");
    }

    /// Records that somebody took out whole stay empty, and a copy of more than the records is not written over.
    #[tokio::test]
    async fn who_was_taken_out_stays_out_and_a_later_copy_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (database, path) = (dir.path().join("belfry.db"), path(dir.path()));
        save(&path, 40, &[one("100", &[])]).unwrap();
        let by = subscribers::By { who: "li".into(), wall: Wall(7) };
        let put = |put, gone| move |_: &Directory| Ok(subscribers::Change { put, gone });
        let two = one("200", &[]).subscriber;
        subscribers::change(&database, &by, put(vec![two], vec![])).await.unwrap();
        subscribers::change(&database, &by, put(vec![], vec!["200".into()])).await.unwrap();
        assert!(put_back(&database, &path).await.unwrap().is_none());
        save(&path, 2, &[]).unwrap();
        assert_eq!(load(&path.with_file_name(BEFORE)).unwrap().len(), 1);
        save(&path, 3, &[one("300", &[])]).unwrap();
        assert_eq!(load(&path.with_file_name(BEFORE)).unwrap().len(), 1, "it stays");
    }
}
