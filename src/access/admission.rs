//! Whether a new call may come in now (R28: calls in being go on, whatever comes).
//!
//! ```text
//!  INVITE ─▶ stopping? ─▶ gateway, or phone registered from here? ─no─▶ strangers' rate
//!               │                       │ yes                              │ password right
//!              503                      ▼                                  ▼
//!            journal full? behind? [limits] calls? calls_per_second? ─▶ the call begins
//!                            └── an emergency call passes all four
//! ```
//!
//! Only who is known takes from `[limits] calls_per_second`: INVITEs without a password, from
//! wherever, have a bound of their own and cannot keep anybody's calls out.
//!
//! Not here: who somebody is (`sip::digest`, `trunk`), what an emergency number is (the dialplan).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rate::Rate;
use crate::base::{Duration, Time};

/// INVITEs of strangers for each call of `[limits] calls_per_second`: a call of a phone that is not
/// registered has two, one without and one with a password.
const STRANGERS_PER_CALL: u32 = 2;
/// What comes in may wait so long: an INVITE that got no answer within T1 (500 ms) is sent again, and
/// calls in being must not wait behind new ones that cannot be served in time anyway.
const MOST_BEHIND: Duration = Duration::from_millis(400);
/// Refused calls that are written down in a second; further ones are counted.
const WRITTEN_PER_SECOND: u32 = 5;

/// Why a call may not come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The exchange is about to stop.
    Stopping,
    /// Nothing could be written down of the call.
    JournalFull,
    /// As many calls are up as may be.
    Calls,
    /// More have come in this second than may.
    CallsPerSecond,
    /// Too many have come in this second whom nobody knows.
    Strangers,
    /// What comes in waits too long until it is looked at.
    Behind,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Stopping => "the exchange is about to stop",
            Refusal::JournalFull => "the journal is full: nothing could be written down of a call",
            Refusal::Calls => "[limits] calls is reached",
            Refusal::CallsPerSecond => "[limits] calls_per_second is exceeded",
            Refusal::Strangers => "too many INVITEs a second without a password",
            Refusal::Behind => "there is more to do than can be done",
        })
    }
}

impl Refusal {
    /// An emergency call is not held back by it. Only a stop that is near holds one back: its
    /// talk would be cut off, and the caller's own side tries elsewhere.
    pub fn yields_to_emergency(self) -> bool {
        use Refusal::{Behind, Calls, CallsPerSecond, JournalFull};
        matches!(self, JournalFull | Calls | CallsPerSecond | Behind)
    }
}

/// How it stands when a call comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Load {
    /// The journal takes nothing more.
    pub journal_full: bool,
    /// Calls that are up.
    pub calls: usize,
    /// `[limits] calls`.
    pub most_calls: usize,
    /// `[limits] calls_per_second`.
    pub calls_per_second: u32,
    /// How long what comes in waits until it is looked at.
    pub behind: Duration,
}

impl Load {
    /// Why a call is held back, with what was seen and what is the most: for the log, the record and the alarm.
    pub fn words(&self, why: Refusal) -> String {
        match why {
            Refusal::Behind => format!(
                "{why}: what comes in waits {} ms until it is looked at, {} ms is the most; {} calls are up",
                self.behind.as_millis(),
                MOST_BEHIND.as_millis(),
                self.calls
            ),
            Refusal::Calls => format!("{why}: {} of {} are up", self.calls, self.most_calls),
            Refusal::CallsPerSecond => {
                format!("{why}: more than {}; {} are up", self.calls_per_second, self.calls)
            }
            Refusal::Stopping | Refusal::JournalFull | Refusal::Strangers => why.to_string(),
        }
    }
}

/// The bounds on what comes in a second.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Admission {
    calls: Rate,
    strangers: Rate,
    urgent_strangers: Rate,
    written: Rate,
}

impl Admission {
    /// Nothing has come yet.
    pub fn new(now: Time, calls_per_second: u32) -> Admission {
        Admission {
            calls: Rate::new(calls_per_second, now),
            strangers: Rate::new(calls_per_second.saturating_mul(STRANGERS_PER_CALL), now),
            urgent_strangers: Rate::new(calls_per_second.saturating_mul(STRANGERS_PER_CALL), now),
            written: Rate::new(WRITTEN_PER_SECOND, now),
        }
    }

    /// Somebody calls whom nobody knows yet: may he be asked for his password? Those who dial an emergency
    /// number (`urgent`) have as many places again, which no other number takes from them.
    pub fn stranger(
        &mut self,
        now: Time,
        calls_per_second: u32,
        urgent: bool,
    ) -> Result<(), Refusal> {
        let most = calls_per_second.saturating_mul(STRANGERS_PER_CALL);
        if self.strangers.take(now, most) || urgent && self.urgent_strangers.take(now, most) {
            return Ok(());
        }
        Err(Refusal::Strangers)
    }

    /// Somebody calls who is known.
    pub fn call(&mut self, now: Time, load: &Load) -> Result<(), Refusal> {
        if load.journal_full {
            return Err(Refusal::JournalFull);
        }
        if load.behind > MOST_BEHIND {
            return Err(Refusal::Behind);
        }
        if load.calls >= load.most_calls {
            return Err(Refusal::Calls);
        }
        if !self.calls.take(now, load.calls_per_second) {
            return Err(Refusal::CallsPerSecond);
        }
        Ok(())
    }

    /// Whether a refused call is written down, or only counted: a flood of calls must not become a
    /// flood of records.
    pub fn is_written(&mut self, now: Time) -> bool {
        self.written.take(now, WRITTEN_PER_SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        journal_full: false,
        calls: 9,
        most_calls: 10,
        calls_per_second: 2,
        behind: Duration::ZERO,
    };

    #[test]
    fn each_bound_says_which_it_is() {
        let mut admission = Admission::new(Time::ZERO, 2);
        let mut call = |load: Load| admission.call(Time::ZERO, &load);
        assert_eq!(call(Load { journal_full: true, ..LOAD }), Err(Refusal::JournalFull));
        assert_eq!(call(Load { calls: 10, ..LOAD }), Err(Refusal::Calls));
        let behind = Load { behind: MOST_BEHIND * 2, ..LOAD };
        assert_eq!(call(behind), Err(Refusal::Behind));
        let told = behind.words(Refusal::Behind);
        let waits = format!("waits {} ms", 2 * MOST_BEHIND.as_millis());
        assert!(told.contains(&waits) && told.contains("is the most"), "{told}");
        assert!(Refusal::Behind.yields_to_emergency() && !Refusal::Strangers.yields_to_emergency());
        assert_eq!([LOAD; 3].map(call), [Ok(()), Ok(()), Err(Refusal::CallsPerSecond)]);
    }

    #[test]
    fn strangers_take_nothing_from_calls() {
        let mut admission = Admission::new(Time::ZERO, 2);
        let asked = (0..100).filter(|_| admission.stranger(Time::ZERO, 2, false).is_ok()).count();
        assert_eq!(asked, 4);
        let urgent = (0..100).filter(|_| admission.stranger(Time::ZERO, 2, true).is_ok()).count();
        assert_eq!(urgent, 4, "emergencies have places of their own");
        assert_eq!(admission.call(Time::ZERO, &LOAD), Ok(()));
    }

    #[test]
    fn a_flood_of_refused_calls_is_few_records() {
        let mut admission = Admission::new(Time::ZERO, 2);
        let written = |admission: &mut Admission, s: u64| {
            (0..1_000).filter(|_| admission.is_written(Time::from_millis(s * 1_000))).count()
        };
        assert_eq!((written(&mut admission, 0), written(&mut admission, 2)), (5, 5));
    }
}
