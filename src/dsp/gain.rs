//! Gain and mute without clicks: a fixed-point factor that moves to its target over 10 ms.
//!
//! On the path: the sample path, after decoding (a quiet agent, a loud line) and before encoding
//! (mute, whisper, ducked prompts). At 0 dB and at rest it costs nothing.
//!
//! Not here: automatic gain ([`agc`](super::agc)), limiting beyond saturation at ±32,767.

use super::kernels::Kernels;

/// Samples in which the gain moves from one value to another: 10 ms of 8 kHz, 5 ms of 16 kHz.
const RAMP: i32 = 80;
/// 0 dB.
const UNITY: i32 = 1 << SHIFT;
/// Bits behind the point: steps of 0.002 dB near unity, of 0.2 dB at −40 dB.
pub const SHIFT: u32 = 12;
/// Highest gain in dB: a factor below 16, so that its product with a sample stays in 32 bits.
pub const HIGHEST_DB: f32 = 24.0;
/// At this and below the gain is mute: the factor would be its last bit.
pub const MUTE_DB: f32 = -72.0;

/// The gain of one stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Gain {
    /// Factor in force, [`SHIFT`] bits behind the point.
    factor: i32,
    /// Factor at the end of the ramp.
    target: i32,
    /// Samples until then.
    left: i32,
}

impl Default for Gain {
    fn default() -> Gain {
        Gain::UNITY
    }
}

impl Gain {
    /// 0 dB: samples pass as they are.
    pub const UNITY: Gain = Gain { factor: UNITY, target: UNITY, left: 0 };
    /// Silence.
    pub const MUTED: Gain = Gain { factor: 0, target: 0, left: 0 };

    /// `db` from the first sample on. See [`Gain::set_db`].
    pub fn new(db: f32) -> Gain {
        let factor = factor(db);
        Gain { factor, target: factor, left: 0 }
    }

    /// Moves to `db` over the next 10 ms; from [`MUTE_DB`] to [`HIGHEST_DB`], and what lies beyond
    /// (or is no number) is taken as the nearer end (mute).
    pub fn set_db(&mut self, db: f32) {
        self.target = factor(db);
        self.left = RAMP;
    }

    /// Moves to silence over the next 10 ms.
    pub fn mute(&mut self) {
        self.target = 0;
        self.left = RAMP;
    }

    /// Whether nothing is heard any more.
    pub fn is_silent(&self) -> bool {
        self.factor == 0 && self.target == 0
    }

    /// Multiplies `samples`, saturating.
    pub fn apply(&mut self, samples: &mut [i16]) {
        let ramp = samples.len().min(self.left.max(0) as usize);
        let (moving, steady) = samples.split_at_mut(ramp);
        for sample in moving {
            // What is left of the way is spread over what is left of the ramp, so it ends exactly.
            self.factor += (self.target - self.factor) / self.left;
            self.left -= 1;
            *sample = scaled(*sample, self.factor);
        }
        match self.factor {
            UNITY => {}
            0 => steady.fill(0),
            factor => (Kernels::best().scale)(steady, factor),
        }
    }
}

/// A gain in dB as a factor.
fn factor(db: f32) -> i32 {
    if db > MUTE_DB {
        (10f32.powf(db.min(HIGHEST_DB) / 20.0) * UNITY as f32).round() as i32
    } else {
        0
    }
}

/// `sample` times `factor`, rounded and saturated.
#[inline(always)]
fn scaled(sample: i16, factor: i32) -> i16 {
    let product = (i32::from(sample) * factor + UNITY / 2) >> SHIFT;
    product.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// The loop that [`kernels`](super::kernels) compiles for each instruction set.
pub(super) mod plain {
    #[inline(always)]
    pub fn scale(samples: &mut [i16], factor: i32) {
        for sample in samples {
            *sample = super::scaled(*sample, factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_factor_is_its_decibels() {
        let mut samples = [1000, -1000, i16::MAX, i16::MIN];
        Gain::new(6.0206).apply(&mut samples);
        assert_eq!(samples, [2000, -2000, i16::MAX, i16::MIN]);
        let mut samples = [1000, -1000, i16::MAX, i16::MIN];
        Gain::new(-20.0).apply(&mut samples);
        assert_eq!(samples, [100, -100, 3280, -3280]);
        let mut samples = [i16::MAX, i16::MIN];
        Gain::new(1000.0).apply(&mut samples);
        assert_eq!(samples, [i16::MAX, i16::MIN]);
    }

    #[test]
    fn unity_changes_nothing() {
        let all: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        let mut samples = all.clone();
        Gain::default().apply(&mut samples);
        assert_eq!(samples, all);
        let mut back = Gain::new(-6.0);
        back.set_db(0.0);
        back.apply(&mut [0; 80]);
        assert_eq!(back, Gain::UNITY);
    }

    #[test]
    fn mute_and_back_do_not_click() {
        let mut gain = Gain::UNITY;
        let mut samples = [10_000i16; 400];
        gain.apply(&mut samples[..40]);
        gain.mute();
        gain.apply(&mut samples[40..200]);
        assert!(gain.is_silent());
        assert_eq!(samples[120..200], [0; 80]);
        gain.set_db(0.0);
        gain.apply(&mut samples[200..]);
        assert_eq!(samples[280..], [10_000; 120]);
        let step = samples.windows(2).map(|w| (w[1] - w[0]).abs()).max();
        assert!(step <= Some(130), "{step:?}");
    }

    #[test]
    fn nonsense_is_mute() {
        for db in [f32::NAN, f32::NEG_INFINITY, -72.0] {
            assert!(Gain::new(db).is_silent(), "{db}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_change_the_ramp(
            db in -90f32..30.0,
            cuts in prop::collection::vec(0usize..100, 0..6),
        ) {
            let mut whole = [7000; 300];
            let mut pieces = whole;
            let (mut a, mut b) = (Gain::UNITY, Gain::UNITY);
            a.set_db(db);
            b.set_db(db);
            a.apply(&mut whole);
            let mut rest = &mut pieces[..];
            for cut in cuts {
                let (now, later) = rest.split_at_mut(cut.min(rest.len()));
                b.apply(now);
                rest = later;
            }
            b.apply(rest);
            prop_assert_eq!(whole, pieces);
            prop_assert_eq!(a, b);
        }
    }
}
