//! Gateways that send a call on by 3xx (R1).

use super::*;

const TRUNK: &str = "[[trunk]]\nname = \"pstn\"\ngateways = [\"e1-b\", \"e1-c\"]\n";

fn busy(rig: &Rig) -> [u32; 3] {
    ["e1-a", "e1-b", "e1-c"].map(|name| rig.switch.gateways.get(name).map_or(0, |g| g.busy))
}

/// A call from `e1-a` over the trunk, which `e1-b` answers with this 3xx.
fn sent_on(more: &str, status: u16, contacts: &str) -> Rig {
    let mut rig = Rig::new(&format!("{TRUNK}{more}"));
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, status, &format!("Contact: {contacts}\r\n"));
    rig
}

fn asked(rig: &Rig, at: &str) -> Vec<String> {
    let uri = |m: &&Message| String::from_utf8_lossy(m.request_uri().unwrap_or_default()).into();
    rig.invites_to(at).iter().map(uri).collect()
}

#[test]
fn a_gateways_3xx_is_followed_to_itself_and_to_another_gateway() {
    for status in [300, 301, 302, 305] {
        let own = sent_on("", status, "<sip:777@10.0.0.3>");
        let whom = if status == 305 { "5" } else { "777" };
        assert_eq!(asked(&own, B)[1..], [format!("sip:{whom}@10.0.0.3")], "{status}");
        assert_eq!((busy(&own), own.finals_to(A)), ([1, 1, 0], vec![]), "{status}");

        let other =
            sent_on("", status, "<sip:777@10.0.0.4;user=phone>;q=0.5, <sip:8@10.0.0.3>;q=0.1");
        assert_eq!(asked(&other, C).len(), 1, "{status}");
        assert_eq!(busy(&other), [1, 0, 1]);
    }
    let mut rig = sent_on("", 302, "<sip:777@10.0.0.4;user=phone?Priority=urgent>");
    assert_eq!(asked(&rig, C), ["sip:777@10.0.0.4;user=phone"]);
    let invite = rig.invites_to(C)[0].clone();
    rig.accept(C, &invite);
    assert_eq!(rig.finals_to(A), [200]);
    rig.input(Input::EndCalls);
    assert_eq!(busy(&rig), [0, 0, 0]);
    // Another port of the gateway's, as a redirect server beside its signalling has it; a number alone.
    let rig = sent_on("", 302, "<sip:777@10.0.0.3:25080>");
    assert_eq!(asked(&rig, "10.0.0.3:25080"), ["sip:777@10.0.0.3:25080"]);
    assert_eq!(
        asked(&sent_on("", 302, "<tel:+8675512345>"), B)[1..],
        ["sip:+8675512345@10.0.0.3:5060"]
    );
}

#[test]
fn a_3xx_to_nowhere_of_ours_leads_on_to_the_next_gateway() {
    for (status, contacts) in [
        (302, "<sip:777@203.0.113.1>"),
        // Whoever comes by a gateway enters by its own context, and not by its 302.
        (302, "<sip:1001@10.0.0.1>"),
        (302, "<sip:10.0.0.3>"),
        (380, "<sip:777@10.0.0.3>"),
    ] {
        let mut rig = sent_on("", status, contacts);
        assert_eq!(asked(&rig, C), ["sip:5@10.0.0.4:5060"], "{contacts}");
        assert_eq!(busy(&rig), [1, 0, 1]);
        let invite = rig.invites_to(C)[0].clone();
        rig.answer(C, &invite, 302, "");
        assert_eq!(rig.finals_to(A), [480], "nobody is left");
        assert_eq!(busy(&rig), [0, 0, 0]);
    }
    // It rang there: no other gateway, as ever; whom a 302 names all the same.
    for (contact, sent) in [("203.0.113.1", 0), ("10.0.0.4", 1)] {
        let mut rig = Rig::new(TRUNK);
        rig.invite(A, "5@", "3");
        let invite = rig.invites_to(B)[0].clone();
        rig.answer(B, &invite, 180, "Contact: <sip:10.0.0.3>\r\n");
        rig.answer(B, &invite, 302, &format!("Contact: <sip:777@{contact}>\r\n"));
        assert_eq!(rig.invites_to(C).len(), sent, "{contact}");
    }
}

#[test]
fn a_3xx_that_goes_round_in_circles_ends_and_the_call_goes_on() {
    let mut rig = sent_on("", 302, "<sip:777@10.0.0.3>");
    for n in 1..20 {
        let invites = rig.invites_to(B);
        let Some(invite) = invites.get(n).map(|m| (*m).clone()) else { break };
        rig.answer(B, &invite, 302, "Contact: <sip:777@10.0.0.3>\r\n");
    }
    assert_eq!((rig.invites_to(B).len(), rig.invites_to(C).len()), (2, 1));
    assert!(rig.log.iter().any(|line| line.contains("round in circles")), "{:?}", rig.log);

    // A new number each time: five all told.
    let mut rig = sent_on("", 302, "<sip:700@10.0.0.3>");
    for n in 1..20 {
        let invites = rig.invites_to(B);
        let Some(invite) = invites.get(n).map(|m| (*m).clone()) else { break };
        rig.answer(B, &invite, 302, &format!("Contact: <sip:70{n}@10.0.0.3>\r\n"));
    }
    assert_eq!((rig.invites_to(B).len(), rig.invites_to(C).len()), (6, 1));
    assert_eq!(busy(&rig), [1, 0, 1]);
}

#[test]
fn the_places_of_a_3xx_are_tried_as_gateways_are() {
    let both = "<sip:71@10.0.0.3>;q=0.2, <sip:72@10.0.0.4>;q=0.8";
    let mut rig = sent_on("", 302, both);
    let first = rig.invites_to(C)[0].clone();
    rig.answer(C, &first, 503, "");
    assert_eq!(asked(&rig, B)[1..], ["sip:71@10.0.0.3"]);
    let second = rig.invites_to(B)[1].clone();
    rig.answer(B, &second, 503, "");
    assert_eq!(asked(&rig, C)[1..], ["sip:5@10.0.0.4:5060"], "the number that was dialled");

    let mut rig = sent_on("", 302, both);
    let first = rig.invites_to(C)[0].clone();
    rig.answer(C, &first, 486, "");
    assert_eq!(rig.finals_to(A), [486], "the called party's own word");
}

#[test]
fn who_may_not_call_a_number_does_not_get_there_by_a_3xx() {
    let abroad = "<sip:0037060112345@10.0.0.3>";
    let mut rig = sent_on("", 302, abroad);
    assert_eq!(rig.invites_to(B).len(), 1, "nobody gave it leave");
    assert_eq!(
        asked(&rig, C),
        ["sip:5@10.0.0.4:5060"],
        "the number that was dialled may be called"
    );
    rig.input(Input::EndCalls);
    let mut open = config(TRUNK);
    open.gateways[0].international = true;
    let mut rig = Rig::new(TRUNK);
    rig.input(Input::Reload(Box::new(open), plan(TimeZone::UTC)));
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 302, &format!("Contact: {abroad}\r\n"));
    assert_eq!(rig.invites_to(B).len(), 2);
}

#[test]
fn a_3xx_after_the_time_for_other_gateways_is_followed() {
    let mut rig = Rig::new(&format!("{TRUNK}overflow = \"2 s\"\n"));
    rig.invite(A, "5@", "3");
    let invite = rig.invites_to(B)[0].clone();
    rig.answer(B, &invite, 100, "");
    rig.run(Duration::from_secs(3));
    rig.answer(B, &invite, 302, "Contact: <sip:777@10.0.0.3>\r\n");
    assert_eq!((rig.invites_to(B).len(), rig.finals_to(A).len()), (2, 0));
    // A gateway that the plan names alone.
    let mut rig = Rig::new(TRUNK);
    rig.invite(A, "5@", "4");
    let invite = rig.invites_to(A)[0].clone();
    rig.run(Duration::from_millis(300));
    rig.answer(A, &invite, 302, "Contact: <sip:777@10.0.0.2>\r\n");
    assert_eq!(rig.invites_to(A).len(), 2);
}
