//! The agent: every leg's SIP behind one door, without socket, clock or thread.
//!
//! ```text
//!   receive, receive_bad ──┐                      ┌── poll: Action::Send to net
//!   flow_failed ───────────┼──> Agent ────────────┤
//!   command ───────────────┤                      └── poll: Action::Event to the switch
//!   wake ──────────────────┘<── next_wake: when, and why
//! ```
//!
//! Split by kind of input: `requests.rs` and `checks.rs` (what peers ask), `responses.rs` (what
//! they answer), `commands.rs` (what the switch asks), `subscriptions.rs` (who watches). Each finds the session or transaction that
//! the input belongs to and hands it over; the rules live there.

mod checks;
mod commands;
mod replaced;
mod requests;
mod responses;
mod subscriptions;

pub use replaced::Named;
use subscriptions::Watch;

use std::collections::HashMap;
use std::net::SocketAddr;

use super::command::{ClientTxn, Command};
use super::core::Core;
use super::event::{Event, SessionId};
use super::hash::{Keyed, KeyedMap};
use super::invite::refresh::SessionTimer;
use super::invite::session::Session;
use super::out::Out;
use super::subscription::SubscriptionId;
use super::timers::{Owner, Slot, WakeReason};
use super::token::Token;
use super::transaction::{Tell, Timing};
use super::transactions::{Large, Transactions};
use super::{Flow, digest};
use crate::base::{Duration, Networks, Rng, Time};
use crate::wire::sip::Message;

/// What the daemon sets.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// For User-Agent and Server; empty for none.
    pub product: String,
    /// The networks that we are on: what each peer is told in Via and Contact, with the flow's port,
    /// where that is not the flow's own address.
    pub networks: Networks,
    /// Our TCP listeners, for requests that are too large for UDP (RFC 3261 §18.1.1); none: they go
    /// by UDP all the same.
    pub tcp: Vec<SocketAddr>,
    /// T1, T2, T4.
    pub timing: Timing,
    /// How long a call of ours may ring before it is cancelled. Longer than 64 T1.
    pub ring_max: Duration,
    /// How long a peer may take for its first response to our INVITE, 100 included; a server that
    /// is there gives one within 200 ms (RFC 3261 §17.2.1). Whoever comes later is left by CANCEL
    /// or BYE. From 64 T1 on it has no effect: timer B is sooner.
    pub first_response: Duration,
    /// How long a call lives without a refresh (RFC 4028).
    pub session_timer: SessionTimer,
    /// Bounds.
    pub limits: Limits,
}

impl Default for AgentConfig {
    fn default() -> AgentConfig {
        AgentConfig {
            product: String::new(),
            networks: Networks::default(),
            tcp: Vec::new(),
            timing: Timing::default(),
            ring_max: Duration::from_secs(300),
            first_response: Duration::from_secs(300),
            session_timer: SessionTimer::default(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on what the agent holds. Beyond them new calls and requests get 503 with Retry-After;
/// what is in being goes on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Server transactions for requests outside dialogs; those within get twice as many.
    pub server_txns: usize,
    /// Requests of the user's own, outside calls.
    pub own_requests: usize,
    /// Sessions, with those whose end is still being said.
    pub sessions: usize,
    /// Commands put off.
    pub later: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { server_txns: 200_000, own_requests: 20_000, sessions: 100_000, later: 10_000 }
    }
}

/// What happened that nobody else hears of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Stats {
    /// Messages that could not be read and not be answered.
    pub unreadable: u64,
    /// Requests refused before anybody saw them: bad syntax, loops, unknown methods.
    pub refused: u64,
    /// Responses that belong to nothing of ours.
    pub stray_responses: u64,
    /// ACKs that belong to nothing of ours.
    pub stray_acks: u64,
    /// Requests for dialogs that we do not know.
    pub unknown_dialogs: u64,
    /// Requests refused because a limit was reached.
    pub overload: u64,
}

/// What the agent holds, for leak tests and the console. All zero when nothing is going on and
/// every transaction has lingered out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Counts {
    /// Server transactions.
    pub server_txns: usize,
    /// Client transactions.
    pub client_txns: usize,
    /// Dialogs, early ones and those of calls that are being ended included.
    pub dialogs: usize,
    /// Sessions.
    pub sessions: usize,
    /// Watchers' subscriptions.
    pub subscriptions: usize,
    /// Timers, and commands put off.
    pub timers: usize,
}

/// What the agent wants done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this message over this flow.
    Send {
        /// Whereto.
        flow: Flow,
        /// What.
        message: Message,
    },
    /// Hear this.
    Event(Event),
}

/// A request of the user's own that waits for its answer.
#[derive(Debug)]
struct Own {
    login: Option<digest::client::Login>,
}

/// A command that waits for its time.
#[derive(Debug)]
struct Deferred {
    command: Command,
    slot: Slot,
}

/// The agent.
#[derive(Debug)]
pub struct Agent {
    core: Core,
    sessions: KeyedMap<SessionId, Box<Session>>,
    /// Sessions by our tag in their dialogs.
    by_tag: KeyedMap<Token, SessionId>,
    /// Who watches what.
    watches: KeyedMap<SubscriptionId, Box<Watch>>,
    /// Subscriptions by our tag in their dialogs.
    watched_by: KeyedMap<Token, SubscriptionId>,
    own: KeyedMap<ClientTxn, Own>,
    later: HashMap<u64, Deferred, Keyed>,
    next_id: u64,
}

impl Agent {
    /// An agent with nothing going on.
    pub fn new(config: AgentConfig, mut rng: Rng) -> Agent {
        let keyed = Keyed::new(&mut rng);
        let large = Large::new(config.tcp.clone());
        let transactions = Transactions::new(config.timing, large, &mut rng);
        let (out, stats) = (Out::default(), Stats::default());
        Agent {
            core: Core { config, rng, transactions, out, stats },
            sessions: KeyedMap::with_hasher(keyed),
            by_tag: KeyedMap::with_hasher(keyed),
            watches: KeyedMap::with_hasher(keyed),
            watched_by: KeyedMap::with_hasher(keyed),
            own: KeyedMap::with_hasher(keyed),
            later: HashMap::with_hasher(keyed),
            next_id: 0,
        }
    }

    /// A name for a leg that [`Command::Invite`] will open.
    pub fn new_session(&mut self) -> SessionId {
        SessionId(self.fresh_id())
    }

    /// A name for a request that [`Command::Request`] will send.
    pub fn new_request(&mut self) -> ClientTxn {
        ClientTxn(self.fresh_id())
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The next thing to do, until `None`.
    pub fn poll(&mut self) -> Option<Action> {
        self.core.out.actions.pop_front()
    }

    /// When [`Agent::wake`] is due next, and why.
    pub fn next_wake(&self) -> Option<(Time, WakeReason)> {
        self.core.out.timers.next()
    }

    /// Does whatever is due at `now`.
    pub fn wake(&mut self, now: Time) {
        while let Some(owner) = self.core.out.timers.pop_due(now) {
            match owner {
                Owner::Server(txn) => {
                    let core = &mut self.core;
                    let session = core.transactions.session(txn);
                    let tell = core.transactions.wake_server(now, txn, &mut core.out);
                    // After a refusal without ACK (timer H) nothing is left to do.
                    if let (Some(session), Some(Tell::Timeout)) = (session, tell) {
                        self.with_session(session, |session, core| session.forgotten(core, txn));
                    }
                }
                Owner::Client(client) => {
                    let core = &mut self.core;
                    if let Some(reply) = core.transactions.wake_client(now, client, &mut core.out) {
                        self.replied(now, reply.flow, reply, None);
                    }
                }
                Owner::Session(session) => {
                    self.with_session(session, |session, core| {
                        session.slot = None;
                        session.wake(core, now);
                    });
                }
                Owner::Watch(id) => self.wake_watch(now, id),
                Owner::Later(id) => {
                    if let Some(deferred) = self.later.remove(&id) {
                        // Its session or request may have ended meanwhile; nothing is lost then.
                        let _ = self.command(now, deferred.command);
                    }
                }
            }
            self.reap();
        }
    }

    /// What the agent holds.
    pub fn counts(&self) -> Counts {
        Counts {
            server_txns: self.core.transactions.servers(),
            client_txns: self.core.transactions.clients(),
            dialogs: self.sessions.values().map(|session| session.dialogs()).sum(),
            sessions: self.sessions.len(),
            subscriptions: self.watches.len(),
            timers: self.core.out.timers.len(),
        }
    }

    /// Bytes that transactions, sessions and subscriptions hold, without the messages that they keep.
    pub fn held(&self) -> usize {
        let sessions = self.sessions.len() * (size_of::<Session>() + size_of::<SessionId>());
        let watches = self.watches.len() * (size_of::<Watch>() + size_of::<SubscriptionId>());
        self.core.transactions.held() + sessions + watches
    }

    /// What was counted since the start.
    pub fn stats(&self) -> Stats {
        self.core.stats
    }

    /// Lets a session act, sets its timer, and removes it when it is gone. `None` when there is no
    /// such session.
    fn with_session<T>(
        &mut self,
        id: SessionId,
        act: impl FnOnce(&mut Session, &mut Core) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(&id)?;
        let result = act(session, &mut self.core);
        session.settle(&mut self.core);
        if session.is_gone() {
            let tag = session.tag;
            self.sessions.remove(&id);
            self.by_tag.remove(&tag);
        }
        Some(result)
    }

    /// Takes in a new session.
    fn insert(&mut self, mut session: Session) {
        session.settle(&mut self.core);
        self.by_tag.insert(session.tag, session.id);
        self.sessions.insert(session.id, Box::new(session));
    }

    /// Counts off the client transactions that ended, and removes sessions that had only those.
    fn reap(&mut self) {
        while let Some(id) = self.core.out.closed.pop() {
            self.with_session(id, |session, _| session.open = session.open.saturating_sub(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session is plain data: written down in mid-call and read back it is the same.
    #[test]
    fn a_session_survives_being_written_down() {
        let mut agent = Agent::new(AgentConfig::default(), Rng::from_seed(1));
        let address = |text: &str| text.parse().expect("an address");
        let flow = Flow {
            transport: crate::sip::Transport::Udp,
            local: address("192.0.2.1:5060"),
            remote: address("192.0.2.2:5060"),
        };
        let invite = b"INVITE sip:us@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
                       From: <sip:a@h>;tag=1\r\nTo: <sip:us@h>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n\r\n";
        agent.receive(Time::ZERO, flow, Message::parse(invite).expect("a message"));
        let session = SessionId(1);
        let ring =
            Command::Ring { session, status: 180, sdp: None, prack: crate::sip::Prack::default() };
        let answer = Command::Answer { session, sdp: Some(b"v=0".to_vec()), headers: vec![] };
        for command in [ring, answer] {
            assert_eq!(agent.command(Time::ZERO, command), Ok(()));
        }
        let held = &agent.sessions[&session];
        let text = serde_json::to_string(held).expect("plain data");
        let read: Session = serde_json::from_str(&text).expect("readable");
        assert_eq!(format!("{read:?}"), format!("{held:?}"));
    }
}
