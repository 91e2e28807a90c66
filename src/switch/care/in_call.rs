//! What is told to a unit in its call, and what becomes of its line: keys to its leg, its release.
//!
//! ```text
//!  console, API ─▶ rights, confirmation ─▶ care::unit ─▶ keys ─▶ the unit's leg
//!  agent's phone: its keys reach the unit by themselves, and are noted
//!  nobody talks ─▶ care::line_release ─▶ released: fault
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, LegId, Now, Time};
use crate::care::line_release::{LineEnd, LineRelease};
use crate::care::unit::{Dialect, Due, Line, Order};
use crate::care::{Case, Protocol};
use crate::config::UnitKeys;
use crate::switch::active::Doing;
use crate::switch::fact::{CareFact, EndedBy, FactKind};
use crate::switch::{Level, Switch};
use crate::wire::q850::Cause;

/// The lines of units whose calls are up.
#[derive(Default)]
pub(super) struct Lines {
    of: BTreeMap<CallId, Line>,
    /// In which nobody of ours has done anything yet.
    release: LineRelease,
    /// Those that were released for that.
    released: BTreeSet<CallId>,
}

impl Lines {
    /// When something is due.
    pub(super) fn next_wake(&self) -> Option<Time> {
        let lines = self.of.values().map(Line::deadline).filter(|at| *at != Time::NEVER);
        lines.chain(self.release.next_wake()).min()
    }
}

impl Switch {
    /// A call belongs to a case: its line is released where nobody of ours does anything with it.
    pub(super) fn line_waits(&mut self, now: Now, call: CallId) {
        let after = self.config.care.release_after;
        self.care.lines.release.waits(now.at, call, after);
    }

    /// Somebody talks in a call.
    pub(super) fn line_talks(&mut self, now: Now, call: CallId) {
        self.care.lines.release.over(call);
        let Some(case) = self.care.cases.of_call(call) else { return };
        if !self.care.units.contains_key(&call)
            && let Some(leg) = self.unit_leg(call)
        {
            self.care.units.insert(call, leg);
        }
        if let Some(dialect) = self.dialect_of(case) {
            self.care.lines.of.entry(call).or_insert_with(|| Line::new(now.at, dialect));
        }
        let parties = self.calls.get(&call).into_iter().flat_map(|a| a.call.connections());
        let legs: Vec<LegId> = parties.map(|party| party.leg).collect();
        legs.into_iter().for_each(|leg| self.hold_keys(leg));
    }

    /// Nobody talks with the home any more, and it waits on in its call: as one with which nobody has talked.
    pub(in crate::switch) fn home_waits_again(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        in_its_place: bool,
    ) {
        let is_home = self.unit_leg(call) == Some(leg);
        if is_home && self.care.cases.waits_again(call, in_its_place) {
            self.line_waits(now, call);
        }
    }

    /// A unit's leg goes on in another call, in which somebody talks with it: its case goes with it.
    pub(in crate::switch) fn unit_moved(&mut self, now: Now, leg: LegId, from: CallId, to: CallId) {
        if self.care.units.get(&from) != Some(&leg) || self.care.cases.of_call(to).is_some() {
            return;
        }
        let Some(case) = self.care.cases.of_call(from).map(|case| case.id) else { return };
        if self.care.cases.joins(case, to).is_some() {
            self.care.units.insert(to, leg);
            self.joins_case(now, to, case);
            self.care_talks(now, to);
        }
    }

    /// Another device has the unit's talk from here.
    pub(in crate::switch) fn unit_replaced(&mut self, call: CallId, old: LegId, leg: LegId) {
        if let Some(own) = self.care.units.get_mut(&call).filter(|own| **own == old) {
            *own = leg;
        }
    }

    /// In which keys the unit of a case is spoken to.
    fn dialect_of(&self, case: &Case) -> Option<Dialect> {
        let subscriber = self.care.directory.find(&case.account);
        let terminal = subscriber.map_or("", |subscriber| &subscriber.terminal.kind);
        let mut reversed = self.config.care.louder_by_3.iter().flatten();
        let louder_by_3 = reversed.any(|kind| kind.as_str().eq_ignore_ascii_case(terminal));
        let protocol = match (self.care.cases.protocol(case), self.config.care.unit_keys) {
            (Some(spoken), _) => spoken,
            (None, UnitKeys::Scaip) => Protocol::Scaip,
            (None, UnitKeys::Bs8521) => Protocol::Bs8521,
            (None, UnitKeys::None) => return None,
        };
        Dialect::of(protocol, louder_by_3)
    }

    /// Tells the unit of a case something. A door is opened only by a word said twice.
    pub(in crate::switch) fn unit_order(
        &mut self,
        now: Now,
        id: u64,
        order: Order,
        confirmed: bool,
        by: &str,
    ) -> Result<String, String> {
        let case = self.care.cases.get(id).ok_or_else(|| self.no_case(id))?;
        let call = case.call().ok_or_else(|| format!("the unit of case {id} is in no call"))?;
        let dialect = self.dialect_of(case).ok_or_else(|| {
            let how = case.protocol.as_str();
            format!("the unit of case {id} ({how}) knows no keys; where it does: [care] unit_keys")
        })?;
        if order == Order::Door && !confirmed {
            return Err(format!("a door is opened: confirm it, as in 'unit {id} door confirm'"));
        }
        let account = case.account.clone();
        let line = self.care.lines.of.entry(call).or_insert_with(|| Line::new(now.at, dialect));
        let keys = line.order(now.at, order);
        self.keys_to_unit(now, call, keys);
        let what = CareFact::UnitTold { case: id, call, order, by: by.to_owned() };
        self.log(Level::Info, format!("case {id}: {by} tells the unit: {}", order.as_str()));
        self.fact(now, FactKind::Care { account, what });
        Ok(format!("the unit of case {id} is told: {}", order.as_str()))
    }

    fn keys_to_unit(&mut self, now: Now, call: CallId, keys: &str) {
        let Some(leg) = self.unit_leg(call) else { return };
        let Some(line) = self.care.lines.of.get(&call) else { return };
        let [on_ms, off_ms] = line.dialect().times();
        self.send_digits(now, leg, keys.to_owned(), on_ms, off_ms);
    }

    /// A phone of ours pressed a key in a unit's call, which has reached the unit by itself: noted, and what keeps the
    /// line up follows it.
    pub(in crate::switch) fn key_for_unit(
        &mut self,
        now: Now,
        call: CallId,
        leg: LegId,
        key: char,
    ) {
        let by = self.calls.get(&call).and_then(|active| active.call.get(leg));
        let by = by.map_or_else(String::new, |party| party.device.number().to_owned());
        let Some(case) = self.care.cases.of_call(call) else { return };
        let (id, account) = (case.id, case.account.clone());
        let Some(line) = self.care.lines.of.get_mut(&call) else { return };
        let dialect = line.dialect();
        let said = |order: &Order| dialect.keys(*order).chars().eq([key]);
        let Some(order) = Order::ALL.map(|(order, _)| order).into_iter().find(said) else { return };
        line.order(now.at, order);
        let what = CareFact::UnitTold { case: id, call, order, by };
        self.fact(now, FactKind::Care { account, what });
    }

    /// The keys of a leg that are kept from the unit with which it talks.
    pub(in crate::switch) fn withheld_keys(&self, leg: LegId) -> &'static str {
        let Some(call) = self.legs.get(&leg).map(|leg| leg.call) else { return "" };
        let peer = self.calls.get(&call).and_then(|active| active.call.peer(leg));
        let is_units = peer.is_some() && peer == self.unit_leg(call);
        if !is_units || self.care.cases.of_call(call).is_none() {
            return "";
        }
        Dialect::withheld(self.care.lines.of.get(&call).map(Line::dialect))
    }

    /// A phone of ours pressed the key by which a unit opens its door: that wants what the console and programs want, an
    /// agent who supervises and a second word, which is the same key once more.
    pub(in crate::switch) fn door_by_phone(&mut self, now: Now, call: CallId, leg: LegId) {
        let Some(case) = self.care.cases.of_call(call).map(|case| case.id) else { return };
        let party = self.calls.get(&call).and_then(|active| active.call.get(leg));
        let phone = party.map_or_else(String::new, |party| party.device.number().to_owned());
        if !self.care.lines.of.contains_key(&call) {
            let line = format!(
                "case {case}: a key of phone {phone} by which a door may open is not sent: in which keys its unit is \
                 spoken to is not known ([care] unit_keys)"
            );
            return self.log(Level::Warning, line);
        }
        let agent = self.centre.at_phone(&phone).and_then(|agent| self.centre.agent(now.at, agent));
        if !agent.is_some_and(|agent| agent.supervisor) {
            let line = format!(
                "case {case}: phone {phone} opens no door: a door is a supervisor's to open"
            );
            return self.log(Level::Warning, line);
        }
        let Some(line) = self.care.lines.of.get_mut(&call) else { return };
        if !line.door_pressed(now.at) {
            let line =
                format!("case {case}: phone {phone} is to press the key of the door once more");
            return self.log(Level::Info, line);
        }
        if let Err(why) = self.unit_order(now, case, Order::Door, true, &phone) {
            self.log(Level::Warning, format!("case {case}: the door stays shut: {why}"));
        }
    }

    /// What is due of units' lines.
    pub(super) fn lines_due(&mut self, now: Now) {
        let due = self
            .care
            .lines
            .of
            .iter_mut()
            .filter_map(|(call, line)| line.wake(now.at).map(|due| (*call, due)));
        let due: Vec<(CallId, Due)> = due.collect();
        for (call, due) in due {
            match due {
                Due::Keys(keys) => self.keys_to_unit(now, call, keys),
                Due::Release => {
                    let cause = Cause::NORMAL_CLEARING;
                    self.release_call(now, call, cause, EndedBy::Plan);
                }
            }
        }
        while let Some(call) = self.care.lines.release.due(now.at) {
            let Some(case) = self.care.cases.of_call(call).map(|case| case.id) else { continue };
            // By a queue, or by the plan alone.
            let rung = self
                .calls
                .get(&call)
                .is_some_and(|active| matches!(active.doing, Doing::Dialling(_)));
            if rung && self.care.lines.release.put_off(now.at, call) {
                continue;
            }
            let after = self.config.care.release_after.as_secs();
            let line = format!(
                "case {case}: nobody has talked in call {call} for {after} s: its line is released"
            );
            self.log(Level::Error, line);
            self.care.lines.released.insert(call);
            self.release_call(now, call, Cause::RECOVERY_ON_TIMER_EXPIRE, EndedBy::Limit);
        }
    }

    /// A call is over: how its line ended, where it was a bell's.
    pub(super) fn line_over(&mut self, now: Now, call: CallId) {
        self.care.lines.release.over(call);
        self.care.lines.of.remove(&call);
        self.care.units.remove(&call);
        let by = self.calls.get(&call).and_then(|active| active.ended).map(|(_, by)| by);
        let released = self.care.lines.released.remove(&call);
        let end = match by {
            Some(EndedBy::Fault | EndedBy::Limit | EndedBy::Restart) => LineEnd::Fault,
            _ => LineEnd::Normal,
        };
        let Some(case) = self.care.cases.of_call(call) else { return };
        let (id, account) = (case.id, case.account.clone());
        self.care.cases.line_ended(id, end);
        let value = end.as_str().to_owned();
        self.fact(now, FactKind::CallField { call, name: "line".into(), value });
        let what = CareFact::LineEnded { case: id, call, end, released };
        self.fact(now, FactKind::Care { account, what });
    }
}
