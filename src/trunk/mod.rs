//! Floor 3: gateways (R1): whose address is this, is it up, has it a channel left, which is tried next.
//!
//! ```text
//!  group      pstn = e1-a, e1-b …  ──▶ overflow   which next, after which failure
//!                                        │
//!  gateways   by name, by address  ◀─────┘
//!    gateway    channels, in service?
//!      health     does it answer?
//!      hops       the places that its name stands for
//!      registration  where it wants us to register
//!  names      which names are looked up, and when
//!  e164       one form for the many of a number
//! ```

pub mod e164;
pub mod gateway;
pub mod gateways;
pub mod group;
pub mod health;
pub mod hops;
pub mod names;
pub mod overflow;
pub mod registration;

pub use e164::Numbering;
pub use gateway::{Duty, Gateway, NoChannel, Terms};
pub use gateways::Gateways;
pub use group::{Choice, Trunk, urgent_order};
pub use health::{Health, Ping, Turn, Watch};
pub use hops::Hops;
pub use names::{Known, Names, News};
pub use overflow::{Overflow, SentOn, Try};
pub use registration::Registration;
