//! What only this backend has: ports set apart. The rest is tested with the other backends.

use super::*;
use crate::engine::backend::works;

/// How often each was heard.
#[derive(Default)]
struct Heard(Vec<(u32, u8)>);

impl Receive for Heard {
    fn datagram(
        &mut self,
        socket: u32,
        from: SocketAddr,
        buf: &mut [u8],
        len: usize,
    ) -> Option<Forward> {
        self.0.push((socket, buf[0]));
        (buf[0] == b'?').then_some(Forward { socket: 1, to: from, len })
    }
}

fn bound() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

#[test]
fn a_flooded_port_is_read_by_itself_until_it_is_over() {
    if works::<Steered>().is_err() {
        return;
    }
    let sockets = [bound(), bound()];
    let at = sockets.each_ref().map(|s| s.local_addr().unwrap());
    let mut backend = Steered::open(Arc::from(sockets), Wake::new().unwrap()).unwrap();
    let (peer, mut heard) = (bound(), Heard::default());
    let turn = |backend: &mut Steered, heard: &mut Heard| {
        backend.wait(Wait::Time(Duration::from_micros(100)));
        backend.harvest(heard);
    };
    // More than one turn takes: what is left still comes when the port has been set apart.
    for _ in 0..6_000 {
        peer.send_to(b"f", at[0]).unwrap();
    }
    while heard.0.len() < 6_000 {
        turn(&mut backend, &mut heard);
    }
    assert_eq!((backend.crowds.len(), backend.crowds.socket(0)), (1, 0));
    heard.0.clear();
    peer.send_to(b"?", at[0]).unwrap();
    peer.send_to(b"o", at[1]).unwrap();
    while heard.0.len() < 2 {
        turn(&mut backend, &mut heard);
    }
    heard.0.sort_unstable();
    assert_eq!(heard.0, [(0, b'?'), (1, b'o')], "both are heard all the same");
    let mut answer = [0; 9];
    assert_eq!(peer.recv_from(&mut answer).unwrap(), (1, at[1]), "and what goes on goes on");
    while backend.crowds.len() > 0 {
        turn(&mut backend, &mut heard);
    }
    heard.0.clear();
    peer.send_to(b"x", at[0]).unwrap();
    let own = &backend.sockets[0];
    assert!(own.recv(&mut answer).is_err(), "it comes through the gate again");
    while heard.0.is_empty() {
        turn(&mut backend, &mut heard);
    }
    assert_eq!(heard.0, [(0, b'x')]);
}

/// More ports are flooded at once than are looked at in a turn.
#[test]
fn a_flood_of_many_ports_takes_a_turn_of_bounded_length_and_none_is_forgotten() {
    if works::<Steered>().is_err() {
        return;
    }
    const PORTS: usize = VISITS + 6;
    let sockets: Vec<UdpSocket> = (0..PORTS).map(|_| bound()).collect();
    let at: Vec<SocketAddr> = sockets.iter().map(|s| s.local_addr().unwrap()).collect();
    let mut backend = Steered::open(Arc::from(sockets), Wake::new().unwrap()).unwrap();
    let (peer, mut heard) = (bound(), Heard::default());
    // All of them are set apart already.
    backend.crowds.turn(true);
    for socket in 0..PORTS as u32 {
        assert!((0..1_000).any(|_| backend.crowds.came(socket)));
        backend.set_apart(socket);
    }
    for at in &at {
        (0..100).for_each(|_| _ = peer.send_to(b"f", at).unwrap());
    }
    let mut turns = 0;
    while heard.0.len() < 100 * PORTS {
        let before = heard.0.len();
        backend.wait(Wait::Time(Duration::from_micros(100)));
        backend.harvest(&mut heard);
        assert!(heard.0.len() - before <= ALL_APART as usize);
        turns += 1;
    }
    assert!(turns > 1);
    for socket in 0..PORTS as u32 {
        assert_eq!(heard.0.iter().filter(|(port, _)| *port == socket).count(), 100);
    }
}
