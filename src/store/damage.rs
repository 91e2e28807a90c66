//! Which file of records is damaged, as any connection of this process has met it.
//!
//! ```text
//!  applier, reports, the API ── SQLITE_CORRUPT, NOTADB ─▶ note ─▶ of ─▶ an alarm
//!       another file in its place, or it opens again ─▶ nothing is known of it
//! ```
//!
//! The applier writes new rows and may never touch the page that a report cannot read: so the finding is kept by file, not
//! by connection. Damage does not heal: it holds until another file lies there. Not here: what is done about it.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]
#![allow(
    clippy::disallowed_types,
    reason = "readers of any thread meet it: one short lock, and never in a call's way"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::database::identity;

/// Files that are remembered at most; a process has one, tests have more.
const MOST_FILES: usize = 64;
/// The longest word of the database that is kept, characters.
const LONGEST: usize = 200;

/// What was met.
struct Found {
    /// Device and inode of the file then.
    file: Option<(u64, u64)>,
    why: String,
}

static FOUND: Mutex<BTreeMap<PathBuf, Found>> = Mutex::new(BTreeMap::new());

fn found() -> MutexGuard<'static, BTreeMap<PathBuf, Found>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file at `path` is damaged. What was met first is kept.
pub(super) fn note(path: &Path, why: &str) {
    let file = identity(path);
    let mut all = found();
    let another = all.get(path).is_some_and(|known| known.file != file);
    if another || (!all.contains_key(path) && all.len() < MOST_FILES) {
        let why = why.chars().take(LONGEST).collect();
        all.insert(path.to_owned(), Found { file, why });
    }
}

/// It could be opened again after it could not: it was put right in its place.
pub(super) fn forget(path: &Path) {
    found().remove(path);
}

/// What is wrong with the file at `path`, if something is known to be.
pub(super) fn of(path: &Path) -> Option<String> {
    let mut all = found();
    let known = all.get(path)?;
    let now = identity(path);
    if now.is_some() && now != known.file {
        all.remove(path);
        return None;
    }
    Some(known.why.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_holds_until_another_file_lies_there_or_it_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        std::fs::write(&path, "one").unwrap();
        assert_eq!(of(&path), None);
        note(&path, "database disk image is malformed");
        note(&path, "later");
        assert_eq!(of(&path).as_deref(), Some("database disk image is malformed"));
        // Moved away, and nothing is there yet.
        let aside = dir.path().join("damaged.db");
        std::fs::rename(&path, &aside).unwrap();
        assert!(of(&path).is_some());
        std::fs::write(&path, "two").unwrap();
        assert_eq!(of(&path), None);
        note(&path, "again");
        forget(&path);
        assert_eq!(of(&path), None);
    }
}
