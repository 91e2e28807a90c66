//! A copy of the subscribers beside the journal, for a start with the database away: whose a bell is, whom to call for it and
//! what a physician has to know is not to wait for that (R10).
//!
//! ```text
//!  the records ─ each few seconds: another version? ─▶ subscribers.copy      whole or not at all: written aside, renamed
//!  a start ─ the records are not read in time ─▶ the copy ─▶ Input::Homes ─▶ the exchange knows the homes
//!          └─ the records are read at last ─────────────────▶ Input::Subscribers: they stand for all of it
//! ```
//!
//! Its first line says how many follow, each a subscriber as the records have it; a file that has not that many is none. For the
//! owner's eyes alone. Not in it: check-ins, cases, who is locked out.
#![allow(clippy::disallowed_methods, reason = "a file of the daemon's own")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::exchange::Inputs;
use crate::base::Wall;
use crate::store::{Records, subscribers};
use crate::switch::Input;
use crate::switch::care::{Directory, Kept};

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
    data_dir.join("subscribers.copy")
}

/// Keeps it as the records are, for ever.
pub(super) async fn keep(database: PathBuf, path: PathBuf) {
    keep_each(database, path, LOOK).await;
}

async fn keep_each(database: PathBuf, path: PathBuf, look: Duration) {
    let mut written = None;
    loop {
        if let Ok(records) = Records::open(&database).await {
            keep_with(&records, &path, &mut written, look).await;
        }
        tokio::time::sleep(look).await;
    }
}

/// Looks on one connection as long as it holds.
async fn keep_with(records: &Records, path: &Path, written: &mut Option<i64>, look: Duration) {
    while let Ok(version) = records.subscribers_version().await {
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
    let mut input = Input::Homes(homes);
    while let Err(again) = inputs.offer(input) {
        input = again;
        tokio::time::sleep(FULL).await;
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
        let kept =
            tokio::spawn(keep_each(database.clone(), path.clone(), Duration::from_millis(20)));
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
        kept.abort();
    }
}
