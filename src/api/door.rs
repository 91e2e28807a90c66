//! A listener: connections within limits, over TLS where that is wanted, and an orderly end. HTTP and CSTA in XML
//! have one each.
//!
//! ```text
//!  accept ─▶ a place free? ─▶ [TLS, 10 s] ─▶ the guest is served; writes: 30 s without progress end it
//!  stop ─▶ nobody comes in ─▶ guests are told ─▶ 2 s ─▶ cut
//! ```

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guard::Complaints;
use super::patient::Patient;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a reader may take nothing.
const SLOW_READER: Duration = Duration::from_secs(30);
/// How long guests may take to end at a stop.
pub(super) const LAST: Duration = Duration::from_secs(2);
/// The pause after a connection could not be taken: no more files, say.
const AFTER_FAULT: Duration = Duration::from_millis(50);
/// Of a connection on which nothing goes: after which time it is asked for a sign of life, how often, and how many
/// times before it is given up.
const REST: Duration = Duration::from_secs(60);
const ASK_EACH: Duration = Duration::from_secs(15);
const ASK_TIMES: u32 = 4;

/// What gives the certificates in force when somebody connects.
pub type Tls = Arc<dyn Fn() -> Option<Arc<ServerConfig>> + Send + Sync>;

/// How a door is kept.
pub struct Settings {
    /// Where.
    pub listen: SocketAddr,
    /// Connections at once.
    pub connections: usize,
    /// TLS with these.
    pub tls: Option<Tls>,
}

/// What the log calls a door, and where its settings stand.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) what: &'static str,
    pub(super) section: &'static str,
}

/// A connection, plain or over TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// A connection whose reader has only so long.
pub(super) type Stream = Patient<Box<dyn Wire>>;

/// What the guests of a door share.
#[derive(Clone)]
pub(super) struct Frame {
    /// Free places; streams that outlive their request hold one.
    pub(super) places: Arc<Semaphore>,
    stop: Arc<watch::Sender<bool>>,
    most: usize,
}

impl Frame {
    pub(super) fn new(connections: usize) -> Frame {
        let places = Arc::new(Semaphore::new(connections));
        Frame { places, stop: Arc::new(watch::Sender::new(false)), most: connections }
    }

    /// Tells when it is to stop.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}

/// A door that is open; closed when dropped.
pub struct Door {
    local: SocketAddr,
    frame: Frame,
    task: JoinHandle<()>,
}

impl Door {
    /// Opens the listener; each guest is served by `serve`. Must be called within a tokio runtime.
    pub(super) fn open<F, T>(
        name: Name,
        settings: Settings,
        frame: Frame,
        serve: F,
    ) -> io::Result<Door>
    where
        F: Fn(Stream, SocketAddr) -> T + Clone + Send + Sync + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let local = listener.local_addr()?;
        let places = frame.places.clone();
        let task = tokio::spawn(accept(name, listener, settings.tls, places, serve));
        Ok(Door { local, frame, task })
    }

    /// Where it is.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Takes nobody in any more, has guests end, and waits a moment for them.
    pub async fn stop(self) {
        self.frame.stop.send_replace(true);
        let all = u32::try_from(self.frame.most).unwrap_or(u32::MAX);
        let _ = timeout(LAST, self.frame.places.acquire_many(all)).await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.frame.stop.send_replace(true);
        self.task.abort();
    }
}

async fn accept<F, T>(
    name: Name,
    listener: TcpListener,
    tls: Option<Tls>,
    places: Arc<Semaphore>,
    serve: F,
) where
    F: Fn(Stream, SocketAddr) -> T + Clone + Send + Sync + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let Name { what, section } = name;
    let full = Complaints::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if full.may_tell().is_some() {
                    tracing::error!("{what}: no connection can be taken: {error}");
                }
                tokio::time::sleep(AFTER_FAULT).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            if let Some(left_out) = full.may_tell() {
                tracing::warn!(
                    "{what}: {peer} is turned away, and {left_out} before it: {section} connections are all in use"
                );
            }
            continue;
        };
        let (serve, tls) = (serve.clone(), tls.clone());
        tokio::spawn(async move {
            if let Some(stream) = wire(what, stream, peer, tls).await {
                serve(Patient::new(stream, SLOW_READER), peer).await;
            }
            drop(place);
        });
    }
}

/// The connection as it is to be used; `None`: TLS did not come about.
async fn wire(
    what: &str,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
) -> Option<Box<dyn Wire>> {
    let _ = stream.set_nodelay(true);
    if let Err(error) = notice_death(&stream) {
        tracing::warn!("{what}: a connection is not watched for its end: {error}");
    }
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    let Some(config) = tls() else {
        tracing::error!("{what}: {peer}: there is no certificate to show");
        return None;
    };
    match timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => tracing::debug!("{what}: {peer}: TLS: {error}"),
        Err(_) => tracing::debug!("{what}: {peer}: TLS: no handshake within {HANDSHAKE:?}"),
    }
    None
}

/// One whose other end has gone without a word gives its place back (TCP keep-alive).
fn notice_death(stream: &TcpStream) -> io::Result<()> {
    let alive = TcpKeepalive::new().with_time(REST).with_interval(ASK_EACH).with_retries(ASK_TIMES);
    SockRef::from(stream).set_tcp_keepalive(&alive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_watched_for_its_end() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        notice_death(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), REST);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), ASK_TIMES);
    }
}
