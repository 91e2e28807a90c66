//! Requests outside calls, requests that are refused before anybody sees them, and limits.

use super::pair::{A, B, Pair, SDP, names};
use crate::base::networks::Attachment;
use crate::base::{Duration, Networks};
use crate::sip::{AgentConfig, Command, CommandError, Event, Prack, TxnId};
use crate::wire::sip::{Message, Name, NameAddr, Uri};

/// A request to B by hand; `first` is its method and URI.
fn request(first: &str, branch: &str, more: &str) -> Vec<u8> {
    let method = first.split(' ').next().unwrap_or_default();
    format!(
        "{first} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch};rport\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c{branch}\r\nCSeq: 1 {method}\r\n{more}\r\n"
    )
    .into_bytes()
}

fn deaf_a() -> Pair {
    let mut pair = Pair::new();
    pair.sides[A].deaf = true;
    pair
}

/// Sends it and gives B's answers.
fn ask(pair: &mut Pair, bytes: &[u8]) -> Vec<Message> {
    pair.inject(A, bytes);
    pair.run(20);
    core::mem::take(&mut pair.sides[A].heard_raw)
}

fn status(pair: &mut Pair, bytes: &[u8]) -> u16 {
    let answers = ask(pair, bytes);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].status().expect("a response")
}

const US: &str = "sip:b@192.0.2.2";

#[test]
fn what_section_8_2_refuses() {
    let mut pair = deaf_a();
    let cases: &[(&str, &str, u16)] = &[
        ("OPTIONS sip:b@192.0.2.2", "Max-Forwards: 0\r\n", 483),
        ("OPTIONS sip:b@192.0.2.2", "Max-Forwards: 300\r\n", 400),
        ("OPTIONS mailto:b@192.0.2.2", "", 416),
        ("OPTIONS sip:b@192.0.2.2?a=b", "", 400),
        ("OPTIONS sip:b@192.0.2.2", "Require: 100rel, foo\r\n", 420),
        ("OPTIONS sip:b@192.0.2.2", "To: <sip:c@h>\r\n", 400),
        ("FROBNICATE sip:b@192.0.2.2", "", 405),
        ("PRACK sip:b@192.0.2.2", "", 481),
        ("INVITE sip:b@192.0.2.2", "Contact: <sip:a@h>\r\nContact: <sip:a@h>\r\n", 400),
        ("INVITE sip:b@192.0.2.2", "Contact: *\r\n", 400),
        ("INVITE sip:b@192.0.2.2", "Contact: <sip:a@h>\r\nAccept: text/plain\r\n", 406),
        ("INVITE sip:b@192.0.2.2", "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", 415),
        ("OPTIONS sip:b@192.0.2.2", "Replaces: c;to-tag=1;from-tag=2\r\n", 400),
        ("INVITE sip:b@192.0.2.2", "Contact: <sip:a@h>\r\nReplaces: c;to-tag=1\r\n", 400),
        ("NOTIFY sip:b@192.0.2.2", "Event: refer\r\n", 481),
        ("BYE sip:b@192.0.2.2", "", 481),
        ("INFO sip:b@192.0.2.2", "", 481),
        ("CANCEL sip:b@192.0.2.2", "", 481),
    ];
    for (n, (first, more, expected)) in cases.iter().enumerate() {
        let answers = ask(&mut pair, &request(first, &format!("{n}"), more));
        assert_eq!(answers.len(), 1, "{first}");
        assert_eq!(answers[0].status(), Some(*expected), "{first} {more}");
        let to = answers[0].header(Name::To).expect("To");
        assert!(to.windows(5).any(|w| w == b";tag="), "{first}");
    }
    assert_eq!(pair.sides[B].agent.counts(), Default::default(), "none of them is remembered");
    assert!(pair.heard(B).is_empty(), "nor told");
    let unsupported = ask(&mut pair, &request("OPTIONS sip:b@192.0.2.2", "u", "Require: x\r\n"));
    assert_eq!(unsupported[0].header(Name::Unsupported), Some(&b"x"[..]));
    for option in ["path", "outbound", "outbound, path"] {
        let asks = |method: &str| {
            let first = format!("{method} sip:b@192.0.2.2");
            request(&first, &format!("{option}-{method}"), &format!("Require: {option}\r\n"))
        };
        assert_eq!(ask(&mut pair, &asks("MESSAGE"))[0].status(), Some(420), "{option}");
        assert!(ask(&mut pair, &asks("REGISTER")).is_empty(), "{option}: the registrar's");
    }
    let packed =
        "Contact: <sip:a@h>\r\nContent-Encoding: gzip\r\nContent-Type: application/sdp\r\n";
    let packed = ask(&mut pair, &request("INVITE sip:b@192.0.2.2", "packed", packed));
    assert_eq!(packed[0].status(), Some(415));
    assert_eq!(packed[0].header(Name::AcceptEncoding), Some(&b"identity"[..]));
}

#[test]
fn mismatched_and_foreign_start_lines() {
    let mut pair = deaf_a();
    let text = String::from_utf8(request("OPTIONS sip:b@192.0.2.2", "1", "")).expect("ASCII");
    assert_eq!(status(&mut pair, text.replace("1 OPTIONS", "1 INVITE").as_bytes()), 400);
    assert_eq!(status(&mut pair, text.replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia").as_bytes()), 505);
    assert_eq!(status(&mut pair, text.replace("From: <sip:a@h>;tag=1\r\n", "").as_bytes()), 400);
    assert!(
        ask(&mut pair, text.replace("OPTIONS", "ACK").as_bytes()).is_empty(),
        "never an answer"
    );
    assert!(ask(&mut pair, b"\x00\xff garbage").is_empty());
    let stats = pair.sides[B].agent.stats();
    assert_eq!((stats.unreadable, stats.stray_acks), (1, 1));
}

fn waiting(pair: &mut Pair) -> TxnId {
    let heard = pair.heard(B);
    let [Event::Request { txn, .. }] = &heard[..] else { panic!("{heard:?}") };
    *txn
}

#[test]
fn a_request_waits_for_its_answer_and_repeats_are_absorbed() {
    let mut pair = deaf_a();
    let options = request(&format!("OPTIONS {US}"), "1", "");
    pair.inject(A, &options);
    pair.inject(A, &options);
    pair.run(20);
    let txn = waiting(&mut pair);
    let respond = |status, headers| Command::Respond { txn, status, headers, body: None };
    let agent = &mut pair.sides[B].agent;
    let bad = agent.command(pair.now, respond(100, vec![]));
    assert_eq!(bad, Err(CommandError::BadStatus(100)));
    let split = agent.command(pair.now, respond(200, vec![(Name::Server, b"a\r\nb".to_vec())]));
    assert_eq!(split, Err(CommandError::NotWritable));
    pair.command(B, respond(200, vec![]));
    let twice = pair.sides[B].agent.command(pair.now, respond(200, vec![]));
    assert_eq!(twice, Err(CommandError::NoRequest(txn)));
    assert_eq!(ask(&mut pair, &options).len(), 2, "the answer, and again for the repetition");
    pair.run_out();
    assert_eq!(ask(&mut pair, &options).len(), 0, "by then it is a new request");
    assert_eq!(names(&pair.heard(B)), ["Request"]);
}

#[test]
fn a_request_over_two_paths_is_merged() {
    let mut pair = deaf_a();
    let first = request(&format!("OPTIONS {US}"), "1", "");
    assert!(ask(&mut pair, &first).is_empty());
    let second = String::from_utf8(first).expect("ASCII").replace("z9hG4bK1", "z9hG4bK2");
    assert_eq!(status(&mut pair, second.as_bytes()), 482);
}

#[test]
fn a_request_that_the_user_forgets_is_forgotten() {
    let mut pair = deaf_a();
    assert!(ask(&mut pair, &request(&format!("OPTIONS {US}"), "1", "")).is_empty());
    let txn = waiting(&mut pair);
    pair.run(32_000);
    assert_eq!(pair.sides[B].agent.counts(), Default::default());
    assert!(
        !pair.try_command(B, Command::Respond { txn, status: 200, headers: vec![], body: None })
    );
}

#[test]
fn a_wrong_passwords_answer_can_be_put_off() {
    let mut pair = deaf_a();
    assert!(ask(&mut pair, &request(&format!("REGISTER {US}"), "1", "")).is_empty());
    let txn = waiting(&mut pair);
    let respond = Command::Respond { txn, status: 401, headers: vec![], body: None };
    let after = Duration::from_millis(4_000);
    pair.command(B, Command::Later { after, command: Box::new(respond) });
    assert_eq!(pair.sides[B].agent.counts().timers, 2);
    pair.run(3_999);
    assert_eq!(pair.sent(B, "SIP/2.0 401"), 0);
    pair.run(1);
    assert_eq!(pair.sent(B, "SIP/2.0 401"), 1);
    pair.run_out();
}

#[test]
fn beyond_the_limits_new_calls_get_503_and_calls_in_being_go_on() {
    let mut config = AgentConfig::default();
    config.limits.sessions = 1;
    config.limits.server_txns = 3;
    let mut pair = Pair::with(config, 1);
    let (a, _) = pair.talking();
    let full = pair.sides[A].agent.new_session();
    let uri = Uri::sip(None, pair.sides[B].addr.ip(), None);
    let another = Command::Invite {
        session: full,
        flow: pair.flow(A),
        target: uri.clone(),
        from: NameAddr::new(uri.clone()),
        to: NameAddr::new(uri.clone()),
        contact: uri,
        otherwise: None,
        sdp: Some(SDP.to_vec()),
        headers: vec![],
        extras: vec![],
        credentials: None,
        routes: vec![],
        prack: Prack::default(),
        metadata: None,
    };
    assert_eq!(pair.sides[A].agent.command(pair.now, another), Err(CommandError::Full));
    pair.inject(A, &request(&format!("INVITE {US}"), "i", "Contact: <sip:a@h>\r\n"));
    pair.run(20);
    let refusal = pair.last(B, |m| m.status() == Some(503));
    assert_eq!(refusal.retry_after(), Ok(Some(5)));
    for n in 0..4 {
        pair.inject(A, &request(&format!("OPTIONS {US}"), &format!("o{n}"), ""));
    }
    pair.run(20);
    assert_eq!(pair.sent(B, "SIP/2.0 503"), 3, "one call and two requests, the rest is refused");
    assert_eq!(pair.sides[B].agent.stats().overload, 3);
    let content_type = "application/dtmf".to_owned();
    pair.command(A, Command::Info { session: a, content_type, body: b"1".to_vec() });
    pair.run(20);
    assert!(names(&pair.heard(B)).contains(&"Info".to_owned()), "within the call");
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn answers_go_back_to_where_the_request_came_from() {
    use crate::sip::{Action, Agent, Flow, Transport};
    let mut agent = Agent::new(AgentConfig::default(), crate::base::Rng::from_seed(1));
    let local = "192.0.2.2:5060".parse().expect("an address");
    for (via, rport, to) in [
        ("10.0.0.2:5062", ";rport", "203.0.113.5:4000"),
        ("10.0.0.2:5062", "", "203.0.113.5:5062"),
        ("10.0.0.2", "", "203.0.113.5:5060"),
        ("203.0.113.5:5062", "", "203.0.113.5:5062"),
        ("10.0.0.2:5062", ";maddr=198.51.100.1", "203.0.113.5:5062"),
    ] {
        let text = format!(
            "BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1{rport}\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 BYE\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).expect("a message");
        for transport in [Transport::Udp, Transport::Tcp] {
            let remote = "203.0.113.5:4000".parse().expect("an address");
            let flow = Flow { transport, local, remote };
            agent.receive(crate::base::Time::ZERO, flow, message.clone());
            let Some(Action::Send { flow: reply, .. }) = agent.poll() else { panic!("an answer") };
            let expected =
                if transport == Transport::Tcp { remote } else { to.parse().expect("one") };
            assert_eq!(reply.remote, expected, "{via}{rport} over {transport:?}");
        }
    }
}

#[test]
fn a_description_is_found_among_several_parts_and_other_bodies_may_be_optional() {
    let mut pair = deaf_a();
    let parts = "--x\r\nContent-Type: application/ISUP\r\n\r\n\x01\x02\r\n--x\r\n\
                 Content-Type: application/sdp\r\n\r\nv=0\r\n\r\n--x--\r\n";
    let body = |kind: &str, body: &str, more: &str| {
        let length = body.len();
        format!("{more}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let mixed = body("multipart/mixed;boundary=x", parts, "");
    pair.inject(A, &request(&format!("INVITE {US}"), "m", &mixed));
    let optional = "Content-Disposition: icon;handling=optional\r\n";
    pair.inject(A, &request(&format!("INVITE {US}"), "o", &body("image/png", "?", optional)));
    pair.run(20);
    let heard = pair.heard(B);
    let invite = |n: usize| match &heard[n] {
        Event::Invite { session, message, .. } => (*session, crate::sip::described(message)),
        other => panic!("{other:?}"),
    };
    assert_eq!(invite(0).1, Some(&b"v=0\r\n"[..]));
    assert_eq!(invite(1).1, None);
    for n in [0, 1] {
        pair.hang_up(B, invite(n).0);
    }
    let none = body("multipart/mixed;boundary=x", "--x\r\n\r\n--x--\r\n", "");
    assert!(ask(&mut pair, &request(&format!("INVITE {US}"), "n", &none)).len() >= 3);
    assert_eq!(pair.sent(B, "SIP/2.0 415"), 1);
    pair.run_out();
}

#[test]
fn the_address_that_a_network_knows_us_by_stands_in_via_and_contact() {
    let ip = |text: &str| text.parse().expect("an address");
    let behind = Attachment {
        address: ip("192.0.2.2"),
        public: ip("203.0.113.80"),
        inside: vec!["192.0.2.1".parse().expect("a network")],
    };
    let networks = Networks::new(vec![behind]);
    let config = AgentConfig { networks, ..AgentConfig::default() };
    let mut pair = Pair::with(config, 1);
    let (a, b) = pair.talking();
    let ok = pair.last(B, |m| m.status() == Some(200));
    assert_eq!(ok.header(Name::Contact), Some(&b"<sip:callee@203.0.113.80:5060>"[..]));
    pair.hang_up(B, b);
    let bye = pair.last(B, Message::is_request);
    assert!(bye.header(Name::Via).expect("Via").starts_with(b"SIP/2.0/UDP 203.0.113.80:5060;"));
    pair.run(100);
    assert_eq!(names(&pair.heard(A)), ["Ended Bye"], "the datagram went to the real address");
    let _ = a;
    pair.run_out();
}
