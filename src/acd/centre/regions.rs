//! The regions of the agents there are: each name has a number, by which lines and bins are kept (R16).
//!
//! A number is given away again only when its name is no agent's any more, and never in the same configuration:
//! whoever still waits for a region by its old number waits for nobody else's.

use std::collections::{BTreeMap, BTreeSet};

use crate::acd::queue::Region;

/// Regions by name.
#[derive(Debug, Default)]
pub(in crate::acd) struct Regions {
    by_name: BTreeMap<String, Region>,
    taken: BTreeSet<Region>,
}

impl Regions {
    /// The number of a region.
    pub(in crate::acd) fn get(&self, name: &str) -> Option<Region> {
        self.by_name.get(name).copied()
    }

    /// The same; a new name gets one. With 65,536 names the further ones are one region.
    pub(super) fn or_new(&mut self, name: &str) -> Region {
        if let Some(known) = self.get(name) {
            return known;
        }
        let next = self.taken.last().map_or(Some(0), |last| last.0.checked_add(1));
        let gap = || (0..=u16::MAX).find(|n| !self.taken.contains(&Region(*n)));
        let new = Region(next.or_else(gap).unwrap_or(u16::MAX));
        self.taken.insert(new);
        self.by_name.insert(name.to_owned(), new);
        new
    }

    /// Only those of these names are kept.
    pub(super) fn keep(&mut self, names: &BTreeSet<&str>) {
        self.by_name.retain(|name, _| names.contains(name.as_str()));
        self.taken = self.by_name.values().copied().collect();
    }

    /// How many there are.
    #[cfg(test)]
    pub(in crate::acd) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether a number is a region's.
    pub(super) fn has(&self, region: Region) -> bool {
        self.taken.contains(&region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_with_their_names_and_are_given_again() {
        let mut regions = Regions::default();
        let [north, south, east] = ["north", "south", "east"].map(|name| regions.or_new(name));
        assert_eq!([north, south, east], [Region(0), Region(1), Region(2)]);
        assert_eq!(regions.or_new("south"), south);
        regions.keep(&["east"].into());
        assert_eq!([regions.get("north"), regions.get("east")], [None, Some(east)]);
        assert!(!regions.has(south) && regions.has(east));
        assert_eq!(regions.or_new("west"), Region(3), "not one that was somebody's a moment ago");
        regions.keep(&BTreeSet::new());
        assert_eq!(regions.or_new("west"), Region(0));
    }

    #[test]
    fn all_numbers_are_given_before_any_is_shared() {
        let mut regions = Regions::default();
        for n in 0..=u32::from(u16::MAX) {
            regions.or_new(&n.to_string());
        }
        assert_eq!(regions.taken.len(), 65_536);
        assert_eq!(regions.or_new("one more"), Region(u16::MAX));
        let names: Vec<String> = (100..=u32::from(u16::MAX)).map(|n| n.to_string()).collect();
        regions.keep(&names.iter().map(String::as_str).collect());
        assert_eq!(regions.or_new("a gap"), Region(0));
    }
}
