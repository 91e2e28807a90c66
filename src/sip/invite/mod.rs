//! The INVITE usage: one leg's signalling from INVITE to the end (RFC 3261 §9, §13 to §15).
//!
//! ```text
//!   usage.rs    where the call stands: ringing, answered, confirmed, leaving; who may send what
//!   offer.rs    whose offer is open (RFC 3264, 3311, 6337), and what glare is answered with
//!
//!   session.rs  a leg's data: the two machines, dialogs, open transactions, timers
//!   called.rs   an INVITE that came in, until its ACK
//!   calling.rs  our INVITE, until it is answered; its forks and its CANCEL
//!   within.rs   requests of the peer within the dialog
//!   ours.rs     our requests within the dialog, and what is answered
//!   reliable.rs provisional responses that are acknowledged
//!   refresh.rs  the session timer
//!   offers.rs   re-INVITE and UPDATE, both ways
//! ```
//!
//! The first two are machines without messages: they say *send BYE* or *refuse with 491*, and the
//! session writes the message. So every race is a line in a match and a test in virtual time.

pub mod called;
pub mod calling;
pub mod offer;
pub mod offers;
pub mod ours;
pub mod refresh;
pub mod reliable;
pub mod session;
pub mod usage;
pub mod within;
