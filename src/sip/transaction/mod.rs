//! The four transactions of RFC 3261 §17, one file each, as RFC 6026 corrected two of them.
//!
//! ```text
//!                 INVITE                               all other methods
//!   client   client_invite.rs      figure 5       client_non_invite.rs   figure 6
//!   server   server_invite.rs      figure 7       server_non_invite.rs   figure 8
//! ```
//!
//! A machine knows states and timers and nothing else. The messages it speaks of (the request that
//! it retransmits, the last response) lie beside it in [`super::transactions`], which also finds the
//! machine a message belongs to. So a machine is a few words of plain data: it can be copied to a
//! standby, and tested without writing a SIP message.
//!
//! | Timer | Value | Of | Means |
//! |---|---|---|---|
//! | A | T1, doubling | client INVITE | send the INVITE again (unreliable only) |
//! | B | 64 T1 | client INVITE | no response at all: give up |
//! | D | 64 T1, or 0 | client INVITE | linger to acknowledge late 3xx–6xx |
//! | E | T1, doubling to T2 | client non-INVITE | send the request again (unreliable only) |
//! | F | 64 T1 | client non-INVITE | no final response: give up |
//! | G | T1, doubling to T2 | server INVITE | send the 3xx–6xx again (unreliable only) |
//! | H | 64 T1 | server INVITE | no ACK: give up |
//! | I | T4, or 0 | server INVITE | linger to absorb further ACKs |
//! | J | 64 T1, or 0 | server non-INVITE | linger to answer retransmissions |
//! | K | T4, or 0 | client non-INVITE | linger to absorb late responses |
//! | L | 64 T1 | server INVITE | RFC 6026: absorb INVITEs after a 2xx |
//! | M | 64 T1 | client INVITE | RFC 6026: pass on 2xx of other forks |

pub mod client_invite;
pub mod client_non_invite;
#[cfg(any(test, feature = "sim"))]
pub mod exercise;
pub mod server_invite;
pub mod server_non_invite;

pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;

use crate::base::{Duration, Time};

/// The three base times of RFC 3261 §17.1.1.1, from which all timers follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Timing {
    /// Round-trip estimate, and first retransmission interval.
    pub t1: Duration,
    /// Longest retransmission interval of non-INVITE requests and INVITE responses.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for Timing {
    /// The RFC's: 500 ms, 4 s, 5 s.
    fn default() -> Timing {
        Timing {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timing {
    /// How long a final response is repeated or kept for repetition. That of a challenge only
    /// briefly: whoever has not logged in gets little state and no multiplied traffic
    /// (RFC 3261 §26.3.2.4).
    fn keep(self, status: u16) -> Duration {
        match status {
            401 | 407 => self.t1.saturating_mul(4),
            _ => self.life(),
        }
    }

    /// 64 T1 (32 s by default): the life of a transaction without news.
    pub fn life(self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// Why a transaction wants to be woken: the timers' names in RFC 3261 table 4 and RFC 6026.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[allow(missing_docs)] // Each name is a row of the table in the module's header.
pub enum Timer {
    A,
    B,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// Not in the RFC's table: our own user gave no final response in time (RFC 4320 §4.2).
    Unanswered,
}

impl Timer {
    /// It ends a transaction that does nothing any more but absorb what comes again.
    pub fn lingers(self) -> bool {
        matches!(self, Timer::D | Timer::I | Timer::J | Timer::K | Timer::L | Timer::M)
    }
}

/// A message that a machine asks to be sent; the table beside it holds the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// The transaction's own request.
    Request,
    /// The ACK of a 3xx–6xx response.
    Ack,
    /// The last response given by the user.
    Response,
}

/// News for the transaction's user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tell {
    /// This response, not seen before.
    Response,
    /// The ACK of our 2xx.
    Ack,
    /// Nobody answered (B, F) or acknowledged (H).
    Timeout,
    /// The transport failed (RFC 3261 §17.1.4, §17.2.4).
    Unreachable,
}

/// What a machine asks for after an input: first send, then tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Actions {
    /// Send this.
    pub send: Option<Outgoing>,
    /// Tell the user this.
    pub tell: Option<Tell>,
}

impl Actions {
    /// Nothing to do.
    pub const NONE: Actions = Actions { send: None, tell: None };

    pub(crate) const fn send(what: Outgoing) -> Actions {
        Actions { send: Some(what), tell: None }
    }
    pub(crate) const fn tell(what: Tell) -> Actions {
        Actions { send: None, tell: Some(what) }
    }
}

/// A retransmission that waits longer each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Backoff {
    /// When to send again.
    pub at: Time,
    /// The interval that ends then.
    pub interval: Duration,
}

impl Backoff {
    /// The first retransmission, `interval` from now.
    pub fn start(now: Time, interval: Duration) -> Backoff {
        Backoff { at: now + interval, interval }
    }

    /// The one after: twice as long, at most `cap`. Counted from `now`, so a driver that wakes
    /// late sends once and not a burst.
    pub fn next(self, now: Time, cap: Duration) -> Backoff {
        Backoff::start(now, self.interval.saturating_mul(2).min(cap))
    }
}
