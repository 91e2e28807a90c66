//! Who may come in at the sockets at all, asked before anything is parsed.
//!
//! ```text
//!  switch ── Order ──▶ Gate ◀── datagram? connection? ── udp, connections
//!                       allowed: passes, and its connections are not counted by source
//!                       banned until …: dropped
//!                       hushed until …: its datagrams are dropped, its connections are not
//!                          └── but an INVITE or MESSAGE to an urgent number, in a datagram, is read
//! ```
//!
//! The switch decides who is banned and for how long; here it is only kept to, at the cost of one
//! lookup, and of none while nobody is banned.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::base::{Network, Source};

/// What the switch wants of the sockets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Nothing of this source is taken for so long.
    Ban(Source, Duration),
    /// Its datagrams are not, which may be another's.
    Hush(Source, Duration),
    /// It is heard again.
    Unban(Source),
    /// Who is known: gateways and configured networks, in place of those before.
    Allow(Vec<Network>),
    /// Where gateways listen, in place of those before.
    Peers(Vec<SocketAddr>),
    /// The numbers of emergencies and of the care line, in place of those before: who dials one or reports to it is
    /// read, whoever he is.
    Urgent(Vec<String>),
}

/// What the sockets keep to. Copies are the same gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Default)]
#[allow(clippy::disallowed_types, reason = "the switch writes what the sockets read")]
struct Inner {
    any: AtomicBool,
    shut: RwLock<HashMap<Source, Shut>>,
    allowed: RwLock<Vec<Network>>,
    peers: RwLock<Vec<SocketAddr>>,
    urgent: RwLock<Vec<String>>,
}

/// Until when a source is kept out.
#[derive(Clone, Copy)]
struct Shut {
    banned: Instant,
    hushed: Instant,
}

impl Gate {
    /// Puts an order in force.
    pub(super) fn order(&self, order: Order) {
        match order {
            Order::Ban(source, time) => self.shut(source, time, Duration::ZERO),
            Order::Hush(source, time) => self.shut(source, Duration::ZERO, time),
            Order::Unban(source) => {
                let mut shut = self.0.shut.write().expect("no holder panics");
                shut.remove(&source);
                self.0.any.store(!shut.is_empty(), Ordering::Release);
            }
            Order::Allow(networks) => {
                *self.0.allowed.write().expect("no holder panics") = networks;
            }
            Order::Peers(addresses) => {
                *self.0.peers.write().expect("no holder panics") = addresses;
            }
            Order::Urgent(numbers) => {
                *self.0.urgent.write().expect("no holder panics") = numbers;
            }
        }
    }

    fn shut(&self, source: Source, banned: Duration, hushed: Duration) {
        let now = Instant::now();
        let mut shut = self.0.shut.write().expect("no holder panics");
        // The switch bounds how many there are; those that are over go with the next.
        shut.retain(|_, until| until.banned > now || until.hushed > now);
        let until = shut.entry(source).or_insert(Shut { banned: now, hushed: now });
        // A new ban takes the place of the one before; neither ends by a hush.
        if banned > Duration::ZERO {
            until.banned = now + banned;
        }
        until.hushed = until.hushed.max(now + hushed);
        self.0.any.store(true, Ordering::Release);
    }

    fn is_shut(&self, address: IpAddr, until: impl FnOnce(&Shut) -> Instant) -> bool {
        if !self.0.any.load(Ordering::Acquire) {
            return false;
        }
        let shut = self.0.shut.read().expect("no holder panics");
        let until = shut.get(&Source::of(address)).map(until);
        drop(shut);
        until.is_some_and(|until| until > Instant::now()) && !self.is_allowed(address)
    }

    /// Whether connections from this address are not taken. Those of who is allowed are, even in the /64
    /// of somebody who is banned.
    pub(super) fn is_banned(&self, address: IpAddr) -> bool {
        self.is_shut(address, |shut| shut.banned)
    }

    /// Whether a datagram from this address is dropped unread.
    pub(super) fn drops(&self, address: IpAddr, datagram: &[u8]) -> bool {
        self.is_shut(address, |shut| shut.banned.max(shut.hushed)) && !self.is_urgent(datagram)
    }

    /// Whether it is an INVITE or a MESSAGE to an urgent number.
    fn is_urgent(&self, datagram: &[u8]) -> bool {
        let methods = [&b"INVITE "[..], b"MESSAGE "];
        let Some(uri) = methods.iter().find_map(|method| datagram.strip_prefix(*method)) else {
            return false;
        };
        let Some(colon) = uri.iter().take("sips:".len()).position(|byte| *byte == b':') else {
            return false;
        };
        let urgent = self.0.urgent.read().expect("no holder panics");
        urgent.iter().any(|number| {
            let rest = uri[colon + 1..].strip_prefix(number.as_bytes());
            let next = rest.and_then(|rest| rest.first());
            next.is_some_and(|next| matches!(next, b'@' | b';' | b' ' | b':'))
        })
    }

    /// Whether a gateway listens there.
    pub(super) fn is_peer(&self, address: SocketAddr) -> bool {
        self.0.peers.read().expect("no holder panics").contains(&address)
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
        gate.order(Order::Ban(Source::of(other), Duration::from_nanos(1)));
        std::thread::sleep(Duration::from_millis(1));
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

    #[test]
    fn a_gateway_beside_a_banned_phone_is_heard() {
        let gate = Gate::default();
        let [phone, gateway] =
            ["2001:db8::9", "2001:db8::1"].map(|a| a.parse().expect("an address"));
        gate.order(Order::Allow(vec!["2001:db8::1/128".parse().expect("a network")]));
        gate.order(Order::Ban(Source::of(phone), Duration::from_secs(600)));
        assert!(gate.is_banned(phone) && !gate.is_banned(gateway));
    }

    #[test]
    fn a_hush_is_for_datagrams_and_shortens_no_ban() {
        let gate = Gate::default();
        let [one, other] = ["203.0.113.9", "203.0.113.8"].map(|a| a.parse().expect("an address"));
        let (short, long) = (Duration::from_nanos(1), Duration::from_secs(600));
        gate.order(Order::Hush(Source::of(one), long));
        assert!(gate.drops(one, b"x") && !gate.is_banned(one) && !gate.drops(other, b"x"));
        gate.order(Order::Ban(Source::of(other), long));
        gate.order(Order::Hush(Source::of(other), short));
        std::thread::sleep(Duration::from_millis(1));
        assert!(gate.drops(other, b"x") && gate.is_banned(other));
        gate.order(Order::Unban(Source::of(one)));
        assert!(!gate.drops(one, b"x") && gate.drops(other, b"x"));
    }

    #[test]
    fn a_call_for_help_is_read_whoever_sends_it() {
        let gate = Gate::default();
        let one = "203.0.113.9".parse().expect("an address");
        gate.order(Order::Urgent(vec!["110".into(), "+86110".into()]));
        gate.order(Order::Ban(Source::of(one), Duration::from_secs(600)));
        for (uri, dropped) in [
            ("INVITE sip:110@h SIP/2.0", false),
            ("MESSAGE sip:110@h SIP/2.0", false),
            ("OPTIONS sip:110@h SIP/2.0", true),
            ("INVITE sips:110;a=b@h SIP/2.0", false),
            ("INVITE tel:+86110 SIP/2.0", false),
            ("INVITE sip:1100@h SIP/2.0", true),
            ("INVITE sip:110", true),
            ("INVITE sip:100@h SIP/2.0", true),
            ("REGISTER sip:110@h SIP/2.0", true),
            ("INVITE ", true),
            ("", true),
        ] {
            assert_eq!(gate.drops(one, uri.as_bytes()), dropped, "{uri}");
        }
    }
}
