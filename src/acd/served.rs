//! Who served a number last: the last so many numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::AgentId;

/// The most numbers that are remembered; the oldest are forgotten first.
const MOST: usize = 100_000;

/// The agents of late talks, by the callers' numbers.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Served {
    by_number: BTreeMap<String, (u64, AgentId)>,
    by_turn: BTreeMap<u64, String>,
    turns: u64,
}

impl Served {
    /// `agent` serves `number` now.
    pub fn note(&mut self, number: &str, agent: AgentId) {
        if number.is_empty() {
            return;
        }
        self.turns += 1;
        if let Some((turn, _)) = self.by_number.insert(number.to_owned(), (self.turns, agent)) {
            self.by_turn.remove(&turn);
        }
        self.by_turn.insert(self.turns, number.to_owned());
        if self.by_turn.len() > MOST
            && let Some((_, oldest)) = self.by_turn.pop_first()
        {
            self.by_number.remove(&oldest);
        }
    }

    /// Who served it last.
    pub fn last(&self, number: &str) -> Option<AgentId> {
        self.by_number.get(number).map(|(_, agent)| *agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts_and_the_oldest_are_forgotten() {
        let mut served = Served::default();
        served.note("", AgentId(1));
        served.note("1", AgentId(1));
        served.note("1", AgentId(2));
        assert_eq!((served.last("1"), served.last("")), (Some(AgentId(2)), None));
        (0..MOST).for_each(|n| served.note(&format!("n{n}"), AgentId(3)));
        assert_eq!(served.last("1"), None);
        assert_eq!((served.by_number.len(), served.by_turn.len()), (MOST, MOST));
    }
}
