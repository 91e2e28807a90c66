//! Which legs each phone has in being: its lines.
//!
//! Found by the phone's number without a look at any other's leg. A leg is a line from when it begins
//! until its signalling is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::LegId;

/// The lines of all phones.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    by_number: BTreeMap<Box<str>, BTreeSet<LegId>>,
    number_of: BTreeMap<LegId, Box<str>>,
}

impl Lines {
    /// `leg` is a line of the phone `number` from now on.
    pub fn begin(&mut self, number: &str, leg: LegId) {
        self.end(leg);
        self.by_number.entry(number.into()).or_default().insert(leg);
        self.number_of.insert(leg, number.into());
    }

    /// `leg` is over; nothing happens when it is no phone's.
    pub fn end(&mut self, leg: LegId) {
        let Some(number) = self.number_of.remove(&leg) else { return };
        let Some(legs) = self.by_number.get_mut(&number) else { return };
        legs.remove(&leg);
        if legs.is_empty() {
            self.by_number.remove(&number);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.number_of.len()
    }
    /// No phone has a line.
    pub fn is_empty(&self) -> bool {
        self.number_of.is_empty()
    }
    /// The lines of the phone `number`, the oldest first.
    pub fn of(&self, number: &str) -> impl Iterator<Item = LegId> {
        self.by_number.get(number).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_its_phones_until_it_ends() {
        let mut lines = Lines::default();
        for (number, leg) in [("1001", 3), ("1001", 1), ("1002", 2)] {
            lines.begin(number, LegId(leg));
        }
        let of = |lines: &Lines, number: &str| lines.of(number).map(|l| l.0).collect::<Vec<_>>();
        assert_eq!((of(&lines, "1001"), of(&lines, "1002")), (vec![1, 3], vec![2]));
        lines.begin("1002", LegId(3));
        lines.end(LegId(1));
        lines.end(LegId(9));
        assert_eq!((of(&lines, "1001"), of(&lines, "1002")), (vec![], vec![2, 3]));
        lines.end(LegId(2));
        lines.end(LegId(3));
        assert!(lines.by_number.is_empty() && lines.number_of.is_empty());
    }
}
