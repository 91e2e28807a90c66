//! Surveys for operators and programs: designs read and written, answers with their verdicts, figures, corrections.
//!
//! ```text
//! PUT design ─▶ is it one? ─▶ does all hold with it? ─▶ data_dir/surveys/NAME.toml ─▶ reload ─▶ else as it was
//! correction ─▶ was it asked so? (records) ─▶ the switch: a fact, with who and why
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::files;
use super::orders::Operator;
use crate::api::Problem;
use crate::api::surveys::{Span, Wanted};
use crate::base::CallId;
use crate::console::commands::survey::SurveyOrder;
use crate::console::{Answer, render};
use crate::dialplan::calendar::wall_of;
use crate::dialplan::{File, LoadEnv, Plan};
use crate::report::layout::{Language, Table};
use crate::report::period::{By, period};
use crate::report::survey::{Across, Design, Session, Verdict, View, judge, table};
use crate::store::Records;
use crate::switch::console::Correction;
use crate::switch::{Reply, Request};

/// The longest reason of a correction, in bytes.
const MAX_WHY: usize = 400;
/// Designs are written one after the other.
pub(super) static WRITING: Mutex<()> = Mutex::new(());

/// A survey's sessions of a span, judged.
pub(super) struct Judged {
    pub(super) sessions: Vec<Session>,
    pub(super) verdicts: Vec<Verdict>,
    pub(super) designs: BTreeMap<String, Design>,
}

/// Reads and judges. Judged is from the beginning of the first day on: of a day the first may count alone.
pub(super) async fn judged(
    database: &Path,
    survey: &str,
    (from, until): (i64, i64),
    zone: &TimeZone,
) -> Result<Judged, String> {
    let records = Records::open(database).await.map_err(|trouble| trouble.to_string())?;
    let since = period(By::Day, from, zone).from;
    let told = |trouble: crate::store::Trouble| trouble.to_string();
    let sessions = records.survey_sessions(survey, since, until).await.map_err(told)?;
    if sessions.len() >= crate::store::surveys::MAX_SESSIONS as usize {
        let most = crate::store::surveys::MAX_SESSIONS;
        return Err(format!("more than {most} were asked in that time: write a shorter one"));
    }
    let designs = records.survey_designs(survey).await.map_err(told)?;
    let verdicts = judge(&sessions, &designs, zone);
    Ok(Judged { sessions, verdicts, designs })
}

impl Judged {
    /// The figures.
    pub(super) fn table(&self, view: &View, language: Language) -> Table {
        table(&self.sessions, &self.verdicts, &self.designs, view, language)
    }
}

/// When a survey began in a call.
async fn began(database: &Path, survey: &str, call: CallId) -> Result<Option<i64>, String> {
    let told = |trouble: crate::store::Trouble| trouble.to_string();
    let records = Records::open(database).await.map_err(told)?;
    records.survey_began(survey, &call.to_string()).await.map_err(told)
}

/// The surveys that somebody was asked.
pub(super) async fn asked(database: &Path) -> Result<Vec<String>, String> {
    let records = Records::open(database).await.map_err(|trouble| trouble.to_string())?;
    records.surveys_asked().await.map_err(|trouble| trouble.to_string())
}

/// The directory of designs that were written by programs.
pub(super) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("surveys")
}

impl Operator {
    /// What a program wants of surveys.
    pub(super) async fn survey_wanted(self: Arc<Self>, wanted: Wanted) -> Result<Value, Problem> {
        match wanted {
            Wanted::List => self.survey_list().await,
            Wanted::Design(name) => {
                let plan = self.plan_now().await?;
                design(&plan, &name).ok_or_else(|| no_survey(&name))
            }
            Wanted::Put(name, body) => {
                let put = move || self.put_design(&name, &body);
                tokio::task::spawn_blocking(put).await.map_err(|_| sudden())?
            }
            Wanted::Delete(name) => {
                let delete = move || self.delete_design(&name);
                tokio::task::spawn_blocking(delete).await.map_err(|_| sudden())?
            }
            Wanted::Answers(survey, span) => self.survey_answers(&survey, &span).await,
            Wanted::Statistics(survey, span) => self.survey_statistics(&survey, &span).await,
            Wanted::Corrections(survey) => {
                let records = Records::open(&self.database()).await.map_err(away)?;
                let all = records.survey_corrections(&survey, None).await.map_err(away)?;
                serde_json::to_value(all).map_err(|e| Problem::unavailable(e.to_string()))
            }
            Wanted::Correct(asked) => {
                let correction = self.looked_up(asked).await?;
                match self.ask_later(Request::Correct(correction)).await {
                    Some(Reply::Done(said)) => Ok(json!({ "done": said })),
                    _ => Err(Problem::unavailable("the exchange does not answer")),
                }
            }
        }
    }

    /// What an operator wants of surveys. Called on a thread of the runtime that may block.
    pub(super) fn survey_order(&self, order: SurveyOrder) -> Answer {
        let runtime = tokio::runtime::Handle::current();
        match order {
            SurveyOrder::List => match runtime.block_on(asked(&self.database())) {
                Ok(names) if names.is_empty() => {
                    Answer::done("no survey has been asked yet", names)
                }
                Ok(names) => Answer::done(names.join("\n"), &names),
                Err(why) => Answer::refused(why),
            },
            SurveyOrder::Answers(survey, call) => runtime.block_on(self.shown(&survey, call)),
            SurveyOrder::Correct(asked) => match runtime.block_on(self.looked_up(asked)) {
                Ok(correction) => match self.ask(Request::Correct(correction)) {
                    Some(Reply::Done(said)) => Answer::done(said, ()),
                    _ => Answer::refused("the exchange does not answer"),
                },
                Err(problem) => Answer::refused(problem.detail),
            },
        }
    }

    /// The answers of a survey's last thirty days, or of one call, with corrections.
    async fn shown(&self, survey: &str, call: Option<CallId>) -> Answer {
        let now = super::clock::Clock::start().now().wall.0;
        let span = match call {
            None => (now - 30 * 86_400_000, i64::MAX),
            // Of one call, that day's: of a caller's the first of the day may count alone.
            Some(call) => match began(&self.database(), survey, call).await {
                Ok(Some(began)) => (began, began.saturating_add(1)),
                Ok(None) => return Answer::refused(format!("{survey} was not asked in {call}")),
                Err(why) => return Answer::refused(why),
            },
        };
        let found = judged(&self.database(), survey, span, &self.zone()).await;
        let Judged { sessions, verdicts, .. } = match found {
            Ok(judged) => judged,
            Err(why) => return Answer::refused(why),
        };
        let mut cells = Vec::new();
        for (session, verdict) in sessions.iter().zip(&verdicts) {
            if call.is_some_and(|call| session.call != call.to_string()) {
                continue;
            }
            for answer in &session.answers {
                cells.push(vec![
                    session.call.clone(),
                    verdict.name().to_owned(),
                    session.agent.clone().unwrap_or_default(),
                    answer.question.clone(),
                    answer.voice.clone().unwrap_or(answer.key.clone()),
                    answer.meaning.clone(),
                    if answer.corrected { "corrected" } else { "" }.to_owned(),
                ]);
            }
        }
        let head = ["CALL", "COUNTS", "ABOUT", "QUESTION", "KEY", "MEANS", ""];
        let data = json!(cells);
        Answer { data, ..Answer::done(render::table(&head, cells, "no answers"), ()) }
    }

    async fn survey_list(self: Arc<Self>) -> Result<Value, Problem> {
        let plan = self.plan_now().await?;
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        for name in asked(&self.database()).await.unwrap_or_default() {
            names.insert(name, None);
        }
        for (name, _) in plan.surveys() {
            let version = plan.survey_design(name).map(|(version, _)| version.to_owned());
            names.insert(name.to_owned(), version);
        }
        let row = |(name, version)| json!({ "survey": name, "version": version });
        Ok(names.into_iter().map(row).collect())
    }

    async fn survey_answers(&self, survey: &str, span: &Span) -> Result<Value, Problem> {
        let view = self.view(span)?;
        let zone = self.zone();
        let found = judged(&self.database(), survey, (view.from, view.until), &zone).await;
        let judged = found.map_err(Problem::unavailable)?;
        let both = judged.sessions.iter().zip(&judged.verdicts);
        let inside = both.filter(|(session, _)| session.began >= view.from);
        let row = |(session, verdict): (&Session, &Verdict)| {
            let answer = |a: &crate::report::survey::Answered| {
                json!({ "question": a.question, "key": a.key, "meaning": a.meaning,
                        "recording": a.voice, "corrected": a.corrected })
            };
            json!({
                "call": session.call, "version": session.version, "caller": session.caller,
                "agent": session.agent, "team": session.team, "queue": session.queue,
                "began": session.began, "over": session.over, "verdict": verdict.name(),
                "answers": session.answers.iter().map(answer).collect::<Vec<_>>(),
            })
        };
        Ok(inside.map(row).collect())
    }

    async fn survey_statistics(&self, survey: &str, span: &Span) -> Result<Value, Problem> {
        let view = self.view(span)?;
        let found = judged(&self.database(), survey, (view.from, view.until), &view.zone).await;
        let judged = found.map_err(Problem::unavailable)?;
        let table = judged.table(&view, Language::English);
        let columns: Vec<Value> = table
            .keys
            .iter()
            .zip(&table.headings)
            .map(|(key, heading)| json!({ "key": key, "heading": heading }))
            .collect();
        Ok(json!({
            "survey": survey, "from": view.from, "until": view.until,
            "columns": columns, "rows": super::report::rows(&table),
        }))
    }

    fn view(&self, span: &Span) -> Result<View, Problem> {
        let zone = self.zone();
        let time = |text: &Option<String>, usual: i64| match text {
            None => Ok(usual),
            Some(text) => wall_of(text, &zone).map(|wall| wall.0).ok_or_else(|| {
                Problem::unprocessable(format!(
                    "'{}' is no time: write it as 2026-11-01 or 2026-11-01 08:00",
                    text.escape_debug()
                ))
            }),
        };
        let now = super::clock::Clock::start().now().wall.0;
        let from = time(&span.from, period(By::Day, now, &zone).from)?;
        let until = time(&span.to, now.saturating_add(1))?;
        let word = span.by.as_deref().unwrap_or("total");
        let by = By::named(word).ok_or_else(|| {
            Problem::unprocessable("`by` is hour, day, week, month, quarter, year or total")
        })?;
        let word = span.across.as_deref().unwrap_or("nothing");
        let across = Across::named(word).ok_or_else(|| {
            Problem::unprocessable("`across` is agent, team, queue or question:NAME")
        })?;
        Ok(View { from, until, by, across, zone })
    }

    /// A correction that makes sense: the call was asked this question, and it has that key.
    async fn looked_up(&self, asked: Correction) -> Result<Correction, Problem> {
        let Correction { call, survey, question, key, by, why, .. } = asked;
        if why.len() > MAX_WHY || why.contains(char::is_control) {
            let what = format!("the reason is at most {MAX_WHY} bytes in one line");
            return Err(Problem::unprocessable(what));
        }
        let records = Records::open(&self.database()).await.map_err(away)?;
        let version = records.survey_of_call(&survey, call).await.map_err(away)?;
        let version = version
            .ok_or_else(|| Problem::not_found(format!("call {call} was not asked '{survey}'")))?;
        let designs = records.survey_designs(&survey).await.map_err(away)?;
        let design = designs.get(&version).ok_or_else(|| {
            Problem::conflict("it was asked before designs were kept: it cannot be corrected")
        })?;
        let meaning = design.meaning(&question, &key).map(str::to_owned).ok_or_else(|| {
            let what = format!("'{survey}' has no question '{question}' with a key '{key}'");
            Problem::unprocessable(what)
        })?;
        Ok(Correction { call, survey, question, key, meaning, by, why })
    }

    async fn plan_now(&self) -> Result<Arc<Plan>, Problem> {
        let source = self.source().clone();
        let loaded = tokio::task::spawn_blocking(move || files::load(&source).map(|l| l.plan));
        let loaded = loaded.await.map_err(|_| sudden())?;
        loaded.map_err(|faults| Problem::unavailable(files::lines(&faults)))
    }

    /// Writes a design down and puts it in force, or nothing.
    fn put_design(&self, name: &str, body: &Value) -> Result<Value, Problem> {
        if !is_file_name(name) {
            return Err(Problem::unprocessable(
                "a survey's name is of letters, digits, '-' and '_'",
            ));
        }
        let text = text_of(name, body)?;
        let _one = WRITING.lock().expect("no holder panics");
        let dir = directory(&self.config().node.data_dir);
        let path = dir.join(format!("{name}.toml"));
        // Tried first: a file that does not hold with the rest would keep the next start from coming up, should the
        // appliance end before it is taken back.
        let tried = files::load_with_design(self.source(), Some((path.as_path(), text.as_str())));
        if let Err(faults) = tried {
            let lines = files::lines(&faults);
            return Err(Problem::conflict(format!("{lines}nothing was changed")));
        }
        self.put_in_force(&path, Some(&text))?;
        let loaded = files::load(self.source());
        let plan = loaded.map_err(|faults| Problem::unavailable(files::lines(&faults)))?.plan;
        let version = plan.survey_design(name).map(|(version, _)| version.to_owned());
        Ok(json!({ "survey": name, "version": version }))
    }

    /// Takes a design that a program has written away, if nothing uses it.
    fn delete_design(&self, name: &str) -> Result<Value, Problem> {
        let _one = WRITING.lock().expect("no holder panics");
        let path = directory(&self.config().node.data_dir).join(format!("{name}.toml"));
        if !is_file_name(name) || !path.exists() {
            let loaded = files::load(self.source());
            let plan = loaded.map_err(|faults| Problem::unavailable(files::lines(&faults)))?.plan;
            return Err(match plan.file_of_survey(name) {
                Some(file) => Problem::conflict(format!("{file} designs it: take it away there")),
                None => no_survey(name),
            });
        }
        let tried = files::load_with_design(self.source(), Some((path.as_path(), "")));
        if let Err(faults) = tried {
            let lines = files::lines(&faults);
            return Err(Problem::conflict(format!("{lines}nothing was changed")));
        }
        self.put_in_force(&path, None)?;
        Ok(json!({ "done": format!("survey {name} is taken away; its answers stay") }))
    }

    /// A file of a design is written, or (`None`) taken away, and what then holds is put in force; or all stays as it was.
    pub(super) fn put_in_force(&self, path: &Path, text: Option<&str>) -> Result<(), Problem> {
        let cannot =
            |error: std::io::Error| Problem::unavailable(format!("{}: {error}", path.display()));
        if self.is_edited() {
            let what = "somebody has edited the configuration, its accounts or the dialplan since they came into force, and a \
                        program does not put that into force: nothing was changed; an operator reloads first (belfry \
                        console -e reload)";
            return Err(Problem::conflict(what));
        }
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(cannot)?;
        }
        let before = match std::fs::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(error)),
        };
        let put = |bytes: Option<&[u8]>| match bytes {
            Some(bytes) => write_whole(path, bytes),
            None => std::fs::remove_file(path),
        };
        put(text.map(str::as_bytes)).map_err(cannot)?;
        let answer = self.reload_for_program();
        if answer.ok {
            return Ok(());
        }
        put(before.as_deref()).map_err(cannot)?;
        Err(Problem::conflict(answer.text))
    }
}

/// Whether a name of a design can be its file's.
pub(super) fn is_file_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (1..=40).contains(&name.len()) && name.chars().all(fits)
}

/// A design as it would be written in a file, with its version and where it stands.
fn design(plan: &Plan, name: &str) -> Option<Value> {
    let (version, design) = plan.survey_design(name)?;
    let design: Value = serde_json::from_str(design).ok()?;
    Some(
        json!({ "survey": name, "version": version, "file": plan.file_of_survey(name), "design": design }),
    )
}

/// The file of a design, if it is one by itself.
fn text_of(name: &str, body: &Value) -> Result<String, Problem> {
    let whole = json!({ "survey": { name: body } });
    let text = toml::to_string(&whole).map_err(|e| Problem::unprocessable(e.to_string()))?;
    let text =
        format!("# Written by a program, through the API; a later design replaces it.\n\n{text}");
    let file = File { path: "design.toml", text: &text };
    match Plan::load(&[file], &LoadEnv::default()) {
        Ok(_) => Ok(text),
        Err(faults) => {
            let errors = faults.iter().filter(|f| f.severity == crate::dialplan::Severity::Error);
            let lines: Vec<String> =
                errors.map(|fault| format!("{}; {}", fault.what, fault.remedy)).collect();
            Err(Problem::unprocessable(lines.join("\n")))
        }
    }
}

/// By a new file in the place of the old one: there is a whole one at any time.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::File::open(&new)?.sync_all()?;
    std::fs::rename(&new, path)
}

fn no_survey(name: &str) -> Problem {
    Problem::not_found(format!("there is no survey '{}'", name.escape_debug()))
}
fn away(trouble: crate::store::Trouble) -> Problem {
    Problem::unavailable(trouble.to_string())
}
fn sudden() -> Problem {
    Problem::unavailable("the work came to a sudden end: see the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_design_is_written_as_it_was_read() {
        let body = json!({
            "title": "满意度", "complete": true, "shortest": "5 s",
            "intro": ["survey/intro"], "thanks": ["survey/thanks"],
            "questions": [
                { "name": "solved", "prompt": ["survey/solved"], "keys": { "1": "yes", "2": "no" },
                  "next": { "1": "end" } },
                { "name": "why", "prompt": ["survey/why"], "voice": "20 s" },
            ],
        });
        let read = |text: &str| {
            let file = File { path: "a.toml", text };
            Plan::load(&[file], &LoadEnv::default()).expect("a plan").plan
        };
        let plan = read(&text_of("after", &body).expect("a design"));
        let shown = design(&plan, "after").expect("a design");
        assert_eq!(shown["design"]["questions"][0]["next"]["1"], "end");
        assert_eq!(shown["design"]["shortest"], "5000 ms");
        // What was shown can be written again, and is the same version.
        let again = read(&text_of("after", &shown["design"]).expect("a design"));
        assert_eq!(design(&again, "after").expect("a design")["version"], shown["version"]);
        let read = Design::read(&shown["design"].to_string()).expect("figures read it too");
        assert_eq!(read.meaning("solved", "2"), Some("no"));
        assert!(read.questions[1].voice && read.rule.complete && read.rule.shortest_ms == 5_000);
    }

    #[test]
    fn what_is_no_design_is_refused_in_words() {
        for (body, told) in [
            (json!({ "questions": [] }), "asks nothing"),
            (
                json!({ "questions": [{ "name": "a", "prompt": "p", "keys": { "x": "y" } }] }),
                "'x' is not a telephone key",
            ),
            (
                json!({ "questions": [{ "name": "a", "prompt": "p", "keys": { "1": "y" }, "next": { "1": "a" } }] }),
                "no later question",
            ),
            (json!({ "question": [] }), "has no parameter 'question'"),
            (json!("text"), "not a table"),
            (json!({ "title": null, "questions": [] }), ""),
        ] {
            let problem = text_of("s", &body).expect_err("no design");
            assert_eq!(problem.status.as_u16(), 422);
            assert!(problem.detail.contains(told), "{body}: {}", problem.detail);
        }
    }
}
