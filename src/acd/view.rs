//! What an operator or supervisor is shown (R19).

use super::agent::{AgentId, AgentState, Busy};
use super::centre::Centre;
use super::queue::{QueueId, Stage};
use crate::base::{CallId, Duration, Time};

/// Why one may supervise nobody.
const NO_SUPERVISOR: &str = "no supervisor";
/// Why one may supervise others and not this one.
const NOT_ITS_TEAM: &str = "not of its team";

/// One agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgentView {
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Its team.
    pub team: Option<String>,
    /// Whether it may supervise.
    pub supervisor: bool,
    /// Where it is signed in.
    pub phone: Option<String>,
    /// Its state.
    pub state: AgentState,
    /// For how long.
    pub since: Duration,
    /// What it will be in when the talk is over.
    pub pending: Option<AgentState>,
    /// Whose call it has.
    pub call: Option<CallId>,
    /// Callers taken since sign-in.
    pub calls: u32,
    /// Time talked since sign-in.
    pub talked: Duration,
    /// The queues that it serves.
    pub queues: Vec<String>,
}

/// One queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueView {
    /// Its name.
    pub name: String,
    /// It is not open now.
    pub closed: bool,
    /// Callers for whom nobody is rung.
    pub waiting: usize,
    /// Callers for whom agents are rung.
    pub offered: usize,
    /// Callers to be called back.
    pub backs: usize,
    /// How long the one has waited who waits longest.
    pub longest: Duration,
    /// Agents signed in.
    pub signed_in: usize,
    /// Agents who work.
    pub working: usize,
    /// Agents who could take a caller now.
    pub ready: usize,
    /// How long one who came now would wait; `None`: nobody works.
    pub expected: Option<Duration>,
}

impl Centre {
    /// A queue's name; empty for one that is no more.
    pub fn name(&self, queue: QueueId) -> String {
        self.queue_name(queue)
    }

    /// The team of the agent with that number.
    pub fn team(&self, number: &str) -> Option<String> {
        let seat = self.seats.get(self.by_number.get(number)?)?;
        seat.who.team.clone()
    }

    /// Whether one agent may supervise another: why not, else.
    pub fn may_supervise(&self, by: Option<&str>, whom: &str) -> Result<(), &'static str> {
        let seat = by.and_then(|by| self.seats.get(self.by_number.get(by)?));
        let who = &seat.ok_or("nobody is signed in")?.who;
        if !who.supervisor {
            return Err(NO_SUPERVISOR);
        }
        if !self.by_number.contains_key(whom) {
            return Err("no such agent");
        }
        let team = self.team(whom);
        let of_own = team.is_some_and(|team| who.supervises.contains(&team));
        if !who.supervises.is_empty() && !of_own {
            return Err(NOT_ITS_TEAM);
        }
        if who.number == whom { Err("its own talk") } else { Ok(()) }
    }

    /// Whether one has no right to supervise another, whatever that one does.
    pub fn has_no_right_to(&self, by: &str, whom: &str) -> bool {
        matches!(self.may_supervise(Some(by), whom), Err(NO_SUPERVISOR | NOT_ITS_TEAM))
    }

    /// Whether an agent supervises all others, and not some teams alone.
    pub fn supervises_all(&self, by: &str) -> bool {
        let seat = self.by_number.get(by).and_then(|by| self.seats.get(by));
        seat.is_some_and(|seat| seat.who.supervisor && seat.who.supervises.is_empty())
    }

    /// Whom an agent may supervise, by number: nobody, if it is no supervisor.
    pub fn supervised_by(&self, by: &str) -> Vec<String> {
        let all = self.by_number.keys();
        all.filter(|whom| self.may_supervise(Some(by), whom).is_ok()).cloned().collect()
    }

    /// One agent.
    pub fn agent(&self, now: Time, id: AgentId) -> Option<AgentView> {
        let seat = self.seats.get(&id)?;
        let agent = &seat.agent;
        let call = match agent.state {
            AgentState::Busy(Busy::Ringing { call, .. } | Busy::Talking { call, .. })
            | AgentState::WorkingAfterCall { call, .. } => Some(call),
            _ => None,
        };
        Some(AgentView {
            number: seat.who.number.clone(),
            name: seat.who.name.clone(),
            team: seat.who.team.clone(),
            supervisor: seat.who.supervisor,
            phone: agent.phone.clone(),
            state: agent.state,
            since: now.since(agent.since),
            pending: agent.pending,
            call,
            calls: agent.calls,
            talked: agent.talked,
            queues: seat.member.iter().map(|m| self.queue_name(m.queue)).collect(),
        })
    }

    /// All agents, by number.
    pub fn agents(&self, now: Time) -> Vec<AgentView> {
        self.by_number.values().filter_map(|id| self.agent(now, *id)).collect()
    }

    /// All queues, by name.
    pub fn queues(&self, now: Time) -> Vec<QueueView> {
        self.by_name.values().filter_map(|id| self.queue(now, *id)).collect()
    }

    fn queue(&self, now: Time, id: QueueId) -> Option<QueueView> {
        let queue = self.queues.get(&id)?;
        let (mut waiting, mut offered, mut backs, mut longest) = (0, 0, 0, Duration::ZERO);
        for caller in queue.callers.iter().filter_map(|rank| self.callers.get(&rank.call())) {
            match (&caller.stage, &caller.back) {
                (_, Some(_)) => backs += 1,
                (Stage::Offered { .. }, None) => offered += 1,
                _ => waiting += 1,
            }
            if caller.back.is_none() {
                longest = longest.max(now.since(caller.entered));
            }
        }
        Some(QueueView {
            name: queue.terms.name.clone(),
            closed: queue.closed,
            waiting,
            offered,
            backs,
            longest,
            signed_in: queue.signed_in,
            working: queue.working,
            ready: self.index.ready(id),
            expected: queue.handling.wait(waiting, self.index.ready(id), queue.working),
        })
    }

    /// Whether a caller, or call-back, waits for an agent now, or is offered to one.
    pub fn is_waiting(&self, call: CallId) -> bool {
        let here = |stage: &Stage| matches!(stage, Stage::Waiting(_) | Stage::Offered { .. });
        self.callers.get(&call).is_some_and(|it| here(&it.stage))
    }

    /// Whether nobody is being rung for a caller or call-back.
    pub fn is_idle(&self, call: CallId) -> bool {
        self.callers.get(&call).is_some_and(|caller| caller.stage.is_idle())
    }

    /// Callers in queues, and agents who ring or talk for one: both zero when all is over.
    pub fn in_being(&self) -> (usize, usize) {
        let busy = |state: AgentState| state.rings_for().or(state.talks_with()).is_some();
        let agents = self.seats.values().filter(|seat| busy(seat.agent.state)).count();
        (self.callers.len(), agents)
    }
}
