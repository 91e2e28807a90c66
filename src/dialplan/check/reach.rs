//! Reach: routes that an earlier one always takes the calls of, numbers that two routes claim, steps behind the
//! end of a block.

use crate::dialplan::condition::{Expression, Test};
use crate::dialplan::draft::Draft;
use crate::dialplan::model::{Break, Route, Step};

/// The most routes of a context that are compared with each other.
const MAX_COMPARED: usize = 1_000;

pub(super) fn check(draft: &mut Draft<'_>) {
    let (mut found, mut shared) = (Vec::new(), Vec::new());
    let plan = &draft.plan;
    for routes in plan.contexts.values() {
        for (at, later) in routes.iter().enumerate().take(MAX_COMPARED) {
            let later = &plan.routes[*later];
            let Some(wanted) = whole_test(plan, later) else {
                continue;
            };
            let before = routes[..at].iter().map(|r| &plan.routes[*r]).filter(|r| !r.goes_on);
            let mut before = before.into_iter();
            let taker = before.clone().find(|earlier| always_matches(plan, earlier, &wanted));
            let claims = |earlier| Some((earlier, claimed(plan, earlier, &wanted)?));
            if taker.is_none()
                && let Some((earlier, number)) = before.find_map(claims)
            {
                shared.push((
                    later.place,
                    format!(
                        "the number {number} fits the route '{}' and '{}' at {}: that one takes it",
                        later.name,
                        earlier.name,
                        plan.at(earlier.place)
                    ),
                ));
            }
            if let Some(earlier) = taker {
                found.push((
                    later.place,
                    later.name.clone(),
                    earlier.name.clone(),
                    plan.at(earlier.place),
                ));
            }
        }
    }
    for (place, name, earlier, at) in found {
        let what =
            format!("the route '{name}' is never reached: '{earlier}' at {at} takes all its calls");
        draft.faults.warn(place, what, "put it before that one, or narrow that one's condition");
    }
    for (place, what) in shared {
        draft.faults.warn(place, what, "narrow one of them, or put this one before that one");
    }
    let dead: Vec<_> = draft.plan.blocks.iter().filter_map(|block| dead_step(block)).collect();
    for place in dead {
        draft.faults.warn(
            place,
            "this step is never reached: the step before it ends the way",
            "take it out, or move it up",
        );
    }
}

/// The first step behind one that ends its block.
fn dead_step(block: &[Step]) -> Option<crate::dialplan::fault::Place> {
    let end = block.iter().position(|step| step.op.ends_block())?;
    // FreeSWITCH files put a hangup behind everything as a matter of habit.
    block.get(end + 1).filter(|step| !step.freeswitch).map(|step| step.place)
}

/// What has to hold for the route to match, when that is simply all of its conditions.
fn whole_test(plan: &crate::dialplan::model::Plan, route: &Route) -> Option<Test> {
    let simple = |c: &crate::dialplan::model::Condition| {
        c.stop == Break::OnFalse && c.nested.is_empty() && plan.block(c.otherwise).is_empty()
    };
    match route.conditions.as_slice() {
        [] => None,
        [one] if simple(one) => Some(one.test.clone()),
        all if all.iter().all(simple) => {
            Some(Test::All(all.iter().map(|c| c.test.clone()).collect()))
        }
        _ => None,
    }
}

/// Whether the route matches every call for which `wanted` holds.
fn always_matches(plan: &crate::dialplan::model::Plan, route: &Route, wanted: &Test) -> bool {
    if let [one] = route.conditions.as_slice() {
        // Actions when it holds and anti-actions when not: it takes every call.
        if one.nested.is_empty() && !plan.block(one.otherwise).is_empty() {
            return true;
        }
    }
    whole_test(plan, route).is_some_and(|test| covers(&test, wanted))
}

/// A number for which both tests are, where an earlier route takes only some of a later one's calls and no
/// order of the two would be usual: of a narrow pattern before a wide one nothing is said.
fn claimed(plan: &crate::dialplan::model::Plan, earlier: &Route, wanted: &Test) -> Option<String> {
    let numbers = |test: &Test| match test {
        Test::Matches { what, patterns } if is_called(what) => Some(patterns.clone()),
        _ => None,
    };
    let (takes, wants) = (numbers(&whole_test(plan, earlier)?)?, numbers(wanted)?);
    let pairs = takes.iter().flat_map(|p| wants.iter().map(move |q| (p, q)));
    let mut shared = pairs.filter(|(p, q)| p.covers(q) || !q.covers(p));
    shared.find_map(|(p, q)| p.common(q))
}

/// Whether `wide` holds whenever `narrow` does, as far as can be told.
fn covers(wide: &Test, narrow: &Test) -> bool {
    match (wide, narrow) {
        (Test::Always, _) => true,
        (Test::Never(_), _) => false,
        (wide, narrow) if wide == narrow => true,
        (Test::All(all), narrow) => all.iter().all(|wide| covers(wide, narrow)),
        (wide, Test::Any(any)) => !any.is_empty() && any.iter().all(|narrow| covers(wide, narrow)),
        (wide, Test::All(all)) => all.iter().any(|narrow| covers(wide, narrow)),
        (Test::Any(any), narrow) => any.iter().any(|wide| covers(wide, narrow)),
        (Test::Matches { what: a, patterns }, Test::Matches { what: b, patterns: narrow }) => {
            let taken = |n: &crate::dialplan::number::Pattern| {
                patterns
                    .iter()
                    .any(|w| w == n || n.literal().is_some_and(|l| w.matches(l).is_some()))
            };
            a == b && narrow.iter().all(|n| taken(n) || patterns.iter().any(|w| w.covers(n)))
        }
        (
            Test::Expression { what: a, expression },
            Test::Expression { what: b, expression: narrow },
        ) => a == b && literal(narrow).is_some_and(|l| takes(expression, l)),
        (Test::Expression { what: a, expression }, Test::Matches { what: b, patterns }) => {
            a == b && patterns.iter().all(|p| p.literal().is_some_and(|l| takes(expression, l)))
        }
        (Test::Matches { what: a, patterns }, Test::Expression { what: b, expression }) => {
            a == b
                && literal(expression)
                    .is_some_and(|l| patterns.iter().any(|p| p.matches(l).is_some()))
        }
        _ => false,
    }
}

/// The one number that `^1001$` or `^(1001)$` matches.
fn literal(expression: &Expression) -> Option<&str> {
    let Expression::Fixed { source, .. } = expression else {
        return None;
    };
    let inner = source.strip_prefix('^')?.strip_suffix('$')?;
    let inner = inner.strip_prefix('(').and_then(|i| i.strip_suffix(')')).unwrap_or(inner);
    (!inner.is_empty() && inner.bytes().all(|b| b.is_ascii_digit())).then_some(inner)
}

fn takes(expression: &Expression, number: &str) -> bool {
    matches!(expression, Expression::Fixed { regex, .. } if regex.is_match(number))
}

/// Whether a route might take a number: only its tests on the number called are asked.
pub(super) fn may_take(route: &Route, number: &str) -> bool {
    // What breaks and anti-actions do to a match is left aside: any condition that may hold will do.
    route.conditions.is_empty()
        || route.conditions.iter().all(|c| may_hold(&c.test, number) || c.stop != Break::OnFalse)
}

/// Whether a route takes a number whatever else holds of the call.
pub(super) fn surely_takes(route: &Route, number: Option<&str>) -> bool {
    let [one] = route.conditions.as_slice() else {
        return false;
    };
    !route.goes_on && one.nested.is_empty() && surely_holds(&one.test, number)
}

fn is_called(what: &crate::dialplan::condition::Subject) -> bool {
    matches!(what, crate::dialplan::condition::Subject::Profile("to"))
}

fn may_hold(test: &Test, number: &str) -> bool {
    match test {
        Test::Never(_) => false,
        Test::Matches { what, patterns } if is_called(what) => {
            patterns.iter().any(|p| p.matches(number).is_some())
        }
        Test::Expression { what, expression: Expression::Fixed { regex, .. } }
            if is_called(what) =>
        {
            regex.is_match(number)
        }
        Test::All(all) => all.iter().all(|t| may_hold(t, number)),
        Test::Any(any) => any.iter().any(|t| may_hold(t, number)),
        _ => true,
    }
}

fn surely_holds(test: &Test, number: Option<&str>) -> bool {
    match (test, number) {
        (Test::Always, _) => true,
        (Test::Matches { what, patterns }, Some(number)) if is_called(what) => {
            patterns.iter().any(|p| p.matches(number).is_some())
        }
        (Test::Expression { what, expression }, Some(number)) if is_called(what) => {
            takes(expression, number)
        }
        (Test::All(all), _) => all.iter().all(|t| surely_holds(t, number)),
        (Test::Any(any), _) => any.iter().any(|t| surely_holds(t, number)),
        _ => false,
    }
}
