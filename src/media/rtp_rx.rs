//! A received stream: order, loss, duplicates and jitter (RFC 3550 §6.4.1, §A.1, §A.3, §A.8).
//!
//! After the latch said that a packet is ours, this says what it is to its stream, and keeps the
//! figures for receiver reports and for the leg's record.
//!
//! ```text
//!            ┌── 1 … MAX_DROPOUT ahead ──────────▶ Next    (some may be missing before it)
//! sequence ──┼── up to MAX_MISORDER behind ──────▶ Late, or Duplicate if it was seen
//! number     └── anywhere else: a leap ──────────▶ Leap    dropped; and if the next packet follows
//!                                        └───────▶ First   upon it, the stream restarted
//! new SSRC ──────────────────────────────────────▶ First
//! ```
//!
//! Not here: playing in order ([`jitter`](super::jitter)), numbering what is sent
//! ([`rtp_tx`](super::rtp_tx)), report packets ([`rtcp`](super::rtcp)).

use serde::{Deserialize, Serialize};

use super::bursts::Bursts;
use crate::base::Time;
use crate::base::seq::{diff16, diff32};
use crate::base::time::ticks_in;

/// Sequence numbers by which a packet may be ahead and still belong to the stream (§A.1): 60 s.
pub const MAX_DROPOUT: i16 = 3_000;
/// By which it may be behind: as many as are remembered to tell duplicates.
pub const MAX_MISORDER: i16 = 63;
/// A change of transit time beyond this many seconds is a leap of the sender's timestamps, not
/// jitter of the network.
const TRANSIT_LEAP_S: u32 = 2;
/// Ticks a second of a stream's timestamps, unless it is told otherwise.
const CLOCK_HZ: u32 = 8_000;

/// What a packet is to its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The first of a stream: numbers before it mean nothing.
    First,
    /// Newer than all before it; this many are missing in between (so far).
    Next {
        /// Packets between the newest before it and this one.
        missing: u16,
    },
    /// Overtaken by others, not seen before.
    Late,
    /// Seen before.
    Duplicate,
    /// Too far from the others to belong to them. Drop it; if it is a restart, the next one is
    /// [`Arrival::First`].
    Leap,
}

/// The receiving side of one leg's RTP, over all streams that it had. What every packet meets comes first
/// in memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[repr(C)]
pub struct RtpRx {
    stream: Option<Stream>,
    /// Ticks a second of its timestamps.
    clock_hz: u32,
    /// The worst jitter so far, microseconds.
    jitter_max_us: u32,
    bytes: u64,
    /// How what is lost is spread.
    bursts: Bursts,
    duplicates: u64,
    /// Of streams that ended.
    past_expected: u64,
    past_received: u64,
}

impl Default for RtpRx {
    fn default() -> RtpRx {
        RtpRx {
            stream: None,
            clock_hz: CLOCK_HZ,
            jitter_max_us: 0,
            bytes: 0,
            bursts: Bursts::default(),
            duplicates: 0,
            past_expected: 0,
            past_received: 0,
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stream {
    ssrc: u32,
    /// Newest sequence number, and the numbers just behind it: bit n is set when newest − n came.
    newest: u16,
    seen: u64,
    /// Times that `newest` wrapped.
    cycles: u32,
    /// The first sequence number, counted as `newest` with its wraps is: below 0 when a late one
    /// came from before a wrap.
    base: i64,
    received: u64,
    /// After a leap: the number that would confirm it.
    leap: Option<u16>,
    /// Arrival minus timestamp of the last audio packet, ticks.
    transit: Option<u32>,
    /// Interarrival jitter in ticks, times 16.
    jitter: u32,
    /// As they stood at the last report.
    reported: (u64, u64),
}

/// What a reception report says of the stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reception {
    /// Whose stream.
    pub ssrc: u32,
    /// Share lost since the last report, 1/256.
    pub fraction_lost: u8,
    /// Lost since the stream began; more duplicates than losses make it negative. 24 bits.
    pub cumulative_lost: i32,
    /// Newest sequence number, extended by its cycles.
    pub highest_sequence: u32,
    /// Jitter in ticks of the stream's clock.
    pub jitter: u32,
}

/// The figures of all streams so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Packets, without duplicates and leaps.
    pub packets: u64,
    /// Payload bytes of these.
    pub bytes: u64,
    /// Expected and never seen.
    pub lost: u64,
    /// Came again.
    pub duplicates: u64,
    /// Jitter now, microseconds.
    pub jitter_us: u32,
    /// The worst so far, microseconds.
    pub jitter_max_us: u32,
}

impl RtpRx {
    /// Bytes from its beginning that every packet meets.
    pub const EVERY_PACKET: usize = core::mem::offset_of!(RtpRx, bursts) + Bursts::EVERY_PACKET;

    /// The timestamps count `hz` ticks a second from now on.
    pub fn set_clock(&mut self, hz: u32) {
        if core::mem::replace(&mut self.clock_hz, hz) == hz {
            return;
        }
        if let Some(stream) = &mut self.stream {
            (stream.transit, stream.jitter) = (None, 0);
        }
    }

    /// Counts one packet that is ours. `timestamp` is `None` for telephone-events, whose timestamps
    /// stand still and would show as jitter.
    #[inline]
    pub fn packet(
        &mut self,
        now: Time,
        ssrc: u32,
        sequence: u16,
        timestamp: Option<u32>,
        bytes: usize,
    ) -> Arrival {
        let arrival = match &mut self.stream {
            Some(stream) if stream.ssrc == ssrc => stream.place(sequence),
            _ => Arrival::First,
        };
        match arrival {
            Arrival::Leap => return arrival,
            Arrival::Duplicate => {
                self.duplicates += 1;
                return arrival;
            }
            Arrival::First => {
                self.begin(ssrc, sequence);
                self.bursts.packet(0);
            }
            Arrival::Next { missing } => self.bursts.packet(missing),
            Arrival::Late => {}
        }
        self.bytes += bytes as u64;
        if let Some(stream) = &mut self.stream {
            stream.received += 1;
            if let Some(timestamp) = timestamp {
                stream.note_transit(now, timestamp, self.clock_hz);
                let jitter_us = jitter_us(stream.jitter, self.clock_hz);
                self.jitter_max_us = self.jitter_max_us.max(jitter_us);
            }
        }
        arrival
    }

    fn begin(&mut self, ssrc: u32, sequence: u16) {
        if let Some(old) = &self.stream {
            self.past_expected += old.expected();
            self.past_received += old.received;
        }
        self.stream = Some(Stream {
            ssrc,
            newest: sequence,
            seen: 1,
            cycles: 0,
            base: i64::from(sequence),
            received: 0,
            leap: None,
            transit: None,
            jitter: 0,
            reported: (0, 0),
        });
    }

    /// What the next reception report shall say, and begins a new interval. `None` before the first
    /// packet.
    pub fn report(&mut self) -> Option<Reception> {
        let stream = self.stream.as_mut()?;
        let (expected, received) = (stream.expected(), stream.received);
        let (expected_before, received_before) =
            core::mem::replace(&mut stream.reported, (expected, received));
        let due = expected - expected_before;
        let lost = due.saturating_sub(received - received_before);
        let cumulative = expected as i64 - received as i64;
        Some(Reception {
            ssrc: stream.ssrc,
            fraction_lost: (lost * 256).checked_div(due).unwrap_or(0).min(255) as u8,
            cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: stream.cycles << 16 | u32::from(stream.newest),
            jitter: stream.jitter >> 4,
        })
    }

    /// How what was lost so far is spread.
    pub fn bursts(&self) -> &Bursts {
        &self.bursts
    }

    /// The figures so far.
    pub fn totals(&self) -> Totals {
        let (expected, received, jitter) = match &self.stream {
            Some(s) => (s.expected(), s.received, s.jitter),
            None => (0, 0, 0),
        };
        let packets = self.past_received + received;
        Totals {
            packets,
            bytes: self.bytes,
            lost: (self.past_expected + expected).saturating_sub(packets),
            duplicates: self.duplicates,
            jitter_us: jitter_us(jitter, self.clock_hz),
            jitter_max_us: self.jitter_max_us,
        }
    }
}

/// Sixteenths of a tick as microseconds.
fn jitter_us(sixteenths: u32, clock_hz: u32) -> u32 {
    let us = u64::from(sixteenths) * 62_500 / u64::from(clock_hz.max(1));
    us.min(u64::from(u32::MAX)) as u32
}

impl Stream {
    /// Where `sequence` lies, and notes that it came.
    #[inline]
    fn place(&mut self, sequence: u16) -> Arrival {
        match diff16(sequence, self.newest) {
            ahead @ 1..=MAX_DROPOUT => {
                self.cycles += u32::from(sequence < self.newest);
                self.newest = sequence;
                self.seen = self.seen.checked_shl(ahead as u32).unwrap_or(0) | 1;
                self.leap = None;
                Arrival::Next { missing: (ahead - 1) as u16 }
            }
            behind if (-MAX_MISORDER..=0).contains(&behind) => {
                let bit = 1u64 << -behind;
                if self.seen & bit != 0 {
                    return Arrival::Duplicate;
                }
                self.seen |= bit;
                // Before the first one: the stream is that much longer than it seemed.
                self.base = self.base.min(self.extended() + i64::from(behind));
                Arrival::Late
            }
            _ if self.leap == Some(sequence) => Arrival::First,
            _ => {
                self.leap = Some(sequence.wrapping_add(1));
                Arrival::Leap
            }
        }
    }

    /// Packets from the first to the newest.
    fn expected(&self) -> u64 {
        (self.extended() + 1 - self.base) as u64
    }

    /// The newest number with the wraps before it.
    fn extended(&self) -> i64 {
        i64::from(self.cycles) << 16 | i64::from(self.newest)
    }

    /// §A.8: the mean deviation of the transit time, a 16th of each change.
    #[inline]
    fn note_transit(&mut self, now: Time, timestamp: u32, clock_hz: u32) {
        let clock = ticks_in(now.since(Time::ZERO), clock_hz) as u32;
        let transit = clock.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let change = diff32(transit, before);
            if change.unsigned_abs() <= TRANSIT_LEAP_S * clock_hz {
                self.jitter = self.jitter + change.unsigned_abs() - ((self.jitter + 8) >> 4);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    /// Feeds packets of 20 ms in the order given.
    fn feed(rx: &mut RtpRx, sequences: &[u16]) -> Vec<Arrival> {
        let feed = |s: &u16| rx.packet(at(0), 7, *s, None, 160);
        sequences.iter().map(feed).collect()
    }

    #[test]
    fn order_loss_and_duplicates_over_a_wrap() {
        use Arrival::*;
        let mut rx = RtpRx::default();
        let got = feed(&mut rx, &[65_534, 65_535, 2, 0, 1, 1, 65_535, 3]);
        let next = |missing| Next { missing };
        assert_eq!(got, [First, next(0), next(2), Late, Late, Duplicate, Duplicate, next(0)]);
        let totals = rx.totals();
        assert_eq!((totals.packets, totals.lost, totals.duplicates), (6, 0, 2));
        assert_eq!(totals.bytes, 6 * 160);
        assert_eq!(rx.report().unwrap().highest_sequence, 0x1_0003);
    }

    #[test]
    fn a_straggler_from_before_the_first_is_expected_too() {
        let mut rx = RtpRx::default();
        assert_eq!(feed(&mut rx, &[10, 8])[1], Arrival::Late);
        assert_eq!((rx.totals().packets, rx.totals().lost), (2, 1));
        let mut rx = RtpRx::default();
        rx.packet(at(0), 7, 0, None, 160);
        assert!(rx.report().is_some_and(|report| report.cumulative_lost == 0));
        assert_eq!(feed(&mut rx, &[65_533])[0], Arrival::Late, "from before the wrap");
        assert_eq!((rx.totals().packets, rx.totals().lost), (2, 2));
        assert!(rx.report().is_some_and(|report| report.cumulative_lost == 2));
    }

    #[test]
    fn a_leap_is_believed_when_the_next_packet_follows_upon_it() {
        use Arrival::*;
        let mut rx = RtpRx::default();
        let got = feed(&mut rx, &[100, 101, 30_000, 102, 30_001, 30_002, 30_003]);
        let next = Next { missing: 0 };
        assert_eq!(got, [First, next, Leap, next, Leap, First, next]);
        assert_eq!((rx.totals().packets, rx.totals().lost), (5, 0));
    }

    #[test]
    fn a_new_ssrc_is_a_new_stream_and_the_old_one_still_counts() {
        let mut rx = RtpRx::default();
        feed(&mut rx, &[1, 2, 5]);
        assert_eq!(rx.packet(at(0), 8, 60_000, None, 160), Arrival::First);
        assert_eq!((rx.totals().packets, rx.totals().lost), (4, 2));
        assert_eq!(rx.report().unwrap().cumulative_lost, 0, "a report tells of one stream");
    }

    #[test]
    fn reports_cover_their_interval_and_the_whole() {
        let mut rx = RtpRx::default();
        assert_eq!(rx.report(), None);
        feed(&mut rx, &[1, 2, 4, 5]);
        let report = rx.report().unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (51, 1)); // 1/5 of 256
        feed(&mut rx, &[6, 7]);
        let report = rx.report().unwrap();
        assert_eq!((report.fraction_lost, report.cumulative_lost), (0, 1));
        assert_eq!(rx.report().unwrap().fraction_lost, 0, "nothing was due");
    }

    #[test]
    fn jitter_settles_at_the_mean_deviation() {
        let mut rx = RtpRx::default();
        for n in 0..2_000u32 {
            let ms = u64::from(n) * 20 + if n % 2 == 0 { 0 } else { 10 };
            rx.packet(at(ms), 7, n as u16, Some(n.wrapping_mul(160).wrapping_sub(1_000)), 160);
        }
        // Each transit differs from the last by 10 ms.
        assert!((9_900..=10_000).contains(&rx.totals().jitter_us), "{}", rx.totals().jitter_us);
        // A leap of the sender's clock is not the network's doing.
        rx.packet(at(40_000), 7, 2_000, Some(77_777_777), 160);
        assert!(rx.totals().jitter_max_us <= 10_000);
    }

    #[test]
    fn jitter_is_told_in_the_clock_of_the_codec() {
        let mut rx = RtpRx::default();
        rx.set_clock(48_000);
        for n in 0..2_000u32 {
            let ms = u64::from(n) * 20 + if n % 2 == 0 { 0 } else { 10 };
            rx.packet(at(ms), 7, n as u16, Some(n.wrapping_mul(960).wrapping_sub(5)), 60);
        }
        assert!((9_900..=10_000).contains(&rx.totals().jitter_us), "{}", rx.totals().jitter_us);
        assert!((470..=480).contains(&rx.report().unwrap().jitter), "10 ms of 48 kHz");
        rx.set_clock(8_000);
        assert!(rx.totals().jitter_max_us >= 9_900);
    }

    proptest! {
        /// Against a plain model: every number of a run, shuffled within the window, lost or doubled.
        #[test]
        fn counts_agree_with_a_set(
            first in any::<u16>(),
            packets in prop::collection::vec((0u8..4, 0usize..8), 2..600),
        ) {
            let mut sent = Vec::new();
            for (n, (copies, delay)) in packets.iter().enumerate() {
                let sequence = first.wrapping_add(n as u16);
                for _ in 0..if n == 0 { 1 } else { *copies } {
                    sent.push((if n == 0 { 0 } else { n + delay }, sequence));
                }
            }
            sent.sort_by_key(|(position, _)| *position);
            let order: Vec<u16> = sent.iter().map(|(_, s)| *s).collect();
            let mut rx = RtpRx::default();
            feed(&mut rx, &order);
            let distinct: HashSet<u16> = order.iter().copied().collect();
            let length = order.iter().map(|s| s.wrapping_sub(first)).max().unwrap() as u64 + 1;
            let totals = rx.totals();
            prop_assert_eq!(totals.packets, distinct.len() as u64);
            prop_assert_eq!(totals.lost, length - distinct.len() as u64);
            prop_assert_eq!(totals.duplicates, (order.len() - distinct.len()) as u64);
        }

        #[test]
        fn any_numbers_are_survived(
            packets in prop::collection::vec((0u32..3, any::<u16>(), any::<u32>(), any::<u32>()), 0..300),
        ) {
            let mut rx = RtpRx::default();
            for (ssrc, sequence, timestamp, us) in packets {
                let now = Time::from_nanos(u64::from(us) * 1_000);
                rx.packet(now, ssrc, sequence, Some(timestamp), 160);
                let _ = (rx.report(), rx.totals());
            }
        }
    }
}
