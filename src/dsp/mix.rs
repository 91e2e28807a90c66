//! Adding streams: two into one, many into a sum, and the sum without one of them.
//!
//! On the path: a whisper over a call, a conference's tick, a recording in one channel.
//!
//! ```text
//! sources ──add──▶ i32 sums ──┬────────────── saturated ──▶ all       who only listens
//!                             └─ take(own) ── saturated ──▶ mix-minus: everybody but oneself
//! ```
//!
//! Sums are 32 bits wide and saturate only at the end, so the order does not matter and a speaker
//! can be taken out again exactly. 65,536 sources fit. Buffers of unequal length meet as far as the
//! shorter goes. Not here: who speaks, gain (see [`gain`](super::gain)).

use super::kernels::Kernels;

/// Adds `samples` to `sums`.
pub fn add(sums: &mut [i32], samples: &[i16]) {
    (Kernels::best().add)(sums, samples);
}

/// Writes the whole mix.
pub fn saturated(sums: &[i32], out: &mut [i16]) {
    (Kernels::best().saturated)(sums, out);
}

/// Takes `own`, which was added before, out of `sums`.
pub fn take(sums: &mut [i32], own: &[i16]) {
    (Kernels::best().take)(sums, own);
}

/// Adds `samples` to `onto`, saturating: two streams without sums between.
pub fn add_onto(onto: &mut [i16], samples: &[i16]) {
    (Kernels::best().add_onto)(onto, samples);
}

/// The loops that [`kernels`](super::kernels) compiles for each instruction set.
pub(super) mod plain {
    #[inline(always)]
    pub fn add(sums: &mut [i32], samples: &[i16]) {
        for (sum, &sample) in sums.iter_mut().zip(samples) {
            *sum = sum.wrapping_add(i32::from(sample));
        }
    }

    #[inline(always)]
    pub fn saturated(sums: &[i32], out: &mut [i16]) {
        for (out, &sum) in out.iter_mut().zip(sums) {
            *out = clip(sum);
        }
    }

    #[inline(always)]
    pub fn take(sums: &mut [i32], own: &[i16]) {
        for (sum, &own) in sums.iter_mut().zip(own) {
            *sum = sum.wrapping_sub(i32::from(own));
        }
    }

    #[inline(always)]
    pub fn add_onto(onto: &mut [i16], samples: &[i16]) {
        for (onto, &sample) in onto.iter_mut().zip(samples) {
            *onto = onto.saturating_add(sample);
        }
    }

    #[inline(always)]
    fn clip(sum: i32) -> i16 {
        sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn loud_sources_clip_and_do_not_wrap() {
        let mut sums = [0; 2];
        for _ in 0..100 {
            add(&mut sums, &[i16::MAX, i16::MIN]);
        }
        let mut out = [0; 2];
        saturated(&sums, &mut out);
        assert_eq!(out, [i16::MAX, i16::MIN]);
        add_onto(&mut out, &[1, -1]);
        assert_eq!(out, [i16::MAX, i16::MIN]);
    }

    proptest! {
        #[test]
        fn everybody_hears_all_but_himself(
            talkers in prop::collection::vec(prop::array::uniform20(-3000i16..3000), 1..8),
        ) {
            let mut sums = [0; 20];
            talkers.iter().for_each(|talker| add(&mut sums, talker));
            let mut all = [0; 20];
            saturated(&sums, &mut all);
            for talker in &talkers {
                let (mut others, mut heard) = (sums, [0; 20]);
                take(&mut others, talker);
                saturated(&others, &mut heard);
                add_onto(&mut heard, talker);
                prop_assert_eq!(heard, all);
            }
        }
    }
}
