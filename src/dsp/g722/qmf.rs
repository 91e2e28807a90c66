//! The quadrature mirror filters of G.722 (clauses 3.1 and 4.4): 16 kHz to two bands of 8 kHz each,
//! and back.
//!
//! ```text
//!   w[0] w[1] … w[22] w[23]      24 samples, the newest two last
//!     ×h0  ×h1  …  ×h22  ×h23    h[n] = h[23 − n]: even and odd places are each other's mirror
//!   low = Σeven + Σodd,  high = Σodd − Σeven
//! ```
//!
//! Half of the products change their sign between low and high, so each is one sum of 24 products
//! with coefficients of its own, which the compiler multiplies eight at a time. Together the two
//! filters delay by 22 samples.

/// Samples that a filter sees.
const TAPS: usize = 24;
/// Samples of the window that were there before the newest two.
pub(super) const PAST: usize = TAPS - 2;
/// Pairs that are filtered in one go.
pub(super) const BLOCK: usize = 80;

/// Table 11/G.722: h0 to h11 in units of 2⁻¹³; h12 to h23 mirror them.
const H: [i16; TAPS / 2] = [3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876];

/// All 24, with the even ones multiplied by `sign`.
const fn coefficients(sign: i16) -> [i16; TAPS] {
    let mut all = [0; TAPS];
    let mut n = 0;
    while n < TAPS {
        let h = if n < TAPS / 2 { H[n] } else { H[TAPS - 1 - n] };
        all[n] = if n % 2 == 0 { sign * h } else { h };
        n += 1;
    }
    all
}

/// The sum band.
const SUM: [i16; TAPS] = coefficients(1);
/// The difference band: odd less even.
const DIFFERENCE: [i16; TAPS] = coefficients(-1);
/// The even places alone, and the odd ones: what makes the two samples of a pair.
const EVEN: [i16; TAPS] = only(0);
const ODD: [i16; TAPS] = only(1);

const fn only(parity: usize) -> [i16; TAPS] {
    let mut all = coefficients(1);
    let mut n = 1 - parity;
    while n < TAPS {
        all[n] = 0;
        n += 2;
    }
    all
}

/// Σ|h| is 12,964 units, so the sum stays below 2²⁹.
#[inline]
fn dot(window: &[i16; TAPS], coefficients: &[i16; TAPS]) -> i32 {
    window.iter().zip(coefficients).map(|(&w, &c)| i32::from(w) * i32::from(c)).sum()
}

/// The samples that a filter sees, in one piece: the past, then a block of new ones.
#[derive(Clone, Debug)]
struct Window([i16; PAST + 2 * BLOCK]);

impl Default for Window {
    fn default() -> Window {
        Window([0; PAST + 2 * BLOCK])
    }
}

impl Window {
    /// What a filter sees at each of `pairs` new pairs.
    fn windows(&self, pairs: usize) -> impl Iterator<Item = &[i16; TAPS]> {
        (0..pairs).filter_map(|pair| self.0[2 * pair..].first_chunk())
    }
    /// `pairs` pairs are past.
    fn shift(&mut self, pairs: usize) {
        self.0.copy_within(2 * pairs..2 * pairs + PAST, 0);
    }
}

/// The transmitting side.
#[derive(Clone, Debug, Default)]
pub(super) struct Analysis(Window);

impl Analysis {
    /// Gives `band` one low and one high sample of 15 bits for each two samples.
    pub(super) fn split(&mut self, samples: &[i16], mut band: impl FnMut(i16, i16)) {
        for block in samples.chunks(2 * BLOCK) {
            let pairs = block.len() / 2;
            self.0.0[PAST..PAST + 2 * pairs].copy_from_slice(&block[..2 * pairs]);
            for window in self.0.windows(pairs) {
                let (low, high) = (dot(window, &SUM) >> 14, dot(window, &DIFFERENCE) >> 14);
                band(limit(low), limit(high));
            }
            self.0.shift(pairs);
        }
    }
}

/// The receiving side.
#[derive(Clone, Debug, Default)]
pub(super) struct Synthesis(Window);

impl Synthesis {
    /// Asks `bands` for the low and high sample of each of `codes`, and writes two samples for
    /// each, as far as there is room; returns how many were written.
    pub(super) fn join<C>(
        &mut self,
        codes: &[C],
        mut bands: impl FnMut(&C) -> (i16, i16),
        samples: &mut [i16],
    ) -> usize {
        let total = codes.len().min(samples.len() / 2);
        let blocks = codes[..total].chunks(BLOCK).zip(samples.chunks_mut(2 * BLOCK));
        for (codes, samples) in blocks {
            for (pair, code) in self.0.0[PAST..].chunks_exact_mut(2).zip(codes) {
                let (low, high) = bands(code);
                // Both have 15 bits.
                (pair[0], pair[1]) = (low + high, low - high);
            }
            let out = samples.chunks_exact_mut(2);
            for (window, pair) in self.0.windows(codes.len()).zip(out) {
                pair[0] = saturate(dot(window, &ODD) >> 11);
                pair[1] = saturate(dot(window, &EVEN) >> 11);
            }
            self.0.shift(codes.len());
        }
        2 * total
    }
}

/// To 15 bits (block LIMIT).
pub(super) fn limit(value: i32) -> i16 {
    value.clamp(-16_384, 16_383) as i16
}

fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}
