//! Agents: the configuration into the contact centre ([`house`](super::house)), the codes that they dial, what the centre
//! tells written down, and what an operator sees of them. The rules are [`acd`](crate::acd)'s.

use serde::Serialize;

use crate::acd::agent::{AgentState, Busy, Input, Reason, Useless};
use crate::acd::event::{Cause, Departure, SignInRefusal};
use crate::acd::hours;
use crate::acd::{AgentView, NoWrapUp, QueueId, QueueView, What};
use crate::base::week::Moment;
use crate::base::{CallId, LegId, Now};
use crate::call::codes::Code;
use crate::dialplan::calendar::Civil;
use crate::dialplan::effect::{Beat, Item, Tone};
use crate::media::control::DigitSet;

use super::active::Doing;
use super::console::{AgentOrder, AgentRow, QueueDay, QueueRow, Reply};
use super::dialled::CONFIRMED;
use super::fact::{AgentFact, FactKind, QueueFact};
use super::sparing::and_more;
use super::{Level, Switch, house};

impl Switch {
    /// The configuration's agents and queues are in force.
    pub(super) fn configure_centre(&mut self, now: Now) {
        let house = house::house(&self.config, &mut self.rng);
        self.centre.configure(now.at, house);
        self.tell_clock(now);
    }

    /// The centre is told the time of the week, where a queue has opening hours.
    pub(super) fn tell_clock(&mut self, now: Now) {
        if !self.centre.has_hours() {
            return;
        }
        let civil = Civil::at(now.wall, &self.zone);
        let moment = Moment { weekday: civil.weekday(), second: civil.second_of_day() };
        let holiday = self.plan.is_holiday("", civil.date());
        self.centre.clock(now.at, hours::Civil { moment, holiday });
    }

    /// A phone's lines have changed: whether it has calls that are no queue's, or of a code.
    pub(super) fn line_changed(&mut self, now: Now, phone: &str) {
        let of_code = |leg: LegId| {
            let own = self.legs.get(&leg).and_then(|party| self.calls.get(&party.call));
            self.offered.get(&leg) == Some(&None) && own.is_some_and(|a| a.subject() == leg)
        };
        let dials = self.lines.of(phone).any(of_code);
        if dials {
            self.centre.dials(now.at, phone, true);
        }
        if self.centre.at_phone(phone).is_some() {
            let own = self.lines.of(phone).any(|leg| !self.is_no_own_call(phone, leg));
            self.centre.engaged(now.at, phone, own);
        }
        // Last: a caller is offered to nobody whose phone is engaged in the same moment.
        if !dials {
            self.centre.dials(now.at, phone, false);
        }
    }

    /// A phone has registered, or its last contact is gone.
    pub(super) fn phone_reachable(&mut self, now: Now, phone: &str) {
        if self.centre.at_phone(phone).is_some() {
            let reachable = !self.registrar.lookup(now.at, phone).is_empty()
                || self.config.phone(phone).is_some_and(|phone| phone.mobile.is_some());
            self.centre.reachable(now.at, phone, reachable);
        }
    }

    /// An agent's code was dialled at a phone: it is done, and confirmed by a tone.
    pub(super) fn agent_code(&mut self, now: Now, leg: LegId, phone: &str, code: Code, rest: &str) {
        // It is no call of the phone's own: an agent who dials a code is not busy with it. But its line is
        // taken until the code is confirmed.
        self.offered.insert(leg, None);
        self.centre.dials(now.at, phone, true);
        let done = match (code, self.centre.at_phone(phone)) {
            (Code::SignIn, _) => return self.ask_who(now, leg, rest),
            (_, None) => Err(Useless::SignedOut),
            (Code::SignOut, Some(agent)) => self.wishes_state(now, agent, Input::SignOut),
            (Code::Ready, Some(agent)) => self.wishes_state(now, agent, Input::Ready),
            (Code::Break, Some(agent)) => {
                let why = Reason::Break(rest.parse().unwrap_or(0));
                self.wishes_state(now, agent, Input::NotReady(why))
            }
            (_, Some(agent)) => match self.centre.wrap_up(now.at, agent, rest) {
                Ok(()) => Ok(()),
                Err(NoWrapUp::UnknownCode) => {
                    let prompt = self.prompt(leg, "agent/unknown-code");
                    return self.confirmed_by(now, leg, prompt, CONFIRMED * 4);
                }
                Err(_) => Err(Useless::NothingToFinish),
            },
        };
        let off = matches!(code, Code::SignOut | Code::Break);
        match done {
            Ok(()) => self.confirm(now, leg, !off),
            Err(_) => self.refuse_code(now, leg),
        }
    }

    fn wishes_state(
        &mut self,
        now: Now,
        agent: crate::acd::AgentId,
        wish: Input,
    ) -> Result<(), Useless> {
        self.centre.wish(now.at, agent, wish, Cause::Agent)
    }

    /// Two short tones: it is on; a long one: it is off.
    pub(super) fn confirm(&mut self, now: Now, leg_id: LegId, on: bool) {
        let beat = |on_ms, off_ms| Beat { on_ms, off_ms, hz: vec![450] };
        let beats = match on {
            true => vec![beat(150, 150), beat(150, 1_000)],
            false => vec![beat(600, 1_000)],
        };
        let tone = Item::Tone { tone: Tone::Beats(beats), ms: Some(1_000) };
        self.confirmed_by(now, leg_id, tone, CONFIRMED);
    }

    /// It was of no use: a prompt says that it is not allowed.
    pub(super) fn refuse_code(&mut self, now: Now, leg: LegId) {
        let prompt = self.prompt(leg, "error/not-allowed");
        self.confirmed_by(now, leg, prompt, CONFIRMED * 3);
    }

    /// A prompt in the language of a leg's call.
    pub(super) fn prompt(&self, leg: LegId, name: &str) -> Item {
        Item::Prompt { name: name.into(), language: self.language_of(leg).into() }
    }

    /// The language of a leg's call.
    pub(super) fn language_of(&self, leg: LegId) -> &'static str {
        let call = self.legs.get(&leg).and_then(|party| self.calls.get(&party.call));
        call.map_or(self.config.node.language, |active| active.language).as_str()
    }

    /// A leg hears this, and its call is over.
    pub(super) fn confirmed_by(
        &mut self,
        now: Now,
        leg_id: LegId,
        item: Item,
        lasts: crate::base::Duration,
    ) {
        self.answer(now, leg_id);
        self.play(now, leg_id, vec![item], false, DigitSet::NONE);
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        if let Some(active) = self.calls.get_mut(&id) {
            active.doing = Doing::Confirming(now.at + lasts);
            active.route = Some("feature code".into());
        }
        self.rearm(id);
    }

    /// Says that an agent is locked out, as often as that may be said.
    fn agent_locked(&mut self, now: Now, agent: &str, phone: &str) {
        if let Some(others) = self.locks.may(now.at) {
            let text = format!(
                "agent {agent} at phone {phone}: locked for wrong PINs{}; 'agent {agent} unlock' ends it",
                and_more(others)
            );
            self.log(Level::Warning, text);
        }
    }

    /// Call-backs that the centre gives out: what is offered for them, and the log's line of one given up.
    fn back_told(&mut self, now: Now, what: &What) {
        if let What::Left { queue, call, why: Departure::GivenUp, .. } = what {
            let line = format!(
                "queue {queue}: the call-back of call {call} is given up: nobody was reached"
            );
            self.log(Level::Warning, line);
        }
        match what {
            What::Left { call, .. } | What::Answered { call, back: true, .. } => {
                self.offer_left(now, *call);
            }
            What::BackFailed { call, .. } => self.offer_failed_once(now, *call),
            _ => {}
        }
    }

    /// Writes down what the centre tells.
    pub(super) fn centre_fact(&mut self, now: Now, what: What) {
        self.back_told(now, &what);
        let name = |queue: QueueId| self.centre.name(queue);
        let kind = match what {
            What::Agent { agent, phone, state, cause, was_ms } => {
                let (word, reason, code) = words(&state);
                let (call, queue) = of_call(&state);
                let (cause, queue) = (word_of(&cause), queue.map(name));
                let (state, team) = (word.to_owned(), self.centre.team(&agent));
                let what = AgentFact::State {
                    phone,
                    state,
                    reason,
                    code,
                    cause,
                    was_ms,
                    call,
                    queue,
                    team,
                };
                FactKind::Agent { agent, what }
            }
            What::Pending { agent, state, cause } => {
                let (state, reason, code) = state.map_or_else(Default::default, |s| words(&s));
                let (state, cause) = (state.to_owned(), word_of(&cause));
                FactKind::Agent { agent, what: AgentFact::Pending { state, reason, code, cause } }
            }
            What::SignInRefused { agent, phone, why } => {
                if why == SignInRefusal::Locked {
                    self.agent_locked(now, &agent, &phone);
                }
                let what = AgentFact::SignInRefused { phone, why: word_of(&why) };
                FactKind::Agent { agent, what }
            }
            What::WrapUp { agent, call, queue, code, name, text } => {
                FactKind::Agent { agent, what: AgentFact::WrapUp { call, queue, code, name, text } }
            }
            of_queue => {
                let made = match &of_queue {
                    What::Answered { call, back: true, .. } => self.made_back(*call),
                    _ => None,
                };
                queue_fact(now, of_queue, made)
            }
        };
        let asks = match &kind {
            FactKind::Queue { call, what: QueueFact::BackWanted { .. }, .. } => Some(*call),
            _ => None,
        };
        self.fact(now, kind);
        if let Some(call) = asks {
            self.back_is_written(call);
        }
    }

    /// The agents as the console shows them.
    pub(super) fn agent_rows(&self, now: Now) -> Vec<AgentRow> {
        let row = |view: AgentView| {
            let today = self.agent_day(&view.number);
            agent_row(view, today)
        };
        self.centre.agents(now.at).into_iter().map(row).collect()
    }

    /// The queues as the console shows them.
    pub(super) fn queue_rows(&self, now: Now) -> Vec<QueueRow> {
        let row = |view: QueueView| {
            let today = self.queue_day(&view.name);
            queue_row(view, today)
        };
        self.centre.queues(now.at).into_iter().map(row).collect()
    }

    /// An operator forces an agent's state.
    pub(super) fn agent_order(&mut self, now: Now, number: &str, order: AgentOrder) -> Reply {
        let Some(agent) = self.centre.numbered(number) else {
            return Reply::Refused(format!("there is no agent {number}; 'show agents' lists them"));
        };
        let wish = match order {
            AgentOrder::Ready => Input::Ready,
            AgentOrder::Break(code) => Input::NotReady(Reason::Forced(code)),
            AgentOrder::SignOut => Input::SignOut,
            AgentOrder::Unlock => {
                self.centre.unlock(agent);
                return Reply::Done(format!("agent {number} may sign in again"));
            }
        };
        match self.centre.wish(now.at, agent, wish, Cause::Supervisor) {
            Ok(()) => {
                let state = self.centre.agent(now.at, agent).map(|view| agent_row(view, (0, 0)));
                let (state, pending) =
                    state.map(|row| (row.state, row.pending)).unwrap_or_default();
                let then = pending.map_or(String::new(), |p| format!(", then {p}"));
                Reply::Done(format!("agent {number}: {state}{then}"))
            }
            Err(_) => Reply::Refused(format!("agent {number} is not signed in")),
        }
    }
}

/// A state as facts name it: the word, the reason, the break's code.
fn words(state: &AgentState) -> (&'static str, String, u16) {
    let word = match state {
        AgentState::Null => "null",
        AgentState::NotReady(Reason::Break(code)) => return ("not_ready", "break".into(), *code),
        AgentState::NotReady(Reason::Forced(code)) => return ("not_ready", "forced".into(), *code),
        AgentState::NotReady(reason) => return ("not_ready", word_of(reason), 0),
        AgentState::Ready { .. } => "ready",
        AgentState::Busy(Busy::Ringing { .. }) => "ringing",
        AgentState::Busy(Busy::Talking { .. }) => "talking",
        AgentState::Busy(Busy::Other) => "other_call",
        AgentState::WorkingAfterCall { .. } => "after_call",
    };
    (word, String::new(), 0)
}

fn of_call(state: &AgentState) -> (Option<crate::base::CallId>, Option<QueueId>) {
    let (AgentState::Busy(Busy::Ringing { call, queue, .. } | Busy::Talking { call, queue })
    | AgentState::WorkingAfterCall { call, queue, .. }) = state
    else {
        return (None, None);
    };
    (Some(*call), Some(*queue))
}

/// The word of a plain enum, as it is serialised.
fn word_of(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.and_then(|word| word.as_str().map(|w| w.replace('-', "_"))).unwrap_or_default()
}

/// `made`: the call by which somebody was called back.
fn queue_fact(now: Now, what: What, made: Option<CallId>) -> FactKind {
    let (queue, call, what) = match what {
        What::Entered { queue, call, position, priority } => {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            (queue, call, QueueFact::Entered { position, priority })
        }
        What::Refused { queue, call, why } => {
            (queue, call, QueueFact::Refused { why: word_of(&why) })
        }
        What::Overflowed { queue, into, call } => (queue, call, QueueFact::Overflowed { into }),
        What::Offered { queue, call, agent, waited_ms } => {
            (queue, call, QueueFact::Offered { agent, waited_ms })
        }
        What::NotTaken { queue, call, agent, why, rang_ms } => {
            (queue, call, QueueFact::NotTaken { agent, why: word_of(&why), rang_ms })
        }
        What::Answered { queue, call, agent, waited_ms, rang_ms, back } => {
            (queue, call, QueueFact::Answered { agent, waited_ms, rang_ms, back, by: made })
        }
        What::BackWanted { queue, call, from, number, priority, waited_ms, within_ms } => {
            let what = QueueFact::BackWanted { from, number, priority, waited_ms, within_ms };
            (queue, call, what)
        }
        What::BackFailed { queue, call, agent, failed } => {
            (queue, call, QueueFact::BackFailed { agent, failed })
        }
        What::TalkOver { queue, call, agent, talk_ms } => {
            let up_ms = Some(now.at.as_millis());
            (queue, call, QueueFact::TalkOver { agent, talk_ms, up_ms })
        }
        What::Left { queue, call, why, waited_ms } => {
            (queue, call, QueueFact::Left { why: word_of(&why), waited_ms })
        }
        What::Agent { .. }
        | What::Pending { .. }
        | What::SignInRefused { .. }
        | What::WrapUp { .. } => unreachable!("an agent's: told apart by the caller"),
    };
    FactKind::Queue { queue, call, what }
}

/// `calls`, `talked_ms`: what the agent has had today.
fn agent_row(view: AgentView, (calls, talked_ms): (u64, u64)) -> AgentRow {
    let state = match view.state {
        AgentState::NotReady(Reason::Break(code)) if code > 0 => format!("break {code}"),
        AgentState::NotReady(Reason::Forced(code)) if code > 0 => {
            format!("not ready: forced, break {code}")
        }
        AgentState::NotReady(Reason::Forced(_)) => "not ready: forced".to_owned(),
        AgentState::NotReady(reason @ (Reason::NoAnswer | Reason::PhoneGone)) => {
            format!("not ready: {}", word_of(&reason).replace('_', " "))
        }
        state => state.name().to_owned(),
    };
    AgentRow {
        number: view.number,
        name: view.name,
        team: view.team,
        supervisor: view.supervisor,
        phone: view.phone,
        state,
        pending: view.pending.map(|state| state.name().to_owned()),
        ms: view.since.as_millis() as u64,
        call: view.call,
        calls,
        talked_ms,
        queues: view.queues,
    }
}

fn queue_row(view: QueueView, today: QueueDay) -> QueueRow {
    QueueRow {
        name: view.name,
        closed: view.closed,
        waiting: view.waiting,
        offered: view.offered,
        backs: view.backs,
        longest_ms: view.longest.as_millis() as u64,
        signed_in: view.signed_in,
        working: view.working,
        ready: view.ready,
        expected_ms: view.expected.map(|wait| wait.as_millis() as u64),
        today,
    }
}
