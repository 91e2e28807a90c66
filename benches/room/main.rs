//! What a room costs, with real sockets on loopback: against plain relay for G.711, and against coding
//! for each member for Opus, in the same run.
//!
//! `cargo bench --bench room` (arguments: `--members 100 --seconds 4 --rounds 5`). All but three
//! members are silent. The cost is the worker thread's time on the CPU (user and system, from the
//! scheduler); loopback charges the receiver's part of the kernel to the sender, so take the ratios,
//! not the figures. Of several rounds, taken by turns, the median counts.

#![allow(clippy::disallowed_methods, reason = "a bench owns its sockets, threads and clocks")]

mod load;

use std::io::{self, Write};
use std::time::Duration;

use belfry::media::control::Codec;

use load::{Load, SPEAK, measure};

fn argument(name: &str, default: u64) -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() -> io::Result<()> {
    let members = argument("--members", 100);
    let span = Duration::from_secs(argument("--seconds", 4));
    let rounds = argument("--rounds", 5);
    let loads =
        [Load::Relay, Load::Room(Codec::Pcma), Load::Room(Codec::Opus), Load::Apart(Codec::Opus)];
    let mut all: [Vec<(f64, f64)>; 4] = Default::default();
    for _ in 0..rounds {
        for (load, costs) in loads.iter().zip(&mut all) {
            costs.push(measure(*load, members, span)?);
        }
    }
    let median = |costs: &mut Vec<(f64, f64)>| {
        costs.sort_by(|a, b| a.0.total_cmp(&b.0));
        costs[costs.len() / 2]
    };
    let [relay, room, opus, apart] = all.each_mut().map(median);
    let mut out = io::stdout().lock();
    writeln!(out, "{members} legs, {SPEAK} speak, median of {rounds}\n")?;
    writeln!(out, "| | CPU µs a packet | CPU ms/s | ratio |\n|---|---|---|---|")?;
    let line = |name: &str, (packet, second): (f64, f64), ratio: String| {
        format!("| {name} | {packet:.2} | {second:.1} | {ratio} |")
    };
    writeln!(out, "{}", line("relay, G.711", relay, "1".into()))?;
    let ratio = format!("{:.2} times the relay", room.0 / relay.0);
    writeln!(out, "{}", line("room, G.711", room, ratio))?;
    writeln!(out, "{}", line("room, Opus, coded for each", apart, "1".into()))?;
    // What is left without the packets themselves, which cost what G.711's cost.
    let sound = (apart.1 - room.1) / (opus.1 - room.1).max(0.1);
    let ratio = format!("{:.1} times less; {sound:.1} without the packets", apart.1 / opus.1);
    writeln!(out, "{}", line("room, Opus, coded once", opus, ratio))
}
