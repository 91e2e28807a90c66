//! Tapped payloads in the samples of a recording's file.
//!
//! On the disk thread, block by block in the order of arrival: an RTP worker only copies payloads, so
//! that recording a relayed call costs it no decoding, whatever the codec. A leg that is decoded on
//! its worker as well is decoded twice; what the worker has by then is what somebody heard, with
//! the jitter buffer's changes, not what was said when.

use super::{Channel, TapBlock};
use crate::dsp::codec::Codec;
use crate::dsp::g711;
use crate::dsp::narrow::Decoder;
use crate::media::control::RecordFormat;
use crate::media::jitter::LONGEST_PACKET;

/// One recording's two decoders.
#[derive(Debug)]
pub struct Unpacker {
    format: RecordFormat,
    decoders: [Option<(Codec, Decoder)>; 2],
    pcm: Vec<i16>,
    bytes: Vec<u8>,
}

impl Unpacker {
    /// For a file of `format`.
    pub fn new(format: RecordFormat) -> Unpacker {
        Unpacker { format, decoders: [None, None], pcm: Vec::new(), bytes: Vec::new() }
    }

    /// The block in the file's samples; empty when it cannot be decoded.
    pub fn samples<'a>(&'a mut self, block: &TapBlock<'a>) -> &'a [u8] {
        let payload = &block.payload[..block.payload.len().min(LONGEST_PACKET)];
        self.bytes.clear();
        match (block.codec, self.format) {
            (Codec::Pcma, RecordFormat::Alaw) => return payload,
            (Codec::Pcmu, RecordFormat::Alaw) => {
                self.bytes.extend_from_slice(payload);
                g711::ulaw_to_alaw(&mut self.bytes);
                return &self.bytes;
            }
            _ => {}
        }
        let count = self.decode(block, payload);
        match self.format {
            RecordFormat::Alaw => {
                self.bytes.resize(count, 0);
                g711::alaw_encode(&self.pcm[..count], &mut self.bytes);
            }
            RecordFormat::Pcm16 => {
                self.bytes.extend(self.pcm[..count].iter().flat_map(|s| s.to_le_bytes()));
            }
        }
        &self.bytes
    }

    /// Decodes into `pcm`; says how many samples.
    fn decode(&mut self, block: &TapBlock<'_>, payload: &[u8]) -> usize {
        let decoder = match block.channel {
            Channel::Left => &mut self.decoders[0],
            Channel::Right => &mut self.decoders[1],
        };
        if decoder.as_ref().is_none_or(|(codec, _)| *codec != block.codec) {
            *decoder = Decoder::new(block.codec).ok().map(|decoder| (block.codec, decoder));
        }
        self.pcm.resize(LONGEST_PACKET, 0);
        let decoded = decoder.as_mut().and_then(|(_, d)| d.decode(payload, &mut self.pcm).ok());
        decoded.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RecordingId;
    use crate::dsp::level::dominant_tone;
    use crate::dsp::narrow::Encoder;
    use crate::dsp::opus::Settings;

    #[test]
    fn both_sides_in_any_codec_become_the_files_samples() {
        let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
        for (left, right) in codecs.into_iter().zip(codecs.into_iter().rev()) {
            let mut unpacker = Unpacker::new(RecordFormat::Pcm16);
            let mut sides = [(Channel::Left, left, 400.0), (Channel::Right, right, 1_000.0)].map(
                |(channel, codec, hz)| {
                    (channel, codec, hz, Encoder::new(codec, Settings::new).unwrap(), Vec::new())
                },
            );
            for n in 0..50 {
                for (channel, codec, hz, encoder, heard) in &mut sides {
                    let turn = core::f64::consts::TAU * *hz / 8_000.0;
                    let sample = |k: i32| (f64::from(n * 160 + k) * turn).sin() * 8_000.0;
                    let pcm: Vec<i16> = (0..160).map(|k| sample(k) as i16).collect();
                    let mut payload = [0; 400];
                    let bytes = encoder.encode(&pcm, &mut payload).unwrap();
                    let block = TapBlock {
                        recording: RecordingId(1),
                        channel: *channel,
                        position: n as u64 * 160,
                        adjust: 0,
                        samples: 160,
                        codec: *codec,
                        payload: &payload[..bytes],
                    };
                    let laid = unpacker.samples(&block);
                    assert_eq!(laid.len(), 320);
                    heard.extend(laid.chunks(2).map(|s| i16::from_le_bytes([s[0], s[1]])));
                }
            }
            for (_, codec, hz, _, heard) in &sides {
                let tone = dominant_tone(&heard[800..], &[400.0, 1_000.0]).unwrap();
                assert!(tone.hz == *hz && tone.share > 0.9, "{codec:?}: {tone:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_decoded_gives_nothing() {
        let block = TapBlock {
            recording: RecordingId(1),
            channel: Channel::Left,
            position: 0,
            adjust: 0,
            samples: 160,
            codec: Codec::Opus,
            payload: &[0xff; 3],
        };
        assert!(Unpacker::new(RecordFormat::Alaw).samples(&block).is_empty());
    }
}
