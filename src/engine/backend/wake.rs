//! Waking a worker that sleeps until something happens: an eventfd that all backends watch.

#![allow(unsafe_code, reason = "eventfd has no safe wrapper in std")]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// One end for whoever wakes, one for whoever sleeps; clones are the same thing.
#[derive(Clone, Debug)]
pub struct Wake(Arc<File>);

impl Wake {
    /// A new one.
    pub fn new() -> io::Result<Wake> {
        // SAFETY: the call takes no pointers; its result is checked below.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Wake(Arc::new(File::from(fd))))
    }

    /// Ends the sleep, or prevents the next one.
    pub fn wake(&self) {
        // The only failure is a counter at its top, and that wakes too.
        let _ = (&*self.0).write(&1u64.to_ne_bytes());
    }

    /// Takes back what was written, so that the next sleep is one.
    pub(super) fn clear(&self) {
        let _ = (&*self.0).read(&mut [0; 8]);
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
