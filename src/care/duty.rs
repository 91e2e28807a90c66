//! Phones on duty: rung for a case that brings no call, where no agent has it, until somebody takes it on (R10).
//!
//! ```text
//!  no agent is there: at once; there is one: after its time ─▶ due ─▶ ready ─▶ a round: all phones ring
//!                                                               ▲               │ nobody took it on: a pause
//!                                                               └───────────────┤
//!                             taken on by a key; talked with, closed: no more ◀─┘
//! ```
//!
//! One case at a time: who is rung for two would hear of one. The gravest comes first; in its pause the others have their
//! turn. What still rings of a round that is over has a moment to fall silent, so that those phones ring in the next one too. Not here: which numbers these are, what is said, how the home is called.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, Duration, Time};

/// Phones that are rung at once.
pub const MOST_PHONES: usize = 30;
/// From a round in which nobody took the case on to its next.
const PAUSE: Duration = Duration::from_secs(20);
/// The same, after [`SOON`] rounds: a night long it is rung all the same.
const SLOWLY: Duration = Duration::from_secs(120);
/// Rounds that follow each other soon.
const SOON: u32 = 15;

/// So long the next round waits for calls of the last one, which end: a phone that does not answer that in time is left out.
const FALLS_SILENT: Duration = Duration::from_secs(2);

/// A case that wants somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Wanted {
    priority: u8,
    rounds: u32,
    /// Not before this; none: it is ready.
    due: Option<Time>,
}

/// All phones ring for one case.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Round {
    case: u64,
    priority: u8,
    rounds: u32,
    calls: BTreeSet<CallId>,
}

/// All of them: at most one entry for each open case.
#[derive(Debug, Default)]
pub struct Duty {
    wanted: BTreeMap<u64, Wanted>,
    due: BTreeSet<(Time, u64)>,
    ready: BTreeSet<(Reverse<u8>, u64)>,
    round: Option<Round>,
    /// Calls of rounds that are over, about to end: [`MOST_PHONES`] of each round within [`FALLS_SILENT`].
    ending: BTreeSet<CallId>,
    /// They are waited for until then.
    ending_until: Time,
    /// Cases that somebody has taken on: nobody is rung for them until there is a new alarm.
    taken: BTreeSet<u64>,
}

impl Duty {
    /// A case of this priority wants somebody, not before `at`; one that does already does at the earlier time.
    pub fn want(&mut self, at: Time, case: u64, priority: u8) {
        let rung = self.round.as_ref().is_some_and(|round| round.case == case);
        if rung || self.taken.contains(&case) {
            return;
        }
        let rounds = match self.wanted.get(&case) {
            Some(Wanted { due: None, .. }) => return,
            Some(Wanted { due: Some(before), .. }) if *before <= at => return,
            Some(Wanted { due: Some(before), rounds, .. }) => {
                self.due.remove(&(*before, case));
                *rounds
            }
            None => 0,
        };
        self.put(at, case, priority, rounds);
    }

    fn put(&mut self, at: Time, case: u64, priority: u8, rounds: u32) {
        self.wanted.insert(case, Wanted { priority, rounds, due: Some(at) });
        self.due.insert((at, case));
    }

    /// The case for which the phones are to ring now, and the how manieth time: [`rings`](Duty::rings) for each that does,
    /// then [`begun`](Duty::begun).
    pub fn next(&mut self, now: Time) -> Option<(u64, u32)> {
        while let Some((_, case)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.pop_first();
            if let Some(wanted) = self.wanted.get_mut(&case) {
                wanted.due = None;
                self.ready.insert((Reverse(wanted.priority), case));
            }
        }
        if now >= self.ending_until {
            self.ending.clear();
        }
        if self.round.is_some() || !self.ending.is_empty() {
            return None;
        }
        let (_, case) = self.ready.pop_first()?;
        let Wanted { priority, rounds, .. } = self.wanted.remove(&case)?;
        let rounds = rounds.saturating_add(1);
        self.round = Some(Round { case, priority, rounds, calls: BTreeSet::new() });
        Some((case, rounds))
    }

    /// A phone rings by this call.
    pub fn rings(&mut self, call: CallId) {
        if let Some(round) = &mut self.round {
            round.calls.insert(call);
        }
    }

    /// All phones that can be are rung. `false`: none is, and the case comes again after the pause.
    pub fn begun(&mut self, now: Time) -> bool {
        let any = self.round.as_ref().is_some_and(|round| !round.calls.is_empty());
        if !any {
            self.again(now);
        }
        any
    }

    /// A call is over. The case comes again when it was the last of its round.
    pub fn over(&mut self, now: Time, call: CallId) {
        self.ending.remove(&call);
        let Some(round) = &mut self.round else { return };
        if round.calls.remove(&call) && round.calls.is_empty() {
            self.again(now);
        }
    }

    fn again(&mut self, now: Time) {
        if let Some(Round { case, priority, rounds, .. }) = self.round.take() {
            let pause = if rounds < SOON { PAUSE } else { SLOWLY };
            self.put(now + pause, case, priority, rounds);
        }
    }

    /// Who has this call takes the case on; the other calls of its round are to end. `None`: somebody has before.
    pub fn accept(&mut self, now: Time, call: CallId) -> Option<(u64, BTreeSet<CallId>)> {
        let mut round = self.round.take_if(|round| round.calls.contains(&call))?;
        round.calls.remove(&call);
        self.taken.insert(round.case);
        self.end(now, &round.calls);
        Some((round.case, round.calls))
    }

    fn end(&mut self, now: Time, calls: &BTreeSet<CallId>) {
        if !calls.is_empty() {
            self.ending.extend(calls);
            self.ending_until = now + FALLS_SILENT;
        }
    }

    /// Whether the phones are rung for a case, or will be; or somebody on duty has taken it on.
    pub fn has(&self, case: u64) -> bool {
        let rung = self.round.as_ref().is_some_and(|round| round.case == case);
        rung || self.wanted.contains_key(&case) || self.taken.contains(&case)
    }

    /// Whether somebody on duty has taken a case on.
    pub fn is_taken(&self, case: u64) -> bool {
        self.taken.contains(&case)
    }

    /// A new alarm of the case: who took the last one on may not know of it.
    pub fn anew(&mut self, case: u64) {
        self.taken.remove(&case);
    }

    /// The calls by which phones are rung for a case, or have answered.
    pub fn calls_of(&self, case: u64) -> impl Iterator<Item = CallId> {
        let round = self.round.iter().filter(move |round| round.case == case);
        round.flat_map(|round| round.calls.iter().copied())
    }

    /// Somebody else has the case now: the calls that are to end. Who `stays` may take it on still.
    pub fn release(&mut self, now: Time, case: u64, stays: &BTreeSet<CallId>) -> BTreeSet<CallId> {
        if let Some(Wanted { priority, due, .. }) = self.wanted.remove(&case) {
            match due {
                Some(at) => self.due.remove(&(at, case)),
                None => self.ready.remove(&(Reverse(priority), case)),
            };
        }
        let Some(round) = self.round.as_mut().filter(|round| round.case == case) else {
            return BTreeSet::new();
        };
        let (stay, calls) =
            std::mem::take(&mut round.calls).into_iter().partition(|own| stays.contains(own));
        round.calls = stay;
        self.round.take_if(|round| round.calls.is_empty());
        self.end(now, &calls);
        calls
    }

    /// Somebody talks with the home, or the case is closed: nothing more is kept of it. The calls that are to end.
    pub fn settle(&mut self, now: Time, case: u64) -> BTreeSet<CallId> {
        self.taken.remove(&case);
        self.release(now, case, &BTreeSet::new())
    }

    /// When something is due.
    pub fn next_wake(&self) -> Option<Time> {
        let silent = !self.ending.is_empty() && !self.ready.is_empty();
        let due = self.due.first().map(|(at, _)| *at);
        due.into_iter().chain(silent.then_some(self.ending_until)).min()
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

    /// The gravest first; in its pause the other has its turn; who takes it on ends what rings beside.
    #[test]
    fn phones_ring_for_one_case_at_a_time_until_it_is_taken_on() {
        let mut duty = Duty::default();
        duty.want(at(0), 1, 0);
        duty.want(at(0), 2, 9);
        assert_eq!(duty.next(at(0)), Some((2, 1)));
        duty.rings(call(1));
        duty.rings(call(2));
        assert!(duty.begun(at(0)));
        assert_eq!(duty.next(at(10)), None, "one at a time");
        duty.over(at(30), call(1));
        assert_eq!(duty.next(at(30)), None);
        duty.over(at(30), call(2));
        assert_eq!(duty.next(at(30)), Some((1, 1)), "in the pause of the other");
        duty.rings(call(3));
        duty.rings(call(4));
        duty.begun(at(30));
        assert_eq!(duty.accept(at(31), call(1)), None, "that round is over");
        assert_eq!(duty.accept(at(31), call(3)), Some((1, [call(4)].into())));
        duty.over(at(40), call(4));
        duty.want(at(40), 1, 0);
        assert_eq!((duty.next(at(49)), duty.next_wake()), (None, Some(at(50))), "taken on");
        assert_eq!(duty.next(at(50)), Some((2, 2)));
        assert!(!duty.begun(at(50)), "no phone is there");
        duty.anew(1);
        duty.want(at(51), 1, 0);
        assert_eq!(duty.next(at(51)), Some((1, 1)), "a new alarm");
        assert_eq!(duty.settle(at(51), 1), BTreeSet::new());
        assert_eq!(duty.settle(at(51), 2), BTreeSet::new());
        assert_eq!((duty.next(at(900)), duty.next_wake()), (None, None));
    }

    /// What is called off has a moment to fall silent; a phone that does not is not waited for.
    #[test]
    fn the_next_round_waits_for_what_is_called_off() {
        let mut duty = Duty::default();
        let round = |duty: &mut Duty, now, case, calls: [u64; 2]| {
            assert_eq!(duty.next(now).map(|(case, _)| case), Some(case));
            calls.into_iter().for_each(|n| duty.rings(call(n)));
            assert!(duty.begun(now));
        };
        (1..5).for_each(|case| duty.want(at(0), case, 9 - case as u8));
        round(&mut duty, at(0), 1, [1, 2]);
        assert_eq!(duty.accept(at(5), call(1)), Some((1, [call(2)].into())));
        assert_eq!((duty.next(at(5)), duty.next_wake()), (None, Some(at(7))));
        duty.over(at(6), call(2));
        round(&mut duty, at(6), 2, [3, 4]);
        // Its home calls by itself: who has answered hears on, and takes it on or not.
        assert_eq!(duty.release(at(9), 2, &[call(3)].into()), [call(4)].into());
        assert_eq!(duty.calls_of(2).collect::<Vec<_>>(), [call(3)]);
        duty.over(at(9), call(4));
        assert_eq!(duty.next(at(9)), None, "he hears of one");
        duty.settle(at(10), 2);
        assert_eq!(duty.next(at(10)), None);
        duty.ending.insert(call(4));
        duty.over(at(11), call(3));
        assert_eq!((duty.next(at(11)), duty.next_wake()), (None, Some(at(12))));
        round(&mut duty, at(12), 3, [5, 6]);
        duty.over(at(13), call(4));
        assert!(duty.has(3) && duty.has(4) && duty.has(1) && !duty.has(2));
        duty.settle(at(14), 3);
        duty.settle(at(14), 4);
        assert_eq!(duty.next_wake(), None, "nobody waits for that");
        assert_eq!((duty.next(at(20)), duty.ending.len()), (None, 0));
    }

    /// A night long, and not every minute of it.
    #[test]
    fn nobody_is_given_up() {
        let mut duty = Duty::default();
        duty.want(at(0), 1, 0);
        let (mut rounds, mut now) = (0, Time::ZERO);
        while now < at(8 * 3_600) {
            let Some((1, nth)) = duty.next(now) else { panic!("due at {now:?}") };
            rounds = nth;
            duty.rings(call(u64::from(nth)));
            duty.begun(now);
            duty.over(now + Duration::from_secs(30), call(u64::from(nth)));
            now = duty.next_wake().expect("it comes again");
        }
        assert!((150..220).contains(&rounds), "{rounds}");
    }

    proptest! {
        /// Whatever happens: what is wanted is in one place, and comes again unless it is taken on or settled.
        #[test]
        fn each_is_somewhere_once(steps in proptest::collection::vec((0u8..7, 0u64..5), 0..200)) {
            let (mut duty, mut alive, mut n) = (Duty::default(), BTreeSet::new(), 0);
            for (second, (what, case)) in steps.into_iter().enumerate() {
                let now = at(second as u64 * 5);
                let up = duty.round.as_ref().and_then(|round| round.calls.first().copied());
                match what {
                    0 | 1 => {
                        duty.want(now, case, case as u8);
                        if !duty.is_taken(case) { alive.insert(case); }
                    }
                    2 | 3 => if duty.next(now).is_some() {
                        n += 2;
                        if what == 2 { duty.rings(call(n)); duty.rings(call(n + 1)); }
                        duty.begun(now);
                    },
                    4 => if let Some(up) = up { duty.over(now, up) },
                    5 => if let Some((case, _)) = up.and_then(|up| duty.accept(now, up)) {
                        alive.remove(&case);
                    },
                    _ => { duty.settle(now, case); alive.remove(&case); }
                }
                let mut all: BTreeSet<u64> = duty.wanted.keys().copied().collect();
                prop_assert_eq!(duty.due.len() + duty.ready.len(), all.len());
                all.extend(duty.round.as_ref().map(|round| round.case));
                prop_assert_eq!(&all, &alive);
            }
        }
    }
}
