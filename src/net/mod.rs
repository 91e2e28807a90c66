//! Floor 5: SIP's sockets. Datagrams and streams become messages here, in the socket's own thread
//! or task, so that the switch never parses; messages become bytes again on the way out.
//!
//! ```text
//! udp thread ─────┐                             ┌─▶ UDP: sent at once by the caller, never waiting
//! connections' ───┴─▶ Inbound ─▶ switch ─▶ Sip::send ─▶ others: the connection's own bounded queue
//! tasks: TCP, TLS, WebSocket
//! ```
//!
//! Beside them stands the [`dns`]. Does not retransmit or route: that is `sip`'s.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the sockets and their threads"
)]

mod alias;
mod complaint;
mod connection;
pub mod connections;
pub mod dns;
pub mod figures;
pub mod gate;
pub mod http;
pub mod listen;
pub mod mail;
pub mod pace;
pub mod tls;
pub mod udp;
mod unreachable;
pub mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Message, ParseError};

pub use figures::{Counters, Figures};
pub use gate::Gate;
pub use listen::Listen;

/// What the sockets have to say.
#[derive(Debug)]
pub enum Inbound {
    /// A whole message came.
    Message(Flow, Message),
    /// What came is not SIP, or broken; the switch may answer 400.
    Bad(Flow, ParseError),
    /// The connection of this flow could not be made, or is gone.
    FlowFailed(Flow),
    /// A peer's connection came to nothing: its handshake failed, or it said nothing.
    Silent(Flow),
}

/// Takes what came, or gives it back when the switch cannot take more now. A datagram is then
/// dropped (SIP sends it again), a connection waits.
pub type Deliver = Arc<dyn Fn(Inbound) -> Result<(), Inbound> + Send + Sync>;

/// A listening address that could not be had, with the remedy.
#[derive(Debug)]
pub struct ListenError {
    /// Which.
    pub listen: Listen,
    /// What the system said.
    pub error: io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let remedy = match self.error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port: stop it, or choose another in [sip] listen"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address: see 'ip address', then correct [sip] listen"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one"
            }
            _ => "see [sip] listen",
        };
        write!(f, "cannot listen on {}: {}; {remedy}", self.listen, self.error)
    }
}
impl std::error::Error for ListenError {}

/// What connections need to know.
#[derive(Clone, Default)]
pub struct Streams {
    /// The most connections at once. An eighth of them is kept for those that we open and for who is
    /// allowed.
    pub most: usize,
    /// The most that one source may have, where it is not allowed; 0: as many as there may be.
    pub most_of_source: usize,
    /// Certificates and trust; what is put into it later holds for handshakes from then on.
    pub tls: tls::Tls,
    /// Who may connect over WebSocket.
    pub origins: websocket::Origins,
}

/// All SIP sockets of the appliance.
pub struct Sip {
    udp: Vec<udp::Socket>,
    connections: connections::Connections,
    tls: tls::Tls,
    listening: Vec<(Transport, SocketAddr)>,
    counters: Arc<Counters>,
    gate: Gate,
}

impl Sip {
    /// Opens every address of `listen` or none. Must be called within a tokio runtime.
    pub fn start(
        listen: &[Listen],
        streams: Streams,
        deliver: Deliver,
    ) -> Result<Sip, ListenError> {
        let counters = Arc::new(Counters::default());
        let gate = Gate::default();
        let tls = streams.tls.clone();
        let connections =
            connections::Connections::new(streams, gate.clone(), deliver.clone(), counters.clone());
        let (udp, listening) = (Vec::new(), Vec::new());
        let mut sip = Sip { udp, connections, tls, listening, counters, gate };
        for one in listen {
            let at =
                sip.open(*one, &deliver).map_err(|error| ListenError { listen: *one, error })?;
            sip.listening.push((one.transport, at));
        }
        Ok(sip)
    }

    fn open(&mut self, listen: Listen, deliver: &Deliver) -> io::Result<SocketAddr> {
        match listen.transport {
            Transport::Udp => {
                let socket = udp::Socket::open(
                    listen.address,
                    listen.shown,
                    deliver.clone(),
                    self.counters.clone(),
                    self.gate.clone(),
                )?;
                let at = socket.local();
                self.udp.push(socket);
                Ok(at)
            }
            stream => self.connections.listen(stream, listen.address, listen.shown),
        }
    }

    /// The addresses as peers see them (port 0 was replaced by the one that was free).
    pub fn listening(&self) -> &[(Transport, SocketAddr)] {
        &self.listening
    }
    /// Puts an order of the switch's in force. Connections of who is banned end.
    pub fn order(&self, order: gate::Order) {
        let banned = match &order {
            gate::Order::Ban(source, _) => Some(*source),
            _ => None,
        };
        self.gate.order(order);
        if let Some(source) = banned {
            self.connections.cut(source);
        }
    }
    /// The figures so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The figures, for whoever wants to read them later.
    pub fn figures(&self) -> Figures {
        let at = |(transport, at): &(Transport, SocketAddr)| {
            format!("{}:{at}", transport.via_name().to_lowercase())
        };
        Figures {
            listening: self.listening.iter().map(at).collect(),
            counters: self.counters.clone(),
            open: self.connections.open(),
        }
    }

    /// A gateway is at these addresses from now on; over TLS it has to show its certificate there.
    pub fn located(&self, gateway: &str, addresses: &[SocketAddr]) {
        self.tls.located(gateway, addresses);
    }

    /// Sends `message` over `flow`; never waits. A failure comes back as [`Inbound::FlowFailed`]
    /// where the transport notices it.
    pub fn send(&self, flow: Flow, message: &Message) {
        let sent = match flow.transport {
            Transport::Udp => match self.udp.iter().find(|s| s.local() == flow.local) {
                Some(socket) => socket.send(flow, message.bytes()),
                None => false,
            },
            _ => self.connections.send(flow, message.bytes()),
        };
        self.counters.add(move |c| if sent { &c.sent } else { &c.dropped });
    }
}

#[cfg(test)]
mod tests;
