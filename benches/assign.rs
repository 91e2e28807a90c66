//! What an assignment costs: one agent becomes ready, takes the next caller, talks, is through; and a new
//! caller comes, with so many agents signed in and so many callers waiting.
//!
//! `cargo bench --bench assign`. *Most in 99 of 100* is from the moment in which an agent is free to the offer of the next
//! caller; wanted: 100 ms at 300 agents and 1,000 waiting. The cost grows with the logarithm of either number: the last
//! column is the cost against that of the smallest floor.

#![allow(clippy::disallowed_methods, reason = "a bench owns its clock")]

use std::time::Instant;

use belfry::acd::agent::Patience;
use belfry::acd::queue::{Entry, Members, Staffing, Terms};
use belfry::acd::{Action, AgentId, Centre, House, Person, Pin, Strategy};
use belfry::base::{CallId, Duration, Rng, Time, Wall};

/// Agents and callers waiting.
const FLOORS: [(u32, u64); 5] =
    [(30, 10), (300, 100), (300, 1_000), (3_000, 1_000), (10_000, 1_000)];
const QUEUES: usize = 40;
const ROUNDS: usize = 20_000;

fn house(agents: u32) -> House {
    let skill = |n: usize| format!("skill-{n}");
    let pin = Pin::new("1234", &mut Rng::from_seed(1));
    let person = |n: u32| Person {
        number: n.to_string(),
        name: String::new(),
        pin: pin.clone(),
        team: None,
        supervisor: false,
        supervises: Vec::new(),
        // Four queues each.
        skills: (0..4).map(|k| (skill((n as usize + k * 7) % QUEUES), 3)).collect(),
        regions: Vec::new(),
        weight: 1,
    };
    let terms = |n: usize| Terms {
        name: format!("queue-{n}"),
        members: Members { skills: vec![(skill(n), 1)], ..Members::default() },
        strategy: Strategy::LongestIdle,
        ring: Duration::from_secs(15),
        after_call: Duration::ZERO,
        ageing: Duration::from_secs(60),
        region_overflow: Duration::ZERO,
        last_agent: Duration::ZERO,
        most: 100_000,
        longest: Duration::from_secs(86_400),
        join: Staffing::Nobody,
        stay: Staffing::Nobody,
        back: None,
        hours: Default::default(),
        overflow: None,
    };
    let patience =
        Patience { missed_most: 3, rest: Duration::from_secs(5), ready_at_sign_in: true };
    House {
        agents: (0..agents).map(person).collect(),
        queues: (0..QUEUES).map(terms).collect(),
        wrap_ups: Vec::new(),
        patience,
        pin_tries: 3,
        pin_lock: Duration::from_secs(900),
    }
}

struct Floor {
    centre: Centre,
    calls: u64,
    ms: u64,
}

impl Floor {
    fn now(&mut self) -> Time {
        self.ms += 1;
        Time::from_millis(self.ms)
    }
    fn caller(&mut self, rng: &mut Rng) {
        self.calls += 1;
        let entry = Entry {
            call: CallId::new(Wall(1), self.calls),
            number: self.calls.to_string(),
            priority: rng.below(10) as i32,
            urgent: false,
            vip: false,
            region: None,
            longest: None,
            since: None,
        };
        let queue = format!("queue-{}", rng.below(QUEUES as u64));
        let now = self.now();
        self.centre.enter(now, &queue, entry).expect("let in");
    }
    fn offers(&mut self) -> Vec<(CallId, AgentId)> {
        let offer = |action| match action {
            Action::Offer { call, agent, .. } => Some((call, agent)),
            _ => None,
        };
        std::iter::from_fn(|| self.centre.poll()).filter_map(offer).collect()
    }
}

/// Microseconds for a caller's whole way (in, offered, answered, out), and from an agent who is free to the next offer, in
/// 99 of 100.
fn measure(agents: u32, waiting: u64) -> (f64, f64) {
    let mut rng = Rng::from_seed(1);
    let mut floor = Floor { centre: Centre::new(Rng::from_seed(2)), calls: 0, ms: 1_000 };
    floor.centre.configure(Time::ZERO, house(agents));
    for n in 0..agents {
        let now = floor.now();
        let phone = format!("p{n}");
        floor.centre.sign_in(now, &n.to_string(), "1234", &phone).expect("right");
    }
    let mut talks = std::collections::VecDeque::new();
    // All agents talk, and so many wait.
    while floor.centre.in_being().0 < waiting as usize {
        floor.caller(&mut rng);
        for (call, agent) in floor.offers() {
            let now = floor.now();
            assert!(floor.centre.answered(now, call, agent));
            talks.push_back(call);
        }
    }
    let mut assigned = Vec::with_capacity(ROUNDS);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        floor.caller(&mut rng);
        let (now, over) = (floor.now(), talks.pop_front().expect("somebody talks"));
        let free = Instant::now();
        floor.centre.talk_over(now, over);
        let offers = floor.offers();
        assigned.push(free.elapsed());
        for (call, agent) in offers {
            let now = floor.now();
            assert!(floor.centre.answered(now, call, agent));
            talks.push_back(call);
        }
    }
    let cost = began.elapsed().as_secs_f64() * 1e6 / ROUNDS as f64;
    assigned.sort();
    (cost, assigned[ROUNDS * 99 / 100].as_secs_f64() * 1e6)
}

fn main() {
    let heads = ["agents", "waiting", "us a caller", "us, 99 of 100", "ratio"];
    println!("{:>8} {:>8} {:>14} {:>14} {:>8}", heads[0], heads[1], heads[2], heads[3], heads[4]);
    let mut first = None;
    for (agents, waiting) in FLOORS {
        let (cost, late) = measure(agents, waiting);
        let ratio = cost / *first.get_or_insert(cost);
        println!("{agents:>8} {waiting:>8} {cost:>14.2} {late:>14.2} {ratio:>8.2}");
    }
}
