//! Whether a backend can do its work here: tried, not guessed from the kernel's version or from rights.
//!
//! A container may forbid io_uring or bpf, and a kernel may have them without the parts used here (a
//! Send with an address came later than the multishot receive). Where steered packets leave the machine
//! otherwise than they should, none of them comes back.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Backend, Forward, Receive, Wait, Wake};

/// How long a datagram may take over loopback.
const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;

/// Opens a backend and relays a datagram between two sockets of loopback. `Err` says what failed.
pub fn works<B: Backend>() -> io::Result<()> {
    let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let (relay, peer) = (socket()?, socket()?);
    let addresses = (relay.local_addr()?, peer.local_addr()?);
    let mut backend = B::open([relay, peer].into(), Wake::new()?)?;
    let mut seen = Echo { peer: addresses.1, back: false };
    backend.send(1, addresses.0, b"probe");
    for _ in 0..TRIES {
        backend.wait(Wait::Event(PATIENCE));
        backend.harvest(&mut seen);
        if seen.back {
            return Ok(());
        }
    }
    Err(io::Error::other("a datagram that was sent did not come back"))
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
