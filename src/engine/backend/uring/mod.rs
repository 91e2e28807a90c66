//! The fast backend for whom the kernel gives no further rights: io_uring (Linux 6.1 and later).
//!
//! ```text
//!  SQ  ─┬─ RecvMsg multishot, one for each socket, armed once
//!       └─ Send, one for each packet, no completion unless it fails
//!  CQ  ◀── filled while we sleep in the one enter of the turn, by ourselves (DEFER_TASKRUN)
//!
//!  provided ring ──▶ kernel receives into a buffer ──▶ harvest ──▶ forwarded from the same buffer
//!        ▲                                                │                    │
//!        └──────────── back, when the enter has taken the send ◀───────────────┘
//! ```
//!
//! What was measured on the way here: default flags and COOP_TASKRUN lose the gain, SQPOLL starves
//! on few cores, registered send buffers are refused on a plain Send. A send is done within the enter
//! that submits it (MSG_DONTWAIT), so its buffer is free after that.

#![allow(unsafe_code, reason = "the ring takes raw pointers, whose targets live in this module")]

mod pool;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use io_uring::squeue::Flags;
use io_uring::types::{CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::drops::Drops;
use super::{Backend, Counts, DATAGRAM_BYTES, Forward, Hint, Receive, Wait, Wake};
use crate::engine::address::{self, ADDRESS_LEN, RawAddress};
use pool::{GROUP, Pool};

/// Places in the submission queue: the sends of one turn; more cost one more enter.
const SUBMISSIONS: u32 = 2_048;
/// Places in the completion queue: all buffers, and room for errors.
const COMPLETIONS: u32 = 8_192;
/// Bytes of copies that wait for the next enter.
const COPIES: usize = 512 * 1_024;
/// What the kernel writes before name and payload (`io_uring_recvmsg_out`).
const OUT_LEN: usize = 16;
/// How long, and how often, a closing ring waits for what it has cancelled.
const CLOSE_STEP: Duration = Duration::from_millis(10);
const CLOSE_STEPS: u32 = 50;

/// In the upper half of a request's user data; the lower is the socket's index.
const RECEIVE: u64 = 0;
const SEND: u64 = 1 << 32;
const WAKE: u64 = 2 << 32;

/// See the module.
pub struct Uring {
    // First, so that it is closed before what its requests point to goes.
    ring: IoUring,
    pool: Pool,
    /// What a multishot receive reads to know how much name it shall keep.
    message: Box<libc::msghdr>,
    /// Where the sends in the queue go; each has its place until the enter.
    addresses: Box<[RawAddress]>,
    /// Sends in the queue.
    queued: usize,
    /// Buffers from which these send.
    lent: Vec<u16>,
    copies: Box<[u8]>,
    copied: usize,
    harvested: Vec<(u64, i32, u32)>,
    sockets: Arc<[UdpSocket]>,
    wake: Wake,
    counts: Counts,
    drops: Drops,
}

impl Backend for Uring {
    fn open(sockets: Arc<[UdpSocket]>, wake: Wake) -> io::Result<Uring> {
        let ring: IoUring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(COMPLETIONS)
            .build(SUBMISSIONS)?;
        let mut files: Vec<_> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
        for socket in sockets.iter() {
            socket.set_nonblocking(true)?;
        }
        files.push(wake.fd());
        ring.submitter().register_files(&files)?;
        let pool = Pool::register(&ring.submitter())?;
        // SAFETY: a plain C structure for which all zero is valid.
        let mut message: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        message.msg_namelen = ADDRESS_LEN as u32;
        let mut uring = Uring {
            ring,
            pool,
            message,
            addresses: vec![RawAddress::NONE; SUBMISSIONS as usize].into(),
            queued: 0,
            lent: Vec::with_capacity(SUBMISSIONS as usize),
            copies: vec![0; COPIES].into(),
            copied: 0,
            harvested: Vec::with_capacity(COMPLETIONS as usize),
            drops: Drops::new(sockets.len()),
            sockets,
            wake,
            counts: Counts::default(),
        };
        for socket in 0..uring.sockets.len() as u32 {
            uring.arm(socket);
        }
        uring.watch();
        uring.enter(0, None);
        Ok(uring)
    }

    fn wait(&mut self, wait: Wait) {
        let (span, wanted) = match wait {
            Wait::Time(span) => (span, COMPLETIONS as usize),
            Wait::Event(span) => (span, 1),
        };
        let span = Timespec::from(span);
        self.counts.kernel_drops += self.drops.look(&self.sockets);
        self.enter(wanted, Some(&span));
    }

    fn harvest(&mut self, to: &mut impl Receive) {
        let mut harvested = std::mem::take(&mut self.harvested);
        let mut queue = self.ring.completion();
        queue.sync();
        harvested.extend(queue.map(|c| (c.user_data(), c.result(), c.flags())));
        for at in 0..harvested.len() {
            for (hint, ahead) in Hint::ALL {
                if let Some((data @ ..WAKE, ..)) = harvested.get(at + ahead) {
                    to.hint(hint, *data as u32);
                }
            }
            let (data, result, flags) = harvested[at];
            match data & !u64::from(u32::MAX) {
                RECEIVE => self.received(data as u32, result, flags, to),
                SEND => self.counts.send_errors += 1,
                _ => {
                    self.wake.clear();
                    if !cqueue::more(flags) {
                        self.watch();
                    }
                }
            }
        }
        harvested.clear();
        self.harvested = harvested;
        self.pool.publish();
    }

    fn send(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        if bytes.len() > DATAGRAM_BYTES || socket as usize >= self.sockets.len() {
            return;
        }
        if self.copied + bytes.len() > self.copies.len() {
            self.enter(0, None);
        }
        if self.copied + bytes.len() > self.copies.len() {
            // The kernel takes nothing at the moment; no packet waits for it.
            self.counts.send_errors += 1;
            return;
        }
        let copy = &mut self.copies[self.copied..self.copied + bytes.len()];
        copy.copy_from_slice(bytes);
        let start = copy.as_ptr();
        self.copied += bytes.len();
        self.queue_send(socket, to, start, bytes.len());
    }

    fn counts(&self) -> Counts {
        self.counts
    }
}

impl Uring {
    /// One completion of the receive of `socket`.
    fn received(&mut self, socket: u32, result: i32, flags: u32, to: &mut impl Receive) {
        if !cqueue::more(flags) {
            self.arm(socket);
        }
        let Some(id) = cqueue::buffer_select(flags) else {
            // No buffer was left, or the socket has an error; it is listened to again.
            let more = result == -libc::ENOBUFS && self.pool.grow();
            self.counts.receive_errors += u64::from(!more);
            return;
        };
        self.counts.received += 1;
        match self.hand_over(socket, id, result, to) {
            Some(Forward { socket, to, len }) => {
                let start = self.pool.buffer(id)[OUT_LEN + ADDRESS_LEN..].as_ptr();
                self.queue_send(socket, to, start, len);
                self.lent.push(id);
            }
            None => self.pool.give(id),
        }
    }

    fn hand_over(
        &mut self,
        socket: u32,
        id: u16,
        result: i32,
        to: &mut impl Receive,
    ) -> Option<Forward> {
        let buffer = self.pool.buffer(id);
        let word = |at: usize| u32::from_ne_bytes([0, 1, 2, 3].map(|i| buffer[at + i]));
        let (name_len, len, flags) = (word(0) as usize, word(8) as usize, word(12) as i32);
        let payload = OUT_LEN + ADDRESS_LEN;
        let from = address::read(&buffer[OUT_LEN..OUT_LEN + name_len.min(ADDRESS_LEN)]);
        if result < payload as i32 || flags & libc::MSG_TRUNC != 0 || len > DATAGRAM_BYTES {
            self.counts.oversize += 1;
            return None;
        }
        let bytes = &mut buffer[payload..];
        let forward = to.datagram(socket, from?, bytes, len)?;
        let possible = forward.len <= bytes.len() && (forward.socket as usize) < self.sockets.len();
        possible.then_some(forward)
    }

    /// Begins (again) to receive on `socket`.
    fn arm(&mut self, socket: u32) {
        let message: *const libc::msghdr = &*self.message;
        let entry = opcode::RecvMsgMulti::new(Fixed(socket), message, GROUP).build();
        self.push(entry.user_data(RECEIVE | u64::from(socket)));
    }

    /// Begins (again) to watch for [`Wake::wake`].
    fn watch(&mut self) {
        let wake = Fixed(self.sockets.len() as u32);
        let poll = opcode::PollAdd::new(wake, libc::POLLIN as u32).multi(true);
        self.push(poll.build().user_data(WAKE));
    }

    /// Queues a send of `len` bytes at `start`, which stay as they are until the next enter.
    fn queue_send(&mut self, socket: u32, to: SocketAddr, start: *const u8, len: usize) {
        if self.queued == self.addresses.len() {
            self.enter(0, None);
            if self.queued == self.addresses.len() {
                self.counts.send_errors += 1;
                return;
            }
        }
        let place = &mut self.addresses[self.queued];
        *place = address::write(to);
        let entry = opcode::Send::new(Fixed(socket), start, len as u32)
            .flags(libc::MSG_DONTWAIT)
            .dest_addr(place.bytes.as_ptr().cast())
            .dest_addr_len(place.len)
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(SEND | u64::from(socket));
        self.queued += 1;
        self.counts.sent += 1;
        self.push(entry);
    }

    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: what the entry points to (message, address, buffer or copy) is owned by `self`
        // and stays in place until the kernel has taken the entry; `enter` frees it only then.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.enter(0, None);
        }
    }

    /// Gives the kernel the whole queue and waits for `wanted` completions or as long as `span`
    /// says. What the sends needed is free afterwards.
    fn enter(&mut self, wanted: usize, span: Option<&Timespec>) {
        self.counts.calls += 1;
        self.pool.publish();
        // Errors: the time is over (ETIME), a signal came, or the completion queue is full and has
        // to be harvested first (EBUSY). None asks for more than to go on.
        let _ = match span {
            Some(span) => {
                let args = SubmitArgs::new().timespec(span);
                self.ring.submitter().submit_with_args(wanted, &args)
            }
            None => self.ring.submit(),
        };
        let mut queue = self.ring.submission();
        queue.sync();
        if !queue.is_empty() {
            return;
        }
        drop(queue);
        for id in self.lent.drain(..) {
            self.pool.give(id);
        }
        self.pool.publish();
        self.queued = 0;
        self.copied = 0;
    }
}

impl Drop for Uring {
    fn drop(&mut self) {
        // Without this the kernel lets go of the sockets some time after the ring was closed, and
        // their ports would stay in use until then. What was cancelled ends in an enter of ours.
        let all = CancelBuilder::any();
        let _ = self.ring.submitter().register_sync_cancel(Some(CLOSE_STEP.into()), all);
        let mut running = self.sockets.len() + 1;
        for _ in 0..CLOSE_STEPS {
            self.enter(1, Some(&Timespec::from(CLOSE_STEP)));
            let ended = self.ring.completion().filter(|c| !cqueue::more(c.flags())).count();
            running = running.saturating_sub(ended);
            if running == 0 {
                break;
            }
        }
        let _ = self.ring.submitter().unregister_files();
    }
}
