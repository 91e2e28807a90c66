//! Digits heard as telephone-events (RFC 4733 §2.3 to §2.6): one report for each key press.
//!
//! ```text
//!  one press     ┌─────┬─────┬─────┬─────┬────┐┌────┐┌────┐      all with the timestamp of its
//!  as packets    │M 160│ 320 │ 480 │ 640 │E800││E800││E800│      beginning; E: ended, three times
//!                └─────┴─────┴─────┴─────┴────┘└────┘└────┘
//!  a long one    …│ 65,535 │ │160 …   a new segment: timestamp + 65,535, the same event, no marker
//! ```
//!
//! Any packet of an event can be lost. So the first one seen begins it, whichever it is; and it ends
//! with the first end packet, the next event, or [`SILENCE`]. Stragglers of an earlier event are told
//! by their timestamp: a key cannot go down before the last one came up.
//!
//! Not here: the four bytes ([`wire::telephone_event`](crate::wire::telephone_event)), tones in audio
//! ([`dsp::dtmf_detect`](crate::dsp::dtmf_detect)), passing events on ([`bridge`](super::bridge)).

use serde::{Deserialize, Serialize};

use crate::base::seq::diff32;
use crate::base::{Duration, Time};
use crate::wire::telephone_event::{Event, digit_of};

/// An event of which nothing more comes is over after this long: three updates of 50 ms were lost.
pub const SILENCE: Duration = Duration::from_millis(200);
/// How long after a key came up its packets may still be under way.
const STRAGGLERS: Duration = Duration::from_secs(2);
/// Digits that may come at once: a burst after the network stalled.
const BURST: u8 = 32;
/// Beyond a burst, one digit in this time; a faster sender floods. (Dialling machines: 65 ms.)
const PACE: Duration = Duration::from_millis(40);
/// Some senders (Sonus) move the timestamp on with each packet of one event. A packet is taken for
/// the event's own when it is no further on than this many samples of 8 kHz (120 ms).
const CREEP: i32 = 960;
/// And when its duration grew by as much as its timestamp, but for this much (a packet of 20 ms).
const UNEVEN: u32 = 160;

/// One telephone-event packet, as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventPacket {
    /// RTP timestamp: when the key went down.
    pub timestamp: u32,
    /// RTP marker: the first packet of an event.
    pub marker: bool,
    /// Its payload.
    pub event: Event,
}

/// What a packet told.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Told {
    /// A digit that was sounding is over.
    pub ended: Option<Ended>,
    /// A digit begins.
    pub began: Option<char>,
    /// And is over already: the packet was its end. Its length in samples of 8 kHz.
    pub at_once: Option<u32>,
    /// The key to which the packet belongs.
    pub key: Option<Key>,
}

/// A key as one of its packets tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Timestamp of its beginning.
    pub began: u32,
    /// How long it is so far, ticks of the events' clock.
    pub ticks: u32,
}

/// A digit's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which digit.
    pub digit: char,
    /// How long it was, samples of 8 kHz.
    pub samples: u32,
}

/// Hears the events of one stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DtmfRx {
    state: State,
    /// Digits that may still come at once, and when one more was added.
    allowance: u8,
    allowed_at: Time,
    /// Digits refused as a flood.
    flooded: u64,
    /// Ticks of the events' clock in a sample of 8 kHz, and of the timestamps' in the events'.
    ticks: u32,
    stamps: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum State {
    /// No key was pressed yet.
    Fresh,
    /// No key is down; the last one.
    Up(Up),
    /// A key is down.
    Down(Down),
}

/// The key that was down last, its last segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Up {
    timestamp: u32,
    duration: u16,
    before: u32,
    began: u32,
    at: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Down {
    code: u8,
    /// Of the current segment.
    timestamp: u32,
    /// Of the current segment.
    duration: u16,
    /// Of the segments before.
    before: u32,
    /// Timestamp of the first segment.
    began: u32,
    heard: Time,
}

impl Default for DtmfRx {
    fn default() -> DtmfRx {
        DtmfRx {
            state: State::Fresh,
            allowance: BURST,
            allowed_at: Time::ZERO,
            flooded: 0,
            ticks: 1,
            stamps: 1,
        }
    }
}

impl DtmfRx {
    /// Durations count `event_hz` ticks a second from now on, timestamps `codec_hz`: the same, unless
    /// the peer takes only events of another clock. Multiples of 8,000. (baresip 1.0 then counts the
    /// durations by its codec all the same, so nothing is concluded from a timestamp and a duration
    /// together that would take one key for another.)
    pub fn set_clock(&mut self, event_hz: u32, codec_hz: u32) {
        self.ticks = (event_hz / 8_000).max(1);
        self.stamps = (codec_hz / event_hz.max(1)).max(1);
    }

    /// Takes one packet. Events that are no digits (flash, fax tones) tell nothing.
    pub fn packet(&mut self, now: Time, packet: EventPacket) -> Told {
        if digit_of(packet.event.code).is_none() {
            return Told::default();
        }
        match self.state {
            State::Fresh => self.press(now, packet),
            State::Up(up) if up.covers(now, packet.timestamp) => {
                Told { key: up.key(packet.timestamp), ..Told::default() }
            }
            State::Up(_) => self.press(now, packet),
            State::Down(down) if diff32(packet.timestamp, down.timestamp) < 0 => Told::default(),
            State::Down(down) => match down.joined(now, packet, self.ticks, self.stamps) {
                Some(down) if packet.event.end => {
                    self.state = State::Up(down.up(now));
                    let ended = Some(down.ended(self.ticks));
                    Told { ended, key: Some(down.key()), ..Told::default() }
                }
                Some(down) => {
                    self.state = State::Down(down);
                    Told { key: Some(down.key()), ..Told::default() }
                }
                None => Told { ended: Some(down.ended(self.ticks)), ..self.press(now, packet) },
            },
        }
    }

    /// Ends a digit of which nothing more came.
    pub fn wake(&mut self, now: Time) -> Option<Ended> {
        let State::Down(down) = self.state else {
            return None;
        };
        if now.since(down.heard) < SILENCE {
            return None;
        }
        self.state = State::Up(down.up(now));
        Some(down.ended(self.ticks))
    }

    /// The stream is another now: timestamps mean nothing any more.
    pub fn restart(&mut self) -> Option<Ended> {
        match core::mem::replace(&mut self.state, State::Fresh) {
            State::Down(down) => Some(down.ended(self.ticks)),
            _ => None,
        }
    }

    /// Whether a key is down.
    pub fn is_down(&self) -> bool {
        matches!(self.state, State::Down(_))
    }

    /// Digits that came faster than any key can be pressed and were not told.
    pub fn flooded(&self) -> u64 {
        self.flooded
    }

    /// A new event: its first packet that was seen.
    fn press(&mut self, now: Time, packet: EventPacket) -> Told {
        let down = Down {
            code: packet.event.code,
            timestamp: packet.timestamp,
            duration: packet.event.duration,
            before: 0,
            began: packet.timestamp,
            heard: now,
        };
        let allowed = self.allowed(now);
        self.flooded += u64::from(!allowed);
        self.state = match allowed && !packet.event.end {
            true => State::Down(down),
            false => State::Up(down.up(now)),
        };
        let at_once = packet.event.end.then_some(u32::from(down.duration) / self.ticks);
        Told {
            ended: None,
            began: digit_of(down.code).filter(|_| allowed),
            at_once: at_once.filter(|_| allowed),
            key: allowed.then(|| down.key()),
        }
    }

    /// A token bucket: bursts pass, floods do not.
    fn allowed(&mut self, now: Time) -> bool {
        let more = now.since(self.allowed_at).as_nanos() / PACE.as_nanos();
        if more > 0 {
            self.allowance =
                u128::from(self.allowance).saturating_add(more).min(BURST.into()) as u8;
            self.allowed_at = now;
        }
        let allowed = self.allowance > 0;
        self.allowance = self.allowance.saturating_sub(1);
        allowed
    }
}

impl Up {
    /// Whether an event of `timestamp` is this one again, or older. Timestamps that lie far back when
    /// no straggler can be under way any more are a sender's that began anew.
    fn covers(self, now: Time, timestamp: u32) -> bool {
        let ahead = diff32(timestamp, self.timestamp);
        match now.since(self.at) < STRAGGLERS {
            true => ahead <= 0 || ahead < i32::from(self.duration),
            false => ahead == 0,
        }
    }

    /// The key again, for one of its own last packets.
    fn key(self, timestamp: u32) -> Option<Key> {
        let ticks = self.before + u32::from(self.duration);
        (timestamp == self.timestamp).then_some(Key { began: self.began, ticks })
    }
}

impl Down {
    /// This key press after `packet`, if that belongs to it.
    fn joined(self, now: Time, packet: EventPacket, ticks: u32, stamps: u32) -> Option<Down> {
        let ahead = diff32(packet.timestamp, self.timestamp);
        if packet.event.code != self.code {
            return None;
        }
        let longer = Down { heard: now, ..self };
        if ahead == 0 {
            return Some(Down { duration: self.duration.max(packet.event.duration), ..longer });
        }
        // §2.5.1.3: a long event goes on in the next segment, which begins where the last is full.
        // That full packet may be lost, so the next segment may be a segment's length ahead.
        let segment = i64::from(u16::MAX);
        if !packet.marker
            && (i64::from(ahead) == segment || i64::from(ahead) == segment * i64::from(stamps))
        {
            return Some(Down {
                timestamp: packet.timestamp,
                duration: packet.event.duration,
                before: self.before + u32::from(u16::MAX),
                ..longer
            });
        }
        let creep = CREEP * ticks as i32;
        let grown = i64::from(packet.event.duration) - i64::from(self.duration);
        let slack = i64::from(UNEVEN * ticks * stamps);
        let in_step = |grown: i64| (i64::from(ahead) - grown).abs() <= slack;
        let creeps = !packet.marker
            && ahead <= creep
            && grown > 0
            && (in_step(grown) || in_step(grown * i64::from(stamps)));
        creeps.then_some(Down {
            timestamp: packet.timestamp,
            duration: packet.event.duration,
            ..longer
        })
    }

    fn up(self, now: Time) -> Up {
        let Down { timestamp, duration, before, began, .. } = self;
        Up { timestamp, duration, before, began, at: now }
    }

    fn key(self) -> Key {
        Key { began: self.began, ticks: self.before + u32::from(self.duration) }
    }

    fn ended(self, ticks: u32) -> Ended {
        let digit = digit_of(self.code).unwrap_or('?');
        Ended { digit, samples: self.key().ticks / ticks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::telephone_event::code_of;
    use proptest::prelude::*;

    fn event(timestamp: u32, marker: bool, code: u8, end: bool, duration: u16) -> EventPacket {
        EventPacket { timestamp, marker, event: Event { code, end, volume: 10, duration } }
    }

    /// The packets of one press: `updates` of 20 ms, then three ends.
    fn press(timestamp: u32, digit: char, updates: u16) -> Vec<EventPacket> {
        let code = code_of(digit).unwrap();
        let update = |n: u16, end| event(timestamp, n == 1, code, end, n * 160);
        let mut packets: Vec<_> = (1..=updates).map(|n| update(n, false)).collect();
        packets.extend([EventPacket { marker: false, ..update(updates + 1, true) }; 3]);
        packets
    }

    /// The digits told of, with packets 20 ms apart.
    fn digits(packets: &[EventPacket]) -> String {
        let mut rx = DtmfRx::default();
        let tell = |(n, p): (usize, &EventPacket)| {
            let now = Time::from_millis(20 * n as u64);
            rx.wake(now);
            rx.packet(now, *p).began
        };
        packets.iter().enumerate().filter_map(tell).collect()
    }

    #[test]
    fn each_press_is_told_once() {
        let packets = [press(0, '1', 4), press(2_000, '1', 1), press(4_000, '#', 10)].concat();
        assert_eq!(digits(&packets), "11#");
    }

    #[test]
    fn any_one_packet_left_of_it_tells_a_press() {
        for n in 0..7 {
            assert_eq!(digits(&press(0, '5', 4)[n..=n]), "5");
        }
    }

    #[test]
    fn lost_ends_do_not_join_presses_nor_split_them() {
        let (a, b) = (press(0, '7', 3), press(1_600, '7', 3));
        assert_eq!(digits(&[&a[..3], &b[..]].concat()), "77", "by timestamp");
        assert_eq!(digits(&[&a[..1], &a[3..]].concat()), "7");
    }

    #[test]
    fn order_and_copies_do_not_matter() {
        let (a, b) = (press(100_000, '8', 3), press(u32::MAX - 100, '9', 3));
        let mut mixed = [&b[..], &a[..0]].concat();
        mixed.extend(press(1_000, '0', 3)); // the timestamp wraps
        mixed.extend(&b[1..]); // stragglers of the first
        mixed.swap(0, 2);
        assert_eq!(digits(&mixed), "90");
    }

    #[test]
    fn a_long_press_is_one_digit_over_its_segments() {
        let segment = |n: u32, duration, end| event(n * 65_535, false, 3, end, duration);
        let packets = [
            segment(0, 160, false),
            segment(0, 65_535, false),
            segment(1, 160, false),
            segment(2, 800, true),
        ];
        let mut rx = DtmfRx::default();
        let told: Vec<_> = packets.iter().map(|p| rx.packet(Time::ZERO, *p)).collect();
        assert_eq!(told[0].began, Some('3'));
        assert!(told[1..3].iter().all(|t| (t.began, t.ended) == (None, None)));
        let whole = Ended { digit: '3', samples: 2 * 65_535 + 800 };
        assert_eq!((told[3].began, told[3].ended), (None, Some(whole)));
    }

    #[test]
    fn creeping_timestamps_are_one_press() {
        let creep: Vec<_> = (1..=6u16)
            .map(|n| event(1_000 + u32::from(n) * 160, n == 1, 4, n == 6, n * 160))
            .collect();
        assert_eq!(digits(&creep), "4");
        // And in the three ends, too.
        let ends = (0..3).map(|n| event(2_120 + n * 160, false, 4, true, 1_120));
        assert_eq!(digits(&[creep, ends.collect()].concat()), "4");
    }

    #[test]
    fn a_press_of_which_only_the_end_came_is_told_with_its_length() {
        let mut rx = DtmfRx::default();
        let told = rx.packet(Time::ZERO, event(0, false, 4, true, 800));
        assert_eq!((told.began, told.at_once, told.ended), (Some('4'), Some(800), None));
    }

    #[test]
    fn a_sender_whose_timestamps_began_anew_is_heard() {
        let mut rx = DtmfRx::default();
        rx.packet(Time::ZERO, event(1_000_000, true, 1, true, 160));
        let early = rx.packet(Time::from_millis(1_999), event(500, true, 2, false, 160));
        assert_eq!(early, Told::default(), "a straggler, maybe");
        let told = rx.packet(Time::from_millis(2_000), event(660, true, 2, false, 160));
        assert_eq!(told.began, Some('2'));
    }

    #[test]
    fn silence_ends_a_press() {
        let mut rx = DtmfRx::default();
        rx.packet(Time::ZERO, press(0, '2', 2)[1]);
        assert_eq!(rx.wake(Time::from_millis(199)), None);
        let ended = Ended { digit: '2', samples: 320 };
        assert_eq!(rx.wake(Time::from_millis(200)), Some(ended));
        let late = press(0, '2', 2)[3];
        let told = rx.packet(Time::from_millis(201), late);
        assert_eq!((told.began, told.ended), (None, None));
    }

    #[test]
    fn a_flood_is_cut_off_and_a_burst_is_not() {
        let mut rx = DtmfRx::default();
        let told = |rx: &mut DtmfRx, n: u32, ms| {
            rx.packet(Time::from_millis(ms), press(n * 1_000, '1', 1)[0]).began.is_some()
        };
        assert_eq!((0..100).filter(|n| told(&mut rx, *n, 0)).count(), 32);
        assert_eq!(rx.flooded(), 68);
        assert!(told(&mut rx, 101, 40) && !told(&mut rx, 102, 41));
    }

    #[test]
    fn what_is_no_digit_tells_nothing() {
        assert_eq!(digits(&[event(0, true, 16, false, 160)]), "");
    }

    #[test]
    fn events_of_8_khz_beside_a_codec_of_48_khz() {
        // By the book, and as baresip counts: 150 ms down, 150 ms up.
        for duration in [1_200, 7_200] {
            let mut rx = DtmfRx::default();
            rx.set_clock(8_000, 48_000);
            let mut heard = String::new();
            for (n, code) in [4, 2, 2].into_iter().enumerate() {
                let (timestamp, at) = (n as u32 * 14_400, n as u64 * 300);
                for (marker, end) in [(true, false), (false, true), (false, true)] {
                    let event = Event { code, end, volume: 10, duration };
                    let packet = EventPacket { timestamp, marker, event };
                    heard.extend(rx.packet(Time::from_millis(at), packet).began);
                }
            }
            assert_eq!(heard, "422");
        }
    }

    proptest! {
        /// Loss of any packets but not all of a press, copies, and neighbours swapped: the same digits.
        /// Of a key pressed twice in a row either the first end or the second beginning comes: else
        /// it may be one press of a sender whose timestamps creep.
        #[test]
        fn digits_survive_what_networks_do(
            presses in prop::collection::vec((0u8..16, 1u16..20, 0u32..5_000), 1..12),
            fate in prop::collection::vec(0u8..10, 400),
            start in any::<u32>(),
        ) {
            let (mut timestamp, mut sent, mut expected) = (start, Vec::new(), String::new());
            for (code, updates, pause) in presses {
                let digit = digit_of(code).unwrap();
                let last = sent.last().copied();
                let open = last.is_some_and(|p: EventPacket| !p.event.end && p.event.code == code);
                expected.push(digit);
                let packets = press(timestamp, digit, updates);
                timestamp = timestamp.wrapping_add(u32::from(updates) * 160 + 480 + pause);
                let fates = &fate[sent.len() % 100..];
                let kept = packets.iter().zip(fates).filter(|(_, f)| **f > 2);
                let before = sent.len();
                if open && fates[0] <= 2 { sent.push(packets[0]); }
                for (packet, f) in kept {
                    sent.push(*packet);
                    if *f == 9 { sent.push(*packet); }
                    let n = sent.len();
                    if *f == 8 && n >= before + 2 { sent.swap(n - 1, n - 2); }
                }
                if sent.len() == before { sent.push(packets[0]); }
            }
            prop_assert_eq!(digits(&sent), expected);
        }

        #[test]
        fn any_packets_are_survived(
            packets in prop::collection::vec((any::<u32>(), any::<bool>(), 0u8..20, any::<bool>(), any::<u16>(), 0u64..500), 0..200),
        ) {
            let (mut rx, mut ms) = (DtmfRx::default(), 0);
            for (timestamp, marker, code, end, duration, wait) in packets {
                ms += wait;
                rx.packet(Time::from_millis(ms), event(timestamp, marker, code, end, duration));
                rx.wake(Time::from_millis(ms));
            }
        }
    }
}
