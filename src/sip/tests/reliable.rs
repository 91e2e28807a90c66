//! Provisional responses that are acknowledged, between two agents (RFC 3262).

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::sip::{Command, Event, Prack, SessionId};
use crate::wire::sip::{Message, Method, Name};

fn ring(session: SessionId, status: u16, sdp: Option<&[u8]>) -> Command {
    let sdp = sdp.map(<[u8]>::to_vec);
    Command::Ring { session, status, sdp, prack: Prack::Supported }
}
fn answer(session: SessionId) -> Command {
    Command::Answer { session, sdp: Some(SDP2.to_vec()), headers: vec![] }
}
fn is_prack(m: &Message) -> bool {
    m.is_request() && *m.method() == Method::Prack
}

/// A calls B, which sends 183 with its answer.
fn early() -> (Pair, SessionId, SessionId) {
    let mut pair = Pair::new();
    let a = pair.call(A, Some(SDP));
    pair.run(30);
    let b = pair.invited(B);
    pair.command(B, ring(b, 183, Some(SDP2)));
    (pair, a, b)
}

#[test]
fn early_media_is_acknowledged_and_the_2xx_says_the_same() {
    let (mut pair, a, b) = early();
    pair.run(100);
    let progress = pair.last(B, |m| m.status() == Some(183));
    assert!(progress.lists(Name::Require, "100rel") && progress.body() == SDP2);
    let rseq = progress.rseq().expect("readable").expect("there");
    let prack = pair.last(A, is_prack).rack().expect("a RAck");
    assert_eq!((prack.rseq, prack.cseq.number, prack.cseq.method), (rseq, 1, Method::Invite));
    pair.command(B, answer(b));
    pair.run(100);
    let heard = pair.heard(A);
    assert_eq!(names(&heard), ["Progress 183", "Answered"]);
    let Event::Answered { sdp, .. } = &heard[1] else { panic!("answered") };
    assert_eq!(sdp.as_deref(), Some(SDP2));
    assert_eq!((pair.sent(A, "PRACK"), pair.sent(B, "SIP/2.0 183")), (1, 1));
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_lost_183_comes_again_and_is_told_once() {
    let mut pair = Pair::new();
    let mut lost = 3;
    pair.net.drop = Box::new(move |who, m| {
        let hit = lost > 0 && who == B && m.status() == Some(183);
        lost -= i32::from(hit);
        hit
    });
    let a = pair.call(A, Some(SDP));
    pair.run(30);
    let b = pair.invited(B);
    pair.command(B, ring(b, 183, Some(SDP2)));
    pair.run(3_000);
    assert!(pair.heard(A).is_empty());
    pair.run(1_000);
    assert_eq!(names(&pair.heard(A)), ["Progress 183"]);
    assert_eq!(pair.sent_at(B, "SIP/2.0 183"), [30, 530, 1_530, 3_530]);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn the_answer_waits_until_the_caller_has_the_early_one() {
    let (mut pair, a, b) = early();
    pair.command(B, answer(b));
    assert_eq!(pair.sent(B, "SIP/2.0 200"), 0);
    pair.run(100);
    assert_eq!(names(&pair.heard(A)), ["Progress 183", "Answered"]);
    pair.hang_up(B, b);
    let _ = a;
    pair.run_out();
}

#[test]
fn one_at_a_time_and_the_later_one_stands() {
    let (mut pair, a, b) = early();
    pair.command(B, ring(b, 180, None));
    pair.command(B, ring(b, 182, None));
    assert_eq!(pair.sent(B, "SIP/2.0 18"), 1);
    pair.run(100);
    assert_eq!(names(&pair.heard(A)), ["Progress 183", "Progress 182"]);
    let (first, second) =
        (pair.last(B, |m| m.status() == Some(183)), pair.last(B, |m| m.status() == Some(182)));
    let rseq = |m: &Message| m.rseq().expect("readable").unwrap_or(0);
    assert_eq!(rseq(second), rseq(first) + 1);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_caller_that_never_acknowledges_gets_504() {
    let (mut pair, a, _) = early();
    pair.net.drop = Box::new(|who, m| who == A && *m.method() == Method::Prack);
    pair.run(33_000);
    assert_eq!(names(&pair.heard(A)), ["Progress 183", "Ended Rejected 504"]);
    let heard = names(&pair.heard(B));
    assert_eq!(heard.last().map(String::as_str), Some("Ended AckMissing"));
    let _ = a;
    pair.run_out();
}

#[test]
fn after_the_early_answer_either_side_may_offer_anew() {
    let (mut pair, a, b) = early();
    pair.run(100);
    pair.heard(A);
    pair.heard(B);
    // An announcement server does this: the real party has other media.
    let update = update_of(&pair, b);
    pair.inject(B, &update);
    pair.run(20);
    let heard = pair.heard(A);
    assert!(matches!(&heard[..], [Event::Offer { sdp, .. }] if sdp == SDP2), "{heard:?}");
    pair.sides[B].deaf = true;
    pair.command(A, Command::AcceptOffer { session: a, sdp: SDP.to_vec() });
    pair.run(20);
    let answer = pair.sides[B].heard_raw.pop().expect("the answer");
    assert_eq!((answer.status(), answer.body()), (Some(200), SDP));
    pair.sides[B].deaf = false;
    pair.hang_up(A, a);
    pair.run_out();
}

/// An UPDATE of B's within the early dialog, by hand.
fn update_of(pair: &Pair, _: SessionId) -> Vec<u8> {
    let progress = pair.last(B, |m| m.status() == Some(183));
    let line = |name: Name| {
        String::from_utf8_lossy(progress.header(name).unwrap_or_default()).into_owned()
    };
    let (from, to, call) = (line(Name::To), line(Name::From), line(Name::CallId));
    let body = String::from_utf8_lossy(SDP2).into_owned();
    format!(
        "UPDATE sip:caller@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKu\r\n\
         From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: 7 UPDATE\r\nMax-Forwards: 70\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn a_prack_that_fits_nothing_gets_481() {
    let (mut pair, a, b) = early();
    pair.run(100);
    let prack = pair.last(A, is_prack).to_string();
    let other = prack.replacen("branch=z9hG4bK", "branch=z9hG4bKx", 1);
    let seq = pair.last(A, is_prack).cseq().expect("a CSeq").number;
    let other = other.replace(&format!("CSeq: {seq} "), &format!("CSeq: {} ", seq + 1));
    pair.inject(A, other.as_bytes());
    pair.run(10);
    assert_eq!(pair.sent(B, "SIP/2.0 481"), 1, "{:?}", pair.trace);
    pair.hang_up(A, a);
    let _ = b;
    pair.run_out();
}

/// An INVITE of A's by hand; `more` are header lines.
fn invite_by_hand(pair: &mut Pair, more: &str) -> SessionId {
    pair.sides[A].deaf = true;
    let body = String::from_utf8_lossy(SDP);
    let invite = format!(
        "INVITE sip:callee@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKi\r\n\
         From: <sip:a@h>;tag=1\r\nTo: <sip:callee@192.0.2.2>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
         Max-Forwards: 70\r\nContact: <sip:a@192.0.2.1>\r\n{more}\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    pair.inject(A, invite.as_bytes());
    pair.run(10);
    pair.invited(B)
}

#[test]
fn an_offer_in_the_prack_is_answered_before_the_2xx_that_waited() {
    let mut pair = Pair::new();
    let b = invite_by_hand(&mut pair, "Supported: 100rel\r\n");
    pair.command(B, ring(b, 183, Some(SDP2)));
    pair.command(B, answer(b));
    let progress = pair.last(B, |m| m.status() == Some(183));
    let rseq = progress.rseq().expect("readable").expect("there");
    let to = String::from_utf8_lossy(progress.header(Name::To).unwrap_or_default()).into_owned();
    let body = String::from_utf8_lossy(SDP);
    let prack = format!(
        "PRACK sip:callee@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKp\r\n\
         From: <sip:a@h>;tag=1\r\nTo: {to}\r\nCall-ID: c\r\nCSeq: 2 PRACK\r\nMax-Forwards: 70\r\n\
         RAck: {rseq} 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    pair.inject(A, prack.as_bytes());
    pair.run(10);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Offer"]);
    assert_eq!(pair.sent(B, "SIP/2.0 200"), 0);
    pair.command(B, Command::AcceptOffer { session: b, sdp: SDP2.to_vec() });
    assert_eq!(pair.sent(B, "SIP/2.0 200"), 2, "of the PRACK, and of the INVITE");
    let first = pair.last(B, |m| m.status() == Some(200) && *m.method() == Method::Prack);
    assert_eq!(first.body(), SDP2);
    pair.run_out();
}

#[test]
fn a_caller_that_requires_it_gets_each_18x_so_and_one_that_cannot_none() {
    for (supported, wanted) in
        [("Require: 100rel\r\n", true), ("Supported: 100rel\r\n", false), ("", false)]
    {
        let mut pair = Pair::new();
        let b = invite_by_hand(&mut pair, supported);
        pair.command(B, ring(b, 180, None));
        let reliable = pair.last(B, |m| m.status() == Some(180)).header(Name::RSeq).is_some();
        assert_eq!(reliable, wanted, "{supported}");
        pair.command(B, Command::Reject { session: b, status: 486, reason: None, headers: vec![] });
        pair.run_out();
    }
}

#[test]
fn forks_each_have_their_own_order_and_answer() {
    let mut pair = Pair::new();
    pair.sides[B].deaf = true;
    let a = pair.call(A, Some(SDP));
    pair.run(20);
    let invite = pair.sides[B].heard_raw.pop().expect("the INVITE");
    let reliable = |pair: &mut Pair, tag: &str, rseq: u32, sdp: Option<&[u8]>| {
        let mut builder = crate::wire::sip::Builder::response_to(&invite, 183, "")
            .to_tag(tag)
            .header(Name::Contact, format!("<sip:{tag}@192.0.2.2>").as_str())
            .header(Name::Require, "100rel")
            .header(Name::RSeq, &rseq);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", sdp);
        }
        let response = builder.build().expect("writable");
        pair.inject(B, response.bytes());
        pair.run(20);
    };
    reliable(&mut pair, "one", 10, Some(SDP2));
    reliable(&mut pair, "two", 900, None);
    reliable(&mut pair, "one", 10, Some(SDP2));
    reliable(&mut pair, "one", 12, None);
    reliable(&mut pair, "one", 11, None);
    assert_eq!(names(&pair.heard(A)), ["Progress 183"; 3], "no repeated one, none before its time");
    assert_eq!(pair.sent(A, "PRACK sip:one"), 2);
    assert_eq!(pair.sent(A, "PRACK sip:two"), 1);
    // The other fork answers: its own description counts.
    pair.answer_raw(B, &invite, 200, "two", Some(SDP));
    pair.run(20);
    let heard = pair.heard(A);
    assert!(
        matches!(&heard[..], [Event::Answered { sdp: Some(sdp), .. }] if sdp == SDP),
        "{heard:?}"
    );
    pair.sides[B].deaf = false;
    pair.hang_up(A, a);
    pair.run_out();
}
