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

mod session;
mod told;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guard::Complaints;
use super::patient::Patient;
use super::server::notice_death;
use super::{Exchange, Feed, Limited, Settings, Tokens};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a reader may take nothing.
const SLOW_READER: Duration = Duration::from_secs(30);
/// How long sessions may take to end at a stop.
const LAST: Duration = Duration::from_secs(2);

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

/// The running door; closed when dropped.
pub struct Server {
    local: SocketAddr,
    stop: watch::Sender<bool>,
    places: Arc<Semaphore>,
    most: usize,
    task: JoinHandle<()>,
}

impl Server {
    /// Opens the listener. Must be called within a tokio runtime.
    pub fn start(
        settings: Settings,
        exchange: Arc<dyn Exchange>,
        tokens: Tokens,
        feed: Feed,
    ) -> io::Result<Server> {
        let listener = std::net::TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let places = Arc::new(Semaphore::new(settings.connections));
        let exchange = Limited::new(exchange);
        let shared = Shared { exchange, tokens, feed, stopping, complaints: Arc::default() };
        let (most, free) = (settings.connections, places.clone());
        let task = tokio::spawn(accept(listener, settings, free, shared));
        Ok(Server { local, stop, places, most, task })
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes nobody in any more and ends sessions.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = timeout(LAST, self.places.acquire_many(all)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, settings: Settings, places: Arc<Semaphore>, shared: Shared) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            if shared.complaints.may_tell().is_some() {
                tracing::warn!("CSTA: {peer} is turned away: [csta] connections are all in use");
            }
            continue;
        };
        let (shared, tls) = (shared.clone(), settings.tls.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            notice_death(&stream);
            match tls.as_ref().map(|tls| tls()) {
                None => talk(stream, peer, shared).await,
                Some(None) => tracing::error!("CSTA: {peer}: there is no certificate to show"),
                Some(Some(config)) => {
                    let shaken = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await;
                    if let Ok(Ok(stream)) = shaken {
                        talk(stream, peer, shared).await;
                    }
                }
            }
            drop(place);
        });
    }
}

async fn talk<S>(stream: S, peer: SocketAddr, shared: Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if let Err(why) = session::run(Patient::new(stream, SLOW_READER), peer, shared).await {
        tracing::debug!("CSTA: {peer}: {why}");
    }
}
