//! CSTA phase III in XML over TCP (ECMA-323): the same services and events as over HTTP, for what knows CSTA
//! already.
//!
//! ```text
//!  connect ─▶ StartApplicationSession: a token ─▶ requests ─▶ the same orders as HTTP's
//!                                             └─▶ MonitorStart ─▶ events, invoke id 9999
//! ```
//!
//! Framing and elements are `wire::csta`'s. A session has one place in the feed and any number of monitors on
//! it, up to a limit.

mod errors;
mod session;
mod told;

use std::io;
use std::sync::Arc;

use tokio::sync::watch;

use super::door::{Door, Frame, Name, Settings};
use super::guard::Complaints;
use super::{Exchange, Feed, Limited, Tokens};

/// The namespace of edition 3 of the schema.
pub const NAMESPACE: &str = "http://www.ecma-international.org/standards/ecma-323/csta/ed3";

/// What all sessions share.
#[derive(Clone)]
pub(super) struct Shared {
    exchange: Arc<dyn Exchange>,
    tokens: Tokens,
    feed: Feed,
    stopping: watch::Receiver<bool>,
    complaints: Arc<Complaints>,
}

/// Opens it. Must be called within a tokio runtime.
pub fn open(
    settings: Settings,
    exchange: Arc<dyn Exchange>,
    tokens: Tokens,
    feed: Feed,
) -> io::Result<Door> {
    let frame = Frame::new(settings.connections);
    let (exchange, stopping) = (Limited::new(exchange), frame.stopping());
    let shared = Shared { exchange, tokens, feed, stopping, complaints: Arc::default() };
    let name = Name { what: "CSTA", section: "[csta]" };
    Door::open(name, settings, frame, move |stream, peer| {
        let shared = shared.clone();
        async move {
            if let Err(why) = session::run(stream, peer, shared).await {
                tracing::debug!("CSTA: {peer}: {why}");
            }
        }
    })
}
