//! `host` and `hostport` (RFC 3261 §25.1; IPv6 by RFC 5954): a name or an address, and perhaps a
//! port.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A host as URIs and Vias name it. Addresses compare by value (RFC 5954 §4.2), names without
/// case.
#[derive(Debug, Clone, Eq)]
pub enum Host {
    /// A domain name; letters, digits, `-`, `.` and (seen in private networks) `_`.
    Name(Box<str>),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, in square brackets on the wire.
    V6(Ipv6Addr),
}

impl Host {
    /// A name or an address in text, an IPv6 one in brackets.
    pub fn parse(text: &[u8]) -> Option<Host> {
        if let Some(inner) = text.strip_prefix(b"[") {
            return parse_v6(inner.strip_suffix(b"]")?).map(Host::V6);
        }
        let legal = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if text.is_empty() || !text.iter().all(legal) {
            return None;
        }
        let text = core::str::from_utf8(text).ok()?;
        Some(text.parse().map_or_else(|_| Host::Name(text.into()), Host::V4))
    }

    /// The address, when it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(v4) => Some(IpAddr::V4(*v4)),
            Host::V6(v6) => Some(IpAddr::V6(*v6)),
        }
    }

    /// The socket address, when the host is an address.
    pub fn socket_addr(&self, port: u16) -> Option<SocketAddr> {
        self.ip().map(|ip| SocketAddr::new(ip, port))
    }
}

/// IPv6 text without brackets. Three colons, which RFC 3261's own grammar produced, are read as
/// two (RFC 5118 §4.10).
fn parse_v6(text: &[u8]) -> Option<Ipv6Addr> {
    let text = core::str::from_utf8(text).ok()?;
    text.parse().ok().or_else(|| text.replacen(":::", "::", 1).parse().ok())
}

/// An address as a `received` parameter or SDP carries it: IPv6 with or without brackets
/// (RFC 5118 §4.5).
pub(crate) fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    let bare = text.strip_prefix(b"[").and_then(|t| t.strip_suffix(b"]")).unwrap_or(text);
    core::str::from_utf8(bare).ok()?.parse().ok()
}

/// Splits `host[:port]`. The error says which half is wrong.
pub(super) fn parse_host_port(text: &[u8]) -> Result<(Host, Option<u16>), HostPortFault> {
    let host_len = match text.first() {
        Some(b'[') => text.iter().position(|b| *b == b']').map_or(text.len(), |n| n + 1),
        _ => text.iter().position(|b| *b == b':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(host_len);
    let host = Host::parse(super::lex::trim(host)).ok_or(HostPortFault::Host)?;
    let rest = super::lex::trim(rest);
    if rest.is_empty() {
        return Ok((host, None));
    }
    let port = rest.strip_prefix(b":").ok_or(HostPortFault::Host)?;
    let port = super::lex::number(super::lex::trim(port), u32::from(u16::MAX));
    Ok((host, Some(port.map_err(|_| HostPortFault::Port)? as u16)))
}

/// Which half of `host:port` is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostPortFault {
    /// Before the colon.
    Host,
    /// After it.
    Port,
}

impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl core::hash::Hash for Host {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        match self {
            Host::Name(name) => name.bytes().for_each(|b| state.write_u8(b.to_ascii_lowercase())),
            Host::V4(v4) => v4.hash(state),
            Host::V6(v6) => v6.hash(state),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(v4) => fmt::Display::fmt(v4, f),
            Host::V6(v6) => write!(f, "[{v6}]"),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Host {
        match ip {
            IpAddr::V4(v4) => Host::V4(v4),
            IpAddr::V6(v6) => Host::V6(v6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_addresses_and_brackets() {
        assert_eq!(Host::parse(b"192.0.2.1"), Some(Host::V4(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!(Host::parse(b"A.example"), Some(Host::Name("a.EXAMPLE".into())));
        assert_eq!(Host::parse(b"[2001:db8::10]").unwrap().to_string(), "[2001:db8::10]");
        assert_eq!(Host::parse(b"[2001:db8:::192.0.2.1]"), Host::parse(b"[2001:db8::192.0.2.1]"));
        for bad in [&b""[..], b"2001:db8::1", b"[::1", b"[::1]x", b"a b", b"a/b", b"[a]", b"\xe4"] {
            assert_eq!(Host::parse(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn ports_are_sixteen_bits() {
        assert_eq!(parse_host_port(b"h:5060").unwrap().1, Some(5060));
        assert_eq!(parse_host_port(b"[::1]:5070").unwrap().1, Some(5070));
        assert_eq!(parse_host_port(b"[::1]").unwrap().1, None);
        assert_eq!(parse_host_port(b"[::1]5070"), Err(HostPortFault::Host));
        assert_eq!(parse_host_port(b"h:65536"), Err(HostPortFault::Port));
        assert_eq!(parse_host_port(b"h:"), Err(HostPortFault::Port));
        assert_eq!(parse_host_port(b"2001:db8::10"), Err(HostPortFault::Port));
        assert_eq!(parse_ip(b"[2001:db8::9:255]"), parse_ip(b"2001:db8::9:255"));
    }
}
