//! The sample appliance in the simulator: a gateway, phones 1001 to 1004, the sample dialplan.

use std::sync::Arc;

use belfry::base::{Duration, Rng};
use belfry::care::Update;
use belfry::config::Config;
use belfry::dialplan::{File, LoadEnv, Plan};
use belfry::dsp::g711;
use belfry::dsp::level::dominant_tone;
use belfry::media::control::Codec;
use belfry::media::negotiate::Protection;
use belfry::report::{Delta, Kind, Ledger, Subject, Tally};
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, Setup, State};
use belfry::sim::world::{Recorded, SIP, World};
use belfry::switch::Input;
use belfry::switch::care::KeptCases;
use belfry::switch::fact::FactKind;

#[path = "../../src/report/book.rs"]
#[allow(dead_code, reason = "what the library's own tests need of it")]
mod book;
use book::Book;

/// The number of the care line.
pub const CARE_LINE: &str = "4008001234";
/// Time that is enough for anything short.
pub const SOON: Duration = Duration::from_secs(20);

/// A configuration: `phones` from 1001 on, one gateway that sends from each of its callers' hosts.
pub fn config(phones: u16, gateway: &str) -> Config {
    config_with(phones, gateway, "")
}

/// The same, with more sections.
pub fn config_with(phones: u16, gateway: &str, more: &str) -> Config {
    let phones: String = (1..=phones)
        .map(|n| format!("[[phone]]\nnumber = \"{}\"\npassword = \"secret-{n}\"\n", 1000 + n))
        .collect();
    let text = format!(
        "[node]\nname = \"sim\"\n[sip]\nlisten = [\"udp:10.0.0.1:5060\"]\ndomain = \"10.0.0.1\"\n\
         [media]\naddress = \"10.0.0.1\"\n[limits]\ncalls = 1000\ncalls_per_second = 1000\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{gateway}\"\nchannels = 1000\nping = \"0 s\"\n{phones}{more}"
    );
    Config::parse(&text).expect("the configuration is right").0
}

/// The sample dialplan of the repository, with the phones that `config` has.
pub fn sample_plan() -> Arc<Plan> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplan");
    let read = |entry: std::fs::DirEntry| {
        let path = entry.path();
        (path.display().to_string(), std::fs::read_to_string(path).expect("a plan is text"))
    };
    let files: Vec<(String, String)> = std::fs::read_dir(dir)
        .expect("the sample plan is there")
        .map(|e| e.expect("an entry"))
        .filter(|e| e.path().is_file())
        .map(read)
        .collect();
    plan(&files)
}

/// A plan of these files.
pub fn plan(files: &[(String, String)]) -> Arc<Plan> {
    let files: Vec<File<'_>> = files.iter().map(|(path, text)| File { path, text }).collect();
    match Plan::load(&files, &LoadEnv::default()) {
        Ok(loaded) => Arc::new(loaded.plan),
        Err(faults) => panic!("the plan has faults: {faults:#?}"),
    }
}

/// The sample appliance with four phones and a caller behind the gateway.
pub struct House {
    pub world: World,
    /// Phones 1001 to 1004.
    pub phones: Vec<usize>,
    /// A caller behind the gateway.
    pub caller: usize,
}

/// Tones: the caller's, and phone `n`'s (0 for 1001).
pub const CALLER_HZ: f64 = 440.0;
pub fn hz(n: usize) -> f64 {
    800.0 + 200.0 * n as f64
}

/// What music on hold sounds like here.
pub const MUSIC_HZ: f64 = 300.0;

/// A second of a tone.
pub fn sine(hz: f64) -> Vec<i16> {
    let step = std::f64::consts::TAU * hz / 8_000.0;
    (0..8_000).map(|n| ((f64::from(n) * step).sin() * 6_000.0) as i16).collect()
}

/// The two channels of a recording, 16-bit.
pub fn channels(recording: &Recorded) -> [Vec<i16>; 2] {
    [0, 1].map(|n| {
        let codes: Vec<u8> = recording.bytes.iter().skip(n).step_by(2).copied().collect();
        let mut samples = vec![0; codes.len()];
        g711::alaw_decode(&codes, &mut samples);
        samples
    })
}

/// The tone of a stretch of samples, if one stands out.
pub fn tone_of(samples: &[i16], candidates: &[f64]) -> Option<f64> {
    dominant_tone(samples, candidates).filter(|tone| tone.share > 0.9).map(|tone| tone.hz)
}

impl House {
    /// With the sample dialplan.
    pub fn new(faults: Faults, seed: u64) -> House {
        House::with_plan(sample_plan(), faults, seed, [&[Codec::Pcma]; 4], |_| ())
    }
    /// The same over a good network, with other settings.
    pub fn set(change: impl FnOnce(&mut Config), seed: u64) -> House {
        House::with_plan(sample_plan(), Faults::NONE, seed, [&[Codec::Pcma]; 4], change)
    }
    /// With a dialplan of its own, and calls that live on different RTP workers as far as the switch knows.
    pub fn of_two_workers(toml: &str, seed: u64) -> House {
        let plan = plan(&[("house.toml".into(), toml.into())]);
        let change = |config: &mut Config| {
            config.media.workers = belfry::config::Workers::Count(2);
        };
        House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change)
    }
    /// The same with more sections in the configuration.
    pub fn of_two_workers_with(toml: &str, sections: &str, seed: u64) -> House {
        let plan = plan(&[("house.toml".into(), toml.into())]);
        let (gateway, _) = World::addresses(100);
        let change = |config: &mut Config| {
            *config = config_with(4, &gateway.to_string(), sections);
            config.media.workers = belfry::config::Workers::Count(2);
        };
        House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change)
    }
    /// With a dialplan of its own and more sections in the configuration, over a good network.
    pub fn with_sections(toml: &str, sections: &str, seed: u64) -> House {
        let plan = plan(&[("house.toml".into(), toml.into())]);
        let (gateway, _) = World::addresses(100);
        let change = |config: &mut Config| {
            *config = config_with(4, &gateway.to_string(), sections);
        };
        House::with_plan(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], change)
    }
    /// With a dialplan of its own, over a good network.
    pub fn of(toml: &str, seed: u64) -> House {
        House::of_codecs(toml, [&[Codec::Pcma]; 4], seed)
    }
    /// The same with phones that each speak their own codecs.
    pub fn of_codecs(toml: &str, codecs: [&[Codec]; 4], seed: u64) -> House {
        let plan = plan(&[("house.toml".into(), toml.into())]);
        House::with_plan(plan, Faults::NONE, seed, codecs, |_| ())
    }
    /// With the sample dialplan, and phones that speak `codecs`; the caller's gateway knows A-law only.
    pub fn speaking(codecs: &[Codec], seed: u64) -> House {
        House::with_plan(sample_plan(), Faults::NONE, seed, [codecs; 4], |_| ())
    }
    /// With the sample dialplan, and SRTP of the caller's and of the phones' own.
    pub fn protected(
        [caller, phones]: [Protection; 2],
        faults: Faults,
        seed: u64,
        change: impl FnOnce(&mut Config),
    ) -> House {
        House::with(sample_plan(), faults, seed, [&[Codec::Pcma]; 4], [caller, phones], change)
    }
    /// With phones that each speak their own codecs, and other settings.
    pub fn recorded(
        plan: Arc<Plan>,
        seed: u64,
        codecs: [&[Codec]; 4],
        change: impl FnOnce(&mut Config),
    ) -> House {
        House::with_plan(plan, Faults::NONE, seed, codecs, change)
    }
    pub fn with_plan(
        plan: Arc<Plan>,
        faults: Faults,
        seed: u64,
        codecs: [&[Codec]; 4],
        change: impl FnOnce(&mut Config),
    ) -> House {
        House::with(plan, faults, seed, codecs, [Protection::Off; 2], change)
    }
    /// The same as [`House::with_sections`], before the records have said anything.
    pub fn before_the_records(toml: &str, sections: &str, seed: u64) -> House {
        let plan = plan(&[("house.toml".into(), toml.into())]);
        let (gateway, _) = World::addresses(100);
        let change = |config: &mut Config| {
            *config = config_with(4, &gateway.to_string(), sections);
        };
        House::built(plan, Faults::NONE, seed, [&[Codec::Pcma]; 4], [Protection::Off; 2], change)
    }
    /// The records are there and empty, as at the start of a new appliance.
    fn with(
        plan: Arc<Plan>,
        faults: Faults,
        seed: u64,
        codecs: [&[Codec]; 4],
        protection: [Protection; 2],
        change: impl FnOnce(&mut Config),
    ) -> House {
        let mut house = House::built(plan, faults, seed, codecs, protection, change);
        house.world.input(Input::Cases(KeptCases::default()));
        let none = Update { all: true, ..Update::default() };
        house.world.input(Input::Subscribers(Box::new(none)));
        house
    }
    fn built(
        plan: Arc<Plan>,
        faults: Faults,
        seed: u64,
        codecs: [&[Codec]; 4],
        protection: [Protection; 2],
        change: impl FnOnce(&mut Config),
    ) -> House {
        let (gateway, gateway_rtp) = World::addresses(100);
        let mut config = config(4, &gateway.to_string());
        if codecs != [&[Codec::Pcma]; 4] {
            use belfry::config::Codec::{G722, Opus, Pcma, Pcmu};
            config.media.codecs = vec![Opus, G722, Pcma, Pcmu];
        }
        change(&mut config);
        let mut world = World::new(config, plan, 64, faults, seed);
        world.clip("music/default", sine(MUSIC_HZ));
        let mut rng = Rng::from_seed(seed ^ 0x5eed);
        let mut setup = Setup {
            sip: gateway,
            rtp: gateway_rtp,
            server: SIP,
            number: "13800138000".into(),
            password: None,
            hz: CALLER_HZ,
            codecs: vec![Codec::Pcma],
            srtp: protection[0],
            manner: Manner::AnswerAfter(Duration::from_millis(500)),
        };
        let caller = world.add(setup.clone(), rng.split());
        let phones = (0..4)
            .map(|n| {
                (setup.sip, setup.rtp) = World::addresses(n + 1);
                setup.number = format!("{}", 1001 + n);
                setup.password = Some(format!("secret-{}", n + 1));
                setup.hz = hz(usize::from(n));
                setup.codecs = codecs[usize::from(n)].to_vec();
                setup.srtp = protection[1];
                world.add(setup.clone(), rng.split())
            })
            .collect();
        House { world, phones, caller }
    }

    /// Registers phone `n` (0 for 1001).
    pub fn register(&mut self, n: usize) {
        let phone = self.phones[n];
        self.world.with(phone, |phone, now| phone.register(now));
        assert!(
            self.world.until(SOON, |w| w.phone(phone).registered.is_some()),
            "no answer to REGISTER"
        );
        assert_eq!(self.world.phone(phone).registered, Some(200));
    }

    /// `caller` calls `number` and talks with `callee`.
    pub fn talk(&mut self, caller: usize, number: &str, callee: usize) {
        self.world.with(caller, |phone, now| phone.call(now, number));
        self.until_state(callee, State::Talking);
        self.until_state(caller, State::Talking);
    }
    /// A second line of phone `n` (0 for 1001): the same number and tone, its own sockets.
    pub fn second_line(&mut self, n: usize) -> usize {
        let mut setup = self.world.phone(self.phones[n]).setup().clone();
        (setup.sip, setup.rtp) = World::addresses(50 + n as u16);
        let line = self.world.add(setup, Rng::from_seed(50 + n as u64));
        self.phones.push(line);
        line
    }
    /// The two hear each other and nobody else.
    pub fn hear_each_other(&mut self, a: usize, b: usize) {
        let tone = |house: &House, phone: usize| house.world.phone(phone).setup().hz;
        let (of_a, of_b) = (tone(self, a), tone(self, b));
        assert_eq!(self.hears(a, &[of_a, of_b, MUSIC_HZ]), Some(of_b));
        assert_eq!(self.hears(b, &[of_a, of_b, MUSIC_HZ]), Some(of_a));
    }
    pub fn hang_up(&mut self, phone: usize) {
        self.world.with(phone, |phone, now| phone.hang_up(now));
    }
    pub fn state(&self, phone: usize) -> State {
        self.world.phone(phone).state
    }
    pub fn until_state(&mut self, phone: usize, state: State) {
        let came = self.world.until(SOON, |w| w.phone(phone).state == state);
        assert!(came, "{state:?} did not come; it is {:?}", self.state(phone));
    }
    /// The caller dials in and presses 1; phone 1001 has it.
    pub fn caller_to_agent(&mut self) {
        self.world.with(self.caller, |phone, now| phone.call(now, CARE_LINE));
        self.until_state(self.caller, State::Talking);
        self.world.run(Duration::from_millis(500));
        self.press(self.caller, '1');
        self.until_state(self.phones[0], State::Talking);
    }
    pub fn press(&mut self, phone: usize, digit: char) {
        self.world.with(phone, |phone, now| phone.press_at(now, digit));
        self.world.run(Duration::from_millis(400));
    }
    /// What `phone` hears in the next second and a half, half a second of it being left out.
    pub fn hears(&mut self, phone: usize, candidates: &[f64]) -> Option<f64> {
        self.world.run(Duration::from_millis(500));
        self.world.with(phone, |phone, _| phone.ear.forget());
        self.world.run(Duration::from_secs(1));
        let samples = self.world.phone(phone).ear.samples().to_vec();
        let inner = samples.get(800..samples.len().saturating_sub(800))?;
        tone_of(inner, candidates)
    }
    /// Lets every transaction linger out; then nothing may be left.
    pub fn ends_clean(&mut self) {
        self.world.run(Duration::from_secs(120));
        assert_eq!(self.world.switch.in_being(), (0, 0, 0), "calls, legs, transactions left over");
        assert!(self.world.plane_is_empty(), "media legs or ports left over");
        for phone in self.phones.iter().chain([&self.caller]) {
            assert_eq!(self.world.phone(*phone).in_being(), 0, "a phone has something left");
        }
    }
    /// What all facts so far count for a subject of the reports.
    pub fn figures(&self, kind: Kind, name: &str) -> Tally {
        let (mut ledger, mut book) = (Ledger::default(), Book::default());
        for fact in &self.world.facts {
            ledger.take(fact.wall, fact.happened());
            ledger.drain().for_each(|delta| book.add(delta));
        }
        book.since(&Subject::new(kind, name), i64::MIN)
    }
    /// Facts of this kind, by name.
    pub fn facts(&self, name: &str) -> Vec<&FactKind> {
        self.world.facts.iter().map(|f| &f.kind).filter(|kind| kind.name() == name).collect()
    }
}
