//! An agent's PIN, and who has guessed too often.
//!
//! A PIN has a few thousand values, so no hash keeps it from somebody who holds the hash; what
//! guards it is [`Attempts`]. The salted hash keeps it out of states that are shown or handed on.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base::{Duration, Rng, Time};

/// A PIN's salted SHA-256.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Pin {
    /// Of these digits, with a salt from `rng`.
    pub fn new(digits: &str, rng: &mut Rng) -> Pin {
        let mut salt = [0; 16];
        rng.fill(&mut salt);
        Pin { salt, hash: hash(&salt, digits) }
    }

    /// Whether it is `digits`; takes as long for a wrong one.
    pub fn is(&self, digits: &str) -> bool {
        self.hash.ct_eq(&hash(&self.salt, digits)).into()
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin(…)")
    }
}

fn hash(salt: &[u8; 16], digits: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(digits).finalize().into()
}

/// Wrong PINs of one agent, or from one phone: after so many in a row none is looked at for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Attempts {
    wrong: u32,
    locked_until: Time,
}

impl Attempts {
    /// Whether none is looked at now.
    pub fn is_locked(&self, now: Time) -> bool {
        now < self.locked_until
    }

    /// A wrong one; `true`: it was the last that is looked at for `pause`.
    pub fn wrong(&mut self, now: Time, most: u32, pause: Duration) -> bool {
        self.wrong += 1;
        let locks = self.wrong >= most;
        if locks {
            *self = Attempts { wrong: 0, locked_until: now + pause };
        }
        locks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_known_by_its_hash_and_printed_by_nobody() {
        let mut rng = Rng::from_seed(1);
        let (pin, same) = (Pin::new("4711", &mut rng), Pin::new("4711", &mut rng));
        assert!(pin.is("4711") && same.is("4711"));
        assert!(!pin.is("4712") && !pin.is("") && !pin.is("47110"));
        assert_ne!(pin, same, "two agents with one PIN do not look alike");
        assert_eq!(format!("{pin:?}"), "Pin(…)");
    }

    #[test]
    fn three_wrong_ones_lock_and_time_unlocks() {
        let (mut attempts, pause) = (Attempts::default(), Duration::from_secs(900));
        let at = |s: u64| Time::from_millis(s * 1_000);
        let locks: Vec<bool> = (0..3).map(|n| attempts.wrong(at(n), 3, pause)).collect();
        assert_eq!(locks, [false, false, true]);
        assert!(attempts.is_locked(at(3)) && attempts.is_locked(at(901)));
        assert!(!attempts.is_locked(at(902)));
        assert!(!attempts.wrong(at(903), 3, pause), "and counts from the beginning");
    }
}
