//! RTP data packets (RFC 3550 §5.1, with the header extension of §5.3.1).
//!
//! First on the way of every media packet: a worker lays a [`Packet`] over the received buffer,
//! checked once, and reads from it without copying; the relay path then turns the same buffer into
//! the outgoing packet with [`rewrite`]. What is sent anew (sample path) is begun with
//! [`write_header`].
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---+-+-+-------+-+-------------+-------------------------------+
//! |V=2|P|X|  CC   |M|     PT      |        sequence number        |
//! +---+-+-+-------+-+-------------+-------------------------------+
//! |                           timestamp                           |
//! +---------------------------------------------------------------+
//! |                             SSRC                              |
//! +---------------------------------------------------------------+
//! |           CSRC list, CC words; extension when X is set        |
//! +---------------------------------------------------------------+
//! |      payload …                       … padding, its length    |
//! +---------------------------------------------------------------+
//! ```
//!
//! Not here: whether the packet is ours ([`media`](crate::media)'s latch decides), what the payload
//! means, loss and jitter. RTCP on the same port (RFC 5761) is told apart by [`looks_like_rtcp`].

/// Bytes of the fixed header: the least that an RTP packet can have.
pub const HEADER_LEN: usize = 12;
/// Its first byte where nothing but the payload follows.
const BARE: u8 = 2 << 6;

/// Why a datagram is not RTP. The sender is to blame in each case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Shorter than its own header (fixed part, CSRC list and extension); holds its length.
    Short(usize),
    /// The version is not 2; holds what stood there. STUN and DTLS show as 0.
    Version(u8),
    /// The padding count is 0 or reaches into the header; holds the count.
    Padding(u8),
}

/// A checked view of one RTP packet: every accessor below is in bounds by construction.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    /// Where the payload begins and ends in `bytes`.
    payload: (u16, u16),
}

impl<'a> Packet<'a> {
    /// Checks `bytes` (one whole datagram, at most 65,535 bytes) and lays the view over it.
    pub fn parse(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let short = Malformed::Short(bytes.len());
        if bytes.len() < HEADER_LEN || bytes.len() > usize::from(u16::MAX) {
            return Err(short);
        }
        if bytes[0] >> 6 != 2 {
            return Err(Malformed::Version(bytes[0] >> 6));
        }
        let mut start = HEADER_LEN + 4 * usize::from(bytes[0] & 0x0f);
        if bytes[0] & 0x10 != 0 {
            let words = bytes.get(start + 2..start + 4).ok_or(short)?;
            start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        let mut end = bytes.len();
        if start > end {
            return Err(short);
        }
        if bytes[0] & 0x20 != 0 {
            let count = bytes[end - 1];
            if count == 0 || usize::from(count) > end - start {
                return Err(Malformed::Padding(count));
            }
            end -= usize::from(count);
        }
        Ok(Packet { bytes, payload: (start as u16, end as u16) })
    }

    /// The marker bit: for audio, the first packet after silence (RFC 3551 §4.1).
    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }
    /// Payload type, 0 to 127.
    pub fn payload_type(&self) -> u8 {
        self.bytes[1] & 0x7f
    }
    /// Sequence number: one more with each packet, wraps.
    pub fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }
    /// Sampling instant of the first payload byte, in units of the payload's clock, wraps.
    pub fn timestamp(&self) -> u32 {
        be32(self.bytes, 4)
    }
    /// Synchronisation source: who sent it.
    pub fn ssrc(&self) -> u32 {
        be32(self.bytes, 8)
    }
    /// The payload without padding; may be empty.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[usize::from(self.payload.0)..usize::from(self.payload.1)]
    }
    /// How many bytes stand before the payload.
    pub fn header_len(&self) -> usize {
        usize::from(self.payload.0)
    }
    /// The whole packet.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The fields of the fixed header that a sender chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// First packet of a talk spurt.
    pub marker: bool,
    /// Payload type, 0 to 127; the bit above is dropped.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// Writes the fixed header (no CSRC, no extension, no padding) to the front of `out`.
pub fn write_header(out: &mut [u8; HEADER_LEN], header: Header) {
    out[0] = BARE;
    out[1] = u8::from(header.marker) << 7 | header.payload_type & 0x7f;
    out[2..4].copy_from_slice(&header.sequence.to_be_bytes());
    out[4..8].copy_from_slice(&header.timestamp.to_be_bytes());
    out[8..12].copy_from_slice(&header.ssrc.to_be_bytes());
}

/// Rewrites the header of a received packet in place, for the relay path: the new fields replace
/// the old, the payload stays, and how long the packet is now is returned. CSRC list, extension and padding
/// go: they were agreed on with the one who sent them, if at all (RFC 8285 §5), and name streams that
/// who gets the packet does not know. `bytes` must be a packet that [`Packet::parse`] accepted.
pub fn rewrite(bytes: &mut [u8], header: Header) -> usize {
    debug_assert!(
        bytes.len() >= HEADER_LEN && bytes[0] >> 6 == 2,
        "rewrite of an unchecked packet"
    );
    let len = match bytes.first() {
        Some(&BARE) => bytes.len(),
        _ => strip(bytes),
    };
    if let Some(fixed) = bytes.first_chunk_mut::<HEADER_LEN>() {
        write_header(fixed, header);
    }
    len
}

/// Moves the payload to where it begins behind a bare header; how long the packet is then.
#[cold]
fn strip(bytes: &mut [u8]) -> usize {
    let Ok(packet) = Packet::parse(bytes) else { return bytes.len() };
    let (start, len) = (packet.header_len(), packet.payload().len());
    bytes.copy_within(start..start + len, HEADER_LEN);
    HEADER_LEN + len
}

/// Whether a datagram on a port that carries both (RFC 5761 §4) is RTCP: its second byte is a
/// packet type of 192 to 223, which as RTP would be payload type 64 to 95 with the marker set.
pub fn looks_like_rtcp(bytes: &[u8]) -> bool {
    matches!(bytes, [first, 192..=223, ..] if first >> 6 == 2)
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 8,
        sequence: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
    };

    fn packet(payload: &[u8]) -> Vec<u8> {
        let mut out = [0; HEADER_LEN];
        write_header(&mut out, HEADER);
        [&out, payload].concat()
    }

    #[test]
    fn what_is_written_reads_back() {
        let bytes = packet(b"audio");
        let view = Packet::parse(&bytes).unwrap();
        assert_eq!((view.marker(), view.payload_type()), (true, 8));
        assert_eq!((view.sequence(), view.timestamp()), (0xfffe, 0x0102_0304));
        assert_eq!((view.ssrc(), view.payload()), (0xdead_beef, &b"audio"[..]));
    }

    #[test]
    fn csrc_extension_and_padding_are_not_payload() {
        let mut bytes = packet(&[]);
        bytes[0] |= 0x20 | 0x10 | 2; // padding, extension, two CSRCs
        bytes.extend([1, 1, 1, 1, 2, 2, 2, 2]);
        bytes.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]); // extension of one word
        bytes.extend(b"pay");
        bytes.extend([0, 0, 3]); // padding of three
        let view = Packet::parse(&bytes).unwrap();
        assert_eq!((view.payload(), view.header_len()), (&b"pay"[..], 28));
    }

    #[test]
    fn every_truncation_is_refused_or_in_bounds() {
        let mut bytes = packet(b"0123");
        bytes[0] |= 0x10 | 1;
        for len in 0..bytes.len() {
            let _ = Packet::parse(&bytes[..len]);
        }
        assert_eq!(Packet::parse(&bytes[..11]).unwrap_err(), Malformed::Short(11));
        assert_eq!(Packet::parse(&[0; 20]).unwrap_err(), Malformed::Version(0));
        let mut padded = packet(b"ab");
        padded[0] |= 0x20;
        padded[13] = 3;
        assert_eq!(Packet::parse(&padded).unwrap_err(), Malformed::Padding(3));
        padded[13] = 0;
        assert_eq!(Packet::parse(&padded).unwrap_err(), Malformed::Padding(0));
    }

    #[test]
    fn rewriting_leaves_the_payload_and_nothing_else() {
        let new = Header { marker: false, payload_type: 0, sequence: 1, timestamp: 2, ssrc: 3 };
        let mut full = packet(&[]);
        full[0] |= 0x20 | 0x10 | 1; // padding, extension, one CSRC
        full.extend([1, 1, 1, 1, 0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        full.extend(b"voice");
        full.extend([0, 0, 3]);
        for mut bytes in [packet(b"voice"), full] {
            let len = rewrite(&mut bytes, new);
            let view = Packet::parse(&bytes[..len]).unwrap();
            assert_eq!((view.payload(), view.header_len()), (&b"voice"[..], HEADER_LEN));
            assert_eq!((view.sequence(), view.timestamp(), view.ssrc()), (1, 2, 3));
            assert_eq!((view.marker(), view.payload_type()), (false, 0));
        }
    }

    #[test]
    fn rtcp_is_told_apart() {
        assert!(looks_like_rtcp(&[0x80, 200, 0, 1]));
        assert!(!looks_like_rtcp(&packet(b"x")));
        assert!(!looks_like_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_view_in_bounds_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(view) = Packet::parse(&bytes) {
                prop_assert!(view.header_len() + view.payload().len() <= bytes.len());
                let mut copy = bytes.clone();
                let len = rewrite(&mut copy, HEADER);
                let relayed = Packet::parse(&copy[..len]).unwrap();
                prop_assert_eq!((relayed.payload(), relayed.header_len()), (view.payload(), HEADER_LEN));
            }
        }
    }
}
