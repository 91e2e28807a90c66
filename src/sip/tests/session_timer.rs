//! The session timer between two agents (RFC 4028).

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::Duration;
use crate::sip::{AgentConfig, Command, SessionTimer};
use crate::wire::sip::{Message, Method, Name};

fn asks(seconds: u64) -> AgentConfig {
    let session_timer =
        SessionTimer { ask: Some(Duration::from_secs(seconds)), ..SessionTimer::default() };
    AgentConfig { session_timer, ..AgentConfig::default() }
}

/// The header of the last message of `who` that is an answer to INVITE.
fn said(pair: &Pair, who: usize, name: Name) -> String {
    let answer = |m: &Message| m.status() == Some(200) && *m.method() == Method::Invite;
    let value = pair.last(who, answer).header(name).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}

#[test]
fn whoever_is_asked_refreshes_for_as_long_as_the_call_lasts() {
    let mut pair = Pair::with(asks(600), 1);
    let (a, b) = pair.talking();
    assert_eq!(said(&pair, B, Name::SessionExpires), "600;refresher=uas");
    assert_eq!(said(&pair, B, Name::Require), "timer");
    pair.run(3_000_000);
    assert_eq!(names(&pair.heard(A)), [""; 0]);
    assert_eq!(names(&pair.heard(B)), [""; 0]);
    assert_eq!((pair.sent(A, "UPDATE"), pair.sent(B, "UPDATE")), (0, 9));
    pair.hang_up(A, a);
    let _ = b;
    pair.run_out();
}

#[test]
fn a_peer_that_takes_no_update_is_refreshed_by_re_invite() {
    let mut pair = Pair::with(asks(600), 1);
    let (a, b) = pair.talking();
    pair.sides[A].deaf = true;
    // The answer to the refresh, by hand.
    pair.run(310_000);
    let update = pair.sides[A].heard_raw.pop().expect("an UPDATE");
    assert_eq!(*update.method(), Method::Update);
    pair.answer_raw(A, &update, 501, "", None);
    pair.run(1_000);
    pair.sides[A].deaf = false;
    pair.run(2_000);
    let heard = names(&pair.heard(A));
    assert_eq!(heard, ["Offer"], "the description that stands, once more");
    let again = pair.last(B, |m| m.is_request() && *m.method() == Method::Invite);
    assert_eq!(again.body(), SDP2);
    assert_eq!(again.header(Name::SessionExpires), Some(&b"600;refresher=uac"[..]));
    pair.command(A, Command::AcceptOffer { session: a, sdp: SDP.to_vec() });
    pair.run(250_000);
    assert_eq!(names(&pair.heard(B)), ["OfferAnswered"], "the call goes on");
    pair.hang_up(B, b);
    pair.run_out();
}

#[test]
fn a_call_that_nobody_refreshes_ends_before_its_time() {
    let mut pair = Pair::with(asks(600), 1);
    let (_, b) = pair.talking();
    // B refreshes, and nothing of it arrives.
    pair.net.drop = Box::new(|who, m| who == B && *m.method() == Method::Update);
    pair.run(333_000);
    assert_eq!(names(&pair.heard(B)), ["Ended Timeout"], "no answer to the refresh in 64 T1");
    pair.net.drop = Box::new(|_, _| false);
    let _ = b;
    pair.run(300_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Bye"]);
    pair.run_out();
}

#[test]
fn one_that_waits_for_a_refresh_says_bye_a_little_before_the_end() {
    let mut pair = Pair::with(asks(600), 1);
    let (_, _) = pair.talking();
    // B has gone: it neither refreshes nor says BYE.
    pair.net.drop = Box::new(|who, _| who == B);
    pair.run(567_000);
    assert_eq!(pair.sent(A, "BYE"), 0);
    pair.run(2_000);
    assert!(pair.sent(A, "BYE") > 0);
    let bye = pair.last(A, |m| *m.method() == Method::Bye && m.is_request());
    let reason = bye.header(Name::Reason).expect("why");
    assert!(reason.starts_with(b"Q.850;cause=102"), "{}", String::from_utf8_lossy(reason));
    assert_eq!(names(&pair.heard(A)), ["Ended Timeout"]);
    pair.run_out();
}

#[test]
fn an_interval_that_is_too_short_is_asked_for_again() {
    let mut pair = Pair::with(asks(100), 1);
    let session_timer = SessionTimer { ask: None, least: Duration::from_secs(400) };
    let strict = AgentConfig { session_timer, ..AgentConfig::default() };
    pair.sides[B].agent = crate::sip::Agent::new(strict, crate::base::Rng::from_seed(9));
    let (a, _) = pair.talking();
    assert_eq!((pair.sent(A, "INVITE"), pair.sent(B, "SIP/2.0 422")), (2, 1));
    let again = pair.last(A, |m| *m.method() == Method::Invite && m.is_request());
    assert_eq!(again.header(Name::MinSe), Some(&b"400"[..]));
    assert_eq!(said(&pair, B, Name::SessionExpires), "400;refresher=uas");
    pair.run(1_000_000);
    assert!(pair.heard(A).is_empty() && pair.heard(B).is_empty());
    // What was learned holds for the whole call (RFC 4028 §7.4).
    let hold = Command::Offer {
        session: a,
        sdp: SDP.to_vec(),
        by: crate::sip::By::Invite,
        metadata: None,
    };
    pair.command(A, hold);
    pair.run(100);
    let re_invite = pair.last(A, |m| *m.method() == Method::Invite && m.is_request());
    assert_eq!(re_invite.header(Name::MinSe), Some(&b"400"[..]));
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_hold_is_a_refresh_too_and_keeps_the_roles() {
    let mut pair = Pair::with(asks(600), 1);
    let (a, b) = pair.talking();
    for _ in 0..4 {
        pair.run(250_000);
        pair.command(
            A,
            Command::Offer {
                session: a,
                sdp: SDP.to_vec(),
                by: crate::sip::By::Invite,
                metadata: None,
            },
        );
        pair.run(100);
        pair.command(B, Command::AcceptOffer { session: b, sdp: SDP2.to_vec() });
        pair.run(100);
    }
    assert_eq!((pair.sent(A, "UPDATE"), pair.sent(B, "UPDATE")), (0, 0));
    assert_eq!(said(&pair, B, Name::SessionExpires), "600;refresher=uas");
    pair.run(310_000);
    assert_eq!(pair.sent(B, "UPDATE"), 1);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn without_asking_no_timer_runs() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    assert_eq!(said(&pair, B, Name::SessionExpires), "");
    let answer = pair.last(B, |m| m.status() == Some(200));
    assert!(answer.lists(Name::Supported, "timer"));
    pair.run(10_000_000);
    assert_eq!(pair.sent(A, "UPDATE") + pair.sent(B, "UPDATE"), 0);
    pair.hang_up(A, a);
    pair.run_out();
}
