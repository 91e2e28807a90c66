//! A trunk: several gateways by one name, and in which order a call tries them.
//!
//! ```text
//!  in-order     e1-a, e1-b, e1-c                as written
//!  least-used   e1-c 10 %, e1-a 40 %, e1-b 90 % the emptiest first, as written where they are equal
//!  weighted     drawn one after the other, each with its weight's chance among those left
//! ```
//!
//! Whether a gateway of the list takes the call is asked when its turn comes ([`overflow`]): the
//! order holds all of them. An emergency call tries those that can take it first, then the
//! others of its trunk all the same, then every other gateway there is.
//!
//! [`overflow`]: super::overflow

use super::gateway::{Duty, Gateway};
use super::gateways::Gateways;
use crate::base::{Duration, Rng, Time};

/// How the gateways of a trunk are chosen from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// As written.
    InOrder,
    /// The one with the smallest part of its channels in use.
    LeastUsed,
    /// By chance, each with its weight.
    Weighted,
}

/// A trunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trunk {
    /// Its name, by which the dialplan dials it.
    pub name: String,
    /// Its gateways, in their order.
    pub gateways: Vec<String>,
    /// How they are chosen from.
    pub choice: Choice,
    /// For how long after the first another one is tried.
    pub within: Duration,
}

impl Trunk {
    /// The gateways in the order in which a call tries them.
    pub fn order(&self, all: &Gateways, now: Time, rng: &mut Rng) -> Vec<String> {
        let mut own: Vec<&Gateway> = self.gateways.iter().filter_map(|g| all.get(g)).collect();
        match self.choice {
            Choice::InOrder => {}
            Choice::LeastUsed => own.sort_by_key(|g| g.load()),
            Choice::Weighted => draw(&mut own, rng),
        }
        own.sort_by_key(|gateway| gateway.refuses(now));
        own.into_iter().map(|g| g.name.clone()).collect()
    }
}

/// The order of an emergency call, which would go by `first` in this order: all gateways there are.
pub fn urgent_order(first: Vec<String>, all: &Gateways) -> Vec<String> {
    let ready = |name: &String| {
        let able =
            |g: &Gateway| !g.watch.is_down() && g.busy < g.channels && g.duty == Duty::InService;
        all.get(name).is_some_and(able)
    };
    let mut order = first;
    order.sort_by_key(|name| !ready(name));
    let mut others: Vec<String> = all.iter().map(|g| g.name.clone()).collect();
    others.retain(|name| !order.contains(name));
    others.sort_by_key(|name| !ready(name));
    order.extend(others);
    order
}

/// Puts them into an order drawn by their weights.
fn draw(gateways: &mut [&Gateway], rng: &mut Rng) {
    for at in 0..gateways.len() {
        let left = &gateways[at..];
        let sum: u64 = left.iter().map(|g| u64::from(g.weight)).sum();
        let mut drawn = if sum == 0 { 0 } else { rng.below(sum) };
        let next = left.iter().position(|g| {
            let weight = u64::from(g.weight);
            let hit = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            hit
        });
        // The drawn one comes to the front; the rest keep their order.
        gateways[at..=at + next.unwrap_or(0)].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trunk::gateway::Terms;
    use crate::trunk::health::Ping;

    const NEVER: Ping = Ping { every: Duration::ZERO, failures: 1, successes: 1 };

    /// Gateways `a`, `b`, … of ten channels, with these weights.
    fn all(weights: &[u32]) -> Gateways {
        let mut all = Gateways::default();
        all.configure(weights.iter().zip('a'..).map(|(weight, name)| Terms {
            name: name.into(),
            place: "udp:10.0.0.1:5060".into(),
            channels: 10,
            keep_in: 0,
            weight: *weight,
            ping: NEVER,
        }));
        all
    }
    fn trunk(choice: Choice) -> Trunk {
        let gateways = ["b", "a", "c"].map(str::to_owned).into();
        Trunk { name: "pstn".into(), gateways, choice, within: Duration::from_secs(10) }
    }
    fn order(choice: Choice, all: &Gateways, rng: &mut Rng) -> String {
        trunk(choice).order(all, Time::ZERO, rng).concat()
    }

    #[test]
    fn as_written_and_the_emptiest_first() {
        let mut all = all(&[1, 1, 1]);
        let mut rng = Rng::from_seed(1);
        assert_eq!(order(Choice::InOrder, &all, &mut rng), "bac");
        assert_eq!(order(Choice::LeastUsed, &all, &mut rng), "bac", "equal: as written");
        all.seize("b", false).unwrap();
        assert_eq!(order(Choice::LeastUsed, &all, &mut rng), "acb");
        all.seize("a", false).unwrap();
        all.seize("a", false).unwrap();
        assert_eq!(order(Choice::LeastUsed, &all, &mut rng), "cba");
        assert_eq!(order(Choice::InOrder, &all, &mut rng), "bac");
        all.refuses_until("b", Time::from_millis(9_000));
        assert_eq!(order(Choice::InOrder, &all, &mut rng), "acb", "who wants none comes last");
    }

    #[test]
    fn weights_are_chances() {
        let all = all(&[1, 3, 0]);
        let mut rng = Rng::from_seed(7);
        let mut first = [0u32; 3];
        for _ in 0..4_000 {
            let order = order(Choice::Weighted, &all, &mut rng);
            assert_eq!(order.len(), 3, "each once");
            first[usize::from(order.as_bytes()[0] - b'a')] += 1;
            assert!(order.ends_with('c'), "without a weight it is the last resort");
        }
        assert!((900..1_100).contains(&first[0]) && first[2] == 0, "{first:?}");
    }

    #[test]
    fn an_emergency_call_has_every_gateway_and_the_ready_ones_of_its_own_first() {
        let mut all = all(&[1, 1, 1, 1, 1]);
        all.answered("b", false, Time::ZERO);
        all.set_duty("d", Duty::Draining);
        let own = trunk(Choice::InOrder).order(&all, Time::ZERO, &mut Rng::from_seed(1));
        assert_eq!(urgent_order(own, &all).concat(), "acbed");
        assert_eq!(urgent_order(vec!["e".into()], &all).concat(), "eacbd");
    }
}
