//! Where a call stands: RFC 3261 §9 (CANCEL), §13 (INVITE), §15 (BYE), both roles.
//!
//! ```text
//!  called (UAS)                              calling (UAC)
//!  INVITE                                    Hangup ends the session for the user at once;
//!    v                                       what the peer is still owed is done without him
//!  +----------+  Cancel, Bye: 487
//!  | Incoming |  Reject: 3xx–6xx             +---------+ 1xx  +------------+ Hangup
//!  +----------+--------------> Over          | Calling |----->| Proceeding |------+
//!    |Answer: 2xx                            +---------+      +------------+      |CANCEL
//!    v                                        |Hangup, NoSign:  |2xx: ACK         v
//!  +----------+  Hangup: held until ACK       |until 1xx, then  |      +------------+
//!  | Answered |---------------+               +--CANCEL---------|----->| Cancelling |
//!  +----------+               |                                 |      +------------+
//!    |ACK                     |ACK, or none in 64 T1: BYE       |        |2xx: ACK, BYE
//!    v                        v                                 |        |3xx–6xx,
//!  +-----------+ Hangup:  +---------+  BYE's end                |        |64 T1
//!  | Confirmed |--------->| Leaving |-----------> Over          |        v
//!  +-----------+   BYE    +---------+                           |      Over
//!    ^   |Bye: 200                                              |
//!    |   +------------> Over                                    |
//!    +----------------------------------------------------------+
//! ```
//!
//! The user hears of the end exactly once, and the state says whether he has: a held hang-up,
//! Cancelling, Leaving and Over come after it.
//!
//! Not here: offers and answers ([`super::offer`]), retransmission of the 2xx and its 64 T1
//! (`session`), response codes to requests that fit no state (the agent: 481, 200 to a late CANCEL).

/// Where the call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Usage {
    /// Called: no final response yet.
    Incoming,
    /// Called: 2xx sent, its ACK has not come.
    Answered {
        /// The user hung up; BYE must wait for the ACK (§15).
        hangup: bool,
    },
    /// Calling: no response yet.
    Calling {
        /// The user hung up; CANCEL must wait for a 1xx (§9.1).
        hangup: bool,
    },
    /// Calling: a 1xx came.
    Proceeding,
    /// Calling: CANCEL sent, no final response yet.
    Cancelling,
    /// In conversation.
    Confirmed,
    /// BYE sent, waiting for its end.
    Leaving,
    /// Nothing more to say.
    Over,
}

/// What can happen to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The user accepts with 2xx.
    Answer,
    /// The user refuses with this status.
    Reject(u16),
    /// The user wants it ended; the status is for an INVITE not answered yet.
    Hangup(u16),
    /// The peer's CANCEL matches the INVITE.
    Cancel,
    /// The ACK of our 2xx to the first INVITE.
    Ack,
    /// The peer's BYE.
    Bye,
    /// 1xx to our INVITE.
    Provisional,
    /// The first 2xx to our INVITE.
    Success,
    /// 3xx–6xx to our INVITE.
    Failure,
    /// Our INVITE was challenged and goes out again with credentials, as a new transaction.
    Retried,
    /// Our INVITE got no response in 64 T1; or after CANCEL no final one in 64 T1.
    Timeout,
    /// Our INVITE could not be sent.
    Unreachable,
    /// No response at all to our INVITE for longer than a peer may be silent.
    NoSign,
    /// The time for ringing is over (Expires, or the limit on ringing).
    RungOut,
    /// No ACK for a 2xx of ours in 64 T1, or no PRACK for an 18x.
    AckMissing,
    /// The peer does not know the dialog any more (481, or 408 to a re-INVITE).
    Lost,
    /// Our BYE was answered, or will never be.
    ByeDone,
}

/// A message that the usage asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// The 2xx to the INVITE.
    Success,
    /// A refusal of the INVITE with this status.
    Refusal(u16),
    /// CANCEL of our INVITE.
    Cancel,
    /// BYE; before it the ACK when a 2xx still waits for one.
    Bye,
}

/// How it ended, told once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Our user's wish.
    Ours,
    /// The peer's BYE.
    Bye,
    /// The peer's CANCEL.
    Cancelled,
    /// The peer refused our INVITE.
    Rejected,
    /// Nobody answered in time.
    Timeout,
    /// The transport failed.
    FlowFailed,
    /// Our 2xx was never acknowledged.
    AckMissing,
}

/// What to do: first send, then tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Actions {
    /// Send this.
    pub send: Option<Outgoing>,
    /// The user hears of the end.
    pub end: Option<Ending>,
}

const NOTHING: Actions = Actions { send: None, end: None };
const fn send(what: Outgoing) -> Actions {
    Actions { send: Some(what), end: None }
}
const fn end(how: Ending) -> Actions {
    Actions { send: None, end: Some(how) }
}
const fn both(what: Outgoing, how: Ending) -> Actions {
    Actions { send: Some(what), end: Some(how) }
}

impl Usage {
    /// Takes one input. What has no line in a state changes nothing.
    pub fn handle(&mut self, input: Input) -> Actions {
        use Usage::{
            Answered, Calling, Cancelling, Confirmed, Incoming, Leaving, Over, Proceeding,
        };
        let (next, actions) = match (*self, input) {
            (Incoming, Input::Answer) => (Answered { hangup: false }, send(Outgoing::Success)),
            (Incoming, Input::Reject(status) | Input::Hangup(status)) => {
                (Over, both(Outgoing::Refusal(status), Ending::Ours))
            }
            (Incoming, Input::Cancel) => (Over, both(Outgoing::Refusal(487), Ending::Cancelled)),
            (Incoming, Input::Bye) => (Over, both(Outgoing::Refusal(487), Ending::Bye)),
            // A provisional response that had to be acknowledged was not (RFC 3262 §3).
            (Incoming, Input::AckMissing) => {
                (Over, both(Outgoing::Refusal(504), Ending::AckMissing))
            }
            (Incoming, Input::RungOut) => (Over, both(Outgoing::Refusal(487), Ending::Timeout)),

            (Answered { hangup: false }, Input::Ack) => (Confirmed, NOTHING),
            (Answered { hangup: false }, Input::Hangup(_)) => {
                (Answered { hangup: true }, end(Ending::Ours))
            }
            (Answered { hangup: false }, Input::Bye) => (Over, end(Ending::Bye)),
            (Answered { hangup: false }, Input::AckMissing) => {
                (Leaving, both(Outgoing::Bye, Ending::AckMissing))
            }
            (Answered { hangup: true }, Input::Ack | Input::AckMissing) => {
                (Leaving, send(Outgoing::Bye))
            }
            (Answered { hangup: true }, Input::Bye) => (Over, NOTHING),

            (Calling { hangup: false }, Input::Provisional) => (Proceeding, NOTHING),
            (Calling { hangup: true }, Input::Provisional) => (Cancelling, send(Outgoing::Cancel)),
            (Calling { hangup: false }, Input::Hangup(_)) => {
                (Calling { hangup: true }, end(Ending::Ours))
            }
            (Calling { hangup: false }, Input::NoSign) => {
                (Calling { hangup: true }, end(Ending::Timeout))
            }
            (Proceeding, Input::Hangup(_)) => (Cancelling, both(Outgoing::Cancel, Ending::Ours)),
            (Proceeding, Input::RungOut) => (Cancelling, both(Outgoing::Cancel, Ending::Timeout)),
            // The callee hung up before its 2xx reached us (RFC 5407 §3.1.2).
            (Proceeding, Input::Bye) => (Cancelling, both(Outgoing::Cancel, Ending::Bye)),
            (Calling { hangup: false } | Proceeding, Input::Success) => (Confirmed, NOTHING),
            (Calling { hangup: false } | Proceeding, Input::Retried) => {
                (Calling { hangup: false }, NOTHING)
            }
            (Calling { hangup: false } | Proceeding, Input::Failure) => {
                (Over, end(Ending::Rejected))
            }
            (Calling { hangup: false } | Proceeding, Input::Timeout) => {
                (Over, end(Ending::Timeout))
            }
            (Calling { hangup: false } | Proceeding, Input::Unreachable) => {
                (Over, end(Ending::FlowFailed))
            }
            (Calling { hangup: true } | Cancelling, Input::Success) => {
                (Leaving, send(Outgoing::Bye))
            }
            (
                Calling { hangup: true } | Cancelling,
                Input::Failure | Input::Timeout | Input::Unreachable,
            ) => (Over, NOTHING),

            (Confirmed, Input::Hangup(_)) => (Leaving, both(Outgoing::Bye, Ending::Ours)),
            (Confirmed, Input::Bye) => (Over, end(Ending::Bye)),
            (Confirmed, Input::Lost) => (Leaving, both(Outgoing::Bye, Ending::Timeout)),
            (Confirmed, Input::AckMissing) => (Leaving, both(Outgoing::Bye, Ending::AckMissing)),

            (Leaving, Input::Bye | Input::ByeDone) => (Over, NOTHING),
            (state, _) => (state, NOTHING),
        };
        *self = next;
        actions
    }

    /// True once the user was told of the end: nothing more may be told, and his commands fail.
    pub fn has_ended(self) -> bool {
        match self {
            Usage::Answered { hangup } | Usage::Calling { hangup } => hangup,
            Usage::Cancelling | Usage::Leaving | Usage::Over => true,
            Usage::Incoming | Usage::Proceeding | Usage::Confirmed => false,
        }
    }

    /// True from the 2xx on (sent or received): requests within the dialog may flow.
    pub fn is_established(self) -> bool {
        matches!(self, Usage::Answered { hangup: false } | Usage::Confirmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(mut state: Usage, inputs: &[Input]) -> (Usage, Vec<Actions>) {
        let actions = inputs.iter().map(|i| state.handle(*i)).collect();
        (state, actions)
    }

    #[test]
    fn cancel_is_held_back_until_a_provisional() {
        let (state, did) = run(
            Usage::Calling { hangup: false },
            &[Input::Hangup(480), Input::Provisional, Input::Failure],
        );
        assert_eq!(did, [end(Ending::Ours), send(Outgoing::Cancel), NOTHING]);
        assert_eq!(state, Usage::Over);
    }

    #[test]
    fn a_200_that_crosses_our_cancel_is_left_with_bye() {
        for before in [&[Input::Provisional, Input::Hangup(480)][..], &[Input::Hangup(480)]] {
            let (state, _) = run(Usage::Calling { hangup: false }, before);
            let (state, did) = run(state, &[Input::Success, Input::ByeDone]);
            assert_eq!(did, [send(Outgoing::Bye), NOTHING]);
            assert_eq!(state, Usage::Over);
        }
    }

    #[test]
    fn a_cancel_after_our_answer_changes_nothing() {
        let (state, did) = run(Usage::Incoming, &[Input::Answer, Input::Cancel, Input::Ack]);
        assert_eq!(did[1], NOTHING);
        assert_eq!(state, Usage::Confirmed);
    }

    #[test]
    fn bye_waits_for_the_ack_of_our_answer_or_for_its_time_out() {
        for last in [Input::Ack, Input::AckMissing] {
            let (state, did) = run(Usage::Incoming, &[Input::Answer, Input::Hangup(480), last]);
            assert_eq!(did[1..], [end(Ending::Ours), send(Outgoing::Bye)]);
            assert_eq!(state, Usage::Leaving);
        }
    }

    #[test]
    fn crossing_byes_end_it_once() {
        let (state, did) = run(Usage::Confirmed, &[Input::Hangup(480), Input::Bye, Input::ByeDone]);
        assert_eq!(did, [both(Outgoing::Bye, Ending::Ours), NOTHING, NOTHING]);
        assert_eq!(state, Usage::Over);
    }

    fn any_input() -> impl Strategy<Value = Input> {
        prop_oneof![
            Just(Input::Answer),
            Just(Input::Reject(486)),
            Just(Input::Hangup(480)),
            Just(Input::Cancel),
            Just(Input::Ack),
            Just(Input::Bye),
            Just(Input::Provisional),
            Just(Input::Success),
            Just(Input::Failure),
            Just(Input::Retried),
            Just(Input::Timeout),
            Just(Input::Unreachable),
            Just(Input::NoSign),
            Just(Input::RungOut),
            Just(Input::AckMissing),
            Just(Input::Lost),
            Just(Input::ByeDone),
        ]
    }

    proptest! {
        /// Whatever happens in whatever order: the end is told once at most, the state knows
        /// whether it was, Over is final, and the user's hang-up always leads to the end.
        #[test]
        fn the_end_is_told_exactly_once(called: bool, inputs in proptest::collection::vec(any_input(), 0..40)) {
            let mut state = if called { Usage::Incoming } else { Usage::Calling { hangup: false } };
            let mut ends = 0;
            let mut finals = 0;
            for input in inputs {
                let before = state;
                let did = state.handle(input);
                ends += u32::from(did.end.is_some());
                finals += u32::from(matches!(did.send, Some(Outgoing::Success | Outgoing::Refusal(_))));
                prop_assert_eq!(ends == 1, state.has_ended());
                prop_assert!(before != Usage::Over || (state == Usage::Over && did == NOTHING));
            }
            prop_assert!(finals <= 1, "one final response to an INVITE");
            ends += u32::from(state.handle(Input::Hangup(480)).end.is_some());
            prop_assert_eq!(ends, 1);
        }
    }
}
