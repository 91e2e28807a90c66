//! One plan under way: who is next, what waits, and the same again from what was written down.
//! Not here: whose turn it is among several plans, and what is done about it ([`run`](super)).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::week::Moment;
use crate::base::{Duration, Now, Time, Wall};
use crate::care::plan::{Event, Outcome, Plan, Resource, Subject};

use super::people::people;
use super::{
    AGAIN, ANSWERS, LOST, MOST_LOST, MOST_SHOWN, NO_WAY_TO_HIM, Run, SLOWLY, SOON, Up, short,
};

impl Run {
    pub(super) fn new(plan: Plan, subject: Subject) -> Run {
        Run {
            plan,
            subject,
            step: None,
            left: BTreeMap::new(),
            calling: 0,
            pending: None,
            busy: BTreeMap::new(),
            second: None,
            until: Time::NEVER,
            list: Vec::new(),
            tried: 0,
            round: 1,
            not_before: Time::ZERO,
            lost: BTreeMap::new(),
            held: false,
            others_until: Time::NEVER,
            accepted: BTreeSet::new(),
            up: BTreeMap::new(),
            sending: BTreeSet::new(),
            history: VecDeque::new(),
            forgotten: 0,
            wake: Time::NEVER,
        }
    }

    /// Of very many events the last ones stay, and it is known how many there were.
    pub(super) fn forget_first(&mut self) {
        let more = self.history.len().saturating_sub(MOST_SHOWN);
        self.history.drain(..more);
        self.forgotten += more as u64;
    }

    /// Those who are being called and have taken nothing on.
    pub(super) fn waits(&self) -> usize {
        self.up.values().filter(|up| **up == Up::Called).count()
    }

    /// A call was placed and found no way: once more, and again, after a pause.
    pub(super) fn is_lost(&mut self, now: Time, number: &str) {
        let times = self.lost.entry(number.to_owned()).or_default();
        if *times < MOST_LOST {
            let pause = Duration::from_millis(LOST.as_millis() as u64 * (1 << *times));
            self.not_before = self.not_before.max(now + pause);
            *times += 1;
            self.call_later(number);
        }
    }

    /// Whom a call has not reached for want of a way is called again, after the others.
    pub(super) fn call_later(&mut self, number: &str) {
        let tried = self.tried.min(self.list.len());
        if let Some(at) = self.list[..tried].iter().position(|own| own.number == number) {
            self.tried -= 1;
            let person = self.list.remove(at);
            self.list.push(person);
        }
    }

    /// Whether those who are left, all called for other cases, are waited for: as long as one rings and says what he does,
    /// and longer while another of this step is called.
    pub(super) fn waits_for_others(&mut self, now: Time, ring: Duration) -> bool {
        if self.others_until == Time::NEVER {
            self.others_until = now + ring + ANSWERS;
        }
        now < self.others_until || self.waits() > 0
    }

    /// As many as wanted have taken it on, or all whom there are; a step that calls nobody needs none.
    pub(super) fn is_served(&self, want: usize) -> bool {
        let calls = self.step.is_some_and(|nth| !self.plan.steps[nth].call.is_empty());
        let got = self.list.iter().filter(|own| self.accepted.contains(&own.number)).count();
        !calls || got > 0 && got >= want.min(self.list.len())
    }

    /// Why nobody has taken it on, when all is done.
    pub(super) fn in_vain(&self) -> String {
        let begun = self.history.iter().rposition(|(.., own)| matches!(own, Event::Begun { .. }));
        let own = self.history.iter().skip(begun.unwrap_or(0)).map(|(.., event)| event);
        let mut missing: Vec<&str> = Vec::new();
        for event in own {
            match event {
                Event::Called { .. } => return "all is done, nobody has taken it on".into(),
                Event::NotCalled { why, .. } if !missing.contains(&why.as_str()) => {
                    missing.push(why);
                }
                _ => {}
            }
        }
        match missing.is_empty() {
            true => "all is done, nobody has taken it on".into(),
            false => short(format!("nobody was called: {}", missing.join("; "))),
        }
    }

    /// Those who are named and not called, with why.
    pub(super) fn begin_step(
        &mut self,
        now: Now,
        to: usize,
        resources: &[Resource],
        at: Moment,
    ) -> Vec<String> {
        let Some(step) = self.plan.steps.get(to) else { return Vec::new() };
        let (list, missing) = people(&step.call, &self.subject, resources, at);
        self.list = list;
        self.until = now.at + step.within;
        self.step = Some(to);
        self.calling += usize::from(!step.call.is_empty());
        (self.pending, self.tried, self.round) = (None, 0, 1);
        (self.not_before, self.others_until, self.held) = (Time::ZERO, Time::NEVER, false);
        self.lost.clear();
        missing
    }

    /// A step is over: it does not begin again before its pause.
    pub(super) fn leave_step(&mut self, now: Time, nth: usize) {
        let Some(step) = self.plan.steps.get(nth) else { return };
        let times = self.left.get(&nth).map_or(0, |(_, times, _)| *times).saturating_add(1);
        let least = if times < SOON { AGAIN } else { SLOWLY };
        self.left.insert(nth, (now + step.pause.max(least), times, self.calling));
    }

    /// How a call has ended that took nothing on: who is busy may not be soon.
    pub(super) fn note_busy(&mut self, number: &str, outcome: Outcome) {
        match self.step {
            Some(step) if outcome == Outcome::Busy => {
                self.busy.entry(number.to_owned()).or_insert(step);
            }
            _ => _ = self.busy.remove(number),
        }
    }

    /// A person orders a step: what follows is no second call of those who were busy before.
    pub(super) fn begins_anew(&mut self) {
        self.second = None;
        self.busy.clear();
    }

    /// Who was busy in a step.
    pub(super) fn busy_in(&self, nth: usize) -> BTreeSet<String> {
        let own = self.busy.iter().filter(|(_, step)| **step == nth);
        own.map(|(number, _)| number.clone()).collect()
    }

    /// A step that had begun before the start: what it had of its time has gone on, by the calendar.
    pub(super) fn began_step(
        &mut self,
        now: Now,
        wall: Wall,
        nth: usize,
        (all, at): (&[Resource], Moment),
    ) {
        if let Some(before) = self.step {
            self.leave_step(now.at, before);
        }
        self.begin_step(now, nth, all, at);
        let passed = now.wall.0.saturating_sub(wall.0).max(0) as u64;
        let left = self.until.since(now.at).saturating_sub(Duration::from_millis(passed));
        self.until = now.at + left;
    }

    /// One event of the records, in their order. `open`: it had begun and was not over.
    pub(super) fn takes(
        &mut self,
        now: Now,
        wall: Wall,
        event: &Event,
        resources: (&[Resource], Moment),
        open: bool,
    ) -> bool {
        match event {
            Event::Begun { .. } => {
                let sending = core::mem::take(&mut self.sending);
                *self = Run { sending, ..Run::new(self.plan.clone(), self.subject.clone()) };
                return true;
            }
            Event::Ended { .. } => {
                self.step = None;
                return false;
            }
            Event::Step { nth } => {
                if !open {
                    // A person has ordered it after the end.
                    self.begins_anew();
                }
                self.began_step(now, wall, *nth, resources);
                return true;
            }
            Event::Round { nth } => {
                self.lost.clear();
                // Who was on duty then.
                if let Some(step) = self.step.and_then(|nth| self.plan.steps.get(nth)) {
                    self.list = people(&step.call, &self.subject, resources.0, resources.1).0;
                }
                (self.round, self.tried) = (*nth, 0);
            }
            Event::Called { number, .. } => {
                self.up.insert(number.clone(), Up::Called);
                // Not in their order, where one was in a call for another case.
                let at = self.list.iter().position(|person| person.number == *number);
                if let Some(at) = at.filter(|at| *at >= self.tried) {
                    self.list[self.tried..=at].rotate_right(1);
                    self.tried += 1;
                }
            }
            Event::Outcome { number, why, outcome } => {
                if self.up.remove(number).is_some() {
                    self.note_busy(number, *outcome);
                }
                if why == NO_WAY_TO_HIM {
                    self.is_lost(now.at, number);
                }
            }
            Event::Accepted { number } => {
                self.up.remove(number);
                self.accepted.insert(number.clone());
            }
            Event::Left { .. } | Event::NotCalled { .. } | Event::NotSent { .. } => {}
            Event::Sending { to, by, .. } => _ = self.sending.insert((to.clone(), *by)),
            Event::Sent { to, by, .. } => _ = self.sending.remove(&(to.clone(), *by)),
        }
        open
    }
}
