//! RTCP (RFC 3550 §6): several packets in one datagram, read without allocation, written in place.
//!
//! ```text
//! datagram  | SR or RR | SDES (CNAME) | … APP, XR, BYE |
//! each      |V=2|P| count | packet type |  length in words - 1  | body …
//! ```
//!
//! [`Compound::parse`] checks the whole datagram once (RFC 3550 §A.2, and each packet's own counts
//! against its length); after that every accessor is in bounds. Writing: `writer`. When to send
//! and what the numbers mean is `media`'s work.

mod packet;
mod report;
mod sdes;
mod writer;
mod xr;

pub use packet::{App, Bye, Other, Packet};
pub use report::{NtpTime, ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use sdes::{CNAME, Chunk, Item, SourceDescription};
pub use writer::{Full, Writer};
pub use xr::{CONCEALS_AND_ADAPTS, ExtendedReport, GMIN, NOT_SAID, UNKNOWN, VoipMetrics};

/// Packet types (RFC 3550 §12.1, RFC 3611).
pub mod packet_type {
    /// Sender report.
    pub const SR: u8 = 200;
    /// Receiver report.
    pub const RR: u8 = 201;
    /// Source description.
    pub const SDES: u8 = 202;
    /// Goodbye.
    pub const BYE: u8 = 203;
    /// Application-defined.
    pub const APP: u8 = 204;
    /// Extended report (RFC 3611).
    pub const XR: u8 = 207;
}

/// Bytes of the header that every packet begins with.
pub const HEADER_LEN: usize = 4;

/// Why a datagram is not RTCP; the sender is to blame. `offset` is where the packet at fault begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Empty, or the lengths of the packets do not add up to the datagram's.
    Length {
        /// Where.
        offset: usize,
    },
    /// A version other than 2.
    Version {
        /// Where.
        offset: usize,
        /// Which version stood there.
        version: u8,
    },
    /// Padding on a packet that is not the last, or more than the packet holds.
    Padding {
        /// Where.
        offset: usize,
    },
    /// The first packet is neither sender nor receiver report; holds its type.
    First(u8),
    /// A packet whose counts say more than its length.
    Body {
        /// Where.
        offset: usize,
        /// Its packet type.
        packet_type: u8,
    },
}

/// A checked datagram.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Checks a datagram by RFC 3550: it begins with a report.
    pub fn parse(bytes: &'a [u8]) -> Result<Compound<'a>, Malformed> {
        let compound = Compound::parse_reduced(bytes)?;
        match bytes[1] {
            packet_type::SR | packet_type::RR => Ok(compound),
            other => Err(Malformed::First(other)),
        }
    }

    /// Checks a datagram by RFC 5506: it may begin with anything.
    pub fn parse_reduced(bytes: &'a [u8]) -> Result<Compound<'a>, Malformed> {
        let mut offset = 0;
        while offset < bytes.len() || offset == 0 {
            let rest = &bytes[offset..];
            let [first, packet_type, high, low, ..] = *rest else {
                return Err(Malformed::Length { offset });
            };
            let version = first >> 6;
            if version != 2 {
                return Err(Malformed::Version { offset, version });
            }
            let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([high, low]));
            let raw = rest.get(..len).ok_or(Malformed::Length { offset })?;
            let body = match first & 0x20 {
                0 => raw,
                _ if len < rest.len() => return Err(Malformed::Padding { offset }),
                _ => unpadded(raw).ok_or(Malformed::Padding { offset })?,
            };
            if Packet::new(body).is_none() {
                return Err(Malformed::Body { offset, packet_type });
            }
            offset += len;
        }
        Ok(Compound { bytes })
    }

    /// Its packets in order.
    pub fn packets(&self) -> Packets<'a> {
        Packets { rest: self.bytes }
    }
}

/// A packet without its padding, which is a number of whole words and leaves the header.
fn unpadded(raw: &[u8]) -> Option<&[u8]> {
    let count = usize::from(*raw.last()?);
    let len = raw.len().checked_sub(count)?;
    (count > 0 && count % 4 == 0 && len >= HEADER_LEN).then(|| &raw[..len])
}

/// The packets of a checked datagram.
#[derive(Debug, Clone, Copy)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let [first, _, high, low, ..] = *self.rest else {
            return None;
        };
        let len = HEADER_LEN + 4 * usize::from(u16::from_be_bytes([high, low]));
        let (raw, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Packet::new(if first & 0x20 == 0 { raw } else { unpadded(raw)? })
    }
}

/// Four bytes, big-endian.
fn be32(bytes: &[u8], at: usize) -> u32 {
    let four = bytes[at..at + 4].try_into().expect("a slice of four");
    u32::from_be_bytes(four)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RR: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];
    const BYE: [u8; 8] = [0x81, 203, 0, 1, 0, 0, 0, 9];

    #[test]
    fn the_checks_of_appendix_a_2() {
        let ok = [RR, BYE].concat();
        assert_eq!(Compound::parse(&ok).unwrap().packets().count(), 2);
        let fails = |bytes: &[u8]| Compound::parse(bytes).unwrap_err();
        assert_eq!(fails(&[]), Malformed::Length { offset: 0 });
        assert_eq!(fails(&ok[..15]), Malformed::Length { offset: 8 });
        assert_eq!(fails(&ok[..10]), Malformed::Length { offset: 8 });
        assert_eq!(fails(&[ok.clone(), vec![0x80]].concat()), Malformed::Length { offset: 16 });
        assert_eq!(fails(&BYE), Malformed::First(203));
        assert!(Compound::parse_reduced(&BYE).is_ok());
        let mut bad = ok.clone();
        bad[8] = 0x41;
        assert_eq!(fails(&bad), Malformed::Version { offset: 8, version: 1 });
        let mut bad = ok.clone();
        bad[0] = 0x82;
        assert_eq!(fails(&bad), Malformed::Body { offset: 0, packet_type: 201 });
    }

    #[test]
    fn padding_only_on_the_last_and_only_whole_words() {
        let padded = |count: u8| {
            let mut bytes = [RR, BYE].concat();
            bytes[8] |= 0x20;
            bytes[11] = 2;
            bytes.extend([0, 0, 0, count]);
            bytes
        };
        let good = padded(4);
        let packets: Vec<_> = Compound::parse(&good).unwrap().packets().collect();
        assert!(matches!(packets[1], Packet::Bye(bye) if bye.sources().eq([9])));
        for count in [0, 1, 2, 16] {
            let bad = Compound::parse(&padded(count)).unwrap_err();
            assert_eq!(bad, Malformed::Padding { offset: 8 }, "{count}");
        }
        assert_eq!(
            Compound::parse(&padded(8)).unwrap_err(),
            Malformed::Body { offset: 8, packet_type: 203 },
            "what the padding leaves is too short"
        );
        let mut first = [RR, BYE].concat();
        first[0] |= 0x20;
        assert_eq!(Compound::parse(&first).unwrap_err(), Malformed::Padding { offset: 0 });
    }
}
