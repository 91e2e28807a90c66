//! Packets that were made during a harvest (answers to connectivity checks, copies for recorders outside): the
//! backend is lent to the harvest, so they wait until it is over. More than fit are dropped, as a network would.

use std::net::SocketAddr;

use super::backend::{Backend, DATAGRAM_BYTES};

/// How many fit, and how many bytes of them: G.711 of 4,000 streams.
const STAGED: usize = 4_096;
const STAGED_BYTES: usize = 1 << 20;

/// See the module.
pub(super) struct Staged {
    packets: Vec<(u32, SocketAddr, usize)>,
    bytes: Vec<u8>,
}

impl Staged {
    /// Room for them.
    pub(super) fn new() -> Staged {
        Staged { packets: Vec::with_capacity(STAGED), bytes: Vec::with_capacity(STAGED_BYTES) }
    }

    /// Takes a packet for `socket`, if it fits.
    pub(super) fn push(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        let fits = self.bytes.len() + bytes.len() <= STAGED_BYTES;
        if self.packets.len() < STAGED && fits && bytes.len() <= DATAGRAM_BYTES {
            self.packets.push((socket, to, bytes.len()));
            self.bytes.extend_from_slice(bytes);
        }
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
