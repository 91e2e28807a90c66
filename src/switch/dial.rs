//! A dial step: legs are made for targets, rung, and the first that answers is connected.

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::dialling::Why;
use crate::call::{ConnectionState, Dialling, Failure, Step};
use crate::dialplan::effect::{Dial, DialEnd, DialFailure, Happening, Target};
use crate::media::negotiate;
use crate::wire::q850::Cause;
use crate::wire::sdp::Sdp;

use super::active::{Dialing, Doing};
use super::effects::q850;
use super::fact::{EndedBy, FactKind};
use super::leg::Stage;
use super::{Level, Switch};

impl Switch {
    /// Begins to dial. `Some`: it has come to nothing already.
    pub(super) fn dial(&mut self, now: Now, id: CallId, dial: Dial) -> Option<Happening> {
        let active = self.calls.get_mut(&id)?;
        if let Some(mut rung) = active.rung.take_if(|rung| rung.dial.groups == dial.groups) {
            // They ring already, for whoever sent the call there: no answer is lost on its way.
            rung.dial = dial;
            active.doing = Doing::Dialling(rung);
            self.meanwhile(now, id, true);
            return None;
        }
        let ring = Duration::from_millis(u64::from(dial.ring_ms));
        let hunt = Dialling::new(dial.groups.clone(), ring);
        active.doing = Doing::Dialling(Box::new(Dialing {
            hunt,
            dial,
            legs: Vec::new(),
            ways: Vec::new(),
            diverted: Vec::new(),
            later: Vec::new(),
            instead: Vec::new(),
            early: None,
        }));
        let lost = self.next_group(now, id);
        if lost.is_none() {
            self.meanwhile(now, id, false);
        }
        lost
    }

    /// Rings the next group that has somebody to ring; when there is none, the dial is lost.
    fn next_group(&mut self, now: Now, id: CallId) -> Option<Happening> {
        loop {
            let Doing::Dialling(dialing) = &mut self.calls.get_mut(&id)?.doing else { return None };
            // Devices that were to ring later are of the group that is over.
            dialing.later.clear();
            let targets = match dialing.hunt.next_group(now.at) {
                Ok(targets) => targets,
                Err(_) if self.offers_over(now, id) => return None,
                Err(failure) => return Some(self.lost(id, failure)),
            };
            for target in targets {
                self.ring_target(now, id, target);
            }
            let Doing::Dialling(dialing) = &self.calls.get(&id)?.doing else { return None };
            if dialing.hunt.settled() == Step::Wait {
                return None;
            }
        }
    }

    /// Nobody answered: what the plan hears.
    fn lost(&mut self, id: CallId, failure: Failure) -> Happening {
        if let Some(active) = self.calls.get_mut(&id) {
            active.last_cause = Some(failure.cause);
            active.last_refusal = Some((failure.cause, failure.status));
            let subject = active.subject();
            self.stop_play(subject);
        }
        let why = match failure.why {
            Why::Busy => DialFailure::Busy,
            Why::NoAnswer => DialFailure::NoAnswer,
            Why::Rejected => DialFailure::Rejected,
            Why::Failed => DialFailure::of(crate::dialplan::Cause(failure.cause.value())),
        };
        Happening::Dialed(DialEnd::Failed {
            why,
            cause: crate::dialplan::Cause(failure.cause.value()),
        })
    }

    /// Makes the legs of one target, or notes why there is none.
    fn ring_target(&mut self, now: Now, id: CallId, target: Target) {
        let made = self.ring_one(now, id, &target);
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        let mut rung = Vec::new();
        let brief = dialing.dial.brief.iter().find(|(to, _)| *to == target);
        let until = brief.map(|(_, ms)| now.at + Duration::from_millis(u64::from(*ms)));
        match made {
            Ok(legs) => {
                rung.extend(legs.iter().map(|(leg, _)| *leg));
                for (leg, target) in legs {
                    dialing.hunt.attempt(leg);
                    if let Some(until) = until {
                        dialing.hunt.rings_until(leg, until);
                    }
                    dialing.legs.push((leg, target));
                    // A mobile rings on beside the next devices.
                    if self.legs.get(&leg).is_some_and(|leg| leg.gateway.is_none()) {
                        dialing.limit(leg);
                    }
                }
            }
            Err(failure) => dialing.hunt.refused(failure),
        }
        self.sent_on(now, id, &target, &rung);
        for leg in rung {
            if let Some(phone) = self.phone_of(leg) {
                self.line_changed(now, &phone);
            }
        }
    }

    /// The legs of one target, each with the target that it is for in the end: a phone's user may have
    /// wished for another one.
    pub(super) fn ring_one(
        &mut self,
        now: Now,
        id: CallId,
        target: &Target,
    ) -> Result<Vec<(LegId, Target)>, Failure> {
        match target {
            Target::Phone { number } => self.ring_phone(now, id, number),
            Target::Gateway { name, number } => {
                self.ring_trunk(now, id, name, number).map(|leg| vec![(leg, target.clone())])
            }
            Target::Fail { cause } => Err(failure(q850(*cause), 0)),
        }
    }

    /// A called leg answered.
    pub(super) fn answered(&mut self, now: Now, leg_id: LegId, sdp: Option<Vec<u8>>) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.stage = Stage::Answered;
        leg.answered = Some(now.at);
        let fits = sdp.is_none_or(|sdp| self.accept_answer(leg_id, &sdp))
            && self.legs.get(&leg_id).is_some_and(|leg| leg.params.is_some());
        if !fits {
            // Its answer is none, or not to our offer: the call cannot be heard.
            self.log(
                Level::Warning,
                format!("{} answered without a usable session description", self.who(leg_id)),
            );
            let incompatible = Cause::INCOMPATIBLE_DESTINATION;
            self.hang_up(now, leg_id, incompatible, EndedBy::Fault);
            return self.leg_failed(now, leg_id, failure(incompatible, 488));
        }
        self.tones_after_answer(leg_id);
        if !self.asks_to_confirm(now, leg_id) {
            self.takes_call(now, leg_id);
        }
    }

    /// Whoever answered a called leg takes the call.
    pub(super) fn takes_call(&mut self, now: Now, leg_id: LegId) {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        self.fact(now, FactKind::LegAnswered { call: id, leg: leg_id });
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.call.enter(leg_id, ConnectionState::Connected, now.at);
        let step = match &mut active.doing {
            Doing::Dialling(dialing) => dialing.hunt.answered(leg_id),
            Doing::Summoning(_) => {
                self.consults.remove(&id);
                if !self.campaign_answered(now, id, leg_id) {
                    self.care_call_answered(now, id);
                    self.begin_plan(now, leg_id);
                }
                return;
            }
            Doing::SummoningBack(_) => return self.agent_takes_back(now, id, leg_id),
            _ => Step::Stray,
        };
        match step {
            Step::Won { leg, cancel } => {
                self.cancel(now, &cancel, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan);
                if !self.agent_takes(now, id, leg) {
                    self.hang_up(now, leg, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan);
                    self.offers_over(now, id);
                    return;
                }
                self.connect(now, id, leg);
            }
            _ => self.hang_up(now, leg_id, Cause::NON_SELECTED_USER_CLEARING, EndedBy::Plan),
        }
    }

    /// A called leg is out: refused, unreachable, or of no use.
    pub(super) fn leg_failed(&mut self, now: Now, leg_id: LegId, failure: Failure) {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        if !self.overflows(now, leg_id, failure) && !self.turns_to_next(now, leg_id, failure) {
            self.diverts(now, leg_id, failure);
        }
        self.offer_failed(now, id, leg_id, failure);
        self.back_leg_failed(id, failure);
        self.campaign_leg_failed(id, leg_id, failure);
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Doing::Dialling(dialing) = &mut active.doing else { return };
        if dialing.early == Some(leg_id) {
            dialing.early = None;
        }
        let step = dialing.hunt.failed(leg_id, failure);
        self.step(now, id, step);
    }

    /// The group's time is over.
    pub(super) fn dial_wake(&mut self, now: Now, id: CallId) {
        self.devices_due(now, id);
        let Some(Doing::Dialling(dialing)) = self.calls.get_mut(&id).map(|a| &mut a.doing) else {
            return;
        };
        let step = dialing.hunt.wake(now.at);
        if let Step::Next { cancel } = &step {
            self.unanswered(now, id, cancel);
        }
        self.step(now, id, step);
    }

    fn step(&mut self, now: Now, id: CallId, step: Step) {
        let (cancel, next) = match step {
            Step::Next { cancel } => (cancel, true),
            Step::Fewer { cancel } => (cancel, false),
            Step::Wait | Step::Won { .. } | Step::Stray => return self.rearm(id),
        };
        self.early_over(id, &cancel);
        self.cancel(now, &cancel, Cause::NO_ANSWER, EndedBy::Limit);
        if next && let Some(lost) = self.next_group(now, id) {
            self.run(now, id, lost);
        }
        self.rearm(id);
    }

    /// Legs that still ring are not wanted any more.
    fn cancel(&mut self, now: Now, legs: &[LegId], cause: Cause, by: EndedBy) {
        for leg in legs {
            self.hang_up(now, *leg, cause, by);
        }
    }

    /// The answer to our offer: `false` when it fits nothing.
    pub(super) fn accept_answer(&mut self, leg_id: LegId, sdp: &[u8]) -> bool {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return false };
        let Some(local) = leg.local.as_mut() else { return false };
        let Ok(answer) = Sdp::parse(sdp) else { return false };
        match negotiate::accept_answer(local, &answer) {
            Ok(params) => {
                leg.params = Some(params);
                self.learn_savp(leg_id, true);
                self.set_media(leg_id);
                true
            }
            Err(why) => {
                let line = format!("{}: its answer is of no use: {why}", self.who(leg_id));
                self.log(Level::Warning, line);
                false
            }
        }
    }
}

/// A failure by its cause, with the status that goes with it.
pub(super) fn failure(cause: Cause, status: u16) -> Failure {
    let why = match cause {
        Cause::USER_BUSY => Why::Busy,
        Cause::NO_USER_RESPONSE | Cause::NO_ANSWER => Why::NoAnswer,
        Cause::CALL_REJECTED => Why::Rejected,
        _ => Why::Failed,
    };
    Failure { why, status, cause }
}
