//! Running one step: what it asks for, where it leads.
//!
//! What the caller hears of it is in [`sound`](super::sound), what takes keys in
//! [`ask`](super::ask), who is called in [`dial`](super::dial).

use super::vars::View;
use super::{Asked, Frame, Interp, MAX_DEPTH, Phase, Speech};
use crate::dialplan::cause::Cause;
use crate::dialplan::condition::Test;
use crate::dialplan::effect::{Effect, Keys, Level};
use crate::dialplan::model::{BlockId, MenuMove, Op, Plan, Reason, Step};
use crate::dialplan::template::Template;

/// The most digits that one step sends.
const MAX_SENT_DIGITS: usize = 128;

/// The status by which FreeSWITCH refuses with CALL_REJECTED; RFC 3398 has 403.
const FREESWITCH_REJECTED: u16 = 603;

/// Groups caught, as the steps carry them.
pub(super) type Captures = Option<Vec<String>>;

impl Interp {
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        step: &Step,
        block: BlockId,
        at: u32,
        captures: Captures,
    ) {
        if self.phase == Phase::After && !works_without_caller(&step.op) {
            let text = format!("the step at {} needs the caller, who is gone", plan.at(step.place));
            return self.log(Level::Warning, text);
        }
        self.jot_step(plan, step, captures.as_deref());
        let text = |interp: &Interp, template: &Template| {
            template.expand(&View::new(interp, plan, captures.as_deref()))
        };
        match &step.op {
            Op::Play { items, stop_on, times } => {
                self.play(plan, step, items, stop_on, *times, &captures)
            }
            Op::PlayOver { items } => self.play_over(plan, step, items, &captures),
            Op::Say { kind, value, language, stop_on } => {
                let value = text(self, value);
                let language = language.as_ref().map(|l| text(self, l));
                self.say(plan, step, *kind, &value, language, *stop_on);
            }
            Op::Music { class } => {
                let class = text(self, class);
                self.heard(step, Effect::Music { class });
            }
            Op::Echo { ms, stop_on } => {
                self.heard(step, Effect::Echo { ms: *ms, stop_on: *stop_on });
            }
            Op::Menu { name } => {
                let name = text(self, name);
                self.push(Frame::Menu { name, chosen: false, rounds: 0, wrong: 0, silent: 0 });
            }
            Op::MenuMove(to) => self.menu_move(plan, *to),
            Op::Collect(_) => self.push(Frame::Collect { block, at, tries: 0, captures }),
            Op::Conference(op) => self.conference(plan, op, block, at, captures),
            Op::Survey { name } => {
                let name = text(self, name);
                self.push(Frame::Survey { name, question: 0, tries: 0, skipped: false });
            }
            Op::Dial(op) => self.dial(plan, op, step.freeswitch, &captures),
            Op::Queue(op) => self.join_queue(plan, op, &captures),
            Op::Lookup(op) => self.lookup(plan, op, &captures),
            Op::If { test, then, otherwise } => {
                self.branch(plan, test, (*then, *otherwise), captures);
            }
            Op::Set(pairs) => self.set_pairs(plan, pairs, captures.as_deref()),
            _ if step.op.jumps() => self.jump(plan, step, &text),
            _ => self.plain_step(plan, step, &text),
        }
    }

    /// The block for which a test speaks, with what the test has caught.
    fn branch(
        &mut self,
        plan: &Plan,
        test: &Test,
        (then, otherwise): (BlockId, BlockId),
        captures: Captures,
    ) {
        let outcome = test.ask(&View::new(self, plan, captures.as_deref()));
        let block = if outcome.holds { then } else { otherwise };
        self.push(Frame::Steps { block, next: 0, captures: outcome.caught.or(captures) });
    }

    /// An effect that wants the speech path open.
    fn heard(&mut self, step: &Step, effect: Effect) {
        self.open_speech(step.freeswitch);
        self.queue.push_back(effect);
    }

    /// Steps that are one effect or none.
    fn plain_step(
        &mut self,
        plan: &Plan,
        step: &Step,
        text: &dyn Fn(&Interp, &Template) -> String,
    ) {
        match &step.op {
            Op::Accept => self.queue.push_back(Effect::Accept),
            Op::Answer => self.answer(),
            Op::CheckIn => self.queue.push_back(Effect::CheckIn),
            Op::ReceiveAlarm { protocol, hang_up } => {
                if self.speech != Speech::Answered {
                    self.answer();
                }
                self.asked = Asked::Alarm { hang_up: *hang_up };
                self.queue.push_back(Effect::ReceiveAlarm(*protocol));
            }
            Op::EarlyMedia => self.early_media(),
            Op::Ring => self.queue.push_back(Effect::Ring),
            Op::Hangup { cause } => {
                let cause = match cause {
                    Reason::Fixed(cause) => *cause,
                    Reason::Text(name) => Cause::parse(&text(self, name)).unwrap_or(Cause::NORMAL),
                };
                match step.freeswitch && cause == Cause::REJECTED {
                    true => self.refuse(FREESWITCH_REJECTED),
                    false => self.hangup(cause),
                }
            }
            Op::Respond { status } => self.refuse(*status),
            Op::Wait { ms } => self.queue.push_back(Effect::Wait { ms: *ms }),
            Op::StopMusic => self.queue.push_back(Effect::StopMusic),
            Op::Record(change) => self.queue.push_back(Effect::Record(*change)),
            Op::SendDigits { digits, on_ms, off_ms } => {
                let digits = text(self, digits);
                let digits = digits.chars().filter(|c| Keys::ANY.has(*c)).take(MAX_SENT_DIGITS);
                let (on_ms, off_ms) = (*on_ms, *off_ms);
                self.queue.push_back(Effect::SendDigits {
                    digits: digits.collect(),
                    on_ms,
                    off_ms,
                });
            }
            Op::Lacking { app, ends_call } => {
                let then = if *ends_call { "the call ends" } else { "it is passed over" };
                let at = plan.at(step.place);
                self.log(Level::Error, format!("{at}: Belfry lacks '{app}'; {then}"));
                if *ends_call {
                    self.hangup(Cause::NOT_IMPLEMENTED);
                }
            }
            op => self.note_step(op, text),
        }
    }

    /// Steps that keep or tell something.
    fn note_step(&mut self, op: &Op, text: &dyn Fn(&Interp, &Template) -> String) {
        match op {
            Op::Unset(names) => {
                for name in names {
                    let name = text(self, name);
                    self.unset(&name);
                }
            }
            Op::Language { language } => {
                let value = text(self, language);
                self.set("language", value.clone());
                self.queue.push_back(Effect::SetField { name: "language".into(), value });
            }
            Op::Note { name, value } => {
                let (name, value) = (text(self, name), text(self, value));
                self.queue.push_back(Effect::SetField { name, value });
            }
            Op::Log { level, text: line } => {
                let line = text(self, line);
                self.log(*level, line);
            }
            Op::Info => {
                let all: Vec<_> =
                    self.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
                self.log(Level::Info, all.join(" "));
            }
            _ => {}
        }
    }

    /// Steps that go elsewhere.
    fn jump(&mut self, plan: &Plan, step: &Step, text: &dyn Fn(&Interp, &Template) -> String) {
        match &step.op {
            Op::Goto { route } => {
                let name = text(self, route);
                let Some((at, route)) = plan.route_named(&name) else {
                    self.log(
                        Level::Error,
                        format!("{}: there is no route '{name}'", plan.at(step.place)),
                    );
                    return self.hangup(Cause::TEMPORARY_FAILURE);
                };
                self.stack.clear();
                self.entry.context.clone_from(&route.context);
                self.route = Some(at);
                if let Some(block) = route.on_hangup.filter(|b| !self.on_hangup.contains(b)) {
                    self.on_hangup.push(block);
                }
                for condition in route.conditions.iter().rev() {
                    self.push(Frame::Steps { block: condition.actions, next: 0, captures: None });
                }
            }
            Op::Transfer { number, context } => {
                let (number, context) =
                    (text(self, number), context.as_ref().map(|c| text(self, c)));
                self.transfer(plan, number, context);
            }
            Op::Extension { number, context } => {
                let (number, context) =
                    (text(self, number), context.as_ref().map(|c| text(self, c)));
                self.extension(plan, step, number, context);
            }
            Op::Call { sub } => {
                let name = text(self, sub);
                match plan.subs.get(&name) {
                    Some((block, _)) => self.enter(plan, step, |interp| {
                        interp.push(Frame::Steps { block: *block, next: 0, captures: None });
                    }),
                    None => {
                        self.log(
                            Level::Error,
                            format!("{}: there is no sub-routine '{name}'", plan.at(step.place)),
                        );
                        self.hangup(Cause::TEMPORARY_FAILURE);
                    }
                }
            }
            Op::Return => match self.stack.iter().rposition(|frame| *frame == Frame::Boundary) {
                Some(at) => self.stack.truncate(at),
                None => self.stack.clear(),
            },
            _ => self.stack.clear(),
        }
    }

    /// Goes a level deeper, if there is room.
    fn enter(&mut self, plan: &Plan, step: &Step, run: impl FnOnce(&mut Interp)) {
        if self.stack.iter().filter(|frame| **frame == Frame::Boundary).count() >= MAX_DEPTH {
            let text =
                format!("{}: sub-routines are more than {MAX_DEPTH} deep", plan.at(step.place));
            self.log(Level::Error, text);
            return self.hangup(Cause::TEMPORARY_FAILURE);
        }
        self.push(Frame::Boundary);
        run(self);
    }

    /// FreeSWITCH's execute_extension: another route's steps, and back. The number called stays.
    fn extension(&mut self, plan: &Plan, step: &Step, number: String, context: Option<String>) {
        let context =
            context.filter(|c| !c.is_empty()).unwrap_or_else(|| self.entry.context.clone());
        let own = std::mem::replace(&mut self.entry.to, number);
        let found = self.look(plan, &context);
        let number = std::mem::replace(&mut self.entry.to, own);
        match found {
            Some(found) if found.takes_the_call() => {
                let route = self.route;
                self.enter(plan, step, |interp| interp.follow(found));
                self.route = route;
            }
            _ => self
                .log(Level::Warning, format!("no route in context '{context}' takes '{number}'")),
        }
    }

    /// Moves among the menus on the stack.
    fn menu_move(&mut self, plan: &Plan, to: MenuMove) {
        let menus: Vec<usize> = (0..self.stack.len())
            .filter(|at| matches!(self.stack[*at], Frame::Menu { .. }))
            .collect();
        let Some((first, last)) = menus.first().zip(menus.last()) else {
            return self.log(Level::Warning, "a menu step outside of a menu is passed over");
        };
        let stay = match to {
            MenuMove::Again => Some(*last),
            MenuMove::Back => menus.len().checked_sub(2).map(|at| menus[at]),
            MenuMove::Top => Some(*first),
            MenuMove::Exit => None,
        };
        match stay {
            Some(at) => {
                self.stack.truncate(at + 1);
                if let Some(Frame::Menu { chosen, rounds, .. }) = self.stack.last_mut() {
                    (*chosen, *rounds) = (false, 0);
                }
            }
            None => {
                self.stack.truncate(first + 1);
                self.leave_menu(plan, "success");
            }
        }
    }
}

/// Whether a step can run when the caller is gone.
fn works_without_caller(op: &Op) -> bool {
    matches!(
        op,
        Op::Set(_)
            | Op::Unset(_)
            | Op::If { .. }
            | Op::Call { .. }
            | Op::Return
            | Op::Stop
            | Op::Note { .. }
            | Op::Log { .. }
            | Op::Info
            | Op::Nothing
            | Op::Lacking { ends_call: false, .. }
    )
}
