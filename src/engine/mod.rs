//! Floor 5: the RTP workers.

pub mod address;
pub mod backend;
