//! Those of a case come together (R4, R15): the home's call goes into the conference of its case, with the agent
//! if one talks to it; any one may leave, and the others go on.
//!
//! ```text
//!  home ══ agent              home ─┐                        home ─┐
//!  contact, who takes it on   agent ┼─ conference "case-N"         ├─ … whoever is there
//!                             contact ─┘   agent hangs up   contact ─┘
//! ```
//!
//! The talk stays the call's talk, so that it is recorded, counted and ended as one; only what its two parties
//! hear is the conference. When one of the two goes, the other is in the conference alone. A home that is left by all is
//! not: its call goes its way once more, into the queue, for nobody who has pressed a bell is left in silence.

use crate::acd::event::Departure;
use crate::base::{CallId, LegId, Now, Time};
use crate::call::conference::Member;
use crate::care::Case;
use crate::dialplan::effect::{self, Happening, Keys};
use crate::switch::active::{Active, Doing};
use crate::switch::fact::{EndedBy, FactKind, RoomLeft};
use crate::switch::leg::Stage;
use crate::switch::rooms::Room;
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

/// The most members of a case's conference.
const MOST: u32 = 30;

/// The conference of a case.
pub(in crate::switch) fn of_case(case: u64) -> String {
    format!("case-{case}")
}

impl Switch {
    /// Somebody takes a case on: where one who helps is in its conference already, the home comes too. Else it does when he
    /// comes ([`helper_came`](Switch::helper_came)): it keeps its place in the queue so long.
    pub(in crate::switch) fn gather_home(&mut self, now: Now, case: u64) {
        let home = self.care.cases.get(case).and_then(Case::call);
        if let Some(home) = home.filter(|_| self.rooms.contains_key(&of_case(case))) {
            self.gather(now, home, case);
        }
    }

    /// Somebody has come into a conference: if a plan has called him for its case, the home comes too.
    pub(in crate::switch) fn helper_came(&mut self, now: Now, call: CallId, room: &str) {
        if let Some(case) = self.helps_case(call).filter(|case| of_case(*case) == room) {
            self.gather_home(now, case);
        }
    }

    /// A home's call waits in a queue: whoever has taken its case on before it came talks to it.
    pub(in crate::switch) fn home_queues(&mut self, call: CallId) {
        let case = self.care.cases.of_call(call).map(|case| case.id);
        if case.is_some_and(|case| self.rooms.contains_key(&of_case(case))) {
            self.awaited_by_helpers.push(call);
        }
    }

    /// Homes whose last company has left their conference: each goes its way again, at its case's priority. And those for
    /// whom somebody waits there. `true`: there is one.
    pub(in crate::switch) fn homes_go_on(&mut self, now: Now) -> bool {
        let homes = std::mem::take(&mut self.left_alone);
        let awaited = std::mem::take(&mut self.awaited_by_helpers);
        let any = !homes.is_empty() || !awaited.is_empty();
        homes.into_iter().for_each(|leg| self.home_goes_on(now, leg));
        for call in awaited {
            if let Some(case) = self.care.cases.of_call(call).map(|case| case.id) {
                self.gather_home(now, case);
            }
        }
        any
    }

    fn home_goes_on(&mut self, now: Now, leg: LegId) {
        let Some(party) = self.legs.get(&leg).filter(|party| party.stage != Stage::Over) else {
            return;
        };
        let (id, room) = (party.call, party.room.clone());
        let alone = room.and_then(|name| self.rooms.get(&name)).is_some_and(Room::has_one);
        // One whose agent has gone is in a talk that ends as others do.
        let waits = |active: &Active| {
            active.planless
                && active.subject() == leg
                && active.ended.is_none()
                && matches!(active.doing, Doing::Conferring { .. })
        };
        if !alone || !self.calls.get(&id).is_some_and(|active| waits(active)) {
            return;
        }
        self.quit_room(now, leg, RoomLeft::Moved);
        let case = self.care.cases.of_call(id).map(|case| case.id);
        let is_home = self.unit_leg(id) == Some(leg) && !self.is_agents_call(id);
        let Some(case) = case.filter(|_| is_home) else {
            // Its case is closed, or an agent had called it and has gone: there is nobody for whom it would wait.
            return self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan);
        };
        let line = format!("case {case}: whoever helped has gone, its home goes its way again");
        self.log(Level::Info, line);
        if let Some(active) = self.calls.get_mut(&id) {
            (active.planless, active.gathered) = (false, false);
            active.leave_step(now.at);
            active.doing = Doing::Waiting(Time::NEVER);
        }
        self.talk_recorded(now, id);
        self.home_waits_again(now, id, leg, true);
        self.begin_plan(now, leg);
        self.rearm(id);
    }

    /// A home's call comes into the conference of its case.
    pub(in crate::switch) fn gather(&mut self, now: Now, id: CallId, case: u64) {
        let room = of_case(case);
        let Some(active) = self.calls.get(&id) else { return };
        let subject = active.subject();
        let free = |leg: LegId| {
            self.legs.get(&leg).is_some_and(|leg| leg.room.is_none() && leg.stage != Stage::Over)
        };
        if !free(subject) || active.consulting.is_some() || active.transfer.is_some() {
            return;
        }
        let by_agent = self.is_agents_call(id);
        match active.doing {
            Doing::Talking { with, .. } if free(with) => self.gather_talk(now, id, room, with),
            // Who is in it is no home: that is rung, and comes when it answers.
            _ if by_agent => {}
            Doing::Playing(_)
            | Doing::Collecting { .. }
            | Doing::Waiting(_)
            | Doing::Asking(_)
            | Doing::Dialling(_)
            | Doing::Queued => self.gather_caller(now, id, room),
            _ => {}
        }
    }

    fn gather_talk(&mut self, now: Now, id: CallId, room: String, with: LegId) {
        let Some(subject) = self.calls.get(&id).map(|active| active.subject()) else { return };
        self.talk_unwatched(now, id);
        for leg in [subject, with] {
            self.stop_play(leg);
            self.unlink(leg);
        }
        if !self.seat(now, id, subject, &room) || !self.seat(now, id, with, &room) {
            self.quit_room(now, subject, RoomLeft::Moved);
            return self.bridge(subject, with);
        }
        if let Some(active) = self.calls.get_mut(&id) {
            active.gathered = true;
        }
        self.record_home(now, id, &room);
    }

    /// A home's call that has come into a conference is recorded where the conference is; one that is recorded already has
    /// on its other channel what the home hears there.
    fn record_home(&mut self, now: Now, id: CallId, room: &str) {
        if self.rooms.get(room).is_some_and(|room| room.record) {
            self.record(now, id, true);
        }
        self.recorded_sides(now, id);
    }

    /// Nobody talks to the home yet: who takes the case on does.
    fn gather_caller(&mut self, now: Now, id: CallId, room: String) {
        let Some(subject) = self.calls.get(&id).map(|active| active.subject()) else { return };
        self.answer(now, subject);
        if !self.seat(now, id, subject, &room) {
            return;
        }
        self.quit_queue(now, id, Departure::Moved);
        let Some(active) = self.calls.get_mut(&id) else { return };
        let (_, rung) = active.leave_step(now.at);
        let plan = active.interp.take();
        active.planless = true;
        let leave = Keys::NONE;
        active.doing = Doing::Conferring { room: room.clone(), leave, talks: None };
        self.count_talks(now, &room);
        self.run_out_after(now, id, plan, Happening::Hangup);
        // Whoever was being rung for the home is not needed: somebody is there.
        for leg in rung {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.stop_play(subject);
        self.record_home(now, id, &room);
        self.care_talks(now, id);
        self.rearm(id);
    }

    /// `false`: there is no room for one more.
    fn seat(&mut self, now: Now, id: CallId, leg: LegId, name: &str) -> bool {
        let wanted = effect::Conference {
            name: name.to_owned(),
            muted: false,
            deaf: false,
            agc: false,
            most: MOST,
            music: Some("default".into()),
            tones: true,
            record: false,
            leave: Keys::NONE,
        };
        if self.open_room(now, name, &wanted).is_err() {
            self.log(Level::Error, format!("{name}: no more may come in"));
            return false;
        }
        let number = self.calls.get(&id).and_then(|active| active.call.get(leg));
        let number = number.map(|party| party.device.number().to_owned()).unwrap_or_default();
        let held = self.legs.get(&leg).is_some_and(|leg| leg.held);
        let member = Member {
            leg,
            number,
            since: now.at,
            muted: false,
            deaf: false,
            held,
            agc: false,
            gain_db: 0,
            speaks: false,
        };
        let Some(room) = self.rooms.get_mut(name) else { return false };
        let Ok(sound) = room.conference.join(member) else { return false };
        let members = room.conference.members().len() as u32;
        if self.unit_leg(id) == Some(leg)
            && let Some(room) = self.rooms.get_mut(name)
        {
            room.homes.insert(leg);
        }
        if let Some(party) = self.legs.get_mut(&leg) {
            party.room = Some(name.to_owned());
        }
        self.set_member(name, leg);
        self.room_sound(name, sound);
        let joined =
            FactKind::RoomJoined { call: id, leg, room: name.to_owned(), members, muted: false };
        self.fact(now, joined);
        true
    }

    /// One of a talk that is in a conference has gone. `true`: the other stays there.
    pub(in crate::switch) fn gathered_party_gone(
        &mut self,
        now: Now,
        id: CallId,
        stays: Option<LegId>,
    ) -> bool {
        let Some(active) = self.calls.get_mut(&id) else { return false };
        if !std::mem::take(&mut active.gathered) {
            return false;
        }
        let Some(stays) = stays else { return false };
        let room = self.legs.get(&stays).and_then(|leg| leg.room.clone());
        let members = |name: &String| self.rooms.get(name).map(|r| r.conference.members().len());
        let Some(room) = room.filter(|name| members(name).is_some_and(|there| there > 1)) else {
            self.quit_room(now, stays, RoomLeft::Moved);
            return false;
        };
        let Some(active) = self.calls.get_mut(&id) else { return false };
        let (left, rung) = active.leave_step(now.at);
        let plan = active.interp.take();
        active.planless = true;
        active.call.subject = stays;
        let leave = Keys::NONE;
        active.doing = Doing::Conferring { room: room.clone(), leave, talks: None };
        self.count_talks(now, &room);
        if let Doing::Talking { target, .. } = left {
            self.run_out(now, id, plan, target);
        }
        for leg in rung {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        self.recorded_sides(now, id);
        self.rearm(id);
        true
    }
}
