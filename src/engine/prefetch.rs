//! Bringing memory near before it is needed. With many legs each packet meets a leg that left the
//! caches since its last packet; a batch of packets tells which legs come next, so that their memory
//! can answer while others are worked on.

#![allow(unsafe_code, reason = "the instruction takes a pointer; it reads nothing that is seen")]

use std::ops::Range;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Brings the lines of `place` near.
#[inline]
pub(super) fn prefetch(place: Range<*const u8>) {
    // From a line's beginning, so that the last byte's line is among them.
    let mut at = place.start.map_addr(|start| start & !(LINE - 1));
    while at < place.end {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch neither faults nor changes anything, whatever the address.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
        }
        at = at.wrapping_add(LINE);
    }
}
