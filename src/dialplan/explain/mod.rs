//! `belfry dialplan explain`: what a call would do, in words, without a call.
//!
//! Place: the command builds an [`Entry`] from its arguments and prints the [`Explanation`]. The same
//! hunt as a call's finds the route; the steps are told in order, menus with their keys. Variables
//! that are known are filled in, others stay as `${name}`.

mod words;

use core::fmt;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::calendar::Civil;
use super::fault::nearest;
use super::hunt::hunt;
use super::interp::{Entry, Interp, vars::View};
use super::model::{BlockId, Groups, Media, Menu, Op, Plan, Question, Step, TargetOp, Tries};
use super::template::{Scope, Template};
use crate::base::{Now, Wall};

/// The most lines that are told of one call.
const MAX_LINES: usize = 500;
/// How deep branches and menus are told.
const MAX_DEPTH: usize = 4;
/// The most contexts that are named where the one asked for is not there.
const MAX_CONTEXTS: usize = 40;
/// The most destinations of one call that are looked at.
const MAX_SENT: usize = 100;

/// What a call would do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// The context asked.
    pub context: String,
    /// The number called.
    pub to: String,
    /// The time of the call, civil.
    pub at: String,
    /// Whether the context exists.
    pub context_exists: bool,
    /// Routes asked, in order.
    pub tried: Vec<TriedRoute>,
    /// What is done, in order.
    pub steps: Vec<Line>,
    /// The contexts there are, where this one is none of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contexts: Vec<String>,
    /// Where its steps lead by themselves.
    #[serde(skip)]
    ways: Ways,
    /// Where they lead whoever presses a key.
    #[serde(skip)]
    by_key: Ways,
}

impl Explanation {
    /// That there is no such context, and which there are.
    fn no_context(&self) -> String {
        let known = || self.contexts.iter().map(String::as_str);
        let told: Vec<&str> = known().take(MAX_CONTEXTS).collect();
        let more = match self.contexts.len().saturating_sub(MAX_CONTEXTS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let near = match nearest(&self.context, known()) {
            Some(near) => format!(" Did you mean '{near}'?"),
            None => String::new(),
        };
        format!("There is no such context.{near} The plan has {}{more}.", told.join(", "))
    }
}

/// Where steps lead, those of all branches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Ways {
    /// Through a gateway, or to where only the call itself will tell.
    out: bool,
    /// To somebody: a phone, a queue, a conference; or to where only the call itself will tell.
    person: bool,
    /// To numbers in contexts.
    sent: Vec<(String, String)>,
}

/// Whether a call may come to a gateway. `false`: surely not, whatever its conditions come to.
pub fn may_go_out(plan: &Plan, entry: &Entry, now: Now) -> bool {
    may_lead(plan, entry, now, |told| vec![&told.ways, &told.by_key], |ways| ways.out)
}

/// Whether a call may come to a person, or wait for one, though its caller presses no key: who has fallen, or is a terminal
/// without keys, presses none. `false`: surely not.
pub fn may_reach_somebody(plan: &Plan, entry: &Entry, now: Now) -> bool {
    may_lead(plan, entry, now, |told| vec![&told.ways], |ways| ways.out || ways.person)
}

fn may_lead(
    plan: &Plan,
    entry: &Entry,
    now: Now,
    of: fn(&Explanation) -> Vec<&Ways>,
    is: fn(&Ways) -> bool,
) -> bool {
    let mut left = vec![(entry.to.clone(), entry.context.clone())];
    let mut seen = BTreeSet::new();
    while let Some((to, context)) = left.pop() {
        if !seen.insert((to.clone(), context.clone())) {
            continue;
        }
        let told = explain(plan, &Entry { to, context, ..entry.clone() }, now);
        let ways = of(&told);
        if ways.iter().any(|ways| is(ways))
            || told.steps.len() >= MAX_LINES
            || seen.len() > MAX_SENT
        {
            return true;
        }
        left.extend(ways.into_iter().flat_map(|ways| ways.sent.clone()));
    }
    false
}

/// A route that was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TriedRoute {
    /// Its name.
    pub name: String,
    /// `file:line`.
    pub place: String,
    /// Why it did not match; nothing when it did.
    pub why_not: Option<String>,
}

/// One line of what is done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Line {
    /// How deep: 0 for the route's own steps.
    pub depth: usize,
    /// The step in words.
    pub text: String,
    /// `file:line`; empty for lines that are no steps.
    pub place: String,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} in context '{}' at {}", self.to, self.context, self.at)?;
        if !self.context_exists {
            return writeln!(f, "{}", self.no_context());
        }
        for tried in &self.tried {
            match &tried.why_not {
                Some(why) => writeln!(f, "  no   {} ({}): {why}", tried.name, tried.place)?,
                None => writeln!(f, "  yes  {} ({})", tried.name, tried.place)?,
            }
        }
        if self.tried.iter().all(|t| t.why_not.is_some()) {
            return writeln!(f, "No route takes the call: it is cleared with cause 1 (404).");
        }
        for line in &self.steps {
            write!(f, "{:indent$}{}", "", line.text, indent = 2 + 2 * line.depth)?;
            if line.place.is_empty() { writeln!(f)? } else { writeln!(f, "   [{}]", line.place)? }
        }
        Ok(())
    }
}

/// A step in words, as it stands in a running plan.
pub(super) fn said(plan: &Plan, interp: &Interp, captures: Option<&[String]>, op: &Op) -> String {
    let view = View::new(interp, plan, captures);
    let mut out = Explanation {
        context: String::new(),
        to: String::new(),
        at: String::new(),
        context_exists: true,
        tried: Vec::new(),
        steps: Vec::new(),
        contexts: Vec::new(),
        ways: Ways::default(),
        by_key: Ways::default(),
    };
    let (out, menus, set) = (&mut out, Vec::new(), BTreeMap::new());
    Teller { plan, view: &view, out, menus, set, pressed: false }.words(op)
}

/// Says what a call would do.
pub fn explain(plan: &Plan, entry: &Entry, now: Now) -> Explanation {
    let mut interp = Interp::idle(plan, now, entry.clone());
    let at = View::new(&interp, plan, None).civil().format("%a %Y-%m-%d %H:%M");
    let found =
        hunt(plan, &entry.context, &mut super::interp::vars::Looking { interp: &mut interp, plan });
    let mut out = Explanation {
        context: entry.context.clone(),
        to: entry.to.clone(),
        at,
        context_exists: found.is_some(),
        tried: Vec::new(),
        steps: Vec::new(),
        contexts: Vec::new(),
        ways: Ways::default(),
        by_key: Ways::default(),
    };
    let Some(found) = found else {
        out.contexts = plan.contexts().map(str::to_owned).collect();
        return out;
    };
    for tried in found.tried {
        let route = &plan.routes[tried.route];
        let place = plan.at(route.place);
        out.tried.push(TriedRoute { name: route.name.clone(), place, why_not: tried.why_not });
    }
    let mut set = BTreeMap::new();
    for todo in found.todo {
        let view = View::new(&interp, plan, todo.captures.as_deref());
        let (out, menus) = (&mut out, Vec::new());
        let mut teller = Teller { plan, view: &view, out, menus, set, pressed: false };
        teller.block(todo.block, 0);
        set = teller.set;
    }
    for block in found.on_hangup {
        let view = View::new(&interp, plan, None);
        out.steps.push(Line {
            depth: 0,
            text: "when the caller is gone:".into(),
            place: String::new(),
        });
        let (out, menus, set) = (&mut out, Vec::new(), set.clone());
        Teller { plan, view: &view, out, menus, set, pressed: false }.block(block, 1);
    }
    out
}

/// A view with what the steps before have set, that leaves unknown variables standing.
struct Known<'a>(&'a View<'a>, &'a BTreeMap<String, String>);

impl Scope for Known<'_> {
    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        let set = self.1.get(name).map(|value| Cow::Borrowed(value.as_str()));
        set.or_else(|| self.0.variable(name)).or_else(|| Some(Cow::Owned(format!("${{{name}}}"))))
    }
    fn capture(&self, n: u8) -> Option<Cow<'_, str>> {
        self.0.capture(n)
    }
    fn civil(&self) -> Civil {
        self.0.civil()
    }
    fn civil_at(&self, wall: Wall) -> Civil {
        self.0.civil_at(wall)
    }
}

struct Teller<'a> {
    plan: &'a Plan,
    view: &'a View<'a>,
    out: &'a mut Explanation,
    /// Menus being told, so that one that leads to itself ends.
    menus: Vec<String>,
    /// What the steps told so far have set.
    set: BTreeMap<String, String>,
    /// A key of a menu leads here.
    pressed: bool,
}

impl Teller<'_> {
    fn text(&self, template: &Template) -> String {
        template.expand(&Known(self.view, &self.set))
    }

    fn line(&mut self, depth: usize, text: impl Into<String>, place: String) {
        if self.out.steps.len() < MAX_LINES {
            self.out.steps.push(Line { depth, text: text.into(), place });
        }
    }

    fn block(&mut self, block: BlockId, depth: usize) {
        let plan = self.plan;
        for step in plan.block(block) {
            self.step(step, depth);
        }
    }

    /// A branch with its heading; one without steps goes on.
    fn branch(&mut self, heading: &str, block: BlockId, depth: usize) {
        if depth > MAX_DEPTH {
            self.ways_so_far().out = true;
            return self.line(depth, format!("{heading} …"), String::new());
        }
        let empty = self.plan.block(block).is_empty();
        self.line(
            depth,
            if empty { format!("{heading} go on") } else { heading.to_owned() },
            String::new(),
        );
        // Whether the branch is taken is not known: what it sets does not stand behind it.
        let before = self.set.clone();
        self.block(block, depth + 1);
        let inside = std::mem::replace(&mut self.set, before);
        self.set.retain(|name, value| inside.get(name) == Some(value));
    }

    fn step(&mut self, step: &Step, depth: usize) {
        let place = self.plan.at(step.place);
        let text = self.words(&step.op);
        let inline = if step.inline { " (while the route is looked for)" } else { "" };
        self.line(depth, format!("{text}{inline}"), place);
        self.variables(&step.op);
        self.ways(&step.op, depth);
        self.under(&step.op, depth + 1);
    }

    /// What is known of the variables behind a step.
    fn variables(&mut self, op: &Op) {
        match op {
            Op::Set(pairs) => {
                let pairs: Vec<_> =
                    pairs.iter().map(|(n, v)| (self.text(n), self.text(v))).collect();
                self.set.extend(pairs);
            }
            Op::Unset(names) => {
                let names: Vec<String> = names.iter().map(|name| self.text(name)).collect();
                self.set.retain(|name, _| !names.contains(name));
            }
            Op::Collect(op) => {
                let into = self.text(&op.into);
                self.set.remove(&into);
            }
            Op::Lookup(op) => {
                op.take.iter().for_each(|(variable, _)| drop(self.set.remove(variable)));
            }
            _ => {}
        }
    }

    /// Where what is told now leads.
    fn ways_so_far(&mut self) -> &mut Ways {
        if self.pressed { &mut self.out.by_key } else { &mut self.out.ways }
    }

    /// Whether a step leads to a person, or out of the plan.
    fn ways(&mut self, op: &Op, depth: usize) {
        match op {
            Op::Dial(op) => {
                let ways = self.ways_so_far();
                ways.person = true;
                ways.out |= match &op.groups {
                    Groups::Text(_) => true,
                    Groups::Fixed(groups) => {
                        let gateway = |to: &TargetOp| matches!(to, TargetOp::Gateway { .. });
                        groups.iter().flatten().any(gateway)
                    }
                };
            }
            Op::Queue(_) | Op::Conference(_) => self.ways_so_far().person = true,
            Op::Call { .. } => self.ways_so_far().person |= depth >= MAX_DEPTH,
            Op::Goto { .. } => self.ways_so_far().out = true,
            Op::Transfer { number, context } | Op::Extension { number, context } => {
                let own = || self.out.context.clone();
                let context = context.as_ref().map_or_else(own, |context| self.text(context));
                let to = (self.text(number), context);
                self.ways_so_far().sent.push(to);
            }
            _ => {}
        }
    }

    /// The steps that stand under one, at their depth.
    fn under(&mut self, op: &Op, depth: usize) {
        let plan = self.plan;
        match op {
            Op::If { then, otherwise, .. } => {
                self.branch("then:", *then, depth);
                self.branch("else:", *otherwise, depth);
            }
            Op::Dial(op) => self.branches(&op.on, depth),
            Op::Collect(op) => self.branches(&op.on, depth),
            Op::Queue(op) => self.branches(&op.on, depth),
            Op::Lookup(op) => self.branches(&op.on, depth),
            Op::Conference(op) => self.branches(&op.on, depth),
            Op::Menu { name } => {
                let name = self.text(name);
                if let Some(menu) = plan.menus.get(&name).filter(|_| !self.menus.contains(&name)) {
                    self.menus.push(name);
                    self.menu(menu, depth);
                    self.menus.pop();
                }
            }
            Op::Call { sub } => {
                let sub = plan.subs.get(&self.text(sub)).filter(|_| depth <= MAX_DEPTH);
                if let Some((block, _)) = sub {
                    self.block(*block, depth);
                }
            }
            Op::Survey { name } => {
                let questions =
                    plan.surveys.get(&self.text(name)).map_or(&[][..], |s| &s.questions);
                questions.iter().for_each(|question| self.question(question, depth));
            }
            _ => {}
        }
    }

    fn question(&mut self, question: &Question, depth: usize) {
        let keys: Vec<_> = question.keys.iter().map(|(k, m)| format!("{k} {m}")).collect();
        let prompt = self.media(&question.prompt);
        let text = format!("ask {} ({prompt}): {}", question.name, keys.join(", "));
        self.line(depth, text, String::new());
    }

    fn branches(&mut self, on: &[(String, BlockId)], depth: usize) {
        for (outcome, block) in on {
            self.branch(&format!("on {outcome}:"), *block, depth);
        }
    }

    fn menu(&mut self, menu: &Menu, depth: usize) {
        let tries = match menu.tries {
            Tries::Total(n) => format!("{n} tries"),
            Tries::Each { wrong, silent } => format!("{wrong} wrong keys or {silent} silences"),
        };
        let prompt = self.media(&menu.prompt);
        self.line(
            depth,
            format!("play {prompt}, wait {} for a key, {tries}", seconds(menu.first_ms)),
            String::new(),
        );
        let before = std::mem::replace(&mut self.pressed, true);
        for entry in &menu.entries {
            self.branch(&format!("key {}:", entry.keys.source()), entry.block, depth);
        }
        if let Some((pattern, context)) = &menu.direct_dial {
            self.ways_so_far().person = true;
            let text =
                format!("a number like {}: to context '{}'", pattern.source(), self.text(context));
            self.line(depth, text, String::new());
        }
        self.pressed = before;
        self.branches(&menu.on, depth);
    }

    fn media(&self, media: &[Media]) -> String {
        let one = |media: &Media| match media {
            Media::Prompt(name) | Media::Path(name) => self.text(name),
            Media::Tone { .. } => "a tone".into(),
            Media::Silence { ms } => format!("silence of {}", seconds(*ms)),
            Media::Music(class) => format!("music '{}'", self.text(class)),
        };
        if media.is_empty() {
            "nothing".into()
        } else {
            media.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A time for people: `20 s`, `500 ms`.
fn seconds(ms: u32) -> String {
    if ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}
