//! Surveys in calls: that one began, with whose talk it is about, and was over; and answers put right (R21, R22).
//!
//! Which answers count and what they come to is [`report`](crate::report)'s.

use crate::base::{CallId, Now};
use crate::dialplan::effect::SurveyStep;

use super::Switch;
use super::console::{Correction, Reply};
use super::fact::{FactKind, SurveyFact};

/// Designs that are known to be written down; beyond them all are written down once more.
const MOST_DESIGNS: usize = 10_000;

impl Switch {
    /// A survey begins or is over.
    pub(super) fn survey_step(&mut self, now: Now, call: CallId, survey: String, step: SurveyStep) {
        let Some(active) = self.calls.get(&call) else { return };
        let what = match step {
            SurveyStep::Over { complete } => SurveyFact::Over { complete },
            SurveyStep::Began { version } => {
                let agent = active.agent.clone();
                let team = agent.as_deref().and_then(|number| self.team_of(number));
                let (caller, queue) = (active.from.clone(), active.served_in.clone());
                let design =
                    active.plan.survey_design(&survey).map(|(_, design)| design.to_owned());
                let known = (survey.clone(), version.clone());
                if self.designs.len() >= MOST_DESIGNS {
                    self.designs.clear();
                }
                if let Some(design) = design.filter(|_| self.designs.insert(known)) {
                    let what = SurveyFact::Designed { version: version.clone(), design };
                    let survey = survey.clone();
                    self.fact(now, FactKind::Survey { call, survey, what });
                }
                SurveyFact::Began { version, caller, agent, team, queue }
            }
        };
        self.fact(now, FactKind::Survey { call, survey, what });
    }

    /// The team of an agent, as the configuration has it.
    fn team_of(&self, number: &str) -> Option<String> {
        let agent = self.config.agents.iter().find(|agent| agent.number.as_str() == number)?;
        super::house::team(&self.config, agent)
    }

    /// An answer is put right by somebody who may: what was asked has been looked up in the records.
    pub(super) fn correct_answer(&mut self, now: Now, correction: Correction) -> Reply {
        let Correction { call, survey, question, key, meaning, by, why } = correction;
        let said = format!("call {call}, {survey}: {question} is {key} {meaning} from now on");
        let what = SurveyFact::Corrected { question, key, meaning, by, why };
        self.fact(now, FactKind::Survey { call, survey, what });
        Reply::Done(said)
    }
}
