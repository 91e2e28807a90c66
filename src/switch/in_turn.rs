//! The devices of one phone in turn, by the `q` that each registered with (RFC 3261 §16.6 step 3), where the phone's
//! `q_after` says so.
//!
//! ```text
//!  q 0.9  desk ──── q_after, or refused ─▶ q 0.5  softphone, flat ──── … ─▶ mobile's and forwards' turn
//!                   603: nowhere else
//! ```
//!
//! Those of one `q` ring together. A queue's caller rings all of an agent's at once: its offer has a time of its own. The mobile of a phone rings with the first of them. What follows when all have failed,
//! a forward or another target, is the dial's ([`dial`](super::dial), [`forwarding`](super::forwarding)).

use std::collections::VecDeque;

use crate::base::{CallId, LegId, Now};
use crate::call::Failure;
use crate::config::Phone;
use crate::dialplan::effect::Target;
use crate::sip::Binding;

use super::Switch;
use super::active::{Dialing, Doing, Later};
use super::forwarding::phone_of;

impl Switch {
    /// Of a phone's devices those that are rung first; the others are kept for later, where they have their turns.
    pub(super) fn first_devices(
        &mut self,
        now: Now,
        id: CallId,
        phone: &Phone,
        bindings: Vec<Binding>,
    ) -> Vec<Binding> {
        let number = phone.number.to_string();
        let queued = self.calls.get(&id).is_some_and(|active| active.queued.is_some());
        let in_turn = !phone.q_after.is_zero() && !queued;
        let Some(dialing) = self.dialing_mut(id).filter(|_| in_turn) else {
            return bindings;
        };
        let mut tiers = by_q(bindings);
        let first = tiers.pop_front().unwrap_or_default();
        dialing.later.retain(|later| later.phone != number);
        if !tiers.is_empty() {
            dialing.later.push(Later { phone: number, tiers, due: now.at + phone.q_after });
        }
        first
    }

    /// What was kept for later, where none of the first can be rung.
    pub(super) fn later_devices(&mut self, id: CallId, number: &str) -> Vec<Binding> {
        let dialing = self.dialing_mut(id);
        let later =
            dialing.and_then(|dialing| dialing.later.iter_mut().find(|it| it.phone == number));
        later.map(|later| later.tiers.drain(..).flatten().collect()).unwrap_or_default()
    }

    /// A leg has failed: the next devices of its phone are rung, if it was the last that rang of those before them.
    pub(super) fn turns_to_next(&mut self, now: Now, leg_id: LegId, failed: Failure) -> bool {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return false };
        let Some(dialing) = self.dialing_mut(id) else { return false };
        let Some(number) = phone_of(dialing, leg_id) else { return false };
        if failed.status >= 600 {
            dialing.later.retain(|later| later.phone != number);
            return false;
        }
        let Some(dialing) = self.dialing(id) else { return false };
        // A mobile rings beside all of them.
        let is_device = |leg: &LegId| self.legs.get(leg).is_some_and(|leg| leg.gateway.is_none());
        let other = |(leg, _): &(LegId, Target)| {
            *leg != leg_id
                && dialing.hunt.rings(*leg)
                && phone_of(dialing, *leg).as_ref() == Some(&number)
                && is_device(leg)
        };
        let was_last = dialing.hunt.rings(leg_id) && !dialing.legs.iter().any(other);
        was_last && self.ring_next_devices(now, id, &number)
    }

    /// The time of some devices is over: the next are rung, before those are cancelled.
    pub(super) fn devices_due(&mut self, now: Now, id: CallId) {
        // What is due as its group ends would be rung to be cancelled at once.
        let Some(dialing) = self.dialing(id).filter(|dialing| !dialing.hunt.is_over(now.at)) else {
            return;
        };
        let due =
            dialing.later.iter().filter(|later| later.due <= now.at && !later.tiers.is_empty());
        let due: Vec<String> = due.map(|later| later.phone.clone()).collect();
        for number in due {
            self.ring_next_devices(now, id, &number);
        }
    }

    /// Rings the next devices of a phone that can be. False: there are none.
    fn ring_next_devices(&mut self, now: Now, id: CallId, number: &str) -> bool {
        let Some(phone) = self.config.phone(number).cloned() else { return false };
        loop {
            let later = |dialing: &mut Dialing| {
                let later = dialing.later.iter_mut().find(|later| later.phone == number)?;
                later.due = now.at + phone.q_after;
                later.tiers.pop_front()
            };
            let Some(tier) = self.dialing_mut(id).and_then(later) else { return false };
            let made = self.ring_bindings(now, id, &phone, tier);
            let Some(dialing) = self.dialing_mut(id) else { return false };
            for leg in &made {
                dialing.hunt.attempt(*leg);
                dialing.legs.push((*leg, Target::Phone { number: number.into() }));
                dialing.limit(*leg);
            }
            if !made.is_empty() {
                self.line_changed(now, number);
                return true;
            }
        }
    }

    fn dialing_mut(&mut self, id: CallId) -> Option<&mut Dialing> {
        match &mut self.calls.get_mut(&id)?.doing {
            Doing::Dialling(dialing) => Some(dialing),
            _ => None,
        }
    }
}

impl Dialing {
    /// A leg that rings for a phone with further devices rings until their turn.
    pub(super) fn limit(&mut self, leg: LegId) {
        let Some(number) = phone_of(self, leg) else { return };
        let later = self.later.iter().find(|later| later.phone == number);
        if let Some(later) = later.filter(|later| !later.tiers.is_empty()) {
            self.hunt.rings_until(leg, later.due);
        }
    }
}

/// Those of one `q` each, the highest first.
fn by_q(mut bindings: Vec<Binding>) -> VecDeque<Vec<Binding>> {
    bindings.sort_by_key(|binding| core::cmp::Reverse(binding.q));
    let mut tiers: VecDeque<Vec<Binding>> = VecDeque::new();
    for binding in bindings {
        match tiers.back_mut().filter(|tier| tier[0].q == binding.q) {
            Some(tier) => tier.push(binding),
            None => tiers.push_back(vec![binding]),
        }
    }
    tiers
}
