//! What a plan does, line by line, for an operator who watches the call (`trace on`): which routes were asked and
//! why they did not match, each step, each variable, what happened. Nothing is kept where nobody watches.

use std::collections::VecDeque;

use super::{Frame, Interp};
use crate::dialplan::effect::Happening;
use crate::dialplan::explain;
use crate::dialplan::hunt::Found;
use crate::dialplan::model::{Op, Plan, Step};

/// Lines between two takings; beyond them the first are dropped.
const MOST: usize = 300;
/// The longest line, characters.
const LONGEST: usize = 400;

/// Lines that wait for who watches.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Notes(VecDeque<String>);

impl Interp {
    /// Whether what the plan does from now on is noted down.
    pub fn note_down(&mut self, on: bool) {
        match on {
            true => drop(self.notes.get_or_insert_default()),
            false => self.notes = None,
        }
    }

    /// What was noted since the last time.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.notes.as_mut().map(|notes| notes.0.drain(..).collect()).unwrap_or_default()
    }

    /// Notes a line, if somebody watches.
    pub(super) fn jot(&mut self, line: impl FnOnce(&Interp) -> String) {
        if self.notes.is_none() {
            return;
        }
        let line: String = line(self).chars().take(LONGEST).collect();
        if let Some(Notes(lines)) = &mut self.notes {
            if lines.len() >= MOST {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    /// A step that is about to be done.
    pub(super) fn jot_step(&mut self, plan: &Plan, step: &Step, captures: Option<&[String]>) {
        // What they change is noted where it is changed, with its value.
        if !matches!(step.op, Op::Set(_) | Op::Unset(_)) {
            self.jot(|interp| {
                let words = explain::said(plan, interp, captures, &step.op);
                format!("{words}   [{}]", plan.at(step.place))
            });
        }
    }

    /// Routes that were asked.
    pub(super) fn jot_routes(&mut self, plan: &Plan, context: &str, found: Option<&Found>) {
        if self.notes.is_none() {
            return;
        }
        let to = self.entry.to.clone();
        match found {
            None => self.jot(|_| format!("{to}: there is no context '{context}'")),
            Some(_) => self.jot(|_| format!("{to} in context '{context}'")),
        }
        for tried in found.into_iter().flat_map(|found| &found.tried) {
            let Some(route) = plan.routes.get(tried.route) else { continue };
            let place = plan.at(route.place);
            self.jot(|_| match &tried.why_not {
                Some(why) => format!("no   {} ({place}): {why}", route.name),
                None => format!("yes  {} ({place})", route.name),
            });
        }
    }

    /// What happened to the plan.
    pub(super) fn jot_happening(&mut self, happening: &Happening) {
        // That an effect is done says nothing: the next step shows it.
        if matches!(happening, Happening::Started | Happening::Done) {
            return;
        }
        let secret = matches!(self.stack.last(), Some(Frame::Pin { .. }));
        self.jot(|_| match happening {
            Happening::Hangup => "the caller is gone".into(),
            Happening::Missing(name) => format!("the prompt '{name}' cannot be played"),
            Happening::Key(_) | Happening::Digits { .. } if secret => "keys: ?".into(),
            Happening::Key(key) => format!("key {key}"),
            Happening::Digits { digits, ended } => format!("keys '{digits}' ({ended:?})"),
            other => format!("{other:?}"),
        });
    }
}
