//! Call-progress tones: what they are ([`Plan`]), each country's ([`plan()`]), and their sound
//! ([`Generator`]).
//!
//! On the path: the switch names a tone, the media player makes its samples on the sample path.
//! DTMF digits are plans too ([`dtmf`](super::dtmf)). Not here: detection of tones.

mod country;
mod generator;
mod plan;

pub use country::{Kind, countries, plan};
pub use generator::Generator;
pub use plan::{
    LONGEST_MS, MAX_PARTIALS, MAX_SEGMENTS, Partial, Plan, PlanError, PlanFault, Repeat, Segment,
};
