//! What the trials of a plan have not come by: routes, keys of menus and answers of surveys, branches, steps.
//!
//! A plan whose trials come by all of it is one of which each word was tried. What has no steps (an `if` without
//! `else`) is nothing to come by. Of a block that nobody entered its way in is named, not each of its steps.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Report;
use crate::dialplan::interp::Trail;
use crate::dialplan::model::{BlockId, Op, Plan, Step};

/// How much of a plan was come by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Coverage {
    /// Routes. One with `continue` is passed through and not counted.
    #[serde(flatten)]
    pub routes: Part,
    /// Keys of menus, answers to surveys' questions.
    pub keys: Part,
    /// Branches of an outcome: `on` of a dial, a queue, a menu, a lookup; `then` and `else`.
    pub branches: Part,
    /// Steps.
    pub steps: Part,
}

/// How much of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Part {
    /// Come by.
    pub reached: usize,
    /// In all.
    pub all: usize,
    /// Name and `file:line` of those that were not.
    pub missed: Vec<(String, String)>,
}

impl Part {
    fn count(&mut self, is_reached: bool, name: impl FnOnce() -> (String, String)) {
        self.all += 1;
        match is_reached {
            true => self.reached += 1,
            false => self.missed.push(name()),
        }
    }
}

impl Coverage {
    /// Whether all of it was come by.
    pub fn is_whole(&self) -> bool {
        self.parts().iter().all(|(_, part)| part.missed.is_empty())
    }
    /// The kinds, by name.
    pub fn parts(&self) -> [(&'static str, &Part); 4] {
        [
            ("routes", &self.routes),
            ("keys", &self.keys),
            ("branches", &self.branches),
            ("steps", &self.steps),
        ]
    }
}

/// What the reports' calls came by.
pub fn coverage(plan: &Plan, reports: &[Report]) -> Coverage {
    let trail: Trail = reports.iter().flat_map(|report| report.trail.iter().copied()).collect();
    let walk = Walk { plan, trail, reports };
    let mut routes = Part::default();
    for (at, route) in plan.routes.iter().enumerate().filter(|(_, route)| !route.goes_on) {
        let reached = reports.iter().any(|report| report.routes.contains(&at));
        routes.count(reached, || (route.name.clone(), plan.at(route.place)));
    }
    Coverage { routes, keys: walk.keys(), branches: walk.branches(), steps: walk.steps() }
}

struct Walk<'a> {
    plan: &'a Plan,
    trail: Trail,
    reports: &'a [Report],
}

impl Walk<'_> {
    fn entered(&self, block: BlockId) -> bool {
        self.trail.contains(&(block.0, 0))
    }

    fn keys(&self) -> Part {
        let mut keys = Part::default();
        for (name, menu) in &self.plan.menus {
            for entry in &menu.entries {
                let told = || {
                    let first = self.plan.block(entry.block).first();
                    let place = first.map_or(menu.place, |step| step.place);
                    let key = entry.keys.source();
                    (format!("key {key} of the menu '{name}'"), self.plan.at(place))
                };
                keys.count(self.entered(entry.block), told);
            }
        }
        for (name, survey) in &self.plan.surveys {
            for question in &survey.questions {
                let spoken = question.voice_ms.map(|_| "voice".to_owned());
                let all = question.keys.iter().map(|(key, _)| key.clone()).chain(spoken);
                for key in all {
                    let answer = (name.clone(), question.name.clone(), key);
                    let reached = self.reports.iter().any(|r| r.answers.contains(&answer));
                    let (_, question, key) = answer;
                    keys.count(reached, || {
                        let what = format!("answer {key} to '{question}' of the survey '{name}'");
                        (what, self.plan.at(survey.place))
                    });
                }
            }
        }
        keys
    }

    fn branches(&self) -> Part {
        let mut branches = Part::default();
        let mut count = |outcome: &str, of: &str, block: BlockId, place: &dyn Fn() -> String| {
            if !self.plan.block(block).is_empty() {
                let name = || (format!("'{outcome}' of {of}"), place());
                branches.count(self.entered(block), name);
            }
        };
        for step in self.plan.blocks.iter().flatten() {
            let place = || self.plan.at(step.place);
            if let Op::If { then, otherwise, .. } = &step.op {
                count("then", "an if", *then, &place);
                count("else", "an if", *otherwise, &place);
            }
            let (of, on) = branched(step);
            on.iter().for_each(|(outcome, block)| count(outcome, of, *block, &place));
        }
        for (name, menu) in &self.plan.menus {
            let of = format!("the menu '{name}'");
            let place = || self.plan.at(menu.place);
            menu.on.iter().for_each(|(outcome, block)| count(outcome, &of, *block, &place));
        }
        branches
    }

    /// Of a block that was entered, the first step that was not come by is named for those behind it.
    fn steps(&self) -> Part {
        let mut steps = Part::default();
        let menus = self.plan.menus.values().flat_map(|menu| menu.entries.iter().map(|e| e.block));
        let named: BTreeSet<BlockId> = menus.chain(self.branch_blocks()).collect();
        for (at, block) in self.plan.blocks.iter().enumerate() {
            let at = at as u32;
            let is_entered = self.trail.contains(&(at, 0));
            let mut told = !is_entered && named.contains(&BlockId(at));
            for (n, step) in block.iter().enumerate() {
                steps.all += 1;
                if self.trail.contains(&(at, n as u32)) {
                    steps.reached += 1;
                } else if !std::mem::replace(&mut told, true) {
                    steps.missed.push(("a step".to_owned(), self.plan.at(step.place)));
                }
            }
        }
        steps
    }

    fn branch_blocks(&self) -> Vec<BlockId> {
        let mut blocks = Vec::new();
        for step in self.plan.blocks.iter().flatten() {
            if let Op::If { then, otherwise, .. } = &step.op {
                blocks.extend([*then, *otherwise]);
            }
            blocks.extend(branched(step).1.iter().map(|(_, block)| *block));
        }
        let menus = self.plan.menus.values().flat_map(|menu| menu.on.iter().map(|(_, b)| *b));
        blocks.extend(menus);
        blocks
    }
}

/// The outcomes of a step that have steps, and what it is called.
fn branched(step: &Step) -> (&'static str, &[(String, BlockId)]) {
    match &step.op {
        Op::Dial(op) => ("a dial", &op.on),
        Op::Queue(op) => ("a queue", &op.on),
        Op::Collect(op) => ("a collect", &op.on),
        Op::Conference(op) => ("a conference", &op.on),
        Op::Lookup(op) => ("a lookup", &op.on),
        _ => ("", &[]),
    }
}
