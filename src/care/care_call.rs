//! Calls on a schedule (R17): birthdays, medicine, a warning to a region, any list.
//!
//! ```text
//!  a list's time, or a person ─▶ round: whom the list names today
//!                                  │ each: call ─▶ reached ─────────────────▶ over: done
//!                                  │        └─ not ─▶ again, `every` later ─▶ over: failed, after the last
//!                                  └ the hours end, or a person stops it ───▶ over: given up, stopped
//! ```
//!
//! A list has one round at a time; a round ends with its hours, or when the list is due again. What is begun,
//! called and over is written down by who drives this, and given back at the start: who is over is not called
//! again. An attempt whose end nobody wrote down, in a crash, counts as one that did not reach him. Due is by
//! the calendar in the node's zone, waits between calls by the clock that does not jump. Knows no SIP and no
//! gateways: how many calls may begin is said by who asks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::base::{Duration, Now, Time, Wall};

mod whom;

pub use whom::Whom;

use super::directory::Directory;
use super::schedule::{Schedule, instant};
use super::subscriber::Subscriber;

/// After an absence rounds are looked for that fell due within this, in milliseconds.
const LOOK_BACK_MS: i64 = 24 * 3_600 * 1_000;
/// A calendar that is ahead of what was called by more than this was set back: milliseconds.
const STEP_MS: i64 = 3_600 * 1_000;
/// A calendar that was set is noticed within this.
const LOOK: Duration = Duration::from_secs(60);
/// Calls that are held back are looked at again after this.
const HELD: Duration = Duration::from_secs(5);
/// Who is called for another list is called for this one after that.
const BESIDE: Duration = Duration::from_secs(60);
/// From a call that could not be placed to the next attempt.
const NO_WAY: Duration = Duration::from_secs(30);
/// Calls that the gateway loses and that are no attempt.
pub(super) const MOST_LOST: u32 = 3;
/// Actions that are given at once; the rest at the next asking.
const MOST_AT_ONCE: usize = 1_000;
/// Characters of a text that is given by hand.
pub const LONGEST_TEXT: usize = 500;

/// What the configuration says of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Whom it names.
    pub whom: Whom,
    /// When it begins by itself; empty: it does not.
    pub schedule: Schedule,
    /// The list of holidays on which it does not begin; empty: none.
    pub not_on: String,
    /// The first day and the last.
    pub dates: Option<(Date, Date)>,
    /// Seconds of the day between which calls begin.
    pub hours: (u32, u32),
    /// How often each is called.
    pub attempts: u32,
    /// From the end of a call to the next.
    pub every: Duration,
    /// Only who takes it on by a key is reached.
    pub confirm: bool,
    /// What is said.
    pub text: String,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// He was not called yet.
    NotCalled,
    /// He answered, and took it on by a key.
    Confirmed,
    /// He, or a machine, answered.
    Answered,
    /// Nobody did.
    NoAnswer,
    /// The line was busy.
    Busy,
    /// The call could not be made, or was refused.
    Failed,
}

impl Outcome {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::NotCalled => "not called",
            Outcome::Confirmed => "confirmed",
            Outcome::Answered => "answered",
            Outcome::NoAnswer => "no answer",
            Outcome::Busy => "busy",
            Outcome::Failed => "failed",
        }
    }
}

/// What became of somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// He was reached.
    Done,
    /// Not by any of the attempts.
    Failed,
    /// Not by the end of the hours.
    GivenUp,
    /// A person stopped the round.
    Stopped,
}

impl State {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Done => "done",
            State::Failed => "failed",
            State::GivenUp => "given_up",
            State::Stopped => "stopped",
        }
    }

    /// The one that has this word.
    pub fn named(word: &str) -> Option<State> {
        let all = [State::Done, State::Failed, State::GivenUp, State::Stopped];
        all.into_iter().find(|state| state.as_str() == word)
    }
}

/// A round, as it is written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Began {
    /// Which list.
    pub list: String,
    /// Which round of it: the day, and the time where there are several.
    pub day: String,
    /// When it was due.
    pub due: Wall,
    /// No call begins after that.
    pub until: Wall,
    /// Only those of this region; empty: all.
    pub region: String,
    /// What is said.
    pub text: String,
    /// Who began it; empty: the schedule.
    pub by: String,
}

/// What the records say of one who was called in a round that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Called {
    /// Which list.
    pub list: String,
    /// Whom.
    pub account: String,
    /// How often.
    pub attempts: u32,
    /// What became of it, where that is known.
    pub over: Option<State>,
}

/// What the records say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// When each list's last round was due.
    pub last: Vec<(String, Wall)>,
    /// The rounds that are open.
    pub open: Vec<Began>,
    /// Who was called in them.
    pub called: Vec<Called>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A round begins, with so many: to be written down.
    Begin(Began, usize),
    /// A round was due in an absence, and its hours are over.
    Missed {
        /// Which list.
        list: String,
        /// When.
        due: Wall,
    },
    /// Call.
    Call {
        /// For which list.
        list: String,
        /// Which round.
        day: String,
        /// Whom.
        account: String,
        /// The how manieth time, from 1.
        nth: u32,
        /// What is said.
        text: String,
    },
    /// Somebody is over: to be written down.
    Over {
        /// Of which list.
        list: String,
        /// Which round.
        day: String,
        /// Who.
        account: String,
        /// How often he was called.
        attempts: u32,
        /// What became of it.
        state: State,
        /// How his last call ended.
        outcome: Outcome,
    },
    /// A round is over: to be written down.
    End {
        /// Of which list.
        list: String,
        /// Which.
        day: String,
    },
}

/// A list and its round, for an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The list.
    pub list: String,
    /// When it begins next.
    pub next: Option<Wall>,
    /// The round that is open.
    pub day: Option<String>,
    /// Until when.
    pub until: Option<Wall>,
    /// Who is not over.
    pub left: usize,
    /// Of them those who are called now.
    pub calling: usize,
    /// Reached.
    pub done: usize,
    /// Not.
    pub failed: usize,
}

#[derive(Clone, Debug)]
struct Person {
    attempts: u32,
    calling: bool,
    next: Time,
    last: Outcome,
    /// Calls since the last that counted which the gateway has taken and lost.
    lost: u32,
}

impl Person {
    /// Who is to be called from `next` on, and has not been.
    fn due(next: Time) -> Person {
        Person { attempts: 0, calling: false, next, last: Outcome::NotCalled, lost: 0 }
    }
}

#[derive(Debug)]
struct Round {
    began: Began,
    /// Who is not over.
    people: BTreeMap<String, Person>,
    done: usize,
    failed: usize,
    stopped: bool,
}

struct Entry {
    list: List,
    /// What was due until then is begun.
    after: Wall,
    /// It is known that it ran before.
    known: bool,
    next: Option<Wall>,
    round: Option<Round>,
    /// The configuration has it no more.
    gone: bool,
}

type Holiday = dyn Fn(&str, Date) -> bool + Send;

/// All lists.
pub struct CareCalls {
    /// Calls at once.
    most: usize,
    zone: TimeZone,
    holiday: Box<Holiday>,
    entries: BTreeMap<String, Entry>,
    /// When each is to be called: list, account.
    steps: BTreeSet<(Time, String, String)>,
    /// Calls that are up.
    calling: usize,
    /// Calls are due that may not begin.
    held: bool,
    /// What is to be said at the next asking.
    said: VecDeque<Action>,
    /// The records have said what was called before the start: nobody is called before that.
    ready: bool,
}

impl core::fmt::Debug for CareCalls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CareCalls").field("lists", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Default for CareCalls {
    fn default() -> CareCalls {
        CareCalls {
            most: 0,
            zone: TimeZone::UTC,
            holiday: Box::new(|_, _| false),
            entries: BTreeMap::new(),
            steps: BTreeSet::new(),
            calling: 0,
            held: false,
            said: VecDeque::new(),
            ready: false,
        }
    }
}

impl CareCalls {
    /// Another configuration: which lists, how many calls at once, where, and which days are holidays.
    pub fn configure(
        &mut self,
        now: Now,
        (lists, most): (Vec<List>, usize),
        zone: TimeZone,
        holiday: impl Fn(&str, Date) -> bool + Send + 'static,
    ) {
        (self.most, self.zone, self.holiday) = (most, zone, Box::new(holiday));
        self.entries.values_mut().for_each(|entry| entry.gone = true);
        let after = self.midnight(now.wall);
        for list in lists {
            let entry = self.entries.entry(list.name.clone()).or_insert_with(|| Entry {
                list: list.clone(),
                after,
                known: false,
                next: None,
                round: None,
                gone: false,
            });
            (entry.list, entry.gone) = (list, false);
        }
        self.entries.retain(|_, entry| !entry.gone || entry.round.is_some());
        self.plan_all();
    }

    /// What was called before the start. The subscribers are known.
    pub fn restore(&mut self, now: Now, kept: Kept, directory: &Directory) {
        self.ready = true;
        for (list, due) in kept.last {
            if let Some(entry) = self.entries.get_mut(&list) {
                let earliest = Wall(now.wall.0.saturating_sub(LOOK_BACK_MS));
                (entry.after, entry.known) = (due.max(earliest), true);
            }
        }
        for began in kept.open {
            let Some(entry) = self.entries.get_mut(&began.list) else {
                // Its list is no more: whoever was not called is not.
                let Began { list, day, .. } = began;
                self.said.push_back(Action::End { list, day });
                continue;
            };
            let date = date(began.due, &self.zone);
            let (list, people) =
                (began.list.clone(), entry.list.people(directory, date, &began.region));
            let mut round =
                Round { began, people: BTreeMap::new(), done: 0, failed: 0, stopped: false };
            round.people = people.into_iter().map(|own| (own, Person::due(now.at))).collect();
            for called in kept.called.iter().filter(|called| called.list == list) {
                match called.over {
                    Some(State::Done) => round.done += 1,
                    Some(_) => round.failed += 1,
                    None => {
                        let account = called.account.clone();
                        let own =
                            round.people.entry(account).or_insert_with(|| Person::due(now.at));
                        (own.attempts, own.last) = (called.attempts, Outcome::Failed);
                        continue;
                    }
                }
                round.people.remove(&called.account);
            }
            let spent = |own: &&Person| own.attempts >= entry.list.attempts;
            let spent = round.people.iter().filter(|(_, own)| spent(own));
            let spent: Vec<String> = spent.map(|(account, _)| account.clone()).collect();
            for account in spent {
                self.said.extend(round.over(&account, State::Failed));
            }
            let all = round.people.keys().map(|account| (now.at, list.clone(), account.clone()));
            self.steps.extend(all);
            entry.round = Some(round);
        }
        self.plan_all();
    }

    /// A person begins a round, for one region or all. Gives how many it names.
    pub fn start(
        &mut self,
        now: Now,
        (name, region, text, by): (&str, &str, &str, &str),
        directory: &Directory,
    ) -> Result<usize, String> {
        if !self.ready {
            return Err("the records are not read yet: who was called already is not known".into());
        }
        if text.chars().count() > LONGEST_TEXT {
            return Err(format!("the text is longer than {LONGEST_TEXT} characters: shorten it"));
        }
        let Some(entry) = self.entries.get(name).filter(|entry| !entry.gone) else {
            let known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("there is no care call '{name}': [[care_call]] has {known}"));
        };
        if let Some(round) = &entry.round {
            let day = &round.began.day;
            return Err(format!("{name} is in progress ({day}): `care-call stop {name}` ends it"));
        }
        let civil = civil(now.wall, &self.zone);
        let (from, to) = self.hours(&entry.list, civil.date());
        if !(from..to).contains(&now.wall) {
            let text = |second: u32| format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
            let (from, to) = (text(entry.list.hours.0), text(entry.list.hours.1));
            return Err(format!("{name} calls nobody now: its hours are {from} to {to}"));
        }
        let people = entry.list.people(directory, civil.date(), region).len();
        if people == 0 {
            return Err(format!("{name} names nobody today{}", of(region)));
        }
        let text = if text.is_empty() { &entry.list.text } else { text };
        let began = Began {
            list: name.to_owned(),
            day: civil.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            due: now.wall,
            until: entry.next.map_or(to, |next| next.clamp(now.wall, to)),
            region: region.to_owned(),
            text: text.to_owned(),
            by: by.to_owned(),
        };
        self.begin(now, began, directory);
        Ok(people)
    }

    /// In which languages the people of a list are spoken to, and what they hear: `text`, or the list's own. The node's language
    /// is that of who has none. `None`: there is no such list.
    pub fn languages(
        &self,
        now: Now,
        (name, region, text): (&str, &str, &str),
        (directory, node): (&Directory, &str),
    ) -> Option<(String, BTreeSet<String>)> {
        let list = &self.entries.get(name)?.list;
        let day = civil(now.wall, &self.zone).date();
        let of = |number: &String| {
            let own = directory.find(number).map(|own| own.language.as_str());
            own.filter(|own| !own.is_empty()).unwrap_or(node).to_owned()
        };
        let languages = list.people(directory, day, region).iter().map(of).collect();
        let text = if text.is_empty() { list.text.as_str() } else { text };
        Some((text.to_owned(), languages))
    }

    /// A person stops a round. Gives who is not called any more.
    pub fn stop(&mut self, name: &str) -> Result<usize, String> {
        let round = self.entries.get_mut(name).and_then(|entry| entry.round.as_mut());
        let round = round.ok_or_else(|| format!("{name} is not in progress"))?;
        round.stopped = true;
        Ok(round.people.values().filter(|person| !person.calling).count())
    }

    /// A call for a list is over, or could not be made.
    pub fn call_over(&mut self, now: Now, name: &str, account: &str, outcome: Outcome) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let Some(round) = entry.round.as_mut() else { return };
        let Some(person) = round.people.get_mut(account).filter(|own| own.calling) else { return };
        (person.calling, person.last, person.lost) = (false, outcome, 0);
        self.calling -= 1;
        let reached = match outcome {
            Outcome::Confirmed => true,
            Outcome::Answered => !entry.list.confirm,
            _ => false,
        };
        if !reached && person.attempts < entry.list.attempts {
            person.next = now.at + entry.list.every;
            self.steps.insert((person.next, name.to_owned(), account.to_owned()));
            return;
        }
        let state = if reached { State::Done } else { State::Failed };
        self.said.extend(round.over(account, state));
    }

    /// The gateway has taken a call for a list and lost it before anybody rang: that says nothing of him. It is made again
    /// soon; after [`MOST_LOST`] of them it was an attempt.
    pub fn lost(&mut self, now: Now, name: &str, account: &str) {
        let round = self.entries.get_mut(name).and_then(|entry| entry.round.as_mut());
        let person = round.and_then(|round| round.people.get_mut(account));
        let Some(person) = person.filter(|own| own.calling) else { return };
        if person.lost >= MOST_LOST {
            return self.call_over(now, name, account, Outcome::Failed);
        }
        person.lost += 1;
        self.not_placed(now, name, account);
    }

    /// A call for a list could not be placed now: it is no attempt, and the next is soon.
    pub fn not_placed(&mut self, now: Now, name: &str, account: &str) {
        let round = self.entries.get_mut(name).and_then(|entry| entry.round.as_mut());
        let person = round.and_then(|round| round.people.get_mut(account));
        let Some(person) = person.filter(|own| own.calling) else { return };
        (person.calling, person.attempts) = (false, person.attempts.saturating_sub(1));
        person.next = now.at + NO_WAY;
        self.calling -= 1;
        self.steps.insert((person.next, name.to_owned(), account.to_owned()));
    }

    /// What is due, where `room` calls may begin. To be asked until it gives nothing.
    pub fn due(&mut self, now: Now, room: usize, directory: &Directory) -> Vec<Action> {
        if !self.ready {
            return Vec::new();
        }
        self.begin_due(now, directory);
        self.end_due(now);
        let mut actions: Vec<Action> = Vec::new();
        while actions.len() < MOST_AT_ONCE
            && let Some(said) = self.said.pop_front()
        {
            actions.push(said);
        }
        self.calls_due(now, room, &mut actions);
        actions
    }

    fn begin_due(&mut self, now: Now, directory: &Directory) {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        for name in names {
            while let Some(entry) = self.entries.get_mut(&name).filter(|own| own.round.is_none()) {
                if entry.after.0 > now.wall.0.saturating_add(STEP_MS) {
                    // The calendar was wrong, and is set right.
                    entry.after = now.wall;
                    self.plan(&name);
                    continue;
                }
                let Some(due) = entry.next.filter(|next| *next <= now.wall) else { break };
                (entry.after, entry.next) = (due, None);
                let known = entry.known;
                self.plan(&name);
                let Some(entry) = self.entries.get(&name) else { break };
                let (_, to) = self.hours(&entry.list, date(due, &self.zone));
                let until = entry.next.map_or(to, |next| next.min(to));
                if until <= now.wall {
                    if known {
                        self.said.push_back(Action::Missed { list: name.clone(), due });
                    }
                    continue;
                }
                let several = entry.list.schedule.times().contains(' ');
                let format = if several { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d" };
                let day = civil(due, &self.zone).strftime(format).to_string();
                let text = entry.list.text.clone();
                let (region, by) = (String::new(), String::new());
                let began = Began { list: name.clone(), day, due, until, region, text, by };
                self.begin(now, began, directory);
            }
        }
    }

    fn begin(&mut self, now: Now, began: Began, directory: &Directory) {
        let date = date(began.due, &self.zone);
        let Some(entry) = self.entries.get_mut(&began.list) else { return };
        entry.known = true;
        let people = entry.list.people(directory, date, &began.region);
        let people: BTreeMap<String, Person> =
            people.into_iter().map(|own| (own, Person::due(now.at))).collect();
        let steps = people.keys().map(|own| (now.at, began.list.clone(), own.clone()));
        self.steps.extend(steps);
        self.said.push_back(Action::Begin(began.clone(), people.len()));
        entry.round = Some(Round { began, people, done: 0, failed: 0, stopped: false });
    }

    /// Rounds whose hours are over, that are stopped, or in which everybody is over.
    fn end_due(&mut self, now: Now) {
        let mut over = Vec::new();
        for (name, entry) in &mut self.entries {
            let Some(round) = entry.round.as_mut() else { continue };
            let stopped = round.stopped || entry.gone;
            if stopped || round.began.until <= now.wall {
                let state = if stopped { State::Stopped } else { State::GivenUp };
                let waits = round.people.iter().filter(|(_, own)| !own.calling);
                let waits: Vec<(Time, String)> =
                    waits.map(|(account, own)| (own.next, account.clone())).collect();
                for (next, account) in waits {
                    self.said.extend(round.over(&account, state));
                    self.steps.remove(&(next, name.clone(), account));
                }
            }
            if round.people.is_empty() {
                let (list, day) = (name.clone(), round.began.day.clone());
                self.said.push_back(Action::End { list, day });
                over.push(name.clone());
            }
        }
        for name in over {
            if let Some(entry) = self.entries.get_mut(&name) {
                entry.round = None;
            }
            self.entries.retain(|_, entry| !entry.gone || entry.round.is_some());
            self.plan(&name);
        }
    }

    fn calls_due(&mut self, now: Now, room: usize, actions: &mut Vec<Action>) {
        let mut room = room.min(self.most.saturating_sub(self.calling));
        self.held = false;
        while actions.len() < MOST_AT_ONCE && self.steps.first().is_some_and(|own| own.0 <= now.at)
        {
            if room == 0 {
                self.held = true;
                return;
            }
            let Some((_, list, account)) = self.steps.pop_first() else { return };
            // Who is called for another list is not busy for this one: it comes after it.
            let is_called = |entry: &Entry| {
                let own = entry.round.as_ref().and_then(|round| round.people.get(&account));
                own.is_some_and(|own| own.calling)
            };
            if self.entries.values().any(is_called) {
                self.steps.insert((now.at + BESIDE, list, account));
                continue;
            }
            let round = self.entries.get_mut(&list).and_then(|entry| entry.round.as_mut());
            let Some(round) = round else { continue };
            let Some(person) = round.people.get_mut(&account) else { continue };
            (person.calling, person.attempts) = (true, person.attempts + 1);
            let (nth, day, text) =
                (person.attempts, round.began.day.clone(), round.began.text.clone());
            self.calling += 1;
            room -= 1;
            actions.push(Action::Call { list, day, account, nth, text });
        }
    }

    /// When something is due, as the clocks stand.
    pub fn next_wake(&self, now: Now) -> Option<Time> {
        if !self.ready || self.entries.is_empty() && self.said.is_empty() {
            return None;
        }
        if !self.said.is_empty() {
            return Some(now.at);
        }
        let at = |wall: Wall| {
            now.at + Duration::from_millis(wall.0.saturating_sub(now.wall.0).max(0) as u64)
        };
        let rounds = self.entries.values().filter_map(|entry| match &entry.round {
            // After its hours it waits for calls that are up, which say when they are over.
            Some(round) => Some(round.began.until).filter(|until| *until > now.wall),
            None => entry.next,
        });
        let step = match self.held {
            true => Some(now.at + HELD),
            false => self.steps.first().map(|own| own.0),
        };
        rounds.map(at).chain(step).chain([now.at + LOOK]).min()
    }

    /// All lists, for an operator.
    pub fn shown(&self) -> impl Iterator<Item = Shown> {
        self.entries.iter().map(|(name, entry)| {
            let round = entry.round.as_ref();
            let people = || round.into_iter().flat_map(|round| round.people.values());
            Shown {
                list: name.clone(),
                next: entry.next,
                day: round.map(|round| round.began.day.clone()),
                until: round.map(|round| round.began.until),
                left: people().count(),
                calling: people().filter(|person| person.calling).count(),
                done: round.map_or(0, |round| round.done),
                failed: round.map_or(0, |round| round.failed),
            }
        })
    }

    /// The calls are due that may not begin, for want of channels or because of an alarm.
    pub fn is_held(&self) -> bool {
        self.held
    }

    fn plan_all(&mut self) {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        names.iter().for_each(|name| self.plan(name));
    }

    /// Finds when a list begins next.
    fn plan(&mut self, name: &str) {
        let Some(entry) = self.entries.get_mut(name) else { return };
        let mut after = entry.after;
        if let Some((first, _)) = entry.list.dates
            && let Ok(first) = first.to_zoned(self.zone.clone())
        {
            after = after.max(Wall(first.timestamp().as_millisecond() - 1));
        }
        let holiday = |day: Date| (self.holiday)(&entry.list.not_on, day);
        let next = entry.list.schedule.next(after, &self.zone, &holiday);
        let last = entry.list.dates.map(|(_, last)| last);
        entry.next = next.filter(|next| last.is_none_or(|last| date(*next, &self.zone) <= last));
    }

    /// From when until when a list calls on a day.
    fn hours(&self, list: &List, day: Date) -> (Wall, Wall) {
        let at = |second: u32| {
            let (days, minute) = (second / 86_400, second % 86_400 / 60);
            let day = day.checked_add(Span::new().days(i64::from(days))).ok()?;
            instant(day, minute as u16, &self.zone)
        };
        (at(list.hours.0).unwrap_or(Wall(0)), at(list.hours.1).unwrap_or(Wall(0)))
    }

    /// Just before the day began.
    fn midnight(&self, wall: Wall) -> Wall {
        let begin = instant(date(wall, &self.zone), 0, &self.zone);
        begin.map_or(wall, |begin| Wall(begin.0 - 1))
    }
}

impl Round {
    /// Somebody is over.
    fn over(&mut self, account: &str, state: State) -> Option<Action> {
        let person = self.people.remove(account)?;
        match state {
            State::Done => self.done += 1,
            _ => self.failed += 1,
        }
        Some(Action::Over {
            list: self.began.list.clone(),
            day: self.began.day.clone(),
            account: account.to_owned(),
            attempts: person.attempts,
            state,
            outcome: person.last,
        })
    }
}

impl List {
    /// Whom it names on a day, of one region or all.
    fn people(&self, directory: &Directory, day: Date, region: &str) -> Vec<String> {
        let of_region = |own: Option<&Subscriber>| {
            region.is_empty() || own.is_some_and(|own| own.region == region)
        };
        if !self.whom.numbers.is_empty() {
            let all = self.whom.numbers.iter();
            return all.filter(|own| of_region(directory.find(own))).cloned().collect();
        }
        let named = directory.all().map(|kept| &kept.subscriber);
        let named = named.filter(|own| of_region(Some(own)) && self.whom.names(own, day));
        named.map(|own| own.number.clone()).collect()
    }
}

fn of(region: &str) -> String {
    if region.is_empty() { String::new() } else { format!(" in the region '{region}'") }
}

fn civil(wall: Wall, zone: &TimeZone) -> jiff::Zoned {
    Timestamp::from_millisecond(wall.0).unwrap_or_default().to_zoned(zone.clone())
}

fn date(wall: Wall, zone: &TimeZone) -> Date {
    civil(wall, zone).date()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::care::directory;
    use proptest::prelude::*;

    const MINUTE_MS: i64 = 60_000;
    const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
    /// 2027-02-27, midnight in Greenwich.
    const BEGIN: i64 = 1_803_686_400_000;

    fn at(minutes: i64) -> Now {
        let passed = Duration::from_secs(minutes as u64 * 60);
        Now { at: Time::ZERO + passed, wall: Wall(BEGIN + minutes * MINUTE_MS) }
    }

    fn list(name: &str, times: &str) -> List {
        let mut schedule = Schedule::default();
        schedule.set_times(times).unwrap();
        List {
            name: name.into(),
            whom: Whom::default(),
            schedule,
            not_on: String::new(),
            dates: None,
            hours: (9 * 3_600, 20 * 3_600),
            attempts: 2,
            every: Duration::from_secs(30 * 60),
            confirm: false,
            text: "hello".into(),
        }
    }

    fn homes(all: &[&[(&str, &str)]]) -> Directory {
        let mut directory = Directory::default();
        for fields in all {
            let mut subscriber = Subscriber::default();
            fields.iter().for_each(|(name, text)| subscriber.set(name, text).unwrap());
            directory.put(directory::Kept { subscriber, since: Wall(0) }).unwrap();
        }
        directory
    }

    fn ready(lists: Vec<List>, directory: &Directory, now: Now) -> CareCalls {
        let mut all = CareCalls::default();
        all.configure(now, (lists, 10), TimeZone::UTC, |_, _| false);
        all.restore(now, Kept::default(), directory);
        all
    }

    fn called(actions: &[Action]) -> Vec<&str> {
        let own = actions.iter().filter_map(|action| match action {
            Action::Call { account, .. } => Some(account.as_str()),
            _ => None,
        });
        own.collect()
    }

    #[test]
    fn a_birthday_is_called_on_its_day_until_reached() {
        let directory = homes(&[
            &[("number", "100"), ("birthday", "1940-02-28")],
            &[("number", "101"), ("birthday", "1940-02-29")],
            &[("number", "102"), ("birthday", "1940-03-01")],
        ]);
        let mut own = list("birthday", "09:30");
        own.whom.birthday = true;
        let mut all = ready(vec![own], &directory, at(0));
        // Nobody was born on the 27th: the round is over at once.
        let none = all.due(at(570), 10, &directory);
        assert!(matches!(none[..], [Action::Begin(_, 0), Action::End { .. }]), "{none:?}");
        assert_eq!(all.due(at(1_440 + 569), 10, &directory), []);
        let day = all.due(at(1_440 + 570), 10, &directory);
        assert_eq!(called(&day), ["100", "101"], "2027 has no 29 February");
        all.call_over(at(2_011), "birthday", "100", Outcome::Answered);
        all.call_over(at(2_011), "birthday", "101", Outcome::Busy);
        let said = all.due(at(2_011), 10, &directory);
        assert!(
            matches!(&said[..], [Action::Over { account, state: State::Done, .. }] if account == "100")
        );
        let again = all.due(at(2_041), 10, &directory);
        assert_eq!(called(&again), ["101"]);
        all.call_over(at(2_042), "birthday", "101", Outcome::NoAnswer);
        let said = all.due(at(2_042), 10, &directory);
        let [Action::Over { state, outcome, attempts, .. }, Action::End { .. }] = &said[..] else {
            panic!("{said:?}")
        };
        assert_eq!((*state, *outcome, *attempts), (State::Failed, Outcome::NoAnswer, 2));
        assert_eq!(all.due(at(2_042), 10, &directory), []);
    }

    /// A list begins between its dates, both included, and not on the days of its list of holidays.
    #[test]
    fn dates_and_holidays() {
        let directory = homes(&[&[("number", "100")]]);
        let mut own = list("heat", "10:00");
        let day = |day: i8, month: i8| jiff::civil::date(2027, month, day);
        own.dates = Some((day(28, 2), day(2, 3)));
        own.not_on = "national".into();
        own.schedule.on_holidays = false;
        let mut all = CareCalls::default();
        let holiday = move |list: &str, of: Date| list == "national" && of == day(1, 3);
        all.configure(at(0), (vec![own], 10), TimeZone::UTC, holiday);
        all.restore(at(0), Kept::default(), &directory);
        let mut days = Vec::new();
        for nth in 0..6 {
            let now = at(nth * 1_440 + 600);
            let actions = all.due(now, 10, &directory);
            if called(&actions) == ["100"] {
                days.push(nth);
                all.call_over(now, "heat", "100", Outcome::Answered);
                all.due(now, 10, &directory);
            }
        }
        assert_eq!(days, [1, 3], "28 February and 2 March");
        assert_eq!(all.shown().next().and_then(|own| own.next), None, "it is over for ever");
    }

    /// A warning goes to a region; calls wait for room; a person stops it; a machine that answers is not reached.
    #[test]
    fn a_warning_by_hand() {
        let directory = homes(&[
            &[("number", "100"), ("region", "south")],
            &[("number", "101"), ("region", "south")],
            &[("number", "102"), ("region", "north")],
        ]);
        let mut own = list("storm", "");
        own.confirm = true;
        let mut all = ready(vec![own], &directory, at(0));
        let mut start =
            |now, region: &str| all.start(now, ("storm", region, "wind", "li"), &directory);
        assert!(start(at(8 * 60), "south").unwrap_err().contains("its hours are 09:00 to 20:00"));
        assert!(start(at(600), "west").unwrap_err().contains("names nobody today"));
        assert_eq!(start(at(600), "south"), Ok(2));
        assert!(start(at(600), "south").unwrap_err().contains("care-call stop storm"));
        assert_eq!(called(&all.due(at(600), 0, &directory)), [""; 0]);
        assert!(all.is_held());
        assert_eq!(called(&all.due(at(601), 1, &directory)), ["100"]);
        all.call_over(at(602), "storm", "100", Outcome::Answered);
        assert_eq!(called(&all.due(at(602), 1, &directory)), ["101"]);
        assert_eq!(all.stop("storm"), Ok(1));
        let said = all.due(at(603), 1, &directory);
        let stopped = |own: &Action| matches!(own, Action::Over { account, state: State::Stopped, .. } if account == "100");
        assert!(said.len() == 1 && stopped(&said[0]), "{said:?}");
        all.call_over(at(604), "storm", "101", Outcome::Confirmed);
        let said = all.due(at(604), 1, &directory);
        assert!(matches!(said[..], [Action::Over { state: State::Done, .. }, Action::End { .. }]));
        assert!(all.stop("storm").is_err());
    }

    /// What the records hold, from what was said.
    #[derive(Default)]
    struct Records {
        rounds: BTreeMap<(String, String), (Began, usize, bool)>,
        people: BTreeMap<(String, String, String), (u32, Option<State>)>,
        reached: BTreeSet<(String, String, String)>,
        ends: usize,
    }

    impl Records {
        fn kept(&self) -> Kept {
            let last = self.rounds.values().map(|(own, ..)| (own.list.clone(), own.due)).collect();
            let open = self.rounds.values().filter(|own| !own.2).map(|own| own.0.clone());
            let is_open = |own: &(String, String, String)| {
                self.rounds.get(&(own.0.clone(), own.1.clone())).is_some_and(|own| !own.2)
            };
            let called = self.people.iter().filter(|(own, _)| is_open(own)).map(|(own, state)| {
                let (list, account) = (own.0.clone(), own.2.clone());
                Called { list, account, attempts: state.0, over: state.1 }
            });
            Kept { last, open: open.collect(), called: called.collect() }
        }

        /// Writes down, and gives who is called.
        fn take(&mut self, now: Now, actions: Vec<Action>) -> Vec<(String, String)> {
            let mut calls = Vec::new();
            for action in actions {
                match action {
                    Action::Begin(own, people) => {
                        let key = (own.list.clone(), own.day.clone());
                        let again = self.rounds.insert(key, (own, people, false));
                        assert!(again.is_none(), "a round begins once: {again:?}");
                    }
                    Action::Missed { .. } => {}
                    Action::Call { list, day, account, nth, .. } => {
                        let minute = (now.wall.0 - BEGIN).rem_euclid(DAY_MS) / MINUTE_MS;
                        assert!((540..1_200).contains(&minute), "{list} calls at minute {minute}");
                        let own = (list.clone(), day, account.clone());
                        assert!(!self.reached.contains(&own), "nobody is called again: {own:?}");
                        let state = self.people.entry(own).or_default();
                        assert_eq!((state.0 + 1, state.1), (nth, None), "attempts are counted");
                        assert!(nth <= 2);
                        state.0 = nth;
                        calls.push((list, account));
                    }
                    Action::Over { list, day, account, state, .. } => {
                        let own = self.people.entry((list, day, account)).or_default();
                        assert_eq!(own.1.replace(state), None, "everybody is over once");
                    }
                    Action::End { list, day } => {
                        let own = self.rounds.get_mut(&(list.clone(), day.clone())).unwrap();
                        assert!(!std::mem::replace(&mut own.2, true), "a round ends once");
                        let of =
                            self.people.iter().filter(|(key, _)| (&key.0, &key.1) == (&list, &day));
                        let over = of.filter(|(_, state)| state.1.is_some()).count();
                        assert_eq!(over, own.1, "all of {list} {day} have a result");
                        self.ends += 1;
                    }
                }
            }
            calls
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// Over four days, with restarts that lose what was in progress: nobody is called after he was reached, none
        /// outside the hours, each at most as often as set, each with one result.
        #[test]
        fn nobody_twice_and_everybody_with_a_result(
            restarts in proptest::collection::btree_set(0i64..5_700, 0..4),
            seeds in proptest::collection::vec(0u8..8, 50),
            room in 0usize..4,
        ) {
            let directory = homes(&[&[("number", "100")], &[("number", "101")], &[("number", "102")]]);
            let mut medicine = list("medicine", "09:00 12:30 18:00");
            medicine.whom.numbers = vec!["100".into(), "900".into()];
            let lists = || vec![medicine.clone(), list("daily", "19:30")];
            let mut all = ready(lists(), &directory, at(0));
            let (mut records, mut up) = (Records::default(), Vec::<(String, String)>::new());
            let mut seeds = seeds.into_iter().cycle();
            for minute in (0..4 * 1_440).step_by(7) {
                let now = at(minute);
                if restarts.range(minute..minute + 7).next().is_some() {
                    up.clear();
                    all = CareCalls::default();
                    all.configure(now, (lists(), 10), TimeZone::UTC, |_, _| false);
                    prop_assert!(all.due(now, 9, &directory).is_empty(), "nothing before the records");
                    all.restore(now, records.kept(), &directory);
                }
                for (list, account) in std::mem::take(&mut up) {
                    let outcome = match seeds.next() {
                        Some(0..3) => Outcome::Answered,
                        Some(3..5) => Outcome::Busy,
                        Some(5..7) => Outcome::NoAnswer,
                        _ => { up.push((list, account)); continue; }
                    };
                    if outcome == Outcome::Answered {
                        let of = records.rounds.values().find(|own| own.0.list == list && !own.2);
                        let day = of.unwrap().0.day.clone();
                        records.reached.insert((list.clone(), day, account.clone()));
                    }
                    all.call_over(now, &list, &account, outcome);
                }
                loop {
                    let actions = all.due(now, room.saturating_sub(up.len()), &directory);
                    if actions.is_empty() { break; }
                    up.extend(records.take(now, actions));
                }
                let wake = all.next_wake(now).unwrap();
                prop_assert!(wake > now.at || wake == now.at && !up.is_empty(), "it would spin");
            }
            prop_assert!(records.ends >= 12, "{} rounds of four days", records.ends);
        }
    }
}
