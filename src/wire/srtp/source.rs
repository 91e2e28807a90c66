//! New master keys, without a system call in the pure floors: a generator that is seeded with 32
//! bytes of the system's entropy and forgets what it gave.
//!
//! ```text
//!   state ── AES-256-CTR from zero ──▶ │ next state, 32 bytes │ the key, up to 46 bytes │
//! ```
//!
//! Who learns the state later learns no key that was given before. The same seed gives the same
//! keys: a simulated run replays. It is apart from [`base::Rng`](crate::base::Rng), which keeps its key
//! as long as it lives.

use core::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::transform::counter_mode;
use super::{MasterKey, Suite};

const STATE: usize = 32;
/// State and the longest key and salt.
const STREAM: usize = STATE + 32 + 14;

/// A source of master keys. A copy gives the same keys again: it may only take the other's place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySource([u8; STATE]);

impl KeySource {
    /// From the system's entropy; in simulations from any number.
    pub fn from_seed(seed: [u8; STATE]) -> KeySource {
        KeySource(seed)
    }

    /// A source of its own for somebody else.
    pub fn split(&mut self) -> KeySource {
        let mut stream = Zeroizing::new([0; STREAM]);
        KeySource(*self.stream(&mut stream).first_chunk().expect("the stream is longer"))
    }

    /// A new key for `suite`.
    pub fn next(&mut self, suite: Suite) -> MasterKey {
        let mut stream = Zeroizing::new([0; STREAM]);
        let key = &self.stream(&mut stream)[..suite.key_len() + suite.salt_len()];
        MasterKey::new(suite, key).expect("as long as the suite has it")
    }

    /// A secret of `len` letters, digits, `+` and `/` (ICE's characters), six bits in each; of at most
    /// 46.
    pub fn letters(&mut self, len: usize) -> Box<str> {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut stream = Zeroizing::new([0; STREAM]);
        let given = self.stream(&mut stream).iter().take(len);
        given.map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect::<String>().into()
    }

    /// Moves on; gives what was made besides the next state.
    fn stream<'s>(&mut self, stream: &'s mut [u8; STREAM]) -> &'s [u8] {
        counter_mode(&self.0, &[0; 16], &mut stream[..]);
        let (state, given) = stream.split_at(STATE);
        self.0.copy_from_slice(state);
        given
    }
}

impl Drop for KeySource {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_from_the_seed_and_never_repeat() {
        let keys = |seed: u8| {
            let mut source = KeySource::from_seed([seed; STATE]);
            (0..100).map(|_| source.next(Suite::AeadAes256Gcm)).collect::<Vec<_>>()
        };
        let (a, b) = (keys(1), keys(2));
        assert_eq!(a, keys(1));
        let mut all: Vec<_> = a.iter().chain(&b).map(|key| key.expose().to_vec()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 200);
        let words = |seed: u8| KeySource::from_seed([seed; STATE]).letters(24);
        assert_eq!((words(1), words(1).len()), (words(1), 24));
        assert_ne!(words(1), words(2));
        assert_eq!(format!("{:?}", KeySource::from_seed([7; STATE])), "KeySource(…)");
    }
}
