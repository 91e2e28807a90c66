//! Variables that are read, by texts and conditions, and that nobody sets: they are always empty, and a condition on one never holds.
//!
//! FreeSWITCH has hundreds that Belfry has not; a name may be mistyped, too. Not looked at: names that are
//! made of other variables.

use std::collections::BTreeSet;

use crate::dialplan::draft::Draft;
use crate::dialplan::fault::nearest;
use crate::dialplan::interp::vars::{ALIASES, HEADER, KNOWN};
use crate::dialplan::model::{Op, Plan};

pub(super) fn check(draft: &mut Draft<'_>) {
    let reads = std::mem::take(&mut draft.reads);
    let Some(set) = set_by_steps(&draft.plan) else { return };
    let known = with_given(&set);
    for (name, place) in reads {
        let name = name.as_str();
        if known.contains(name) || name.starts_with(HEADER) || is_global(&draft.plan, name) {
            continue;
        }
        let what =
            format!("the variable '{name}' is set by no step and comes with no call: it is empty");
        let remedy = match nearest(name, known.iter().copied()) {
            Some(near) => format!("write '{near}', or set it"),
            None => "set it, or take it out".to_owned(),
        };
        draft.faults.warn(place, what, remedy);
    }
}

/// Of these variables those that may have a value; `None`: any may.
pub(super) fn that_may_be_set<'n>(
    plan: &Plan,
    names: impl Iterator<Item = &'n str>,
) -> Option<BTreeSet<String>> {
    let set = set_by_steps(plan)?;
    let known = with_given(&set);
    let may =
        |name: &&str| known.contains(name) || name.starts_with(HEADER) || is_global(plan, name);
    Some(names.filter(may).map(str::to_owned).collect())
}

/// With those that come with each call.
fn with_given(set: &BTreeSet<String>) -> BTreeSet<&str> {
    let given = ALIASES.iter().map(|(theirs, _)| *theirs).chain(KNOWN.iter().copied());
    given.chain(set.iter().map(String::as_str)).collect()
}

/// What the files give every call.
fn is_global(plan: &Plan, name: &str) -> bool {
    plan.variables.contains_key(name) || plan.globals.contains_key(name)
}

/// The variables that steps set; `None` when a name depends on the call, so that it may be any.
fn set_by_steps(plan: &Plan) -> Option<BTreeSet<String>> {
    let mut set = BTreeSet::new();
    for step in plan.blocks.iter().flatten() {
        match &step.op {
            Op::Set(pairs) => {
                for (name, _) in pairs {
                    set.insert(name.fixed()?.into_owned());
                }
            }
            Op::Lookup(op) => set.extend(op.take.iter().map(|(name, _)| name.clone())),
            Op::Collect(op) => {
                set.insert(op.into.fixed()?.into_owned());
            }
            _ => {}
        }
    }
    Some(set)
}
