//! Surveys and questionnaires in the database: designs as they were asked, sessions, answers, corrections.

use std::collections::BTreeMap;

use serde::Serialize;

use super::database::Trouble;
use super::query::Records;
use super::row::from_row;
use super::statement::{Statement, query};
use crate::base::{CallId, Wall};
use crate::report::survey::{Answered, Design, Session};
use crate::switch::fact::{Fact, SurveyFact};

/// The most sessions that one question gives.
pub const MAX_SESSIONS: u32 = 200_000;

/// What a fact about a survey changes.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    call: CallId,
    survey: &'q str,
    what: &'q SurveyFact,
) -> Vec<Statement<'q>> {
    let (wall, call) = (fact.wall.0, call.to_string());
    match what {
        SurveyFact::Designed { version, design } => {
            let insert = "INSERT OR IGNORE INTO survey_designs (survey, version, design, since) \
                          VALUES (?, ?, ?, ?)";
            vec![query(insert).bind(survey).bind(version).bind(design).bind(wall)]
        }
        SurveyFact::Began { version, caller, agent, team, queue } => {
            // Asked again in one call it begins anew: the last one of a call counts.
            let forget = "DELETE FROM survey_answers WHERE call = ? AND survey = ?";
            let insert = "INSERT INTO survey_sessions (call, survey, version, caller, agent, team, queue, began) \
                          VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          version = excluded.version, agent = excluded.agent, team = excluded.team, \
                          queue = excluded.queue, began = excluded.began, over = NULL, complete = 0";
            vec![
                query(forget).bind(call.clone()).bind(survey),
                query(insert)
                    .bind(call)
                    .bind(survey)
                    .bind(version)
                    .bind(caller)
                    .bind(agent.as_deref())
                    .bind(team.as_deref())
                    .bind(queue.as_deref())
                    .bind(wall),
            ]
        }
        SurveyFact::Over { complete } => {
            let update = "UPDATE survey_sessions SET over = ?, complete = ? \
                          WHERE call = ? AND survey = ?";
            vec![query(update).bind(wall).bind(*complete).bind(call).bind(survey)]
        }
        SurveyFact::Corrected { question, key, meaning, by, why } => {
            let new = [key, meaning, by, why].map(String::as_str);
            corrected(fact, call, survey, question, new)
        }
    }
}

/// An answer that was put right: by whom and why, with what stood there before.
fn corrected<'q>(
    fact: &Fact,
    call: String,
    survey: &'q str,
    question: &'q str,
    [key, meaning, by, why]: [&'q str; 4],
) -> Vec<Statement<'q>> {
    let wall = fact.wall.0;
    let trace = "INSERT INTO survey_corrections \
                         (seq, call, survey, question, old_key, old_meaning, key, meaning, by, why, wall) \
                         VALUES (?, ?, ?, ?, \
                         (SELECT key FROM survey_answers WHERE call = ? AND survey = ? AND question = ?), \
                         (SELECT meaning FROM survey_answers WHERE call = ? AND survey = ? AND question = ?), \
                         ?, ?, ?, ?, ?)";
    let mut trace = query(trace).bind(fact.seq as i64);
    for _ in 0..3 {
        trace = trace.bind(call.clone()).bind(survey).bind(question);
    }
    let trace = trace.bind(key).bind(meaning).bind(by).bind(why).bind(wall);
    let answer = "INSERT INTO survey_answers (call, survey, question, key, meaning, wall) \
                          VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          key = excluded.key, meaning = excluded.meaning";
    let answer = query(answer).bind(call).bind(survey).bind(question);
    vec![trace, answer.bind(key).bind(meaning).bind(wall)]
}

/// What an answer changes: itself, and its session where none has begun (a fact of an earlier version).
pub(super) fn answer<'q>(
    wall: Wall,
    call: CallId,
    [survey, question, key, meaning]: [&'q str; 4],
    agent: Option<&'q str>,
    voice: Option<&'q str>,
) -> Vec<Statement<'q>> {
    let call = call.to_string();
    // Who answers twice (a repeated question) means the second.
    let insert = "INSERT INTO survey_answers (call, survey, question, key, agent, wall, meaning, voice) \
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                  key = excluded.key, agent = excluded.agent, wall = excluded.wall, \
                  meaning = excluded.meaning, voice = excluded.voice";
    let kept = query(insert)
        .bind(call.clone())
        .bind(survey)
        .bind(question)
        .bind(key)
        .bind(agent)
        .bind(wall.0)
        .bind(meaning)
        .bind(voice);
    let session = "INSERT OR IGNORE INTO survey_sessions \
                   (call, survey, version, caller, agent, began, over, complete) \
                   VALUES (?, ?, '', '', ?, ?, ?, 1)";
    let session = query(session).bind(call).bind(survey).bind(agent).bind(wall.0).bind(wall.0);
    vec![kept, session]
}

/// A correction, as it stands on the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Correction {
    /// The call.
    pub call: String,
    /// The question.
    pub question: String,
    /// The key before; none: it was not answered.
    pub old_key: Option<String>,
    /// What that meant.
    pub old_meaning: Option<String>,
    /// The key since.
    pub key: String,
    /// What that means.
    pub meaning: String,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, milliseconds since 1970.
    pub wall: i64,
}

from_row!(Correction { call, question, old_key, old_meaning, key, meaning, by, why, wall });

struct SessionRow {
    call: String,
    version: String,
    caller: String,
    agent: Option<String>,
    team: Option<String>,
    queue: Option<String>,
    began: i64,
    over: Option<i64>,
    complete: bool,
}

from_row!(SessionRow { call, version, caller, agent, team, queue, began, over, complete });

type AnswerColumns = (String, String, String, String, Option<String>, bool);

impl Records {
    /// The surveys that somebody was asked.
    pub async fn surveys_asked(&self) -> Result<Vec<String>, Trouble> {
        let select = "SELECT DISTINCT survey FROM survey_sessions ORDER BY survey";
        sqlx::query_scalar(select).fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// The designs of a survey by version, as far as somebody was asked by them.
    pub async fn survey_designs(&self, survey: &str) -> Result<BTreeMap<String, Design>, Trouble> {
        let select = "SELECT version, design FROM survey_designs WHERE survey = ? ORDER BY since";
        let query = sqlx::query_as::<_, (String, String)>(select).bind(survey);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let read = |(version, design): (String, String)| Some((version, Design::read(&design)?));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// When a survey began in a call, milliseconds since 1970; none: it did not.
    pub async fn survey_began(&self, survey: &str, call: &str) -> Result<Option<i64>, Trouble> {
        let select = "SELECT began FROM survey_sessions WHERE call = ? AND survey = ?";
        let query = sqlx::query_scalar(select).bind(call).bind(survey);
        query.fetch_optional(&self.pool).await.map_err(self.sorted())
    }

    /// The sessions of a survey that began within a span, milliseconds since 1970, in that order; at most
    /// [`MAX_SESSIONS`].
    pub async fn survey_sessions(
        &self,
        survey: &str,
        from: i64,
        until: i64,
    ) -> Result<Vec<Session>, Trouble> {
        let select = "SELECT call, version, caller, agent, team, queue, began, over, complete \
                      FROM survey_sessions WHERE survey = ? AND began >= ? AND began < ? \
                      ORDER BY began, call LIMIT ?";
        let query = sqlx::query_as::<_, SessionRow>(select);
        let query = query.bind(survey).bind(from).bind(until).bind(MAX_SESSIONS);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let select = "SELECT a.call, a.question, a.key, a.meaning, a.voice, EXISTS ( \
                      SELECT 1 FROM survey_corrections c WHERE c.call = a.call AND c.survey = a.survey \
                      AND c.question = a.question) \
                      FROM survey_answers a JOIN survey_sessions s ON s.call = a.call AND s.survey = a.survey \
                      WHERE a.survey = ? AND s.began >= ? AND s.began < ? ORDER BY a.call, a.wall, a.question";
        let query = sqlx::query_as::<_, AnswerColumns>(select).bind(survey).bind(from).bind(until);
        let found = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let mut answers: BTreeMap<String, Vec<Answered>> = BTreeMap::new();
        for (call, question, key, meaning, voice, corrected) in found {
            let answer = Answered { question, key, meaning, voice, corrected };
            answers.entry(call).or_default().push(answer);
        }
        let session = |row: SessionRow| Session {
            answers: answers.remove(&row.call).unwrap_or_default(),
            call: row.call,
            version: row.version,
            caller: row.caller,
            agent: row.agent,
            team: row.team,
            queue: row.queue,
            began: row.began,
            over: row.over,
            complete: row.complete,
        };
        Ok(rows.into_iter().map(session).collect())
    }

    /// The design that a call was asked a survey by; `None`: it was not.
    pub async fn survey_of_call(
        &self,
        survey: &str,
        call: CallId,
    ) -> Result<Option<String>, Trouble> {
        let select = "SELECT version FROM survey_sessions WHERE survey = ? AND call = ?";
        let query = sqlx::query_scalar(select).bind(survey).bind(call.to_string());
        query.fetch_optional(&self.pool).await.map_err(self.sorted())
    }

    /// The corrections of a survey's answers, the latest first; of one call where one is named.
    pub async fn survey_corrections(
        &self,
        survey: &str,
        call: Option<CallId>,
    ) -> Result<Vec<Correction>, Trouble> {
        let select = "SELECT call, question, old_key, old_meaning, key, meaning, by, why, wall \
                      FROM survey_corrections WHERE survey = ? AND (? IS NULL OR call = ?) \
                      ORDER BY seq DESC LIMIT 10000";
        let call = call.map(|call| call.to_string());
        let query = sqlx::query_as(select).bind(survey).bind(call.clone()).bind(call);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }
}
