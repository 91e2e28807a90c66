//! Scores of talks (R23): each with its answers, what is not scored yet, and what they come to.

use serde::Serialize;

use super::database::Trouble;
use super::query::{MAX_ROWS, Records};
use super::row::from_row;
use super::statement::{Statement, query};
use crate::base::Wall;
use crate::switch::fact::Scored;

/// A score; the one that it corrects stands no more.
pub(super) fn statements(wall: Wall, scored: &Scored) -> Vec<Statement<'_>> {
    let insert = "INSERT INTO scores (score, call, agent, team, queue, form, version, scorer, at, share, passed, \
                  fatal, answers, comment, corrects) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                  ON CONFLICT DO NOTHING";
    let mut all = vec![
        query(insert)
            .bind(&scored.score)
            .bind(scored.call.to_string())
            .bind(&scored.agent)
            .bind(scored.team.as_deref())
            .bind(&scored.queue)
            .bind(&scored.form)
            .bind(i64::from(scored.version))
            .bind(&scored.by)
            .bind(wall.0)
            .bind(i64::from(scored.share))
            .bind(scored.passed)
            .bind(scored.fatal)
            .bind(serde_json::to_string(&scored.answers).unwrap_or_default())
            .bind(&scored.comment)
            .bind(scored.corrects.as_deref()),
    ];
    if let Some(former) = &scored.corrects {
        let update = "UPDATE scores SET corrected_by = ? WHERE score = ?";
        all.push(query(update).bind(&scored.score).bind(former));
    }
    all
}

/// Which scores or recordings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sought {
    /// Of this call.
    pub call: Option<String>,
    /// Of these agents; none: of all.
    pub agents: Vec<String>,
    /// From this time on, milliseconds since 1970.
    pub from: Option<i64>,
    /// Until before this time.
    pub until: Option<i64>,
    /// Only talks that nobody has scored, drawn by chance; else the newest.
    pub unscored: bool,
    /// At most so many; at most [`MAX_ROWS`].
    pub most: u32,
}

impl Sought {
    /// The agents as a list for SQLite; none: all.
    fn list(&self) -> Option<String> {
        (!self.agents.is_empty()).then(|| serde_json::to_string(&self.agents).unwrap_or_default())
    }
}

/// A talk that can be scored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Talk {
    /// The call.
    pub call: String,
    /// When its recording began, milliseconds since 1970.
    pub begun: i64,
    /// How long it is, milliseconds.
    pub ms: Option<i64>,
    /// Who called.
    pub caller: Option<String>,
    /// The agent; none: no queue's call.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// The recordings of the call.
    pub recordings: i64,
    /// Whether it has been scored.
    pub scored: bool,
}

from_row!(Talk { call, begun, ms, caller, agent, queue, recordings, scored });

/// A score as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ScoreRow {
    /// Its id.
    pub score: String,
    /// The call.
    pub call: String,
    /// When that began, as far as it is known, milliseconds since 1970; else when it was scored.
    pub begun: i64,
    /// The agent.
    pub agent: String,
    /// Its team.
    pub team: Option<String>,
    /// The queue.
    pub queue: String,
    /// The form.
    pub form: String,
    /// Its version.
    pub version: i64,
    /// Who scored.
    pub scorer: String,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Of 10,000.
    pub share: i64,
    /// Whether the talk has passed.
    pub passed: bool,
    /// A fatal question has no point.
    pub fatal: bool,
    /// The answers, JSON.
    pub answers: String,
    /// The comment.
    pub comment: String,
    /// The score that it stands for instead.
    pub corrects: Option<String>,
    /// The one that stands for it.
    pub corrected_by: Option<String>,
}

from_row!(ScoreRow {
    score,
    call,
    begun,
    agent,
    team,
    queue,
    form,
    version,
    scorer,
    at,
    share,
    passed,
    fatal,
    answers,
    comment,
    corrects,
    corrected_by
});

/// What scores come to.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ScoreFigures {
    /// The agent's number or the team's name; empty: of no team.
    pub name: String,
    /// How many.
    pub scores: i64,
    /// Their mean, of 10,000.
    pub mean: f64,
    /// The lowest.
    pub lowest: i64,
    /// Those that have passed.
    pub passed: i64,
    /// Those with a fatal question without a point.
    pub fatal: i64,
}

from_row!(ScoreFigures { name, scores, mean, lowest, passed, fatal });

impl Records {
    /// Recorded talks.
    pub async fn talks(&self, sought: &Sought) -> Result<Vec<Talk>, Trouble> {
        let select = "SELECT r.call, min(r.begun) AS begun, sum(r.ms) AS ms, c.caller, \
                      json_extract(e.body, '$.agent') AS agent, json_extract(e.body, '$.queue') AS queue, \
                      count(DISTINCT r.rowid) AS recordings, EXISTS (SELECT 1 FROM scores s WHERE s.call = r.call \
                      AND s.agent = json_extract(e.body, '$.agent') AND s.corrected_by IS NULL) AS scored \
                      FROM recordings r LEFT JOIN calls c ON c.call = r.call \
                      LEFT JOIN events e ON e.call = r.call AND e.kind = 'queue' \
                      AND json_extract(e.body, '$.event') = 'answered' \
                      WHERE r.removed IS NULL AND r.ended IS NOT NULL AND (?1 IS NULL OR r.call = ?1) \
                      AND (?2 IS NULL OR json_extract(e.body, '$.agent') IN (SELECT value FROM json_each(?2))) \
                      AND (?3 IS NULL OR r.begun >= ?3) AND (?4 IS NULL OR r.begun < ?4) \
                      GROUP BY r.call, json_extract(e.body, '$.agent') \
                      HAVING ?5 = 0 OR (scored = 0 AND agent IS NOT NULL) \
                      ORDER BY CASE WHEN ?5 = 0 THEN -min(r.begun) ELSE random() END LIMIT ?6";
        let query = sqlx::query_as(select)
            .bind(sought.call.as_deref())
            .bind(sought.list())
            .bind(sought.from)
            .bind(sought.until)
            .bind(sought.unscored)
            .bind(sought.most.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// Scores, the newest first, with those that were corrected.
    pub async fn scores(&self, sought: &Sought) -> Result<Vec<ScoreRow>, Trouble> {
        let select = "SELECT s.*, coalesce(c.begun, s.at) AS begun FROM scores s \
                      LEFT JOIN calls c ON c.call = s.call WHERE (?1 IS NULL OR s.call = ?1) \
                      AND (?2 IS NULL OR s.agent IN (SELECT value FROM json_each(?2))) \
                      AND (?3 IS NULL OR coalesce(c.begun, s.at) >= ?3) \
                      AND (?4 IS NULL OR coalesce(c.begun, s.at) < ?4) \
                      ORDER BY s.at DESC, s.score DESC LIMIT ?5";
        let query = sqlx::query_as(select)
            .bind(sought.call.as_deref())
            .bind(sought.list())
            .bind(sought.from)
            .bind(sought.until)
            .bind(sought.most.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// What the scores that stand come to, by agent or by team.
    pub async fn score_figures(
        &self,
        by_team: bool,
        sought: &Sought,
    ) -> Result<Vec<ScoreFigures>, Trouble> {
        let select = "SELECT CASE WHEN ?1 THEN coalesce(s.team, '') ELSE s.agent END AS name, \
                      count(*) AS scores, avg(s.share) AS mean, min(s.share) AS lowest, \
                      sum(s.passed) AS passed, sum(s.fatal) AS fatal FROM scores s \
                      LEFT JOIN calls c ON c.call = s.call WHERE s.corrected_by IS NULL \
                      AND (?2 IS NULL OR s.agent IN (SELECT value FROM json_each(?2))) \
                      AND (?3 IS NULL OR coalesce(c.begun, s.at) >= ?3) \
                      AND (?4 IS NULL OR coalesce(c.begun, s.at) < ?4) \
                      GROUP BY 1 ORDER BY 1 LIMIT ?5";
        let query = sqlx::query_as(select)
            .bind(by_team)
            .bind(sought.list())
            .bind(sought.from)
            .bind(sought.until)
            .bind(MAX_ROWS);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// The score of an id.
    pub async fn score(&self, id: &str) -> Result<Option<ScoreRow>, Trouble> {
        let select = "SELECT s.*, s.at AS begun FROM scores s WHERE s.score = ?";
        sqlx::query_as(select).bind(id).fetch_optional(&self.pool).await.map_err(self.sorted())
    }
}
