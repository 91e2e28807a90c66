//! `belfry report quality` and `quality-team`: what the scores that stand come to, by agent or team, form and question
//! (R23). A talk counts in the period in which its call began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::acd::quality::{ALL, Answered};
use crate::report::layout::{Cell, Language, Span, Table};
use crate::report::period::{Period, period};
use crate::store::Records;
use crate::store::query::MAX_ROWS;
use crate::store::scores::{ScoreRow, Sought};

/// Scores of so much time are read at once.
const CHUNK_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// The name of those who belong to no team.
const NO_TEAM: &str = "-";

/// Shares of 10,000, added up.
#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    of: u64,
}

impl Sum {
    fn add(&mut self, share: u64) {
        self.count += 1;
        self.of += share;
    }
    fn mean(self) -> Cell {
        let all = self.count as f64 * f64::from(ALL);
        Cell::Share((self.count > 0).then(|| self.of as f64 / all))
    }
}

/// One line.
#[derive(Default)]
struct Line {
    all: Sum,
    passed: u64,
    fatal: u64,
    lowest: Option<u64>,
    forms: BTreeMap<String, Sum>,
    questions: BTreeMap<String, Sum>,
}

impl Line {
    fn add(&mut self, row: &ScoreRow) {
        let share = u64::try_from(row.share).unwrap_or(0);
        self.all.add(share);
        self.passed += u64::from(row.passed);
        self.fatal += u64::from(row.fatal);
        self.lowest = Some(self.lowest.map_or(share, |lowest| lowest.min(share)));
        self.forms.entry(row.form.clone()).or_default().add(share);
        let answers: Vec<Answered> = serde_json::from_str(&row.answers).unwrap_or_default();
        for answer in answers {
            let Some(points) = answer.points else { continue };
            let question = format!("{}/{}", row.form, answer.question.name);
            let share = u64::from(points) * u64::from(ALL) / u64::from(answer.question.most.max(1));
            self.questions.entry(question).or_default().add(share);
        }
    }

    fn cells(&self, forms: &BTreeSet<String>, questions: &BTreeSet<String>) -> Vec<Cell> {
        let passed = self.passed as f64 / self.all.count.max(1) as f64;
        let lowest = self.lowest.map(|lowest| lowest as f64 / f64::from(ALL));
        let own = [
            Cell::Count(self.all.count),
            self.all.mean(),
            Cell::Share((self.all.count > 0).then_some(passed)),
            Cell::Count(self.fatal),
            Cell::Share(lowest),
        ];
        let mean =
            |sums: &BTreeMap<String, Sum>, name| sums.get(name).copied().unwrap_or_default().mean();
        let forms = forms.iter().map(|form| mean(&self.forms, form));
        let questions = questions.iter().map(|question| mean(&self.questions, question));
        own.into_iter().chain(forms).chain(questions).collect()
    }
}

/// The report.
pub(super) async fn table(
    path: &Path,
    by_team: bool,
    span: Span,
    names: &[String],
    language: Language,
) -> Result<Table, String> {
    let records = Records::open(path).await.map_err(|trouble| trouble.to_string())?;
    let mut lines = BTreeMap::new();
    let mut at = span.from;
    while at < span.until {
        let next = span.until.min(at.saturating_add(CHUNK_MS));
        let sought =
            Sought { from: Some(at), until: Some(next), most: MAX_ROWS, ..Sought::default() };
        let rows = records.scores(&sought).await.map_err(|trouble| trouble.to_string())?;
        if rows.len() == MAX_ROWS as usize {
            return Err(format!(
                "a week has more than {MAX_ROWS} scores: that is more than can be counted"
            ));
        }
        rows.iter().for_each(|row| take(&mut lines, row, by_team, &span, names));
        at = next;
    }
    Ok(laid_out(&lines, language))
}

fn take(
    lines: &mut BTreeMap<(Period, String), Line>,
    row: &ScoreRow,
    by_team: bool,
    span: &Span,
    names: &[String],
) {
    let name = match by_team {
        true => row.team.as_deref().unwrap_or(NO_TEAM),
        false => &row.agent,
    };
    let wanted = names.is_empty() || names.iter().any(|own| own == name);
    if row.corrected_by.is_none() && wanted {
        let period = period(span.by, row.begun, &span.zone);
        lines.entry((period, name.to_owned())).or_default().add(row);
    }
}

fn laid_out(lines: &BTreeMap<(Period, String), Line>, language: Language) -> Table {
    let forms: BTreeSet<String> = lines.values().flat_map(|l| l.forms.keys().cloned()).collect();
    let questions: BTreeSet<String> =
        lines.values().flat_map(|line| line.questions.keys().cloned()).collect();
    let head = match language {
        Language::Chinese => ["时段", "名称", "质检数", "平均得分", "合格率", "致命项", "最低得分"],
        Language::English => {
            ["Period", "Name", "Scores", "Avg score", "Passed %", "Fatal", "Lowest"]
        }
    };
    let [form, question] = match language {
        Language::Chinese => ["表单", "题目"],
        Language::English => ["Form", "Question"],
    };
    let headings = head.map(str::to_owned).into_iter();
    let headings = headings
        .chain(forms.iter().map(|name| format!("{form} {name}")))
        .chain(questions.iter().map(|name| format!("{question} {name}")));
    let keys = ["period", "name", "scores", "mean", "passed", "fatal", "lowest"];
    let keys = keys.map(str::to_owned).into_iter();
    let keys = keys
        .chain(forms.iter().map(|name| format!("form:{name}")))
        .chain(questions.iter().map(|name| format!("question:{name}")));
    let line = |((period, name), line): (&(Period, String), &Line)| {
        (period.label.clone(), name.clone(), line.cells(&forms, &questions))
    };
    Table {
        keys: keys.collect(),
        headings: headings.collect(),
        lines: lines.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::period::By;
    use jiff::tz::TimeZone;

    fn row(agent: &str, share: i64, points: Option<u32>) -> ScoreRow {
        let answers = serde_json::json!([{
            "name": "greets", "section": "", "text": "?", "most": 5, "weight": 1, "fatal": false, "points": points,
        }]);
        ScoreRow {
            score: format!("{agent}-{share}"),
            call: "x".into(),
            begun: 1_000,
            agent: agent.into(),
            team: (agent != "7003").then(|| "day".into()),
            queue: "care".into(),
            form: "service".into(),
            version: 1,
            scorer: "7900".into(),
            at: 2_000,
            share,
            passed: share >= 8_000,
            fatal: share == 0,
            answers: answers.to_string(),
            comment: String::new(),
            corrects: None,
            corrected_by: None,
        }
    }

    fn of(rows: &[ScoreRow], by_team: bool) -> Table {
        let span = Span { from: 0, until: 10_000, by: By::Day, zone: TimeZone::UTC };
        let mut lines = BTreeMap::new();
        rows.iter().for_each(|row| take(&mut lines, row, by_team, &span, &[]));
        laid_out(&lines, Language::English)
    }

    #[test]
    fn scores_that_stand_are_counted_by_agent_and_team_form_and_question() {
        let corrected = ScoreRow { corrected_by: Some("y".into()), ..row("7001", 100, Some(0)) };
        let rows = [
            row("7001", 9_000, Some(4)),
            row("7001", 0, None),
            row("7003", 8_000, Some(5)),
            corrected,
        ];
        let table = of(&rows, false);
        let share = |share| Cell::Share(Some(share));
        assert_eq!(table.keys[7..], ["form:service", "question:service/greets"]);
        assert_eq!(table.headings.len(), table.keys.len());
        let (period, name, cells) = &table.lines[0];
        assert_eq!((period.as_str(), name.as_str()), ("1970-01-01", "7001"));
        let wanted = [
            Cell::Count(2),
            share(0.45),
            share(0.5),
            Cell::Count(1),
            share(0.0),
            share(0.45),
            share(0.8),
        ];
        assert_eq!(cells[..], wanted);
        let teams: Vec<String> =
            of(&rows, true).lines.into_iter().map(|(_, name, _)| name).collect();
        assert_eq!(teams, ["-", "day"]);
    }
}
