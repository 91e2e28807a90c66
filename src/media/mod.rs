//! Floor 2: one leg, one bridge, one worker's whole plane of them, without threads.

pub mod control;
pub mod latch;
pub mod rtp_rx;
pub mod rtp_tx;
