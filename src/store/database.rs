//! The SQLite file: opened, recognised, brought to this version's schema, and what goes wrong with
//! it sorted into what a retry mends and what it does not.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use core::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

use super::{copy, damage};

/// The steps from nothing to this version's schema. A step is never changed once released; what
/// changes is added as a further one.
pub const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
    include_str!("schema_12.sql"),
    include_str!("schema_13.sql"),
    include_str!("schema_14.sql"),
    include_str!("schema_15.sql"),
    include_str!("schema_16.sql"),
    include_str!("schema_17.sql"),
    include_str!("schema_18.sql"),
    include_str!("schema_19.sql"),
    include_str!("schema_20.sql"),
    include_str!("schema_21.sql"),
    include_str!("schema_22.sql"),
    include_str!("schema_23.sql"),
    include_str!("schema_24.sql"),
    include_str!("schema_25.sql"),
    include_str!("schema_26.sql"),
    include_str!("schema_27.sql"),
];

/// Marks the file as ours (SQLite's `application_id`): "Blfr".
const APPLICATION_ID: i32 = 0x426c_6672;

/// How long a statement waits for another program's lock before it gives up; it is then retried.
const BUSY: Duration = Duration::from_secs(1);

/// What mends a file that may not be written.
const NOT_OURS: &str = "give it, its -wal and -shm and their folder to Belfry's user ('belfry doctor', run by root, names them)";

/// What mends a damaged file, in words.
pub(super) const MENDED: &str = "stop Belfry and put a back-up in its place (belfry restore --only store FILE), or mend it with \
     sqlite3's .recover; it is kept as it is, calls go on, and what cannot be written waits in the journal";

/// Why the database cannot be had, or a statement failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Locked, full, not there, not permitted: a retry may mend it.
    Away(PathBuf, String),
    /// It is of an older schema, and there is no room for the copy before it is brought to this version's.
    NoCopy(PathBuf, String),
    /// The file is damaged. It is kept as it is.
    Damaged(PathBuf, String),
    /// A later version made its schema.
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// This version's.
        known: i64,
    },
    /// An earlier version made its schema, and this is not who brings it to this version's: that is the appliance's own start.
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// This version's.
        known: i64,
    },
    /// The file is a database of some other program.
    Foreign(PathBuf),
    /// The database refuses this statement: no retry mends it.
    Refused(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Away(path, why) => write!(
                f,
                "the database {} cannot be had: {why}; facts wait in the journal and it is tried \
                 again",
                path.display()
            ),
            Trouble::NoCopy(path, why) => write!(
                f,
                "the database {} is not brought to this version's schema: no copy of it as it was can be \
                 written: {why}; facts wait in the journal and it is tried again each minute: make room",
                path.display()
            ),
            Trouble::Damaged(path, why) => write!(
                f,
                "the database {} is damaged: {why}; it is kept as it is and facts wait in the \
                 journal: put a back-up in its place (belfry restore --only store FILE) or mend it with sqlite3's \
                 .recover. Only where there is neither, move it away: in the new one that Belfry begins are no calls, \
                 cases, locks and white list of before, and of subscribers those of subscribers.copy",
                path.display()
            ),
            Trouble::NewerSchema { path, found, known } => write!(
                f,
                "the database {} has schema {found} of a later version, this one knows {known}; \
                 start that version, or set another [store] url",
                path.display()
            ),
            Trouble::OlderSchema { path, found, known } => write!(
                f,
                "the database {} has schema {found}, and this version writes schema {known}: the service that runs, or \
                 has run, is of an earlier version; start this one first (systemctl restart belfry), which brings the \
                 database to its schema",
                path.display()
            ),
            Trouble::Foreign(path) => write!(
                f,
                "{} is the database of another program; set another [store] url",
                path.display()
            ),
            Trouble::Refused(why) => write!(f, "the database refuses it: {why}"),
        }
    }
}
impl std::error::Error for Trouble {}

/// Sorts an error by what can be done about it.
pub(super) fn sort(path: &Path, error: &sqlx::Error) -> Trouble {
    let text = error.to_string();
    let Some(database) = error.as_database_error() else {
        return Trouble::Away(path.to_owned(), text);
    };
    let code = database.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    sort_code(path, Some(code), database.message().to_owned())
}

/// Sorts SQLite's extended code and what it says; none: it was not SQLite that failed.
pub(super) fn sort_code(path: &Path, code: Option<i32>, text: String) -> Trouble {
    // The extended code's low byte is the primary one (sqlite.org/rescode.html).
    match code.map_or(0, |code| code & 0xff) {
        // ERROR: a table is missing or has other columns; CORRUPT; NOTADB.
        1 => Trouble::Damaged(path.to_owned(), text),
        11 | 26 => {
            damage::note(path, &text);
            Trouble::Damaged(path.to_owned(), text)
        }
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE: this statement, whenever it is tried.
        18 | 19 | 20 | 25 => Trouble::Refused(text),
        // READONLY.
        8 => Trouble::Away(path.to_owned(), format!("{text}: {NOT_OURS}")),
        // BUSY, LOCKED, IOERR, FULL, CANTOPEN and the like.
        _ => Trouble::Away(path.to_owned(), text),
    }
}

/// An open database with this version's schema.
#[derive(Debug)]
pub struct Database {
    pub(super) connection: SqliteConnection,
    path: PathBuf,
    /// Device and inode: whether the file is still the one at the path.
    identity: (u64, u64),
}

impl Database {
    /// Opens a file, or makes it, and brings it to this version's schema. Its directory must be
    /// there. What is wrong with it is said before anything in it is changed.
    pub async fn open(path: &Path) -> Result<Database, Trouble> {
        Database::open_by(path, true).await
    }

    /// The same for a command beside the appliance, which may be of an earlier version and write by its own schema: a file
    /// of an older schema is left as it is, and refused. One that is not there is made.
    pub async fn open_beside(path: &Path) -> Result<Database, Trouble> {
        Database::open_by(path, false).await
    }

    async fn open_by(path: &Path, brings_up: bool) -> Result<Database, Trouble> {
        let sorted = |error: sqlx::Error| sort(path, &error);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(sorted)?;
        let version = schema(&mut connection, path).await?;
        let known = MIGRATIONS.len() as i64;
        if !brings_up && version > 0 && version < known {
            return Err(Trouble::OlderSchema { path: path.to_owned(), found: version, known });
        }
        copy::before_migration(&mut connection, path, version, copy::free).await?;
        // Segments are removed once applied, so what is applied must survive a power cut: FULL.
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
        connection.execute(pragmas).await.map_err(sorted)?;
        migrate(&mut connection, version).await.map_err(sorted)?;
        copy::forget_older(path, version);
        let identity = identity(path).ok_or_else(|| gone(path))?;
        Ok(Database { connection, path: path.to_owned(), identity })
    }

    /// Opens a file only to look at it: nothing in it is changed, and whoever has it open is not in
    /// the way.
    pub async fn look(path: &Path) -> Result<Database, Trouble> {
        let sorted = |error: sqlx::Error| sort(path, &error);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(sorted)?;
        schema(&mut connection, path).await?;
        let identity = identity(path).ok_or_else(|| gone(path))?;
        Ok(Database { connection, path: path.to_owned(), identity })
    }

    /// Writes a whole and consistent copy of a file, of whatever schema, while others read and write it.
    /// An error says what could not be had, or not be written.
    pub async fn copy(path: &Path, to: &Path) -> Result<(), String> {
        let sorted = |error: sqlx::Error| sort(path, &error).to_string();
        // Not for reading alone: what is attached for the copy would be so too.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(BUSY)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(sorted)?;
        schema(&mut connection, path).await.map_err(|trouble| trouble.to_string())?;
        let written = copy::write(&mut connection, to, copy::free).await;
        let _ = connection.close().await;
        written.map_err(|why| {
            format!("no copy of {} can be written: {}: {why}", path.display(), to.display())
        })
    }

    /// Whether the open file is still the one at its path. Of one that was moved away, what its
    /// write-ahead log holds is written into it: the log bears the old name, stays behind, and
    /// would be deleted with the next file of that name.
    pub(super) async fn still_there(&mut self) -> Result<(), Trouble> {
        if identity(&self.path) == Some(self.identity) {
            return Ok(());
        }
        let log = "PRAGMA wal_checkpoint(TRUNCATE)";
        if let Err(why) = self.connection.execute(log).await {
            tracing::error!(%why, "the database was moved away; its last facts are in its -wal file");
        }
        Err(gone(&self.path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sort(&self, error: &sqlx::Error) -> Trouble {
        sort(&self.path, error)
    }

    /// Reads the whole file for damage (`belfry doctor`); takes minutes on a year's records.
    pub async fn check(&mut self) -> Result<(), Trouble> {
        let sorted = |error: sqlx::Error| sort(&self.path, &error);
        let row = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut self.connection).await;
        let verdict: String = row.and_then(|row| row.try_get(0)).map_err(sorted)?;
        match verdict.as_str() {
            "ok" => Ok(()),
            _ => Err(Trouble::Damaged(self.path.clone(), verdict)),
        }
    }
}

pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}

fn gone(path: &Path) -> Trouble {
    Trouble::Away(path.to_owned(), "the file was moved away".into())
}

/// The schema's version; 0 for a new file. Says whether the file is ours and not too new.
pub(super) async fn schema(connection: &mut SqliteConnection, path: &Path) -> Result<i64, Trouble> {
    let sorted = |error: sqlx::Error| sort(path, &error);
    let row = sqlx::query("PRAGMA application_id").fetch_one(&mut *connection).await;
    let id: i32 = row.and_then(|row| row.try_get(0)).map_err(sorted)?;
    let row = sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await;
    let things: i64 = row.and_then(|row| row.try_get(0)).map_err(sorted)?;
    if things == 0 && (id == 0 || id == APPLICATION_ID) {
        return Ok(0);
    }
    if id != APPLICATION_ID {
        return Err(Trouble::Foreign(path.to_owned()));
    }
    let row = sqlx::query("SELECT max(version) FROM schema_version").fetch_one(connection).await;
    let found: i64 = row.and_then(|row| row.try_get(0)).map_err(sorted)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(Trouble::NewerSchema { path: path.to_owned(), found, known });
    }
    Ok(found)
}

/// Takes the steps that are missing, all in one transaction.
async fn migrate(connection: &mut SqliteConnection, from: i64) -> Result<(), sqlx::Error> {
    if from == MIGRATIONS.len() as i64 {
        return Ok(());
    }
    let mut step = connection.begin_with("BEGIN IMMEDIATE").await?;
    if from == 0 {
        // In the transaction it stands or falls with the tables (Blfr, as above).
        step.execute("PRAGMA application_id = 1114400370").await?;
        step.execute(
            "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, made INTEGER NOT NULL)",
        )
        .await?;
    }
    for (n, sql) in MIGRATIONS.iter().enumerate().skip(from as usize) {
        sqlx::raw_sql(*sql).execute(&mut *step).await?;
        let note = "INSERT INTO schema_version VALUES (?, unixepoch() * 1000)";
        sqlx::query(note).bind(n as i64 + 1).execute(&mut *step).await?;
    }
    step.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn a_new_file_gets_the_schema_and_opens_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            assert_eq!(schema(&mut database.connection, &path).await, Ok(MIGRATIONS.len() as i64));
            database.check().await.unwrap();
            assert_eq!(database.still_there().await, Ok(()));
            Database::open(&path).await.unwrap();
            std::fs::rename(&path, dir.path().join("away.db")).unwrap();
            assert!(matches!(database.still_there().await, Err(Trouble::Away(..))));
        });
    }

    /// A command of a newer version beside an older service must not change the schema under it.
    #[test]
    fn a_command_leaves_a_file_of_an_older_schema_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            drop(Database::open_beside(&path).await.unwrap());
            let known = MIGRATIONS.len() as i64;
            let mut database = Database::open_beside(&path).await.unwrap();
            let older = "DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)";
            database.connection.execute(older).await.unwrap();
            drop(database);
            let why = Database::open_beside(&path).await.unwrap_err();
            let path = path.clone();
            assert_eq!(why, Trouble::OlderSchema { path: path.clone(), found: known - 1, known });
            assert!(why.to_string().contains("systemctl restart belfry"), "{why}");
            let mut looked = Database::look(&path).await.unwrap();
            assert_eq!(schema(&mut looked.connection, &path).await, Ok(known - 1));
        });
    }

    #[test]
    fn a_file_of_the_first_schema_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let mut old = options.connect().await.unwrap();
            let version = "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, made INTEGER \
                           NOT NULL); INSERT INTO schema_version VALUES (1, 0); \
                           PRAGMA application_id = 1114400370;";
            old.execute(version).await.unwrap();
            old.execute(MIGRATIONS[0]).await.unwrap();
            let row = "INSERT INTO recordings (call, recording, path, left_leg, begun) \
                       VALUES ('c', 1, 'p', 1, 5)";
            old.execute(row).await.unwrap();
            old.close().await.unwrap();
            let mut database = Database::open(&path).await.unwrap();
            let select = "SELECT path FROM recordings WHERE removed IS NULL";
            let row = sqlx::query(select).fetch_one(&mut database.connection).await.unwrap();
            assert_eq!(row.get::<String, _>(0), "p");
            // As it was lies beside it.
            let copy = copy::path_before(&path, 1);
            assert!(copy.ends_with("belfry.db.schema-1"));
            let mut before = Database::look(&copy).await.unwrap();
            assert_eq!(schema(&mut before.connection, &copy).await, Ok(1));
            let row = sqlx::query("SELECT path FROM recordings").fetch_one(&mut before.connection);
            assert_eq!(row.await.unwrap().get::<String, _>(0), "p");
            assert_eq!(
                std::fs::read_dir(dir.path())
                    .unwrap()
                    .flatten()
                    .filter(|e| { e.path().extension().is_some_and(|e| e == "part") })
                    .count(),
                0
            );
        });
    }

    #[test]
    fn without_room_for_the_copy_nothing_is_migrated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            let older = "DELETE FROM schema_version WHERE version = (SELECT max(version) FROM schema_version)";
            database.connection.execute(older).await.unwrap();
            database.connection.close().await.unwrap();
            // What stands where the copy is to be cannot be replaced.
            let copy = copy::path_before(&path, MIGRATIONS.len() as i64 - 1);
            std::fs::create_dir_all(copy.join("in the way")).unwrap();
            let why = Database::open(&path).await.unwrap_err();
            assert!(matches!(why, Trouble::NoCopy(..)), "{why}");
            let mut looked = Database::look(&path).await.unwrap();
            let found = schema(&mut looked.connection, &path).await;
            assert_eq!(found, Ok(MIGRATIONS.len() as i64 - 1));
        });
    }

    #[test]
    fn a_later_schema_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            let newer = "INSERT INTO schema_version VALUES (99, 0)";
            database.connection.execute(newer).await.unwrap();
            database.connection.close().await.unwrap();
            let before = std::fs::read(&path).unwrap();
            let why = Database::open(&path).await.unwrap_err().to_string();
            let known = MIGRATIONS.len();
            let line = format!("schema 99 of a later version, this one knows {known}");
            assert!(why.contains(&line), "{why}");
            assert_eq!(std::fs::read(&path).unwrap(), before);
        });
    }

    #[test]
    fn another_programs_file_and_a_damaged_one_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        block(async {
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let mut other = options.connect().await.unwrap();
            other.execute("CREATE TABLE theirs (x)").await.unwrap();
            other.close().await.unwrap();
            assert_eq!(Database::open(&path).await.unwrap_err(), Trouble::Foreign(path.clone()));

            let text = dir.path().join("text.db");
            std::fs::write(&text, "this is no database".repeat(100)).unwrap();
            let why = Database::open(&text).await.unwrap_err();
            assert!(matches!(why, Trouble::Damaged(..)), "{why}");
            assert!(std::fs::read(&text).unwrap().starts_with(b"this is no database"));

            let nowhere = dir.path().join("nowhere/belfry.db");
            assert!(matches!(Database::open(&nowhere).await.unwrap_err(), Trouble::Away(..)));
        });
    }
}
