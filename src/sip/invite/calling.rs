//! Our own INVITE: RFC 3261 §13.2 (forks, 2xx and ACK), §9.1 (CANCEL), §22 (challenges).
//!
//! One INVITE may ring at several places (forking): each is an early dialog with its own preview
//! of the answer. The first 2xx wins; the others are acknowledged and left with BYE (§13.2.2.4).

use super::offer::{Carrier, Exchange, described};
use super::refresh::Refresh;
use super::reliable::{self, Heard, Prack};
use super::session::{Acked, Because, Calling, Early, MOST_FORKS, MOST_OPEN, Session, Setup};
use super::usage::{Input, Usage};
use crate::base::Time;
use crate::sip::Flow;
use crate::sip::command::{CommandError, Headers};
use crate::sip::compose::Hop;
use crate::sip::core::{Core, with_abilities, with_reason};
use crate::sip::dialog::Dialog;
use crate::sip::digest::client::{Credentials, Login};
use crate::sip::event::{Event, OfferKind, SessionId};
use crate::sip::token::Token;
use crate::sip::transaction::Tell;
use crate::sip::transactions::{Reply, User};
use crate::sip::{compose, reason, token};
use crate::wire::sip::{CSeq, Message, Method, Name, NameAddr, Uri};

/// ACKs kept for 2xx that come again. Further forks are acknowledged and left each time.
const MOST_ACKS: usize = 8;

/// The CSeq number of our first INVITE.
const FIRST: u32 = 1;

/// What [`crate::sip::Command::Invite`] asks for.
pub(crate) struct Order {
    pub session: SessionId,
    pub flow: Flow,
    pub target: Uri,
    pub from: NameAddr,
    pub to: NameAddr,
    pub contact: Uri,
    pub sdp: Option<Vec<u8>>,
    pub otherwise: Option<Vec<u8>>,
    pub headers: Headers,
    pub extras: Vec<(String, String)>,
    pub credentials: Option<Credentials>,
    pub routes: Vec<Uri>,
    pub prack: Prack,
    pub metadata: Option<Vec<u8>>,
}

impl Order {
    /// The INVITE; beside it, what is ours in the dialog: tag, Call-ID and Contact.
    fn invite(
        &self,
        core: &Core,
        hop: Hop,
        (tag, call_id, contact): (&Token, &[u8], &[u8]),
    ) -> Result<Message, CommandError> {
        let hops = self.headers.iter().find(|(name, _)| *name == Name::MaxForwards);
        let hops = hops.and_then(|(_, hops)| core::str::from_utf8(hops).ok()?.parse().ok());
        let mut builder = compose::passed_on(&Method::Invite, &self.target, hop, hops);
        for route in &self.routes {
            builder = builder.header(Name::Route, &compose::bracketed(route));
        }
        builder = builder
            .header(Name::From, &self.from.clone().with_tag(&tag.text()))
            .header(Name::To, &self.to)
            .header(Name::CallId, call_id)
            .header(Name::CSeq, &CSeq { number: FIRST, method: Method::Invite });
        if !core.config.product.is_empty() {
            builder = builder.header(Name::UserAgent, core.config.product.as_str());
        }
        // Without an offer of ours the peer's could come in an 18x, whose PRACK had to answer it.
        let prack = if self.sdp.is_some() { self.prack } else { Prack::Off };
        let supported = match prack {
            Prack::Supported => compose::SUPPORTED,
            Prack::Off | Prack::Required => compose::WITHOUT_PRACK,
        };
        let own = self.headers.iter().filter(|(name, _)| *name != Name::MaxForwards);
        builder = own.fold(with_abilities(builder, contact, supported), |made, (name, value)| {
            made.header(*name, value)
        });
        let extras = self.extras.iter();
        builder = extras.fold(builder, |made, (name, value)| made.header(name.as_str(), value));
        if prack == Prack::Required {
            builder = builder.header(Name::Require, reliable::TAG);
        }
        builder = core.config.session_timer.on_invite(builder);
        if self.metadata.is_some() {
            builder = builder.header(Name::Require, compose::SIPREC);
        }
        let described = |sdp| compose::described(sdp, self.metadata.as_deref());
        let body = self.sdp.as_deref().map(described);
        let body = body.as_ref().map(|(kind, bytes)| (&**kind, &**bytes));
        Ok(compose::with_body(builder, body).build()?)
    }
}

/// What the fork that answers has said of the answer before.
struct Answer {
    preview: Option<Vec<u8>>,
    /// It came reliably, so that the 2xx can say nothing else (§13.2.1).
    settled: bool,
}

impl Session {
    /// Sends our INVITE.
    pub(crate) fn calling(
        core: &mut Core,
        now: Time,
        order: Order,
    ) -> Result<Session, CommandError> {
        let (tag, hop) = (core.token(), core.hop(order.flow));
        let call_id = token::call_id(&mut core.rng);
        let mut contact = compose::bracketed(&order.contact);
        if order.metadata.is_some() {
            contact.extend_from_slice(compose::RECORDS);
        }
        let contact: Box<[u8]> = contact.into();
        let invite = order.invite(core, hop, (&tag, &call_id, &contact))?;
        let mut refresh = Refresh::default();
        if let Some(sdp) = &order.sdp {
            refresh.described(sdp);
        }
        let user = User::Session(order.session);
        let client = core.send(now, hop, invite.clone(), user);
        let offered = order.sdp.is_some();
        let calling = Calling {
            target: order.target,
            flow: order.flow,
            client,
            number: FIRST,
            offered,
            otherwise: order.otherwise,
            invite: Some(invite),
            early: Vec::new(),
            give_up: Some(now + core.config.first_response.min(core.config.ring_max)),
            ring_until: now + core.config.ring_max,
        };
        let (usage, setup) = (Usage::Calling { hangup: false }, Setup::Calling(Box::new(calling)));
        let exchange = Exchange::Ours { by: Carrier::Invite, offered };
        Ok(Session {
            refresh,
            login: order.credentials.map(Login::new),
            open: 1,
            ..Session::begun(order.session, usage, exchange, (tag, contact), setup)
        })
    }

    /// Something came of our first INVITE.
    pub(crate) fn invite_reply(
        &mut self,
        core: &mut Core,
        now: Time,
        flow: Flow,
        reply: &Reply,
        response: Option<&Message>,
    ) {
        let input = match (reply.tell, response.and_then(Message::status), response) {
            (_, Some(status @ 100..=199), Some(response)) => {
                return self.provisional(core, now, flow, status, response);
            }
            (_, Some(200..=299), Some(response)) => return self.success(core, now, flow, response),
            (_, Some(_), Some(_)) => Input::Failure,
            (Tell::Unreachable, ..) => Input::Unreachable,
            _ => Input::Timeout,
        };
        if let Setup::Calling(calling) = &mut self.setup {
            calling.invite = None;
            calling.otherwise = None;
            calling.early = Vec::new();
        }
        self.exchange.close();
        let actions = self.usage.handle(input);
        let cause = response.and_then(reason::q850);
        self.act(core, now, actions, Because { cause, response });
    }

    /// 1xx: a CANCEL that was held back may go now; what rings is told.
    fn provisional(
        &mut self,
        core: &mut Core,
        now: Time,
        flow: Flow,
        status: u16,
        response: &Message,
    ) {
        if let (Usage::Calling { hangup: false }, Setup::Calling(calling)) =
            (self.usage, &mut self.setup)
        {
            calling.give_up = Some(calling.ring_until);
        }
        let actions = self.usage.handle(Input::Provisional);
        self.act(core, now, actions, Because::default());
        if status == 100 || self.usage != Usage::Proceeding {
            return;
        }
        let sdp = described(response).map(<[u8]>::to_vec);
        let fork = self.note_early(flow, response, sdp.clone());
        if !self.acknowledge_provisional(core, now, response, fork) {
            return;
        }
        let (session, message) = (self.id, response.clone());
        core.tell(Event::Progress { session, status, sdp, message });
    }

    /// Keeps the early dialog of a 1xx with a To tag: gives its place.
    fn note_early(
        &mut self,
        flow: Flow,
        response: &Message,
        sdp: Option<Vec<u8>>,
    ) -> Option<usize> {
        let Setup::Calling(calling) = &mut self.setup else {
            return None;
        };
        let dialog = Dialog::calling(response, &calling.target, flow).ok()?;
        if dialog.remote_tag().is_empty() {
            return None;
        }
        let known = |early: &Early| early.dialog.remote_tag() == dialog.remote_tag();
        if let Some(fork) = calling.early.iter().position(known) {
            let early = &mut calling.early[fork];
            // What it answered for good stands.
            if !early.heard.answered {
                early.sdp = sdp.or(early.sdp.take());
            }
            early.dialog.refresh_target(response);
            return Some(fork);
        }
        if calling.early.len() == MOST_FORKS {
            return None;
        }
        // There is one nearly always.
        calling.early.reserve_exact(1);
        calling.early.push(Early { dialog, sdp, heard: Heard::default() });
        Some(calling.early.len() - 1)
    }

    /// 2xx: the first one makes the call, another fork's is left, a repeated one acknowledged.
    fn success(&mut self, core: &mut Core, now: Time, flow: Flow, response: &Message) {
        let Ok(to) = response.to() else { return };
        let tag = to.tag().unwrap_or_default();
        let Setup::Calling(calling) = &mut self.setup else {
            return;
        };
        if let Some(done) = self.acks.iter().find(|acked| *acked.remote_tag == *tag) {
            // Over a connection, by the one that the 2xx came over: the former may be gone.
            let by = if flow.transport.is_reliable() { flow } else { done.flow };
            return core.send_ack(by, done.ack.clone());
        }
        if let Some(dialog) = &self.dialog {
            if dialog.remote_tag() != tag {
                self.leave_fork(core, now, flow, response);
            }
            return;
        }
        let early = calling.early.iter().position(|early| early.dialog.remote_tag() == tag);
        let (dialog, preview, settled) = match early.map(|at| calling.early.swap_remove(at)) {
            Some(Early { mut dialog, sdp, heard }) => {
                dialog.confirm(response);
                (dialog, sdp, heard.answered)
            }
            None => match Dialog::calling(response, &calling.target, flow) {
                Ok(dialog) => (dialog, None, false),
                Err(_) => return,
            },
        };
        let number = calling.number;
        if !settled && self.exchange == Exchange::Stable {
            // The answer that closed it was another fork's.
            self.exchange = Exchange::Ours { by: Carrier::Invite, offered: calling.offered };
        }
        calling.invite = None;
        calling.otherwise = None;
        calling.give_up = None;
        calling.early = Vec::new();
        self.dialog = Some(dialog);
        self.refresh.peer(response);
        self.refresh.accepted(now, response);
        let early = Answer { preview, settled };
        self.answered(core, now, number, response, early);
    }

    /// The call is answered: ACK at once, or after our answer when the 2xx brought their offer.
    fn answered(
        &mut self,
        core: &mut Core,
        now: Time,
        number: u32,
        response: &Message,
        early: Answer,
    ) {
        let Answer { preview, settled } = early;
        let offered = settled || matches!(self.exchange, Exchange::Ours { offered: true, .. });
        let sdp = described(response).filter(|_| !settled).map(<[u8]>::to_vec);
        let theirs = self.exchange.answered_ours(sdp.is_some());
        let actions = self.usage.handle(Input::Success);
        if theirs && self.usage == Usage::Confirmed {
            self.owed_ack = Some(number);
        } else {
            self.exchange.close();
            self.acknowledge(core, number, None);
        }
        self.act(core, now, actions, Because::default());
        if self.usage != Usage::Confirmed {
            return;
        }
        let (session, message) = (self.id, response.clone());
        let answer = match (theirs, sdp) {
            (true, Some(sdp)) => {
                core.tell(Event::Offer { session, sdp, kind: OfferKind::In2xx });
                None
            }
            (_, sdp) => sdp.or(preview).filter(|_| offered),
        };
        core.tell(Event::Answered { session, sdp: answer, message });
        self.try_offer(core, now);
    }

    /// Sends the ACK of a 2xx and keeps it for the 2xx that come again.
    pub(crate) fn acknowledge(&mut self, core: &mut Core, number: u32, sdp: Option<&[u8]>) {
        let Some(dialog) = &self.dialog else {
            return;
        };
        let hop = core.hop(dialog.next_hop());
        let mut builder = dialog.ack(number, hop);
        if let Some((name, value)) = self.login.as_ref().and_then(Login::last) {
            builder = builder.header(name, value);
        }
        let body = sdp.map(|sdp| (compose::SDP, sdp));
        let Ok(ack) = compose::with_body(builder, body).build() else {
            return;
        };
        let (flow, remote_tag) = (hop.flow, dialog.remote_tag().into());
        core.send_ack(flow, ack.clone());
        if self.acks.len() == MOST_ACKS {
            self.acks.remove(0);
        }
        self.acks.reserve_exact(1);
        self.acks.push(Acked { remote_tag, number, flow, ack });
    }

    /// A surplus fork answered: ACK, then BYE.
    fn leave_fork(&mut self, core: &mut Core, now: Time, flow: Flow, response: &Message) {
        let Setup::Calling(calling) = &self.setup else {
            return;
        };
        let Ok(mut dialog) = Dialog::calling(response, &calling.target, flow) else {
            return;
        };
        if self.open >= MOST_OPEN {
            // Nobody forks so much: let it time out by itself.
            return;
        }
        let number = calling.number;
        let hop = core.hop(dialog.next_hop());
        let Ok(ack) = dialog.ack(number, hop).build() else {
            return;
        };
        let flow = hop.flow;
        core.send_ack(flow, ack.clone());
        if self.acks.len() < MOST_ACKS {
            self.acks.push(Acked { remote_tag: dialog.remote_tag().into(), number, flow, ack });
        }
        let hop = core.hop(flow);
        if let Ok(bye) = dialog.request(&Method::Bye, hop).build() {
            core.send(now, hop, bye, User::Farewell(self.id));
            self.open += 1;
        }
    }

    /// CANCEL (§9.1): same branch, and a limit on waiting for the final response.
    pub(crate) fn send_cancel(&mut self, core: &mut Core, now: Time) {
        let Setup::Calling(calling) = &mut self.setup else {
            return;
        };
        calling.give_up = Some(now + core.config.timing.life());
        let Some(invite) = &calling.invite else {
            return;
        };
        let reason = self.reason.map(reason::of_cancel);
        let Ok(cancel) = compose::cancel(invite, reason.as_deref()) else {
            return;
        };
        let branch = calling.client.branch;
        let hop = Hop { branch, ..core.hop(calling.flow) };
        core.send(now, hop, cancel, User::Farewell(self.id));
        self.open += 1;
    }

    /// Nobody answers, or nobody confirms our CANCEL.
    pub(crate) fn wake_calling(&mut self, core: &mut Core, now: Time) {
        let Setup::Calling(calling) = &mut self.setup else {
            return;
        };
        let Some(at) = calling.give_up else { return };
        if now < at {
            return;
        }
        calling.give_up = None;
        if self.usage == Usage::Cancelling {
            core.transactions.abandon(now, calling.client, &mut core.out);
            let actions = self.usage.handle(Input::Timeout);
            self.act(core, now, actions, Because::default());
        } else {
            let silent = self.usage == Usage::Calling { hangup: false };
            let input = if silent { Input::NoSign } else { Input::RungOut };
            let actions = self.usage.handle(input);
            self.act(core, now, actions, Because::default());
        }
    }

    /// BYE, after the ACK when one is still owed. The dialog has its answer or will time out;
    /// either way [`Input::ByeDone`] follows.
    pub(crate) fn send_bye(&mut self, core: &mut Core, now: Time) {
        if let Some(number) = self.owed_ack.take() {
            self.exchange.close();
            self.acknowledge(core, number, None);
        }
        let reason = self.reason;
        let bye = self.dialog.as_mut().and_then(|dialog| {
            let hop = core.hop(dialog.next_hop());
            let bye = with_reason(dialog.request(&Method::Bye, hop), reason);
            Some((hop, bye.build().ok()?))
        });
        match bye {
            Some((hop, bye)) => {
                core.send(now, hop, bye, User::Session(self.id));
                self.open += 1;
            }
            None => self.usage = Usage::Over,
        }
    }
}
