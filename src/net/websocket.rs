//! SIP over WebSocket (RFC 7118): what browsers speak.
//!
//! ```text
//!  GET … Upgrade: websocket, Sec-WebSocket-Protocol: sip ─▶ 101 with `sip`, or 400, or 403
//!  text or binary message ─▶ one SIP message, whose end needs no Content-Length
//!  ping ─▶ pong;  CRLF CRLF ─▶ CRLF (RFC 7118 §6)
//! ```
//!
//! A page of any web site can open a WebSocket from the browser of whoever looks at it; what it then
//! says still needs a phone's password. `[sip] web_origins` keeps such pages out altogether.
//!
//! Not here: TLS, which lies below (`tls`); what the message means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::Inbound;
use super::connection::{FIRST_MESSAGE, Queued, WHOLE_MESSAGE};
use super::connections::Shared;
use crate::sip::flow::Flow;
use crate::wire::sip::{Limits, Message};

/// The subprotocol (RFC 7118 §4.1).
const SIP: &str = "sip";
/// How long the upgrade may take.
const UPGRADE: Duration = Duration::from_secs(10);
/// How often we ask a browser that says nothing whether it is there: its path through proxies and
/// NAT stays open, and one that is gone is found out by the pong that does not come.
const PING: Duration = Duration::from_secs(25);
/// Pings without any answer after which it is gone.
const UNANSWERED: u32 = 3;
/// Broken messages after which a connection is closed.
const MOST_BAD: u32 = 20;
/// Bytes read at once, and bytes that may wait to be written.
const READ_BYTES: usize = 8 << 10;
const WRITE_BYTES: usize = 256 << 10;

/// The web sites whose pages may connect, as `https://desk.example`; none written: all.
pub type Origins = Arc<[String]>;

/// Why there is no WebSocket.
#[derive(Debug)]
pub(super) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes the upgrade from HTTP.
pub(super) async fn accept<S>(stream: S, origins: &[String]) -> Result<WebSocketStream<S>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let most = Limits::DEFAULT.message_bytes;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    #[allow(clippy::result_large_err, reason = "the library's own signature")]
    let check = |request: &Request, response: Response| answer(request, response, origins);
    match timeout(UPGRADE, accept_hdr_async_with_config(stream, check, Some(config))).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(Error::Http(refused))) => {
            let told = refused.body().as_deref().map(String::from_utf8_lossy);
            Err(Fault(format!("{} ({})", told.unwrap_or_default(), refused.status().as_u16())))
        }
        Ok(Err(error)) => Err(Fault(format!("no WebSocket: {error}"))),
        Err(_) => Err(Fault(format!("no upgrade to WebSocket within {} s", UPGRADE.as_secs()))),
    }
}

/// The answer to the request to upgrade.
#[allow(clippy::result_large_err, reason = "the library's own signature")]
fn answer(
    request: &Request,
    mut response: Response,
    origins: &[String],
) -> Result<Response, ErrorResponse> {
    let protocols = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut offered = protocols.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    if !offered.any(|protocol| protocol.trim().eq_ignore_ascii_case(SIP)) {
        let what = "the WebSocket's subprotocol must be sip (RFC 7118)";
        return Err(refuse(StatusCode::BAD_REQUEST, what));
    }
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let stranger = |origin: &str| !origins.iter().any(|known| known.eq_ignore_ascii_case(origin));
    // What is no browser says no origin, and could say any.
    if !origins.is_empty() && origin.is_some_and(stranger) {
        let what = "pages of this origin are not in [sip] web_origins";
        return Err(refuse(StatusCode::FORBIDDEN, what));
    }
    let headers = response.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SIP));
    Ok(response)
}

fn refuse(status: StatusCode, what: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(what.to_owned()));
    *response.status_mut() = status;
    response
}

/// Messages both ways until the end.
pub(super) async fn talk<S>(
    mut socket: WebSocketStream<S>,
    flow: Flow,
    queued: &mut Queued,
    shared: &Shared,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut bad, mut unanswered) = (0, 0);
    let (begun, mut spoke) = (tokio::time::Instant::now(), false);
    loop {
        if !spoke && begun.elapsed() >= FIRST_MESSAGE {
            shared.counters.add(|c| &c.silent);
            shared.deliver(Inbound::Silent(flow)).await;
            return close(&mut socket, CloseCode::Policy).await;
        }
        let frame = tokio::select! {
            frame = timeout(PING, socket.next()) => match frame {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return broken(&mut socket, flow, &error, shared).await,
                Ok(None) => return,
                Err(_) if unanswered == UNANSWERED => return,
                Err(_) => {
                    unanswered += 1;
                    if !send(&mut socket, Frame::Ping(Vec::new().into())).await {
                        return;
                    }
                    continue;
                }
            },
            bytes = queued.next() => {
                let Some(bytes) = bytes else { return };
                let len = bytes.len();
                if !send(&mut socket, frame_of(bytes)).await {
                    return;
                }
                queued.gone(len);
                continue;
            }
        };
        unanswered = 0;
        match heard(&mut socket, frame, flow, shared).await {
            Heard::Message => spoke = true,
            Heard::Broken => bad += 1,
            Heard::Nothing => {}
            Heard::End => return,
        }
        if bad >= MOST_BAD {
            tracing::warn!("SIP from {}: {bad} broken messages: closed", flow.remote);
            return close(&mut socket, CloseCode::Policy).await;
        }
    }
}

/// What a frame was.
enum Heard {
    Message,
    /// One that is none.
    Broken,
    /// Of the connection itself.
    Nothing,
    /// The connection is over.
    End,
}

/// Takes one frame.
async fn heard<S>(
    socket: &mut WebSocketStream<S>,
    frame: Frame,
    flow: Flow,
    shared: &Shared,
) -> Heard
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bytes = match frame {
        Frame::Text(text) => text.as_bytes().to_vec(),
        Frame::Binary(bytes) => bytes.to_vec(),
        // The library answers a ping as the next frame goes out or is awaited.
        Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => return Heard::Nothing,
        // The library has its answer ready (RFC 6455 §5.5.1): it still has to go out.
        Frame::Close(_) => {
            let _ = timeout(Duration::from_secs(1), socket.close(None)).await;
            return Heard::End;
        }
    };
    if is_keep_alive(&bytes) {
        return match bytes != b"\r\n\r\n" || send(socket, Frame::text("\r\n")).await {
            true => Heard::Nothing,
            false => Heard::End,
        };
    }
    match take(&bytes, flow, shared).await {
        true => Heard::Message,
        false => Heard::Broken,
    }
}

/// Hands one message on; `false`: it is none.
async fn take(bytes: &[u8], flow: Flow, shared: &Shared) -> bool {
    match Message::parse(bytes) {
        Ok(message) => {
            shared.counters.add(|c| &c.received);
            shared.deliver(Inbound::Message(flow, message)).await;
            true
        }
        Err(error) => {
            shared.counters.add(|c| &c.bad);
            tracing::debug!("SIP from {}: {error}", flow.remote);
            shared.deliver(Inbound::Bad(flow, error)).await;
            false
        }
    }
}

fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\r' | b'\n'))
}

/// Text where it is text, as browsers' libraries want it (RFC 7118 §5).
fn frame_of(bytes: Vec<u8>) -> Frame {
    match String::from_utf8(bytes) {
        Ok(text) => Frame::text(text),
        Err(error) => Frame::binary(error.into_bytes()),
    }
}

async fn send<S>(socket: &mut WebSocketStream<S>, frame: Frame) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    matches!(timeout(WHOLE_MESSAGE, socket.send(frame)).await, Ok(Ok(())))
}

/// What came breaks WebSocket's own rules, or a bound.
async fn broken<S>(socket: &mut WebSocketStream<S>, flow: Flow, error: &Error, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let code = match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(_) => CloseCode::Protocol,
        // The connection is gone.
        _ => return,
    };
    shared.counters.add(|c| &c.bad);
    tracing::warn!("WebSocket from {}: {error}: closed", flow.remote);
    close(socket, code).await;
}

async fn close<S>(socket: &mut WebSocketStream<S>, code: CloseCode)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = CloseFrame { code, reason: "".into() };
    let _ = timeout(Duration::from_secs(1), socket.close(Some(frame))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let all =
            headers.iter().fold(Request::builder(), |b, (name, value)| b.header(*name, *value));
        all.body(()).expect("a request")
    }

    #[test]
    fn the_subprotocol_is_sip_and_the_origin_is_known() {
        let desk = ["https://desk.example".to_owned()];
        let protocol = "sec-websocket-protocol";
        for (headers, origins, status) in [
            (&[(protocol, "sip")][..], &[][..], 200),
            (&[(protocol, "xmpp, SIP")], &[], 200),
            (&[(protocol, "xmpp"), (protocol, "sip")], &[], 200),
            (&[(protocol, "xmpp")], &[], 400),
            (&[], &[], 400),
            (&[(protocol, "sip"), ("origin", "https://evil.example")], &[], 200),
            (&[(protocol, "sip"), ("origin", "https://evil.example")], &desk, 403),
            (&[(protocol, "sip"), ("origin", "null")], &desk, 403),
            (&[(protocol, "sip"), ("origin", "https://DESK.example")], &desk, 200),
            (&[(protocol, "sip")], &desk, 200),
        ] {
            match answer(&request(headers), Response::new(()), origins) {
                Ok(response) => {
                    assert_eq!(status, 200, "{headers:?}");
                    assert_eq!(response.headers()[protocol], "sip");
                }
                Err(refused) => assert_eq!(refused.status().as_u16(), status, "{headers:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_text_goes_as_bytes() {
        assert!(frame_of(b"OPTIONS".to_vec()).is_text());
        assert!(frame_of(vec![0xe9]).is_binary());
    }
}
