//! Hash maps whose keys a stranger chooses: branches, tags, Call-IDs, addresses.
//!
//! The standard library's maps draw their secret from the system, which a pure floor may not ask.
//! Here it comes from the owner's [`Rng`]: nobody outside can aim at one bucket, and a run
//! replays from its seed. Nothing iterates over such a map where the order could be seen.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use super::Rng;

/// SipHash-1-3 that begins with a secret.
#[derive(Clone, Copy, Debug)]
pub struct Keyed(u64);

impl Keyed {
    /// With a secret drawn from `rng`.
    pub fn new(rng: &mut Rng) -> Keyed {
        Keyed(rng.next_u64())
    }
}

impl BuildHasher for Keyed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

/// A map under a secret.
pub type KeyedMap<K, V> = HashMap<K, V, Keyed>;
