//! When a queue is open, and where its callers go when it takes them no more (R18).
//!
//! ```text
//!            may enter?  closed, full, no agents ──▶ overflow's queue ──▶ its overflow's …  the last one's no: the plan
//!  waiting:  longest over, nobody there, closes   ──▶ the same
//! ```
//!
//! The driver tells the civil time ([`Centre::clock`]) at the start, before a caller comes in, and when
//! [`Centre::next_wake`] says so: a queue that closes then puts its callers out. Knows no time zone and no holidays' names.

use serde::{Deserialize, Serialize};

use super::centre::Centre;
use super::event::{Departure, Refusal, What};
use super::queue::{Entry, QueueId};
use crate::base::week::{Moment, Window};
use crate::base::{CallId, Duration, Time};

/// The civil time is asked for so often at least: clocks are set.
const CLOCK_EVERY: Duration = Duration::from_secs(60);
/// So many queues a caller overflows into at most.
pub const MOST_OVERFLOWS: usize = 8;

/// What the calendar says now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    /// The week's day and the time.
    pub moment: Moment,
    /// It is a holiday.
    pub holiday: bool,
}

/// When a queue is open.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Hours {
    /// In these windows; none: always.
    pub windows: Vec<Window>,
    /// Not on holidays.
    pub no_holidays: bool,
    /// Who waits when it closes has to leave.
    pub leave: bool,
}

impl Hours {
    /// Whether the queue is open.
    pub fn is_open(&self, civil: Civil) -> bool {
        let within = self.windows.is_empty() || self.windows.iter().any(|w| w.holds(civil.moment));
        within && !(civil.holiday && self.no_holidays)
    }
    /// Whether it ever closes.
    pub(super) fn matter(&self) -> bool {
        !self.windows.is_empty() || self.no_holidays
    }
}

impl Centre {
    /// Whether any queue ever closes: else nobody need tell the time.
    pub fn has_hours(&self) -> bool {
        self.queues.values().any(|queue| queue.terms.hours.matter())
    }

    /// It is this time of the week: queues open and close.
    pub fn clock(&mut self, now: Time, civil: Civil) {
        let mut next = CLOCK_EVERY;
        let mut closing = Vec::new();
        for (id, queue) in self.queues.iter_mut().filter(|(_, q)| q.terms.hours.matter()) {
            for window in &queue.terms.hours.windows {
                let edge = u64::from(window.until_edge(civil.moment.second));
                next = next.min(Duration::from_secs(edge));
            }
            let closed = !queue.terms.hours.is_open(civil);
            if closed && !queue.closed && queue.terms.hours.leave {
                closing.push(*id);
            }
            queue.closed = closed;
        }
        self.clock_at = if self.has_hours() { now + next } else { Time::NEVER };
        for queue in closing {
            self.send_home(now, queue);
        }
        self.settle(now);
    }

    /// Whether the driver is to tell the time.
    pub fn wants_clock(&self, now: Time) -> bool {
        self.clock_at <= now
    }

    /// A queue closes: who waits on the line leaves, but who came by an alarm.
    fn send_home(&mut self, now: Time, queue: QueueId) {
        let leaves = |call: &CallId| {
            let caller = self.callers.get(call);
            caller.is_some_and(|c| c.queue == queue && c.back.is_none() && !c.urgent)
        };
        let calls: Vec<CallId> = self.callers.keys().copied().filter(leaves).collect();
        for call in calls {
            self.put_out(now, call, Departure::Closed);
        }
    }

    /// The queue into which callers of another overflow.
    fn overflow(&self, name: &str) -> Option<&str> {
        let queue = self.queues.get(self.by_name.get(name)?)?;
        queue.terms.overflow.as_deref()
    }

    /// A caller comes into a queue, or into the first that lets it in of those into which that one overflows: which.
    /// Else why the one that was asked for does not.
    pub fn admit(&mut self, now: Time, name: &str, entry: Entry) -> Result<String, Refusal> {
        self.admit_from(now, name, name, entry)
    }

    /// A caller whom a queue has put out comes into the first that lets it in of those into which that one overflows.
    pub fn overflows(&mut self, now: Time, from: &str, entry: Entry) -> Option<String> {
        let next = self.overflow(from)?.to_owned();
        self.admit_from(now, from, &next, entry).ok()
    }

    /// `from`: the queue in which it was to wait.
    fn admit_from(
        &mut self,
        now: Time,
        from: &str,
        name: &str,
        entry: Entry,
    ) -> Result<String, Refusal> {
        let mut next = name.to_owned();
        let mut first = None;
        for _ in 0..MOST_OVERFLOWS {
            if next != from && self.lets_in(&next, &entry) {
                let (queue, into) = (from.to_owned(), next.clone());
                self.tell(now, What::Overflowed { queue, into, call: entry.call });
            }
            match self.enter(now, &next, entry.clone()) {
                Ok(_) => return Ok(next),
                Err(Refusal::Waits) => return Err(Refusal::Waits),
                Err(why) => first = first.or(Some(why)),
            }
            match self.overflow(&next) {
                Some(to) => next = to.to_owned(),
                None => break,
            }
        }
        Err(first.unwrap_or(Refusal::Unknown))
    }

    /// Whether a caller would be let in, there or into what that one overflows into.
    pub fn admits(&self, name: &str, entry: &Entry) -> bool {
        let way = core::iter::successors(Some(name), |name| self.overflow(name));
        way.take(MOST_OVERFLOWS).any(|name| self.lets_in(name, entry))
    }
}
