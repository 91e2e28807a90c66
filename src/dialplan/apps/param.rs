//! Parameters of applications and of the plan's sections: name, kind, default, one line.
//!
//! Place: a [`Param`] says how a value is read, checked and documented; the TOML reader turns the
//! value into an [`Arg`], and an application's build function takes it from [`Args`].

use std::collections::BTreeMap;

use crate::dialplan::cause::Cause;
use crate::dialplan::condition::Test;
use crate::dialplan::draft::Mentioned;
use crate::dialplan::effect::Keys;
use crate::dialplan::fault::Place;
use crate::dialplan::model::{BlockId, Media, NamedValue, Reason};
use crate::dialplan::number::Pattern;
use crate::dialplan::template::Template;

/// One parameter.
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What holds when it is left out.
    pub default: Default,
    /// What it means, in one line.
    pub line: &'static str,
}

impl Param {
    /// One that may not be left out.
    pub const fn required(name: &'static str, kind: Kind, line: &'static str) -> Param {
        Param { name, kind, default: Default::Required, line }
    }
    /// One that may be left out, and then there is none.
    pub const fn optional(name: &'static str, kind: Kind, line: &'static str) -> Param {
        Param { name, kind, default: Default::Nothing, line }
    }
    /// One with a default.
    pub const fn with(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        line: &'static str,
    ) -> Param {
        Param { name, kind, default: Default::Is(default), line }
    }
}

/// What a parameter's value is.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A text with variables.
    Text,
    /// A whole number, from and to.
    Count(u32, u32),
    /// A length of time: seconds as a number, or `"500 ms"`, `"20 s"`, `"1 min"`.
    Time,
    /// `true` or `false`.
    Flag,
    /// The name of a thing.
    Name(Mentioned),
    /// One name or a list of names.
    Names(Mentioned),
    /// One prompt or a list of prompts.
    Prompts,
    /// Telephone keys: `"*#"`, `"any"`, `"none"`.
    Keys,
    /// A number pattern.
    Pattern,
    /// A clearing cause: a Q.850 number or name.
    Cause,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of steps.
    Steps,
    /// A table of outcomes, each with a list of steps.
    Branches(&'static [&'static str]),
    /// A condition.
    When,
    /// A table of keys, each with a step or a list of steps.
    Entries,
    /// A table of keys, each with its meaning.
    Labels,
    /// A list of tables with these parameters.
    Tables(&'static [Param]),
    /// A list of days.
    Days,
    /// A table of names and values.
    Pairs,
    /// A table of SIP headers of applications and their values.
    Headers,
    /// A table of names and values, as a parameter.
    Values,
}

/// What holds when a parameter is left out.
#[derive(Clone, Copy)]
pub enum Default {
    /// It may not be left out.
    Required,
    /// Nothing.
    Nothing,
    /// This value, as it would be written in quotes.
    Is(&'static str),
}

impl Kind {
    /// The kind for the reference page.
    pub fn describe(&self) -> String {
        match self {
            Kind::Text => "text".into(),
            Kind::Count(least, most) => format!("number {least}–{most}"),
            Kind::Time => "time".into(),
            Kind::Flag => "true / false".into(),
            Kind::Name(what) => format!("{} name", what.word()),
            Kind::Names(what) => format!("{}, one or a list", what.word()),
            Kind::Prompts => "prompt, one or a list".into(),
            Kind::Keys => "keys".into(),
            Kind::Pattern => "number pattern".into(),
            Kind::Cause => "cause".into(),
            Kind::Choice(words) => words.join(" / "),
            Kind::Steps => "steps".into(),
            Kind::Branches(words) => format!("steps for {}", words.join(", ")),
            Kind::When => "condition".into(),
            Kind::Entries => "keys with steps".into(),
            Kind::Labels => "keys with meanings".into(),
            Kind::Tables(_) => "list of tables".into(),
            Kind::Days => "days".into(),
            Kind::Pairs => "names with values".into(),
            Kind::Headers => "headers with values".into(),
            Kind::Values => "names with values".into(),
        }
    }

    /// The value of a default, which is written as in TOML without its quotes.
    pub(in crate::dialplan) fn default_value(&self, text: &str) -> Option<Arg> {
        Some(match self {
            Kind::Text | Kind::Name(_) => Arg::Text(Template::plain(text)),
            Kind::Count(..) => Arg::Count(text.parse().ok()?),
            Kind::Time => Arg::Time(time(text)?),
            Kind::Flag => Arg::Flag(text.parse().ok()?),
            Kind::Prompts => Arg::Media(vec![Media::Prompt(Template::plain(text))]),
            Kind::Keys => Arg::Keys(Keys::parse(text).ok()?),
            Kind::Cause => Arg::Cause(Reason::Fixed(Cause::parse(text)?)),
            Kind::Choice(words) => Arg::Choice(words.iter().find(|w| **w == text)?),
            _ => return None,
        })
    }
}

/// A length of time in milliseconds: `5` or `"5 s"` are seconds, `"500 ms"`, `"2 min"`, `"1 h"`; at
/// most a day.
pub(in crate::dialplan) fn time(text: &str) -> Option<u32> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim() {
        "ms" => 1.0,
        "" | "s" | "sec" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        _ => return None,
    };
    let ms = number.parse::<f64>().ok()? * unit;
    (0.0..=86_400_000.0).contains(&ms).then_some(ms.round() as u32)
}

/// A parameter's value, read.
#[derive(Debug)]
pub(in crate::dialplan) enum Arg {
    Text(Template),
    Texts(Vec<Template>),
    Count(u32),
    Time(u32),
    Flag(bool),
    Media(Vec<Media>),
    Keys(Keys),
    Pattern(Pattern),
    Cause(Reason),
    Choice(&'static str),
    Steps(BlockId),
    Branches(Vec<(String, BlockId)>),
    When(Test),
    Entries(Vec<(Pattern, BlockId)>),
    Labels(Vec<(String, String)>),
    Tables(Vec<Args>),
    Headers(Vec<(String, Template)>),
    Values(Vec<NamedValue>),
}

/// The values of a step's or section's parameters, each with its place.
#[derive(Debug)]
pub(in crate::dialplan) struct Args {
    /// Where the whole stands.
    pub place: Place,
    pub values: BTreeMap<&'static str, (Arg, Place)>,
}

/// Takes a value of one kind out of [`Args`]; a value that is not there is `None`. The kinds were
/// checked when the value was read.
macro_rules! take {
    ($($(#[$doc:meta])* $name:ident -> $variant:ident($type:ty);)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, param: &str) -> Option<$type> {
            match self.values.remove(param) {
                Some((Arg::$variant(value), _)) => Some(value),
                _ => None,
            }
        }
    )*};
}

impl Args {
    /// The place of a parameter's value, or of the whole.
    pub fn place_of(&self, param: &str) -> Place {
        self.values.get(param).map_or(self.place, |(_, place)| *place)
    }

    take! {
        text -> Text(Template);
        texts -> Texts(Vec<Template>);
        count -> Count(u32);
        time -> Time(u32);
        keys -> Keys(Keys);
        pattern -> Pattern(Pattern);
        cause -> Cause(Reason);
        steps -> Steps(BlockId);
        when -> When(Test);
        choice -> Choice(&'static str);
        headers -> Headers(Vec<(String, Template)>);
        values -> Values(Vec<NamedValue>);
    }

    /// A flag; false when it is not there.
    pub fn flag(&mut self, param: &str) -> bool {
        matches!(self.values.remove(param), Some((Arg::Flag(true), _)))
    }
    /// Prompts; none when it is not there.
    pub fn media(&mut self, param: &str) -> Vec<Media> {
        match self.values.remove(param) {
            Some((Arg::Media(media), _)) => media,
            _ => Vec::new(),
        }
    }
    /// Branches; none when it is not there.
    pub fn branches(&mut self, param: &str) -> Vec<(String, BlockId)> {
        match self.values.remove(param) {
            Some((Arg::Branches(branches), _)) => branches,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::apps::{APPS, sections::SECTIONS};

    #[test]
    fn times_take_units() {
        assert_eq!(time("5"), Some(5_000));
        assert_eq!(time("2.5 s"), Some(2_500));
        assert_eq!(time("500ms"), Some(500));
        assert_eq!(time("1 min"), Some(60_000));
        assert_eq!((time("5 days"), time(""), time("-1"), time("25 h")), (None, None, None, None));
    }

    #[test]
    fn every_default_can_be_read() {
        let sections = SECTIONS.iter().flat_map(|s| s.params);
        for param in APPS.iter().flat_map(|app| app.params).chain(sections) {
            if let Default::Is(text) = param.default {
                assert!(param.kind.default_value(text).is_some(), "{} = {text}", param.name);
            }
        }
    }
}
