//! A bell is pressed at any moment of what goes on at the same home (R10, R11, R15, R17, R22): a reminder, a call on a
//! schedule, a survey, a response plan, a talk in an open case, a call that waits for its release, a start. Each time a human is
//! rung after that, or the home is talked with in its case.
//!
//! The home is 1003: a unit with SIP that reports by MESSAGE and calls, a second telephone of the same number, and a mobile
//! behind the gateway. 1001 is an agent, 1002 and 1004 are on duty, 1004 is a contact as well.

use belfry::base::{Duration, Rng, Wall};
use belfry::care::{Kept, Subscriber, Update};
use belfry::config::Config;
use belfry::media::control::Codec;
use belfry::sim::network::Faults;
use belfry::sim::phone::{Manner, State};
use belfry::sim::world::World;
use belfry::switch::care::{Case, KeptCases, Need};
use belfry::switch::console::{CallRow, CareCallOrder, CaseRow};
use belfry::switch::fact::{CareFact, FactKind, Meaning};
use belfry::switch::{Input, Reply, Request};
use belfry::wire::telecare::scaip;

use super::house::{House, SOON, config_with, sample_plan};
use super::queue::{behaves, sign_in};

/// Within this somebody is rung: `speech_within`, an agent who lets it ring, and those on duty after that.
const PATIENCE: Duration = Duration::from_secs(120);
/// The phones of humans.
const HUMANS: [usize; 3] = [0, 1, 3];
const UNIT: usize = 2;

/// What goes on at the home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum During {
    Nothing,
    Reminder,
    CareCall,
    Survey,
    Plan,
    Talk,
    Release,
}

const ALL: [During; 7] = [
    During::Nothing,
    During::Reminder,
    During::CareCall,
    During::Survey,
    During::Plan,
    During::Talk,
    During::Release,
];

/// How the bell is pressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Press {
    /// By MESSAGE, and the unit calls as soon as its line is free, which it makes so or not.
    Reports { hangs_up: bool },
    /// By MESSAGE, and it will not call.
    Speechless,
    /// By the call of another telephone of the home.
    Calls,
    /// By the call of a mobile that is the home's.
    Mobile,
}

const PRESSES: [Press; 5] = [
    Press::Reports { hangs_up: true },
    Press::Reports { hangs_up: false },
    Press::Speechless,
    Press::Calls,
    Press::Mobile,
];

/// How many seeds: more by hand, with `BELFRY_ANY_MOMENT=200`.
fn seeds(otherwise: u64) -> u64 {
    let own = std::env::var("BELFRY_ANY_MOMENT");
    own.ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn seconds(rng: &mut Rng, most: u64) -> Duration {
    Duration::from_millis(rng.below(most * 1_000))
}

struct Run {
    house: House,
    rng: Rng,
    what: String,
}

impl Run {
    fn new(during: During, press: Press, seed: u64) -> Run {
        let rng = Rng::from_seed(seed ^ 0xbe11);
        let plan = "[[plan]]\nname = \"bell\"\nstart = \"alarm\"\n[[plan_step]]\nplan = \"bell\"\n\
                    name = \"contacts\"\ncall = [\"contacts\"]\n";
        let sections = format!(
            "[care]\nnumber = \"900\"\nbells = [\"95081\"]\nphones = [\"1002\", \"1004\"]\nspeech_within = \"30 s\"\n\
             [check_in]\ngrace = \"1 min\"\nwindow = \"5 min\"\n\
             [[care_call]]\nname = \"own\"\nhours = \"00:00-24:00\"\nnumbers = [\"1003\"]\n{}\
             [[agent]]\nnumber = \"7001\"\npin = \"4711\"\n[[queue]]\nname = \"hotline\"\nafter_call = \"0 s\"\nring = \"10 s\"\n",
            if during == During::Plan { plan } else { "" }
        );
        let change = |config: &mut Config| {
            *config = config_with(4, &World::addresses(100).0.to_string(), &sections);
            config.phones[UNIT].context = config.gateways[0].context.clone();
        };
        let codecs: [&[Codec]; 4] = [&[Codec::Pcma]; 4];
        let house = House::with_plan(sample_plan(), Faults::NONE, seed, codecs, change);
        let what = format!("{during:?}, {press:?}, seed {seed}");
        let mut run = Run { house, rng, what };
        (0..4).for_each(|n| run.house.register(n));
        run.house.second_line(UNIT);
        run.home(during == During::Reminder);
        if run.rng.chance(0.5) {
            sign_in(&mut run.house, 0, "7001");
        }
        run.humans_behave();
        run
    }

    /// Whoever is there lets it ring a while, or does not come to the phone; one of them comes.
    fn humans_behave(&mut self) {
        let comes = HUMANS[1 + self.rng.below(2) as usize];
        for n in HUMANS {
            let manner = match n == comes || self.rng.chance(0.5) {
                true => Manner::AnswerAfter(seconds(&mut self.rng, 8)),
                false => Manner::Ring,
            };
            behaves(&mut self.house, n, manner);
        }
    }

    fn home(&mut self, checks_in: bool) {
        let mobile = self.house.world.phone(self.house.caller).setup().number.clone();
        let wall = self.house.world.facts.first().map_or(0, |fact| fact.wall.0);
        // By the clock of Shanghai, which the sample keeps.
        let minute = (wall.div_euclid(60_000) + 480 + 8).rem_euclid(1_440);
        let by = format!("{:02}:{:02}", minute / 60, minute % 60);
        let mut subscriber = Subscriber::default();
        let fields =
            [("number", "1003"), ("further_numbers", mobile.as_str()), ("contacts", "Li/1004")];
        let by = checks_in.then_some(("check_in", by.as_str()));
        for (field, text) in fields.into_iter().chain(by) {
            subscriber.set(field, text).expect("it is right");
        }
        let put = vec![Kept { subscriber, since: Wall(0) }];
        self.house.world.ask(Request::Status);
        let update = Update { all: true, put, ..Update::default() };
        self.house.world.input(Input::Subscribers(Box::new(update)));
    }

    fn is_called(&mut self) {
        let unit = self.house.phones[UNIT];
        let called = self.house.world.until(Duration::from_secs(900), |w| w.phone(unit).calls > 0);
        assert!(called, "{}: {:#?}", self.what, self.house.world.warnings);
    }

    fn calls(&mut self, phone: usize, number: &str) {
        self.house.world.with(phone, |phone, now| phone.call(now, number));
    }

    /// It begins, and goes on to any moment.
    fn goes_on(&mut self, during: During) {
        let manner = match self.rng.chance(0.5) {
            true => Manner::AnswerAfter(seconds(&mut self.rng, 6)),
            false => Manner::Ring,
        };
        let (unit, caller) = (self.house.phones[UNIT], self.house.caller);
        match during {
            During::Nothing => {}
            During::Reminder => {
                behaves(&mut self.house, UNIT, manner);
                self.is_called();
            }
            During::CareCall => {
                behaves(&mut self.house, UNIT, manner);
                let (list, region, text) = ("own".into(), String::new(), "care/medicine".into());
                let start = CareCallOrder::Start { list, region, text };
                let begun = self.house.world.ask(Request::CareCall(start, "li".into()));
                assert!(matches!(begun, Some(Reply::Done(_))), "{}: {begun:?}", self.what);
                self.is_called();
            }
            During::Survey => {
                self.calls(unit, "4008009000");
                self.house.world.run(Duration::from_secs(2));
                self.house.press(unit, '1');
                self.house.world.run(seconds(&mut self.rng, 20));
                HUMANS.into_iter().for_each(|n| self.house.hang_up(self.house.phones[n]));
            }
            During::Plan => {
                self.calls(caller, "95081");
                self.house.world.run(seconds(&mut self.rng, 12));
                // The contact comes to the home, or hears on.
                if self.rng.chance(0.5) {
                    self.house.press(self.house.phones[3], '1');
                }
            }
            During::Talk => {
                self.calls(caller, "95081");
                let humans = HUMANS.map(|n| self.house.phones[n]);
                let talks =
                    |w: &mut World| humans.iter().any(|n| w.phone(*n).state == State::Talking);
                assert!(self.house.world.until(PATIENCE, talks), "{}", self.what);
            }
            During::Release => {
                HUMANS.into_iter().for_each(|n| behaves(&mut self.house, n, Manner::Refuse(486)));
                self.calls(caller, "95081");
            }
        }
        let most = if during == During::Release { 150 } else { 30 };
        self.house.world.run(seconds(&mut self.rng, most));
        if during == During::Release {
            self.humans_behave();
        }
    }

    fn pressed(&mut self, press: Press) {
        let (unit, second, caller) =
            (self.house.phones[UNIT], self.house.phones[4], self.house.caller);
        let text =
            |tags: &str| format!("<mrq><ref>p1</ref><cid>1003</cid><dty>3</dty>{tags}</mrq>");
        let said = match press {
            Press::Speechless => text("<crd>no-voice:</crd>"),
            _ => text(""),
        };
        match press {
            Press::Reports { .. } | Press::Speechless => {
                self.house
                    .world
                    .with(unit, |phone, now| phone.write_as(now, "900", scaip::TYPE, &said));
                self.house.world.run(Duration::from_millis(300));
            }
            Press::Calls => self.calls(second, "95081"),
            Press::Mobile => match self.is_free(caller) {
                true => self.calls(caller, "95081"),
                false => self.calls(second, "95081"),
            },
        }
        if press == (Press::Reports { hangs_up: true }) && !self.is_free(unit) {
            self.house.hang_up(unit);
            self.house.world.run(Duration::from_millis(500));
        }
        if matches!(press, Press::Reports { .. }) && self.is_free(unit) {
            self.calls(unit, "900");
        }
    }

    fn is_free(&self, phone: usize) -> bool {
        matches!(self.house.state(phone), State::Idle | State::Ended(_))
    }

    /// Calls that came to humans.
    fn rung(&self) -> u64 {
        HUMANS.iter().map(|n| self.house.world.phone(self.house.phones[*n]).calls).sum()
    }

    fn cases(&mut self) -> Vec<CaseRow> {
        match self.house.world.ask(Request::Cases) {
            Some(Reply::Cases { cases, .. }) => cases,
            other => panic!("{}: {other:?}", self.what),
        }
    }

    fn rows(&mut self) -> Vec<CallRow> {
        match self.house.world.ask(Request::Calls) {
            Some(Reply::Calls(rows)) => rows,
            other => panic!("{}: {other:?}", self.what),
        }
    }

    /// The home is talked with in its case's call.
    fn is_talked_with(&mut self) -> bool {
        let own: Vec<_> = self.cases().into_iter().filter_map(|row| row.call).collect();
        let rows = self.rows();
        let together = |row: &CallRow| {
            let there = |other: &CallRow| other.id != row.id && other.state == row.state;
            row.state.starts_with("in conference") && rows.iter().any(there)
        };
        let talks = |row: &CallRow| row.state.starts_with("talks with") || together(row);
        rows.iter().any(|row| own.contains(&row.id) && talks(row))
    }

    fn of_the_home(&self, is: fn(&CareFact) -> bool) -> usize {
        let own = |kind: &FactKind| matches!(kind, FactKind::Care { account, what } if account == "1003" && is(what));
        self.house.world.facts.iter().filter(|fact| own(&fact.kind)).count()
    }

    fn alarms(&self) -> usize {
        let case = |what: &CareFact| {
            matches!(what, CareFact::Reported { meaning: Meaning::Alarm(_), case: Some(_), .. })
        };
        self.of_the_home(case)
    }

    /// Calls that belong to its case: that of a home which is to call is no alarm of its own.
    fn joined(&self) -> usize {
        self.of_the_home(|what| matches!(what, CareFact::CallJoined { .. }))
    }

    /// A human is rung, or the home is talked with in its case.
    fn comes_to_a_human(&mut self, before: u64) {
        let until = self.house.world.now() + PATIENCE;
        while self.house.world.now() < until {
            if self.rung() > before || self.is_talked_with() {
                return;
            }
            self.house.world.run(Duration::from_millis(500));
        }
        let (cases, rows) = (self.cases(), self.rows());
        panic!("{}: nobody\n{cases:#?}\n{rows:#?}\n{:#?}", self.what, self.house.world.warnings);
    }
}

fn at_any_moment(during: During, seeds: u64) {
    for seed in 0..seeds {
        let press = PRESSES[((seed + during as u64) % 5) as usize];
        let mut run = Run::new(during, press, 100_000 * (during as u64 + 1) + seed);
        run.goes_on(during);
        let (rung, alarms) = (run.rung(), run.alarms());
        run.pressed(press);
        run.house.world.run(Duration::from_secs(1));
        assert!(run.alarms() > alarms, "{}: it is written down", run.what);
        assert_eq!(run.cases().len(), 1, "{}: of one home", run.what);
        run.comes_to_a_human(rung);
    }
}

#[test]
fn a_bell_at_any_moment_comes_to_a_human() {
    ALL.into_iter().for_each(|during| at_any_moment(during, seeds(1)));
}

/// The records come some seconds after the start, and the subscribers after them; a case is open, and somebody had talked with
/// its home or not.
#[test]
fn a_bell_at_any_moment_of_a_start_comes_to_a_human() {
    let plan = "[[route]]\nname = \"bells\"\ncontext = \"agents\"\nwhen = { to = [\"900\", \"95081\"] }\n\
        steps = [{ dial = { phones = [\"1002\", \"1004\"], timeout = 60 } }]\n\
        [[route]]\nname = \"unit\"\ncontext = \"care-unit\"\nsteps = [{ dial = { phones = \"1002\" } }]\n\
        [[route]]\nname = \"duty\"\ncontext = \"care-duty\"\nsteps = [{ wait = \"5 s\" }]\n";
    let sections = "[care]\nnumber = \"900\"\nbells = [\"95081\"]\nphones = [\"1002\", \"1004\"]\nspeech_within = \"30 s\"\n";
    for seed in 0..seeds(3) {
        let mut rng = Rng::from_seed(seed ^ 0x57a7);
        let press = PRESSES[(seed % 4) as usize];
        let mut house = House::before_the_records(plan, sections, 900_000 + seed);
        (0..4).for_each(|n| house.register(n));
        house.second_line(UNIT);
        let talked = rng.chance(0.5);
        let what = format!("start, {press:?}, talked {talked}, seed {seed}");
        let mut run = Run { house, rng, what };
        let records = |house: &mut House| {
            let mut case = Case::kept(0, "1003".into());
            case.need = Need::Fall;
            house.world.input(Input::Cases(KeptCases {
                cases: vec![(case, talked)],
                ..KeptCases::default()
            }));
        };
        // Before, between, after.
        let nth = run.rng.below(3);
        if nth > 0 {
            records(&mut run.house);
            run.house.world.run(seconds(&mut run.rng, 4));
        }
        if nth > 1 {
            run.home(false);
            run.house.world.run(seconds(&mut run.rng, 4));
        }
        let (rung, noted) = (run.rung(), run.alarms() + run.joined());
        run.pressed(press);
        run.house.world.run(seconds(&mut run.rng, 3));
        if nth < 1 {
            records(&mut run.house);
        }
        if nth < 2 {
            run.home(false);
        }
        run.house.world.run(SOON);
        assert!(run.alarms() + run.joined() > noted, "{}: it is written down", run.what);
        run.comes_to_a_human(rung);
    }
}
