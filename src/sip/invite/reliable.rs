//! Provisional responses that are sent until they are acknowledged (RFC 3262), both ways.
//!
//! ```text
//!   caller                           called
//!     │──INVITE, Supported: 100rel────>│
//!     │<──183, Require: 100rel, RSeq 7─│  again after T1, 2 T1, 4 T1 … 64 T1: then 504
//!     │──PRACK, RAck 7 1 INVITE───────>│
//!     │<──200 of the PRACK─────────────│  now the next 18x, or the 2xx that waited
//! ```
//!
//! One at a time (§3). A description in it is the answer, not a preview of one, and closes the
//! offer: a 2xx waits until the caller has it. Early media and the ringing of an ISDN line depend on
//! these messages, and UDP loses them without a word.
//!
//! Not here: an offer of ours in an 18x, to an INVITE without one (§5): such an INVITE is answered
//! by its 2xx. The rule on Require in the INVITE is the agent's.

use super::offer::{Carrier, described};
use super::session::{Because, Called, MOST_OPEN, Session, Setup};
use super::usage::{Input, Usage};
use crate::base::{Rng, Time};
use crate::sip::command::CommandError;
use crate::sip::compose;
use crate::sip::core::{Core, with_abilities};
use crate::sip::event::{Event, OfferKind};
use crate::sip::transaction::Backoff;
use crate::sip::transactions::{TxnId, User};
use crate::wire::sip::{CSeq, Message, Method, Name, RAck, ToWire};

/// How far we go to have provisional responses acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub enum Prack {
    /// Only towards callers that require it.
    Off,
    /// Where the peer can.
    #[default]
    Supported,
    /// Calls of ours fail with a peer that cannot.
    Required,
}

/// The option tag.
pub(crate) const TAG: &str = "100rel";

/// What a caller's INVITE says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Caller {
    /// Nothing.
    Cannot,
    /// Supported.
    Can,
    /// Require.
    Requires,
}

impl Caller {
    /// Reads an INVITE.
    pub(crate) fn of(invite: &Message) -> Caller {
        match (invite.lists(Name::Require, TAG), invite.lists(Name::Supported, TAG)) {
            (true, _) => Caller::Requires,
            (false, true) => Caller::Can,
            (false, false) => Caller::Cannot,
        }
    }
}

/// The 18x of an INVITE that came in.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Reliable {
    caller: Caller,
    /// The INVITE's CSeq number, which a PRACK names.
    number: u32,
    /// RSeq of the last one (§3: one more each time).
    rseq: u32,
    sent: Option<Sent>,
    /// What is to come after it: a later 18x takes an earlier one's place, for it says more.
    next: Option<(u16, Option<Vec<u8>>)>,
    /// The 2xx, which waits until the caller has the answer.
    success: Option<Message>,
    /// The answer has gone out in one of them.
    pub(crate) described: bool,
}

/// One that waits for its PRACK.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Sent {
    rseq: u32,
    response: Message,
    resend: Backoff,
    give_up: Time,
    described: bool,
}

impl Reliable {
    /// Nothing sent yet.
    pub(crate) fn new(invite: &Message, rng: &mut Rng) -> Reliable {
        Reliable {
            caller: Caller::of(invite),
            number: invite.cseq().map_or(0, |cseq| cseq.number),
            // §3: between 1 and 2^31 - 1, and with room above.
            rseq: rng.below(1 << 30) as u32,
            sent: None,
            next: None,
            success: None,
            described: false,
        }
    }

    /// Whether an 18x goes out this way.
    pub(crate) fn is_wanted(&self, prack: Prack, described: bool) -> bool {
        match self.caller {
            Caller::Requires => true,
            Caller::Can => prack != Prack::Off && (described || self.sent.is_some()),
            Caller::Cannot => false,
        }
    }

    /// Whether the 2xx waits for a PRACK (§3): the caller may not have the answer yet.
    fn holds_success(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.described)
    }

    /// When to look again, while the INVITE has no final response.
    pub(crate) fn wake(&self) -> Option<Time> {
        self.sent.as_ref().map(|sent| sent.resend.at.min(sent.give_up))
    }
}

/// A fork of ours that sends them.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Heard {
    /// RSeq of the last one in order.
    rseq: Option<u32>,
    /// One of them had the answer.
    pub(crate) answered: bool,
}

impl Session {
    /// Sends an 18x that waits for its PRACK, or keeps it until the one before has its.
    pub(crate) fn ring_reliably(
        &mut self,
        core: &mut Core,
        now: Time,
        status: u16,
        sdp: Option<Vec<u8>>,
    ) -> Result<(), CommandError> {
        let (id, Setup::Called(called)) = (self.id, &mut self.setup) else {
            return Err(CommandError::WrongState(self.id));
        };
        let reliable = &mut called.reliable;
        if reliable.success.is_some() {
            return Err(CommandError::WrongState(id));
        }
        let sdp = sdp.filter(|_| !reliable.described);
        if reliable.sent.is_some() {
            let earlier = reliable.next.take().and_then(|(_, sdp)| sdp);
            reliable.next = Some((status, sdp.or(earlier)));
            return Ok(());
        }
        let rseq = reliable.rseq + 1;
        let builder = core.response(called.txn, status).ok_or(CommandError::WrongState(id))?;
        let builder = with_abilities(builder.to_tag(&self.tag), &self.contact, compose::SUPPORTED)
            .header(Name::Require, TAG)
            .header(Name::RSeq, &rseq);
        let body = sdp.as_deref().map(|sdp| (compose::SDP, sdp));
        let response = compose::with_body(builder, body).build()?;
        core.transactions.respond(now, called.txn, response.clone(), &mut core.out);
        let timing = core.config.timing;
        reliable.rseq = rseq;
        reliable.sent = Some(Sent {
            rseq,
            response: response.clone(),
            resend: Backoff::start(now, timing.t1),
            give_up: now + timing.life(),
            described: sdp.is_some(),
        });
        called.rang(now, response);
        if let Some(sdp) = sdp {
            reliable_answer(called, sdp);
            self.exchange.answer_theirs();
        }
        Ok(())
    }

    /// Keeps the 2xx where the caller may not have the answer yet. `false`: it can go.
    pub(crate) fn keep_success(&mut self, response: &Message) -> Result<bool, CommandError> {
        let Setup::Called(called) = &mut self.setup else { return Ok(false) };
        if called.reliable.success.is_some() {
            return Err(CommandError::WrongState(self.id));
        }
        let holds = called.reliable.holds_success();
        if holds {
            called.reliable.success = Some(response.clone());
            called.reliable.next = None;
        }
        Ok(holds)
    }

    /// PRACK (§3): 200 where it fits, and what waited for it.
    pub(crate) fn prack(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        let Ok(RAck { rseq, cseq }) = request.rack() else {
            return core.answer(now, txn, 400);
        };
        let fits = match &mut self.setup {
            Setup::Called(called) => {
                let ours = cseq.method == Method::Invite && cseq.number == called.reliable.number;
                let sent = called.reliable.sent.take_if(|sent| ours && sent.rseq == rseq);
                sent.is_some()
            }
            Setup::Calling(_) => false,
        };
        if !fits {
            return core.answer(now, txn, 481);
        }
        self.take_offer_of_prack(core, now, txn, request);
        let Setup::Called(called) = &mut self.setup else { return };
        if self.usage != Usage::Incoming {
            return;
        }
        if called.reliable.success.is_some() {
            self.release_success(core, now);
        } else if let Some((status, sdp)) = called.reliable.next.take() {
            let _ = self.ring_reliably(core, now, status, sdp);
        }
    }

    /// Sends the 2xx that waited, unless an offer of the PRACK's still waits for its answer.
    pub(crate) fn release_success(&mut self, core: &mut Core, now: Time) {
        let Setup::Called(called) = &mut self.setup else { return };
        let held = self.usage == Usage::Incoming && self.their_offer.is_none();
        if held
            && called.reliable.sent.is_none()
            && let Some(success) = called.reliable.success.take()
        {
            self.accept(core, now, success);
        }
    }

    /// A description in a PRACK is a new offer (§5), answered in its 200.
    fn take_offer_of_prack(&mut self, core: &mut Core, now: Time, txn: TxnId, request: &Message) {
        let open =
            |session: &mut Session| session.exchange.open_theirs(Carrier::Update, true).is_ok();
        match described(request).map(<[u8]>::to_vec) {
            Some(sdp) if self.usage == Usage::Incoming && open(self) => {
                self.their_offer = Some(txn);
                core.tell(Event::Offer { session: self.id, sdp, kind: OfferKind::Update });
            }
            Some(_) => core.answer(now, txn, 488),
            None => core.answer(now, txn, 200),
        }
    }

    /// The 18x once more; or the end, for a caller that hears nothing of us (§3).
    pub(crate) fn wake_reliable(&mut self, core: &mut Core, now: Time) {
        let (Usage::Incoming, Setup::Called(called)) = (self.usage, &mut self.setup) else {
            return;
        };
        let Some(sent) = &mut called.reliable.sent else { return };
        if now >= sent.give_up {
            called.reliable.sent = None;
            let actions = self.usage.handle(Input::AckMissing);
            self.act(core, now, actions, Because::default());
        } else if now >= sent.resend.at {
            sent.resend = sent.resend.next(now, core.config.timing.life());
            let (txn, response) = (called.txn, sent.response.clone());
            core.transactions.respond(now, txn, response, &mut core.out);
        }
    }

    /// A 1xx to our INVITE, of the fork at `fork`: acknowledged if it asks for that. `false`: it is
    /// an old one, or one before it is missing (§4), and says nothing.
    pub(crate) fn acknowledge_provisional(
        &mut self,
        core: &mut Core,
        now: Time,
        response: &Message,
        fork: Option<usize>,
    ) -> bool {
        let rseq = response.rseq().ok().flatten().filter(|_| response.lists(Name::Require, TAG));
        let (Some(rseq), Setup::Calling(calling)) = (rseq, &mut self.setup) else { return true };
        let Some(early) = fork.and_then(|fork| calling.early.get_mut(fork)) else { return true };
        if early.heard.rseq.is_some_and(|last| rseq != last.wrapping_add(1)) {
            return false;
        }
        early.heard.rseq = Some(rseq);
        early.heard.answered |= calling.offered && described(response).is_some();
        if early.heard.answered {
            self.exchange.close();
        }
        if self.open >= MOST_OPEN {
            return true;
        }
        let rack = RAck { rseq, cseq: CSeq { number: calling.number, method: Method::Invite } };
        let hop = core.hop(early.dialog.next_hop());
        let prack = early.dialog.request(&Method::Prack, hop).header(Name::RAck, &rack.to_bytes());
        if let Ok(prack) = prack.build() {
            core.send(now, hop, prack, User::Session(self.id));
            self.open += 1;
        }
        true
    }
}

/// The answer has gone out for good: a 2xx repeats it (RFC 3261 §13.2.1).
fn reliable_answer(called: &mut Called, sdp: Vec<u8>) {
    called.preview = Some(sdp);
    called.reliable.described = true;
}
