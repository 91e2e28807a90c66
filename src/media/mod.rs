//! Floor 2: one leg, one bridge, one worker's whole plane of them, without threads.

pub mod control;
pub mod dtmf_rx;
pub mod dtmf_tx;
pub mod jitter;
pub mod negotiate;
pub mod tap;
pub mod latch;
pub mod player;
pub mod rtp_rx;
pub mod rtp_tx;
pub mod dtmf_rx;
pub mod dtmf_tx;
pub mod bridge;
pub mod mouth;
pub mod rtcp;
pub mod tap;
