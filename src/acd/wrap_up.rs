//! What a call was about (R24): a code from the queue's table, given by the agent who talks, writes, or talked last.
//!
//! A queue without codes takes any. A call has one code of each agent: the first, which figures have counted.

use super::agent::{AFTER_WORK, AgentId, AgentState, Busy, Input};
use super::centre::Centre;
use super::event::{Cause, What};
use super::queue::QueueId;
use crate::base::{CallId, Duration, Time};

/// Why a code is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWrapUp {
    /// Nobody is signed in there.
    SignedOut,
    /// There is no call that it could be about, or it has one already.
    NothingToFinish,
    /// The queue has codes, and this is none of them.
    UnknownCode,
}

impl Centre {
    /// An agent has done with a call: `code`: what it was about; empty: it does not say.
    pub fn wrap_up(&mut self, now: Time, agent: AgentId, code: &str) -> Result<(), NoWrapUp> {
        let Some(seat) = self.seats.get(&agent) else { return Err(NoWrapUp::SignedOut) };
        let (about, finishes) = match seat.agent.state {
            AgentState::WorkingAfterCall { .. } => (seat.uncoded, true),
            AgentState::Busy(Busy::Talking { call, queue }) => {
                (Some((call, queue)).filter(|about| seat.uncoded == Some(*about)), true)
            }
            AgentState::Null => return Err(NoWrapUp::SignedOut),
            _ => (seat.uncoded, false),
        };
        match (code.is_empty(), about) {
            (true, _) => {}
            (false, None) => return Err(NoWrapUp::NothingToFinish),
            (false, Some((call, queue))) => self.tell_wrap_up(now, agent, (call, queue), code)?,
        }
        match finishes {
            true => {
                let done = self.wish(now, agent, Input::AfterWorkDone, Cause::Agent);
                done.map_err(|_| NoWrapUp::NothingToFinish)
            }
            false if code.is_empty() => Err(NoWrapUp::NothingToFinish),
            false => Ok(()),
        }
    }

    /// After-call work by order, of an agent who talks for a queue or writes about it: as long as the queue's, from
    /// the talk's end or from now.
    pub fn after_work(&mut self, now: Time, agent: AgentId, by: Cause) -> Result<(), NoWrapUp> {
        let seat = self.seats.get(&agent).ok_or(NoWrapUp::SignedOut)?;
        let queue = match seat.agent.state {
            AgentState::Null => return Err(NoWrapUp::SignedOut),
            AgentState::Busy(Busy::Talking { queue, .. })
            | AgentState::WorkingAfterCall { queue, .. } => queue,
            _ => return Err(NoWrapUp::NothingToFinish),
        };
        let most = self.queues.get(&queue).map(|queue| queue.terms.after_call);
        let most = most.filter(|most| *most > Duration::ZERO).unwrap_or(AFTER_WORK);
        let done = self.wish(now, agent, Input::AfterWork(most), by);
        done.map_err(|_| NoWrapUp::NothingToFinish)
    }

    fn tell_wrap_up(
        &mut self,
        now: Time,
        agent: AgentId,
        (call, queue): (CallId, QueueId),
        code: &str,
    ) -> Result<(), NoWrapUp> {
        let queue = self.queue_name(queue);
        let is_of = |queues: &[String]| queues.is_empty() || queues.contains(&queue);
        let mut own = self.wrap_ups.iter().filter(|known| is_of(&known.queues)).peekable();
        let has_codes = own.peek().is_some();
        let name = own.find(|known| known.code == code).map(|known| known.name.clone());
        if has_codes && name.is_none() {
            return Err(NoWrapUp::UnknownCode);
        }
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.uncoded = None;
        }
        let (agent, code) = (self.number_of(agent), code.to_owned());
        self.tell(now, What::WrapUp { agent, call, queue, code, name: name.unwrap_or_default() });
        Ok(())
    }

    /// An agent has a caller: what it says from now on is about that one.
    pub(super) fn talks_about(&mut self, agent: AgentId, call: CallId, queue: QueueId) {
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.uncoded = Some((call, queue));
        }
    }
}
