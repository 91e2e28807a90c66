//! The keys of recordings, shared by who writes them (the disk thread, the one that packs) and who reads them (the API,
//! copies for an operator). Another ring takes effect with the next file that is opened.

#![allow(clippy::disallowed_types, reason = "a reload changes the ring beside those who use it")]

use std::sync::{Arc, RwLock};

use crate::record::envelope::Keyring;

/// See the module.
#[derive(Clone, Default, Debug)]
pub struct Keys(Arc<RwLock<Arc<Keyring>>>);

impl Keys {
    /// With these keys.
    pub fn new(ring: Keyring) -> Keys {
        Keys(Arc::new(RwLock::new(Arc::new(ring))))
    }

    /// Others from now on.
    pub fn put(&self, ring: Keyring) {
        *self.0.write().expect("no holder panics") = Arc::new(ring);
    }

    /// Those that are known now.
    pub fn ring(&self) -> Arc<Keyring> {
        self.0.read().expect("no holder panics").clone()
    }
}
