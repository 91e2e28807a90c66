//! What the parts of a room tell each other: the sums of those who are heard in each.
//!
//! A room whose members live on several workers has a part on each of them. Each tick every part
//! sends each other part the sum of its own speakers, a line at a time, and adds what the others
//! sent in the tick before: 20 ms of delay between workers, and mix-minus stays exact, since a
//! member's own voice is in its own part's sum only.
//!
//! ```text
//!   tick       n             n + 1
//!   rtp-0  ── sum ──╲ ╱── + far(n) ─▶ members       Ticks lie on one grid and are numbered
//!   rtp-1  ── sum ──╱ ╲── + far(n) ─▶ members       alike on all workers, so that a partial
//!                                                   mix has 14 ms to arrive.
//! ```
//!
//! Voices of 8 and of 16 kHz go apart, as they were spoken, so that wide phones on two workers hear
//! each other wide: a room of both costs three messages a tick and line where one of G.711 costs one.
//!
//! One that comes later than that is silence, and counted.

use super::FRAME;
use super::mixer::{Mixer, Piece};
use super::seats::SEATS;
use crate::base::RoomId;
use crate::media::control::{LINES, Line};

/// Workers that can have a part in one room.
pub const MOST_WORKERS: usize = 64;
/// Ticks whose partial mixes are kept.
const KEPT: usize = 4;

/// Sums of a tick: all pieces of all lines.
const SUMS: usize = LINES * Piece::ALL.len();

/// One piece of one line of one part in one tick.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The room.
    pub room: RoomId,
    /// The worker that it comes from.
    pub from: u8,
    /// The tick.
    pub index: u64,
    /// The line.
    pub line: Line,
    /// Which of its sums.
    pub piece: Piece,
    /// Voices in that part, seated or not.
    pub voices: u16,
    /// Whether packets of any of its members have come of late.
    pub heard: bool,
    /// Levels of those that it seats, dBm0; [`f32::NEG_INFINITY`] where there is none.
    pub seated: [f32; SEATS],
    /// The sum of its speakers on the line, or half of it.
    pub sums: [i32; FRAME],
}

/// What one other part has sent of late.
#[derive(Debug)]
struct Part {
    from: u8,
    /// The newest tick of which it told: a part that nobody is in any more tells of none.
    newest: Option<u64>,
    voices: u16,
    heard: bool,
    seated: [f32; SEATS],
    /// By tick, then by line and piece.
    sums: Box<[[Sum; SUMS]; KEPT]>,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    /// The tick, if there is any.
    index: Option<u64>,
    sums: [i32; FRAME],
}

/// The other parts of a room.
#[derive(Debug, Default)]
pub struct Far {
    parts: Vec<Part>,
    missed: u64,
}

impl Far {
    /// These workers have parts, bit by bit.
    pub fn set(&mut self, workers: u64) {
        let there = |from: u8| workers & 1 << from != 0;
        self.parts.retain(|part| there(part.from));
        for from in (0..MOST_WORKERS as u8).filter(|from| there(*from)) {
            if !self.parts.iter().any(|part| part.from == from) {
                let nothing = Sum { index: None, sums: [0; FRAME] };
                let (voices, seated) = (0, [f32::NEG_INFINITY; SEATS]);
                let sums = Box::new([[nothing; SUMS]; KEPT]);
                self.parts.push(Part { from, newest: None, voices, heard: false, seated, sums });
            }
        }
    }

    /// A partial mix has come.
    pub fn take(&mut self, partial: &Partial) {
        let Some(part) = self.parts.iter_mut().find(|part| part.from == partial.from) else {
            return;
        };
        part.newest = part.newest.max(Some(partial.index));
        (part.voices, part.seated) = (partial.voices, partial.seated);
        part.heard = partial.heard;
        let place = place(partial.line.index(), partial.piece);
        let sum = &mut part.sums[partial.index as usize % KEPT][place];
        *sum = Sum { index: Some(partial.index), sums: partial.sums };
    }

    /// Adds what was said in the tick `index`.
    pub fn add(&mut self, index: u64, mixer: &mut Mixer) {
        for part in &mut self.parts {
            let tick = &part.sums[index as usize % KEPT];
            for line in 0..LINES {
                for piece in Piece::ALL {
                    let sum = &tick[place(line, piece)];
                    if sum.index == Some(index) {
                        mixer.add_piece(line, piece, &sum.sums);
                    }
                }
            }
            let talk = &tick[place(Line::TALK.index(), Piece::Narrow)];
            self.missed += u64::from(talk.index != Some(index) && part.is_there(index));
        }
    }

    /// Voices in all of them, as they told of late, in the tick `index`.
    pub fn voices(&self, index: u64) -> usize {
        self.there(index).map(|part| usize::from(part.voices)).sum()
    }
    /// Whether packets of any member of them have come of late, as they told, in the tick `index`.
    pub fn is_heard(&self, index: u64) -> bool {
        self.there(index).any(|part| part.heard)
    }
    /// Levels of those that they seat.
    pub fn seated(&self, index: u64) -> impl Iterator<Item = f32> {
        self.there(index).flat_map(|p| p.seated).filter(|level| level.is_finite())
    }
    fn there(&self, index: u64) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| part.is_there(index))
    }
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    /// Partial mixes that did not come in time.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl Part {
    fn is_there(&self, index: u64) -> bool {
        self.newest.is_some_and(|newest| newest + KEPT as u64 > index)
    }
}

fn place(line: usize, piece: Piece) -> usize {
    line * Piece::ALL.len() + piece as usize
}

/// Every line, for whoever goes through them.
pub fn lines() -> impl Iterator<Item = Line> {
    core::iter::once(Line::TALK).chain((0..LINES as u8).filter_map(Line::coach))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::rate::Rate;
    use crate::media::control::Lines;

    fn partial(from: u8, index: u64, piece: Piece, value: i32) -> Partial {
        let (room, line, seated) =
            (RoomId(1), Line::TALK, [-20.0, f32::NEG_INFINITY, -30.0, f32::NEG_INFINITY]);
        let (voices, heard) = (3, from == 2);
        Partial { room, from, index, line, piece, voices, heard, seated, sums: [value; FRAME] }
    }

    /// What is heard at both rates of what was told for the tick `index`.
    fn heard(far: &mut Far, index: u64) -> ([i32; FRAME], [i32; 2 * FRAME]) {
        let mut mixer = Mixer::default();
        mixer.widen();
        mixer.begin();
        far.add(index, &mut mixer);
        let (mut narrow, mut wide) = ([0; FRAME], [0; 2 * FRAME]);
        mixer.total(Lines::TALK, Rate::Khz8, &mut narrow);
        mixer.total(Lines::TALK, Rate::Khz16, &mut wide);
        (narrow, wide)
    }

    #[test]
    fn each_part_counts_once_and_in_its_own_tick() {
        let mut far = Far::default();
        far.set(0b110);
        far.take(&partial(1, 7, Piece::Narrow, 100));
        far.take(&partial(2, 7, Piece::Narrow, 20));
        far.take(&partial(2, 7, Piece::WideFirst, 3));
        far.take(&partial(2, 7, Piece::WideSecond, 4));
        far.take(&partial(2, 8, Piece::Narrow, 5));
        far.take(&partial(9, 7, Piece::Narrow, 1_000));
        let (narrow, wide) = heard(&mut far, 7);
        assert_eq!(narrow, [120; FRAME]);
        assert_eq!((wide[..FRAME].to_vec(), wide[FRAME..].to_vec()), (vec![3; 160], vec![4; 160]));
        assert_eq!(heard(&mut far, 8), ([5; FRAME], [0; 2 * FRAME]));
        assert_eq!(far.missed(), 1);
        assert_eq!(heard(&mut far, 12).0, [0; FRAME], "8 is long past");
        assert_eq!((far.voices(9), far.seated(9).count()), (6, 4));
        assert_eq!((far.voices(11), far.voices(12)), (3, 0), "nobody is there any more");
        assert!(far.is_heard(11) && !far.is_heard(12));
        far.set(0b100);
        assert_eq!(far.voices(9), 3);
        far.set(0b010);
        far.take(&partial(1, 9, Piece::Narrow, 0));
        assert!(!far.is_heard(9), "of that part nothing has come");
    }
}
