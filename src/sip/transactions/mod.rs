//! The table of transactions: which one a message belongs to (RFC 3261 §17.1.3, §17.2.3), the
//! messages each has to send again, and their timers.
//!
//! ```text
//!             request                                   response
//!                │ server.rs: branch + sent-by + method     │ client.rs: our branch + method
//!                v                                          v
//!     ┌── found: machine takes it ──┐              ┌── found: machine takes it ──┐
//!     │   not found: new, merged,   │              │   not found: dropped (a     │
//!     v   or an ACK for a dialog    v              v   stray, RFC 6026 §7.3)     v
//!   absorbed                      agent          absorbed                      agent
//! ```
//!
//! The machines ([`super::transaction`]) know states; this table knows bytes. It asks nothing and
//! decides nothing about what a request means. Counts are bounded by [`super::Limits`].

mod client;
mod key;
mod large;
mod server;

use std::collections::BTreeSet;

pub use client::{ClientId, Received, Reply, User};
pub use large::Large;
pub(crate) use server::reply_flow;

use super::Flow;
use super::hash::{Keyed, KeyedMap};
use super::transaction::{Timer, Timing};
use crate::base::{Duration, Rng, Time};
use client::Client;
use server::Server;

/// A server transaction: a request of a peer that waits for our answer, or lingers after it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct TxnId(pub u64);

/// Transactions that only linger end on this grid: thousands of them may each second, and none is to wake the
/// exchange for itself.
const LINGER_GRID: Duration = Duration::from_millis(100);

/// When a transaction is woken by a timer that is due at `at`.
fn woken(at: Time, timer: Timer) -> Time {
    let grid = LINGER_GRID.as_nanos() as u64;
    match timer.lingers() {
        true => Time::from_nanos(at.as_nanos().div_ceil(grid).saturating_mul(grid)),
        false => at,
    }
}

/// Both halves of the table.
#[derive(Debug)]
pub struct Transactions {
    timing: Timing,
    next_server: u64,
    // Boxed, so that the room that a busy time leaves in the table is little.
    servers: KeyedMap<TxnId, Box<Server>>,
    /// Server transactions by §17.2.3.
    by_key: KeyedMap<Box<[u8]>, TxnId>,
    /// Requests without To tag by what makes two of them the same (§8.2.2.2).
    by_origin: KeyedMap<Box<[u8]>, TxnId>,
    clients: KeyedMap<ClientId, Box<Client>>,
    /// Client transactions that still wait for a final response, by flow.
    waiting: BTreeSet<(Flow, ClientId)>,
    /// Server transactions over connections, by flow, that know another way for their responses.
    answering: BTreeSet<(Flow, TxnId)>,
    /// What is too large for a datagram.
    large: Large,
    /// Where a key is put together before it is looked up.
    scratch: Vec<u8>,
}

impl Transactions {
    /// An empty table.
    pub fn new(timing: Timing, large: Large, rng: &mut Rng) -> Transactions {
        let keyed = Keyed::new(rng);
        Transactions {
            timing,
            next_server: 0,
            servers: KeyedMap::with_hasher(keyed),
            by_key: KeyedMap::with_hasher(keyed),
            by_origin: KeyedMap::with_hasher(keyed),
            clients: KeyedMap::with_hasher(keyed),
            waiting: BTreeSet::new(),
            answering: BTreeSet::new(),
            large,
            scratch: Vec::new(),
        }
    }

    /// The hash under the table's secret.
    pub(crate) fn keyed(&self) -> &Keyed {
        self.servers.hasher()
    }

    /// How many server transactions there are, lingering ones included.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Bytes that they hold, without the messages that they keep.
    pub fn held(&self) -> usize {
        let key = size_of::<Box<[u8]>>() + size_of::<TxnId>();
        let servers = self.servers.len() * (size_of::<Server>() + size_of::<TxnId>());
        let clients = self.clients.len() * (size_of::<Client>() + size_of::<ClientId>());
        servers + clients + (self.by_key.len() + self.by_origin.len()) * key
    }

    /// How many client transactions there are, lingering ones included.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }
}
