//! A dialog (RFC 3261 §12): what two user agents must remember of each other to talk on.
//!
//! ```text
//!   Call-ID, our tag, their tag     who
//!   our CSeq, their CSeq            in which order
//!   target, route set, flow         whereto
//! ```
//!
//! **Whereto over UDP.** The request line and Route headers are the RFC's. The datagram goes to the
//! peer's Contact when that is at the address the peer talks from; otherwise (a Contact behind NAT,
//! a name, a route set) to the address and port it last talked from, for that one is known to work.
//! A peer that asked for `rport`, or whose Via names the port it sends from, listens where it sends
//! (RFC 3581) and is answered there in any case. Over a connection it is the connection.
//!
//! Not here: which requests may be sent when (`invite`), transactions.

use super::compose::Hop;
use super::token::Token;
use super::{Flow, Transport, compose};
use crate::wire::sip::{
    Builder, CSeq, Contacts, HeaderError, Message, Method, Name, NameAddr, Rport, ToWire, Uri, Via,
};

/// Routes that we follow; a longer list is cut off by nobody honest.
const MOST_ROUTES: usize = 32;

/// One dialog.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Dialog {
    call_id: Box<[u8]>,
    /// From of our requests.
    local: Box<[u8]>,
    /// To of our requests.
    remote: Box<[u8]>,
    remote_tag: Box<[u8]>,
    local_seq: u32,
    remote_seq: Option<u32>,
    target: Uri,
    /// Route values of our requests, first hop first.
    routes: Vec<NameAddr>,
    flow: Flow,
    /// The peer listens where it sends.
    symmetric: bool,
}

/// A request within the dialog has a CSeq that is not above the last one (§12.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfOrder;

impl Dialog {
    /// As called (§12.1.1): from the INVITE, its topmost Via, our tag.
    pub fn called(
        invite: &Message,
        via: &Via,
        tag: Token,
        flow: Flow,
    ) -> Result<Dialog, HeaderError> {
        let from = invite.from()?;
        // A peer of RFC 2543 may have no Contact: its From is the best address then.
        let target = contact_of(invite)?.unwrap_or_else(|| from.uri.clone());
        Ok(Dialog {
            call_id: invite.call_id()?.into(),
            local: invite.to()?.with_tag(&tag.text()).to_bytes().into(),
            remote: invite.single(Name::From)?.into(),
            remote_tag: from.tag().unwrap_or_default().into(),
            local_seq: 0,
            remote_seq: Some(invite.cseq()?.number),
            target,
            routes: record_route(invite)?,
            flow,
            symmetric: is_symmetric(via, flow),
        })
    }

    /// As calling (§12.1.2): from a response to our INVITE that went to `asked` over `flow`.
    pub fn calling(response: &Message, asked: &Uri, flow: Flow) -> Result<Dialog, HeaderError> {
        let routes = reversed_routes(response);
        Ok(Dialog {
            call_id: response.call_id()?.into(),
            local: response.single(Name::From)?.into(),
            remote: response.single(Name::To)?.into(),
            remote_tag: response.to()?.tag().unwrap_or_default().into(),
            local_seq: response.cseq()?.number,
            remote_seq: None,
            target: contact_of(response)?.unwrap_or_else(|| asked.clone()),
            routes,
            flow,
            symmetric: false,
        })
    }

    /// A 2xx makes an early dialog of ours a confirmed one: its route set and target are computed
    /// again (§13.2.2.4).
    pub fn confirm(&mut self, response: &Message) {
        self.routes = reversed_routes(response);
        self.refresh_target(response);
    }

    /// The peer's tag; empty for an RFC 2543 peer without.
    pub fn remote_tag(&self) -> &[u8] {
        &self.remote_tag
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// CSeq of our last request.
    pub fn local_seq(&self) -> u32 {
        self.local_seq
    }

    /// Is this request of the peer's within this dialog? Our tag was compared already.
    pub fn owns(&self, request: &Message) -> bool {
        request.header(Name::CallId) == Some(&self.call_id)
            && request.from().is_ok_and(|from| from.tag().unwrap_or_default() == &*self.remote_tag)
    }

    /// Takes note of a request of the peer's: its order (§12.2.2) and where it came from. A CSeq
    /// equal to the last is out of order too: the transaction that owned it is gone, so it is an
    /// old request that the network kept.
    pub fn arrived(&mut self, request: &Message, via: &Via, flow: Flow) -> Result<(), OutOfOrder> {
        let number = request.cseq().map_or(0, |cseq| cseq.number);
        if self.remote_seq.is_some_and(|last| number <= last) {
            return Err(OutOfOrder);
        }
        self.remote_seq = Some(number);
        self.flow = flow;
        self.symmetric = is_symmetric(via, flow);
        Ok(())
    }

    /// A target refresh (re-INVITE, UPDATE, their 2xx): the Contact replaces the target (§12.2).
    /// Without a readable one it stays.
    pub fn refresh_target(&mut self, message: &Message) {
        if let Ok(Some(contact)) = contact_of(message) {
            self.target = contact;
        }
    }

    /// The peer's Contact, as it said last.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// Where the next request goes; see the module's header.
    pub fn next_hop(&self) -> Flow {
        let flow = self.flow;
        let elsewhere =
            self.target.param("transport").is_some_and(|t| !t.eq_ignore_ascii_case(b"udp"));
        if flow.transport != Transport::Udp
            || self.symmetric
            || !self.routes.is_empty()
            || elsewhere
        {
            return flow;
        }
        match self.target.socket_addr() {
            Some(remote) if remote.ip() == flow.remote.ip() => Flow { remote, ..flow },
            _ => flow,
        }
    }

    /// Begins our next request, with the next CSeq. Contact and body are the caller's.
    pub(crate) fn request(&mut self, method: &Method, hop: Hop) -> Builder {
        self.local_seq = self.next_seq();
        self.with_number(method, hop, self.local_seq)
    }

    /// Begins the ACK of a 2xx to our INVITE with this CSeq (§13.2.2.4).
    pub(crate) fn ack(&self, number: u32, hop: Hop) -> Builder {
        self.with_number(&Method::Ack, hop, number)
    }

    /// The CSeq number for a request that is sent once more with credentials.
    pub fn skip_seq(&mut self) -> u32 {
        self.local_seq = self.next_seq();
        self.local_seq
    }

    /// CSeq stays below 2^31 (§8.1.1.5); nobody sends that many requests in a dialog.
    fn next_seq(&self) -> u32 {
        (self.local_seq + 1) & 0x7fff_ffff
    }

    fn with_number(&self, method: &Method, hop: Hop, number: u32) -> Builder {
        let (uri, routes) = self.path();
        let mut builder = compose::request(method, uri, hop);
        for route in routes {
            builder = builder.header(Name::Route, &route.to_bytes());
        }
        builder
            .header(Name::From, &*self.local)
            .header(Name::To, &*self.remote)
            .header(Name::CallId, &*self.call_id)
            .header(Name::CSeq, &CSeq { number, method: method.clone() })
    }

    /// Request-URI and Route values: the target and the route set; when the first route is a
    /// strict router (no `lr`), that one and the rest with the target at the end (§12.2.1.1).
    fn path(&self) -> (&Uri, Vec<NameAddr>) {
        match self.routes.first() {
            Some(first) if first.uri.param("lr").is_none() => {
                let rest = self.routes[1..].iter().cloned();
                (&first.uri, rest.chain([NameAddr::new(self.target.clone())]).collect())
            }
            _ => (&self.target, self.routes.clone()),
        }
    }
}

/// The first Contact's URI; `None` when there is none.
fn contact_of(message: &Message) -> Result<Option<Uri>, HeaderError> {
    Ok(match message.contacts()? {
        Contacts::Star => None,
        Contacts::List(list) => list.into_iter().next().map(|contact| contact.addr.uri),
    })
}

fn record_route(message: &Message) -> Result<Vec<NameAddr>, HeaderError> {
    let mut routes = message.record_routes()?;
    routes.truncate(MOST_ROUTES);
    Ok(routes)
}

/// The route set of the caller (§12.1.2). One that cannot be read is none: a 2xx must be
/// acknowledged in any case.
fn reversed_routes(response: &Message) -> Vec<NameAddr> {
    let mut routes = record_route(response).unwrap_or_default();
    routes.reverse();
    routes
}

/// Does the sender of this Via listen on the port that it sends from?
fn is_symmetric(via: &Via, flow: Flow) -> bool {
    via.rport() != Rport::Absent || via.sent_by_port() == flow.remote.port()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: Token = Token(0xabc);

    fn flow(remote: &str) -> Flow {
        let local = "192.0.2.1:5060".parse().expect("an address");
        Flow { transport: Transport::Udp, local, remote: remote.parse().expect("an address") }
    }

    fn hop(dialog: &Dialog) -> Hop {
        let flow = dialog.next_hop();
        Hop { flow, branch: Token(1), sent_by: flow.local }
    }

    fn invite(via: &str, more: &str) -> Message {
        let text = format!(
            "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\n\
             From: \"A\" <sip:a@h>;tag=1\r\nTo: <sip:us@h>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n{more}\r\n"
        );
        Message::parse(text.as_bytes()).expect("a message")
    }

    fn called(via: &str, more: &str, from: &str) -> Dialog {
        let invite = invite(via, more);
        let via = invite.top_via().expect("a Via");
        Dialog::called(&invite, &via, TAG, flow(from)).expect("a dialog")
    }

    #[test]
    fn a_request_goes_back_over_the_route_set() {
        let more = "Contact: <sip:a@198.51.100.7:5070>\r\n\
                    Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n";
        let mut dialog = called("198.51.100.7;branch=z9hG4bK1", more, "203.0.113.9:5060");
        let bye = dialog.request(&Method::Bye, hop(&dialog)).build().expect("writable");
        assert_eq!(bye.request_uri(), Some(&b"sip:a@198.51.100.7:5070"[..]));
        let routes: Vec<_> = bye.headers(Name::Route).collect();
        assert_eq!(routes, [&b"<sip:p1;lr>"[..], b"<sip:p2;lr>"]);
        assert_eq!(bye.header(Name::From), Some(&b"<sip:us@h>;tag=0000000000000abc"[..]));
        assert_eq!(bye.header(Name::To), Some(&b"\"A\" <sip:a@h>;tag=1"[..]));
        assert_eq!(bye.cseq().map(|c| c.number), Ok(1));
        assert_eq!(dialog.next_hop(), flow("203.0.113.9:5060"), "the proxy");
    }

    #[test]
    fn a_strict_router_takes_the_request_line() {
        let more = "Contact: <sip:a@h2>\r\nRecord-Route: <sip:p1>,<sip:p2;lr>\r\n";
        let mut dialog = called("h;branch=z9hG4bK1", more, "203.0.113.9:5060");
        let bye = dialog.request(&Method::Bye, hop(&dialog)).build().expect("writable");
        assert_eq!(bye.request_uri(), Some(&b"sip:p1"[..]));
        let routes: Vec<_> = bye.headers(Name::Route).collect();
        assert_eq!(routes, [&b"<sip:p2;lr>"[..], b"<sip:a@h2>"]);
    }

    #[test]
    fn the_datagram_goes_where_the_peer_can_be_reached() {
        let contact = "Contact: <sip:a@203.0.113.9:5070>\r\n";
        let nat = "Contact: <sip:a@10.0.0.2:5070>\r\n";
        let tcp = "Contact: <sip:a@203.0.113.9:5070;transport=tcp>\r\n";
        for (via, more, hop, why) in [
            ("203.0.113.9:5070", contact, "203.0.113.9:5070", "its Contact at its address"),
            ("203.0.113.9:5070;rport", contact, "203.0.113.9:4000", "it listens where it sends"),
            ("203.0.113.9:4000", contact, "203.0.113.9:4000", "likewise"),
            ("10.0.0.2:5070", nat, "203.0.113.9:4000", "a Contact behind NAT"),
            ("h", "Contact: <sip:a@h>\r\n", "203.0.113.9:4000", "a name"),
            ("h", tcp, "203.0.113.9:4000", "another transport"),
            ("h", "", "203.0.113.9:4000", "no Contact"),
        ] {
            let dialog = called(&format!("{via};branch=z9hG4bK1"), more, "203.0.113.9:4000");
            assert_eq!(dialog.next_hop(), flow(hop), "{why}");
        }
    }

    #[test]
    fn order_is_strict_and_the_flow_follows_the_peer() {
        let mut dialog = called("h;branch=z9hG4bK1", "", "203.0.113.9:4000");
        let info = |number: u32| {
            let text = format!(
                "INFO sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK2\r\n\
                 From: <sip:a@h>;tag=1\r\nTo: <sip:us@h>;tag=x\r\nCall-ID: c\r\nCSeq: {number} INFO\r\n\r\n"
            );
            Message::parse(text.as_bytes()).expect("a message")
        };
        let via = info(6).top_via().expect("a Via");
        assert!(dialog.owns(&info(6)));
        let moved = flow("203.0.113.9:4001");
        assert_eq!(dialog.arrived(&info(9), &via, moved), Ok(()));
        assert_eq!(dialog.next_hop(), moved);
        for old in [8, 9] {
            assert_eq!(dialog.arrived(&info(old), &via, flow("198.51.100.1:1")), Err(OutOfOrder));
        }
        assert_eq!(dialog.next_hop(), moved, "an old request moves nothing");
    }

    #[test]
    fn the_callers_side_reverses_the_route_and_confirms_it_again() {
        let response = |more: &str| {
            let text = format!(
                "SIP/2.0 183 x\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:us@h>;tag=2\r\n\
                 To: <sip:b@h>;tag=9\r\nCall-ID: c\r\nCSeq: 3 INVITE\r\n{more}\r\n"
            );
            Message::parse(text.as_bytes()).expect("a message")
        };
        let asked = Uri::parse(b"sip:b@h").expect("a URI");
        let early = response("Record-Route: <sip:p2;lr>,<sip:p1;lr>\r\n");
        let mut dialog =
            Dialog::calling(&early, &asked, flow("203.0.113.9:5060")).expect("a dialog");
        let ack = dialog.ack(3, hop(&dialog)).build().expect("writable");
        assert_eq!(ack.request_uri(), Some(&b"sip:b@h"[..]), "no Contact: where we called");
        assert_eq!(ack.header(Name::Route), Some(&b"<sip:p1;lr>"[..]));
        assert_eq!(dialog.remote_tag(), b"9");
        let answer = response("Contact: <sip:b@203.0.113.9:6000>\r\n");
        dialog.confirm(&answer);
        let bye = dialog.request(&Method::Bye, hop(&dialog)).build().expect("writable");
        assert_eq!(bye.header(Name::Route), None);
        assert_eq!(bye.cseq().map(|c| c.number), Ok(4));
        assert_eq!(dialog.next_hop(), flow("203.0.113.9:6000"));
    }
}
