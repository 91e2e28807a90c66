//! What 20 ms of audio cost in each codec and each change of rate: `cargo bench --bench codecs`.
//!
//! Nanoseconds a packet, the least of nine runs: what else the machine does can only add to it.
//! Something like speech goes through, noise in syllables, since an encoder's work depends on what it
//! hears.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock")]

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use belfry::base::Rng;
use belfry::dsp::codec::{Codec, Decoder, Encoder};
use belfry::dsp::opus::Settings;
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;

const PACKETS: usize = 200;

/// Four seconds: a rumble under noise, loud and soft by turns.
fn speech(rate: Rate) -> Vec<i16> {
    let mut rng = Rng::from_seed(1);
    let mut low = 0.0f32;
    (0..PACKETS * rate.samples(20))
        .map(|n| {
            let loud = (n as f32 / rate.hz() as f32 * 6.0).sin().max(0.05);
            low += 0.1 * (f32::from(rng.next_u32() as i16) - low);
            (low * loud) as i16
        })
        .collect()
}

/// Nanoseconds a packet: the least of nine runs over all packets.
fn cost(mut run: impl FnMut(usize)) -> u64 {
    let runs = (0..9).map(|_| {
        let start = Instant::now();
        (0..PACKETS).for_each(&mut run);
        start.elapsed().as_nanos() as u64 / PACKETS as u64
    });
    runs.min().unwrap_or_default()
}

fn codec(out: &mut impl Write, name: &str, codec: Codec, settings: Settings) -> io::Result<()> {
    let rate = settings.rate;
    let (speech, frame) = (speech(rate), rate.samples(20));
    let mut encoder = Encoder::new(codec, rate, |_| settings).expect("its rate");
    let mut decoder = Decoder::new(codec, rate).expect("its rate");
    let mut payloads = vec![Vec::new(); PACKETS];
    let encode = cost(|n| {
        let mut payload = [0; 2_000];
        let bytes = encoder.encode(&speech[n * frame..][..frame], &mut payload).expect("a packet");
        payloads[n].clear();
        payloads[n].extend_from_slice(&payload[..bytes]);
    });
    let decode = cost(|n| {
        let mut samples = [0; 960];
        black_box(decoder.decode(&payloads[n], &mut samples).expect("samples"));
        black_box(&samples);
    });
    writeln!(out, "{name:<40} {encode:>9} {decode:>9}")
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:<40} {:>9} {:>9}", "ns a packet of 20 ms", "encode", "decode")?;
    codec(&mut out, "PCMA", Codec::Pcma, Settings::new(Rate::Khz8))?;
    codec(&mut out, "PCMU", Codec::Pcmu, Settings::new(Rate::Khz8))?;
    codec(&mut out, "G722", Codec::G722, Settings::new(Rate::Khz16))?;
    for rate in Rate::ALL {
        for complexity in [0, 5, 10] {
            let name = format!("Opus {} Hz, 24 kbit/s, complexity {complexity}", rate.hz());
            codec(&mut out, &name, Codec::Opus, Settings { complexity, ..Settings::new(rate) })?;
        }
    }
    writeln!(out, "\n{:<40} {:>9}", "ns a packet of 20 ms", "convert")?;
    for from in Rate::ALL {
        for to in Rate::ALL.into_iter().filter(|&to| to != from) {
            let (speech, frame) = (speech(from), from.samples(20));
            let mut resampler = Resampler::new(from, to);
            let convert = cost(|n| {
                let mut samples = [0; 960];
                let part = &speech[n * frame..][..frame];
                black_box(resampler.process(part, &mut samples).expect("room"));
                black_box(&samples);
            });
            writeln!(out, "{:<40} {convert:>9}", format!("{} to {} Hz", from.hz(), to.hz()))?;
        }
    }
    Ok(())
}
