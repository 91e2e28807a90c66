//! Where a message comes from and goes to (RFC 5626's word: flow).
//!
//! A [`Flow`] names one path to a peer: our address, its address, the transport between them. The
//! machines of this floor never open anything: they hand `net` a message and its flow, and `net`
//! sends it from the socket bound to `local`, or over the connection to `remote`, which it opens
//! when there is none.

use core::fmt;
use std::net::SocketAddr;

use crate::wire::sip::Transport as via;

/// How the bytes travel.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub enum Transport {
    /// Datagrams (RFC 3261 §18).
    Udp,
    /// One connection, messages framed by Content-Length.
    Tcp,
    /// TCP under TLS (`sips`, port 5061).
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket under TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// True when the transport itself delivers or reports: transactions then neither retransmit
    /// nor linger (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// True when nobody on the way can read or change what is said.
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// The name in a Via header (`SIP/2.0/UDP`).
    pub const fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The value of a URI's `transport` parameter; `None` for UDP, which is the default.
    pub const fn uri_param(self) -> Option<&'static str> {
        match self {
            Transport::Udp => None,
            Transport::Tcp => Some("tcp"),
            Transport::Tls => Some("tls"),
            Transport::Ws | Transport::Wss => Some("ws"),
        }
    }

    /// The port meant when none is written.
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
}

/// One path to a peer.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// Our address on it: never the wildcard, for it is written into Via and Contact unless the
    /// peer's network knows us by another.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} to {}", self.transport.via_name(), self.local, self.remote)
    }
}
