//! The INVITE usage: one leg's signalling from INVITE to the end (RFC 3261 §9, §13 to §15).
//!
//! ```text
//!   usage.rs    where the call stands: ringing, answered, confirmed, leaving; who may send what
//!   offer.rs    whose offer is open (RFC 3264, 3311, 6337), and what glare is answered with
//!   session.rs  the data of a leg that the two steer: dialogs, open transactions, timers
//! ```
//!
//! The first two are machines without messages: they say *send BYE* or *refuse with 491*, and the
//! agent writes the message. So every race is a line in a match and a test in virtual time.

pub mod offer;
pub mod usage;
