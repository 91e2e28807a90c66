//! A network in virtual time: datagrams that arrive later, twice, out of order, or not at all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use crate::base::{Duration, Rng, Time};

/// What the network does to a datagram. Probabilities are 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Faults {
    /// Share of datagrams that never arrive.
    pub loss: f64,
    /// Share that arrive twice.
    pub duplicate: f64,
    /// The least time on the way.
    pub delay: Duration,
    /// Up to this much more, evenly spread: more than the gap between two datagrams reorders them.
    pub jitter: Duration,
}

impl Faults {
    /// A good local network: half a millisecond, nothing lost.
    pub const NONE: Faults = Faults {
        loss: 0.0,
        duplicate: 0.0,
        delay: Duration::from_micros(500),
        jitter: Duration::ZERO,
    };
    /// A bad one: 2 % lost, 2 % doubled, 5 to 45 ms.
    pub const BAD: Faults = Faults {
        loss: 0.02,
        duplicate: 0.02,
        delay: Duration::from_millis(5),
        jitter: Duration::from_millis(40),
    };
}

/// One datagram under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Datagram {
    /// When it arrives.
    pub at: Time,
    /// Breaks ties by the order of sending, so that a run replays.
    number: u64,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// All datagrams under way.
#[derive(Debug)]
pub struct Network {
    faults: Faults,
    rng: Rng,
    under_way: BinaryHeap<Reverse<Datagram>>,
    sent: u64,
    lost: u64,
}

impl Network {
    /// An empty network whose faults follow from `rng`.
    pub fn new(faults: Faults, rng: Rng) -> Network {
        Network { faults, rng, under_way: BinaryHeap::new(), sent: 0, lost: 0 }
    }

    /// Sends one datagram.
    pub fn send(&mut self, now: Time, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.rng.chance(self.faults.loss) {
            self.lost += 1;
            return;
        }
        let copies = 1 + u8::from(self.rng.chance(self.faults.duplicate));
        for _ in 0..copies {
            let jitter = self.rng.below(self.faults.jitter.as_nanos() as u64 + 1);
            let at = now + self.faults.delay + Duration::from_nanos(jitter);
            self.sent += 1;
            let datagram = Datagram { at, number: self.sent, from, to, bytes: bytes.to_vec() };
            self.under_way.push(Reverse(datagram));
        }
    }

    /// When the next one arrives.
    pub fn next_arrival(&self) -> Option<Time> {
        self.under_way.peek().map(|d| d.0.at)
    }
    /// The next one that has arrived by `now`.
    pub fn arrival(&mut self, now: Time) -> Option<Datagram> {
        if self.next_arrival()? > now {
            return None;
        }
        self.under_way.pop().map(|d| d.0)
    }
    /// Datagrams sent (copies counted) and lost so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.sent, self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64) -> Vec<(Time, u8)> {
        let mut net = Network::new(Faults::BAD, Rng::from_seed(seed));
        let (a, b) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:1".parse().unwrap());
        for n in 0..250u8 {
            net.send(Time::from_millis(u64::from(n) * 20), a, b, &[n]);
        }
        std::iter::from_fn(|| net.arrival(Time::NEVER)).map(|d| (d.at, d.bytes[0])).collect()
    }

    #[test]
    fn it_loses_doubles_and_reorders_and_replays() {
        let arrived = run(1);
        assert_eq!(arrived, run(1));
        assert_ne!(arrived, run(2));
        let mut numbers: Vec<u8> = arrived.iter().map(|(_, n)| *n).collect();
        assert!(numbers.windows(2).any(|w| w[0] > w[1]), "out of order");
        numbers.sort_unstable();
        assert!(numbers.windows(2).any(|w| w[0] == w[1]), "doubled");
        numbers.dedup();
        assert!(numbers.len() < 250, "lost");
    }
}
