//! The applications: ONE table from which the parser, `belfry check`, `belfry help app`, completion
//! and docs/dialplan.md are made.
//!
//! Place: the TOML reader finds a step's application here and reads its parameters by their kinds;
//! the XML reader finds FreeSWITCH's spelling here. An application is one `static` with its
//! parameters, its XML forms and the function that makes the step, in the file of its family:
//!
//! ```text
//! call.rs    answer ring hangup transfer record …         input.rs  menu collect survey
//! dial.rs    dial                                         conference.rs  conference
//! sound.rs   play say tone music wait echo …              flow.rs   set if goto call log …
//! lookup.rs  http sql
//! lacking.rs what FreeSWITCH has and Belfry lacks, each with what to do instead
//! ```

pub mod call;
pub mod conference;
pub mod dial;
pub mod flow;
pub mod input;
pub mod lacking;
pub mod lookup;
pub mod param;
mod queue;
pub mod reference;
pub mod sections;
pub mod sound;

use super::draft::{Draft, Mentioned};
use super::fault::Place;
use super::model::Op;
use super::template::Template;
use param::Args;
pub use param::{Default, Kind, Param};
pub use reference::{help, list};

/// One application of the dialplan.
pub struct App {
    /// Its name in TOML.
    pub name: &'static str,
    /// What it does, in one line.
    pub line: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// The parameter that a bare value gives: `{ play = "welcome" }`.
    pub shorthand: Option<&'static str>,
    /// Whether it may stand in `on-hangup`, where the caller is gone.
    pub after_hangup: bool,
    /// FreeSWITCH's spellings.
    pub xml: &'static [Xml],
    /// A step in TOML.
    pub example: &'static str,
    pub(super) build: Build,
}

/// A FreeSWITCH application that becomes this one.
pub struct Xml {
    /// FreeSWITCH's name.
    pub name: &'static str,
    /// How its `data` is read.
    pub data: &'static str,
    pub(super) read: fn(&mut XmlCall<'_, '_>) -> Option<Op>,
}

/// How a step of an application is made.
pub(super) enum Build {
    /// From its parameters.
    Step(fn(&mut Args, &mut Draft<'_>) -> Option<Op>),
    /// From a table of names and values (`set`).
    Pairs(fn(Vec<(Template, Template)>) -> Op),
}

/// One FreeSWITCH action on its way to a step.
pub(super) struct XmlCall<'d, 'e> {
    pub draft: &'d mut Draft<'e>,
    pub app: &'d str,
    pub data: &'d str,
    pub place: Place,
}

impl XmlCall<'_, '_> {
    /// Reads a text with variables.
    pub fn template(&mut self, text: &str) -> Template {
        self.draft.template(text, self.place)
    }
    /// Reports an error in `data` and gives no step.
    pub fn wrong<T>(&mut self, what: impl Into<String>, remedy: impl Into<String>) -> Option<T> {
        self.draft.faults.error(self.place, what.into(), remedy.into());
        None
    }
    /// Reports something that will not do what the file says.
    pub fn lacks(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.draft.faults.warn(self.place, what.into(), remedy.into());
    }
    /// A number of milliseconds or the like; a wrong one is reported.
    pub fn number(&mut self, text: &str, what: &str) -> Option<u32> {
        let text = text.trim();
        match text.parse::<u32>() {
            Ok(n) => Some(n),
            Err(_) => {
                let what = format!("'{text}' is not a number for {what} of '{}'", self.app);
                self.wrong(what, "write digits only")
            }
        }
    }
    /// Notes a name that has to exist.
    pub fn mention(&mut self, what: Mentioned, name: &Template) {
        self.draft.mention(what, name, self.place);
    }
    /// The words of `data`, split at blanks; '…' keeps blanks together, `\'` is a quote.
    pub fn words(&self) -> Vec<String> {
        words(self.data)
    }
}

/// Splits at blanks outside of quotes and of `${…}`.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word: Option<String> = None;
    let (mut quoted, mut braces) = (false, 0usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if matches!(chars.peek(), Some('\'')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted && braces == 0 => out.extend(word.take()),
            c => {
                match c {
                    '{' => braces += 1,
                    '}' => braces = braces.saturating_sub(1),
                    _ => {}
                }
                word.get_or_insert_default().push(c);
            }
        }
    }
    out.extend(word);
    out
}

/// Every application, in the order of the reference page.
pub static APPS: &[&App] = &[
    &call::ANSWER,
    &call::EARLY_MEDIA,
    &call::RING,
    &call::HANGUP,
    &sound::PLAY,
    &sound::SAY,
    &sound::TONE,
    &sound::MUSIC,
    &sound::STOP_MUSIC,
    &sound::WAIT,
    &sound::ECHO,
    &sound::LANGUAGE,
    &input::MENU,
    &input::MENU_AGAIN,
    &input::MENU_BACK,
    &input::MENU_TOP,
    &input::MENU_EXIT,
    &input::COLLECT,
    &input::SURVEY,
    &dial::DIAL,
    &queue::QUEUE,
    &lookup::HTTP,
    &lookup::SQL,
    &conference::CONFERENCE,
    &call::TRANSFER,
    &call::RECORD,
    &call::SEND_DTMF,
    &flow::SET,
    &flow::UNSET,
    &flow::IF,
    &flow::GOTO,
    &flow::CALL,
    &flow::EXTENSION,
    &flow::RETURN,
    &flow::STOP,
    &flow::NOTE,
    &flow::LOG,
    &flow::INFO,
    &call::CHECK_IN,
    &call::ACCEPT,
    &call::ALARM_RECEIVER,
];

/// The application of this TOML name.
pub fn find(name: &str) -> Option<&'static App> {
    APPS.iter().copied().find(|app| app.name == name)
}

/// The names of all applications.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    APPS.iter().map(|app| app.name)
}

/// The application and form of this FreeSWITCH name.
pub(super) fn find_xml(name: &str) -> Option<(&'static App, &'static Xml)> {
    let forms = APPS.iter().flat_map(|app| app.xml.iter().map(move |xml| (*app, xml)));
    forms.into_iter().find(|(_, xml)| xml.name.eq_ignore_ascii_case(name))
}

/// The FreeSWITCH names that Belfry knows, supported or lacking.
pub(super) fn xml_names() -> impl Iterator<Item = &'static str> + Clone {
    let supported = APPS.iter().flat_map(|app| app.xml.iter().map(|xml| xml.name));
    supported.chain(lacking::APPS.iter().map(|lack| lack.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_parameters_are_named_once() {
        let names: BTreeSet<_> = APPS.iter().map(|app| app.name).collect();
        assert_eq!(names.len(), APPS.len());
        let xml: Vec<_> = xml_names().collect();
        assert_eq!(xml.iter().collect::<BTreeSet<_>>().len(), xml.len(), "a FreeSWITCH name twice");
        for app in APPS {
            let params: BTreeSet<_> = app.params.iter().map(|p| p.name).collect();
            assert_eq!(params.len(), app.params.len(), "{}", app.name);
            assert!(app.shorthand.is_none_or(|s| params.contains(s)), "{}", app.name);
        }
    }

    #[test]
    fn words_keep_quotes_and_references_together() {
        assert_eq!(words("2 5 'a b' ${x y} \\'c  ''"), ["2", "5", "a b", "${x y}", "'c", ""]);
    }
}
