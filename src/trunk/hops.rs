//! Where one gateway is reached: the places that its address stands for, and which of them is tried next.
//!
//! A gateway by IP address has one hop for ever. One by name has those that the DNS gives, best first
//! (RFC 3263): a request that a hop does not answer, or refuses with 503, goes to the next, and the silent
//! one is left alone for [`SHUNNED`] (§4.3). Where all are silent the one silent the longest is tried.
//!
//! ```text
//!   hops   a ── b ── c          a fails ─▶ b is first until a's time is over
//! ```

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::base::{Duration, Time};
use crate::sip::locate::Hop;

/// How long a hop that failed is not tried while another is there.
pub const SHUNNED: Duration = Duration::from_secs(300);

/// The hops of one gateway.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Hops {
    /// The best first, each with the time until which it is shunned.
    hops: Vec<(Hop, Time)>,
    /// Further addresses from which its requests come, though none are sent there.
    also: Vec<SocketAddr>,
}

impl Hops {
    /// These from now on, the best first, beside `also`. A hop that stays keeps what is known of it.
    pub fn set(&mut self, hops: &[Hop], also: Vec<SocketAddr>) {
        let old = core::mem::take(&mut self.hops);
        let shunned =
            |hop: &Hop| old.iter().find(|(known, _)| known == hop).map(|(_, until)| *until);
        let known = |hop: &Hop| (*hop, shunned(hop).unwrap_or(Time::ZERO));
        self.hops = hops.iter().map(known).collect();
        self.also = also;
    }

    /// The one to send to. `None`: its name has not been found.
    pub fn first(&self, now: Time) -> Option<Hop> {
        let free = self.hops.iter().find(|(_, until)| *until <= now);
        let soonest = || self.hops.iter().min_by_key(|(_, until)| *until);
        free.or_else(soonest).map(|(hop, _)| *hop)
    }

    /// A request to `to` was not answered, or refused with 503. True: another hop is there to try.
    pub fn failed(&mut self, to: SocketAddr, now: Time) -> bool {
        for (hop, until) in &mut self.hops {
            if hop.addr == to {
                *until = now + SHUNNED;
            }
        }
        self.hops.iter().any(|(_, until)| *until <= now)
    }

    /// A request to `to` was answered: it is not shunned any more.
    pub fn answered(&mut self, to: SocketAddr) {
        for (hop, until) in &mut self.hops {
            if hop.addr == to {
                *until = Time::ZERO;
            }
        }
    }

    /// Whether its requests come from this address; `with_port`: from exactly that port.
    pub fn is_from(&self, source: SocketAddr, with_port: bool) -> bool {
        let fits = |own: &SocketAddr| {
            same_ip(own.ip(), source.ip()) && (!with_port || own.port() == source.port())
        };
        self.addresses().any(|own| fits(&own))
    }

    /// Whether all of them are reached over TLS alone.
    pub fn are_secure(&self) -> bool {
        !self.hops.is_empty() && self.hops.iter().all(|(hop, _)| hop.transport.is_secure())
    }

    /// Whether this is all there is to know of another: the same hops, whatever became of them.
    pub fn is_same(&self, other: &Hops) -> bool {
        self.addresses().eq(other.addresses())
    }

    /// All its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.hops.iter().map(|(hop, _)| hop.addr).chain(self.also.iter().copied())
    }
}

/// Equal addresses, an IPv4 one also in its IPv6-mapped form (a dual-stack socket shows it so).
fn same_ip(a: IpAddr, b: IpAddr) -> bool {
    a.to_canonical() == b.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    fn at(s: u64) -> Time {
        Time::from_millis(s * 1_000)
    }
    fn hop(text: &str) -> Hop {
        Hop { transport: Transport::Udp, addr: text.parse().unwrap() }
    }

    #[test]
    fn a_silent_hop_gives_way_to_the_next_for_a_time() {
        let (a, b) = (hop("192.0.2.1:5060"), hop("192.0.2.2:5060"));
        let mut hops = Hops::default();
        assert_eq!(hops.first(at(0)), None);
        hops.set(&[a, b], vec![]);
        assert_eq!(hops.first(at(0)), Some(a));
        assert!(hops.failed(a.addr, at(10)), "another is there");
        assert_eq!(hops.first(at(10)), Some(b));
        hops.set(&[a, b, hop("192.0.2.3:5060")], vec![]);
        assert_eq!(hops.first(at(11)), Some(b), "found again, and still shunned");
        hops.set(&[a, b], vec![]);
        assert!(!hops.failed(b.addr, at(20)), "none is left");
        assert_eq!(hops.first(at(20)), Some(a), "the one silent the longest");
        hops.answered(b.addr);
        assert_eq!(hops.first(at(21)), Some(b));
        assert_eq!(hops.first(at(10) + SHUNNED), Some(a), "its time is over");
    }

    #[test]
    fn its_requests_come_from_any_of_its_addresses() {
        let mut hops = Hops::default();
        hops.set(&[hop("192.0.2.1:5060")], vec!["192.0.2.9:5070".parse().unwrap()]);
        let from = |text: &str, with_port| hops.is_from(text.parse().unwrap(), with_port);
        assert!(from("192.0.2.1:40000", false) && !from("192.0.2.1:40000", true));
        assert!(from("192.0.2.9:5070", true) && from("[::ffff:192.0.2.1]:5060", true));
        assert!(!from("192.0.2.2:5060", false));
    }
}
