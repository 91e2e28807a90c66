//! Random numbers that nobody can foresee who has seen others of them: ChaCha20 (RFC 8439's block
//! function, counted), under a key of 32 bytes.
//!
//! The daemon takes the key from the operating system, a test from a number, so that a run replays.
//! What peers see and must not guess comes from here: tags, branches, Call-IDs, nonces' keys, the
//! contacts that we register, SSRCs and the first sequence numbers of RTP. SRTP's keys have a source of
//! their own that forgets what it gave ([`wire::srtp`](crate::wire::srtp)); noise that is only heard has
//! [`Noise`](super::Noise), which is smaller and faster.

use core::fmt;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// The generator. Not `Clone`: two equal streams of tags or SSRCs would collide.
pub struct Rng(ChaCha20Rng);

/// Where a generator stands, as it is written down.
#[derive(Serialize, Deserialize)]
struct State {
    key: [u8; 32],
    /// Words of 32 bits that were taken.
    taken: u128,
}

impl Rng {
    /// A generator whose whole stream follows from `seed`.
    pub fn from_seed(seed: u64) -> Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Rng::from_entropy(key)
    }

    /// A generator from 32 bytes of system entropy.
    pub fn from_entropy(key: [u8; 32]) -> Rng {
        Rng(ChaCha20Rng::from_seed(key))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `0..n`; 0 when `n` is 0. The bias for n < 2^32 is below 2^-32.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// True with probability `p` (0 to 1).
    pub fn chance(&mut self, p: f64) -> bool {
        ((self.next_u64() >> 11) as f64) < p * (1u64 << 53) as f64
    }

    /// Fills `bytes`: a key.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// An independent generator, split off this one.
    pub fn split(&mut self) -> Rng {
        let mut key = [0; 32];
        self.fill(&mut key);
        Rng::from_entropy(key)
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(…)")
    }
}

impl Serialize for Rng {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = State { key: self.0.get_seed(), taken: self.0.get_word_pos() };
        state.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rng {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rng, D::Error> {
        let State { key, taken } = State::deserialize(deserializer)?;
        let mut rng = Rng::from_entropy(key);
        rng.0.set_word_pos(taken);
        Ok(rng)
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
        assert_ne!(a.split().next_u64(), b.next_u64());
    }

    /// draft-strombergson-chacha-test-vectors-01, TC1: 256-bit key of zeros, 20 rounds.
    #[test]
    fn it_is_chacha20() {
        let mut rng = Rng::from_entropy([0; 32]);
        let mut block = [0; 16];
        rng.fill(&mut block);
        let first = 0x76b8_e0ad_a0f1_3d90_405d_6ae5_5386_bd28_u128;
        assert_eq!(block, first.to_be_bytes());
    }

    #[test]
    fn it_goes_on_where_it_was_written_down() {
        let mut rng = Rng::from_seed(3);
        for _ in 0..37 {
            rng.next_u32();
        }
        let text = serde_json::to_string(&rng).expect("plain data");
        let mut read: Rng = serde_json::from_str(&text).expect("readable");
        assert!((0..100).all(|_| read.next_u64() == rng.next_u64()));
        assert_eq!(format!("{rng:?}"), "Rng(…)", "its key is not shown");
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
