//! A queue step: the caller goes in, what came of it is told to the plan.

use super::ask::branch;
use super::step::Captures;
use super::vars::View;
use super::{Asked, Frame, Interp, Speech};
use crate::dialplan::effect::{DialEnd, Effect, EndedBy, Level, Queue, QueueEnd};
use crate::dialplan::model::{Op, Plan, QueueOp};

impl Interp {
    pub(super) fn join_queue(&mut self, plan: &Plan, op: &QueueOp, captures: &Captures) {
        let queue = self.wanted_queue(plan, op, captures);
        if queue.name.is_empty() {
            return self.log(Level::Error, "a queue without a name is passed over");
        }
        let (asked, effect) = match self.speech {
            Speech::Closed => (Asked::MayQueue, Effect::AskQueue(Box::new(queue))),
            Speech::Early | Speech::Answered => (Asked::Queue, Effect::Queue(Box::new(queue))),
        };
        self.asked = asked;
        self.queue.push_back(effect);
    }

    /// It would let the caller in: he is answered, and goes in.
    pub(super) fn queue_is_open(&mut self, plan: &Plan) {
        let Some((op, captures)) = self.queue_step(plan) else { return };
        let queue = self.wanted_queue(plan, op, &captures);
        self.answer();
        self.asked = Asked::Queue;
        self.queue.push_back(Effect::Queue(Box::new(queue)));
    }

    fn wanted_queue(&self, plan: &Plan, op: &QueueOp, captures: &Captures) -> Queue {
        let view = View::new(self, plan, captures.as_deref());
        Queue {
            name: op.name.expand(&view),
            priority: op.priority,
            vip: op.vip,
            region: op.region.as_ref().map(|region| region.expand(&view)).filter(|r| !r.is_empty()),
            longest_ms: op.longest_ms,
            exit: op.exit,
            call_back: op.call_back,
        }
    }

    /// The queue step that was given out last.
    fn queue_step<'p>(&self, plan: &'p Plan) -> Option<(&'p QueueOp, Captures)> {
        let Frame::Steps { block, next, captures } = self.stack.last()? else { return None };
        let step = plan.block(*block).get(next.saturating_sub(1) as usize)?;
        match &step.op {
            Op::Queue(op) => Some((op, captures.clone())),
            _ => None,
        }
    }

    /// The talk with an agent is over.
    pub(super) fn served(&mut self, plan: &Plan, end: DialEnd) {
        match end {
            DialEnd::Answered { by, talk_ms, ended_by } => {
                self.set("dialed_by", by.to_string());
                self.set("talk_seconds", (talk_ms / 1_000).to_string());
                if ended_by == EndedBy::Caller {
                    self.set("queue_result", QueueEnd::Answered.name());
                    return self.caller_gone();
                }
                self.queued(plan, QueueEnd::Answered);
            }
            // An agent's phone that fails is the queue's to deal with, not the plan's.
            DialEnd::Failed { .. } => self.queued(plan, QueueEnd::Closed),
        }
    }

    /// What came of it.
    pub(super) fn queued(&mut self, plan: &Plan, end: QueueEnd) {
        self.set("queue_result", end.name());
        let key = match end {
            QueueEnd::Key(key) => key.to_string().trim().to_owned(),
            _ => String::new(),
        };
        self.set("queue_key", key.clone());
        let Some((op, captures)) = self.queue_step(plan) else { return };
        let of_key = format!("key-{key}");
        let own = op.on.iter().find(|(name, _)| *name == of_key).map(|(_, block)| *block);
        if let Some(block) = own.or_else(|| branch(&op.on, end.name())) {
            self.push(Frame::Steps { block, next: 0, captures });
        }
    }
}
