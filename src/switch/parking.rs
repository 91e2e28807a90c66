//! Parked calls: a talk's other party waits in a slot, with music, until a phone takes it back.
//!
//! ```text
//!  A talks with B ─ B sends A to *851 (REFER), or presses *71# ─▶ slot 1: A hears music, B is free
//!        any phone dials *851 ─▶ talks with A          nobody does ─▶ B is rung, A's plan goes on if not
//! ```
//!
//! A slot is a number like a phone's for busy lamps: whoever watches it sees that it is taken, and by
//! whom. Not here: where a call goes when its slot's time is over and the one who parked it does not
//! answer; its plan says, as after any dial.

use crate::base::{CallId, LegId, Now};
use crate::call::codes::{self, Code};
use crate::dialplan::effect::{Dial, Meanwhile, Target};
use crate::sip::Command;
use crate::wire::dialog_info::{self, Dialog};
use crate::wire::q850::Cause;

use super::Switch;
use super::active::Doing;
use super::fact::{EndedBy, FactKind};
use super::sound::music;

/// How long the one who parked a call is rung when nobody has taken it, milliseconds.
const RING_BACK_MS: u32 = 30_000;

impl Switch {
    /// The slot that a dialled number names.
    pub(super) fn slot_of(&self, dialled: &str) -> Option<u32> {
        let (Code::Park, slot) = codes::read(dialled, &self.dialled_codes)? else { return None };
        let slot: u32 = slot.parse().ok()?;
        (1..=self.config.feature_codes.park_slots).contains(&slot).then_some(slot)
    }

    /// The number of a slot, as it is dialled and watched.
    pub(super) fn slot_number(&self, slot: u32) -> String {
        format!("{}{slot}", self.config.feature_codes.park)
    }

    /// The call in a slot, and who waits there.
    pub(super) fn parked_in(&self, slot: u32) -> Option<(CallId, LegId)> {
        let is_there =
            |doing: &Doing| matches!(doing, Doing::Parked { slot: own, .. } if *own == slot);
        // Who has left the slot is still found by it, until the next one is parked there.
        let parked = self.calls.get(self.slots.get(&slot)?).filter(|a| is_there(&a.doing))?;
        Some((parked.id(), parked.subject()))
    }

    /// The party on `by` parks whom it talks with. `false`: there is nobody, or the slot is taken.
    pub(super) fn park(&mut self, now: Now, by: LegId, slot: u32) -> bool {
        if self.parked_in(slot).is_some() {
            return false;
        }
        let Some(id) = self.legs.get(&by).map(|leg| leg.call) else { return false };
        let until = now.at + self.config.feature_codes.park_timeout;
        let Some(active) = self.calls.get_mut(&id) else { return false };
        let talks = active.is_plain_talk();
        let (Some(who), true) = (active.call.peer(by), talks) else { return false };
        let device = active.call.get(by).map(|party| &party.device).filter(|d| d.is_phone());
        let Some(back) = device.map(|device| device.number().to_owned()) else { return false };
        let record = active.is_recorded_by_dial();
        active.leave_step(now.at);
        if active.call.subject != who {
            // The plan served the one who parks; whoever waits has none.
            active.call.subject = who;
            active.interp = None;
            active.planless = true;
        }
        active.doing = Doing::Parked { slot, until, back, record };
        self.part(now, id, by);
        self.talk_recorded(now, id);
        self.hear_clip(now, who, music("default"));
        self.fact(now, FactKind::Parked { call: id, leg: who, by, slot });
        self.slots.insert(slot, id);
        self.touch_slot(slot);
        self.rearm(id);
        true
    }

    /// What follows a park: the one who asked for it is free.
    pub(super) fn parked(&mut self, now: Now, by: LegId, by_refer: bool) {
        let Some(leg) = self.legs.get(&by) else { return };
        let (id, session) = (leg.call, leg.session);
        if by_refer {
            self.ask(now, Command::NotifyRefer { session, status: 200, last: true });
            self.release_later(now, id, by);
            self.rearm(id);
        } else {
            self.hang_up(now, by, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
    }

    /// A phone takes the call of a slot back: its leg has its port.
    pub(super) fn take_parked(&mut self, now: Now, id: CallId, leg: LegId, who: LegId) {
        self.answer(now, leg);
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(device) = active.call.get(leg).map(|party| party.device.clone()) else { return };
        let number = device.number().to_owned();
        let target = Target::Phone { number: number.clone() };
        let talking = Doing::Talking { with: leg, target, since: now.at };
        let Doing::Parked { slot, record, .. } = std::mem::replace(&mut active.doing, talking)
        else {
            return;
        };
        active.agent = Some(number);
        self.fact(now, FactKind::Unparked { call: id, leg: who, slot });
        self.touch_slot(slot);
        self.rejoin(now, id, who, leg);
        if record {
            self.record(now, id, true);
        }
        self.rearm(id);
    }

    /// Nobody has taken a parked call: whoever parked it is rung.
    pub(super) fn park_over(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Doing::Parked { slot, back, record, .. } =
            std::mem::replace(&mut active.doing, Doing::Ending)
        else {
            return;
        };
        let who = active.subject();
        self.fact(now, FactKind::Unparked { call: id, leg: who, slot });
        self.touch_slot(slot);
        self.stop_play(who);
        let dial = Dial {
            groups: vec![vec![Target::Phone { number: back }]],
            ring_ms: RING_BACK_MS,
            brief: Vec::new(),
            meanwhile: Meanwhile::Music("default".into()),
            caller_number: None,
            caller_name: None,
            record,
            emergency: false,
            auto_answer: false,
            headers: Vec::new(),
        };
        if let Some(lost) = self.dial(now, id, dial) {
            self.run(now, id, lost);
        }
        self.rearm(id);
    }

    /// A slot's watchers are to be told.
    pub(super) fn touch_slot(&mut self, slot: u32) {
        let number = self.slot_number(slot);
        self.watching.touch(&number);
    }

    /// What a slot's lamp shows.
    pub(super) fn slot_dialogs(&self, slot: u32) -> Vec<Dialog> {
        let Some((call, leg)) = self.parked_in(slot) else { return Vec::new() };
        let active = self.calls.get(&call);
        let party = active.and_then(|active| Some((active, active.call.get(leg)?)));
        let number = match party {
            Some((active, party))
                if active.origin.private && party.device.number() == active.from =>
            {
                "anonymous"
            }
            Some((_, party)) => party.device.number(),
            None => return Vec::new(),
        };
        vec![Dialog {
            id: leg.to_string(),
            names: None,
            initiator: false,
            state: dialog_info::State::Confirmed,
            held: false,
            remote: (self.entity(number), None),
        }]
    }
}
