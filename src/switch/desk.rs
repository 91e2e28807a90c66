//! A computer has a desk phone do what its user could: call, answer, hold, take back (R2; CSTA's MakeCall,
//! AnswerCall, HoldCall and RetrieveCall, ECMA-269 §17.1).
//!
//! ```text
//!  call 1001 0138… ─▶ INVITE to 1001, which answers by itself or rings ─▶ 200 ─▶ 1001's plan for 0138…
//!  answer 1001     ─▶ NOTIFY talk in the dialog that rings ──▶ 200: it answers     489: it cannot
//!  hold 1001       ─▶ NOTIFY hold ─▶ 200, re-INVITE          resume 1001 ─▶ NOTIFY talk
//! ```
//!
//! The phone's own word decides: that it was told is no answer, its 200 or its INVITE is. Who may ask is
//! not asked here.

use crate::base::{CallId, Duration, LegId, Now};
use crate::call::{Call, ConnectionState, Device};
use crate::sip::{Command, Hand, SessionId};
use crate::wire::q850::Cause;

use super::active::{Active, Doing};
use super::console::{DeskOrder, Reply};
use super::fact::{EndedBy, FactKind, Party};
use super::leg::{Leg, Stage};
use super::{Level, Output, RequestId, Switch};

/// How long a phone that is to call rings.
const RINGS: Duration = Duration::from_secs(30);
/// The longest number.
const LONGEST: usize = 40;

/// An order that a phone has been told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// Who asked.
    by: RequestId,
    /// The phone.
    phone: String,
    order: DeskOrder,
}

impl Switch {
    /// Has a phone call a number, as if it had dialled it: it rings first, or answers by itself. Gives the
    /// call, or why there is none.
    pub(super) fn make_call(
        &mut self,
        now: Now,
        phone: &str,
        number: &str,
    ) -> Result<CallId, String> {
        self.summon(now, phone, number, Doing::Summoning(now.at + RINGS))
    }

    /// The same by a phone that holds its call for it. If it does not take this one, as phones with one line do not,
    /// it is told to take that back: whoever waits there would hear music for ever.
    pub(super) fn consult_call(
        &mut self,
        now: Now,
        phone: &str,
        number: &str,
    ) -> Result<CallId, String> {
        let call = self.make_call(now, phone, number)?;
        self.consults.insert(call, phone.to_owned());
        Ok(call)
    }

    /// A call is over that its phone had not taken, if it is still of those.
    pub(super) fn consult_over(&mut self, now: Now, call: CallId) {
        let Some(phone) = self.consults.remove(&call) else { return };
        let held = self.line_for(&phone, None, DeskOrder::Resume);
        let Some(session) = held.and_then(|leg| Some(self.legs.get(&leg)?.session)) else { return };
        let told = !self.desks.contains_key(&session)
            && self.ask(now, Command::Remote { session, hand: Hand::Talk });
        let how = if told { "is told to take back whom it holds" } else { "holds its call still" };
        self.log(
            Level::Info,
            format!("phone {phone} did not take call {call}, a consultation: it {how}"),
        );
    }

    /// The same; what the call waits for.
    pub(super) fn summon(
        &mut self,
        now: Now,
        phone: &str,
        number: &str,
        doing: Doing,
    ) -> Result<CallId, String> {
        let Some(config) = self.config.phone(phone).cloned() else {
            return Err(format!("there is no phone {phone}; 'show phones' lists them"));
        };
        let dialled = |c: char| c.is_ascii_alphanumeric() || "*#+-._".contains(c);
        if !(1..=LONGEST).contains(&number.len()) || !number.chars().all(dialled) {
            return Err(format!("'{}' is no number", number.escape_debug()));
        }
        let urgent = self.is_emergency(now, true, [phone, number, config.context.as_str()]);
        self.may_call_out(now, urgent)?;
        let registered = !self.registrar.lookup(now.at, phone).is_empty();
        if !registered && config.mobile.is_none() {
            return Err(format!("phone {phone} is not registered"));
        }
        let id = self.new_call_id(now.wall);
        let caller_name = config.name.as_ref().map(ToString::to_string);
        let context = config.context.to_string();
        self.fact(
            now,
            FactKind::CallBegan {
                call: id,
                caller: Party::Phone { number: phone.into() },
                dialled: number.into(),
                caller_name: caller_name.clone().unwrap_or_default(),
                context: context.clone(),
            },
        );
        let device = Device::Phone { number: phone.into() };
        let names = [phone.to_owned(), number.to_owned(), context];
        let group = self.watched_group(now, number);
        let active = Active {
            group: group.unwrap_or_else(|| self.group_of(id, &device)),
            doing,
            from_name: caller_name,
            language: config.language.unwrap_or(self.config.node.language),
            ..self.new_call(now, Call::for_phone(id, now), names)
        };
        self.calls.insert(id, Box::new(active));
        let reached = match registered {
            true => self.ring_last_device(now, id, &config),
            false => self.ring_mobile(now, id, &config).is_some_and(|made| made.is_ok()),
        };
        self.rearm(id);
        if !reached {
            self.release_call(now, id, Cause::NORMAL_TEMPORARY_FAILURE, EndedBy::Fault);
            return Err(format!("phone {phone} cannot be called now: see the log"));
        }
        Ok(id)
    }

    /// Tells a phone to do something, about this call if one is named. `Some`: it cannot; else its answer is the
    /// answer.
    pub(super) fn desk_order(
        &mut self,
        now: Now,
        by: RequestId,
        phone: &str,
        call: Option<CallId>,
        order: DeskOrder,
    ) -> Option<Reply> {
        if self.config.phone(phone).is_none() {
            let why = format!("there is no phone {phone}; 'show phones' lists them");
            return Some(Reply::Refused(why));
        }
        let Some(leg) = self.line_for(phone, call, order) else {
            return Some(Reply::Refused(match order {
                DeskOrder::Answer => format!("nothing rings at phone {phone}"),
                DeskOrder::Hold => format!("phone {phone} talks with nobody"),
                DeskOrder::Resume => format!("phone {phone} holds nobody"),
            }));
        };
        let session = self.legs.get(&leg)?.session;
        let hand = match order {
            DeskOrder::Answer | DeskOrder::Resume => Hand::Talk,
            DeskOrder::Hold => Hand::Hold,
        };
        if self.desks.contains_key(&session) || !self.ask(now, Command::Remote { session, hand }) {
            let why = format!("phone {phone} cannot be told now: it is being told something else");
            return Some(Reply::Refused(why));
        }
        self.desks.insert(session, Told { by, phone: phone.into(), order });
        None
    }

    /// A phone has said something to what it was told, or its call is over.
    pub(super) fn desk_answered(&mut self, session: SessionId, status: u16) {
        let Some(Told { by, phone, order }) = self.desks.remove(&session) else { return };
        let what = match order {
            DeskOrder::Answer => "answer",
            DeskOrder::Hold => "hold",
            DeskOrder::Resume => "take back",
        };
        let reply = match status {
            200..=299 => Reply::Done(format!("phone {phone} was told to {what}, and will")),
            405 | 489 | 501 => Reply::Refused(format!(
                "phone {phone} does not let itself be told ({status}): it knows no Event: talk and \
                 hold, or its settings forbid them"
            )),
            481 => Reply::Refused(format!(
                "phone {phone} knows nothing of the call (481): it has ended, or the phone takes no \
                 such orders"
            )),
            status => Reply::Refused(format!("phone {phone} did not {what} ({status})")),
        };
        self.out.push_back(Output::Reply(by, reply));
    }

    /// The line of a phone that is meant: which rings longest, which it talks on, which it holds.
    fn line_for(&self, phone: &str, call: Option<CallId>, order: DeskOrder) -> Option<LegId> {
        let is_meant = |leg: &&Leg| {
            if call.is_some_and(|call| leg.call != call) {
                return false;
            }
            let Some(active) = self.calls.get(&leg.call) else { return false };
            let Some(party) = active.call.get(leg.id) else { return false };
            // A mobile's network takes no such orders.
            if !matches!(party.device, Device::Phone { .. }) {
                return false;
            }
            match order {
                DeskOrder::Answer => {
                    leg.stage == Stage::Early && party.state == ConnectionState::Alerting
                }
                DeskOrder::Hold => {
                    leg.stage == Stage::Answered && !leg.held && party.peer.is_some()
                }
                DeskOrder::Resume => leg.stage == Stage::Answered && leg.held,
            }
        };
        let legs = self.lines.of(phone).filter_map(|leg| self.legs.get(&leg).map(Box::as_ref));
        legs.filter(is_meant).min_by_key(|leg| (leg.ringing, leg.id)).map(|leg| leg.id)
    }
}
