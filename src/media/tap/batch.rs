//! Payloads that wait to be laid, so that a recording's memory is met once for four packets and not for
//! each.
//!
//! With hundreds of calls nothing of a recording is in a cache when its next packet comes: where its
//! stream stands, where the payload goes, the pages' addresses. To meet that for each packet costs more
//! than all else that recording asks of a worker. So payloads are copied one behind the other into
//! memory that is always near, and laid 40 ms later, recording by recording.
//!
//! ```text
//!   bytes    │a1│b1│c1│a2│b2│c2│a3│…│           as they came
//!   order    a1 a2 a3 … │ b1 b2 b3 … │ c1 …      as they are laid
//! ```

use super::{Channel, Heard};
use crate::base::Time;
use crate::media::control::Codec;

/// Bytes that wait at most: 40 ms of 1,500 calls. When there is no more room all are laid at once.
const MOST_BYTES: usize = 1 << 20;
/// Payloads that wait at most; of 20 ms each, 1,500 calls' again.
const MOST_PAYLOADS: usize = 6_000;

/// A payload that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting<'a> {
    /// When it came.
    pub arrival: Time,
    /// On which side it is recorded.
    pub channel: Channel,
    /// Nothing of before is continued by it: another leg speaks.
    pub anew: bool,
    /// What is known of its packet.
    pub heard: Heard,
    /// How it is coded.
    pub codec: Codec,
    /// The payload; empty when it is not to be kept.
    pub payload: &'a [u8],
}

/// One that waits, without its bytes: they are `start..end`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    arrival: Time,
    channel: Channel,
    anew: bool,
    heard: Heard,
    codec: Codec,
    start: usize,
    end: usize,
}

/// All that wait.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Of each its recording's slot, and its place in `entries` in the lower half.
    order: Vec<u64>,
}

impl Batch {
    /// Makes room, so that nothing that comes later allocates.
    pub fn reserve(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(MOST_BYTES);
            self.entries.reserve_exact(MOST_PAYLOADS);
            self.order.reserve_exact(MOST_PAYLOADS);
        }
    }

    /// Whether a payload of so many bytes finds room.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.entries.len() < self.entries.capacity()
            && self.bytes.len() + bytes <= self.bytes.capacity()
    }

    /// Lets a payload of the recording in `slot` wait. One that finds no room is gone.
    #[inline]
    pub fn push(&mut self, slot: u32, waiting: Waiting<'_>) {
        let Waiting { arrival, channel, anew, heard, codec, payload } = waiting;
        if !self.has_room(payload.len()) {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        let end = self.bytes.len();
        self.order.push(u64::from(slot) << 32 | self.entries.len() as u64);
        self.entries.push(Entry { arrival, channel, anew, heard, codec, start, end });
    }

    /// Brings all that wait into the order of their recordings, each one's in the order of arrival.
    pub fn sort(&mut self) {
        self.order.sort_unstable();
    }

    /// The one at `place` of that order, and the slot of its recording.
    #[inline]
    pub fn get(&self, place: usize) -> Option<(u32, Waiting<'_>)> {
        let key = *self.order.get(place)?;
        let Entry { arrival, channel, anew, heard, codec, start, end } =
            self.entries[key as u32 as usize];
        let payload = &self.bytes[start..end];
        Some((slot_of(key), Waiting { arrival, channel, anew, heard, codec, payload }))
    }

    /// The slot of the recording whose payloads begin at `place`.
    #[inline]
    pub fn begins(&self, place: usize) -> Option<u32> {
        let slot = slot_of(*self.order.get(place)?);
        let before = place.checked_sub(1).map(|before| slot_of(self.order[before]));
        (before != Some(slot)).then_some(slot)
    }

    /// None waits any more.
    pub fn clear(&mut self) {
        self.order.clear();
        self.entries.clear();
        self.bytes.clear();
    }
}

/// The upper half of a key of the order.
fn slot_of(key: u64) -> u32 {
    (key >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(sequence: u16, payload: &[u8]) -> Waiting<'_> {
        Waiting {
            arrival: Time::from_millis(sequence.into()),
            channel: Channel::Right,
            anew: sequence == 1,
            heard: Heard { ssrc: 7, sequence, timestamp: 0, samples: payload.len() as u32 },
            codec: Codec::Pcmu,
            payload,
        }
    }

    #[test]
    fn they_come_out_by_recording_in_the_order_of_arrival() {
        let mut batch = Batch::default();
        batch.reserve();
        for round in 0..3 {
            for n in 0..60u16 {
                batch.push(u32::from(n % 7), waiting(n, &[n as u8; 160][..usize::from(n)]));
            }
            batch.sort();
            let mut out = Vec::new();
            while let Some((slot, one)) = batch.get(out.len()) {
                let n = one.heard.sequence;
                assert_eq!(one, waiting(n, &[n as u8; 160][..usize::from(n)]));
                out.push((slot, n));
            }
            assert!(out.len() == 60 && out.is_sorted(), "{round}");
            let begins: Vec<_> = (0..70).filter_map(|place| batch.begins(place)).collect();
            assert_eq!(begins, [0, 1, 2, 3, 4, 5, 6]);
            batch.clear();
        }
    }

    #[test]
    fn what_finds_no_room_is_gone() {
        let mut batch = Batch::default();
        assert!(!batch.has_room(0), "before room was made");
        batch.reserve();
        let room = batch.bytes.capacity();
        let payload = vec![1; 1_600];
        for _ in 0..MOST_PAYLOADS + 10 {
            batch.push(1, waiting(1, &payload));
        }
        assert!(!batch.has_room(1_600) && batch.bytes.capacity() == room);
        batch.sort();
        let last = room / 1_600 - 1;
        assert!(batch.get(last).is_some() && batch.get(last + 1).is_none());
        batch.clear();
        assert!(batch.has_room(1_600));
    }
}
