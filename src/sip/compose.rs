//! How the messages look that we write ourselves: which headers, in which order.

use std::net::SocketAddr;

use super::token::Token;
use super::{Flow, Transport};
use crate::wire::sip::{
    self as wire, BuildError, Builder, CSeq, Message, Method, Name, ToWire, Uri, Via,
};

/// Methods that we take, for Allow: in INVITE and 2xx, in OPTIONS and in 405. MESSAGE and SUBSCRIBE
/// are refused by the switch and so not in it.
pub const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, REGISTER, PRACK";
/// Extensions that may be required of us.
pub const EXTENSIONS: [&str; 2] = ["100rel", "timer"];
/// All of them, for Supported.
pub const SUPPORTED: &str = "100rel, timer";
/// Those for Supported in requests whose provisional responses we do not acknowledge: within a call,
/// and where the configuration wants none.
pub const WITHOUT_PRACK: &str = "timer";
/// Bodies that we take in an INVITE, for Accept.
pub const ACCEPT: &str = "application/sdp";
/// Hops that a request of ours may make (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u8 = 70;
/// What an INVITE body is.
pub const SDP: &str = "application/sdp";

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
        Via::new(transport, self.sent_by, &self.branch.branch())
    }
}

/// Begins a request: request line, Via, Max-Forwards.
pub fn request(method: &Method, uri: &(impl ToWire + ?Sized), hop: Hop) -> Builder {
    Builder::request(method.clone(), uri)
        .header(Name::Via, &hop.via())
        .header(Name::MaxForwards, &MAX_FORWARDS)
}

/// Adds a body when there is one.
pub fn with_body(builder: Builder, body: Option<(&str, &[u8])>) -> Builder {
    match body {
        Some((content_type, bytes)) => builder.body(content_type, bytes),
        None => builder,
    }
}

/// Our Contact towards a peer, for `user`.
pub fn contact(hop: Hop, user: Option<&[u8]>) -> Uri {
    let user = user.and_then(|user| core::str::from_utf8(user).ok());
    let uri = Uri::sip(user, hop.sent_by.ip(), Some(hop.sent_by.port()));
    match hop.flow.transport.uri_param() {
        Some(transport) => uri.with_param("transport", Some(transport)),
        None => uri,
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
/// earlier ones of the same names: credentials (§8.1.3.5, §22.2), a longer interval (RFC 4028 §7.4).
pub fn again(
    request: &Message,
    hop: Hop,
    number: u32,
    replaced: &[(Name, &[u8])],
) -> Result<Message, BuildError> {
    let method = request.method();
    let uri = request.request_uri().unwrap_or_default();
    let mut builder = Builder::request(method.clone(), uri).header(Name::Via, &hop.via());
    for (name, value) in request.raw_headers() {
        let text = core::str::from_utf8(name).unwrap_or_default();
        builder = match Name::parse(name) {
            Name::Via | Name::ContentLength | Name::ContentType => builder,
            Name::CSeq => builder.header(Name::CSeq, &CSeq { number, method: method.clone() }),
            known if replaced.iter().any(|(name, _)| *name == known) => builder,
            _ => builder.header(text, value),
        };
    }
    for (name, value) in replaced {
        builder = builder.header(*name, *value);
    }
    if let Some(content_type) = request.header(Name::ContentType) {
        builder = builder.body(&String::from_utf8_lossy(content_type), request.body());
    }
    builder.build()
}
