//! One press, told in two forms: a phone set to "RFC 2833 + SIP INFO" tells each key twice.
//!
//! ```text
//!   telephone-event  5 ───────── 5 ────────    counted, and owed once by the other form
//!   INFO             ────5─────────── 5 ───    each pays what is owed, and counts for nothing
//! ```
//!
//! Which form comes first may change from key to key, and either may be lost: whatever is not owed is
//! a press of its own. No RFC; the tones that go along with telephone-events are told apart where both
//! are heard ([`leg`](super::leg)).

use super::control::DigitBy;
use crate::base::{Duration, Time};

/// The other form comes this soon: INFO may be sent when the key is let go, or once more after T1.
const OWED_FOR: Duration = Duration::from_secs(1);

/// What one party has pressed last.
#[derive(Clone, Copy, Default, Debug)]
pub struct OneKey(Option<Pressed>);

#[derive(Clone, Copy, Debug)]
struct Pressed {
    digit: char,
    by: DigitBy,
    /// When it was told last in that form.
    at: Time,
    /// Presses that the other form has not told yet.
    owed: u8,
}

impl OneKey {
    /// `digit` is told in the form `by`: whether it is a press of its own.
    pub fn counts(&mut self, now: Time, digit: char, by: DigitBy) -> bool {
        let last = self.0.as_mut().filter(|p| p.digit == digit && now.since(p.at) < OWED_FOR);
        match last {
            Some(last) if last.by == by => {
                (last.at, last.owed) = (now, last.owed.saturating_add(1));
                true
            }
            Some(last) if last.owed > 0 => {
                last.owed -= 1;
                false
            }
            _ => {
                self.0 = Some(Pressed { digit, by, at: now, owed: 1 });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DigitBy::{Info, Rfc4733};
    use super::*;

    /// What counts of presses at these times in milliseconds.
    fn counted(told: &[(u64, char, DigitBy)]) -> String {
        let mut one = OneKey::default();
        let counts = |(at, digit, by): &(u64, char, DigitBy)| {
            one.counts(Time::from_millis(*at), *digit, *by).then_some(*digit)
        };
        told.iter().filter_map(counts).collect()
    }

    #[test]
    fn each_press_counts_once_whichever_form_is_first() {
        let both = [
            (0, '1', Rfc4733),
            (20, '1', Info),
            (200, '1', Info),
            (230, '1', Rfc4733),
            (400, '0', Rfc4733),
            (410, '0', Info),
        ];
        assert_eq!(counted(&both), "110");
    }

    #[test]
    fn a_form_that_lags_pays_what_is_owed() {
        let lagging = [(0, '1', Rfc4733), (150, '1', Rfc4733), (200, '1', Info), (350, '1', Info)];
        assert_eq!(counted(&lagging), "11");
        let lost = [(0, '1', Rfc4733), (20, '1', Info), (300, '1', Info)];
        assert_eq!(counted(&lost), "11", "the second event was lost");
    }

    #[test]
    fn one_form_alone_always_counts() {
        for by in [Rfc4733, Info] {
            assert_eq!(counted(&[(0, '5', by), (60, '5', by), (120, '5', by)]), "555");
        }
        assert_eq!(counted(&[(0, '5', Rfc4733), (1_000, '5', Info)]), "55", "too late to be owed");
        assert_eq!(counted(&[(0, '5', Rfc4733), (20, '6', Info)]), "56");
    }
}
