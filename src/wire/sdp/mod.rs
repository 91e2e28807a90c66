//! Session descriptions (RFC 8866, as RFC 3264 uses them): text to [`Sdp`] and back.
//!
//! ```text
//! v=0                                    ┐
//! o=belfry 1 1 IN IP4 192.0.2.1          │ session: origin, name, connection,
//! s=-                                    │ attributes, lines that we do not know
//! c=IN IP4 192.0.2.1                     │
//! t=0 0                                  ┘
//! m=audio 4000 RTP/AVP 8 101             ┐
//! a=rtpmap:8 PCMA/8000                   │ one Media for each m= line, in order
//! a=sendrecv                             ┘
//! ```
//!
//! Read generously, because gateways send lines out of order, encoding names in lower case, bare
//! LF, no `s=` or `t=`; written in the order of the grammar. Lines and attributes that mean
//! nothing to us are kept. Text is bytes in an unknown charset.
//!
//! Not here: what an offer and an answer agree on (`media::negotiate`).

mod attribute;
mod crypto;
mod fingerprint;
mod parse;
mod print;
mod rtpmap;

use std::net::IpAddr;

pub use attribute::{Attribute, Direction, Rtcp};
pub use crypto::{Crypto, MOST_CRYPTO, Unusable};
pub use fingerprint::{BadFingerprint, Fingerprint, Hash, Setup};
pub use parse::{MAX_BYTES, MAX_FORMATS, MAX_LINES, MAX_MEDIA, SdpError};
pub use rtpmap::RtpMap;

/// A session description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    /// `o=`; `None` when missing or malformed (a malformed one is among `other`).
    pub origin: Option<Origin>,
    /// `s=`; empty when missing.
    pub name: Box<[u8]>,
    /// `c=` for every media without its own.
    pub connection: Option<Connection>,
    /// `a=` lines before the first `m=`.
    pub attributes: Vec<Attribute>,
    /// Every other line before the first `m=`: `i u e p b t r z k` and unknown letters.
    pub other: Vec<Line>,
    /// The `m=` sections. Their number and order are part of the negotiation (RFC 3264 §6).
    pub media: Vec<Media>,
}

/// `o=`: who made this description and which version of it (RFC 8866 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// User name, `-` for none.
    pub user: Box<[u8]>,
    /// Session id.
    pub session: u64,
    /// Goes up by one with each change (RFC 3264 §8).
    pub version: u64,
    /// The maker's address.
    pub address: Address,
}

/// An address in `o=`, `c=` or `a=rtcp:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `IN IP4 …` or `IN IP6 …`.
    Ip(IpAddr),
    /// A domain name, with what stood before it (`IP4`, `IP6`).
    Name {
        /// True after `IP6`.
        v6: bool,
        /// The name.
        name: Box<str>,
    },
}

impl Address {
    /// The address, when it is no name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::Ip(ip) => Some(*ip),
            Address::Name { .. } => None,
        }
    }
}

/// `c=`: where media goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Where.
    pub address: Address,
    /// `/ttl` or `/ttl/count` of a multicast address, kept as it is.
    pub multicast: Option<Box<str>>,
}

impl Connection {
    /// A unicast address.
    pub fn new(ip: IpAddr) -> Connection {
        Connection { address: Address::Ip(ip), multicast: None }
    }

    /// `0.0.0.0` or `::`: the old way to put a call on hold (RFC 3264 §8.4).
    pub fn is_hold(&self) -> bool {
        self.address.ip().is_some_and(|ip| ip.is_unspecified())
    }
}

/// A line that is kept as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The letter before `=`.
    pub letter: u8,
    /// What follows it.
    pub value: Box<[u8]>,
}

/// An `m=` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image` …, lower case.
    pub kind: Box<str>,
    /// Where to send; 0 refuses the stream.
    pub port: u16,
    /// Number of port pairs after `/`; 1 when not written.
    pub port_count: u16,
    /// `RTP/AVP`, `RTP/SAVP`, `udptl` …, as written.
    pub proto: Box<str>,
    /// Payload types, or whatever the protocol has, in order of preference.
    pub formats: Vec<Box<str>>,
    /// `c=` of this section.
    pub connection: Option<Connection>,
    /// `a=` lines in order.
    pub attributes: Vec<Attribute>,
    /// Every other line of this section.
    pub other: Vec<Line>,
}

impl Sdp {
    /// A description of ours, without media yet.
    pub fn new(user: &str, session: u64, version: u64, ip: IpAddr) -> Sdp {
        let address = Address::Ip(ip);
        Sdp {
            origin: Some(Origin { user: user.as_bytes().into(), session, version, address }),
            name: b"-"[..].into(),
            connection: Some(Connection::new(ip)),
            attributes: Vec::new(),
            other: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Where this media section's packets go: its own `c=`, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of this media section, as its sender sees it: its own attribute, else the
    /// session's, else both ways (RFC 3264 §5.1).
    pub fn direction_of(&self, media: &Media) -> Direction {
        Direction::of(&media.attributes)
            .or_else(|| Direction::of(&self.attributes))
            .unwrap_or(Direction::SendRecv)
    }

    /// The first session-level attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        attribute::find(&self.attributes, name)
    }

    /// The first audio section that is not refused.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| &*media.kind == "audio" && media.port != 0)
    }
}

impl Media {
    /// A section of ours.
    pub fn new(kind: &str, port: u16, proto: &str) -> Media {
        Media {
            kind: kind.into(),
            port,
            port_count: 1,
            proto: proto.into(),
            formats: Vec::new(),
            connection: None,
            attributes: Vec::new(),
            other: Vec::new(),
        }
    }

    /// The section that refuses this one: same kind, protocol and formats, port 0, nothing else
    /// (RFC 3264 §6).
    pub fn refusal(&self) -> Media {
        let formats = self.formats.clone();
        Media { formats, ..Media::new(&self.kind, 0, &self.proto) }
    }
}
