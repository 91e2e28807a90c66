//! Call-backs: a caller who does not wish to wait on the line keeps its place, and is called when its turn comes.
//!
//! ```text
//!  waits on the line ── asks ──▶ Waiting, at its place ── offered ──▶ the agent takes it: Calling
//!                                   ▲  ▲                                │ reached: a talk  │ not reached
//!                                   │  └──── its turn again ── Resting ◀┴──────────────────┘
//!                                   └ kept over a restart      so often, so long: given up
//! ```
//!
//! There is one for each queue and number: under the caller's own and under the one that it gave. Who calls again
//! meanwhile takes the place over, and the call-back is suspended: none any more when an agent has that call, at its
//! place again when none had. So it is, too, until the call is over in which it was asked for. An agent whose turn it is has a reservation
//! as for any caller, so a driver that is silent delays a call-back and never loses it.
//!
//! Does not know how anybody is called.

use super::agent::Input;
use super::centre::{Centre, Due};
use super::event::{Cause, Departure, What};
use super::queue::{Back, BackTerms, Bin, Caller, MOST_PRIORITY, QueueId, Rank, Stage};
use crate::base::{CallId, Duration, Time};

/// The longest number that anybody is called back at, in characters: E.164's 15 digits with a prefix.
pub const MOST_NUMBER: usize = 21;

/// Why a caller is not called back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoCallBack {
    /// It waits in no queue.
    NotWaiting,
    /// The queue calls nobody back.
    NotOffered,
    /// It gives no number, or one that is too long.
    NoNumber,
    /// It will be already.
    Twice,
    /// As many are to be called back as may.
    Full,
}

/// What holds for one who is to be called and has not asked for it, in a queue that calls nobody back by itself.
const OWED: BackTerms = BackTerms {
    attempts: 3,
    pause: Duration::from_secs(30),
    within: Duration::from_secs(3_600),
    most: 100,
};

/// Somebody whom an agent is to call, though he has not called himself: an alarm that brings no call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owed {
    /// Under which it waits.
    pub call: CallId,
    /// The queue's name.
    pub queue: String,
    /// The number to be called.
    pub number: String,
    /// Its priority.
    pub priority: i32,
}

/// A call-back from before a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The call in which it was asked for.
    pub call: CallId,
    /// The queue's name.
    pub queue: String,
    /// The caller's own number; empty: it showed none.
    pub from: String,
    /// The number to be called.
    pub number: String,
    /// Its priority.
    pub priority: i32,
    /// How long ago it came into the queue.
    pub waited: Duration,
    /// How long it is still tried; zero: that is over.
    pub left: Duration,
    /// Attempts that failed.
    pub failed: u32,
    /// Not before so long.
    pub rests: Duration,
}

/// A call-back, as an operator is shown it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BackView {
    /// The call in which it was asked for.
    pub call: CallId,
    /// The queue's name.
    pub queue: String,
    /// The number to be called.
    pub number: String,
    /// Its place among all who wait; the first is 1.
    pub position: usize,
    /// Since when it is in the queue.
    pub waited: Duration,
    /// How long it is still tried.
    pub left: Duration,
    /// Attempts that failed.
    pub failed: u32,
    /// It rests for so long, until the next one.
    pub rests: Option<Duration>,
    /// The agent who is asked, or is calling.
    pub agent: Option<String>,
}

impl Centre {
    /// Whether a queue calls back who waits in it.
    pub fn offers_call_back(&self, call: CallId) -> bool {
        let queue = self.callers.get(&call).and_then(|caller| self.queues.get(&caller.queue));
        queue.is_some_and(|queue| queue.terms.back.is_some())
    }

    /// The number by which a waiting caller is known; empty: it shows none.
    pub fn caller_number(&self, call: CallId) -> Option<&str> {
        self.callers.get(&call).map(|caller| caller.number.as_str())
    }

    /// A waiting caller wishes to be called back at `number`: it keeps its place and may hang up.
    pub fn call_back(&mut self, now: Time, call: CallId, number: &str) -> Result<(), NoCallBack> {
        let Some(caller) = self.callers.get(&call).filter(|caller| caller.back.is_none()) else {
            return Err(NoCallBack::NotWaiting);
        };
        let terms = self.queues.get(&caller.queue).and_then(|queue| queue.terms.back);
        let Some(terms) = terms else { return Err(NoCallBack::NotOffered) };
        if number.is_empty() || number.len() > MOST_NUMBER {
            return Err(NoCallBack::NoNumber);
        }
        let queue = caller.queue;
        let own = Some(caller.number.clone()).filter(|own| !own.is_empty() && own != number);
        let keys: Vec<_> = own.into_iter().chain([number.to_owned()]).map(|n| (queue, n)).collect();
        let held = self.suspended_by(call);
        if keys.iter().any(|key| self.backs.get(key).is_some_and(|other| Some(*other) != held)) {
            return Err(NoCallBack::Twice);
        }
        if held.is_none() && !self.has_room(queue, terms, caller.number.is_empty()) {
            return Err(NoCallBack::Full);
        }
        if let Some(old) = held {
            // It asks anew, perhaps for another number.
            self.take_out(now, old, Departure::CalledAgain);
        }
        let Some(caller) = self.callers.get_mut(&call) else { return Err(NoCallBack::NotWaiting) };
        caller.back = Some(Back { number: number.to_owned(), failed: 0, before: Duration::ZERO });
        caller.until = now + terms.within;
        let (from, priority) = (caller.number.clone(), caller.priority);
        let waited_ms = now.since(caller.entered).as_millis() as u64;
        let within_ms = terms.within.as_millis() as u64;
        self.backs.extend(keys.into_iter().map(|key| (key, call)));
        let (queue, number) = (self.queue_name(queue), number.to_owned());
        self.tell(
            now,
            What::BackWanted { queue, call, from, number, priority, waited_ms, within_ms },
        );
        // As long as it is on the line it is nobody's to call back.
        self.suspend(now, call, call);
        self.settle(now);
        Ok(())
    }

    /// Somebody is to be called by an agent: he waits in the queue as one who has asked for a call-back, whether or not it
    /// is open, staffed or full, and is not kept over a restart.
    pub fn owe(&mut self, now: Time, owed: Owed) -> Result<(), NoCallBack> {
        let Owed { call, queue: name, number, priority } = owed;
        let queue = self.by_name.get(&name).copied().ok_or(NoCallBack::NotOffered)?;
        let terms = self.queues.get(&queue).map(|queue| &queue.terms);
        let terms = terms.ok_or(NoCallBack::NotOffered)?;
        if number.is_empty() || number.len() > MOST_NUMBER {
            return Err(NoCallBack::NoNumber);
        }
        let key = (queue, number.clone());
        if self.callers.contains_key(&call) || self.backs.contains_key(&key) {
            return Err(NoCallBack::Twice);
        }
        let asked = priority.clamp(-MOST_PRIORITY, MOST_PRIORITY);
        let rank = Rank::new(now, asked, terms.ageing, call);
        let caller = Caller {
            queue,
            number: String::new(),
            priority: asked,
            entered: now,
            came: now,
            rank,
            region: None,
            favourite: None,
            stage: Stage::Waiting(Bin::Open),
            until: now + terms.back.unwrap_or(OWED).within,
            urgent: true,
            back: Some(Back { number, failed: 0, before: Duration::ZERO }),
        };
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.callers.insert(rank);
        }
        self.callers.insert(call, caller);
        self.backs.insert(key, call);
        let position = self.position(call).unwrap_or(1);
        self.tell(now, What::Entered { queue: name, call, position, priority: asked });
        self.wait(now, call);
        if let Some(other) = self.on_line(call) {
            self.suspend(now, call, other);
        }
        self.settle(now);
        Ok(())
    }

    /// Whether an agent is on the phone for a call-back.
    pub fn is_being_made(&self, call: CallId) -> bool {
        self.callers.get(&call).is_some_and(|caller| matches!(caller.stage, Stage::Calling(_)))
    }

    /// Whether a queue calls one more back. One who hides its number cannot be told from another: they have a share.
    fn has_room(&self, queue: QueueId, terms: BackTerms, hides: bool) -> bool {
        let of_it = self.callers.values().filter(|c| c.queue == queue && c.back.is_some());
        let (mut all, mut hidden) = (0, 0);
        for other in of_it {
            all += 1;
            hidden += usize::from(other.number.is_empty());
        }
        all < terms.most && !(hides && hidden >= terms.most_hidden())
    }

    /// The number at which a caller is to be called back.
    pub fn back_number(&self, call: CallId) -> Option<&str> {
        self.callers.get(&call)?.back.as_ref().map(|back| back.number.as_str())
    }

    /// The queue of a waiting caller, by name.
    pub fn queue_of(&self, call: CallId) -> Option<String> {
        self.callers.get(&call).map(|caller| self.queue_name(caller.queue))
    }

    /// A call-back could not be written down, so it is none: its caller waits on the line, at its place.
    /// `written`: it may yet be; then it is told that the call-back is over and its caller is in again.
    pub fn keep_on_line(&mut self, now: Time, call: CallId, written: bool) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Some(back) = caller.back.take() else { return };
        let longest = self.queues.get(&caller.queue).map(|queue| queue.terms.longest);
        caller.until = now + longest.unwrap_or_default();
        let (queue, own, priority) = (caller.queue, caller.number.clone(), caller.priority);
        let waited_ms = now.since(caller.entered).as_millis() as u64;
        for number in [back.number, own] {
            self.backs.remove(&(queue, number));
        }
        if written {
            let (queue, why) = (self.queue_name(queue), Departure::CalledAgain);
            self.tell(now, What::Left { queue: queue.clone(), call, why, waited_ms });
            let position = self.position(call).unwrap_or(1);
            self.tell(now, What::Entered { queue, call, position, priority });
        }
        self.unbin(call);
        self.wait(now, call);
        self.settle(now);
    }

    /// What came of calling somebody back, with the agent on the phone already.
    pub fn called_back(&mut self, now: Time, call: CallId, reached: bool) {
        let calling = self.callers.get_mut(&call).and_then(|caller| match caller.stage {
            Stage::Calling(agent) => Some((agent, caller)),
            _ => None,
        });
        let Some((agent, caller)) = calling else {
            // Its queue was taken away meanwhile: nobody is owed a call, and the agent has not talked.
            return if !reached {
                self.no_talk(now, call)
            };
        };
        let Some(back) = &mut caller.back else { return };
        let (queue, waited) = (caller.queue, now.since(caller.entered) + back.before);
        if reached {
            let numbers = [back.number.clone(), caller.number.clone()];
            self.drop_caller(call);
            numbers.iter().for_each(|number| self.served.note(number, agent));
            return self.tell_answered(now, queue, call, agent, [waited, Duration::ZERO], true);
        }
        back.failed += 1;
        let (failed, until) = (back.failed, caller.until);
        let terms = self.queues.get(&queue).and_then(|queue| queue.terms.back);
        let again = now + terms.unwrap_or(OWED).pause;
        let gives_up = again >= until || failed >= terms.unwrap_or(OWED).attempts;
        self.set_stage(call, Stage::Resting(again));
        self.arm(Due::Caller(call), again);
        let (name, agent) = (self.queue_name(queue), self.number_of(agent));
        self.tell(now, What::BackFailed { queue: name, call, agent, failed });
        match self.on_line(call) {
            Some(other) => self.suspend(now, call, other),
            None if gives_up => self.take_out(now, call, Departure::GivenUp),
            None => {}
        }
        self.no_talk(now, call);
    }

    /// An agent was on the phone for a call-back, but nothing says that its caller's has rung: it rests, and that
    /// was no attempt.
    pub fn not_called_back(&mut self, now: Time, call: CallId) {
        let stage = self.callers.get(&call).map(|caller| &caller.stage);
        if let Some(Stage::Calling(_)) = stage {
            self.rests(now, call);
            if let Some(other) = self.on_line(call) {
                self.suspend(now, call, other);
            }
        }
        self.no_talk(now, call);
    }

    /// An agent has reached nobody: that was no talk, and it is free again.
    pub(super) fn no_talk(&mut self, now: Time, call: CallId) {
        if let Some(agent) = self.talks.remove(&call) {
            _ = self.change(now, agent, Input::NotReached(call), Cause::Call);
        }
        self.settle(now);
    }

    /// A call-back that was offered cannot be made now.
    pub(super) fn rests_untried(&mut self, now: Time, call: CallId) {
        let is_offered = |c: &&Caller| c.back.is_some() && matches!(c.stage, Stage::Offered { .. });
        if self.callers.get(&call).filter(is_offered).is_some() {
            self.rests(now, call);
        }
    }

    /// Not before its queue's pause is over.
    fn rests(&mut self, now: Time, call: CallId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let terms = self.queues.get(&caller.queue).and_then(|queue| queue.terms.back);
        let again = now + terms.unwrap_or(OWED).pause;
        caller.stage = Stage::Resting(again);
        let due = again.min(caller.until);
        self.arm(Due::Caller(call), due);
    }

    /// A call of the number that is to be called back, or of the one that it gave, that waits on the line.
    fn on_line(&self, call: CallId) -> Option<CallId> {
        let caller = self.callers.get(&call)?;
        let back = caller.back.as_ref()?;
        let is_it = |other: &Caller| {
            let known = [&back.number, &caller.number].contains(&&other.number);
            other.queue == caller.queue && other.back.is_none() && known && !other.number.is_empty()
        };
        self.callers.iter().find(|(_, other)| is_it(other)).map(|(other, _)| *other)
    }

    /// The call-back of a number whose place can be taken over. One that an agent is making this moment is that
    /// agent's: what comes of it ends it; and one place is taken over once.
    pub(super) fn owed(&self, queue: QueueId, number: &str) -> Option<&Caller> {
        let back = self.callers.get(self.backs.get(&(queue, number.to_owned()))?)?;
        let is_free = !matches!(back.stage, Stage::Calling(_) | Stage::Suspended { .. });
        is_free.then_some(back)
    }

    /// The call-back that is suspended while this caller waits.
    pub(super) fn suspended_by(&self, call: CallId) -> Option<CallId> {
        let caller = self.callers.get(&call).filter(|caller| caller.back.is_none())?;
        let back = *self.backs.get(&(caller.queue, caller.number.clone()))?;
        match self.callers.get(&back)?.stage {
            Stage::Suspended { by, .. } if by == call => Some(back),
            _ => None,
        }
    }

    /// Whoever is to be called back is on the line, by the call in which it asked or by a later one.
    pub(super) fn suspend(&mut self, now: Time, call: CallId, by: CallId) {
        self.unbin(call);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let (rests, offered) = match &caller.stage {
            Stage::Resting(until) => (*until, Vec::new()),
            Stage::Offered { agents, .. } => (Time::ZERO, agents.clone()),
            _ => (Time::ZERO, Vec::new()),
        };
        caller.stage = Stage::Suspended { by, rests };
        let (rank, until) = (caller.rank, caller.until);
        if by != call
            && let Some(queue) = self.queues.get_mut(&caller.queue)
        {
            queue.callers.remove(&rank);
        }
        self.arm(Due::Caller(call), until);
        // Their phones rang for a caller who is there.
        self.withdraw(now, call, offered);
    }

    /// The call is over for which a call-back was suspended: it has its place again.
    pub(super) fn resume(&mut self, now: Time, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Stage::Suspended { rests, .. } = caller.stage else { return };
        if let Some(other) = self.on_line(call) {
            self.set_stage(call, Stage::Resting(rests));
            return self.suspend(now, call, other);
        }
        let (rank, until) = (caller.rank, caller.until);
        if let Some(queue) = self.queues.get_mut(&caller.queue) {
            queue.callers.insert(rank);
        }
        match rests > now {
            true => {
                self.set_stage(call, Stage::Resting(rests));
                self.arm(Due::Caller(call), rests.min(until));
            }
            false => self.wait(now, call),
        }
    }

    /// Somebody of this number has an agent: no call-back is owed, but for one that is being made.
    pub(super) fn call_back_settled(&mut self, now: Time, queue: QueueId, number: &str) {
        let Some(call) = self.backs.get(&(queue, number.to_owned())).copied() else { return };
        let being_made = |caller: &Caller| matches!(caller.stage, Stage::Calling(_));
        if self.callers.get(&call).is_some_and(|caller| !being_made(caller)) {
            self.take_out(now, call, Departure::CalledAgain);
        }
    }

    /// A call-back from before a restart has its place again; one whose queue or time is over is given up, and
    /// one that is here already is left as it is.
    pub fn restore_back(&mut self, now: Time, kept: Kept) {
        let Kept { call, queue: name, from, number, priority, waited, left, failed, rests } = kept;
        if self.callers.contains_key(&call) {
            return;
        }
        let waited_ms = waited.as_millis() as u64;
        let terms = self.by_name.get(&name).and_then(|id| Some((*id, self.queues.get(id)?)));
        let terms = terms.filter(|(_, queue)| queue.terms.back.is_some());
        let Some((queue, owner)) = terms else {
            let why = Departure::NotOffered;
            return self.tell(now, What::Left { queue: name, call, why, waited_ms });
        };
        let keys = [(queue, from.clone()), (queue, number.clone())];
        if left == Duration::ZERO || keys.iter().any(|key| self.backs.contains_key(key)) {
            let why = Departure::GivenUp;
            return self.tell(now, What::Left { queue: name, call, why, waited_ms });
        }
        let rank = Rank::kept(now, waited, priority, owner.terms.ageing, call);
        let until = now + left;
        let again = now + rests;
        let rests = rests > Duration::ZERO;
        let stage = if rests { Stage::Resting(again) } else { Stage::Waiting(Bin::Open) };
        // The clock has no time before its start: what it waited before stands beside.
        let entered = Time::from_nanos(now.as_nanos().saturating_sub(waited.as_nanos() as u64));
        let before = waited.saturating_sub(now.since(entered));
        let back = Some(Back { number, failed, before });
        let caller = Caller {
            queue,
            number: from,
            priority,
            entered,
            came: entered,
            rank,
            region: None,
            favourite: None,
            stage,
            until,
            urgent: false,
            back,
        };
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.callers.insert(rank);
        }
        self.callers.insert(call, caller);
        let known = keys.into_iter().filter(|(_, number)| !number.is_empty());
        self.backs.extend(known.map(|key| (key, call)));
        match rests {
            true => self.arm(Due::Caller(call), again.min(until)),
            false => self.wait(now, call),
        }
        if let Some(other) = self.on_line(call) {
            self.suspend(now, call, other);
        }
        self.settle(now);
    }

    /// All call-backs, by their places.
    pub fn call_backs(&self, now: Time) -> Vec<BackView> {
        let ranks = self.by_name.values().filter_map(|id| self.queues.get(id));
        let ranks = ranks.flat_map(|queue| queue.callers.iter().enumerate());
        ranks.filter_map(|(at, rank)| self.back_view(now, at + 1, rank.call())).collect()
    }

    fn back_view(&self, now: Time, position: usize, call: CallId) -> Option<BackView> {
        let caller = self.callers.get(&call)?;
        let back = caller.back.as_ref()?;
        let agent = match &caller.stage {
            Stage::Offered { agents, .. } => agents.first().copied(),
            Stage::Calling(agent) => Some(*agent),
            Stage::Waiting(_) | Stage::Resting(_) | Stage::Suspended { .. } => None,
        };
        let rests = match caller.stage {
            Stage::Resting(until) => Some(until.since(now)),
            _ => None,
        };
        Some(BackView {
            call,
            queue: self.queue_name(caller.queue),
            number: back.number.clone(),
            position,
            waited: now.since(caller.entered) + back.before,
            left: caller.until.since(now),
            failed: back.failed,
            rests,
            agent: agent.map(|agent| self.number_of(agent)),
        })
    }
}
