//! A day of 30 agents and 4,000 callers: people who hang up, phones that vanish, agents who do not
//! answer, go on breaks and sign out in mid-talk, and a driver that forgets to tell what came of an
//! offer. Each caller has one end, what the events say adds up, and nobody is stuck.

use std::collections::{BTreeMap, BTreeSet};

use super::super::agent::{AgentState, Input, Reason};
use super::super::centre::{Action, Centre};
use super::super::event::{Cause, Missed, What};
use super::{SECOND, entry, house};
use crate::acd::AgentId;
use crate::base::{CallId, Duration, Rng, Time};

const AGENTS: usize = 30;
const CALLERS: u64 = 4_000;

/// What will happen outside the centre.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outside {
    Calls(u64),
    HangsUp(CallId),
    Answers(CallId, AgentId),
    Misses(CallId, AgentId),
    TalkEnds(CallId),
    Wishes(usize),
}

struct Day {
    centre: Centre,
    rng: Rng,
    now: Time,
    ahead: BTreeSet<(Time, Outside)>,
    ends: BTreeMap<CallId, u32>,
    entered: u32,
    answered: u32,
    talks: u32,
    /// Each agent's time in all states, by what the events say.
    accounted: BTreeMap<String, u64>,
}

impl Day {
    fn later(&mut self, least: u64, spread: u64, what: Outside) {
        let ms = least * 1_000 + self.rng.below(spread * 1_000);
        self.ahead.insert((self.now + Duration::from_millis(ms), what));
    }

    fn happens(&mut self, what: Outside) {
        let now = self.now;
        match what {
            Outside::Calls(n) => {
                let queue = ["care", "sales", "night"][self.rng.below(3) as usize];
                let number = format!("138{}", self.rng.below(500));
                let mut entry = entry(n, &number);
                entry.priority = self.rng.below(5) as i32;
                let call = entry.call;
                self.entered += u32::from(self.centre.enter(now, queue, entry).is_ok());
                if self.rng.chance(0.3) {
                    self.later(1, 200, Outside::HangsUp(call));
                }
            }
            Outside::HangsUp(call) => self.centre.call_over(now, call),
            Outside::Answers(call, agent) => {
                if self.centre.answered(now, call, agent) {
                    self.later(10, 240, Outside::TalkEnds(call));
                }
            }
            Outside::Misses(call, agent) => {
                let whys = [Missed::NoAnswer, Missed::Rejected, Missed::Busy, Missed::Unreachable];
                let why = whys[self.rng.below(4) as usize];
                self.centre.missed(now, call, agent, why);
            }
            Outside::TalkEnds(call) => self.centre.call_over(now, call),
            Outside::Wishes(n) => {
                self.wish(n);
                self.later(60, 1_200, Outside::Wishes(n));
            }
        }
    }

    fn wish(&mut self, n: usize) {
        let (number, phone) = (format!("70{n:02}"), format!("1{:03}", n));
        let agent = self.centre.numbered(&number).expect("configured");
        let wish = match self.rng.below(10) {
            0 => Input::SignOut,
            1 => Input::NotReady(Reason::Break(1)),
            2 => Input::Reachable(false),
            3 => Input::Reachable(true),
            4 => Input::Engaged(true),
            5 => Input::Engaged(false),
            6 => Input::AfterWorkDone,
            7 => Input::Ready,
            _ => {
                _ = self.centre.sign_in(self.now, &number, "1234", &phone);
                return;
            }
        };
        _ = self.centre.wish(self.now, agent, wish, Cause::Agent);
    }

    fn drain(&mut self) {
        while let Some(action) = self.centre.poll() {
            match action {
                // One in twenty is never told: the reservation has to expire by itself.
                Action::Offer { call, agent, .. } => match self.rng.below(20) {
                    0 => {}
                    1..5 => self.later(1, 14, Outside::Misses(call, agent)),
                    _ => self.later(1, 14, Outside::Answers(call, agent)),
                },
                Action::Tell(event) => self.told(event.what),
                Action::Withdraw { .. } | Action::Out { .. } => {}
            }
        }
    }

    fn told(&mut self, what: What) {
        match what {
            What::Answered { call, .. } => {
                self.answered += 1;
                *self.ends.entry(call).or_default() += 1;
            }
            What::Left { call, .. } => *self.ends.entry(call).or_default() += 1,
            What::TalkOver { .. } => self.talks += 1,
            What::Agent { agent, was_ms, .. } => {
                *self.accounted.entry(agent).or_default() += was_ms;
            }
            _ => {}
        }
    }

    fn run(&mut self, until: Time) {
        loop {
            let outside = self.ahead.first().map(|(at, _)| *at);
            let next = outside.into_iter().chain(self.centre.next_wake()).min();
            let Some(at) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.centre.wake(self.now);
            while let Some((at, what)) = self.ahead.pop_first() {
                if at > self.now {
                    self.ahead.insert((at, what));
                    break;
                }
                self.happens(what);
            }
            self.drain();
        }
        self.now = until;
    }
}

#[test]
fn each_caller_has_one_end_and_no_agent_is_stuck() {
    let agents: Vec<usize> = (0..AGENTS).collect();
    let mut day = Day {
        centre: Centre::new(Rng::from_seed(5)),
        rng: Rng::from_seed(6),
        now: Time::ZERO,
        ahead: BTreeSet::new(),
        ends: BTreeMap::new(),
        entered: 0,
        answered: 0,
        talks: 0,
        accounted: BTreeMap::new(),
    };
    day.centre.configure(Time::ZERO, house(&agents));
    for n in agents {
        day.later(0, 600, Outside::Wishes(n));
    }
    let opening = 8 * 3_600;
    for n in 0..CALLERS {
        day.later(300, opening, Outside::Calls(n + 1));
    }
    day.run(Time::ZERO + SECOND * opening as u32);
    // Closing time: nobody calls or wishes any more, and what is under way ends.
    day.ahead.retain(|(_, what)| !matches!(what, Outside::Calls(_) | Outside::Wishes(_)));
    let evening = day.now + SECOND * 3_600;
    day.run(evening);
    assert_eq!(day.centre.in_being(), (0, 0), "nobody waits, rings or talks");
    assert!(day.ends.values().all(|ends| *ends == 1));
    assert_eq!(day.ends.len() as u32, day.entered, "and all who came in have one");
    assert_eq!(day.answered, day.talks, "each talk is over once");
    assert!(day.answered > day.entered / 4, "{} of {}", day.answered, day.entered);
    let views = day.centre.agents(day.now);
    let stuck = |state: &AgentState| state.until().is_some_and(|until| until < day.now);
    assert!(!views.iter().any(|view| stuck(&view.state)), "nothing is overdue");
    // The time in all states is the whole day.
    for view in views {
        let told = day.accounted.get(&view.number).copied().unwrap_or_default();
        let whole = told + view.since.as_millis() as u64;
        assert_eq!(whole, day.now.as_millis(), "agent {}", view.number);
    }
}
