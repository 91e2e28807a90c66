//! Scores of talks (R23): a supervisor's program gives answers to a form, they are marked and written down. How they
//! are marked is [`acd::quality`](crate::acd::quality)'s; that the talk was recorded, and whose it was, the API has
//! looked up in the records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::rights::{Deed, Rights};
use crate::acd::quality::{Form, MOST_COMMENT, Question};
use crate::base::{CallId, Now};

use super::cti::{Answer, Why};
use super::fact::{FactKind, Scored};
use super::{Output, Reply, RequestId, Switch};

/// Scores that may wait for the disk at once.
const MOST_NOTING: usize = 1_000;

/// A talk that is scored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scoring {
    /// The call.
    pub call: CallId,
    /// The agent who talked.
    pub agent: String,
    /// The queue.
    pub queue: String,
    /// The form's name.
    pub form: String,
    /// Points by question; none: it does not apply.
    pub answers: BTreeMap<String, Option<u32>>,
    /// What else there is to say.
    pub comment: String,
    /// The score that it stands for instead.
    pub corrects: Option<String>,
}

/// Who is told as soon as the fact of this number is on the disk.
#[derive(Debug, Default)]
pub(super) struct Noting(BTreeMap<u64, (RequestId, Reply)>);

impl Noting {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Switch {
    /// The configured forms.
    pub(super) fn forms(&self) -> Vec<Form> {
        let config = &self.config;
        let form = |form: &crate::config::ScoreForm| Form {
            name: form.name.to_string(),
            title: form.title.as_ref().map(ToString::to_string).unwrap_or_default(),
            version: form.version,
            pass: form.pass,
            questions: config
                .score_questions
                .iter()
                .filter(|question| question.form == form.name)
                .map(|question| Question {
                    name: question.name.to_string(),
                    section: question.section.as_ref().map(ToString::to_string).unwrap_or_default(),
                    text: question.text.to_string(),
                    most: question.most,
                    weight: question.weight,
                    fatal: question.fatal,
                })
                .collect(),
        };
        config.score_forms.iter().map(form).collect()
    }

    /// Whether an agent may supervise one of those who talked: done, or why not.
    pub(super) fn supervises(&self, by: &str, whom: &[String]) -> Reply {
        let mut why = "no agent of a queue had this call";
        for agent in whom {
            match self.centre.may_supervise(Some(by), agent) {
                Ok(()) => return Reply::Done(String::new()),
                Err(own) => why = own,
            }
        }
        Reply::Refused(format!("supervisor {by}: {why}"))
    }

    /// A program scores a talk. `None`: the answer comes when it is on the disk.
    pub(super) fn score(
        &mut self,
        now: Now,
        id: RequestId,
        rights: &Rights,
        scoring: Scoring,
    ) -> Option<Reply> {
        match self.scored(now, rights, scoring) {
            Ok(scored) => {
                let reply = Reply::Scored {
                    score: scored.score.clone(),
                    share: scored.share,
                    passed: scored.passed,
                    fatal: scored.fatal,
                };
                self.fact(now, FactKind::Scored(Box::new(scored)));
                self.scoring.0.insert(self.facts, (id, reply));
                None
            }
            Err((why, text)) => Some(Reply::Cti(Box::new(Answer::Refused(why, text)))),
        }
    }

    fn scored(&self, now: Now, rights: &Rights, scoring: Scoring) -> Result<Scored, (Why, String)> {
        let Scoring { call, agent, queue, form, answers, comment, corrects } = scoring;
        if !rights.may(Deed::Supervise, false) {
            return Err((Why::Forbidden, "only supervisors score talks".into()));
        }
        if let Some(by) = &rights.agent {
            let may = self.centre.may_supervise(Some(by), &agent);
            may.map_err(|why| {
                (Why::Forbidden, format!("supervisor {by} and agent {agent}: {why}"))
            })?;
        }
        let all = self.forms();
        let Some(form) = all.iter().find(|own| own.name == form) else {
            let form = form.escape_debug().to_string();
            return Err((
                Why::Invalid,
                format!("there is no form '{form}'; see GET /v1/quality/forms"),
            ));
        };
        if comment.chars().count() > MOST_COMMENT {
            return Err((
                Why::Invalid,
                format!("the comment has more than {MOST_COMMENT} characters"),
            ));
        }
        let mark = form.mark(&answers).map_err(|fault| (Why::Invalid, fault.to_string()))?;
        if self.journal_full || self.scoring.0.len() >= MOST_NOTING {
            return Err((Why::Conflict, "the journal takes nothing just now; try again".into()));
        }
        Ok(Scored {
            score: format!("{}-{}", now.wall.as_millis(), self.facts + 1),
            call,
            team: self.centre.team(&agent),
            agent,
            queue,
            form: form.name.clone(),
            version: form.version,
            by: rights.agent.clone().unwrap_or_else(|| rights.name.clone()),
            share: mark.share,
            passed: mark.passed,
            fatal: mark.fatal,
            answers: mark.answers,
            comment,
            corrects,
        })
    }

    /// A fact is on the disk, or will not be: who waits for a score is told.
    pub(super) fn score_written(&mut self, seq: u64, written: bool) {
        let Some((id, reply)) = self.scoring.0.remove(&seq) else { return };
        let reply = match written {
            true => reply,
            false => {
                Reply::Refused("the journal has no room: the score is not written down".into())
            }
        };
        self.out.push_back(Output::Reply(id, reply));
    }
}
