//! Keys of a talk that may be a feature code are kept from the other party until it is clear what they are.
//!
//! ```text
//!   5            passed on at once, by whoever carries the audio: it begins no code
//!   *1 1002 #    kept back, all of it: a transfer
//!   *   7        kept back; with the 7 it is no code: "*7" is passed on
//!   *            kept back; three seconds of nothing: passed on, and no code begins with it any more
//! ```
//!
//! So a bank's menu hears `*` three seconds late at most, a code is heard by nobody, and no other key waits. While
//! keys are being sent on those that follow wait behind them: two presses in one stream would be one.
//!
//! A machine without a clock; the keys' meaning is [`feature`](super::feature)'s.

use serde::{Deserialize, Serialize};

use super::feature::{PATIENCE, Progress};
use crate::base::{Duration, Time};

/// How long a begun code is kept back while nothing follows.
pub const HELD: Duration = Duration::from_secs(3);
/// The most keys that wait: more than any code has.
const MOST: usize = 16;

/// One party's keys that the other has not heard.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct HeldKeys {
    waiting: String,
    /// When what waits is passed on, or no key is kept back any more.
    until: Option<Time>,
}

impl HeldKeys {
    /// Takes a key that nobody has passed on, and what the keys so far can become; `None`: they were a code and
    /// did what it does. `each` is how long one takes to be sent. Gives those to be passed on now.
    pub fn key(
        &mut self,
        digit: char,
        now: Time,
        progress: Option<Progress>,
        each: Duration,
    ) -> String {
        let sent_by = self.until.filter(|_| self.waiting.is_empty()).unwrap_or(now).max(now);
        self.waiting.push(digit);
        let kept = match progress {
            None | Some(Progress::Number) => {
                self.waiting.clear();
                0
            }
            Some(Progress::Begun(digits)) => digits.min(MOST),
            Some(Progress::Nothing) => 0,
        };
        // Keys are ASCII, so a digit is a byte.
        let passed = self.waiting.len().saturating_sub(kept);
        let on: String = self.waiting.drain(..passed).collect();
        let sent = sent_by + each.saturating_mul(on.len() as u32);
        self.until = Some(match progress {
            Some(Progress::Begun(_)) => sent.max(now + HELD),
            Some(Progress::Number) => now + PATIENCE,
            None | Some(Progress::Nothing) => sent,
        });
        on
    }

    /// When [`Self::wake`] has something to do.
    pub fn due(&self) -> Option<Time> {
        self.until
    }

    /// What has waited long enough and is passed on (the keys are then [forgotten](super::feature::Keys::forget));
    /// empty: nothing waits, and no key is kept back any more.
    /// `None`: it is not time yet.
    pub fn wake(&mut self, now: Time, each: Duration) -> Option<String> {
        self.until.filter(|until| *until <= now)?;
        let on = std::mem::take(&mut self.waiting);
        self.until = (!on.is_empty()).then(|| now + each.saturating_mul(on.len() as u32));
        Some(on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::feature::{Dialled, Feature, Keys};
    use proptest::prelude::*;

    const EACH: Duration = Duration::from_millis(200);

    fn table() -> Vec<(String, Feature)> {
        vec![
            ("*1".into(), Feature::BlindTransfer),
            ("*4".into(), Feature::Survey),
            ("**9".into(), Feature::PauseRecording),
        ]
    }

    /// Presses keys at these times in milliseconds, each kept back; gives what was passed on, and when.
    fn passed(pressed: &[(u64, char)]) -> Vec<(u64, String)> {
        let (mut keys, mut held) = (Keys::default(), HeldKeys::default());
        let mut passed = Vec::new();
        let mut left = pressed.iter().copied().peekable();
        for ms in (0..30_000).step_by(20) {
            let now = Time::from_millis(ms);
            let mut on = held.wake(now, EACH).unwrap_or_default();
            if !on.is_empty() {
                keys.forget();
            }
            while let Some((_, digit)) = left.next_if(|(at, _)| *at <= ms) {
                let done = keys.digit(digit, now, &table()) != Dialled::Nothing;
                let progress = (!done).then(|| keys.progress(&table()));
                on += &held.key(digit, now, progress, EACH);
            }
            if !on.is_empty() {
                passed.push((ms, on));
            }
        }
        assert_eq!(held, HeldKeys::default(), "nothing is kept back for ever");
        passed
    }

    fn on(ms: u64, keys: &str) -> (u64, String) {
        (ms, keys.to_owned())
    }

    #[test]
    fn a_code_and_its_number_are_heard_by_nobody() {
        assert_eq!(passed(&[(0, '*'), (300, '4')]), []);
        let transfer = [(0, '*'), (900, '1'), (4_000, '1'), (8_000, '0'), (8_300, '#')];
        assert_eq!(passed(&transfer), []);
        assert_eq!(passed(&[(0, '*'), (300, '1'), (600, '2'), (900, '*'), (1_200, '4')]), []);
        assert_eq!(passed(&[(0, '*'), (100, '*'), (200, '9')]), []);
    }

    #[test]
    fn what_is_no_code_is_passed_on_as_soon_as_that_is_clear() {
        assert_eq!(passed(&[(0, '*'), (300, '7')]), [on(300, "*7")]);
        assert_eq!(passed(&[(0, '*')]), [on(3_000, "*")], "a bank's menu");
        assert_eq!(passed(&[(0, '*'), (100, '*'), (200, '*')]), [on(200, "**"), on(3_200, "*")]);
        assert_eq!(passed(&[(0, '*'), (100, '*'), (200, '4')]), [on(200, "**4")]);
        assert_eq!(passed(&[(0, '*'), (3_500, '4')]), [on(3_000, "*"), on(3_500, "4")], "too late");
    }

    #[test]
    fn a_code_given_up_within_its_number_is_not_passed_on() {
        assert_eq!(passed(&[(0, '*'), (300, '1'), (600, '1')]), []);
    }

    #[test]
    fn keys_behind_those_that_are_being_sent_wait_for_them() {
        let mut held = HeldKeys::default();
        let at = Time::from_millis;
        assert_eq!(held.key('*', at(0), Some(Progress::Begun(1)), EACH), "");
        assert_eq!(held.key('7', at(100), Some(Progress::Nothing), EACH), "*7");
        assert_eq!(held.key('8', at(200), Some(Progress::Nothing), EACH), "8");
        assert_eq!(held.due(), Some(at(700)), "three of them");
        assert_eq!(held.wake(at(699), EACH), None);
        assert_eq!(held.wake(at(700), EACH), Some(String::new()));
        assert_eq!(held.due(), None);
    }

    proptest! {
        #[test]
        fn every_key_is_a_codes_or_is_passed_on_in_order(digits in "[0-9*#]{0,40}") {
            let pressed: Vec<_> = digits.chars().zip(0..).map(|(d, n)| (n * 100, d)).collect();
            let on: String = passed(&pressed).into_iter().map(|(_, on)| on).collect();
            let mut rest = digits.chars();
            prop_assert!(on.chars().all(|key| rest.any(|pressed| pressed == key)), "{on}");
        }
    }
}
