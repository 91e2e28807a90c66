//! Names for the things that live: calls, legs, playbacks, recordings, rooms.
//!
//! A [`CallId`] outlives the process: it names a recording file and a row in the store, so it is
//! made of the wall clock (42 bits of milliseconds) and a counter (22 bits) and sorts by time. The
//! others live as long as the process and are plain counters.

use core::fmt;
use core::str::FromStr;

use super::time::Wall;

/// Crockford's base 32: no I, L, O, U, so an id can be read over the telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A call, from its first leg to its end; unique over restarts.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub struct CallId(u64);

impl CallId {
    /// The id of the `count`-th call of this process, begun at `wall`. Two ids differ as long as
    /// fewer than 2^22 calls begin in one millisecond.
    pub fn new(wall: Wall, count: u64) -> CallId {
        CallId(((wall.0.max(0) as u64) << 22) | (count & 0x3f_ffff))
    }
    /// The 64 bits, for maps and traces.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
    /// When the call began, by the wall clock.
    pub const fn begun(self) -> Wall {
        Wall((self.0 >> 22) as i64)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for digit in (0..13).rev() {
            let c = ALPHABET[(self.0 >> (digit * 5)) as usize & 31];
            fmt::Write::write_char(f, c as char)?;
        }
        Ok(())
    }
}
impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl From<CallId> for String {
    fn from(id: CallId) -> String {
        id.to_string()
    }
}

/// The text is not 13 characters of Crockford's base 32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCallId(pub String);

impl fmt::Display for BadCallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is not a call id (13 digits and capital letters)", self.0)
    }
}
impl std::error::Error for BadCallId {}

impl FromStr for CallId {
    type Err = BadCallId;
    fn from_str(text: &str) -> Result<CallId, BadCallId> {
        let bad = || BadCallId(text.into());
        if text.len() != 13 {
            return Err(bad());
        }
        let mut value = 0u64;
        for byte in text.bytes() {
            let digit = ALPHABET.iter().position(|a| *a == byte.to_ascii_uppercase());
            let digit = digit.ok_or_else(bad)? as u64;
            value = value.checked_mul(32).and_then(|v| v.checked_add(digit)).ok_or_else(bad)?;
        }
        Ok(CallId(value))
    }
}
impl TryFrom<String> for CallId {
    type Error = BadCallId;
    fn try_from(text: String) -> Result<CallId, BadCallId> {
        text.parse()
    }
}

macro_rules! counter_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

counter_id! {
    /// One leg: one party's signalling and media.
    LegId, "leg-"
}
counter_id! {
    /// One playback on a leg, so that its end can be told from an earlier one's.
    PlayId, "play-"
}
counter_id! {
    /// One recording: one file.
    RecordingId, "rec-"
}
counter_id! {
    /// One room, in which any number of legs hear each other.
    RoomId, "room-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_reads_back_and_sorts_by_time() {
        let early = CallId::new(Wall(1_700_000_000_000), 5);
        let late = CallId::new(Wall(1_700_000_000_001), 1);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<CallId>(), Ok(early));
        assert_eq!(early.begun(), Wall(1_700_000_000_000));
        assert!("".parse::<CallId>().is_err());
        assert!("ZZZZZZZZZZZZZ".parse::<CallId>().is_err(), "more than 64 bits");
        assert!("0000000000 00".parse::<CallId>().is_err());
    }
}
