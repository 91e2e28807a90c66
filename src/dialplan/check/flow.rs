//! Flow: ways through the plan that never wait and never end, menus that cannot be left.
//!
//! The steps of all blocks are the nodes of a graph, with one more at each block's end and one for
//! each menu. A node is *free* when some way from it leads out (to a wait, for the first question;
//! out of the plan, for the second). What is not free runs in circles for certain, whatever the
//! variables are: only that is reported. A loop with a way out is the interpreter's business, which
//! counts steps.

use std::collections::BTreeMap;

use super::reach::{may_take, surely_takes};
use super::rounds::{Heard, comes_again};
use super::variables::that_may_be_set;
use crate::dialplan::draft::Draft;
use crate::dialplan::effect::Keys;
use crate::dialplan::fault::Place;
use crate::dialplan::model::{BlockId, Op, Plan};
use crate::dialplan::template::Template;

/// `read`: the variables that the plan's texts read.
pub(super) fn check(draft: &mut Draft<'_>, read: &[String]) {
    let graph = Graph::new(&draft.plan);
    let spins = graph.spins(&draft.plan, None);
    let set = that_may_be_set(&draft.plan, read.iter().map(String::as_str));
    let heard = Heard::new(draft.env, set);
    let mut rounds = graph.spins(&draft.plan, Some(&heard));
    rounds.retain(|place| !spins.contains(place));
    let menus = graph.closed_menus(&draft.plan);
    for place in spins {
        draft.faults.error(
            place,
            "this leads back to itself and nothing on the way waits, so the call would spin",
            "put a play, menu or wait between, or end with hangup",
        );
    }
    // Only some calls, or only as long as prompts are missing: the others are not to be without a plan for it.
    for place in rounds {
        draft.faults.lose(
            place,
            "this leads back to itself: a number comes to its own route again, or no prompt on the way is there to be \
             played, so such a call would spin",
            "let it lead elsewhere, record the prompts, or end with hangup",
        );
    }
    for (place, name) in menus {
        let what = format!(
            "the menu '{name}' cannot be left: every key and every failure leads back to it"
        );
        draft.faults.error(place, what, "let one key, or its on.else, lead elsewhere");
    }
}

/// The most jumps that are followed to see whether they come back.
const MAX_ASKED: usize = 200;

/// Where a way can go from a node.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// On to another node.
    To(usize),
    /// Out of what is looked at.
    Out,
}

struct Graph {
    /// The first node of each block; its steps follow, then its end.
    first: Vec<usize>,
    /// Nodes of the menus.
    menus: BTreeMap<String, usize>,
    size: usize,
    /// What follows the end of a block; a block not here ends the plan.
    after: BTreeMap<usize, Vec<Way>>,
    /// The context that a block runs in, where that is known.
    context: BTreeMap<usize, String>,
    /// The route that a block belongs to, where it is one's.
    route: BTreeMap<usize, usize>,
}

impl Graph {
    fn new(plan: &Plan) -> Graph {
        let mut size = 0;
        let mut first = Vec::new();
        for block in &plan.blocks {
            first.push(size);
            size += block.len() + 1;
        }
        let menus =
            plan.menus.keys().enumerate().map(|(n, name)| (name.clone(), size + n)).collect();
        size += plan.menus.len();
        let mut graph = Graph {
            first,
            menus,
            size,
            after: BTreeMap::new(),
            context: BTreeMap::new(),
            route: BTreeMap::new(),
        };
        graph.join(plan);
        graph
    }

    fn start(&self, block: BlockId) -> usize {
        self.first.get(block.0 as usize).copied().unwrap_or(0)
    }

    /// Finds what follows the end of each block.
    fn join(&mut self, plan: &Plan) {
        for (nth, route) in plan.routes.iter().enumerate() {
            for condition in &route.conditions {
                for block in [condition.actions, condition.otherwise] {
                    self.context.insert(block.0 as usize, route.context.clone());
                    self.route.insert(block.0 as usize, nth);
                }
            }
        }
        for (at, block) in plan.blocks.iter().enumerate() {
            for (n, step) in block.iter().enumerate() {
                let next = Way::To(self.first[at] + n + 1);
                let inner: Vec<BlockId> = match &step.op {
                    Op::If { then, otherwise, .. } => vec![*then, *otherwise],
                    Op::Dial(op) => op.on.iter().map(|(_, block)| *block).collect(),
                    Op::Collect(op) => op.on.iter().map(|(_, block)| *block).collect(),
                    Op::Conference(op) => op.on.iter().map(|(_, block)| *block).collect(),
                    Op::Queue(op) => op.on.iter().map(|(_, block)| *block).collect(),
                    Op::Lookup(op) => op.on.iter().map(|(_, block)| *block).collect(),
                    Op::Call { sub } => {
                        let sub = sub.fixed().and_then(|name| plan.subs.get(&*name));
                        sub.map(|(block, _)| *block).into_iter().collect()
                    }
                    Op::Menu { name } => {
                        let menu = name.fixed().and_then(|name| plan.menus.get(&*name));
                        menu.map_or(Vec::new(), |menu| {
                            let on = menu.on.iter().map(|(_, block)| *block);
                            let entries =
                                menu.entries.iter().filter(|_| !menu.returns).map(|e| e.block);
                            entries.chain(on).collect()
                        })
                    }
                    _ => Vec::new(),
                };
                for block in inner {
                    self.after.entry(block.0 as usize).or_default().push(next);
                    if let Some(context) = self.context.get(&at).cloned() {
                        self.context.insert(block.0 as usize, context);
                    }
                    if let Some(route) = self.route.get(&at).copied() {
                        self.route.insert(block.0 as usize, route);
                    }
                }
            }
        }
        // A FreeSWITCH menu plays again after an entry's steps.
        for (name, menu) in plan.menus.iter().filter(|(_, menu)| menu.returns) {
            let node = self.menus[name];
            for entry in &menu.entries {
                self.after.entry(entry.block.0 as usize).or_default().push(Way::To(node));
            }
        }
    }

    /// The ways from each node. `waits_are_out`: a step that waits leads out. `heard`: numbers are followed as some call
    /// has them, and prompts that are not there take no time.
    fn ways(&self, plan: &Plan, waits_are_out: bool, heard: Option<&Heard<'_>>) -> Vec<Vec<Way>> {
        let takes_time = |op: &Op| waits(op) && heard.is_none_or(|heard| !heard.is_silent(op));
        let mut ways = vec![Vec::new(); self.size];
        for (at, block) in plan.blocks.iter().enumerate() {
            for (n, step) in block.iter().enumerate() {
                let node = self.first[at] + n;
                ways[node] = if waits_are_out && takes_time(&step.op) {
                    vec![Way::Out]
                } else {
                    self.step(plan, at, &step.op, node, heard.is_some())
                };
            }
            ways[self.first[at] + block.len()] =
                self.after.get(&at).cloned().unwrap_or(vec![Way::Out]);
        }
        for (name, menu) in &plan.menus {
            let mut from: Vec<Way> =
                menu.entries.iter().map(|e| Way::To(self.start(e.block))).collect();
            from.extend(menu.on.iter().map(|(_, block)| Way::To(self.start(*block))));
            let failing =
                |outcome: &str| menu.on.iter().any(|(name, _)| name == outcome || name == "else");
            // A failure without a branch, or a dialled number, leads out of the menu.
            if menu.direct_dial.is_some() || !(failing("timeout") && failing("invalid")) {
                from.push(Way::Out);
            }
            ways[self.menus[name]] = from;
        }
        ways
    }

    fn step(&self, plan: &Plan, block: usize, op: &Op, node: usize, some: bool) -> Vec<Way> {
        let next = Way::To(node + 1);
        match op {
            Op::If { then, otherwise, .. } => {
                vec![Way::To(self.start(*then)), Way::To(self.start(*otherwise))]
            }
            Op::Goto { route } => match route.fixed().and_then(|name| plan.route_named(&name)) {
                Some((_, route)) => route
                    .conditions
                    .iter()
                    .take(1)
                    .map(|c| Way::To(self.start(c.actions)))
                    .collect(),
                None => vec![Way::Out],
            },
            Op::Transfer { number, context } => {
                self.sent(plan, block, number, context.as_ref(), some)
            }
            Op::Call { sub } => match sub.fixed().and_then(|name| plan.subs.get(&*name)) {
                Some((sub, _)) => vec![Way::To(self.start(*sub))],
                None => vec![Way::Out],
            },
            Op::Menu { name } => match name.fixed().and_then(|name| self.menus.get(&*name)) {
                Some(menu) => vec![Way::To(*menu)],
                None => vec![Way::Out],
            },
            // Back to a menu: which one depends on the way taken; the nearest is its own.
            Op::MenuMove(_)
            | Op::Hangup { .. }
            | Op::Respond { .. }
            | Op::Return
            | Op::Stop
            | Op::Lacking { ends_call: true, .. } => self.menu_move(plan, block, op),
            Op::Wait { ms: None }
            | Op::Echo { ms: None, stop_on: Keys::NONE }
            | Op::Extension { .. } => vec![Way::Out],
            // A talk is a way out of any menu.
            Op::Dial(_) | Op::Conference(_) | Op::Queue(_) => vec![next, Way::Out],
            _ => vec![next],
        }
    }

    fn menu_move(&self, plan: &Plan, block: usize, op: &Op) -> Vec<Way> {
        use crate::dialplan::model::MenuMove;
        let again = matches!(op, Op::MenuMove(MenuMove::Again | MenuMove::Top));
        let owner =
            plan.menus.iter().find(|(_, m)| m.entries.iter().any(|e| e.block.0 as usize == block));
        match owner.filter(|_| again) {
            Some((name, _)) => vec![Way::To(self.menus[name])],
            None => vec![Way::Out],
        }
    }

    /// The routes that may take a number sent to a context. `some`: where a number of this route comes back to it, the
    /// ways are that one's.
    fn sent(
        &self,
        plan: &Plan,
        block: usize,
        number: &Template,
        context: Option<&Template>,
        some: bool,
    ) -> Vec<Way> {
        let context = match context {
            Some(context) => context.fixed().map(|c| c.into_owned()),
            None => self.context.get(&block).cloned(),
        };
        let Some(routes) = context.as_deref().and_then(|c| plan.routes_of(c)) else {
            return vec![Way::Out];
        };
        let own = self.route.get(&block).and_then(|route| plan.routes.get(*route));
        let again = || comes_again(own.filter(|_| some)?, number).map(Into::into);
        let number = number.fixed().or_else(again);
        let mut ways = Vec::new();
        for (_, route) in routes {
            if number.as_deref().is_some_and(|n| !may_take(route, n)) {
                continue;
            }
            ways.extend(route.conditions.iter().take(1).map(|c| Way::To(self.start(c.actions))));
            if surely_takes(route, number.as_deref()) {
                return ways;
            }
        }
        // Perhaps no route takes it, and the call is cleared.
        ways.push(Way::Out);
        ways
    }

    /// Which nodes have a way out.
    fn free(&self, ways: &[Vec<Way>]) -> Vec<bool> {
        let mut into = vec![Vec::new(); self.size];
        let mut free = vec![false; self.size];
        let mut work = Vec::new();
        for (node, from) in ways.iter().enumerate() {
            for way in from {
                match way {
                    Way::To(to) if *to < self.size => into[*to].push(node),
                    _ => {
                        free[node] = true;
                        work.push(node);
                    }
                }
            }
        }
        while let Some(node) = work.pop() {
            for &before in &into[node] {
                if !free[before] {
                    free[before] = true;
                    work.push(before);
                }
            }
        }
        free
    }

    /// Jumps that lead back to themselves and on the way wait for nothing: one place a circle.
    fn spins(&self, plan: &Plan, heard: Option<&Heard<'_>>) -> Vec<Place> {
        let ways = self.ways(plan, true, heard);
        let free = self.free(&ways);
        let mut seen = vec![false; self.size];
        let mut places = Vec::new();
        let mut asked = 0;
        for (at, block) in plan.blocks.iter().enumerate() {
            for (n, step) in block.iter().enumerate() {
                let node = self.first[at] + n;
                let jumps =
                    matches!(step.op, Op::Goto { .. } | Op::Transfer { .. } | Op::Call { .. });
                if !jumps || free[node] || seen[node] || asked >= MAX_ASKED {
                    continue;
                }
                asked += 1;
                if self.comes_back(node, &ways, &mut seen) {
                    places.push(step.place);
                }
            }
        }
        places
    }

    /// Whether a way from the node leads to it again; all nodes on the way are marked.
    fn comes_back(&self, node: usize, ways: &[Vec<Way>], seen: &mut [bool]) -> bool {
        let mut here = vec![false; self.size];
        let mut work = vec![node];
        let mut back = false;
        while let Some(at) = work.pop() {
            for way in &ways[at] {
                if let Way::To(to) = way {
                    back |= *to == node;
                    if !here[*to] {
                        here[*to] = true;
                        work.push(*to);
                    }
                }
            }
        }
        if back {
            here.iter().zip(seen).for_each(|(here, seen)| *seen |= here);
        }
        back
    }

    /// Menus from which no way leads out.
    fn closed_menus(&self, plan: &Plan) -> Vec<(Place, String)> {
        let free = self.free(&self.ways(plan, false, None));
        let closed = plan.menus.iter().filter(|(name, _)| !free[self.menus[*name]]);
        closed.map(|(name, menu)| (menu.place, name.clone())).collect()
    }
}

/// Whether a step takes time.
fn waits(op: &Op) -> bool {
    match op {
        Op::Play { items, .. } => !items.is_empty(),
        Op::Wait { ms } | Op::Echo { ms, .. } => ms.is_none_or(|ms| ms > 0),
        Op::Say { .. }
        | Op::Menu { .. }
        | Op::Collect(_)
        | Op::Survey { .. }
        | Op::Dial(_)
        | Op::Conference(_)
        | Op::Queue(_)
        | Op::Lookup(_)
        | Op::SendDigits { .. } => true,
        _ => false,
    }
}
