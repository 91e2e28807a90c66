//! No click: a voice-like sound through all that may happen to a stream, and no step from one sample to
//! the next that it does not make itself.

use belfry::dsp::rate::Rate;

use super::line::{self, CLEAN, Call, Network};

/// Seconds of sound.
const SECONDS: usize = 6;

/// A voice that glides, softly begun, of `rate`.
fn voice(rate: Rate) -> Vec<i16> {
    let mut phase = 0.0f64;
    (0..SECONDS * rate.hz() as usize)
        .map(|n| {
            let seconds = n as f64 / f64::from(rate.hz());
            let hz = 140.0 + 40.0 * (0.9 * seconds).sin();
            phase += std::f64::consts::TAU * hz / f64::from(rate.hz());
            let wave: f64 =
                (1..=12).map(|h| (phase * f64::from(h)).sin() / f64::from(h * h).sqrt()).sum();
            (3_000.0 * wave * (seconds * 4.0).min(1.0)) as i16
        })
        .collect()
}

fn steepest(samples: &[i16]) -> i32 {
    let steps = samples.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
    steps.max().unwrap_or(0)
}

#[test]
fn nothing_on_the_line_makes_a_click() {
    let faults = [
        CLEAN,
        Network { loss: 0.02, ..CLEAN },
        Network { loss: 0.1, ..CLEAN },
        Network { loss: 0.1, burst: 3, ..CLEAN },
        Network { loss: 0.1, burst: 30, ..CLEAN },
        Network { jitter: 60, ..CLEAN },
        Network { jitter: 120, loss: 0.05, ..CLEAN },
    ];
    let wide = Call { to: belfry::media::control::Codec::L16(Rate::Khz16), ..line::G722 };
    for call in [line::G711, wide, line::OPUS] {
        let said = voice(call.rate);
        for network in faults {
            let payloads = line::packets(call, &said, false);
            let clean = line::hear(call, &line::deliver(call, &payloads, CLEAN, 1), 5.5);
            let own = steepest(&clean[clean.len() / 4..]);
            for seed in 1..=2 {
                let under_way = line::deliver(call, &payloads, network, seed);
                let heard = line::hear(call, &under_way, 5.5);
                let step = steepest(&heard);
                assert!(step <= own * 8 / 5, "{call:?} {network:?} {seed}: {step} against {own}");
            }
        }
    }
}
