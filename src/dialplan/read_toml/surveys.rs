//! `[survey.NAME]`: questions with keys or spoken answers, where answers lead, what makes them valid.
//!
//! A branch leads to a later question or to the end, so that no caller is asked for ever. The design goes with the
//! plan as JSON, under a version that follows from it alone: the same design is the same version everywhere.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use toml::Spanned;
use toml::de::DeValue;

use super::Reader;
use crate::dialplan::apps::param::{Arg, Args};
use crate::dialplan::apps::sections::SURVEY;
use crate::dialplan::fault::{Place, did_you_mean};
use crate::dialplan::model::{Media, NamedValue, Next, Question, Survey};

/// The most questions of a survey.
pub const MAX_QUESTIONS: usize = 100;
/// The word that leads to the end.
const END: &str = "end";

/// A question whose branches have not been looked up.
type Asked = (Question, Vec<NamedValue>, Place);

impl Reader<'_, '_, '_> {
    pub(super) fn survey(&mut self, name: &str, place: Place, value: &Spanned<DeValue<'_>>) {
        let Some(mut args) = self.section(&SURVEY, value) else {
            return;
        };
        let questions_place = args.place_of("questions");
        let tables = match args.values.remove("questions") {
            Some((Arg::Tables(tables), _)) => tables,
            _ => Vec::new(),
        };
        let mut asked: Vec<Asked> = Vec::new();
        for table in tables {
            if let Some(question) = self.question(table, &asked) {
                asked.push(question);
            }
        }
        if asked.is_empty() || asked.len() > MAX_QUESTIONS {
            let what = match asked.is_empty() {
                true => format!("the survey '{name}' asks nothing"),
                false => format!("the survey '{name}' has more than {MAX_QUESTIONS} questions"),
            };
            self.draft.faults.error(
                questions_place,
                what,
                "add questions = [{ name = …, prompt = …, keys = { … } }]",
            );
        }
        let questions = self.led(asked);
        let mut survey = Survey {
            place,
            by_code: args.flag("by-code"),
            version: String::new(),
            design: String::new(),
            intro: args.media("intro"),
            thanks: args.media("thanks"),
            invalid: args.media("invalid"),
            questions,
        };
        let title = args.text("title").map_or(String::new(), |title| title.source().to_owned());
        let mut rule = Map::new();
        for flag in ["complete", "once-a-day"] {
            rule.insert(flag.into(), args.flag(flag).into());
        }
        if let Some(ms) = args.time("shortest") {
            rule.insert("shortest".into(), format!("{ms} ms").into());
        }
        survey.design = design(&survey, &title, rule).to_string();
        survey.version = version(&survey.design);
        let twin = self.draft.plan.surveys.get(name).map(|s| s.place);
        if self.is_new("survey", name, place, twin) {
            self.draft.plan.surveys.insert(name.into(), survey);
        }
    }

    fn question(&mut self, mut table: Args, before: &[Asked]) -> Option<Asked> {
        let (place, whole) = (table.place_of("name"), table.place);
        let name = self.fixed(&mut table, "name")?;
        if name == END {
            let what = format!("'{END}' ends a survey and is no name of a question");
            self.draft.faults.error(place, what, "give it another name");
        } else if before.iter().any(|(question, ..)| question.name == name) {
            let what = format!("the survey has two questions '{name}'");
            self.draft.faults.error(place, what, "give it another name");
        }
        // That there are none in `{}` is said where they are read.
        let written = match table.values.remove("keys") {
            Some((Arg::Labels(keys), _)) => Some(keys),
            _ => None,
        };
        let voice_ms = table.time("voice");
        if written.is_some() == voice_ms.is_some() {
            let what = format!("the question '{name}' wants keys, or else voice");
            let remedy = "add keys = { 1 = \"yes\", 2 = \"no\" }, or voice = \"30 s\"";
            self.draft.faults.error(whole, what, remedy);
        }
        let next = table.values("next").unwrap_or_default();
        let question = Question {
            title: table.text("title").map_or(String::new(), |title| title.source().to_owned()),
            prompt: table.media("prompt"),
            keys: written.unwrap_or_default(),
            voice_ms,
            next: Vec::new(),
            tries: table.count("tries").unwrap_or(2) as u8,
            first_ms: table.time("timeout").unwrap_or(8_000),
            name,
        };
        Some((question, next, place))
    }

    /// Looks up where answers lead, and names what no answer leads to.
    fn led(&mut self, asked: Vec<Asked>) -> Vec<Question> {
        let names: Vec<String> = asked.iter().map(|(question, ..)| question.name.clone()).collect();
        let mut reached: BTreeSet<usize> = [0].into();
        let mut questions = Vec::new();
        for (at, (mut question, next, place)) in asked.into_iter().enumerate() {
            for to in next {
                let known = question.keys.iter().any(|(key, _)| *key == to.name);
                if !known && to.name != "else" {
                    let what =
                        format!("'{}' is no key of the question '{}'", to.name, question.name);
                    let keys = question.keys.iter().map(|(key, _)| key.as_str());
                    let remedy = did_you_mean(&to.name, keys.chain(["else"]));
                    self.draft.faults.error(to.place, what, remedy);
                }
                let wanted = to.text.source();
                let place_of = names.iter().position(|name| name == wanted);
                match place_of.filter(|to| *to > at) {
                    Some(later) => {
                        question.next.push((to.name, Next::Question(later as u32)));
                    }
                    None if wanted == END => question.next.push((to.name, Next::End)),
                    None => {
                        let what = format!("'{wanted}' is no later question");
                        let later = names.iter().skip(at + 1).map(String::as_str).chain([END]);
                        self.draft.faults.error(to.place, what, did_you_mean(wanted, later));
                    }
                }
            }
            if !reached.contains(&at) {
                let what = format!("no answer leads to the question '{}'", question.name);
                self.draft.faults.warn(place, what, "lead one there, or take it out");
            }
            let targets = question.next.iter().filter_map(|(_, next)| match next {
                Next::Question(to) => Some(*to as usize),
                Next::End => None,
            });
            reached.extend(targets);
            if goes_on(&question) {
                reached.insert(at + 1);
            }
            questions.push(question);
        }
        questions
    }
}

/// Whether some answer, or none at all, leads to the question behind.
fn goes_on(question: &Question) -> bool {
    !question.next.iter().any(|(key, _)| key == "else")
}

/// The design with the keys of `[survey.NAME]`, so that it can be written as it was read.
fn design(survey: &Survey, title: &str, mut whole: Map<String, Value>) -> Value {
    let names = |media: &[Media]| -> Vec<String> {
        let name = |media: &Media| match media {
            Media::Prompt(name) => Some(name.source().to_owned()),
            _ => None,
        };
        media.iter().filter_map(name).collect()
    };
    let question = |question: &Question| {
        let mut of = Map::new();
        of.insert("name".into(), question.name.as_str().into());
        if !question.title.is_empty() {
            of.insert("title".into(), question.title.as_str().into());
        }
        of.insert("prompt".into(), names(&question.prompt).into());
        if let Some(ms) = question.voice_ms {
            of.insert("voice".into(), format!("{ms} ms").into());
        } else {
            let keys = question.keys.iter().map(|(key, means)| (key.clone(), means.clone().into()));
            of.insert("keys".into(), Value::Object(keys.collect()));
        }
        if !question.next.is_empty() {
            let to = |next: &Next| match next {
                Next::Question(at) => survey.questions[*at as usize].name.as_str(),
                Next::End => END,
            };
            let next = question.next.iter().map(|(key, next)| (key.clone(), to(next).into()));
            of.insert("next".into(), Value::Object(next.collect()));
        }
        of.insert("tries".into(), question.tries.into());
        of.insert("timeout".into(), format!("{} ms", question.first_ms).into());
        Value::Object(of)
    };
    // While branches are at fault some have not been found.
    let questions: Vec<Value> = survey.questions.iter().map(question).collect();
    whole.insert("questions".into(), json!(questions));
    if !title.is_empty() {
        whole.insert("title".into(), title.into());
    }
    whole.insert("by-code".into(), survey.by_code.into());
    for (key, media) in
        [("intro", &survey.intro), ("thanks", &survey.thanks), ("invalid", &survey.invalid)]
    {
        if !media.is_empty() {
            whole.insert(key.into(), names(media).into());
        }
    }
    Value::Object(whole)
}

/// FNV-1a over the design, in sixteen hexadecimal digits.
fn version(design: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", design.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}
