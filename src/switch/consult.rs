//! Attended transfer: a phone that talks on two lines joins those it talks with (R2), by REFER with
//! Replaces (RFC 5589 §7, RFC 3891).
//!
//! ```text
//!   customer ══ line 1 ══ agent ══ line 2 ══ colleague        REFER on line 1, Replaces: line 2
//!       └────────────── the customer's call ────────────┘     colleague moves into it,
//!                            agent: NOTIFY 200, BYE, BYE      the agent's lines end
//! ```
//!
//! The call of whoever is transferred goes on: its record, its recording, what its plan does after the
//! talk. Where line 2 only rings still, or is somewhere in the plan, the party is sent on to the
//! number that was dialled there.
//!
//! A call that a phone begins while it is in another is put on that one's RTP worker ([`Switch::group_of`]), so
//! that joining the two costs nothing; two calls that came to it may live on two ([`linking`](super::linking)).
//! A program's order joins two lines without REFER, or has all three talk together. Not here: joining by a key ([`consulting`](super::consulting)).

use crate::base::{CallId, LegId, Now};
use crate::call::Device;
use crate::call::consultation::Consultation;
use crate::dialplan::effect::Target;
use crate::sip::{Command, TxnId};
use crate::wire::q850::Cause;
use crate::wire::sip::Replaces;

use super::Switch;
use super::active::Doing;
use super::fact::{EndedBy, FactKind};

/// The two lines of an attended transfer, and who is on their far ends.
#[derive(Clone, Copy)]
struct Lines {
    /// The line that REFER came on.
    first: LegId,
    /// The call of whoever is transferred.
    call: CallId,
    /// Who is transferred.
    who: LegId,
    /// The line that it is to take the place of.
    second: LegId,
    /// That line's call.
    other: CallId,
}

impl Switch {
    /// The calls whose legs live on one RTP worker with those of a new call by `device`: those of the
    /// call that it is in, so that it can join the two.
    pub(super) fn group_of(&self, id: CallId, device: &Device) -> CallId {
        if self.workers == 1 || !device.is_phone() {
            return id;
        }
        let first = self.lines.of(device.number()).next();
        first.and_then(|leg| self.legs.get(&leg)).map_or(id, |leg| leg.group)
    }

    /// Whether the party on `leg` may send others on.
    pub(super) fn may_transfer(&self, leg: LegId) -> bool {
        let Some(active) = self.legs.get(&leg).and_then(|leg| self.calls.get(&leg.call)) else {
            return false;
        };
        let gateway = active.call.get(leg).and_then(|party| party.device.gateway());
        let permits = gateway.and_then(|name| self.config.gateway(name)).is_some_and(|g| g.refer);
        active.call.may_transfer(leg) || permits
    }

    /// REFER on `leg` that asks to take the place of another dialog: the status to answer it with.
    pub(super) fn consulted(&mut self, now: Now, leg: LegId, txn: TxnId, replaces: &Replaces) {
        let session = self.agent.replaced(replaces);
        let Some(second) = session.and_then(|session| self.sessions.get(&session).copied()) else {
            return self.answer_refer(now, txn, 481);
        };
        let Some(lines) = self.lines(leg, second) else {
            return self.answer_refer(now, txn, 603);
        };
        match self.far_end(lines) {
            Some((with, target)) => {
                self.answer_refer(now, txn, 202);
                self.join_lines(now, lines, with, target, true);
            }
            None => self.send_to_number(now, lines, txn),
        }
    }

    /// A program has a phone's two lines joined, without REFER. `false`: they cannot be, as long as the second
    /// one only rings.
    pub(super) fn join_by_order(&mut self, now: Now, first: LegId, second: LegId) -> bool {
        let Some(lines) = self.lines(first, second) else { return false };
        let Some((with, target)) = self.far_end(lines) else { return false };
        self.join_lines(now, lines, with, target, false);
        true
    }

    /// A program has all three of a phone's two lines talk together, as by keys (R2). The call of the first line is
    /// the one that stays, with its plan, record and recording; of the phone, its second line stays, which is not
    /// on hold. `None`: as they are, they cannot be.
    pub(super) fn confer_by_order(
        &mut self,
        now: Now,
        first: LegId,
        second: LegId,
    ) -> Option<CallId> {
        let lines = self.lines(first, second)?;
        let (third, target) = self.far_end(lines)?;
        let plain = self.calls.get(&lines.other).is_some_and(|other| other.is_plain_talk());
        let room = self.calls.get(&lines.call).is_some_and(|active| active.call.has_room_for(2));
        if !(plain && room) {
            return None;
        }
        self.confer_lines(now, lines, third, target)?;
        Some(lines.call)
    }

    fn confer_lines(&mut self, now: Now, lines: Lines, third: LegId, target: Target) -> Option<()> {
        let Lines { first, call, who, second, other } = lines;
        self.part(now, other, second);
        self.part(now, call, first);
        let consult = self.calls.get_mut(&other)?;
        consult.leave_step(now.at);
        let (plan, context) = (consult.interp.take(), consult.context.clone());
        self.run_out(now, other, plan, target.clone());
        self.stop_recording(other);
        // A queue's agent talks on for it on the line that stays.
        let served = self.offered.remove(&first);
        self.move_leg(now, second, other, call)?;
        let number = self.move_leg(now, third, other, call)?;
        if let Some(served) = served {
            self.offered.insert(second, served);
        }
        let active = self.calls.get_mut(&call)?;
        if active.call.subject == first {
            active.call.subject = second;
        }
        if let Doing::Talking { with, .. } = &mut active.doing
            && *with == first
        {
            *with = second;
        }
        let together = Consultation::together(second, who, third);
        self.begin_together(now, call, together, target, (number, context));
        self.hang_up(now, first, Cause::NORMAL_CLEARING, EndedBy::Program);
        self.forget_if_over(now, other);
        self.rearm(call);
        Some(())
    }

    pub(super) fn answer_refer(&mut self, now: Now, txn: TxnId, status: u16) {
        self.ask(now, Command::Respond { txn, status, headers: vec![], body: None });
    }

    /// The lines, if one phone has both and talks on the first.
    fn lines(&self, first: LegId, second: LegId) -> Option<Lines> {
        let (one, two) = (self.legs.get(&first)?, self.legs.get(&second)?);
        let (call, other) = (one.call, two.call);
        let (active, consult) = (self.calls.get(&call)?, self.calls.get(&other)?);
        let talks = active.is_plain_talk();
        let who = active.call.joined_with(first, &consult.call, second)?;
        talks.then_some(Lines { first, call, who, second, other })
    }

    /// With whom the second line talks, as the plan named it.
    fn far_end(&self, lines: Lines) -> Option<(LegId, Target)> {
        let consult = self.calls.get(&lines.other)?;
        let with = consult.call.peer(lines.second)?;
        match &consult.doing {
            Doing::Talking { target, .. } => Some((with, target.clone())),
            _ => None,
        }
    }

    /// Takes `with` over into the first line's call, where it talks with whom the first line talked with.
    /// `refer`: the phone asked, and hangs up by itself.
    fn join_lines(&mut self, now: Now, lines: Lines, with: LegId, target: Target, refer: bool) {
        let Lines { first, call, who, second, other } = lines;
        let recorded = self.calls.get(&other).is_some_and(|c| c.recording_paused().is_some());
        self.part(now, other, second);
        self.part(now, call, first);
        if let Some(consult) = self.calls.get_mut(&other) {
            consult.leave_step(now.at);
            // The plan of whoever has left serves nobody any more.
            if consult.call.subject == with {
                consult.call.subject = second;
                consult.interp = None;
            }
        }
        self.stop_recording(other);
        let Some(number) = self.move_leg(now, with, other, call) else { return };
        let by_caller = self.is_callers(call, first);
        self.fact(now, FactKind::Transferred { call, by: first, who, to: number, by_caller });
        if let Some(active) = self.calls.get_mut(&call) {
            active.leave_step(now.at);
            active.doing = Doing::Talking { with, target, since: now.at };
            if active.call.subject == first {
                active.call.subject = who;
            }
            let agent = active.call.get(with).filter(|c| c.device.is_phone());
            active.agent = agent.map(|c| c.device.number().to_owned()).or(active.agent.take());
        }
        self.rejoin(now, call, who, with);
        if recorded {
            self.record(now, call, true);
        }
        match refer {
            true => self.let_go(now, lines),
            false => {
                self.hang_up(now, first, Cause::NORMAL_CLEARING, EndedBy::Plan);
                self.hang_up(now, second, Cause::NORMAL_CLEARING, EndedBy::Plan);
            }
        }
        self.rearm(call);
    }

    /// `leg` is a party of `to` from now on; gives its number.
    pub(super) fn move_leg(
        &mut self,
        now: Now,
        leg: LegId,
        from: CallId,
        to: CallId,
    ) -> Option<String> {
        let connection = self.calls.get_mut(&from)?.call.give_up(leg)?;
        let number = connection.device.number().to_owned();
        let adopted = self.calls.get_mut(&to).is_some_and(|active| active.call.adopt(connection));
        if !adopted {
            self.hang_up(now, leg, Cause::SWITCH_CONGESTION, EndedBy::Fault);
            return None;
        }
        for (call, more) in [(from, false), (to, true)] {
            if let Some(active) = self.calls.get_mut(&call) {
                active.legs = if more { active.legs + 1 } else { active.legs.saturating_sub(1) };
            }
        }
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.call = to;
        }
        // A queue's talk ends with the queue's call.
        self.own_call(now, leg);
        self.fact(now, FactKind::LegMoved { call: to, leg, from });
        self.unit_moved(now, leg, from, to);
        self.traced(leg);
        Some(number)
    }

    /// The phone hears that it is done, and should hang up both lines.
    fn let_go(&mut self, now: Now, lines: Lines) {
        if let Some(leg) = self.legs.get(&lines.first) {
            let session = leg.session;
            self.ask(now, Command::NotifyRefer { session, status: 200, last: true });
        }
        for (call, line) in [(lines.call, lines.first), (lines.other, lines.second)] {
            self.release_later(now, call, line);
            self.rearm(call);
        }
    }

    /// Nobody talks on the second line yet: the party is sent to the number dialled there, and that
    /// line ends.
    fn send_to_number(&mut self, now: Now, lines: Lines, txn: TxnId) {
        let consult = self.calls.get(&lines.other);
        let dialled = consult.filter(|consult| consult.subject() == lines.second);
        let Some(number) = dialled.map(|consult| consult.to.clone()) else {
            return self.answer_refer(now, txn, 603);
        };
        if self.transfer(now, lines.first, &number, true) {
            self.hang_up(now, lines.second, Cause::NORMAL_CLEARING, EndedBy::Plan);
            self.answer_refer(now, txn, 202);
            self.redirect(now, lines.first);
        } else {
            self.answer_refer(now, txn, 603);
        }
    }
}
