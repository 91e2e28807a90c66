//! Floor 1: samples to samples. Everything here is 8 kHz, 16 bit, one channel, unless a function
//! says otherwise ([`codec`], [`g722`], [`opus`] and [`resample`] know other rates); levels are dBm0
//! as an E1 carries them (see [`level`]).
//!
//! The kernels are plain functions and small machines over buffers that the caller owns: nothing
//! in a packet's or a tick's path allocates, and nothing knows of packets, legs or files.

pub mod agc;
pub mod codec;
pub mod comfort;
pub mod conceal;
pub mod dtmf;
pub mod dtmf_detect;
pub mod g711;
pub mod g722;
pub mod gain;
pub mod kernels;
pub mod level;
pub mod limiter;
pub mod mix;
pub mod narrow;
pub mod opus;
pub mod pitch;
pub mod rate;
pub mod resample;
pub mod stretch;
pub mod tone;
pub mod vad;

/// Samples a second, everywhere on this floor but at the outer side of [`resample`].
pub const SAMPLE_RATE: u32 = 8000;
/// Samples a millisecond.
pub const SAMPLES_PER_MS: u32 = SAMPLE_RATE / 1000;
