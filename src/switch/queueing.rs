//! A caller in a queue: it waits with music, agents' phones are rung for it, one of them has it.
//!
//! ```text
//!  Effect::Queue ─▶ join_queue ─▶ Queued ◀───────────────┐ nobody took it
//!                                   │ Action::Offer      │
//!                                   ▼                    │
//!                                Dialling ───────────────┘
//!                                   │ answered, and the centre agrees
//!                                   ▼
//!                                Talking ─▶ the agent's leg is over ─▶ centre: talk over
//! ```
//!
//! The ringing is a dial step's, with all that belongs to it; who is rung is the centre's
//! ([`acd`](crate::acd)). An agent cannot be left behind: whatever ends a leg ends its talk, and
//! whatever ends a call takes it out of the centre.

use crate::acd::event::{Departure, Missed, Refusal};
use crate::acd::hours::MOST_OVERFLOWS;
use crate::acd::{Action, AgentId, Entry};
use crate::base::{CallId, Duration, LegId, Now, PlayId, Time};
use crate::call::dialling::Why;
use crate::call::{Dialling, Failure, Step};
use crate::dialplan::effect::{self, Dial, Happening, Keys, Meanwhile, QueueEnd, Target};
use crate::wire::q850::Cause;

use super::Switch;
use super::active::{Dialing, Doing};
use super::announcing;
use super::calling_back::Asks;
use super::dial::failure;
use super::fact::EndedBy;
use super::sound::music;

/// A call's wait in a queue.
#[derive(Debug)]
pub struct Queued {
    /// The queue's name.
    pub(super) name: String,
    /// The keys with which the caller leaves.
    exit: Keys,
    /// The keys with which it asks to be called back.
    pub(super) call_back: Keys,
    /// What its plan asked for.
    wanted: Box<effect::Queue>,
    /// Since when it waits, in whatever queue: its place is of that time.
    since: Time,
    /// When it has waited as long as its plan lets it, in whatever queue.
    until: Time,
    /// So often it went on to another queue.
    overflows: usize,
    /// The class of its music.
    music: String,
    /// When it hears its place the next time.
    pub(super) announced_at: Time,
    record: bool,
    /// Whose legs ring: those of the agents' phones, and of whoever these send the call on to.
    offers: Vec<(AgentId, LegId)>,
    /// To whom the phones of agents who have not answered send it on, while nobody there rings yet.
    sent_on: Vec<(AgentId, Target)>,
    /// The announcement that plays.
    pub(super) said: Option<PlayId>,
    /// It is asked at which number it is to be called back; phones ring for it meanwhile, and an answer wins.
    pub(super) asks: Option<Box<Asks>>,
}

impl Queued {
    /// As it is for a caller who waits again: no phone rings for it, and nothing is asked.
    pub(super) fn anew(mut self: Box<Queued>) -> Box<Queued> {
        (self.offers, self.asks, self.said) = (Vec::new(), None, None);
        self.sent_on.clear();
        self
    }

    /// Whether anything rings for it that is this agent's, or is about to.
    fn rings(&self, agent: AgentId) -> bool {
        let is_his = |own: AgentId| own == agent;
        self.offers.iter().any(|(own, _)| is_his(*own))
            || self.sent_on.iter().any(|(own, _)| is_his(*own))
    }

    /// Whose leg it is. One that is nobody's by name is his for whom all that rings rings.
    fn whose(&self, leg: LegId) -> Option<AgentId> {
        let (first, _) = *self.offers.first()?;
        let alone = self.offers.iter().all(|(own, _)| *own == first).then_some(first);
        let named = self.offers.iter().find(|(_, own)| *own == leg);
        named.map(|(agent, _)| *agent).or(alone)
    }
}

impl Switch {
    /// Whether the caller would be let into a queue. If not, that is told as if he had been answered and come.
    pub(super) fn ask_queue(
        &mut self,
        now: Now,
        id: CallId,
        subject: LegId,
        wanted: effect::Queue,
    ) -> Option<Happening> {
        let entry = self.queue_entry(id, &wanted)?;
        self.tell_clock(now);
        match self.centre.admits(&wanted.name, &entry) {
            true => Some(Happening::Done),
            false => self.join_queue(now, id, subject, wanted),
        }
    }

    /// A caller as he comes into a queue.
    fn queue_entry(&self, id: CallId, wanted: &effect::Queue) -> Option<Entry> {
        let active = self.calls.get(&id)?;
        // A caller who hides has no number to be known by.
        let number = Some(active.from.clone());
        let number =
            number.filter(|n| n.trim_start_matches('+').chars().all(|c| c.is_ascii_digit()));
        let urgency = self.care.cases.priority(id);
        // Whose alarms wait behind others, waits behind others: what the plan says for alarms is not for him.
        let wanted_by_plan = if urgency == Some(0) { 0 } else { wanted.priority };
        let priority = i32::try_from(wanted_by_plan).unwrap_or(i32::MAX);
        Some(Entry {
            call: id,
            number: number.unwrap_or_default(),
            priority: priority.saturating_add(urgency.unwrap_or(0)),
            urgent: urgency.is_some(),
            vip: wanted.vip,
            region: wanted.region.clone(),
            longest: wanted.longest_ms.map(|ms| Duration::from_millis(u64::from(ms))),
            since: None,
        })
    }

    /// The caller comes into a queue. `Some`: it was not let in.
    pub(super) fn join_queue(
        &mut self,
        now: Now,
        id: CallId,
        subject: LegId,
        wanted: effect::Queue,
    ) -> Option<Happening> {
        self.reminded_wants_a_person(now, id);
        let mut entry = self.queue_entry(id, &wanted)?;
        self.home_waits_again(now, id, subject, false);
        entry.since = self.care.cases.queues(now.at, id);
        let since = entry.since.unwrap_or(now.at);
        self.tell_clock(now);
        let until = entry.longest.map_or(Time::NEVER, |longest| now.at + longest);
        let name = match self.centre.admit(now.at, &wanted.name, entry) {
            Ok(name) => name,
            Err(why) => {
                return Some(Happening::Queued(match why {
                    Refusal::Unknown => QueueEnd::Unknown,
                    Refusal::Full => QueueEnd::Full,
                    Refusal::NoAgents => QueueEnd::NoAgents,
                    Refusal::Waits | Refusal::Closed => QueueEnd::Closed,
                }));
            }
        };
        let terms = self.config.queues.iter().find(|queue| *queue.name.as_str() == *name);
        let queued = Queued {
            name,
            exit: wanted.exit,
            call_back: wanted.call_back,
            wanted: Box::new(wanted),
            since,
            until,
            overflows: 0,
            music: terms.map_or("default".into(), |queue| queue.music.to_string()),
            announced_at: terms.map_or(Time::NEVER, |queue| announcing::first(queue, now.at)),
            record: terms.is_some_and(|queue| queue.record),
            offers: Vec::new(),
            sent_on: Vec::new(),
            said: None,
            asks: None,
        };
        let clip = music(&queued.music);
        let active = self.calls.get_mut(&id)?;
        active.queued = Some(Box::new(queued));
        self.waits_on(id);
        self.hear_clip(now, subject, clip);
        self.says_on(now, id, subject);
        self.home_queues(id);
        // Who has sent it here need not wait until an agent has it.
        self.transfer_settled(now, id);
        None
    }

    /// Nobody is rung: the caller waits.
    pub(super) fn waits_on(&mut self, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.queued.is_some() {
            active.doing = Doing::Queued;
            self.rearm(id);
        }
    }

    /// Does what the centre wants. `true`: it wanted something.
    pub(super) fn drain_centre(&mut self, now: Now) -> bool {
        let mut any = false;
        while let Some(action) = self.centre.poll() {
            any = true;
            match action {
                Action::Tell(event) => {
                    let coded = self.campaign_code(&event.what);
                    self.centre_fact(now, event.what);
                    self.campaign_coded(now, coded);
                }
                Action::Offer { call, agent, phone, ring, back: Some(number) } => {
                    self.make_back(now, call, (agent, &phone), &number, ring);
                }
                Action::Offer { call, agent, phone, ring, back: None } => {
                    self.ring_agent(now, call, agent, phone, ring);
                }
                Action::Withdraw { call, agent, .. } => {
                    self.stop_ringing(now, call, agent);
                    self.stop_back(now, call, agent);
                }
                Action::Out { call, why } => self.out_of_queue(now, call, why),
            }
        }
        any
    }

    /// An agent's phone is rung for a caller.
    fn ring_agent(&mut self, now: Now, id: CallId, agent: AgentId, phone: String, ring: Duration) {
        // Whom a campaign has on the line does not wait for a hand.
        let customer = self.outbound.is_customer(id);
        let Some(active) = self.calls.get_mut(&id) else {
            return self.centre.call_over(now.at, id);
        };
        let waits = matches!(active.doing, Doing::Queued | Doing::Dialling(_));
        let Some(queued) = active.queued.as_mut().filter(|_| waits) else {
            active.queued = None;
            return self.centre.leave(now.at, id, Departure::Moved);
        };
        if let Doing::Queued = active.doing {
            let mut hunt = Dialling::new(vec![Vec::new()], ring);
            // Its one group has nobody yet; what is wanted of it is the time at which it ends.
            _ = hunt.next_group(now.at);
            let dial = Dial {
                groups: Vec::new(),
                ring_ms: ring.as_millis() as u32,
                brief: Vec::new(),
                meanwhile: Meanwhile::Music(queued.music.clone()),
                caller_number: None,
                caller_name: None,
                record: queued.record,
                emergency: false,
                auto_answer: customer,
                headers: Vec::new(),
            };
            let (legs, ways, diverted, later, instead) = Default::default();
            let dialing = Dialing { hunt, dial, legs, ways, diverted, later, instead, early: None };
            active.doing = Doing::Dialling(Box::new(dialing));
        }
        match self.ring_one(now, id, &Target::Phone { number: phone }) {
            // The call has as many legs as it may.
            Ok(legs) if legs.is_empty() => self.centre.missed(now.at, id, agent, Missed::NotRung),
            Ok(legs) => self.rings_for(now, id, agent, legs),
            Err(failure) => self.missed(now, id, agent, failure),
        }
        let rung = self.dialing(id).is_some_and(|dialing| dialing.hunt.settled() == Step::Wait);
        if rung {
            self.meanwhile(now, id, false);
            self.rearm(id);
        } else {
            self.waits_on(id);
        }
    }

    fn rings_for(&mut self, now: Now, id: CallId, agent: AgentId, legs: Vec<(LegId, Target)>) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let (Doing::Dialling(dialing), Some(queued)) = (&mut active.doing, &mut active.queued)
        else {
            return;
        };
        let mut rung = Vec::with_capacity(legs.len());
        for (leg, target) in legs {
            dialing.hunt.attempt(leg);
            dialing.legs.push((leg, target));
            queued.offers.push((agent, leg));
            self.offered.insert(leg, None);
            rung.push(leg);
        }
        self.lines_changed(now, &rung);
    }

    /// Legs that ring in the place of one that rang for an agent are that agent's: whoever takes the call at one of
    /// them takes it for him.
    pub(super) fn rings_instead(&mut self, now: Now, id: CallId, of: LegId, legs: &[LegId]) {
        let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) else { return };
        let Some((agent, _)) = queued.offers.iter().find(|(_, own)| *own == of).copied() else {
            return;
        };
        for leg in legs {
            queued.offers.push((agent, *leg));
            self.offered.insert(*leg, None);
        }
        self.lines_changed(now, legs);
    }

    /// The phone that rang at `of` and was not answered sends the call on: what rings there next is its agent's.
    pub(super) fn sends_on(&mut self, id: CallId, of: LegId, targets: &[Target]) {
        let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) else { return };
        let agent = queued.offers.iter().find(|(_, own)| *own == of).map(|(agent, _)| *agent);
        let on = targets.iter().filter_map(|target| Some((agent?, target.clone())));
        queued.sent_on.extend(on);
    }

    /// A target to whom an agent's phone sends the call on is rung, at these legs, or cannot be.
    pub(super) fn sent_on(&mut self, now: Now, id: CallId, target: &Target, legs: &[LegId]) {
        let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) else { return };
        let Some(at) = queued.sent_on.iter().position(|(_, to)| to == target) else { return };
        let (agent, _) = queued.sent_on.remove(at);
        queued.offers.extend(legs.iter().map(|leg| (agent, *leg)));
        let rings = queued.rings(agent);
        self.offered.extend(legs.iter().map(|leg| (*leg, None)));
        if !rings {
            return self.centre.missed(now.at, id, agent, Missed::NoAnswer);
        }
        let until = self.dialing(id).map(|dialing| dialing.hunt.group_until());
        if let Some(until) = until.filter(|until| *until < Time::NEVER) {
            self.centre.rings_on(now.at, id, agent, until);
        }
    }

    /// Whoever has answered for an agent is asked until then whether he takes the caller.
    pub(super) fn offer_asked(&mut self, now: Now, id: CallId, leg: LegId, until: Time) {
        let queued = self.calls.get(&id).and_then(|active| active.queued.as_ref());
        if let Some(agent) = queued.and_then(|queued| queued.whose(leg)) {
            self.centre.rings_on(now.at, id, agent, until);
        }
    }

    /// A leg that rang for a queue's caller is out. What its agent's phone does otherwise still counts: what rings in
    /// its place is his already.
    pub(super) fn offer_failed(&mut self, now: Now, id: CallId, leg: LegId, failure: Failure) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let (Doing::Dialling(_), Some(queued)) = (&active.doing, &mut active.queued) else {
            return;
        };
        let Some(at) = queued.offers.iter().position(|(_, own)| *own == leg) else { return };
        let (agent, _) = queued.offers.swap_remove(at);
        if !queued.rings(agent) {
            self.missed(now, id, agent, failure);
        }
    }

    /// An agent's phone did not take a caller. Who has a mobile can be reached again as soon as a gateway has a
    /// channel: nobody tells when, so nothing but time could make it ready.
    fn missed(&mut self, now: Now, id: CallId, agent: AgentId, failure: Failure) {
        let phone = self.centre.agent(now.at, agent).and_then(|view| view.phone);
        let config = phone.and_then(|phone| self.config.phone(&phone));
        let has_mobile = config.is_some_and(|phone| phone.mobile.is_some());
        let why = match missed(failure) {
            Missed::Unreachable if has_mobile => Missed::NotRung,
            why => why,
        };
        self.centre.missed(now.at, id, agent, why);
    }

    /// All who were rung are out: the caller waits again. `false`: it is in no queue.
    pub(super) fn offers_over(&mut self, now: Now, id: CallId) -> bool {
        let Some(queued) = self.calls.get_mut(&id).and_then(|a| a.queued.as_mut()) else {
            return false;
        };
        let offers = std::mem::take(&mut queued.offers).into_iter().map(|(agent, _)| agent);
        let sent_on = std::mem::take(&mut queued.sent_on).into_iter().map(|(agent, _)| agent);
        let all: Vec<AgentId> = offers.chain(sent_on).collect();
        self.waits_on(id);
        for agent in all {
            self.centre.missed(now.at, id, agent, Missed::NoAnswer);
        }
        true
    }

    /// An agent's phone has answered a queue's caller. `false`: too late, it is not the agent's.
    pub(super) fn agent_takes(&mut self, now: Now, id: CallId, leg: LegId) -> bool {
        let Some(queued) = self.calls.get(&id).and_then(|a| a.queued.as_ref()) else {
            return true;
        };
        let Some(agent) = queued.whose(leg) else { return false };
        if !self.centre.answered(now.at, id, agent) {
            return false;
        }
        self.offered.insert(leg, Some((id, agent)));
        if let Some(active) = self.calls.get_mut(&id) {
            active.served_in = active.queued.take().map(|queued| queued.name);
            active.agent = self.centre.agent(now.at, agent).map(|view| view.number);
        }
        true
    }

    /// The centre takes an offer back.
    fn stop_ringing(&mut self, now: Now, id: CallId, agent: AgentId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let (Doing::Dialling(dialing), Some(queued)) = (&mut active.doing, &mut active.queued)
        else {
            return;
        };
        let (gone, stay) = queued.offers.iter().copied().partition(|(own, _)| *own == agent);
        queued.offers = stay;
        queued.sent_on.retain(|(own, _)| *own != agent);
        let gone: Vec<(AgentId, LegId)> = gone;
        let mut step = Step::Wait;
        for (_, leg) in &gone {
            step = dialing.hunt.failed(*leg, failure(Cause::NORMAL_CLEARING, 0));
        }
        for (_, leg) in gone {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        if matches!(step, Step::Next { .. }) {
            self.offers_over(now, id);
        }
    }

    /// The queue has put a caller out: it overflows into another, or its plan goes on.
    fn out_of_queue(&mut self, now: Now, id: CallId, why: Departure) {
        if self.overflowed(now, id) {
            return;
        }
        let end = match why {
            Departure::TimedOut => QueueEnd::Timeout,
            Departure::NoAgents => QueueEnd::NoAgents,
            _ => QueueEnd::Closed,
        };
        self.leaves_queue(now, id, end);
    }

    /// A caller who was put out goes into the queue that takes those of its own. `false`: there is none, it is not let
    /// in there, or it has waited as long as its plan lets it.
    fn overflowed(&mut self, now: Now, id: CallId) -> bool {
        let queued = self.calls.get(&id).and_then(|active| active.queued.as_ref());
        let Some(queued) = queued.filter(|q| now.at < q.until && q.overflows < MOST_OVERFLOWS)
        else {
            return false;
        };
        let (wanted, until, overflows) =
            (queued.wanted.clone(), queued.until, queued.overflows + 1);
        let (from, since) = (queued.name.clone(), queued.since);
        let Some(mut entry) = self.queue_entry(id, &wanted) else { return false };
        entry.since = Some(since);
        if until < Time::NEVER {
            entry.longest = Some(until.since(now.at));
        }
        let Some(name) = self.centre.overflows(now.at, &from, entry) else { return false };
        let terms = self.config.queues.iter().find(|queue| *queue.name.as_str() == *name);
        let (music, record) = terms
            .map_or(("default".into(), false), |queue| (queue.music.to_string(), queue.record));
        let announced_at = terms.map_or(Time::NEVER, |queue| announcing::first(queue, now.at));
        let Some(active) = self.calls.get_mut(&id) else { return false };
        let (_, rung) = active.leave_step(now.at);
        let subject = active.subject();
        if let Some(queued) = &mut active.queued {
            queued.offers.clear();
            queued.sent_on.clear();
            (queued.asks, queued.said) = (None, None);
            (queued.name, queued.overflows) = (name, overflows);
            (queued.music, queued.record, queued.announced_at) = (music, record, announced_at);
        }
        let clip = active.queued.as_ref().map(|queued| self::music(&queued.music));
        for leg in rung {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.waits_on(id);
        if let Some(clip) = clip {
            self.hear_clip(now, subject, clip);
            self.says_on(now, id, subject);
        }
        true
    }

    fn leaves_queue(&mut self, now: Now, id: CallId, end: QueueEnd) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if active.queued.take().is_none() {
            return;
        }
        let subject = active.subject();
        let (_, rung) = active.leave_step(now.at);
        for leg in rung {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.stop_play(subject);
        self.run(now, id, Happening::Queued(end));
    }

    /// A call is in no queue any more, whatever it does next.
    pub(super) fn quit_queue(&mut self, now: Now, id: CallId, why: Departure) {
        if self.calls.get_mut(&id).is_some_and(|active| active.queued.take().is_some()) {
            self.centre.leave(now.at, id, why);
        }
    }

    /// A key of a caller who waits. `true`: it led out.
    pub(super) fn queue_key(&mut self, now: Now, id: CallId, digit: char) -> bool {
        let queued = self.calls.get(&id).and_then(|active| active.queued.as_ref());
        let Some(queued) = queued else { return false };
        if queued.asks.is_some() {
            self.back_key(now, id, digit);
            return true;
        }
        let (leads_out, asks) = (queued.exit.has(digit), queued.call_back.has(digit));
        if leads_out {
            self.centre.leave(now.at, id, Departure::Key);
            self.leaves_queue(now, id, QueueEnd::Key(digit));
        } else if asks {
            self.ask_call_back(now, id);
        }
        leads_out || asks
    }

    /// An agent has taken his talk to another device of his phone: it is the same talk.
    pub(super) fn talks_on_at(&mut self, old: LegId, leg: LegId) {
        if let Some(talk) = self.offered.get_mut(&old).and_then(Option::take) {
            self.offered.insert(leg, Some(talk));
        }
    }

    /// Whether a phone has a leg for a queue's caller of the agent who is signed in there, or for a code: what rings, or
    /// talks, for another agent, whose phone sends it on, is a call of its own.
    pub(super) fn is_no_own_call(&self, phone: &str, leg: LegId) -> bool {
        let Some(talk) = self.offered.get(&leg) else { return false };
        let rung_for = || {
            let call = self.calls.get(&self.legs.get(&leg)?.call)?;
            let offers = &call.queued.as_ref()?.offers;
            offers.iter().find(|(_, own)| *own == leg).map(|(agent, _)| *agent)
        };
        let agent = talk.map(|(_, agent)| agent).or_else(rung_for);
        agent.is_none_or(|agent| self.centre.at_phone(phone) == Some(agent))
    }

    /// The phones of these legs have changed what they do.
    fn lines_changed(&mut self, now: Now, legs: &[LegId]) {
        for leg in legs {
            if let Some(phone) = self.phone_of(*leg) {
                self.line_changed(now, &phone);
            }
        }
    }

    /// The leg of an agent who talked for a queue is in a call of its phone's own from now on.
    pub(super) fn own_call(&mut self, now: Now, leg: LegId) {
        if self.offered.get(&leg).is_none_or(Option::is_none) {
            return;
        }
        self.offered.remove(&leg);
        if let Some(phone) = self.phone_of(leg) {
            self.line_changed(now, &phone);
        }
    }

    /// A leg is over: if it was an agent's, its talk is.
    pub(super) fn agent_leg_over(&mut self, now: Now, leg: LegId) {
        if let Some((call, agent)) = self.offered.remove(&leg).flatten() {
            self.centre.agent_through(now.at, call, agent);
        }
    }
}

/// What an agent's phone did, as the centre hears it.
pub(super) fn missed(failure: Failure) -> Missed {
    match (failure.why, failure.cause) {
        (Why::NoAnswer, _) => Missed::NoAnswer,
        (Why::Rejected, _) => Missed::Rejected,
        (Why::Busy, _) => Missed::Busy,
        // A phone's own word for a refusal. Our withdrawals do not come this way: their offer is gone.
        (Why::Failed, Cause::NORMAL_CLEARING) => Missed::Rejected,
        (Why::Failed, _) => Missed::Unreachable,
    }
}
