//! Both twins, side by side: whole value ranges, then random packets of odd lengths that begin at
//! odd places.

use proptest::prelude::*;

use super::*;
use crate::base::Noise;
use crate::dsp::rate::Rate;

/// Runs `kernel` with either table over copies of one buffer and compares what they leave.
fn same<T: Clone + PartialEq + core::fmt::Debug, R: PartialEq + core::fmt::Debug>(
    out: &[T],
    kernel: impl Fn(&Kernels, &mut [T]) -> R,
) {
    let (mut plain, mut best) = (out.to_vec(), out.to_vec());
    let results = (kernel(Kernels::portable(), &mut plain), kernel(Kernels::best(), &mut best));
    assert_eq!(results.0, results.1);
    assert!(plain == best, "{} differs", Kernels::best().name);
}

/// Everything that takes one stream of samples.
fn same_for(samples: &[i16], other: &[i16], factor: i32) {
    let codes: Vec<u8> = samples.iter().map(|s| *s as u8).collect();
    let blank = vec![0x55; samples.len() + 3];
    same(&blank, |k, out| (k.alaw_encode)(samples, out));
    same(&blank, |k, out| (k.ulaw_encode)(samples, out));
    let blank = vec![77i16; samples.len() + 3];
    same(&blank, |k, out| (k.alaw_decode)(&codes, out));
    same(&blank, |k, out| (k.ulaw_decode)(&codes, out));
    let sums: Vec<i32> = samples.iter().map(|s| i32::from(*s) * factor).collect();
    same(&sums, |k, sums| (k.add)(sums, other));
    same(&blank, |k, out| (k.saturated)(&sums, out));
    same(&sums, |k, sums| (k.take)(sums, other));
    same(samples, |k, onto| (k.add_onto)(onto, other));
    same(samples, |k, onto| (k.scale)(onto, factor));
    for window in samples.chunks_exact(WINDOW) {
        let window = core::array::from_fn(|n| f32::from(window[n]));
        same(&[0u8], |k, _| (k.filter)(&window).map(f32::to_bits));
    }
    same(samples, |k, all| ((k.energy)(all), (k.peak)(all), (k.product)(all, other)));
}

#[test]
fn every_sample_and_every_code_gives_the_same() {
    let sweep: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let other: Vec<i16> = sweep.iter().map(|s| s.wrapping_mul(7_919)).collect();
    for factor in [0, 1, 4_095, 4_096, 65_535] {
        same_for(&sweep, &other, factor);
    }
}

#[test]
fn sums_at_the_ends_of_their_range_give_the_same() {
    for (a, b) in [(i16::MIN, i16::MIN), (i16::MAX, i16::MAX), (i16::MIN, i16::MAX)] {
        for length in [1, 15, 16, 17, 160, 961] {
            same_for(&vec![a; length], &vec![b; length], 65_535);
        }
    }
    assert_eq!((Kernels::best().energy)(&[i16::MIN; 999]), 999 << 30);
    assert_eq!((Kernels::best().peak)(&[0, i16::MIN, 5]), 32_768);
}

#[test]
fn resamplers_give_the_same_for_noise_and_for_the_loudest_patterns() {
    let mut rng = Noise::from_seed(7);
    let noise: Vec<i16> = (0..1_500).map(|_| rng.next_u32() as i16).collect();
    let square: Vec<i16> = noise.iter().map(|s| if *s < 0 { i16::MIN } else { i16::MAX }).collect();
    for from in Rate::ALL {
        for to in Rate::ALL.into_iter().filter(|to| *to != from) {
            let filters = Filters::new(from, to);
            for line in [&noise, &square, &vec![i16::MIN; 1_500]] {
                for start in 0..17 {
                    let line = &line[start..];
                    same(&[0; 6 * 1_500], |k, out| {
                        let mut place = Place::default();
                        ((k.convolve)(&filters, &mut place, line, out), place)
                    });
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn packets_of_any_length_at_any_place_give_the_same(
        samples in prop::collection::vec(any::<i16>(), 0..700),
        other in prop::collection::vec(any::<i16>(), 0..700),
        (from, before) in (0usize..33, 0usize..33),
        factor in 0i32..65_536,
    ) {
        let samples = &samples[from.min(samples.len())..];
        same_for(samples, &other[before.min(other.len())..], factor);
    }
}
