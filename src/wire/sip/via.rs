//! Via values (RFC 3261 §20.42, `rport` by RFC 3581): the way a response takes back.
//!
//! ```text
//! Via: SIP/2.0/UDP host:port;branch=z9hG4bK…;received=192.0.2.1;rport=5060
//! ```

use core::fmt;
use std::net::{IpAddr, SocketAddr};

use super::error::Fault;
use super::host::{Host, HostPortFault, parse_host_port, parse_ip};
use super::lex;
use super::params::Params;
use super::write::ToWire;

/// The start of every branch by RFC 3261 §8.1.1.7.
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// The transport that a Via or a `;transport=` names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// SCTP (RFC 4168).
    Sctp,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
    /// Any other token.
    Other(Box<str>),
}

impl Transport {
    /// Recognises a transport in any case; `None` when it is not a token.
    pub fn parse(text: &[u8]) -> Option<Transport> {
        const KNOWN: [Transport; 6] = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Sctp,
            Transport::Ws,
            Transport::Wss,
        ];
        if !lex::is_token_text(text) {
            return None;
        }
        let known = KNOWN.into_iter().find(|t| text.eq_ignore_ascii_case(t.as_str().as_bytes()));
        let other = || text.iter().map(|b| char::from(*b)).collect::<String>().into();
        Some(known.unwrap_or_else(|| Transport::Other(other())))
    }

    /// As a Via spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Sctp => "SCTP",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
            Transport::Other(token) => token,
        }
    }

    /// The port where none is written (§18.2.2, §19.1.2; RFC 7118 §5.2.1).
    pub fn default_port(&self) -> u16 {
        match self {
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
            _ => 5060,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a Via says about the port that its request came from (RFC 3581).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rport {
    /// No `rport`.
    Absent,
    /// `;rport`: the client asks for the answer to come back to its source port.
    Asked,
    /// `;rport=N`: filled in by the server.
    Filled(u16),
}

/// One Via value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Over what the request was sent.
    pub transport: Transport,
    /// The sender's own idea of its host.
    pub host: Host,
    /// The sender's port, when one is written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport` and whatever else.
    pub params: Params,
}

impl Via {
    /// A Via for our own request, which asks for `rport`.
    pub fn new(transport: Transport, local: SocketAddr, branch: &[u8]) -> Via {
        // One piece of memory: every request has a Via.
        let room = branch.len() + ";branch=;rport".len();
        let params = Params::with_capacity(room);
        let params = params.with("branch", Some(branch)).with("rport", None);
        Via { transport, host: local.ip().into(), port: Some(local.port()), params }
    }

    /// Parses one value of a Via header.
    pub fn parse(text: &[u8]) -> Result<Via, Fault> {
        let (protocol, rest) = lex::split_once(text, b'/').ok_or(Fault::Protocol)?;
        let (version, rest) = lex::split_once(rest, b'/').ok_or(Fault::Protocol)?;
        if !lex::trim(protocol).eq_ignore_ascii_case(b"SIP") || lex::trim(version) != b"2.0" {
            return Err(Fault::Protocol);
        }
        let rest = lex::trim_start(rest);
        let end = rest.iter().position(|b| lex::is_space(*b)).ok_or(Fault::Protocol)?;
        let (transport, rest) = rest.split_at(end);
        let transport = Transport::parse(transport).ok_or(Fault::Protocol)?;
        let end = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at(end);
        let (host, port) = parse_host_port(lex::trim(sent_by)).map_err(|fault| match fault {
            HostPortFault::Host => Fault::Host,
            HostPortFault::Port => Fault::Port,
        })?;
        Ok(Via { transport, host, port, params: Params::parse(params)? })
    }

    /// The branch, `None` when missing or empty.
    pub fn branch(&self) -> Option<&[u8]> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The branch if it identifies the transaction by itself: the magic cookie with something
    /// after it (§17.2.3). Others are matched by RFC 2543's rules.
    pub fn unique_branch(&self) -> Option<&[u8]> {
        let branch = self.branch()?;
        let (cookie, rest) = branch.split_at_checked(MAGIC_COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(MAGIC_COOKIE) && !rest.is_empty()).then_some(branch)
    }

    /// The address in `received`, when it is there and readable.
    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received").and_then(parse_ip)
    }

    /// The state of `rport`. One that is no port counts as asked for.
    pub fn rport(&self) -> Rport {
        match self.params.get("rport") {
            None => Rport::Absent,
            Some(text) => match lex::number(text, u32::from(u16::MAX)) {
                Ok(port) if port != 0 => Rport::Filled(port as u16),
                _ => Rport::Asked,
            },
        }
    }

    /// The port of `sent-by`, the transport's default where none is written.
    pub fn sent_by_port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.transport.default_port())
    }

    /// Where a response over UDP goes (§18.2.2, RFC 3581 §4): `received` before sent-by, `rport`
    /// before its port. `maddr` is not followed: it would let a stranger aim our answers.
    pub fn reply_to(&self) -> (Host, u16) {
        let host = self.received().map_or_else(|| self.host.clone(), Host::from);
        match self.rport() {
            Rport::Filled(port) => (host, port),
            _ => (host, self.sent_by_port()),
        }
    }
}

impl ToWire for Via {
    fn to_wire(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0/");
        self.transport.as_str().to_wire(out);
        out.push(b' ');
        self.host.to_wire(out);
        if let Some(port) = self.port {
            out.push(b':');
            port.to_wire(out);
        }
        out.extend_from_slice(self.params.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_everywhere_the_grammar_has_it() {
        let v =
            Via::parse(b"SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ik")
                .unwrap();
        assert_eq!(v.transport, Transport::Tcp);
        assert_eq!(v.unique_branch(), Some(&b"z9hG4bK9ik"[..]));
        assert_eq!(v.to_bytes(), b"SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ik");
        let v =
            Via::parse(b"sip/2.0/Unknown [2001:db8::9:1] : 6050;received=2001:db8::9:255").unwrap();
        assert_eq!(v.transport, Transport::Other("Unknown".into()));
        assert_eq!(v.port, Some(6050));
        assert_eq!(v.received(), Some("2001:db8::9:255".parse().unwrap()));
    }

    #[test]
    fn the_way_back() {
        let to = |text: &[u8]| {
            let (host, port) = Via::parse(text).unwrap().reply_to();
            format!("{host}:{port}")
        };
        assert_eq!(to(b"SIP/2.0/UDP h.example"), "h.example:5060");
        assert_eq!(to(b"SIP/2.0/TLS h.example"), "h.example:5061");
        assert_eq!(to(b"SIP/2.0/UDP h:5080;received=192.0.2.9"), "192.0.2.9:5080");
        assert_eq!(to(b"SIP/2.0/UDP h:5080;received=192.0.2.9;rport=1024"), "192.0.2.9:1024");
        assert_eq!(to(b"SIP/2.0/UDP h:5080;maddr=192.0.2.9;rport"), "h:5080");
        assert_eq!(Via::parse(b"SIP/2.0/UDP h;rport=x").unwrap().rport(), Rport::Asked);
    }

    #[test]
    fn branches_that_identify_nothing() {
        let branch = |text: &[u8]| Via::parse(text).unwrap().unique_branch().map(<[u8]>::to_vec);
        assert_eq!(branch(b"SIP/2.0/UDP h;branch=z9hG4bK"), None);
        assert_eq!(branch(b"SIP/2.0/UDP h;branch=390skdjuw"), None);
        assert_eq!(branch(b"SIP/2.0/UDP h"), None);
        assert_eq!(branch(b"SIP/2.0/UDP h;branch=z9hG4bK1"), Some(b"z9hG4bK1".to_vec()));
    }

    #[test]
    fn malformed_ones_say_why() {
        for (text, fault) in [
            (&b""[..], Fault::Protocol),
            (b"SIP/2.0 UDP h", Fault::Protocol),
            (b"SIP/7.0/UDP h", Fault::Protocol),
            (b"SIP/2.0/UDP", Fault::Protocol),
            (b"SIP/2.0/UDP ;branch=x", Fault::Host),
            (b"SIP/2.0/UDP 192.0.2.15;;", Fault::Param),
            (b"SIP/2.0/UDP h:99999", Fault::Port),
        ] {
            assert_eq!(Via::parse(text), Err(fault), "{}", text.escape_ascii());
        }
    }
}
