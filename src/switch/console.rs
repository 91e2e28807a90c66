//! What an operator may ask the running exchange, and the answers: plain types, the same for the
//! console, `--json` and the tests. How they look is `console`'s.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::access::rights::Rights;
use crate::acd::quality::Form;
use crate::base::{CallId, Duration, LegId};
use crate::call::conference::Change;
use crate::call::supervise::Act;

mod campaign;
mod care;

pub use self::campaign::{CampaignOrder, CampaignRow, OfferRow};
pub use self::care::{
    CareCallOrder, CareCallRow, CaseEventRow, CaseRow, CaseView, GuardOrder, GuardView, LockRow,
    PlanOrder, PlanRow, TroubleRow,
};

use super::cti;
use super::fact::Sound;
use super::quality::Scoring;

/// A question or an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// How it goes as a whole.
    Status,
    /// The calls in being.
    Calls,
    /// One call with its legs.
    Call(CallId),
    /// The phones and where they are registered.
    Phones,
    /// The gateways and their channels.
    Gateways,
    /// Take a gateway out of service, or put it back.
    GatewayOrder(String, GatewayOrder),
    /// Who is banned.
    Bans,
    /// Ban an address, for so many minutes.
    Ban(IpAddr, Option<u32>),
    /// Hear an address again, or all.
    Unban(Option<IpAddr>),
    /// The clock is right, though it leapt: recordings' ages go by it.
    TrustClock,
    /// End a call.
    Hangup(CallId),
    /// The agents.
    Agents,
    /// The queues.
    Queues,
    /// Who is to be called back.
    CallBacks,
    /// The forms on which talks are scored.
    Forms,
    /// Whether an agent may supervise one of these.
    Supervises(String, Vec<String>),
    /// Whether an agent supervises all others, and not some teams alone.
    SupervisesAll(String),
    /// The agents whom an agent may supervise.
    Supervised(String),
    /// A program scores a talk.
    Score(Rights, Box<Scoring>),
    /// Force an agent's state.
    AgentOrder(String, AgentOrder),
    /// Have a supervisor do something about an agent's talk, or an agent.
    Supervise {
        /// What.
        order: SuperviseOrder,
        /// The agent's number, or the call.
        whom: String,
        /// The supervisor's number.
        by: String,
    },
    /// Have a phone do what its user could.
    Desk(String, DeskOrder),
    /// Have a phone call a number: it rings, or answers by itself, and then the number is dialled.
    Dial {
        /// The phone.
        phone: String,
        /// The number, as the phone would dial it.
        number: String,
    },
    /// The cases that are open, and the units with a trouble.
    Cases,
    /// One of them, with its subscriber.
    Case(u64),
    /// Who is locked out, and changes of it; who. Empty: the console.
    Guard(GuardOrder, String),
    /// Tell the unit of a case something in its call.
    Unit {
        /// The case.
        case: u64,
        /// What.
        order: crate::care::unit::Order,
        /// It was said twice, as a door wants it.
        confirmed: bool,
        /// Who says so; empty: the console.
        by: String,
    },
    /// The response plans, or a person takes one over; who.
    Plan(PlanOrder, String),
    /// Calls on a schedule, or a person begins or stops some; who.
    CareCall(CareCallOrder, String),
    /// Outbound campaigns, or a person begins, holds or ends one; who.
    Campaign(CampaignOrder, String),
    /// Write down how a case ended, and who says so; empty: the console.
    CloseCase(u64, String, String),
    /// Take something off the technical list that no device will say any more: of which unit, what, with which device; who.
    TroubleOver([String; 3], String),
    /// Watch the calls of a number, or one call, as they go, for so many minutes.
    TraceOn(TraceWhom, Duration),
    /// Watch none any more.
    TraceOff,
    /// Put an answer of a survey right.
    Correct(Correction),
    /// The conferences.
    Rooms,
    /// One conference with its members.
    Room(String),
    /// Change something about a conference.
    RoomOrder(String, RoomOrder),
    /// What a program asks, with what it may.
    Cti(Rights, cti::Order),
}

/// Whose calls are watched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceWhom {
    /// Those from or to a number.
    Number(String),
    /// One call.
    Call(CallId),
}

/// What an operator does with a gateway. Calls in being go on in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayOrder {
    /// No new call goes out by it; calls from it are taken.
    Drain,
    /// No new call either way.
    Busy,
    /// Calls both ways again.
    Up,
}

/// An answer of a survey put right, after it was looked up that the question was asked and has that key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Correction {
    /// The call.
    pub call: CallId,
    /// The survey.
    pub survey: String,
    /// The question.
    pub question: String,
    /// The key.
    pub key: String,
    /// What it means.
    pub meaning: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What an operator does with an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentOrder {
    /// Takes callers.
    Ready,
    /// Takes none: a break of this code, 0 without one.
    Break(u16),
    /// Is signed out, after the present talk.
    SignOut,
    /// May sign in again after wrong PINs.
    Unlock,
}

/// What a supervisor does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuperviseOrder {
    /// Something about a talk: the supervisor's phone is called for what has to be heard.
    Talk(Act),
    /// Something about an agent.
    State(AgentOrder),
}

/// What a phone is told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeskOrder {
    /// Answer the call that rings longest.
    Answer,
    /// Put the call on hold.
    Hold,
    /// Take the call back from hold.
    Resume,
}

/// What an operator does with a conference.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomOrder {
    /// Send members out.
    Kick(Who),
    /// Mute, unmute, deafen, undeafen members, make them louder or quieter.
    Change(Who, Change),
    /// Let nobody in any more, or again.
    Lock(bool),
    /// Play a prompt.
    Announce(Who, String),
}

/// Which members.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// All of them.
    All,
    /// The one on this leg.
    Leg(LegId),
    /// Those of this number.
    Number(String),
}

/// An answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Status),
    /// To [`Request::Calls`].
    Calls(Vec<CallRow>),
    /// To [`Request::Call`].
    Call(Box<CallView>),
    /// To [`Request::Phones`].
    Phones(Vec<PhoneRow>),
    /// To [`Request::Gateways`].
    Gateways(Vec<GatewayRow>),
    /// To [`Request::Bans`].
    Bans(Vec<BanRow>),
    /// To [`Request::Cases`].
    Cases {
        /// Those that are open, the oldest first.
        cases: Vec<CaseRow>,
        /// What is wrong with units.
        troubles: Vec<TroubleRow>,
        /// The records have not been read yet: which were open before the start is not known.
        records_away: bool,
    },
    /// To [`Request::Case`].
    Case(Box<CaseView>),
    /// To [`Request::Guard`].
    Guard(GuardView),
    /// The response plans.
    Plans(Vec<PlanRow>),
    /// Calls on a schedule.
    CareCalls(Vec<CareCallRow>),
    /// Outbound campaigns.
    Campaigns(Vec<CampaignRow>),
    /// Whom an agent is shown; none: nobody.
    CampaignOffer(Option<OfferRow>),
    /// To [`Request::Agents`].
    Agents(Vec<AgentRow>),
    /// To [`Request::Queues`].
    Queues(Vec<QueueRow>),
    /// To [`Request::CallBacks`].
    CallBacks(Vec<BackRow>),
    /// To [`Request::Forms`].
    Forms(Vec<Form>),
    /// To [`Request::Supervised`]: their numbers.
    Supervised(Vec<String>),
    /// To [`Request::Score`]: it is written down.
    Scored {
        /// Its id.
        score: String,
        /// Of 10,000.
        share: u32,
        /// Whether the talk has passed.
        passed: bool,
        /// A fatal question has no point.
        fatal: bool,
    },
    /// To [`Request::Rooms`].
    Rooms(Vec<RoomRow>),
    /// To [`Request::Room`].
    Room(Box<RoomView>),
    /// To [`Request::Cti`], mostly.
    Cti(Box<cti::Answer>),
    /// It was done; says what.
    Done(String),
    /// It was not done; says why and what to do.
    Refused(String),
}

/// The exchange as a whole.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub node: String,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// Calls in being.
    pub calls: usize,
    /// Legs in being.
    pub legs: usize,
    /// Calls since the start.
    pub calls_total: u64,
    /// Calls that were refused because of a limit.
    pub calls_refused: u64,
    /// Recordings whose files are not whole on the disk yet.
    pub recordings: usize,
    /// Devices registered.
    pub registered: usize,
    /// SIP transactions in being.
    pub transactions: usize,
    /// Why new calls are refused now, if they are.
    pub refusing: Option<String>,
    /// The records have not been read yet: cases, call-backs, agents and phones of before the start are not known.
    pub records_away: bool,
    /// Why no recording begins now, if none does.
    pub not_recording: Option<String>,
    /// The recorders outside.
    pub recorders: Vec<RecorderRow>,
    /// Sessions with them that were refused or died, since the start.
    pub outside_failed: u64,
    /// Bytes that it holds, by subsystem.
    #[serde(default)]
    pub held: Vec<Held>,
}

/// What a subsystem holds in memory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// Which: `calls`, `sip`, `registrar` …
    pub subsystem: String,
    /// How much, by the sizes of what it holds, without texts.
    pub bytes: u64,
}

/// A recorder outside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RecorderRow {
    /// Its name.
    pub name: String,
    /// Where it is, as configured.
    pub address: String,
    /// As a gateway's.
    pub health: String,
    /// Calls that it has now.
    pub sessions: u32,
}

/// One call in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallRow {
    /// Its id.
    #[serde(rename = "call")]
    pub id: CallId,
    /// Who calls.
    pub from: String,
    /// The number dialled.
    pub to: String,
    /// Milliseconds since it began.
    pub ms: u64,
    /// What it does: `plays`, `rings`, `talks with 1001`, `talks with 1001, held by 1001`.
    pub state: String,
    /// Its route in the plan.
    pub route: Option<String>,
    /// Whether it is recorded.
    pub recorded: bool,
    /// For what Belfry has made it; empty: it came in, or somebody dialled.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
}

/// One call with its legs: its channels.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallView {
    /// As in the list.
    pub row: CallRow,
    /// Its route in the plan.
    pub route: Option<String>,
    /// Its legs.
    pub legs: Vec<LegRow>,
    /// How it stands with the recorders outside; `None`: none is to have it.
    pub outside: Option<OutsideRow>,
}

/// How a call stands with the recorders outside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutsideRow {
    /// Which has it, or is called.
    pub recorder: Option<String>,
    /// `records`, `paused`, `is called`, `waits for a recorder`.
    pub state: String,
    /// Milliseconds since that session began.
    pub ms: u64,
    /// Its Call-ID.
    pub session: Option<String>,
}

/// One leg of a call.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LegRow {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The gateway that carries it.
    pub gateway: Option<String>,
    /// CSTA's connection state.
    pub state: String,
    /// Whom it talks with.
    pub peer: Option<String>,
    /// Where its SIP goes.
    pub signalling: String,
    /// Our RTP address.
    pub rtp: Option<String>,
    /// Where RTP is sent to it: where its own comes from, else where its description says.
    pub rtp_to: Option<String>,
    /// Its codec.
    pub codec: Option<String>,
    /// What its stream was like when it was last looked at.
    pub stream: Option<StreamRow>,
}

/// What a leg's stream is like.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StreamRow {
    /// Seconds since that was looked at.
    pub ago_s: u64,
    /// Where its packets come from; none came: none.
    pub from: Option<String>,
    /// The jitter then, microseconds.
    pub jitter_us: u32,
    /// Its figures so far, as in its record.
    pub sound: Sound,
}

/// One phone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PhoneRow {
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: Option<String>,
    /// Where it is registered, with the seconds left.
    pub contacts: Vec<(String, u64)>,
}

/// One gateway.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GatewayRow {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// `up`, `doubtful`, `down`, `recovering`, `unknown`.
    pub health: String,
    /// `in service`, `wants no calls` (by its own 503), `draining`, `drained`, `busy`.
    pub service: String,
    /// Whether we are registered with it, for how long; empty where it wants none.
    pub registered: String,
    /// Whether it does not let us register, or does not answer when we ask.
    #[serde(default)]
    pub registration_fails: bool,
    /// The trunks that it belongs to.
    pub trunks: Vec<String>,
    /// Channels in use.
    pub busy: u32,
    /// Channels in all.
    pub channels: u32,
}

/// One source that is banned.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BanRow {
    /// Its address or network.
    pub source: String,
    /// Why.
    pub why: String,
    /// Which ban of its it is; 0: an operator's alone.
    pub nth: u32,
    /// Seconds until its end.
    pub left_s: u64,
}

/// One agent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: String,
    /// Its team.
    pub team: Option<String>,
    /// Whether it may supervise.
    pub supervisor: bool,
    /// Where it is signed in.
    pub phone: Option<String>,
    /// `signed out`, `ready`, `ringing`, `talking`, `after-call work`, `break 2` …
    pub state: String,
    /// What it will be in when the talk is over.
    pub pending: Option<String>,
    /// Milliseconds in that state.
    pub ms: u64,
    /// Whose call it has.
    pub call: Option<CallId>,
    /// Callers taken today, from when the process began at the earliest.
    pub calls: u64,
    /// Milliseconds talked with them.
    pub talked_ms: u64,
    /// The queues that it serves.
    pub queues: Vec<String>,
}

/// One queue.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QueueRow {
    /// Its name.
    pub name: String,
    /// It is not open now.
    pub closed: bool,
    /// Callers for whom nobody is rung.
    pub waiting: usize,
    /// Callers for whom agents are rung.
    pub offered: usize,
    /// Callers to be called back.
    pub backs: usize,
    /// Milliseconds that the one has waited who waits longest.
    pub longest_ms: u64,
    /// Agents signed in.
    pub signed_in: usize,
    /// Agents at work.
    pub working: usize,
    /// Agents who could take a caller now.
    pub ready: usize,
    /// Milliseconds that one would wait who came now; none: nobody works.
    pub expected_ms: Option<u64>,
    /// What it has had today.
    pub today: QueueDay,
}

/// One who is to be called back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct BackRow {
    /// The call in which it was asked for.
    pub call: CallId,
    /// The queue.
    pub queue: String,
    /// The number to be called.
    pub number: String,
    /// Its place among all who wait; the first is 1.
    pub position: usize,
    /// Milliseconds since it came into the queue.
    pub waited_ms: u64,
    /// Milliseconds for which it is still tried.
    pub left_ms: u64,
    /// Attempts that failed.
    pub failed: u32,
    /// Milliseconds until the next one may be, while it rests.
    pub rests_ms: Option<u64>,
    /// The agent who is asked, or is calling.
    pub agent: Option<String>,
    /// The case that is offered to agents so: nobody has asked for it, and it is offered again until it is settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<u64>,
}

/// What a queue has had since midnight; after a start since that, until the records can be read. A call counts when it
/// has ended.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct QueueDay {
    /// Callers who came in.
    pub entered: u64,
    /// Calls answered, of those that have ended.
    pub answered: u64,
    /// Callers who hung up while they waited.
    pub abandoned: u64,
    /// The service level, 1 being all; none: no call has ended.
    pub service_level: Option<f64>,
    /// How that is computed.
    pub formula: String,
    /// For which threshold, in seconds.
    pub threshold_s: u32,
    /// The average speed of answer, milliseconds; none: none was answered.
    pub speed_of_answer_ms: Option<u64>,
    /// The longest wait, milliseconds.
    pub max_wait_ms: u64,
}

/// One conference in a list.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomRow {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: usize,
    /// The most it may have.
    pub most: usize,
    /// Whether nobody may come in.
    pub locked: bool,
    /// Milliseconds since its first member came.
    pub ms: u64,
}

/// One conference with its members.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoomView {
    /// As in the list.
    pub row: RoomRow,
    /// Its members.
    pub members: Vec<MemberRow>,
}

/// One member of a conference.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MemberRow {
    /// Its leg.
    pub leg: LegId,
    /// Its call.
    pub call: CallId,
    /// Its number.
    pub number: String,
    /// Milliseconds since it came.
    pub ms: u64,
    /// Nobody hears it.
    pub muted: bool,
    /// It hears nobody.
    pub deaf: bool,
    /// How much louder it is, dB.
    pub gain_db: i8,
    /// It speaks now.
    pub speaks: bool,
}
