//! One leg's data: the machines of its state, its dialogs, what is open, its timers.

use super::offer::{Carrier, Exchange};
use super::refresh::{Refresh, Terms};
use super::reliable::{Heard, Reliable};
use super::usage::{Actions, Ending, Outgoing, Usage};
use crate::base::Time;
use crate::sip::Flow;
use crate::sip::core::Core;
use crate::sip::dialog::Dialog;
use crate::sip::digest::client::Login;
use crate::sip::event::{End, Event, SessionId};
use crate::sip::refer::Referral;
use crate::sip::timers::{Owner, Slot, WakeReason};
use crate::sip::token::Token;
use crate::sip::transaction::Backoff;
use crate::sip::transactions::{ClientId, TxnId};
use crate::wire::q850::Cause;
use crate::wire::sip::{Message, Uri};

/// Client transactions that one session may have open at once.
pub const MOST_OPEN: u32 = 64;
/// Early dialogs that one INVITE of ours may have; further forks are heard of when they answer.
pub const MOST_FORKS: usize = 8;

/// One leg's signalling.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Session {
    /// Its name.
    pub(crate) id: SessionId,
    /// Where the call stands.
    pub(crate) usage: Usage,
    /// Whose offer is open.
    pub(crate) exchange: Exchange,
    /// Our tag in all its dialogs.
    pub(crate) tag: Token,
    /// Our Contact value.
    pub(crate) contact: Box<[u8]>,
    /// What belongs to the first INVITE.
    pub(crate) setup: Setup,
    /// The dialog: of a called leg from the INVITE on, of a calling one from the first 2xx on.
    pub(crate) dialog: Option<Dialog>,
    /// Our 2xx that waits for its ACK.
    pub(crate) unacked: Option<Unacked>,
    /// CSeq of the 2xx whose ACK waits for our answer.
    pub(crate) owed_ack: Option<u32>,
    /// ACKs that we sent, for 2xx that come again.
    pub(crate) acks: Vec<Acked>,
    /// The peer's re-INVITE or UPDATE that waits for our answer.
    pub(crate) their_offer: Option<TxnId>,
    /// Our re-INVITE or UPDATE: under way, or waiting for its turn.
    pub(crate) our_offer: Option<OurOffer>,
    /// Our re-INVITE, while no final response has come, and when we give it up: its transaction
    /// has no timer once a 100 came.
    pub(crate) re_invite: Option<(ClientId, Time)>,
    /// The session timer.
    pub(crate) refresh: Refresh,
    /// The peer's REFER.
    pub(crate) referral: Option<Referral>,
    /// A REFER of ours is under way or reported on.
    pub(crate) our_refer: bool,
    /// The NOTIFY that has the peer do something.
    #[serde(default)]
    pub(crate) remote: Option<ClientId>,
    /// How we log in where we are challenged.
    pub(crate) login: Option<Login>,
    /// Reason of our hang-up, for a BYE that must wait.
    pub(crate) reason: Option<Cause>,
    /// Client transactions that still exist.
    pub(crate) open: u32,
    pub(crate) slot: Slot,
}

impl Session {
    /// One of which nothing has come about yet: a call that came in, or one that we make.
    pub(crate) fn begun(
        id: SessionId,
        usage: Usage,
        exchange: Exchange,
        (tag, contact): (Token, Box<[u8]>),
        setup: Setup,
    ) -> Session {
        Session {
            id,
            usage,
            exchange,
            tag,
            contact,
            setup,
            dialog: None,
            unacked: None,
            owed_ack: None,
            acks: Vec::new(),
            their_offer: None,
            our_offer: None,
            re_invite: None,
            refresh: Refresh::default(),
            referral: None,
            our_refer: false,
            remote: None,
            login: None,
            reason: None,
            open: 0,
            slot: None,
        }
    }
}

/// The first INVITE.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub enum Setup {
    /// It came in.
    Called(Called),
    /// We sent it.
    Calling(Box<Calling>),
}

/// An INVITE that came in.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Called {
    /// Its transaction.
    pub(crate) txn: TxnId,
    /// It carries an offer.
    pub(crate) offered: bool,
    /// When the 100 is due, while it is still to be sent.
    pub(crate) trying: Option<Time>,
    /// The last 18x, and when to send it again.
    pub(crate) ringing: Option<(Message, Time)>,
    /// The description of the last 18x that had one.
    pub(crate) preview: Option<Vec<u8>>,
    /// Its Expires has passed then.
    pub(crate) expires: Option<Time>,
    /// The session timer, once it is answered.
    pub(crate) timer: Option<Terms>,
    /// The 18x that are acknowledged.
    pub(crate) reliable: Reliable,
}

/// Our own INVITE.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Calling {
    /// Whom we asked for: the target of a peer without Contact.
    pub(crate) target: Uri,
    /// Where it went.
    pub(crate) flow: Flow,
    /// Its transaction; the last one, when it was challenged.
    pub(crate) client: ClientId,
    /// Its CSeq number.
    pub(crate) number: u32,
    /// It carries an offer.
    pub(crate) offered: bool,
    /// The offer for a peer that refuses the first one.
    #[serde(default)]
    pub(crate) otherwise: Option<Vec<u8>>,
    /// The INVITE, for CANCEL; gone after the final response.
    pub(crate) invite: Option<Message>,
    /// Early dialogs.
    pub(crate) early: Vec<Early>,
    /// The limit on the first response, then on ringing; after CANCEL, on waiting for a final
    /// response.
    pub(crate) give_up: Option<Time>,
    /// The limit on ringing.
    pub(crate) ring_until: Time,
}

/// One fork that rings.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Early {
    /// Its dialog.
    pub(crate) dialog: Dialog,
    /// Its preview of the answer.
    pub(crate) sdp: Option<Vec<u8>>,
    /// What it sent that is acknowledged.
    pub(crate) heard: Heard,
}

/// A 2xx of ours that waits for its ACK.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Unacked {
    pub(crate) txn: TxnId,
    pub(crate) number: u32,
    pub(crate) response: Message,
    pub(crate) resend: Backoff,
    pub(crate) give_up: Time,
    /// It answers the first INVITE.
    pub(crate) first: bool,
}

/// An ACK that we sent.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Acked {
    pub(crate) remote_tag: Box<[u8]>,
    pub(crate) number: u32,
    pub(crate) flow: Flow,
    pub(crate) ack: Message,
}

/// A re-INVITE or UPDATE of ours.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct OurOffer {
    pub(crate) sdp: Vec<u8>,
    /// What a recorder is told beside.
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) by: Carrier,
    /// Sent; otherwise it waits.
    pub(crate) sent: bool,
    /// Not before this time (§14.1).
    pub(crate) not_before: Option<Time>,
    /// How often it met 491.
    pub(crate) glares: u8,
}

/// What goes with an end that is told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Because<'a> {
    /// The peer's or our Q.850 cause.
    pub cause: Option<Cause>,
    /// The response that refused our INVITE.
    pub response: Option<&'a Message>,
}

impl Session {
    /// Does what the usage asks for: the messages, then the news.
    pub(crate) fn act(
        &mut self,
        core: &mut Core,
        now: Time,
        actions: Actions,
        because: Because<'_>,
    ) {
        match (actions.end, actions.send) {
            (Some(Ending::Ours), _) => self.reason = because.cause,
            // Nobody refreshed the session, or acknowledged: the peer, if it is there, is told (RFC 3326).
            (Some(Ending::Timeout | Ending::AckMissing), Some(Outgoing::Bye)) => {
                self.reason = Some(Cause::RECOVERY_ON_TIMER_EXPIRE);
            }
            _ => {}
        }
        match actions.send {
            Some(Outgoing::Refusal(status)) => self.refuse_invite(core, now, status, &Vec::new()),
            Some(Outgoing::Cancel) => self.send_cancel(core, now),
            Some(Outgoing::Bye) => self.send_bye(core, now),
            Some(Outgoing::Success) | None => {}
        }
        if let Some(ending) = actions.end {
            self.drop_open_offers(core, now);
            let end = end_of(ending, because);
            core.tell(Event::Ended { session: self.id, end });
        }
    }

    /// What was to be answered or sent is void once the session has ended.
    fn drop_open_offers(&mut self, core: &mut Core, now: Time) {
        if let Some(txn) = self.their_offer.take() {
            core.answer(now, txn, 487);
        }
        self.our_offer = None;
        self.referral = None;
        self.our_refer = false;
        let soon = now + core.config.timing.life();
        self.re_invite = self.re_invite.map(|(client, at)| (client, at.min(soon)));
    }

    /// True when nothing refers to it any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.usage == Usage::Over && self.open == 0
    }

    /// The first early dialog of a call of ours.
    pub(crate) fn early(&self) -> Option<&Dialog> {
        match &self.setup {
            Setup::Calling(calling) => calling.early.first().map(|early| &early.dialog),
            Setup::Called(_) => None,
        }
    }

    /// How many dialogs it holds, early ones included.
    pub(crate) fn dialogs(&self) -> usize {
        let early = match &self.setup {
            Setup::Calling(calling) => calling.early.len(),
            Setup::Called(_) => 0,
        };
        early + usize::from(self.dialog.is_some())
    }

    /// Sets its timer anew.
    pub(crate) fn settle(&mut self, core: &mut Core) {
        let next = self.next_wake();
        core.out.timers.set(Owner::Session(self.id), &mut self.slot, next);
    }

    fn next_wake(&self) -> Option<(Time, WakeReason)> {
        let re_invite = self.re_invite.map(|(_, at)| (at, WakeReason::ReInviteUnanswered));
        if self.usage == Usage::Over {
            return re_invite;
        }
        let refresh = self.refresh.wake().filter(|_| self.usage == Usage::Confirmed);
        let success = self.unacked.as_ref().map(|u| u.resend.at.min(u.give_up));
        let offer = self.our_offer.as_ref().filter(|o| !o.sent).and_then(|o| o.not_before);
        let (ring, expires, give_up) = match &self.setup {
            Setup::Called(c) => (c.trying.or(c.ringing.as_ref().map(|r| r.1)), c.expires, None),
            Setup::Calling(c) => (None, None, c.give_up),
        };
        let provisional = match &self.setup {
            Setup::Called(c) if self.usage == Usage::Incoming => c.reliable.wake(),
            _ => None,
        };
        let give_up_reason = match self.usage {
            Usage::Cancelling => WakeReason::CancelUnanswered,
            _ => WakeReason::RungOut,
        };
        [
            (success, WakeReason::SuccessAgain),
            (offer, WakeReason::OfferAgain),
            (ring, WakeReason::RingAgain),
            (provisional, WakeReason::ProvisionalAgain),
            (expires, WakeReason::RungOut),
            (give_up, give_up_reason),
        ]
        .into_iter()
        .filter_map(|(at, why)| Some((at?, why)))
        .chain(re_invite)
        .chain(refresh)
        .min_by_key(|(at, _)| *at)
    }

    /// Its timer has come: whatever is due.
    pub(crate) fn wake(&mut self, core: &mut Core, now: Time) {
        self.wake_success(core, now);
        self.wake_reliable(core, now);
        self.wake_called(core, now);
        self.wake_calling(core, now);
        self.wake_re_invite(core, now);
        self.wake_refresh(core, now);
        self.try_offer(core, now);
    }
}

fn end_of(ending: Ending, because: Because<'_>) -> End {
    let cause = because.cause;
    match ending {
        Ending::Ours => End::Ours,
        Ending::Bye => End::Bye { cause },
        Ending::Cancelled => End::Cancelled { cause },
        Ending::Timeout => End::Timeout,
        Ending::FlowFailed => End::FlowFailed,
        Ending::AckMissing => End::AckMissing,
        Ending::Rejected => match because.response {
            Some(message) => {
                let status = message.status().unwrap_or(500);
                End::Rejected { status, cause, message: message.clone() }
            }
            None => End::Timeout,
        },
    }
}
