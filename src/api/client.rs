//! Belfry as a client of HTTP: one connection to a peer, kept while it is good.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{Request, request};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// The longest body of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;

/// Whom requests go to.
pub struct Peer {
    /// Over TLS with this; none: in the clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path.
    pub path: String,
}

/// A connection, where one is kept.
pub(super) type Kept = Option<SendRequest<Body>>;

impl Peer {
    /// A POST of JSON, to which fields may be added.
    pub(super) fn post(&self) -> request::Builder {
        Request::post(&self.path)
            .header(HOST, self.authority())
            .header(USER_AGENT, concat!("Belfry/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json")
    }

    /// Sends it by the connection that is kept, else by a new one; the status of the answer.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
        connection: &mut Kept,
    ) -> Result<u16, String> {
        let mut sender = match connection.take() {
            Some(kept) if !kept.is_closed() => kept,
            _ => self.connect().await?,
        };
        sender.ready().await.map_err(|e| e.to_string())?;
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        // Read to its end, so that the connection can be used again.
        if to_bytes(Body::new(response.into_body()), MAX_ANSWER).await.is_ok() {
            *connection = Some(sender);
        }
        Ok(status)
    }

    /// The field `Host`: with the port, where that is not the scheme's own (RFC 9110 §7.2).
    fn authority(&self) -> String {
        let usual = if self.tls.is_some() { 443 } else { 80 };
        match self.port == usual {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    async fn connect(&self) -> Result<SendRequest<Body>, String> {
        let host = self.host.trim_matches(['[', ']']).to_owned();
        let stream = timeout(CONNECT, TcpStream::connect((host.as_str(), self.port))).await;
        let stream =
            stream.map_err(|_| "it cannot be reached in time")?.map_err(|e| e.to_string())?;
        let Some(tls) = &self.tls else { return shake_hands(stream).await };
        let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
        let secure = timeout(CONNECT, TlsConnector::from(tls.clone()).connect(name, stream)).await;
        let secure =
            secure.map_err(|_| "no TLS handshake in time")?.map_err(|e| format!("TLS: {e}"))?;
        shake_hands(secure).await
    }
}

async fn shake_hands<S>(stream: S) -> Result<SendRequest<Body>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| e.to_string())?;
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_said_with_its_port() {
        let authority = |host: &str, port| {
            Peer { tls: None, host: host.into(), port, path: "/".into() }.authority()
        };
        assert_eq!(authority("crm.example", 80), "crm.example");
        assert_eq!(authority("crm.example", 8_443), "crm.example:8443");
        assert_eq!(authority("[::1]", 443), "[::1]:443");
    }
}
