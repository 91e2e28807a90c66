//! The same tests for all backends. Waiting is by condition, with time-outs that no machine
//! reaches.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::*;

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn open<B: Backend>(n: usize) -> (B, Vec<SocketAddr>, Wake) {
    let sockets: Vec<UdpSocket> = (0..n).map(|_| socket()).collect();
    let addresses = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
    let wake = Wake::new().unwrap();
    (B::open(sockets.into(), wake.clone()).unwrap(), addresses, wake)
}

/// Takes down what comes and forwards as told.
#[derive(Default)]
struct Notes {
    got: Vec<(u32, SocketAddr, Vec<u8>)>,
    /// From this socket, on from that one to there.
    routes: HashMap<u32, (u32, SocketAddr)>,
}

impl Receive for Notes {
    fn datagram(
        &mut self,
        at: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        self.got.push((at, from, buf[..len].to_vec()));
        let (socket, to) = *self.routes.get(&at)?;
        buf[0] = b'F';
        Some(Forward { socket, to, len })
    }
}

/// Turns until `enough`.
fn turn_until<B: Backend>(backend: &mut B, notes: &mut Notes, enough: impl Fn(&Notes, &B) -> bool) {
    let begun = Instant::now();
    while !enough(notes, backend) {
        assert!(begun.elapsed() < PATIENCE, "got only {} datagrams", notes.got.len());
        backend.wait(Wait::Time(Duration::from_millis(1)));
        backend.harvest(notes);
    }
}

fn sends_and_receives<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(2);
    let (peer, mut notes) = (socket(), Notes::default());
    for i in 0..10u8 {
        peer.send_to(&[i; 172], addresses[usize::from(i % 2)]).unwrap();
    }
    turn_until(&mut backend, &mut notes, |n, _| n.got.len() == 10);
    let from = peer.local_addr().unwrap();
    notes.got.sort_by_key(|(_, _, bytes)| bytes[0]);
    for (i, got) in notes.got.iter().enumerate() {
        assert_eq!(*got, (i as u32 % 2, from, vec![i as u8; 172]));
    }
    backend.send(1, from, b"from one");
    backend.send(0, from, b"from nought");
    backend.wait(Wait::Time(Duration::ZERO));
    let mut buf = [0; 100];
    for _ in 0..2 {
        let (len, sender) = peer.recv_from(&mut buf).unwrap();
        let from_one = sender == addresses[1];
        let expected: &[u8] = if from_one { b"from one" } else { b"from nought" };
        assert!(from_one || sender == addresses[0]);
        assert_eq!(&buf[..len], expected);
    }
    assert_eq!((backend.counts().received, backend.counts().sent), (10, 2));
}

fn forwards_from_the_same_buffer<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(2);
    let (a, b) = (socket(), socket());
    let mut notes = Notes::default();
    notes.routes.insert(0, (1, b.local_addr().unwrap()));
    notes.routes.insert(1, (0, a.local_addr().unwrap()));
    let mut buf = [0; 2_000];
    // More than there are buffers or places in the queue, so each has to come back.
    for round in 0..3_000u32 {
        let bytes = [&b"x"[..], &round.to_be_bytes(), &vec![7; round as usize % 1_400]].concat();
        let (from, to, at) = if round % 2 == 0 { (&a, &b, 0) } else { (&b, &a, 1) };
        from.send_to(&bytes, addresses[at]).unwrap();
        let before = notes.got.len();
        turn_until(&mut backend, &mut notes, |n, _| n.got.len() > before);
        backend.wait(Wait::Time(Duration::ZERO));
        let (len, sender) = to.recv_from(&mut buf).unwrap();
        assert_eq!((buf[0], &buf[1..len]), (b'F', &bytes[1..]));
        assert_eq!(sender, addresses[1 - at]);
    }
    assert_eq!(backend.counts().send_errors, 0);
}

/// A flood finds the limits, and afterwards all is as before.
fn outlives_a_flood<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(2);
    let (peer, mut notes) = (socket(), Notes::default());
    // A socket holds some hundred datagrams; these are more than all buffers together.
    for _ in 0..20 {
        for i in 0..400u32 {
            let _ = peer.send_to(&i.to_be_bytes(), addresses[i as usize % 2]);
        }
        backend.wait(Wait::Time(Duration::ZERO));
        if notes.got.len() % 2 == 0 {
            backend.harvest(&mut notes);
        }
    }
    peer.send_to(b"last", addresses[0]).unwrap();
    turn_until(&mut backend, &mut notes, |n, _| n.got.iter().any(|g| g.2 == b"last"));
}

fn long_datagrams_are_dropped<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(1);
    let (peer, mut notes) = (socket(), Notes::default());
    peer.send_to(&[1; 9_000], addresses[0]).unwrap();
    peer.send_to(&[], addresses[0]).unwrap();
    peer.send_to(&[2; DATAGRAM_BYTES], addresses[0]).unwrap();
    let last = |n: &Notes| n.got.iter().any(|(_, _, b)| b[..] == [2; DATAGRAM_BYTES]);
    turn_until(&mut backend, &mut notes, |n, b: &B| last(n) && b.counts().oversize == 1);
    backend.send(0, peer.local_addr().unwrap(), &[3; DATAGRAM_BYTES + 1]);
    assert_eq!(backend.counts().sent, 0);
}

/// What found a socket's queue full is counted, though nobody ever saw it.
fn what_the_kernel_dropped_is_told<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(6);
    let (peer, mut notes) = (socket(), Notes::default());
    // More than the queues of all backends hold together.
    for _ in 0..120_000 {
        peer.send_to(&[7; 172], addresses[5]).unwrap();
    }
    turn_until(&mut backend, &mut notes, |n, b: &B| {
        n.got.len() as u64 + b.counts().kernel_drops + b.counts().receive_errors >= 120_000
    });
    assert!(backend.counts().kernel_drops > 0);
}

/// Nobody listens where we send: the kernel may tell us, and it changes nothing.
fn an_unreachable_peer_harms_nobody<B: Backend>() {
    let (mut backend, addresses, _) = open::<B>(1);
    let gone = socket().local_addr().unwrap();
    let (peer, mut notes) = (socket(), Notes::default());
    for _ in 0..5 {
        backend.send(0, gone, b"to nobody");
        backend.send(0, "255.255.255.255:9".parse().unwrap(), b"not allowed");
        backend.wait(Wait::Time(Duration::from_millis(1)));
        backend.harvest(&mut notes);
    }
    peer.send_to(b"still there", addresses[0]).unwrap();
    turn_until(&mut backend, &mut notes, |n, b: &B| {
        n.got.len() == 1 && b.counts().send_errors >= 5
    });
}

fn sleeps_until_woken<B: Backend>() {
    let (mut backend, addresses, wake) = open::<B>(1);
    let mut notes = Notes::default();
    let peer = socket();
    for _ in 0..3 {
        let begun = Instant::now();
        let waker = std::thread::spawn({
            let wake = wake.clone();
            move || wake.wake()
        });
        backend.wait(Wait::Event(PATIENCE));
        backend.harvest(&mut notes);
        assert!(begun.elapsed() < PATIENCE);
        waker.join().unwrap();
        // A datagram wakes too.
        peer.send_to(b"x", addresses[0]).unwrap();
        let before = notes.got.len();
        while notes.got.len() == before {
            backend.wait(Wait::Event(PATIENCE));
            backend.harvest(&mut notes);
        }
        assert!(begun.elapsed() < PATIENCE);
    }
    // By time, neither does.
    wake.wake();
    peer.send_to(b"x", addresses[0]).unwrap();
    let begun = Instant::now();
    backend.wait(Wait::Time(Duration::from_millis(30)));
    assert!(begun.elapsed() >= Duration::from_millis(29), "{:?}", begun.elapsed());
}

fn its_ports_are_free_afterwards<B: Backend>() {
    for _ in 0..3 {
        let (mut backend, addresses, _) = open::<B>(4);
        backend.wait(Wait::Time(Duration::ZERO));
        drop(backend);
        let again: Vec<_> = addresses.iter().map(UdpSocket::bind).collect();
        assert!(again.iter().all(Result::is_ok), "{again:?}");
    }
}

fn speaks_ipv6<B: Backend>() {
    let Ok(own) = UdpSocket::bind("[::1]:0") else {
        return;
    };
    let address = own.local_addr().unwrap();
    let mut backend = match B::open([own].into(), Wake::new().unwrap()) {
        // The engine takes another then.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return,
        opened => opened.unwrap(),
    };
    let peer = UdpSocket::bind("[::1]:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut notes = Notes::default();
    notes.routes.insert(0, (0, peer.local_addr().unwrap()));
    peer.send_to(b"six", address).unwrap();
    turn_until(&mut backend, &mut notes, |n, _| n.got.len() == 1);
    backend.wait(Wait::Time(Duration::ZERO));
    let mut buf = [0; 10];
    let (len, from) = peer.recv_from(&mut buf).unwrap();
    assert_eq!((&buf[..len], from), (&b"Fix"[..], address));
    assert_eq!(notes.got[0].1, peer.local_addr().unwrap());
}

/// A backend is tested where the kernel has it; elsewhere it is refused with a reason.
fn if_it_works<B: Backend>(test: impl FnOnce()) {
    match works::<B>() {
        Ok(()) => test(),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

macro_rules! for_all {
    ($($name:ident),* $(,)?) => {
        mod epoll_backend {
            $(#[test] fn $name() { super::$name::<super::Epoll>(); })*
        }
        mod uring_backend {
            $(#[test] fn $name() {
                super::if_it_works::<super::Uring>(super::$name::<super::Uring>);
            })*
        }
        mod steered_backend {
            $(#[test] fn $name() {
                super::if_it_works::<super::Steered>(super::$name::<super::Steered>);
            })*
        }
    };
}

for_all! {
    sends_and_receives,
    forwards_from_the_same_buffer,
    outlives_a_flood,
    long_datagrams_are_dropped,
    what_the_kernel_dropped_is_told,
    an_unreachable_peer_harms_nobody,
    sleeps_until_woken,
    its_ports_are_free_afterwards,
    speaks_ipv6,
}
