//! How far what was heard lies from what was said: the mean difference of their short-time spectra in
//! bands as wide as an ear's. It is no opinion score (docs/sound.md has those), but it needs nothing
//! but this file, and what makes one worse makes the other worse.

use std::f64::consts::{PI, TAU};

use belfry::dsp::rate::Rate;

/// Bands, and the hertz at which they begin: Bark-like to what the narrower line carries.
const EDGES: [f64; 19] = [
    100.0, 200.0, 300.0, 400.0, 510.0, 630.0, 770.0, 920.0, 1_080.0, 1_270.0, 1_480.0, 1_720.0,
    2_000.0, 2_320.0, 2_700.0, 3_300.0, 4_400.0, 5_800.0, 7_000.0,
];
/// Below this, against the loudest band of all, nothing counts: dB.
const FLOOR_DB: f64 = -55.0;
/// A single difference counts at most this much, dB.
const MOST_DB: f64 = 25.0;
/// Steps of frames, milliseconds: of what was said, and of what was heard.
const SAID_MS: u32 = 16;
const HEARD_MS: u32 = 4;
/// The moment of a frame may be off by this many steps of what was heard, for the delay changes.
const SEARCH: i64 = 7;

/// The distance in dB; the constant delay between the two is found.
pub fn distance(said: &[i16], heard: &[i16], rate: Rate) -> f64 {
    let spectra = Spectra::new(rate);
    let a: Vec<_> = frames(said, rate, SAID_MS).map(|frame| spectra.bands(frame)).collect();
    let b: Vec<_> = frames(heard, rate, HEARD_MS).map(|frame| spectra.bands(frame)).collect();
    let loudest = a.iter().flatten().fold(f64::MIN, |most, band| most.max(*band));
    let floor = loudest + FLOOR_DB;
    let apart = |n: usize, at: i64| {
        let Some(other) = usize::try_from(at).ok().and_then(|at| b.get(at)) else {
            return MOST_DB;
        };
        let pairs = a[n].iter().zip(other);
        let sum: f64 = pairs.map(|(a, b)| (a.max(floor) - b.max(floor)).abs().min(MOST_DB)).sum();
        sum / a[n].len() as f64
    };
    let ratio = i64::from(SAID_MS / HEARD_MS);
    let all = |shift: i64| {
        (0..a.len()).step_by(4).map(|n| apart(n, n as i64 * ratio + shift)).sum::<f64>()
    };
    let most = (b.len() as i64 - a.len() as i64 * ratio).max(1);
    let shift = (0..most).min_by(|x, y| all(*x).total_cmp(&all(*y))).unwrap_or(0);
    let near = |n: usize| {
        let at = n as i64 * ratio + shift;
        (at - SEARCH..=at + SEARCH).map(|at| apart(n, at)).fold(f64::MAX, f64::min)
    };
    (0..a.len()).map(near).sum::<f64>() / a.len() as f64
}

fn frames(samples: &[i16], rate: Rate, step_ms: u32) -> impl Iterator<Item = &[i16]> {
    samples.windows(rate.samples(32)).step_by(rate.samples(step_ms))
}

/// Frames of 32 ms to bands.
struct Spectra {
    window: Vec<f64>,
    /// First and last bin of each band.
    bands: Vec<(usize, usize)>,
    turns: Vec<(f64, f64)>,
}

impl Spectra {
    fn new(rate: Rate) -> Spectra {
        let length = rate.samples(32);
        let bin = |hz: f64| (hz * length as f64 / f64::from(rate.hz())).round() as usize;
        let half = f64::from(rate.hz()) * 0.45;
        let edges: Vec<f64> = EDGES.into_iter().filter(|hz| *hz < half).collect();
        let turn = |k: usize| (TAU * k as f64 / length as f64).sin_cos();
        Spectra {
            window: (0..length)
                .map(|n| 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / length as f64).cos())
                .collect(),
            bands: edges.windows(2).map(|e| (bin(e[0]), bin(e[1]).max(bin(e[0]) + 1))).collect(),
            turns: (0..length / 2).map(|k| (turn(k).1, -turn(k).0)).collect(),
        }
    }

    /// Energy of each band, dB.
    fn bands(&self, frame: &[i16]) -> Vec<f64> {
        let mut points: Vec<(f64, f64)> =
            frame.iter().zip(&self.window).map(|(s, w)| (f64::from(*s) * w, 0.0)).collect();
        // The next power of two above 32 ms of 8 or 16 kHz is that itself.
        transform(&mut points, &self.turns);
        let energy = |(re, im): &(f64, f64)| re * re + im * im;
        let sum = |(from, to): &(usize, usize)| points[*from..*to].iter().map(energy).sum::<f64>();
        self.bands.iter().map(|band| 10.0 * (sum(band) + PI).log10()).collect()
    }
}

/// Fourier's transform in place; `turns` are the roots of one, half a turn of them.
fn transform(points: &mut [(f64, f64)], turns: &[(f64, f64)]) {
    let length = points.len();
    let bits = length.trailing_zeros();
    for n in 0..length {
        let other = n.reverse_bits() >> (usize::BITS - bits);
        if other > n {
            points.swap(n, other);
        }
    }
    let mut half = 1;
    while half < length {
        let stride = length / (2 * half);
        for start in (0..length).step_by(2 * half) {
            for k in 0..half {
                let (cos, sin) = turns[k * stride];
                let (a, b) = (points[start + k], points[start + k + half]);
                let turned = (b.0 * cos - b.1 * sin, b.0 * sin + b.1 * cos);
                points[start + k] = (a.0 + turned.0, a.1 + turned.1);
                points[start + k + half] = (a.0 - turned.0, a.1 - turned.1);
            }
        }
        half *= 2;
    }
}

#[test]
fn what_is_alike_is_near() {
    let tone = |hz: f64| -> Vec<i16> {
        (0..8_000).map(|n| ((n as f64 * hz * TAU / 8_000.0).sin() * 8_000.0) as i16).collect()
    };
    let (a, b) = (tone(400.0), tone(900.0));
    let delayed: Vec<i16> = [vec![0; 480], a.clone(), vec![0; 480]].concat();
    let other: Vec<i16> = [vec![0; 480], b, vec![0; 480]].concat();
    assert!(distance(&a, &delayed, Rate::Khz8) < 0.5);
    assert!(distance(&a, &other, Rate::Khz8) > 5.0);
}
