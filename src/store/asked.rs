//! Named queries of the dialplan to the store: values by name, few rows, a time, and nothing changed but tables of
//! the business's own.
//!
//! ```text
//! reads   a connection that cannot write          progress handler: the time is over ─▶ interrupted
//! writes  SQLite's authorizer: INSERT, UPDATE, DELETE of tables own_… and nothing else
//! ```
//!
//! A connection for each: it costs a fraction of a millisecond, and none outlasts its question. Not here: which
//! queries there are.
#![allow(clippy::disallowed_methods, reason = "this floor owns the clock of a query")]

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

/// How many of SQLite's instructions run between two looks at the clock.
const INSTRUCTIONS: std::ffi::c_int = 10_000;
/// The longest value that is taken, in bytes.
const MAX_VALUE: usize = 4_096;

/// How long a check waits for who writes.
pub const CHECKED_WITHIN: Duration = Duration::from_millis(500);

/// Whether a change is made good, or given up: one of the two, whoever comes first.
#[derive(Default, Debug)]
pub struct Decision(AtomicU8);

const MADE_GOOD: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Decision {
    /// Whoever asked waits no longer. `true`: nothing is changed, now and later; else it is being made good already.
    pub fn give_up(&self) -> bool {
        self.settle(GIVEN_UP)
    }

    /// What was changed is about to be made good; `false`: it must not.
    pub fn make_good(&self) -> bool {
        self.settle(MADE_GOOD)
    }

    fn settle(&self, to: u8) -> bool {
        let (ours, theirs) = (Ordering::AcqRel, Ordering::Acquire);
        match self.0.compare_exchange(0, to, ours, theirs) {
            Ok(_) => true,
            Err(there) => there == to,
        }
    }
}

/// A query with its values.
pub struct Query<'a> {
    /// One statement.
    pub sql: &'a str,
    /// It may change tables whose names begin with this; `None`: nothing.
    pub own: Option<&'a str>,
    /// Values by name, without the colon.
    pub values: &'a [(String, String)],
    /// The most rows that are taken.
    pub rows: usize,
}

/// What it gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Their values, row by row; `None`: NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many rows a change has changed.
    pub changed: usize,
}

/// Why it gave nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Its time was over; what it had changed is as before.
    Timeout,
    /// SQLite says why.
    Failed(String),
}

/// Asks. Blocks until then, and longer only where the disk takes its time with a change: that is made good once
/// `decision` says so, and never after it was given up.
///
/// # Errors
/// [`Refused`]: after `Timeout` nothing is changed. After `Failed` neither, but where the disk has failed with it.
pub fn ask(
    database: &Path,
    query: &Query<'_>,
    until: Instant,
    decision: &Decision,
) -> Result<Rows, Refused> {
    let within = until.saturating_duration_since(Instant::now());
    if within.is_zero() {
        return Err(Refused::Timeout);
    }
    let refused = |error: rusqlite::Error| refused(&error);
    let mut connection = open(database, query.own, within).map_err(refused)?;
    connection
        .progress_handler(INSTRUCTIONS, Some(move || Instant::now() >= until))
        .map_err(refused)?;
    let transaction = connection.transaction().map_err(refused)?;
    let rows = {
        let mut statement = transaction.prepare(query.sql).map_err(refused)?;
        bind(&mut statement, query.values).map_err(refused)?;
        let columns: Vec<String> =
            statement.column_names().iter().map(|name| (*name).to_owned()).collect();
        let mut rows = Vec::new();
        let mut found = statement.raw_query();
        while rows.len() < query.rows {
            let Some(row) = found.next().map_err(refused)? else { break };
            let value = |at: usize| row.get_ref(at).map(text);
            rows.push((0..columns.len()).map(value).collect::<Result<_, _>>().map_err(refused)?);
        }
        Rows { columns, rows, changed: 0 }
    };
    let changed = usize::try_from(transaction.changes()).unwrap_or(0);
    // Too late is decided here and nowhere behind it: from now on only the disk takes time, and that is waited for.
    if Instant::now() >= until || !decision.make_good() {
        return Err(Refused::Timeout);
    }
    // The clock must not interrupt it any more.
    transaction.progress_handler(0, None::<fn() -> bool>).map_err(refused)?;
    transaction.commit().map_err(refused)?;
    Ok(Rows { changed: if query.own.is_some() { changed } else { 0 }, ..rows })
}

/// Why a query was not found to be good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is no good: what SQLite says of the statement.
    Query(String),
    /// The database cannot be had now (locked, damaged, not readable): nothing is known of the query.
    Away(String),
}

/// Whether the query could be asked: its tables and columns are there, and it changes nothing that it may not. Waits
/// [`CHECKED_WITHIN`] for a lock at most.
///
/// # Errors
/// [`Unfit`], with what SQLite says.
pub fn check(database: &Path, sql: &str, own: Option<&str>) -> Result<(), Unfit> {
    let away = |error: rusqlite::Error| Unfit::Away(error.to_string());
    let connection = open(database, own, CHECKED_WITHIN).map_err(away)?;
    connection.prepare(sql).map(drop).map_err(|error| match error.sqlite_error_code() {
        None
        | Some(
            ErrorCode::Unknown
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::TooBig
            | ErrorCode::ApiMisuse,
        ) => Unfit::Query(error.to_string()),
        // SQLite reads the schema now, and with it the file.
        Some(_) => away(error),
    })
}

fn open(
    database: &Path,
    own: Option<&str>,
    within: Duration,
) -> Result<Connection, rusqlite::Error> {
    let how = match own {
        Some(_) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        None => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(database, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(within)?;
    let own = own.map(str::to_owned);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        match may(&context.action, own.as_deref()) {
            true => Authorization::Allow,
            false => Authorization::Deny,
        }
    }))?;
    Ok(connection)
}

/// What a statement may do.
fn may(action: &AuthAction<'_>, own: Option<&str>) -> bool {
    match action {
        AuthAction::Select
        | AuthAction::Read { .. }
        | AuthAction::Function { .. }
        | AuthAction::Recursive
        | AuthAction::Transaction { .. } => true,
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => {
            own.is_some_and(|own| table_name.starts_with(own))
        }
        _ => false,
    }
}

fn bind(statement: &mut Statement<'_>, values: &[(String, String)]) -> Result<(), rusqlite::Error> {
    for (name, value) in values {
        if let Some(at) = statement.parameter_index(&format!(":{name}"))? {
            statement.raw_bind_parameter(at, value)?;
        }
    }
    Ok(())
}

fn text(value: ValueRef<'_>) -> Option<String> {
    let cut =
        |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_VALUE)]).into_owned();
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(cut(bytes)),
    }
}

fn refused(error: &rusqlite::Error) -> Refused {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted | ErrorCode::DatabaseBusy) => Refused::Timeout,
        _ => Refused::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("belfry.db");
        let made = Connection::open(&path).expect("a database");
        made.execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE calls (call TEXT, agent TEXT); \
             INSERT INTO calls VALUES ('a', '1001'), ('b', NULL); \
             CREATE TABLE own_orders (number TEXT PRIMARY KEY, yuan REAL, state TEXT); \
             INSERT INTO own_orders VALUES ('1380', 12.5, 'open'), ('1390', 3, 'sent');",
        )
        .expect("tables");
        (dir, path)
    }

    fn asked(path: &Path, sql: &str, own: bool, values: &[(&str, &str)]) -> Result<Rows, Refused> {
        let values: Vec<_> =
            values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let own = own.then_some("own_");
        let until = Instant::now() + Duration::from_secs(2);
        ask(path, &Query { sql, own, values: &values, rows: 2 }, until, &Decision::default())
    }

    #[test]
    fn rows_are_found_by_values_that_are_no_sql() {
        let (_dir, path) = database();
        let sql = "SELECT yuan, state FROM own_orders WHERE number = :number";
        let found = asked(&path, sql, false, &[("number", "1380")]).expect("rows");
        assert_eq!(found.columns, ["yuan", "state"]);
        assert_eq!(found.rows, [[Some("12.5".to_owned()), Some("open".to_owned())]]);
        let smuggled = asked(&path, sql, false, &[("number", "' OR 1=1 --")]).expect("no rows");
        assert_eq!(smuggled.rows.len(), 0);
        let nulls = asked(&path, "SELECT agent FROM calls", false, &[]).expect("rows");
        assert_eq!(nulls.rows, [[Some("1001".to_owned())], [None]]);
    }

    #[test]
    fn only_own_tables_are_changed_and_only_by_who_may() {
        let (_dir, path) = database();
        let change = "UPDATE own_orders SET state = 'paid' WHERE number = :number";
        assert_eq!(asked(&path, change, true, &[("number", "1380")]).map(|r| r.changed), Ok(1));
        assert_eq!(asked(&path, change, true, &[("number", "0")]).map(|r| r.changed), Ok(0));
        let all = "SELECT count(*) FROM own_orders WHERE state = 'paid'";
        assert_eq!(asked(&path, all, false, &[]).unwrap().rows, [[Some("1".to_owned())]]);
        let refused = [
            (change, false),
            ("DELETE FROM calls", true),
            ("UPDATE calls SET agent = ''", true),
            ("DROP TABLE own_orders", true),
            ("CREATE TABLE own_x (a)", true),
            ("ATTACH 'x.db' AS x", true),
            ("PRAGMA journal_mode = DELETE", true),
            ("SELECT load_extension('x')", false),
            ("SELECT nothing FROM own_orders", false),
        ];
        for (sql, own) in refused {
            let told = asked(&path, sql, own, &[]);
            assert!(matches!(told, Err(Refused::Failed(_))), "{sql}: {told:?}");
        }
        assert_eq!(check(&path, change, Some("own_")), Ok(()));
        assert!(matches!(check(&path, change, None), Err(Unfit::Query(_))));
    }

    #[test]
    fn a_query_without_end_ends_in_its_time() {
        let (_dir, path) = database();
        let sql =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let query = Query { sql, own: None, values: &[], rows: 1 };
        let soon = || Instant::now() + Duration::from_millis(50);
        let open = Decision::default;
        assert_eq!(ask(&path, &query, soon(), &open()), Err(Refused::Timeout));
        // Somebody else writes, and goes on writing.
        let other = Connection::open(&path).expect("a connection");
        other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        let sql = "DELETE FROM own_orders";
        let query = Query { sql, own: Some("own_"), values: &[], rows: 1 };
        assert_eq!(ask(&path, &query, soon(), &open()), Err(Refused::Timeout));
        // Whose turn comes when its time is over changes nothing any more.
        other.execute_batch("ROLLBACK").expect("it lets go");
        assert_eq!(ask(&path, &query, Instant::now(), &open()), Err(Refused::Timeout));
        let all = "SELECT count(*) FROM own_orders";
        assert_eq!(asked(&path, all, false, &[]).unwrap().rows, [[Some("2".to_owned())]]);
        let long = || Instant::now() + Duration::from_secs(2);
        assert_eq!(ask(&path, &query, long(), &open()).unwrap().changed, 2);
    }

    /// Whoever heard "timeout" may ask again: what was asked first must not be made good behind that.
    #[test]
    fn a_change_that_was_given_up_is_not_made_good_and_one_that_is_cannot_be_given_up() {
        let (_dir, path) = database();
        let query =
            Query { sql: "DELETE FROM own_orders", own: Some("own_"), values: &[], rows: 1 };
        let long = || Instant::now() + Duration::from_secs(60);
        let count = || asked(&path, "SELECT count(*) FROM own_orders", false, &[]).unwrap().rows;
        let given_up = Decision::default();
        assert!(given_up.give_up() && given_up.give_up());
        assert_eq!(ask(&path, &query, long(), &given_up), Err(Refused::Timeout));
        assert_eq!(count(), [[Some("2".to_owned())]]);
        let made_good = Decision::default();
        assert_eq!(ask(&path, &query, long(), &made_good).unwrap().changed, 2);
        assert!(!made_good.give_up(), "it is done");
        assert_eq!(count(), [[Some("0".to_owned())]]);
    }

    #[test]
    fn a_database_that_cannot_be_had_says_nothing_of_a_query() {
        let (dir, path) = database();
        let good = "SELECT agent FROM calls";
        for sql in ["SELECT nothing FROM calls", "SELECT a FROM nowhere", "SELEC 1"] {
            let told = check(&path, sql, None);
            assert!(matches!(told, Err(Unfit::Query(_))), "{sql}: {told:?}");
        }
        let away = |path: &Path, sql: &str| match check(path, sql, None) {
            Err(Unfit::Away(why)) => why,
            other => panic!("{}: {other:?}", path.display()),
        };
        let other = dir.path().join("damaged.db");
        std::fs::write(&other, "this is no database".repeat(200)).expect("written");
        assert!(away(&other, good).contains("not a database"));
        assert!(!away(dir.path(), good).is_empty(), "a directory is no file of SQLite's");
        let locked = dir.path().join("locked.db");
        let holder = Connection::open(&locked).expect("a database");
        holder.execute_batch("CREATE TABLE calls (agent); BEGIN EXCLUSIVE").expect("the lock");
        assert!(away(&locked, good).contains("locked"));
        holder.execute_batch("ROLLBACK").expect("it lets go");
        assert_eq!(check(&locked, good, None), Ok(()));
    }
}
