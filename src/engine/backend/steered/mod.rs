//! The fastest backend, where the process has the rights: one socket in, one socket out, whatever the
//! number of ports (docs/decisions/0011).
//!
//! ```text
//!  datagrams for  :16384 ┐ kernel, by `steering`                        ┌ from :16384
//!                 :16385 ├──▶ gate ──recvmmsg──▶ harvest ──▶ exit ──▶   ├ from :16386
//!                 :16386 ┘    (one UDP socket)   rewritten   (one raw   └ from :16388
//!                                                in place     socket)
//! ```
//!
//! With a socket for each port, most of what a packet costs is memory of the kernel's that left the
//! caches since the socket's last packet, 20 ms ago, and looks at sockets that have nothing more. One
//! socket's memory is always near, and one call takes or gives a whole turn's packets.
//!
//! Each port's own socket stays open beside: it holds the port, and takes over where a flood at one
//! port would fill the common queue (`crowd`). Firewall, routes, fragments and answers to closed ports are
//! the kernel's as ever.
//!
//! Not here: IPv6 (refused: io_uring serves it).

#![allow(unsafe_code, reason = "recvmmsg, sendmmsg and bpf have no safe wrapper in std or socket2")]
#![allow(clippy::disallowed_methods, reason = "this floor owns the sockets and waits for them")]

mod crowd;
mod exit;
mod inbox;
mod ports;
mod steering;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::drops::Drops;
use super::{Backend, Counts, DATAGRAM_BYTES, Forward, Hint, Receive, Wait, Wake};
use crate::wire::udp::HEADER_LEN;
use crowd::Crowds;
use exit::Exit;
use inbox::{BATCH, Inbox};
use ports::Ports;

pub use steering::Steering;

/// What the kernel may hold in the common queue, each way: 10,000 packets, as long as a turn may be late.
const KERNEL_BYTES: usize = 8 << 20;
/// Batches of one turn; what is left is taken in the next, which begins at once.
const ROUNDS: usize = 8;
/// After how many turns the kernel is asked what it dropped: about once a second under load.
const DROPS_EVERY: u32 = 256;
/// Datagrams that a port set apart gives in one turn: more than its socket can hold of RTP's length.
const MOST_APART: u32 = 512;
/// What all of them give in one turn, and how many are looked at: the others have their turn next. However many
/// ports are flooded, a turn takes milliseconds.
const ALL_APART: u32 = 4_096;
const VISITS: usize = 64;
/// How long a worker sleeps at most while a port is set apart.
const APART_TURN: Duration = Duration::from_millis(5);

/// See the module.
pub struct Steered {
    gate: UdpSocket,
    inbox: Inbox,
    /// Each datagram's socket, of the batch in hand.
    batch: Vec<Option<u32>>,
    exits: Vec<Exit>,
    ports: Ports,
    crowds: Crowds,
    /// Whether the last turn left something in the common queue.
    pressed: bool,
    /// What reads the ports set apart.
    apart: Box<[u8; DATAGRAM_BYTES + 128]>,
    steering: Arc<Steering>,
    sockets: Arc<[UdpSocket]>,
    wake: Wake,
    counts: Counts,
    /// Turns so far.
    turns: u32,
    /// What the kernel has dropped at each socket, the gate behind them.
    drops: Drops,
}

impl Backend for Steered {
    fn open(sockets: Arc<[UdpSocket]>, wake: Wake) -> io::Result<Steered> {
        let steering = Arc::new(Steering::new(sockets.len())?);
        Steered::by(steering, sockets, wake)
    }

    fn wait(&mut self, wait: Wait) {
        let begun = Instant::now();
        self.flush();
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(DROPS_EVERY) {
            self.note_drops();
        }
        if self.pressed {
            return;
        }
        self.counts.calls += 1;
        match wait {
            Wait::Time(span) => std::thread::sleep(span.saturating_sub(begun.elapsed())),
            Wait::Event(span) => self.sleep_until_something(span),
        }
    }

    fn harvest(&mut self, to: &mut impl Receive) {
        self.crowds.turn(self.pressed);
        self.pressed = true;
        for _ in 0..ROUNDS {
            let got = self.receive();
            for at in 0..got {
                for (hint, ahead) in Hint::ALL {
                    if let Some(Some(socket)) = self.batch.get(at + ahead) {
                        to.hint(hint, *socket);
                    }
                }
                self.hand_over(at, to);
            }
            // The next batch comes to the same places.
            self.flush();
            if got < BATCH {
                self.pressed = false;
                break;
            }
        }
        self.read_apart(to);
    }

    fn send(&mut self, socket: u32, to: SocketAddr, bytes: &[u8]) {
        let Some(port) = self.ports.get(socket) else { return };
        if bytes.len() > DATAGRAM_BYTES {
            return;
        }
        self.counts.sent += 1;
        match to {
            SocketAddr::V4(to) => {
                if !self.exits[port.exit].has_room() {
                    self.flush();
                }
                self.exits[port.exit].queue_copy(bytes, port.at, to);
            }
            // A port of IPv4 cannot send there.
            SocketAddr::V6(_) => self.counts.send_errors += 1,
        }
    }

    fn counts(&self) -> Counts {
        self.counts
    }
}

impl Steered {
    /// As [`Backend::open`], with a steering that other workers use too: it has room for these sockets.
    pub fn by(
        steering: Arc<Steering>,
        sockets: Arc<[UdpSocket]>,
        wake: Wake,
    ) -> io::Result<Steered> {
        // Its own port is of no use to anybody; it has to have one to be steered to.
        let gate = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        gate.set_nonblocking(true)?;
        inbox::tell_destination(&gate)?;
        force_buffer(&gate, libc::SO_RCVBUFFORCE, KERNEL_BYTES)?;
        let ports = Ports::of(&sockets)?;
        let exits = ports.addresses().map(Exit::open).collect::<io::Result<Vec<_>>>()?;
        for port in ports.iter() {
            steering.steer(port.at, gate.as_raw_fd())?;
        }
        for socket in sockets.iter() {
            socket.set_nonblocking(true)?;
        }
        Ok(Steered {
            gate,
            inbox: Inbox::new(),
            batch: Vec::with_capacity(BATCH),
            exits,
            ports,
            crowds: Crowds::new(sockets.len()),
            pressed: false,
            apart: Box::new([0; DATAGRAM_BYTES + 128]),
            steering,
            turns: 0,
            drops: Drops::new(sockets.len() + 1),
            sockets,
            wake,
            counts: Counts::default(),
        })
    }

    /// A batch from the gate: how many.
    fn receive(&mut self) -> usize {
        self.counts.calls += 1;
        let got = match self.inbox.receive(&self.gate) {
            Ok(got) => got,
            Err(error) => {
                let empty = error.kind() == io::ErrorKind::WouldBlock;
                self.counts.receive_errors += u64::from(!empty);
                0
            }
        };
        self.counts.received += got as u64;
        let socket = |at| self.ports.at(self.inbox.was_for(at)?);
        self.batch.clear();
        self.batch.extend((0..got).map(socket));
        got
    }

    /// Datagram `at` of the batch; what goes on is queued in its place.
    fn hand_over(&mut self, at: usize, to: &mut impl Receive) {
        let (Some(socket), Some(from)) = (self.batch[at], self.inbox.from(at)) else { return };
        if self.crowds.came(socket) {
            self.set_apart(socket);
        }
        let Some(len) = self.inbox.len(at) else {
            self.counts.oversize += 1;
            return;
        };
        let room = self.inbox.datagram(at);
        let most = room.len();
        let Some(Forward { socket, to, len }) = to.datagram(socket, from, room, len) else {
            return;
        };
        let Some(port) = self.ports.get(socket).filter(|_| len <= most) else { return };
        self.counts.sent += 1;
        match to {
            SocketAddr::V4(to) => {
                if !self.exits[port.exit].has_room() {
                    self.flush();
                }
                self.exits[port.exit].queue(self.inbox.with_header(at, len), port.at, to);
            }
            SocketAddr::V6(_) => self.counts.send_errors += 1,
        }
    }

    fn flush(&mut self) {
        for exit in &mut self.exits {
            let flushed = exit.flush();
            self.counts.calls += flushed.calls;
            self.counts.send_errors += flushed.refused;
        }
    }

    /// From now on `socket` is read by itself; what it held from before its port was steered is old.
    fn set_apart(&mut self, socket: u32) {
        let Some(port) = self.ports.get(socket) else { return };
        let own = &self.sockets[socket as usize];
        for _ in 0..MOST_APART {
            if own.recv(&mut self.apart[..]).is_err() {
                break;
            }
        }
        if self.steering.release(port.at).is_err() {
            self.counts.receive_errors += 1;
        }
    }

    fn read_apart(&mut self, to: &mut impl Receive) {
        let mut left = ALL_APART;
        for _ in 0..self.crowds.len().min(VISITS) {
            if left == 0 {
                break;
            }
            let place = self.crowds.next();
            let socket = self.crowds.socket(place);
            let read = self.read_own(socket, left.min(MOST_APART), to);
            left -= read;
            if self.crowds.read(place, read) && self.take_back(socket) {
                self.crowds.taken_back(place);
            }
        }
        self.flush();
    }

    /// Asks the kernel what it has dropped at the gate, and at the sockets that are read by themselves.
    fn note_drops(&mut self) {
        for place in 0..self.crowds.len() {
            self.note_drops_at(self.crowds.socket(place));
        }
        self.counts.calls += 1;
        self.counts.kernel_drops += self.drops.ask(self.sockets.len(), Some(&self.gate));
    }

    fn note_drops_at(&mut self, socket: u32) {
        let place = socket as usize;
        self.counts.calls += 1;
        self.counts.kernel_drops += self.drops.ask(place, self.sockets.get(place));
    }

    /// Steers it again; where that fails it is read by itself until it does not.
    fn take_back(&mut self, socket: u32) -> bool {
        let Some(port) = self.ports.get(socket) else { return false };
        self.note_drops_at(socket);
        let steered = self.steering.steer(port.at, self.gate.as_raw_fd()).is_ok();
        self.counts.receive_errors += u64::from(!steered);
        steered
    }

    /// Reads a port's own socket, `most` datagrams of it. Says how many came.
    fn read_own(&mut self, socket: u32, most: u32, to: &mut impl Receive) -> u32 {
        for read in 0..most {
            self.counts.calls += 1;
            let own = &self.sockets[socket as usize];
            let Ok((len, from)) = own.recv_from(&mut self.apart[..]) else { return read };
            self.counts.received += 1;
            if len > DATAGRAM_BYTES {
                self.counts.oversize += 1;
                continue;
            }
            if let Some(forward) = to.datagram(socket, from, &mut self.apart[..], len)
                && let Some(bytes) = self.apart.get(..forward.len)
                && let Some(from) = self.sockets.get(forward.socket as usize)
            {
                self.counts.sent += 1;
                self.counts.calls += 1;
                self.counts.send_errors += u64::from(from.send_to(bytes, forward.to).is_err());
            }
        }
        most
    }

    /// Sleeps until a datagram or a wake-up comes.
    fn sleep_until_something(&mut self, span: Duration) {
        let span = if self.crowds.len() > 0 { span.min(APART_TURN) } else { span };
        let watch = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut watched = [watch(self.gate.as_raw_fd()), watch(self.wake.fd())];
        let limit = libc::timespec {
            tv_sec: span.as_secs() as libc::time_t,
            tv_nsec: span.subsec_nanos().into(),
        };
        // SAFETY: the list and the time live until the call returns; no signal mask is given.
        unsafe {
            let count = watched.len() as libc::nfds_t;
            libc::ppoll(watched.as_mut_ptr(), count, &raw const limit, std::ptr::null());
        }
        if watched[1].revents != 0 {
            self.wake.clear();
        }
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        // Others may use the steering still; the kernel drops a closed socket's entries by itself too.
        for port in self.ports.iter() {
            let _ = self.steering.release(port.at);
        }
    }
}

/// Sets a kernel buffer's size, beyond what programs without the right may have.
fn force_buffer(socket: &impl AsRawFd, option: libc::c_int, bytes: usize) -> io::Result<()> {
    let bytes = bytes as libc::c_int;
    // SAFETY: the option takes one number, which lives until the call returns.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as u32,
        )
    };
    match set {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests;
