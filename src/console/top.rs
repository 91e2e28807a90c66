//! `top`: calls, agents, queues, gateways and workers on the whole screen, once a second.
//!
//! ```text
//!  care-1   up 3:12:40   calls 12 …   registered 28                 one line, and what is wrong in another
//!  GATEWAYS …  QUEUES …                                             side by side
//!  AGENTS …    WORKERS …
//!  CALLS …                                                          the rest, scrolled by ↑ ↓
//! ```
//!
//! It asks what the other commands ask, so who watches needs no more rights. Colours say what the words say,
//! and are left out where NO_COLOR asks for that.

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
use super::render::span;
use crate::switch::console::{AgentRow, CallRow, GatewayRow, QueueRow, Status};

/// How often it asks.
const EVERY: Duration = Duration::from_secs(1);
/// How many rows the upper tables have at most.
const UPPER: u16 = 8;

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

/// What is shown.
#[derive(Clone, PartialEq, Debug, Default)]
struct View {
    status: Option<Status>,
    calls: Vec<CallRow>,
    agents: Vec<AgentRow>,
    queues: Vec<QueueRow>,
    gateways: Vec<GatewayRow>,
    workers: Vec<Worker>,
    /// The first call that is shown.
    scrolled: usize,
    colour: bool,
}

impl View {
    /// Asks everything anew. An answer that does not come leaves its table empty.
    fn ask(&mut self, ask: &mut dyn FnMut(&str) -> io::Result<Answer>) -> io::Result<()> {
        fn read<T: DeserializeOwned>(answer: Answer) -> Option<T> {
            Some(answer)
                .filter(|answer| answer.ok)
                .and_then(|a| serde_json::from_value(a.data).ok())
        }
        self.status = read(ask("show status")?);
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

    fn style(&self, colour: Color) -> Style {
        match self.colour {
            true => Style::default().fg(colour),
            false => Style::default().add_modifier(Modifier::BOLD),
        }
    }

    fn head(&self) -> Vec<Line<'_>> {
        let Some(status) = &self.status else {
            return vec![Line::styled("the exchange does not answer", self.style(Color::Red))];
        };
        let first = Line::from(vec![
            Span::styled(status.node.clone(), Style::default().add_modifier(Modifier::BOLD)),
            Span::raw(format!(
                "   up {}   calls {} now, {} in all, {} refused   legs {}   registered {}   recordings {}",
                span(status.uptime_s * 1_000),
                status.calls,
                status.calls_total,
                status.calls_refused,
                status.legs,
                status.registered,
                status.recordings,
            )),
        ]);
        let wrong: Vec<String> = [
            status.refusing.as_ref().map(|why| format!("refusing calls: {why}")),
            status.not_recording.as_ref().map(|why| format!("not recording: {why}")),
        ]
        .into_iter()
        .flatten()
        .collect();
        let second = match wrong.is_empty() {
            true => Line::raw("q leaves   ↑ ↓ scroll the calls"),
            false => Line::styled(wrong.join("   "), self.style(Color::Red)),
        };
        vec![first, second]
    }

    fn gateways(&self) -> Vec<Row<'_>> {
        let row = |g: &GatewayRow| {
            let health = match g.health.as_str() {
                "down" => self.style(Color::Red),
                "doubtful" | "recovering" => self.style(Color::Yellow),
                _ => Style::default(),
            };
            Row::new([
                Cell::from(g.name.clone()),
                Cell::from(g.health.clone()).style(health),
                Cell::from(g.service.clone()),
                Cell::from(format!("{}/{}", g.busy, g.channels)),
            ])
        };
        self.gateways.iter().map(row).collect()
    }

    fn queues(&self) -> Vec<Row<'_>> {
        let row = |q: &QueueRow| {
            let waits =
                if q.longest_ms >= 60_000 { self.style(Color::Red) } else { Style::default() };
            let level =
                q.today.service_level.map_or_else(String::new, |l| format!("{:.0} %", l * 100.0));
            Row::new([
                Cell::from(q.name.clone()),
                Cell::from((q.waiting + q.offered).to_string()),
                Cell::from(span(q.longest_ms)).style(waits),
                Cell::from(format!("{}/{}", q.ready, q.signed_in)),
                Cell::from(level),
            ])
        };
        self.queues.iter().map(row).collect()
    }

    fn agents(&self) -> Vec<Row<'_>> {
        let row = |a: &AgentRow| {
            let state = match a.state.as_str() {
                "ready" => self.style(Color::Green),
                "talking" => self.style(Color::Cyan),
                _ => Style::default(),
            };
            Row::new([
                Cell::from(a.number.clone()),
                Cell::from(a.name.clone()),
                Cell::from(a.state.clone()).style(state),
                Cell::from(span(a.ms)),
                Cell::from(a.phone.clone().unwrap_or_default()),
            ])
        };
        self.agents.iter().map(row).collect()
    }

    fn workers(&self) -> Vec<Row<'_>> {
        let row = |w: &Worker| {
            let late =
                if w.late_p99_us > 10_000 { self.style(Color::Red) } else { Style::default() };
            Row::new([
                Cell::from(w.name.clone()),
                Cell::from(w.backend.clone()),
                Cell::from(w.legs.to_string()),
                Cell::from(format!("{} µs", w.late_p99_us)).style(late),
                Cell::from(w.late_ticks.to_string()),
                Cell::from(w.kernel_drops.to_string()),
            ])
        };
        self.workers.iter().map(row).collect()
    }

    fn calls(&self) -> Vec<Row<'_>> {
        let row = |c: &CallRow| {
            Row::new([
                c.id.to_string(),
                c.from.clone(),
                c.to.clone(),
                span(c.ms),
                if c.recorded { "rec".into() } else { String::new() },
                c.state.clone(),
                c.route.clone().unwrap_or_default(),
            ])
        };
        self.calls.iter().skip(self.scrolled).map(row).collect()
    }
}

fn draw(frame: &mut Frame<'_>, view: &View) {
    let tallest = |a: usize, b: usize| (a.max(b).min(usize::from(UPPER)) as u16 + 2).max(3);
    let [head, first, second, calls] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(tallest(view.gateways.len(), view.queues.len())),
        Constraint::Length(tallest(view.agents.len(), view.workers.len())),
        Constraint::Min(3),
    ])
    .areas(frame.area());
    let halves = |area: Rect| -> [Rect; 2] {
        Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(area)
    };
    frame.render_widget(Paragraph::new(view.head()), head);
    let [left, right] = halves(first);
    let gateways = [("NAME", 12), ("HEALTH", 10), ("SERVICE", 0), ("CHANNELS", 9)];
    table(frame, left, ("gateways", view.gateways.len()), &gateways, view.gateways());
    let queues = [("NAME", 0), ("WAIT", 5), ("LONGEST", 8), ("READY", 7), ("LEVEL", 6)];
    table(frame, right, ("queues", view.queues.len()), &queues, view.queues());
    let [left, right] = halves(second);
    let agents = [("NUMBER", 8), ("NAME", 0), ("STATE", 15), ("SINCE", 8), ("PHONE", 7)];
    table(frame, left, ("agents", view.agents.len()), &agents, view.agents());
    let workers =
        [("NAME", 7), ("BACKEND", 9), ("LEGS", 6), ("P99 LATE", 9), ("LATE", 6), ("DROPS", 6)];
    table(frame, right, ("workers", view.workers.len()), &workers, view.workers());
    let columns =
        [("CALL", 14), ("FROM", 16), ("TO", 16), ("TIME", 8), ("", 4), ("STATE", 0), ("ROUTE", 20)];
    table(frame, calls, ("calls", view.calls.len()), &columns, view.calls());
}

/// A table under its name and count; a column of width 0 takes what is left.
fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    (name, count): (&str, usize),
    columns: &[(&'static str, u16)],
    rows: Vec<Row<'_>>,
) {
    let head = Row::new(columns.iter().map(|(word, _)| Cell::from(*word)));
    let head = head.style(Style::default().add_modifier(Modifier::DIM));
    let block = Block::default().borders(Borders::TOP).title(format!("{name} {count}"));
    let widths = columns.iter().map(|(_, width)| match width {
        0 => Constraint::Min(8),
        width => Constraint::Length(*width),
    });
    frame.render_widget(Table::new(rows, widths).header(head).block(block), area);
}

/// Shows it until `q`, Escape or Ctrl-C.
pub(super) fn run(colour: bool, mut ask: impl FnMut(&str) -> io::Result<Answer>) -> io::Result<()> {
    let mut view = View { colour, ..View::default() };
    view.ask(&mut ask)?;
    let mut terminal = ratatui::try_init()?;
    let shown = show(&mut terminal, &mut view, &mut ask);
    ratatui::restore();
    shown
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    view: &mut View,
    ask: &mut dyn FnMut(&str) -> io::Result<Answer>,
) -> io::Result<()> {
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
            view.ask(ask)?;
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
            _ => serde_json::json!([]),
        };
        Answer::done("", data)
    }

    fn screen(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 24)).unwrap();
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
        ] {
            assert!(screen.contains(word), "{word}:\n{screen}");
        }
    }

    #[test]
    fn an_exchange_that_does_not_answer_is_told_and_one_that_is_gone_ends_it() {
        let mut view = View::default();
        view.ask(&mut |_| Ok(Answer::refused("it is overloaded"))).unwrap();
        assert!(screen(&view).contains("the exchange does not answer"));
        assert!(view.ask(&mut |_| Err(io::ErrorKind::UnexpectedEof.into())).is_err());
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
