//! Payloads in the samples of a recording's file.
//!
//! G.711 stays G.711: one law is the file's own, the other is recoded. Other codecs, and files of linear
//! samples, call for a decoder ([`StreamDecoder`]), which is made when the leg's codec becomes known, not
//! by the packet. A leg that is decoded for a listener as well is decoded twice: what the listener's
//! decoder gives has the jitter buffer's changes in it, and is what was heard, not what was said when.

use super::Placement;
use super::batch::Waiting;
use super::decode::{LONGEST_PART, StreamDecoder};
use crate::base::{RecordingId, Time};
use crate::dsp::codec::Codec;
use crate::dsp::g711;
use crate::dsp::rate::Rate;
use crate::dsp::resample::stream::Resampler;
use crate::media::control::{Channel, RecordFormat};
use crate::media::jitter::LONGEST_PACKET;

/// Samples of 8 kHz that are decoded or made up at once: of a hole, and the packet behind it.
const AT_ONCE: usize = LONGEST_PACKET + LONGEST_PART;

/// Samples that are to be laid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block<'a> {
    /// Where the first of them lies.
    pub position: u64,
    /// By how many they are to be lengthened.
    pub adjust: i8,
    /// One channel's, in the file's own format.
    pub samples: &'a [u8],
}

/// One recording's decoders.
#[derive(Debug)]
pub struct Unpacker {
    format: RecordFormat,
    seed: u64,
    channels: [Decoders; 2],
}

/// One channel's.
#[derive(Debug, Default)]
struct Decoders {
    /// How the leg codes now.
    codec: Option<Codec>,
    /// For the newest codec that calls for one, and the one before: packets of that may still wait.
    known: [Option<Box<StreamDecoder>>; 2],
}

/// Room in which payloads are unpacked; one does for all recordings of a worker.
#[derive(Debug)]
pub struct Scratch {
    /// Samples of a decoder's own rate.
    pub(super) wide: Box<[i16]>,
    /// The same of 8 kHz, and in a file's format.
    pub(super) pcm: Box<[i16]>,
    pub(super) bytes: Box<[u8]>,
}

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch {
            wide: vec![0; AT_ONCE * Rate::Khz48.per_slot()].into(),
            pcm: vec![0; AT_ONCE].into(),
            bytes: vec![0; 2 * AT_ONCE].into(),
        }
    }
}

impl Scratch {
    /// What is heard of a room, in a file's format: samples of 8 kHz, or what `narrow` brings to that.
    /// Nothing where there is only silence.
    pub fn heard(
        &mut self,
        format: RecordFormat,
        narrow: Option<&mut Resampler>,
        pcm: &[i16],
    ) -> &[u8] {
        let Scratch { pcm: narrowed, bytes, .. } = self;
        let pcm = match narrow {
            Some(narrow) => {
                let made = narrow.process(pcm, narrowed).unwrap_or(0);
                &narrowed[..made]
            }
            None => &pcm[..pcm.len().min(AT_ONCE)],
        };
        match pcm.iter().all(|sample| *sample == 0) {
            true => &[],
            false => in_format(format, pcm, bytes),
        }
    }
}

impl Unpacker {
    /// For the file of a recording.
    pub fn new(recording: RecordingId, format: RecordFormat) -> Unpacker {
        Unpacker { format, seed: recording.0, channels: Default::default() }
    }

    /// Payloads of `codec` will come on `channel`. Allocates, if that is news and calls for a decoder.
    pub fn expect(&mut self, channel: Channel, codec: Codec) {
        let Decoders { codec: current, known } = &mut self.channels[channel.side()];
        if current.replace(codec) == Some(codec) || is_recoded(self.format, codec) {
            return;
        }
        let [newest, before] = known;
        match newest {
            // What came meanwhile was in another.
            Some(newest) if newest.codec() == codec => newest.forget(),
            _ => {
                *before = newest.take();
                let seed = self.seed.wrapping_mul(2).wrapping_add(channel.side() as u64);
                *newest = StreamDecoder::new(codec, self.format, seed).ok().map(Box::new);
            }
        }
    }

    fn decoder(&mut self, packet: &Waiting<'_>) -> Option<&mut StreamDecoder> {
        let known = self.channels[packet.channel.side()].known.iter_mut().flatten();
        { known }.find(|decoder| decoder.codec() == packet.codec).map(|decoder| &mut **decoder)
    }

    /// Whether `packet` should wait at `now`, and all that lie behind it on its channel: one before it
    /// may still come.
    pub fn waits(&mut self, now: Time, packet: &Waiting<'_>, placed: Placement) -> bool {
        self.decoder(packet).is_some_and(|decoder| decoder.waits(now, packet, placed))
    }

    /// Unpacks what [`recoded`] does not: packets come in the order of their positions. Samples of it, and
    /// of what is missing before it, go to `lay`; nothing when it cannot be decoded. Gives the samples
    /// that came when those behind them had been decoded.
    pub fn decode(
        &mut self,
        packet: &Waiting<'_>,
        placed: Placement,
        scratch: &mut Scratch,
        mut lay: impl FnMut(Block<'_>),
    ) -> u64 {
        let decoder = self.decoder(packet);
        decoder.map_or(0, |decoder| decoder.take(packet, placed, scratch, &mut lay))
    }
}

/// Samples in a file's format, in the beginning of `bytes`.
pub(super) fn in_format<'a>(format: RecordFormat, pcm: &[i16], bytes: &'a mut [u8]) -> &'a [u8] {
    let bytes = &mut bytes[..pcm.len() * format.sample_bytes()];
    match format {
        RecordFormat::Alaw => g711::alaw_encode(pcm, bytes),
        RecordFormat::Pcm16 => {
            for (bytes, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(pcm) {
                *bytes = sample.to_le_bytes();
            }
        }
    }
    bytes
}

/// Whether payloads become samples of the file without a decoder.
pub fn is_recoded(format: RecordFormat, codec: Codec) -> bool {
    format == RecordFormat::Alaw && matches!(codec, Codec::Pcma | Codec::Pcmu)
}

/// The payload in the file's samples, where no decoder is called for.
#[inline]
pub fn recoded<'a>(
    format: RecordFormat,
    codec: Codec,
    payload: &'a [u8],
    scratch: &'a mut Scratch,
) -> Option<&'a [u8]> {
    if !is_recoded(format, codec) {
        return None;
    }
    let payload = &payload[..payload.len().min(LONGEST_PACKET)];
    if codec == Codec::Pcma {
        return Some(payload);
    }
    let bytes = &mut scratch.bytes[..payload.len()];
    bytes.copy_from_slice(payload);
    g711::ulaw_to_alaw(bytes);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
