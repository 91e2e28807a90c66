//! SIP over TCP: one task reads a connection, one writes it (RFC 3261 §18).
//!
//! A connection is known by the two addresses of its flow; who sends to a peer without one opens
//! it. Bounds: connections in all, bytes a peer may leave unread, the time a message may take to
//! arrive whole and a connection may stay silent.
//!
//! ```text
//!  broken message, its end known    (§18.3) ─▶ told: 400 ─────────────────▶ the next message
//!  the end of a message not known           ─▶ told: 400 ─▶ LAST_WORD ─┐
//!  a message that does not become whole     ─▶ counted ────────────────┴─▶ FIN, LINGER, closed
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Counters, Deliver, Inbound};
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Frame, Framer, Limits, ParseError};

/// Messages that wait for a peer that reads slowly; more are dropped and its connection closed.
const QUEUE: usize = 256;
/// Nothing at all for this long, not even a keep-alive: the peer is gone.
const IDLE: Duration = Duration::from_secs(3_700);
/// A begun message must be whole after this long.
const WHOLE_MESSAGE: Duration = Duration::from_secs(30);
/// A connection must stand after this long.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the switch has for its 400 before a connection is closed.
const LAST_WORD: Duration = Duration::from_millis(300);
/// How long, and for how many bytes, a connection that we have closed takes what the peer still
/// sends. A socket closed with bytes unread resets the connection, and the reset overtakes the 400
/// (RFC 1122 §4.2.2.13).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;
/// How long to wait before the switch is asked again to take a message.
const RETRY: Duration = Duration::from_millis(5);

#[allow(
    clippy::disallowed_types,
    reason = "the map is shared by the switch's sends and tokio's tasks"
)]
type Map = Arc<Mutex<HashMap<Flow, Queue>>>;

/// The way to a connection's writer; `number` tells it from an earlier one of the same flow.
struct Queue {
    number: u64,
    messages: mpsc::Sender<Vec<u8>>,
    /// Ends the connection at once, whatever it waits for.
    cut: oneshot::Sender<()>,
}

/// All TCP connections.
pub struct Connections {
    shared: Shared,
    accepting: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Clone)]
struct Shared {
    map: Map,
    made: Arc<AtomicU64>,
    /// The most connections at once.
    most: usize,
    deliver: Deliver,
    counters: Arc<Counters>,
    runtime: tokio::runtime::Handle,
}

impl Connections {
    /// None yet, and never more than `most`, whoever opens them. Must be called within a tokio
    /// runtime.
    pub fn new(most: usize, deliver: Deliver, counters: Arc<Counters>) -> Connections {
        let runtime = tokio::runtime::Handle::current();
        let shared =
            Shared { map: Map::default(), made: Arc::default(), most, deliver, counters, runtime };
        Connections { shared, accepting: Vec::new() }
    }

    /// Listens on `address`; gives it as peers see it.
    pub fn listen(&mut self, address: SocketAddr, shown: IpAddr) -> io::Result<SocketAddr> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let local = SocketAddr::new(shown, listener.local_addr()?.port());
        let shared = self.shared.clone();
        self.accepting.push(self.shared.runtime.spawn(accept(listener, local, shared)));
        Ok(local)
    }

    /// Queues `bytes` for the peer of `flow`, opening a connection where there is none. `false`:
    /// dropped, and [`Inbound::FlowFailed`] says so: a peer that does not read loses its connection.
    pub fn send(&self, flow: Flow, bytes: &[u8]) -> bool {
        let mut map = self.shared.map.lock().expect("no holder panics");
        if let Some(queue) = map.get(&flow) {
            match queue.messages.try_send(bytes.to_vec()) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    if let Some(queue) = map.remove(&flow) {
                        // The connection's own end tells of it.
                        let _ = queue.cut.send(());
                    }
                    return false;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        if map.len() >= self.shared.most {
            self.shared.counters.add(|c| &c.refused);
            let shared = self.shared.clone();
            let failed = async move { shared.deliver(Inbound::FlowFailed(flow)).await };
            self.shared.runtime.spawn(failed);
            return false;
        }
        let (queue, ends) = self.shared.queue();
        let sent = queue.messages.try_send(bytes.to_vec()).is_ok();
        let connection =
            Connection { flow, number: queue.number, ends, shared: self.shared.clone() };
        map.insert(flow, queue);
        drop(map);
        self.shared.runtime.spawn(connection.connect());
        sent
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.accepting.iter().for_each(|task| task.abort());
        self.shared.map.lock().expect("no holder panics").clear();
    }
}

impl Shared {
    fn queue(&self) -> (Queue, Ends) {
        let (messages, queued) = mpsc::channel(QUEUE);
        let (cut, cuts) = oneshot::channel();
        (
            Queue { number: self.made.fetch_add(1, Ordering::Relaxed), messages, cut },
            Ends { queued, cuts },
        )
    }
    /// Hands `inbound` to the switch, however long that takes: over a stream nothing is lost.
    async fn deliver(&self, mut inbound: Inbound) {
        while let Err(back) = (self.deliver)(inbound) {
            inbound = back;
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn accept(listener: TcpListener, local: SocketAddr, shared: Shared) {
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            // Out of file handles, mostly: give others time to close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let flow = Flow { transport: Transport::Tcp, local, remote };
        let (queue, ends) = shared.queue();
        let connection = Connection { flow, number: queue.number, ends, shared: shared.clone() };
        {
            let mut map = shared.map.lock().expect("no holder panics");
            if map.len() >= shared.most {
                shared.counters.add(|c| &c.refused);
                continue;
            }
            map.insert(flow, queue);
        }
        shared.runtime.spawn(connection.serve(stream));
    }
}

/// One connection's life.
struct Connection {
    flow: Flow,
    number: u64,
    ends: Ends,
    shared: Shared,
}

/// The far ends of a [`Queue`].
struct Ends {
    queued: mpsc::Receiver<Vec<u8>>,
    cuts: oneshot::Receiver<()>,
}

/// Waits until the connection is to be cut; for ever when it is only forgotten.
async fn cut(cuts: &mut oneshot::Receiver<()>) {
    if cuts.await.is_err() {
        std::future::pending().await
    }
}

impl Connection {
    async fn connect(mut self) {
        let stream = tokio::select! {
            stream = timeout(CONNECT, TcpStream::connect(self.flow.remote)) => stream,
            () = cut(&mut self.ends.cuts) => return self.end().await,
        };
        match stream {
            Ok(Ok(stream)) => self.serve(stream).await,
            _ => self.end().await,
        }
    }

    async fn serve(mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.into_split();
        let (pong, pongs) = mpsc::channel(4);
        let over = tokio::select! {
            over = read(&mut reader, self.flow, pong, &self.shared) => over,
            () = write(&mut writer, &mut self.ends.queued, pongs) => Over::Gone,
            () = cut(&mut self.ends.cuts) => Over::Gone,
        };
        if over == Over::Broken {
            close_gently(reader, writer).await;
        }
        self.end().await;
    }

    /// Takes the connection out of the map and says so; not when a newer one has its place, for
    /// then the flow goes on.
    async fn end(self) {
        {
            let mut map = self.shared.map.lock().expect("no holder panics");
            match map.get(&self.flow) {
                Some(queue) if queue.number != self.number => return,
                _ => map.remove(&self.flow),
            };
        }
        self.shared.deliver(Inbound::FlowFailed(self.flow)).await;
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Over {
    /// The peer closed it, or is gone.
    Gone,
    /// We close it: where its next message begins cannot be known.
    Broken,
}

async fn read(
    reader: &mut OwnedReadHalf,
    flow: Flow,
    pong: mpsc::Sender<()>,
    shared: &Shared,
) -> Over {
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; 16 << 10];
    // Since when the message has been coming of which a part is here.
    let mut begun: Option<Instant> = None;
    loop {
        let until = begun.map_or_else(|| Instant::now() + IDLE, |at| at + WHOLE_MESSAGE);
        let len = match timeout_at(until, reader.read(&mut buffer)).await {
            Ok(Ok(len)) if len > 0 => len,
            Err(_) if begun.is_some() => {
                shared.counters.add(|c| &c.bad);
                tracing::warn!("SIP from {}: a message did not come whole: closed", flow.remote);
                return Over::Broken;
            }
            _ => return Over::Gone,
        };
        framer.push(&buffer[..len]);
        let mut whole = false;
        for frame in framer.by_ref() {
            whole = true;
            match frame {
                // A peer that pings faster than it reads the answers can miss one.
                Ok(Frame::Ping) => drop(pong.try_send(())),
                Ok(Frame::Message(message)) => {
                    shared.counters.add(|c| &c.received);
                    shared.deliver(Inbound::Message(flow, message)).await;
                }
                Err(error) => {
                    if !refuse(error, flow, shared).await {
                        return Over::Broken;
                    }
                }
            }
        }
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
async fn close_gently(mut reader: OwnedReadHalf, mut writer: OwnedWriteHalf) {
    if writer.shutdown().await.is_err() {
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

async fn write(
    writer: &mut OwnedWriteHalf,
    queued: &mut mpsc::Receiver<Vec<u8>>,
    mut pongs: mpsc::Receiver<()>,
) {
    loop {
        let bytes = tokio::select! {
            bytes = queued.recv() => match bytes {
                Some(bytes) => bytes,
                None => return,
            },
            // RFC 5626 §4.4.1: a double CRLF is answered by a single one.
            Some(()) = pongs.recv() => b"\r\n".to_vec(),
        };
        if !matches!(timeout(WHOLE_MESSAGE, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as Client;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::net::{Listen, Sip};
    use crate::wire::sip::Message;

    /// Long enough for any machine.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Net {
        sip: Sip,
        inbound: Receiver<Inbound>,
        _runtime: tokio::runtime::Runtime,
    }

    impl Net {
        fn start(connections: usize) -> Net {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .expect("a runtime");
            let (to, inbound) = channel();
            let shown = IpAddr::from([127, 0, 0, 1]);
            let address = SocketAddr::new(shown, 0);
            let listen = Listen { transport: Transport::Tcp, address, shown };
            let deliver: Deliver = Arc::new(move |inbound| {
                let _ = to.send(inbound);
                Ok(())
            });
            let sip = {
                let _entered = runtime.enter();
                Sip::start(&[listen], connections, deliver).expect("a free port")
            };
            Net { sip, inbound, _runtime: runtime }
        }
        fn connect(&self) -> Client {
            let client = Client::connect(self.sip.listening()[0].1).expect("a connection");
            client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
            client
        }
        fn next(&self) -> Inbound {
            self.inbound.recv_timeout(PATIENCE).expect("something comes")
        }
        fn bad(&self) -> u64 {
            self.sip.counters().bad.load(Ordering::Relaxed)
        }
    }

    fn options(more: &str) -> String {
        format!(
            "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\n\
             To: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n{more}\r\n"
        )
    }

    fn pings(mut client: &Client) -> bool {
        let mut pong = [0; 2];
        let asked = client.write_all(b"\r\n\r\n").and_then(|()| client.read_exact(&mut pong));
        asked.is_ok() && pong == *b"\r\n"
    }

    #[test]
    fn one_connection_too_many_is_closed_and_the_others_are_not() {
        let net = Net::start(2);
        let (first, second) = (net.connect(), net.connect());
        assert!(pings(&first) && pings(&second));
        assert!(!pings(&net.connect()));
        assert_eq!(net.sip.counters().refused.load(Ordering::Relaxed), 1);
        assert!(pings(&first) && pings(&second));
        drop(first);
        assert!(matches!(net.next(), Inbound::FlowFailed(_)));
        assert!(pings(&net.connect()), "there is room again");
    }

    #[test]
    fn a_peer_that_does_not_read_loses_its_connection_and_the_flow_fails_at_once() {
        let net = Net::start(9);
        let client = net.connect();
        assert!(pings(&client));
        let (local, remote) =
            (client.peer_addr().expect("an address"), client.local_addr().expect("an address"));
        let flow = Flow { transport: Transport::Tcp, local, remote };
        let message = Message::parse(options(&format!("X: {}\r\n", "x".repeat(8_000))).as_bytes());
        let message = message.expect("a message");
        let full = (0..100_000).find(|_| {
            net.sip.send(flow, &message);
            net.sip.counters().dropped.load(Ordering::Relaxed) > 0
        });
        assert!(full.is_some(), "the queue has a bound");
        assert!(matches!(net.next(), Inbound::FlowFailed(failed) if failed == flow));
    }

    #[test]
    fn a_connection_that_may_not_be_opened_is_a_flow_that_failed() {
        let net = Net::start(1);
        let holder = net.connect();
        assert!(pings(&holder));
        let (local, remote) = (net.sip.listening()[0].1, ([127, 0, 0, 9], 9).into());
        let flow = Flow { transport: Transport::Tcp, local, remote };
        let message = Message::parse(options("").as_bytes()).expect("a message");
        net.sip.send(flow, &message);
        assert!(matches!(net.next(), Inbound::FlowFailed(failed) if failed == flow));
        assert!(pings(&holder));
    }

    #[test]
    fn a_broken_message_of_known_length_costs_no_more_than_itself() {
        let net = Net::start(9);
        let mut client = net.connect();
        let broken = options("no colon\r\nContent-Length: 0\r\n");
        let whole = options("Content-Length: 0\r\n");
        client.write_all(format!("{broken}{whole}").as_bytes()).expect("sent");
        let Inbound::Bad(_, error) = net.next() else { panic!("it is broken") };
        assert!(error.salvage().is_some(), "400 can be answered");
        assert!(matches!(net.next(), Inbound::Message(..)));
        assert!(pings(&client));
        assert_eq!(net.bad(), 1);
    }

    #[test]
    fn the_last_word_is_read_though_the_peer_goes_on_sending() {
        let net = Net::start(9);
        let mut client = net.connect();
        // Without Content-Length nobody knows where the next message begins.
        client.write_all(options("").as_bytes()).expect("sent");
        let Inbound::Bad(flow, error) = net.next() else { panic!("it is broken") };
        assert!(error.ends_stream());
        let rest = options("").repeat(500);
        client.write_all(rest.as_bytes()).expect("it still listens");
        let answer = options("Content-Length: 0\r\n")
            .replace("OPTIONS sip:a@h SIP/2.0", "SIP/2.0 400 No Content-Length");
        net.sip.send(flow, &Message::parse(answer.as_bytes()).expect("a message"));
        let mut read = String::new();
        client.read_to_string(&mut read).expect("an orderly end, no reset");
        assert_eq!(read, answer);
        drop(client);
        assert!(matches!(net.next(), Inbound::FlowFailed(gone) if gone == flow));
        assert_eq!(net.bad(), 1, "what follows is not looked at");
    }
}
