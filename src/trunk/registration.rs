//! Our registration with a provider (RFC 3261 §10.2): when to send REGISTER, and how long the binding
//! holds.
//!
//! ```text
//!                  ┌── 423: with its Min-Expires, at once ──┐
//!                  ▼                                        │
//!  Waiting(at) ─▶ Asked ── 2xx, for n s ─▶ Registered(again at, until)
//!     ▲            │                              │ again at
//!     └── refused, silent: pause doubled ─────────┴──▶ Asked, the binding held until its end
//! ```
//!
//! A binding is renewed well before its end, at a moment of its own so that a hundred of them do not
//! meet. After a failure the pause is doubled from [`FIRST_PAUSE`] to [`LONGEST_PAUSE`], with as much
//! chance in it; Retry-After is obeyed within the same bounds. A password that is refused is not
//! tried again at once: providers shut out who does.
//!
//! Not here: the messages and the digest (`sip`'s).

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Rng, Time};

/// The pause after the first failure.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after failures.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest registration that is asked for, whatever a 423 says.
pub const LONGEST: Duration = Duration::from_secs(86_400);
/// Part of its time after which a binding is renewed, percent, and the chance about it.
const RENEW_PERCENT: u64 = 80;
const CHANCE_PERCENT: u64 = 10;

/// How it stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum State {
    /// To be asked at this time.
    Waiting { at: Time },
    /// A REGISTER is under way.
    Asked,
}

/// What an answer means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// 2xx; the seconds that the provider gives.
    Given(u32),
    /// 423 with its Min-Expires.
    TooBrief(u32),
    /// Any other final response, with its Retry-After where it has one.
    Refused {
        /// The status.
        status: u16,
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// None.
    Silent,
}

/// How a registration turned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It holds now and did not before.
    Registered,
    /// It held and does not any more.
    Lost,
}

/// One registration.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Registration {
    expires: Duration,
    state: State,
    /// When the binding ends, where there is one.
    until: Option<Time>,
    failures: u32,
    /// What the last refusal said.
    last: Option<u16>,
}

impl Registration {
    /// To be asked for `expires`, for the first time `at`.
    pub fn new(expires: Duration, at: Time) -> Registration {
        Registration { expires, state: State::Waiting { at }, until: None, failures: 0, last: None }
    }

    /// Whether the provider knows where we are.
    pub fn is_registered(&self, now: Time) -> bool {
        self.until.is_some_and(|until| now < until)
    }
    /// When the binding ends, where there is one.
    pub fn until(&self) -> Option<Time> {
        self.until
    }
    /// Failures in a row, and the last status; 0: no answer.
    pub fn failing(&self) -> Option<(u32, u16)> {
        (self.failures > 0).then(|| (self.failures, self.last.unwrap_or(0)))
    }
    /// For how long to ask.
    pub fn expires(&self) -> Duration {
        self.expires
    }

    /// When something is due.
    pub fn wake(&self) -> Option<Time> {
        let ask = match self.state {
            State::Waiting { at } => Some(at),
            State::Asked => None,
        };
        [ask, self.until].into_iter().flatten().min()
    }
    /// Whether to send a REGISTER now; it is then under way.
    pub fn ask(&mut self, now: Time) -> bool {
        let due = matches!(self.state, State::Waiting { at } if at <= now);
        if due {
            self.state = State::Asked;
        }
        due
    }
    /// Says once that the binding's time is over.
    pub fn expire(&mut self, now: Time) -> Option<Turn> {
        self.until.take_if(|until| *until <= now).map(|_| Turn::Lost)
    }

    /// The answer to the REGISTER under way.
    pub fn answered(&mut self, now: Time, answer: Answer, rng: &mut Rng) -> Option<Turn> {
        match answer {
            Answer::Given(seconds) if seconds > 0 => {
                let given = Duration::from_secs(u64::from(seconds)).min(LONGEST);
                let part = RENEW_PERCENT + rng.below(2 * CHANCE_PERCENT) - CHANCE_PERCENT;
                // One of a few seconds would keep both sides busy with nothing else.
                let pause = percent(given, part).max(FIRST_PAUSE);
                self.state = State::Waiting { at: now + pause };
                self.failures = 0;
                self.last = None;
                self.until.replace(now + given).is_none().then_some(Turn::Registered)
            }
            Answer::TooBrief(seconds) if self.longer(seconds) => {
                self.state = State::Waiting { at: now };
                None
            }
            // A binding of no time is none.
            Answer::Given(_) => self.failed(now, 200, None, rng),
            Answer::TooBrief(_) => self.failed(now, 423, None, rng),
            Answer::Refused { status, retry_after } => self.failed(now, status, retry_after, rng),
            Answer::Silent => self.failed(now, 0, None, rng),
        }
    }

    /// A 423's time is taken if it is longer than ours and within bounds.
    fn longer(&mut self, seconds: u32) -> bool {
        let wanted = Duration::from_secs(u64::from(seconds));
        let longer = wanted > self.expires && wanted <= LONGEST;
        if longer {
            self.expires = wanted;
        }
        longer
    }

    fn failed(
        &mut self,
        now: Time,
        status: u16,
        retry_after: Option<u32>,
        rng: &mut Rng,
    ) -> Option<Turn> {
        let doubled = FIRST_PAUSE * 2u32.saturating_pow(self.failures.min(16));
        let least = Duration::from_secs(u64::from(retry_after.unwrap_or(0)));
        let pause = doubled.max(least).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.last = Some(status);
        self.state = State::Waiting { at: now + pause + percent(pause, rng.below(50)) };
        // What was given holds on through silence; who refuses has forgotten us.
        match status {
            0 | 408 | 500.. => None,
            _ => self.until.take().map(|_| Turn::Lost),
        }
    }
}

fn percent(of: Duration, percent: u64) -> Duration {
    Duration::from_millis((of.as_millis() as u64).saturating_mul(percent) / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn new() -> (Registration, Rng) {
        (Registration::new(Duration::from_secs(600), at(0)), Rng::from_seed(1))
    }
    const REFUSED: Answer = Answer::Refused { status: 403, retry_after: None };

    #[test]
    fn it_is_renewed_before_its_end() {
        let (mut one, mut rng) = new();
        assert!(one.ask(at(0)) && !one.ask(at(0)));
        assert_eq!(one.answered(at(1), Answer::Given(600), &mut rng), Some(Turn::Registered));
        let again = one.wake().expect("a renewal");
        assert!((at(421)..at(541)).contains(&again), "{again:?}");
        assert!(!one.ask(at(420)) && one.ask(again));
        assert_eq!(one.answered(again, Answer::Given(600), &mut rng), None, "no news");
        assert!(one.is_registered(again + Duration::from_secs(599)));
    }

    #[test]
    fn a_provider_that_wants_longer_gets_it_at_once() {
        let (mut one, mut rng) = new();
        one.ask(at(0));
        assert_eq!(one.answered(at(0), Answer::TooBrief(1_800), &mut rng), None);
        assert!(one.ask(at(0)));
        assert_eq!(one.expires(), Duration::from_secs(1_800));
        // One that wants what it was given, or the impossible, is a refusal: no loop.
        for seconds in [1_800, 60, u32::MAX] {
            one.answered(at(0), Answer::TooBrief(seconds), &mut rng);
            assert!(!one.ask(at(4)), "{seconds}");
        }
    }

    #[test]
    fn failures_are_spread_and_bounded() {
        let (mut one, mut rng) = new();
        let mut now = at(0);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert!(one.ask(now));
            assert_eq!(one.answered(now, REFUSED, &mut rng), None);
            let next = one.wake().expect("another try");
            pauses.push(next.since(now).as_secs());
            now = next;
        }
        assert!((5..8).contains(&pauses[0]) && (10..15).contains(&pauses[1]), "{pauses:?}");
        assert!(pauses[11] >= 300 && pauses[11] < 450, "{pauses:?}");
        assert_eq!(one.failing(), Some((12, 403)));
        one.ask(now);
        let wait = Answer::Refused { status: 503, retry_after: Some(86_400) };
        one.answered(now, wait, &mut rng);
        assert!(one.wake() <= Some(now + Duration::from_secs(450)), "Retry-After has bounds");
    }

    #[test]
    fn silence_lets_the_binding_run_out_and_a_refusal_ends_it() {
        let (mut one, mut rng) = new();
        one.ask(at(0));
        one.answered(at(0), Answer::Given(60), &mut rng);
        one.ask(at(58));
        assert_eq!(one.answered(at(58), Answer::Silent, &mut rng), None);
        assert!(one.is_registered(at(59)));
        assert_eq!(one.wake(), Some(at(60)));
        assert_eq!((one.expire(at(59)), one.expire(at(60))), (None, Some(Turn::Lost)));
        assert_eq!(one.expire(at(61)), None, "told once");
        one.ask(at(100));
        one.answered(at(100), Answer::Given(60), &mut rng);
        one.ask(at(158));
        assert_eq!(one.answered(at(158), REFUSED, &mut rng), Some(Turn::Lost));
        one.ask(at(500));
        one.answered(at(500), Answer::Given(0), &mut rng);
        assert!(!one.is_registered(at(500)));
        one.ask(at(600));
        one.answered(at(600), Answer::Given(1), &mut rng);
        assert!(!one.ask(at(604)) && one.ask(at(605)), "a second's binding is no reason to hurry");
    }
}
