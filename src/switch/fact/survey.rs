//! What happens to a caller's survey beside the answers: from these, and the answers, its figures are computed.

use serde::{Deserialize, Serialize};

/// What happened to a survey.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SurveyFact {
    /// It is asked by this design for the first time since Belfry was started.
    Designed {
        /// The design's version.
        version: String,
        /// The design, as JSON.
        design: String,
    },
    /// Its first question follows.
    Began {
        /// By which design.
        version: String,
        /// The caller's number.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        caller: String,
        /// The number of the agent of the talk before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<String>,
        /// The team of that one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        team: Option<String>,
        /// The queue of that talk.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
    },
    /// Its end was reached.
    Over {
        /// Every question that was asked has an answer.
        complete: bool,
    },
    /// An answer is another one than the caller's from now on.
    Corrected {
        /// The question.
        question: String,
        /// The key.
        key: String,
        /// What it means.
        meaning: String,
        /// Who says so.
        by: String,
        /// Why.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
}
