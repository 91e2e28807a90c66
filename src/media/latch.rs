//! The latch: is this source ours? (R8)
//!
//! A leg's port is open to the whole network. SDP says where the peer *wants to receive*, which behind
//! NAT is not where its packets come from; and a firewall may re-map them in mid-call and hand the
//! old mapping to somebody else. So the source is learned once, then kept, and followed to another
//! address only when the packets themselves prove that the same stream goes on there. First on the
//! way of every packet after its header was checked; symmetric RTP (RFC 4961) sends to what it holds.
//!
//! ```text
//!            negotiated                SDP's own source: its first packet
//! ┌────────┐           ┌──────────┐    another: LEARN_PACKETS in a row        ┌──────┐
//! │ Closed │──────────▶│ Learning │──────────────────────────────────────────▶│ Held │◀─┐ own
//! └────────┘           └──────────┘                                           └──────┘──┘ packets
//!                            ▲    negotiated again, to another address            │ ▲
//!                            └────────────────────────────────────────────────────┘ │
//!                                                                                   │
//!   a stranger's claim, proven by packets in a row, takes over from the holder: ────┘
//!
//!   claim     who makes it                                       the holder must
//!   Return    the stream that we left less than REGRET ago       –  (leaving it was wrong)
//!   Move      same SSRC, sequence and timestamp go on,           be silent for MOVE_SILENCE; one
//!             from another address                               newer packet of it ends the claim
//!   Named     who is nearer to what SDP names (that address,     –
//!             else that host) than the holder
//!   Restart   another SSRC from the holder's address             be silent for RESTART_SILENCE
//!   Sequel    the same, and sequence and timestamp go on;        –  (one packet is proof)
//!             from anywhere, when its key shows that it is ours
//!   (none)    everybody else                                     → foreign: counted, never heard
//! ```
//!
//! A source that was sending to the port before the leg had it cannot be ours, however early it comes:
//! it is *barred*. A restart has to wait because the address proves little: it may be the mapping that the firewall
//! just took from our peer and gave to another call. If our peer shows up again elsewhere, its claim
//! (Move or Return) outranks the restart. Where nothing but the SSRC changes there is no such doubt: that another
//! call's numbers go on from ours happens once in 10⁹.
//!
//! A peer that receives at another port than it sends from (asymmetric RTP) is sent to where its SDP says for ever;
//! what is taken of it is decided as above ([`Latch::keep_to`]).
//!
//! A leg with ICE needs none of this: its peer's checks say where it is, and its packets are authenticated
//! ([`Latch::checked`]).
//!
//! Not here: loss, order and duplicates inside the stream that is ours ([`rtp_rx`](super::rtp_rx)),
//! and authentication: an attacker who sees the packets and forges addresses passes. SRTP is for that:
//! of a leg that has it only authenticated packets come here.

mod held;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use self::held::{Candidate, Claim, Held, Nearness, Position, nearness, stand};
use crate::base::{Duration, Time};

/// Consecutive packets by which a source that SDP did not name is learned.
pub const LEARN_PACKETS: u8 = 3;
/// Consecutive packets that prove a claim against the holder.
pub const PROOF_PACKETS: u8 = 3;
/// How long the holder must have been silent before its stream is followed elsewhere.
pub const MOVE_SILENCE: Duration = Duration::from_millis(50);
/// How long the holder must have been silent before another SSRC from its address is its restart.
pub const RESTART_SILENCE: Duration = Duration::from_millis(100);
/// How long a stream that was left may prove that it is still there.
pub const REGRET: Duration = Duration::from_secs(5);
/// A claim without a packet for this long gives way to any other.
pub const CLAIM_STALE: Duration = Duration::from_millis(250);
/// One sender: address and SSRC together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Where its packets come from.
    pub addr: SocketAddr,
    /// Its synchronisation source identifier.
    pub ssrc: u32,
}

/// What the latch looks at in a packet's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mark {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Whether the payload type was negotiated; a packet of an unknown one proves nothing.
    pub known: bool,
    /// Ticks a millisecond of the timestamps.
    pub ticks_per_ms: u32,
    /// Whether the leg's key made it (SRTP).
    pub authentic: bool,
}

/// What is to be done with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// From the holder: take it.
    Ours,
    /// Take it: with it the source was learned.
    Learned,
    /// Take it: the stream went on at another address; holds the old one.
    Moved(SocketAddr),
    /// Take it: a new stream of the same peer (new SSRC), with new sequence and timestamps.
    Restarted,
    /// Drop it: its source has not proven itself yet.
    Unproven,
    /// Drop it: a stranger's.
    Foreign,
    /// Drop it: nothing was negotiated yet.
    Early,
}

impl Verdict {
    /// Whether the packet is to be taken.
    pub fn is_ours(self) -> bool {
        use Verdict::*;
        matches!(self, Ours | Learned | Moved(_) | Restarted)
    }
}

/// The latch of one leg's port. What the holder's packets meet comes first in memory, in one cache line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[repr(C, align(64))]
pub struct Latch {
    state: State,
    foreign: u64,
    /// Packets by which sources proved themselves that then were ours.
    spent: u64,
    /// The latest stranger.
    stranger: Option<SocketAddr>,
    /// Who was sending here before.
    barred: Option<Source>,
    way: Way,
}

/// By what the way to the peer is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Way {
    /// By its packets.
    Learned,
    /// It is what SDP says, whatever its packets show.
    Named(Option<SocketAddr>),
    /// By ICE: sent is to the address that was nominated, and authenticated packets are taken from any.
    Checked(Option<SocketAddr>),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    Closed,
    Learning {
        /// The source that SDP names, if it names one.
        named: Option<SocketAddr>,
        candidate: Option<Candidate>,
    },
    Held(Held),
}

impl Default for Latch {
    fn default() -> Latch {
        Latch::new(None)
    }
}

impl Latch {
    /// Bytes from its beginning that every packet of the holder's meets.
    pub const EVERY_PACKET: usize = 64;

    /// A latch before any SDP: it takes nothing. `barred` was sending to the port before.
    pub fn new(barred: Option<Source>) -> Latch {
        Latch {
            state: State::Closed,
            foreign: 0,
            spent: 0,
            stranger: None,
            barred,
            way: Way::Learned,
        }
    }

    /// The session was negotiated, for the first time or again; `named` is where the peer's SDP
    /// wants its RTP. Another address than before opens the learning anew; the same one, or none,
    /// leaves the holder in place.
    pub fn negotiated(&mut self, named: Option<SocketAddr>) {
        let named = named.filter(is_place);
        match &mut self.state {
            State::Held(held) if named.is_none() || held.named == named => {}
            // The peer only now names the source from which it has been sending all along.
            State::Held(held) if named == Some(held.source.addr) => held.named = named,
            State::Learning { named: before, .. } if *before == named => {}
            _ => self.state = State::Learning { named, candidate: None },
        }
    }

    /// The peer shows by ICE where it is, and this is what it has nominated so far. Only for a leg whose
    /// packets are authenticated before they come here.
    pub fn checked(&mut self, nominated: Option<SocketAddr>) {
        self.way = Way::Checked(nominated);
    }

    /// The peer receives where its SDP says and nowhere else; none: nowhere for now.
    pub fn keep_to(&mut self, named: Option<SocketAddr>) {
        self.way = Way::Named(named.filter(is_place));
    }

    /// The peer shows nothing by ICE (any more), and receives where it sends from.
    pub fn unchecked(&mut self) {
        self.way = Way::Learned;
    }

    /// A packet of the peer's, whose key says so: ICE has found the way, and the rest is its affair.
    fn follow(&mut self, now: Time, source: Source, mark: Mark) -> Verdict {
        let verdict = match &mut self.state {
            State::Closed => return Verdict::Early,
            State::Held(held) if held.source == source => {
                held.at.advance(now, mark);
                return Verdict::Ours;
            }
            _ if !mark.known => return Verdict::Unproven,
            State::Learning { .. } => Verdict::Learned,
            State::Held(held) if held.source.ssrc != source.ssrc => Verdict::Restarted,
            State::Held(held) => Verdict::Moved(held.source.addr),
        };
        self.state = State::Held(Held::new(source, Position::of(now, mark), None));
        verdict
    }

    /// Decides on one packet.
    #[inline]
    pub fn check(&mut self, now: Time, from: SocketAddr, mark: Mark) -> Verdict {
        if let State::Held(held) = &mut self.state
            && held.source.ssrc == mark.ssrc
            && held.source.addr == from
            && held.candidate.is_none()
        {
            held.at.advance(now, mark);
            return Verdict::Ours;
        }
        self.examine(now, from, mark)
    }

    /// All but the holder's own packets in quiet times.
    fn examine(&mut self, now: Time, from: SocketAddr, mark: Mark) -> Verdict {
        let source = Source { addr: from, ssrc: mark.ssrc };
        if let Way::Checked(_) = self.way {
            return self.follow(now, source, mark);
        }
        let verdict = match &mut self.state {
            State::Closed => Verdict::Early,
            State::Learning { .. } if self.barred == Some(source) => Verdict::Foreign,
            State::Learning { .. } if !mark.known => Verdict::Unproven,
            State::Learning { named, candidate } => {
                let named = *named;
                let claim = match nearness(named, from) {
                    Nearness::Named => Claim::Named,
                    Nearness::SameHost => Claim::SameHost,
                    Nearness::Elsewhere => Claim::Elsewhere,
                };
                let packets = match claim {
                    Claim::Named => 1,
                    _ => stand(candidate, now, source, claim, mark),
                };
                if claim != Claim::Named && packets < LEARN_PACKETS {
                    Verdict::Unproven
                } else {
                    self.spent += u64::from(packets) - 1;
                    self.state = State::Held(Held::new(source, Position::of(now, mark), named));
                    Verdict::Learned
                }
            }
            State::Held(held) if held.source == source => {
                self.foreign += held.defend(now, mark.sequence);
                held.at.advance(now, mark);
                Verdict::Ours
            }
            State::Held(held) => held.challenge(now, source, mark, &mut self.spent),
        };
        if verdict == Verdict::Foreign {
            self.note_foreign(from);
        }
        verdict
    }

    /// A packet that nobody needs to look at is somebody else's.
    pub fn note_foreign(&mut self, from: SocketAddr) {
        self.foreign += 1;
        self.stranger = Some(from);
    }

    /// Whether `from` is the host that SDP names, while no source is held.
    pub fn expects(&self, from: SocketAddr) -> bool {
        matches!(self.state, State::Learning { named, .. } if nearness(named, from) > Nearness::Elsewhere)
    }

    /// Where to send: what ICE has nominated; without ICE the source held, before that the address that SDP
    /// names, or that always.
    pub fn destination(&self) -> Option<SocketAddr> {
        match (self.way, &self.state) {
            (Way::Checked(nominated), _) => nominated,
            (_, State::Closed) => None,
            (Way::Named(named), _) => named,
            (Way::Learned, State::Learning { named, .. }) => *named,
            (Way::Learned, State::Held(held)) => Some(held.source.addr),
        }
    }

    /// The source held.
    pub fn held(&self) -> Option<Source> {
        match &self.state {
            State::Held(held) => Some(held.source),
            _ => None,
        }
    }

    /// When the holder's latest packet came.
    pub fn heard(&self) -> Option<Time> {
        match &self.state {
            State::Held(held) => Some(held.at.heard),
            _ => None,
        }
    }

    /// Packets of our own that were not taken, since their source had still to prove itself.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// Packets of strangers so far, and the latest of them.
    pub fn foreign(&self) -> (u64, Option<SocketAddr>) {
        (self.foreign, self.stranger)
    }
}

/// Whether anything can be sent to an address.
fn is_place(at: &SocketAddr) -> bool {
    at.port() != 0 && !at.ip().is_unspecified()
}
