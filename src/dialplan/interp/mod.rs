//! The interpreter: one running plan of one call.
//!
//! Place: the driver starts one for each incoming call and feeds it what happens; each time it gives
//! the next effect. State is plain data (a stack of positions, variables, what was asked last), so
//! that a call survives a restart, and a reload leaves running calls on their plan.
//!
//! ```text
//! Running ── hangup step, end of plan ──▶ Clearing ── anything ──▶ After ── steps done ──▶ Ended
//!    └───────────── caller gone ─────────────────────────────────────▲
//! ```
//!
//! Bounds: steps per second of call time (a loop that waits for nothing ends the call with a log
//! line), depth of sub-routines, number and size of variables. Not here: what an effect does.

mod ask;
mod confer;
mod dial;
mod lookup;
mod notes;
mod queue;
mod sound;
mod step;
mod survey;
mod targets;
pub(super) mod vars;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::effect::{AlarmEnd, Effect, Happening, Item, Keys, Level, Redirect};
use super::hunt::{Found, Todo, hunt};
use super::lookup::Told;
use super::model::{BlockId, Op, Plan};
use crate::base::{Duration, Now, Time, Wall};

use vars::View;
pub use vars::{Entry, MAX_VALUE, MAX_VARIABLES};

/// The most steps a plan may run within [`WINDOW`]; more is a loop without an end.
pub const MAX_STEPS_PER_WINDOW: u32 = 1_000;
/// How long the plan of an alarm's call waits that has run as many, in milliseconds.
const PAUSE_OF_CIRCLES_MS: u32 = 1_000;
/// What a dial counts for in steps: a plan may not dial in a tight loop either.
const DIAL_STEPS: u32 = 50;
/// What a playing counts for that cannot be heard: it takes no time, and says so in the log each time.
const SILENT_STEPS: u32 = 40;
/// The span of call time over which steps are counted.
pub const WINDOW: Duration = Duration::from_secs(1);
/// How deep `call` and `extension` may go.
pub const MAX_DEPTH: usize = 16;
/// The most frames of the stack: menus in menus, branches in branches.
pub const MAX_FRAMES: usize = 200;

/// A running plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Interp {
    entry: Entry,
    variables: BTreeMap<String, String>,
    /// Those of headers that the plan has set.
    #[serde(default)]
    written: BTreeSet<String>,
    stack: Vec<Frame>,
    /// Effects made and not yet given out.
    queue: VecDeque<Effect>,
    asked: Asked,
    phase: Phase,
    speech: Speech,
    /// The route taken last, as an index into the plan's.
    route: Option<usize>,
    on_hangup: Vec<BlockId>,
    wall: Wall,
    budget: Budget,
    /// For who watches the call; none: nobody does.
    #[serde(skip)]
    notes: Option<notes::Notes>,
    /// Blocks and places in them that were come by, where somebody wants to know.
    #[serde(skip)]
    trail: Option<Box<Trail>>,
}

/// Blocks and places in them.
pub(super) type Trail = BTreeSet<(u32, u32)>;

/// One level of what is being done.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Frame {
    /// Steps of a block; `next` is the step to run.
    Steps { block: BlockId, next: u32, captures: Option<Vec<String>> },
    /// Below this lies what a `call` or `extension` comes back to.
    Boundary,
    /// Something to play again, `left` times.
    Playing { items: Vec<Item>, stop_on: Keys, left: u32 },
    /// A menu: a key was chosen and its steps run above, or the menu is to be asked.
    Menu { name: String, chosen: bool, rounds: u32, wrong: u8, silent: u8 },
    /// A collect step, asked so many times.
    Collect { block: BlockId, at: u32, tries: u8, captures: Option<Vec<String>> },
    /// A conference step whose PIN was asked for so many times.
    Pin { block: BlockId, at: u32, tries: u8, captures: Option<Vec<String>> },
    /// A survey at one of its questions.
    Survey {
        name: String,
        question: u32,
        tries: u8,
        /// A question was left unanswered.
        #[serde(default)]
        skipped: bool,
    },
}

/// What the last effect given out asked for.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Asked {
    /// Nothing that has a result.
    Nothing,
    /// Keys, for the menu, collect or survey on top of the stack.
    Keys,
    /// A dial, by the step before `next` of the steps on top.
    Dial,
    /// A conference, likewise.
    Conference,
    /// Whether a queue would let the caller in, likewise.
    MayQueue,
    /// A queue, likewise.
    Queue,
    /// A program or the store, likewise.
    Lookup,
    /// Alarms; and to hang up where nobody is to be spoken to.
    Alarm {
        /// That.
        hang_up: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Phase {
    Running,
    /// The hangup was given out.
    Clearing,
    /// The caller is gone; on-hangup steps run.
    After,
    Ended,
}

/// Whether the caller can hear us.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Speech {
    Closed,
    Early,
    Answered,
}

/// Steps counted in a window of call time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
struct Budget {
    since: Time,
    spent: u32,
}

/// No route of the context takes the number, or there is no such context.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoRoute {
    /// The context asked.
    pub context: String,
    /// The number.
    pub to: String,
    /// Whether the context exists.
    pub context_exists: bool,
    /// The routes asked, for who watches the call.
    pub notes: Vec<String>,
}

impl Interp {
    /// A plan for a call that comes in; its first [`resume`](Interp::resume) takes
    /// [`Happening::Started`].
    pub fn start(plan: &Plan, now: Now, entry: Entry) -> Result<Interp, NoRoute> {
        Interp::start_noted(plan, now, entry, false)
    }

    /// The same; `noted`: what it does is noted down from the first route on.
    pub fn start_noted(
        plan: &Plan,
        now: Now,
        entry: Entry,
        noted: bool,
    ) -> Result<Interp, NoRoute> {
        let mut interp = Interp::idle(plan, now, entry);
        interp.note_down(noted);
        let (context, to) = (interp.entry.context.clone(), interp.entry.to.clone());
        match interp.look(plan, &context) {
            Some(found) if found.takes_the_call() => {
                interp.follow(found);
                Ok(interp)
            }
            found => {
                let (context_exists, notes) = (found.is_some(), interp.take_notes());
                Err(NoRoute { context, to, context_exists, notes })
            }
        }
    }

    /// Whether the route that takes the call dials as `emergency`, not only behind a menu. Asked
    /// before the call is taken, by whoever is about to hold it back.
    pub fn is_emergency(plan: &Plan, now: Now, entry: Entry) -> bool {
        let mut interp = Interp::idle(plan, now, entry);
        let context = interp.entry.context.clone();
        let dials = |block| {
            plan.block(block).iter().any(|s| matches!(&s.op, Op::Dial(dial) if dial.emergency))
        };
        interp.look(plan, &context).is_some_and(|f| f.todo.iter().any(|todo| dials(todo.block)))
    }

    /// A plan that stands before its first route.
    pub(super) fn idle(plan: &Plan, now: Now, mut entry: Entry) -> Interp {
        let mut variables = plan.variables.clone();
        variables.append(&mut entry.variables);
        Interp {
            entry,
            variables,
            written: BTreeSet::new(),
            stack: Vec::new(),
            queue: VecDeque::new(),
            asked: Asked::Nothing,
            phase: Phase::Running,
            speech: Speech::Closed,
            route: None,
            on_hangup: Vec::new(),
            wall: now.wall,
            budget: Budget { since: now.at, spent: 0 },
            notes: None,
            trail: None,
        }
    }

    /// From here on it keeps by which steps it comes.
    pub(super) fn keep_trail(&mut self) {
        self.trail = Some(Box::default());
    }

    /// Those that it came by.
    pub(super) fn take_trail(&mut self) -> Trail {
        self.trail.take().map_or_else(Trail::new, |trail| *trail)
    }

    /// Tells what happened and gives the next effect. After [`Effect::End`] it is always that.
    pub fn resume(&mut self, plan: &Plan, now: Now, happening: Happening) -> Effect {
        let before = std::mem::replace(&mut self.wall, now.wall);
        self.jot_happening(&happening);
        if now.at.since(self.budget.since) >= WINDOW {
            self.budget = Budget { since: now.at, spent: 0 };
        }
        match self.phase {
            Phase::Ended => return Effect::End,
            // Log lines may still stand before the hangup itself.
            Phase::Clearing if self.queue.is_empty() || happening == Happening::Hangup => {
                self.caller_gone()
            }
            Phase::Clearing => {}
            Phase::Running => self.take(plan, happening, before),
            Phase::After => {}
        }
        self.advance(plan)
    }

    /// Whether the digits taken so far are enough, so that the taking can end before its time-out.
    pub fn complete(&self, plan: &Plan, digits: &str) -> bool {
        ask::complete(self, plan, digits)
    }

    /// A variable's value, or what came with the call under this name.
    pub fn variable(&self, plan: &Plan, name: &str) -> Option<String> {
        use super::template::Scope;
        View::new(self, plan, None).variable(name).map(std::borrow::Cow::into_owned)
    }

    /// The language of prompts now.
    pub fn language(&self, plan: &Plan) -> String {
        View::new(self, plan, None).language()
    }

    /// Whether the plan is over.
    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// The name of the route taken last.
    pub fn route<'p>(&self, plan: &'p Plan) -> Option<&'p str> {
        Some(plan.routes.get(self.route?)?.name.as_str())
    }

    /// The route taken last, as an index into the plan's.
    pub(super) fn route_index(&self) -> Option<usize> {
        self.route
    }

    /// Where the plan stands, for the console: `file:line` of the step that runs.
    pub fn position(&self, plan: &Plan) -> Option<String> {
        self.stack.iter().rev().find_map(|frame| match frame {
            Frame::Steps { block, next, .. } => {
                let step = plan.block(*block).get(next.saturating_sub(1) as usize)?;
                Some(plan.at(step.place))
            }
            _ => None,
        })
    }

    /// What happened while the plan runs; `before`: when something did last.
    fn take(&mut self, plan: &Plan, happening: Happening, before: Wall) {
        // What was asked last is still to be given out; this is about an effect before it.
        let asked = if self.queue.is_empty() { self.asked } else { Asked::Nothing };
        match (happening, asked) {
            (Happening::Hangup, Asked::Keys) => {
                let spoke_ms = self.wall.0.saturating_sub(before.0);
                let said = self.spoken_answer(plan, spoke_ms);
                self.caller_gone();
                self.queue.extend(said);
            }
            (Happening::Hangup, _) => self.caller_gone(),
            (Happening::Redirect(to), _) => self.redirect(plan, to),
            (Happening::Missing(name), _) => {
                let text = format!("the prompt '{name}' cannot be played");
                self.queue.push_front(Effect::Log { level: Level::Warning, text });
                self.spend(SILENT_STEPS);
                self.stop_playing();
            }
            (Happening::Key(_), _) => self.stop_playing(),
            (answer, asked) => self.answered(plan, answer, asked),
        }
    }

    /// What was asked for has come; an answer to something else is none.
    fn answered(&mut self, plan: &Plan, answer: Happening, asked: Asked) {
        match (answer, asked) {
            (Happening::Digits { digits, ended }, Asked::Keys) => {
                self.asked = Asked::Nothing;
                self.digits(plan, &digits, ended);
            }
            (Happening::Conferred(end), Asked::Conference) => {
                self.asked = Asked::Nothing;
                self.conferred(plan, end);
            }
            (Happening::Received { end, variables }, Asked::Alarm { hang_up }) => {
                self.asked = Asked::Nothing;
                for (name, value) in variables {
                    self.set(&name, value);
                }
                self.set("alarm_result", end.name());
                if hang_up && end == AlarmEnd::Silent {
                    self.hangup(Cause::NORMAL);
                }
            }
            (Happening::Queued(end), Asked::Queue | Asked::MayQueue) => {
                self.asked = Asked::Nothing;
                self.queued(plan, end);
            }
            (Happening::Dialed(end), Asked::Queue) => {
                self.asked = Asked::Nothing;
                self.served(plan, end);
            }
            (Happening::Told(told), Asked::Lookup) => {
                self.asked = Asked::Nothing;
                self.told(plan, *told);
            }
            (Happening::Dialed(end), Asked::Dial) => {
                self.asked = Asked::Nothing;
                self.dialed(plan, end);
            }
            (Happening::Done, asked) => self.done(plan, asked),
            (
                Happening::Started
                | Happening::Hangup
                | Happening::Redirect(_)
                | Happening::Missing(_)
                | Happening::Key(_)
                | Happening::Digits { .. }
                | Happening::Conferred(_)
                | Happening::Queued(_)
                | Happening::Told(_)
                | Happening::Received { .. }
                | Happening::Dialed(_),
                _,
            ) => {}
        }
    }

    /// What was asked for is over, and nothing came of it.
    fn done(&mut self, plan: &Plan, asked: Asked) {
        match asked {
            // Keys that did not come (the collect failed to start, say) are no keys in time.
            Asked::Keys => {
                self.asked = Asked::Nothing;
                self.digits(plan, "", super::effect::Ended::Timeout);
            }
            Asked::MayQueue => {
                self.asked = Asked::Nothing;
                self.queue_is_open(plan);
            }
            Asked::Lookup => {
                self.asked = Asked::Nothing;
                self.told(plan, Told::failed("nobody was asked"));
            }
            Asked::Dial => {
                self.asked = Asked::Nothing;
                let cause = Cause::TEMPORARY_FAILURE;
                let why = super::effect::DialFailure::Failed;
                self.dialed(plan, super::effect::DialEnd::Failed { why, cause });
            }
            Asked::Nothing | Asked::Conference | Asked::Queue | Asked::Alarm { .. } => {}
        }
    }

    /// Runs until there is an effect to give out.
    fn advance(&mut self, plan: &Plan) -> Effect {
        loop {
            if let Some(effect) = self.queue.pop_front() {
                return effect;
            }
            if self.spend(1) {
                return self.too_much(plan);
            }
            match self.stack.last_mut() {
                None => match self.phase {
                    Phase::Running => self.hangup(Cause::NORMAL),
                    _ => {
                        self.phase = Phase::Ended;
                        return Effect::End;
                    }
                },
                Some(Frame::Boundary) => {
                    self.stack.pop();
                }
                Some(Frame::Steps { block, next, captures }) => {
                    let (block, at, captures) = (*block, *next, captures.clone());
                    *next = next.saturating_add(1);
                    if let Some(trail) = &mut self.trail {
                        trail.insert((block.0, at));
                    }
                    match plan.block(block).get(at as usize) {
                        // What ran inline while the route was looked for does not run again.
                        Some(step) if step.inline => {}
                        Some(step) => self.step(plan, step, block, at, captures),
                        None => {
                            self.stack.pop();
                        }
                    }
                }
                Some(Frame::Playing { items, stop_on, left }) => {
                    if *left == 0 {
                        self.stack.pop();
                    } else {
                        *left -= 1;
                        let effect = Effect::Play { items: items.clone(), stop_on: *stop_on };
                        self.queue.push_back(effect);
                    }
                }
                Some(
                    Frame::Menu { .. }
                    | Frame::Collect { .. }
                    | Frame::Pin { .. }
                    | Frame::Survey { .. },
                ) => self.ask(plan),
            }
        }
    }

    /// Counts steps; true when there are too many.
    fn spend(&mut self, steps: u32) -> bool {
        self.budget.spent = self.budget.spent.saturating_add(steps);
        self.budget.spent > MAX_STEPS_PER_WINDOW
    }

    /// Ends a plan that runs in circles; that of a bell's call waits, and goes on: whom it rings may answer yet (R10).
    fn too_much(&mut self, plan: &Plan) -> Effect {
        self.budget.spent = 0;
        let of_a_case = || self.variable(plan, "case").is_some_and(|case| !case.is_empty());
        if self.phase == Phase::Running && of_a_case() {
            self.queue.push_back(Effect::Wait { ms: Some(PAUSE_OF_CIRCLES_MS) });
            let text = format!(
                "the plan ran {MAX_STEPS_PER_WINDOW} steps within a second: since the call is of an alarm it waits and goes on; \
                 let what it repeats take some time"
            );
            return Effect::Log { level: Level::Error, text };
        }
        let text =
            format!("the plan ran {MAX_STEPS_PER_WINDOW} steps within a second and is stopped");
        self.stack.clear();
        self.queue.clear();
        match self.phase {
            Phase::Running => self.hangup(Cause::TEMPORARY_FAILURE),
            // On-hangup steps that run in circles are dropped.
            _ => self.on_hangup.clear(),
        }
        Effect::Log { level: Level::Error, text }
    }

    /// Clears the call; the on-hangup steps follow.
    fn hangup(&mut self, cause: Cause) {
        self.stack.clear();
        if self.phase != Phase::Running {
            return;
        }
        self.phase = Phase::Clearing;
        self.queue.push_back(Effect::Hangup { cause });
    }

    /// Clears the call by a SIP status; one that is answered already by the cause it stands for.
    fn refuse(&mut self, status: u16) {
        if self.phase == Phase::Running {
            self.queue.push_back(Effect::Refuse { status });
        }
        self.hangup(Cause::from_sip(status));
    }

    /// The caller is gone: only the on-hangup steps are left.
    fn caller_gone(&mut self) {
        self.phase = Phase::After;
        self.asked = Asked::Nothing;
        self.stack.clear();
        self.queue.clear();
        // The first route's steps run first.
        for block in std::mem::take(&mut self.on_hangup).into_iter().rev() {
            self.stack.push(Frame::Steps { block, next: 0, captures: None });
        }
    }

    fn stop_playing(&mut self) {
        if matches!(self.stack.last(), Some(Frame::Playing { .. })) {
            self.stack.pop();
        }
    }

    fn log(&mut self, level: Level, text: impl Into<String>) {
        self.queue.push_back(Effect::Log { level, text: text.into() });
    }

    /// Looks for a route in a context.
    fn look(&mut self, plan: &Plan, context: &str) -> Option<Found> {
        let found = hunt(plan, context, &mut vars::Looking { interp: self, plan });
        self.jot_routes(plan, context, found.as_ref());
        found
    }

    /// Puts what was found onto the stack.
    fn follow(&mut self, found: Found) {
        let matched = found.tried.iter().rev().find(|tried| tried.why_not.is_none());
        self.route = matched.map(|tried| tried.route).or(self.route);
        for block in found.on_hangup {
            if !self.on_hangup.contains(&block) {
                self.on_hangup.push(block);
            }
        }
        for Todo { block, captures } in found.todo.into_iter().rev() {
            self.stack.push(Frame::Steps { block, next: 0, captures });
        }
    }

    /// Sends the caller to a number: what was left to do is dropped.
    fn transfer(&mut self, plan: &Plan, number: String, context: Option<String>) {
        self.stack.clear();
        if let Some(context) = context.filter(|c| !c.is_empty()) {
            self.entry.context = context;
        }
        self.entry.to = number;
        let context = self.entry.context.clone();
        match self.look(plan, &context) {
            Some(found) if found.takes_the_call() => self.follow(found),
            found => {
                let why =
                    if found.is_some() { "no route takes it" } else { "there is no such context" };
                let text = format!("'{}' in context '{context}': {why}", self.entry.to);
                self.log(Level::Warning, text);
                self.hangup(Cause::UNALLOCATED);
            }
        }
    }

    fn redirect(&mut self, plan: &Plan, to: Redirect) {
        self.asked = Asked::Nothing;
        self.queue.clear();
        self.speech = Speech::Answered;
        match to {
            Redirect::Number { to, context } => self.transfer(plan, to, context),
            Redirect::Survey { name } => {
                self.stack.clear();
                self.stack.push(Frame::Survey { name, question: 0, tries: 0, skipped: false });
            }
        }
    }
}

#[cfg(test)]
mod tests;
