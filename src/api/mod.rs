//! Floor 5: the API for programs, over HTTP (R9).
//!
//! ```text
//!  door: limits, TLS ─▶ server: HTTP ─▶ routes: the table ─▶ guard: token, roles ─▶ handler ─▶ Exchange
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

mod audit;
pub mod body;
pub mod campaigns;
pub mod cases;
pub mod client;
mod csta;
mod door;
pub mod events;
pub mod forms;
mod guard;
mod health;
pub mod hook;
mod metrics;
pub mod openapi;
mod patient;
mod problem;
pub mod quality;
pub mod reports;
pub mod routes;
mod server;
pub mod spans;
pub mod subscribers;
pub mod surveys;
#[cfg(test)]
mod tests;
pub mod xml;

use std::pin::Pin;
use std::sync::Arc;

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Semaphore, watch};
use tokio::time::timeout;

use crate::switch::{Reply, Request, cti};

pub use door::{Door, Settings, Tls};
pub use events::Feed;
pub use guard::{Caller, Pass, Tokens};
pub use problem::Problem;
pub use server::open;

/// An answer to come; `None`: the exchange is overloaded or about to stop.
pub type Answer = Pin<Box<dyn Future<Output = Option<Reply>> + Send>>;

/// All figures as a text to come; `None`: they cannot be had.
pub type Figures = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// What is told of surveys, to come.
pub type Told = Pin<Box<dyn Future<Output = Result<serde_json::Value, Problem>> + Send>>;

/// The running exchange, as the API sees it.
pub trait Exchange: Send + Sync + 'static {
    /// Asks or orders something.
    fn ask(&self, request: Request) -> Answer;
    /// All figures, in Prometheus' text format.
    fn metrics(self: Arc<Self>) -> Figures {
        Box::pin(async { None })
    }
    /// Something about surveys.
    fn surveys(self: Arc<Self>, _: surveys::Wanted) -> Told {
        Box::pin(async { Err(Problem::unavailable("there are no records here")) })
    }
    /// A score form is designed or taken away.
    fn forms(self: Arc<Self>, _: forms::Wanted) -> Told {
        Box::pin(async { Err(Problem::unavailable("there is no configuration here")) })
    }
    /// Something about outbound campaigns that the records have.
    fn campaigns(self: Arc<Self>, _: campaigns::Wanted) -> Told {
        Box::pin(async { Err(Problem::unavailable("there are no records here")) })
    }
    /// Something about the care line's subscribers.
    fn subscribers(self: Arc<Self>, _: subscribers::Wanted) -> Told {
        Box::pin(async { Err(Problem::unavailable("there are no records here")) })
    }
    /// What is kept of talks; `None`: nothing can be asked of it here.
    fn library(&self) -> Option<Arc<dyn quality::Library>> {
        None
    }
    /// The reports that are kept; `None`: nothing can be asked of them here.
    fn reports(&self) -> Option<Arc<dyn reports::Reports>> {
        None
    }
    /// The records of cases; `None`: nothing can be asked of them here.
    fn archive(&self) -> Option<Arc<dyn cases::Archive>> {
        None
    }
}

/// Questions that the exchange has from one door at once, and how long a further one waits for its turn.
const ASKED_AT_ONCE: usize = 8;
const TURN: Duration = Duration::from_secs(5);
/// How long it is believed that Belfry takes calls, or none: anybody may ask that.
const BELIEVED: Duration = Duration::from_secs(1);

/// An exchange that is not asked too much at once: calls come first.
struct Limited {
    exchange: Arc<dyn Exchange>,
    turns: Arc<Semaphore>,
}

impl Limited {
    fn new(exchange: Arc<dyn Exchange>) -> Arc<Limited> {
        Arc::new(Limited { exchange, turns: Arc::new(Semaphore::new(ASKED_AT_ONCE)) })
    }
}

impl Exchange for Limited {
    fn ask(&self, request: Request) -> Answer {
        // A phone is waited for: that takes the exchange no time, and would take the others their turn.
        if matches!(request, Request::Cti(_, cti::Order::Desk { .. })) {
            return self.exchange.ask(request);
        }
        let (exchange, turns) = (self.exchange.clone(), self.turns.clone());
        Box::pin(async move {
            let _turn = timeout(TURN, turns.acquire_owned()).await.ok()?.ok()?;
            exchange.ask(request).await
        })
    }

    fn metrics(self: Arc<Self>) -> Figures {
        self.exchange.clone().metrics()
    }

    fn surveys(self: Arc<Self>, wanted: surveys::Wanted) -> Told {
        let (exchange, turns) = (self.exchange.clone(), self.turns.clone());
        Box::pin(async move {
            let turn = timeout(TURN, turns.acquire_owned()).await;
            let Ok(Ok(_turn)) = turn else {
                return Err(Problem::unavailable("too much is asked at once"));
            };
            exchange.surveys(wanted).await
        })
    }

    fn forms(self: Arc<Self>, wanted: forms::Wanted) -> Told {
        let (exchange, turns) = (self.exchange.clone(), self.turns.clone());
        Box::pin(async move {
            let turn = timeout(TURN, turns.acquire_owned()).await;
            let Ok(Ok(_turn)) = turn else {
                return Err(Problem::unavailable("too much is asked at once"));
            };
            exchange.forms(wanted).await
        })
    }

    fn campaigns(self: Arc<Self>, wanted: campaigns::Wanted) -> Told {
        let (exchange, turns) = (self.exchange.clone(), self.turns.clone());
        Box::pin(async move {
            let turn = timeout(TURN, turns.acquire_owned()).await;
            let Ok(Ok(_turn)) = turn else {
                return Err(Problem::unavailable("too much is asked at once"));
            };
            exchange.campaigns(wanted).await
        })
    }

    fn subscribers(self: Arc<Self>, wanted: subscribers::Wanted) -> Told {
        let (exchange, turns) = (self.exchange.clone(), self.turns.clone());
        Box::pin(async move {
            let turn = timeout(TURN, turns.acquire_owned()).await;
            let Ok(Ok(_turn)) = turn else {
                return Err(Problem::unavailable("too much is asked at once"));
            };
            exchange.subscribers(wanted).await
        })
    }

    fn library(&self) -> Option<Arc<dyn quality::Library>> {
        self.exchange.library()
    }

    fn archive(&self) -> Option<Arc<dyn cases::Archive>> {
        self.exchange.archive()
    }

    fn reports(&self) -> Option<Arc<dyn reports::Reports>> {
        self.exchange.reports()
    }
}

/// Whether calls are taken, or why not, as it was said then.
type Ready = Option<(Instant, Option<String>)>;

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
    refusals: guard::Refusals,
    ready: Mutex<Ready>,
}

impl App {
    /// Why no calls are taken; `None`: they are. It is asked anew after a second.
    pub(super) async fn refusing(&self) -> Option<String> {
        let mut ready = self.ready.lock().await;
        if let Some((_, why)) = ready.as_ref().filter(|(at, _)| at.elapsed() < BELIEVED) {
            return why.clone();
        }
        let why = match self.exchange.ask(Request::Status).await {
            Some(Reply::Status(status)) => status.refusing,
            _ => Some("the exchange does not say how it is".to_owned()),
        };
        *ready = Some((Instant::now(), why.clone()));
        why
    }

    /// Asks the exchange; that it does not answer is a problem.
    pub async fn ask(&self, request: Request) -> Result<Reply, Problem> {
        self.exchange.ask(request).await.ok_or_else(|| {
            Problem::unavailable("the exchange does not answer: it is overloaded or about to stop")
        })
    }
}
