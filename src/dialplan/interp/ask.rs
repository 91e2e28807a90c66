//! What takes keys: menus, collect steps; surveys' questions are in [`survey`](super::survey).

use super::sound::items;
use super::vars::View;
use super::{Asked, Frame, Interp};
use crate::dialplan::cause::Cause;
use crate::dialplan::effect::{Collect, Effect, Ended, Keys, Level};
use crate::dialplan::model::{BlockId, CollectOp, Media, Menu, Op, Plan, Tries};

/// Whether `digits` is enough for what was asked.
pub(super) fn complete(interp: &Interp, plan: &Plan, digits: &str) -> bool {
    if interp.asked != Asked::Keys {
        return true;
    }
    match interp.stack.last() {
        Some(Frame::Menu { name, .. }) => plan.menus.get(name).is_none_or(|menu| {
            let patterns =
                menu.entries.iter().map(|e| &e.keys).chain(menu.direct_dial.iter().map(|(p, _)| p));
            digits.len() >= usize::from(menu.max)
                || !patterns.into_iter().any(|p| p.may_continue(digits))
        }),
        Some(Frame::Survey { name, question, .. }) => {
            let question = plan.surveys.get(name).and_then(|s| s.questions.get(*question as usize));
            question.is_none_or(|q| {
                !q.keys.iter().any(|(key, _)| key.len() > digits.len() && key.starts_with(digits))
            })
        }
        Some(Frame::Collect { block, at, .. }) => {
            collect_op(plan, *block, *at).is_none_or(|op| digits.len() >= usize::from(op.max))
        }
        Some(Frame::Pin { .. }) => interp.pin(plan).is_none_or(|pin| digits.len() >= pin.len()),
        _ => true,
    }
}

fn collect_op(plan: &Plan, block: BlockId, at: u32) -> Option<&CollectOp> {
    match plan.block(block).get(at as usize).map(|step| &step.op) {
        Some(Op::Collect(op)) => Some(op),
        _ => None,
    }
}

/// The steps of the branch for an outcome: by its name, else by `else`.
pub(super) fn branch(on: &[(String, BlockId)], outcome: &str) -> Option<BlockId> {
    let named = |name: &str| on.iter().find(|(n, _)| n == name).map(|(_, block)| *block);
    named(outcome).or_else(|| named("else"))
}

impl Interp {
    /// Asks for keys, for the frame on top of the stack.
    pub(super) fn ask(&mut self, plan: &Plan) {
        match self.stack.last() {
            Some(Frame::Menu { name, chosen, .. }) => {
                let (name, chosen) = (name.clone(), *chosen);
                match plan.menus.get(&name) {
                    // The chosen key's steps are done.
                    Some(menu) if chosen && !menu.returns => {
                        self.stack.pop();
                    }
                    Some(menu) => self.ask_menu(plan, menu, &[]),
                    None => {
                        self.log(Level::Error, format!("there is no menu '{name}'"));
                        self.hangup(Cause::TEMPORARY_FAILURE);
                    }
                }
            }
            Some(Frame::Collect { block, at, .. }) => match collect_op(plan, *block, *at) {
                Some(op) => self.ask_collect(plan, op, &[]),
                None => {
                    self.stack.pop();
                }
            },
            Some(Frame::Pin { .. }) => self.ask_pin(plan, false),
            Some(Frame::Survey { name, question, .. }) => {
                let (name, question) = (name.clone(), *question);
                match plan.surveys.get(&name) {
                    Some(survey) => self.ask_survey(plan, &name, survey, question as usize, false),
                    None => {
                        self.log(Level::Error, format!("there is no survey '{name}'"));
                        self.stack.pop();
                    }
                }
            }
            _ => {}
        }
    }

    /// Gives out a collect, its prompts filled in; `before` is what is said of the last entry.
    pub(super) fn collect(
        &mut self,
        plan: &Plan,
        before: &[Media],
        prompt: &[Media],
        mut collect: Collect,
    ) {
        let captures = match self.stack.last() {
            Some(Frame::Collect { captures, .. } | Frame::Pin { captures, .. }) => captures.clone(),
            _ => None,
        };
        let view = View::new(self, plan, captures.as_deref());
        let all: Vec<Media> = before.iter().chain(prompt).cloned().collect();
        let (items, _, problems) = items(&all, &view, None);
        for text in problems {
            self.log(Level::Warning, text);
        }
        // Keys come only over an answered call.
        self.open_speech(false);
        collect.items = items;
        self.asked = Asked::Keys;
        self.queue.push_back(Effect::Collect(collect));
    }

    fn ask_menu(&mut self, plan: &Plan, menu: &Menu, before: &[Media]) {
        let Some(Frame::Menu { chosen, rounds, .. }) = self.stack.last_mut() else {
            return;
        };
        *chosen = false;
        *rounds += 1;
        let again = *rounds > 1 && !menu.prompt_again.is_empty();
        let prompt = if again { &menu.prompt_again } else { &menu.prompt };
        // The hash key ends a longer entry unless it is a key of the menu itself.
        let hash = menu.max > 1 && !menu.entries.iter().any(|e| e.keys.source().contains('#'));
        let collect = Collect {
            items: Vec::new(),
            barge_in: true,
            min: 1,
            max: menu.max,
            terminators: if hash { Keys::parse("#").unwrap_or_default() } else { Keys::NONE },
            first_ms: menu.first_ms,
            next_ms: menu.next_ms,
            secret: false,
        };
        self.collect(plan, before, prompt, collect);
    }

    fn ask_collect(&mut self, plan: &Plan, op: &CollectOp, before: &[Media]) {
        if let Some(Frame::Collect { tries, .. }) = self.stack.last_mut() {
            *tries = tries.saturating_add(1);
        }
        let collect = Collect {
            items: Vec::new(),
            barge_in: true,
            min: op.min,
            max: op.max,
            terminators: op.terminators,
            first_ms: op.first_ms,
            next_ms: op.next_ms,
            secret: false,
        };
        self.collect(plan, before, &op.prompt, collect);
    }

    /// Takes the keys for what was asked.
    pub(super) fn digits(&mut self, plan: &Plan, digits: &str, ended: Ended) {
        match self.stack.last() {
            Some(Frame::Menu { name, .. }) => match plan.menus.get(name) {
                Some(menu) => self.menu_digits(plan, menu, digits),
                None => self.stack.truncate(self.stack.len().saturating_sub(1)),
            },
            Some(Frame::Collect { block, at, .. }) => match collect_op(plan, *block, *at) {
                Some(op) => self.collect_digits(plan, op, digits, ended),
                None => self.stack.truncate(self.stack.len().saturating_sub(1)),
            },
            Some(Frame::Pin { .. }) => self.pin_digits(plan, digits),
            Some(Frame::Survey { name, question, .. }) => {
                let (name, at) = (name.clone(), *question as usize);
                if let Some(survey) = plan.surveys.get(&name) {
                    self.survey_digits(plan, &name, survey, at, digits);
                }
            }
            _ => {}
        }
    }

    fn menu_digits(&mut self, plan: &Plan, menu: &Menu, digits: &str) {
        self.set("menu_digits", digits);
        if let Some((block, captures)) = chosen(menu, digits) {
            if let Some(Frame::Menu { chosen, wrong, silent, .. }) = self.stack.last_mut() {
                (*chosen, *wrong, *silent) = (true, 0, 0);
            }
            self.set("menu_status", "success");
            self.set("ivr_menu_status", "success");
            return self.push(Frame::Steps { block, next: 0, captures: Some(captures) });
        }
        let direct =
            menu.direct_dial.as_ref().filter(|(pattern, _)| pattern.matches(digits).is_some());
        if let Some((_, context)) = direct.filter(|_| !digits.is_empty()) {
            let context = context.expand(&View::new(self, plan, None));
            return self.transfer(plan, digits.to_owned(), Some(context));
        }
        let silence = digits.is_empty();
        let Some(Frame::Menu { rounds, wrong, silent, .. }) = self.stack.last_mut() else {
            return;
        };
        *(if silence { &mut *silent } else { &mut *wrong }) += 1;
        let used_up = match menu.tries {
            Tries::Total(most) => *rounds >= u32::from(most),
            Tries::Each { wrong: most_wrong, silent: most_silent } => {
                *wrong >= most_wrong || *silent >= most_silent
            }
        };
        let said = if silence { &menu.no_input } else { &menu.invalid };
        if used_up {
            self.menu_gives_up(plan, menu, silence, said);
        } else {
            self.ask_menu(plan, menu, said);
        }
    }

    /// The tries of a menu are used up.
    fn menu_gives_up(&mut self, plan: &Plan, menu: &Menu, silence: bool, said: &[Media]) {
        let (outcome, status) =
            if silence { ("timeout", "timeout") } else { ("invalid", "failure") };
        let block = branch(&menu.on, outcome);
        if !menu.returns {
            let last = if menu.exit.is_empty() { said } else { &menu.exit };
            let (items, _, _) = items(last, &View::new(self, plan, None), None);
            if !items.is_empty() {
                self.queue.push_back(Effect::Play { items, stop_on: Keys::NONE });
            }
        }
        self.leave_menu(plan, status);
        if let Some(block) = block {
            self.push(Frame::Steps { block, next: 0, captures: None });
        }
    }

    /// Leaves the menu on top; FreeSWITCH's first menu plays its exit sound.
    pub(super) fn leave_menu(&mut self, plan: &Plan, status: &str) {
        let Some(Frame::Menu { name, .. }) = self.stack.pop() else {
            return;
        };
        self.set("menu_status", status);
        self.set("ivr_menu_status", status);
        let is_first = !self.stack.iter().any(|frame| matches!(frame, Frame::Menu { .. }));
        if let Some(menu) = plan.menus.get(&name).filter(|menu| menu.returns && is_first) {
            let (items, _, _) = items(&menu.exit, &View::new(self, plan, None), None);
            if !items.is_empty() {
                self.queue.push_back(Effect::Play { items, stop_on: Keys::NONE });
            }
        }
    }

    fn collect_digits(&mut self, plan: &Plan, op: &CollectOp, digits: &str, ended: Ended) {
        let Some(Frame::Collect { tries, captures, .. }) = self.stack.last() else {
            return;
        };
        let (tries, captures) = (*tries, captures.clone());
        let good = digits.len() >= usize::from(op.min)
            && op.valid.as_ref().is_none_or(|v| v.matches(digits).is_some());
        let silence = digits.is_empty() && ended == Ended::Timeout && op.min > 0;
        let into = op.into.expand(&View::new(self, plan, captures.as_deref()));
        if let Ended::Terminator(key) = ended {
            self.set("read_terminator_used", key.to_string());
        }
        if good || tries >= op.tries {
            self.stack.pop();
            let (status, result) = match (good, silence) {
                (true, _) => ("ok", "success"),
                (false, true) => ("timeout", "timeout"),
                (false, false) => ("invalid", "failure"),
            };
            self.set("collect_status", status);
            self.set("read_result", result);
            if good {
                return self.set(&into, digits);
            }
            self.variables.remove(&into);
            self.set(&format!("{into}_invalid"), digits);
            if let Some((number, context)) = &op.on_failure {
                let view = View::new(self, plan, captures.as_deref());
                let (number, context) =
                    (number.expand(&view), context.as_ref().map(|c| c.expand(&view)));
                self.transfer(plan, number, context);
            } else if let Some(block) = branch(&op.on, status) {
                self.push(Frame::Steps { block, next: 0, captures });
            }
        } else {
            // Silence is not scolded, the question just comes again.
            let said = if silence { &[][..] } else { &op.invalid };
            self.ask_collect(plan, op, said);
        }
    }
}

/// The entry for these digits: a literal one goes before a pattern.
fn chosen(menu: &Menu, digits: &str) -> Option<(BlockId, Vec<String>)> {
    if digits.is_empty() {
        return None;
    }
    let literal = menu.entries.iter().find(|e| e.keys.literal() == Some(digits));
    if let Some(entry) = literal {
        return Some((entry.block, vec![digits.to_owned()]));
    }
    menu.entries.iter().find_map(|e| e.keys.matches(digits).map(|caught| (e.block, caught)))
}
