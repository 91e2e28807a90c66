//! Contact ID (ANSI/SIA DC-05): sixteen DTMF digits with a checksum.
//!
//! ```text
//!   ACCT MT Q XYZ GG CCC S
//!   │    │  │ │   │  │   checksum: all sixteen values add up to a multiple of 15
//!   │    │  │ │   │  zone or user
//!   │    │  │ │   partition
//!   │    │  │ event
//!   │    │  qualifier: 1 new, 3 restored, 6 still so
//!   │    message type: 18 or 98
//!   account
//! ```
//!
//! Values: 1 to 9 as they are, 0 counts ten; B to F are the keys `* # A B C` and count 11 to 15.

/// Digits of an event.
pub const DIGITS: usize = 16;

/// What happened to the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qualifier {
    /// 1: it is new.
    New,
    /// 3: it is over.
    Restored,
    /// 6: reported before, still so.
    Still,
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Four digits, B to F as letters.
    pub account: String,
    /// What happened to it.
    pub qualifier: Qualifier,
    /// Its code.
    pub code: u16,
    /// Partition.
    pub partition: String,
    /// Zone or user.
    pub zone: String,
}

/// Why keys are no event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoEvent {
    /// There are so many; 16 are wanted.
    Count(usize),
    /// At this place, from 0, stands something that is no key.
    NotKey(usize),
    /// The checksum does not fit.
    Checksum,
    /// Message type other than 18 and 98.
    MessageType,
    /// Qualifier other than 1, 3 and 6.
    Qualifier,
    /// The code has other signs than digits.
    Code,
}

/// The value of a key, 1 to 15.
fn value(key: u8) -> Option<u32> {
    Some(match key.to_ascii_uppercase() {
        b'0' => 10,
        digit @ b'1'..=b'9' => u32::from(digit - b'0'),
        b'*' => 11,
        b'#' => 12,
        letter @ b'A'..=b'C' => 13 + u32::from(letter - b'A'),
        // D is no digit of DC-05.
        _ => return None,
    })
}

/// A key as the account's letter of it.
fn sign(key: u8) -> char {
    match key.to_ascii_uppercase() {
        b'*' => 'B',
        b'#' => 'C',
        letter @ b'A'..=b'C' => char::from(letter + 3),
        digit => char::from(digit),
    }
}

impl Event {
    /// Reads sixteen keys.
    pub fn read(keys: &str) -> Result<Event, NoEvent> {
        let bytes = keys.as_bytes();
        let mut sum = 0;
        for (at, key) in bytes.iter().enumerate() {
            sum += value(*key).ok_or(NoEvent::NotKey(at))?;
        }
        if bytes.len() != DIGITS {
            return Err(NoEvent::Count(bytes.len()));
        }
        if sum % 15 != 0 {
            return Err(NoEvent::Checksum);
        }
        if !matches!(&bytes[4..6], b"18" | b"98") {
            return Err(NoEvent::MessageType);
        }
        let qualifier = match bytes[6] {
            b'1' => Qualifier::New,
            b'3' => Qualifier::Restored,
            b'6' => Qualifier::Still,
            _ => return Err(NoEvent::Qualifier),
        };
        let code = keys[7..10].parse().map_err(|_| NoEvent::Code)?;
        let signs = |part: &[u8]| part.iter().map(|key| sign(*key)).collect::<String>();
        Ok(Event {
            account: signs(&bytes[..4]),
            qualifier,
            code,
            partition: signs(&bytes[10..12]),
            zone: signs(&bytes[12..15]),
        })
    }
}

/// The key that makes fifteen others whole. `None`: one of them is no key.
pub fn checksum(keys: &str) -> Option<char> {
    let mut sum = 0;
    for key in keys.bytes() {
        sum += value(key)?;
    }
    let missing = (15 - sum % 15) % 15;
    // Zero is said by the key that counts 15.
    "C1234567890*#AB".chars().nth(missing as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standards_own_example() {
        // Account 1234, new event 131 (perimeter burglary), partition 01, zone 015, checksum 8.
        let event = Event::read("1234181131010158").unwrap();
        assert_eq!((event.account.as_str(), event.code), ("1234", 131));
        assert_eq!(event.qualifier, Qualifier::New);
        assert_eq!((event.partition.as_str(), event.zone.as_str()), ("01", "015"));
        assert_eq!(checksum("123418113101015"), Some('8'));
    }

    #[test]
    fn what_is_none() {
        assert_eq!(Event::read("1234181131010157"), Err(NoEvent::Checksum));
        assert_eq!(Event::read("123418113101015"), Err(NoEvent::Count(15)));
        assert_eq!(Event::read("1234181131010D58"), Err(NoEvent::NotKey(13)));
        let of = |body: &str| Event::read(&format!("{body}{}", checksum(body).unwrap()));
        assert_eq!(of("123417113101015"), Err(NoEvent::MessageType));
        assert_eq!(of("123418213101015"), Err(NoEvent::Qualifier));
        assert_eq!(of("12341811*101015"), Err(NoEvent::Code));
        assert_eq!(of("*#AB183101010150".get(..15).unwrap()).unwrap().account, "BCDE");
    }

    proptest! {
        #[test]
        fn one_wrong_key_is_always_found(
            body in "[0-9*#A-C]{4}18[136][0-9]{8}", at in 0usize..16, other in "[0-9*#A-C]",
        ) {
            let whole = format!("{body}{}", checksum(&body).unwrap());
            prop_assert!(Event::read(&whole).is_ok());
            let mut wrong = whole.clone();
            wrong.replace_range(at..=at, &other);
            prop_assert!(wrong == whole || Event::read(&wrong).is_err());
        }

        #[test]
        fn any_text(text in "\\PC{0,20}") {
            let _ = Event::read(&text);
        }
    }
}
