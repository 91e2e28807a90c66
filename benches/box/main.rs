//! The whole box: the real `belfry serve` and, where Debian's `rtpengine-daemon` is installed,
//! rtpengine in user space, on the same load in the same run.
//!
//! ```text
//!              core 0                                     core 1
//!   generator ── RTP, 20 ms, spread ──▶ belfry serve ──┐        one is loaded while the other rests,
//!       ▲  └──── the same ────────────▶ rtpengine ─────┤        by turns: A B A B …
//!       └──────────── what comes back, checked ────────┘
//! ```
//!
//! `cargo bench --bench box`; `-- --help` says how to have less. Belfry's calls are real ones: a gateway calls another through
//! the dialplan. Figures are medians over the rounds; the cost is the process's time on the CPUs, user
//! and system, by the packets that came back. Loopback charges the receiver's part of the kernel to
//! the sender, so take the ratios, not the figures. `docs/performance.md` holds the last table.

#![allow(clippy::disallowed_methods, reason = "a bench owns its sockets, processes and clocks")]

mod arguments;
mod belfry;
mod bencode;
mod engine;
mod figures;
mod generator;
mod process;
mod profile;
#[path = "../room/load.rs"]
mod room;
mod row;
mod rtpengine;
mod sdp;
mod shows;
mod sip;
mod sound;

use std::io::{self, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use ::belfry::engine::{pinning, pool};
use ::belfry::media::srtp::Keys;

use self::arguments::Plan;
use self::belfry::Belfry;
use self::figures::{HEAD, Run, Runs};
use self::generator::{Generator, Stream};
use self::process::{Program, load};
use self::profile::Profile;
use self::row::Row;
use self::rtpengine::RtpEngine;
use self::sound::Frames;

/// Before each measured span, so that ports are learned and buffers have their depth.
const WARM: Duration = Duration::from_millis(1_500);
/// The same where calls are recorded: a recording holds back what is younger than two seconds, writes the first piece
/// a second later, and after the other's turn, a gap in its streams, finds their clock anew within some seconds.
const WARM_RECORDED: Duration = Duration::from_secs(6);
/// Of a recording so much may not be in its file yet: the window, a piece, the disk thread's round.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// Of a recording in A-law, two channels.
const BYTES_A_SECOND: u64 = 16_000;
const OURS: &str = "Belfry";
/// The same under a load that is recorded, without the recording.
const PLAIN: &str = "Belfry, not recorded";
const THEIRS: &str = "rtpengine";
/// Peers' RTP ports begin here; each peer has an address of its own.
const FIRST_PORT: u16 = 10_000;

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
    let engine = engine::measure();
    let mut out: Box<dyn Write> = match plan.json {
        true => Box::new(io::sink()),
        false => Box::new(io::stdout().lock()),
    };
    // In a thread of its own, for what is started from here would inherit it.
    let real_time = std::thread::spawn(pinning::real_time).join();
    if let Ok(Err(error)) = real_time {
        writeln!(out, "the generator is not real time ({error}): delays are less exact\n")?;
    }
    let compared = rtpengine::installed();
    if let Err(why) = compared {
        writeln!(out, "{why}\n")?;
    }
    writeln!(out, "load average {} at the beginning\n\n{HEAD}", load()?)?;
    let (mut all, mut broken) = (Vec::new(), Vec::new());
    for row in &plan.rows {
        let row = Row { compared: row.compared && compared.is_ok(), ..*row };
        let mut peers = vec![Peer::ours(row, OURS, 1)?];
        if row.record {
            peers.push(Peer::ours(Row { record: false, ..row }, PLAIN, 7)?);
        }
        if row.compared {
            peers.push(Peer::theirs(row, theirs)?);
        }
        // Of all that are compared with each other.
        let warm = if row.record { WARM_RECORDED } else { WARM };
        let _hogs = row.hogs.then(|| Hogs::on(&cores));
        for _ in 0..plan.rounds {
            for peer in &mut peers {
                peer.round(ours, warm, plan.span)?;
            }
        }
        for peer in peers {
            let (runs, notes, fault) = peer.end(ours, warm, plan.span)?;
            broken.extend(fault);
            writeln!(out, "{}", figures::line(&runs))?;
            for note in notes {
                writeln!(out, "  {note}")?;
            }
            out.flush()?;
            all.push(runs);
        }
    }
    let rooms = if plan.rooms { Some(shows::rooms(plan.rounds)?) } else { None };
    let shows = shows::shows(&all, [OURS, PLAIN, THEIRS], &engine, rooms);
    writeln!(out, "\n{}", figures::ratios(&all, [OURS, PLAIN, THEIRS]))?;
    writeln!(out, "{}", shows::table(&shows))?;
    writeln!(out, "load average {} at the end", load()?)?;
    if plan.json {
        writeln!(io::stdout(), "{:#}", shows::as_json(&shows, &all))?;
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(io::Error::other(broken.join("; "))),
    }
}

/// One of the two, with its calls.
struct Peer {
    server: Server,
    generator: Generator,
    runs: Runs,
    /// Bytes resident before there were calls.
    empty: u64,
    _reports: Vec<UdpSocket>,
}

enum Server {
    Ours(Belfry),
    Theirs(RtpEngine),
}

impl Server {
    fn program(&self) -> &Program {
        match self {
            Server::Ours(belfry) => &belfry.program,
            Server::Theirs(rtpengine) => &rtpengine.program,
        }
    }
}

impl Peer {
    /// An appliance of ours at four addresses from number `first` on.
    fn ours(row: Row, name: &'static str, first: u8) -> io::Result<Peer> {
        let [own, a, b, parties] = [0, 1, 2, 3].map(|n| address(first + n));
        let belfry = Belfry::start(own, [a, b], &row)?;
        Peer::connect(Server::Ours(belfry), name, parties, row)
    }

    fn theirs(row: Row, core: usize) -> io::Result<Peer> {
        let rtpengine = RtpEngine::start(address(5), core)?;
        Peer::connect(Server::Theirs(rtpengine), THEIRS, address(6), row)
    }

    fn connect(
        mut server: Server,
        name: &'static str,
        parties: Ipv4Addr,
        row: Row,
    ) -> io::Result<Peer> {
        let empty = server.program().resident()?;
        let (mut streams, mut reports, mut rtp) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..2 * row.calls {
            let port = FIRST_PORT + 2 * number as u16;
            let (stream, report) = Stream::open(parties, port, row.speech[number % 2])?;
            rtp.push(stream.at()?);
            streams.push(stream);
            reports.push(report);
        }
        let ways = match &mut server {
            Server::Ours(belfry) => belfry.place(&rtp, &row)?,
            Server::Theirs(rtpengine) => rtpengine.place(&rtp, &row)?,
        };
        for (stream, (to, pt)) in streams.iter_mut().zip(ways) {
            stream.talk_to(to, pt)?;
        }
        if let Server::Ours(belfry) = &mut server
            && row.srtp
        {
            for (n, (stream, key)) in streams.iter_mut().zip(belfry.keys.drain(..)).enumerate() {
                let receive = key.ok_or_else(|| io::Error::other("a description without a key"))?;
                stream.protect(Keys { send: sdp::key(n), receive });
            }
        }
        let frames = Frames::new(row.relayed()).map_err(io::Error::other)?;
        let generator = Generator::new(streams, frames);
        let (memory, late_us, libopus) = (0.0, None, None);
        let runs = Runs { row, peer: name, runs: Vec::new(), memory, late_us, libopus };
        Ok(Peer { server, generator, runs, empty, _reports: reports })
    }

    fn round(&mut self, core: usize, warm: Duration, span: Duration) -> io::Result<()> {
        let program = self.server.program();
        let account = || program.spent();
        let (seen, before, after) = on(core, || self.generator.run(warm, span, account));
        self.runs.runs.push(Run { seen, cpu: after?.saturating_sub(before?) });
        Ok(())
    }

    /// Its figures, what else there is to say, and what makes them worthless.
    fn end(
        mut self,
        core: usize,
        warm: Duration,
        span: Duration,
    ) -> io::Result<(Runs, Vec<String>, Option<String>)> {
        let mut fault = None;
        let held = self.server.program().resident()?.saturating_sub(self.empty);
        self.runs.memory = held as f64 / self.runs.row.calls as f64;
        let mut notes = Vec::new();
        if !self.runs.row.relayed() {
            notes.push(format!("{:.1} kbit/s to the called", self.runs.rate_to_called()));
        }
        if let Server::Ours(belfry) = &self.server {
            // Where another was loaded by turns, its turns are among these.
            self.runs.late_us = belfry.figure("late_p99_us").filter(|_| self.runs.row.hogs);
            if let Some(late) = self.runs.late_us {
                notes.push(format!("99 of 100 turns begin within {late} µs of their time"));
            }
            if self.runs.row.record {
                let (files, bytes) = belfry.recordings();
                notes.push(format!("recorded: {files} files, {} MB", bytes >> 20));
                let dropped = belfry.figure("taps_dropped");
                fault = not_recorded(&self.runs, warm + span, files, bytes, dropped);
            }
            if self.runs.row.profiled {
                let file = belfry.file("profile");
                let profile = Profile::begin(belfry.program.id(), span, &file);
                on(core, || self.generator.run(Duration::ZERO, span + warm, || ()));
                let share = profile.map(|profile| profile.end(&file));
                self.runs.libopus = share.as_ref().and_then(|share| share.as_ref().ok()).copied();
                notes.push(match share {
                    Some(Ok(share)) => {
                        format!("of the user time {:.1} % in libopus", share * 100.0)
                    }
                    Some(Err(error)) => format!("no share of libopus: {error}"),
                    None => "no share of libopus: perf is not installed".into(),
                });
            }
        }
        Ok((self.runs, notes, fault))
    }
}

/// Why what was recorded is not what was said, if so: a file a call, of each all but what is still on its way.
fn not_recorded(
    runs: &Runs,
    round: Duration,
    files: usize,
    bytes: u64,
    dropped: Option<u64>,
) -> Option<String> {
    let talked = round * runs.runs.len() as u32;
    let least =
        talked.saturating_sub(ON_ITS_WAY).as_secs() * BYTES_A_SECOND * runs.row.calls as u64;
    let whole = files == runs.row.calls && dropped == Some(0) && bytes >= least;
    let dropped = dropped.map_or("an unknown number".into(), |dropped| dropped.to_string());
    (!whole).then(|| {
        format!(
            "{}: {files} files of {} calls, {bytes} bytes of at least {least}, {dropped} pieces dropped",
            runs.row.name, runs.row.calls
        )
    })
}

/// Threads that never rest.
struct Hogs(Arc<AtomicBool>);

impl Hogs {
    /// One on each of `cores`; they end with this.
    fn on(cores: &[usize]) -> Hogs {
        let stop = Arc::new(AtomicBool::new(false));
        for core in cores.iter().copied() {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let _ = pinning::pin(core);
                while !stop.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Hogs(stop)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Does it on `core`, before all that is not real time, where that is permitted.
fn on<T: Send>(core: usize, act: impl FnOnce() -> T + Send) -> T {
    let there = || {
        let _ = (pinning::pin(core), pinning::real_time());
        act()
    };
    std::thread::scope(|scope| scope.spawn(there).join()).expect("the generator does not panic")
}

/// Loopback addresses of this run's own.
fn address(n: u8) -> Ipv4Addr {
    let process = std::process::id();
    Ipv4Addr::new(127, (2 + (process / 250) % 250) as u8, (process % 250) as u8, n)
}
