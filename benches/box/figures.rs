//! Medians, and the two tables.

use std::fmt::Write as _;
use std::time::Duration;

use crate::generator::Seen;
use crate::row::Row;

/// One peer's runs under one load.
pub struct Runs {
    pub row: Row,
    pub peer: &'static str,
    pub runs: Vec<Run>,
    /// Bytes that a call took.
    pub memory: f64,
    /// Within how many microseconds 99 of 100 turns began, where that was asked.
    pub late_us: Option<u64>,
    /// libopus' share of the user time, where that was asked.
    pub libopus: Option<f64>,
}

/// One run.
pub struct Run {
    pub seen: Seen,
    /// Time on the CPUs.
    pub cpu: Duration,
}

impl Run {
    /// CPU microseconds a packet forwarded.
    pub fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.seen.received.max(1) as f64
    }
}

impl Runs {
    /// The median of a figure.
    pub fn median(&self, figure: impl Fn(&Run) -> f64) -> f64 {
        let mut all: Vec<f64> = self.runs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The median cost.
    pub fn cost(&self) -> f64 {
        self.median(Run::cost)
    }

    /// Payload to a called party, kbit/s: two coders are only compared at the same.
    pub fn rate_to_called(&self) -> f64 {
        self.median(|run| {
            let packets = run.seen.received.max(1) as f64 / 2.0;
            run.seen.bytes[1] as f64 * 8.0 * 50.0 / packets / 1e3
        })
    }

    fn spread(&self) -> (f64, f64) {
        let costs = || self.runs.iter().map(Run::cost);
        (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max))
    }

    /// The delay that `per_mille` of the packets stay within, milliseconds; not a number where none was seen.
    pub fn delay_ms(&self, per_mille: usize) -> f64 {
        self.median(|run| run.seen.delay_ms(per_mille).unwrap_or(f64::NAN))
    }

    fn delay(&self, per_mille: usize) -> String {
        match self.delay_ms(per_mille) {
            ms if ms.is_finite() => format!("{ms:.2}"),
            _ => "–".into(),
        }
    }
}

/// The head of the first table.
pub const HEAD: &str = "| Load | | CPU µs a packet (least – most) | calls a core \
                        | added delay, p50 ms | p99 ms | lost | foreign | kB a call |\n\
                        |---|---|---|---|---|---|---|---|---|";

/// A line of the first table.
pub fn line(of: &Runs) -> String {
    let (cost, (least, most)) = (of.cost(), of.spread());
    let lost: i64 = of.runs.iter().map(|run| run.seen.lost).sum();
    let foreign: u64 = of.runs.iter().map(|run| run.seen.foreign).sum();
    let packets: u64 = of.runs.iter().map(|run| run.seen.received).sum();
    // A call is two streams of fifty packets a second.
    let calls = 1e6 / (cost * 100.0);
    format!(
        "| {} | {} | {cost:.2} ({least:.2} – {most:.2}) | {calls:.0} | {} | {} | {:.3} % \
         | {foreign} | {:.1} |",
        of.row.title(),
        of.peer,
        of.delay(500),
        of.delay(990),
        100.0 * lost as f64 / (packets as f64 + lost as f64).max(1.0),
        of.memory / 1_024.0,
    )
}

/// The second table.
pub fn ratios(all: &[Runs], [ours, plain, theirs]: [&str; 3]) -> String {
    let find =
        |name: &str, peer: &str| all.iter().find(|runs| runs.row.name == name && runs.peer == peer);
    let mut table = String::from("| | Ratio | Wanted |\n|---|---|---|\n");
    let mut add = |what: &str, over: Option<&Runs>, under: Option<&Runs>, wanted: &str| {
        if let Some((over, under)) = over.zip(under) {
            let _ = writeln!(table, "| {what} | {:.2} | {wanted} |", over.cost() / under.cost());
        }
    };
    for (row, wanted) in [
        ("relay-40", ""),
        ("relay-100", "≥ 4"),
        ("relay-500", "≥ 3"),
        ("relay-1000", ""),
        ("g711-100", "≥ 5"),
        ("opus-30", "≥ 1.5"),
    ] {
        let title = find(row, ours).map(|runs| runs.row.title()).unwrap_or_default();
        let what = format!("{title}: {theirs} / {ours}");
        add(&what, find(row, theirs), find(row, ours), wanted);
    }
    let of = |name| find(name, ours);
    let recorded = "relay, 500 calls: recorded / not recorded";
    add(recorded, of("record-500"), find("record-500", plain), "≤ 1.15");
    add("relay: a packet at 1,000 calls / at 100", of("relay-1000"), of("relay-100"), "≤ 1.0");
    table
}
