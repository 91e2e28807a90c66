//! The way out of one of our addresses: a raw socket that sends UDP datagrams from any of its ports,
//! many by one call. We write their UDP header; they go by the routes and through the firewall as if each
//! port's own socket had sent them (raw(7)).

use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{HEADER_LEN, KERNEL_BYTES};
use crate::engine::address;
use crate::engine::backend::DATAGRAM_BYTES;
use crate::engine::pool::EXPEDITED;
use crate::wire::udp;

/// Packets that wait for one call.
pub(super) const QUEUE: usize = 1_024;
/// Bytes of copies that wait with them.
const COPIES: usize = 256 << 10;
/// Bytes of `sockaddr_in`.
const NAME_LEN: usize = 16;
/// The last address of loopback, which nobody has, and to which there always is a route.
const NOBODY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(127, 255, 255, 254), 0);

/// What became of what was queued.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Flushed {
    /// Calls to the kernel.
    pub(super) calls: u64,
    /// Packets that it refused.
    pub(super) refused: u64,
}

/// See the module.
pub(super) struct Exit {
    socket: Socket,
    names: Box<[[u8; NAME_LEN]]>,
    vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
    queued: usize,
    copies: Box<[u8]>,
    copied: usize,
}

impl Exit {
    /// Asks for CAP_NET_RAW, and for CAP_NET_ADMIN to have room for a burst.
    pub(super) fn open(address: Ipv4Addr) -> io::Result<Exit> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(SocketAddrV4::new(address, 0)))?;
        // Connected, it is brought copies of what comes from there alone, and nothing does.
        socket.connect(&SockAddr::from(NOBODY))?;
        let _ = socket.set_tos_v4(EXPEDITED);
        super::force_buffer(&socket, libc::SO_SNDBUFFORCE, KERNEL_BYTES)?;
        let mut names = vec![[0; NAME_LEN]; QUEUE].into_boxed_slice();
        let none = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let mut vectors = vec![none; QUEUE].into_boxed_slice();
        let messages = names.iter_mut().zip(&mut vectors).map(|(name, vector)| {
            // SAFETY: a plain C structure for which all zero is valid.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_name = name.as_mut_ptr().cast();
            message.msg_hdr.msg_namelen = NAME_LEN as u32;
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            message
        });
        let messages = messages.collect();
        let copies = vec![0; COPIES].into();
        Ok(Exit { socket, names, vectors, messages, queued: 0, copies, copied: 0 })
    }

    /// Whether one more packet, a copy at that, finds room.
    pub(super) fn has_room(&self) -> bool {
        self.queued < QUEUE && COPIES - self.copied >= HEADER_LEN + DATAGRAM_BYTES
    }

    /// Queues a datagram that stays in place until [`Exit::flush`]: room for the header, and the
    /// payload. The queue has room.
    pub(super) fn queue(&mut self, datagram: &mut [u8], from: SocketAddrV4, to: SocketAddrV4) {
        if udp::write_header(datagram, from, to).is_none() {
            return;
        }
        let at = self.queued;
        self.names[at].copy_from_slice(&address::write(to.into()).bytes[..NAME_LEN]);
        self.vectors[at].iov_base = datagram.as_mut_ptr().cast();
        self.vectors[at].iov_len = datagram.len();
        self.queued += 1;
    }

    /// Queues a copy of `payload`, of at most [`DATAGRAM_BYTES`]. The queue has room.
    pub(super) fn queue_copy(&mut self, payload: &[u8], from: SocketAddrV4, to: SocketAddrV4) {
        let mut copies = std::mem::take(&mut self.copies);
        let datagram = &mut copies[self.copied..self.copied + HEADER_LEN + payload.len()];
        datagram[HEADER_LEN..].copy_from_slice(payload);
        self.copied += datagram.len();
        self.queue(datagram, from, to);
        self.copies = copies;
    }

    /// Sends all that is queued. What the kernel refuses is passed over; when it takes nothing more, the
    /// rest is dropped, since no packet waits for it.
    pub(super) fn flush(&mut self) -> Flushed {
        let mut flushed = Flushed::default();
        let mut at = 0;
        while at < self.queued {
            let left = &mut self.messages[at..self.queued];
            flushed.calls += 1;
            // SAFETY: each header points to a name and a vector of its own in boxes of `self`, that to a
            // packet that whoever queued it left in place; their lengths are as given.
            let sent = unsafe {
                let count = left.len() as u32;
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    left.as_mut_ptr(),
                    count,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) => at += sent,
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock => {
                    flushed.refused += (self.queued - at) as u64;
                    break;
                }
                Err(_) => {
                    flushed.refused += 1;
                    at += 1;
                }
            }
        }
        (self.queued, self.copied) = (0, 0);
        flushed
    }
}
