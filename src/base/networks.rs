//! The networks that we are on: by which of our addresses a peer is met, and which one it is told.
//!
//! ```text
//!  peer's address ──longest prefix──▶ a network ─┬─▶ address: what is bound and sent from
//!                                                └─▶ public: what Via, Contact and SDP say
//! ```
//!
//! Where a network stands behind a 1:1 NAT the two differ. Without networks each peer is told the
//! address that its flow has. Does not know what is really this machine's: the daemon finds out.

use core::net::IpAddr;

use super::Network;

/// One network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// Our own address there.
    pub address: IpAddr,
    /// The address that peers there know us by.
    pub public: IpAddr,
    /// Which peers are met there.
    pub inside: Vec<Network>,
}

impl Attachment {
    /// Bits of the longest of its prefixes that holds `peer`.
    fn nearness(&self, peer: IpAddr) -> Option<u8> {
        self.inside.iter().filter(|prefix| prefix.holds(peer)).map(Network::bits).max()
    }
}

/// All of them; there may be none.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Networks(Vec<Attachment>);

impl Networks {
    /// These.
    pub fn new(all: Vec<Attachment>) -> Networks {
        Networks(all)
    }

    /// The network of `peer`: that of the longest prefix which holds it.
    pub fn of(&self, peer: IpAddr) -> Option<&Attachment> {
        nearest(self.0.iter(), peer)
    }

    /// What `peer` is told of `own`, an address of ours that it is reached from. A peer that comes by an
    /// address of another network than its own is told that one's: there it has just been.
    pub fn shown(&self, own: IpAddr, peer: IpAddr) -> IpAddr {
        let there = self.0.iter().filter(|network| network.address == own);
        nearest(there, peer).map_or(own, |network| network.public)
    }
}

fn nearest<'n>(
    networks: impl Iterator<Item = &'n Attachment>,
    peer: IpAddr,
) -> Option<&'n Attachment> {
    let near = networks.filter_map(|network| Some((network.nearness(peer)?, network)));
    near.max_by_key(|(bits, _)| *bits).map(|(_, network)| network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn network(address: &str, public: &str, inside: &[&str]) -> Attachment {
        let inside = inside.iter().map(|text| text.parse().expect("a network")).collect();
        Attachment { address: ip(address), public: ip(public), inside }
    }

    fn networks() -> Networks {
        Networks::new(vec![
            network("10.0.0.5", "203.0.113.7", &["0.0.0.0/0"]),
            network("192.168.1.5", "192.168.1.5", &["192.168.0.0/16", "172.16.0.0/12"]),
            network("192.168.7.5", "192.168.7.5", &["192.168.7.0/24"]),
            network("2001:db8::5", "2001:db8::5", &["::/0"]),
            network("10.0.0.5", "10.0.0.5", &["10.0.0.0/24"]),
        ])
    }

    #[test]
    fn the_longest_prefix_chooses() {
        for (peer, address, public) in [
            ("198.51.100.9", "10.0.0.5", "203.0.113.7"),
            ("10.0.0.9", "10.0.0.5", "10.0.0.5"),
            ("192.168.1.9", "192.168.1.5", "192.168.1.5"),
            ("192.168.7.9", "192.168.7.5", "192.168.7.5"),
            ("172.31.255.1", "192.168.1.5", "192.168.1.5"),
            ("2001:db8:1::9", "2001:db8::5", "2001:db8::5"),
            ("::ffff:192.168.7.9", "192.168.7.5", "192.168.7.5"),
        ] {
            let all = networks();
            let found = all.of(ip(peer)).expect("a network");
            assert_eq!((found.address, found.public), (ip(address), ip(public)), "{peer}");
            assert_eq!(all.shown(ip(address), ip(peer)), ip(public), "{peer}");
        }
    }

    #[test]
    fn the_address_that_a_peer_came_by_is_not_exchanged_for_another() {
        let all = networks();
        // A peer of the Internet that comes by the address of the local network.
        assert_eq!(all.shown(ip("192.168.1.5"), ip("198.51.100.9")), ip("192.168.1.5"));
        // One of the local network by the other's: nothing but 0.0.0.0/0 of it holds the peer.
        assert_eq!(all.shown(ip("10.0.0.5"), ip("192.168.1.9")), ip("203.0.113.7"));
        assert_eq!(all.shown(ip("127.0.0.1"), ip("127.0.0.1")), ip("127.0.0.1"));
    }

    #[test]
    fn without_networks_all_is_shown_as_it_is() {
        let none = Networks::default();
        assert_eq!(none.of(ip("10.0.0.9")), None);
        assert_eq!(none.shown(ip("10.0.0.5"), ip("10.0.0.9")), ip("10.0.0.5"));
        let few = Networks::new(vec![network("10.0.0.5", "203.0.113.7", &["198.51.100.0/24"])]);
        assert_eq!(few.of(ip("192.0.2.1")), None);
        assert_eq!(few.of(ip("2001:db8::1")), None);
        assert_eq!(few.shown(ip("10.0.0.5"), ip("192.0.2.1")), ip("10.0.0.5"));
    }
}
