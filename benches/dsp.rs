//! What the loops of `belfry::dsp` cost with and without AVX2: `cargo bench --bench dsp`.
//!
//! Nanoseconds for 20 ms, the least of many short runs, both columns by turns: what else the machine
//! does can only add to them, and to both alike. Take the ratios, not the figures.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock")]

use std::hint::black_box;
use std::io::{self, Write};
use std::time::Instant;

use belfry::base::Rng;
use belfry::dsp::agc::{Agc, Settings};
use belfry::dsp::dtmf_detect::Detector;
use belfry::dsp::kernels::Kernels;
use belfry::dsp::rate::Rate;
use belfry::dsp::resample::stream::Resampler;
use belfry::dsp::vad::Vad;

/// Samples of 20 ms at 8 kHz.
const FRAME: usize = 160;
/// Runs, and how long each is: short enough that some fall between two turns of the scheduler.
const RUNS: usize = 400;
const RUN_NS: u128 = 50_000;

/// Nanoseconds of one call, in one run.
fn once(work: &mut dyn FnMut(), calls: u32) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| work());
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// The least of all runs of each, taken by turns.
fn least(works: &mut [Box<dyn FnMut() + '_>]) -> Vec<f64> {
    let calls: Vec<u32> = works
        .iter_mut()
        .map(|work| {
            let (start, mut calls) = (Instant::now(), 0);
            while start.elapsed().as_nanos() < RUN_NS {
                work();
                calls += 1;
            }
            calls
        })
        .collect();
    let mut best = vec![f64::INFINITY; works.len()];
    for _ in 0..RUNS {
        for ((best, work), calls) in best.iter_mut().zip(works.iter_mut()).zip(&calls) {
            *best = best.min(once(work, *calls));
        }
    }
    best
}

/// A row: the same work with the portable table and with the best one.
fn compare<W: FnMut()>(
    out: &mut impl Write,
    name: &str,
    work: impl Fn(&'static Kernels) -> W,
) -> io::Result<()> {
    let ns = least(&mut [
        Box::new(work(Kernels::portable())) as Box<dyn FnMut()>,
        Box::new(work(Kernels::best())),
    ]);
    writeln!(out, "{name:<36} {:>9.1} {:>9.1} {:>7.2}", ns[0], ns[1], ns[0] / ns[1])
}

fn noise(length: usize) -> Vec<i16> {
    let mut rng = Rng::from_seed(1);
    (0..length).map(|_| (rng.next_u32() as i16) >> 2).collect()
}

fn g711(out: &mut impl Write) -> io::Result<()> {
    type Encode = fn(&Kernels) -> fn(&[i16], &mut [u8]);
    type Decode = fn(&Kernels) -> fn(&[u8], &mut [i16]);
    let encoders: [(&str, Encode); 2] =
        [("A-law encode", |k| k.alaw_encode), ("µ-law encode", |k| k.ulaw_encode)];
    for (name, encode) in encoders {
        compare(out, name, |kernels| {
            let (encode, samples, mut codes) = (encode(kernels), noise(FRAME), [0; FRAME]);
            move || encode(black_box(&samples), black_box(&mut codes))
        })?;
    }
    let decoders: [(&str, Decode); 2] =
        [("A-law decode", |k| k.alaw_decode), ("µ-law decode", |k| k.ulaw_decode)];
    for (name, decode) in decoders {
        compare(out, name, |kernels| {
            let codes: Vec<u8> = noise(FRAME).iter().map(|s| *s as u8).collect();
            let (decode, mut samples) = (decode(kernels), [0; FRAME]);
            move || decode(black_box(&codes), black_box(&mut samples))
        })?;
    }
    Ok(())
}

/// A conference's tick: all added, the whole mix once, and each speaker's own mix.
fn mix(out: &mut impl Write) -> io::Result<()> {
    for legs in [3, 10, 100] {
        compare(out, &format!("mix of {legs}, each without himself"), |kernels| {
            let speech = noise(legs * FRAME);
            let (mut sums, mut heard) = ([0i32; FRAME], [0i16; FRAME]);
            move || {
                sums.fill(0);
                let speech = black_box(&speech);
                speech.chunks_exact(FRAME).for_each(|leg| (kernels.add)(&mut sums, leg));
                (kernels.saturated)(&sums, &mut heard);
                for leg in speech.chunks_exact(FRAME) {
                    let mut others = sums;
                    (kernels.take)(&mut others, leg);
                    (kernels.saturated)(&others, &mut heard);
                    black_box(&mut heard);
                }
            }
        })?;
    }
    compare(out, "one stream onto another", |kernels| {
        let (samples, mut onto) = (noise(FRAME), noise(FRAME));
        move || (kernels.add_onto)(black_box(&mut onto), black_box(&samples))
    })
}

fn level_and_gain(out: &mut impl Write) -> io::Result<()> {
    compare(out, "energy", |kernels| {
        let samples = noise(FRAME);
        move || _ = black_box((kernels.energy)(black_box(&samples)))
    })?;
    compare(out, "peak", |kernels| {
        let samples = noise(FRAME);
        move || _ = black_box((kernels.peak)(black_box(&samples)))
    })?;
    compare(out, "gain", |kernels| {
        let mut samples = noise(FRAME);
        move || (kernels.scale)(black_box(&mut samples), black_box(4_000))
    })?;
    compare(out, "product (a lag of the pitch search)", |kernels| {
        let (a, b) = (noise(FRAME), noise(FRAME));
        move || _ = black_box((kernels.product)(black_box(&a), black_box(&b)))
    })
}

fn resample(out: &mut impl Write) -> io::Result<()> {
    for from in Rate::ALL {
        for to in Rate::ALL.into_iter().filter(|to| *to != from) {
            compare(out, &format!("{} to {} Hz", from.hz(), to.hz()), |kernels| {
                let (samples, mut converted) = (noise(from.samples(20)), [0; 960]);
                let mut resampler = Resampler::on(kernels, from, to);
                move || _ = resampler.process(black_box(&samples), black_box(&mut converted))
            })?;
        }
    }
    Ok(())
}

fn activity_and_automatic_gain(out: &mut impl Write) -> io::Result<()> {
    for rate in [Rate::Khz8, Rate::Khz16] {
        let frame = noise(rate.samples(20));
        let quiet: Vec<i16> = frame.iter().map(|s| s >> 9).collect();
        let (mut talk, mut pause, mut agc) =
            (Vad::new(rate), Vad::new(rate), Agc::new(rate, Settings::default()));
        talk.frame(&quiet);
        let heard = talk.frame(&frame);
        let mut out_frame = frame.clone();
        let ns = least(&mut [
            // A pause in between, so that the floor stays where it is and the noise is speech.
            Box::new(|| {
                black_box(talk.frame(black_box(&quiet)));
                black_box(talk.frame(black_box(&frame)));
            }) as Box<dyn FnMut()>,
            Box::new(|| _ = black_box(pause.frame(black_box(&quiet)))),
            Box::new(|| {
                out_frame.copy_from_slice(&frame);
                agc.process(black_box(&mut out_frame), heard);
            }),
        ]);
        let hz = rate.hz();
        writeln!(out, "{:<36} {:>9} {:>9.1}", format!("VAD, pause, {hz} Hz"), "", ns[1])?;
        writeln!(out, "{:<36} {:>9} {:>9.1}", format!("VAD, speech, {hz} Hz"), "", ns[0] - ns[1])?;
        writeln!(out, "{:<36} {:>9} {:>9.1}", format!("AGC, {hz} Hz"), "", ns[2])?;
    }
    Ok(())
}

/// What it costs to listen for keys in the audio of one who waits.
fn keys(out: &mut impl Write) -> io::Result<()> {
    let tone = |n: usize, hz: f64| (n as f64 * hz * core::f64::consts::TAU / 8_000.0).sin();
    let key = |n: usize| (8_000.0 * (tone(n, 770.0) + tone(n, 1_336.0))) as i16;
    let held: Vec<i16> = (0..8_000).map(key).collect();
    for (name, sound) in [("silence", vec![0; 8_000]), ("noise", noise(8_000)), ("a key", held)] {
        let (mut detector, mut at) = (Detector::new(), 0);
        let ns = least(&mut [Box::new(|| {
            at = (at + FRAME) % sound.len();
            detector.feed(black_box(&sound[at..at + FRAME]), &mut |heard| _ = black_box(heard));
        }) as Box<dyn FnMut()>]);
        writeln!(out, "{:<36} {:>9} {:>9.1}", format!("DTMF listening, {name}"), "", ns[0])?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let best = Kernels::best().name;
    writeln!(out, "{:<36} {:>9} {best:>9} {:>7}", "ns for 20 ms", "portable", "ratio")?;
    g711(&mut out)?;
    mix(&mut out)?;
    level_and_gain(&mut out)?;
    resample(&mut out)?;
    activity_and_automatic_gain(&mut out)?;
    keys(&mut out)
}
