//! The INVITE server transaction: RFC 3261 §17.2.1, figure 7, with RFC 6026's Accepted state.
//!
//! It stands between the INVITE that came over the wire and the session that answers it: it
//! absorbs the peer's retransmissions, repeats our last response, and sees a refusal through to
//! its ACK. It begins when the INVITE is handed to the user.
//!
//! ```text
//!                   |INVITE: pass to user
//!                   v
//!             +------------+  INVITE: repeat the last 1xx
//!          +--| Proceeding |--+  1xx from user: send
//!          |  +------------+<-+
//!  300–699 |    |
//!  send    |    | 2xx: send
//!          v    +-----------------+
//!    +-----------+                v
//!    | Completed |--+ INVITE,   +----------+  INVITE: absorb
//!    |           |<-+ G: send   | Accepted |--+  ACK: tell user
//!    +-----------+              +----------+<-+  2xx from user: send again
//!     |ACK    |H: tell user          |
//!     v       |                      |L
//!   +-----------+                    |
//!   | Confirmed |--I---+             |
//!   +-----------+      v             |
//!      (absorbs   +------------+     |
//!       ACKs)     | Terminated |<----+
//!                 +------------+
//! ```
//!
//! | Timer | Unreliable | Reliable | Runs in |
//! |---|---|---|---|
//! | G | T1, doubling to T2 | not set | Completed |
//! | H | 64 T1; 4 T1 after 401, 407 | likewise | Completed |
//! | I | T4 | 0: straight to Terminated | Confirmed |
//! | L | 64 T1 | 64 T1 | Accepted |
//!
//! Not done here: retransmitting a 2xx until its ACK. That belongs to the session
//! (§13.3.1.4, `sip::invite`), because the ACK of a 2xx may come from another element. A transport
//! error ends nothing (RFC 6026 §7.1): the peer may still hear the next retransmission.

use super::{Actions, Backoff, Outgoing, Tell, Timer, Timing};
use crate::base::Time;

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The same INVITE again.
    Invite,
    /// An ACK that matches this transaction.
    Ack,
    /// The user gives a response with this status.
    Respond(u16),
    /// [`ServerInvite::next_wake`] has come.
    Wake,
    /// The transport could not send the response.
    Unreachable,
}

/// Where it stands, with the timers of that state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)] // The fields are the timers of the table above.
pub enum State {
    /// No final response yet; `provisional`: a 1xx was sent and can be repeated.
    Proceeding { provisional: bool },
    /// Refused by 3xx–6xx; the ACK has not come.
    Completed { g: Option<Backoff>, h: Time },
    /// The refusal was acknowledged.
    Confirmed { i: Time },
    /// Accepted by 2xx.
    Accepted { l: Time },
    /// Over: remove it.
    Terminated,
}

/// The machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ServerInvite {
    state: State,
    timing: Timing,
    reliable: bool,
}

impl ServerInvite {
    /// An INVITE has come and is on its way to the user.
    pub fn new(timing: Timing, reliable: bool) -> ServerInvite {
        let state = State::Proceeding { provisional: false };
        ServerInvite { state, timing, reliable }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input; sends and tells what the figure says. Inputs that have no arrow in a state
    /// change nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Actions {
        use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        const SEND: Actions = Actions::send(Outgoing::Response);
        let timing = self.timing;
        let (next, actions) = match (self.state, input) {
            (Proceeding { .. }, Input::Respond(100..=199)) => {
                (Proceeding { provisional: true }, SEND)
            }
            (Proceeding { provisional: true }, Input::Invite) => (self.state, SEND),
            (Proceeding { .. }, Input::Respond(200..=299)) => {
                let l = now + timing.life();
                (Accepted { l }, SEND)
            }
            (Proceeding { .. }, Input::Respond(status)) => {
                let g = (!self.reliable).then(|| Backoff::start(now, timing.t1));
                let h = now + timing.keep(status);
                (Completed { g, h }, SEND)
            }
            (Completed { .. }, Input::Invite) => (self.state, SEND),
            (Completed { .. }, Input::Ack) if self.reliable => (Terminated, Actions::NONE),
            (Completed { .. }, Input::Ack) => {
                let i = now + timing.t4;
                (Confirmed { i }, Actions::NONE)
            }
            (Completed { h, .. }, Input::Wake) if now >= h => {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (Completed { g: Some(g), h }, Input::Wake) if now >= g.at => {
                let g = Some(g.next(now, timing.t2));
                (Completed { g, h }, SEND)
            }
            (Confirmed { i }, Input::Wake) if now >= i => (Terminated, Actions::NONE),
            (Accepted { .. }, Input::Ack) => (self.state, Actions::tell(Tell::Ack)),
            (Accepted { .. }, Input::Respond(200..=299)) => (self.state, SEND),
            (Accepted { l }, Input::Wake) if now >= l => (Terminated, Actions::NONE),
            (Proceeding { .. } | Completed { .. } | Accepted { .. }, Input::Unreachable) => {
                (self.state, Actions::tell(Tell::Unreachable))
            }
            (state, _) => (state, Actions::NONE),
        };
        self.state = next;
        actions
    }

    /// When to wake it next, and why. `None` while only the user or the peer can move it.
    pub fn next_wake(&self) -> Option<(Time, Timer)> {
        match self.state {
            State::Proceeding { .. } | State::Terminated => None,
            State::Completed { g: Some(g), h } if g.at < h => Some((g.at, Timer::G)),
            State::Completed { h, .. } => Some((h, Timer::H)),
            State::Confirmed { i } => Some((i, Timer::I)),
            State::Accepted { l } => Some((l, Timer::L)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Actions = Actions::send(Outgoing::Response);
    const TIMEOUT: Actions = Actions::tell(Tell::Timeout);
    const UNREACHABLE: Actions = Actions::tell(Tell::Unreachable);
    const AT: fn(u64) -> Time = Time::from_millis;

    fn machine(reliable: bool) -> ServerInvite {
        ServerInvite::new(Timing::default(), reliable)
    }

    /// Wakes `machine` whenever it asks, and writes down when, why and what came of it.
    fn run(mut machine: ServerInvite) -> Vec<(u64, Timer, Actions)> {
        let wake = || {
            let (at, why) = machine.next_wake()?;
            Some((at.as_millis(), why, machine.handle(at, Input::Wake)))
        };
        std::iter::from_fn(wake).collect()
    }

    #[test]
    fn a_refusal_is_repeated_by_g_until_h_over_udp_only() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Respond(486)), SEND);
        let log = run(t);
        let g: Vec<u64> = log.iter().filter(|l| l.1 == Timer::G).map(|l| l.0).collect();
        assert_eq!(g, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(log.last(), Some(&(32_000, Timer::H, TIMEOUT)));

        let mut t = machine(true);
        assert_eq!(t.handle(AT(0), Input::Respond(486)), SEND);
        assert_eq!(run(t), [(32_000, Timer::H, TIMEOUT)]);
    }

    #[test]
    fn a_challenge_is_repeated_twice() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Respond(401)), SEND);
        let g = |at| (at, Timer::G, SEND);
        assert_eq!(run(t), [g(500), g(1500), (2000, Timer::H, TIMEOUT)]);
    }

    #[test]
    fn an_ack_stops_g_and_lingers_for_i() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Respond(404)), SEND);
        assert_eq!(t.handle(AT(700), Input::Ack), Actions::NONE);
        assert_eq!(t.handle(AT(800), Input::Ack), Actions::NONE, "absorbed");
        assert_eq!(t.handle(AT(900), Input::Invite), Actions::NONE, "absorbed");
        assert_eq!(run(t), [(5_700, Timer::I, Actions::NONE)]);

        let mut t = machine(true);
        assert_eq!(t.handle(AT(0), Input::Respond(404)), SEND);
        assert_eq!(t.handle(AT(700), Input::Ack), Actions::NONE);
        assert_eq!(t.state(), State::Terminated, "I is 0 over a reliable transport");
    }

    #[test]
    fn accepted_absorbs_invites_passes_acks_and_ends_with_l() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(10), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(20), Input::Invite), Actions::NONE);
        assert_eq!(t.handle(AT(510), Input::Respond(200)), SEND, "the session retransmits");
        assert_eq!(t.handle(AT(520), Input::Respond(486)), Actions::NONE, "it was accepted");
        for at in [600, 700] {
            assert_eq!(t.handle(AT(at), Input::Ack), Actions::tell(Tell::Ack));
        }
        assert_eq!(run(t), [(32_010, Timer::L, Actions::NONE)]);
    }

    #[test]
    fn a_repeated_invite_gets_the_last_provisional_if_there_is_one() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Invite), Actions::NONE);
        assert_eq!(t.handle(AT(1), Input::Respond(180)), SEND);
        assert_eq!(t.handle(AT(2), Input::Invite), SEND);
        assert_eq!(t.next_wake(), None, "ringing has no timer");
    }

    #[test]
    fn a_transport_error_is_told_and_ends_nothing() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Unreachable), UNREACHABLE);
        assert_eq!(t.handle(AT(0), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(0), Input::Unreachable), UNREACHABLE);
        assert_eq!(t.state(), State::Accepted { l: AT(32_000) });
    }

    #[test]
    fn a_late_wake_sends_once_and_an_early_one_nothing() {
        let mut t = machine(false);
        assert_eq!(t.handle(AT(0), Input::Respond(500)), SEND);
        assert_eq!(t.handle(AT(499), Input::Wake), Actions::NONE);
        assert_eq!(t.handle(AT(9_000), Input::Wake), SEND);
        assert_eq!(t.next_wake(), Some((AT(10_000), Timer::G)));
    }
}
