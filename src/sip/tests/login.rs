//! Challenges of calls and of requests outside them, both halves of digest against each other.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::{Duration, Rng};
use crate::sip::digest::{Algorithm, Role, Verdict, Verifier};
use crate::sip::{Command, Credentials, Event, SessionId};
use crate::wire::sip::{Message, Method, Name, NameAddr, Uri};

fn verifier() -> Verifier {
    let both = [Algorithm::Sha256, Algorithm::Md5];
    Verifier::new("care.example", Duration::from_secs(300), &both, &mut Rng::from_seed(3))
}

fn bob(password: &str) -> Credentials {
    Credentials { user: "bob".into(), password: password.into(), least: Default::default() }
}

/// B checks the INVITE it heard last: answers it, or challenges. True when it answered.
fn judge(pair: &mut Pair, verifier: &mut Verifier, role: Role) -> bool {
    let (session, message) = last_invite(pair);
    let source = pair.sides[A].addr.ip();
    let known = |user: &str| (user == "bob").then_some("zanzibar");
    let verdict = verifier.verify(pair.now, source, &message, role, known);
    if let Verdict::Accepted { .. } = verdict {
        pair.command(B, Command::Answer { session, sdp: Some(SDP2.to_vec()), headers: vec![] });
        return true;
    }
    let headers = verifier.challenge(pair.now, source, role, verdict == Verdict::Stale);
    let status = role.status();
    pair.command(B, Command::Reject { session, status, reason: None, headers });
    false
}

fn last_invite(pair: &Pair) -> (SessionId, Message) {
    let found = pair.sides[B].events.iter().rev().find_map(|event| match event {
        Event::Invite { session, message, .. } => Some((*session, message.clone())),
        _ => None,
    });
    found.expect("a call came in")
}

#[test]
fn a_challenged_call_is_placed_again_with_credentials() {
    for role in [Role::Server, Role::Proxy] {
        let mut pair = Pair::new();
        let mut verifier = verifier();
        let a = pair.call_with(A, Some(SDP), Some(bob("zanzibar")));
        pair.run(50);
        assert!(!judge(&mut pair, &mut verifier, role));
        pair.run(50);
        let (_, again) = last_invite(&pair);
        assert_eq!(again.cseq().map(|c| c.number), Ok(2));
        assert!(judge(&mut pair, &mut verifier, role));
        pair.run(50);
        assert_eq!(names(&pair.heard(A)), ["Answered"]);
        let header =
            [Name::Authorization, Name::ProxyAuthorization][usize::from(role == Role::Proxy)];
        let ack = pair.last(A, |m| m.is_request() && *m.method() == Method::Ack);
        assert_eq!(ack.header(header), again.header(header), "the ACK repeats them (§22.1)");
        assert_eq!(ack.cseq().map(|c| c.number), Ok(2));
        pair.hang_up(A, a);
        pair.run_out();
    }
}

#[test]
fn a_wrong_password_ends_the_call_with_the_second_401() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    pair.call_with(A, Some(SDP), Some(bob("wrong")));
    for _ in 0..2 {
        pair.run(50);
        assert!(!judge(&mut pair, &mut verifier, Role::Server));
    }
    pair.run(50);
    assert_eq!(pair.sent(A, "INVITE"), 2);
    assert_eq!(names(&pair.heard(A)), ["Ended Rejected 401"]);
    pair.run_out();
}

/// Who has answered with the stronger hash is not talked down to a weaker one by a proxy on the way.
#[test]
fn a_weaker_challenge_in_the_same_call_is_not_answered() {
    let all = [Algorithm::Md5, Algorithm::Sha512_256];
    let life = Duration::from_secs(300);
    let mut verifier = Verifier::new("care.example", life, &all, &mut Rng::from_seed(3));
    let mut pair = Pair::new();
    pair.call_with(A, Some(SDP), Some(bob("zanzibar")));
    pair.run(50);
    assert!(!judge(&mut pair, &mut verifier, Role::Server));
    pair.run(50);
    let (session, again) = last_invite(&pair);
    let value =
        String::from_utf8_lossy(again.header(Name::Authorization).expect("one")).into_owned();
    assert!(value.contains("algorithm=SHA-512-256"), "{value}");
    let nonce =
        value.split("nonce=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("one");
    let challenge = format!(
        "Digest realm=\"care.example\", nonce=\"{nonce}\", stale=true, algorithm=MD5, qop=\"auth\""
    );
    let headers = vec![(Name::WwwAuthenticate, challenge.into_bytes())];
    pair.command(B, Command::Reject { session, status: 401, reason: None, headers });
    pair.run(50);
    assert_eq!(pair.sent(A, "INVITE"), 2, "not once more");
    assert_eq!(names(&pair.heard(A)), ["Ended Rejected 401"]);
    pair.run_out();
}

/// What was answered for one offer is not said again with another: the same nonce would be counted twice.
#[test]
fn another_offer_goes_out_without_credentials_and_is_challenged_anew() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    let a = pair.call_or(A, Some(SDP), Some(SDP2), Some(bob("zanzibar")));
    pair.run(50);
    assert!(!judge(&mut pair, &mut verifier, Role::Server));
    pair.run(50);
    let (session, first) = last_invite(&pair);
    assert!(first.header(Name::Authorization).is_some());
    let source = pair.sides[A].addr.ip();
    let known = |user: &str| (user == "bob").then_some("zanzibar");
    let verdict = verifier.verify(pair.now, source, &first, Role::Server, known);
    assert!(matches!(verdict, Verdict::Accepted { .. }), "{verdict:?}");
    pair.command(B, Command::Reject { session, status: 488, reason: None, headers: vec![] });
    pair.run(50);
    let (_, second) = last_invite(&pair);
    assert_eq!((second.header(Name::Authorization), second.body()), (None, SDP2));
    assert!(!judge(&mut pair, &mut verifier, Role::Server));
    pair.run(50);
    assert!(judge(&mut pair, &mut verifier, Role::Server), "its credentials are taken");
    pair.run(50);
    assert_eq!(pair.sent(A, "INVITE"), 4);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_call_hung_up_before_its_challenge_is_not_placed_again() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    let a = pair.call_with(A, Some(SDP), Some(bob("zanzibar")));
    pair.run(15);
    judge(&mut pair, &mut verifier, Role::Server);
    pair.hang_up(A, a);
    pair.run_out();
    assert_eq!(pair.sent(A, "INVITE"), 1);
    assert_eq!(names(&pair.heard(A)), ["Ended Ours"]);
}

#[test]
fn a_hang_up_after_the_challenge_cancels_the_second_invite() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    let a = pair.call_with(A, Some(SDP), Some(bob("zanzibar")));
    pair.run(15);
    judge(&mut pair, &mut verifier, Role::Server);
    pair.run(11);
    assert_eq!(pair.sent(A, "INVITE"), 2);
    pair.hang_up(A, a);
    assert_eq!(pair.sent(A, "CANCEL"), 0, "the new INVITE has no response yet");
    pair.run_out();
    assert_eq!(pair.sent(A, "CANCEL"), 1);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Ended Ours", "Invite", "Ended Cancelled"]);
}

#[test]
fn a_bye_may_be_challenged_too() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    let a = pair.call_with(A, Some(SDP), Some(bob("zanzibar")));
    pair.run(50);
    let (session, _) = last_invite(&pair);
    pair.command(B, Command::Answer { session, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.run(50);
    pair.sides[B].deaf = true;
    pair.hang_up(A, a);
    pair.run(20);
    let bye = pair.sides[B].heard_raw.pop().expect("a BYE");
    let mut response = crate::wire::sip::Builder::response_to(&bye, 401, "");
    for (name, value) in verifier.challenge(pair.now, pair.sides[A].addr.ip(), Role::Server, false)
    {
        response = response.header(name, &value);
    }
    pair.inject(B, response.build().expect("writable").bytes());
    pair.sides[B].deaf = false;
    pair.run(50);
    let again = pair.last(A, |m| m.is_request() && *m.method() == Method::Bye);
    assert!(again.header(Name::Authorization).is_some());
    assert_eq!(pair.sent(A, "BYE"), 2);
    assert_eq!(names(&pair.heard(B)), ["Invite", "Confirmed", "Ended Bye"]);
    pair.run_out();
}

#[test]
fn a_request_outside_calls_logs_in_and_tells_only_the_last_answer() {
    let mut pair = Pair::new();
    let mut verifier = verifier();
    let txn = pair.sides[A].agent.new_request();
    let aor = Uri::sip(Some("bob"), pair.sides[B].addr.ip(), None);
    let flow = pair.flow(A);
    let register = Command::Request {
        txn,
        flow,
        method: Method::Register,
        target: Uri::sip(None, pair.sides[B].addr.ip(), None),
        from: NameAddr::new(aor.clone()),
        to: NameAddr::new(aor),
        headers: vec![(Name::Contact, b"<sip:bob@192.0.2.1>".to_vec())],
        body: None,
        credentials: Some(bob("zanzibar")),
    };
    pair.command(A, register);
    for status in [401, 200] {
        pair.run(20);
        let heard = pair.heard(B);
        let [Event::Request { txn, message, .. }] = &heard[..] else { panic!("{heard:?}") };
        let known = |_: &str| Some("zanzibar");
        let verdict =
            verifier.verify(pair.now, pair.sides[A].addr.ip(), message, Role::Server, known);
        assert_eq!(matches!(verdict, Verdict::Accepted { .. }), status == 200);
        let headers = verifier.challenge(pair.now, pair.sides[A].addr.ip(), Role::Server, false);
        pair.command(B, Command::Respond { txn: *txn, status, headers, body: None });
    }
    pair.run(20);
    let heard = pair.heard(A);
    assert!(matches!(&heard[..], [Event::Response { status: 200, .. }]), "{heard:?}");
    pair.run_out();
}
