//! The switch alone: messages in, outputs out; the test plays gateways, ports and disk.

use std::sync::Arc;

use super::fact::{AlarmWhat, EndedBy, FactKind};
use super::*;
use crate::base::Duration;
use crate::dialplan::{File, LoadEnv};
use crate::media::control::{self, Event, LegStats};
use crate::sip::{AgentConfig, Limits};
use crate::wire::dns::Question;
use crate::wire::sip::{Method, Name};

const BELFRY: &str = "10.0.0.1:5060";
/// Gateways.
const A: &str = "10.0.0.2:5060";
const B: &str = "10.0.0.3:5060";
const C: &str = "10.0.0.4:5060";
/// Somebody.
const STRANGER: &str = "10.9.9.9:5060";

const PLAN: &str = r#"
[[route]]
name = "out"
context = "gateway"
when = { to = "1" }
steps = [{ dial = { gateway = ["e1-b", "e1-c"], number = "5" } }]
[[route]]
name = "recorded"
context = "gateway"
when = { to = "2" }
steps = [{ answer = {} }, { record = "on" }, { wait = "60 s" }]
[[route]]
name = "echo"
context = "gateway"
when = { to = "8" }
steps = [{ echo = { time = "5 s", stop-on = "9" } }, { echo = "5 s" }, { wait = "60 s" }]
[[route]]
name = "trunk"
context = "gateway"
when = { to = "3" }
steps = [{ dial = { gateway = "pstn", number = "5" } }]
[[route]]
name = "provider"
context = "gateway"
when = { to = "4" }
steps = [{ dial = { gateway = "e1-a", number = "5" } }]
[[route]]
name = "answered first"
context = "gateway"
when = { to = "6" }
steps = [{ answer = {} }, { dial = { gateway = "pstn", number = "5" } }]
[[route]]
name = "unmarked emergency"
context = "gateway"
when = { to = "9119" }
steps = [{ dial = { gateway = "pstn", number = "119" } }]
[[route]]
name = "emergency"
context = "gateway"
when = { to = "110" }
steps = [{ dial = { gateway = "e1-b", number = "110", emergency = true } }]
[[route]]
name = "abroad by a gateway"
context = "gateway"
when = { to = "7" }
steps = [{ dial = { gateway = "e1-c", number = "0037060112345" } }]
[[route]]
name = "a phone abroad"
context = "agents"
when = { to = "0037060112345" }
steps = [{ dial = { gateway = "e1-b", number = "0037060112345" } }]
[[route]]
name = "a phone out"
context = "agents"
when = { to = "8" }
steps = [{ dial = { gateway = "e1-b", number = "8" } }]
[[route]]
name = "a phone"
context = "gateway"
when = { to = "1002" }
steps = [{ dial = { phones = "1002" } }]
[[route]]
name = "a phone's emergency"
context = "agents"
when = { to = "110" }
steps = [{ dial = { gateway = "e1-b", number = "110" } }]
[[route]]
name = "a home is called"
context = "care-unit"
steps = [{ wait = "60 s" }]
[[route]]
name = "is reminded"
context = "care-reminder"
steps = [{ wait = "60 s" }]
[service.crm]
url = "https://crm.example"
[[route]]
name = "asks a program"
context = "gateway"
when = { to = "66" }
steps = ["answer", { http = { service = "crm", timeout = "10 s", music = "nowhere" } }]
"#;

mod answers;
mod busy_hour;
pub(crate) mod day;
mod early;
mod elsewhere;
mod fort;
mod gateways;
mod handed;
mod names;
mod numbers;
mod odd_peers;
mod queues;
mod registering;
mod sent_on;
mod watching;

struct Rig {
    switch: Switch,
    now: Time,
    /// What was sent: whereto, what.
    sent: Vec<(String, Message)>,
    facts: Vec<FactKind>,
    media: Vec<control::Command<String>>,
    disk: Vec<DiskCommand>,
    log: Vec<String>,
    /// What the DNS was asked.
    asked: Vec<Question>,
    gates: Vec<Gate>,
    invites: u32,
}

fn config(limits: &str) -> Config {
    let gateway = |name: &str, at: &str| {
        format!(
            "[[gateway]]\nname = \"{name}\"\naddress = \"udp:{at}\"\nchannels = 2\nping = \"0 s\"\n"
        )
    };
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n[media]\naddress = \"10.0.0.1\"\n\
         {limits}\n{}{}{}[[phone]]\nnumber = \"1001\"\npassword = \"secret\"\n",
        gateway("e1-a", A),
        gateway("e1-b", B),
        gateway("e1-c", C)
    );
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}

fn plan(zone: TimeZone) -> Arc<Plan> {
    let file = File { path: "plan.toml", text: PLAN };
    let env = LoadEnv {
        gateways: Some(["e1-a", "e1-b", "e1-c", "pstn"].map(str::to_owned).into()),
        zone,
        ..LoadEnv::default()
    };
    Arc::new(Plan::load(&[file], &env).unwrap_or_else(|f| panic!("{f:#?}")).plan)
}

impl Rig {
    fn new(limits: &str) -> Rig {
        let setup = Setup {
            config: config(limits),
            plan: plan(TimeZone::UTC),
            listening: vec![(Transport::Udp, BELFRY.parse().expect("an address"))],
            workers: 1,
            last_fact: 0,
            zone: TimeZone::UTC,
            rng: Rng::from_seed(1),
            keys: KeySource::from_seed([1; 32]),
            fingerprint: None,
        };
        let now = Now { at: Time::ZERO, wall: Wall(0) };
        let mut rig = Rig {
            switch: Switch::new(setup, now),
            now: Time::ZERO,
            sent: Vec::new(),
            facts: Vec::new(),
            media: Vec::new(),
            disk: Vec::new(),
            log: Vec::new(),
            asked: Vec::new(),
            gates: Vec::new(),
            invites: 0,
        };
        rig.drain();
        rig
    }

    fn input(&mut self, input: Input) {
        let now = Now { at: self.now, wall: Wall(self.now.as_millis() as i64) };
        self.switch.handle(now, input);
        self.drain();
    }

    /// Ports open and close at once; all else is kept.
    fn drain(&mut self) {
        while let Some(output) = self.switch.poll_output() {
            match output {
                Output::Sip(flow, message) => self.sent.push((flow.remote.to_string(), message)),
                Output::Fact(fact) => self.facts.push(fact.kind),
                Output::Disk(command) => self.disk.push(command),
                Output::Log(_, text) => self.log.push(text),
                Output::Reply(..)
                | Output::Located { .. }
                | Output::Lookup(..)
                | Output::Sheet(_)
                | Output::Names(_)
                | Output::Dialog { .. }
                | Output::Tracing(_)
                | Output::Traced(..)
                | Output::Recorded { .. }
                | Output::Forgotten(_) => {}
                Output::Dns(question) => self.asked.push(question),
                Output::Gate(gate) => self.gates.push(gate),
                Output::Media(command) => {
                    let event = match &command {
                        control::Command::Open { leg, .. } => {
                            let rtp = "10.0.0.1:16384".parse().expect("an address");
                            Some(Event::Opened { leg: *leg, rtp })
                        }
                        control::Command::Close { leg } => {
                            Some(Event::Closed { leg: *leg, stats: LegStats::default() })
                        }
                        _ => None,
                    };
                    self.media.push(command);
                    if let Some(event) = event {
                        self.input(Input::Media(event));
                    }
                }
            }
        }
    }

    fn flow(from: &str) -> Flow {
        let at = |text: &str| text.parse().expect("an address");
        Flow { transport: Transport::Udp, local: at(BELFRY), remote: at(from) }
    }

    fn receive(&mut self, from: &str, text: &str) {
        let message = Message::parse(text.as_bytes()).expect("a message");
        self.input(Input::Sip(Rig::flow(from), message));
    }

    /// An INVITE of somebody at `at`, who says that he is `user`; its number.
    fn invite(&mut self, at: &str, user: &str, to: &str) -> u32 {
        self.invites += 1;
        let n = self.invites;
        let sdp = "v=0\r\no=a 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";
        let text = format!(
            "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{n}\r\n\
             From: <sip:{user}10.0.0.2>;tag={n}\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: c{n}\r\n\
             CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{at}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.receive(at, &text);
        n
    }

    /// `at` answers an INVITE that it got.
    fn answer(&mut self, at: &str, invite: &Message, status: u16, more: &str) {
        let line = |name: Name, tag: &str| {
            let value = String::from_utf8_lossy(invite.header(name).unwrap_or_default());
            format!("{}: {value}{tag}\r\n", name.as_str())
        };
        let text = format!(
            "SIP/2.0 {status} X\r\n{}{}{}{}{}{more}Content-Length: 0\r\n\r\n",
            line(Name::Via, ""),
            line(Name::From, ""),
            line(Name::To, ";tag=gw"),
            line(Name::CallId, ""),
            line(Name::CSeq, ""),
        );
        self.receive(at, &text);
    }

    /// `at` accepts an INVITE that it got, as an AudioCodes gateway does.
    fn accept(&mut self, at: &str, invite: &Message) {
        self.progress(at, invite, 200);
    }

    /// `at` answers an INVITE with a description.
    fn progress(&mut self, at: &str, invite: &Message, status: u16) {
        let sdp = "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 10.0.0.3\r\ns=Phone-Call\r\n\
                   c=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\n\
                   a=ptime:20\r\na=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";
        let text = |name: Name| {
            String::from_utf8_lossy(invite.header(name).unwrap_or_default()).into_owned()
        };
        let answer = format!(
            "SIP/2.0 {status} OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=gw\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:{at}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            text(Name::Via),
            text(Name::From),
            text(Name::To),
            text(Name::CallId),
            text(Name::CSeq),
            sdp.len()
        );
        self.receive(at, &answer);
    }

    /// The caller hangs up before the answer.
    fn cancel(&mut self, at: &str, n: u32, to: &str) {
        let text = format!(
            "CANCEL sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{n}\r\n\
             From: <sip:10.0.0.2>;tag={n}\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: c{n}\r\n\
             CSeq: 1 CANCEL\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        self.receive(at, &text);
    }

    /// Lets time pass.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.switch.next_wake().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Wake);
        }
        self.now = end;
    }

    /// The INVITEs that went to `to`.
    fn invites_to(&self, to: &str) -> Vec<&Message> {
        let sent = self.sent.iter().filter(|(at, m)| at == to && *m.method() == Method::Invite);
        sent.map(|(_, message)| message).filter(|m| m.is_request()).collect()
    }
    /// The final statuses that went to `to`.
    fn finals_to(&self, to: &str) -> Vec<u16> {
        let sent = self.sent.iter().filter(|(at, _)| at == to);
        sent.filter_map(|(_, m)| m.status()).filter(|status| *status >= 200).collect()
    }
    fn facts(&self, name: &str) -> Vec<&FactKind> {
        self.facts.iter().filter(|fact| fact.name() == name).collect()
    }
    /// Alarms: what, and raised or cleared.
    fn alarms(&self) -> Vec<(AlarmWhat, bool)> {
        let alarm = |fact: &FactKind| match fact {
            FactKind::Alarm { what, raised, .. } => Some((*what, *raised)),
            _ => None,
        };
        self.facts.iter().filter_map(alarm).collect()
    }
}

#[test]
fn a_caller_without_a_number_makes_a_request_that_can_be_read() {
    let mut rig = Rig::new("");
    rig.invite(A, "", "1");
    let invite = rig.invites_to(B)[0].clone();
    let again = Message::parse(invite.bytes()).expect("a message");
    let from = again.from().expect("a From");
    assert_eq!(from.uri.to_string(), "sip:anonymous@anonymous.invalid");
    assert_eq!(again.check(), Ok(()));
    assert_eq!(again.header(Name::Contact), Some(&b"<sip:10.0.0.1:5060>"[..]));
}

#[test]
fn an_invite_that_cannot_be_sent_leaves_nothing_behind() {
    let mut rig = Rig::new("");
    let limits = Limits { sessions: 1, ..Limits::default() };
    let agent = AgentConfig { limits, ..AgentConfig::default() };
    rig.switch.agent = Agent::new(agent, Rng::from_seed(2));
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(B).len() + rig.invites_to(C).len(), 0);
    assert_eq!(rig.finals_to(A), [503]);
    assert_eq!((rig.switch.calls.len(), rig.switch.legs.len()), (0, 0));
    assert!(rig.switch.gateways.iter().all(|gateway| gateway.busy == 0));
    assert_eq!(rig.facts("leg_ended").len(), 3, "the caller's and two that were tried");
}

#[test]
fn a_recording_that_cannot_be_asked_for_holds_no_call() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "2");
    let opened = rig.disk.iter().find_map(|command| match command {
        DiskCommand::Open { recording, .. } => Some(*recording),
        _ => None,
    });
    let recording = opened.expect("it is recorded");
    let why = "the disk is behind".to_owned();
    rig.input(Input::Disk(DiskEvent::NotOpened { recording, why: why.clone() }));
    assert!(rig.media.contains(&control::Command::StopRecord { recording }));
    let ended = rig.facts("recording_ended");
    assert!(
        matches!(ended[..], [FactKind::RecordingEnded { samples: 0, fault, .. }] if *fault == why),
        "{ended:?}"
    );
    assert_eq!(rig.alarms(), [(AlarmWhat::RecordingFailed, true)]);
    assert_eq!(rig.switch.calls.len(), 1, "the call goes on");
    rig.input(Input::EndCalls);
    assert_eq!((rig.switch.calls.len(), rig.switch.recordings.len()), (0, 0));
    assert_eq!(rig.facts("recording_ended").len(), 1);
}

/// R5: the name says for its whole life whether a recording is encrypted.
#[test]
fn a_recording_that_is_to_be_encrypted_has_another_name_from_its_beginning() {
    for (more, ending) in [("", ".wav"), ("encrypt = true\nkey_file = \"/k\"\n", ".wav.enc")] {
        let mut rig = Rig::new(&format!("[record]\n{more}"));
        rig.invite(A, "5@", "2");
        let opened = rig.disk.iter().find_map(|command| match command {
            DiskCommand::Open { path, .. } => Some(path.clone()),
            _ => None,
        });
        let path = opened.expect("it is recorded");
        assert_eq!(path.split_once('.').map(|(_, rest)| rest), ending.strip_prefix('.'));
        let began = rig.facts("recording_began");
        assert!(
            matches!(began[..], [FactKind::RecordingBegan { path: told, .. }] if *told == path),
            "{began:?}"
        );
    }
}

/// R3: music that is missing leaves nobody in silence who waits for a program's answer.
#[test]
fn who_waits_for_an_answer_without_music_hears_the_ringing_tone() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "66");
    rig.run(Duration::from_secs(2));
    let played = |rig: &Rig| {
        rig.media.iter().rev().find_map(|command| match command {
            control::Command::Play { leg, play, items, .. } => Some((*leg, *play, items.clone())),
            _ => None,
        })
    };
    let (leg, play, items) = played(&rig).expect("music");
    assert_eq!(items, [control::Item::Clip("music/nowhere".into())]);
    let end = control::PlayEnd::Missing("music/nowhere".into());
    rig.input(Input::Media(Event::PlayDone { leg, play, end }));
    let (_, _, items) = played(&rig).expect("something");
    assert!(matches!(items[..], [control::Item::Tone(_)]), "{items:?}");
}

#[test]
fn an_echo_ends_by_its_key_and_by_its_time() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "8");
    let leg = *rig.switch.legs.keys().next().expect("the caller");
    let echo = control::Command::Bridge { a: leg, b: leg };
    let over = control::Command::Unbridge { leg };
    let told = |rig: &mut Rig| -> Vec<_> {
        let of_echo = |c: &control::Command<String>| *c == echo || *c == over;
        rig.media.drain(..).filter(of_echo).collect()
    };
    assert_eq!(told(&mut rig), std::slice::from_ref(&echo));
    for digit in ['1', '9'] {
        rig.input(Input::Media(Event::Digit {
            leg,
            digit,
            by: control::DigitBy::Rfc4733,
            held: false,
        }));
    }
    assert_eq!(told(&mut rig), [over.clone(), echo.clone()], "by its key, and the next one begins");
    rig.run(Duration::from_secs(6));
    assert_eq!(told(&mut rig), std::slice::from_ref(&over), "by its time");
}

#[test]
fn a_disk_that_hangs_takes_the_place_of_no_call() {
    let mut rig = Rig::new("[limits]\ncalls = 1");
    rig.invite(A, "5@", "2");
    let recording = *rig
        .switch
        .calls
        .values()
        .next()
        .and_then(|a| a.recording.as_ref())
        .map(|r| &r.id)
        .expect("it is recorded");
    rig.input(Input::EndCalls);
    assert_eq!(rig.facts("call_ended").len(), 1, "though its file is not closed");
    assert_eq!(rig.facts("recording_ended").len(), 0);
    rig.invite(A, "5@", "2");
    assert_eq!(rig.switch.calls.len(), 1);
    assert_eq!(rig.facts("call_refused").len(), 0);
    let fault = Some("its last 80 samples are missing".to_owned());
    rig.input(Input::Disk(DiskEvent::Closed { recording, samples: 8_000, fault: fault.clone() }));
    let ended = rig.facts("recording_ended");
    let [FactKind::RecordingEnded { ms: 1_000, fault: told, .. }] = &ended[..] else {
        panic!("{ended:?}");
    };
    assert_eq!(Some(told), fault.as_ref());
}

#[test]
fn the_status_says_why_nothing_is_recorded() {
    let mut rig = Rig::new("");
    let why = |rig: &mut Rig| match rig.switch.console(
        Now { at: rig.now, wall: Wall(0) },
        RequestId(0),
        Request::Status,
    ) {
        Some(Reply::Status(status)) => status.not_recording,
        other => panic!("{other:?}"),
    };
    assert_eq!(why(&mut rig), None);
    let level = |full, used_percent| DiskEvent::Level { full, used_percent, max_percent: 90 };
    rig.input(Input::Disk(level(true, 93)));
    assert_eq!(why(&mut rig).as_deref(), Some("the disk is 93 % full, [record] max_disk is 90 %"));
    rig.invite(A, "5@", "2");
    assert_eq!(rig.facts("recording_began").len(), 0);
    rig.input(Input::Disk(level(false, 80)));
    assert_eq!(why(&mut rig), None);
}

#[test]
fn strangers_keep_nobodys_calls_out() {
    let mut rig = Rig::new("[limits]\ncalls_per_second = 2");
    for n in 0..100 {
        rig.invite(STRANGER, "1001@", &format!("{n}"));
    }
    let mut answers = rig.finals_to(STRANGER);
    answers.sort_unstable();
    assert_eq!((answers[..4].to_vec(), answers[4], answers.len()), (vec![401; 4], 503, 100));
    let call = rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(B).len(), 1, "a gateway's call comes in");
    rig.cancel(A, call, "1");
    // A flood of refusals is few records and one alarm.
    assert_eq!(rig.facts("call_refused").len(), 5);
    assert_eq!(rig.alarms(), [(AlarmWhat::Overload, true)]);
    assert_eq!(rig.switch.count.refused, 96);
}

#[test]
fn an_emergency_call_passes_the_limits() {
    for (limits, full) in
        [("calls = 1", false), ("calls_per_second = 1", false), ("calls = 50", true)]
    {
        let mut rig = Rig::new(&format!("[limits]\n{limits}"));
        rig.invite(A, "5@", "2");
        rig.input(Input::JournalFull(full));
        rig.invite(A, "6@", "2");
        assert_eq!(rig.finals_to(A), [200, 503], "{limits}");
        rig.invite(A, "7@", "110");
        // Both of e1-a's channels are in use now; the call is urgent for e1-b all the same.
        let asked = rig.invites_to(B);
        assert_eq!(asked.len(), 1, "{limits}");
        assert_eq!(asked[0].header(Name::Priority), Some(&b"emergency"[..]));
        // A stop that is near holds it back: its talk would be cut off.
        rig.input(Input::Drain);
        rig.invite(A, "8@", "110");
        assert_eq!(rig.finals_to(A).last(), Some(&503));
    }
}

#[test]
fn a_gateway_that_says_nothing_is_left_for_the_next() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "1");
    rig.run(Duration::from_millis(4_900));
    assert_eq!((rig.invites_to(B).len(), rig.invites_to(C).len()), (4, 0), "sent again by timer A");
    rig.run(Duration::from_millis(200));
    assert_eq!(rig.invites_to(C).len(), 1);
    let busy = |rig: &Rig, name| rig.switch.gateways.get(name).map(|gateway| gateway.busy);
    assert_eq!((busy(&rig, "e1-b"), busy(&rig, "e1-c")), (Some(0), Some(1)));
    // Neither is there: the plan has no branch for that, so the caller hears of it.
    rig.run(Duration::from_secs(6));
    assert!(!rig.finals_to(A).is_empty());
    rig.run(Duration::from_secs(120));
    assert_eq!(rig.switch.in_being(), (0, 0, 0));
}

#[test]
fn a_flow_that_fails_is_left_for_the_next_at_once() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "1");
    rig.input(Input::FlowFailed(Rig::flow(B)));
    assert_eq!(rig.invites_to(C).len(), 1);
}

#[test]
fn a_gateways_alarm_is_cleared_by_its_answer_by_its_call_and_by_a_reload() {
    let down = |rig: &mut Rig| {
        for _ in 0..3 {
            let turn = rig.switch.gateways.answered("e1-a", false, rig.now);
            let now = Now { at: rig.now, wall: Wall(0) };
            if let Some(turn) = turn {
                rig.switch.gateway_turned(now, "e1-a", turn);
            }
        }
        rig.drain();
        assert_eq!(rig.alarms().last(), Some(&(AlarmWhat::GatewayDown, true)));
    };
    let mut rig = Rig::new("");
    down(&mut rig);
    rig.invite(A, "5@", "1");
    assert_eq!(rig.alarms().last(), Some(&(AlarmWhat::GatewayDown, false)));
    assert_eq!(rig.facts("gateway_up").len(), 1, "the table knows too");
    down(&mut rig);
    let mut without = config("");
    without.gateways.retain(|gateway| gateway.name.as_str() != "e1-a");
    rig.input(Input::Reload(Box::new(without), plan(TimeZone::UTC)));
    assert_eq!(rig.alarms().last(), Some(&(AlarmWhat::GatewayDown, false)));
}

#[test]
fn refused_calls_are_written_down_and_a_stop_is_told_from_a_crash() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "2");
    rig.input(Input::Drain);
    rig.invite(A, "6@", "2");
    let refused = rig.facts("call_refused");
    assert!(
        matches!(refused[..], [FactKind::CallRefused { from, to, status: 503, why }]
            if from == "6 at 10.0.0.2:5060" && to == "2" && why.contains("about to stop")),
        "{refused:?}"
    );
    rig.input(Input::EndCalls);
    rig.input(Input::Stopped { why: "SIGTERM".into() });
    let ended = rig.facts("call_ended");
    assert!(matches!(ended[..], [FactKind::CallEnded { by: EndedBy::Restart, .. }]), "{ended:?}");
    let stopped = FactKind::Stopped { why: "SIGTERM".into() };
    assert_eq!(rig.facts.last(), Some(&stopped));
}

#[test]
fn a_reload_puts_its_live_keys_in_force() {
    let mut rig = Rig::new("");
    let register = |rig: &mut Rig, n: u32, more: &str| {
        rig.sent.clear();
        let text = format!(
            "REGISTER sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bKr{n}\r\n\
             From: <sip:1001@10.0.0.1>;tag=r{n}\r\nTo: <sip:1001@10.0.0.1>\r\nCall-ID: r{n}\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
        );
        rig.receive(STRANGER, &text);
        let answer = rig.sent.last().map(|(_, m)| String::from_utf8_lossy(m.bytes()).into_owned());
        answer.unwrap_or_default()
    };
    let challenge = register(&mut rig, 1, "");
    let nonce = challenge.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next());
    let nonce = nonce.expect("a nonce");
    // RFC 2617 §3.2.2, without qop.
    let md5 = |text: String| {
        use md5::Digest;
        md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let (who, what) = ("1001:10.0.0.1:secret".to_owned(), "REGISTER:sip:10.0.0.1".to_owned());
    let response = md5(format!("{}:{nonce}:{}", md5(who), md5(what)));
    let credentials = format!(
        "Authorization: Digest username=\"1001\", realm=\"10.0.0.1\", nonce=\"{nonce}\", \
         uri=\"sip:10.0.0.1\", response=\"{response}\"\r\n"
    );
    let tokyo = TimeZone::fixed(jiff::tz::offset(9));
    let mut new = config("");
    new.sip.nonce_lifetime = Duration::from_secs(10);
    rig.input(Input::Reload(Box::new(new), plan(tokyo.clone())));
    assert_eq!(rig.switch.zone, tokyo);
    rig.now += Duration::from_secs(20);
    let answer = register(&mut rig, 2, &credentials);
    assert!(answer.contains("stale=true"), "{answer}");
}

#[test]
fn a_log_line_is_one_line() {
    let mut rig = Rig::new("");
    rig.invite(A, "5@", "9%0d%0aERROR%20forged");
    assert!(rig.log.iter().any(|line| line.contains("forged")), "{:?}", rig.log);
    assert!(rig.log.iter().all(|line| !line.contains(char::is_control)), "{:?}", rig.log);
}
