//! Who may come in at the sockets at all, asked before anything is parsed.
//!
//! ```text
//!  switch ── Order ──▶ Gate ◀── datagram? connection? ── udp, connections
//!                       banned until …: dropped
//!                       allowed: its connections are not counted by source
//! ```
//!
//! The switch decides who is banned and for how long; here it is only kept to, at the cost of one
//! lookup, and of none while nobody is banned.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::base::{Network, Source};

/// What the switch wants of the sockets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Nothing of this source is taken for so long.
    Ban(Source, Duration),
    /// It is heard again.
    Unban(Source),
    /// Who is known: gateways and configured networks, in place of those before.
    Allow(Vec<Network>),
}

/// What the sockets keep to. Copies are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Default)]
#[allow(clippy::disallowed_types, reason = "the switch writes what the sockets read")]
struct Inner {
    any: AtomicBool,
    banned: RwLock<HashMap<Source, Instant>>,
    allowed: RwLock<Vec<Network>>,
}

impl Gate {
    /// Puts an order in force.
    pub(super) fn order(&self, order: Order) {
        match order {
            Order::Ban(source, time) => {
                let now = Instant::now();
                let mut banned = self.0.banned.write().expect("no holder panics");
                // The switch bounds how many there are; those that are over go with the next.
                banned.retain(|_, until| *until > now);
                banned.insert(source, now + time);
                self.0.any.store(true, Ordering::Release);
            }
            Order::Unban(source) => {
                let mut banned = self.0.banned.write().expect("no holder panics");
                banned.remove(&source);
                self.0.any.store(!banned.is_empty(), Ordering::Release);
            }
            Order::Allow(networks) => {
                *self.0.allowed.write().expect("no holder panics") = networks;
            }
        }
    }

    /// Whether what comes from this address is dropped.
    pub(super) fn is_banned(&self, address: IpAddr) -> bool {
        if !self.0.any.load(Ordering::Acquire) {
            return false;
        }
        let banned = self.0.banned.read().expect("no holder panics");
        banned.get(&Source::of(address)).is_some_and(|until| *until > Instant::now())
    }

    /// Whether this address is a gateway's or of a configured network.
    pub(super) fn is_allowed(&self, address: IpAddr) -> bool {
        let allowed = self.0.allowed.read().expect("no holder panics");
        allowed.iter().any(|network| network.holds(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_holds_for_its_time_and_an_order_ends_it() {
        let gate = Gate::default();
        let [one, other] = ["203.0.113.9", "203.0.113.8"].map(|a| a.parse().expect("an address"));
        let long = Duration::from_secs(600);
        assert!(!gate.is_banned(one));
        gate.order(Order::Ban(Source::of(one), long));
        gate.order(Order::Ban(Source::of(other), Duration::ZERO));
        assert!(gate.is_banned(one) && !gate.is_banned(other), "the other's is over");
        assert!(gate.is_banned("::ffff:203.0.113.9".parse().expect("an address")));
        gate.order(Order::Unban(Source::of(one)));
        assert!(!gate.is_banned(one));
        assert!(!gate.is_allowed(one));
        gate.order(Order::Allow(vec!["203.0.113.0/29".parse().expect("a network")]));
        assert_eq!((gate.is_allowed(one), gate.is_allowed(other)), (false, false));
        gate.order(Order::Allow(vec!["203.0.113.0/28".parse().expect("a network")]));
        assert!(gate.is_allowed(one) && gate.is_allowed(other));
    }
}
