//! SIP over UDP: one socket, one thread that waits for datagrams and parses them.
//!
//! Sending is done by whoever sends, without waiting: a full socket buffer drops the datagram,
//! which SIP's retransmission makes good.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Type};

use super::{Counters, Deliver, Inbound};
use crate::sip::flow::{Flow, Transport};
use crate::wire::sip::Message;

/// How long the thread waits at most before it looks whether it is to stop.
const STOP_CHECK: Duration = Duration::from_millis(200);
/// What the kernel may hold for us, bytes: about 2,000 messages of a burst.
const BUFFER_BYTES: usize = 4 << 20;
/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 65_535;

/// An open UDP socket with its thread; closed when dropped.
pub struct Socket {
    socket: Arc<socket2::Socket>,
    local: SocketAddr,
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
    ) -> io::Result<Socket> {
        let socket =
            socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.bind(&address.into())?;
        // The kernel caps it at net.core.rmem_max; less is no error.
        let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(BUFFER_BYTES);
        socket.set_read_timeout(Some(STOP_CHECK))?;
        let bound = socket.local_addr()?.as_socket().expect("bound to an IP address");
        let local = SocketAddr::new(shown, bound.port());
        let (socket, stop) = (Arc::new(socket), Arc::new(AtomicBool::new(false)));
        let thread = std::thread::Builder::new().name("sip-udp".into()).spawn({
            let (socket, stop) = (socket.clone(), stop.clone());
            move || receive(&socket, local, &stop, &deliver, &counters)
        })?;
        Ok(Socket { socket, local, stop, thread: Some(thread) })
    }

    /// The address as peers see it.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends one datagram now or not at all; says whether it went.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        self.socket.send_to_with_flags(bytes, &SockAddr::from(to), libc::MSG_DONTWAIT).is_ok()
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
) {
    let mut buffer = vec![MaybeUninit::<u8>::uninit(); DATAGRAM_BYTES];
    while !stop.load(Ordering::Relaxed) {
        // A timeout, or an ICMP error of an earlier send: nothing to read either way.
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let Some(remote) = from.as_socket() else { continue };
        // SAFETY: the kernel has written the first `len` bytes.
        #[allow(unsafe_code)]
        let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), len) };
        if is_keep_alive(bytes) {
            continue;
        }
        let flow = Flow { transport: Transport::Udp, local, remote };
        let inbound = match Message::parse(bytes) {
            Ok(message) => {
                counters.add(|c| &c.received);
                Inbound::Message(flow, message)
            }
            Err(error) => {
                counters.add(|c| &c.bad);
                Inbound::Bad(flow, error)
            }
        };
        if deliver(inbound).is_err() {
            counters.add(|c| &c.dropped);
        }
    }
}

/// CRLF, zero bytes and the like hold a NAT's door open and want no answer over UDP.
fn is_keep_alive(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0 | b' '))
}
