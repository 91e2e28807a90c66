//! Floor 1: bytes to values and back. No meaning, no state: what a message asks for is decided
//! above.

pub mod rtp;
pub mod sip;
