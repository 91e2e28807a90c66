//! What others send to our ports (R8), and what nobody should.

use super::*;

/// R8: the caller's stream moves to another port while a foreign one takes over the old address.
#[test]
fn nobody_hears_the_stream_that_took_over_the_old_address() {
    let mut world = world();
    let (mut caller, mut agent) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&caller, &agent);
    let (mut low, mut high) = (Tone::new(450), Tone::new(620));
    talk(&mut world, (&mut caller, &mut low), (&mut agent, &mut high), 500);
    let (old, mut foreign) = (caller.clone(), caller.clone());
    caller.addr = SocketAddr::from(([192, 0, 2, 1], 61_000));
    (foreign.ssrc, foreign.sequence, foreign.timestamp) = (4_242, 9, 99);
    let mut third = Tone::new(1_000);
    for _ in 0..200 {
        foreign.say(&mut world, &third.next());
        talk(&mut world, (&mut caller, &mut low), (&mut agent, &mut high), 20);
    }
    let heard = samples(&world.heard_by(&agent), Codec::Pcma);
    assert!(level(&heard, 1_000) < -60.0, "{}", level(&heard, 1_000));
    assert!(heard.len() >= 160 * 220, "{}", heard.len());
    // And nobody else hears the caller's agent: what is sent goes to the new port.
    let stale = world.heard_by(&old).len();
    assert!((25..=30).contains(&stale), "{stale}");
    let moved = Event::SourceMoved { leg: caller.leg, from: old.addr, to: caller.addr };
    assert!(world.take_events().contains(&moved));
    assert!(world.close(&caller).packets_foreign >= 190);
}

#[test]
fn a_stranger_is_told_at_first_and_then_once_a_second() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    let mut stranger = a.clone();
    (stranger.addr, stranger.ssrc) = (SocketAddr::from(([203, 0, 113, 9], 9)), 9);
    for _ in 0..150 {
        a.say(&mut world, &[0; 160]);
        assert_eq!(stranger.say(&mut world, &[0; 160]), Disposition::Foreign);
        world.pass(20);
    }
    let told: Vec<_> = world
        .take_events()
        .into_iter()
        .filter_map(|e| match e {
            Event::ForeignSource { packets, .. } => Some(packets),
            _ => None,
        })
        .collect();
    assert_eq!(told, [1, 51, 101]);
}

#[test]
fn behind_nat_we_send_to_where_the_stream_comes_from() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    let named = a.clone();
    a.addr = SocketAddr::from(([198, 51, 100, 7], 61_000));
    let clip = Item::Clip(Arc::new(Clip::new(vec![100; 8_000])));
    world.play(&a, 1, vec![clip], false);
    world.pass(100);
    assert!(!world.heard_by(&named).is_empty());
    for _ in 0..5 {
        a.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    world.heard_by(&named);
    world.pass(100);
    assert!(world.heard_by(&named).is_empty() && !world.heard_by(&a).is_empty());
    let first = Event::FirstRtp { leg: a.leg, from: a.addr };
    assert_eq!(world.take_events().iter().filter(|e| **e == first).count(), 1);
}

#[test]
fn late_packets_of_an_old_call_are_nobodys() {
    let mut world = world();
    let mut old = world.phone(1, Codec::Pcma);
    old.say(&mut world, &[0; 160]);
    world.close(&old);
    for n in 0..PORTS as u8 - 1 {
        let new = world.phone(10 + n, Codec::Pcma);
        assert_ne!(new.port, old.port);
    }
    assert_eq!(old.say(&mut world, &[0; 160]), Disposition::Foreign);
    assert_eq!(world.plane.counts().strays, 1);
}

/// A phone that missed its hang-up goes on sending; the port is given to a caller behind NAT.
#[test]
fn who_still_sends_to_a_port_is_not_heard_in_the_next_call() {
    let mut world = world();
    let mut old = world.phone(1, Codec::Pcma);
    world.close(&old);
    for _ in 0..1_000 {
        old.say(&mut world, &[9_000; 160]);
        world.pass(20);
    }
    let quiet: Vec<_> = (0..PORTS as u8 - 1).map(|n| world.phone(10 + n, Codec::Pcma)).collect();
    assert!(quiet.iter().all(|p| p.port != old.port));
    let mut new = world.phone(30, Codec::Pcma);
    assert_eq!(new.port, old.port, "no other is left");
    new.addr = SocketAddr::from(([198, 51, 100, 7], 61_000));
    for n in 0..100 {
        assert_eq!(old.say(&mut world, &[9_000; 160]), Disposition::Foreign);
        let expected = if n < 2 { Disposition::Foreign } else { Disposition::Consumed };
        assert_eq!(new.say(&mut world, &[0; 160]), expected);
        world.pass(20);
    }
}

#[test]
fn floods_of_garbage_do_no_harm_and_are_counted() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    let mut rng = Rng::from_seed(9);
    let (mut low, mut high) = (Tone::new(450), Tone::new(620));
    for _ in 0..100 {
        for _ in 0..100 {
            let length = rng.below(200) as usize;
            let bytes: Vec<u8> = (0..length).map(|_| rng.next_u32() as u8).collect();
            let from =
                if rng.chance(0.5) { a.addr } else { SocketAddr::from(([203, 0, 113, 9], 9)) };
            world.datagram(a.port, from, &bytes);
        }
        talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 20);
    }
    let heard = samples(&world.heard_by(&b), Codec::G722);
    assert!(level(&heard[3_200..], 450) > -10.5, "the call's own audio is unharmed");
    let stats = world.close(&a);
    assert_eq!(stats.packets_received, 100);
    assert!(stats.packets_malformed > 7_000 && stats.packets_foreign > 500, "{stats:?}");
}

#[test]
fn unknown_payload_types_and_empty_packets_are_not_heard() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    a.say(&mut world, &[0; 160]);
    let opus = a.packet(111, false, &[1; 40]);
    assert_eq!(world.datagram(a.port, a.addr, &opus), Disposition::Malformed);
    let empty = a.packet(8, false, &[]);
    assert_eq!(world.datagram(a.port, a.addr, &empty), Disposition::Consumed);
    let short = a.packet(FROM_PHONE, false, &[5]);
    assert_eq!(world.datagram(a.port, a.addr, &short), Disposition::Consumed);
    let noise = a.packet(13, false, &[40]);
    assert_eq!(world.datagram(a.port, a.addr, &noise), Disposition::Consumed);
    assert_eq!(world.heard_by(&b).len(), 1);
    let stats = world.close(&a);
    assert_eq!((stats.packets_malformed, stats.packets_unagreed), (1, 1));
}

/// Whatever comes and is not heard stands in the leg's figures, which are told while the call is up.
#[test]
fn what_is_not_heard_is_counted_by_its_kind_and_told_while_the_call_is_up() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    for _ in 0..10 {
        a.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    let again = a.packet(8, false, &[0xd5; 160]);
    (0..4).for_each(|_| _ = world.datagram(a.port, a.addr, &again));
    (0..5).for_each(|_| _ = world.datagram(a.port, a.addr, &[0x40; 172]));
    for _ in 0..6 {
        let other = a.packet(111, false, &[1; 40]);
        world.datagram(a.port, a.addr, &other);
    }
    let mut leapt = Phone { sequence: a.sequence.wrapping_add(20_000), ..a.clone() };
    leapt.say(&mut world, &[0; 160]);
    let bytes = &mut [0x81, 200, 0, 99];
    let from = SocketAddr::new(a.addr.ip(), a.addr.port() + 1);
    world.plane.receive(world.now, a.port, Kind::Rtcp, from, bytes, 4, &mut world.out);
    world.pass(8_000);
    let told = world.events.drain(..).rev().find_map(|e| match e {
        Event::Figures { leg, from, codec: Some(Codec::Pcma), stats } if leg == a.leg => {
            Some((from, stats))
        }
        _ => None,
    });
    let (from, stats) = told.expect("a report is due");
    assert_eq!(from, Some(a.addr));
    assert_eq!((stats.packets_received, stats.packets_duplicate), (11, 3));
    assert_eq!((stats.packets_malformed, stats.packets_unagreed, stats.packets_dropped), (6, 6, 1));
    assert_eq!(world.close(&a), stats);
}

/// A phone that goes on with a payload type that nobody agreed on, and one that never had another.
#[test]
fn who_sends_what_was_not_agreed_on_is_not_said_to_send_nothing() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    a.say(&mut world, &[0; 160]);
    for _ in 0..300 {
        for phone in [&mut a, &mut b] {
            let opus = phone.packet(111, false, &[1; 40]);
            world.datagram(phone.port, phone.addr, &opus);
        }
        world.pass(20);
    }
    let told: Vec<_> = world
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::RtpLost { leg, unagreed, .. } => Some((leg, unagreed)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(a.leg, Some(111)), (b.leg, Some(111))]);
    assert_eq!(world.close(&b).packets_unagreed, 300);
}
