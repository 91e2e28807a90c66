//! What a program asks of agents: their states, and what one is to be (GetAgentState, SetAgentState: ECMA-269 §22; R9,
//! R2).
//!
//! An agent's own token wishes as the agent does; a supervisor's forces, and that is written down with who did.

use super::{Agent, Answer, Outcome, Why, Wish, no};
use crate::access::rights::{Deed, Rights};
use crate::acd::agent::{AgentState, Busy, Input, Reason};
use crate::acd::event::{Cause, SignInRefusal};
use crate::acd::{AgentView, NoWrapUp};
use crate::base::Now;
use crate::switch::Switch;
use crate::switch::console::{AgentOrder, Reply};

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

    pub(super) fn cti_set_agent(
        &mut self,
        now: Now,
        rights: &Rights,
        number: &str,
        to: Wish,
    ) -> Outcome {
        self.cti_agent(now, rights, number, Deed::Act)?;
        let own = rights.agent.as_deref() == Some(number);
        match to {
            Wish::AfterCall => self.cti_after_call(now, rights, number, own)?,
            Wish::LogOn { device, pin } => {
                if self.config.phone(&device).is_none() {
                    return no(Why::NotFound, format!("there is no phone {device}"));
                }
                if !rights.may_sign_in_at(&device) {
                    let why = format!("the token's `phones` do not name {device}");
                    return no(Why::Forbidden, why);
                }
                let signed = self.centre.sign_in(now.at, number, &pin, &device);
                signed.or_else(|why| match why {
                    SignInRefusal::Wrong => no(Why::Forbidden, "the PIN is wrong"),
                    SignInRefusal::Locked => {
                        no(Why::Forbidden, "too many wrong PINs: locked for a while")
                    }
                    SignInRefusal::Talking => {
                        no(Why::Conflict, "the agent, or another at that phone, talks")
                    }
                })?;
                self.phone_reachable(now, &device);
                self.line_changed(now, &device);
            }
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
                let (order, act) = match wish {
                    Wish::Ready => (AgentOrder::Ready, "ready"),
                    Wish::NotReady(_) => (AgentOrder::Break, "break"),
                    _ => (AgentOrder::SignOut, "sign_out"),
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
        AgentState::NotReady(Reason::Forced) => ("not_ready", "forced", 0),
        AgentState::Ready { .. } => ("ready", "", 0),
        AgentState::Busy(Busy::Ringing { .. }) => ("busy", "ringing", 0),
        AgentState::Busy(Busy::Talking { .. }) => ("busy", "talking", 0),
        AgentState::Busy(Busy::Other) => ("busy", "other_call", 0),
        AgentState::WorkingAfterCall { .. } => ("working_after_call", "", 0),
    }
}
