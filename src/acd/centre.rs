//! All agents and queues, with one owner. Each input changes one agent or one caller; then what has
//! become free is given away ([`Centre::settle`]), and only then does the input end.
//!
//! ```text
//!   input ─▶ one agent's or caller's change ─▶ `changed` keeps in step:   line, staff, due, events,
//!                                              │                          the caller's reservation
//!                                              ▼
//!                                           settle: stable pairs until there is none ─▶ Action::Offer
//! ```
//!
//! A caller is offered to exactly those agents whose state is Ringing for it: there is one place that
//! ends a reservation (`changed`), whatever ended it. Callers are in `callers.rs`, another configuration in
//! `centre/configure.rs`.

mod configure;
mod regions;
mod reserve;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::agent::{Agent, AgentId, AgentState, Busy, Input, Patience, Reason, Useless};
use super::assign::{Index, Waiter};
use super::estimate::Handling;
use super::event::{Cause, Departure, Event, Missed, SignInRefusal, What};
use super::pin::{Attempts, Pin};
use super::queue::{Bin, Caller, QueueId, Rank, Region, Staffing, Terms};
use super::served::Served;
use super::strategy::Standing;
use crate::base::{CallId, Duration, Rng, Time};
use regions::Regions;

/// The most agents.
pub const MOST_AGENTS: usize = 20_000;
/// The most queues.
pub const MOST_QUEUES: usize = 1_000;

/// Who an agent is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Its PIN.
    pub pin: Pin,
    /// Its team.
    pub team: Option<String>,
    /// Whether it may listen, force states and the like.
    pub supervisor: bool,
    /// Only with agents of these teams; none: with all.
    pub supervises: Vec<String>,
    /// What it knows, each with its level.
    pub skills: Vec<(String, u8)>,
    /// Whose callers it takes; none: everybody's.
    pub regions: Vec<String>,
    /// Its chance where agents are drawn.
    pub weight: u32,
}

/// A code for what a call was about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrapUp {
    /// The code.
    pub code: String,
    /// What it means.
    pub name: String,
    /// For calls of these queues; none: of all.
    pub queues: Vec<String>,
}

impl WrapUp {
    /// Whether it is a code of this queue.
    pub(super) fn is_of(&self, queue: &str) -> bool {
        self.queues.is_empty() || self.queues.iter().any(|own| own == queue)
    }
}

/// The agents, the queues and the rules for all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct House {
    /// The agents, in the order of the configuration.
    pub agents: Vec<Person>,
    /// The queues.
    pub queues: Vec<Terms>,
    /// Codes for what calls were about.
    pub wrap_ups: Vec<WrapUp>,
    /// How it is with agents who do not answer.
    pub patience: Patience,
    /// So many wrong PINs lock the agent, and the phone.
    pub pin_tries: u32,
    /// For so long.
    pub pin_lock: Duration,
}

/// What the driver is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Ring an agent's phone for a caller; and tell what comes of it.
    Offer {
        /// The caller.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The phone at which it is signed in.
        phone: String,
        /// For how long.
        ring: Duration,
        /// The caller has hung up: when the agent answers, this number is to be called.
        back: Option<String>,
    },
    /// Stop ringing it: the caller is another's, or has gone, or the agent has.
    Withdraw {
        /// The caller.
        call: CallId,
        /// The agent.
        agent: AgentId,
        /// The phone that was rung.
        phone: Option<String>,
    },
    /// A caller is out of the queue by the queue's own rule.
    Out {
        /// The caller.
        call: CallId,
        /// Why.
        why: Departure,
    },
    /// Write this down.
    Tell(Event),
}

/// What an agent is in one of its queues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Membership {
    pub(super) queue: QueueId,
    order: u32,
    level: u8,
    turn: u64,
}

/// An agent with all that is known of it.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) who: Person,
    pub(super) agent: Agent,
    pub(super) member: Vec<Membership>,
    pub(super) regions: Vec<Region>,
    attempts: Attempts,
    /// The phone of the last wrong PIN: it is locked with the agent, and let in with it.
    wrong_at: Option<String>,
    /// It is not configured any more, and goes as soon as its talk is over.
    leaving: Option<Leaving>,
    /// How long the talk took about which it writes; `None`: it was no queue's caller.
    last_talk: Option<Duration>,
    /// The talk that is over and has no code yet.
    pub(super) uncoded: Option<(CallId, QueueId)>,
    /// Calls that have its code, the latest last; at most [`MOST_CODED`](super::wrap_up::MOST_CODED).
    pub(super) coded: VecDeque<CallId>,
}

/// An agent who is not configured any more, and talks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    /// What was pending before.
    pending: Option<AgentState>,
}

/// A queue with what is counted of it.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) terms: Terms,
    /// All callers, offered ones with them.
    pub(super) callers: BTreeSet<Rank>,
    pub(super) handling: Handling,
    pub(super) signed_in: usize,
    /// It is not open now.
    pub(super) closed: bool,
    pub(super) working: usize,
    /// Working agents by region; `None`: those who serve all.
    pub(super) by_region: BTreeMap<Option<Region>, usize>,
    /// [`Place::by`](super::strategy::Place::by) of the agent taken last, and turns given.
    base: u64,
    turns: u64,
}

/// What falls due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Due {
    /// An agent's reservation, after-call work or rest.
    Agent(AgentId),
    /// A caller's wait, or its next bin.
    Caller(CallId),
    /// An agent is kept for a customer no more.
    Reserved(AgentId),
}

/// Agents, queues, callers.
#[derive(Debug)]
pub struct Centre {
    pub(super) seats: BTreeMap<AgentId, Seat>,
    pub(super) by_number: BTreeMap<String, AgentId>,
    by_phone: BTreeMap<String, AgentId>,
    pub(super) queues: BTreeMap<QueueId, Queue>,
    pub(super) by_name: BTreeMap<String, QueueId>,
    pub(super) regions: Regions,
    pub(super) callers: BTreeMap<CallId, Caller>,
    /// Call-backs by queue and number.
    pub(super) backs: BTreeMap<(QueueId, String), CallId>,
    /// Who talks with a queue's caller.
    pub(super) talks: BTreeMap<CallId, AgentId>,
    pub(super) served: Served,
    pub(super) index: Index,
    /// When the driver is to tell the time of the week.
    pub(super) clock_at: Time,
    due: BTreeSet<(Time, Due)>,
    armed: BTreeMap<Due, Time>,
    pub(super) fresh_agents: BTreeSet<AgentId>,
    pub(super) fresh_callers: BTreeSet<Waiter>,
    pub(super) out: VecDeque<Action>,
    /// Phones with the call of a code that is dialled: they have no line for a caller until it is over.
    dialling: BTreeSet<String>,
    /// Signs out at one phone to be signed in at another in the same moment: nobody's wait ends with that.
    moving: Option<AgentId>,
    /// Agents kept for customers who are dialled: until when.
    reserved: BTreeMap<AgentId, Time>,
    /// Wrong PINs by phone.
    phones: BTreeMap<String, Attempts>,
    pub(super) wrap_ups: Vec<WrapUp>,
    patience: Patience,
    pin_tries: u32,
    pin_lock: Duration,
    next_id: u32,
    rng: Rng,
}

impl Centre {
    /// Without agents and queues.
    pub fn new(rng: Rng) -> Centre {
        let rest = Duration::from_secs(5);
        Centre {
            seats: BTreeMap::new(),
            by_number: BTreeMap::new(),
            by_phone: BTreeMap::new(),
            queues: BTreeMap::new(),
            by_name: BTreeMap::new(),
            regions: Regions::default(),
            callers: BTreeMap::new(),
            backs: BTreeMap::new(),
            talks: BTreeMap::new(),
            served: Served::default(),
            index: Index::default(),
            clock_at: Time::NEVER,
            due: BTreeSet::new(),
            armed: BTreeMap::new(),
            fresh_agents: BTreeSet::new(),
            fresh_callers: BTreeSet::new(),
            out: VecDeque::new(),
            dialling: BTreeSet::new(),
            moving: None,
            reserved: BTreeMap::new(),
            phones: BTreeMap::new(),
            wrap_ups: Vec::new(),
            patience: Patience { missed_most: 3, rest, ready_at_sign_in: true },
            pin_tries: 3,
            pin_lock: Duration::from_secs(900),
            next_id: 0,
            rng,
        }
    }

    /// What is to be done or told next.
    pub fn poll(&mut self) -> Option<Action> {
        self.out.pop_front()
    }
    /// When [`Self::wake`] is to be called at the latest.
    pub fn next_wake(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain((self.clock_at < Time::NEVER).then_some(self.clock_at)).min()
    }

    /// It is `now`: reservations, waits and after-call work that are over end. All that falls due at
    /// one time is taken together, so that the order in which it is looked at decides nothing.
    pub fn wake(&mut self, now: Time) {
        while let Some((at, due)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, due));
            self.armed.remove(&due);
            match due {
                Due::Agent(agent) => _ = self.change(now, agent, Input::Wake, Cause::Agent),
                Due::Caller(call) => self.caller_due(now, call),
                Due::Reserved(agent) => self.let_go(now, agent),
            }
        }
        self.settle(now);
    }

    pub(super) fn arm(&mut self, due: Due, at: Time) {
        if let Some(old) = self.armed.remove(&due) {
            self.due.remove(&(old, due));
        }
        if at < Time::NEVER {
            self.armed.insert(due, at);
            self.due.insert((at, due));
        }
    }

    pub(super) fn tell(&mut self, at: Time, what: What) {
        self.out.push_back(Action::Tell(Event { at, what }));
    }
    pub(super) fn queue_name(&self, queue: QueueId) -> String {
        self.queues.get(&queue).map(|q| q.terms.name.clone()).unwrap_or_default()
    }
    pub(super) fn number_of(&self, agent: AgentId) -> String {
        self.seats.get(&agent).map(|seat| seat.who.number.clone()).unwrap_or_default()
    }

    /// An agent signs in at a phone. One who is signed in elsewhere moves; another one at this phone
    /// is signed out; neither while talking. What rings for either is offered again.
    pub fn sign_in(
        &mut self,
        now: Time,
        number: &str,
        pin: &str,
        phone: &str,
    ) -> Result<AgentId, SignInRefusal> {
        let result = self.may_sign_in(now, number, pin, phone);
        match result {
            // He is here already: it is no other shift, and he is back.
            Ok(agent) if self.at_phone(phone) == Some(agent) => {
                if self.patience.ready_at_sign_in {
                    _ = self.wish(now, agent, Input::Ready, Cause::Agent);
                }
            }
            Ok(agent) => {
                let other = self.by_phone.get(phone).copied().filter(|other| *other != agent);
                if let Some(other) = other {
                    // Nobody who waits is put out between two shifts: the next one sits here already.
                    self.moving = Some(other);
                    _ = self.change(now, other, Input::SignOut, Cause::Displaced);
                    self.moving = None;
                }
                self.comes_to(now, agent, phone);
                if let Some(other) = other {
                    self.stopped_working(now, other);
                }
                self.settle(now);
            }
            Err(why) => {
                let (agent, phone) = (number.to_owned(), phone.to_owned());
                self.tell(now, What::SignInRefused { agent, phone, why });
            }
        }
        result
    }

    /// An agent is signed in at this phone from now on, and at no other. Who moves there works all the while: nobody
    /// who waits for him, or for his region, waits for somebody else meanwhile.
    fn comes_to(&mut self, now: Time, agent: AgentId, phone: &str) {
        let before = self.seats.get(&agent).map(|seat| &seat.agent);
        let rings_for = before.and_then(|agent| agent.state.rings_for());
        if before.is_some_and(|agent| agent.phone.is_some()) {
            self.moving = Some(agent);
            if let Some((call, _)) = rings_for {
                _ = self.change(now, agent, Input::Missed(call, Missed::AgentLeft), Cause::Moved);
            }
            _ = self.change(now, agent, Input::SignOut, Cause::Moved);
        }
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.agent.phone = Some(phone.to_owned());
            self.by_phone.insert(phone.to_owned(), agent);
        }
        _ = self.change(now, agent, Input::SignIn, Cause::Agent);
        let works = self.seats.get(&agent).is_some_and(|seat| seat.agent.state.is_working());
        if self.moving.take().is_some() && !works {
            self.stopped_working(now, agent);
        }
    }

    /// An agent was signed in at a phone before the start; `off`: why it took no callers. `false`: it has signed
    /// in since, another has at its phone, or there is none of this number.
    pub fn restore(&mut self, now: Time, number: &str, phone: &str, off: Option<Reason>) -> bool {
        let Some(agent) = self.numbered(number) else { return false };
        let Some(seat) = self.seats.get_mut(&agent) else { return false };
        if seat.agent.phone.is_some() || seat.leaving.is_some() || self.by_phone.contains_key(phone)
        {
            return false;
        }
        seat.agent.phone = Some(phone.to_owned());
        self.by_phone.insert(phone.to_owned(), agent);
        _ = self.change(now, agent, Input::SignIn, Cause::Restart);
        let wish = off.map_or(Input::Ready, Input::NotReady);
        _ = self.change(now, agent, wish, Cause::Restart);
        self.settle(now);
        true
    }

    /// An agent was to be signed out after the talk that ended with the start: he is. Nothing, where he has signed in
    /// since.
    pub fn out_since(&mut self, now: Time, number: &str) {
        let seat = self.numbered(number).and_then(|agent| self.seats.get(&agent));
        if seat.is_none_or(|seat| seat.agent.phone.is_some()) {
            return;
        }
        let (agent, state, cause) = (number.to_owned(), AgentState::Null, Cause::Restart);
        self.tell(now, What::Agent { agent, phone: None, state, cause, was_ms: 0 });
    }

    fn may_sign_in(
        &mut self,
        now: Time,
        number: &str,
        pin: &str,
        phone: &str,
    ) -> Result<AgentId, SignInRefusal> {
        let (tries, lock) = (self.pin_tries, self.pin_lock);
        // Phones have registered, so there are not more of them than the configuration has.
        let here = self.phones.entry(phone.to_owned()).or_default();
        let agent = self.by_number.get(number).copied();
        let seat = agent.and_then(|agent| self.seats.get_mut(&agent));
        let seat = seat.filter(|seat| seat.leaving.is_none());
        if here.is_locked(now) || seat.as_ref().is_some_and(|s| s.attempts.is_locked(now)) {
            return Err(SignInRefusal::Locked);
        }
        let (Some(agent), Some(seat)) = (agent, seat) else {
            let locks = here.wrong(now, tries, lock);
            return Err(if locks { SignInRefusal::Locked } else { SignInRefusal::Wrong });
        };
        if !seat.who.pin.is(pin) {
            seat.wrong_at = Some(phone.to_owned());
            let locks = here.wrong(now, tries, lock) | seat.attempts.wrong(now, tries, lock);
            return Err(if locks { SignInRefusal::Locked } else { SignInRefusal::Wrong });
        }
        seat.attempts = Attempts::default();
        self.phones.remove(phone);
        let other = self.by_phone.get(phone).copied().unwrap_or(agent);
        let talks = |agent| {
            // A caller for whom a phone rings is offered again: who has gone to another phone is not there.
            self.seats.get(&agent).is_some_and(|seat: &Seat| seat.agent.talks())
        };
        if talks(agent) || talks(other) { Err(SignInRefusal::Talking) } else { Ok(agent) }
    }

    /// A locked agent may try again, at the phone where its PIN was wrong too.
    pub fn unlock(&mut self, agent: AgentId) {
        if let Some(seat) = self.seats.get_mut(&agent) {
            seat.attempts = Attempts::default();
            if let Some(phone) = seat.wrong_at.take() {
                self.phones.remove(&phone);
            }
        }
    }

    /// The agent signed in at a phone.
    pub fn at_phone(&self, phone: &str) -> Option<AgentId> {
        self.by_phone.get(phone).copied()
    }
    /// The agent of a number.
    pub fn numbered(&self, number: &str) -> Option<AgentId> {
        self.by_number.get(number).copied()
    }

    /// Who served which number before a start, by the agents' numbers, the last first; agents who are no more are left out.
    pub fn served_restored(&mut self, rows: Vec<(String, String)>) {
        let known = |(number, agent): (String, String)| Some((number, self.numbered(&agent)?));
        let rows = rows.into_iter().filter_map(known).collect();
        self.served.restore(rows);
    }

    /// What an agent wishes, or is forced to. Offers and their outcomes are told by call.
    pub fn wish(
        &mut self,
        now: Time,
        agent: AgentId,
        input: Input,
        by: Cause,
    ) -> Result<(), Useless> {
        let result = self.change(now, agent, input, by);
        self.settle(now);
        result
    }

    /// A phone has calls of no queue, or has none.
    pub fn engaged(&mut self, now: Time, phone: &str, engaged: bool) {
        if let Some(agent) = self.at_phone(phone) {
            _ = self.wish(now, agent, Input::Engaged(engaged), Cause::OtherCall);
        }
    }

    /// A phone has the call of a code, or not any more. Its agent's state is what the code made of it; a caller
    /// is offered when that call is over, or a phone with one line would be busy with it.
    pub fn dials(&mut self, now: Time, phone: &str, dials: bool) {
        let changes = match dials {
            true => self.dialling.insert(phone.to_owned()),
            false => self.dialling.remove(phone),
        };
        if changes && let Some(agent) = self.at_phone(phone) {
            self.in_line(now, agent);
            self.settle(now);
        }
    }

    /// A phone can be reached, or not.
    pub fn reachable(&mut self, now: Time, phone: &str, reachable: bool) {
        let cause = if reachable { Cause::PhoneBack } else { Cause::PhoneGone };
        if let Some(agent) = self.at_phone(phone) {
            _ = self.wish(now, agent, Input::Reachable(reachable), cause);
        }
    }

    /// One agent takes one input, and everything that depends on its state is brought in step.
    pub(super) fn change(
        &mut self,
        now: Time,
        id: AgentId,
        input: Input,
        by: Cause,
    ) -> Result<(), Useless> {
        let patience = self.patience;
        let Some(seat) = self.seats.get_mut(&id) else { return Err(Useless::SignedOut) };
        if seat.leaving.is_some() && input.stays() {
            return Err(Useless::SignedOut);
        }
        let before = seat.agent.clone();
        let cause = seat.agent.handle(now, input, by, &patience)?;
        let (state, pending) = (seat.agent.state, seat.agent.pending);
        if let (None, Some(phone)) = (&seat.agent.phone, &before.phone) {
            self.by_phone.remove(phone);
        }
        self.arm(Due::Agent(id), state.until().unwrap_or(Time::NEVER));
        self.in_line(now, id);
        self.staff(id, before.state, state);
        if let Some(cause) = cause {
            self.tell_change(now, id, &before, pending, cause);
        }
        if let AgentState::Busy(Busy::Ringing { call, queue, .. }) = before.state
            && !state.is_same_as(&before.state)
            && !matches!(input, Input::Answered(_))
        {
            let why = match input {
                Input::Missed(_, why) => why,
                Input::Wake => Missed::Expired,
                _ => Missed::AgentLeft,
            };
            if matches!(why, Missed::Expired | Missed::AgentLeft) {
                let phone = before.phone.clone();
                self.out.push_back(Action::Withdraw { call, agent: id, phone });
            }
            self.not_taken(now, (call, queue), id, why, now.since(before.since));
        }
        let stopped = before.state.is_working() && !state.is_working();
        let stopped = stopped || (before.state != AgentState::Null && state == AgentState::Null);
        if stopped && self.moving != Some(id) {
            self.stopped_working(now, id);
        }
        let Some(seat) = self.seats.get_mut(&id) else { return Ok(()) };
        // Nobody was talked with: that says nothing of how long callers take.
        if !matches!(input, Input::NotReached(_)) {
            learn(seat, &mut self.queues, &before, now);
        }
        if seat.leaving.is_some() && state == AgentState::Null {
            self.remove(id);
        }
        Ok(())
    }

    fn tell_change(
        &mut self,
        now: Time,
        id: AgentId,
        before: &Agent,
        pending: Option<AgentState>,
        cause: Cause,
    ) {
        let Some(seat) = self.seats.get(&id) else { return };
        let (agent, state) = (seat.who.number.clone(), seat.agent.state);
        if !state.is_same_as(&before.state) {
            let phone = seat.agent.phone.clone();
            let was_ms = now.since(before.since).as_millis() as u64;
            self.tell(now, What::Agent { agent, phone, state, cause, was_ms });
        } else if pending != before.pending {
            self.tell(now, What::Pending { agent, state: pending, cause });
        }
    }

    /// Stands in line if, and only if, it can take a caller.
    fn in_line(&mut self, now: Time, id: AgentId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let agent = &seat.agent;
        let dials = agent.phone.as_ref().is_some_and(|phone| self.dialling.contains(phone));
        if dials || self.reserved.contains_key(&id) || !agent.is_available(now) {
            self.index.step_out(id);
            self.fresh_agents.remove(&id);
            return;
        }
        if self.index.stands(id) {
            return;
        }
        let mut places = Vec::with_capacity(seat.member.len());
        for member in &seat.member {
            let Some(queue) = self.queues.get(&member.queue) else { continue };
            let standing = Standing {
                agent: id,
                idle_since: agent.idle_since,
                calls: agent.calls,
                talked: agent.talked,
                turn: member.turn,
                order: member.order,
                weight: seat.who.weight,
                level: member.level,
            };
            let place = queue.terms.strategy.place(&standing, queue.base, &mut self.rng);
            places.push((member.queue, place));
        }
        self.index.line_up(id, &seat.regions, places);
        self.fresh_agents.insert(id);
    }

    /// Counts who is there.
    fn staff(&mut self, id: AgentId, before: AgentState, state: AgentState) {
        let Some(seat) = self.seats.get(&id) else { return };
        let (was_in, is_in) = (before != AgentState::Null, state != AgentState::Null);
        let (worked, works) = (before.is_working(), state.is_working());
        let step = |count: &mut usize, was: bool, is: bool| match (was, is) {
            (false, true) => *count += 1,
            (true, false) => *count -= 1,
            _ => {}
        };
        for member in &seat.member {
            let Some(queue) = self.queues.get_mut(&member.queue) else { continue };
            step(&mut queue.signed_in, was_in, is_in);
            step(&mut queue.working, worked, works);
            let none = seat.regions.is_empty().then_some(None);
            for region in none.into_iter().chain(seat.regions.iter().map(|r| Some(*r))) {
                step(queue.by_region.entry(region).or_default(), worked, works);
            }
        }
    }

    /// An agent does not work any more, or has gone: who waited for it alone need not any more.
    fn stopped_working(&mut self, now: Time, id: AgentId) {
        let Some(seat) = self.seats.get(&id) else { return };
        let queues: Vec<QueueId> = seat.member.iter().map(|m| m.queue).collect();
        let regions = seat.regions.clone();
        for queue in queues {
            self.release(now, queue, Bin::Held(id));
            // Of all regions of the house those alone for which somebody waits here.
            for region in self.index.regions_waited_for(queue) {
                let concerns = regions.is_empty() || regions.contains(&region);
                if concerns && !self.serves_region(queue, region) {
                    self.release(now, queue, Bin::Region(region));
                }
            }
            if !self.is_staffed(queue, |terms| terms.stay) {
                self.dismiss(now, queue);
            }
        }
    }

    pub(super) fn serves_region(&self, queue: QueueId, region: Region) -> bool {
        let Some(queue) = self.queues.get(&queue) else { return false };
        let working = |region| queue.by_region.get(&region).copied().unwrap_or_default();
        working(Some(region)) + working(None) > 0
    }
    /// Whether an agent who serves the queue of this name is signed in, ready or not.
    pub fn has_agents(&self, queue: &str) -> bool {
        let queue = self.by_name.get(queue).and_then(|id| self.queues.get(id));
        queue.is_some_and(|queue| queue.signed_in > 0)
    }

    pub(super) fn is_staffed(&self, queue: QueueId, wants: fn(&Terms) -> Staffing) -> bool {
        let Some(queue) = self.queues.get(&queue) else { return false };
        match wants(&queue.terms) {
            Staffing::Nobody => true,
            Staffing::SignedIn => queue.signed_in > 0,
            Staffing::Working => queue.working > 0,
        }
    }

    /// Gives away what has become free, until nobody who waits could be taken by one who is ready.
    pub(super) fn settle(&mut self, now: Time) {
        loop {
            let waiter = match self.fresh_agents.first().copied() {
                Some(agent) => {
                    let next = self.index.caller(agent);
                    if next.is_none() {
                        self.fresh_agents.remove(&agent);
                        self.rings_too(now, agent);
                    }
                    next
                }
                None => match self.fresh_callers.pop_first() {
                    Some(waiter) => Some(waiter),
                    None => return,
                },
            };
            let Some(waiter) = waiter else { continue };
            let Some(pair) = self.index.pair(waiter) else {
                // Only of a fresh caller: nobody stands in line who may take it.
                continue;
            };
            if pair.waiter != waiter && self.fresh_agents.is_empty() {
                self.fresh_callers.insert(waiter);
            }
            self.offer(now, pair);
        }
    }

    /// An agent has had its turn in a queue.
    pub(super) fn took_turn(&mut self, id: AgentId, queue_id: QueueId, by: u64) {
        let Some(queue) = self.queues.get_mut(&queue_id) else { return };
        queue.turns += 1;
        queue.base = queue.base.max(by);
        let turn = queue.turns;
        let member = self.seats.get_mut(&id).map(|seat| &mut seat.member);
        if let Some(member) = member.and_then(|m| m.iter_mut().find(|m| m.queue == queue_id)) {
            member.turn = turn;
        }
    }
}

/// How long callers take is learnt when an agent is through with one.
fn learn(seat: &mut Seat, queues: &mut BTreeMap<QueueId, Queue>, before: &Agent, now: Time) {
    let took = now.since(before.since);
    let (queue, took) = match (before.state, seat.agent.state) {
        (AgentState::Busy(Busy::Talking { .. }), AgentState::WorkingAfterCall { .. }) => {
            seat.last_talk = Some(took);
            return;
        }
        (AgentState::Busy(Busy::Talking { queue, .. }), state) if state.talks_with().is_none() => {
            (queue, took)
        }
        (AgentState::WorkingAfterCall { queue, .. }, state)
            if !matches!(state, AgentState::WorkingAfterCall { .. }) =>
        {
            let Some(talk) = seat.last_talk.take() else { return };
            (queue, talk + took)
        }
        _ => return,
    };
    if let Some(queue) = queues.get_mut(&queue) {
        queue.handling.add(took);
    }
}
