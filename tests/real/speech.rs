//! A gateway channel's RTP where SIPp does the signalling, and hostile streams beside it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use belfry::base::Time;
use belfry::media::control::Codec;
use belfry::sim::voice::{Ear, Mouth};

use super::appliance::Appliance;
use super::audio;
use super::process::{PATIENCE, wait_for};
use super::tones::CALLER;

/// The payload type of telephone-event that AudioCodes offers.
pub const EVENTS: u8 = 96;
/// How long a key is held, in packets of 20 ms.
const KEY_PACKETS: u16 = 6;

/// One RTP socket that listens, and speaks back to whoever is heard (symmetric RTP).
pub struct Line {
    /// Where it is.
    pub at: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Inner {
    mouth: Option<Mouth>,
    /// Whom it speaks to before it is spoken to.
    to: Option<SocketAddr>,
    ear: Ear,
}

impl Line {
    /// A line that speaks `hz` in A-law once it is spoken to.
    pub fn new(ip: Ipv4Addr, hz: f64) -> Line {
        let socket = UdpSocket::bind((ip, 0)).expect("a port of our own address");
        socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a time-out");
        let at = socket.local_addr().expect("it is bound");
        let (inner, stop) = (Arc::new(Mutex::new(Inner::default())), Arc::default());
        let thread = std::thread::spawn({
            let (inner, stop) = (inner.clone(), Arc::clone(&stop));
            move || drive(&socket, hz, &inner, &stop)
        });
        Line { at, inner, stop, thread: Some(thread) }
    }

    /// A line at the gateway's address.
    pub fn of_gateway(belfry: &Appliance) -> Line {
        match belfry.setup.gateway.ip() {
            IpAddr::V4(ip) => Line::new(ip, CALLER),
            IpAddr::V6(_) => unreachable!("the tests' addresses are IPv4"),
        }
    }

    /// Waits until somebody speaks, behind the first `from` samples: 100 ms of loud sound.
    pub fn hears_speech(&self, from: usize) {
        let spoken = wait_for(PATIENCE, || {
            (audio::loudest(self.heard().get(from..)?) > -30.0).then_some(())
        });
        assert!(spoken.is_some(), "speech is to be heard, not {}", audio::story(&self.heard()));
    }

    /// Speaks to `to` without waiting to be spoken to.
    pub fn speak_to(&self, to: SocketAddr) {
        self.inner.lock().expect("no holder panics").to = Some(to);
    }

    /// Presses keys, as telephone-events.
    pub fn press(&self, digits: &str) {
        self.press_as(digits, EVENTS);
    }

    /// The same, with the payload type that the other side wants telephone-events in.
    pub fn press_as(&self, digits: &str, events: u8) {
        let mut inner = self.inner.lock().expect("no holder panics");
        let mouth = inner.mouth.as_mut().expect("a line that has been spoken to");
        digits.chars().for_each(|digit| mouth.press(digit, KEY_PACKETS, events));
    }

    /// All that was heard so far.
    pub fn heard(&self) -> Vec<i16> {
        self.inner.lock().expect("no holder panics").ear.samples().to_vec()
    }

    /// Waits until `hz` alone was heard for `time` at a stretch, behind the first `from` samples;
    /// gives the number of samples heard until then.
    pub fn hears(&self, hz: f64, time: Duration, from: usize) -> usize {
        audio::await_tone(|| self.heard(), hz, time, from)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn drive(socket: &UdpSocket, hz: f64, inner: &Mutex<Inner>, stop: &AtomicBool) {
    let began = Instant::now();
    let now = || Time::from_nanos(began.elapsed().as_nanos() as u64);
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let came = socket.recv_from(&mut buffer);
        let mut inner = inner.lock().expect("no holder panics");
        if let Ok((len, from)) = came {
            inner.ear.hear(now(), from, &buffer[..len], Codec::Pcma, EVENTS);
        }
        let Some(to) = inner.ear.from.or(inner.to) else { continue };
        let mouth =
            inner.mouth.get_or_insert_with(|| Mouth::new(now(), 0x5173, hz, Codec::Pcma, 8));
        while mouth.next() <= now() {
            let packet = mouth.speak();
            let _ = socket.send_to(&packet, to);
        }
    }
}

/// A stranger: speaks `hz` from `socket` to `to` for `time`, with an SSRC of its own.
pub fn intrude(socket: UdpSocket, to: SocketAddr, hz: f64, time: Duration) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let began = Instant::now();
        let now = || Time::from_nanos(began.elapsed().as_nanos() as u64);
        let mut mouth = Mouth::new(now(), 0xbad_cafe, hz, Codec::Pcma, 8);
        while began.elapsed() < time {
            while mouth.next() <= now() {
                let packet = mouth.speak();
                let _ = socket.send_to(&packet, to);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    })
}
