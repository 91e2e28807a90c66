//! Copies for a recorder outside: what they hold, and that nobody else notices.

use super::*;

/// Two phones in talk, and two legs for a recorder that get copies of what they say.
fn copied(codecs: [Codec; 2], recorder: Codec) -> (World, [Phone; 2], [Phone; 2]) {
    let mut world = world();
    let phones = [world.phone(1, codecs[0]), world.phone(2, codecs[1])];
    world.bridge(&phones[0], &phones[1]);
    let recorders = [world.phone(7, recorder), world.phone(8, recorder)];
    for (phone, to) in phones.iter().zip(&recorders) {
        world.set(to, |p| (p.receive, p.key_tones) = (false, false));
        world.command(Command::Copy { leg: to.leg, of: Some(phone.leg) });
    }
    (world, phones, recorders)
}

#[test]
fn payloads_go_on_as_they_are_to_both_under_numbers_of_their_own() {
    let (mut world, [mut a, mut b], [to_a, to_b]) = copied([Codec::Pcma; 2], Codec::Pcma);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 1_000);
    let heard = [&to_a, &to_b].map(|to| world.heard_by(to));
    let partners = [&b, &a].map(|phone| world.heard_by(phone));
    for (copies, partner) in heard.iter().zip(&partners) {
        assert_one_stream(copies);
        let payloads =
            |sent: &[Sent]| sent.iter().map(|s| s.bytes[HEADER_LEN..].to_vec()).collect::<Vec<_>>();
        assert_eq!((payloads(copies), copies.len()), (payloads(partner), 50));
        let ssrc = |sent: &[Sent]| Packet::parse(&sent[0].bytes).unwrap().ssrc();
        assert_ne!(ssrc(copies), ssrc(partner));
    }
    assert_eq!(world.plane.counts().clocks, 0, "nothing is coded");
    a.press(&mut world, 5);
    assert_eq!(digits(&world.heard_by(&to_a)), "5", "keys go along");
    assert_eq!(digits(&world.heard_by(&b)), "5");
}

#[test]
fn long_packets_are_copied_too() {
    let (mut world, [mut a, _], [to_a, _]) = copied([Codec::Pcma; 2], Codec::Pcma);
    for n in 0..5 {
        let packet = a.packet(8, n == 0, &[0x55; 1_280]);
        a.timestamp = a.timestamp.wrapping_add(1_280);
        world.datagram(a.port, a.addr, &packet);
        world.pass(160);
    }
    let heard = world.heard_by(&to_a);
    let bytes: usize = heard.iter().map(|s| s.bytes.len() - HEADER_LEN).sum();
    assert_eq!(bytes, 5 * 1_280, "{}", heard.len());
}

#[test]
fn another_codec_is_coded_anew_and_the_talk_is_relayed_all_the_same() {
    let (mut world, [mut a, mut b], [to_a, to_b]) = copied([Codec::G722; 2], Codec::Pcma);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 1_500);
    assert_eq!(world.heard_by(&b).len(), 75, "packet by packet");
    for (to, hz, other) in [(&to_a, 450, 620), (&to_b, 620, 450)] {
        let heard = world.heard_by(to);
        assert_one_stream(&heard);
        let pcm = samples(&heard, Codec::Pcma);
        assert!(pcm.len() > 10_000 && level(&pcm[4_000..], hz) > -13.0);
        assert!(level(&pcm, other) < -40.0, "the other is on the other stream");
    }
}

#[test]
fn who_is_copied_changes_and_the_stream_goes_on() {
    let (mut world, [mut a, mut b], [to_a, to_b]) = copied([Codec::Pcma; 2], Codec::Pcma);
    let mut c = world.phone(3, Codec::Pcmu);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 400);
    world.command(Command::Copy { leg: to_b.leg, of: None });
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 400);
    assert_eq!(world.heard_by(&to_b).len(), 20, "nothing while there is nobody");
    // Another party, in another codec: its own is coded anew.
    world.command(Command::Copy { leg: to_b.leg, of: Some(c.leg) });
    for _ in 0..60 {
        c.say(&mut world, &[9_000; 160]);
        world.pass(20);
    }
    let late = world.heard_by(&to_b);
    assert!(late.len() > 50, "{}", late.len());
    assert_one_stream(&late);
    // One who gets copies goes, then one whose they are.
    world.close(&to_a);
    a.say(&mut world, &[0; 160]);
    world.close(&c);
    world.pass(200);
    assert_eq!(world.plane.counts().clocks, 0, "no clock is left");
    world.close(&to_b);
    assert_eq!(world.heard_by(&b).len(), 41, "the talk went on");
}

#[test]
fn the_latest_who_wants_copies_gets_them() {
    let (mut world, [mut a, _], [first, second]) = copied([Codec::Pcma; 2], Codec::Pcma);
    world.command(Command::Copy { leg: second.leg, of: Some(a.leg) });
    a.say(&mut world, &[0; 160]);
    assert_eq!((world.heard_by(&first).len(), world.heard_by(&second).len()), (0, 1));
    let dropped = world.plane.counts().commands_dropped;
    world.command(Command::Copy { leg: first.leg, of: Some(LegId(99)) });
    world.command(Command::Copy { leg: first.leg, of: Some(first.leg) });
    world.command(Command::Copy { leg: LegId(99), of: None });
    assert_eq!(world.plane.counts().commands_dropped, dropped + 3);
}

#[test]
fn longer_packets_than_it_takes_are_coded_anew_for_it_alone() {
    let (mut world, [mut a, b], [to_a, _]) = copied([Codec::Pcma; 2], Codec::Pcma);
    world.set(&to_a, |p| (p.receive, p.max_ptime_ms) = (false, Some(20)));
    world.set(&b, |p| p.ptime_ms = 40);
    let mut tone = Tone::new(450);
    for _ in 0..20 {
        let pcm = [tone.next(), tone.next()].concat();
        a.say(&mut world, &pcm);
        world.pass(40);
    }
    let copies = world.heard_by(&to_a);
    assert!(copies[5..].iter().all(|s| s.bytes.len() == HEADER_LEN + 160), "20 ms each");
    let relayed = world.heard_by(&b);
    assert!(relayed.len() == 20 && relayed.iter().all(|s| s.bytes.len() == HEADER_LEN + 320));
}
