//! Watchers (RFC 6665): the test plays the watcher A and B's user.

use super::pair::{A, B, Pair, names};
use crate::sip::subscription::Why;
use crate::sip::{Command, Event, SubscriptionId};
use crate::wire::sip::{Message, Method, Name};

/// A SUBSCRIBE of A's: within the dialog when it has the To tag of a NOTIFY's From.
fn subscribe(n: u32, to_tag: &str, more: &str) -> Vec<u8> {
    let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    format!(
        "SUBSCRIBE sip:1001@192.0.2.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;\
         branch=z9hG4bKs{n}\r\nFrom: <sip:w@h>;tag=w\r\nTo: <sip:1001@h>{tag}\r\nCall-ID: watch\r\n\
         CSeq: {n} SUBSCRIBE\r\nMax-Forwards: 70\r\nContact: <sip:w@192.0.2.1:5060>\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

fn text(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

/// A pair in which A has sent the SUBSCRIBE and B's user has accepted it.
fn watched(seconds: u32) -> (Pair, SubscriptionId) {
    let mut pair = Pair::new();
    pair.sides[A].deaf = true;
    pair.inject(A, &subscribe(1, "", "Event: dialog;id=7\r\n"));
    pair.run(5);
    let (txn, flow) = match &pair.heard(B)[..] {
        [Event::Request { txn, flow, .. }] => (*txn, *flow),
        other => panic!("{other:?}"),
    };
    let subscription = pair.sides[B].agent.new_subscription();
    pair.command(B, Command::Subscribe { txn, flow, subscription, seconds });
    (pair, subscription)
}

/// B's user gives the state whenever it is asked for; how often it was.
fn tell(pair: &mut Pair, subscription: SubscriptionId) -> usize {
    let heard = pair.heard(B);
    let wanted = heard.iter().filter(|e| matches!(e, Event::StateWanted { .. })).count();
    for _ in 0..wanted {
        let body = ("text/plain".to_owned(), b"state".to_vec());
        pair.command(B, Command::Notify { subscription, body });
    }
    pair.sides[B]
        .events
        .extend(heard.into_iter().filter(|e| names(core::slice::from_ref(e))[0] != "StateWanted"));
    wanted
}

/// The NOTIFYs that came to A, each once.
fn notifies(pair: &mut Pair) -> Vec<Message> {
    let heard = core::mem::take(&mut pair.sides[A].heard_raw);
    let mut all: Vec<Message> =
        heard.into_iter().filter(|m| m.is_request() && *m.method() == Method::Notify).collect();
    all.dedup_by_key(|m| text(m, Name::CSeq));
    all
}

fn changed(pair: &mut Pair, subscription: SubscriptionId) {
    pair.command(B, Command::Changed { subscription });
    tell(pair, subscription);
}

fn answer(pair: &mut Pair, status: u16) -> usize {
    pair.run(15);
    let all = notifies(pair);
    for notify in &all {
        pair.answer_raw(A, notify, status, "", None);
    }
    pair.run(15);
    all.len()
}

#[test]
fn the_state_comes_at_once_and_then_what_changes_once_a_second() {
    let (mut pair, id) = watched(120);
    assert_eq!(tell(&mut pair, id), 1);
    pair.run(15);
    let accepted = pair.sides[A].heard_raw[0].clone();
    assert_eq!((accepted.status(), text(&accepted, Name::Expires).as_str()), (Some(200), "120"));
    let first = notifies(&mut pair);
    let state = text(&first[0], Name::SubscriptionState);
    assert_eq!((first.len(), state.as_str()), (1, "active;expires=120"));
    assert_eq!(text(&first[0], Name::Event), "dialog;id=7");
    assert_eq!(accepted.to().unwrap().tag(), first[0].from().unwrap().tag());
    pair.answer_raw(A, &first[0], 200, "", None);
    pair.run(15);
    for _ in 0..5 {
        changed(&mut pair, id);
    }
    pair.run(500);
    assert_eq!(notifies(&mut pair).len(), 0, "not so soon");
    pair.run(500);
    assert_eq!(tell(&mut pair, id), 1, "all of them at once");
    assert_eq!(answer(&mut pair, 200), 1);
    assert_eq!(pair.sides[B].agent.counts().subscriptions, 1);
    // Nobody renews it.
    pair.run(120_000);
    assert_eq!(tell(&mut pair, id), 1);
    pair.run(15);
    let last = notifies(&mut pair);
    assert_eq!(text(&last[0], Name::SubscriptionState), "terminated;reason=timeout");
    assert_eq!(names(&pair.heard(B)), ["SubscriptionOver"]);
    pair.sides[A].deaf = false;
    pair.run_out();
}

#[test]
fn it_is_renewed_and_ended_within_its_dialog() {
    let (mut pair, id) = watched(60);
    tell(&mut pair, id);
    pair.run(15);
    let tag = notifies(&mut pair)[0].clone();
    let own = String::from_utf8_lossy(tag.from().unwrap().tag().unwrap()).into_owned();
    pair.answer_raw(A, &tag, 200, "", None);
    pair.run(30_000);
    let within = |pair: &mut Pair, n: u32, more: &str| {
        pair.sides[A].heard_raw.clear();
        pair.inject(A, &subscribe(n, &own, more));
        pair.run(15);
        tell(pair, id);
        pair.run(15);
        let answer = pair.sides[A].heard_raw.iter().find(|m| !m.is_request()).cloned();
        answer.expect("an answer")
    };
    let brief = within(&mut pair, 2, "Event: dialog;id=7\r\nExpires: 59\r\n");
    assert_eq!((brief.status(), text(&brief, Name::MinExpires).as_str()), (Some(423), "60"));
    assert_eq!(within(&mut pair, 3, "Event: dialog\r\n").status(), Some(489), "another id");
    let renewed = within(&mut pair, 4, "Event: dialog;id=7\r\nExpires: 100\r\n");
    assert_eq!((renewed.status(), text(&renewed, Name::Expires).as_str()), (Some(200), "100"));
    assert_eq!(answer(&mut pair, 200), 1, "told though nothing changed");
    pair.run(60_000);
    assert_eq!(pair.sides[B].agent.counts().subscriptions, 1);
    let old = within(&mut pair, 4, "Event: dialog;id=7\r\nExpires: 0\r\n");
    assert_eq!(old.status(), Some(500), "older than what was taken (RFC 3261 §12.2.2)");
    let ended = within(&mut pair, 5, "Event: dialog;id=7\r\nExpires: 0\r\n");
    assert_eq!(ended.status(), Some(200));
    let last = notifies(&mut pair);
    let state = text(last.last().expect("a NOTIFY"), Name::SubscriptionState);
    assert_eq!(state, "terminated;reason=timeout");
    assert_eq!(within(&mut pair, 6, "Event: dialog;id=7\r\n").status(), Some(481));
    pair.sides[A].deaf = false;
    pair.heard(B);
    pair.run_out();
}

#[test]
fn the_state_alone_can_be_fetched() {
    let (mut pair, id) = watched(0);
    assert_eq!(tell(&mut pair, id), 1);
    pair.run(15);
    let told = notifies(&mut pair);
    assert_eq!(text(&told[0], Name::SubscriptionState), "terminated;reason=timeout");
    assert_eq!(told[0].body(), b"state");
    pair.sides[A].deaf = false;
    pair.heard(B);
    pair.run_out();
}

#[test]
fn a_watcher_that_refuses_or_does_not_answer_is_forgotten() {
    for status in [Some(481), Some(500), Some(401), None] {
        let (mut pair, id) = watched(120);
        tell(&mut pair, id);
        match status {
            Some(status) => assert_eq!(answer(&mut pair, status), 1),
            None => pair.run(33_000),
        }
        assert_eq!(names(&pair.heard(B)), ["SubscriptionOver"], "{status:?}");
        assert!(!pair.try_command(B, Command::Changed { subscription: id }));
        pair.sides[A].deaf = false;
        pair.run_out();
    }
}

#[test]
fn the_user_ends_it_while_a_notify_is_under_way() {
    let (mut pair, id) = watched(120);
    tell(&mut pair, id);
    pair.command(B, Command::Unsubscribe { subscription: id, why: Why::Rejected });
    assert_eq!(tell(&mut pair, id), 0, "one at a time");
    assert_eq!(answer(&mut pair, 200), 1);
    assert_eq!(tell(&mut pair, id), 1);
    pair.run(15);
    let last = notifies(&mut pair);
    assert_eq!(text(&last[0], Name::SubscriptionState), "terminated;reason=rejected");
    pair.sides[A].deaf = false;
    pair.heard(B);
    pair.run_out();
}

#[test]
fn what_has_no_place_in_the_dialog_is_refused() {
    let (mut pair, id) = watched(120);
    tell(&mut pair, id);
    pair.run(15);
    let first = notifies(&mut pair)[0].clone();
    let own = String::from_utf8_lossy(first.from().unwrap().tag().unwrap()).into_owned();
    pair.answer_raw(A, &first, 200, "", None);
    let bye = subscribe(9, &own, "Event: dialog;id=7\r\n");
    let bye = String::from_utf8_lossy(&bye).replace("SUBSCRIBE", "BYE");
    pair.inject(A, bye.as_bytes());
    pair.run(15);
    assert_eq!(pair.sides[A].heard_raw.last().and_then(Message::status), Some(405));
    pair.command(B, Command::Unsubscribe { subscription: id, why: Why::NoResource });
    tell(&mut pair, id);
    pair.sides[A].deaf = false;
    pair.heard(B);
    pair.run_out();
}
