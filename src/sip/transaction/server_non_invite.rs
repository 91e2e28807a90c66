//! The server transaction of every method but INVITE and ACK: RFC 3261 §17.2.2, figure 8.
//!
//! ```text
//!                |request: pass to user
//!                v
//!          +----------+  request: absorb
//!     +----|  Trying  |---------------+
//!     |    +----------+               |
//!     |         |1xx: send            |
//!     |         v                     |
//!     |    +------------+             |
//!     |    | Proceeding |--+ request, |
//!     |    +------------+<-+ 1xx: send|
//!     |         |                     |
//!     |200–699  |200–699              |64 T1 without a final response:
//!     |send     |send                 |nobody waits any more
//!     v         v                     |
//!    +-----------+                    |
//!    | Completed |--+ request: send   |
//!    +-----------+<-+                 |
//!         |J                          |
//!         v                           |
//!    +------------+                   |
//!    | Terminated |<------------------+
//!    +------------+
//! ```
//!
//! | Timer | Unreliable | Reliable | Runs in |
//! |---|---|---|---|
//! | J | 64 T1 | 0: straight to Terminated | Completed |
//! | Unanswered | 64 T1 | 64 T1 | Trying, Proceeding |
//!
//! The last row is ours: by then the client's timer F has fired, and RFC 4320 §4.2 forbids the 408
//! that could still be sent, so a request that our own user forgot does not stay for ever.

use super::{Actions, Outgoing, Tell, Timer, Timing};
use crate::base::Time;

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The same request again.
    Request,
    /// The user gives a response with this status.
    Respond(u16),
    /// [`ServerNonInvite::next_wake`] has come.
    Wake,
    /// The transport could not send the response.
    Unreachable,
}

/// Where it stands, with the timers of that state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// With the user, nothing sent.
    Trying {
        /// When the client will have given up.
        stale: Time,
    },
    /// A provisional response was sent.
    Proceeding {
        /// When the client will have given up.
        stale: Time,
    },
    /// A final response was sent.
    Completed {
        /// Timer J.
        until: Time,
    },
    /// Over: remove it.
    Terminated,
}

/// The machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ServerNonInvite {
    state: State,
    timing: Timing,
    reliable: bool,
}

impl ServerNonInvite {
    /// A request has come at `now` and is on its way to the user.
    pub fn new(now: Time, timing: Timing, reliable: bool) -> ServerNonInvite {
        ServerNonInvite { state: State::Trying { stale: now + timing.life() }, timing, reliable }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input; sends and tells what the figure says. Inputs that have no arrow in a state
    /// change nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Actions {
        use State::{Completed, Proceeding, Terminated, Trying};
        let (next, actions) = match (self.state, input) {
            (Trying { stale } | Proceeding { stale }, Input::Respond(100..=199)) => {
                (Proceeding { stale }, Actions::send(Outgoing::Response))
            }
            (Trying { .. } | Proceeding { .. }, Input::Respond(_)) if self.reliable => {
                (Terminated, Actions::send(Outgoing::Response))
            }
            (Trying { .. } | Proceeding { .. }, Input::Respond(_)) => {
                let until = now + self.timing.life();
                (Completed { until }, Actions::send(Outgoing::Response))
            }
            (Proceeding { .. } | Completed { .. }, Input::Request) => {
                (self.state, Actions::send(Outgoing::Response))
            }
            (Trying { stale } | Proceeding { stale }, Input::Wake) if now >= stale => {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (Completed { until }, Input::Wake) if now >= until => (Terminated, Actions::NONE),
            (Proceeding { .. } | Completed { .. }, Input::Unreachable) => {
                (Terminated, Actions::tell(Tell::Unreachable))
            }
            (state, _) => (state, Actions::NONE),
        };
        self.state = next;
        actions
    }

    /// When to wake it next, and why.
    pub fn next_wake(&self) -> Option<(Time, Timer)> {
        match self.state {
            State::Trying { stale } | State::Proceeding { stale } => {
                Some((stale, Timer::Unanswered))
            }
            State::Completed { until } => Some((until, Timer::J)),
            State::Terminated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEND: Actions = Actions::send(Outgoing::Response);
    const AT: fn(u64) -> Time = Time::from_millis;

    fn udp() -> ServerNonInvite {
        ServerNonInvite::new(AT(0), Timing::default(), false)
    }

    #[test]
    fn the_final_response_is_repeated_for_j() {
        let mut t = udp();
        assert_eq!(t.handle(AT(1), Input::Request), Actions::NONE, "nothing to repeat yet");
        assert_eq!(t.handle(AT(100), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(600), Input::Request), SEND);
        assert_eq!(t.handle(AT(700), Input::Respond(500)), Actions::NONE, "one final response");
        assert_eq!(t.next_wake(), Some((AT(32_100), Timer::J)));
        assert_eq!(t.handle(AT(32_099), Input::Wake), Actions::NONE);
        assert_eq!(t.handle(AT(32_100), Input::Wake), Actions::NONE);
        assert_eq!(t.state(), State::Terminated);
    }

    #[test]
    fn over_tcp_j_is_zero() {
        let mut t = ServerNonInvite::new(AT(0), Timing::default(), true);
        assert_eq!(t.handle(AT(100), Input::Respond(200)), SEND);
        assert_eq!(t.state(), State::Terminated);
    }

    #[test]
    fn a_provisional_is_repeated_too() {
        let mut t = udp();
        assert_eq!(t.handle(AT(100), Input::Respond(100)), SEND);
        assert_eq!(t.handle(AT(200), Input::Request), SEND);
        assert_eq!(t.handle(AT(300), Input::Respond(404)), SEND);
        assert_eq!(t.state(), State::Completed { until: AT(32_300) });
    }

    #[test]
    fn a_forgotten_request_goes_when_the_client_has_gone() {
        let mut t = udp();
        assert_eq!(t.handle(AT(5_000), Input::Respond(100)), SEND);
        assert_eq!(t.next_wake(), Some((AT(32_000), Timer::Unanswered)));
        assert_eq!(t.handle(AT(32_000), Input::Wake), Actions::tell(Tell::Timeout));
        assert_eq!(t.handle(AT(32_001), Input::Respond(200)), Actions::NONE);
    }

    #[test]
    fn a_transport_error_ends_it() {
        let mut t = udp();
        assert_eq!(t.handle(AT(0), Input::Unreachable), Actions::NONE, "nothing was sent");
        assert_eq!(t.handle(AT(1), Input::Respond(200)), SEND);
        assert_eq!(t.handle(AT(2), Input::Unreachable), Actions::tell(Tell::Unreachable));
        assert_eq!(t.state(), State::Terminated);
    }
}
