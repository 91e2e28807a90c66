//! `show records` and `show record CALL`: calls that are over, from the database, as tables and as they are.
//!
//! Read over connections of its own, opened for each question: an operator asks now and then, and what is
//! being written is not held up. What happened in the last moments may not be there yet.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::runtime::Handle;

use super::files::counted;
use crate::base::CallId;
use crate::console::{Answer, render};
use crate::store::query::{CallRecord, CallRow, LegRow, Records};
use crate::wire::q850::Cause;

/// The longest that is shown of a fact, in characters.
const LONGEST_DETAILS: usize = 160;
/// What of a fact stands in other columns and tables.
const ELSEWHERE: &[&str] = &["seq", "wall", "kind", "call", "sound"];

/// The last `count` calls, the newest first; `waiting`: facts that a database that is away does not have yet. Called on
/// a thread of the runtime that may block.
pub(super) fn list(database: &Path, zone: &TimeZone, count: u32, waiting: u64) -> Answer {
    let found = Handle::current()
        .block_on(async { Records::open(database).await?.last_calls(count).await });
    match found {
        Ok(rows) => {
            let mut text = calls(&rows, zone);
            if waiting > 0 {
                text += &format!(
                    "{}{} wait in the journal: the database cannot be had (show alarms; belfry doctor)\n",
                    if text.ends_with('\n') { "" } else { "\n" },
                    counted(usize::try_from(waiting).unwrap_or(usize::MAX), "fact")
                );
            }
            Answer::done(text, &rows)
        }
        Err(trouble) => Answer::refused(format!("the records cannot be read: {trouble}")),
    }
}

/// All that is recorded of one call.
pub(super) fn one(database: &Path, zone: &TimeZone, call: CallId) -> Answer {
    let found =
        Handle::current().block_on(async { Records::open(database).await?.call(call).await });
    match found {
        Ok(Some(record)) => Answer::done(whole(&record, zone), &record),
        Ok(None) => Answer::refused(format!(
            "call {call} is not in the records, or not yet; 'show records' lists the last ones"
        )),
        Err(trouble) => Answer::refused(format!("the records cannot be read: {trouble}")),
    }
}

fn calls(rows: &[CallRow], zone: &TimeZone) -> String {
    let at = |wall| at(wall, zone);
    let cells = rows.iter().map(|row| {
        vec![
            row.call.clone(),
            at(Some(row.begun)),
            who(&row.caller, row.gateway.as_deref()),
            row.dialled.clone(),
            row.agent.clone().unwrap_or_default(),
            length(row.total_ms),
            length(row.talk_ms),
            ended(row.cause, row.ended_by.as_deref(), row.ended),
            row.route.clone().unwrap_or_default(),
        ]
    });
    let head =
        ["CALL", "BEGUN", "FROM", "DIALLED", "TALKED WITH", "TIME", "TALK", "ENDED", "ROUTE"];
    render::table(&head, cells, "no call is recorded")
}

/// The columns of [`leg`].
const LEG_HEAD: [&str; 14] = [
    "LEG",
    "NUMBER",
    "ROLE",
    "BEGUN",
    "RANG",
    "ANSWERED",
    "TALK",
    "ENDED",
    "RECEIVED",
    "SENT",
    "LOST",
    "LATE",
    "MOS",
    "MOS THERE",
];

fn whole(record: &CallRecord, zone: &TimeZone) -> String {
    let at = |wall| at(wall, zone);
    let legs = render::table(&LEG_HEAD, record.legs.iter().map(|row| leg(row, zone)), "no legs");
    let mut text = format!("{}\n{legs}", calls(std::slice::from_ref(&record.call), zone));
    let mut part = |head: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            text.push('\n');
            text.push_str(&render::table(head, rows, ""));
        }
    };
    let fields = record.fields.iter().map(|f| vec![f.name.clone(), f.value.clone()]);
    part(&["FIELD", "VALUE"], fields.collect());
    let recordings = record.recordings.iter().map(|r| {
        let state = match (&r.fault, r.removed) {
            (_, Some(removed)) => format!("removed {}", at(Some(removed))),
            (Some(fault), None) => fault.clone(),
            (None, None) => String::new(),
        };
        vec![r.path.clone(), at(Some(r.begun)), length(r.ms), state]
    });
    part(&["RECORDING", "BEGUN", "TIME", ""], recordings.collect());
    let answers = record.answers.iter().map(|a| {
        vec![
            a.survey.clone(),
            a.question.clone(),
            a.key.clone(),
            a.agent.clone().unwrap_or_default(),
        ]
    });
    part(&["SURVEY", "QUESTION", "KEY", "ABOUT"], answers.collect());
    let about = record.wrap_ups.iter().map(|w| {
        let (code, name, queue, agent) = (&w.code, &w.name, &w.queue, &w.agent);
        let mut row: Vec<String> = [code, name, queue, agent].map(Clone::clone).into();
        row.extend([at(Some(w.wall)), w.text.replace(['\n', '\t'], " ")]);
        row
    });
    part(&["WRAP-UP", "MEANS", "QUEUE", "AGENT", "SAID", "NOTE"], about.collect());
    let events = record
        .events
        .iter()
        .map(|event| vec![at(Some(event.wall)), event.kind.clone(), details(&event.body)]);
    part(&["WHEN", "WHAT", ""], events.collect());
    text
}

/// What a fact says, in a line: `agent=7001 event=supervised by=7900 act=whisper`. What other columns have is left out, and
/// a leg's figures, which stand above.
fn details(body: &Value) -> String {
    let mut text = String::new();
    said(body, "", &mut text);
    if text.chars().count() > LONGEST_DETAILS {
        text = text.chars().take(LONGEST_DETAILS - 1).chain(['…']).collect();
    }
    text
}

fn said(value: &Value, name: &str, text: &mut String) {
    let word = match value {
        Value::Object(all) => {
            let named = all.iter().filter(|(name, _)| !ELSEWHERE.contains(&name.as_str()));
            return named.for_each(|(name, value)| said(value, name, text));
        }
        Value::Null | Value::Array(_) => return,
        Value::String(word) if word.is_empty() => return,
        Value::String(word) => word.replace(char::is_control, " "),
        other => other.to_string(),
    };
    let gap = if text.is_empty() { "" } else { " " };
    *text += &match word.contains(' ') {
        true => format!("{gap}{name}=\"{word}\""),
        false => format!("{gap}{name}={word}"),
    };
}

fn leg(leg: &LegRow, zone: &TimeZone) -> Vec<String> {
    let at = |wall| at(wall, zone);
    let count = |count: Option<i64>| count.map_or_else(String::new, |n| n.to_string());
    let mos =
        |mos: Option<i64>| mos.map_or_else(String::new, |m| format!("{}.{:02}", m / 100, m % 100));
    let mut end = ended(leg.cause, leg.ended_by.as_deref(), leg.ended);
    if let Some(status) = leg.status.filter(|status| *status > 0) {
        end = format!("{end}, {status}");
    }
    vec![
        format!("leg-{}", leg.leg),
        who(&leg.number, leg.gateway.as_deref()),
        leg.role.clone(),
        at(Some(leg.begun)),
        at(leg.rang),
        at(leg.answered),
        length(leg.talk_ms),
        end,
        count(leg.packets_received),
        count(leg.packets_sent),
        count(leg.packets_lost),
        count(leg.packets_late),
        mos(leg.mos),
        mos(leg.peer_mos),
    ]
}

/// A party, and behind which gateway it is.
fn who(number: &str, gateway: Option<&str>) -> String {
    match gateway {
        Some(gateway) => format!("{number} ({gateway})"),
        None => number.to_owned(),
    }
}

/// Milliseconds since 1970 as the node's date and time; nothing for what has not been.
fn at(wall: Option<i64>, zone: &TimeZone) -> String {
    let time = wall.and_then(|wall| Timestamp::from_millisecond(wall).ok());
    time.map_or_else(String::new, |time| {
        time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}

fn length(ms: Option<i64>) -> String {
    ms.and_then(|ms| u64::try_from(ms).ok()).map_or_else(String::new, render::span)
}

fn ended(cause: Option<i64>, by: Option<&str>, at: Option<i64>) -> String {
    if at.is_none() {
        return "not yet".into();
    }
    let cause = cause.and_then(|cause| u8::try_from(cause).ok()).and_then(Cause::new);
    let cause = cause.map_or_else(|| "cause unknown".to_owned(), |cause| cause.to_string());
    match by {
        Some(by) => format!("{cause}, by {by}"),
        None => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_says_who_and_what() {
        use crate::base::CallId;
        use crate::switch::fact::{AgentFact, Fact, FactKind, QueueFact};
        let call = CallId::new(crate::base::Wall(1), 1);
        let of = |kind| {
            let fact = Fact { seq: 9, wall: crate::base::Wall(5), kind };
            details(&serde_json::to_value(fact).expect("JSON"))
        };
        let what = AgentFact::Supervised {
            by: "7900".into(),
            act: "whisper".into(),
            call: Some(call),
            refused: String::new(),
        };
        let text = of(FactKind::Agent { agent: "7001".into(), what });
        for word in ["agent=7001", "by=7900", "act=whisper", "event=supervised"] {
            assert!(text.contains(word), "{text}");
        }
        assert!(!text.contains(&call.to_string()) && !text.contains("seq"), "{text}");
        let what = QueueFact::Answered {
            agent: "7001".into(),
            waited_ms: 4,
            rang_ms: 2,
            back: false,
            by: None,
        };
        let text = of(FactKind::Queue { queue: "care".into(), call, what });
        assert!(text.contains("queue=care") && text.contains("event=answered"), "{text}");
        let value = "two\nlines".repeat(100);
        let text = of(FactKind::CallField { call, name: "n".into(), value });
        assert!(!text.contains('\n') && text.chars().count() == LONGEST_DETAILS, "{text}");
    }

    #[test]
    fn a_time_is_the_node_s() {
        let there = TimeZone::get("Asia/Shanghai").expect("a zone");
        assert_eq!(at(Some(0), &there), "1970-01-01 08:00:00");
        assert_eq!(at(None, &there), "");
    }
}
