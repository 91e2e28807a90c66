//! The listener: connections within limits, over TLS where that is wanted, and an orderly end.
//!
//! ```text
//!  accept ─▶ a place free? ─▶ [TLS, 10 s] ─▶ HTTP/1.1: head 30 s, 32 KiB ─▶ router
//!                                                  └─ writes: 30 s without progress end it
//!  stop ─▶ nobody comes in ─▶ answers are finished, streams ended ─▶ 2 s ─▶ cut
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
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guard::{Complaints, Tokens};
use super::patient::Patient;
use super::{App, Exchange, Feed, Limited, routes};

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a head may take, and a connection rest between two.
const HEAD: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 32 * 1_024;
/// The most fields of a head.
const MAX_FIELDS: usize = 100;
/// How long a reader may take nothing.
const SLOW_READER: Duration = Duration::from_secs(30);
/// How long what is being answered may take at a stop.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// The pause after a connection could not be taken: no more files, say.
const AFTER_FAULT: Duration = Duration::from_millis(50);

/// What gives the certificates in force when somebody connects.
pub type Tls = Arc<dyn Fn() -> Option<Arc<ServerConfig>> + Send + Sync>;

/// How it is served.
pub struct Settings {
    /// Where.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections: usize,
    /// HTTPS with these.
    pub tls: Option<Tls>,
}

/// Who has connected: an extension of each request.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerAddress(pub(super) SocketAddr);

/// The running API; stopped when dropped.
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
        let app = App {
            exchange: Limited::new(exchange),
            tokens,
            feed,
            places: places.clone(),
            stopping: stopping.clone(),
            complaints: Complaints::default(),
            ready: Default::default(),
        };
        let router = routes::router(Arc::new(app));
        let tls = settings.tls;
        let listener = Listener { listener, router, places: places.clone(), tls, stopping };
        let task = tokio::spawn(listener.run());
        Ok(Server { local, stop, places, most: settings.connections, task })
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes nobody in any more, ends streams, and waits a moment for the last answers.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let all = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = timeout(LAST_ANSWERS, self.places.acquire_many(all)).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.task.abort();
    }
}

struct Listener {
    listener: TcpListener,
    router: Router,
    places: Arc<Semaphore>,
    tls: Option<Tls>,
    stopping: watch::Receiver<bool>,
}

impl Listener {
    async fn run(self) {
        let full = Complaints::default();
        loop {
            let (stream, peer) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    if full.may_tell().is_some() {
                        tracing::error!("API: no connection can be taken: {error}");
                    }
                    tokio::time::sleep(AFTER_FAULT).await;
                    continue;
                }
            };
            let Ok(place) = self.places.clone().try_acquire_owned() else {
                if let Some(left_out) = full.may_tell() {
                    tracing::warn!(
                        "API: {peer} is turned away, and {left_out} before it: [http] connections are all in use"
                    );
                }
                continue;
            };
            let (router, tls, stopping) =
                (self.router.clone(), self.tls.clone(), self.stopping.clone());
            tokio::spawn(async move {
                serve(stream, peer, tls, router, stopping).await;
                drop(place);
            });
        }
    }
}

/// Of a connection on which nothing goes: after which time it is asked for a sign of life, how often, and how many
/// times before it is given up.
const REST: Duration = Duration::from_secs(60);
const ASK_EACH: Duration = Duration::from_secs(15);
const ASK_TIMES: u32 = 4;

/// One whose other end has gone without a word gives its place back (TCP keep-alive).
pub(super) fn notice_death(stream: &TcpStream) {
    let alive = TcpKeepalive::new().with_time(REST).with_interval(ASK_EACH).with_retries(ASK_TIMES);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&alive) {
        tracing::warn!("API: a connection is not watched for its end: {error}");
    }
}

async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    notice_death(&stream);
    let Some(tls) = tls else { return talk(stream, peer, router, stopping).await };
    let Some(config) = tls() else {
        tracing::error!("API: {peer}: there is no certificate to show");
        return;
    };
    match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, peer, router, stopping).await,
        Ok(Err(error)) => tracing::debug!("API: {peer}: TLS: {error}"),
        Err(_) => tracing::debug!("API: {peer}: TLS: no handshake within {HANDSHAKE:?}"),
    }
}

/// HTTP over a connection, until either side has enough or the stop.
async fn talk<S>(stream: S, peer: SocketAddr, router: Router, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(Patient::new(stream, SLOW_READER));
    let service = WithPeer { router: TowerToHyperService::new(router), peer: PeerAddress(peer) };
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    http.max_headers(MAX_FIELDS).max_buf_size(MAX_HEAD);
    let connection = http.serve_connection(stream, service).with_upgrades();
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
    let _ = timeout(LAST_ANSWERS, connection).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_watched_for_its_end() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        notice_death(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), REST);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), ASK_TIMES);
    }
}
