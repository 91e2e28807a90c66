//! Rounds that only some calls make: a number that its own route sends back to itself, and steps that wait for prompts
//! of which none is there to be played.
//!
//! What is found here is certain, for the number that is found or as long as the prompts are missing.

use std::collections::BTreeSet;

use super::reach::surely_takes;
use crate::dialplan::condition::{Expression, Subject, Test};
use crate::dialplan::draft::LoadEnv;
use crate::dialplan::model::{Media, Op, Route};
use crate::dialplan::number::groups;
use crate::dialplan::template::Template;

/// How often a number has to come back before that is called a circle.
const ROUNDS: usize = 64;
/// Digits that are tried in place of what an expression caught: of each length up to twelve, and with a leading zero.
const DIGITS: &str = "123456789012";

/// A number that a route sends back to itself for ever, by a transfer to what it caught: `/71(\d+)/` and `71$1`. One that
/// grows on the way is cut where a call's is ([`MAX_TEXT`](crate::dialplan::template::MAX_TEXT)).
pub(super) fn comes_again(route: &Route, sent: &Template) -> Option<String> {
    let filled = |caught: &str| sent.with_captures(&vec![caught.to_owned(); 10]);
    let lengths = (1..=DIGITS.len())
        .flat_map(|len| [DIGITS[..len].to_owned(), format!("0{}", &DIGITS[..len])].into_iter());
    lengths.filter_map(|caught| filled(&caught)).find_map(|mut number| {
        for _ in 0..ROUNDS {
            let caught = surely_takes(route, Some(&number)).then(|| caught(route, &number))??;
            number = sent.with_captures(&caught)?;
        }
        Some(number)
    })
}

/// What a route's test on the number called catches of it.
fn caught(route: &Route, number: &str) -> Option<Vec<String>> {
    fn of(test: &Test, number: &str) -> Option<Vec<String>> {
        match test {
            Test::Matches { what: Subject::Profile("to"), patterns } => {
                patterns.iter().find_map(|pattern| pattern.matches(number))
            }
            Test::Expression {
                what: Subject::Profile("to"),
                expression: Expression::Fixed { regex, .. },
            } => groups(regex, number),
            Test::All(all) => all.iter().find_map(|test| of(test, number)),
            _ => None,
        }
    }
    of(&route.conditions.first()?.test, number)
}

/// What may be heard: which prompts there are, and which variables may say something.
pub(super) struct Heard<'e> {
    prompts: Option<BTreeSet<&'e str>>,
    set: Option<BTreeSet<String>>,
}

impl<'e> Heard<'e> {
    /// `set`: the variables that may have a value, if that is known. Without any prompt nothing is said: then all are
    /// missing, which is told in one line.
    pub(super) fn new(env: &'e LoadEnv, set: Option<BTreeSet<String>>) -> Heard<'e> {
        let names = env.prompts.as_ref().map(|all| all.values().flatten().map(String::as_str));
        Heard { prompts: names.map(BTreeSet::from_iter).filter(|all| !all.is_empty()), set }
    }

    /// Whether a step that plays something may play nothing, whatever the call is, and so takes no time.
    pub(super) fn is_silent(&self, op: &Op) -> bool {
        let Op::Play { items, .. } = op else { return false };
        items.iter().all(|item| match item {
            Media::Prompt(name) => self.is_missing(name),
            Media::Silence { ms } => *ms == 0,
            Media::Tone { .. } | Media::Music(_) | Media::Path(_) => false,
        })
    }

    fn is_missing(&self, name: &Template) -> bool {
        let known = |name: &str| self.prompts.as_ref().is_none_or(|all| all.contains(name));
        match (name.fixed(), &self.set) {
            (Some(name), _) => !known(&name),
            (None, Some(set)) if name.reads().iter().all(|read| !set.contains(&**read)) => {
                name.without_values().is_some_and(|left| left.is_empty() || !known(&left))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialplan::fault::Severity;
    use crate::dialplan::{File, LoadEnv, Plan};

    /// Whether a route for these numbers, which transfers to that one, is told to lead back to itself.
    fn comes_back(called: &str, sent: &str) -> bool {
        let text = format!(
            "[[route]]\nname = \"out\"\ncontext = \"agents\"\nwhen = {{ to = '/{called}/' }}\n\
             steps = [{{ transfer = {{ to = '{sent}' }} }}]\n"
        );
        let files = [File { path: "plan.toml", text: &text }];
        let told = Plan::load(&files, &LoadEnv::default()).unwrap_or_else(|f| panic!("{f:?}"));
        let round = |what: &str| what.contains("a number comes to its own route again");
        told.warnings.iter().any(|fault| fault.severity == Severity::Loss && round(&fault.what))
    }

    #[test]
    fn a_number_that_its_route_sends_back_to_itself_is_told() {
        assert!(comes_back(r"^71(\d+)$", "71$1"));
        assert!(!comes_back(r"^71(\d+)$", "$1"));
        assert!(!comes_back(r"^71(\d+)$", "72$1"));
    }

    /// Doubled 64 times it would be longer than any memory.
    #[test]
    fn a_number_that_grows_on_each_round_is_told_and_stays_short() {
        assert!(comes_back(r"^71(\d+)$", "71$1$1"));
        assert!(comes_back(r"(\d+)", "$1$1"));
        assert!(comes_back(r"(\d+)", &"$1".repeat(2_000)));
        assert!(comes_back(r"^71(\d+)$", "71$11"));
        assert!(!comes_back(r"^71(\d{1,20})$", "71$1$1"), "it becomes too long for its own route");
    }
}
