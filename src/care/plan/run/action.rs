//! What a running plan asks for, and what a person orders it to do.

use super::super::Channel;
use super::{Event, Person};
use crate::base::Duration;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// To be written down, before what follows.
    Write {
        /// The case.
        case: u64,
        /// Whose.
        account: String,
        /// Of which plan.
        plan: String,
        /// Of which step; empty: of none.
        step: String,
        /// What.
        event: Event,
    },
    /// Call somebody.
    Call {
        /// The case.
        case: u64,
        /// Whose.
        account: String,
        /// Who.
        person: Person,
        /// Of which plan and step.
        of: [String; 2],
        /// What is said.
        say: String,
        /// How long it rings.
        ring: Duration,
    },
    /// Who is being called and has not taken it on is called off.
    Drop {
        /// The case.
        case: u64,
        /// The number.
        number: String,
    },
    /// Somebody takes it on: bring the home's call and this one together.
    Join {
        /// The case.
        case: u64,
    },
    /// Send the subscriber's sheet.
    Send {
        /// The case.
        case: u64,
        /// To which resource.
        to: String,
        /// How.
        by: Channel,
    },
}

/// What a person orders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// End it.
    Stop,
    /// Go on with this step, from 1.
    Step(usize),
    /// Go on with the next.
    Skip,
}
