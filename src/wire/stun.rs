//! STUN's Binding (RFC 8489), as far as a keep-alive on a SIP port needs it (RFC 5626 §8): the
//! request is read, and answered with the address that it came from.
//!
//! ```text
//!   0                   1                   2                   3
//!  |0 0|  type: 0x0001 request | 0x0101 success | 0x0111 error |  length  |
//!  |                     magic cookie 0x2112A442                          |
//!  |                     transaction, 96 bits                             |
//!  | attributes: type, length, value, padded to 4 bytes …                 |
//! ```
//!
//! A SIP message begins with a letter, STUN with two zero bits: one port serves both. ICE's checks, which
//! are Bindings with credentials, are in [`check`]. Not here: asking a STUN server ourselves.

pub mod check;

use std::net::{IpAddr, SocketAddr};

/// Bytes before the attributes.
const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_A442;
/// Larger is no keep-alive.
const MOST_BYTES: usize = 548;
/// Unknown attributes that an answer names.
const MOST_UNKNOWN: usize = 16;

const BINDING: u16 = 0x0001;
const SUCCESS: u16 = 0x0101;
const ERROR: u16 = 0x0111;

const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const ERROR_CODE: u16 = 0x0009;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes below must be understood (RFC 8489 §14).
const OPTIONAL: u16 = 0x8000;
/// Known, and without meaning for an answer that needs no credentials: USERNAME, MESSAGE-INTEGRITY,
/// REALM, NONCE, MESSAGE-INTEGRITY-SHA256 and its kin, and ICE's PRIORITY and USE-CANDIDATE.
const KNOWN: [u16; 9] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0024, 0x0025];

/// Whether a datagram is STUN and not SIP (RFC 5626 §8.1).
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[0] & 0xC0 == 0 && bytes[4..8] == COOKIE.to_be_bytes()
}

/// A Binding request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Its transaction, to be repeated in the answer.
    pub transaction: [u8; 12],
    /// Attributes that would have to be understood and are not.
    pub unknown: Vec<u16>,
}

impl Request {
    /// Reads a request; `None` for anything else: an indication, an answer, a broken message. None of
    /// them is answered.
    pub fn parse(bytes: &[u8]) -> Option<Request> {
        if !is_stun(bytes) || bytes.len() > MOST_BYTES {
            return None;
        }
        let two = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        if two(0) != BINDING || usize::from(two(2)) != bytes.len() - HEADER {
            return None;
        }
        let transaction = bytes[8..HEADER].try_into().ok()?;
        let mut unknown = Vec::new();
        let mut rest = &bytes[HEADER..];
        while !rest.is_empty() {
            let (kind, length) = match rest {
                [a, b, c, d, ..] => (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
                _ => return None,
            };
            rest = rest.get(4 + usize::from(length).next_multiple_of(4)..)?;
            let new = kind < OPTIONAL && !KNOWN.contains(&kind) && !unknown.contains(&kind);
            if new && unknown.len() < MOST_UNKNOWN {
                unknown.push(kind);
            }
        }
        Some(Request { transaction, unknown })
    }

    /// The answer to one that came from `peer`: its address (RFC 8489 §14.2), or error 420 that names
    /// what is not understood (§6.3.1).
    pub fn answer(&self, peer: SocketAddr) -> Vec<u8> {
        if self.unknown.is_empty() {
            let mut answer = self.begin(SUCCESS);
            attribute(&mut answer, XOR_MAPPED_ADDRESS, &self.hidden(peer));
            return finish(answer);
        }
        let mut answer = self.begin(ERROR);
        attribute(&mut answer, ERROR_CODE, b"\0\0\x04\x14Unknown attribute");
        let unknown: Vec<u8> = self.unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        attribute(&mut answer, UNKNOWN_ATTRIBUTES, &unknown);
        finish(answer)
    }

    fn begin(&self, kind: u16) -> Vec<u8> {
        let mut answer = Vec::with_capacity(96);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 0]);
        answer.extend(COOKIE.to_be_bytes());
        answer.extend(self.transaction);
        answer
    }

    /// An address XORed with the cookie and the transaction, so that no NAT mends it on the way.
    fn hidden(&self, peer: SocketAddr) -> Vec<u8> {
        let mut key = COOKIE.to_be_bytes().to_vec();
        key.extend(self.transaction);
        let (family, address) = match peer.ip() {
            IpAddr::V4(v4) => (1, v4.octets().to_vec()),
            IpAddr::V6(v6) => (2, v6.octets().to_vec()),
        };
        let port = peer.port() ^ (COOKIE >> 16) as u16;
        let mut value = vec![0, family];
        value.extend(port.to_be_bytes());
        value.extend(address.iter().zip(&key).map(|(byte, key)| byte ^ key));
        value
    }
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn finish(mut message: Vec<u8>) -> Vec<u8> {
    let length = (message.len() - HEADER) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transaction of the samples of RFC 5769.
    const TRANSACTION: [u8; 12] =
        [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let asked = Request { transaction: TRANSACTION, unknown: Vec::new() };
        let mut bytes = asked.begin(BINDING);
        attributes.iter().for_each(|(kind, value)| attribute(&mut bytes, *kind, value));
        finish(bytes)
    }

    #[test]
    fn the_address_is_hidden_as_in_rfc_5769() {
        let asked = Request::parse(&request(&[])).expect("a request");
        // §2.2: 192.0.2.1 port 32853.
        let v4 = asked.answer("192.0.2.1:32853".parse().expect("an address"));
        assert_eq!(v4[..4], [1, 1, 0, 12]);
        assert_eq!(v4[8..20], TRANSACTION);
        assert_eq!(v4[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        // §2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853.
        let peer = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().expect("an address");
        let v6 = asked.answer(peer);
        assert_eq!(v6[20..28], [0, 0x20, 0, 0x14, 0, 2, 0xa1, 0x47]);
        assert_eq!(
            v6[28..],
            [
                0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2,
                0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_named() {
        let asked = request(&[(0x8022, b"test"), (0x0024, &[0; 4]), (0x7777, b"odd"), (2, b"")]);
        let asked = Request::parse(&asked).expect("a request");
        assert_eq!(asked.unknown, [0x7777, 2]);
        let answer = asked.answer("10.0.0.1:5060".parse().expect("an address"));
        assert_eq!(answer[..2], ERROR.to_be_bytes());
        assert!(answer.windows(8).any(|w| w == [0, 10, 0, 4, 0x77, 0x77, 0, 2]));
        assert_eq!(answer.len() % 4, 0);
    }

    #[test]
    fn sip_answers_and_broken_messages_are_no_request() {
        assert!(!is_stun(b"OPTIONS sip:a@h SIP/2.0\r\n"));
        assert!(!is_stun(b"\r\n\r\n"));
        let good = request(&[(0x8022, b"belfry")]);
        assert!(Request::parse(&good).is_some());
        let mut answer = good.clone();
        answer[0] = 1;
        assert!(is_stun(&answer) && Request::parse(&answer).is_none(), "an answer");
        assert!(Request::parse(&good[..good.len() - 4]).is_none(), "cut off");
        let mut longer = good.clone();
        longer.extend([0; 4]);
        assert!(Request::parse(&longer).is_none(), "more than its length says");
        let mut torn = good;
        torn[HEADER + 3] = 200;
        assert!(Request::parse(&torn).is_none(), "an attribute beyond the end");
        let huge = request(&[(0x8022, &[b'x'; 600])]);
        assert!(Request::parse(&huge).is_none(), "no keep-alive");
        let many: Vec<(u16, &[u8])> = (1..100).map(|kind| (0x4000 + kind, &b""[..])).collect();
        assert_eq!(Request::parse(&request(&many)).map(|r| r.unknown.len()), Some(MOST_UNKNOWN));
    }
}
