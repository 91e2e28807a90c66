//! All connections that carry SIP: over TCP (RFC 3261 §18), TLS and WebSocket (RFC 7118).
//!
//! ```text
//!  peer ─▶ listener ─▶ accept ─┐ known by its flow       ┌─▶ Inbound ─▶ switch
//!                              ├─▶ Connection: its life ─┤
//!  switch ─▶ send ─▶ connect ──┘ a bounded queue each    └─▶ the flow failed
//! ```
//!
//! A connection is known by the two addresses of its flow; who sends to a peer without one opens
//! it. Nobody can be called over WebSocket: a browser's flow ends with its connection. Bounds:
//! connections in all, those of one source, those of them whose handshake is not done, messages that wait
//! for a peer. A part is kept for connections that we open and for who is known (gateways, configured
//! networks), so that strangers who hold theirs idle cut nobody off.
//!
//! Not here: what happens on one of them (`connection`).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};

use super::complaint::{Complaints, and_more};
use super::connection::{Connection, Ends, Queued};
use super::tls::Tls;
use super::websocket::Origins;
use super::{Counters, Deliver, Gate, Inbound, Streams};
use crate::base::Source;
use crate::sip::flow::{Flow, Transport};

/// Messages, and their bytes, that wait for a peer that reads slowly; more are dropped and its connection
/// closed.
const QUEUE: usize = 256;
const QUEUE_BYTES: usize = 256 << 10;
/// One connection in so many is kept for those that we open and for who is allowed.
const KEPT: usize = 8;
/// One connection in so many may be one whose handshake is not done.
const HANDSHAKING: usize = 4;
/// How long to wait before the switch is asked again to take a message.
const RETRY: Duration = Duration::from_millis(5);

#[allow(
    clippy::disallowed_types,
    reason = "the map is shared by the switch's sends and tokio's tasks"
)]
type Map = Arc<Mutex<Table>>;

/// The connections, and how many have come in from each source.
#[derive(Default)]
struct Table {
    by_flow: HashMap<Flow, Queue>,
    of_source: HashMap<Source, usize>,
    /// To whom requests go over another connection (`alias`): over which, and its number.
    aliases: HashMap<Flow, (Flow, u64)>,
}

impl Table {
    fn insert(&mut self, flow: Flow, queue: Queue) {
        if queue.called_us {
            *self.of_source.entry(Source::of(flow.remote.ip())).or_default() += 1;
        }
        if let Some(before) = self.by_flow.insert(flow, queue) {
            self.count_off(flow, &before);
        }
    }

    /// The connection that what is for `flow` goes over: its own, or else one whose peer wants it so.
    fn way(&self, flow: Flow) -> Flow {
        if self.by_flow.contains_key(&flow) {
            return flow;
        }
        let alias = self.aliases.get(&flow);
        let stands = |(to, number): &&(Flow, u64)| {
            self.by_flow.get(to).is_some_and(|queue| queue.number == *number)
        };
        alias.filter(stands).map_or(flow, |(to, _)| *to)
    }

    /// The flows that led over connection `number` alone, and are no more.
    fn unalias(&mut self, number: u64) -> Vec<Flow> {
        let gone = self.aliases.extract_if(|_, (_, of)| *of == number);
        let gone: Vec<Flow> = gone.map(|(flow, _)| flow).collect();
        gone.into_iter().filter(|flow| !self.by_flow.contains_key(flow)).collect()
    }

    fn remove(&mut self, flow: Flow) -> Option<Queue> {
        let queue = self.by_flow.remove(&flow)?;
        self.count_off(flow, &queue);
        Some(queue)
    }

    fn count_off(&mut self, flow: Flow, queue: &Queue) {
        let source = Source::of(flow.remote.ip());
        if let (true, Some(count)) = (queue.called_us, self.of_source.get_mut(&source)) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
    }
}

/// The way to a connection's writer; `number` tells it from an earlier one of the same flow.
pub(super) struct Queue {
    pub(super) number: u64,
    /// The peer has opened it.
    pub(super) called_us: bool,
    messages: mpsc::Sender<Vec<u8>>,
    /// Bytes of them that are not yet the kernel's.
    waiting: Arc<AtomicUsize>,
    /// Ends the connection at once, whatever it waits for.
    cut: oneshot::Sender<()>,
}

impl Queue {
    /// Queues `bytes`. `Err`: the peer has left too much unread (`true`), or the connection has ended.
    fn put(&self, bytes: &[u8]) -> Result<(), bool> {
        // Only the switch's thread adds, under the table's lock; the writer takes away.
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting + bytes.len() > QUEUE_BYTES {
            return Err(true);
        }
        self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        let full = |error| matches!(error, mpsc::error::TrySendError::Full(_));
        self.messages.try_send(bytes.to_vec()).map_err(full)
    }
}

/// What each listener is bound to, by what peers see of it.
#[allow(clippy::disallowed_types, reason = "listeners are added while tasks may read")]
type Bound = Arc<Mutex<HashMap<(Transport, SocketAddr), IpAddr>>>;

/// How many there are, for whoever wants to know.
#[derive(Clone)]
pub(super) struct Open(Map);

impl Open {
    pub(super) fn count(&self) -> usize {
        self.0.lock().expect("no holder panics").by_flow.len()
    }
}

/// All of them.
pub struct Connections {
    shared: Shared,
    accepting: Vec<tokio::task::JoinHandle<()>>,
}

/// What the tasks of all connections share.
#[derive(Clone)]
pub(super) struct Shared {
    map: Map,
    made: Arc<AtomicU64>,
    /// The most connections at once, and those of one source.
    most: usize,
    most_of_source: usize,
    pub(super) gate: Gate,
    handshaking: Arc<AtomicUsize>,
    bound: Bound,
    pub(super) tls: Tls,
    pub(super) origins: Origins,
    pub(super) complaints: Arc<Complaints>,
    deliver: Deliver,
    pub(super) counters: Arc<Counters>,
    runtime: tokio::runtime::Handle,
}

impl Connections {
    /// None yet, and never more than `streams` say, whoever opens them. Must be called within a tokio
    /// runtime.
    pub fn new(
        streams: Streams,
        gate: Gate,
        deliver: Deliver,
        counters: Arc<Counters>,
    ) -> Connections {
        let Streams { most, most_of_source, tls, origins } = streams;
        let shared = Shared {
            map: Map::default(),
            made: Arc::default(),
            most,
            most_of_source: if most_of_source == 0 { most } else { most_of_source },
            gate,
            handshaking: Arc::default(),
            bound: Bound::default(),
            tls,
            origins,
            complaints: Arc::default(),
            deliver,
            counters,
            runtime: tokio::runtime::Handle::current(),
        };
        Connections { shared, accepting: Vec::new() }
    }

    /// Listens on `address`; gives it as peers see it.
    pub fn listen(
        &mut self,
        transport: Transport,
        address: SocketAddr,
        shown: IpAddr,
    ) -> io::Result<SocketAddr> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        if address.is_ipv6() {
            // `[::]` and `0.0.0.0` are two listeners: an IPv4 peer must not appear as IPv6.
            socket2::SockRef::from(&socket).set_only_v6(true)?;
        }
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        let local = SocketAddr::new(shown, listener.local_addr()?.port());
        let mut bound = self.shared.bound.lock().expect("no holder panics");
        bound.insert((transport, local), address.ip());
        drop(bound);
        let shared = self.shared.clone();
        let task = self.shared.runtime.spawn(accept(listener, transport, local, shared));
        self.accepting.push(task);
        Ok(local)
    }

    pub(super) fn open(&self) -> Open {
        Open(self.shared.map.clone())
    }

    /// Queues `bytes` for the peer of `flow`, opening a connection where there is none. `false`:
    /// dropped, and [`Inbound::FlowFailed`] says so: a peer that does not read loses its connection.
    pub fn send(&self, flow: Flow, bytes: &[u8]) -> bool {
        let mut map = self.shared.map.lock().expect("no holder panics");
        let way = map.way(flow);
        if let Some(queue) = map.by_flow.get(&way) {
            match queue.put(bytes) {
                Ok(()) => return true,
                Err(true) => {
                    if let Some(queue) = map.remove(way) {
                        // The connection's own end tells of it.
                        let _ = queue.cut.send(());
                    }
                    drop(map);
                    self.shared.counters.add(|c| &c.unread);
                    let now = std::time::Instant::now();
                    if let Some(left_out) = self.shared.complaints.of(flow.remote.ip(), now) {
                        tracing::warn!(
                            "SIP to {}: it does not read what it is sent: closed{}",
                            flow.remote,
                            and_more(left_out)
                        );
                    }
                    return false;
                }
                Err(false) => {}
            }
        }
        let callable = matches!(flow.transport, Transport::Tcp | Transport::Tls);
        if !callable || map.by_flow.len() >= self.shared.most {
            if callable {
                self.shared.counters.add(|c| &c.refused);
            }
            let shared = self.shared.clone();
            let failed = async move { shared.deliver(Inbound::FlowFailed(flow)).await };
            self.shared.runtime.spawn(failed);
            return false;
        }
        let (queue, ends) = self.shared.queue(false);
        let sent = queue.put(bytes).is_ok();
        let connection = Connection::new(flow, &queue, ends, self.shared.clone());
        map.insert(flow, queue);
        drop(map);
        self.shared.runtime.spawn(connection.connect());
        sent
    }
}

impl Connections {
    /// Ends the connections that came in from `source`.
    pub(super) fn cut(&self, source: Source) {
        let mut map = self.shared.map.lock().expect("no holder panics");
        if !map.of_source.contains_key(&source) {
            return;
        }
        let own = |(flow, queue): (&Flow, &Queue)| {
            (queue.called_us && Source::of(flow.remote.ip()) == source).then_some(*flow)
        };
        let flows: Vec<Flow> = map.by_flow.iter().filter_map(own).collect();
        for queue in flows.into_iter().filter_map(|flow| map.remove(flow)) {
            // The connection's own end tells of it.
            let _ = queue.cut.send(());
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.accepting.iter().for_each(|task| task.abort());
        *self.shared.map.lock().expect("no holder panics") = Table::default();
    }
}

impl Shared {
    fn queue(&self, called_us: bool) -> (Queue, Ends) {
        let (messages, queued) = mpsc::channel(QUEUE);
        let (cut, cuts) = oneshot::channel();
        let waiting: Arc<AtomicUsize> = Arc::default();
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let queued = Queued { messages: queued, waiting: waiting.clone() };
        (Queue { number, called_us, messages, waiting, cut }, Ends { queued, cuts })
    }

    /// Hands `inbound` to the switch, however long that takes: over a stream nothing is lost.
    pub(super) async fn deliver(&self, mut inbound: Inbound) {
        while let Err(back) = (self.deliver)(inbound) {
            inbound = back;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Takes connection `number` out of the map. Gives the flows that are over with it: its own, unless a
    /// newer one has its place, and those that led over it.
    pub(super) fn forget(&self, flow: Flow, number: u64) -> Vec<Flow> {
        let mut map = self.map.lock().expect("no holder panics");
        let mut over = map.unalias(number);
        if map.by_flow.get(&flow).is_none_or(|queue| queue.number == number) {
            map.remove(flow);
            over.push(flow);
        }
        over
    }

    /// What is for `to` goes over connection `number` of `flow` from now on, while it stands and there is no
    /// other.
    pub(super) fn alias(&self, to: Flow, flow: Flow, number: u64) {
        let mut map = self.map.lock().expect("no holder panics");
        if map.by_flow.get(&flow).is_some_and(|queue| queue.number == number) {
            map.aliases.insert(to, (flow, number));
        }
    }

    /// A socket for a connection of ours on `flow`: from the address that its listener is bound to, for
    /// a peer may know us by it, and a machine may have several.
    pub(super) fn socket(&self, flow: Flow) -> io::Result<TcpSocket> {
        let socket = match flow.remote {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        let bound = self.bound.lock().expect("no holder panics");
        let own = bound.get(&(flow.transport, flow.local)).filter(|own| !own.is_unspecified());
        if let Some(own) = own.filter(|own| own.is_ipv4() == flow.remote.is_ipv4()) {
            socket.bind(SocketAddr::new(*own, 0))?;
        }
        Ok(socket)
    }

    /// A place among the connections that shake hands; `None`: there are too many.
    pub(super) fn handshake(&self) -> Option<Handshaking> {
        let place = Handshaking(self.handshaking.clone());
        let before = self.handshaking.fetch_add(1, Ordering::Relaxed);
        (before < (self.most / HANDSHAKING).max(1)).then_some(place)
    }
}

/// A place among the connections that shake hands, until it is dropped.
pub(super) struct Handshaking(Arc<AtomicUsize>);

impl Drop for Handshaking {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, transport: Transport, local: SocketAddr, shared: Shared) {
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            // Out of file handles, mostly: give others time to close.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let flow = Flow { transport, local, remote };
        if let Some(connection) = admit(flow, &shared) {
            shared.runtime.spawn(connection.accepted(stream));
        }
    }
}

/// Makes room for a connection that came in; `None`: there is none.
fn admit(flow: Flow, shared: &Shared) -> Option<Connection> {
    let address = flow.remote.ip();
    if shared.gate.is_banned(address) {
        shared.counters.add(|c| &c.banned);
        return None;
    }
    let allowed = shared.gate.is_allowed(address);
    let (queue, ends) = shared.queue(true);
    let connection = Connection::new(flow, &queue, ends, shared.clone());
    let mut map = shared.map.lock().expect("no holder panics");
    let own = map.of_source.get(&Source::of(address)).copied().unwrap_or_default();
    let most = if allowed { shared.most } else { shared.most - shared.most / KEPT };
    if map.by_flow.len() >= most || !allowed && own >= shared.most_of_source {
        shared.counters.add(|c| &c.refused);
        return None;
    }
    map.insert(flow, queue);
    Some(connection)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::super::connection::FIRST_MESSAGE;
    use super::*;

    /// Talks over a pipe whose far end says `words`, and gives the time until the end.
    async fn lasts(called_us: bool, words: &[u8]) -> (Duration, u64) {
        let counters: Arc<Counters> = Arc::default();
        let deliver: Deliver = Arc::new(|_| Ok(()));
        let streams = Streams { most: 9, ..Streams::default() };
        let all = Connections::new(streams, Gate::default(), deliver, counters.clone());
        let at = |text: &str| text.parse().expect("an address");
        let (local, remote) = (at("192.0.2.1:5060"), at("192.0.2.2:5060"));
        let flow = Flow { transport: Transport::Tcp, local, remote };
        let (queue, ends) = all.shared.queue(called_us);
        let connection = Connection::new(flow, &queue, ends, all.shared.clone());
        let (near, mut far) = duplex(4_096);
        let (reader, writer) = tokio::io::split(near);
        let begun = Instant::now();
        let talk = tokio::spawn(connection.talk(reader, writer));
        far.write_all(words).await.expect("sent");
        let _ = far.read_to_end(&mut Vec::new()).await;
        talk.await.expect("no panic");
        drop(queue);
        (begun.elapsed(), counters.silent.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_not_for_holding() {
        assert_eq!(lasts(true, b"").await, (FIRST_MESSAGE, 1));
        assert_eq!(lasts(true, b"\r\n\r\n").await, (FIRST_MESSAGE, 1), "a ping is no message");
        let message = b"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
                        From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\
                        Content-Length: 0\r\n\r\n";
        let (lasted, silent) = lasts(true, message).await;
        assert!(lasted > Duration::from_secs(3_600) && silent == 0, "{lasted:?}");
        let (lasted, _) = lasts(false, b"").await;
        assert!(lasted > Duration::from_secs(3_600), "one of ours waits for the peer: {lasted:?}");
    }
}
