//! Seeded random numbers: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
//!
//! The daemon seeds it from the operating system, a test from a number, so that a run replays.
//! Not for keys: nonces and tags here need to be unguessable by an off-path sender, which a
//! generator seeded with 256 bits of system entropy and never shown whole gives; SRTP keys come
//! from the system itself.

/// The generator. Not `Clone`: two equal streams of tags or SSRCs would collide.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Rng([u64; 4]);

impl Rng {
    /// A generator whose whole stream follows from `seed`.
    pub fn from_seed(seed: u64) -> Rng {
        let mut s = seed;
        Rng(core::array::from_fn(|_| {
            s = s.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = s;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }))
    }

    /// A generator from 32 bytes of system entropy. All zero is the one forbidden state and is
    /// replaced by seed 0.
    pub fn from_entropy(bytes: [u8; 32]) -> Rng {
        let mut s = [0u64; 4];
        for (word, chunk) in s.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_le_bytes(chunk.try_into().expect("chunks of 8"));
        }
        if s == [0; 4] { Rng::from_seed(0) } else { Rng(s) }
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

    /// An independent generator, split off this one.
    pub fn split(&mut self) -> Rng {
        Rng::from_seed(self.next_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_stream() {
        let (mut a, mut b) = (Rng::from_seed(7), Rng::from_seed(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_ne!(Rng::from_seed(8).next_u64(), Rng::from_seed(7).next_u64());
    }

    #[test]
    fn below_and_chance_stay_in_range() {
        let mut r = Rng::from_seed(1);
        assert!((0..1000).all(|_| r.below(10) < 10));
        assert_eq!(r.below(0), 0);
        assert!(!(0..1000).any(|_| r.chance(0.0)));
        assert!((0..1000).all(|_| r.chance(1.0)));
        let hits = (0..10_000).filter(|_| r.chance(0.25)).count();
        assert!((2_200..2_800).contains(&hits), "{hits}");
    }
}
