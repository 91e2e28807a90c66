//! The way of a recorded payload from an RTP worker to the disk thread: a bounded ring of bytes.
//!
//! ```text
//!  kind channel adjust codec │ length (2) │ samples (2) │ recording (8) │ position (8) │ payload …
//! ```
//!
//! A worker never waits: a block that does not fit is dropped and its samples are counted against
//! its recording. The end of a recording is never dropped: it waits for room on the worker's side.

use std::collections::VecDeque;

use rtrb::{Consumer, Producer, RingBuffer};

use crate::base::RecordingId;
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

/// A ring of `bytes`.
pub(in crate::engine) fn ring(bytes: usize) -> (TapSender, TapReceiver) {
    let (to, from) = RingBuffer::new(bytes);
    let sender =
        TapSender { ring: to, lost: Vec::with_capacity(64), stops: VecDeque::new(), dropped: 0 };
    let payload = Box::new([0; DATAGRAM_BYTES]);
    (sender, TapReceiver { ring: from, payload })
}

/// The worker's end.
pub(in crate::engine) struct TapSender {
    ring: Producer<u8>,
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
        self.flush();
    }

    /// Hands on what had no room before.
    pub(in crate::engine) fn flush(&mut self) {
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
        }
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
        if payload.len() > DATAGRAM_BYTES {
            return false;
        }
        // Put together first: both parts have to become visible at once.
        let mut message = [0; HEAD + DATAGRAM_BYTES];
        message[..4].copy_from_slice(&kind);
        message[4..6].copy_from_slice(&(payload.len() as u16).to_ne_bytes());
        message[6..8].copy_from_slice(&samples.to_ne_bytes());
        message[8..16].copy_from_slice(&id.0.to_ne_bytes());
        message[16..HEAD].copy_from_slice(&position.to_ne_bytes());
        let len = HEAD + payload.len();
        message[HEAD..len].copy_from_slice(payload);
        self.ring.push_entire_slice(&message[..len]).is_ok()
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
    ring: Consumer<u8>,
    payload: Box<[u8; DATAGRAM_BYTES]>,
}

impl TapReceiver {
    /// The next message. Each was pushed whole, so what is there is whole.
    pub(super) fn next(&mut self) -> Option<Tap<'_>> {
        let mut head = [0; HEAD];
        self.ring.pop_entire_slice(&mut head).ok()?;
        let word = |at: usize| {
            let bytes = head[at..at + 8].try_into().expect("eight bytes of the head");
            u64::from_ne_bytes(bytes)
        };
        let len = usize::from(u16::from_ne_bytes([head[4], head[5]]));
        let payload = &mut self.payload[..len.min(DATAGRAM_BYTES)];
        self.ring.pop_entire_slice(payload).ok()?;
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

    #[test]
    fn blocks_come_out_as_they_went_in_over_the_rings_edge() {
        let (mut to, mut from) = ring(1_000);
        for round in 0..100u64 {
            let payload = vec![round as u8; 160 + round as usize];
            to.block(&block(round * 160, &payload));
            assert_eq!(from.next(), Some(Tap::Block(block(round * 160, &payload))));
            assert_eq!(from.next(), None);
        }
        assert_eq!(to.dropped(), 0);
    }

    #[test]
    fn a_full_ring_drops_blocks_and_never_an_end() {
        let (mut to, mut from) = ring(500);
        for n in 0..5 {
            to.block(&block(n, &[0; 160]));
        }
        to.stop(RecordingId(7), 99);
        to.stop(RecordingId(8), 5);
        assert_eq!(to.dropped(), 3);
        let stop = |id, samples, lost| Tap::Stop { recording: RecordingId(id), samples, lost };
        assert_eq!(from.next(), Some(Tap::Block(block(0, &[0; 160]))));
        assert_eq!(from.next(), Some(Tap::Block(block(1, &[0; 160]))));
        assert_eq!(from.next(), Some(stop(7, 99, 480)));
        assert_eq!(from.next(), Some(stop(8, 5, 0)));
        // With no room at all, an end waits.
        to.block(&block(0, &[0; 470]));
        to.stop(RecordingId(9), 1);
        assert!(matches!(from.next(), Some(Tap::Block(_))));
        assert_eq!(from.next(), None);
        to.flush();
        assert_eq!(from.next(), Some(stop(9, 1, 0)));
    }

    #[test]
    fn an_end_says_what_was_lost() {
        let (mut to, mut from) = ring(200);
        to.block(&block(0, &[0; 160]));
        to.block(&block(160, &[0; 160]));
        to.stop(RecordingId(7), 320);
        assert!(matches!(from.next(), Some(Tap::Block(_))));
        assert_eq!(from.next(), None);
        to.flush();
        let stop = Tap::Stop { recording: RecordingId(7), samples: 320, lost: 160 };
        assert_eq!(from.next(), Some(stop));
        to.stop(RecordingId(7), 1);
        assert!(matches!(from.next(), Some(Tap::Stop { lost: 0, .. })));
    }
}
