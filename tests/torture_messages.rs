//! The torture messages of RFC 4475 and RFC 5118 through `wire::sip`: what a user agent server
//! would do with each, decided only by what the parser offers it.

#[path = "checks/rfc5118.rs"]
mod rfc5118;

use belfry::wire::sip::{
    Builder, Contacts, Frame, Framer, Host, Limits, Message, Method, Name, Transport, Uri, What,
};

use rfc5118::mended;

/// What comes of a message before anything about calls is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A request that is acted on.
    Request,
    /// A request answered with this status.
    Answer(u16),
    /// A response that a transaction would look at.
    Response,
    /// Dropped without an answer.
    Drop,
}
use Outcome::{Answer, Drop, Request, Response};

fn outcome(bytes: &[u8]) -> Outcome {
    match Message::parse(bytes) {
        Err(error) => match error.salvage() {
            Some(kept) => {
                let status = error.status();
                let answer = Builder::response_to(kept, status, "").to_tag("t").build().unwrap();
                assert_eq!(answer.status(), Some(status));
                assert!(answer.headers(Name::Via).eq(kept.headers(Name::Via)));
                Answer(status)
            }
            None => Drop,
        },
        Ok(message) => of_message(&message),
    }
}

fn of_message(message: &Message) -> Outcome {
    let checked = message.check();
    if !message.is_request() {
        return if checked.is_ok() { Response } else { Drop };
    }
    if checked.is_err() {
        return Answer(400);
    }
    match (message.method(), message.uri()) {
        (_, Err(_)) => Answer(400),
        (_, Ok(Uri::Other(_))) => Answer(416),
        (Method::Other(_), _) => Answer(501),
        _ if message.headers(Name::Require).next().is_some() => Answer(420),
        _ => Request,
    }
}

macro_rules! data {
    ($folder:literal: $($file:literal => $outcome:expr;)*) => {
        &[$(($file, include_bytes!(concat!("data/", $folder, "/", $file, ".dat")), $outcome)),*]
    };
}

type Table = &'static [(&'static str, &'static [u8], Outcome)];

const RFC_4475: Table = data! { "rfc4475":
    "wsinv" => Request;
    "intmeth" => Answer(501);
    "esc01" => Request;
    "escnull" => Request;
    "esc02" => Answer(501);
    "lwsdisp" => Request;
    "longreq" => Request;
    "dblreq" => Request;
    "semiuri" => Request;
    "transports" => Request;
    "mpart01" => Request;
    "unreason" => Response;
    "noreason" => Response;
    "badinv01" => Answer(400);
    "clerr" => Answer(400);
    "ncl" => Answer(400);
    "scalar02" => Answer(400);
    "scalarlg" => Drop;
    "quotbal" => Answer(400);
    "ltgtruri" => Answer(400);
    "lwsruri" => Answer(400);
    "lwsstart" => Answer(400);
    "trws" => Answer(400);
    "escruri" => Answer(400);
    "baddate" => Request;
    "regbadct" => Answer(400);
    "badaspec" => Answer(400);
    "baddn" => Request;
    "baddn+final-crlf" => Request;
    "badvers" => Answer(505);
    "mismatch01" => Answer(400);
    "mismatch02" => Answer(400);
    "bigcode" => Drop;
    "badbranch" => Request;
    "insuf" => Answer(400);
    "unkscm" => Answer(416);
    "novelsc" => Answer(416);
    "unksm2" => Request;
    "bext01" => Answer(420);
    "invut" => Request;
    "regaut01" => Request;
    "multi01" => Answer(400);
    "mcl01" => Answer(400);
    "bcast" => Response;
    "zeromf" => Request;
    "cparam01" => Request;
    "cparam02" => Request;
    "regescrt" => Request;
    "sdp01" => Request;
    "inv2543" => Request;
};

const RFC_5118: Table = data! { "rfc5118":
    "ipv6-good" => Request;
    "ipv6-bad" => Answer(400);
    "port-ambiguous" => Request;
    "port-unambiguous" => Request;
    "via-received-param-with-delim" => Request;
    "via-received-param-no-delim" => Request;
    "ipv6-in-sdp" => Request;
    "mult-ip-in-header" => Request;
    "mult-ip-in-sdp" => Request;
    "ipv4-mapped-ipv6" => Request;
    "ipv6-bug-abnf-3-colons" => Request;
    "ipv6-correct-abnf-2-colons" => Request;
};

fn rfc4475(name: &str) -> Message {
    let (_, bytes, _) = RFC_4475.iter().find(|(file, ..)| *file == name).expect(name);
    Message::parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn of_rfc5118(name: &str) -> Message {
    let (_, bytes, _) = RFC_5118.iter().find(|(file, ..)| *file == name).expect(name);
    Message::parse(&mended(bytes, "\r\n")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_message_comes_out_as_expected() {
    for (name, bytes, expected) in RFC_4475 {
        assert_eq!(outcome(bytes), *expected, "{name}");
    }
    for (name, bytes, expected) in RFC_5118 {
        for line_end in ["\r\n", "\n"] {
            assert_eq!(outcome(&mended(bytes, line_end)), *expected, "{name} {line_end:?}");
        }
    }
}

/// No message is forgotten, and each one's expectation is among what EXPECT.tsv allows.
#[test]
fn the_tables_are_complete() {
    for (folder, table) in [("rfc4475", RFC_4475), ("rfc5118", RFC_5118)] {
        let path = format!("{}/tests/data/{folder}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(path).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if let Some(name) = file.strip_suffix(".dat") {
                assert!(table.iter().any(|(known, ..)| *known == name), "{file}");
            }
        }
    }
    let expect = include_str!("data/rfc4475/EXPECT.tsv");
    let mut checked = 0;
    for line in expect.lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(file), Some(prose)) = (fields.next(), fields.nth(3)) else {
            continue;
        };
        let name = file.strip_suffix(".dat").unwrap();
        let (_, _, outcome) = RFC_4475.iter().find(|(known, ..)| *known == name).expect(name);
        match outcome {
            Answer(status) => assert!(prose.contains(&status.to_string()), "{name}: {prose}"),
            Drop => assert!(prose.contains("discard"), "{name}: {prose}"),
            Request | Response => {}
        }
        checked += 1;
    }
    assert_eq!(checked, 49);
}

/// Over a stream, byte by byte, each message with an honest Content-Length comes out the same.
#[test]
fn a_stream_gives_the_same() {
    for (name, bytes, expected) in RFC_4475 {
        let Ok(whole) = Message::parse(bytes) else {
            continue;
        };
        if whole.header(Name::ContentLength).is_none() || *name == "baddn" || *name == "dblreq" {
            continue;
        }
        let mut framer = Framer::new(Limits::DEFAULT);
        let mut frames = Vec::new();
        for byte in &bytes[..whole.bytes().len()] {
            framer.push(&[*byte]);
            frames.extend(&mut framer);
        }
        match frames.as_slice() {
            [Ok(Frame::Message(message))] => {
                assert_eq!(of_message(message), *expected, "{name}");
                assert_eq!(*message, whole, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_short_tortuous_invite() {
    let m = rfc4475("wsinv");
    assert_eq!(m.uri().unwrap().param("unknownparam").as_deref(), Some(&b""[..]));
    let to = m.to().unwrap();
    assert_eq!(to.tag(), Some(&b"1918181833n"[..]));
    assert_eq!(to.uri.to_string(), "sip:vivekg@chair-dnrc.example.com");
    let from = m.from().unwrap();
    assert_eq!(from.display.as_deref(), Some(&b"J Rosenberg \\\""[..]));
    assert_eq!(from.tag(), Some(&b"98asjd8"[..]));
    assert_eq!(m.max_forwards(), Ok(Some(68)));
    assert_eq!(m.cseq().unwrap().number, 9);
    assert_eq!(m.header(Name::Subject), Some(&b""[..]));
    let vias: Vec<_> = m.headers(Name::Via).collect();
    assert_eq!(vias.len(), 3);
    let top = m.top_via().unwrap();
    assert_eq!((top.transport.clone(), top.branch()), (Transport::Udp, Some(&b"390skdjuw"[..])));
    assert_eq!(top.unique_branch(), None);
    let last = belfry::wire::sip::Via::parse(vias[2]).unwrap();
    assert_eq!(last.unique_branch(), Some(&b"z9hG4bK30239"[..]));
    assert_eq!(last.host, Host::parse(b"192.168.255.111").unwrap());
    assert_eq!(m.header_named("unknownheaderwithunusualvalue"), Some(&b";;,,;;,;"[..]));
    let folded = m.header_named("NewFangledHeader").unwrap();
    assert!(folded.starts_with(b"newfangled value") && folded.ends_with(b"newfangled value"));
    let route = &m.routes().unwrap()[0];
    assert_eq!(route.uri.param("unknownwith").as_deref(), Some(&b"value"[..]));
    assert!(route.uri.param("lr").is_some());
    let Ok(Contacts::List(contacts)) = m.contacts() else { panic!("contacts") };
    assert_eq!(contacts[0].addr.display.as_deref(), Some(&b"Quoted string \"\""[..]));
    assert_eq!(contacts[0].q(), 330);
    assert_eq!(contacts[0].addr.params.get("newparam"), Some(&b"newvalue"[..]));
    assert_eq!(m.body().len(), 150);
}

#[test]
fn a_wide_range_of_valid_characters() {
    let m = rfc4475("intmeth");
    assert_eq!(m.method().as_str(), "!interesting-Method0123456789_*+`.%indeed'~");
    let uri = m.uri().unwrap();
    let sip = uri.as_sip().unwrap();
    let user = &b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"[..];
    assert_eq!(sip.user_text().as_deref(), Some(user));
    let password = &b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"[..];
    assert_eq!(sip.password.as_deref(), Some(password));
    assert_eq!(m.to().unwrap().display.as_deref(), Some(&b"BEL:\x07 NUL:\0 DEL:\x7f"[..]));
    let from = m.from().unwrap();
    assert_eq!(from.display.as_deref(), Some(&b"token1~` token2'+_ token3*%!.-"[..]));
    assert_eq!(from.tag(), Some(&b"_token~1'+`*%!-."[..]));
    let cyrillic = from.params.get_unquoted("fromParam''~+*_!.-%").unwrap();
    assert_eq!(
        core::str::from_utf8(&cyrillic),
        Ok("\u{440}\u{430}\u{431}\u{43e}\u{442}\u{430}\u{44e}\u{449}\u{438}\u{439}")
    );
    assert!(m.header_named("extensionHeader-!.%*+_`'~").is_some());
}

#[test]
fn escapes_and_parameters() {
    let m = rfc4475("esc01");
    let uri = m.uri().unwrap();
    assert_eq!(uri.user().as_deref(), Some(&b"sips:user@example.com"[..]));
    assert_eq!(m.to().unwrap().uri.user().as_deref(), Some(&b"user"[..]));
    let contact = m.contact().unwrap().addr.uri;
    assert!(contact.param("lr").is_some());
    assert_eq!(contact.param("name").as_deref(), Some(&b"value%41"[..]));

    let Ok(Contacts::List(two)) = rfc4475("escnull").contacts() else { panic!("two contacts") };
    assert_eq!(two[0].addr.uri.user().as_deref(), Some(&b"\0"[..]));
    assert!(!two[0].addr.uri.equivalent(&two[1].addr.uri));

    let m = rfc4475("esc02");
    assert_eq!(m.method().as_str(), "RE%47IST%45R");
    assert_eq!(m.headers(Name::Contact).count(), 2);
    assert_eq!(m.from().unwrap().display.as_deref(), Some(&b"%Z%45"[..]));

    let uri = rfc4475("semiuri").uri().unwrap();
    let user = uri.as_sip().unwrap().user_text().unwrap().into_owned();
    assert_eq!(user, b"user;par=u@example.net");

    let Ok(Contacts::List(one)) = rfc4475("cparam01").contacts() else { panic!("contact") };
    assert!(
        one[0].addr.params.has("unknownparam") && one[0].addr.uri.param("unknownparam").is_none()
    );
    let Ok(Contacts::List(one)) = rfc4475("cparam02").contacts() else { panic!("contact") };
    assert!(
        !one[0].addr.params.has("unknownparam") && one[0].addr.uri.param("unknownparam").is_some()
    );
    let Ok(Contacts::List(one)) = rfc4475("regescrt").contacts() else { panic!("contact") };
    let fields: Vec<_> = one[0].addr.uri.as_sip().unwrap().header_fields().collect();
    assert_eq!(fields, [(b"Route"[..].into(), b"<sip:sip.example.com>"[..].into())]);
}

#[test]
fn bodies() {
    assert_eq!(rfc4475("dblreq").body(), b"");
    assert_eq!(rfc4475("dblreq").method(), &Method::Register);
    assert_eq!(rfc4475("mpart01").body().len(), 553);
    assert!(rfc4475("inv2543").body().ends_with(b"m=audio 49217 RTP/AVP 0\r\n"));
    assert!(rfc4475("invut").content_is("application/unknownformat"));
    assert!(!rfc4475("sdp01").lists(Name::Accept, "application/sdp"));
    assert_eq!(rfc4475("longreq").headers(Name::Via).count(), 34);
}

#[test]
fn responses_and_odd_values() {
    let m = rfc4475("unreason");
    assert!(core::str::from_utf8(m.reason_phrase()).unwrap().contains('\u{441}'));
    let m = rfc4475("noreason");
    assert_eq!((m.status(), m.reason_phrase()), (Some(100), &b""[..]));
    let vias: Vec<_> = rfc4475("bcast").headers(Name::Via).map(<[u8]>::to_vec).collect();
    assert_eq!(vias.len(), 2, "a client drops a response with more than one Via");
    assert_eq!(rfc4475("zeromf").max_forwards(), Ok(Some(0)));
    assert_eq!(rfc4475("badbranch").top_via().unwrap().unique_branch(), None);
    assert_eq!(rfc4475("inv2543").from().unwrap().tag(), None);
    let transports: Vec<_> = rfc4475("transports")
        .headers(Name::Via)
        .map(|via| belfry::wire::sip::Via::parse(via).unwrap().transport)
        .collect();
    let unknown = Transport::Other("UNKNOWN".into());
    let all = [Transport::Udp, Transport::Sctp, Transport::Tls, unknown, Transport::Tcp];
    assert_eq!(transports, all);
    let (_, bytes, _) = RFC_4475.iter().find(|(name, ..)| *name == "clerr").unwrap();
    let error = Message::parse(bytes).unwrap_err();
    assert!(matches!(error.what, What::BodyShort { announced: 9999, .. }));
}

#[test]
fn ipv6() {
    let host = |text: &[u8]| Host::parse(text).unwrap();
    assert_eq!(of_rfc5118("ipv6-good").uri().unwrap().host(), Some(&host(b"[2001:db8::10]")));
    let ambiguous = of_rfc5118("port-ambiguous").uri().unwrap();
    assert_eq!((ambiguous.host(), ambiguous.port()), (Some(&host(b"[2001:db8::10:5070]")), None));
    let plain = of_rfc5118("port-unambiguous").uri().unwrap();
    assert_eq!((plain.host(), plain.port()), (Some(&host(b"[2001:db8::10]")), Some(5070)));
    for name in ["via-received-param-with-delim", "via-received-param-no-delim"] {
        let via = of_rfc5118(name).top_via().unwrap();
        assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()), "{name}");
    }
    let three = of_rfc5118("ipv6-bug-abnf-3-colons").uri().unwrap();
    let two = of_rfc5118("ipv6-correct-abnf-2-colons").uri().unwrap();
    assert!(three.equivalent(&two));
    let mapped = of_rfc5118("ipv4-mapped-ipv6");
    assert_eq!(mapped.top_via().unwrap().port, Some(19823));
}
