//! `<condition>`: field and expression, nested `<regex>`, time fields, `break`, nested conditions.

use super::Reader;
use super::tree::Element;
use crate::dialplan::calendar::{Calendar, Field, WEEKDAYS, clock};
use crate::dialplan::condition::{Expression, Subject, Test, spelling};
use crate::dialplan::fault::{did_you_mean, nearest};
use crate::dialplan::model::{Break, Condition};
use crate::dialplan::number::{PatternError, compile};

/// FreeSWITCH's fields of a call, with the name of what the call's entry has for it.
const FIELDS: &[(&str, &str)] = &[
    ("destination_number", "to"),
    ("caller_id_number", "from"),
    ("ani", "from"),
    ("username", "from"),
    ("caller_id_name", "caller_name"),
    ("context", "context"),
    ("network_addr", "network_addr"),
    ("uuid", "call_id"),
    ("source", "source"),
    ("dialplan", "dialplan"),
    ("chan_name", "chan_name"),
    ("rdnis", "rdnis"),
];

/// Fields that FreeSWITCH has and that are always empty here.
const EMPTY_FIELDS: [&str; 5] =
    ["aniii", "ani2", "callee_id_name", "callee_id_number", "privacy_hide_name"];

impl<'a> Reader<'a, '_, '_> {
    pub(super) fn condition(&mut self, element: &'a Element) -> Condition {
        let mut known = vec!["field", "expression", "break", "regex", "require-nested"];
        known.extend(Field::ALL.map(|(name, _, _, _)| name));
        for name in ["tz-offset", "dst"] {
            if element.attribute(name).is_some() {
                let what = format!("the attribute '{name}' is not in Belfry and is not looked at");
                self.warn(
                    element.value_at(name),
                    what,
                    "the zone is the node's; set tod_tz_offset to shift it",
                );
            }
        }
        known.extend(["tz-offset", "dst"]);
        self.attributes(element, &known);
        let test = self.test(element);
        let stop = self.break_of(element);
        let mut nested = Vec::new();
        for child in &element.children {
            match child.name.as_str() {
                "condition" => nested.push(self.condition(child)),
                "action" | "anti-action" | "expression" => {}
                "regex" if element.attribute("regex").is_some() => {}
                "regex" => {
                    let remedy = "add regex=\"all\", \"any\" or \"xor\" to the <condition>";
                    self.error(
                        child.at,
                        "a <regex> in a condition that does not say how they combine",
                        remedy,
                    );
                }
                name => {
                    let what = format!("<{name}> is not known in a condition");
                    let known = ["action", "anti-action", "regex", "expression", "condition"];
                    self.error(child.at, what, did_you_mean(name, known));
                }
            }
        }
        let require_nested = match element.value("require-nested") {
            "" => true,
            text => crate::dialplan::condition::is_true(text),
        };
        let actions = self.actions(element, "action");
        let otherwise = self.actions(element, "anti-action");
        Condition { test, stop, actions, otherwise, nested, require_nested }
    }

    fn break_of(&mut self, element: &Element) -> Break {
        match element.value("break").to_ascii_lowercase().as_str() {
            "" | "on-false" => Break::OnFalse,
            "on-true" => Break::OnTrue,
            "always" => Break::Always,
            "never" => Break::Never,
            other => {
                let known = ["on-false", "on-true", "always", "never"];
                let what = format!("break cannot be '{other}'");
                self.error(element.value_at("break"), what, did_you_mean(other, known));
                Break::OnFalse
            }
        }
    }

    /// What a condition tests: its time fields and its field, or its `<regex>` children.
    fn test(&mut self, element: &'a Element) -> Test {
        let rule = element.value("regex").to_ascii_lowercase();
        if element.attribute("regex").is_none() {
            return self.single(element, "condition");
        }
        let children = element.children.iter().filter(|c| c.name == "regex");
        let tests: Vec<Test> = children
            .map(|child| {
                let mut known = vec!["field", "expression"];
                known.extend(Field::ALL.map(|(name, _, _, _)| name));
                self.attributes(child, &known);
                self.single(child, "regex")
            })
            .collect();
        if tests.is_empty() {
            self.error(
                element.at,
                "the condition combines <regex> and has none",
                "add <regex field=\"…\" expression=\"…\"/>",
            );
        }
        match rule.as_str() {
            "all" => Test::All(tests),
            "any" => Test::Any(tests),
            "xor" => Test::One(tests),
            other => {
                let what = format!("regex cannot be '{other}'");
                self.error(
                    element.value_at("regex"),
                    what,
                    did_you_mean(other, ["all", "any", "xor"]),
                );
                Test::All(tests)
            }
        }
    }

    /// The test of one element's own attributes.
    fn single(&mut self, element: &'a Element, word: &str) -> Test {
        let mut tests: Vec<Test> = Vec::new();
        for (name, field, least, most) in Field::ALL {
            if element.attribute(name).is_some() {
                tests.push(self.time_field(element, name, field, least, most));
            }
        }
        let timed = !tests.is_empty();
        if element.attribute("field").is_some() {
            if timed {
                let what = format!(
                    "a <{word}> with both time fields and a field: FreeSWITCH would let the field alone decide, Belfry wants both"
                );
                self.warn(element.at, what, "write two conditions");
            }
            tests.push(self.field(element));
        } else if element.attribute("expression").is_some() {
            self.error(
                element.value_at("expression"),
                "an expression without a field",
                "add field=\"destination_number\" or the like",
            );
        }
        match tests.len() {
            0 => Test::Always,
            1 => tests.remove(0),
            _ => Test::All(tests),
        }
    }

    fn field(&mut self, element: &'a Element) -> Test {
        let at = element.value_at("field");
        let place = self.place(at);
        let name = self.value(element, "field");
        let what = if name.contains('$') {
            Subject::Text(self.draft.template(&name, place))
        } else if let Some((_, profile)) = FIELDS.iter().find(|(known, _)| *known == name) {
            Subject::Profile(profile)
        } else {
            if EMPTY_FIELDS.contains(&name.as_str()) {
                self.warn(
                    at,
                    format!("the field '{name}' is always empty in Belfry"),
                    "take the condition out",
                );
            } else {
                let near = nearest(&name, FIELDS.iter().map(|(known, _)| *known));
                let remedy = near.map_or(format!("write ${{{name}}} for a variable"), |near| {
                    format!("write '{near}'")
                });
                self.error(at, format!("there is no field '{name}'"), remedy);
            }
            Subject::Text(crate::dialplan::template::Template::plain(""))
        };
        let (source, at) = match element.children.iter().find(|c| c.name == "expression") {
            Some(child) => (self.expand(child.text.trim(), Some(child.text_at)), child.text_at),
            None => (self.value(element, "expression"), element.value_at("expression")),
        };
        self.expression(what, &source, at)
    }

    fn expression(&mut self, what: Subject, source: &str, at: usize) -> Test {
        let (source, ignore_case) = spelling(source);
        if source.contains("${") {
            let place = self.place(at);
            let template = self.draft.template(&source, place);
            return Test::Expression {
                what,
                expression: Expression::Variable { template, ignore_case },
            };
        }
        match compile(&source, ignore_case) {
            Ok(regex) => Test::Expression {
                what,
                expression: Expression::Fixed { source, regex, ignore_case },
            },
            Err(error @ PatternError::LookAround) => {
                self.warn(at, format!("{error}: '{source}' never matches"), error.remedy());
                Test::Never("its expression uses look-around")
            }
            Err(error) => {
                self.error(at, format!("{error}: '{source}'"), error.remedy());
                Test::Never("its expression is wrong")
            }
        }
    }

    fn time_field(
        &mut self,
        element: &Element,
        name: &str,
        field: Field,
        least: i64,
        most: i64,
    ) -> Test {
        let text = self.value(element, name);
        let at = element.value_at(name);
        let source = format!("{name} {text}");
        let ranges = match field {
            Field::TimeOfDay => times_of_day(&text),
            Field::DateTime => date_times(&text),
            Field::WeekDay => week_days(&text),
            _ => numbers(&text, least, most),
        };
        match ranges {
            Ok(ranges) => Test::Calendar(Calendar::Xml(field, ranges), source),
            Err(what) => {
                let remedy = match field {
                    Field::TimeOfDay => "write 09:00-17:00".into(),
                    Field::DateTime => "write 2026-10-01 00:00~2026-10-07 23:59".into(),
                    Field::WeekDay => "write 2-6 or mon-fri; Sunday is 1".into(),
                    _ => format!("write numbers from {least} to {most}, such as {least}-{most}"),
                };
                self.error(at, format!("{name}: {what}"), remedy);
                Test::Never("its time is wrong")
            }
        }
    }
}

/// `9-18`, `1,3,5`.
fn numbers(text: &str, least: i64, most: i64) -> Result<Vec<(i64, i64)>, String> {
    ranges(text, |part| part.parse().ok().filter(|n| (least..=most).contains(n)))
}

/// `2-6`, `mon-fri`; Sunday is 1.
fn week_days(text: &str) -> Result<Vec<(i64, i64)>, String> {
    ranges(text, |part| {
        let lower = part.to_lowercase();
        let named = WEEKDAYS.iter().position(|day| lower.starts_with(day));
        let number = part.parse().ok().filter(|n| (1..=7).contains(n));
        named.map(|monday_zero| (monday_zero as i64 + 1) % 7 + 1).or(number)
    })
}

fn ranges(text: &str, number: impl Fn(&str) -> Option<i64>) -> Result<Vec<(i64, i64)>, String> {
    text.split(',')
        .map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let value = |text: &str| {
                number(text.trim()).ok_or_else(|| format!("there is no '{}'", text.trim()))
            };
            match (value(from)?, value(to)?) {
                (from, to) if from <= to => Ok((from, to)),
                _ => Err(format!("'{}' runs backwards and never holds", part.trim())),
            }
        })
        .collect()
}

/// `09:00-17:00`, `09:00:00-17:00:00`.
fn times_of_day(text: &str) -> Result<Vec<(i64, i64)>, String> {
    text.split(',')
        .map(|part| {
            let (from, to) =
                part.split_once('-').ok_or_else(|| format!("'{part}' is not a range"))?;
            let time = |text: &str| {
                clock(text)
                    .map(i64::from)
                    .ok_or_else(|| format!("there is no time '{}'", text.trim()))
            };
            match (time(from)?, time(to)?) {
                (from, to) if from < to => Ok((from, to)),
                _ => Err(format!("'{}' runs backwards and never holds", part.trim())),
            }
        })
        .collect()
}

/// `2026-10-01 00:00:00~2026-10-07 23:59:59`; a time without seconds begins its minute.
fn date_times(text: &str) -> Result<Vec<(i64, i64)>, String> {
    let moment = |text: &str| {
        let text = text.trim().replacen(' ', "T", 1);
        let at: Result<jiff::civil::DateTime, _> = text.parse();
        at.map(|at| crate::dialplan::calendar::Civil::of(at).epoch_seconds())
            .map_err(|_| format!("there is no date and time '{text}'"))
    };
    text.split(',')
        .map(|part| {
            let (from, to) =
                part.split_once('~').ok_or_else(|| format!("'{part}' is not FROM~TO"))?;
            match (moment(from)?, moment(to)?) {
                (from, to) if from <= to => Ok((from, to)),
                _ => Err(format!("'{}' ends before it begins", part.trim())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_fields_are_read() {
        assert_eq!(numbers("9-18", 0, 23), Ok(vec![(9, 18)]));
        assert_eq!(numbers("1, 3", 1, 12), Ok(vec![(1, 1), (3, 3)]));
        assert!(
            numbers("18-9", 0, 23).is_err()
                && numbers("24", 0, 23).is_err()
                && numbers("x", 0, 23).is_err()
        );
        assert_eq!(week_days("mon-fri"), Ok(vec![(2, 6)]));
        assert_eq!(week_days("sun,7"), Ok(vec![(1, 1), (7, 7)]));
        assert_eq!(times_of_day("09:00-17:30:10"), Ok(vec![(32_400, 63_010)]));
        assert!(times_of_day("17:00-09:00").is_err() && times_of_day("25:00-26:00").is_err());
        assert_eq!(date_times("1970-01-01 00:00:10~1970-01-02 00:00:00"), Ok(vec![(10, 86_400)]));
        assert!(date_times("2026-02-30 00:00~2026-03-01 00:00").is_err());
    }
}
