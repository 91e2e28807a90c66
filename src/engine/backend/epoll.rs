//! The portable backend: readiness by mio (epoll), harvested by time.
//!
//! mio reports a socket once for all that came, so each has to be read until it is empty;
//! `recvmmsg` does that in one call, since it stops by itself at the first lack. Sends are one
//! `sendto` each: the packets of a turn leave from different sockets.

#![allow(unsafe_code, reason = "recvmmsg has no safe wrapper in std or socket2")]
#![allow(clippy::disallowed_methods, reason = "this floor owns the sockets and waits for them")]

use std::collections::VecDeque;
use std::io;
use std::mem::zeroed;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::drops::Drops;
use super::{Backend, Counts, DATAGRAM_BYTES, Forward, Receive, Wait, Wake};
use crate::engine::address::{self, ADDRESS_LEN};

/// Sockets that one turn can serve; the others are served by the next.
const EVENTS: usize = 4_096;
/// Datagrams taken from one socket by one call. Two packets in 5 ms are rare.
const BATCH: usize = 4;
/// Calls for one socket in one turn, so that a flood on one does not starve the others.
const ROUNDS: usize = 64;
/// Datagrams of one turn, so that one takes milliseconds however many sockets are flooded: the others have their
/// turn next.
const A_TURN: usize = 4_096;

/// See the module.
pub struct Epoll {
    poll: Poll,
    events: Events,
    sockets: Arc<[UdpSocket]>,
    wake: Wake,
    /// Sockets that were not empty when their turn was over, each of them once.
    unread: VecDeque<u32>,
    is_unread: Box<[bool]>,
    /// Datagrams that may still be taken in this turn.
    left: usize,
    drops: Drops,
    buffers: Box<[Buffer; BATCH]>,
    counts: Counts,
}

/// Bytes that a protected packet may be longer than the plain one.
const TAIL: usize = 128;

struct Buffer {
    /// With room behind for what SRTP adds.
    bytes: [u8; DATAGRAM_BYTES + TAIL],
    from: [u8; ADDRESS_LEN],
}

impl Backend for Epoll {
    fn open(sockets: Arc<[UdpSocket]>, wake: Wake) -> io::Result<Epoll> {
        let poll = Poll::new()?;
        for (i, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking(true)?;
            let mut source = SourceFd(&socket.as_raw_fd());
            poll.registry().register(&mut source, Token(i), Interest::READABLE)?;
        }
        let mut source = SourceFd(&wake.fd());
        poll.registry().register(&mut source, Token(sockets.len()), Interest::READABLE)?;
        let buffer = || Buffer { bytes: [0; DATAGRAM_BYTES + TAIL], from: [0; ADDRESS_LEN] };
        Ok(Epoll {
            poll,
            events: Events::with_capacity(EVENTS),
            unread: VecDeque::with_capacity(sockets.len()),
            is_unread: vec![false; sockets.len()].into(),
            left: 0,
            drops: Drops::new(sockets.len()),
            sockets,
            wake,
            buffers: Box::new(std::array::from_fn(|_| buffer())),
            counts: Counts::default(),
        })
    }

    fn wait(&mut self, wait: Wait) {
        let timeout = match wait {
            _ if !self.unread.is_empty() => Duration::ZERO,
            Wait::Time(span) => {
                self.counts.calls += 1;
                std::thread::sleep(span);
                Duration::ZERO
            }
            Wait::Event(span) => span,
        };
        self.counts.kernel_drops += self.drops.look(&self.sockets);
        self.counts.calls += 1;
        if self.poll.poll(&mut self.events, Some(timeout)).is_err() {
            // Interrupted by a signal: what is ready stays so and is reported next time.
            self.events.clear();
        }
    }

    fn harvest(&mut self, to: &mut impl Receive) {
        let own = self.sockets.len();
        self.left = A_TURN;
        for _ in 0..self.unread.len() {
            if let Some(socket) = self.unread.pop_front() {
                self.is_unread[socket as usize] = false;
                self.drain(socket, to);
            }
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token().0 {
                token if token < own => self.drain(token as u32, to),
                _ => self.wake.clear(),
            }
        }
        self.events = events;
        self.events.clear();
    }

    fn send(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        let Some(from) = self.sockets.get(socket as usize) else {
            return;
        };
        if bytes.len() > DATAGRAM_BYTES {
            return;
        }
        self.counts.sent += 1;
        self.counts.calls += 1;
        if from.send_to(bytes, to).is_err() {
            self.counts.send_errors += 1;
        }
    }

    fn counts(&self) -> Counts {
        self.counts
    }
}

impl Epoll {
    /// Reads `socket` until it is empty, unless its turn or all of them are over before that.
    fn drain(&mut self, socket: u32, to: &mut impl Receive) {
        if self.is_unread[socket as usize] {
            return; // its turn comes
        }
        for _ in 0..ROUNDS {
            if self.left == 0 {
                break;
            }
            let (got, lengths) = self.receive(socket);
            self.left = self.left.saturating_sub(got);
            for (i, len) in lengths.iter().enumerate().take(got) {
                self.counts.received += 1;
                let Some(len) = *len else {
                    self.counts.oversize += 1;
                    continue;
                };
                let buffer = &mut self.buffers[i];
                let Some(from) = address::read(&buffer.from) else {
                    continue;
                };
                let forward = to.datagram(socket, from, &mut buffer.bytes, len);
                if let Some(forward) = forward {
                    self.forward(forward, i);
                }
            }
            if got < BATCH {
                return;
            }
        }
        self.is_unread[socket as usize] = true;
        self.unread.push_back(socket);
    }

    fn forward(&mut self, forward: Forward, buffer: usize) {
        let Forward { socket, to, len } = forward;
        let Some(from) = self.sockets.get(socket as usize) else {
            return;
        };
        let Some(bytes) = self.buffers[buffer].bytes.get(..len) else {
            return;
        };
        self.counts.sent += 1;
        self.counts.calls += 1;
        if from.send_to(bytes, to).is_err() {
            self.counts.send_errors += 1;
        }
    }

    /// Up to [`BATCH`] datagrams into the buffers: how many, and the length of each (`None`: it did
    /// not fit).
    fn receive(&mut self, socket: u32) -> (usize, [Option<usize>; BATCH]) {
        let fd = self.sockets[socket as usize].as_raw_fd();
        // SAFETY: both are plain C structures for which all zero is valid.
        let mut vectors: [libc::iovec; BATCH] = unsafe { zeroed() };
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((message, vector), buffer) in
            messages.iter_mut().zip(&mut vectors).zip(self.buffers.iter_mut())
        {
            vector.iov_base = buffer.bytes.as_mut_ptr().cast();
            vector.iov_len = DATAGRAM_BYTES;
            message.msg_hdr.msg_name = buffer.from.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = ADDRESS_LEN as u32;
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
        }
        self.counts.calls += 1;
        // SAFETY: each header points to a buffer, an address and a vector of its own, which live
        // until after the call and are of the lengths given.
        let got = unsafe {
            libc::recvmmsg(
                fd,
                messages.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if got < 0 {
            // An error of an earlier send (ICMP) is taken off the socket by being reported.
            let empty = io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock;
            self.counts.receive_errors += u64::from(!empty);
            return (0, [None; BATCH]);
        }
        let length = |m: &libc::mmsghdr| {
            let whole = m.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            whole.then_some(m.msg_len as usize)
        };
        (got as usize, messages.each_ref().map(length))
    }
}
