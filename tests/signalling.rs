//! What a call holds in signalling, and that nothing stays of it: the switch alone, in simulated time, between
//! a caller's and a callee's gateway. Ports open at once and no audio flows, so what is held is SIP's, the
//! call's and the plan's. A counting allocator stands in for the system's.
//!
//! ```text
//!  caller ── INVITE, ACK, BYE ──▶ Switch ── INVITE, ACK, BYE ──▶ callee     (both played here, as text)
//!                                   └── ports: opened and closed at once; facts: dropped
//! ```
//!
//! `cargo test --release --test signalling -- --ignored --nocapture` makes a million calls.

#[path = "checks/counting.rs"]
mod counting;
#[path = "checks/refreshes.rs"]
mod refreshes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use belfry::base::{Duration, Now, Rng, Time, Wall};
use belfry::config::Config;
use belfry::dialplan::{File, LoadEnv, Plan};
use belfry::media::control::{Command, Event, LegStats};
use belfry::sip::{Flow, Transport};
use belfry::switch::{Input, Output, Setup, Switch};
use belfry::wire::sip::{Message, Method, Name};
use belfry::wire::srtp::KeySource;
use jiff::tz::TimeZone;

use counting::{HELD, allocations};
use refreshes::Phones;

const BELFRY: &str = "10.0.0.1:1020";
/// Gateways of either side, 1,340 channels each (so many as there can be ports for): callers are `a0` and so on, the called `b0` and so on.
const GATEWAYS: u32 = 6;

const PLAN: &str = "[[route]]\nname = \"through\"\ncontext = \"gateway\"\nwhen = { to = \"9.\" }\n\
                    steps = [{ dial = { gateway = [\"b0\", \"b1\", \"b2\", \"b3\", \"b4\", \"b5\"], \
                    number = \"${to}\" } }]\n";

/// The caller's INVITE, as an AudioCodes gateway makes it.
const OFFER: &str = "v=0\r\no=AudiocodesGW 18132 74003 IN IP4 10.0.0.2\r\ns=Phone-Call\r\n\
                     c=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 96\r\na=rtpmap:8 pcma/8000\r\n\
                     a=ptime:20\r\na=sendrecv\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n";

/// From the answer of one call to the beginning of the next.
const APART: Duration = Duration::from_millis(2);
/// How long transactions outlive their call (RFC 3261 §17: 64·T1).
const LINGER: Duration = Duration::from_secs(40);
/// Bytes that a call may hold while it is up, its transactions over.
const MOST_BYTES: i64 = 16 << 10;
/// Times that a refresh may ask for memory.
const MOST_ALLOCATIONS: u64 = 75;
/// Parts of a long run after which memory stands.
const EARLY: u32 = 3;
/// Bytes that it may grow by from then on: not one for each call.
const SLACK: i64 = 64 << 10;

/// A call that is up, as the caller knows it.
struct Up {
    to: String,
    contact: String,
    number: u32,
}

/// The switch and both gateways.
struct Rig {
    switch: Switch,
    now: Time,
    calls: u32,
    facts: u64,
    /// 200s to INVITEs of the caller that it has not acknowledged yet.
    answered: Vec<Message>,
    /// 200s to its BYEs.
    ended: u32,
    /// Messages that have been sent and not been taken by their gateway yet.
    sent: Vec<(Flow, Message)>,
}

/// The address of the gateway over which call `n` comes.
fn caller(n: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 1, (n % GATEWAYS) as u8], 5060))
}

/// The address of a gateway to which calls go.
fn callee(n: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 2, (n % GATEWAYS) as u8], 5060))
}

fn flow(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: BELFRY.parse().expect("an address"), remote }
}

fn text(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).expect("a header")).into_owned()
}

/// An exchange with this configuration and plan.
fn exchange(config: &str, plan: &[File], env: &LoadEnv) -> Switch {
    let plan = Plan::load(plan, env).unwrap_or_else(|faults| panic!("{faults:#?}")).plan;
    let setup = Setup {
        config: Config::parse(config).unwrap_or_else(|faults| panic!("{faults:#?}")).0,
        plan: Arc::new(plan),
        listening: vec![(Transport::Udp, BELFRY.parse().expect("an address"))],
        workers: 1,
        last_fact: 0,
        zone: TimeZone::UTC,
        rng: Rng::from_seed(1),
        keys: KeySource::from_seed([1; 32]),
        fingerprint: None,
    };
    Switch::new(setup, Now { at: Time::ZERO, wall: Wall(0) })
}

impl Rig {
    fn new() -> Rig {
        let mut config = format!(
            "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n[media]\naddress = \"10.0.0.1\"\n\
             ports = \"1024-65535\"\n[limits]\ncalls = 8000\ncalls_per_second = 10000\n"
        );
        let all = (0..GATEWAYS).flat_map(|n| [("a", caller(n), n), ("b", callee(n), n)]);
        for (side, at, n) in all {
            config += &format!(
                "[[gateway]]\nname = \"{side}{n}\"\naddress = \"udp:{at}\"\nchannels = 1340\n\
                 ping = \"0 s\"\n"
            );
        }
        let names =
            ["a", "b"].iter().flat_map(|side| (0..GATEWAYS).map(move |n| format!("{side}{n}")));
        let env =
            LoadEnv { gateways: Some(names.collect()), zone: TimeZone::UTC, ..LoadEnv::default() };
        let file = File { path: "plan.toml", text: PLAN };
        let mut rig = Rig {
            switch: exchange(&config, &[file], &env),
            now: Time::ZERO,
            calls: 0,
            facts: 0,
            answered: Vec::new(),
            ended: 0,
            sent: Vec::new(),
        };
        rig.drain();
        rig
    }

    fn input(&mut self, input: Input) {
        let now = Now { at: self.now, wall: Wall(self.now.as_millis() as i64) };
        self.switch.handle(now, input);
    }

    /// Carries out what the switch asks for, until nobody has anything to say.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.switch.poll_output() {
                match output {
                    Output::Sip(flow, message) => self.sent.push((flow, message)),
                    Output::Media(Command::Open { leg, .. }) => {
                        let rtp = "10.0.0.1:16384".parse().expect("an address");
                        self.input(Input::Media(Event::Opened { leg, rtp }));
                    }
                    Output::Media(Command::Close { leg }) => {
                        let stats = LegStats::default();
                        self.input(Input::Media(Event::Closed { leg, stats }));
                    }
                    Output::Fact(_) => self.facts += 1,
                    _ => {}
                }
            }
            let sent = std::mem::take(&mut self.sent);
            if sent.is_empty() {
                return;
            }
            for (flow, message) in sent {
                match flow.remote.ip() < callee(0).ip() {
                    true => self.caller_gets(message),
                    false => self.callee_gets(flow.remote, &message),
                }
            }
        }
    }

    fn receive(&mut self, from: SocketAddr, text: &str) {
        let message = Message::parse(text.as_bytes()).expect("a message");
        self.input(Input::Sip(flow(from), message));
    }

    fn caller_gets(&mut self, message: Message) {
        match (message.method(), message.status()) {
            (Method::Invite, Some(200)) => self.answered.push(message),
            (Method::Bye, Some(200)) => self.ended += 1,
            (_, Some(100..200)) => {}
            other => panic!("the caller gets {other:?}: {message}"),
        }
    }

    /// The callee rings and answers; says yes to a BYE.
    fn callee_gets(&mut self, own: SocketAddr, message: &Message) {
        match (message.method(), message.is_request()) {
            (Method::Invite, true) => {
                self.answer(own, message, "180 Ringing", "");
                self.answer(own, message, "200 OK", &OFFER.replace("10.0.0.2", "10.0.0.3"));
            }
            (Method::Bye, true) => self.answer(own, message, "200 OK", ""),
            (Method::Ack, true) => {}
            other => panic!("the callee gets {other:?}: {message}"),
        }
    }

    fn answer(&mut self, own: SocketAddr, request: &Message, status: &str, sdp: &str) {
        let line = |name: Name| format!("{}: {}\r\n", name.as_str(), text(request, name));
        let to = text(request, Name::To);
        let tag = if to.contains(";tag=") { "" } else { ";tag=b" };
        let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let answer = format!(
            "SIP/2.0 {status}\r\n{}{}To: {to}{tag}\r\n{}{}Contact: <sip:b@{own}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{sdp}",
            line(Name::Via),
            line(Name::From),
            line(Name::CallId),
            line(Name::CSeq),
            sdp.len()
        );
        self.receive(own, &answer);
    }

    /// A call that is answered at once.
    fn call(&mut self) -> Up {
        self.calls += 1;
        let (n, own) = (self.calls, caller(self.calls));
        let invite = format!(
            "INVITE sip:9{n}@{BELFRY} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKi{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13800138000@{own}>;tag=1c{n}\r\n\
             To: <sip:9{n}@{BELFRY};user=phone>\r\nCall-ID: {n}@{own}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:13800138000@{own}>\r\nSupported: em,timer,replaces,path\r\n\
             Allow: REGISTER,OPTIONS,INVITE,ACK,CANCEL,BYE,NOTIFY,PRACK,REFER,INFO,SUBSCRIBE,UPDATE\r\n\
             User-Agent: Audiocodes-Sip-Gateway/Mediant 2000/v.5.40.010.006\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
            OFFER.len()
        );
        self.receive(own, &invite);
        self.drain();
        let ok = self.answered.pop().expect("the call is answered");
        let contact = text(&ok, Name::Contact).trim_matches(['<', '>']).to_owned();
        let up = Up { to: text(&ok, Name::To), contact, number: n };
        self.within(&up, "ACK", 1);
        up
    }

    fn hang_up(&mut self, up: &Up) {
        let before = self.ended;
        self.within(up, "BYE", 2);
        assert_eq!(self.ended, before + 1, "call {} ends", up.number);
    }

    fn within(&mut self, up: &Up, method: &str, cseq: u32) {
        let Up { to, contact, number: n } = up;
        let own = caller(*n);
        let request = format!(
            "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:13800138000@{own}>;tag=1c{n}\r\nTo: {to}\r\n\
             Call-ID: {n}@{own}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
        );
        self.receive(own, &request);
        self.drain();
    }

    /// Lets time pass; what is due is done.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.switch.next_wake().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.input(Input::Wake);
            self.drain();
        }
        self.now = end;
    }

    /// So many calls, one after the other, each over before the next begins.
    fn pass(&mut self, calls: u32) {
        for _ in 0..calls {
            let up = self.call();
            self.run(APART);
            self.hang_up(&up);
        }
        self.run(LINGER);
        assert_eq!(self.switch.in_being(), (0, 0, 0), "nothing is left");
    }
}

fn held() -> i64 {
    HELD.load(Ordering::Relaxed)
}

/// Bytes of one call, of `calls` that are up together: while their transactions last, and after.
fn bytes_of_a_call(rig: &mut Rig, calls: u32) -> (i64, i64) {
    let each = |bytes: i64| bytes / i64::from(calls);
    let before = held();
    // What the test itself keeps of a call is not the switch's.
    let mut ours = 0;
    let up: Vec<Up> = (0..calls)
        .map(|_| {
            let up = rig.call();
            ours += (up.to.capacity() + up.contact.capacity() + size_of::<Up>()) as i64;
            up
        })
        .collect();
    let fresh = held() - before - ours;
    rig.run(LINGER);
    let settled = held() - before - ours;
    up.iter().for_each(|up| rig.hang_up(up));
    rig.run(LINGER);
    assert_eq!(rig.switch.in_being(), (0, 0, 0), "nothing is left");
    (each(fresh), each(settled))
}

/// Memory does not grow by calls that are over. Of the first parts it may: the transactions of a busy time have
/// tables that keep their room, and a table whose entries come and go may double it once.
fn stays_flat(rig: &mut Rig, parts: u32, calls: u32) {
    let mut most_early = 0;
    for part in 1..=parts {
        rig.pass(calls);
        let now = held();
        println!("{} calls: {} kB held", part * calls, now >> 10);
        match part <= EARLY {
            true => most_early = now.max(most_early),
            false => {
                assert!(now <= most_early + SLACK, "memory grows: {most_early} to {now} bytes")
            }
        }
    }
}

/// One test at a time: what is held is counted for the whole process.
#[allow(clippy::disallowed_types, reason = "a test's own")]
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// A phone that is there says so again a hundred times an hour: that must be next to nothing.
#[test]
fn a_refresh_of_a_registration_asks_for_little() {
    let _alone = ALONE.lock();
    let mut phones = Phones::new(200);
    let each = phones.refresh_all(3);
    println!("{each} allocations a refresh, its parsing included");
    assert!(each <= MOST_ALLOCATIONS, "{each} allocations a refresh");
    assert_eq!(phones.facts, 200, "written down when they came, and not at each refresh");
}

/// `cargo test --test signalling -- --ignored --nocapture what_a_refresh_costs`; with `--release` for figures that
/// count.
#[test]
#[ignore = "prints figures"]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn what_a_refresh_costs() {
    let _alone = ALONE.lock();
    let mut phones = Phones::new(10_000);
    phones.refresh_all(1);
    let (mut best, mut parsing) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..5 {
        let [parsed, all] = phones.time();
        (best, parsing) = (best.min(all), parsing.min(parsed));
    }
    println!("{best:.1} µs a refresh; parsing alone {parsing:.1} µs; ratio {:.2}", best / parsing);
}

#[test]
fn a_call_in_signalling_is_small_and_nothing_stays_of_it() {
    let _alone = ALONE.lock();
    let mut rig = Rig::new();
    rig.pass(100);
    let (fresh, settled) = bytes_of_a_call(&mut rig, 500);
    println!("a call holds {settled} bytes, {fresh} while its transactions last");
    assert!(settled <= MOST_BYTES, "a call holds {settled} bytes");
    let (before, calls) = (allocations(), 500);
    rig.pass(calls);
    println!(
        "{} allocations a call, both gateways' included",
        (allocations() - before) / u64::from(calls)
    );
    stays_flat(&mut rig, 5, 250);
}

/// `cargo test --release --test signalling -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_million_calls_leave_nothing() {
    let mut rig = Rig::new();
    let (fresh, settled) = bytes_of_a_call(&mut rig, 8_000);
    println!("a call of 8,000 holds {settled} bytes, {fresh} while its transactions last");
    assert!(settled <= MOST_BYTES, "a call holds {settled} bytes");
    stays_flat(&mut rig, 10, 100_000);
}
