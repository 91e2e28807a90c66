//! What the next party is told of a call that went elsewhere, and a phone that sends one on by 302.

use super::watching::{PHONE, request, rig};
use super::*;

/// Where 1002 is registered.
const OTHER: &str = "10.0.0.23:5060";

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
        let contact = format!("Contact: <sip:{contact}@10.9.9.9>\r\n");
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
