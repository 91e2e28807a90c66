//! The inner loops of this floor, once for every processor and once for those with AVX2, and the
//! choice between the two while running.
//!
//! On the path: [`g711`], [`mix`], [`level`], [`gain`], [`pitch`], [`dtmf_detect`](super::dtmf_detect) and
//! [`resample`](super::resample::stream) call their loops through this table, with whole packets, so
//! that one indirect call stands against some hundred samples.
//!
//! ```text
//!   g711::plain::alaw_encode ─┬─ compiled as it is ──────────────▶ PORTABLE  (SSE2 on x86-64)
//!     (one body)              └─ inlined where AVX2 is enabled ──▶ AVX2      twice as wide
//! ```
//!
//! Both entries of a row come from one body, which the compiler turns into vectors; only the
//! resampler's sum of products is written in AVX2's own instructions, because it does not see that
//! one. All of it is integers, but for `filter`, whose lanes add up in one order everywhere: both give the
//! same bits, and a recording, a test and a standby do not depend on the processor. `unsafe` stands in `avx2` alone.
//!
//! Not here: AVX-512, which gains too little and loses in places (docs/decisions/0004); loops that
//! no packet's path has.

#[cfg(target_arch = "x86_64")]
mod avx2;

use super::dtmf_detect::spectrum::{self, WINDOW};
use super::resample::stream::{self, Filters, Place};
use super::{g711, gain, level, mix, pitch};

/// The loops for one instruction set. Where two buffers differ in length, the shorter one counts.
#[derive(Debug)]
pub struct Kernels {
    /// What the set is called.
    pub name: &'static str,
    /// [`g711::alaw_encode`].
    pub alaw_encode: fn(&[i16], &mut [u8]),
    /// [`g711::alaw_decode`].
    pub alaw_decode: fn(&[u8], &mut [i16]),
    /// [`g711::ulaw_encode`].
    pub ulaw_encode: fn(&[i16], &mut [u8]),
    /// [`g711::ulaw_decode`].
    pub ulaw_decode: fn(&[u8], &mut [i16]),
    /// [`mix::add`].
    pub add: fn(&mut [i32], &[i16]),
    /// [`mix::saturated`].
    pub saturated: fn(&[i32], &mut [i16]),
    /// [`mix::take`].
    pub take: fn(&mut [i32], &[i16]),
    /// [`mix::add_onto`].
    pub add_onto: fn(&mut [i16], &[i16]),
    /// Sum of the squared samples.
    pub energy: fn(&[i16]) -> u64,
    /// The largest magnitude.
    pub peak: fn(&[i16]) -> u16,
    /// Multiplies by a factor with [`gain::SHIFT`] bits behind the point, saturating.
    pub scale: fn(&mut [i16], i32),
    /// Sum of products, each less its last eight bits.
    pub product: fn(&[i16], &[i16]) -> i64,
    /// A window through the filters for DTMF: real parts of the eight, then imaginary ones.
    pub(super) filter: fn(&[f32; WINDOW]) -> [f32; 16],
    /// A block through the resampler's filters.
    pub(super) convolve: fn(&Filters, &mut Place, &[i16], &mut [i16]) -> usize,
}

/// For every processor: on x86-64 that means SSE2.
static PORTABLE: Kernels = Kernels {
    name: "portable",
    alaw_encode: g711::plain::alaw_encode,
    alaw_decode: g711::plain::alaw_decode,
    ulaw_encode: g711::plain::ulaw_encode,
    ulaw_decode: g711::plain::ulaw_decode,
    add: mix::plain::add,
    saturated: mix::plain::saturated,
    take: mix::plain::take,
    add_onto: mix::plain::add_onto,
    energy: level::plain::energy,
    peak: level::plain::peak,
    scale: gain::plain::scale,
    product: pitch::plain::product,
    filter: spectrum::plain::filter,
    convolve: stream::plain::convolve,
};

impl Kernels {
    /// The widest that this processor has. It is asked once, by std, which remembers the answer.
    pub fn best() -> &'static Kernels {
        #[cfg(target_arch = "x86_64")]
        if let Some(kernels) = avx2::kernels() {
            return kernels;
        }
        &PORTABLE
    }

    /// The ones that run on every processor.
    pub fn portable() -> &'static Kernels {
        &PORTABLE
    }
}

#[cfg(test)]
mod tests;
