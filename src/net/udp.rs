//! SIP over UDP: one socket, one thread that waits for datagrams and parses them. Those of a source that is
//! banned are dropped unread.
//!
//! Sending is done by whoever sends, without waiting: a full socket buffer drops the datagram,
//! which SIP's retransmission makes good. STUN's keep-alive is answered here (RFC 5626 §8). A peer that cannot be reached, as the system or an ICMP
//! error says, is told of as a flow that failed (RFC 3261 §18.4).

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Type};

use super::pace::Pace;
use super::{Counters, Deliver, Gate, Inbound, unreachable};
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::{Message, Method};
use crate::wire::stun;

/// How long the thread waits at most before it looks whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(200);
/// What the kernel may hold for us, bytes: about 2,000 messages of a burst.
const BUFFER_BYTES: usize = 4 << 20;
/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 65_535;
/// Datagrams that are taken before it is looked at anything else.
const MOST_AT_ONCE: usize = 256;
/// Errors of earlier datagrams that may stand before one of our own.
const MOST_PENDING: usize = 8;

/// An open UDP socket with its thread; closed when dropped.
pub struct Socket {
    socket: Arc<socket2::Socket>,
    local: SocketAddr,
    deliver: Deliver,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Socket {
    /// Binds `address` and begins to deliver.
    pub fn open(
        address: SocketAddr,
        shown: IpAddr,
        deliver: Deliver,
        counters: Arc<Counters>,
        gate: Gate,
    ) -> io::Result<Socket> {
        let socket =
            socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // `[::]` and `0.0.0.0` are two listeners: an IPv4 peer must not appear as IPv6.
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        // The kernel caps it at net.core.rmem_max; less is no error.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
        socket.set_read_timeout(Some(STOP_CHECK))?;
        if let Err(error) = unreachable::listen(&socket, address.is_ipv4()) {
            tracing::warn!("SIP on {address}: ICMP errors are not heard of: {error}");
        }
        let bound = socket.local_addr()?.as_socket().expect("bound to an IP address");
        let local = SocketAddr::new(shown, bound.port());
        let (socket, stop) = (Arc::new(socket), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::Builder::new().name("sip-udp".into()).spawn({
            let (socket, stop, deliver) = (socket.clone(), stop.clone(), deliver.clone());
            move || receive(&socket, local, &stop, &deliver, &counters, &gate)
        })?;
        Ok(Socket { socket, local, deliver, stop, thread: Some(thread) })
    }

    /// The address as peers see it.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends one datagram now or not at all; says whether it went.
    pub fn send(&self, flow: Flow, bytes: &[u8]) -> bool {
        let to = SockAddr::from(flow.remote);
        let send = || self.socket.send_to_with_flags(bytes, &to, libc::MSG_DONTWAIT);
        let full = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        // An error may be that of an earlier datagram, to somebody else; each try takes one away.
        let mut sent = send();
        for _ in 0..MOST_PENDING {
            match &sent {
                Err(error) if !full(error) => sent = send(),
                _ => break,
            }
        }
        if let Err(error) = &sent
            && !full(error)
        {
            let _ = (self.deliver)(Inbound::FlowFailed(flow));
        }
        sent.is_ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn receive(
    socket: &socket2::Socket,
    local: SocketAddr,
    stop: &AtomicBool,
    deliver: &Deliver,
    counters: &Counters,
    gate: &Gate,
) {
    let receiver = Receiver { socket, local, deliver, counters, gate };
    let mut batch = Vec::with_capacity(MOST_AT_ONCE);
    let mut buffer = vec![MaybeUninit::<u8>::uninit(); DATAGRAM_BYTES];
    let mut pace = Pace::new(Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let rest = pace.rest(Instant::now());
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
        // One is waited for; what else is there is taken with it.
        let (mut flags, mut found) = (0, 0);
        let end = loop {
            let (len, from) = match socket.recv_from_with_flags(&mut buffer, flags) {
                Ok(received) => received,
                Err(error) => break error.kind(),
            };
            // SAFETY: the kernel has written the first `len` bytes.
            #[allow(unsafe_code)]
            let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), len) };
            if let Some(remote) = from.as_socket() {
                batch.extend(receiver.datagram(remote, bytes));
            }
            (flags, found) = (libc::MSG_DONTWAIT, found + 1);
            if found == MOST_AT_ONCE {
                break io::ErrorKind::WouldBlock;
            }
        };
        match batch.iter().all(is_refresh) {
            true => pace.found_refreshes(Instant::now(), found),
            false => pace.found(Instant::now(), found),
        }
        // Together: the switch is woken once, and finds them all.
        batch.drain(..).for_each(|inbound| receiver.deliver(inbound));
        if found == 0 || end != io::ErrorKind::WouldBlock {
            // A timeout, or an ICMP error of an earlier send.
            receiver.tell_unreachable();
        }
    }
}

/// What the thread needs for a datagram.
struct Receiver<'a> {
    socket: &'a socket2::Socket,
    local: SocketAddr,
    deliver: &'a Deliver,
    counters: &'a Counters,
    gate: &'a Gate,
}

impl Receiver<'_> {
    /// What a datagram has for the switch, if anything.
    fn datagram(&self, remote: SocketAddr, bytes: &[u8]) -> Option<Inbound> {
        let Receiver { socket, local, counters, gate, .. } = self;
        if gate.drops(remote.ip(), bytes) {
            counters.add(|c| &c.banned);
            return None;
        }
        if is_keep_alive(bytes) {
            return None;
        }
        if stun::is_stun(bytes) {
            answer_stun(socket, bytes, remote, counters);
            return None;
        }
        let flow = Flow { transport: Transport::Udp, local: *local, remote };
        Some(match Message::parse(bytes) {
            Ok(message) => {
                counters.add(|c| &c.received);
                Inbound::Message(flow, message)
            }
            Err(error) => {
                counters.add(|c| &c.bad);
                Inbound::Bad(flow, error)
            }
        })
    }

    fn deliver(&self, inbound: Inbound) {
        if (self.deliver)(inbound).is_err() {
            self.counters.add(|c| &c.dropped);
        }
    }

    /// Flows that failed, as ICMP says.
    fn tell_unreachable(&self) {
        while let Some(peer) = unreachable::next(self.socket) {
            let Some(remote) = peer else { continue };
            let flow = Flow { transport: Transport::Udp, local: self.local, remote };
            // What finds no room is made good by a timer.
            let _ = (self.deliver)(Inbound::FlowFailed(flow));
        }
    }
}

/// Tells a phone that asks which address it is seen at (RFC 5626 §3.5.2): it learns that its NAT has
/// forgotten it, and the NAT is reminded.
fn answer_stun(socket: &socket2::Socket, bytes: &[u8], remote: SocketAddr, counters: &Counters) {
    match stun::Request::parse(bytes) {
        Some(request) => {
            counters.add(|c| &c.pings);
            // One that finds no room is asked for again.
            let answer = request.answer(remote);
            let _ = socket.send_to_with_flags(&answer, &remote.into(), libc::MSG_DONTWAIT);
        }
        None => counters.add(|c| &c.bad),
    }
}

/// What nobody waits for: a phone says that it is still there, or is told that we are.
fn is_refresh(inbound: &Inbound) -> bool {
    matches!(inbound, Inbound::Message(_, message)
        if matches!(message.method(), Method::Register | Method::Options))
}

/// CRLF, zero bytes and the like hold a NAT's door open and want no answer over UDP.
fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0 | b' '))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn all_addresses_of_both_families_are_two_listeners_of_one_port() {
        let deliver: Deliver = Arc::new(|_| Ok(()));
        let open = |address: &str, shown: &str| {
            let at: SocketAddr = address.parse().expect("an address");
            let shown = shown.parse().expect("an address");
            Socket::open(at, shown, deliver.clone(), Arc::default(), Gate::default())
        };
        let six = open("[::]:0", "::1").expect("a free port");
        let four = open(&format!("0.0.0.0:{}", six.local().port()), "127.0.0.1");
        assert_eq!(four.expect("the other family's").local().port(), six.local().port());
    }

    #[test]
    fn a_stun_keep_alive_is_answered_with_the_address_it_came_from() {
        let counters: Arc<Counters> = Arc::default();
        let deliver: Deliver = Arc::new(|inbound| panic!("not for the switch: {inbound:?}"));
        let shown = IpAddr::from([127, 0, 0, 1]);
        let any = SocketAddr::new(shown, 0);
        let socket = Socket::open(any, shown, deliver, counters.clone(), Gate::default())
            .expect("a free port");
        let phone = std::net::UdpSocket::bind(any).expect("a free port");
        phone.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        let request = stun::Request { transaction: *b"belfry-stun.", unknown: Vec::new() };
        let mut asked = b"\0\x01\0\0\x21\x12\xa4\x42".to_vec();
        asked.extend(request.transaction);
        // Broken ones get no answer, and cost the next nothing.
        phone.send_to(&[&asked[..], b"x"].concat(), socket.local()).expect("sent");
        phone.send_to(b"\r\n\r\n", socket.local()).expect("sent");
        phone.send_to(&asked, socket.local()).expect("sent");
        let mut answer = [0; 128];
        let len = phone.recv(&mut answer).expect("an answer");
        assert_eq!(answer[..len], request.answer(phone.local_addr().expect("an address")));
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        assert_eq!((count(&counters.pings), count(&counters.bad)), (1, 1));
    }

    #[test]
    fn datagrams_of_who_is_banned_are_dropped_unread() {
        let (to, inbound) = channel();
        let deliver: Deliver = Arc::new(move |inbound| {
            let _ = to.send(inbound);
            Ok(())
        });
        let (counters, gate): (Arc<Counters>, _) = (Arc::default(), Gate::default());
        let shown = IpAddr::from([127, 0, 0, 1]);
        let any = SocketAddr::new(shown, 0);
        let socket = Socket::open(any, shown, deliver, counters.clone(), gate.clone());
        let socket = socket.expect("a free port");
        let peer = std::net::UdpSocket::bind(any).expect("a free port");
        let source = crate::base::Source::of(shown);
        gate.order(super::super::gate::Order::Ban(source, Duration::from_secs(3_600)));
        peer.send_to(b"rubbish", socket.local()).expect("sent");
        while counters.banned.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        gate.order(super::super::gate::Order::Unban(source));
        peer.send_to(b"rubbish again", socket.local()).expect("sent");
        let heard = inbound.recv_timeout(Duration::from_secs(20)).expect("the second");
        assert!(matches!(heard, Inbound::Bad(..)), "{heard:?}");
        assert_eq!(counters.bad.load(Ordering::Relaxed), 1, "the first was not even parsed");
    }

    #[test]
    fn a_peer_that_is_not_there_is_told_of_as_a_flow_that_failed() {
        let (to, inbound) = channel();
        let deliver: Deliver = Arc::new(move |inbound| {
            let _ = to.send(inbound);
            Ok(())
        });
        let shown = IpAddr::from([127, 0, 0, 1]);
        let any = SocketAddr::new(shown, 0);
        let socket = Socket::open(any, shown, deliver, Arc::default(), Gate::default())
            .expect("a free port");
        // A port that was free a moment ago, and one that is somebody's.
        let gone = std::net::UdpSocket::bind(any).and_then(|s| s.local_addr()).expect("an address");
        let there = std::net::UdpSocket::bind(any).expect("a free port");
        let at = there.local_addr().expect("an address");
        let flow = |remote| Flow { transport: Transport::Udp, local: socket.local(), remote };
        assert!(socket.send(flow(gone), b"OPTIONS"));
        let told = inbound.recv_timeout(Duration::from_secs(20)).expect("an ICMP error");
        assert!(matches!(told, Inbound::FlowFailed(failed) if failed == flow(gone)), "{told:?}");
        // The others' datagrams go, whoever else is not there.
        for _ in 0..9 {
            assert!(socket.send(flow(gone), b"OPTIONS"));
            assert!(socket.send(flow(at), b"OPTIONS"));
        }
        let mut buffer = [0; 16];
        for _ in 0..9 {
            assert_eq!(there.recv(&mut buffer).expect("a datagram"), 7);
        }
        // No way at all: the system says so at once.
        assert!(!socket.send(flow("[::1]:5060".parse().expect("an address")), b"OPTIONS"));
        let nowhere = inbound
            .try_iter()
            .filter(|told| matches!(told, Inbound::FlowFailed(failed) if failed.remote.is_ipv6()));
        assert_eq!(nowhere.count(), 1);
    }
}
