//! One connection's life: its handshakes, messages both ways, its end.
//!
//! ```text
//!  TCP ──────────────────────────┐
//!  TCP ─▶ TLS ───────────────────┴─▶ a stream of bytes: framed by Content-Length ─┐
//!  TCP ─▶ (TLS) ─▶ HTTP upgrade ───▶ WebSocket: a message in each frame ──────────┴─▶ the end
//!
//!  broken message, its end known    (§18.3) ─▶ told: 400 ─────────────────▶ the next message
//!  FIN after a request                      ─▶ its answer, for HALF_CLOSED ─▶ closed
//!  the end of a message not known           ─▶ told: 400 ─▶ LAST_WORD ─┐
//!  a message that does not become whole     ─▶ counted ────────────────┴─▶ FIN, LINGER, closed
//! ```
//!
//! Bounds: bytes a peer may leave unread, the time a message may take to arrive whole, a handshake
//! to be done, the first message to come, and a connection to stay silent.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::alias::Claim;
use super::complaint::and_more;
use super::connections::{Queue, Shared};
use super::{Inbound, websocket};
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Frame, Framer, Limits, Message, Method, ParseError};

/// Nothing at all for this long, not even a keep-alive: the peer is gone.
const IDLE: Duration = Duration::from_secs(3_700);
/// Who has connected to us must have sent its first message after so long: a place is not for holding.
pub(super) const FIRST_MESSAGE: Duration = Duration::from_secs(30);
/// A begun message must be whole after this long.
pub(super) const WHOLE_MESSAGE: Duration = Duration::from_secs(30);
/// A connection must stand after this long: the SYN is sent thrice, and a request that is not
/// answered after 10 T1 has time left for another way.
const CONNECT: Duration = Duration::from_millis(3_500);
/// After so much silence the kernel asks whether the peer is there, so often, and gives it up after
/// so many questions without an answer: NATs forget silent connections, and phones lose theirs.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEP_ALIVE_TRIES: u32 = 4;
/// How long the switch has for its 400 before a connection is closed.
const LAST_WORD: Duration = Duration::from_millis(300);
/// How long a peer that has closed its half of a connection is still answered. One that has closed both
/// looks the same until something is sent to it.
const HALF_CLOSED: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 1 });
/// How long, and for how many bytes, a connection that we have closed takes what the peer still
/// sends. A socket closed with bytes unread resets the connection, and the reset overtakes the 400
/// (RFC 1122 §4.2.2.13).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// One connection.
pub(super) struct Connection {
    flow: Flow,
    number: u64,
    /// The peer has opened it.
    called_us: bool,
    /// The certificates that the peer has shown, where it has opened it.
    shown: Vec<CertificateDer<'static>>,
    ends: Ends,
    shared: Shared,
}

/// The far ends of a connection's queue.
pub(super) struct Ends {
    pub(super) queued: Queued,
    pub(super) cuts: oneshot::Receiver<()>,
}

/// What waits to be sent.
pub(super) struct Queued {
    pub(super) messages: mpsc::Receiver<Vec<u8>>,
    /// How many bytes that is, with those of the message under way.
    pub(super) waiting: Arc<AtomicUsize>,
}

impl Queued {
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.messages.recv().await
    }

    /// So many bytes have gone to the kernel.
    pub(super) fn gone(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The peer's requests that have no final response yet: who closes its half after a request (RFC 9293
/// §3.6) still reads.
#[derive(Default)]
struct Owed {
    count: AtomicUsize,
    none: Notify,
}

impl Owed {
    fn asked(&self, message: &Message) {
        if message.is_request() && *message.method() != Method::Ack {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sent(&self, bytes: &[u8]) {
        let is_final = bytes.starts_with(b"SIP/2.0 ") && bytes.get(8).is_some_and(|b| *b > b'1');
        let less = |count: usize| count.checked_sub(1);
        if is_final && self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less) == Ok(1)
        {
            self.none.notify_one();
        }
    }

    /// Until nothing is owed, or for as long as a peer that has closed is waited for.
    async fn settled(&self) {
        let until = Instant::now() + HALF_CLOSED;
        while self.count.load(Ordering::Relaxed) > 0 {
            if timeout_at(until, self.none.notified()).await.is_err() {
                return;
            }
        }
    }
}

/// Waits until the connection is to be cut; for ever when it is only forgotten.
async fn cut(cuts: &mut oneshot::Receiver<()>) {
    if cuts.await.is_err() {
        std::future::pending().await
    }
}

async fn open(shared: &Shared, flow: Flow) -> io::Result<TcpStream> {
    shared.socket(flow)?.connect(flow.remote).await
}

/// What every connection has. A system that refuses one of them serves without it.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE_AFTER)
        .with_interval(KEEP_ALIVE_EVERY)
        .with_retries(KEEP_ALIVE_TRIES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}

impl Connection {
    pub(super) fn new(flow: Flow, queue: &Queue, ends: Ends, shared: Shared) -> Connection {
        let (number, called_us) = (queue.number, queue.called_us);
        Connection { flow, number, called_us, shown: Vec::new(), ends, shared }
    }

    /// Opens it, because something is to be sent.
    pub(super) async fn connect(mut self) {
        let opened = tokio::select! {
            opened = timeout(CONNECT, open(&self.shared, self.flow)) => opened,
            () = cut(&mut self.ends.cuts) => return self.end().await,
        };
        let Ok(Ok(stream)) = opened else { return self.end().await };
        prepare(&stream);
        if self.flow.transport == Transport::Tcp {
            let (reader, writer) = stream.into_split();
            return self.talk(reader, writer).await;
        }
        let shaken = tokio::select! {
            shaken = self.shared.tls.connect(stream, self.flow.remote) => shaken,
            () = cut(&mut self.ends.cuts) => return self.end().await,
        };
        match shaken {
            Ok(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                self.talk(reader, writer).await;
            }
            Err(fault) => {
                self.complain("TLS to", &fault);
                self.end().await;
            }
        }
    }

    /// Takes on one that came in.
    pub(super) async fn accepted(self, stream: TcpStream) {
        prepare(&stream);
        match self.flow.transport {
            Transport::Tls | Transport::Wss => self.secure(stream).await,
            Transport::Ws => {
                let place = self.shared.handshake();
                self.upgrade(stream, place).await;
            }
            Transport::Tcp | Transport::Udp => {
                let (reader, writer) = stream.into_split();
                self.talk(reader, writer).await;
            }
        }
    }

    /// Shakes hands with who has connected.
    async fn secure(mut self, stream: TcpStream) {
        let Some(place) = self.shared.handshake() else {
            self.shared.counters.add(|c| &c.refused);
            return self.vanish();
        };
        let web = self.flow.transport == Transport::Wss;
        match self.shared.tls.accept(stream, web).await {
            Ok(stream) if web => self.upgrade(stream, Some(place)).await,
            Ok(stream) => {
                drop(place);
                let (_, session) = stream.get_ref();
                self.shown = session.peer_certificates().unwrap_or_default().to_vec();
                let (reader, writer) = tokio::io::split(stream);
                self.talk(reader, writer).await;
            }
            Err(fault) => {
                self.complain("TLS from", &fault);
                self.came_to_nothing().await;
            }
        }
    }

    /// From HTTP to WebSocket; `place` is the connection's among those that shake hands.
    async fn upgrade<S>(mut self, stream: S, place: Option<super::connections::Handshaking>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        if place.is_none() {
            self.shared.counters.add(|c| &c.refused);
            return self.vanish();
        }
        match websocket::accept(stream, &self.shared.origins).await {
            Ok(socket) => {
                drop(place);
                let shared = &self.shared;
                tokio::select! {
                    () = websocket::talk(socket, self.flow, &mut self.ends.queued, shared) => {}
                    () = cut(&mut self.ends.cuts) => {}
                }
                self.end().await;
            }
            Err(fault) => {
                self.complain("WebSocket from", &fault);
                self.came_to_nothing().await;
            }
        }
    }

    /// Messages both ways over a stream of bytes, until its end.
    pub(super) async fn talk<R, W>(mut self, mut reader: R, mut writer: W)
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let (pong, pongs) = mpsc::channel(4);
        let first = if self.called_us { FIRST_MESSAGE } else { IDLE };
        let owed = Owed::default();
        let shown = core::mem::take(&mut self.shown);
        let claim = Claim::new(self.flow, self.number, self.called_us, shown);
        let over = {
            // One future until the end: a message is not left half written.
            let mut writing = pin!(write(&mut writer, &mut self.ends.queued, pongs, &owed));
            let over = tokio::select! {
                over = read(&mut reader, self.flow, (first, claim), pong, &owed, &self.shared) => over,
                () = &mut writing => Over::Gone,
                () = cut(&mut self.ends.cuts) => Over::Gone,
            };
            if over == Over::Finished {
                tokio::select! {
                    () = owed.settled() => {}
                    () = &mut writing => {}
                    () = cut(&mut self.ends.cuts) => {}
                }
            }
            over
        };
        match over {
            Over::Broken => close_gently(reader, writer).await,
            Over::Silent if self.called_us => {
                self.shared.deliver(Inbound::Silent(self.flow)).await;
            }
            Over::Silent | Over::Finished | Over::Gone => {}
        }
        self.end().await;
    }

    /// One line on a handshake that failed; of one source not too often.
    fn complain(&self, how: &str, fault: &dyn std::fmt::Display) {
        self.shared.counters.add(|c| &c.handshakes);
        let source = self.flow.remote;
        let now = Instant::now().into_std();
        if let Some(left_out) = self.shared.complaints.of(source.ip(), now) {
            tracing::warn!("{how} {source}: {fault}{}", and_more(left_out));
        }
    }

    /// Says that the flow is over, unless a newer connection has its place.
    async fn end(self) {
        for flow in self.shared.forget(self.flow, self.number) {
            self.shared.deliver(Inbound::FlowFailed(flow)).await;
        }
    }

    /// Ends before a message came, and the switch counts that against its source.
    async fn came_to_nothing(self) {
        self.shared.forget(self.flow, self.number);
        self.shared.deliver(Inbound::Silent(self.flow)).await;
    }

    /// Ends before anything came that the switch could know it by.
    fn vanish(self) {
        self.shared.forget(self.flow, self.number);
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Over {
    /// The peer has said all that it will.
    Finished,
    /// The peer, or the way to it, is gone.
    Gone,
    /// It said nothing for as long as it may.
    Silent,
    /// We close it: where its next message begins cannot be known.
    Broken,
}

/// What the framer gave out at once.
#[derive(Default)]
struct Came {
    /// Whether there was anything.
    whole: bool,
    /// Whether there was a message that can be read.
    message: bool,
}

/// Hands on what is whole; `None`: where the next message begins cannot be known.
async fn came(
    framer: &mut Framer,
    flow: Flow,
    (claim, pong, owed): (&mut Claim, &mpsc::Sender<()>, &Owed),
    shared: &Shared,
) -> Option<Came> {
    let mut came = Came::default();
    for frame in framer.by_ref() {
        came.whole = true;
        match frame {
            // A peer that pings faster than it reads the answers can miss one.
            Ok(Frame::Ping) => drop(pong.try_send(())),
            Ok(Frame::Message(message)) => {
                came.message = true;
                shared.counters.add(|c| &c.received);
                owed.asked(&message);
                claim.heard(&message, shared);
                shared.deliver(Inbound::Message(flow, message)).await;
            }
            Err(error) => {
                // The switch answers it, too.
                if let Some(broken) = error.salvage() {
                    owed.asked(broken);
                }
                if !refuse(error, flow, shared).await {
                    return None;
                }
            }
        }
    }
    Some(came)
}

async fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    flow: Flow,
    (first, mut claim): (Duration, Claim),
    pong: mpsc::Sender<()>,
    owed: &Owed,
    shared: &Shared,
) -> Over {
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; 16 << 10];
    // Since when the message has been coming of which a part is here.
    let mut begun: Option<Instant> = None;
    // Until the first message: when it must have begun.
    let mut silent_until = Some(Instant::now() + first);
    loop {
        let until = match (begun, silent_until) {
            (Some(at), _) => at + WHOLE_MESSAGE,
            (None, Some(until)) => until,
            (None, None) => Instant::now() + IDLE,
        };
        let len = match timeout_at(until, reader.read(&mut buffer)).await {
            Ok(Ok(len)) if len > 0 => len,
            Err(_) if begun.is_some() => {
                shared.counters.add(|c| &c.bad);
                tracing::warn!("SIP from {}: a message did not come whole: closed", flow.remote);
                return Over::Broken;
            }
            Err(_) if silent_until.is_some() => {
                shared.counters.add(|c| &c.silent);
                return Over::Silent;
            }
            _ if silent_until.is_some() => return Over::Silent,
            Ok(Ok(_)) => return Over::Finished,
            _ => return Over::Gone,
        };
        framer.push(&buffer[..len]);
        let Some(came) = came(&mut framer, flow, (&mut claim, &pong, owed), shared).await else {
            return Over::Broken;
        };
        if came.message {
            silent_until = None;
        }
        let whole = came.whole;
        begun = match begun.filter(|_| !whole) {
            _ if framer.pending() == 0 => None,
            since => since.or_else(|| Some(Instant::now())),
        };
    }
}

/// A message that cannot be read: the switch answers 400 where enough of it could (RFC 3261 §18.3).
/// `true`: the message's end is known, and the stream goes on.
async fn refuse(error: ParseError, flow: Flow, shared: &Shared) -> bool {
    shared.counters.add(|c| &c.bad);
    let (broken, answered) = (error.ends_stream(), error.salvage().is_some());
    match broken {
        true => tracing::warn!("SIP from {}: {error}: the connection is closed", flow.remote),
        false => tracing::debug!("SIP from {}: {error}", flow.remote),
    }
    shared.deliver(Inbound::Bad(flow, error)).await;
    if broken && answered {
        // The writer goes on meanwhile.
        tokio::time::sleep(LAST_WORD).await;
    }
    !broken
}

/// Closes so that the peer reads what was sent last: our end first, then what still comes is thrown
/// away, for a while.
async fn close_gently<R, W>(mut reader: R, mut writer: W)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if !matches!(timeout(LINGER, writer.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let rest = async {
        let (mut buffer, mut taken) = ([0; 4 << 10], 0);
        while taken < LINGER_BYTES {
            match reader.read(&mut buffer).await {
                Ok(len) if len > 0 => taken += len,
                _ => return,
            }
        }
    };
    let _ = timeout(LINGER, rest).await;
}

async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    queued: &mut Queued,
    mut pongs: mpsc::Receiver<()>,
    owed: &Owed,
) {
    loop {
        let (bytes, counted) = tokio::select! {
            bytes = queued.next() => match bytes {
                Some(bytes) => (bytes, true),
                None => return,
            },
            // RFC 5626 §4.4.1: a double CRLF is answered by a single one.
            Some(()) = pongs.recv() => (b"\r\n".to_vec(), false),
        };
        let written = async {
            writer.write_all(&bytes).await?;
            // Under TLS the record is only sent by this.
            writer.flush().await
        };
        if !matches!(timeout(WHOLE_MESSAGE, written).await, Ok(Ok(()))) {
            return;
        }
        if counted {
            queued.gone(bytes.len());
        }
        owed.sent(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_has_closed_waits_for_what_is_owed_and_not_for_ever() {
        let owed = Owed::default();
        let text = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n";
        let ask = Message::parse(text.as_bytes()).expect("a message");
        let begun = Instant::now();
        owed.settled().await;
        assert_eq!(begun.elapsed(), Duration::ZERO, "nothing is owed");
        (0..2).for_each(|_| owed.asked(&ask));
        owed.sent(b"SIP/2.0 100 Trying\r\n");
        owed.sent(b"SIP/2.0 400 Bad Request\r\n");
        owed.settled().await;
        assert_eq!(begun.elapsed(), HALF_CLOSED, "one is");
        owed.sent(b"SIP/2.0 200 OK\r\n");
        owed.settled().await;
        assert_eq!(begun.elapsed(), HALF_CLOSED);
    }
}
