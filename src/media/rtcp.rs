//! Reports about one leg's streams, both ways (RFC 3550 §6): what was lost, how late, how far away.
//!
//! ```text
//!   we ── SR, SDES ──────────▶ peer      every INTERVAL, randomised by half (§6.3.1); an RR when we
//!   we ◀───────── SR or RR ── peer       sent nothing since the last two reports
//!                                        round trip = now − LSR − DLSR, of its report on us (§6.4.1)
//! ```
//!
//! The peer's reports only give figures; none makes the leg do anything. A BYE (§6.6) most of all
//! does not: anybody could forge it, and whether a call is over is signalling's affair.
//!
//! The NTP time in our reports counts from the driver's start, which §4 permits: only differences
//! mean anything to a round trip, and the pure floors know no calendar. Not here: the bytes
//! ([`wire::rtcp`](crate::wire::rtcp)), loss and jitter themselves ([`rtp_rx`](super::rtp_rx)).

use std::net::SocketAddr;

use super::latch::Latch;
use super::rtp_rx::RtpRx;
use super::rtp_tx::RtpTx;
use crate::base::{Duration, Rng, Time};
use crate::wire::rtcp::{
    Compound, Malformed, NtpTime, Packet, ReportBlock, SenderInfo, VoipMetrics, Writer,
};

/// Mean time between two reports (§6.2: at least 5 s).
pub const INTERVAL: Duration = Duration::from_secs(5);
/// Bytes that a report of ours has at most.
pub const MOST_BYTES: usize = 144;
/// Characters of the canonical name: 96 random bits (RFC 7022 §4.2), 6 in each character.
const CNAME_LEN: usize = 16;
/// A round trip of more than a minute is no round trip but a wrong echo.
const LONGEST_TRIP_MS: u64 = 60_000;

/// One leg's reports.
#[derive(Clone, Debug)]
pub struct Rtcp {
    cname: [u8; CNAME_LEN],
    /// When the next report is due.
    due: Time,
    /// Packets sent when the last two reports were made.
    sent_before: [u64; 2],
    /// A report was made.
    known: bool,
    /// Where SDP wants reports.
    named: Option<SocketAddr>,
    /// Where the peer's own come from.
    learned: Option<SocketAddr>,
    /// It wants them where SDP says, wherever its own come from.
    fixed: bool,
    /// The peer's last sender report.
    last_sr: Option<LastReport>,
    round_trip: Option<Duration>,
    fraction_lost: u8,
    /// Whether that is news.
    reported: bool,
    /// What the peer said to have lost of the stream of ours that it reported on last, and that stream's SSRC.
    lost: (u32, u64),
    /// The same of those before it.
    lost_before: u64,
    /// The opinion of what it hears that the peer last told, in tenths.
    opinion: Option<u8>,
}

/// What of the peer's sender report goes into ours (§6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct LastReport {
    /// Whose it is: another stream's says nothing of this one.
    ssrc: u32,
    /// The middle of its NTP time.
    middle: u32,
    /// When it came.
    came: Time,
}

impl Rtcp {
    /// Before anything was sent.
    pub fn new(now: Time, rng: &mut Rng) -> Rtcp {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        Rtcp {
            cname: core::array::from_fn(|_| LETTERS[rng.below(64) as usize]),
            // The first one after half the time (§6.2).
            due: now + spread(INTERVAL / 2, rng),
            sent_before: [0; 2],
            known: false,
            named: None,
            learned: None,
            fixed: false,
            last_sr: None,
            round_trip: None,
            fraction_lost: 0,
            reported: false,
            lost: (0, 0),
            lost_before: 0,
            opinion: None,
        }
    }

    /// The session was negotiated: where SDP wants reports.
    pub fn negotiated(&mut self, named: Option<SocketAddr>) {
        if self.named != named {
            (self.named, self.learned) = (named, None);
        }
    }

    /// Whether reports go to where SDP says, wherever the peer's own come from.
    pub fn keep_to_named(&mut self, fixed: bool) {
        self.fixed = fixed;
    }

    /// Where to send reports.
    pub fn destination(&self) -> Option<SocketAddr> {
        let learned = self.learned.filter(|_| !self.fixed);
        learned.or(self.named).filter(|a| a.port() != 0 && !a.ip().is_unspecified())
    }

    /// When the next report is due.
    pub fn due(&self) -> Time {
        self.due
    }

    /// Whether a report is due.
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.due
    }

    /// Writes the report that is due, with `metrics` where the peer wants them; says how many bytes it
    /// has.
    pub fn report(
        &mut self,
        now: Time,
        rx: &mut RtpRx,
        tx: &RtpTx,
        metrics: Option<&VoipMetrics>,
        rng: &mut Rng,
        out: &mut [u8; MOST_BYTES],
    ) -> usize {
        self.due = now + spread(INTERVAL, rng);
        self.known = true;
        let (sent, _) = tx.sent();
        let sending = sent > self.sent_before[0];
        self.sent_before = [self.sent_before[1], sent];
        let block = rx.report().map(|reception| {
            let sr = self.last_sr.filter(|sr| sr.ssrc == reception.ssrc);
            ReportBlock {
                ssrc: reception.ssrc,
                fraction_lost: reception.fraction_lost,
                total_lost: reception.cumulative_lost,
                highest_sequence: reception.highest_sequence,
                jitter: reception.jitter,
                last_sr: sr.map_or(0, |sr| sr.middle),
                delay_since_last_sr: sr.map_or(0, |sr| units(now.since(sr.came))),
            }
        });
        let mut writer = Writer::new(out);
        let (packets, bytes) = tx.sent_as_ssrc();
        let info = SenderInfo {
            ntp: ntp(now),
            rtp_timestamp: tx.timestamp_at(now),
            packets: packets as u32,
            bytes: bytes as u32,
        };
        let written = match sending {
            true => writer.sender_report(tx.ssrc(), &info, block.as_slice()),
            false => writer.receiver_report(tx.ssrc(), block.as_slice()),
        };
        let written = written.and_then(|()| writer.cname(tx.ssrc(), &self.cname));
        let written = written.and_then(|()| match metrics {
            Some(metrics) => writer.voip_metrics(tx.ssrc(), metrics),
            None => Ok(()),
        });
        debug_assert!(written.is_ok(), "MOST_BYTES holds a report of one block, and metrics");
        writer.finish()
    }

    /// Whether the peer is to be told that the stream ends: who never sent a packet of either kind says nothing
    /// (§6.3.7).
    pub fn says_goodbye(&self, tx: &RtpTx) -> bool {
        self.known || tx.sent().0 > 0
    }

    /// Writes the goodbye that ends the stream.
    pub fn goodbye(
        &mut self,
        now: Time,
        rx: &mut RtpRx,
        tx: &RtpTx,
        rng: &mut Rng,
        out: &mut [u8; MOST_BYTES],
    ) -> usize {
        let len = self.report(now, rx, tx, None, rng, out);
        let mut writer = Writer::new(&mut out[len..]);
        let written = writer.bye(tx.ssrc(), &[]);
        debug_assert!(written.is_ok(), "MOST_BYTES holds a report and a goodbye");
        len + writer.finish()
    }

    /// Whether reports that come `from` there are the peer's own: from the host of its audio, from where SDP says,
    /// or, on one port with audio that it does not send, from where its audio is sent.
    pub fn is_peer(&self, from: SocketAddr, latch: &Latch) -> bool {
        let known = latch.held().is_some_and(|held| held.addr.ip() == from.ip());
        known || self.named == Some(from) || latch.destination() == Some(from)
    }

    /// Takes what came to the leg's RTCP port. Only the
    /// [peer](Self::is_peer) is believed; whether it was.
    pub fn receive(
        &mut self,
        now: Time,
        from: SocketAddr,
        latch: &Latch,
        our_ssrc: u32,
        bytes: &[u8],
    ) -> Result<bool, Malformed> {
        let held = latch.held();
        if !self.is_peer(from, latch) {
            return Ok(false);
        }
        let compound = Compound::parse(bytes)?;
        for packet in compound.packets() {
            let (sender, block) = match packet {
                Packet::SenderReport(sr) => {
                    let sender = sr.ssrc();
                    if held.is_some_and(|held| held.ssrc == sender) {
                        let middle = sr.info().ntp.middle();
                        self.last_sr = Some(LastReport { ssrc: sender, middle, came: now });
                    }
                    (sender, sr.blocks().find(|b| b.ssrc == our_ssrc))
                }
                Packet::ExtendedReport(xr) => {
                    if let Some(metrics) = xr.voip_metrics().find(|m| m.ssrc == our_ssrc) {
                        let opinion = metrics.mos_tenths[0];
                        self.opinion = (10..=50).contains(&opinion).then_some(opinion);
                    }
                    continue;
                }
                Packet::ReceiverReport(rr) => (rr.ssrc(), rr.blocks().find(|b| b.ssrc == our_ssrc)),
                _ => continue,
            };
            if held.is_some_and(|held| held.ssrc == sender) || block.is_some() {
                self.learned = Some(from);
            }
            if let Some(block) = block {
                self.fraction_lost = block.fraction_lost;
                self.reported = true;
                if self.lost.0 != our_ssrc {
                    self.lost_before += self.lost.1;
                }
                self.lost = (our_ssrc, block.total_lost.max(0) as u64);
                self.round_trip = round_trip(now, &block).or(self.round_trip);
            }
        }
        Ok(true)
    }

    /// Round trip by the peer's last report; `None`: it sent none.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// All that the peer said to have lost of what we sent under any SSRC, packets.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.lost.1
    }

    /// The opinion (MOS, tenths) of what it hears that the peer last told; `None`: it tells none.
    pub fn opinion(&self) -> Option<u8> {
        self.opinion
    }

    /// What the peer said to have lost of what we sent, 1/256, if it did since this was last asked.
    pub fn take_report(&mut self) -> Option<u8> {
        core::mem::take(&mut self.reported).then_some(self.fraction_lost)
    }

    /// What the peer last said to have lost of what we sent, 1/256.
    pub fn fraction_lost(&self) -> u8 {
        self.fraction_lost
    }
}

/// Between half and one and a half times `mean`, so that legs do not report in step (§6.3.1).
fn spread(mean: Duration, rng: &mut Rng) -> Duration {
    let ns = mean.as_nanos() as u64;
    Duration::from_nanos(ns / 2 + rng.below(ns))
}

/// Our clock as NTP time.
fn ntp(now: Time) -> NtpTime {
    let ns = u128::from(now.as_nanos());
    NtpTime(((ns << 32) / 1_000_000_000) as u64)
}

/// A time in units of 1/65,536 s.
fn units(passed: Duration) -> u32 {
    (passed.as_nanos() * 65_536 / 1_000_000_000).min(u128::from(u32::MAX)) as u32
}

/// §6.4.1: what passed since our report, less what the peer held it. `None` when it had none of us,
/// or the figures make no sense.
fn round_trip(now: Time, block: &ReportBlock) -> Option<Duration> {
    if block.last_sr == 0 {
        return None;
    }
    let passed = ntp(now).middle().wrapping_sub(block.last_sr);
    let trip = u64::from(passed.checked_sub(block.delay_since_last_sr)?);
    let trip = Duration::from_nanos(trip * 1_000_000_000 / 65_536);
    (trip.as_millis() <= u128::from(LONGEST_TRIP_MS)).then_some(trip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::latch::Mark;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// One end of a call that only reports.
    struct End {
        rtcp: Rtcp,
        rx: RtpRx,
        tx: RtpTx,
        latch: Latch,
        rng: Rng,
    }

    fn end(ssrc: u32, peer: &str, peer_ssrc: u32) -> End {
        let (mut rng, mut latch) = (Rng::from_seed(u64::from(ssrc)), Latch::default());
        latch.negotiated(peer.parse().ok());
        let mark = Mark {
            ssrc: peer_ssrc,
            sequence: 1,
            timestamp: 0,
            known: true,
            ticks_per_ms: 8,
            authentic: false,
        };
        latch.check(at(0), peer.parse().unwrap(), mark);
        let rtcp = Rtcp::new(at(0), &mut rng);
        End { rtcp, rx: RtpRx::default(), tx: RtpTx::new(at(0), ssrc, 0, 0), latch, rng }
    }

    impl End {
        fn report(&mut self, ms: u64) -> Vec<u8> {
            let mut out = [0; MOST_BYTES];
            let Self { rtcp, rx, tx, rng, .. } = self;
            let len = rtcp.report(at(ms), rx, tx, None, rng, &mut out);
            out[..len].to_vec()
        }
        fn receive(&mut self, ms: u64, from: &str, bytes: &[u8]) -> Result<bool, Malformed> {
            let (from, ssrc) = (from.parse().unwrap(), self.tx.ssrc());
            self.rtcp.receive(at(ms), from, &self.latch, ssrc, bytes)
        }
    }

    const A: &str = "192.0.2.1:4000";
    const B: &str = "192.0.2.2:4000";

    #[test]
    fn two_ends_learn_round_trip_and_loss() {
        let (mut a, mut b) = (end(1, B, 2), end(2, A, 1));
        a.tx.own(at(0), 8, 160, 160);
        for sequence in [1, 2, 4] {
            b.rx.packet(at(0), 1, sequence, None, 160);
        }
        let sr = a.report(5_000);
        assert_eq!(b.receive(5_040, "192.0.2.1:4001", &sr), Ok(true));
        let rr = b.report(7_000);
        assert_eq!(a.receive(7_060, "192.0.2.2:9999", &rr), Ok(true));
        let trip = a.rtcp.round_trip().unwrap().as_millis();
        assert!((99..=101).contains(&trip), "{trip}");
        assert_eq!(a.rtcp.fraction_lost(), 64);
        assert_eq!([a.rtcp.take_report(), a.rtcp.take_report()], [Some(64), None]);
        assert_eq!(a.rtcp.destination(), Some("192.0.2.2:9999".parse().unwrap()));
    }

    fn only_block(bytes: &[u8]) -> ReportBlock {
        let compound = Compound::parse(bytes).unwrap();
        let mut blocks = compound.packets().filter_map(|packet| match packet {
            Packet::ReceiverReport(rr) => rr.blocks().next(),
            Packet::SenderReport(sr) => sr.blocks().next(),
            _ => None,
        });
        blocks.next().expect("a block")
    }

    #[test]
    fn a_stream_that_has_sent_no_report_has_no_last_one() {
        let (mut a, mut b) = (end(1, B, 2), end(2, A, 1));
        a.tx.own(at(0), 8, 160, 160);
        b.rx.packet(at(0), 1, 1, None, 160);
        let sr = a.report(5_000);
        b.receive(5_040, A, &sr).unwrap();
        assert_ne!(only_block(&b.report(6_000)).last_sr, 0);
        b.rx.packet(at(6_000), 9, 1, None, 160); // it goes on as another source
        let block = only_block(&b.report(7_000));
        assert_eq!((block.ssrc, block.last_sr, block.delay_since_last_sr), (9, 0, 0));
    }

    #[test]
    fn what_was_lost_of_all_our_streams_is_counted_together() {
        let mut a = end(1, B, 2);
        let lost = |ssrc, total_lost| {
            let mut bytes = [0; 100];
            let mut writer = Writer::new(&mut bytes);
            writer
                .receiver_report(2, &[ReportBlock { ssrc, total_lost, ..Default::default() }])
                .unwrap();
            let len = writer.finish();
            bytes[..len].to_vec()
        };
        a.receive(0, B, &lost(1, 7)).unwrap();
        a.receive(0, B, &lost(1, 9)).unwrap();
        a.tx.change_ssrc(5);
        a.receive(0, B, &lost(1, 500)).unwrap(); // of a stream that is no more
        assert_eq!(a.rtcp.lost(), 9);
        a.receive(0, B, &lost(5, 0)).unwrap();
        a.receive(0, B, &lost(5, 2)).unwrap();
        assert_eq!(a.rtcp.lost(), 11);
    }

    #[test]
    fn who_sent_nothing_lately_is_a_receiver() {
        let mut a = end(1, B, 2);
        assert_eq!(a.report(0)[1], 201);
        a.tx.own(at(0), 8, 160, 160);
        assert_eq!([a.report(0)[1], a.report(0)[1], a.report(0)[1]], [200, 200, 201]);
    }

    #[test]
    fn reports_are_randomised_and_never_in_step() {
        let mut a = end(1, B, 2);
        let mut gaps = Vec::new();
        for _ in 0..200 {
            let before = a.rtcp.due;
            a.report(before.as_millis());
            gaps.push(a.rtcp.due.since(before).as_millis());
        }
        assert!(gaps.iter().all(|g| (2_499..=7_501).contains(g)));
        let mean = gaps.iter().sum::<u128>() / 200;
        assert!((4_500..=5_500).contains(&mean), "{mean}");
    }

    #[test]
    fn strangers_and_garbage_change_nothing() {
        let (mut a, mut b) = (end(1, B, 2), end(2, A, 1));
        b.tx.own(at(0), 8, 160, 160);
        let sr = b.report(100);
        assert_eq!(a.receive(110, "203.0.113.9:5000", &sr), Ok(false));
        assert!(a.receive(110, B, &sr[..10]).is_err());
        assert_eq!((a.rtcp.last_sr, a.rtcp.destination()), (None, None));
    }

    #[test]
    fn a_goodbye_follows_a_report() {
        let mut a = end(1, B, 2);
        let mut out = [0; MOST_BYTES];
        let len = a.rtcp.goodbye(at(0), &mut a.rx, &a.tx, &mut a.rng, &mut out);
        let types: Vec<_> = Compound::parse(&out[..len])
            .unwrap()
            .packets()
            .map(|p| match p {
                Packet::ReceiverReport(_) => "RR",
                Packet::SourceDescription(_) => "SDES",
                Packet::Bye(_) => "BYE",
                _ => "?",
            })
            .collect();
        assert_eq!(types, ["RR", "SDES", "BYE"]);
    }

    #[test]
    fn a_forged_echo_gives_no_round_trip() {
        let block = |last_sr, delay_since_last_sr| ReportBlock {
            last_sr,
            delay_since_last_sr,
            ..ReportBlock::default()
        };
        assert_eq!(round_trip(at(1_000), &block(0, 0)), None);
        assert_eq!(round_trip(at(1_000), &block(1, u32::MAX)), None);
        assert_eq!(round_trip(at(100_000), &block(1, 0)), None, "100 s");
        assert!(round_trip(at(1_000), &block(32_768, 0)).is_some());
    }
}
