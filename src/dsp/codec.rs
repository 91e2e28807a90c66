//! The audio codecs of a call under one roof: payload of a packet to samples, and back.
//!
//! On the path: the sample path, once in each received and each sent packet; the relay path never
//! comes here. Dispatch is a `match`, so G.711 costs what its kernel costs.
//!
//! | | samples | RTP clock | packet times | conceals itself |
//! |---|---|---|---|---|
//! | PCMA, PCMU (RFC 3551) | 8 kHz | 8000 | any whole ms to 60 | no |
//! | G722 (RFC 3551 §4.5.2) | 16 kHz | 8000, by an old mistake | any whole ms to 60 | no |
//! | opus (RFC 7587) | 8, 16, 24 or 48 kHz, as each side likes | 48000 | 10, 20, 40, 60 ms | yes, and FEC |
//! | L16 (RFC 3551 §4.5.11) | its clock's | its own | any whole ms to 60 | no |
//!
//! An [`Encoder`] and a [`Decoder`] are made when a stream is negotiated; from then on nothing is
//! allocated. Where both sides of a bridge run at different rates, a
//! [`Resampler`](super::resample::stream::Resampler) stands between them.
//!
//! Not here: payload types and SDP, loss concealment of the codecs that have none
//! ([`conceal`](super::conceal)), comfort noise (RFC 3389).

use core::fmt;

use serde::{Deserialize, Serialize};

use super::rate::Rate;
use super::{g711, g722, opus};

/// Longest packet that is made, milliseconds.
pub const LONGEST_PTIME_MS: u32 = 60;

/// What a stream's audio is coded in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 A-law (static payload type 8).
    Pcma,
    /// G.711 µ-law (static payload type 0).
    Pcmu,
    /// G.722 at 64 kbit/s (static payload type 9).
    G722,
    /// Opus.
    Opus,
    /// 16-bit linear, big-endian, of this RTP clock.
    L16(Rate),
}

impl Codec {
    /// Its encoding name in SDP (RFC 3551 §6, RFC 7587 §7).
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::L16(_) => "L16",
        }
    }

    /// Ticks a second of its RTP timestamps.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
            Codec::L16(rate) => rate.hz(),
        }
    }

    /// Rate of the samples that it codes without loss of band.
    pub const fn rate(self) -> Rate {
        match self {
            Codec::Pcma | Codec::Pcmu => Rate::Khz8,
            Codec::G722 => Rate::Khz16,
            Codec::Opus => Rate::Khz48,
            Codec::L16(rate) => rate,
        }
    }

    /// Whether its coders can run at `rate`: Opus at any, the others at their own only.
    pub fn runs_at(self, rate: Rate) -> bool {
        self == Codec::Opus || self.rate() == rate
    }

    /// The rate at which its coders run where samples of `rate` are wanted: that, if they can.
    pub fn rate_beside(self, rate: Rate) -> Rate {
        if self.runs_at(rate) { rate } else { self.rate() }
    }

    /// Whether packets of so many milliseconds can be made.
    pub fn takes_ptime(self, ms: u32) -> bool {
        match self {
            Codec::Opus => opus::PTIMES_MS.contains(&ms),
            Codec::Pcma | Codec::Pcmu | Codec::G722 | Codec::L16(_) => {
                (1..=LONGEST_PTIME_MS).contains(&ms)
            }
        }
    }

    /// Whether it is one of the two laws of G.711.
    pub const fn is_g711(self) -> bool {
        matches!(self, Codec::Pcma | Codec::Pcmu)
    }

    /// RTP ticks in an eighth of a millisecond: the step from one sample of 8 kHz to the next.
    pub const fn ticks_per_sample(self) -> u32 {
        self.clock_rate() / Rate::Khz8.hz()
    }

    /// RTP ticks that a received payload takes, by its length or its first bytes.
    #[inline]
    pub fn ticks_of(self, payload: &[u8]) -> Result<u32, DecodeError> {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => Ok(payload.len() as u32),
            Codec::Opus => opus::samples(payload, Rate::Khz48).map(|samples| samples as u32),
            Codec::L16(_) if payload.len().is_multiple_of(2) => Ok(payload.len() as u32 / 2),
            Codec::L16(_) => Err(DecodeError::Malformed { bytes: payload.len() }),
        }
    }

    /// RTP ticks that `samples` of `rate` take.
    pub fn ticks(self, samples: usize, rate: Rate) -> u32 {
        (samples as u64 * u64::from(self.clock_rate()) / u64::from(rate.hz())) as u32
    }
}

/// Libopus could not get its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

/// A buffer is too short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Short {
    /// Samples or bytes that it should hold.
    pub needed: usize,
    /// What it holds.
    pub has: usize,
}

/// Why a coder was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenError {
    /// The codec does not run at this rate.
    Rate(Codec, Rate),
    /// There was no memory.
    Memory,
}

/// Why a packet gave no samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// No packet of the codec; so many bytes.
    Malformed {
        /// The payload's length.
        bytes: usize,
    },
    /// It holds more samples than there is room for.
    Room(Short),
    /// So many samples cannot be concealed at once.
    Gap {
        /// What was asked for.
        samples: usize,
    },
}

/// Why samples gave no packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EncodeError {
    /// No packet time of the codec has so many samples.
    Frame {
        /// What was given.
        samples: usize,
    },
    /// The payload needs more room.
    Room(Short),
    /// The line leaves nothing for the payload of packets so short.
    Line {
        /// The packet time, milliseconds.
        ptime_ms: u32,
    },
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no memory for a codec")
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "room for {}, {} are needed", self.has, self.needed)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Rate(codec, rate) => write!(f, "{codec:?} does not run at {} Hz", rate.hz()),
            OpenError::Memory => NoMemory.fmt(f),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Malformed { bytes } => write!(f, "{bytes} bytes that are no packet"),
            DecodeError::Room(short) => short.fmt(f),
            DecodeError::Gap { samples } => write!(f, "{samples} samples cannot be concealed"),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Frame { samples } => write!(f, "{samples} samples are no packet"),
            EncodeError::Room(short) => short.fmt(f),
            EncodeError::Line { ptime_ms } => {
                write!(f, "{ptime_ms} ms packets do not fit the line")
            }
        }
    }
}

impl core::error::Error for NoMemory {}
impl core::error::Error for Short {}
impl core::error::Error for OpenError {}
impl core::error::Error for DecodeError {}
impl core::error::Error for EncodeError {}

impl From<NoMemory> for OpenError {
    fn from(_: NoMemory) -> OpenError {
        OpenError::Memory
    }
}

/// Payloads of one stream to samples.
#[derive(Debug)]
pub enum Decoder {
    /// A-law.
    Pcma,
    /// µ-law.
    Pcmu,
    /// G.722.
    G722(g722::Decoder),
    /// Opus.
    Opus(opus::Decoder),
    /// Linear.
    L16,
}

impl Decoder {
    /// Before the stream's first packet, to samples of `rate`.
    pub fn new(codec: Codec, rate: Rate) -> Result<Decoder, OpenError> {
        if !codec.runs_at(rate) {
            return Err(OpenError::Rate(codec, rate));
        }
        Ok(match codec {
            Codec::Pcma => Decoder::Pcma,
            Codec::Pcmu => Decoder::Pcmu,
            Codec::G722 => Decoder::G722(g722::Decoder::new()),
            Codec::Opus => Decoder::Opus(opus::Decoder::new(rate)?),
            Codec::L16(_) => Decoder::L16,
        })
    }

    /// Samples that `payload` holds.
    pub fn samples(&self, payload: &[u8]) -> Result<usize, DecodeError> {
        match self {
            Decoder::Pcma | Decoder::Pcmu => Ok(payload.len()),
            Decoder::G722(_) => Ok(2 * payload.len()),
            Decoder::Opus(decoder) => decoder.samples(payload),
            Decoder::L16 if payload.len().is_multiple_of(2) => Ok(payload.len() / 2),
            Decoder::L16 => Err(DecodeError::Malformed { bytes: payload.len() }),
        }
    }

    /// Decodes one packet into the beginning of `out` and returns its samples' number. What fails
    /// changes nothing of the stream.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        let needed = self.samples(payload)?;
        let has = out.len();
        let out = out.get_mut(..needed).ok_or(DecodeError::Room(Short { needed, has }))?;
        match self {
            Decoder::Pcma => g711::alaw_decode(payload, out),
            Decoder::Pcmu => g711::ulaw_decode(payload, out),
            Decoder::G722(decoder) => {
                decoder.decode(payload, out);
            }
            Decoder::Opus(decoder) => return decoder.decode(payload, out),
            Decoder::L16 => {
                for (sample, bytes) in out.iter_mut().zip(payload.chunks_exact(2)) {
                    *sample = i16::from_be_bytes([bytes[0], bytes[1]]);
                }
            }
        }
        Ok(needed)
    }

    /// Forgets the stream: the next packet begins another.
    pub fn reset(&mut self) {
        match self {
            Decoder::G722(decoder) => *decoder = g722::Decoder::new(),
            Decoder::Opus(decoder) => decoder.reset(),
            Decoder::Pcma | Decoder::Pcmu | Decoder::L16 => {}
        }
    }

    /// Whether it makes up for lost packets itself: then [`conceal`](Decoder::conceal) and
    /// [`recover`](Decoder::recover) have to be called for each of them, before the next is decoded.
    pub fn conceals(&self) -> bool {
        matches!(self, Decoder::Opus(_))
    }

    /// Fills `out` with what a lost packet may have held; `false` and untouched where the codec does
    /// not do that and [`dsp::conceal`](super::conceal) has to.
    pub fn conceal(&mut self, out: &mut [i16]) -> Result<bool, DecodeError> {
        match self {
            Decoder::Opus(decoder) => decoder.conceal(out).map(|_| true),
            Decoder::Pcma | Decoder::Pcmu | Decoder::G722(_) | Decoder::L16 => Ok(false),
        }
    }

    /// Whether [`conceal`](Decoder::conceal) may take as long as Opus' neural network needs.
    pub fn set_deep(&mut self, deep: bool) {
        if let Decoder::Opus(decoder) = self {
            decoder.set_deep(deep);
        }
    }

    /// Tells a codec that carries its state from packet to packet, but does not conceal itself, what was
    /// made up for a lost one; `before` is what was heard right before that.
    pub fn follow(&mut self, before: &[i16], made: &[i16]) {
        match self {
            Decoder::G722(decoder) => decoder.follow(before, made),
            Decoder::Pcma | Decoder::Pcmu | Decoder::Opus(_) | Decoder::L16 => {}
        }
    }

    /// As [`conceal`](Decoder::conceal), where the packet after the lost one is there: it may hold
    /// a copy. `next` itself is decoded afterwards.
    pub fn recover(&mut self, next: &[u8], out: &mut [i16]) -> Result<bool, DecodeError> {
        match self {
            Decoder::Opus(decoder) => decoder.recover(next, out).map(|_| true),
            Decoder::Pcma | Decoder::Pcmu | Decoder::G722(_) | Decoder::L16 => Ok(false),
        }
    }
}

/// Samples to payloads of one stream.
#[derive(Debug)]
pub enum Encoder {
    /// A-law.
    Pcma,
    /// µ-law.
    Pcmu,
    /// G.722.
    G722(g722::Encoder),
    /// Opus: its settings may be changed at any time.
    Opus(opus::Encoder),
    /// Linear.
    L16,
}

impl Encoder {
    /// Before the stream's first packet, from samples of `rate`. `settings` is asked for by Opus only.
    pub fn new(
        codec: Codec,
        rate: Rate,
        settings: impl FnOnce(Rate) -> opus::Settings,
    ) -> Result<Encoder, OpenError> {
        if !codec.runs_at(rate) {
            return Err(OpenError::Rate(codec, rate));
        }
        Ok(match codec {
            Codec::Pcma => Encoder::Pcma,
            Codec::Pcmu => Encoder::Pcmu,
            Codec::G722 => Encoder::G722(g722::Encoder::new()),
            Codec::Opus => {
                Encoder::Opus(opus::Encoder::new(opus::Settings { rate, ..settings(rate) })?)
            }
            Codec::L16(_) => Encoder::L16,
        })
    }

    /// Codes one packet into the beginning of `payload` and returns its length. 0: nothing is to be
    /// sent (silence under Opus' DTX).
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, EncodeError> {
        let needed = match self {
            Encoder::Opus(encoder) => return encoder.encode(samples, payload),
            Encoder::Pcma | Encoder::Pcmu => samples.len(),
            Encoder::G722(_) if !samples.len().is_multiple_of(2) => {
                return Err(EncodeError::Frame { samples: samples.len() });
            }
            Encoder::G722(_) => samples.len() / 2,
            Encoder::L16 => 2 * samples.len(),
        };
        let has = payload.len();
        let payload = payload.get_mut(..needed).ok_or(EncodeError::Room(Short { needed, has }))?;
        match self {
            Encoder::Pcma => g711::alaw_encode(samples, payload),
            Encoder::Pcmu => g711::ulaw_encode(samples, payload),
            Encoder::G722(encoder) => {
                encoder.encode(samples, payload);
            }
            Encoder::Opus(_) => {} // returned above
            Encoder::L16 => {
                for (bytes, sample) in payload.chunks_exact_mut(2).zip(samples) {
                    bytes.copy_from_slice(&sample.to_be_bytes());
                }
            }
        }
        Ok(needed)
    }
}

#[cfg(test)]
mod tests;
