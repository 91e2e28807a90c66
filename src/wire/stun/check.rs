//! ICE's connectivity checks (RFC 8445 §7), as the one who is asked sees them: a Binding request with
//! short-term credentials (RFC 8489 §9.1), and its answer. On the packet path: nothing is allocated.
//!
//! ```text
//!   header │ USERNAME ours:theirs │ PRIORITY │ ICE-CONTROLLING │ [USE-CANDIDATE] │ MESSAGE-INTEGRITY │ FINGERPRINT
//!          └──────────── HMAC-SHA1 under our password ───────────────────────────┘                   │
//!          └──────────────────────────── CRC-32 ─────────────────────────────────────────────────────┘
//! ```
//!
//! Both sums are made as if the message ended behind them. Not here: whose user name it is and what a
//! check leads to (`media::ice`); asking (we are lite, §2.5).

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

use super::{BINDING, COOKIE, ERROR, HEADER, KNOWN, MOST_BYTES, OPTIONAL, SUCCESS, is_stun};
use super::{ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS};

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
/// What the CRC is exclusive-ored with, so that it is not taken for another protocol's (§14.7).
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Bytes of an attribute's type and length, of HMAC-SHA1, of the whole FINGERPRINT.
const ATTRIBUTE: usize = 4;
const HMAC: usize = 20;
const FINGERPRINT_LEN: usize = ATTRIBUTE + 4;
/// Unknown attributes that an answer names.
const MOST_UNKNOWN: usize = 4;
/// Bytes of the longest message that is made: a check; answers are shorter.
pub const MOST_ANSWER: usize = 112;

/// The password of one side's checks, ready for use.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// From the `a=ice-pwd` of the side that is asked.
    pub fn new(password: &str) -> Key {
        Key(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()))
    }

    /// The sum of `bytes` up to an attribute of `HMAC` bytes behind them.
    fn sum(&self, bytes: &[u8]) -> [u8; HMAC] {
        let length = (bytes.len() - HEADER + ATTRIBUTE + HMAC) as u16;
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&bytes[..2]);
        context.update(&length.to_be_bytes());
        context.update(&bytes[4..]);
        *context.sign().as_ref().first_chunk().expect("SHA-1 gives 20 bytes")
    }
}

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// A check that came.
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    bytes: &'a [u8],
    username: &'a [u8],
    /// Where MESSAGE-INTEGRITY begins.
    integrity: Option<usize>,
    nominates: bool,
    controlled: bool,
    unknown: [u16; MOST_UNKNOWN],
    unknowns: usize,
}

/// What is wrong with a check that is to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// 400: it has no user name or no sum.
    Credentials,
    /// 401: the sum is of another password.
    Password,
    /// 420: it has attributes that would have to be understood and are not.
    Unknown,
    /// 487: the peer thinks that we lead, which a lite agent never does (RFC 8445 §6.1.1).
    Role,
}

impl<'a> Check<'a> {
    /// Reads a check. `None`: no Binding request, torn, or without a FINGERPRINT that fits; nobody
    /// answers that.
    pub fn parse(bytes: &'a [u8]) -> Option<Check<'a>> {
        if !is_stun(bytes) || bytes.len() > MOST_BYTES {
            return None;
        }
        let two = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        if two(0) != BINDING || usize::from(two(2)) != bytes.len() - HEADER {
            return None;
        }
        let before = bytes.len().checked_sub(FINGERPRINT_LEN).filter(|at| *at >= HEADER)?;
        if bytes[before..] != fingerprint(&bytes[..before]) {
            return None;
        }
        let mut check = Check {
            bytes,
            username: &[],
            integrity: None,
            nominates: false,
            controlled: false,
            unknown: [0; MOST_UNKNOWN],
            unknowns: 0,
        };
        let mut at = HEADER;
        // What stands behind the sum is not covered by it (RFC 8489 §14.5).
        while at < before && check.integrity.is_none() {
            let length =
                usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
            let value = bytes.get(at + ATTRIBUTE..at + ATTRIBUTE + length)?;
            check.note(two(at), value, at);
            at += ATTRIBUTE + length.next_multiple_of(4);
        }
        Some(check)
    }

    fn note(&mut self, kind: u16, value: &'a [u8], at: usize) {
        match kind {
            USERNAME => self.username = value,
            MESSAGE_INTEGRITY if value.len() == HMAC => self.integrity = Some(at),
            USE_CANDIDATE => self.nominates = true,
            ICE_CONTROLLED => self.controlled = true,
            new if new < OPTIONAL && !KNOWN.contains(&new) && self.unknowns < MOST_UNKNOWN => {
                self.unknown[self.unknowns] = new;
                self.unknowns += 1;
            }
            _ => {}
        }
    }

    /// The user fragments that it names: of the one who is asked, then of the one who asks.
    pub fn fragments(&self) -> Option<(&'a [u8], &'a [u8])> {
        let colon = self.username.iter().position(|byte| *byte == b':')?;
        Some((&self.username[..colon], &self.username[colon + 1..]))
    }

    /// Whether it has USE-CANDIDATE: the pair of addresses is the one to be used (§8.1.1).
    pub fn nominates(&self) -> bool {
        self.nominates
    }

    /// Checks its sum, and what else can be wrong with it.
    pub fn verify(&self, key: &Key) -> Result<(), Wrong> {
        let at = self.integrity.filter(|_| !self.username.is_empty()).ok_or(Wrong::Credentials)?;
        let theirs = &self.bytes[at + ATTRIBUTE..at + ATTRIBUTE + HMAC];
        if !bool::from(key.sum(&self.bytes[..at])[..].ct_eq(theirs)) {
            return Err(Wrong::Password);
        }
        match (self.unknowns, self.controlled) {
            (1.., _) => Err(Wrong::Unknown),
            (0, true) => Err(Wrong::Role),
            (0, false) => Ok(()),
        }
    }

    /// The answer to one that is right and came from `peer`: that address (§7.3.1.2).
    pub fn success(&self, key: &Key, peer: SocketAddr) -> Answer {
        let mut answer = Answer::begin(SUCCESS, self.transaction());
        let mut value = [0; 20];
        let hidden = (COOKIE.to_be_bytes(), self.transaction());
        let key_at = |n: usize| hidden.0.iter().chain(hidden.1).nth(n).copied().unwrap_or(0);
        let port = peer.port() ^ (COOKIE >> 16) as u16;
        value[2..4].copy_from_slice(&port.to_be_bytes());
        let length = match peer.ip() {
            IpAddr::V4(v4) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&v4.octets());
                8
            }
            IpAddr::V6(v6) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&v6.octets());
                20
            }
        };
        for (n, byte) in value[4..length].iter_mut().enumerate() {
            *byte ^= key_at(n);
        }
        answer.attribute(XOR_MAPPED_ADDRESS, &value[..length]);
        answer.end(Some(key))
    }

    /// The answer to one that is wrong. Who has the password may believe it, others cannot.
    pub fn error(&self, wrong: Wrong, key: &Key) -> Answer {
        let mut answer = Answer::begin(ERROR, self.transaction());
        let (value, key) = match wrong {
            Wrong::Credentials => (&b"\0\0\x04\x00Bad Request"[..], None),
            Wrong::Password => (&b"\0\0\x04\x01Unauthenticated"[..], None),
            Wrong::Unknown => (&b"\0\0\x04\x14Unknown"[..], Some(key)),
            Wrong::Role => (&b"\0\0\x04\x57Role Conflict"[..], Some(key)),
        };
        answer.attribute(ERROR_CODE, value);
        if wrong == Wrong::Unknown {
            let mut named = [0; 2 * MOST_UNKNOWN];
            for (place, kind) in named.chunks_exact_mut(2).zip(self.unknown) {
                place.copy_from_slice(&kind.to_be_bytes());
            }
            answer.attribute(UNKNOWN_ATTRIBUTES, &named[..2 * self.unknowns]);
        }
        answer.end(key)
    }

    /// Its transaction: 96 bits of chance, another one in each check that is no repetition.
    pub fn transaction(&self) -> &'a [u8] {
        &self.bytes[8..HEADER]
    }
}

/// An answer, in place.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    bytes: [u8; MOST_ANSWER],
    len: usize,
}

impl Answer {
    /// As it is sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn begin(kind: u16, transaction: &[u8]) -> Answer {
        let mut answer = Answer { bytes: [0; MOST_ANSWER], len: HEADER };
        answer.bytes[..2].copy_from_slice(&kind.to_be_bytes());
        answer.bytes[4..8].copy_from_slice(&COOKIE.to_be_bytes());
        answer.bytes[8..HEADER].copy_from_slice(transaction);
        answer
    }

    /// All that is written here is short, and [`MOST_ANSWER`] holds it.
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let place = &mut self.bytes[self.len..];
        place[..2].copy_from_slice(&kind.to_be_bytes());
        place[2..4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        place[4..4 + value.len()].copy_from_slice(value);
        self.len += ATTRIBUTE + value.len().next_multiple_of(4);
    }

    fn end(mut self, key: Option<&Key>) -> Answer {
        if let Some(key) = key {
            let sum = key.sum(self.bytes());
            self.attribute(MESSAGE_INTEGRITY, &sum);
        }
        let sum = fingerprint(self.bytes());
        self.bytes[self.len..self.len + FINGERPRINT_LEN].copy_from_slice(&sum);
        self.len += FINGERPRINT_LEN;
        let length = (self.len - HEADER) as u16;
        self.bytes[2..4].copy_from_slice(&length.to_be_bytes());
        self
    }
}

/// A check of the one who leads, `username` being the other's fragment, a colon and its own; `key` is the
/// other's. `nth` makes its transaction: the same number, the same check again. For peers of tests: Belfry
/// itself asks nobody.
#[cfg(any(test, feature = "sim"))]
pub fn request(username: &str, key: &Key, nominate: bool, nth: u64) -> Vec<u8> {
    const PRIORITY: u16 = 0x0024;
    const ICE_CONTROLLING: u16 = 0x802A;
    let mut bytes = Answer { bytes: [0; MOST_ANSWER], len: HEADER };
    bytes.bytes[..2].copy_from_slice(&BINDING.to_be_bytes());
    bytes.bytes[4..8].copy_from_slice(&COOKIE.to_be_bytes());
    // Spread over all bits, as chance would be.
    let mixed = nth.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    bytes.bytes[8..16].copy_from_slice(&mixed);
    bytes.bytes[16..HEADER].copy_from_slice(&mixed[..4]);
    // The longest that there is room for beside all others.
    let most = username.len().min(20);
    bytes.attribute(USERNAME, &username.as_bytes()[..most]);
    bytes.attribute(PRIORITY, &1u32.to_be_bytes());
    bytes.attribute(ICE_CONTROLLING, &[1; 8]);
    if nominate {
        bytes.attribute(USE_CANDIDATE, b"");
    }
    bytes.end(Some(key)).bytes().to_vec()
}

/// The FINGERPRINT attribute of a message that has `bytes` before it (§14.7).
fn fingerprint(bytes: &[u8]) -> [u8; FINGERPRINT_LEN] {
    let length = ((bytes.len() - HEADER + FINGERPRINT_LEN) as u16).to_be_bytes();
    let crc = [&bytes[..2], &length, &bytes[4..]].into_iter().fold(u32::MAX, crc32);
    let mut attribute = [0; FINGERPRINT_LEN];
    attribute[..2].copy_from_slice(&FINGERPRINT.to_be_bytes());
    attribute[2..4].copy_from_slice(&4u16.to_be_bytes());
    attribute[4..].copy_from_slice(&(!crc ^ FINGERPRINT_MASK).to_be_bytes());
    attribute
}

/// The CRC-32 of ITU-T V.42 §8.1.1.6.2, four bits at once: `crc` after `bytes`.
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        let crc = crc ^ u32::from(*byte);
        let crc = crc >> 4 ^ NIBBLES[(crc & 15) as usize];
        crc >> 4 ^ NIBBLES[(crc & 15) as usize]
    })
}

const NIBBLES: [u32; 16] = {
    let mut table = [0; 16];
    let mut n = 0;
    while n < 16 {
        let (mut crc, mut bit) = (n as u32, 0);
        while bit < 4 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample request of RFC 5769 §2.1.
    const SAMPLE: &[u8] = b"\x00\x01\x00\x58\x21\x12\xa4\x42\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae\
        \x80\x22\x00\x10STUN test client\x00\x24\x00\x04\x6e\x00\x01\xff\
        \x80\x29\x00\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36\x00\x06\x00\x09evtj:h6vY\x20\x20\x20\
        \x00\x08\x00\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3\xf2\x49\xc1\xb5\x71\xa2\
        \x80\x28\x00\x04\xe5\x7a\x3b\xcf";
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    /// A check with these attributes, summed under `key`.
    fn check(attributes: &[(u16, &[u8])], key: Option<&Key>) -> Vec<u8> {
        let mut message = Answer::begin(BINDING, &SAMPLE[8..HEADER]);
        attributes.iter().for_each(|(kind, value)| message.attribute(*kind, value));
        message.end(key).bytes().to_vec()
    }

    #[test]
    fn the_sample_of_rfc_5769_is_understood_and_its_sums_fit() {
        let sample = Check::parse(SAMPLE).expect("a check");
        assert_eq!(sample.fragments(), Some((&b"evtj"[..], &b"h6vY"[..])));
        assert!(!sample.nominates());
        assert_eq!(sample.verify(&Key::new(PASSWORD)), Err(Wrong::Role), "it has ICE-CONTROLLED");
        assert_eq!(sample.verify(&Key::new("another")), Err(Wrong::Password));
    }

    /// RFC 5769 §2.2 has SOFTWARE besides; the address is the same.
    #[test]
    fn an_answer_holds_the_address_and_its_sums_fit() {
        let key = Key::new(PASSWORD);
        let sample = Check::parse(SAMPLE).expect("a check");
        let answer = sample.success(&key, "192.0.2.1:32853".parse().expect("an address"));
        let bytes = answer.bytes();
        assert_eq!(bytes[..4], [1, 1, 0, 44]);
        assert_eq!(bytes[20..32], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        assert_eq!(bytes[36..56], key.sum(&bytes[..32]));
        assert_eq!(bytes[56..], fingerprint(&bytes[..56]));
        let six = sample.success(&key, "[2001:db8::1]:1".parse().expect("an address"));
        assert_eq!((six.bytes()[25], six.bytes().len()), (2, 76));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let key = Key::new(PASSWORD);
        let name: (u16, &[u8]) = (USERNAME, b"ours:theirs");
        let verdict = |attributes: &[(u16, &[u8])], sign: Option<&Key>| {
            let bytes = check(attributes, sign);
            let check = Check::parse(&bytes).expect("a check");
            let verdict = check.verify(&key);
            if let Err(wrong) = verdict {
                let answer = check.error(wrong, &key);
                assert_eq!(answer.bytes()[..2], ERROR.to_be_bytes());
                assert_eq!(answer.len % 4, 0);
            }
            verdict
        };
        assert_eq!(verdict(&[name, (USE_CANDIDATE, b"")], Some(&key)), Ok(()));
        assert_eq!(verdict(&[name], None), Err(Wrong::Credentials));
        assert_eq!(verdict(&[], Some(&key)), Err(Wrong::Credentials));
        assert_eq!(verdict(&[name], Some(&Key::new("x"))), Err(Wrong::Password));
        let odd: (u16, &[u8]) = (0x7777, b"odd");
        assert_eq!(verdict(&[name, odd, odd, odd, odd, odd], Some(&key)), Err(Wrong::Unknown));
        assert_eq!(verdict(&[name, (ICE_CONTROLLED, &[0; 8])], Some(&key)), Err(Wrong::Role));
    }

    #[test]
    fn every_byte_counts() {
        let key = Key::new(PASSWORD);
        let good = check(&[(USERNAME, b"a:b"), (USE_CANDIDATE, b"")], Some(&key));
        assert!(Check::parse(&good).is_some_and(|c| c.verify(&key).is_ok() && c.nominates()));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Check::parse(&bad).is_none(), "byte {at} changed, the CRC tells");
            // With a CRC that fits, the sum tells.
            let end = bad.len() - FINGERPRINT_LEN;
            let sum = fingerprint(&bad[..end]);
            bad[end..].copy_from_slice(&sum);
            let taken = Check::parse(&bad).is_some_and(|c| c.verify(&key).is_ok());
            assert_eq!(taken, at >= end, "byte {at}");
        }
        for len in 0..good.len() {
            assert!(Check::parse(&good[..len]).is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_comes_is_more_than_refused(mut bytes: Vec<u8>, sized: bool) {
            if sized && bytes.len() >= HEADER + FINGERPRINT_LEN {
                bytes[..2].copy_from_slice(&BINDING.to_be_bytes());
                let length = ((bytes.len() - HEADER) as u16).to_be_bytes();
                bytes[2..4].copy_from_slice(&length);
                bytes[4..8].copy_from_slice(&COOKIE.to_be_bytes());
                let end = bytes.len() - FINGERPRINT_LEN;
                let sum = fingerprint(&bytes[..end]);
                bytes[end..].copy_from_slice(&sum);
            }
            if let Some(check) = Check::parse(&bytes) {
                let key = Key::new("p");
                let _ = check.fragments();
                if let Err(wrong) = check.verify(&key) {
                    proptest::prop_assert!(check.error(wrong, &key).len <= MOST_ANSWER);
                }
            }
        }
    }
}
