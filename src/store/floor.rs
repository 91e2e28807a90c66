//! From which number on a process counts its facts: behind all that its journal and the database know of.
//!
//! ```text
//!   journal/     …9000 │ lost, or another machine's: a restored back-up, a directory removed by hand
//!   belfry.db    …8000 │ the greatest number of any journal ─▶ + LEAP ─▶ 1,000,008,001, …002 …
//! ```
//!
//! A fact's number is also that of the case, the report, the message that it begins, so none is given twice while the
//! database lives, whatever became of the journal (decision 43). Numbers that were given after a back-up was taken stand on
//! paper and in other programs: they are leapt over. Here too: segments of a journal that the database has never heard
//! of, whose numbers it has given already, are set aside.
#![allow(
    clippy::disallowed_methods,
    reason = "this floor owns the files, the clock and the threads"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use sqlx::Row;

use super::FIRST_LOOK;
use super::database::{Database, Trouble, schema};
use super::segment::{OpenError, Opened, list};

/// How many numbers are left out where the database knows more than the journal's directory: what five calls a second
/// of thirty facts each give in eleven weeks, so that a back-up may be that old. Nine million such leaps fit into the
/// integers of JSON (2^53).
pub const LEAP: u64 = 1_000_000_000;

/// What the database knows of numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Known {
    /// The greatest, of any journal; 0: none.
    pub(super) last: u64,
    /// Of each journal the last run and number.
    pub(super) journals: BTreeMap<u64, (u32, u64)>,
}

/// Brings what was found in the journal's directory behind what the database knows.
pub(super) fn settle(opened: &mut Opened, dir: &Path, database: &Path) -> Result<(), OpenError> {
    match look(database) {
        Ok(known) => {
            match known.journals.get(&opened.journal) {
                // Of an older copy of the directory: what this run writes must not look as if it were applied.
                Some((run, _)) => opened.run = opened.run.max(run.saturating_add(1)),
                None => set_aside(opened, dir, known.last)?,
            }
            if known.last >= opened.next_seq {
                opened.next_seq = known.last.saturating_add(LEAP + 1);
                tracing::warn!(
                    "the journal at {} is not the one that the database was filled from last: facts, and so cases, \
                     count on from {}",
                    dir.display(),
                    opened.next_seq
                );
            }
        }
        // It is not used at all, or the start ends by it.
        Err(Trouble::Foreign(_) | Trouble::NewerSchema { .. }) => {}
        // What it knows is told when it is there again: no count of facts reaches the clock's milliseconds.
        Err(trouble) if opened.next_seq == 1 => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            opened.next_seq = now.map_or(1, |now| now.as_millis() as u64).max(1);
            let from = opened.next_seq;
            tracing::warn!(
                "the journal is new and the database cannot be asked: facts count from {from}: {trouble}"
            );
        }
        Err(_) => {}
    }
    Ok(())
}

/// The segments of a journal of which the database knows nothing, with numbers that it has given already, belong to
/// other records: to those that were there before a back-up was put in their place.
fn set_aside(opened: &mut Opened, dir: &Path, last: u64) -> Result<(), OpenError> {
    let io_error = |path: &Path, why| OpenError::Io(path.to_owned(), why);
    let names = list(dir).map_err(|why| io_error(dir, why))?;
    for name in names.into_iter().filter(|name| name.first <= last) {
        let path = dir.join(name.to_string());
        let bytes = fs::metadata(&path).map_or(0, |meta| meta.len());
        let aside = path.with_extension("aside");
        fs::rename(&path, &aside).map_err(|why| io_error(&path, why))?;
        opened.waiting_bytes = opened.waiting_bytes.saturating_sub(bytes);
        tracing::warn!(
            "{}: facts of other records than those in the database; they are not applied to it, and kept as {}",
            path.display(),
            aside.display()
        );
    }
    Ok(())
}

/// What the database knows; a file that is not there, or is new, knows nothing.
pub(super) fn look(database: &Path) -> Result<Known, Trouble> {
    if !database.exists() {
        return Ok(Known::default());
    }
    let away = |why: &str| Trouble::Away(database.to_owned(), why.to_owned());
    let (sender, answer) = crossbeam_channel::bounded(1);
    let path = database.to_owned();
    // On a thread of its own: a disk that does not answer holds up no start.
    let ask = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let known = match runtime {
            Ok(runtime) => runtime.block_on(ask(&path)),
            Err(why) => Err(Trouble::Away(path, why.to_string())),
        };
        let _ = sender.send(known);
    };
    let asking = std::thread::Builder::new().name("store-look".into()).spawn(ask);
    asking.map_err(|why| away(&why.to_string()))?;
    answer.recv_timeout(FIRST_LOOK).unwrap_or_else(|_| Err(away("it does not answer")))
}

async fn ask(path: &Path) -> Result<Known, Trouble> {
    let mut database = Database::look(path).await?;
    if schema(&mut database.connection, path).await? == 0 {
        return Ok(Known::default());
    }
    let sorted = |error: sqlx::Error| super::database::sort(path, &error);
    let select = "SELECT journal, run, seq FROM journal_position";
    let rows = sqlx::query(select).fetch_all(&mut database.connection).await.map_err(sorted)?;
    let mut known = Known::default();
    for row in rows {
        let (journal, run, seq): (i64, i64, i64) = (
            row.try_get(0).map_err(sorted)?,
            row.try_get(1).map_err(sorted)?,
            row.try_get(2).map_err(sorted)?,
        );
        let (run, seq) = (u32::try_from(run).unwrap_or(0), u64::try_from(seq).unwrap_or(0));
        known.journals.insert(journal as u64, (run, seq));
        known.last = known.last.max(seq);
    }
    // What was mended by hand may have lost the one and kept the other.
    let select = "SELECT seq FROM events ORDER BY id DESC LIMIT 1";
    let event = sqlx::query_scalar::<_, i64>(select).fetch_optional(&mut database.connection);
    let event = event.await.map_err(sorted)?.and_then(|seq| u64::try_from(seq).ok());
    known.last = known.last.max(event.unwrap_or(0));
    Ok(known)
}

/// How many facts of a journal are not in a database yet; of a newest fact as [`super::segment::newest`] has it.
pub fn waiting(dir: &Path, newest: (u64, u64), database: &Path) -> Result<u64, Trouble> {
    let (journal, last) = newest;
    let known = look(database)?;
    let oldest = list(dir).ok().and_then(|names| names.first().map(|name| name.first));
    let before = oldest.unwrap_or(last + 1).saturating_sub(1);
    let applied = known.journals.get(&journal).map_or(before, |(_, seq)| *seq);
    Ok(last.saturating_sub(applied))
}

#[cfg(test)]
mod tests;
