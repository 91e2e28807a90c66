//! The care line's tables: units' reports and cases.

mod care_calls;
mod check_ins;
mod kept_guard;
mod kept_reports;
mod kept_sheets;

use crate::base::Wall;
use crate::switch::care::plans::KeptEvent;
use crate::switch::care::{self, Case, KeptCases, MOST_SUBSCRIBERS, Need};
use crate::switch::fact::{CareFact, Fact, LineEnd, Meaning, Protocol};

use super::database::Trouble;
use super::query::Records;
use super::row::from_row;
use super::statement::{Statement, query};

/// A unit's report, and its case.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    account: &'q str,
    what: &'q CareFact,
) -> Vec<Statement<'q>> {
    match what {
        CareFact::Reported {
            by,
            protocol,
            meaning,
            priority,
            place,
            call_back,
            case,
            repeat,
            ..
        } => {
            let mut all = Vec::new();
            // A unit that lives says so each few minutes, for years: when it did last is all there is to it.
            if *meaning != Meaning::Alive || case.is_some() {
                all.push(reported(fact, account, what));
            }
            // What the centre itself has found is no sign of the unit's.
            if *protocol != Protocol::Centre {
                all.push(seen(fact, account));
            }
            if let (Meaning::Alarm(need), Some(case)) = (meaning, case) {
                // Each alarm makes the row: the fact that opened the case may be the one that was lost.
                let insert = "INSERT INTO cases (id, account, unit, opened, need, priority, place, \
                              call_back) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                              ON CONFLICT DO UPDATE SET talked = NULL, alarms = alarms + ?, \
                              priority = max(priority, excluded.priority), \
                              place = iif(excluded.place = '', place, excluded.place), \
                              call_back = coalesce(excluded.call_back, call_back), \
                              need = iif(instr(?, ' ' || need || ' ') > 0, excluded.need, need)";
                let lesser: String =
                    need.lesser().map(|own| format!(" {} ", own.as_str())).collect();
                all.push(
                    query(insert)
                        .bind(*case as i64)
                        .bind(account)
                        .bind(by)
                        .bind(fact.wall.0)
                        .bind(need.as_str())
                        .bind(i64::from(*priority))
                        .bind(place)
                        .bind(call_back.as_ref())
                        // What was heard before is no alarm more.
                        .bind(i64::from(!*repeat))
                        .bind(lesser),
                );
            }
            all.extend(trouble(fact, account, *meaning));
            all
        }
        CareFact::Talked { case } => {
            let update = "UPDATE cases SET talked = ? WHERE id = ?";
            vec![query(update).bind(fact.wall.0).bind(*case as i64)]
        }
        CareFact::NoCall { case } => {
            let update = "UPDATE cases SET no_call = ? WHERE id = ?";
            vec![query(update).bind(fact.wall.0).bind(*case as i64)]
        }
        CareFact::CallJoined { case, call } => {
            let update = "UPDATE cases SET call = ? WHERE id = ?";
            vec![query(update).bind(call.to_string()).bind(*case as i64)]
        }
        CareFact::ReceptionBegan { .. } | CareFact::ReceptionOver { .. } => {
            kept_reports::receptions(fact, what)
        }
        CareFact::GuardLocked { until, why, by } => {
            let upsert = "INSERT INTO guard_locks (number, since, until, why, \"by\") \
                          VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          since = excluded.since, until = excluded.until, why = excluded.why, \
                          \"by\" = excluded.\"by\"";
            let lock = query(upsert).bind(account).bind(fact.wall.0);
            vec![lock.bind(*until).bind(why).bind(by), kept_guard::anew(fact, account)]
        }
        CareFact::GuardLifted { .. } => {
            let delete = query("DELETE FROM guard_locks WHERE number = ?").bind(account);
            vec![delete, kept_guard::anew(fact, account)]
        }
        CareFact::GuardWhite { on: true, by } => {
            let insert = "INSERT INTO guard_white (number, since, \"by\") VALUES (?, ?, ?) \
                          ON CONFLICT DO NOTHING";
            vec![query(insert).bind(account).bind(fact.wall.0).bind(by)]
        }
        CareFact::GuardWhite { on: false, .. } => {
            vec![query("DELETE FROM guard_white WHERE number = ?").bind(account)]
        }
        // Events alone; how a line ended is a field of its call.
        CareFact::LockedAlarm { .. } | CareFact::UnitTold { .. } | CareFact::LineEnded { .. } => {
            Vec::new()
        }
        CareFact::CalledOut { .. }
        | CareFact::CheckedIn { .. }
        | CareFact::CheckInMissed { .. }
        | CareFact::CheckInTask { .. }
        | CareFact::CheckInAccepted { .. }
        | CareFact::CheckInsDueAgain { .. }
        | CareFact::CheckInClosed { .. } => check_ins::statements(fact, account, what),
        CareFact::CallsBegan { .. }
        | CareFact::CareCalled { .. }
        | CareFact::CareCallOver { .. }
        | CareFact::CallsOver { .. } => care_calls::statements(fact, account, what),
        CareFact::Plan { case, plan, step, happened } => {
            let insert = "INSERT INTO plan_events (id, \"case\", wall, account, plan, step, what, \
                          body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let body = serde_json::to_string(happened).unwrap_or_default();
            let row = query(insert).bind(fact.seq as i64).bind(*case as i64).bind(fact.wall.0);
            vec![row.bind(account).bind(plan).bind(step).bind(happened.word()).bind(body)]
        }
        CareFact::Closed { case, outcome, by } => {
            let update = "UPDATE cases SET closed = ?, outcome = ?, closed_by = ? WHERE id = ?";
            vec![query(update).bind(fact.wall.0).bind(outcome).bind(by).bind(*case as i64)]
        }
    }
}

/// When a unit was heard last.
fn seen<'q>(fact: &'q Fact, account: &'q str) -> Statement<'q> {
    let upsert = "INSERT INTO units_seen (account, wall) VALUES (?, ?) \
                  ON CONFLICT DO UPDATE SET wall = max(wall, excluded.wall)";
    query(upsert).bind(account).bind(fact.wall.0)
}

/// What is wrong with a unit has a row until it is over.
fn trouble<'q>(fact: &'q Fact, account: &'q str, meaning: Meaning) -> Option<Statement<'q>> {
    let on = match meaning {
        Meaning::Began(_) => {
            "INSERT INTO unit_troubles (account, trouble, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        }
        Meaning::Over(_) => {
            let delete = "DELETE FROM unit_troubles WHERE account = ? AND trouble = ?";
            return Some(query(delete).bind(account).bind(meaning.words().1));
        }
        _ => return None,
    };
    Some(query(on).bind(account).bind(meaning.words().1).bind(fact.wall.0))
}

fn reported<'q>(fact: &'q Fact, account: &'q str, what: &'q CareFact) -> Statement<'q> {
    let insert = "INSERT INTO reports (id, wall, account, \"by\", device, protocol, meaning, of, code, \
                  priority, place, raw, \"case\", repeat, reference) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let statement = query(insert).bind(fact.seq as i64).bind(fact.wall.0).bind(account);
    let CareFact::Reported {
        by,
        protocol,
        device,
        meaning,
        code,
        priority,
        place,
        reference,
        raw,
        case,
        repeat,
        ..
    } = what
    else {
        return statement;
    };
    let (meaning, of) = meaning.words();
    statement
        .bind(by)
        .bind(device)
        .bind(protocol.as_str())
        .bind(meaning)
        .bind(of)
        .bind(i64::from(*code))
        .bind(i64::from(*priority))
        .bind(place)
        .bind(raw)
        .bind(case.map(|case| case as i64))
        .bind(*repeat)
        .bind(reference)
}

impl Records {
    /// The cases that are open, the oldest first, and what units have reported as wrong and not as over.
    pub async fn kept_cases(&self) -> Result<KeptCases, Trouble> {
        let select = "SELECT id, account, unit, opened, need, priority, place, call_back, alarms, talked, no_call, call, \
                      (SELECT protocol FROM reports WHERE \"case\" = cases.id \
                      ORDER BY protocol IN ('voice', 'unknown', 'centre'), id DESC LIMIT 1) \
                      AS protocol, \
                      (SELECT value FROM call_fields WHERE call = cases.call AND name = 'line') AS line, \
                      EXISTS (SELECT 1 FROM check_ins WHERE task = cases.id AND state = 'missed') AS check_in \
                      FROM cases WHERE closed IS NULL ORDER BY id";
        struct Row {
            id: i64,
            account: String,
            unit: String,
            opened: i64,
            need: String,
            priority: i64,
            place: String,
            call_back: Option<String>,
            alarms: i64,
            talked: Option<i64>,
            no_call: Option<i64>,
            protocol: Option<String>,
            call: Option<String>,
            line: Option<String>,
            check_in: bool,
        }
        from_row!(Row {
            id,
            account,
            unit,
            opened,
            need,
            priority,
            place,
            call_back,
            alarms,
            talked,
            no_call,
            protocol,
            line,
            check_in,
            call
        });
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let mut unheard = Vec::new();
        let case = |row: Row| {
            if row.no_call.is_some() && row.talked.is_none() {
                unheard.push(row.id.unsigned_abs());
            }
            let mut case = Case::kept(row.id.unsigned_abs(), row.account);
            case.unit = row.unit;
            case.opened = Wall(row.opened);
            // A need of a later version is still a need.
            case.need = Need::named(&row.need).unwrap_or(Need::Other);
            case.priority = u8::try_from(row.priority).unwrap_or(0);
            case.alarms = u32::try_from(row.alarms).unwrap_or(1);
            (case.place, case.call_back) = (row.place, row.call_back);
            let protocol = row.protocol.as_deref().and_then(Protocol::named);
            case.protocol = protocol.unwrap_or(Protocol::Voice);
            case.check_in = row.check_in;
            case.line = row.line.as_deref().and_then(LineEnd::named);
            // Somebody talked in its last call, and nothing says how that ended: it broke off with the process.
            let cut = row.call.is_some() && row.line.is_none();
            (case, row.talked.is_some() && !cut)
        };
        let cases = rows.map_err(self.sorted())?.into_iter().map(case).collect();
        let (settled, missed) = self.kept_check_ins().await?;
        let (tasks, closed_tasks) = (self.kept_tasks().await?, self.kept_closed_tasks().await?);
        let guard = self.kept_guard().await?;
        let (troubles, plans) = (self.kept_troubles().await?, self.kept_plans().await?);
        let (seen, spoken) = (self.kept_seen().await?, self.kept_spoken().await?);
        let (unsent, cut_sheets) = (self.unsent_sheets().await?, self.cut_sheets().await?);
        let calls = self.kept_care_calls().await?;
        let (heard, receptions) = (self.kept_heard().await?, self.kept_receptions().await?);
        Ok(KeptCases {
            cases,
            unheard,
            tasks,
            closed_tasks,
            heard,
            receptions,
            troubles,
            seen,
            spoken,
            settled,
            missed,
            guard,
            plans,
            unsent,
            cut_sheets,
            calls,
        })
    }

    /// What has happened in the plans of open cases, by case. The plan is that of its last event.
    async fn kept_plans(&self) -> Result<Vec<(u64, String, Vec<KeptEvent>)>, Trouble> {
        let select = "SELECT \"case\", plan, wall, step, body FROM plan_events WHERE \"case\" IN \
                      (SELECT id FROM cases WHERE closed IS NULL) ORDER BY \"case\", id";
        type Row = (i64, String, i64, String, String);
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let mut all: Vec<(u64, String, Vec<KeptEvent>)> = Vec::new();
        for (case, plan, wall, step, body) in rows.map_err(self.sorted())? {
            // What a later version says is nothing that this one acts on.
            let Ok(event) = serde_json::from_str(&body) else { continue };
            let case = case.unsigned_abs();
            if all.last().is_none_or(|(own, ..)| *own != case) {
                all.push((case, String::new(), Vec::new()));
            }
            if let Some((_, name, events)) = all.last_mut() {
                *name = plan;
                events.push((Wall(wall), step, event));
            }
        }
        Ok(all)
    }

    /// When the unit of each subscriber was heard last. Whoever else has called is in that table, too.
    async fn kept_seen(&self) -> Result<Vec<(String, Wall)>, Trouble> {
        let select = "SELECT account, wall FROM units_seen \
                      WHERE account IN (SELECT number FROM subscribers) LIMIT ?";
        let rows = sqlx::query_as::<_, (String, i64)>(select).bind(MOST_SUBSCRIBERS as i64);
        let rows = rows.fetch_all(&self.pool).await;
        let seen = rows.map_err(self.sorted())?.into_iter();
        Ok(seen.map(|(account, wall)| (account, Wall(wall))).collect())
    }

    /// In which protocol each unit reported last, the last one first: its account's, then its own number's.
    async fn kept_spoken(&self) -> Result<Vec<(String, Protocol)>, Trouble> {
        let select = "SELECT own.account, own.\"by\", own.protocol FROM units_seen JOIN reports own ON own.id = \
                      (SELECT id FROM reports WHERE account = units_seen.account \
                      AND protocol NOT IN ('voice', 'unknown', 'centre') ORDER BY wall DESC, id DESC LIMIT 1) \
                      ORDER BY own.id DESC";
        let rows = sqlx::query_as::<_, (String, String, String)>(select).fetch_all(&self.pool);
        let of = |(account, by, protocol): (String, String, String)| {
            let protocol = Protocol::named(&protocol)?;
            Some([(account, protocol), (by, protocol)])
        };
        let rows = rows.await.map_err(self.sorted())?;
        Ok(rows.into_iter().filter_map(of).flatten().collect())
    }

    async fn kept_troubles(&self) -> Result<Vec<(String, care::Trouble, Wall)>, Trouble> {
        let select = "SELECT account, trouble, since FROM unit_troubles ORDER BY account, trouble";
        let rows = sqlx::query_as::<_, (String, String, i64)>(select).fetch_all(&self.pool).await;
        let trouble = |(account, trouble, since): (String, String, i64)| {
            Some((account, care::Trouble::named(&trouble)?, Wall(since)))
        };
        Ok(rows.map_err(self.sorted())?.into_iter().filter_map(trouble).collect())
    }
}
