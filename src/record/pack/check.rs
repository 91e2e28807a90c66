//! Whether a packed recording holds what the WAV holds: read to its end, as long as it was, and each
//! second of each channel about as loud.

use core::fmt;

use super::unpack::Unpacker;
use super::{PACKET, RATE, TICKS, sample};
use crate::dsp::codec::NoMemory;
use crate::media::control::RecordFormat;

/// Samples over which loudness is compared: one second.
const SPAN: u32 = RATE.hz();
/// A second whose mean square is less than this (−48 dBov) is silence, and may be coded as such.
const LOUD: u64 = 130 * 130;
/// A loud second may become so much louder or softer (10 dB in power).
const FACTOR: u64 = 10;
/// Of so many loud seconds one may differ: codecs do not carry every noise.
const RARE: u64 = 20;

/// Why the WAV has to stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It does not begin as [`Packer`](super::Packer) begins a file.
    Head,
    /// A packet cannot be read; holds its number, from 0.
    Packet(u64),
    /// It holds so many samples of each channel, not as many as the WAV.
    Length {
        /// The packed file.
        packed: u64,
        /// The WAV.
        wav: u64,
    },
    /// Seconds of a channel are much louder or softer than they were.
    Sound {
        /// 0: left, 1: right.
        channel: usize,
        /// How many.
        seconds: u64,
    },
    /// No memory for the decoders.
    Memory,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Head => f.write_str("the packed file's head does not read back"),
            Fault::Packet(n) => write!(f, "packet {n} of the packed file does not read back"),
            Fault::Length { packed, wav } => {
                write!(f, "the packed file has {packed} samples and the WAV {wav}")
            }
            Fault::Sound { channel, seconds } => {
                let side = if *channel == 0 { "left" } else { "right" };
                write!(f, "{seconds} s of the {side} channel sound otherwise than in the WAV")
            }
            Fault::Memory => f.write_str("no memory to read the packed file back"),
        }
    }
}

impl From<NoMemory> for Fault {
    fn from(_: NoMemory) -> Fault {
        Fault::Memory
    }
}

/// Mean squares of one channel: of the WAV and of what was decoded.
#[derive(Clone, Copy, Default)]
struct Loudness {
    wav: u64,
    packed: u64,
    loud: u64,
    other: u64,
}

impl Loudness {
    /// A second is over.
    fn settle(&mut self, samples: u32) {
        let (wav, packed) = (self.wav / u64::from(samples), self.packed / u64::from(samples));
        let loud = wav >= LOUD;
        self.loud += u64::from(loud);
        let same = packed <= wav.max(LOUD) * FACTOR && packed.max(1) * FACTOR >= wav;
        self.other += u64::from(!same && (loud || packed > LOUD * FACTOR));
        (self.wav, self.packed) = (0, 0);
    }
}

/// Reads a packed file beside its WAV.
pub struct Checker {
    format: RecordFormat,
    unpacker: Unpacker,
    pcm: [[i16; PACKET]; 2],
    from: usize,
    to: usize,
    loudness: [Loudness; 2],
    /// Samples into the present second, and compared in all.
    into: u32,
    compared: u64,
}

impl Checker {
    /// Of a file whose first packet is `head`.
    pub fn new(format: RecordFormat, head: &[u8]) -> Result<Checker, Fault> {
        Ok(Checker {
            format,
            unpacker: Unpacker::new(head)?,
            pcm: [[0; PACKET]; 2],
            from: 0,
            to: 0,
            loudness: [Loudness::default(); 2],
            into: 0,
            compared: 0,
        })
    }

    /// Takes the next packet of sound and says how many frames of the WAV belong to it, for
    /// [`Checker::frames`].
    pub fn packet(&mut self, packet: &[u8]) -> Result<usize, Fault> {
        let samples = self.unpacker.packet(packet)?;
        for (pcm, samples) in self.pcm.iter_mut().zip(samples) {
            pcm[..samples.len()].copy_from_slice(samples);
        }
        (self.from, self.to) = (0, samples[0].len());
        Ok(self.to)
    }

    /// Compares with the WAV's next frames. Fewer than belong to the packet: they are its last.
    pub fn frames(&mut self, bytes: &[u8]) {
        let width = self.format.sample_bytes();
        for frame in bytes.chunks_exact(self.format.frame_bytes()) {
            if self.from == self.to {
                return;
            }
            for (channel, wav) in frame.chunks_exact(width).enumerate() {
                let loudness = &mut self.loudness[channel];
                loudness.wav += square(sample(self.format, wav));
                loudness.packed += square(self.pcm[channel][self.from]);
            }
            self.from += 1;
            self.compared += 1;
            self.into += 1;
            if self.into == SPAN {
                self.settle();
            }
        }
    }

    fn settle(&mut self) {
        if self.into > 0 {
            self.loudness.iter_mut().for_each(|loudness| loudness.settle(self.into));
        }
        self.into = 0;
    }

    /// The file ends, its last page with `granule`; the WAV has `samples` of each channel.
    pub fn finish(mut self, granule: u64, samples: u64) -> Result<(), Fault> {
        self.settle();
        let packed = granule.saturating_sub(u64::from(self.unpacker.head().pre_skip)) / TICKS;
        if packed != samples || self.compared != samples {
            return Err(Fault::Length { packed: packed.min(self.compared), wav: samples });
        }
        for (channel, loudness) in self.loudness.iter().enumerate() {
            if loudness.other > 1 + loudness.loud / RARE {
                return Err(Fault::Sound { channel, seconds: loudness.other });
            }
        }
        Ok(())
    }
}

fn square(sample: i16) -> u64 {
    let sample = i64::from(sample);
    (sample * sample) as u64
}
