//! Addresses and ports: where SIP is answered, where gateways are, what SDP offers.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use toml::Spanned;
use toml::de::DeValue;

use crate::wire::dns::DnsName;
use crate::wire::sip::Transport as via;

use super::fault::quoted;
use super::keys::Gateway;
use super::setting::{Reader, Setting, Wrong, read_text};

/// What carries SIP.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket under TLS.
    Wss,
}

impl Transport {
    /// The port where none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp => via::Udp,
            Transport::Tcp => via::Tcp,
            Transport::Tls => via::Tls,
            Transport::Ws => via::Ws,
            Transport::Wss => via::Wss,
        }
        .default_port()
    }
    fn read(scheme: &str) -> Option<Transport> {
        match scheme {
            "udp" => Some(Transport::Udp),
            "tcp" => Some(Transport::Tcp),
            "tls" => Some(Transport::Tls),
            "ws" => Some(Transport::Ws),
            "wss" => Some(Transport::Wss),
            _ => None,
        }
    }
    /// Whether a certificate is shown to who connects.
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        })
    }
}

/// A transport with address and port: `udp:10.0.0.10:5060`, `tcp:[2001:db8::5]:5060`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SipAddress {
    /// What carries it.
    pub transport: Transport,
    /// Address and port.
    pub addr: SocketAddr,
}

impl fmt::Display for SipAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.transport, self.addr)
    }
}

impl SipAddress {
    /// The transport's own port when none is written. `0.0.0.0` passes: a listener may have it.
    fn parse(text: &str) -> Result<SipAddress, Wrong> {
        let example = "write \"udp:10.0.0.10:5060\" or \"tcp:10.0.0.10:5060\"";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(Wrong::write(format!("{} names no transport", quoted(text)), example));
        };
        let Some(transport) = Transport::read(scheme) else {
            let what = format!("{} is no transport", quoted(scheme));
            return Err(Wrong::write(what, example));
        };
        let with_port = rest.parse::<SocketAddr>().ok();
        let bare = rest.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let alone = bare.ok().map(|ip| SocketAddr::new(ip, transport.default_port()));
        match with_port.or(alone) {
            Some(addr) if addr.port() == 0 => Err(Wrong::write(
                "port 0 is no port",
                format!("write {transport}:{}:{}", addr.ip(), transport.default_port()),
            )),
            Some(addr) => Ok(SipAddress { transport, addr }),
            None if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                let what = format!("{} is no IP address of this machine", quoted(rest));
                Err(Wrong::write(what, example))
            }
            None => {
                let what = format!("{} is not an IP address with a port", quoted(rest));
                Err(Wrong::write(what, example))
            }
        }
    }
}

/// An address on which SIP is answered.
impl Setting for SipAddress {
    const WRITE: &'static str = "a transport and an address, such as \"udp:0.0.0.0:5060\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<SipAddress> {
        read_text(value, reader, Self::WRITE, |text| {
            let address = SipAddress::parse(text)?;
            if address.addr.ip().is_multicast() {
                return Err(Wrong::not(text, "an address of this machine"));
            }
            Ok(address)
        })
    }
}

/// Where another SIP system is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Peer {
    /// At an address that a packet can be sent to.
    At(SipAddress),
    /// Where the DNS says (RFC 3263).
    Named(Named),
}

/// A SIP system by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The domain, or the host.
    pub name: DnsName,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The transport, where one is written.
    pub transport: Option<Transport>,
}

impl Peer {
    /// The address, where there is nothing to look up.
    pub fn fixed(&self) -> Option<SipAddress> {
        match self {
            Peer::At(address) => Some(*address),
            Peer::Named(_) => None,
        }
    }
    /// The transport, where one is written.
    pub fn transport(&self) -> Option<Transport> {
        match self {
            Peer::At(address) => Some(address.transport),
            Peer::Named(named) => named.transport,
        }
    }
    /// Its host, as a URI or a certificate names it.
    pub fn host(&self) -> String {
        match self {
            Peer::At(address) => address.addr.ip().to_string(),
            Peer::Named(named) => named.name.to_string(),
        }
    }

    fn parse(text: &str) -> Result<Peer, Wrong> {
        let known = ["udp", "tcp", "tls", "ws", "wss"];
        let scheme = text.split_once(':').filter(|(scheme, _)| known.contains(scheme));
        match name_and_port(scheme.map_or(text, |(_, rest)| rest)) {
            Some((_, Some(0))) => Err(Wrong::not(text, "a place: port 0 is no port")),
            Some((name, port)) => {
                let transport = scheme.map(|(scheme, _)| Transport::read(scheme));
                Ok(Peer::Named(Named { name, port, transport: transport.flatten() }))
            }
            None => Ok(Peer::At(SipAddress::parse(text)?)),
        }
    }
}

impl Gateway {
    /// Where its requests go first: its outbound proxy, where it has one. What is said of TLS and of its
    /// certificate is about that.
    pub fn first_hop(&self) -> &Peer {
        self.outbound_proxy.as_ref().unwrap_or(&self.address)
    }
}

/// Reads `sbc.example.cn` or `sbc.example.cn:5080`. `None`: that is no name. The last label of a name
/// is never a number, so that a mistyped address is none.
fn name_and_port(text: &str) -> Option<(DnsName, Option<u16>)> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let name = DnsName::parse(name)?;
    let last = name.as_str().rsplit('.').next()?;
    let is_number = last.bytes().all(|c| c.is_ascii_digit());
    (!is_number && !name.as_str().contains('_')).then_some((name, port))
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::At(address) => write!(f, "{address}"),
            Peer::Named(Named { name, port, transport }) => {
                if let Some(transport) = transport {
                    write!(f, "{transport}:")?;
                }
                write!(f, "{name}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

impl Setting for Peer {
    const WRITE: &'static str = "a transport and an address, such as \"udp:10.0.0.10:5060\", or a name, such as \"sip.example.cn\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Peer> {
        read_text(value, reader, Self::WRITE, |text| {
            let peer = Peer::parse(text)?;
            if let Some(transport @ (Transport::Ws | Transport::Wss)) = peer.transport() {
                // RFC 7118 §1: browsers call servers, and nobody calls a browser.
                let what = format!("{transport}: no gateway is called over WebSocket");
                return Err(Wrong::write(what, "write udp:, tcp: or tls:"));
            }
            if let Peer::At(address) = &peer {
                reachable(address.addr.ip(), text)?;
            }
            Ok(peer)
        })
    }
}

/// A DNS server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DnsServer(pub SocketAddr);

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for DnsServer {
    const WRITE: &'static str = "an IP address, with a port or without, such as \"10.0.0.2\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<DnsServer> {
        read_text(value, reader, Self::WRITE, |text| Ok(DnsServer(ip_and_port(text, 53)?)))
    }
}

/// A collector of captured messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Collector(pub SocketAddr);

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Collector {
    const WRITE: &'static str = "an IP address, with a port or without, such as \"10.0.0.9:9060\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Collector> {
        read_text(value, reader, Self::WRITE, |text| Ok(Collector(ip_and_port(text, 9060)?)))
    }
}

/// An address to send datagrams to; `port` where none is written.
fn ip_and_port(text: &str, port: u16) -> Result<SocketAddr, Wrong> {
    let alone = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, port));
    let at = text.parse::<SocketAddr>().or(alone);
    let at = at.map_err(|_| Wrong::not(text, "an IP address, with a port or without"))?;
    if at.port() == 0 {
        return Err(Wrong::not(text, "a place: port 0 is no port"));
    }
    reachable(at.ip(), text)?;
    Ok(at)
}

/// Refuses what no single machine has.
fn reachable(ip: IpAddr, text: &str) -> Result<(), Wrong> {
    if ip.is_unspecified() {
        let what = format!("{} names no machine: nobody can send to it", quoted(text));
        return Err(Wrong::write(
            what,
            "write the address that the others reach, such as \"10.0.0.5\"",
        ));
    }
    if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        let what = format!("{} is not the address of one machine", quoted(text));
        return Err(Wrong::write(what, "write an address such as \"10.0.0.5\""));
    }
    Ok(())
}

/// An address of this machine that goes into SDP, Via or Contact, so never `0.0.0.0`.
impl Setting for IpAddr {
    const WRITE: &'static str = "an IP address, such as \"10.0.0.5\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<IpAddr> {
        read_text(value, reader, Self::WRITE, |text| {
            let ip: IpAddr = text.parse().map_err(|_| Wrong::not(text, "an IP address"))?;
            reachable(ip, text)?;
            Ok(ip)
        })
    }
}

/// An address and port of a listener that speaks no SIP.
impl Setting for SocketAddr {
    const WRITE: &'static str = "an address and a port, such as \"127.0.0.1:8080\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<SocketAddr> {
        read_text(value, reader, Self::WRITE, |text| {
            text.parse().map_err(|_| Wrong::not(text, "an address and a port"))
        })
    }
}

/// The UDP ports of RTP, both ends included. RTP takes the even ones, RTCP the odd one above
/// (RFC 3550 §11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    /// The first: even.
    pub first: u16,
    /// The last: odd.
    pub last: u16,
}

impl PortRange {
    /// Fewest pairs: two calls of two legs.
    pub const FEWEST_PAIRS: u32 = 4;

    /// How many RTP streams it holds: one a leg.
    pub const fn pairs(self) -> u32 {
        (self.last as u32 - self.first as u32).div_ceil(2)
    }
    /// Whether `port` is one of them.
    pub const fn holds(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl Setting for PortRange {
    const WRITE: &'static str = "a range of ports, such as \"16384-32767\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<PortRange> {
        read_text(value, reader, Self::WRITE, |text| {
            let ends = text.split_once('-').and_then(|(first, last)| {
                Some((first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?))
            });
            let (first, last) = ends.ok_or_else(|| Wrong::not(text, "a range of ports"))?;
            let why = if first > last {
                Some("the range ends before it begins".to_owned())
            } else if first < 1024 {
                Some("ports below 1024 belong to the system".to_owned())
            } else if first % 2 == 1 {
                let remedy = format!("write \"{}-{}\"", first.saturating_add(1), last | 1);
                return Err(Wrong::write(
                    format!("RTP begins on an even port, not {first}"),
                    remedy,
                ));
            } else if last % 2 == 0 {
                let what = format!("port {last} has no odd port for its RTCP");
                return Err(Wrong::write(what, format!("write \"{first}-{}\"", last | 1)));
            } else {
                None
            };
            if let Some(what) = why {
                return Err(Wrong::new(what));
            }
            let range = PortRange { first, last };
            if range.pairs() < PortRange::FEWEST_PAIRS {
                let what = format!("the range holds {} streams", range.pairs());
                let remedy = format!("write at least {} ports", PortRange::FEWEST_PAIRS * 2);
                return Err(Wrong::write(what, remedy));
            }
            Ok(range)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        SipAddress::parse(text).unwrap_err().what
    }

    #[test]
    fn addresses_with_and_without_port() {
        let read = |text| SipAddress::parse(text).unwrap().to_string();
        assert_eq!(read("udp:10.0.0.10:5070"), "udp:10.0.0.10:5070");
        assert_eq!(read("tcp:10.0.0.10"), "tcp:10.0.0.10:5060");
        assert_eq!(read("udp:[2001:db8::5]:5070"), "udp:[2001:db8::5]:5070");
        assert_eq!(read("udp:[2001:db8::5]"), "udp:[2001:db8::5]:5060");
        assert_eq!(read("udp:::1"), "udp:[::1]:5060");
        assert_eq!(read("tls:10.0.0.10"), "tls:10.0.0.10:5061");
        assert_eq!(read("ws:10.0.0.10"), "ws:10.0.0.10:80");
        assert_eq!(read("wss:[2001:db8::5]"), "wss:[2001:db8::5]:443");
    }

    #[test]
    fn peers_are_at_addresses_or_have_names() {
        let read = |text| Peer::parse(text).ok();
        let named = |text| match read(text) {
            Some(Peer::Named(Named { name, port, transport })) => {
                Some((name.to_string(), port, transport))
            }
            _ => None,
        };
        let name = "sip.example.cn".to_owned();
        assert_eq!(named("sip.example.cn"), Some((name.clone(), None, None)));
        assert_eq!(named("SIP.example.cn.:5080"), Some((name.clone(), Some(5080), None)));
        assert_eq!(named("tls:sip.example.cn"), Some((name, None, Some(Transport::Tls))));
        assert_eq!(named("gw1:5060").map(|n| n.1), Some(Some(5060)), "/etc/hosts has such");
        assert!(matches!(read("udp:10.0.0.10"), Some(Peer::At(_))));
        for no in ["10.0.0.300", "udp:10.0.0.300", "udp:a.cn:0", "a.cn:x", "udp:a_b.cn", "udp:"] {
            assert_eq!(read(no), None, "{no}");
        }
        for text in ["sip.example.cn", "tls:sip.example.cn:5071", "udp:10.0.0.10:5060"] {
            assert_eq!(read(text).map(|peer| peer.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        assert!(wrong("10.0.0.10").contains("names no transport"));
        assert!(wrong("10.0.0.10:5060").contains("is no transport"));
        assert!(wrong("sctp:10.0.0.10:5061").contains("is no transport"));
        assert!(wrong("udp:gw.example:5060").contains("is no IP address of this machine"));
        assert!(wrong("udp:10.0.0.10:0").contains("port 0"));
        assert!(wrong("udp:10.0.0.10:70000").contains("is not an IP address"));
        assert!(wrong("udp:").contains("is not an IP address"));
        assert!(reachable("0.0.0.0".parse().unwrap(), "0.0.0.0").is_err());
        assert!(reachable("255.255.255.255".parse().unwrap(), "").is_err());
        assert!(reachable("ff02::1".parse().unwrap(), "").is_err());
    }

    #[test]
    fn pairs_are_counted() {
        assert_eq!(PortRange { first: 16_384, last: 32_767 }.pairs(), 8_192);
        assert_eq!(PortRange { first: 2_000, last: 2_007 }.pairs(), 4);
        assert_eq!(PortRange { first: 1_024, last: 65_535 }.pairs(), 32_256);
    }
}
