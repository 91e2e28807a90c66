//! Names: every menu, survey, route, context, prompt, phone, gateway … that a step names exists.
//!
//! A name inside of the plan that is not there is an error; one around it (a prompt, a phone) is a warning, for
//! those come and go while the plan runs; a queue or a gateway that is not there loses calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialplan::draft::{Draft, LoadEnv, Mention, Mentioned};
use crate::dialplan::fault::{did_you_mean, nearest};
use crate::dialplan::model::Plan;
use crate::dialplan::say;

use super::reach::may_take;

pub(super) fn check(draft: &mut Draft<'_>) {
    // Gathered once a kind: a plan may have thousands of names, each mentioned as often.
    let mut names = BTreeMap::new();
    for mention in std::mem::take(&mut draft.mentions) {
        let known = names.entry(mention.what).or_insert_with(|| inside(&draft.plan, mention.what));
        match known {
            Some(known) => own(draft, &mention, known),
            None => around(draft, &mention),
        }
    }
    for sent in std::mem::take(&mut draft.sent) {
        let Some(context) = &sent.context else {
            continue;
        };
        let Some(mut routes) = draft.plan.routes_of(context) else {
            continue;
        };
        if !routes.any(|(_, route)| may_take(route, &sent.number)) {
            let what = format!("no route of the context '{context}' takes '{}'", sent.number);
            draft.faults.lose(sent.place, what, "correct the number, or add a route for it");
        }
    }
}

/// The names that the plan itself has of a kind; `None` for kinds around it.
fn inside(plan: &Plan, what: Mentioned) -> Option<BTreeSet<String>> {
    Some(match what {
        Mentioned::Menu => plan.menus.keys().cloned().collect(),
        Mentioned::Survey => plan.surveys.keys().cloned().collect(),
        Mentioned::Sub => plan.subs.keys().cloned().collect(),
        Mentioned::Route => plan.routes.iter().map(|r| r.name.clone()).collect(),
        Mentioned::Context => plan.contexts.keys().cloned().collect(),
        Mentioned::Holidays => plan.holidays.keys().cloned().collect(),
        Mentioned::Service => plan.services.keys().cloned().collect(),
        Mentioned::Query => plan.queries.keys().cloned().collect(),
        Mentioned::Prompt
        | Mentioned::Phone
        | Mentioned::Gateway
        | Mentioned::Music
        | Mentioned::Queue
        | Mentioned::Language => {
            return None;
        }
    })
}

fn own(draft: &mut Draft<'_>, mention: &Mention, known: &BTreeSet<String>) {
    let stands_in = mention.what == Mentioned::Context && known.contains("global");
    if known.contains(&mention.name) || stands_in {
        return;
    }
    let what = format!("there is no {} '{}'", mention.what.word(), mention.name);
    draft.faults.error(
        mention.place,
        what,
        did_you_mean(&mention.name, known.iter().map(String::as_str)),
    );
}

fn around(draft: &mut Draft<'_>, mention: &Mention) {
    let env: &LoadEnv = draft.env;
    let (what, name) = (mention.what, mention.name.as_str());
    let known = match what {
        Mentioned::Prompt => return prompt(draft, mention),
        Mentioned::Language => return language(draft, mention),
        Mentioned::Phone => &env.phones,
        Mentioned::Gateway => &env.gateways,
        Mentioned::Queue => &env.queues,
        _ => &env.music,
    };
    let Some(known) = known.as_ref().filter(|known| !known.contains(name)) else {
        return;
    };
    // A number that is near is somebody else's phone: it is no better guess than any.
    let number = name.chars().all(|c| c.is_ascii_digit() || "+*#".contains(c));
    let remedy = match what {
        Mentioned::Phone if number => {
            format!("add [[phone]] number = \"{name}\", or correct the number")
        }
        _ => did_you_mean(name, known.iter().map(String::as_str)),
    };
    let instead = match what {
        Mentioned::Music if known.contains("default") => ": 'default' is played",
        _ => "",
    };
    let loses = matches!(what, Mentioned::Queue | Mentioned::Gateway);
    let what = format!("there is no {} '{name}'{instead}", what.word());
    match loses {
        true => draft.faults.lose(mention.place, what, remedy),
        false => draft.faults.warn(mention.place, what, remedy),
    }
}

/// A prompt should be there in every language.
fn prompt(draft: &mut Draft<'_>, mention: &Mention) {
    let Some(languages) = &draft.env.prompts else {
        return;
    };
    let name = mention.name.as_str();
    let lacking: Vec<&str> = languages
        .iter()
        .filter(|(_, names)| !names.contains(name))
        .map(|(l, _)| l.as_str())
        .collect();
    if lacking.is_empty() {
        return;
    }
    let (what, remedy) = if lacking.len() == languages.len() {
        let all: BTreeSet<&str> = languages.values().flatten().map(String::as_str).collect();
        let remedy = match nearest(name, all) {
            Some(near) => format!("write '{near}', or add sounds/LANGUAGE/{name}.wav"),
            None => format!("add sounds/LANGUAGE/{name}.wav"),
        };
        (format!("there is no prompt '{name}'"), remedy)
    } else {
        let files: Vec<_> = lacking.iter().map(|l| format!("sounds/{l}/{name}.wav")).collect();
        (
            format!("the prompt '{name}' is not there in {}", lacking.join(", ")),
            format!("add {}", files.join(", ")),
        )
    };
    draft.faults.warn(mention.place, what, remedy);
}

fn language(draft: &mut Draft<'_>, mention: &Mention) {
    let name = mention.name.as_str();
    if let Some(languages) = draft.env.prompts.as_ref().filter(|all| !all.contains_key(name)) {
        let what = format!("there are no prompts in the language '{name}'");
        let remedy = did_you_mean(name, languages.keys().map(String::as_str));
        draft.faults.warn(mention.place, what, remedy);
    } else if !say::knows(name) {
        let what = format!("there are no rules to speak values in '{name}'; English ones are used");
        draft.faults.warn(mention.place, what, "rules are there for zh-CN and en");
    }
}
