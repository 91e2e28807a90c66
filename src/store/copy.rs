//! Whole and consistent copies of the SQLite file, while others read and write it: for a back-up, and of one that
//! is about to be brought to a later schema.
//!
//! A copy needs as much room as the file. Where that is not there nothing is begun: a full disk would stop the
//! journal, and with it new calls (R5). Not here: when a copy is wanted.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnection;

use super::database::{MIGRATIONS, Trouble};

/// Bytes that stay free beside a copy: for the journal, and for the migration itself.
const STAY_FREE: u64 = 64 << 20;

/// Where a file's records lie as they were before it was brought from that schema to this version's.
pub(super) fn path_before(path: &Path, version: i64) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".schema-{version}"));
    path.with_file_name(name)
}

/// Writes a copy of a file that is about to be migrated, so that who goes back to the former version has
/// what that one wrote. Where there is no room for it nothing is migrated: facts wait in the journal.
pub(super) async fn before_migration(
    connection: &mut SqliteConnection,
    path: &Path,
    version: i64,
    free: impl Fn(&Path) -> Option<u64>,
) -> Result<(), Trouble> {
    if version == 0 || version == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    let copy = path_before(path, version);
    write(connection, &copy, free)
        .await
        .map_err(|why| Trouble::NoCopy(path.to_owned(), format!("{}: {why}", copy.display())))?;
    let to = MIGRATIONS.len();
    tracing::info!("database: from schema {version} to {to}; as it was: {}", copy.display());
    Ok(())
}

/// Takes away copies of schemas before the one that a file was migrated from just now: nobody goes back by two
/// versions, and each is as large as the file was.
pub(super) fn forget_older(path: &Path, version: i64) {
    if version == MIGRATIONS.len() as i64 {
        return;
    }
    for copy in (1..version).map(|older| path_before(path, older)) {
        match fs::remove_file(&copy) {
            Ok(()) => {
                tracing::info!("database: removed, of an earlier version: {}", copy.display())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!("{}: {error}", copy.display()),
        }
    }
}

/// A whole and consistent copy of an open database, whoever else reads and writes it. It is there whole
/// or not at all, for Belfry's user alone; what was there is replaced.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    copy: &Path,
    free: impl Fn(&Path) -> Option<u64>,
) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt;
    let pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
    let bytes = sqlx::query_scalar::<_, i64>(pages).fetch_one(&mut *connection).await;
    let bytes = u64::try_from(bytes.map_err(|error| error.to_string())?).unwrap_or(0);
    fits(bytes, free(copy.parent().unwrap_or(Path::new("."))))?;
    let mut part = copy.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let told = |error: std::io::Error| error.to_string();
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(told(error)),
        _ => {}
    }
    // SQLite takes an empty file as its own to fill, with the rights that it has.
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    made.map_err(told)?;
    let name = part.to_str().ok_or("its name is not UTF-8")?.to_owned();
    let written = sqlx::query("VACUUM INTO ?").bind(name).execute(connection).await;
    let kept = written.map_err(|error| error.to_string()).and_then(|_| {
        fs::File::open(&part).and_then(|file| file.sync_all()).map_err(told)?;
        fs::rename(&part, copy).map_err(told)
    });
    if kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept
}

/// Whether so many bytes find room on a disk with so many free, if that is known.
pub fn fits(bytes: u64, free: Option<u64>) -> Result<(), String> {
    let wanted = bytes.saturating_add(STAY_FREE);
    match free {
        Some(free) if free < wanted => {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            Err(format!(
                "there is no room: {} MiB are needed there, {} are free",
                mib(wanted),
                mib(free)
            ))
        }
        _ => Ok(()),
    }
}

/// Bytes that are free where a directory lies, for who is not root; `None`: the system does not say.
#[allow(unsafe_code, reason = "std has no call that tells the room on a disk")]
pub fn free(dir: &Path) -> Option<u64> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let path = CString::new(dir.as_os_str().as_bytes()).ok()?;
    // SAFETY: a plain structure of numbers for which all zero is valid.
    let mut disk: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends in NUL and, like the structure, lives until the call returns.
    let told = unsafe { libc::statvfs(path.as_ptr(), &raw mut disk) } == 0;
    told.then(|| disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Executor};

    use super::super::database::Database;
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn a_copy_that_does_not_fit_is_not_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            let former = MIGRATIONS.len() as i64 - 1;
            let tight = |_: &Path| Some(STAY_FREE + 4_096);
            let own = &mut database.connection;
            let why = before_migration(own, &path, former, tight).await.unwrap_err();
            assert!(matches!(why, Trouble::NoCopy(..)), "{why}");
            assert!(why.to_string().contains("65 are free"), "{why}");
            let names = fs::read_dir(dir.path()).unwrap().flatten();
            assert_eq!(
                names.filter(|e| e.path().display().to_string().contains("schema")).count(),
                0
            );
            let wide = |_: &Path| Some(STAY_FREE << 1);
            before_migration(own, &path, former, wide).await.unwrap();
            assert!(path_before(&path, former).exists());
            database.connection.close().await.unwrap();
        });
        assert!(free(dir.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free(Path::new("/nowhere/at/all")), None);
    }

    #[test]
    fn of_copies_before_migrations_the_last_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            let older = "DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)";
            database.connection.execute(older).await.unwrap();
            database.connection.close().await.unwrap();
        });
        fs::write(path_before(&path, 3), "old").unwrap();
        forget_older(&path, MIGRATIONS.len() as i64);
        assert!(path_before(&path, 3).exists(), "nothing was migrated");
        forget_older(&path, MIGRATIONS.len() as i64 - 1);
        assert!(!path_before(&path, 3).exists());
    }
}
