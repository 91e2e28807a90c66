//! A day of a contact centre, with its facts and figures: people who hang up, phones that vanish, agents
//! who do not answer, take breaks and sign out in mid-talk, and offers of which nobody tells what came.
//!
//! Each caller has one end; nobody is stuck; what is counted live is, to the unit, what is computed from the
//! journal, as it was written and read; and queues, agents and teams agree with each other. At each assignment a
//! model that looks at everybody says whether it is that agent's turn and that caller's (`day/model.rs`). A day with
//! call-backs, overflow, holds and gateways, counted a second time: `day/count.rs`.
//!
//! The long form, 300 agents, 40 queues and 50,000 calls:
//! `cargo test --release --lib day::a_whole_day -- --ignored --nocapture`.

use super::*;
use crate::acd::agent::{AgentState, Input as Wish, Patience, Reason};
use crate::acd::event::{Cause, Missed};
use crate::acd::queue::{Members, Staffing, Terms};
use crate::acd::{Action, Entry, House, Person, Pin, Strategy};
use crate::base::CallId;
use crate::report::book::Book;
use crate::report::{Kind, Ledger, Measure};

mod count;
mod model;

/// 2026-01-05, 8:00 in UTC.
const MORNING: i64 = 1_767_600_000_000;
const OPENING_S: u64 = 10 * 3_600;

#[derive(Clone, Copy)]
struct Size {
    agents: u64,
    queues: u64,
    calls: u64,
}

/// What will happen outside the centre.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outside {
    Calls(u64),
    HangsUp(CallId),
    Answers(CallId, crate::acd::AgentId),
    Misses(CallId, crate::acd::AgentId),
    TalkEnds(CallId),
    Wishes(u64),
}

struct Day {
    switch: Switch,
    rng: Rng,
    at: Time,
    size: Size,
    ahead: BTreeSet<(Time, Outside)>,
    /// Each fact, written and read again.
    facts: Vec<Fact>,
    ends: BTreeMap<CallId, u32>,
    entered: u64,
    model: model::Model,
    /// When the calendar is set back, by an hour.
    set_back: Time,
}

fn house(size: Size) -> House {
    let strategies = [
        Strategy::LongestIdle,
        Strategy::FewestCalls,
        Strategy::RoundRobin,
        Strategy::SkillLevel,
        Strategy::LeastTalk,
    ];
    let pin = Pin::new("1234", &mut Rng::from_seed(1));
    let person = |n: u64| Person {
        number: format!("{}", 7_000 + n),
        name: String::new(),
        pin: pin.clone(),
        team: Some(format!("team-{}", n % 5)),
        supervisor: false,
        supervises: Vec::new(),
        skills: (0..4).map(|k| (format!("skill-{}", (n + k * 7) % size.queues), 3)).collect(),
        regions: Vec::new(),
        weight: 1,
    };
    let terms = |n: u64| Terms {
        name: format!("queue-{n}"),
        members: Members { skills: vec![(format!("skill-{n}"), 1)], ..Members::default() },
        strategy: strategies[n as usize % strategies.len()],
        ring: Duration::from_secs(15),
        after_call: Duration::from_secs(20),
        ageing: Duration::from_secs(60),
        region_overflow: Duration::ZERO,
        last_agent: Duration::from_secs(10),
        most: 200,
        longest: Duration::from_secs(300),
        join: Staffing::SignedIn,
        stay: Staffing::SignedIn,
        back: None,
        hours: Default::default(),
        overflow: None,
    };
    House {
        agents: (0..size.agents).map(person).collect(),
        queues: (0..size.queues).map(terms).collect(),
        wrap_ups: Vec::new(),
        patience: Patience { missed_most: 2, rest: Duration::from_secs(5), ready_at_sign_in: true },
        pin_tries: 3,
        pin_lock: Duration::from_secs(900),
    }
}

impl Day {
    fn new(size: Size, seed: u64) -> Day {
        let mut switch = Rig::new("").switch;
        while switch.poll_output().is_some() {}
        switch.centre.configure(Time::ZERO, house(size));
        let mut day = Day {
            switch,
            rng: Rng::from_seed(seed),
            at: Time::ZERO,
            size,
            ahead: BTreeSet::new(),
            facts: Vec::new(),
            ends: BTreeMap::new(),
            entered: 0,
            model: model::Model::new(&house(size)),
            set_back: Time::NEVER,
        };
        (0..size.agents).for_each(|n| day.later(0, 600, Outside::Wishes(n)));
        (0..size.calls).for_each(|n| day.later(300, OPENING_S - 900, Outside::Calls(n + 1)));
        day
    }

    fn now(&self) -> Now {
        let back = if self.at >= self.set_back { 3_600_000 } else { 0 };
        Now { at: self.at, wall: Wall(MORNING + self.at.as_millis() as i64 - back) }
    }

    fn later(&mut self, least: u64, spread: u64, what: Outside) {
        let ms = least * 1_000 + self.rng.below(spread * 1_000);
        self.ahead.insert((self.at + Duration::from_millis(ms), what));
    }

    fn happens(&mut self, what: Outside) {
        let at = self.at;
        match what {
            Outside::Calls(n) => {
                let queue = format!("queue-{}", self.rng.below(self.size.queues));
                let call = CallId::new(Wall(MORNING), n);
                let entry = Entry {
                    call,
                    number: format!("138{}", self.rng.below(self.size.calls / 4)),
                    priority: self.rng.below(5) as i32,
                    urgent: false,
                    vip: self.rng.chance(0.01),
                    region: None,
                    longest: None,
                    since: None,
                };
                self.model.comes(at, &queue, &entry);
                self.entered += u64::from(self.switch.centre.enter(at, &queue, entry).is_ok());
                if self.rng.chance(0.3) {
                    self.later(1, 200, Outside::HangsUp(call));
                }
            }
            Outside::HangsUp(call) | Outside::TalkEnds(call) => {
                self.switch.centre.call_over(at, call);
            }
            Outside::Answers(call, agent) => {
                if self.switch.centre.answered(at, call, agent) {
                    self.later(10, 240, Outside::TalkEnds(call));
                }
            }
            Outside::Misses(call, agent) => {
                let whys = [Missed::NoAnswer, Missed::Rejected, Missed::Busy, Missed::Unreachable];
                let why = whys[self.rng.below(4) as usize];
                self.switch.centre.missed(at, call, agent, why);
            }
            Outside::Wishes(n) => {
                self.wish(n);
                self.later(60, 2_400, Outside::Wishes(n));
            }
        }
    }

    fn wish(&mut self, n: u64) {
        let (number, phone) = (format!("{}", 7_000 + n), format!("{}", 1_000 + n));
        let wish = match self.rng.below(12) {
            0 => Wish::SignOut,
            1 => Wish::NotReady(Reason::Break(self.rng.below(3) as u16)),
            2 => Wish::Reachable(false),
            3 => Wish::Engaged(true),
            4 => Wish::Engaged(false),
            5 => Wish::AfterWorkDone,
            6 => Wish::Ready,
            7 => Wish::Reachable(true),
            _ => {
                _ = self.switch.centre.sign_in(self.at, &number, "1234", &phone);
                return;
            }
        };
        let agent = self.switch.centre.numbered(&number).expect("configured");
        _ = self.switch.centre.wish(self.at, agent, wish, Cause::Agent);
    }

    fn drain(&mut self) {
        let now = self.now();
        while let Some(action) = self.switch.centre.poll() {
            match action {
                // One in twenty is never told: the reservation has to expire by itself.
                Action::Offer { call, agent, .. } => match self.rng.below(20) {
                    0 => {}
                    1..5 => self.later(1, 14, Outside::Misses(call, agent)),
                    _ => self.later(1, 14, Outside::Answers(call, agent)),
                },
                Action::Tell(event) => {
                    self.model.told(event.at, &event.what);
                    self.switch.centre_fact(now, event.what);
                }
                Action::Withdraw { .. } | Action::Out { .. } => {}
            }
        }
        while let Some(output) = self.switch.poll_output() {
            let Output::Fact(fact) = output else { continue };
            if let FactKind::Queue { call, what, .. } = &fact.kind {
                use fact::QueueFact::{Answered, Left};
                let ends = matches!(what, Answered { .. } | Left { .. });
                *self.ends.entry(*call).or_default() += u32::from(ends);
            }
            let written = serde_json::to_string(&fact).expect("a fact can be written");
            self.facts.push(serde_json::from_str(&written).expect("and read"));
        }
    }

    fn run(&mut self, until: Time) {
        loop {
            let outside = self.ahead.first().map(|(at, _)| *at);
            let next = outside.into_iter().chain(self.switch.centre.next_wake()).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.at = self.at.max(at);
            self.switch.centre.wake(self.at);
            self.drain();
            while self.ahead.first().is_some_and(|(at, _)| *at <= self.at) {
                let Some((_, what)) = self.ahead.pop_first() else { break };
                self.happens(what);
                self.drain();
            }
        }
        self.at = until;
    }
}

/// What was told on a day, and the figures that were live at its end.
pub(crate) fn told(agents: u64, queues: u64, calls: u64, seed: u64) -> (Vec<Fact>, Book) {
    let day = lived(Day::new(Size { agents, queues, calls }, seed));
    let book = day.switch.figures.book().clone();
    (day.facts, book)
}

fn lived(mut day: Day) -> Day {
    day.run(Time::ZERO + Duration::from_secs(OPENING_S));
    // Closing time: nobody calls or wishes any more, and what is under way ends.
    day.ahead.retain(|(_, what)| !matches!(what, Outside::Calls(_) | Outside::Wishes(_)));
    let evening = day.at + Duration::from_secs(3_600);
    day.run(evening);
    for n in 0..day.size.agents {
        let agent = day.switch.centre.numbered(&format!("{}", 7_000 + n)).expect("configured");
        _ = day.switch.centre.wish(day.at, agent, Wish::SignOut, Cause::Agent);
    }
    day.drain();
    day
}

fn runs(day: Day) {
    let mut day = lived(day);
    assert_eq!(day.switch.centre.in_being(), (0, 0), "nobody waits, rings or talks");
    let stuck = |state: &AgentState| !matches!(state, AgentState::Null);
    assert!(!day.switch.centre.agents(day.at).iter().any(|view| stuck(&view.state)));
    day.ends.retain(|_, ends| *ends != 0);
    assert!(day.ends.values().all(|ends| *ends == 1), "each caller has one end");
    assert_eq!(day.ends.len() as u64, day.entered);
    assert!(day.model.checked > day.entered / 3, "{} assignments", day.model.checked);

    let (mut ledger, mut book) = (Ledger::default(), Book::default());
    for fact in &day.facts {
        ledger.take(fact.wall, fact.happened());
        ledger.drain().for_each(|delta| book.add(delta));
    }
    assert!(day.switch.figures.book() == &book, "live and recomputed figures are the same");
    agree(&book, &day);
}

/// Queues, agents and teams tell the same story.
fn agree(book: &Book, day: &Day) {
    let sum = |kind: Kind, measure: Measure| -> u64 {
        let rows = book.rows().filter(|(subject, _, _)| subject.kind == kind);
        rows.map(|(_, _, tally)| tally.get(measure.clone())).sum()
    };
    let (entered, answered) =
        (sum(Kind::Queue, Measure::Entered), sum(Kind::Queue, Measure::Answered));
    let mut whole = crate::report::Tally::default();
    let queues = book.rows().filter(|(subject, _, _)| subject.kind == Kind::Queue);
    queues.for_each(|(_, _, tally)| whole.merge(tally));
    assert_eq!(entered, day.entered);
    assert_eq!(
        crate::report::figures::offered(&whole),
        entered,
        "each has one end in the figures, too"
    );
    assert_eq!(whole.answered_within(u32::MAX), answered);
    assert!(answered > entered / 4, "{answered} of {entered}");
    for measure in [Measure::Answered, Measure::TalkMs, Measure::Offers, Measure::NotTaken] {
        let of = [Kind::Queue, Kind::Agent, Kind::Team].map(|kind| sum(kind, measure.clone()));
        assert_eq!((of[0], of[0]), (of[1], of[2]), "{measure}");
    }
    let talking = sum(Kind::Agent, Measure::TalkingMs);
    let talks = sum(Kind::Agent, Measure::TalkMs) + sum(Kind::Agent, Measure::HoldMs);
    assert_eq!(talking, talks, "time in talks is the talks' time");
}

#[test]
fn a_short_day() {
    runs(Day::new(Size { agents: 40, queues: 8, calls: 4_000 }, 11));
}

/// At noon the calendar is an hour behind: nobody is stuck, and times are those that passed.
#[test]
fn a_day_on_which_the_clock_is_set_back() {
    let mut day = Day::new(Size { agents: 12, queues: 4, calls: 400 }, 13);
    day.set_back = Time::ZERO + Duration::from_secs(OPENING_S / 2);
    runs(day);
}

#[test]
#[ignore = "half a minute: see the head of the file"]
fn a_whole_day() {
    runs(Day::new(Size { agents: 300, queues: 40, calls: 50_000 }, 12));
}
