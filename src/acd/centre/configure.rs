//! Another configuration of agents and queues takes the place of the one before: who comes, who goes when its talk
//! is over, who serves which queue (R16, R19).
//!
//! Nobody's state changes but that of those who are not in it any more. What agents and callers do is `centre.rs`'s.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    Centre, Due, House, Leaving, MOST_AGENTS, MOST_QUEUES, Membership, Person, Queue, Seat,
};
use crate::acd::agent::{Agent, AgentId, AgentState, Input};
use crate::acd::estimate::Handling;
use crate::acd::event::Cause;
use crate::acd::pin::Attempts;
use crate::acd::queue::{QueueId, Terms};
use crate::base::Time;

impl Centre {
    /// Another configuration is in force. Who is not in it any more goes when the talk is over; a queue
    /// that is not sends its callers out.
    pub fn configure(&mut self, now: Time, house: House) {
        (self.patience, self.pin_tries, self.pin_lock) =
            (house.patience, house.pin_tries, house.pin_lock);
        self.wrap_ups = house.wrap_ups;
        let gone: Vec<QueueId> = self
            .by_name
            .iter()
            .filter(|(name, _)| house.queues.iter().all(|terms| terms.name != **name))
            .map(|(_, id)| *id)
            .collect();
        for queue in gone {
            self.close(now, queue);
        }
        for terms in house.queues.into_iter().take(MOST_QUEUES) {
            self.set_queue(terms);
        }
        let numbers: BTreeSet<String> = house.agents.iter().map(|a| a.number.clone()).collect();
        let gone: Vec<AgentId> = self
            .by_number
            .iter()
            .filter(|(number, _)| !numbers.contains(*number))
            .map(|(_, id)| *id)
            .collect();
        for agent in gone {
            if let Some(seat) = self.seats.get_mut(&agent).filter(|seat| seat.leaving.is_none()) {
                seat.leaving = Some(Leaving { pending: seat.agent.pending });
            }
            if self.change(now, agent, Input::SignOut, Cause::Deleted).is_err() {
                self.remove(agent);
            }
        }
        for who in house.agents.into_iter().take(MOST_AGENTS) {
            self.set_agent(now, who);
        }
        self.forget_regions();
        if !self.has_hours() {
            self.clock_at = Time::NEVER;
        }
        self.rebuild(now);
        self.dismiss_unserved(now);
        self.settle(now);
    }

    /// Who waits in a queue that nobody serves any more, or not as its terms want it, goes on in its plan.
    fn dismiss_unserved(&mut self, now: Time) {
        let unserved = |id: &QueueId| !self.is_staffed(*id, |terms| terms.stay);
        let queues: Vec<QueueId> = self.queues.keys().copied().filter(unserved).collect();
        for queue in queues {
            self.dismiss(now, queue);
        }
    }

    fn set_queue(&mut self, terms: Terms) {
        let id = match self.by_name.get(&terms.name) {
            Some(id) => *id,
            None => QueueId(self.next_id()),
        };
        self.by_name.insert(terms.name.clone(), id);
        match self.queues.get_mut(&id) {
            Some(queue) => {
                queue.closed &= terms.hours.matter();
                queue.terms = terms;
            }
            None => {
                let queue = Queue {
                    terms,
                    callers: BTreeSet::new(),
                    handling: Handling::default(),
                    signed_in: 0,
                    closed: false,
                    working: 0,
                    by_region: BTreeMap::new(),
                    base: 0,
                    turns: 0,
                };
                self.queues.insert(id, queue);
            }
        }
    }

    fn set_agent(&mut self, now: Time, who: Person) {
        for name in &who.regions {
            self.regions.or_new(name);
        }
        let id = match self.by_number.get(&who.number) {
            Some(id) => *id,
            None => AgentId(self.next_id()),
        };
        self.by_number.insert(who.number.clone(), id);
        match self.seats.get_mut(&id) {
            Some(seat) => {
                seat.who = who;
                self.stays(now, id);
            }
            None => {
                let seat = Seat {
                    who,
                    agent: Agent::default(),
                    member: Vec::new(),
                    regions: Vec::new(),
                    attempts: Attempts::default(),
                    wrong_at: None,
                    leaving: None,
                    last_talk: None,
                    uncoded: None,
                    coded: VecDeque::new(),
                };
                self.seats.insert(id, seat);
            }
        }
    }

    /// An agent who was taken out while talking is in the configuration again: what was pending before that is so again.
    fn stays(&mut self, now: Time, id: AgentId) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let Some(Leaving { pending }) = seat.leaving.take() else { return };
        let before = seat.agent.clone();
        seat.agent.pending = pending;
        self.tell_change(now, id, &before, pending, Cause::Supervisor);
    }

    /// Regions that are no agent's any more are none: whoever waits for one waits for everybody.
    fn forget_regions(&mut self) {
        let named = self.seats.values().flat_map(|seat| &seat.who.regions);
        self.regions.keep(&named.map(String::as_str).collect());
        for caller in self.callers.values_mut() {
            caller.region.take_if(|region| !self.regions.has(*region));
        }
    }

    fn next_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn remove(&mut self, id: AgentId) {
        self.index.step_out(id);
        self.fresh_agents.remove(&id);
        self.arm(Due::Agent(id), Time::NEVER);
        if let Some(seat) = self.seats.remove(&id) {
            self.by_number.remove(&seat.who.number);
        }
    }

    /// Who serves which queue is found anew, with lines and counts; nobody's state changes.
    pub(super) fn rebuild(&mut self, now: Time) {
        for queue in self.queues.values_mut() {
            (queue.signed_in, queue.working) = (0, 0);
            queue.by_region.clear();
        }
        let ids: Vec<AgentId> = self.seats.keys().copied().collect();
        for (order, id) in (0..).zip(&ids) {
            let Some(seat) = self.seats.get_mut(id) else { continue };
            let turn = |queue| seat.member.iter().find(|m| m.queue == queue).map_or(0, |m| m.turn);
            let member = |(queue, terms): (&QueueId, &Queue)| {
                let (order, level) = membership(&seat.who, &terms.terms, order)?;
                Some(Membership { queue: *queue, order, level, turn: turn(*queue) })
            };
            seat.member = self.queues.iter().filter_map(member).collect();
            let regions = seat.who.regions.iter();
            seat.regions = regions.filter_map(|name| self.regions.get(name)).collect();
            let state = seat.agent.state;
            self.index.step_out(*id);
            self.staff(*id, AgentState::Null, state);
            self.in_line(now, *id);
        }
        self.rebin(now);
    }
}

/// Whether somebody serves a queue: its order there, and its level in the queue's first skill.
fn membership(who: &Person, terms: &Terms, order: u32) -> Option<(u32, u8)> {
    let members = &terms.members;
    let listed = members.agents.iter().position(|number| *number == who.number);
    let by_team = who.team.as_ref().is_some_and(|team| members.teams.contains(team));
    let everybody = members.agents.is_empty() && members.teams.is_empty();
    if !(everybody || listed.is_some() || by_team) {
        return None;
    }
    let level = |skill: &str| who.skills.iter().find(|(own, _)| own == skill).map(|(_, l)| *l);
    let fits = |(skill, least): &(String, u8)| level(skill).is_some_and(|own| own >= *least);
    if !members.skills.iter().all(fits) {
        return None;
    }
    let best = members.skills.first().and_then(|(skill, _)| level(skill)).unwrap_or(0);
    // Those of a team stand behind those who are listed.
    let order = listed.map_or_else(|| order.saturating_add(1 << 16), |at| at as u32);
    Some((order, best))
}
