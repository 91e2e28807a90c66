//! A block of samples with a pitch period more or less, on its way to be played: how the jitter buffer
//! changes its delay.

use super::tape::Tape;
use crate::dsp::stretch::{LONGEST, accelerate, expand};

/// Samples in which a pitch period is looked for: 30 ms, or what there is down to 10 ms.
const BLOCK: usize = 240;
const SHORTEST_BLOCK: usize = 80;

/// How the delay should change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    None,
    /// Less, by at most this many samples.
    Shrink(usize),
    /// More, by about this many at most.
    Stretch(usize),
}

/// The samples of the last changed block that are still to be played.
#[derive(Debug)]
pub(super) struct Changed {
    samples: [i16; BLOCK + LONGEST],
    from: usize,
    to: usize,
}

impl Changed {
    /// None.
    pub(super) fn new() -> Changed {
        Changed { samples: [0; BLOCK + LONGEST], from: 0, to: 0 }
    }

    /// Changes a block that lies at `next` as wished; its two periods must be at least `similarity`
    /// alike. Says how many samples of the tape it took.
    pub(super) fn make(
        &mut self,
        tape: &Tape,
        next: u64,
        wish: Wish,
        similarity: f32,
    ) -> Option<usize> {
        // Of a block at most half can be left out or put in.
        let (Wish::Shrink(most) | Wish::Stretch(most)) = wish else { return None };
        let length = tape.run(next, (2 * most).clamp(SHORTEST_BLOCK, BLOCK));
        if length < SHORTEST_BLOCK {
            return None;
        }
        let mut block = [0; BLOCK];
        let block = &mut block[..length];
        tape.copy(next, block);
        let made = match wish {
            Wish::Stretch(_) => expand(block, similarity, &mut self.samples),
            Wish::Shrink(_) | Wish::None => accelerate(block, similarity, &mut self.samples),
        };
        (self.from, self.to) = (0, made?);
        Some(length)
    }

    /// What is still to be played.
    pub(super) fn samples(&mut self) -> &mut [i16] {
        &mut self.samples[self.from..self.to]
    }

    /// How many samples that are.
    pub(super) fn left(&self) -> usize {
        self.to - self.from
    }

    /// Plays as many as fit into `out`; says how many.
    pub(super) fn take(&mut self, out: &mut [i16]) -> usize {
        let given = self.left().min(out.len());
        out[..given].copy_from_slice(&self.samples[self.from..self.from + given]);
        self.from += given;
        given
    }
}
