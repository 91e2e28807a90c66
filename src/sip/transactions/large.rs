//! Requests too large for a datagram (RFC 3261 §18.1.1): over 1300 bytes they go by TCP, where we
//! and the peer have it.
//!
//! ```text
//!  request over UDP, > 1300 bytes ─▶ the peer takes TCP, as far as we know ─▶ the same, by TCP
//!                                                          that failed ─▶ by UDP, and for a while
//!                                                                         all of them to this peer
//! ```
//!
//! A datagram above the path's MTU goes in fragments, and many a NAT and firewall drops these. A
//! dialog stays where it is: what is small goes by UDP as before.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::base::{Duration, Time};
use crate::sip::{Flow, Transport};
use crate::wire::sip::{self as wire, Builder, Message, Name, Via};

/// The largest request that goes by UDP, bytes.
const DATAGRAM: usize = 1_300;
/// A peer whose TCP could not be reached is not tried again for so long.
const PAUSE: Duration = Duration::from_secs(600);
/// Such peers that are kept in mind.
const MOST_REFUSING: usize = 1_024;

/// Which way a request takes by its size.
#[derive(Debug, Default)]
pub struct Large {
    /// Our TCP listeners; none: all goes by UDP.
    listening: Vec<SocketAddr>,
    /// Peers without TCP, until when.
    refusing: BTreeMap<SocketAddr, Time>,
}

impl Large {
    /// With these TCP listeners, as peers see them.
    pub fn new(listening: Vec<SocketAddr>) -> Large {
        Large { listening, refusing: BTreeMap::new() }
    }

    /// The request as it goes by TCP, and its flow; `None`: it stays as it is.
    pub(super) fn by_stream(
        &mut self,
        now: Time,
        flow: Flow,
        request: &Message,
    ) -> Option<(Flow, Message)> {
        if flow.transport != Transport::Udp || request.bytes().len() <= DATAGRAM {
            return None;
        }
        if self.refusing.get(&flow.remote).is_some_and(|until| now < *until) {
            return None;
        }
        let same_family = |local: &&SocketAddr| local.is_ipv4() == flow.local.is_ipv4();
        let own = |local: &&SocketAddr| local.ip() == flow.local.ip();
        let local = self.listening.iter().find(own);
        let local = *local.or_else(|| self.listening.iter().find(same_family))?;
        let stream = Flow { transport: Transport::Tcp, local, ..flow };
        Some((stream, over(request, stream)?))
    }

    /// The peer could not be reached by TCP.
    pub(super) fn refused(&mut self, now: Time, remote: SocketAddr) {
        if self.refusing.len() >= MOST_REFUSING {
            self.refusing.retain(|_, until| now < *until);
        }
        if self.refusing.len() < MOST_REFUSING {
            self.refusing.insert(remote, now + PAUSE);
        }
    }
}

/// A request of ours with the Via of another flow and its own branch. `None`: its Via is none of
/// ours.
pub(super) fn over(request: &Message, flow: Flow) -> Option<Message> {
    let old = request.top_via().ok()?;
    let ip: IpAddr = old.host.ip()?;
    let branch = old.branch()?;
    let transport = match flow.transport {
        Transport::Udp => wire::Transport::Udp,
        _ => wire::Transport::Tcp,
    };
    let via = Via::new(transport, SocketAddr::new(ip, flow.local.port()), branch);
    let uri = request.request_uri()?;
    let mut builder = Builder::request(request.method().clone(), uri).header(Name::Via, &via);
    for (name, value) in request.raw_headers() {
        builder = match Name::parse(name) {
            Name::Via | Name::ContentLength | Name::ContentType => builder,
            _ => builder.header(core::str::from_utf8(name).ok()?, value),
        };
    }
    if let Some(kind) = request.header(Name::ContentType) {
        builder = builder.body(&String::from_utf8_lossy(kind), request.body());
    }
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }
    fn flow(local: &str) -> Flow {
        Flow { transport: Transport::Udp, local: at(local), remote: at("198.51.100.7:5060") }
    }
    fn request(body: usize) -> Message {
        let text = format!(
            "INVITE sip:b@198.51.100.7 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK7\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\n\
             CSeq: 1 INVITE\r\nX-Other: kept\r\nContent-Type: text/plain\r\nContent-Length: {body}\r\n\r\n{}",
            "x".repeat(body)
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    #[test]
    fn what_is_large_goes_by_the_listener_of_the_same_address() {
        let mut large =
            Large::new(vec![at("[::1]:5060"), at("192.0.2.2:5070"), at("192.0.2.1:5080")]);
        let small = request(0).bytes().len();
        let padding = |size: usize| {
            (0..4).map(|d| request(size - small - d)).find(|r| r.bytes().len() == size)
        };
        let exact = padding(DATAGRAM).expect("such a size");
        assert_eq!(large.by_stream(Time::ZERO, flow("192.0.2.1:5060"), &exact), None);
        let more = padding(DATAGRAM + 1).expect("such a size");
        let (stream, sent) =
            large.by_stream(Time::ZERO, flow("192.0.2.1:5060"), &more).expect("it is large");
        assert_eq!((stream.transport, stream.local), (Transport::Tcp, at("192.0.2.1:5080")));
        assert_eq!(stream.remote, at("198.51.100.7:5060"));
        // The address that peers know us by, the port of the stream, the same transaction.
        let via = sent.header(Name::Via).expect("a Via");
        assert_eq!(via, b"SIP/2.0/TCP 203.0.113.9:5080;branch=z9hG4bK7;rport".as_slice());
        assert_eq!((sent.body(), sent.header(Name::CallId)), (more.body(), Some(&b"c"[..])));
        assert!(sent.bytes().windows(13).any(|w| w == b"X-Other: kept"));
        let other = large.by_stream(Time::ZERO, flow("192.0.2.9:5060"), &more).expect("large");
        assert_eq!(other.0.local, at("192.0.2.2:5070"), "of the same family");
        let tcp = Flow { transport: Transport::Tcp, ..flow("192.0.2.1:5060") };
        assert_eq!(large.by_stream(Time::ZERO, tcp, &more), None);
        assert_eq!(Large::default().by_stream(Time::ZERO, flow("192.0.2.1:5060"), &more), None);
    }

    #[test]
    fn who_has_no_tcp_is_let_alone_for_a_while_and_few_are_kept_in_mind() {
        let mut large = Large::new(vec![at("192.0.2.1:5060")]);
        let (flow, request) = (flow("192.0.2.1:5060"), request(2_000));
        large.refused(Time::ZERO, flow.remote);
        assert_eq!(
            large.by_stream(Time::ZERO + PAUSE - Duration::from_millis(1), flow, &request),
            None
        );
        assert!(large.by_stream(Time::ZERO + PAUSE, flow, &request).is_some());
        for port in 1..5_000 {
            large.refused(Time::ZERO, SocketAddr::new(flow.remote.ip(), port));
        }
        assert_eq!(large.refusing.len(), MOST_REFUSING);
        large.refused(Time::ZERO + PAUSE, flow.remote);
        assert_eq!(large.refusing.len(), 1);
    }
}
