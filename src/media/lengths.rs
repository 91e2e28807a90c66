//! Whether a party's packets are as long as who hears them wants (`a=ptime`, RFC 8866 §6.4): when its audio
//! leaves the relay for the sample path, and when it comes back.
//!
//! ```text
//!             MISSES unlike packets in a row, or one that who hears them cannot take
//!   relay ──────────────────────────────────────────────────────────────────────────▶ samples
//!         ◀──────────────────────────────────────────────────────────────────────────
//!             STEADY alike packets in a row, and the last PAUSE of them silent
//! ```
//!
//! A single odd packet is none of a sender's habits (many cut the last one before a pause short), so that it
//! takes a few. The way back is hard: what lies in the jitter buffer then is never heard, so that it
//! has to be silence, and a sender that alternates stays where both its lengths are right.
//!
//! Not here: what is done with the packets ([`plane`](super::plane)).

use serde::{Deserialize, Serialize};

/// Packets in a row that are of another length than is wanted, after which the sender means it.
const MISSES: u16 = 3;
/// Packets in a row that are of the wanted length, after which the sender means that.
const STEADY: u16 = 100;
/// How many of them, the last ones, are silent.
const PAUSE: u16 = 3;

/// One party's packets, for who hears them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Lengths {
    unlike: bool,
    /// Packets in a row that speak against what is, and of them the last ones that are silent.
    run: u16,
    silent: u16,
    /// Number of the newest of them.
    newest: u16,
}

impl Lengths {
    /// Whether they go through samples.
    pub fn are_unlike(&self) -> bool {
        self.unlike
    }

    /// They are of another length than is wanted, without any doubt.
    pub fn part(&mut self) {
        *self = Lengths { unlike: true, ..Lengths::default() };
    }

    /// Another hears them, or wants another length.
    pub fn forget(&mut self) {
        *self = Lengths::default();
    }

    /// A relayed packet was of another length. Those between that were not are known by their numbers.
    /// Whether this makes too many.
    pub fn miss(&mut self, sequence: u16) -> bool {
        let next = sequence == self.newest.wrapping_add(1);
        self.run = if next { self.run.saturating_add(1) } else { 1 };
        self.newest = sequence;
        if self.run >= MISSES {
            self.part();
        }
        self.unlike
    }

    /// A packet that goes through samples. Whether they can be relayed from now on.
    pub fn hear(&mut self, alike: bool, is_silent: impl FnOnce() -> bool) -> bool {
        self.run = if alike { self.run.saturating_add(1) } else { 0 };
        if self.run < STEADY {
            return false;
        }
        self.silent = if is_silent() { self.silent + 1 } else { 0 };
        if self.silent >= PAUSE {
            self.forget();
        }
        !self.unlike
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_in_a_row_are_a_habit_and_single_ones_are_not() {
        let mut lengths = Lengths::default();
        assert!((0..300).all(|n: u16| !lengths.miss(65_000u16.wrapping_add(2 * n))), "every other");
        assert!(!lengths.miss(65_534) && !lengths.miss(65_535), "two in a row");
        assert!(lengths.miss(0) && lengths.are_unlike());
        lengths.forget();
        assert!(!lengths.miss(1) && !lengths.are_unlike());
    }

    #[test]
    fn the_way_back_takes_long_and_a_pause() {
        let mut lengths = Lengths::default();
        lengths.part();
        for _ in 0..50 {
            assert!(!(0..STEADY - 1).any(|_| lengths.hear(true, || true)));
            assert!(!lengths.hear(false, || true), "one of the other kind begins it anew");
        }
        assert!(!(0..1_000).any(|n| lengths.hear(true, || n % 3 != 0)), "no pause");
        let back = (0..10).position(|_| lengths.hear(true, || true));
        assert!(back.is_some_and(|n| n < usize::from(PAUSE)) && !lengths.are_unlike());
    }
}
