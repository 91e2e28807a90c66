//! Phones on real sockets, by the real clock: for the demo and for tests against the real binary.
//!
//! One thread drives them all; who watches them takes the lock for a moment.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use super::phone::{Phone, Sent, Setup};
use crate::base::{Duration, Rng, Time};

/// The longest the driver sleeps: its phones' packets are at most this late.
const TURN: Duration = Duration::from_millis(2);

/// Phones with their sockets.
pub struct Live {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    began: Instant,
    lines: Mutex<Vec<Line>>,
    stop: AtomicBool,
}

struct Line {
    phone: Phone,
    sip: UdpSocket,
    rtp: UdpSocket,
}

/// Names one of the phones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Which(pub usize);

impl Default for Live {
    fn default() -> Live {
        Live::new()
    }
}

impl Live {
    /// A driver without phones.
    pub fn new() -> Live {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            lines: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || drive(&shared)
        });
        Live { shared, thread: Some(thread) }
    }

    /// The driver's clock.
    pub fn now(&self) -> Time {
        self.shared.now()
    }

    /// Adds a phone; of `setup`'s own addresses port 0 is replaced by a free one.
    pub fn add(&self, mut setup: Setup, rng: Rng) -> io::Result<Which> {
        let bind = |at: SocketAddr| {
            let socket = UdpSocket::bind(at)?;
            socket.set_nonblocking(true)?;
            io::Result::Ok(socket)
        };
        let (sip, rtp) = (bind(setup.sip)?, bind(setup.rtp)?);
        setup.sip = sip.local_addr()?;
        setup.rtp = rtp.local_addr()?;
        let mut lines = self.shared.lines.lock().expect("no holder panics");
        lines.push(Line { phone: Phone::new(setup, rng), sip, rtp });
        Ok(Which(lines.len() - 1))
    }

    /// Does something with a phone.
    pub fn with<R>(&self, which: Which, act: impl FnOnce(&mut Phone, Time) -> R) -> R {
        let now = self.now();
        let mut lines = self.shared.lines.lock().expect("no holder panics");
        act(&mut lines[which.0].phone, now)
    }

    /// The phone's RTP comes from another port from now on, as when a NAT re-maps it. Gives the old
    /// socket, from which somebody else may now speak.
    pub fn remap(&self, which: Which) -> io::Result<UdpSocket> {
        let mut lines = self.shared.lines.lock().expect("no holder panics");
        let line = &mut lines[which.0];
        let socket = UdpSocket::bind((line.rtp.local_addr()?.ip(), 0))?;
        socket.set_nonblocking(true)?;
        line.phone.moved(socket.local_addr()?);
        Ok(std::mem::replace(&mut line.rtp, socket))
    }

    /// Waits until `done` holds of the phone, at most `patience`; says whether it came to hold.
    pub fn wait(
        &self,
        which: Which,
        patience: Duration,
        mut done: impl FnMut(&mut Phone) -> bool,
    ) -> bool {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if self.with(which, |phone, _| done(phone)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn now(&self) -> Time {
        Time::from_nanos(self.began.elapsed().as_nanos() as u64)
    }
}

fn drive(shared: &Shared) {
    let mut buffer = vec![0; 65_535];
    while !shared.stop.load(Ordering::Relaxed) {
        let mut next = Time::NEVER;
        {
            let mut lines = shared.lines.lock().expect("no holder panics");
            for line in lines.iter_mut() {
                next = next.min(turn(line, shared.now(), &mut buffer));
            }
        }
        std::thread::sleep(next.since(shared.now()).clamp(Duration::from_micros(200), TURN));
    }
}

/// One look at a phone's sockets and clock; when it wants the next.
fn turn(line: &mut Line, now: Time, buffer: &mut [u8]) -> Time {
    while let Ok((len, from)) = line.sip.recv_from(buffer) {
        line.phone.sip(now, from, &buffer[..len]);
    }
    while let Ok((len, from)) = line.rtp.recv_from(buffer) {
        line.phone.rtp(now, from, &buffer[..len]);
    }
    if line.phone.next_wake() <= now {
        line.phone.wake(now);
    }
    while let Some(sent) = line.phone.poll() {
        // A full socket buffer loses it, as a network would.
        let _ = match sent {
            Sent::Sip(to, bytes) => line.sip.send_to(&bytes, to),
            Sent::Rtp(to, bytes) => line.rtp.send_to(&bytes, to),
        };
    }
    line.phone.next_wake()
}
