//! No backend of the RTP workers allocates once it is open: harvesting, forwarding, sending. As
//! in `no_alloc.rs`, a counting allocator stands in for the system's, in a test program of its own.

#![allow(clippy::disallowed_methods, reason = "what is tested owns sockets")]

#[path = "checks/counting.rs"]
mod counting;

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use belfry::engine::backend::{
    Backend, Epoll, Forward, Receive, Steered, Uring, Wait, Wake, works,
};

use counting::allocations;

const TURNS: usize = 10_000;
/// Turns after which all that grows has grown.
const WARM: usize = 500;

/// Packets of two parties go over to the other.
struct Bridge {
    parties: [SocketAddr; 2],
    forwarded: usize,
}

impl Receive for Bridge {
    fn datagram(
        &mut self,
        socket: u32,
        _: SocketAddr,
        _: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        self.forwarded += 1;
        let other = socket ^ 1;
        Some(Forward { socket: other, to: self.parties[other as usize], len })
    }
}

fn pair() -> [UdpSocket; 2] {
    let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
    let pair = [socket(), socket()];
    pair.iter().for_each(|s| s.set_nonblocking(true).expect("a socket's own mode"));
    pair
}

fn at(sockets: &[UdpSocket; 2]) -> [SocketAddr; 2] {
    sockets.each_ref().map(|s| s.local_addr().expect("it is bound"))
}

fn turns_allocate_nothing<B: Backend>() {
    let (ours, parties) = (pair(), pair());
    let ports = at(&ours);
    let wake = Wake::new().expect("an eventfd");
    let mut backend = B::open(Arc::from(ours), wake).expect("it opens");
    let mut bridge = Bridge { parties: at(&parties), forwarded: 0 };
    let (mut before, mut heard) = (0, 0);
    for turn in 0..WARM + TURNS {
        if turn == WARM {
            before = allocations();
        }
        for (party, port) in parties.iter().zip(ports) {
            party.send_to(&[turn as u8; 172], port).expect("loopback takes it");
        }
        backend.send(0, bridge.parties[0], b"of our own");
        backend.wait(Wait::Time(Duration::ZERO));
        backend.harvest(&mut bridge);
        let mut buffer = [0; 200];
        for party in &parties {
            heard += std::iter::from_fn(|| party.recv(&mut buffer).ok()).count();
        }
    }
    let after = allocations();
    assert!(bridge.forwarded > TURNS && heard > 2 * TURNS, "{} {heard}", bridge.forwarded);
    assert_eq!(after - before, 0, "allocations in {TURNS} turns");
}

// One test, for the allocations of another beside it would be counted too.
#[test]
fn ten_thousand_turns_allocate_nothing() {
    turns_allocate_nothing::<Epoll>();
    if works::<Uring>().is_ok() {
        turns_allocate_nothing::<Uring>();
    }
    if works::<Steered>().is_ok() {
        turns_allocate_nothing::<Steered>();
    }
}
