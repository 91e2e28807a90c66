//! BS 8521-1: what a unit says in DTMF, and in the data of NOW-IP.
//!
//! ```text
//!   C D TT GGGGGGGG RRRR EEE LL P SS     24 digits
//!   │ │ │  │        │    │   │  │ status
//!   │ │ │  │        │    │   │  priority
//!   │ │ │  │        │    │   location
//!   │ │ │  │        │    event
//!   │ │ │  │        unit
//!   │ │ │  controller
//!   │ │ level of conformance
//!   │ speech
//!   centre
//! ```
//!
//! Over the speech path two check digits follow; what they are a sum of, and whether they are digits or
//! letters, stands in no source that we have: they are taken whatever they are and not checked. A message
//! of another length, or with a letter among its data, is none and is asked for anew; a digit that was heard
//! wrong is not found, and a person has the alarm under the number that came.

use core::fmt;

/// Digits of an alarm.
pub const DIGITS: usize = 24;
/// Those, and the two that check them.
const WITH_CHECK: usize = DIGITS + 2;

/// Who speaks (`C`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// 0: a home.
    LocalUnit,
    /// 1 to 4: a grouped scheme, its warden's panel, or another centre.
    Scheme(u8),
}

/// Which speech follows (`D`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    /// 0: none.
    None,
    /// 1: switched by voice.
    VoiceSwitched,
    /// 2: switched by the centre's commands.
    Controlled,
}

/// An alarm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// `C`.
    pub origin: Origin,
    /// `D`.
    pub speech: Speech,
    /// `G`: eight digits.
    pub controller: String,
    /// `R`: four digits.
    pub unit: String,
    /// `EEE`.
    pub event: u16,
    /// `LL`.
    pub location: u8,
    /// `P`: 0 to 9.
    pub priority: u8,
    /// `SS`.
    pub status: u8,
}

/// Why digits are no alarm, in words by `Display`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoAlarm {
    /// There are so many: 24 are wanted, or 26 with the check digits.
    Count(usize),
    /// At this place, from 0, stands something else than a digit.
    NotDigit(usize),
    /// At this place, from 0, stands a digit that means nothing there.
    Unknown(usize),
}

impl Alarm {
    /// Reads the digits between `A` and `#`.
    pub fn read(text: &str) -> Result<Alarm, NoAlarm> {
        if let Some(at) = text.bytes().take(DIGITS).position(|b| !b.is_ascii_digit()) {
            return Err(NoAlarm::NotDigit(at));
        }
        if !matches!(text.len(), DIGITS | WITH_CHECK) || !text.is_ascii() {
            return Err(NoAlarm::Count(text.len()));
        }
        let number = |from: usize, to: usize| text[from..to].parse::<u16>().unwrap_or(0);
        let small = |from: usize, to: usize| number(from, to) as u8;
        let origin = match small(0, 1) {
            0 => Origin::LocalUnit,
            c @ 1..=4 => Origin::Scheme(c),
            _ => return Err(NoAlarm::Unknown(0)),
        };
        let speech = match small(1, 2) {
            0 => Speech::None,
            1 => Speech::VoiceSwitched,
            2 => Speech::Controlled,
            _ => return Err(NoAlarm::Unknown(1)),
        };
        Ok(Alarm {
            origin,
            speech,
            controller: text[4..12].to_owned(),
            unit: text[12..16].to_owned(),
            event: number(16, 19),
            location: small(19, 21),
            priority: small(21, 22),
            status: small(22, 24),
        })
    }
}

impl fmt::Display for NoAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAlarm::Count(count) => {
                write!(f, "has {count} signs, which is not as many as it must")
            }
            NoAlarm::NotDigit(at) => write!(f, "has no digit at place {}", at + 1),
            NoAlarm::Unknown(at) => {
                write!(f, "has a digit at place {} that BS 8521-1 does not know", at + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_alarm_in_its_fields() {
        let text = "020112345678000101907 5 00".replace(' ', "");
        assert_eq!(text.len(), DIGITS);
        let alarm = Alarm::read(&text).unwrap();
        assert_eq!(alarm.speech, Speech::Controlled);
        assert_eq!((alarm.controller.as_str(), alarm.unit.as_str()), ("12345678", "0001"));
        assert_eq!((alarm.event, alarm.location), (19, 7));
        assert_eq!((alarm.priority, alarm.status), (5, 0));
        for check in ["42", "C7", "*D"] {
            assert_eq!(Alarm::read(&format!("{text}{check}")), Ok(alarm.clone()), "{check}");
        }
        for other in ["4", "421", "é"] {
            assert!(Alarm::read(&format!("{text}{other}")).is_err(), "{other}");
        }
    }

    #[test]
    fn what_is_none() {
        assert_eq!(Alarm::read("123"), Err(NoAlarm::Count(3)));
        assert_eq!(Alarm::read("02011234567800010190750B"), Err(NoAlarm::NotDigit(23)));
        assert_eq!(Alarm::read("920112345678000101907500"), Err(NoAlarm::Unknown(0)));
        assert_eq!(Alarm::read("040112345678000101907500"), Err(NoAlarm::Unknown(1)));
    }

    proptest! {
        #[test]
        fn any_text(text in "\\PC{0,30}") {
            let _ = Alarm::read(&text);
        }
    }
}
