//! Floor 2: one leg, one bridge, one worker's whole plane of them, without threads.

pub mod bridge;
pub mod control;
pub mod dtmf_rx;
pub mod dtmf_tx;
pub mod jitter;
pub mod latch;
pub mod mouth;
pub mod negotiate;
pub mod player;
pub mod rtcp;
pub mod rtp_rx;
pub mod rtp_tx;
pub mod tap;
