//! Any codec at the rate of who hears or speaks: its coder, and where that cannot run so slowly, the
//! resampler beside it.
//!
//! On the path: the sample path. Mostly that is 8 kHz, the telephone network's; between two wide
//! codecs it is as wide as the narrower of them. Opus codes any rate itself; G.722 always means 16 kHz.
//!
//! ```text
//!   at 8 kHz   G.711, Opus   payload ─▶ decoder ───────────────────────▶ 8 kHz
//!              G.722, L16    payload ─▶ decoder ─▶ 16 … 48 kHz ─▶ resampler ─▶ 8 kHz (3.5 ms later)
//! ```
//!
//! Everything is allocated when a coder is made. Not here: codecs at their own rate
//! ([`codec`]).

use super::codec::{self, Codec, DecodeError, EncodeError, OpenError, Short};
use super::opus;
use super::rate::Rate;
use super::resample::stream::Resampler;

/// Payload bytes that are decoded at a time where a resampler follows.
const PART_BYTES: usize = 160;
/// Samples that those can be, two of each byte.
const PART_SAMPLES: usize = 2 * PART_BYTES;
/// Samples of the longest packet at the highest rate.
const LONGEST: usize = Rate::Khz48.samples(codec::LONGEST_PTIME_MS);

/// Payloads of one stream to samples of one rate.
#[derive(Debug)]
pub struct Decoder {
    inner: codec::Decoder,
    resampler: Option<Resampler>,
}

impl Decoder {
    /// Before the stream's first packet, to 8 kHz.
    pub fn new(codec: Codec) -> Result<Decoder, OpenError> {
        Decoder::at(codec, Rate::Khz8)
    }

    /// Before the stream's first packet, to samples of `rate`.
    pub fn at(codec: Codec, rate: Rate) -> Result<Decoder, OpenError> {
        let own = codec.rate_beside(rate);
        let resampler = (own != rate).then(|| Resampler::new(own, rate));
        Ok(Decoder { inner: codec::Decoder::new(codec, own)?, resampler })
    }

    /// Decodes one packet into the beginning of `out` and returns its samples' number.
    #[inline]
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, DecodeError> {
        let Some(resampler) = &mut self.resampler else {
            return self.inner.decode(payload, out);
        };
        let needed = resampler.output_len(self.inner.samples(payload)?);
        if needed > out.len() {
            return Err(DecodeError::Room(Short { needed, has: out.len() }));
        }
        let mut filled = 0;
        for part in payload.chunks(PART_BYTES) {
            let mut wide = [0; PART_SAMPLES];
            let count = self.inner.decode(part, &mut wide)?;
            let out = &mut out[filled..];
            filled += resampler.process(&wide[..count], out).map_err(DecodeError::Room)?;
        }
        Ok(filled)
    }
}

/// Samples of one rate to payloads of one stream.
#[derive(Debug)]
pub struct Encoder {
    inner: codec::Encoder,
    resampler: Option<Resampler>,
}

impl Encoder {
    /// Before the stream's first packet, from 8 kHz. `settings` is asked for by Opus only.
    pub fn new(
        codec: Codec,
        settings: impl FnOnce(Rate) -> opus::Settings,
    ) -> Result<Encoder, OpenError> {
        Encoder::at(codec, Rate::Khz8, settings)
    }

    /// Before the stream's first packet, from samples of `rate`.
    pub fn at(
        codec: Codec,
        rate: Rate,
        settings: impl FnOnce(Rate) -> opus::Settings,
    ) -> Result<Encoder, OpenError> {
        let own = codec.rate_beside(rate);
        let resampler = (own != rate).then(|| Resampler::new(rate, own));
        Ok(Encoder { inner: codec::Encoder::new(codec, own, settings)?, resampler })
    }

    /// Codes one packet, of at most [`codec::LONGEST_PTIME_MS`], into the beginning of `payload` and
    /// returns its length. 0: nothing is to be sent.
    #[inline]
    pub fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> Result<usize, EncodeError> {
        let Some(resampler) = &mut self.resampler else {
            return self.inner.encode(samples, payload);
        };
        let mut wide = [0; LONGEST];
        let count = resampler.process(samples, &mut wide);
        let count = count.map_err(|_| EncodeError::Frame { samples: samples.len() })?;
        self.inner.encode(&wide[..count], payload)
    }

    /// The Opus encoder, whose settings may change in a call.
    pub fn opus(&mut self) -> Option<&mut opus::Encoder> {
        match &mut self.inner {
            codec::Encoder::Opus(encoder) => Some(encoder),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::dominant_tone;

    const ALL: [Codec; 6] = [
        Codec::Pcma,
        Codec::Pcmu,
        Codec::G722,
        Codec::Opus,
        Codec::L16(Rate::Khz8),
        Codec::L16(Rate::Khz16),
    ];

    #[test]
    fn a_tone_passes_every_codec_in_packets_of_every_length() {
        for codec in ALL {
            for ms in (10..=60).step_by(10).filter(|ms| codec.takes_ptime(*ms)) {
                let mut encoder = Encoder::new(codec, opus::Settings::new).unwrap();
                let mut decoder = Decoder::new(codec).unwrap();
                let tone: Vec<i16> = (0..9_600)
                    .map(|n| ((f64::from(n) * core::f64::consts::FRAC_PI_4).sin() * 8_000.0) as i16)
                    .collect();
                let mut heard = Vec::new();
                for packet in tone.chunks_exact(Rate::Khz8.samples(ms)) {
                    let (mut payload, mut pcm) = ([0; 2_000], [0; 480]);
                    let bytes = encoder.encode(packet, &mut payload).unwrap();
                    let ticks = codec.ticks_of(&payload[..bytes]).unwrap();
                    assert_eq!(ticks, packet.len() as u32 * codec.ticks_per_sample());
                    let count = decoder.decode(&payload[..bytes], &mut pcm).unwrap();
                    assert_eq!(count, packet.len(), "{codec:?} {ms} ms");
                    heard.extend_from_slice(&pcm[..count]);
                }
                let tone = dominant_tone(&heard[1_600..], &[600.0, 1_000.0, 2_000.0]).unwrap();
                assert!(tone.hz == 1_000.0 && tone.share > 0.9, "{codec:?} {ms} ms: {tone:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut decoder = Decoder::new(Codec::G722).unwrap();
        let error = decoder.decode(&[0; 200], &mut [0; 199]).unwrap_err();
        assert_eq!(error, DecodeError::Room(Short { needed: 200, has: 199 }));
        let mut encoder = Encoder::new(Codec::G722, opus::Settings::new).unwrap();
        assert!(encoder.encode(&[0; 1_600], &mut [0; 2_000]).is_err());
    }
}
