//! What a program asks of agents: their states, and what one is to be (GetAgentState, SetAgentState: ECMA-269 §22; R9,
//! R2).
//!
//! An agent's own token wishes as the agent does; a supervisor's forces, and that is written down with who did.

use super::{Agent, Answer, Outcome, Why, Wish, WrapUpCode, no};
use crate::access::rights::{Deed, Rights};
use crate::acd::agent::{AgentState, Busy, Input, Reason};
use crate::acd::event::{Cause, SignInRefusal};
use crate::acd::wrap_up::{LONGEST_CODE, LONGEST_NOTE};
use crate::acd::{AgentView, NoWrapUp, Said};
use crate::base::Now;
use crate::switch::console::{AgentOrder, Reply};
use crate::switch::{RequestId, Switch};

/// Codes that a refusal names.
const MOST_NAMED: usize = 20;

impl Switch {
    pub(super) fn cti_agent(&self, now: Now, rights: &Rights, number: &str, deed: Deed) -> Outcome {
        let own = rights.agent.as_deref() == Some(number);
        if !rights.may(deed, own) {
            return no(Why::Forbidden, "it is not the token's agent");
        }
        let id = self.centre.numbered(number);
        match id.and_then(|id| self.centre.agent(now.at, id)) {
            Some(view) => Ok(Answer::Agent(agent(view))),
            None => no(Why::NotFound, format!("there is no agent {number}")),
        }
    }

    /// The agents, as far as the token sees them.
    pub(super) fn cti_agents(&self, now: Now, rights: &Rights) -> Answer {
        let own = |view: &AgentView| rights.agent.as_deref() == Some(&view.number);
        let seen = |view: &AgentView| rights.may(Deed::SeeOwn, own(view));
        let agents = self.centre.agents(now.at).into_iter();
        Answer::Agents(agents.filter(seen).map(agent).collect())
    }

    fn cti_sign_in(
        &mut self,
        now: Now,
        rights: &Rights,
        number: &str,
        device: &str,
        pin: &str,
    ) -> Result<(), (Why, String)> {
        if self.config.phone(device).is_none() {
            return no(Why::NotFound, format!("there is no phone {device}"));
        }
        if !rights.may_sign_in_at(device) {
            return no(Why::Forbidden, format!("the token's `phones` do not name {device}"));
        }
        // Nobody is offered before it is known whether the phone talks, as after a code that is dialled there.
        self.centre.dials(now.at, device, true);
        let signed = self.centre.sign_in(now.at, number, pin, device);
        self.line_changed(now, device);
        signed.or_else(|why| match why {
            SignInRefusal::Wrong => no(Why::Forbidden, "the PIN is wrong"),
            SignInRefusal::Locked => no(Why::Forbidden, "too many wrong PINs: locked for a while"),
            SignInRefusal::Talking => {
                no(Why::Conflict, "the agent, or another at that phone, talks")
            }
        })?;
        self.phone_reachable(now, device);
        Ok(())
    }

    pub(super) fn cti_set_agent(
        &mut self,
        now: Now,
        rights: &Rights,
        number: &str,
        to: Wish,
    ) -> Outcome {
        self.cti_agent(now, rights, number, Deed::Act)?;
        let own = rights.agent.as_deref() == Some(number);
        if let Err(why) = self.in_its_teams(rights, number) {
            let (by, act) = (forced_by(rights), word_of(&to));
            self.supervised(now, number, &by, act, None, "not of its team");
            return Err(why);
        }
        match to {
            Wish::AfterCall => self.cti_after_call(now, rights, number, own)?,
            Wish::LogOn { device, pin } => self.cti_sign_in(now, rights, number, &device, &pin)?,
            wish if own => {
                let input = match wish {
                    Wish::Ready => Input::Ready,
                    Wish::NotReady(code) => Input::NotReady(Reason::Break(code)),
                    _ => Input::SignOut,
                };
                let signed_out = || (Why::Conflict, format!("agent {number} is not signed in"));
                let id = self.centre.numbered(number).ok_or_else(signed_out)?;
                self.centre.wish(now.at, id, input, Cause::Agent).map_err(|_| signed_out())?;
            }
            wish => {
                let act = word_of(&wish);
                let order = match wish {
                    Wish::Ready => AgentOrder::Ready,
                    Wish::NotReady(code) => AgentOrder::Break(code),
                    _ => AgentOrder::SignOut,
                };
                let reply = self.agent_order(now, number, order);
                let by = forced_by(rights);
                if let Reply::Refused(why) = reply {
                    self.supervised(now, number, &by, act, None, "it is not signed in");
                    return no(Why::Conflict, why);
                }
                self.supervised(now, number, &by, act, None, "");
            }
        }
        self.cti_agent(now, rights, number, Deed::Act)
    }

    fn cti_after_call(
        &mut self,
        now: Now,
        rights: &Rights,
        number: &str,
        own: bool,
    ) -> Result<(), (Why, String)> {
        let cause = if own { Cause::Agent } else { Cause::Supervisor };
        let id = self.centre.numbered(number).ok_or(NoWrapUp::SignedOut);
        let done = id.and_then(|id| self.centre.after_work(now.at, id, cause));
        let refused = match done {
            Ok(()) => "",
            Err(NoWrapUp::SignedOut) => "it is not signed in",
            Err(_) => "it has no talk for a queue, and no after-call work",
        };
        if !own {
            let by = forced_by(rights);
            self.supervised(now, number, &by, "after_call", None, refused);
        }
        done.or_else(|_| no(Why::Conflict, format!("agent {number}: {refused}")))
    }
}

impl Switch {
    /// What an agent's program says of a call. `None`: the answer comes when it is on the disk.
    pub(super) fn cti_wrap_up(
        &mut self,
        now: Now,
        id: RequestId,
        rights: &Rights,
        number: &str,
        said: &Said<'_>,
    ) -> Result<Option<Reply>, (Why, String)> {
        self.cti_agent(now, rights, number, Deed::Act)?;
        self.in_its_teams(rights, number)?;
        let unfit = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        if said.text.len() > LONGEST_NOTE || said.text.contains(unfit) {
            let why = format!(
                "`text` has at most {LONGEST_NOTE} bytes, and lines and tabs alone of control characters"
            );
            return no(Why::Invalid, why);
        }
        if !self.may_note() {
            return no(Why::Conflict, "the journal takes nothing just now; try again");
        }
        let own = rights.agent.as_deref() == Some(number);
        let agent = self.centre.numbered(number).ok_or(NoWrapUp::SignedOut);
        // What else there is to tell is told: the next fact is this one.
        self.drain_centre(now);
        let done = agent.and_then(|agent| self.centre.says_of(now.at, agent, said));
        let refused = done.err().map(|why| self.no_wrap_up(number, why));
        if !own {
            let why = refused.as_ref().map_or("", |(_, why)| why.as_str());
            self.supervised(now, number, &forced_by(rights), "wrap_up", said.call, why);
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        let seq = self.facts + 1;
        self.drain_centre(now);
        let answer = Reply::Cti(Box::new(self.cti_agent(now, rights, number, Deed::Act)?));
        if said.code.is_empty() && said.text.is_empty() {
            return Ok(Some(answer));
        }
        // It is said to be noted when it is.
        self.noted(seq, id, answer);
        Ok(None)
    }

    /// Why it is not taken, with what would be.
    fn no_wrap_up(&self, number: &str, why: NoWrapUp) -> (Why, String) {
        match why {
            NoWrapUp::SignedOut => (Why::Conflict, format!("agent {number} is not signed in")),
            NoWrapUp::NothingToFinish => {
                let why = "has no such call to say something about, or has said it, and no after-call work to end";
                (Why::Conflict, format!("agent {number} {why}"))
            }
            NoWrapUp::UnknownCode => {
                let agent = self.centre.numbered(number);
                let codes = agent.into_iter().flat_map(|agent| self.centre.wrap_up_codes(agent));
                let codes: Vec<String> =
                    codes.take(MOST_NAMED).map(|(code, name)| format!("{code} ({name})")).collect();
                let are = match codes.is_empty() {
                    true => format!("1 to {LONGEST_CODE} digits: its queue has no [[wrap_up]]"),
                    false => format!("one of {}", codes.join(", ")),
                };
                (Why::Invalid, format!("`code` is none of the call's queue: {are}"))
            }
        }
    }

    pub(super) fn cti_codes(&self) -> Vec<WrapUpCode> {
        let code = |own: &crate::config::WrapUp| WrapUpCode {
            code: own.code.to_string(),
            name: own.name.to_string(),
            queues: own.queues.iter().flatten().map(ToString::to_string).collect(),
        };
        self.config.wrap_ups.iter().map(code).collect()
    }
}

impl Switch {
    /// A token that acts for a supervising agent has the agents of that one's teams alone, as on the phone.
    pub(super) fn in_its_teams(&self, rights: &Rights, number: &str) -> Result<(), (Why, String)> {
        let by = rights.agent.as_deref().filter(|by| *by != number);
        let Some(by) = by.filter(|_| !rights.may(Deed::Administer, false)) else { return Ok(()) };
        let may = self.centre.may_supervise(Some(by), number);
        may.or_else(|why| {
            no(Why::Forbidden, format!("supervisor {by} does not command agent {number}: {why}"))
        })
    }

    /// The same of one of those who talk in a call; one without agents is any supervisor's.
    pub(super) fn one_in_its_teams(
        &self,
        rights: &Rights,
        phones: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<(), (Why, String)> {
        let agents = phones.filter_map(|phone| self.agent_at(phone.as_ref()));
        let mut refused = Ok(());
        for agent in agents {
            refused = self.in_its_teams(rights, &agent);
            if refused.is_ok() {
                break;
            }
        }
        refused
    }
}

/// What is done to an agent, as it is written down.
fn word_of(wish: &Wish) -> &'static str {
    match wish {
        Wish::LogOn { .. } => "sign_in",
        Wish::LogOff => "sign_out",
        Wish::Ready => "ready",
        Wish::NotReady(_) => "break",
        Wish::AfterCall => "after_call",
    }
}

/// Whose order it is, where it is not the agent's own.
fn forced_by(rights: &Rights) -> String {
    rights.agent.clone().unwrap_or_else(|| format!("API {}", rights.name))
}

/// An agent as programs see it.
pub(super) fn agent(view: AgentView) -> Agent {
    let (state, reason, code) = csta(&view.state);
    Agent {
        agent: view.number,
        name: view.name,
        team: view.team,
        device: view.phone,
        state: state.into(),
        reason: reason.into(),
        code,
        pending: view.pending.map(|state| csta(&state).0.to_owned()),
        ms: view.since.as_millis() as u64,
        call: view.call,
        queues: view.queues,
    }
}

/// CSTA's state (ECMA-269 §22.1), more about it, the code of a break.
fn csta(state: &AgentState) -> (&'static str, &'static str, u16) {
    match state {
        AgentState::Null => ("null", "", 0),
        AgentState::NotReady(Reason::Break(code)) => ("not_ready", "break", *code),
        AgentState::NotReady(Reason::SignedIn) => ("not_ready", "signed_in", 0),
        AgentState::NotReady(Reason::NoAnswer) => ("not_ready", "no_answer", 0),
        AgentState::NotReady(Reason::PhoneGone) => ("not_ready", "phone_gone", 0),
        AgentState::NotReady(Reason::Forced(code)) => ("not_ready", "forced", *code),
        AgentState::Ready { .. } => ("ready", "", 0),
        AgentState::Busy(Busy::Ringing { .. }) => ("busy", "ringing", 0),
        AgentState::Busy(Busy::Talking { .. }) => ("busy", "talking", 0),
        AgentState::Busy(Busy::Other) => ("busy", "other_call", 0),
        AgentState::WorkingAfterCall { .. } => ("working_after_call", "", 0),
    }
}
