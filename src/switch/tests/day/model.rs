//! The contact centre as somebody sees it who looks at everybody each time: slow, and from what was told alone.
//!
//! It knows who waits since when with what priority, who is ready and idle since when, and who is kept for the agent who
//! served him last; and says of each assignment whether anybody was before that caller or that agent.

use std::collections::BTreeMap;

use crate::acd::agent::AgentState;
use crate::acd::event::{Cause, What};
use crate::acd::queue::VIP;
use crate::acd::{Entry, House, Strategy};
use crate::base::{CallId, Duration, Time};

struct Agent {
    queues: Vec<usize>,
    level: u8,
    state: AgentState,
    idle_since: Time,
    calls: u32,
}

struct Caller {
    queue: usize,
    score: i64,
    entered: Time,
    favourite: Option<String>,
    number: String,
    rung: bool,
}

pub struct Model {
    names: Vec<String>,
    strategies: Vec<Strategy>,
    keeps: Duration,
    ageing_ms: i64,
    agents: BTreeMap<String, Agent>,
    callers: BTreeMap<CallId, Caller>,
    numbers: BTreeMap<CallId, String>,
    served: BTreeMap<String, String>,
    /// Assignments that were looked at.
    pub checked: u64,
}

impl Model {
    pub fn new(house: &House) -> Model {
        let agent = |who: &crate::acd::Person| {
            let has = |(skill, least): &(String, u8)| {
                who.skills.iter().any(|(own, level)| own == skill && level >= least)
            };
            let queues = house.queues.iter().enumerate();
            let queues = queues.filter(|(_, terms)| terms.members.skills.iter().all(has));
            let agent = Agent {
                queues: queues.map(|(n, _)| n).collect(),
                level: who.skills.first().map_or(0, |(_, level)| *level),
                state: AgentState::Null,
                idle_since: Time::ZERO,
                calls: 0,
            };
            (who.number.clone(), agent)
        };
        let first = &house.queues[0];
        Model {
            names: house.queues.iter().map(|terms| terms.name.clone()).collect(),
            strategies: house.queues.iter().map(|terms| terms.strategy).collect(),
            keeps: first.last_agent,
            ageing_ms: first.ageing.as_millis() as i64,
            agents: house.agents.iter().map(agent).collect(),
            callers: BTreeMap::new(),
            numbers: BTreeMap::new(),
            served: BTreeMap::new(),
            checked: 0,
        }
    }

    /// Somebody is about to come into a queue.
    pub fn comes(&mut self, at: Time, queue: &str, entry: &Entry) {
        let queue = self.names.iter().position(|name| name == queue).expect("a queue");
        let works = |number: &&String| {
            let agent = &self.agents[*number];
            agent.state.is_working() && agent.queues.contains(&queue)
        };
        let priority = i64::from(entry.priority + if entry.vip { VIP } else { 0 });
        let caller = Caller {
            queue,
            score: at.as_millis() as i64 - priority * self.ageing_ms,
            entered: at,
            favourite: self.served.get(&entry.number).filter(works).cloned(),
            number: entry.number.clone(),
            rung: false,
        };
        self.numbers.insert(entry.call, entry.number.clone());
        self.callers.insert(entry.call, caller);
    }

    pub fn told(&mut self, at: Time, what: &What) {
        match what {
            What::Refused { call, .. } | What::Left { call, .. } => _ = self.callers.remove(call),
            What::Answered { call, agent, .. } => {
                self.callers.remove(call);
                self.served.insert(self.numbers[call].clone(), agent.clone());
            }
            What::NotTaken { call, .. } => {
                if let Some(caller) = self.callers.get_mut(call) {
                    let gone = |number: &mut String| !self.agents[&*number].state.is_working();
                    caller.rung = false;
                    caller.favourite.take_if(gone);
                }
            }
            What::Agent { agent, state, cause, .. } => self.changes(at, agent, *state, *cause),
            What::Offered { call, agent, .. } => self.offered(at, *call, agent),
            _ => {}
        }
    }

    fn changes(&mut self, at: Time, number: &str, state: AgentState, cause: Cause) {
        let agent = self.agents.get_mut(number).expect("configured");
        let was = std::mem::replace(&mut agent.state, state);
        if matches!(state, AgentState::Ready { .. }) && cause != Cause::Withdrawn {
            agent.idle_since = at;
        }
        if was == AgentState::Null {
            agent.calls = 0;
        }
        agent.calls += u32::from(state.talks_with().is_some());
        if !state.is_working() {
            for caller in self.callers.values_mut().filter(|caller| !caller.rung) {
                caller.favourite.take_if(|favourite| favourite == number);
            }
        }
    }

    fn may(&self, number: &str, agent: &Agent, caller: &Caller, at: Time) -> bool {
        let kept = at < caller.entered + self.keeps;
        let favourite = caller.favourite.as_ref().filter(|_| kept);
        agent.queues.contains(&caller.queue) && favourite.is_none_or(|own| own == number)
    }

    /// What a strategy puts first: the smaller. `None`: it goes by what is not told.
    fn key(&self, agent: &Agent, queue: usize) -> Option<(u64, Time)> {
        let by = match self.strategies[queue] {
            Strategy::LongestIdle => 0,
            Strategy::FewestCalls => u64::from(agent.calls),
            Strategy::SkillLevel => u64::from(u8::MAX - agent.level),
            _ => return None,
        };
        Some((by, agent.idle_since))
    }

    fn offered(&mut self, at: Time, call: CallId, number: &str) {
        self.checked += 1;
        let (agent, caller) = (&self.agents[number], &self.callers[&call]);
        assert!(
            self.may(number, agent, caller, at),
            "{number} may not take {call} ({})",
            caller.number
        );
        for (other, waits) in self.callers.iter().filter(|(_, waits)| !waits.rung) {
            let earlier = (waits.score, *other) < (caller.score, call);
            assert!(
                !(earlier && self.may(number, agent, waits, at)),
                "{other} is before {call} for {number} at {at:?}"
            );
        }
        for (other, free) in self.agents.iter().filter(|(other, _)| *other != number) {
            let ready =
                matches!(free.state, AgentState::Ready { rests_until } if rests_until <= at);
            let before = self.key(free, caller.queue) < self.key(agent, caller.queue);
            assert!(
                !(ready && before && self.may(other, free, caller, at)),
                "{other} is before {number} for {call} at {at:?}"
            );
        }
        self.callers.get_mut(&call).expect("known").rung = true;
    }
}
