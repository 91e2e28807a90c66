//! Scores of talks (R23): a supervisor's program gives answers to a form, they are marked and written down. How they
//! are marked is [`acd::quality`](crate::acd::quality)'s; that the talk was recorded, and whose it was, the API has
//! looked up in the records.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::access::rights::{Deed, Rights};
use crate::acd::quality::{Form, MOST_COMMENT, Question};
use crate::base::{CallId, Now};

use super::cti::{Answer, Why};
use super::fact::{FactKind, Scored};
use super::{Output, Reply, RequestId, Switch};

/// Scores that may wait for the disk at once.
const MOST_NOTING: usize = 1_000;
/// Scores that are known until the records have them: more than are given in the hours that a database is away.
const MOST_REMEMBERED: usize = 10_000;

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
    /// The score's id, given by the program: the same one twice is one score. None: Belfry's.
    pub id: Option<String>,
}

/// Who is told as soon as the fact of this number is on the disk, and what was scored last.
#[derive(Debug, Default)]
pub(super) struct Noting {
    waiting: BTreeMap<u64, Vec<(RequestId, Reply)>>,
    /// The last scores, by their ids: the records do not have them yet, or not long.
    given: BTreeMap<String, Given>,
    /// What each of the last corrections stands for.
    corrected: BTreeMap<String, String>,
    /// In the order in which they came.
    order: VecDeque<String>,
}

/// A score that was given.
#[derive(Clone, Debug)]
struct Given {
    seq: u64,
    what: Scoring,
    reply: Reply,
    written: bool,
}

impl Noting {
    pub(super) fn len(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }

    fn remember(&mut self, score: String, given: Given) {
        if let Some(former) = &given.what.corrects {
            self.corrected.insert(former.clone(), score.clone());
        }
        self.order.push_back(score.clone());
        self.given.insert(score, given);
        if self.order.len() > MOST_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(&oldest);
        }
    }

    /// A score is known no more: it was not written down, or that is long ago.
    fn forget(&mut self, score: &str) {
        if let Some(former) = self.given.remove(score).and_then(|given| given.what.corrects) {
            self.corrected.remove(&former);
        }
        self.order.retain(|own| own != score);
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

    /// Whether an agent supervises all others: done, or why not.
    pub(super) fn supervises_all(&self, by: &str) -> Reply {
        match self.centre.supervises_all(by) {
            true => Reply::Done(String::new()),
            false => Reply::Refused(format!("agent {by} does not supervise all agents")),
        }
    }

    /// A program scores a talk. `None`: the answer comes when it is on the disk.
    pub(super) fn score(
        &mut self,
        now: Now,
        id: RequestId,
        rights: &Rights,
        scoring: Scoring,
    ) -> Option<Reply> {
        let refused = |(why, text)| Some(Reply::Cti(Box::new(Answer::Refused(why, text))));
        if let Some(given) = scoring.id.as_ref().and_then(|own| self.scoring.given.get(own)) {
            // The answer to the first one did not reach who asks: this is no second score.
            if given.what != scoring {
                return refused((Why::Conflict, "another score has this `id`".into()));
            }
            if given.written {
                return Some(given.reply.clone());
            }
            let (seq, reply) = (given.seq, given.reply.clone());
            self.noted(seq, id, reply);
            return None;
        }
        match self.scored(now, rights, scoring.clone()) {
            Ok(scored) => {
                let score = scored.score.clone();
                let (share, passed, fatal) = (scored.share, scored.passed, scored.fatal);
                let reply = Reply::Scored { score: score.clone(), share, passed, fatal };
                self.fact(now, FactKind::Scored(Box::new(scored)));
                let seq = self.facts;
                let given = Given { seq, what: scoring, reply: reply.clone(), written: false };
                self.scoring.remember(score, given);
                self.noted(seq, id, reply);
                None
            }
            Err(why) => refused(why),
        }
    }

    fn scored(&self, now: Now, rights: &Rights, scoring: Scoring) -> Result<Scored, (Why, String)> {
        let Scoring { call, agent, queue, form, answers, comment, corrects, id } = scoring;
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
        // The records may not have it yet.
        if let Some(by) = corrects.as_ref().and_then(|own| self.scoring.corrected.get(own)) {
            let why = format!("that score was corrected already: by {by}");
            return Err((Why::Conflict, why));
        }
        if !self.may_note() {
            return Err((Why::Conflict, "the journal takes nothing just now; try again".into()));
        }
        Ok(Scored {
            score: id.unwrap_or_else(|| format!("{}-{}", now.wall.as_millis(), self.facts + 1)),
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

    /// Whether somebody more may wait for the disk.
    pub(super) fn may_note(&self) -> bool {
        !self.journal_full && self.scoring.len() < MOST_NOTING
    }

    /// Who asked is answered as soon as a fact is on the disk.
    pub(super) fn noted(&mut self, seq: u64, id: RequestId, reply: Reply) {
        self.scoring.waiting.entry(seq).or_default().push((id, reply));
    }

    /// A fact is on the disk, or will not be: who waits for a score is told.
    pub(super) fn score_written(&mut self, seq: u64, written: bool) {
        for (id, reply) in self.scoring.waiting.remove(&seq).unwrap_or_default() {
            if let Reply::Scored { score, .. } = &reply {
                match (written, self.scoring.given.get_mut(score)) {
                    (true, Some(given)) => given.written = true,
                    _ => self.scoring.forget(score),
                }
            }
            let none = || Reply::Refused("the journal has no room: it is not written down".into());
            let reply = if written { reply } else { none() };
            self.out.push_back(Output::Reply(id, reply));
        }
    }
}
