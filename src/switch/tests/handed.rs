//! What goes from one party to the other, or in by a gateway, by permission: headers of applications, REFER,
//! text messages.

use super::*;
use crate::config::name::RelayHeader;

const ROUTES: &str = r#"
[[route]]
name = "headed"
context = "gateway"
when = { to = "1" }
steps = [{ dial = { gateway = "e1-b", number = "5", headers = { "X-Case" = "case ${from}", "X-None" = "" } } }]
[[route]]
name = "echo"
context = "gateway"
when = { to = "8" }
steps = [{ echo = "60 s" }]
"#;

/// With the routes here, and gateway e1-a as `change` will have it.
fn rig(change: impl FnOnce(&mut Config)) -> Rig {
    let mut rig = Rig::new("");
    let mut changed = config("");
    change(&mut changed);
    let file = File { path: "plan.toml", text: ROUTES };
    let gateways = Some(["e1-b".to_owned()].into());
    let env = LoadEnv { gateways, ..LoadEnv::default() };
    let plan = Plan::load(&[file], &env).unwrap_or_else(|f| panic!("{f:#?}")).plan;
    rig.input(Input::Reload(Box::new(changed), Arc::new(plan)));
    rig
}

impl Rig {
    fn invite_with(&mut self, at: &str, to: &str, headers: &str) {
        let sdp = "v=0\r\no=a 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";
        self.receive(
            at,
            &format!(
                "INVITE sip:{to}@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKh\r\n\
                 From: <sip:5@10.0.0.2>;tag=h\r\nTo: <sip:{to}@10.0.0.1>\r\nCall-ID: c1\r\n\
                 CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:{at}>\r\n{headers}\
                 Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            ),
        );
    }
}

fn named<'m>(message: &'m Message, name: &str) -> Option<&'m [u8]> {
    message.raw_headers().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
}

#[test]
fn headers_go_on_by_the_list_and_by_the_plan() {
    let came = "X-Case: 7\r\nX-Other: o\r\nUser-to-User: 00ab;encoding=hex\r\nX-None: n\r\n\
                Subject: secret\r\n";
    let mut plain = rig(|_| {});
    plain.invite_with(A, "1", came);
    let asked = plain.invites_to(B)[0];
    assert_eq!(named(asked, "X-Case"), Some(&b"case 5"[..]), "the plan's own");
    for name in ["X-Other", "User-to-User", "X-None", "Subject"] {
        assert_eq!(named(asked, name), None, "{name}");
    }
    let mut named_rig = rig(|config| {
        let names = ["X-O*", "user-to-user"].map(|name| RelayHeader::new(name).expect("a name"));
        config.sip.relay_headers = names.into();
    });
    named_rig.invite_with(A, "1", came);
    let asked = named_rig.invites_to(B)[0];
    assert_eq!(named(asked, "X-Case"), Some(&b"case 5"[..]));
    assert_eq!(named(asked, "X-Other"), Some(&b"o"[..]));
    assert_eq!(named(asked, "User-to-User"), Some(&b"00ab;encoding=hex"[..]));
    assert_eq!((named(asked, "X-None"), named(asked, "Subject")), (None, None));
    assert!(RelayHeader::new("Via").is_none() && RelayHeader::new("*").is_none());
}

#[test]
fn a_gateways_party_sends_the_other_on_where_that_is_permitted() {
    for (permits, refer_to, status) in [
        (false, "<sip:8@10.0.0.1>", 603),
        (true, "<sip:8@10.0.0.1>", 202),
        (true, "<sip:8@10.0.0.1;method=BYE>", 403),
        (true, "<sip:8@10.0.0.1;method=INVITE>", 202),
    ] {
        let mut rig = rig(|config| config.gateways[0].refer = permits);
        rig.invite_with(A, "1", "");
        let asked = rig.invites_to(B)[0].clone();
        rig.accept(B, &asked);
        rig.within(A, 1, "ACK", "1", "", "");
        rig.within(A, 1, "REFER", "1", &format!("Refer-To: {refer_to}\r\n"), "");
        let is_refer = |m: &Message| m.cseq().is_ok_and(|cseq| cseq.method == Method::Refer);
        let answer = rig.sent.iter().rev().find(|(_, m)| m.status().is_some() && is_refer(m));
        assert_eq!(answer.and_then(|(_, m)| m.status()), Some(status), "{permits} {refer_to}");
        assert_eq!(rig.facts("transferred").len(), usize::from(status == 202));
    }
}

#[test]
fn a_gateways_messages_are_taken_where_that_is_permitted() {
    let message = "MESSAGE sip:1001@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bKm\r\n\
                   From: <sip:4711@10.0.0.2>;tag=m\r\nTo: <sip:1001@10.0.0.1>\r\nCall-ID: m1\r\n\
                   CSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\nContent-Type: text/plain\r\n\
                   Content-Length: 5\r\n\r\nalarm";
    let mut plain = rig(|_| {});
    plain.receive(A, message);
    assert_eq!(plain.finals_to(A), [401]);
    assert!(plain.facts("message_taken").is_empty());
    let mut rig = rig(|config| config.gateways[0].messages = true);
    rig.receive(A, message);
    let taken = rig.facts("message_taken");
    let [FactKind::MessageTaken { from, to, body, .. }] = taken[..] else { panic!("{taken:?}") };
    assert_eq!((from.as_str(), to.as_str(), body.as_str()), ("4711", "1001", "alarm"));
    assert!(rig.finals_to(A).is_empty(), "not before it is on the disk");
    let seq = rig.switch.facts;
    rig.input(Input::Durable(seq));
    assert_eq!(rig.finals_to(A), [202]);
}
