//! Who served a number last: the last so many numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::AgentId;
use crate::base::Duration;

/// The most numbers that are remembered; the oldest are forgotten first.
const MOST: usize = 100_000;

/// Of how many talks before a start it is told again, and how long ago they may have been: the switch's thread takes them
/// in one turn, some ten milliseconds of it.
pub const MOST_RESTORED: u32 = 20_000;
/// The same in time.
pub const RESTORED: Duration = Duration::from_secs(30 * 86_400);

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

    /// Talks from before a start, the last one first: who has been served since stays with the later agent.
    pub fn restore(&mut self, rows: Vec<(String, AgentId)>) {
        let since = std::mem::take(self);
        rows.iter().rev().for_each(|(number, agent)| self.note(number, *agent));
        for number in since.by_turn.values() {
            if let Some(agent) = since.last(number) {
                self.note(number, agent);
            }
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

    /// R16: the agent who last served the caller comes first, over a restart as well.
    #[test]
    fn talks_before_a_start_are_older_than_those_since() {
        let mut served = Served::default();
        served.note("2", AgentId(9));
        let row = |number: &str, agent| (number.to_owned(), AgentId(agent));
        served.restore(vec![row("1", 2), row("1", 1), row("2", 1), row("3", 3)]);
        let of = |number| served.last(number);
        assert_eq!([of("1"), of("2"), of("3")], [2, 9, 3].map(|n| Some(AgentId(n))));
        assert_eq!(served.by_turn.values().collect::<Vec<_>>(), ["3", "1", "2"], "oldest first");
    }
}
