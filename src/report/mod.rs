//! Floor 3: figures of queues, agents, teams and trunks (R19, R25), computed from what the journal tells and
//! from nothing else.
//!
//! ```text
//!  fact ─▶ Happened ─▶ Ledger ──▶ Delta: whose, which quarter of an hour, which measure, how much
//!                      │ what is open: states,   │
//!                      │ waits, talks, lines     ├─▶ database: a row for each, added up
//!                                                └─▶ Book: the same in memory, for the live view
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

use std::collections::BTreeMap;

/// Tallies by whose they are and by the quarter of an hour that they begin with, in milliseconds since 1970.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Book {
    rows: BTreeMap<(Subject, i64), Tally>,
}

impl Book {
    /// Adds what a fact has brought.
    pub fn add(&mut self, delta: Delta) {
        let row = self.rows.entry((delta.subject, delta.start)).or_default();
        row.add(delta.measure, delta.value);
    }
    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = (&Subject, i64, &Tally)> {
        self.rows.iter().map(|((subject, start), tally)| (subject, *start, tally))
    }
    /// What one has had since `from`, milliseconds since 1970.
    pub fn since(&self, subject: &Subject, from: i64) -> Tally {
        let mut sum = Tally::default();
        let rows = self.rows.range((subject.clone(), from)..);
        rows.take_while(|((of, _), _)| of == subject).for_each(|(_, row)| sum.merge(row));
        sum
    }
    /// Forgets all of a kind.
    pub fn forget(&mut self, kind: Kind) {
        self.rows.retain(|(subject, _), _| subject.kind != kind);
    }
    /// Forgets what began before `from`.
    pub fn forget_before(&mut self, from: i64) {
        self.rows.retain(|(_, start), _| *start >= from);
    }
}
