//! A call's audio from one sampling rate to another, packet by packet: polyphase windowed-sinc
//! interpolation in integers.
//!
//! On the path: between a codec and a mixer, bridge or tape that run at another rate, in every
//! packet of such a leg. Nothing is allocated after construction.
//!
//! ```text
//!   in   ──┬──┬──┬──┬──┬──┬──   out[n] lies at n · M/L input samples, in lowest terms
//!           \ │  │  │ /         L/M = to/from; there are only L different places between two
//!   out  ─────────┬──────────   input samples, so L filters, each linear in phase
//! ```
//!
//! | | |
//! |---|---|
//! | flat (within 0.05 dB) | to 0.85 of the lower rate's half: 3,400 Hz of 8 kHz |
//! | down by at least 65 dB | from the lower rate's half on: aliases and images |
//! | delay | [`DELAY`] samples of the lower rate, always: 3.5 ms at 8 kHz, 1.75 ms at 16 kHz |
//! | ratio | exact: after N input samples, ⌈N · L/M⌉ output samples, however they were cut |
//!
//! Integer sums make the result the same on every processor. Coefficients are scaled so that
//! a sum cannot overflow, and the last one saturates.
//!
//! Not here: clock drift between two ends (the jitter buffer's stretching takes that up), files
//! ([`to_8k`](super::to_8k)).

use super::common_divisor;
use super::window::{kaiser, sinc};
use crate::dsp::codec::Short;
use crate::dsp::kernels::Kernels;
use crate::dsp::rate::Rate;

/// Delay of every conversion, in samples of the lower of its two rates.
pub const DELAY: usize = 28;
/// Length of a filter in samples of the lower rate.
const REACH: usize = 2 * DELAY;
/// Middle of the slope, as a part of half the lower rate.
const CUT_OFF: f64 = 0.925;
/// Kaiser's β for 68 dB.
const BETA: f64 = 6.53;
/// Input samples that are filtered in one go: 10 ms of 48 kHz.
const BLOCK: usize = 480;
/// Products that a vector register takes.
const LANES: usize = 8;

/// Converts one stream.
#[derive(Clone, Debug)]
pub struct Resampler {
    from: Rate,
    to: Rate,
    /// `None` where both rates are the same.
    filter: Option<Filter>,
}

impl Resampler {
    /// Before the first sample; what was before it is silence.
    pub fn new(from: Rate, to: Rate) -> Resampler {
        Resampler::on(Kernels::best(), from, to)
    }

    /// The same with a choice of instruction set, to compare them: all give the same samples.
    pub fn on(kernels: &'static Kernels, from: Rate, to: Rate) -> Resampler {
        Resampler { from, to, filter: (from != to).then(|| Filter::new(kernels, from, to)) }
    }

    /// The rates that it converts from and to.
    pub fn rates(&self) -> (Rate, Rate) {
        (self.from, self.to)
    }

    /// Samples of the output rate by which a sound comes out later than it went in.
    pub fn delay(&self) -> usize {
        let lower = self.from.min(self.to);
        self.filter.as_ref().map_or(0, |_| DELAY * self.to.hz() as usize / lower.hz() as usize)
    }

    /// Samples that the next `input` samples will give.
    pub fn output_len(&self, input: usize) -> usize {
        self.filter.as_ref().map_or(input, |filter| filter.output_len(input))
    }

    /// Converts `input`, of any length, and returns how many samples were written. With too little
    /// room nothing is converted.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) -> Result<usize, Short> {
        let needed = self.output_len(input.len());
        let has = output.len();
        let output = output.get_mut(..needed).ok_or(Short { needed, has })?;
        match &mut self.filter {
            None => output.copy_from_slice(input),
            Some(filter) => filter.process(input, output),
        }
        Ok(needed)
    }

    /// Forgets what was heard: the next sample begins a stream.
    pub fn reset(&mut self) {
        if let Some(filter) = &mut self.filter {
            filter.line.fill(0);
            filter.place = Place::default();
        }
    }
}

/// What is heard of one stream, and the filters that it goes through.
#[derive(Clone, Debug)]
struct Filter {
    kernels: &'static Kernels,
    filters: Filters,
    place: Place,
    /// The last `taps − 1` samples heard, then room for a block.
    line: Box<[i16]>,
}

/// One filter for each place that an output sample can have between two of the input.
#[derive(Clone, Debug)]
pub(in crate::dsp) struct Filters {
    /// L: filters. M: how many places an output sample is after the one before.
    phases: usize,
    step: usize,
    /// Taps of each filter, and of its first half: multiples of [`LANES`].
    taps: usize,
    part: usize,
    /// All filters, one after the other, times 2^shift.
    coefficients: Box<[i16]>,
    shift: u32,
}

/// Where the next output sample lies: input samples from the next one, and L-ths of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::dsp) struct Place {
    skip: usize,
    phase: usize,
}

impl Filters {
    pub(in crate::dsp) fn new(from: Rate, to: Rate) -> Filters {
        let lower = from.min(to).hz();
        let common = common_divisor(from.hz(), to.hz());
        let (phases, step) = ((to.hz() / common) as usize, (from.hz() / common) as usize);
        let span = REACH * from.hz() as usize / lower as usize;
        let taps = span.next_multiple_of(LANES);
        let cut_off = CUT_OFF * f64::from(lower) / f64::from(from.hz());
        let ideal = ideal(phases, span, taps, cut_off);
        let (shift, coefficients) = scaled(&ideal, taps);
        Filters { phases, step, taps, part: part(taps), coefficients, shift }
    }
}

impl Filter {
    fn new(kernels: &'static Kernels, from: Rate, to: Rate) -> Filter {
        let filters = Filters::new(from, to);
        let line = vec![0; filters.taps - 1 + BLOCK].into();
        Filter { kernels, filters, place: Place::default(), line }
    }

    fn output_len(&self, input: usize) -> usize {
        // Output sample k lies at skip + (phase + k · step) / phases, and needs to lie before `input`.
        let fresh = input.saturating_sub(self.place.skip);
        let places = (fresh * self.filters.phases).saturating_sub(self.place.phase);
        places.div_ceil(self.filters.step)
    }

    /// `output` has exactly the length that `output_len` says.
    fn process(&mut self, input: &[i16], mut output: &mut [i16]) {
        let convolve = self.kernels.convolve;
        let past = self.filters.taps - 1;
        for block in input.chunks(BLOCK) {
            self.line[past..past + block.len()].copy_from_slice(block);
            let line = &self.line[..past + block.len()];
            let written = convolve(&self.filters, &mut self.place, line, output);
            output = &mut output[written..];
            self.line.copy_within(block.len()..block.len() + past, 0);
        }
    }
}

/// Writes the output samples that lie before the end of `line`, whose first `taps − 1` samples were
/// heard before, and returns how many. `halves` sums the products of a filter and as many samples
/// before and from its middle on. `out` has room for all of them.
#[inline(always)]
pub(in crate::dsp) fn convolve(
    filters: &Filters,
    place: &mut Place,
    line: &[i16],
    out: &mut [i16],
    halves: impl Fn(&[i16], &[i16], usize) -> [i32; 2],
) -> usize {
    let fresh = line.len() + 1 - filters.taps;
    let (whole, rest) = (filters.step / filters.phases, filters.step % filters.phases);
    let mut written = 0;
    while place.skip < fresh
        && let Some(sample) = out.get_mut(written)
    {
        let taps = &filters.coefficients[place.phase * filters.taps..][..filters.taps];
        let [first, last] = halves(taps, &line[place.skip..][..filters.taps], filters.part);
        let sum = i64::from(first) + i64::from(last);
        let rounded = (sum + (1 << (filters.shift - 1))) >> filters.shift;
        *sample = rounded.clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16;
        written += 1;
        place.skip += whole;
        place.phase += rest;
        if place.phase >= filters.phases {
            place.phase -= filters.phases;
            place.skip += 1;
        }
    }
    place.skip -= fresh;
    written
}

/// The loop for every processor; [`kernels`](crate::dsp::kernels) has another for AVX2.
pub(in crate::dsp) mod plain {
    use super::{Filters, LANES, Place};

    pub fn convolve(filters: &Filters, place: &mut Place, line: &[i16], out: &mut [i16]) -> usize {
        super::convolve(filters, place, line, out, |taps, samples, part| {
            let (first, last) = taps.split_at(part);
            [sum(first, samples), sum(last, &samples[part..])]
        })
    }

    /// A half's sum of products. It fits 32 bits whatever the samples (`scaled` sees to that), and so
    /// does every part of it, so the order of the additions does not matter.
    #[inline(always)]
    fn sum(taps: &[i16], samples: &[i16]) -> i32 {
        let (taps, samples) = (taps.as_chunks::<LANES>().0, samples.as_chunks::<LANES>().0);
        let mut sums = [0i32; LANES];
        for (taps, samples) in taps.iter().zip(samples) {
            for ((sum, &tap), &sample) in sums.iter_mut().zip(taps).zip(samples) {
                *sum = sum.wrapping_add(i32::from(tap) * i32::from(sample));
            }
        }
        sums.iter().fold(0, |all, &sum| all.wrapping_add(sum))
    }
}

/// The filters of all phases, one after the other: a low pass at `cut_off` of half the input rate,
/// `span` samples long, with zeros before it to fill `taps`.
fn ideal(phases: usize, span: usize, taps: usize, cut_off: f64) -> Vec<f64> {
    let half = span as f64 / 2.0;
    let mut all = Vec::with_capacity(phases * taps);
    for phase in 0..phases {
        let middle = half - 1.0 + phase as f64 / phases as f64;
        all.resize(all.len() + taps - span, 0.0);
        let from = all.len();
        all.extend((0..span).map(|tap| {
            let distance = tap as f64 - middle;
            sinc(cut_off * distance) * kaiser(BETA, distance / half)
        }));
        // Each passes a constant unchanged, or there would be a hum at the rate of the phases.
        let sum: f64 = all[from..].iter().sum();
        all[from..].iter_mut().for_each(|c| *c /= sum);
    }
    all
}

/// The filters as integers times 2^shift, as fine as neither a coefficient nor a part's sum can
/// overflow; what rounding takes from a filter's sum is given back at its largest coefficient.
fn scaled(ideal: &[f64], taps: usize) -> (u32, Box<[i16]>) {
    let largest = ideal.iter().fold(0.0f64, |most, c| most.max(c.abs()));
    let parts = ideal.chunks_exact(taps).flat_map(|filter| filter.chunks(part(taps)));
    let fullest = parts.map(|p| p.iter().map(|c| c.abs()).sum()).fold(0.0, f64::max);
    // 2¹⁵ for a sample and 2¹⁶ for a part's coefficients make 2³¹; some room is left for rounding.
    let fits = |&s: &u32| {
        let unit = f64::from(1u32 << s);
        largest * unit < 32_600.0 && fullest * unit < 65_200.0
    };
    let shift = (10..=18).rev().find(fits).unwrap_or(10);
    let one = 1i32 << shift;
    let mut all: Vec<i16> = ideal.iter().map(|c| (c * f64::from(one)).round() as i16).collect();
    for filter in all.chunks_exact_mut(taps) {
        let lacking = one - filter.iter().map(|&c| i32::from(c)).sum::<i32>();
        if let Some(peak) = filter.iter_mut().max_by_key(|c| **c) {
            *peak += lacking as i16;
        }
    }
    (shift, all.into())
}

/// Taps that are summed in 32 bits: half a filter.
fn part(taps: usize) -> usize {
    (taps / 2).next_multiple_of(LANES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::TAU;
    use proptest::prelude::*;

    fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
        let all = Rate::ALL.into_iter().flat_map(|from| Rate::ALL.map(|to| (from, to)));
        all.filter(|(from, to)| from != to)
    }

    fn sine(hz: f64, peak: f64, rate: Rate, length: usize) -> Vec<i16> {
        let turn = TAU * hz / f64::from(rate.hz());
        (0..length).map(|n| (peak * (turn * n as f64).sin()).round() as i16).collect()
    }

    /// Half a second of a tone of almost full scale, converted in packets of 20 ms, less its beginning.
    fn passed(hz: f64, from: Rate, to: Rate) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to);
        let mut out = Vec::new();
        for packet in sine(hz, 30_000.0, from, from.samples(500)).chunks(from.samples(20)) {
            let mut samples = [0; 960];
            let count = resampler.process(packet, &mut samples).unwrap();
            assert_eq!(count, to.samples(20));
            out.extend_from_slice(&samples[..count]);
        }
        out.split_off(to.samples(20))
    }

    /// Amplitude of one frequency, relative to 30,000, in dB.
    fn level(samples: &[i16], hz: f64, rate: Rate) -> f64 {
        let turn = TAU * hz / f64::from(rate.hz());
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &s) in samples.iter().enumerate() {
            re += f64::from(s) * (turn * n as f64).cos();
            im += f64::from(s) * (turn * n as f64).sin();
        }
        20.0 * (2.0 * re.hypot(im) / samples.len() as f64 / 30_000.0).log10()
    }

    /// Everything that is there, relative to the tone, in dB.
    fn total(samples: &[i16]) -> f64 {
        let power =
            samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * (2.0 * power).log10() - 20.0 * 30_000f64.log10()
    }

    #[test]
    fn the_pass_band_is_flat_and_alone() {
        for (from, to) in pairs() {
            let edge = 0.85 * f64::from(from.min(to).hz()) / 2.0;
            for part in [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] {
                let hz = (part * edge / 50.0).round() * 50.0;
                let out = passed(hz, from, to);
                let heard = level(&out, hz, to);
                assert!(heard.abs() < 0.05, "{from:?} {to:?} {hz}: {heard}");
                // Images and rounding: what is not the tone itself.
                let start = (to.samples(20) - Resampler::new(from, to).delay()) as f64;
                let turn = TAU * hz / f64::from(to.hz());
                let gain = 30_000.0 * 10f64.powf(heard / 20.0);
                let tone = |n: usize| gain * (turn * (start + n as f64)).sin();
                let rest = out.iter().enumerate().map(|(n, &s)| (f64::from(s) - tone(n)).round());
                let rest: Vec<i16> = rest.map(|s| s as i16).collect();
                assert!(total(&rest) < -65.0, "{from:?} {to:?} {hz}: {}", total(&rest));
            }
        }
    }

    #[test]
    fn aliases_are_65_db_down() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let half = f64::from(to.hz()) / 2.0;
            for part in [1.0025, 1.05, 1.15, 1.3, 1.5, 1.9, 2.0, 2.3, 2.7, 3.4, 4.1, 5.5] {
                let hz = part * half;
                if hz < f64::from(from.hz()) / 2.0 {
                    let out = total(&passed(hz, from, to));
                    assert!(out < -65.0, "{from:?} {to:?} {hz}: {out}");
                }
            }
        }
    }

    #[test]
    fn an_impulse_comes_out_after_the_delay_and_symmetric() {
        for (from, to) in pairs() {
            let mut resampler = Resampler::new(from, to);
            let mut input = vec![0; from.samples(20)];
            let place = from.samples(5);
            input[place] = 30_000;
            let mut out = vec![0; to.samples(20)];
            resampler.process(&input, &mut out).unwrap();
            let middle = to.samples(5) + resampler.delay();
            let loudest = (0..out.len()).max_by_key(|&n| out[n]).unwrap();
            assert_eq!(loudest, middle, "{from:?} {to:?}");
            for n in 1..middle.min(out.len() - middle) {
                // Rounding, and what one of two equal peaks got back of it.
                let (before, after) = (out[middle - n], out[middle + n]);
                assert!(before.abs_diff(after) <= 5, "{from:?} {to:?} {n}: {before} {after}");
            }
        }
    }

    #[test]
    fn the_loudest_patterns_saturate() {
        for (from, to) in pairs() {
            let filters = Filters::new(from, to);
            for (n, taps) in filters.coefficients.chunks_exact(filters.taps).enumerate() {
                // The input that makes each product positive: the largest sum that there is.
                let worst = |sign: i16| -> Vec<i16> {
                    taps.iter()
                        .map(|&c| if c.signum() == sign { i16::MIN } else { i16::MAX })
                        .collect()
                };
                for kernels in [Kernels::portable(), Kernels::best()] {
                    for (sign, sum) in [(-1, i16::MAX), (1, i16::MIN)] {
                        let (mut place, mut out) = (Place { skip: 0, phase: n }, [0; 6]);
                        (kernels.convolve)(&filters, &mut place, &worst(sign), &mut out);
                        assert_eq!(out[0], sum);
                    }
                }
            }
        }
    }

    #[test]
    fn a_constant_stays_what_it_was() {
        for (from, to) in pairs() {
            let mut out = vec![0; to.samples(40)];
            Resampler::new(from, to).process(&vec![12_345; from.samples(40)], &mut out).unwrap();
            assert!(out[to.samples(20)..].iter().all(|&s| s == 12_345), "{from:?} {to:?}");
        }
    }

    #[test]
    fn too_little_room_converts_nothing() {
        let mut resampler = Resampler::new(Rate::Khz8, Rate::Khz16);
        let mut out = [0; 319];
        let error = resampler.process(&[1_000; 160], &mut out).unwrap_err();
        assert_eq!(error, Short { needed: 320, has: 319 });
        assert_eq!(resampler.output_len(160), 320);
        assert_eq!(out, [0; 319]);
        assert_eq!(Resampler::new(Rate::Khz8, Rate::Khz8).process(&[5; 3], &mut out), Ok(3));
    }

    proptest! {
        /// However a stream is cut, the samples and their number are the same.
        #[test]
        fn the_cut_into_packets_changes_nothing(
            pair in prop::sample::select(pairs().collect::<Vec<_>>()),
            parts in prop::collection::vec(prop::collection::vec(any::<i16>(), 0..700), 0..6),
        ) {
            let (from, to) = pair;
            let whole = parts.concat();
            let mut once = vec![0; whole.len() * 6 + 1];
            let count = Resampler::new(from, to).process(&whole, &mut once).unwrap();
            let exact = whole.len() as u64 * u64::from(to.hz());
            prop_assert_eq!(count as u64, exact.div_ceil(u64::from(from.hz())));
            let mut resampler = Resampler::new(from, to);
            let mut out = Vec::new();
            for part in parts {
                let mut samples = vec![0; resampler.output_len(part.len())];
                let written = resampler.process(&part, &mut samples).unwrap();
                prop_assert_eq!(written, samples.len());
                out.extend(samples);
            }
            prop_assert_eq!(&out[..], &once[..count]);
            resampler.reset();
            let mut again = vec![0; count];
            resampler.process(&whole, &mut again).unwrap();
            prop_assert_eq!(&again[..], &once[..count]);
        }
    }
}
