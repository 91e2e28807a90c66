//! The care line's tables: units' reports and cases.

mod care_calls;
mod check_ins;
mod kept_guard;
mod kept_reports;
mod kept_sheets;

use crate::base::Wall;
use crate::switch::care::plans::KeptEvent;
use crate::switch::care::{self, Case, KeptCases, MOST_SUBSCRIBERS, Need, Troubled, trouble};
use crate::switch::fact::{CareFact, Fact, LineEnd, Meaning, Protocol};

use super::database::Trouble;
use super::query::Records;
use super::row::from_row;
use super::statement::{Statement, query};

/// What a fact says of the care line.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    account: &'q str,
    what: &'q CareFact,
) -> Vec<Statement<'q>> {
    match what {
        CareFact::Reported { .. } => of_report(fact, account, what),
        CareFact::Talked { .. }
        | CareFact::NoCall { .. }
        | CareFact::CallJoined { .. }
        | CareFact::Plan { .. }
        | CareFact::Closed { .. } => of_case(fact, account, what).into_iter().collect(),
        CareFact::ReceptionBegan { .. } | CareFact::ReceptionOver { .. } => {
            kept_reports::receptions(fact, what)
        }
        CareFact::GuardLocked { .. }
        | CareFact::GuardLifted { .. }
        | CareFact::GuardWhite { .. } => kept_guard::statements(fact, account, what),
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
    }
}

/// A unit's report, the case that it opens or belongs to, and what is wrong with the unit.
fn of_report<'q>(fact: &'q Fact, account: &'q str, what: &'q CareFact) -> Vec<Statement<'q>> {
    let CareFact::Reported { protocol, meaning, case, .. } = what else { return Vec::new() };
    let mut all = Vec::new();
    // A unit that lives says so each few minutes, for years: when it did last is all there is to it.
    if *meaning != Meaning::Alive || case.is_some() {
        all.push(reported(fact, account, what));
    }
    // What the centre itself has found is no sign of the unit's.
    if *protocol != Protocol::Centre {
        all.push(seen(fact, account));
    }
    all.extend(alarmed(fact, account, what));
    all.extend(trouble(fact, account, what));
    all
}

/// An alarm's case. Each alarm makes the row: the fact that opened the case may be the one that was lost.
fn alarmed<'q>(fact: &'q Fact, account: &'q str, what: &'q CareFact) -> Option<Statement<'q>> {
    let CareFact::Reported {
        by,
        meaning: Meaning::Alarm(need),
        priority,
        place,
        call_back,
        case: Some(case),
        repeat,
        ..
    } = what
    else {
        return None;
    };
    let insert = "INSERT INTO cases (id, account, unit, opened, need, priority, place, \
                  call_back) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                  ON CONFLICT DO UPDATE SET talked = NULL, alarms = alarms + ?, \
                  priority = max(priority, excluded.priority), \
                  place = iif(excluded.place = '', place, excluded.place), \
                  call_back = coalesce(excluded.call_back, call_back), \
                  need = iif(instr(?, ' ' || need || ' ') > 0, excluded.need, need)";
    let lesser: String = need.lesser().map(|own| format!(" {} ", own.as_str())).collect();
    let row = query(insert)
        .bind(*case as i64)
        .bind(account)
        .bind(by)
        .bind(fact.wall.0)
        .bind(need.as_str())
        .bind(i64::from(*priority))
        .bind(place)
        .bind(call_back.as_ref());
    // What was heard before is no alarm more.
    Some(row.bind(i64::from(!*repeat)).bind(lesser))
}

/// How a case goes on.
fn of_case<'q>(fact: &'q Fact, account: &'q str, what: &'q CareFact) -> Option<Statement<'q>> {
    let wall = fact.wall.0;
    Some(match what {
        CareFact::Talked { case } => {
            query("UPDATE cases SET talked = ? WHERE id = ?").bind(wall).bind(*case as i64)
        }
        CareFact::NoCall { case } => {
            query("UPDATE cases SET no_call = ? WHERE id = ?").bind(wall).bind(*case as i64)
        }
        CareFact::CallJoined { case, call } => {
            let update = query("UPDATE cases SET call = ? WHERE id = ?");
            update.bind(call.to_string()).bind(*case as i64)
        }
        CareFact::Plan { case, plan, step, happened } => {
            let insert = "INSERT INTO plan_events (id, \"case\", wall, account, plan, step, what, \
                          body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let body = serde_json::to_string(happened).unwrap_or_default();
            let row = query(insert).bind(fact.seq as i64).bind(*case as i64).bind(wall);
            row.bind(account).bind(plan).bind(step).bind(happened.word()).bind(body)
        }
        CareFact::Closed { case, outcome, by } => {
            let update =
                query("UPDATE cases SET closed = ?, outcome = ?, closed_by = ? WHERE id = ?");
            update.bind(wall).bind(outcome).bind(by).bind(*case as i64)
        }
        _ => return None,
    })
}

/// When a unit was heard last.
fn seen<'q>(fact: &'q Fact, account: &'q str) -> Statement<'q> {
    let upsert = "INSERT INTO units_seen (account, wall) VALUES (?, ?) \
                  ON CONFLICT DO UPDATE SET wall = max(wall, excluded.wall)";
    query(upsert).bind(account).bind(fact.wall.0)
}

/// What is wrong with a device of a unit has a row until it is over.
fn trouble<'q>(fact: &'q Fact, account: &'q str, what: &'q CareFact) -> Option<Statement<'q>> {
    let CareFact::Reported { meaning, protocol, device, device_type, place, .. } = what else {
        return None;
    };
    let device = trouble::device_of(device, device_type);
    match meaning {
        Meaning::Began(_) => {
            let insert = "INSERT INTO unit_troubles (account, trouble, device, device_type, place, since) \
                          VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
            let row = query(insert).bind(account).bind(meaning.words().1).bind(device);
            Some(row.bind(device_type).bind(place).bind(fact.wall.0))
        }
        Meaning::Over(_) => {
            // One, or two words for it.
            let words = trouble::ended_by(*meaning, *protocol);
            let delete = "DELETE FROM unit_troubles WHERE account = ? AND trouble IN (?, ?) AND device IN (?, ?)";
            let word = |nth: usize| words.get(nth).map_or("", |trouble| trouble.as_str());
            let row = query(delete).bind(account).bind(word(0)).bind(word(1));
            Some(row.bind(device).bind(trouble::ANY_DEVICE))
        }
        _ => None,
    }
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

/// A case that is open, as it is kept.
struct OpenCase {
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
    /// The records of its last call's time are there.
    recorded: bool,
    line: Option<String>,
    check_in: bool,
}
from_row!(OpenCase {
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
    recorded,
    call
});

impl OpenCase {
    /// It, and whether somebody has talked with its home after its last alarm.
    fn into_case(self) -> (Case, bool) {
        // Somebody talked in its last call, and nothing says how that ended: it broke off with the process. Where the records
        // of its time are gone nothing could say so; that somebody talked stands.
        let cut = self.call.is_some() && self.recorded && self.line.is_none();
        let talked = self.is_talked() && !cut;
        let mut case = Case::kept(self.id.unsigned_abs(), self.account);
        case.unit = self.unit;
        case.opened = Wall(self.opened);
        // A need of a later version is still a need.
        case.need = Need::named(&self.need).unwrap_or(Need::Other);
        case.priority = u8::try_from(self.priority).unwrap_or(0);
        case.alarms = u32::try_from(self.alarms).unwrap_or(1);
        (case.place, case.call_back) = (self.place, self.call_back);
        let protocol = self.protocol.as_deref().and_then(Protocol::named);
        case.protocol = protocol.unwrap_or(Protocol::Voice);
        case.check_in = self.check_in;
        case.line = self.line.as_deref().and_then(LineEnd::named);
        (case, talked)
    }

    /// Somebody has talked, and was not missed since: a home may wait again.
    fn is_talked(&self) -> bool {
        self.talked.is_some_and(|talked| self.no_call.is_none_or(|missed| missed <= talked))
    }
}

impl Records {
    /// The cases that are open, the oldest first, and what units have reported as wrong and not as over.
    pub async fn kept_cases(&self) -> Result<KeptCases, Trouble> {
        let (cases, unheard) = self.open_cases().await?;
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

    /// The cases that are open, each with whether somebody has talked with its home; and those of which it was told that nobody
    /// has.
    async fn open_cases(&self) -> Result<(Vec<(Case, bool)>, Vec<u64>), Trouble> {
        let select = "SELECT id, account, unit, opened, need, priority, place, call_back, alarms, talked, no_call, call, \
                      (SELECT protocol FROM reports WHERE \"case\" = cases.id \
                      ORDER BY protocol IN ('voice', 'unknown', 'centre'), id DESC LIMIT 1) \
                      AS protocol, \
                      (SELECT value FROM call_fields WHERE call = cases.call AND name = 'line') AS line, \
                      (EXISTS (SELECT 1 FROM calls WHERE calls.call = cases.call) \
                      OR coalesce(talked >= (SELECT min(begun) FROM calls), 1)) AS recorded, \
                      EXISTS (SELECT 1 FROM check_ins WHERE task = cases.id AND state = 'missed') AS check_in \
                      FROM cases WHERE closed IS NULL ORDER BY id";
        let rows = sqlx::query_as::<_, OpenCase>(select).fetch_all(&self.pool).await;
        let rows = rows.map_err(self.sorted())?;
        let unheard = |row: &&OpenCase| row.no_call.is_some() && !row.is_talked();
        let unheard = rows.iter().filter(unheard).map(|row| row.id.unsigned_abs()).collect();
        Ok((rows.into_iter().map(OpenCase::into_case).collect(), unheard))
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

    async fn kept_troubles(&self) -> Result<Vec<Troubled>, Trouble> {
        let select = "SELECT account, trouble, device, device_type, place, since FROM unit_troubles \
                      ORDER BY account, trouble, device";
        type Row = (String, String, String, String, String, i64);
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let trouble = |(account, trouble, device, device_type, place, since): Row| {
            let (trouble, since) = (care::Trouble::named(&trouble)?, Wall(since));
            Some(Troubled { account, trouble, device, device_type, place, since })
        };
        Ok(rows.map_err(self.sorted())?.into_iter().filter_map(trouble).collect())
    }
}
