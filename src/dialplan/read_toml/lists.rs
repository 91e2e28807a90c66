//! Values that are tables or lists: branches, keys, questions, days, names with values.

use toml::Spanned;
use toml::de::DeValue;

use super::values::list;
use super::{Reader, entries};
use crate::dialplan::apps::param::{Args, Param};
use crate::dialplan::calendar::Days;
use crate::dialplan::effect::{Dial, Keys};
use crate::dialplan::fault::did_you_mean;
use crate::dialplan::lookup;
use crate::dialplan::model::{BlockId, NamedValue};
use crate::dialplan::number::Pattern;
use crate::dialplan::template::Template;

impl Reader<'_, '_, '_> {
    pub(super) fn branches(
        &mut self,
        name: &str,
        words: &'static [&'static str],
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<(String, BlockId)>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of outcomes", value.get_ref(), place);
        };
        let mut out = Vec::new();
        for (outcome, at, steps) in entries(table) {
            if words.contains(&outcome) {
                out.extend(self.steps_of(outcome, steps).map(|block| (outcome.to_owned(), block)));
            } else {
                let what = format!("'{name}' has no outcome '{outcome}'");
                self.draft.faults.error(
                    self.source.place(at),
                    what,
                    did_you_mean(outcome, words.iter().copied()),
                );
            }
        }
        Some(out)
    }

    pub(super) fn menu_keys(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<(Pattern, BlockId)>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of keys", value.get_ref(), place);
        };
        let mut out: Vec<(Pattern, BlockId)> = Vec::new();
        for (keys, at, steps) in entries(table) {
            let pattern = self.pattern(keys, self.source.place(at));
            let block = self.steps_of(keys, steps);
            out.extend(pattern.zip(block));
        }
        Some(out)
    }

    pub(super) fn labels(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<(String, String)>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of keys", value.get_ref(), place);
        };
        let mut out = Vec::new();
        for (key, at, meaning) in entries(table) {
            let keys_only = Keys::parse(key).is_ok()
                && !matches!(key, "any" | "none")
                && (1..=2).contains(&key.len());
            if !keys_only {
                let what = format!("'{key}' is not a telephone key");
                self.draft.faults.error(
                    self.source.place(at),
                    what,
                    "write one or two keys: 1, 10, \"*\"",
                );
            }
            let meaning = self.text(key, meaning)?;
            out.push((key.to_owned(), meaning.source().to_owned()));
        }
        if out.is_empty() {
            self.draft.faults.error(
                place,
                format!("'{name}' has no keys"),
                "write { 1 = \"yes\", 2 = \"no\" }",
            );
        }
        Some(out)
    }

    pub(super) fn headers(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<(String, Template)>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of headers", value.get_ref(), place);
        };
        let mut out = Vec::new();
        for (header, at, text) in entries(table) {
            if !Dial::takes_header(header) {
                let what = format!("'{header}' is no header that a dial may write");
                let remedy = "write X-… or User-to-User; the others are Belfry's own";
                self.draft.faults.error(self.source.place(at), what, remedy);
            }
            out.push((header.to_owned(), self.text(header, text)?));
        }
        if out.len() > Dial::MAX_HEADERS {
            let what = format!("'{name}' has {} headers", out.len());
            let remedy = format!("write {} at most", Dial::MAX_HEADERS);
            self.draft.faults.error(place, what, remedy);
        }
        Some(out)
    }

    /// Names with values; a number, true or false may stand without quotes.
    pub(super) fn named_values(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<NamedValue>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of names and values", value.get_ref(), place);
        };
        if table.len() > lookup::MAX_VALUES {
            let what = format!("'{name}' has {} values", table.len());
            let remedy = format!("write {} at most", lookup::MAX_VALUES);
            self.draft.faults.error(place, what, remedy);
        }
        let mut out = Vec::new();
        for (name, _, value) in entries(table) {
            let (text, bare) = match value.get_ref() {
                DeValue::Boolean(flag) => (Template::plain(&flag.to_string()), true),
                DeValue::Integer(_) | DeValue::Float(_) => (self.text(name, value)?, true),
                _ => (self.text(name, value)?, false),
            };
            out.push(NamedValue { name: name.to_owned(), text, bare, place: self.place(value) });
        }
        Some(out)
    }

    pub(super) fn tables(
        &mut self,
        name: &str,
        params: &'static [Param],
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<Args>> {
        let mut out = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let DeValue::Table(table) = item.get_ref() else {
                return self.wrong(name, "a list of tables", item.get_ref(), place);
            };
            out.push(self.args(name, params, table, place));
        }
        Some(out)
    }

    /// Days as texts or as TOML dates, one or a list.
    pub(super) fn days(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Vec<Days>> {
        let mut out = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let text = match item.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Datetime(date) => date.to_string(),
                other => return self.wrong("dates", "a day such as 2026-10-01", other, place),
            };
            match Days::parse(&text) {
                Ok(days) => out.push(days),
                Err(what) => self.draft.faults.error(
                    place,
                    what,
                    "write 2026-10-01, \"2026-10-01..2026-10-07\" or \"10-01\"",
                ),
            }
        }
        Some(out)
    }

    pub(super) fn pairs(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Vec<(Template, Template)>> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(name, "a table of names and values", value.get_ref(), place);
        };
        let mut out = Vec::new();
        for (name, _, value) in entries(table) {
            let text = match value.get_ref() {
                DeValue::Boolean(flag) => Template::plain(if *flag { "true" } else { "false" }),
                _ => self.text(name, value)?,
            };
            out.push((Template::plain(name), text));
        }
        Some(out)
    }
}
