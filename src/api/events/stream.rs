//! Events over HTTP: as server-sent events, over a WebSocket (RFC 6455), or a page at a time.
//!
//! ```text
//!  GET /v1/events         text/event-stream: id, event, data   ─ Last-Event-ID or after= goes on
//!  GET /v1/events/socket  101, a text message each             ─ after= goes on
//!  GET /v1/events/page    {events, next}                       ─ after=next goes on
//! ```
//!
//! A stream that ends in good order says why and where to go on.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{SinkExt, StreamExt, stream};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role as Side, WebSocketConfig};

use super::event::{Event, Filter};
use super::feed::{End, Reader};
use crate::access::mask;
use crate::access::rights::{Rights, Role};
use crate::api::body::{Given, Params};
use crate::api::guard::Caller;
use crate::api::routes::{Gives, Param, Route};
use crate::api::{App, Pass, Problem};

/// How often a reader hears that nothing happens, and where it stands.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a WebSocket's reader may take nothing.
const SLOW: Duration = Duration::from_secs(30);
/// The longest message of a program to us: we want none.
const MAX_MESSAGE: usize = 4_096;
/// The most values of one filter.
const MOST_VALUES: usize = 100;
/// The sub-protocol of the WebSocket.
pub(in crate::api) const PROTOCOL: &str = "belfry";

const WHO: &[Role] = &[Role::Read, Role::Agent, Role::Supervisor];

fn text() -> Value {
    json!({ "type": "string", "maxLength": 400 })
}
fn number() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64 })
}

const PARAMS: &[Param] = &[
    Param {
        name: "after",
        in_path: false,
        about: "Go on behind the event of this `seq`; without it: from now on.",
        schema: number,
    },
    Param {
        name: "agent",
        in_path: false,
        about: "Events of these agents alone, by number, commas between.",
        schema: text,
    },
    Param {
        name: "device",
        in_path: false,
        about: "Events of these devices alone, and of calls in which one of them is.",
        schema: text,
    },
    Param { name: "queue", in_path: false, about: "Events of these queues alone.", schema: text },
    Param { name: "call", in_path: false, about: "Events of these calls alone.", schema: text },
    Param {
        name: "kind",
        in_path: false,
        about: "Events of these kinds alone, such as `Delivered,Established`.",
        schema: text,
    },
];

/// The routes of this file.
pub(in crate::api) fn routes() -> Vec<Route> {
    let event = || json!({ "$ref": "#/components/schemas/Event" });
    let sse = Route {
        tag: "events",
        summary: "Events as they come, as server-sent events",
        about: "Each has its `seq` as `id`, its kind as `event` and the event itself as `data`. `heartbeat` says each \
                15 s up to which `seq` all was sent; `end` says why the stream ends. `Last-Event-ID` counts as `after`.",
        roles: WHO,
        params: PARAMS,
        gives: Gives {
            status: 200,
            kind: "text/event-stream",
            schema: || json!({ "type": "string" }),
        },
        refuses: &[400, 409],
        ..Route::get("/v1/events", "StreamEvents", || get(sse))
    };
    let socket = Route {
        tag: "events",
        summary: "Events as they come, over a WebSocket",
        about: "A text message for each event; `{\"heartbeat\": seq}` each 15 s. The close frame says why it ends. A browser, \
                which can set no header there, offers the sub-protocols `belfry` and `bearer.TOKEN`.",
        roles: WHO,
        params: PARAMS,
        gives: Gives { status: 101, kind: "", schema: event },
        refuses: &[400, 409, 426, 503],
        ..Route::get("/v1/events/socket", "StreamEventsBySocket", || get(socket))
    };
    let page = Route {
        tag: "events",
        summary: "The next events, without waiting",
        about: "At most 256; `next` is the `after` of the next question, whether there were events or not.",
        roles: WHO,
        params: PARAMS,
        gives: Gives::json(200, || {
            json!({
                "type": "object",
                "required": ["events", "next"],
                "properties": {
                    "events": { "type": "array", "items": { "$ref": "#/components/schemas/Event" } },
                    "next": { "type": "integer", "minimum": 0 },
                },
            })
        }),
        refuses: &[400, 409, 503],
        ..Route::get("/v1/events/page", "PageEvents", || get(page))
    };
    vec![sse, socket, page]
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<u64>,
    agent: Option<String>,
    device: Option<String>,
    queue: Option<String>,
    call: Option<String>,
    kind: Option<String>,
}

impl Asked {
    /// Who reads, as far as the token sees.
    fn reader(self, app: &App, rights: &Rights, last_id: Option<u64>) -> Result<Reader, Problem> {
        let list = |text: Option<String>| {
            let values: Vec<String> = text
                .iter()
                .flat_map(|text| text.split(','))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .collect();
            match values.len() <= MOST_VALUES {
                true => Ok(values),
                false => {
                    Err(Problem::bad_request(format!("a filter has at most {MOST_VALUES} values")))
                }
            }
        };
        let filter = Filter {
            agents: list(self.agent)?,
            devices: list(self.device)?,
            queues: list(self.queue)?,
            calls: list(self.call)?,
            kinds: list(self.kind)?,
            only: (!rights.sees_all()).then(|| rights.agent.clone().unwrap_or_default()),
        };
        if let Some(kind) = filter.kinds.iter().find(|kind| !known(kind)) {
            return Err(Problem::bad_request(format!(
                "there is no kind of event '{}'",
                kind.escape_debug()
            )));
        }
        let last = app.feed.last();
        app.feed.reader(last_id.or(self.after), filter).ok_or_else(|| {
            Problem::conflict(format!(
                "there is no event of that number yet: the last fact is {last}"
            ))
        })
    }
}

fn known(kind: &str) -> bool {
    super::event::KINDS.iter().any(|(name, _)| *name == kind)
}

/// Whether it gets what agents note of calls: who acts for them, or supervises. A wallboard does not.
fn sees_notes(rights: &Rights) -> bool {
    rights.has_any(&[Role::Agent, Role::Supervisor])
}

/// An event as far as it is seen.
fn seen(event: &Event, notes: bool) -> Cow<'_, Event> {
    match notes || event.text.is_empty() {
        true => Cow::Borrowed(event),
        false => Cow::Owned(Event { text: String::new(), ..event.clone() }),
    }
}

/// What a stream says next.
enum Told {
    Event(Arc<Event>),
    Heartbeat(u64),
    End(&'static str, u64),
}

/// A reader with what it has got and not handed on yet.
struct Stream {
    reader: Reader,
    waiting: std::collections::VecDeque<Arc<Event>>,
    stopping: watch::Receiver<bool>,
    pass: Pass,
    masked: bool,
    notes: bool,
    heartbeat: Interval,
    ended: bool,
}

impl Stream {
    fn new(reader: Reader, pass: Pass, app: &App) -> Stream {
        let stopping = app.stopping.clone();
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (waiting, masked) = (Default::default(), pass.rights().masked);
        let notes = sees_notes(pass.rights());
        Stream { reader, waiting, stopping, pass, masked, notes, heartbeat, ended: false }
    }

    /// An event as this reader gets it.
    fn written(&self, event: &Event) -> String {
        let event = seen(event, self.notes);
        if !self.masked {
            return serde_json::to_string(&event).unwrap_or_default();
        }
        let mut value = serde_json::to_value(&event).unwrap_or_default();
        mask::in_json(&mut value);
        value.to_string()
    }

    /// `None`: nothing more. It can be given up.
    async fn next(&mut self) -> Option<Told> {
        if let Some(event) = self.waiting.pop_front() {
            return Some(Told::Event(event));
        }
        if self.ended {
            return None;
        }
        let told = tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stop| *stop) => {
                self.ended = true;
                return Some(Told::End("Belfry stops: connect again and go on with after=", self.reader.cursor()));
            }
            () = self.pass.gone() => {
                self.ended = true;
                return Some(Told::End("the token is in force no more: after=", self.reader.cursor()));
            }
            told = self.reader.next() => told,
            // By a clock of its own: what a program sends meanwhile puts it off no further.
            _ = self.heartbeat.tick() => return Some(Told::Heartbeat(self.reader.cursor())),
        };
        let ends = |end: End| Told::End(end.reason(), self.reader.cursor());
        match told {
            Err(end) => {
                self.ended = true;
                Some(ends(end))
            }
            Ok(events) => {
                self.waiting.extend(events);
                self.waiting.pop_front().map(Told::Event)
            }
        }
    }
}

async fn sse(
    State(app): State<Arc<App>>,
    Extension(Caller { rights, pass, .. }): Extension<Caller>,
    headers: HeaderMap,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let last_id = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?")) {
        None | Some("") => None,
        Some(id) => {
            let wrong = |_| Problem::bad_request("Last-Event-ID is the seq of an event");
            Some(id.parse().map_err(wrong)?)
        }
    };
    let stream = Stream::new(asked.reader(&app, &rights, last_id)?, pass, &app);
    let begin = Bytes::from(format!("retry: 1000\n: events after {}\n\n", stream.reader.cursor()));
    let lines = stream::unfold((Some(begin), stream), async |(begin, mut stream)| {
        let text = match begin {
            Some(begin) => begin,
            None => match stream.next().await? {
                Told::Event(event) => {
                    let data = stream.written(&event);
                    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.seq, event.event).into()
                }
                Told::Heartbeat(seq) => {
                    format!("id: {seq}\nevent: heartbeat\ndata: {{\"seq\":{seq}}}\n\n").into()
                }
                Told::End(reason, seq) => {
                    let data = json!({ "reason": reason, "seq": seq });
                    format!("event: end\ndata: {data}\n\n").into()
                }
            },
        };
        Some((Ok::<_, std::convert::Infallible>(text), (None, stream)))
    });
    let kind = HeaderValue::from_static("text/event-stream");
    let cache = HeaderValue::from_static("no-store");
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, cache)], Body::from_stream(lines)).into_response())
}

async fn page(
    State(app): State<Arc<App>>,
    Extension(Caller { rights, .. }): Extension<Caller>,
    Params(asked): Params<Asked>,
) -> Result<impl IntoResponse, Problem> {
    let mut reader = asked.reader(&app, &rights, None)?;
    let events = reader.now().await.map_err(|end| Problem::unavailable(end.reason()))?;
    let notes = sees_notes(&rights);
    let events: Vec<Cow<'_, Event>> = events.iter().map(|event| seen(event, notes)).collect();
    Ok(Given(StatusCode::OK, json!({ "events": events, "next": reader.cursor() })))
}

async fn socket(
    State(app): State<Arc<App>>,
    Extension(Caller { rights, pass, .. }): Extension<Caller>,
    Params(asked): Params<Asked>,
    mut request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let says = |name, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(word))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY).map(|key| derive_accept_key(key.as_bytes()));
    let wanted = says(UPGRADE, "websocket")
        && says(CONNECTION, "upgrade")
        && says(SEC_WEBSOCKET_VERSION, "13");
    let offered = says(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
    let Some(key) = key.filter(|_| wanted) else {
        let detail = "this is a WebSocket: connect by one (RFC 6455), or read /v1/events";
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", detail));
    };
    let stream = Stream::new(asked.reader(&app, &rights, None)?, pass, &app);
    let place = app.places.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::unavailable("[http] connections are all in use"))?;
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(Ok(upgraded)) = timeout(SLOW, upgrade).await {
            talk(TokioIo::new(upgraded), stream).await;
        }
        drop(place);
    });
    let accept =
        HeaderValue::from_str(&key).map_err(|_| Problem::bad_request("the key is none"))?;
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, Body::empty()).into_response();
    let fields = response.headers_mut();
    fields.insert(SEC_WEBSOCKET_ACCEPT, accept);
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    if offered {
        fields.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok(response)
}

/// Events over an open WebSocket until either side ends it.
async fn talk(io: TokioIo<hyper::upgrade::Upgraded>, mut events: Stream) {
    let mut limits = WebSocketConfig::default();
    limits.max_message_size = Some(MAX_MESSAGE);
    limits.max_frame_size = Some(MAX_MESSAGE);
    let socket = WebSocketStream::from_raw_socket(io, Side::Server, Some(limits)).await;
    let (mut sink, mut source) = socket.split();
    loop {
        let message = tokio::select! {
            heard = source.next() => match heard {
                // Pings are answered by the library; what else a program says is not asked for.
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => continue,
            },
            told = events.next() => match told {
                Some(Told::Event(event)) => Message::text(events.written(&event)),
                Some(Told::Heartbeat(seq)) => Message::text(json!({ "heartbeat": seq }).to_string()),
                Some(Told::End(reason, seq)) => {
                    let reason = format!("{reason}{seq}");
                    Message::Close(Some(CloseFrame { code: CloseCode::Again, reason: reason.into() }))
                }
                None => break,
            },
        };
        let over = matches!(message, Message::Close(_));
        if !matches!(timeout(SLOW, sink.send(message)).await, Ok(Ok(()))) || over {
            break;
        }
    }
    let _ = timeout(Duration::from_secs(1), sink.close()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_only_looks_on_gets_no_notes() {
        let with = |roles: &[Role]| Rights { roles: roles.to_vec(), ..Rights::default() };
        assert!(!sees_notes(&with(&[Role::Read])));
        for role in [Role::Agent, Role::Supervisor, Role::Admin] {
            assert!(sees_notes(&with(&[Role::Read, role])), "{role:?}");
        }
        let event =
            Event { text: "the bell is silent".into(), code: "17".into(), ..Event::default() };
        let written = |notes| serde_json::to_value(seen(&event, notes)).expect("JSON");
        assert_eq!(written(true)["text"], "the bell is silent");
        assert_eq!(
            (&written(false)["text"], &written(false)["code"]),
            (&Value::Null, &"17".into())
        );
    }
}
