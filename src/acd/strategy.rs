//! In which order a queue's ready agents are offered callers.
//!
//! Each strategy is one number ([`Place`]) that is known when an agent becomes ready and holds until
//! it is not: so a line of ready agents is an ordered set, and its next one costs O(log n).
//!
//! ```text
//!  weighted random: place = base + Exp(1)/weight, base: the place of the agent taken last.
//!  The exponential has no memory, so who stands in line for long has the same chances as who
//!  has just come, and the smallest place falls to each with its weight's chance.
//! ```

use serde::{Deserialize, Serialize};

use super::agent::AgentId;
use crate::base::{Duration, Rng, Time};

/// The most phones that ring at a time for one caller.
pub const MOST_RUNG: usize = 30;

/// Which agent is next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once, at most [`MOST_RUNG`]; the first to answer has the caller.
    RingAll,
    /// Who has had no call for longest.
    #[default]
    LongestIdle,
    /// Who has taken the fewest callers since sign-in.
    FewestCalls,
    /// Who has talked least since sign-in.
    LeastTalk,
    /// Each in turn.
    RoundRobin,
    /// As the queue lists them: the first as long as he is ready.
    InOrder,
    /// Drawn, each with his weight's chance.
    WeightedRandom,
    /// Who is best at the queue's first skill.
    SkillLevel,
}

/// An agent's place in a queue's line: the smallest is next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The strategy's number.
    pub by: u64,
    /// Among equals: who is idle for longer.
    pub idle_since: Time,
    /// Among equals still.
    pub agent: AgentId,
}

/// What an agent's place can depend on.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Which.
    pub agent: AgentId,
    /// Since when it has had no call.
    pub idle_since: Time,
    /// Callers taken since sign-in.
    pub calls: u32,
    /// Time talked since sign-in.
    pub talked: Duration,
    /// When it had its last turn in this queue: a running number.
    pub turn: u64,
    /// Where the queue lists it.
    pub order: u32,
    /// Its chance against the others'.
    pub weight: u32,
    /// How good it is at the queue's first skill.
    pub level: u8,
}

impl Strategy {
    /// All, with their names in the configuration.
    pub const ALL: [(&'static str, Strategy); 8] = [
        ("ring-all", Strategy::RingAll),
        ("longest-idle", Strategy::LongestIdle),
        ("fewest-calls", Strategy::FewestCalls),
        ("least-talk", Strategy::LeastTalk),
        ("round-robin", Strategy::RoundRobin),
        ("in-order", Strategy::InOrder),
        ("weighted-random", Strategy::WeightedRandom),
        ("skill-level", Strategy::SkillLevel),
    ];

    /// Where an agent stands who becomes ready now; `base`: [`Place::by`] of the one taken last.
    pub fn place(self, it: &Standing, base: u64, rng: &mut Rng) -> Place {
        let by = match self {
            Strategy::RingAll | Strategy::LongestIdle => 0,
            Strategy::FewestCalls => u64::from(it.calls),
            Strategy::LeastTalk => it.talked.as_secs(),
            Strategy::RoundRobin => it.turn,
            Strategy::InOrder => u64::from(it.order),
            Strategy::WeightedRandom => base.saturating_add(exponential(rng, it.weight)),
            Strategy::SkillLevel => u64::from(u8::MAX - it.level),
        };
        Place { by, idle_since: it.idle_since, agent: it.agent }
    }
}

/// An exponential variate of rate `weight`, in units of 2^-30.
fn exponential(rng: &mut Rng, weight: u32) -> u64 {
    // 53 bits, never 0.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    (-uniform.ln() / f64::from(weight.max(1)) * f64::from(1 << 30)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(agent: u32) -> Standing {
        Standing {
            agent: AgentId(agent),
            idle_since: Time::from_millis(u64::from(100 - agent)),
            calls: agent % 3,
            talked: Duration::from_secs(u64::from(agent % 4)),
            turn: u64::from(agent % 5),
            order: 9 - agent,
            weight: 1 + agent,
            level: (agent % 6) as u8,
        }
    }
    fn first(strategy: Strategy) -> u32 {
        let mut rng = Rng::from_seed(1);
        let places = (1..9).map(|n| strategy.place(&standing(n), 0, &mut rng));
        places.min().expect("eight").agent.0
    }

    #[test]
    fn each_strategy_has_its_first_and_the_longest_idle_among_equals() {
        use Strategy::*;
        let firsts =
            [LongestIdle, RingAll, FewestCalls, LeastTalk, RoundRobin, InOrder, SkillLevel];
        assert_eq!(firsts.map(first), [8, 8, 6, 8, 5, 8, 5]);
    }

    /// A line of three with weights 1, 2 and 5; who is taken stands in line again at once.
    #[test]
    fn weights_are_chances_for_who_has_stood_long_and_who_has_just_come() {
        let mut rng = Rng::from_seed(2);
        let weights = [1, 2, 5];
        let place = |n: u32, base, rng: &mut Rng| {
            let it = Standing { weight: weights[n as usize], ..standing(n) };
            Strategy::WeightedRandom.place(&it, base, rng)
        };
        let mut line: Vec<Place> = (0..3).map(|n| place(n, 0, &mut rng)).collect();
        let mut taken = [0_u32; 3];
        for _ in 0..80_000 {
            line.sort();
            let next = line.remove(0);
            taken[next.agent.0 as usize] += 1;
            line.push(place(next.agent.0, next.by, &mut rng));
        }
        for (times, share) in taken.iter().zip([10_000, 20_000, 50_000]) {
            assert!(times.abs_diff(share) < share / 20, "{taken:?}");
        }
    }
}
