//! What is asked of the DNS and what it says, as values (RFC 1035, 2782, 3403, 3596). The bytes are the
//! resolver's; which question follows from which answer is `sip::locate`'s (RFC 3263).

use core::fmt;
use core::net::IpAddr;

use crate::base::Duration;

/// The longest name, as text (RFC 1035 §2.3.4).
pub const MAX_NAME: usize = 253;

/// A host or service name: ASCII, lower case, without the dot at its end.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct DnsName(Box<str>);

impl DnsName {
    /// Reads a name. `None`: empty, over [`MAX_NAME`], a label empty or over 63 characters, or other
    /// characters than letters, digits, `-` and `_` (which service names have, RFC 2782).
    pub fn parse(text: &str) -> Option<DnsName> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let fits = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(fits);
        let good = text.len() <= MAX_NAME && text.split('.').all(label);
        good.then(|| DnsName(text.to_ascii_lowercase().into()))
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The name under which a service stands (RFC 2782): `_sip._udp` of `example.cn`. `None`: too long.
    pub fn service(&self, service: &str) -> Option<DnsName> {
        DnsName::parse(&format!("{service}.{}", self.0))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which records are asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Which services a domain has, and in which order (RFC 3403).
    Naptr,
    /// Which hosts have a service (RFC 2782).
    Srv,
    /// A host's IPv4 addresses.
    A,
    /// A host's IPv6 addresses (RFC 3596).
    Aaaa,
}

/// A question.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Question {
    /// Of this name.
    pub name: DnsName,
    /// These records.
    pub kind: Kind,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Naptr => "NAPTR",
            Kind::Srv => "SRV",
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// One record of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// NAPTR (RFC 3403 §4.1); what SIP has no use for is left out.
    Naptr {
        /// Lower first; a client may stop at the first it can use.
        order: u16,
        /// Lower first, within an order.
        preference: u16,
        /// `s`: the replacement has SRV records; letter case as it came.
        flags: Box<str>,
        /// `SIP+D2U`, `SIPS+D2T` …; letter case as it came.
        services: Box<str>,
        /// Where to ask next.
        replacement: DnsName,
    },
    /// SRV (RFC 2782).
    Srv {
        /// Lower first.
        priority: u16,
        /// The share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The host. `None` is the root, `.`: the service is decidedly not there.
        target: Option<DnsName>,
    },
    /// A or AAAA.
    Address(IpAddr),
}

/// What came of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Records of the kind asked for, aliases (CNAME) followed; none: there is no such name or no such
    /// record, for certain.
    Records {
        /// In no order.
        records: Vec<Record>,
        /// For how long this holds.
        ttl: Duration,
    },
    /// No server answered, or none could say.
    Failed {
        /// Why, in words.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ascii_in_labels() {
        let read = |text: &str| DnsName::parse(text).map(|name| name.to_string());
        assert_eq!(read("SBC1.Example.cn.").as_deref(), Some("sbc1.example.cn"));
        assert_eq!(read("_sip._udp.example.cn").as_deref(), Some("_sip._udp.example.cn"));
        for bad in ["", ".", "a..b", "a b", "例.cn", "a/b", &"x".repeat(64), &"ab.".repeat(85)] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(DnsName::parse(&"x.".repeat(126)).unwrap().service("_sip._udp").is_none());
    }
}
