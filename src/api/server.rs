//! HTTP/1.1 behind its [`Door`].
//!
//! ```text
//!  door ─▶ head 30 s, 32 KiB ─▶ router
//!  stop ─▶ answers are finished, streams ended
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::time::timeout;

use super::door::{Door, Frame, LAST, Name, Settings, Stream};
use super::guard::{Refusals, Tokens};
use super::{App, Exchange, Feed, Limited, routes};

/// How long a head may take, and a connection rest between two.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1_024;
/// The most fields of a head.
const MAX_FIELDS: usize = 100;

/// Who has connected: an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerAddress(pub(super) SocketAddr);

/// Opens the API over HTTP. Must be called within a tokio runtime.
pub fn open(
    settings: Settings,
    exchange: Arc<dyn Exchange>,
    tokens: Tokens,
    feed: Feed,
) -> io::Result<Door> {
    let frame = Frame::new(settings.connections);
    let stopping = frame.stopping();
    let app = App {
        exchange: Limited::new(exchange),
        tokens,
        feed,
        places: frame.places.clone(),
        stopping: stopping.clone(),
        refusals: Refusals::default(),
        ready: Default::default(),
    };
    let router = routes::router(Arc::new(app));
    let name = Name { what: "API", section: "[http]" };
    Door::open(name, settings, frame, move |stream, peer| {
        talk(stream, peer, router.clone(), stopping.clone())
    })
}

/// HTTP over a connection, until either side has enough or the stop.
async fn talk(
    stream: Stream,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let service = WithPeer { router: TowerToHyperService::new(router), peer: PeerAddress(peer) };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!("API: {peer}: {error}");
            }
            return;
        }
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST, connection).await;
}

/// The router, which is told who asks.
struct WithPeer {
    router: TowerToHyperService<Router>,
    peer: PeerAddress,
}

impl Service<hyper::Request<Incoming>> for WithPeer {
    type Response = hyper::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = <TowerToHyperService<Router> as Service<hyper::Request<Incoming>>>::Future;

    fn call(&self, mut request: hyper::Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}
