//! Packets that were made during a harvest (answers to connectivity checks, copies for recorders outside): the
//! backend is lent to the harvest, so they wait until it is over. More than fit are dropped, as a network
//! would, and counted.

use std::net::SocketAddr;

use super::backend::{Backend, DATAGRAM_BYTES};

/// How many fit, and how many bytes of them: G.711 of 4,000 streams.
const STAGED: usize = 4_096;
pub(super) const STAGED_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Staged {
    packets: Vec<(u32, SocketAddr, usize)>,
    bytes: Vec<u8>,
    dropped: u64,
}

impl Staged {
    /// Room for them.
    pub(super) fn new() -> Staged {
        let (packets, bytes) = (Vec::with_capacity(STAGED), Vec::with_capacity(STAGED_BYTES));
        Staged { packets, bytes, dropped: 0 }
    }

    /// Takes a packet for `socket`; one that does not fit is dropped.
    pub(super) fn push(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        let fits = self.bytes.len() + bytes.len() <= STAGED_BYTES;
        if self.packets.len() < STAGED && fits && bytes.len() <= DATAGRAM_BYTES {
            self.packets.push((socket, to, bytes.len()));
            self.bytes.extend_from_slice(bytes);
        } else {
            self.dropped += 1;
        }
    }

    /// Packets dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sends all of them.
    pub(super) fn send(&mut self, backend: &mut impl Backend) {
        let mut at = 0;
        for (socket, to, len) in self.packets.drain(..) {
            backend.send(socket, to, &self.bytes[at..at + len]);
            at += len;
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut staged = Staged::new();
        let to = SocketAddr::from(([192, 0, 2, 1], 4_000));
        (0..STAGED + 3).for_each(|_| staged.push(1, to, &[0; 20]));
        assert_eq!((staged.packets.len(), staged.dropped()), (STAGED, 3));
        staged.push(1, to, &[0; DATAGRAM_BYTES + 1]);
        assert_eq!(staged.dropped(), 4);
        let mut staged = Staged::new();
        (0..STAGED_BYTES / 1_024 + 2).for_each(|_| staged.push(1, to, &[0; 1_024]));
        assert_eq!(staged.dropped(), 2);
    }
}
