//! Telephone events (RFC 4733 §2.3): the four bytes that say a key is down.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+-+-+-----------+-------------------------------+
//! |     event     |E|R|  volume   |           duration            |
//! +---------------+-+-+-----------+-------------------------------+
//! ```
//!
//! A key press is many packets with one RTP timestamp, its duration growing, the last one sent
//! three times with E set. Turning those into one digit is `media`'s work.

/// Bytes of one event.
pub const EVENT_LEN: usize = 4;

/// Event code of a hook flash.
pub const FLASH: u8 = 16;

/// One event report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// What: 0 to 15 are the keys, see [`digit_of`].
    pub code: u8,
    /// The key is up again.
    pub end: bool,
    /// How loud, in dB below 0 dBm0, 0 to 63.
    pub volume: u8,
    /// How long so far, in units of the RTP clock.
    pub duration: u16,
}

/// The payload is shorter than one event; holds its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short(pub usize);

impl Event {
    /// Reads a payload. The reserved bit and bytes after the first event are passed over.
    pub fn parse(payload: &[u8]) -> Result<Event, Short> {
        let Some(&[code, flags, high, low]) = payload.first_chunk::<EVENT_LEN>() else {
            return Err(Short(payload.len()));
        };
        Ok(Event {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload; a volume above 63 goes out as 63.
    pub fn to_bytes(self) -> [u8; EVENT_LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume.min(63), high, low]
    }
}

/// The keys in the order of their codes.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

/// The key of an event code, `None` for other events.
pub fn digit_of(code: u8) -> Option<char> {
    KEYS.get(usize::from(code)).map(|key| char::from(*key))
}

/// The event code of a key; letters in either case.
pub fn code_of(digit: char) -> Option<u8> {
    let key = u8::try_from(digit).ok()?.to_ascii_uppercase();
    KEYS.iter().position(|k| *k == key).map(|code| code as u8)
}

/// Which events a peer takes: the `fmtp` of telephone-event, `0-15,66,70` (RFC 4733 §2.4.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EventSet([u64; 4]);

impl EventSet {
    /// What is meant when no `fmtp` is given: the sixteen keys.
    pub const KEYS: EventSet = EventSet([0xffff, 0, 0, 0]);

    /// Parses the list. Parts that make no sense are passed over; when nothing is left, or for an
    /// empty text, it is [`EventSet::KEYS`].
    pub fn parse(text: &[u8]) -> EventSet {
        let mut set = EventSet([0; 4]);
        for part in text.split(|b| *b == b',') {
            let code = |text: &[u8]| core::str::from_utf8(text).ok()?.trim().parse::<u8>().ok();
            let (first, last) = match part.iter().position(|b| *b == b'-') {
                Some(at) => (code(&part[..at]), code(&part[at + 1..])),
                None => (code(part), code(part)),
            };
            if let (Some(first), Some(last)) = (first, last) {
                (first..=last).for_each(|code| set.insert(code));
            }
        }
        if set.0 == [0; 4] { EventSet::KEYS } else { set }
    }

    fn insert(&mut self, code: u8) {
        self.0[usize::from(code >> 6)] |= 1 << (code & 63);
    }

    /// Is this event among them?
    pub fn contains(self, code: u8) -> bool {
        self.0[usize::from(code >> 6)] & (1 << (code & 63)) != 0
    }
}

impl core::fmt::Debug for EventSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries((0..=255u8).filter(|code| self.contains(*code))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_both_ways() {
        let event = Event { code: 11, end: true, volume: 10, duration: 0x0320 };
        assert_eq!(event.to_bytes(), [11, 0x8a, 3, 0x20]);
        assert_eq!(Event::parse(&event.to_bytes()), Ok(event));
        assert_eq!(Event::parse(&[11, 0xca, 3, 0x20, 9, 9]), Ok(event), "R and the rest ignored");
        assert_eq!(Event::parse(&[1, 2, 3]), Err(Short(3)));
        assert_eq!(Event { volume: 200, ..event }.to_bytes()[1], 0x80 | 63);
    }

    #[test]
    fn keys() {
        for (code, key) in "0123456789*#ABCD".chars().enumerate() {
            assert_eq!(digit_of(code as u8), Some(key));
            assert_eq!(code_of(key.to_ascii_lowercase()), Some(code as u8));
        }
        assert_eq!(digit_of(FLASH), None);
        assert_eq!(code_of('E'), None);
        assert_eq!(code_of('\u{ff10}'), None, "a full-width zero is no key");
    }

    #[test]
    fn sets() {
        let set = EventSet::parse(b"0-15, 66,70");
        assert!(set.contains(0) && set.contains(15) && set.contains(66) && !set.contains(16));
        assert!(EventSet::parse(b"0-16").contains(FLASH));
        assert_eq!(EventSet::parse(b""), EventSet::KEYS);
        assert_eq!(EventSet::parse(b"x,9-3,300,-"), EventSet::KEYS);
        assert!(EventSet::parse(b"0-255").contains(255));
    }
}
