//! What units report and what becomes of it: the record of a case is made of these.

use serde::{Deserialize, Serialize};

use crate::base::CallId;
pub use crate::care::{Meaning, Protocol};

/// What happened at the care line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum CareFact {
    /// A unit reported something. The number of this fact is the case's, if it opens one.
    Reported {
        /// The phone, or the number behind a gateway, that said so.
        by: String,
        /// How it was said.
        protocol: Protocol,
        /// Which device of it; empty: itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        device: String,
        /// What it means.
        meaning: Meaning,
        /// The protocol's code.
        code: u16,
        /// 0 to 9.
        priority: u8,
        /// Where, as the unit says it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        place: String,
        /// Where the unit waits to be called; empty: at its own number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call_back: Option<String>,
        /// The report as it came.
        raw: String,
        /// The case that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        case: Option<u64>,
        /// It opens that case.
        #[serde(default)]
        opens: bool,
        /// It was heard before.
        #[serde(default)]
        repeat: bool,
    },
    /// The unit has not called within the time, or nobody has talked in its call.
    NoCall {
        /// The case.
        case: u64,
    },
    /// The unit's call, or another of its account, belongs to the case.
    CallJoined {
        /// The case.
        case: u64,
        /// The call.
        call: CallId,
    },
    /// Somebody talks in that call.
    Talked {
        /// The case.
        case: u64,
    },
    /// A person has said how it ended.
    Closed {
        /// The case.
        case: u64,
        /// In that person's words.
        outcome: String,
    },
}

impl CareFact {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            CareFact::CallJoined { call, .. } => Some(*call),
            _ => None,
        }
    }
}
