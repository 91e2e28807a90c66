//! Gateways by name: what the DNS is asked, where calls go, which hop takes the place of a silent one.

use super::*;
use crate::sip::locate::{Hop, Wanted};
use crate::wire::dns::{Answer, DnsName, Kind, Record};

const FIRST: &str = "192.0.2.1:5070";
const SECOND: &str = "192.0.2.2:5060";

fn config(more: &str) -> Config {
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\ndomain = \"10.0.0.1\"\n\
         [[gateway]]\nname = \"e1-a\"\naddress = \"udp:{A}\"\nping = \"0 s\"\n\
         [[gateway]]\nname = \"e1-b\"\naddress = \"udp:sip.example.cn\"\nping = \"0 s\"\n{more}\n\
         [[gateway]]\nname = \"e1-c\"\naddress = \"udp:{C}\"\nping = \"0 s\"\n"
    );
    Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0
}
fn rig(more: &str) -> Rig {
    let mut rig = Rig::new("");
    rig.input(Input::Reload(Box::new(config(more)), plan(TimeZone::UTC)));
    rig
}
fn name(text: &str) -> DnsName {
    DnsName::parse(text).expect("a name")
}
fn srv(priority: u16, port: u16, target: &str) -> Record {
    Record::Srv { priority, weight: 1, port, target: Some(name(target)) }
}
fn answer(rig: &mut Rig, question: Question, records: Vec<Record>) {
    let ttl = Duration::from_secs(60);
    rig.input(Input::Dns(question, Answer::Records { records, ttl }));
}
/// Two hosts: the first on a port of its own.
fn found(rig: &mut Rig) {
    let (service, host) = ("_sip._udp.sip.example.cn", |text: &str, ip: [u8; 4]| {
        (Question { name: name(text), kind: Kind::A }, Record::Address(ip.into()))
    });
    let question = Question { name: name(service), kind: Kind::Srv };
    assert_eq!(rig.asked.pop(), Some(question.clone()));
    answer(rig, question, vec![srv(2, 5060, "b.example.cn"), srv(1, 5070, "a.example.cn")]);
    for (question, address) in
        [host("a.example.cn", [192, 0, 2, 1]), host("b.example.cn", [192, 0, 2, 2])]
    {
        assert!(rig.asked.contains(&question), "{:?}", rig.asked);
        answer(rig, question, vec![address]);
    }
    rig.asked.clear();
}

#[test]
fn calls_go_where_the_dns_says_and_come_from_there() {
    let mut rig = rig("");
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(FIRST).len(), 0);
    assert_eq!(rig.invites_to(C).len(), 1, "not found yet: the next gateway");
    assert!(
        rig.log.iter().any(|l| l.contains("e1-b: sip.example.cn is not found")),
        "{:?}",
        rig.log
    );
    found(&mut rig);
    rig.invite(A, "5@", "1");
    let invites = rig.invites_to(FIRST);
    assert_eq!(invites.len(), 1);
    assert_eq!(invites[0].request_uri(), Some(&b"sip:5@sip.example.cn"[..]), "its name");
    rig.invite(SECOND, "7@", "2");
    assert_eq!(rig.finals_to(SECOND), [200], "any of its hosts is the gateway");
    // An hour later the zone names another host.
    rig.run(Duration::from_secs(61));
    let again = rig.asked.pop().expect("asked again");
    answer(&mut rig, again, vec![srv(1, 5060, "c.example.cn")]);
    let host = rig.asked.pop().expect("its host");
    answer(&mut rig, host, vec![Record::Address([192, 0, 2, 3].into())]);
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to("192.0.2.3:5060").len(), 1);
}

#[test]
fn a_hop_that_refuses_or_is_silent_gives_way_to_the_next_of_the_same_gateway() {
    let mut rig = rig("channels = 1");
    found(&mut rig);
    rig.invite(A, "5@", "1");
    let invite = rig.invites_to(FIRST)[0].clone();
    rig.answer(FIRST, &invite, 503, "");
    assert_eq!(rig.invites_to(SECOND).len(), 1, "on the one channel that it has");
    assert_eq!(rig.invites_to(C).len(), 0);
    let invite = rig.invites_to(SECOND)[0].clone();
    rig.answer(SECOND, &invite, 404, "");
    assert_eq!(rig.invites_to(C).len(), 1, "the next of the plan");
    // The first is left alone for a while; when the second fails too, the next gateway has the call.
    rig.invite(A, "6@", "1");
    assert_eq!((rig.invites_to(FIRST).len(), rig.invites_to(SECOND).len()), (1, 2));
    rig.input(Input::FlowFailed(Rig::flow(SECOND)));
    assert_eq!((rig.invites_to(FIRST).len(), rig.invites_to(C).len()), (1, 2));
    rig.input(Input::EndCalls);
}

/// A power cut took both; the box came back before its DNS did.
#[test]
fn a_gateway_is_called_where_it_was_before_the_start_until_the_dns_says_more() {
    let mut rig = rig("");
    let wanted =
        Wanted { name: name("sip.example.cn"), port: None, transport: Some(Transport::Udp) };
    let hop = Hop { transport: Transport::Udp, addr: SECOND.parse().expect("an address") };
    rig.input(Input::Names(vec![(wanted, vec![hop])]));
    let question = rig.asked.pop().expect("the DNS is asked all the same");
    rig.input(Input::Dns(question, Answer::Failed { why: "no server answers".into() }));
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(SECOND).len(), 1);
    rig.input(Input::EndCalls);
}

#[test]
fn a_dns_that_falls_silent_takes_nothing_away() {
    let mut rig = rig("");
    found(&mut rig);
    rig.run(Duration::from_secs(61));
    let question = rig.asked.pop().expect("asked again");
    rig.input(Input::Dns(question, Answer::Failed { why: "no server answers".into() }));
    let line = rig.log.last().cloned().unwrap_or_default();
    assert!(line.contains("no server answers") && line.contains("holds on"), "{line}");
    rig.invite(A, "5@", "1");
    assert_eq!(rig.invites_to(FIRST).len(), 1);
    rig.run(Duration::from_secs(6));
    assert_eq!(rig.asked.len(), 1, "and is asked again soon");
}

#[test]
fn an_outbound_proxy_may_be_a_name_too() {
    let more = "outbound_proxy = \"udp:sip.example.cn\"\n";
    let mut rig = Rig::new("");
    let mut own = config("");
    let text = format!(
        "[sip]\nlisten = [\"udp:{BELFRY}\"]\n[[gateway]]\nname = \"e1-b\"\n\
         address = \"udp:{B}\"\nping = \"0 s\"\n{more}"
    );
    let parsed = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}")).0;
    own.gateways[1] = parsed.gateways[0].clone();
    rig.input(Input::Reload(Box::new(own), plan(TimeZone::UTC)));
    found(&mut rig);
    rig.invite(A, "5@", "1");
    let invite = rig.invites_to(FIRST)[0].clone();
    assert_eq!(invite.request_uri(), Some(&b"sip:5@10.0.0.3:5060"[..]));
    assert_eq!(invite.header(Name::Route), Some(&b"<sip:sip.example.cn;lr>"[..]));
    rig.invite(B, "7@", "2");
    assert_eq!(rig.finals_to(B), [200], "its own address is its too");
}
