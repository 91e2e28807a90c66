//! The client transaction of every method but INVITE and ACK: RFC 3261 §17.1.2, figure 6.
//!
//! ```text
//!                 |request: send
//!                 v
//!           +-----------+  E: send again
//!      +----|  Trying   |--+        F, transport error: tell user
//!      |    +-----------+<-+-----------------------------+
//!      |      |1xx: tell                                 |
//!      |      v                                          |
//!      |    +------------+  E (now every T2): send again |
//!      |    | Proceeding |--+ 1xx: tell                  |
//!      |    +------------+<-+----------------------------+
//!      |200–  |200–699: tell   F, transport error: tell  |
//!      |699   v                                          |
//!      |    +-----------+  responses: absorb             |
//!      +--->| Completed |--+                             |
//!           +-----------+<-+                             |
//!                 |K                                     |
//!                 v                                      |
//!           +------------+                               |
//!           | Terminated |<------------------------------+
//!           +------------+
//! ```
//!
//! | Timer | Unreliable | Reliable | Runs in |
//! |---|---|---|---|
//! | E | T1, doubling to T2; T2 after a 1xx | not set | Trying, Proceeding |
//! | F | 64 T1 | 64 T1 | Trying, Proceeding |
//! | K | T4 | 0: straight to Terminated | Completed |

use super::{Actions, Backoff, Outgoing, Tell, Timer, Timing};
use crate::base::Time;

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A response with this status has come.
    Response(u16),
    /// [`ClientNonInvite::next_wake`] has come.
    Wake,
    /// The transport could not send.
    Unreachable,
}

/// Where it stands, with the timers of that state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Sent; no response yet.
    Trying {
        /// Timer E; none over a reliable transport.
        resend: Option<Backoff>,
        /// Timer F.
        give_up: Time,
    },
    /// A provisional response came.
    Proceeding {
        /// Timer E; none over a reliable transport.
        resend: Option<Backoff>,
        /// Timer F.
        give_up: Time,
    },
    /// A final response came.
    Completed {
        /// Timer K.
        until: Time,
    },
    /// Over: remove it.
    Terminated,
}

/// The machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ClientNonInvite {
    state: State,
    timing: Timing,
    reliable: bool,
}

impl ClientNonInvite {
    /// The request is sent at `now` for the first time (by the caller).
    pub fn new(now: Time, timing: Timing, reliable: bool) -> ClientNonInvite {
        let resend = (!reliable).then(|| Backoff::start(now, timing.t1));
        let state = State::Trying { resend, give_up: now + timing.life() };
        ClientNonInvite { state, timing, reliable }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input; sends and tells what the figure says. Inputs that have no arrow in a state
    /// change nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Actions {
        use State::{Completed, Proceeding, Terminated, Trying};
        let cap = self.timing.t2;
        let (next, actions) = match (self.state, input) {
            (
                Trying { resend, give_up } | Proceeding { resend, give_up },
                Input::Response(100..=199),
            ) => (Proceeding { resend, give_up }, Actions::tell(Tell::Response)),
            (Trying { .. } | Proceeding { .. }, Input::Response(_)) if self.reliable => {
                (Terminated, Actions::tell(Tell::Response))
            }
            (Trying { .. } | Proceeding { .. }, Input::Response(_)) => {
                (Completed { until: now + self.timing.t4 }, Actions::tell(Tell::Response))
            }
            (Trying { give_up, .. } | Proceeding { give_up, .. }, Input::Wake)
                if now >= give_up =>
            {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (Trying { resend: Some(timer), give_up }, Input::Wake) if now >= timer.at => {
                let resend = Some(timer.next(now, cap));
                (Trying { resend, give_up }, Actions::send(Outgoing::Request))
            }
            (Proceeding { resend: Some(timer), give_up }, Input::Wake) if now >= timer.at => {
                let resend = Some(Backoff::start(now, cap));
                (Proceeding { resend, give_up }, Actions::send(Outgoing::Request))
            }
            (Trying { .. } | Proceeding { .. }, Input::Unreachable) => {
                (Terminated, Actions::tell(Tell::Unreachable))
            }
            (Completed { until }, Input::Wake) if now >= until => (Terminated, Actions::NONE),
            (state, _) => (state, Actions::NONE),
        };
        self.state = next;
        actions
    }

    /// When to wake it next, and why.
    pub fn next_wake(&self) -> Option<(Time, Timer)> {
        match self.state {
            State::Trying { resend: Some(timer), give_up }
            | State::Proceeding { resend: Some(timer), give_up }
                if timer.at < give_up =>
            {
                Some((timer.at, Timer::E))
            }
            State::Trying { give_up, .. } | State::Proceeding { give_up, .. } => {
                Some((give_up, Timer::F))
            }
            State::Completed { until } => Some((until, Timer::K)),
            State::Terminated => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELL: Actions = Actions::tell(Tell::Response);
    const AT: fn(u64) -> Time = Time::from_millis;

    fn udp() -> ClientNonInvite {
        ClientNonInvite::new(AT(0), Timing::default(), false)
    }
    fn run(machine: &mut ClientNonInvite) -> Vec<(u64, Timer, Actions)> {
        let mut log = Vec::new();
        while let Some((at, why)) = machine.next_wake() {
            log.push((at.as_millis(), why, machine.handle(at, Input::Wake)));
        }
        log
    }
    fn times(log: &[(u64, Timer, Actions)], timer: Timer) -> Vec<u64> {
        log.iter().filter(|l| l.1 == timer).map(|l| l.0).collect()
    }

    #[test]
    fn unanswered_over_udp_e_doubles_to_t2_until_f() {
        let log = run(&mut udp());
        let e = [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500];
        assert_eq!(times(&log, Timer::E), e);
        assert_eq!(log.last(), Some(&(32_000, Timer::F, Actions::tell(Tell::Timeout))));
    }

    #[test]
    fn unanswered_over_tcp_only_f() {
        let log = run(&mut ClientNonInvite::new(AT(0), Timing::default(), true));
        assert_eq!(log, [(32_000, Timer::F, Actions::tell(Tell::Timeout))]);
    }

    #[test]
    fn after_a_provisional_e_runs_every_t2() {
        let mut t = udp();
        assert_eq!(t.handle(AT(100), Input::Response(100)), TELL);
        let log = run(&mut t);
        assert_eq!(times(&log, Timer::E), [500, 4500, 8500, 12500, 16500, 20500, 24500, 28500]);
        assert_eq!(times(&log, Timer::F), [32_000]);
    }

    #[test]
    fn the_final_response_is_told_once_and_k_absorbs_the_rest() {
        let mut t = udp();
        assert_eq!(t.handle(AT(100), Input::Response(200)), TELL);
        assert_eq!(t.handle(AT(200), Input::Response(200)), Actions::NONE);
        assert_eq!(t.handle(AT(200), Input::Unreachable), Actions::NONE);
        assert_eq!(run(&mut t), [(5_100, Timer::K, Actions::NONE)]);

        let mut t = ClientNonInvite::new(AT(0), Timing::default(), true);
        assert_eq!(t.handle(AT(100), Input::Response(404)), TELL);
        assert_eq!(t.state(), State::Terminated, "K is 0 over a reliable transport");
    }

    #[test]
    fn a_transport_error_ends_it() {
        let mut t = udp();
        assert_eq!(t.handle(AT(9), Input::Response(100)), TELL);
        assert_eq!(t.handle(AT(10), Input::Unreachable), Actions::tell(Tell::Unreachable));
        assert_eq!(t.state(), State::Terminated);
    }
}
