//! Questions to the records: the console's, the demo's, the reports'. Read-only, on connections of
//! their own, so that no question holds up what is being written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use super::database::{Trouble, schema, sort};
use super::row::from_row;
use crate::base::{CallId, Wall};
use crate::report::{Delta, Kind, Measure, Subject};
use crate::switch::messages::Held;
use crate::switch::recovery::KeptBinding;

/// Most rows that one question gives.
pub const MAX_ROWS: u32 = 10_000;

/// One call as its record has it. Times are milliseconds since 1970 (UTC).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CallRow {
    /// Its id.
    pub call: String,
    /// When it began.
    pub begun: i64,
    /// When the first called party answered, or the call came into a conference.
    pub answered: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// The caller's number.
    pub caller: String,
    /// The name that the caller gave.
    pub caller_name: String,
    /// The gateway it came through; none: a phone.
    pub gateway: Option<String>,
    /// What was dialled.
    pub dialled: String,
    /// The dialplan context.
    pub context: String,
    /// The route taken.
    pub route: Option<String>,
    /// The number of the first phone that answered.
    pub agent: Option<String>,
    /// The Q.850 cause of its end.
    pub cause: Option<i64>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// From begin to end, milliseconds.
    pub total_ms: Option<i64>,
    /// Milliseconds of its talks, all together; in a conference those with others in it.
    pub talk_ms: Option<i64>,
}

from_row!(CallRow {
    call,
    begun,
    answered,
    ended,
    caller,
    caller_name,
    gateway,
    dialled,
    context,
    route,
    agent,
    cause,
    ended_by,
    total_ms,
    talk_ms
});

/// One leg of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LegRow {
    /// Its number.
    pub leg: i64,
    /// `caller` or `callee`.
    pub role: String,
    /// The party's number.
    pub number: String,
    /// The gateway it is behind; none: a phone.
    pub gateway: Option<String>,
    /// When it began.
    pub begun: i64,
    /// When it rang.
    pub rang: Option<i64>,
    /// When it was answered.
    pub answered: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// The Q.850 cause of its end.
    pub cause: Option<i64>,
    /// The SIP status that ended it.
    pub status: Option<i64>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// How long it rang, milliseconds.
    pub ring_ms: Option<i64>,
    /// From its answer to its end, milliseconds.
    pub talk_ms: Option<i64>,
    /// RTP packets that were its own.
    pub packets_received: Option<i64>,
    /// RTP packets sent to it.
    pub packets_sent: Option<i64>,
    /// Packets that never came.
    pub packets_lost: Option<i64>,
    /// Packets that came too late to be played.
    pub packets_late: Option<i64>,
    /// Packets of strangers (R8).
    pub packets_foreign: Option<i64>,
    /// The worst jitter, microseconds.
    pub jitter_max_us: Option<i64>,
    /// Round trip, microseconds.
    pub rtt_us: Option<i64>,
    /// Samples that concealment made up.
    pub samples_concealed: Option<i64>,
    /// How good what it sent was, MOS in hundredths. A database that this version has not written to
    /// yet has no such column; nor the next.
    pub mos: Option<i64>,
    /// The same of what was sent to it, by its own reports.
    pub peer_mos: Option<i64>,
    /// Packets that came more than once.
    pub packets_duplicate: Option<i64>,
    /// Packets that were no RTP, or no audio of their codec.
    pub packets_malformed: Option<i64>,
    /// Packets of a payload type that was not agreed on.
    pub packets_unagreed: Option<i64>,
    /// Its own packets that were not taken.
    pub packets_dropped: Option<i64>,
    /// Packets that SRTP did not take: without a tag that the leg's key made.
    pub packets_forged: Option<i64>,
}

from_row!(
    LegRow {
        leg, role, number, gateway, begun, rang, answered, ended, cause, status, ended_by, ring_ms,
        talk_ms, packets_received, packets_sent, packets_lost, packets_late, packets_foreign,
        jitter_max_us, rtt_us, samples_concealed
    } or default {
        mos, peer_mos, packets_duplicate, packets_malformed, packets_unagreed, packets_dropped,
        packets_forged
    }
);

/// One fact of a call.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct EventRow {
    /// The fact's number.
    pub seq: i64,
    /// When.
    pub wall: i64,
    /// Its kind.
    pub kind: String,
    /// The fact as it was written.
    pub body: serde_json::Value,
}

/// One recording.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RecordingRow {
    /// The call.
    pub call: String,
    /// Its number.
    pub recording: i64,
    /// Its file, below the recordings' directory.
    pub path: String,
    /// The leg in the left channel: the customer's.
    pub left_leg: i64,
    /// The leg in the right channel: the agent's.
    pub right_leg: Option<i64>,
    /// When it began.
    pub begun: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Samples of each channel.
    pub samples: Option<i64>,
    /// Its length, milliseconds.
    pub ms: Option<i64>,
    /// Why it is not whole.
    pub fault: Option<String>,
    /// When its file was removed, past its time. A database that this version has not written to yet
    /// has no such column.
    pub removed: Option<i64>,
}

from_row!(
    RecordingRow {
        call, recording, path, left_leg, right_leg, begun, ended, samples, ms, fault
    } or default {
        removed
    }
);

/// One answer of a survey.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AnswerRow {
    /// The call.
    pub call: String,
    /// The survey.
    pub survey: String,
    /// The question.
    pub question: String,
    /// The key pressed, or what it was corrected to.
    pub key: String,
    /// What it meant.
    pub meaning: String,
    /// The recording of a spoken answer.
    pub voice: Option<String>,
    /// The agent it is about.
    pub agent: Option<String>,
    /// When.
    pub wall: i64,
}

from_row!(
    AnswerRow {
        call, survey, question, key, agent, wall
    } or default {
        meaning, voice
    }
);

/// What a call was about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WrapUpRow {
    /// The agent who says so.
    pub agent: String,
    /// The call's queue.
    pub queue: String,
    /// The code; empty: a note alone.
    pub code: String,
    /// What it means.
    pub name: String,
    /// When it was said.
    pub wall: i64,
    /// The agent's note.
    pub text: String,
}

from_row!(WrapUpRow { agent, queue, code, name, wall } or default { text });

/// A field that the dialplan noted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FieldRow {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

from_row!(FieldRow { name, value });

/// All that is recorded of one call.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CallRecord {
    /// The call.
    pub call: CallRow,
    /// Its legs, in the order in which they began.
    pub legs: Vec<LegRow>,
    /// Its facts, in order.
    pub events: Vec<EventRow>,
    /// Its recordings.
    pub recordings: Vec<RecordingRow>,
    /// Its answers.
    pub answers: Vec<AnswerRow>,
    /// What the dialplan noted.
    pub fields: Vec<FieldRow>,
    /// What it was about.
    pub wrap_ups: Vec<WrapUpRow>,
}

/// How much there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Counts {
    /// Calls.
    pub calls: i64,
    /// Calls without an end.
    pub open_calls: i64,
    /// Legs.
    pub legs: i64,
    /// Facts.
    pub events: i64,
    /// Facts that the database refused.
    pub refused: i64,
    /// Recordings.
    pub recordings: i64,
    /// Answers of surveys.
    pub answers: i64,
    /// Registered contacts.
    pub registrations: i64,
}

from_row!(Counts { calls, open_calls, legs, events, refused, recordings, answers, registrations });

/// The records, for reading.
#[derive(Clone, Debug)]
pub struct Records {
    pub(super) pool: SqlitePool,
    path: PathBuf,
}

impl Records {
    /// Opens the database for reading. One that is not there, not ours or of a later schema is
    /// [`Trouble`].
    pub async fn open(path: &Path) -> Result<Records, Trouble> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(1))
            .disable_statement_logging();
        let limits = SqlitePoolOptions::new()
            .max_connections(2)
            .acquire_timeout(Duration::from_secs(3))
            .idle_timeout(Duration::from_secs(60));
        let pool = limits.connect_with(options).await.map_err(|error| sort(path, &error))?;
        let mut connection = pool.acquire().await.map_err(|error| sort(path, &error))?;
        schema(&mut connection, path).await?;
        drop(connection);
        Ok(Records { pool, path: path.to_owned() })
    }

    pub(super) fn sorted(&self) -> impl Fn(sqlx::Error) -> Trouble {
        |error| sort(&self.path, &error)
    }

    /// The last calls, the newest first; at most [`MAX_ROWS`].
    pub async fn last_calls(&self, count: u32) -> Result<Vec<CallRow>, Trouble> {
        let select = "SELECT * FROM calls ORDER BY begun DESC, call DESC LIMIT ?";
        let query = sqlx::query_as(select).bind(count.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// All that is recorded of a call; `None` when there is no such call.
    pub async fn call(&self, call: CallId) -> Result<Option<CallRecord>, Trouble> {
        self.call_within(call, MAX_ROWS, i64::MAX).await
    }

    /// The same with the first of its facts: so many at most, and so many bytes of them all together.
    pub(super) async fn call_within(
        &self,
        call: CallId,
        most: u32,
        bytes: i64,
    ) -> Result<Option<CallRecord>, Trouble> {
        let id = call.to_string();
        let select = "SELECT * FROM calls WHERE call = ?";
        let found = sqlx::query_as(select).bind(&id).fetch_optional(&self.pool).await;
        let Some(row) = found.map_err(self.sorted())? else {
            return Ok(None);
        };
        let legs = sqlx::query_as("SELECT * FROM legs WHERE call = ? ORDER BY begun, leg");
        let recordings =
            sqlx::query_as("SELECT * FROM recordings WHERE call = ? ORDER BY begun, recording");
        let answers =
            sqlx::query_as("SELECT * FROM survey_answers WHERE call = ? ORDER BY wall, question");
        let fields =
            sqlx::query_as("SELECT name, value FROM call_fields WHERE call = ? ORDER BY name");
        Ok(Some(CallRecord {
            call: row,
            legs: legs.bind(&id).fetch_all(&self.pool).await.map_err(self.sorted())?,
            events: self.events(&id, most, bytes).await?,
            recordings: recordings.bind(&id).fetch_all(&self.pool).await.map_err(self.sorted())?,
            answers: answers.bind(&id).fetch_all(&self.pool).await.map_err(self.sorted())?,
            fields: fields.bind(&id).fetch_all(&self.pool).await.map_err(self.sorted())?,
            wrap_ups: self.wrap_ups(&id).await?,
        }))
    }

    /// A database that this version has not written to yet has no such table.
    async fn wrap_ups(&self, call: &str) -> Result<Vec<WrapUpRow>, Trouble> {
        let there = "SELECT count(*) FROM sqlite_master WHERE name = 'wrap_ups'";
        let there: (i64,) =
            sqlx::query_as(there).fetch_one(&self.pool).await.map_err(self.sorted())?;
        if there.0 == 0 {
            return Ok(Vec::new());
        }
        let select = "SELECT * FROM wrap_ups WHERE call = ? ORDER BY wall";
        sqlx::query_as(select).bind(call).fetch_all(&self.pool).await.map_err(self.sorted())
    }

    async fn events(&self, call: &str, most: u32, bytes: i64) -> Result<Vec<EventRow>, Trouble> {
        let select = "SELECT seq, wall, kind, body FROM \
                      (SELECT *, sum(length(CAST(body AS BLOB))) OVER (ORDER BY id) AS bytes FROM \
                      (SELECT id, seq, wall, kind, body FROM events WHERE call = ? ORDER BY id LIMIT ?)) \
                      WHERE bytes <= ? ORDER BY id";
        let query = sqlx::query_as::<_, (i64, i64, String, String)>(select);
        let query = query.bind(call).bind(most).bind(bytes);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let event = |(seq, wall, kind, body): (i64, i64, String, String)| {
            // Written by us; if somebody edited it, it is shown as the text it is.
            let body = serde_json::from_str(&body).unwrap_or(serde_json::Value::String(body));
            EventRow { seq, wall, kind, body }
        };
        Ok(rows.into_iter().map(event).collect())
    }

    /// The last recordings, the newest first; at most [`MAX_ROWS`].
    pub async fn last_recordings(&self, count: u32) -> Result<Vec<RecordingRow>, Trouble> {
        let select = "SELECT * FROM recordings ORDER BY begun DESC, recording DESC LIMIT ?";
        let query = sqlx::query_as(select).bind(count.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// The last answers, the newest first; at most [`MAX_ROWS`].
    pub async fn last_answers(&self, count: u32) -> Result<Vec<AnswerRow>, Trouble> {
        let select = "SELECT * FROM survey_answers ORDER BY wall DESC, call DESC LIMIT ?";
        let query = sqlx::query_as(select).bind(count.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// What phones' users wish of calls to them: number, wish, value.
    pub async fn wishes(&self) -> Result<Vec<(String, String, String)>, Trouble> {
        let select = "SELECT number, wish, value FROM phone_wishes ORDER BY number, wish";
        sqlx::query_as(select).fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// The messages that are held, the oldest first.
    pub async fn held_messages(&self) -> Result<Vec<Held>, Trouble> {
        let select = "SELECT id, sender, recipient, content_type, body, taken, expires FROM messages \
                      WHERE ended IS NULL ORDER BY id";
        let query = sqlx::query_as::<_, (i64, String, String, String, String, i64, i64)>(select);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let held = |(id, from, to, content_type, body, taken, expires)| Held {
            id: u64::try_from(id).unwrap_or(0),
            from,
            to,
            content_type,
            body,
            taken: Wall(taken),
            expires: Wall(expires),
        };
        Ok(rows.into_iter().map(held).collect())
    }

    /// The registrations that a restart does not end.
    pub async fn kept_bindings(&self) -> Result<Vec<KeptBinding>, Trouble> {
        let select = "SELECT number, record, expires FROM registrations WHERE record != '' \
                      ORDER BY number, since";
        let query = sqlx::query_as::<_, (String, String, i64)>(select);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let kept =
            |(number, record, expires)| KeptBinding { number, record, expires: Wall(expires) };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// Figures of quarters of an hour that begin within a span, milliseconds since 1970: interval, name, measure,
    /// value.
    pub async fn figures(
        &self,
        kind: &str,
        from: i64,
        until: i64,
    ) -> Result<Vec<(i64, String, String, i64)>, Trouble> {
        let select = "SELECT start, name, measure, value FROM figures \
                      WHERE kind = ? AND start >= ? AND start < ? ORDER BY start, name";
        let query = sqlx::query_as(select).bind(kind).bind(from).bind(until);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// Up to which fact figures are counted, and those of queues from a moment on.
    pub async fn figures_of_queues(&self, from: i64) -> Result<(u64, Vec<Delta>), Trouble> {
        // Both of one moment, whatever is written meanwhile.
        let mut reading = self.pool.begin().await.map_err(self.sorted())?;
        let last = sqlx::query_scalar::<_, i64>("SELECT seq FROM events ORDER BY id DESC LIMIT 1");
        let last = last.fetch_optional(&mut *reading).await.map_err(self.sorted())?;
        let select = "SELECT start, name, measure, value FROM figures \
                      WHERE kind = 'queue' AND start >= ?";
        let rows = sqlx::query_as::<_, (i64, String, String, i64)>(select).bind(from);
        let rows = rows.fetch_all(&mut *reading).await.map_err(self.sorted())?;
        let delta = |(start, name, measure, value): (i64, String, String, i64)| {
            let (measure, value) = (Measure::named(&measure)?, u64::try_from(value).ok()?);
            Some(Delta { subject: Subject::new(Kind::Queue, &name), start, measure, value })
        };
        let seq = last.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0);
        Ok((seq, rows.into_iter().filter_map(delta).collect()))
    }

    /// When the first and the last quarter of an hour begins of which there are figures of a kind; `None`: there
    /// are none, as in a database that this version has not written to yet.
    pub async fn figures_span(&self, kind: &str) -> Result<Option<(i64, i64)>, Trouble> {
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'figures'";
        let there = sqlx::query_scalar::<_, i64>(there).fetch_one(&self.pool).await;
        if there.map_err(self.sorted())? == 0 {
            return Ok(None);
        }
        let select = "SELECT min(start), max(start) FROM figures WHERE kind = ?";
        let query = sqlx::query_as::<_, (Option<i64>, Option<i64>)>(select).bind(kind);
        let (first, last) = query.fetch_one(&self.pool).await.map_err(self.sorted())?;
        Ok(first.zip(last))
    }

    /// How much there is.
    pub async fn counts(&self) -> Result<Counts, Trouble> {
        let select = "SELECT (SELECT count(*) FROM calls) AS calls, \
                      (SELECT count(*) FROM calls WHERE ended IS NULL) AS open_calls, \
                      (SELECT count(*) FROM legs) AS legs, \
                      (SELECT count(*) FROM events) AS events, \
                      (SELECT count(*) FROM events WHERE refused IS NOT NULL) AS refused, \
                      (SELECT count(*) FROM recordings) AS recordings, \
                      (SELECT count(*) FROM survey_answers) AS answers, \
                      (SELECT count(*) FROM registrations) AS registrations";
        sqlx::query_as(select).fetch_one(&self.pool).await.map_err(self.sorted())
    }
}
