//! The way of a recorded payload from an RTP worker to the disk thread: chunks of messages, bounded.
//!
//! ```text
//!   worker ─ fills ─▶ chunk ── full, or FILL old ──▶ ring ─▶ disk thread reads it where it lies
//!      ▲                                                            │
//!      └── spare: the one given back last is taken first ◀── ring ──┘
//!
//!   message: kind channel adjust codec │ length (2) │ samples (2) │ recording (8) │ position (8) │ payload …
//! ```
//!
//! As many chunks are in use as the disk thread is behind: a few, which stay in the caches, while all of
//! them together outlast a slow disk.
//!
//! A worker never waits: a block for which there is no chunk is dropped and its samples are counted
//! against its recording. The end of a recording is never dropped: it waits on the worker's side.

use std::collections::VecDeque;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::base::{Duration, RecordingId, Time};
use crate::dsp::rate::Rate;
use crate::engine::backend::DATAGRAM_BYTES;
use crate::media::control::{Channel, Codec};
use crate::media::tap::TapBlock;

/// Bytes before the payload.
const HEAD: usize = 24;
/// A block of samples.
const BLOCK: u8 = 0;
/// The end of a recording.
const STOP: u8 = 1;
/// Recordings whose losses are counted apart; of more, the losses are only counted as a whole.
const MOST_LOSERS: usize = 1_024;

/// All codecs, by their numbers in the ring.
const CODECS: [Codec; 8] = [
    Codec::Pcma,
    Codec::Pcmu,
    Codec::G722,
    Codec::Opus,
    Codec::L16(Rate::Khz8),
    Codec::L16(Rate::Khz16),
    Codec::L16(Rate::Khz24),
    Codec::L16(Rate::Khz48),
];

/// Bytes of a chunk: a turn of 5 ms with 500 recordings fills three.
const CHUNK_BYTES: usize = 16 * 1024;
/// How long a chunk is filled at most: as often the disk thread looks.
const FILL: Duration = Duration::from_millis(20);

/// Messages one after the other.
struct Chunk {
    bytes: Box<[u8]>,
    filled: usize,
}

/// Chunks of `bytes` in all.
pub(in crate::engine) fn ring(bytes: usize) -> (TapSender, TapReceiver) {
    chunks((bytes / CHUNK_BYTES).max(2), CHUNK_BYTES)
}

fn chunks(count: usize, bytes: usize) -> (TapSender, TapReceiver) {
    let (to, from) = RingBuffer::new(count);
    let (back, free) = RingBuffer::new(count);
    // Memory that nobody has written to takes no room yet.
    let made = || Chunk { bytes: vec![0; bytes].into_boxed_slice(), filled: 0 };
    let sender = TapSender {
        ring: to,
        free,
        spare: (0..count).map(|_| made()).collect(),
        open: None,
        since: None,
        lost: Vec::with_capacity(64),
        stops: VecDeque::new(),
        dropped: 0,
    };
    (sender, TapReceiver { ring: from, free: back, chunk: None, at: 0 })
}

/// The worker's end; what it still holds is handed on when it goes.
pub(in crate::engine) struct TapSender {
    ring: Producer<Chunk>,
    free: Consumer<Chunk>,
    spare: Vec<Chunk>,
    /// The chunk that is being filled, and since when.
    open: Option<Chunk>,
    since: Option<Time>,
    /// Samples that each recording has lost here.
    lost: Vec<(RecordingId, u64)>,
    stops: VecDeque<(RecordingId, u64)>,
    dropped: u64,
}

impl TapSender {
    /// Hands on one block, or drops it.
    pub(in crate::engine) fn block(&mut self, block: &TapBlock<'_>) {
        let channel = match block.channel {
            Channel::Left => 0,
            Channel::Right => 1,
        };
        let adjust = block.adjust.to_ne_bytes()[0];
        let kind = [BLOCK, channel, adjust, number(block.codec)];
        let samples = block.samples.min(u16::MAX.into()) as u16;
        let sent = self.push((kind, samples), block.recording, block.position, block.payload);
        if sent {
            return;
        }
        self.dropped += 1;
        let samples = u64::from(samples);
        match self.lost.iter().position(|(id, _)| *id == block.recording) {
            Some(at) => self.lost[at].1 += samples,
            None if self.lost.len() < MOST_LOSERS => self.lost.push((block.recording, samples)),
            None => {}
        }
    }

    /// The recording ends after all blocks so far, `samples` long.
    pub(in crate::engine) fn stop(&mut self, recording: RecordingId, samples: u64) {
        self.stops.push_back((recording, samples));
        self.send_stops();
    }

    /// To be called each turn: what has been filled for long enough is handed on.
    pub(in crate::engine) fn flush(&mut self, now: Time) {
        self.send_stops();
        if self.open.is_some() && now.since(*self.since.get_or_insert(now)) >= FILL {
            self.hand_on();
        }
    }

    fn send_stops(&mut self) {
        while let Some((recording, samples)) = self.stops.front().copied() {
            let at = self.lost.iter().position(|(id, _)| *id == recording);
            let lost = at.map_or(0, |at| self.lost[at].1);
            if !self.push(([STOP, 0, 0, 0], 0), recording, samples, &lost.to_ne_bytes()) {
                return;
            }
            if let Some(at) = at {
                self.lost.swap_remove(at);
            }
            self.stops.pop_front();
            // An end is waited for.
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        self.since = None;
        if let Some(chunk) = self.open.take() {
            let handed = self.ring.push(chunk);
            debug_assert!(handed.is_ok(), "the ring holds all chunks there are");
        }
    }

    /// A chunk with room for `len` bytes.
    fn room(&mut self, len: usize) -> Option<&mut Chunk> {
        if self.open.as_ref().is_some_and(|chunk| chunk.bytes.len() - chunk.filled < len) {
            self.hand_on();
        }
        if self.open.is_none() {
            while let Ok(chunk) = self.free.pop() {
                self.spare.push(chunk);
            }
            self.open = self.spare.pop();
        }
        self.open.as_mut().filter(|chunk| chunk.bytes.len() - chunk.filled >= len)
    }

    /// Blocks dropped so far.
    pub(in crate::engine) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn push(
        &mut self,
        (kind, samples): ([u8; 4], u16),
        id: RecordingId,
        position: u64,
        payload: &[u8],
    ) -> bool {
        let len = HEAD + payload.len();
        let Some(chunk) = self.room(len).filter(|_| payload.len() <= DATAGRAM_BYTES) else {
            return false;
        };
        let message = &mut chunk.bytes[chunk.filled..chunk.filled + len];
        message[..4].copy_from_slice(&kind);
        message[4..6].copy_from_slice(&(payload.len() as u16).to_ne_bytes());
        message[6..8].copy_from_slice(&samples.to_ne_bytes());
        message[8..16].copy_from_slice(&id.0.to_ne_bytes());
        message[16..HEAD].copy_from_slice(&position.to_ne_bytes());
        message[HEAD..].copy_from_slice(payload);
        chunk.filled += len;
        true
    }
}

impl Drop for TapSender {
    fn drop(&mut self) {
        self.hand_on();
    }
}

/// A codec in one byte of the ring.
fn number(codec: Codec) -> u8 {
    let known = CODECS.iter().position(|known| *known == codec);
    known.expect("all codecs are listed") as u8
}

fn codec(number: u8) -> Codec {
    CODECS.get(usize::from(number)).copied().unwrap_or(Codec::Pcma)
}

/// What the disk thread takes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tap<'a> {
    /// A block of samples.
    Block(TapBlock<'a>),
    /// The recording has ended.
    Stop {
        recording: RecordingId,
        /// Its length.
        samples: u64,
        /// Samples that did not fit into the ring.
        lost: u64,
    },
}

/// The disk thread's end.
pub(in crate::engine) struct TapReceiver {
    ring: Consumer<Chunk>,
    free: Producer<Chunk>,
    chunk: Option<Chunk>,
    /// How far that one has been read.
    at: usize,
}

impl TapReceiver {
    /// The next message. Each was written whole, so what is there is whole.
    pub(super) fn next(&mut self) -> Option<Tap<'_>> {
        if self.chunk.as_ref().is_none_or(|chunk| self.at == chunk.filled) {
            if let Some(read) = self.chunk.take() {
                let given = self.free.push(Chunk { filled: 0, ..read });
                debug_assert!(given.is_ok(), "the ring holds all chunks there are");
            }
            (self.chunk, self.at) = (Some(self.ring.pop().ok()?), 0);
        }
        let chunk = self.chunk.as_ref()?;
        let (head, rest) = chunk.bytes[self.at..chunk.filled].split_first_chunk::<HEAD>()?;
        let word = |at: usize| {
            let bytes = head[at..at + 8].try_into().expect("eight bytes of the head");
            u64::from_ne_bytes(bytes)
        };
        let len = usize::from(u16::from_ne_bytes([head[4], head[5]]));
        let payload = rest.get(..len)?;
        self.at += HEAD + len;
        let (recording, position) = (RecordingId(word(8)), word(16));
        if head[0] == STOP {
            let lost = payload.first_chunk().map_or(0, |lost| u64::from_ne_bytes(*lost));
            return Some(Tap::Stop { recording, samples: position, lost });
        }
        Some(Tap::Block(TapBlock {
            recording,
            channel: if head[1] == 0 { Channel::Left } else { Channel::Right },
            position,
            adjust: i8::from_ne_bytes([head[2]]),
            samples: u16::from_ne_bytes([head[6], head[7]]).into(),
            codec: codec(head[3]),
            payload,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(position: u64, payload: &[u8]) -> TapBlock<'_> {
        TapBlock {
            recording: RecordingId(7),
            channel: Channel::Right,
            position,
            adjust: -1,
            samples: payload.len() as u32,
            codec: Codec::Pcmu,
            payload,
        }
    }

    const FAR: Time = Time::from_millis(1_000_000);

    #[test]
    fn blocks_come_out_as_they_went_in_whatever_the_chunks() {
        let (mut to, mut from) = chunks(4, 1_000);
        for round in 0..300u64 {
            let payloads: Vec<_> =
                (0..3).map(|n| vec![(round as u8).wrapping_add(n); 160 + round as usize]).collect();
            for payload in &payloads {
                to.block(&block(round * 160, payload));
            }
            to.hand_on();
            for payload in &payloads {
                assert_eq!(from.next(), Some(Tap::Block(block(round * 160, payload))));
            }
            assert_eq!(from.next(), None);
        }
        assert_eq!(to.dropped(), 0);
    }

    #[test]
    fn a_chunk_is_handed_on_when_it_is_full_or_old_or_the_worker_ends() {
        let (mut to, mut from) = chunks(4, 400);
        let at = Time::from_millis;
        to.block(&block(0, &[0; 160]));
        to.flush(at(100));
        assert_eq!(from.next(), None);
        to.flush(at(119));
        assert_eq!(from.next(), None);
        to.flush(at(120));
        assert!(from.next().is_some());
        (0..3).for_each(|n| to.block(&block(n, &[0; 160])));
        assert_eq!((from.next().is_some(), from.next().is_some()), (true, true));
        assert_eq!(from.next(), None, "the third is in a chunk that is being filled");
        drop(to);
        assert_eq!(from.next(), Some(Tap::Block(block(2, &[0; 160]))));
    }

    /// While the other side keeps up the same chunks go round.
    #[test]
    fn the_chunk_given_back_last_is_taken_first() {
        let (mut to, mut from) = chunks(64, 400);
        let mut places = std::collections::BTreeSet::new();
        for n in 0..100 {
            to.block(&block(n, &[0; 160]));
            places.insert(to.open.as_ref().map(|chunk| chunk.bytes.as_ptr() as usize));
            to.hand_on();
            while from.next().is_some() {}
        }
        assert!(places.len() <= 2, "{}", places.len());
    }

    #[test]
    fn without_a_chunk_blocks_are_dropped_and_never_an_end() {
        let (mut to, mut from) = chunks(2, 400);
        for n in 0..6 {
            to.block(&block(n, &[0; 160]));
        }
        to.stop(RecordingId(7), 99);
        to.stop(RecordingId(8), 5);
        assert_eq!(to.dropped(), 2);
        let stop = |id, samples, lost| Tap::Stop { recording: RecordingId(id), samples, lost };
        for n in 0..4 {
            assert_eq!(from.next(), Some(Tap::Block(block(n, &[0; 160]))));
        }
        assert_eq!(from.next(), None, "the ends wait");
        to.flush(FAR);
        assert_eq!(from.next(), Some(stop(7, 99, 320)));
        assert_eq!(from.next(), Some(stop(8, 5, 0)));
        to.stop(RecordingId(7), 1);
        assert!(matches!(from.next(), Some(Tap::Stop { lost: 0, .. })));
    }

    #[test]
    fn what_is_longer_than_a_datagram_is_dropped() {
        let (mut to, mut from) = ring(1);
        to.block(&block(0, &vec![0; DATAGRAM_BYTES + 1]));
        to.block(&block(1, &vec![0; DATAGRAM_BYTES]));
        to.hand_on();
        assert!(matches!(from.next(), Some(Tap::Block(TapBlock { position: 1, .. }))));
        assert_eq!((from.next(), to.dropped()), (None, 1));
    }
}
