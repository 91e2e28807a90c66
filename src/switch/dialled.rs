//! A phone dials a feature code: the wish is noted, the slot's or the ringing call is taken.
//!
//! A code goes before the dialplan. What is wished is confirmed by a tone; what cannot be done is
//! refused, so that the phone's own display says so.

use crate::base::{Duration, LegId, Now};
use crate::call::Device;
use crate::call::codes::{self, Code};
use crate::call::wishes::Wish;
use crate::wire::q850::Cause;
use crate::wire::sip::Message;

use super::arrival::{Asks, Caller};
use super::leg::{Leg, Takes};
use super::{Level, Switch};

/// How long the confirmation lasts, and the pause in which it can be heard.
pub(super) const CONFIRMED: Duration = Duration::from_millis(1_500);

impl Switch {
    /// An INVITE of a phone that takes another call: `true`, and it is dealt with.
    pub(super) fn takes_a_call(
        &mut self,
        now: Now,
        who: &Asks,
        caller: &Caller,
        invite: &Message,
    ) -> bool {
        if !caller.device.is_phone() {
            return false;
        }
        let number = caller.device.number();
        let Some((code, rest)) = codes::read(&caller.to, &self.dialled_codes) else { return false };
        let rings = |leg| (leg, Takes::Ringing);
        let old = match code {
            Code::GroupPickup => self.ringing_for(number, None).map(rings),
            Code::Pickup => self.ringing_for(number, Some(rest)).map(rings),
            Code::Park => self
                .slot_of(&caller.to)
                .and_then(|slot| self.parked_in(slot))
                .map(|(_, parked)| (parked, Takes::Parked)),
            Code::DoNotDisturb
            | Code::Forward(_)
            | Code::SignIn
            | Code::SignOut
            | Code::Ready
            | Code::Break
            | Code::Finish
            | Code::Supervise(_) => return false,
        };
        match old {
            Some(old) => self.take_place(now, who, caller, invite, old),
            None => {
                let why = "there is no call to be taken";
                self.turn_away(now, who, 404, Some(Cause::UNALLOCATED_NUMBER), why);
            }
        }
        true
    }

    /// The leg that rings longest at a phone of a group of `number`'s, or at phone `at`.
    fn ringing_for(&self, number: &str, at: Option<&str>) -> Option<LegId> {
        let mut ringing: Vec<&Leg> =
            self.legs.values().map(Box::as_ref).filter(|leg| leg.ringing.is_some()).collect();
        ringing.sort_by_key(|leg| leg.ringing);
        let fits = |leg: &&&Leg| {
            let rings = self.dialing(leg.call).is_some_and(|dialing| dialing.hunt.rings(leg.id));
            let party = self.calls.get(&leg.call).and_then(|active| active.call.get(leg.id));
            let device = party.map(|party| &party.device).filter(|device| device.is_phone());
            let Some(theirs) = device.map(Device::number) else { return false };
            rings
                && theirs != number
                && at.is_none_or(|at| at == theirs)
                && self.config.are_grouped(number, theirs)
        };
        ringing.iter().find(fits).map(|leg| leg.id)
    }

    /// A code that needs no other call: `true`, and it is dealt with.
    pub(super) fn code_dialled(&mut self, now: Now, leg_id: LegId) -> bool {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return false };
        let Some(active) = self.calls.get(&id) else { return false };
        let device = active.call.get(leg_id).map(|party| &party.device);
        let Some(number) = device.filter(|d| d.is_phone()).map(|d| d.number().to_owned()) else {
            return false;
        };
        let to = active.to.clone();
        let (wish, value) = match codes::read(&to, &self.dialled_codes) {
            Some((Code::DoNotDisturb, _)) => {
                let on = self.wishes(&number).is_some_and(|wishes| wishes.do_not_disturb());
                (Wish::DoNotDisturb, if on { "" } else { "on" })
            }
            Some((Code::Forward(wish), to)) => (wish, to),
            Some((
                code @ (Code::SignIn | Code::SignOut | Code::Ready | Code::Break | Code::Finish),
                rest,
            )) => {
                self.agent_code(now, leg_id, &number, code, rest);
                return true;
            }
            Some((Code::Supervise(act), agent)) => {
                let agent = agent.to_owned();
                self.supervise_code(now, leg_id, &number, act, &agent);
                return true;
            }
            _ => return false,
        };
        let forwards = wish != Wish::DoNotDisturb && !value.is_empty();
        if forwards && !self.is_forwardable(now, &number, value) {
            let line =
                format!("{number} wishes to forward to {value}, which it could not dial itself");
            self.log(Level::Info, line);
            if let Some(leg) = self.legs.get(&leg_id) {
                let cause = Some(Cause::UNALLOCATED_NUMBER);
                self.refuse(now, leg.session, 404, cause, vec![]);
            }
            return true;
        }
        self.wish(now, &number, wish, value);
        self.confirm(now, leg_id, !value.is_empty());
        true
    }
}
