//! How loud, and at which frequency: RMS and peak in dBm0, and Goertzel's single-bin transform.
//!
//! On the path: voice quality figures and comfort noise; the demo and the tests use it to say
//! which tone is heard where.
//!
//! Scale: ITU-T G.711 puts a sine of full A-law scale at +3.14 dBm0, so 0 dBm0 is a sine of peak
//! 22,827 (RMS 16,141). µ-law's scale differs by 0.07 dB, which is left out. dBov (RFC 3389,
//! RFC 6464) counts from a full-scale square wave: 0 dBov = +6.15 dBm0.
//!
//! Not here: tracking a level over time, weighting by a telephone's frequency response.

use core::f64::consts::TAU;

use super::SAMPLE_RATE;
use super::kernels::Kernels;

/// A sine that just reaches ±32,768 (ITU-T G.711, table 1a: theoretical load capacity).
#[allow(clippy::approx_constant, reason = "decibels, not π")]
pub const FULL_SCALE_SINE_DBM0: f64 = 3.14;
/// What 0 dBov is in dBm0: full scale, and a square wave's 3.01 dB over a sine.
pub const DBOV_DBM0: f64 = 6.15;
/// What digital silence is said to be: below the quietest noise that 16 bits can hold.
pub const SILENCE_DBM0: f64 = -100.0;

/// Peak of a sine at `dbm0`, in units of the 16-bit scale.
pub fn sine_peak(dbm0: f64) -> f64 {
    32_768.0 * 10f64.powf((dbm0 - FULL_SCALE_SINE_DBM0) / 20.0)
}

/// A mean power (mean of squared samples) in dBm0.
pub fn power_dbm0(power: f64) -> f64 {
    let full_scale_sine = 32_768.0 * 32_768.0 / 2.0;
    if power <= 0.0 {
        return SILENCE_DBM0;
    }
    (10.0 * (power / full_scale_sine).log10() + FULL_SCALE_SINE_DBM0).max(SILENCE_DBM0)
}

/// Mean of the squared samples; 0 for none.
pub fn power(samples: &[i16]) -> f64 {
    (Kernels::best().energy)(samples) as f64 / samples.len().max(1) as f64
}

/// RMS level in dBm0, [`SILENCE_DBM0`] for silence.
pub fn dbm0(samples: &[i16]) -> f64 {
    power_dbm0(power(samples))
}

/// RMS level in dBov, 0 for the loudest possible signal, negative below.
pub fn dbov(samples: &[i16]) -> f64 {
    dbm0(samples) - DBOV_DBM0
}

/// Level in dBm0 of a sine with the peak that `samples` reach.
pub fn peak_dbm0(samples: &[i16]) -> f64 {
    let peak = f64::from((Kernels::best().peak)(samples));
    power_dbm0(peak * peak / 2.0)
}

/// Mean power of the sine at `hz` (0 to 4,000) within `samples`: as [`power`] would give for that
/// sine alone, when it fills the block. Another tone Δ Hz away leaks in with at most
/// (2,546 / (Δ · length))² of its own power, length in samples.
pub fn goertzel_power(samples: &[i16], hz: f64) -> f64 {
    let turn = 2.0 * (TAU * hz / f64::from(SAMPLE_RATE)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        (last, before) = (turn * last - before + f64::from(sample), last);
    }
    let magnitude_squared = last * last + before * before - turn * last * before;
    2.0 * magnitude_squared / (samples.len().max(1) as f64).powi(2)
}

/// Level of the sine at `hz` in dBm0. See [`goertzel_power`].
pub fn tone_dbm0(samples: &[i16], hz: f64) -> f64 {
    power_dbm0(goertzel_power(samples, hz))
}

/// The tone that stands out in a block.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dominant {
    /// Which of the candidates.
    pub hz: f64,
    /// Its level.
    pub dbm0: f64,
    /// Its part of the block's whole power, 0 to 1 (a little over 1 by leakage).
    pub share: f64,
}

/// The strongest of `candidates` (Hz), if it makes up at least half of the block's power and the
/// block is louder than −50 dBm0; else none stands out. Candidates that are closer than
/// 8,000 / length Hz cannot be told apart: 800 samples separate 440 from 450 Hz.
pub fn dominant_tone(samples: &[i16], candidates: &[f64]) -> Option<Dominant> {
    let whole = power(samples);
    if power_dbm0(whole) < -50.0 {
        return None;
    }
    candidates
        .iter()
        .map(|&hz| (hz, goertzel_power(samples, hz)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(hz, tone)| Dominant { hz, dbm0: power_dbm0(tone), share: tone / whole })
        .filter(|d| d.share >= 0.5)
}

/// The loops that [`kernels`](super::kernels) compiles for each instruction set.
pub(super) mod plain {
    /// Sum of squares. 2^30 a sample: a u64 holds that of 2^34 samples, 24 days.
    #[inline(always)]
    pub fn energy(samples: &[i16]) -> u64 {
        // Two squares fit 32 bits, so only half as many need to become 64 bits wide.
        let (pairs, rest) = samples.as_chunks::<2>();
        let pairs = pairs.iter().map(|[a, b]| u64::from(square(*a) + square(*b)));
        pairs.sum::<u64>() + rest.iter().map(|s| u64::from(square(*s))).sum::<u64>()
    }

    #[inline(always)]
    pub fn peak(samples: &[i16]) -> u16 {
        samples.iter().fold(0, |most, s| most.max(s.unsigned_abs()))
    }

    #[inline(always)]
    fn square(sample: i16) -> u32 {
        let sample = i32::from(sample);
        (sample * sample) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, dbm0: f64, length: usize) -> Vec<i16> {
        let peak = sine_peak(dbm0);
        let at = |n| (TAU * hz * n as f64 / f64::from(SAMPLE_RATE)).sin();
        (0..length).map(|n| (peak * at(n)).round() as i16).collect()
    }

    #[test]
    fn the_scale_is_g711s() {
        assert_eq!(sine_peak(0.0).round(), 22_827.0);
        assert_eq!(sine_peak(FULL_SCALE_SINE_DBM0), 32_768.0);
        // G.711 table 5: this sequence of A-law codes is 1,000 Hz at 0 dBm0.
        let codes = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4];
        let samples = codes.map(super::super::g711::alaw_sample);
        assert!(dbm0(&samples).abs() < 0.06, "{}", dbm0(&samples));
        // And table 6 for µ-law: off by the 0.07 dB that this scale leaves out.
        let codes = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e];
        let samples = codes.map(super::super::g711::ulaw_sample);
        assert!(dbm0(&samples).abs() < 0.09, "{}", dbm0(&samples));
    }

    #[test]
    fn levels_of_a_sine() {
        for level in [-50.0, -10.0, 0.0, 3.0] {
            let s = sine(1004.0, level, 8000);
            assert!((dbm0(&s) - level).abs() < 0.05);
            assert!((peak_dbm0(&s) - level).abs() < 0.2);
            assert!((tone_dbm0(&s, 1004.0) - level).abs() < 0.05);
            assert!(tone_dbm0(&s, 1104.0) < (level - 50.0).max(-90.0));
        }
        assert!((dbov(&[i16::MIN; 80]) - 0.0).abs() < 0.01);
    }

    #[test]
    fn silence_and_nothing_have_a_level() {
        for s in [&[][..], &[0; 160]] {
            assert_eq!((dbm0(s), peak_dbm0(s)), (SILENCE_DBM0, SILENCE_DBM0));
            assert_eq!(tone_dbm0(s, 450.0), SILENCE_DBM0);
            assert_eq!(dominant_tone(s, &[450.0]), None);
        }
    }

    #[test]
    fn the_dominant_tone_is_named_or_none_is() {
        let candidates = [350.0, 400.0, 425.0, 440.0, 450.0, 1400.0];
        let mut s = sine(450.0, -20.0, 1600);
        let d = dominant_tone(&s, &candidates).expect("a pure tone stands out");
        assert_eq!(d.hz, 450.0);
        assert!((d.dbm0 + 20.0).abs() < 0.1 && d.share > 0.99);
        assert_eq!(dominant_tone(&s, &[1000.0, 2000.0]), None, "another tone is heard");
        assert_eq!(dominant_tone(&s, &[]), None);
        for (a, b) in s.iter_mut().zip(sine(900.0, -15.0, 1600)) {
            *a += b;
        }
        assert_eq!(dominant_tone(&s, &candidates), None, "a louder one lies over it");
    }
}
