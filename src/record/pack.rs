//! A recording packed: the WAV of a call that is over becomes Ogg/Opus, a fifth to a tenth of it (R5: twelve
//! months of thirty channels on 2 TB).
//!
//! ```text
//!   WAV ─ frames ─▶ left  ─▶ Opus ┐ 60 ms each, nothing in silence
//!                 └▶ right ─▶ Opus ┴▶ one packet of two streams ─▶ Ogg ─┐
//!   WAV ─ frames ─▶ is each second as loud as it was? ◀─ decode ◀──────┘   check, before the WAV goes
//! ```
//!
//! What the check finds to sound otherwise is packed once more with its pauses kept ([`Pauses`]).
//!
//! The two channels are two streams: each party stays in its own ([`ogg_opus`](crate::wire::ogg_opus)).
//!
//! **The sum.** Thirty channels of A-law in two directions for twelve months are
//! 30 × 31,536,000 s × 16,000 B = 15.1 TB if no channel is ever idle. Packed, a conversation in which one
//! listens while the other speaks takes about 1,500 B/s ([`BIT_RATE`] while somebody speaks, next to
//! nothing in silence, and Ogg's part): 1.4 TB, with no channel ever idle. Where nobody is ever silent (line
//! noise on the side that listens, both speaking at once) it is up to 2,960 B/s: 2 TB then hold twelve
//! months of channels that are in use seven tenths of the time, day and night.
//!
//! Opens no file: bytes in, bytes out. The engine's `pack` thread reads, writes and removes.

mod check;
mod unpack;

use ogg::{PacketWriteEndInfo, PacketWriter};

pub use self::check::{Checker, Fault};
pub use self::unpack::Unpacker;

use crate::dsp::codec::NoMemory;
use crate::dsp::opus::{Encoder, Line, Settings};
use crate::dsp::{g711, rate::Rate};
use crate::media::control::RecordFormat;
use crate::wire::ogg_opus::{GRANULE_HZ, Head, tags};
use crate::wire::opus_packet::Frames;

/// Payload bit/s of each channel while somebody speaks in it.
pub const BIT_RATE: u32 = 12_000;
/// Samples of a recording, a second.
const RATE: Rate = Rate::Khz8;
/// Milliseconds in a packet: long, since nobody waits for it and each costs its overhead.
const PACKET_MS: u32 = 60;
/// Samples of each channel in a packet.
const PACKET: usize = RATE.samples(PACKET_MS);
/// Ticks of Ogg's clock in a sample.
const TICKS: u64 = (GRANULE_HZ / RATE.hz()) as u64;
/// Packets in a page: 2.4 s.
const PAGE_PACKETS: u32 = 40;
/// The number of the only stream in the file.
const SERIAL: u32 = 1;
/// Longest payload of one channel.
const PAYLOAD: usize = 1_276;
/// A packet of silence: 60 ms of SILK, narrow band, without a byte of it (RFC 6716 §3.1).
const SILENCE: [u8; 1] = [3 << 3];

/// What becomes of what Opus takes for nobody speaking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pauses {
    /// It takes next to no room. A steady tone (a fax machine, a line's tone) is taken for noise too and
    /// goes with it, which [`Checker`] finds: [`Fault::Sound`].
    LeftOut,
    /// It is coded like all else: what is heard of any recording, in up to 2,960 B/s.
    Kept,
}

/// Packs one recording.
pub struct Packer {
    format: RecordFormat,
    channels: [Channel; 2],
    /// Samples of each channel that came.
    samples: u64,
    /// Samples of each channel in packets.
    coded: u64,
    /// Samples by which what is decoded is late.
    delay: u64,
    /// The last packet made; the very last is marked as such.
    waiting: Option<Vec<u8>>,
    packets: u32,
    pages: PacketWriter<'static, Vec<u8>>,
}

struct Channel {
    encoder: Encoder,
    pcm: [i16; PACKET],
    filled: usize,
    payload: [u8; PAYLOAD],
}

impl Channel {
    fn new(pauses: Pauses) -> Result<Channel, NoMemory> {
        let line = Line { bit_rate: 1_000_000, header: 0 };
        let dtx = pauses == Pauses::LeftOut;
        let settings = Settings { bit_rate: BIT_RATE, dtx, line, ..Settings::new(RATE) };
        let encoder = Encoder::new(settings)?;
        Ok(Channel { encoder, pcm: [0; PACKET], filled: 0, payload: [0; PAYLOAD] })
    }

    /// The packet of what is filled.
    fn code(&mut self) -> &[u8] {
        self.filled = 0;
        match self.encoder.encode(&self.pcm, &mut self.payload) {
            Ok(0) | Err(_) => &SILENCE, // its length and room are right: it cannot fail
            Ok(bytes) => &self.payload[..bytes],
        }
    }
}

impl Packer {
    /// For a recording in `format`; `comments` (names and values) go into the file's tags.
    pub fn new(
        format: RecordFormat,
        pauses: Pauses,
        comments: &[(&str, &str)],
    ) -> Result<Packer, NoMemory> {
        let mut channels = [Channel::new(pauses)?, Channel::new(pauses)?];
        let delay = channels[0].encoder.delay() as u64;
        let mut packer = Packer {
            format,
            channels,
            samples: 0,
            coded: 0,
            delay,
            waiting: None,
            packets: 0,
            pages: PacketWriter::new(Vec::new()),
        };
        let head = Head { pre_skip: (delay * TICKS) as u16, rate_hz: RATE.hz() };
        packer.page(head.write(), PacketWriteEndInfo::EndPage, 0);
        packer.page(tags("Belfry", comments), PacketWriteEndInfo::EndPage, 0);
        Ok(packer)
    }

    /// Takes the next frames of the WAV, whole ones.
    pub fn frames(&mut self, bytes: &[u8]) {
        let width = self.format.sample_bytes();
        for frame in bytes.chunks_exact(self.format.frame_bytes()) {
            let (left, right) = frame.split_at(width);
            self.samples += 1;
            self.push([sample(self.format, left), sample(self.format, right)]);
        }
    }

    /// What has become of them so far; the file's next bytes.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(self.pages.inner_mut())
    }

    /// No more frames: the file's last bytes, and its length in samples of each channel.
    pub fn finish(mut self) -> (Vec<u8>, u64) {
        while self.coded < self.samples + self.delay || self.waiting.is_none() {
            self.push([0, 0]);
        }
        let end = (self.samples + self.delay) * TICKS;
        if let Some(last) = self.waiting.take() {
            self.page(last, PacketWriteEndInfo::EndStream, end);
        }
        (self.pages.into_inner(), self.samples)
    }

    fn push(&mut self, frame: [i16; 2]) {
        for (channel, sample) in self.channels.iter_mut().zip(frame) {
            channel.pcm[channel.filled] = sample;
            channel.filled += 1;
        }
        if self.channels[0].filled == PACKET {
            self.packet();
        }
    }

    /// Codes both channels into one packet, and lets go the one before.
    fn packet(&mut self) {
        let [left, right] = &mut self.channels;
        let mut packet = Vec::with_capacity(256);
        // What libopus has just made is a packet.
        match Frames::parse(left.code()) {
            Ok(frames) => frames.write_delimited(&mut packet),
            Err(_) => packet.extend([SILENCE[0], 0]),
        }
        packet.extend_from_slice(right.code());
        if let Some(before) = self.waiting.replace(packet) {
            self.packets += 1;
            let end = match self.packets.is_multiple_of(PAGE_PACKETS) {
                true => PacketWriteEndInfo::EndPage,
                false => PacketWriteEndInfo::NormalPacket,
            };
            self.page(before, end, self.coded * TICKS);
        }
        self.coded += PACKET as u64;
    }

    fn page(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) {
        let written = self.pages.write_packet(packet, SERIAL, end, granule);
        debug_assert!(written.is_ok(), "a Vec takes all: {written:?}");
    }
}

/// One sample of a WAV's frame.
fn sample(format: RecordFormat, bytes: &[u8]) -> i16 {
    match (format, bytes) {
        (RecordFormat::Alaw, [code, ..]) => g711::alaw_sample(*code),
        (RecordFormat::Pcm16, [low, high, ..]) => i16::from_le_bytes([*low, *high]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
