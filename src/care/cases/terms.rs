//! What the configuration says of alarms and cases: which numbers are the care line's, and how long things are waited for.

use crate::base::Duration;
use crate::care::report::Report;

/// What the configuration says of the care line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// To which number units report.
    pub number: Option<String>,
    /// Which number they are told to call; else that to which they reported.
    pub call: Option<String>,
    /// The numbers that bells call which say nothing by themselves: each call to one is an alarm.
    pub bells: Vec<String>,
    /// A sender may report for other accounts than its own.
    pub any_account: bool,
    /// By how much a call that follows an alarm is ahead of others.
    pub priority: u32,
    /// Within this a unit calls after its alarm.
    pub speech_within: Duration,
    /// Within this the same report is a repeat.
    pub repeats_within: Duration,
}

impl Terms {
    /// A number to which units report, or that they are told to call, or that bells call.
    pub fn is_ours(&self, number: &str) -> bool {
        self.is_bells(number)
            || [&self.number, &self.call].into_iter().flatten().any(|own| own == number)
    }

    /// A number that bells call.
    pub fn is_bells(&self, number: &str) -> bool {
        self.bells.iter().any(|own| own == number)
    }

    /// Whether a call is an alarm by itself: to a number of the bells, whoever calls; or from a
    /// subscriber's own number to another of the care line's.
    pub fn is_alarm(&self, to: &str, of_subscriber: bool) -> bool {
        self.is_bells(to) || of_subscriber && self.is_ours(to)
    }

    /// Makes a report the sender's own, unless it may report for others. Gives the account that was not
    /// believed: an alarm in another's name is an alarm of this one.
    pub fn believe(&self, unit: &str, report: &mut Report) -> Option<String> {
        let stranger = !self.any_account && report.account != unit;
        stranger.then(|| std::mem::replace(&mut report.account, unit.to_owned()))
    }
}
