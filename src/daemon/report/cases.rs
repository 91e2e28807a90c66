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
    lines.push((call.begun, format!("call {id}: {} calls {}", call.caller, call.dialled)));
    for leg in record.legs.iter().filter(|leg| leg.role != "caller") {
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
        let by = call.ended_by.as_deref().unwrap_or("nobody");
        let cause = call.cause.map_or_else(String::new, |cause| format!(", cause {cause}"));
        lines.push((at, format!("call {id}: over (by {by}{cause})")));
    }
}

/// Of a call's facts those that are the care line's.
fn told(event: &EventRow) -> Option<String> {
    if event.kind != "care" {
        return None;
    }
    let fact: Fact = serde_json::from_value(event.body.clone()).ok()?;
    let FactKind::Care { what, .. } = fact.kind else { return None };
    Some(match what {
        CareFact::UnitTold { order, by, .. } => {
            format!("the unit is told {}, by {by}", order.as_str())
        }
        CareFact::LineEnded { end, released, .. } => {
            let released = if released { ": it was released, nobody talked in it" } else { "" };
            format!("the line ended: {}{released}", end.as_str())
        }
        CareFact::CalledOut { why, number, nth, .. } => {
            format!("{number} is called ({why}, {nth})")
        }
        _ => return None,
    })
}
