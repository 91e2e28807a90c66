//! What the agent's user (the switch) may ask of it.

use core::fmt;

use super::Flow;
use super::digest::Credentials;
use super::event::SessionId;
use super::invite::offer::Carrier;
use super::invite::reliable::Prack;
use super::subscription::{SubscriptionId, Why};
use super::transactions::TxnId;
use crate::base::Duration;
use crate::wire::q850::Cause;
use crate::wire::sip::{Method, Name, NameAddr, Uri};

/// A request of the user's own, outside calls; named by the user ([`super::Agent::new_request`]).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct ClientTxn(pub u64);

/// Extra header fields: known names and their values.
pub type Headers = Vec<(Name, Vec<u8>)>;

/// A body with its Content-Type.
pub type Body = (String, Vec<u8>);

/// What carries an offer of ours within a call.
pub type By = Carrier;

/// What a phone is told to do, as if its user had pressed the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hand {
    /// Answer what rings; take back what is on hold.
    Talk,
    /// Put the call on hold.
    Hold,
}

impl Hand {
    /// The event package's name.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Hand::Talk => "talk",
            Hand::Hold => "hold",
        }
    }
}

/// What the user may ask.
#[derive(Clone, Debug)]
pub enum Command {
    /// Answers [`super::Event::Request`] or [`super::Event::Refer`] with a final response.
    Respond {
        /// The waiting request.
        txn: TxnId,
        /// 200 to 699.
        status: u16,
        /// More headers (WWW-Authenticate, Contact, …).
        headers: Headers,
        /// A body.
        body: Option<Body>,
    },
    /// Does the command after a while: the late 401 that a wrong password earns. At most
    /// [`super::Limits::later`] wait, which bounds the memory that wrong passwords can take; one
    /// more is done at once.
    Later {
        /// How long to wait.
        after: Duration,
        /// What to do then. Its error, if any, is lost: the request may be gone by then.
        command: Box<Command>,
    },
    /// Sends 101 to 199 to a call that came in. The description is left out when the INVITE had no
    /// offer, for an unreliable response cannot carry ours (RFC 3261 §13.2.1).
    Ring {
        /// The leg.
        session: SessionId,
        /// 180, 181, 183, …
        status: u16,
        /// Preview of the answer; the answer itself where the response is sent reliably.
        sdp: Option<Vec<u8>>,
        /// Whether it is sent until it is acknowledged.
        prack: Prack,
    },
    /// Accepts a call that came in, with 200.
    Answer {
        /// The leg.
        session: SessionId,
        /// The answer, or our offer when the INVITE had none. `None` repeats what `Ring` gave.
        sdp: Option<Vec<u8>>,
        /// More headers.
        headers: Headers,
    },
    /// Refuses a call that came in.
    Reject {
        /// The leg.
        session: SessionId,
        /// 300 to 699.
        status: u16,
        /// Sent as Reason header (RFC 3326, 6432).
        reason: Option<Cause>,
        /// More headers (challenges, Contact of a 302, Retry-After).
        headers: Headers,
    },
    /// Calls somebody.
    Invite {
        /// The new leg, from [`super::Agent::new_session`].
        session: SessionId,
        /// Whereto the INVITE goes.
        flow: Flow,
        /// Request-URI.
        target: Uri,
        /// From without tag.
        from: NameAddr,
        /// To.
        to: NameAddr,
        /// Our Contact.
        contact: Uri,
        /// Our offer; `None` asks for theirs.
        sdp: Option<Vec<u8>>,
        /// The offer that a peer gets who refuses that one with 488, 415 or 606.
        otherwise: Option<Vec<u8>>,
        /// More headers. A Max-Forwards stands for that of an INVITE for which this one goes on, less
        /// one (RFC 7332): so a call that goes round between two exchanges ends.
        headers: Headers,
        /// Headers of applications, by names that are not ours to know.
        extras: Vec<(String, String)>,
        /// To answer a challenge with.
        credentials: Option<Credentials>,
        /// Route set to begin with (outbound proxy, Service-Route).
        routes: Vec<Uri>,
        /// Whether provisional responses shall be acknowledged; without `sdp` they are not.
        prack: Prack,
        /// It is a recording session: what the recorder is told of the call (RFC 7866 §6.1.1). The INVITE
        /// then requires `siprec`, our Contact says `+sip.src`.
        metadata: Option<Vec<u8>>,
    },
    /// Ends a leg by whatever its state asks for: refusal, CANCEL, BYE. [`super::Event::Ended`]
    /// comes at once; what the peer is still owed is done behind it.
    Hangup {
        /// The leg.
        session: SessionId,
        /// Sent as Reason header; of an unanswered call it also chooses the status.
        reason: Option<Cause>,
    },
    /// Offers a new session description within the call. While the dialog is busy with something
    /// of ours it waits (a newer one takes its place); 491 is tried again after §14.1's pause.
    Offer {
        /// The leg.
        session: SessionId,
        /// Our session description.
        sdp: Vec<u8>,
        /// What shall carry it.
        by: By,
        /// In a recording session: what the recorder is told of the call beside it.
        metadata: Option<Vec<u8>>,
    },
    /// Answers [`super::Event::Offer`], or makes the offer that [`super::Event::OfferWanted`]
    /// asks for.
    AcceptOffer {
        /// The leg.
        session: SessionId,
        /// Our session description.
        sdp: Vec<u8>,
    },
    /// Refuses the peer's offer; the call goes on as agreed before.
    RejectOffer {
        /// The leg.
        session: SessionId,
        /// 488 mostly.
        status: u16,
        /// More headers (Warning).
        headers: Headers,
    },
    /// Sends INFO within the call (DTMF, media control).
    Info {
        /// The leg.
        session: SessionId,
        /// Content-Type.
        content_type: String,
        /// The body.
        body: Vec<u8>,
    },
    /// Asks the peer to call somebody (RFC 3515).
    Refer {
        /// The leg.
        session: SessionId,
        /// Whom; a Replaces header goes into the URI's headers.
        refer_to: NameAddr,
        /// Who asks (RFC 3892).
        referred_by: Option<NameAddr>,
    },
    /// Reports on the call that the peer's REFER made us place.
    NotifyRefer {
        /// The leg that asked.
        session: SessionId,
        /// Status of the new call.
        status: u16,
        /// It is the last report.
        last: bool,
    },
    /// Has the peer, a desk phone, do what its user could: NOTIFY within the dialog, early or not, that
    /// no subscription asked for (BroadWorks' remote control, which most makes know). What came of it is
    /// told by [`super::Event::Remoted`]. One at a time.
    Remote {
        /// The leg.
        session: SessionId,
        /// What.
        hand: Hand,
    },
    /// Accepts a SUBSCRIBE; [`super::Event::StateWanted`] follows at once.
    Subscribe {
        /// The waiting request.
        txn: TxnId,
        /// Whence it came.
        flow: Flow,
        /// The watcher's name from here, from [`super::Agent::new_subscription`].
        subscription: SubscriptionId,
        /// For how long, seconds; 0: the state is told once.
        seconds: u32,
    },
    /// The state that [`super::Event::StateWanted`] asked for.
    Notify {
        /// Whom.
        subscription: SubscriptionId,
        /// The whole state.
        body: Body,
    },
    /// What a watcher watches has changed: it is told as soon as the rate lets it.
    Changed {
        /// Whom.
        subscription: SubscriptionId,
    },
    /// Ends a subscription, with a last NOTIFY.
    Unsubscribe {
        /// Whose.
        subscription: SubscriptionId,
        /// What the watcher is told.
        why: Why,
    },
    /// Sends a request outside calls.
    Request {
        /// Its name in the events, from [`super::Agent::new_request`].
        txn: ClientTxn,
        /// Whereto.
        flow: Flow,
        /// Not INVITE, ACK or CANCEL.
        method: Method,
        /// Request-URI.
        target: Uri,
        /// From without tag.
        from: NameAddr,
        /// To.
        to: NameAddr,
        /// More headers.
        headers: Headers,
        /// A body.
        body: Option<Body>,
        /// To answer a challenge with.
        credentials: Option<Credentials>,
    },
}

/// Why a command was not done. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// The session is over or never was. Ordinary: the end may be on its way to the user.
    NoSession(SessionId),
    /// The subscription is over, or its state was not asked for.
    NoSubscription(SubscriptionId),
    /// The request was answered, or has waited too long.
    NoRequest(TxnId),
    /// The session's state has no place for it (answering twice, INFO before the answer).
    WrongState(SessionId),
    /// No offer waits for an answer, or the peer's must be answered first.
    NoPlaceForOffer(SessionId),
    /// The answer is missing.
    SdpMissing(SessionId),
    /// A status of another class than the command sends.
    BadStatus(u16),
    /// INVITE, ACK or CANCEL as [`Command::Request`]; a name used twice.
    BadRequest,
    /// A value with a line break, or otherwise not writable.
    NotWritable,
    /// The limit on sessions or transactions is reached.
    Full,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::NoSession(id) => write!(f, "session {} is over", id.0),
            CommandError::NoSubscription(id) => write!(f, "subscription {} is over", id.0),
            CommandError::NoRequest(id) => write!(f, "request {} does not wait any more", id.0),
            CommandError::WrongState(id) => write!(f, "session {} is not in that state", id.0),
            CommandError::NoPlaceForOffer(id) => write!(f, "session {}: no offer fits now", id.0),
            CommandError::SdpMissing(id) => write!(f, "session {} owes an answer", id.0),
            CommandError::BadStatus(status) => write!(f, "status {status} does not fit"),
            CommandError::BadRequest => f.write_str("not a request to send this way"),
            CommandError::NotWritable => f.write_str("a value cannot be written"),
            CommandError::Full => f.write_str("no room for another session or transaction"),
        }
    }
}
impl std::error::Error for CommandError {}
