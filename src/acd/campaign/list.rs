//! One campaign's list: which number is next, who is called now and for whom, and who is to be shown to an agent.
//!
//! ```text
//!   fresh ── in the order of the list ─┐
//!   resting ─ whose time has come ─────┴▶ next ─▶ calling, or offered ─▶ settled (`outcome.rs`)
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::{Kept, Outcome, Over, State};
use super::{Action, GRACE, HELD_LONG, MOST_AT_ONCE, Offer, Offered, Shown, Status, Terms};
use crate::acd::agent::AgentId;
use crate::acd::centre::Centre;
use crate::base::{Duration, Now, Time};

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) number: Box<str>,
    pub(super) fields: Box<str>,
    pub(super) tried: u32,
    pub(super) counted: u32,
    pub(super) state: State,
    /// In `resting`, under this.
    pub(super) rests: Option<Time>,
    /// It is shown to an agent.
    pub(super) offered: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Calling {
    pub(super) agent: AgentId,
    /// Somebody is on the line.
    pub(super) answered: bool,
    pub(super) preview: bool,
}

#[derive(Debug)]
pub(super) struct Campaign {
    pub(super) terms: Terms,
    pub(super) status: Status,
    pub(super) rows: Vec<Row>,
    pub(super) by_number: BTreeMap<Box<str>, u32>,
    /// Never called, in the order of the list.
    pub(super) fresh: BTreeSet<u32>,
    /// Called, and to be called again.
    pub(super) resting: BTreeSet<(Time, u32)>,
    pub(super) calling: BTreeMap<u32, Calling>,
    pub(super) done: usize,
    pub(super) failed: usize,
    /// Calls wait for room, since then.
    pub(super) held: Option<Time>,
    /// That it is so for long was told.
    pub(super) told: bool,
    /// The configuration has it.
    pub(super) known: bool,
}

/// What all campaigns share: who is shown whom, who is about to dial, which numbers nobody may call.
pub(super) type Others<'a> =
    (&'a mut BTreeMap<AgentId, Offered>, &'a BTreeSet<AgentId>, &'a dyn Fn(&str) -> bool);

impl Campaign {
    pub(super) fn new(terms: &Terms) -> Campaign {
        Campaign {
            terms: terms.clone(),
            status: Status::Stopped,
            rows: Vec::new(),
            by_number: BTreeMap::new(),
            fresh: BTreeSet::new(),
            resting: BTreeSet::new(),
            calling: BTreeMap::new(),
            done: 0,
            failed: 0,
            held: None,
            told: false,
            known: true,
        }
    }

    pub(super) fn matters(&self) -> bool {
        self.status == Status::Running || !self.calling.is_empty()
    }

    /// A number as the records have it.
    pub(super) fn add(&mut self, now: Now, kept: Kept) -> Option<Over> {
        let row = self.rows.len() as u32;
        let Kept { number, fields, state, tried, counted, next } = kept;
        let number: Box<str> = number.into();
        self.by_number.insert(number.clone(), row);
        let (fields, rests, offered) = (fields.into(), None, false);
        self.rows.push(Row { number, fields, tried, counted, state, rests, offered });
        match state {
            State::Done => self.done += 1,
            State::Failed => self.failed += 1,
            State::Calling => return Some(self.settle(row, Outcome::Cut, now.at)),
            State::Waiting if tried == 0 && next.is_none() => _ = self.fresh.insert(row),
            State::Waiting => {
                let left = next.map_or(0, |next| next.0.saturating_sub(now.wall.0));
                let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                let longest = self.terms.pauses.into_iter().max().unwrap_or_default();
                self.back(row, Some(now.at + left.min(longest)));
            }
        }
        None
    }

    /// A number is to be called: at its place, or not before then.
    pub(super) fn back(&mut self, row: u32, not_before: Option<Time>) {
        let Some(own) = self.rows.get_mut(row as usize) else { return };
        (own.state, own.offered) = (State::Waiting, false);
        own.rests = not_before.or(own.rests);
        match own.rests {
            Some(at) => _ = self.resting.insert((at, row)),
            None => _ = self.fresh.insert(row),
        }
    }

    /// The next number: who was to be called again at some time and has waited for it goes before those of the list.
    pub(super) fn next(&mut self, now: Time) -> Option<u32> {
        if let Some((at, row)) = self.resting.first().copied().filter(|(at, _)| *at <= now) {
            self.resting.remove(&(at, row));
            return Some(row);
        }
        self.fresh.pop_first()
    }

    pub(super) fn has_next(&self, now: Time) -> bool {
        !self.fresh.is_empty() || self.resting.first().is_some_and(|(at, _)| *at <= now)
    }

    /// Customers who are dialled for agents who are not there any more, or whom a caller wants: another agent has
    /// them, or they are let go.
    pub(super) fn give_way(
        &mut self,
        now: Time,
        name: &str,
        centre: &mut Centre,
        (offers, dials): (&BTreeMap<AgentId, Offered>, &BTreeSet<AgentId>),
        actions: &mut Vec<Action>,
    ) {
        let free = |agent: &AgentId| !offers.contains_key(agent) && !dials.contains(agent);
        for (row, calling) in &mut self.calling {
            if calling.answered || calling.preview {
                continue;
            }
            let wanted = centre.is_wanted(calling.agent);
            if centre.holds(now, calling.agent) && !wanted {
                continue;
            }
            let campaign = name.to_owned();
            let number = self.rows.get(*row as usize).map_or("", |row| &row.number).to_owned();
            centre.let_go(now, calling.agent);
            let spare = centre.spare(&self.terms.queue, offers.len() + dials.len() + 1);
            let other = spare.into_iter().find(|agent| free(agent) && !wanted);
            let until = now + self.terms.ring + GRACE;
            match other.filter(|agent| centre.reserve(now, *agent, until)) {
                Some(agent) => {
                    calling.agent = agent;
                    actions.push(Action::Moved { campaign, number, agent });
                }
                None => actions.push(Action::LetGo { campaign, number }),
            }
        }
    }

    /// Calls and offers that begin.
    pub(super) fn begin(
        &mut self,
        now: Time,
        centre: &mut Centre,
        room: usize,
        (offers, dials, is_barred): Others<'_>,
        actions: &mut Vec<Action>,
    ) {
        let shown = offers.values().filter(|own| own.campaign == self.terms.name).count();
        let busy = self.calling.len() + if self.terms.preview { shown } else { 0 };
        let mut left = self.terms.most.saturating_sub(busy).min(room);
        let held = left == 0 && room == 0 && self.has_next(now);
        self.hold(now, held, actions);
        while left > 0 && actions.len() < MOST_AT_ONCE && self.has_next(now) {
            let spare = centre.spare(&self.terms.queue, offers.len() + dials.len() + 1);
            let free = |agent: &AgentId| !offers.contains_key(agent) && !dials.contains(agent);
            let Some(agent) = spare.into_iter().find(free) else { return };
            let Some(row) = self.next(now) else { return };
            if is_barred(&self.rows[row as usize].number) {
                actions.push(Action::Over(self.settle(row, Outcome::Barred, now)));
                continue;
            }
            left -= 1;
            let campaign = self.terms.name.clone();
            if self.terms.preview {
                actions.push(self.show(now, row, agent, offers));
                continue;
            }
            if !centre.reserve(now, agent, now + self.terms.ring + GRACE) {
                return self.back(row, None);
            }
            self.calling.insert(row, Calling { agent, answered: false, preview: false });
            let own = &mut self.rows[row as usize];
            (own.state, own.rests, own.tried) = (State::Calling, None, own.tried + 1);
            let (number, nth) = (own.number.to_string(), own.tried);
            actions.push(Action::Dial { campaign, number, nth, agent, preview: false });
        }
    }

    /// Whether calls wait for room. How long they have is told when it is long, and when it is over.
    pub(super) fn hold(&mut self, now: Time, held: bool, actions: &mut Vec<Action>) {
        self.held = held.then(|| self.held.unwrap_or(now));
        let long = self.held.is_some_and(|since| now.since(since) >= HELD_LONG);
        if std::mem::replace(&mut self.told, long) != long {
            actions.push(Action::Held { campaign: self.terms.name.clone(), held: long });
        }
    }

    pub(super) fn show(
        &mut self,
        now: Time,
        row: u32,
        agent: AgentId,
        offers: &mut BTreeMap<AgentId, Offered>,
    ) -> Action {
        let campaign = self.terms.name.clone();
        let until = now + self.terms.offer;
        offers.insert(agent, Offered { campaign: campaign.clone(), row, until });
        let own = &mut self.rows[row as usize];
        own.offered = true;
        let (number, fields) = (own.number.to_string(), own.fields.to_string());
        let (tried, left) = (own.tried, self.terms.offer);
        Action::Offer(Offer { campaign, number, fields, tried, agent, left })
    }

    pub(super) fn shown(&self) -> Shown {
        let left = self.rows.len() - self.done - self.failed;
        Shown {
            name: self.terms.name.clone(),
            preview: self.terms.preview,
            queue: self.terms.queue.clone(),
            status: self.status,
            numbers: self.rows.len(),
            left,
            resting: self.resting.len(),
            calling: self.calling.len(),
            done: self.done,
            failed: self.failed,
            held: self.held.is_some(),
        }
    }
}
