//! What the peer sends under one key: authenticated, decrypted, each index once.
//!
//! Under one key there may be several streams: a phone that starts anew takes another SSRC, whose
//! rollover counter begins at 0 (RFC 3711 §3.2.1). The last [`STREAMS`] are remembered, and only an
//! authenticated packet makes one of them.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::copy::Copy;
use super::index::Taken;
use crate::wire::srtp::{Claim, MasterKey, Refused, SessionKeys};

/// Streams that are remembered. Who restarts more often gives up that the replay of the oldest one's
/// packets is noticed here; the latch still asks where they come from.
pub const STREAMS: usize = 8;
/// Sequence numbers after a wrap below which the first packet of a stream may follow on lost ones
/// that were before it.
const JUST_WRAPPED: u16 = 1_000;

/// Why a packet was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It is no SRTP that this key made.
    Refused(Refused),
    /// It was taken before, or is too old to know.
    Replayed,
}

/// The receiving side of one key. Serialises as the plain state that it is made of.
#[derive(Serialize, Deserialize)]
#[serde(from = "State", into = "State")]
pub struct Receiver {
    state: State,
    keys: SessionKeys,
}

/// What a standby needs to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    key: MasterKey,
    /// The one that was heard last comes first.
    streams: [Option<Stream>; STREAMS],
}

/// One SSRC's indices.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
struct Stream {
    ssrc: u32,
    rtp: Taken,
    rtcp: Taken,
}

impl Receiver {
    /// Nothing came under `key` yet.
    pub fn new(key: MasterKey) -> Receiver {
        Receiver::from(State { key, streams: Default::default() })
    }

    /// Its key.
    pub fn key(&self) -> &MasterKey {
        &self.state.key
    }

    /// Authenticates and decrypts an RTP packet in place; says how long it is now. `carried`: the
    /// rollover counter of the packet, had the stream gone on under the key before.
    pub fn rtp(&mut self, packet: &mut [u8], carried: Option<u32>) -> Result<usize, Unfit> {
        let claim = Claim::of_rtp(packet).map_err(Unfit::Refused)?;
        let at = self.place(claim.ssrc);
        let stream = at.and_then(|at| self.state.streams[at].as_ref());
        let taken = stream.map(|stream| &stream.rtp).filter(|taken| taken.highest().is_some());
        let (index, len) = match taken {
            None => self.begin(packet, claim, carried).map_err(Unfit::Refused)?,
            Some(taken) => {
                let index = taken.index_of(claim.sequence, 0).ok_or(Unfit::Replayed)?;
                if !taken.is_new(index) {
                    return Err(Unfit::Replayed);
                }
                (index, self.open(packet, claim, index).map_err(Unfit::Refused)?)
            }
        };
        self.stream(at, claim.ssrc).rtp.take(index);
        Ok(len)
    }

    /// Opens the first packet of a stream; gives its index and its length.
    ///
    /// A stream begins with rollover counter 0, unless its peer counts on over a change of keys
    /// (RFC 3711 §3.3.1; some do, some do not), or its first packets were lost and the counter had its turn
    /// among them.
    #[cold]
    fn begin(
        &self,
        packet: &mut [u8],
        claim: Claim,
        carried: Option<u32>,
    ) -> Result<(u64, usize), Refused> {
        let wrapped = (claim.sequence < JUST_WRAPPED).then_some(1);
        let carried = carried.filter(|roc| *roc > 0);
        let copy = Copy::of(packet);
        let index = |roc: u32| u64::from(roc) << 16 | u64::from(claim.sequence);
        let first = self.open(packet, claim, index(0)).map(|len| (index(0), len));
        let mut others = [carried, wrapped.filter(|_| carried != wrapped)].into_iter().flatten();
        first.or_else(|why| {
            let opened = others.find_map(|roc| {
                copy.as_ref()?.restore(packet);
                Some((index(roc), self.open(packet, claim, index(roc)).ok()?))
            });
            opened.ok_or(why)
        })
    }

    fn open(&self, packet: &mut [u8], claim: Claim, index: u64) -> Result<usize, Refused> {
        self.keys.unprotect_rtp(packet, claim, index)
    }

    /// The same for RTCP packets.
    pub fn rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Unfit> {
        let (ssrc, index) = self.keys.claim_rtcp(packet).map_err(Unfit::Refused)?;
        let at = self.place(ssrc);
        let stream = at.and_then(|at| self.state.streams[at].as_ref());
        if stream.is_some_and(|stream| !stream.rtcp.is_new(index)) {
            return Err(Unfit::Replayed);
        }
        let len = self.keys.unprotect_rtcp(packet).map_err(Unfit::Refused)?;
        self.stream(at, ssrc).rtcp.take(index);
        Ok(len)
    }

    /// The rollover counter that the next packet with this number would have.
    pub fn carried(&self, ssrc: u32, sequence: u16) -> Option<u32> {
        let stream = self.state.streams[self.place(ssrc)?].as_ref()?;
        stream.rtp.highest()?;
        stream.rtp.index_of(sequence, 0).map(|index| (index >> 16) as u32)
    }

    fn place(&self, ssrc: u32) -> Option<usize> {
        let is = |stream: &Option<Stream>| stream.as_ref().is_some_and(|s| s.ssrc == ssrc);
        self.state.streams.iter().position(is)
    }

    /// The stream at `at`, or a new one that takes the place of the one not heard for longest; it is
    /// now the one heard last.
    fn stream(&mut self, at: Option<usize>, ssrc: u32) -> &mut Stream {
        let streams = &mut self.state.streams;
        if at != Some(0) {
            streams[..=at.unwrap_or(STREAMS - 1)].rotate_right(1);
            if at.is_none() {
                streams[0] = None;
            }
        }
        streams[0].get_or_insert(Stream { ssrc, ..Stream::default() })
    }
}

impl From<State> for Receiver {
    fn from(state: State) -> Receiver {
        Receiver { keys: SessionKeys::new(&state.key), state }
    }
}

impl From<Receiver> for State {
    fn from(receiver: Receiver) -> State {
        receiver.state
    }
}

impl Clone for Receiver {
    fn clone(&self) -> Receiver {
        Receiver::from(self.state.clone())
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}
