//! What the kernel has dropped of what came: each socket counts that for itself, and is asked by turns.
//!
//! ```text
//!   turn 0 ─▶ sockets 0 1 2 3      turn 16 ─▶ 4 5 6 7      …      round in a minute
//! ```
//!
//! A datagram that finds its socket's queue full is gone before anybody could look at it: only the kernel
//! knows of it.

#![allow(unsafe_code, reason = "SO_MEMINFO has no safe wrapper in std or socket2")]

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// The socket option for a socket's memory figures (`asm-generic/socket.h`; Linux 4.12), and which of
/// them counts the drops (`linux/sock_diag.h`).
const SO_MEMINFO: libc::c_int = 55;
const MEMINFO_DROPS: usize = 8;
/// Turns of which one asks, and sockets that it asks: a system call each.
const EVERY: usize = 16;
const A_TURN: usize = 4;

/// What each of some sockets had dropped when asked last.
#[derive(Debug)]
pub(super) struct Drops {
    before: Box<[u32]>,
    /// Who is asked next.
    next: usize,
    /// Turns until somebody is.
    turns: usize,
}

impl Drops {
    /// Of so many sockets that have dropped nothing yet.
    pub(super) fn new(sockets: usize) -> Drops {
        Drops { before: vec![0; sockets].into(), next: 0, turns: 0 }
    }

    /// A turn: every so often asks the next few of `sockets`. Gives what they have dropped since they were asked
    /// before.
    pub(super) fn look(&mut self, sockets: &[UdpSocket]) -> u64 {
        if self.turns > 0 {
            self.turns -= 1;
            return 0;
        }
        self.turns = EVERY - 1;
        let mut more = 0;
        for _ in 0..A_TURN.min(sockets.len()) {
            self.next = if self.next < sockets.len() { self.next } else { 0 };
            more += self.ask(self.next, sockets.get(self.next));
            self.next += 1;
        }
        more
    }

    /// Asks the one at `place`. Gives what it has dropped since it was asked before.
    pub(super) fn ask(&mut self, place: usize, socket: Option<&UdpSocket>) -> u64 {
        let so_far = socket.and_then(drops);
        let (Some(before), Some(so_far)) = (self.before.get_mut(place), so_far) else { return 0 };
        so_far.wrapping_sub(core::mem::replace(before, so_far)).into()
    }
}

/// Datagrams that the kernel has dropped at a socket; the count wraps.
fn drops(socket: &UdpSocket) -> Option<u32> {
    let mut figures = [0u32; MEMINFO_DROPS + 1];
    let mut bytes = size_of_val(&figures) as libc::socklen_t;
    // SAFETY: the kernel writes at most `bytes` to the list, and how much to `bytes`; both live until
    // the call returns.
    let got = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            figures.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    (got == 0 && bytes as usize == size_of_val(&figures)).then_some(figures[MEMINFO_DROPS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn bound() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    #[test]
    fn what_the_kernel_drops_is_known_once() {
        let sockets: Vec<UdpSocket> = (0..A_TURN + 2).map(|_| bound()).collect();
        let (full, peer) = (&sockets[A_TURN], bound());
        // The default buffer holds some hundreds.
        for _ in 0..20_000 {
            peer.send_to(&[0; 172], full.local_addr().unwrap()).unwrap();
        }
        full.set_nonblocking(true).unwrap();
        let held = core::iter::from_fn(|| full.recv(&mut [0; 200]).ok()).count() as u64;
        let mut drops = Drops::new(sockets.len());
        let mut of_turns = || (0..EVERY).map(|_| drops.look(&sockets)).sum::<u64>();
        assert_eq!([(); 3].map(|()| of_turns()), [0, 20_000 - held, 0]);
    }
}
