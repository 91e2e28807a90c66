//! What the contact centre tells: each change of an agent, each step of a caller. Figures are
//! computed from these alone, so each carries its cause, and each caller who entered has one end.

use serde::{Deserialize, Serialize};

use super::agent::AgentState;
use crate::base::{CallId, Time};

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What has happened. Agents by number, queues by name: both outlive a reload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// An agent is in another state.
    Agent {
        /// Its number.
        agent: String,
        /// At which phone; `None` when signed out.
        phone: Option<String>,
        /// The new state.
        state: AgentState,
        /// Why.
        cause: Cause,
        /// How long it was in the one before, in milliseconds.
        was_ms: u64,
    },
    /// An agent will be in another state when the talk is over.
    Pending {
        /// Its number.
        agent: String,
        /// Which; `None`: not any more.
        state: Option<AgentState>,
        /// Why.
        cause: Cause,
    },
    /// Somebody could not sign in.
    SignInRefused {
        /// The number given.
        agent: String,
        /// The phone.
        phone: String,
        /// Why.
        why: SignInRefusal,
    },
    /// An agent has said what the call was about.
    WrapUp {
        /// Its number.
        agent: String,
        /// The call.
        call: CallId,
        /// Its queue.
        queue: String,
        /// The code.
        code: String,
        /// What it means; empty: the queue has no codes.
        name: String,
        /// The agent's note; empty: none.
        text: String,
    },
    /// A caller waits.
    Entered {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// Its place, the first is 1.
        position: usize,
        /// Its priority.
        priority: i32,
    },
    /// A caller was not let in.
    Refused {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// Why.
        why: Refusal,
    },
    /// A caller who was not let in, or was put out, comes into another queue, which is told next.
    Overflowed {
        /// The queue in which it was to wait.
        queue: String,
        /// The one in which it waits.
        into: String,
        /// The caller.
        call: CallId,
    },
    /// An agent's phone is to ring for a caller.
    Offered {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// The agent.
        agent: String,
        /// How long the caller has waited, in milliseconds.
        waited_ms: u64,
    },
    /// An offer came to nothing; the caller keeps its place.
    NotTaken {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// The agent.
        agent: String,
        /// Why.
        why: Missed,
        /// How long the phone rang, in milliseconds.
        rang_ms: u64,
    },
    /// An agent has answered a caller: the end of its wait.
    Answered {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// The agent.
        agent: String,
        /// From entry to answer, ringing included, in milliseconds.
        waited_ms: u64,
        /// Of that the ringing, in milliseconds.
        rang_ms: u64,
        /// It was called back.
        back: bool,
    },
    /// A caller waits no more on the line and is to be called back: it keeps its place.
    BackWanted {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// Its own number; empty: it shows none.
        from: String,
        /// The number to be called.
        number: String,
        /// Its priority.
        priority: i32,
        /// How long it has waited, in milliseconds.
        waited_ms: u64,
        /// For how long it is tried, in milliseconds.
        within_ms: u64,
    },
    /// A call-back has not reached its caller: it rests, and then is at its place again.
    BackFailed {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// The agent who tried.
        agent: String,
        /// Attempts that failed so far.
        failed: u32,
    },
    /// A talk of a queue's caller with an agent is over.
    TalkOver {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// The agent.
        agent: String,
        /// How long, in milliseconds.
        talk_ms: u64,
    },
    /// A caller waits no more and was not answered: the other end of its wait.
    Left {
        /// The queue.
        queue: String,
        /// The caller.
        call: CallId,
        /// Why.
        why: Departure,
        /// How long it had waited, in milliseconds.
        waited_ms: u64,
    },
}

/// Why an agent's state has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The agent wished it.
    Agent,
    /// A supervisor or operator forced it.
    Supervisor,
    /// A caller was offered, answered, or the talk is over.
    Call,
    /// A call that came from no queue.
    OtherCall,
    /// The caller was taken by another agent or has gone.
    Withdrawn,
    /// Its phone rang unanswered.
    NoAnswer,
    /// The agent declined.
    Rejected,
    /// Its phone was busy.
    PhoneBusy,
    /// Nobody told what came of an offer: the reservation has expired.
    Expired,
    /// The time for after-call work is over.
    Limit,
    /// Its phone is out of reach.
    PhoneGone,
    /// Its phone is back.
    PhoneBack,
    /// It signed in at another phone.
    Moved,
    /// Another agent signed in at its phone.
    Displaced,
    /// It was signed in before the exchange started.
    Restart,
    /// It was deleted.
    Deleted,
}

/// What came of an offer that nobody took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missed {
    /// Nobody answered in time.
    NoAnswer,
    /// The agent declined.
    Rejected,
    /// The phone was busy.
    Busy,
    /// The phone could not be reached.
    Unreachable,
    /// It was not rung: the caller has as many legs as it may, or no channel of a gateway leads to the
    /// agent's mobile just now.
    NotRung,
    /// Nobody told: the reservation has expired.
    Expired,
    /// The caller has gone or was taken by another agent.
    Withdrawn,
    /// The agent signed out or took a break while the phone rang.
    AgentLeft,
}

/// Why nobody was signed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInRefusal {
    /// There is no such agent, or the PIN is wrong: who asks is not told which.
    Wrong,
    /// Too many wrong PINs.
    Locked,
    /// The agent, or the one who is signed in at this phone, is talking.
    Talking,
}

/// Why a caller was not let into a queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// There is no such queue.
    Unknown,
    /// As many wait as may.
    Full,
    /// No agent is there who could ever answer.
    NoAgents,
    /// It waits in a queue already.
    Waits,
    /// It is not open now.
    Closed,
}

/// How a wait ended without an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// The caller hung up.
    Abandoned,
    /// Belfry was stopped in good order: nobody hung up.
    Restart,
    /// It waited as long as it may.
    TimedOut,
    /// The last agent has gone.
    NoAgents,
    /// The caller pressed the key of a way out.
    Key,
    /// A phone that was not offered it took it while an agent's rang: it is answered, in no talk of the queue's.
    PickedUp,
    /// It was sent elsewhere: a transfer, an operator.
    Moved,
    /// The queue is no more, or has closed for the day.
    Closed,
    /// A call-back that is made no more: its queue has gone, or calls nobody back.
    NotOffered,
    /// A call-back was given up: nobody answered it.
    GivenUp,
    /// A call-back was not needed: the caller has called again, and has its place.
    CalledAgain,
}
