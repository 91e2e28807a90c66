//! Reaching somebody: groups of targets tried in turn, the targets of one group at once.
//!
//! ```text
//!  next_group ──▶ targets rung together ──▶ first answer: Won, the others are cancelled
//!                        │ all failed, or the group's time is over
//!                        ▼
//!                  next group … none left: Lost, with the failure that says most
//! ```
//!
//! A leg that answered may still have to be asked whether somebody is there who takes the call (an agent's
//! mobile, at which a voice mail answers too): it is rung until [`Dialling::answered`] says that one is.
//! While one is asked the group's time does not end.
//!
//! Generic over the target: what a target is (a phone with three contacts, a gateway's channel) is
//! the switch's to expand into legs; a target that gives no leg at all is [`Dialling::refused`].

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::base::{Duration, LegId, Time};
use crate::wire::q850::Cause;

/// Why one attempt, and in the end the whole, did not lead to an answer. In the order of how much
/// it tells the caller: a phone that rang unanswered outweighs a busy one, a busy one a fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Why {
    /// Out of reach: not registered, no channel, network fault, an unknown number.
    Failed,
    /// The party declined.
    Rejected,
    /// The party is busy.
    Busy,
    /// It rang and nobody answered in time.
    NoAnswer,
}

/// A failed attempt: the outcome with the codes behind it, both kept for the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// The outcome as the plan branches on it.
    pub why: Why,
    /// The SIP status that said so; 0: none was received.
    pub status: u16,
    /// The Q.850 cause, from a Reason header or mapped from the status.
    pub cause: Cause,
}

/// What follows from an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Others are still rung: nothing to do.
    Wait,
    /// This group is through: cancel these and ask for [`Dialling::next_group`].
    Next {
        /// Legs that still ring.
        cancel: Vec<LegId>,
    },
    /// These have not confirmed in time, others are still rung: cancel them.
    Fewer {
        /// Who was asked in vain.
        cancel: Vec<LegId>,
    },
    /// `leg` has it: cancel the rest.
    Won {
        /// Who answered.
        leg: LegId,
        /// Who did not.
        cancel: Vec<LegId>,
    },
    /// The leg is none of ours any more (answered after the end, a late failure): clear it.
    Stray,
}

/// One dial step of a plan, while it lasts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Dialling<T> {
    groups: VecDeque<Vec<T>>,
    ring_time: Duration,
    /// The legs of the present group that still ring or are asked.
    ringing: Vec<LegId>,
    /// Those of them that are asked whether they take the call, and until when.
    #[serde(default)]
    asked: Vec<(LegId, Time)>,
    /// Those that ring for less than the group's time, and until when.
    #[serde(default)]
    brief: Vec<(LegId, Time)>,
    deadline: Time,
    worst: Option<Failure>,
    won: bool,
}

impl<T> Dialling<T> {
    /// `groups` in turn, each for at most `ring_time`.
    pub fn new(groups: Vec<Vec<T>>, ring_time: Duration) -> Dialling<T> {
        Dialling {
            groups: groups.into(),
            ring_time,
            ringing: Vec::new(),
            asked: Vec::new(),
            brief: Vec::new(),
            deadline: Time::NEVER,
            worst: None,
            won: false,
        }
    }

    /// Begins the next group, or tells with what failure the whole has ended. The caller reports
    /// each leg that it makes of a target by [`Self::attempt`], each target without one by
    /// [`Self::refused`], and then asks [`Self::settled`].
    pub fn next_group(&mut self, now: Time) -> Result<Vec<T>, Failure> {
        self.ringing.clear();
        self.asked.clear();
        self.brief.clear();
        match self.groups.pop_front() {
            Some(targets) => {
                self.deadline = now + self.ring_time;
                Ok(targets)
            }
            None => {
                self.deadline = Time::NEVER;
                Err(self.failure())
            }
        }
    }

    /// Whether the present group's time is over at `now`, with nobody who is still asked.
    pub fn is_over(&self, now: Time) -> bool {
        self.asked.is_empty() && now >= self.deadline
    }

    /// When the present group's time is over.
    pub fn group_until(&self) -> Time {
        self.deadline
    }

    /// These are tried next, before the groups that wait.
    pub fn insert(&mut self, group: Vec<T>) {
        self.groups.push_front(group);
    }

    /// `leg` is being tried.
    pub fn attempt(&mut self, leg: LegId) {
        self.ringing.push(leg);
    }
    /// `leg`, which is being tried, is not rung longer than until then.
    pub fn rings_until(&mut self, leg: LegId, until: Time) {
        self.brief.push((leg, until));
    }
    /// Whether `leg` is one of those that are rung now.
    pub fn rings(&self, leg: LegId) -> bool {
        self.ringing.contains(&leg)
    }
    /// A target could not even be tried.
    pub fn refused(&mut self, failure: Failure) {
        self.note(failure);
    }
    /// After a group was begun: `Next` when none of its targets gave a leg.
    pub fn settled(&self) -> Step {
        if self.ringing.is_empty() && !self.won {
            Step::Next { cancel: Vec::new() }
        } else {
            Step::Wait
        }
    }

    /// `leg` was refused or could not be reached.
    pub fn failed(&mut self, leg: LegId, failure: Failure) -> Step {
        let Some(at) = self.ringing.iter().position(|l| *l == leg) else { return Step::Stray };
        self.ringing.swap_remove(at);
        self.asked.retain(|(asked, _)| *asked != leg);
        self.brief.retain(|(brief, _)| *brief != leg);
        self.note(failure);
        self.settled()
    }

    /// `leg` was answered, and is asked until then whether it takes the call. `false`: it is not rung.
    pub fn asked(&mut self, leg: LegId, until: Time) -> bool {
        let rings = !self.won && self.rings(leg);
        if rings {
            self.brief.retain(|(brief, _)| *brief != leg);
            self.asked.push((leg, until));
        }
        rings
    }

    /// `leg` was answered, by somebody who takes the call.
    pub fn answered(&mut self, leg: LegId) -> Step {
        if self.won || !self.ringing.contains(&leg) {
            return Step::Stray;
        }
        self.won = true;
        self.deadline = Time::NEVER;
        self.asked.clear();
        self.brief.clear();
        let cancel = self.ringing.drain(..).filter(|l| *l != leg).collect();
        Step::Won { leg, cancel }
    }

    /// When to come with [`Self::wake`]: the group's time is over, unless somebody answers; or that of
    /// one who is asked, or rings for less.
    pub fn deadline(&self) -> Time {
        let group = self.asked.iter().map(|(_, until)| *until).min().unwrap_or(self.deadline);
        self.brief.iter().map(|(_, until)| *until).fold(group, Time::min)
    }

    /// It is `now`: ends the legs whose own time is over, and the group when its is.
    pub fn wake(&mut self, now: Time) -> Step {
        if now < self.deadline() {
            return Step::Wait;
        }
        let lapsed = |asked: &mut (LegId, Time)| asked.1 <= now;
        let mut cancel: Vec<LegId> =
            self.asked.extract_if(.., lapsed).map(|(leg, _)| leg).collect();
        cancel.extend(self.brief.extract_if(.., lapsed).map(|(leg, _)| leg));
        self.ringing.retain(|leg| !cancel.contains(leg));
        if !cancel.is_empty() || self.asked.is_empty() {
            self.note(Failure { why: Why::NoAnswer, status: 0, cause: Cause::NO_ANSWER });
        }
        let over = self.asked.is_empty() && now >= self.deadline;
        if !self.ringing.is_empty() && !over {
            return Step::Fewer { cancel };
        }
        cancel.append(&mut self.ringing);
        Step::Next { cancel }
    }

    /// The caller gave up, or the plan went elsewhere: these are to be cancelled.
    pub fn abandon(&mut self) -> Vec<LegId> {
        self.groups.clear();
        self.asked.clear();
        self.brief.clear();
        self.deadline = Time::NEVER;
        core::mem::take(&mut self.ringing)
    }

    fn note(&mut self, failure: Failure) {
        if self.worst.is_none_or(|w| failure.why >= w.why) {
            self.worst = Some(failure);
        }
    }
    /// What to tell when nobody answered; an empty dial is a fault of the plan.
    fn failure(&self) -> Failure {
        let empty = Failure { why: Why::Failed, status: 404, cause: Cause::UNALLOCATED_NUMBER };
        self.worst.unwrap_or(empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Failure = Failure { why: Why::Busy, status: 486, cause: Cause::USER_BUSY };
    const GONE: Failure =
        Failure { why: Why::Failed, status: 404, cause: Cause::UNALLOCATED_NUMBER };
    const A: LegId = LegId(1);
    const B: LegId = LegId(2);

    fn ringing(groups: Vec<Vec<&'static str>>) -> Dialling<&'static str> {
        let mut d = Dialling::new(groups, Duration::from_secs(20));
        for (n, _) in d.next_group(Time::ZERO).unwrap().iter().enumerate() {
            d.attempt(LegId(n as u64 + 1));
        }
        assert_eq!(d.settled(), Step::Wait);
        d
    }

    #[test]
    fn one_that_rings_for_less_ends_alone() {
        let at = Time::from_millis;
        let mut d = ringing(vec![vec!["a", "b"], vec!["c"]]);
        d.rings_until(B, at(4_000));
        assert_eq!((d.deadline(), d.wake(at(3_999))), (at(4_000), Step::Wait));
        assert_eq!(d.wake(at(4_000)), Step::Fewer { cancel: vec![B] });
        assert_eq!((d.answered(B), d.deadline()), (Step::Stray, at(20_000)));
        assert_eq!(d.wake(at(20_000)), Step::Next { cancel: vec![A] });
        let mut alone = ringing(vec![vec!["a"], vec!["c"]]);
        alone.rings_until(A, at(4_000));
        assert_eq!(alone.wake(at(4_000)), Step::Next { cancel: vec![A] }, "nobody is left");
        let mut d = ringing(vec![vec!["a", "b"]]);
        d.rings_until(B, at(4_000));
        assert_eq!(d.failed(B, BUSY), Step::Wait);
        assert_eq!(d.deadline(), at(20_000));
    }

    #[test]
    fn the_first_answer_wins_and_the_second_is_stray() {
        let mut d = ringing(vec![vec!["a", "b"], vec!["c"]]);
        assert_eq!(d.answered(B), Step::Won { leg: B, cancel: vec![A] });
        assert_eq!(d.answered(A), Step::Stray);
        assert_eq!(d.failed(A, BUSY), Step::Stray);
        assert_eq!(d.wake(Time::from_millis(60_000)), Step::Wait);
    }

    #[test]
    fn groups_follow_each_other_and_busy_outweighs_a_fault() {
        let mut d = ringing(vec![vec!["a", "b"], vec!["c"]]);
        assert_eq!(d.failed(A, BUSY), Step::Wait);
        assert_eq!(d.failed(B, GONE), Step::Next { cancel: vec![] });
        assert_eq!(d.next_group(Time::ZERO), Ok(vec!["c"]));
        d.refused(GONE);
        assert_eq!(d.settled(), Step::Next { cancel: vec![] });
        assert_eq!(d.next_group(Time::ZERO), Err(BUSY));
    }

    #[test]
    fn time_over_cancels_what_rings() {
        let mut d = ringing(vec![vec!["a", "b"]]);
        assert_eq!(d.deadline(), Time::from_millis(20_000));
        assert_eq!(d.wake(Time::from_millis(19_999)), Step::Wait);
        assert_eq!(d.wake(Time::from_millis(20_000)), Step::Next { cancel: vec![A, B] });
        assert_eq!(d.next_group(Time::ZERO).unwrap_err().why, Why::NoAnswer);
    }

    #[test]
    fn whoever_is_asked_has_time_of_its_own_and_wins_by_confirming() {
        let mut d = ringing(vec![vec!["a", "b"]]);
        assert!(d.asked(A, Time::from_millis(30_000)) && !d.asked(LegId(9), Time::ZERO));
        assert_eq!(d.deadline(), Time::from_millis(30_000), "the group waits for it");
        assert_eq!(d.wake(Time::from_millis(20_000)), Step::Wait);
        let mut other = d.clone();
        assert_eq!(d.answered(A), Step::Won { leg: A, cancel: vec![B] });
        assert_eq!(d.deadline(), Time::NEVER);
        assert_eq!(other.wake(Time::from_millis(30_000)), Step::Next { cancel: vec![A, B] });
    }

    #[test]
    fn who_does_not_confirm_leaves_the_others_ringing() {
        let mut d = ringing(vec![vec!["a", "b"]]);
        d.asked(A, Time::from_millis(15_000));
        assert_eq!(d.wake(Time::from_millis(15_000)), Step::Fewer { cancel: vec![A] });
        assert_eq!((d.answered(A), d.deadline()), (Step::Stray, Time::from_millis(20_000)));
        let mut alone = d.clone();
        assert_eq!(d.answered(B), Step::Won { leg: B, cancel: vec![] });
        // The last one that is asked ends the group at once, and so does one who hangs up.
        alone.asked(B, Time::from_millis(18_000));
        let mut hangs_up = alone.clone();
        assert_eq!(alone.wake(Time::from_millis(18_000)), Step::Next { cancel: vec![B] });
        assert_eq!(alone.next_group(Time::ZERO).unwrap_err().why, Why::NoAnswer);
        assert_eq!(hangs_up.failed(B, BUSY), Step::Next { cancel: vec![] });
    }

    #[test]
    fn an_empty_dial_fails() {
        let mut d = Dialling::<()>::new(vec![], Duration::from_secs(1));
        assert_eq!(d.next_group(Time::ZERO).unwrap_err(), GONE);
    }

    #[test]
    fn abandoning_leaves_nothing_to_win() {
        let mut d = ringing(vec![vec!["a", "b"], vec!["c"]]);
        assert_eq!(d.abandon(), vec![A, B]);
        assert_eq!(d.answered(A), Step::Stray);
        assert!(d.next_group(Time::ZERO).is_err());
    }
}
