//! Numbers for what is only heard or simulated, fast and small: xoshiro256** (Blackman and Vigna,
//! 2018), seeded by splitmix64.
//!
//! Its state follows from four of its outputs, so nothing that a peer sees and must not foresee comes
//! from here: that is [`Rng`](super::Rng)'s.

/// The generator. Not `Clone`: two equal streams of noise would be heard as an echo.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Noise([u64; 4]);

impl Noise {
    /// A generator whose whole stream follows from `seed`.
    pub fn from_seed(seed: u64) -> Noise {
        let mut s = seed;
        Noise(core::array::from_fn(|_| {
            s = s.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = s;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let out = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    /// Uniform in `0..n`; 0 when `n` is 0. The bias for n < 2^32 is below 2^-32.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// True with probability `p` (0 to 1).
    pub fn chance(&mut self, p: f64) -> bool {
        ((self.next_u64() >> 11) as f64) < p * (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (mut a, mut b) = (Noise::from_seed(7), Noise::from_seed(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_ne!(Noise::from_seed(8).next_u64(), Noise::from_seed(7).next_u64());
        assert!((0..1000).all(|_| a.below(10) < 10));
        assert_eq!(a.below(0), 0);
    }
}
