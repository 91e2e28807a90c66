//! A statement with what is bound to it, and how it is carried out.
//!
//! ```text
//!  apply ── Statement ──► Hot ── rusqlite, prepared once a batch ──► sqlx's own connection, locked
//! ```
//!
//! sqlx hands each statement to a thread of its own and waits for its answer: two changes of threads for
//! some microseconds of work, and a call makes twenty statements. So a batch locks sqlx's connection once
//! and carries its statements out on the spot; transactions stay sqlx's, as everything else does.

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use sqlx::SqliteConnection;
use sqlx::sqlite::LockedSqliteHandle;

/// Statements that are kept prepared during a batch: more than there are kinds.
const PREPARED: usize = 64;

/// SQL and its values, in the order of its question marks.
pub(super) struct Statement<'q> {
    sql: &'static str,
    values: Vec<ToSqlOutput<'q>>,
}

/// A statement without values yet.
pub(super) fn query<'q>(sql: &'static str) -> Statement<'q> {
    Statement { sql, values: Vec::new() }
}

impl<'q> Statement<'q> {
    /// The next value.
    pub(super) fn bind(mut self, value: impl Bound<'q>) -> Statement<'q> {
        self.values.push(value.bound());
        self
    }
}

/// What can stand for a question mark.
pub(super) trait Bound<'q> {
    /// As SQLite takes it.
    fn bound(self) -> ToSqlOutput<'q>;
}

impl<'q> Bound<'q> for i64 {
    fn bound(self) -> ToSqlOutput<'q> {
        ToSqlOutput::Owned(Value::Integer(self))
    }
}
impl<'q> Bound<'q> for bool {
    fn bound(self) -> ToSqlOutput<'q> {
        i64::from(self).bound()
    }
}
impl<'q> Bound<'q> for &'q str {
    fn bound(self) -> ToSqlOutput<'q> {
        ToSqlOutput::Borrowed(ValueRef::Text(self.as_bytes()))
    }
}
impl<'q> Bound<'q> for &'q String {
    fn bound(self) -> ToSqlOutput<'q> {
        self.as_str().bound()
    }
}
impl<'q> Bound<'q> for String {
    fn bound(self) -> ToSqlOutput<'q> {
        ToSqlOutput::Owned(Value::Text(self))
    }
}
impl<'q, T: Bound<'q>> Bound<'q> for Option<T> {
    fn bound(self) -> ToSqlOutput<'q> {
        self.map_or(ToSqlOutput::Owned(Value::Null), Bound::bound)
    }
}

/// A connection that carries statements out at once, while it is locked.
pub(super) struct Hot<'a> {
    // Dropped before the lock is given back.
    connection: Connection,
    _lock: LockedSqliteHandle<'a>,
}

impl<'a> Hot<'a> {
    /// Locks `connection`.
    pub(super) async fn lock(connection: &'a mut SqliteConnection) -> Result<Hot<'a>, Refusal> {
        let away = |error: sqlx::Error| Refusal { code: None, why: error.to_string() };
        let mut lock = connection.lock_handle().await.map_err(away)?;
        let handle = lock.as_raw_handle().as_ptr();
        // SAFETY: the handle is open and nobody else's while `_lock` lives, which outlives what is made
        // here; it is not closed with it. Both crates are built on the same libsqlite3-sys.
        #[allow(unsafe_code, reason = "a connection of sqlx's is lent to rusqlite")]
        let lent = unsafe { Connection::from_handle(handle.cast()) };
        let connection = lent.map_err(Refusal::from)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(Hot { connection, _lock: lock })
    }

    /// Carries a statement out.
    pub(super) fn run(&self, statement: Statement<'_>) -> Result<(), Refusal> {
        let mut prepared = self.connection.prepare_cached(statement.sql)?;
        prepared.execute(rusqlite::params_from_iter(statement.values))?;
        Ok(())
    }
}

/// Why a statement was not carried out.
pub(super) struct Refusal {
    /// SQLite's extended code, where it is SQLite that refuses.
    pub(super) code: Option<i32>,
    pub(super) why: String,
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Refusal {
        match error {
            rusqlite::Error::SqliteFailure(of, why) => {
                let why = why.unwrap_or_else(|| of.to_string());
                Refusal { code: Some(of.extended_code), why }
            }
            other => Refusal { code: None, why: other.to_string() },
        }
    }
}
