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
//!   Named     the very address that SDP names, while the         –
//!             holder's is another
//!   Restart   another SSRC from the holder's address             be silent for RESTART_SILENCE
//!   (none)    everybody else                                     → foreign: counted, never heard
//! ```
//!
//! A restart has to wait because the address proves little: it may be the mapping that the firewall
//! just took from our peer and gave to another call. If our peer shows up again elsewhere, its claim
//! (Move or Return) outranks the restart.
//!
//! Not here: loss, order and duplicates inside the stream that is ours ([`rtp_rx`](super::rtp_rx)),
//! and authentication: an attacker who sees the packets and forges addresses passes. SRTP is for that.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::base::seq::{diff16, diff32};
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
/// Sequence numbers by which a stream may be ahead of what its silence explains (at 100 packets/s).
const SEQUENCE_SLACK: u64 = 50;
/// Timestamp units (8 kHz) by which it may be off: 10 s, since a telephone-event packet carries the
/// time at which its key went down.
const TIMESTAMP_SLACK: i64 = 80_000;

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
    /// Timestamp, 8 kHz.
    pub timestamp: u32,
    /// Whether the payload type was negotiated; a packet of an unknown one proves nothing.
    pub known: bool,
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

/// The latch of one leg's port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latch {
    state: State,
    foreign: u64,
    /// The latest stranger.
    stranger: Option<SocketAddr>,
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

/// The state of nearly all packets, laid out so that one cache line decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    source: Source,
    at: Position,
    candidate: Option<Candidate>,
    named: Option<SocketAddr>,
    /// Our stream was seen to leave the address that SDP names: it proves nothing any more.
    name_is_stale: bool,
    /// The stream held before, for leaving it may prove wrong.
    left: Option<(Source, Position)>,
}

/// How far a stream has come, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Position {
    sequence: u16,
    timestamp: u32,
    heard: Time,
}

/// Somebody who would be the holder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Candidate {
    source: Source,
    claim: Claim,
    /// Sequence number of its first packet.
    first: u16,
    /// Its latest packet.
    at: Position,
    /// How many came in a row.
    packets: u8,
}

/// Why somebody might be ours; the stronger claim is the greater one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Claim {
    /// While learning: from a host that SDP does not name.
    Elsewhere,
    /// While learning: from the host that SDP names, but another port (NAT keeps hosts together).
    SameHost,
    Restart,
    Named,
    Move,
    Return,
}

impl Default for Latch {
    fn default() -> Latch {
        Latch::new()
    }
}

impl Latch {
    /// A latch before any SDP: it takes nothing.
    pub fn new() -> Latch {
        Latch { state: State::Closed, foreign: 0, stranger: None }
    }

    /// The session was negotiated, for the first time or again; `named` is where the peer's SDP
    /// wants its RTP. Another address than before opens the learning anew; the same one, or none,
    /// leaves the holder in place.
    pub fn negotiated(&mut self, named: Option<SocketAddr>) {
        let named = named.filter(|a| a.port() != 0 && !a.ip().is_unspecified());
        match &mut self.state {
            State::Held(held) if named.is_none() || held.named == named => {}
            // The peer only now names the source from which it has been sending all along.
            State::Held(held) if named == Some(held.source.addr) => held.named = named,
            State::Learning { named: before, .. } if *before == named => {}
            _ => self.state = State::Learning { named, candidate: None },
        }
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
        let verdict = match &mut self.state {
            State::Closed => Verdict::Early,
            State::Learning { .. } if !mark.known => Verdict::Unproven,
            State::Learning { named, candidate } => {
                let (named, claim) = (*named, learning_claim(*named, from));
                let packets = match claim {
                    Claim::Named => 1,
                    _ => stand(candidate, now, source, claim, mark),
                };
                if claim != Claim::Named && packets < LEARN_PACKETS {
                    Verdict::Unproven
                } else {
                    self.state = State::Held(Held::new(source, Position::of(now, mark), named));
                    Verdict::Learned
                }
            }
            State::Held(held) if held.source == source => {
                self.foreign += held.defend(now, mark.sequence);
                held.at.advance(now, mark);
                Verdict::Ours
            }
            State::Held(held) => held.challenge(now, source, mark),
        };
        if verdict == Verdict::Foreign {
            self.foreign += 1;
            self.stranger = Some(from);
        }
        verdict
    }

    /// Where to send: the source held, before that the address that SDP names.
    pub fn destination(&self) -> Option<SocketAddr> {
        match &self.state {
            State::Closed => None,
            State::Learning { named, .. } => *named,
            State::Held(held) => Some(held.source.addr),
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

    /// Packets of strangers so far, and the latest of them.
    pub fn foreign(&self) -> (u64, Option<SocketAddr>) {
        (self.foreign, self.stranger)
    }
}

/// What a source may claim while nobody is held.
fn learning_claim(named: Option<SocketAddr>, from: SocketAddr) -> Claim {
    match named {
        Some(named) if named == from => Claim::Named,
        Some(named) if named.ip() == from.ip() => Claim::SameHost,
        _ => Claim::Elsewhere,
    }
}

/// Counts a packet for the candidate; says how many came in a row. A stronger claim takes the
/// place of a weaker one, anybody that of a stale one; who finds the place taken has 0.
fn stand(place: &mut Option<Candidate>, now: Time, source: Source, claim: Claim, mark: Mark) -> u8 {
    let fresh =
        Candidate { source, claim, first: mark.sequence, at: Position::of(now, mark), packets: 1 };
    match place {
        Some(c) if c.source == source && c.claim == claim => {
            match diff16(mark.sequence, c.at.sequence) {
                1 => {
                    c.packets = c.packets.saturating_add(1);
                    c.at = Position::of(now, mark);
                }
                ..=0 => {} // a duplicate or a straggler proves nothing and spoils nothing
                _ => *c = fresh,
            }
            c.packets
        }
        Some(c) if c.claim >= claim && now.since(c.at.heard) < CLAIM_STALE => 0,
        _ => {
            *place = Some(fresh);
            1
        }
    }
}

impl Held {
    fn new(source: Source, at: Position, named: Option<SocketAddr>) -> Held {
        Held { source, at, candidate: None, named, name_is_stale: false, left: None }
    }

    /// The holder speaks: that ends the claims which rest on its silence, and forgets stale ones.
    /// Says how many packets of a claim were thereby shown to be a stranger's.
    fn defend(&mut self, now: Time, sequence: u16) -> u64 {
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

    /// Somebody else's packet: what it claims, and whether that is proven with it.
    fn challenge(&mut self, now: Time, source: Source, mark: Mark) -> Verdict {
        let Some(claim) = self.claim_of(now, source, mark).filter(|_| mark.known) else {
            return Verdict::Foreign;
        };
        let packets = stand(&mut self.candidate, now, source, claim, mark);
        let silence = match claim {
            Claim::Move => MOVE_SILENCE,
            Claim::Restart => RESTART_SILENCE,
            _ => Duration::ZERO,
        };
        if packets < PROOF_PACKETS || now.since(self.at.heard) < silence {
            return if packets == 0 { Verdict::Foreign } else { Verdict::Unproven };
        }
        let old = self.source;
        if source.addr != old.addr {
            self.name_is_stale = match self.named {
                Some(named) if named == source.addr => false,
                Some(named) if named == old.addr => true,
                _ => self.name_is_stale,
            };
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
        } else if source.addr == self.source.addr {
            Some(Claim::Restart)
        } else {
            let named = self.named == Some(source.addr) && !self.name_is_stale;
            named.then_some(Claim::Named)
        }
    }
}

impl Position {
    fn of(now: Time, mark: Mark) -> Position {
        Position { sequence: mark.sequence, timestamp: mark.timestamp, heard: now }
    }

    /// A packet of the stream itself; a late one does not turn it back.
    #[inline]
    fn advance(&mut self, now: Time, mark: Mark) {
        self.heard = now;
        if diff16(mark.sequence, self.sequence) > 0 || diff16(mark.sequence, self.sequence) < -100 {
            self.sequence = mark.sequence;
            self.timestamp = mark.timestamp;
        }
    }

    /// Whether `mark` can be this stream's next words after the time that has passed.
    fn goes_on_with(&self, now: Time, mark: Mark) -> bool {
        let silent_ms = now.since(self.heard).as_millis() as u64;
        let ahead = diff16(mark.sequence, self.sequence);
        let farthest = (SEQUENCE_SLACK + silent_ms / 10).min(i16::MAX as u64) as i16;
        let passed = i64::from(diff32(mark.timestamp, self.timestamp));
        let explained = silent_ms.saturating_mul(8).min(i64::MAX as u64) as i64;
        (1..=farthest).contains(&ahead) && passed.abs_diff(explained) <= TIMESTAMP_SLACK as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAMED: &str = "192.0.2.1:4000";
    const NAT: &str = "198.51.100.7:61000";
    const OTHER: &str = "198.51.100.7:62000";

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// A sender of 20 ms packets.
    #[derive(Clone)]
    struct Stream {
        from: SocketAddr,
        mark: Mark,
    }

    impl Stream {
        fn new(from: &str, ssrc: u32) -> Stream {
            let mark = Mark { ssrc, sequence: 65_530, timestamp: u32::MAX - 500, known: true };
            Stream { from: addr(from), mark }
        }
        fn at(&self, from: &str) -> Stream {
            Stream { from: addr(from), mark: self.mark }
        }
        fn send(&mut self, latch: &mut Latch, ms: u64) -> Verdict {
            self.mark.sequence = self.mark.sequence.wrapping_add(1);
            self.mark.timestamp = self.mark.timestamp.wrapping_add(160);
            latch.check(Time::from_millis(ms), self.from, self.mark)
        }
    }

    /// A latch that was negotiated and holds `stream` since `ms` 0.
    fn holding(stream: &mut Stream) -> Latch {
        let mut latch = Latch::new();
        latch.negotiated(Some(stream.from));
        assert_eq!(stream.send(&mut latch, 0), Verdict::Learned);
        latch
    }

    #[test]
    fn nothing_is_taken_before_the_negotiation() {
        let mut latch = Latch::new();
        assert_eq!(Stream::new(NAMED, 1).send(&mut latch, 0), Verdict::Early);
        assert_eq!((latch.destination(), latch.foreign().0), (None, 0));
    }

    #[test]
    fn the_named_source_is_learned_at_once() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        assert_eq!(ours.send(&mut latch, 20), Verdict::Ours);
        assert_eq!(latch.held(), Some(Source { addr: addr(NAMED), ssrc: 1 }));
    }

    #[test]
    fn behind_nat_a_source_is_learned_by_packets_in_a_row_and_sent_to() {
        let mut latch = Latch::new();
        latch.negotiated(Some(addr(NAMED)));
        assert_eq!(latch.destination(), Some(addr(NAMED)));
        let mut ours = Stream::new(NAT, 1);
        assert_eq!(ours.send(&mut latch, 0), Verdict::Unproven);
        ours.mark.sequence += 1; // one is lost: begin to count again
        assert_eq!(ours.send(&mut latch, 40), Verdict::Unproven);
        assert_eq!(ours.send(&mut latch, 60), Verdict::Unproven);
        assert_eq!(ours.clone().send(&mut latch, 60), Verdict::Learned);
        assert_eq!(latch.destination(), Some(addr(NAT)));
        assert_eq!(latch.foreign().0, 0);
    }

    #[test]
    fn an_unknown_payload_type_proves_nothing() {
        let mut latch = Latch::new();
        latch.negotiated(Some(addr(NAMED)));
        let mut odd = Stream::new(NAMED, 1);
        odd.mark.known = false;
        assert_eq!(odd.send(&mut latch, 0), Verdict::Unproven);
        assert_eq!(latch.held(), None);
    }

    #[test]
    fn the_named_source_replaces_one_learned_in_its_absence() {
        let mut latch = Latch::new();
        latch.negotiated(Some(addr(NAMED)));
        let mut stranger = Stream::new(NAT, 1);
        let _ = [0, 20, 40].map(|ms| stranger.send(&mut latch, ms));
        let mut ours = Stream::new(NAMED, 2);
        let verdicts =
            [50, 70, 90].map(|ms| (stranger.send(&mut latch, ms), ours.send(&mut latch, ms)));
        assert_eq!(verdicts[1], (Verdict::Ours, Verdict::Unproven));
        assert_eq!(verdicts[2], (Verdict::Ours, Verdict::Moved(addr(NAT))));
        assert_eq!(stranger.send(&mut latch, 100), Verdict::Foreign);
    }

    #[test]
    fn a_foreign_stream_is_counted_and_never_heard() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let mut foreign = Stream::new(OTHER, 9);
        for ms in (20..2_000).step_by(20) {
            assert_eq!(foreign.send(&mut latch, ms), Verdict::Foreign);
        }
        assert_eq!(ours.send(&mut latch, 2_000), Verdict::Ours, "though silent for long");
        assert_eq!(latch.foreign(), (99, Some(addr(OTHER))));
    }

    #[test]
    fn a_remapped_port_is_followed_when_the_stream_goes_on() {
        let mut ours = Stream::new(NAT, 1);
        let mut latch = holding(&mut ours);
        let mut moved = ours.at(OTHER);
        assert_eq!(moved.send(&mut latch, 20), Verdict::Unproven);
        assert_eq!(moved.send(&mut latch, 40), Verdict::Unproven);
        assert_eq!(moved.send(&mut latch, 60), Verdict::Moved(addr(NAT)));
        assert_eq!(moved.send(&mut latch, 80), Verdict::Ours);
        assert_eq!(latch.destination(), Some(addr(OTHER)));
    }

    /// The fault of R8: the firewall gives the old mapping to another call at the same moment.
    #[test]
    fn a_stream_that_takes_over_the_old_address_is_never_heard() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let (mut moved, mut foreign) = (ours.at(OTHER), Stream::new(NAMED, 9));
        for ms in (20..60_000).step_by(20) {
            assert!(!foreign.send(&mut latch, ms).is_ours(), "at {ms}");
            let verdict = moved.send(&mut latch, ms + 7);
            assert!(verdict.is_ours() || ms < 60, "{verdict:?} at {ms}");
        }
        latch.negotiated(Some(addr(NAMED))); // a session refresh changes nothing
        assert!(!foreign.send(&mut latch, 60_000).is_ours());
        assert_eq!(moved.send(&mut latch, 60_007), Verdict::Ours);
    }

    #[test]
    fn our_stream_regains_the_leg_from_one_that_took_its_address_first() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let (mut moved, mut foreign) = (ours.at(OTHER), Stream::new(NAMED, 9));
        let taken = (20..400).step_by(20).map(|ms| foreign.send(&mut latch, ms)).last();
        assert_eq!(taken, Some(Verdict::Ours), "nothing tells it from a restart yet");
        moved.mark.sequence = moved.mark.sequence.wrapping_add(19);
        moved.mark.timestamp = moved.mark.timestamp.wrapping_add(19 * 160);
        let verdicts = [400, 420, 440].map(|ms| moved.send(&mut latch, ms));
        assert_eq!(verdicts[2], Verdict::Moved(addr(NAMED)));
        assert_eq!(foreign.send(&mut latch, 450), Verdict::Foreign);
    }

    #[test]
    fn two_senders_of_one_ssrc_leave_the_old_in_place() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        for ms in (20..5_000).step_by(20) {
            let mut spoof = ours.at(OTHER); // always one ahead of the real one
            assert_eq!(spoof.send(&mut latch, ms), Verdict::Unproven);
            assert_eq!(ours.send(&mut latch, ms + 10), Verdict::Ours);
        }
        assert_eq!(latch.foreign().0, 249);
    }

    #[test]
    fn a_copier_cannot_keep_the_leg_while_the_real_one_lives() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let mut spoof = ours.at(OTHER);
        let _ = [20, 40, 60].map(|ms| spoof.send(&mut latch, ms)); // while ours was held up
        assert_eq!(latch.destination(), Some(addr(OTHER)));
        let verdicts =
            [80, 100, 120].map(|ms| (spoof.send(&mut latch, ms), ours.send(&mut latch, ms)).1);
        assert_eq!(verdicts[2], Verdict::Moved(addr(OTHER)));
        assert_eq!(latch.destination(), Some(addr(NAMED)));
    }

    #[test]
    fn a_restart_is_taken_once_the_old_stream_is_silent() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        let mut again = Stream::new(NAMED, 2);
        let verdicts: Vec<_> =
            (20..=120).step_by(20).map(|ms| again.send(&mut latch, ms)).collect();
        assert_eq!(verdicts[3], Verdict::Unproven);
        assert_eq!(verdicts[4..], [Verdict::Restarted, Verdict::Ours]);
        // Both at once: the holder stays.
        let mut third = Stream::new(NAMED, 3);
        for ms in (140..1_000).step_by(20) {
            assert_eq!(again.send(&mut latch, ms), Verdict::Ours);
            assert!(!third.send(&mut latch, ms).is_ours());
        }
    }

    #[test]
    fn a_new_address_in_sdp_opens_the_learning_anew() {
        let mut ours = Stream::new(NAMED, 1);
        let mut latch = holding(&mut ours);
        latch.negotiated(Some(addr("0.0.0.0:4000"))); // hold in the old style: no address
        assert_eq!(ours.send(&mut latch, 20), Verdict::Ours);
        latch.negotiated(Some(addr("203.0.113.5:7000")));
        assert_eq!(latch.destination(), Some(addr("203.0.113.5:7000")));
        assert_eq!(ours.send(&mut latch, 40), Verdict::Unproven);
        assert_eq!(Stream::new("203.0.113.5:7000", 5).send(&mut latch, 45), Verdict::Learned);
        assert_eq!(ours.send(&mut latch, 60), Verdict::Foreign);
    }

    /// One scripted packet: address and SSRC of few, the step of the sequence, the pause before it,
    /// whether its payload type is known.
    fn any_step() -> impl Strategy<Value = (usize, u32, i16, u64, bool)> {
        let step = prop_oneof![6 => Just(1i16), 1 => -3..=3i16, 1 => any::<i16>()];
        (0..4usize, 1..4u32, step, prop_oneof![Just(20u64), 0..200u64], prop::bool::weighted(0.95))
    }

    /// What came so far, seen from outside: the judge of a take-over.
    #[derive(Default)]
    struct Log {
        packets: Vec<(u64, Source, Mark)>,
        heard: Option<u64>,
        named: Option<SocketAddr>,
        holders: Vec<Source>,
    }

    impl Log {
        /// Whether the newest packet ends a run of `n` consecutive ones of its source.
        fn in_a_row(&self, n: usize) -> bool {
            let (_, source, mark) = *self.packets.last().unwrap();
            let known = self.packets.iter().rev().filter(|p| p.1 == source && p.2.known);
            let mut wanted = mark.sequence;
            let mut found = 0;
            for (_, _, m) in known {
                if m.sequence == wanted {
                    wanted = wanted.wrapping_sub(1);
                    found += 1;
                }
            }
            found >= n
        }
        /// Whether what the header's table asks for is fulfilled.
        fn justifies(&self, old: Source, verdict: Verdict) -> bool {
            let (now, new, _) = *self.packets.last().unwrap();
            let silent = now - self.heard.unwrap();
            let returns = self.holders.iter().any(|h| h.ssrc == new.ssrc);
            self.in_a_row(3)
                && match verdict {
                    Verdict::Restarted => silent >= 100 || returns,
                    _ if self.named == Some(new.addr) => true,
                    _ if new.ssrc == old.ssrc => silent >= 50 || returns,
                    _ => returns,
                }
        }
    }

    proptest! {
        /// Whatever is interleaved: who takes over has proven a claim.
        #[test]
        fn nobody_takes_over_without_proof(
            steps in prop::collection::vec(any_step(), 1..400),
            negotiations in prop::collection::vec((0..400usize, 0..4usize), 0..4),
        ) {
            let addrs = [NAMED, NAT, OTHER, "203.0.113.5:7000"].map(addr);
            let (mut latch, mut log, mut now) = (Latch::new(), Log::default(), 0);
            let mut heads = [[(1_000u16, 0u32); 4]; 4];
            for (i, (from, ssrc, step, wait, known)) in steps.into_iter().enumerate() {
                for (_, named) in negotiations.iter().filter(|(at, _)| *at == i) {
                    log.named = Some(addrs[*named]);
                    latch.negotiated(log.named);
                }
                now += wait;
                let head = &mut heads[from][ssrc as usize];
                head.0 = head.0.wrapping_add(step as u16);
                head.1 = head.1.wrapping_add((i32::from(step) * 160) as u32);
                let mark = Mark { ssrc, sequence: head.0, timestamp: head.1, known };
                let source = Source { addr: addrs[from], ssrc };
                log.packets.push((now, source, mark));
                let before = latch.held();
                let verdict = latch.check(Time::from_millis(now), source.addr, mark);
                match (verdict, before) {
                    (Verdict::Ours, Some(held)) => prop_assert_eq!(held, source),
                    (Verdict::Learned, None) => {
                        prop_assert!(log.named == Some(source.addr) || log.in_a_row(3));
                    }
                    (Verdict::Moved(old), Some(held)) => {
                        prop_assert!(held.addr == old && old != source.addr);
                        prop_assert!(log.justifies(held, verdict));
                    }
                    (Verdict::Restarted, Some(held)) => {
                        prop_assert!(held.addr == source.addr && held.ssrc != ssrc);
                        prop_assert!(log.justifies(held, verdict));
                    }
                    (Verdict::Unproven | Verdict::Foreign | Verdict::Early, _) => {
                        prop_assert_eq!(before, latch.held(), "who is not taken changes nothing");
                    }
                    impossible => prop_assert!(false, "{:?}", impossible),
                }
                if verdict.is_ours() {
                    log.heard = Some(now);
                    log.holders.push(source);
                    prop_assert_eq!(latch.held(), Some(source));
                }
            }
        }

        /// A stranger that knows neither SSRC nor SDP's address is never heard, however it mixes in.
        #[test]
        fn a_stranger_is_never_heard(
            mix in prop::collection::vec((any::<bool>(), any::<u16>(), any::<u32>(), 0..40u64), 1..500),
        ) {
            let mut ours = Stream::new(NAMED, 1);
            let mut latch = holding(&mut ours);
            let mut now = 0;
            for (mine, sequence, timestamp, wait) in mix {
                now += wait;
                if mine {
                    prop_assert_eq!(ours.send(&mut latch, now), Verdict::Ours);
                } else {
                    let mark = Mark { ssrc: 2 | timestamp, sequence, timestamp, known: true };
                    let verdict = latch.check(Time::from_millis(now), addr(OTHER), mark);
                    prop_assert_eq!(verdict, Verdict::Foreign);
                }
            }
        }
    }
}
