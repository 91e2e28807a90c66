//! Floor 3, `report`, for tests alone: whatever the ledger has told, each row for itself. It is what the live day and the
//! database are compared with, so it shares none of their ways of adding up.
//!
//! Simulations, which see the library from outside, include this file.

use std::collections::BTreeMap;

use super::{Delta, Kind, Subject, Tally};

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
