//! How a worker gets datagrams from the kernel and gives them back: three ways, one trait.
//!
//! ```text
//!            wait ─────────▶ harvest ─────────▶ (the plane's tick) ──▶ wait …
//!  steered   sends, by one call, what the tick    one call takes all ports' datagrams, one sends
//!            made; sleeps                         them on, from the buffer that was received into
//!  io-uring  one enter: sends what is queued,     sends: queued for the next enter,
//!            sleeps, runs the multishot receives  from the buffer that was received into
//!  mio       sleeps, then polls without waiting   sends: one sendto each, at once
//! ```
//!
//! Waking for each packet is what costs, not the packet (see `docs/architecture.md`), so
//! a worker that carries calls sleeps by time and takes all that has come meanwhile. One that
//! carries none sleeps until something happens.
//!
//! No backend gives up because of a socket: an error is counted, and the socket is listened to
//! again. Sockets stay unconnected, since a connected one would hide from the latch both the
//! stranger and the peer that moved (R8).

mod drops;
pub mod epoll;
mod probe;
pub mod steered;
pub mod uring;
mod wake;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

pub use epoll::Epoll;
pub use probe::works;
pub use steered::Steered;
pub use uring::Uring;
pub use wake::Wake;

/// The longest datagram that is taken, bytes; RTP over Ethernet stays below. A longer one is
/// counted and dropped.
pub const DATAGRAM_BYTES: usize = 1_600;

/// What becomes of a received datagram: nothing, or it goes on from the same buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forward {
    /// The socket to send from: its place in the list given to [`Backend::open`].
    pub socket: u32,
    /// Where to.
    pub to: SocketAddr,
    /// How many bytes of the buffer.
    pub len: usize,
}

/// That a datagram will be handed over, so that what it needs can be brought near meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hint {
    /// After some others.
    Soon,
    /// After fewer; it was hinted at before.
    Next,
    /// After fewer still.
    Last,
}

impl Hint {
    /// All, with how many datagrams before its own each is given: time enough for the memory to answer.
    pub const ALL: [(Hint, usize); 3] = [(Hint::Soon, 16), (Hint::Next, 8), (Hint::Last, 4)];
}

/// Who takes what was received.
pub trait Receive {
    /// A datagram of `socket` is on its way here. Nothing depends on it.
    fn hint(&mut self, _hint: Hint, _socket: u32) {}

    /// One datagram: the first `len` bytes of `buf`, which has room behind it (SRTP's tag).
    fn datagram(
        &mut self,
        socket: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward>;
}

/// How long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// For so long, whatever comes.
    Time(Duration),
    /// For so long, or until a datagram or [`Wake::wake`] comes.
    Event(Duration),
}

/// What a backend has counted since it was opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Datagrams received.
    pub received: u64,
    /// Datagrams handed to the kernel.
    pub sent: u64,
    /// Of these, refused by it: buffer full, no route, unreachable.
    pub send_errors: u64,
    /// Received datagrams that were longer than [`DATAGRAM_BYTES`].
    pub oversize: u64,
    /// Receives that failed, for lack of buffers or by a socket's error.
    pub receive_errors: u64,
    /// Datagrams that the kernel dropped since its queue was full.
    pub kernel_drops: u64,
    /// System calls.
    pub calls: u64,
}

/// One worker's sockets.
pub trait Backend: Sized {
    /// Takes `sockets` (bound, in any blocking mode), which nobody else reads from meanwhile. Called by
    /// the thread that will use it.
    fn open(sockets: Arc<[UdpSocket]>, wake: Wake) -> io::Result<Self>;

    /// Gives the kernel what is queued, and waits.
    fn wait(&mut self, wait: Wait);

    /// Hands over what has come since, at most a few thousand datagrams.
    fn harvest(&mut self, to: &mut impl Receive);

    /// Sends a datagram; a copy is made where it has to wait for the next [`Backend::wait`]. More
    /// than [`DATAGRAM_BYTES`] are not sent.
    fn send(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]);

    /// The figures.
    fn counts(&self) -> Counts;
}

#[cfg(test)]
mod tests;
