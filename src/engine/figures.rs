//! What the workers count, for whoever may look: the console, a metrics page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// A worker's figures since the start; it writes them once a turn.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) legs: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) receive_errors: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) send_errors: AtomicU64,
    pub(super) calls: AtomicU64,
    pub(super) turns: AtomicU64,
    pub(super) late_ticks: AtomicU64,
    pub(super) taps_dropped: AtomicU64,
    pub(super) events_dropped: AtomicU64,
}

/// How a worker came up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) backend: &'static str,
    pub(super) pinned: bool,
    pub(super) ports: usize,
}

/// One worker as the console shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WorkerRow {
    /// `rtp-0` …
    pub name: String,
    /// `io-uring` or `epoll`.
    pub backend: &'static str,
    /// Whether it is kept on one core.
    pub pinned: bool,
    /// Its ports.
    pub ports: usize,
    /// Legs now.
    pub legs: u64,
    /// Datagrams received.
    pub received: u64,
    /// Receives that failed, or found no buffer, or a datagram that was too long.
    pub receive_errors: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams that the kernel refused.
    pub send_errors: u64,
    /// System calls.
    pub calls: u64,
    /// Turns.
    pub turns: u64,
    /// Ticks that came more than 10 ms late.
    pub late_ticks: u64,
    /// Recorded blocks that were dropped.
    pub taps_dropped: u64,
    /// Events that were dropped.
    pub events_dropped: u64,
}

/// The figures of all workers.
#[derive(Clone)]
pub struct Figures(pub(super) Arc<Vec<(String, Running, Arc<Counters>)>>);

impl Figures {
    /// As they stand.
    pub fn rows(&self) -> Vec<WorkerRow> {
        let row = |(name, running, c): &(String, Running, Arc<Counters>)| WorkerRow {
            name: name.clone(),
            backend: running.backend,
            pinned: running.pinned,
            ports: running.ports,
            legs: c.legs.load(Relaxed),
            received: c.received.load(Relaxed),
            receive_errors: c.receive_errors.load(Relaxed),
            sent: c.sent.load(Relaxed),
            send_errors: c.send_errors.load(Relaxed),
            calls: c.calls.load(Relaxed),
            turns: c.turns.load(Relaxed),
            late_ticks: c.late_ticks.load(Relaxed),
            taps_dropped: c.taps_dropped.load(Relaxed),
            events_dropped: c.events_dropped.load(Relaxed),
        };
        self.0.iter().map(row).collect()
    }
}
