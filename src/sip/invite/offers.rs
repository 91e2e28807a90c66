//! re-INVITE and UPDATE, both ways: RFC 3261 §14, RFC 3311, RFC 6337.

use super::called::success;
use super::offer::{Carrier, Exchange, Refusal, described};
use super::session::{Because, OurOffer, Session};
use super::usage::{Input, Usage};
use crate::base::{Duration, Time};
use crate::sip::command::{CommandError, Headers};
use crate::sip::core::{Core, with_abilities, with_headers};
use crate::sip::event::{Event, OfferKind};
use crate::sip::transactions::{TxnId, User};
use crate::sip::{compose, invite::session::Setup};
use crate::wire::sip::{Message, Method, Name};

/// 491 in a row before we give up: the peer never lets us.
const MOST_GLARES: u8 = 8;

impl Session {
    /// The peer's re-INVITE (§14.2).
    pub(crate) fn re_invite(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        self.acknowledged_by_re_invite(core, now);
        let offer = described(request);
        if offer.is_none() && !request.body().is_empty() {
            return self.refuse_type(core, now, txn);
        }
        if let Err(least) = core.config.session_timer.answer(request) {
            return Session::refuse_interval(core, now, txn, least);
        }
        if let Err(refusal) = self.exchange.open_theirs(Carrier::Invite, offer.is_some()) {
            return refuse_offer(core, now, txn, refusal);
        }
        core.answer(now, txn, 100);
        self.their_offer = Some(txn);
        self.displace_ours(core);
        let session = self.id;
        core.tell(match offer {
            Some(sdp) => Event::Offer { session, sdp: sdp.to_vec(), kind: OfferKind::ReInvite },
            None => Event::OfferWanted { session },
        });
    }

    /// The peer's UPDATE (RFC 3311 §5.2). Without description it only refreshes the target.
    pub(crate) fn update(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        let timer = match core.config.session_timer.answer(request) {
            Ok(timer) => timer,
            Err(least) => return Session::refuse_interval(core, now, txn, least),
        };
        let Some(sdp) = described(request) else {
            if !request.body().is_empty() {
                return self.refuse_type(core, now, txn);
            }
            self.refresh_target(request);
            if let Some(builder) = core.response(txn, 200) {
                let builder = with_abilities(builder, &self.contact, compose::SUPPORTED);
                // Within an early dialog it says nothing of the timer (RFC 4028 §8.1).
                let timer = timer.filter(|_| self.usage.is_established());
                let builder = match timer {
                    Some(timer) => timer.on_success(builder),
                    None => builder,
                };
                core.respond(now, txn, builder);
                if self.usage.is_established() {
                    self.refresh.agree(now, timer);
                }
            }
            return;
        };
        if let Err(refusal) = self.exchange.open_theirs(Carrier::Update, true) {
            return refuse_offer(core, now, txn, refusal);
        }
        self.their_offer = Some(txn);
        self.displace_ours(core);
        let sdp = sdp.to_vec();
        core.tell(Event::Offer { session: self.id, sdp, kind: OfferKind::Update });
    }

    fn refuse_type(&self, core: &mut Core, now: Time, txn: TxnId) {
        if let Some(builder) = core.response(txn, 415) {
            core.respond(now, txn, builder.header(Name::Accept, compose::ACCEPT));
        }
    }

    fn refresh_target(&mut self, request: &Message) {
        self.refresh.least(request);
        if let Some(dialog) = self.dialog_of(request) {
            dialog.refresh_target(request);
        }
    }

    /// An offer of theirs overtook ours that waited: the user must think again.
    fn displace_ours(&mut self, core: &mut Core) {
        if self.our_offer.take().is_some() {
            core.tell(Event::OfferRefused { session: self.id, status: 491 });
        }
    }

    /// Command AcceptOffer.
    pub(crate) fn accept_offer(
        &mut self,
        core: &mut Core,
        now: Time,
        sdp: &[u8],
    ) -> Result<(), CommandError> {
        if self.exchange == Exchange::TheirsIn2xx
            && let Some(number) = self.owed_ack.take()
        {
            self.exchange.close();
            self.refresh.described(sdp);
            self.acknowledge(core, number, Some(sdp));
            self.try_offer(core, now);
            return Ok(());
        }
        let (Exchange::Theirs { by, .. }, Some(txn)) = (self.exchange, self.their_offer) else {
            return Err(CommandError::NoPlaceForOffer(self.id));
        };
        let Some(request) = core.transactions.request(txn).cloned() else {
            return Err(self.lost_offer());
        };
        let established = self.usage.is_established();
        let timer = core.config.session_timer.answer(&request).unwrap_or(None);
        let timer = timer.filter(|_| established);
        let response = success(core, txn, self, sdp, timer, &Vec::new())?;
        self.their_offer = None;
        self.refresh_target(&request);
        self.refresh.described(sdp);
        if established {
            self.refresh.agree(now, timer);
        }
        match &mut self.setup {
            Setup::Called(called) if !established => called.preview = Some(sdp.to_vec()),
            // What its fork answered before is not what holds now.
            Setup::Calling(calling) => {
                let forks = calling.early.iter_mut().filter(|early| early.dialog.owns(&request));
                forks.for_each(|early| early.sdp = None);
            }
            Setup::Called(_) => {}
        }
        match by {
            Carrier::Invite => self.send_success(core, now, txn, response, false),
            Carrier::Update => {
                self.exchange.close();
                core.transactions.respond(now, txn, response, &mut core.out);
            }
        }
        self.release_success(core, now);
        self.try_offer(core, now);
        Ok(())
    }

    /// Command RejectOffer.
    pub(crate) fn reject_offer(
        &mut self,
        core: &mut Core,
        now: Time,
        status: u16,
        headers: &Headers,
    ) -> Result<(), CommandError> {
        if !(300..=699).contains(&status) {
            return Err(CommandError::BadStatus(status));
        }
        if self.exchange == Exchange::TheirsIn2xx {
            // A 2xx cannot be refused: acknowledge and leave (§13.2.2.4).
            let actions = self.usage.handle(Input::Hangup(status));
            self.act(core, now, actions, Because::default());
            return Ok(());
        }
        let txn = self.their_offer.take().ok_or(CommandError::NoPlaceForOffer(self.id))?;
        self.exchange.close();
        if let Some(builder) = core.response(txn, status) {
            core.respond(now, txn, with_headers(builder, headers));
        }
        self.release_success(core, now);
        self.try_offer(core, now);
        Ok(())
    }

    /// The user did not answer a request within this dialog in time: the peer has given it up.
    pub(crate) fn forgotten(&mut self, core: &mut Core, txn: TxnId) {
        if self.their_offer.take_if(|waiting| *waiting == txn).is_some() {
            self.exchange.close();
            core.tell(Event::OfferWithdrawn { session: self.id });
        }
        self.referral.take_if(|referral| referral.txn == Some(txn));
    }

    /// The request whose offer was to be answered has waited too long.
    fn lost_offer(&mut self) -> CommandError {
        self.their_offer = None;
        self.exchange.close();
        CommandError::NoPlaceForOffer(self.id)
    }

    /// Command Offer.
    pub(crate) fn offer(
        &mut self,
        core: &mut Core,
        now: Time,
        sdp: Vec<u8>,
        by: Carrier,
        metadata: Option<Vec<u8>>,
    ) -> Result<(), CommandError> {
        if !self.usage.is_established() {
            return Err(CommandError::WrongState(self.id));
        }
        let theirs = matches!(self.exchange, Exchange::Theirs { .. } | Exchange::TheirsIn2xx);
        if theirs || self.our_offer.as_ref().is_some_and(|offer| offer.sent) {
            return Err(CommandError::NoPlaceForOffer(self.id));
        }
        let earlier = self.our_offer.take();
        let (not_before, glares) = earlier.map_or((None, 0), |o| (o.not_before, o.glares));
        self.our_offer = Some(OurOffer { sdp, metadata, by, sent: false, not_before, glares });
        self.try_offer(core, now);
        Ok(())
    }

    /// Sends our waiting offer when nothing stands in its way any more.
    pub(crate) fn try_offer(&mut self, core: &mut Core, now: Time) {
        let free = self.usage == Usage::Confirmed && self.unacked.is_none();
        let Some(offer) = self.our_offer.as_mut().filter(|offer| !offer.sent) else {
            return;
        };
        if offer.not_before.is_some_and(|at| now < at) {
            return;
        }
        offer.not_before = None;
        if !free || !self.exchange.open_ours(offer.by, true) {
            return;
        }
        offer.sent = true;
        let by = offer.by;
        let (kind, body) = compose::described(&offer.sdp, offer.metadata.as_deref());
        let method = match by {
            Carrier::Invite => Method::Invite,
            Carrier::Update => Method::Update,
        };
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        let hop = core.hop(dialog.next_hop());
        let builder =
            with_abilities(dialog.request(&method, hop), &self.contact, compose::WITHOUT_PRACK);
        match self.refresh.on_request(builder).body(&kind, &body).build() {
            Ok(request) => {
                let client = core.send(now, hop, request, User::Session(self.id));
                self.open += 1;
                if by == Carrier::Invite {
                    self.re_invite = Some((client, now + core.config.ring_max));
                }
            }
            Err(_) => self.refused_ours(core, 513),
        }
    }

    /// Our re-INVITE or UPDATE was answered with 2xx.
    pub(crate) fn ours_accepted(&mut self, core: &mut Core, now: Time, response: &Message) {
        let number = response.cseq().map_or(0, |cseq| cseq.number);
        if *response.method() == Method::Invite {
            if let Some(done) = self.acks.iter().find(|acked| acked.number == number) {
                let (flow, ack) = (done.flow, done.ack.clone());
                return core.send_ack(flow, ack);
            }
            if let Some(dialog) = &mut self.dialog {
                dialog.refresh_target(response);
            }
            self.acknowledge(core, number, None);
        } else if let Some(dialog) = &mut self.dialog {
            dialog.refresh_target(response);
        }
        if !matches!(self.exchange, Exchange::Ours { .. }) || self.usage.has_ended() {
            return;
        }
        self.exchange.close();
        if let Some(offer) = self.our_offer.take() {
            self.refresh.described(&offer.sdp);
        }
        self.refresh.accepted(now, response);
        let session = self.id;
        core.tell(match described(response) {
            Some(sdp) => Event::OfferAnswered { session, sdp: sdp.to_vec() },
            None => Event::OfferRefused { session, status: 488 },
        });
        self.try_offer(core, now);
    }

    /// Our re-INVITE or UPDATE was refused, or nothing came (408).
    pub(crate) fn ours_refused(&mut self, core: &mut Core, now: Time, status: u16) {
        if !matches!(self.exchange, Exchange::Ours { .. }) || self.usage.has_ended() {
            return;
        }
        match status {
            491 => self.pause_after_glare(core, now),
            408 | 481 => {
                self.exchange.close();
                self.our_offer = None;
                let actions = self.usage.handle(Input::Lost);
                self.act(core, now, actions, Because::default());
            }
            _ => self.refused_ours(core, status),
        }
        self.try_offer(core, now);
    }

    /// Nothing came after the 100 to our re-INVITE.
    pub(crate) fn wake_re_invite(&mut self, core: &mut Core, now: Time) {
        let Some((client, _)) = self.re_invite.take_if(|(_, at)| now >= *at) else {
            return;
        };
        if let Some(reply) = core.transactions.abandon(now, client, &mut core.out) {
            self.reply(core, now, reply.flow, &reply, None);
        }
    }

    fn refused_ours(&mut self, core: &mut Core, status: u16) {
        self.exchange.close();
        self.our_offer = None;
        core.tell(Event::OfferRefused { session: self.id, status });
    }

    /// §14.1: who made the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in steps of 10 ms.
    fn pause_after_glare(&mut self, core: &mut Core, now: Time) {
        let tens = match self.setup {
            Setup::Calling(_) => 210 + core.rng.below(191),
            Setup::Called(_) => core.rng.below(201),
        };
        let Some(offer) = self.our_offer.as_mut().filter(|offer| offer.glares < MOST_GLARES) else {
            return self.refused_ours(core, 491);
        };
        offer.glares += 1;
        offer.sent = false;
        offer.not_before = Some(now + Duration::from_millis(tens * 10));
        self.exchange.close();
    }
}

/// 491, or 500 with a pause of up to 10 s (§14.2).
fn refuse_offer(core: &mut Core, now: Time, txn: TxnId, refusal: Refusal) {
    let pause = core.rng.below(11);
    match refusal {
        Refusal::Glare => core.answer(now, txn, 491),
        Refusal::TooEarly => {
            if let Some(builder) = core.response(txn, 500) {
                core.respond(now, txn, builder.header(Name::RetryAfter, &pause));
            }
        }
    }
}
