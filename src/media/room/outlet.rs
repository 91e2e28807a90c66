//! What is sent to those who hear the same: mixed once, coded once, copied to each.
//!
//! ```text
//!   mix of a tick ─▶ Packetizer ─ packet times ─▶ encoder ─▶ payload ─┬─ own header ─▶ member
//!      20 ms         10 … 60 ms                                   ├─ own header ─▶ member
//!                                                                 └─ …
//! ```
//!
//! All packets of one packet time begin at the same ticks, whoever gets them: a member that begins to
//! speak goes over to a coding of its own in the middle of a 60 ms packet with what it has heard of
//! it so far, and comes back at the end of one.

use super::FRAME_MS;
use crate::dsp::codec::{Codec, LONGEST_PTIME_MS};
use crate::dsp::gain::Gain;
use crate::dsp::limiter::Limiter;
use crate::dsp::narrow::Encoder;
use crate::dsp::opus::{DEFAULT_BIT_RATE, Settings};
use crate::dsp::rate::Rate;
use crate::media::control::{Lines, StreamParams};

/// Samples of the longest packet and of a tick more, at the higher rate.
const MOST: usize = Rate::Khz16.samples(LONGEST_PTIME_MS + FRAME_MS);

/// What makes two members hear the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    codec: Codec,
    ptime_ms: u32,
    /// Of Opus: payload bit/s, whether the peer makes use of FEC, whether silence needs no packets.
    bit_rate: u32,
    fec: bool,
    dtx: bool,
    /// The lines that are heard.
    pub hears: Lines,
    /// How much louder.
    pub gain_db: i8,
}

impl Key {
    /// Of a stream negotiated as `params`, of packets of `ptime_ms`.
    pub fn new(params: &StreamParams, ptime_ms: u32, hears: Lines, gain_db: i8) -> Key {
        let opus = params.codec == Codec::Opus;
        Key {
            codec: params.codec,
            ptime_ms,
            bit_rate: if opus { params.opus.bit_rate.min(DEFAULT_BIT_RATE) } else { 0 },
            fec: opus && params.opus.fec,
            dtx: opus && params.opus.dtx,
            hears,
            gain_db,
        }
    }

    /// Whether members that may speak can share a coding. G.722's decoder follows its encoder from
    /// sample to sample: changing from one encoder to another would be heard.
    pub fn shares_with_speakers(&self) -> bool {
        self.codec != Codec::G722
    }
    /// Milliseconds of a packet.
    pub fn ptime_ms(&self) -> u32 {
        self.ptime_ms
    }
    /// Rate of the samples that are coded.
    pub fn rate(&self) -> Rate {
        super::rate_of(self.codec)
    }
    /// Whether lost packets can be made up from the next.
    pub fn has_fec(&self) -> bool {
        self.fec
    }

    /// An encoder of such packets; `None`: there is no memory.
    fn encoder(&self) -> Option<Box<Encoder>> {
        let settings =
            |rate: Rate| Settings { bit_rate: self.bit_rate, dtx: self.dtx, ..Settings::new(rate) };
        Encoder::at(self.codec, self.rate(), settings).ok().map(Box::new)
    }
}

/// Samples on their way into packets.
#[derive(Clone, Debug)]
pub struct Packetizer {
    pcm: [i16; MOST],
    filled: usize,
    rate: Rate,
}

impl Packetizer {
    /// Before the tick `index`, as if silence had come so far.
    pub fn new(index: u64, ptime_ms: u32, rate: Rate) -> Packetizer {
        let begun = index * u64::from(FRAME_MS) % u64::from(ptime_ms.max(1));
        Packetizer { pcm: [0; MOST], filled: rate.samples(begun as u32), rate }
    }

    /// Takes the mix of a tick.
    pub fn push(&mut self, mix: &[i16]) {
        let room = &mut self.pcm[self.filled..];
        let count = mix.len().min(room.len());
        room[..count].copy_from_slice(&mix[..count]);
        self.filled += count;
    }

    /// How many packets of `ptime_ms` it holds.
    pub fn packets(&self, ptime_ms: u32) -> usize {
        self.filled / self.rate.samples(ptime_ms).max(1)
    }

    /// Samples of the `n`-th packet.
    pub fn packet(&self, n: usize, ptime_ms: u32) -> &[i16] {
        let length = self.rate.samples(ptime_ms);
        self.pcm.get(n * length..(n + 1) * length).unwrap_or(&[])
    }

    /// Forgets whole packets.
    pub fn sent(&mut self, ptime_ms: u32) {
        let sent = self.packets(ptime_ms) * self.rate.samples(ptime_ms);
        self.pcm.copy_within(sent..self.filled, 0);
        self.filled -= sent;
    }

    /// Whether a packet begins with the next tick.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// One coding, and how many hear it.
#[derive(Debug)]
pub struct Outlet {
    /// What it is for.
    pub key: Key,
    /// What codes it.
    pub encoder: Box<Encoder>,
    /// What is not sent yet.
    pub packetizer: Packetizer,
    /// Keeps what is heard below full scale.
    pub limiter: Limiter,
    /// How much louder it is.
    pub gain: Gain,
    /// Members that share it in this tick.
    pub members: usize,
    /// Nobody has shared it of late: what it coded before is no one's past.
    idle: bool,
}

impl Outlet {
    /// Before the tick `index`; `None`: there is no memory.
    pub fn new(key: Key, index: u64) -> Option<Outlet> {
        Some(Outlet {
            encoder: key.encoder()?,
            packetizer: Packetizer::new(index, key.ptime_ms, key.rate()),
            limiter: Limiter::new(key.rate()),
            gain: Gain::new(f32::from(key.gain_db)),
            members: 0,
            idle: true,
            key,
        })
    }

    /// Takes the mix of a tick, or lets one pass that nobody shares.
    pub fn push(&mut self, mix: Option<&[i16]>) {
        match mix {
            Some(mix) => {
                if core::mem::take(&mut self.idle) {
                    afresh(&mut self.encoder);
                }
                self.packetizer.push(mix);
            }
            None => {
                self.idle = true;
                let silence = [0; super::WIDE_FRAME];
                self.packetizer.push(&silence[..self.key.rate().samples(FRAME_MS)]);
                self.packetizer.sent(self.key.ptime_ms);
            }
        }
    }

    /// Lets it carry as much redundancy as the losses of its members call for.
    pub fn expect_loss(&mut self, percent: u8) {
        if let Some(opus) = self.encoder.opus().filter(|o| o.settings().loss_percent != percent) {
            opus.expect_loss(percent);
        }
    }
}

/// What is coded next does not build on what was coded before: it goes to somebody who has heard
/// another coder until now.
pub fn afresh(encoder: &mut Encoder) {
    if let Some(opus) = encoder.opus() {
        opus.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The packets that come of `ticks`, begun at tick `from`: their first samples.
    fn packets(from: u64, ticks: u64, ptime_ms: u32) -> Vec<i16> {
        let mut packetizer = Packetizer::new(from, ptime_ms, Rate::Khz8);
        let mut firsts = Vec::new();
        for index in from..from + ticks {
            packetizer.push(&[index as i16 + 1; 160]);
            let count = packetizer.packets(ptime_ms);
            firsts.extend((0..count).map(|n| packetizer.packet(n, ptime_ms)[0]));
            packetizer.sent(ptime_ms);
        }
        firsts
    }

    #[test]
    fn packets_of_every_length_come_of_ticks() {
        assert_eq!(packets(0, 3, 20), [1, 2, 3]);
        assert_eq!(packets(0, 2, 10), [1, 1, 2, 2]);
        assert_eq!(packets(0, 6, 30), [1, 2, 4, 5]);
        assert_eq!(packets(0, 6, 40), [1, 3, 5]);
        assert_eq!(packets(0, 6, 60), [1, 4]);
    }

    #[test]
    fn whoever_comes_later_is_in_step() {
        for ptime_ms in [10, 20, 30, 40, 50, 60] {
            for from in 0..8 {
                let at = |index| Packetizer::new(index, ptime_ms, Rate::Khz16);
                let (mut early, mut late) = (at(0), at(from));
                for index in 0..from + 20 {
                    early.push(&[1; 320]);
                    early.sent(ptime_ms);
                    if index >= from {
                        late.push(&[1; 320]);
                        late.sent(ptime_ms);
                        assert_eq!(early.filled, late.filled, "{ptime_ms} ms from tick {from}");
                    }
                }
            }
        }
    }
}
