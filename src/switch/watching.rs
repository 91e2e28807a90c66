//! Who watches whom: busy lamps, presence, message lamps, registrations (RFC 6665 with RFC 4235, 3856,
//! 3842, 3680).
//!
//! ```text
//!   SUBSCRIBE ─▶ event known? 489 ─▶ password ─▶ may it watch? 403 ─▶ 423, 503 ─▶ accepted
//!   a fact about a phone ─▶ touched ─▶ its watchers are told, as the rate of each lets it
//! ```
//!
//! A phone may watch itself; the state of another one that it has a group in common with
//! (`[[phone]] groups`); nobody's registrations and messages but its own. Parking slots all may watch.
//!
//! Nothing is kept over a restart: a watcher whose refresh gets 481 subscribes anew (RFC 6665 §4.4.1).

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Now;
use crate::call::{ConnectionState, Role};
use crate::sip::subscription::{LEAST_S, TooBrief, Why, granted};
use crate::sip::{Command, Flow, SubscriptionId, TxnId};
use crate::wire::dialog_info::{self, Dialog, DialogInfo};
use crate::wire::message_summary::{self, Summary};
use crate::wire::pidf::{self, Activity, Presence};
use crate::wire::reginfo::{self, RegInfo};
use crate::wire::sip::{Message, Name};

use super::Switch;
use super::active::Active;
use super::arrival::user;
use super::fact::{FactKind, Party};
use super::leg::{Confirm, Stage};
use super::requests::Challenge;

/// Subscriptions of one phone: two expansion modules of lamps, and what is left over from before its
/// restart.
const MOST_OF_ONE: usize = 300;
/// Subscriptions in all: about 1 kB each.
const MOST: usize = 20_000;
/// After how many seconds a watcher may try again when there are too many.
const RETRY_AFTER_S: &str = "60";

/// What can be watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Package {
    /// The calls of a phone.
    Dialog,
    /// Whether it can be reached.
    Presence,
    /// What waits for it.
    MessageSummary,
    /// Where it is registered.
    Reg,
}

impl Package {
    const ALL: [(&'static str, Package, &'static str); 4] = [
        ("dialog", Package::Dialog, dialog_info::TYPE),
        ("presence", Package::Presence, pidf::TYPE),
        ("message-summary", Package::MessageSummary, message_summary::TYPE),
        ("reg", Package::Reg, reginfo::TYPE),
    ];
    /// For Allow-Events.
    const NAMES: &'static str = "dialog, presence, message-summary, reg";

    fn of(event: &[u8]) -> Option<Package> {
        let named = |(name, ..): &&(&str, _, _)| event.eq_ignore_ascii_case(name.as_bytes());
        Package::ALL.iter().find(named).map(|(_, package, _)| *package)
    }
    fn content_type(self) -> &'static str {
        Package::ALL.iter().find(|(_, package, _)| *package == self).map_or("", |(.., kind)| kind)
    }
    /// Others may watch it too.
    fn is_shared(self) -> bool {
        matches!(self, Package::Dialog | Package::Presence)
    }
}

/// One watcher.
#[derive(Debug)]
struct Watch {
    /// Its number.
    watcher: String,
    package: Package,
    /// Whom it watches.
    target: String,
    /// Of the next document.
    version: u32,
}

/// All watchers.
#[derive(Debug, Default)]
pub(super) struct Watching {
    all: BTreeMap<SubscriptionId, Watch>,
    by_target: BTreeMap<String, BTreeSet<SubscriptionId>>,
    by_watcher: BTreeMap<String, usize>,
    /// Whose watchers are to be told.
    touched: BTreeSet<String>,
}

impl Watching {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Something of `number` has changed.
    pub(super) fn touch(&mut self, number: &str) {
        if self.by_target.contains_key(number) && !self.touched.contains(number) {
            self.touched.insert(number.to_owned());
        }
    }

    fn is_full_for(&self, watcher: &str) -> bool {
        let own = self.by_watcher.get(watcher).copied().unwrap_or(0);
        self.all.len() >= MOST || own >= MOST_OF_ONE
    }

    fn insert(&mut self, id: SubscriptionId, watch: Watch) {
        self.by_target.entry(watch.target.clone()).or_default().insert(id);
        *self.by_watcher.entry(watch.watcher.clone()).or_default() += 1;
        self.all.insert(id, watch);
    }

    fn remove(&mut self, id: SubscriptionId) {
        let Some(watch) = self.all.remove(&id) else { return };
        if let Some(ids) = self.by_target.get_mut(&watch.target) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_target.remove(&watch.target);
            }
        }
        if let Some(own) = self.by_watcher.get_mut(&watch.watcher) {
            *own -= 1;
            if *own == 0 {
                self.by_watcher.remove(&watch.watcher);
            }
        }
    }
}

/// Why a SUBSCRIBE is refused: the status, and a header.
type Refused = (u16, Option<(Name, Vec<u8>)>);

impl Switch {
    /// SUBSCRIBE outside a dialog.
    pub(super) fn subscribe(&mut self, now: Now, txn: TxnId, flow: Flow, message: &Message) {
        let event = message.token_with_params(Name::Event).ok().flatten();
        let Some(package) = event.and_then(|(event, _)| Package::of(event)) else {
            let known = (Name::AllowEvents, Package::NAMES.into());
            return self.respond(now, txn, 489, vec![known]);
        };
        let watcher = match self.verify(now, flow, message) {
            Ok(user) => user,
            Err(Challenge { headers, after }) => {
                let answer = Command::Respond { txn, status: 401, headers, body: None };
                return self.later(now, after, answer);
            }
        };
        match self.may_watch(&watcher, package, message) {
            Ok((target, seconds)) => {
                let subscription = self.agent.new_subscription();
                self.watching.insert(subscription, Watch { watcher, package, target, version: 0 });
                let accepted = Command::Subscribe { txn, flow, subscription, seconds };
                if !self.ask(now, accepted) {
                    self.watching.remove(subscription);
                    self.respond(now, txn, 400, vec![]);
                }
            }
            Err((status, header)) => {
                self.respond(now, txn, status, header.into_iter().collect());
            }
        }
    }

    /// Whom a SUBSCRIBE watches and for how long, if it may.
    fn may_watch(
        &self,
        watcher: &str,
        package: Package,
        message: &Message,
    ) -> Result<(String, u32), Refused> {
        let target = message.uri().ok().and_then(|uri| user(&uri));
        // Phones ask for their own state without naming themselves in the Request-URI.
        let target = target.or_else(|| message.to().ok().and_then(|to| user(&to.uri)));
        let slot = |target: &str| package == Package::Dialog && self.slot_of(target).is_some();
        let target = target.filter(|t| self.config.phone(t).is_some() || slot(t));
        let target = target.ok_or((404, None))?;
        if !self.is_allowed(watcher, package, &target) {
            return Err((403, None));
        }
        let mut accept = message.headers(Name::Accept).peekable();
        let takes = |range: &[u8]| {
            let end = range.iter().position(|b| *b == b';').unwrap_or(range.len());
            let range = range[..end].trim_ascii();
            let all: [&[u8]; 3] = [b"*/*", b"application/*", package.content_type().as_bytes()];
            all.iter().any(|kind| range.eq_ignore_ascii_case(kind))
        };
        if accept.peek().is_some() && !accept.any(takes) {
            return Err((406, Some((Name::Accept, package.content_type().into()))));
        }
        let seconds = granted(message.expires().ok().flatten()).map_err(|TooBrief| {
            (423, Some((Name::MinExpires, LEAST_S.to_string().into_bytes())))
        })?;
        if self.draining || self.watching.is_full_for(watcher) {
            return Err((503, Some((Name::RetryAfter, RETRY_AFTER_S.into()))));
        }
        Ok((target, seconds))
    }

    fn is_allowed(&self, watcher: &str, package: Package, target: &str) -> bool {
        let is_phone = self.config.phone(watcher).is_some();
        let shared = package.is_shared() && self.config.are_grouped(watcher, target);
        let slot = package == Package::Dialog && self.slot_of(target).is_some();
        is_phone && (watcher == target || shared || slot)
    }

    /// A watcher is to be told.
    pub(super) fn state_wanted(&mut self, now: Now, subscription: SubscriptionId) {
        let Some(watch) = self.watching.all.get_mut(&subscription) else { return };
        let version = watch.version;
        watch.version = version.saturating_add(1);
        let (package, target) = (watch.package, watch.target.clone());
        let entity = self.entity(&target);
        let text = match package {
            Package::Dialog => {
                let dialogs = match self.slot_of(&target) {
                    Some(slot) => self.slot_dialogs(slot),
                    None => self.dialogs_of(&target),
                };
                DialogInfo { version, entity, dialogs }.to_string()
            }
            Package::Presence => self.presence_of(now, &target, entity).to_string(),
            Package::MessageSummary => {
                let texts = self.messages.waiting_for(&target);
                Summary { account: entity, texts }.to_string()
            }
            Package::Reg => {
                let contacts = self.registrar.lookup(now.at, &target);
                let left = |until: crate::base::Time| until.since(now.at).as_secs();
                let contact = |b: &&crate::sip::Binding| (b.contact.to_string(), left(b.expires));
                let contacts = contacts.iter().map(contact).collect();
                RegInfo { version, aor: entity, contacts }.to_string()
            }
        };
        let body = (package.content_type().to_owned(), text.into_bytes());
        self.ask(now, Command::Notify { subscription, body });
    }

    /// A subscription is over.
    pub(super) fn subscription_over(&mut self, subscription: SubscriptionId) {
        self.watching.remove(subscription);
    }

    pub(super) fn entity(&self, number: &str) -> String {
        format!("sip:{number}@{}", self.config.domain())
    }

    /// The calls that a phone is in, as it has them.
    fn dialogs_of(&self, number: &str) -> Vec<Dialog> {
        let dialog = |leg| self.dialog_of(self.calls.get(&self.legs.get(&leg)?.call)?, leg);
        self.lines.of(number).filter_map(dialog).collect()
    }

    fn dialog_of(&self, active: &Active, leg_id: crate::base::LegId) -> Option<Dialog> {
        let leg = self.legs.get(&leg_id).filter(|leg| leg.stage != Stage::Over)?;
        let party = active.call.get(leg_id)?;
        let initiator = party.role == Role::Caller;
        let rings = leg.ringing.is_some() || leg.rang || leg.early;
        let state = match (leg.stage, initiator) {
            (Stage::Answered, _) if leg.confirm == Confirm::No => dialog_info::State::Confirmed,
            (_, true) if rings => dialog_info::State::Early,
            (_, true) => dialog_info::State::Proceeding,
            (_, false) if rings => dialog_info::State::Early,
            (_, false) => dialog_info::State::Trying,
        };
        let peer = party.peer.and_then(|peer| active.call.get(peer));
        let other = match (peer, initiator) {
            (Some(peer), _) => peer.device.number(),
            (None, true) => active.to.as_str(),
            // Who hides from those whom he calls hides here too.
            (None, false) if active.origin.private => "anonymous",
            (None, false) => active.from.as_str(),
        };
        let hides = active.origin.private && other == active.from;
        let other = if hides { "anonymous" } else { other };
        let name = active.from_name.clone().filter(|_| !initiator && !hides);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let names = self.agent.replaces(leg.session);
        Some(Dialog {
            id: leg_id.to_string(),
            names: names.map(|n| [text(&n.call_id), text(&n.to_tag), text(&n.from_tag)]),
            initiator,
            state,
            held: leg.held,
            remote: (self.entity(other), name),
        })
    }

    fn presence_of(&self, now: Now, number: &str, entity: String) -> Presence {
        let talks = |leg| {
            let active = self.legs.get(&leg).and_then(|line| self.calls.get(&line.call));
            let state = active.and_then(|active| active.call.get(leg)).map(|party| party.state);
            matches!(state, Some(ConnectionState::Connected | ConnectionState::Held))
        };
        let has_mobile = self.config.phone(number).is_some_and(|phone| phone.mobile.is_some());
        let on_the_phone = self.lines.of(number).any(talks);
        Presence {
            entity,
            open: !self.registrar.lookup(now.at, number).is_empty() || has_mobile,
            activity: match self.wishes(number).is_some_and(|wishes| wishes.do_not_disturb()) {
                _ if on_the_phone => Some(Activity::OnThePhone),
                true => Some(Activity::Busy),
                false => None,
            },
        }
    }

    /// A fact may be news for somebody's watchers.
    pub(super) fn touched_by(&mut self, kind: &FactKind) {
        if self.watching.len() == 0 {
            return;
        }
        let leg = match kind {
            FactKind::PhoneRegistered { number, .. }
            | FactKind::PhoneUnregistered { number, .. } => return self.watching.touch(number),
            FactKind::LegBegan {
                party: Party::Phone { number } | Party::Mobile { number, .. },
                ..
            } => {
                return self.watching.touch(number);
            }
            FactKind::LegRinging { leg, .. }
            | FactKind::LegAnswered { leg, .. }
            | FactKind::LegAsked { leg, .. }
            | FactKind::Held { leg, .. }
            | FactKind::Retrieved { leg, .. }
            | FactKind::LegMoved { leg, .. } => *leg,
            FactKind::Bridged { call, a, b } => {
                self.touch_party(*call, *a);
                return self.touch_party(*call, *b);
            }
            _ => return,
        };
        if let Some(call) = self.legs.get(&leg).map(|leg| leg.call) {
            self.touch_party(call, leg);
        }
    }

    /// Something of a party has changed.
    pub(super) fn touch_party(&mut self, call: crate::base::CallId, leg: crate::base::LegId) {
        if self.watching.len() == 0 {
            return;
        }
        let party = self.calls.get(&call).and_then(|active| active.call.get(leg));
        if let Some(device) = party.map(|party| &party.device).filter(|device| device.is_phone()) {
            self.watching.touch(device.number());
        }
    }

    /// Tells the watchers of whatever has changed.
    pub(super) fn tell_watchers(&mut self, now: Now) {
        while let Some(number) = self.watching.touched.pop_first() {
            let ids = self.watching.by_target.get(&number).cloned().unwrap_or_default();
            for subscription in ids {
                self.ask(now, Command::Changed { subscription });
            }
            self.drain_agent(now);
        }
    }

    /// After a reload: who may not watch any more is told so.
    pub(super) fn review_watchers(&mut self, now: Now) {
        let mut ending = Vec::new();
        for (id, watch) in &self.watching.all {
            let is_there =
                self.config.phone(&watch.target).is_some() || self.slot_of(&watch.target).is_some();
            if !is_there {
                ending.push((*id, Why::NoResource));
            } else if !self.is_allowed(&watch.watcher, watch.package, &watch.target) {
                ending.push((*id, Why::Rejected));
            }
        }
        for (subscription, why) in ending {
            self.ask(now, Command::Unsubscribe { subscription, why });
        }
    }
}
