//! Requests too large for a datagram (RFC 3261 §18.1.1).

use super::pair::{A, B, Pair, SDP, SDP2, names};
use crate::base::{Duration, Rng, Time};
use crate::sip::{Action, Agent, AgentConfig, Command, Event, Flow, Transport};
use crate::wire::sip::{Message, Method, Name, NameAddr, Uri};

const OURS: &str = "192.0.2.1:5060";

fn config() -> AgentConfig {
    AgentConfig { tcp: vec![OURS.parse().expect("an address")], ..AgentConfig::default() }
}

fn flow(transport: Transport) -> Flow {
    let remote = "192.0.2.2:5060".parse().expect("an address");
    Flow { transport, local: OURS.parse().expect("an address"), remote }
}

fn is_via(message: &Message, transport: &str) -> bool {
    let via = format!("SIP/2.0/{transport} {OURS}");
    message.header(Name::Via).is_some_and(|value| value.starts_with(via.as_bytes()))
}

/// Sends a request that is too large; gives what goes out.
fn ask(agent: &mut Agent, now: Time) -> (Transport, Message) {
    let uri = Uri::sip(Some("b"), std::net::IpAddr::from([192, 0, 2, 2]), None);
    let txn = agent.new_request();
    let request = Command::Request {
        txn,
        flow: flow(Transport::Udp),
        method: Method::Options,
        target: uri.clone(),
        from: NameAddr::new(uri.clone()),
        to: NameAddr::new(uri),
        headers: vec![(Name::Subject, vec![b'x'; 1_300])],
        body: None,
        credentials: None,
    };
    agent.command(now, request).expect("taken");
    sent(agent).expect("it is sent")
}

fn sent(agent: &mut Agent) -> Option<(Transport, Message)> {
    std::iter::from_fn(|| agent.poll()).find_map(|action| match action {
        Action::Send { flow, message } => Some((flow.transport, message)),
        Action::Event(_) => None,
    })
}

#[test]
fn what_tcp_does_not_reach_goes_by_udp_and_so_does_the_next() {
    let mut agent = Agent::new(config(), Rng::from_seed(3));
    let (by, message) = ask(&mut agent, Time::ZERO);
    assert!(by == Transport::Tcp && is_via(&message, "TCP"), "{message}");
    agent.flow_failed(Time::ZERO, flow(Transport::Tcp));
    let (by, again) = sent(&mut agent).expect("at once");
    assert!(by == Transport::Udp && is_via(&again, "UDP"), "{again}");
    assert_eq!(agent.counts().client_txns, 1, "the same transaction");
    // Now it is repeated, as datagrams are.
    let due = agent.next_wake().expect("timer E").0;
    assert_eq!(due, Time::from_millis(500));
    agent.wake(due);
    assert_eq!(sent(&mut agent).map(|(by, _)| by), Some(Transport::Udp));
    agent.flow_failed(due, flow(Transport::Udp));
    assert_eq!(agent.counts().client_txns, 0, "there is no third way");
    assert_eq!(ask(&mut agent, due).0, Transport::Udp);
    let later = due + Duration::from_secs(600);
    assert_eq!(ask(&mut agent, later).0, Transport::Tcp);
}

#[test]
fn what_was_answered_is_not_sent_again() {
    let mut agent = Agent::new(config(), Rng::from_seed(3));
    let (_, message) = ask(&mut agent, Time::ZERO);
    let trying = crate::wire::sip::Builder::response_to(&message, 100, "").build();
    agent.receive(Time::ZERO, flow(Transport::Tcp), trying.expect("written"));
    agent.flow_failed(Time::ZERO, flow(Transport::Tcp));
    assert!(sent(&mut agent).is_none());
    assert_eq!(agent.counts().client_txns, 0);
}

/// An offer that makes an INVITE too large.
fn long_offer() -> Vec<u8> {
    [SDP, b"a=x-belfry:", &vec![b'x'; 1_200], b"\r\n"].concat()
}

#[test]
fn a_call_that_begins_by_tcp_for_its_size_goes_on_by_udp() {
    let mut pair = Pair::with(config(), 1);
    pair.call(A, Some(&long_offer()));
    pair.run(50);
    assert!(is_via(pair.last(A, |m| *m.method() == Method::Invite), "TCP"));
    let session = pair.invited(B);
    let answer = Command::Answer { session, sdp: Some(SDP2.to_vec()), headers: vec![] };
    pair.command(B, answer);
    pair.run(50);
    assert!(is_via(pair.last(A, |m| *m.method() == Method::Ack), "UDP"));
    assert!(pair.heard(A).iter().any(|event| matches!(event, Event::Answered { .. })));
    pair.hang_up(B, session);
    pair.run(50);
    assert!(names(&pair.heard(A)).contains(&"Ended Bye".to_owned()));
    pair.run_out();
}

#[test]
fn a_cancel_takes_the_way_of_its_invite() {
    let mut pair = Pair::with(config(), 1);
    let session = pair.call(A, Some(&long_offer()));
    pair.run(50);
    pair.hang_up(A, session);
    pair.run(50);
    let cancel = pair.last(A, |m| *m.method() == Method::Cancel).clone();
    assert!(is_via(&cancel, "TCP"), "{cancel}");
    assert!(is_via(pair.last(A, |m| *m.method() == Method::Ack), "TCP"), "of the 487");
    pair.run_out();
}
