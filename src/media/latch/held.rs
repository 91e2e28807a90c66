//! Who is held, who would be instead, and what that takes: the table in [`latch`](super).

use core::mem::offset_of;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{
    CLAIM_STALE, Latch, MOVE_SILENCE, Mark, PROOF_PACKETS, REGRET, RESTART_SILENCE, Source, State,
    Verdict,
};
use crate::base::seq::{diff16, diff32};
use crate::base::{Duration, Time};

/// Sequence numbers by which a stream may be ahead of what its silence explains (at 100 packets/s).
const SEQUENCE_SLACK: u64 = 50;
/// Milliseconds by which a timestamp may be off: 10 s, since a telephone-event packet carries the
/// time at which its key went down.
const TIMESTAMP_SLACK_MS: i64 = 10_000;
/// The same where nothing else proves that a stream goes on: a few lost packets, and a second.
const SEQUEL_PACKETS: i16 = 10;
const SEQUEL_SLACK_MS: i64 = 1_000;

/// The state of nearly all packets, laid out so that one cache line decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[repr(C)]
pub(super) struct Held {
    pub(super) source: Source,
    pub(super) at: Position,
    pub(super) candidate: Option<Candidate>,
    pub(super) named: Option<SocketAddr>,
    /// Our stream was seen to leave the address that SDP names: it proves nothing any more.
    name_is_stale: bool,
    /// The stream held before, for leaving it may prove wrong.
    left: Option<(Source, Position)>,
}

/// How far a stream has come, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Position {
    sequence: u16,
    timestamp: u32,
    pub(super) heard: Time,
}

// The state's own mark lies in the address, a candidate's in its claim.
const _: () = assert!(offset_of!(Held, candidate) < Latch::EVERY_PACKET);
const _: () = assert!(size_of::<State>() == size_of::<Held>() && offset_of!(Candidate, claim) == 0);

/// Somebody who would be the holder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(C)]
pub(super) struct Candidate {
    claim: Claim,
    source: Source,
    /// Sequence number of its first packet.
    first: u16,
    /// Its latest packet.
    at: Position,
    /// How many came in a row.
    packets: u8,
}

/// Why somebody might be ours; the stronger claim is the greater one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Claim {
    /// While learning: from a host that SDP does not name.
    Elsewhere,
    /// While learning: from the host that SDP names, but another port.
    SameHost,
    Restart,
    Named,
    Move,
    Return,
}

/// How near an address is to the one that SDP names; NAT in front of several phones keeps hosts
/// together, not ports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    Elsewhere,
    SameHost,
    Named,
}

pub(super) fn nearness(named: Option<SocketAddr>, addr: SocketAddr) -> Nearness {
    match named {
        Some(named) if named == addr => Nearness::Named,
        Some(named) if named.ip() == addr.ip() => Nearness::SameHost,
        _ => Nearness::Elsewhere,
    }
}

/// Counts a packet for the candidate; says how many came in a row with it. A stronger claim takes the
/// place of a weaker one, anybody that of a stale one; who finds the place taken has 0.
pub(super) fn stand(
    place: &mut Option<Candidate>,
    now: Time,
    source: Source,
    claim: Claim,
    mark: Mark,
) -> u8 {
    let fresh =
        Candidate { source, claim, first: mark.sequence, at: Position::of(now, mark), packets: 1 };
    match place {
        Some(c) if c.source == source && c.claim == claim => {
            match diff16(mark.sequence, c.at.sequence) {
                1 => {
                    c.packets = c.packets.saturating_add(1);
                    c.at = Position::of(now, mark);
                    return c.packets;
                }
                ..=0 => {} // a duplicate or a straggler proves nothing and spoils nothing
                _ => *c = fresh,
            }
            1
        }
        Some(c) if c.claim >= claim && now.since(c.at.heard) < CLAIM_STALE => 0,
        _ => {
            *place = Some(fresh);
            1
        }
    }
}

impl Held {
    pub(super) fn new(source: Source, at: Position, named: Option<SocketAddr>) -> Held {
        Held { source, at, candidate: None, named, name_is_stale: false, left: None }
    }

    /// The holder speaks: that ends the claims which rest on its silence, and forgets stale ones.
    /// Says how many packets of a claim were thereby shown to be a stranger's.
    pub(super) fn defend(&mut self, now: Time, sequence: u16) -> u64 {
        let Some(c) = self.candidate else { return 0 };
        let ended = match c.claim {
            Claim::Restart => true,
            // Packets from before the move may still be under way; newer ones mean two senders.
            Claim::Move => diff16(sequence, c.first) >= 0,
            _ => now.since(c.at.heard) >= CLAIM_STALE,
        };
        if !ended {
            return 0;
        }
        self.candidate = None;
        u64::from(c.packets)
    }

    /// Somebody else's packet: what it claims, and whether that is proven with it. If so, `spent` goes
    /// up by those before it that were not taken.
    pub(super) fn challenge(
        &mut self,
        now: Time,
        source: Source,
        mark: Mark,
        spent: &mut u64,
    ) -> Verdict {
        let Some(claim) = self.claim_of(now, source, mark).filter(|_| mark.known) else {
            return Verdict::Foreign;
        };
        if claim == Claim::Restart && self.is_sequel(now, source, mark) {
            // What of it was not taken before, while its numbers did not fit.
            let before = self.candidate.filter(|c| c.source == source);
            *spent += before.map_or(0, |c| u64::from(c.packets));
            return self.hand_over(now, source, claim, mark);
        }
        let packets = stand(&mut self.candidate, now, source, claim, mark);
        let silence = match claim {
            Claim::Move => MOVE_SILENCE,
            Claim::Restart => RESTART_SILENCE,
            _ => Duration::ZERO,
        };
        if packets < PROOF_PACKETS || now.since(self.at.heard) < silence {
            return if packets == 0 { Verdict::Foreign } else { Verdict::Unproven };
        }
        *spent += u64::from(packets) - 1;
        self.hand_over(now, source, claim, mark)
    }

    /// Another SSRC of the same sender, beyond doubt. Stragglers of the stream that it follows on are not.
    fn is_sequel(&self, now: Time, source: Source, mark: Mark) -> bool {
        let was_left = self.left.is_some_and(|(left, _)| left == source);
        !was_left && (mark.authentic || self.at.is_followed_by(now, mark))
    }

    /// `source` is held from now on.
    fn hand_over(&mut self, now: Time, source: Source, claim: Claim, mark: Mark) -> Verdict {
        let old = self.source;
        if source.addr != old.addr {
            let (before, after) =
                (nearness(self.named, old.addr), nearness(self.named, source.addr));
            self.name_is_stale = after < before || (self.name_is_stale && after == before);
        }
        self.left = match claim {
            // The holder was never ours: it gets no second chance.
            Claim::Return | Claim::Named => None,
            _ => Some((old, self.at)),
        };
        (self.source, self.at, self.candidate) = (source, Position::of(now, mark), None);
        if source.addr == old.addr { Verdict::Restarted } else { Verdict::Moved(old.addr) }
    }

    fn claim_of(&self, now: Time, source: Source, mark: Mark) -> Option<Claim> {
        if let Some((left, at)) = self.left
            && left.ssrc == source.ssrc
            && (left.addr == source.addr || left.ssrc != self.source.ssrc)
            && now.since(at.heard) < REGRET
            && at.goes_on_with(now, mark)
        {
            Some(Claim::Return)
        } else if source.ssrc == self.source.ssrc {
            self.at.goes_on_with(now, mark).then_some(Claim::Move)
        } else if source.addr == self.source.addr || mark.authentic {
            Some(Claim::Restart)
        } else {
            let nearness = |addr| nearness(self.named, addr);
            let nearer = nearness(source.addr) > nearness(self.source.addr);
            (nearer && !self.name_is_stale).then_some(Claim::Named)
        }
    }
}

impl Position {
    pub(super) fn of(now: Time, mark: Mark) -> Position {
        Position { sequence: mark.sequence, timestamp: mark.timestamp, heard: now }
    }

    /// A packet of the stream itself; a late one does not turn it back.
    #[inline]
    pub(super) fn advance(&mut self, now: Time, mark: Mark) {
        self.heard = now;
        if diff16(mark.sequence, self.sequence) > 0 || diff16(mark.sequence, self.sequence) < -100 {
            self.sequence = mark.sequence;
            self.timestamp = mark.timestamp;
        }
    }

    /// Whether `mark` is the next that a sender of this stream would send, whatever its SSRC.
    fn is_followed_by(&self, now: Time, mark: Mark) -> bool {
        let ahead = diff16(mark.sequence, self.sequence);
        let passed = i64::from(diff32(mark.timestamp, self.timestamp));
        let silent_ms = now.since(self.heard).as_millis().min(1 << 32) as i64;
        let most = (silent_ms + SEQUEL_SLACK_MS) * i64::from(mark.ticks_per_ms);
        (1..=SEQUEL_PACKETS).contains(&ahead) && (0..=most).contains(&passed)
    }

    /// Whether `mark` can be this stream's next words after the time that has passed. Timestamps of a
    /// sender that was silent may have gone on meanwhile or stood still.
    fn goes_on_with(&self, now: Time, mark: Mark) -> bool {
        let silent_ms = now.since(self.heard).as_millis() as u64;
        let ahead = diff16(mark.sequence, self.sequence);
        let farthest = (SEQUENCE_SLACK + silent_ms / 10).min(i16::MAX as u64) as i16;
        let passed = i64::from(diff32(mark.timestamp, self.timestamp));
        let pace = i64::from(mark.ticks_per_ms);
        let explained = silent_ms.saturating_mul(pace as u64).min(i64::MAX as u64) as i64;
        let slack = TIMESTAMP_SLACK_MS * pace;
        (1..=farthest).contains(&ahead)
            && (-slack..=explained.saturating_add(slack)).contains(&passed)
    }
}
