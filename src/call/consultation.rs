//! A consultation by keys: a phone in a talk asks a third party, and then joins, returns or hands over (R2).
//!
//! ```text
//!             *2 number #                  answers            *2                 *3
//!   asker ── first ────────▶ Reaching ──────────▶ WithThird ◀───▶ WithFirst   either ◀──▶ All
//!              ▲  first waits │ nobody, *0          │ *0, third goes │                      │
//!              └──────────────┴─────────────────────┴────────────────┴──────────────────────┘
//!
//!   *1, or the asker goes: first and third go on    first goes: asker and third go on
//!   the same while third is only rung: first is sent on to the number
//! ```
//!
//! Says who is with whom; knows no audio, no plan and no SIP. A three-way call (`*3` number `#`) is the same,
//! but that all three hear each other once the third answers; any one of them may leave.

use serde::{Deserialize, Serialize};

use crate::base::LegId;

/// Whom the asker hears.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum With {
    /// Nobody yet: the third is rung, or a plan speaks. The first waits.
    Reaching,
    /// The third; the first waits.
    Third,
    /// The first; the third waits.
    First,
    /// Both, and they hear each other.
    All,
}

/// A consultation under way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consultation {
    /// Who asks.
    pub asker: LegId,
    /// Whom it talked with before.
    pub first: LegId,
    /// Whom it asks, once that one has answered.
    pub third: Option<LegId>,
    /// Whom it hears now.
    pub with: With,
    /// All are to be together as soon as the third answers.
    three_way: bool,
}

/// What the asker presses meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Key {
    /// To the other one.
    Swap,
    /// The two others go on without the asker.
    Complete,
    /// Back to the first; the third is let go.
    Return,
    /// All together, or apart again.
    Together,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// Nothing.
    Stay,
    /// The asker hears these from now on.
    Turn(With),
    /// Over: first and third talk, the asker goes.
    HandOver(LegId),
    /// Over: the first goes on to the number that was dialled, the asker goes.
    SendOn,
    /// Over: asker and first talk, whoever was asked goes.
    Return,
    /// Over: the first has gone, asker and third go on.
    Alone,
}

/// What becomes of a step of the asker's plan that is not to be done meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instead {
    /// The queue is closed: whoever waits in one waits for an agent, and the first waits already.
    Closed,
    /// Nothing: what is recorded is the talk that waits.
    Nothing,
}

/// A step of a plan that concerns more than the asker and whom it asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Into a queue, or whether it has room.
    Queue,
    /// The recording begins, pauses, goes on or ends.
    Record,
}

/// What comes of such a step of the asker's plan.
pub fn instead(step: Step) -> Instead {
    match step {
        Step::Queue => Instead::Closed,
        Step::Record => Instead::Nothing,
    }
}

impl Consultation {
    /// `asker` has put `first` aside and reaches for somebody.
    pub fn begin(asker: LegId, first: LegId, three_way: bool) -> Consultation {
        Consultation { asker, first, third: None, with: With::Reaching, three_way }
    }

    /// The asker had the two on lines of its own: from now on all three hear each other.
    pub fn together(asker: LegId, first: LegId, third: LegId) -> Consultation {
        Consultation { asker, first, third: Some(third), with: With::All, three_way: true }
    }

    /// Somebody answered the asker.
    pub fn answered(&mut self, third: LegId) -> Move {
        if self.with != With::Reaching {
            return Move::Stay;
        }
        self.third = Some(third);
        self.turn(if self.three_way { With::All } else { With::Third })
    }

    /// The asker presses a key.
    pub fn key(&mut self, key: Key) -> Move {
        match (key, self.with, self.third) {
            (Key::Return, ..) => Move::Return,
            (Key::Complete, _, Some(third)) => Move::HandOver(third),
            (Key::Complete, _, None) => Move::SendOn,
            (_, With::Reaching, _) | (Key::Swap, With::All, _) => Move::Stay,
            (Key::Swap, With::Third, _) => self.turn(With::First),
            (Key::Swap, With::First, _) | (Key::Together, With::All, _) => self.turn(With::Third),
            (Key::Together, ..) => self.turn(With::All),
        }
    }

    /// A party has gone.
    pub fn gone(&self, leg: LegId) -> Move {
        match self.third {
            Some(third) if leg == self.asker => Move::HandOver(third),
            None if leg == self.asker => Move::SendOn,
            _ if leg == self.first => Move::Alone,
            Some(third) if leg == third => Move::Return,
            _ => Move::Stay,
        }
    }

    /// Whether the plan runs for the asker: else for whom it served before.
    pub fn is_aside(&self) -> bool {
        matches!(self.with, With::Reaching | With::Third)
    }

    fn turn(&mut self, with: With) -> Move {
        self.with = with;
        Move::Turn(with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKER: LegId = LegId(2);
    const FIRST: LegId = LegId(1);
    const THIRD: LegId = LegId(3);

    #[test]
    fn the_third_is_asked_and_the_first_handed_over() {
        let mut c = Consultation::begin(ASKER, FIRST, false);
        assert_eq!(c.key(Key::Swap), Move::Stay, "nobody has answered");
        assert_eq!(c.key(Key::Complete), Move::SendOn);
        assert_eq!(c.answered(THIRD), Move::Turn(With::Third));
        assert_eq!(c.answered(LegId(9)), Move::Stay);
        assert_eq!(c.key(Key::Swap), Move::Turn(With::First));
        assert_eq!(c.key(Key::Swap), Move::Turn(With::Third));
        assert_eq!(c.key(Key::Together), Move::Turn(With::All));
        assert_eq!(c.key(Key::Swap), Move::Stay, "all hear each other");
        assert_eq!(c.key(Key::Together), Move::Turn(With::Third));
        assert_eq!(c.key(Key::Complete), Move::HandOver(THIRD));
    }

    #[test]
    fn any_one_may_leave() {
        let mut c = Consultation::begin(ASKER, FIRST, true);
        assert_eq!(c.gone(ASKER), Move::SendOn);
        assert_eq!(c.gone(FIRST), Move::Alone);
        assert_eq!(c.gone(THIRD), Move::Stay, "one of many that were rung");
        assert_eq!(c.answered(THIRD), Move::Turn(With::All));
        assert_eq!(c.gone(ASKER), Move::HandOver(THIRD));
        assert_eq!(c.gone(FIRST), Move::Alone);
        assert_eq!(c.gone(THIRD), Move::Return);
        assert_eq!(c.gone(LegId(7)), Move::Stay);
    }

    #[test]
    fn three_of_two_calls_are_together_and_may_part_as_others() {
        let mut c = Consultation::together(ASKER, FIRST, THIRD);
        assert_eq!((c.with, c.is_aside()), (With::All, false));
        assert_eq!(c.answered(LegId(9)), Move::Stay);
        assert_eq!(c.gone(ASKER), Move::HandOver(THIRD));
        assert_eq!(c.gone(FIRST), Move::Alone);
        assert_eq!(c.key(Key::Together), Move::Turn(With::Third));
    }

    proptest! {
        /// Whatever is pressed, nobody is heard before he answered, and the third never changes.
        #[test]
        fn who_is_heard_has_answered(three_way: bool, steps in prop::collection::vec(0u8..6, 0..40)) {
            let mut c = Consultation::begin(ASKER, FIRST, three_way);
            for step in steps {
                let moved = match step {
                    0 => c.key(Key::Swap),
                    1 => c.key(Key::Complete),
                    2 => c.key(Key::Return),
                    3 => c.key(Key::Together),
                    4 => c.answered(THIRD),
                    _ => c.gone(ASKER),
                };
                prop_assert_eq!(c.third.is_none(), c.with == With::Reaching);
                if let Move::HandOver(third) = moved {
                    prop_assert_eq!(c.third, Some(third));
                }
            }
        }
    }
}
