//! HEP version 3, the encapsulation by which Homer and other collectors take captured messages
//! (HEP/EEP Network Protocol Specification, revision 32): a list of chunks, all numbers big-endian.

use core::net::{IpAddr, SocketAddr};

/// The longest message that is sent; longer ones do not fit into a datagram and are left out.
pub const MOST: usize = 60_000;
const SIP: u8 = 1;

/// One captured SIP message.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// Whether by datagram; else by a stream.
    pub datagram: bool,
    /// Microseconds after 1970.
    pub at_us: u64,
    /// Which capturing node this is.
    pub node: u32,
    /// What belongs together: the Call-ID.
    pub correlation: &'a [u8],
    /// The message.
    pub payload: &'a [u8],
}

impl Captured<'_> {
    /// The packet. `None`: the message is longer than [`MOST`].
    pub fn packet(&self) -> Option<Vec<u8>> {
        if self.payload.len() + self.correlation.len() > MOST {
            return None;
        }
        let mut out = Vec::with_capacity(self.payload.len() + self.correlation.len() + 128);
        out.extend(b"HEP3\0\0");
        let (family, source, destination) = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                (2, (3, from.octets().to_vec()), (4, to.octets().to_vec()))
            }
            (from, to) => (10, (5, v6(from)), (6, v6(to))),
        };
        chunk(&mut out, 1, &[family]);
        chunk(&mut out, 2, &[if self.datagram { 17 } else { 6 }]);
        chunk(&mut out, source.0, &source.1);
        chunk(&mut out, destination.0, &destination.1);
        chunk(&mut out, 7, &self.from.port().to_be_bytes());
        chunk(&mut out, 8, &self.to.port().to_be_bytes());
        chunk(&mut out, 9, &((self.at_us / 1_000_000) as u32).to_be_bytes());
        chunk(&mut out, 10, &((self.at_us % 1_000_000) as u32).to_be_bytes());
        chunk(&mut out, 11, &[SIP]);
        chunk(&mut out, 12, &self.node.to_be_bytes());
        chunk(&mut out, 17, self.correlation);
        chunk(&mut out, 15, self.payload);
        let len = out.len() as u16;
        out[4..6].copy_from_slice(&len.to_be_bytes());
        Some(out)
    }
}

/// A chunk of the generic vendor, 0: its length counts its head of six bytes.
fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend([0, 0]);
    out.extend(kind.to_be_bytes());
    out.extend((value.len() as u16 + 6).to_be_bytes());
    out.extend(value);
}

fn v6(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(payload: &[u8]) -> Captured<'_> {
        Captured {
            from: "10.0.0.1:5060".parse().unwrap(),
            to: "10.0.0.2:5070".parse().unwrap(),
            datagram: true,
            at_us: 1_700_000_000_123_456,
            node: 2001,
            correlation: b"abc@x",
            payload,
        }
    }

    #[test]
    fn chunks_fill_the_packet_exactly() {
        let packet = captured(b"OPTIONS sip:a SIP/2.0\r\n\r\n").packet().unwrap();
        assert_eq!(&packet[..4], b"HEP3");
        assert_eq!(usize::from(u16::from_be_bytes([packet[4], packet[5]])), packet.len());
        let (mut rest, mut chunks) = (&packet[6..], Vec::new());
        while !rest.is_empty() {
            let number = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
            let (kind, len) = (number(2), usize::from(number(4)));
            assert_eq!(number(0), 0);
            chunks.push((kind, rest[6..len].to_vec()));
            rest = &rest[len..];
        }
        let kinds: Vec<u16> = chunks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [1, 2, 3, 4, 7, 8, 9, 10, 11, 12, 17, 15]);
        let of = |kind| &chunks.iter().find(|(k, _)| *k == kind).unwrap().1;
        assert_eq!(of(3), &[10, 0, 0, 1]);
        assert_eq!(of(8), &5070u16.to_be_bytes());
        assert_eq!(of(10), &123_456u32.to_be_bytes());
        assert_eq!(of(17), b"abc@x");
        assert_eq!(of(15), b"OPTIONS sip:a SIP/2.0\r\n\r\n");
    }

    #[test]
    fn what_fits_no_datagram_is_left_out() {
        assert!(captured(&vec![0; MOST]).packet().is_none());
        let six = Captured { to: "[::1]:5060".parse().unwrap(), ..captured(b"x") };
        assert!(six.packet().is_some_and(|packet| packet[12] == 10));
    }
}
