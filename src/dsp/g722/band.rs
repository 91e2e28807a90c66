//! One sub-band's adaptive differential PCM (G.722 clauses 3.2 to 3.6 and 4): a quantizer whose step
//! follows the signal, and a predictor of two poles and six zeros that follows it too.
//!
//! ```text
//!            e               code            d               r
//!  x ──▶(−)────▶ quantizer ───┬──▶ inverse ──┬──▶(+)──────┬──▶
//!        ▲                    │              │    ▲       │
//!        └──── s ── predictor ◀──────────────┴────┼───────┘
//!                    (both sides run it alike: it sees only what the code says)
//! ```
//!
//! Names in capitals in comments are the blocks of clause 6. Every sum saturates at 16 bits where
//! the Recommendation's does, and a product is shifted down by 15, rounding down.

use super::qmf::limit;

/// The product of two 16-bit numbers as fractions.
#[inline]
fn product(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 15) as i16
}

/// The predictor: blocks PARREC, RECONS, UPPOL1 and 2, UPZERO, FILTEP and FILTEZ.
#[derive(Clone, Debug, Default)]
struct Predictor {
    /// The signal expected next, and the zeros' share of it.
    estimate: i16,
    zeros_part: i16,
    poles: [i16; 2],
    zeros: [i16; 6],
    /// Quantized differences, newest first.
    differences: [i16; 6],
    /// The last reconstructed signal, and the last two partly reconstructed ones, newest first.
    reconstructed: i16,
    partial: [i16; 2],
}

impl Predictor {
    /// Learns the quantized difference and expects the next sample.
    fn learn(&mut self, difference: i16) {
        let reconstructed = self.estimate.saturating_add(difference);
        let partial = self.zeros_part.saturating_add(difference);
        self.poles = self.next_poles(partial);
        let older = core::mem::replace(&mut self.reconstructed, reconstructed);
        self.partial = [partial, self.partial[0]];
        self.learn_zeros(difference);

        self.zeros_part = 0;
        for n in (0..6).rev() {
            let doubled = self.differences[n].saturating_add(self.differences[n]);
            self.zeros_part = self.zeros_part.saturating_add(product(self.zeros[n], doubled));
        }
        let poles_part = product(self.poles[0], reconstructed.saturating_add(reconstructed))
            .saturating_add(product(self.poles[1], older.saturating_add(older)));
        self.estimate = poles_part.saturating_add(self.zeros_part);
    }

    /// UPPOL2, then UPPOL1, which the second pole limits so that the filter stays stable.
    fn next_poles(&self, partial: i16) -> [i16; 2] {
        let same = self.partial.map(|before| partial ^ before >= 0);
        let four = self.poles[0].saturating_mul(4);
        let moved = if same[0] { four.saturating_neg() } else { four };
        let second = product(self.poles[1], 32_512) // 127/128 of it leaks back
            + if same[1] { 128 } else { -128 }
            + (moved >> 7);
        let second = second.clamp(-12_288, 12_288);
        let first = product(self.poles[0], 32_640) + if same[0] { 192 } else { -192 };
        let most = 15_360 - second;
        [first.clamp(-most, most), second]
    }

    /// UPZERO and DELAYA.
    fn learn_zeros(&mut self, difference: i16) {
        let step: i16 = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let step = if difference ^ before >= 0 { step } else { -step };
            *zero = product(*zero, 32_640).saturating_add(step);
        }
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
    }
}

/// Table 14/G.722: thirty-two steps to an octave.
const OCTAVE: [i16; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The quantizer's step: LOGSCL and SCALEL, and LOGSCH and SCALEH.
#[derive(Clone, Debug)]
struct Scale {
    logarithm: i16,
    step: i16,
}

impl Scale {
    /// Adds `weight` to the logarithm, which otherwise sinks; `most` is its limit, and at
    /// `octaves` the step would be one of the table's own.
    fn learn(&mut self, weight: i16, most: i16, octaves: i16) {
        self.logarithm = (product(self.logarithm, 32_512) + weight).clamp(0, most);
        let fraction = OCTAVE[usize::from((self.logarithm >> 6 & 31) as u8)];
        let down = octaves - (self.logarithm >> 11);
        self.step = if down < 0 { fraction << -down } else { fraction >> down } << 2;
    }
}

/// The lower band: six bits, of which the upper four drive the predictor, so that a network may
/// steal the other two.
#[derive(Clone, Debug)]
pub(super) struct Low {
    predictor: Predictor,
    scale: Scale,
}

impl Default for Low {
    fn default() -> Low {
        Low { predictor: Predictor::default(), scale: Scale { logarithm: 0, step: 32 } }
    }
}

/// Q6: decision levels of the sixty-level quantizer, in steps of 2⁻¹².
const LEVELS: [i16; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// QM4: what the upper four bits stand for, in steps of 2⁻¹⁵.
const VALUES_4: [i16; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// QM6: what all six stand for.
const VALUES_6: [i16; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// WL by way of RL42: how much each four-bit code lets the step grow.
const WEIGHTS_4: [i16; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

impl Low {
    /// QUANTL: the code of a sample of 15 bits.
    #[inline]
    pub(super) fn encode(&mut self, sample: i16) -> u8 {
        let error = sample.saturating_sub(self.predictor.estimate);
        let magnitude = i32::from(error ^ (error >> 15));
        let step = i32::from(self.scale.step);
        let level = LEVELS.partition_point(|&l| magnitude >= (i32::from(l) * step) >> 12) as u8;
        // Codes fall as the magnitude rises; negative ones below 2 would look like stolen bits.
        let code = match (error < 0, level) {
            (false, _) => 61 - level,
            (true, 0 | 1) => 63 - level,
            (true, _) => 33 - level,
        };
        self.learn(code);
        code
    }

    /// INVQBL and LIMIT: the sample that six bits stand for.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        let difference = product(self.scale.step, VALUES_6[usize::from(code)]);
        let sample = self.predictor.estimate.saturating_add(difference);
        self.learn(code);
        limit(i32::from(sample))
    }

    fn learn(&mut self, code: u8) {
        let index = usize::from(code >> 2);
        let difference = product(self.scale.step, VALUES_4[index]);
        self.scale.learn(WEIGHTS_4[index], 18_432, 8);
        self.predictor.learn(difference);
    }
}

/// The higher band: two bits.
#[derive(Clone, Debug)]
pub(super) struct High {
    predictor: Predictor,
    scale: Scale,
}

impl Default for High {
    fn default() -> High {
        High { predictor: Predictor::default(), scale: Scale { logarithm: 0, step: 8 } }
    }
}

/// Q2: the one decision level.
const LEVEL: i32 = 564;
/// QM2.
const VALUES_2: [i16; 4] = [-7408, -1616, 7408, 1616];
/// WH by way of RH2.
const WEIGHTS_2: [i16; 4] = [798, -214, 798, -214];

impl High {
    /// QUANTH.
    #[inline]
    pub(super) fn encode(&mut self, sample: i16) -> u8 {
        let error = sample.saturating_sub(self.predictor.estimate);
        let magnitude = i32::from(error ^ (error >> 15));
        let near = magnitude < (LEVEL * i32::from(self.scale.step)) >> 12;
        let code = u8::from(error >= 0) << 1 | u8::from(near);
        self.learn(code);
        code
    }

    /// INVQAH and LIMIT.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i16 {
        let difference = product(self.scale.step, VALUES_2[usize::from(code)]);
        let sample = self.predictor.estimate.saturating_add(difference);
        self.learn(code);
        limit(i32::from(sample))
    }

    fn learn(&mut self, code: u8) {
        let difference = product(self.scale.step, VALUES_2[usize::from(code)]);
        self.scale.learn(WEIGHTS_2[usize::from(code)], 22_528, 10);
        self.predictor.learn(difference);
    }
}
