//! The legs of one worker: by slot on the packet path, by id for commands.

use std::collections::BTreeMap;

use crate::base::{LegId, Time};
use crate::media::leg::Leg;

/// All legs. A slot is given to another leg only after its own is gone.
#[derive(Debug, Default)]
pub(super) struct Legs {
    slots: Vec<Option<Box<Leg>>>,
    /// When each is to be looked at for its chores, beside the others': the legs themselves lie far
    /// apart.
    looks: Vec<Time>,
    free: Vec<u32>,
    by_id: BTreeMap<LegId, u32>,
}

impl Legs {
    /// The slot that [`Legs::insert`] will use next.
    pub(super) fn next_slot(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.slots.len() as u32)
    }

    /// Puts a leg into [`Legs::next_slot`].
    pub(super) fn insert(&mut self, leg: Leg) -> u32 {
        let slot = self.next_slot();
        self.by_id.insert(leg.id, slot);
        match self.free.pop() {
            Some(slot) => self.slots[slot as usize] = Some(Box::new(leg)),
            None => {
                self.slots.push(Some(Box::new(leg)));
                self.looks.push(Time::ZERO);
            }
        }
        self.look_soon(slot);
        slot
    }

    /// Takes a leg out.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Box<Leg>> {
        let leg = self.slots.get_mut(slot as usize)?.take()?;
        self.by_id.remove(&leg.id);
        self.free.push(slot);
        Some(leg)
    }

    /// The slot of a leg.
    pub(super) fn slot(&self, id: LegId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Leg> {
        self.slots.get(slot as usize)?.as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Leg> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// A leg and its partner; the partner is `None` when there is none, and when it is the leg itself.
    #[inline]
    pub(super) fn with_partner(&mut self, slot: u32) -> Option<(&mut Leg, Option<&mut Leg>)> {
        let partner = self.get(slot)?.partner.filter(|p| *p != slot);
        let Some(partner) = partner else {
            return self.get_mut(slot).map(|leg| (leg, None));
        };
        match self.slots.get_disjoint_mut([slot as usize, partner as usize]) {
            Ok([leg, partner]) => Some((leg.as_deref_mut()?, partner.as_deref_mut())),
            Err(_) => None,
        }
    }

    /// Two legs.
    #[inline]
    pub(super) fn pair(&mut self, one: u32, other: u32) -> Option<(&mut Leg, &mut Leg)> {
        let [one, other] = self.slots.get_disjoint_mut([one as usize, other as usize]).ok()?;
        Some((one.as_deref_mut()?, other.as_deref_mut()?))
    }

    /// Something may be due on it before it said it would be.
    pub(super) fn look_soon(&mut self, slot: u32) {
        self.look_at(slot, Time::ZERO);
    }

    /// Nothing is due on it before.
    pub(super) fn look_at(&mut self, slot: u32, at: Time) {
        if let Some(look) = self.looks.get_mut(slot as usize) {
            *look = at;
        }
    }

    /// Whether something may be due on it.
    pub(super) fn wants_look(&self, slot: u32, now: Time) -> bool {
        self.looks.get(slot as usize).is_some_and(|at| *at <= now)
    }

    /// Bytes that they hold, and of these those of jitter buffers; coders' own memory is not in it.
    pub(super) fn held(&self) -> (usize, usize) {
        let room = size_of::<Option<Box<Leg>>>() + size_of::<Time>() + size_of::<u32>();
        let legs = self.slots.iter().flatten();
        let (own, buffers) = legs.fold((0, 0), |(own, buffers), leg| {
            let (more, buffer) = leg.held();
            (own + more, buffers + buffer)
        });
        (self.slots.capacity() * room + own, buffers)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Slots to go through, empty ones among them.
    pub(super) fn slots(&self) -> core::ops::Range<u32> {
        0..self.slots.len() as u32
    }
}
