//! The 49 messages of RFC 4475 (tests/data/rfc4475, see its README) fed to the agent: what comes
//! out is what EXPECT.tsv beside them says. What reaches the user counts as taken: he answers 200,
//! 401 or 404.

use crate::base::{Rng, Time};
use crate::sip::{Action, Agent, AgentConfig, Event, Flow, Transport};
use crate::wire::sip::Message;

/// What the agent does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A call for the user; 100 went out.
    Invite,
    /// A request for the user.
    Request,
    /// Refused with this status.
    Refused(u16),
    /// Nothing at all.
    Dropped,
}
use Outcome::{Dropped, Invite, Refused, Request};

fn flow() -> Flow {
    let addr = |text: &str| text.parse().expect("an address");
    Flow {
        transport: Transport::Udp,
        local: addr("192.0.2.2:5060"),
        remote: addr("198.51.100.9:5060"),
    }
}

fn feed(agent: &mut Agent, bytes: &[u8]) -> Outcome {
    match Message::parse(bytes) {
        Ok(message) => agent.receive(Time::ZERO, flow(), message),
        Err(error) => agent.receive_bad(Time::ZERO, flow(), &error),
    }
    let mut outcome = Dropped;
    while let Some(action) = agent.poll() {
        outcome = match action {
            Action::Event(Event::Invite { .. }) => Invite,
            Action::Event(Event::Request { .. }) => Request,
            Action::Event(event) => panic!("{event:?}"),
            Action::Send { message, .. } if message.status() == Some(100) => continue,
            Action::Send { message, .. } => {
                assert_eq!(outcome, Dropped, "one answer");
                let status = message.status().expect("a response");
                // A 400 repeats what was wrong, perhaps the CSeq itself.
                assert!(status == 400 || Message::parse(message.bytes()).is_ok());
                Refused(status)
            }
        };
    }
    outcome
}

macro_rules! messages {
    ($($file:literal => $($outcome:expr),+;)*) => {
        &[$((
            $file,
            include_bytes!(concat!("../../../tests/data/rfc4475/", $file, ".dat")).as_slice(),
            &[$($outcome),+] as &[Outcome],
        )),*]
    };
}

const MESSAGES: &[(&str, &[u8], &[Outcome])] = messages! {
    "wsinv" => Refused(481);
    "intmeth" => Refused(405);
    "esc01" => Invite;
    "escnull" => Request;
    "esc02" => Refused(405);
    "lwsdisp" => Request;
    "longreq" => Invite;
    "dblreq" => Request;
    "semiuri" => Request;
    "transports" => Request;
    "mpart01" => Request;
    "unreason" => Dropped;
    "noreason" => Dropped;
    "badinv01" => Refused(400);
    "clerr" => Refused(400);
    "ncl" => Refused(400);
    "scalar02" => Refused(400);
    "scalarlg" => Dropped;
    "quotbal" => Refused(400);
    "ltgtruri" => Refused(400);
    "lwsruri" => Refused(400);
    "lwsstart" => Refused(400), Invite;
    "trws" => Refused(400), Request;
    "escruri" => Refused(400);
    "baddate" => Invite, Refused(400);
    "regbadct" => Refused(400);
    "badaspec" => Refused(400), Request;
    "baddn" => Refused(400), Request;
    "badvers" => Refused(505);
    "mismatch01" => Refused(400);
    "mismatch02" => Refused(501);
    "bigcode" => Dropped;
    "badbranch" => Request;
    "insuf" => Refused(400);
    "unkscm" => Refused(416);
    "novelsc" => Refused(416);
    "unksm2" => Request;
    "bext01" => Refused(420);
    "invut" => Refused(415);
    "regaut01" => Request;
    "multi01" => Refused(400);
    "mcl01" => Refused(400);
    "bcast" => Dropped;
    "zeromf" => Refused(483);
    "cparam01" => Request;
    "cparam02" => Request;
    "regescrt" => Request;
    "sdp01" => Refused(406);
    "inv2543" => Invite;
};

#[test]
fn all_49_are_answered_as_expected() {
    assert_eq!(MESSAGES.len(), 49);
    let mut wrong = Vec::new();
    for (file, bytes, expected) in MESSAGES {
        let mut agent = Agent::new(AgentConfig::default(), Rng::from_seed(1));
        let outcome = feed(&mut agent, bytes);
        if !expected.contains(&outcome) {
            wrong.push(format!("{file}: {outcome:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_same_agent_takes_them_all_twice_and_is_empty_afterwards() {
    let mut agent = Agent::new(AgentConfig::default(), Rng::from_seed(1));
    for (_, bytes, _) in MESSAGES.iter().chain(MESSAGES) {
        feed(&mut agent, bytes);
    }
    while let Some((at, _)) = agent.next_wake() {
        agent.wake(at);
        while agent.poll().is_some() {}
    }
    let counts = agent.counts();
    // The calls are the user's to end; nothing else is left.
    assert_eq!((counts.client_txns, counts.timers), (0, 0));
    assert_eq!(counts.server_txns, counts.sessions, "{counts:?}");
}

#[test]
fn two_requests_with_nothing_behind_the_cookie_are_told_apart() {
    let (_, bytes, _) =
        MESSAGES.iter().find(|(file, ..)| *file == "badbranch").expect("in the list");
    let text = String::from_utf8(bytes.to_vec()).expect("ASCII");
    let other = text.replace("CSeq: 8", "CSeq: 9");
    assert_ne!(text, other);
    let mut agent = Agent::new(AgentConfig::default(), Rng::from_seed(1));
    let outcomes = [&text, &text, &other].map(|text| feed(&mut agent, text.as_bytes()));
    assert_eq!(outcomes, [Request, Dropped, Request], "the second is a retransmission");
}
