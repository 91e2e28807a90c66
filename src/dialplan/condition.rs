//! Conditions: tests on numbers, names, variables and the calendar.
//!
//! Place: a route's `when`, a FreeSWITCH `<condition>`, the `if` step. A test says whether it holds,
//! what its groups caught, and, for `dialplan explain`, why it does not.

use regex::Regex;

use super::calendar::Calendar;
use super::number::{Pattern, compile_late, groups};
use super::template::{Scope, Template};

/// A test that can be asked of a call.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// Holds always: a condition with nothing to test.
    Always,
    /// Cannot be tested here and never holds; says why.
    Never(&'static str),
    /// A value looks like one of the patterns (TOML).
    Matches { what: Subject, patterns: Vec<Pattern> },
    /// A value matches a regular expression (XML), which may have variables in it.
    Expression { what: Subject, expression: Expression },
    /// A variable is `true`, `yes`, `1` or `on`, or is not.
    Flag { what: Subject, wanted: bool },
    /// Civil time.
    Calendar(Calendar, String),
    /// The inner does not hold.
    Not(Box<Test>),
    /// All hold.
    All(Vec<Test>),
    /// One holds at least.
    Any(Vec<Test>),
    /// One holds exactly.
    One(Vec<Test>),
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    /// What came with the call, whatever variables are set: `to`, `from`, …
    Profile(&'static str),
    /// A text with variables.
    Text(Template),
}

impl Subject {
    pub fn name(&self) -> &str {
        match self {
            Subject::Profile(name) => name,
            Subject::Text(template) => template.source(),
        }
    }
    fn value(&self, facts: &dyn Facts) -> String {
        match self {
            Subject::Profile(name) => facts.profile(name),
            Subject::Text(template) => template.expand(facts.scope()),
        }
    }
}

/// A regular expression, compiled at load or, when a variable stands in it, at the test.
#[derive(Clone, Debug)]
pub(super) enum Expression {
    Fixed { source: String, regex: Regex, ignore_case: bool },
    Variable { template: Template, ignore_case: bool },
}

impl Expression {
    pub fn source(&self) -> &str {
        match self {
            Expression::Fixed { source, .. } => source,
            Expression::Variable { template, .. } => template.source(),
        }
    }
    fn test(&self, value: &str, facts: &dyn Facts) -> Option<Vec<String>> {
        match self {
            Expression::Fixed { regex, .. } => groups(regex, value),
            Expression::Variable { template, ignore_case } => {
                // An expression that a variable spoilt matches nothing, as in FreeSWITCH.
                let regex = compile_late(&template.expand(facts.scope()), *ignore_case).ok()?;
                groups(&regex, value)
            }
        }
    }
    /// FreeSWITCH fills `$1` in only when the expression has a group.
    fn has_groups(&self) -> bool {
        self.source().contains('(')
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        let case = |e: &Expression| match e {
            Expression::Fixed { ignore_case, .. } | Expression::Variable { ignore_case, .. } => {
                *ignore_case
            }
        };
        self.source() == other.source() && case(self) == case(other)
    }
}

/// What tests are asked of.
pub(super) trait Facts {
    /// Variables, groups, civil time.
    fn scope(&self) -> &dyn Scope;
    /// What came with the call.
    fn profile(&self, name: &str) -> String;
    /// Whether today is in the holiday list (any list for an empty name).
    fn is_holiday(&self, list: &str) -> bool;
}

/// The outcome of a test.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub holds: bool,
    /// Groups caught, group 0 first; `None` when nothing could catch any.
    pub caught: Option<Vec<String>>,
    /// Why it does not hold.
    pub why: String,
}

impl Outcome {
    fn of(holds: bool, why: impl FnOnce() -> String) -> Outcome {
        Outcome { holds, caught: None, why: if holds { String::new() } else { why() } }
    }
}

/// Whether a variable's value means yes.
pub(super) fn is_true(value: &str) -> bool {
    let yes = ["true", "yes", "on", "t", "y", "1", "enabled"];
    yes.iter().any(|word| value.eq_ignore_ascii_case(word))
}

impl Test {
    /// Asks the test.
    pub fn ask(&self, facts: &dyn Facts) -> Outcome {
        match self {
            Test::Always => Outcome::of(true, String::new),
            Test::Never(why) => Outcome::of(false, || (*why).to_owned()),
            Test::Matches { what, patterns } => matches(&what.value(facts), what, patterns),
            Test::Expression { what, expression } => {
                let value = what.value(facts);
                let caught = expression.test(&value, facts);
                let why = || format!("{} is '{value}', not /{}/", what.name(), expression.source());
                let mut outcome = Outcome::of(caught.is_some(), why);
                outcome.caught = caught.filter(|_| expression.has_groups());
                outcome
            }
            Test::Flag { what, wanted } => {
                let value = what.value(facts);
                let word = if *wanted { "not set" } else { "set" };
                Outcome::of(is_true(&value) == *wanted, || format!("{} is {word}", what.name()))
            }
            Test::Calendar(calendar, source) => {
                let now = facts.scope().civil();
                let holds = calendar.holds(now, &|list, _| facts.is_holiday(list));
                Outcome::of(holds, || {
                    format!("{} is not {source}", now.format("%a %Y-%m-%d %H:%M"))
                })
            }
            Test::Not(inner) => {
                let inner = inner.ask(facts);
                Outcome::of(!inner.holds, || "the opposite holds".into())
            }
            Test::All(tests) => all(tests, facts),
            Test::Any(tests) => {
                let asked = tests.iter().map(|t| t.ask(facts));
                asked
                    .reduce(|a, b| if a.holds { a } else { b })
                    .unwrap_or(Outcome::of(false, || "no test".into()))
            }
            Test::One(tests) => {
                let holding: Vec<_> =
                    tests.iter().map(|t| t.ask(facts)).filter(|o| o.holds).collect();
                match <[Outcome; 1]>::try_from(holding) {
                    Ok([one]) => one,
                    Err(some) => {
                        Outcome::of(false, || format!("{} tests hold, not one", some.len()))
                    }
                }
            }
        }
    }
}

/// One of the patterns must match.
fn matches(value: &str, what: &Subject, patterns: &[Pattern]) -> Outcome {
    let found = patterns.iter().find_map(|p| p.matches(value).map(|caught| (p, caught)));
    let mut outcome = Outcome::of(found.is_some(), || {
        let wanted: Vec<_> = patterns.iter().map(Pattern::source).collect();
        format!("{} is '{value}', not {}", what.name(), wanted.join(" or "))
    });
    outcome.caught = found.filter(|(p, _)| p.has_groups()).map(|(_, caught)| caught);
    outcome
}

/// All must hold; the last that caught groups gives them.
fn all(tests: &[Test], facts: &dyn Facts) -> Outcome {
    let mut sum = Outcome::of(true, String::new);
    for test in tests {
        let outcome = test.ask(facts);
        if !outcome.holds {
            return outcome;
        }
        sum.caught = outcome.caught.or(sum.caught);
    }
    sum
}

impl PartialEq for Test {
    fn eq(&self, other: &Test) -> bool {
        match (self, other) {
            (Test::Always, Test::Always) => true,
            (Test::Matches { what: a, patterns: p }, Test::Matches { what: b, patterns: q }) => {
                a == b && p == q
            }
            (
                Test::Expression { what: a, expression: p },
                Test::Expression { what: b, expression: q },
            ) => a == b && p == q,
            (Test::Flag { what: a, wanted: p }, Test::Flag { what: b, wanted: q }) => {
                a == b && p == q
            }
            (Test::Calendar(a, _), Test::Calendar(b, _)) => a == b,
            (Test::Not(a), Test::Not(b)) => a == b,
            (Test::All(a), Test::All(b))
            | (Test::Any(a), Test::Any(b))
            | (Test::One(a), Test::One(b)) => a == b,
            _ => false,
        }
    }
}

/// Reads FreeSWITCH's spelling of an expression: `/…/i`, `_NXX` (an Asterisk pattern), or plain.
pub(super) fn spelling(text: &str) -> (String, bool) {
    if let Some((expression, flags)) = text.strip_prefix('/').and_then(|t| t.rsplit_once('/')) {
        return (expression.to_owned(), flags.contains('i'));
    }
    match text.strip_prefix('_') {
        Some(pattern) => (asterisk(pattern), false),
        None => (text.to_owned(), false),
    }
}

/// An Asterisk pattern as a regular expression: X, Z, N, `[…]`, `.` (one or more).
fn asterisk(pattern: &str) -> String {
    let mut out = String::from("^");
    for c in pattern.chars() {
        match c {
            'X' | 'x' => out.push_str("[0-9]"),
            'Z' | 'z' => out.push_str("[1-9]"),
            'N' | 'n' => out.push_str("[2-9]"),
            '.' => out.push_str(".+"),
            '[' | ']' | '-' => out.push(c),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::template::tests::Fixed;

    struct Call(Fixed);
    impl Facts for Call {
        fn scope(&self) -> &dyn Scope {
            &self.0
        }
        fn profile(&self, name: &str) -> String {
            if name == "to" { "0755123".into() } else { String::new() }
        }
        fn is_holiday(&self, list: &str) -> bool {
            list == "national"
        }
    }
    fn call() -> Call {
        Call(Fixed([("vip", "Yes"), ("prefix", "^0(\\d)")].into(), None))
    }
    fn to(pattern: &str) -> Test {
        let patterns = vec![Pattern::parse(pattern).unwrap()];
        Test::Matches { what: Subject::Profile("to"), patterns }
    }

    #[test]
    fn patterns_catch_and_say_why_not() {
        assert_eq!(to("0(.)").ask(&call()).caught.unwrap()[1], "755123");
        assert_eq!(to("1xxx").ask(&call()).why, "to is '0755123', not 1xxx");
        assert_eq!(to("0.").ask(&call()).caught, None, "no groups, nothing to fill in");
    }

    #[test]
    fn variables_in_expressions_are_filled_in_when_asked() {
        let expression = Expression::Variable {
            template: Template::parse("${prefix}").unwrap(),
            ignore_case: false,
        };
        let what = Subject::Text(Template::parse("${none}0755").unwrap());
        let test = Test::Expression { what, expression };
        assert!(test.ask(&call()).holds);
    }

    #[test]
    fn tests_combine() {
        let vip = Test::Flag { what: Subject::Text(Template::variable("vip")), wanted: true };
        let holiday =
            Test::Calendar(Calendar::Holiday(vec!["national".into()]), "a holiday".into());
        assert!(Test::All(vec![vip.clone(), holiday.clone()]).ask(&call()).holds);
        assert!(!Test::One(vec![vip.clone(), holiday.clone()]).ask(&call()).holds);
        assert!(Test::One(vec![to("1"), holiday]).ask(&call()).holds);
        assert!(Test::Any(vec![to("1"), vip.clone()]).ask(&call()).holds);
        assert!(!Test::Not(Box::new(vip)).ask(&call()).holds);
        assert!(!Test::Any(vec![]).ask(&call()).holds && Test::All(vec![]).ask(&call()).holds);
    }

    #[test]
    fn freeswitch_spellings() {
        assert_eq!(spelling("/abc/i"), ("abc".into(), true));
        assert_eq!(spelling("_1NXX."), ("^1[2-9][0-9][0-9].+$".into(), false));
        assert_eq!(spelling("^10$"), ("^10$".into(), false));
    }
}
