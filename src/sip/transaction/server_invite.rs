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
//! | H | 64 T1 | 64 T1 | Completed |
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
pub enum State {
    /// No final response yet.
    Proceeding {
        /// A provisional response was sent and can be repeated.
        provisional: bool,
    },
    /// Refused by 3xx–6xx; the ACK has not come.
    Completed {
        /// Timer G; none over a reliable transport.
        resend: Option<Backoff>,
        /// Timer H.
        give_up: Time,
    },
    /// The refusal was acknowledged.
    Confirmed {
        /// Timer I.
        until: Time,
    },
    /// Accepted by 2xx.
    Accepted {
        /// Timer L.
        until: Time,
    },
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
        ServerInvite { state: State::Proceeding { provisional: false }, timing, reliable }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input; sends and tells what the figure says. Inputs that have no arrow in a state
    /// change nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Actions {
        use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
        let life = self.timing.life();
        let (next, actions) = match (self.state, input) {
            (Proceeding { .. }, Input::Respond(100..=199)) => {
                (Proceeding { provisional: true }, Actions::send(Outgoing::Response))
            }
            (Proceeding { provisional: true }, Input::Invite) => {
                (self.state, Actions::send(Outgoing::Response))
            }
            (Proceeding { .. }, Input::Respond(200..=299)) => {
                (Accepted { until: now + life }, Actions::send(Outgoing::Response))
            }
            (Proceeding { .. }, Input::Respond(_)) => {
                let resend = (!self.reliable).then(|| Backoff::start(now, self.timing.t1));
                (Completed { resend, give_up: now + life }, Actions::send(Outgoing::Response))
            }
            (Completed { .. }, Input::Invite) => (self.state, Actions::send(Outgoing::Response)),
            (Completed { .. }, Input::Ack) if self.reliable => (Terminated, Actions::NONE),
            (Completed { .. }, Input::Ack) => {
                (Confirmed { until: now + self.timing.t4 }, Actions::NONE)
            }
            (Completed { give_up, .. }, Input::Wake) if now >= give_up => {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (Completed { resend: Some(timer), give_up }, Input::Wake) if now >= timer.at => {
                let resend = Some(timer.next(now, self.timing.t2));
                (Completed { resend, give_up }, Actions::send(Outgoing::Response))
            }
            (Confirmed { until }, Input::Wake) if now >= until => (Terminated, Actions::NONE),
            (Accepted { .. }, Input::Ack) => (self.state, Actions::tell(Tell::Ack)),
            (Accepted { .. }, Input::Respond(200..=299)) => {
                (self.state, Actions::send(Outgoing::Response))
            }
            (Accepted { until }, Input::Wake) if now >= until => (Terminated, Actions::NONE),
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
            State::Completed { resend: Some(timer), give_up } if timer.at < give_up => {
                Some((timer.at, Timer::G))
            }
            State::Completed { give_up, .. } => Some((give_up, Timer::H)),
            State::Confirmed { until } => Some((until, Timer::I)),
            State::Accepted { until } => Some((until, Timer::L)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Actions = Actions::send(Outgoing::Response);
    const AT: fn(u64) -> Time = Time::from_millis;

    fn udp() -> ServerInvite {
        ServerInvite::new(Timing::default(), false)
    }
    fn tcp() -> ServerInvite {
        ServerInvite::new(Timing::default(), true)
    }

    /// Wakes `machine` whenever it asks, and writes down when, why and what came of it.
    fn run(machine: &mut ServerInvite) -> Vec<(u64, Timer, Actions)> {
        let mut log = Vec::new();
        while let Some((at, why)) = machine.next_wake() {
            log.push((at.as_millis(), why, machine.handle(at, Input::Wake)));
        }
        log
    }

    #[test]
    fn a_refusal_over_udp_is_repeated_by_g_until_h() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Respond(486)), SEND);
        let log = run(&mut t);
        let g: Vec<u64> = log.iter().filter(|l| l.1 == Timer::G).map(|l| l.0).collect();
        assert_eq!(g, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(log.last(), Some(&(32_000, Timer::H, Actions::tell(Tell::Timeout))));
        assert_eq!(t.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_nothing_is_repeated_but_h_still_runs() {
        let mut t = tcp();
        assert_eq!(t.handle(AT(0), Input::Respond(486)), SEND);
        assert_eq!(run(&mut t), [(32_000, Timer::H, Actions::tell(Tell::Timeout))]);
    }

    #[test]
    fn an_ack_stops_g_and_lingers_for_i() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Respond(404)), SEND);
        assert_eq!(t.handle(AT(700), Input::Ack), Actions::NONE);
        assert_eq!(t.handle(AT(800), Input::Ack), Actions::NONE, "absorbed");
        assert_eq!(t.handle(AT(900), Input::Invite), Actions::NONE, "absorbed");
        assert_eq!(run(&mut t), [(5_700, Timer::I, Actions::NONE)]);

        let mut t = tcp();
        assert_eq!(t.handle(AT(0), Input::Respond(404)), SEND);
        assert_eq!(t.handle(AT(700), Input::Ack), Actions::NONE);
        assert_eq!(t.state(), State::Terminated, "I is 0 over a reliable transport");
    }

    #[test]
    fn accepted_absorbs_invites_passes_acks_and_ends_with_l() {
        let mut t = udp();
        assert_eq!(t.handle(AT(10), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(20), Input::Invite), Actions::NONE);
        assert_eq!(t.handle(AT(510), Input::Respond(200)), SEND, "the session retransmits");
        assert_eq!(t.handle(AT(520), Input::Respond(486)), Actions::NONE, "it was accepted");
        assert_eq!(t.handle(AT(600), Input::Ack), Actions::tell(Tell::Ack));
        assert_eq!(t.handle(AT(700), Input::Ack), Actions::tell(Tell::Ack));
        assert_eq!(run(&mut t), [(32_010, Timer::L, Actions::NONE)]);
    }

    #[test]
    fn a_retransmitted_invite_gets_the_last_provisional_if_there_is_one() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Invite), Actions::NONE);
        assert_eq!(t.handle(AT(1), Input::Respond(100)), SEND);
        assert_eq!(t.handle(AT(2), Input::Invite), SEND);
        assert_eq!(t.handle(AT(3), Input::Respond(180)), SEND);
        assert_eq!(t.next_wake(), None, "ringing has no timer");
    }

    #[test]
    fn a_transport_error_is_told_and_ends_nothing() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Unreachable), Actions::tell(Tell::Unreachable));
        assert_eq!(t.handle(AT(0), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(0), Input::Unreachable), Actions::tell(Tell::Unreachable));
        assert_eq!(t.state(), State::Accepted { until: AT(32_000) });
    }

    #[test]
    fn a_late_wake_sends_once_and_an_early_one_nothing() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Respond(500)), SEND);
        assert_eq!(t.handle(AT(499), Input::Wake), Actions::NONE);
        assert_eq!(t.handle(AT(9_000), Input::Wake), SEND);
        assert_eq!(t.next_wake(), Some((AT(10_000), Timer::G)));
    }
}
