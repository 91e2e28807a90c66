//! The buffers that the kernel receives into, and the ring through which it is given them
//! (io_uring's provided buffer ring).

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use super::{ADDRESS_LEN, DATAGRAM_BYTES, OUT_LEN};

/// The number of the one buffer group.
pub(super) const GROUP: u16 = 0;
/// Buffers at most; a power of two. At 100,000 packets/s and 5 ms a turn a quarter of them is in use.
const BUFFERS: u16 = 2_048;
/// As many are given to the kernel at first, and as many more each time that it finds none: it takes
/// them in turn, so what is not needed would only push the others out of the caches.
const STEP: u16 = 256;
/// Bytes of each: what the kernel writes before it, the sender's address, the datagram, and room for
/// an SRTP tag. An odd number of cache lines, so that the heads of the buffers, which are all that a
/// relayed packet touches, spread over all sets of the caches.
const BUFFER_BYTES: usize = 29 * 64;
/// The kernel wants its ring at the start of a page.
const PAGE: usize = 4_096;

const _: () = assert!(OUT_LEN + ADDRESS_LEN + DATAGRAM_BYTES + 128 <= BUFFER_BYTES);
const _: () = assert!(BUFFERS.is_power_of_two());

/// Zeroed memory at the start of a page.
struct Pages {
    start: NonNull<u8>,
    layout: Layout,
}

impl Pages {
    fn new(bytes: usize) -> Pages {
        let layout = Layout::from_size_align(bytes, PAGE).expect("a small power of two");
        // SAFETY: the layout is not empty: both callers ask for kilobytes.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Pages { start, layout }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated above with this layout, and freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

/// See the module.
pub(super) struct Pool {
    ring: Pages,
    memory: Pages,
    /// How many buffers are in use.
    grown: u16,
    /// How many entries were ever put into the ring, wrapping; the kernel knows `published`.
    tail: u16,
    published: u16,
}

// SAFETY: the memory is owned, and only reached through `&mut self`.
unsafe impl Send for Pool {}

impl Pool {
    /// Allocates the buffers and gives the first of them to the kernel. The pool has to outlive the ring.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Pool> {
        let ring = Pages::new(usize::from(BUFFERS) * size_of::<BufRingEntry>());
        let memory = Pages::new(usize::from(BUFFERS) * BUFFER_BYTES);
        let start = ring.start.as_ptr() as u64;
        // SAFETY: the ring is of the size that its number of entries asks for, page aligned, and
        // lives as long as the pool.
        unsafe { submitter.register_buf_ring_with_flags(start, BUFFERS, GROUP, 0)? };
        let mut pool = Pool { ring, memory, grown: 0, tail: 0, published: 0 };
        pool.grow();
        pool.publish();
        Ok(pool)
    }

    /// Gives the kernel more buffers, unless it has them all; says whether it did.
    pub(super) fn grow(&mut self) -> bool {
        let more = self.grown..(self.grown + STEP).min(BUFFERS);
        self.grown = more.end;
        let grew = !more.is_empty();
        more.for_each(|id| self.give(id));
        grew
    }

    /// Buffer `id`, which the kernel has filled and not been given back.
    pub(super) fn buffer(&mut self, id: u16) -> &mut [u8] {
        let at = usize::from(id % BUFFERS) * BUFFER_BYTES;
        // SAFETY: within the memory, which is initialised; `&mut self` makes it the only one, and
        // the kernel does not write into a buffer that it does not have.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.as_ptr().add(at), BUFFER_BYTES) }
    }

    /// Gives buffer `id` back; the kernel sees it with the next [`Pool::publish`].
    pub(super) fn give(&mut self, id: u16) {
        let start = self.buffer(id).as_ptr() as u64;
        let place = usize::from(self.tail % BUFFERS);
        // SAFETY: within the ring; the kernel reads an entry only when the tail has passed it.
        let entry = unsafe { &mut *self.ring.start.as_ptr().cast::<BufRingEntry>().add(place) };
        entry.set_addr(start);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see all that was given back.
    pub(super) fn publish(&mut self) {
        if self.tail == self.published {
            return;
        }
        // SAFETY: the tail lies in the first entry of the ring (io_uring.h), aligned for 16 bits,
        // and is written by us alone.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.ring.start.as_ptr().cast());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        tail.store(self.tail, Ordering::Release);
        self.published = self.tail;
    }
}
