//! Phones on duty are rung for a case that no agent has ([`care::duty`](crate::care::duty) says for which and when), and who
//! takes it on has the home.
//!
//! ```text
//!  call to each phone ─▶ the plan's context care-duty: who, where, what ─▶ accept ─▶ the others end
//!                                                        ├─ nobody is on the home's line: "the case is yours"; it is called, by no plan
//!                                                        └─ the home is on the line: the plan goes on (its conference)
//! ```

use std::collections::BTreeSet;

use crate::base::{CallId, Duration, Now};
use crate::call::dialling::Why as Failed;
use crate::care::duty::MOST_PHONES;
use crate::care::{Case, Subscriber};
use crate::switch::active::{Active, Doing};
use crate::switch::dial::failure;
use crate::switch::fact::EndedBy;
use crate::switch::leg::Stage;
use crate::switch::rooms::gather::of_case;
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

use super::calls::Why;

/// How long a prompt that says why the home is not reached may be.
const SAYS_WHY: Duration = Duration::from_secs(6);
/// Words of a place for which the library has a prompt, `care/place-bathroom`.
const PLACES: [&str; 6] = ["home", "outdoors", "bathroom", "bedroom", "kitchen", "living room"];

impl Switch {
    /// The phones on duty are wanted for a case, not before `after`.
    pub(super) fn duty_for(&mut self, now: Now, case: u64, priority: u8, after: Duration) {
        if self.config.care.phones.as_ref().is_some_and(|phones| !phones.is_empty()) {
            self.care.duty.want(now.at + after, case, priority);
        }
    }

    /// What is due of them.
    pub(super) fn duty_due(&mut self, now: Now) {
        while let Some((case, nth)) = self.care.duty.next(now.at) {
            let Some(own) = self.care.cases.get(case) else {
                self.care.duty.settle(now.at, case);
                continue;
            };
            let account = own.account.clone();
            if own.call().is_some_and(|call| self.is_live(call)) {
                // Whoever is to talk to the home is rung by the plan of its call.
                self.care.duty.begun(now.at);
                continue;
            }
            for phone in self.free_duty_phones(now) {
                let why = Why::Duty { case };
                if let Ok(call) = self.call_out(now, (&account, &phone), why, nth) {
                    self.care.duty.rings(call);
                }
            }
            if !self.care.duty.begun(now.at) {
                if let Some(more) = self.care.held.may(now.at) {
                    let line = format!(
                        "case {case}: no phone on duty ([care] phones) can be rung now ({more} more were held)"
                    );
                    self.log(Level::Error, line);
                }
                // The others fare the same: each after its pause.
                return;
            }
        }
    }

    /// The phones on duty that are there and not in a call.
    fn free_duty_phones(&self, now: Now) -> Vec<String> {
        let all = self.config.care.phones.iter().flatten().take(MOST_PHONES);
        let free = all.map(ToString::to_string).filter(|number| {
            // What is no phone of ours is called by the trunk.
            let Some(phone) = self.config.phone(number) else { return true };
            let there = phone.mobile.is_some() || !self.registrar.lookup(now.at, number).is_empty();
            there && self.lines.of(number).next().is_none()
        });
        free.collect()
    }

    /// Somebody at the home's end is on the line: it has called, or has answered.
    fn is_live(&self, call: CallId) -> bool {
        let called = self.care.calls.contains_key(&call);
        let active = self.calls.get(&call).filter(|active| active.ended.is_none());
        active.is_some_and(|active| !called || active.interp.is_some() || active.planless)
    }

    /// Who is called on duty takes the case on. `true`: his plan is over, and the home is called for him; `false`: it is on the
    /// line already, and his plan goes on.
    pub(super) fn duty_accepted(&mut self, now: Now, id: CallId) -> bool {
        let number = self.calls.get(&id).map(|active| active.from.clone()).unwrap_or_default();
        let Some((case, others)) = self.care.duty.accept(now.at, id) else {
            let line = format!("call {id}: {number} takes on what somebody has taken on before");
            self.log(Level::Info, line);
            self.end_duty_call(now, id);
            return true;
        };
        self.log(Level::Info, format!("case {case}: {number}, on duty, takes it on"));
        self.end_duty_calls(now, others);
        let home = self.care.cases.get(case).and_then(Case::call);
        if home.is_some_and(|home| self.is_live(home)) {
            return false;
        }
        // From here on it is his call to the home, as an agent's is.
        self.care.calls.remove(&id);
        self.unit_rings_no_more(now, case);
        self.offer_settled(now, case, Some(id));
        self.offer_taken(now, case, id);
        if let Some(active) = self.calls.get_mut(&id) {
            active.interp = None;
        }
        if let Some(leg) = self.calls.get(&id).map(|active| active.subject()) {
            // Over the ringing tone of the home's phone.
            let yours = vec![self.prompt(leg, "care/duty-taken")];
            self.play_over(now, id, leg, yours);
        }
        self.offer_dials(now, id, case);
        // The phones are free for the next case.
        self.duty_due(now);
        true
    }

    /// Who has taken a case on by duty has not reached its home: he hears why, and his call is over. `true`: so it is.
    pub(in crate::switch) fn duty_hears_why(&mut self, now: Now, id: CallId, cause: Cause) -> bool {
        let talked = self.care.units.contains_key(&id);
        if !self.is_agents_call(id) || talked || self.makes_back_of(id).is_some() {
            return false;
        }
        let there = |active: &&Active| {
            active.ended.is_none() && !matches!(active.doing, Doing::Confirming(_))
        };
        let active = self.calls.get(&id).map(|active| &**active).filter(there);
        let Some(leg) = active.map(Active::subject) else { return false };
        if self.legs.get(&leg).is_none_or(|leg| leg.stage == Stage::Over) {
            return false;
        }
        let why = match failure(cause, 0).why {
            Failed::Busy => "error/busy",
            Failed::NoAnswer => "error/no-answer",
            _ => "error/unreachable",
        };
        let said = self.prompt(leg, why);
        self.stop_play(leg);
        self.confirmed_by(now, leg, said, SAYS_WHY);
        true
    }

    /// An agent has the case now.
    pub(super) fn duty_released(&mut self, now: Now, case: u64) {
        let calls = self.care.duty.release(now.at, case, &BTreeSet::new());
        self.end_duty_calls(now, calls);
    }

    /// Its home is on the line now: phones ring for it by the plan of its call. Who has answered hears on, and has it where he
    /// takes it on.
    pub(super) fn duty_rings_no_more(&mut self, now: Now, case: u64) {
        let answered = |call: &CallId| self.calls.get(call).is_some_and(|own| own.interp.is_some());
        let stays: BTreeSet<CallId> = self.care.duty.calls_of(case).filter(answered).collect();
        let calls = self.care.duty.release(now.at, case, &stays);
        self.end_duty_calls(now, calls);
    }

    /// Somebody talks with the home, or the case is closed.
    pub(super) fn duty_settled(&mut self, now: Now, case: u64) {
        let calls = self.care.duty.settle(now.at, case);
        self.end_duty_calls(now, calls);
    }

    fn end_duty_calls(&mut self, now: Now, calls: BTreeSet<CallId>) {
        for call in calls {
            self.end_duty_call(now, call);
        }
    }

    /// What rings is called off; who has answered hears a long tone, that it is somebody else's, before his call is over.
    fn end_duty_call(&mut self, now: Now, call: CallId) {
        let hears = |active: &&Active| active.interp.is_some() && active.ended.is_none();
        let active = self.calls.get(&call).map(|active| &**active).filter(hears);
        match active.map(Active::subject) {
            Some(leg) => {
                self.stop_play(leg);
                self.confirm(now, leg, false);
            }
            None => self.release_call(now, call, Cause::NORMAL_CLEARING, EndedBy::Plan),
        }
    }

    /// Its dialplan knows who, where and what. It speaks as the one who is called does, not as the home.
    pub(super) fn tell_duty(&mut self, call: CallId, case: u64) {
        let Some(own) = self.care.cases.get(case) else { return };
        let of = self.care.directory.find(&own.account);
        let of =
            |field: fn(&Subscriber) -> &str| of.map(|of| field(of).to_owned()).unwrap_or_default();
        let place = own.place.split(',').next().unwrap_or_default();
        let place = PLACES.iter().find(|word| **word == place);
        let variables = [
            ("case", case.to_string()),
            ("case_need", own.need.as_str().to_owned()),
            ("case_need_prompt", format!("care/need-{}", own.need.as_str().replace('_', "-"))),
            ("case_place", own.place.clone()),
            (
                "case_place_prompt",
                place.map_or_else(String::new, |word| {
                    format!("care/place-{}", word.replace(' ', "-"))
                }),
            ),
            ("case_priority", own.priority.to_string()),
            ("case_number", own.number()),
            ("case_room", of_case(case)),
            ("subscriber", of(|of| &of.number)),
            ("subscriber_name", of(|of| &of.name)),
            ("subscriber_region", of(|of| &of.region)),
            ("subscriber_address", of(|of| &of.address)),
            ("subscriber_flag", of(|of| of.flag.as_str())),
        ];
        self.tell_plan(call, variables);
        let Some(active) = self.calls.get_mut(&call) else { return };
        let own = self.config.phone(&active.from).and_then(|phone| phone.language);
        active.language = own.unwrap_or(self.config.node.language);
    }
}
