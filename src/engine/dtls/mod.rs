//! DTLS-SRTP's handshakes (RFC 5763, RFC 5764), off the RTP workers: one takes a millisecond or two of a
//! processor, in which a worker would have sent a hundred packets.
//!
//! ```text
//!   rtp-N ── datagrams (ring) ──▶ dtls: Handshakes ── datagrams, keys (ring) ──▶ rtp-N
//!   switch ── Set, Close: orders ──▶ │ ── Event::HandshakeFailed ──▶ switch
//! ```
//!
//! [`set`] is all handshakes without thread and sockets, [`thread`] what stands around it. DTLS itself is
//! dimpl's (decision 15).

mod identity;
pub mod set;
#[cfg(test)]
mod tests;
pub(super) mod thread;

pub use self::identity::Identity;
