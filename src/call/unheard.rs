//! When it is said that a party is not heard: its telephone, a firewall or an address in SDP may be
//! wrong, and nobody else would notice until the parties complain.
//!
//! Once of a silence. A party that sends nothing while it does not speak would fill its record, so a
//! silence that begins soon after one that was told is not told. Not here: when a call is given up.

use crate::base::{Duration, Time};

/// A party that sends nothing for so long after its answer, or at any time, is not heard.
const UNHEARD: Duration = Duration::from_secs(3);
/// Least time between the beginnings of two silences that are told.
const PACE: Duration = Duration::from_secs(60);

/// What was said of one party.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Unheard {
    /// When the last silence that was told began.
    told: Option<Time>,
}

impl Unheard {
    /// The party has been silent for `silent`. Whether that is to be told.
    pub fn notice(&mut self, now: Time, silent: Duration) -> bool {
        let since = Time::ZERO + now.since(Time::ZERO).saturating_sub(silent);
        let tells = silent >= UNHEARD && self.told.is_none_or(|told| since > told + PACE);
        if tells {
            self.told = Some(since);
        }
        tells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_the_next_one_a_minute_later() {
        let mut unheard = Unheard::default();
        let mut at = |s: u64, silent| {
            unheard.notice(Time::from_millis(s * 1_000), Duration::from_secs(silent))
        };
        assert!(!at(102, 2) && at(103, 3) && !at(104, 4) && !at(300, 200));
        assert!(!at(150, 5), "it began 45 s after the one that was told");
        assert!(at(166, 5) && !at(167, 6));
    }
}
