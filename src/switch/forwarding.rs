//! Calls that go elsewhere: what a phone's user wishes (do not disturb, forward), and a phone that sends
//! a call on by 302.
//!
//! ```text
//!  ring 1001 ─▶ wishes: elsewhere? busy? ─▶ its devices ring ─┬─ 302, busy, no answer ─▶ elsewhere?
//!                      │                                      └─ answered
//!                      └─▶ the targets that 1001 itself would reach by dialling the number
//! ```
//!
//! A number to forward to is dialled in the phone's own context, so that nobody forwards where he may not
//! call. Five diversions at most, and no phone diverts one call twice (loops). An emergency call back
//! rings whatever is wished. The called side is told for whom the call was (RFC 5806, RFC 7044).
//!
//! Wishes are facts: they are in the journal, and come back from the records after a start
//! ([`Input::Wishes`](super::Input::Wishes)).

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, LegId, Now};
use crate::call::Failure;
use crate::call::wishes::{First, MOST_DIVERSIONS, Wish, Wishes};
use crate::dialplan::effect::Target;
use crate::dialplan::{Entry, Interp};
use crate::sip::Headers;
use crate::wire::q850::Cause;
use crate::wire::sip::{Contacts, Message, Uri};

use super::active::{Dialing, Doing};
use super::arrival::user;
use super::dial::failure;
use super::fact::FactKind;
use super::identity::{Diverted, diversion};
use super::{Level, Switch};

/// What all users wish.
#[derive(Default)]
pub(super) struct Forwarding {
    wishes: BTreeMap<String, Wishes>,
    /// Wished since the start: the records have no say in these any more.
    changed: BTreeSet<(String, Wish)>,
}

/// A diversion of a dial under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diversion {
    /// The phone that diverts.
    pub by: String,
    /// Why, in RFC 5806's word, and the status that stands for it in History-Info.
    pub why: (&'static str, u16),
    /// Whereto.
    pub to: Target,
}

/// Why a call is diverted.
const ALWAYS: (&str, u16) = ("unconditional", 302);
const BUSY: (&str, u16) = ("user-busy", 486);
const NO_ANSWER: (&str, u16) = ("no-answer", 408);
const DEFLECTED: (&str, u16) = ("deflection", 480);

impl Switch {
    pub(super) fn wishes(&self, number: &str) -> Option<&Wishes> {
        self.forwarding.wishes.get(number)
    }

    /// The user of `number` wishes something, or with an empty value does not any more.
    pub(super) fn wish(&mut self, now: Now, number: &str, wish: Wish, value: &str) {
        let wishes = self.forwarding.wishes.entry(number.to_owned()).or_default();
        wishes.set(wish, value);
        if wishes.is_empty() {
            self.forwarding.wishes.remove(number);
        }
        self.forwarding.changed.insert((number.to_owned(), wish));
        self.watching.touch(number);
        let (number, value) = (number.to_owned(), value.to_owned());
        self.fact(now, FactKind::PhoneWish { number, wish: wish.name().into(), value });
    }

    /// What the records say was wished before the start.
    pub(super) fn wishes_restored(&mut self, rows: Vec<(String, String, String)>) {
        for (number, name, value) in rows {
            let Some(wish) = Wish::named(&name) else { continue };
            if !self.forwarding.changed.contains(&(number.clone(), wish)) {
                self.watching.touch(&number);
                self.forwarding.wishes.entry(number).or_default().set(wish, &value);
            }
        }
    }

    /// The legs of a phone, as its user wishes.
    pub(super) fn ring_phone(
        &mut self,
        now: Now,
        id: CallId,
        number: &str,
    ) -> Result<Vec<(LegId, Target)>, Failure> {
        let caller = self.calls.get(&id).map(|active| active.from.clone()).unwrap_or_default();
        let urgent = self.dialing(id).is_some_and(|dialing| dialing.dial.emergency);
        let wishes = self.wishes(number).cloned().unwrap_or_default();
        match wishes.first(&caller) {
            First::Forward(to) if !urgent => self.divert(now, id, number, to, ALWAYS),
            First::Busy if !urgent => {
                let busy = failure(Cause::USER_BUSY, 486);
                match wishes.after(busy.why) {
                    Some(to) => self.divert(now, id, number, to, BUSY),
                    None => Err(busy),
                }
            }
            _ => {
                let target = Target::Phone { number: number.into() };
                match (
                    self.ring_devices(now, id, number),
                    wishes.after(crate::call::dialling::Why::NoAnswer),
                ) {
                    (Ok(legs), _) => Ok(legs.into_iter().map(|l| (l, target.clone())).collect()),
                    (Err(why), Some(to)) if why.cause == Cause::SUBSCRIBER_ABSENT => {
                        self.divert(now, id, number, to, NO_ANSWER)
                    }
                    (Err(why), _) => Err(why),
                }
            }
        }
    }

    /// Rings whom `by` would reach by dialling `to`.
    fn divert(
        &mut self,
        now: Now,
        id: CallId,
        by: &str,
        to: &str,
        why: (&'static str, u16),
    ) -> Result<Vec<(LegId, Target)>, Failure> {
        let targets = self.diverted_to(now, id, by, to, why)?;
        let mut made = Vec::new();
        let mut lost = failure(Cause::NO_ROUTE_DESTINATION, 404);
        for target in targets {
            match self.ring_one(now, id, &target) {
                Ok(legs) => made.extend(legs),
                Err(failure) => lost = failure,
            }
        }
        if made.is_empty() { Err(lost) } else { Ok(made) }
    }

    /// Notes that `by` diverts the call to `to`: the targets there, unless it goes round in circles.
    fn diverted_to(
        &mut self,
        now: Now,
        id: CallId,
        by: &str,
        to: &str,
        why: (&'static str, u16),
    ) -> Result<Vec<Target>, Failure> {
        let targets = self.targets_of(now, by, to);
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return Err(failure(Cause::NO_ROUTE_DESTINATION, 404));
        };
        let before = &mut dialing.diverted;
        if before.len() >= MOST_DIVERSIONS || before.iter().any(|d| d.by == by) {
            let line = format!("call {id}: {by} forwards to {to}, which goes round in circles");
            self.log(Level::Warning, line);
            return Err(failure(Cause::EXCHANGE_ROUTING_ERROR, 482));
        }
        let diversion = |to: &Target| Diversion { by: by.into(), why, to: to.clone() };
        before.extend(targets.iter().map(diversion));
        if targets.is_empty() {
            let line = format!("call {id}: {by} forwards to {to}, which it could not dial itself");
            self.log(Level::Warning, line);
            return Err(failure(Cause::NO_ROUTE_DESTINATION, 404));
        }
        let (by, to, why) = (by.to_owned(), to.to_owned(), why.0.to_owned());
        self.fact(now, FactKind::Diverted { call: id, by, to, why });
        Ok(targets)
    }

    /// Whom a phone would reach by dialling `to`.
    fn targets_of(&self, now: Now, by: &str, to: &str) -> Vec<Target> {
        let Some(phone) = self.config.phone(by) else { return Vec::new() };
        let entry = Entry {
            context: phone.context.to_string(),
            to: to.into(),
            from: by.into(),
            ..Entry::default()
        };
        Interp::targets(&self.plan, now, entry)
    }

    /// A phone's leg has failed: legs that take its place, if it or its user sends the call on.
    pub(super) fn diverts(&mut self, now: Now, leg_id: LegId, failed: Failure) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let (id, redirect) = (leg.call, leg.redirect.take());
        let Some(dialing) = self.dialing(id).filter(|d| d.hunt.rings(leg_id)) else { return false };
        let Some(number) = phone_of(dialing, leg_id) else { return false };
        let others = dialing.legs.iter().any(|(other, _)| {
            *other != leg_id
                && dialing.hunt.rings(*other)
                && phone_of(dialing, *other).as_ref() == Some(&number)
        });
        let may = self.config.phone(&number).is_some_and(|phone| phone.may_redirect);
        let busy = failed.cause == Cause::USER_BUSY && !others;
        let wished = self.wishes(&number).and_then(|wishes| wishes.after(failed.why));
        let (to, why) = match (redirect.filter(|_| may), wished) {
            (Some(to), _) => (to, DEFLECTED),
            (None, Some(to)) if busy => (to.to_owned(), BUSY),
            _ => return false,
        };
        let Ok(made) = self.divert(now, id, &number, &to, why) else { return false };
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return false;
        };
        for (leg, target) in made {
            dialing.hunt.attempt(leg);
            dialing.legs.push((leg, target));
        }
        true
    }

    /// Nobody of a group answered in time: whoever wishes so has the call go elsewhere next.
    pub(super) fn unanswered(&mut self, now: Now, id: CallId, given_up: &[LegId]) {
        let Some(dialing) = self.dialing(id) else { return };
        let numbers: BTreeSet<String> =
            given_up.iter().filter_map(|leg| phone_of(dialing, *leg)).collect();
        let mut group = Vec::new();
        for number in numbers {
            let why = crate::call::dialling::Why::NoAnswer;
            let to = self.wishes(&number).and_then(|w| w.after(why)).map(str::to_owned);
            if let Some(Ok(targets)) =
                to.map(|to| self.diverted_to(now, id, &number, &to, NO_ANSWER))
            {
                group.extend(targets);
            }
        }
        if let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing)
            && !group.is_empty()
        {
            dialing.hunt.insert(group);
        }
    }

    /// The header by which a called phone or gateway is told for whom a diverted call was.
    pub(super) fn diverted_header(
        &self,
        id: CallId,
        number: &str,
        target: &Uri,
        how: crate::config::SendDiversion,
        domain: &str,
    ) -> Option<Headers> {
        let to = |d: &&Diversion| match &d.to {
            Target::Phone { number: to } | Target::Gateway { number: to, .. } => to == number,
            Target::Fail { .. } => false,
        };
        let diverted = self.dialing(id)?.diverted.iter().rev().find(to)?;
        let was = Diverted { by: &diverted.by, why: diverted.why.0, status: diverted.why.1 };
        Some(diversion(how, &was, target, domain))
    }
}

/// The phone whose leg it is.
fn phone_of(dialing: &Dialing, leg: LegId) -> Option<String> {
    match dialing.legs.iter().find(|(own, _)| *own == leg)? {
        (_, Target::Phone { number }) => Some(number.clone()),
        _ => None,
    }
}

/// The number to which a 3xx sends a call: its first Contact's.
pub(super) fn redirected(response: &Message) -> Option<String> {
    match response.contacts() {
        Ok(Contacts::List(list)) => {
            list.first().and_then(|contact| user(&contact.addr.uri)).filter(|n| !n.is_empty())
        }
        _ => None,
    }
}
