//! Floor 2: SIP as machines (RFC 3261 and what corrects it), without socket, clock or thread.
//!
//! ```text
//!   wire::sip::Message + Flow
//!        │ receive                          ▲ Action::Send
//!        v                                  │
//!   agent/           checks of §8.2, dispatch by kind of input
//!   invite/          calls: §13 to §15, offer and answer; refer; subscription (RFC 6665)
//!   dialog           §12
//!   transactions/    which transaction is it (§17.1.3, §17.2.3); timers
//!   transaction/     the four machines of §17
//!        │ Action::Event                    ▲ command
//!        v                                  │
//!   switch
//! ```
//!
//! Beside the agent stand the [`registrar`] (§10), [`digest`] (§22) and [`locate`] (RFC 3263), which the switch
//! asks itself.

use crate::base::hash;

pub mod agent;
pub mod caller_id;
pub mod command;
mod compose;
mod core;
pub mod dialog;
pub mod digest;
pub mod event;
#[cfg(any(test, feature = "sim"))]
pub mod exercise;
pub mod flow;
pub mod invite;
pub mod locate;
mod out;
mod reason;
pub mod refer;
pub mod registrar;
pub mod scanner;
pub mod subscription;
pub mod timers;
pub mod token;
pub mod transaction;
pub mod transactions;

pub use agent::{Action, Agent, AgentConfig, Counts, Limits, Named, Stats};
pub use command::{Body, By, ClientTxn, Command, CommandError, Hand, Headers};
pub use compose::{ALLOW, abilities, reached_by};
pub use digest::Credentials;
pub use event::{End, Event, OfferKind, SessionId};
pub use flow::{Flow, Transport};
pub use invite::offer::described;
pub use invite::refresh::SessionTimer;
pub use invite::reliable::Prack;
pub use registrar::{Binding, Registrar, RegistrarConfig};
pub use subscription::SubscriptionId;
pub use timers::WakeReason;
pub use transactions::TxnId;

#[cfg(test)]
mod tests;
