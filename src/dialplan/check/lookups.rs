//! Lookups: a query is given the values that it names, no more and no fewer.

use std::collections::BTreeSet;

use crate::dialplan::draft::Draft;
use crate::dialplan::fault::{Place, did_you_mean};
use crate::dialplan::model::{LookupWhat, Op, Plan};

pub(super) fn check(draft: &mut Draft<'_>) {
    for (place, what, remedy) in faults(&draft.plan) {
        draft.faults.error(place, what, remedy);
    }
}

fn faults(plan: &Plan) -> Vec<(Place, String, String)> {
    let mut found = Vec::new();
    for step in plan.blocks.iter().flatten() {
        let Op::Lookup(op) = &step.op else { continue };
        let LookupWhat::Sql { query: name, with } = &op.what else { continue };
        let Some(query) = plan.queries.get(name) else { continue };
        let given: BTreeSet<&str> = with.iter().map(|value| value.name.as_str()).collect();
        for value in with.iter().filter(|value| !query.values.contains(&value.name)) {
            let what = format!("the query '{name}' has no value ':{}'", value.name);
            let known = query.values.iter().map(String::as_str);
            found.push((value.place, what, did_you_mean(&value.name, known)));
        }
        for lacking in query.values.iter().filter(|value| !given.contains(value.as_str())) {
            let what = format!("the query '{name}' wants ':{lacking}'");
            let remedy = format!("add with = {{ {lacking} = \"${{…}}\" }}");
            found.push((step.place, what, remedy));
        }
    }
    found
}
