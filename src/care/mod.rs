//! Floor 3: the care line (R10, R14): what units report, and the cases that follow from it.
//!
//! ```text
//!   keys in a call ─▶ receiver ─┐
//!   SCAIP, NOW-IP ────────────▶ report ─▶ what it means ─▶ cases ─▶ opened, joined, repeated, noted
//!   (wire::telecare)                              │
//!                              speech call ──────▶│ ─▶ nobody called within the time
//! ```
//!
//! Nothing is dropped: what a unit reports and nobody understands is an alarm. Knows no SIP, no
//! queues and no disk: who writes a report down before it is confirmed is the switch.

pub mod answer;
pub mod care_call;
pub mod cases;
pub mod check_in;
pub mod directory;
pub mod duty;
pub mod early;
pub mod file;
pub mod guard;
pub mod line_release;
pub mod notice;
pub mod offers;
pub mod plan;
pub mod receiver;
pub mod report;
pub mod schedule;
pub mod sheet;
pub mod silence;
pub mod subscriber;
pub mod trouble;
pub mod unit;

pub use cases::{Case, Cases, Taken, Unheard};
pub use directory::{Directory, Kept, Update};
pub use line_release::LineEnd;
pub use report::{Meaning, Need, Protocol, Report, Speech, Trouble};
pub use schedule::{Days, Schedule, Way};
pub use subscriber::Subscriber;
