//! A limiter: multiplies by a gain that somebody wants, and by less where a peak would go over.
//!
//! On the path: behind automatic gain ([`agc`](super::agc)) and behind a mix ([`mix`]),
//! whole packets at a time.
//!
//! ```text
//!   gain ┤──╮             ╭──   wanted
//!        ┤   ╲_________╱╱╱      Down within the 2.5 ms before the peak, along the gentlest
//!        └────┬────┬────┬────   straight line that keeps each sample below the ceiling; up
//!             blocks            again at 40 dB/s
//! ```
//!
//! It looks ahead to the end of the packet, so nothing is delayed; a peak in a packet's first samples
//! brings the gain down from one sample to the next. No sample is ever cut: a wave keeps its shape.
//!
//! Not here: what gain to want; saturation at full scale without a limiter ([`gain`](super::gain)).

use super::mix;
use super::rate::Rate;

/// The largest magnitude that comes out: 1 dB below full scale.
pub const CEILING: i16 = 29_204;

/// Length of a block in tenths of a millisecond.
const BLOCK_TENTHS: usize = 25;
/// 40 dB/s: what the gain may rise in a block.
const RISE: f32 = 1.011_58;

/// A sample, or a sum of samples.
trait Level: Copy {
    fn magnitude(self) -> u32;
    /// Times `factor`, rounded; the limiter saw to it that it fits, and a last bit too much is taken
    /// off.
    fn scaled(self, factor: f32) -> Self;
}

impl Level for i16 {
    #[inline]
    fn magnitude(self) -> u32 {
        self.unsigned_abs().into()
    }
    #[inline]
    fn scaled(self, factor: f32) -> i16 {
        scaled(f32::from(self), factor)
    }
}

impl Level for i32 {
    #[inline]
    fn magnitude(self) -> u32 {
        self.unsigned_abs()
    }
    #[inline]
    fn scaled(self, factor: f32) -> i32 {
        scaled(self as f32, factor).into()
    }
}

/// The limiter of one stream.
#[derive(Clone, Debug)]
pub struct Limiter {
    /// Samples of a block.
    block: usize,
    /// The factor at the last sample.
    factor: f32,
}

impl Limiter {
    /// At 0 dB.
    pub fn new(rate: Rate) -> Limiter {
        Limiter { block: rate.samples(1) * BLOCK_TENTHS / 10, factor: 1.0 }
    }

    /// The factor in force at the end of what was processed.
    pub fn factor(&self) -> f32 {
        self.factor
    }

    /// Multiplies `samples`, of any number, by `wanted` (not negative) or less.
    pub fn process(&mut self, samples: &mut [i16], wanted: f32) {
        self.run(samples, wanted);
    }

    /// Brings `sums` below the ceiling and writes them. While none is above it they are written as they
    /// are; `sums` are scratch.
    pub fn limit(&mut self, sums: &mut [i32], out: &mut [i16]) {
        let loudest = sums.iter().fold(0, |most, sum| most.max(sum.magnitude()));
        if self.factor != 1.0 || loudest > CEILING as u32 {
            self.run(sums, 1.0);
        }
        mix::saturated(sums, out);
    }

    fn run<S: Level>(&mut self, samples: &mut [S], wanted: f32) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, after) = rest.split_at_mut(self.block.min(rest.len()));
            let next = &after[..self.block.min(after.len())];
            let goal = wanted.min(allowed(now)).min(allowed(next));
            if goal < self.factor {
                self.fall(now, goal);
            } else {
                self.rise(now, goal.min(self.factor.max(0.001) * RISE));
            }
            rest = after;
        }
    }

    /// To `goal`, which no sample of the block forbids, within the block or as soon as one needs it.
    fn fall<S: Level>(&mut self, block: &mut [S], goal: f32) {
        let mut slope = (goal - self.factor) / block.len() as f32;
        for (n, sample) in block.iter().enumerate() {
            slope = slope.min((most(sample.magnitude()) - self.factor) / (n + 1) as f32);
        }
        let from = self.factor;
        for (n, sample) in block.iter_mut().enumerate() {
            self.factor = (from + slope * (n + 1) as f32).max(goal);
            *sample = sample.scaled(self.factor);
        }
        self.factor = goal;
    }

    /// To `goal` at the end of the block, in a straight line.
    fn rise<S: Level>(&mut self, block: &mut [S], goal: f32) {
        let slope = (goal - self.factor) / block.len() as f32;
        let from = self.factor;
        for (n, sample) in block.iter_mut().enumerate() {
            *sample = sample.scaled(from + slope * (n + 1) as f32);
        }
        self.factor = goal;
    }
}

/// The largest factor for which none of `samples` exceeds the ceiling.
fn allowed<S: Level>(samples: &[S]) -> f32 {
    most(samples.iter().fold(0, |peak, s| peak.max(s.magnitude())))
}

fn most(magnitude: u32) -> f32 {
    f32::from(CEILING) / magnitude.max(1) as f32
}

#[inline]
fn scaled(sample: f32, factor: f32) -> i16 {
    let product = sample * factor;
    (product + 0.5f32.copysign(product)).clamp(-f32::from(CEILING), f32::from(CEILING)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sine(peak: f64, length: usize) -> Vec<i16> {
        let at = |n: usize| (core::f64::consts::TAU * 400.0 * n as f64 / 8_000.0).sin();
        (0..length).map(|n| (peak * at(n)).round() as i16).collect()
    }

    #[test]
    fn below_the_ceiling_it_is_a_factor() {
        let mut samples = sine(10_000.0, 160);
        let before = samples.clone();
        let mut limiter = Limiter::new(Rate::Khz8);
        limiter.process(&mut samples, 1.0);
        assert_eq!(samples, before);
        for _ in 0..50 {
            samples.copy_from_slice(&before);
            limiter.process(&mut samples, 2.0);
        }
        let doubled: Vec<i16> = before.iter().map(|s| 2 * s).collect();
        assert_eq!(samples, doubled);
    }

    #[test]
    fn a_loud_sine_stays_a_sine() {
        let mut limiter = Limiter::new(Rate::Khz8);
        let mut samples = sine(20_000.0, 8_000);
        samples.chunks_mut(160).for_each(|packet| limiter.process(packet, 4.0));
        let (scaled, expected) = (&samples[800..], sine(f64::from(CEILING), 8_000));
        // Distortion: what is not the sine of its own strength.
        let wave = &expected[800..];
        let dot = |a: &[i16], b: &[i16]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let factor = dot(scaled, wave) / dot(wave, wave);
        let rest: f64 = scaled
            .iter()
            .zip(wave)
            .map(|(s, w)| (f64::from(*s) - factor * f64::from(*w)).powi(2))
            .sum();
        let db = 10.0 * (rest / dot(scaled, scaled)).log10();
        assert!(db < -45.0, "{db}");
        assert!(factor > 0.97, "{factor}");
    }

    #[test]
    fn the_sum_of_four_who_shout_keeps_its_shape() {
        let voice = sine(30_000.0, 8_000);
        let mut limiter = Limiter::new(Rate::Khz8);
        let mut heard = Vec::new();
        for packet in voice.chunks(160) {
            let mut sums: Vec<i32> = packet.iter().map(|s| 4 * i32::from(*s)).collect();
            let mut out = [0; 160];
            limiter.limit(&mut sums, &mut out);
            heard.extend(out);
        }
        let whole = sine(f64::from(CEILING), 8_000);
        let worst = heard.iter().zip(&whole).skip(800).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(worst < Some(1_500), "{worst:?}");
        assert!(heard.iter().all(|s| s.abs() <= CEILING));
        // When they are quiet again, it lets go within half a second and is exact.
        let quiet = sine(5_000.0, 8_000);
        let mut last = Vec::new();
        for packet in quiet.chunks(160) {
            let mut sums: Vec<i32> = packet.iter().map(|s| i32::from(*s)).collect();
            last = vec![0; 160];
            limiter.limit(&mut sums, &mut last);
        }
        assert_eq!(last, quiet[7_840..]);
    }

    proptest! {
        #[test]
        fn nothing_goes_over_or_changes_sides_however_it_is_cut(
            samples in prop::collection::vec(any::<i16>(), 1..600),
            wanted in 0f32..40.0,
            cut in 1usize..300,
        ) {
            let mut out = samples.clone();
            let mut limiter = Limiter::new(Rate::Khz8);
            for packet in out.chunks_mut(cut) {
                limiter.process(packet, wanted);
                prop_assert!((0.0..=40.0).contains(&limiter.factor()));
            }
            for (sample, out) in samples.iter().zip(&out) {
                prop_assert!(out.unsigned_abs() <= CEILING as u16);
                prop_assert!(i32::from(*sample) * i32::from(*out) >= 0);
            }
        }
    }
}
