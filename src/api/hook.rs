//! Web hooks: events sent to a program, each by a POST, in their order, again until it has them.
//!
//! ```text
//!  Feed ─▶ Reader ─▶ POST ─┬─ 2xx ─▶ the cursor goes on, and is kept in a file ─▶ the next
//!                          └─ else ─▶ again after 1, 2, 4 … 60 s, until `retry_for` is over
//! ```
//!
//! At least once: what was delivered just before a crash may come again, with the same `Belfry-Delivery`.
//! Nothing waits in memory but a batch: what is not delivered yet is in the records.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::events::feed::Reader;
use super::events::{Event, Feed, Filter};

/// How long a connection, and an answer, may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// The first and the longest pause before a try.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often the place is kept while nothing is to be sent.
const KEEP_EACH: Duration = Duration::from_secs(30);
/// The longest body of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1_024;

/// A web hook.
pub struct Hook {
    /// Its name.
    pub name: String,
    /// Over TLS with this; none: in the clear.
    pub tls: Option<Arc<ClientConfig>>,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its path.
    pub path: String,
    /// What requests are signed with.
    pub secret: Option<String>,
    /// Which events it gets.
    pub filter: Filter,
    /// For how long one is tried.
    pub retry_for: Duration,
    /// The file that keeps up to where it has had them.
    pub place: PathBuf,
}

/// Sends events for as long as it runs.
pub async fn run(hook: Hook, feed: Feed) {
    let mut place = read_place(&hook).await;
    if place.is_none() {
        place = Some(feed.last());
        keep_place(&hook, feed.last()).await;
    }
    let mut connection = None;
    loop {
        let mut reader = match feed.reader(place, hook.filter.clone()) {
            Some(reader) => reader,
            None => {
                tracing::error!(
                    "web hook {}: its place lies beyond the journal: it begins now",
                    hook.name
                );
                place = Some(feed.last());
                continue;
            }
        };
        while let Ok(next) = deliver_next(&hook, &mut reader, &mut connection).await {
            if let Some(seq) = next {
                place = Some(seq);
                keep_place(&hook, seq).await;
            }
        }
        place = place.or(Some(reader.cursor()));
        sleep(PAUSE.0).await;
    }
}

/// Sends the next batch; up to where all was sent. An error: the reader cannot go on.
async fn deliver_next(
    hook: &Hook,
    reader: &mut Reader,
    connection: &mut Option<SendRequest<Body>>,
) -> Result<Option<u64>, ()> {
    let before = reader.cursor();
    let events = match timeout(KEEP_EACH, reader.next()).await {
        Ok(Ok(events)) => events,
        Ok(Err(_)) => return Err(()),
        Err(_) if reader.cursor() == before => return Ok(None),
        Err(_) => return Ok(Some(reader.cursor())),
    };
    for event in &events {
        deliver(hook, event, connection).await;
        keep_place(hook, event.seq).await;
    }
    Ok(Some(reader.cursor()))
}

/// Sends one event until it is taken, or its time is over.
async fn deliver(hook: &Hook, event: &Event, connection: &mut Option<SendRequest<Body>>) {
    let body = serde_json::to_string(event).unwrap_or_default();
    let (began, mut pause, mut told) = (Instant::now(), PAUSE.0, false);
    loop {
        let why = match timeout(ANSWER, send(hook, event.seq, &body, connection)).await {
            Ok(Ok(status)) if (200..300).contains(&status) => {
                if told {
                    tracing::info!("web hook {}: it takes events again", hook.name);
                }
                return;
            }
            Ok(Ok(status)) => format!("it answers {status}"),
            Ok(Err(why)) => why,
            Err(_) => "it does not answer".to_owned(),
        };
        *connection = None;
        if began.elapsed() + pause > hook.retry_for {
            let (name, seq) = (&hook.name, event.seq);
            tracing::error!("web hook {name}: event {seq} was not taken ({why}) and is left out");
            return;
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("web hook {}: {why}; events wait", hook.name);
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

async fn send(
    hook: &Hook,
    seq: u64,
    body: &str,
    connection: &mut Option<SendRequest<Body>>,
) -> Result<u16, String> {
    let mut sender = match connection.take() {
        Some(kept) if !kept.is_closed() => kept,
        _ => connect(hook).await?,
    };
    sender.ready().await.map_err(|e| e.to_string())?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut request = Request::post(&hook.path)
        .header(HOST, host(hook))
        .header(USER_AGENT, concat!("Belfry/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header("Belfry-Delivery", format!("{}-{seq}", hook.name));
    if let Some(secret) = &hook.secret {
        request = request.header("Belfry-Signature", signature(secret, now.as_secs(), body));
    }
    let request = request.body(Body::from(body.to_owned())).map_err(|e| e.to_string())?;
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let status = response.status().as_u16();
    // Read to its end, so that the connection can be used again.
    if to_bytes(Body::new(response.into_body()), MAX_ANSWER).await.is_ok() {
        *connection = Some(sender);
    }
    Ok(status)
}

/// The field `Host`: with the port, where that is not the scheme's own (RFC 9110 §7.2).
fn host(hook: &Hook) -> String {
    let usual = if hook.tls.is_some() { 443 } else { 80 };
    match hook.port == usual {
        true => hook.host.clone(),
        false => format!("{}:{}", hook.host, hook.port),
    }
}

/// `t=…,v1=…`: the HMAC-SHA256 of the time, a dot and the body.
pub fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

async fn connect(hook: &Hook) -> Result<SendRequest<Body>, String> {
    let host = hook.host.trim_matches(['[', ']']).to_owned();
    let stream = timeout(CONNECT, TcpStream::connect((host.as_str(), hook.port))).await;
    let stream = stream.map_err(|_| "it cannot be reached in time")?.map_err(|e| e.to_string())?;
    let Some(tls) = &hook.tls else { return shake_hands(stream).await };
    let name = ServerName::try_from(host).map_err(|e| e.to_string())?;
    let secure = timeout(CONNECT, TlsConnector::from(tls.clone()).connect(name, stream)).await;
    let secure =
        secure.map_err(|_| "no TLS handshake in time")?.map_err(|e| format!("TLS: {e}"))?;
    shake_hands(secure).await
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

async fn read_place(hook: &Hook) -> Option<u64> {
    let text = tokio::fs::read_to_string(&hook.place).await.ok()?;
    text.trim().parse().ok()
}

/// By a new file in the place of the old one: there is a whole one at any time.
async fn keep_place(hook: &Hook, seq: u64) {
    let new = hook.place.with_extension("new");
    let kept = async {
        tokio::fs::write(&new, format!("{seq}\n")).await?;
        tokio::fs::rename(&new, &hook.place).await
    };
    if let Err(error) = kept.await {
        tracing::error!("web hook {}: {}: {error}", hook.name, hook.place.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_said_with_its_port() {
        let hook = |host: &str, port| Hook {
            name: "crm".into(),
            tls: None,
            host: host.into(),
            port,
            path: "/".into(),
            secret: None,
            filter: Filter::default(),
            retry_for: Duration::from_secs(1),
            place: PathBuf::new(),
        };
        assert_eq!(host(&hook("crm.example", 80)), "crm.example");
        assert_eq!(host(&hook("crm.example", 8_443)), "crm.example:8443");
        assert_eq!(host(&hook("[::1]", 443)), "[::1]:443");
    }

    #[test]
    fn the_signature_is_hmac_sha_256_of_time_and_body() {
        // By `printf '1.{}' | openssl dgst -sha256 -hmac Jefe`.
        let wanted = "t=1,v1=dc7943cccf20f64327d263db5e2aca27c2b8175e8e6e7ea04f482091bf456b0f";
        let signed = signature("Jefe", 1, "{}");
        assert_eq!(signed, wanted);
        assert_ne!(signed, signature("Jefe", 2, "{}"), "the time is signed too");
        assert_ne!(signed, signature("jefe", 1, "{}"));
    }
}
