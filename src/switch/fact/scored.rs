//! A talk that was scored, with all that tells later how.

use serde::{Deserialize, Serialize};

use crate::acd::quality::Answered;
use crate::base::CallId;

/// A score.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scored {
    /// Its id, unlike any other's.
    pub score: String,
    /// The call.
    pub call: CallId,
    /// The agent who talked.
    pub agent: String,
    /// The agent's team when it was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The queue of the call.
    pub queue: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub version: u32,
    /// Who scored: the supervisor's number, or the token's name.
    pub by: String,
    /// Of 10,000.
    pub share: u32,
    /// Whether the talk has passed.
    pub passed: bool,
    /// A fatal question has no point.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fatal: bool,
    /// The questions as they were asked, and their points.
    pub answers: Vec<Answered>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The score that it stands for instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<String>,
}
