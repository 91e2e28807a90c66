//! Figures that are past their time become days: the quarters of an hour of a day before the first that is kept
//! (`[store] keep`) are one row of each measure, at the day's midnight.
//!
//! ```text
//!   2024-11-01   2024-11-02   00:00 00:15 00:30 …          first day kept
//!   one row      one row      each HOUR one day more ──────▶│ quarters
//! ```
//!
//! A house of 300 agents writes 100,000 rows a day, of which 3,000 are left. Reports by day, week, month and year say
//! what they said; those by hour have such a day whole in its first hour. A clock that stands a year ahead for an
//! hour makes one day of quarters so, and not the year's.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use sqlx::Connection;

use super::database::{Database, Trouble};
use crate::report::Kind;
use crate::report::period::{By, period};

/// Between two days: 24 times as fast as they come.
const HOUR: Duration = Duration::from_secs(3_600);

/// Makes days of quarters.
#[derive(Debug)]
pub(super) struct RollUp {
    /// Not before.
    next: Instant,
}

impl RollUp {
    /// One that begins an hour after the start.
    pub(super) fn new(now: Instant) -> RollUp {
        RollUp { next: now + HOUR }
    }

    /// How long nothing is to be done.
    pub(super) fn rest(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// Makes a day of each kind, of before `first_kept` (milliseconds since 1970), when it is time.
    pub(super) async fn turn(
        &mut self,
        database: &mut Database,
        (first_kept, zone): (i64, &TimeZone),
        now: Instant,
    ) -> Result<(), Trouble> {
        if now < self.next {
            return Ok(());
        }
        self.next = now + HOUR;
        for (_, kind) in Kind::ALL {
            let rolled = roll_up(database, kind, first_kept, zone).await;
            rolled.map_err(|error| database.sort(&error))?;
        }
        Ok(())
    }
}

/// Before this moment there are days, of any kind, which no fact is left to compute anew.
pub(super) async fn rolled_until(
    connection: &mut sqlx::SqliteConnection,
) -> Result<i64, sqlx::Error> {
    let select = "SELECT coalesce(max(until), ?) FROM figures_days";
    sqlx::query_scalar(select).bind(i64::MIN).fetch_one(connection).await
}

/// Makes the first day that is still quarters a day, in one transaction.
async fn roll_up(
    database: &mut Database,
    kind: &str,
    first_kept: i64,
    zone: &TimeZone,
) -> Result<(), sqlx::Error> {
    let first = "SELECT min(start) FROM figures WHERE kind = ?1 \
                 AND start >= coalesce((SELECT until FROM figures_days WHERE kind = ?1), ?2)";
    let first = sqlx::query_scalar::<_, Option<i64>>(first).bind(kind).bind(i64::MIN);
    let Some(first) = first.fetch_one(&mut database.connection).await? else { return Ok(()) };
    let day = period(By::Day, first, zone);
    if day.until > first_kept {
        return Ok(());
    }
    let mut transaction = database.connection.begin_with("BEGIN IMMEDIATE").await?;
    let sums = "SELECT name, measure, iif(measure GLOB 'max_*', max(value), sum(value)) FROM figures \
                WHERE kind = ? AND start >= ? AND start < ? GROUP BY name, measure";
    let sums = sqlx::query_as::<_, (String, String, i64)>(sums);
    let sums = sums.bind(kind).bind(day.from).bind(day.until).fetch_all(&mut *transaction).await?;
    let quarters = "DELETE FROM figures WHERE kind = ? AND start >= ? AND start < ?";
    let quarters = sqlx::query(quarters).bind(kind).bind(day.from).bind(day.until);
    quarters.execute(&mut *transaction).await?;
    for (name, measure, value) in sums {
        let insert =
            "INSERT INTO figures (kind, start, name, measure, value) VALUES (?, ?, ?, ?, ?)";
        let insert = sqlx::query(insert).bind(kind).bind(day.from).bind(name).bind(measure);
        insert.bind(value).execute(&mut *transaction).await?;
    }
    let until = "INSERT INTO figures_days (kind, until) VALUES (?, ?) \
                 ON CONFLICT DO UPDATE SET until = excluded.until";
    sqlx::query(until).bind(kind).bind(day.until).execute(&mut *transaction).await?;
    transaction.commit().await
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test of files")]
mod tests {
    use super::*;

    use crate::report::layout::{Language, Sheet, Span, Terms};
    use crate::report::{Formula, INTERVAL_MS, Measure};

    const DAY: i64 = 24 * 3_600_000;
    /// 2026-03-02T00:00 in Shanghai.
    const MIDNIGHT: i64 = 1_772_380_800_000;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    async fn rows(database: &mut Database) -> Vec<(i64, String, String, i64)> {
        let select = "SELECT start, name, measure, value FROM figures WHERE kind = 'queue' \
                      ORDER BY start, name, measure";
        sqlx::query_as(select).fetch_all(&mut database.connection).await.unwrap()
    }

    /// What a report says of it.
    fn reported(rows: &[(i64, String, String, i64)], by: By) -> String {
        let span = Span { from: 0, until: MIDNIGHT + 5 * DAY, by, zone: zone() };
        let mut sheet = Sheet::new(Kind::Queue, span);
        for (start, name, measure, value) in rows {
            let measure = Measure::named(measure).expect("a measure");
            sheet.add(name, *start, measure, *value as u64);
        }
        let (channels, wrap_ups) = Default::default();
        let terms = Terms { formula: Formula::Sl3, threshold: 20, short: 5, channels, wrap_ups };
        format!("{:?}", sheet.table(&terms, Language::English).lines)
    }

    #[tokio::test]
    async fn quarters_that_are_past_their_time_become_days_and_reports_say_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = Database::open(&dir.path().join("belfry.db")).await.unwrap();
        let measures =
            ["entered", "answered", "answered_in:9", "max_wait_ms", "wait_ms", "wrap_up:17"];
        for n in 0..4 * 96_i64 {
            for (m, measure) in measures.iter().enumerate() {
                let (start, value) = (MIDNIGHT + n * INTERVAL_MS, (n * 7 + m as i64) % 50);
                for kind in ["queue", "agent"] {
                    let insert = "INSERT INTO figures (kind, start, name, measure, value) \
                                  VALUES (?, ?, 'care', ?, ?)";
                    let insert = sqlx::query(insert).bind(kind).bind(start).bind(measure);
                    insert.bind(value).execute(&mut database.connection).await.unwrap();
                }
            }
        }
        let before = rows(&mut database).await;
        let begun = Instant::now();
        let (mut roll_up, mut now) = (RollUp::new(begun), begun);
        let first_kept = MIDNIGHT + 3 * DAY;
        roll_up.turn(&mut database, (first_kept, &zone()), now).await.unwrap();
        assert_eq!(rows(&mut database).await.len(), before.len(), "not before its time");
        for days in 1..=3 {
            now += roll_up.rest(now);
            roll_up.turn(&mut database, (first_kept, &zone()), now).await.unwrap();
            let left = measures.len() * (days + (4 - days) * 96);
            assert_eq!(rows(&mut database).await.len(), left, "a day an hour");
        }
        for _ in 0..3 {
            now += roll_up.rest(now);
            roll_up.turn(&mut database, (first_kept, &zone()), now).await.unwrap();
        }
        let after = rows(&mut database).await;
        assert_eq!(after.len(), measures.len() * (3 + 96), "the day that is kept stays as it is");
        assert_eq!(after.iter().filter(|row| row.0 < MIDNIGHT + 3 * DAY).count(), 18);
        for by in [By::Day, By::Week, By::Month, By::Year] {
            assert_eq!(reported(&after, by), reported(&before, by));
        }
        // Computing anew leaves days alone: what they were made of is gone.
        super::super::figures::recompute(&mut database).await.unwrap();
        let kept = rows(&mut database).await;
        assert_eq!(kept, after.into_iter().filter(|row| row.0 < first_kept).collect::<Vec<_>>());
    }
}
