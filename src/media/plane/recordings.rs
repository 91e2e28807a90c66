//! Which legs are being recorded, and what of them is on its way to the disk.
//!
//! A leg carries the [`TapPoint`](crate::media::tap::TapPoint)s of the recordings that listen to it, so that the
//! packet path of a leg without any pays one look at a small array. Each recording places what they hear
//! ([`Placer`], one for each of its two channels) and lays it ([`Layout`]): G.711 at once, with least ado what was
//! known before it came. What calls for a decoder, and what begins a stream or follows a gap, waits in a
//! [`Batch`] for [`LAY`] before. A leg that is alone on its recording and in a room has what it hears there on the
//! other side. Whole pieces go to [`Transmit::record`]. At its end a recording hands on what is left, a few
//! recordings with each tick and when there is room, so that a thousand calls may end together.

mod recording;

use core::ops::Range;
use std::collections::{BTreeMap, VecDeque};

use self::recording::Out;
pub(super) use self::recording::Recording;
use super::ahead::NOWHERE;
use crate::base::{Duration, RecordingId, Time};
use crate::media::Transmit;
use crate::media::tap::batch::{Batch, Waiting};
use crate::media::tap::{Channel, Recorded, Scratch};

/// How long what was heard waits to be laid.
const LAY: Duration = Duration::from_millis(320);
/// Recordings are laid in so many parts by turns, so that the packets of one turn do not wait for all.
const PARTS: usize = 32;
/// How often one of them is.
pub(super) const LAY_PART: Duration = Duration::from_millis(LAY.as_millis() as u64 / PARTS as u64);
/// Recordings whose last pieces leave with one tick: 200 kB.
const ENDS_A_TICK: usize = 4;
/// Recordings that wait for room to hand on what is left; more lose it.
const MOST_ENDING: usize = 4_096;

/// How many payloads before its own a recording's memory is asked for, and its window: of 32 a
/// recording, the next one.
const SOON: usize = 16;
const NEXT: usize = 8;

/// All recordings of one worker.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    slots: Vec<Option<Box<Recording>>>,
    by_id: BTreeMap<RecordingId, u32>,
    /// Slots of those that are over, with their length, and not yet handed on.
    ended: VecDeque<(u32, u64)>,
    /// What waits, of the recordings in every so many slots.
    parts: [Batch; PARTS],
    /// Which part is laid next.
    next: usize,
    scratch: Scratch,
}

impl Recordings {
    /// Adds one; `None` when that id is there already.
    pub(super) fn insert(&mut self, recording: Recording) -> Option<u32> {
        if self.by_id.contains_key(&recording.id) {
            return None;
        }
        self.parts.iter_mut().for_each(|part| part.reserve(PARTS));
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        self.by_id.insert(recording.id, slot as u32);
        let recording = Some(Box::new(recording));
        match free {
            Some(slot) => self.slots[slot] = recording,
            None => self.slots.push(recording),
        }
        Some(slot as u32)
    }

    /// Takes a payload of a leg that is recorded there.
    #[inline]
    pub(super) fn hear(&mut self, slot: u32, waiting: &Waiting<'_>, out: &mut dyn Transmit) {
        let Some(Some(recording)) = self.slots.get_mut(slot as usize) else { return };
        if !recording.follow(waiting) {
            self.hear_other(slot, waiting, out);
        }
    }

    /// Takes one that was not known before it came.
    #[inline(never)]
    fn hear_other(&mut self, slot: u32, waiting: &Waiting<'_>, out: &mut dyn Transmit) {
        let Some(Some(recording)) = self.slots.get_mut(slot as usize) else { return };
        if !recording.has_to_wait(waiting) {
            recording.take(waiting, &mut self.scratch, out);
            return;
        }
        let part = slot as usize % PARTS;
        if !self.parts[part].has_room(waiting.payload.len()) {
            self.lay(part, None, out);
        }
        self.parts[part].push(slot, waiting);
        // Behind what was laid for it: after that nothing waits of either side.
        if let Some(recording) = self.get_mut(slot) {
            recording.waits[waiting.channel.side()] = true;
        }
    }

    /// Takes what the party on the left of the recording in `slot` heard of its room at `at`: the samples of a
    /// tick.
    pub(super) fn hear_room(&mut self, slot: u32, at: Time, pcm: &[i16], out: &mut dyn Transmit) {
        if let Some(Some(recording)) = self.slots.get_mut(slot as usize) {
            recording.hear_room(at, pcm, &mut self.scratch, out);
        }
    }

    /// What the next payload meets first of the recording in `slot`.
    #[inline]
    pub(super) fn place(&self, slot: u32, channel: Channel) -> Option<Range<*const u8>> {
        self.get(slot).map(|recording| recording.layout.place(channel))
    }

    /// Where it will lie or wait, or what else it meets. It looks at what it meets first.
    #[inline]
    pub(super) fn room(&self, slot: u32, channel: Channel) -> Option<[Range<*const u8>; 2]> {
        let recording = self.get(slot)?;
        Some(match recording.layout.room(channel) {
            Some(room) => [room, NOWHERE],
            None if recording.layout.is_used_up(channel) => recording.places(channel),
            None => self.parts[slot as usize % PARTS].room(),
        })
    }

    /// Lays what waits of the part whose turn it is.
    pub(super) fn lay_next(&mut self, now: Time, out: &mut dyn Transmit) {
        self.lay(self.next, Some(now), out);
        self.next = (self.next + 1) % PARTS;
    }

    /// Lays what waits of a part, but for what waits for others at `now`; without a time, all.
    #[inline(never)]
    fn lay(&mut self, part: usize, now: Option<Time>, out: &mut dyn Transmit) {
        let Recordings { slots, parts, scratch, .. } = self;
        let batch = &mut parts[part];
        batch.sort();
        // Where the recording in hand begins, and whether some of its packets call for a decoder.
        let (mut at, mut first, mut coded) = (0, 0, false);
        while let Some((slot, waiting)) = batch.get(at) {
            let begins = batch.begins(at).is_some();
            if begins {
                (first, coded) = (at, false);
            }
            let coming = |slot: u32| slots.get(slot as usize).and_then(Option::as_deref);
            if let Some(recording) = batch.begins(at + SOON).and_then(coming) {
                out.ahead(recording.place());
            }
            if let Some(recording) = batch.begins(at + NEXT).and_then(coming) {
                recording.layout.places().into_iter().for_each(|place| out.ahead(place));
            }
            batch.places(at).into_iter().flatten().for_each(|place| out.ahead(place));
            let Some(Some(recording)) = slots.get_mut(slot as usize) else {
                at += 1;
                continue;
            };
            if begins {
                recording.waits = [false; 2];
            }
            if let Some(placed) = recording.take(&waiting, scratch, out) {
                batch.note(at, placed);
                coded = true;
            }
            at += 1;
            if coded && (at == batch.len() || batch.begins(at).is_some()) {
                recording.decode(now, batch, first..at, scratch, out);
            }
        }
        batch.clear();
    }

    /// One is over at `now`; what is left of it leaves with [`Recordings::hand_on`].
    pub(super) fn end(&mut self, now: Time, id: RecordingId) -> Option<()> {
        let slot = self.by_id.remove(&id)?;
        let recording = self.get_mut(slot)?;
        recording.over = true;
        let samples = recording.length(now);
        self.ended.push_back((slot, samples));
        Some(())
    }

    /// What is left of some that are over is handed on; `told` of each one's name and of the samples
    /// a channel that its file has.
    pub(super) fn hand_on(
        &mut self,
        now: Time,
        out: &mut dyn Transmit,
        mut told: impl FnMut(RecordingId, u64),
    ) {
        if self.ended.len() <= MOST_ENDING && !out.takes_ends() {
            return;
        }
        for part in 0..PARTS {
            if self.ended.iter().any(|(slot, _)| *slot as usize % PARTS == part) {
                self.lay(part, Some(now), out);
            }
        }
        for _ in 0..ENDS_A_TICK {
            if self.ended.len() <= MOST_ENDING && !out.takes_ends() {
                return;
            }
            let Some((slot, samples)) = self.ended.pop_front() else { return };
            let Some(mut ended) = self.slots[slot as usize].take() else { continue };
            let recording = ended.id;
            let whole = ended.layout.close(samples, &mut Out { recording, out });
            let late = ended.layout.late();
            out.record(Recorded::End { recording, samples: whole, late });
            told(recording, whole);
        }
    }

    /// Whether some are over and not yet handed on.
    pub(super) fn are_ending(&self) -> bool {
        !self.ended.is_empty()
    }

    /// Whether it runs, or is over and not yet handed on.
    pub(super) fn has(&self, id: RecordingId) -> bool {
        let ending = |(slot, _): &(u32, u64)| self.get(*slot).is_some_and(|ended| ended.id == id);
        self.by_id.contains_key(&id) || self.ended.iter().any(ending)
    }

    pub(super) fn slot(&self, id: RecordingId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// The names of all that run.
    pub(super) fn ids(&self) -> Vec<RecordingId> {
        self.by_id.keys().copied().collect()
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Recording> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Recording> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::control::{Codec, RecordFormat};
    use crate::media::tap::Heard;
    use crate::media::{Kind, PortIndex};

    struct Nowhere;

    impl Transmit for Nowhere {
        fn send(&mut self, _: PortIndex, _: Kind, _: std::net::SocketAddr, _: &[u8]) {}
        fn record(&mut self, _: Recorded<'_>) {}
    }

    /// A payload for which a full batch made room waits all the same, and so has what follows it.
    #[test]
    fn what_waits_is_known_to_wait_when_room_was_made_for_it() {
        let mut recordings = Recordings::default();
        let recording = Recording::new(Time::ZERO, RecordingId(1), RecordFormat::Alaw, None);
        let slot = recordings.insert(recording).expect("the first");
        for n in 0..10_000u32 {
            let waiting = Waiting {
                arrival: Time::from_millis(u64::from(n) * 20),
                channel: Channel::Left,
                anew: false,
                aside: false,
                heard: Heard { ssrc: 7, sequence: n as u16, timestamp: n * 160, samples: 160 },
                codec: Codec::Opus,
                placed: None,
                payload: &[0; 40],
            };
            recordings.hear(slot, &waiting, &mut Nowhere);
            assert!(recordings.get(slot).expect("there").waits[0], "{n}");
        }
    }
}
