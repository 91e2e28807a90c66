//! A sent stream: one SSRC whose numbers and timestamps run on whatever is heard (RFC 3550 §5.1).
//!
//! What a party hears changes many times in a call: a prompt, music, the other party relayed, that
//! party's phone restarting, the next agent. Its receiver shall see one stream all the time, or its
//! jitter buffer starts anew at each change. So there is a `cursor`: the timestamp at which the next
//! samples go on, and the time at which they are `due`.
//!
//! ```text
//!   own samples     │████│████│████│                        │████│████│
//!   relayed                            ▒▒▒▒ ▒▒▒▒  ▒▒▒▒
//!   timestamps ─────┴────┴────┴────┼───┴────┴────┴────┼──────┴────┴────┴──▶
//!                                  └ splice: received numbers are shifted by an offset, chosen so
//!                                    that the first one falls on the cursor
//! ```
//!
//! While a splice lasts, the relayed stream's own gaps and order are passed on as they are: its
//! receiver knows best what to do about them. A source that restarts or whose timestamps leap gets a
//! new splice.
//!
//! Not here: deciding what is heard ([`bridge`](super::bridge)), the clock of own packets
//! ([`plane`](super::plane)).

use serde::{Deserialize, Serialize};

use crate::base::seq::{diff16, diff32};
use crate::base::time::{ticks_in, time_of};
use crate::base::{Duration, Time};
use crate::wire::rtp::Header;

/// Seconds by which a relayed timestamp may lead the time that has passed, or go back, before it
/// counts as a leap.
const LEAP_S: u32 = 1;
/// Ticks a second of the timestamps, unless it is told otherwise.
const CLOCK_HZ: u32 = 8_000;

/// One packet to be relayed, as it was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Relayed {
    /// Begins a stream ([`Arrival::First`](super::rtp_rx::Arrival::First)).
    pub first: bool,
    /// Its marker bit.
    pub marker: bool,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Ticks that its audio takes; 0 for a telephone-event, whose timestamp stands still.
    pub ticks: u32,
}

/// The sending side of one leg's RTP.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RtpTx {
    ssrc: u32,
    /// Ticks a second of its timestamps.
    clock_hz: u32,
    /// Of the next packet.
    sequence: u16,
    /// Of the next sample, and when that is to be sent.
    cursor: u32,
    due: Time,
    /// Set when what comes next does not continue what was sent last.
    broken: bool,
    splice: Option<Splice>,
    packets: u64,
    bytes: u64,
    /// The same when its SSRC began.
    before_ssrc: (u64, u64),
}

/// How a relayed stream's numbers are shifted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Splice {
    sequence_offset: u16,
    timestamp_offset: u32,
    /// The first sequence number relayed: older ones have no place in what we send.
    first: u16,
    /// The newest.
    newest: u16,
    /// Timestamp of the newest audio packet, and when it came.
    timestamp: u32,
    came: Time,
}

impl RtpTx {
    /// A stream that begins at `now` with numbers of its own choosing (random, RFC 3550 §5.1).
    pub fn new(now: Time, ssrc: u32, sequence: u16, timestamp: u32) -> RtpTx {
        RtpTx {
            ssrc,
            clock_hz: CLOCK_HZ,
            sequence,
            cursor: timestamp,
            due: now,
            broken: true,
            splice: None,
            packets: 0,
            bytes: 0,
            before_ssrc: (0, 0),
        }
    }

    /// Goes on as another source; numbers and timestamps run on.
    pub fn change_ssrc(&mut self, ssrc: u32) {
        (self.ssrc, self.before_ssrc, self.broken) = (ssrc, self.sent(), true);
    }

    /// The timestamps count `hz` ticks a second from `now` on; they go on from where they are, and
    /// one that is relayed is joined anew.
    pub fn set_clock(&mut self, now: Time, hz: u32) {
        if self.clock_hz != hz {
            self.catch_up(now);
            (self.clock_hz, self.splice, self.broken) = (hz, None, true);
        }
    }

    /// The header of a packet of our own that lasts `ticks`, due at `now`; `bytes` of payload.
    pub fn own(&mut self, now: Time, payload_type: u8, ticks: u32, bytes: usize) -> Header {
        self.catch_up(now);
        let header = self.header(payload_type, self.cursor, self.broken);
        self.broken = false;
        self.pass(now, ticks);
        self.count(bytes);
        header
    }

    /// A telephone-event begins now: its timestamp, for all its packets.
    pub fn begin_event(&mut self, now: Time) -> u32 {
        self.catch_up(now);
        self.cursor
    }

    /// The header of one packet of an event of ours that began at `timestamp`; `marker` on its first.
    pub fn event(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        bytes: usize,
    ) -> Header {
        self.splice = None;
        self.broken = true;
        self.count(bytes);
        self.header(payload_type, timestamp, marker)
    }

    /// Time passes by `ticks` from `now` on without audio.
    pub fn skip(&mut self, now: Time, ticks: u32) {
        self.catch_up(now);
        self.pass(now, ticks);
        self.broken = true;
    }

    /// The source that is relayed is another from now on.
    pub fn unsplice(&mut self) {
        self.splice = None;
    }

    /// A packet of the source that is relayed does not go on: the one after it takes its number. Those
    /// that it has overtaken have no place any more.
    pub fn withhold(&mut self, packet: Relayed) {
        let Some(splice) = self.splice.as_mut().filter(|_| !packet.first) else {
            self.splice = None;
            return;
        };
        if diff16(packet.sequence, splice.newest) > 0 {
            (splice.newest, splice.first) = (packet.sequence, packet.sequence);
            splice.sequence_offset = splice.sequence_offset.wrapping_sub(1);
            self.sequence = packet.sequence.wrapping_add(splice.sequence_offset).wrapping_add(1);
        }
    }

    /// The number of one packet more for the one that was relayed last, which goes on in several. Those that it
    /// has overtaken have no place any more.
    pub fn more(&mut self) -> u16 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        if let Some(splice) = &mut self.splice {
            splice.sequence_offset = splice.sequence_offset.wrapping_add(1);
            splice.first = splice.newest;
        }
        self.packets += 1;
        sequence
    }

    /// The header under which a received packet goes on. `None`: it is older than what the splice
    /// began with, its place was given to others.
    #[inline]
    pub fn relay(
        &mut self,
        now: Time,
        packet: Relayed,
        payload_type: u8,
        bytes: usize,
    ) -> Option<Header> {
        let (mut splice, fresh) = match self.splice {
            Some(splice) if !packet.first => (splice, false),
            _ => (self.join(now, packet), true),
        };
        let mut marker = packet.marker || fresh;
        let newer = diff16(packet.sequence, splice.newest) > 0 || fresh;
        if !newer && diff16(packet.sequence, splice.first) < 0 {
            return None;
        }
        if newer && packet.ticks > 0 && !fresh && splice.leaps(now, packet.timestamp, self.clock_hz)
        {
            self.catch_up(now);
            splice.timestamp_offset = self.cursor.wrapping_sub(packet.timestamp);
            marker = true;
        }
        let sequence = packet.sequence.wrapping_add(splice.sequence_offset);
        let timestamp = packet.timestamp.wrapping_add(splice.timestamp_offset);
        if newer {
            splice.newest = packet.sequence;
            self.sequence = sequence.wrapping_add(1);
            self.broken = true;
            if packet.ticks > 0 {
                (splice.timestamp, splice.came) = (packet.timestamp, now);
                self.cursor = timestamp.wrapping_add(packet.ticks);
                self.due = now + time_of(packet.ticks, self.clock_hz);
            }
            self.splice = Some(splice);
        }
        self.packets += 1;
        self.bytes += bytes as u64;
        Some(Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc })
    }

    /// Joins a received stream to what was sent before: its packet falls on the cursor.
    fn join(&mut self, now: Time, packet: Relayed) -> Splice {
        self.catch_up(now);
        Splice {
            sequence_offset: self.sequence.wrapping_sub(packet.sequence),
            timestamp_offset: self.cursor.wrapping_sub(packet.timestamp),
            first: packet.sequence,
            newest: packet.sequence,
            timestamp: packet.timestamp,
            came: now,
        }
    }

    /// Moves the cursor over the time in which nothing was sent.
    fn catch_up(&mut self, now: Time) {
        let missed = self.ticks(now.since(self.due));
        if missed > 0 {
            self.cursor = self.cursor.wrapping_add(missed);
            self.due = now;
            self.broken = true;
        }
    }

    fn pass(&mut self, now: Time, ticks: u32) {
        self.cursor = self.cursor.wrapping_add(ticks);
        self.due = self.due.max(now) + time_of(ticks, self.clock_hz);
        self.splice = None;
    }

    fn header(&mut self, payload_type: u8, timestamp: u32, marker: bool) -> Header {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        Header { marker, payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    fn count(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }

    /// Our synchronisation source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }
    /// Packets and payload bytes sent.
    pub fn sent(&self) -> (u64, u64) {
        (self.packets, self.bytes)
    }
    /// The same under its present SSRC, for sender reports (RFC 3550 §6.4.1).
    pub fn sent_as_ssrc(&self) -> (u64, u64) {
        (self.packets - self.before_ssrc.0, self.bytes - self.before_ssrc.1)
    }
    /// When the samples at the cursor are due: own packets that follow sooner would overlap.
    pub fn due(&self) -> Time {
        self.due
    }
    /// The timestamp of `now`, for sender reports (RFC 3550 §6.4.1).
    pub fn timestamp_at(&self, now: Time) -> u32 {
        let behind = self.ticks(self.due.since(now));
        self.cursor.wrapping_add(self.ticks(now.since(self.due))).wrapping_sub(behind)
    }

    fn ticks(&self, passed: Duration) -> u32 {
        ticks_in(passed, self.clock_hz) as u32
    }
}

impl Splice {
    /// Whether an audio timestamp is not explained by the time since the one before it. A network
    /// that stalled is no leap: there the timestamps lag behind the time.
    fn leaps(&self, now: Time, timestamp: u32, clock_hz: u32) -> bool {
        let step = diff32(timestamp, self.timestamp);
        let passed = ticks_in(now.since(self.came), clock_hz).min(i32::MAX as u64 / 2) as i32;
        let leap = (LEAP_S * clock_hz) as i32;
        step < -leap || step > passed + leap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }
    fn tx() -> RtpTx {
        RtpTx::new(at(0), 0xabcd, 65_533, u32::MAX - 479)
    }
    fn audio(sequence: u16, timestamp: u32) -> Relayed {
        Relayed { first: false, marker: false, sequence, timestamp, ticks: 160 }
    }
    fn first(sequence: u16, timestamp: u32) -> Relayed {
        Relayed { first: true, ..audio(sequence, timestamp) }
    }
    fn numbers(h: Header) -> (u16, u32, bool) {
        (h.sequence, h.timestamp, h.marker)
    }

    #[test]
    fn own_packets_run_on_over_both_wraps() {
        let mut tx = tx();
        let sent: Vec<_> = (0..4).map(|n| numbers(tx.own(at(n * 20), 8, 160, 160))).collect();
        let start = u32::MAX - 479;
        let expected = [
            (65_533, start, true),
            (65_534, start + 160, false),
            (65_535, start + 320, false),
            (0, 0, false),
        ];
        assert_eq!(sent, expected);
        assert_eq!(tx.sent(), (4, 640));
    }

    #[test]
    fn a_pause_moves_timestamps_not_numbers_and_sets_the_marker() {
        let mut tx = tx();
        let before = tx.own(at(0), 8, 160, 160);
        let after = tx.own(at(1_000), 8, 160, 160);
        assert_eq!(after.sequence, before.sequence + 1);
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(8_000));
        assert!(after.marker);
    }

    #[test]
    fn the_relay_joins_what_was_sent_and_goes_back_to_it() {
        let mut tx = tx();
        let own = tx.own(at(0), 8, 160, 160);
        let joined = tx.relay(at(25), first(4_000, 99), 8, 160).unwrap();
        assert_eq!(joined.sequence, own.sequence + 1);
        assert_eq!(joined.timestamp, own.timestamp.wrapping_add(200), "25 ms later");
        assert!(joined.marker);
        let next = tx.relay(at(45), audio(4_001, 259), 8, 160).unwrap();
        assert_eq!(numbers(next), (joined.sequence + 1, joined.timestamp.wrapping_add(160), false));
        let back = tx.own(at(65), 8, 160, 160);
        assert_eq!(
            numbers(back),
            (next.sequence.wrapping_add(1), next.timestamp.wrapping_add(160), true)
        );
    }

    #[test]
    fn loss_and_order_are_passed_on_as_they_are() {
        let mut tx = tx();
        let a = tx.relay(at(0), first(10, 0), 8, 160).unwrap();
        let d = tx.relay(at(60), audio(13, 480), 8, 160).unwrap();
        let c = tx.relay(at(61), audio(12, 320), 8, 160).unwrap();
        assert_eq!(d.sequence.wrapping_sub(a.sequence), 3);
        assert_eq!(c.sequence.wrapping_sub(a.sequence), 2);
        assert_eq!(c.timestamp.wrapping_sub(a.timestamp), 320);
        let e = tx.relay(at(80), audio(14, 640), 8, 160).unwrap();
        assert_eq!(e.sequence.wrapping_sub(d.sequence), 1);
    }

    /// 60 ms in three packets of 20: numbers go up with each, and what follows goes on behind the last.
    #[test]
    fn a_packet_that_goes_on_in_several_takes_as_many_numbers() {
        let mut tx = tx();
        let a = tx.relay(at(0), Relayed { ticks: 480, ..first(10, 0) }, 8, 480).unwrap();
        assert_eq!([tx.more(), tx.more()], [1, 2].map(|n| a.sequence.wrapping_add(n)));
        let b = tx.relay(at(60), Relayed { ticks: 480, ..audio(11, 480) }, 8, 480).unwrap();
        assert_eq!(numbers(b), (a.sequence.wrapping_add(3), a.timestamp.wrapping_add(480), false));
        tx.relay(at(180), Relayed { ticks: 480, ..audio(13, 1_440) }, 8, 480).unwrap();
        tx.more();
        assert_eq!(tx.relay(at(181), audio(12, 960), 8, 480), None, "its place is the pieces'");
        assert_eq!(tx.sent(), (6, 1_440));
    }

    #[test]
    fn a_straggler_from_before_the_splice_has_no_place() {
        let mut tx = tx();
        tx.relay(at(0), first(10, 0), 8, 160).unwrap();
        assert_eq!(tx.relay(at(1), audio(9, u32::MAX - 159), 8, 160), None);
    }

    #[test]
    fn a_restart_is_one_stream_to_its_receiver() {
        let mut tx = tx();
        let a = tx.relay(at(0), first(10, 0), 8, 160).unwrap();
        let b = tx.relay(at(20), first(50_000, 7_777_777), 8, 160).unwrap();
        assert_eq!(b.sequence, a.sequence.wrapping_add(1));
        assert_eq!(b.timestamp, a.timestamp.wrapping_add(160));
    }

    #[test]
    fn a_leap_of_timestamps_is_taken_out_and_silence_suppression_is_not() {
        let mut tx = tx();
        let a = tx.relay(at(0), first(10, 0), 8, 160).unwrap();
        let b = tx.relay(at(3_000), audio(11, 24_000), 8, 160).unwrap();
        assert_eq!(b.timestamp.wrapping_sub(a.timestamp), 24_000, "3 s of silence");
        let c = tx.relay(at(3_020), audio(12, 900_000), 8, 160).unwrap();
        assert_eq!(numbers(c), (b.sequence.wrapping_add(1), b.timestamp.wrapping_add(160), true));
        let d = tx.relay(at(3_040), audio(13, 900_160), 8, 160).unwrap();
        assert_eq!(d.timestamp, c.timestamp.wrapping_add(160));
        let e = tx.relay(at(3_060), audio(14, 5), 8, 160).unwrap();
        assert_eq!(e.timestamp, d.timestamp.wrapping_add(160), "a leap back");
    }

    #[test]
    fn events_keep_their_time_and_audio_goes_on_after_them() {
        let mut tx = tx();
        let audio = tx.own(at(0), 8, 160, 160);
        let began = tx.begin_event(at(20));
        assert_eq!(began, audio.timestamp.wrapping_add(160));
        let events: Vec<_> = (1..=3u16)
            .map(|n| {
                let header = tx.event(101, began, n == 1, 4);
                tx.skip(at(20 * u64::from(n)), 160);
                numbers(header)
            })
            .collect();
        let s = audio.sequence;
        let expected = [1, 2, 3].map(|n: u16| (s.wrapping_add(n), began, n == 1));
        assert_eq!(events, expected);
        let after = tx.own(at(80), 8, 160, 160);
        assert_eq!(after.timestamp, began.wrapping_add(480));
        assert!(after.marker);
    }

    #[test]
    fn relayed_events_do_not_move_the_cursor_back() {
        let mut tx = tx();
        let a = tx.relay(at(0), first(10, 0), 8, 160).unwrap();
        for n in 1..20u16 {
            let event = Relayed { ticks: 0, ..audio(10 + n, 160) };
            let header = tx.relay(at(u64::from(n) * 20), event, 101, 4).unwrap();
            assert_eq!(header.timestamp, a.timestamp.wrapping_add(160));
        }
        let after = tx.relay(at(400), audio(30, 3_200), 8, 160).unwrap();
        assert_eq!(after.timestamp, a.timestamp.wrapping_add(3_200));
    }

    #[test]
    fn a_sender_report_reads_the_clock_between_packets() {
        let mut tx = tx();
        let own = tx.own(at(0), 8, 160, 160);
        assert_eq!(tx.timestamp_at(at(5)), own.timestamp.wrapping_add(40));
        assert_eq!(tx.timestamp_at(at(100)), own.timestamp.wrapping_add(800));
    }

    #[test]
    fn a_change_of_codec_changes_the_pace_of_the_timestamps_only() {
        let mut tx = tx();
        let own = tx.own(at(0), 8, 160, 160);
        tx.set_clock(at(20), 48_000);
        let wide = tx.own(at(20), 96, 960, 60);
        assert_eq!(numbers(wide), (own.sequence + 1, own.timestamp.wrapping_add(160), true));
        let next = tx.own(at(40), 96, 960, 60);
        assert_eq!(next.timestamp, wide.timestamp.wrapping_add(960));
        assert_eq!(tx.timestamp_at(at(65)), next.timestamp.wrapping_add(1_200));
        let relayed = tx.relay(at(80), Relayed { ticks: 960, ..first(7, 7) }, 96, 60).unwrap();
        assert_eq!(relayed.timestamp, next.timestamp.wrapping_add(1_920));
        let leap = Relayed { ticks: 960, ..audio(8, 7 + 40_000) };
        let later = tx.relay(at(100), leap, 96, 60).unwrap();
        assert_eq!(later.timestamp, relayed.timestamp.wrapping_add(40_000), "0.8 s: no leap");
    }

    /// What is sent: own audio, a relayed packet, an event of ours.
    #[derive(Clone, Debug)]
    enum Step {
        Own,
        Relay(Relayed),
        Event,
        Unsplice,
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let relayed =
            (prop::bool::weighted(0.1), any::<bool>(), any::<u16>(), any::<u32>(), 0..481u32);
        prop_oneof![
            3 => Just(Step::Own),
            4 => relayed.prop_map(|(first, marker, sequence, timestamp, samples)| {
                Step::Relay(Relayed { first, marker, sequence, timestamp, ticks: samples })
            }),
            1 => Just(Step::Event),
            1 => Just(Step::Unsplice),
        ]
    }

    proptest! {
        /// Whatever changes: what is ours never repeats a number, and audio of ours never goes back.
        #[test]
        fn own_audio_always_goes_on(steps in prop::collection::vec((any_step(), 0..60u64), 1..200)) {
            let (mut tx, mut now) = (tx(), 0);
            let mut next = None;
            let mut cursor: Option<u32> = None;
            for (step, wait) in steps {
                now += wait;
                match step {
                    Step::Own => {
                        let header = tx.own(at(now), 8, 160, 160);
                        prop_assert!(next.is_none_or(|n| n == header.sequence));
                        prop_assert!(cursor.is_none_or(|c| diff32(header.timestamp, c) >= 0));
                        cursor = Some(header.timestamp.wrapping_add(160));
                        next = Some(header.sequence.wrapping_add(1));
                    }
                    Step::Event => {
                        let began = tx.begin_event(at(now));
                        let header = tx.event(101, began, true, 4);
                        tx.skip(at(now), 160);
                        next = Some(header.sequence.wrapping_add(1));
                        cursor = Some(began);
                    }
                    Step::Relay(packet) => {
                        if tx.relay(at(now), packet, 8, packet.ticks as usize).is_some() {
                            // A relayed stream may leave gaps or go back within itself.
                            (next, cursor) = (Some(tx.sequence), Some(tx.cursor));
                        }
                    }
                    Step::Unsplice => tx.unsplice(),
                }
            }
        }
    }
}
