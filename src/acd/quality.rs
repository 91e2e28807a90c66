//! Quality checks (R23): what a supervisor's answers to a form come to.
//!
//! ```text
//!  each question:  points of at most `most`, or none: it does not apply to this call
//!  share = Σ weight · points / most  ÷  Σ weight,   over the questions that apply
//!  a fatal question with no point: the share is nothing, and the talk has not passed
//! ```
//!
//! The rule alone: who may score whose talk is `access`'s and the centre's, which forms there are the
//! configuration's. Shares are whole numbers of 10,000, so that sums are exact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A share of all.
pub const ALL: u32 = 10_000;
/// The longest comment, in characters.
pub const MOST_COMMENT: usize = 1_000;

/// A question.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// Its name, unlike any other's of the form.
    pub name: String,
    /// The section under which it stands; empty: none.
    pub section: String,
    /// What is asked.
    pub text: String,
    /// The most points.
    pub most: u32,
    /// What it counts for.
    pub weight: u32,
    /// Without a point here the talk has failed, whatever else.
    pub fatal: bool,
}

/// A form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Form {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its version.
    pub version: u32,
    /// The least share of a talk that has passed, percent.
    pub pass: u32,
    /// What it asks, in its order.
    pub questions: Vec<Question>,
}

/// An answer, with the question as it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Answered {
    /// The question.
    #[serde(flatten)]
    pub question: Question,
    /// Points; none: it does not apply.
    pub points: Option<u32>,
}

/// What answers come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Of [`ALL`].
    pub share: u32,
    /// Whether the talk has passed.
    pub passed: bool,
    /// A fatal question has no point.
    pub fatal: bool,
    /// The answers in the form's order.
    pub answers: Vec<Answered>,
}

/// Why answers are not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The form has no such question.
    Unknown(String),
    /// This question is not answered.
    Missing(String),
    /// More points than the question has.
    TooMany(String, u32),
    /// No question applies: there is nothing to score.
    Nothing,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Fault::Unknown(name) => write!(f, "the form has no question '{}'", name.escape_debug()),
            Fault::Missing(name) => {
                write!(
                    f,
                    "question '{name}' has no answer: give its points, or null where it does not apply"
                )
            }
            Fault::TooMany(name, most) => write!(f, "question '{name}' has {most} points at most"),
            Fault::Nothing => f.write_str("no question applies: there is nothing to score"),
        }
    }
}

impl Form {
    /// Marks answers by question.
    pub fn mark(&self, answers: &BTreeMap<String, Option<u32>>) -> Result<Mark, Fault> {
        let known = |name: &String| self.questions.iter().any(|question| question.name == *name);
        if let Some(name) = answers.keys().find(|name| !known(name)) {
            return Err(Fault::Unknown(name.clone()));
        }
        let (mut sum, mut weights, mut fatal) = (0u64, 0u64, false);
        let mut taken = Vec::with_capacity(self.questions.len());
        for question in &self.questions {
            let Some(points) = answers.get(&question.name) else {
                return Err(Fault::Missing(question.name.clone()));
            };
            if let Some(points) = points {
                if *points > question.most {
                    return Err(Fault::TooMany(question.name.clone(), question.most));
                }
                let weight = u64::from(question.weight);
                sum +=
                    weight * u64::from(*points) * u64::from(ALL) / u64::from(question.most.max(1));
                weights += weight;
                fatal |= question.fatal && *points == 0;
            }
            taken.push(Answered { question: question.clone(), points: *points });
        }
        let share = sum.checked_div(weights).ok_or(Fault::Nothing)?;
        let share = if fatal { 0 } else { u32::try_from(share).unwrap_or(ALL).min(ALL) };
        let passed = !fatal && share >= self.pass * (ALL / 100);
        Ok(Mark { share, passed, fatal, answers: taken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(name: &str, most: u32, weight: u32, fatal: bool) -> Question {
        let text = format!("{name}?");
        Question { name: name.into(), section: String::new(), text, most, weight, fatal }
    }
    fn form() -> Form {
        let questions = vec![
            question("greets", 5, 1, false),
            question("solves", 10, 3, false),
            question("data", 1, 1, true),
        ];
        Form {
            name: "service".into(), title: "服务质量".into(), version: 2, pass: 80, questions
        }
    }
    fn answers(points: [Option<u32>; 3]) -> BTreeMap<String, Option<u32>> {
        ["greets", "solves", "data"].map(str::to_owned).into_iter().zip(points).collect()
    }

    #[test]
    fn weights_count_and_what_does_not_apply_is_left_out() {
        let mark = form().mark(&answers([Some(5), Some(8), Some(1)])).unwrap();
        // (1·1 + 3·0.8 + 1·1) / 5
        assert_eq!((mark.share, mark.passed, mark.fatal), (8_800, true, false));
        let mark = form().mark(&answers([None, Some(7), Some(1)])).unwrap();
        assert_eq!((mark.share, mark.passed), (7_750, false), "(3·0.7 + 1) / 4");
        assert_eq!(mark.answers[0].points, None);
    }

    #[test]
    fn a_fatal_question_without_a_point_fails_the_whole_talk() {
        let mark = form().mark(&answers([Some(5), Some(10), Some(0)])).unwrap();
        assert_eq!((mark.share, mark.passed, mark.fatal), (0, false, true));
        let mark = form().mark(&answers([Some(5), Some(10), None])).unwrap();
        assert_eq!((mark.share, mark.passed, mark.fatal), (ALL, true, false));
    }

    #[test]
    fn what_does_not_fit_the_form_is_named() {
        let with = |points| form().mark(&answers(points)).map(|mark| mark.share);
        assert_eq!(with([Some(6), None, None]), Err(Fault::TooMany("greets".into(), 5)));
        assert_eq!(with([None, None, None]), Err(Fault::Nothing));
        let mut less = answers([Some(1), Some(1), Some(1)]);
        less.remove("solves");
        assert_eq!(form().mark(&less), Err(Fault::Missing("solves".into())));
        less.insert("solve".into(), Some(1));
        assert_eq!(form().mark(&less), Err(Fault::Unknown("solve".into())));
    }

    proptest! {
        #[test]
        fn a_share_is_never_more_than_all_and_more_points_are_never_worse(
            questions in proptest::collection::vec((1u32..=100, 1u32..=100, 0u32..=100, any::<bool>()), 1..20)
        ) {
            let name = |n: usize| format!("q{n}");
            let form = Form {
                name: "f".into(), title: String::new(), version: 1, pass: 50,
                questions: questions.iter().enumerate()
                    .map(|(n, (most, weight, _, fatal))| question(&name(n), *most, *weight, *fatal)).collect(),
            };
            let given: BTreeMap<String, Option<u32>> = questions.iter().enumerate()
                .map(|(n, (most, _, points, _))| (name(n), Some(*points.min(most)))).collect();
            let mark = form.mark(&given).unwrap();
            prop_assert!(mark.share <= ALL);
            let best = questions.iter().enumerate().map(|(n, q)| (name(n), Some(q.0))).collect();
            let best = form.mark(&best).unwrap();
            prop_assert!(best.share >= mark.share && best.share == ALL && best.passed);
        }
    }
}
