//! Response plans that run: one for each case at most.
//!
//! Each thing that happens is an [`Event`], given to whoever drives this before what follows from it, and the
//! same events in their order make the same state after a restart: a plan goes on where it was, and whoever was
//! being called then is called again. Nobody is called by two plans, or twice, at once. Each step has its time. One that leads back
//! to an earlier one goes on until somebody takes the case on or it is closed, and a step begins again after a pause; one
//! that does not ends, and who was busy is called once more before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::tz::TimeZone;

use crate::base::{Duration, Now, Time, Wall};

use super::{Channel, Event, Next, Outcome, Person, Plan, Resource, Start, Subject, moment};

mod action;
mod one;
mod people;

pub use action::{Action, Order};

use people::{people, receivers};

/// Steps that one run takes at a time: those that call nobody are over at once.
pub const MOST_STEPS: usize = 100;
/// Before a step begins again, at the least: whoever is busy is so for a while.
pub const AGAIN: Duration = Duration::from_secs(60);
/// The same, when it has begun so often.
const SLOWLY: Duration = Duration::from_secs(600);
const SOON: u32 = 30;
/// After this who was busy is called once more, where nobody else is left.
const BUSY: Duration = Duration::from_secs(30);
/// Cases with a plan.
pub const MOST_RUNS: usize = 10_000;
/// Events that are shown of a case; all are in the records.
const MOST_SHOWN: usize = 500;
/// From a call that could not be placed, for want of a channel or a gateway, to the next attempt.
const NO_WAY: Duration = Duration::from_secs(3);
/// The same, from the first of one whose call was placed and found no way; doubled with each.
const LOST: Duration = Duration::from_secs(5);
/// As the outcome says it.
const NO_WAY_TO_HIM: &str = "no way to him was open";
/// How long who has answered may take to say whether he takes it on.
const ANSWERS: Duration = Duration::from_secs(30);
/// So often one whose call has found no way is called again, in one round.
const MOST_LOST: u32 = 3;
/// Characters of a reason.
const LONGEST_WHY: usize = 300;

/// How it stands with somebody who was called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Up {
    /// Called, and it is awaited what they say.
    Called,
    /// The plan went on: the call is about to end.
    CalledOff,
    /// They have taken it on.
    Accepted,
}

/// One plan under way, or over.
#[derive(Clone, Debug)]
struct Run {
    plan: Plan,
    subject: Subject,
    /// The present step; none: it is over.
    step: Option<usize>,
    /// Steps that were left: before when each does not begin again, how often it was, and how many steps had called somebody.
    left: BTreeMap<usize, (Time, u32, usize)>,
    /// Steps begun that call somebody.
    calling: usize,
    /// It goes on from this step then.
    pending: Option<(usize, Time)>,
    /// Who was busy, and in which step.
    busy: BTreeMap<String, usize>,
    /// They are called once more, in these steps still; none: that has not begun.
    second: Option<VecDeque<usize>>,
    /// When the step is over.
    until: Time,
    /// Who is called in it.
    list: Vec<Person>,
    /// So many of them were called in this round.
    tried: usize,
    /// From 1.
    round: u32,
    /// Nobody is called before.
    not_before: Time,
    /// Those of the present round whose calls have found no way, and how often.
    lost: BTreeMap<String, u32>,
    /// That calls are held is written down for this step.
    held: bool,
    /// All who are left are being called for other cases: they are waited for until then.
    others_until: Time,
    /// All who have taken it on.
    accepted: BTreeSet<String>,
    /// Whose calls are up.
    up: BTreeMap<String, Up>,
    /// Sheets on their way.
    sending: BTreeSet<(String, Channel)>,
    history: VecDeque<(Wall, String, Event)>,
    /// Events before those.
    forgotten: u64,
    /// When it wants to be looked at.
    wake: Time,
}

/// All plans that run, and what they may do.
#[derive(Debug)]
pub struct Runs {
    plans: Vec<Plan>,
    resources: Vec<Resource>,
    /// In which steps' and resources' hours are.
    zone: TimeZone,
    runs: BTreeMap<u64, Run>,
    wakes: BTreeSet<(Time, u64)>,
    /// Numbers that are being called, and by which case.
    busy: BTreeMap<String, u64>,
    out: VecDeque<Action>,
}

impl Default for Runs {
    fn default() -> Runs {
        Runs {
            plans: Vec::new(),
            resources: Vec::new(),
            zone: TimeZone::UTC,
            runs: BTreeMap::new(),
            wakes: BTreeSet::new(),
            busy: BTreeMap::new(),
            out: VecDeque::new(),
        }
    }
}

impl Runs {
    /// Other plans and resources: what runs keeps its own plan. `zone`: in which their hours are.
    pub fn configure(&mut self, plans: Vec<Plan>, resources: Vec<Resource>, zone: TimeZone) {
        (self.plans, self.resources, self.zone) = (plans, resources, zone);
    }

    /// The plans' names.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.plans.iter()
    }

    /// The plan that begins by itself for this.
    pub fn begins(&self, wall: Wall, start: Start, subject: &Subject) -> Option<String> {
        let at = moment(wall, &self.zone);
        // One without steps does nothing, and is not to stand before one that does.
        let fits = |plan: &&Plan| {
            plan.start == start && !plan.steps.is_empty() && plan.when.holds(subject, false, at)
        };
        self.plans.iter().find(fits).map(|plan| plan.name.clone())
    }

    /// Whether a case has a plan, over or not.
    pub fn has(&self, case: u64) -> bool {
        self.runs.get(&case).is_some_and(|run| !run.plan.name.is_empty())
    }

    /// The plan of a case, and its step while it runs.
    pub fn of(&self, case: u64) -> Option<(&str, Option<&str>)> {
        let run = self.runs.get(&case)?;
        let step = run.step.and_then(|step| run.plan.steps.get(step));
        Some((&run.plan.name, step.map(|step| step.name.as_str())))
    }

    /// How it stands with a case's plan, in a few words: its step, or that it is over, and why.
    pub fn standing(&self, case: u64) -> Option<String> {
        let run = self.runs.get(&case)?;
        let name = Some(&run.plan.name).filter(|name| !name.is_empty())?;
        if let Some(step) = run.step.and_then(|step| run.plan.steps.get(step)) {
            let again = if run.pending.is_some() { ", it goes on soon" } else { "" };
            return Some(format!("{name}: {}{again}", step.name));
        }
        let ended = run.history.iter().rev().find_map(|(.., event)| match event {
            Event::Ended { why } => Some(why.as_str()),
            _ => None,
        });
        Some(format!("{name}: over, {}", ended.unwrap_or_default()))
    }

    /// The cases whose plans are not over.
    pub fn running(&self) -> impl Iterator<Item = u64> {
        self.runs.iter().filter(|(_, run)| run.step.is_some()).map(|(case, _)| *case)
    }

    /// What happened: when, in which step, what.
    pub fn history(&self, case: u64) -> impl Iterator<Item = &(Wall, String, Event)> {
        self.runs.get(&case).into_iter().flat_map(|run| &run.history)
    }

    /// How many events there were before those.
    pub fn forgotten(&self, case: u64) -> u64 {
        self.runs.get(&case).map_or(0, |run| run.forgotten)
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Begins a plan. Another that runs for the case is over with that.
    pub fn begin(
        &mut self,
        now: Now,
        case: u64,
        subject: Subject,
        plan: &str,
        by: &str,
    ) -> Result<(), String> {
        let Some(plan) = self.plans.iter().find(|own| own.name == plan).cloned() else {
            return Err(self.no_plan(plan));
        };
        if self.runs.len() >= MOST_RUNS && !self.runs.contains_key(&case) {
            return Err(format!("{MOST_RUNS} cases have a plan: close some"));
        }
        let mut run = Run::new(plan, subject);
        if self.runs.get(&case).is_some_and(|run| run.step.is_some()) {
            self.over(now, case, &format!("the plan {} takes its place", run.plan.name));
        }
        if let Some(old) = self.runs.remove(&case) {
            // Who is in a call of it still is.
            (run.history, run.up, run.sending) = (old.history, old.up, old.sending);
            run.forgotten = old.forgotten;
        }
        self.runs.insert(case, run);
        self.write(now, case, Event::Begun { by: by.to_owned() });
        self.enter(now, case, 0);
        self.turn(now, case);
        Ok(())
    }

    fn no_plan(&self, name: &str) -> String {
        let all: Vec<&str> = self.plans.iter().map(|plan| plan.name.as_str()).collect();
        match all.is_empty() {
            true => "there are no plans: add a [[plan]]".into(),
            false => format!("there is no plan '{name}'; there are {}", all.join(", ")),
        }
    }

    /// Who is called takes it on. `false`: nobody of that number is called for this case.
    pub fn accept(&mut self, now: Now, case: u64, number: &str) -> bool {
        let Some(run) = self.runs.get_mut(&case) else { return false };
        match run.up.get_mut(number) {
            None => return false,
            Some(Up::Accepted) => return true,
            Some(up) => *up = Up::Accepted,
        }
        run.accepted.insert(number.to_owned());
        self.write(now, case, Event::Accepted { number: number.to_owned() });
        self.out.push_back(Action::Join { case });
        self.turn(now, case);
        true
    }

    /// A call is over.
    pub fn call_over(&mut self, now: Now, case: u64, number: &str, outcome: Outcome) {
        self.ended(now, case, number, outcome, "");
    }

    /// Somebody is called, as was wanted.
    pub fn called(&mut self, now: Now, case: u64, number: &str) {
        let Some(run) = self.runs.get(&case) else { return };
        let name = run.list.iter().find(|own| own.number == number).map(|own| own.name.clone());
        let event = Event::Called { name: name.unwrap_or_default(), number: number.to_owned() };
        self.write(now, case, event);
    }

    /// A call cannot be made, whenever that is tried.
    pub fn not_called(&mut self, now: Now, case: u64, number: &str, why: &str) {
        self.called(now, case, number);
        self.ended(now, case, number, Outcome::Failed, why);
    }

    /// A call could not be placed now: it is no attempt. All go on being called as soon as a way is open, within the step's
    /// time.
    pub fn held(&mut self, now: Now, case: u64, number: &str, why: &str) {
        self.free(case, number);
        let Some(run) = self.runs.get_mut(&case) else { return };
        if run.up.remove(number) != Some(Up::Called) {
            return;
        }
        run.not_before = run.not_before.max(now.at + NO_WAY);
        run.call_later(number);
        let told = std::mem::replace(&mut run.held, true);
        if !told {
            let why = short(format!("{number}: {why}; it is tried again"));
            self.write(now, case, Event::NotCalled { why, nobody: false });
        }
        self.turn(now, case);
    }

    /// A call was placed and found no way to whom it was for: nobody was rung. He is called again, after the others.
    pub fn lost(&mut self, now: Now, case: u64, number: &str) {
        let run = self.runs.get_mut(&case).filter(|run| run.up.get(number) == Some(&Up::Called));
        if let Some(run) = run {
            run.is_lost(now.at, number);
        }
        self.ended(now, case, number, Outcome::Failed, NO_WAY_TO_HIM);
    }

    /// Nobody is called at this number for this case any more.
    fn free(&mut self, case: u64, number: &str) {
        if self.busy.get(number) == Some(&case) {
            self.busy.remove(number);
        }
    }

    fn ended(&mut self, now: Now, case: u64, number: &str, outcome: Outcome, why: &str) {
        self.free(case, number);
        let up = self.runs.get_mut(&case).and_then(|run| run.up.remove(number));
        if let (Some(run), Some(Up::Called)) = (self.runs.get_mut(&case), up) {
            run.note_busy(number, outcome);
        }
        let own = number.to_owned();
        let event = match up {
            Some(Up::Accepted) => Some(Event::Left { number: own }),
            Some(Up::Called) => {
                Some(Event::Outcome { number: own, outcome, why: short(why.to_owned()) })
            }
            Some(Up::CalledOff) => {
                let (outcome, why) = (Outcome::Dropped, String::new());
                Some(Event::Outcome { number: own, outcome, why })
            }
            None => None,
        };
        if let Some(event) = event {
            self.write(now, case, event);
            self.turn(now, case);
        }
        // Another plan may have waited for this one.
        let waiting: Vec<u64> = self.running().filter(|other| *other != case).collect();
        for other in waiting {
            self.turn(now, other);
        }
    }

    /// A sheet is there, or could not be sent. `false`: nothing is kept of that case here any more.
    pub fn sent(&mut self, now: Now, case: u64, to: &str, by: Channel, why: &str) -> bool {
        let Some(run) = self.runs.get_mut(&case) else { return false };
        if run.sending.remove(&(to.to_owned(), by)) {
            self.write(now, case, Event::Sent { to: to.to_owned(), by, why: why.to_owned() });
        }
        true
    }

    /// A person sends the sheet to a resource, whatever region that serves and at whatever hour; the case need have no plan.
    /// Gives the ways by which it goes.
    pub fn send(
        &mut self,
        now: Now,
        case: u64,
        subject: Subject,
        to: &str,
        ordered: &str,
    ) -> Result<Vec<Channel>, String> {
        let Some(resource) = self.resources.iter().find(|own| own.name == to) else {
            let all: Vec<&str> = self.resources.iter().map(|own| own.name.as_str()).collect();
            return Err(match all.is_empty() {
                true => "there are no resources: add a [[resource]]".into(),
                false => format!("there is no resource '{to}'; there are {}", all.join(", ")),
            });
        };
        let mut ways = resource.ways.clone();
        if ways.is_empty() {
            return Err(format!("{to} gets no sheets: give it `mail`, `hook` or `printer`"));
        }
        if self.runs.len() >= MOST_RUNS && !self.runs.contains_key(&case) {
            return Err(format!("{MOST_RUNS} cases have a plan: close some"));
        }
        let run = self.runs.entry(case).or_insert_with(|| Run::new(nothing(""), subject));
        ways.retain(|by| run.sending.insert((to.to_owned(), *by)));
        if ways.is_empty() {
            return Err(format!("a sheet is on its way to {to} already"));
        }
        for by in &ways {
            let (to, by, ordered) = (to.to_owned(), *by, ordered.to_owned());
            self.write(now, case, Event::Sending { to: to.clone(), by, ordered });
            self.out.push_back(Action::Send { case, to, by });
        }
        Ok(ways)
    }

    /// A person takes over.
    pub fn order(&mut self, now: Now, case: u64, order: Order, by: &str) -> Result<(), String> {
        let Some(run) = self.runs.get(&case).filter(|run| !run.plan.name.is_empty()) else {
            return Err(format!("case {case} has no plan: 'plan start {case} PLAN' begins one"));
        };
        let (steps, present) = (run.plan.steps.len(), run.step);
        let to = match order {
            Order::Stop if present.is_none() => return Err("its plan is over already".into()),
            Order::Stop => {
                self.over(now, case, &format!("stopped by {by}"));
                return Ok(());
            }
            Order::Skip => present.map_or(steps, |step| step + 1),
            Order::Step(nth) if (1..=steps).contains(&nth) => nth - 1,
            Order::Step(nth) => {
                return Err(format!("its plan has {steps} steps, and no step {nth}"));
            }
        };
        self.call_off(case);
        if let Some(run) = self.runs.get_mut(&case) {
            run.begins_anew();
        }
        self.enter_exactly(now, case, to);
        self.turn(now, case);
        Ok(())
    }

    /// The case is closed: nothing more is done for it, and nothing of it is kept here.
    pub fn close(&mut self, now: Now, case: u64) {
        if self.runs.get(&case).is_some_and(|run| run.step.is_some()) {
            self.over(now, case, "the case is closed");
        }
        if let Some(run) = self.runs.remove(&case) {
            self.wakes.remove(&(run.wake, case));
        }
    }

    /// What time has brought.
    pub fn wake(&mut self, now: Now) {
        while let Some((at, case)) = self.wakes.first().copied().filter(|(at, _)| *at <= now.at) {
            self.wakes.remove(&(at, case));
            if let Some(run) = self.runs.get_mut(&case) {
                run.wake = Time::NEVER;
            }
            self.turn(now, case);
        }
    }

    /// What the records say of a case that is open. `plan`: what it is called.
    pub fn restore(
        &mut self,
        now: Now,
        case: u64,
        subject: Subject,
        plan: &str,
        events: Vec<(Wall, String, Event)>,
    ) {
        let known = self.plans.iter().find(|own| own.name == plan).cloned();
        let gone = known.is_none();
        let mut run = Run::new(known.unwrap_or_else(|| nothing(plan)), subject);
        let mut open = false;
        for (wall, _, event) in &events {
            let at = moment(*wall, &self.zone);
            open = run.takes(now, *wall, event, (&self.resources, at), open);
        }
        // Who was being called when all ended is called again, and first.
        let tried: Vec<Person> = run.list.drain(..run.tried.min(run.list.len())).collect();
        let (cut, mut list): (Vec<Person>, Vec<Person>) =
            tried.into_iter().partition(|person| run.up.contains_key(&person.number));
        run.tried = list.len();
        list.extend(cut);
        list.append(&mut run.list);
        run.list = list;
        run.up.clear();
        run.history = events.into();
        run.forget_first();
        let sending: Vec<(String, Channel)> = run.sending.iter().cloned().collect();
        let ended = run.step.is_none();
        self.runs.insert(case, run);
        for (to, by) in sending {
            self.out.push_back(Action::Send { case, to, by });
        }
        match (open, gone || ended) {
            (false, _) => {
                if let Some(run) = self.runs.get_mut(&case) {
                    run.step = None;
                }
            }
            (true, true) => self.over(now, case, "the plan is no more as it was"),
            (true, false) => self.turn(now, case),
        }
    }

    fn write(&mut self, now: Now, case: u64, event: Event) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        let step = run.step.and_then(|step| run.plan.steps.get(step));
        let step = step.map(|step| step.name.clone()).unwrap_or_default();
        run.history.push_back((now.wall, step.clone(), event.clone()));
        run.forget_first();
        let (account, plan) = (run.subject.account.clone(), run.plan.name.clone());
        self.out.push_back(Action::Write { case, account, plan, step, event });
    }

    /// Whoever is being called and has taken nothing on is not wanted any more.
    fn call_off(&mut self, case: u64) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        for (number, up) in run.up.iter_mut().filter(|(_, up)| **up == Up::Called) {
            *up = Up::CalledOff;
            self.out.push_back(Action::Drop { case, number: number.clone() });
        }
    }

    fn over(&mut self, now: Now, case: u64, why: &str) {
        self.call_off(case);
        self.write(now, case, Event::Ended { why: why.to_owned() });
        if let Some(run) = self.runs.get_mut(&case) {
            run.step = None;
        }
        self.rearm(case, Time::NEVER);
    }

    /// Goes on with the first step from `from` on whose conditions hold: one that has been there, after its pause.
    fn enter(&mut self, now: Now, case: u64, from: usize) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        let (somebody, at) = (!run.accepted.is_empty(), moment(now.wall, &self.zone));
        let fits = |nth: &usize| run.plan.steps[*nth].when.holds(&run.subject, somebody, at);
        let to = (from..run.plan.steps.len()).find(fits).unwrap_or(run.plan.steps.len());
        if let Some((again, _, calling)) = run.left.get(&to).copied() {
            if calling == run.calling && run.plan.steps[to].call.is_empty() {
                return self.over(now, case, "it goes in circles, and calls nobody");
            }
            if again > now.at {
                run.pending = Some((from, again));
                return;
            }
        }
        self.enter_exactly(now, case, to);
    }

    /// Nobody has taken it on, and nothing is left: who was busy is called once more. `false`: nobody was, or is.
    fn second_try(&mut self, now: Now, case: u64) -> bool {
        let Some(run) = self.runs.get_mut(&case).filter(|run| run.accepted.is_empty()) else {
            return false;
        };
        if run.second.is_none() {
            let steps: BTreeSet<usize> = run.busy.values().copied().collect();
            run.second = Some(steps.into_iter().collect());
        }
        let at = moment(now.wall, &self.zone);
        while let Some(nth) = run.second.as_mut().and_then(VecDeque::pop_front) {
            let busy = run.busy_in(nth);
            run.begin_step(now, nth, &self.resources, at);
            run.list.retain(|person| busy.contains(&person.number));
            if !run.list.is_empty() {
                // His time begins with the call, not with the pause before it.
                run.not_before = now.at + BUSY;
                run.until += BUSY;
                self.write(now, case, Event::Step { nth });
                return true;
            }
        }
        false
    }

    fn enter_exactly(&mut self, now: Now, case: u64, to: usize) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        if to >= run.plan.steps.len() {
            if self.second_try(now, case) {
                return;
            }
            let Some(run) = self.runs.get(&case) else { return };
            let why = match run.accepted.is_empty() {
                true => run.in_vain(),
                false => "all is done".to_owned(),
            };
            return self.over(now, case, &why);
        }
        let (at, again) = (moment(now.wall, &self.zone), run.left.contains_key(&to));
        let missing = run.begin_step(now, to, &self.resources, at);
        let own = &run.plan.steps[to];
        let (mut send, mut unsent) = receivers(&own.send, &run.subject, &self.resources, at);
        if again {
            // They have it.
            send.clear();
            unsent.clear();
        }
        self.write(now, case, Event::Step { nth: to });
        if !unsent.is_empty() {
            self.write(now, case, Event::NotSent { why: short(unsent.join("; ")) });
        }
        self.tell_missing(now, case, missing);
        for (to, by) in send {
            let Some(run) = self.runs.get_mut(&case) else { return };
            // One that is on its way already is the newest.
            if run.sending.insert((to.clone(), by)) {
                let ordered = String::new();
                self.write(now, case, Event::Sending { to: to.clone(), by, ordered });
                self.out.push_back(Action::Send { case, to, by });
            }
        }
    }

    /// Whom the step names and who is not called is told, and why: else a plan that calls nobody would look as one whose
    /// people do not answer.
    fn tell_missing(&mut self, now: Now, case: u64, missing: Vec<String>) {
        if let Some(run) = self.runs.get(&case).filter(|_| !missing.is_empty()) {
            let nobody = run.list.is_empty();
            self.write(now, case, Event::NotCalled { why: short(missing.join("; ")), nobody });
        }
    }

    /// A step is over: the plan goes on with the one that comes now, or ends.
    fn leave(&mut self, now: Now, case: u64, is_served: bool) {
        let Some(run) = self.runs.get(&case) else { return };
        let Some(nth) = run.step else { return };
        let step = &run.plan.steps[nth];
        let next = match is_served {
            true => step.when_served(),
            false if run.second.is_some() && run.accepted.is_empty() => Next::End,
            false => step.otherwise.clone(),
        };
        let names = |name: &str| run.plan.steps.iter().position(|step| step.name == name);
        let to = match next {
            Next::Following => Some(nth + 1),
            Next::Step(name) => names(&name),
            Next::End => None,
        };
        self.call_off(case);
        if let Some(run) = self.runs.get_mut(&case) {
            run.leave_step(now.at, nth);
        }
        match to {
            Some(to) => self.enter(now, case, to),
            None => self.enter_exactly(now, case, usize::MAX),
        }
    }

    /// All of a step were called: they are again, after its pause. `false`: there is nobody to call now.
    fn next_round(&mut self, now: Now, case: u64) -> bool {
        let Some(run) = self.runs.get_mut(&case) else { return false };
        let Some(step) = run.step.map(|nth| &run.plan.steps[nth]) else { return false };
        let pause = step.pause;
        let (list, missing) =
            people(&step.call, &run.subject, &self.resources, moment(now.wall, &self.zone));
        (run.round, run.tried, run.not_before) = (run.round + 1, 0, now.at + pause);
        run.lost.clear();
        run.list = list;
        let (nth, nobody) = (run.round, run.list.is_empty());
        self.write(now, case, Event::Round { nth });
        // The others were told when the step began.
        if nobody {
            self.tell_missing(now, case, missing);
        }
        !nobody
    }

    /// Does what can be done now.
    fn turn(&mut self, now: Now, case: u64) {
        // A step that calls nobody is over at once; there are as many as there may be.
        for _ in 0..=MOST_STEPS {
            let Some(run) = self.runs.get(&case) else { return };
            let Some(nth) = run.step else { return };
            let step = &run.plan.steps[nth];
            let is_served = run.is_served(step.want);
            if let Some((from, at)) = run.pending
                && (!is_served || step.call.is_empty())
            {
                if now.at < at {
                    break;
                }
                let Some(run) = self.runs.get_mut(&case) else { return };
                run.pending = None;
                self.enter(now, case, from);
                continue;
            }
            let all_called = run.tried >= run.list.len() && run.waits() == 0;
            let is_second = run.second.is_some() && run.accepted.is_empty();
            let is_last = run.round >= step.rounds || run.list.is_empty() || is_second;
            let in_vain = all_called && is_last || now.at >= run.until;
            if is_served || in_vain {
                self.leave(now, case, is_served);
                continue;
            }
            if all_called && !self.next_round(now, case) {
                continue;
            }
            self.call_next(now, case);
            let Some(run) = self.runs.get(&case) else { return };
            // Whoever need not be called has moved it on.
            if run.tried < run.list.len() || run.waits() > 0 || run.not_before > now.at {
                break;
            }
        }
        self.rearm_as_is(now, case);
    }

    /// Calls as many as may be called.
    fn call_next(&mut self, now: Now, case: u64) {
        loop {
            let Some(run) = self.runs.get_mut(&case) else { return };
            let Some(step) = run.step.and_then(|nth| run.plan.steps.get(nth)) else { return };
            let person = run.list.get(run.tried).filter(|_| run.waits() < step.at_once);
            let Some(person) = person.filter(|_| run.not_before <= now.at).cloned() else { return };
            let (say, ring) = (step.say.clone(), step.ring);
            let of = [run.plan.name.clone(), step.name.clone()];
            let talks = run.up.get(&person.number) == Some(&Up::Accepted);
            if talks || run.accepted.contains(&person.number) {
                run.tried += 1;
                continue;
            }
            if self.busy.contains_key(&person.number) {
                // Called already, for this case or another: who is free is called first.
                let is_free = |own: &Person| !self.busy.contains_key(&own.number);
                match run.list[run.tried..].iter().position(is_free) {
                    Some(at) => run.list[run.tried..].rotate_left(at),
                    None => match run.waits_for_others(now.at, ring) {
                        true => return,
                        false => self.not_waited_for(now, case),
                    },
                }
                continue;
            }
            run.tried += 1;
            run.others_until = Time::NEVER;
            run.up.insert(person.number.clone(), Up::Called);
            let account = run.subject.account.clone();
            self.busy.insert(person.number.clone(), case);
            self.out.push_back(Action::Call { case, account, person, of, say, ring });
        }
    }

    /// Those who are left are all in calls for other cases, and that takes too long: they are left out.
    fn not_waited_for(&mut self, now: Now, case: u64) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        let all: Vec<&str> = run.list[run.tried..].iter().map(|own| own.number.as_str()).collect();
        let why = short(format!("{}: in a call for another case", all.join(", ")));
        (run.tried, run.others_until) = (run.list.len(), Time::NEVER);
        self.write(now, case, Event::NotCalled { why, nobody: false });
    }

    fn rearm_as_is(&mut self, now: Now, case: u64) {
        let Some(run) = self.runs.get(&case) else { return };
        let waits = run.not_before > now.at;
        let wake = if waits { run.until.min(run.not_before) } else { run.until };
        let wake = if run.others_until > now.at { wake.min(run.others_until) } else { wake };
        let wake = run.pending.map_or(wake, |(_, at)| at);
        self.rearm(case, if run.step.is_some() { wake } else { Time::NEVER });
    }

    fn rearm(&mut self, case: u64, at: Time) {
        let Some(run) = self.runs.get_mut(&case) else { return };
        self.wakes.remove(&(run.wake, case));
        run.wake = at;
        if at != Time::NEVER {
            self.wakes.insert((at, case));
        }
    }
}

/// A plan without steps: one that is no more, or, without a name, that of a case that has none.
fn nothing(name: &str) -> Plan {
    let (name, when) = (name.to_owned(), super::Filter::default());
    Plan { name, start: Start::Hand, when, steps: Vec::new() }
}

/// A reason, cut where it is longer than anybody reads.
fn short(why: String) -> String {
    match why.char_indices().nth(LONGEST_WHY) {
        Some((at, _)) => format!("{}…", &why[..at]),
        None => why,
    }
}

#[cfg(test)]
mod tests;
