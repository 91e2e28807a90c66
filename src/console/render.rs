//! Answers for people: tables and lines.

use std::cell::Cell;

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};
use jiff::tz::TimeZone;

use crate::switch::console::{
    AgentRow, BackRow, BanRow, CallRow, CallView, CampaignRow, CareCallRow, CaseRow, CaseView,
    GatewayRow, GuardView, OfferRow, PhoneRow, PlanRow, QueueRow, RecorderRow, Reply, RoomRow,
    RoomView, Status, TroubleRow,
};

/// An answer of the switch as text, with times in `zone`.
pub fn text(reply: &Reply, zone: &TimeZone) -> String {
    match reply {
        Reply::Status(status) => self::status(status),
        Reply::Calls(rows) => calls(rows),
        Reply::Call(view) => call(view),
        Reply::Phones(rows) => phones(rows),
        Reply::Gateways(rows) => gateways(rows),
        Reply::Bans(rows) => bans(rows),
        Reply::Agents(rows) => agents(rows),
        Reply::Cases { cases: open, troubles, records_away } => {
            let away = if *records_away { CASES_AWAY } else { "" };
            format!("{}{away}", cases(open, troubles, *records_away))
        }
        Reply::Case(view) => case(view, zone),
        Reply::Guard(view) => guard(view, zone),
        Reply::Plans(rows) => plans(rows),
        Reply::CareCalls(rows) => care_calls(rows, zone),
        Reply::Campaigns(rows) => campaigns(rows),
        Reply::CampaignOffer(row) => row.as_ref().map_or_else(|| "nobody".to_owned(), offer),
        Reply::Queues(rows) => queues(rows),
        Reply::CallBacks(rows) => call_backs(rows),
        Reply::Rooms(rows) => rooms(rows),
        Reply::Room(view) => room(view),
        Reply::Cti(answer) => format!("{answer:?}\n"),
        Reply::Forms(forms) => {
            forms.iter().map(|form| format!("{} {}\n", form.name, form.title)).collect()
        }
        Reply::Supervised(agents) => agents.iter().map(|agent| format!("{agent}\n")).collect(),
        Reply::Scored { score, .. } => format!("scored: {score}\n"),
        Reply::Done(text) | Reply::Refused(text) => format!("{text}\n"),
    }
}

/// Before the records were read.
const CASES_AWAY: &str = "The records are not read yet: which cases were open before the start is not known. \
                          The log says why, if this lasts.\n";

/// The answer's data, without the word that says which it is.
pub fn data(reply: &Reply) -> serde_json::Value {
    match reply {
        Reply::Done(text) => serde_json::json!({ "done": text }),
        Reply::Refused(text) => serde_json::json!({ "error": text }),
        reply => match serde_json::to_value(reply) {
            Ok(serde_json::Value::Object(map)) => {
                map.into_iter().next().map(|(_, value)| value).unwrap_or_default()
            }
            _ => serde_json::Value::Null,
        },
    }
}

/// The columns that a table leaves free on both sides of a cell.
const PADDING: u16 = 2;

thread_local! {
    /// How wide this thread's tables may be; none: as wide as they are.
    static COLUMNS: Cell<Option<u16>> = const { Cell::new(None) };
}

/// What `text` makes, with its tables in so many columns: what is longer stands on several lines of its own column.
pub fn within<T>(columns: Option<u16>, text: impl FnOnce() -> T) -> T {
    /// Other answers of this thread are not concerned, even if this one panics.
    struct Before(Option<u16>);
    impl Drop for Before {
        fn drop(&mut self) {
            COLUMNS.set(self.0);
        }
    }
    let _before = Before(COLUMNS.replace(columns));
    text()
}

/// A table with a head; a line instead when there is no row.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>, empty: &str) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(head.to_vec());
    let longest =
        |text: &str| text.split_whitespace().map(|w| w.chars().map(columns_of).sum()).max();
    let mut words: Vec<u16> = head.iter().map(|text| longest(text).unwrap_or(0)).collect();
    let mut any = false;
    for row in rows {
        any = true;
        for (most, text) in words.iter_mut().zip(&row) {
            *most = longest(text).unwrap_or(0).max(*most);
        }
        table.add_row(row);
    }
    if let Some(columns) = COLUMNS.get() {
        fit(&mut table, &words, columns);
    }
    if any { format!("{}\n", table.trim_fmt()) } else { format!("{empty}\n") }
}

/// Fits a table into so many columns. A word, such as a call's id or a figure, is never broken: where the longest of each
/// column have no room beside each other the table stays as it is.
fn fit(table: &mut Table, words: &[u16], columns: u16) {
    let least: Vec<u16> = words.iter().map(|word| word.saturating_add(PADDING)).collect();
    if least.iter().fold(0_u16, |sum, own| sum.saturating_add(*own)) > columns {
        return;
    }
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    for (at, least) in least.into_iter().enumerate() {
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
    }
}

/// What a character takes on a terminal, at most.
fn columns_of(c: char) -> u16 {
    if c.is_ascii() { 1 } else { 2 }
}

/// Milliseconds as `1:02:03` or `2:03`.
pub fn span(ms: u64) -> String {
    let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

fn status(s: &Status) -> String {
    let refusing = s.refusing.as_deref().unwrap_or("no");
    let none_begins = s.not_recording.as_ref();
    let none_begins = none_begins.map_or_else(String::new, |why| format!("; none begins: {why}"));
    let away = match s.records_away {
        true => {
            "records        not read yet: cases, call-backs, agents and phones of before the start are not known\n"
        }
        false => "",
    };
    format!(
        "node           {}\nup             {}\ncalls          {} now, {} in all, {} refused\nlegs           {}\n\
         registered     {} devices\ntransactions   {}\nrecordings     {} not yet whole{none_begins}\n\
         refusing calls {refusing}\n{away}{}",
        s.node,
        span(s.uptime_s * 1000),
        s.calls,
        s.calls_total,
        s.calls_refused,
        s.legs,
        s.registered,
        s.transactions,
        s.recordings,
        outside(s)
    )
}

/// The recorders outside, a line each; nothing where there are none.
fn outside(s: &Status) -> String {
    let line = |row: &RecorderRow| {
        let RecorderRow { name, address, health, sessions } = row;
        format!("recorder       {name} at {address}: {health}, has {sessions} calls\n")
    };
    let failed = match s.recorders.len() {
        0 => String::new(),
        _ => format!("               {} sessions failed\n", s.outside_failed),
    };
    s.recorders.iter().map(line).chain([failed]).collect()
}

fn bans(rows: &[BanRow]) -> String {
    let cells = |row: &BanRow| {
        vec![row.source.clone(), span(row.left_s * 1_000), row.nth.to_string(), row.why.clone()]
    };
    table(&["SOURCE", "LEFT", "BANS", "WHY"], rows.iter().map(cells), "nobody is banned")
}

fn call_cells(row: &CallRow) -> Vec<String> {
    let recorded = if row.recorded { "yes" } else { "" };
    vec![
        row.id.to_string(),
        row.from.clone(),
        row.to.clone(),
        span(row.ms),
        row.state.clone(),
        row.route.clone().unwrap_or_default(),
        recorded.into(),
        row.purpose.clone(),
    ]
}

fn calls(rows: &[CallRow]) -> String {
    table(
        &["CALL", "FROM", "TO", "TIME", "STATE", "ROUTE", "RECORDED", "PURPOSE"],
        rows.iter().map(call_cells),
        "no calls",
    )
}

fn call(view: &CallView) -> String {
    let legs = view.legs.iter().map(|leg| {
        let or = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            leg.id.clone(),
            leg.number.clone(),
            or(&leg.gateway),
            leg.state.clone(),
            or(&leg.peer),
            leg.signalling.clone(),
            or(&leg.rtp),
            or(&leg.rtp_to),
            or(&leg.codec),
        ]
    });
    let head = calls(std::slice::from_ref(&view.row));
    let route = view.route.as_deref().unwrap_or("none");
    let legs = table(
        &["LEG", "NUMBER", "GATEWAY", "STATE", "TALKS WITH", "SIP", "RTP", "RTP TO", "CODEC"],
        legs,
        "no legs",
    );
    let outside = view.outside.as_ref().map_or_else(String::new, |row| {
        let who = row.recorder.as_deref().map_or_else(String::new, |name| format!("{name} "));
        let session = row.session.as_deref().map_or_else(String::new, |id| format!(", {id}"));
        format!("recorder outside: {who}{} ({}{session})\n", row.state, span(row.ms))
    });
    format!("{head}route: {route}\n{outside}\n{legs}\n{}", streams(view))
}

/// What comes from the legs of a call and goes to them, as far as it was looked at.
fn streams(view: &CallView) -> String {
    let ms = |us: u32| format!("{}.{}", us / 1_000, us / 100 % 10);
    let cells = view.legs.iter().filter_map(|leg| {
        let stream = leg.stream.as_ref()?;
        let sound = &stream.sound;
        let counts = [
            sound.packets_received,
            sound.packets_sent,
            sound.packets_lost,
            sound.packets_late,
            sound.packets_duplicate,
            sound.packets_foreign,
            sound.packets_malformed,
            sound.packets_unagreed,
            sound.packets_dropped,
            sound.packets_forged,
            sound.packets_unsealed,
        ];
        let mos = |mos: Option<u16>| match mos {
            Some(mos) => format!("{}.{:02}", mos / 100, mos % 100),
            None => String::new(),
        };
        let named = [leg.id.clone(), stream.from.clone().unwrap_or_default()];
        let judged = [
            format!("{}/{}", ms(stream.jitter_us), ms(sound.jitter_max_us)),
            mos(sound.mos),
            mos(sound.peer_mos),
            format!("{} s ago", stream.ago_s),
        ];
        let counts = counts.map(|count| count.to_string());
        Some(named.into_iter().chain(counts).chain(judged).collect())
    });
    let head = [
        "LEG",
        "SENDS FROM",
        "RECEIVED",
        "SENT",
        "LOST",
        "LATE",
        "TWICE",
        "FOREIGN",
        "MALFORMED",
        "NOT AGREED",
        "DROPPED",
        "SRTP REFUSED",
        "NOT SENT",
        "JITTER/MOST ms",
        "MOS",
        "MOS THERE",
        "",
    ];
    table(&head, cells, "no figures of its streams yet: they come every few seconds")
}

fn phones(rows: &[PhoneRow]) -> String {
    let cells = rows.iter().map(|row| {
        let contacts: Vec<String> =
            row.contacts.iter().map(|(uri, left)| format!("{uri} ({left} s)")).collect();
        let contacts =
            if contacts.is_empty() { "not registered".into() } else { contacts.join("\n") };
        vec![row.number.clone(), row.name.clone().unwrap_or_default(), contacts]
    });
    table(&["PHONE", "NAME", "REGISTERED AT"], cells, "no phones are configured")
}

fn gateways(rows: &[GatewayRow]) -> String {
    let cells = rows.iter().map(|row| {
        vec![
            row.name.clone(),
            row.address.clone(),
            row.health.clone(),
            row.service.clone(),
            row.registered.clone(),
            format!("{}/{}", row.busy, row.channels),
            row.trunks.join(", "),
        ]
    });
    let heads = ["GATEWAY", "ADDRESS", "HEALTH", "SERVICE", "REGISTERED", "CHANNELS", "TRUNKS"];
    table(&heads, cells, "no gateways are configured")
}

/// A time as the node has it.
fn when(wall: i64, format: &str, zone: &TimeZone) -> String {
    let time = jiff::Timestamp::from_millisecond(wall).ok();
    time.map_or_else(String::new, |time| time.to_zoned(zone.clone()).strftime(format).to_string())
}

fn plans(rows: &[PlanRow]) -> String {
    let cells = rows.iter().map(|row| {
        let cases: Vec<String> = row.cases.iter().map(ToString::to_string).collect();
        vec![row.plan.clone(), row.start.clone(), row.steps.join(", "), cases.join(", ")]
    });
    table(&["PLAN", "BEGINS BY", "STEPS", "CASES"], cells, "there are no plans: add a [[plan]]")
}

fn campaigns(rows: &[CampaignRow]) -> String {
    let cells = rows.iter().map(|row| {
        let status = if row.held { "held: no channel, or an alarm" } else { &row.status };
        let counts = [row.numbers, row.left, row.resting, row.calling, row.done, row.failed];
        let words = [&row.name, &row.kind, &row.queue].map(String::clone);
        let words = words.into_iter().chain([status.to_owned()]);
        words.chain(counts.map(|n| n.to_string())).collect()
    });
    let head = [
        "CAMPAIGN",
        "KIND",
        "QUEUE",
        "STATUS",
        "NUMBERS",
        "LEFT",
        "RESTING",
        "CALLED NOW",
        "REACHED",
        "NOT",
    ];
    table(&head, cells, "there are no campaigns: add a [[campaign]]")
}

fn offer(row: &OfferRow) -> String {
    let seconds = row.left_ms / 1_000;
    let head = format!(
        "{} of campaign {}, dialled {} times; {seconds} s are left",
        row.number, row.campaign, row.tried
    );
    let fields = row.fields.iter().map(|(name, text)| format!("\n{name}: {text}"));
    head + &fields.collect::<String>()
}

fn care_calls(rows: &[CareCallRow], zone: &TimeZone) -> String {
    let time = |wall: i64| when(wall, "%Y-%m-%d %H:%M", zone);
    let cells = rows.iter().map(|row| {
        let next = row.next.map_or_else(|| "by hand".to_owned(), time);
        let Some(day) = &row.day else {
            let nothing = core::iter::repeat_n(String::new(), 6);
            return [row.list.clone(), next].into_iter().chain(nothing).collect();
        };
        let held = if row.held { " (held for alarms)" } else { "" };
        vec![
            row.list.clone(),
            next,
            day.clone(),
            row.until.map_or_else(String::new, time),
            format!("{}{held}", row.left),
            row.calling.to_string(),
            row.done.to_string(),
            row.failed.to_string(),
        ]
    });
    let head = ["LIST", "NEXT", "IN PROGRESS", "UNTIL", "LEFT", "CALLED NOW", "REACHED", "NOT"];
    table(&head, cells, "there are no calls on a schedule: add a [[care_call]]")
}

fn guard(view: &GuardView, zone: &TimeZone) -> String {
    let day = |wall: i64| when(wall, "%Y-%m-%d %H:%M", zone);
    let cells = view.locks.iter().map(|row| {
        let until = row.until.map_or_else(|| "for ever".to_owned(), day);
        let by = if row.by.is_empty() { "the rule" } else { &row.by };
        let own = [&row.number, &row.name, &day(row.since), &until, &row.why];
        own.into_iter().cloned().chain([by.to_owned()]).collect()
    });
    let head = ["NUMBER", "NAME", "SINCE", "UNTIL", "WHY", "BY"];
    let mut text = table(&head, cells, "nobody is locked out");
    if !view.white.is_empty() {
        text += &format!("\nnever: {}\n", view.white.join(", "));
    }
    text
}

/// A subscriber's name, with how it stands out.
fn who(row: &CaseRow) -> String {
    match row.flag.as_str() {
        "" => row.name.clone(),
        flag => format!("{} [{flag}]", row.name),
    }
}

fn case(view: &CaseView, zone: &TimeZone) -> String {
    let mut text = cases(std::slice::from_ref(&view.row), &view.troubles, false);
    match view.subscriber.is_empty() {
        true => text += "\nnobody's that is known: 'subscriber add' makes a subscriber of it\n",
        false => {
            text.push('\n');
            for (field, value) in &view.subscriber {
                text += &format!("{field:<18} {value}\n");
            }
        }
    }
    if let Some(plan) = &view.plan {
        let time = |wall: i64| when(wall, "%m-%d %H:%M:%S", zone);
        let cells =
            view.events.iter().map(|row| vec![time(row.wall), row.step.clone(), row.what.clone()]);
        text += &match plan.as_str() {
            "" => "\nno plan\n".to_owned(),
            plan => format!("\nplan {plan}\n"),
        };
        if view.events_left_out > 0 {
            text += &format!(
                "{} events before these are not shown here: belfry report case --name {}\n",
                view.events_left_out, view.row.case
            );
        }
        text += &table(&["TIME", "STEP", "WHAT"], cells, "nothing has happened yet");
    }
    text
}

fn cases(open: &[CaseRow], troubles: &[TroubleRow], away: bool) -> String {
    let cells = |row: &CaseRow| {
        let call = row.call.map(|call| call.to_string());
        let waits = match &row.call_back {
            Some(number) if number.is_empty() => "waits to be called".to_owned(),
            Some(number) => format!("waits to be called at {number}"),
            None if row.awaited => "expected".to_owned(),
            None => String::new(),
        };
        vec![
            row.case.to_string(),
            row.account.clone(),
            who(row),
            row.address.clone(),
            row.region.clone(),
            row.need.clone(),
            row.priority.to_string(),
            row.alarms.to_string(),
            span(row.open_s * 1_000),
            call.unwrap_or(waits),
            row.line.clone(),
            row.place.clone(),
            row.plan.clone(),
        ]
    };
    let head = [
        "CASE", "UNIT", "NAME", "ADDRESS", "REGION", "NEED", "PRIORITY", "ALARMS", "OPEN", "CALL",
        "LINE", "PLACE", "PLAN",
    ];
    let none = if away { "no case was opened since the start" } else { "no case is open" };
    let mut text = table(&head, open.iter().map(cells), none);
    if !troubles.is_empty() {
        let cells = |row: &TroubleRow| {
            let device = match (row.device.as_str(), row.device_type.as_str()) {
                (device, kind) if kind.is_empty() || device == kind => device.to_owned(),
                (device, kind) => format!("{device} ({kind})"),
            };
            let since = span(row.since_s * 1_000);
            vec![row.account.clone(), row.trouble.clone(), device, row.place.clone(), since]
        };
        text.push('\n');
        text += &table(
            &["UNIT", "TROUBLE", "DEVICE", "PLACE", "SINCE"],
            troubles.iter().map(cells),
            "",
        );
    }
    text
}

fn agents(rows: &[AgentRow]) -> String {
    let cells = |row: &AgentRow| {
        let state = match &row.pending {
            Some(pending) => format!("{}, then {pending}", row.state),
            None => row.state.clone(),
        };
        vec![
            row.number.clone(),
            row.name.clone(),
            row.team.clone().unwrap_or_default(),
            row.phone.clone().unwrap_or_default(),
            state,
            span(row.ms),
            row.call.map(|call| call.to_string()).unwrap_or_default(),
            row.calls.to_string(),
            span(row.talked_ms),
            row.queues.join(" "),
        ]
    };
    let head =
        ["AGENT", "NAME", "TEAM", "PHONE", "STATE", "FOR", "CALL", "CALLS", "TALKED", "QUEUES"];
    table(&head, rows.iter().map(cells), "no agents: add [[agent]] to the configuration")
}

fn queues(rows: &[QueueRow]) -> String {
    let cells = |row: &QueueRow| {
        vec![
            row.name.clone(),
            row.waiting.to_string(),
            row.offered.to_string(),
            row.backs.to_string(),
            span(row.longest_ms),
            row.ready.to_string(),
            row.working.to_string(),
            row.signed_in.to_string(),
            match row.closed {
                true => "closed".into(),
                false => row.expected_ms.map_or("nobody works".into(), span),
            },
            row.today.answered.to_string(),
            row.today.abandoned.to_string(),
            row.today.service_level.map_or("-".into(), |level| format!("{:.1} %", level * 100.0)),
            row.today.speed_of_answer_ms.map_or("-".into(), span),
        ]
    };
    let day = rows.first().map(|row| &row.today);
    let level = day.map_or(String::new(), |day| format!("{} {} s", day.formula, day.threshold_s));
    let head = [
        "QUEUE",
        "WAIT",
        "RINGING",
        "CALL BACK",
        "LONGEST",
        "READY",
        "AT WORK",
        "SIGNED IN",
        "EXPECTED WAIT",
        "TODAY ANSWERED",
        "ABANDONED",
        &level,
        "AVG ANSWER",
    ];
    table(&head, rows.iter().map(cells), "no queues: add [[queue]] to the configuration")
}

fn call_backs(rows: &[BackRow]) -> String {
    let cells = |row: &BackRow| {
        let now = match (&row.agent, row.rests_ms) {
            (Some(agent), _) => format!("agent {agent}"),
            (None, Some(ms)) => format!("rests for {}", span(ms)),
            (None, None) => "waits".into(),
        };
        let (left, asked) = match row.case {
            Some(case) => ("never".to_owned(), format!("case {case}")),
            None => (span(row.left_ms), row.call.to_string()),
        };
        vec![
            row.queue.clone(),
            row.position.to_string(),
            row.number.clone(),
            span(row.waited_ms),
            row.failed.to_string(),
            now,
            left,
            asked,
        ]
    };
    let head =
        ["QUEUE", "PLACE", "NUMBER", "SINCE", "FAILED", "NOW", "GIVEN UP IN", "ASKED FOR IN"];
    table(&head, rows.iter().map(cells), "nobody is to be called back")
}

fn rooms(rows: &[RoomRow]) -> String {
    let cells = rows.iter().map(|row| {
        let locked = if row.locked { "locked" } else { "" };
        let members = format!("{}/{}", row.members, row.most);
        vec![row.name.clone(), members, span(row.ms), locked.into()]
    });
    table(&["ROOM", "MEMBERS", "TIME", ""], cells, "no conferences")
}

fn room(view: &RoomView) -> String {
    let cells = view.members.iter().map(|member| {
        let marks = [(member.muted, "muted"), (member.deaf, "deaf"), (member.speaks, "speaks")];
        let marks: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let gain =
            if member.gain_db == 0 { String::new() } else { format!("{} dB", member.gain_db) };
        vec![
            member.leg.to_string(),
            member.number.clone(),
            member.call.to_string(),
            span(member.ms),
            marks.join(", "),
            gain,
        ]
    });
    let members = table(&["LEG", "NUMBER", "CALL", "TIME", "", "GAIN"], cells, "nobody");
    format!("{}\n{members}", rooms(std::slice::from_ref(&view.row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Wall};

    /// The terminal would break its lines anywhere; nothing is left out.
    #[test]
    fn a_table_fits_the_columns_of_the_terminal() {
        let row =
            || ["06C9PBW400001", "normal call clearing, by the caller", "the care line", "第二行"];
        let rows = || [row().map(str::to_owned).to_vec()];
        let made = || table(&["CALL", "ENDED", "ROUTE", "NOTE"], rows(), "none");
        let width = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let (wide, narrow) = (made(), within(Some(60), made));
        assert!(width(&wide) > 60 && wide.lines().count() == 2, "{wide}");
        assert!(width(&narrow) <= 60 && narrow.lines().count() > 2, "{narrow}");
        let letters = |text: &str| {
            let mut all: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(letters(&wide), letters(&narrow));
        assert!(narrow.contains("06C9PBW400001"), "what is copied from it is whole: {narrow}");
        assert_eq!(made(), wide, "it holds for that one answer");
        assert_eq!(within(Some(40), made), wide, "there words would be broken");
    }

    #[test]
    fn tables_hold_what_they_are_given() {
        let row = CallRow {
            id: CallId::new(Wall(1_700_000_000_000), 1),
            from: "13800138000".into(),
            to: "4008001234".into(),
            ms: 3_723_000,
            state: "talks with 1001".into(),
            route: Some("care line".into()),
            recorded: true,
            purpose: "plan bell".into(),
        };
        let text = text(&Reply::Calls(vec![row.clone()]), &TimeZone::UTC);
        assert!(
            text.contains("13800138000")
                && text.contains("1:02:03")
                && text.contains("talks with 1001")
                && text.contains("care line")
                && text.contains("plan bell"),
            "{text}"
        );
        assert_eq!(super::text(&Reply::Calls(vec![]), &TimeZone::UTC), "no calls\n");
        let none = |records_away| {
            super::text(
                &Reply::Cases { cases: vec![], troubles: vec![], records_away },
                &TimeZone::UTC,
            )
        };
        assert_eq!(none(false), "no case is open\n");
        assert!(none(true).contains("not known") && !none(true).contains("no case is open"));
        let data = data(&Reply::Calls(vec![row]));
        assert_eq!(data[0]["to"], "4008001234");
    }

    #[test]
    fn a_case_that_is_offered_is_a_call_back_that_is_not_given_up() {
        let row = BackRow {
            call: CallId::new(Wall(1_700_000_000_000), 1),
            queue: "care".into(),
            number: "1002".into(),
            position: 1,
            waited_ms: 5_000,
            left_ms: 3_723_000,
            failed: 0,
            rests_ms: None,
            agent: None,
            case: None,
        };
        let offered = BackRow { case: Some(7), ..row.clone() };
        let (asked, offered) = (call_backs(std::slice::from_ref(&row)), call_backs(&[offered]));
        assert!(asked.contains("1:02:03") && asked.contains(&row.call.to_string()), "{asked}");
        assert!(offered.contains("never") && offered.contains("case 7"), "{offered}");
        assert!(!offered.contains("1:02:03") && !offered.contains(&row.call.to_string()));
    }
}
