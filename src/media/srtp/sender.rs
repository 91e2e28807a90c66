//! What we send under one key: protected packets, of which no two share an index.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::index::Taken;
use crate::wire::srtp::{Claim, MasterKey, Refused, SessionKeys};

/// The sending side of one leg's SRTP. Serialises as the plain state that it is made of.
#[derive(Serialize, Deserialize)]
#[serde(from = "State", into = "State")]
pub struct Sender {
    state: State,
    keys: SessionKeys,
}

/// What a standby needs to go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    key: MasterKey,
    /// The SSRC under which all of it is sent.
    ssrc: Option<u32>,
    /// RTP.
    rtp: Taken,
    /// Index of the next RTCP packet.
    rtcp: u64,
}

impl Sender {
    /// Nothing was sent under `key` yet.
    pub fn new(key: MasterKey) -> Sender {
        Sender::from(State { key, ssrc: None, rtp: Taken::default(), rtcp: 0 })
    }

    /// Its key.
    pub fn key(&self) -> &MasterKey {
        &self.state.key
    }

    /// Protects the RTP packet in `buf[..len]`; says how long it is now. `None`: it may not be sent,
    /// because something else was sent under its number, the key is used up, or there is no room.
    pub fn rtp(&mut self, buf: &mut [u8], len: usize) -> Option<usize> {
        let claim = Claim::of_rtp(buf.get(..len)?).ok()?;
        // Going back to an SSRC would use its key streams again: a sender has one.
        if *self.state.ssrc.get_or_insert(claim.ssrc) != claim.ssrc {
            return None;
        }
        let index = self.state.rtp.index_of(claim.sequence, 0)?;
        if !self.state.rtp.is_new(index) {
            return None;
        }
        let len = self.keys.protect_rtp(buf, len, index).ok()?;
        self.state.rtp.take(index);
        Some(len)
    }

    /// The same for RTCP packets.
    pub fn rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, Refused> {
        let len = self.keys.protect_rtcp(buf, len, self.state.rtcp)?;
        self.state.rtcp += 1;
        Ok(len)
    }
}

impl From<State> for Sender {
    fn from(state: State) -> Sender {
        Sender { keys: SessionKeys::new(&state.key), state }
    }
}

impl From<Sender> for State {
    fn from(sender: Sender) -> State {
        sender.state
    }
}

impl Clone for Sender {
    fn clone(&self) -> Sender {
        Sender::from(self.state.clone())
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}
