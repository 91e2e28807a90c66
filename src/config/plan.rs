//! Keys about response plans (R15): who helps, and what is done step by step.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeValue;

use super::Config;
use super::choice::{CareFlag, CareNeed, PlanStart};
use super::mail::check_receivers;
use super::name::{EnvName, Label, MailAddress, Name, Number};
use super::secret::Secret;
use super::setting::{Reader, Setting, Wrong, read_text, section};
use crate::base::Url;
use crate::base::week::Window;
use crate::wire::ipp;

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
        /// When it is on duty: `"mon-fri 08:00-18:00"`, `"22:00-06:00"`, by the node's time zone. At other times it is neither
        /// called nor sent anything. Without it: always.
        hours: Option<Vec<Window>> = derived, live;
        /// Who gets a subscriber's sheet by mail there (`[mail] server`), when a step says so (`send`).
        mail: Option<Vec<MailAddress>> = derived, live;
        /// A program there that gets it, by a POST of JSON.
        hook: Option<Url> = derived, live;
        /// With this such a request is signed (HMAC-SHA256), as those of `[[webhook]]` are.
        hook_secret: Option<Secret> = derived, live;
        /// A file whose first line is the secret.
        hook_secret_file: Option<PathBuf> = derived, live;
        /// An environment variable that holds the secret.
        hook_secret_env: Option<EnvName> = derived, live;
        /// A printer there that gets it, by IPP, as plain text in UTF-8.
        printer: Option<Printer> = derived, live;
        /// For how long a program or a printer that does not take it is tried again; for mail that is `[mail] retry_for`.
        retry_for: Duration = "\"15 min\"" in ["\"10 s\"", "\"24 h\""], live;
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
        /// When it begins: `"mon-fri 08:00-18:00"`, `"22:00-06:00"`, by the node's time zone. Without it: at any time.
        hours: Option<Vec<Window>> = derived, live;
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
        /// Only at these times of the week, by the node's time zone: at the others it is left out.
        hours: Option<Vec<Window>> = derived, live;
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
        /// Who gets the subscriber's sheet when the step begins: a resource's name, `"kind:hospital"`. Each has to have `mail`,
        /// `hook` or `printer`, and gets it by all that it has.
        send: Option<Vec<SheetTo>> = derived, live;
        /// The step with which it goes on when as many as `want` have taken it on, or `"end"`. Without it: the end; where
        /// nobody was to be called, the following one.
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

/// Who gets a sheet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SheetTo {
    /// `"kind:hospital"`.
    Kind(Name),
    /// A resource's name.
    Resource(Name),
}

impl Setting for SheetTo {
    const WRITE: &'static str = "a resource's name, or \"kind:hospital\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<SheetTo> {
        read_text(value, reader, Self::WRITE, |text| match Called::new(text) {
            Some(Called::Kind(kind)) => Ok(SheetTo::Kind(kind)),
            Some(Called::Resource(name)) if text != "contacts" => Ok(SheetTo::Resource(name)),
            _ => Err(Wrong::not(text, Self::WRITE)),
        })
    }
}

/// A printer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Printer {
    /// As it is written: a printer wants to read its own address.
    pub uri: String,
    /// Where requests go.
    pub url: Url,
}

impl Printer {
    /// Reads one.
    pub fn new(text: &str) -> Option<Printer> {
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme {
            "ipp" => "http",
            "ipps" => "https",
            _ => return None,
        };
        let mut url = Url::new(&format!("{secure}://{rest}"))?;
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        if !host.trim_start_matches(url.host.as_str()).starts_with(':') {
            url.port = ipp::PORT;
        }
        (text.len() <= ipp::MAX_URI).then(|| Printer { uri: text.to_owned(), url })
    }
}

impl Setting for Printer {
    const WRITE: &'static str = "a printer such as \"ipp://10.0.0.7/ipp/print\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Printer> {
        read_text(value, reader, Self::WRITE, |text| {
            Printer::new(text).ok_or_else(|| Wrong::not(text, Self::WRITE))
        })
    }
}

impl Resource {
    /// Whether a sheet can be sent to it.
    fn has_way(&self) -> bool {
        let addresses = self.mail.as_ref().is_some_and(|all| !all.is_empty());
        addresses || self.hook.is_some() || self.printer.is_some()
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

/// What a plan names is there, and each name stands once. `mails`: there is a mail server.
pub(super) fn check(
    plans: &[(usize, Plan)],
    steps: &[(usize, PlanStep)],
    resources: &[(usize, Resource)],
    mails: bool,
    reader: &mut Reader<'_>,
) {
    let mut names = BTreeMap::new();
    for (nth, own) in resources {
        check_ways(*nth, own, mails, reader);
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
        } else if !steps.iter().any(|(_, step)| step.plan == own.name)
            && (0..).take_while(|nth| reader.given("plan_step", *nth, "")).count() == steps.len()
        {
            let what = format!("plan \"{}\" has no steps: it never begins", own.name);
            let remedy =
                format!("add a [[plan_step]] with `plan = \"{}\"`, or leave it out", own.name);
            reader.faults.warn(&reader.place("plan", *nth, ""), what, remedy);
        }
    }
    for (at, (nth, step)) in steps.iter().enumerate() {
        check_step(*nth, step, &steps[..at], (plans, steps, resources), reader);
    }
}

/// How sheets come to a resource. What a physician has to know is nobody else's business.
fn check_ways(nth: usize, own: &Resource, mails: bool, reader: &mut Reader<'_>) {
    let place = |reader: &Reader<'_>, key| reader.place("resource", nth, key);
    check_receivers(own.mail.as_ref(), &place(reader, "mail"), reader);
    if own.mail.as_ref().is_some_and(|all| !all.is_empty()) && !mails {
        let what = "no letter is sent: there is no mail server";
        reader.faults.error(&place(reader, "mail"), what, "add [mail] with `server` and `from`");
    }
    let ways = [
        (own.hook_secret.is_some(), "hook_secret"),
        (own.hook_secret_file.is_some(), "hook_secret_file"),
        (own.hook_secret_env.is_some(), "hook_secret_env"),
    ];
    let mut given = ways.into_iter().filter(|(used, _)| *used).map(|(_, key)| key);
    let (first, second) = (given.next(), given.next());
    if let (Some(first), Some(second)) = (first, second) {
        let what = format!("`{first}` and `{second}` exclude each other");
        reader.faults.error(&place(reader, second), what, "keep one of them");
    }
    match &own.hook {
        None => {
            if let Some(key) = first {
                let what = format!("`{key}` has no `hook`");
                reader.faults.error(&place(reader, key), what, "add `hook`, or leave it out");
            }
        }
        Some(url) => {
            if !url.secure && !url.is_here() {
                let what = "sheets go to another machine in the clear";
                let remedy = "write `https://`, or send them to a program here that has TLS";
                reader.faults.warn(&place(reader, "hook"), what, remedy);
            }
            if first.is_none() {
                let what =
                    "sheets are not signed: who gets them cannot tell that they are Belfry's";
                let remedy = "add `hook_secret`, `hook_secret_file` or `hook_secret_env`";
                reader.faults.warn(&place(reader, "hook"), what, remedy);
            }
        }
    }
}

/// Who gets a sheet is there, and has a way for it.
fn check_send(nth: usize, send: &[SheetTo], all: &[(usize, Resource)], reader: &mut Reader<'_>) {
    const WAY: &str = "give it `mail`, `hook` or `printer`";
    for receiver in send {
        let (what, remedy) = match receiver {
            SheetTo::Resource(name) => match all.iter().find(|(_, own)| own.name == *name) {
                Some((_, own)) if own.has_way() => continue,
                Some(_) => (format!("no sheet can come to the resource \"{name}\""), WAY.into()),
                None => (
                    format!("there is no resource \"{name}\""),
                    format!("add a [[resource]] with `name = \"{name}\"`"),
                ),
            },
            SheetTo::Kind(kind) => {
                if all.iter().any(|(_, own)| own.kind.as_ref() == Some(kind) && own.has_way()) {
                    continue;
                }
                (format!("no sheet can come to a resource of the kind \"{kind}\""), WAY.into())
            }
        };
        reader.faults.error(&reader.place("plan_step", nth, "send"), what, remedy);
    }
}

/// Resources that a step names and that can never come: they serve none of its regions, or are never on duty then.
fn warn_of_absent(
    (nth, step): (usize, &PlanStep),
    plans: &[(usize, Plan)],
    resources: &[(usize, Resource)],
    reader: &mut Reader<'_>,
) {
    let of = plans.iter().map(|(_, plan)| plan).find(|plan| plan.name == step.plan);
    let regions = [of.and_then(|plan| plan.regions.as_ref()), step.regions.as_ref()];
    let wanted = |name: &Name| regions.iter().flatten().all(|all| all.contains(name));
    let all = regions.iter().flatten().next();
    let serves = |own: &Resource| match (&own.regions, all) {
        (Some(own), Some(all)) => all.iter().any(|name| wanted(name) && own.contains(name)),
        _ => true,
    };
    let meets = |own: &Resource| match (&own.hours, &step.hours) {
        (Some(own), Some(hours)) => own.iter().any(|own| hours.iter().any(|one| one.meets(own))),
        _ => true,
    };
    let called = step.call.iter().flatten().map(|called| match called {
        Called::Contacts | Called::Contact(_) => ("call", None, None),
        Called::Kind(kind) => ("call", None, Some(kind)),
        Called::Resource(name) => ("call", Some(name), None),
    });
    let sent = step.send.iter().flatten().map(|to| match to {
        SheetTo::Kind(kind) => ("send", None, Some(kind)),
        SheetTo::Resource(name) => ("send", Some(name), None),
    });
    for (key, name, kind) in called.chain(sent) {
        let Some(what) = name.or(kind) else { continue };
        let is = |own: &&Resource| {
            name == Some(&own.name) || kind.is_some() && own.kind == kind.cloned()
        };
        let mut named = resources.iter().map(|(_, own)| own).filter(is).peekable();
        // One that is not there at all is an error of its own.
        if named.peek().is_none() || named.any(|own| serves(own) && meets(own)) {
            continue;
        }
        let what = format!(
            "\"{what}\" never comes: not in the regions or at the hours of step \"{}\"",
            step.name
        );
        let remedy = "compare `regions` and `hours` of the plan, the step and the [[resource]]";
        reader.faults.warn(&reader.place("plan_step", nth, key), what, remedy);
    }
}

/// A step that leads back: meant, where somebody is to be called until he takes it on, and nobody's sleep is lost by mistake.
fn warn_of_circle(
    (nth, step): (usize, &PlanStep),
    steps: &[(usize, PlanStep)],
    reader: &mut Reader<'_>,
) {
    let of = |name: &Name| {
        let own = |(_, other): &&(usize, PlanStep)| other.plan == step.plan && other.name == *name;
        steps.iter().find(own).map(|(at, other)| (*at, other.pause))
    };
    for (key, to) in [("otherwise", &step.otherwise), ("next", &step.next)] {
        let Some((back, pause)) = to.as_ref().and_then(of).filter(|(at, _)| *at <= nth) else {
            continue;
        };
        let (name, pause) = (to.as_ref().map_or("", |name| name.as_str()), pause.as_secs().max(60));
        let when = if back == nth { "it" } else { "all from there on" };
        let what = format!(
            "step \"{}\" leads back to \"{name}\": {when} is done again, after {pause} s at least, until somebody takes the case \
             on or it is closed",
            step.name
        );
        let remedy = format!("leave it where that is meant; else write `{key} = \"end\"`");
        reader.faults.warn(&reader.place("plan_step", nth, key), what, remedy);
    }
}

/// Who has not reported is sought by a plan or by `[check_in] escalate`: by both, contacts are called twice. Steps that
/// want somebody to have taken the case on are come to by a `next`.
pub(super) fn warn(
    plans: &[(usize, Plan)],
    steps: &[(usize, PlanStep)],
    resources: &[(usize, Resource)],
    escalates: bool,
    reader: &mut Reader<'_>,
) {
    for (nth, step) in steps {
        warn_of_absent((*nth, step), plans, resources, reader);
        warn_of_circle((*nth, step), steps, reader);
    }
    for (nth, own) in plans.iter().filter(|(_, own)| own.start == PlanStart::CheckIn) {
        if escalates {
            let what = format!("plan \"{}\" and [check_in] escalate both call contacts", own.name);
            let remedy = "leave `escalate` out of [check_in], or let the plan begin by \"hand\"";
            reader.faults.warn(&reader.place("plan", *nth, "start"), what, remedy);
        }
    }
    for (nth, own) in steps.iter().filter(|(_, own)| own.accepted == Some(true)) {
        let mut same = steps.iter().map(|(_, step)| step).filter(|step| step.plan == own.plan);
        let leads = |step: &PlanStep| {
            let calls = step.call.as_ref().is_some_and(|call| !call.is_empty());
            step.next.as_ref().is_some_and(|next| next.as_str() != "end")
                || step.accepted == Some(true)
                || calls && step.want > 1
        };
        if !same.any(|step| step.name != own.name && leads(step)) {
            let what = format!("the plan is over before step \"{}\"", own.name);
            let remedy = format!(
                "add `next = \"{}\"` to the step in which somebody takes the case on",
                own.name
            );
            reader.faults.warn(&reader.place("plan_step", *nth, "accepted"), what, remedy);
        }
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
    check_send(nth, step.send.as_deref().unwrap_or_default(), resources, reader);
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

    #[test]
    fn printers() {
        let at = |text: &str| Printer::new(text).map(|own| (own.url.secure, own.url.port));
        assert_eq!(at("ipp://10.0.0.7/ipp/print"), Some((false, 631)));
        assert_eq!(at("ipp://10.0.0.7:8631/ipp/print"), Some((false, 8_631)));
        assert_eq!(at("ipp://10.0.0.7:80/"), Some((false, 80)));
        assert_eq!(at("ipps://[::1]/ipp"), Some((true, 631)));
        assert_eq!(at("ipps://printer.care.example"), Some((true, 631)));
        for bad in ["", "http://10.0.0.7/", "ipp://", "ipp://a b/", "10.0.0.7"] {
            assert_eq!(at(bad), None, "{bad}");
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
        // Sheets go to who is there and can have them.
        assert!(faults(&format!("{step}send = [\"desk\"]\n")).contains("no resource \"desk\""));
        let sent = format!("{step}send = [\"ward\", \"kind:office\"]\n{silent}");
        assert!(faults(&sent).contains("no sheet can come to the resource \"ward\""));
        assert!(faults(&sent).contains("of the kind \"office\""));
        let both = format!("{sent}kind = \"office\"\nprinter = \"ipp://10.0.0.7/ipp\"\n");
        assert_eq!(faults(&both), "");
        assert!(faults(&format!("{step}send = [\"contacts\"]\n")).contains("is not a resource's"));
        let mail = format!("{sent}kind = \"office\"\nmail = [\"ward@care.example\"]\n");
        assert!(faults(&mail).contains("there is no mail server"));
        let warned = |more: &str| match Config::parse(&format!(
            "[media]\naddress = \"10.0.0.1\"\n[[plan]]\nname = \"fall\"\n{more}"
        )) {
            Ok((_, all)) => all.iter().map(|fault| format!("{} | ", fault.what)).collect(),
            Err(_) => String::new(),
        };
        let sought = format!("start = \"check-in\"\n{step}call = [\"contacts\"]\n");
        assert!(!warned(&sought).contains("both call contacts"));
        let twice = format!("{sought}[check_in]\nescalate = \"20 min\"\n");
        assert!(warned(&twice).contains("plan \"fall\" and [check_in] escalate both call"));
        let after = step.replace("\"a\"", "\"b\"");
        let never = format!("{step}call = [\"contacts\"]\n{after}accepted = true\n");
        assert!(warned(&never).contains("over before step \"b\""));
        let led = never.replace("[\"contacts\"]\n", "[\"contacts\"]\nnext = \"b\"\n");
        assert!(!warned(&led).contains("over before"));
        let ward = "[[resource]]\nname = \"ward\"\nkind = \"hospital\"\nnumber = \"120\"\n\
            regions = [\"south\"]\nhours = \"mon-fri 08:00-18:00\"\n";
        let at = |more: &str| {
            warned(&format!("{step}call = [\"kind:hospital\"]\n{more}{ward}"))
                .contains("\"hospital\" never comes")
        };
        assert!(!at("") && !at("regions = [\"north\", \"south\"]\nhours = \"12:00-20:00\"\n"));
        assert!(at("regions = [\"north\"]\n") && at("hours = [\"sat,sun\", \"19:00-07:00\"]\n"));
        let secret = format!("{both}hook_secret = \"x\"\n");
        assert!(faults(&secret).contains("`hook_secret` has no `hook`"));
    }
}
