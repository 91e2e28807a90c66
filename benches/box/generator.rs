//! The paced generator and sink: on a core of its own, before all else there, it sends a packet a
//! stream every 20 ms, spread over them, and checks what comes back.
//!
//! ```text
//!  20 ms │ slice 0 │ slice 1 │ … │ slice 199 │     in its slice a stream takes what has come for it,
//!         └ streams 0, 200, 400 …                 then sends
//! ```
//!
//! When a packet came is told by the kernel (SO_TIMESTAMPNS), so that harvesting late adds nothing to
//! the measured delay. Loopback makes the sender pay for the receiver: so the sockets are connected,
//! which costs the kernel least. A G.711 payload that is relayed carries who sent it, and when; one that is
//! transcoded cannot.

#![allow(
    unsafe_code,
    reason = "recvmmsg and SO_TIMESTAMPNS have no safe wrapper in std or socket2"
)]

use std::io;
use std::mem::zeroed;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::belfry::base::Time;
use ::belfry::media::srtp::{Keys, Srtp};

use crate::sdp::Speech;
use crate::sound::Frames;

const PTIME: Duration = Duration::from_millis(20);
const SLICES: usize = 200;
/// RTP header.
const HEADER: usize = 12;
/// Sender's number and its time, at the head of a payload that is relayed.
const TOKEN: usize = 12;
/// Datagrams taken by one call.
const BATCH: usize = 4;
/// Bytes of the longest that can come.
const LONGEST: usize = 1_500;
/// Room for one control message with a timestamp.
const CONTROL: usize = 64;

/// One party.
pub struct Stream {
    pub socket: UdpSocket,
    /// The server's port for this party.
    pub server: SocketAddr,
    speech: Speech,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    srtp: Option<Srtp>,
}

/// What was seen in one measured span.
#[derive(Clone, Default)]
pub struct Seen {
    /// Packets that came back.
    pub received: u64,
    /// Bytes of payload in these, to the callers and to the called.
    pub bytes: [u64; 2],
    /// Packets sent, less those received.
    pub lost: i64,
    /// Packets from elsewhere, of another payload type or of another call.
    pub foreign: u64,
    /// What the server added, microseconds; sorted. Empty where packets are transcoded.
    pub delays_us: Vec<u32>,
}

impl Seen {
    /// The delay that `per_mille` of the packets stay within, milliseconds.
    pub fn delay_ms(&self, per_mille: usize) -> Option<f64> {
        let last = self.delays_us.len().checked_sub(1)?;
        Some(f64::from(self.delays_us[last * per_mille / 1_000]) / 1_000.0)
    }
}

/// The parties of some calls: 2n and 2n + 1 hear each other.
pub struct Generator {
    pub streams: Vec<Stream>,
    frames: Frames,
    buffers: Box<[Buffer; BATCH]>,
}

struct Buffer {
    bytes: [u8; LONGEST],
    from: libc::sockaddr_in,
    control: [u8; CONTROL],
}

impl Stream {
    /// A party at an even port of `ip`; the odd one above is held too, so that reports meet no
    /// closed port.
    pub fn open(ip: Ipv4Addr, port: u16, speech: Speech) -> io::Result<(Stream, UdpSocket)> {
        let (socket, reports) = (UdpSocket::bind((ip, port))?, UdpSocket::bind((ip, port + 1))?);
        socket.set_nonblocking(true)?;
        let on: libc::c_int = 1;
        // SAFETY: the option takes one int, which lives until the call returns.
        let set = unsafe {
            let value = (&raw const on).cast();
            let size = size_of::<libc::c_int>() as u32;
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                value,
                size,
            )
        };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
        let stream = Stream {
            socket,
            server: SocketAddr::from(([0, 0, 0, 0], 0)),
            speech,
            payload_type: speech.payload_type(),
            sequence: port,
            timestamp: u32::from(port) * 7_919,
            srtp: None,
        };
        Ok((stream, reports))
    }

    /// Where it is.
    pub fn at(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// From now on it talks with `server`, as payload type `pt`. What comes from elsewhere is lost
    /// then.
    pub fn talk_to(&mut self, server: SocketAddr, pt: u8) -> io::Result<()> {
        (self.server, self.payload_type) = (server, pt);
        self.socket.connect(server)
    }

    /// From now on it sends and takes SRTP.
    pub fn protect(&mut self, keys: Keys) {
        self.srtp = Some(Srtp::new(keys));
    }

    fn send(&mut self, number: u32, frames: &Frames) {
        let mut packet = [0; LONGEST];
        let payload = frames.of(self.speech, usize::from(self.sequence));
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.speech.ticks());
        packet[..2].copy_from_slice(&[0x80, self.payload_type]);
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        packet[8..HEADER].copy_from_slice(&(number + 1).to_be_bytes());
        let mut len = HEADER + payload.len();
        packet[HEADER..len].copy_from_slice(payload);
        if frames.relayed {
            packet[HEADER..][..4].copy_from_slice(&number.to_be_bytes());
            packet[HEADER + 4..][..8].copy_from_slice(&nanos().to_be_bytes());
        }
        if let Some(srtp) = &mut self.srtp {
            len = srtp.send(&mut packet, len).unwrap_or(0);
        }
        let _ = self.socket.send(&packet[..len]);
    }
}

/// The calendar's clock, by which the kernel stamps packets.
fn nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

impl Generator {
    /// Of these streams, who speak `frames`.
    pub fn new(streams: Vec<Stream>, frames: Frames) -> Generator {
        // SAFETY: plain C structures and bytes, for which all zero is valid.
        let buffer =
            || Buffer { bytes: [0; LONGEST], from: unsafe { zeroed() }, control: [0; CONTROL] };
        Generator { streams, frames, buffers: Box::new(std::array::from_fn(|_| buffer())) }
    }

    /// Sends for `warm` and then for `span`; gives what was seen in the latter, with what `account`
    /// gave at its beginning and at its end.
    pub fn run<T>(
        &mut self,
        warm: Duration,
        span: Duration,
        account: impl Fn() -> T,
    ) -> (Seen, T, T) {
        let began = Instant::now();
        let (mut seen, mut sent, mut before) = (Seen::default(), 0, None);
        seen.delays_us.reserve(self.streams.len() * (span.as_millis() as usize / 18));
        for slice in 0.. {
            let due = PTIME / SLICES as u32 * slice;
            if due >= warm && before.is_none() {
                (seen.received, seen.foreign, seen.bytes, sent) = (0, 0, [0; 2], 0);
                seen.delays_us.clear();
                before = Some(account());
            }
            if due >= warm + span {
                break;
            }
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            for number in (slice as usize % SLICES..self.streams.len()).step_by(SLICES) {
                self.drain(number, &mut seen);
                self.streams[number].send(number as u32, &self.frames);
                sent += 1;
            }
        }
        let after = account();
        // What is still under way was there at the beginning of the span too: only what is missing
        // beyond it was lost.
        seen.lost = sent - seen.received as i64;
        seen.delays_us.sort_unstable();
        (seen, before.unwrap_or_else(&account), after)
    }

    /// Takes what has come for one stream.
    fn drain(&mut self, number: usize, seen: &mut Seen) {
        loop {
            let got = self.receive(number);
            for (at, len) in got.iter().enumerate().filter_map(|(at, len)| Some((at, (*len)?))) {
                self.check(number, at, len, seen);
            }
            if got[BATCH - 1].is_none() {
                return;
            }
        }
    }

    fn check(&mut self, number: usize, at: usize, mut len: usize, seen: &mut Seen) {
        let (stream, buffer) = (&mut self.streams[number], &mut self.buffers[at]);
        if let Some(srtp) = &mut stream.srtp {
            // What does not open is shorter than anything that is expected.
            len = srtp.receive(Time::ZERO, &mut buffer.bytes[..len]).unwrap_or(0);
        }
        let from = SocketAddr::from((
            IpAddr::from(buffer.from.sin_addr.s_addr.to_ne_bytes()),
            u16::from_be(buffer.from.sin_port),
        ));
        let packet = &buffer.bytes[..len];
        let least = if self.frames.relayed { HEADER + TOKEN } else { HEADER };
        let ours = from == stream.server && len >= least;
        if !ours || packet[1] & 0x7f != stream.payload_type {
            seen.foreign += 1;
            return;
        }
        seen.received += 1;
        seen.bytes[number % 2] += (len - HEADER) as u64;
        if !self.frames.relayed {
            return;
        }
        let word = |at: usize| [0, 1, 2, 3].map(|i| packet[HEADER + at + i]);
        if u32::from_be_bytes(word(0)) != number as u32 ^ 1 {
            seen.foreign += 1;
            return;
        }
        let sent =
            u64::from(u32::from_be_bytes(word(4))) << 32 | u64::from(u32::from_be_bytes(word(8)));
        if let Some(came) = came(&buffer.control) {
            seen.delays_us.push((came.saturating_sub(sent) / 1_000).min(u32::MAX.into()) as u32);
        }
    }

    /// Up to [`BATCH`] datagrams into the buffers; the length of each.
    fn receive(&mut self, number: usize) -> [Option<usize>; BATCH] {
        // SAFETY: both are plain C structures for which all zero is valid.
        let mut vectors: [libc::iovec; BATCH] = unsafe { zeroed() };
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { zeroed() };
        for ((message, vector), buffer) in
            messages.iter_mut().zip(&mut vectors).zip(self.buffers.iter_mut())
        {
            vector.iov_base = buffer.bytes.as_mut_ptr().cast();
            vector.iov_len = LONGEST;
            let header = &mut message.msg_hdr;
            header.msg_name = (&raw mut buffer.from).cast();
            header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
            (header.msg_iov, header.msg_iovlen) = (vector, 1);
            header.msg_control = buffer.control.as_mut_ptr().cast();
            header.msg_controllen = CONTROL as _;
        }
        let fd = self.streams[number].socket.as_raw_fd();
        // SAFETY: each header points to buffers of its own, which live until after the call and are
        // of the lengths given.
        let got = unsafe {
            let none = std::ptr::null_mut();
            libc::recvmmsg(fd, messages.as_mut_ptr(), BATCH as u32, libc::MSG_DONTWAIT, none)
        };
        let length = |at: usize| ((at as i32) < got).then(|| messages[at].msg_len as usize);
        std::array::from_fn(length)
    }
}

/// The kernel's timestamp in a control message: its header (16 bytes), then seconds and nanoseconds.
fn came(control: &[u8; CONTROL]) -> Option<u64> {
    let word = |at: usize| control.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    let kind = control.get(12..16)?.try_into().ok().map(i32::from_ne_bytes)?;
    (kind == libc::SCM_TIMESTAMPNS).then(|| Some(word(16)? * 1_000_000_000 + word(24)?))?
}
