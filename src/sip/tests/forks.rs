//! An INVITE that rings at several places; the test plays those places.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::sip::{Command, Event};
use crate::wire::sip::{Message, Method};

fn call() -> (Pair, crate::sip::SessionId, Message) {
    let mut pair = Pair::new();
    pair.sides[B].deaf = true;
    let a = pair.call(A, Some(SDP));
    pair.run(20);
    let invite = pair.sides[B].heard_raw.remove(0);
    (pair, a, invite)
}

/// Start lines that B was sent, without the version.
fn requests(pair: &mut Pair) -> Vec<String> {
    let heard = core::mem::take(&mut pair.sides[B].heard_raw);
    heard
        .iter()
        .filter(|m| m.is_request())
        .map(|m| {
            let line = String::from_utf8_lossy(m.start_line());
            line.replace(" SIP/2.0", "").replace("@192.0.2.2:5060", "")
        })
        .collect()
}

#[test]
fn early_dialogs_keep_their_own_media_and_the_first_answer_wins() {
    let (mut pair, a, invite) = call();
    pair.answer_raw(B, &invite, 183, "one", Some(b"v=0\r\none\r\n"));
    pair.answer_raw(B, &invite, 180, "two", None);
    pair.answer_raw(B, &invite, 183, "three", Some(b"v=0\r\nthree\r\n"));
    pair.run(5);
    assert_eq!(pair.sides[A].agent.counts().dialogs, 3);
    let heard = pair.heard(A);
    assert!(
        matches!(&heard[0], Event::Progress { sdp: Some(sdp), .. } if sdp == b"v=0\r\none\r\n")
    );
    // Three answers without description: its own preview counts, not another fork's.
    pair.answer_raw(B, &invite, 200, "three", None);
    pair.answer_raw(B, &invite, 200, "one", Some(SDP2));
    pair.answer_raw(B, &invite, 200, "four", Some(SDP2));
    pair.run(20);
    let heard = pair.heard(A);
    assert_eq!(names(&heard), ["Answered"]);
    assert!(
        matches!(&heard[0], Event::Answered { sdp: Some(sdp), .. } if sdp == b"v=0\r\nthree\r\n")
    );
    let left = ["ACK sip:three", "ACK sip:one", "BYE sip:one", "ACK sip:four", "BYE sip:four"];
    assert_eq!(requests(&mut pair), left);
    // The 200s come again: each is acknowledged again, nothing else.
    pair.answer_raw(B, &invite, 200, "three", None);
    pair.answer_raw(B, &invite, 200, "one", None);
    pair.run(20);
    let again = requests(&mut pair);
    assert!(again.starts_with(&["ACK sip:three".into(), "ACK sip:one".into()]), "{again:?}");
    pair.hang_up(A, a);
    pair.run(20);
    assert!(requests(&mut pair).contains(&"BYE sip:three".into()));
    pair.run_out();
}

#[test]
fn every_fork_that_answers_a_cancelled_call_is_left() {
    let (mut pair, a, invite) = call();
    pair.answer_raw(B, &invite, 180, "one", None);
    pair.run(5);
    pair.hang_up(A, a);
    pair.answer_raw(B, &invite, 200, "one", Some(SDP2));
    pair.answer_raw(B, &invite, 200, "two", Some(SDP2));
    pair.run(20);
    assert_eq!(names(&pair.heard(A)), ["Progress 180", "Ended Ours"]);
    let sent = requests(&mut pair);
    for line in ["ACK sip:one", "BYE sip:one", "ACK sip:two", "BYE sip:two"] {
        assert_eq!(sent.iter().filter(|l| *l == line).count(), 1, "{line}: {sent:?}");
    }
    pair.run_out();
}

#[test]
fn more_forks_than_we_keep_are_still_answered_properly() {
    let (mut pair, a, invite) = call();
    for n in 0..40 {
        pair.answer_raw(B, &invite, 183, &format!("f{n}"), None);
    }
    pair.run(20);
    assert!(pair.sides[A].agent.counts().dialogs <= 8);
    for n in 0..40 {
        pair.answer_raw(B, &invite, 200, &format!("f{n}"), Some(SDP2));
    }
    pair.run(20);
    let sent = requests(&mut pair);
    assert_eq!(sent.iter().filter(|l| l.starts_with("ACK")).count(), 40);
    assert_eq!(sent.iter().filter(|l| l.starts_with("BYE")).count(), 39);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_bye_that_overtakes_the_200_ends_the_call() {
    let (mut pair, _, invite) = call();
    pair.answer_raw(B, &invite, 180, "one", None);
    pair.run(5);
    let bye = format!(
        "BYE sip:caller@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKb\r\n\
         From: <sip:b@h>;tag=one\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 1 BYE\r\n\r\n",
        String::from_utf8_lossy(invite.header(crate::wire::sip::Name::From).expect("From")),
        String::from_utf8_lossy(invite.call_id().expect("Call-ID")),
    );
    pair.inject(B, bye.as_bytes());
    pair.run(5);
    assert_eq!(names(&pair.heard(A)), ["Progress 180", "Ended Bye"]);
    pair.answer_raw(B, &invite, 200, "one", Some(SDP2));
    pair.run(20);
    let sent = requests(&mut pair);
    assert_eq!(sent, ["CANCEL sip:callee", "ACK sip:one", "BYE sip:one"]);
    pair.run_out();
}

#[test]
fn requests_of_a_stranger_in_our_dialog_are_not_taken() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    let invite = pair.last(A, |m| m.is_request() && *m.method() == Method::Invite).clone();
    let bye = |from: &str, call_id: &str| {
        format!(
            "BYE sip:caller@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bK{call_id}{from}\r\n\
             From: <sip:b@h>;tag={from}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: 100 BYE\r\n\r\n",
            String::from_utf8_lossy(invite.header(crate::wire::sip::Name::From).expect("From")),
        )
    };
    let call_id = String::from_utf8_lossy(invite.call_id().expect("Call-ID")).into_owned();
    pair.inject(B, bye("guess", &call_id).as_bytes());
    pair.inject(B, bye("guess", "guess").as_bytes());
    pair.run(10);
    assert_eq!(pair.sent(A, "SIP/2.0 481"), 2);
    assert!(pair.try_command(A, Command::Hangup { session: a, reason: None }));
    pair.run_out();
}

#[test]
fn a_flood_of_forks_is_bounded() {
    let (mut pair, a, invite) = call();
    for n in 0..500 {
        pair.answer_raw(B, &invite, 200, &format!("f{n}"), Some(SDP2));
    }
    pair.run(20);
    assert!(pair.sides[A].agent.counts().client_txns <= 65, "{:?}", pair.sides[A].agent.counts());
    assert!(requests(&mut pair).contains(&"ACK sip:f0".to_owned()));
    pair.answer_raw(B, &invite, 200, "f0", Some(SDP2));
    pair.run(20);
    assert!(requests(&mut pair).contains(&"ACK sip:f0".to_owned()), "ours is still acknowledged");
    pair.hang_up(A, a);
    pair.run_out();
}
