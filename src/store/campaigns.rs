//! Outbound campaigns in the records (R19): lists, attempts, and whom nobody may call.
//!
//! Lists and do-not-call numbers are administered here straight, as subscribers are; what is called and what came of
//! it comes from facts. An import leaves what is there as it is.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use sqlx::{Connection, SqliteConnection};

use super::database::{Database, Trouble, sort};
use super::query::Records;
use super::row::from_row;
use super::statement::{Statement, query};
use crate::base::Wall;
use crate::report::period::{By, period};
use crate::switch::campaigns::{Entry, Kept, MOST_BARRED, MOST_NUMBERS, State, Status};
use crate::switch::fact::{CampaignFact, Fact};

/// Numbers that are read at once.
pub const PAGE: usize = 2_000;

/// What a fact says of a campaign.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    campaign: &'q str,
    what: &'q CampaignFact,
) -> Vec<Statement<'q>> {
    let wall = fact.wall.0;
    match what {
        CampaignFact::Status { status, by } => {
            let upsert = "INSERT INTO campaigns (name, status, since, \"by\") VALUES (?, ?, ?, ?) \
                          ON CONFLICT DO UPDATE SET status = excluded.status, since = excluded.since, \
                          \"by\" = excluded.\"by\"";
            vec![query(upsert).bind(campaign).bind(status).bind(wall).bind(by)]
        }
        CampaignFact::Called { number, nth, agent } => {
            let update = "UPDATE campaign_numbers SET state = 'calling', tried = ?, agent = ?, last = ?, \
                          next = NULL WHERE campaign = ? AND number = ?";
            let insert = "INSERT INTO campaign_attempts (campaign, number, nth, wall, agent) \
                          VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let nth = i64::from(*nth);
            vec![
                query(update).bind(nth).bind(agent).bind(wall).bind(campaign).bind(number),
                query(insert).bind(campaign).bind(number).bind(nth).bind(wall).bind(agent),
            ]
        }
        CampaignFact::Over { .. } => over(wall, campaign, what),
        CampaignFact::Coded { .. } => coded(campaign, what),
        CampaignFact::Offered { .. } | CampaignFact::OfferOver { .. } => Vec::new(),
    }
}

/// An attempt is over: of its number, and of itself, which is the newest that is not over. Whom nobody may call any more has
/// none.
fn over<'q>(wall: i64, campaign: &'q str, what: &'q CampaignFact) -> Vec<Statement<'q>> {
    let CampaignFact::Over {
        number,
        nth,
        counted,
        outcome,
        state,
        agent,
        call,
        cause,
        talk_ms,
        next,
    } = what
    else {
        return Vec::new();
    };
    let update = "UPDATE campaign_numbers SET state = ?, counted = ?, outcome = ?, next = ? \
                  WHERE campaign = ? AND number = ?";
    let of_it = query(update).bind(state).bind(i64::from(*counted)).bind(outcome);
    let of_it = of_it.bind(*next).bind(campaign).bind(number);
    let update = "UPDATE campaign_attempts SET outcome = ?, cause = ?, call = ?, talk_ms = ?, over = ?, \
                  agent = CASE WHEN ? = '' THEN agent ELSE ? END WHERE rowid = (SELECT max(rowid) \
                  FROM campaign_attempts WHERE campaign = ? AND number = ? AND nth = ? AND over IS NULL)";
    let talk_ms = i64::try_from(*talk_ms).unwrap_or(i64::MAX);
    let attempt = query(update).bind(outcome).bind(i64::from(*cause));
    let attempt = attempt.bind(call.map(|call| call.to_string())).bind(talk_ms).bind(wall);
    let attempt = attempt.bind(agent).bind(agent);
    vec![of_it, attempt.bind(campaign).bind(number).bind(i64::from(*nth))]
}

/// What an agent has said of a talk.
fn coded<'q>(campaign: &'q str, what: &'q CampaignFact) -> Vec<Statement<'q>> {
    let CampaignFact::Coded { number, code, call, state, machine, next, .. } = what else {
        return Vec::new();
    };
    let outcome = if *machine { Some("voice_mail") } else { None };
    let update = "UPDATE campaign_numbers SET state = ?, code = ?, next = ?, \
                  outcome = coalesce(?, outcome) WHERE campaign = ? AND number = ?";
    let of_it = query(update).bind(state).bind(code).bind(*next).bind(outcome);
    let of_it = of_it.bind(campaign).bind(number);
    let update = "UPDATE campaign_attempts SET code = ?, outcome = coalesce(?, outcome) \
                  WHERE campaign = ? AND number = ? AND (call = ? OR over IS NULL AND rowid = \
                  (SELECT max(rowid) FROM campaign_attempts own WHERE own.campaign = campaign_attempts.campaign \
                  AND own.number = campaign_attempts.number))";
    let attempt = query(update).bind(code).bind(outcome).bind(campaign).bind(number);
    vec![of_it, attempt.bind(call.to_string())]
}

/// What an import has done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Imported {
    /// Numbers that were put on the list.
    pub added: usize,
    /// Numbers that are on it already, and stay as they are.
    pub there: usize,
}

/// Puts numbers on a campaign's list, all or none; `dry_run`: says what that would do.
///
/// They come into a table of the connection's own first, so that whoever else writes to the database waits for one
/// statement and not for the whole list.
pub async fn import(
    path: &Path,
    campaign: &str,
    entries: &[Entry],
    dry_run: bool,
) -> Result<Imported, String> {
    let said = |trouble: Trouble| trouble.to_string();
    let mut database = Database::open_beside(path).await.map_err(said)?;
    let sorted = |error: sqlx::Error| sort(path, &error).to_string();
    stage(&mut database.connection, entries).await.map_err(sorted)?;
    let mut step = database.connection.begin_with("BEGIN IMMEDIATE").await.map_err(sorted)?;
    let select = "SELECT count(*), coalesce(max(row), 0) FROM campaign_numbers WHERE campaign = ?";
    let (there, last): (i64, i64) =
        sqlx::query_as(select).bind(campaign).fetch_one(&mut *step).await.map_err(sorted)?;
    let insert = "INSERT INTO campaign_numbers (campaign, number, row, fields, state) \
                  SELECT ?, number, ? + row_number() OVER (ORDER BY staged.rowid), fields, 'waiting' FROM staged \
                  WHERE NOT EXISTS (SELECT 1 FROM campaign_numbers own WHERE own.campaign = ? AND own.number = staged.number) \
                  ON CONFLICT DO NOTHING";
    let done = sqlx::query(insert).bind(campaign).bind(last).bind(campaign);
    let added = done.execute(&mut *step).await.map_err(sorted)?.rows_affected();
    let added = usize::try_from(added).unwrap_or(usize::MAX);
    let imported = Imported { added, there: entries.len().saturating_sub(added) };
    let all = usize::try_from(there).unwrap_or(0).saturating_add(added);
    if all > MOST_NUMBERS {
        return Err(format!(
            "the list would have {all} numbers, and may have {MOST_NUMBERS}: nothing was added"
        ));
    }
    match dry_run {
        true => step.rollback().await.map_err(sorted)?,
        false => step.commit().await.map_err(sorted)?,
    }
    Ok(imported)
}

/// Numbers of one statement that stages them.
const STAGED: usize = 1_000;

/// Puts numbers into a table that this connection alone sees, in their order.
async fn stage(connection: &mut SqliteConnection, entries: &[Entry]) -> Result<(), sqlx::Error> {
    let create = "CREATE TEMP TABLE staged (number TEXT NOT NULL, fields TEXT NOT NULL)";
    sqlx::query(create).execute(&mut *connection).await?;
    let mut step = connection.begin().await?;
    for part in entries.chunks(STAGED) {
        let rows: Vec<[&str; 2]> =
            part.iter().map(|own| [own.number.as_str(), own.fields.as_str()]).collect();
        let insert = "INSERT INTO staged (number, fields) \
                      SELECT value ->> 0, value ->> 1 FROM json_each(?) ORDER BY key";
        let rows = serde_json::to_string(&rows).unwrap_or_default();
        sqlx::query(insert).bind(rows).execute(&mut *step).await?;
    }
    step.commit().await
}

/// Takes a campaign's list away; its attempts, and with them its figures, stay. Gives how many numbers it had.
pub async fn clear(path: &Path, campaign: &str) -> Result<usize, String> {
    let mut database = Database::open_beside(path).await.map_err(|trouble| trouble.to_string())?;
    let delete = sqlx::query("DELETE FROM campaign_numbers WHERE campaign = ?").bind(campaign);
    let done = delete.execute(&mut database.connection).await;
    let done = done.map_err(|error| sort(path, &error).to_string())?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

/// Numbers that nobody may call, at most [`MOST_BARRED`], or may again. Gives how many that changed.
pub async fn bar(
    path: &Path,
    numbers: &[String],
    barred: bool,
    by: (&str, Wall),
) -> Result<usize, String> {
    bar_within(path, numbers, barred, by, MOST_BARRED).await
}

async fn bar_within(
    path: &Path,
    numbers: &[String],
    barred: bool,
    (by, wall): (&str, Wall),
    most: usize,
) -> Result<usize, String> {
    let said = |trouble: Trouble| trouble.to_string();
    let mut database = Database::open_beside(path).await.map_err(said)?;
    let sorted = |error: sqlx::Error| sort(path, &error).to_string();
    let mut step = database.connection.begin_with("BEGIN IMMEDIATE").await.map_err(sorted)?;
    let mut changed = 0;
    for number in numbers {
        let insert = "INSERT INTO do_not_call (number, since, \"by\") VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
        let own = match barred {
            true => sqlx::query(insert).bind(number).bind(wall.0).bind(by),
            false => sqlx::query("DELETE FROM do_not_call WHERE number = ?").bind(number),
        };
        changed += own.execute(&mut *step).await.map_err(sorted)?.rows_affected() as usize;
    }
    let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM do_not_call");
    let count = count.fetch_one(&mut *step).await.map_err(sorted)?;
    if barred && usize::try_from(count).is_ok_and(|count| count > most) {
        return Err(format!(
            "{count} numbers would be barred, and at most {most} may be: nothing was changed"
        ));
    }
    step.commit().await.map_err(sorted)?;
    Ok(changed)
}

/// What became of a number, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    /// The number.
    pub number: String,
    /// What is known of it.
    pub fields: String,
    /// `waiting`, `calling`, `done`, `failed`.
    pub state: String,
    /// How often it was dialled.
    pub tried: i64,
    /// How the last attempt ended.
    pub outcome: String,
    /// For whom it was dialled last.
    pub agent: String,
    /// What the last talk was about.
    pub code: String,
    /// When it was dialled last, milliseconds since 1970.
    pub last: Option<i64>,
    /// It is not called before.
    pub next: Option<i64>,
}
from_row!(Number { number, fields, state, tried, outcome, agent, code, last, next });

/// A day's figures of a campaign, or of an agent in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures {
    /// The day, such as 2026-11-23.
    pub day: String,
    /// The campaign.
    pub campaign: String,
    /// The agent; empty: all.
    pub agent: String,
    /// Attempts.
    pub dialled: i64,
    /// Customers who talked with an agent.
    pub reached: i64,
    /// Customers who answered, and no agent came.
    pub unserved: i64,
    /// Nobody answered.
    pub no_answer: i64,
    /// Busy.
    pub busy: i64,
    /// No such number.
    pub wrong: i64,
    /// A machine answered.
    pub voice_mail: i64,
    /// Whatever else.
    pub other: i64,
    /// Talks together, in milliseconds.
    pub talk_ms: i64,
}
from_row!(Figures {
    day,
    campaign,
    agent,
    dialled,
    reached,
    unserved,
    no_answer,
    busy,
    wrong,
    voice_mail,
    other,
    talk_ms
});

impl Figures {
    fn add(&mut self, more: &Figures) {
        self.dialled += more.dialled;
        self.reached += more.reached;
        self.unserved += more.unserved;
        self.no_answer += more.no_answer;
        self.busy += more.busy;
        self.wrong += more.wrong;
        self.voice_mail += more.voice_mail;
        self.other += more.other;
        self.talk_ms += more.talk_ms;
    }
}

/// What a quarter of an hour's attempts came to, of a campaign or an agent.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Quarter {
    /// When it begins, milliseconds since 1970.
    pub start: i64,
    /// The campaign's name or the agent's number.
    pub name: String,
    /// Attempts.
    pub dialled: i64,
    /// Customers who talked with an agent.
    pub reached: i64,
    /// Customers who answered, and no agent came.
    pub unserved: i64,
    /// Nobody answered.
    pub no_answer: i64,
    /// Busy.
    pub busy: i64,
    /// No such number.
    pub wrong: i64,
    /// A machine answered.
    pub voice_mail: i64,
    /// Talks together, in milliseconds.
    pub talk_ms: i64,
}
from_row!(Quarter {
    start,
    name,
    dialled,
    reached,
    unserved,
    no_answer,
    busy,
    wrong,
    voice_mail,
    talk_ms
});

impl Records {
    /// What attempts of a span came to by quarters of an hour, of each campaign or (`by_agent`) agent. An attempt counts in
    /// the quarter in which it began.
    pub async fn campaign_quarters(
        &self,
        by_agent: bool,
        (from, until): (i64, i64),
    ) -> Result<Vec<Quarter>, Trouble> {
        let select = "SELECT wall / 900000 * 900000 AS start, CASE WHEN ?1 THEN agent ELSE campaign END AS name, \
                      count(*) AS dialled, sum(outcome = 'reached') AS reached, \
                      sum(outcome = 'unserved') AS unserved, sum(outcome = 'no_answer') AS no_answer, \
                      sum(outcome = 'busy') AS busy, sum(outcome = 'wrong_number') AS wrong, \
                      sum(outcome = 'voice_mail') AS voice_mail, sum(talk_ms) AS talk_ms \
                      FROM campaign_attempts WHERE wall >= ?2 AND wall < ?3 AND outcome <> 'not_tried' \
                      GROUP BY 1, 2 ORDER BY 1, 2";
        let rows = sqlx::query_as(select).bind(by_agent).bind(from).bind(until);
        rows.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// Whether each campaign calls.
    pub async fn campaigns(&self) -> Result<Vec<(String, Status)>, Trouble> {
        let rows = sqlx::query_as::<_, (String, String)>("SELECT name, status FROM campaigns");
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let own = |(name, word): (String, String)| Some((name, Status::named(&word)?));
        Ok(rows.into_iter().filter_map(own).collect())
    }

    /// The campaigns that have lists.
    pub async fn campaign_lists(&self) -> Result<Vec<String>, Trouble> {
        let select = "SELECT DISTINCT campaign FROM campaign_numbers ORDER BY campaign";
        let rows = sqlx::query_as::<_, (String,)>(select).fetch_all(&self.pool).await;
        Ok(rows.map_err(self.sorted())?.into_iter().map(|(name,)| name).collect())
    }

    /// Numbers of a campaign's list behind this row; at most [`PAGE`]. Gives the last one's row, too.
    pub async fn campaign_numbers(
        &self,
        campaign: &str,
        after: i64,
    ) -> Result<(Vec<Kept>, i64), Trouble> {
        let select = "SELECT row, number, fields, state, tried, counted, next FROM campaign_numbers \
                      WHERE campaign = ? AND row > ? ORDER BY row LIMIT ?";
        type Row = (i64, String, String, String, i64, i64, Option<i64>);
        let rows = sqlx::query_as::<_, Row>(select).bind(campaign).bind(after).bind(PAGE as i64);
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let last = rows.last().map_or(after, |row| row.0);
        let own = |(_, number, fields, state, tried, counted, next): Row| Kept {
            number,
            fields,
            state: State::named(&state).unwrap_or(State::Failed),
            tried: u32::try_from(tried).unwrap_or(0),
            counted: u32::try_from(counted).unwrap_or(0),
            next: next.map(Wall),
        };
        Ok((rows.into_iter().map(own).collect(), last))
    }

    /// Numbers that nobody may call.
    pub async fn do_not_call(&self) -> Result<Vec<String>, Trouble> {
        let rows = sqlx::query_as::<_, (String,)>("SELECT number FROM do_not_call ORDER BY number");
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        Ok(rows.into_iter().map(|(number,)| number).collect())
    }

    /// What became of a campaign's numbers, in the order of the list, `most` behind the first `skip`.
    pub async fn campaign_results(
        &self,
        campaign: &str,
        (skip, most): (usize, usize),
    ) -> Result<Vec<Number>, Trouble> {
        let select = "SELECT number, fields, state, tried, outcome, agent, code, last, next \
                      FROM campaign_numbers WHERE campaign = ? ORDER BY row LIMIT ? OFFSET ?";
        let rows = sqlx::query_as(select).bind(campaign).bind(most as i64).bind(skip as i64);
        rows.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// Figures of campaigns by the zone's days, from `from` until before `until` (milliseconds since 1970); `by_agent`: of
    /// each agent.
    pub async fn campaign_figures(
        &self,
        campaign: Option<&str>,
        (from, until): (i64, i64),
        zone: &TimeZone,
        by_agent: bool,
    ) -> Result<Vec<Figures>, Trouble> {
        let select = "SELECT CAST(wall / 900000 * 900000 AS TEXT) AS day, campaign, \
                      CASE WHEN ?1 THEN agent ELSE '' END AS agent, count(*) AS dialled, \
                      sum(outcome = 'reached') AS reached, sum(outcome = 'unserved') AS unserved, \
                      sum(outcome = 'no_answer') AS no_answer, sum(outcome = 'busy') AS busy, \
                      sum(outcome = 'wrong_number') AS wrong, sum(outcome = 'voice_mail') AS voice_mail, \
                      sum(outcome NOT IN ('reached', 'unserved', 'no_answer', 'busy', 'wrong_number', 'voice_mail')) \
                      AS other, sum(talk_ms) AS talk_ms FROM campaign_attempts \
                      WHERE wall >= ?2 AND wall < ?3 AND (?4 IS NULL OR campaign = ?4) \
                      AND outcome <> 'not_tried' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
        let rows = sqlx::query_as::<_, Figures>(select).bind(by_agent).bind(from).bind(until);
        let quarters = rows.bind(campaign).fetch_all(&self.pool).await.map_err(self.sorted())?;
        let mut days = BTreeMap::<(String, String, String), Figures>::new();
        for mut own in quarters {
            // A day of the other half of the year begins by that one's time.
            own.day = period(By::Day, own.day.parse().unwrap_or(0), zone).label;
            let key = (own.day.clone(), own.campaign.clone(), own.agent.clone());
            match days.get_mut(&key) {
                Some(day) => day.add(&own),
                None => _ = days.insert(key, own),
            }
        }
        Ok(days.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{block, stored};
    use super::*;
    use crate::base::CallId;
    use crate::switch::fact::FactKind;

    fn entry(number: &str) -> Entry {
        Entry { number: number.into(), fields: "name: 王".into() }
    }

    fn of(what: CampaignFact) -> FactKind {
        FactKind::Campaign { campaign: "spring".into(), what }
    }

    fn called(number: &str, nth: u32) -> FactKind {
        of(CampaignFact::Called { number: number.into(), nth, agent: "7001".into() })
    }

    fn over(number: &str, nth: u32, outcome: &str, state: &str, next: Option<i64>) -> FactKind {
        of(CampaignFact::Over {
            number: number.into(),
            nth,
            counted: nth,
            outcome: outcome.into(),
            state: state.into(),
            agent: "7001".into(),
            call: Some(CallId::new(Wall(5), u64::from(nth))),
            cause: 17,
            talk_ms: 9_000,
            next,
        })
    }

    #[test]
    fn lists_attempts_and_figures_are_those_of_the_facts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async {
            let list = [entry("100"), entry("101"), entry("102")];
            let dry = import(&path, "spring", &list, true).await.unwrap();
            assert_eq!(dry, Imported { added: 3, there: 0 });
            assert_eq!(import(&path, "spring", &list[..2], false).await.unwrap().added, 2);
            let more = import(&path, "spring", &list, false).await.unwrap();
            assert_eq!(more, Imported { added: 1, there: 2 });
            assert_eq!(import(&path, "autumn", &list[..1], false).await.unwrap().added, 1);
            assert_eq!(clear(&path, "autumn").await, Ok(1));
            let keys = ["+86100".to_owned(), "+86101".to_owned()];
            assert_eq!(bar(&path, &keys, true, ("li", Wall(1))).await, Ok(2));
            assert_eq!(bar(&path, &keys[1..], false, ("li", Wall(1))).await, Ok(1));
            let full = bar_within(&path, &keys, true, ("li", Wall(1)), 1).await;
            assert!(full.unwrap_err().contains("2 numbers would be barred, and at most 1 may be"));
            assert_eq!(
                bar_within(&path, &keys[..1], true, ("li", Wall(1)), 1).await,
                Ok(0),
                "there"
            );
        });
        let kinds = [
            of(CampaignFact::Status { status: "running".into(), by: "li".into() }),
            called("100", 1),
            over("100", 1, "busy", "waiting", Some(900)),
            called("100", 2),
            over("100", 2, "reached", "done", None),
            of(CampaignFact::Coded {
                number: "100".into(),
                agent: "7001".into(),
                call: CallId::new(Wall(5), 2),
                code: "machine".into(),
                state: "waiting".into(),
                machine: true,
                next: Some(1_000),
            }),
            called("101", 1),
        ];
        stored(dir.path(), kinds);
        block(async {
            let records = Records::open(&path).await.unwrap();
            assert_eq!(records.campaigns().await.unwrap(), [("spring".into(), Status::Running)]);
            assert_eq!(records.campaign_lists().await.unwrap(), ["spring"]);
            assert_eq!(records.do_not_call().await.unwrap(), ["+86100"]);
            let (rows, last) = records.campaign_numbers("spring", 0).await.unwrap();
            assert_eq!(last, 3);
            let own = |row: &Kept| (row.state, row.tried, row.counted, row.next);
            let own: Vec<_> = rows.iter().map(own).collect();
            let waits = (State::Waiting, 2, 2, Some(Wall(1_000)));
            assert_eq!(own, [waits, (State::Calling, 1, 0, None), (State::Waiting, 0, 0, None)]);
            let results = records.campaign_results("spring", (0, 1)).await.unwrap();
            assert_eq!(
                (results[0].outcome.as_str(), results[0].code.as_str(), results[0].agent.as_str()),
                ("voice_mail", "machine", "7001")
            );
            let span = (i64::MIN / 2, i64::MAX / 2);
            let figures = records.campaign_figures(None, span, &TimeZone::UTC, true).await.unwrap();
            let [row] = &figures[..] else { panic!("{figures:?}") };
            assert_eq!((row.dialled, row.busy, row.voice_mail, row.other), (3, 1, 1, 1));
            assert_eq!((row.agent.as_str(), row.talk_ms), ("7001", 18_000));
            let quarters = records.campaign_quarters(false, span).await.unwrap();
            let sum = |of: fn(&Quarter) -> i64| quarters.iter().map(of).sum::<i64>();
            assert!(quarters.iter().all(|own| own.name == "spring" && own.start % 900_000 == 0));
            assert_eq!((sum(|q| q.dialled), sum(|q| q.busy), sum(|q| q.talk_ms)), (3, 1, 18_000));
        });
    }

    /// R19: days of the other half of the year begin by that one's time, as in `belfry report campaign`.
    #[test]
    fn days_are_the_zones_whatever_the_time_of_the_year() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        block(async {
            let mut database = Database::open(&path).await.unwrap();
            // Half past midnight and half past eleven at night of 1 July and of 15 January 2026.
            for (nth, time) in [
                "2026-07-01T00:30+02:00",
                "2026-07-01T23:30+02:00",
                "2026-01-15T00:30+01:00",
                "2026-01-15T23:30+01:00",
            ]
            .into_iter()
            .enumerate()
            {
                let wall = time.parse::<jiff::Timestamp>().unwrap().as_millisecond();
                let insert = "INSERT INTO campaign_attempts (campaign, number, nth, wall, agent, outcome, talk_ms) \
                              VALUES ('spring', '100', ?, ?, '7001', 'reached', 1000)";
                let insert = sqlx::query(insert).bind(nth as i64).bind(wall);
                insert.execute(&mut database.connection).await.unwrap();
            }
            drop(database);
            let records = Records::open(&path).await.unwrap();
            let span = (i64::MIN / 2, i64::MAX / 2);
            let days = records.campaign_figures(Some("spring"), span, &zone, true).await.unwrap();
            let own: Vec<_> =
                days.iter().map(|own| (own.day.as_str(), own.reached, own.talk_ms)).collect();
            assert_eq!(own, [("2026-01-15", 2, 2_000), ("2026-07-01", 2, 2_000)]);
        });
    }

    /// R19: a list that is called anew, having been cleared, has attempts of its own, and the figures of the round before
    /// stay as they are.
    #[test]
    fn a_second_round_has_attempts_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        block(async { import(&path, "spring", &[entry("100")], false).await.unwrap() });
        // Facts are a millisecond apart.
        stored(
            dir.path(),
            [
                called("100", 1),
                over("100", 1, "reached", "done", None),
                called("100", 1),
                over("100", 1, "busy", "waiting", Some(900)),
                // Barred before it is dialled again, told as an earlier version did: it is over already.
                over("100", 1, "barred", "failed", None),
                called("100", 2),
            ],
        );
        block(async {
            let records = Records::open(&path).await.unwrap();
            let span = (i64::MIN / 2, i64::MAX / 2);
            let figures =
                records.campaign_figures(None, span, &TimeZone::UTC, false).await.unwrap();
            let [row] = &figures[..] else { panic!("{figures:?}") };
            assert_eq!((row.dialled, row.reached, row.busy, row.other), (3, 1, 1, 1));
            assert_eq!(row.talk_ms, 18_000);
            let attempts: Vec<(i64, i64, String, Option<String>)> = sqlx::query_as(
                "SELECT nth, wall, outcome, call FROM campaign_attempts ORDER BY wall",
            )
            .fetch_all(&records.pool)
            .await
            .unwrap();
            let own: Vec<_> = attempts.iter().map(|own| (own.0, own.2.as_str())).collect();
            assert_eq!(own, [(1, "reached"), (1, "busy"), (2, "")]);
            assert!(attempts[1].3.is_some(), "it keeps its call");
        });
    }
}
