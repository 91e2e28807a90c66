//! `top`: alarms, quality, calls, agents, queues, gateways and workers on the whole screen, once a second.
//!
//! ```text
//!  care-1  alarms 1  calls 12 …  up 3:12:40 …                       one line, what matters most first
//!  ALARM gateway_down: e1-a …                                       what is wrong, if anything
//!  quality: 212 legs, MOS 4.3 …                                     how the last minutes sounded
//!  GATEWAYS …  QUEUES …                                             side by side
//!  AGENTS …    WORKERS …
//!  CALLS …                                                          the rest, scrolled by ↑ ↓
//! ```
//!
//! It asks what the other commands ask, so who watches needs no more rights. Colours say what the words say,
//! and are left out where NO_COLOR asks for that. What a small screen has no room for is marked.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Answer;
use super::figures::{self, Quality};
use super::render::span;
use crate::switch::console::{AgentRow, CallRow, GatewayRow, QueueRow, Status};

/// How often it asks.
const EVERY: Duration = Duration::from_secs(1);
/// How many rows the upper tables have at most.
const UPPER: u16 = 8;
/// How many alarms stand in lines of their own.
const ALARMS: usize = 3;
/// The most columns of the node's name: what follows it matters more.
const NODE: usize = 16;
/// The least width of a column that takes what is left.
const NARROW: u16 = 6;

/// A worker, as `show workers --json` has it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Worker {
    name: String,
    backend: String,
    legs: u64,
    late_ticks: u64,
    late_p99_us: u64,
    kernel_drops: u64,
}

/// An alarm, as `show alarms --json` has it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
struct Alarm {
    what: String,
    detail: String,
    acked: Option<serde_json::Value>,
}

/// Those that stand, and how many more there are of each kind.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
struct Alarms {
    standing: Vec<Alarm>,
    more: BTreeMap<String, usize>,
}

/// What is shown.
#[derive(Clone, PartialEq, Debug, Default)]
struct View {
    status: Option<Status>,
    alarms: Alarms,
    quality: Quality,
    calls: Vec<CallRow>,
    agents: Vec<AgentRow>,
    queues: Vec<QueueRow>,
    gateways: Vec<GatewayRow>,
    workers: Vec<Worker>,
    /// How often it has asked.
    asked: u64,
    /// The first call that is shown.
    scrolled: usize,
    colour: bool,
}

type Ask<'a> = &'a mut dyn FnMut(&str) -> io::Result<Answer>;

impl View {
    /// Asks everything anew. An answer that does not come leaves its table empty.
    fn ask(&mut self, ask: Ask<'_>) -> io::Result<()> {
        fn read<T: DeserializeOwned>(answer: Answer) -> Option<T> {
            Some(answer)
                .filter(|answer| answer.ok)
                .and_then(|a| serde_json::from_value(a.data).ok())
        }
        self.status = read(ask("show status")?);
        self.alarms = read(ask("show alarms")?).unwrap_or_default();
        // Those to which nobody sees first.
        self.alarms.standing.sort_by_key(|alarm| alarm.acked.is_some());
        // What it costs is more than all others together.
        if self.asked.is_multiple_of(figures::EVERY) {
            let answer = ask("metrics")?;
            if answer.ok {
                self.quality.take(&answer.text);
            }
        }
        self.asked += 1;
        self.calls = read(ask("show calls")?).unwrap_or_default();
        self.agents = read(ask("show agents")?).unwrap_or_default();
        self.queues = read(ask("show queues")?).unwrap_or_default();
        self.gateways = read(ask("show gateways")?).unwrap_or_default();
        self.workers = read(ask("show workers")?).unwrap_or_default();
        self.calls.sort_by_key(|call| std::cmp::Reverse(call.ms));
        // Those who are doing something first.
        self.agents.sort_by_key(|agent| (agent.state == "signed out", agent.number.clone()));
        self.scrolled = self.scrolled.min(self.calls.len().saturating_sub(1));
        Ok(())
    }

    /// The appliance is away: what was shown of it holds no more.
    fn lose(&mut self) {
        let (colour, quality) = (self.colour, std::mem::take(&mut self.quality));
        *self = View { colour, quality, ..View::default() };
    }

    fn style(&self, colour: Color) -> Style {
        match self.colour {
            true => Style::default().fg(colour),
            false => Style::default().add_modifier(Modifier::BOLD),
        }
    }

    /// What is wrong, and how it goes as a whole; on a screen of so many columns.
    fn head(&self, columns: usize) -> Vec<Line<'static>> {
        let red = self.style(Color::Red);
        let Some(status) = &self.status else {
            let said = "the appliance does not answer; it is asked again each second   q leaves";
            return vec![Line::styled(cut(said, columns), red)];
        };
        let bold = Style::default().add_modifier(Modifier::BOLD);
        let quality = if self.quality.is_bad() { red } else { Style::default() };
        let mut lines = vec![Line::styled(self.title(status, columns), bold)];
        let refusing = status.refusing.as_ref().map(|why| format!("refusing calls: {why}"));
        let mute = status.not_recording.as_ref().map(|why| format!("not recording: {why}"));
        let wrong = refusing.into_iter().chain(mute);
        lines.extend(wrong.map(|wrong| Line::styled(cut(&wrong, columns), red)));
        lines.extend(self.alarms(columns));
        lines.push(Line::styled(cut(&self.quality.to_string(), columns), quality));
        lines
    }

    /// The uppermost line: what matters most first, and of the rest what there is room for. That some is left out is marked.
    fn title(&self, status: &Status, columns: usize) -> String {
        let alarms = self.alarms.standing.len() + self.alarms.more.values().sum::<usize>();
        let calls = format!(
            "calls {} ({} in all, {} refused)",
            status.calls, status.calls_total, status.calls_refused
        );
        let parts = [
            format!("alarms {alarms}"),
            calls,
            format!("up {}", span(status.uptime_s * 1_000)),
            format!("legs {}", status.legs),
            format!("phones {}", status.registered),
            format!("rec {}", status.recordings),
        ];
        let mut title = cut(&status.node, NODE);
        for part in parts {
            let longer = format!("{title}  {part}");
            if cut(&longer, columns) != longer {
                return cut(&format!("{title} …"), columns);
            }
            title = longer;
        }
        title
    }

    fn alarms(&self, columns: usize) -> Vec<Line<'static>> {
        let Alarms { standing, more } = &self.alarms;
        let row = |alarm: &Alarm| {
            let seen = if alarm.acked.is_some() { " (seen to)" } else { "" };
            let text = format!("ALARM {}{seen}: {}", alarm.what, alarm.detail);
            let style = if alarm.acked.is_some() { Color::Yellow } else { Color::Red };
            Line::styled(cut(&text, columns), self.style(style))
        };
        let mut lines: Vec<Line<'_>> = standing.iter().take(ALARMS).map(row).collect();
        let rest = standing.len().saturating_sub(ALARMS) + more.values().sum::<usize>();
        if rest > 0 {
            let text = format!("and {rest} alarms more: 'show alarms'");
            lines.push(Line::styled(cut(&text, columns), self.style(Color::Red)));
        }
        lines
    }

    fn gateways(&self) -> Vec<Cells> {
        let row = |g: &GatewayRow| {
            let health = match g.health.as_str() {
                "down" => self.style(Color::Red),
                "doubtful" | "recovering" => self.style(Color::Yellow),
                _ => Style::default(),
            };
            vec![
                plain(&g.name),
                (g.health.clone(), health),
                plain(format!("{}/{}", g.busy, g.channels)),
                plain(&g.service),
            ]
        };
        self.gateways.iter().map(row).collect()
    }

    fn queues(&self) -> Vec<Cells> {
        let row = |q: &QueueRow| {
            let waits =
                if q.longest_ms >= 60_000 { self.style(Color::Red) } else { Style::default() };
            let level =
                q.today.service_level.map_or_else(String::new, |l| format!("{:.0} %", l * 100.0));
            vec![
                plain(&q.name),
                plain((q.waiting + q.offered).to_string()),
                (span(q.longest_ms), waits),
                plain(format!("{}/{}", q.ready, q.signed_in)),
                plain(level),
            ]
        };
        self.queues.iter().map(row).collect()
    }

    fn agents(&self) -> Vec<Cells> {
        let row = |a: &AgentRow| {
            let state = match a.state.as_str() {
                "ready" => self.style(Color::Green),
                "talking" => self.style(Color::Cyan),
                _ => Style::default(),
            };
            vec![
                plain(&a.number),
                plain(&a.name),
                (a.state.clone(), state),
                plain(span(a.ms)),
                plain(a.phone.clone().unwrap_or_default()),
            ]
        };
        self.agents.iter().map(row).collect()
    }

    fn workers(&self) -> Vec<Cells> {
        let row = |w: &Worker| {
            let late =
                if w.late_p99_us > 10_000 { self.style(Color::Red) } else { Style::default() };
            vec![
                plain(&w.name),
                plain(w.legs.to_string()),
                (format!("{} µs", w.late_p99_us), late),
                plain(w.late_ticks.to_string()),
                plain(w.kernel_drops.to_string()),
                plain(&w.backend),
            ]
        };
        self.workers.iter().map(row).collect()
    }

    fn calls(&self) -> Vec<Cells> {
        let row = |c: &CallRow| {
            vec![
                plain(c.id.to_string()),
                plain(&c.from),
                plain(&c.to),
                plain(span(c.ms)),
                plain(if c.recorded { "rec" } else { "" }),
                plain(&c.state),
                plain(c.route.clone().unwrap_or_default()),
            ]
        };
        self.calls.iter().skip(self.scrolled).map(row).collect()
    }
}

/// One row's texts, and how they look.
type Cells = Vec<(String, Style)>;

fn plain(text: impl Into<String>) -> (String, Style) {
    (text.into(), Style::default())
}

/// A text in so many columns: what is cut is marked.
fn cut(text: &str, columns: usize) -> String {
    let width = |text: &str| Span::raw(text.to_owned()).width();
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |c: &char| match room.checked_sub(width(c.encode_utf8(&mut [0; 4]))) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// A column's head and width; of width 0 it takes what is left.
type Column = (&'static str, u16);
const GATEWAYS: &[Column] = &[("NAME", 0), ("HEALTH", 10), ("CHANNELS", 8), ("SERVICE", 14)];
const QUEUES: &[Column] = &[("NAME", 0), ("WAIT", 5), ("LONGEST", 8), ("READY", 7), ("LEVEL", 6)];
const AGENTS: &[Column] = &[("NUMBER", 6), ("NAME", 0), ("STATE", 15), ("SINCE", 7), ("PHONE", 7)];
const WORKERS: &[Column] =
    &[("NAME", 0), ("LEGS", 5), ("P99 LATE", 9), ("LATE", 5), ("DROPS", 5), ("BACKEND", 9)];
const CALLS: &[Column] =
    &[("CALL", 14), ("FROM", 16), ("TO", 16), ("TIME", 8), ("", 3), ("STATE", 0), ("ROUTE", 20)];

fn draw(frame: &mut Frame<'_>, view: &View) {
    let tallest = |a: usize, b: usize| (a.max(b).min(usize::from(UPPER)) as u16 + 2).max(3);
    let said = view.head(usize::from(frame.area().width));
    let [head, first, second, calls] = Layout::vertical([
        Constraint::Length(said.len() as u16),
        Constraint::Length(tallest(view.gateways.len(), view.queues.len())),
        Constraint::Length(tallest(view.agents.len(), view.workers.len())),
        Constraint::Min(3),
    ])
    .areas(frame.area());
    let halves = |area: Rect| -> [Rect; 2] {
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)])
            .spacing(1)
            .areas(area)
    };
    frame.render_widget(Paragraph::new(said), head);
    let [left, right] = halves(first);
    table(frame, left, "gateways", 0, GATEWAYS, view.gateways());
    table(frame, right, "queues", 0, QUEUES, view.queues());
    let [left, right] = halves(second);
    table(frame, left, "agents", 0, AGENTS, view.agents());
    table(frame, right, "workers", 0, WORKERS, view.workers());
    table(frame, calls, "calls", view.scrolled, CALLS, view.calls());
}

/// A table under its name and count; which rows and columns there is no room for, it says.
fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    name: &str,
    above: usize,
    columns: &[Column],
    rows: Vec<Cells>,
) {
    let (widths, without) = widths(columns, area.width);
    let shown = rows.len().min(usize::from(area.height.saturating_sub(2)));
    let all = above + rows.len();
    let mut title = format!("{name} {all}");
    if shown < all {
        title += &format!(": {} to {} shown", above + usize::from(shown > 0), above + shown);
    }
    if !without.is_empty() {
        title += &format!(", no room for {}", without.join(", "));
    }
    let head = Row::new(columns.iter().take(widths.len()).map(|(word, _)| Cell::from(*word)));
    let head = head.style(Style::default().add_modifier(Modifier::DIM));
    let block = Block::default().borders(Borders::TOP).title(cut(&title, usize::from(area.width)));
    let row =
        |cells: &Cells| {
            let fitted = cells.iter().zip(&widths);
            Row::new(fitted.map(|((text, style), width)| {
                Cell::from(cut(text, usize::from(*width))).style(*style)
            }))
        };
    let rows: Vec<Row<'_>> = rows.iter().take(shown).map(row).collect();
    let widths = widths.iter().map(|width| Constraint::Length(*width));
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

/// How wide each column is, as many of them as there is room for, and the heads of the others.
fn widths(columns: &[Column], room: u16) -> (Vec<u16>, Vec<&'static str>) {
    let least = |columns: &[Column]| -> u16 {
        let each = columns.iter().map(|(_, width)| if *width == 0 { NARROW } else { *width });
        each.sum::<u16>() + columns.len().saturating_sub(1) as u16
    };
    let fits = (1..=columns.len()).rev().find(|count| least(&columns[..*count]) <= room);
    let (shown, without) = columns.split_at(fits.unwrap_or(1));
    let more = room.saturating_sub(least(shown));
    let wide = |(_, width): &Column| if *width == 0 { NARROW + more } else { *width };
    (shown.iter().map(wide).collect(), without.iter().map(|(word, _)| *word).collect())
}

/// Shows it until `q`, Escape or Ctrl-C. An appliance that goes, or stands still, is asked again.
pub(super) fn run(colour: bool, mut ask: impl FnMut(&str) -> io::Result<Answer>) -> io::Result<()> {
    let mut view = View { colour, ..View::default() };
    view.ask(&mut ask)?;
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, &mut view, &mut ask);
    ratatui::restore();
    shown
}

fn show(terminal: &mut ratatui::DefaultTerminal, view: &mut View, ask: Ask<'_>) -> io::Result<()> {
    let mut asked = Instant::now();
    loop {
        terminal.draw(|frame| draw(frame, view))?;
        if event::poll(EVERY.saturating_sub(asked.elapsed()))?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    return Ok(());
                }
                KeyCode::Down => {
                    view.scrolled = (view.scrolled + 1).min(view.calls.len().saturating_sub(1))
                }
                KeyCode::Up => view.scrolled = view.scrolled.saturating_sub(1),
                _ => {}
            }
        }
        if asked.elapsed() >= EVERY {
            if view.ask(ask).is_err() {
                view.lose();
            }
            asked = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    /// What an appliance would answer.
    fn answer(command: &str) -> Answer {
        let data = match command {
            "show status" => serde_json::json!({
                "node": "care-1", "uptime_s": 3_725, "calls": 1, "legs": 2, "calls_total": 40,
                "calls_refused": 3, "recordings": 1, "registered": 4, "transactions": 0,
                "refusing": "the journal is full", "not_recording": null, "recorders": [],
                "outside_failed": 0, "records_away": false,
            }),
            "show calls" => serde_json::json!([{
                "call": "01KAF3Q8ZK004", "from": "13800138000", "to": "4008001234", "ms": 65_000,
                "state": "talks with 1001", "route": "care line", "recorded": true,
            }]),
            "show gateways" => serde_json::json!([{
                "name": "e1-a", "address": "udp:10.0.0.10:5060", "health": "down",
                "service": "in service", "registered": "", "trunks": [], "busy": 7, "channels": 30,
            }]),
            "show workers" => serde_json::json!([{
                "name": "rtp-0", "backend": "steered", "legs": 2, "late_ticks": 0,
                "late_p99_us": 80, "kernel_drops": 0, "more": "of a later version",
            }]),
            "show alarms" => serde_json::json!({ "standing": [
                { "number": 1, "what": "gateway_down", "about": "e1-a", "detail": "e1-a", "since": 1,
                  "call": null, "acked": ["li", 2], "over": null },
                { "number": 2, "what": "one_way_audio", "about": "", "detail": "3 legs within 10 min",
                  "since": 1, "call": null, "acked": null, "over": null },
            ], "past": [], "more": { "alarm_unheard": 4 } }),
            _ => serde_json::json!([]),
        };
        if command == "metrics" {
            let text = "belfry_leg_mos_bucket{le=\"3.5\"} 1\nbelfry_leg_mos_sum 42\nbelfry_leg_mos_count 10\n";
            return Answer::done(text, ());
        }
        Answer::done("", data)
    }

    fn screen(view: &View) -> String {
        screen_of(view, 110)
    }

    fn screen_of(view: &View, columns: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, 24)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_is_on_one_screen() {
        let mut view = View::default();
        view.ask(&mut |command| Ok(answer(command))).unwrap();
        let screen = screen(&view);
        for word in [
            "care-1",
            "up 1:02:05",
            "40 in all",
            "refusing calls: the journal is full",
            "e1-a",
            "down",
            "7/30",
            "rtp-0",
            "steered",
            "80 µs",
            "01KAF3Q8ZK004",
            "talks with 1001",
            "care line",
            "quality: 10 legs, MOS 4.2, 1 of them 3.5 or less",
            "ALARM one_way_audio: 3 legs",
            "ALARM gateway_down (seen to): e1-a",
            "and 4 alarms more: 'show alarms'",
        ] {
            assert!(screen.contains(word), "{word}:\n{screen}");
        }
        let at = |word: &str| screen.find(word).unwrap();
        assert!(at("one_way_audio") < at("gateway_down"), "nobody sees to that one: {screen}");
    }

    /// A terminal as it is opened: what is cut and what is left out is marked.
    #[test]
    fn what_a_small_screen_has_no_room_for_is_marked() {
        let mut view = View::default();
        view.ask(&mut |command| Ok(answer(command))).unwrap();
        let call = view.calls[0].clone();
        view.calls = (0..40).map(|_| call.clone()).collect();
        view.gateways[0].name = "the gateway of the old town".into();
        view.scrolled = 2;
        let screen = screen_of(&view, 80);
        for word in [
            "care-1  alarms 6  calls 1 (40 in all, 3 refused)  up 1:02:05  legs 2",
            "no room for ROUTE",
            "calls 40: 3 to ",
            "no room for BACKEND",
            "the gateway o",
            "…",
            "talks with 1001",
        ] {
            assert!(screen.contains(word), "{word}:\n{screen}");
        }
        assert!(!screen.contains("care line"), "{screen}");
        assert_eq!(cut("网关无应答", 9), "网关无应…");
        assert_eq!((cut("网关", 4), cut("abc", 2)), ("网关".to_owned(), "a…".to_owned()));
    }

    /// On the smallest screen as well: how many alarms and calls there are, whole, above everything else.
    #[test]
    fn alarms_and_calls_are_told_first_on_a_narrow_screen() {
        let mut view = View::default();
        view.ask(&mut |command| Ok(answer(command))).unwrap();
        for node in ["care-1", "the care line of the old town of the south"] {
            view.status.as_mut().unwrap().node = node.into();
            for columns in [80, 60] {
                let screen = screen_of(&view, columns);
                let first = screen.lines().next().unwrap();
                assert!(first.contains("  alarms 6  calls 1 (40 in all, 3 refused)"), "{screen}");
                assert!(
                    columns > 60 || first.contains('…'),
                    "what is left out is marked: {screen}"
                );
                assert!(!first.contains("phon…"), "no part of it is cut in two: {screen}");
                let at = |word: &str| screen.find(word).expect(word);
                assert!(at("refusing calls") < at("ALARM") && at("ALARM") < at("quality:"));
            }
        }
    }

    #[test]
    fn an_appliance_that_does_not_answer_or_is_gone_is_told() {
        let mut view = View::default();
        view.ask(&mut |_| Ok(Answer::refused("it is overloaded"))).unwrap();
        assert!(screen(&view).contains("the appliance does not answer; it is asked again"));
        view.ask(&mut |command| Ok(answer(command))).unwrap();
        assert!(view.ask(&mut |_| Err(io::ErrorKind::UnexpectedEof.into())).is_err());
        view.lose();
        let screen = screen(&view);
        assert!(screen.contains("does not answer") && !screen.contains("e1-a"), "{screen}");
    }

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        let mut view = View::default();
        view.ask(&mut |command| Ok(answer(command))).unwrap();
        let coloured = |view: &View| {
            let mut terminal = Terminal::new(TestBackend::new(110, 24)).unwrap();
            terminal.draw(|frame| draw(frame, view)).unwrap();
            terminal.backend().buffer().content().iter().any(|cell| cell.fg != Color::Reset)
        };
        assert!(!coloured(&view));
        view.colour = true;
        assert!(coloured(&view));
    }
}
