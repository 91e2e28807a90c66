//! Where something comes from, as limits count it: an IPv4 address, or the /64 of an IPv6 one (a single
//! machine may use any address of its own); and networks, as administrators write them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// Bits of an IPv6 address by which a source is told from others.
const V6_BITS: u8 = 64;

/// One source.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Source(IpAddr);

impl Source {
    /// The source that an address belongs to. An IPv4 address in IPv6's form is the IPv4 one.
    pub fn of(address: IpAddr) -> Source {
        Source(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(masked_v6(v6, V6_BITS)),
            v4 => v4,
        })
    }

    /// What a proof may be bound to.
    pub fn octets(self) -> [u8; 16] {
        match self.0 {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        }
    }

    /// Whether the network holds it.
    pub fn is_in(self, network: &Network) -> bool {
        network.holds(self.0)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/{V6_BITS}"),
        }
    }
}

/// An address, or all with the same beginning: `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of `bits` bits in which `address` lies. `None`: an address has fewer.
    pub fn new(address: IpAddr, bits: u8) -> Option<Network> {
        let (address, bits) = match address.to_canonical() {
            IpAddr::V4(v4) if bits <= 32 => (IpAddr::V4(masked_v4(v4, bits)), bits),
            IpAddr::V4(v4) if address.is_ipv6() && bits >= 96 => {
                (IpAddr::V4(masked_v4(v4, bits - 96)), bits - 96)
            }
            IpAddr::V6(v6) if bits <= 128 => (IpAddr::V6(masked_v6(v6, bits)), bits),
            _ => return None,
        };
        Some(Network { address, bits })
    }

    /// One address alone.
    pub fn only(address: IpAddr) -> Network {
        let address = address.to_canonical();
        Network { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The first address in it that a machine may have.
    pub fn first_host(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(own) if self.bits < 31 => Ipv4Addr::from_bits(own.to_bits() | 1).into(),
            IpAddr::V6(own) if self.bits < 127 => Ipv6Addr::from_bits(own.to_bits() | 1).into(),
            whole => whole,
        }
    }

    /// How many bits all of it has in common.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether its addresses are IPv4 ones.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether `address` lies in it.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => masked_v4(other, self.bits) == own,
            (IpAddr::V6(own), IpAddr::V6(other)) => masked_v6(other, self.bits) == own,
            _ => false,
        }
    }
}

fn masked_v4(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn masked_v6(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.address.is_ipv4() { 32 } else { 128 };
        match self.bits == whole {
            true => self.address.fmt(f),
            false => write!(f, "{}/{}", self.address, self.bits),
        }
    }
}

/// A text that is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        match text.split_once('/') {
            None => text.parse().map(Network::only).map_err(|_| NotANetwork),
            Some((address, bits)) => {
                let address = address.parse().map_err(|_| NotANetwork)?;
                let bits = bits.parse().map_err(|_| NotANetwork)?;
                Network::new(address, bits).ok_or(NotANetwork)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse().expect("an address"))
    }

    #[test]
    fn a_machine_is_one_source_whatever_its_form() {
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("10.0.0.1").to_string(), "10.0.0.1");
        assert_eq!(source("2001:db8::1").to_string(), "2001:db8::/64");
        assert_ne!(source("10.0.0.1").octets(), source("10.0.0.2").octets());
    }

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        let net = |text: &str| text.parse::<Network>();
        let holds = |text: &str, address: &str| {
            net(text).expect("a network").holds(address.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.1.2.3/8", "10.9.9.9"), "what is behind the bits does not count");
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1") && !holds("10.0.0.1", "10.0.0.2"));
        assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:9::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "2001:db8::1"));
        assert!(source("2001:db8::1").is_in(&net("2001:db8::/64").expect("a network")));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "::1/129", "care.example", "/8"] {
            assert_eq!(net(bad), Err(NotANetwork), "{bad}");
        }
        for text in ["10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "::1"] {
            assert_eq!(net(text).expect("a network").to_string(), text);
        }
    }
}
