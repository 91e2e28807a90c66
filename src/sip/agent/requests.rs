//! What peers ask: every request, from the wire to the session or the user that it concerns.

use super::Agent;
use super::checks::{self, Refusal};
use crate::base::Time;
use crate::sip::core::Stateless;
use crate::sip::event::{Event, SessionId};
use crate::sip::invite::refresh::TooSmall;
use crate::sip::invite::session::Session;
use crate::sip::invite::within::Within;
use crate::sip::token::Token;
use crate::sip::{Flow, reason};
use crate::wire::sip::{Message, Method, Name, NameAddr, ParseError, Via};

/// Seconds after which a peer may try again when we are full.
const RETRY_AFTER: &str = "5";

impl Agent {
    /// Takes a message from the wire.
    pub fn receive(&mut self, now: Time, flow: Flow, message: Message) {
        if message.is_request() {
            self.request(now, flow, &message);
        } else {
            self.response(now, flow, &message);
        }
        self.reap();
    }

    /// Takes bytes that were no message. When enough of a request could be read it is answered
    /// (400, 505, 513), otherwise counted.
    pub fn receive_bad(&mut self, _now: Time, flow: Flow, error: &ParseError) {
        match error.salvage() {
            Some(request) => {
                self.core.stats.refused += 1;
                let phrase = error.what.to_string();
                let answer = Stateless { phrase: &phrase, ..Stateless::plain(error.status()) };
                self.core.answer_stateless(flow, request, answer);
            }
            None => self.core.stats.unreadable += 1,
        }
    }

    fn request(&mut self, now: Time, flow: Flow, request: &Message) {
        let via = match (checks::readable(request), request.top_via()) {
            (Ok(()), Ok(via)) => via,
            (Err(refusal), _) if request.header(Name::Via).is_some() => {
                return self.refuse(flow, request, &refusal);
            }
            _ => {
                self.core.stats.unreadable += 1;
                return;
            }
        };
        let core = &mut self.core;
        let known = core.transactions.find(request, &via);
        match (request.method(), known) {
            (Method::Ack, Some(txn)) => {
                if core.transactions.ack(now, txn, &mut core.out) {
                    self.ack(now, request);
                }
            }
            (Method::Ack, None) => self.ack(now, request),
            (_, Some(txn)) => core.transactions.again(now, txn, &mut core.out),
            (Method::Cancel, None) => self.cancel(now, flow, request, &via),
            (_, None) => self.first_seen(now, flow, request, via),
        }
    }

    /// Whether a request is within a call of ours, by its tag.
    pub fn is_of_a_call(&self, message: &Message) -> bool {
        if message.is_request() {
            return self.session_of(message).is_some();
        }
        let ours = message.from().ok();
        let tag = ours.as_ref().and_then(|from| from.tag()).and_then(Token::parse);
        tag.is_some_and(|tag| self.by_tag.contains_key(&tag))
    }

    /// Refuses a request unseen, without memory of it.
    pub fn turn_away(&mut self, flow: Flow, request: &Message, status: u16) {
        self.refuse(flow, request, &Refusal::plain(status));
    }

    fn refuse(&mut self, flow: Flow, request: &Message, refusal: &Refusal) {
        self.core.stats.refused += 1;
        if *request.method() == Method::Ack {
            return;
        }
        let header = refusal.header.as_ref().map(|(name, value)| (*name, value.as_str()));
        let headers = header.as_slice();
        let (status, phrase) = (refusal.status, refusal.phrase.as_str());
        let answer = Stateless { status, phrase, tag: None, headers };
        self.core.answer_stateless(flow, request, answer);
    }

    /// The session whose tag is in the To header.
    fn session_of(&self, request: &Message) -> Option<SessionId> {
        let to = request.to().ok()?;
        self.by_tag.get(&Token::parse(to.tag()?)?).copied()
    }

    /// An ACK that no transaction kept: of a 2xx, so the dialog's.
    fn ack(&mut self, now: Time, ack: &Message) {
        let taken = self.session_of(ack).and_then(|id| {
            self.with_session(id, |session, core| {
                let ours = session.dialog_of(ack).is_some();
                if ours {
                    session.acknowledged(core, now, ack);
                }
                ours
            })
        });
        if taken != Some(true) {
            self.core.stats.stray_acks += 1;
        }
    }

    /// CANCEL (§9.2): 200 when there is such an INVITE, whatever its state; then, unless it has its
    /// final response, 487 to that.
    fn cancel(&mut self, now: Time, flow: Flow, cancel: &Message, via: &Via) {
        let found = self.core.transactions.find_cancelled(cancel, via);
        let session = found.and_then(|txn| self.core.transactions.session(txn));
        let tag = session.and_then(|id| self.sessions.get(&id)).map(|session| session.tag);
        let status = if found.is_some() { 200 } else { 481 };
        self.core.answer_stateless(flow, cancel, Stateless { tag, ..Stateless::plain(status) });
        if let (Some(txn), Some(id)) = (found, session) {
            let cause = reason::q850(cancel);
            self.with_session(id, |session, core| session.cancelled(core, now, txn, cause));
        }
    }

    /// A request that is seen for the first time.
    fn first_seen(&mut self, now: Time, flow: Flow, request: &Message, via: Via) {
        if let Err(refusal) = checks::acceptable(request) {
            return self.refuse(flow, request, &refusal);
        }
        let to = request.header(Name::To).and_then(NameAddr::params_of);
        let within = to.is_some_and(|to| to.get("tag").is_some_and(|tag| !tag.is_empty()));
        let servers = self.core.transactions.servers();
        let limit = self.core.config.limits.server_txns;
        let full = if within { servers >= limit.saturating_mul(2) } else { servers >= limit };
        if full || (*request.method() == Method::Invite && !within && self.is_full()) {
            self.core.stats.overload += 1;
            let headers = &[(Name::RetryAfter, RETRY_AFTER)];
            let answer = Stateless { headers, ..Stateless::plain(503) };
            return self.core.answer_stateless(flow, request, answer);
        }
        let (request, via) = request.received(via, flow.remote);
        if within {
            self.within(now, flow, &request, &via);
        } else {
            self.outside(now, flow, &request, &via);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.sessions.len() >= self.core.config.limits.sessions
    }

    /// A request with our tag: within a dialog, or within one that is no more (481).
    fn within(&mut self, now: Time, flow: Flow, request: &Message, via: &Via) {
        let taken = self.session_of(request).and_then(|id| {
            self.with_session(id, |session, core| {
                let ours = session.dialog_of(request).is_some();
                if ours {
                    session.request(core, now, &Within { flow, request, via });
                }
                ours
            })
        });
        if taken == Some(true) {
            return;
        }
        if let Some(id) = self.watch_of(request) {
            self.within_watch(now, id, &Within { flow, request, via });
        } else {
            self.core.stats.unknown_dialogs += 1;
            self.core.answer_stateless(flow, request, Stateless::plain(481));
        }
    }

    /// A request outside any dialog.
    fn outside(&mut self, now: Time, flow: Flow, request: &Message, via: &Via) {
        let core = &mut self.core;
        // Its own way back here, or that of a request of ours (§8.2.2.2, §16.3): it goes round.
        if core.transactions.is_merged(request) || core.transactions.is_ours(request) {
            return core.answer_stateless(flow, request, Stateless::plain(482));
        }
        let status = match request.method() {
            // Nobody can be within a call with us and not know our tag.
            Method::Bye | Method::Info | Method::Prack | Method::Update => Some(481),
            // It belongs to no subscription of ours.
            Method::Notify => Some(481),
            _ => None,
        };
        if let Some(status) = status {
            return core.answer_stateless(flow, request, Stateless::plain(status));
        }
        if *request.method() == Method::Invite
            && let Err(TooSmall(least)) = core.config.session_timer.answer(request)
        {
            let least = least.to_string();
            let headers = &[(Name::MinSe, least.as_str())];
            let answer = Stateless { headers, ..Stateless::plain(422) };
            return core.answer_stateless(flow, request, answer);
        }
        let message = request.clone();
        let txn = core.transactions.open(now, flow, message, via, true, &mut core.out);
        let message = request.clone();
        if *request.method() != Method::Invite {
            return core.tell(Event::Request { txn, flow, message });
        }
        let session = self.new_session();
        let core = &mut self.core;
        match Session::called(core, now, session, flow, request, via, txn) {
            Ok(new) => {
                self.core.tell(Event::Invite { session, flow, message });
                self.insert(new);
            }
            // Cannot happen after `checks::readable`; if it does, the caller is told.
            Err(_) => self.core.answer(now, txn, 400),
        }
    }
}
