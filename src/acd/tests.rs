//! The whole of it against a slow model: thousands of random mornings, each assignment checked by
//! looking at everybody.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::agent::{AgentState, Input, Patience, Reason};
use super::centre::{Action, Centre, House, Person};
use super::event::{Cause, Departure, Missed, SignInRefusal, What};
use super::pin::Pin;
use super::queue::{BackTerms, Entry, Members, Staffing, Terms, VIP};
use super::strategy::Strategy;
use crate::base::{CallId, Duration, Rng, Time, Wall};

mod campaigns;
mod day;
mod hours;
mod reloads;
mod talks;

const SECOND: Duration = Duration::from_secs(1);
const BACK: BackTerms = BackTerms {
    attempts: 3,
    pause: Duration::from_secs(300),
    within: Duration::from_secs(3_600),
    most: 40,
};
const REGIONS: [&str; 2] = ["north", "south"];

fn person(n: usize) -> Person {
    let regions = match n % 3 {
        0 => vec![],
        m => vec![REGIONS[m - 1].to_owned()],
    };
    Person {
        number: format!("70{n:02}"),
        name: format!("Agent {n}"),
        pin: Pin::new("1234", &mut Rng::from_seed(n as u64)),
        team: Some(if n.is_multiple_of(2) { "day" } else { "night" }.to_owned()),
        supervisor: false,
        supervises: Vec::new(),
        skills: vec![("care".into(), 1 + n as u8 % 4), ("sales".into(), n as u8 % 3)],
        regions,
        weight: 1,
    }
}

fn terms(name: &str, strategy: Strategy, members: Members) -> Terms {
    Terms {
        name: name.into(),
        members,
        strategy,
        ring: SECOND * 15,
        after_call: SECOND * 20,
        ageing: SECOND * 30,
        region_overflow: SECOND * 25,
        last_agent: SECOND * 10,
        most: 50,
        longest: SECOND * 300,
        join: Staffing::Nobody,
        stay: Staffing::Nobody,
        back: Some(BACK),
        hours: Default::default(),
        overflow: None,
    }
}

fn skilled(skill: &str, least: u8) -> Members {
    Members { skills: vec![(skill.into(), least)], ..Members::default() }
}

fn house(agents: &[usize]) -> House {
    let night = Members { teams: vec!["night".into()], ..Members::default() };
    House {
        agents: agents.iter().map(|n| person(*n)).collect(),
        queues: vec![
            terms("care", Strategy::LongestIdle, skilled("care", 1)),
            terms("sales", Strategy::SkillLevel, skilled("sales", 1)),
            terms("night", Strategy::FewestCalls, night),
            terms("alarm", Strategy::RingAll, skilled("care", 2)),
        ],
        wrap_ups: Vec::new(),
        patience: Patience { missed_most: 2, rest: SECOND * 5, ready_at_sign_in: true },
        pin_tries: 3,
        pin_lock: SECOND * 900,
    }
}
const QUEUES: [&str; 4] = ["care", "sales", "night", "alarm"];

/// What the model knows of an agent: from what was told, nothing else.
#[derive(Clone, Debug)]
struct Staff {
    who: Person,
    state: AgentState,
    idle_since: Time,
    calls: u32,
}

#[derive(Clone, Debug)]
struct Waits {
    queue: usize,
    score: i64,
    entered: Time,
    region: Option<String>,
    favourite: Option<String>,
    /// Agents that ring for it.
    rung: Vec<String>,
    back: bool,
    /// Its call-back rests, or is being made.
    away: bool,
}

/// The floor as somebody sees it who looks at everybody each time.
#[derive(Default)]
struct Model {
    staff: BTreeMap<String, Staff>,
    waits: BTreeMap<CallId, Waits>,
    ends: BTreeMap<CallId, usize>,
    /// By the caller's number. Who was taken out of the configuration is somebody else when it comes back.
    served: BTreeMap<String, (String, Option<super::AgentId>)>,
    numbers: BTreeMap<CallId, String>,
}

impl Model {
    fn serves(&self, agent: &Staff, queue: usize) -> bool {
        let level = |skill| agent.who.skills.iter().find(|s| s.0 == skill).map_or(0, |s| s.1);
        match QUEUES[queue] {
            "care" => level("care") >= 1,
            "sales" => level("sales") >= 1,
            "night" => agent.who.team.as_deref() == Some("night"),
            _ => level("care") >= 2,
        }
    }
    fn is_available(&self, agent: &Staff, at: Time) -> bool {
        matches!(agent.state, AgentState::Ready { rests_until } if rests_until <= at)
    }
    fn may(&self, agent: &Staff, it: &Waits, at: Time) -> bool {
        if !self.serves(agent, it.queue) {
            return false;
        }
        match (&it.favourite, &it.region) {
            (Some(number), _) if at < it.entered + SECOND * 10 => *number == agent.who.number,
            (_, Some(region)) if at < it.entered + SECOND * 25 => {
                agent.who.regions.is_empty() || agent.who.regions.contains(region)
            }
            _ => true,
        }
    }
    fn is_waiting(it: &Waits) -> bool {
        it.rung.is_empty() && !it.away
    }
    /// What the queue's strategy puts first: the smaller.
    fn key(&self, agent: &Staff, queue: usize) -> (u64, Time) {
        let sales = agent.who.skills.iter().find(|s| s.0 == "sales").map_or(0, |s| s.1);
        let by = match QUEUES[queue] {
            "sales" => 255 - u64::from(sales),
            "night" => u64::from(agent.calls),
            _ => 0,
        };
        (by, agent.idle_since)
    }

    /// Checks one assignment, and takes it over.
    fn offered(&mut self, at: Time, call: CallId, number: &str) {
        self.unserved(at);
        let agent = self.staff[number].clone();
        let it = self.waits[&call].clone();
        assert!(self.may(&agent, &it, at), "{number} may not take {call}: {agent:?} {it:?}");
        if Self::is_waiting(&it) {
            for (other, waits) in &self.waits {
                let earlier = (waits.score, *other) < (it.score, call);
                assert!(
                    !(Self::is_waiting(waits) && earlier && self.may(&agent, waits, at)),
                    "{other} is before {call} for {number} at {at:?}\n{waits:?}\n{it:?}"
                );
            }
            for other in self.staff.values().filter(|other| other.who.number != number) {
                let free = self.is_available(other, at) && self.may(other, &it, at);
                assert!(
                    !free || self.key(&agent, it.queue) <= self.key(other, it.queue),
                    "{} is before {number} for {call} at {at:?}\n{other:?}\n{agent:?}",
                    other.who.number
                );
            }
        } else {
            assert_eq!(QUEUES[it.queue], "alarm", "only ring-all rings several");
        }
        self.waits.get_mut(&call).expect("known").rung.push(number.to_owned());
    }

    fn agent_changed(&mut self, at: Time, number: &str, state: AgentState, cause: Cause) {
        let agent = self.staff.get_mut(number).expect("known");
        let was = std::mem::replace(&mut agent.state, state);
        if matches!(state, AgentState::Ready { .. }) && cause != Cause::Withdrawn {
            agent.idle_since = at;
        }
        if was == AgentState::Null {
            agent.calls = 0;
        }
        agent.calls += u32::from(state.talks_with().is_some());
        // Who moves to another phone is there in the same moment.
        if !state.is_working() && cause != Cause::Moved {
            for waits in self.waits.values_mut().filter(|w| Self::is_waiting(w)) {
                waits.favourite.take_if(|favourite| favourite == number);
            }
            // Who puts another out at its phone is there in the same moment, and may serve the same regions.
            if cause != Cause::Displaced {
                self.unserved(at);
            }
        }
    }

    /// A caller that was being rung for waits again: who it waited for may have gone meanwhile.
    fn favourite_gone(&mut self, call: CallId) {
        let Some(waits) = self.waits.get_mut(&call).filter(|w| Self::is_waiting(w)) else { return };
        let staff = &self.staff;
        waits.favourite.take_if(|favourite| !staff[favourite.as_str()].state.is_working());
    }

    /// A region that nobody serves is none.
    fn unserved(&mut self, at: Time) {
        let lost: Vec<CallId> = self
            .waits
            .iter()
            .filter(|(_, w)| Self::is_waiting(w))
            .filter(|(_, w)| w.region.as_ref().is_some_and(|r| !self.is_served(w.queue, r)))
            .filter(|(_, w)| w.favourite.is_none() || w.entered + SECOND * 10 <= at)
            .map(|(call, _)| *call)
            .collect();
        for call in lost {
            self.waits.get_mut(&call).expect("known").region = None;
        }
    }
    /// The same of one caller.
    fn unserved_one(&mut self, at: Time, call: CallId) {
        let Some(it) = self.waits.get(&call).filter(|w| Self::is_waiting(w)) else { return };
        let served = it.region.as_ref().is_none_or(|r| self.is_served(it.queue, r));
        if !served && (it.favourite.is_none() || it.entered + SECOND * 10 <= at) {
            self.waits.get_mut(&call).expect("known").region = None;
        }
    }
    fn is_served(&self, queue: usize, region: &String) -> bool {
        let serves = |a: &Staff| a.who.regions.is_empty() || a.who.regions.contains(region);
        self.staff.values().any(|a| a.state.is_working() && self.serves(a, queue) && serves(a))
    }

    /// Nobody who waits could be taken by one who is ready.
    fn at_rest(&mut self, at: Time) {
        self.unserved(at);
        for (call, it) in self.waits.iter().filter(|(_, it)| Self::is_waiting(it)) {
            for agent in self.staff.values().filter(|agent| self.is_available(agent, at)) {
                assert!(
                    !self.may(agent, it, at),
                    "{call} waits beside {agent:?} at {at:?}: {it:?}"
                );
            }
        }
        for (number, agent) in &self.staff {
            let rings = agent.state.rings_for().map(|(call, _)| call);
            let by_callers: Vec<CallId> = self
                .waits
                .iter()
                .filter(|(_, it)| it.rung.contains(number))
                .map(|(call, _)| *call)
                .collect();
            assert_eq!(by_callers, Vec::from_iter(rings), "{number} and its callers disagree");
        }
    }
}

/// The centre, the model beside it, and a clock.
struct Floor {
    centre: Centre,
    model: Model,
    now: Time,
    calls: u64,
    talks: Vec<CallId>,
    backs: Vec<CallId>,
}

impl Floor {
    fn new() -> Floor {
        let mut floor = Floor {
            centre: Centre::new(Rng::from_seed(1)),
            model: Model::default(),
            now: Time::from_millis(1_000),
            calls: 0,
            talks: Vec::new(),
            backs: Vec::new(),
        };
        floor.configure(&[0, 1, 2, 3, 4, 5, 6, 7]);
        floor
    }
    fn configure(&mut self, agents: &[usize]) {
        self.centre.configure(self.now, house(agents));
        for n in agents {
            let who = person(*n);
            self.model.staff.entry(who.number.clone()).or_insert(Staff {
                who,
                state: AgentState::Null,
                idle_since: Time::ZERO,
                calls: 0,
            });
        }
        self.drain();
    }
    fn number(n: usize) -> String {
        format!("70{:02}", n % 8)
    }
    fn agent(&self, n: usize) -> Option<super::AgentId> {
        self.centre.numbered(&Self::number(n))
    }

    fn drain(&mut self) {
        while let Some(action) = self.centre.poll() {
            match action {
                Action::Tell(event) => self.told(event.at, event.what),
                Action::Offer { call, agent, phone, back, .. } => {
                    let view = self.centre.agent(self.now, agent).expect("there");
                    assert_eq!(view.phone.as_deref(), Some(phone.as_str()));
                    assert_eq!(back.is_some(), self.model.waits[&call].back);
                }
                Action::Withdraw { .. } => {}
                Action::Out { call, .. } => assert!(self.model.ends.contains_key(&call)),
            }
        }
    }
    fn told(&mut self, at: Time, what: What) {
        let model = &mut self.model;
        match what {
            What::Agent { agent, state, cause, .. } => {
                model.agent_changed(at, &agent, state, cause)
            }
            What::Offered { call, agent, .. } => {
                // A call-back that is offered waits again, however short.
                if model.waits.get_mut(&call).is_some_and(|it| core::mem::take(&mut it.away)) {
                    model.favourite_gone(call);
                }
                model.offered(at, call, &agent);
            }
            What::NotTaken { call, agent, .. } => {
                if let Some(waits) = model.waits.get_mut(&call) {
                    waits.rung.retain(|rung| *rung != agent);
                }
                model.favourite_gone(call);
                // Whoever serves its region in the next moment was not there when it began to wait again.
                model.unserved_one(at, call);
            }
            What::BackFailed { agent, .. } => {
                let agent = model.staff.get_mut(&agent).expect("known");
                agent.calls = agent.calls.saturating_sub(1);
            }
            What::Answered { call, agent, .. } => {
                let id = self.centre.numbered(&agent);
                model.served.insert(model.numbers[&call].clone(), (agent, id));
                model.waits.remove(&call);
                *model.ends.entry(call).or_default() += 1;
                self.talks.push(call);
            }
            What::Left { call, .. } => {
                model.waits.remove(&call);
                *model.ends.entry(call).or_default() += 1;
            }
            _ => {}
        }
    }

    fn pass(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.centre.next_wake().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.centre.wake(self.now);
            self.drain();
            self.rested();
            self.model.at_rest(self.now);
        }
        self.now = until;
    }
    /// Call-backs whose pause is over wait again. What was told before did not know of them yet.
    fn rested(&mut self) {
        for call in self.backs.clone() {
            let waits = self.model.waits.get_mut(&call);
            if let Some(waits) = waits.filter(|w| w.away && self.centre.is_waiting(call)) {
                waits.away = false;
                self.model.favourite_gone(call);
            }
        }
    }

    fn enter(&mut self, queue: usize, priority: i32, vip: bool, region: usize, number: u64) {
        self.calls += 1;
        let (queue, call) = (queue % 4, CallId::new(Wall(1), self.calls));
        let number = format!("139{:03}", number % 12);
        let region = REGIONS.get(region % 3).map(|name| (*name).to_owned());
        let entry = Entry {
            call,
            number: number.clone(),
            priority,
            urgent: false,
            vip,
            region: region.clone(),
            longest: None,
            since: None,
        };
        let asked = priority + if vip { VIP } else { 0 };
        let back = self.model.waits.iter_mut().find(|(old, w)| {
            w.back
                && w.queue == queue
                && self.model.numbers[*old] == number
                && (self.centre.is_idle(**old) || self.centre.is_waiting(**old))
        });
        let ms = |at: Time| at.as_millis() as i64;
        let (entered, priority) = match back {
            Some((_, w)) => {
                // Until that call is over.
                w.away = true;
                (w.entered, ((ms(w.entered) - w.score) / 30_000).max(i64::from(asked)))
            }
            None => (self.now, i64::from(asked)),
        };
        let favourite = self.model.served.get(&number).filter(|(agent, id)| {
            let staff = &self.model.staff[agent];
            let is_same = id.is_some() && self.centre.numbered(agent) == *id;
            is_same && staff.state.is_working() && self.model.serves(staff, queue)
        });
        let waits = Waits {
            queue,
            score: ms(entered) - priority * 30_000,
            entered,
            favourite: favourite.map(|(agent, _)| agent.clone()),
            region,
            rung: Vec::new(),
            back: false,
            away: false,
        };
        self.model.waits.insert(call, waits);
        self.model.numbers.insert(call, number);
        if self.centre.enter(self.now, QUEUES[queue], entry).is_err() {
            self.model.waits.remove(&call);
        }
    }

    /// The agent's phone does something, if it rings.
    fn phone_does(&mut self, n: usize, answer: Result<(), Missed>) {
        let number = Self::number(n);
        let rings = self.model.staff.get(&number).and_then(|staff| staff.state.rings_for());
        let (Some((call, _)), Some(agent)) = (rings, self.agent(n)) else { return };
        match answer {
            Ok(()) => {
                assert!(self.centre.answered(self.now, call, agent));
                if let Some(waits) = self.model.waits.get_mut(&call).filter(|waits| waits.back) {
                    (waits.rung, waits.away) = (Vec::new(), true);
                }
            }
            Err(why) => self.centre.missed(self.now, call, agent, why),
        }
    }

    fn act(&mut self, op: &Op) {
        let now = self.now;
        match *op {
            Op::Enter(queue, priority, vip, region, number) => {
                self.enter(queue, priority, vip, region, number);
            }
            Op::Sign(n, phone) => {
                let phone = format!("10{:02}", phone % 9);
                _ = self.centre.sign_in(now, &Self::number(n), "1234", &phone);
            }
            Op::Wish(n, wish) => {
                if let Some(agent) = self.agent(n) {
                    let input = match wish % 9 {
                        0 => Input::SignOut,
                        1 => Input::NotReady(Reason::Break(3)),
                        2 => Input::AfterWorkDone,
                        3 => Input::Engaged(true),
                        4 => Input::Engaged(false),
                        5 => Input::Reachable(false),
                        6 => Input::Reachable(true),
                        _ => Input::Ready,
                    };
                    _ = self.centre.wish(now, agent, input, Cause::Agent);
                }
            }
            Op::Answer(n) => self.phone_does(n, Ok(())),
            Op::Miss(n, why) => {
                let whys = [Missed::NoAnswer, Missed::Rejected, Missed::Busy, Missed::Unreachable];
                self.phone_does(n, Err(whys[why % 4]));
            }
            Op::HangUp(n) => {
                let waits: Vec<CallId> = self.model.waits.keys().copied().collect();
                if let Some(call) = waits.get(n % waits.len().max(1)).copied() {
                    self.centre.call_over(now, call);
                }
            }
            Op::TalkOver(n) => {
                if !self.talks.is_empty() {
                    let call = self.talks.swap_remove(n % self.talks.len());
                    self.centre.talk_over(now, call);
                }
            }
            Op::CallBack(n) => {
                let waits: Vec<CallId> = self.model.waits.keys().copied().collect();
                if let Some(call) = waits.get(n % waits.len().max(1)).copied()
                    && self.centre.call_back(now, call, &self.model.numbers[&call]).is_ok()
                {
                    let waits = self.model.waits.get_mut(&call).expect("waits");
                    (waits.back, waits.away) = (true, true);
                    self.backs.push(call);
                }
            }
            Op::CalledBack(n, reached) => {
                // One that was reached is no call-back any more: nobody says later that it was not.
                let call = self.backs.get(n % self.backs.len().max(1)).copied();
                if let Some(call) = call.filter(|call| self.model.waits.contains_key(call)) {
                    self.centre.called_back(now, call, reached);
                }
            }
            Op::Reload(without) => {
                let agents: Vec<usize> = (0..8).filter(|n| *n != without % 12).collect();
                self.configure(&agents);
            }
            Op::Pass(ms) => self.pass(Duration::from_millis(ms)),
        }
        self.drain();
        self.rested();
        self.model.at_rest(self.now);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Enter(usize, i32, bool, usize, u64),
    Sign(usize, usize),
    Wish(usize, usize),
    Answer(usize),
    Miss(usize, usize),
    HangUp(usize),
    TalkOver(usize),
    CallBack(usize),
    CalledBack(usize, bool),
    Reload(usize),
    Pass(u64),
}

fn op() -> impl Strategy_ {
    let n = 0..1_000_usize;
    prop_oneof![
        6 => (n.clone(), -5..10_i32, any::<bool>(), n.clone(), any::<u64>())
            .prop_map(|(q, p, v, r, c)| Op::Enter(q, p, v, r, c)),
        4 => (n.clone(), n.clone()).prop_map(|(a, p)| Op::Sign(a, p)),
        4 => (n.clone(), n.clone()).prop_map(|(a, w)| Op::Wish(a, w)),
        8 => n.clone().prop_map(Op::Answer),
        2 => (n.clone(), n.clone()).prop_map(|(a, w)| Op::Miss(a, w)),
        2 => n.clone().prop_map(Op::HangUp),
        4 => n.clone().prop_map(Op::TalkOver),
        2 => n.clone().prop_map(Op::CallBack),
        2 => (n.clone(), any::<bool>()).prop_map(|(a, r)| Op::CalledBack(a, r)),
        1 => n.prop_map(Op::Reload),
        6 => (0..40_000_u64).prop_map(Op::Pass),
    ]
}
use proptest::strategy::Strategy as ProptestStrategy;
trait Strategy_: ProptestStrategy<Value = Op> {}
impl<T: ProptestStrategy<Value = Op>> Strategy_ for T {}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Longest-idle, skill, fewest calls and priorities hold at every assignment; nobody waits beside
    /// one who could take him; each caller has one end; and in the end nobody is stuck.
    #[test]
    fn every_assignment_is_what_a_look_at_everybody_says(ops in prop::collection::vec(op(), 1..120)) {
        let mut floor = Floor::new();
        for n in 0..4 {
            floor.act(&Op::Sign(n, n));
        }
        for op in &ops {
            floor.act(op);
        }
        for call in std::mem::take(&mut floor.talks) {
            floor.centre.talk_over(floor.now, call);
        }
        for call in floor.backs.clone() {
            floor.centre.call_over(floor.now, call);
            floor.centre.called_back(floor.now, call, false);
            floor.drain();
            floor.rested();
        }
        floor.pass(SECOND * 3_000);
        for call in floor.backs.clone() {
            floor.centre.called_back(floor.now, call, false);
        }
        floor.drain();
        floor.pass(SECOND * 4_000);
        prop_assert_eq!(floor.centre.in_being(), (0, 0));
        let entered = floor.model.ends.len();
        prop_assert!(floor.model.ends.values().all(|ends| *ends == 1), "each has one end");
        prop_assert!(entered <= floor.calls as usize);
        prop_assert!(floor.model.waits.is_empty());
    }
}

fn entry(call: u64, number: &str) -> Entry {
    Entry {
        call: CallId::new(Wall(1), call),
        number: number.into(),
        priority: 0,
        urgent: false,
        vip: false,
        region: None,
        longest: None,
        since: None,
    }
}
fn events(centre: &mut Centre) -> Vec<What> {
    let action = |action| match action {
        Action::Tell(event) => Some(event.what),
        _ => None,
    };
    std::iter::from_fn(|| centre.poll()).filter_map(action).collect()
}

#[test]
fn wrong_pins_lock_the_agent_and_the_phone() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[0, 1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let mut tries = |s, number, pin, phone| centre.sign_in(at(s), number, pin, phone).map(|_| ());
    let (wrong, locked) = (Err(SignInRefusal::Wrong), Err(SignInRefusal::Locked));
    assert_eq!(tries(1, "9999", "1234", "1001"), wrong, "an unknown agent looks like a wrong PIN");
    assert_eq!(tries(2, "7000", "1", "1001"), wrong);
    assert_eq!(tries(3, "7001", "2", "1001"), locked, "three from one phone");
    assert_eq!(tries(4, "7001", "1234", "1001"), locked);
    assert_eq!(tries(5, "7000", "1", "1002"), wrong);
    assert_eq!(tries(6, "7000", "1", "1003"), locked, "three for one agent, from wherever");
    assert_eq!(tries(7, "7000", "1234", "1004"), locked);
    assert_eq!(tries(8, "7001", "1234", "1004"), Ok(()));
    assert_eq!(tries(907, "7000", "1234", "1003"), Ok(()));

    // An operator lets it in at the phone where it was wrong.
    for s in 1_001..=1_003 {
        _ = centre.sign_in(at(s), "7000", "9", "1005");
    }
    assert_eq!(centre.sign_in(at(1_004), "7000", "1234", "1005").err(), locked.err());
    let agent = centre.numbered("7000").expect("an agent");
    centre.unlock(agent);
    assert_eq!(centre.sign_in(at(1_005), "7000", "1234", "1005"), Ok(agent));
}

#[test]
fn a_second_phone_moves_the_agent_and_a_second_agent_takes_the_phone() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[0, 1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let first = centre.sign_in(at(1), "7000", "1234", "1001").expect("right");
    centre.sign_in(at(2), "7000", "1234", "1002").expect("right");
    assert_eq!((centre.at_phone("1001"), centre.at_phone("1002")), (None, Some(first)));
    let second = centre.sign_in(at(3), "7001", "1234", "1002").expect("right");
    assert_eq!(centre.at_phone("1002"), Some(second));
    let causes: Vec<Cause> = events(&mut centre)
        .into_iter()
        .filter_map(|what| match what {
            What::Agent { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    use Cause::{Agent, Displaced, Moved};
    assert_eq!(causes, [Agent, Moved, Agent, Displaced, Agent]);
    // While somebody talks there, nobody takes the phone.
    centre.enter(at(4), "care", entry(1, "1")).expect("let in");
    assert!(centre.answered(at(5), CallId::new(Wall(1), 1), second));
    let talking = Err(SignInRefusal::Talking);
    assert_eq!(centre.sign_in(at(6), "7000", "1234", "1002"), talking);
    assert_eq!(centre.sign_in(at(6), "7001", "1234", "1001"), talking);
}

/// What rings for one who has gone to another phone is offered there; signing in where one is signed in is no other shift.
#[test]
fn a_caller_is_offered_where_the_agent_has_gone() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let agent = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    centre.sign_in(at(3), "7001", "1234", "1002").expect("it only rings");
    let phones: Vec<(bool, Option<String>)> = std::iter::from_fn(|| centre.poll())
        .filter_map(|action| match action {
            Action::Offer { phone, .. } => Some((true, Some(phone))),
            Action::Withdraw { phone, .. } => Some((false, phone)),
            _ => None,
        })
        .collect();
    let phone = |number: &str| Some(number.to_owned());
    assert_eq!(phones, [(true, phone("1001")), (false, phone("1001")), (true, phone("1002"))]);
    assert!(centre.answered(at(4), CallId::new(Wall(1), 1), agent));
    centre.call_over(at(9), CallId::new(Wall(1), 1));
    // Nobody who waits for the only agent is put out because he walks.
    let mut strict = house(&[1]);
    for terms in &mut strict.queues {
        (terms.join, terms.stay) = (Staffing::SignedIn, Staffing::SignedIn);
    }
    centre.configure(at(9), strict);
    centre.enter(at(9), "care", entry(2, "2")).expect("let in");
    centre.sign_in(at(10), "7001", "1234", "1001").expect("right");
    centre.sign_in(at(10), "7001", "1234", "1002").expect("right");
    let left = |what: &What| matches!(what, What::Left { .. });
    assert!(!events(&mut centre).iter().any(left));
    centre.call_over(at(10), CallId::new(Wall(1), 2));
    centre.wish(at(10), agent, Input::Ready, Cause::Agent).expect("of use");
    assert_eq!(centre.agent(at(10), agent).expect("there").calls, 0);
    assert!(centre.enter(at(11), "care", entry(3, "3")).is_ok());
    assert!(centre.answered(at(11), CallId::new(Wall(1), 3), agent));
    centre.call_over(at(12), CallId::new(Wall(1), 3));
    centre.sign_in(at(13), "7001", "1234", "1002").expect("right");
    let view = centre.agent(at(10), agent).expect("there");
    assert_eq!((view.state.name(), view.calls), ("ready", 1));
}

/// A reload takes the queue away while an agent calls somebody back: he is free when that is over, reached or not.
#[test]
fn an_agent_is_free_after_a_call_back_of_a_queue_that_is_no_more() {
    for came_of_it in [Some(true), Some(false), None] {
        let mut centre = Centre::new(Rng::from_seed(1));
        centre.configure(Time::ZERO, house(&[1]));
        let at = |s: u64| Time::from_millis(s * 1_000);
        let agent = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
        centre
            .wish(at(1), agent, Input::NotReady(Reason::Break(0)), Cause::Agent)
            .expect("a break");
        let call = CallId::new(Wall(1), 1);
        centre.enter(at(2), "care", entry(1, "13900")).expect("let in");
        centre.call_back(at(3), call, "13900").expect("noted");
        centre.call_over(at(4), call);
        centre.wish(at(5), agent, Input::Ready, Cause::Agent).expect("back");
        assert!(centre.answered(at(6), call, agent));
        let mut without = house(&[1]);
        without.queues.retain(|terms| terms.name != "care");
        centre.configure(at(7), without);
        match came_of_it {
            Some(reached) => centre.called_back(at(8), call, reached),
            None => centre.not_called_back(at(8), call),
        }
        if came_of_it == Some(true) {
            centre.agent_through(at(9), call, agent);
        }
        let view = centre.agent(at(9), agent).expect("there");
        assert_eq!(view.state.name(), "ready", "{came_of_it:?}");
        assert_eq!(centre.in_being(), (0, 0));
    }
}

/// With ring-all, who becomes ready while others ring for a caller rings too: not who was asked already, and not for the
/// last moments only.
#[test]
fn who_becomes_ready_while_others_ring_rings_too() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1, 2, 3]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    for (number, phone) in [("7001", "1001"), ("7002", "1002")] {
        centre.sign_in(at(1), number, "1234", phone).expect("right");
    }
    let [first, second] = ["7001", "7002"].map(|number| centre.numbered(number).expect("there"));
    let call = CallId::new(Wall(1), 1);
    centre.wish(at(1), second, Input::NotReady(Reason::Break(0)), Cause::Agent).expect("a break");
    centre.enter(at(2), "alarm", entry(1, "1")).expect("let in");
    let rung = |centre: &mut Centre| -> Vec<(String, Duration)> {
        let offer = |action| match action {
            Action::Offer { phone, ring, .. } => Some((phone, ring)),
            _ => None,
        };
        std::iter::from_fn(|| centre.poll()).filter_map(offer).collect()
    };
    assert_eq!(rung(&mut centre), [("1001".to_owned(), SECOND * 15)]);
    centre.wish(at(5), second, Input::Ready, Cause::Agent).expect("back");
    assert_eq!(rung(&mut centre), [("1002".to_owned(), SECOND * 12)]);
    // He declines, and is free again in five seconds: not for this one, as long as others ring.
    centre.missed(at(6), call, first, Missed::Rejected);
    centre.wake(at(11));
    centre.sign_in(at(11), "7003", "1234", "1003").expect("right");
    assert!(rung(&mut centre).is_empty(), "six seconds are left");
    // When nobody rings any more all are asked.
    centre.missed(at(17), call, second, Missed::NoAnswer);
    let both = ["1001", "1003"].map(|phone| (phone.to_owned(), SECOND * 15));
    let mut again = rung(&mut centre);
    again.sort();
    assert_eq!(again, both);
    assert!(centre.answered(at(18), call, first));
    centre.call_over(at(20), call);
    assert_eq!(centre.in_being(), (0, 0));
}

/// Nothing is left of queues and regions that are not configured any more, however often that changes.
#[test]
fn queues_and_regions_that_go_leave_nothing() {
    let mut centre = Centre::new(Rng::from_seed(1));
    let of = |n: u32| {
        let mut all = house(&[1, 2]);
        all.queues.truncate(1);
        let name = format!("q{n}");
        all.queues.push(Terms { name, ..all.queues[0].clone() });
        all.agents[0].regions = vec![format!("r{n}")];
        all
    };
    centre.configure(Time::ZERO, of(0));
    centre.sign_in(Time::ZERO, "7001", "1234", "1001").expect("right");
    centre.sign_in(Time::ZERO, "7002", "1234", "1002").expect("right");
    for n in 1..100u32 {
        let at = Time::from_millis(u64::from(n) * 1_000);
        let region = Some(format!("r{}", n - 1));
        let caller = Entry { region, ..entry(u64::from(n), "1") };
        centre.enter(at, &format!("q{}", n - 1), caller).expect("let in");
        centre.configure(at, of(n));
        _ = events(&mut centre);
    }
    assert_eq!((centre.regions.len(), centre.index.len()), (2, 2));
}

/// Nor does an agent who serves the queue no more: who waited for him, having been served by him last, is everybody's.
#[test]
fn an_agent_who_serves_other_queues_now_holds_nobody() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1, 3]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let first = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    centre.enter(at(2), "care", entry(1, "139")).expect("let in");
    assert!(centre.answered(at(3), CallId::new(Wall(1), 1), first));
    centre.call_over(at(4), CallId::new(Wall(1), 1));
    // He writes, and is waited for; another one is ready.
    centre.sign_in(at(5), "7003", "1234", "1003").expect("right");
    centre.enter(at(6), "care", entry(2, "139")).expect("let in");
    let offered = |what: &What| matches!(what, What::Offered { agent, .. } if agent == "7003");
    assert!(!events(&mut centre).iter().any(offered), "he is held");
    let mut other = house(&[1, 3]);
    other.agents[0].skills.clear();
    centre.configure(at(7), other);
    assert!(events(&mut centre).iter().any(offered));
}

/// Who waits for agents of a region that is no more is everybody's.
#[test]
fn a_region_that_goes_holds_nobody() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1, 2]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    for (number, phone) in [("7001", "1001"), ("7002", "1002")] {
        centre.sign_in(at(1), number, "1234", phone).expect("right");
    }
    let north = |n| Entry { region: Some("north".into()), ..entry(n, "1") };
    let agent = centre.numbered("7001").expect("an agent");
    centre.enter(at(2), "care", north(1)).expect("let in");
    assert!(centre.answered(at(3), CallId::new(Wall(1), 1), agent));
    centre.enter(at(4), "care", Entry { number: "2".into(), ..north(2) }).expect("let in");
    _ = events(&mut centre);
    let mut other = house(&[1, 2]);
    other.agents[0].regions = vec!["west".into()];
    centre.configure(at(5), other);
    let offered = |what: &What| matches!(what, What::Offered { agent, .. } if agent == "7002");
    assert!(events(&mut centre).iter().any(offered));
}

#[test]
fn an_agent_deleted_while_talking_finishes_the_talk() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let agent = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    centre.enter(at(2), "care", entry(1, "1")).expect("let in");
    assert!(centre.answered(at(3), CallId::new(Wall(1), 1), agent));
    centre.configure(at(4), house(&[2]));
    assert_eq!(centre.agent(at(5), agent).expect("still there").state.name(), "talking");
    assert!(centre.sign_in(at(5), "7001", "1234", "1002").is_err(), "and cannot sign in again");
    centre.call_over(at(9), CallId::new(Wall(1), 1));
    assert_eq!((centre.agent(at(9), agent), centre.numbered("7001")), (None, None));
    assert_eq!(centre.in_being(), (0, 0));
}

#[test]
fn a_call_back_keeps_its_place_and_is_one() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    for n in 1..=3 {
        centre.enter(at(n), "care", entry(n, ["", "139", "138", "139"][n as usize])).expect("in");
    }
    centre.call_back(at(4), call(1), "139").expect("noted");
    assert_eq!(centre.call_back(at(5), call(1), "139"), Err(super::NoCallBack::NotWaiting));
    assert_eq!(centre.call_back(at(5), call(3), "139"), Err(super::NoCallBack::Twice));
    assert_eq!(
        centre.call_back(at(5), call(3), "137"),
        Err(super::NoCallBack::Twice),
        "known by it"
    );
    assert_eq!(centre.call_back(at(5), call(2), ""), Err(super::NoCallBack::NoNumber));
    centre.call_over(at(6), call(1));
    centre.call_over(at(6), call(3));
    assert_eq!((centre.position(call(1)), centre.position(call(2))), (Some(1), Some(2)));
    // Who calls again has the place, and the call-back is not made meanwhile.
    centre.enter(at(10), "care", entry(4, "139")).expect("in");
    assert_eq!((centre.position(call(1)), centre.position(call(4))), (None, Some(1)));
    // Nobody answers it: so often, and no more.
    centre.call_back(at(11), call(4), "139").expect("noted");
    let left = events(&mut centre);
    assert!(left.iter().any(|what| matches!(what,
        What::Left { call: c, why: Departure::CalledAgain, .. } if *c == call(1))));
    centre.call_over(at(12), call(4));
    centre.call_over(at(12), call(2));
    let agent = centre.sign_in(at(13), "7001", "1234", "1001").expect("right");
    for attempt in 0..BACK.attempts {
        let now = at(14 + 400 * u64::from(attempt));
        centre.wake(now);
        assert!(centre.answered(now, call(4), agent), "attempt {attempt}");
        centre.called_back(now, call(4), false);
    }
    assert_eq!(centre.in_being(), (0, 0));
    let given_up = |what: &What| matches!(what, What::Left { why: Departure::GivenUp, .. });
    assert_eq!(events(&mut centre).iter().filter(|what| given_up(what)).count(), 1);
}

#[test]
fn who_may_come_in_and_stay() {
    use super::event::Refusal;
    let mut rules = house(&[1, 2]);
    rules.queues[0].most = 2;
    rules.queues[0].join = Staffing::Working;
    rules.queues[0].stay = Staffing::SignedIn;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    let at = |s: u64| Time::from_millis(s * 1_000);
    assert_eq!(centre.enter(at(1), "nix", entry(1, "1")), Err(Refusal::Unknown));
    assert_eq!(centre.enter(at(1), "care", entry(1, "1")), Err(Refusal::NoAgents));
    let agent = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    centre.engaged(at(1), "1001", true);
    assert_eq!(centre.enter(at(2), "care", entry(1, "1")), Ok(1));
    assert_eq!(centre.enter(at(2), "care", entry(1, "1")), Err(Refusal::Waits));
    assert_eq!(centre.enter(at(2), "care", entry(2, "2")), Ok(2));
    assert_eq!(centre.enter(at(2), "care", entry(3, "3")), Err(Refusal::Full));
    assert!(centre.expected(CallId::new(Wall(1), 2)) > centre.expected(CallId::new(Wall(1), 1)));
    centre.wish(at(3), agent, Input::NotReady(Reason::Break(0)), Cause::Agent).expect("of use");
    assert_eq!(centre.in_being().0, 2, "on a break is signed in");
    assert_eq!(centre.enter(at(3), "care", entry(3, "3")), Err(Refusal::NoAgents));
    centre.wish(at(4), agent, Input::SignOut, Cause::Agent).expect("of use");
    let out = std::iter::from_fn(|| centre.poll());
    let out = out.filter(|a| matches!(a, Action::Out { why: Departure::NoAgents, .. })).count();
    assert_eq!((out, centre.in_being()), (2, (0, 0)));
}

/// Whoever calls again himself is not called back: under his own number, and under the one that he gave; while an
/// agent's phone rings for it, and when he has been answered.
#[test]
fn a_call_back_is_never_made_to_one_who_has_called_again() {
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    for again in ["139", "020"] {
        let mut centre = Centre::new(Rng::from_seed(1));
        centre.configure(Time::ZERO, house(&[1]));
        centre.enter(at(1), "care", entry(1, "139")).expect("in");
        centre.call_back(at(2), call(1), "020").expect("noted");
        centre.call_over(at(3), call(1));
        let agent = centre.sign_in(at(4), "7001", "1234", "1001").expect("right");
        let offers = |centre: &mut Centre| -> Vec<(CallId, Option<String>)> {
            let offer = |action| match action {
                Action::Offer { call, back, .. } => Some((call, back)),
                _ => None,
            };
            std::iter::from_fn(|| centre.poll()).filter_map(offer).collect()
        };
        assert_eq!(offers(&mut centre), [(call(1), Some("020".into()))], "it rings for it");
        centre.enter(at(5), "care", entry(2, again)).expect("in");
        assert_eq!(
            offers(&mut centre),
            [(call(2), None)],
            "the caller has its place and its agent"
        );
        assert!(!centre.answered(at(6), call(1), agent), "too late");
        assert!(centre.answered(at(6), call(2), agent));
        centre.call_over(at(60), call(2));
        centre.wake(at(3_700));
        assert!(offers(&mut centre).is_empty() && centre.in_being() == (0, 0));
    }
    // An agent is calling him already: what comes of that ends it, and he is not called a second time.
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1, 2]));
    centre.enter(at(1), "care", entry(1, "139")).expect("in");
    centre.call_back(at(2), call(1), "139").expect("noted");
    centre.call_over(at(3), call(1));
    let agent = centre.sign_in(at(4), "7001", "1234", "1001").expect("right");
    assert!(centre.answered(at(5), call(1), agent));
    centre.enter(at(6), "care", entry(2, "139")).expect("in");
    centre.called_back(at(7), call(1), false);
    assert_eq!((centre.position(call(1)), centre.position(call(2))), (None, Some(1)));
}

#[test]
fn a_call_back_has_its_place_again_after_a_restart() {
    use super::back::Kept;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    let kept = |n: u64, queue: &str, waited: u64, left: u64, rests: u64| Kept {
        call: call(n),
        queue: queue.into(),
        from: format!("13{n}"),
        number: format!("13{n}"),
        priority: 0,
        waited: SECOND * waited as u32,
        left: SECOND * left as u32,
        failed: 1,
        rests: SECOND * rests as u32,
    };
    centre.enter(at(3), "care", entry(9, "139")).expect("in");
    centre.restore_back(at(5), kept(1, "care", 100, 600, 0));
    centre.restore_back(at(5), kept(1, "care", 100, 600, 0));
    centre.restore_back(at(5), kept(2, "care", 4_000, 600, 60));
    centre.restore_back(at(5), kept(3, "no more", 100, 600, 0));
    centre.restore_back(at(5), kept(4, "care", 100, 0, 0));
    let places: Vec<(CallId, usize, bool)> =
        centre.call_backs(at(5)).iter().map(|b| (b.call, b.position, b.rests.is_some())).collect();
    assert_eq!(places, [(call(2), 1, true), (call(1), 2, false)], "before who came after them");
    let ends: Vec<Departure> = events(&mut centre)
        .into_iter()
        .filter_map(|what| match what {
            What::Left { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [Departure::NotOffered, Departure::GivenUp], "their rows are over");
    let agent = centre.sign_in(at(6), "7001", "1234", "1001").expect("right");
    assert!(centre.answered(at(7), call(1), agent), "who does not rest");
    centre.called_back(at(8), call(1), true);
    centre.talk_over(at(20), call(1));
    centre.wake(at(66));
    assert!(centre.answered(at(67), call(2), agent), "and who has rested");
}

/// Offers that have come, each with whether it is a call-back.
fn offers(centre: &mut Centre) -> Vec<(CallId, bool)> {
    let offer = |action| match action {
        Action::Offer { call, back, .. } => Some((call, back.is_some())),
        _ => None,
    };
    std::iter::from_fn(|| centre.poll()).filter_map(offer).collect()
}

fn with_an_agent() -> (Centre, super::AgentId) {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let agent = centre.sign_in(Time::ZERO, "7001", "1234", "1001").expect("right");
    centre.engaged(Time::ZERO, "1001", true);
    (centre, agent)
}

#[test]
fn nobody_is_called_back_while_on_the_line() {
    let (mut centre, _) = with_an_agent();
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    centre.enter(at(1), "care", entry(1, "139")).expect("in");
    centre.call_back(at(2), call(1), "139").expect("noted");
    centre.engaged(at(3), "1001", false);
    assert!(offers(&mut centre).is_empty(), "it still hears that it is noted");
    centre.call_over(at(4), call(1));
    assert_eq!(offers(&mut centre), [(call(1), true)]);
}

/// Who calls again and hangs up has its call-back still, at its old place; one that an agent has taken has not.
#[test]
fn a_promise_outlives_a_call_that_is_given_up() {
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    for ends in [Departure::Abandoned, Departure::TimedOut] {
        let (mut centre, agent) = with_an_agent();
        centre.enter(at(1), "care", entry(1, "139")).expect("in");
        centre.enter(at(2), "care", entry(2, "138")).expect("in");
        centre.call_back(at(3), call(1), "139").expect("noted");
        centre.call_over(at(4), call(1));
        centre.enter(at(5), "care", entry(3, "139")).expect("in");
        let places = [1, 2, 3].map(|n| centre.position(call(n)));
        assert_eq!(places, [None, Some(2), Some(1)]);
        // A second call of that number has no place to take over.
        centre.enter(at(6), "care", entry(4, "139")).expect("in");
        assert_eq!(centre.position(call(4)), Some(3));
        centre.leave(at(7), call(3), ends);
        // It has its old place, and the figures of its own wait.
        let own = |what: &What| matches!(what, What::Left { call: c, waited_ms: 2_000, .. } if *c == call(3));
        assert!(events(&mut centre).iter().any(own));
        assert_eq!(centre.position(call(1)), None, "the other one waits still");
        centre.call_over(at(8), call(4));
        assert_eq!([1, 2].map(|n| centre.position(call(n))), [Some(1), Some(2)]);
        centre.engaged(at(9), "1001", false);
        assert_eq!(offers(&mut centre), [(call(1), true)]);
        assert!(centre.answered(at(10), call(1), agent));
        centre.called_back(at(11), call(1), true);
        centre.talk_over(at(12), call(1));
        centre.call_over(at(13), call(2));
        assert_eq!(centre.in_being(), (0, 0));
    }
}

#[test]
fn who_has_a_call_back_owed_needs_agents_like_everybody() {
    use super::event::Refusal;
    let mut rules = house(&[1]);
    rules.queues[0].join = Staffing::SignedIn;
    rules.queues[0].most = 1;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    let agent = centre.sign_in(at(0), "7001", "1234", "1001").expect("right");
    centre.engaged(at(0), "1001", true);
    centre.enter(at(1), "care", entry(1, "139")).expect("in");
    centre.call_back(at(2), call(1), "139").expect("noted");
    centre.call_over(at(3), call(1));
    centre.enter(at(4), "care", entry(2, "138")).expect("in");
    assert_eq!(centre.enter(at(5), "care", entry(3, "137")), Err(Refusal::Full));
    assert_eq!(centre.enter(at(5), "care", entry(4, "139")), Ok(1), "a place already");
    assert_eq!(centre.enter(at(6), "care", entry(5, "139")), Err(Refusal::Full), "one place");
    centre.call_over(at(7), call(4));
    centre.wish(at(8), agent, Input::SignOut, Cause::Agent).expect("of use");
    assert_eq!(centre.enter(at(9), "care", entry(6, "139")), Err(Refusal::NoAgents));
}

/// One that cannot be made rests, without an attempt; whoever is behind it is called back.
#[test]
fn a_call_back_that_cannot_be_made_starves_nobody() {
    let (mut centre, agent) = with_an_agent();
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    for n in [1, 2] {
        let number = ["", "139", "138"][n as usize];
        centre.enter(at(n), "care", entry(n, number)).expect("in");
        centre.call_back(at(2), call(n), number).expect("noted");
        centre.call_over(at(3), call(n));
    }
    centre.engaged(at(4), "1001", false);
    assert_eq!(offers(&mut centre), [(call(1), true)]);
    centre.missed(at(4), call(1), agent, Missed::NotRung);
    let rests: Vec<(bool, u32)> =
        centre.call_backs(at(4)).iter().map(|back| (back.rests.is_some(), back.failed)).collect();
    assert_eq!(rests, [(true, 0), (false, 0)]);
    centre.wake(at(10));
    assert_eq!(offers(&mut centre), [(call(2), true)]);
    // Nor is one that never rang an attempt; and neither is a talk.
    assert!(centre.answered(at(11), call(2), agent));
    centre.agent_through(at(29), call(2), agent);
    centre.not_called_back(at(30), call(2));
    let view = centre.agent(at(30), agent).expect("there");
    assert_eq!((view.state.name(), view.calls, view.talked), ("ready", 0, Duration::ZERO));
    assert_eq!(centre.call_backs(at(30)).iter().map(|back| back.failed).max(), Some(0));
    let talks = |what: &What| matches!(what, What::TalkOver { .. });
    assert!(!events(&mut centre).iter().any(talks));
    let long = "1".repeat(super::back::MOST_NUMBER + 1);
    centre.enter(at(31), "care", entry(3, "137")).expect("in");
    assert_eq!(centre.call_back(at(32), call(3), &long), Err(super::NoCallBack::NoNumber));
}

/// So many and no more; those who hide have a share; and a queue that is no more closes nobody's wait twice.
#[test]
fn call_backs_are_bounded_and_end_with_their_queue() {
    let mut rules = house(&[1]);
    rules.queues[0].most = 100;
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    let at = |s: u64| Time::from_millis(s * 1_000);
    let call = |n| CallId::new(Wall(1), n);
    let mut asks = |n: u64, from: &str| {
        centre.enter(at(n), "care", entry(n, from)).expect("in");
        let asked = centre.call_back(at(n), call(n), &format!("020{n}"));
        centre.call_over(at(n), call(n));
        asked
    };
    for n in 1..=4 {
        asks(n, "").expect("a tenth");
    }
    assert_eq!(asks(5, ""), Err(super::NoCallBack::Full));
    for n in 6..=41 {
        asks(n, &format!("139{n}")).expect("noted");
    }
    assert_eq!(asks(42, "13800"), Err(super::NoCallBack::Full));
    events(&mut centre);
    let mut rules = house(&[1]);
    rules.queues.remove(0);
    centre.configure(at(50), rules);
    let ends: Vec<Departure> = events(&mut centre)
        .into_iter()
        .filter_map(|what| match what {
            What::Left { why, .. } => Some(why),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [Departure::NotOffered; 40]);
    assert_eq!(centre.in_being(), (0, 0));
}

/// A phone with the call of a code has no line for a caller.
#[test]
fn no_caller_is_offered_while_a_phone_dials_a_code() {
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, house(&[1]));
    let at = |s: u64| Time::from_millis(s * 1_000);
    let offered = |centre: &mut Centre| {
        std::iter::from_fn(|| centre.poll()).filter(|a| matches!(a, Action::Offer { .. })).count()
    };
    centre.enter(at(1), "care", entry(1, "139")).expect("in");
    centre.dials(at(2), "1001", true);
    let agent = centre.sign_in(at(3), "7001", "1234", "1001").expect("right");
    assert_eq!(centre.agent(at(3), agent).expect("there").state.name(), "ready");
    assert_eq!(offered(&mut centre), 0);
    assert!(centre.expected(CallId::new(Wall(1), 1)) > Some(Duration::ZERO));
    centre.dials(at(5), "1001", false);
    assert_eq!(offered(&mut centre), 1);
    assert_eq!(centre.expected(CallId::new(Wall(1), 1)), Some(Duration::ZERO));
}

#[test]
fn a_wrap_up_code_is_of_the_queue_and_given_once() {
    use super::NoWrapUp::{NothingToFinish, SignedOut, UnknownCode};
    use super::centre::WrapUp;
    let mut rules = house(&[1]);
    let code = |code: &str, queues: &[&str]| WrapUp {
        code: code.into(),
        name: format!("means {code}"),
        queues: queues.iter().map(ToString::to_string).collect(),
    };
    rules.wrap_ups = vec![code("17", &["care"]), code("18", &["sales"])];
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    let at = |s: u64| Time::from_millis(s * 1_000);
    let agent = centre.numbered("7001").expect("configured");
    assert_eq!(centre.wrap_up(at(1), agent, "17"), Err(SignedOut));
    centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    assert_eq!(centre.wrap_up(at(1), agent, "17"), Err(NothingToFinish));
    let talk = |centre: &mut Centre, n: u64, s: u64, queue: &str| {
        centre.enter(at(s), queue, entry(n, "139")).expect("let in");
        assert!(centre.answered(at(s + 1), CallId::new(Wall(1), n), agent));
        centre.call_over(at(s + 2), CallId::new(Wall(1), n));
    };
    talk(&mut centre, 1, 10, "care");
    assert_eq!(centre.wrap_up(at(13), agent, "18"), Err(UnknownCode), "another queue's");
    assert_eq!(centre.agent(at(13), agent).expect("there").state.name(), "after-call work");
    assert_eq!(centre.wrap_up(at(14), agent, "17"), Ok(()));
    assert_eq!(centre.agent(at(14), agent).expect("there").state.name(), "ready");
    assert_eq!(centre.wrap_up(at(15), agent, "17"), Err(NothingToFinish), "it has one");
    // Later than the time for it, and while it talks.
    talk(&mut centre, 2, 20, "care");
    centre.wake(at(60));
    assert_eq!(centre.agent(at(60), agent).expect("there").state.name(), "ready");
    assert_eq!(centre.wrap_up(at(61), agent, "17"), Ok(()));
    // A queue without codes takes any.
    talk(&mut centre, 3, 70, "night");
    assert_eq!(centre.wrap_up(at(73), agent, "99"), Ok(()));
    let given: Vec<(String, String, String)> = events(&mut centre)
        .into_iter()
        .filter_map(|what| match what {
            What::WrapUp { queue, code, name, .. } => Some((queue, code, name)),
            _ => None,
        })
        .collect();
    let row = |queue: &str, code: &str, name: &str| (queue.into(), code.into(), name.into());
    let care: (String, String, String) = row("care", "17", "means 17");
    assert_eq!(given, [care.clone(), care, row("night", "99", "")]);
}

#[test]
fn a_form_has_a_code_or_its_name_and_a_note() {
    use super::NoWrapUp::{NothingToFinish, UnknownCode};
    use super::Said;
    use super::centre::WrapUp;
    let mut rules = house(&[1]);
    let queues = vec!["care".to_owned()];
    rules.wrap_ups = vec![WrapUp { code: "17".into(), name: "complaint".into(), queues }];
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    let at = |s: u64| Time::from_millis(s * 1_000);
    let agent = centre.sign_in(at(1), "7001", "1234", "1001").expect("right");
    let call = |n: u64| CallId::new(Wall(1), n);
    let talk = |centre: &mut Centre, n: u64, s: u64, queue: &str| {
        centre.enter(at(s), queue, entry(n, "139")).expect("let in");
        assert!(centre.answered(at(s + 1), call(n), agent));
        centre.call_over(at(s + 2), call(n));
    };
    let state = |centre: &Centre, s: u64| centre.agent(at(s), agent).expect("there").state.name();
    let form = |code, text| Said { code, text, in_words: true, ..Said::default() };
    talk(&mut centre, 1, 10, "care");
    let codes: Vec<_> = centre.wrap_up_codes(agent).collect();
    assert_eq!(codes, [("17", "complaint")]);
    assert_eq!(centre.says_of(at(13), agent, &form("complain", "")), Err(UnknownCode));
    let other = Said { call: Some(call(9)), ..form("17", "") };
    assert_eq!(centre.says_of(at(13), agent, &other), Err(NothingToFinish), "another call");
    let own = Said { call: Some(call(1)), ..form("complaint", "the bell is silent") };
    assert_eq!(centre.says_of(at(14), agent, &own), Ok(()));
    assert_eq!(state(&centre, 14), "after-call work", "it goes on");
    assert_eq!(centre.says_of(at(15), agent, &form("17", "")), Err(NothingToFinish), "one a call");
    assert_eq!(centre.says_of(at(15), agent, &form("", "")), Err(NothingToFinish), "says nothing");
    let done = Said { done: true, ..form("", "") };
    assert_eq!(centre.says_of(at(16), agent, &done), Ok(()));
    assert_eq!(state(&centre, 16), "ready");
    // A note alone; and by name only where there are names: what a queue without codes gets could be dialled.
    talk(&mut centre, 2, 20, "care");
    assert_eq!(centre.says_of(at(23), agent, &form("", "asks for the bill")), Ok(()));
    centre.wake(at(59));
    talk(&mut centre, 3, 60, "night");
    for code in ["complaint", "17171717171717171"] {
        assert_eq!(centre.says_of(at(63), agent, &form(code, "")), Err(UnknownCode), "{code}");
    }
    assert_eq!(centre.says_of(at(63), agent, &form("99", "")), Ok(()));
    let told: Vec<String> = events(&mut centre)
        .into_iter()
        .filter_map(|what| match what {
            What::WrapUp { code, name, text, .. } => Some(format!("{code}/{name}/{text}")),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["17/complaint/the bell is silent", "//asks for the bill", "99//"]);
}

#[test]
fn who_supervises_a_team_supervises_no_other() {
    let mut rules = house(&[0, 1, 2, 3]);
    rules.agents[0].supervisor = true;
    rules.agents[1].supervisor = true;
    rules.agents[1].supervises = vec!["night".into()];
    let mut centre = Centre::new(Rng::from_seed(1));
    centre.configure(Time::ZERO, rules);
    assert_eq!(centre.may_supervise(Some("7000"), "7002"), Ok(()));
    assert_eq!(centre.may_supervise(Some("7000"), "7003"), Ok(()));
    assert_eq!(centre.may_supervise(Some("7001"), "7003"), Ok(()));
    assert_eq!(centre.may_supervise(Some("7001"), "7002"), Err("not of its team"));
    assert_eq!(centre.may_supervise(Some("7002"), "7003"), Err("no supervisor"));
    let no_right = |whom| ["7000", "7001", "7002", "9"].map(|by| centre.has_no_right_to(by, whom));
    assert_eq!(no_right("7003"), [false, false, true, false]);
    assert_eq!(no_right("7002"), [false, true, true, false]);
    assert_eq!(no_right("7999"), [false, false, true, false], "none such is no matter of rights");
    assert_eq!(centre.supervised_by("7000"), ["7001", "7002", "7003"]);
    assert_eq!(centre.supervised_by("7001"), ["7003"]);
    assert_eq!(
        ["7000", "7001", "7002", "9"].map(|by| centre.supervises_all(by)),
        [true, false, false, false]
    );
    assert!(centre.supervised_by("7002").is_empty() && centre.supervised_by("9").is_empty());
}
