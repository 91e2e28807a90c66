//! Any list of operations on two agents and the wire between them, read from bytes, with the
//! invariants checked: the body of the fuzz target `sip_dialog` and of the random runs.
//!
//! What must hold whatever both users do and whatever the network loses, repeats, reorders or
//! spoils: no panic; every session that was told of or opened ends with exactly one `Ended`, and
//! nothing is told of it afterwards; it is answered and confirmed at most once; each message that
//! an agent writes can be read; and when everybody has hung up and the timers have run out, both
//! agents hold nothing.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use super::{
    Action, Agent, AgentConfig, By, Command, Counts, Event, Flow, Hand, Prack, SessionId,
    Transport, TxnId,
};
use crate::base::{Duration, Rng, Time};
use crate::wire::sip::{Message, Method, NameAddr, Uri};

/// Datagrams that may be on the wire at once; further ones are lost.
const MOST_FLYING: usize = 256;

/// What is known of one session, for checking.
#[derive(Debug, Default)]
struct Told {
    answered: u32,
    confirmed: u32,
    ended: u32,
}

/// One user with his agent.
struct User {
    agent: Agent,
    sessions: BTreeMap<SessionId, Told>,
    waiting: VecDeque<TxnId>,
    own: u32,
}

/// The two users and the wire.
struct World {
    now: Time,
    users: [User; 2],
    /// By whom it was sent, and what.
    flying: Vec<(usize, Vec<u8>)>,
    transport: Transport,
}

/// Runs the operations in `bytes`: the first byte chooses the transport, then three bytes each.
/// Panics when an invariant does not hold.
pub fn operations(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mut world = World::new(if first % 4 == 3 { Transport::Tcp } else { Transport::Udp });
    for op in rest.chunks_exact(3) {
        world.act(op[0], op[1], op[2]);
        world.hear();
    }
    world.finish();
}

impl World {
    fn new(transport: Transport) -> World {
        let user = |seed| User {
            agent: Agent::new(AgentConfig::default(), Rng::from_seed(seed)),
            sessions: BTreeMap::new(),
            waiting: VecDeque::new(),
            own: 0,
        };
        World { now: Time::ZERO, users: [user(1), user(2)], flying: Vec::new(), transport }
    }

    fn flow(&self, who: usize) -> Flow {
        let addr =
            |who: usize| SocketAddr::new(Ipv4Addr::new(192, 0, 2, 1 + who as u8).into(), 5060);
        Flow { transport: self.transport, local: addr(who), remote: addr(1 - who) }
    }

    /// One operation: `what`, by whom and on which session (`who`), how (`how`).
    fn act(&mut self, what: u8, who: u8, how: u8) {
        let user = usize::from(who & 1);
        let session = self.pick(user, who >> 1);
        let any = usize::from(how) % self.flying.len().max(1);
        // The wire mostly keeps its order.
        let next = usize::from(how / 64) % self.flying.len().max(1);
        match what % 32 {
            0..=11 if !self.flying.is_empty() => {
                let (from, bytes) = self.flying.remove(next);
                self.deliver(from, &bytes);
            }
            12 if !self.flying.is_empty() => _ = self.flying.remove(any),
            13 if !self.flying.is_empty() => {
                let copy = self.flying[any].clone();
                self.flying.push(copy);
            }
            14 if !self.flying.is_empty() && how < 64 => self.spoil(any, who),
            15 | 16 => self.pass(Duration::from_millis(u64::from(how))),
            17 if how >= 224 => self.pass(Duration::from_millis(u64::from(how) * 200)),
            18 if self.users[user].live().count() < 3 => self.call(user, how),
            19 if how < 32 => self.own_request(user),
            20 if how < 16 => {
                let flow = self.flow(user);
                self.users[user].agent.flow_failed(self.now, flow);
            }
            21 => self.respond(user, how),
            what => {
                if let Some(command) = session.and_then(|session| command(what, how, session)) {
                    // Most are refused in the session's state; that is part of the exercise.
                    let _ = self.users[user].agent.command(self.now, command);
                }
            }
        }
    }

    fn pick(&self, user: usize, nth: u8) -> Option<SessionId> {
        let sessions = &self.users[user].sessions;
        let live: Vec<_> = sessions.iter().filter(|(_, told)| told.ended == 0).collect();
        (!live.is_empty()).then(|| *live[usize::from(nth) % live.len()].0)
    }

    fn call(&mut self, user: usize, how: u8) {
        let flow = self.flow(user);
        let uri = |addr: SocketAddr| Uri::sip(Some("x"), addr.ip(), Some(addr.port()));
        let session = self.users[user].agent.new_session();
        let command = Command::Invite {
            session,
            flow,
            target: uri(flow.remote),
            from: NameAddr::new(uri(flow.local)),
            to: NameAddr::new(uri(flow.remote)),
            contact: uri(flow.local),
            otherwise: None,
            sdp: (!how.is_multiple_of(4)).then(|| sdp(how)),
            headers: Vec::new(),
            extras: vec![],
            credentials: None,
            routes: Vec::new(),
            prack: Prack::Supported,
            metadata: None,
        };
        if self.users[user].agent.command(self.now, command).is_ok() {
            self.users[user].sessions.insert(session, Told::default());
        }
    }

    fn own_request(&mut self, user: usize) {
        let flow = self.flow(user);
        let txn = self.users[user].agent.new_request();
        let uri = Uri::sip(None, flow.remote.ip(), None);
        let command = Command::Request {
            txn,
            flow,
            method: Method::Options,
            target: uri.clone(),
            from: NameAddr::new(uri.clone()),
            to: NameAddr::new(uri),
            headers: Vec::new(),
            body: None,
            credentials: None,
        };
        if self.users[user].agent.command(self.now, command).is_ok() {
            self.users[user].own += 1;
        }
    }

    fn respond(&mut self, user: usize, how: u8) {
        let Some(txn) = self.users[user].waiting.pop_front() else {
            return;
        };
        let status = if how.is_multiple_of(2) { 202 } else { 404 };
        let command = Command::Respond { txn, status, headers: Vec::new(), body: None };
        let _ = self.users[user].agent.command(self.now, command);
    }

    fn deliver(&mut self, from: usize, bytes: &[u8]) {
        let to = 1 - from;
        let flow = self.flow(to);
        let agent = &mut self.users[to].agent;
        match Message::parse(bytes) {
            Ok(message) => agent.receive(self.now, flow, message),
            Err(error) => agent.receive_bad(self.now, flow, &error),
        }
    }

    /// Changes one byte of a datagram on the wire.
    fn spoil(&mut self, at: usize, by: u8) {
        let bytes = &mut self.flying[at].1;
        let place = usize::from(by) * 3 % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= by | 1;
        }
    }

    /// Lets time pass, with the wake-ups that fall into it.
    fn pass(&mut self, long: Duration) {
        let until = self.now + long;
        loop {
            let wakes = self.users.iter().filter_map(|user| user.agent.next_wake());
            let Some((at, _)) = wakes.min().filter(|(at, _)| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            for user in &mut self.users {
                user.agent.wake(self.now);
                let next = user.agent.next_wake();
                assert!(next.is_none_or(|(at, _)| at > self.now), "{next:?} does not move on");
            }
            self.hear();
        }
        self.now = until;
    }

    /// Takes what the agents say.
    fn hear(&mut self) {
        for who in [0, 1] {
            while let Some(action) = self.users[who].agent.poll() {
                match action {
                    Action::Send { message, .. } => {
                        // A refusal repeats what was wrong with a spoilt request.
                        let refusal = matches!(message.status(), Some(400 | 501 | 505 | 513));
                        assert!(refusal || Message::parse(message.bytes()).is_ok(), "{message}");
                        if self.flying.len() < MOST_FLYING {
                            self.flying.push((who, message.bytes().to_vec()));
                        }
                    }
                    Action::Event(event) => self.users[who].hear(&event),
                }
            }
        }
    }

    /// Everybody hangs up, what flies arrives, time passes: nothing may be left.
    fn finish(&mut self) {
        for who in [0, 1] {
            let live: Vec<SessionId> = self.users[who].live().collect();
            for session in live {
                let hangup = Command::Hangup { session, reason: None };
                assert_eq!(self.users[who].agent.command(self.now, hangup), Ok(()));
            }
        }
        self.hear();
        for _ in 0..2_000 {
            match self.flying.is_empty() {
                false => {
                    let (from, bytes) = self.flying.remove(0);
                    self.deliver(from, &bytes);
                    self.hear();
                    // A call that arrives only now is hung up as well.
                    let late: Vec<SessionId> = self.users[1 - from].live().collect();
                    for session in late {
                        let hangup = Command::Hangup { session, reason: None };
                        let _ = self.users[1 - from].agent.command(self.now, hangup);
                    }
                    self.hear();
                }
                true if self.users.iter().any(|user| user.agent.next_wake().is_some()) => {
                    self.pass(Duration::from_secs(1));
                }
                true => break,
            }
        }
        for (who, user) in self.users.iter().enumerate() {
            assert_eq!(user.agent.counts(), Counts::default(), "user {who}: {:#?}", user.agent);
            assert_eq!(user.own, 0, "user {who}: a request of its own has no answer");
            for (session, told) in &user.sessions {
                assert_eq!(told.ended, 1, "user {who}, {session:?}: {told:?}");
            }
        }
    }
}

impl User {
    fn live(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().filter(|(_, told)| told.ended == 0).map(|(id, _)| *id)
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Invite { session, .. } => {
                let earlier = self.sessions.insert(*session, Told::default());
                assert!(earlier.is_none(), "{session:?} was there before");
                return;
            }
            Event::Request { txn, .. } => return self.waiting.push_back(*txn),
            Event::Response { .. } | Event::ResponseTimeout { .. } => {
                self.own = self.own.checked_sub(1).expect("one answer to each request");
                return;
            }
            Event::Refer { txn, .. } => self.waiting.push_back(*txn),
            _ => {}
        }
        let session = event.session().expect("the others are of a session");
        let told = self.sessions.get_mut(&session).expect("a session that was told of");
        assert_eq!(told.ended, 0, "{event:?} after the end");
        match event {
            Event::Answered { .. } => told.answered += 1,
            Event::Confirmed { .. } => told.confirmed += 1,
            Event::Ended { .. } => told.ended += 1,
            _ => {}
        }
        assert!(told.answered <= 1 && told.confirmed <= 1, "{session:?}: {told:?}");
    }
}

/// A command on a session.
fn command(what: u8, how: u8, session: SessionId) -> Option<Command> {
    Some(match what % 32 {
        22 => Command::Ring {
            session,
            status: 180 + u16::from(how % 4),
            sdp: maybe_sdp(how),
            prack: prack(how),
        },
        23 | 24 => Command::Answer { session, sdp: maybe_sdp(how), headers: Vec::new() },
        25 if how < 32 => {
            let status = 300 + u16::from(how) * 12;
            Command::Reject { session, status, reason: None, headers: Vec::new() }
        }
        25 if how < 96 => Command::Hangup { session, reason: None },
        26 | 27 => {
            let by = if how.is_multiple_of(2) { By::Invite } else { By::Update };
            Command::Offer { session, sdp: sdp(how), by, metadata: None }
        }
        28 | 29 => Command::AcceptOffer { session, sdp: sdp(how) },
        30 if how.is_multiple_of(2) => {
            Command::RejectOffer { session, status: 488, headers: Vec::new() }
        }
        30 => {
            let content_type = "application/dtmf-relay".to_owned();
            Command::Info { session, content_type, body: vec![how] }
        }
        31 if how.is_multiple_of(4) => {
            let here = std::net::IpAddr::from(Ipv4Addr::LOCALHOST);
            let refer_to = NameAddr::new(Uri::sip(Some("1003"), here, None));
            Command::Refer { session, refer_to, referred_by: None }
        }
        31 if how % 4 == 1 => {
            let hand = if how < 128 { Hand::Talk } else { Hand::Hold };
            Command::Remote { session, hand }
        }
        31 => Command::NotifyRefer {
            session,
            status: 100 + u16::from(how),
            last: how.is_multiple_of(3),
        },
        _ => return None,
    })
}

fn sdp(how: u8) -> Vec<u8> {
    format!("v=0\r\no=x {how} {how} IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n").into_bytes()
}

fn prack(how: u8) -> Prack {
    [Prack::Off, Prack::Supported, Prack::Required][usize::from(how % 3)]
}

fn maybe_sdp(how: u8) -> Option<Vec<u8>> {
    (how % 8 > 1).then(|| sdp(how))
}

#[cfg(test)]
mod tests {
    use super::operations;
    use crate::base::Rng;
    use proptest::prelude::{ProptestConfig, any, proptest};

    /// 1,000 runs of 400 operations, seeded: what a fuzzer would find in a minute.
    #[test]
    fn a_thousand_random_runs_leave_nothing() {
        for seed in 0..1_000 {
            let mut rng = Rng::from_seed(seed);
            let bytes: Vec<u8> = (0..1_201).map(|_| rng.next_u32() as u8).collect();
            operations(&bytes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_operations_keep_the_invariants(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            operations(&bytes);
        }
    }
}
