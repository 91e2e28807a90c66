//! Feature codes dialled during a call: `*1` 1002 `#` is a blind transfer to 1002 (R2).
//!
//! A small recogniser over the party's digits. A code without a number acts at its last digit;
//! one with a number collects until `#`. A pause of [`PATIENCE`] forgets what was begun, so that a
//! customer's `*` on a bank's menu hours later starts nothing.
//! Not here: whether the other party hears the keys ([`held_keys`](super::held_keys)).

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};

/// The longest pause between two digits of one code.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The most digits of a number after a code.
pub const MAX_NUMBER: usize = 32;

/// What a code does in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Feature {
    /// Send the other party to the number that follows.
    BlindTransfer,
    /// Ask the number that follows while the other party waits.
    AttendedTransfer,
    /// Bring the number that follows into the talk.
    ThreeWay,
    /// While asking: to the other one.
    Swap,
    /// While asking: hand over and go.
    Complete,
    /// While asking: back, and let go who was asked.
    Return,
    /// While asking: all together, or apart again.
    Together,
    /// Send the other party to the survey.
    Survey,
    /// Mark the other party as a malicious caller.
    Malicious,
    /// Pause or resume the recording.
    PauseRecording,
    /// Park the other party in the slot whose number follows.
    Park,
}

impl Feature {
    /// Whether a number and `#` follow the code.
    pub fn takes_number(self) -> bool {
        use Feature::{AttendedTransfer, BlindTransfer, Park, ThreeWay};
        matches!(self, BlindTransfer | AttendedTransfer | ThreeWay | Park)
    }
}

/// A code and what it does; the codes come from the configuration.
pub type Table = [(String, Feature)];

/// The digits of one party so far.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Keys {
    dialled: String,
    last: Time,
}

/// What one digit led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dialled {
    /// No code, or not the whole of one.
    Nothing,
    /// This feature, with its number where it takes one.
    Feature(Feature, String),
}

/// What the keys of one party can still become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// No code.
    Nothing,
    /// A code, of which so many digits were pressed.
    Begun(usize),
    /// A code was pressed, and its number is awaited.
    Number,
}

impl Keys {
    /// Takes one digit.
    pub fn digit(&mut self, digit: char, now: Time, table: &Table) -> Dialled {
        if now.since(self.last) > PATIENCE {
            self.dialled.clear();
        }
        self.last = now;
        if digit == '*' && !self.could_grow(digit, table) {
            self.dialled.clear();
        }
        self.dialled.push(digit);
        let begun = table.iter().find(|(code, _)| self.dialled.starts_with(code.as_str()));
        let Some((code, feature)) = begun else {
            if !table.iter().any(|(code, _)| code.starts_with(self.dialled.as_str())) {
                self.dialled.clear();
            }
            return Dialled::Nothing;
        };
        if !feature.takes_number() {
            self.dialled.clear();
            return Dialled::Feature(*feature, String::new());
        }
        let number = &self.dialled[code.len()..];
        match number.strip_suffix('#') {
            Some("") => self.dialled.clear(),
            Some(number) => {
                let done = Dialled::Feature(*feature, number.to_owned());
                self.dialled.clear();
                return done;
            }
            None if number.len() > MAX_NUMBER => self.dialled.clear(),
            None => {}
        }
        Dialled::Nothing
    }

    /// No code is begun.
    pub fn forget(&mut self) {
        self.dialled.clear();
    }

    /// What the keys so far can still become, after a digit that led to nothing.
    pub fn progress(&self, table: &Table) -> Progress {
        let complete = |(code, _): &(String, Feature)| self.dialled.starts_with(code.as_str());
        match self.dialled.len() {
            0 => Progress::Nothing,
            _ if table.iter().any(complete) => Progress::Number,
            digits => Progress::Begun(digits),
        }
    }

    /// Whether `digit` continues a code that was begun (a code may hold two stars).
    fn could_grow(&self, digit: char, table: &Table) -> bool {
        let longer = format!("{}{digit}", self.dialled);
        table.iter().any(|(code, _)| code.starts_with(&longer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> Vec<(String, Feature)> {
        vec![
            ("*1".into(), Feature::BlindTransfer),
            ("*4".into(), Feature::Survey),
            ("**9".into(), Feature::PauseRecording),
        ]
    }
    fn dial(keys: &mut Keys, digits: &str, from_s: u64) -> Vec<Dialled> {
        let step =
            |(n, d)| keys.digit(d, Time::from_millis(from_s * 1000 + n as u64 * 100), &table());
        digits.chars().enumerate().map(step).filter(|d| *d != Dialled::Nothing).collect()
    }

    #[test]
    fn codes_are_found_among_other_digits() {
        let transfer = Dialled::Feature(Feature::BlindTransfer, "1002".into());
        let survey = Dialled::Feature(Feature::Survey, String::new());
        let mut keys = Keys::default();
        assert_eq!(dial(&mut keys, "12*11002#", 1), vec![transfer.clone()]);
        assert_eq!(dial(&mut keys, "*4", 2), vec![survey.clone()]);
        assert_eq!(dial(&mut keys, "*7*4", 3), vec![survey.clone()]);
        assert_eq!(dial(&mut keys, "*1#*11002#", 4), [transfer]);
        assert_eq!(dial(&mut keys, "*13*4", 6), [survey], "a star begins anew");
        assert_eq!(dial(&mut keys, "**9", 8).len(), 1);
    }

    #[test]
    fn a_pause_forgets() {
        let mut keys = Keys::default();
        assert!(dial(&mut keys, "*", 1).is_empty());
        assert!(dial(&mut keys, "4", 7).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_kept_stays_bounded(digits in "[0-9*#A-D]{0,300}") {
            let mut keys = Keys::default();
            dial(&mut keys, &digits, 0);
            prop_assert!(keys.dialled.len() <= MAX_NUMBER + 4);
        }
    }
}
