//! The simulator: whole calls in virtual time, over a network that loses, delays, reorders and
//! doubles datagrams by a seed, with phones and gateways that are as dumb or as hostile as wanted.
//!
//! ```text
//!  Phone ─┐                                  ┌─ switch::Switch
//!  Phone ─┼── Network (loss, delay, order) ──┤     │ commands, events
//!  Phone ─┘                                  └─ media::Plane
//! ```
//!
//! The phones serve the demo and the tests on real sockets too ([`live`]): they are judges of what
//! comes out of Belfry, so their ears share no code with its media plane.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "live drives phones over real sockets, by the real clock"
)]

mod browser;
pub mod gateway;
pub mod live;
pub mod network;
pub mod phone;
pub mod recorder;
pub mod unit;
pub mod voice;
pub mod world;
