//! One agent, apart from any phone, in the states of CSTA (ECMA-269 §6.1.4, §22.1.5).
//!
//! ```text
//!            sign in            ready                offer              answer
//!   Null ──────────▶ NotReady ◀───────▶ Ready ◀──────────────▶ Ringing ────────▶ Talking
//!    ▲                   ▲      break     ▲    gone, declined,    │                 │ talk over
//!    │ sign out          ├────────────────┼─── no answer ◀────────┘                 ▼
//!    └───────────────────┴────────────────┴──── after work, limit ◀──────── WorkingAfterCall
//! ```
//!
//! Ringing and Talking, and Other for calls of no queue, are CSTA's Busy. What is wished during a
//! talk is pending until it is over. Every way out of Ringing and WorkingAfterCall has a time at
//! which it is taken by itself; Talking ends with the call, which the driver tells once for each.

use serde::{Deserialize, Serialize};

use super::event::{Cause, Missed};
use super::queue::QueueId;
use crate::base::{CallId, Duration, Time};

/// An agent, as long as it is configured.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct AgentId(pub u32);

/// Why an agent takes no callers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It has just signed in, and is not ready yet.
    SignedIn,
    /// A break, with its code (lunch, training …), 0 without one.
    Break(u16),
    /// Its phone rang unanswered too often.
    NoAnswer,
    /// Its phone is out of reach.
    PhoneGone,
    /// A supervisor or operator said so, with the code of the break, 0 without one.
    Forced(u16),
}

/// How an agent is busy.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Busy {
    /// Its phone rings for a queue's caller: a reservation.
    Ringing {
        /// The caller.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// When the reservation expires.
        until: Time,
    },
    /// It talks with a queue's caller.
    Talking {
        /// The caller.
        call: CallId,
        /// The queue.
        queue: QueueId,
    },
    /// It has a call of no queue.
    Other,
}

/// How long after-call work by order lasts at most, where the queue has none.
pub const AFTER_WORK: Duration = Duration::from_secs(30);

/// An agent's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentState {
    /// Signed out.
    #[default]
    Null,
    /// Takes no callers.
    NotReady(Reason),
    /// Takes callers; not before `rests_until` (it has just not answered one).
    Ready {
        /// [`Time::ZERO`] mostly.
        rests_until: Time,
    },
    /// Has a call.
    Busy(Busy),
    /// Finishes what the call was about.
    WorkingAfterCall {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// When it is ready by itself.
        until: Time,
    },
}

impl AgentState {
    /// Ready from now on.
    pub const READY: AgentState = AgentState::Ready { rests_until: Time::ZERO };

    /// The caller for whom its phone rings.
    pub fn rings_for(&self) -> Option<(CallId, QueueId)> {
        match self {
            AgentState::Busy(Busy::Ringing { call, queue, .. }) => Some((*call, *queue)),
            _ => None,
        }
    }
    /// The caller that it talks with.
    pub fn talks_with(&self) -> Option<(CallId, QueueId)> {
        match self {
            AgentState::Busy(Busy::Talking { call, queue }) => Some((*call, *queue)),
            _ => None,
        }
    }
    /// Whether it is there to take callers now or after the present one: it counts as staff.
    pub fn is_working(&self) -> bool {
        !matches!(self, AgentState::Null | AgentState::NotReady(_))
    }
    /// When it changes by itself.
    pub fn until(&self) -> Option<Time> {
        match self {
            AgentState::Busy(Busy::Ringing { until, .. })
            | AgentState::WorkingAfterCall { until, .. } => Some(*until),
            AgentState::Ready { rests_until } if *rests_until > Time::ZERO => Some(*rests_until),
            _ => None,
        }
    }
    /// Whether the other is the same but for its times.
    pub fn is_same_as(&self, other: &AgentState) -> bool {
        match (*self, *other) {
            (AgentState::Ready { .. }, AgentState::Ready { .. }) => true,
            (
                AgentState::WorkingAfterCall { call, .. },
                AgentState::WorkingAfterCall { call: same, .. },
            ) => call == same,
            (AgentState::Busy(Busy::Ringing { call, .. }), AgentState::Busy(other)) => {
                matches!(other, Busy::Ringing { call: same, .. } if call == same)
            }
            (one, other) => one == other,
        }
    }
    /// Its name in lists: CSTA's, with ringing and talking told apart.
    pub fn name(&self) -> &'static str {
        match self {
            AgentState::Null => "signed out",
            AgentState::NotReady(Reason::Break(_)) => "break",
            AgentState::NotReady(_) => "not ready",
            AgentState::Ready { .. } => "ready",
            AgentState::Busy(Busy::Ringing { .. }) => "ringing",
            AgentState::Busy(Busy::Talking { .. }) => "talking",
            AgentState::Busy(Busy::Other) => "other call",
            AgentState::WorkingAfterCall { .. } => "after-call work",
        }
    }
}

/// What happens to an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// It has proven who it is, at a phone.
    SignIn,
    /// It goes.
    SignOut,
    /// It takes callers.
    Ready,
    /// It takes none.
    NotReady(Reason),
    /// What the call was about is written down.
    AfterWorkDone,
    /// It wants after-call work: when the talk is over, or from now on again for so long.
    AfterWork(Duration),
    /// A caller is reserved for it.
    Offer {
        /// The caller.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// When the reservation expires.
        until: Time,
    },
    /// Its phone rings on elsewhere, or who has answered there is asked: the reservation expires later.
    RingsOn {
        /// The caller.
        call: CallId,
        /// When it expires now, unless that is later already.
        until: Time,
    },
    /// Its phone answered.
    Answered(CallId),
    /// Its phone did not.
    Missed(CallId, Missed),
    /// A call-back that it made has reached nobody.
    NotReached(CallId),
    /// The talk is over; `after`: how long it may write.
    TalkOver {
        /// The call.
        call: CallId,
        /// For how long at most.
        after: Duration,
    },
    /// In a call of its own it talks with whom a campaign has shown it: after-call work follows.
    Previewed {
        /// The call.
        call: CallId,
        /// The campaign's queue.
        queue: QueueId,
        /// For how long at most.
        after: Duration,
    },
    /// Its phone has calls of no queue, or has them no more.
    Engaged(bool),
    /// Its phone can be reached, or not.
    Reachable(bool),
    /// Time passes.
    Wake,
}

impl Input {
    /// Whether it is a wish of one who stays on.
    pub(super) fn stays(&self) -> bool {
        let wishes = matches!(self, Input::Ready | Input::NotReady(_) | Input::AfterWorkDone);
        wishes || matches!(self, Input::AfterWork(_))
    }
}

/// Why an input was of no use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Useless {
    /// It is not signed in.
    SignedOut,
    /// It has a caller.
    HasCaller,
    /// It has another caller, or none: late news.
    Stale,
    /// There is no after-call work.
    NothingToFinish,
}

/// How it is with agents who do not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Patience {
    /// So many offers unanswered in a row, and it is not ready.
    pub missed_most: u32,
    /// How long it gets no caller after one that it did not take.
    pub rest: Duration,
    /// Whether it is ready as soon as it has signed in.
    pub ready_at_sign_in: bool,
}

/// A talk with whom a campaign has shown an agent, in a call of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Preview {
    /// The call.
    pub call: CallId,
    /// The campaign's queue.
    pub queue: QueueId,
    /// How long after-call work may take; zero: there is none.
    pub after: Duration,
}

/// What lives of an agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Agent {
    /// Its state.
    pub state: AgentState,
    /// Since when.
    pub since: Time,
    /// What it will be in when the talk is over.
    pub pending: Option<AgentState>,
    /// In a call of no queue it talks with whom a campaign has shown it.
    #[serde(default)]
    pub previews: Option<Preview>,
    /// Where it is signed in.
    pub phone: Option<String>,
    /// Its phone has calls of no queue.
    pub engaged: bool,
    /// Offers not answered, in a row.
    pub missed: u32,
    /// Since when it has had no caller.
    pub idle_since: Time,
    /// Callers taken since sign-in.
    pub calls: u32,
    /// Time talked since sign-in.
    pub talked: Duration,
}

impl Agent {
    /// Whether a caller can be given to it now.
    pub fn is_available(&self, now: Time) -> bool {
        matches!(self.state, AgentState::Ready { rests_until } if rests_until <= now)
    }

    /// Whether it talks with somebody about whom figures are made: what is wished meanwhile is pending.
    pub fn talks(&self) -> bool {
        self.state.talks_with().is_some() || self.previews.is_some()
    }

    /// Takes an input. `Ok(Some(cause))`: its state or what is pending is another one, for this reason.
    pub fn handle(
        &mut self,
        now: Time,
        input: Input,
        by: Cause,
        patience: &Patience,
    ) -> Result<Option<Cause>, Useless> {
        let before = (self.state, self.pending);
        let cause = self.next(now, input, by, patience)?;
        // Who is ready while it has a call of its own is busy with that.
        match (self.state, self.engaged) {
            (AgentState::Ready { .. }, true) => self.state = AgentState::Busy(Busy::Other),
            (AgentState::Busy(Busy::Other), false) => self.state = AgentState::READY,
            _ => {}
        }
        // Whether it rests, or may write for longer, makes no other state of it.
        if !self.state.is_same_as(&before.0) {
            self.since = now;
        }
        Ok(((self.state, self.pending) != before).then_some(cause))
    }

    /// The figure at the module's head.
    fn next(
        &mut self,
        now: Time,
        input: Input,
        by: Cause,
        patience: &Patience,
    ) -> Result<Cause, Useless> {
        match input {
            Input::SignIn
            | Input::SignOut
            | Input::Ready
            | Input::NotReady(_)
            | Input::AfterWorkDone
            | Input::AfterWork(_) => self.wishes(now, input, patience).map(|()| by),
            Input::Offer { .. }
            | Input::RingsOn { .. }
            | Input::Answered(_)
            | Input::Missed(..)
            | Input::NotReached(_)
            | Input::TalkOver { .. } => {
                self.caller(now, input, patience).map(|own| own.unwrap_or(by))
            }
            Input::Previewed { call, queue, after } => {
                if self.state != AgentState::Busy(Busy::Other) {
                    return Err(Useless::Stale);
                }
                self.previews = Some(Preview { call, queue, after });
                Ok(by)
            }
            Input::Engaged(_) | Input::Reachable(_) => {
                self.phone_is(now, input);
                Ok(by)
            }
            Input::Wake => Ok(self.wake(now, patience).unwrap_or(by)),
        }
    }

    /// What the agent, or a supervisor for it, wishes to be. During a talk it is pending.
    fn wishes(&mut self, now: Time, input: Input, patience: &Patience) -> Result<(), Useless> {
        use AgentState::{Busy as B, NotReady, Null, Ready, WorkingAfterCall};
        let about = self.previews.map(|own| (own.call, own.queue));
        if let Some((call, queue)) = self.state.talks_with().or(about) {
            return self.wishes_in_talk((call, queue), input);
        }
        match (self.state, input) {
            (B(Busy::Ringing { .. }), Input::SignIn) => return Err(Useless::HasCaller),
            (_, Input::SignIn) => self.sign_in(now, patience),
            (Null, _) => return Err(Useless::SignedOut),

            (_, Input::SignOut) => self.sign_out(),

            (B(Busy::Ringing { .. } | Busy::Other) | Ready { .. }, Input::Ready) => {}
            (NotReady(_) | WorkingAfterCall { .. }, Input::Ready) => {
                (self.missed, self.idle_since) = (0, now);
                self.enter(AgentState::READY);
            }

            (_, Input::NotReady(why)) => self.enter(NotReady(why)),

            (WorkingAfterCall { .. }, Input::AfterWorkDone) => self.finish(now),
            (WorkingAfterCall { call, queue, .. }, Input::AfterWork(most)) => {
                self.state = WorkingAfterCall { call, queue, until: now + most };
            }
            (_, _) => return Err(Useless::NothingToFinish),
        }
        Ok(())
    }

    /// The same in a talk: it is pending, and the last wish counts.
    fn wishes_in_talk(
        &mut self,
        (call, queue): (CallId, QueueId),
        input: Input,
    ) -> Result<(), Useless> {
        use AgentState::{NotReady, Null, WorkingAfterCall};
        self.pending = match input {
            Input::SignIn => return Err(Useless::HasCaller),
            Input::SignOut => Some(Null),
            Input::Ready => Some(AgentState::READY),
            Input::NotReady(why) => Some(NotReady(why)),
            Input::AfterWork(_) => Some(WorkingAfterCall { call, queue, until: Time::NEVER }),
            Input::AfterWorkDone
                if matches!(self.pending, None | Some(WorkingAfterCall { .. })) =>
            {
                Some(AgentState::READY)
            }
            _ => return Ok(()),
        };
        Ok(())
    }

    /// What becomes of a queue's caller. `Ok(Some(cause))`: the change has a reason of its own.
    fn caller(
        &mut self,
        now: Time,
        input: Input,
        patience: &Patience,
    ) -> Result<Option<Cause>, Useless> {
        use AgentState::{Busy as B, Null, Ready};
        match (self.state, input) {
            (Null, Input::Offer { .. }) => return Err(Useless::SignedOut),
            (Ready { .. }, Input::Offer { call, queue, until }) => {
                self.state = B(Busy::Ringing { call, queue, until });
            }
            (_, Input::Offer { .. }) => return Err(Useless::HasCaller),
            (B(Busy::Ringing { call, queue, until: old }), Input::RingsOn { call: own, until })
                if call == own =>
            {
                self.state = B(Busy::Ringing { call, queue, until: old.max(until) });
            }
            (B(Busy::Ringing { call, queue, .. }), Input::Answered(answered))
                if call == answered =>
            {
                (self.missed, self.calls) = (0, self.calls + 1);
                self.state = B(Busy::Talking { call, queue });
            }
            (B(Busy::Ringing { call, .. }), Input::Missed(missed, why)) if call == missed => {
                return Ok(Some(self.miss(now, why, patience)));
            }
            (B(Busy::Talking { call, queue }), Input::TalkOver { call: over, after })
                if call == over =>
            {
                self.talk_over(now, call, queue, after);
            }
            (B(Busy::Talking { call, .. }), Input::NotReached(over)) if call == over => {
                // It was no talk: neither its time nor after-call work.
                self.calls = self.calls.saturating_sub(1);
                match self.pending {
                    Some(AgentState::Null) => self.sign_out(),
                    _ => self.finish(now),
                }
            }
            _ => return Err(Useless::Stale),
        }
        Ok(None)
    }

    /// Its phone is engaged with calls of no queue or not, can be reached or not.
    fn phone_is(&mut self, now: Time, input: Input) {
        use AgentState::{Busy as B, NotReady, Null, Ready, WorkingAfterCall};
        match (self.state, input) {
            (Null, _) => {}
            // A call of its own counts for who is idle for longest.
            (B(Busy::Other), Input::Engaged(false)) => {
                (self.engaged, self.idle_since) = (false, now);
                if let Some(Preview { call, queue, after }) = self.previews.take() {
                    self.after_talk(now, (call, queue), after);
                }
            }
            (_, Input::Engaged(engaged)) => self.engaged = engaged,
            (NotReady(Reason::PhoneGone), Input::Reachable(true)) => {
                self.idle_since = now;
                self.enter(AgentState::READY);
            }
            (_, Input::Reachable(true)) => {
                self.pending.take_if(|p| *p == NotReady(Reason::PhoneGone));
            }
            (WorkingAfterCall { .. }, Input::Reachable(false)) => self.phone_goes(),
            (_, Input::Reachable(false)) if self.talks() => self.phone_goes(),
            (Ready { .. } | B(Busy::Ringing { .. } | Busy::Other), Input::Reachable(false)) => {
                self.enter(NotReady(Reason::PhoneGone));
            }
            _ => {}
        }
    }

    /// Its phone is out of reach while it has somebody, or writes: unless something else is pending, that is.
    fn phone_goes(&mut self) {
        self.pending.get_or_insert(AgentState::NotReady(Reason::PhoneGone));
    }

    /// Time passes. Gives the reason of a change that it makes.
    fn wake(&mut self, now: Time, patience: &Patience) -> Option<Cause> {
        use AgentState::{Busy as B, Ready, WorkingAfterCall};
        match self.state {
            B(Busy::Ringing { until, .. }) if until <= now => {
                Some(self.miss(now, Missed::Expired, patience))
            }
            WorkingAfterCall { until, .. } if until <= now => {
                self.finish(now);
                Some(Cause::Limit)
            }
            Ready { rests_until } if rests_until <= now => {
                self.state = AgentState::READY;
                None
            }
            _ => None,
        }
    }

    fn enter(&mut self, state: AgentState) {
        (self.state, self.pending, self.previews) = (state, None, None);
    }

    fn sign_in(&mut self, now: Time, patience: &Patience) {
        (self.missed, self.calls, self.talked, self.idle_since) = (0, 0, Duration::ZERO, now);
        self.enter(match patience.ready_at_sign_in {
            true => AgentState::READY,
            false => AgentState::NotReady(Reason::SignedIn),
        });
    }

    fn sign_out(&mut self) {
        (self.phone, self.engaged) = (None, false);
        self.enter(AgentState::Null);
    }

    /// An offer came to nothing.
    fn miss(&mut self, now: Time, why: Missed, patience: &Patience) -> Cause {
        let (counts, cause) = match why {
            Missed::Withdrawn | Missed::AgentLeft => (false, Cause::Withdrawn),
            Missed::NoAnswer => (true, Cause::NoAnswer),
            Missed::Expired => (true, Cause::Expired),
            Missed::Rejected => (true, Cause::Rejected),
            Missed::Busy => (true, Cause::PhoneBusy),
            Missed::Unreachable => {
                self.enter(AgentState::NotReady(Reason::PhoneGone));
                return Cause::PhoneGone;
            }
            // No fault of the agent's; but to be asked again at once would come to the same.
            Missed::NotRung => {
                self.enter(AgentState::Ready { rests_until: now + patience.rest });
                return Cause::Withdrawn;
            }
        };
        if !counts {
            self.enter(AgentState::READY);
            return cause;
        }
        self.missed += 1;
        // It goes to the end of the line, or the caller would come back to it at once.
        self.idle_since = now;
        self.enter(match self.missed >= patience.missed_most {
            true => AgentState::NotReady(Reason::NoAnswer),
            false => AgentState::Ready { rests_until: now + patience.rest },
        });
        cause
    }

    /// A talk is over: after-call work, unless it has signed out or wished to be ready at once.
    fn talk_over(&mut self, now: Time, call: CallId, queue: QueueId, after: Duration) {
        (self.talked, self.idle_since) = (self.talked + now.since(self.since), now);
        self.after_talk(now, (call, queue), after);
    }

    /// What comes after a talk.
    fn after_talk(&mut self, now: Time, (call, queue): (CallId, QueueId), after: Duration) {
        match self.pending {
            Some(AgentState::Null) => self.sign_out(),
            Some(AgentState::Ready { .. }) => self.enter(AgentState::READY),
            // It was wished for, whatever the queue has.
            Some(AgentState::WorkingAfterCall { .. }) => {
                let most = if after == Duration::ZERO { AFTER_WORK } else { after };
                self.enter(AgentState::WorkingAfterCall { call, queue, until: now + most });
            }
            _ if after == Duration::ZERO => self.finish(now),
            _ => self.state = AgentState::WorkingAfterCall { call, queue, until: now + after },
        }
    }

    /// After-call work is over: what is pending takes effect.
    fn finish(&mut self, now: Time) {
        self.idle_since = now;
        // After a call-back that reached nobody there is nothing to write.
        let idle = |state: &AgentState| !matches!(state, AgentState::WorkingAfterCall { .. });
        let next = self.pending.filter(idle).unwrap_or(AgentState::READY);
        self.enter(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use AgentState::{NotReady, Null, WorkingAfterCall};

    const QUEUE: QueueId = QueueId(0);
    const PATIENCE: Patience =
        Patience { missed_most: 2, rest: Duration::from_secs(5), ready_at_sign_in: true };
    const LUNCH: Reason = Reason::Break(2);

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn call(n: u64) -> CallId {
        CallId::new(Wall(1), n)
    }
    fn does(agent: &mut Agent, s: u64, input: Input) -> AgentState {
        agent.handle(at(s), input, Cause::Agent, &PATIENCE).expect("of use");
        agent.state
    }
    fn offer(n: u64, until: u64) -> Input {
        Input::Offer { call: call(n), queue: QUEUE, until: at(until) }
    }
    fn over(n: u64) -> Input {
        Input::TalkOver { call: call(n), after: Duration::from_secs(30) }
    }
    fn ready() -> Agent {
        let mut agent = Agent { phone: Some("1001".into()), ..Agent::default() };
        does(&mut agent, 0, Input::SignIn);
        agent
    }
    fn talking() -> Agent {
        let mut agent = ready();
        does(&mut agent, 1, offer(1, 30));
        does(&mut agent, 2, Input::Answered(call(1)));
        agent
    }

    #[test]
    fn a_caller_from_offer_to_the_end_of_after_call_work() {
        let mut agent = talking();
        assert_eq!(agent.state.talks_with(), Some((call(1), QUEUE)));
        let after = WorkingAfterCall { call: call(1), queue: QUEUE, until: at(92) };
        assert_eq!(does(&mut agent, 62, over(1)), after);
        assert_eq!((agent.calls, agent.talked), (1, Duration::from_secs(60)));
        assert_eq!(does(&mut agent, 91, Input::Wake), after);
        assert_eq!(
            agent.handle(at(92), Input::Wake, Cause::Agent, &PATIENCE),
            Ok(Some(Cause::Limit))
        );
        assert!(agent.is_available(at(92)) && agent.idle_since == at(92));
    }

    #[test]
    fn what_is_wished_while_talking_is_pending() {
        for (wish, next) in [
            (Input::SignOut, Null),
            (Input::Ready, AgentState::READY),
            (Input::AfterWorkDone, AgentState::READY),
        ] {
            let mut agent = talking();
            assert!(does(&mut agent, 3, wish).talks_with().is_some());
            assert_eq!((does(&mut agent, 9, over(1)), agent.pending), (next, None));
        }
        // A break begins when the after-call work is done.
        let mut agent = talking();
        does(&mut agent, 3, Input::NotReady(LUNCH));
        assert!(matches!(does(&mut agent, 9, over(1)), WorkingAfterCall { .. }));
        assert_eq!(does(&mut agent, 12, Input::AfterWorkDone), NotReady(LUNCH));
        // And the last wish counts.
        let mut agent = talking();
        does(&mut agent, 3, Input::NotReady(LUNCH));
        does(&mut agent, 4, Input::Ready);
        assert_eq!(does(&mut agent, 9, over(1)), AgentState::READY);
    }

    #[test]
    fn after_call_work_by_order_comes_after_the_talk_and_lasts_on() {
        let order = Input::AfterWork(Duration::from_secs(30));
        let after = |until| WorkingAfterCall { call: call(1), queue: QUEUE, until };
        let none = Input::TalkOver { call: call(1), after: Duration::ZERO };
        let mut agent = talking();
        does(&mut agent, 3, order);
        assert_eq!(agent.pending, Some(after(Time::NEVER)));
        // The queue has none: it is had all the same, for a time that ends.
        assert_eq!(does(&mut agent, 9, none), after(at(9) + AFTER_WORK));
        assert_eq!(agent.pending, None);
        assert_eq!(does(&mut agent, 20, order), after(at(50)), "once more");
        assert_eq!(agent.since, at(9), "it is one after-call work");
        assert_eq!(does(&mut agent, 50, Input::Wake), AgentState::READY);
        let late = agent.handle(at(51), order, Cause::Agent, &PATIENCE);
        assert_eq!(late, Err(Useless::NothingToFinish));
        // The last wish counts, and a call-back that reached nobody has none.
        let mut agent = talking();
        does(&mut agent, 3, order);
        does(&mut agent, 4, Input::AfterWorkDone);
        assert_eq!(does(&mut agent, 9, over(1)), AgentState::READY);
        let mut agent = talking();
        does(&mut agent, 3, order);
        assert_eq!(does(&mut agent, 9, Input::NotReached(call(1))), AgentState::READY);
    }

    #[test]
    fn who_does_not_answer_rests_and_then_is_not_ready() {
        let mut agent = ready();
        does(&mut agent, 1, offer(1, 30));
        does(&mut agent, 20, Input::Missed(call(1), Missed::NoAnswer));
        assert!(!agent.is_available(at(24)) && agent.is_available(at(25)));
        does(&mut agent, 25, Input::Wake);
        does(&mut agent, 26, offer(2, 60));
        does(&mut agent, 27, Input::Missed(call(2), Missed::Withdrawn));
        assert!(agent.is_available(at(27)), "the caller's going is no fault of his");
        does(&mut agent, 28, offer(3, 60));
        assert_eq!(does(&mut agent, 60, Input::Wake), NotReady(Reason::NoAnswer), "by itself");
        does(&mut agent, 61, Input::Ready);
        assert_eq!((agent.missed, agent.state), (0, AgentState::READY));
    }

    #[test]
    fn who_was_not_rung_is_not_to_blame() {
        let mut agent = ready();
        for n in 1..=5 {
            does(&mut agent, 10 * n, offer(n, 10 * n + 5));
            does(&mut agent, 10 * n, Input::Missed(call(n), Missed::NotRung));
            assert!(!agent.is_available(at(10 * n)), "not at once again");
            does(&mut agent, 10 * n + 5, Input::Wake);
            assert_eq!((agent.missed, agent.state), (0, AgentState::READY));
        }
    }

    #[test]
    fn a_phone_that_vanishes_and_comes_back() {
        let mut agent = ready();
        assert_eq!(does(&mut agent, 1, Input::Reachable(false)), NotReady(Reason::PhoneGone));
        assert_eq!(does(&mut agent, 2, Input::Reachable(true)), AgentState::READY);
        does(&mut agent, 3, Input::NotReady(LUNCH));
        does(&mut agent, 4, Input::Reachable(false));
        assert_eq!(does(&mut agent, 5, Input::Reachable(true)), NotReady(LUNCH));
        let mut agent = talking();
        does(&mut agent, 3, Input::Reachable(false));
        assert_eq!(agent.pending, Some(NotReady(Reason::PhoneGone)));
        does(&mut agent, 4, Input::Reachable(true));
        assert_eq!(agent.pending, None);
    }

    #[test]
    fn a_call_of_its_own_keeps_callers_away_and_nothing_else() {
        let mut agent = ready();
        assert_eq!(does(&mut agent, 1, Input::Engaged(true)), AgentState::Busy(Busy::Other));
        assert!(agent.handle(at(2), offer(1, 9), Cause::Call, &PATIENCE).is_err());
        assert_eq!(does(&mut agent, 9, Input::Engaged(false)), AgentState::READY);
        assert_eq!(agent.idle_since, at(9));
        does(&mut agent, 10, Input::NotReady(LUNCH));
        does(&mut agent, 11, Input::Engaged(true));
        assert_eq!(does(&mut agent, 12, Input::Ready), AgentState::Busy(Busy::Other));
    }

    #[test]
    fn after_call_work_follows_a_call_that_a_campaign_has_shown() {
        let shown =
            Input::Previewed { call: call(7), queue: QUEUE, after: Duration::from_secs(20) };
        let mut agent = ready();
        assert!(agent.handle(at(1), shown, Cause::Call, &PATIENCE).is_err(), "it has no call");
        does(&mut agent, 1, Input::Engaged(true));
        assert_eq!(does(&mut agent, 2, shown), AgentState::Busy(Busy::Other));
        let after = WorkingAfterCall { call: call(7), queue: QUEUE, until: at(29) };
        assert_eq!(does(&mut agent, 9, Input::Engaged(false)), after);
        assert_eq!(does(&mut agent, 29, Input::Wake), AgentState::READY);
        // What is wished meanwhile follows the talk, as in a talk of a queue; so does a phone that goes.
        for (wish, next, then) in [
            (Input::NotReady(LUNCH), None, NotReady(LUNCH)),
            (Input::Reachable(false), None, NotReady(Reason::PhoneGone)),
            (Input::SignOut, Some(Null), Null),
            (Input::Ready, Some(AgentState::READY), AgentState::READY),
        ] {
            let mut agent = ready();
            does(&mut agent, 30, Input::Engaged(true));
            does(&mut agent, 31, shown);
            assert_eq!(does(&mut agent, 32, wish), AgentState::Busy(Busy::Other), "{wish:?}");
            assert_eq!(agent.since, at(30));
            let late = agent.handle(at(33), Input::SignIn, Cause::Agent, &PATIENCE);
            assert_eq!(late, Err(Useless::HasCaller));
            let after = WorkingAfterCall { call: call(7), queue: QUEUE, until: at(60) };
            assert_eq!(does(&mut agent, 40, Input::Engaged(false)), next.unwrap_or(after));
            if next.is_none() {
                assert_eq!(does(&mut agent, 60, Input::Wake), then);
            }
            // Nothing is left of it: the next call of its own is one as before.
            let mut agent = Agent { pending: None, state: AgentState::READY, ..agent };
            does(&mut agent, 70, Input::Engaged(true));
            assert_eq!(does(&mut agent, 71, Input::NotReady(LUNCH)), NotReady(LUNCH));
        }
        // A queue without after-call work has none.
        let none = Input::Previewed { call: call(7), queue: QUEUE, after: Duration::ZERO };
        let mut agent = ready();
        does(&mut agent, 30, Input::Engaged(true));
        does(&mut agent, 31, none);
        assert_eq!(does(&mut agent, 32, Input::NotReady(LUNCH)), AgentState::Busy(Busy::Other));
        assert_eq!(does(&mut agent, 40, Input::Engaged(false)), NotReady(LUNCH));
    }

    #[test]
    fn late_news_change_nothing() {
        let mut agent = talking();
        let before = agent.clone();
        for input in [
            Input::Answered(call(1)),
            Input::Answered(call(2)),
            Input::Missed(call(1), Missed::NoAnswer),
            over(2),
            Input::SignIn,
            offer(2, 9),
        ] {
            assert!(agent.handle(at(3), input, Cause::Call, &PATIENCE).is_err(), "{input:?}");
            assert_eq!(agent, before);
        }
        let mut out = Agent::default();
        let refused =
            |agent: &mut Agent, input| agent.handle(at(1), input, Cause::Agent, &PATIENCE);
        assert_eq!(refused(&mut out, Input::Ready), Err(Useless::SignedOut));
        assert_eq!(refused(&mut out, Input::AfterWorkDone), Err(Useless::SignedOut));
        assert_eq!(refused(&mut ready(), Input::AfterWorkDone), Err(Useless::NothingToFinish));
    }
}
