//! Payloads in the samples of a recording's file.
//!
//! G.711 stays G.711: one law is the file's own, the other is recoded. Other codecs, and files of linear
//! samples, call for a decoder, which is made when the leg's codec becomes known, not by the packet. A
//! leg that is decoded for a listener as well is decoded twice: what the listener's decoder gives
//! has the jitter buffer's changes in it, and is what was heard, not what was said when.

use crate::dsp::codec::Codec;
use crate::dsp::g711;
use crate::dsp::narrow::Decoder;
use crate::media::control::{Channel, RecordFormat};
use crate::media::jitter::LONGEST_PACKET;

/// One recording's two decoders.
#[derive(Debug)]
pub struct Unpacker {
    format: RecordFormat,
    /// Of each channel, of its codec and of the one before: payloads of that may still wait.
    decoders: [[Option<(Codec, Decoder)>; 2]; 2],
}

/// Room in which one payload is unpacked; one does for all recordings of a worker.
#[derive(Debug)]
pub struct Scratch {
    pcm: Box<[i16]>,
    bytes: Box<[u8]>,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch { pcm: vec![0; LONGEST_PACKET].into(), bytes: vec![0; 2 * LONGEST_PACKET].into() }
    }
}

impl Unpacker {
    /// For a file of `format`.
    pub fn new(format: RecordFormat) -> Unpacker {
        Unpacker { format, decoders: [[None, None], [None, None]] }
    }

    /// Payloads of `codec` will come on `channel`. Allocates, if that is news and calls for a decoder.
    pub fn expect(&mut self, channel: Channel, codec: Codec) {
        let [newest, before] = &mut self.decoders[channel.side()];
        let own = matches!(codec, Codec::Pcma | Codec::Pcmu) && self.format == RecordFormat::Alaw;
        if own || newest.as_ref().is_some_and(|(known, _)| *known == codec) {
            return;
        }
        *before = newest.take();
        *newest = Decoder::new(codec).ok().map(|decoder| (codec, decoder));
    }

    /// The payload in the file's samples; empty when it cannot be decoded. What [`recoded`] does is not
    /// done here.
    pub fn decoded<'a>(
        &mut self,
        channel: Channel,
        codec: Codec,
        payload: &[u8],
        scratch: &'a mut Scratch,
    ) -> &'a [u8] {
        let payload = &payload[..payload.len().min(LONGEST_PACKET)];
        let Scratch { pcm, bytes } = scratch;
        let decoders = self.decoders[channel.side()].iter_mut().flatten();
        let decoder = { decoders }.find(|(expected, _)| *expected == codec);
        let count = decoder.and_then(|(_, decoder)| decoder.decode(payload, pcm).ok()).unwrap_or(0);
        let bytes = &mut bytes[..count * self.format.sample_bytes()];
        match self.format {
            RecordFormat::Alaw => g711::alaw_encode(&pcm[..count], bytes),
            RecordFormat::Pcm16 => {
                for (bytes, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(&pcm[..count]) {
                    *bytes = sample.to_le_bytes();
                }
            }
        }
        bytes
    }
}

/// The payload in the file's samples, where no decoder is called for.
#[inline]
pub fn recoded<'a>(
    format: RecordFormat,
    codec: Codec,
    payload: &'a [u8],
    scratch: &'a mut Scratch,
) -> Option<&'a [u8]> {
    let payload = &payload[..payload.len().min(LONGEST_PACKET)];
    match (codec, format) {
        (Codec::Pcma, RecordFormat::Alaw) => Some(payload),
        (Codec::Pcmu, RecordFormat::Alaw) => {
            let bytes = &mut scratch.bytes[..payload.len()];
            bytes.copy_from_slice(payload);
            g711::ulaw_to_alaw(bytes);
            Some(bytes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::dominant_tone;
    use crate::dsp::narrow::Encoder;
    use crate::dsp::opus::Settings;

    #[test]
    fn both_sides_in_any_codec_become_the_files_samples() {
        let codecs = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
        for (left, right) in codecs.into_iter().zip(codecs.into_iter().rev()) {
            let mut unpacker = Unpacker::new(RecordFormat::Pcm16);
            let mut scratch = Scratch::default();
            let mut sides = [(Channel::Left, left, 400.0), (Channel::Right, right, 1_000.0)].map(
                |(channel, codec, hz)| {
                    unpacker.expect(channel, codec);
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
                    unpacker.expect(*channel, *codec);
                    let laid = unpacker.decoded(*channel, *codec, &payload[..bytes], &mut scratch);
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
    fn alaw_goes_through_untouched_and_ulaw_is_recoded() {
        let all: Vec<u8> = (0..=255).collect();
        let mut codes = all.clone();
        g711::ulaw_to_alaw(&mut codes);
        let mut scratch = Scratch::default();
        for (codec, laid) in
            [(Codec::Pcma, Some(&all[..])), (Codec::Pcmu, Some(&codes[..])), (Codec::G722, None)]
        {
            assert_eq!(recoded(RecordFormat::Alaw, codec, &all, &mut scratch), laid);
        }
        assert_eq!(recoded(RecordFormat::Pcm16, Codec::Pcma, &all, &mut scratch), None);
    }

    #[test]
    fn what_cannot_be_decoded_or_was_not_expected_gives_nothing() {
        let (mut unpacker, mut scratch) = (Unpacker::new(RecordFormat::Alaw), Scratch::default());
        unpacker.expect(Channel::Left, Codec::Opus);
        for (channel, codec) in [
            (Channel::Left, Codec::Opus),
            (Channel::Left, Codec::G722),
            (Channel::Right, Codec::Opus),
        ] {
            assert!(unpacker.decoded(channel, codec, &[0xff; 3], &mut scratch).is_empty());
        }
    }
}
