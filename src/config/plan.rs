//! Keys about response plans (R15): who helps, and what is done step by step.

use core::time::Duration;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::DeValue;

use super::Config;
use super::choice::{CareFlag, CareNeed, PlanStart};
use super::name::{Label, Name, Number};
use super::setting::{Reader, Setting, Wrong, read_text, section};

section! {
    /// Who helps: a hospital, the police, volunteers, an office.
    [[resource]] struct Resource {
        /// Its name, by which plans call it.
        name: Name = required, live;
        /// What it is, such as `"hospital"`: plans may call all of a kind (`"kind:hospital"`).
        kind: Option<Name> = derived, live;
        /// Its number. Without it: it is not called.
        number: Option<Number> = derived, live;
        /// The regions that it serves. Without it: all.
        regions: Option<Vec<Name>> = derived, live;
    }
}

section! {
    /// A response plan: what is done for a case, in the steps of `[[plan_step]]` that name it.
    [[plan]] struct Plan {
        /// Its name.
        name: Name = required, live;
        /// What begins it, for cases that have none yet: `"alarm"`, `"check-in"` (nobody has reported, after the reminders)
        /// or `"hand"` (a person does: `plan start`). Of several that fit the first in the text begins.
        start: PlanStart = "\"hand\"", live;
        /// What help is wanted for. Without it: any.
        needs: Option<Vec<CareNeed>> = derived, live;
        /// The subscriber's region. Without it: any, and nobody's that is known.
        regions: Option<Vec<Name>> = derived, live;
        /// The subscriber's flag. Without it: any, and none.
        flags: Option<Vec<CareFlag>> = derived, live;
    }
}

section! {
    /// A step of a plan, in the order of the text. One whose conditions do not hold is left out.
    [[plan_step]] struct PlanStep {
        /// Of which plan.
        plan: Name = required, live;
        /// Its name.
        name: Name = required, live;
        /// Only for these needs.
        needs: Option<Vec<CareNeed>> = derived, live;
        /// Only for subscribers of these regions.
        regions: Option<Vec<Name>> = derived, live;
        /// Only for subscribers of these flags.
        flags: Option<Vec<CareFlag>> = derived, live;
        /// Only if somebody has taken the case on before (`true`), or nobody has (`false`).
        accepted: Option<bool> = derived, live;
        /// Who is called, in this order: `"contacts"`, `"contact:1"`, a resource's name, `"kind:hospital"`. Who answers is in
        /// the context `care-plan`. Without it: nobody, and the plan goes on at once.
        call: Option<Vec<Called>> = derived, live;
        /// So many of them at a time.
        at_once: u32 = "1" in ["1", "20"], live;
        /// So many have to take it on, by a key (step `accept`), and the plan goes on with `next`; as many as there are, where
        /// there are fewer.
        want: u32 = "1" in ["1", "20"], live;
        /// How often all are called.
        rounds: u32 = "1" in ["1", "10"], live;
        /// Between two rounds.
        pause: Duration = "\"1 min\"" in ["\"0 s\"", "\"1 h\""], live;
        /// How long one rings.
        ring: Duration = "\"30 s\"" in ["\"5 s\"", "\"5 min\""], live;
        /// After this it goes on with `otherwise`; who still rings is called off.
        within: Duration = "\"10 min\"" in ["\"10 s\"", "\"24 h\""], live;
        /// What they are told: a prompt, which the context `care-plan` has as `${plan_say}`.
        say: Option<Label> = derived, live;
        /// The step with which it goes on, or `"end"`. Without it: the following one.
        next: Option<Name> = derived, live;
        /// The step with which it goes on where nobody takes it on, or `"end"`. Without it: the following one.
        otherwise: Option<Name> = derived, live;
    }
}

/// Whom a step calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Called {
    /// `"contacts"`.
    Contacts,
    /// `"contact:1"`.
    Contact(u32),
    /// `"kind:hospital"`.
    Kind(Name),
    /// A resource's name.
    Resource(Name),
}

/// As many contacts has a subscriber at most.
const MOST_CONTACTS: u32 = 10;

impl Called {
    fn new(text: &str) -> Option<Called> {
        match text.split_once(':') {
            None if text == "contacts" => Some(Called::Contacts),
            None => Name::new(text).map(Called::Resource),
            Some(("contact", nth)) => {
                let nth = nth.parse().ok().filter(|nth| (1..=MOST_CONTACTS).contains(nth));
                nth.map(Called::Contact)
            }
            Some(("kind", kind)) => Name::new(kind).map(Called::Kind),
            Some(_) => None,
        }
    }
}

impl Setting for Called {
    const WRITE: &'static str =
        "\"contacts\", \"contact:1\" (to 10), a resource's name, or \"kind:hospital\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Called> {
        read_text(value, reader, Self::WRITE, |text| {
            Called::new(text).ok_or_else(|| Wrong::not(text, Self::WRITE))
        })
    }
}

/// The keys of resources, plans and steps that take effect only at the next start.
pub(super) fn changed(old: &Config, new: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    for (old, new) in old.resources.iter().zip(&new.resources) {
        changed.extend(old.changed_for_restart(new));
    }
    for (old, new) in old.plans.iter().zip(&new.plans) {
        changed.extend(old.changed_for_restart(new));
    }
    for (old, new) in old.plan_steps.iter().zip(&new.plan_steps) {
        changed.extend(old.changed_for_restart(new));
    }
    changed
}

/// What a plan names is there, and each name stands once.
pub(super) fn check(
    plans: &[(usize, Plan)],
    steps: &[(usize, PlanStep)],
    resources: &[(usize, Resource)],
    reader: &mut Reader<'_>,
) {
    let mut names = BTreeMap::new();
    for (nth, own) in resources {
        if let Some(first) = names.insert(own.name.as_str(), own.at) {
            let what = format!("a resource \"{}\" stands in line {} already", own.name, first.line);
            let place = reader.place("resource", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
    }
    let mut names = BTreeMap::new();
    for (nth, own) in plans {
        if let Some(first) = names.insert(own.name.as_str(), own.at) {
            let what = format!("a plan \"{}\" stands in line {} already", own.name, first.line);
            let place = reader.place("plan", *nth, "name");
            reader.faults.error(&place, what, "give it another name");
        }
        // Steps that were refused are faults of their own.
        if !steps.iter().any(|(_, step)| step.plan == own.name) && !reader.given("plan_step", 0, "")
        {
            let what = format!("plan \"{}\" has no steps", own.name);
            let remedy = format!("add a [[plan_step]] with `plan = \"{}\"`", own.name);
            reader.faults.error(&reader.place("plan", *nth, ""), what, remedy);
        }
    }
    for (at, (nth, step)) in steps.iter().enumerate() {
        check_step(*nth, step, &steps[..at], (plans, steps, resources), reader);
    }
}

type All<'a> = (&'a [(usize, Plan)], &'a [(usize, PlanStep)], &'a [(usize, Resource)]);

fn check_step(
    nth: usize,
    step: &PlanStep,
    before: &[(usize, PlanStep)],
    (plans, steps, resources): All<'_>,
    reader: &mut Reader<'_>,
) {
    if !plans.iter().any(|(_, plan)| plan.name == step.plan) {
        let what = format!("there is no plan \"{}\"", step.plan);
        let remedy = format!("add a [[plan]] with `name = \"{}\"`, or name another", step.plan);
        reader.faults.error(&reader.place("plan_step", nth, "plan"), what, remedy);
    }
    let is_own = |(_, other): &&(usize, PlanStep)| other.plan == step.plan;
    if let Some((_, first)) = before.iter().filter(is_own).find(|(_, own)| own.name == step.name) {
        let what = format!("a step \"{}\" stands in line {} already", step.name, first.at.line);
        let place = reader.place("plan_step", nth, "name");
        reader.faults.error(&place, what, "give it another name");
    }
    for (key, next) in [("next", &step.next), ("otherwise", &step.otherwise)] {
        let Some(next) = next.as_ref().filter(|next| next.as_str() != "end") else { continue };
        if !steps.iter().filter(is_own).any(|(_, own)| own.name == *next) {
            let what = format!("plan \"{}\" has no step \"{next}\"", step.plan);
            let remedy = "name one of its steps, or \"end\"";
            reader.faults.error(&reader.place("plan_step", nth, key), what, remedy);
        }
    }
    for called in step.call.iter().flatten() {
        let (what, remedy) = match called {
            Called::Contacts | Called::Contact(_) => continue,
            Called::Resource(name) => match resources.iter().find(|(_, own)| own.name == *name) {
                None => (
                    format!("there is no resource \"{name}\""),
                    format!("add a [[resource]] with `name = \"{name}\"` and its number"),
                ),
                Some((_, own)) if own.number.is_none() => (
                    format!("the resource \"{name}\" has no number to call"),
                    "give it a `number`".to_owned(),
                ),
                Some(_) => continue,
            },
            Called::Kind(kind) => {
                let is = |own: &Resource| own.kind.as_ref() == Some(kind) && own.number.is_some();
                if resources.iter().any(|(_, own)| is(own)) {
                    continue;
                }
                (
                    format!("no resource of the kind \"{kind}\" has a number"),
                    format!("add a [[resource]] with `kind = \"{kind}\"` and a `number`"),
                )
            }
        };
        reader.faults.error(&reader.place("plan_step", nth, "call"), what, remedy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_step_calls() {
        let name = |text: &str| Name::new(text).unwrap();
        assert_eq!(Called::new("contacts"), Some(Called::Contacts));
        assert_eq!(Called::new("contact:2"), Some(Called::Contact(2)));
        assert_eq!(Called::new("kind:police"), Some(Called::Kind(name("police"))));
        assert_eq!(Called::new("ward-3"), Some(Called::Resource(name("ward-3"))));
        for bad in ["", "contact:0", "contact:11", "contact:x", "kind:", "team:a"] {
            assert_eq!(Called::new(bad), None, "{bad}");
        }
    }

    /// What a plan names and is not there is said, with what to write.
    #[test]
    fn plans_that_name_what_is_missing() {
        let faults = |more: &str| {
            let text =
                format!("[media]\naddress = \"10.0.0.1\"\n[[plan]]\nname = \"fall\"\n{more}");
            match Config::parse(&text) {
                Ok(_) => String::new(),
                Err(all) => all.iter().map(|fault| format!("{} | ", fault.what)).collect(),
            }
        };
        let step = "[[plan_step]]\nplan = \"fall\"\nname = \"a\"\n";
        assert!(faults("").contains("plan \"fall\" has no steps"));
        assert_eq!(faults(&format!("{step}call = [\"contacts\"]\nnext = \"end\"\n")), "");
        assert!(faults(&format!("{step}call = [\"ward\"]\n")).contains("no resource \"ward\""));
        assert!(faults(&format!("{step}call = [\"kind:ward\"]\n")).contains("the kind \"ward\""));
        assert!(faults(&format!("{step}next = \"b\"\n")).contains("has no step \"b\""));
        assert!(faults(&format!("{step}{step}")).contains("\"a\" stands in line"));
        let other = step.replace("fall", "fal");
        assert!(faults(&format!("{step}{other}")).contains("there is no plan \"fal\""));
        let silent = "[[resource]]\nname = \"ward\"\n";
        let named = format!("{step}call = [\"ward\"]\n{silent}");
        assert!(faults(&named).contains("has no number to call"));
        assert!(faults(&format!("{step}{silent}{silent}")).contains("\"ward\" stands in line"));
    }
}
