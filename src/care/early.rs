//! Signs of life that come before it is known whose they are (R11): at each start, and as long as the records are away.
//!
//! They are held with their time, and told to [`CheckIns`](super::check_in::CheckIns) as soon as the subscribers are
//! known: who has reported is not sought. Of what one says again and again in the same way the first and the last of each
//! minute are held, which count for whatever those between would have: two times by which to report are a minute apart
//! at the least. Nothing here is written down.

use std::collections::BTreeMap;

use crate::base::{Duration, Time};

use super::schedule::Way;

/// Signs that are held, of eight bytes: those of 20,000 units, each five minutes, for eight hours.
const MOST: usize = 2_000_000;
/// Of those within this the first and the last are held.
const TOGETHER: Duration = Duration::from_secs(60);

/// Signs, by the number or account that gave them and the way.
#[derive(Debug, Default)]
pub struct EarlySigns {
    of: BTreeMap<(String, Way), Vec<Time>>,
    held: usize,
}

impl EarlySigns {
    /// Holds one. `false`: there is no room.
    pub fn hold(&mut self, at: Time, account: &str, way: Way) -> bool {
        let own = self.of.entry((account.to_owned(), way)).or_default();
        if let [.., before, last] = own.as_mut_slice()
            && at.since(*before) < TOGETHER
        {
            *last = at;
            return true;
        }
        if self.held >= MOST {
            if own.is_empty() {
                self.of.remove(&(account.to_owned(), way));
            }
            return false;
        }
        own.push(at);
        self.held += 1;
        true
    }

    /// All that are held, the oldest first; none is any more.
    pub fn take(&mut self) -> Vec<(Time, String, Way)> {
        self.held = 0;
        let of = core::mem::take(&mut self.of).into_iter();
        let mut all: Vec<(Time, String, Way)> = of
            .flat_map(|((account, way), times)| {
                times.into_iter().map(move |at| (at, account.clone(), way))
            })
            .collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_first_and_the_last_of_a_while_are_held_in_their_order() {
        let mut early = EarlySigns::default();
        for second in (0..=180).step_by(2) {
            assert!(early.hold(at(second), "100", Way::Heartbeat));
        }
        assert!(early.hold(at(7), "200", Way::Bell));
        let times: Vec<u64> = early.take().iter().map(|(at, ..)| at.as_millis() / 1_000).collect();
        // Between two that are held lies no more than the minute.
        assert_eq!(times, [0, 7, 58, 116, 174, 180]);
        assert_eq!(early.take(), []);
    }

    #[test]
    fn there_is_an_end_to_them() {
        let mut early = EarlySigns::default();
        for n in 0..MOST as u64 {
            assert!(early.hold(at(100 * n), "100", Way::Bell));
        }
        assert!(!early.hold(at(0), "one more", Way::Bell));
        assert_eq!(early.take().len(), MOST);
        assert!(early.hold(at(0), "one more", Way::Bell));
    }
}
