//! What a call was about (R24): a code from the queue's table and a note, given by the agent who talks, writes, or talked
//! last: by a code on the phone, or in the form of a program.
//!
//! A queue without codes takes any. A call has one code of each agent: the first, which figures have counted. A caller who
//! comes to the same agent again in one call gets no second one.

use super::agent::{AFTER_WORK, AgentId, AgentState, Busy, Input};
use super::centre::Centre;
use super::event::{Cause, What};
use super::queue::QueueId;
use crate::base::{CallId, Duration, Time};

/// The longest note about a call, in bytes.
pub const LONGEST_NOTE: usize = 2_000;
/// The longest code of a queue that has none of its own, where a program gives it, in digits.
pub const LONGEST_CODE: usize = 16;

/// So many calls with a code are remembered of each agent: whoever comes back, comes back soon.
pub(super) const MOST_CODED: usize = 16;

/// What an agent says of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said<'s> {
    /// A code of its queue; by a program the code's name as well; empty: none.
    pub code: &'s str,
    /// A note, at most [`LONGEST_NOTE`]; empty: none.
    pub text: &'s str,
    /// Of which call; `None`: the last that it had.
    pub call: Option<CallId>,
    /// A program says it, in words.
    pub in_words: bool,
    /// It has done with the call: after-call work ends, or does not begin.
    pub done: bool,
}

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
        self.says_of(now, agent, &Said { code, done: true, ..Said::default() })
    }

    /// The codes and their names that fit the call of which an agent can say something; none: any code does.
    pub fn wrap_up_codes(&self, agent: AgentId) -> impl Iterator<Item = (&str, &str)> {
        let about = self.seats.get(&agent).and_then(|seat| seat.uncoded);
        let queue = about.map(|(_, queue)| self.queue_name(queue));
        let all = self.wrap_ups.iter();
        all.filter(move |known| queue.as_ref().is_some_and(|queue| known.is_of(queue)))
            .map(|known| (known.code.as_str(), known.name.as_str()))
    }

    /// An agent says what a call was about, and may have done with it.
    pub fn says_of(&mut self, now: Time, agent: AgentId, said: &Said<'_>) -> Result<(), NoWrapUp> {
        let Some(seat) = self.seats.get(&agent) else { return Err(NoWrapUp::SignedOut) };
        let (about, finishes) = match seat.agent.state {
            AgentState::WorkingAfterCall { .. } => (seat.uncoded, true),
            AgentState::Busy(Busy::Talking { call, queue }) => {
                (Some((call, queue)).filter(|about| seat.uncoded == Some(*about)), true)
            }
            AgentState::Null => return Err(NoWrapUp::SignedOut),
            _ => (seat.uncoded, false),
        };
        let silent = said.code.is_empty() && said.text.is_empty();
        let present = match seat.agent.state {
            AgentState::WorkingAfterCall { call, .. }
            | AgentState::Busy(Busy::Talking { call, .. }) => Some(call),
            _ => None,
        };
        // Done with a call of before is not done with this one.
        if silent && said.call.is_some() && said.call != present {
            return Err(NoWrapUp::NothingToFinish);
        }
        let is_meant = |call: CallId| said.call.is_none_or(|own| own == call);
        match about.filter(|(call, _)| is_meant(*call)) {
            Some(about) if !silent => self.tell_wrap_up(now, agent, about, said)?,
            None if !silent => return Err(NoWrapUp::NothingToFinish),
            _ => {}
        }
        match finishes && said.done {
            true => {
                let done = self.wish(now, agent, Input::AfterWorkDone, Cause::Agent);
                done.map_err(|_| NoWrapUp::NothingToFinish)
            }
            false if silent => Err(NoWrapUp::NothingToFinish),
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
        said: &Said<'_>,
    ) -> Result<(), NoWrapUp> {
        let queue = self.queue_name(queue);
        let (code, name) = match said.code {
            "" => (String::new(), String::new()),
            code => self.code_of(&queue, code, said.in_words).ok_or(NoWrapUp::UnknownCode)?,
        };
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.uncoded = None;
            seat.coded.push_back(call);
            if seat.coded.len() > MOST_CODED {
                seat.coded.pop_front();
            }
        }
        let (agent, text) = (self.number_of(agent), said.text.to_owned());
        self.tell(now, What::WrapUp { agent, call, queue, code, name, text });
        Ok(())
    }

    /// The code that is meant, and what it means. A queue without codes takes any, of a program such as could be dialled.
    fn code_of(&self, queue: &str, said: &str, in_words: bool) -> Option<(String, String)> {
        let own = || self.wrap_ups.iter().filter(|known| known.is_of(queue));
        if own().next().is_none() {
            let dialled = said.len() <= LONGEST_CODE && said.bytes().all(|b| b.is_ascii_digit());
            return (dialled || !in_words).then(|| (said.to_owned(), String::new()));
        }
        let by_name = || own().find(|known| in_words && known.name == said);
        let known = own().find(|known| known.code == said).or_else(by_name)?;
        Some((known.code.clone(), known.name.clone()))
    }

    /// An agent has a caller: what it says from now on is about that one.
    pub(super) fn talks_about(&mut self, agent: AgentId, call: CallId, queue: QueueId) {
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.uncoded = Some((call, queue)).filter(|_| !seat.coded.contains(&call));
        }
    }
}
