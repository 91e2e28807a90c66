//! What lies in a segment: messages, and which dialog belongs to which call.
//!
//! ```text
//!  u32 length of the rest │ 1 │ u64 µs │ flags │ u64 hash of the Call-ID │ our address │ the peer's │ message
//!                         │ 2 │ u64 call │ Call-ID
//!                         │ 3 │ u64 µs │ u64 call │ words
//!                         │ 6 │ u64 µs │ u64 call
//!                         │ 4 │ u64 call │ u64 leg │ u64 hash of the Call-ID
//!                         │ 5 │ u64 µs │ u64 call │ u64 left leg │ u64 right leg, all ones: none │ path
//! ```
//!
//! All numbers are little-endian. A segment that a crash has cut ends at the first record that is not
//! whole.

use std::net::{IpAddr, SocketAddr};

use crate::sip::flow::Transport;

/// The longest record; a longer message is not kept.
pub(super) const MOST: usize = 1 << 20;

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Record<'a> {
    /// A SIP message.
    Message(Seen<'a>),
    /// A dialog of this Call-ID is a leg of this call.
    Dialog {
        /// The call's 64 bits.
        call: u64,
        /// The dialog's Call-ID.
        call_id: &'a [u8],
    },
    /// That dialog is this leg of the call.
    Leg {
        /// The call's 64 bits.
        call: u64,
        /// The leg.
        leg: u64,
        /// The [hash](self::hash) of the dialog's Call-ID.
        hash: u64,
    },
    /// A recording of the call has these legs in its channels from now on.
    Recorded {
        /// Microseconds after 1970.
        at_us: u64,
        /// The call's 64 bits.
        call: u64,
        /// The leg in the left channel.
        left: u64,
        /// The one in the right channel.
        right: Option<u64>,
        /// Its file, below the directory of recordings.
        path: &'a [u8],
    },
    /// Something else that is worth a line in the call's ladder.
    Note {
        /// Microseconds after 1970.
        at_us: u64,
        /// The call's 64 bits.
        call: u64,
        /// In words.
        text: &'a [u8],
    },
    /// The call is over.
    Over {
        /// Microseconds after 1970.
        at_us: u64,
        /// The call's 64 bits.
        call: u64,
    },
}

/// A SIP message as it was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen<'a> {
    /// Microseconds after 1970.
    pub at_us: u64,
    /// Whether we sent it.
    pub ours: bool,
    /// By what it came or went.
    pub transport: Transport,
    /// The [hash](self::hash) of its Call-ID.
    pub hash: u64,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's.
    pub remote: SocketAddr,
    /// The message.
    pub bytes: &'a [u8],
}

/// By which messages of a dialog are found: FNV-1a. Whoever finds compares the Call-ID itself too.
pub(super) fn hash(call_id: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    call_id.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

const TRANSPORTS: [Transport; 5] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
const OURS: u8 = 0x80;
/// No leg.
const NOBODY: u64 = u64::MAX;

impl Record<'_> {
    /// Adds it to `out`; one that is longer than [`MOST`] is left out.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend([0; 4]);
        match self {
            Record::Message(seen) => {
                let transport = TRANSPORTS.iter().position(|t| *t == seen.transport).unwrap_or(0);
                out.push(1);
                out.extend(seen.at_us.to_le_bytes());
                out.push(transport as u8 | if seen.ours { OURS } else { 0 });
                out.extend(seen.hash.to_le_bytes());
                write_address(out, seen.local);
                write_address(out, seen.remote);
                out.extend(seen.bytes);
            }
            Record::Dialog { call, call_id } => {
                out.push(2);
                out.extend(call.to_le_bytes());
                out.extend(*call_id);
            }
            Record::Note { at_us, call, text } => {
                out.push(3);
                out.extend(at_us.to_le_bytes());
                out.extend(call.to_le_bytes());
                out.extend(*text);
            }
            Record::Over { at_us, call } => {
                out.push(6);
                [at_us, call].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
            }
            Record::Leg { call, leg, hash } => {
                out.push(4);
                [call, leg, hash].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
            }
            Record::Recorded { at_us, call, left, right, path } => {
                out.push(5);
                let right = &right.unwrap_or(NOBODY);
                [at_us, call, left, right].into_iter().for_each(|n| out.extend(n.to_le_bytes()));
                out.extend(*path);
            }
        }
        let len = out.len() - begin - 4;
        if len > MOST {
            return out.truncate(begin);
        }
        out[begin..begin + 4].copy_from_slice(&(len as u32).to_le_bytes());
    }
}

/// The records of a segment, up to its end or the first that is not whole.
pub(super) fn read(mut bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (len, rest) = bytes.split_first_chunk::<4>()?;
        let len = u32::from_le_bytes(*len) as usize;
        let record = rest.get(..len)?;
        bytes = &rest[len..];
        read_one(record)
    })
}

fn read_one(record: &[u8]) -> Option<Record<'_>> {
    let (kind, rest) = record.split_first()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let number = u64::from_le_bytes(*number);
    match kind {
        1 => {
            let (flags, rest) = rest.split_first()?;
            let (hash, rest) = rest.split_first_chunk::<8>()?;
            let (local, rest) = read_address(rest)?;
            let (remote, bytes) = read_address(rest)?;
            Some(Record::Message(Seen {
                at_us: number,
                ours: flags & OURS != 0,
                transport: *TRANSPORTS.get(usize::from(flags & !OURS))?,
                hash: u64::from_le_bytes(*hash),
                local,
                remote,
                bytes,
            }))
        }
        2 => Some(Record::Dialog { call: number, call_id: rest }),
        3 => {
            let (call, text) = rest.split_first_chunk::<8>()?;
            Some(Record::Note { at_us: number, call: u64::from_le_bytes(*call), text })
        }
        4 => {
            let (leg, rest) = rest.split_first_chunk::<8>()?;
            let (hash, _) = rest.split_first_chunk::<8>()?;
            let (leg, hash) = (u64::from_le_bytes(*leg), u64::from_le_bytes(*hash));
            Some(Record::Leg { call: number, leg, hash })
        }
        5 => {
            let (call, rest) = rest.split_first_chunk::<8>()?;
            let (left, rest) = rest.split_first_chunk::<8>()?;
            let (right, path) = rest.split_first_chunk::<8>()?;
            let [call, left, right] = [call, left, right].map(|n| u64::from_le_bytes(*n));
            let right = Some(right).filter(|right| *right != NOBODY);
            Some(Record::Recorded { at_us: number, call, left, right, path })
        }
        6 => {
            let (call, _) = rest.split_first_chunk::<8>()?;
            Some(Record::Over { at_us: number, call: u64::from_le_bytes(*call) })
        }
        _ => None,
    }
}

fn write_address(out: &mut Vec<u8>, at: SocketAddr) {
    match at.ip() {
        IpAddr::V4(ip) => {
            out.push(4);
            out.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            out.push(16);
            out.extend(ip.octets());
        }
    }
    out.extend(at.port().to_le_bytes());
}

fn read_address(bytes: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (ip, rest): (IpAddr, &[u8]) = match len {
        4 => rest.split_first_chunk::<4>().map(|(ip, rest)| ((*ip).into(), rest))?,
        16 => rest.split_first_chunk::<16>().map(|(ip, rest)| ((*ip).into(), rest))?,
        _ => return None,
    };
    let (port, rest) = rest.split_first_chunk::<2>()?;
    Some((SocketAddr::new(ip, u16::from_le_bytes(*port)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> Seen<'_> {
        Seen {
            at_us: 7,
            ours: true,
            transport: Transport::Wss,
            hash: hash(b"a"),
            local: "10.0.0.1:5060".parse().unwrap(),
            remote: "[2001:db8::1]:5070".parse().unwrap(),
            bytes,
        }
    }

    #[test]
    fn what_was_written_reads_back_up_to_a_cut() {
        let mut bytes = Vec::new();
        let all = [
            Record::Message(seen(b"one")),
            Record::Dialog { call: 9, call_id: b"x@y" },
            Record::Note { at_us: 8, call: 9, text: b"leg 1 ended" },
            Record::Leg { call: 9, leg: 1, hash: hash(b"x@y") },
            Record::Recorded { at_us: 9, call: 9, left: 1, right: None, path: b"a.wav" },
            Record::Recorded { at_us: 9, call: 9, left: 1, right: Some(2), path: b"" },
            Record::Message(Seen { ours: false, transport: Transport::Udp, ..seen(b"") }),
        ];
        all.iter().for_each(|record| record.write(&mut bytes));
        assert_eq!(read(&bytes).collect::<Vec<_>>(), all);
        assert_eq!(read(&bytes[..bytes.len() - 1]).collect::<Vec<_>>(), all[..all.len() - 1]);
        let before = bytes.len();
        Record::Message(seen(&vec![0; MOST])).write(&mut bytes);
        assert_eq!(bytes.len(), before, "too long is left out");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_read_without_panic(bytes in proptest::collection::vec(0u8..20, 0..200)) {
            let _ = read(&bytes).count();
        }
    }
}
