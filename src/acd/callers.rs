//! The callers' half of the [`Centre`]: in, offered, answered, out. Call-backs are in `back.rs`.

use super::agent::{AgentId, Input};
use super::assign::{Pair, Waiter};
use super::centre::{Action, Centre, Due, Seat};
use super::event::{Cause, Departure, Missed, Refusal, What};
use super::queue::{Bin, Caller, Entry, MOST_PRIORITY, QueueId, Rank, Stage, Terms, VIP};
use super::strategy::{MOST_RUNG, Strategy};
use crate::base::{CallId, Duration, Time};

/// A driver that tells nothing of a ringing phone has so long beyond the ringing time: then the
/// reservation expires.
pub const GRACE: Duration = Duration::from_secs(30);

impl Centre {
    /// A caller comes into a queue: its position, the first is 1. Who is to be called back and calls
    /// again has its old place.
    pub fn enter(&mut self, now: Time, name: &str, entry: Entry) -> Result<usize, Refusal> {
        let call = entry.call;
        let result = self.may_enter(name, &entry);
        match result {
            Ok(queue) => Ok(self.let_in(now, queue, entry)),
            Err(why) => {
                self.tell(now, What::Refused { queue: name.to_owned(), call, why });
                Err(why)
            }
        }
    }

    /// Whether a caller would be let in now.
    pub fn lets_in(&self, name: &str, entry: &Entry) -> bool {
        self.may_enter(name, entry).is_ok()
    }

    fn may_enter(&self, name: &str, entry: &Entry) -> Result<QueueId, Refusal> {
        let Some(id) = self.by_name.get(name).copied() else { return Err(Refusal::Unknown) };
        let Some(queue) = self.queues.get(&id) else { return Err(Refusal::Unknown) };
        if self.callers.contains_key(&entry.call) {
            return Err(Refusal::Waits);
        }
        if queue.closed && !entry.urgent {
            return Err(Refusal::Closed);
        }
        if !(self.is_staffed(id, |terms| terms.join) && self.is_staffed(id, |terms| terms.stay)) {
            return Err(Refusal::NoAgents);
        }
        // Who is to be called back takes nobody's place on the line.
        let is_live =
            |rank: &&Rank| self.callers.get(&rank.call()).is_some_and(|c| c.back.is_none());
        let is_full = queue.callers.len() >= queue.terms.most
            && queue.callers.iter().filter(is_live).count() >= queue.terms.most;
        // But it has a place already that it takes over.
        let has_place = self.owed(id, &entry.number).is_some();
        if is_full && !entry.urgent && !has_place {
            return Err(Refusal::Full);
        }
        Ok(id)
    }

    fn let_in(&mut self, now: Time, queue: QueueId, entry: Entry) -> usize {
        let Entry { call, number, priority, vip, urgent, region, longest, since } = entry;
        let old = self.owed(queue, &number).map(|old| (old.rank, old.entered, old.priority));
        if let Some((old, ..)) = old {
            self.suspend(now, old.call(), call);
        }
        let terms = &self.queues[&queue].terms;
        let asked = priority.clamp(-MOST_PRIORITY, MOST_PRIORITY) + if vip { VIP } else { 0 };
        let (rank, entered, priority) = match old {
            None => (Rank::new(since.unwrap_or(now), asked, terms.ageing, call), now, asked),
            // Its place and not its time: the clock knows nothing of a wait before the start.
            Some((rank, entered, old)) => {
                let more = old.max(asked) - old;
                (rank.taken_over(more, terms.ageing, call), entered, old + more)
            }
        };
        let region = region.and_then(|name| self.regions.get(&name));
        let favourite = self.served.last(&number).filter(|agent| {
            let seat = self.seats.get(agent);
            terms.last_agent > Duration::ZERO
                && seat.is_some_and(|seat| {
                    seat.agent.state.is_working() && seat.member.iter().any(|m| m.queue == queue)
                })
        });
        let caller = Caller {
            queue,
            number,
            priority,
            entered,
            came: now,
            rank,
            region,
            favourite,
            stage: Stage::Waiting(Bin::Open),
            until: now + longest.unwrap_or(terms.longest).min(terms.longest),
            urgent,
            back: None,
        };
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.callers.insert(caller.rank);
        }
        self.callers.insert(call, caller);
        let position = self.position(call).unwrap_or(1);
        let queue = self.queue_name(queue);
        self.tell(now, What::Entered { queue, call, position, priority });
        self.wait(now, call);
        self.settle(now);
        position
    }

    /// A caller's place among those who wait, the first is 1. Costs O(place).
    pub fn position(&self, call: CallId) -> Option<usize> {
        let caller = self.callers.get(&call)?;
        let callers = &self.queues.get(&caller.queue)?.callers;
        // A call-back has none while its caller waits on the line.
        callers.contains(&caller.rank).then(|| callers.range(..caller.rank).count() + 1)
    }

    /// How many wait before a caller for whom nobody is rung yet. Costs O(place).
    pub fn ahead(&self, call: CallId) -> Option<usize> {
        let caller = self.callers.get(&call)?;
        let waits = |rank: &&Rank| {
            let stage = self.callers.get(&rank.call()).map(|other| &other.stage);
            matches!(stage, Some(Stage::Waiting(_)))
        };
        let queue = self.queues.get(&caller.queue)?;
        Some(queue.callers.range(..caller.rank).filter(waits).count())
    }

    /// How long a caller will wait from now, by what talks have taken; `None`: nobody works.
    pub fn expected(&self, call: CallId) -> Option<Duration> {
        let caller = self.callers.get(&call)?;
        let queue = self.queues.get(&caller.queue)?;
        if matches!(caller.stage, Stage::Offered { .. }) {
            return Some(Duration::ZERO);
        }
        queue.handling.wait(self.ahead(call)?, self.index.ready(caller.queue), queue.working)
    }

    /// Puts a caller into the bin that is right now. Who does not work is waited for by nobody.
    pub(super) fn wait(&mut self, now: Time, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        // After a reload he may serve other queues.
        let works = |id: &AgentId| {
            self.seats.get(id).is_some_and(|seat: &Seat| {
                let serves = seat.member.iter().any(|member| member.queue == caller.queue);
                serves && seat.agent.state.is_working()
            })
        };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        let held = now < caller.entered + queue.terms.last_agent;
        let favourite = caller.favourite.filter(works).filter(|_| held);
        let region = caller.region.filter(|region| self.serves_region(caller.queue, *region));
        let Some(caller) = self.callers.get_mut(&call) else { return };
        caller.favourite = favourite;
        // The region of one who is held for an agent counts when that is over.
        caller.region = if favourite.is_some() { caller.region } else { region };
        let Some(queue) = self.queues.get(&caller.queue) else { return };
        let bin = caller.bin(now, &queue.terms);
        caller.stage = Stage::Waiting(bin);
        let waiter = Waiter { rank: caller.rank, queue: caller.queue, bin };
        let due = caller.due(now, &queue.terms);
        self.index.wait(waiter);
        self.fresh_callers.insert(waiter);
        self.arm(Due::Caller(call), due);
    }

    /// Takes a caller out of its bin, if it is in one.
    pub(super) fn unbin(&mut self, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        if let Stage::Waiting(bin) = caller.stage {
            let waiter = Waiter { rank: caller.rank, queue: caller.queue, bin };
            self.index.stop_waiting(waiter);
            self.fresh_callers.remove(&waiter);
        }
    }

    /// A caller's wait is over, or more agents may take it.
    pub(super) fn caller_due(&mut self, now: Time, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        if caller.until <= now {
            return match caller.back {
                // A call-back waits for its next agent, not for its caller's patience.
                Some(_) => self.take_out(now, call, Departure::GivenUp),
                None => self.put_out(now, call, Departure::TimedOut),
            };
        }
        if caller.stage.is_idle() {
            self.unbin(call);
            self.wait(now, call);
        }
    }

    /// Who waited for one agent or region may be taken by others.
    pub(super) fn release(&mut self, now: Time, queue: QueueId, bin: Bin) {
        for waiter in self.index.in_bin(queue, bin) {
            let call = waiter.rank.call();
            self.unbin(call);
            self.wait(now, call);
        }
    }

    /// Nobody is there for the callers of a queue any more: they go on in their plans. Call-backs stay.
    pub(super) fn dismiss(&mut self, now: Time, queue: QueueId) {
        let ranks = self.queues.get(&queue).map(|queue| queue.callers.clone()).unwrap_or_default();
        for rank in ranks {
            if self.callers.get(&rank.call()).is_some_and(|caller| caller.back.is_none()) {
                self.put_out(now, rank.call(), Departure::NoAgents);
            }
        }
    }

    /// A queue is no more.
    pub(super) fn close(&mut self, now: Time, id: QueueId) {
        let of_it = self.callers.iter().filter(|(_, caller)| caller.queue == id);
        let calls: Vec<CallId> = of_it.map(|(call, _)| *call).collect();
        for call in calls {
            self.put_out(now, call, Departure::Closed);
        }
        if let Some(queue) = self.queues.remove(&id) {
            self.by_name.remove(&queue.terms.name);
        }
        self.index.close(id);
    }

    /// Every caller into its bin anew: terms, regions and agents may be others.
    pub(super) fn rebin(&mut self, now: Time) {
        let calls: Vec<CallId> = self.callers.keys().copied().collect();
        for call in calls {
            let waits = |caller: &Caller| matches!(caller.stage, Stage::Waiting(_));
            if self.callers.get(&call).is_some_and(waits) {
                self.unbin(call);
                self.wait(now, call);
            }
        }
    }

    /// A caller and its next agent meet: the agent is reserved, and with ring-all the others as well.
    pub(super) fn offer(&mut self, now: Time, pair: Pair) {
        let Pair { waiter, agent } = pair;
        let (call, queue) = (waiter.rank.call(), waiter.queue);
        let Some(terms) = self.queues.get(&queue).map(|queue| &queue.terms) else { return };
        let (ring, until) = (terms.ring, now + terms.ring + GRACE);
        // A call-back is one agent's to make.
        let is_back = self.callers.get(&call).is_some_and(|caller| caller.back.is_some());
        let agents = match terms.strategy {
            // Who has an earlier caller in another queue is that one's.
            Strategy::RingAll if !is_back => {
                let mut all = self.index.agents(waiter, MOST_RUNG);
                all.retain(|agent| self.index.caller(*agent).is_none_or(|w| w.rank >= waiter.rank));
                all
            }
            _ => vec![agent],
        };
        self.unbin(call);
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let (since, asked) = (now, agents.clone());
        caller.stage = Stage::Offered { agents: agents.clone(), since, asked };
        let until_out = caller.until;
        self.arm(Due::Caller(call), until_out);
        for agent in agents {
            self.reserve_for(now, (call, queue), agent, (ring, until));
        }
    }

    /// An agent for whom nobody waits rings with those who ring for a caller of a ring-all queue, unless it was asked
    /// in this round already. Late is fair as long as half of the ringing is left.
    pub(super) fn rings_too(&mut self, now: Time, agent: AgentId) {
        let Some(seat) = self.seats.get(&agent).filter(|_| self.index.stands(agent)) else {
            return;
        };
        let rings = |caller: &Caller, terms: &Terms| {
            let Stage::Offered { agents, since, asked } = &caller.stage else { return None };
            let left = (*since + terms.ring).since(now);
            let may = match caller.bin(now, terms) {
                Bin::Held(_) => false,
                Bin::Region(region) => seat.regions.is_empty() || seat.regions.contains(&region),
                Bin::Open => true,
            };
            let new = agents.len() < MOST_RUNG && !asked.contains(&agent);
            (may && new && caller.back.is_none() && left * 2 >= terms.ring).then_some(left)
        };
        let queues = seat.member.iter().filter_map(|member| self.queues.get(&member.queue));
        let queues = queues.filter(|queue| queue.terms.strategy == Strategy::RingAll);
        let first = queues.filter_map(|queue| {
            queue.callers.iter().take(MOST_RUNG).find_map(|rank| {
                let caller = self.callers.get(&rank.call())?;
                Some((*rank, caller.queue, rings(caller, &queue.terms)?))
            })
        });
        let Some((rank, queue, left)) = first.min_by_key(|(rank, ..)| *rank) else { return };
        let Some(caller) = self.callers.get_mut(&rank.call()) else { return };
        let Stage::Offered { agents, asked, .. } = &mut caller.stage else { return };
        agents.push(agent);
        asked.push(agent);
        self.reserve_for(now, (rank.call(), queue), agent, (left, now + left + GRACE));
    }

    /// Reserves an agent for a caller who has it among those who ring; his phone is to ring for so long, and the
    /// reservation expires by itself then.
    fn reserve_for(
        &mut self,
        now: Time,
        (call, queue): (CallId, QueueId),
        agent: AgentId,
        (ring, until): (Duration, Time),
    ) {
        let Some(caller) = self.callers.get(&call) else { return };
        let waited_ms = now.since(caller.came).as_millis() as u64;
        let back = caller.back.as_ref().map(|back| back.number.clone());
        let by = self.index.place(agent, queue).map_or(0, |place| place.by);
        if self.change(now, agent, Input::Offer { call, queue, until }, Cause::Call).is_err() {
            debug_assert!(false, "who stands in line can be offered a caller");
            self.index.step_out(agent);
            return self.forget_offer(now, call, agent);
        }
        self.took_turn(agent, queue, by);
        let phone = self.seats.get(&agent).and_then(|seat| seat.agent.phone.clone());
        let (name, number) = (self.queue_name(queue), self.number_of(agent));
        self.tell(now, What::Offered { queue: name, call, agent: number, waited_ms });
        let phone = phone.unwrap_or_default();
        self.out.push_back(Action::Offer { call, agent, phone, ring, back });
    }

    /// A reservation is over without an answer: without any other, the caller waits again, at its place.
    pub(super) fn not_taken(
        &mut self,
        now: Time,
        (call, queue): (CallId, QueueId),
        agent: AgentId,
        why: Missed,
        rang: Duration,
    ) {
        let (queue, number) = (self.queue_name(queue), self.number_of(agent));
        let rang_ms = rang.as_millis() as u64;
        self.tell(now, What::NotTaken { queue, call, agent: number, why, rang_ms });
        self.forget_offer(now, call, agent);
    }

    fn forget_offer(&mut self, now: Time, call: CallId, agent: AgentId) {
        let Some(caller) = self.callers.get_mut(&call) else { return };
        let Stage::Offered { agents, .. } = &mut caller.stage else { return };
        agents.retain(|other| *other != agent);
        if agents.is_empty() {
            self.wait(now, call);
        }
    }

    /// An agent's phone sends a caller on, which rings there until then, or has whoever answers asked for so long: the
    /// reservation outlasts that.
    pub fn rings_on(&mut self, now: Time, call: CallId, agent: AgentId, until: Time) {
        let until = until + GRACE;
        _ = self.change(now, agent, Input::RingsOn { call, until }, Cause::Call);
        self.settle(now);
    }

    /// An agent's phone did not take a caller.
    pub fn missed(&mut self, now: Time, call: CallId, agent: AgentId, why: Missed) {
        if why == Missed::NotRung {
            // A call-back that cannot be made must not keep those behind it from the agents.
            self.rests_untried(now, call);
        }
        _ = self.change(now, agent, Input::Missed(call, why), Cause::Call);
        self.settle(now);
    }

    /// An agent's phone answered. `false`: too late, the caller is another's or gone, and the phone is
    /// to be let go.
    pub fn answered(&mut self, now: Time, call: CallId, agent: AgentId) -> bool {
        let Some(caller) = self.callers.get(&call) else { return false };
        let Stage::Offered { agents, since, .. } = &caller.stage else { return false };
        if !agents.contains(&agent) {
            return false;
        }
        // With ring-all a phone may have begun to ring after the first ones.
        let since = self.seats.get(&agent).map_or(*since, |seat| seat.agent.since);
        let (others, rang) = (agents.clone(), now.since(since));
        let (queue, waited) = (caller.queue, now.since(caller.came));
        let is_back = caller.back.is_some();
        let number = caller.number.clone();
        match is_back {
            true => self.set_stage(call, Stage::Calling(agent)),
            false => self.drop_caller(call),
        }
        self.arm(Due::Caller(call), Time::NEVER);
        if let Some(earlier) = self.talks.insert(call, agent) {
            self.end_talk(now, call, earlier);
        }
        _ = self.change(now, agent, Input::Answered(call), Cause::Call);
        self.talks_about(agent, call, queue);
        self.withdraw(now, call, others.into_iter().filter(|other| *other != agent).collect());
        if !is_back {
            self.served.note(&number, agent);
            self.tell_answered(now, queue, call, agent, [waited, rang], false);
            self.call_back_settled(now, queue, &number);
        }
        self.settle(now);
        true
    }

    pub(super) fn tell_answered(
        &mut self,
        now: Time,
        queue: QueueId,
        call: CallId,
        agent: AgentId,
        [waited, rang]: [Duration; 2],
        back: bool,
    ) {
        let (queue, agent) = (self.queue_name(queue), self.number_of(agent));
        let (waited_ms, rang_ms) = (waited.as_millis() as u64, rang.as_millis() as u64);
        self.tell(now, What::Answered { queue, call, agent, waited_ms, rang_ms, back });
    }

    /// These phones need not ring any more.
    pub(super) fn withdraw(&mut self, now: Time, call: CallId, agents: Vec<AgentId>) {
        for agent in agents {
            let phone = self.seats.get(&agent).and_then(|seat| seat.agent.phone.clone());
            self.out.push_back(Action::Withdraw { call, agent, phone });
            _ = self.change(now, agent, Input::Missed(call, Missed::Withdrawn), Cause::Call);
        }
    }

    /// A talk of a queue's caller with its agent is over; nothing, where there is none.
    pub fn talk_over(&mut self, now: Time, call: CallId) {
        // An agent who has reached nobody yet has not talked: what came of it is told apart.
        let stage = self.callers.get(&call).map(|caller| &caller.stage);
        if let Some(Stage::Calling(_)) = stage {
            return self.no_talk(now, call);
        }
        if let Some(agent) = self.talks.remove(&call) {
            self.end_talk(now, call, agent);
        }
        self.settle(now);
    }

    /// One agent has done with a call, which another one may have by now.
    pub fn agent_through(&mut self, now: Time, call: CallId, agent: AgentId) {
        if self.talks.get(&call) == Some(&agent) {
            self.talk_over(now, call);
        }
    }

    pub(super) fn end_talk(&mut self, now: Time, call: CallId, agent: AgentId) {
        let Some(seat) = self.seats.get(&agent) else { return };
        let Some((_, queue)) = seat.agent.state.talks_with().filter(|(c, _)| *c == call) else {
            return;
        };
        let talk_ms = now.since(seat.agent.since).as_millis() as u64;
        let after = self.queues.get(&queue).map_or(Duration::ZERO, |q| q.terms.after_call);
        let (queue, number) = (self.queue_name(queue), self.number_of(agent));
        self.tell(now, What::TalkOver { queue, call, agent: number, talk_ms });
        _ = self.change(now, agent, Input::TalkOver { call, after }, Cause::Call);
    }

    /// A caller is out of its queue, for a reason of its own: nothing, where it is in none.
    pub fn leave(&mut self, now: Time, call: CallId, why: Departure) {
        self.take_out(now, call, why);
        self.settle(now);
    }

    pub(super) fn take_out(&mut self, now: Time, call: CallId, why: Departure) {
        let Some(caller) = self.callers.get(&call) else { return };
        let (queue, waited) = (caller.queue, now.since(caller.came));
        let offered = match &caller.stage {
            Stage::Offered { agents, .. } => agents.clone(),
            _ => Vec::new(),
        };
        let held = self.suspended_by(call);
        self.unbin(call);
        self.drop_caller(call);
        self.arm(Due::Caller(call), Time::NEVER);
        self.withdraw(now, call, offered);
        let (queue, waited_ms) = (self.queue_name(queue), waited.as_millis() as u64);
        self.tell(now, What::Left { queue, call, why, waited_ms });
        match held {
            // It was answered: nobody need be called back.
            Some(back) if why == Departure::PickedUp => {
                self.take_out(now, back, Departure::CalledAgain);
            }
            // No agent had it: the call-back is owed still.
            Some(back) => self.resume(now, back),
            None => {}
        }
    }

    /// A caller is out by the queue's own rule: its plan is told.
    pub(super) fn put_out(&mut self, now: Time, call: CallId, why: Departure) {
        let live = self.callers.get(&call).is_some_and(|caller| caller.back.is_none());
        let why = match why {
            Departure::Closed if !live => Departure::NotOffered,
            why => why,
        };
        self.take_out(now, call, why);
        if live {
            self.out.push_back(Action::Out { call, why });
        }
    }

    /// A call is over, whatever it was: it waits nowhere and nobody talks with it. A call-back that it
    /// asked for stays.
    pub fn call_over(&mut self, now: Time, call: CallId) {
        if self.callers.get(&call).is_some_and(|caller| caller.back.is_none()) {
            self.leave(now, call, Departure::Abandoned);
            self.talk_over(now, call);
        } else if !self.callers.contains_key(&call) {
            self.talk_over(now, call);
        } else {
            // Whoever asked for a call-back has left the line: now it can be made.
            self.resume(now, call);
            self.settle(now);
        }
    }

    pub(super) fn drop_caller(&mut self, call: CallId) {
        let Some(caller) = self.callers.remove(&call) else { return };
        if let Some(queue) = self.queues.get_mut(&caller.queue) {
            queue.callers.remove(&caller.rank);
        }
        let to = caller.back.map(|back| back.number);
        for number in to.into_iter().chain([caller.number]) {
            let key = (caller.queue, number);
            if self.backs.get(&key) == Some(&call) {
                self.backs.remove(&key);
            }
        }
    }

    pub(super) fn set_stage(&mut self, call: CallId, stage: Stage) {
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.stage = stage;
        }
    }
}
