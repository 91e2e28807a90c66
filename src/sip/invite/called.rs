//! A call that came in: RFC 3261 §13.3, from the INVITE until its ACK.

use super::offer::{Carrier, Exchange, described};
use super::refresh::{Refresh, Terms};
use super::reliable::{Prack, Reliable};
use super::session::{Because, Called, Session, Setup, Unacked};
use super::usage::{Input, Outgoing, Usage};
use crate::base::{Duration, Time};
use crate::sip::Flow;
use crate::sip::command::{CommandError, Headers};
use crate::sip::compose;
use crate::sip::core::{Core, with_abilities, with_headers, with_reason};
use crate::sip::dialog::Dialog;
use crate::sip::event::{Event, SessionId};
use crate::sip::transaction::Backoff;
use crate::sip::transactions::TxnId;
use crate::wire::q850::Cause;
use crate::wire::sip::{HeaderError, Message, Name, Via};

/// An 18x goes out again after this time, so that no proxy on the way times out (§13.3.1.1).
const RING_AGAIN: Duration = Duration::from_secs(60);

impl Called {
    /// This 18x went out: again in a while.
    pub(crate) fn rang(&mut self, now: Time, response: Message) {
        self.ringing = Some((response, now + RING_AGAIN));
    }
}

impl Session {
    /// A new call. 100 goes out at once, for gateways wait for it; but where the answer is a challenge
    /// it is left out: there are clients that take a 100 for the password's being right.
    pub(crate) fn called(
        core: &mut Core,
        now: Time,
        id: SessionId,
        flow: Flow,
        invite: &Message,
        via: &Via,
        txn: TxnId,
    ) -> Result<Session, HeaderError> {
        let tag = core.token();
        let dialog = Dialog::called(invite, via, tag, flow)?;
        let user = invite.uri().ok().and_then(|uri| uri.user().map(|user| user.into_owned()));
        let secure = compose::wants_sips(invite);
        let contact = compose::contact(core.hop(flow), user.as_deref(), secure);
        let offered = described(invite).is_some();
        let expires = invite.expires().ok().flatten();
        let expires = expires.map(|s| now + Duration::from_secs(u64::from(s)));
        core.transactions.assign(txn, id);
        let timer = core.config.session_timer.answer(invite).unwrap_or(None);
        let reliable = Reliable::new(invite, &mut core.rng);
        let called = Called {
            txn,
            offered,
            trying: Some(now),
            ringing: None,
            preview: None,
            expires,
            timer,
            reliable,
        };
        let mut refresh = Refresh::default();
        refresh.peer(invite);
        let exchange = Exchange::Theirs { by: Carrier::Invite, offered };
        let ours = (tag, compose::bracketed(&contact).into());
        Ok(Session {
            dialog: Some(dialog),
            refresh,
            ..Session::begun(id, Usage::Incoming, exchange, ours, Setup::Called(called))
        })
    }

    /// The 100, if it is still to be sent.
    pub(crate) fn proceed(&mut self, core: &mut Core, now: Time) {
        let Setup::Called(called) = &mut self.setup else { return };
        if called.trying.take().is_some()
            && let Some(builder) = core.response(called.txn, 100)
        {
            core.respond(now, called.txn, builder);
        }
    }

    /// Command Ring.
    pub(crate) fn ring(
        &mut self,
        core: &mut Core,
        now: Time,
        status: u16,
        sdp: Option<Vec<u8>>,
        prack: Prack,
    ) -> Result<(), CommandError> {
        if !(101..=199).contains(&status) {
            return Err(CommandError::BadStatus(status));
        }
        self.proceed(core, now);
        let (Usage::Incoming, Setup::Called(called)) = (self.usage, &mut self.setup) else {
            return Err(CommandError::WrongState(self.id));
        };
        let sdp = sdp.filter(|_| called.offered);
        if called.reliable.is_wanted(prack, sdp.is_some()) {
            // The first of them would have to carry our offer (RFC 3262 §5): the 2xx does.
            return if called.offered {
                self.ring_reliably(core, now, status, sdp)
            } else {
                Ok(())
            };
        }
        let builder = core.response(called.txn, status).ok_or(CommandError::WrongState(self.id))?;
        let builder = with_abilities(builder.to_tag(&self.tag), &self.contact, compose::SUPPORTED);
        let body = sdp.as_deref().map(|sdp| (compose::SDP, sdp));
        let response = compose::with_body(builder, body).build()?;
        called.rang(now, response.clone());
        called.preview = sdp.or(called.preview.take());
        core.transactions.respond(now, called.txn, response, &mut core.out);
        Ok(())
    }

    /// Command Answer.
    pub(crate) fn answer(
        &mut self,
        core: &mut Core,
        now: Time,
        sdp: Option<Vec<u8>>,
        headers: &Headers,
    ) -> Result<(), CommandError> {
        self.proceed(core, now);
        let (Usage::Incoming, Setup::Called(called)) = (self.usage, &self.setup) else {
            return Err(CommandError::WrongState(self.id));
        };
        let (txn, timer) = (called.txn, called.timer);
        // An answer that went out reliably stands.
        let sdp = sdp.filter(|_| !called.reliable.described);
        let sdp =
            sdp.or_else(|| called.preview.clone()).ok_or(CommandError::SdpMissing(self.id))?;
        let response = success(core, txn, self, &sdp, timer, headers)?;
        if !self.keep_success(&response)? {
            self.accept(core, now, response);
        }
        Ok(())
    }

    /// The 2xx goes out.
    pub(crate) fn accept(&mut self, core: &mut Core, now: Time, response: Message) {
        let Setup::Called(called) = &self.setup else { return };
        let (txn, timer) = (called.txn, called.timer);
        let actions = self.usage.handle(Input::Answer);
        if actions.send == Some(Outgoing::Success) {
            self.finish_setup();
            self.refresh.described(response.body());
            self.refresh.agree(now, timer);
            self.send_success(core, now, txn, response, true);
        }
    }

    /// Ringing is over: nothing to repeat, nothing to expire.
    fn finish_setup(&mut self) {
        if let Setup::Called(called) = &mut self.setup {
            called.trying = None;
            called.ringing = None;
            called.preview = None;
            called.expires = None;
        }
    }

    /// Sends a 2xx to the first or a later INVITE and keeps it until the ACK.
    pub(crate) fn send_success(
        &mut self,
        core: &mut Core,
        now: Time,
        txn: TxnId,
        response: Message,
        first: bool,
    ) {
        let number = response.cseq().map_or(0, |cseq| cseq.number);
        self.exchange.answer_theirs();
        core.transactions.respond(now, txn, response.clone(), &mut core.out);
        let timing = core.config.timing;
        let resend = Backoff::start(now, timing.t1);
        let give_up = now + timing.life();
        self.unacked = Some(Unacked { txn, number, response, resend, give_up, first });
    }

    /// Command Reject.
    pub(crate) fn reject(
        &mut self,
        core: &mut Core,
        now: Time,
        status: u16,
        reason: Option<Cause>,
        headers: &Headers,
    ) -> Result<(), CommandError> {
        if !(300..=699).contains(&status) {
            return Err(CommandError::BadStatus(status));
        }
        if !matches!(status, 401 | 407) {
            self.proceed(core, now);
        }
        let (Usage::Incoming, Setup::Called(called)) = (self.usage, &self.setup) else {
            return Err(CommandError::WrongState(self.id));
        };
        let builder = core.response(called.txn, status).ok_or(CommandError::WrongState(self.id))?;
        let builder = with_headers(builder.to_tag(&self.tag), headers);
        let response = with_reason(builder, reason).build()?;
        let txn = called.txn;
        let mut actions = self.usage.handle(Input::Reject(status));
        core.transactions.respond(now, txn, response, &mut core.out);
        actions.send = None;
        self.act(core, now, actions, Because::default());
        Ok(())
    }

    /// Refuses the first INVITE for a reason of the usage's own (CANCEL, BYE, hang-up, Expires).
    pub(crate) fn refuse_invite(
        &mut self,
        core: &mut Core,
        now: Time,
        status: u16,
        headers: &Headers,
    ) {
        let Setup::Called(called) = &self.setup else {
            return;
        };
        let Some(builder) = core.response(called.txn, status) else {
            return;
        };
        let builder = with_headers(builder.to_tag(&self.tag), headers);
        core.respond(now, called.txn, with_reason(builder, self.reason));
    }

    /// The peer's CANCEL of the transaction `txn` (§9.2). 200 has been sent to it.
    pub(crate) fn cancelled(
        &mut self,
        core: &mut Core,
        now: Time,
        txn: TxnId,
        cause: Option<Cause>,
    ) {
        let first = matches!(&self.setup, Setup::Called(called) if called.txn == txn);
        if first {
            let actions = self.usage.handle(Input::Cancel);
            self.act(core, now, actions, Because { cause, response: None });
        } else if self.their_offer == Some(txn) {
            self.their_offer = None;
            self.exchange.close();
            core.answer(now, txn, 487);
            core.tell(Event::OfferWithdrawn { session: self.id });
        }
    }

    /// An ACK within the dialog. Only the one that our 2xx waits for says anything new.
    pub(crate) fn acknowledged(&mut self, core: &mut Core, now: Time, ack: &Message) {
        let number = ack.cseq().map(|cseq| cseq.number);
        let Some(unacked) = self.unacked.take_if(|u| number == Ok(u.number)) else {
            return;
        };
        let owed = self.exchange == Exchange::OursIn2xx;
        if owed {
            self.exchange.close();
        }
        if self.usage.has_ended() {
            if unacked.first {
                let actions = self.usage.handle(Input::Ack);
                self.act(core, now, actions, Because::default());
            }
            return;
        }
        let session = self.id;
        match (owed, described(ack), unacked.first) {
            (true, None, true) => {
                let actions = self.usage.handle(Input::AckMissing);
                return self.act(core, now, actions, Because::default());
            }
            (true, None, false) => {
                let status = 488;
                core.tell(Event::OfferRefused { session, status });
            }
            (true, Some(sdp), _) => {
                let sdp = sdp.to_vec();
                core.tell(Event::OfferAnswered { session, sdp });
            }
            (false, ..) => {}
        }
        if unacked.first {
            self.confirm(core, now);
        }
        self.try_offer(core, now);
    }

    fn confirm(&mut self, core: &mut Core, now: Time) {
        let actions = self.usage.handle(Input::Ack);
        if self.usage == Usage::Confirmed {
            core.tell(Event::Confirmed { session: self.id });
        }
        self.act(core, now, actions, Because::default());
    }

    /// A re-INVITE in place of the ACK: the 2xx was heard, the ACK was lost or comes late (RFC 5407
    /// §3.1.4). Only where the ACK owes no answer. Other requests prove nothing: they may have been
    /// sent while the dialog was early.
    pub(crate) fn acknowledged_by_re_invite(&mut self, core: &mut Core, now: Time) {
        if self.exchange != Exchange::Stable || self.usage.has_ended() {
            return;
        }
        if let Some(unacked) = self.unacked.take()
            && unacked.first
        {
            self.confirm(core, now);
        }
    }

    /// Our 2xx once more, or the end when 64 T1 have passed (§13.3.1.4).
    pub(crate) fn wake_success(&mut self, core: &mut Core, now: Time) {
        let cap = core.config.timing.t2;
        let Some(unacked) = &mut self.unacked else {
            return;
        };
        if now >= unacked.give_up {
            self.unacked = None;
            self.exchange.close();
            let actions = self.usage.handle(Input::AckMissing);
            self.act(core, now, actions, Because::default());
        } else if now >= unacked.resend.at {
            unacked.resend = unacked.resend.next(now, cap);
            let (txn, response) = (unacked.txn, unacked.response.clone());
            core.transactions.respond(now, txn, response, &mut core.out);
        }
    }

    /// The 18x once more; the end of an INVITE that expired.
    pub(crate) fn wake_called(&mut self, core: &mut Core, now: Time) {
        if self.usage == Usage::Incoming {
            self.proceed(core, now);
        }
        let Setup::Called(called) = &mut self.setup else {
            return;
        };
        if called.expires.is_some_and(|at| now >= at) {
            called.expires = None;
            let actions = self.usage.handle(Input::RungOut);
            return self.act(core, now, actions, Because::default());
        }
        if let Some((response, at)) = &mut called.ringing
            && now >= *at
        {
            *at = now + RING_AGAIN;
            let response = response.clone();
            if response.header(Name::RSeq).is_some() {
                // Another one, with its own RSeq.
                let _ = self.ring_reliably(core, now, response.status().unwrap_or(180), None);
                return;
            }
            core.transactions.respond(now, called.txn, response, &mut core.out);
        }
    }
}

/// Builds the 200 to an INVITE.
pub(crate) fn success(
    core: &Core,
    txn: TxnId,
    session: &Session,
    sdp: &[u8],
    timer: Option<Terms>,
    headers: &Headers,
) -> Result<Message, CommandError> {
    let builder = core.response(txn, 200).ok_or(CommandError::WrongState(session.id))?;
    let mut builder =
        with_abilities(builder.to_tag(&session.tag), &session.contact, compose::SUPPORTED);
    if let Some(timer) = timer {
        builder = timer.on_success(builder);
    }
    Ok(with_headers(builder, headers).body(compose::SDP, sdp).build()?)
}
