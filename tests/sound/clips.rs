//! The speech: tests/data/speech.

use belfry::dsp::g711;
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;

/// Bytes of the files' headers: RIFF, `fmt ` with an empty extension, `fact`, `data`.
const HEADER: usize = 58;

/// A clip's name and file: µ-law, 16 kHz.
const FILES: [(&str, &[u8]); 3] = [
    ("austen-0870", include_bytes!("../data/speech/austen-0870.wav")),
    ("austen-0890", include_bytes!("../data/speech/austen-0890.wav")),
    ("austen-0920", include_bytes!("../data/speech/austen-0920.wav")),
];

/// A clip in samples of 16 kHz.
#[derive(Clone, Debug)]
pub struct Speech {
    pub name: &'static str,
    pub samples: Vec<i16>,
}

/// All of them.
pub fn all() -> Vec<Speech> {
    FILES
        .iter()
        .map(|(name, file)| {
            assert_eq!(&file[HEADER - 8..HEADER - 4], b"data");
            let mut samples = vec![0; file.len() - HEADER];
            g711::ulaw_decode(&file[HEADER..], &mut samples);
            Speech { name, samples }
        })
        .collect()
}

/// Samples of one rate at another, without delay.
pub fn at(samples: &[i16], from: Rate, to: Rate) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let delay = resampler.delay();
    let more = delay.div_ceil(to.per_slot()) * from.per_slot();
    let padded: Vec<i16> = samples.iter().copied().chain(std::iter::repeat_n(0, more)).collect();
    let mut out = vec![0; resampler.output_len(padded.len())];
    resampler.process(&padded, &mut out).expect("room for all of it");
    out.drain(..delay);
    out.truncate(samples.len() * to.per_slot() / from.per_slot());
    out
}
