//! A packet as it came, for a second try with another key or index: a failed one may have wiped it.

/// Longest packet that is tried twice: what fits an Ethernet frame.
const MOST_BYTES: usize = 1_500;

/// A copy of one packet.
pub(super) struct Copy {
    bytes: [u8; MOST_BYTES],
    len: usize,
}

impl Copy {
    /// `None` of one that is too long.
    pub(super) fn of(packet: &[u8]) -> Option<Copy> {
        let mut copy = Copy { bytes: [0; MOST_BYTES], len: packet.len() };
        copy.bytes.get_mut(..packet.len())?.copy_from_slice(packet);
        Some(copy)
    }

    /// Makes `packet` what it was.
    pub(super) fn restore(&self, packet: &mut [u8]) {
        packet.copy_from_slice(&self.bytes[..self.len]);
    }
}
