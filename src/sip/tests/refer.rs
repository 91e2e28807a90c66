//! REFER within a call and its reports; INFO and the other requests within it.

use super::pair::{A, B, Pair, SDP, SDP2};
use crate::sip::{Command, CommandError, Event, Hand, Prack};
use crate::wire::sip::{Message, Method, Name, NameAddr};

fn refer(session: crate::sip::SessionId, to: &str) -> Command {
    let refer_to = NameAddr::parse(to.as_bytes()).expect("an address");
    Command::Refer { session, refer_to, referred_by: None }
}

#[test]
fn a_transfer_is_asked_for_accepted_and_reported_on() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.command(A, refer(a, "<sip:1003@h?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"));
    let twice = pair.sides[A].agent.command(pair.now, refer(a, "<sip:1003@h>"));
    assert_eq!(twice, Err(CommandError::WrongState(a)));
    pair.run(20);
    let heard = pair.heard(B);
    let [Event::Refer { txn, refer_to, replaces, .. }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(refer_to.uri.user().as_deref(), Some(&b"1003"[..]));
    assert_eq!(replaces.as_ref().map(|r| &*r.call_id), Some(&b"x"[..]));
    pair.command(B, Command::Respond { txn: *txn, status: 202, headers: vec![], body: None });
    pair.run(50);
    pair.command(B, Command::NotifyRefer { session: b, status: 180, last: false });
    pair.run(50);
    pair.command(B, Command::NotifyRefer { session: b, status: 200, last: true });
    pair.run(50);
    let progress = |event: &Event| match event {
        Event::ReferProgress { status, terminated, .. } => (*status, *terminated),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> = pair.heard(A).iter().map(progress).collect();
    assert_eq!(told, [(100, false), (180, false), (200, true)]);
    assert!(!pair.try_command(B, Command::NotifyRefer { session: b, status: 200, last: true }));
    let notify = pair.last(B, |m| *m.method() == Method::Notify && m.is_request());
    assert_eq!(notify.header(Name::SubscriptionState), Some(&b"terminated;reason=noresource"[..]));
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_refused_transfer_is_told_once() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.command(A, refer(a, "<sip:1003@h>"));
    pair.run(20);
    let heard = pair.heard(B);
    let [Event::Refer { txn, .. }] = &heard[..] else { panic!("{heard:?}") };
    pair.command(B, Command::Respond { txn: *txn, status: 603, headers: vec![], body: None });
    pair.run(20);
    let heard = pair.heard(A);
    let expected =
        matches!(heard[..], [Event::ReferProgress { status: 603, terminated: true, .. }]);
    assert!(expected, "{heard:?}");
    assert!(pair.try_command(A, refer(a, "<sip:1003@h>")), "it may ask again");
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_phone_is_told_to_answer_while_it_rings_and_to_hold_when_it_talks() {
    let mut pair = Pair::new();
    let a = pair.call(A, Some(SDP));
    pair.run(100);
    let b = pair.invited(B);
    let ring = Command::Ring { session: b, status: 180, sdp: None, prack: Prack::default() };
    pair.command(B, ring);
    pair.run(100);
    pair.heard(A);
    let talk = |session| Command::Remote { session, hand: Hand::Talk };
    pair.command(A, talk(a));
    assert!(!pair.try_command(A, talk(a)), "one at a time");
    pair.run(50);
    let notify = pair.last(A, |m| *m.method() == Method::Notify && m.is_request());
    assert_eq!(notify.header(Name::Event), Some(&b"talk"[..]));
    assert_eq!(notify.header(Name::SubscriptionState), Some(&b"active"[..]));
    // Our own agent takes no such order, and says so.
    let heard = pair.heard(A);
    assert!(matches!(heard[..], [Event::Remoted { status: 489, .. }]), "{heard:?}");
    assert!(
        !pair.try_command(B, talk(b)),
        "there is no dialog to the caller yet that could be told"
    );
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.run(100);
    pair.heard(A);
    pair.command(A, Command::Remote { session: a, hand: Hand::Hold });
    pair.run(50);
    let heard = pair.heard(A);
    assert!(matches!(heard[..], [Event::Remoted { status: 489, .. }]), "{heard:?}");
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn info_options_and_unknown_events_within_a_call() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    let body = b"Signal=5\r\nDuration=160\r\n".to_vec();
    let content_type = "application/dtmf-relay".to_owned();
    pair.command(B, Command::Info { session: b, content_type, body: body.clone() });
    pair.run(20);
    let heard = pair.heard(A);
    let Event::Info { content_type, body: got, .. } = &heard[0] else { panic!("{heard:?}") };
    assert_eq!((content_type.as_slice(), got), (&b"application/dtmf-relay"[..], &body));

    let invite = pair.last(A, |m| m.is_request() && *m.method() == Method::Invite).clone();
    let ok = pair.last(B, |m| m.status() == Some(200) && *m.method() == Method::Invite).clone();
    let text = |name: Name, m: &Message| {
        String::from_utf8_lossy(m.header(name).expect("there")).into_owned()
    };
    let mut cseq = 10;
    let mut ask = |pair: &mut Pair, method: &str, more: &str| {
        cseq += 1;
        let text = format!(
            "{method} sip:callee@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{cseq}\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{more}\r\n",
            text(Name::From, &invite),
            text(Name::To, &ok),
            text(Name::CallId, &invite),
        );
        pair.sides[A].deaf = true;
        pair.inject(A, text.as_bytes());
        pair.run(20);
        pair.sides[A].deaf = false;
        pair.sides[A].heard_raw.pop().and_then(|m| m.status())
    };
    for (method, more, status) in [
        ("OPTIONS", "", Some(200)),
        ("INFO", "Info-Package: x\r\n", Some(469)),
        ("INFO", "", Some(200)),
        ("INFO", "Content-Type: application/dtmf\r\nContent-Length: 0\r\n", Some(200)),
        ("INFO", "Content-Type: application/dtmf-relay\r\n\r\nDuration=160", Some(400)),
        ("INFO", "Content-Type: application/dtmf-relay\r\n\r\nSignal=hf", Some(200)),
        ("INFO", "Content-Type: application/media_control+xml\r\n\r\n<x/>", Some(415)),
        ("INFO", "\r\nno type", Some(415)),
        ("SUBSCRIBE", "Event: x\r\n", Some(489)),
        ("NOTIFY", "Event: x\r\n", Some(489)),
        ("NOTIFY", "Event: refer\r\n\r\nSIP/2.0 200 OK", Some(481)),
        ("REFER", "", Some(400)),
        ("PRACK", "", Some(400)),
        ("PUBLISH", "", Some(405)),
        ("MESSAGE", "", None),
    ] {
        assert_eq!(ask(&mut pair, method, more), status, "{method} {more}");
    }
    let heard = pair.heard(B);
    let [Event::Info { .. }, Event::Request { txn, .. }] = &heard[..] else { panic!("{heard:?}") };
    pair.command(B, Command::Respond { txn: *txn, status: 200, headers: vec![], body: None });
    pair.hang_up(B, b);
    let _ = a;
    pair.run_out();
}
