//! Datagrams that did not arrive: what ICMP says of them (RFC 3261 §18.4).
//!
//! ```text
//!  send ──▶ router, host ──ICMP "unreachable"──▶ the socket's error queue ──▶ Flow that failed
//! ```
//!
//! Linux keeps the error with the address that the datagram was for (IP_RECVERR, ip(7)); without
//! that a socket which speaks with many peers hears nothing. Time exceeded and a packet too big are
//! no failure of the peer's, as the RFC has it.

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv6Addr, SocketAddr};

use socket2::{MsgHdrMut, SockAddr, Socket};

/// `cmsghdr` before its data (cmsg(3)): a length and two ints.
const HEADER: usize = size_of::<libc::cmsghdr>();
/// The fixed part of `sock_extended_err` (ip(7)).
const EXTENDED: usize = 16;
/// ICMP's and ICMPv6's "destination unreachable" (RFC 792, RFC 4443 §3.1).
const UNREACHABLE_V4: u8 = 3;
const UNREACHABLE_V6: u8 = 1;

/// Has errors kept for [`next`].
pub(super) fn listen(socket: &Socket, is_ipv4: bool) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let (level, option) = match is_ipv4 {
        true => (libc::IPPROTO_IP, libc::IP_RECVERR),
        false => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    let on: libc::c_int = 1;
    let len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open while `socket` is borrowed, and the option is an int.
    #[allow(unsafe_code)]
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), len) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The next error in the queue, without waiting: whose datagram did not arrive. `Some(None)`: an
/// error that says nothing of the peer.
pub(super) fn next(socket: &Socket) -> Option<Option<SocketAddr>> {
    let mut peer = SockAddr::from(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
    let mut control = [MaybeUninit::<u8>::zeroed(); 256];
    let mut message = MsgHdrMut::new().with_addr(&mut peer).with_control(&mut control);
    socket.recvmsg(&mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT).ok()?;
    let len = message.control_len().min(256);
    // SAFETY: all of it was zeroed, and the kernel has written `len` bytes.
    #[allow(unsafe_code)]
    let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), len) };
    Some(peer.as_socket().filter(|_| is_unreachable(control)))
}

/// Whether a control message says that the peer cannot be reached.
fn is_unreachable(control: &[u8]) -> bool {
    let Some(error) = control.get(HEADER..HEADER + EXTENDED) else { return false };
    let number = i32::from_ne_bytes([error[0], error[1], error[2], error[3]]);
    let (origin, kind) = (error[4], error[5]);
    let said = match origin {
        libc::SO_EE_ORIGIN_ICMP => kind == UNREACHABLE_V4,
        libc::SO_EE_ORIGIN_ICMP6 => kind == UNREACHABLE_V6,
        libc::SO_EE_ORIGIN_LOCAL => true,
        _ => false,
    };
    said && number != libc::EMSGSIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(number: i32, origin: u8, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes.extend(number.to_ne_bytes());
        bytes.extend([origin, kind, 0, 0]);
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn only_unreachable_is_the_peers_failure() {
        let icmp = libc::SO_EE_ORIGIN_ICMP;
        for (number, origin, kind, failed) in [
            (libc::ECONNREFUSED, icmp, 3, true),
            (libc::EHOSTUNREACH, icmp, 3, true),
            (libc::EHOSTUNREACH, icmp, 11, false),
            (libc::EMSGSIZE, icmp, 3, false),
            (libc::ECONNREFUSED, libc::SO_EE_ORIGIN_ICMP6, 1, true),
            (libc::EMSGSIZE, libc::SO_EE_ORIGIN_ICMP6, 2, false),
            (libc::ENETUNREACH, libc::SO_EE_ORIGIN_LOCAL, 0, true),
            (libc::EPERM, 4, 0, false),
        ] {
            assert_eq!(is_unreachable(&control(number, origin, kind)), failed, "{number} {kind}");
        }
        assert!(!is_unreachable(&control(111, icmp, 3)[..20]), "cut off");
    }
}
