//! The INVITE client transaction: RFC 3261 §17.1.1, figure 5, with RFC 6026's Accepted state.
//!
//! ```text
//!                    |INVITE: send
//!                    v
//!              +-----------+  A: send again
//!       +------|  Calling  |--+         B, transport error: tell user
//!       |      +-----------+<-+------------------------------------+
//!       |        |1xx: tell                                        |
//!       |        v                                                 |
//!       |      +------------+  1xx: tell                           |
//!       |  +---| Proceeding |--+       Abandon: tell user          |
//!       |  |   +------------+<-+-----------------------------------+
//!       |  |     |                                                 |
//!       v  v     |2xx (also from Calling): tell                    |
//!   300–699:     |                                                 |
//!   ACK, tell    +--------------+                                  |
//!       |                       v                                  |
//!   +-----------+          +----------+  2xx: tell                 |
//!   | Completed |--+       | Accepted |--+                         |
//!   +-----------+<-+ 300–  +----------+<-+                         |
//!       |  |     699: ACK       |M                                 |
//!       |D |transport error:    v                                  |
//!       |  |tell user      +------------+                          |
//!       +--+-------------->| Terminated |<-------------------------+
//!                          +------------+
//! ```
//!
//! | Timer | Unreliable | Reliable | Runs in |
//! |---|---|---|---|
//! | A | T1, doubling without limit | not set | Calling |
//! | B | 64 T1 | 64 T1 | Calling |
//! | D | 64 T1 (at least 32 s) | 0: straight to Terminated | Completed |
//! | M | 64 T1 | 64 T1 | Accepted |
//!
//! A 2xx is acknowledged by the session, not here (§13.2.2.4). Proceeding has no timer of its own:
//! the session bounds ringing, and after its CANCEL gives up with [`Input::Abandon`] (§9.1).

use super::{Actions, Backoff, Outgoing, Tell, Timer, Timing};
use crate::base::{Duration, Time};

/// Timer D over an unreliable transport is never shorter (§17.1.1.2).
const LEAST_D: Duration = Duration::from_secs(32);

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A response with this status has come.
    Response(u16),
    /// [`ClientInvite::next_wake`] has come.
    Wake,
    /// The transport could not send.
    Unreachable,
    /// The user cancelled long ago and no final response came.
    Abandon,
}

/// Where it stands, with the timers of that state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Sent; no response yet.
    Calling {
        /// Timer A; none over a reliable transport.
        resend: Option<Backoff>,
        /// Timer B.
        give_up: Time,
    },
    /// A provisional response came.
    Proceeding,
    /// Refused by 3xx–6xx, acknowledged.
    Completed {
        /// Timer D.
        until: Time,
    },
    /// Accepted by 2xx.
    Accepted {
        /// Timer M.
        until: Time,
    },
    /// Over: remove it.
    Terminated,
}

/// The machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ClientInvite {
    state: State,
    timing: Timing,
    reliable: bool,
}

impl ClientInvite {
    /// The INVITE is sent at `now` for the first time (by the caller).
    pub fn new(now: Time, timing: Timing, reliable: bool) -> ClientInvite {
        let resend = (!reliable).then(|| Backoff::start(now, timing.t1));
        let state = State::Calling { resend, give_up: now + timing.life() };
        ClientInvite { state, timing, reliable }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes one input; sends and tells what the figure says. Inputs that have no arrow in a state
    /// change nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Actions {
        use State::{Accepted, Calling, Completed, Proceeding, Terminated};
        let (next, actions) = match (self.state, input) {
            (Calling { .. } | Proceeding, Input::Response(100..=199)) => {
                (Proceeding, Actions::tell(Tell::Response))
            }
            (Calling { .. } | Proceeding, Input::Response(200..=299)) => {
                let until = now + self.timing.life();
                (Accepted { until }, Actions::tell(Tell::Response))
            }
            (Calling { .. } | Proceeding, Input::Response(_)) => {
                let both = Actions { send: Some(Outgoing::Ack), tell: Some(Tell::Response) };
                (self.completed(now), both)
            }
            (Completed { .. }, Input::Response(300..)) => {
                (self.state, Actions::send(Outgoing::Ack))
            }
            (Accepted { .. }, Input::Response(200..=299)) => {
                (self.state, Actions::tell(Tell::Response))
            }
            (Calling { give_up, .. }, Input::Wake) if now >= give_up => {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (Calling { resend: Some(timer), give_up }, Input::Wake) if now >= timer.at => {
                let resend = Some(timer.next(now, Duration::MAX));
                (Calling { resend, give_up }, Actions::send(Outgoing::Request))
            }
            (Completed { until } | Accepted { until }, Input::Wake) if now >= until => {
                (Terminated, Actions::NONE)
            }
            (Calling { .. } | Completed { .. }, Input::Unreachable) => {
                (Terminated, Actions::tell(Tell::Unreachable))
            }
            (Calling { .. } | Proceeding, Input::Abandon) => {
                (Terminated, Actions::tell(Tell::Timeout))
            }
            (state, _) => (state, Actions::NONE),
        };
        self.state = next;
        actions
    }

    fn completed(&self, now: Time) -> State {
        match self.reliable {
            true => State::Terminated,
            false => State::Completed { until: now + self.timing.life().max(LEAST_D) },
        }
    }

    /// When to wake it next, and why.
    pub fn next_wake(&self) -> Option<(Time, Timer)> {
        match self.state {
            State::Calling { resend: Some(timer), give_up } if timer.at < give_up => {
                Some((timer.at, Timer::A))
            }
            State::Calling { give_up, .. } => Some((give_up, Timer::B)),
            State::Proceeding | State::Terminated => None,
            State::Completed { until } => Some((until, Timer::D)),
            State::Accepted { until } => Some((until, Timer::M)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TELL: Actions = Actions::tell(Tell::Response);
    const REFUSED: Actions = Actions { send: Some(Outgoing::Ack), tell: Some(Tell::Response) };
    const AT: fn(u64) -> Time = Time::from_millis;

    fn udp() -> ClientInvite {
        ClientInvite::new(AT(0), Timing::default(), false)
    }
    fn tcp() -> ClientInvite {
        ClientInvite::new(AT(0), Timing::default(), true)
    }
    fn run(machine: &mut ClientInvite) -> Vec<(u64, Timer, Actions)> {
        let mut log = Vec::new();
        while let Some((at, why)) = machine.next_wake() {
            log.push((at.as_millis(), why, machine.handle(at, Input::Wake)));
        }
        log
    }

    #[test]
    fn unanswered_over_udp_a_doubles_until_b() {
        let log = run(&mut udp());
        let a: Vec<u64> = log.iter().filter(|l| l.1 == Timer::A).map(|l| l.0).collect();
        assert_eq!(a, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(log.last(), Some(&(32_000, Timer::B, Actions::tell(Tell::Timeout))));
    }

    #[test]
    fn unanswered_over_tcp_only_b() {
        assert_eq!(run(&mut tcp()), [(32_000, Timer::B, Actions::tell(Tell::Timeout))]);
    }

    #[test]
    fn a_provisional_stops_a_and_b() {
        let mut t = udp();
        assert_eq!(t.handle(AT(100), Input::Response(100)), TELL);
        assert_eq!(t.next_wake(), None);
        assert_eq!(t.handle(AT(200), Input::Response(183)), TELL);
        assert_eq!(t.handle(AT(60_000), Input::Unreachable), Actions::NONE, "it was heard");
        assert_eq!(t.handle(AT(60_000), Input::Abandon), Actions::tell(Tell::Timeout));
        assert_eq!(t.state(), State::Terminated);
    }

    #[test]
    fn a_refusal_is_told_once_and_acknowledged_each_time_for_d() {
        let mut t = udp();
        assert_eq!(t.handle(AT(100), Input::Response(486)), REFUSED);
        assert_eq!(t.handle(AT(600), Input::Response(486)), Actions::send(Outgoing::Ack));
        assert_eq!(t.handle(AT(700), Input::Response(200)), Actions::NONE, "too late");
        assert_eq!(t.handle(AT(700), Input::Response(180)), Actions::NONE);
        assert_eq!(run(&mut t), [(32_100, Timer::D, Actions::NONE)]);

        let mut t = tcp();
        assert_eq!(t.handle(AT(100), Input::Response(486)), REFUSED);
        assert_eq!(t.state(), State::Terminated, "D is 0 over a reliable transport");
    }

    #[test]
    fn timer_d_is_at_least_32_s_however_short_t1() {
        let quick = Timing { t1: Duration::from_millis(10), ..Timing::default() };
        let mut t = ClientInvite::new(AT(0), quick, false);
        assert_eq!(t.handle(AT(0), Input::Response(404)), REFUSED);
        assert_eq!(t.next_wake(), Some((AT(32_000), Timer::D)));
    }

    #[test]
    fn every_2xx_is_told_until_m() {
        for mut t in [udp(), tcp()] {
            assert_eq!(t.handle(AT(100), Input::Response(200)), TELL);
            assert_eq!(t.handle(AT(600), Input::Response(200)), TELL, "another fork, or again");
            assert_eq!(t.handle(AT(700), Input::Response(486)), Actions::NONE);
            assert_eq!(run(&mut t), [(32_100, Timer::M, Actions::NONE)]);
        }
    }

    #[test]
    fn a_transport_error_while_calling_ends_it() {
        let mut t = udp();
        assert_eq!(t.handle(AT(3), Input::Unreachable), Actions::tell(Tell::Unreachable));
        assert_eq!(t.state(), State::Terminated);
    }
}
