//! Recordings as an administrator asks for them: of a call, of a time, of a number.

use super::Trouble;
use super::query::{MAX_ROWS, Records};
use super::row::from_row;

/// Which recordings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Of this call.
    pub call: Option<String>,
    /// Begun at this time or after, milliseconds since 1970.
    pub from: Option<i64>,
    /// Begun before this time.
    pub until: Option<i64>,
    /// Of calls from or to this number, or with this agent.
    pub number: Option<String>,
    /// Before this one, by [`Recorded::begun`] and [`Recorded::nth`]: the next page.
    pub before: Option<(i64, i64)>,
    /// At most so many, the newest; at most [`MAX_ROWS`].
    pub most: u32,
}

/// A recording with what tells which call it is of.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Recorded {
    /// Its row, to ask for those before it.
    #[serde(skip)]
    pub nth: i64,
    /// The call.
    pub call: String,
    /// Its file, below the recordings' directory.
    pub path: String,
    /// When it began, milliseconds since 1970.
    pub begun: i64,
    /// Its length, milliseconds.
    pub ms: Option<i64>,
    /// Who called.
    pub caller: Option<String>,
    /// The number dialled.
    pub dialled: Option<String>,
    /// Who was talked with.
    pub agent: Option<String>,
    /// Why it is not whole.
    pub fault: Option<String>,
    /// When its file was removed.
    pub removed: Option<i64>,
    /// The file's SHA-256 when it was whole; none: not taken yet.
    pub sha256: Option<String>,
    /// Its size then.
    pub bytes: Option<i64>,
}

from_row!(Recorded {
    nth,
    call,
    path,
    begun,
    ms,
    caller,
    dialled,
    agent,
    fault,
    removed,
    sha256,
    bytes
});

/// Which rows are looked at is the statement's form, not a value of it: a player asks at each step in the audio.
macro_rules! recordings_of {
    ($which:literal) => {
        concat!(
            "SELECT r.rowid AS nth, r.call, r.path, r.begun, r.ms, c.caller, c.dialled, c.agent, r.fault, \
             r.removed, r.sha256, r.bytes FROM recordings r LEFT JOIN calls c ON c.call = r.call WHERE ",
            $which,
            " AND r.begun >= ?2 AND r.begun < ?3 AND (?4 IS NULL OR ?4 IN (c.caller, c.dialled, c.agent)) \
             AND (r.begun, r.rowid) < (?5, ?6) ORDER BY r.begun DESC, r.rowid DESC LIMIT ?7"
        )
    };
}
/// Of the call ?1.
pub(super) const OF_CALL: &str = recordings_of!("r.call = ?1");
/// Of all, between ?2 and ?3.
pub(super) const OF_SPAN: &str = recordings_of!("?1 IS NULL");

impl Records {
    /// The recordings that are wanted, the newest first.
    pub async fn recordings(&self, wanted: &Wanted) -> Result<Vec<Recorded>, Trouble> {
        let most = wanted.most.min(MAX_ROWS);
        let (begun, nth) = wanted.before.unwrap_or((i64::MAX, i64::MAX));
        let query = match &wanted.call {
            Some(call) => sqlx::query_as(OF_CALL).bind(call),
            None => sqlx::query_as(OF_SPAN).bind(None::<i64>),
        };
        let query = query
            .bind(wanted.from.unwrap_or(i64::MIN))
            .bind(wanted.until.unwrap_or(i64::MAX))
            .bind(wanted.number.as_deref())
            .bind(begun)
            .bind(nth)
            .bind(most);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// Whole recordings without a checksum: row and path, the newest first, of rows before `before`; at most `most`.
    pub async fn unsealed(&self, before: i64, most: u32) -> Result<Vec<(i64, String)>, Trouble> {
        let select = "SELECT rowid, path FROM recordings WHERE sha256 IS NULL AND removed IS NULL \
                      AND ended IS NOT NULL AND rowid < ? ORDER BY rowid DESC LIMIT ?";
        let query = sqlx::query_as(select).bind(before).bind(most.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }
}
