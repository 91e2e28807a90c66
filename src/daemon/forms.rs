//! Score forms that programs have designed (R23): written, taken away, and read with the configuration.
//!
//! ```text
//! PUT form ─▶ is it one? ─▶ data_dir/forms/NAME.toml ─▶ reload ─▶ else as it was
//! start, reload ─▶ the configuration's forms, and those of data_dir/forms beside them
//! ```
//!
//! A file has the keys of `[[score_form]]` and `[[score_question]]`, and what holds there holds here. One that cannot be
//! used is told, and keeps no appliance from starting.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::copies::Reads;
use super::files::Fault;
use super::orders::Operator;
use super::surveys::{WRITING, is_file_name};
use crate::api::Problem;
use crate::api::forms::{Design, Question, Wanted};
use crate::config::{Config, ScoreForm, ScoreQuestion};

/// Forms of the configuration and of programs together.
const MOST: usize = 50;
/// The largest file of a form that is read, in bytes.
const MOST_BYTES: u64 = 256 * 1_024;
/// A configuration needs no more: a form is checked in one.
const FRAME: &str = "[sip]\nlisten = [\"udp:127.0.0.1:5060\"]\n";

/// The directory of forms that were written by programs.
pub(super) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("forms")
}

/// Puts the forms of programs beside those of the configuration; gives what cannot be used.
pub(super) fn add(config: &mut Config, reads: &Reads) -> Vec<Fault> {
    let dir = directory(&config.node.data_dir);
    let Ok(entries) = fs::read_dir(reads.at(&dir)) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(dir.join(entry.ok()?.file_name())));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    paths.sort();
    let mut faults = Vec::new();
    for path in paths {
        let unused = |what: String| {
            let remedy =
                "mend it by `PUT /v1/quality/forms/NAME`, or take the file away".to_owned();
            let file = path.display().to_string();
            Fault { file, line: 0, column: 0, error: false, what, remedy }
        };
        let (form, questions) = match read(reads, &path) {
            Ok(read) => read,
            Err(why) => {
                faults.push(unused(format!("this score form is not used: {why}")));
                continue;
            }
        };
        if config.score_forms.iter().any(|own| own.name == form.name) {
            let what =
                format!("form \"{}\" is in the configuration, too: that one holds", form.name);
            faults.push(unused(what));
        } else if config.score_forms.len() >= MOST {
            faults.push(unused(format!("there are {MOST} forms: this one is not used")));
        } else {
            config.score_forms.push(form);
            config.score_questions.extend(questions);
        }
    }
    faults
}

fn read(reads: &Reads, path: &Path) -> Result<(ScoreForm, Vec<ScoreQuestion>), String> {
    let length = fs::metadata(reads.at(path)).map_err(|error| error.to_string())?.len();
    if length > MOST_BYTES {
        return Err(format!("it has {length} bytes, and may have {MOST_BYTES}"));
    }
    let text = reads.bytes(path).map_err(|error| error.to_string())?;
    parse(std::str::from_utf8(&text).map_err(|error| error.to_string())?)
}

/// The one form of a text.
fn parse(text: &str) -> Result<(ScoreForm, Vec<ScoreQuestion>), String> {
    let parsed = Config::parse(&format!("{FRAME}{text}"));
    let (config, _) = parsed.map_err(|faults| {
        let lines: Vec<String> =
            faults.iter().map(|fault| format!("{}; {}", fault.what, fault.remedy)).collect();
        lines.join("\n")
    })?;
    let [form] = <[ScoreForm; 1]>::try_from(config.score_forms)
        .map_err(|all| format!("it has {} forms, not one", all.len()))?;
    Ok((form, config.score_questions))
}

#[derive(Serialize)]
struct WrittenForm<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<u32>,
}

#[derive(Serialize)]
struct WrittenQuestion<'a> {
    form: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fatal: Option<bool>,
}

#[derive(Serialize)]
struct Whole<'a> {
    score_form: [WrittenForm<'a>; 1],
    score_question: Vec<WrittenQuestion<'a>>,
}

/// What is empty in a list is nothing.
fn said(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn written<'a>(form: &'a str, own: &'a Question) -> WrittenQuestion<'a> {
    let Question { name, section, text, most, weight, fatal } = own;
    let (most, weight, fatal) = (*most, *weight, *fatal);
    WrittenQuestion { form, name, section: said(section), text, most, weight, fatal }
}

/// The file of a design, if it is a form.
fn text_of(name: &str, design: &Design, version: u32) -> Result<String, Problem> {
    if design.questions.is_empty() {
        return Err(Problem::unprocessable(
            "a form has one question at least: `questions` is empty",
        ));
    }
    let form = WrittenForm { name, title: said(&design.title), version, pass: design.pass };
    let questions = design.questions.iter().map(|own| written(name, own)).collect();
    let whole = Whole { score_form: [form], score_question: questions };
    let text = toml::to_string(&whole).map_err(|e| Problem::unprocessable(e.to_string()))?;
    let text =
        format!("# Written by a program, through the API; a later design replaces it.\n\n{text}");
    parse(&text).map_err(Problem::unprocessable)?;
    Ok(text)
}

impl Operator {
    /// What a program wants of score forms.
    pub(super) async fn form_wanted(self: Arc<Self>, wanted: Wanted) -> Result<Value, Problem> {
        let done = tokio::task::spawn_blocking(move || match wanted {
            Wanted::Put(name, design) => self.put_form(&name, &design),
            Wanted::Delete(name) => self.delete_form(&name),
        });
        let sudden = |_| Problem::unavailable("the work came to a sudden end: see the log");
        done.await.map_err(sudden)?
    }

    fn put_form(&self, name: &str, design: &Design) -> Result<Value, Problem> {
        if !is_file_name(name) {
            let what = "a form's name is of 1 to 40 letters, digits, '-' and '_'";
            return Err(Problem::unprocessable(what));
        }
        let _one = WRITING.lock().expect("no holder panics");
        let config = self.config();
        let path = directory(&config.node.data_dir).join(format!("{name}.toml"));
        let there = config.score_forms.iter().find(|own| own.name.as_str() == name);
        let before = fs::read_to_string(&path).ok();
        if there.is_some() && before.is_none() {
            return Err(of_configuration(name));
        }
        if there.is_none() && config.score_forms.len() >= MOST {
            return Err(Problem::conflict(format!("there are {MOST} forms: take one away first")));
        }
        let last = there.map(|own| own.version);
        let mut version = design.version.or(last).unwrap_or(1);
        let mut text = text_of(name, design, version)?;
        if before.as_ref() == Some(&text) {
            return Ok(json!({ "form": name, "version": version }));
        }
        if let (None, Some(last)) = (design.version, last) {
            version = last.saturating_add(1);
            text = text_of(name, design, version)?;
        }
        self.put_in_force(&path, Some(&text))?;
        Ok(json!({ "form": name, "version": version }))
    }

    fn delete_form(&self, name: &str) -> Result<Value, Problem> {
        let _one = WRITING.lock().expect("no holder panics");
        let config = self.config();
        let path = directory(&config.node.data_dir).join(format!("{name}.toml"));
        if !is_file_name(name) || !path.exists() {
            let there = config.score_forms.iter().any(|own| own.name.as_str() == name);
            return Err(match there {
                true => of_configuration(name),
                false => {
                    let name = name.escape_debug();
                    Problem::not_found(format!("there is no form '{name}'"))
                }
            });
        }
        self.put_in_force(&path, None)?;
        Ok(json!({ "done": format!("form {name} is taken away; scores on it stay") }))
    }
}

fn of_configuration(name: &str) -> Problem {
    Problem::conflict(format!(
        "form '{}' stands in the configuration: change [[score_form]] there",
        name.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(body: Value) -> Design {
        serde_json::from_value(body).expect("a design")
    }

    #[test]
    fn a_design_is_written_and_read_with_the_configuration() {
        let dir = tempfile::tempdir().expect("a folder");
        let body = json!({
            "title": "服务质量", "pass": 70,
            "questions": [
                { "name": "greets", "section": "", "text": "问候并报工号", "most": 5 },
                { "name": "data", "text": "核对 \"身份\"", "most": 1, "fatal": true },
            ],
        });
        let text = text_of("service", &design(body), 3).expect("a form");
        fs::create_dir(dir.path().join("forms")).expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(dir.path().join("forms").join(name), text).expect("a file");
        };
        write("service.toml", &text);
        write("broken.toml", "[[score_form]]\nname = \"broken\"\n");
        write("half.new", "[[score_");
        write(
            "own.toml",
            &text_of("own", &design(json!({ "questions": [{ "name": "a", "text": "b" }] })), 1)
                .unwrap(),
        );
        let own = format!(
            "[node]\ndata_dir = \"{}\"\n{FRAME}[[score_form]]\nname = \"own\"\n\
             [[score_question]]\nform = \"own\"\nname = \"q\"\ntext = \"t\"\n",
            dir.path().display()
        );
        let mut config = Config::parse(&own).expect("a configuration").0;
        let told = add(&mut config, &Reads::of_disk());
        let told: Vec<_> = told.iter().map(|fault| fault.what.as_str()).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("form \"broken\" asks nothing"), "{told:?}");
        assert!(told[1].contains("\"own\" is in the configuration"), "{told:?}");
        let forms: Vec<_> = config
            .score_forms
            .iter()
            .map(|own| (own.name.as_str(), own.version, own.pass))
            .collect();
        assert_eq!(forms, [("own", 1, 80), ("service", 3, 70)]);
        let asked: Vec<_> = config.score_questions.iter().map(|own| own.text.as_str()).collect();
        assert_eq!(asked, ["t", "问候并报工号", "核对 \"身份\""]);
    }

    #[test]
    fn what_is_no_form_is_refused_in_words() {
        for (body, told) in [
            (json!({ "questions": [] }), "one question at least"),
            (json!({ "questions": [{ "name": "a b", "text": "t" }] }), "name"),
            (json!({ "pass": 101, "questions": [{ "name": "a", "text": "t" }] }), "100"),
            (
                json!({ "questions": [{ "name": "a", "text": "t" }, { "name": "a", "text": "u" }] }),
                "question \"a\" of this form",
            ),
        ] {
            let problem = text_of("service", &design(body.clone()), 1).expect_err("no form");
            assert_eq!(problem.status.as_u16(), 422);
            assert!(problem.detail.contains(told), "{body}: {}", problem.detail);
        }
    }
}
