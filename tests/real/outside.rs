//! Recorders outside (SIPREC) on real sockets: a scripted one keeps both streams, and is judged by what it
//! hears (R5).

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use belfry::base::Time;
use belfry::sim::live::Live;
use belfry::sim::recorder::{Manner, Recorder};

use super::appliance::{Appliance, Setup};
use super::process::{PATIENCE, wait_for};
use super::tones::{ALICE, CALLER};
use super::{address, audio, scripted};

/// Its first RTP port, and how many it has.
const FIRST_PORT: u16 = 6_000;
const PORTS: u16 = 4;

/// A recorder with sockets of its own, until it is dropped.
struct Outside {
    at: SocketAddr,
    recorder: Arc<Mutex<Recorder>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Outside {
    fn start() -> Outside {
        let at = SocketAddr::from((address::fresh(), 5_060));
        let open = |port| {
            let socket = UdpSocket::bind((at.ip(), port)).expect("a port of our own address");
            socket.set_nonblocking(true).expect("it does not block");
            socket
        };
        let sip = open(5_060);
        let rtp: BTreeMap<u16, UdpSocket> =
            (0..PORTS).map(|n| FIRST_PORT + 2 * n).map(|port| (port, open(port))).collect();
        let recorder = Arc::new(Mutex::new(Recorder::new(at, FIRST_PORT)));
        let over = Arc::new(AtomicBool::new(false));
        let (own, ends, began) = (recorder.clone(), over.clone(), Instant::now());
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while !ends.load(Ordering::Relaxed) {
                let mut recorder = own.lock().expect("nobody panics with it");
                while let Ok((len, from)) = sip.recv_from(&mut bytes) {
                    recorder.sip(from, &bytes[..len]);
                }
                let now = Time::ZERO + began.elapsed();
                for (port, socket) in &rtp {
                    while let Ok((len, _)) = socket.recv_from(&mut bytes) {
                        recorder.rtp(now, *port, &bytes[..len]);
                    }
                }
                while let Some((to, bytes)) = recorder.poll() {
                    let _ = sip.send_to(&bytes, to);
                }
                drop(recorder);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Outside { at, recorder, over, thread: Some(thread) }
    }

    fn with<R>(&self, look: impl FnOnce(&mut Recorder) -> R) -> R {
        look(&mut self.recorder.lock().expect("nobody panics with it"))
    }

    /// What the stream of its only session has heard.
    fn heard(&self, stream: usize) -> Vec<i16> {
        self.with(|recorder| {
            let session = recorder.sessions.values().next();
            let heard = session.and_then(|session| recorder.stream(session, stream));
            heard.map(|heard| heard.samples.clone()).unwrap_or_default()
        })
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[test]
fn a_recorder_outside_has_each_party_on_its_own_stream() {
    let (refuses, takes) = (Outside::start(), Outside::start());
    refuses.with(|recorder| recorder.manner = Manner::Refuses(488));
    let recorders = vec![refuses.at, takes.at];
    let belfry = Appliance::start(Setup { recorders, ..Setup::new() });
    let live = Live::new();
    let alice = scripted::phone(&live, &belfry, "1001", ALICE);
    let caller = scripted::caller(&live, &belfry, CALLER);
    live.with(caller, |phone, now| phone.call(now, "1001"));
    scripted::await_talk(&live, [caller, alice]);

    let second = Duration::from_secs(1);
    for (stream, hz) in [(0, CALLER), (1, ALICE)] {
        audio::await_tone(|| takes.heard(stream), hz, second, 0);
    }
    let calls = belfry.console("show calls");
    let id = calls[0]["call"].as_str().expect("a call").to_owned();
    let shown = belfry.console(&format!("show call {id}"));
    assert_eq!(shown["outside"]["recorder"], "recorder-1", "{shown}");
    assert_eq!(shown["outside"]["state"], "records", "{shown}");
    let status = belfry.console("show status");
    assert_eq!(status["recorders"][1]["sessions"], 1, "{status}");
    assert_eq!(status["outside_failed"], 1, "{status}");

    scripted::hang_up(&live, [caller, alice]);
    let over = || takes.with(|recorder| recorder.only().over.then_some(()));
    assert!(wait_for(PATIENCE, over).is_some(), "a BYE comes");
    for (stream, own, other) in [(0, CALLER, ALICE), (1, ALICE, CALLER)] {
        let heard = takes.heard(stream);
        audio::assert_heard(&heard, own, second, &format!("on stream {stream}"));
        audio::assert_unheard(&heard, other, &format!("on stream {stream}"));
    }
    let aor = takes.with(|recorder| {
        let told = &recorder.only().told;
        told.iter().rev().find_map(|told| told.speaker("2")).map(|who| who.aor.clone())
    });
    assert_eq!(aor, Some(format!("sip:1001@{}", belfry.sip.ip())));
    belfry.recorded("1001", CALLER, ALICE);
    // Not until all is over: what was refused lingers for 32 s (timer D).
    belfry.await_calls(0);
}
