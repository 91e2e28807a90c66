//! Who is meant by what a plan's step names: people with numbers, resources with ways for a sheet; and why somebody
//! who is named is not there. Each number, and each way of a resource, once.

use std::collections::BTreeSet;

use crate::base::week::Moment;
use crate::care::plan::{Channel, Person, Resource, Subject, Whom};

/// Who is called in a step, and of whom it names those who are not, with why.
pub(super) fn people(
    call: &[Whom],
    subject: &Subject,
    resources: &[Resource],
    at: Moment,
) -> (Vec<Person>, Vec<String>) {
    let (mut all, mut missing) = (Vec::new(), Vec::new());
    let person =
        |own: &Resource| Some(Person { name: own.name.clone(), number: own.number.clone()? });
    let has_number = |own: &Resource| own.number.is_some();
    let is_home = |own: &Person| subject.home.contains(&own.number);
    let at_home = |own: &Person| format!("{} has the home's own number {}", own.name, own.number);
    for whom in call {
        match whom {
            Whom::Contacts if subject.contacts.is_empty() => {
                missing.push("no contacts are known".to_owned());
            }
            Whom::Contacts => {
                let (own, others): (Vec<_>, Vec<_>) =
                    subject.contacts.iter().cloned().partition(is_home);
                missing.extend(own.iter().map(at_home));
                all.extend(others);
            }
            Whom::Contact(nth) => match subject.contacts.get(nth.wrapping_sub(1)) {
                Some(contact) if is_home(contact) => missing.push(at_home(contact)),
                Some(contact) => all.push(contact.clone()),
                None => missing.push(format!("no contact {nth} is known")),
            },
            Whom::Resource(_) | Whom::Kind(_) => {
                match serving(whom, subject, resources, at, ("number", &has_number)) {
                    Ok(own) => all.extend(own.into_iter().filter_map(person)),
                    Err(why) => missing.push(why),
                }
            }
        }
    }
    let mut seen = BTreeSet::new();
    all.retain(|person: &Person| seen.insert(person.number.clone()));
    (all, missing)
}

/// Who gets a sheet, and how; and of those whom a step names who does not, with why.
pub(super) fn receivers(
    send: &[Whom],
    subject: &Subject,
    resources: &[Resource],
    at: Moment,
) -> (Vec<(String, Channel)>, Vec<String>) {
    let (mut all, mut missing) = (BTreeSet::new(), Vec::new());
    let has_way = |own: &Resource| !own.ways.is_empty();
    for whom in send {
        match serving(whom, subject, resources, at, ("way for a sheet", &has_way)) {
            Ok(own) => all.extend(own.into_iter().map(|own| own.name.as_str())),
            Err(why) => missing.push(why),
        }
    }
    let ways = |own: &Resource| {
        let name = own.name.clone();
        own.ways.clone().into_iter().map(move |by| (name.clone(), by))
    };
    let named = resources.iter().filter(|own| all.contains(own.name.as_str()));
    (named.flat_map(ways).collect(), missing)
}

/// What a resource has to have: its word, and whether one has it.
type Wanted<'a> = (&'a str, &'a dyn Fn(&Resource) -> bool);

/// Those resources that are meant, have what is wanted, serve the region and are on duty. The error says which of it
/// fails first.
fn serving<'a>(
    whom: &Whom,
    subject: &Subject,
    resources: &'a [Resource],
    at: Moment,
    (what, has): Wanted<'_>,
) -> Result<Vec<&'a Resource>, String> {
    let is_meant = |own: &&Resource| match whom {
        Whom::Resource(name) => own.name == *name,
        Whom::Kind(kind) => own.kind == *kind,
        Whom::Contacts | Whom::Contact(_) => false,
    };
    // "ward has no number", "no hospital has a number".
    let negated = |of_one: &str, of_kind: &str| match whom {
        Whom::Resource(name) => format!("{name} {of_one}"),
        Whom::Kind(kind) => format!("no {kind} {of_kind}"),
        Whom::Contacts | Whom::Contact(_) => "contacts are no resources".to_owned(),
    };
    let mut left: Vec<&Resource> = resources.iter().filter(is_meant).collect();
    if left.is_empty() {
        return Err(negated("is no resource", "is among the resources"));
    }
    left.retain(|own| has(own));
    if left.is_empty() {
        return Err(negated(&format!("has no {what}"), &format!("has a {what}")));
    }
    left.retain(|own| own.serves(&subject.region));
    if left.is_empty() {
        let region = match subject.region.as_str() {
            "" => "who is of no known region",
            region => &format!("the region {region}"),
        };
        return Err(negated(&format!("does not serve {region}"), &format!("serves {region}")));
    }
    left.retain(|own| own.is_on_duty(at));
    match left.is_empty() {
        true => Err(negated("is not on duty", "is on duty")),
        false => Ok(left),
    }
}
