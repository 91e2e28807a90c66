//! A case as its record has it, open or closed (R15): how it was opened and ended, what its units reported, what its plan
//! did, its calls with their legs, recordings and facts.
//!
//! ```text
//!  cases ─┬─ reports        what the units said, as it came
//!         ├─ plan_events    whom the plan called, which sheets went out
//!         └─ call_fields    name = 'case' ─▶ calls ─▶ legs, recordings, events (keys to the unit, how the line ended)
//! ```
//!
//! What it does not do: the open cases of the running exchange are the switch's (`Request::Cases`).

use serde::Serialize;

use crate::base::CallId;
use crate::switch::care::PlanEvent;

use super::database::Trouble;
use super::query::{CallRecord, MAX_ROWS, Records};
use super::row::from_row;

/// Calls of one case that its record has: half of them the first ones, half the last.
const MOST_CALLS: usize = 200;
/// Reports and events of its plan that it has, each: the first ones.
const MOST_EVENTS: u32 = 2_000;
/// Facts of one of its calls that it has: the first ones,
const MOST_OF_CALL: u32 = 500;
/// and bytes of those. A record is told in one piece, and has to fit into an answer.
const MOST_BYTES_OF_CALL: i64 = 64 * 1_024;
/// Bytes of its reports as they came, and of what its plan did, each.
const MOST_BYTES: i64 = 8 * 1_024 * 1_024;

/// Which cases.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    /// Opened at this time or after, milliseconds since 1970.
    pub from: Option<i64>,
    /// Opened before this time.
    pub until: Option<i64>,
    /// Of this subscriber or controller.
    pub account: Option<String>,
    /// Only those that are open (`true`) or closed (`false`).
    pub open: Option<bool>,
    /// At most so many, the newest; at most [`MAX_ROWS`].
    pub most: u32,
}

/// A case in a list. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CaseLine {
    /// Its number.
    pub case: i64,
    /// Whose it is: a subscriber's number, else what called itself so.
    pub account: String,
    /// The subscriber's name, as it is now; none: nobody's that is known.
    pub name: Option<String>,
    /// Who reported it.
    pub unit: String,
    /// When it was opened.
    pub opened: i64,
    /// What for: the gravest of what was reported.
    pub need: String,
    /// 0 to 9.
    pub priority: i64,
    /// Where, as the last alarm said it.
    pub place: String,
    /// How many alarms it has.
    pub alarms: i64,
    /// When somebody talked with the home after the last alarm.
    pub talked: Option<i64>,
    /// When it was closed; none: it is open.
    pub closed: Option<i64>,
    /// How it ended, in the words of who closed it.
    pub outcome: Option<String>,
    /// Who closed it.
    pub closed_by: String,
}

from_row!(CaseLine {
    case,
    account,
    name,
    unit,
    opened,
    need,
    priority,
    place,
    alarms,
    talked,
    closed,
    outcome,
    closed_by
});

/// What a unit reported.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ReportRow {
    /// When, milliseconds since 1970.
    pub wall: i64,
    /// Who said so.
    pub by: String,
    /// Which device; empty: the unit itself.
    pub device: String,
    /// How it was said.
    pub protocol: String,
    /// `alarm`, `cancelled`, `began`, `over` …
    pub meaning: String,
    /// Which need, which trouble.
    pub of: String,
    /// The protocol's code.
    pub code: i64,
    /// 0 to 9.
    pub priority: i64,
    /// Where, as the unit says it.
    pub place: String,
    /// As it came.
    pub raw: String,
    /// It was heard before.
    pub repeat: bool,
}

from_row!(ReportRow {
    wall,
    by,
    device,
    protocol,
    meaning,
    of,
    code,
    priority,
    place,
    raw,
    repeat
});

/// What happened in its response plan, or by a person's order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct PlanRow {
    /// When, milliseconds since 1970.
    pub wall: i64,
    /// The plan.
    pub plan: String,
    /// Its step.
    pub step: String,
    /// What, in words.
    pub what: String,
}

/// All that is kept of a case.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CaseRecord {
    /// The case.
    pub case: CaseLine,
    /// What its units reported, in order.
    pub reports: Vec<ReportRow>,
    /// How many more reports there are than those, later ones.
    pub reports_left_out: i64,
    /// What its plan did, in order.
    pub plan: Vec<PlanRow>,
    /// How many more events of plans there are than those, later ones.
    pub plan_left_out: i64,
    /// Its calls, in the order in which they began: the home's, those to it, those to who helps.
    pub calls: Vec<CallRecord>,
    /// How many more calls there are, in the middle of those.
    pub calls_left_out: i64,
}

/// The columns of [`CaseLine`].
const LINE: &str = "SELECT c.id AS \"case\", c.account, s.name, c.unit, c.opened, c.need, c.priority, c.place, c.alarms, \
                    c.talked, c.closed, c.outcome, c.closed_by FROM cases c \
                    LEFT JOIN subscribers s ON s.number = c.account";

impl Records {
    /// The cases that are wanted, the newest first.
    pub async fn cases(&self, wanted: &Wanted) -> Result<Vec<CaseLine>, Trouble> {
        let select = format!(
            "{LINE} WHERE (?1 IS NULL OR c.opened >= ?1) AND (?2 IS NULL OR c.opened < ?2) \
             AND (?3 IS NULL OR c.account = ?3) AND (?4 IS NULL OR (c.closed IS NULL) = ?4) \
             ORDER BY c.opened DESC, c.id DESC LIMIT ?5"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(select))
            .bind(wanted.from)
            .bind(wanted.until)
            .bind(wanted.account.as_deref())
            .bind(wanted.open)
            .bind(wanted.most.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// All that is kept of a case; `None`: there was none of this number, or it is past its time.
    pub async fn case(&self, id: u64) -> Result<Option<CaseRecord>, Trouble> {
        let id = id as i64;
        let select = format!("{LINE} WHERE c.id = ?");
        let found = sqlx::query_as(sqlx::AssertSqlSafe(select)).bind(id);
        let found = found.fetch_optional(&self.pool).await;
        let Some(case) = found.map_err(self.sorted())? else { return Ok(None) };
        let (reports, reports_left_out) = self.reports_of_case(id).await?;
        let (calls, calls_left_out) = self.calls_of_case(id).await?;
        let (plan, plan_left_out) = self.plan_of_case(id).await?;
        Ok(Some(CaseRecord {
            case,
            reports,
            reports_left_out,
            plan,
            plan_left_out,
            calls,
            calls_left_out,
        }))
    }

    /// The first ones, and how many more there are.
    async fn reports_of_case(&self, id: i64) -> Result<(Vec<ReportRow>, i64), Trouble> {
        let select = "SELECT wall, \"by\", device, protocol, meaning, of, code, priority, place, raw, repeat FROM \
                      (SELECT *, sum(length(CAST(raw AS BLOB))) OVER (ORDER BY id) AS bytes FROM \
                      (SELECT * FROM reports WHERE \"case\" = ? ORDER BY id LIMIT ?)) \
                      WHERE bytes <= ? ORDER BY id";
        let query = sqlx::query_as(select).bind(id).bind(MOST_EVENTS).bind(MOST_BYTES);
        let reports: Vec<ReportRow> = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let more = self.count_of_case(id, "reports").await? - reports.len() as i64;
        Ok((reports, more.max(0)))
    }

    /// How many rows of a table are a case's.
    async fn count_of_case(&self, id: i64, table: &str) -> Result<i64, Trouble> {
        let count = format!("SELECT count(*) FROM {table} WHERE \"case\" = ?");
        let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(count)).bind(id);
        count.fetch_one(&self.pool).await.map_err(self.sorted())
    }

    /// The first ones, and how many more there are.
    async fn plan_of_case(&self, id: i64) -> Result<(Vec<PlanRow>, i64), Trouble> {
        let select = "SELECT wall, plan, step, what, body FROM \
                      (SELECT *, sum(length(CAST(body AS BLOB))) OVER (ORDER BY id) AS bytes FROM \
                      (SELECT * FROM plan_events WHERE \"case\" = ? ORDER BY id LIMIT ?)) \
                      WHERE bytes <= ? ORDER BY id";
        type Row = (i64, String, String, String, String);
        let rows = sqlx::query_as::<_, Row>(select).bind(id).bind(MOST_EVENTS).bind(MOST_BYTES);
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let row = |(wall, plan, step, word, body): Row| {
            // What a later version says has its word all the same.
            let event = serde_json::from_str::<PlanEvent>(&body);
            PlanRow { wall, plan, step, what: event.map_or(word, |event| event.in_words()) }
        };
        let rows: Vec<PlanRow> = rows.into_iter().map(row).collect();
        let more = self.count_of_case(id, "plan_events").await? - rows.len() as i64;
        Ok((rows, more.max(0)))
    }

    /// The first ones, from the home's own on, and the last; and how many there are between them.
    async fn calls_of_case(&self, id: i64) -> Result<(Vec<CallRecord>, i64), Trouble> {
        let of = "SELECT call FROM call_fields WHERE name = 'case' AND value = ?1";
        let select = format!(
            "SELECT call FROM ({of} ORDER BY call LIMIT ?2) \
             UNION SELECT call FROM ({of} ORDER BY call DESC LIMIT ?2) ORDER BY call"
        );
        let half = (MOST_CALLS / 2) as i64;
        let ids = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(select)).bind(id.to_string());
        let ids = ids.bind(half).fetch_all(&self.pool).await.map_err(self.sorted())?;
        let count = "SELECT count(*) FROM call_fields WHERE name = 'case' AND value = ?";
        let all = sqlx::query_scalar::<_, i64>(count).bind(id.to_string()).fetch_one(&self.pool);
        let more = all.await.map_err(self.sorted())? - ids.len() as i64;
        let mut calls = Vec::new();
        for call in ids.iter().filter_map(|call| call.parse::<CallId>().ok()) {
            calls.extend(self.call_within(call, MOST_OF_CALL, MOST_BYTES_OF_CALL).await?);
        }
        calls.sort_by_key(|record: &CallRecord| record.call.begun);
        Ok((calls, more.max(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::switch::care::{Need, unit};
    use crate::switch::fact::{CareFact, EndedBy, FactKind, Meaning, Party, Protocol};

    use super::super::tests::{block, stored};

    fn reported(case: u64, need: Need) -> CareFact {
        CareFact::Reported {
            by: "900".into(),
            protocol: Protocol::Scaip,
            device: "3".into(),
            device_type: String::new(),
            meaning: Meaning::Alarm(need),
            code: 10,
            priority: 4,
            place: "bath".into(),
            call_back: None,
            reference: format!("r{case}"),
            raw: "<mrq/>".into(),
            case: Some(case),
            opens: true,
            repeat: false,
            home: None,
        }
    }

    #[test]
    fn a_case_has_all_that_happened_from_the_first_report_to_the_close() {
        let dir = tempfile::tempdir().unwrap();
        let of = |account: &str, what| FactKind::Care { account: account.into(), what };
        let call = |n| CallId::new(Wall(1_790_000_000_000), n);
        let field = |n, value: &str| FactKind::CallField {
            call: call(n),
            name: "case".into(),
            value: value.into(),
        };
        let began = |n, number: &str| FactKind::CallBegan {
            call: call(n),
            caller: Party::Trunk { gateway: "e1".into(), number: number.into() },
            dialled: "95081".into(),
            caller_name: String::new(),
            context: "gateway".into(),
        };
        let begins = PlanEvent::Begun { by: String::new() };
        let plan = CareFact::Plan {
            case: 1,
            plan: "bell".into(),
            step: String::new(),
            happened: begins.clone(),
        };
        let told =
            |case, order| CareFact::UnitTold { case, call: call(2), order, by: "boss".into() };
        let kinds = [
            of("77", reported(1, Need::Fall)),
            began(2, "77"),
            field(2, "1"),
            of("77", plan),
            began(3, "77"),
            field(3, "17"),
            of("77", told(1, unit::Order::Listen)),
            of("77", CareFact::Talked { case: 1 }),
            of("78", reported(9, Need::Gas)),
            of("77", CareFact::Closed { case: 1, outcome: "well".into(), by: "7001".into() }),
            FactKind::CallEnded {
                call: call(2),
                cause: 16,
                by: EndedBy::Caller,
                total_ms: 4,
                talk_ms: 2,
            },
        ];
        stored(dir.path(), kinds);
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let record = records.case(1).await.unwrap().expect("it was there");
            let case = &record.case;
            let ended = (case.closed, case.outcome.as_deref(), case.closed_by.as_str());
            assert_eq!(ended, (Some(10), Some("well"), "7001"));
            assert_eq!((case.talked, case.need.as_str(), case.opened), (Some(8), "fall", 1));
            let report = &record.reports[0];
            assert_eq!((record.reports.len(), report.raw.as_str()), (1, "<mrq/>"));
            assert_eq!((report.of.as_str(), report.place.as_str()), ("fall", "bath"));
            assert_eq!(record.plan[0].what, begins.in_words());
            let calls: Vec<&str> = record.calls.iter().map(|own| own.call.call.as_str()).collect();
            assert_eq!(calls, [call(2).to_string()], "another case's is none of it");
            assert!(record.calls[0].events.iter().any(|event| event.kind == "care"));
            assert!(records.case(2).await.unwrap().is_none());

            let ids = async |wanted: Wanted| {
                let all = records.cases(&Wanted { most: 10, ..wanted }).await.unwrap();
                all.iter().map(|own| own.case).collect::<Vec<_>>()
            };
            assert_eq!(ids(Wanted::default()).await, [9, 1]);
            assert_eq!(ids(Wanted { open: Some(true), ..Wanted::default() }).await, [9]);
            assert_eq!(ids(Wanted { open: Some(false), ..Wanted::default() }).await, [1]);
            assert_eq!(ids(Wanted { account: Some("77".into()), ..Wanted::default() }).await, [1]);
            assert_eq!(ids(Wanted { from: Some(2), ..Wanted::default() }).await, [9]);
            assert_eq!(ids(Wanted { until: Some(9), ..Wanted::default() }).await, [1]);
        });
    }

    /// A trunk that fails for an hour brings many calls: the home's own stays on the record, and so does what came last; and
    /// what is read of each is bounded.
    #[test]
    fn a_record_has_the_first_and_the_last_of_very_many() {
        let dir = tempfile::tempdir().unwrap();
        let of = |what| FactKind::Care { account: "77".into(), what };
        let call = |n| CallId::new(Wall(1_790_000_000_000 + n as i64), n);
        let mut long = reported(1, Need::Fall);
        if let CareFact::Reported { raw, opens, reference, .. } = &mut long {
            (*raw, *opens) = ("x".repeat(16_384), false);
            reference.push('b');
        }
        let mut kinds = vec![of(reported(1, Need::Fall))];
        kinds.extend((0..520).map(|_| of(long.clone())));
        let called = PlanEvent::Begun { by: "console".into() };
        kinds.extend((0..MOST_EVENTS + 7).map(|_| {
            let (plan, step) = ("bell".to_owned(), String::new());
            of(CareFact::Plan { case: 1, plan, step, happened: called.clone() })
        }));
        for n in 0..250 {
            kinds.push(FactKind::CallBegan {
                call: call(n),
                caller: Party::Trunk { gateway: "e1".into(), number: "77".into() },
                dialled: "95081".into(),
                caller_name: String::new(),
                context: "gateway".into(),
            });
            kinds.push(FactKind::CallField {
                call: call(n),
                name: "case".into(),
                value: "1".into(),
            });
        }
        for n in 0..MOST_OF_CALL + 10 {
            let value = "y".repeat(if n < 10 { 10 } else { 1_000 });
            kinds.push(FactKind::CallField { call: call(249), name: "note".into(), value });
        }
        stored(dir.path(), kinds);
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let record = records.case(1).await.unwrap().expect("it was there");
            assert_eq!((record.calls.len(), record.calls_left_out), (MOST_CALLS, 50));
            let ids: Vec<&str> = record.calls.iter().map(|own| own.call.call.as_str()).collect();
            let edge = [0, 99, 100, 199].map(|n| ids[n].to_owned());
            assert_eq!(edge, [0, 99, 150, 249].map(|n| call(n).to_string()));
            assert_eq!((record.reports.len(), record.reports_left_out), (512, 9));
            assert_eq!((record.plan.len(), record.plan_left_out), (MOST_EVENTS as usize, 7));
            let last = &record.calls[199].events;
            let bytes: usize = last.iter().map(|event| event.body.to_string().len()).sum();
            assert!(last.len() > 50 && bytes <= MOST_BYTES_OF_CALL as usize, "{bytes}");
            let whole = records.call(call(249)).await.unwrap().expect("it was there");
            assert_eq!(whole.events.len(), 2 + MOST_OF_CALL as usize + 10, "by itself it is whole");
        });
    }
}
