//! A batch of datagrams as recvmmsg fills it: each with its sender, and the address and port that it was
//! for. Before each is room for the header with which it may go on.

use std::io;
use std::mem::zeroed;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;

use super::{DATAGRAM_BYTES, HEADER_LEN};
use crate::engine::address;

/// Datagrams taken by one call.
pub(super) const BATCH: usize = 512;
/// Bytes of each one's place: header, the datagram, and room for an SRTP tag. An odd number of cache
/// lines, so that the heads, which are all that a relayed packet touches, spread over all sets of the
/// caches.
const PLACE: usize = 29 * 64;
const _: () = assert!(HEADER_LEN + DATAGRAM_BYTES + 128 <= PLACE);
/// Bytes of `sockaddr_in`.
const NAME_LEN: usize = 16;

/// The one control message that is asked for (ip(7), `IP_RECVORIGDSTADDR`), as the kernel lays it out.
#[derive(Clone, Copy)]
#[repr(C)]
struct Control {
    len: usize,
    level: i32,
    kind: i32,
    address: [u8; NAME_LEN],
}
const NO_CONTROL: Control = Control { len: 0, level: 0, kind: 0, address: [0; NAME_LEN] };

/// See the module.
pub(super) struct Inbox {
    places: Box<[[u8; PLACE]]>,
    names: Box<[[u8; NAME_LEN]]>,
    controls: Box<[Control]>,
    messages: Box<[libc::mmsghdr]>,
    /// What the headers point to; read by the kernel alone.
    _vectors: Box<[libc::iovec]>,
    got: usize,
}

impl Inbox {
    pub(super) fn new() -> Inbox {
        let mut places = vec![[0; PLACE]; BATCH].into_boxed_slice();
        let mut names = vec![[0; NAME_LEN]; BATCH].into_boxed_slice();
        let mut controls = vec![NO_CONTROL; BATCH].into_boxed_slice();
        let vector = |place: &mut [u8; PLACE]| libc::iovec {
            iov_base: place[HEADER_LEN..].as_mut_ptr().cast(),
            iov_len: DATAGRAM_BYTES,
        };
        let mut vectors: Box<[_]> = places.iter_mut().map(vector).collect();
        let parts = names.iter_mut().zip(&mut controls).zip(&mut vectors);
        let messages = parts.map(|((name, control), vector)| {
            // SAFETY: a plain C structure for which all zero is valid.
            let mut message: libc::mmsghdr = unsafe { zeroed() };
            message.msg_hdr.msg_name = name.as_mut_ptr().cast();
            message.msg_hdr.msg_control = std::ptr::from_mut(control).cast();
            message.msg_hdr.msg_iov = vector;
            message.msg_hdr.msg_iovlen = 1;
            set_lengths(&mut message);
            message
        });
        let messages = messages.collect();
        Inbox { places, names, controls, messages, _vectors: vectors, got: 0 }
    }

    /// Takes what has come to `socket`, at most [`BATCH`]. Says how many, or the socket's error.
    pub(super) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        // What the last call wrote over is set again.
        for (message, control) in self.messages[..self.got].iter_mut().zip(&mut self.controls) {
            set_lengths(message);
            control.len = 0;
        }
        // SAFETY: each header points to a name, a control message and a vector of its own, that to a
        // place of the length given; all live in boxes of `self` that are never moved or resized.
        let got = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                BATCH as u32,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        self.got = usize::try_from(got).unwrap_or(0);
        match got {
            0.. => Ok(self.got),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Whom datagram `at` was for. `None`: the kernel did not say.
    pub(super) fn was_for(&self, at: usize) -> Option<SocketAddrV4> {
        let control = &self.controls[at];
        let said = control.len != 0
            && (control.level, control.kind) == (libc::SOL_IP, libc::IP_ORIGDSTADDR);
        let [_, _, high, low, a, b, c, d, ..] = control.address;
        said.then(|| SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
    }

    /// Its sender.
    pub(super) fn from(&self, at: usize) -> Option<SocketAddr> {
        address::read(&self.names[at])
    }

    /// Its length; `None`: longer than is taken.
    pub(super) fn len(&self, at: usize) -> Option<usize> {
        let message = &self.messages[at];
        let whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
        whole.then_some(message.msg_len as usize)
    }

    /// The datagram, with the room behind it.
    pub(super) fn datagram(&mut self, at: usize) -> &mut [u8] {
        &mut self.places[at][HEADER_LEN..]
    }

    /// The room for the header, and the first `len` bytes of the datagram. `len` is at most what
    /// [`Inbox::datagram`] has.
    pub(super) fn with_header(&mut self, at: usize, len: usize) -> &mut [u8] {
        &mut self.places[at][..HEADER_LEN + len]
    }
}

/// Says how much room the kernel has for name and control message.
fn set_lengths(message: &mut libc::mmsghdr) {
    message.msg_hdr.msg_namelen = NAME_LEN as u32;
    message.msg_hdr.msg_controllen = size_of::<Control>();
}

/// Makes `socket` tell whom each datagram was for.
pub(super) fn tell_destination(socket: &impl AsRawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option takes one number, which lives until the call returns.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_IP,
            libc::IP_RECVORIGDSTADDR,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
