//! Signalling: the real `belfry serve` on one core, calls and registrations from the other. Where
//! Debian's `kamailio` is installed, it carries the same calls as a stateful proxy: the floor, for a
//! proxy opens no ports, keeps no record and makes no second leg.
//!
//! ```text
//!        core 0                                core 1
//!   caller ── INVITE ACK BYE ──▶ belfry serve or kamailio ── INVITE ACK BYE ──▶ callee ─┐
//!     ▲  └── 100 180 200 200 ──┘                        └── 180 200 200 ────────────────┤
//!     └─────────────────────────── both in one thread, paced ───────────────────────────┘
//! ```
//!
//! `cargo bench --bench sip`; `-- --help` says how to have less. No audio flows, but Belfry opens the
//! ports for it and writes every call's record into its database. The cost is the process's time on the
//! CPUs, user and system, all threads. `docs/performance.md` holds the last table.

#![allow(clippy::disallowed_methods, reason = "a bench owns its sockets, processes and clocks")]

mod calls;
mod digest;
mod kamailio;
mod message;
#[path = "../box/process.rs"]
mod process;
mod registrations;
mod server;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use belfry::engine::{pinning, pool};

use self::calls::{Calls, Load};
use self::registrations::Registrations;
use self::server::{Server, Wanted};

/// What is measured, in this order.
const ROWS: [&str; 5] = ["cost", "rate", "register", "memory", "flat"];
/// How long transactions outlive their call (RFC 3261 §17, 64·T1 and 5 s), and a little more.
const LINGER: Duration = Duration::from_secs(40);
/// Before what is measured: allocators, tables and the database have their size.
const WARM: Duration = Duration::from_secs(3);

fn main() -> io::Result<()> {
    let plan = match Plan::of(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(said) => {
            writeln!(io::stderr(), "{said}")?;
            std::process::exit(2);
        }
    };
    let cores = pinning::cores();
    let [ours, theirs, ..] = cores[..] else {
        return Err(io::Error::other("two cores are needed: one for the generator"));
    };
    pool::raise_file_limit();
    let bench = Bench { plan, core: theirs };
    writeln!(io::stdout(), "load average {} at the beginning\n", process::load()?)?;
    for row in bench.plan.rows.clone() {
        // What is started from here inherits the core that it is started on.
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _ = pinning::pin(ours);
                    match row {
                        "cost" => bench.cost(),
                        "rate" => bench.rate(),
                        "register" => bench.register(),
                        "memory" => bench.memory(),
                        _ => bench.flat(),
                    }
                })
                .join()
                .expect("a row does not panic")
        })?;
    }
    writeln!(io::stdout(), "\nload average {} at the end", process::load()?)
}

/// What is run, and where.
struct Bench {
    plan: Plan,
    /// The server's core.
    core: usize,
}

impl Bench {
    fn belfry(&self, wanted: Wanted) -> io::Result<Server> {
        Server::belfry(self.core, &self.plan.binary, addresses(1), wanted)
    }

    /// CPU time a call, at two rates, beside Kamailio.
    fn cost(&self) -> io::Result<()> {
        for rate in self.plan.rates.clone() {
            let mut belfry = self.belfry(Wanted::CALLS)?;
            self.cost_of("Belfry", &mut belfry, rate)?;
            drop(belfry);
            if self.plan.alone {
                continue;
            }
            match kamailio::start(self.core, addresses(4)) {
                Ok(mut kamailio) => self.cost_of("Kamailio (proxy)", &mut kamailio, rate)?,
                Err(why) => writeln!(io::stdout(), "{why}")?,
            }
        }
        Ok(())
    }

    fn cost_of(&self, name: &str, server: &mut Server, rate: u32) -> io::Result<()> {
        let mut calls = Calls::new(server)?;
        calls.run(&Load { rate, span: WARM, stay: Duration::from_millis(50) })?;
        let before = server.spent()?;
        let seen =
            calls.run(&Load { rate, span: self.plan.span, stay: Duration::from_millis(50) })?;
        let spent = server.spent()?.saturating_sub(before);
        let each = spent.as_secs_f64() * 1e6 / seen.ended as f64;
        writeln!(
            io::stdout(),
            "cost: {name} at {rate} calls/s: {each:.0} µs of CPU a call; {}",
            seen.story()
        )?;
        self.threads(server)
    }

    /// 1,000 calls a second on one core.
    fn rate(&self) -> io::Result<()> {
        let rate = 1_000;
        let mut belfry = self.belfry(Wanted::CALLS)?;
        let mut calls = Calls::new(&belfry)?;
        calls.run(&Load { rate: 200, span: WARM, stay: Duration::from_millis(50) })?;
        let before = belfry.spent()?;
        let load = Load {
            rate,
            span: self.plan.span.max(self.plan.long),
            stay: Duration::from_millis(50),
        };
        let seen = calls.run(&load)?;
        let spent = belfry.spent()?.saturating_sub(before);
        let busy = 100.0 * spent.as_secs_f64() / seen.took.as_secs_f64();
        let each = spent.as_secs_f64() * 1e6 / seen.ended as f64;
        writeln!(
            io::stdout(),
            "rate: {rate} calls/s for {:.0} s on one core: {busy:.0} % of it, {each:.0} µs a call; {}",
            seen.took.as_secs_f64(),
            seen.story()
        )?;
        self.threads(&mut belfry)
    }

    /// 10,000 phones, 100 refreshes a second.
    fn register(&self) -> io::Result<()> {
        let (phones, rate) = (10_000, 100);
        let belfry = self.belfry(Wanted { phones })?;
        let mut registrations = Registrations::new(&belfry, phones)?;
        let empty = belfry.resident()?;
        registrations.all()?;
        let held = belfry.resident()?.saturating_sub(empty);
        let idle = self.idle(&belfry)?;
        let before = belfry.spent()?;
        let refreshed = registrations.refresh(rate, self.plan.span.max(self.plan.long / 2))?;
        let spent = belfry.spent()?.saturating_sub(before);
        let busy = 100.0 * spent.as_secs_f64() / refreshed.took.as_secs_f64();
        writeln!(
            io::stdout(),
            "register: {phones} phones, {rate} refreshes/s: {busy:.2} % of a core ({idle:.2} % without any), \
             {:.0} µs each; {} of {} refreshed, {} repeated; {:.1} kB a phone",
            spent.as_secs_f64() * 1e6 / refreshed.done as f64,
            refreshed.done,
            refreshed.asked,
            refreshed.repeated,
            held as f64 / 1_000.0 / f64::from(phones),
        )
    }

    /// How much of a core it takes with nothing to do.
    fn idle(&self, server: &Server) -> io::Result<f64> {
        std::thread::sleep(Duration::from_secs(2));
        let before = server.spent()?;
        std::thread::sleep(Duration::from_secs(5));
        Ok(100.0 * server.spent()?.saturating_sub(before).as_secs_f64() / 5.0)
    }

    /// Memory of calls that are up, once their transactions are over.
    fn memory(&self) -> io::Result<()> {
        let belfry = self.belfry(Wanted::CALLS)?;
        let mut calls = Calls::new(&belfry)?;
        // A crowd that has been and gone: what pools and tables keep for it is not the calls' own.
        calls.run(&Load { rate: 200, span: Duration::from_secs(2), stay: Duration::ZERO })?;
        std::thread::sleep(LINGER);
        let mut last: Option<(u32, u64)> = None;
        for up in [500, 1_200, 1_900] {
            calls.hold(up, 200)?;
            let fresh = belfry.resident()?;
            calls.rest(LINGER)?;
            let now = belfry.resident()?;
            if let Some((count, before)) = last {
                let each = (now as f64 - before as f64) / f64::from(up - count) / 1_000.0;
                let of_fresh = (fresh as f64 - before as f64) / f64::from(up - count) / 1_000.0;
                writeln!(
                    io::stdout(),
                    "memory: from {count} to {up} calls up: {each:.1} kB a call (media leg pair and all), \
                     {of_fresh:.1} kB while their transactions last"
                )?;
            }
            last = Some((up, now));
        }
        Ok(())
    }

    /// Memory after many calls.
    fn flat(&self) -> io::Result<()> {
        let belfry = self.belfry(Wanted::CALLS)?;
        let mut calls = Calls::new(&belfry)?;
        let (part, rate) = (self.plan.calls / 5, 500);
        for n in 1..=5 {
            let span = Duration::from_secs_f64(f64::from(part) / f64::from(rate));
            let seen = calls.run(&Load { rate, span, stay: Duration::from_millis(50) })?;
            let mb = belfry.resident()? as f64 / 1e6;
            writeln!(
                io::stdout(),
                "flat: {:.1} MB after {} calls; {}",
                mb,
                n * part,
                seen.story()
            )?;
        }
        calls.rest(LINGER)?;
        writeln!(io::stdout(), "flat: {:.1} MB at rest", belfry.resident()? as f64 / 1e6)
    }

    /// Which of its threads the time went to, since its start.
    fn threads(&self, server: &mut Server) -> io::Result<()> {
        writeln!(io::stdout(), "  {}", server.threads()?)?;
        if !server.alive() {
            return Err(io::Error::other(format!("it has ended:\n{}", server.log())));
        }
        Ok(())
    }
}

/// Three loopback addresses of this run's own: the server's, the caller's, the callee's.
fn addresses(first: u8) -> [Ipv4Addr; 3] {
    let process = std::process::id();
    let (a, b) = ((2 + (process / 250) % 250) as u8, (process % 250) as u8);
    [0, 1, 2].map(|n| Ipv4Addr::new(127, a, b, first + n))
}

/// What the command line asks for.
struct Plan {
    rows: Vec<&'static str>,
    /// At how many calls a second a cost is measured.
    rates: Vec<u32>,
    /// Without Kamailio.
    alone: bool,
    /// How long a cost is measured.
    span: Duration,
    /// How long the rate is held.
    long: Duration,
    /// How many calls memory is to stay flat over.
    calls: u32,
    /// The appliance's program.
    binary: PathBuf,
}

impl Plan {
    fn of(mut arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
        let mut plan = Plan {
            rows: ROWS.to_vec(),
            rates: vec![100, 500],
            alone: false,
            span: Duration::from_secs(20),
            long: Duration::from_secs(60),
            calls: 100_000,
            binary: env!("CARGO_BIN_EXE_belfry").into(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{HELP}"));
            match argument.as_str() {
                "--rows" => {
                    let wanted = value()?;
                    let row = |name: &str| ROWS.iter().find(|row| **row == name).copied();
                    let rows = wanted.split(',').map(row).collect::<Option<_>>();
                    plan.rows = rows.ok_or(format!("rows are {ROWS:?}\n{HELP}"))?;
                }
                "--seconds" => {
                    let seconds = value()?.parse().map_err(|_| HELP.to_owned())?;
                    plan.span = Duration::from_secs(seconds);
                    plan.long = plan.span;
                }
                "--rates" => {
                    let rates = value()?.split(',').map(str::parse).collect::<Result<_, _>>();
                    plan.rates = rates.map_err(|_| HELP.to_owned())?;
                }
                "--alone" => plan.alone = true,
                "--calls" => plan.calls = value()?.parse().map_err(|_| HELP.to_owned())?,
                "--binary" => plan.binary = value()?.into(),
                // Cargo's own.
                "--bench" => {}
                _ => return Err(HELP.to_owned()),
            }
        }
        Ok(plan)
    }
}

const HELP: &str = "cargo bench --bench sip -- [--rows NAME,…] [--rates N,…] [--alone] [--seconds N] [--calls N] [--binary PATH]\n\
     --rows     some of: cost, rate, register, memory, flat\n\
     --rates    calls a second of the row cost (100,500)\n\
     --alone    without Kamailio\n\
     --seconds  how long each is measured (20; the rate 60, registrations 30)\n\
     --calls    over how many calls memory is to stay flat (100000)\n\
     --binary   another program, such as one of before a change";
