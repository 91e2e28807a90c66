//! Hostile streams from the call's own address, as an attacker who forges it or a broken telephone
//! sends them: the call's audio goes on, nothing grows, and it is counted.

use super::*;
use crate::wire::rtcp::Writer;

/// Two bridged phones that hear each other through samples, so that every part of the path works.
fn bridged() -> (World, Phone, Phone, Tone, Tone) {
    let mut world = world();
    let (a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    (world, a, b, Tone::new(450), Tone::new(620))
}

/// Whether what `phone` heard is a tone of `hz`, of about as many samples as there were milliseconds.
#[track_caller]
fn hears(world: &mut World, phone: &Phone, hz: u32, ms: usize) {
    let heard = samples(&world.heard_by(phone), phone.codec);
    assert!(heard.len() >= 8 * ms * 9 / 10, "{} samples of {ms} ms", heard.len());
    let level = level(&heard[1_600..], hz);
    assert!(level > -10.6, "{level} dBm0 at {hz} Hz");
}

#[test]
fn a_storm_of_ssrcs_from_the_callers_own_address() {
    let (mut world, mut a, mut b, mut low, mut high) = bridged();
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    world.heard_by(&b);
    let mut rng = Rng::from_seed(1);
    for _ in 0..100 {
        for _ in 0..50 {
            let mut forged = Phone { ssrc: rng.next_u32(), ..a.clone() };
            (forged.sequence, forged.timestamp) = (rng.next_u32() as u16, rng.next_u32());
            let packet = forged.packet(8, false, &[0x2a; 160]);
            assert_eq!(world.datagram(a.port, a.addr, &packet), Disposition::Foreign);
        }
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
    }
    hears(&mut world, &b, 450, 2_000);
    assert!(world.close(&a).packets_foreign >= 4_900);
}

/// One in four packets has a timestamp from anywhere, as of a telephone whose clock is broken.
#[test]
fn timestamps_that_leap_and_come_back() {
    let (mut world, mut a, mut b, mut low, mut high) = bridged();
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    let mut rng = Rng::from_seed(2);
    for n in 0..200 {
        let before = a.timestamp;
        if n % 4 == 3 {
            a.timestamp = rng.next_u32();
        }
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
        a.timestamp = before.wrapping_add(160);
    }
    world.heard_by(&b);
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 2_000);
    hears(&mut world, &b, 450, 2_000);
    assert_eq!(world.close(&a).packets_received, 10 + 200 + 100);
}

/// Payloads of every length under timestamps of 20 ms each.
#[test]
fn packets_that_lie_about_their_length() {
    let (mut world, mut a, mut b, mut low, mut high) = bridged();
    let mut rng = Rng::from_seed(3);
    for _ in 0..300 {
        let length = 1 + rng.below(1_400) as usize;
        let packet = a.packet(8, false, &vec![0xd5; length]);
        a.timestamp = a.timestamp.wrapping_add(160);
        world.datagram(a.port, a.addr, &packet);
        world.pass(20);
    }
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_500);
    world.heard_by(&b);
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_000);
    hears(&mut world, &b, 450, 1_000);
}

/// A relay passes on what a party may send, and not its flood: of audio in valid numbers, of keys.
#[test]
fn a_flood_of_a_partys_own_does_not_reach_the_other_party() {
    for keys in [false, true] {
        let mut world = world();
        let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
        world.bridge(&a, &b);
        let (mut low, mut high) = (Tone::new(450), Tone::new(620));
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_000);
        assert_eq!(world.heard_by(&b).len(), 50);
        for n in 0..20_000u32 {
            if n.is_multiple_of(200) {
                talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
            }
            match keys {
                true => _ = a.key(&mut world, 5, n as u16, false),
                false => _ = a.say(&mut world, &[0; 160]),
            }
        }
        let heard = world.heard_by(&b);
        // Two seconds, and the burst before them.
        assert!(heard.len() <= 3 * 400 + 100, "{keys}: {}", heard.len());
        let audio = |sent: &&Sent| Packet::parse(&sent.bytes).unwrap().payload_type() == 8;
        let audio = heard.iter().filter(audio).count();
        assert!(!keys || audio == 100, "keys do not take its own audio's place: {audio}");
        let stats = world.close(&a);
        assert!((18_700..20_000).contains(&stats.packets_dropped), "{keys}: {stats:?}");
    }
}

#[test]
fn a_forged_goodbye_ends_nothing() {
    let (mut world, mut a, mut b, mut low, mut high) = bridged();
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    world.heard_by(&b);
    for _ in 0..50 {
        let mut bytes = [0; 100];
        let mut writer = Writer::new(&mut bytes);
        writer.receiver_report(a.ssrc, &[]).unwrap();
        writer.bye(a.ssrc, b"teardown").unwrap();
        let len = writer.finish();
        let from = SocketAddr::new(a.addr.ip(), a.addr.port() + 1);
        world.plane.receive(world.now, a.port, Kind::Rtcp, from, &mut bytes, len, &mut world.out);
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
    }
    hears(&mut world, &b, 450, 1_000);
}

#[test]
fn a_flood_of_telephone_events() {
    let (mut world, mut a, mut b, mut low, mut high) = bridged();
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    world.take_events();
    let mut rng = Rng::from_seed(4);
    for _ in 0..100 {
        let audio = a.timestamp;
        for _ in 0..100 {
            a.timestamp = rng.next_u32();
            a.key(&mut world, rng.below(20) as u8, rng.next_u32() as u16, rng.chance(0.5));
        }
        a.timestamp = audio;
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
    }
    let digits = |e: &Event| matches!(e, Event::Digit { .. });
    let told = world.take_events().iter().filter(|e| digits(e)).count();
    assert!(told <= 100, "{told} keys in two seconds");
    world.heard_by(&b);
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 2_000);
    hears(&mut world, &b, 450, 2_000);
    let stats = world.close(&a);
    let counted = stats.packets_malformed + stats.packets_dropped;
    assert!(counted > 3_000, "{counted}");
}

/// A telephone that stops its clock with its stream: what comes afterwards is not late, it is heard.
#[test]
fn a_clock_that_stood_still() {
    for ms in [300, 900, 1_100, 3_000] {
        let (mut world, mut a, mut b, mut low, mut high) = bridged();
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_000);
        world.pass(ms);
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 500);
        world.heard_by(&b);
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_000);
        let heard = samples(&world.heard_by(&b), b.codec);
        assert!(level(&heard, 450) > -10.6, "{} dBm0 after {ms} ms", level(&heard, 450));
    }
}
