//! Offer and answer within a call: hold, late offers, glare, refusals.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::sip::{By, Command, CommandError, Event, OfferKind, Prack, SessionId};
use crate::wire::sip::{Message, Method};

const HOLD: &[u8] = b"v=0\r\no=a 1 2 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\na=sendonly\r\n";

fn offer(session: SessionId, by: By) -> Command {
    Command::Offer { session, sdp: HOLD.to_vec(), by, metadata: None }
}
fn accept(session: SessionId) -> Command {
    Command::AcceptOffer { session, sdp: SDP2.to_vec() }
}

#[test]
fn hold_by_re_invite_and_by_update() {
    for (by, kind, messages) in
        [(By::Invite, OfferKind::ReInvite, 4), (By::Update, OfferKind::Update, 2)]
    {
        for who in [A, B] {
            let mut pair = Pair::new();
            let (a, b) = pair.talking();
            let sessions = [a, b];
            let before = pair.trace.len();
            pair.command(who, offer(sessions[who], by));
            pair.run(50);
            let heard = pair.heard(1 - who);
            let Event::Offer { sdp, kind: given, .. } = &heard[0] else { panic!("{heard:?}") };
            assert_eq!((sdp.as_slice(), *given), (HOLD, kind));
            pair.command(1 - who, accept(sessions[1 - who]));
            pair.run(50);
            let heard = pair.heard(who);
            assert!(matches!(&heard[..], [Event::OfferAnswered { sdp, .. }] if sdp == SDP2));
            assert_eq!(pair.trace.len() - before, messages, "{:?}", pair.trace);
            pair.hang_up(A, a);
            pair.run_out();
        }
    }
}

#[test]
fn a_refused_offer_leaves_the_call_up() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.command(A, offer(a, By::Invite));
    pair.run(50);
    pair.command(B, Command::RejectOffer { session: b, status: 488, headers: vec![] });
    pair.run(50);
    assert_eq!(names(&pair.heard(A)), ["OfferRefused 488"]);
    pair.command(B, offer(b, By::Invite));
    pair.run(50);
    pair.command(A, accept(a));
    pair.run(50);
    assert_eq!(names(&pair.heard(B)), ["Offer", "OfferAnswered"]);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn glare_is_491_on_both_sides_and_one_side_gets_its_turn() {
    for seed in 0..20 {
        let mut pair = Pair::with(Default::default(), seed);
        let (a, b) = pair.talking();
        pair.command(A, offer(a, By::Invite));
        pair.command(B, offer(b, By::Invite));
        pair.run(100);
        assert_eq!((pair.sent(A, "SIP/2.0 491"), pair.sent(B, "SIP/2.0 491")), (1, 1));
        // B, which does not own the Call-ID, tries within 2 s; A's waiting offer is displaced.
        pair.run(2_100);
        assert_eq!(names(&pair.heard(A)), ["OfferRefused 491", "Offer"], "seed {seed}");
        pair.command(A, accept(a));
        pair.run(100);
        assert_eq!(names(&pair.heard(B)), ["OfferAnswered"]);
        let tried = pair.sent_at(B, "INVITE");
        let pause = tried[1] - 220;
        assert!(pause <= 2_000 && pause.is_multiple_of(10), "{pause}");
        pair.hang_up(A, a);
        pair.run_out();
    }
}

#[test]
fn the_owner_of_the_call_id_waits_longer() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.net.drop = {
        let mut first = true;
        Box::new(move |who, m| who == B && m.is_request() && core::mem::take(&mut first))
    };
    pair.command(B, offer(b, By::Invite));
    pair.command(A, offer(a, By::Invite));
    pair.run(100);
    assert_eq!(names(&pair.heard(A)), [""; 0], "it is tried again inside");
    pair.run(500);
    pair.command(A, Command::AcceptOffer { session: a, sdp: SDP.to_vec() });
    pair.run(4_000);
    assert_eq!(names(&pair.heard(A)), ["OfferRefused 491", "Offer"]);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_second_offer_before_the_first_is_answered_gets_500_with_retry_after() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.command(A, offer(a, By::Invite));
    let again = pair.sides[A].agent.command(pair.now, offer(a, By::Invite));
    assert_eq!(again, Err(CommandError::NoPlaceForOffer(a)), "our own side refuses already");
    pair.run(50);
    // A peer that does it nevertheless.
    let request = pair.trace.len();
    pair.sides[A].deaf = true;
    let text = raw_within(&pair, "UPDATE", 9, "zz");
    pair.inject(A, &text);
    pair.run(10);
    let answer = &pair.trace[request];
    assert!(answer.2.starts_with("SIP/2.0 500"), "{answer:?}");
    pair.sides[A].deaf = false;
    pair.command(B, accept(b));
    pair.run(1_000);
    assert!(names(&pair.heard(A)).contains(&"OfferAnswered".to_owned()));
    // B: to it A's own BYE would be older than the forged request.
    pair.hang_up(B, b);
    pair.run_out();
}

/// A request in A's name within the call, made from A's last INVITE and B's 200.
fn raw_within(pair: &Pair, method: &str, cseq: u32, branch: &str) -> Vec<u8> {
    let invite = pair.last(A, |m| m.is_request() && *m.method() == Method::Invite);
    let ok = pair.last(B, |m| m.status() == Some(200) && *m.method() == Method::Invite);
    let text = format!(
        "{method} sip:callee@192.0.2.2:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch}\r\nFrom: {}\r\nTo: {}\r\n\
         Call-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller@192.0.2.1>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        String::from_utf8_lossy(invite.header(crate::wire::sip::Name::From).expect("From")),
        String::from_utf8_lossy(ok.header(crate::wire::sip::Name::To).expect("To")),
        String::from_utf8_lossy(invite.call_id().expect("Call-ID")),
        HOLD.len(),
    );
    [text.as_bytes(), HOLD].concat()
}

#[test]
fn a_cancelled_re_invite_is_withdrawn_and_the_call_goes_on() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.sides[A].deaf = true;
    let invite = raw_within(&pair, "INVITE", 5, "re");
    pair.inject(A, &invite);
    pair.run(10);
    let cancel = String::from_utf8(invite).expect("ASCII").replace("INVITE", "CANCEL");
    pair.inject(A, cancel.as_bytes());
    pair.run(10);
    assert_eq!(names(&pair.heard(B)), ["Offer", "OfferWithdrawn"]);
    let statuses: Vec<_> = pair.sides[A].heard_raw.iter().filter_map(Message::status).collect();
    assert_eq!(statuses, [100, 200, 487]);
    assert!(!pair.try_command(B, accept(b)), "too late");
    pair.sides[A].deaf = false;
    pair.hang_up(B, b);
    pair.run(1_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Bye"]);
    let _ = a;
    pair.run_out();
}

#[test]
fn an_invite_without_offer_is_answered_with_one_and_acknowledged_with_the_answer() {
    let mut pair = Pair::new();
    let a = pair.call(A, None);
    pair.run(50);
    let b = pair.invited(B);
    let nothing = pair.sides[B]
        .agent
        .command(pair.now, Command::Answer { session: b, sdp: None, headers: vec![] });
    assert_eq!(nothing, Err(CommandError::SdpMissing(b)));
    pair.command(
        B,
        Command::Ring {
            session: b,
            status: 183,
            sdp: Some(SDP2.to_vec()),
            prack: Prack::default(),
        },
    );
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.run(50);
    let heard = pair.heard(A);
    assert_eq!(names(&heard), ["Progress 183", "Offer", "Answered"]);
    assert!(
        matches!(&heard[0], Event::Progress { sdp: None, .. }),
        "no offer in an unreliable 18x"
    );
    assert!(matches!(&heard[1], Event::Offer { kind: OfferKind::In2xx, .. }));
    assert_eq!(pair.sent(A, "ACK"), 0, "it waits for the answer");
    pair.run(600);
    assert_eq!(pair.sent(A, "ACK"), 0, "for the repeated 200 too");
    pair.command(A, Command::AcceptOffer { session: a, sdp: SDP.to_vec() });
    pair.run(50);
    assert_eq!(names(&pair.heard(B)), ["Invite", "OfferAnswered", "Confirmed"]);
    pair.hang_up(A, a);
    pair.run_out();
}

#[test]
fn a_late_offer_may_be_refused_or_hung_up_on() {
    for refuse in [true, false] {
        let mut pair = Pair::new();
        let a = pair.call(A, None);
        pair.run(50);
        let b = pair.invited(B);
        pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
        pair.run(50);
        match refuse {
            true => {
                pair.command(A, Command::RejectOffer { session: a, status: 488, headers: vec![] })
            }
            false => pair.hang_up(A, a),
        }
        pair.run(50);
        assert_eq!(pair.sent(A, "ACK") + pair.sent(A, "BYE"), 2, "acknowledged, then left");
        assert_eq!(names(&pair.heard(A)), ["Offer", "Answered", "Ended Ours"]);
        assert_eq!(names(&pair.heard(B)), ["Invite", "Ended AckMissing"], "the answer was owed");
        pair.run_out();
    }
}

#[test]
fn a_re_invite_without_offer_asks_for_one() {
    let mut pair = Pair::new();
    let (_, b) = pair.talking();
    pair.sides[A].deaf = true;
    let text = String::from_utf8(raw_within(&pair, "INVITE", 7, "ask")).expect("ASCII");
    let (head, _) = text.split_once("Content-Type").expect("a body");
    pair.inject(A, format!("{head}\r\n").as_bytes());
    pair.run(10);
    assert_eq!(names(&pair.heard(B)), ["OfferWanted"]);
    pair.command(B, accept(b));
    pair.run(20);
    let ack = raw_within(&pair, "ACK", 7, "ack");
    pair.inject(A, &ack);
    pair.run(10);
    let heard = pair.heard(B);
    assert!(matches!(&heard[..], [Event::OfferAnswered { sdp, .. }] if sdp == HOLD), "{heard:?}");
    pair.sides[A].deaf = false;
    pair.hang_up(B, b);
    pair.run_out();
}

#[test]
fn an_offer_waits_until_the_call_is_confirmed() {
    let mut pair = Pair::new();
    pair.call(A, Some(SDP));
    pair.run(50);
    let b = pair.invited(B);
    pair.command(B, Command::Answer { session: b, sdp: Some(SDP2.to_vec()), headers: vec![] });
    pair.command(B, offer(b, By::Invite));
    assert_eq!(pair.sent(B, "INVITE"), 0);
    pair.run(50);
    assert_eq!(pair.sent_at(B, "INVITE"), [70], "after the ACK");
    assert_eq!(names(&pair.heard(A)), ["Answered", "Offer"]);
    pair.hang_up(B, b);
    pair.run_out();
}

#[test]
fn a_re_invite_that_nobody_answers_ends_the_call() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.net.drop = Box::new(|who, _| who == B);
    pair.command(A, offer(a, By::Update));
    pair.run(33_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Timeout"]);
    pair.net.drop = Box::new(|_, _| false);
    pair.run(10_000);
    assert_eq!(names(&pair.heard(B)), ["Offer", "Ended Bye"]);
    let _ = b;
    pair.run_out();
}

#[test]
fn an_update_that_the_user_forgets_is_withdrawn() {
    let mut pair = Pair::new();
    let (a, b) = pair.talking();
    pair.sides[A].deaf = true;
    let update = raw_within(&pair, "UPDATE", 5, "up");
    pair.inject(A, &update);
    pair.run(33_000);
    assert_eq!(names(&pair.heard(B)), ["Offer", "OfferWithdrawn"]);
    pair.sides[A].deaf = false;
    pair.command(B, offer(b, By::Update));
    pair.run(100);
    assert_eq!(names(&pair.heard(A)), ["Offer"], "the way is free again");
    let _ = a;
    pair.hang_up(B, b);
    pair.run_out();
}

#[test]
fn a_re_invite_that_only_gets_100_is_given_up() {
    let mut pair = Pair::new();
    let (a, _) = pair.talking();
    pair.command(A, offer(a, By::Invite));
    pair.run(299_000);
    assert_eq!(names(&pair.heard(A)), [""; 0], "B's user thinks");
    pair.run(2_000);
    assert_eq!(names(&pair.heard(A)), ["Ended Timeout"]);
    assert_eq!(names(&pair.heard(B)), ["Offer", "Ended Bye"]);
    pair.run_out();
}

#[test]
fn a_second_re_invite_stands_for_the_lost_ack() {
    let mut pair = Pair::new();
    pair.net.drop = Box::new(|_, m| m.is_request() && *m.method() == Method::Ack);
    let (a, b) = pair.talking();
    assert_eq!(names(&pair.heard(B)), [""; 0], "not confirmed");
    pair.command(A, offer(a, By::Invite));
    pair.run(50);
    assert_eq!(names(&pair.heard(B)), ["Confirmed", "Offer"]);
    pair.net.drop = Box::new(|_, _| false);
    pair.command(B, accept(b));
    pair.run(50);
    pair.hang_up(B, b);
    pair.run_out();
}
