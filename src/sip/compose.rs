//! How the messages look that we write ourselves: which headers, in which order.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::token::Token;
use super::{Flow, Transport};
use crate::wire::rs_metadata;
use crate::wire::sip::{
    self as wire, BuildError, Builder, CSeq, Message, Method, Name, ToWire, Uri, Via,
};

/// Methods that we take, for Allow: in INVITE and 2xx, in OPTIONS and in 405.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, SUBSCRIBE, NOTIFY, \
                         MESSAGE, REGISTER, PRACK";
/// Extensions that may be required of us.
pub const EXTENSIONS: [&str; 3] = ["100rel", "replaces", "timer"];
/// What may be required of a registrar besides (RFC 3327).
pub const PATH: &str = "path";
/// All of them, for Supported.
pub const SUPPORTED: &str = "100rel, replaces, timer";
/// Those for Supported in requests whose provisional responses we do not acknowledge: within a call,
/// and where the configuration wants none.
pub const WITHOUT_PRACK: &str = "replaces, timer";
/// The same (RFC 5626).
pub const OUTBOUND: &str = "outbound";
/// Bodies that we take in an INVITE, for Accept.
pub const ACCEPT: &str = "application/sdp";
/// Hops that a request of ours may make (RFC 3261 §8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;
/// What an INVITE body is.
pub const SDP: &str = "application/sdp";

/// The extension that a recording session requires (RFC 7866 §12.1).
pub const SIPREC: &str = "siprec";
/// What our Contact says in one (§12.2): we are the one whose calls are recorded.
pub const RECORDS: &[u8] = b";+sip.src";

/// The body of a message with `sdp`, and its Content-Type; with metadata it has two parts (RFC 7866 §9).
pub fn described<'a>(sdp: &'a [u8], metadata: Option<&[u8]>) -> (Cow<'static, str>, Cow<'a, [u8]>) {
    let Some(metadata) = metadata else { return (SDP.into(), sdp.into()) };
    let disposition = Some(rs_metadata::DISPOSITION);
    let (kind, body) = wire::mixed(&[
        wire::Part { content_type: SDP, disposition: None, content: sdp },
        wire::Part { content_type: rs_metadata::TYPE, disposition, content: metadata },
    ]);
    (kind.into(), body.into())
}

/// What OPTIONS is told of us, within a call as outside one (RFC 3261 §11.2).
pub fn abilities() -> [(Name, Vec<u8>); 4] {
    [
        (Name::Allow, ALLOW.into()),
        (Name::Accept, ACCEPT.into()),
        (Name::AcceptEncoding, b"identity".to_vec()),
        (Name::Supported, format!("{SUPPORTED}, {PATH}, {OUTBOUND}").into_bytes()),
    ]
}

/// The way of one request of ours: whereto, under which branch, and what its Via says.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// Whereto.
    pub flow: Flow,
    /// Its transaction.
    pub branch: Token,
    /// Our address as the peer should know it.
    pub sent_by: SocketAddr,
}

impl Hop {
    fn via(self) -> Via {
        let transport = match self.flow.transport {
            Transport::Udp => wire::Transport::Udp,
            Transport::Tcp => wire::Transport::Tcp,
            Transport::Tls => wire::Transport::Tls,
            Transport::Ws => wire::Transport::Ws,
            Transport::Wss => wire::Transport::Wss,
        };
        let streams = matches!(transport, wire::Transport::Tcp | wire::Transport::Tls);
        let mut via = Via::new(transport, self.sent_by, &self.branch.branch());
        if streams {
            // The peer may send us its requests over the same connection (RFC 5923 §5).
            via.params.set("alias", None);
        }
        via
    }
}

/// Begins a request: request line, Via, Max-Forwards.
pub fn request(method: &Method, uri: &(impl ToWire + ?Sized), hop: Hop) -> Builder {
    passed_on(method, uri, hop, None)
}

/// Begins a request that goes on for one that came in, which has so many hops left (RFC 7332 §4).
pub fn passed_on(
    method: &Method,
    uri: &(impl ToWire + ?Sized),
    hop: Hop,
    hops: Option<u8>,
) -> Builder {
    Builder::request(method.clone(), uri)
        .header(Name::Via, &hop.via())
        .header(Name::MaxForwards, &hops.unwrap_or(MAX_FORWARDS).min(MAX_FORWARDS))
}

/// Adds a body when there is one.
pub fn with_body(builder: Builder, body: Option<(&str, &[u8])>) -> Builder {
    match body {
        Some((content_type, bytes)) => builder.body(content_type, bytes),
        None => builder,
    }
}

/// Our Contact towards a peer, for `user`; `secure`: the peer wants a SIPS one.
pub fn contact(hop: Hop, user: Option<&[u8]>, secure: bool) -> Uri {
    let user = user.and_then(|user| core::str::from_utf8(user).ok());
    let uri = Uri::sip(user, hop.sent_by.ip(), Some(hop.sent_by.port()));
    reached_by(uri, hop.flow.transport, secure)
}

/// Our address as one that is reached by `transport`. `secure` makes it a SIPS URI where the
/// transport is fit for one; then `tls` goes without saying (RFC 5630 §3.1.4).
pub fn reached_by(uri: Uri, transport: Transport, secure: bool) -> Uri {
    let secure = secure && transport.is_secure();
    let named = match transport {
        Transport::Tls if secure => None,
        other => other.uri_param(),
    };
    let uri = if secure { uri.secured() } else { uri };
    match named {
        Some(transport) => uri.with_param("transport", Some(transport)),
        None => uri,
    }
}

/// Whether our Contact in a dialog that this INVITE begins must be a SIPS URI (RFC 3261 §12.1.1):
/// its Request-URI is one, or the first of its route, or without a route its Contact.
pub fn wants_sips(invite: &Message) -> bool {
    let secure = |uri: &Uri| uri.as_sip().is_some_and(|sip| sip.secure);
    if invite.uri().is_ok_and(|uri| secure(&uri)) {
        return true;
    }
    match invite.record_routes().unwrap_or_default().first() {
        Some(route) => secure(&route.uri),
        None => match invite.contacts() {
            Ok(wire::Contacts::List(list)) => {
                list.first().is_some_and(|contact| secure(&contact.addr.uri))
            }
            _ => false,
        },
    }
}

/// A URI in angle brackets, as Contact, Route and their like have it.
pub fn bracketed(uri: &Uri) -> Vec<u8> {
    let mut text = vec![b'<'];
    uri.to_wire(&mut text);
    text.push(b'>');
    text
}

/// A list header's lines, copied as they stand.
fn copy_all(builder: Builder, from: &Message, names: &[Name]) -> Builder {
    names.iter().fold(builder, |builder, name| builder.copy(from, *name))
}

/// The ACK of a 3xx–6xx to our INVITE (§17.1.1.3): the INVITE's own branch, the response's To.
pub fn ack_of_refusal(invite: &Message, response: &Message) -> Result<Message, BuildError> {
    let uri = invite.request_uri().unwrap_or_default();
    let builder = Builder::request(Method::Ack, uri);
    let builder =
        copy_all(builder, invite, &[Name::Via, Name::Route, Name::MaxForwards, Name::From]);
    copy_all(builder, response, &[Name::To])
        .copy(invite, Name::CallId)
        .header(Name::CSeq, &cseq_as(invite, Method::Ack))
        .build()
}

/// The CANCEL of our INVITE (§9.1).
pub fn cancel(invite: &Message, reason: Option<&[u8]>) -> Result<Message, BuildError> {
    let uri = invite.request_uri().unwrap_or_default();
    let copied = [Name::Via, Name::Route, Name::MaxForwards, Name::From, Name::To, Name::CallId];
    let builder = copy_all(Builder::request(Method::Cancel, uri), invite, &copied)
        .header(Name::CSeq, &cseq_as(invite, Method::Cancel));
    match reason {
        Some(reason) => builder.header(Name::Reason, reason),
        None => builder,
    }
    .build()
}

fn cseq_as(request: &Message, method: Method) -> CSeq {
    CSeq { number: request.cseq().map_or(0, |cseq| cseq.number), method }
}

/// The same request again as a new transaction: next CSeq, new branch, and these headers in place of
/// earlier ones of the same names: credentials (§8.1.3.5, §22.2), a longer interval (RFC 4028 §7.4). `body`
/// takes the place of the request's own, of the same type. Without credentials among the headers it has none.
pub fn again(
    request: &Message,
    hop: Hop,
    number: u32,
    replaced: &[(Name, &[u8])],
    body: Option<&[u8]>,
) -> Result<Message, BuildError> {
    let method = request.method();
    let uri = request.request_uri().unwrap_or_default();
    let of_login = |name: &Name| matches!(name, Name::Authorization | Name::ProxyAuthorization);
    let logs_in = replaced.iter().any(|(name, _)| of_login(name));
    let mut builder = Builder::request(method.clone(), uri).header(Name::Via, &hop.via());
    for (name, value) in request.raw_headers() {
        let text = core::str::from_utf8(name).unwrap_or_default();
        builder = match Name::parse(name) {
            Name::Via | Name::ContentLength | Name::ContentType => builder,
            known if of_login(&known) && !logs_in => builder,
            Name::CSeq => builder.header(Name::CSeq, &CSeq { number, method: method.clone() }),
            known if replaced.iter().any(|(name, _)| *name == known) => builder,
            _ => builder.header(text, value),
        };
    }
    for (name, value) in replaced {
        builder = builder.header(*name, *value);
    }
    if let Some(content_type) = request.header(Name::ContentType) {
        builder =
            builder.body(&String::from_utf8_lossy(content_type), body.unwrap_or(request.body()));
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sips_dialog_is_known_by_request_uri_route_or_contact() {
        let invite = |uri: &str, more: &str| {
            let text = format!(
                "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
                 To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{more}\r\n"
            );
            Message::parse(text.as_bytes()).expect("a message")
        };
        for (uri, more, wants) in [
            ("sip:b@h", "Contact: <sip:a@h>\r\n", false),
            ("sips:b@h", "Contact: <sip:a@h>\r\n", true),
            ("sip:b@h", "Contact: <sips:a@h>\r\n", true),
            ("sip:b@h", "Contact: <sips:a@h>\r\nRecord-Route: <sip:p;lr>\r\n", false),
            ("sip:b@h", "Contact: <sip:a@h>\r\nRecord-Route: <sips:p;lr>,<sip:q;lr>\r\n", true),
            ("tel:+86", "", false),
        ] {
            assert_eq!(wants_sips(&invite(uri, more)), wants, "{uri} {more}");
        }
    }

    #[test]
    fn a_contact_says_by_what_it_is_reached() {
        let own = || Uri::parse(b"sip:b@h:5061").expect("a URI");
        for (transport, secure, contact) in [
            (Transport::Udp, true, "sip:b@h:5061"),
            (Transport::Tcp, false, "sip:b@h:5061;transport=tcp"),
            (Transport::Tls, false, "sip:b@h:5061;transport=tls"),
            (Transport::Tls, true, "sips:b@h:5061"),
            (Transport::Ws, true, "sip:b@h:5061;transport=ws"),
            (Transport::Wss, true, "sips:b@h:5061;transport=ws"),
        ] {
            assert_eq!(reached_by(own(), transport, secure).to_string(), contact);
        }
    }
}
