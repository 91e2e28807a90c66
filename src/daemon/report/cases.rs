//! `belfry report cases`: the care line's cases of a time, open and closed; `belfry report case`: all that happened in
//! one, from the first ring to the close, with its recordings (R15).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{put_out, quoted, span, zone_name};
use crate::config::Config;
use crate::console::render;
use crate::daemon::cli::Report;
use crate::store::Records;
use crate::store::cases::{CaseLine, CaseRecord, ReportRow, Wanted};
use crate::store::query::{CallRecord, EventRow, MAX_ROWS};
use crate::switch::fact::{CareFact, Fact, FactKind};

const HEAD: [&str; 11] = [
    "CASE", "OPENED", "ACCOUNT", "NAME", "NEED", "PRIORITY", "ALARMS", "TALKED", "CLOSED", "BY",
    "OUTCOME",
];

/// The cases that were opened in a time.
pub(super) async fn list(args: &Report, config: &Config, zone: &TimeZone) -> Result<(), String> {
    let (from, until) = span(args, zone)?;
    let records = open(config).await?;
    let wanted = |account: Option<&String>| Wanted {
        from: Some(from),
        until: Some(until),
        account: account.cloned(),
        open: None,
        most: MAX_ROWS,
    };
    let mut cases = Vec::new();
    match args.name.is_empty() {
        true => cases.extend(ask(records.cases(&wanted(None)).await)?),
        false => {
            for own in &args.name {
                cases.extend(ask(records.cases(&wanted(Some(own))).await)?);
            }
        }
    }
    if cases.len() >= MAX_ROWS as usize {
        return Err(format!(
            "there are more than {MAX_ROWS} cases of that time: write a shorter one"
        ));
    }
    // As a day is read: the first first.
    cases.sort_by_key(|case| (case.opened, case.case));
    let text = match args.format.as_str() {
        "json" => {
            let whole = json!({
                "report": "cases", "from": from, "until": until, "zone": zone_name(zone), "rows": cases,
            });
            format!("{whole:#}\n")
        }
        "csv" => csv(&HEAD, cases.iter().map(|case| cells(case, zone)), args.bom),
        "xlsx" => return Err(NO_WORKBOOK.into()),
        _ => render::table(
            &HEAD,
            cases.iter().map(|case| cells(case, zone)),
            "no cases of that time",
        ),
    };
    put_out(args, text.as_bytes())
}

/// All that is kept of one case.
pub(super) async fn one(args: &Report, config: &Config, zone: &TimeZone) -> Result<(), String> {
    let [name] = &args.name[..] else {
        return Err("of which case: say with --name NUMBER, as `belfry report cases` has it".into());
    };
    let id =
        name.parse().map_err(|_| format!("a case is known by its number, and '{name}' is none"))?;
    let records = open(config).await?;
    let Some(record) = ask(records.case(id).await)? else {
        return Err(format!(
            "there is no record of a case {id}; `belfry report cases` lists those there are"
        ));
    };
    let lines = story(&record);
    let rows = || lines.iter().map(|(wall, what)| vec![local(*wall, zone), what.clone()]);
    let text = match args.format.as_str() {
        "json" => {
            let whole = serde_json::to_value(&record).unwrap_or_default();
            format!("{whole:#}\n")
        }
        "csv" => csv(&["TIME", "WHAT"], rows(), args.bom),
        "xlsx" => return Err(NO_WORKBOOK.into()),
        _ => {
            let case = &record.case;
            let name = case.name.as_deref().unwrap_or("nobody who is known");
            let head = format!("case {}: {} ({name}), {}\n", case.case, case.account, case.need);
            head + &render::table(&["TIME", "WHAT"], rows(), "nothing is kept of it")
        }
    };
    put_out(args, text.as_bytes())
}

const NO_WORKBOOK: &str = "cases are told as table, csv or json";

async fn open(config: &Config) -> Result<Records, String> {
    ask(Records::open(&config.database()).await)
}

fn ask<T>(answer: Result<T, crate::store::Trouble>) -> Result<T, String> {
    answer.map_err(|trouble| trouble.to_string())
}

fn local(at: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn cells(case: &CaseLine, zone: &TimeZone) -> Vec<String> {
    let time = |at: Option<i64>| at.map_or_else(String::new, |at| local(at, zone));
    vec![
        case.case.to_string(),
        local(case.opened, zone),
        case.account.clone(),
        case.name.clone().unwrap_or_default(),
        case.need.clone(),
        case.priority.to_string(),
        case.alarms.to_string(),
        time(case.talked),
        time(case.closed),
        case.closed_by.clone(),
        case.outcome.clone().unwrap_or_default(),
    ]
}

/// RFC 4180.
fn csv(head: &[&str], rows: impl Iterator<Item = Vec<String>>, bom: bool) -> String {
    let mut csv = String::from(if bom { "\u{feff}" } else { "" });
    let head = head.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(head).chain(rows) {
        let fields: Vec<String> = row.iter().map(|field| quoted(field)).collect();
        csv.push_str(&fields.join(","));
        csv.push_str("\r\n");
    }
    csv
}

/// What happened, in its order: when, and what in words.
fn story(record: &CaseRecord) -> Vec<(i64, String)> {
    let case = &record.case;
    let mut lines: Vec<(i64, String)> = Vec::new();
    lines.extend(record.reports.iter().map(|report| (report.wall, reported(report))));
    for row in &record.plan {
        let step = if row.step.is_empty() { String::new() } else { format!(", {}", row.step) };
        lines.push((row.wall, format!("plan {}{step}: {}", row.plan, row.what)));
    }
    record.calls.iter().for_each(|call| called(call, &mut lines));
    // The record has the first ones and the last.
    if let (more @ 1.., Some(next)) =
        (record.calls_left_out, record.calls.get(record.calls.len() / 2))
    {
        lines.push((next.call.begun, format!("{more} calls before this one are left out")));
    }
    if let (more @ 1.., Some(last)) = (record.reports_left_out, record.reports.last()) {
        lines.push((last.wall, format!("{more} reports after this one are left out")));
    }
    if let (more @ 1.., Some(last)) = (record.plan_left_out, record.plan.last()) {
        lines.push((last.wall, format!("{more} events of the plan after this one are left out")));
    }
    lines.extend(case.talked.map(|at| (at, "somebody talks with the home".to_owned())));
    if let Some(at) = case.closed {
        let outcome = case.outcome.as_deref().unwrap_or_default();
        lines.push((at, format!("closed by {}: {outcome}", case.closed_by)));
    }
    lines.sort_by_key(|(at, _)| *at);
    lines
}

fn reported(report: &ReportRow) -> String {
    let of = [report.meaning.as_str(), report.of.as_str()];
    let of = of.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let mut text =
        format!("{of} by {} ({}), priority {}", report.by, report.protocol, report.priority);
    if !report.device.is_empty() {
        text += &format!(", device {}", report.device);
    }
    if !report.place.is_empty() {
        text += &format!(", at {}", report.place);
    }
    if report.repeat { text + ", again" } else { text }
}

fn called(record: &CallRecord, lines: &mut Vec<(i64, String)>) {
    let call = &record.call;
    let id = &call.call;
    // Whom Belfry calls is the caller in what follows, and in the record.
    let ours = record.events.iter().find_map(called_out);
    let begins = match &ours {
        Some(why) => format!("{} calls {} ({why})", call.dialled, call.caller),
        None => format!("{} calls {}", call.caller, call.dialled),
    };
    lines.push((call.begun, format!("call {id}: {begins}")));
    for leg in record.legs.iter().filter(|leg| ours.is_some() || leg.role != "caller") {
        lines.extend(leg.rang.map(|at| (at, format!("call {id}: {} rings", leg.number))));
        lines.extend(leg.answered.map(|at| (at, format!("call {id}: {} answers", leg.number))));
    }
    for recording in &record.recordings {
        let long = recording.ms.and_then(|ms| u64::try_from(ms).ok());
        let long = long.map_or_else(|| "goes on".to_owned(), render::span);
        lines.push((recording.begun, format!("recording {}: {long}", recording.path)));
    }
    lines.extend(record.events.iter().filter_map(|event| Some((event.wall, told(event)?))));
    if let Some(at) = call.ended {
        lines.push((at, format!("call {id}: {}", ended(record, ours.is_some()))));
    }
}

/// How a call ended; `ours`: Belfry has made it, and whom it called is its caller.
fn ended(record: &CallRecord, ours: bool) -> String {
    let call = &record.call;
    let answered = record.legs.iter().any(|leg| leg.role == "caller" && leg.answered.is_some());
    let cause = call.cause.map_or_else(String::new, |cause| format!(", cause {cause}"));
    let by = match call.ended_by.as_deref().unwrap_or("nobody") {
        "caller" if ours => call.caller.as_str(),
        by => by,
    };
    let over = format!("over (by {by}{cause})");
    if !ours || answered {
        return over;
    }
    let why = match (call.cause, call.ended_by.as_deref()) {
        (Some(17), _) => "is busy",
        (Some(18 | 19), _) => "does not answer",
        (Some(21), Some("caller")) => "refuses",
        (Some(16), Some("plan" | "console")) => "is called no longer",
        _ => "is not reached",
    };
    format!("{} {why}, {over}", call.caller)
}

/// Why Belfry has made a call, in words; `None`: that is not what the fact says.
fn called_out(event: &EventRow) -> Option<String> {
    let CareFact::CalledOut { why, nth, .. } = of_care(event)? else { return None };
    let why = match why.as_str() {
        "unit" => "the home of the case",
        "reminder" => "a reminder of the check-in",
        "contact" => "a contact of who has not checked in",
        "plan" => "called by the plan",
        "duty" => "who is on duty",
        "care-call" => "a call on a schedule",
        other => other,
    };
    Some(if nth > 1 { format!("{why}, attempt {nth}") } else { why.to_owned() })
}

/// What a fact says of the care line, if it does.
fn of_care(event: &EventRow) -> Option<CareFact> {
    if event.kind != "care" {
        return None;
    }
    let fact: Fact = serde_json::from_value(event.body.clone()).ok()?;
    match fact.kind {
        FactKind::Care { what, .. } => Some(what),
        _ => None,
    }
}

/// Of a call's facts those that are the care line's.
fn told(event: &EventRow) -> Option<String> {
    Some(match of_care(event)? {
        CareFact::UnitTold { order, by, .. } => {
            format!("the unit is told {}, by {by}", order.as_str())
        }
        CareFact::LineEnded { end, released, .. } => {
            let released = if released { ": it was released, nobody talked in it" } else { "" };
            format!("the line ended: {}{released}", end.as_str())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId, Wall};
    use crate::store::tests::{block, stored};
    use crate::switch::care::Need;
    use crate::switch::fact::{EndedBy, Meaning, Party, Protocol, Role};

    fn of(what: CareFact) -> FactKind {
        FactKind::Care { account: "26317".into(), what }
    }

    fn call(n: u64) -> CallId {
        CallId::new(Wall(1_790_000_000_000), n)
    }

    /// What is written of a call of ours to `number` that ended so; `answers`: it was answered.
    fn out(
        n: u64,
        number: &str,
        why: &str,
        answers: bool,
        (cause, by): (u8, EndedBy),
    ) -> Vec<FactKind> {
        let (call, leg) = (call(n), LegId(n));
        let party = || Party::Trunk { gateway: "e1".into(), number: number.into() };
        let mut kinds = vec![
            FactKind::CallBegan {
                call,
                caller: party(),
                dialled: "8009000".into(),
                caller_name: String::new(),
                context: format!("care-{why}"),
            },
            FactKind::LegBegan {
                call,
                leg,
                party: party(),
                role: Role::Caller,
                outgoing: Some(true),
            },
            of(CareFact::CalledOut {
                why: why.into(),
                number: number.into(),
                call,
                case: Some(1),
                due: None,
                nth: n as u32,
            }),
            FactKind::CallField { call, name: "case".into(), value: "1".into() },
        ];
        if answers {
            kinds.push(FactKind::LegRinging { call, leg });
            kinds.push(FactKind::LegAnswered { call, leg });
        }
        kinds.push(FactKind::CallEnded { call, cause, by, total_ms: 1, talk_ms: 0 });
        kinds
    }

    #[test]
    fn a_call_that_belfry_makes_is_told_as_that_and_what_came_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let alarm = of(CareFact::Reported {
            by: "26317".into(),
            protocol: Protocol::Scaip,
            device: String::new(),
            device_type: String::new(),
            meaning: Meaning::Alarm(Need::Fall),
            code: 10,
            priority: 4,
            place: String::new(),
            call_back: None,
            reference: "r1".into(),
            raw: "<mrq/>".into(),
            case: Some(1),
            opens: true,
            repeat: false,
            home: None,
        });
        let mut kinds = vec![alarm];
        kinds.extend(out(1, "13700137000", "plan", false, (17, EndedBy::Caller)));
        kinds.extend(out(2, "13700137001", "plan", false, (19, EndedBy::Limit)));
        kinds.extend(out(3, "26317", "unit", true, (16, EndedBy::Caller)));
        kinds.extend(out(4, "13700137002", "contact", false, (21, EndedBy::Caller)));
        kinds.extend(out(5, "13700137003", "plan", false, (16, EndedBy::Plan)));
        stored(dir.path(), kinds);
        let record = block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            records.case(1).await.unwrap().expect("it was there")
        });
        let lines = story(&record);
        let of = |n: u64| {
            let head = format!("call {}: ", call(n));
            let own = lines.iter().filter_map(|(_, line)| line.strip_prefix(&head));
            own.map(str::to_owned).collect::<Vec<_>>()
        };
        let busy = [
            "8009000 calls 13700137000 (called by the plan)",
            "13700137000 is busy, over (by 13700137000, cause 17)",
        ];
        assert_eq!(of(1), busy);
        assert_eq!(of(2)[1], "13700137001 does not answer, over (by limit, cause 19)");
        let home = [
            "8009000 calls 26317 (the home of the case, attempt 3)",
            "26317 rings",
            "26317 answers",
            "over (by 26317, cause 16)",
        ];
        assert_eq!(of(3), home);
        assert_eq!(of(4)[1], "13700137002 refuses, over (by 13700137002, cause 21)");
        assert_eq!(of(5)[1], "13700137003 is called no longer, over (by plan, cause 16)");
        assert!(!lines.iter().any(|(_, line)| line.contains("calls 8009000")), "{lines:?}");
    }
}
