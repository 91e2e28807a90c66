//! Records of calls that are past their time go, a few at a time, between the facts that come
//! (`[store] keep`).
//!
//! ```text
//!   each WINDOW: cut = the lesser of the first moment that is kept, and an hour behind the oldest record
//!        every STEP: some facts, calls with legs and fields, rows of removed recordings before the cut
//!        nothing left before it ─▶ rest until the next window
//! ```
//!
//! Of the care line's records each kind has a cut of its own ([`care`]); what is a case's goes by `[care] keep`.
//!
//! So at most an hour's records go in [`WINDOW`], 24 times as fast as they came: a clock that stands a year ahead
//! for an hour costs a day of the oldest records, and not the year's. What is removed here: `events`, `calls`, `legs`,
//! `call_fields`, `wrap_ups`, text messages that are over, campaigns' attempts, and rows of recordings whose file is gone.
//! However old they are there stay the calls of an open case, with their legs and fields: by how its last call's line ended a start
//! knows whether its home is to be called. Their events go, for those go in their order.
//! What stays: figures ([`super::roll_up`] makes days of them), surveys, scores, campaigns' lists and subscribers. The file does not shrink; its room is used again.

mod care;

use std::time::{Duration, Instant};

use sqlx::Connection;

use self::care::{By, PARTS};
use super::database::{Database, Trouble};

/// Facts that are removed in one transaction.
const FACTS: i64 = 1_000;
/// Calls, messages and rows of recordings that are.
const ROWS: i64 = 200;
/// The newest facts of no call stay however old they are; the very last always: from it a journal that was lost knows
/// how far numbers were given.
const SPARED: i64 = 10_000;
/// Between two transactions, so that facts find the database free and the disk is not kept busy.
const STEP: Duration = Duration::from_secs(1);
/// How long an hour of old records has at least.
const WINDOW: Duration = Duration::from_secs(150);
/// What may go in a window, milliseconds of the calendar.
const HOUR: i64 = 3_600_000;

/// Of calls those that belong to no case that is open. Open cases are few, and looked for first: without the word which index
/// is meant SQLite goes through the fields of all calls each time.
macro_rules! of_no_open_case {
    () => {
        " AND calls.call NOT IN (SELECT own.call FROM cases CROSS JOIN call_fields AS own INDEXED BY call_fields_case \
         ON own.name = 'case' \
         AND own.value = CAST(cases.id AS TEXT) WHERE cases.closed IS NULL \
         UNION ALL SELECT cases.call FROM cases WHERE cases.closed IS NULL AND cases.call IS NOT NULL) "
    };
}

/// The first moments that are kept, milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    /// Of calls, and of what of the care line is no case's.
    pub(super) calls: i64,
    /// Of cases, by when they were closed.
    pub(super) cases: i64,
}

/// What goes in a window: of before these moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cuts {
    calls: i64,
    parts: [i64; PARTS.len()],
}

/// Goes through the records that are past their time.
#[derive(Debug)]
pub(super) struct Keeper {
    /// Not before.
    next: Instant,
    /// What goes in this window, and when the next begins.
    window: Option<(Cuts, Instant)>,
}

impl Keeper {
    /// One that begins a window after the start, when a box has other things to do no more.
    pub(super) fn new(now: Instant) -> Keeper {
        Keeper { next: now + WINDOW, window: None }
    }

    /// How long nothing is to be done.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// Removes some of what is of before the moments in `kept`, when it is time.
    pub(super) async fn turn(
        &mut self,
        database: &mut Database,
        kept: Kept,
        now: Instant,
    ) -> Result<(), Trouble> {
        if now < self.next {
            return Ok(());
        }
        let (cuts, ends) = match self.window {
            Some(window) if now < window.1 => window,
            _ => (cuts(database, kept).await?, now + WINDOW),
        };
        self.window = Some((cuts, ends));
        let more = remove(database, cuts).await?;
        self.next = if more { now + STEP } else { ends };
        Ok(())
    }
}

/// What goes next: of each kind no more than an hour's.
async fn cuts(database: &mut Database, kept: Kept) -> Result<Cuts, Trouble> {
    let cut = |first_kept: i64, oldest: Option<i64>| {
        oldest.map_or(i64::MIN, |oldest| first_kept.min(oldest.saturating_add(HOUR)))
    };
    let calls = cut(kept.calls, oldest(database).await?);
    let mut parts = [i64::MIN; PARTS.len()];
    for (own, part) in parts.iter_mut().zip(PARTS) {
        let first_kept = match part.by {
            By::Calls => kept.calls,
            By::Cases => kept.cases,
        };
        let found = sqlx::query_scalar(part.oldest).fetch_optional(&mut database.connection).await;
        *own = cut(first_kept, found.map_err(|error| database.sort(&error))?);
    }
    Ok(Cuts { calls, parts })
}

/// When the first record was made of those that may go; a clock that was ahead then hides none behind it.
async fn oldest(database: &mut Database) -> Result<Option<i64>, Trouble> {
    const OF_FACTS: &str =
        "SELECT wall FROM events WHERE id < (SELECT max(id) FROM events) - ? ORDER BY id LIMIT 1";
    const OF_CALLS: &str = concat!(
        "SELECT begun FROM calls WHERE ended IS NOT NULL",
        of_no_open_case!(),
        "ORDER BY begun LIMIT 1"
    );
    let facts = sqlx::query_scalar(OF_FACTS).bind(SPARED);
    let facts = facts.fetch_optional(&mut database.connection).await;
    let fact: Option<i64> = facts.map_err(|error| database.sort(&error))?;
    let calls = sqlx::query_scalar(OF_CALLS).fetch_optional(&mut database.connection).await;
    let call: Option<i64> = calls.map_err(|error| database.sort(&error))?;
    Ok(fact.into_iter().chain(call).min())
}

/// Facts in the order in which they were written; those of no call go so alone. One that a wrong clock dated ahead holds
/// those behind it.
const OF_FACTS: &str = "DELETE FROM events WHERE id < (SELECT max(id) FROM events) - ?3 AND id < coalesce( \
     (SELECT min(id) FROM (SELECT id, wall FROM events ORDER BY id LIMIT ?2) WHERE wall >= ?1), \
     (SELECT max(id) + 1 FROM (SELECT id FROM events ORDER BY id LIMIT ?2)))";
/// The calls that go.
const CALLS: &str = concat!(
    "SELECT call FROM calls WHERE begun < ?1 AND ended IS NOT NULL",
    of_no_open_case!(),
    "ORDER BY begun LIMIT ?2"
);
/// Messages are numbered as they come.
const OF_MESSAGES: &str = "DELETE FROM messages WHERE id IN (SELECT id FROM \
     (SELECT id, ended FROM messages ORDER BY id LIMIT ?2) WHERE ended < ?1)";
/// Of customers whom campaigns called: the list, which the user may clear, has what came of it.
const OF_ATTEMPTS: &str = "DELETE FROM campaign_attempts WHERE rowid IN \
     (SELECT rowid FROM campaign_attempts WHERE wall < ?1 ORDER BY wall LIMIT ?2)";
const OF_RECORDINGS: &str = "DELETE FROM recordings WHERE rowid IN (SELECT rowid FROM recordings \
     WHERE begun < ?1 AND (removed IS NOT NULL OR ended IS NOT NULL AND coalesce(ms, 0) = 0) \
     ORDER BY begun LIMIT ?2)";

/// Removes some records of before `cuts`, in one transaction; whether there may be more.
async fn remove(database: &mut Database, cuts: Cuts) -> Result<bool, Trouble> {
    let cut = cuts.calls;
    let of_rows = [
        format!("DELETE FROM events WHERE call IN ({CALLS}) AND id < (SELECT max(id) FROM events)"),
        format!("DELETE FROM legs WHERE call IN ({CALLS})"),
        format!("DELETE FROM call_fields WHERE call IN ({CALLS})"),
        format!("DELETE FROM wrap_ups WHERE call IN ({CALLS})"),
        format!("DELETE FROM calls WHERE call IN ({CALLS})"),
        OF_RECORDINGS.to_owned(),
        OF_MESSAGES.to_owned(),
        OF_ATTEMPTS.to_owned(),
    ];
    let path = database.path().to_owned();
    let sorted = |error: sqlx::Error| super::database::sort(&path, &error);
    let mut transaction =
        database.connection.begin_with("BEGIN IMMEDIATE").await.map_err(sorted)?;
    let facts = sqlx::query(OF_FACTS).bind(cut).bind(FACTS).bind(SPARED);
    let mut more = facts.execute(&mut *transaction).await.map_err(sorted)?.rows_affected() > 0;
    for delete in of_rows {
        let rows = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(cut).bind(ROWS);
        more |= rows.execute(&mut *transaction).await.map_err(sorted)?.rows_affected() > 0;
    }
    for (part, cut) in PARTS.iter().zip(cuts.parts) {
        for delete in part.deletes {
            let rows = sqlx::query(*delete).bind(cut).bind(ROWS).execute(&mut *transaction).await;
            more |= rows.map_err(sorted)?.rows_affected() > 0;
        }
    }
    transaction.commit().await.map_err(sorted)?;
    Ok(more)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test of files")]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    /// Everything of before this goes.
    fn all(first_kept: i64) -> Kept {
        Kept { calls: first_kept, cases: first_kept }
    }

    /// A call an hour for as many hours as there are, the last at [`NOW`], and filler behind them.
    async fn filled(path: &std::path::Path, hours: i64) -> Database {
        let mut database = Database::open(path).await.unwrap();
        let fill =
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1) ";
        let inserts = [
            "INSERT INTO wrap_ups (call, agent, queue, code, name, wall) SELECT 'call-' || i, '7001', 'care', '17', '', 5 FROM n",
            "INSERT INTO campaign_attempts (campaign, number, nth, wall, agent) SELECT 'spring', '138' || i, 1, \
             ?2 - (?1 - 1 - i) * 3600000, '7001' FROM n",
            "INSERT INTO events (journal, run, seq, wall, kind, call, body) SELECT 1, 1, i + 1, \
             ?2 - (?1 - 1 - i) * 3600000, 'x', 'call-' || i, '{}' FROM n",
            "INSERT INTO calls (call, begun, ended, caller, caller_name, dialled, context) SELECT 'call-' || i, \
             ?2 - (?1 - 1 - i) * 3600000, iif(i = 3, NULL, 1), '1', '', '2', 'c' FROM n",
            "INSERT INTO legs (call, leg, role, number, begun) SELECT 'call-' || i, 1, 'caller', '1', 5 FROM n",
            "INSERT INTO call_fields (call, name, value) SELECT 'call-' || i, 'a', 'b' FROM n",
            "INSERT INTO recordings (call, recording, path, left_leg, begun, ended, ms, removed) SELECT \
             'call-' || i, 1, 'p', 1, ?2 - (?1 - 1 - i) * 3600000, 1, 9, iif(i = 4, NULL, 1) FROM n",
        ];
        for insert in inserts {
            let text = sqlx::AssertSqlSafe(insert.replacen("SELECT", &format!("{fill} SELECT"), 1));
            let insert = sqlx::query(text).bind(hours).bind(NOW);
            insert.execute(&mut database.connection).await.unwrap();
        }
        let filler = format!(
            "{fill} INSERT INTO events (journal, run, seq, wall, kind, body) \
             SELECT 1, 2, i + 1000000, ?2, 'x', '{{}}' FROM n"
        );
        let filler = sqlx::query(sqlx::AssertSqlSafe(filler)).bind(SPARED).bind(NOW);
        filler.execute(&mut database.connection).await.unwrap();
        database
    }

    async fn counts(database: &mut Database) -> [i64; 7] {
        let mut counts = [0; 7];
        for (count, table) in counts.iter_mut().zip([
            "events WHERE call IS NOT NULL",
            "calls",
            "legs",
            "call_fields",
            "recordings",
            "wrap_ups",
            "campaign_attempts",
        ]) {
            let select = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            *count = sqlx::query_scalar(select).fetch_one(&mut database.connection).await.unwrap();
        }
        counts
    }

    #[tokio::test]
    async fn an_hours_records_go_in_a_window_and_nothing_that_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = filled(&dir.path().join("belfry.db"), 100).await;
        let begun = Instant::now();
        let mut keeper = Keeper::new(begun);
        let first_kept = NOW - 40 * HOUR;
        keeper.turn(&mut database, all(first_kept), begun).await.unwrap();
        assert_eq!(counts(&mut database).await, [100; 7], "not before its time");
        let mut now = begun;
        for window in 1..=5 {
            let ends = now + keeper.rest(now) + WINDOW;
            while now < ends {
                now += keeper.rest(now).max(Duration::from_millis(1));
                if now < ends {
                    keeper.turn(&mut database, all(first_kept), now).await.unwrap();
                }
            }
            assert_eq!(counts(&mut database).await[0], 100 - window, "an hour's in each");
        }
        for _ in 0..400 {
            now += keeper.rest(now);
            keeper.turn(&mut database, all(first_kept), now).await.unwrap();
        }
        // Kept: those of the last 40 hours; the call that is open; the recording whose file is there.
        assert_eq!(counts(&mut database).await, [41, 42, 42, 42, 42, 42, 41]);
    }

    #[tokio::test]
    async fn the_newest_facts_stay_and_nothing_goes_unless_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = filled(&dir.path().join("belfry.db"), 10).await;
        let delete = sqlx::query("DELETE FROM events WHERE id > 5000");
        delete.execute(&mut database.connection).await.unwrap();
        let mut now = Instant::now();
        let mut keeper = Keeper::new(now);
        let mut turns = async |database: &mut Database, first_kept: i64| {
            for _ in 0..80 {
                now += keeper.rest(now);
                keeper.turn(database, all(first_kept), now).await.unwrap();
            }
        };
        turns(&mut database, i64::MIN).await;
        assert_eq!(counts(&mut database).await, [10; 7]);
        // Facts of no call: so many as are spared.
        let other = sqlx::query("UPDATE events SET call = NULL WHERE id > 9");
        other.execute(&mut database.connection).await.unwrap();
        turns(&mut database, NOW + 1).await;
        assert_eq!(
            counts(&mut database).await,
            [1, 1, 1, 1, 1, 1, 0],
            "the open call, the file that is there"
        );
        let select = "SELECT count(*) FROM events WHERE call IS NULL";
        let spared: i64 =
            sqlx::query_scalar(select).fetch_one(&mut database.connection).await.unwrap();
        assert_eq!(spared, 4_991);
    }

    #[tokio::test]
    async fn a_fact_that_was_dated_ahead_neither_keeps_calls_nor_lets_them_go_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = filled(&dir.path().join("belfry.db"), 100).await;
        let ahead = sqlx::query("UPDATE events SET wall = ?, call = NULL WHERE id = 1");
        ahead.bind(NOW * 2).execute(&mut database.connection).await.unwrap();
        let mut now = Instant::now();
        let mut keeper = Keeper::new(now);
        for _ in 0..3 {
            now += keeper.rest(now);
            keeper.turn(&mut database, all(NOW - 40 * HOUR), now).await.unwrap();
        }
        let [_, calls, ..] = counts(&mut database).await;
        assert!((97..100).contains(&calls), "an hour's, not all: {calls}");
        for _ in 0..400 {
            now += keeper.rest(now);
            keeper.turn(&mut database, all(NOW - 40 * HOUR), now).await.unwrap();
        }
        assert_eq!(counts(&mut database).await, [42, 42, 42, 42, 42, 42, 41]);
    }

    /// Runs `count` turns, each when it is time.
    async fn turns(database: &mut Database, kept: Kept, count: usize) {
        let mut now = Instant::now();
        let mut keeper = Keeper::new(now);
        for _ in 0..count {
            now += keeper.rest(now);
            keeper.turn(database, kept, now).await.unwrap();
        }
    }

    /// The care line's records of as many hours as there are, one of each kind an hour, the last at [`NOW`]: cases 1 to 5 are
    /// open, closed, a missed check-in's, a late one's, and of a unit whose only report it was.
    async fn cared_for(path: &std::path::Path, hours: i64) -> Database {
        let mut database = Database::open(path).await.unwrap();
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) ";
        let inserts = [
            "INSERT INTO cases (id, account, unit, opened, need, priority, place, closed) SELECT i, 'u' || iif(i = 5, 5, 0), \
             'u', 1, 'fall', 0, '', iif(i = 1, NULL, ?2 - (?1 - i) * 3600000) FROM n",
            "INSERT INTO reports (id, wall, account, \"by\", device, protocol, meaning, of, code, priority, place, raw, \
             \"case\", repeat) SELECT i, ?2 - (?1 - i) * 3600000, 'u' || iif(i = 5, 5, 0), 'u', '', 'scaip', 'alarm', 'fall', \
             1, 0, 'bath', '<mrq/>', i, 0 FROM n",
            "INSERT INTO reports (id, wall, account, \"by\", device, protocol, meaning, of, code, priority, place, raw, \
             repeat) SELECT 1000 + i, ?2 - (?1 - i) * 3600000, 'u' || iif(i = 7, 7, 0), 'u', '', 'now-ip', 'began', 'battery', \
             1, 0, '', '', 0 FROM n",
            "INSERT INTO plan_events (id, \"case\", wall, account, plan, step, what, body) SELECT i, i, 1, 'u', 'p', '', \
             'begun', '{}' FROM n",
            "INSERT INTO check_ins (account, due, state, task) SELECT 'u', ?2 - (?1 - i) * 3600000, \
             CASE i WHEN 3 THEN 'missed' WHEN 4 THEN 'late' ELSE 'reported' END, iif(i IN (3, 4), i, NULL) FROM n",
            "INSERT INTO care_calls (list, account, day, state, due, until, next, over) SELECT 'l', 'u', 'd' || i, 'done', 1, \
             0, 0, iif(i = 1, NULL, ?2 - (?1 - i) * 3600000) FROM n",
            "INSERT INTO units_seen (account, wall) SELECT CASE i WHEN 1 THEN 's' WHEN 2 THEN 'u0' ELSE 'unknown-' || i END, \
             ?2 - (?1 - i) * 3600000 FROM n",
            "INSERT INTO subscribers (number, name, region, since, body) SELECT iif(i = 1, 's', 's' || i), '', '', 0, '{}' \
             FROM n",
            "INSERT INTO care_rounds (list, day, due, until, region, text, \"by\", people, over) SELECT iif(i = 2, 'old', 'l'), \
             'd' || i, i, 1, '', '', '', 1, iif(i = 6, NULL, ?2 - (?1 - i) * 3600000) FROM n",
        ];
        for insert in inserts {
            let text = sqlx::AssertSqlSafe(insert.replacen("SELECT", &format!("{fill} SELECT"), 1));
            let insert = sqlx::query(text).bind(hours).bind(NOW);
            insert.execute(&mut database.connection).await.unwrap();
        }
        database
    }

    async fn care_counts(database: &mut Database) -> [i64; 8] {
        let mut counts = [0; 8];
        for (count, table) in counts.iter_mut().zip([
            "cases",
            "reports WHERE \"case\" IS NOT NULL",
            "reports WHERE \"case\" IS NULL",
            "plan_events",
            "check_ins",
            "care_calls",
            "care_rounds",
            "units_seen",
        ]) {
            let select = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            *count = sqlx::query_scalar(select).fetch_one(&mut database.connection).await.unwrap();
        }
        counts
    }

    /// A case is evidence: it stays longer than calls do, whole; what is open stays for ever.
    #[tokio::test]
    async fn of_the_care_line_goes_what_is_over_and_a_case_by_a_key_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = cared_for(&dir.path().join("belfry.db"), 60).await;
        turns(&mut database, all(i64::MIN), 20).await;
        assert_eq!(care_counts(&mut database).await, [60; 8]);
        turns(&mut database, Kept { calls: i64::MIN, cases: NOW - 40 * HOUR }, 400).await;
        // Kept: the last 41; what is open; what waits for a person; of the unit without another its last word.
        assert_eq!(care_counts(&mut database).await, [43, 43, 61, 43, 60, 60, 60, 60]);
        turns(&mut database, all(NOW - 40 * HOUR), 400).await;
        // Check-ins: and the one that was missed. Calls: that under way, and the one whose round is. Rounds: that, and the only
        // one of a list. Reports: the last words of two units. Who was heard: the subscriber, and one with a report.
        assert_eq!(care_counts(&mut database).await, [43, 43, 43, 43, 42, 43, 43, 43]);
        turns(&mut database, all(NOW + 1), 400).await;
        assert_eq!(care_counts(&mut database).await, [2, 2, 3, 2, 1, 2, 3, 2]);
        let select = "SELECT group_concat(id) FROM (SELECT id FROM cases ORDER BY id)";
        let ids: String =
            sqlx::query_scalar(select).fetch_one(&mut database.connection).await.unwrap();
        assert_eq!(ids, "1,3");
    }

    /// However old a case is that is open, how the line of its call ended is known: without it each start would take that for
    /// one that broke off, and call the home. Those that are not its go, and it holds up none.
    #[tokio::test]
    async fn the_calls_of_an_open_case_stay_until_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = filled(&dir.path().join("belfry.db"), 100).await;
        for own in [
            "INSERT INTO cases (id, account, unit, opened, need, priority, place, call) VALUES (7, 'u', 'u', 1, 'fall', 0, '', 'call-0')",
            "INSERT INTO cases (id, account, unit, opened, need, priority, place, call, closed) VALUES (8, 'v', 'v', 1, 'fall', 0, '', 'call-2', 5)",
            "UPDATE call_fields SET name = 'line', value = 'normal' WHERE call = 'call-0'",
            "UPDATE call_fields SET name = 'case', value = '7' WHERE call = 'call-1'",
            "UPDATE call_fields SET name = 'case', value = '8' WHERE call = 'call-2'",
        ] {
            sqlx::query(own).execute(&mut database.connection).await.unwrap();
        }
        turns(&mut database, all(NOW + 1), 400).await;
        let select = "SELECT group_concat(call) FROM (SELECT call FROM calls ORDER BY begun)";
        let calls: String =
            sqlx::query_scalar(select).fetch_one(&mut database.connection).await.unwrap();
        assert_eq!(
            calls, "call-0,call-1,call-3",
            "the open case's two, and the call that is not over"
        );
        assert_eq!(counts(&mut database).await[2..4], [3, 3], "with their legs and fields");
        let close = sqlx::query("UPDATE cases SET closed = 1 WHERE id = 7");
        close.execute(&mut database.connection).await.unwrap();
        turns(&mut database, all(NOW + 1), 40).await;
        assert_eq!(counts(&mut database).await[1], 1);
    }

    /// A clock that stands a year ahead for an hour must not cost the year's cases.
    #[tokio::test]
    async fn of_the_care_lines_records_too_an_hours_go_in_a_window() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = cared_for(&dir.path().join("belfry.db"), 60).await;
        let begun = Instant::now();
        let mut keeper = Keeper::new(begun);
        let mut now = begun + keeper.rest(begun);
        let ends = now + WINDOW;
        while now < ends {
            keeper.turn(&mut database, all(NOW * 2), now).await.unwrap();
            now += keeper.rest(now).max(Duration::from_millis(1));
        }
        let left = care_counts(&mut database).await;
        assert!(left.iter().all(|left| (58..=60).contains(left)), "{left:?}");
    }
}
