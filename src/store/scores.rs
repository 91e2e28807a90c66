//! Scores of talks (R23): each with its answers, what is not scored yet, and what they come to.

use serde::Serialize;

use super::database::Trouble;
use super::query::{MAX_ROWS, Records};
use super::row::from_row;
use super::statement::{Statement, query};
use crate::base::Wall;
use crate::switch::fact::Scored;

/// A score; the one that it corrects stands no more. Of two that correct one the first alone is kept: the other has
/// come between its question and its answer.
pub(super) fn statements(wall: Wall, scored: &Scored) -> Vec<Statement<'_>> {
    let insert = "INSERT INTO scores (score, call, agent, team, queue, form, version, scorer, at, share, passed, \
                  fatal, answers, comment, corrects) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
                  ?13, ?14, ?15 WHERE NOT EXISTS (SELECT 1 FROM scores WHERE score = ?15 AND corrected_by IS NOT NULL) \
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
        // Only by one that stands: another may have had its id before.
        let update = "UPDATE scores SET corrected_by = ?1 WHERE score = ?2 AND corrected_by IS NULL \
                      AND EXISTS (SELECT 1 FROM scores AS own WHERE own.score = ?1 AND own.corrects = ?2)";
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

/// How far back recordings are looked through that are sought by agent, or for a sample, unless it is said: 31 days.
pub const SPAN_MS: i64 = 31 * 24 * 3_600_000;
/// Recordings of which a sample is drawn, at most: by chance of all of the span.
const DRAWN: i64 = 20_000;

/// When the last recording began before a time.
const LAST_BEGUN: &str = "SELECT max(begun) FROM recordings WHERE begun < ?1";

// Which rows a statement looks at is said by its form, not by what is bound: `?1 IS NULL OR …` uses no index, and a year's
// recordings are millions. The values: ?1 the call, or of how many a sample is drawn; ?2 agents; ?3 and ?4 from and until;
// ?5 only what nobody has scored; ?6 how many.

/// What is told of a talk.
macro_rules! talk {
    () => {
        "SELECT r.call, r.begun, (SELECT sum(o.ms) FROM recordings o WHERE o.call = r.call AND o.removed IS NULL \
         AND o.ended IS NOT NULL) AS ms, c.caller, json_extract(e.body, '$.agent') AS agent, \
         json_extract(e.body, '$.queue') AS queue, (SELECT count(*) FROM recordings o WHERE o.call = r.call \
         AND o.removed IS NULL AND o.ended IS NOT NULL) AS recordings, EXISTS (SELECT 1 FROM scores s \
         WHERE s.call = r.call AND s.agent = json_extract(e.body, '$.agent') AND s.corrected_by IS NULL) AS scored "
    };
}
/// Whose talk it is, and which of them are sought: a call counts by its first recording, an agent in it once. The talk of
/// a call-back is told of the call in which that was wanted, and recorded in the one by which it was made; a preview's is no
/// queue's caller, and its agent's all the same.
macro_rules! talk_of {
    () => {
        " LEFT JOIN calls c ON c.call = r.call LEFT JOIN events e ON e.id IN (SELECT a.id FROM events a \
         WHERE a.call = r.call AND (a.kind = 'queue' AND json_extract(a.body, '$.event') = 'answered' \
         AND json_extract(a.body, '$.by') IS NULL \
         OR a.kind = 'agent' AND json_extract(a.body, '$.event') = 'previewed') AND NOT EXISTS (SELECT 1 FROM events f \
         WHERE f.call = a.call AND f.id < a.id AND f.kind = a.kind \
         AND json_extract(f.body, '$.event') = json_extract(a.body, '$.event') \
         AND json_extract(f.body, '$.agent') = json_extract(a.body, '$.agent')) \
         UNION ALL SELECT m.id FROM events m WHERE m.kind = 'queue' AND json_extract(m.body, '$.event') = 'answered' \
         AND json_extract(m.body, '$.by') = +r.call AND NOT EXISTS (SELECT 1 FROM events f \
         WHERE f.call = r.call AND f.kind = 'queue' AND json_extract(f.body, '$.event') = 'answered' \
         AND json_extract(f.body, '$.agent') = json_extract(m.body, '$.agent'))) \
         WHERE r.removed IS NULL AND r.ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM recordings o \
         WHERE o.call = r.call AND o.removed IS NULL AND o.ended IS NOT NULL \
         AND (o.begun < r.begun OR (o.begun = r.begun AND o.recording < r.recording))) \
         AND r.begun >= ?3 AND r.begun < ?4 \
         AND (?2 IS NULL OR json_extract(e.body, '$.agent') IN (SELECT value FROM json_each(?2))) \
         AND (?5 = 0 OR (scored = 0 AND json_extract(e.body, '$.agent') IS NOT NULL)) "
    };
}
const TALKS_OF_CALL: &str = concat!(
    talk!(),
    "FROM recordings r",
    talk_of!(),
    "AND r.call = ?1 ORDER BY r.begun DESC LIMIT ?6"
);
const TALKS: &str = concat!(
    talk!(),
    "FROM recordings r",
    talk_of!(),
    "AND ?1 IS NULL ORDER BY r.begun DESC LIMIT ?6"
);
const SAMPLE: &str = concat!(
    "WITH drawn AS MATERIALIZED (SELECT rowid AS nth FROM recordings WHERE begun >= ?3 AND begun < ?4 \
     ORDER BY random() LIMIT ?1) ",
    talk!(),
    "FROM drawn d CROSS JOIN recordings r ON r.rowid = d.nth",
    talk_of!(),
    "LIMIT ?6"
);

/// The scores of a span: a talk is scored after it began.
macro_rules! scores_of {
    ($which:literal) => {
        concat!(
            "SELECT s.*, coalesce(c.begun, s.at) AS begun FROM scores s LEFT JOIN calls c ON c.call = s.call WHERE ",
            $which,
            " AND (?2 IS NULL OR s.agent IN (SELECT value FROM json_each(?2))) AND s.at >= ?3 \
             AND coalesce(c.begun, s.at) >= ?3 AND coalesce(c.begun, s.at) < ?4 \
             ORDER BY s.at DESC, s.score DESC LIMIT ?5"
        )
    };
}
const SCORES_OF_CALL: &str = scores_of!("s.call = ?1");
const SCORES: &str = scores_of!("?1 IS NULL");
const SCORE_FIGURES: &str = "SELECT CASE WHEN ?1 THEN coalesce(s.team, '') ELSE s.agent END AS name, \
     count(*) AS scores, avg(s.share) AS mean, min(s.share) AS lowest, \
     sum(s.passed) AS passed, sum(s.fatal) AS fatal FROM scores s \
     LEFT JOIN calls c ON c.call = s.call WHERE s.corrected_by IS NULL AND s.at >= ?3 \
     AND (?2 IS NULL OR s.agent IN (SELECT value FROM json_each(?2))) \
     AND coalesce(c.begun, s.at) >= ?3 AND coalesce(c.begun, s.at) < ?4 \
     GROUP BY 1 ORDER BY 1 LIMIT ?5";

impl Records {
    /// Recorded talks. Of one call by its key; else by the time at which they began, never all that are kept: without
    /// [`Sought::from`] what is sought by agent, and a sample, goes back [`SPAN_MS`].
    pub async fn talks(&self, sought: &Sought) -> Result<Vec<Talk>, Trouble> {
        let most = sought.most.min(MAX_ROWS);
        let query = match &sought.call {
            Some(call) => sqlx::query_as(TALKS_OF_CALL).bind(call),
            None if sought.unscored => sqlx::query_as(SAMPLE).bind(DRAWN),
            None => sqlx::query_as(TALKS).bind(None::<i64>),
        };
        let (from, until) = self.span(sought).await?;
        let query =
            query.bind(sought.list()).bind(from).bind(until).bind(sought.unscored).bind(most);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// From when until when recordings are looked through.
    async fn span(&self, sought: &Sought) -> Result<(i64, i64), Trouble> {
        let until = sought.until.unwrap_or(i64::MAX);
        let bounded = sought.call.is_some() || (sought.agents.is_empty() && !sought.unscored);
        let from = match sought.from {
            Some(from) => from,
            None if bounded => i64::MIN,
            None => {
                let last = sqlx::query_scalar::<_, Option<i64>>(LAST_BEGUN).bind(until);
                let last = last.fetch_one(&self.pool).await.map_err(self.sorted())?;
                last.map_or(i64::MIN, |last| last.saturating_sub(SPAN_MS))
            }
        };
        Ok((from, until))
    }

    /// Scores, the newest first, with those that were corrected.
    pub async fn scores(&self, sought: &Sought) -> Result<Vec<ScoreRow>, Trouble> {
        let query = match &sought.call {
            Some(call) => sqlx::query_as(SCORES_OF_CALL).bind(call),
            None => sqlx::query_as(SCORES).bind(None::<i64>),
        };
        let query = query
            .bind(sought.list())
            .bind(sought.from.unwrap_or(i64::MIN))
            .bind(sought.until.unwrap_or(i64::MAX))
            .bind(sought.most.min(MAX_ROWS));
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// What the scores that stand come to, by agent or by team.
    pub async fn score_figures(
        &self,
        by_team: bool,
        sought: &Sought,
    ) -> Result<Vec<ScoreFigures>, Trouble> {
        let query = sqlx::query_as(SCORE_FIGURES)
            .bind(by_team)
            .bind(sought.list())
            .bind(sought.from.unwrap_or(i64::MIN))
            .bind(sought.until.unwrap_or(i64::MAX))
            .bind(MAX_ROWS);
        query.fetch_all(&self.pool).await.map_err(self.sorted())
    }

    /// The score of an id.
    pub async fn score(&self, id: &str) -> Result<Option<ScoreRow>, Trouble> {
        let select = "SELECT s.*, s.at AS begun FROM scores s WHERE s.score = ?";
        sqlx::query_as(select).bind(id).fetch_optional(&self.pool).await.map_err(self.sorted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::recordings::{OF_CALL, OF_SPAN};
    use super::super::tests::{block, stored};
    use super::*;
    use crate::base::{CallId, LegId, RecordingId};
    use crate::switch::fact::{AgentFact, FactKind, QueueFact};

    /// What SQLite does for a statement.
    async fn plan(records: &Records, sql: &str) -> Vec<String> {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows = sqlx::query_as::<_, (i64, i64, i64, String)>(explain);
        rows.fetch_all(&records.pool).await.unwrap().into_iter().map(|row| row.3).collect()
    }

    #[test]
    fn no_question_about_talks_looks_at_every_recording() {
        let dir = tempfile::tempdir().unwrap();
        stored(dir.path(), []);
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let all = [TALKS_OF_CALL, TALKS, SAMPLE, LAST_BEGUN, OF_CALL, OF_SPAN];
            for sql in all.iter().chain(&[SCORES_OF_CALL, SCORES, SCORE_FIGURES]) {
                let plan = plan(&records, sql).await;
                let scans = |step: &&String| {
                    step.starts_with("SCAN")
                        && !step.starts_with("SCAN d")
                        && !step.contains("json_each")
                };
                assert_eq!(plan.iter().find(scans), None, "{sql}\n{plan:#?}");
            }
            for sql in [TALKS_OF_CALL, OF_CALL] {
                let plan = plan(&records, sql).await;
                assert!(
                    plan.iter().any(|step| step
                        .contains("SEARCH r USING INDEX sqlite_autoindex_recordings_1 (call=?")),
                    "{plan:#?}"
                );
            }
            // The newest first, without a sort of all.
            for sql in [TALKS, OF_SPAN] {
                let plan = plan(&records, sql).await;
                assert!(
                    plan.iter().any(|step| step.contains("SEARCH r USING INDEX recordings_begun")),
                    "{plan:#?}"
                );
                assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
            }
        });
    }

    fn call(n: u64) -> CallId {
        CallId::new(crate::base::Wall(1_790_000_000_000), n)
    }

    /// A call of two recordings, in which the agents have answered.
    fn recorded(n: u64, agents: &[&str]) -> Vec<FactKind> {
        let (call, left, right) = (call(n), LegId(1), Some(LegId(2)));
        let mut kinds = Vec::new();
        for agent in agents {
            let (agent, back) = ((*agent).to_owned(), false);
            let what = QueueFact::Answered { agent, waited_ms: 5, rang_ms: 5, back, by: None };
            kinds.push(FactKind::Queue { queue: "care".into(), call, what });
        }
        for nth in 1..=2 {
            let (recording, path) = (RecordingId(nth), format!("{n}-{nth}.wav"));
            kinds.push(FactKind::RecordingBegan { call, recording, path, left, right });
            let (samples, ms, fault) = (80, 10, String::new());
            kinds.push(FactKind::RecordingEnded { call, recording, samples, ms, fault });
        }
        kinds
    }

    #[test]
    fn talks_are_found_by_call_by_agent_by_time_and_by_chance() {
        let dir = tempfile::tempdir().unwrap();
        // An agent who had the call twice is in it once; one without a queue is nobody's.
        let calls =
            [recorded(1, &["7001", "7002", "7001"]), recorded(2, &["7002"]), recorded(3, &[])];
        stored(dir.path(), calls.into_iter().flatten());
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let all = Sought { most: 100, ..Sought::default() };
            let found = async |sought: &Sought| {
                let talks = records.talks(sought).await.unwrap();
                assert!(
                    talks.iter().all(|talk| (talk.ms, talk.recordings) == (Some(20), 2)),
                    "{talks:?}"
                );
                let mut own: Vec<_> =
                    talks.into_iter().map(|talk| (talk.call, talk.agent)).collect();
                own.sort();
                own
            };
            let row = |n: u64, agent: &str| {
                (call(n).to_string(), Some(agent.to_owned()).filter(|agent| !agent.is_empty()))
            };
            let every = [row(1, "7001"), row(1, "7002"), row(2, "7002"), row(3, "")];
            assert_eq!(found(&all).await, every);
            let of_call = Sought { call: Some(call(1).to_string()), ..all.clone() };
            assert_eq!(found(&of_call).await, every[..2]);
            let of_agent = Sought { agents: vec!["7002".into()], ..all.clone() };
            assert_eq!(found(&of_agent).await, every[1..3]);
            // The facts are a millisecond apart: the second call began with its sixth recording's fact.
            let late = Sought { from: Some(8), until: Some(12), ..all.clone() };
            assert_eq!(found(&late).await, every[2..3]);
            let sample = Sought { unscored: true, ..all.clone() };
            assert_eq!(found(&sample).await, every[..3]);
            let newest = records.talks(&Sought { most: 1, ..all }).await.unwrap();
            assert_eq!(newest[0].call, call(3).to_string());
        });
    }
    /// R23: the talk of a call-back is recorded in the call by which it was made, and a preview's is no queue's caller: each
    /// is its agent's, once. What waited before, in the call in which the call-back was wanted, is not.
    #[test]
    fn talks_of_call_backs_and_previews_are_their_agents() {
        let dir = tempfile::tempdir().unwrap();
        let (wanted, made, shown) = (call(1), call(4), call(5));
        let answered = |call, agent: &str, by: Option<CallId>| {
            let (agent, back) = (agent.to_owned(), by.is_some());
            let what = QueueFact::Answered { agent, waited_ms: 5, rang_ms: 0, back, by };
            FactKind::Queue { queue: "care".into(), call, what }
        };
        let previewed =
            AgentFact::Previewed { call: shown, queue: "spring".into(), before_ms: 9_000 };
        let mut kinds = vec![
            answered(wanted, "7003", None),
            answered(wanted, "7001", Some(made)),
            // The agent sends him into the queue, and has him again.
            answered(made, "7001", None),
            answered(made, "7002", None),
            FactKind::Agent { agent: "7004".into(), what: previewed },
        ];
        for n in [1, 4, 5] {
            kinds.extend(recorded(n, &[]));
        }
        stored(dir.path(), kinds);
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            for unscored in [false, true] {
                let sought = Sought { most: 100, unscored, ..Sought::default() };
                let talks = records.talks(&sought).await.unwrap();
                let own = |talk: super::Talk| {
                    let [agent, queue] = [talk.agent, talk.queue].map(Option::unwrap_or_default);
                    (talk.call, agent, queue)
                };
                let mut own: Vec<_> = talks.into_iter().map(own).collect();
                own.sort();
                let row = |call: CallId, agent: &str, queue: &str| {
                    (call.to_string(), agent.to_owned(), queue.to_owned())
                };
                let all = [
                    row(wanted, "7003", "care"),
                    row(made, "7001", "care"),
                    row(made, "7002", "care"),
                    row(shown, "7004", "spring"),
                ];
                assert_eq!(own, all);
            }
        });
    }

    /// R23: two programs read that a score stands, and both correct it.
    #[test]
    fn of_two_corrections_of_one_score_the_first_stands() {
        let dir = tempfile::tempdir().unwrap();
        let scored = |score: &str, corrects: Option<&str>| {
            FactKind::Scored(Box::new(Scored {
                score: score.into(),
                call: call(1),
                agent: "7001".into(),
                team: None,
                queue: "care".into(),
                form: "service".into(),
                version: 1,
                by: "7900".into(),
                share: 5_000,
                passed: false,
                fatal: false,
                answers: Vec::new(),
                comment: String::new(),
                corrects: corrects.map(str::to_owned),
            }))
        };
        let all = [("a", None), ("b", Some("a")), ("c", Some("a")), ("d", Some("b"))];
        stored(dir.path(), all.map(|(score, corrects)| scored(score, corrects)));
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let all = records.scores(&Sought { most: 9, ..Sought::default() }).await.unwrap();
            let all: Vec<_> = all.into_iter().map(|row| (row.score, row.corrected_by)).collect();
            let row = |score: &str, by: Option<&str>| (score.to_owned(), by.map(str::to_owned));
            assert_eq!(all, [row("d", None), row("b", Some("d")), row("a", Some("b"))]);
            let figures = records.score_figures(false, &Sought::default()).await.unwrap();
            assert_eq!(figures[0].scores, 1, "one stands");
        });
    }
}
