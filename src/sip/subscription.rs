//! A subscription to the state of something, as notifier (RFC 6665 §4.2): what is told when.
//!
//! ```text
//!              news, and the rate lets it        2xx
//!   Quiet ──────────────────────────────▶ Telling ───▶ Quiet, or Due when there was more news
//!     │ news, too soon      ▲ time          │ news: kept, not sent: one NOTIFY at a time
//!     └───────────────▶ Due ┘               │
//!   any ── end: asked for, time over, watcher not welcome ──▶ the last NOTIFY ──▶ Over
//!   Telling ── NOTIFY refused or not answered (§4.2.2) ──────────────────────────▶ Over, without one
//! ```
//!
//! One NOTIFY at a time, so that an older state never overtakes a newer one; and the state is asked
//! for when it is sent, so that what changed three times meanwhile is told once. A fork of the
//! SUBSCRIBE that reaches us twice is one request to two (482, the agent's); each SUBSCRIBE of its own is
//! a subscription of its own (§4.4.1).
//!
//! Not here: who may watch, what is told, messages (the agent's `subscriptions`).

use crate::base::{Duration, Time};

/// One watcher's subscription, named by the agent's user ([`super::Agent::new_subscription`]).
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct SubscriptionId(pub u64);

/// The least time between two NOTIFYs of one subscription, unless the watcher asks (RFC 4235 §3.9: no
/// more than one a second).
pub const PAUSE: Duration = Duration::from_secs(1);
/// The shortest subscription, seconds; shorter wishes get 423 (§4.2.1.1).
pub const LEAST_S: u32 = 60;
/// The longest; longer wishes are cut to it. It is also what is given to who wishes nothing.
pub const MOST_S: u32 = 3_600;

/// A wish is too short: the 423 has [`LEAST_S`] as Min-Expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooBrief;

/// How long a watcher is given that wishes for `asked` seconds; 0 is the state once, and no more.
pub fn granted(asked: Option<u32>) -> Result<u32, TooBrief> {
    match asked {
        Some(seconds @ 1..) if seconds < LEAST_S => Err(TooBrief),
        asked => Ok(asked.unwrap_or(MOST_S).min(MOST_S)),
    }
}

/// Why a subscription ends with a last NOTIFY (§4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Why {
    /// Its time is over, or the watcher asked for the end.
    Timeout,
    /// The watcher may not watch any more.
    Rejected,
    /// What it watches is no more.
    NoResource,
}

impl Why {
    /// The `reason` of Subscription-State.
    pub fn word(self) -> &'static str {
        match self {
            Why::Timeout => "timeout",
            Why::Rejected => "rejected",
            Why::NoResource => "noresource",
        }
    }
}

/// Where it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// The watcher knows all.
    Quiet,
    /// It does not, and the pause is not over.
    Due,
    /// A NOTIFY waits for its answer.
    Telling {
        /// There is more to tell since.
        news: bool,
        /// It is to end.
        end: Option<Why>,
    },
    /// Nothing is told any more.
    Over,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// What it watches has changed.
    Changed,
    /// The watcher asks: it is told at once, changed or not (§4.2.1.2).
    Asked,
    /// It ends.
    End(Why),
    /// The NOTIFY got 2xx.
    Answered,
    /// The NOTIFY was refused, or not answered.
    Failed,
    /// A time has come.
    Wake,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Send the state.
    Tell,
    /// Send the state for the last time, and forget the subscription.
    Last(Why),
    /// Forget it.
    Gone,
}

/// The machine with its times.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Subscription {
    state: State,
    /// Until when it lasts.
    until: Time,
    /// News is not told before.
    not_before: Time,
}

impl Subscription {
    /// One that has been accepted; the first [`Input::Asked`] is the caller's.
    pub fn new(until: Time) -> Subscription {
        Subscription { state: State::Quiet, until, not_before: Time::ZERO }
    }

    /// Until when it lasts.
    pub fn until(&self) -> Time {
        self.until
    }
    /// The watcher has renewed it.
    pub fn renew(&mut self, until: Time) {
        self.until = until;
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        match self.state {
            State::Quiet => Some(self.until),
            State::Due => Some(self.until.min(self.not_before)),
            // The NOTIFY's own transaction ends within 64 T1, and the look at the clock follows.
            State::Telling { end: Some(_), .. } | State::Over => None,
            State::Telling { .. } => Some(self.until),
        }
    }

    /// Takes one input. What has no line in a state changes nothing.
    pub fn handle(&mut self, now: Time, input: Input) -> Action {
        let soon = now < self.not_before;
        let input = match input {
            Input::Wake if now >= self.until => Input::End(Why::Timeout),
            other => other,
        };
        const TELLING: State = State::Telling { news: false, end: None };
        let (next, action) = match (self.state, input) {
            (State::Quiet, Input::Changed) if soon => (State::Due, Action::Nothing),
            (State::Quiet, Input::Changed) => (TELLING, Action::Tell),
            (State::Quiet | State::Due, Input::Asked) => (TELLING, Action::Tell),
            (State::Due, Input::Wake) if !soon => (TELLING, Action::Tell),
            (State::Quiet | State::Due, Input::End(why)) => (State::Over, Action::Last(why)),

            (State::Telling { end, .. }, Input::Changed | Input::Asked) => {
                (State::Telling { news: true, end }, Action::Nothing)
            }
            (State::Telling { news, end }, Input::End(why)) => {
                (State::Telling { news, end: end.or(Some(why)) }, Action::Nothing)
            }
            (State::Telling { end: Some(why), .. }, Input::Answered) => {
                (State::Over, Action::Last(why))
            }
            (State::Telling { news: true, .. }, Input::Answered) if soon => {
                (State::Due, Action::Nothing)
            }
            (State::Telling { news: true, .. }, Input::Answered) => (TELLING, Action::Tell),
            (State::Telling { .. }, Input::Answered) => (State::Quiet, Action::Nothing),
            (State::Telling { .. }, Input::Failed) => (State::Over, Action::Gone),
            (state, _) => (state, Action::Nothing),
        };
        if action == Action::Tell {
            self.not_before = now + PAUSE;
        }
        self.state = next;
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }
    fn new() -> Subscription {
        Subscription::new(at(100_000))
    }

    #[test]
    fn what_is_granted() {
        assert_eq!(granted(None), Ok(MOST_S));
        assert_eq!(granted(Some(0)), Ok(0));
        assert_eq!(granted(Some(59)), Err(TooBrief));
        assert_eq!(granted(Some(60)), Ok(60));
        assert_eq!(granted(Some(u32::MAX)), Ok(MOST_S));
    }

    #[test]
    fn the_first_is_told_at_once_and_more_once_a_second() {
        let mut one = new();
        assert_eq!(one.handle(at(0), Input::Asked), Action::Tell);
        assert_eq!(one.handle(at(10), Input::Changed), Action::Nothing);
        assert_eq!(one.handle(at(20), Input::Changed), Action::Nothing);
        assert_eq!(one.handle(at(30), Input::Answered), Action::Nothing);
        assert_eq!(one.next_wake(), Some(at(1_000)));
        assert_eq!(one.handle(at(999), Input::Wake), Action::Nothing);
        assert_eq!(one.handle(at(1_000), Input::Wake), Action::Tell, "both changes at once");
        assert_eq!(one.handle(at(1_030), Input::Answered), Action::Nothing);
        assert_eq!(one.handle(at(9_000), Input::Changed), Action::Tell);
    }

    #[test]
    fn a_watcher_that_asks_is_told_at_once() {
        let mut one = new();
        assert_eq!(one.handle(at(0), Input::Asked), Action::Tell);
        assert_eq!(one.handle(at(1), Input::Answered), Action::Nothing);
        assert_eq!(one.handle(at(2), Input::Asked), Action::Tell);
    }

    #[test]
    fn the_end_waits_for_the_answer_and_is_told_once() {
        let mut one = new();
        assert_eq!(one.handle(at(0), Input::Asked), Action::Tell);
        assert_eq!(one.handle(at(1), Input::End(Why::Rejected)), Action::Nothing);
        assert_eq!(one.handle(at(2), Input::End(Why::Timeout)), Action::Nothing);
        assert_eq!(one.handle(at(3), Input::Answered), Action::Last(Why::Rejected));
        assert_eq!(one.handle(at(4), Input::Changed), Action::Nothing);
        assert_eq!(one.next_wake(), None);
    }

    #[test]
    fn its_time_ends_it_and_a_renewal_does_not() {
        let mut one = new();
        one.renew(at(200_000));
        assert_eq!(one.handle(at(100_000), Input::Wake), Action::Nothing);
        assert_eq!(one.handle(at(200_000), Input::Wake), Action::Last(Why::Timeout));
    }

    #[test]
    fn a_notify_that_fails_ends_it_without_another() {
        let mut one = new();
        assert_eq!(one.handle(at(0), Input::Asked), Action::Tell);
        assert_eq!(one.handle(at(1), Input::Failed), Action::Gone);
        assert_eq!(one.handle(at(2), Input::End(Why::Timeout)), Action::Nothing);
    }

    fn any_input() -> impl Strategy<Value = Input> {
        prop_oneof![
            4 => Just(Input::Changed),
            2 => Just(Input::Asked),
            1 => Just(Input::End(Why::Timeout)),
            6 => Just(Input::Answered),
            1 => Just(Input::Failed),
            4 => Just(Input::Wake),
        ]
    }

    proptest! {
        /// Never two NOTIFYs at once; news a second apart at least; one end; what changed last is told.
        #[test]
        fn whatever_happens(steps in proptest::collection::vec((any_input(), 0u64..2_000), 0..80)) {
            let (mut one, mut now) = (Subscription::new(at(60_000)), 0);
            let (mut open, mut told, mut ends) = (false, None::<u64>, 0);
            for (input, pause) in steps {
                now += pause;
                let before = one.clone();
                if matches!(input, Input::Answered | Input::Failed) && !open {
                    prop_assert_eq!(one.handle(at(now), input), Action::Nothing);
                    prop_assert_eq!(&before, &one);
                    continue;
                }
                let did = one.handle(at(now), input);
                open &= !matches!(input, Input::Answered | Input::Failed);
                match did {
                    Action::Tell => {
                        prop_assert!(!open, "two at once");
                        let soon = told.is_some_and(|told| now - told < 1_000);
                        prop_assert!(!soon || input == Input::Asked, "too soon");
                        (open, told) = (true, Some(now));
                    }
                    Action::Last(_) => { prop_assert!(!open); ends += 1 }
                    Action::Gone => ends += 1,
                    Action::Nothing => {}
                }
                prop_assert!(ends <= 1);
                let waits = matches!(one.state, State::Due | State::Telling { .. });
                prop_assert!(input != Input::Changed || ends == 1 || waits, "it is told some time");
            }
        }
    }
}
