//! Floor 3: agents and queues (R2, R16, R18, R19): who may be called now, who waits, who is given to whom.
//!
//! ```text
//!   sign-in, ready, break … ─▶ agent ─┐ ready              offer ─▶ the agent's phone rings
//!                                     ▼                      ▲
//!                              assign: lines of ready agents │ by queue and region
//!                                      bins of waiting callers  by queue, region, agent
//!                                     ▲                      │
//!   callers ─▶ queue: may it join? ───┘ waits       events ──┴─▶ the journal
//! ```
//!
//! [`Centre`] owns all of it: each input changes one agent or one caller, what follows is settled at
//! once, and what is to be done or told comes out of [`Centre::poll`]. Nobody is stuck by
//! construction: a reservation, after-call work and a wait each end by themselves at a named time,
//! and a caller is offered to an agent if and only if that agent's state says so.
//!
//! Knows no phone's signalling, no audio, no dialplan and no time zone: the driver tells the civil time ([`hours`]).

pub mod agent;
pub mod asking;
pub mod assign;
pub mod back;
pub mod callers;
pub mod campaign;
pub mod campaign_file;
pub mod centre;
pub mod estimate;
pub mod event;
pub mod hours;
pub mod pin;
pub mod quality;
pub mod queue;
pub mod served;
pub mod strategy;
#[cfg(test)]
mod tests;
pub mod view;
pub mod wrap_up;

pub use agent::{Agent, AgentId};
pub use back::NoCallBack;
pub use centre::{Action, Centre, House, Person};
pub use event::{Event, What};
pub use pin::Pin;
pub use queue::{Entry, QueueId};
pub use strategy::Strategy;
pub use view::{AgentView, QueueView};
pub use wrap_up::{NoWrapUp, Said};
