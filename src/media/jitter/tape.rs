//! Received samples laid down by their timestamps, for the jitter buffer to play from.
//!
//! ```text
//!              from (being played)                     end (newest)
//!   ───────────┬──────────────┬─ ─ ─ ─ ─┬──────────────┬──────── ring of LENGTH samples
//!              │   packet     │ missing │   packet     │
//!   ───────────┴──────────────┴─ ─ ─ ─ ─┴──────────────┴────────
//! ```
//!
//! Packets of any length, in any order, doubled or overlapping, need no sorting: each sample has its
//! place, and a bit says whether it came. Its memory is fixed at creation.

/// Samples that the tape holds: 1.024 s.
pub const LENGTH: usize = 8_192;

/// The tape. Positions are extended timestamps.
#[derive(Debug)]
pub struct Tape {
    samples: Box<[i16; LENGTH]>,
    came: [u64; LENGTH / 64],
    /// Where the newest sample ends. Nothing lies at or behind it, nor LENGTH before it.
    end: u64,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape { samples: Box::new([0; LENGTH]), came: [0; LENGTH / 64], end: 0 }
    }

    /// Takes everything off.
    pub fn clear(&mut self) {
        self.came.fill(0);
        self.end = 0;
    }

    /// Where the newest sample ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Lays `samples` down at `at`. The caller keeps `at + samples.len()` within [`LENGTH`] of the
    /// oldest position that it will still read.
    pub fn write(&mut self, at: u64, samples: &[i16]) {
        let (start, count) = (at as usize % LENGTH, samples.len().min(LENGTH));
        let samples = &samples[..count];
        let first = count.min(LENGTH - start);
        self.samples[start..start + first].copy_from_slice(&samples[..first]);
        self.samples[..count - first].copy_from_slice(&samples[first..]);
        self.mark(at, count, true);
        self.end = self.end.max(at + count as u64);
    }

    /// How many samples lie at `at` without a gap, at most `most`.
    pub fn run(&self, at: u64, most: usize) -> usize {
        self.count(at, most, true)
    }

    /// How many are missing at `at` before the next that came, at most `most`.
    pub fn gap(&self, at: u64, most: usize) -> usize {
        self.count(at, most, false)
    }

    /// Copies what lies at `at` into `out`; the caller knows that it came.
    pub fn copy(&self, at: u64, out: &mut [i16]) {
        let start = at as usize % LENGTH;
        let first = out.len().min(LENGTH - start);
        let (head, rest) = out.split_at_mut(first);
        head.copy_from_slice(&self.samples[start..start + first]);
        rest.copy_from_slice(&self.samples[..rest.len()]);
    }

    /// Takes `count` samples off from `at` on, so that the ring's next round finds no old ones.
    pub fn erase(&mut self, at: u64, count: usize) {
        self.mark(at, count.min(LENGTH), false);
    }

    fn mark(&mut self, at: u64, count: usize, came: bool) {
        let mut bit = at as usize % LENGTH;
        let mut left = count;
        while left > 0 {
            let (word, low) = (bit / 64, bit % 64);
            let width = left.min(64 - low);
            let mask = (u64::MAX >> (64 - width)) << low;
            match came {
                true => self.came[word] |= mask,
                false => self.came[word] &= !mask,
            }
            bit = (bit + width) % LENGTH;
            left -= width;
        }
    }

    /// Length of the run of bits equal to `came` from `at` on.
    fn count(&self, at: u64, most: usize, came: bool) -> usize {
        let mut counted = 0;
        while counted < most {
            let bit = (at as usize + counted) % LENGTH;
            let (word, low) = (bit / 64, bit % 64);
            let bits = if came { !self.came[word] } else { self.came[word] } >> low;
            // Shifted-in zeros would count as part of the run: stop at the word's end.
            let same = (bits.trailing_zeros() as usize).min(64 - low);
            counted += same;
            if same < 64 - low {
                break;
            }
        }
        counted.min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against a map from position to sample.
        #[test]
        fn agrees_with_a_map(
            start in any::<u32>(),
            writes in prop::collection::vec((0u64..7_000, 1usize..500), 1..40),
            from in 0u64..7_000,
            erased in 0usize..2_000,
        ) {
            let base = (1 << 40) + u64::from(start);
            let (mut tape, mut map) = (Tape::new(), BTreeMap::new());
            for (n, (at, length)) in writes.iter().enumerate() {
                let samples = vec![n as i16; *length];
                tape.write(base + at, &samples);
                map.extend((0..*length as u64).map(|k| (at + k, n as i16)));
            }
            prop_assert_eq!(tape.end(), base + map.keys().last().unwrap() + 1);
            tape.erase(base + from, erased);
            map.retain(|k, _| !(from..from + erased as u64).contains(k));
            let mut at = from;
            while at < 7_500 {
                let run = (at..7_500).take_while(|k| map.contains_key(k)).count();
                prop_assert_eq!(tape.run(base + at, 7_500 - at as usize), run);
                let mut out = vec![0; run];
                tape.copy(base + at, &mut out);
                let expected: Vec<i16> = (at..at + run as u64).map(|k| map[&k]).collect();
                prop_assert_eq!(out, expected);
                at += run as u64;
                let gap = (at..7_500).take_while(|k| !map.contains_key(k)).count();
                prop_assert_eq!(tape.gap(base + at, 7_500 - at as usize), gap);
                at += gap as u64;
            }
        }
    }
}
