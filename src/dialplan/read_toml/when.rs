//! Conditions: the keys of `when`.

use toml::Spanned;
use toml::de::DeValue;

use super::values::list;
use super::{Reader, entries};
use crate::dialplan::apps::sections::WHEN;
use crate::dialplan::calendar::{Calendar, WEEKDAYS, hours, number_set};
use crate::dialplan::condition::{Subject, Test};
use crate::dialplan::draft::Mentioned;
use crate::dialplan::fault::{Place, did_you_mean};
use crate::dialplan::number::Pattern;
use crate::dialplan::template::Template;

impl Reader<'_, '_, '_> {
    /// All keys of a condition must hold.
    pub(super) fn when(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Test> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong("when", "a table such as { to = \"1001\" }", value.get_ref(), place);
        };
        let mut tests = Vec::new();
        for (key, at, value) in entries(table) {
            if WHEN.iter().any(|p| p.name == key) {
                // A condition that cannot be read never holds; the fault keeps the plan from running.
                tests.push(
                    self.condition(key, value).unwrap_or(Test::Never("it could not be read")),
                );
            } else {
                let what = format!("'{key}' is not a condition");
                self.draft.faults.error(
                    self.source.place(at),
                    what,
                    did_you_mean(key, WHEN.iter().map(|p| p.name)),
                );
            }
        }
        Some(match tests.len() {
            0 => Test::Always,
            1 => tests.remove(0),
            _ => Test::All(tests),
        })
    }

    fn condition(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Test> {
        let place = self.place(value);
        match key {
            "to" => self.patterns(key, value).map(|all| matches("to", all)),
            "from" => self.patterns(key, value).map(|all| matches("from", all)),
            "caller-name" => self.named(key, value).map(|all| matches("caller_name", all)),
            "via" => self.named(key, value).map(|all| matches("via", all)),
            "days" => {
                self.set(key, value, 1, 7, &WEEKDAYS, |set| Calendar::WeekDays((set >> 1) as u8))
            }
            "months" => self.set(key, value, 1, 12, &[], |set| Calendar::Months(set as u16)),
            "month-days" => self.set(key, value, 1, 31, &[], Calendar::MonthDays),
            "hours" => self.hours(value),
            "dates" => {
                let days = self.days(value)?;
                Some(Test::Calendar(Calendar::Dates(days), "one of these dates".into()))
            }
            "holiday" => self.holiday(value),
            "vip" => match value.get_ref() {
                DeValue::Boolean(wanted) => Some(flag("vip", *wanted)),
                other => self.wrong(key, "true or false", other, place),
            },
            "var" => self.variables(value),
            "not" => Some(Test::Not(Box::new(self.when(value)?))),
            "any" => Some(Test::Any(self.several(key, value)?)),
            _ => Some(Test::All(self.several(key, value)?)),
        }
    }

    fn set(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        least: u32,
        most: u32,
        names: &[&str],
        make: fn(u32) -> Calendar,
    ) -> Option<Test> {
        let place = self.place(value);
        let text = self.text(key, value)?;
        match number_set(text.source(), least, most, names) {
            Ok(set) => Some(Test::Calendar(make(set), format!("{key} {}", text.source()))),
            Err(what) => {
                let remedy = if names.is_empty() {
                    format!("write numbers from {least} to {most} such as \"1-3,7\"")
                } else {
                    format!("write days such as \"mon-fri\" or \"sat,sun\" ({})", names.join(", "))
                };
                self.draft.faults.error(place, what, remedy);
                None
            }
        }
    }

    fn hours(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Test> {
        let mut ranges = Vec::new();
        let mut sources = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let text = self.text("hours", item)?;
            match hours(text.source()) {
                Ok(range) => ranges.push(range),
                Err(what) => {
                    let remedy = "write \"08:00-18:00\"; \"22:00-06:00\" runs over midnight";
                    self.draft.faults.error(place, what, remedy);
                }
            }
            sources.push(text.source().to_owned());
        }
        Some(Test::Calendar(Calendar::Hours(ranges), format!("hours {}", sources.join(", "))))
    }

    fn holiday(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Test> {
        if let DeValue::Boolean(wanted) = value.get_ref() {
            let any = Test::Calendar(Calendar::Holiday(Vec::new()), "a holiday".into());
            return Some(if *wanted { any } else { Test::Not(Box::new(any)) });
        }
        let mut lists = Vec::new();
        for item in list(value) {
            let place = self.place(item);
            let name = self.text("holiday", item)?;
            self.draft.mention(Mentioned::Holidays, &name, place);
            lists.push(name.source().to_owned());
        }
        let source = format!("a holiday of {}", lists.join(", "));
        Some(Test::Calendar(Calendar::Holiday(lists), source))
    }

    fn variables(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Test> {
        let place = self.place(value);
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong("var", "a table of variables", value.get_ref(), place);
        };
        let mut tests = Vec::new();
        for (name, _, value) in entries(table) {
            self.draft.read(name, self.place(value));
            tests.push(match value.get_ref() {
                DeValue::Boolean(wanted) => flag(name, *wanted),
                _ => {
                    let patterns = self.variable_patterns(name, value, self.place(value))?;
                    Test::Matches { what: Subject::Text(Template::variable(name)), patterns }
                }
            });
        }
        Some(if tests.len() == 1 { tests.remove(0) } else { Test::All(tests) })
    }

    /// A variable may hold any text, so a value that is no number pattern is taken letter by letter.
    fn variable_patterns(
        &mut self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        place: Place,
    ) -> Option<Vec<crate::dialplan::number::Pattern>> {
        let mut out = Vec::new();
        for item in list(value) {
            let text = self.text(name, item)?;
            let text = text.source();
            let is_pattern = text.starts_with('/')
                || text.chars().all(|c| c.is_ascii_digit() || "*#+".contains(c));
            let spelled = if is_pattern && !text.is_empty() {
                text.to_owned()
            } else {
                format!("/^{}$/", regex::escape(text))
            };
            out.push(self.pattern(&spelled, place)?);
        }
        Some(out)
    }

    fn several(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Vec<Test>> {
        let place = self.place(value);
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong(key, "a list of conditions", value.get_ref(), place);
        };
        let tests: Vec<_> = items.iter().filter_map(|item| self.when(item)).collect();
        if tests.is_empty() {
            self.draft.faults.error(
                place,
                format!("'{key}' lists no condition"),
                "write [{ … }, { … }]",
            );
        }
        Some(tests)
    }
}

/// What came with the call looks like one of these.
fn matches(profile: &'static str, patterns: Vec<Pattern>) -> Test {
    Test::Matches { what: Subject::Profile(profile), patterns }
}

fn flag(name: &str, wanted: bool) -> Test {
    Test::Flag { what: Subject::Text(Template::variable(name)), wanted }
}
