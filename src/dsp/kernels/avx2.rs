//! The loops where the processor has AVX2 (x86-64 since 2013).
#![allow(unsafe_code, reason = "code for a processor that was asked first; vector loads")]

use core::arch::x86_64::*;

use super::{Filters, Kernels, Place, WINDOW, g711, gain, level, mix, pitch, spectrum, stream};

/// The table, if this processor may use it: there is no other way to it.
pub(super) fn kernels() -> Option<&'static Kernels> {
    std::arch::is_x86_feature_detected!("avx2").then_some(&AVX2)
}

static AVX2: Kernels = Kernels {
    name: "AVX2",
    alaw_encode,
    alaw_decode,
    ulaw_encode,
    ulaw_decode,
    add,
    saturated,
    take,
    add_onto,
    energy,
    peak,
    scale,
    product,
    filter,
    convolve,
};

/// Compiles each body a second time, for AVX2: the bodies are `inline(always)`, so they take on the
/// instruction set of the function around them.
macro_rules! with_avx2 {
    ($($name:ident = $body:path, ($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        fn $name($($arg: $type),*) $(-> $result)? {
            #[target_feature(enable = "avx2")]
            fn wide($($arg: $type),*) $(-> $result)? {
                $body($($arg),*)
            }
            // SAFETY: this function is reached through `AVX2` alone, which `kernels` gives out only
            // where the processor has AVX2.
            unsafe { wide($($arg),*) }
        }
    )*};
}

with_avx2! {
    alaw_encode = g711::plain::alaw_encode, (samples: &[i16], codes: &mut [u8]);
    alaw_decode = g711::plain::alaw_decode, (codes: &[u8], samples: &mut [i16]);
    ulaw_encode = g711::plain::ulaw_encode, (samples: &[i16], codes: &mut [u8]);
    ulaw_decode = g711::plain::ulaw_decode, (codes: &[u8], samples: &mut [i16]);
    add = mix::plain::add, (sums: &mut [i32], samples: &[i16]);
    saturated = mix::plain::saturated, (sums: &[i32], out: &mut [i16]);
    take = mix::plain::take, (sums: &mut [i32], own: &[i16]);
    add_onto = mix::plain::add_onto, (onto: &mut [i16], samples: &[i16]);
    energy = level::plain::energy, (samples: &[i16]) -> u64;
    peak = level::plain::peak, (samples: &[i16]) -> u16;
    scale = gain::plain::scale, (samples: &mut [i16], factor: i32);
    product = pitch::plain::product, (a: &[i16], b: &[i16]) -> i64;
    filter = spectrum::plain::filter, (samples: &[f32; WINDOW]) -> [f32; 16];
    convolve = convolved, (filters: &Filters, place: &mut Place, line: &[i16], out: &mut [i16]) -> usize;
}

#[target_feature(enable = "avx2")]
#[inline]
fn convolved(filters: &Filters, place: &mut Place, line: &[i16], out: &mut [i16]) -> usize {
    stream::convolve(filters, place, line, out, |taps, samples, part| halves(taps, samples, part))
}

/// The sums of products before and from `part` on: each fits 32 bits, their sum need not.
#[target_feature(enable = "avx2")]
#[inline]
fn halves(taps: &[i16], samples: &[i16], part: usize) -> [i32; 2] {
    let (first_taps, last_taps) = taps.split_at(part);
    let (first, last) = samples.split_at(part);
    let (a, b) = (products(first_taps, first), products(last_taps, last));
    // Lanes of a and b side by side, then the upper half onto the lower, then neighbours.
    let both = _mm256_hadd_epi32(a, b);
    let both = _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256::<1>(both));
    let both = _mm_hadd_epi32(both, both);
    [_mm_extract_epi32::<0>(both), _mm_extract_epi32::<1>(both)]
}

/// Sums of products in eight lanes. Both have one length, a multiple of eight.
#[target_feature(enable = "avx2")]
#[inline]
fn products(taps: &[i16], samples: &[i16]) -> __m256i {
    let (taps, last_taps) = taps.as_chunks::<16>();
    let (samples, last) = samples.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for (taps, samples) in taps.iter().zip(samples) {
        // SAFETY: each reads the 16 samples that its reference covers; no alignment is asked for.
        let (taps, samples) = unsafe {
            (_mm256_loadu_si256(taps.as_ptr().cast()), _mm256_loadu_si256(samples.as_ptr().cast()))
        };
        sums = _mm256_add_epi32(sums, _mm256_madd_epi16(taps, samples));
    }
    if let (Some(taps), Some(samples)) = (last_taps.first_chunk::<8>(), last.first_chunk::<8>()) {
        // SAFETY: as above, with 8 samples.
        let (taps, samples) = unsafe {
            (_mm_loadu_si128(taps.as_ptr().cast()), _mm_loadu_si128(samples.as_ptr().cast()))
        };
        sums = _mm256_add_epi32(sums, _mm256_zextsi128_si256(_mm_madd_epi16(taps, samples)));
    }
    sums
}
