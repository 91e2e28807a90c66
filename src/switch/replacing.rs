//! INVITE with Replaces (RFC 3891): a phone takes the place of a device in a call, its own other one or
//! one of its group that rings (directed pickup from a busy lamp).
//!
//! ```text
//!   customer ══ 1001 rings          1002: INVITE, Replaces: 1001's dialog
//!        └═════════════════ 1002    200; 1001: CANCEL, "Call completed elsewhere"
//!
//!   customer ══ 1001, desk          1001, mobile: INVITE, Replaces: the desk's dialog
//!        └═════════════════ mobile  200; desk: BYE
//! ```
//!
//! Who may: a phone its own devices' calls; what rings, also phones of one group (§4 asks for no less:
//! whoever knows the tags could take any call otherwise). Nobody takes what another phone talks.
//!
//! The new leg's port is opened on the RTP worker of the call that it joins. Not here: REFER with
//! Replaces, where two calls of one phone are joined (`consult`); Join (RFC 3911).

use crate::base::{CallId, LegId, Now};
use crate::call::{Device, Step};
use crate::dialplan::effect::Target;
use crate::sip::Named;
use crate::wire::q850::Cause;
use crate::wire::sip::{Message, Replaces};

use super::Switch;
use super::active::Doing;
use super::arrival::{Asks, Caller};
use super::fact::{EndedBy, FactKind};
use super::leg::{Leg, Stage, Takes};

/// Why a device is not replaced: the status, and why in words.
type Refused = (u16, &'static str);

impl Switch {
    /// An INVITE wants the place of another dialog: refused at once, or a leg is made for it.
    pub(super) fn replacing(
        &mut self,
        now: Now,
        who: &Asks,
        caller: &Caller,
        invite: &Message,
        replaces: &Replaces,
    ) {
        let old = match self.replaceable(&caller.device, replaces) {
            Ok(old) => old,
            Err((status, why)) => return self.turn_away(now, who, status, None, why),
        };
        self.take_place(now, who, caller, invite, old);
    }

    /// Makes the leg that takes the place of `old`, or the call out of its slot, once it has a port.
    pub(super) fn take_place(
        &mut self,
        now: Now,
        who: &Asks,
        caller: &Caller,
        invite: &Message,
        old: (LegId, Takes),
    ) {
        let Some(offer) = self.offer_of(now, who, invite) else { return };
        let Some(call) = self.legs.get(&old.0).map(|leg| leg.call) else { return };
        let leg = self.new_leg_id();
        let Some(active) = self.calls.get_mut(&call) else { return };
        if !active.call.add(leg, caller.device.clone(), now.at) {
            let cause = Some(Cause::SWITCH_CONGESTION);
            return self.turn_away(now, who, 503, cause, "the call has too many parties");
        }
        let (session, flow) = (who.session, who.flow);
        let new = Leg::new(leg, call, session, flow, None, caller.dtmf, caller.codecs.clone());
        self.add_leg(now, Leg { offer, srtp: caller.srtp, takes: Some(old), ..new });
    }

    /// The leg that `device` asks to take the place of, if it may (§3, in its order).
    fn replaceable(&self, device: &Device, replaces: &Replaces) -> Result<(LegId, Takes), Refused> {
        const UNKNOWN: Refused = (481, "it would replace a dialog that is not there");
        let (session, rings) = match self.agent.named(replaces) {
            Named::Nothing => return Err(UNKNOWN),
            Named::Ended => return Err((603, "it would replace a call that is over")),
            Named::Confirmed(_) if replaces.early_only => {
                return Err((486, "it would replace a call that was answered meanwhile"));
            }
            Named::Confirmed(session) => (session, false),
            Named::Early(session) => (session, true),
        };
        let old = *self.sessions.get(&session).ok_or(UNKNOWN)?;
        let (active, theirs) = self.party_on(old).ok_or(UNKNOWN)?;
        if !(device.is_phone() && theirs.is_phone()) {
            return Err((403, "only a phone may take the place of a phone"));
        }
        let same = device.number() == theirs.number();
        let grouped = rings && self.config.are_grouped(device.number(), theirs.number());
        if !(same || grouped) {
            return Err((403, "it would take the call of a phone that it has no group with"));
        }
        let takes = if rings { Takes::Ringing } else { Takes::Talk };
        match self.is_to_be_had(active.id(), old, takes) {
            true => Ok((old, takes)),
            false => Err((488, "the call is in no state to be taken over")),
        }
    }

    fn party_on(&self, leg: LegId) -> Option<(&super::active::Active, &Device)> {
        let active = self.calls.get(&self.legs.get(&leg)?.call)?;
        Some((active, &active.call.get(leg)?.device))
    }

    /// Whether `old` still is what somebody wants to take over.
    fn is_to_be_had(&self, id: CallId, old: LegId, takes: Takes) -> bool {
        let Some(active) = self.calls.get(&id) else { return false };
        let Some(leg) = self.legs.get(&old).filter(|leg| leg.call == id) else { return false };
        match (takes, &active.doing) {
            (Takes::Ringing, Doing::Dialling(dialing)) => {
                matches!(leg.stage, Stage::Early | Stage::Opening) && dialing.hunt.rings(old)
            }
            (Takes::Talk, Doing::Talking { .. }) => {
                leg.stage == Stage::Answered
                    && active.call.peer(old).is_some()
                    && active.is_plain_talk()
            }
            (Takes::Parked, Doing::Parked { .. }) => active.subject() == old,
            _ => false,
        }
    }

    /// The new leg has its port: it takes the place of `old`, if that still is what it was. While the
    /// port was being opened another one may have taken it, and what talks by now is nobody's to take.
    pub(super) fn take_over(&mut self, now: Now, leg_id: LegId, (old, takes): (LegId, Takes)) {
        let Some(leg) = self.legs.get(&leg_id) else { return };
        let (id, session) = (leg.call, leg.session);
        if !self.is_to_be_had(id, old, takes) {
            let (status, cause) = match self.legs.get(&old).map(|old| old.stage) {
                Some(Stage::Answered) => (486, Cause::USER_BUSY),
                _ => (481, Cause::CALL_REJECTED),
            };
            return self.refuse(now, session, status, Some(cause), vec![]);
        }
        match takes {
            Takes::Ringing => self.take_ringing(now, id, leg_id, old),
            Takes::Talk => self.take_talk(now, id, leg_id, old),
            Takes::Parked => self.take_parked(now, id, leg_id, old),
        }
        // An agent who takes such a call has one of its own.
        if let Some(phone) = self.phone_of(leg_id) {
            self.line_changed(now, &phone);
        }
    }

    /// A call that rings at `old` is answered at `leg`.
    fn take_ringing(&mut self, now: Now, id: CallId, leg: LegId, old: LegId) {
        self.answer(now, leg);
        self.fact(now, FactKind::Replaced { call: id, old, leg });
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(device) = active.call.get(leg).map(|party| party.device.clone()) else { return };
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        dialing.hunt.attempt(leg);
        dialing.legs.push((leg, Target::Phone { number: device.number().into() }));
        let Step::Won { leg, cancel } = dialing.hunt.answered(leg) else { return };
        // An agent who takes a queue's caller at another device of his phone has answered him.
        let own = active.call.get(old).is_some_and(|rung| rung.device.number() == device.number());
        if own {
            self.rings_instead(now, id, old, &[leg]);
        }
        let cause = Cause::NON_SELECTED_USER_CLEARING;
        for other in cancel {
            self.hang_up(now, other, cause, EndedBy::Plan);
        }
        if own && !self.agent_takes(now, id, leg) {
            self.hang_up(now, leg, cause, EndedBy::Plan);
            self.offers_over(now, id);
            return;
        }
        self.connect(now, id, leg);
    }

    /// Whoever talks with `old` talks with `leg` from here.
    fn take_talk(&mut self, now: Now, id: CallId, leg: LegId, old: LegId) {
        self.answer(now, leg);
        self.fact(now, FactKind::Replaced { call: id, old, leg });
        let Some(peer) = self.part(now, id, old) else { return };
        let Some(active) = self.calls.get_mut(&id) else { return };
        let number = active.call.get(leg).map(|party| party.device.number().to_owned());
        if let Doing::Talking { with, target, .. } = &mut active.doing
            && *with == old
        {
            *with = leg;
            *target = Target::Phone { number: number.unwrap_or_default() };
        }
        if active.call.subject == old {
            active.call.subject = leg;
        }
        let subject = active.call.subject;
        self.unit_replaced(id, old, leg);
        let other = if subject == leg { peer } else { leg };
        self.talks_on_at(old, leg);
        self.rejoin(now, id, subject, other);
        self.hang_up(now, old, Cause::NORMAL_CLEARING, EndedBy::Plan);
        self.rearm(id);
    }
}
