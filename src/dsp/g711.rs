//! G.711: A-law and µ-law, bit-exact to ITU-T G.711 (11/88) as its reference code (ITU-T G.191)
//! computes them, for every 16-bit sample and every code.
//!
//! On the path: the sample path decodes each received packet and encodes each sent one; the relay
//! path never comes here.
//!
//! Both laws are piecewise linear, each segment half as steep as the one before:
//!
//! ```text
//! code │            ····      A concave curve of straight pieces is the lowest of the lines that
//!      │       ···            carry them, and floors keep that order. So encoding needs no search
//!      │    ··                for the segment, no table and no branch: seven shifts and
//!      │  ·                   `min`s in 16-bit lanes, which the compiler turns into 8 (SSE2) or
//!      └─────────── level     16 (AVX2) samples at a time. Decoding is one shift.
//! ```
//!
//! Negative samples are complemented, not negated (G.191): −1 lies as near to zero as 0 does, so
//! the two halves are mirror images and −32,768 needs no special care. Sox, FFmpeg and Python's
//! audioop round otherwise and differ in up to 1.6 % of all inputs.
//!
//! Not here: G.711.0 (lossless packing), Appendix I (that is [`conceal`](super::conceal)),
//! Appendix II (comfort noise).

use super::kernels::Kernels;

/// The A-law code of silence: what an idle E1 channel carries.
pub const ALAW_SILENCE: u8 = 0xd5;
/// The µ-law code of silence.
pub const ULAW_SILENCE: u8 = 0xff;

/// Encodes `samples` into `codes`, as many as the shorter of the two holds.
pub fn alaw_encode(samples: &[i16], codes: &mut [u8]) {
    (Kernels::best().alaw_encode)(samples, codes);
}

/// Decodes `codes` into `samples`, as many as the shorter of the two holds.
pub fn alaw_decode(codes: &[u8], samples: &mut [i16]) {
    (Kernels::best().alaw_decode)(codes, samples);
}

/// Encodes `samples` into `codes`, as many as the shorter of the two holds.
pub fn ulaw_encode(samples: &[i16], codes: &mut [u8]) {
    (Kernels::best().ulaw_encode)(samples, codes);
}

/// Decodes `codes` into `samples`, as many as the shorter of the two holds.
pub fn ulaw_decode(codes: &[u8], samples: &mut [i16]) {
    (Kernels::best().ulaw_decode)(codes, samples);
}

/// The loops that [`kernels`](super::kernels) compiles for each instruction set.
pub(super) mod plain {
    use super::{alaw_code, alaw_sample, ulaw_code, ulaw_sample};

    #[inline(always)]
    pub fn alaw_encode(samples: &[i16], codes: &mut [u8]) {
        for (code, &sample) in codes.iter_mut().zip(samples) {
            *code = alaw_code(sample);
        }
    }

    #[inline(always)]
    pub fn alaw_decode(codes: &[u8], samples: &mut [i16]) {
        for (sample, &code) in samples.iter_mut().zip(codes) {
            *sample = alaw_sample(code);
        }
    }

    #[inline(always)]
    pub fn ulaw_encode(samples: &[i16], codes: &mut [u8]) {
        for (code, &sample) in codes.iter_mut().zip(samples) {
            *code = ulaw_code(sample);
        }
    }

    #[inline(always)]
    pub fn ulaw_decode(codes: &[u8], samples: &mut [i16]) {
        for (sample, &code) in samples.iter_mut().zip(codes) {
            *sample = ulaw_sample(code);
        }
    }
}

/// Turns A-law codes into µ-law codes in place, exactly as decoding and encoding again would.
/// (Tables 3 and 4 of G.711 differ from that in a few codes, so that A → µ → A gives more codes
/// back unchanged; here both ways through the exchange sound alike.)
pub fn alaw_to_ulaw(codes: &mut [u8]) {
    for code in codes {
        *code = A_TO_U[usize::from(*code)];
    }
}

/// Turns µ-law codes into A-law codes in place, exactly as decoding and encoding again would.
pub fn ulaw_to_alaw(codes: &mut [u8]) {
    for code in codes {
        *code = U_TO_A[usize::from(*code)];
    }
}

/// The A-law code of one sample.
#[inline(always)]
pub const fn alaw_code(sample: i16) -> u8 {
    let sign = sample >> 15;
    let magnitude = sample ^ sign;
    let mut code = magnitude >> 4;
    code = min(code, (magnitude >> 5) + 16);
    code = min(code, (magnitude >> 6) + 32);
    code = min(code, (magnitude >> 7) + 48);
    code = min(code, (magnitude >> 8) + 64);
    code = min(code, (magnitude >> 9) + 80);
    code = min(code, (magnitude >> 10) + 96);
    // Even bits are inverted on the line; the sign bit is 1 for positive.
    (code ^ 0xd5 ^ (sign & 0x80)) as u8
}

/// The sample that an A-law code stands for: the middle of its interval.
#[inline(always)]
pub const fn alaw_sample(code: u8) -> i16 {
    let code = (code ^ 0x55) as i16;
    let sign = (code >> 7) - 1; // 0 for positive, −1 for negative
    let segment = code >> 4 & 7;
    // Segments 0 and 1 share one step; from 1 on a leading bit stands before the four that are sent.
    let mantissa = ((code & 15) << 4) + 8 + if segment > 0 { 256 } else { 0 };
    let magnitude = mantissa << max(segment - 1, 0);
    (magnitude ^ sign) - sign
}

/// What G.711 adds to a 14-bit magnitude so that every µ-law segment starts at a power of two.
const ULAW_BIAS: i16 = 33;

/// The µ-law code of one sample.
#[inline(always)]
pub const fn ulaw_code(sample: i16) -> u8 {
    let sign = sample >> 15;
    let magnitude = min(((sample ^ sign) >> 2) + ULAW_BIAS, 0x1fff);
    let mut code = (magnitude >> 1) - 16;
    code = min(code, magnitude >> 2);
    code = min(code, (magnitude >> 3) + 16);
    code = min(code, (magnitude >> 4) + 32);
    code = min(code, (magnitude >> 5) + 48);
    code = min(code, (magnitude >> 6) + 64);
    code = min(code, (magnitude >> 7) + 80);
    code = min(code, (magnitude >> 8) + 96);
    // All bits are inverted on the line; the sign bit is 1 for positive.
    (code ^ 0xff ^ (sign & 0x80)) as u8
}

/// The sample that a µ-law code stands for.
#[inline(always)]
pub const fn ulaw_sample(code: u8) -> i16 {
    let code = (code ^ 0xff) as i16;
    let sign = -(code >> 7);
    let mantissa = 4 * (2 * (code & 15) + ULAW_BIAS);
    let magnitude = (mantissa << (code >> 4 & 7)) - 4 * ULAW_BIAS;
    (magnitude ^ sign) - sign
}

/// `Ord::min` is not `const` yet.
#[inline(always)]
const fn min(a: i16, b: i16) -> i16 {
    if a < b { a } else { b }
}

/// `Ord::max` is not `const` yet.
#[inline(always)]
const fn max(a: i16, b: i16) -> i16 {
    if a > b { a } else { b }
}

/// 256 bytes beat decoding and encoding here: four cache lines, one load a sample.
static A_TO_U: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = ulaw_code(alaw_sample(code as u8));
        code += 1;
    }
    table
};

/// See [`A_TO_U`].
static U_TO_A: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw_code(ulaw_sample(code as u8));
        code += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Every 16-bit sample in rising order: the sweep of ITU-T G.191's G.711 vectors.
    fn sweep() -> Vec<i16> {
        (i16::MIN..=i16::MAX).collect()
    }

    /// SHA-256 of `words` as 16-bit little-endian, the form of ITU's files.
    fn sha256(words: impl Iterator<Item = u16>) -> String {
        let bytes: Vec<u8> = words.flat_map(u16::to_le_bytes).collect();
        Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect()
    }

    // The four sums are those of ITU-T G.191's `sweep-r.a`, `.rea`, `.u` and `.reu`: codes and
    // decoded samples of the whole sweep.
    #[test]
    fn alaw_is_itu_exact_for_every_input() {
        let sweep = sweep();
        let mut codes = vec![0; sweep.len()];
        alaw_encode(&sweep, &mut codes);
        assert_eq!(
            sha256(codes.iter().map(|&c| u16::from(c))),
            "e1e8717a8c7a493583a2e8ac6916f0e37383d9226c6fb60de541393aba8bf402"
        );
        let mut decoded = vec![0; codes.len()];
        alaw_decode(&codes, &mut decoded);
        assert_eq!(
            sha256(decoded.iter().map(|&s| s as u16)),
            "faf8570479a0e7d0e1da55d48c42e76961d0e5c285c35d42e9f6dafbafae8a35"
        );
    }

    #[test]
    fn ulaw_is_itu_exact_for_every_input() {
        let sweep = sweep();
        let mut codes = vec![0; sweep.len()];
        ulaw_encode(&sweep, &mut codes);
        assert_eq!(
            sha256(codes.iter().map(|&c| u16::from(c))),
            "0523921b8957bccf95d0e0f2e43930359403d5ad4e31926b2272aa74a1f22c43"
        );
        let mut decoded = vec![0; codes.len()];
        ulaw_decode(&codes, &mut decoded);
        assert_eq!(
            sha256(decoded.iter().map(|&s| s as u16)),
            "cf9f90195534a105f211b1fb5c511ab45ee76827ac0987d6cc804afb897ef0f6"
        );
    }

    /// The decoders written as G.711's tables 1 and 2 are read: sign, segment, step.
    #[test]
    fn every_code_decodes_as_the_tables_say() {
        for code in 0..=255u8 {
            let bits = code ^ 0x55;
            let (segment, step) = (u32::from(bits >> 4 & 7), i32::from(bits & 15));
            let magnitude = match segment {
                0 => 16 * step + 8,
                s => (16 * step + 264) << (s - 1),
            };
            let sample = if bits & 0x80 != 0 { magnitude } else { -magnitude };
            assert_eq!(i32::from(alaw_sample(code)), sample, "A {code:#x}");

            let bits = !code;
            let (segment, step) = (u32::from(bits >> 4 & 7), i32::from(bits & 15));
            let magnitude = ((8 * step + 132) << segment) - 132;
            let sample = if bits & 0x80 == 0 { magnitude } else { -magnitude };
            assert_eq!(i32::from(ulaw_sample(code)), sample, "µ {code:#x}");
        }
    }

    /// A second pass through the same law changes nothing (ITU's `.a-a` and `.u-u` vectors).
    #[test]
    fn a_second_pass_changes_nothing() {
        for code in 0..=255u8 {
            assert_eq!(alaw_code(alaw_sample(code)), code);
            // µ-law has two codes for 0; the negative one comes back as the positive one.
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(ulaw_code(ulaw_sample(code)), expected);
        }
    }

    #[test]
    fn direct_conversion_equals_the_way_through_samples() {
        let mut codes: Vec<u8> = (0..=255).collect();
        alaw_to_ulaw(&mut codes);
        assert!((0..=255u8).all(|c| codes[usize::from(c)] == ulaw_code(alaw_sample(c))));
        let mut codes: Vec<u8> = (0..=255).collect();
        ulaw_to_alaw(&mut codes);
        assert!((0..=255u8).all(|c| codes[usize::from(c)] == alaw_code(ulaw_sample(c))));
        assert_eq!(U_TO_A[usize::from(ULAW_SILENCE)], ALAW_SILENCE);
    }

    #[test]
    fn unequal_lengths_stop_at_the_shorter() {
        let mut codes = [7; 4];
        alaw_encode(&[0, 0], &mut codes);
        assert_eq!(codes, [ALAW_SILENCE, ALAW_SILENCE, 7, 7]);
        let mut samples = [7; 1];
        ulaw_decode(&[ULAW_SILENCE; 3], &mut samples);
        assert_eq!(samples, [0]);
    }
}
