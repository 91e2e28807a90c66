//! What the parties say: a prompt, as G.711 and as Opus.

use std::path::Path;

use belfry::dsp::g711;
use belfry::dsp::opus::{Encoder, Settings};
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;

use crate::sdp::Speech;

/// Which prompt.
const PROMPT: &str = "sounds/en/welcome.wav";

/// Packets of speech, repeated.
pub struct Frames {
    /// Whether they are relayed as they are, so that a token in them arrives.
    pub relayed: bool,
    pcma: Vec<Vec<u8>>,
    pcmu: Vec<Vec<u8>>,
    opus: Vec<Vec<u8>>,
}

impl Frames {
    /// The prompt in all codecs.
    pub fn new(relayed: bool) -> Result<Frames, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PROMPT);
        let file = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (samples, _) = belfry::engine::clips::decode(&file)?;
        let coded = |code: fn(&[i16], &mut [u8])| {
            let frame = |samples: &[i16]| {
                let mut codes = vec![0; samples.len()];
                code(samples, &mut codes);
                codes
            };
            samples.chunks_exact(Rate::Khz8.samples(20)).map(frame).collect()
        };
        Ok(Frames {
            relayed,
            pcma: coded(g711::alaw_encode),
            pcmu: coded(g711::ulaw_encode),
            opus: opus(&samples)?,
        })
    }

    /// Packet `n` of a stream.
    pub fn of(&self, speech: Speech, n: usize) -> &[u8] {
        let frames = match speech {
            Speech::Pcma => &self.pcma,
            Speech::Pcmu => &self.pcmu,
            Speech::Opus => &self.opus,
        };
        &frames[n % frames.len()]
    }
}

/// The same at 48 kHz, 24 kbit/s.
fn opus(samples: &[i16]) -> Result<Vec<Vec<u8>>, String> {
    let mut encoder = Encoder::new(Settings::new(Rate::Khz48)).map_err(|e| e.to_string())?;
    let mut resampler = Resampler::new(Rate::Khz8, Rate::Khz48);
    let mut packets = Vec::new();
    for frame in samples.chunks_exact(Rate::Khz8.samples(20)) {
        let mut wide = vec![0; Rate::Khz48.samples(20)];
        resampler.process(frame, &mut wide).map_err(|e| e.to_string())?;
        let mut payload = [0; 500];
        let len = encoder.encode(&wide, &mut payload).map_err(|e| e.to_string())?;
        packets.push(payload[..len].to_vec());
    }
    Ok(packets)
}
