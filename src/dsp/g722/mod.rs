//! G.722 at 64 kbit/s (ITU-T G.722 mode 1): wide-band speech in one octet for two samples.
//!
//! On the path: the sample path, for legs that negotiated G.722. Samples are 16 kHz, 16 bit; an octet
//! stands for two of them. Its RTP clock nevertheless counts 8,000 a second (RFC 3551 §4.5.2), one
//! tick an octet.
//!
//! ```text
//!               ┌─▶ 0–4 kHz, 8 kHz ─▶ ADPCM, 6 bits ─┐
//! 16 kHz ─▶ QMF ┤                                    ├─▶ octet: bits 7–6 high, 5–0 low
//!               └─▶ 4–8 kHz, 8 kHz ─▶ ADPCM, 2 bits ─┘
//! ```
//!
//! Bit-exact to the Recommendation. Filters and predictors are in [`qmf`] and [`band`].
//!
//! Not here: modes 2 and 3 (data in the low bits, which RTP does not use), the concealment of
//! Appendices III and IV.

mod band;
mod qmf;

use self::band::{High, Low};
use self::qmf::{Analysis, BLOCK, PAST, Synthesis};

/// Codes 16 kHz samples.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    filter: Analysis,
    low: Low,
    high: High,
}

impl Encoder {
    /// Before the first sample.
    pub fn new() -> Encoder {
        Encoder::default()
    }

    /// Codes two samples into each octet; returns how many octets were written. A last odd sample,
    /// and what has no room in `codes`, is not looked at.
    pub fn encode(&mut self, samples: &[i16], codes: &mut [u8]) -> usize {
        let (low, high) = (&mut self.low, &mut self.high);
        let mut codes = codes.iter_mut();
        let room = codes.len();
        self.filter.split(&samples[..samples.len().min(2 * room)], |l, h| {
            if let Some(code) = codes.next() {
                *code = high.encode(h) << 6 | low.encode(l);
            }
        });
        room - codes.len()
    }
}

/// Decodes into 16 kHz samples.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    filter: Synthesis,
    low: Low,
    high: High,
}

impl Decoder {
    /// Before the first octet.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Decodes each octet into two samples, as many as `samples` has room for; returns how many
    /// samples were written.
    pub fn decode(&mut self, codes: &[u8], samples: &mut [i16]) -> usize {
        let (low, high) = (&mut self.low, &mut self.high);
        self.filter.join(codes, |&code| (low.decode(code & 0x3f), high.decode(code >> 6)), samples)
    }

    /// Takes what was made up for lost octets as if it had been received: predictors and step sizes go on
    /// from there, and the octets after the loss are not decoded with those of long ago (in the manner
    /// of Appendix III). `before` is what was heard right before `made`; both are 16 kHz.
    pub fn follow(&mut self, before: &[i16], made: &[i16]) {
        let (mut filter, mut low, mut high) =
            (Analysis::default(), self.low.clone(), self.high.clone());
        let seen = before.len().min(PAST);
        filter.split(&before[before.len() - seen..], |_, _| {});
        for block in made.chunks(2 * BLOCK) {
            let (mut codes, mut count) = ([0; BLOCK], 0);
            filter.split(block, |l, h| {
                codes[count] = high.encode(h) << 6 | low.encode(l);
                count += 1;
            });
            self.decode(&codes[..count], &mut [0; 2 * BLOCK]);
        }
    }
}

#[cfg(test)]
mod tests;
