//! What holds for `wire::sip::Message::parse` whatever the bytes: it ends, it does not panic, and
//! what it accepts can be read, printed, answered and read again. Shared by the property tests and
//! the fuzz target `sip_message`.

use belfry::wire::sip::{
    Builder, CSeq, Contact, Contacts, Message, Name, NameAddr, ToWire, Uri, Via,
};
use belfry::wire::{auth, q850};

/// Parses one datagram and checks everything about the outcome.
pub fn check(bytes: &[u8]) {
    match Message::parse(bytes) {
        Ok(message) => {
            reads_again(&message);
            touch(&message, true);
        }
        Err(error) => {
            assert!(error.offset <= bytes.len(), "{error}");
            if let Some(kept) = error.salvage() {
                assert!(kept.is_request() && kept.body().is_empty());
                touch(kept, false);
                answers(kept, error.status());
            }
        }
    }
}

/// What was parsed parses again to the same.
fn reads_again(message: &Message) {
    let again = Message::parse(message.bytes()).expect("accepted once");
    assert_eq!(again, *message);
    assert!(again.raw_headers().eq(message.raw_headers()));
    assert_eq!(again.body(), message.body());
    assert_eq!(again.request_uri(), message.request_uri());
    assert_eq!(again.status(), message.status());
}

/// A response can be built and takes over what it must.
fn answers(request: &Message, status: u16) {
    let response = Builder::response_to(request, status, "").to_tag("t4g").build();
    let response = response.expect("built from a parsed message");
    reads_again_built(&response);
    assert!(response.headers(Name::Via).eq(request.headers(Name::Via)));
    assert_eq!(response.header(Name::From), request.header(Name::From));
}

/// A built response reads back; only its CSeq, copied from the request, may stand in the way.
fn reads_again_built(response: &Message) {
    match Message::parse(response.bytes()) {
        Ok(read) => assert!(read.raw_headers().eq(response.raw_headers())),
        Err(_) => assert!(response.cseq().is_err()),
    }
}

/// Reads everything there is. `whole` is false for what was saved of a broken message.
fn touch(message: &Message, whole: bool) {
    for name in Name::ALL {
        assert!(message.headers(*name).all(|value| !value.iter().any(|b| b"\r\n".contains(b))));
        let _ = message.header(*name);
        let _ = message.token_with_params(*name);
    }
    for (name, value) in message.raw_headers() {
        assert!(!name.is_empty() && !value.iter().any(|b| b"\r\n".contains(b)));
        values(value);
    }
    let checked = message.check();
    if message.is_request() {
        answers(message, 200);
        if let Ok(uri) = message.uri() {
            uri_prints(&uri);
        }
        let from = "192.0.2.7:5099".parse().unwrap();
        let seen = message.with_received(from);
        if whole {
            reads_again(&seen);
        }
        if let (Ok(before), Ok(after)) = (message.top_via(), seen.top_via()) {
            assert_eq!(before.branch(), after.branch());
            assert_eq!(seen.with_received(from), seen, "once is enough");
        }
    }
    if checked.is_ok() {
        assert!(message.top_via().is_ok() && message.from().is_ok() && message.to().is_ok());
        assert_eq!(message.cseq().unwrap().method, *message.method());
    }
    if let Ok(Contacts::List(list)) = message.contacts() {
        list.iter().for_each(|contact| {
            let _ = (contact.expires(), contact.q());
        });
    }
    let _ = (message.body_of("application/sdp"), message.content_is("application/sdp"));
    let _ = (message.max_forwards(), message.expires(), message.retry_after(), message.rack());
    let _ = (message.replaces(), message.refer_to(), message.rseq(), message.contact());
    let _ = (q850::cause_of(message), auth::values(message, Name::Authorization));
    let _ = format!("{message:?} {message}");
}

/// One header value, as if it were of each kind.
fn values(value: &[u8]) {
    if let Ok(via) = Via::parse(value) {
        assert_eq!(Via::parse(&via.to_bytes()), Ok(via.clone()));
        let _ = (via.reply_to(), via.unique_branch());
    }
    if let Ok(addr) = NameAddr::parse(value) {
        uri_prints(&addr.uri);
        let printed = addr.to_bytes();
        let again = NameAddr::parse(&printed).expect("printed");
        assert_eq!((&again.display, &again.params), (&addr.display, &addr.params));
        assert_eq!(again.to_bytes(), printed);
    }
    if let Ok(cseq) = CSeq::parse(value) {
        assert_eq!(CSeq::parse(&cseq.to_bytes()), Ok(cseq));
    }
    if let Ok(all) = auth::Auth::parse(value) {
        for one in &all {
            if let Ok(c) = auth::Credentials::parse(one) {
                let printed = c.to_bytes();
                let again = auth::Auth::parse(&printed).expect("printed");
                assert_eq!(auth::Credentials::parse(&again[0]), Ok(c));
            }
        }
    }
    if let Some(reason) = q850::Reason::parse(value) {
        assert!(q850::Reason::parse(&reason.to_bytes()).is_some());
    }
    let _ = Contact::parse(value);
}

/// What is printed is ASCII, reads back and names the same.
fn uri_prints(uri: &Uri) {
    let printed = uri.to_bytes();
    assert!(printed.iter().all(|b| (0x21..0x7f).contains(b)), "{uri}");
    let again = Uri::parse(&printed).expect("printed");
    assert_eq!(again.to_bytes(), printed);
    assert!(matches!(uri, Uri::Other(_)) || again.equivalent(uri), "{uri}");
}
