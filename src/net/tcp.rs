//! SIP over TCP: one task reads a connection, one writes it (RFC 3261 §18).
//!
//! A connection is known by the two addresses of its flow; who sends to a peer without one opens
//! it. Bounds: connections in all, bytes a peer may leave unread, the time a message may take to
//! arrive whole and a connection may stay silent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Counters, Deliver, Inbound};
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Frame, Framer, Limits};

/// Messages that wait for a peer that reads slowly; more are dropped and its connection closed.
const QUEUE: usize = 256;
/// Nothing at all for this long, not even a keep-alive: the peer is gone.
const IDLE: Duration = Duration::from_secs(3_700);
/// A begun message must be whole after this long.
const WHOLE_MESSAGE: Duration = Duration::from_secs(30);
/// A connection must stand after this long.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection stays open after a broken message, so that the 400 gets out.
const LAST_WORD: Duration = Duration::from_millis(100);
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
    /// dropped.
    pub fn send(&self, flow: Flow, bytes: &[u8]) -> bool {
        let mut map = self.shared.map.lock().expect("no holder panics");
        if let Some(queue) = map.get(&flow) {
            match queue.messages.try_send(bytes.to_vec()) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Full(_)) => return false,
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        if map.len() >= self.shared.most {
            self.shared.counters.add(|c| &c.refused);
            return false;
        }
        let (queue, queued) = self.shared.queue();
        let sent = queue.messages.try_send(bytes.to_vec()).is_ok();
        let connection =
            Connection { flow, number: queue.number, queued, shared: self.shared.clone() };
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
    fn queue(&self) -> (Queue, mpsc::Receiver<Vec<u8>>) {
        let (messages, queued) = mpsc::channel(QUEUE);
        (Queue { number: self.made.fetch_add(1, Ordering::Relaxed), messages }, queued)
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
        let (queue, queued) = shared.queue();
        let connection = Connection { flow, number: queue.number, queued, shared: shared.clone() };
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
    queued: mpsc::Receiver<Vec<u8>>,
    shared: Shared,
}

impl Connection {
    async fn connect(self) {
        match timeout(CONNECT, TcpStream::connect(self.flow.remote)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            _ => self.end().await,
        }
    }

    async fn serve(mut self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        let (pong, pongs) = mpsc::channel(4);
        tokio::select! {
            () = read(reader, self.flow, pong, &self.shared) => {}
            () = write(writer, &mut self.queued, pongs) => {}
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

async fn read(mut reader: OwnedReadHalf, flow: Flow, pong: mpsc::Sender<()>, shared: &Shared) {
    let mut framer = Framer::new(Limits::default());
    let mut buffer = vec![0; 16 << 10];
    loop {
        let patience = if framer.pending() == 0 { IDLE } else { WHOLE_MESSAGE };
        let Ok(Ok(len)) = timeout(patience, reader.read(&mut buffer)).await else { return };
        if len == 0 {
            return;
        }
        framer.push(&buffer[..len]);
        for frame in framer.by_ref() {
            let inbound = match frame {
                Ok(Frame::Ping) => {
                    let _ = pong.try_send(());
                    continue;
                }
                Ok(Frame::Message(message)) => {
                    shared.counters.add(|c| &c.received);
                    Inbound::Message(flow, message)
                }
                Err(error) => {
                    // Where the next message begins is unknown now: say why and hang up.
                    shared.counters.add(|c| &c.bad);
                    shared.deliver(Inbound::Bad(flow, error)).await;
                    tokio::time::sleep(LAST_WORD).await;
                    return;
                }
            };
            shared.deliver(inbound).await;
        }
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
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
