//! Floor 3: the call, its connections and how they come and go (CSTA's model, ECMA-269 §6).
//!
//! Knows numbers and legs; knows no SIP, no media, no dialplan. What a change means on the wire is
//! the switch's to route; what it means for the call is decided here.

pub mod call;
pub mod codes;
pub mod collect;
pub mod conference;
pub mod connection;
pub mod consultation;
pub mod dialling;
pub mod feature;
pub mod held_keys;
pub mod lines;
pub mod supervise;
pub mod traced;
pub mod unheard;
pub mod wishes;

pub use call::Call;
pub use connection::{Connection, ConnectionState, Device, Role};
pub use dialling::{Dialling, Failure, Step};
pub use lines::Lines;
