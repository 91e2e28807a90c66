//! Finding the way of a call through a context: FreeSWITCH's routing phase.
//!
//! Place: the interpreter asks when a call enters a context. All conditions are asked first; what is
//! collected (the steps to do, in order, each with its groups) runs afterwards. A TOML route is the
//! plain case of one condition; `continue`, `break`, anti-actions, nested conditions and inline
//! actions follow FreeSWITCH's mod_dialplan_xml.
//!
//! ```text
//! for each route:  for each condition:  holds?  yes ─ actions      ─┐ break? ─ nested conditions
//!                                               no  ─ anti-actions ─┘
//!                  matched and not continue ─ done
//! ```
//!
//! Here too, as there: what a route's conditions collected stays collected even if a later condition
//! of the route fails, and the last condition asked decides whether the route matched.

use super::condition::Facts;
use super::model::{BlockId, Break, Condition, Plan, Step};

/// A block to run, with the groups that its condition caught.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Todo {
    pub block: BlockId,
    pub captures: Option<Vec<String>>,
}

/// A route that was asked, and why it did not match.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tried {
    pub route: usize,
    /// `None` when it matched.
    pub why_not: Option<String>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub todo: Vec<Todo>,
    pub tried: Vec<Tried>,
    /// On-hangup steps of the routes that matched.
    pub on_hangup: Vec<BlockId>,
}

impl Found {
    /// Whether there is anything to do: a route matched, or its conditions collected steps.
    pub fn takes_the_call(&self) -> bool {
        !self.todo.is_empty() || self.tried.iter().any(|tried| tried.why_not.is_none())
    }
}

/// The call that looks for its way: facts, and a hand that runs inline steps.
pub(super) trait Hunter {
    fn facts(&self) -> Box<dyn Facts + '_>;
    fn run_inline(&mut self, step: &Step, captures: Option<&[String]>);
}

/// Goes through a context; `None` when there is no such context.
pub(super) fn hunt(plan: &Plan, context: &str, call: &mut dyn Hunter) -> Option<Found> {
    let mut found = Found::default();
    for (at, route) in plan.routes_of(context)? {
        let mut why = String::from("it has no condition");
        let matched = conditions(plan, &route.conditions, call, &mut found, &mut why);
        found.tried.push(Tried { route: at, why_not: (!matched).then_some(why) });
        if matched {
            found.on_hangup.extend(route.on_hangup);
            if !route.goes_on {
                break;
            }
        }
    }
    Some(found)
}

/// Asks the conditions of a route, or those nested in one; whether the route matched.
fn conditions(
    plan: &Plan,
    list: &[Condition],
    call: &mut dyn Hunter,
    found: &mut Found,
    why: &mut String,
) -> bool {
    let mut matched = false;
    for condition in list {
        let outcome = condition.test.ask(&*call.facts());
        matched = outcome.holds;
        let block = if outcome.holds { condition.actions } else { condition.otherwise };
        let steps = plan.block(block);
        if !outcome.holds {
            why.clone_from(&outcome.why);
            // An anti-action makes a match of a miss.
            matched = !steps.is_empty();
        }
        for step in steps.iter().filter(|s| s.inline) {
            call.run_inline(step, outcome.caught.as_deref());
        }
        if steps.iter().any(|s| !s.inline) {
            found.todo.push(Todo { block, captures: outcome.caught });
        }
        match (outcome.holds, condition.stop) {
            (_, Break::Always) | (true, Break::OnTrue) | (false, Break::OnFalse) => break,
            _ => {}
        }
        if matched && !condition.nested.is_empty() {
            let nested = conditions(plan, &condition.nested, call, found, why);
            matched = nested || !condition.require_nested;
            if !matched && condition.stop != Break::Never {
                break;
            }
        }
    }
    matched
}
