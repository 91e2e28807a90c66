//! Call-progress tones: what they are ([`Plan`]), each country's ([`plan()`]), and their sound
//! ([`Generator`]); and which one a network plays ([`Detector`]).
//!
//! On the path: the switch names a tone, the media player makes its samples on the sample path.
//! DTMF digits are plans too ([`dtmf`](super::dtmf)).

mod country;
mod detect;
mod generator;
mod plan;

pub use country::{Kind, countries, plan};
pub use detect::Detector;
pub use generator::Generator;
pub use plan::{
    LONGEST_MS, MAX_PARTIALS, MAX_SEGMENTS, Partial, Plan, PlanError, PlanFault, Repeat, Segment,
};
