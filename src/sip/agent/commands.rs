//! What the switch asks.

use super::{Agent, Deferred, Own};
use crate::base::Time;
use crate::sip::command::{Body, ClientTxn, Command, CommandError, Headers};
use crate::sip::core::{Core, with_headers};
use crate::sip::digest::client::Login;
use crate::sip::event::SessionId;
use crate::sip::invite::calling::Order;
use crate::sip::invite::session::{Because, Session};
use crate::sip::invite::usage::Input;
use crate::sip::subscription::Input as Watched;
use crate::sip::timers::{Owner, WakeReason};
use crate::sip::transactions::{TxnId, User};
use crate::sip::{Flow, compose, reason, token};
use crate::wire::q850::Cause;
use crate::wire::sip::{CSeq, Method, Name, NameAddr, Uri};

/// What [`Command::Request`] holds.
struct Errand {
    txn: ClientTxn,
    flow: Flow,
    method: Method,
    target: Uri,
    from: NameAddr,
    to: NameAddr,
    headers: Headers,
    body: Option<Body>,
    login: Option<Login>,
}

/// What is to be called, of Command Invite.
fn order(command: Command) -> Result<Order, CommandError> {
    let Command::Invite {
        session,
        flow,
        target,
        from,
        to,
        contact,
        sdp,
        otherwise,
        headers,
        extras,
        credentials,
        routes,
        prack,
        metadata,
    } = command
    else {
        return Err(CommandError::BadRequest);
    };
    Ok(Order {
        session,
        flow,
        target,
        from,
        to,
        contact,
        sdp,
        otherwise,
        headers,
        extras,
        credentials,
        routes,
        prack,
        metadata,
    })
}

/// What is to be asked, of Command Request.
fn errand(command: Command) -> Result<Errand, CommandError> {
    let Command::Request { txn, flow, method, target, from, to, headers, body, credentials } =
        command
    else {
        return Err(CommandError::BadRequest);
    };
    let login = credentials.map(Login::new);
    Ok(Errand { txn, flow, method, target, from, to, headers, body, login })
}

impl Agent {
    /// Does what the switch asks, or says why not; then nothing was sent.
    pub fn command(&mut self, now: Time, command: Command) -> Result<(), CommandError> {
        let done = self.dispatch(now, command);
        self.reap();
        done
    }

    fn dispatch(&mut self, now: Time, command: Command) -> Result<(), CommandError> {
        match command {
            Command::Respond { txn, status, headers, body } => {
                self.respond(now, txn, status, &headers, body)
            }
            Command::Later { after, command } => self.put_off(now, now + after, *command),
            Command::Ring { session, status, sdp, prack } => {
                self.on(session, |s, core| s.ring(core, now, status, sdp, prack))
            }
            Command::Answer { session, sdp, headers } => {
                self.on(session, |s, core| s.answer(core, now, sdp, &headers))
            }
            Command::Reject { session, status, reason, headers } => {
                self.on(session, |s, core| s.reject(core, now, status, reason, &headers))
            }
            invite @ Command::Invite { .. } => self.invite(now, order(invite)?),
            Command::Hangup { session, reason } => {
                self.on(session, |s, core| hang_up(s, core, now, reason))
            }
            Command::Offer { session, sdp, by, metadata } => {
                self.on(session, |s, core| s.offer(core, now, sdp, by, metadata))
            }
            Command::AcceptOffer { session, sdp } => {
                self.on(session, |s, core| s.accept_offer(core, now, &sdp))
            }
            Command::RejectOffer { session, status, headers } => {
                self.on(session, |s, core| s.reject_offer(core, now, status, &headers))
            }
            Command::Info { session, content_type, body } => self.on(session, |s, core| {
                s.send_within(core, now, &Method::Info, |b| b.body(&content_type, &body))
            }),
            Command::Refer { session, refer_to, referred_by } => {
                self.on(session, |s, core| s.refer(core, now, &refer_to, referred_by.as_ref()))
            }
            Command::NotifyRefer { session, status, last } => {
                self.on(session, |s, core| s.notify_refer(core, now, status, last))
            }
            Command::Remote { session, hand } => {
                self.on(session, |s, core| s.remote(core, now, hand))
            }
            Command::Subscribe { txn, flow, subscription, seconds } => {
                self.subscribe(now, txn, flow, subscription, seconds)
            }
            Command::Notify { subscription, body } => self.notify(now, subscription, &body),
            Command::Changed { subscription } => self.watched(now, subscription, Watched::Changed),
            Command::Unsubscribe { subscription, why } => {
                self.watched(now, subscription, Watched::End(why))
            }
            request @ Command::Request { .. } => self.own_request(now, errand(request)?),
        }
    }

    /// Lets a session that has not ended do something.
    fn on(
        &mut self,
        id: SessionId,
        act: impl FnOnce(&mut Session, &mut Core) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        self.with_session(id, |session, core| match session.usage.has_ended() {
            true => Err(CommandError::NoSession(id)),
            false => act(session, core),
        })
        .unwrap_or(Err(CommandError::NoSession(id)))
    }

    /// Command Respond.
    fn respond(
        &mut self,
        now: Time,
        txn: TxnId,
        status: u16,
        headers: &Headers,
        body: Option<Body>,
    ) -> Result<(), CommandError> {
        if !(200..=699).contains(&status) {
            return Err(CommandError::BadStatus(status));
        }
        let core = &mut self.core;
        let Some(request) = core.transactions.request(txn) else {
            return Err(CommandError::NoRequest(txn));
        };
        if *request.method() == Method::Invite {
            return Err(CommandError::NoRequest(txn));
        }
        let is_refer = *request.method() == Method::Refer;
        let tag = core.token();
        let builder = core.response(txn, status).ok_or(CommandError::NoRequest(txn))?.to_tag(&tag);
        let builder = with_headers(builder, headers);
        let body = body.as_ref().map(|(kind, bytes)| (kind.as_str(), bytes.as_slice()));
        let response = compose::with_body(builder, body).build()?;
        let session = core.transactions.session(txn);
        core.transactions.respond(now, txn, response, &mut core.out);
        if let Some(session) = session.filter(|_| is_refer) {
            self.with_session(session, |s, core| s.refer_answered(core, now, txn, status));
        }
        Ok(())
    }

    /// Command Later.
    fn put_off(&mut self, now: Time, at: Time, command: Command) -> Result<(), CommandError> {
        if at <= now || self.later.len() >= self.core.config.limits.later {
            return self.dispatch(now, command);
        }
        let id = self.fresh_id();
        let mut deferred = Deferred { command, slot: None };
        let entry = Some((at, WakeReason::Later));
        self.core.out.timers.set(Owner::Later(id), &mut deferred.slot, entry);
        self.later.insert(id, deferred);
        Ok(())
    }

    /// Command Invite.
    fn invite(&mut self, now: Time, order: Order) -> Result<(), CommandError> {
        if self.sessions.contains_key(&order.session) {
            return Err(CommandError::BadRequest);
        }
        if self.is_full() {
            return Err(CommandError::Full);
        }
        let session = Session::calling(&mut self.core, now, order)?;
        self.insert(session);
        Ok(())
    }

    /// Command Request.
    fn own_request(&mut self, now: Time, errand: Errand) -> Result<(), CommandError> {
        let Errand { txn, method, login, .. } = errand;
        let of_a_call = matches!(method, Method::Invite | Method::Ack | Method::Cancel);
        if of_a_call || self.own.contains_key(&txn) {
            return Err(CommandError::BadRequest);
        }
        if self.own.len() >= self.core.config.limits.own_requests {
            return Err(CommandError::Full);
        }
        let core = &mut self.core;
        let (tag, hop) = (core.token(), core.hop(errand.flow));
        let call_id = token::call_id(&mut core.rng);
        // The user may bring its own, as a registration does that keeps its Call-ID (§10.2.4).
        let has = |name: Name| errand.headers.iter().any(|(given, _)| *given == name);
        let mut builder = compose::request(&method, &errand.target, hop)
            .header(Name::From, &errand.from.with_tag(&tag.text()))
            .header(Name::To, &errand.to);
        if !has(Name::CallId) {
            builder = builder.header(Name::CallId, &*call_id);
        }
        if !has(Name::CSeq) {
            builder = builder.header(Name::CSeq, &CSeq { number: 1, method: method.clone() });
        }
        if !core.config.product.is_empty() {
            builder = builder.header(Name::UserAgent, core.config.product.as_str());
        }
        let body = errand.body.as_ref().map(|(kind, bytes)| (kind.as_str(), bytes.as_slice()));
        let request = compose::with_body(with_headers(builder, &errand.headers), body).build()?;
        core.send(now, hop, request, User::Own(txn));
        self.own.insert(txn, Own { login });
        Ok(())
    }
}

/// Command Hangup: the usage says by what.
fn hang_up(
    session: &mut Session,
    core: &mut Core,
    now: Time,
    cause: Option<Cause>,
) -> Result<(), CommandError> {
    let actions = session.usage.handle(Input::Hangup(reason::status_of(cause)));
    session.act(core, now, actions, Because { cause, response: None });
    Ok(())
}
