//! Who is given to whom: ready agents in lines, waiting callers in bins, all of them ordered sets.
//!
//! ```text
//!   queue care ─┬─ line: all, by region ────── Place, Place, Place …   the smallest is next
//!               └─ bins: held, region, open ── Rank, Rank, Rank …      the smallest is next
//! ```
//!
//! The next agent for a caller costs O(log agents); the next caller for an agent O(log callers) for
//! each of its queues and regions. What is given away is a stable pair: the agent is the caller's
//! next one and the caller is that agent's next one, whoever's change brought it about.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::agent::AgentId;
use super::queue::{Bin, QueueId, Rank, Region};
use super::strategy::Place;

/// A caller who waits, as the index knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Waiter {
    /// Its place.
    pub rank: Rank,
    /// Its queue.
    pub queue: QueueId,
    /// Who may take it.
    pub bin: Bin,
}

/// A caller and the agent to be offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The caller.
    pub waiter: Waiter,
    /// The agent.
    pub agent: AgentId,
}

/// One queue's line and bins.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Desk {
    line: BTreeSet<Place>,
    /// By the agents' regions; `None`: of agents without any, who serve all.
    by_region: BTreeMap<Option<Region>, BTreeSet<Place>>,
    bins: BTreeMap<Bin, BTreeSet<Rank>>,
}

/// Where an agent stands in line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Stand {
    regions: Vec<Region>,
    places: Vec<(QueueId, Place)>,
}

/// The bins of regions.
const ALL_REGIONS: core::ops::RangeInclusive<Bin> =
    Bin::Region(Region(0))..=Bin::Region(Region(u16::MAX));

/// All lines and bins.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Index {
    desks: BTreeMap<QueueId, Desk>,
    stands: BTreeMap<AgentId, Stand>,
}

impl Index {
    /// Whether an agent stands in line.
    pub fn stands(&self, agent: AgentId) -> bool {
        self.stands.contains_key(&agent)
    }

    /// How many stand in a queue's line.
    pub fn ready(&self, queue: QueueId) -> usize {
        self.desks.get(&queue).map_or(0, |desk| desk.line.len())
    }

    /// Those who stand in a queue's line, the next one first.
    pub fn line(&self, queue: QueueId) -> impl Iterator<Item = AgentId> {
        self.desks.get(&queue).into_iter().flat_map(|desk| &desk.line).map(|place| place.agent)
    }

    /// Whether anybody waits whom an agent of these regions and queues could take.
    pub fn waits_for(&self, agent: AgentId, regions: &[Region], queues: &[QueueId]) -> bool {
        let stand = Stand { regions: regions.to_vec(), places: Vec::new() };
        queues.iter().any(|queue| !self.bins_of(*queue, agent, &stand).is_empty())
    }

    /// Where an agent stands in a queue's line.
    pub fn place(&self, agent: AgentId, queue: QueueId) -> Option<Place> {
        let places = &self.stands.get(&agent)?.places;
        places.iter().find(|(own, _)| *own == queue).map(|(_, place)| *place)
    }

    /// An agent can take callers: its places in its queues' lines. No `regions`: it serves all.
    pub fn line_up(&mut self, agent: AgentId, regions: &[Region], places: Vec<(QueueId, Place)>) {
        self.step_out(agent);
        for (queue, place) in &places {
            let desk = self.desks.entry(*queue).or_default();
            desk.line.insert(*place);
            for region in keys(regions) {
                desk.by_region.entry(region).or_default().insert(*place);
            }
        }
        self.stands.insert(agent, Stand { regions: regions.to_vec(), places });
    }

    /// It cannot any more. Gives its places.
    pub fn step_out(&mut self, agent: AgentId) -> Vec<(QueueId, Place)> {
        let Some(stand) = self.stands.remove(&agent) else { return Vec::new() };
        for (queue, place) in &stand.places {
            let Some(desk) = self.desks.get_mut(queue) else { continue };
            desk.line.remove(place);
            for region in keys(&stand.regions) {
                let Some(line) = desk.by_region.get_mut(&region) else { continue };
                line.remove(place);
                if line.is_empty() {
                    desk.by_region.remove(&region);
                }
            }
        }
        stand.places
    }

    /// A caller waits.
    pub fn wait(&mut self, it: Waiter) {
        let desk = self.desks.entry(it.queue).or_default();
        desk.bins.entry(it.bin).or_default().insert(it.rank);
    }

    /// It waits no more, or elsewhere.
    pub fn stop_waiting(&mut self, it: Waiter) {
        let Some(desk) = self.desks.get_mut(&it.queue) else { return };
        let Some(bin) = desk.bins.get_mut(&it.bin) else { return };
        bin.remove(&it.rank);
        if bin.is_empty() {
            desk.bins.remove(&it.bin);
        }
    }

    /// Those who wait in a bin.
    pub fn in_bin(&self, queue: QueueId, bin: Bin) -> Vec<Waiter> {
        let ranks = self.desks.get(&queue).and_then(|desk| desk.bins.get(&bin));
        let waiter = |rank: &Rank| Waiter { rank: *rank, queue, bin };
        ranks.into_iter().flatten().map(waiter).collect()
    }

    /// Of how many queues there is anything.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.desks.len()
    }

    /// The regions for whose agents somebody waits in a queue.
    pub fn regions_waited_for(&self, queue: QueueId) -> Vec<Region> {
        let region = |(bin, _): (&Bin, _)| match bin {
            Bin::Region(region) => Some(*region),
            Bin::Held(_) | Bin::Open => None,
        };
        let bins = self.desks.get(&queue).into_iter();
        bins.flat_map(|desk| desk.bins.range(ALL_REGIONS)).filter_map(region).collect()
    }

    /// A queue is no more: nobody waits there, and nobody stands in its line.
    pub fn close(&mut self, queue: QueueId) {
        self.desks.remove(&queue);
        for stand in self.stands.values_mut() {
            stand.places.retain(|(own, _)| *own != queue);
        }
    }

    /// The agents who may take a caller, the next one first, at most `most`.
    pub fn agents(&self, it: Waiter, most: usize) -> Vec<AgentId> {
        let Some(desk) = self.desks.get(&it.queue) else { return Vec::new() };
        let of = |region| desk.by_region.get(&region).into_iter().flatten().take(most);
        match it.bin {
            Bin::Held(agent) => {
                let serves = |stand: &Stand| stand.places.iter().any(|(q, _)| *q == it.queue);
                let is = self.stands.get(&agent).is_some_and(serves);
                is.then_some(agent).into_iter().collect()
            }
            Bin::Open => desk.line.iter().take(most).map(|place| place.agent).collect(),
            Bin::Region(region) => {
                let mut places: Vec<&Place> = of(Some(region)).chain(of(None)).collect();
                places.sort();
                places.into_iter().take(most).map(|place| place.agent).collect()
            }
        }
    }

    /// The next caller of an agent who stands in line.
    pub fn caller(&self, agent: AgentId) -> Option<Waiter> {
        let stand = self.stands.get(&agent)?;
        let bins = stand.places.iter().flat_map(|(queue, _)| self.bins_of(*queue, agent, stand));
        bins.min()
    }

    /// The first of each bin of a queue from which an agent takes.
    fn bins_of(&self, queue: QueueId, agent: AgentId, stand: &Stand) -> Vec<Waiter> {
        let Some(desk) = self.desks.get(&queue) else { return Vec::new() };
        let first = |(bin, ranks): (&Bin, &BTreeSet<Rank>)| {
            ranks.first().map(|rank| Waiter { rank: *rank, queue, bin: *bin })
        };
        let one = |bin: Bin| desk.bins.get_key_value(&bin).and_then(first);
        let mut found: Vec<Waiter> =
            [Bin::Open, Bin::Held(agent)].into_iter().filter_map(one).collect();
        if stand.regions.is_empty() {
            found.extend(desk.bins.range(ALL_REGIONS).filter_map(first));
        } else {
            found.extend(stand.regions.iter().filter_map(|region| one(Bin::Region(*region))));
        }
        found
    }

    /// A stable pair that holds this caller, or one before it.
    pub fn pair(&self, mut waiter: Waiter) -> Option<Pair> {
        loop {
            let agent = *self.agents(waiter, 1).first()?;
            match self.caller(agent) {
                // Each round ends with an earlier caller, so there is a last one.
                Some(earlier) if earlier.rank < waiter.rank => waiter = earlier,
                _ => return Some(Pair { waiter, agent }),
            }
        }
    }
}

/// Under which keys an agent stands: its regions, or the one of those without.
fn keys(regions: &[Region]) -> impl Iterator<Item = Option<Region>> {
    let none = regions.is_empty().then_some(None);
    none.into_iter().chain(regions.iter().map(|region| Some(*region)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Duration, Time, Wall};

    const CARE: QueueId = QueueId(0);
    const SALES: QueueId = QueueId(1);

    fn place(agent: u32, by: u64) -> Place {
        Place { by, idle_since: Time::ZERO, agent: AgentId(agent) }
    }
    fn waiter(n: u64, queue: QueueId, bin: Bin) -> Waiter {
        let rank = Rank::new(Time::from_millis(n), 0, Duration::ZERO, CallId::new(Wall(1), n));
        Waiter { rank, queue, bin }
    }
    fn waits(index: &mut Index, n: u64, queue: QueueId, bin: Bin) -> Waiter {
        let it = waiter(n, queue, bin);
        index.wait(it);
        it
    }

    #[test]
    fn a_region_is_served_by_its_own_and_by_those_of_none() {
        let mut index = Index::default();
        let (north, south) = (Region(0), Region(1));
        index.line_up(AgentId(1), &[south], vec![(CARE, place(1, 1))]);
        index.line_up(AgentId(2), &[north, south], vec![(CARE, place(2, 2))]);
        index.line_up(AgentId(3), &[], vec![(CARE, place(3, 3))]);
        let northern = waits(&mut index, 1, CARE, Bin::Region(north));
        assert_eq!(index.agents(northern, 9), [AgentId(2), AgentId(3)]);
        assert_eq!(index.agents(waiter(2, CARE, Bin::Open), 9).len(), 3);
        assert_eq!(index.agents(waiter(2, CARE, Bin::Open), 2), [AgentId(1), AgentId(2)]);
        assert_eq!([1, 2, 3].map(|n| index.caller(AgentId(n)).is_some()), [false, true, true]);
        index.step_out(AgentId(2));
        assert_eq!(index.agents(northern, 9), [AgentId(3)]);
        index.stop_waiting(northern);
        assert_eq!(index.caller(AgentId(3)), None);
        assert!(index.desks[&CARE].bins.is_empty(), "no bin is left behind");
    }

    #[test]
    fn nothing_is_left_of_a_line_a_region_and_a_queue() {
        let mut index = Index::default();
        let (north, south) = (Region(0), Region(1));
        let all = vec![(CARE, place(1, 1)), (SALES, place(1, 1))];
        index.line_up(AgentId(1), &[north, south], all);
        let waits_for = [Bin::Region(north), Bin::Open, Bin::Held(AgentId(1))];
        let waiters: Vec<Waiter> =
            (1..).zip(waits_for).map(|(n, bin)| waits(&mut index, n, CARE, bin)).collect();
        assert_eq!(index.regions_waited_for(CARE), [north]);
        assert_eq!(index.regions_waited_for(SALES), []);
        waiters.into_iter().for_each(|it| index.stop_waiting(it));
        index.close(CARE);
        assert_eq!((index.ready(CARE), index.place(AgentId(1), CARE)), (0, None));
        assert!(index.stands(AgentId(1)) && index.ready(SALES) == 1);
        index.step_out(AgentId(1));
        assert!(index.desks[&SALES].by_region.is_empty());
        index.close(SALES);
        assert_eq!(index, Index::default());
    }

    #[test]
    fn a_pair_is_each_others_next() {
        let mut index = Index::default();
        let sales = waits(&mut index, 1, SALES, Bin::Open);
        let care = waits(&mut index, 2, CARE, Bin::Open);
        index.line_up(AgentId(1), &[], vec![(CARE, place(1, 1)), (SALES, place(1, 9))]);
        index.line_up(AgentId(2), &[], vec![(SALES, place(2, 5))]);
        // Care's next is agent 1, whose next caller is the earlier one of sales; whose next is 2.
        assert_eq!(index.pair(care), Some(Pair { waiter: sales, agent: AgentId(2) }));
        let held = waits(&mut index, 0, CARE, Bin::Held(AgentId(1)));
        assert_eq!(index.pair(care), Some(Pair { waiter: held, agent: AgentId(1) }));
        assert_eq!(
            index.agents(waiter(3, CARE, Bin::Held(AgentId(2))), 1),
            [],
            "not of that queue"
        );
    }
}
