//! Figures for Prometheus (text format 0.0.4): `belfry console -e metrics`, and `/metrics` over HTTP.
//!
//! ```text
//!  facts, as they are written ─▶ Tally: sums since the start ─┐
//!  the switch, asked: calls, gateways, agents, queues ────────┼─▶ text
//!  workers, sockets, journal, disk, this process ─────────────┘
//! ```
//!
//! No number of a caller, agent or subscriber is in it: what watches a machine need not know who calls.
//! Names of gateways, queues and workers are.

use std::fmt::{Display, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use super::certificates;
use super::copies::Reads;
use super::orders::Operator;
use crate::config::Config;
use crate::engine::disk::space::space;
use crate::record::retention::Space;
use crate::switch::console::{AgentRow, GatewayRow, Held, QueueRow, Status};
use crate::switch::fact::{AlarmWhat, Fact, FactKind, Sound};
use crate::switch::{Reply, Request};

/// Bounds of the ranges that opinion scores are counted by, in hundredths.
const MOS: [u64; 7] = [200, 250, 300, 350, 380, 400, 420];
/// Bounds of the ranges of jitter, microseconds.
const JITTER_US: [u64; 6] = [5_000, 10_000, 20_000, 40_000, 80_000, 160_000];
/// Q.850's causes are of seven bits.
const CAUSES: usize = 128;
/// Files of a folder whose sizes are summed up at most.
const MOST_FILES: usize = 10_000;
/// Microseconds of a second, and milliseconds.
const MICROS: f64 = 1e6;
const MILLIS: f64 = 1e3;

/// Values counted by ranges, with their sum.
struct Ranges<const N: usize> {
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Ranges<N> {
    fn new() -> Ranges<N> {
        Ranges {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }
    fn note(&self, bounds: &[u64; N], value: u64) {
        let range = bounds.iter().position(|bound| value <= *bound);
        range.map_or(&self.above, |n| &self.counts[n]).fetch_add(1, Relaxed);
        self.sum.fetch_add(value, Relaxed);
    }
}

/// What facts come to since the start. Written by the switch's thread, which never waits for it.
pub(super) struct Tally {
    causes: [AtomicU64; CAUSES],
    talk_ms: AtomicU64,
    mos: Ranges<{ MOS.len() }>,
    jitter: Ranges<{ JITTER_US.len() }>,
    received: AtomicU64,
    lost: AtomicU64,
    late: AtomicU64,
    foreign: AtomicU64,
    silent: AtomicU64,
    one_way: AtomicU64,
    recordings: AtomicU64,
    recorded_ms: AtomicU64,
    faulty: AtomicU64,
    failed_log_ins: AtomicU64,
    /// Raised since the start, and raised now.
    alarms: [(AtomicU64, AtomicI64); AlarmWhat::ALL.len()],
}

impl Tally {
    pub(super) fn new() -> Tally {
        let zero = || AtomicU64::new(0);
        Tally {
            causes: std::array::from_fn(|_| AtomicU64::new(0)),
            talk_ms: zero(),
            mos: Ranges::new(),
            jitter: Ranges::new(),
            received: zero(),
            lost: zero(),
            late: zero(),
            foreign: zero(),
            silent: zero(),
            one_way: zero(),
            recordings: zero(),
            recorded_ms: zero(),
            faulty: zero(),
            failed_log_ins: zero(),
            alarms: std::array::from_fn(|_| (AtomicU64::new(0), AtomicI64::new(0))),
        }
    }

    /// A fact is being written.
    pub(super) fn take(&self, fact: &Fact) {
        let add = |sum: &AtomicU64, more: u64| {
            sum.fetch_add(more, Relaxed);
        };
        match &fact.kind {
            FactKind::CallEnded { cause, talk_ms, .. } => {
                add(&self.causes[usize::from(*cause) % CAUSES], 1);
                add(&self.talk_ms, *talk_ms);
            }
            FactKind::LegEnded { sound: Some(sound), .. } => self.sound(sound),
            FactKind::NoRtp { one_way, .. } => {
                add(&self.silent, 1);
                add(&self.one_way, u64::from(*one_way));
            }
            FactKind::RecordingEnded { ms, fault, .. } => {
                add(&self.recordings, 1);
                add(&self.recorded_ms, *ms);
                add(&self.faulty, u64::from(!fault.is_empty()));
            }
            FactKind::PhoneRefused { .. } => add(&self.failed_log_ins, 1),
            FactKind::Alarm { what, raised, .. } => {
                let nth = AlarmWhat::ALL.iter().position(|known| known == what);
                let Some((total, now)) = nth.map(|nth| &self.alarms[nth]) else { return };
                match raised {
                    true => {
                        add(total, 1);
                        now.fetch_add(1, Relaxed);
                    }
                    // One that was raised before the start may end after it.
                    false => drop(now.fetch_update(Relaxed, Relaxed, |n| Some((n - 1).max(0)))),
                }
            }
            _ => {}
        }
    }

    fn sound(&self, sound: &Sound) {
        if let Some(mos) = sound.mos {
            self.mos.note(&MOS, u64::from(mos));
        }
        if sound.packets_received > 0 {
            self.jitter.note(&JITTER_US, u64::from(sound.jitter_max_us));
        }
        self.received.fetch_add(sound.packets_received, Relaxed);
        self.lost.fetch_add(sound.packets_lost, Relaxed);
        self.late.fetch_add(sound.packets_late, Relaxed);
        self.foreign.fetch_add(sound.packets_foreign + sound.packets_forged, Relaxed);
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, about: &str) {
        let _ = writeln!(self.0, "# HELP belfry_{name} {about}\n# TYPE belfry_{name} {kind}");
    }
    fn row(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let escaped =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "belfry_{name}{labels} {value}");
    }
    /// What goes up and down.
    fn gauge(&mut self, name: &str, about: &str, value: impl Display) {
        self.family(name, "gauge", about);
        self.row(name, &[], value);
    }
    /// What only grows.
    fn counter(&mut self, name: &str, about: &str, value: impl Display) {
        self.family(name, "counter", about);
        self.row(name, &[], value);
    }
    /// One figure of several things, each by its name.
    fn each<'r, T: 'r, V: Display>(
        &mut self,
        (name, kind, about): (&str, &str, &str),
        label: &str,
        rows: impl IntoIterator<Item = &'r T>,
        of: impl Fn(&T) -> Option<(String, V)>,
    ) {
        self.family(name, kind, about);
        for (which, value) in rows.into_iter().filter_map(of) {
            self.row(name, &[(label, &which)], value);
        }
    }
    fn ranges<const N: usize>(
        &mut self,
        name: &str,
        about: &str,
        ranges: &Ranges<N>,
        bounds: &[u64; N],
        unit: f64,
    ) {
        self.family(name, "histogram", about);
        let mut so_far = 0;
        for (bound, count) in bounds.iter().zip(&ranges.counts) {
            so_far += count.load(Relaxed);
            let le = (*bound as f64 / unit).to_string();
            self.row(&format!("{name}_bucket"), &[("le", &le)], so_far);
        }
        so_far += ranges.above.load(Relaxed);
        self.row(&format!("{name}_bucket"), &[("le", "+Inf")], so_far);
        self.row(&format!("{name}_sum"), &[], ranges.sum.load(Relaxed) as f64 / unit);
        self.row(&format!("{name}_count"), &[], so_far);
    }
}

/// All figures at this moment. An exchange that does not answer is waited for once: a scrape has ten seconds.
pub(super) fn text(operator: &Operator) -> String {
    let mut page = Page::default();
    let version = env!("CARGO_PKG_VERSION");
    page.family("info", "gauge", "The version that runs.");
    page.row("info", &[("version", version)], 1);
    let records = operator.config().record.enabled;
    let held = asked(&mut page, records, |request| operator.ask_if_room(request));
    memory(&mut page, operator, held);
    tally(&mut page, &operator.figures.tally);
    workers(&mut page, operator);
    sockets(&mut page, operator);
    journal(&mut page, operator);
    machine(&mut page, operator);
    page.0
}

/// What the switch itself says, as far as it answers, and what it holds. `records`: whether calls are to be recorded at
/// all.
fn asked(
    page: &mut Page,
    records: bool,
    mut ask: impl FnMut(Request) -> Option<Reply>,
) -> Vec<Held> {
    let Some(Reply::Status(status)) = ask(Request::Status) else {
        page.gauge("up", "Whether the exchange answers.", 0);
        return Vec::new();
    };
    page.gauge("up", "Whether the exchange answers.", 1);
    exchange(page, &status, records);
    for request in [Request::Gateways, Request::Agents, Request::Queues] {
        match ask(request) {
            Some(Reply::Gateways(rows)) => gateways(page, &rows),
            Some(Reply::Agents(rows)) => agents(page, &rows),
            Some(Reply::Queues(rows)) => queues(page, &rows),
            // One that hangs since answers the others no more.
            None => break,
            Some(_) => {}
        }
    }
    status.held
}

/// `records`: whether calls are to be recorded at all.
fn exchange(page: &mut Page, status: &Status, records: bool) {
    page.gauge("uptime_seconds", "Since the start.", status.uptime_s);
    page.gauge("calls", "Calls in being.", status.calls);
    page.gauge("legs", "Legs in being.", status.legs);
    page.counter("calls_total", "Calls since the start.", status.calls_total);
    page.counter("calls_refused_total", "Calls refused because of a limit.", status.calls_refused);
    page.gauge("registrations", "Devices registered.", status.registered);
    page.gauge("sip_transactions", "SIP transactions in being.", status.transactions);
    page.gauge("recordings", "Recordings whose files are not whole yet.", status.recordings);
    let refusing = u8::from(status.refusing.is_some());
    page.gauge("refusing_calls", "Whether new calls are refused now.", refusing);
    let mute = u8::from(records && status.not_recording.is_some());
    page.gauge(
        "not_recording",
        "Whether no recording begins now, though calls are to be recorded.",
        mute,
    );
    page.counter(
        "recorder_sessions_failed_total",
        "Sessions with recorders outside that failed.",
        status.outside_failed,
    );
}

fn gateways(page: &mut Page, rows: &[GatewayRow]) {
    let up = ("gateway_up", "gauge", "Whether it is not known to be down.");
    page.each(up, "gateway", rows, |g| Some((g.name.clone(), u8::from(g.health != "down"))));
    let serves = ("gateway_in_service", "gauge", "Whether it takes calls both ways.");
    page.each(serves, "gateway", rows, |g| {
        Some((g.name.clone(), u8::from(g.service == "in service")))
    });
    let busy = ("gateway_channels_busy", "gauge", "Channels in use.");
    page.each(busy, "gateway", rows, |g| Some((g.name.clone(), g.busy)));
    let all = ("gateway_channels", "gauge", "Channels in all.");
    page.each(all, "gateway", rows, |g| Some((g.name.clone(), g.channels)));
}

fn agents(page: &mut Page, rows: &[AgentRow]) {
    page.family("agents", "gauge", "Agents by state.");
    // `break 2`: the code behind a state would make it another.
    let state = |row: &AgentRow| {
        row.state.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned()
    };
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for usual in ["signed out", "ready", "ringing", "talking", "after-call work", "break"] {
        counts.insert(usual.into(), 0);
    }
    rows.iter().for_each(|row| *counts.entry(state(row)).or_default() += 1);
    for (state, count) in counts {
        page.row("agents", &[("state", &state)], count);
    }
}

fn queues(page: &mut Page, rows: &[QueueRow]) {
    let mut gauge = |name: &str, about: &str, of: &dyn Fn(&QueueRow) -> Option<f64>| {
        page.each((name, "gauge", about), "queue", rows, |q| Some((q.name.clone(), of(q)?)));
    };
    let seconds = |ms: u64| ms as f64 / MILLIS;
    gauge("queue_waiting", "Callers who wait.", &|q| Some((q.waiting + q.offered) as f64));
    gauge("queue_longest_wait_seconds", "The longest wait now.", &|q| Some(seconds(q.longest_ms)));
    gauge("queue_agents_signed_in", "Agents signed in.", &|q| Some(q.signed_in as f64));
    gauge("queue_agents_working", "Agents at work.", &|q| Some(q.working as f64));
    gauge("queue_agents_ready", "Agents who could take a caller.", &|q| Some(q.ready as f64));
    gauge("queue_expected_wait_seconds", "What one who came now would wait.", &|q| {
        q.expected_ms.map(seconds)
    });
    gauge("queue_entered_today", "Callers who came in since midnight.", &|q| {
        Some(q.today.entered as f64)
    });
    gauge("queue_answered_today", "Calls answered since midnight.", &|q| {
        Some(q.today.answered as f64)
    });
    gauge("queue_abandoned_today", "Callers who hung up while they waited.", &|q| {
        Some(q.today.abandoned as f64)
    });
    gauge("queue_service_level", "The day's service level, 1 being all.", &|q| {
        q.today.service_level
    });
}

fn tally(page: &mut Page, tally: &Tally) {
    let read = |sum: &AtomicU64| sum.load(Relaxed);
    page.family("calls_ended_total", "counter", "Calls that ended, by Q.850 cause.");
    for (cause, count) in tally.causes.iter().enumerate().filter(|(_, count)| read(count) > 0) {
        page.row("calls_ended_total", &[("cause", &cause.to_string())], read(count));
    }
    page.counter("talk_seconds_total", "Time talked.", read(&tally.talk_ms) as f64 / MILLIS);
    page.ranges(
        "leg_mos",
        "What came of legs, by the E-model (ITU-T G.107).",
        &tally.mos,
        &MOS,
        100.0,
    );
    let jitter = "The worst jitter of legs (RFC 3550).";
    page.ranges("leg_jitter_seconds", jitter, &tally.jitter, &JITTER_US, MICROS);
    let counts = [
        ("rtp_packets_total", "Packets that came, of legs that ended.", &tally.received),
        ("rtp_packets_lost_total", "Packets that never came.", &tally.lost),
        ("rtp_packets_late_total", "Packets that came too late.", &tally.late),
        ("rtp_packets_foreign_total", "Packets of strangers, dropped.", &tally.foreign),
        ("legs_silent_total", "Legs that sent no audio for three seconds.", &tally.silent),
        (
            "legs_one_way_total",
            "Of them those in whose call somebody else was heard.",
            &tally.one_way,
        ),
        ("recordings_total", "Recordings that ended.", &tally.recordings),
        ("recordings_faulty_total", "Of them those that are not whole.", &tally.faulty),
    ];
    for (name, about, count) in counts {
        page.counter(name, about, read(count));
    }
    page.counter(
        "recorded_seconds_total",
        "Time recorded.",
        read(&tally.recorded_ms) as f64 / MILLIS,
    );
    page.counter(
        "log_ins_refused_total",
        "Wrong passwords of phones.",
        read(&tally.failed_log_ins),
    );
    alarms(page, tally);
}

fn alarms(page: &mut Page, tally: &Tally) {
    page.family("alarm", "gauge", "Alarms that are raised now.");
    for (what, (_, now)) in AlarmWhat::ALL.iter().zip(&tally.alarms) {
        page.row("alarm", &[("alarm", what.as_str())], now.load(Relaxed));
    }
    page.family("alarms_total", "counter", "Alarms raised since the start.");
    for (what, (total, _)) in AlarmWhat::ALL.iter().zip(&tally.alarms) {
        page.row("alarms_total", &[("alarm", what.as_str())], total.load(Relaxed));
    }
}

fn workers(page: &mut Page, operator: &Operator) {
    let rows = operator.figures.workers.rows();
    let mut of =
        |name: &str, kind: &str, about: &str, of: &dyn Fn(&crate::engine::WorkerRow) -> f64| {
            page.each((name, kind, about), "worker", &rows, |w| Some((w.name.clone(), of(w))));
        };
    of("worker_legs", "gauge", "Legs.", &|w| w.legs as f64);
    of("worker_received_total", "counter", "Datagrams received.", &|w| w.received as f64);
    of("worker_sent_total", "counter", "Datagrams sent.", &|w| w.sent as f64);
    of("worker_kernel_drops_total", "counter", "Datagrams that the kernel dropped.", &|w| {
        w.kernel_drops as f64
    });
    of("worker_send_errors_total", "counter", "Datagrams that the kernel refused.", &|w| {
        w.send_errors as f64
    });
    of("worker_late_ticks_total", "counter", "Ticks more than 10 ms late.", &|w| {
        w.late_ticks as f64
    });
    of("worker_late_p99_seconds", "gauge", "99 of 100 turns begin at most so late.", &|w| {
        w.late_p99_us as f64 / MICROS
    });
    of("worker_taps_dropped_total", "counter", "Recorded blocks that were dropped.", &|w| {
        w.taps_dropped as f64
    });
}

fn sockets(page: &mut Page, operator: &Operator) {
    let now = operator.figures.sip.now();
    page.gauge("sip_connections", "Connections over TCP, TLS and WebSocket.", now.connections);
    page.counter("sip_messages_received_total", "SIP messages received.", now.received);
    page.counter("sip_messages_sent_total", "SIP messages sent.", now.sent);
    page.counter("sip_messages_bad_total", "Messages that did not parse.", now.bad);
    page.counter(
        "sip_messages_dropped_total",
        "Messages dropped, the exchange being full.",
        now.dropped,
    );
    page.counter("sip_banned_total", "Datagrams and connections of who is banned.", now.banned);
    page.counter("sip_connections_refused_total", "Connections refused.", now.refused);
}

fn journal(page: &mut Page, operator: &Operator) {
    let health = operator.figures.journal.health();
    page.gauge(
        "journal_accepting",
        "Whether facts can be written down.",
        u8::from(health.accepting),
    );
    page.gauge(
        "database_away",
        "Whether the database cannot be had.",
        u8::from(health.database_away),
    );
    page.gauge("journal_not_durable", "Facts not on the disk yet.", health.not_durable);
    page.gauge("journal_not_applied", "Facts not in the database yet.", health.not_applied);
    page.gauge("journal_backlog_bytes", "Bytes not in the database yet.", health.backlog_bytes);
    page.counter("journal_lost_total", "Facts that were never written down.", health.lost);
}

/// Memory by subsystem, from what each counts of itself: which of them grows. `switch`: what the exchange holds.
fn memory(page: &mut Page, operator: &Operator, switch: Vec<Held>) {
    let figures = &operator.figures;
    let mut all: Vec<(String, u64)> =
        figures.workers.held().map(|(name, bytes)| (name.to_owned(), bytes)).into();
    all.push(("journal".into(), figures.journal.held()));
    all.extend(figures.trace.as_ref().map(|trace| ("trace".to_owned(), trace.held())));
    all.extend(switch.into_iter().map(|held| (held.subsystem, held.bytes)));
    held(page, &all);
}

fn held(page: &mut Page, all: &[(String, u64)]) {
    let about = "Memory by subsystem, by the sizes of what each holds, without texts, codecs and what the allocator adds.";
    page.each(("memory_bytes", "gauge", about), "subsystem", all, |(name, bytes)| {
        Some((name.clone(), *bytes))
    });
}

/// Disk, certificates and this process.
fn machine(page: &mut Page, operator: &Operator) {
    let config = operator.config();
    disks(page, &config);
    stored(page, &config);
    let (material, _) = certificates::read(&config, "", &Reads::of_disk());
    let until =
        |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|t| t.as_secs());
    let ends = ("certificate_end_seconds", "gauge", "When a certificate ends, seconds since 1970.");
    page.each(ends, "file", &material.identities, |id| {
        Some((id.chain.display().to_string(), until(id.facts.until)?))
    });
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let status = read("status");
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    if let Some(kib) = number("VmRSS:") {
        page.gauge("memory_resident_bytes", "Memory in RAM.", kib * 1_024);
    }
    if let Some(threads) = number("Threads:") {
        page.gauge("threads", "Threads.", threads);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        page.gauge("open_files", "Files and sockets.", open.count());
    }
}

/// Each disk once, by what it holds: the one of the journal refuses calls when it is full.
fn disks(page: &mut Page, config: &Config) {
    let (data, database) = (&config.node.data_dir, config.database());
    let all = [
        ("recordings", config.recordings_dir()),
        ("journal", data.clone()),
        ("database", database.parent().unwrap_or(data).to_owned()),
    ];
    let mut disks: Vec<(u64, String, Space)> = Vec::new();
    for (holds, dir) in all {
        let (Ok(meta), Ok(space)) = (std::fs::metadata(&dir), space(&dir)) else { continue };
        match disks.iter_mut().find(|(id, ..)| *id == meta.dev()) {
            Some((_, all, _)) => *all = format!("{all}, {holds}"),
            None => disks.push((meta.dev(), holds.to_owned(), space)),
        }
    }
    let size = ("disk_bytes", "gauge", "A disk, by what of Belfry's it holds.");
    page.each(size, "holds", &disks, |(_, holds, space)| Some((holds.clone(), space.total)));
    let used = ("disk_used_bytes", "gauge", "What of it is in use.");
    page.each(used, "holds", &disks, |(_, holds, space)| Some((holds.clone(), space.used)));
}

/// Bytes on the disk by subsystem; recordings are too many to be counted at each scrape.
fn stored(page: &mut Page, config: &Config) {
    let (data, database) = (&config.node.data_dir, config.database());
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let within = |dir: &Path| -> u64 {
        let entries = std::fs::read_dir(dir).into_iter().flatten().take(MOST_FILES);
        entries.flatten().filter_map(|e| e.metadata().ok()).map(|meta| meta.len()).sum()
    };
    let beside = |end: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        size(Path::new(&name))
    };
    let all = [
        ("journal", within(&data.join("journal"))),
        ("database", beside("") + beside("-wal") + beside("-shm")),
        ("trace", within(&data.join("trace"))),
        ("reports", within(&data.join("reports"))),
    ];
    let about = "Bytes on the disk, by subsystem; of recordings the disk itself says it.";
    let of = ("stored_bytes", "gauge", about);
    page.each(of, "subsystem", &all, |(name, bytes)| Some(((*name).to_owned(), *bytes)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId, RecordingId, Wall};
    use crate::switch::fact::EndedBy;

    const LISTEN: &str = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n";

    fn fact(kind: FactKind) -> Fact {
        Fact { seq: 1, wall: Wall(1), kind }
    }

    #[test]
    fn facts_come_to_figures() {
        let (tally, call) = (Tally::new(), CallId::new(Wall(1), 1));
        let ended = |cause| FactKind::CallEnded {
            call,
            cause,
            by: EndedBy::Caller,
            total_ms: 9_000,
            talk_ms: 1_500,
        };
        [16, 16, 17].iter().for_each(|cause| tally.take(&fact(ended(*cause))));
        let sound = |mos| Sound {
            packets_received: 50,
            packets_lost: 2,
            jitter_max_us: 7_000,
            mos: Some(mos),
            ..Sound::default()
        };
        for mos in [441, 391, 150] {
            tally.take(&fact(FactKind::LegEnded {
                call,
                leg: LegId(1),
                cause: 16,
                status: 0,
                by: EndedBy::Caller,
                ring_ms: 0,
                talk_ms: 0,
                busy_ms: None,
                sound: Some(sound(mos)),
            }));
        }
        let recording = RecordingId(1);
        let fault = "the disk was full".to_owned();
        tally.take(&fact(FactKind::RecordingEnded { call, recording, samples: 8, ms: 1, fault }));
        let alarm = |raised| FactKind::Alarm {
            what: AlarmWhat::DatabaseAway,
            raised,
            detail: String::new(),
            call: None,
        };
        // One more end than beginnings: the first was raised before the start.
        [false, true, true, false].iter().for_each(|raised| tally.take(&fact(alarm(*raised))));
        let mut page = Page::default();
        super::tally(&mut page, &tally);
        let has = |line: &str| assert!(page.0.lines().any(|l| l == line), "{line}\n{}", page.0);
        has("belfry_calls_ended_total{cause=\"16\"} 2");
        has("belfry_calls_ended_total{cause=\"17\"} 1");
        has("belfry_talk_seconds_total 4.5");
        has("belfry_leg_mos_bucket{le=\"2\"} 1");
        has("belfry_leg_mos_bucket{le=\"4\"} 2");
        has("belfry_leg_mos_bucket{le=\"+Inf\"} 3");
        has("belfry_leg_jitter_seconds_bucket{le=\"0.01\"} 3");
        has("belfry_rtp_packets_lost_total 6");
        has("belfry_recordings_faulty_total 1");
        has("belfry_alarm{alarm=\"database_away\"} 1");
        has("belfry_alarms_total{alarm=\"database_away\"} 2");
    }

    /// `belfry_up` has to arrive within a scrape's ten seconds, and each question may take three.
    #[test]
    fn an_exchange_that_does_not_answer_is_asked_once() {
        let mut asked = 0;
        let mut page = Page::default();
        super::asked(&mut page, true, |_| {
            asked += 1;
            None
        });
        assert_eq!(asked, 1);
        assert!(page.0.lines().any(|line| line == "belfry_up 0"), "{}", page.0);
    }

    #[test]
    fn disks_are_told_once_each_and_bytes_by_subsystem() {
        let dir = tempfile::tempdir().unwrap();
        let text = format!("[node]\ndata_dir = \"{}\"\n", dir.path().display());
        let config = Config::parse(&format!("{text}{LISTEN}")).unwrap().0;
        std::fs::create_dir_all(dir.path().join("journal")).unwrap();
        std::fs::write(dir.path().join("journal/1"), [0; 70]).unwrap();
        std::fs::write(dir.path().join("belfry.db"), [0; 50]).unwrap();
        std::fs::write(dir.path().join("belfry.db-wal"), [0; 7]).unwrap();
        let mut page = Page::default();
        disks(&mut page, &config);
        stored(&mut page, &config);
        let lines = |start: &str| page.0.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("belfry_disk_bytes{holds=\"journal, database\"}"), 1, "{}", page.0);
        assert!(page.0.contains("belfry_stored_bytes{subsystem=\"journal\"} 70"), "{}", page.0);
        assert!(page.0.contains("belfry_stored_bytes{subsystem=\"database\"} 57"), "{}", page.0);
        std::fs::create_dir_all(dir.path().join("recordings")).unwrap();
        let mut page = Page::default();
        disks(&mut page, &config);
        assert!(page.0.contains("{holds=\"recordings, journal, database\"}"), "{}", page.0);
    }

    /// Which subsystem grows is to be seen beside what the process takes in all.
    #[test]
    fn memory_is_told_by_subsystem() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "node": "n", "uptime_s": 1, "calls": 0, "legs": 0, "calls_total": 0, "calls_refused": 0, "recordings": 0,
            "registered": 0, "transactions": 0, "records_away": false, "recorders": [], "outside_failed": 0,
            "held": [{ "subsystem": "registrar", "bytes": 7_000 }],
        }))
        .unwrap();
        let mut page = Page::default();
        let mut status = Some(status);
        let held = super::asked(&mut page, true, |_| status.take().map(Reply::Status));
        let all: Vec<(String, u64)> =
            held.into_iter().map(|one| (one.subsystem, one.bytes)).collect();
        super::held(&mut page, &all);
        assert!(page.0.contains("belfry_memory_bytes{subsystem=\"registrar\"} 7000"), "{}", page.0);
    }

    /// Whoever renames a figure renames it there too.
    #[test]
    fn the_rules_and_the_dashboard_ask_for_figures_that_there_are() {
        let own = include_str!("metrics.rs");
        let files = [
            include_str!("../../packaging/watch/belfry.rules.yml"),
            include_str!("../../packaging/watch/belfry-grafana.json"),
        ];
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let mut seen = 0;
        for text in files {
            for (at, _) in text.match_indices("belfry_") {
                let name: String = text[at + 7..].chars().take_while(|c| is_name(*c)).collect();
                let parts = ["_bucket", "_count", "_sum"];
                let name = parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(&name);
                assert!(own.contains(&format!("\"{name}\"")), "belfry_{name}");
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn a_name_cannot_break_out_of_its_label() {
        let mut page = Page::default();
        page.row("x", &[("name", "a\"b\\c\nd")], 1);
        assert_eq!(page.0, "belfry_x{name=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
