//! The server half: requests of peers, from arrival until their transaction has lingered out.

use std::net::SocketAddr;

use super::{Transactions, TxnId, key};
use crate::base::Time;
use crate::sip::event::SessionId;
use crate::sip::out::Out;
use crate::sip::timers::{Owner, Slot, WakeReason};
use crate::sip::transaction::{
    Actions, Outgoing, ServerInvite, ServerNonInvite, Tell, server_invite, server_non_invite,
};
use crate::sip::{Flow, Transport};
use crate::wire::sip::{Message, Method, Via};

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    machine: Machine,
    /// Where its responses go.
    reply: Flow,
    /// Where they go once the connection that the request came over is gone.
    elsewhere: Option<SocketAddr>,
    /// The request, until it has its final response.
    request: Option<Message>,
    /// The last response, to be sent again.
    response: Option<Message>,
    session: Option<SessionId>,
    key: Box<[u8]>,
    origin: Option<Box<[u8]>>,
    slot: Slot,
}

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

impl Machine {
    fn again(&mut self, now: Time) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, server_invite::Input::Invite),
            Machine::Other(m) => m.handle(now, server_non_invite::Input::Request),
        }
    }
    fn respond(&mut self, now: Time, status: u16) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, server_invite::Input::Respond(status)),
            Machine::Other(m) => m.handle(now, server_non_invite::Input::Respond(status)),
        }
    }
    fn wake(&mut self, now: Time) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, server_invite::Input::Wake),
            Machine::Other(m) => m.handle(now, server_non_invite::Input::Wake),
        }
    }
    fn next_wake(&self) -> Option<(Time, WakeReason)> {
        let (at, timer) = match self {
            Machine::Invite(m) => m.next_wake(),
            Machine::Other(m) => m.next_wake(),
        }?;
        Some((super::woken(at, timer), WakeReason::Transaction(timer)))
    }
    /// A final response is out that nobody has acknowledged, and nobody else repeats.
    fn unacknowledged(&self) -> bool {
        matches!(self, Machine::Invite(m)
            if matches!(m.state(), server_invite::State::Completed { .. }))
    }
    fn over(&self) -> bool {
        match self {
            Machine::Invite(m) => m.state() == server_invite::State::Terminated,
            Machine::Other(m) => m.state() == server_non_invite::State::Terminated,
        }
    }
}

/// Where the responses to a request go (RFC 3261 §18.2.2, RFC 3581): over its own connection, or
/// for UDP to where its topmost Via, completed by [`Message::with_received`], points.
pub(crate) fn reply_flow(flow: Flow, via: &Via) -> Flow {
    if flow.transport != Transport::Udp {
        return flow;
    }
    let (host, port) = via.reply_to();
    Flow { remote: host.socket_addr(port).unwrap_or(flow.remote), ..flow }
}

/// Where a response goes whose request's connection is gone (§18.2.2): the address that the request
/// came from, at the port where its sender listens. `None` when that is the connection's own.
fn listener(flow: Flow, via: &Via) -> Option<SocketAddr> {
    if !flow.transport.is_reliable() {
        return None;
    }
    let ip = via.received().or_else(|| via.host.ip())?;
    Some(SocketAddr::new(ip, via.sent_by_port())).filter(|at| *at != flow.remote)
}

impl Transactions {
    /// The transaction that a request belongs to. An ACK is looked for as its INVITE.
    pub fn find(&mut self, request: &Message, via: &Via) -> Option<TxnId> {
        let method = match request.method() {
            Method::Ack => &Method::Invite,
            method => method,
        };
        key::server(request, via, method, &mut self.scratch);
        self.by_key.get(self.scratch.as_slice()).copied()
    }

    /// The INVITE transaction that a CANCEL means.
    pub fn find_cancelled(&mut self, cancel: &Message, via: &Via) -> Option<TxnId> {
        key::server(cancel, via, &Method::Invite, &mut self.scratch);
        self.by_key.get(self.scratch.as_slice()).copied()
    }

    /// Has the same request, without To tag, already come over another path (§8.2.2.2)?
    pub fn is_merged(&mut self, request: &Message) -> bool {
        key::merged(request, &mut self.scratch);
        self.by_origin.contains_key(self.scratch.as_slice())
    }

    /// Opens a transaction for a new request, whose Via is completed. `outside` marks a request
    /// without To tag, which must not come twice.
    pub fn open(
        &mut self,
        now: Time,
        flow: Flow,
        request: Message,
        via: &Via,
        outside: bool,
        out: &mut Out,
    ) -> TxnId {
        self.next_server += 1;
        let id = TxnId(self.next_server);
        let reliable = flow.transport.is_reliable();
        let machine = match request.method() {
            Method::Invite => Machine::Invite(ServerInvite::new(self.timing, reliable)),
            _ => Machine::Other(ServerNonInvite::new(now, self.timing, reliable)),
        };
        key::server(&request, via, request.method(), &mut self.scratch);
        let by_key: Box<[u8]> = self.scratch.as_slice().into();
        self.by_key.insert(by_key.clone(), id);
        let origin = outside.then(|| {
            key::merged(&request, &mut self.scratch);
            let origin: Box<[u8]> = self.scratch.as_slice().into();
            self.by_origin.insert(origin.clone(), id);
            origin
        });
        let (reply, elsewhere) = (reply_flow(flow, via), listener(flow, via));
        if elsewhere.is_some() {
            self.answering.insert((reply, id));
        }
        let mut server = Server {
            machine,
            reply,
            elsewhere,
            request: Some(request),
            response: None,
            session: None,
            key: by_key,
            origin,
            slot: None,
        };
        out.timers.set(Owner::Server(id), &mut server.slot, server.machine.next_wake());
        self.servers.insert(id, Box::new(server));
        id
    }

    /// The request came again: whatever its state answers.
    pub fn again(&mut self, now: Time, id: TxnId, out: &mut Out) {
        self.step(id, out, |machine| machine.again(now));
    }

    /// An ACK that carries this transaction's branch came. True when it is one of a 2xx and so the
    /// dialog's to take.
    pub fn ack(&mut self, now: Time, id: TxnId, out: &mut Out) -> bool {
        let tell = self.step(id, out, |machine| match machine {
            Machine::Invite(m) => m.handle(now, server_invite::Input::Ack),
            Machine::Other(_) => Actions::NONE,
        });
        tell == Some(Tell::Ack)
    }

    /// Sends a response. False when the transaction is gone or takes none any more.
    pub fn respond(&mut self, now: Time, id: TxnId, response: Message, out: &mut Out) -> bool {
        let (Some(server), Some(status)) = (self.servers.get_mut(&id), response.status()) else {
            return false;
        };
        let actions = server.machine.respond(now, status);
        let sends = actions.send == Some(Outgoing::Response);
        if sends {
            if status >= 200 {
                server.request = None;
            }
            out.send(server.reply, response.clone());
            server.response = Some(response);
        }
        self.settle(id, out);
        sends
    }

    /// A connection is gone: responses to what came over it go to where their peers listen
    /// (§18.2.2). A refusal that waits for its ACK goes at once; the session repeats a 2xx itself.
    pub fn answer_elsewhere(&mut self, flow: Flow, out: &mut Out) {
        let all = (flow, TxnId(0))..=(flow, TxnId(u64::MAX));
        let ids: Vec<TxnId> = self.answering.range(all).map(|(_, id)| *id).collect();
        for id in ids {
            self.answering.remove(&(flow, id));
            let Some(server) = self.servers.get_mut(&id) else { continue };
            let Some(remote) = server.elsewhere.take() else { continue };
            server.reply = Flow { remote, ..flow };
            if let Some(response) = &server.response
                && server.machine.unacknowledged()
            {
                out.send(server.reply, response.clone());
            }
        }
    }

    /// The request, while it waits for its final response.
    pub fn request(&self, id: TxnId) -> Option<&Message> {
        self.servers.get(&id)?.request.as_ref()
    }

    /// Notes that an INVITE's transaction belongs to a session, or a request within one.
    pub fn assign(&mut self, id: TxnId, session: SessionId) {
        if let Some(server) = self.servers.get_mut(&id) {
            server.session = Some(session);
        }
    }

    /// The session that a transaction belongs to.
    pub fn session(&self, id: TxnId) -> Option<SessionId> {
        self.servers.get(&id)?.session
    }

    /// A server transaction's timer.
    pub fn wake_server(&mut self, now: Time, id: TxnId, out: &mut Out) -> Option<Tell> {
        self.servers.get_mut(&id)?.slot = None;
        self.step(id, out, |machine| machine.wake(now))
    }

    /// Lets a machine act and sends what it asks for.
    fn step(
        &mut self,
        id: TxnId,
        out: &mut Out,
        act: impl FnOnce(&mut Machine) -> Actions,
    ) -> Option<Tell> {
        let server = self.servers.get_mut(&id)?;
        let actions = act(&mut server.machine);
        if actions.send.is_some()
            && let Some(response) = &server.response
        {
            out.send(server.reply, response.clone());
        }
        self.settle(id, out);
        actions.tell
    }

    /// Sets a transaction's timer anew, or removes one that is over.
    fn settle(&mut self, id: TxnId, out: &mut Out) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let owner = Owner::Server(id);
        out.timers.set(owner, &mut server.slot, server.machine.next_wake());
        if server.machine.over() {
            if self.by_key.get(&server.key) == Some(&id) {
                self.by_key.remove(&server.key);
            }
            if let Some(origin) = &server.origin {
                self.by_origin.remove(origin);
            }
            self.answering.remove(&(server.reply, id));
            self.servers.remove(&id);
        }
    }
}
