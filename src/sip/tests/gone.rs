//! Peers that are gone: connections that ended in mid-call, and servers that say nothing at all.

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::{Duration, Rng, Time};
use crate::sip::{Action, Agent, AgentConfig, Command, Event, Flow, SessionId, Transport};
use crate::wire::sip::{Message, Method};

/// A gateway that calls over a connection of its own: from a port at which it does not listen.
const PORT: &str = "198.51.100.7:49152";
const LISTENS: &str = "198.51.100.7:5070";

fn flow(remote: &str) -> Flow {
    Flow {
        transport: Transport::Tcp,
        local: "192.0.2.1:5060".parse().expect("an address"),
        remote: remote.parse().expect("an address"),
    }
}

/// The agent with the gateway's INVITE; the Contact is `contact`.
fn called(contact: &str) -> (Agent, SessionId) {
    let mut agent = Agent::new(AgentConfig::default(), Rng::from_seed(7));
    let invite = format!(
        "INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP {LISTENS};branch=z9hG4bK1\r\n\
         From: <sip:gw@198.51.100.7>;tag=1\r\nTo: <sip:us@192.0.2.1>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <{contact}>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
        SDP.len(),
        String::from_utf8_lossy(SDP)
    );
    agent.receive(Time::ZERO, flow(PORT), Message::parse(invite.as_bytes()).expect("a message"));
    agent.wake(Time::ZERO);
    let session = std::iter::from_fn(|| agent.poll()).find_map(|action| match action {
        Action::Event(Event::Invite { session, .. }) => Some(session),
        _ => None,
    });
    while agent.poll().is_some() {}
    (agent, session.expect("a call"))
}

/// What the agent sends: start line, whereto.
fn sent(agent: &mut Agent) -> Vec<(String, String)> {
    let line = |m: &Message| match m.status() {
        Some(status) => status.to_string(),
        None => m.method().as_str().to_owned(),
    };
    std::iter::from_fn(|| agent.poll())
        .filter_map(|action| match action {
            Action::Send { flow, message } => Some((line(&message), flow.remote.to_string())),
            Action::Event(_) => None,
        })
        .collect()
}

fn sends(agent: &mut Agent, expected: &[(&str, &str)]) {
    let sent = sent(agent);
    let sent: Vec<_> = sent.iter().map(|(line, to)| (line.as_str(), to.as_str())).collect();
    assert_eq!(sent, expected);
}

fn answer(session: SessionId) -> Command {
    Command::Answer { session, sdp: Some(SDP2.to_vec()), headers: vec![] }
}

fn acknowledge(agent: &mut Agent, to_tag: &str) {
    let ack = format!(
        "ACK sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP {LISTENS};branch=z9hG4bK2\r\n\
         From: <sip:gw@198.51.100.7>;tag=1\r\nTo: <sip:us@192.0.2.1>;tag={to_tag}\r\n\
         Call-ID: c\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    );
    agent.receive(Time::ZERO, flow(PORT), Message::parse(ack.as_bytes()).expect("a message"));
}

/// The agent in a call that the gateway has acknowledged.
fn talking(contact: &str) -> (Agent, SessionId) {
    let (mut agent, session) = called(contact);
    agent.command(Time::ZERO, answer(session)).expect("answered");
    let tag = std::iter::from_fn(|| agent.poll()).find_map(|action| match action {
        Action::Send { message, .. } => {
            let to = message.to().ok()?;
            Some(String::from_utf8_lossy(to.tag()?).into_owned())
        }
        Action::Event(_) => None,
    });
    acknowledge(&mut agent, &tag.expect("a tag"));
    assert_eq!(sent(&mut agent), []);
    (agent, session)
}

#[test]
fn a_bye_finds_the_peer_whose_connection_is_gone() {
    let (mut agent, session) = talking("sip:gw@198.51.100.7:5070;transport=tcp");
    agent.flow_failed(Time::ZERO, flow(PORT));
    assert_eq!(sent(&mut agent), [], "the call goes on");
    agent.command(Time::ZERO, Command::Hangup { session, reason: None }).expect("a call");
    sends(&mut agent, &[("BYE", PORT)]);
    agent.flow_failed(Time::ZERO, flow(PORT));
    sends(&mut agent, &[("BYE", LISTENS)]);
    assert_eq!(agent.counts().client_txns, 1, "the same transaction");
    agent.flow_failed(Time::ZERO, flow(LISTENS));
    assert_eq!(sent(&mut agent), [], "once");
    assert_eq!(agent.counts().sessions, 0);
}

#[test]
fn a_target_that_is_no_address_or_wants_datagrams_is_not_tried() {
    for contact in ["sip:gw@pbx.example", "sip:gw@198.51.100.7:5070;transport=udp"] {
        let (mut agent, session) = talking(contact);
        agent.command(Time::ZERO, Command::Hangup { session, reason: None }).expect("a call");
        sends(&mut agent, &[("BYE", PORT)]);
        agent.flow_failed(Time::ZERO, flow(PORT));
        assert_eq!((sent(&mut agent), agent.counts().sessions), (vec![], 0), "{contact}");
    }
}

#[test]
fn responses_go_to_where_the_peer_listens_when_its_connection_is_gone() {
    let (mut agent, session) = called("sip:gw@198.51.100.7:5070");
    agent.flow_failed(Time::ZERO, flow(PORT));
    agent.command(Time::ZERO, answer(session)).expect("answered");
    sends(&mut agent, &[("200", LISTENS)]);
    // A second failure changes nothing; the 2xx is repeated there.
    agent.flow_failed(Time::ZERO, flow(LISTENS));
    agent.wake(Time::from_millis(500));
    sends(&mut agent, &[("200", LISTENS)]);

    let (mut agent, session) = called("sip:gw@198.51.100.7:5070");
    let refusal = Command::Reject { session, status: 486, reason: None, headers: vec![] };
    agent.command(Time::ZERO, refusal).expect("refused");
    sends(&mut agent, &[("486", PORT)]);
    agent.flow_failed(Time::ZERO, flow(PORT));
    sends(&mut agent, &[("486", LISTENS)]);
    while let Some((at, _)) = agent.next_wake() {
        agent.wake(at);
    }
    assert_eq!(agent.counts(), Default::default());
}

#[test]
fn a_peer_without_a_sign_is_given_up_early_and_left_when_it_comes_late() {
    let config = AgentConfig { first_response: Duration::from_secs(5), ..AgentConfig::default() };
    let mut pair = Pair::with(config, 1);
    pair.net.drop = Box::new(|who, _| who == B);
    pair.call(A, Some(SDP));
    pair.run(4_900);
    assert_eq!(names(&pair.heard(A)), Vec::<String>::new());
    pair.run(200);
    assert_eq!(names(&pair.heard(A)), ["Ended Timeout"]);
    // It is there after all, and rings: it hears that nobody waits any more.
    pair.net.drop = Box::new(|_, _| false);
    pair.run(4_000);
    let cancelled = pair.trace.iter().any(|(_, who, line)| *who == A && line.starts_with("CANCEL"));
    assert!(cancelled, "{:?}", pair.trace);
    pair.run_out();
    assert_eq!(pair.sides[A].agent.counts(), Default::default());
}

#[test]
fn a_sign_in_time_leaves_the_whole_time_for_ringing() {
    let config = AgentConfig { first_response: Duration::from_secs(5), ..AgentConfig::default() };
    let mut pair = Pair::with(config, 1);
    pair.call(A, Some(SDP));
    pair.run(60_000);
    assert!(names(&pair.heard(A)).iter().all(|name| !name.starts_with("Ended")));
    assert!(pair.trace.iter().all(|(_, _, line)| !line.starts_with(Method::Cancel.as_str())));
}
