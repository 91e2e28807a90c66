//! What the sockets have done since the start, for the console.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::connections::Open;

/// How much came, went and was dropped, since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages taken.
    pub received: AtomicU64,
    /// Messages sent.
    pub sent: AtomicU64,
    /// Datagrams and messages that did not parse.
    pub bad: AtomicU64,
    /// Messages dropped because the switch's queue or a connection's was full.
    pub dropped: AtomicU64,
    /// STUN's keep-alives answered.
    pub pings: AtomicU64,
    /// Connections refused because there were too many, in all or of one source.
    pub refused: AtomicU64,
    /// Datagrams and connections of sources that are banned.
    pub banned: AtomicU64,
    /// Connections closed because no message came over them.
    pub silent: AtomicU64,
    /// Connections closed because their peer did not read what it was sent.
    pub unread: AtomicU64,
    /// Handshakes of TLS and WebSocket that came to nothing.
    pub handshakes: AtomicU64,
}

impl Counters {
    pub(super) fn add(&self, counter: impl Fn(&Counters) -> &AtomicU64) {
        counter(self).fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters as somebody else may read them.
#[derive(Clone)]
pub struct Figures {
    pub(super) listening: Arc<[String]>,
    pub(super) counters: Arc<Counters>,
    pub(super) open: Open,
}

/// The figures at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Now {
    /// Where SIP is answered, as peers see it.
    pub listening: Vec<String>,
    /// Connections that stand or are being made: TCP, TLS, WebSocket.
    pub connections: usize,
    /// See [`Counters`], from here on.
    pub received: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that did not parse.
    pub bad: u64,
    /// Messages dropped.
    pub dropped: u64,
    /// Keep-alives by STUN.
    pub pings: u64,
    /// Connections refused.
    pub refused: u64,
    /// Datagrams and connections of who is banned.
    pub banned: u64,
    /// Connections that said nothing.
    pub silent: u64,
    /// Connections whose peer did not read.
    pub unread: u64,
    /// Handshakes that came to nothing.
    pub handshakes: u64,
}

impl Figures {
    /// As they stand.
    pub fn now(&self) -> Now {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let c = &self.counters;
        Now {
            listening: self.listening.to_vec(),
            connections: self.open.count(),
            received: read(&c.received),
            sent: read(&c.sent),
            bad: read(&c.bad),
            dropped: read(&c.dropped),
            pings: read(&c.pings),
            refused: read(&c.refused),
            banned: read(&c.banned),
            silent: read(&c.silent),
            unread: read(&c.unread),
            handshakes: read(&c.handshakes),
        }
    }
}

impl fmt::Display for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "listening on {}", self.listening.join(", "))?;
        writeln!(f, "{} connections (TCP, TLS, WebSocket)", self.connections)?;
        writeln!(f, "{} messages taken, {} sent", self.received, self.sent)?;
        writeln!(f, "{} that were no SIP, {} dropped for full queues", self.bad, self.dropped)?;
        writeln!(f, "{} keep-alives answered by STUN", self.pings)?;
        writeln!(f, "{} datagrams and connections of banned sources dropped", self.banned)?;
        write!(
            f,
            "{} connections refused, {} closed for silence, {} for not reading, {} handshakes failed",
            self.refused, self.silent, self.unread, self.handshakes
        )
    }
}
