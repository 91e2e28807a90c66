//! The pool of ports: opened once, given to one leg after the other.
//!
//! ```text
//!   ready ──take──▶ a leg's ──give back──▶ resting, QUARANTINE long ──▶ ready
//! ```
//!
//! A port rests before it is given out again, so that late packets of the old call are nobody's
//! rather than the new call's (R8). The one that rested longest goes first, unless somebody still
//! sends to it: a phone that missed its hang-up may do so for hours. When all are sent to, the stray
//! source is handed on, for the latch to bar. When none is ready, one that rests is better than a
//! call refused.
//!
//! Each address of ours has ports of its own: a leg's is at the address that its party reaches.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::base::{Duration, Time};
use crate::media::PortIndex;
use crate::media::latch::Source;

/// No leg.
const NOBODY: u32 = u32::MAX;
/// A port is quiet when no stray packet has come for this long.
const QUIET: Duration = Duration::from_secs(5);
/// Ports that are looked at to find a quiet one: a flood over all ports costs no more than this.
const MOST_LOOKED_AT: usize = 16;

/// All ports of one worker.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// The leg of each by index: the packet path's first look-up, so it stands by itself and dense.
    legs: Vec<u32>,
    ports: Vec<Port>,
    shelves: Vec<Shelf>,
}

/// The ports of one address that are nobody's.
#[derive(Debug)]
struct Shelf {
    ip: IpAddr,
    ready: VecDeque<u32>,
    resting: VecDeque<(Time, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Port {
    addr: Option<SocketAddr>,
    /// Who sent to it last while it was nobody's.
    stray: Option<(Source, Time)>,
}

/// A port for a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Given {
    pub(super) port: PortIndex,
    /// Its RTP address.
    pub(super) addr: SocketAddr,
    /// Who is sending to it already.
    pub(super) stray: Option<Source>,
}

impl Ports {
    /// Adds a port that is open at `addr`. An index that is there already keeps its leg and takes
    /// the address.
    pub(super) fn add(&mut self, port: PortIndex, addr: SocketAddr) {
        let index = port.0 as usize;
        if self.ports.len() <= index {
            self.ports.resize(index + 1, Port { addr: None, stray: None });
            self.legs.resize(index + 1, NOBODY);
        }
        if self.ports[index].addr.replace(addr).is_none() {
            self.shelf(addr.ip()).ready.push_back(port.0);
        }
    }

    fn shelf(&mut self, ip: IpAddr) -> &mut Shelf {
        let at = self.shelves.iter().position(|shelf| shelf.ip == ip).unwrap_or_else(|| {
            self.shelves.push(Shelf { ip, ready: VecDeque::new(), resting: VecDeque::new() });
            self.shelves.len() - 1
        });
        &mut self.shelves[at]
    }

    /// The leg that has `port`.
    #[inline]
    pub(super) fn leg(&self, port: PortIndex) -> Option<u32> {
        self.legs.get(port.0 as usize).copied().filter(|leg| *leg != NOBODY)
    }

    /// Gives a port to `leg`, at `near` if we have it, else at an address of its family, else at the
    /// first; `None`: each there is taken.
    pub(super) fn take(&mut self, now: Time, leg: u32, near: IpAddr) -> Option<Given> {
        let far = |shelf: &&mut Shelf| (shelf.ip != near, shelf.ip.is_ipv4() != near.is_ipv4());
        let shelf = self.shelves.iter_mut().min_by_key(far)?;
        while let Some((_, port)) = shelf.resting.pop_front_if(|(until, _)| *until <= now) {
            shelf.ready.push_back(port);
        }
        let stray = |port: u32| {
            let stray = self.ports[port as usize].stray;
            stray.filter(|(_, at)| now.since(*at) < QUIET).map(|(source, _)| source)
        };
        let mut looked_at = shelf.ready.iter().take(MOST_LOOKED_AT);
        let quiet = looked_at.position(|port| stray(*port).is_none()).unwrap_or(0);
        let index = match shelf.ready.remove(quiet) {
            Some(ready) => ready,
            None => shelf.resting.pop_front()?.1,
        };
        let stray = stray(index);
        self.legs[index as usize] = leg;
        Some(Given { port: PortIndex(index), addr: self.ports[index as usize].addr?, stray })
    }

    /// Somebody sent to a port that is nobody's.
    pub(super) fn stray(&mut self, now: Time, port: PortIndex, source: Source) {
        if let Some(port) = self.ports.get_mut(port.0 as usize) {
            port.stray = Some((source, now));
        }
    }

    /// Takes the port back, to rest for `quarantine`. `heard` spoke to the leg and may go on to.
    pub(super) fn give_back(
        &mut self,
        now: Time,
        port: PortIndex,
        heard: Option<Source>,
        quarantine: Duration,
    ) {
        if self.leg(port).is_some() {
            self.legs[port.0 as usize] = NOBODY;
            let entry = &mut self.ports[port.0 as usize];
            entry.stray = heard.map(|source| (source, now));
            let Some(addr) = entry.addr else { return };
            self.shelf(addr.ip()).resting.push_back((now + quarantine, port.0));
        }
    }

    /// Ports that are a leg's.
    pub(super) fn taken(&self) -> usize {
        self.legs.iter().filter(|leg| **leg != NOBODY).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn pool(count: u32) -> Ports {
        let mut ports = Ports::default();
        for n in 0..count {
            ports.add(PortIndex(n), SocketAddr::from(([127, 0, 0, 1], 4_000 + 2 * n as u16)));
        }
        ports
    }

    #[test]
    fn a_port_rests_before_it_is_anothers() {
        let rest = Duration::from_secs(5);
        let mut ports = pool(1);
        let given = ports.take(Time::ZERO, 7, NEAR).unwrap();
        let port = given.port;
        assert_eq!((given.addr.port(), ports.leg(port)), (4_000, Some(7)));
        assert_eq!(ports.take(Time::ZERO, 8, NEAR), None);
        ports.give_back(Time::ZERO, port, None, rest);
        ports.give_back(Time::ZERO, port, None, rest); // twice does no harm
        assert_eq!((ports.leg(port), ports.taken()), (None, 0));
        ports.add(PortIndex(1), SocketAddr::from(([127, 0, 0, 1], 5_000)));
        let at = Time::from_millis(4_999);
        assert_eq!(ports.take(at, 8, NEAR).unwrap().port, PortIndex(1), "the other rests still");
        assert_eq!(ports.take(at, 9, NEAR), Some(given), "better than none");
        assert_eq!((ports.take(at, 10, NEAR), ports.taken()), (None, 2));
    }

    #[test]
    fn the_longest_rested_goes_first() {
        let mut ports = pool(2);
        let rest = Duration::from_secs(1);
        let first = ports.take(Time::ZERO, 1, NEAR).unwrap().port;
        ports.give_back(Time::ZERO, first, None, rest);
        let second = ports.take(Time::from_millis(2_000), 2, NEAR).unwrap().port;
        assert_ne!(first, second);
        assert_eq!(ports.leg(PortIndex(99)), None);
    }

    #[test]
    fn a_quiet_port_goes_before_one_that_is_still_sent_to() {
        let mut ports = pool(2);
        let source = Source { addr: SocketAddr::from(([192, 0, 2, 1], 9)), ssrc: 1 };
        let at = Time::from_millis;
        ports.stray(at(0), PortIndex(0), source);
        let quiet = ports.take(at(1_000), 1, NEAR).unwrap();
        assert_eq!((quiet.port, quiet.stray), (PortIndex(1), None));
        let busy = ports.take(at(1_000), 2, NEAR).unwrap();
        assert_eq!((busy.port, busy.stray), (PortIndex(0), Some(source)));
        ports.give_back(at(1_000), busy.port, None, Duration::ZERO);
        assert_eq!(ports.take(at(6_000), 3, NEAR).unwrap().stray, None, "it has fallen silent");
    }

    #[test]
    fn a_leg_has_its_port_in_its_own_network() {
        let mut ports = pool(1);
        let office = SocketAddr::from(([192, 0, 2, 1], 4_000));
        let six: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
        ports.add(PortIndex(1), office);
        ports.add(PortIndex(2), six);
        let at = Time::ZERO;
        assert_eq!(ports.take(at, 1, office.ip()).unwrap().addr, office);
        assert_eq!(ports.take(at, 2, office.ip()), None, "another network's would not be reached");
        let other: IpAddr = "2001:db8::99".parse().unwrap();
        assert_eq!(ports.take(at, 3, other).unwrap().addr, six, "its family at least");
        ports.give_back(at, PortIndex(1), None, Duration::ZERO);
        assert_eq!(ports.take(at, 4, office.ip()).unwrap().addr, office);
    }

    /// R8: the one who was talked to and does not know yet that the call is over.
    #[test]
    fn given_again_without_a_rest_its_last_party_is_a_stray() {
        let mut ports = pool(1);
        let source = Source { addr: SocketAddr::from(([192, 0, 2, 1], 9)), ssrc: 1 };
        let port = ports.take(Time::ZERO, 1, NEAR).unwrap().port;
        ports.give_back(Time::from_millis(100), port, Some(source), Duration::from_secs(5));
        assert_eq!(ports.take(Time::from_millis(120), 2, NEAR).unwrap().stray, Some(source));
    }
}
