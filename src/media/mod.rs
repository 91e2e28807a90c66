//! Floor 2: one leg, one bridge, one worker's whole plane of them, without threads.

pub mod control;
pub mod tap;
pub mod latch;
