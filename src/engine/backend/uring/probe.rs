//! Whether this kernel does all that the backend needs: tried, not guessed from a version.
//!
//! A container may forbid io_uring, and a kernel may have it without the parts used here (a Send
//! with an address came later than the multishot receive).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::Uring;
use crate::engine::backend::{Backend, Forward, Receive, Wait, Wake};

/// How long a datagram may take over loopback.
const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;

/// Opens a ring and relays a datagram between two sockets of loopback. `Err` says what failed.
pub fn probe() -> io::Result<()> {
    let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (relay, peer) = (socket()?, socket()?);
    let addresses = (relay.local_addr()?, peer.local_addr()?);
    let mut ring = Uring::open([relay, peer].into(), Wake::new()?)?;
    let mut seen = Echo { peer: addresses.1, back: false };
    ring.send(1, addresses.0, b"probe");
    for _ in 0..TRIES {
        ring.wait(Wait::Event(PATIENCE));
        ring.harvest(&mut seen);
        if seen.back {
            return Ok(());
        }
    }
    Err(io::Error::other("a datagram sent through the ring did not come back"))
}

/// Socket 0 sends back what comes, socket 1 takes note.
struct Echo {
    peer: SocketAddr,
    back: bool,
}

impl Receive for Echo {
    fn datagram(
        &mut self,
        socket: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        let ours = from == self.peer && &buf[..len] == b"probe";
        self.back |= socket == 1 && &buf[..len] == b"probe";
        (socket == 0 && ours).then_some(Forward { socket: 0, to: from, len })
    }
}
