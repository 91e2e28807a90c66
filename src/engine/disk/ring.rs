//! The way of recordings from an RTP worker to the disk thread: pieces in chunks, and ends, bounded.
//!
//! ```text
//!   worker ─ a piece is written ▶ chunk ─▶ ring ─▶ disk thread writes it from where it lies
//!      ▲                                                     │
//!      └── spare: the one given back last is taken first ◀── ring
//! ```
//!
//! As many chunks are in use as the disk thread is behind: a few, which stay in the caches, while all of
//! them together outlast a slow disk.
//!
//! A worker never waits: a piece for which there is no chunk is dropped and counted against its
//! recording, in which silence stands for it. The end of a recording is never dropped: it waits on the
//! worker's side.

use std::collections::{HashMap, VecDeque};

use rtrb::{Consumer, Producer, RingBuffer};

use crate::base::RecordingId;
use crate::media::Recorded;
use crate::media::tap::TwoChannels;
use crate::media::tap::piece::PIECE_BYTES;

/// Recordings that may lose something, or wait to end, before that takes memory; as many as there are at most.
const LOSERS: usize = 4_096;
/// Chunks that have to be spare before the last pieces of recordings are taken: others go on.
const SOME: usize = 32;

/// Room for one piece.
type Chunk = Box<[u8; PIECE_BYTES]>;

/// What the disk thread takes out.
pub(super) enum Tap {
    /// A piece: the first `len` bytes of `chunk`.
    Piece { recording: RecordingId, position: u64, chunk: Chunk, len: usize },
    /// The recording has ended.
    End {
        recording: RecordingId,
        /// Its length.
        samples: u64,
        /// Samples that came too late, or found no chunk.
        lost: Lost,
    },
}

/// What a recording lost on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Lost {
    /// Samples of one channel that came too late.
    pub(super) late: u64,
    /// Bytes of pieces that found no chunk.
    pub(super) dropped: u64,
}

/// Room for `bytes` in all.
pub(in crate::engine) fn ring(bytes: usize) -> (TapSender, TapReceiver) {
    let count = (bytes / PIECE_BYTES).max(1);
    // Ends need no chunk, but a place in the ring.
    let (to, from) = RingBuffer::new(2 * count);
    let (back, free) = RingBuffer::new(count);
    // Memory that nobody has written to takes no room yet.
    let made = || vec![0; PIECE_BYTES].try_into().expect("as long as a piece");
    let sender = TapSender {
        ring: to,
        free,
        spare: (0..count).map(|_| made()).collect(),
        count,
        lost: HashMap::with_capacity(LOSERS),
        ends: VecDeque::with_capacity(LOSERS),
        dropped: 0,
    };
    (sender, TapReceiver { ring: from, free: back })
}

/// The worker's end.
pub(in crate::engine) struct TapSender {
    ring: Producer<Tap>,
    free: Consumer<Chunk>,
    spare: Vec<Chunk>,
    /// Chunks in all.
    count: usize,
    /// Bytes that each recording has lost here, until its end.
    lost: HashMap<RecordingId, u64>,
    ends: VecDeque<(RecordingId, u64, u64)>,
    dropped: u64,
}

impl TapSender {
    /// Bytes of the pieces that wait for the disk.
    pub(in crate::engine) fn held(&self) -> usize {
        (self.count.saturating_sub(self.spare.len() + self.free.slots())) * PIECE_BYTES
    }

    /// Hands on a piece, or drops it; an end waits, if it must.
    pub(in crate::engine) fn record(&mut self, part: Recorded<'_>) {
        match part {
            Recorded::Piece { recording, position, samples } => {
                if !self.piece(recording, position, samples) {
                    self.lose(recording, samples.bytes() as u64);
                }
            }
            Recorded::End { recording, samples, late } => {
                self.ends.push_back((recording, samples, late));
                self.flush();
            }
        }
    }

    fn piece(&mut self, recording: RecordingId, position: u64, samples: TwoChannels<'_>) -> bool {
        if self.spare.is_empty() {
            self.reclaim();
        }
        let len = samples.bytes();
        let Some(mut chunk) = self.spare.pop_if(|chunk| len <= chunk.len()) else { return false };
        samples.write(&mut chunk[..len]);
        match self.ring.push(Tap::Piece { recording, position, chunk, len }) {
            Ok(()) => true,
            Err(rtrb::PushError::Full(back)) => {
                if let Tap::Piece { chunk, .. } = back {
                    self.spare.push(chunk);
                }
                false
            }
        }
    }

    fn lose(&mut self, recording: RecordingId, bytes: u64) {
        self.dropped += 1;
        *self.lost.entry(recording).or_default() += bytes;
    }

    fn reclaim(&mut self) {
        while let Ok(chunk) = self.free.pop() {
            self.spare.push(chunk);
        }
    }

    /// To be called each turn: takes back what has been written, and hands on the ends that wait.
    pub(in crate::engine) fn flush(&mut self) {
        self.reclaim();
        while let Some((recording, samples, late)) = self.ends.front().copied() {
            let dropped = self.lost.get(&recording).copied().unwrap_or(0);
            let lost = Lost { late, dropped };
            if self.ring.push(Tap::End { recording, samples, lost }).is_err() {
                return;
            }
            self.lost.remove(&recording);
            self.ends.pop_front();
        }
    }

    /// Whether the last pieces of some recordings find room.
    pub(in crate::engine) fn has_room(&mut self) -> bool {
        self.flush();
        self.ends.is_empty() && self.spare.len() >= SOME.min(self.free.buffer().capacity())
    }

    /// Pieces dropped so far.
    pub(in crate::engine) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// The disk thread's end.
pub(in crate::engine) struct TapReceiver {
    ring: Consumer<Tap>,
    free: Producer<Chunk>,
}

impl TapReceiver {
    /// The next message.
    pub(super) fn next(&mut self) -> Option<Tap> {
        self.ring.pop().ok()
    }

    /// What it was in may be used again.
    pub(super) fn give_back(&mut self, chunk: Chunk) {
        let given = self.free.push(chunk);
        debug_assert!(given.is_ok(), "the ring holds all chunks there are");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::media::control::RecordFormat;

    const ONE: RecordingId = RecordingId(7);

    /// A piece of bytes that are all alike.
    fn piece(position: u64, bytes: &[u8]) -> Recorded<'_> {
        let (left, right) = bytes.split_at(bytes.len() / 2);
        let samples = TwoChannels::new(RecordFormat::Alaw, left, right);
        Recorded::Piece { recording: ONE, position, samples }
    }

    fn end(id: u64, samples: u64, late: u64) -> Recorded<'static> {
        Recorded::End { recording: RecordingId(id), samples, late }
    }

    /// What comes out: of a piece, its position, length and first byte.
    #[derive(Debug, PartialEq)]
    enum Out {
        Piece(u64, usize, u8),
        End(u64, u64, Lost),
    }

    fn next(from: &mut TapReceiver) -> Option<Out> {
        Some(match from.next()? {
            Tap::Piece { position, chunk, len, .. } => {
                let out = Out::Piece(position, len, chunk[0]);
                assert!(chunk[..len].iter().all(|byte| *byte == chunk[0]));
                from.give_back(chunk);
                out
            }
            Tap::End { recording, samples, lost } => Out::End(recording.0, samples, lost),
        })
    }

    #[test]
    fn pieces_come_out_as_they_went_in() {
        let (mut to, mut from) = ring(4 * PIECE_BYTES);
        for round in 0..300u64 {
            let len = PIECE_BYTES - 2 * round as usize;
            to.record(piece(round, &vec![round as u8; len]));
            to.record(piece(round + 1, &[9; 2]));
            assert_eq!(next(&mut from), Some(Out::Piece(round, len, round as u8)));
            assert_eq!(next(&mut from), Some(Out::Piece(round + 1, 2, 9)));
            assert_eq!(next(&mut from), None);
        }
        assert_eq!(to.dropped(), 0);
    }

    /// While the other side keeps up the same chunks go round.
    #[test]
    fn the_chunk_given_back_last_is_taken_first() {
        let (mut to, mut from) = ring(64 * PIECE_BYTES);
        let mut places = std::collections::BTreeSet::new();
        for n in 0..100 {
            to.record(piece(n, &[0; 160]));
            while let Some(Tap::Piece { chunk, .. }) = from.next() {
                places.insert(chunk.as_ptr() as usize);
                from.give_back(chunk);
            }
            to.flush();
        }
        assert!(places.len() <= 2, "{}", places.len());
    }

    #[test]
    fn without_a_chunk_pieces_are_dropped_and_never_an_end() {
        let (mut to, mut from) = ring(2 * PIECE_BYTES);
        for n in 0..4 {
            to.record(piece(n, &[0; 160]));
        }
        assert_eq!((to.dropped(), to.has_room()), (2, false));
        for (id, samples, late) in [(7, 99, 3), (8, 5, 0), (9, 6, 0)] {
            to.record(end(id, samples, late));
        }
        let none = Lost::default();
        assert_eq!(next(&mut from), Some(Out::Piece(0, 160, 0)));
        assert_eq!(next(&mut from), Some(Out::Piece(1, 160, 0)));
        assert_eq!(next(&mut from), Some(Out::End(7, 99, Lost { late: 3, dropped: 320 })));
        assert_eq!(next(&mut from), Some(Out::End(8, 5, none)));
        assert_eq!(next(&mut from), None, "the third waits");
        assert!(to.has_room());
        assert_eq!(next(&mut from), Some(Out::End(9, 6, none)));
        to.record(end(7, 1, 0));
        assert_eq!(next(&mut from), Some(Out::End(7, 1, none)));
    }

    #[test]
    fn each_of_any_number_of_recordings_is_told_what_it_lost() {
        let (mut to, mut from) = ring(1);
        to.record(piece(0, &[0; 160]));
        let many = 2 * LOSERS as u64;
        for n in 0..many {
            let samples = TwoChannels::new(RecordFormat::Alaw, &[0; 80], &[0; 80]);
            to.record(Recorded::Piece { recording: RecordingId(n), position: 0, samples });
        }
        (0..many).for_each(|n| to.record(end(n, 80, 0)));
        assert_eq!(next(&mut from), Some(Out::Piece(0, 160, 0)));
        for n in 0..many {
            to.flush();
            let lost = Lost { late: 0, dropped: 160 };
            assert_eq!(next(&mut from), Some(Out::End(n, 80, lost)));
        }
        assert!(to.lost.is_empty());
    }

    #[test]
    fn what_is_longer_than_a_piece_is_dropped() {
        let (mut to, mut from) = ring(1);
        to.record(piece(0, &vec![0; PIECE_BYTES + 2]));
        to.record(piece(1, &vec![0; PIECE_BYTES]));
        assert_eq!(next(&mut from), Some(Out::Piece(1, PIECE_BYTES, 0)));
        assert_eq!((next(&mut from), to.dropped()), (None, 1));
    }
}
