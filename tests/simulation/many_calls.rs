//! Ten thousand whole calls over a bad network: datagrams lost, doubled and out of order, people who
//! hang up at any moment, refuse, hold, transfer and press keys (R1 to R5). Nothing may be left over,
//! no call may be without its end in the record, and the same seed gives the same trace.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use belfry::base::{CallId, Duration, Rng, Time};
use belfry::config::Config;
use belfry::dsp::level::dominant_tone;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, Setup, State};
use belfry::sim::world::{SIP, World};
use belfry::switch::fact::FactKind;

use super::house::plan;

/// Phones 1000 to 1039.
const PHONES: usize = 40;
/// Gateways, each with one caller behind it who may be called too.
const GATEWAYS: usize = 10;
/// How often the crowd is looked at.
const LOOK: Duration = Duration::from_millis(100);

const PLAN: &str = r#"
[[route]]
name    = "care line"
context = "gateway"
when    = { to = "400(x)" }
steps   = [{ answer = {} }, { set = { team = "$1" } }, { play = "welcome" }, { menu = "care" }, { play = "goodbye" }]

[[route]]
name    = "direct dial-in"
context = "gateway"
when    = { to = "1xxx" }
steps   = [{ transfer = { context = "agents" } }]

[[route]]
name    = "not in use"
context = "gateway"
steps   = [{ early-media = {} }, { play = "unknown" }, { hangup = "unallocated" }]

[menu.care]
prompt = "menu"
tries  = 2
timeout = 1
exit   = "too-many"
[menu.care.keys]
1 = { call = "team" }
2 = [{ note = { name = "check-in", value = "${from}" } }, { play = "checked-in" }]

[sub.team]
steps = [{ dial = { phones = ["100${team}", "101${team}"], timeout = 3, ring = "music", record = true, on = {
    answered  = [{ survey = "service" }, { hangup = {} }],
    else      = [{ play = "busy" }, { hangup = {} }],
} } }]

[survey.service]
intro     = "intro"
thanks    = "thanks"
questions = [{ name = "solved", prompt = "solved", keys = { 1 = "yes", 2 = "no" } }]

[[route]]
name    = "phone to phone"
context = "agents"
when    = { to = "1xxx" }
steps   = [{ dial = { phones = "${to}", timeout = 3, record = true, on = { else = [{ play = "failed" }] } } }]

[[route]]
name    = "out through a gateway"
context = "agents"
when    = { to = "0(x)xxx" }
steps   = [{ dial = { gateway = "g$1", number = "55$1", timeout = 5, ring = "early-media" } }]
"#;

/// What a caller means to do with the call that it makes.
#[derive(Clone, Copy, Debug)]
enum Story {
    /// Presses a key of the menu, talks if somebody comes, answers the survey if it comes to that.
    Menu(char),
    /// Only listens.
    Listen,
    /// Holds and takes back.
    Hold,
    /// Sends the other on.
    Transfer(usize),
}

/// One who calls.
struct Person {
    index: usize,
    number: usize,
    /// The call that it made, until that ends.
    own: Option<Own>,
}

/// A call from the caller's side.
#[derive(Clone, Copy)]
struct Own {
    /// Which of the phone's calls it is.
    count: u64,
    story: Story,
    /// The one phone that may be heard in it.
    peer: Option<usize>,
    /// When the caller has had enough.
    ends: Time,
    held: bool,
}

/// What a person says, in hertz.
fn tone(n: usize) -> f64 {
    400.0 + 50.0 * n as f64
}

struct Crowd {
    world: World,
    rng: Rng,
    people: Vec<Person>,
    calls: usize,
    /// Calls in which the peer's voice was recognised.
    heard: usize,
}

fn config() -> Config {
    let mut text = String::from(
        "[node]\nname = \"sim\"\n[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\ndomain = \"10.0.0.1\"\n\
         [media]\naddress = \"10.0.0.1\"\n[limits]\ncalls = 1000\ncalls_per_second = 1000\n",
    );
    for n in 0..GATEWAYS {
        let address = World::addresses(200 + n as u16).0;
        text += &format!(
            "[[gateway]]\nname = \"g{n}\"\naddress = \"udp:{address}\"\nchannels = 30\nping = \"0 s\"\n"
        );
    }
    for n in 0..PHONES {
        text += &format!("[[phone]]\nnumber = \"{}\"\npassword = \"secret\"\n", 1000 + n);
    }
    Config::parse(&text).expect("the configuration is right").0
}

impl Crowd {
    fn new(seed: u64) -> Crowd {
        let mut rng = Rng::from_seed(seed);
        let plan = plan(&[("crowd.toml".into(), PLAN.into())]);
        let mut world = World::new(config(), Arc::clone(&plan), 256, Faults::BAD, rng.next_u64());
        let people = (0..PHONES + GATEWAYS)
            .map(|n| {
                let phone = n < PHONES;
                let (sip, rtp) = World::addresses(match phone {
                    true => n as u16 + 1,
                    false => 200 + (n - PHONES) as u16,
                });
                let number = if phone { 1000 + n } else { 550 + n - PHONES };
                let setup = Setup {
                    sip,
                    rtp,
                    server: SIP,
                    number: number.to_string(),
                    password: phone.then(|| "secret".into()),
                    hz: tone(n),
                    codecs: vec![if n % 3 == 0 { Codec::Pcmu } else { Codec::Pcma }],
                    srtp: Protection::Off,
                    manner: Manner::AnswerAfter(Duration::from_millis(300)),
                };
                let index = world.add(setup, rng.split());
                Person { index, number, own: None }
            })
            .collect::<Vec<_>>();
        let mut crowd = Crowd { world, rng, people, calls: 0, heard: 0 };
        crowd.register();
        crowd
    }

    /// Every phone registers, again where the network ate it.
    fn register(&mut self) {
        for n in 0..PHONES {
            let index = self.people[n].index;
            while self.world.phone(index).registered != Some(200) {
                self.world.with(index, |phone, now| phone.register(now));
                let patience = Duration::from_secs(40);
                self.world.until(patience, |w| w.phone(index).registered.is_some());
            }
        }
    }

    /// Lets the crowd make `calls` calls, then all of them end.
    fn run(&mut self, calls: usize) {
        while self.calls < calls {
            for n in 0..self.people.len() {
                self.look(n, calls);
            }
            self.world.run(LOOK);
            self.world.recordings.clear();
        }
        for _ in 0..600 {
            (0..self.people.len()).for_each(|n| self.look(n, 0));
            self.world.run(LOOK);
        }
        self.world.run(Duration::from_secs(180));
    }

    /// One person acts: begins a call, goes on with it, or ends it.
    fn look(&mut self, n: usize, calls: usize) {
        let (index, now) = (self.people[n].index, self.world.now());
        let phone = self.world.phone(index);
        let own = self.people[n].own.filter(|own| own.count == phone.calls);
        match (phone.state, own) {
            (State::Idle | State::Ended(_), _) if self.calls < calls && self.rng.chance(0.03) => {
                self.begin(n);
            }
            (State::Idle | State::Ended(_), _) => {}
            (_, Some(own)) if now >= own.ends => {
                self.listen(n, own);
                self.world.with(index, |phone, now| phone.hang_up(now));
            }
            (State::Talking, Some(own)) => self.go_on(n, own),
            // Who was called has enough some time, too.
            (State::Talking, None) if self.rng.chance(0.03) => {
                self.world.with(index, |phone, now| phone.hang_up(now));
            }
            _ => {}
        }
    }

    fn begin(&mut self, n: usize) {
        let other = self.rng.below(PHONES as u64) as usize;
        let digit = self.rng.below(GATEWAYS as u64);
        let direct = (1000 + other).to_string();
        let (number, story, peer) = match (n >= PHONES, self.rng.below(10)) {
            (true, 0..=4) => (format!("400{digit}"), Story::Menu('1'), None),
            (true, 5) => (format!("400{digit}"), Story::Menu('2'), None),
            (true, 6) => (format!("400{digit}"), Story::Listen, None),
            (true, 7) => ("777".into(), Story::Listen, None),
            (false, 0..=1) => (format!("0{digit}123"), Story::Listen, None),
            (false, 2) => ("12345".into(), Story::Listen, None),
            (false, 3..=4) => (direct, Story::Hold, Some(other)),
            (false, 5) => (direct, Story::Transfer((other + 7) % PHONES), None),
            _ => (direct, Story::Listen, Some(other)),
        };
        // How the one who is called takes it: drawn anew with every call.
        let manner = match self.rng.below(12) {
            0 => Manner::Ring,
            1 => Manner::Refuse(486),
            2 => Manner::Refuse(603),
            3 => Manner::Refuse(480),
            _ => Manner::AnswerAfter(Duration::from_millis(self.rng.below(800))),
        };
        self.world.with(self.people[other].index, |phone, _| phone.behave(manner));
        let ends = self.world.now() + Duration::from_millis(50 + self.rng.below(6_000));
        let count = self.world.with(self.people[n].index, |phone, now| {
            phone.call(now, &number);
            phone.calls
        });
        self.people[n].own = Some(Own { count, story, peer, ends, held: false });
        self.calls += 1;
    }

    fn go_on(&mut self, n: usize, own: Own) {
        let index = self.people[n].index;
        match own.story {
            Story::Menu(key) if self.rng.chance(0.2) => {
                self.world.with(index, |phone, now| phone.press_at(now, key));
            }
            Story::Hold if self.rng.chance(0.1) => {
                self.people[n].own = Some(Own { held: !own.held, ..own });
                self.world.with(index, |phone, now| phone.hold(now, !own.held));
            }
            Story::Transfer(to) if self.rng.chance(0.1) => {
                let number = self.people[to].number.to_string();
                self.world.with(index, |phone, now| phone.refer(now, &number));
            }
            _ => {}
        }
    }

    /// What the caller heard last is the one it called, or nobody.
    fn listen(&mut self, n: usize, own: Own) {
        let Some(peer) = own.peer else { return };
        let tones: Vec<f64> = (0..self.people.len()).map(tone).collect();
        let heard = self.world.phone(self.people[n].index).ear.samples();
        let last = &heard[heard.len().saturating_sub(2_400)..];
        let Some(heard) = dominant_tone(last, &tones).filter(|tone| tone.share > 0.8) else {
            return;
        };
        assert_eq!(heard.hz, tone(peer), "{n} called {peer} and heard another");
        self.heard += 1;
    }

    /// Nothing left over anywhere, and the record has an end for each beginning.
    fn check(&self) {
        let (calls, legs, sip) = self.world.switch.in_being();
        assert_eq!((calls, legs, sip), (0, 0, 0), "calls, legs, transactions left over");
        assert!(self.world.plane_is_empty(), "media legs, recordings or ports left over");
        for person in &self.people {
            let phone = self.world.phone(person.index);
            assert_eq!(phone.in_being(), 0, "phone {} is not through", person.number);
        }
        let mut open: HashSet<CallId> = HashSet::new();
        let mut count: HashMap<&str, usize> = HashMap::new();
        for fact in &self.world.facts {
            *count.entry(fact.kind.name()).or_default() += 1;
            match &fact.kind {
                FactKind::CallBegan { call, .. } => assert!(open.insert(*call), "begun twice"),
                FactKind::CallEnded { call, .. } => assert!(open.remove(call), "ended unbegun"),
                _ => {}
            }
        }
        assert!(open.is_empty(), "{} calls have no end in the record", open.len());
        // The stories were told: each kind of thing came to pass.
        assert!(
            self.heard * 50 > self.calls,
            "{} voices heard in {} calls",
            self.heard,
            self.calls
        );
        for kind in ["bridged", "survey_answer", "held", "transferred", "recording_ended"] {
            assert!(count.contains_key(kind), "no {kind} in {} calls", self.calls);
        }
        let seqs: Vec<u64> = self.world.facts.iter().map(|fact| fact.seq).collect();
        assert!(seqs.windows(2).all(|w| w[0] + 1 == w[1]), "the facts' numbers have a hole");
    }
}

fn crowd(seed: u64, calls: usize) -> u64 {
    let mut crowd = Crowd::new(seed);
    crowd.run(calls);
    crowd.check();
    crowd.world.trace()
}

#[test]
fn ten_thousand_calls_leave_nothing() {
    let halves = [11, 12].map(|seed| std::thread::spawn(move || crowd(seed, 5_000)));
    for half in halves {
        half.join().expect("one half left something over");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    assert_eq!(crowd(21, 300), crowd(21, 300));
    assert_ne!(crowd(21, 300), crowd(22, 300));
}
