//! One request to a program of the business, by HTTP/1.1 (RFC 9112), in the clear or over TLS.
//!
//! ```text
//! connect ─▶ TLS, whom the system believes ─▶ request ─▶ status, headers, body up to a limit ─▶ closed
//! ```
//!
//! A connection serves one request: a caller's menu asks seldom, and a kept one is the first thing to be found
//! broken. Redirections are not followed, for they would take a secret elsewhere. Not here: time-outs over all and
//! tries, which are the asker's.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request as Head;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderName, HeaderValue};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::base::Url;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 64 * 1_024;

/// What is asked.
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Where.
    pub url: &'a Url,
    /// Its headers.
    pub headers: &'a [(String, String)],
    /// Its body, and what that is: `application/json`.
    pub body: Option<(&'a str, &'a [u8])>,
    /// How long the connection may take.
    pub connect: Duration,
    /// The longest body of an answer that is read, in bytes.
    pub longest: usize,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Nothing was asked: the other side knows nothing of it.
    NotAsked(String),
    /// It was asked; whether it was done is not known.
    NoAnswer(String),
    /// It was answered by more than is read.
    TooLong,
    /// It cannot be asked at all: a header that is none.
    Wrong(String),
}

/// Asks.
///
/// # Errors
/// There is no answer, or none that is read.
pub async fn ask(
    request: Request<'_>,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Response, Failure> {
    let (url, patience) = (request.url, request.connect);
    let host = url.host.trim_matches(['[', ']']).to_owned();
    let stream = timeout(patience, TcpStream::connect((host.as_str(), url.port))).await;
    let stream = stream
        .map_err(|_| Failure::NotAsked("it cannot be reached in time".into()))?
        .map_err(|error| Failure::NotAsked(error.to_string()))?;
    let Some(tls) = tls.filter(|_| url.secure) else { return over(stream, &request).await };
    let name = ServerName::try_from(host).map_err(|error| Failure::Wrong(error.to_string()))?;
    let secure = timeout(patience, TlsConnector::from(tls).connect(name, stream)).await;
    let secure = secure
        .map_err(|_| Failure::NotAsked("no TLS handshake in time".into()))?
        .map_err(|error| Failure::NotAsked(format!("TLS: {error}")))?;
    over(secure, &request).await
}

async fn over<S>(stream: S, request: &Request<'_>) -> Result<Response, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head = head(request)?;
    let no_answer = |error: hyper::Error| Failure::NoAnswer(error.to_string());
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
    let driver = tokio::spawn(async move { drop(connection.await) });
    let answered = async {
        let response = sender.send_request(head).await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), request.longest).await;
        Ok((status, body))
    };
    let answered = answered.await;
    // Whatever else it sends is for nobody.
    driver.abort();
    let (status, body) = answered?;
    match body {
        Ok(body) => Ok(Response { status, body: body.to_vec() }),
        Err(error) if is_too_long(&error) => Err(Failure::TooLong),
        Err(error) => Err(Failure::NoAnswer(error.to_string())),
    }
}

/// Whether a body was cut off for its length.
fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn head(request: &Request<'_>) -> Result<Head<Body>, Failure> {
    let wrong = |what: String| Failure::Wrong(what);
    let mut head = Head::builder()
        .method(request.method)
        .uri(&request.url.path)
        .header(HOST, host(request.url))
        .header(CONNECTION, "close")
        .header(USER_AGENT, concat!("Belfry/", env!("CARGO_PKG_VERSION")));
    if let Some((media_type, _)) = request.body {
        head = head.header(CONTENT_TYPE, media_type);
    }
    for (name, value) in request.headers {
        let known = HeaderName::from_bytes(name.as_bytes());
        let known = known.map_err(|_| wrong(format!("'{name}' is no name of a header")))?;
        let value = HeaderValue::from_bytes(value.as_bytes());
        head = head.header(known, value.map_err(|_| wrong(format!("the header {name} is none")))?);
    }
    let body = request.body.map_or(Body::empty(), |(_, body)| Body::from(body.to_vec()));
    head.body(body).map_err(|error| wrong(error.to_string()))
}

/// The field `Host`: with the port, where that is not the scheme's own (RFC 9110 §7.2).
fn host(url: &Url) -> String {
    let usual = if url.secure { 443 } else { 80 };
    match url.port == usual {
        true => url.host.clone(),
        false => format!("{}:{}", url.host, url.port),
    }
}
