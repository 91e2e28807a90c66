//! `belfry demo`: an appliance of its own on free loopback ports, and a real call through it.
//!
//! ```text
//!  caller ("gateway", 127.0.0.2) ──INVITE──▶ Belfry ──▶ menu: 1 ──▶ agent 1001 (127.0.0.3)
//!     440 Hz ─────────────────── talk, recorded in two channels ─────────────── 1000 Hz
//!  caller ◀── survey: 5 ── agent hangs up
//! ```
//!
//! Each step is checked as it happens, the audio too; what was written is read back afterwards.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use super::cli::{Demo, fail};
use super::serve::{Appliance, Source, records};
use crate::base::{CallId, Duration, Rng};
use crate::dsp::level::{dbm0, dominant_tone};
use crate::engine::clips::linear;
use crate::media::control::Codec;
use crate::media::negotiate::Protection;
use crate::sim::live::{Live, Which};
use crate::sim::phone::{Manner, Setup, State};
use crate::store::query::CallRecord;
use crate::wire::wav::{Spec, Wav};

/// The tones that caller and agent speak.
const CALLER_HZ: f64 = 440.0;
const AGENT_HZ: f64 = 1_000.0;
/// The number of the care line in the sample plan.
const CARE_LINE: &str = "4008001234";
/// The caller's answers: satisfied; the matter is solved.
const SATISFIED: char = '2';
const SOLVED: char = '1';
/// How long they talk.
const TALK: Duration = Duration::from_secs(3);
/// The longest wait for any one step.
const PATIENCE: Duration = Duration::from_secs(25);
/// Samples a millisecond.
const MS: usize = 8;

/// One step, as it was seen.
#[derive(Serialize)]
struct Step {
    name: &'static str,
    ok: bool,
    seen: String,
    ms: u64,
}

/// The whole, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    ok: bool,
    steps: Vec<Step>,
    recording: Option<PathBuf>,
    call: Option<serde_json::Value>,
    survey: Option<String>,
    data: PathBuf,
}

/// Runs the demo.
pub(super) fn main(args: Demo) -> ExitCode {
    let data = match &args.keep {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("belfry-demo-{}", std::process::id())),
    };
    let appliance = match Appliance::start(Source::Text { text: config(&data), name: "demo" }) {
        Ok(appliance) => appliance,
        Err(lines) => return fail(&lines),
    };
    let mut demo = Run {
        began: Instant::now(),
        quiet: args.json,
        steps: Vec::new(),
        live: Live::new(),
        appliance,
    };
    let call = demo.call();
    let Run { mut steps, appliance, live, quiet, began } = demo;
    drop(live);
    let report = appliance.stop("the demo is over", |runtime, database| {
        let record = call.and_then(|id| {
            let records = records(runtime, database).ok()?;
            runtime.block_on(records.call(id)).ok().flatten()
        });
        let mut written = Written { steps: &mut steps, quiet, began };
        call.and_then(|_| written.read_back(record, &data))
    });
    let (recording, call, survey) = report.unwrap_or_default();
    let ok = !steps.is_empty() && steps.iter().all(|step| step.ok);
    let report = Report { ok, steps, recording, call, survey, data };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        closing(&report);
    }
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn config(data: &Path) -> String {
    let data = data.display();
    // Free a moment ago; should another program take it meanwhile, the start says so.
    let free = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = free.map_or(5060, |at| at.port());
    format!(
        "[node]\nname = \"demo\"\ndata_dir = \"{data}\"\nlanguage = \"zh-CN\"\n\
         [sip]\nlisten = [\"udp:127.0.0.1:{port}\"]\ndomain = \"127.0.0.1\"\n\
         [media]\naddress = \"127.0.0.1\"\nports = \"20000-29999\"\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:127.0.0.2:5060\"\nping = \"0 s\"\n\
         [[phone]]\nnumber = \"1001\"\npassword = \"demo-1001\"\n\
         [[phone]]\nnumber = \"1002\"\npassword = \"demo-1002\"\n\
         [record]\nmax_disk = \"100 %\"\n[limits]\ncalls = 8\n[console]\nsocket = \"{data}/console.sock\"\n"
    )
}

struct Run {
    began: Instant,
    quiet: bool,
    steps: Vec<Step>,
    live: Live,
    appliance: Appliance,
}

fn say(
    steps: &mut Vec<Step>,
    quiet: bool,
    began: Instant,
    name: &'static str,
    ok: bool,
    seen: String,
) -> bool {
    let ms = began.elapsed().as_millis() as u64;
    if !quiet {
        println!(
            "{:>6.1} s  {}  {name}: {seen}",
            ms as f64 / 1000.0,
            if ok { "ok  " } else { "FAIL" }
        );
    }
    steps.push(Step { name, ok, seen, ms });
    ok
}

impl Run {
    fn step(&mut self, name: &'static str, ok: bool, seen: impl Into<String>) -> bool {
        say(&mut self.steps, self.quiet, self.began, name, ok, seen.into())
    }

    /// The call itself. Gives its id, or `None` at the first step that failed.
    fn call(&mut self) -> Option<CallId> {
        let (caller, agent) = self.phones()?;
        self.live.with(caller, |phone, now| phone.call(now, CARE_LINE));
        let answered = self.wait(caller, |phone| phone.state == State::Talking);
        self.step(
            "the gateway's call is answered by the menu",
            answered,
            format!("13800138000 → {CARE_LINE}"),
        )
        .then_some(())?;

        let heard = self.wait(caller, |phone| loudest(phone.ear.samples()) > -35.0);
        let level = self.live.with(caller, |phone, _| loudest(phone.ear.samples()));
        self.step(
            "the caller hears the menu's prompt",
            heard,
            format!("speech at {level:.0} dBm0"),
        )
        .then_some(())?;

        self.live.with(caller, |phone, now| phone.press_at(now, '1'));
        let rings =
            self.wait(agent, |phone| matches!(phone.state, State::Ringing | State::Talking));
        self.step("key 1 (telephone-event) rings the agent", rings, "phone 1001 rings")
            .then_some(())?;
        let talks = self.wait(agent, |phone| phone.state == State::Talking);
        self.step("the agent answers", talks, "phone 1001 is off hook").then_some(())?;
        self.talk(caller, agent)?;

        let id = self.appliance.calls().into_iter().next();
        self.live.with(caller, |phone, _| phone.ear.forget());
        self.live.with(agent, |phone, now| phone.hang_up(now));
        let on = self.wait(caller, |phone| loudest(phone.ear.samples()) > -35.0);
        self.step(
            "the agent hangs up, the caller hears the survey",
            on,
            "the caller's leg goes on",
        )
        .then_some(())?;
        self.live.with(caller, |phone, now| {
            phone.press_at(now + Duration::from_millis(300), SATISFIED);
            phone.press_at(now + Duration::from_millis(1_500), SOLVED);
        });
        let over = self.wait(caller, |phone| matches!(phone.state, State::Ended(_)));
        let seen = format!("keys {SATISFIED} and {SOLVED}; Belfry ends the call");
        self.step("the survey takes the caller's answers and says goodbye", over, seen)
            .then_some(())?;
        id
    }

    fn phones(&mut self) -> Option<(Which, Which)> {
        let server = self.appliance.sip();
        let phone = |ip: &str, number: &str, password: Option<&str>, hz| Setup {
            sip: format!("{ip}:0").parse().expect("an address"),
            rtp: format!("{ip}:0").parse().expect("an address"),
            server,
            number: number.into(),
            password: password.map(Into::into),
            hz,
            codecs: vec![Codec::Pcma],
            srtp: Protection::Off,
            manner: Manner::AnswerAfter(Duration::from_millis(800)),
        };
        let agent = self
            .live
            .add(phone("127.0.0.3", "1001", Some("demo-1001"), AGENT_HZ), Rng::from_seed(2))
            .ok()?;
        let caller = self
            .live
            .add(phone("127.0.0.2", "13800138000", None, CALLER_HZ), Rng::from_seed(1))
            .ok()?;
        self.live.with(agent, |phone, now| phone.register(now));
        let done = self.wait(agent, |phone| phone.registered.is_some());
        let status = self.live.with(agent, |phone, _| phone.registered);
        let ok = done && status == Some(200);
        self.step("the agent's phone registers", ok, format!("1001: {}", status.unwrap_or(0)))
            .then_some(())?;
        Some((caller, agent))
    }

    /// They talk; each must hear the other's tone and nothing else.
    fn talk(&mut self, caller: Which, agent: Which) -> Option<()> {
        std::thread::sleep(Duration::from_millis(500));
        for which in [caller, agent] {
            self.live.with(which, |phone, _| phone.ear.forget());
        }
        std::thread::sleep(TALK);
        let mut ok = true;
        for (which, hz, name) in [
            (agent, CALLER_HZ, "the agent hears the caller"),
            (caller, AGENT_HZ, "the caller hears the agent"),
        ] {
            let samples = self.live.with(which, |phone, _| phone.ear.samples().to_vec());
            let (heard, share) = tone(&samples);
            let good = heard == hz && share > 0.9;
            ok &= self.step(
                name,
                good,
                format!("{heard:.0} Hz, {:.1} % of the blocks", share * 100.0),
            );
        }
        ok.then_some(())
    }

    fn wait(&self, which: Which, done: impl FnMut(&mut crate::sim::phone::Phone) -> bool) -> bool {
        self.live.wait(which, PATIENCE, done)
    }
}

/// What was written, read back.
struct Written<'a> {
    steps: &'a mut Vec<Step>,
    quiet: bool,
    began: Instant,
}

type Found = (Option<PathBuf>, Option<serde_json::Value>, Option<String>);

impl Written<'_> {
    fn step(&mut self, name: &'static str, ok: bool, seen: impl Into<String>) -> bool {
        say(self.steps, self.quiet, self.began, name, ok, seen.into())
    }

    fn read_back(&mut self, record: Option<CallRecord>, data: &Path) -> Option<Found> {
        let Some(call) = record else {
            self.step("the call record", false, "there is none");
            return None;
        };
        let json = serde_json::to_value(&call.call).ok();
        let talk_ms = call.call.talk_ms.unwrap_or(0);
        let seen = format!(
            "{} → {}, answered by {}, {} legs, {talk_ms} ms of talk",
            call.call.caller,
            call.call.dialled,
            call.call.agent.as_deref().unwrap_or("nobody"),
            call.legs.len()
        );
        let good = talk_ms >= 3_000
            && call.call.ended.is_some()
            && call.call.agent.as_deref() == Some("1001");
        self.step("the call record", good, seen);
        let answers: Vec<String> =
            call.answers.iter().map(|a| format!("{} = {}", a.question, a.key)).collect();
        let wanted = [format!("satisfaction = {SATISFIED}"), format!("solved = {SOLVED}")];
        let answer = answers.join(", ");
        self.step("the survey's answers", answers == wanted, answer.clone());
        let path =
            call.recordings.first().map(|recording| data.join("recordings").join(&recording.path));
        match &path {
            Some(path) => self.recording(path),
            None => self.step("the recording", false, not_recorded(&call)),
        };
        Some((path, json, Some(answer)))
    }

    fn recording(&mut self, path: &Path) -> bool {
        let (left, right) = match channels(path) {
            Ok(channels) => channels,
            Err(error) => {
                return self.step("the recording", false, format!("{}: {error}", path.display()));
            }
        };
        // The first and last half second: ringing of the doorbell kind, and the agent's goodbye.
        let talk = |samples: &[i16]| {
            samples.get(500 * MS..samples.len().saturating_sub(500 * MS)).map_or((0.0, 0.0), tone)
        };
        let (l, r) = (talk(&left), talk(&right));
        let good = l.0 == CALLER_HZ
            && r.0 == AGENT_HZ
            && l.1 > 0.95
            && r.1 > 0.95
            && left.len() == right.len();
        let seen = format!(
            "{:.1} s; left {:.0} Hz ({:.1} %), right {:.0} Hz ({:.1} %)",
            left.len() as f64 / 8_000.0,
            l.0,
            l.1 * 100.0,
            r.0,
            r.1 * 100.0
        );
        self.step("the recording's two channels", good, seen)
    }
}

/// Why a call has no recording, as its record says it.
fn not_recorded(call: &CallRecord) -> String {
    match call.fields.iter().find(|field| field.name == "not recorded") {
        Some(field) => format!("there is none: {}", field.value),
        None => "there is none".to_owned(),
    }
}

/// Left and right channel of a recording.
fn channels(path: &Path) -> Result<(Vec<i16>, Vec<i16>), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let wav = Wav::parse(&bytes).map_err(|e| e.to_string())?;
    let Spec { format, channels: 2, .. } = wav.spec else {
        return Err(format!("{} channels", wav.spec.channels));
    };
    let samples = linear(format, bytes.get(wav.data_offset..).unwrap_or_default());
    Ok(samples.chunks_exact(2).map(|frame| (frame[0], frame[1])).unzip())
}

/// How much of a block's power the tone has at least. A recording that catches up with a stream which
/// began late leaves out a sample now and then: such a step in the middle of a block leaves 0.85.
const PURE: f64 = 0.8;

/// The one of our tones that stands out in most blocks of 25 ms, and in what share of them it does
/// so purely. Block by block, since a busy machine shifts the tone's phase now and then.
fn tone(samples: &[i16]) -> (f64, f64) {
    let blocks = || samples.chunks_exact(25 * MS);
    let pure = |hz: f64| {
        let heard = blocks().filter_map(|block| dominant_tone(block, &[CALLER_HZ, AGENT_HZ]));
        let pure = heard.filter(|d| d.hz == hz && d.share > PURE).count();
        pure as f64 / blocks().len().max(1) as f64
    };
    let (caller, agent) = (pure(CALLER_HZ), pure(AGENT_HZ));
    if caller >= agent { (CALLER_HZ, caller) } else { (AGENT_HZ, agent) }
}

/// The level of the loudest 100 ms, in dBm0.
fn loudest(samples: &[i16]) -> f64 {
    samples.chunks(100 * MS).map(dbm0).fold(-90.0, f64::max)
}

fn closing(report: &Report) {
    println!();
    if let Some(path) = &report.recording {
        println!("recording     {}", path.display());
    }
    if let Some(call) = &report.call {
        println!("call record   {call}");
    }
    if let Some(answer) = &report.survey {
        println!("survey        {answer}");
    }
    println!("data          {}", report.data.display());
    println!("{}", if report.ok { "all steps verified" } else { "NOT all steps verified" });
}
