//! The words that follow `survey`: who answered what, and an answer put right.

use super::{Order, call};
use crate::base::CallId;
use crate::switch::console::Correction;

const WRITE: &str =
    "write survey list, survey answers NAME [CALL], or survey correct CALL NAME QUESTION KEY [WHY]";

/// What an operator wants of surveys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SurveyOrder {
    /// Those that somebody was asked.
    List,
    /// The answers of one, in the last thirty days; or of one call.
    Answers(String, Option<CallId>),
    /// Another answer than the caller's counts; what its key means is looked up.
    Correct(Correction),
}

impl SurveyOrder {
    /// Whether it changes something.
    pub fn has_effect(&self) -> bool {
        matches!(self, SurveyOrder::Correct(_))
    }
}

/// `list`, `answers NAME [CALL]`, `correct CALL NAME QUESTION KEY [WHY]`.
pub(super) fn order(rest: &str) -> Result<Order, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let order = match words[..] {
        ["list"] => SurveyOrder::List,
        ["answers", survey] => SurveyOrder::Answers(survey.into(), None),
        ["answers", survey, id] => SurveyOrder::Answers(survey.into(), Some(call(id)?)),
        ["correct", id, survey, question, key, ref why @ ..] => SurveyOrder::Correct(Correction {
            call: call(id)?,
            survey: survey.into(),
            question: question.into(),
            key: key.into(),
            meaning: String::new(),
            by: "console".into(),
            why: why.join(" "),
        }),
        _ => return Err(WRITE.to_owned()),
    };
    Ok(Order::Survey(order))
}
