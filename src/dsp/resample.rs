//! Files at other sampling rates brought to 8 kHz: polyphase windowed-sinc interpolation.
//!
//! On the path: loading prompts and music, never a call. The whole clip goes through at once.
//!
//! ```text
//!   in  ──┬──┬──┬──┬──┬──┬──┬──   rate R       out[n] lies at n · M/L input samples, in lowest
//!          \  \ │ /  /                         terms L/M = 8000/R; there are only L different
//!   out ────────┬──────────┬───   8 kHz        places between two input samples, so L filters.
//! ```
//!
//! The filter is 10 ms long under a Kaiser window: flat to 3,500 Hz, more than 70 dB down from
//! 4,000 Hz, where aliases would begin. Nothing is delayed: a sound is where it was.
//!
//! Not here: any other output rate, sample formats. Streams of a call go through [`stream`].

pub mod stream;
mod window;

use core::fmt;

use self::window::{kaiser, sinc};
use super::SAMPLE_RATE;

/// The rates that can be brought to 8 kHz.
pub const RATES: [u32; 9] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Half the filter's length in seconds.
const REACH: f64 = 0.005;
/// Middle of the filter's slope in Hz.
const CUT_OFF: f64 = 3750.0;
/// Kaiser's β for 80 dB.
const BETA: f64 = 7.857;

/// A sampling rate that is none of [`RATES`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnsupportedRate(pub u32);

impl fmt::Display for UnsupportedRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sampling rate {} Hz is none of", self.0)?;
        RATES.iter().try_for_each(|rate| write!(f, " {rate}"))
    }
}
impl core::error::Error for UnsupportedRate {}

/// `samples` of `rate` as samples of 8 kHz, of the same duration rounded up to a sample. Before the
/// first and after the last sample there is silence.
pub fn to_8k(samples: &[i16], rate: u32) -> Result<Vec<i16>, UnsupportedRate> {
    if !RATES.contains(&rate) {
        return Err(UnsupportedRate(rate));
    }
    if rate == SAMPLE_RATE {
        return Ok(samples.to_vec());
    }
    let common = common_divisor(rate, SAMPLE_RATE);
    let phases = (SAMPLE_RATE / common) as usize;
    let step = (rate / common) as usize;
    let bank = Bank::new(phases, f64::from(rate));
    let mut padded = vec![0.0; samples.len() + 2 * bank.taps];
    for (place, &sample) in padded[bank.taps..].iter_mut().zip(samples) {
        *place = f32::from(sample);
    }
    let length = (samples.len() * phases).div_ceil(step);
    let out = (0..length).map(|n| {
        let (whole, phase) = (n * step / phases, n * step % phases);
        // The filter's middle lies at tap `taps / 2 - 1`, or up to one sample after it.
        let from = bank.taps + whole + 1 - bank.taps / 2;
        let value = dot(bank.filter(phase), &padded[from..]);
        (value + 0.5f32.copysign(value)) as i16
    });
    Ok(out.collect())
}

/// One filter for each place between two input samples.
struct Bank {
    /// Taps of each: even, and a multiple of [`LANES`].
    taps: usize,
    /// All filters, one after the other.
    coefficients: Vec<f32>,
}

impl Bank {
    fn new(phases: usize, rate: f64) -> Bank {
        let half = (REACH * rate).ceil();
        let taps = (2 * half as usize).next_multiple_of(LANES);
        let mut coefficients = Vec::with_capacity(phases * taps);
        for phase in 0..phases {
            let middle = (taps / 2 - 1) as f64 + phase as f64 / phases as f64;
            let filter: Vec<f64> = (0..taps)
                .map(|tap| {
                    let distance = tap as f64 - middle;
                    sinc(2.0 * CUT_OFF / rate * distance) * kaiser(BETA, distance / half)
                })
                .collect();
            // Each passes a constant unchanged, or there would be a hum at the rate of the phases.
            let sum: f64 = filter.iter().sum();
            coefficients.extend(filter.iter().map(|c| (c / sum) as f32));
        }
        Bank { taps, coefficients }
    }

    fn filter(&self, phase: usize) -> &[f32] {
        &self.coefficients[phase * self.taps..][..self.taps]
    }
}

/// Sums that are added up side by side, so that the compiler may use vector registers.
const LANES: usize = 8;

/// Sum of products over the length of `filter`.
fn dot(filter: &[f32], samples: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (taps, samples) in filter.chunks_exact(LANES).zip(samples.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += taps[lane] * samples[lane];
        }
    }
    sums.iter().sum()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::level::{dbm0, tone_dbm0};
    use core::f64::consts::TAU;
    use proptest::prelude::*;

    fn sine(hz: f64, peak: f64, rate: u32, length: usize) -> Vec<i16> {
        (0..length)
            .map(|n| (peak * (TAU * hz * n as f64 / f64::from(rate)).sin()).round() as i16)
            .collect()
    }

    /// A second of a tone at `rate`, brought to 8 kHz, without 20 ms at each end.
    fn passed(hz: f64, rate: u32) -> Vec<i16> {
        let out = to_8k(&sine(hz, 30_000.0, rate, rate as usize), rate).unwrap();
        assert_eq!(out.len(), 8000);
        out[160..7840].to_vec()
    }

    #[test]
    fn speech_passes() {
        for rate in RATES {
            for hz in [100.0, 300.0, 1000.0, 2500.0, 3400.0] {
                let out = passed(hz, rate);
                let sent = dbm0(&sine(hz, 30_000.0, 8000, 8000));
                let level = tone_dbm0(&out, hz);
                assert!((level - sent).abs() < 0.05, "{rate} {hz}: {level} for {sent}");
            }
        }
    }

    #[test]
    fn aliases_are_70_db_down() {
        for rate in RATES.into_iter().filter(|&rate| rate > 8000) {
            for hz in [4010.0, 4100.0, 4600.0, 5000.0, 5400.0, 7000.0, 9000.0, 15_000.0, 20_000.0] {
                if hz < f64::from(rate) / 2.0 {
                    let out = dbm0(&passed(hz, rate));
                    assert!(out < 2.4 - 70.0, "{rate} {hz}: {out}");
                }
            }
        }
    }

    #[test]
    fn a_sound_stays_where_it_was() {
        for rate in RATES {
            let out = to_8k(&sine(440.0, 20_000.0, rate, rate as usize), rate).unwrap();
            let expected = sine(440.0, 20_000.0, 8000, 8000);
            for n in 160..7840 {
                assert!(out[n].abs_diff(expected[n]) <= 3, "{rate} {n}");
            }
        }
    }

    #[test]
    fn loud_clips_and_other_rates_are_refused() {
        let square: Vec<i16> =
            (0..16_000).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let out = to_8k(&square, 16_000).unwrap();
        // The overshoot of a band-limited square wave saturates.
        assert!(out.contains(&i16::MAX) && out.contains(&i16::MIN));
        assert!(out.windows(2).all(|w| (w[0] > 20_000) <= (w[1] > -20_000)));
        for rate in [0, 1, 7999, 44_000, 96_000, u32::MAX] {
            assert_eq!(to_8k(&[0; 10], rate), Err(UnsupportedRate(rate)));
        }
    }

    proptest! {
        #[test]
        fn any_length_keeps_its_duration(
            rate in prop::sample::select(RATES.to_vec()),
            samples in prop::collection::vec(any::<i16>(), 0..2000),
        ) {
            let out = to_8k(&samples, rate).unwrap();
            let exact = samples.len() as f64 * 8000.0 / f64::from(rate);
            prop_assert_eq!(out.len(), exact.ceil() as usize);
        }
    }
}
