//! What every session may use: the table of transactions, the generator, the way out.

use std::net::SocketAddr;

use super::agent::{AgentConfig, Stats};
use super::command::{CommandError, Headers};
use super::compose::Hop;
use super::event::Event;
use super::out::Out;
use super::token::Token;
use super::transactions::{ClientId, Transactions, TxnId, User, reply_flow};
use super::{Flow, compose, reason};
use crate::base::{Rng, Time};
use crate::wire::q850::Cause;
use crate::wire::sip::{BuildError, Builder, Message, Name};

/// The agent without its sessions.
#[derive(Debug)]
pub struct Core {
    /// What the daemon set.
    pub config: AgentConfig,
    /// Tags, branches, pauses.
    pub rng: Rng,
    /// All transactions.
    pub transactions: Transactions,
    /// Actions and timers.
    pub out: Out,
    /// What was counted.
    pub stats: Stats,
}

impl Core {
    /// Tells the agent's user.
    pub fn tell(&mut self, event: Event) {
        self.out.tell(event);
    }

    /// A new branch towards a peer, and what our Via and Contact say there.
    pub fn hop(&mut self, flow: Flow) -> Hop {
        let ip = self.config.networks.shown(flow.local.ip(), flow.remote.ip());
        let sent_by = SocketAddr::new(ip, flow.local.port());
        Hop { flow, branch: self.token(), sent_by }
    }

    /// Sends a request in a transaction of its own.
    pub fn send(&mut self, now: Time, hop: Hop, request: Message, user: User) -> ClientId {
        let (flow, branch) = (hop.flow, hop.branch);
        self.transactions.send(now, flow, request, branch, user, &mut self.out)
    }

    /// Begins the response to a waiting request; `None` when it does not wait any more.
    pub fn response(&self, txn: TxnId, status: u16) -> Option<Builder> {
        let request = self.transactions.request(txn)?;
        let builder = Builder::response_to(request, status, "");
        Some(self.signed(builder, status))
    }

    /// Adds our name to a final response.
    fn signed(&self, builder: Builder, status: u16) -> Builder {
        match self.config.product.as_str() {
            "" => builder,
            product if status >= 200 => builder.header(Name::Server, product),
            _ => builder,
        }
    }

    /// Sends a response. One that cannot be written (the peer's own header came back in it) becomes
    /// nothing; the client then times out.
    pub fn respond(&mut self, now: Time, txn: TxnId, builder: Builder) -> bool {
        match builder.build() {
            Ok(response) => self.transactions.respond(now, txn, response, &mut self.out),
            Err(_) => false,
        }
    }

    /// Answers a request within a dialog with a bare status.
    pub fn answer(&mut self, now: Time, txn: TxnId, status: u16) {
        if let Some(builder) = self.response(txn, status) {
            self.respond(now, txn, builder);
        }
    }

    /// The ACK of a 2xx: sent outside any transaction (§13.2.2.4).
    pub fn send_ack(&mut self, flow: Flow, ack: Message) {
        self.out.send(flow, ack);
    }

    /// A new tag or branch.
    pub fn token(&mut self) -> Token {
        Token::new(&mut self.rng)
    }

    /// Answers without a transaction (§8.2.7): errors that need no memory, for the same request
    /// gets the same answer again.
    pub fn answer_stateless(&mut self, flow: Flow, request: &Message, answer: Stateless<'_>) {
        let request = request.with_received(flow.remote);
        // A Via that cannot be read still goes back with the answer, to where it came from.
        let reply = request.top_via().map_or(flow, |via| reply_flow(flow, &via));
        let status = answer.status;
        let mut builder = Builder::response_to(&request, status, answer.phrase);
        if status > 100 {
            builder = builder.to_tag(&answer.tag.unwrap_or_else(|| self.constant_tag(&request)));
        }
        for (name, value) in answer.headers {
            builder = builder.header(*name, *value);
        }
        if let Ok(response) = self.signed(builder, status).build() {
            self.out.send(reply, response);
        }
    }

    /// A To tag that is the same for the same request, without memory (§8.2.7).
    fn constant_tag(&self, request: &Message) -> Token {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = self.transactions.keyed().build_hasher();
        for name in [Name::CallId, Name::From, Name::Via] {
            hasher.write(request.header(name).unwrap_or_default());
        }
        Token(hasher.finish())
    }
}

/// An answer that is not remembered.
#[derive(Clone, Copy, Debug)]
pub struct Stateless<'a> {
    /// 300 to 699; 200 for a CANCEL.
    pub status: u16,
    /// Empty for the usual phrase.
    pub phrase: &'a str,
    /// Our tag, when the request is within a dialog that we know.
    pub tag: Option<Token>,
    /// More headers.
    pub headers: &'a [(Name, &'a str)],
}

impl Stateless<'_> {
    /// Just a status.
    pub fn plain(status: u16) -> Stateless<'static> {
        Stateless { status, phrase: "", tag: None, headers: &[] }
    }
}

/// Adds the user's headers.
pub fn with_headers(builder: Builder, headers: &Headers) -> Builder {
    headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value))
}

/// Adds a Reason header (RFC 3326, 6432).
pub fn with_reason(builder: Builder, cause: Option<Cause>) -> Builder {
    match cause {
        Some(cause) => builder.header(Name::Reason, &reason::value(cause)),
        None => builder,
    }
}

/// Adds Contact and what we can do, as a message that makes a dialog needs (§12.1, §13.2.1).
pub fn with_abilities(builder: Builder, contact: &[u8], supported: &str) -> Builder {
    let builder = builder.header(Name::Contact, contact).header(Name::Allow, compose::ALLOW);
    builder.header(Name::Supported, supported)
}

impl From<BuildError> for CommandError {
    fn from(_: BuildError) -> CommandError {
        CommandError::NotWritable
    }
}
