//! Time-stretching: a block of speech made shorter or longer by one pitch period, so that a jitter
//! buffer can change its delay without a gap (WSOLA with one overlap).
//!
//! On the path: between the jitter buffer's decoded samples and the mix, some 20 to 30 ms at a
//! time.
//!
//! ```text
//!  accelerate    a a a [ P1 ][ P2 ] b b b   ─▶   a a a [P1 ╲╱ P2] b b b
//!  expand        a a a [ P1 ][ P2 ] b b b   ─▶   a a a [P1][P2 ╲╱ P1][P2] b b b
//! ```
//!
//! At any rate; what is left out or added is a whole number of slots ([`Rate::per_slot`]). A block's first and last sample stay as they are, so blocks follow each other without seams. Not here: when
//! to stretch, and by how much in all (the jitter buffer knows), history across blocks.

use super::rate::Rate;
use super::{level, pitch};

/// Shortest period that is left out or added, slots: 2.5 ms.
pub const SHORTEST: usize = 20;
/// Longest period that is left out or added, slots: 15 ms. A block of 30 ms has room for it.
pub const LONGEST: usize = pitch::LONGEST;
/// Least similarity of the two periods for a change that is hardly heard.
pub const GENTLE: f32 = 0.85;
/// Least similarity when the delay must change soon: audible, but no click.
pub const URGENT: f32 = 0.3;
/// Only what is so quiet that any period will do.
pub const QUIET: f32 = 1.1;
/// Below this level any period will do.
const QUIET_DBM0: f64 = -45.0;

/// Writes `block` less one pitch period to `out` and returns how many samples that is. `None`, and
/// nothing written, when no two periods are at least `similarity` alike, the block has no two
/// periods, or `out` is shorter than `block`.
pub fn accelerate(block: &[i16], rate: Rate, similarity: f32, out: &mut [i16]) -> Option<usize> {
    let join = Join::find(block, rate, similarity).filter(|_| out.len() >= block.len())?;
    let length = block.len() - join.lag;
    out[..join.at].copy_from_slice(&block[..join.at]);
    let (first, second) = join.periods(block);
    blend(first, second, &mut out[join.at..][..join.lag]);
    out[join.at + join.lag..length].copy_from_slice(&block[join.at + 2 * join.lag..]);
    Some(length)
}

/// Writes `block` and one more pitch period to `out` and returns how many samples that is. `None`
/// as for [`accelerate`]; `out` must hold [`LONGEST`] more than `block`.
pub fn expand(block: &[i16], rate: Rate, similarity: f32, out: &mut [i16]) -> Option<usize> {
    let room = block.len() + LONGEST * rate.per_slot();
    let join = Join::find(block, rate, similarity).filter(|_| out.len() >= room)?;
    let length = block.len() + join.lag;
    let middle = join.at + join.lag;
    out[..middle].copy_from_slice(&block[..middle]);
    let (first, second) = join.periods(block);
    blend(second, first, &mut out[middle..][..join.lag]);
    out[middle + join.lag..length].copy_from_slice(&block[middle..]);
    Some(length)
}

/// Two adjacent periods that are alike.
#[derive(Clone, Copy, Debug)]
struct Join {
    /// Where the first begins.
    at: usize,
    /// Length of each.
    lag: usize,
}

impl Join {
    /// The most alike of all adjacent periods in the middle of `block`.
    fn find(block: &[i16], rate: Rate, similarity: f32) -> Option<Join> {
        // Whole slots, so that what is left still lies on the grid of timestamps.
        let k = rate.per_slot();
        let (shortest, longest) = (SHORTEST * k, LONGEST.min(block.len() / k / 2) * k);
        let centred = |lag: usize| Join { at: (block.len() - 2 * lag) / 2, lag };
        if longest < shortest {
            return None;
        }
        if level::dbm0(block) < QUIET_DBM0 {
            return Some(centred(longest));
        }
        (shortest..=longest)
            .step_by(k)
            .filter_map(|lag| {
                let (first, second) = centred(lag).periods(block);
                Some((lag, pitch::similarity(first, second)?))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|&(_, best)| best >= similarity)
            .map(|(lag, _)| centred(lag))
    }

    fn periods(self, block: &[i16]) -> (&[i16], &[i16]) {
        block[self.at..][..2 * self.lag].split_at(self.lag)
    }
}

/// From one stretch to another of the same length, all of the one at first and of the other at last.
fn blend(from: &[i16], to: &[i16], out: &mut [i16]) {
    let step = 1.0 / (out.len() - 1) as f32;
    for (index, ((out, &from), &to)) in out.iter_mut().zip(from).zip(to).enumerate() {
        let share = index as f32 * step;
        let value = f32::from(from) + share * (f32::from(to) - f32::from(from));
        *out = (value + 0.5f32.copysign(value)) as i16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Noise;
    use core::f64::consts::TAU;
    use proptest::prelude::*;

    fn vowel(pitch: f64, length: usize) -> Vec<i16> {
        let wave = |n: usize| -> f64 {
            let phase = TAU * pitch * n as f64 / 8000.0;
            [1.0, 0.8, 0.7, 0.3]
                .iter()
                .zip(1..)
                .map(|(a, h)| a * (phase * f64::from(h)).sin())
                .sum()
        };
        (0..length).map(|n| (5000.0 * wave(n)) as i16).collect()
    }

    fn largest_step(samples: &[i16]) -> u16 {
        samples.windows(2).map(|w| w[1].abs_diff(w[0])).max().unwrap_or(0)
    }

    #[test]
    fn a_voice_loses_or_gains_one_period() {
        for pitch in [70.0, 100.0, 125.0, 200.0, 320.0] {
            let voice = vowel(pitch, 720);
            let block = &voice[240..480];
            let period = 8000.0 / pitch;
            let mut out = [0; 360];
            for longer in [false, true] {
                let length = if longer {
                    expand(block, Rate::Khz8, GENTLE, &mut out)
                } else {
                    accelerate(block, Rate::Khz8, GENTLE, &mut out)
                };
                let length = length.unwrap();
                let periods = length.abs_diff(240) as f64 / period;
                assert!((periods - periods.round()).abs() * period <= 1.0, "{pitch}: {periods}");
                assert!(periods.round() >= 1.0);
                assert_eq!(length > 240, longer);
                let heard = [&voice[..240], &out[..length], &voice[480..]].concat();
                assert!(f64::from(largest_step(&heard)) < 1.1 * f64::from(largest_step(&voice)));
            }
        }
    }

    #[test]
    fn a_tone_stays_a_tone_through_many_blocks() {
        let tone = crate::dsp::tone::Plan::parse("450", -10).unwrap();
        let mut samples = vec![0; 24_000];
        crate::dsp::tone::Generator::new(&tone).fill(&mut samples);
        let mut heard = Vec::new();
        let mut out = [0; 360];
        for block in samples.chunks(240) {
            let length = accelerate(block, Rate::Khz8, GENTLE, &mut out).unwrap();
            heard.extend(&out[..length]);
        }
        // In pieces of 200 ms: each join shifts the phase by a fraction of a sample.
        for part in heard.chunks_exact(1600) {
            let dominant = level::dominant_tone(part, &[440.0, 450.0, 460.0]).unwrap();
            assert_eq!(dominant.hz, 450.0);
            assert!(dominant.share > 0.95, "{dominant:?}");
        }
        assert!(heard.len() < 20_000);
    }

    #[test]
    fn at_a_high_rate_a_change_is_whole_slots() {
        for rate in [Rate::Khz16, Rate::Khz48] {
            let k = rate.per_slot();
            let turn = TAU * 130.0 / f64::from(rate.hz());
            let tone: Vec<i16> =
                (0..240 * k).map(|n| ((turn * n as f64).sin() * 9_000.0) as i16).collect();
            let mut out = vec![0; 360 * k];
            let shorter = accelerate(&tone, rate, GENTLE, &mut out).unwrap();
            let period = rate.hz() as usize / 130;
            assert!((240 * k - shorter).is_multiple_of(k));
            assert!((240 * k - shorter).abs_diff(period) <= k, "{rate:?} {shorter}");
            assert!(largest_step(&out[..shorter]) < 2 * largest_step(&tone));
            let longer = expand(&tone, rate, GENTLE, &mut out).unwrap();
            assert!((longer - 240 * k).abs_diff(period) <= k, "{rate:?} {longer}");
        }
    }

    #[test]
    fn noise_is_left_alone_unless_quiet() {
        let mut rng = Noise::from_seed(3);
        let mut noise: Vec<i16> = (0..240).map(|_| rng.next_u32() as i16 / 4).collect();
        let mut out = [0; 360];
        assert_eq!(accelerate(&noise, Rate::Khz8, GENTLE, &mut out), None);
        assert_eq!(expand(&noise, Rate::Khz8, GENTLE, &mut out), None);
        assert_eq!(out, [0; 360]);
        noise.iter_mut().for_each(|s| *s /= 256);
        assert_eq!(accelerate(&noise, Rate::Khz8, GENTLE, &mut out), Some(120));
        assert_eq!(expand(&[0; 160], Rate::Khz8, GENTLE, &mut out), Some(240));
    }

    #[test]
    fn too_short_is_refused() {
        let mut out = [0; 400];
        assert_eq!(accelerate(&[0; 39], Rate::Khz8, GENTLE, &mut out), None);
        assert_eq!(expand(&[], Rate::Khz8, GENTLE, &mut out), None);
        assert_eq!(accelerate(&[0; 240], Rate::Khz8, GENTLE, &mut out[..239]), None);
        assert_eq!(expand(&[0; 240], Rate::Khz8, GENTLE, &mut out[..359]), None);
    }

    proptest! {
        #[test]
        fn any_block_keeps_its_ends(
            block in prop::collection::vec(any::<i16>(), 0..500),
            similarity in -1f32..1.0,
        ) {
            let mut out = [0; 620];
            if let Some(length) = accelerate(&block, Rate::Khz8, similarity, &mut out) {
                prop_assert!((SHORTEST..=LONGEST).contains(&(block.len() - length)));
                prop_assert_eq!(out[..length].first(), block.first().filter(|_| length > 0));
            }
            if let Some(length) = expand(&block, Rate::Khz8, similarity, &mut out) {
                prop_assert!((SHORTEST..=LONGEST).contains(&(length - block.len())));
                prop_assert_eq!(out[..length].last(), block.last());
                prop_assert_eq!(out.first(), block.first());
            }
        }
    }
}
