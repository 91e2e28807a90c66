//! A phone asks a third party by keys while whom it talked with waits; three-way calls. What follows from what
//! is [`call::consultation`](crate::call::consultation)'s.
//!
//! ```text
//!   call:  first ══ asker        *2 1003 #        first ♪     asker ── plan for 1003 ══ third
//!          the talk, its plan   ─────────▶        the talk is *aside*, the asker's own plan runs
//! ```
//!
//! One call with two talks: the present one is the call's own (subject, plan, step), the other one is kept
//! aside as it was, and the two change places. Together all three are in a room of their own, and the talk of
//! before is the present one. The recording has the talk of before: while its party waits, what that one hears
//! (music); of the consultation nothing; while all are together, on its other channel the two others.
//!
//! Not here: the same by REFER with Replaces ([`consult`](super::consult)), in which the phone has two calls; how
//! those two become one by a program's order is there too, and all three are together here.

use crate::base::{CallId, LegId, Now, RoomId};
use crate::call::Device;
use crate::call::consultation::{Consultation, Key, Move, With};
use crate::call::feature::Feature;
use crate::dialplan::Interp;
use crate::dialplan::effect::{Happening, Item, Target, Tone};
use crate::media::control::{Command, Membership};
use crate::wire::q850::Cause;

use super::active::{Active, Doing};
use super::caller_id::Origin;
use super::fact::{EndedBy, FactKind, RoomLeft};
use super::leg::{Ending, Stage};
use super::sound::music;
use super::transfer::Sender;
use super::{Level, Output, Switch};

/// How long an asker hears that nobody was reached, milliseconds.
const UNREACHED_MS: u32 = 1_400;

/// A consultation of a call.
#[derive(Debug)]
pub struct Consulting {
    /// Who is with whom.
    pub who: Consultation,
    /// The talk that is not the present one, once there are two; before, that of before.
    aside: Talk,
    /// Who calls, as the call had it: meanwhile it is the asker.
    from: (String, Option<String>, Origin),
    /// The asker's device.
    payer: Device,
    /// Whom the asker dialled, and in which context.
    to: (String, String),
    /// Where all three are together.
    room: Option<RoomId>,
    /// The dial that reached the third asks for a recording.
    record: bool,
    /// It was written down that the asker lets the first wait: a hold, as by the phone's own key.
    holds: bool,
}

impl Consulting {
    fn new(
        who: Consultation,
        aside: Talk,
        from: (String, Option<String>, Origin),
        payer: Device,
        to: (String, String),
    ) -> Consulting {
        Consulting { who, aside, from, payer, to, room: None, record: false, holds: false }
    }
}

/// A talk as it is kept aside.
#[derive(Debug)]
struct Talk {
    /// For whom its plan runs.
    subject: LegId,
    /// None, where whoever it served has parked the other and gone.
    plan: Option<Box<Interp>>,
    /// With whom, as the plan named it.
    with: LegId,
    target: Target,
}

impl Active {
    /// Whether its talk can be transferred, parked or taken over: nothing of that kind is under way.
    pub fn is_plain_talk(&self) -> bool {
        matches!(self.doing, Doing::Talking { .. })
            && self.transfer.is_none()
            && self.consulting.is_none()
            && !self.gathered
    }

    /// Puts another talk in the present one's place, and gives that one. `None`: the present one is none.
    fn change_talk(&mut self, now: Now, other: Option<Talk>) -> Option<Talk> {
        if !matches!(self.doing, Doing::Talking { .. }) {
            return None;
        }
        let (left, _) = self.leave_step(now.at);
        let Doing::Talking { with, target, .. } = left else { return None };
        let (subject, plan) = (self.call.subject, self.interp.take());
        if let Some(other) = other {
            self.set_talk(now, other);
        }
        Some(Talk { subject, plan, with, target })
    }

    /// It is `asker` who calls from now on; gives who did.
    fn called_by(&mut self, asker: &Device) -> (String, Option<String>, Origin) {
        let from = std::mem::replace(&mut self.from, asker.number().to_owned());
        (from, self.from_name.take(), std::mem::take(&mut self.origin))
    }

    fn set_talk(&mut self, now: Now, talk: Talk) {
        self.call.subject = talk.subject;
        self.interp = talk.plan;
        self.doing = Doing::Talking { with: talk.with, target: talk.target, since: now.at };
    }
}

impl Switch {
    /// The keys of `leg` mean other things while it asks somebody.
    pub(super) fn is_asking(&self, leg: LegId) -> bool {
        self.consulting(leg).is_some_and(|consulting| consulting.who.asker == leg)
    }

    /// Whether three are together in a call.
    pub(super) fn is_together(&self, id: CallId) -> bool {
        self.calls
            .get(&id)
            .and_then(|active| active.consulting.as_ref())
            .is_some_and(|c| c.room.is_some())
    }

    /// Of three who are together: where, and the one who is recorded on the left.
    pub(super) fn together(&self, id: CallId) -> Option<(RoomId, LegId)> {
        let active = self.calls.get(&id)?;
        let room = active.consulting.as_ref()?.room?;
        Some((room, active.sides().0))
    }

    /// What an operator reads of it, behind what the call does; nothing, where nobody is asked.
    pub(super) fn consulting_row(&self, active: &Active) -> String {
        let Some(consulting) = &active.consulting else { return String::new() };
        let number = |leg| active.call.get(leg).map_or("", |party| party.device.number());
        let who = &consulting.who;
        let third = who.third.map_or("", number);
        match who.with {
            With::Reaching | With::Third => {
                format!(", asked by {}; {} waits", number(who.asker), number(who.first))
            }
            With::First => format!("; {third} waits"),
            With::All => format!(", three-way with {third}"),
        }
    }

    fn consulting(&self, leg: LegId) -> Option<&Consulting> {
        self.calls.get(&self.legs.get(&leg)?.call)?.consulting.as_deref()
    }

    /// The asker dials `number`; whom it talks with waits.
    pub(super) fn consult(&mut self, now: Now, by: LegId, number: &str, three_way: bool) {
        let Some(id) = self.legs.get(&by).map(|leg| leg.call) else { return };
        let Some(active) = self.calls.get(&id).filter(|active| active.is_plain_talk()) else {
            return;
        };
        let Some(first) = active.call.peer(by) else { return };
        let context = self.context_of(id, by);
        let Some(plan) = self.plan_for(now, id, by, number, &context) else {
            let line = format!("call {id}: no route of context '{context}' takes {number}");
            return self.log(Level::Warning, line);
        };
        let Some(payer) = active.call.get(by).map(|party| party.device.clone()) else { return };
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(aside) = active.change_talk(now, None) else { return };
        active.interp = Some(plan);
        active.call.subject = by;
        let from = active.called_by(&payer);
        let who = Consultation::begin(by, first, three_way);
        let to = (number.to_owned(), context);
        active.consulting = Some(Box::new(Consulting::new(who, aside, from, payer, to)));
        self.part(now, id, by);
        self.recorded_sides(now, id);
        self.hear_clip(now, first, music("default"));
        self.first_waits(now, id, true);
        let to = number.to_owned();
        self.fact(now, FactKind::Consulted { call: id, by, who: first, to, three_way });
        self.run(now, id, Happening::Started);
    }

    /// The asker presses a code that means something meanwhile.
    pub(super) fn consulting_key(&mut self, now: Now, by: LegId, feature: Feature) {
        let Some(id) = self.legs.get(&by).map(|leg| leg.call) else { return };
        let key = match feature {
            Feature::Swap => Key::Swap,
            Feature::Complete => Key::Complete,
            Feature::Return => Key::Return,
            Feature::Together => Key::Together,
            _ => return,
        };
        let consulting = self.calls.get_mut(&id).and_then(|active| active.consulting.as_mut());
        let Some(moved) = consulting.map(|consulting| consulting.who.key(key)) else { return };
        self.consulting_moves(now, id, moved, None);
    }

    /// The dial of the asker's plan reached `third`, which hears it. `record`: the dial asks for a recording.
    pub(super) fn third_answered(&mut self, now: Now, id: CallId, third: LegId, record: bool) {
        let consulting = self.calls.get_mut(&id).and_then(|active| active.consulting.as_mut());
        let Some(consulting) = consulting else { return };
        consulting.record = record;
        match consulting.who.answered(third) {
            // They are bridged already.
            Move::Turn(With::Third) => {}
            moved => self.consulting_moves(now, id, moved, None),
        }
    }

    /// Three whom the asker had on two lines are in one call, none of them in a talk: they hear each other.
    /// `target` is the third as the asker's plan named it, `to` what was dialled for it. No plan runs for it here.
    pub(super) fn begin_together(
        &mut self,
        now: Now,
        id: CallId,
        who: Consultation,
        target: Target,
        to: (String, String),
    ) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let payer = active.call.get(who.asker).map(|party| party.device.clone());
        let (Some(third), Some(payer)) = (who.third, payer) else { return };
        let (first, asker) = (who.first, who.asker);
        let from = active.called_by(&payer);
        let aside = Talk { subject: asker, plan: None, with: third, target };
        active.planless = true;
        active.consulting = Some(Box::new(Consulting::new(who, aside, from, payer, to)));
        self.rejoin(now, id, first, asker);
        self.bring_together(now, id, [first, asker, third]);
    }

    /// All three of the call that `by` asks in are to hear each other, by a program's order.
    pub(super) fn together_by_order(
        &mut self,
        now: Now,
        by: LegId,
    ) -> Result<CallId, &'static str> {
        let id = self.legs.get(&by).map(|leg| leg.call);
        let who = id.and_then(|id| self.consulting_of(id)).map(|consulting| &mut consulting.who);
        let (Some(id), Some(who)) = (id, who) else { return Err("asks nobody") };
        match (who.third, who.with) {
            (None, _) => Err("reaches for somebody who has not answered yet"),
            (_, With::All) => Err("has all three together already"),
            _ => {
                let moved = who.key(Key::Together);
                self.consulting_moves(now, id, moved, None);
                Ok(id)
            }
        }
    }

    /// The asker's plan has come to an end. `true`: it talks again with whom it talked before, and hears by a
    /// tone that nobody was reached.
    pub(super) fn nobody_asked(&mut self, now: Now, id: CallId) -> bool {
        let Some(active) = self.calls.get(&id) else { return false };
        let consulting = active.consulting.as_ref().filter(|consulting| consulting.who.is_aside());
        let Some(asker) = consulting.map(|consulting| consulting.who.asker) else { return false };
        let unreached = active.last_cause.is_some();
        self.consulting_moves(now, id, Move::Return, None);
        if unreached {
            self.hear_unreached(now, asker);
        }
        true
    }

    /// A party hears, beside its talk, that nobody was reached.
    pub(super) fn hear_unreached(&mut self, now: Now, leg: LegId) {
        let busy = Item::Tone { tone: Tone::Busy, ms: Some(UNREACHED_MS) };
        self.play_aside(now, leg, vec![busy]);
    }

    /// All of the call ends.
    pub(super) fn forget_consulting(&mut self, id: CallId) {
        self.leave_together(id);
        if let Some(active) = self.calls.get_mut(&id) {
            active.consulting = None;
        }
    }

    /// A party of the call has gone, and its connection with it. `true`: what follows is done.
    pub(super) fn consulting_party_gone(
        &mut self,
        now: Now,
        id: CallId,
        leg: LegId,
        ending: Ending,
    ) -> bool {
        let consulting = self.calls.get(&id).and_then(|active| active.consulting.as_ref());
        let moved = consulting.map_or(Move::Stay, |consulting| consulting.who.gone(leg));
        if moved == Move::Stay {
            return false;
        }
        self.consulting_moves(now, id, moved, Some(ending));
        self.forget_if_over(now, id);
        true
    }

    fn consulting_moves(&mut self, now: Now, id: CallId, moved: Move, ending: Option<Ending>) {
        match moved {
            Move::Stay => {}
            Move::Turn(with) => self.turn(now, id, with),
            Move::HandOver(third) => self.hand_over(now, id, third),
            Move::SendOn => self.send_on(now, id, ending.is_some()),
            Move::Return => self.return_to_first(now, id),
            Move::Alone => self.first_gone(now, id, ending),
        }
        self.rearm(id);
    }

    /// The asker hears others.
    fn turn(&mut self, now: Now, id: CallId, with: With) {
        let Some(consulting) = self.consulting_of(id) else { return };
        let (asker, first, third) =
            (consulting.who.asker, consulting.who.first, consulting.who.third);
        let (Some(third), was_together) = (third, consulting.room.is_some()) else { return };
        self.make_present(now, id, with == With::Third);
        if was_together {
            self.leave_together(id);
        }
        self.part(now, id, asker);
        match with {
            With::Third => self.rejoin(now, id, asker, third),
            With::First | With::All => self.rejoin(now, id, first, asker),
            With::Reaching => {}
        }
        match with {
            With::All => self.bring_together(now, id, [first, asker, third]),
            With::Third => self.hear_clip(now, first, music("default")),
            With::First => self.hear_clip(now, third, music("default")),
            With::Reaching => {}
        }
        self.first_waits(now, id, matches!(with, With::Third | With::Reaching));
    }

    /// Writes down that whom the asker talked with before waits, or does no more.
    fn first_waits(&mut self, now: Now, id: CallId, waits: bool) {
        let Some(consulting) = self.consulting_of(id) else { return };
        if std::mem::replace(&mut consulting.holds, waits) != waits {
            let asker = consulting.who.asker;
            self.tell_hold(now, id, asker, waits);
        }
    }

    /// The asker's own talk is the call's present one, or the one of before is.
    fn make_present(&mut self, now: Now, id: CallId, of_asker: bool) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(mut consulting) = active.consulting.take() else { return };
        let plans_asker = active.call.subject == consulting.who.asker
            && matches!(&active.doing, Doing::Talking { with, .. } if Some(*with) == consulting.who.third);
        if plans_asker != of_asker
            && let Some(talk) = active.change_talk(now, None)
        {
            let other = std::mem::replace(&mut consulting.aside, talk);
            active.set_talk(now, other);
        }
        active.consulting = Some(consulting);
    }

    /// All three hear each other. Two of them do already.
    fn bring_together(&mut self, now: Now, id: CallId, legs: [LegId; 3]) {
        let room = self.new_room_id();
        let Some(consulting) = self.consulting_of(id) else { return };
        (consulting.room, consulting.record) = (Some(room), false);
        let [first, asker, third] = legs;
        // What the recording may not have of it is settled before anything is heard.
        self.recorded_sides(now, id);
        for leg in legs {
            self.stop_play(leg);
            self.unlink(leg);
            let held = self.legs.get(&leg).is_some_and(|leg| leg.held);
            self.seat_together(leg, room, held);
        }
        self.fact(now, FactKind::Bridged { call: id, a: first, b: third });
        self.fact(now, FactKind::Conferenced { call: id, by: asker, who: first, third });
    }

    fn seat_together(&mut self, leg: LegId, room: RoomId, held: bool) {
        let membership = Membership { muted: held, ..Membership::PARTY };
        self.out.push_back(Output::Media(Command::Join { leg, room, membership }));
    }

    /// One of three who are together holds, or is back: what its phone plays is for nobody. `false`: it is not
    /// one of such.
    pub(super) fn held_together(&mut self, leg: LegId, held: bool) -> bool {
        let Some(room) = self.consulting(leg).and_then(|consulting| consulting.room) else {
            return false;
        };
        self.seat_together(leg, room, held);
        true
    }

    /// The room of three, where they are in one, is over.
    fn leave_together(&mut self, id: CallId) {
        let Some(consulting) = self.consulting_of(id) else { return };
        let Consultation { asker, first, third, .. } = consulting.who;
        let Some(room) = consulting.room.take() else { return };
        for leg in [asker, first].into_iter().chain(third) {
            if self.legs.get(&leg).is_some_and(|party| party.stage != Stage::Over) {
                self.out.push_back(Output::Media(Command::Leave { leg }));
            }
        }
        self.out.push_back(Output::Media(Command::CloseRoom { room }));
    }

    fn consulting_of(&mut self, id: CallId) -> Option<&mut Consulting> {
        self.calls.get_mut(&id)?.consulting.as_deref_mut()
    }

    /// The consultation is over: the talk of before is the present one. Who was only rung goes.
    fn end_consulting(&mut self, now: Now, id: CallId, cause: Cause) -> Option<Consulting> {
        self.make_present(now, id, false);
        let active = self.calls.get_mut(&id)?;
        let consulting = *active.consulting.take()?;
        let rung = match consulting.who.third {
            Some(_) => Vec::new(),
            None => active.leave_step(now.at).1,
        };
        (active.from, active.from_name, active.origin) = consulting.from.clone();
        active.last_cause = None;
        active.refused_by = None;
        for leg in rung {
            self.hang_up(now, leg, cause, EndedBy::Plan);
        }
        // A plan may have led the asker into a conference.
        self.quit_room(now, consulting.who.asker, RoomLeft::Moved);
        Some(consulting)
    }

    /// First and third talk on, in the talk of before; the asker goes.
    fn hand_over(&mut self, now: Now, id: CallId, third: LegId) {
        let Some(asker) = self.consulting_of(id).map(|c| c.who.asker) else { return };
        self.first_waits(now, id, false);
        self.leave_together(id);
        self.part(now, id, asker);
        let Some(ended) = self.end_consulting(now, id, Cause::NORMAL_CLEARING) else { return };
        let first = ended.who.first;
        let (to, by_caller) = (ended.to.0, self.is_callers(id, asker));
        self.fact(now, FactKind::Transferred { call: id, by: asker, who: first, to, by_caller });
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.leave_step(now.at);
        // A plan that served the asker serves neither of the two.
        let own = active.interp.take_if(|_| active.call.subject == asker);
        active.planless |= own.is_some();
        active.call.subject = first;
        let target = ended.aside.target;
        active.doing = Doing::Talking { with: third, target: target.clone(), since: now.at };
        let agent = active.call.get(third).filter(|party| party.device.is_phone());
        active.agent = agent.map(|party| party.device.number().to_owned()).or(active.agent.take());
        self.run_out(now, id, own, target);
        self.rejoin(now, id, first, third);
        if ended.record {
            self.record(now, id, true);
        }
        self.hang_up(now, asker, Cause::NORMAL_CLEARING, EndedBy::Plan);
    }

    /// Nobody has answered yet: the first goes to the number itself. Who sends it there by key waits until that
    /// has come to something; `gone`: it has hung up. What rings goes on ringing.
    fn send_on(&mut self, now: Now, id: CallId, gone: bool) {
        self.first_waits(now, id, false);
        let mut rung = self.calls.get_mut(&id).and_then(|active| active.keep_dial());
        let early = rung.as_mut().and_then(|rung| rung.early.take()).is_some();
        let Some(ended) = self.end_consulting(now, id, Cause::NORMAL_CLEARING) else { return };
        let Consulting { who: Consultation { asker, first, .. }, aside, to, payer, .. } = ended;
        if early && !gone {
            self.unbridge(asker);
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.set_talk(now, aside);
        active.rung = rung;
        let sender = Sender { by: asker, waits: !gone, payer, notify: false, to };
        let sent = self.send_away(now, id, first, sender);
        if sent {
            self.redirect(now, asker);
        }
        let left = self.calls.get_mut(&id).and_then(|active| active.rung.take());
        for leg in left.map(|mut left| left.hunt.abandon()).unwrap_or_default() {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
        match (sent, gone) {
            (true, _) => {}
            (false, false) => self.rejoin(now, id, first, asker),
            (false, true) => self.release_call(now, id, Cause::NORMAL_CLEARING, EndedBy::Plan),
        }
    }

    /// Asker and first talk again; whoever was asked goes.
    fn return_to_first(&mut self, now: Now, id: CallId) {
        self.first_waits(now, id, false);
        let Some(who) = self.consulting_of(id).map(|c| c.who.clone()) else { return };
        let (asker, first) = (who.asker, who.first);
        let third: Vec<LegId> = who.third.into_iter().collect();
        self.leave_together(id);
        self.part(now, id, asker);
        let Some(ended) = self.end_consulting(now, id, Cause::NORMAL_CLEARING) else { return };
        if who.third.is_none()
            && let Some(active) = self.calls.get_mut(&id)
        {
            active.set_talk(now, ended.aside);
        }
        self.rejoin(now, id, first, asker);
        for leg in third {
            self.hang_up(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
    }

    /// The first has gone: the talk of before is over, asker and third (or the asker's plan) go on.
    fn first_gone(&mut self, now: Now, id: CallId, ending: Option<Ending>) {
        let Some(who) = self.consulting_of(id).map(|c| c.who.clone()) else { return };
        let was_with_third = who.with == With::Third;
        self.first_waits(now, id, false);
        self.stop_recording(id);
        self.leave_together(id);
        if who.third.is_some() {
            self.make_present(now, id, true);
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        let before = active.consulting.take().map(|consulting| consulting.aside);
        if let Some(ending) = ending {
            active.ended.get_or_insert((ending.cause, ending.by));
        }
        if let Some(talk) = before.filter(|talk| talk.subject == who.first) {
            self.run_out(now, id, talk.plan, talk.target);
        }
        self.centre.talk_over(now.at, id);
        // An agent who talks on does so in a call of the phone's own.
        self.own_call(now, who.asker);
        if let Some(third) = who.third.filter(|_| !was_with_third) {
            self.rejoin(now, id, who.asker, third);
        }
    }
}
