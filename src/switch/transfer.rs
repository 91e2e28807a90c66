//! Blind transfer: one party of a talk sends the other on, by REFER or by feature code (R2).
//!
//! ```text
//!  talk A–B ─ B: REFER / *1 1003 # ─▶ A's plan is redirected, B waits
//!       │                                  │ somebody answers, or the plan speaks: B is released
//!       └──── A and B talk again ◀── nobody: B hears how it went
//! ```
//!
//! A prompt alone releases nobody: it may say that the line is busy. The plan has taken the party
//! over when it answers, asks for keys, lets it wait without end or in a queue, or ends in good order.

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::Device;
use crate::call::connection::Role;
use crate::call::feature::Feature;
use crate::dialplan::effect::{Happening, Redirect};
use crate::dialplan::{Entry, Interp};
use crate::sip::{Command, TxnId};
use crate::wire::q850::{Cause, Mapping};
use crate::wire::sip::NameAddr;

use super::active::{Doing, Transfer};
use super::arrival::user;
use super::fact::{EndedBy, FactKind};
use super::sound::music;
use super::{Level, Switch};

/// A party whose transfer is done hangs up by itself; if it has not after this long, we do.
const RELEASE: Duration = Duration::from_secs(3);

/// Who sends the other party of its talk to a number.
pub(super) struct Sender {
    /// Its leg.
    pub by: LegId,
    /// It waits until the other is served, and has it again if nobody serves it; else it has gone.
    pub waits: bool,
    /// Its device.
    pub payer: Device,
    /// It asks by REFER and wants to hear how it goes.
    pub notify: bool,
    /// Whereto: number and context.
    pub to: (String, String),
}

impl Switch {
    /// The party on `leg_id` asks by REFER.
    pub(super) fn refer(&mut self, now: Now, leg_id: LegId, txn: TxnId, refer_to: &NameAddr) {
        let number = user(&refer_to.uri).filter(|number| !number.is_empty());
        if let Some(slot) = number.as_ref().and_then(|number| self.slot_of(number)) {
            let done = self.park(now, leg_id, slot);
            self.answer_refer(now, txn, if done { 202 } else { 603 });
            return if done {
                self.parked(now, leg_id, true)
            };
        }
        let status = match number {
            None => 400,
            Some(number) if self.transfer(now, leg_id, &number, true) => 202,
            Some(_) => 603,
        };
        self.ask(now, Command::Respond { txn, status, headers: vec![], body: None });
        if status == 202 {
            self.redirect(now, leg_id);
        }
    }

    /// A feature code was dialled on `leg_id`.
    pub(super) fn feature(&mut self, now: Now, leg_id: LegId, feature: Feature, number: String) {
        let Some(id) = self.legs.get(&leg_id).map(|leg| leg.call) else { return };
        // Whom somebody asks, or has put aside for that, disposes of nothing meanwhile.
        if self.calls.get(&id).is_none_or(|active| active.consulting.is_some()) {
            return;
        }
        match feature {
            Feature::AttendedTransfer => self.consult(now, leg_id, &number, false),
            Feature::ThreeWay => self.consult(now, leg_id, &number, true),
            Feature::Swap | Feature::Complete | Feature::Return | Feature::Together => {}
            Feature::BlindTransfer => {
                if self.transfer(now, leg_id, &number, false) {
                    self.redirect(now, leg_id);
                } else {
                    self.hear_unreached(now, leg_id);
                }
            }
            Feature::Park => {
                let slot = self.slot_of(&self.slot_number(number.parse().unwrap_or(0)));
                if slot.is_some_and(|slot| self.park(now, leg_id, slot)) {
                    self.parked(now, leg_id, false);
                }
            }
            Feature::Survey => self.send_to_survey(now, id, leg_id),
            Feature::Malicious => self.mark_malicious(now, id, leg_id),
            Feature::PauseRecording => {
                let paused = self.calls.get(&id).and_then(|active| active.recording_paused());
                if let Some(paused) = paused {
                    self.pause_recording(now, id, !paused);
                }
            }
        }
    }

    /// A phone's user marks the other party of the talk: the record says so, for whoever looks into it.
    fn mark_malicious(&mut self, now: Now, id: CallId, by: LegId) {
        let Some(active) = self.calls.get(&id) else { return };
        let number = |leg| active.call.get(leg).map(|party| party.device.number().to_owned());
        let (Some(who), Some(value)) = (active.call.peer(by).and_then(number), number(by)) else {
            return;
        };
        self.log(Level::Warning, format!("call {id}: {value} marks {who} as a malicious caller"));
        self.guard_marked(now, &who, &value);
        self.fact(now, FactKind::CallField { call: id, name: "malicious".into(), value });
    }

    /// Takes the two apart and notes what to go back to. `false`: there is nobody to transfer.
    pub(super) fn transfer(&mut self, now: Now, by: LegId, number: &str, notify: bool) -> bool {
        let Some(id) = self.legs.get(&by).map(|leg| leg.call) else { return false };
        let Some(active) = self.calls.get(&id) else { return false };
        if !active.is_plain_talk() {
            return false;
        }
        let (Some(who), Some(party)) = (active.call.peer(by), active.call.get(by)) else {
            return false;
        };
        let (payer, waits) = (party.device.clone(), true);
        let to = (number.to_owned(), self.context_of(id, by));
        self.send_away(now, id, who, Sender { by, waits, payer, notify, to })
    }

    /// The present talk is over for `who`, whom its other party sends to a number. `false`: there is no way.
    pub(super) fn send_away(&mut self, now: Now, id: CallId, who: LegId, sender: Sender) -> bool {
        let Sender { by, waits, payer, notify, to } = sender;
        let Some(active) = self.calls.get(&id) else { return false };
        let Doing::Talking { target, .. } = &active.doing else { return false };
        let (talk, subject) = (target.clone(), active.call.subject);
        // Whoever was called has no plan of its own yet: it gets one as if it had dialled.
        let own = active.interp.as_ref().filter(|_| who == subject).cloned();
        let Some(next) = own.or_else(|| self.plan_for(now, id, who, &to.0, &to.1)) else {
            return false;
        };
        let Some(active) = self.calls.get_mut(&id) else { return false };
        active.leave_step(now.at);
        active.last_cause = None;
        let plan = active.interp.replace(next);
        active.call.subject = who;
        let number = to.0.clone();
        let here = waits.then_some(by);
        active.transfer = Some(Transfer { by: here, payer, notify, plan, subject, talk, to });
        self.part(now, id, by);
        // Music of a hold from which it was transferred.
        self.stop_play(who);
        self.recorded_sides(now, id);
        let by_caller = self.is_callers(id, by);
        self.fact(now, FactKind::Transferred { call: id, by, who, to: number, by_caller });
        true
    }

    /// Whether a party is the one that has called, and no agent whom a queue gave somebody.
    pub(super) fn is_callers(&self, id: CallId, leg: LegId) -> bool {
        let party = self.calls.get(&id).and_then(|active| active.call.get(leg));
        let served = self.offered.get(&leg).is_some_and(Option::is_some);
        party.is_some_and(|party| party.role == Role::Caller) && !served
    }

    /// The context in which a party's numbers mean something: a phone's own, else the call's.
    pub(super) fn context_of(&self, id: CallId, leg: LegId) -> String {
        let active = self.calls.get(&id);
        let device = active.and_then(|a| a.call.get(leg)).map(|c| &c.device);
        let phone = device.filter(|d| d.is_phone()).and_then(|d| self.config.phone(d.number()));
        // Who is behind a gateway dials what a call from there could, whoever called whom.
        let outside =
            device.filter(|d| !d.is_phone()).and_then(|d| self.config.gateway(d.gateway()?));
        phone
            .map(|p| p.context.to_string())
            .or_else(|| outside.map(|gateway| gateway.context.to_string()))
            .or_else(|| active.map(|a| a.context.clone()))
            .unwrap_or_default()
    }

    pub(super) fn plan_for(
        &self,
        now: Now,
        id: CallId,
        who: LegId,
        number: &str,
        context: &str,
    ) -> Option<Box<Interp>> {
        let active = self.calls.get(&id)?;
        let from = active.call.get(who)?.device.number().to_owned();
        let entry = Entry {
            context: context.into(),
            to: number.into(),
            from,
            call_id: id.to_string(),
            variables: [("language".to_owned(), active.language.as_str().to_owned())].into(),
            ..Entry::default()
        };
        Interp::start(&active.plan, now, entry).ok().map(Box::new)
    }

    /// Sends the transferred party on its new way.
    pub(super) fn redirect(&mut self, now: Now, by: LegId) {
        let Some(id) = self.legs.get(&by).map(|leg| leg.call) else { return };
        let Some(active) = self.calls.get(&id) else { return };
        let Some(transfer) = &active.transfer else { return };
        let by = transfer.by;
        let happening = if transfer.subject == active.call.subject && transfer.plan.is_some() {
            let (to, context) = transfer.to.clone();
            Happening::Redirect(Redirect::Number { to, context: Some(context) })
        } else {
            Happening::Started
        };
        if let Some(by) = by {
            self.hear_clip(now, by, music("default"));
        }
        self.run(now, id, happening);
    }

    /// The transferred party is served: the one who transferred may go.
    pub(super) fn transfer_settled(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let Some(transfer) = active.transfer.take() else { return };
        let Some(by) = transfer.by else { return };
        let Some(leg) = self.legs.get(&by) else { return };
        let session = leg.session;
        if transfer.notify {
            self.ask(now, Command::NotifyRefer { session, status: 200, last: true });
            self.release_later(now, id, by);
        } else {
            self.hang_up(now, by, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
    }

    /// The plan has ended without serving the transferred party. `true`: it talks again with the
    /// one who transferred it.
    pub(super) fn transfer_failed(&mut self, now: Now, id: CallId, cause: Cause) -> bool {
        let Some(active) = self.calls.get_mut(&id) else { return false };
        let Some(transfer) = active.transfer.take() else { return false };
        let who = active.call.subject;
        let Some(by) = transfer.by else { return false };
        active.interp = transfer.plan;
        active.call.subject = transfer.subject;
        let with = if transfer.subject == by { who } else { by };
        active.doing = Doing::Talking { with, target: transfer.talk, since: now.at };
        self.rejoin(now, id, transfer.subject, with);
        if transfer.notify {
            let status = Mapping::RFC_3398.status_of(cause);
            let session = self.legs.get(&by).map(|leg| leg.session);
            if let Some(session) = session {
                self.ask(now, Command::NotifyRefer { session, status, last: true });
            }
        } else {
            // Who transferred by keys has no other word of it.
            self.hear_unreached(now, by);
        }
        self.rearm(id);
        true
    }

    /// The agent sends the caller to the survey and is released.
    fn send_to_survey(&mut self, now: Now, id: CallId, by: LegId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let subject = active.call.subject;
        let Some(name) = active.plan.survey_by_code().map(str::to_owned) else {
            return self.log(Level::Warning, format!("call {id}: there is no survey in the plan"));
        };
        if by == subject || active.call.peer(by) != Some(subject) {
            return;
        }
        active.leave_step(now.at);
        active.last_cause = None;
        self.part(now, id, by);
        self.talk_recorded(now, id);
        self.hang_up(now, by, Cause::NORMAL_CLEARING, EndedBy::Callee);
        self.run(now, id, Happening::Redirect(Redirect::Survey { name }));
    }

    /// `leg` is to hang up by itself, and is released if it does not. One that was to before has had
    /// its time.
    pub(super) fn release_later(&mut self, now: Now, id: CallId, leg: LegId) {
        self.release_after(now, id, leg, RELEASE);
    }

    /// The same with a time of its own.
    pub(super) fn release_after(&mut self, now: Now, id: CallId, leg: LegId, after: Duration) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        let before = active.release.replace((leg, now.at + after));
        if let Some((before, _)) = before.filter(|(before, _)| *before != leg) {
            self.hang_up_now(now, before, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
    }

    /// A party that was to hang up by itself has not.
    pub(super) fn release(&mut self, now: Now, id: CallId) {
        let Some(active) = self.calls.get_mut(&id) else { return };
        if let Some((leg, at)) = active.release
            && at <= now.at
        {
            active.release = None;
            self.hang_up_now(now, leg, Cause::NORMAL_CLEARING, EndedBy::Plan);
        }
    }

    /// The plan has come to an end, or a party asks for the end of all.
    pub(super) fn release_call(&mut self, now: Now, id: CallId, cause: Cause, by: EndedBy) {
        if by == EndedBy::Plan && self.nobody_asked(now, id) {
            return;
        }
        self.forget_consulting(id);
        let Some(active) = self.calls.get(&id) else { return };
        let served = cause == Cause::NORMAL_CLEARING && active.last_cause.is_none();
        if by == EndedBy::Plan && served {
            self.transfer_settled(now, id);
        } else if by == EndedBy::Plan && self.transfer_failed(now, id, cause) {
            return;
        }
        let Some(active) = self.calls.get_mut(&id) else { return };
        active.ended.get_or_insert((cause, by));
        let (left, rung) = active.leave_step(now.at);
        if let Doing::Parked { slot, .. } = left {
            self.touch_slot(slot);
        }
        self.hang_up_all(now, id, rung, cause, by);
        self.stop_recording(id);
        self.forget_if_over(now, id);
    }
}
