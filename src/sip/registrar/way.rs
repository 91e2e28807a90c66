//! Where a request to a binding goes: over the flow of its REGISTER, or to the address that it names.
//!
//! ```text
//!   connection, or RFC 5626's flow ───────────────────────────────▶ the flow
//!   UDP, a Path ──────────────────────────────────────────────────▶ the first Path's address
//!   UDP, the REGISTER came as its Via says: nothing is translated ─▶ the Contact's address
//!   UDP, else: a NAT stands between ──────────────────────────────▶ the flow
//! ```
//!
//! Some phones send from one port and listen at another (RFC 3261 allows it), and a server may register for others: they
//! are reached at their Contact alone. Behind a NAT nothing but the flow reaches a phone, whatever its Contact says. A
//! private address that somebody outside names is taken for his own network's.

use core::net::{IpAddr, SocketAddr};

use crate::sip::{Flow, Transport};
use crate::wire::sip::{Message, NameAddr, SipUri, Uri};

/// The port where none is written (RFC 3261 §19.1.2).
const PORT: u16 = 5060;

/// The address that requests go to, where it is another than the flow's.
pub(super) fn elsewhere(
    contact: &Uri,
    paths: &[Box<[u8]>],
    keeps_flow: bool,
    flow: Flow,
    request: &Message,
) -> Option<SocketAddr> {
    if flow.transport != Transport::Udp {
        return None;
    }
    let path = paths.first().and_then(|path| NameAddr::parse(path).ok());
    let at = match &path {
        Some(path) => address(path.uri.as_sip()?)?,
        None if keeps_flow || !is_direct(flow, request) => return None,
        None => address(contact.as_sip()?)?,
    };
    (at != flow.remote && at != flow.local && is_reachable(at.ip(), flow.remote.ip())).then_some(at)
}

/// The address that a URI names for UDP; a name is none.
fn address(uri: &SipUri) -> Option<SocketAddr> {
    let transport = uri.params.get("transport");
    let is_udp = transport.is_none_or(|transport| transport.eq_ignore_ascii_case(b"udp"));
    let ip = uri.host.ip().filter(|_| is_udp && !uri.secure)?;
    let port = uri.port.unwrap_or(PORT);
    (port != 0).then_some(SocketAddr::new(ip, port))
}

/// Whether the request came from where its Via says that answers go: nobody has translated it.
fn is_direct(flow: Flow, request: &Message) -> bool {
    let Ok(via) = request.top_via() else { return false };
    let same_port = via.port.unwrap_or(PORT) == flow.remote.port();
    // Who asks for `rport` sends from where it listens (RFC 3581 §3): another port is a NAT's.
    via.host.ip() == Some(flow.remote.ip()) && (same_port || !via.params.has("rport"))
}

/// Whether an address that somebody at `from` names can be meant as it stands.
fn is_reachable(ip: IpAddr, from: IpAddr) -> bool {
    let is_one = !ip.is_unspecified() && !ip.is_multicast();
    is_one && ip.is_ipv4() == from.is_ipv4() && inside(ip) <= inside(from)
}

/// How far inside an address is: 0 in the Internet, 1 in a private network, 2 in the machine.
fn inside(ip: IpAddr) -> u8 {
    let private = match ip {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            // RFC 6598's shared addresses are a provider's own.
            v4.is_private() || v4.is_link_local() || first == 100 && second & 0xc0 == 64
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    if ip.is_loopback() { 2 } else { u8::from(private) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a request goes to who registers from `from` over UDP, with these Via and further headers.
    fn way(from: &str, via: &str, contact: &str, more: &str) -> Option<String> {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\nTo: <sip:1@h>\r\nFrom: \
             <sip:1@h>;tag=1\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nContact: {contact}\r\n{more}\r\n"
        );
        let request = Message::parse(text.as_bytes()).expect("a message");
        let local = "192.0.2.1:5060".parse().expect("an address");
        let flow =
            Flow { transport: Transport::Udp, local, remote: from.parse().expect("an address") };
        let uri = Uri::parse(contact.trim_matches(['<', '>']).as_bytes()).expect("a URI");
        let paths: Vec<Box<[u8]>> =
            request.headers(crate::wire::sip::Name::Path).map(Box::from).collect();
        let keeps = contact.contains(";ob");
        elsewhere(&uri, &paths, keeps, flow, &request).map(|at| at.to_string())
    }

    #[test]
    fn a_phone_that_listens_elsewhere_is_reached_there() {
        let there = |contact: &str| way("10.0.0.7:49152", "10.0.0.7:5060", contact, "");
        assert_eq!(there("<sip:1@10.0.0.7>").as_deref(), Some("10.0.0.7:5060"));
        assert_eq!(there("<sip:1@10.0.0.7:5062>").as_deref(), Some("10.0.0.7:5062"));
        assert_eq!(there("<sip:1@10.0.9.9:5060;transport=udp>").as_deref(), Some("10.0.9.9:5060"));
        for contact in [
            "<sip:1@10.0.0.7:49152>",
            "<sip:1@phone.example:5060>",
            "<sip:1@10.0.0.7:5060;transport=tcp>",
            "<sips:1@10.0.0.7:5060>",
            "<sip:1@10.0.0.7:5060;ob>",
            "<sip:1@192.0.2.1:5060>",
            "<sip:1@0.0.0.0:5060>",
            "<sip:1@224.0.1.75:5060>",
            "<sip:1@127.0.0.1:5060>",
            "<sip:1@[2001:db8::7]:5060>",
            "<sip:1@10.0.0.7:0>",
        ] {
            assert_eq!(there(contact), None, "{contact}");
        }
        // It asks for answers where it sends from, and its Via says that it is there.
        let symmetric = way("10.0.0.7:49152", "10.0.0.7:49152;rport", "<sip:1@10.0.0.7:5060>", "");
        assert_eq!(symmetric.as_deref(), Some("10.0.0.7:5060"));
    }

    #[test]
    fn behind_a_nat_nothing_but_the_flow_is_a_way() {
        for (via, contact) in [
            ("192.168.1.5:5060", "<sip:1@192.168.1.5:5060>"),
            ("192.168.1.5:5060;rport", "<sip:1@192.168.1.5:5060>"),
            // It has learnt its outer address, and the NAT gives each peer a port of its own.
            ("203.0.113.9:5060;rport", "<sip:1@203.0.113.9:5060>"),
            ("phone.local:5060", "<sip:1@203.0.113.9:5060>"),
            // A gateway of its network has written the outer address into Via alone.
            ("203.0.113.9:1024;rport", "<sip:1@192.168.1.5:5060>"),
        ] {
            assert_eq!(way("203.0.113.9:1024", via, contact, ""), None, "{via} {contact}");
        }
    }

    #[test]
    fn the_first_path_is_the_next_hop() {
        let edge = |path: &str| {
            let more = format!("Path: {path}\r\n");
            way("198.51.100.4:40000", "198.51.100.4:40000;rport", "<sip:1@10.0.0.7:5060;ob>", &more)
        };
        assert_eq!(edge("<sip:198.51.100.4:5060;lr;ob>").as_deref(), Some("198.51.100.4:5060"));
        assert_eq!(edge("<sip:198.51.100.5;lr>, <sip:far>").as_deref(), Some("198.51.100.5:5060"));
        assert_eq!(edge("<sip:edge.example;lr>"), None);
        assert_eq!(edge("<sip:10.0.0.1;lr>"), None, "the edge is behind a NAT itself");
    }
}
