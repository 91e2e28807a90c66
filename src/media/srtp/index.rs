//! Which index a packet has, and whether it came before (RFC 3711 §3.3.1, §3.3.2).
//!
//! RTP carries the lower 16 bits of its index; the upper 32, the rollover counter, are what both ends
//! have counted. Of the indices with those lower bits a packet's is the one nearest to the highest so far:
//!
//! ```text
//!               highest − 2¹⁵           highest              highest + 2¹⁵
//!   ────────────────┼──────── WINDOW ▓▓▓▓▓▓▓▓┼──────────────────┼────────▶ index
//!      too old      │   known or too old     │     new
//! ```

use serde::{Deserialize, Serialize};

use crate::base::seq::diff16;

/// Packets behind the highest of which each is remembered: 2.5 s of 20 ms packets. RFC 3711 asks for 64.
pub const WINDOW: u64 = 128;

/// The indices of one stream that were taken.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// The highest; `None` before the first.
    highest: Option<u64>,
    /// Bit n: whether `highest` − n was.
    recent: u128,
}

impl Taken {
    /// The index of an RTP packet with this sequence number. The first packet of a stream begins
    /// with rollover counter `roc`. `None`: it would lie before the stream's begin.
    pub fn index_of(&self, sequence: u16, roc: u32) -> Option<u64> {
        match self.highest {
            None => Some(u64::from(roc) << 16 | u64::from(sequence)),
            Some(highest) => highest.checked_add_signed(diff16(sequence, highest as u16).into()),
        }
    }

    /// Whether `index` was not taken yet, as far as is remembered.
    pub fn is_new(&self, index: u64) -> bool {
        match self.highest {
            None => true,
            Some(highest) if index > highest => true,
            Some(highest) => {
                let behind = highest - index;
                behind < WINDOW && self.recent >> behind & 1 == 0
            }
        }
    }

    /// Remembers that `index` was taken.
    pub fn take(&mut self, index: u64) {
        let Some(highest) = self.highest else {
            (self.highest, self.recent) = (Some(index), 1);
            return;
        };
        if index > highest {
            let ahead = index - highest;
            self.recent = if ahead < WINDOW { self.recent << ahead | 1 } else { 1 };
            self.highest = Some(index);
        } else if highest - index < WINDOW {
            self.recent |= 1 << (highest - index);
        }
    }

    /// The highest index that was taken.
    pub fn highest(&self) -> Option<u64> {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn after(index: u64) -> Taken {
        let mut taken = Taken::default();
        taken.take(index);
        taken
    }

    #[test]
    fn the_nearest_index_is_meant() {
        let at = |roc: u64, sequence: u64| after(roc << 16 | sequence);
        let table = [
            (at(1, 100), 101, Some(1 << 16 | 101)),
            (at(1, 100), 99, Some(1 << 16 | 99)),
            (at(1, 0xffff), 0, Some(2 << 16)),
            (at(1, 0), 0xffff, Some(0xffff)),
            (at(0, 0), 0xffff, None),
            (at(0, 10), 0x8009, Some(0x8009)),
            (Taken::default(), 0xffff, Some(7 << 16 | 0xffff)),
        ];
        for (taken, sequence, index) in table {
            assert_eq!(taken.index_of(sequence, 7), index, "{taken:?} {sequence}");
        }
    }

    #[test]
    fn what_is_too_old_to_be_remembered_is_not_new() {
        let mut taken = after(1_000);
        assert!(taken.is_new(1_000 - WINDOW + 1) && !taken.is_new(1_000 - WINDOW));
        assert!(!taken.is_new(1_000) && taken.is_new(1_001));
        taken.take(1_000 + 10 * WINDOW);
        assert!(!taken.is_new(1_000) && taken.is_new(1_000 + 10 * WINDOW - 1));
    }

    proptest! {
        #[test]
        fn nothing_is_taken_twice(steps in prop::collection::vec(0u64..400, 1..500)) {
            let (mut taken, mut all) = (Taken::default(), BTreeSet::new());
            for (n, step) in steps.into_iter().enumerate() {
                let index = (n as u64 * 20 + step).saturating_sub(200);
                if taken.is_new(index) {
                    prop_assert!(all.insert(index));
                    taken.take(index);
                } else {
                    let old = taken.highest().is_some_and(|highest| highest - index >= WINDOW);
                    prop_assert!(old || all.contains(&index));
                }
            }
        }
    }
}
