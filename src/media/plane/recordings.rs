//! Which legs are being recorded, and where their packets lie on the recording's clock.
//!
//! A leg carries the [`TapPoint`]s of the recordings that listen to it, so that the packet path of a
//! leg without any pays one look at a small array. Here each recording keeps a
//! [`Placer`] for each of its two channels; what it places is handed to
//! [`Transmit::tap`](super::Transmit::tap).

use std::collections::BTreeMap;

use crate::base::{RecordingId, Time};
use crate::media::tap::{Channel, Heard, Placement, Placer};

/// Where a leg's packets are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media) struct TapPoint {
    /// Slot of the recording.
    pub(super) recording: u32,
    /// On which side.
    pub(super) channel: Channel,
}

/// One running recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) id: RecordingId,
    /// Slots of the legs on the left and on the right.
    legs: [Option<u32>; 2],
    pub(super) paused: bool,
    placers: [Placer; 2],
}

impl Recording {
    /// One that begins at `now`.
    pub(super) fn new(now: Time, id: RecordingId) -> Recording {
        let placers = [Placer::new(now), Placer::new(now)];
        Recording { id, legs: [None; 2], paused: false, placers }
    }

    /// Where a packet belongs; `None`: nowhere, or nothing is to be kept now.
    pub(super) fn place(&mut self, now: Time, channel: Channel, heard: Heard) -> Option<Placement> {
        let placement = self.placers[side(channel)].place(now, heard);
        placement.filter(|_| !self.paused)
    }

    /// The slot of the leg that speaks on `channel`.
    pub(super) fn leg(&self, channel: Channel) -> Option<u32> {
        self.legs[side(channel)]
    }

    /// Another leg speaks on `channel`.
    pub(super) fn change(&mut self, channel: Channel, leg: Option<u32>) {
        self.legs[side(channel)] = leg;
        self.placers[side(channel)].reset();
    }

    /// Samples a channel so far.
    pub(super) fn length(&self, now: Time) -> u64 {
        self.placers[0].clock(now)
    }
}

fn side(channel: Channel) -> usize {
    match channel {
        Channel::Left => 0,
        Channel::Right => 1,
    }
}

/// All recordings of one worker.
#[derive(Debug, Default)]
pub(super) struct Recordings {
    slots: Vec<Option<Recording>>,
    by_id: BTreeMap<RecordingId, u32>,
}

impl Recordings {
    /// Adds one; `None` when that id is there already.
    pub(super) fn insert(&mut self, recording: Recording) -> Option<u32> {
        if self.by_id.contains_key(&recording.id) {
            return None;
        }
        let free = self.slots.iter().position(Option::is_none);
        let slot = free.unwrap_or(self.slots.len());
        self.by_id.insert(recording.id, slot as u32);
        match free {
            Some(slot) => self.slots[slot] = Some(recording),
            None => self.slots.push(Some(recording)),
        }
        Some(slot as u32)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: RecordingId) -> Option<Recording> {
        let slot = self.by_id.remove(&id)?;
        self.slots[slot as usize].take()
    }

    pub(super) fn slot(&self, id: RecordingId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Recording> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }
}
