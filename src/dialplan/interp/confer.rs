//! A conference step: the PIN is asked for, the caller goes in, what came of it is told to the plan.
//!
//! ```text
//!   step ─┬─ no PIN ───────────────────────────┬─▶ Effect::Conference ─▶ Conferred ─┬─▶ branch, or on
//!         └─ ask ──▶ right ────────────────────┘                                    │
//!              └──▶ wrong ─▶ again, at most `tries` times ─▶ `pin` ─────────────────┘
//! ```

use super::ask::branch;
use super::step::Captures;
use super::vars::View;
use super::{Asked, Frame, Interp};
use crate::dialplan::effect::{Collect, Conference, ConferenceEnd, Effect, Keys, Level};
use crate::dialplan::model::{BlockId, ConferenceOp, Op, Plan, StopOn};

/// Time for the PIN's first digit, and between digits, in milliseconds.
const FIRST_MS: u32 = 8_000;
const NEXT_MS: u32 = 4_000;
/// The longest PIN that can be pressed.
const MAX_PIN: u8 = 16;

/// The conference step of a block.
fn conference_op(plan: &Plan, block: BlockId, at: u32) -> Option<&ConferenceOp> {
    match plan.block(block).get(at as usize).map(|step| &step.op) {
        Some(Op::Conference(op)) => Some(op),
        _ => None,
    }
}

impl Interp {
    /// The step: straight in, or by a PIN.
    pub(super) fn conference(
        &mut self,
        plan: &Plan,
        op: &ConferenceOp,
        block: BlockId,
        at: u32,
        captures: Captures,
    ) {
        let pin = op.pin.expand(&View::new(self, plan, captures.as_deref()));
        match pin.is_empty() {
            true => self.enter_conference(plan, op, &captures),
            false => self.push(Frame::Pin { block, at, tries: 0, captures }),
        }
    }

    fn enter_conference(&mut self, plan: &Plan, op: &ConferenceOp, captures: &Captures) {
        let view = View::new(self, plan, captures.as_deref());
        let conference = Conference {
            name: op.name.expand(&view),
            muted: op.muted,
            deaf: op.deaf,
            agc: op.agc,
            most: op.most,
            music: op.music.as_ref().map(|class| class.expand(&view)).filter(|c| !c.is_empty()),
            tones: op.tones,
            record: op.record,
            leave: op.leave,
        };
        if conference.name.is_empty() {
            return self.log(Level::Error, "a conference without a name is passed over");
        }
        self.open_speech(false);
        self.asked = Asked::Conference;
        self.queue.push_back(Effect::Conference(Box::new(conference)));
    }

    /// The PIN that the step on top wants.
    pub(super) fn pin(&self, plan: &Plan) -> Option<String> {
        let Some(Frame::Pin { block, at, captures, .. }) = self.stack.last() else { return None };
        let op = conference_op(plan, *block, *at)?;
        Some(op.pin.expand(&View::new(self, plan, captures.as_deref())))
    }

    /// Asks for it; `wrong`: what was pressed before was not it.
    pub(super) fn ask_pin(&mut self, plan: &Plan, wrong: bool) {
        let Some(Frame::Pin { block, at, tries, .. }) = self.stack.last_mut() else { return };
        *tries = tries.saturating_add(1);
        let Some(op) = conference_op(plan, *block, *at) else {
            self.stack.pop();
            return;
        };
        let collect = Collect {
            items: Vec::new(),
            barge_in: true,
            min: 1,
            max: MAX_PIN,
            terminators: Keys::parse("#").unwrap_or_default(),
            first_ms: FIRST_MS,
            next_ms: NEXT_MS,
            secret: true,
        };
        let before = if wrong { &op.invalid[..] } else { &[] };
        self.collect(plan, before, &op.prompt, collect);
    }

    /// What was pressed for a PIN.
    pub(super) fn pin_digits(&mut self, plan: &Plan, digits: &str) {
        let right = self.pin(plan).is_none_or(|pin| pin == digits);
        let Some(Frame::Pin { block, at, tries, captures }) = self.stack.last() else { return };
        let (tries, captures) = (*tries, captures.clone());
        let Some(op) = conference_op(plan, *block, *at) else {
            self.stack.pop();
            return;
        };
        match right {
            true => {
                self.stack.pop();
                self.enter_conference(plan, op, &captures);
            }
            false if tries >= op.tries => {
                self.stack.pop();
                self.conferred(plan, ConferenceEnd::Pin);
            }
            false => self.ask_pin(plan, true),
        }
    }

    /// What came of it: the plan's steps for that, or else the caller is told.
    pub(super) fn conferred(&mut self, plan: &Plan, end: ConferenceEnd) {
        self.set("conference_result", end.name());
        let Some(Frame::Steps { block, next, captures }) = self.stack.last() else { return };
        let at = next.saturating_sub(1);
        let Some(step) = plan.block(*block).get(at as usize) else { return };
        let Op::Conference(op) = &step.op else { return };
        let captures = captures.clone();
        if let Some(block) = branch(&op.on, end.name()) {
            return self.push(Frame::Steps { block, next: 0, captures });
        }
        let prompt = match end {
            ConferenceEnd::Locked => &op.locked,
            ConferenceEnd::Full => &op.full,
            ConferenceEnd::Kicked => &op.kicked,
            ConferenceEnd::Left | ConferenceEnd::Pin => return,
        };
        self.play(plan, step, prompt, &StopOn::Keys(Keys::NONE), 1, &captures);
    }
}
