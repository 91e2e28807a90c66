//! Packets for Wireshark: the classic capture file (draft-ietf-opsawg-pcap), microseconds, raw IP
//! (LINKTYPE 101). What came over a stream is written as a datagram too: a message a packet, as a
//! protocol analyser shows it best.

use core::net::{IpAddr, SocketAddr};

const MAGIC: u32 = 0xa1b2_c3d4;
const RAW_IP: u32 = 101;
/// The longest packet written, bytes; longer payloads are cut.
pub const MOST: usize = 65_000;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;

/// The beginning of a file.
pub fn header() -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
    bytes[4..6].copy_from_slice(&2u16.to_le_bytes());
    bytes[6..8].copy_from_slice(&4u16.to_le_bytes());
    bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[20..24].copy_from_slice(&RAW_IP.to_le_bytes());
    bytes
}

/// Adds one datagram of `from` to `to`, sent `at_us` microseconds after 1970. An IPv4 address beside an
/// IPv6 one becomes IPv6 (mapped).
pub fn datagram(out: &mut Vec<u8>, at_us: u64, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
    let payload = payload.get(..MOST).unwrap_or(payload);
    let mut udp = [0; UDP_HEADER];
    udp[..2].copy_from_slice(&from.port().to_be_bytes());
    udp[2..4].copy_from_slice(&to.port().to_be_bytes());
    udp[4..6].copy_from_slice(&((UDP_HEADER + payload.len()) as u16).to_be_bytes());
    let ip = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => v4(from.octets(), to.octets(), payload.len()),
        (from, to) => {
            let (from, to) = (v6_of(from), v6_of(to));
            // Without it an IPv6 datagram is not valid (RFC 8200 §8.1).
            let pseudo = [&from[..], &to[..], &udp[4..6], &[0, UDP]].concat();
            let sum = checksum([&pseudo[..], &udp[..], payload]);
            udp[6..8].copy_from_slice(&if sum == 0 { u16::MAX } else { sum }.to_be_bytes());
            v6(from, to, payload.len())
        }
    };
    let len = (ip.len() + UDP_HEADER + payload.len()) as u32;
    out.extend(((at_us / 1_000_000) as u32).to_le_bytes());
    out.extend(((at_us % 1_000_000) as u32).to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend(len.to_le_bytes());
    out.extend(ip);
    out.extend(udp);
    out.extend(payload);
}

fn v4(from: [u8; 4], to: [u8; 4], payload: usize) -> Vec<u8> {
    let len = (20 + UDP_HEADER + payload) as u16;
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, UDP, 0, 0];
    header[2..4].copy_from_slice(&len.to_be_bytes());
    header.extend(from);
    header.extend(to);
    let sum = checksum([&header[..]]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

fn v6(from: [u8; 16], to: [u8; 16], payload: usize) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0];
    header.extend(((UDP_HEADER + payload) as u16).to_be_bytes());
    header.extend([UDP, 64]);
    header.extend(from);
    header.extend(to);
    header
}

fn v6_of(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The Internet checksum (RFC 1071) over parts, of which all but the last are of even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let word = |pair: &[u8]| u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
    let mut sum: u64 = parts.iter().flat_map(|part| part.chunks(2)).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_datagram_is_a_whole_ip_packet() {
        let mut out = Vec::new();
        datagram(
            &mut out,
            1_700_000_000_123_456,
            at("10.0.0.1:5060"),
            at("10.0.0.2:5070"),
            b"hello",
        );
        assert_eq!(out[..4], 1_700_000_000u32.to_le_bytes());
        assert_eq!(out[4..8], 123_456u32.to_le_bytes());
        assert_eq!(out[8..12], 33u32.to_le_bytes());
        let ip = &out[16..];
        assert_eq!((ip.len(), ip[0], ip[9]), (33, 0x45, 17));
        assert_eq!(checksum([&ip[..20]]), 0, "the header's own sum is in it");
        assert_eq!(ip[12..20], [10, 0, 0, 1, 10, 0, 0, 2]);
        assert_eq!(ip[20..28], [0x13, 0xc4, 0x13, 0xce, 0, 13, 0, 0]);
        assert_eq!(&ip[28..], b"hello");
    }

    #[test]
    fn an_ipv6_datagram_has_its_sum() {
        let mut out = Vec::new();
        datagram(&mut out, 0, at("[2001:db8::1]:5060"), at("10.0.0.2:5070"), b"odd");
        let ip = &out[16..];
        assert_eq!((ip[0], ip[6], ip.len()), (0x60, 17, 51));
        let pseudo = [&ip[8..40], &ip[44..46], &[0, 17]].concat();
        assert_eq!(checksum([&pseudo[..], &ip[40..]]), 0);
    }

    #[test]
    fn too_long_is_cut() {
        let mut out = Vec::new();
        datagram(&mut out, 0, at("10.0.0.1:1"), at("10.0.0.2:2"), &vec![7; 200_000]);
        assert_eq!(out.len(), 16 + 28 + MOST);
    }
}
