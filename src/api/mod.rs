//! Floor 5: the API for programs, over HTTP (R9).
//!
//! ```text
//!  listener ─▶ server: limits, TLS ─▶ routes: the table ─▶ guard: token, roles ─▶ handler ─▶ Exchange
//!                                          └─▶ openapi: the same table as a document
//! ```
//!
//! Each file of handlers has a `routes()`; [`routes::all`] names them, a line each. What may be asked stands in
//! the switch's plain types; what a token may, in `access::rights`; here is only how that looks over HTTP.
//! Errors are `application/problem+json` (RFC 9457), all of them.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this floor owns the API's sockets and what its connections share"
)]

pub mod body;
mod csta;
pub mod events;
mod guard;
mod health;
pub mod hook;
mod metrics;
pub mod openapi;
mod patient;
mod problem;
pub mod routes;
mod server;
#[cfg(test)]
mod tests;
pub mod xml;

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use crate::switch::{Reply, Request};

pub use events::Feed;
pub use guard::{Caller, Tokens};
pub use problem::Problem;
pub use server::{Server, Settings, Tls};

/// An answer to come; `None`: the exchange is overloaded or about to stop.
pub type Answer = Pin<Box<dyn Future<Output = Option<Reply>> + Send>>;

/// All figures as a text to come; `None`: they cannot be had.
pub type Figures = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// The running exchange, as the API sees it.
pub trait Exchange: Send + Sync + 'static {
    /// Asks or orders something.
    fn ask(&self, request: Request) -> Answer;
    /// All figures, in Prometheus' text format.
    fn metrics(self: Arc<Self>) -> Figures {
        Box::pin(async { None })
    }
}

/// What all handlers share.
pub struct App {
    /// The exchange.
    pub exchange: Arc<dyn Exchange>,
    /// Who may ask.
    pub tokens: Tokens,
    /// What happens.
    pub feed: Feed,
    /// Connections that may still be had: a WebSocket has one of its own.
    places: Arc<Semaphore>,
    /// Becomes true when Belfry stops: streams end then.
    pub stopping: watch::Receiver<bool>,
    complaints: guard::Complaints,
}

impl App {
    /// Asks the exchange; that it does not answer is a problem.
    pub async fn ask(&self, request: Request) -> Result<Reply, Problem> {
        self.exchange.ask(request).await.ok_or_else(|| {
            Problem::unavailable("the exchange does not answer: it is overloaded or about to stop")
        })
    }
}
