//! The client half: our own requests, from their sending until their transaction has lingered out.

use super::{Transactions, large};
use crate::base::Time;
use crate::sip::command::ClientTxn;
use crate::sip::event::SessionId;
use crate::sip::out::Out;
use crate::sip::subscription::SubscriptionId;
use crate::sip::timers::{Owner, Slot, WakeReason};
use crate::sip::token::Token;
use crate::sip::transaction::{
    Actions, ClientInvite, ClientNonInvite, Outgoing, Tell, client_invite, client_non_invite,
};
use crate::sip::{Flow, compose};
use crate::wire::sip::{Message, Method, Name, Via};

/// A client transaction: its branch, and whether it is the CANCEL that shares it with an INVITE.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct ClientId {
    /// The branch of its Via.
    pub branch: Token,
    /// A CANCEL (§9.1).
    pub cancel: bool,
}

/// Whose request it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum User {
    /// A session's; the request's method says the rest.
    Session(SessionId),
    /// A session's, but whatever is answered, nothing follows: CANCEL, the BYE to a surplus fork.
    Farewell(SessionId),
    /// A watcher's subscription: NOTIFY.
    Watch(SubscriptionId),
    /// The agent's user's ([`crate::sip::Command::Request`]).
    Own(ClientTxn),
}

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    machine: Machine,
    flow: Flow,
    /// Its connection was gone and it was sent to its target: that is done once.
    moved: bool,
    /// It goes by TCP for its size alone: as it would go by UDP, until something is answered.
    datagram: Option<(Flow, Message)>,
    method: Method,
    /// The request, until a final response.
    request: Option<Message>,
    /// The ACK of its refusal.
    ack: Option<Message>,
    user: User,
    slot: Slot,
}

#[derive(Debug)]
enum Machine {
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

impl Machine {
    fn response(&mut self, now: Time, status: u16) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, client_invite::Input::Response(status)),
            Machine::Other(m) => m.handle(now, client_non_invite::Input::Response(status)),
        }
    }
    fn wake(&mut self, now: Time) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, client_invite::Input::Wake),
            Machine::Other(m) => m.handle(now, client_non_invite::Input::Wake),
        }
    }
    fn unreachable(&mut self, now: Time) -> Actions {
        match self {
            Machine::Invite(m) => m.handle(now, client_invite::Input::Unreachable),
            Machine::Other(m) => m.handle(now, client_non_invite::Input::Unreachable),
        }
    }
    fn next_wake(&self) -> Option<(Time, WakeReason)> {
        let (at, timer) = match self {
            Machine::Invite(m) => m.next_wake(),
            Machine::Other(m) => m.next_wake(),
        }?;
        Some((super::woken(at, timer), WakeReason::Transaction(timer)))
    }
    fn unanswered(&self) -> bool {
        match self {
            Machine::Invite(m) => matches!(m.state(), client_invite::State::Calling { .. }),
            Machine::Other(m) => matches!(m.state(), client_non_invite::State::Trying { .. }),
        }
    }
    fn over(&self) -> bool {
        match self {
            Machine::Invite(m) => m.state() == client_invite::State::Terminated,
            Machine::Other(m) => m.state() == client_non_invite::State::Terminated,
        }
    }
}

/// What came of our request.
#[derive(Debug)]
pub struct Reply {
    /// The transaction.
    pub id: ClientId,
    /// Whose it is.
    pub user: User,
    /// Method of the request.
    pub method: Method,
    /// The request; `None` when a final response came before.
    pub request: Option<Message>,
    /// Where it was sent.
    pub flow: Flow,
    /// Response, Timeout or Unreachable.
    pub tell: Tell,
    /// It went by TCP for its size alone: the flow for what follows.
    pub instead_of: Option<Flow>,
}

impl Transactions {
    /// Sends a request for the first time. Its topmost Via carries `branch`.
    pub fn send(
        &mut self,
        now: Time,
        flow: Flow,
        request: Message,
        branch: Token,
        user: User,
        out: &mut Out,
    ) -> ClientId {
        let method = request.method().clone();
        let id = ClientId { branch, cancel: method == Method::Cancel };
        let (flow, request, datagram) = match self.by_stream(now, id, flow, &request) {
            Some((stream, large)) => (stream, large, Some((flow, request))),
            None => (flow, request, None),
        };
        let machine = self.machine(now, &method, flow);
        out.send(flow, request.clone());
        let request = Some(request);
        let (moved, ack, slot) = (false, None, None);
        let mut client =
            Client { machine, flow, moved, datagram, method, request, ack, user, slot };
        out.timers.set(Owner::Client(id), &mut client.slot, client.machine.next_wake());
        self.waiting.insert((flow, id));
        self.clients.insert(id, Box::new(client));
        id
    }

    /// The machine of a request over `flow`.
    fn machine(&self, now: Time, method: &Method, flow: Flow) -> Machine {
        let reliable = flow.transport.is_reliable();
        match method {
            Method::Invite => Machine::Invite(ClientInvite::new(now, self.timing, reliable)),
            _ => Machine::Other(ClientNonInvite::new(now, self.timing, reliable)),
        }
    }

    /// A request for UDP that goes by TCP: for its size, or because it cancels one that did.
    fn by_stream(
        &mut self,
        now: Time,
        id: ClientId,
        flow: Flow,
        request: &Message,
    ) -> Option<(Flow, Message)> {
        if !id.cancel {
            return self.large.by_stream(now, flow, request);
        }
        let invite = self.clients.get(&ClientId { cancel: false, ..id })?;
        invite.datagram.as_ref()?;
        Some((invite.flow, large::over(request, invite.flow)?))
    }

    /// A response came.
    pub fn receive(&mut self, now: Time, response: &Message, via: &Via, out: &mut Out) -> Received {
        let Some((branch, status)) =
            via.branch().and_then(Token::parse_branch).zip(response.status())
        else {
            return Received::Stray;
        };
        let id = ClientId { branch, cancel: *response.method() == Method::Cancel };
        match self.clients.get(&id) {
            Some(client) if client.method == *response.method() => {}
            _ => return Received::Stray,
        }
        match self.step_client(id, Some(response), out, |machine| machine.response(now, status)) {
            Some(reply) => Received::News(reply),
            None => Received::Absorbed,
        }
    }

    /// Whether a request has come by one of ours that is not answered yet: one of its Vias is ours.
    pub fn is_ours(&self, request: &Message) -> bool {
        if self.clients.is_empty() {
            return false;
        }
        request.headers(Name::Via).take(compose::MAX_FORWARDS.into()).any(|via| {
            let via = Via::parse(via).ok();
            let branch = via.as_ref().and_then(Via::branch).and_then(Token::parse_branch);
            branch.is_some_and(|branch| {
                self.clients.contains_key(&ClientId { branch, cancel: false })
            })
        })
    }

    /// A client transaction's timer.
    pub fn wake_client(&mut self, now: Time, id: ClientId, out: &mut Out) -> Option<Reply> {
        self.clients.get_mut(&id)?.slot = None;
        self.step_client(id, None, out, |machine| machine.wake(now))
    }

    /// The user cancelled an INVITE long ago; nothing came.
    pub fn abandon(&mut self, now: Time, id: ClientId, out: &mut Out) -> Option<Reply> {
        self.step_client(id, None, out, |machine| match machine {
            Machine::Invite(m) => m.handle(now, client_invite::Input::Abandon),
            Machine::Other(_) => Actions::NONE,
        })
    }

    /// A flow failed: every request on it that waits for an answer hears of it, but those that can
    /// be sent to their target (§12.2.1.1) over a connection of our own.
    pub fn flow_failed(&mut self, now: Time, flow: Flow, out: &mut Out) -> Vec<Reply> {
        let low = ClientId { branch: Token(0), cancel: false };
        let high = ClientId { branch: Token(u64::MAX), cancel: true };
        let ids: Vec<ClientId> =
            self.waiting.range((flow, low)..=(flow, high)).map(|(_, id)| *id).collect();
        let failed = |id| match self.as_datagram(now, id, out) || self.resend_elsewhere(id, out) {
            true => None,
            false => self.step_client(id, None, out, |machine| machine.unreachable(now)),
        };
        ids.into_iter().filter_map(failed).collect()
    }

    /// Sends a request that went by TCP for its size once more, by UDP (§18.1.1).
    fn as_datagram(&mut self, now: Time, id: ClientId, out: &mut Out) -> bool {
        let Some(client) = self.clients.get_mut(&id).filter(|c| c.machine.unanswered()) else {
            return false;
        };
        let Some((flow, request)) = client.datagram.take() else { return false };
        let (stream, method) = (client.flow, client.method.clone());
        self.large.refused(now, stream.remote);
        let machine = self.machine(now, &method, flow);
        let Some(client) = self.clients.get_mut(&id) else { return false };
        (client.machine, client.flow) = (machine, flow);
        client.request = Some(request.clone());
        out.send(flow, request);
        out.timers.set(Owner::Client(id), &mut client.slot, client.machine.next_wake());
        self.waiting.remove(&(stream, id));
        self.waiting.insert((flow, id));
        true
    }

    /// Sends a request within a dialog once more, to its target. A peer that calls over a connection
    /// of its own calls from a port at which nobody listens: when that connection is gone, its
    /// Contact is where it can be reached.
    fn resend_elsewhere(&mut self, id: ClientId, out: &mut Out) -> bool {
        let Some(client) = self.clients.get_mut(&id).filter(|client| !client.moved) else {
            return false;
        };
        let Some((request, flow)) =
            client.request.as_ref().and_then(|r| Some((r, elsewhere(r, client.flow)?)))
        else {
            return false;
        };
        out.send(flow, request.clone());
        self.waiting.remove(&(client.flow, id));
        self.waiting.insert((flow, id));
        (client.flow, client.moved) = (flow, true);
        true
    }

    /// Lets a machine act; sends and gives what it asks for.
    fn step_client(
        &mut self,
        id: ClientId,
        response: Option<&Message>,
        out: &mut Out,
        act: impl FnOnce(&mut Machine) -> Actions,
    ) -> Option<Reply> {
        let client = self.clients.get_mut(&id)?;
        let actions = act(&mut client.machine);
        match actions.send {
            Some(Outgoing::Request) => {
                if let Some(request) = &client.request {
                    out.send(client.flow, request.clone());
                }
            }
            Some(Outgoing::Ack) => {
                if let (None, Some(request), Some(response)) =
                    (&client.ack, &client.request, response)
                {
                    client.ack = compose::ack_of_refusal(request, response).ok();
                }
                if let Some(ack) = &client.ack {
                    out.send(client.flow, ack.clone());
                }
            }
            Some(Outgoing::Response) | None => {}
        }
        let is_final = response.and_then(Message::status).is_none_or(|status| status >= 200);
        let reply = actions.tell.map(|tell| {
            let request = if is_final { client.request.take() } else { client.request.clone() };
            let (method, flow) = (client.method.clone(), client.flow);
            let instead_of = client.datagram.as_ref().map(|(flow, _)| *flow);
            Reply { id, user: client.user, method, request, flow, tell, instead_of }
        });
        if reply.is_some() && is_final {
            self.waiting.remove(&(client.flow, id));
        }
        out.timers.set(Owner::Client(id), &mut client.slot, client.machine.next_wake());
        if client.machine.over() {
            self.waiting.remove(&(client.flow, id));
            if let User::Session(session) | User::Farewell(session) = client.user {
                out.closed.push(session);
            }
            self.clients.remove(&id);
        }
        reply
    }
}

/// The way to a request's own target when the connection it went over is gone: the first hop of its
/// route set, else its Request-URI (§8.1.2). `None` outside dialogs, where the flow was chosen and
/// not inherited, and where the target is a name or wants another transport.
fn elsewhere(request: &Message, flow: Flow) -> Option<Flow> {
    if !flow.transport.is_reliable() || request.to().ok()?.tag().is_none() {
        return None;
    }
    let first = request.routes().ok()?.into_iter().next().map(|route| route.uri);
    let target = match first.filter(|route| route.param("lr").is_some()) {
        Some(route) => route,
        None => request.uri().ok()?,
    };
    let same = |t: &[u8]| {
        flow.transport.uri_param().is_some_and(|own| t.eq_ignore_ascii_case(own.as_bytes()))
    };
    if target.param("transport").is_some_and(|t| !same(&t)) {
        return None;
    }
    let remote = target.socket_addr().filter(|remote| *remote != flow.remote)?;
    Some(Flow { remote, ..flow })
}

/// What a response was to us.
#[derive(Debug)]
pub enum Received {
    /// No transaction of ours.
    Stray,
    /// Seen before.
    Absorbed,
    /// News for the user.
    News(Reply),
}
