//! Samples that were decoded or made up and are to be played next, and how the jitter buffer changes
//! its delay in them: a pitch period more or less.

use crate::dsp::rate::Rate;
use crate::dsp::stretch::{self, accelerate, expand};

/// Slots in which a pitch period is looked for: 30 ms, or what there is down to 10 ms.
const BLOCK: usize = 240;
const SHORTEST_BLOCK: usize = 80;

/// How the delay should change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    None,
    /// Less, by at most this many slots.
    Shrink(usize),
    /// More, by about this many at most.
    Stretch(usize),
}

impl Wish {
    /// Slots that lend themselves to such a change: at most half of them can be left out or put in.
    pub(super) fn block(self) -> usize {
        match self {
            Wish::None => 0,
            Wish::Shrink(most) | Wish::Stretch(most) => (2 * most).clamp(SHORTEST_BLOCK, BLOCK),
        }
    }
}

/// The samples, in a buffer of fixed length.
#[derive(Debug)]
pub(super) struct Ready {
    samples: Box<[i16]>,
    from: usize,
    to: usize,
    /// Room for a changed block.
    block: Box<[i16]>,
    rate: Rate,
}

impl Ready {
    /// With room for `slots` beside a block that is changed.
    pub(super) fn new(rate: Rate, slots: usize) -> Ready {
        let k = rate.per_slot();
        let room = slots + BLOCK + stretch::LONGEST;
        let samples = vec![0; room * k].into();
        let block = vec![0; (BLOCK + stretch::LONGEST) * k].into();
        Ready { samples, from: 0, to: 0, block, rate }
    }

    /// Bytes of its boxes.
    pub(super) fn held(&self) -> usize {
        size_of_val(&*self.samples) + size_of_val(&*self.block)
    }

    /// Slots that wait.
    pub(super) fn slots(&self) -> usize {
        (self.to - self.from) / self.rate.per_slot()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Room for `samples` behind the last; it counts once [`Ready::push`] says so. Less where there is
    /// not so much.
    pub(super) fn room(&mut self, samples: usize) -> &mut [i16] {
        if self.to + samples > self.samples.len() {
            self.samples.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let end = (self.to + samples).min(self.samples.len());
        &mut self.samples[self.to..end]
    }

    /// `samples` of the room are to be played, without the first `skipped` of them.
    pub(super) fn push(&mut self, skipped: usize, samples: usize) {
        let (start, end) = (self.to + skipped, self.to + samples);
        if skipped > 0 {
            self.samples.copy_within(start..end, self.to);
        }
        self.to += samples - skipped;
    }

    /// Takes as many as there are into `out`; says how many.
    pub(super) fn take(&mut self, out: &mut [i16]) -> usize {
        let given = (self.to - self.from).min(out.len());
        out[..given].copy_from_slice(&self.samples[self.from..self.from + given]);
        self.from += given;
        given
    }

    /// Changes the samples that are played next as wished; their two periods must be at least
    /// `similarity` alike. Whether there were two.
    pub(super) fn change(&mut self, wish: Wish, similarity: f32) -> bool {
        let k = self.rate.per_slot();
        let length = wish.block().min(self.slots()) * k;
        if length < SHORTEST_BLOCK * k {
            return false;
        }
        let block = &self.samples[self.from..self.from + length];
        let made = match wish {
            Wish::Stretch(_) => expand(block, self.rate, similarity, &mut self.block),
            Wish::Shrink(_) | Wish::None => {
                accelerate(block, self.rate, similarity, &mut self.block)
            }
        };
        let Some(made) = made else { return false };
        let more = made.saturating_sub(length);
        self.room(more);
        let rest = self.from + length..self.to;
        let end = self.to + made - length;
        self.samples.copy_within(rest, self.from + made);
        self.samples[self.from..self.from + made].copy_from_slice(&self.block[..made]);
        self.to = end;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut ready = Ready::new(Rate::Khz8, 400);
        let (mut next, mut heard) = (0i16, 0i16);
        for n in 0..200 {
            let count = 50 + n % 100;
            let room = ready.room(count);
            assert_eq!(room.len(), count);
            room.fill_with(|| {
                next += 1;
                next
            });
            ready.push(10, count);
            let mut out = [0; 200];
            let given = ready.take(&mut out);
            assert_eq!(given, count - 10);
            assert!(out[..given].windows(2).all(|w| w[1] == w[0] + 1) && out[0] == heard + 11);
            heard = out[given - 1];
        }
        assert!(ready.is_empty() && ready.take(&mut [0; 10]) == 0);
    }

    #[test]
    fn a_change_keeps_what_follows() {
        let tone = |n: usize| (f64::sin(n as f64 * 0.0785) * 8_000.0) as i16;
        for (wish, longer) in [(Wish::Stretch(100), true), (Wish::Shrink(100), false)] {
            let mut ready = Ready::new(Rate::Khz8, 400);
            let room = ready.room(400);
            (0..400).for_each(|n| room[n] = tone(n));
            ready.push(0, 400);
            assert!(ready.change(wish, 0.85));
            assert_eq!(ready.slots() > 400, longer);
            let mut out = [0; 800];
            let given = ready.take(&mut out);
            let expected: Vec<i16> = (240..400).map(tone).collect();
            assert_eq!(out[given - 160..given], expected);
        }
    }
}
