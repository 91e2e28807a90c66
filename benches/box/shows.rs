//! What was promised, line by line: what is wanted, what was seen, whether that will do. As a table, and for
//! programs as JSON.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use ::belfry::media::control::Codec;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::figures::Runs;
use crate::room::{Load, measure};

/// Legs in a room; how often it is measured, and for how long.
const MEMBERS: u64 = 100;
const ROOM_SPAN: Duration = Duration::from_secs(4);

/// One promise.
pub struct Show {
    what: &'static str,
    wanted: Wanted,
    /// The figure, and what it was made of.
    seen: Option<(f64, String)>,
}

#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    fn takes(self, seen: f64) -> bool {
        match self {
            Wanted::AtLeast(least) => seen >= least,
            Wanted::AtMost(most) => seen <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Wanted::AtLeast(least) => format!("≥ {least}"),
            Wanted::AtMost(most) => format!("≤ {most}"),
        }
    }
}

/// All of them, from the rows that were run, the engine by itself and its rooms.
pub fn shows(
    all: &[Runs],
    [ours, plain, theirs]: [&str; 3],
    engine: &Engine,
    rooms: Option<[f64; 2]>,
) -> Vec<Show> {
    use Wanted::{AtLeast, AtMost};
    let find = |row: &str, peer: &str| all.iter().find(|r| r.row.name == row && r.peer == peer);
    let ratio = |over: Option<&Runs>, under: Option<&Runs>| {
        let (over, under) = (over?.cost(), under?.cost());
        Some((over / under, format!("{over:.2} against {under:.2} µs a packet")))
    };
    let against = |row: &str| ratio(find(row, theirs), find(row, ours));
    let delay = |row: &str| {
        let ms = find(row, ours)?.delay_ms(990);
        Some((ms, format!("{ms:.2} ms")))
    };
    let share = find("opus-30", ours).and_then(|runs| runs.libopus);
    let late = find("hogs-40", ours).and_then(|runs| runs.late_us);
    let room = |at: usize, what: &str| rooms.map(|rooms| (rooms[at], what.to_owned()));
    let show = |what, wanted, seen| Show { what, wanted, seen };
    vec![
        show("relay, 500 calls of G.711: rtpengine / Belfry", AtLeast(3.0), against("relay-500")),
        show("the same, 100 calls", AtLeast(4.0), against("relay-100")),
        show(
            "relay + two-channel recording / plain relay",
            AtMost(1.15),
            ratio(find("record-500", ours), find("record-500", plain)),
        ),
        show("PCMA ↔ PCMU, 100 calls: rtpengine / Belfry", AtLeast(5.0), against("g711-100")),
        show("PCMA ↔ Opus 48 kHz: rtpengine / Belfry", AtLeast(1.5), against("opus-30")),
        show(
            "the same: libopus' share of our user time",
            AtLeast(0.85),
            share.map(|share| (share, "by perf".into())),
        ),
        show("a room of 100, G.711, 3 talk / relay", AtMost(1.3), room(0, "a packet")),
        show(
            "a room of 100, Opus, 3 talk: coded for each / once",
            AtLeast(8.0),
            room(1, "a second"),
        ),
        show(
            "a packet at 1,000 calls / at 100",
            AtMost(1.0),
            ratio(find("relay-1000", ours), find("relay-100", ours)),
        ),
        show("added delay under 50 calls, p99, ms", AtMost(2.0), delay("relay-40")),
        show("added delay at 500 calls, p99, ms", AtMost(6.0), delay("relay-500")),
        show(
            "99 of 100 turns begin, two busy programs beside, ms late",
            AtMost(0.5),
            late.map(|us| (us as f64 / 1e3, format!("within {us} µs"))),
        ),
        show(
            "memory asked for in 10,000 ticks",
            AtMost(0.0),
            Some((engine.allocations as f64, "times".into())),
        ),
        show(
            "a relayed call in the engine, kB",
            AtMost(24.0),
            Some((engine.bytes_a_call / 1_024.0, "counted by the allocator".into())),
        ),
    ]
}

/// Cost of a packet of a room over one of the relay, and of Opus coded for each over coded once, medians of
/// so many.
pub fn rooms(rounds: usize) -> io::Result<[f64; 2]> {
    let (mut g711, mut opus) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let cost = |load| measure(load, MEMBERS, ROOM_SPAN);
        let (relay, room) = (cost(Load::Relay)?, cost(Load::Room(Codec::Pcma))?);
        let (once, each) = (cost(Load::Room(Codec::Opus))?, cost(Load::Apart(Codec::Opus))?);
        g711.push(room.0 / relay.0);
        opus.push(each.1 / once.1);
    }
    Ok([g711, opus].map(|mut ratios| {
        ratios.sort_by(f64::total_cmp);
        ratios[ratios.len() / 2]
    }))
}

/// The table.
pub fn table(shows: &[Show]) -> String {
    let mut table = String::from("| What | Wanted | Seen | Of | |\n|---|---|---|---|---|\n");
    for Show { what, wanted, seen } in shows {
        let line = match seen {
            Some((figure, of)) => {
                let passed = if wanted.takes(*figure) { "passed" } else { "**missed**" };
                format!("{} | {figure:.2} | {of} | {passed}", wanted.text())
            }
            None => format!("{} | – | not run | ", wanted.text()),
        };
        let _ = writeln!(table, "| {what} | {line} |");
    }
    table
}

/// The same, and the rows, for programs.
pub fn as_json(shows: &[Show], all: &[Runs]) -> Value {
    let shows = shows.iter().map(|Show { what, wanted, seen }| {
        let figure = seen.as_ref().map(|(figure, _)| *figure);
        json!({
            "what": what,
            "wanted": wanted.text(),
            "seen": figure,
            "of": seen.as_ref().map(|(_, of)| of),
            "passed": figure.map(|figure| wanted.takes(figure)),
        })
    });
    let rows = all.iter().map(|runs| {
        json!({
            "row": runs.row.name,
            "load": runs.row.title(),
            "peer": runs.peer,
            "us_a_packet": runs.cost(),
            "rounds": runs.runs.iter().map(crate::figures::Run::cost).collect::<Vec<_>>(),
            "delay_ms": [runs.delay_ms(500), runs.delay_ms(990)],
            "bytes_a_call": runs.memory,
            "late_us": runs.late_us,
        })
    });
    json!({ "shows": shows.collect::<Vec<_>>(), "rows": rows.collect::<Vec<_>>() })
}
