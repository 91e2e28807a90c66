//! How far back a signal repeats itself: the pitch period, by normalised cross-correlation.
//!
//! Serves concealment (which period to go on with) and time-stretching (which period to leave out
//! or to play twice). Not here: a pitch track, a decision between voiced and unvoiced.

use core::ops::RangeInclusive;

use super::kernels::Kernels;

/// The longest period that is looked for, slots: 15 ms, a deep voice's 67 Hz.
pub const LONGEST: usize = 120;

/// A repetition.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Pitch {
    /// Samples from one period to the next.
    pub lag: usize,
    /// How alike the two are: 1 the same but for loudness, 0 unrelated, −1 opposite.
    pub similarity: f32,
}

/// The lag at which the last `window` samples are most like those before them. `samples` must hold
/// `window` and the longest lag; longer lags than fit are not tried. Only every `step`-th lag is
/// looked at, and the best one's neighbours: at a high rate they are as alike as makes no difference.
/// `None` in silence.
pub fn search(
    samples: &[i16],
    window: usize,
    lags: RangeInclusive<usize>,
    step: usize,
) -> Option<Pitch> {
    let room = samples.len().checked_sub(window)?;
    let recent = &samples[room..];
    let look = |lag: usize| {
        let similarity = similarity(recent, &samples[room - lag..][..window])?;
        Some(Pitch { lag, similarity })
    };
    let (first, last) = (*lags.start(), (*lags.end()).min(room));
    let best = |a: &Pitch, b: &Pitch| a.similarity.total_cmp(&b.similarity);
    let coarse = (first..=last).step_by(step).filter_map(look).max_by(best)?;
    let near = coarse.lag.saturating_sub(step - 1).max(first)..=(coarse.lag + step - 1).min(last);
    near.filter_map(look).max_by(best)
}

/// How alike two stretches of one length are; `None` when one of them is silent.
pub fn similarity(a: &[i16], b: &[i16]) -> Option<f32> {
    let product = Kernels::best().product;
    let energies = product(a, a) as f32 * product(b, b) as f32;
    (energies > 0.0).then(|| product(a, b) as f32 / energies.sqrt())
}

/// The loop that [`kernels`](super::kernels) compiles for each instruction set.
pub(super) mod plain {
    /// Sum of products, less eight bits so that 256 of them stay within 32 bits, which keeps it in
    /// vector registers.
    #[inline(always)]
    pub fn product(a: &[i16], b: &[i16]) -> i64 {
        let mut sum = 0;
        for (a, b) in a.chunks(256).zip(b.chunks(256)) {
            // 256 · 2²² = 2³⁰.
            let part = a.iter().zip(b).map(|(&a, &b)| (i32::from(a) * i32::from(b)) >> 8);
            sum += i64::from(part.fold(0, i32::wrapping_add));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulses(period: usize, length: usize) -> Vec<i16> {
        (0..length)
            .map(|n| if n % period < 5 { 8000 - 1000 * (n % period) as i16 } else { 0 })
            .collect()
    }

    #[test]
    fn the_period_is_found() {
        for period in 40..=120 {
            let pitch = search(&pulses(period, 400), 160, 40..=120, 1).unwrap();
            assert_eq!(pitch.lag % period, 0, "{period}");
            assert!(pitch.similarity > 0.99);
        }
    }

    #[test]
    fn the_period_is_found_between_the_steps() {
        for period in 240..=300 {
            let pitch = search(&pulses(period, 1_200), 500, 200..=480, 6).unwrap();
            assert!(pitch.lag.abs_diff(period) <= 6, "{period}: {pitch:?}");
        }
    }

    #[test]
    fn silence_and_too_little_have_none() {
        assert_eq!(search(&[0; 400], 160, 40..=120, 1), None);
        assert_eq!(search(&[9; 100], 160, 40..=120, 1), None);
        assert_eq!(search(&[900; 190], 160, 40..=120, 1), None);
    }

    #[test]
    fn full_scale_does_not_overflow() {
        let pitch = search(&[i16::MIN; 1000], 800, 40..=120, 1).unwrap();
        assert!((pitch.similarity - 1.0).abs() < 1e-3);
        let opposite = similarity(&[i16::MIN; 600], &[i16::MAX; 600]).unwrap();
        assert!((opposite + 1.0).abs() < 1e-3);
    }
}
