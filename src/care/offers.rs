//! Cases that bring no call: agents are offered them as a queue offers a call (R10).
//!
//! ```text
//!  an alarm without speech, a unit that cannot be reached ─▶ due ─▶ ready ─▶ in a queue: an agent is rung, then the home
//!                                                             ▲               │ nobody reached: after a pause
//!                                                             └───────────────┤
//!                                                   talked, closed: settled ◀─┘
//! ```
//!
//! The gravest come first, so many at once as a queue is to hold beside callers. As long as nobody has talked it is told of
//! once, by who drives this. Not here: which queue, who is rung, how the home is called.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, Duration, Time};

/// Offers in queues at once.
const MOST_AT_ONCE: usize = 30;
/// From one offer that has reached nobody to the next.
pub const PAUSE: Duration = Duration::from_secs(60);

/// Where an offer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Not before this.
    Due(Time),
    /// It waits for a place.
    Ready,
    /// It has one, under this call. It may be settled while an agent is with it.
    Made(CallId, bool),
}

/// All of them: at most one for each open case.
#[derive(Debug, Default)]
pub struct Offers {
    of: BTreeMap<u64, (u8, Stage)>,
    due: BTreeSet<(Time, u64)>,
    ready: BTreeSet<(Reverse<u8>, u64)>,
    made: BTreeMap<CallId, u64>,
    /// Until when somebody must have talked.
    late: BTreeSet<(Time, u64)>,
    /// There is no queue for them, as was said.
    without: BTreeSet<u64>,
}

impl Offers {
    /// A case of this priority is to be offered, not before `at`; one that is already is at the earlier time.
    pub fn want(&mut self, at: Time, case: u64, priority: u8) {
        match self.of.get(&case) {
            Some((_, Stage::Ready)) => return,
            Some((_, Stage::Due(before))) if *before <= at => return,
            Some((_, Stage::Due(before))) => _ = self.due.remove(&(*before, case)),
            Some((_, Stage::Made(call, true))) => {
                // A new need while an agent is with the old one.
                let call = *call;
                self.of.insert(case, (priority, Stage::Made(call, false)));
                return;
            }
            Some((_, Stage::Made(_, false))) => return,
            None => {}
        }
        self.of.insert(case, (priority, Stage::Due(at)));
        self.due.insert((at, case));
    }

    /// Somebody must have talked about a case by then.
    pub fn talk_by(&mut self, at: Time, case: u64) {
        self.late.insert((at, case));
    }

    /// There is no queue in which a case could be offered: it is looked for again. `true`: that is to be said.
    pub fn no_queue(&mut self, at: Time, case: u64, priority: u8) -> bool {
        self.want(at, case, priority);
        self.without.insert(case)
    }

    /// The next one for which there is a place: it is to be [made](Offers::made) or wanted anew.
    pub fn next(&mut self, now: Time) -> Option<u64> {
        while let Some((_, case)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.pop_first();
            if let Some((priority, stage)) = self.of.get_mut(&case) {
                *stage = Stage::Ready;
                self.ready.insert((Reverse(*priority), case));
            }
        }
        if self.made.len() >= MOST_AT_ONCE {
            return None;
        }
        let (_, case) = self.ready.pop_first()?;
        self.of.remove(&case);
        Some(case)
    }

    /// It waits in a queue under this call.
    pub fn made(&mut self, case: u64, priority: u8, call: CallId) {
        self.without.remove(&case);
        self.of.insert(case, (priority, Stage::Made(call, false)));
        self.made.insert(call, case);
    }

    /// The case that waits in a queue under this call.
    pub fn case_of(&self, call: CallId) -> Option<u64> {
        self.made.get(&call).copied()
    }

    /// Whether it is settled though an agent may be with it.
    pub fn is_settled(&self, call: CallId) -> bool {
        let stage = self.made.get(&call).and_then(|case| self.of.get(case));
        matches!(stage, Some((_, Stage::Made(_, true))))
    }

    /// It has left its queue; the case, and its priority, where it is not settled.
    pub fn left(&mut self, call: CallId) -> Option<(u64, u8)> {
        let case = self.made.remove(&call)?;
        match self.of.remove(&case)? {
            (priority, Stage::Made(_, false)) => Some((case, priority)),
            _ => None,
        }
    }

    /// Somebody talks with the home, or the case is closed: under which call it waits in a queue still.
    pub fn settle(&mut self, case: u64) -> Option<CallId> {
        self.without.remove(&case);
        let (priority, stage) = self.of.get(&case).copied()?;
        match stage {
            Stage::Due(at) => _ = self.due.remove(&(at, case)),
            Stage::Ready => _ = self.ready.remove(&(Reverse(priority), case)),
            Stage::Made(call, _) => {
                self.of.insert(case, (priority, Stage::Made(call, true)));
                return Some(call);
            }
        }
        self.of.remove(&case);
        None
    }

    /// Cases about which nobody has talked in time; each once.
    pub fn late(&mut self, now: Time) -> Vec<u64> {
        let mut late = Vec::new();
        while let Some((_, case)) = self.late.first().copied().filter(|(at, _)| *at <= now) {
            self.late.pop_first();
            let settled = matches!(self.of.get(&case), None | Some((_, Stage::Made(_, true))));
            if !settled {
                late.push(case);
            }
        }
        late
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain(self.late.first().map(|(at, _)| *at)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    fn call(n: u64) -> CallId {
        CallId::new(Wall(0), n)
    }

    #[test]
    fn the_gravest_comes_first_and_who_is_not_reached_comes_again() {
        let mut offers = Offers::default();
        offers.want(at(0), 1, 0);
        offers.want(at(0), 2, 9);
        offers.want(at(50), 3, 9);
        offers.talk_by(at(60), 2);
        assert_eq!(offers.next(at(0)), Some(2));
        offers.made(2, 9, call(2));
        assert_eq!(offers.next(at(0)), Some(1));
        offers.made(1, 0, call(1));
        assert_eq!((offers.next(at(49)), offers.next_wake()), (None, Some(at(50))));
        assert_eq!(offers.left(call(2)), Some((2, 9)), "nobody was reached");
        offers.want(at(100), 2, 9);
        assert_eq!((offers.late(at(59)), offers.late(at(60))), (vec![], vec![2]));
        assert_eq!(offers.settle(1), Some(call(1)), "it is to be taken out of its queue");
        assert!(offers.is_settled(call(1)));
        assert_eq!(offers.left(call(1)), None, "and does not come again");
        assert_eq!(offers.settle(2), None);
        assert_eq!((offers.next(at(200)), offers.next(at(200))), (Some(3), None));
    }

    /// Where there is no queue it is wanted on, so that it is told as any; once it is said.
    #[test]
    fn what_no_queue_has_is_wanted_on() {
        let mut offers = Offers::default();
        offers.want(at(0), 1, 0);
        offers.talk_by(at(60), 1);
        assert_eq!(offers.next(at(0)), Some(1));
        assert!(offers.no_queue(at(50), 1, 0));
        assert_eq!((offers.next(at(49)), offers.next(at(50))), (None, Some(1)));
        assert!(!offers.no_queue(at(100), 1, 0));
        assert_eq!(offers.late(at(60)), [1]);
        assert_eq!(offers.next(at(100)), Some(1));
        offers.made(1, 0, call(1));
        assert_eq!((offers.settle(1), offers.without.len()), (Some(call(1)), 0));
    }

    #[test]
    fn no_more_at_once_than_a_queue_is_to_hold() {
        let mut offers = Offers::default();
        for case in 0..100 {
            offers.want(at(0), case, 0);
        }
        let mut now = Vec::new();
        while let Some(case) = offers.next(at(0)) {
            offers.made(case, 0, call(case));
            now.push(case);
        }
        assert_eq!(now.len(), MOST_AT_ONCE);
        assert_eq!(offers.next_wake(), None, "it waits for a place, and not for a time");
        offers.left(call(0));
        assert_eq!(offers.next(at(1)), Some(30));
    }

    proptest! {
        /// Whatever happens, none is lost but by being settled, and none is offered twice at once.
        #[test]
        fn each_is_somewhere_once(steps in proptest::collection::vec((0u8..5, 0u64..6), 0..200)) {
            let (mut offers, mut wanted, mut n) = (Offers::default(), BTreeSet::new(), 100);
            for (second, (what, case)) in steps.into_iter().enumerate() {
                let now = at(second as u64);
                match what {
                    0 => {
                        offers.want(now, case, case as u8);
                        wanted.insert(case);
                    }
                    1 => {
                        offers.settle(case);
                        wanted.remove(&case);
                    }
                    2 => if let Some(case) = offers.next(now) {
                        prop_assert!(wanted.contains(&case));
                        n += 1;
                        offers.made(case, case as u8, call(n));
                    },
                    _ => {
                        let made = offers.made.iter().next().map(|(call, _)| *call);
                        if let Some((case, priority)) = made.and_then(|call| offers.left(call)) {
                            offers.want(now, case, priority);
                        }
                    }
                }
                let live = |stage: &Stage| !matches!(stage, Stage::Made(_, true));
                let all: BTreeSet<u64> =
                    offers.of.iter().filter(|(_, (_, s))| live(s)).map(|(case, _)| *case).collect();
                prop_assert_eq!(&all, &wanted);
            }
        }
    }
}
