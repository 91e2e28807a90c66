//! Keys about the care line (R10, R14).

use core::time::Duration;

use super::name::Number;
use super::setting::section;

section! {
    /// Reports of units: SCAIP (SS 91100) and NOW-IP (BS 8521-2), by MESSAGE of a phone.
    [care] struct Care {
        /// The number to which units report. Reports to any other that is no phone's are taken as well.
        number: Option<Number> = derived, live;
        /// The number that a unit is told to call for speech. Without it: that to which it reported.
        call: Option<Number> = derived, live;
        /// Whether a unit may report for another controller than the number with which it logs in.
        any_account: bool = "false", live;
        /// Within this a unit calls after its alarm; after that operators are told.
        speech_within: Duration = "\"60 s\"" in ["\"5 s\"", "\"10 min\""], live;
        /// Within this the same report is a repeat: answered again, and it counts once.
        repeats_within: Duration = "\"5 min\"" in ["\"1 s\"", "\"1 h\""], live;
        /// By how much a call that follows an alarm is ahead of others in a queue (of its 100 points); the alarm's own
        /// priority, 0 to 9, comes on top.
        priority: u32 = "80" in ["0", "90"], live;
    }
}
