//! Cases that bring no call wait in a queue for an agent, who is told what it is and then has the home (R10).
//!
//! ```text
//!  care::offers ─▶ acd: a place, as of one who is to be called back ─▶ the agent's phone rings ─▶ "an alarm …", the number
//!       ▲ left without a talk: after a pause                                      └─▶ the home is called, by no plan
//!       └──────────────────────────────────────────────────────────── its phone, or [care] trunk
//! ```
//!
//! Whose turn it is, is the centre's; when a case is offered, [`care::offers`](crate::care::offers)'.

use crate::acd::back::Owed;
use crate::acd::event::Departure;
use crate::base::{CallId, Duration, LegId, Now};
use crate::care::offers::PAUSE;
use crate::dialplan::effect::{Dial, Meanwhile, Target};
use crate::switch::{Level, Switch};

/// How long the home rings, milliseconds.
const RINGS_MS: u32 = 45_000;

impl Switch {
    /// An agent is to be offered a case, not before `after`.
    pub(super) fn case_for_agents(&mut self, now: Now, case: u64, after: Duration) {
        let Some(own) = self.care.cases.get(case) else { return };
        let priority = own.priority;
        self.care.offers.want(now.at + after, case, priority);
        self.offers_due(now);
        self.duty_beside(now, case, after);
    }

    /// An alarm without speech: an agent is offered it, and people are told where nobody has talked in time.
    pub(super) fn offer_speechless(&mut self, now: Now, case: u64, after: Duration) {
        self.care.offers.talk_by(now.at + self.config.care.speech_within, case);
        self.case_for_agents(now, case, after);
    }

    /// What is due of offers.
    pub(super) fn offers_due(&mut self, now: Now) {
        while let Some(case) = self.care.offers.next(now.at) {
            self.make_offer(now, case);
        }
        for case in self.care.offers.late(now.at) {
            let Some(own) = self.care.cases.get(case) else { continue };
            if own.is_talked_with() {
                // It came in their talk, and was before them all the time.
                self.offer_settled(now, case, None);
                self.duty_settled(now, case);
                continue;
            }
            let account = own.account.clone();
            self.nobody_talked(now, case, account);
        }
    }

    fn make_offer(&mut self, now: Now, case: u64) {
        let Some(own) = self.care.cases.get(case) else { return };
        let (priority, number) = (own.priority, own.number());
        // Its own call waits in a queue, or it is being called.
        if own.call().is_some() {
            return self.care.offers.want(now.at + PAUSE, case, priority);
        }
        let Some(queue) = self.offers_in() else {
            return self.not_offered(now, case, priority);
        };
        self.duty_beside(now, case, Duration::ZERO);
        let urgency = self.care.cases.urgency(case).unwrap_or(0);
        let call = self.new_call_id(now.wall);
        let owed = Owed { call, queue: queue.clone(), number: number.clone(), priority: urgency };
        if let Err(why) = self.centre.owe(now.at, owed) {
            let line =
                format!("case {case} is not offered in queue {queue} now ({number}): {why:?}");
            self.log(Level::Warning, line);
            return self.care.offers.want(now.at + PAUSE, case, priority);
        }
        self.care.offers.made(case, priority, call);
        let line = format!("case {case}: agents of queue {queue} are offered it, to call {number}");
        self.log(Level::Info, line);
    }

    /// There is no queue: who is on duty has it alone, and where nobody talks in time that is told.
    fn not_offered(&mut self, now: Now, case: u64, priority: u8) {
        if !self.care.duty.has(case) {
            self.duty_beside(now, case, Duration::ZERO);
        }
        if self.care.offers.no_queue(now.at + PAUSE, case, priority) {
            let line = format!("case {case} is offered to no agent: there is no [[queue]]");
            self.log(Level::Error, line);
        }
    }

    /// Phones on duty ring as well: at once where no agent of the queue is signed in, else when none has it in time.
    fn duty_beside(&mut self, now: Now, case: u64, after: Duration) {
        let Some(own) = self.care.cases.get(case) else { return };
        let priority = own.priority;
        let agents = self.offers_in().is_some_and(|queue| self.centre.has_agents(&queue));
        let theirs = if agents { self.config.care.speech_within } else { Duration::ZERO };
        self.duty_for(now, case, priority, after + theirs);
        self.duty_due(now);
    }

    /// The queue in which agents are offered cases.
    fn offers_in(&self) -> Option<String> {
        let named = self.config.care.queue.as_ref().map(ToString::to_string);
        let there = |name: &String| self.config.queues.iter().any(|own| own.name.as_str() == name);
        let first = || self.config.queues.first().map(|queue| queue.name.to_string());
        named.filter(there).or_else(first)
    }

    /// The case for which an agent was asked by this call, which makes an offer.
    pub(in crate::switch) fn offered_case(&self, made: CallId) -> Option<u64> {
        self.care.offers.case_of(self.makes_back_of(made)?)
    }

    /// Whether an agent is being rung for a case, or calls its home.
    pub(super) fn is_with_agent(&self, case: u64) -> bool {
        self.made_backs().any(|of| self.care.offers.case_of(of) == Some(case))
    }

    /// The agent has answered: its call is the case's.
    pub(in crate::switch) fn offer_taken(&mut self, now: Now, case: u64, call: CallId) {
        self.care.agents_calls.insert(call);
        self.duty_released(now, case);
        if self.care.cases.joins(case, call).is_some() {
            self.joins_case(now, call, case);
        }
    }

    /// Whether an agent has made a call, to a home: who began it is not the unit.
    pub(in crate::switch) fn is_agents_call(&self, call: CallId) -> bool {
        self.care.agents_calls.contains(&call)
    }

    /// The agent knows what it is about: the home is called. By no plan: an agent's may not know the number.
    pub(in crate::switch) fn offer_dials(&mut self, now: Now, id: CallId, case: u64) {
        let Some(own) = self.care.cases.get(case) else {
            let cause = crate::wire::q850::Cause::NORMAL_CLEARING;
            return self.release_call(now, id, cause, crate::switch::fact::EndedBy::Plan);
        };
        let number = own.number();
        let trunk = self.config.care.trunk.as_ref().map(ToString::to_string);
        let trunk = trunk.or_else(|| self.config.trunk_names().next().map(str::to_owned));
        let target = match (self.config.phone(&number), trunk) {
            (None, Some(name)) => Target::Gateway { name, number },
            _ => Target::Phone { number },
        };
        let terms = self.care.cases.terms();
        let shown = [terms.bells.first(), terms.call.as_ref(), terms.number.as_ref()];
        let caller_number = shown.into_iter().flatten().next().cloned();
        let queue = self.offers_in();
        let queue =
            self.config.queues.iter().find(|own| Some(own.name.as_str()) == queue.as_deref());
        let dial = Dial {
            groups: vec![vec![target]],
            ring_ms: RINGS_MS,
            brief: Vec::new(),
            meanwhile: Meanwhile::Ringback,
            caller_number,
            caller_name: None,
            record: queue.is_some_and(|queue| queue.record),
            emergency: false,
            auto_answer: false,
            headers: Vec::new(),
        };
        if let Some(active) = self.calls.get_mut(&id) {
            active.planless = true;
        }
        if let Some(lost) = self.dial(now, id, dial) {
            self.run(now, id, lost);
        }
        self.rearm(id);
    }

    /// Somebody talks with the home, or the case is closed: nobody need be asked any more. `by`: the call in which they
    /// talk.
    pub(super) fn offer_settled(&mut self, now: Now, case: u64, by: Option<CallId>) {
        let Some(of) = self.care.offers.settle(case) else { return };
        // An agent who is with it ends it by what comes of that.
        if by.and_then(|by| self.makes_back_of(by)) != Some(of) && !self.centre.is_being_made(of) {
            self.centre.leave(now.at, of, Departure::CalledAgain);
        }
    }

    /// An offer has left its queue.
    pub(in crate::switch) fn offer_left(&mut self, now: Now, call: CallId) {
        if let Some((case, priority)) = self.care.offers.left(call)
            && self.care.cases.get(case).is_some()
        {
            self.care.offers.want(now.at + PAUSE, case, priority);
        }
    }

    /// An agent was with an offer in vain: settled meanwhile, it needs no other attempt.
    pub(in crate::switch) fn offer_failed_once(&mut self, now: Now, call: CallId) {
        if self.care.offers.is_settled(call) {
            self.centre.leave(now.at, call, Departure::CalledAgain);
        } else if let Some(case) = self.care.offers.case_of(call) {
            // It rests, and the agent may go meanwhile.
            self.duty_beside(now, case, Duration::ZERO);
        }
    }

    /// The leg of a case's call that is the unit's: the one with which somebody talked first, whoever is sent on to whom. Before:
    /// who calls, but for one that an agent has made.
    pub(in crate::switch) fn unit_leg(&self, call: CallId) -> Option<LegId> {
        let active = self.calls.get(&call)?;
        if let Some(leg) = self.care.units.get(&call) {
            return Some(*leg).filter(|leg| active.call.get(*leg).is_some());
        }
        match self.care.agents_calls.contains(&call) {
            true => active.call.peer(active.subject()),
            false => Some(active.subject()),
        }
    }
}
