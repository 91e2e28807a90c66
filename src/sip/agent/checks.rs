//! What every request must pass before anybody acts on it: RFC 3261 §8.2, in its order. None of
//! these answers needs memory (§8.2.7), so garbage costs nothing but the answer.

use crate::sip::compose;
use crate::sip::invite::offer::described;
use crate::wire::sip::{Contacts, Defect, Message, Method, Name, Params, Uri};

/// Methods that we know. CANCEL and ACK are dealt with before.
fn is_known(method: &Method) -> bool {
    use Method::{
        Ack, Bye, Cancel, Info, Invite, Message, Notify, Options, Prack, Refer, Register,
        Subscribe, Update,
    };
    matches!(
        method,
        Ack | Bye
            | Cancel
            | Info
            | Invite
            | Message
            | Notify
            | Options
            | Prack
            | Refer
            | Register
            | Subscribe
            | Update
    )
}

/// Why a request is answered at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Refusal {
    pub status: u16,
    /// Empty for the usual phrase.
    pub phrase: String,
    /// A header that says more.
    pub header: Option<(Name, String)>,
}

impl Refusal {
    pub(super) fn plain(status: u16) -> Refusal {
        Refusal { status, phrase: String::new(), header: None }
    }
    fn with(status: u16, name: Name, value: impl Into<String>) -> Refusal {
        Refusal { status, phrase: String::new(), header: Some((name, value.into())) }
    }
}

/// Is it a request that we could act on at all (§8.1.1)? Asked of every request.
pub(super) fn readable(request: &Message) -> Result<(), Refusal> {
    request.check().map_err(|defect| {
        let status = match defect {
            Defect::MethodMismatch if !is_known(request.method()) => 501,
            _ => 400,
        };
        Refusal { status, phrase: defect.to_string(), header: None }
    })
}

/// §8.2.1 to §8.2.3 for a request that belongs to no transaction yet.
pub(super) fn acceptable(request: &Message) -> Result<(), Refusal> {
    if !is_known(request.method()) {
        return Err(Refusal::with(405, Name::Allow, compose::ALLOW));
    }
    match request.uri() {
        Ok(Uri::Sip(_) | Uri::Tel(_)) => {}
        _ => return Err(Refusal::plain(416)),
    }
    if request.max_forwards() == Ok(Some(0)) {
        return Err(Refusal::plain(483));
    }
    required(request)?;
    replaces(request)?;
    if *request.method() == Method::Invite {
        invite(request)?;
    }
    Ok(())
}

/// §8.2.2.3: an extension that is required and that we do not know is too much. ACK and CANCEL
/// are exempt by the same section; a Proxy-Require is for proxies.
fn required(request: &Message) -> Result<(), Refusal> {
    let unsupported: Vec<String> = request
        .headers(Name::Require)
        .filter(|option| {
            let known = |known: &str| option.eq_ignore_ascii_case(known.as_bytes());
            // Of a registrar alone these may be required (RFC 3327 §4, RFC 5626 §4.2.1).
            let registers = *request.method() == Method::Register;
            let registrars = registers && [compose::PATH, compose::OUTBOUND].into_iter().any(known);
            !(registrars || compose::EXTENSIONS.iter().any(|name| known(name)))
        })
        .map(|option| String::from_utf8_lossy(option).into_owned())
        .collect();
    if unsupported.is_empty() {
        return Ok(());
    }
    Err(Refusal::with(420, Name::Unsupported, unsupported.join(", ")))
}

/// RFC 3891 §3: one Replaces at most, readable, in an INVITE only, and not beside a Join.
fn replaces(request: &Message) -> Result<(), Refusal> {
    let refused = |phrase: &str| Refusal { status: 400, phrase: phrase.into(), header: None };
    let beside = request.header_named("Join").is_some();
    match request.replaces() {
        Ok(None) => Ok(()),
        Ok(Some(_)) if *request.method() != Method::Invite => Err(refused("Replaces: not here")),
        Ok(Some(_)) if beside => Err(refused("Replaces and Join")),
        Ok(Some(_)) => Ok(()),
        Err(_) => Err(refused("Replaces: unreadable, or more than one")),
    }
}

/// An INVITE needs one Contact at most, a body that we understand, and leave to answer with SDP.
fn invite(request: &Message) -> Result<(), Refusal> {
    match request.contacts() {
        Ok(Contacts::List(list)) if list.len() <= 1 => {}
        _ => {
            let phrase = "Contact: one is needed".to_owned();
            return Err(Refusal { status: 400, phrase, header: None });
        }
    }
    let mut encodings = request.headers(Name::ContentEncoding);
    let encoded = encodings.any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Refusal::with(415, Name::AcceptEncoding, "identity"));
    }
    if !(request.body().is_empty() || described(request).is_some() || optional(request)) {
        return Err(Refusal::with(415, Name::Accept, compose::ACCEPT));
    }
    let mut accept = request.headers(Name::Accept).peekable();
    if accept.peek().is_some() && !accept.any(takes_sdp) {
        return Err(Refusal::with(406, Name::Accept, compose::ACCEPT));
    }
    Ok(())
}

/// A body that the sender lets us pass over (§20.11).
fn optional(request: &Message) -> bool {
    let disposition = request.token_with_params(Name::ContentDisposition);
    let handling = |params: &Params| {
        let handling = params.get("handling");
        handling.is_some_and(|handling| handling.eq_ignore_ascii_case(b"optional"))
    };
    disposition.is_ok_and(|found| found.is_some_and(|(_, params)| handling(&params)))
}

/// Does this element of Accept let us answer with a session description?
fn takes_sdp(range: &[u8]) -> bool {
    let end = range.iter().position(|b| *b == b';').unwrap_or(range.len());
    let range = range[..end].trim_ascii();
    [&b"application/sdp"[..], b"application/*", b"*/*"]
        .iter()
        .any(|r| range.eq_ignore_ascii_case(r))
}
