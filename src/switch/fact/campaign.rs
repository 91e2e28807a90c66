//! What happens in outbound campaigns: lists' results and figures are made of these.

use serde::{Deserialize, Serialize};

use crate::base::CallId;

/// What happened in a campaign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CampaignFact {
    /// It was begun, held or ended.
    Status {
        /// `running`, `paused`, `stopped`.
        status: String,
        /// Who did so.
        by: String,
    },
    /// A number is dialled: written before it is.
    Called {
        /// The number.
        number: String,
        /// The how manieth time, from 1.
        nth: u32,
        /// For whom.
        agent: String,
    },
    /// An attempt is over. `nth` 0: it was not dialled this time.
    Over {
        /// The number.
        number: String,
        /// The how manieth time.
        nth: u32,
        /// How many of them count.
        counted: u32,
        /// How it ended: `reached`, `unserved`, `busy`, `no_answer`, `wrong_number`, `voice_mail`, `declined`, `failed`,
        /// `let_go`, `not_tried`, `cut`, `barred`.
        outcome: String,
        /// What becomes of the number: `waiting`, `done`, `failed`.
        state: String,
        /// For whom it was dialled.
        #[serde(default)]
        agent: String,
        /// The call, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
        /// Its cause by Q.850; 0: none.
        #[serde(default)]
        cause: u8,
        /// How long the customer talked with an agent, in milliseconds.
        #[serde(default)]
        talk_ms: u64,
        /// Not called again before this, milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<i64>,
    },
    /// An agent has said what a talk was about.
    Coded {
        /// The number.
        number: String,
        /// Who.
        agent: String,
        /// The call.
        call: CallId,
        /// The code.
        code: String,
        /// What becomes of the number.
        state: String,
        /// It is the code of a machine.
        #[serde(default)]
        machine: bool,
        /// Not called again before this, milliseconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<i64>,
    },
    /// An agent is shown whom he is to call.
    Offered {
        /// The number.
        number: String,
        /// What is known of it: a line each, `heading: text`.
        fields: String,
        /// Who.
        agent: String,
        /// For so long, in milliseconds.
        left_ms: u64,
    },
    /// He has it no more.
    OfferOver {
        /// The number.
        number: String,
        /// Who.
        agent: String,
        /// Why: `taken`, `skipped`, `expired`, `withdrawn`.
        why: String,
    },
}

impl CampaignFact {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            CampaignFact::Over { call, .. } => *call,
            CampaignFact::Coded { call, .. } => Some(*call),
            _ => None,
        }
    }
}
