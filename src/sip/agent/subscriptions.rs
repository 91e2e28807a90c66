//! Subscriptions in being: their dialogs, the SUBSCRIBEs that renew them and the NOTIFYs that tell
//! (RFC 6665). When something is told, [`crate::sip::subscription`] says.
//!
//! ```text
//!   watcher                      agent                           switch
//!     │──SUBSCRIBE────────────────>│──Event::Request────────────────>│ who is it, may it watch?
//!     │<──────200, Expires─────────│<──Command::Subscribe────────────│
//!     │                            │──Event::StateWanted────────────>│
//!     │<──NOTIFY, state────────────│<──Command::Notify───────────────│
//!     │                            │<──Command::Changed──────────────│ something has happened
//!     │                            │──Event::StateWanted────────────>│ … as soon as the rate lets it
//! ```

use super::Agent;
use crate::base::{Duration, Time};
use crate::sip::command::{Body, CommandError};
use crate::sip::core::{Core, Stateless};
use crate::sip::dialog::Dialog;
use crate::sip::event::Event;
use crate::sip::invite::within::Within;
use crate::sip::subscription::{
    Action, Input, LEAST_S, Subscription, SubscriptionId, Why, granted,
};
use crate::sip::timers::{Owner, Slot, WakeReason};
use crate::sip::token::Token;
use crate::sip::transactions::{TxnId, User};
use crate::sip::{Flow, compose};
use crate::wire::sip::{Message, Method, Name};

/// One subscription.
#[derive(Debug)]
pub(super) struct Watch {
    machine: Subscription,
    dialog: Dialog,
    tag: Token,
    contact: Box<[u8]>,
    /// The value of Event, as the watcher wrote it: its `id` comes back in each NOTIFY (§8.2.1).
    event: Box<[u8]>,
    /// The state has been asked for: for the last time, if there is a reason.
    wanted: Option<Option<Why>>,
    slot: Slot,
}

impl Agent {
    /// A name for a subscription that [`crate::sip::Command::Subscribe`] will accept.
    pub fn new_subscription(&mut self) -> SubscriptionId {
        SubscriptionId(self.fresh_id())
    }

    /// Command Subscribe.
    pub(super) fn subscribe(
        &mut self,
        now: Time,
        txn: TxnId,
        flow: Flow,
        id: SubscriptionId,
        seconds: u32,
    ) -> Result<(), CommandError> {
        let core = &mut self.core;
        let waiting = core.transactions.request(txn).filter(|r| *r.method() == Method::Subscribe);
        let request = waiting.cloned().ok_or(CommandError::NoRequest(txn))?;
        let unreadable = |_| CommandError::NoRequest(txn);
        let via = request.top_via().map_err(unreadable)?;
        let tag = core.token();
        let dialog = Dialog::called(&request, &via, tag, flow).map_err(unreadable)?;
        let user = request.uri().ok().and_then(|uri| uri.user().map(|user| user.into_owned()));
        let secure = compose::wants_sips(&request);
        let contact = compose::contact(core.hop(flow), user.as_deref(), secure);
        let contact: Box<[u8]> = compose::bracketed(&contact).into();
        let event = request.header(Name::Event).unwrap_or_default().into();
        let machine = Subscription::new(now + Duration::from_secs(u64::from(seconds)));
        let watch = Watch { machine, dialog, tag, contact, event, wanted: None, slot: None };
        watch.accept(core, now, txn, seconds);
        self.watched_by.insert(tag, id);
        self.watches.insert(id, Box::new(watch));
        self.turn(now, id, if seconds == 0 { Input::End(Why::Timeout) } else { Input::Asked });
        Ok(())
    }

    /// Command Notify: the state that was asked for.
    pub(super) fn notify(
        &mut self,
        now: Time,
        id: SubscriptionId,
        body: &Body,
    ) -> Result<(), CommandError> {
        let watch = self.watches.get_mut(&id).ok_or(CommandError::NoSubscription(id))?;
        let last = watch.wanted.take().ok_or(CommandError::NoSubscription(id))?;
        let state = match last {
            Some(why) => format!("terminated;reason={}", why.word()),
            None => format!("active;expires={}", watch.machine.until().since(now).as_secs()),
        };
        let core = &mut self.core;
        let hop = core.hop(watch.dialog.next_hop());
        let (kind, bytes) = body;
        let notify = watch
            .dialog
            .request(&Method::Notify, hop)
            .header(Name::Contact, &*watch.contact)
            .header(Name::Event, &*watch.event)
            .header(Name::SubscriptionState, state.as_str())
            .header(Name::Allow, compose::ALLOW)
            .body(kind, bytes)
            .build();
        match notify {
            Ok(notify) => {
                core.send(now, hop, notify, User::Watch(id));
            }
            // It cannot be written, and would not be the next time: the watcher is told no more.
            Err(_) => self.turn(now, id, Input::Failed),
        }
        if last.is_some() {
            self.unwatch(id);
        }
        Ok(())
    }

    /// Commands Changed and Unsubscribe.
    pub(super) fn watched(
        &mut self,
        now: Time,
        id: SubscriptionId,
        input: Input,
    ) -> Result<(), CommandError> {
        if !self.watches.contains_key(&id) {
            return Err(CommandError::NoSubscription(id));
        }
        self.turn(now, id, input);
        Ok(())
    }

    /// A NOTIFY was answered, or will never be.
    pub(super) fn notified(&mut self, now: Time, id: SubscriptionId, status: Option<u16>) {
        match status {
            Some(100..200) => {}
            Some(200..300) => self.turn(now, id, Input::Answered),
            _ => self.turn(now, id, Input::Failed),
        }
    }

    /// Its timer has come.
    pub(super) fn wake_watch(&mut self, now: Time, id: SubscriptionId) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.slot = None;
            self.turn(now, id, Input::Wake);
        }
    }

    /// The subscription whose dialog a request of the peer's belongs to.
    pub(super) fn watch_of(&self, request: &Message) -> Option<SubscriptionId> {
        let to = request.to().ok()?;
        let id = *self.watched_by.get(&Token::parse(to.tag()?)?)?;
        self.watches.get(&id).filter(|watch| watch.dialog.owns(request)).map(|_| id)
    }

    /// A request within a subscription's dialog: SUBSCRIBE renews or ends it, all else has no place.
    pub(super) fn within_watch(&mut self, now: Time, id: SubscriptionId, within: &Within<'_>) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        let (core, request) = (&mut self.core, within.request);
        if watch.dialog.arrived(request, within.via, within.flow).is_err() {
            let answer = Stateless { tag: Some(watch.tag), ..Stateless::plain(500) };
            return core.answer_stateless(within.flow, request, answer);
        }
        let (flow, via) = (within.flow, within.via);
        let txn = core.transactions.open(now, flow, request.clone(), via, false, &mut core.out);
        if *request.method() != Method::Subscribe {
            if let Some(builder) = core.response(txn, 405) {
                core.respond(now, txn, builder.header(Name::Allow, "SUBSCRIBE"));
            }
            return;
        }
        if request.header(Name::Event) != Some(&watch.event) {
            return core.answer(now, txn, 489);
        }
        let Ok(seconds) = granted(request.expires().ok().flatten()) else {
            if let Some(builder) = core.response(txn, 423) {
                core.respond(now, txn, builder.header(Name::MinExpires, &LEAST_S));
            }
            return;
        };
        watch.dialog.refresh_target(request);
        watch.accept(core, now, txn, seconds);
        watch.machine.renew(now + Duration::from_secs(u64::from(seconds)));
        self.turn(now, id, if seconds == 0 { Input::End(Why::Timeout) } else { Input::Asked });
    }

    /// Gives the machine an input and does what follows.
    fn turn(&mut self, now: Time, id: SubscriptionId, input: Input) {
        let Some(watch) = self.watches.get_mut(&id) else { return };
        match watch.machine.handle(now, input) {
            Action::Nothing => {}
            Action::Tell => {
                watch.wanted = Some(None);
                self.core.tell(Event::StateWanted { subscription: id });
            }
            Action::Last(why) => {
                watch.wanted = Some(Some(why));
                self.core.tell(Event::StateWanted { subscription: id });
            }
            Action::Gone => return self.unwatch(id),
        }
        let next = watch.machine.next_wake().map(|at| (at, WakeReason::Subscription));
        self.core.out.timers.set(Owner::Watch(id), &mut watch.slot, next);
    }

    fn unwatch(&mut self, id: SubscriptionId) {
        let Some(mut watch) = self.watches.remove(&id) else { return };
        self.core.out.timers.set(Owner::Watch(id), &mut watch.slot, None);
        self.watched_by.remove(&watch.tag);
        self.core.tell(Event::SubscriptionOver { subscription: id });
    }
}

impl Watch {
    /// The 200 to a SUBSCRIBE.
    fn accept(&self, core: &mut Core, now: Time, txn: TxnId, seconds: u32) {
        if let Some(builder) = core.response(txn, 200) {
            let builder = builder
                .to_tag(&self.tag)
                .header(Name::Contact, &*self.contact)
                .header(Name::Expires, &seconds);
            core.respond(now, txn, builder);
        }
    }
}
