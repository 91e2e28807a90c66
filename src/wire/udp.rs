//! The header of a UDP datagram over IPv4 (RFC 768), for what leaves through a socket that takes it from
//! us.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |          source port          |       destination port        |
//! +-------------------------------+-------------------------------+
//! |            length             |           checksum            |
//! +-------------------------------+-------------------------------+
//! ```
//!
//! Not here: reading it (the kernel does), the IP header (the kernel's too), IPv6.

use std::net::SocketAddrV4;

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

/// UDP's number in the pseudo header (RFC 768).
const PROTOCOL: u64 = 17;

/// Writes the header into the first [`HEADER_LEN`] bytes of `datagram`, whose rest is the payload.
///
/// `None`, with nothing written: the datagram has no room for the header, or is longer than UDP can say.
pub fn write_header(datagram: &mut [u8], from: SocketAddrV4, to: SocketAddrV4) -> Option<()> {
    let len = u16::try_from(datagram.len()).ok()?;
    let (header, payload) = datagram.split_first_chunk_mut::<HEADER_LEN>()?;
    header[..2].copy_from_slice(&from.port().to_be_bytes());
    header[2..4].copy_from_slice(&to.port().to_be_bytes());
    header[4..6].copy_from_slice(&len.to_be_bytes());
    let addresses = sum(&from.ip().octets()) + sum(&to.ip().octets());
    let pseudo = addresses + PROTOCOL + u64::from(len);
    // Zero would say that there is none.
    let checksum = match !fold(pseudo + sum(&header[..6]) + sum(payload)) {
        0 => 0xffff,
        checksum => checksum,
    };
    header[6..].copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// The sum of the 16-bit words of `bytes`, big-endian, the last padded with zero (RFC 1071). Words of
/// 32 bits are added, which comes to the same once it is folded.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).map(|word| u64::from(u32::from_be_bytes(*word))).sum()
}

/// Adds the carries back in until none is left.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 1071 word by word, over pseudo header and datagram: 0xffff where all is right.
    fn checked(from: SocketAddrV4, to: SocketAddrV4, datagram: &[u8]) -> u16 {
        let len = (datagram.len() as u16).to_be_bytes();
        let pseudo =
            [&from.ip().octets()[..], &to.ip().octets(), &[0, 17], &len, datagram].concat();
        let mut sum = 0u32;
        for word in pseudo.chunks(2) {
            sum += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn a_header_is_what_the_rfc_says() {
        let mut datagram = [0xaa; HEADER_LEN + 5];
        datagram[HEADER_LEN..].copy_from_slice(b"hello");
        let (from, to) = ("192.0.2.7:16384".parse().unwrap(), "198.51.100.9:4000".parse().unwrap());
        write_header(&mut datagram, from, to).unwrap();
        assert_eq!(datagram[..6], [0x40, 0x00, 0x0f, 0xa0, 0, 13]);
        assert_eq!(
            (checked(from, to, &datagram), &datagram[HEADER_LEN..]),
            (0xffff, &b"hello"[..])
        );
    }

    #[test]
    fn what_cannot_be_a_datagram_is_left_alone() {
        let at = "192.0.2.7:1".parse().unwrap();
        for len in [0, HEADER_LEN - 1, 65_536] {
            let mut datagram = vec![7; len];
            assert_eq!(write_header(&mut datagram, at, at), None);
            assert!(datagram.iter().all(|b| *b == 7));
        }
    }

    #[test]
    fn a_sum_that_comes_to_zero_is_sent_as_all_ones() {
        let at = SocketAddrV4::new(std::net::Ipv4Addr::UNSPECIFIED, 0);
        let mut datagram = [0; HEADER_LEN + 2];
        let len = datagram.len() as u16;
        datagram[HEADER_LEN..].copy_from_slice(&(0xffff - 17 - 2 * len).to_be_bytes());
        write_header(&mut datagram, at, at).unwrap();
        assert_eq!(datagram[6..8], [0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn the_checksum_is_right_and_never_absent(
            from: [u8; 6], to: [u8; 6], payload in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let at = |[a, b, c, d, high, low]: [u8; 6]| {
                SocketAddrV4::new([a, b, c, d].into(), u16::from_be_bytes([high, low]))
            };
            let mut datagram = [vec![0; HEADER_LEN], payload.clone()].concat();
            write_header(&mut datagram, at(from), at(to)).unwrap();
            prop_assert_eq!(checked(at(from), at(to), &datagram), 0xffff);
            prop_assert_ne!(&datagram[6..8], &[0, 0]);
            prop_assert_eq!(&datagram[HEADER_LEN..], &payload[..]);
        }
    }
}
