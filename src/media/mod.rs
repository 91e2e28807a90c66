//! Floor 2: one leg, one bridge, one worker's whole plane of them, without threads.
//!
//! ```text
//!   control   what the switch asks and is told
//!   plane     all legs of one worker: commands in, datagrams in, the tick out
//!    ├ leg      latch ─▶ rtp_rx ─▶ allowance ─▶ dtmf_rx, ear (jitter);   mouth (player, dtmf_tx) ─▶ rtp_tx;   rtcp
//!    ├ bridge   by which path two legs hear each other
//!    ├ beep     the tone that tells them that they are recorded
//!    └ room     many legs that hear each other, mixed
//!   ice, dtls what a browser needs: where it is, and by which keys it speaks
//!   one_key   one press, told in two forms
//!   seam      from one sound to another
//!   tap       where a packet lies on a recording's clock and in its file
//!   negotiate offer and answer
//! ```

use std::net::SocketAddr;

use crate::base::LegId;

pub mod allowance;
mod beep;
pub mod bridge;
pub mod bursts;
pub mod control;
mod deep;
pub mod dtls;
pub mod dtmf_rx;
pub mod dtmf_tx;
mod ear;
pub mod ice;
pub mod jitter;
pub mod latch;
mod leg;
pub mod lengths;
pub mod mouth;
pub mod negotiate;
pub mod one_key;
pub mod plane;
pub mod player;
pub mod quality;
pub mod room;
pub mod rtcp;
pub mod rtp_rx;
pub mod rtp_tx;
mod seam;
mod send_rate;
pub mod srtp;
pub mod tap;

pub use plane::{Disposition, Plane, PlaneConfig};
pub use player::Clip;
pub use room::partial::Partial;
pub use tap::Recorded;

/// A port of one worker's pool, by the order in which the engine opened them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PortIndex(pub u32);

/// Which of a port's two sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The even one: RTP.
    Rtp,
    /// The next: RTCP.
    Rtcp,
}

/// Where the plane's packets and recordings go: the engine's send queue and disk, or the simulator.
pub trait Transmit {
    /// Sends one datagram from `port` to `to`.
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]);
    /// What lies there will be needed soon; whoever can may bring it near. Nothing depends on it.
    fn ahead(&mut self, place: core::ops::Range<*const u8>) {
        let _ = place;
    }
    /// Hands a piece of a recording on, or its end.
    fn record(&mut self, part: Recorded<'_>);
    /// Whether there is room for the last pieces of a few recordings; if not, they wait.
    fn takes_ends(&mut self) -> bool {
        true
    }
    /// A datagram of a DTLS handshake came to `leg`; an empty one says that there is a way to its peer now.
    /// The answers come back by [`Plane::handshake`]. Never called where no leg has agreed on DTLS.
    fn handshake(&mut self, leg: LegId, datagram: &[u8]) {
        let _ = (leg, datagram);
    }
    /// Hands a part of a room's mix to each of these workers, bit by bit. Never called where all
    /// legs live on one.
    fn partial(&mut self, workers: u64, partial: &Partial) {
        let _ = (workers, partial);
    }
}
