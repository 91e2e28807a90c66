//! Whom a leg reaches, and what its audio was like.

use serde::{Deserialize, Serialize};

/// Who a leg reaches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Party {
    /// A registered phone.
    Phone {
        /// Its number.
        number: String,
    },
    /// Somebody behind a gateway.
    Trunk {
        /// The gateway's name.
        gateway: String,
        /// The outside number.
        number: String,
    },
    /// A phone of ours that is a number behind a gateway (R7).
    Mobile {
        /// Its number here.
        number: String,
        /// The gateway's name.
        gateway: String,
        /// Its outside number.
        outside: String,
    },
}

impl Party {
    /// The number by which people know the party.
    pub fn number(&self) -> &str {
        match self {
            Party::Phone { number }
            | Party::Trunk { number, .. }
            | Party::Mobile { number, .. } => number,
        }
    }
    /// The gateway behind which it is; none of a phone of ours, be it a mobile.
    pub fn gateway(&self) -> Option<&str> {
        match self {
            Party::Phone { .. } | Party::Mobile { .. } => None,
            Party::Trunk { gateway, .. } => Some(gateway),
        }
    }
}

/// What a leg's audio was like. Absent numbers were not measured.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Sound {
    /// RTP packets that were the leg's own.
    pub packets_received: u64,
    /// RTP packets sent to it.
    pub packets_sent: u64,
    /// Packets that were expected and never came (RFC 3550 §A.3).
    pub packets_lost: u64,
    /// Packets that came too late to be played.
    pub packets_late: u64,
    /// Packets to it that were not sent, since SRTP could not protect them: something else went out under their
    /// number, or the key is used up.
    pub packets_unsealed: u64,
    /// Packets of strangers, dropped (R8).
    pub packets_foreign: u64,
    /// Packets that SRTP did not take: without a tag that the leg's key made.
    pub packets_forged: u64,
    /// Packets that came more than once; with SRTP also: too old to know whether they did.
    pub packets_duplicate: u64,
    /// Packets that were no RTP, or no audio of their codec.
    pub packets_malformed: u64,
    /// Packets of a payload type that was not agreed on.
    pub packets_unagreed: u64,
    /// Its own packets that were not taken: before a new source had proven itself, of numbers that leapt,
    /// more than the stream may have, keys faster than any can be pressed.
    pub packets_dropped: u64,
    /// The worst interarrival jitter (RFC 3550 §6.4.1), microseconds.
    pub jitter_max_us: u32,
    /// Round trip by RTCP, microseconds.
    pub rtt_us: Option<u32>,
    /// Samples that concealment made up.
    pub samples_concealed: u64,
    /// How good what it sent was, MOS by the E-model (ITU-T G.107) in hundredths.
    pub mos: Option<u16>,
    /// The same of what was sent to it, by its own reports.
    pub peer_mos: Option<u16>,
}
