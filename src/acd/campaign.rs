//! Outbound campaigns (R19): which number of a list is dialled next, for which agent, and what becomes of it.
//!
//! ```text
//!   fresh ─┬─ progressive: an agent is kept ─▶ calling ─┬─ reached, wrong ──────────────▶ done, failed
//!          └─ preview: offered to an agent ─ takes it ──┤  busy, no answer, voice mail ─▶ resting ─▶ its turn again
//!                          └ skips it, its time is over └─ the last attempt ────────────▶ failed
//! ```
//!
//! A customer is dialled only for an agent who is kept for him: there are never more customers than agents. Who
//! calls the centre goes first: an agent whom a caller could have is given back, and the customer who is not on the
//! line yet is let go. What is dialled and what came of it is written down by who drives this, and given back at the
//! start: an attempt whose end nobody wrote down counts. Waits go by the clock that does not jump; over a restart
//! they are what is left by the calendar, and never longer than they were to be.
//!
//! Knows no gateways, no calendar and no phones: how many calls there is room for is said by who asks.

mod list;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};

use super::agent::AgentId;
use super::campaign_file::{Entry, MOST_NUMBERS};
use super::centre::Centre;
use crate::base::{CallId, Duration, Now, Time};
use list::{Calling, Campaign};
pub use outcome::{Coded, Kept, Outcome, Over, State};

/// Why what the records say is not taken yet.
const NOT_READ: &str = "the records are not read yet: who was called already is not known";
/// Numbers that nobody may call, at most.
pub const MOST_BARRED: usize = 500_000;
/// Numbers of all lists.
pub const MOST_IN_ALL: usize = 500_000;
/// Who skips an entry is not offered it again before this.
const SKIPPED: Duration = Duration::from_secs(60);
/// Whether there is room, and whether the hours have begun, is looked at again after this.
const LOOK: Duration = Duration::from_secs(5);
/// An agent is kept for so long beyond the ringing.
const GRACE: Duration = Duration::from_secs(10);
/// A campaign that could call and has had no room for so long is told.
pub const HELD_LONG: Duration = Duration::from_secs(15 * 60);
/// Actions that are given at once; the rest at the next asking.
const MOST_AT_ONCE: usize = 500;

/// What the configuration says of a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Its name.
    pub name: String,
    /// An agent sees whom he is to call before he does.
    pub preview: bool,
    /// The queue whose agents serve it.
    pub queue: String,
    /// How often a number is called at most.
    pub attempts: u32,
    /// Pauses after busy, no answer, voice mail, a failure.
    pub pauses: [Duration; 4],
    /// How long a customer's phone rings.
    pub ring: Duration,
    /// Calls at once.
    pub most: usize,
    /// How long an agent may look at an entry.
    pub offer: Duration,
    /// Codes after which a number is done; none: all others are.
    pub done: Vec<String>,
    /// Codes after which it is called again.
    pub again: Vec<String>,
    /// Codes that say that a machine answered.
    pub machine: Vec<String>,
}

/// Whether a campaign calls.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Status {
    /// Nobody has begun it, or somebody has ended it.
    #[default]
    Stopped,
    /// It calls, within its hours.
    Running,
    /// Somebody, or a gateway that is down, holds it.
    Paused,
}

impl Status {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Stopped => "stopped",
            Status::Running => "running",
            Status::Paused => "paused",
        }
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<Status> {
        [Status::Stopped, Status::Running, Status::Paused].into_iter().find(|s| s.as_str() == word)
    }
}

/// Why an agent has an entry no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfferEnd {
    /// He dials it.
    Taken,
    /// He skips it.
    Skipped,
    /// He did neither in time.
    Expired,
    /// He has a call, or a break; or the campaign is held.
    Withdrawn,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Write down that it is dialled, and dial: for an agent who is kept, or (`preview`) by his phone.
    Dial {
        /// The campaign.
        campaign: String,
        /// The number.
        number: String,
        /// The how manieth time, from 1.
        nth: u32,
        /// For whom.
        agent: AgentId,
        /// His phone first.
        preview: bool,
    },
    /// Another agent has the customer who is dialled.
    Moved {
        /// The campaign.
        campaign: String,
        /// The number.
        number: String,
        /// Who.
        agent: AgentId,
    },
    /// End the call, if nobody has answered it: it is over with [`Outcome::LetGo`].
    LetGo {
        /// The campaign.
        campaign: String,
        /// The number.
        number: String,
    },
    /// Show an agent whom he is to call.
    Offer(Offer),
    /// He has it no more.
    OfferOver {
        /// The campaign.
        campaign: String,
        /// The number.
        number: String,
        /// Who.
        agent: AgentId,
        /// Why.
        why: OfferEnd,
    },
    /// An attempt is over: to be written down.
    Over(Over),
    /// A campaign that could call has had no room for [`HELD_LONG`], or has some again.
    Held {
        /// The campaign.
        campaign: String,
        /// It has none.
        held: bool,
    },
}

/// An entry that an agent is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The campaign.
    pub campaign: String,
    /// The number.
    pub number: String,
    /// What is known of it.
    pub fields: String,
    /// How often it was dialled.
    pub tried: u32,
    /// Who is shown it.
    pub agent: AgentId,
    /// For so long.
    pub left: Duration,
}

/// What there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gate {
    /// It is within the campaign's hours and days.
    pub open: bool,
    /// So many calls may begin.
    pub room: usize,
}

/// What is kept no more: as long to drop as it was to make.
#[derive(Debug, Default)]
pub struct Forgotten {
    numbers: BTreeSet<String>,
    list: Option<Box<Campaign>>,
}

impl Forgotten {
    /// How many numbers there are in it.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.list.as_ref().map_or(0, |list| list.rows.len())
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A campaign, for an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Its name.
    pub name: String,
    /// It is a preview campaign.
    pub preview: bool,
    /// The queue.
    pub queue: String,
    /// Whether it calls.
    pub status: Status,
    /// Numbers in all.
    pub numbers: usize,
    /// Those to be called yet, with those who rest and those called now.
    pub left: usize,
    /// Of them those who rest.
    pub resting: usize,
    /// Of them those who are called now.
    pub calling: usize,
    /// Reached.
    pub done: usize,
    /// Not called any more.
    pub failed: usize,
    /// Calls wait for room.
    pub held: bool,
}

#[derive(Clone, Debug)]
struct Offered {
    campaign: String,
    row: u32,
    until: Time,
}

/// All campaigns.
pub struct Campaigns {
    all: BTreeMap<String, Campaign>,
    /// Numbers that nobody may call, as `key` writes them.
    barred: BTreeSet<String>,
    key: Box<dyn Fn(&str) -> String + Send>,
    offers: BTreeMap<AgentId, Offered>,
    /// With whom each agent talked last: campaign, number.
    talked: BTreeMap<AgentId, (CallId, String, String)>,
    /// The records have said what was called before the start.
    ready: bool,
    numbers: usize,
}

impl core::fmt::Debug for Campaigns {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Campaigns").field("all", &self.all.len()).finish_non_exhaustive()
    }
}

impl Default for Campaigns {
    fn default() -> Campaigns {
        Campaigns {
            all: BTreeMap::new(),
            barred: BTreeSet::new(),
            key: Box::new(str::to_owned),
            offers: BTreeMap::new(),
            talked: BTreeMap::new(),
            ready: false,
            numbers: 0,
        }
    }
}

impl Campaigns {
    /// Another configuration; `key` gives what is the same for all ways in which a number is written.
    pub fn configure(&mut self, all: Vec<Terms>, key: impl Fn(&str) -> String + Send + 'static) {
        self.key = Box::new(key);
        self.all.values_mut().for_each(|own| own.known = false);
        for terms in all {
            let own = self.all.entry(terms.name.clone()).or_insert_with(|| Campaign::new(&terms));
            (own.terms, own.known) = (terms, true);
        }
    }

    /// Whether anything may have to be done.
    pub fn any(&self) -> bool {
        !self.offers.is_empty() || self.all.values().any(Campaign::matters)
    }

    /// Whether a campaign calls, from before the start.
    pub fn restore(&mut self, name: &str, status: Status) {
        if let Some(own) = self.all.get_mut(name) {
            own.status = status;
        }
    }

    /// All that the records have is here: calls may begin.
    pub fn restored(&mut self) {
        self.ready = true;
    }

    /// Numbers of a list: those that are there already stay as they are. Attempts whose end nobody wrote down are
    /// over. Gives those, and how many there was no place for.
    pub fn add(&mut self, now: Now, name: &str, rows: Vec<Kept>) -> (Vec<Action>, usize) {
        let Some(own) = self.all.get_mut(name) else { return (Vec::new(), 0) };
        let (mut over, mut left_out) = (Vec::new(), 0);
        for kept in rows {
            if own.by_number.contains_key(kept.number.as_str()) {
                continue;
            }
            if own.rows.len() >= MOST_NUMBERS || self.numbers >= MOST_IN_ALL {
                left_out += 1;
                continue;
            }
            self.numbers += 1;
            over.extend(own.add(now, kept).map(Action::Over));
        }
        (over, left_out)
    }

    /// The numbers that nobody may call, as `key` writes them. An agent who is shown one of them is so no more, from the
    /// next [`Self::due`] on. What was there before is given back: to take half a million texts apart is nothing for who
    /// drives calls.
    pub fn bar(&mut self, numbers: BTreeSet<String>) -> Forgotten {
        Forgotten { numbers: std::mem::replace(&mut self.barred, numbers), list: None }
    }

    fn is_barred(&self, number: &str) -> bool {
        self.barred.contains(&(self.key)(number))
    }

    /// Whether lists may be read anew: not before all is here that was called before the start, or a number that was
    /// reached would be told as one that waits.
    pub fn may_reload(&self) -> Result<(), String> {
        match self.ready {
            true => Ok(()),
            false => Err(NOT_READ.into()),
        }
    }

    /// A person begins a campaign, holds it or ends it. `false`: it was so already.
    pub fn order(&mut self, name: &str, status: Status) -> Result<bool, String> {
        self.may_reload()?;
        let Some(own) = self.all.get_mut(name).filter(|own| own.known) else {
            return Err(self.unknown(name));
        };
        if status == Status::Running && own.rows.is_empty() {
            return Err(format!("{name} has no numbers: `belfry campaign import {name} FILE`"));
        }
        if status == Status::Paused && own.status == Status::Stopped {
            return Err(format!("{name} is stopped, and calls nobody"));
        }
        Ok(std::mem::replace(&mut own.status, status) != status)
    }

    /// A campaign's list is forgotten, with what became of its numbers: how many there were, and all of it, to be dropped
    /// elsewhere. Refused while it calls, or may.
    pub fn clear(&mut self, name: &str) -> Result<(usize, Forgotten), String> {
        let shown = self.offers.values().any(|offered| offered.campaign == name);
        let Some(own) = self.all.get_mut(name) else { return Ok((0, Forgotten::default())) };
        if own.status != Status::Stopped {
            return Err(format!("{name} is {}: stop it first", own.status.as_str()));
        }
        if shown || !own.calling.is_empty() {
            return Err(format!("calls of {name} are up: clear it when they are over"));
        }
        let numbers = own.rows.len();
        let (terms, known) = (own.terms.clone(), own.known);
        let empty = Campaign { known, ..Campaign::new(&terms) };
        let list = Some(Box::new(std::mem::replace(own, empty)));
        self.numbers -= numbers;
        self.talked.retain(|_, (_, campaign, _)| campaign != name);
        Ok((numbers, Forgotten { list, ..Forgotten::default() }))
    }

    fn unknown(&self, name: &str) -> String {
        let known: Vec<&str> =
            self.all.iter().filter(|(_, own)| own.known).map(|(name, _)| name.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("there is no campaign '{name}': [[campaign]] has {known}")
    }

    /// What is to be done now: calls that lost their agents, entries that nobody looks at any more, and new ones.
    pub fn due(
        &mut self,
        now: Time,
        centre: &mut Centre,
        gate: impl Fn(&Terms) -> Gate,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.ready {
            return actions;
        }
        self.offers_due(now, centre, &gate, &mut actions);
        // Whose phone is about to dial has no second customer.
        let calling = self.all.values().flat_map(|own| own.calling.values());
        let dials: BTreeSet<AgentId> =
            calling.filter(|own| own.preview).map(|own| own.agent).collect();
        for (name, own) in &mut self.all {
            own.give_way(now, name, centre, (&self.offers, &dials), &mut actions);
            let gate = gate(&own.terms);
            if own.status != Status::Running || !own.known || !gate.open {
                own.hold(now, false, &mut actions);
                continue;
            }
            let is_barred = |number: &str| self.barred.contains(&(self.key)(number));
            // What has begun in this very look has taken no channel yet.
            let begun = actions.iter().filter(|own| matches!(own, Action::Dial { .. })).count();
            let room = gate.room.saturating_sub(begun);
            own.begin(now, centre, room, (&mut self.offers, &dials, &is_barred), &mut actions);
        }
        actions
    }

    /// Entries whose time is over, or whose agents have something else.
    fn offers_due(
        &mut self,
        now: Time,
        centre: &Centre,
        gate: &impl Fn(&Terms) -> Gate,
        actions: &mut Vec<Action>,
    ) {
        let ended = self.offers.iter().filter_map(|(agent, offered)| {
            let own = self.all.get(&offered.campaign)?;
            let number = own.rows.get(offered.row as usize).map_or("", |row| &row.number);
            let calls = own.status == Status::Running
                && own.known
                && gate(&own.terms).open
                && !self.is_barred(number);
            let stands = centre.stands_in_line(*agent) && !centre.is_wanted(*agent);
            match calls && stands {
                false => Some((*agent, OfferEnd::Withdrawn)),
                true => (offered.until <= now).then_some((*agent, OfferEnd::Expired)),
            }
        });
        let ended: Vec<(AgentId, OfferEnd)> = ended.collect();
        for (agent, why) in ended {
            actions.extend(self.end_offer(now, agent, why));
        }
    }

    fn end_offer(&mut self, now: Time, agent: AgentId, why: OfferEnd) -> Option<Action> {
        let Offered { campaign, row, .. } = self.offers.remove(&agent)?;
        let own = self.all.get_mut(&campaign)?;
        let pause = (why == OfferEnd::Skipped).then_some(SKIPPED);
        own.back(row, pause.map(|pause| now + pause));
        let number = own.rows[row as usize].number.to_string();
        Some(Action::OfferOver { campaign, number, agent, why })
    }

    /// What an agent is shown.
    pub fn offer_of(&self, now: Time, agent: AgentId) -> Option<Offer> {
        let offered = self.offers.get(&agent)?;
        let row = self.all.get(&offered.campaign)?.rows.get(offered.row as usize)?;
        Some(Offer {
            campaign: offered.campaign.clone(),
            number: row.number.to_string(),
            fields: row.fields.to_string(),
            tried: row.tried,
            agent,
            left: offered.until.since(now),
        })
    }

    /// An agent is shown somebody whom nobody may call any more: he is so no more, and whoever that is is not dialled.
    pub fn withdraw_barred(&mut self, now: Time, agent: AgentId) -> Option<Action> {
        let offer = self.offer_of(now, agent)?;
        let barred = self.is_barred(&offer.number);
        barred.then(|| self.end_offer(now, agent, OfferEnd::Withdrawn)).flatten()
    }

    /// An agent takes what he is shown. `None`: he is shown nothing.
    pub fn take(&mut self, agent: AgentId) -> Option<Action> {
        let Offered { campaign, row, .. } = self.offers.remove(&agent)?;
        let own = self.all.get_mut(&campaign)?;
        own.calling.insert(row, Calling { agent, answered: false, preview: true });
        let it = own.rows.get_mut(row as usize)?;
        (it.offered, it.state, it.tried) = (false, State::Calling, it.tried + 1);
        let (number, nth) = (it.number.to_string(), it.tried);
        Some(Action::Dial { campaign, number, nth, agent, preview: true })
    }

    /// An agent does not want what he is shown: its turn comes again.
    pub fn skip(&mut self, now: Time, agent: AgentId) -> Option<Action> {
        self.end_offer(now, agent, OfferEnd::Skipped)
    }

    /// The customer has answered: he is let go no more. Gives the agent who is kept for him.
    pub fn answered(&mut self, name: &str, number: &str) -> Option<AgentId> {
        let own = self.all.get_mut(name)?;
        let row = own.by_number.get(number)?;
        let calling = own.calling.get_mut(row)?;
        calling.answered = true;
        Some(calling.agent)
    }

    /// An agent talks with a customer: his next code is about him.
    pub fn talks(&mut self, agent: AgentId, call: CallId, name: &str, number: &str) {
        self.talked.insert(agent, (call, name.to_owned(), number.to_owned()));
    }

    /// An attempt is over.
    pub fn over(
        &mut self,
        now: Time,
        centre: &mut Centre,
        (name, number): (&str, &str),
        outcome: Outcome,
    ) -> Option<Over> {
        let own = self.all.get_mut(name)?;
        let row = *own.by_number.get(number)?;
        let calling = own.calling.remove(&row)?;
        if !calling.preview && !calling.answered {
            centre.let_go(now, calling.agent);
        }
        let mut over = own.settle(row, outcome, now);
        over.agent = Some(calling.agent);
        Some(over)
    }

    /// An agent has said what a talk was about: the campaign may have the number called again, or have done with it.
    /// `None`: it changes nothing.
    pub fn coded(&mut self, now: Time, agent: AgentId, call: CallId, code: &str) -> Option<Coded> {
        let (of, name, number) = self.talked.get(&agent)?.clone();
        if of != call {
            return None;
        }
        let own = self.all.get_mut(&name)?;
        let row = *own.by_number.get(number.as_str())?;
        let state = own.recode(now, row, code);
        let rests = own.rows[row as usize].rests.filter(|_| state == State::Waiting);
        let rests = rests.map(|until| until.since(now));
        let machine = own.terms.machine.iter().any(|own| own == code);
        Some(Coded { campaign: name, number, state, machine, rests })
    }

    /// When [`Self::due`] is to be asked at the latest.
    pub fn next_wake(&self, now: Time) -> Option<Time> {
        if !self.ready {
            return None;
        }
        let offers = self.offers.values().map(|own| own.until);
        let running = self.all.values().filter(|own| own.status == Status::Running && own.known);
        let own = running.filter_map(|own| {
            let rests = own.resting.first().map(|(at, _)| *at).filter(|at| *at > now);
            let waits = !own.fresh.is_empty() || !own.resting.is_empty();
            waits.then(|| rests.map_or(now + LOOK, |at| at.min(now + LOOK)))
        });
        offers.chain(own).min()
    }

    /// All, for an operator.
    pub fn shown(&self) -> impl Iterator<Item = Shown> {
        self.all.values().filter(|own| own.known).map(Campaign::shown)
    }
}
