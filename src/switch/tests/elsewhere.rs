//! What the next party is told of a call that went elsewhere, and a phone that sends one on by 302.

use super::watching::{PHONE, request, rig};
use super::*;
use crate::switch::recovery::KeptBinding;

/// Where 1002 is registered.
const OTHER: &str = "10.0.0.23:5060";
/// Where 1003 may be.
const THIRD: &str = "10.0.0.24:5060";

#[test]
fn a_302_is_followed_within_what_the_phone_could_dial() {
    for (contact, follows) in [("1002", true), ("99", false)] {
        let mut rig = rig();
        for (at, number) in [(PHONE, "1001"), (OTHER, "1002")] {
            let address = format!("{number}@10.0.0.1");
            request(&mut rig, at, number, "REGISTER sip:10.0.0.1", &address, "");
        }
        rig.invite(A, "5@", "1001");
        let invite = rig.invites_to(PHONE)[0].clone();
        let contact = format!("Contact: <sip:{contact}@10.0.0.1>\r\n");
        rig.answer(PHONE, &invite, 302, &contact);
        let sent = rig.invites_to(OTHER);
        assert_eq!(sent.len(), usize::from(follows));
        if follows {
            let told = String::from_utf8_lossy(sent[0].header(Name::Diversion).unwrap_or_default());
            assert_eq!(told, "<sip:1001@10.0.0.1>;reason=deflection;counter=1");
            assert_eq!(rig.facts("diverted").len(), 1);
        } else {
            assert_eq!(rig.finals_to(A).len(), 1, "the dial has failed");
        }
    }
}

#[test]
fn a_phone_behind_a_proxy_is_called_through_it() {
    let mut rig = rig();
    let path = "Path: <sip:edge.example;lr>, <sip:10.9.9.9;lr>\r\n";
    request(&mut rig, PHONE, "1001", "REGISTER sip:10.0.0.1", "1001@10.0.0.1", path);
    rig.invite(A, "5@", "1001");
    let invite = rig.invites_to(PHONE)[0].clone();
    let routes: Vec<&[u8]> = invite.headers(Name::Route).collect();
    assert_eq!(routes, [&b"<sip:edge.example;lr>"[..], b"<sip:10.9.9.9;lr>"]);
    let target = String::from_utf8_lossy(invite.request_uri().unwrap_or_default());
    assert!(target.starts_with("sip:1001@"), "{target}");
}

/// 1001 and 1002 are registered.
fn two_phones() -> Rig {
    let mut rig = rig();
    for (at, number) in [(PHONE, "1001"), (OTHER, "1002")] {
        let address = format!("{number}@10.0.0.1");
        request(&mut rig, at, number, "REGISTER sip:10.0.0.1", &address, "");
    }
    rig
}

/// The phone's INVITE of a call from outside, answered with 302 and these Contacts.
fn sent_on(rig: &mut Rig, contacts: &str) {
    rig.invite(A, "5@", "1001");
    let invite = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &invite, 302, &format!("Contact: {contacts}\r\n"));
}

#[test]
fn the_contacts_of_a_302_are_tried_by_their_q() {
    // 1003 is not registered; 99 is no number that the phone could dial.
    for first in ["1003", "99"] {
        let mut rig = two_phones();
        let list = format!("<sip:1002@10.0.0.1>;q=0.5, <sip:{first}@10.0.0.1>;q=0.9");
        sent_on(&mut rig, &list);
        assert_eq!(rig.invites_to(OTHER).len(), 1, "{first} is out of reach: the next");
        assert!(rig.finals_to(A).is_empty());
    }
    // The first rings, and fails then; a refusal for everywhere ends the search (RFC 3261 §16.7).
    for (status, goes_on) in [(486, true), (603, false)] {
        let mut rig = two_phones();
        request(&mut rig, THIRD, "1003", "REGISTER sip:10.0.0.1", "1003@10.0.0.1", "");
        sent_on(&mut rig, "<sip:1003@10.0.0.1>;q=0.5, <sip:1002@10.0.0.1>;q=0.9");
        assert_eq!(rig.invites_to(THIRD).len(), 0, "one after the other");
        let invite = rig.invites_to(OTHER)[0].clone();
        rig.answer(OTHER, &invite, status, "");
        assert_eq!(rig.invites_to(THIRD).len(), usize::from(goes_on));
        assert_eq!(rig.finals_to(A).is_empty(), goes_on);
    }
    let mut rig = two_phones();
    sent_on(&mut rig, "<sip:1003@10.0.0.1>;q=0.5, <sip:99@10.0.0.1>;q=0.9");
    assert_eq!(rig.finals_to(A).len(), 1, "the list has an end");
}

#[test]
fn a_302_to_another_host_calls_nobody_of_ours() {
    let mut rig = two_phones();
    sent_on(&mut rig, "<sip:1002@203.0.113.1>");
    assert_eq!((rig.invites_to(OTHER).len(), rig.finals_to(A).len()), (0, 1));
    assert!(rig.log.iter().any(|line| line.contains("203.0.113.1")), "{:?}", rig.log);
    // At a gateway's host it is a number outside, which this plan does not let the phone dial.
    let mut rig = two_phones();
    sent_on(&mut rig, "<sip:1002@10.0.0.2>");
    assert_eq!((rig.invites_to(OTHER).len(), rig.finals_to(A).len()), (0, 1));
}

#[test]
fn a_phone_that_is_off_is_absent_and_belfry_is_not_down() {
    for refused in [true, false] {
        let mut rig = two_phones();
        rig.invite(A, "5@", "1001");
        match refused {
            true => rig.input(Input::FlowFailed(Rig::flow(PHONE))),
            false => rig.run(Duration::from_secs(40)),
        }
        // It is sent again until the gateway acknowledges it.
        let mut finals = rig.finals_to(A);
        finals.dedup();
        assert_eq!(finals, [480], "refused {refused}");
        let (_, refusal) = rig.sent.iter().rev().find(|(at, _)| at == A).expect("a refusal");
        let reason = String::from_utf8_lossy(refusal.header(Name::Reason).unwrap_or_default());
        assert!(reason.starts_with("Q.850;cause=20"), "{reason}");
    }
    // One that rang is not off: it was alerted, whatever became of it.
    let mut rig = two_phones();
    rig.invite(A, "5@", "1001");
    let invite = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &invite, 486, "");
    assert_eq!(rig.finals_to(A), [486]);
}

#[test]
fn after_a_restart_a_registration_ends_when_it_was_promised() {
    let register = |rig: &mut Rig| {
        let more = "Expires: 400\r\n";
        request(rig, PHONE, "1001", "REGISTER sip:10.0.0.1", "1001@10.0.0.1", more);
    };
    let written = |rig: &Rig| -> Vec<(u32, String)> {
        let of = |fact: &&FactKind| match fact {
            FactKind::PhoneRegistered { expires_s, record, .. } => {
                Some((*expires_s, record.clone()))
            }
            _ => None,
        };
        rig.facts("phone_registered").iter().filter_map(of).collect()
    };
    let until = |rig: &Rig| {
        let found = rig.switch.registrar.lookup(rig.now, "1001");
        found.first().map(|binding| binding.expires)
    };
    let mut rig = rig();
    register(&mut rig);
    rig.run(Duration::from_secs(100));
    register(&mut rig);
    assert_eq!(written(&rig).len(), 1, "a renewal is not worth a line");
    rig.run(Duration::from_secs(10));
    rig.input(Input::Stopped { why: "SIGTERM".into() });
    assert_eq!(written(&rig).len(), 2, "but before the end it is");
    assert_eq!(written(&rig)[1].0, 390);
    let (_, record) = written(&rig)[1].clone();
    let restored = |record: String, expires: i64| {
        let mut next = watching::rig();
        let row = KeptBinding { number: "1001".into(), record, expires: Wall(expires) };
        next.input(Input::Registrations(vec![row]));
        next
    };
    let sure = record.replacen('{', "{\"sure\":true,", 1);
    let next = restored(sure, 390_000);
    assert_eq!(until(&next), Some(Time::from_millis(390_000)));
    assert_eq!(written(&next)[0].0, 390, "and so it is written again");
    // After a crash it may have been renewed, for 400 s, at the very last.
    let next = restored(record, 390_000);
    assert_eq!(until(&next), Some(Time::from_millis(400_000)));
    assert_eq!(written(&next)[0].0, 390);
}

/// RFC 3261 §16.6: a phone's devices in turn, by the `q` that each registered with.
#[test]
fn devices_of_one_phone_ring_in_turn_by_their_q() {
    let registered = |after: u64| {
        let mut rig = rig();
        let mut own = rig.switch.config.clone();
        own.phones[0].q_after = Duration::from_secs(after);
        let plan = rig.switch.plan.clone();
        rig.input(Input::Reload(Box::new(own), plan));
        // Two of the lower preference, one of the highest.
        let more =
            format!("Contact: <sip:1001@{OTHER}>;q=0.5\r\nContact: <sip:1001@{THIRD}>;q=0.5\r\n");
        request(&mut rig, PHONE, "1001", "REGISTER sip:10.0.0.1", "1001@10.0.0.1", &more);
        rig.invite(A, "5@", "1001");
        rig
    };
    let rung = |rig: &Rig| [PHONE, OTHER, THIRD].map(|at| rig.invites_to(at).len());
    let cancelled = |rig: &Rig| {
        let sent = rig.sent.iter().filter(|(_, m)| *m.method() == Method::Cancel && m.is_request());
        sent.map(|(at, _)| at.clone()).collect::<Vec<_>>()
    };
    assert_eq!(rung(&registered(0)), [1, 1, 1], "together");

    let mut rig = registered(5);
    assert_eq!(rung(&rig), [1, 0, 0]);
    let first = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &first, 486, "");
    assert_eq!((rung(&rig), rig.finals_to(A)), ([1, 1, 1], vec![]), "refused: the next at once");
    for at in [OTHER, THIRD] {
        let next = rig.invites_to(at)[0].clone();
        assert!(rig.finals_to(A).is_empty());
        rig.answer(at, &next, 486, "");
    }
    assert_eq!(rig.finals_to(A), [486], "none is left");

    let mut rig = registered(5);
    let first = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &first, 180, "Contact: <sip:10.0.0.22>\r\n");
    rig.run(Duration::from_millis(5_100));
    assert_eq!((rung(&rig), cancelled(&rig)), ([1, 1, 1], vec![PHONE.to_owned()]), "in its place");
    rig.answer(PHONE, &first, 487, "");
    let next = rig.invites_to(THIRD)[0].clone();
    rig.accept(THIRD, &next);
    assert_eq!(rig.finals_to(A), [200]);
    assert_eq!(cancelled(&rig).len(), 1, "the other has not answered yet");
    rig.input(Input::EndCalls);

    let mut rig = registered(5);
    let first = rig.invites_to(PHONE)[0].clone();
    rig.answer(PHONE, &first, 603, "");
    assert_eq!((rung(&rig), rig.finals_to(A)), ([1, 0, 0], vec![603]), "for everywhere");
}
