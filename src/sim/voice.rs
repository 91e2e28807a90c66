//! A phone's mouth and ear: RTP made and judged independently of the media plane.
//!
//! The [`Mouth`] speaks a steady tone (each phone its own), so that whoever hears it knows whom;
//! its clock may run fast or slow. The [`Ear`] lays what it hears on a line by RTP timestamp, so
//! that a gap, a jump or a foreign voice shows in the samples.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::base::seq::{diff16, diff32};
use crate::base::{Duration, Time};
use crate::dsp::narrow::{Decoder, Encoder};
use crate::dsp::opus::Settings;
use crate::media::control::Codec;
use crate::wire::rtp::{self, HEADER_LEN, Header};

/// Samples of one packet: 20 ms at 8 kHz.
pub const FRAME: usize = 160;
/// The most that an ear keeps: one hour.
const MAX_SAMPLES: usize = 8_000 * 3_600;
/// A timestamp further off than this many samples is another stream's beginning, not a gap: 10 s.
const MAX_GAP: i32 = 80_000;
/// Bytes of the longest payload that is spoken.
const MAX_PAYLOAD: usize = 1_000;

/// Speaks.
#[derive(Debug)]
pub struct Mouth {
    /// Names the stream.
    pub ssrc: u32,
    /// The tone, in hertz; 0: silence.
    pub hz: f64,
    /// How long the tone sounds and how long it does not, in turn, milliseconds; none: it always does.
    pub cadence: Option<[u32; 2]>,
    /// Of so many packets it sends one, as who suppresses silence: 1 sends all, 0 is taken as 1.
    pub one_of: u32,
    /// How much faster than true its clock runs, in parts per million.
    ppm: f64,
    codec: Codec,
    encoder: Encoder,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    spoken: u64,
    /// Since when its clock runs as it does, and the packets spoken by then.
    began: Time,
    begin: u64,
    digits: Vec<(char, u16)>,
    /// What is said instead of the tone, first.
    said: VecDeque<i16>,
    digit_at: u16,
    digit_payload_type: u8,
    /// Ticks of the events' clock in a sample.
    digit_ticks: u32,
}

impl Mouth {
    /// Speaks from `now`, a tone of `hz`.
    pub fn new(now: Time, ssrc: u32, hz: f64, codec: Codec, payload_type: u8) -> Mouth {
        Mouth {
            ssrc,
            hz,
            cadence: None,
            one_of: 1,
            ppm: 0.0,
            codec,
            encoder: Encoder::new(codec, Settings::new).expect("memory for a phone"),
            payload_type,
            sequence: ssrc as u16,
            timestamp: ssrc.rotate_left(7),
            spoken: 0,
            began: now,
            begin: 0,
            digits: Vec::new(),
            said: VecDeque::new(),
            digit_at: 0,
            digit_payload_type: 101,
            digit_ticks: 1,
        }
    }

    /// Queues a DTMF digit as telephone-events (RFC 4733) of `packets` × 20 ms.
    pub fn press(&mut self, digit: char, packets: u16, payload_type: u8) {
        self.digits.push((digit, packets));
        self.digit_payload_type = payload_type;
    }

    /// Says these samples of 8 kHz next, after what it is still saying of that kind.
    pub fn say(&mut self, samples: &[i16]) {
        self.said.extend(samples);
    }

    /// Its telephone-events count `hz` ticks a second from now on.
    pub fn set_event_clock(&mut self, hz: u32) {
        self.digit_ticks = hz / 8_000;
    }

    /// Its next packet has this number.
    pub fn begin_at(&mut self, sequence: u16) {
        self.sequence = sequence;
    }

    /// Its clock runs `ppm` faster than true from now on.
    pub fn set_ppm(&mut self, ppm: f64) {
        (self.began, self.begin) = (self.next(), self.spoken);
        self.ppm = ppm;
    }

    /// When the next packet is due.
    pub fn next(&self) -> Time {
        let ns = (self.spoken - self.begin) as f64 * 20e6 / (1.0 + self.ppm * 1e-6);
        self.began + Duration::from_nanos(ns as u64)
    }

    /// How many packets' time one takes: a key's are all sent.
    fn step(&self) -> u32 {
        if self.digits.is_empty() { self.one_of.max(1) } else { 1 }
    }

    /// The packet that is due now.
    pub fn speak(&mut self) -> Vec<u8> {
        let mut packet = vec![0; HEADER_LEN];
        let mut header = Header {
            marker: self.spoken == 0,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        if let Some((digit, packets)) = self.digits.first().copied() {
            // All packets of an event carry its first timestamp (§2.5.1.2); the last three its end.
            let begun = u32::from(self.digit_at) * self.ticks();
            header.timestamp = self.timestamp.wrapping_sub(begun);
            header.marker = self.digit_at == 0;
            header.payload_type = self.digit_payload_type;
            let code = "0123456789*#ABCD".find(digit).unwrap_or(0) as u8;
            let end = self.digit_at + 1 >= packets;
            let duration =
                (self.digit_at + 1).min(packets) * FRAME as u16 * self.digit_ticks as u16;
            packet.extend([code, u8::from(end) << 7 | 10]);
            packet.extend(duration.to_be_bytes());
            self.digit_at += 1;
            if self.digit_at >= packets + 2 {
                self.digits.remove(0);
                self.digit_at = 0;
            }
        } else {
            let samples = self.samples();
            packet.resize(HEADER_LEN + MAX_PAYLOAD, 0);
            let coded = self.encoder.encode(&samples, &mut packet[HEADER_LEN..]);
            packet.truncate(HEADER_LEN + coded.expect("20 ms fit a packet"));
        }
        let head = packet.first_chunk_mut::<HEADER_LEN>().expect("begun with a header's length");
        rtp::write_header(head, header);
        self.sequence = self.sequence.wrapping_add(1);
        let step = self.step();
        self.timestamp = self.timestamp.wrapping_add(self.ticks() * step);
        self.spoken += u64::from(step);
        packet
    }

    /// Ticks of its RTP clock in a packet.
    fn ticks(&self) -> u32 {
        FRAME as u32 * self.codec.ticks_per_sample()
    }

    fn samples(&mut self) -> [i16; FRAME] {
        if !self.said.is_empty() {
            return core::array::from_fn(|_| self.said.pop_front().unwrap_or(0));
        }
        let step = core::f64::consts::TAU * self.hz / 8_000.0;
        let first = (self.spoken * FRAME as u64) as f64;
        let ms = self.spoken * 20;
        if self.cadence.is_some_and(|[on, off]| ms % u64::from(on + off) >= u64::from(on)) {
            return [0; FRAME];
        }
        core::array::from_fn(|n| (((first + n as f64) * step).sin() * 6_000.0) as i16)
    }
}

/// Listens.
#[derive(Debug, Default)]
pub struct Ear {
    samples: Vec<i16>,
    decoder: Option<(Codec, Decoder)>,
    /// Timestamp of `samples[offset]`, SSRC and newest sequence number.
    stream: Option<(u32, u32, u16)>,
    /// Where the present stream begins in `samples`.
    offset: usize,
    /// The telephone-events heard, each once.
    pub digits: String,
    last_digit: Option<u32>,
    /// Packets heard.
    pub packets: u64,
    /// Packets out of sequence: lost before them, or late themselves.
    pub disorder: u64,
    /// When the first and the last packet came.
    pub heard: Option<(Time, Time)>,
    /// From whom the last came.
    pub from: Option<SocketAddr>,
    /// The longest time between two packets.
    pub longest_pause: Duration,
}

impl Ear {
    /// Hears one datagram; `codec` as negotiated, `events` the payload type of telephone-event.
    pub fn hear(&mut self, now: Time, from: SocketAddr, bytes: &[u8], codec: Codec, events: u8) {
        let Ok(packet) = rtp::Packet::parse(bytes) else { return };
        self.packets += 1;
        let first = self.heard.map_or(now, |(first, last)| {
            self.longest_pause = self.longest_pause.max(now.since(last));
            first
        });
        self.heard = Some((first, now));
        self.from = Some(from);
        let ticks = codec.ticks_per_sample();
        let same = self.stream.filter(|(start, ssrc, _)| {
            *ssrc == packet.ssrc()
                && diff32(
                    packet.timestamp(),
                    start.wrapping_add((self.samples.len() - self.offset) as u32 * ticks),
                )
                .unsigned_abs()
                    < MAX_GAP as u32 * ticks
        });
        let (start, _, newest) = same.unwrap_or_else(|| {
            self.offset = self.samples.len();
            (packet.timestamp(), packet.ssrc(), packet.sequence().wrapping_sub(1))
        });
        let step = diff16(packet.sequence(), newest);
        self.disorder += u64::from(step != 1);
        self.stream =
            Some((start, packet.ssrc(), if step > 0 { packet.sequence() } else { newest }));
        if packet.payload_type() == events {
            return self.event(&packet);
        }
        let ahead = diff32(packet.timestamp(), start) / ticks as i32;
        let at = self.offset as i64 + i64::from(ahead);
        let Ok(at) = usize::try_from(at) else { return };
        let mut pcm = [0; 10 * FRAME];
        let count = self.decode(codec, packet.payload(), &mut pcm);
        let end = at + count;
        if end > MAX_SAMPLES {
            return;
        }
        if self.samples.len() < end {
            self.samples.resize(end, 0);
        }
        self.samples[at..end].copy_from_slice(&pcm[..count]);
    }

    fn decode(&mut self, codec: Codec, payload: &[u8], pcm: &mut [i16]) -> usize {
        if self.decoder.as_ref().is_none_or(|(known, _)| *known != codec) {
            self.decoder = Decoder::new(codec).ok().map(|decoder| (codec, decoder));
        }
        let decoded = self.decoder.as_mut().and_then(|(_, d)| d.decode(payload, pcm).ok());
        decoded.unwrap_or(0)
    }

    fn event(&mut self, packet: &rtp::Packet<'_>) {
        let Some(digit) =
            packet.payload().first().and_then(|c| b"0123456789*#ABCD".get(usize::from(*c)))
        else {
            return;
        };
        if self.last_digit != Some(packet.timestamp()) {
            self.last_digit = Some(packet.timestamp());
            self.digits.push(char::from(*digit));
        }
    }

    /// All that was heard, 8 kHz; silence where nothing came.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }
    /// Forgets what was heard so far, so that a test can look at the next part alone.
    pub fn forget(&mut self) {
        *self = Ear {
            digits: core::mem::take(&mut self.digits),
            last_digit: self.last_digit,
            ..Ear::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::dominant_tone;

    #[test]
    fn the_ear_hears_what_the_mouth_says() {
        for codec in [Codec::Pcma, Codec::G722, Codec::Opus] {
            heard_in(codec);
        }
    }

    fn heard_in(codec: Codec) {
        let from: SocketAddr = "10.0.0.1:4000".parse().unwrap();
        let mut mouth = Mouth::new(Time::ZERO, 0xffff_fff0, 440.0, codec, 8);
        mouth.set_event_clock(codec.clock_rate());
        mouth.set_ppm(500.0);
        let mut ear = Ear::default();
        for n in 0..100 {
            if n == 50 {
                mouth.press('7', 5, 96);
            }
            let at = mouth.next();
            ear.hear(at, from, &mouth.speak(), codec, 96);
        }
        assert_eq!((ear.digits.as_str(), ear.disorder, ear.packets), ("7", 0, 100));
        assert_eq!(ear.samples().len(), 100 * FRAME);
        let heard = dominant_tone(&ear.samples()[FRAME..40 * FRAME], &[440.0, 600.0]).unwrap();
        assert_eq!(heard.hz, 440.0);
        assert!(mouth.next() < Time::from_millis(2_000), "its clock runs fast");
    }
}
