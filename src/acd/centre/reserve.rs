//! Agents kept for customers who are dialled: out of the lines until the customer answers, or the time is over.
//!
//! ```text
//!   in line, nobody waits ─ reserve ─▶ kept ─┬─ the customer answers ─▶ `meets`: in line again, the customer before all
//!                                            ├─ `let_go`: no answer, or somebody waits who comes first
//!                                            └─ its time is over ─▶ in line again, by itself
//! ```
//!
//! A reservation is no state of the agent: he is ready, and may go on a break or be called as ever; then it holds no
//! more. Whom the customer is given to in the end is the queue's to say.

use super::{AgentId, Centre, Due, QueueId};
use crate::acd::agent::Input;
use crate::acd::event::Cause;
use crate::base::{CallId, Duration, Time};

impl Centre {
    /// Agents of a queue who are ready with nobody waiting whom they could take, the next one first, at most `most`.
    /// None while the queue is closed.
    pub fn spare(&self, queue: &str, most: usize) -> Vec<AgentId> {
        let Some(id) = self.by_name.get(queue) else { return Vec::new() };
        if self.queues.get(id).is_none_or(|queue| queue.closed) {
            return Vec::new();
        }
        self.index.line(*id).filter(|agent| !self.is_wanted(*agent)).take(most).collect()
    }

    /// Whether anybody waits whom the agent could take.
    pub fn is_wanted(&self, agent: AgentId) -> bool {
        let Some(seat) = self.seats.get(&agent) else { return false };
        let queues: Vec<QueueId> = seat.member.iter().map(|member| member.queue).collect();
        self.index.waits_for(agent, &seat.regions, &queues)
    }

    /// Keeps an agent who stands in line, until then at the latest. `false`: he does not.
    pub fn reserve(&mut self, now: Time, agent: AgentId, until: Time) -> bool {
        if !self.index.stands(agent) {
            return false;
        }
        self.reserved.insert(agent, until);
        self.arm(Due::Reserved(agent), until);
        self.in_line(now, agent);
        true
    }

    /// Whether an agent stands in line.
    pub fn stands_in_line(&self, agent: AgentId) -> bool {
        self.index.stands(agent)
    }

    /// Whether an agent is kept, and could take a customer this moment.
    pub fn holds(&self, now: Time, agent: AgentId) -> bool {
        let can = |seat: &super::Seat| {
            let phone = seat.agent.phone.as_ref();
            seat.agent.is_available(now) && phone.is_some_and(|own| !self.dialling.contains(own))
        };
        self.reserved.contains_key(&agent) && self.seats.get(&agent).is_some_and(can)
    }

    /// An agent is kept no more.
    pub fn let_go(&mut self, now: Time, agent: AgentId) {
        self.meets(now, agent);
        self.settle(now);
    }

    /// The same, for a customer who comes into the queue in this very moment: nothing is given away in between.
    pub fn meets(&mut self, now: Time, agent: AgentId) {
        if self.reserved.remove(&agent).is_some() {
            self.arm(Due::Reserved(agent), Time::NEVER);
            self.in_line(now, agent);
        }
    }

    /// The number of an agent.
    pub fn agent_number(&self, agent: AgentId) -> String {
        self.number_of(agent)
    }

    /// Where an agent is signed in.
    pub fn phone_of(&self, agent: AgentId) -> Option<String> {
        self.seats.get(&agent)?.agent.phone.clone()
    }

    /// An agent talks, in a call of its own, with a customer whom a campaign of this queue has shown it: its code is about
    /// this call, and the queue's after-call work follows.
    pub fn previewed(&mut self, now: Time, agent: AgentId, call: CallId, queue: &str) {
        let Some(queue) = self.by_name.get(queue).copied() else { return };
        self.talks_about(agent, call, queue);
        let after = self.queues.get(&queue).map_or(Duration::ZERO, |own| own.terms.after_call);
        // Whose phone is not engaged any more has no work after it.
        _ = self.wish(now, agent, Input::Previewed { call, queue, after }, Cause::Call);
    }
}
