//! Values of parameters: each by its kind, with a fault that names kind and place when it is not.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Reader, entries};
use crate::dialplan::apps::param::{Arg, Args, Default, Kind, Param, time};
use crate::dialplan::apps::sections::Section;
use crate::dialplan::cause::Cause;
use crate::dialplan::draft::Mentioned;
use crate::dialplan::effect::Keys;
use crate::dialplan::fault::{Place, did_you_mean, nearest};
use crate::dialplan::model::{Media, Reason};
use crate::dialplan::number::{Pattern, PatternError};
use crate::dialplan::template::Template;

impl Reader<'_, '_, '_> {
    /// The parameters of a section.
    pub(super) fn section(
        &mut self,
        section: &Section,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Args> {
        let place = self.place(value);
        match value.get_ref() {
            DeValue::Table(table) => Some(self.args(section.header, section.params, table, place)),
            other => {
                let what = format!("'{}' is {}, not a table", section.name, kind_of(other));
                self.draft.faults.error(place, what, format!("write {}", section.header));
                None
            }
        }
    }

    /// Reads a table's parameters; what is missing gets its default.
    pub(super) fn args(
        &mut self,
        owner: &str,
        params: &'static [Param],
        table: &DeTable<'_>,
        place: Place,
    ) -> Args {
        let mut args = Args { place, values: std::collections::BTreeMap::new() };
        // Parameters that are there, though perhaps wrong or misspelt: none of them is missing.
        let mut given: Vec<&str> = Vec::new();
        for (name, at, value) in entries(table) {
            if self.draft.faults.is_full() {
                break;
            }
            match params.iter().find(|p| p.name == name) {
                Some(param) => {
                    given.push(param.name);
                    let place = self.place(value);
                    if let Some(arg) = self.value(param, value) {
                        args.values.insert(param.name, (arg, place));
                    }
                }
                None => {
                    let what = format!("'{owner}' has no parameter '{name}'");
                    let names = params.iter().map(|p| p.name);
                    given.extend(nearest(name, names.clone()));
                    let remedy = did_you_mean(name, names);
                    self.draft.faults.error(self.source.place(at), what, remedy);
                }
            }
        }
        self.defaults(owner, params, &mut args, &given);
        args
    }

    /// Fills in what was left out; `given` was there, though perhaps wrong.
    pub(super) fn defaults(
        &mut self,
        owner: &str,
        params: &'static [Param],
        args: &mut Args,
        given: &[&str],
    ) {
        for param in params {
            if args.values.contains_key(param.name) {
                continue;
            }
            match param.default {
                Default::Required if !given.contains(&param.name) => {
                    let what = format!("'{owner}' has no '{}'", param.name);
                    let remedy = format!("add {} = … ({})", param.name, param.kind.describe());
                    self.draft.faults.error(args.place, what, remedy);
                }
                Default::Is(text) => {
                    if let Some(value) = param.kind.default_value(text) {
                        args.values.insert(param.name, (value, args.place));
                    }
                }
                Default::Required | Default::Nothing => {}
            }
        }
    }

    /// Reads one value by the parameter's kind.
    pub(super) fn value(&mut self, param: &Param, value: &Spanned<DeValue<'_>>) -> Option<Arg> {
        let place = self.place(value);
        let name = param.name;
        Some(match param.kind {
            Kind::Text => Arg::Text(self.text(name, value)?),
            Kind::Name(_) => Arg::Text(self.text(name, value)?),
            Kind::Names(what) => Arg::Texts(self.names(name, what, value)?),
            Kind::Prompts => Arg::Media(self.prompts(name, value)?),
            Kind::Count(least, most) => Arg::Count(self.count(name, least, most, value)?),
            Kind::Time => Arg::Time(self.time(name, value)?),
            Kind::Flag => match value.get_ref() {
                DeValue::Boolean(flag) => Arg::Flag(*flag),
                other => return self.wrong(name, "true or false", other, place),
            },
            Kind::Keys => Arg::Keys(self.keys(name, value)?),
            Kind::Pattern => Arg::Pattern(self.patterns(name, value)?.into_iter().next()?),
            Kind::Cause => Arg::Cause(self.cause(name, value)?),
            Kind::Choice(words) => {
                let text = self.text(name, value)?;
                match words.iter().find(|w| **w == text.source()) {
                    Some(word) => Arg::Choice(word),
                    None => {
                        let what = format!("'{name}' cannot be '{}'", text.source());
                        self.draft.faults.error(
                            place,
                            what,
                            did_you_mean(text.source(), words.iter().copied()),
                        );
                        return None;
                    }
                }
            }
            Kind::Steps => Arg::Steps(self.steps_of(name, value)?),
            Kind::Branches(words) => Arg::Branches(self.branches(name, words, value)?),
            Kind::When => Arg::When(self.when(value)?),
            Kind::Entries => Arg::Entries(self.menu_keys(name, value)?),
            Kind::Labels => Arg::Labels(self.labels(name, value)?),
            Kind::Tables(params) => Arg::Tables(self.tables(name, params, value)?),
            Kind::Headers => Arg::Headers(self.headers(name, value)?),
            Kind::Values => Arg::Values(self.named_values(name, value)?),
            // Read where they stand: in a condition, in `set`.
            Kind::Days | Kind::Pairs => return None,
        })
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong<T>(
        &mut self,
        name: &str,
        wanted: &str,
        got: &DeValue<'_>,
        place: Place,
    ) -> Option<T> {
        let what = format!("'{name}' wants {wanted}, not {}", kind_of(got));
        self.draft.faults.error(place, what, format!("write {wanted}"));
        None
    }

    /// A text with variables; a number is taken as its digits.
    pub(super) fn text(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Template> {
        let place = self.place(value);
        match value.get_ref() {
            // The text begins behind its quote.
            DeValue::String(text) => {
                Some(self.draft.template(text, Place { column: place.column + 1, ..place }))
            }
            DeValue::Integer(number) if number.radix() == 10 => {
                Some(Template::plain(number.as_str()))
            }
            DeValue::Float(number) => Some(Template::plain(number.as_str())),
            other => self.wrong(name, "a text in quotes", other, place),
        }
    }

    fn names(
        &mut self,
        name: &str,
        what: Mentioned,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Template>> {
        let mut out = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let text = self.text(name, item)?;
            self.draft.mention(what, &text, place);
            out.push(text);
        }
        Some(out)
    }

    fn prompts(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<Media>> {
        let names = self.names(name, Mentioned::Prompt, value)?;
        Some(names.into_iter().map(Media::Prompt).collect())
    }

    fn count(
        &mut self,
        name: &str,
        least: u32,
        most: u32,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<u32> {
        let place = self.place(value);
        let number = match value.get_ref() {
            DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
            other => return self.wrong(name, "a number such as 3", other, place),
        };
        match number.filter(|n| (least..=most).contains(n)) {
            Some(number) => Some(number),
            None => {
                let what = format!("'{name}' is out of range");
                self.draft.faults.error(
                    place,
                    what,
                    format!("write a number from {least} to {most}"),
                );
                None
            }
        }
    }

    fn time(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<u32> {
        let place = self.place(value);
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            other => return self.wrong(name, "a time such as 20 or \"500 ms\"", other, place),
        };
        let ms = time(&text);
        if ms.is_none() {
            let what = format!("'{text}' is not a time");
            self.draft.faults.error(
                place,
                what,
                "write seconds, or \"500 ms\", \"20 s\", \"1 min\", up to 24 h",
            );
        }
        ms
    }

    fn keys(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Keys> {
        let place = self.place(value);
        let text = self.text(name, value)?;
        match Keys::parse(text.source()) {
            Ok(keys) => Some(keys),
            Err(c) => {
                let what = format!("'{c}' is not a telephone key");
                self.draft.faults.error(
                    place,
                    what,
                    "write keys such as \"*#\", or \"any\", or \"none\"",
                );
                None
            }
        }
    }

    /// One pattern or a list of them.
    pub(super) fn patterns(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Pattern>> {
        self.patterns_by(name, value, Pattern::parse)
    }

    /// One name, pattern of numbers or regular expression, or a list of them.
    pub(super) fn named(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Pattern>> {
        self.patterns_by(name, value, Pattern::name)
    }

    fn patterns_by(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        parse: fn(&str) -> Result<Pattern, PatternError>,
    ) -> Option<Vec<Pattern>> {
        let mut out = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let text = match item.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                other => return self.wrong(name, "a number pattern in quotes", other, place),
            };
            out.extend(self.told(&text, parse(&text), place));
        }
        if list(value).is_empty() {
            self.draft.faults.error(
                self.place(value),
                format!("'{name}' lists no pattern"),
                "name one, or leave it out",
            );
        }
        (!out.is_empty()).then_some(out)
    }

    pub(super) fn pattern(&mut self, text: &str, place: Place) -> Option<Pattern> {
        self.told(text, Pattern::parse(text), place)
    }

    fn told(
        &mut self,
        text: &str,
        parsed: Result<Pattern, PatternError>,
        place: Place,
    ) -> Option<Pattern> {
        match parsed {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.draft.faults.error(place, format!("{error}: '{text}'"), error.remedy());
                None
            }
        }
    }

    fn cause(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Option<Reason> {
        let place = self.place(value);
        let text = self.text(name, value)?;
        let Some(fixed) = text.fixed() else {
            return Some(Reason::Text(text));
        };
        if let Some(cause) = Cause::parse(&fixed) {
            return Some(Reason::Fixed(cause));
        }
        let what = format!("'{fixed}' is not a clearing cause");
        let words = Cause::names().filter(|n| n.starts_with(|c: char| c.is_lowercase()));
        self.draft.faults.error(place, what, did_you_mean(&fixed, words));
        None
    }
}

/// The items of a list, or the one value.
pub(super) fn list<'v, 'i>(value: &'v Spanned<DeValue<'i>>) -> Vec<&'v Spanned<DeValue<'i>>> {
    match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        _ => vec![value],
    }
}

/// The type of a value for messages.
pub(super) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
