//! From facts to events: what is known of each call, and what a fact adds to it (R9, R10's pop-up).
//!
//! ```text
//!  fact ─▶ Teller: calls {who, which queue, data, devices}, agents' phones ─▶ an event, or none
//! ```
//!
//! A fact makes one event at most, so that its number says exactly what a reader has had. The same facts make
//! the same events whoever computes them: the live feed, and one who reads what was missed.

use std::collections::BTreeMap;

use super::event::Event;
use crate::base::CallId;
use crate::switch::campaigns::pairs;
use crate::switch::care::PlanEvent;
use crate::switch::fact::{
    AgentFact, CampaignFact, CareFact, Fact, FactKind, LineEnd, Party, QueueFact, Role,
};

/// The most fields of a call that are kept in mind.
const MOST_FIELDS: usize = 64;
/// The most devices of a call that are.
const MOST_FORMER: usize = 100;
/// The most keys of a caller that are.
const MOST_DIGITS: usize = 64;
/// The most calls; beyond them the oldest is forgotten. More than the exchange carries.
const MOST_CALLS: usize = 50_000;

/// A party of a call.
#[derive(Clone, Debug)]
struct Line {
    device: String,
    state: &'static str,
    /// It began the call, and was not called by Belfry.
    caller: bool,
    answered: bool,
}

/// What is known of a call.
#[derive(Clone, Debug, Default)]
struct Call {
    calling: String,
    calling_name: String,
    gateway: String,
    called: String,
    queue: String,
    waited_ms: Option<u64>,
    data: BTreeMap<String, String>,
    digits: String,
    lines: BTreeMap<u64, Line>,
    /// Devices that were in it: its end concerns them too.
    former: Vec<String>,
    /// Agents whom a queue has chosen.
    agents: Vec<String>,
}

/// Makes events of facts.
#[derive(Clone, Debug, Default)]
pub struct Teller {
    calls: BTreeMap<CallId, Call>,
    /// Who is signed in where: phone, agent.
    phones: BTreeMap<String, String>,
    /// The agents who are not signed out.
    signed_in: BTreeMap<String, Option<String>>,
}

impl Teller {
    /// Whether the call's beginning is known.
    pub fn knows(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// The event that a fact makes.
    pub fn tell(&mut self, fact: &Fact) -> Option<Event> {
        let call = fact.kind.call();
        let mut event = self.of(&fact.kind)?;
        event.seq = fact.seq;
        event.wall = fact.wall.0;
        if let Some(id) = call {
            event.call = Some(id.to_string());
            if let Some(call) = self.calls.get(&id) {
                self.dress(&mut event, call);
            }
        }
        if !event.agent.is_empty() && !event.agents.contains(&event.agent) {
            event.agents.push(event.agent.clone());
        }
        // Not before: its end tells of what it was.
        if let FactKind::CallEnded { call, .. } = fact.kind {
            self.calls.remove(&call);
        }
        Some(event)
    }

    /// Puts to an event what is known of its call.
    fn dress(&self, event: &mut Event, call: &Call) {
        event.calling.clone_from(&call.calling);
        event.calling_name.clone_from(&call.calling_name);
        event.called.clone_from(&call.called);
        event.gateway.clone_from(&call.gateway);
        event.digits.clone_from(&call.digits);
        event.data.clone_from(&call.data);
        event.waited_ms = event.waited_ms.or(call.waited_ms);
        if event.queue.is_empty() {
            event.queue.clone_from(&call.queue);
        }
        event.agents.clone_from(&call.agents);
        for line in call.lines.values() {
            if !event.devices.contains(&line.device) {
                event.devices.push(line.device.clone());
            }
        }
        if event.event == "CallCleared" {
            event.devices.clone_from(&call.former);
        }
        if !event.device.is_empty() && !event.devices.contains(&event.device) {
            event.devices.push(event.device.clone());
        }
        for agent in event.devices.iter().filter_map(|device| self.phones.get(device)) {
            if !event.agents.contains(agent) {
                event.agents.push(agent.clone());
            }
        }
        if event.agent.is_empty()
            && let Some(agent) = self.phones.get(&event.device)
        {
            event.agent.clone_from(agent);
        }
    }

    fn of(&mut self, kind: &FactKind) -> Option<Event> {
        use FactKind::*;
        Some(match kind {
            Started { .. } => {
                self.calls.clear();
                system("initializing")
            }
            Stopped { .. } => system("disabled"),
            Reloaded { .. } => system("normal"),
            Alarm { what, raised, detail, .. } => Event {
                event: "Alarm".into(),
                state: if *raised { "raised" } else { "cleared" }.into(),
                reason: what.as_str().into(),
                cause: detail.clone(),
                ..Event::default()
            },
            CallBegan { call, caller, dialled, caller_name, .. } => {
                self.began(*call, caller, dialled, caller_name)
            }
            LegBegan { call, leg, party, role, .. } => {
                return self.line_began(*call, leg.0, party, *role);
            }
            Agent { agent, what } => return self.agent(agent, what),
            Queue { queue, call, what } => return self.queue(queue, *call, what),
            PhoneRegistered { number, .. } => on_device("BackInService", number),
            PhoneUnregistered { number, .. } => on_device("OutOfService", number),
            GatewayUp { gateway } => on_device("BackInService", gateway),
            GatewayDown { gateway, why } => {
                Event { cause: why.clone(), ..on_device("OutOfService", gateway) }
            }
            PhoneWish { number, wish, value } => {
                let dnd = wish == "do-not-disturb";
                let event = if dnd { "DoNotDisturb" } else { "Forwarding" };
                let cause = if dnd { String::new() } else { wish.clone() };
                Event { to: value.clone(), cause, ..on_device(event, number) }
            }
            Care { account, what } => return case(account, what),
            Campaign { campaign, what } => return of_campaign(campaign, what),
            kind => return self.of_call(kind),
        })
    }

    fn began(&mut self, id: CallId, caller: &Party, dialled: &str, name: &str) -> Event {
        if self.calls.len() >= MOST_CALLS {
            self.calls.pop_first();
        }
        let call = Call {
            calling: caller.number().to_owned(),
            calling_name: name.to_owned(),
            gateway: caller.gateway().unwrap_or_default().to_owned(),
            called: dialled.to_owned(),
            ..Call::default()
        };
        let event = Event {
            state: "initiated".into(),
            cause: "newCall".into(),
            ..on_device("ServiceInitiated", &call.calling)
        };
        self.calls.insert(id, call);
        event
    }

    fn line_began(&mut self, id: CallId, leg: u64, party: &Party, role: Role) -> Option<Event> {
        let call = self.calls.get_mut(&id)?;
        let caller = role == Role::Caller;
        let state = if caller { "connected" } else { "initiated" };
        let device = party.number().to_owned();
        let line = Line { device: device.clone(), state, caller, answered: false };
        call.lines.insert(leg, line);
        let name = match (caller, party.gateway()) {
            (true, _) => "Originated",
            (false, Some(_)) => "NetworkReached",
            (false, None) => return None,
        };
        Some(Event { state: state.into(), ..on_device(name, &device) })
    }

    /// Facts of a call's legs and of the call itself.
    fn of_call(&mut self, kind: &FactKind) -> Option<Event> {
        use FactKind::*;
        let call = self.calls.get_mut(&kind.call()?)?;
        let at = |call: &mut Call, leg: u64, name: &str, state: &'static str| {
            let line = call.lines.get_mut(&leg)?;
            line.state = state;
            Some(Event { state: state.into(), ..on_device(name, &line.device) })
        };
        match kind {
            LegRinging { leg, .. } => at(call, leg.0, "Delivered", "alerting"),
            LegAnswered { leg, .. } => call.answered(leg.0),
            Held { leg, .. } => at(call, leg.0, "Held", "hold"),
            Retrieved { leg, .. } => at(call, leg.0, "Retrieved", "connected"),
            LegEnded { leg, cause, status, .. } => call.line_ended(leg.0, *cause, *status),
            LegMoved { leg, from, .. } => {
                let (to, leg, from) = (kind.call()?, leg.0, *from);
                let line = self.calls.get_mut(&from).and_then(|call| call.lines.remove(&leg))?;
                self.calls.get_mut(&to)?.lines.insert(leg, line);
                None
            }
            Transferred { by, to, .. } => call.transferred(by.0, to),
            Replaced { old, leg, .. } => call.picked_up(old.0, leg.0),
            Diverted { by, to, why, .. } => {
                Some(Event { to: to.clone(), cause: why.clone(), ..on_device("Diverted", by) })
            }
            Parked { leg, slot, .. } => {
                let event = at(call, leg.0, "Diverted", "queued")?;
                Some(Event { to: format!("slot {slot}"), cause: "park".into(), ..event })
            }
            RoomJoined { leg, room, muted, .. } => {
                let event = at(call, leg.0, "Conferenced", "connected")?;
                let participation = if *muted { "silent" } else { "active" }.into();
                Some(Event { to: room.clone(), participation, ..event })
            }
            Conferenced { by, third, .. } => {
                let to = call.lines.get(&third.0).map(|line| line.device.clone());
                let event = at(call, by.0, "Conferenced", "connected")?;
                Some(Event { to: to.unwrap_or_default(), participation: "active".into(), ..event })
            }
            CallField { name, value, .. } => Some(call.field(name, value)),
            Digit { leg, digit, .. } => call.digit(leg.0, *digit),
            CallEnded { cause, .. } => {
                let cleared = Event { event: "CallCleared".into(), ..Event::default() };
                Some(Event { q850: Some(*cause), ..cleared })
            }
            _ => None,
        }
    }

    fn queue(&mut self, queue: &str, id: CallId, what: &QueueFact) -> Option<Event> {
        let call = self.calls.get_mut(&id)?;
        let caller = call.calling.clone();
        let of = |name: &str| Event { queue: queue.into(), ..on_device(name, &caller) };
        match what {
            QueueFact::Entered { .. } => {
                call.queue = queue.into();
                call.waited_ms = None;
                Some(Event { state: "queued".into(), ..of("Queued") })
            }
            QueueFact::Offered { agent, waited_ms } => {
                call.waited_ms = Some(*waited_ms);
                if !call.agents.contains(agent) {
                    call.agents.push(agent.clone());
                }
                let phone = self.signed_in.get(agent).cloned().flatten().unwrap_or_default();
                let event = Event { agent: agent.clone(), ..of("Offered") };
                Some(Event { device: phone, ..event })
            }
            QueueFact::NotTaken { agent, .. } => {
                call.agents.retain(|other| other != agent);
                None
            }
            QueueFact::Answered { waited_ms, .. } => {
                call.waited_ms = Some(*waited_ms);
                None
            }
            QueueFact::Left { why, waited_ms } => {
                call.waited_ms = Some(*waited_ms);
                let event =
                    Event { cause: why.clone(), waited_ms: Some(*waited_ms), ..of("Diverted") };
                call.queue.clear();
                (!matches!(why.as_str(), "abandoned" | "restart")).then_some(event)
            }
            // It leaves the line; the call by which an agent reaches its number has events of its own.
            QueueFact::BackWanted { waited_ms, .. } => {
                call.waited_ms = Some(*waited_ms);
                let waited_ms = Some(*waited_ms);
                Some(Event { cause: "callBack".into(), waited_ms, ..of("Diverted") })
            }
            QueueFact::Refused { .. }
            | QueueFact::Overflowed { .. }
            | QueueFact::BackTried { .. }
            | QueueFact::BackFailed { .. }
            | QueueFact::TalkOver { .. } => None,
        }
    }

    /// Notes at which phone an agent is; whether he was signed in before, and where.
    fn moved(
        &mut self,
        agent: &str,
        phone: Option<&String>,
        state: &str,
    ) -> (bool, Option<String>) {
        let before = self.signed_in.contains_key(agent);
        let was = self.signed_in.get(agent).cloned().flatten();
        if was.as_ref() != phone
            && let Some(was) = &was
        {
            self.phones.remove(was);
        }
        if state == "null" {
            self.signed_in.remove(agent);
        } else {
            self.signed_in.insert(agent.into(), phone.cloned());
            self.phones.extend(phone.map(|phone| (phone.clone(), agent.to_owned())));
        }
        (before, was)
    }

    fn agent(&mut self, agent: &str, what: &AgentFact) -> Option<Event> {
        let about =
            |name: &str| Event { event: name.into(), agent: agent.into(), ..Event::default() };
        Some(match what {
            AgentFact::State { phone, state, reason, code, queue, .. } => {
                let (before, was) = self.moved(agent, phone.as_ref(), state);
                let (name, reason) = match (state.as_str(), before) {
                    ("null", _) => ("AgentLoggedOff", reason.as_str()),
                    (_, false) => ("AgentLoggedOn", reason.as_str()),
                    ("ready", _) => ("AgentReady", ""),
                    ("after_call", _) => ("AgentWorkingAfterCall", ""),
                    ("not_ready", _) => ("AgentNotReady", reason.as_str()),
                    (busy, _) => ("AgentBusy", busy),
                };
                Event {
                    device: phone.clone().or(was).unwrap_or_default(),
                    state: csta(state).into(),
                    reason: reason.into(),
                    code: if *code == 0 { String::new() } else { code.to_string() },
                    queue: queue.clone().unwrap_or_default(),
                    ..about(name)
                }
            }
            AgentFact::Pending { state, reason, code, .. } => Event {
                pending: csta(state).into(),
                reason: reason.clone(),
                code: if *code == 0 { String::new() } else { code.to_string() },
                ..about("AgentPending")
            },
            AgentFact::WrapUp { code, text, .. } => {
                Event { code: code.clone(), text: text.clone(), ..about("AgentWrapUp") }
            }
            AgentFact::Supervised { by, act, refused, .. } if refused.is_empty() => {
                let participation = match act.as_str() {
                    "listen" => "silent",
                    "whisper" => "coaching",
                    "barge" => "active",
                    "end" => "none",
                    _ => return None,
                };
                let phone = self.signed_in.get(by).cloned().flatten().unwrap_or_default();
                let event = Event { participation: participation.into(), ..about("Conferenced") };
                Event { device: phone, to: agent.into(), ..event }
            }
            AgentFact::Supervised { .. }
            | AgentFact::SignInRefused { .. }
            | AgentFact::Previewed { .. } => return None,
        })
    }
}

impl Call {
    /// The other party is sent to `to` by a line.
    fn transferred(&self, by: u64, to: &str) -> Option<Event> {
        let line = self.lines.get(&by)?;
        let (cause, state) = ("transfer".into(), line.state.to_owned());
        Some(Event { to: to.into(), cause, state, ..on_device("Transferred", &line.device) })
    }

    /// Another line has taken the place of one.
    fn picked_up(&self, old: u64, new: u64) -> Option<Event> {
        let device = &self.lines.get(&old)?.device;
        let to = self.lines.get(&new).map(|line| line.device.clone()).unwrap_or_default();
        Some(Event { to, cause: "callPickup".into(), ..on_device("Diverted", device) })
    }

    fn answered(&mut self, leg: u64) -> Option<Event> {
        let others = self.lines.iter().any(|(id, line)| *id != leg && line.answered);
        let line = self.lines.get_mut(&leg)?;
        line.state = "connected";
        line.answered = true;
        // The caller is answered when somebody has, or by Belfry alone.
        if line.caller && others {
            return None;
        }
        let cause = if line.caller { "ivr" } else { "" };
        Some(Event {
            state: "connected".into(),
            cause: cause.into(),
            ..on_device("Established", &line.device)
        })
    }

    fn line_ended(&mut self, leg: u64, cause: u8, status: u16) -> Option<Event> {
        let line = self.lines.remove(&leg)?;
        if !self.former.contains(&line.device) && self.former.len() < MOST_FORMER {
            self.former.push(line.device.clone());
        }
        let failed = !line.caller && !line.answered && status >= 400 && status != 487;
        let name = if failed { "Failed" } else { "ConnectionCleared" };
        let word = match cause {
            17 => "busy",
            18 | 19 => "noAnswer",
            21 => "callRejected",
            1 | 3 | 22 | 28 => "destNotObtainable",
            16 | 31 => "normalClearing",
            34 | 38 | 41 | 42 | 44 | 47 => "resourcesNotAvailable",
            _ => "",
        };
        let event =
            Event { q850: Some(cause), cause: word.into(), ..on_device(name, &line.device) };
        Some(Event { state: if failed { "fail" } else { "null" }.into(), ..event })
    }

    fn field(&mut self, name: &str, value: &str) -> Event {
        match value.is_empty() {
            true => {
                self.data.remove(name);
            }
            false if self.data.len() < MOST_FIELDS || self.data.contains_key(name) => {
                self.data.insert(name.into(), value.into());
            }
            false => {}
        }
        Event { event: "CallInformation".into(), ..Event::default() }
    }

    fn digit(&mut self, leg: u64, digit: Option<char>) -> Option<Event> {
        let line = self.lines.get(&leg)?;
        let key = digit.unwrap_or('?');
        if line.caller {
            if self.digits.len() >= MOST_DIGITS {
                self.digits.remove(0);
            }
            self.digits.push(key);
        }
        Some(Event { code: key.into(), ..on_device("DigitsGenerated", &line.device) })
    }
}

/// An event of a case; none of what concerns none.
fn of_campaign(campaign: &str, what: &CampaignFact) -> Option<Event> {
    let of = |event: &str, agent: &str, data: &[(&str, &str)]| {
        let data = [("campaign", campaign)].into_iter().chain(data.iter().copied());
        let data = data.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Event { event: event.into(), agent: agent.to_owned(), data, ..Event::default() }
    };
    Some(match what {
        CampaignFact::Status { status, by } => {
            Event { reason: status.clone(), ..of("CampaignStatus", "", &[("by", by)]) }
        }
        CampaignFact::Offered { number, fields, agent, .. } => {
            let fields = pairs(fields);
            let data: Vec<(&str, &str)> = fields.chain([("number", number.as_str())]).collect();
            of("CampaignOffered", agent, &data)
        }
        CampaignFact::OfferOver { number, agent, why } => {
            let event = of("CampaignOfferOver", agent, &[("number", number)]);
            Event { reason: why.clone(), ..event }
        }
        CampaignFact::Over { number, nth, outcome, state, agent, cause, .. } => {
            let nth = nth.to_string();
            let data = [
                ("number", number.as_str()),
                ("outcome", outcome),
                ("state", state),
                ("attempt", &nth),
            ];
            let event = of("CampaignResult", agent, &data);
            Event { q850: (*cause > 0).then_some(*cause), ..event }
        }
        CampaignFact::Called { .. } | CampaignFact::Coded { .. } => return None,
    })
}

fn case(account: &str, what: &CareFact) -> Option<Event> {
    let of = |name: &str, case: u64, cause: &str| Event {
        case: Some(case),
        cause: cause.into(),
        ..on_device(name, account)
    };
    let changed = |case: &u64, cause: &str| Some(of("CaseChanged", *case, cause));
    match what {
        CareFact::Reported { case: Some(id), repeat: false, opens, .. } => {
            let name = if *opens { "CaseOpened" } else { "CaseChanged" };
            let mut event = of(name, *id, "reported");
            event.data = reported(what);
            Some(event)
        }
        CareFact::Talked { case } => changed(case, "talked"),
        CareFact::NoCall { case } => changed(case, "no_call"),
        CareFact::UnitTold { case, order, by, .. } => {
            let event = of("CaseChanged", *case, "unit_told");
            Some(Event { code: order.as_str().into(), reason: by.clone(), ..event })
        }
        CareFact::LineEnded { case, end, .. } => match end {
            LineEnd::Normal => changed(case, "line_normal"),
            LineEnd::Fault => changed(case, "line_fault"),
        },
        CareFact::Plan { case, plan, step, happened } => {
            let cause = format!("plan_{}", happened.word());
            Some(Event { data: planned(plan, step, happened), ..of("CaseChanged", *case, &cause) })
        }
        CareFact::CareCallOver { list, day, attempts, state, result, answer } => {
            let attempts = attempts.to_string();
            let all = [
                ("list", list),
                ("day", day),
                ("attempts", &attempts),
                ("result", result),
                ("answer", answer),
            ];
            let all = all.into_iter().filter(|(_, text)| !text.is_empty());
            let data = all.map(|(name, text)| (name.to_owned(), text.clone())).collect();
            Some(Event { data, cause: state.clone(), ..on_device("CareCall", account) })
        }
        CareFact::Closed { case, outcome, by } => {
            let data = [("outcome", outcome), ("by", by)];
            let data = data.map(|(name, value)| (name.to_owned(), value.clone())).into();
            Some(Event { data, ..of("CaseClosed", *case, "") })
        }
        _ => None,
    }
}

/// What has happened in a response plan, without what is empty.
fn planned(plan: &str, step: &str, happened: &PlanEvent) -> BTreeMap<String, String> {
    let text = |name: &'static str, text: &str| (name, text.to_owned());
    let mut all = vec![text("plan", plan), text("step", step)];
    match happened {
        PlanEvent::Begun { by } => all.push(text("by", by)),
        PlanEvent::Step { nth } => all.push(("nth", (nth + 1).to_string())),
        PlanEvent::Round { nth } => all.push(("nth", nth.to_string())),
        PlanEvent::Called { name, number } => {
            all.extend([text("name", name), text("number", number)]);
        }
        PlanEvent::Accepted { number } | PlanEvent::Left { number } => {
            all.push(text("number", number));
        }
        PlanEvent::NotCalled { why, nobody } => {
            all.extend([text("why", why), ("nobody", nobody.to_string())]);
        }
        PlanEvent::Outcome { number, outcome, why } => {
            all.extend([text("number", number), text("outcome", outcome.word()), text("why", why)]);
        }
        PlanEvent::Sending { to, by, ordered } => {
            all.extend([text("to", to), text("channel", by.as_str()), text("by", ordered)]);
        }
        PlanEvent::Sent { to, by, why } => {
            all.extend([text("to", to), text("channel", by.as_str()), text("why", why)]);
        }
        PlanEvent::Ended { why } | PlanEvent::NotSent { why } => all.push(text("why", why)),
    }
    let all = all.into_iter().filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a report says, and whose it is, without what is empty.
fn reported(what: &CareFact) -> BTreeMap<String, String> {
    let CareFact::Reported {
        by,
        protocol,
        device,
        device_type,
        meaning,
        priority,
        place,
        home,
        ..
    } = what
    else {
        return BTreeMap::new();
    };
    let home = home.as_deref().cloned().unwrap_or_default();
    let (meaning, of) = meaning.words();
    let all = [
        ("by", by.clone()),
        ("protocol", protocol.as_str().to_owned()),
        ("unit_device", device.clone()),
        ("unit_device_type", device_type.clone()),
        ("meaning", meaning.to_owned()),
        ("need", of.to_owned()),
        ("priority", priority.to_string()),
        ("place", place.clone()),
        ("name", home.name),
        ("address", home.address),
        ("region", home.region),
        ("flag", home.flag),
    ];
    let all = all.into_iter().filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn on_device(name: &str, device: &str) -> Event {
    Event { event: name.into(), device: device.into(), ..Event::default() }
}

fn system(state: &str) -> Event {
    Event { event: "SystemStatus".into(), state: state.into(), ..Event::default() }
}

/// The state's word as CSTA has it.
fn csta(state: &str) -> &str {
    match state {
        "ringing" | "talking" | "other_call" => "busy",
        "after_call" => "working_after_call",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Filter, KINDS};
    use super::*;
    use crate::base::{LegId, Wall};
    use crate::switch::fact::EndedBy;

    fn call() -> CallId {
        CallId::new(Wall(1_790_000_000_000), 1)
    }

    #[test]
    fn what_became_of_a_scheduled_call_is_told() {
        let mut teller = Teller::default();
        let of = |what| FactKind::Care { account: "02155".into(), what };
        let (list, day) = ("medicine".to_owned(), "2026-11-23 09:00".to_owned());
        let called = CareFact::CareCalled { list: list.clone(), day: day.clone(), nth: 1 };
        let over = CareFact::CareCallOver {
            list,
            day,
            attempts: 2,
            state: "done".into(),
            result: "confirmed".into(),
            answer: "1".into(),
        };
        let told = tell(&mut teller, vec![of(called), of(over)]);
        let [event] = &told[..] else { panic!("{told:?}") };
        let of = [&event.event, &event.device, &event.cause];
        assert_eq!(of, ["CareCall", "02155", "done"]);
        let wanted =
            [("list", "medicine"), ("attempts", "2"), ("result", "confirmed"), ("answer", "1")];
        for (name, text) in wanted {
            assert_eq!(event.data[name], text);
        }
    }

    #[test]
    fn what_a_response_plan_does_is_told_of_its_case() {
        let mut teller = Teller::default();
        let fact = |happened| FactKind::Care {
            account: "02155".into(),
            what: CareFact::Plan {
                case: 4_711,
                plan: "bell".into(),
                step: "contacts".into(),
                happened,
            },
        };
        let (number, outcome) = ("1002".to_owned(), crate::care::plan::Outcome::NoAnswer);
        let by = crate::care::plan::Channel::Hook;
        let kinds = vec![
            fact(PlanEvent::Step { nth: 0 }),
            fact(PlanEvent::Outcome { number, outcome, why: String::new() }),
            fact(PlanEvent::Sent { to: "ward".into(), by, why: String::new() }),
        ];
        let told = tell(&mut teller, kinds);
        let causes: Vec<&str> = told.iter().map(|event| event.cause.as_str()).collect();
        assert_eq!(causes, ["plan_step", "plan_outcome", "plan_sent"]);
        let all = |event: &Event| (event.event.clone(), event.case, event.device.clone());
        assert_eq!(all(&told[1]), ("CaseChanged".into(), Some(4_711), "02155".into()));
        assert_eq!(told[0].data["nth"], "1");
        assert_eq!(told[1].data["outcome"], "no_answer");
        assert_eq!((&*told[2].data["to"], &*told[2].data["channel"]), ("ward", "web hook"));
        assert!(!told[2].data.contains_key("why"), "it is there");
    }

    fn tell(teller: &mut Teller, kinds: Vec<FactKind>) -> Vec<Event> {
        let facts = (1..).zip(kinds).map(|(seq, kind)| Fact { seq, wall: Wall(7), kind });
        facts.filter_map(|fact| teller.tell(&fact)).collect()
    }

    fn state(state: &str, phone: Option<&str>) -> FactKind {
        FactKind::Agent {
            agent: "101".into(),
            what: AgentFact::State {
                phone: phone.map(str::to_owned),
                state: state.into(),
                reason: String::new(),
                code: 0,
                cause: "agent".into(),
                was_ms: 0,
                call: None,
                queue: None,
                team: None,
            },
        }
    }

    /// A caller from outside waits, rings at an agent's phone, talks and goes.
    fn queued_call() -> Vec<FactKind> {
        let (call, a, b) = (call(), LegId(1), LegId(2));
        let outside = Party::Trunk { gateway: "e1".into(), number: "13800001111".into() };
        let phone = Party::Phone { number: "1001".into() };
        let queue = |what| FactKind::Queue { queue: "care".into(), call, what };
        let ended = |leg, by| FactKind::LegEnded {
            call,
            leg,
            cause: 16,
            status: 0,
            by,
            ring_ms: 0,
            talk_ms: 0,
            busy_ms: None,
            sound: None,
        };
        vec![
            state("ready", Some("1001")),
            FactKind::CallBegan {
                call,
                caller: outside.clone(),
                dialled: "4008001234".into(),
                caller_name: "Wang".into(),
                context: "gateway".into(),
            },
            FactKind::LegBegan {
                call,
                leg: a,
                party: outside,
                role: Role::Caller,
                outgoing: Some(false),
            },
            FactKind::LegAnswered { call, leg: a },
            FactKind::Digit {
                call,
                leg: a,
                digit: Some('2'),
                by: crate::switch::fact::KeyBy::Unknown,
            },
            FactKind::CallField { call, name: "policy".into(), value: "P-7".into() },
            queue(QueueFact::Entered { position: 1, priority: 0 }),
            queue(QueueFact::Offered { agent: "101".into(), waited_ms: 4_000 }),
            FactKind::LegBegan {
                call,
                leg: b,
                party: phone,
                role: Role::Callee,
                outgoing: Some(true),
            },
            FactKind::LegRinging { call, leg: b },
            queue(QueueFact::Answered {
                agent: "101".into(),
                waited_ms: 6_000,
                rang_ms: 2_000,
                back: false,
                by: None,
            }),
            FactKind::LegAnswered { call, leg: b },
            FactKind::Held { call, leg: b, up_ms: None },
            FactKind::Retrieved { call, leg: b, up_ms: None },
            ended(b, EndedBy::Callee),
            ended(a, EndedBy::Caller),
            FactKind::CallEnded { call, cause: 16, by: EndedBy::Caller, total_ms: 1, talk_ms: 1 },
        ]
    }

    #[test]
    fn a_queued_call_is_told_as_csta_has_it_and_the_pop_up_has_all() {
        let mut teller = Teller::default();
        let events = tell(&mut teller, queued_call());
        let names: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
        let wanted = [
            "AgentLoggedOn",
            "ServiceInitiated",
            "Originated",
            "Established",
            "DigitsGenerated",
            "CallInformation",
            "Queued",
            "Offered",
            "Delivered",
            "Established",
            "Held",
            "Retrieved",
            "ConnectionCleared",
            "ConnectionCleared",
            "CallCleared",
        ];
        assert_eq!(names, wanted);
        let popup = events.iter().find(|event| event.event == "Delivered").unwrap();
        assert_eq!((popup.device.as_str(), popup.state.as_str()), ("1001", "alerting"));
        assert_eq!((popup.calling.as_str(), popup.called.as_str()), ("13800001111", "4008001234"));
        assert_eq!((popup.queue.as_str(), popup.waited_ms), ("care", Some(4_000)));
        assert_eq!((popup.agent.as_str(), popup.digits.as_str()), ("101", "2"));
        assert_eq!(popup.data["policy"], "P-7");
        assert_eq!(events.last().unwrap().q850, Some(16));
        assert!(teller.calls.is_empty(), "nothing is kept of a call that is over");
    }

    #[test]
    fn filters_know_agents_devices_queues_and_kinds() {
        let events = tell(&mut Teller::default(), queued_call());
        let count = |filter: Filter| events.iter().filter(|event| filter.wants(event)).count();
        let list = |word: &str| vec![word.to_owned()];
        assert_eq!(count(Filter::default()), 15);
        assert_eq!(count(Filter { kinds: list("Delivered"), ..Filter::default() }), 1);
        assert_eq!(count(Filter { queues: list("other"), ..Filter::default() }), 0);
        assert_eq!(count(Filter { calls: list(&call().to_string()), ..Filter::default() }), 14);
        // From the time it is chosen on, and its own.
        let own = Filter { only: Some("101".into()), ..Filter::default() };
        assert_eq!(count(own.clone()), 9);
        assert_eq!(count(Filter { only: Some("102".into()), ..Filter::default() }), 0);
        assert!(count(Filter { devices: list("13800001111"), ..own }) < 9);
    }

    #[test]
    fn every_kind_that_is_told_is_documented_and_a_fact_makes_one_event() {
        let mut seen: Vec<u64> = Vec::new();
        for event in tell(&mut Teller::default(), queued_call()) {
            assert!(KINDS.iter().any(|(name, _)| *name == event.event), "{}", event.event);
            seen.push(event.seq);
        }
        let all = seen.len();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn a_call_whose_beginning_is_not_known_tells_nothing_wrong() {
        let mut teller = Teller::default();
        let events = tell(&mut teller, queued_call().split_off(8));
        assert_eq!(events, [], "it has to be looked up first");
        assert!(!teller.knows(call()));
    }

    #[test]
    fn busy_and_unreachable_are_failed() {
        let mut call = Call::default();
        let line =
            Line { device: "1002".into(), state: "initiated", caller: false, answered: false };
        call.lines.insert(1, line.clone());
        let event = call.line_ended(1, 17, 486).unwrap();
        assert_eq!((event.event.as_str(), event.cause.as_str()), ("Failed", "busy"));
        call.lines.insert(1, line);
        let event = call.line_ended(1, 26, 487).unwrap();
        assert_eq!(event.event, "ConnectionCleared", "it was given up, it has not failed");
    }
}
