//! What the agent tells its user (the switch).

use super::subscription::SubscriptionId;
use super::transactions::TxnId;
use super::{ClientTxn, Flow};
use crate::wire::q850::Cause;
use crate::wire::sip::{Message, NameAddr, Replaces};

/// One leg's signalling, from INVITE to the end, whichever side began.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct SessionId(pub u64);

/// What came with an offer of the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfferKind {
    /// A re-INVITE.
    ReInvite,
    /// An UPDATE (RFC 3311).
    Update,
    /// The 2xx to our INVITE that had no offer; the answer goes into the ACK.
    In2xx,
}

/// How a session ended.
#[derive(Clone, Debug)]
pub enum End {
    /// The peer's BYE.
    Bye {
        /// Q.850 cause of its Reason header.
        cause: Option<Cause>,
    },
    /// The peer's CANCEL before we answered.
    Cancelled {
        /// Q.850 cause of its Reason header.
        cause: Option<Cause>,
    },
    /// Our INVITE got 3xx to 6xx.
    Rejected {
        /// The status.
        status: u16,
        /// Q.850 cause of the response's Reason header (RFC 6432).
        cause: Option<Cause>,
        /// The response: Contact of a 3xx, Retry-After, challenges.
        message: Message,
    },
    /// Nobody answered: no response to our INVITE, ringing beyond its limit, or the dialog lost.
    Timeout,
    /// The transport failed.
    FlowFailed,
    /// Our own hang-up or refusal.
    Ours,
    /// The peer never acknowledged our 2xx, or its ACK lacked the answer that it owed.
    AckMissing,
}

/// What the agent tells. Every session that it speaks of ends with exactly one
/// [`Event::Ended`], after which its id means nothing.
#[derive(Clone, Debug)]
pub enum Event {
    /// A request outside calls, checked and waiting for [`super::Command::Respond`]: REGISTER,
    /// OPTIONS, MESSAGE, REFER without a call, or SUBSCRIBE (also [`super::Command::Subscribe`]). MESSAGE within a call comes here too.
    Request {
        /// To answer it by.
        txn: TxnId,
        /// Whence.
        flow: Flow,
        /// The request.
        message: Message,
    },
    /// A new call. 100 Trying has been sent.
    Invite {
        /// The leg that it opens.
        session: SessionId,
        /// Whence.
        flow: Flow,
        /// The INVITE; its body is the offer, if any.
        message: Message,
    },
    /// 101 to 199 to our INVITE.
    Progress {
        /// Our leg.
        session: SessionId,
        /// 180, 183, …
        status: u16,
        /// Preview of the answer (early media) of this fork.
        sdp: Option<Vec<u8>>,
        /// The response.
        message: Message,
    },
    /// The first 2xx to our INVITE; the ACK has been sent, or waits for
    /// [`super::Command::AcceptOffer`] when [`Event::Offer`] came just before.
    Answered {
        /// Our leg.
        session: SessionId,
        /// The answer to our offer: the 2xx's description, or the early one of the same fork
        /// when the 2xx has none. `None` after an offer of theirs, or when they broke RFC 3264.
        sdp: Option<Vec<u8>>,
        /// The response.
        message: Message,
    },
    /// The peer offers: answer by [`super::Command::AcceptOffer`] or `RejectOffer`.
    Offer {
        /// The leg.
        session: SessionId,
        /// Its session description.
        sdp: Vec<u8>,
        /// What carried it.
        kind: OfferKind,
    },
    /// A re-INVITE without description: give an offer by [`super::Command::AcceptOffer`].
    OfferWanted {
        /// The leg.
        session: SessionId,
    },
    /// The peer cancelled the re-INVITE whose offer was not answered yet.
    OfferWithdrawn {
        /// The leg.
        session: SessionId,
    },
    /// The answer to our offer in a re-INVITE, an UPDATE or a 2xx.
    OfferAnswered {
        /// The leg.
        session: SessionId,
        /// Its session description.
        sdp: Vec<u8>,
    },
    /// Our re-INVITE or UPDATE was refused or displaced; what was agreed before holds (§14.1).
    OfferRefused {
        /// The leg.
        session: SessionId,
        /// The status; 491 when an offer of theirs overtook ours, 408 when nothing came.
        status: u16,
    },
    /// The ACK of our 2xx to the first INVITE came.
    Confirmed {
        /// The leg.
        session: SessionId,
    },
    /// INFO within the call with a key in its body (`wire::dtmf_info`); 200 has been sent.
    Info {
        /// The leg.
        session: SessionId,
        /// Content-Type, parameters included.
        content_type: Vec<u8>,
        /// The body.
        body: Vec<u8>,
    },
    /// REFER within the call: answer by [`super::Command::Respond`] with 202 or a refusal, then
    /// report by `NotifyRefer`.
    Refer {
        /// The leg that asks.
        session: SessionId,
        /// To answer it by.
        txn: TxnId,
        /// Whither.
        refer_to: NameAddr,
        /// The dialog that the new call shall replace (attended transfer, RFC 3891).
        replaces: Option<Replaces>,
        /// Who asks (RFC 3892).
        referred_by: Option<NameAddr>,
    },
    /// What came of [`super::Command::Remote`].
    Remoted {
        /// The leg.
        session: SessionId,
        /// The phone's answer: 2xx, it does so; 489, 481, 405 or 501: it cannot; 408: none came.
        status: u16,
    },
    /// News of our own REFER.
    ReferProgress {
        /// The leg that was asked.
        session: SessionId,
        /// The new call's status, or the refusal of our REFER.
        status: u16,
        /// No more news will come.
        terminated: bool,
    },
    /// The end, the last event of this session.
    Ended {
        /// The leg.
        session: SessionId,
        /// How.
        end: End,
    },
    /// A watcher is to be told: give the state by [`super::Command::Notify`].
    StateWanted {
        /// Which watcher.
        subscription: SubscriptionId,
    },
    /// A subscription is over, the last event of it.
    SubscriptionOver {
        /// Which.
        subscription: SubscriptionId,
    },
    /// A final response to [`super::Command::Request`].
    Response {
        /// Which request.
        txn: ClientTxn,
        /// Its status.
        status: u16,
        /// The response.
        message: Message,
    },
    /// No final response to [`super::Command::Request`], or its flow failed.
    ResponseTimeout {
        /// Which request.
        txn: ClientTxn,
    },
}

impl Event {
    /// The session that it is about; nothing for what is about none.
    pub fn session(&self) -> Option<SessionId> {
        Some(match self {
            Event::Invite { session, .. }
            | Event::Progress { session, .. }
            | Event::Answered { session, .. }
            | Event::Offer { session, .. }
            | Event::OfferWanted { session }
            | Event::OfferWithdrawn { session }
            | Event::OfferAnswered { session, .. }
            | Event::OfferRefused { session, .. }
            | Event::Confirmed { session }
            | Event::Info { session, .. }
            | Event::Refer { session, .. }
            | Event::ReferProgress { session, .. }
            | Event::Remoted { session, .. }
            | Event::Ended { session, .. } => *session,
            Event::Request { .. }
            | Event::StateWanted { .. }
            | Event::SubscriptionOver { .. }
            | Event::Response { .. }
            | Event::ResponseTimeout { .. } => return None,
        })
    }
}
