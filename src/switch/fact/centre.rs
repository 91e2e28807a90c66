//! What happens to agents and to those who wait for them: from these all of the contact centre's
//! figures are computed. A caller who has entered a queue has exactly one `answered` or `left`.

use serde::{Deserialize, Serialize};

use crate::base::CallId;

/// What happened to an agent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AgentFact {
    /// It is in another state.
    State {
        /// Where it is signed in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
        /// `null`, `not_ready`, `ready`, `ringing`, `talking`, `other_call`, `after_call`.
        state: String,
        /// Why it is not ready: `signed_in`, `break`, `no_answer`, `phone_gone`, `forced`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// The code of its break; 0: none.
        #[serde(default)]
        code: u16,
        /// What brought it about.
        cause: String,
        /// How long it was in the state before, in milliseconds.
        was_ms: u64,
        /// For whom it rings, with whom it talks, what it writes about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// The queue of that call.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        /// The team that the agent belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
    },
    /// It will be in another state when the talk is over; an empty one: not any more.
    Pending {
        /// As above.
        state: String,
        /// As above.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// The code of its break; 0: none.
        #[serde(default)]
        code: u16,
        /// What brought it about.
        cause: String,
    },
    /// It was not signed in.
    SignInRefused {
        /// The phone.
        phone: String,
        /// `wrong`, `locked`, `talking`.
        why: String,
    },
    /// A supervisor did something about its talk or its state, or wanted to.
    Supervised {
        /// The supervisor's number, the phone's where no agent is signed in, or `console`.
        by: String,
        /// `listen`, `whisper`, `barge`, `disconnect`, `take_over`, `end` (it is with the talk no more), or
        /// a state: `ready`, `break`, `sign_out`, `unlock`.
        act: String,
        /// The call that the agent was in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// Why it was not done; empty: it was.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        refused: String,
    },
    /// In a call of its own it talks with whom a preview campaign has shown it, until it is in another state.
    Previewed {
        /// The call.
        call: CallId,
        /// The campaign's queue.
        queue: String,
        /// How long it had been in its state by then, dialling, in milliseconds.
        before_ms: u64,
    },
    /// It has said what a call was about.
    WrapUp {
        /// The call.
        call: CallId,
        /// Its queue.
        #[serde(default)]
        queue: String,
        /// The code; empty: a note alone.
        code: String,
        /// What it means; empty: the queue has no codes.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
        /// The agent's note; empty: none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
}

impl AgentFact {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            AgentFact::State { call, .. } | AgentFact::Supervised { call, .. } => *call,
            AgentFact::Previewed { call, .. } | AgentFact::WrapUp { call, .. } => Some(*call),
            AgentFact::Pending { .. } | AgentFact::SignInRefused { .. } => None,
        }
    }
}

/// What happened to a caller in a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum QueueFact {
    /// It waits.
    Entered {
        /// Its place, the first is 1.
        position: u32,
        /// Its priority.
        priority: i32,
    },
    /// It was not let in: `unknown`, `full`, `no_agents`.
    Refused {
        /// Why.
        why: String,
    },
    /// It was not let in or has left here, and comes into another queue: its `entered` follows.
    Overflowed {
        /// The one in which it waits.
        into: String,
    },
    /// An agent's phone is rung for it.
    Offered {
        /// The agent's number.
        agent: String,
        /// How long it has waited, in milliseconds.
        waited_ms: u64,
    },
    /// That came to nothing, and it keeps its place.
    NotTaken {
        /// The agent's number.
        agent: String,
        /// `no_answer`, `rejected`, `busy`, `unreachable`, `expired`, `withdrawn`, `agent_left`.
        why: String,
        /// How long it rang, in milliseconds.
        rang_ms: u64,
    },
    /// An agent has it: the end of its wait.
    Answered {
        /// The agent's number.
        agent: String,
        /// From entry to answer, in milliseconds.
        waited_ms: u64,
        /// Of that the last ringing, in milliseconds.
        rang_ms: u64,
        /// It was called back.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        back: bool,
        /// By this call: what happens in the talk, and its recording, is that one's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<CallId>,
    },
    /// It waits no more on the line and is to be called back: its wait there is over, its place stays. Ends with
    /// `answered` or `left`, after a restart as well.
    BackWanted {
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
    /// An agent is asked to call it back.
    BackTried {
        /// The agent's number.
        agent: String,
        /// The call by which it is made.
        by: CallId,
    },
    /// The agent did not reach it.
    BackFailed {
        /// The agent's number.
        agent: String,
        /// Attempts that failed so far.
        failed: u32,
    },
    /// The talk is over.
    TalkOver {
        /// The agent's number.
        agent: String,
        /// How long, in milliseconds.
        talk_ms: u64,
        /// How long this process had lived, in milliseconds: for a hold that the end of the talk ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_ms: Option<u64>,
    },
    /// It waits no more: the other end. `abandoned`, `timed_out`, `no_agents`, `key`, `moved`, `closed`, `restart`,
    /// `picked_up` (a phone outside the queue has answered it);
    /// of a call-back `given_up`, `called_again`, `not_offered`.
    Left {
        /// Why.
        why: String,
        /// How long it had waited, in milliseconds.
        waited_ms: u64,
    },
}

impl QueueFact {
    /// Its word, as it is written down.
    pub fn word(&self) -> &'static str {
        match self {
            QueueFact::Entered { .. } => "entered",
            QueueFact::Refused { .. } => "refused",
            QueueFact::Overflowed { .. } => "overflowed",
            QueueFact::Offered { .. } => "offered",
            QueueFact::NotTaken { .. } => "not_taken",
            QueueFact::Answered { .. } => "answered",
            QueueFact::BackWanted { .. } => "back_wanted",
            QueueFact::BackTried { .. } => "back_tried",
            QueueFact::BackFailed { .. } => "back_failed",
            QueueFact::TalkOver { .. } => "talk_over",
            QueueFact::Left { .. } => "left",
        }
    }
}
