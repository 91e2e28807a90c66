//! Calls that go elsewhere: what a phone's user wishes (do not disturb, forward), and a phone that sends
//! a call on by 302.
//!
//! ```text
//!  ring 1001 ─▶ wishes: elsewhere? busy? ─▶ its devices ring ─┬─ 302, busy, no answer ─▶ elsewhere?
//!                      │                                      └─ answered
//!                      └─▶ the targets that 1001 itself would reach by dialling the number
//! ```
//!
//! The Contacts of a 302 are tried one after the other, the highest `q` first (RFC 3261 §8.1.3.4, §16.6): the
//! next when one fails, unless it is refused for everywhere (6xx); what rings until the group's time is over has
//! had its time. A Contact is a number of ours only where its host is ours; at a gateway's host it is a number
//! outside; anything else is nobody whom we could call, whatever its user part.
//!
//! A number to forward to is dialled in the phone's own context, so that nobody forwards where he may not
//! call. Five diversions in a row at most, and no phone diverts one call twice (loops): what it cannot
//! forward rings at the phone itself. An emergency call back rings whatever is wished. The called side is told for whom the call was (RFC 5806, RFC 7044).
//!
//! Wishes are facts: they are in the journal, and come back from the records after a start
//! ([`Input::Wishes`](super::Input::Wishes)).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::base::{CallId, LegId, Now};
use crate::call::Failure;
use crate::call::dialling::Why;
use crate::call::wishes::{First, MOST_DIVERSIONS, Wish, Wishes};
use crate::dialplan::effect::Target;
use crate::dialplan::{Entry, Interp};
use crate::sip::Headers;
use crate::wire::q850::Cause;
use crate::wire::sip::{Contacts, Host, Message, Uri};

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

/// Where a phone's 3xx sends a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    /// The number.
    to: String,
    /// It is one at a gateway's: a phone of ours that has the same is not meant.
    outside: bool,
}
/// Whose the host is to which a 3xx sends a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    Ours,
    /// The gateway's of that name.
    Gateway(String),
}
/// All of one 3xx, the first to be tried first.
pub type Redirects = VecDeque<Redirect>;

/// What is left of a phone's 3xx.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instead {
    by: String,
    left: Redirects,
    why: (&'static str, u16),
}

/// So many Contacts of a 3xx are tried.
const MOST_REDIRECTS: usize = 5;

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
        let mut first = wishes.first(&caller);
        if let First::Forward(to) = first
            && !urgent
        {
            match self.divert(now, id, number, &anywhere(to), ALWAYS) {
                Some(made) => return made,
                None => first = wishes.here(),
            }
        }
        let made = match first {
            First::Busy if !urgent => Err(failure(Cause::USER_BUSY, 486)),
            _ => self.ring_devices(now, id, number),
        };
        let target = Target::Phone { number: number.into() };
        let failed = match made {
            Ok(legs) => return Ok(legs.into_iter().map(|leg| (leg, target.clone())).collect()),
            Err(failed) => failed,
        };
        let (to, why) = match failed.cause {
            Cause::USER_BUSY => (wishes.after(Why::Busy), BUSY),
            Cause::SUBSCRIBER_ABSENT => (wishes.after(Why::NoAnswer), NO_ANSWER),
            _ => (None, BUSY),
        };
        let made = to.and_then(|to| self.divert(now, id, number, &anywhere(to), why));
        made.unwrap_or(Err(failed))
    }

    /// Rings whom `by` would reach by dialling `to`. `None`: nobody, or it goes round in circles.
    fn divert(
        &mut self,
        now: Now,
        id: CallId,
        by: &str,
        to: &Redirect,
        why: (&'static str, u16),
    ) -> Option<Result<Vec<(LegId, Target)>, Failure>> {
        let targets = self.diverted_to(now, id, by, to, why)?;
        Some(self.ring_diverted(now, id, targets))
    }

    fn ring_diverted(
        &mut self,
        now: Now,
        id: CallId,
        targets: Vec<Target>,
    ) -> Result<Vec<(LegId, Target)>, Failure> {
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
        to: &Redirect,
        why: (&'static str, u16),
    ) -> Option<Vec<Target>> {
        if !self.may_divert(id, by, &to.to) {
            return None;
        }
        self.note_diverted(now, id, by, to, why)
    }

    /// Whether `by` has not yet diverted this call, and not too many have.
    fn may_divert(&mut self, id: CallId, by: &str, to: &str) -> bool {
        let Some(dialing) = self.dialing(id) else { return false };
        let before = &dialing.diverted;
        let may = chain(before, by) < MOST_DIVERSIONS && !before.iter().any(|d| d.by == by);
        if !may {
            let line = format!("call {id}: {by} forwards to {to}, which goes round in circles");
            self.log(Level::Warning, line);
        }
        may
    }

    /// Notes a diversion that is none in circles: the targets there are.
    fn note_diverted(
        &mut self,
        now: Now,
        id: CallId,
        by: &str,
        to: &Redirect,
        why: (&'static str, u16),
    ) -> Option<Vec<Target>> {
        let mut targets = self.targets_of(now, by, &to.to);
        if to.outside {
            targets.retain(|target| matches!(target, Target::Gateway { .. }));
        }
        let Doing::Dialling(dialing) = &mut self.calls.get_mut(&id)?.doing else { return None };
        let (before, to) = (&mut dialing.diverted, &to.to);
        let diversion = |to: &Target| Diversion { by: by.into(), why, to: to.clone() };
        before.extend(targets.iter().map(diversion));
        if targets.is_empty() {
            let line = format!("call {id}: {by} forwards to {to}, which it could not dial itself");
            self.log(Level::Warning, line);
            return None;
        }
        let (by, to, why) = (by.to_owned(), to.to_owned(), why.0.to_owned());
        self.fact(now, FactKind::Diverted { call: id, by, to, why });
        Some(targets)
    }

    /// Whether a phone could forward to this number: somebody other than itself is reached there.
    pub(super) fn is_forwardable(&self, now: Now, by: &str, to: &str) -> bool {
        let reaches = |target: &Target| match target {
            Target::Phone { number } => number != by,
            Target::Gateway { .. } => true,
            Target::Fail { .. } => false,
        };
        self.targets_of(now, by, to).iter().any(reaches)
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

    /// A leg has failed: legs that take its place, if its phone or that one's user sends the call on, or a 3xx
    /// that led to it names somebody else.
    pub(super) fn diverts(&mut self, now: Now, leg_id: LegId, failed: Failure) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let (id, redirect) = (leg.call, core::mem::take(&mut leg.redirect));
        if !self.dialing(id).is_some_and(|dialing| dialing.hunt.rings(leg_id)) {
            return false;
        }
        let mut instead = self.instead_of(id, leg_id, failed);
        let Some(dialing) = self.dialing(id) else { return false };
        let Some(number) = phone_of(dialing, leg_id) else {
            return self.diverts_instead(now, id, leg_id, instead);
        };
        let others = dialing.legs.iter().any(|(other, _)| {
            *other != leg_id
                && dialing.hunt.rings(*other)
                && phone_of(dialing, *other).as_ref() == Some(&number)
        });
        let may = self.config.phone(&number).is_some_and(|phone| phone.may_redirect);
        let busy = failed.cause == Cause::USER_BUSY && !others;
        let wished = self.wishes(&number).and_then(|wishes| wishes.after(failed.why));
        match (redirect.front().cloned().filter(|_| may), wished.map(anywhere)) {
            (Some(first), _) if self.may_divert(id, &number, &first.to) => {
                instead.push(Instead { by: number, left: redirect, why: DEFLECTED });
            }
            (None, Some(to)) if busy && self.may_divert(id, &number, &to.to) => {
                instead.push(Instead { by: number, left: [to].into(), why: BUSY });
            }
            _ => {}
        }
        self.diverts_instead(now, id, leg_id, instead)
    }

    /// What is left of the 3xx's that led to this leg: nothing where it is refused for everywhere (6xx), or
    /// another leg of the same Contact still rings.
    fn instead_of(&mut self, id: CallId, leg: LegId, failed: Failure) -> Vec<Instead> {
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return Vec::new();
        };
        let Some(at) = dialing.instead.iter().position(|(own, _)| *own == leg) else {
            return Vec::new();
        };
        let (_, all) = dialing.instead.swap_remove(at);
        if failed.status >= 600 {
            dialing.instead.retain(|(_, other)| *other != all);
            return Vec::new();
        }
        let rings = dialing.instead.iter().any(|(leg, it)| *it == all && dialing.hunt.rings(*leg));
        if rings { Vec::new() } else { all }
    }

    /// Rings the next Contact where somebody can be rung, those of the last 3xx first, in the place of `of`.
    fn diverts_instead(&mut self, now: Now, id: CallId, of: LegId, mut all: Vec<Instead>) -> bool {
        while let Some(last) = all.last_mut() {
            let Some(next) = last.left.pop_front() else {
                all.pop();
                continue;
            };
            let (by, why) = (last.by.clone(), last.why);
            let targets = self.note_diverted(now, id, &by, &next, why).unwrap_or_default();
            let Ok(made) = self.ring_diverted(now, id, targets) else { continue };
            let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing)
            else {
                return false;
            };
            let mut legs = Vec::with_capacity(made.len());
            for (leg, target) in made {
                dialing.hunt.attempt(leg);
                dialing.legs.push((leg, target));
                dialing.instead.push((leg, all.clone()));
                legs.push(leg);
            }
            self.rings_instead(now, id, of, &legs);
            return true;
        }
        false
    }

    /// A phone sends its call on by 3xx: to whom it may.
    pub(super) fn redirects(&mut self, leg_id: LegId, response: &Message) {
        let Ok(Contacts::List(mut list)) = response.contacts() else { return };
        list.sort_by_key(|contact| core::cmp::Reverse(contact.q()));
        let mut all = Redirects::new();
        for contact in list.into_iter().take(MOST_REDIRECTS) {
            let uri = &contact.addr.uri;
            let Some(to) = user(uri).filter(|number| !number.is_empty()) else { continue };
            match self.host_of_redirect(leg_id, uri) {
                Some(whose) => all.push_back(Redirect { to, outside: whose != Whose::Ours }),
                None => {
                    let who = self.who(leg_id);
                    self.log(
                        Level::Warning,
                        format!(
                            "{who}: its {} sends the call to {uri}: that host is neither this exchange (its \
                             [sip] domain and addresses) nor a gateway, so nobody is called there",
                            response.status().unwrap_or(0)
                        ),
                    );
                }
            }
        }
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.redirect = all;
        }
    }

    /// Whose the host of a Contact is; `None`: somebody else's. A `tel:` number has none, and is dialled as it stands:
    /// by us, or by the leg's gateway.
    pub(super) fn host_of_redirect(&self, leg_id: LegId, uri: &Uri) -> Option<Whose> {
        let leg = self.legs.get(&leg_id)?;
        let Some(sip) = uri.as_sip() else {
            return Some(leg.gateway.clone().map_or(Whose::Ours, Whose::Gateway));
        };
        let ip = match &sip.host {
            Host::Name(_) => None,
            Host::V4(v4) => Some(IpAddr::V4(*v4)),
            Host::V6(v6) => Some(IpAddr::V6(*v6)),
        };
        // Where a gateway runs on our own address, its port tells it from us.
        let port = sip.port.unwrap_or(5060);
        let exactly = ip.and_then(|ip| self.gateways.identify(SocketAddr::new(ip, port)));
        let own = [leg.flow.local.ip(), self.seen(leg.flow).local.ip()];
        let listening = |ip: &IpAddr| self.listening.iter().any(|(_, at)| at.ip() == *ip);
        let is_ours = Host::parse(self.config.domain().as_bytes()).as_ref() == Some(&sip.host)
            || ip.is_some_and(|ip| own.contains(&ip) || listening(&ip));
        let is_at_port = |at: SocketAddr| Some(at.ip()) == ip && at.port() == port;
        match exactly {
            Some(gateway) if !is_ours || gateway.hops.addresses().any(is_at_port) => {
                return Some(Whose::Gateway(gateway.name.clone()));
            }
            _ if is_ours => return Some(Whose::Ours),
            _ => {}
        }
        let named = |gateway: &&crate::config::Gateway| {
            let domain = gateway.domain.as_ref().map(ToString::to_string);
            let peers = [Some(&gateway.address), gateway.outbound_proxy.as_ref()];
            domain.and_then(|domain| Host::parse(domain.as_bytes())).as_ref() == Some(&sip.host)
                || peers
                    .into_iter()
                    .flatten()
                    .any(|it| super::registering::host_of(it).0 == sip.host)
        };
        // Of several at one host, the leg's own.
        let is_own = |gateway: &&crate::config::Gateway| {
            leg.gateway.as_deref() == Some(gateway.name.as_str())
        };
        let mut all: Vec<_> = self.config.gateways.iter().filter(named).collect();
        all.sort_by_key(|gateway| !is_own(gateway));
        all.first().map(|gateway| Whose::Gateway(gateway.name.to_string()))
    }

    /// A program sends a call on that rings at a phone, as a 302 of it would. Says why not, else.
    pub(super) fn deflect(&mut self, now: Now, leg: LegId, to: &str) -> Result<(), &'static str> {
        let id = self.legs.get(&leg).map(|leg| leg.call).ok_or("the call is over")?;
        let rings = self.dialing(id).filter(|dialing| dialing.hunt.rings(leg));
        let number = rings.and_then(|dialing| phone_of(dialing, leg)).ok_or("it does not ring")?;
        let offer = self.calls.get(&id).is_some_and(|active| active.queued.is_some());
        if offer {
            return Err(
                "a queue's caller stays in the queue: let it ring, or make the agent not ready",
            );
        }
        let Some(Ok(made)) = self.divert(now, id, &number, &anywhere(to), DEFLECTED) else {
            return Err("nobody is reached there");
        };
        if let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) {
            for (leg, target) in made {
                dialing.hunt.attempt(leg);
                dialing.legs.push((leg, target));
            }
        }
        self.hang_up(now, leg, Cause::NON_SELECTED_USER_CLEARING, super::fact::EndedBy::Callee);
        Ok(())
    }

    /// Nobody of a group answered in time: whoever wishes so has the call go elsewhere next.
    pub(super) fn unanswered(&mut self, now: Now, id: CallId, given_up: &[LegId]) {
        let Some(dialing) = self.dialing(id) else { return };
        let numbers: BTreeMap<String, LegId> =
            given_up.iter().filter_map(|leg| Some((phone_of(dialing, *leg)?, *leg))).collect();
        let mut group = Vec::new();
        for (number, leg) in numbers {
            let wished = self.wishes(&number).and_then(|w| w.after(Why::NoAnswer));
            let Some(to) = wished.map(str::to_owned) else { continue };
            let targets = self.diverted_to(now, id, &number, &anywhere(&to), NO_ANSWER);
            let targets = targets.unwrap_or_default();
            self.sends_on(id, leg, &targets);
            group.extend(targets);
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

/// How many diversions, one after the other, have brought a call to `number`: the others of a group
/// that forward are no part of its chain.
fn chain(diverted: &[Diversion], number: &str) -> usize {
    let is_to =
        |d: &&Diversion, to: &str| matches!(&d.to, Target::Phone { number } if number == to);
    let mut number = number;
    // No phone diverts twice, so that a chain has no more links than there are diversions.
    for links in 0..diverted.len() {
        match diverted.iter().find(|d| is_to(d, number)) {
            Some(diversion) => number = &diversion.by,
            None => return links,
        }
    }
    diverted.len()
}

/// The phone whose leg it is.
pub(super) fn phone_of(dialing: &Dialing, leg: LegId) -> Option<String> {
    match dialing.legs.iter().find(|(own, _)| *own == leg)? {
        (_, Target::Phone { number }) => Some(number.clone()),
        _ => None,
    }
}

/// A number that is dialled as its phone would.
fn anywhere(to: &str) -> Redirect {
    Redirect { to: to.to_owned(), outside: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_counts_those_behind_each_other_only() {
        let to = |by: &str, to: &str| Diversion {
            by: by.into(),
            why: ALWAYS,
            to: Target::Phone { number: to.into() },
        };
        let group: Vec<_> = (0..9).map(|n| to(&format!("100{n}"), "2001")).collect();
        assert_eq!((chain(&group, "1009"), chain(&group, "2001")), (0, 1));
        let row = [to("1", "2"), to("2", "3"), to("9", "8"), to("3", "4")];
        assert_eq!(["1", "2", "3", "4", "8"].map(|n| chain(&row, n)), [0, 1, 2, 3, 1]);
        assert_eq!(chain(&[to("1", "2"), to("2", "1")], "1"), 2, "a circle ends");
    }
}
