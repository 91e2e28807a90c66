//! Numbers on their way through: gateways' rules, one form for callers, who hides, for whom it was.

use super::*;

/// e1-a's and e1-b's own keys, in the configuration of all tests.
fn with(a: &str, b: &str) -> Rig {
    let mut rig = Rig::new("");
    let text = |name: &str, at: &str, more: &str| {
        format!("[[gateway]]\nname = \"{name}\"\naddress = \"udp:{at}\"\nping = \"0 s\"\n{more}\n")
    };
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n[numbers]\narea_code = \"20\"\n{}{}",
        text("e1-a", A, a),
        text("e1-b", B, b)
    );
    let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0;
    rig.input(Input::Reload(Box::new(config), plan(TimeZone::UTC)));
    rig
}

/// A call from e1-a with these headers instead of a From's.
fn call(rig: &mut Rig, to: &str, headers: &str) {
    let text = format!(
        "INVITE sip:{to}@10.0.0.1;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP {A};branch=z9hG4bKn\r\n\
         To: <sip:{to}@10.0.0.1>\r\nCall-ID: n\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{A}>\r\n{headers}Content-Length: 0\r\n\r\n"
    );
    rig.receive(A, &text);
}

/// The fields of the call's record.
fn fields(rig: &Rig) -> Vec<(&str, &str)> {
    rig.facts
        .iter()
        .filter_map(|fact| match fact {
            FactKind::CallField { name, value, .. } => Some((name.as_str(), value.as_str())),
            _ => None,
        })
        .collect()
}

fn header(message: &Message, name: Name) -> String {
    String::from_utf8_lossy(message.header(name).unwrap_or_default()).into_owned()
}

#[test]
fn the_record_has_the_callers_number_in_one_form_and_as_it_came() {
    let mut rig = with(
        "in_caller = { match = \"0(1[3-9]\\\\d{9})\", to = \"$1\" }\nin_called = { strip = 3 }",
        "",
    );
    call(&mut rig, "0201", "From: <sip:013800138000@10.0.0.2;user=phone>;tag=1\r\n");
    let began = rig.facts("call_began");
    assert!(
        matches!(began[..], [FactKind::CallBegan { dialled, caller, .. }]
            if dialled == "1" && caller.number() == "13800138000"),
        "{began:?}"
    );
    assert_eq!(
        fields(&rig),
        [("caller_raw", "013800138000"), ("caller_e164", "+8613800138000"), ("called_raw", "0201")]
    );
    assert_eq!(rig.invites_to(B).len(), 1, "the route is found by the rewritten number");
}

#[test]
fn what_a_gateway_that_is_not_trusted_asserts_is_not_believed() {
    let headers = "From: <sip:88886666@10.0.0.2>;tag=1\r\nP-Asserted-Identity: <sip:110@x>\r\n";
    for (trusted, number) in [("trusted = false", "88886666"), ("", "110")] {
        let mut rig = with(trusted, "");
        call(&mut rig, "1", headers);
        let shown = header(rig.invites_to(B)[0], Name::From);
        assert!(shown.contains(&format!("sip:{number}@")), "{shown}");
    }
}

#[test]
fn who_hides_goes_out_anonymous_with_the_number_for_the_network_alone() {
    let headers = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
                   P-Asserted-Identity: \"Ann\" <sip:13800138000@x>\r\nPrivacy: id\r\n\
                   Diversion: <sip:1001@x>;reason=no-answer\r\n";
    let mut rig = with(
        "",
        "send_identity = \"pai\"\nsend_diversion = \"diversion\"\nout_caller = { add = \"0\" }\nout_called = { add = \"9\" }",
    );
    call(&mut rig, "1", headers);
    let invite = rig.invites_to(B)[0].clone();
    assert!(header(&invite, Name::From).contains("anonymous@anonymous.invalid"));
    assert!(!header(&invite, Name::Contact).contains("138"));
    let asserted = header(&invite, Name::PAssertedIdentity);
    assert_eq!(asserted, "\"Ann\" <sip:013800138000@10.0.0.1>");
    assert_eq!(header(&invite, Name::Privacy), "id");
    assert!(header(&invite, Name::Diversion).starts_with("<sip:1@10.0.0.1>;reason=unconditional"));
    assert_eq!(invite.request_uri(), Some(&b"sip:95@10.0.0.3:5060"[..]));
    let known = fields(&rig);
    assert!(known.contains(&("caller_private", "true")), "{known:?}");
    assert!(known.contains(&("diverted_from", "1001")), "{known:?}");
    assert!(known.contains(&("diversion_reason", "no-answer")), "{known:?}");
}

#[test]
fn a_number_of_which_the_rules_leave_nothing_is_not_dialled() {
    let mut rig = with("", "out_called = { strip = 5 }");
    call(&mut rig, "1", "From: <sip:5@10.0.0.2>;tag=1\r\n");
    assert_eq!(rig.invites_to(B).len(), 0);
    assert!(!rig.finals_to(A).is_empty());
}
