//! Payloads that wait to be laid: those that call for a decoder, and those that come after a gap.
//!
//! A decoder carries its state on, so that payloads are laid in the order of speech, 320 ms later; then a
//! recording's memory, and its decoders', is met once for 32 packets. Until then they lie one behind the other in
//! memory that is asked for ahead. After a gap pieces leave that were held back for late packets: where many calls
//! go on together, they leave by turns.
//!
//! ```text
//!   bytes    │a1│b1│c1│a2│b2│c2│a3│…│           as they came
//!   order    a1 a2 a3 … │ b1 b2 b3 … │ c1 …      as they are laid
//!                    └ waits on: first of the next batch
//! ```
//!
//! What calls for a decoder may wait on while something before it is missing.

use core::ops::Range;

use super::{Channel, Heard, Placement};
use crate::base::Time;
use crate::media::control::Codec;

/// Bytes that wait at most in all parts: 320 ms of 1,500 calls. When a part has no more room all of it is laid
/// at once.
const MOST_BYTES: usize = 8 << 20;
/// Payloads that wait at most; of 20 ms each, 1,500 calls' again.
const MOST_PAYLOADS: usize = 48_000;
/// How much memory behind what waits is asked for, bytes and payloads: two of G.711, for another may come
/// before the one that it is asked for.
const ROOM_AHEAD: usize = 320;
const PLACES_AHEAD: usize = 2;

/// How many payloads before its own a payload is asked for, and what is known of it.
const SOON: usize = 8;
const LATER: usize = 16;

/// A payload that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting<'a> {
    /// When it came.
    pub arrival: Time,
    /// On which side it is recorded.
    pub channel: Channel,
    /// Nothing of before is continued by it: another leg speaks.
    pub anew: bool,
    /// Packets of something else than audio (a key, comfort noise) came before it: what is missing there
    /// was not lost.
    pub aside: bool,
    /// What is known of its packet.
    pub heard: Heard,
    /// How it is coded.
    pub codec: Codec,
    /// Where it belongs, if that was found out already.
    pub placed: Option<Placement>,
    /// The payload; empty when it is not to be kept.
    pub payload: &'a [u8],
}

/// One that waits, without its bytes: they are `start..end`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    arrival: Time,
    channel: Channel,
    anew: bool,
    aside: bool,
    heard: Heard,
    codec: Codec,
    placed: Option<Placement>,
    start: u32,
    len: u32,
}

impl Entry {
    /// Where its payload lies.
    fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// All that wait.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// Of each its recording's slot, and its place in `entries` in the lower half.
    order: Vec<u64>,
    /// Those of `order` that wait on.
    kept: Vec<u64>,
}

impl Batch {
    /// Makes room for one of so many parts, so that nothing that comes later allocates.
    pub fn reserve(&mut self, parts: usize) {
        if self.bytes.capacity() == 0 {
            let payloads = MOST_PAYLOADS / parts;
            self.bytes.reserve_exact(MOST_BYTES / parts);
            self.entries.reserve_exact(payloads);
            self.order.reserve_exact(payloads);
            self.kept.reserve_exact(payloads);
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
    pub fn push(&mut self, slot: u32, waiting: &Waiting<'_>) {
        let Waiting { arrival, channel, anew, aside, heard, codec, placed, payload } = *waiting;
        if !self.has_room(payload.len()) {
            return;
        }
        let (start, len) = (self.bytes.len() as u32, payload.len() as u32);
        self.bytes.extend_from_slice(payload);
        self.order.push(u64::from(slot) << 32 | self.entries.len() as u64);
        let entry = Entry { arrival, channel, anew, aside, heard, codec, placed, start, len };
        self.entries.push(entry);
    }

    /// Where what comes next will lie: that has left the caches since it was laid last.
    #[inline]
    pub fn room(&self) -> [Range<*const u8>; 2] {
        let room = self.bytes.as_ptr().wrapping_add(self.bytes.len());
        let place = self.entries.as_ptr().wrapping_add(self.entries.len());
        let places = place.cast()..place.wrapping_add(PLACES_AHEAD).cast();
        [room..room.wrapping_add(ROOM_AHEAD), places]
    }

    /// Brings all that wait into the order of their recordings, each one's in the order of arrival.
    pub fn sort(&mut self) {
        self.order.sort_unstable();
    }

    /// The one at `place` of that order, and the slot of its recording.
    #[inline]
    pub fn get(&self, place: usize) -> Option<(u32, Waiting<'_>)> {
        let key = *self.order.get(place)?;
        let entry = &self.entries[key as u32 as usize];
        let Entry { arrival, channel, anew, aside, heard, codec, placed, .. } = *entry;
        let payload = &self.bytes[entry.range()];
        let waiting = Waiting { arrival, channel, anew, aside, heard, codec, placed, payload };
        Some((slot_of(key), waiting))
    }

    /// What is to be brought near while the one at `place` is laid: a payload that comes soon, and what is
    /// known of one that comes later.
    pub fn places(&self, place: usize) -> [Option<Range<*const u8>>; 2] {
        let entry = |place: usize| Some(&self.entries[*self.order.get(place)? as u32 as usize]);
        let payload = entry(place + SOON).map(|entry| self.bytes[entry.range()].as_ptr_range());
        let known = entry(place + LATER).map(|entry| {
            let start = core::ptr::from_ref(entry).cast::<u8>();
            start..start.wrapping_add(size_of::<Entry>())
        });
        [payload, known]
    }

    /// The one at `place` is to be laid later, there.
    pub fn note(&mut self, place: usize, placed: Placement) {
        self.entries[self.order[place] as u32 as usize].placed = Some(placed);
    }

    /// Brings those of `places`, one recording's, into the order of speech on each channel, before those
    /// of which nothing was [noted](Batch::note).
    pub fn sort_by_speech(&mut self, places: Range<usize>) {
        let Batch { entries, order, .. } = self;
        order[places].sort_unstable_by_key(|key| {
            let Entry { channel, placed, .. } = &entries[*key as u32 as usize];
            let speech = placed.map(|placed| (channel.side(), placed.run, placed.position));
            (speech.is_none(), speech, *key)
        });
    }

    /// The one at `place` waits on.
    pub fn keep(&mut self, place: usize) {
        self.kept.push(self.order[place]);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The slot of the recording whose payloads begin at `place`.
    #[inline]
    pub fn begins(&self, place: usize) -> Option<u32> {
        let slot = slot_of(*self.order.get(place)?);
        let before = place.checked_sub(1).map(|before| slot_of(self.order[before]));
        (before != Some(slot)).then_some(slot)
    }

    /// None waits any more, but for those that were kept.
    pub fn clear(&mut self) {
        self.order.clear();
        let (mut entries, mut bytes) = (0, 0);
        // As they came, so that none is written over before it is moved.
        self.kept.sort_unstable_by_key(|key| *key as u32);
        for key in self.kept.drain(..) {
            let entry = self.entries[key as u32 as usize];
            self.bytes.copy_within(entry.range(), bytes);
            self.entries[entries] = Entry { start: bytes as u32, ..entry };
            self.order.push(u64::from(slot_of(key)) << 32 | entries as u64);
            entries += 1;
            bytes += entry.len as usize;
        }
        self.entries.truncate(entries);
        self.bytes.truncate(bytes);
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
            aside: sequence == 2,
            heard: Heard { ssrc: 7, sequence, timestamp: 0, samples: payload.len() as u32 },
            codec: Codec::Pcmu,
            placed: None,
            payload,
        }
    }

    #[test]
    fn they_come_out_by_recording_in_the_order_of_arrival() {
        let mut batch = Batch::default();
        batch.reserve(1);
        for round in 0..3 {
            for n in 0..60u16 {
                batch.push(u32::from(n % 7), &waiting(n, &[n as u8; 160][..usize::from(n)]));
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
    fn what_is_kept_is_the_first_of_the_next_batch_and_lies_in_the_order_of_speech() {
        let mut batch = Batch::default();
        batch.reserve(1);
        for n in 0..40u16 {
            batch.push(u32::from(n % 4), &waiting(n, &[n as u8; 160][..usize::from(n)]));
        }
        batch.sort();
        // The second recording's last packets overtook the others.
        for place in 10..20 {
            let (slot, one) = batch.get(place).unwrap();
            let position = u64::from(100 - one.heard.sequence);
            assert_eq!(slot, 1);
            if place != 12 {
                batch.note(place, Placement { position, adjust: 1, jump: false, run: 3 });
            }
        }
        batch.sort_by_speech(10..20);
        let sequence = |batch: &Batch, place| batch.get(place).unwrap().1.heard.sequence;
        let order: Vec<u16> = (10..20).map(|place| sequence(&batch, place)).collect();
        assert_eq!(order, [37, 33, 29, 25, 21, 17, 13, 5, 1, 9]);
        (10..13).for_each(|place| batch.keep(place));
        batch.clear();
        batch.push(0, &waiting(40, &[40; 5]));
        batch.sort();
        assert_eq!(sequence(&batch, 0), 40);
        for (place, n) in [29u16, 33, 37].into_iter().enumerate() {
            let (slot, one) = batch.get(1 + place).unwrap();
            assert_eq!(
                (slot, one.heard.sequence, one.payload),
                (1, n, &[n as u8; 160][..n.into()])
            );
            assert_eq!(one.placed.unwrap().position, u64::from(100 - n));
        }
        assert!(batch.get(4).is_none());
    }

    #[test]
    fn what_finds_no_room_is_gone() {
        let mut batch = Batch::default();
        assert!(!batch.has_room(0), "before room was made");
        batch.reserve(1);
        let room = batch.bytes.capacity();
        let payload = vec![1; 1_600];
        for _ in 0..MOST_PAYLOADS + 10 {
            batch.push(1, &waiting(1, &payload));
        }
        assert!(!batch.has_room(1_600) && batch.bytes.capacity() == room);
        batch.sort();
        let last = room / 1_600 - 1;
        assert!(batch.get(last).is_some() && batch.get(last + 1).is_none());
        batch.clear();
        assert!(batch.has_room(1_600));
    }
}
