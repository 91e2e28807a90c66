//! What one 20 ms window shows: filters at the eight DTMF frequencies, side by side, and whether a digit and
//! nothing else is in them.
//!
//! The filters are sums of products with turning arrows, sixteen lanes that do not wait for each other.
//! Goertzel's recursion, which needs no table, gives the same, and each of its steps waits for the one before: it
//! takes three times as long, and three hundred callers who wait are listened to at once.

use crate::dsp::SAMPLE_RATE;
use crate::dsp::dtmf::{COLUMNS, KEYS, ROWS};
use crate::dsp::kernels::Kernels;

/// Samples in a window: 20 ms.
pub(in crate::dsp) const WINDOW: usize = 160;
/// Samples from one window to the next: 5 ms.
pub(super) const HOP: usize = 40;
/// Part of the window's energy that the two tones must make up.
const TONES_SHARE: f32 = 0.87;
/// Least mean power of each tone: −34 dBm0.
const LEAST_POWER: f32 = dbm0_power(0.000_398_107);
/// High over low group, as a power ratio: −11.5 to +7.5 dB.
const TWIST: core::ops::RangeInclusive<f32> = 0.0708..=5.62;
/// How far from its nominal frequency a tone may lie by the turn between two blocks only, which
/// noise shakes.
const OUT_OF_TUNE_AT_ONCE: f32 = 0.035;

/// Row and column of a digit, 0 to 3 each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Key {
    pub(super) const fn digit(self) -> char {
        KEYS[self.row][self.column]
    }
}

/// What the eight filters say of one window; rows first, then columns.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Spectrum {
    /// Each filter's output as real and imaginary part, its phase that of the last sample.
    outputs: [[f32; 2]; 8],
    /// Mean power of a steady tone with that output.
    pub(super) powers: [f32; 8],
    /// Mean power of all that is in the window, on the same scale.
    whole: f32,
}

/// A filter's phase turns by one radian more than nominal from block to block, when the tone is
/// this much too high.
pub(super) const HZ_PER_RADIAN: f64 = SAMPLE_RATE as f64 / HOP as f64 / core::f64::consts::TAU;

impl Spectrum {
    /// Filters one window. Silence comes out as nothing, without work.
    pub(super) fn of(samples: &[f32; WINDOW]) -> Spectrum {
        let whole = energy(samples) / HANN_SQUARES;
        // 12 dB below the least digit, so that its rise and fall are still seen.
        if whole < 2.0 * LEAST_POWER / 16.0 {
            return Spectrum::default();
        }
        let sums = (Kernels::best().filter)(samples);
        let mut spectrum = Spectrum { whole, ..Spectrum::default() };
        for filter in 0..8 {
            let (re, im) = (sums[filter], sums[8 + filter]);
            spectrum.outputs[filter] = [re, im];
            spectrum.powers[filter] = 2.0 * (re * re + im * im) / (HANN_SUM * HANN_SUM);
        }
        spectrum
    }

    /// The digit that this window shows and nothing else, with the phase turns of its two tones
    /// since `last`; `None` when it shows none.
    pub(super) fn digit(&self, last: &Spectrum) -> Option<(Key, [[f32; 2]; 2])> {
        let key = Key { row: strongest(&self.powers[..4]), column: strongest(&self.powers[4..]) };
        // Most of what is no digit is told by this: its two strongest do not make up the whole.
        let raw = self.powers[key.row] + self.powers[4 + key.column];
        if raw < TONES_SHARE * LEAST_OFF_CENTRE * self.whole {
            return None;
        }
        let mut turns = [[0.0; 2]; 2];
        let mut powers = [0.0; 2];
        for (index, filter) in [key.row, 4 + key.column].into_iter().enumerate() {
            let turn = TURNS[filter].since(last.outputs[filter], self.outputs[filter]);
            let off = turn[1].atan2(turn[0]) * HZ_PER_RADIAN as f32;
            if off.abs() > OUT_OF_TUNE_AT_ONCE * TURNS[filter].hz {
                return None;
            }
            turns[index] = turn;
            powers[index] = self.powers[filter] / off_centre(off);
        }
        let [low, high] = powers;
        let alone = low + high >= TONES_SHARE * self.whole;
        let strong = low >= LEAST_POWER && high >= LEAST_POWER;
        let even = TWIST.contains(&(high / low));
        (strong && alone && even).then_some((key, turns))
    }
}

/// The sum of the window's squared samples, in lanes that the compiler makes vectors of.
fn energy(samples: &[f32; WINDOW]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (samples, weights) in samples.chunks_exact(8).zip(HANN.chunks_exact(8)) {
        for ((sum, sample), weight) in sums.iter_mut().zip(samples).zip(weights) {
            let windowed = sample * weight;
            *sum += windowed * windowed;
        }
    }
    sums.iter().sum()
}

/// The loop that [`Kernels`] has in both forms.
pub(in crate::dsp) mod plain {
    use super::{ARROWS, WINDOW};

    /// The eight filters' outputs: real parts, then imaginary ones.
    #[inline(always)]
    pub(in crate::dsp) fn filter(samples: &[f32; WINDOW]) -> [f32; 16] {
        // Two sums by turns: an addition need not wait for the one before.
        let (mut even, mut odd) = ([0.0f32; 16], [0.0f32; 16]);
        for (two, arrows) in samples.chunks_exact(2).zip(ARROWS.chunks_exact(2)) {
            for lane in 0..16 {
                even[lane] += two[0] * arrows[0][lane];
            }
            for lane in 0..16 {
                odd[lane] += two[1] * arrows[1][lane];
            }
        }
        core::array::from_fn(|lane| even[lane] + odd[lane])
    }
}

/// What a tone is weakened by in its filter at the most, where it may still be a digit's: the highest
/// column's, as far out of tune as one may be at once.
const LEAST_OFF_CENTRE: f32 = off_centre(OUT_OF_TUNE_AT_ONCE * COLUMNS[3] as f32);

/// Index of the greatest.
fn strongest(powers: &[f32]) -> usize {
    let mut best = 0;
    for (index, power) in powers.iter().enumerate() {
        if *power > powers[best] {
            best = index;
        }
    }
    best
}

/// Power that the window leaves of a tone `off` Hz beside the filter (to 70 Hz, within 1 %): the
/// series of (sin πx / πx / (1 − x²))² with x in window lengths.
const fn off_centre(off: f32) -> f32 {
    let x = off * (WINDOW as f32 / SAMPLE_RATE as f32);
    let xx = x * x;
    let amplitude = 1.0 - xx * (0.6449 - xx * (0.1668 - xx * 0.0239));
    amplitude * amplitude
}

/// One filter's constants.
struct Turn {
    hz: f32,
    /// Cosine and sine of its turn per hop.
    hop: [f32; 2],
}

impl Turn {
    const fn of(hz: u16) -> Turn {
        let per_hop = hz as f64 * HOP as f64 / SAMPLE_RATE as f64;
        Turn { hz: hz as f32, hop: [cosine(per_hop) as f32, cosine(per_hop - 0.25) as f32] }
    }

    /// now · conj(before) · e^(−jω hop): its angle is how far the phase turned beyond the nominal.
    fn since(&self, before: [f32; 2], now: [f32; 2]) -> [f32; 2] {
        let re = now[0] * before[0] + now[1] * before[1];
        let im = now[1] * before[0] - now[0] * before[1];
        [re * self.hop[0] + im * self.hop[1], im * self.hop[0] - re * self.hop[1]]
    }
}

/// The eight filters, rows first.
const TURNS: [Turn; 8] = [
    Turn::of(ROWS[0]),
    Turn::of(ROWS[1]),
    Turn::of(ROWS[2]),
    Turn::of(ROWS[3]),
    Turn::of(COLUMNS[0]),
    Turn::of(COLUMNS[1]),
    Turn::of(COLUMNS[2]),
    Turn::of(COLUMNS[3]),
];

/// Hann's window times an arrow that turns with each filter's frequency and stands at 1 on the last sample: its
/// cosines in the filters' order, then its sines.
static ARROWS: [[f32; 16]; WINDOW] = {
    let mut arrows = [[0.0; 16]; WINDOW];
    let mut n = 0;
    while n < WINDOW {
        let mut filter = 0;
        while filter < 8 {
            let hz = if filter < 4 { ROWS[filter] } else { COLUMNS[filter - 4] };
            let turns = hz as f64 * (WINDOW - 1 - n) as f64 / SAMPLE_RATE as f64;
            arrows[n][filter] = (hann(n) * cosine(turns)) as f32;
            arrows[n][8 + filter] = (hann(n) * cosine(turns - 0.25)) as f32;
            filter += 1;
        }
        n += 1;
    }
    arrows
};

/// Hann's window.
static HANN: [f32; WINDOW] = {
    let mut window = [0.0; WINDOW];
    let mut n = 0;
    while n < WINDOW {
        window[n] = hann(n) as f32;
        n += 1;
    }
    window
};
const fn hann(n: usize) -> f64 {
    0.5 - 0.5 * cosine((n as f64 + 0.5) / WINDOW as f64)
}

/// Sum of the window: n/2.
const HANN_SUM: f32 = WINDOW as f32 / 2.0;
/// Sum of its squares: 3n/8.
const HANN_SQUARES: f32 = WINDOW as f32 * 3.0 / 8.0;

/// cos(2π · turns) when compiling, to double precision: Taylor's series within half a turn.
const fn cosine(turns: f64) -> f64 {
    let mut part = turns - (turns as i64) as f64;
    if part > 0.5 {
        part -= 1.0;
    } else if part < -0.5 {
        part += 1.0;
    }
    let x = part * core::f64::consts::TAU;
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while n < 40.0 {
        term *= -x * x / (n * (n + 1.0));
        sum += term;
        n += 2.0;
    }
    sum
}

/// A mean power from its ratio to 0 dBm0 (a sine of peak 22,827; see [`level`](crate::dsp::level)).
const fn dbm0_power(ratio: f64) -> f32 {
    (22_827.0 * 22_827.0 / 2.0 * ratio) as f32
}
