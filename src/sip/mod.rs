//! Floor 2: SIP as machines (RFC 3261 and what corrects it), without socket, clock or thread.
//!
//! ```text
//!   wire::sip::Message + Flow
//!        │ receive                          ▲ Action::Send
//!        v                                  │
//!   agent            checks of §8.2, dispatch, building of messages
//!   transactions     which transaction is it (§17.1.3, §17.2.3); timers
//!   transaction/     the four machines of §17
//!   dialog, invite   §12, §13: calls; offer and answer
//!        │ Action::Event                    ▲ command
//!        v                                  │
//!   switch
//! ```
//!
//! Beside the agent stand [`registrar`] (§10) and [`digest`] (§22), which the switch asks itself.

pub mod digest;
pub mod flow;
pub mod invite;
pub mod transaction;

pub use flow::{Flow, Transport};
