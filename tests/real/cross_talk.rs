//! R8: whatever hits a call's ports, only its own parties are heard, and only they hear it.

use std::net::UdpSocket;

use belfry::base::Duration;
use belfry::sim::live::{Live, Which};

use super::address;
use super::appliance::{Appliance, Setup};
use super::audio::{assert_heard, assert_unheard, longest_gap, read_wav, share};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};
use super::speech::intrude;
use super::tones::{ALICE, CALLER, STRANGER};

/// A re-mapped stream may be lost for as long as the latch needs to be sure of it: the silence of
/// the old source, then three packets, then one that waits for its tick.
const MOVE: Duration = Duration::from_millis(200);

fn talk(belfry: &Appliance, live: &Live) -> [Which; 2] {
    let agent = phone(live, belfry, "1001", ALICE);
    let caller = caller(live, belfry, CALLER);
    live.with(caller, |phone, now| phone.call(now, "1001"));
    await_talk(live, [caller, agent]);
    [caller, agent]
}

/// Packets that wait in a socket.
fn drain(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2_048];
    std::iter::from_fn(|| socket.recv_from(&mut buffer).ok()).count()
}

#[test]
fn the_callers_port_is_remapped_and_another_call_gets_the_old_one() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let both @ [caller, agent] = talk(&belfry, &live);
    listen(&live, &both, Duration::from_secs(1));
    assert!(share(&heard(&live, agent), CALLER) > 0.9, "before the move");

    let to = live.with(caller, |phone, _| phone.ear.from).expect("Belfry's RTP was heard");
    let old = live.remap(caller).expect("a new port");
    let spare = old.try_clone().expect("a second handle");
    let stranger = intrude(old, to, STRANGER, Duration::from_secs(4));
    listen(&live, &both, Duration::from_secs(1));
    // From here on nothing of the call goes to the stranger.
    drain(&spare);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(drain(&spare), 0, "packets of the call reach who has the old port");
    stranger.join().expect("the stranger ends");

    let (at_agent, at_caller) = (heard(&live, agent), heard(&live, caller));
    assert_unheard(&at_agent, STRANGER, "by the agent");
    assert_heard(&at_agent, CALLER, Duration::from_secs(2), "by the agent after the move");
    assert!(longest_gap(&at_agent) <= MOVE, "{:?} without the caller", longest_gap(&at_agent));
    assert_unheard(&at_caller, STRANGER, "by the caller");
    assert_heard(&at_caller, ALICE, Duration::from_secs(2), "by the caller at its new port");

    hang_up(&live, both);
    let record = belfry.record_of("1001");
    assert!(record.legs[0].packets_foreign.is_some_and(|n| n > 100), "{:?}", record.legs[0]);
    let channels = read_wav(&belfry.recording(&record.recordings[0].path));
    assert_unheard(&channels[0], STRANGER, "in the customer's channel");
    assert_unheard(&channels[1], STRANGER, "in the agent's channel");
    assert_heard(&channels[0], CALLER, Duration::from_secs(2), "in the customer's channel");
    belfry.await_empty();
}

#[test]
fn a_stranger_beside_the_call_is_not_heard() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let both @ [caller, agent] = talk(&belfry, &live);
    let ports = both.map(|which| live.with(which, |p, _| p.ear.from).expect("Belfry's RTP"));
    for (which, to) in both.iter().zip(ports) {
        let ip = live.with(*which, |phone, _| phone.setup().rtp.ip());
        let socket = UdpSocket::bind((ip, 0)).expect("a port");
        // From the parties' own addresses, at both ports, for most of the time.
        let _ends_by_itself = intrude(socket, to, STRANGER, Duration::from_secs(2));
    }
    listen(&live, &both, Duration::from_millis(2_500));
    for (which, hz, name) in [(agent, CALLER, "agent"), (caller, ALICE, "caller")] {
        let heard = heard(&live, which);
        assert_unheard(&heard, STRANGER, name);
        assert!(share(&heard, hz) > 0.9, "the {name} hears {hz} Hz");
        assert!(
            longest_gap(&heard) <= Duration::from_millis(60),
            "{name}: {:?}",
            longest_gap(&heard)
        );
    }
    hang_up(&live, both);
    belfry.await_empty();
}

/// As fast as a machine can send, from strangers: the call is there when it is over, the strangers
/// were never heard, nothing has grown, and the next call is as good. (How much gets through while it
/// lasts is a matter of the machine.)
#[test]
fn a_flood_at_a_calls_port_passes() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let both @ [caller, agent] = talk(&belfry, &live);
    let to = live.with(caller, |phone, _| phone.ear.from).expect("Belfry's RTP was heard");
    let before = belfry.resident_bytes();
    let flood = std::thread::spawn(move || {
        let socket = UdpSocket::bind((address::fresh(), 0)).expect("a port");
        let mut packet = [0x2a; 172];
        packet[0] = 0x80;
        for n in 0..200_000u32 {
            packet[1] = if n % 3 == 0 { 101 } else { 8 };
            packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
            packet[4..12]
                .copy_from_slice(&u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            // A full queue is no reason to stop.
            let _ = socket.send_to(&packet, to);
        }
    });
    flood.join().expect("the flood ends");
    listen(&live, &both, Duration::from_secs(2));
    for (which, hz, name) in [(agent, CALLER, "agent"), (caller, ALICE, "caller")] {
        let heard = heard(&live, which);
        assert!(share(&heard, hz) > 0.9, "the {name} hears {hz} Hz afterwards");
    }
    let grown = belfry.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more than before");
    hang_up(&live, both);
    let record = belfry.record_of("1001");
    assert!(record.legs[0].packets_foreign.is_some_and(|n| n > 1_000), "{:?}", record.legs[0]);
    belfry.await_empty();
}
