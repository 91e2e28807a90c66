//! Floor 3: figures of queues, agents, teams and trunks (R19, R25), computed from what the journal tells and
//! from nothing else.
//!
//! ```text
//!  fact ─▶ Happened ─▶ Ledger ──▶ Delta: whose, which quarter of an hour, which measure, how much
//!                      │ what is open: states,   │
//!                      │ waits, talks, lines     ├─▶ database: a row for each, added up
//!                                                └─▶ the day's tallies, live
//!                       rows of any span, added up ─▶ Tally ─▶ layout: columns with their formulas
//! ```
//!
//! Only numerators and denominators are kept, for each quarter of an hour: a day, a month, a year is
//! their sum, a longest wait the longest, and no ratio is ever averaged. A call counts where it ends, with all
//! that it had; time in a state is split between the quarters that it lasted through. The same facts give the same
//! rows, whoever computes them and when.
//!
//! Knows no database, no clock and no table's width.

pub mod alarms;
#[cfg(test)]
pub(crate) mod book;
pub mod figures;
pub mod interval;
pub mod layout;
pub mod ledger;
pub mod measure;
pub mod period;
pub mod schedule;
pub mod service;
pub mod survey;

pub use interval::INTERVAL_MS;
pub use ledger::{Delta, Happened, Kind, Ledger, Subject};
pub use measure::{Measure, Tally};
pub use service::Formula;
