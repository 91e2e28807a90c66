//! What a program asks of calls, phones and agents: CSTA's services (ECMA-269), the same orders as the
//! console's by another door (R9).
//!
//! ```text
//!  Order ─▶ whose is it? ─▶ access::rights: may it? ─▶ what the desk phone, the console, a key could do
//!                                   └─ no: Refusal ─▶ Answer
//! ```
//!
//! Here it is found which leg, whose phone and which agent is meant, and then routed. Who may is
//! `access::rights`' rule, who may supervise whom `acd`'s. Agents' states are in `cti/agents.rs`.

mod agents;

use serde::{Deserialize, Serialize};

use crate::access::rights::{Deed, Rights};
use crate::acd::Said;
pub use crate::acd::wrap_up::LONGEST_NOTE;
use crate::base::{CallId, LegId, Now};
use crate::call::Connection;
use crate::call::supervise::{Act, Manner};
use crate::care::unit;
use crate::wire::q850;

use super::active::Active;
use super::console::{DeskOrder, Reply, SuperviseOrder};
use super::fact::{EndedBy, FactKind};
use super::{RequestId, Switch};

/// The longest name and value of data that a program puts to a call, in bytes.
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 1_024;
/// The most data that one order brings.
pub const MOST_DATA: usize = 32;

/// What is asked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// SnapshotDevice: a phone's calls.
    Device(String),
    /// SnapshotCall.
    Call(CallId),
    /// The calls in being.
    Calls,
    /// The agents.
    Agents,
    /// GetAgentState.
    Agent(String),
    /// The queues.
    Queues,
    /// MakeCall: the phone answers by itself or rings, and then calls the number.
    Make {
        /// The phone.
        device: String,
        /// The number, as the phone would dial it.
        to: String,
    },
    /// The second part of ConsultationCall: the same by a phone that holds its call, which it takes back if it does
    /// not take this one.
    Consult {
        /// The phone.
        device: String,
        /// The number, as the phone would dial it.
        to: String,
    },
    /// AnswerCall, HoldCall, RetrieveCall.
    Desk {
        /// The phone.
        device: String,
        /// Of which call; none: the one that is meant.
        call: Option<CallId>,
        /// What.
        order: DeskOrder,
    },
    /// ClearConnection: the phone is released from the call.
    Clear {
        /// The phone.
        device: String,
        /// Which call; none: its only one.
        call: Option<CallId>,
    },
    /// ClearCall: all are.
    ClearCall(CallId),
    /// SingleStepTransfer: the other party is sent on to a number.
    Transfer {
        /// The phone that sends it.
        device: String,
        /// Which call; none: the one that it talks in.
        call: Option<CallId>,
        /// Whereto.
        to: String,
    },
    /// TransferCall: those with whom the phone talks on two lines talk with each other.
    Join(String),
    /// ConferenceCall: the phone and those with whom it talks, on two lines or in a consultation by keys, all hear
    /// each other.
    Confer {
        /// The phone.
        device: String,
        /// The call on hold; none: the one that is meant.
        held: Option<CallId>,
        /// The one in which it talks; none: the one that is meant.
        active: Option<CallId>,
    },
    /// DeflectCall: a call that rings goes elsewhere.
    Deflect {
        /// The phone that rings.
        device: String,
        /// Which call; none: the one that rings longest.
        call: Option<CallId>,
        /// Whereto.
        to: String,
    },
    /// SingleStepConference: a supervisor comes to an agent's talk.
    Watch {
        /// The agent.
        agent: String,
        /// The supervisor's number.
        by: String,
        /// How.
        how: How,
    },
    /// SetAgentState.
    SetAgent {
        /// The agent.
        agent: String,
        /// To what.
        to: Wish,
    },
    /// The wrap-up codes of the configuration.
    WrapUpCodes,
    /// An agent says what a call was about.
    WrapUp {
        /// The agent.
        agent: String,
        /// The code, or its name; empty: none.
        code: String,
        /// A note; empty: none.
        text: String,
        /// Of which call; none: the last that it had.
        call: Option<CallId>,
        /// Whether it has done with the call: after-call work ends, or does not begin.
        done: bool,
    },
    /// Tell the unit of a case something in its call.
    Unit {
        /// The case.
        case: u64,
        /// What.
        order: unit::Order,
        /// It was said twice, as a door wants it.
        confirm: bool,
    },
    /// AssociateData: name and value; an empty value takes it away.
    Data(CallId, Vec<(String, String)>),
}

/// How a supervisor is with a talk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Hears it: silent participation.
    Listen,
    /// Is heard by the agent alone.
    Whisper,
    /// Is heard by both.
    BargeIn,
    /// Ends the call.
    Disconnect,
    /// Talks in the agent's place.
    TakeOver,
}

/// What an agent is to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Signed in at this phone, by its PIN.
    LogOn {
        /// The phone.
        device: String,
        /// The PIN.
        pin: String,
    },
    /// Signed out.
    LogOff,
    /// Ready.
    Ready,
    /// Not ready, with the code of its break.
    NotReady(u16),
    /// In after-call work when its talk is over, or for longer in that which it has.
    AfterCall,
}

/// Why it was not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There is no such thing.
    NotFound,
    /// The program may not.
    Forbidden,
    /// Not as things stand.
    Conflict,
    /// What was asked makes no sense.
    Invalid,
}

/// What comes back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Order::Device`].
    Device(Device),
    /// To [`Order::Call`].
    Call(Call),
    /// To [`Order::Calls`].
    Calls(Vec<Call>),
    /// To [`Order::Agents`].
    Agents(Vec<Agent>),
    /// To [`Order::Agent`], [`Order::SetAgent`] and [`Order::WrapUp`].
    Agent(Agent),
    /// To [`Order::WrapUpCodes`].
    WrapUpCodes(Vec<WrapUpCode>),
    /// To [`Order::Make`].
    Made(CallId),
    /// It was done; says what.
    Done(String),
    /// It was not.
    Refused(Why, String),
}

/// A wrap-up code: what a call was about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WrapUpCode {
    /// What is dialled.
    pub code: String,
    /// What it means.
    pub name: String,
    /// The queues for whose calls it is; none: all.
    pub queues: Vec<String>,
}

/// A call with its connections.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub call: CallId,
    /// Who calls.
    pub calling: String,
    /// The name that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling_name: Option<String>,
    /// The number dialled.
    pub called: String,
    /// Milliseconds since it began.
    pub ms: u64,
    /// Its parties.
    pub connections: Vec<Party>,
}

/// A party: CSTA's connection.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Party {
    /// The phone's or the outside number.
    pub device: String,
    /// The gateway behind which it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The local connection state: `initiated`, `alerting`, `connected`, `hold`, `queued`, `fail`.
    pub state: String,
    /// Whom it talks with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// The agent who is signed in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A phone with its calls.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Its number.
    pub device: String,
    /// Whether a device is registered under it.
    pub registered: bool,
    /// The agent who is signed in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Its calls.
    pub calls: Vec<Call>,
}

/// An agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Agent {
    /// Its number.
    pub agent: String,
    /// Its name.
    pub name: String,
    /// Its team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The phone at which it is signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// CSTA's state: `null`, `not_ready`, `ready`, `busy`, `working_after_call`.
    pub state: String,
    /// More about that: `ringing`, `talking`, `other_call`; why it is not ready.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The code of its break; 0: none.
    pub code: u16,
    /// CSTA's pending state: what it will be in when the talk is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// Milliseconds in its state.
    pub ms: u64,
    /// Whose call it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The queues that it serves.
    pub queues: Vec<String>,
}

type Outcome = Result<Answer, (Why, String)>;

fn no<T>(why: Why, text: impl Into<String>) -> Result<T, (Why, String)> {
    Err((why, text.into()))
}

impl Switch {
    /// The answer; `None`: it comes when a phone has said something.
    pub(super) fn cti(
        &mut self,
        now: Now,
        id: RequestId,
        rights: &Rights,
        order: Order,
    ) -> Option<Reply> {
        let answer = match order {
            Order::Desk { device, call, order } => {
                match self.cti_phone(rights, Deed::Act, &device) {
                    Ok(()) => return self.desk_order(now, id, &device, call, order),
                    Err(refused) => Err(refused),
                }
            }
            Order::WrapUp { agent, code, text, call, done } => {
                let said = Said { code: &code, text: &text, call, in_words: true, done };
                match self.cti_wrap_up(now, id, rights, &agent, &said) {
                    Ok(answer) => return answer,
                    Err(refused) => Err(refused),
                }
            }
            Order::Queues if rights.sees_all() => {
                return Some(Reply::Queues(self.queue_rows(now)));
            }
            Order::Queues => no(Why::Forbidden, "this token sees its own agent alone"),
            order => self.cti_now(now, rights, order),
        };
        let answer = answer.unwrap_or_else(|(why, text)| Answer::Refused(why, text));
        Some(Reply::Cti(Box::new(answer)))
    }

    fn cti_calls(&self, now: Now, rights: &Rights) -> Answer {
        let seen = |active: &&Active| {
            rights.sees_all() || rights.may(Deed::SeeOwn, self.is_own_call(rights, active))
        };
        let calls = self.calls.values().map(Box::as_ref).filter(seen);
        Answer::Calls(calls.map(|active| self.cti_view(now, active)).collect())
    }

    fn cti_deflect(
        &mut self,
        now: Now,
        rights: &Rights,
        device: &str,
        call: Option<CallId>,
        to: &str,
    ) -> Outcome {
        self.cti_phone(rights, Deed::Act, device)?;
        let rings = |s: &Switch, leg: LegId| s.rings(leg);
        let leg = self.cti_line(device, call, rings, "rings at")?;
        number(to)?;
        self.deflect(now, leg, to).or_else(|why| no(Why::Conflict, why))?;
        Ok(Answer::Done(format!("the call goes to {to}")))
    }

    fn cti_now(&mut self, now: Now, rights: &Rights, order: Order) -> Outcome {
        match order {
            Order::Device(device) => {
                self.cti_phone(rights, Deed::SeeOwn, &device)?;
                Ok(Answer::Device(self.cti_device(now, &device)))
            }
            Order::Call(call) => {
                self.cti_call(rights, Deed::SeeOwn, call)?;
                let active = self.calls.get(&call).ok_or_else(|| gone(call))?;
                Ok(Answer::Call(self.cti_view(now, active)))
            }
            Order::Calls => Ok(self.cti_calls(now, rights)),
            Order::Agents => Ok(self.cti_agents(now, rights)),
            Order::Agent(number) => self.cti_agent(now, rights, &number, Deed::SeeOwn),
            Order::SetAgent { agent, to } => self.cti_set_agent(now, rights, &agent, to),
            Order::Make { device, to } => {
                self.cti_phone(rights, Deed::Act, &device)?;
                let made = self.make_call(now, &device, &to);
                made.map(Answer::Made).or_else(|e| no(Why::Conflict, e))
            }
            Order::Consult { device, to } => {
                self.cti_phone(rights, Deed::Act, &device)?;
                let made = self.consult_call(now, &device, &to);
                made.map(Answer::Made).or_else(|e| no(Why::Conflict, e))
            }
            Order::Clear { device, call } => self.cti_clear(now, rights, &device, call),
            Order::ClearCall(call) => {
                self.cti_call(rights, Deed::Supervise, call)?;
                self.end_call(now, call, EndedBy::Program);
                Ok(Answer::Done(format!("call {call} is being ended")))
            }
            Order::Transfer { device, call, to } => {
                self.cti_transfer(now, rights, &device, call, &to)
            }
            Order::Join(device) => self.cti_join(now, rights, &device),
            Order::Confer { device, held, active } => {
                self.cti_confer(now, rights, &device, [held, active])
            }
            Order::Deflect { device, call, to } => {
                self.cti_deflect(now, rights, &device, call, &to)
            }
            Order::Watch { agent, by, how } => self.cti_watch(now, rights, &agent, &by, how),
            Order::Unit { case, order, confirm } => {
                self.cti_unit(now, rights, case, order, confirm)
            }
            Order::Data(call, data) => self.cti_data(now, rights, call, data),
            Order::WrapUpCodes => Ok(Answer::WrapUpCodes(self.cti_codes())),
            Order::Desk { .. } | Order::Queues | Order::WrapUp { .. } => {
                no(Why::Invalid, "it is routed elsewhere")
            }
        }
    }

    /// Who has a unit's call may steer it; a door is a supervisor's to open.
    fn cti_unit(
        &mut self,
        now: Now,
        rights: &Rights,
        case: u64,
        order: unit::Order,
        confirm: bool,
    ) -> Outcome {
        let call = self.care.cases.get(case).and_then(crate::care::Case::call);
        let active = call.and_then(|call| self.calls.get(&call));
        let own = active.is_some_and(|active| self.is_own_call(rights, active));
        let deed = if order == unit::Order::Door { Deed::Supervise } else { Deed::Act };
        if !rights.may(deed, own) {
            return no(
                Why::Forbidden,
                match deed {
                    Deed::Supervise => "a door is opened by a token of the role supervisor",
                    _ => "the token's agent has no part in the unit's call",
                },
            );
        }
        if self.care.cases.get(case).is_none() {
            return no(Why::NotFound, format!("no case {case} is open"));
        }
        let by = rights.name.clone();
        let done = self.unit_order(now, case, order, confirm, &by);
        done.map(Answer::Done).or_else(|why| no(Why::Conflict, why))
    }

    /// Whether the phone is there, and the program may.
    fn cti_phone(&self, rights: &Rights, deed: Deed, device: &str) -> Result<(), (Why, String)> {
        let own = self.is_own_phone(rights, device);
        if !rights.may(deed, own) {
            return no(
                Why::Forbidden,
                "it is not the phone at which the token's agent is signed in",
            );
        }
        if deed == Deed::Act && !own {
            self.one_in_its_teams(rights, [device].into_iter())?;
        }
        match self.config.phone(device) {
            Some(_) => Ok(()),
            None => no(Why::NotFound, format!("there is no phone {device}")),
        }
    }

    /// The same of a call.
    fn cti_call(&self, rights: &Rights, deed: Deed, call: CallId) -> Result<(), (Why, String)> {
        let active = self.calls.get(&call);
        let own = active.is_some_and(|active| self.is_own_call(rights, active));
        match (rights.may(deed, own), active) {
            (false, _) => no(Why::Forbidden, "the token's agent has no part in such a call"),
            (true, None) => Err(gone(call)),
            (true, Some(active)) if deed != Deed::SeeOwn && !own => {
                let phones = active.call.connections().iter().filter(|c| c.device.is_phone());
                self.one_in_its_teams(rights, phones.map(|c| c.device.number()))
            }
            (true, Some(_)) => Ok(()),
        }
    }

    /// Asked of each connection of each call: nothing is made for it.
    fn is_own_phone(&self, rights: &Rights, device: &str) -> bool {
        let own = rights.agent.as_deref().and_then(|number| self.centre.numbered(number));
        own.is_some() && self.centre.at_phone(device) == own
    }

    fn is_own_call(&self, rights: &Rights, active: &Active) -> bool {
        let mut phones = active.call.connections().iter().filter(|c| c.device.is_phone());
        phones.any(|c| self.is_own_phone(rights, c.device.number()))
    }

    /// The line of a phone that is meant.
    fn cti_line(
        &self,
        device: &str,
        call: Option<CallId>,
        fits: impl Fn(&Switch, LegId) -> bool,
        does: &str,
    ) -> Result<LegId, (Why, String)> {
        let of = |leg: &LegId| call.is_none_or(|call| self.call_of(*leg) == Some(call));
        let found = self.lines.of(device).filter(of).find(|leg| fits(self, *leg));
        match (found, call) {
            (Some(leg), _) => Ok(leg),
            (None, Some(call)) if !self.calls.contains_key(&call) => Err(gone(call)),
            _ => no(Why::Conflict, format!("nothing {does} phone {device}")),
        }
    }

    fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.legs.get(&leg).map(|leg| leg.call)
    }

    fn connection(&self, leg: LegId) -> Option<&Connection> {
        self.calls.get(&self.call_of(leg)?)?.call.get(leg)
    }

    fn rings(&self, leg: LegId) -> bool {
        self.connection(leg).is_some_and(|c| c.state == crate::call::ConnectionState::Alerting)
    }

    fn talks(&self, leg: LegId) -> bool {
        self.connection(leg).is_some_and(|c| c.peer.is_some())
    }

    fn cti_clear(
        &mut self,
        now: Now,
        rights: &Rights,
        device: &str,
        call: Option<CallId>,
    ) -> Outcome {
        self.cti_phone(rights, Deed::Act, device)?;
        if call.is_none() && self.lines.of(device).count() > 1 {
            return no(Why::Conflict, format!("phone {device} has several calls: say which"));
        }
        let leg = self.cti_line(device, call, |_, _| true, "is to be cleared at")?;
        let cause =
            if self.rings(leg) { q850::Cause::CALL_REJECTED } else { q850::Cause::NORMAL_CLEARING };
        self.hang_up(now, leg, cause, EndedBy::Program);
        Ok(Answer::Done(format!("phone {device} is released")))
    }

    fn cti_transfer(
        &mut self,
        now: Now,
        rights: &Rights,
        device: &str,
        call: Option<CallId>,
        to: &str,
    ) -> Outcome {
        self.cti_phone(rights, Deed::Act, device)?;
        number(to)?;
        let leg = self.cti_line(device, call, Switch::talks, "is talked at")?;
        if !self.may_transfer(leg) || !self.transfer(now, leg, to, false) {
            let why = format!("phone {device} has nobody whom it could transfer there now");
            return no(Why::Conflict, why);
        }
        self.redirect(now, leg);
        Ok(Answer::Done(format!("the other party is sent to {to}")))
    }

    /// The held line's party gets the other line's.
    fn cti_join(&mut self, now: Now, rights: &Rights, device: &str) -> Outcome {
        self.cti_phone(rights, Deed::Act, device)?;
        let lines = self.held_first(device);
        let [first, second] = lines[..] else {
            let why = format!("phone {device} has {} calls; two are joined", lines.len());
            return no(Why::Conflict, why);
        };
        if self.may_transfer(first) && self.join_by_order(now, first, second) {
            return Ok(Answer::Done("those two talk with each other".into()));
        }
        no(
            Why::Conflict,
            format!(
                "phone {device}'s two calls cannot be joined now: both have to talk, one may be held"
            ),
        )
    }

    /// The lines of a phone, those that it holds first.
    fn held_first(&self, device: &str) -> Vec<LegId> {
        let mut lines: Vec<LegId> = self.lines.of(device).collect();
        let held = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.held);
        lines.sort_by_key(|leg| !held(leg));
        lines
    }

    /// All three hear each other, whether the phone has the two on two lines or asks one of them by keys.
    fn cti_confer(
        &mut self,
        now: Now,
        rights: &Rights,
        device: &str,
        calls: [Option<CallId>; 2],
    ) -> Outcome {
        self.cti_phone(rights, Deed::Act, device)?;
        let lines = self.held_first(device);
        let mut named = calls.into_iter().flatten();
        if let Some(other) =
            named.find(|call| !lines.iter().any(|l| self.call_of(*l) == Some(*call)))
        {
            return no(Why::Conflict, format!("phone {device} is not in call {other}"));
        }
        match lines[..] {
            [line] if self.is_asking(line) => {
                let done = self.together_by_order(now, line).map(Answer::Made);
                done.or_else(|why| no(Why::Conflict, format!("phone {device} {why}")))
            }
            [first, second] => {
                let swapped = calls[0].is_some_and(|held| self.call_of(first) != Some(held));
                let (first, second) = if swapped { (second, first) } else { (first, second) };
                let done =
                    self.may_transfer(first).then(|| self.confer_by_order(now, first, second));
                done.flatten().map(Answer::Made).ok_or_else(|| {
                    let why = "'s two calls make no conference now: it has to talk in both, and one may be held";
                    (Why::Conflict, format!("phone {device}{why}"))
                })
            }
            _ => no(
                Why::Conflict,
                format!("phone {device} has {} calls; two become a conference", lines.len()),
            ),
        }
    }

    fn cti_watch(&mut self, now: Now, rights: &Rights, whom: &str, by: &str, how: How) -> Outcome {
        let own = rights.agent.as_deref().is_none_or(|agent| agent == by);
        if !rights.may(Deed::Supervise, own) || !(own || rights.may(Deed::Administer, false)) {
            return no(Why::Forbidden, "supervisors alone may, each by itself");
        }
        let act = match how {
            How::Listen => Act::Watch(Manner::Listen),
            How::Whisper => Act::Watch(Manner::Whisper),
            How::BargeIn => Act::Watch(Manner::Barge),
            How::Disconnect => Act::Disconnect,
            How::TakeOver => Act::TakeOver,
        };
        let order = SuperviseOrder::Talk(act);
        match self.supervise_order(now, order, whom, by) {
            Reply::Done(text) => Ok(Answer::Done(text)),
            Reply::Refused(why) => {
                let agent = self.agent_in(now, whom);
                let agent = agent.as_deref().unwrap_or(whom);
                let right = !self.centre.has_no_right_to(by, agent);
                no(if right { Why::Conflict } else { Why::Forbidden }, why)
            }
            _ => no(Why::Conflict, "it cannot be watched now"),
        }
    }

    fn cti_data(
        &mut self,
        now: Now,
        rights: &Rights,
        call: CallId,
        data: Vec<(String, String)>,
    ) -> Outcome {
        self.cti_call(rights, Deed::Act, call)?;
        let named = |name: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(fits)
        };
        if data.len() > MOST_DATA {
            return no(Why::Invalid, format!("at most {MOST_DATA} at once"));
        }
        for (name, value) in &data {
            if !named(name) || value.len() > LONGEST_VALUE || value.contains(char::is_control) {
                let why = format!(
                    "'{}': a name has 1 to {LONGEST_NAME} letters, digits, _, - and ., a value at most \
                     {LONGEST_VALUE} bytes in a line",
                    name.escape_debug()
                );
                return no(Why::Invalid, why);
            }
        }
        let count = data.len();
        for (name, value) in data {
            self.fact(now, FactKind::CallField { call, name, value });
        }
        Ok(Answer::Done(format!("{count} of call {call}")))
    }

    fn cti_device(&self, now: Now, device: &str) -> Device {
        let mut calls: Vec<CallId> = Vec::new();
        for call in self.lines.of(device).filter_map(|leg| self.call_of(leg)) {
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
        let calls = calls.iter().filter_map(|call| self.calls.get(call));
        Device {
            device: device.to_owned(),
            registered: !self.registrar.lookup(now.at, device).is_empty(),
            agent: self.agent_at(device),
            calls: calls.map(|active| self.cti_view(now, active)).collect(),
        }
    }

    fn agent_at(&self, device: &str) -> Option<String> {
        self.centre.at_phone(device).map(|id| self.centre.agent_number(id))
    }

    fn cti_view(&self, now: Now, active: &Active) -> Call {
        let queued = active.queued.is_some();
        let subject = active.subject();
        let party = |c: &Connection| Party {
            device: c.device.number().to_owned(),
            gateway: c.device.gateway().map(str::to_owned),
            state: match c.state {
                _ if queued && c.leg == subject && c.peer.is_none() => "queued",
                crate::call::ConnectionState::Initiated => "initiated",
                crate::call::ConnectionState::Alerting => "alerting",
                crate::call::ConnectionState::Connected => "connected",
                crate::call::ConnectionState::Held => "hold",
                crate::call::ConnectionState::Failed => "fail",
            }
            .to_owned(),
            with: c.peer.and_then(|p| active.call.get(p)).map(|p| p.device.number().to_owned()),
            agent: c.device.is_phone().then(|| self.agent_at(c.device.number())).flatten(),
        };
        Call {
            call: active.id(),
            calling: active.from.clone(),
            calling_name: active.from_name.clone(),
            called: active.to.clone(),
            ms: now.at.since(active.call.began).as_millis() as u64,
            connections: active.call.connections().iter().map(party).collect(),
        }
    }
}

fn gone(call: CallId) -> (Why, String) {
    (Why::NotFound, format!("there is no call {call}"))
}

/// What can be dialled.
fn number(text: &str) -> Result<(), (Why, String)> {
    let dialled = |c: char| c.is_ascii_alphanumeric() || "*#+-._".contains(c);
    match (1..=40).contains(&text.len()) && text.chars().all(dialled) {
        true => Ok(()),
        false => no(Why::Invalid, format!("'{}' is no number", text.escape_debug())),
    }
}
