//! Load without an end (R28: 24 hours without a restart), in virtual time: a hundred calls up, five new ones a
//! second, a small share of them recorded, through the menu, through a queue, or a bell's with its case. After it
//! nothing may be left in any table, and the memory that is held may not grow.
//!
//! The short form runs with all tests. The long one prints what is held each virtual hour:
//! `BELFRY_SOAK_HOURS=24 cargo test --release --test soak -- --nocapture`.
//!
//! The phones suppress silence: one packet in forty is sent, so that a second of a call costs a machine a
//! two-thousandth of one. What packets cost and hold is other tests' (`no_alloc`, the benches).
#![allow(clippy::disallowed_methods, reason = "a test reads its environment and the clock")]

#[path = "checks/counting.rs"]
mod counting;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use belfry::base::{Duration, Rng, Time};
use belfry::care::Update;
use belfry::config::Config;
use belfry::dialplan::{File, LoadEnv, Plan};
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, Setup, State};
use belfry::sim::world::{SIP, World};
use belfry::switch::care::KeptCases;
use belfry::switch::fact::{CareFact, FactKind};
use belfry::switch::{Input, Request, RequestId};
use belfry::wire::telecare::scaip;

use counting::HELD;

/// How much of a load.
#[derive(Clone, Copy)]
struct Size {
    /// Callers behind gateways.
    callers: usize,
    /// Phones that they call; the first `agents` serve the queue, each by an agent of its own.
    phones: usize,
    agents: usize,
    /// Steps from call to call.
    steps: u64,
}

/// A hundred calls up, five new ones a second.
const LONG: Size = Size { callers: 160, phones: 170, agents: 12, steps: 1 };
/// One every two seconds: what a debug build does in a second.
const SMALL: Size = Size { callers: 16, phones: 20, agents: 4, steps: 10 };
/// Units that report alarms and call: phones after the others.
const UNITS: usize = 6;
/// Callers of a gateway: each has a port of its address.
const A_GATEWAY: usize = 40;
/// How often everybody is looked at.
const EACH: Duration = Duration::from_millis(200);
/// From alarm to alarm.
const ALARM_EACH: Duration = Duration::from_secs(20);
/// The number with the menu.
const CARE_LINE: &str = "4008001234";
/// How long a call lasts.
const TALK: Duration = Duration::from_secs(24);
/// How long after its alarm a case is closed.
const CASE: Duration = Duration::from_secs(45);
/// Phones register for an hour.
const REGISTER_EACH: Duration = Duration::from_secs(1_500);
/// After which the last transaction and the last notice is over.
const LINGER: Duration = Duration::from_secs(240);
/// Of so many packets phones send one: 0.8 s apart, less than what counts as silence.
const ONE_OF: u32 = 40;
/// The load before the one that is looked at; and the short form's whole.
const SHORT: Duration = Duration::from_secs(90);
/// What may be held more after a load than before it, bytes: what is kept of it on purpose.
const MOST_MORE: i64 = 512 << 10;
/// By how much memory may rise in an hour, bytes, and after which hours that is looked at.
const MOST_AN_HOUR: f64 = 1e6;
const WARM_HOURS: usize = 2;

const PLAN: &str = r#"
[[route]]
name    = "direct dial-in"
context = "gateway"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}", timeout = 20 } }]

[[route]]
name    = "recorded"
context = "gateway"
when    = { to = "2(xxx)" }
steps   = [{ dial = { phones = "1$1", timeout = 20, record = true } }]

[[route]]
name    = "care line"
context = "gateway"
when    = { to = "4008001234" }
steps   = [{ answer = {} }, { play = "welcome" }, { menu = "care" }, { hangup = {} }]

[menu.care]
prompt  = "menu"
tries   = 3
timeout = 4
keys    = { 1 = { queue = "care" }, 2 = { note = { name = "check-in", value = "${from}" } } }

[[route]]
name    = "bells"
context = "agents"
when    = { to = "900" }
steps   = [{ queue = { name = "care" } }]
"#;

/// A call under way: who has called whom, when it is to end, and which key is pressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    ends: Time,
    caller: usize,
    callee: Option<usize>,
    key: Option<char>,
}

struct Soak {
    size: Size,
    world: World,
    rng: Rng,
    callers: Vec<usize>,
    phones: Vec<usize>,
    units: Vec<usize>,
    under_way: BTreeSet<Call>,
    made: u64,
    alarms: u64,
    /// Open cases, and when each is closed.
    cases: VecDeque<(Time, u64)>,
    /// What came to be, told by facts: calls that ended, talks, recordings, talks from the queue, cases closed.
    came: [u64; 5],
    register_at: Time,
}

fn config(size: Size) -> Config {
    let mut text = String::from(
        "[node]\nname = \"soak\"\n[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\ndomain = \"10.0.0.1\"\n\
         [media]\naddress = \"10.0.0.1\"\n[limits]\ncalls = 1000\ncalls_per_second = 1000\n\
         [care]\nnumber = \"900\"\ncall_out = 0\n",
    );
    for n in 0..size.callers.div_ceil(A_GATEWAY) {
        let at = World::addresses(2_000 + n as u16).0;
        text += &format!(
            "[[gateway]]\nname = \"g{n}\"\naddress = \"udp:{at}\"\nchannels = 60\nping = \"0 s\"\n"
        );
    }
    for n in 0..size.phones + UNITS {
        text += &format!("[[phone]]\nnumber = \"{}\"\npassword = \"secret\"\n", 1_000 + n);
    }
    let agents = (0..size.agents).map(|n| format!("\"{}\"", 7_000 + n)).collect::<Vec<_>>();
    for agent in &agents {
        text += &format!("[[agent]]\nnumber = {agent}\npin = \"4711\"\n");
    }
    let agents = agents.join(", ");
    text += &format!("[[queue]]\nname = \"care\"\nafter_call = \"2 s\"\nagents = [{agents}]\n");
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}

fn plan() -> Arc<Plan> {
    let files = [File { path: "soak.toml", text: PLAN }];
    let loaded = Plan::load(&files, &LoadEnv::default());
    Arc::new(loaded.unwrap_or_else(|faults| panic!("{faults:#?}")).plan)
}

impl Soak {
    fn new(size: Size, seed: u64) -> Soak {
        let mut rng = Rng::from_seed(seed);
        let mut world = World::new(config(size), plan(), 512, Faults::NONE, rng.next_u64());
        // The records are there and empty.
        world.input(Input::Cases(KeptCases::default()));
        let none = Update { all: true, ..Update::default() };
        world.input(Input::Subscribers(Box::new(none)));
        let mut add = |(host, nth): (usize, usize), number: String, password: Option<&str>| {
            let (mut sip, mut rtp) = World::addresses(host as u16);
            sip.set_port(sip.port() + nth as u16);
            rtp.set_port(rtp.port() + 2 * nth as u16);
            let setup = Setup {
                sip,
                rtp,
                server: SIP,
                number,
                password: password.map(Into::into),
                hz: 0.0,
                codecs: vec![Codec::Pcma],
                srtp: Protection::Off,
                manner: Manner::AnswerAfter(Duration::from_millis(500)),
            };
            let index = world.add(setup, rng.split());
            world.with(index, |phone, _| phone.one_of = ONE_OF);
            index
        };
        let caller = |n: usize| (2_000 + n / A_GATEWAY, n % A_GATEWAY);
        let callers = |n: usize| add(caller(n), format!("138{n:08}"), None);
        let callers = (0..size.callers).map(callers).collect();
        let mut phone = |n: usize| add((1_000 + n, 0), (1_000 + n).to_string(), Some("secret"));
        let phones = (0..size.phones).map(&mut phone).collect();
        let units = (size.phones..size.phones + UNITS).map(&mut phone).collect();
        let mut soak = Soak {
            size,
            world,
            rng,
            callers,
            phones,
            units,
            under_way: BTreeSet::new(),
            made: 0,
            alarms: 0,
            cases: VecDeque::new(),
            came: [0; 5],
            register_at: Time::ZERO,
        };
        soak.register();
        (0..size.agents).for_each(|n| soak.sign_in(n));
        soak
    }

    fn register(&mut self) {
        let all: Vec<usize> = self.phones.iter().chain(&self.units).copied().collect();
        for index in &all {
            self.world.with(*index, |phone, now| phone.register(now));
        }
        let done = |w: &mut World| all.iter().all(|n| w.phone(*n).registered == Some(200));
        assert!(self.world.until(Duration::from_secs(30), done), "all phones register");
        self.register_at = self.world.now() + REGISTER_EACH;
    }

    /// Agent `n` signs in at phone `n`.
    fn sign_in(&mut self, n: usize) {
        let phone = self.phones[n];
        self.world.with(phone, |phone, now| phone.call(now, &format!("*11{}", 7_000 + n)));
        self.world.run(Duration::from_secs(1));
        for key in "4711#".chars() {
            self.world.with(phone, |phone, now| phone.press_at(now, key));
            self.world.run(Duration::from_millis(1_000));
        }
        let over = |w: &mut World| matches!(w.phone(phone).state, State::Ended(_));
        assert!(self.world.until(Duration::from_secs(30), over), "agent {n} has signed in");
    }

    fn is_free(&self, index: usize) -> bool {
        matches!(self.world.phone(index).state, State::Idle | State::Ended(_))
    }

    /// The load for so long; who calls then goes on until its time.
    fn load(&mut self, span: Duration) {
        let end = self.world.now() + span;
        let (mut alarm_at, mut step) = (self.world.now(), 0);
        while self.world.now() < end {
            if step % self.size.steps == 0 {
                self.call();
            }
            step += 1;
            if alarm_at <= self.world.now() {
                alarm_at += ALARM_EACH;
                self.alarm();
            }
            self.world.run(EACH);
            self.see_to();
            if self.register_at <= self.world.now() {
                self.register();
            }
        }
    }

    /// Nobody calls any more; all that is under way comes to its end.
    fn drain(&mut self) {
        while !self.under_way.is_empty() {
            self.world.run(EACH);
            self.see_to();
        }
        for _ in 0..LINGER.as_secs() {
            self.world.run(Duration::from_secs(1));
            self.see_to();
        }
    }

    /// One of these who has no call, by chance.
    fn free_one_of(&mut self, of: impl Fn(&Soak) -> &[usize]) -> Option<usize> {
        let count = of(self).len();
        let first = self.rng.below(count as u64) as usize;
        let all = of(self);
        (0..count).map(|n| all[(first + n) % count]).find(|index| self.is_free(*index))
    }

    /// Somebody who has no call calls: a phone, in nine cases of ten; sometimes with a recording; the care line.
    fn call(&mut self) {
        let Size { phones, agents, .. } = self.size;
        let Some(caller) = self.free_one_of(|soak| &soak.callers) else { return };
        let callee = self.free_one_of(|soak| &soak.phones[agents..phones]);
        let (number, key) = match (self.made % 20, callee) {
            (3, _) | (_, None) => (CARE_LINE.to_owned(), Some('1')),
            (10, _) => (CARE_LINE.to_owned(), Some('2')),
            (17, _) => (CARE_LINE.to_owned(), None),
            (nth, Some(index)) => {
                let number = self.world.phone(index).setup().number.clone();
                (if nth % 10 == 6 { format!("2{}", &number[1..]) } else { number }, None)
            }
        };
        let callee = callee.filter(|_| number != CARE_LINE);
        let jitter = Duration::from_millis(self.rng.below(4_000));
        let ends = self.world.now() + TALK + jitter - Duration::from_secs(2);
        self.world.with(caller, |phone, now| phone.call(now, &number));
        self.under_way.insert(Call { ends, caller, callee, key });
        self.made += 1;
    }

    /// A unit reports an alarm and calls.
    fn alarm(&mut self) {
        let unit = self.units[self.alarms as usize % UNITS];
        self.alarms += 1;
        let cid = self.world.phone(unit).setup().number.clone();
        let text = format!("<mrq><ref>r{}</ref><cid>{cid}</cid><dty>3</dty></mrq>", self.alarms);
        self.world.with(unit, |phone, now| {
            phone.messages.clear();
            phone.write_as(now, "900", scaip::TYPE, &text);
        });
        let confirmed = |w: &mut World| w.phone(unit).written == Some(200);
        assert!(self.world.until(EACH, confirmed), "the alarm is confirmed");
        self.world.with(unit, |phone, now| phone.call(now, "900"));
        let ends = self.world.now() + TALK;
        self.under_way.insert(Call { ends, caller: unit, callee: None, key: None });
    }

    /// Who wants to press a key presses it, whose time is over hangs up, and what was told is counted.
    fn see_to(&mut self) {
        let now = self.world.now();
        let pressing: Vec<Call> =
            self.under_way.iter().copied().filter(|c| c.key.is_some()).collect();
        for call in pressing {
            if self.world.phone(call.caller).state == State::Talking {
                self.under_way.remove(&call);
                self.under_way.insert(Call { key: None, ..call });
                let key = call.key.unwrap_or('1');
                self.world.with(call.caller, |phone, at| {
                    phone.press_at(at + Duration::from_millis(1_500), key)
                });
            }
        }
        while let Some(call) = self.under_way.first().copied().filter(|call| call.ends <= now) {
            self.under_way.remove(&call);
            let who = call.callee.filter(|_| call.ends.as_millis().is_multiple_of(2));
            self.world.with(who.unwrap_or(call.caller), |phone, now| phone.hang_up(now));
            if who.is_some() {
                self.world.with(call.caller, |phone, now| phone.hang_up(now));
            }
        }
        let facts = std::mem::take(&mut self.world.facts);
        for fact in &facts {
            let which = match &fact.kind {
                FactKind::CallEnded { .. } => 0,
                FactKind::Bridged { .. } => 1,
                FactKind::RecordingEnded { .. } => 2,
                FactKind::Queue { what, .. } if what.word() == "answered" => 3,
                FactKind::Care { what: CareFact::Closed { .. }, .. } => 4,
                FactKind::Care {
                    what: CareFact::Reported { case: Some(case), opens: true, .. },
                    ..
                } => {
                    self.cases.push_back((now + CASE, *case));
                    continue;
                }
                _ => continue,
            };
            self.came[which] += 1;
        }
        while let Some((_, case)) = self.cases.pop_front_if(|(at, _)| *at <= now) {
            let close = Request::CloseCase(case, "seen to".into(), "wang".into());
            self.world.input(Input::Console(RequestId(1), close));
        }
        self.world.recordings.clear();
        self.world.warnings.clear();
    }

    /// The stories were told, each kind of them.
    fn check(&self) {
        let [ended, talks, recordings, queued, closed] = self.came;
        let made = self.made;
        assert!(ended >= made && talks * 10 > made * 8, "{ended} ended, {talks} talks of {made}");
        assert!(recordings * 15 > made, "{recordings} recordings of {made}");
        assert!(queued * 30 > made, "{queued} talks from the queue of {made}");
        assert!(closed == self.alarms && closed > 0, "{closed} cases of {} closed", self.alarms);
    }
}

/// Bytes that the program holds.
fn heap() -> i64 {
    HELD.load(Ordering::Relaxed)
}

/// Hours of the long form; none: the short one.
fn hours() -> Option<usize> {
    std::env::var("BELFRY_SOAK_HOURS").ok().map(|text| text.parse().expect("a number of hours"))
}

/// By how much a figure rises from one to the next, by least squares.
fn slope(figures: &[i64]) -> f64 {
    let n = figures.len() as f64;
    let (mean_x, mean_y) = ((n - 1.0) / 2.0, figures.iter().sum::<i64>() as f64 / n);
    let off = |(x, y): (usize, &i64)| (x as f64 - mean_x, *y as f64 - mean_y);
    let all = || figures.iter().enumerate().map(off);
    all().map(|(x, y)| x * y).sum::<f64>() / all().map(|(x, _)| x * x).sum::<f64>().max(1.0)
}

fn by_the_hour(soak: &mut Soak, hours: usize) {
    let mut held = Vec::new();
    for hour in 1..=hours {
        let began = std::time::Instant::now();
        soak.load(Duration::from_secs(3_600));
        held.push(heap());
        let (up, legs, sip) = soak.world.switch.in_being();
        println!(
            "hour {hour:>2}: {:>10} bytes held, {up} calls, {legs} legs, {sip} SIP, {} made, {:.0} s",
            heap(),
            soak.made,
            began.elapsed().as_secs_f64()
        );
    }
    let rise = slope(held.get(WARM_HOURS..).unwrap_or_default());
    println!("{rise:.0} bytes more an hour after the first {WARM_HOURS}");
    assert!(rise < MOST_AN_HOUR, "{rise:.0} bytes more each hour");
}

#[test]
fn a_load_leaves_nothing_and_memory_does_not_grow() {
    let size = hours().map_or(SMALL, |_| LONG);
    let mut soak = Soak::new(size, 28);
    // The first load fills what is kept on purpose and what is as long as the longest it had to hold.
    soak.load(SHORT);
    soak.drain();
    let (census, held) = (soak.world.switch.census(), heap());
    match hours() {
        Some(hours) => by_the_hour(&mut soak, hours),
        None => soak.load(SHORT),
    }
    let (up, ..) = soak.world.switch.in_being();
    let wanted = TALK.as_secs() as usize * 7 / 2 / size.steps as usize;
    assert!(up >= wanted, "{up} calls were up at the end of the load");
    soak.drain();
    assert_eq!(soak.world.switch.census(), census, "tables after a load and after another");
    assert!(soak.world.plane_is_empty(), "media legs, recordings or ports left over");
    let more = heap() - held;
    assert!(more < MOST_MORE, "{more} bytes more are held than before the load");
    soak.check();
}
