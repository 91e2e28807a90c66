//! Two parties who hear each other, by either path.

use super::*;

#[test]
fn the_relay_passes_payloads_bit_for_bit() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    let mut rng = Rng::from_seed(3);
    let (mut spoken, mut numbers) = (Vec::new(), Vec::new());
    for n in 0..200 {
        let payload: Vec<u8> = (0..160 - n % 50 / 49 * 80).map(|_| rng.next_u32() as u8).collect();
        let packet = a.packet(8, n == 7, &payload);
        a.timestamp = a.timestamp.wrapping_add(payload.len() as u32);
        let given = world.datagram(a.port, a.addr, &packet);
        assert!(matches!(given, Disposition::Forward { port, .. } if port == b.port), "{given:?}");
        spoken.push(payload);
        numbers.push(packet);
        b.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    let heard = world.heard_by(&b);
    let payloads: Vec<_> = heard.iter().map(|s| s.bytes[HEADER_LEN..].to_vec()).collect();
    assert_eq!(payloads, spoken);
    assert!(heard[7].bytes[1] & 0x80 != 0 && heard[8].bytes[1] & 0x80 == 0, "markers");
    let ssrc = Packet::parse(&heard[0].bytes).unwrap().ssrc();
    assert!(
        ssrc != a.ssrc && heard.iter().all(|s| Packet::parse(&s.bytes).unwrap().ssrc() == ssrc)
    );
    assert_eq!(world.heard_by(&a).len(), 200);
    assert_eq!(world.plane.counts().clocks, 0, "nothing of our own is sent");
}

/// A leg that hears samples holds a jitter buffer, one that is relayed none, and nothing is held of one that is gone.
#[test]
fn what_legs_hold_is_counted_and_goes_with_them() {
    let mut world = world();
    assert_eq!(world.plane.held().1, 0);
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    let without = world.plane.held();
    assert!(without.0 >= 2 * 1_000, "{without:?}");
    world.bridge(&a, &b);
    for _ in 0..10 {
        a.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    let (legs, jitter) = world.plane.held();
    assert!(legs >= without.0 && (20_000..200_000).contains(&jitter), "{legs} {jitter}");
    world.close(&a);
    world.close(&b);
    let (legs, jitter) = world.plane.held();
    assert!(jitter == 0 && legs < without.0 / 10, "{legs} {jitter}");
}

/// A second order to listen for tones of another country is one.
#[test]
fn the_tones_of_the_country_that_was_named_last_are_listened_for() {
    for (countries, heard) in [(["cn", "us"], true), (["us", "cn"], false), (["us", "us"], true)] {
        let mut world = world();
        let mut a = world.phone(1, Codec::Pcma);
        for country in countries {
            let country = Some(country.to_owned());
            world.command(Command::HearTones { leg: a.leg, country, ms: None });
        }
        let busy = crate::dsp::tone::plan("us", crate::dsp::tone::Kind::Busy).expect("a plan");
        let mut tone = Tone(Generator::new(&busy));
        for _ in 0..250 {
            a.say(&mut world, &tone.next());
            world.pass(20);
        }
        let told = world
            .take_events()
            .into_iter()
            .any(|event| matches!(event, Event::Tone { kind: crate::dsp::tone::Kind::Busy, .. }));
        assert_eq!(told, heard, "{countries:?}");
    }
}

/// Each code of one law as decoding and encoding it gives the other's, keys beside it, no clock of our own; the
/// recording has what was said, in its own law.
#[test]
fn the_other_law_is_relayed_code_by_code() {
    for (from, to) in [(Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)] {
        let mut world = world();
        let (mut a, b) = (world.phone(1, from), world.phone(2, to));
        world.bridge(&a, &b);
        world.record(1, &a, Some(&b));
        let mut rng = Rng::from_seed(3);
        let (mut expected, mut recorded) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let spoken: Vec<u8> = (0..160).map(|_| rng.next_u32() as u8).collect();
            let packet = a.packet(pt(from), false, &spoken);
            a.timestamp = a.timestamp.wrapping_add(160);
            world.datagram(a.port, a.addr, &packet);
            let mut pcm = [0; 160];
            decode(from, &spoken, &mut pcm);
            let mut codes = [[0; 160]; 2];
            crate::dsp::g711::alaw_encode(&pcm, &mut codes[0]);
            crate::dsp::g711::ulaw_encode(&pcm, &mut codes[1]);
            expected.push(codes[usize::from(to == Codec::Pcmu)].to_vec());
            recorded.extend(codes[0]);
            world.pass(20);
        }
        a.press(&mut world, 5);
        let heard = world.heard_by(&b);
        assert_one_stream(&heard);
        assert_eq!(digits(&heard), "5");
        let audio = heard.iter().filter(|sent| sent.bytes[1] & 0x7f == pt(to));
        let payloads: Vec<_> = audio.map(|sent| sent.bytes[HEADER_LEN..].to_vec()).collect();
        assert_eq!(payloads, expected, "{from:?}");
        assert_eq!(world.plane.counts().clocks, 0, "nothing of our own is sent");
        assert_eq!(world.recorded(1)[0][..recorded.len()], recorded, "{from:?}");
    }
}

#[test]
fn other_codecs_are_heard_through_samples() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 1_000);
    let (at_a, at_b) = (world.heard_by(&a), world.heard_by(&b));
    assert_one_stream(&at_a);
    assert_one_stream(&at_b);
    let (at_a, at_b) = (samples(&at_a, Codec::Pcma), samples(&at_b, Codec::G722));
    assert!(at_a.len() >= 7_680 && at_b.len() >= 7_680);
    assert!((-10.5..-9.5).contains(&level(&at_a[2_000..], 620)), "{}", level(&at_a[2_000..], 620));
    assert!((-10.5..-9.5).contains(&level(&at_b[2_000..], 450)));
    assert!(level(&at_a, 450) < -40.0 && level(&at_b, 620) < -40.0, "nobody hears himself");
}

#[test]
fn who_is_held_is_neither_sent_to_nor_heard() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    world.set(&b, |p| p.send = false);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 200);
    assert_eq!((world.heard_by(&a).len(), world.heard_by(&b).len()), (10, 0));
    world.set(&b, |p| p.receive = false);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 200);
    assert_eq!((world.heard_by(&a).len(), world.heard_by(&b).len()), (0, 10));
}

#[test]
fn a_new_partner_is_the_same_stream_to_the_old_one() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    let (mut b, mut c) = (world.phone(2, Codec::Pcma), world.phone(3, Codec::Pcma));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 200);
    c.timestamp = 5;
    for _ in 0..3 {
        c.say(&mut world, &[0; 160]); // who was speaking before, to nobody
        world.pass(20);
    }
    world.bridge(&a, &c);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut c, &mut Tone::new(620)), 200);
    assert_eq!(b.say(&mut world, &[0; 160]), Disposition::Consumed, "left behind");
    // The phone itself restarts: new SSRC, numbers and timestamps.
    (c.ssrc, c.sequence, c.timestamp) = (77, 100, 1_000_000);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut c, &mut Tone::new(620)), 400);
    let heard = world.heard_by(&a);
    assert_one_stream(&heard);
    assert!(heard.len() >= 32, "{}", heard.len());
}

#[test]
fn keys_pass_the_relay_under_the_other_number() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    a.press(&mut world, 5);
    a.press(&mut world, 5);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    let heard = world.heard_by(&b);
    assert_eq!(digits(&heard), "55");
    let pressed = world.take_events().into_iter().filter(|e| matches!(e, Event::Digit { .. }));
    let digit = Event::Digit { leg: a.leg, digit: '5', by: DigitBy::Rfc4733, held: false };
    assert_eq!(pressed.collect::<Vec<_>>(), [digit.clone(), digit]);
    let sequences: Vec<_> =
        heard.iter().map(|s| Packet::parse(&s.bytes).unwrap().sequence()).collect();
    assert!(sequences.windows(2).all(|w| w[1] == w[0].wrapping_add(1)));
}

#[test]
fn keys_that_may_be_a_code_are_kept_back_until_it_is_said_what_they_are() {
    for codec in [Codec::Pcma, Codec::G722] {
        let mut world = world();
        let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, codec));
        world.bridge(&a, &b);
        talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
        let hold = Command::HoldKeys { leg: a.leg, first: DigitSet::of("*") };
        world.command(hold.clone());
        world.take_events();
        for code in [5, 10, 7] {
            a.press(&mut world, code);
        }
        world.command(hold);
        a.press(&mut world, 8);
        assert_eq!(
            digits(&world.heard_by(&b)),
            "58",
            "the star, and what follows it, are not heard"
        );
        let told = world.take_events().into_iter().filter_map(|event| match event {
            Event::Digit { digit, held, .. } => Some((digit, held)),
            _ => None,
        });
        let wanted = [('5', false), ('*', true), ('7', true), ('8', false)];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
    }
}

#[test]
fn keys_and_audio_under_the_numbers_that_were_answered_are_understood() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    // We offered A-law as 102; it answered with 8, as 96 keys, and sends so.
    world.set(&a, |params| (params.recv_pt, params.dtmf_recv_pt) = (102, Some(FROM_PHONE)));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    for (code, number) in [(5, TO_PHONE), (6, FROM_PHONE), (7, 97)] {
        for n in 1..=8_u16 {
            let (end, duration) = (n > 5, n.min(5) * 160);
            let event = telephone_event::Event { code, end, volume: 10, duration };
            let packet = a.packet(number, n == 1, &event.to_bytes());
            world.datagram(a.port, a.addr, &packet);
            world.pass(20);
        }
        a.timestamp = a.timestamp.wrapping_add(8 * 160);
    }
    let heard = world.heard_by(&b);
    assert_eq!(digits(&heard), "56", "another number than those is nobody's");
    let audio = heard.iter().filter(|s| Packet::parse(&s.bytes).unwrap().payload_type() == 8);
    assert!(audio.count() > 3, "the audio too");
    let told: String = world
        .take_events()
        .iter()
        .filter_map(|event| match event {
            Event::Digit { digit, by: DigitBy::Rfc4733, .. } => Some(*digit),
            _ => None,
        })
        .collect();
    assert_eq!(told, "56");
    assert_eq!(world.close(&a).packets_unagreed, 8);
}

#[test]
fn keys_pass_the_sample_path_within_the_stream() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    a.press(&mut world, 11);
    a.press(&mut world, 1);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    let heard = world.heard_by(&b);
    assert_eq!(digits(&heard), "#1");
    assert_one_stream(&heard);
    // Until a key is up nothing else is heard.
    let kinds: String = heard
        .iter()
        .map(|s| Packet::parse(&s.bytes).unwrap())
        .map(|p| match p.payload_type() {
            TO_PHONE if p.payload()[1] & 0x80 != 0 => 'E',
            TO_PHONE => 'e',
            _ => '.',
        })
        .collect();
    assert_eq!(kinds.matches("eeeeE").count(), 2, "{kinds}");
}

/// A sender that begins anew mid-call, its timestamps behind those of its last key.
#[test]
fn keys_are_told_after_a_restart() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    a.say(&mut world, &[0; 160]);
    a.press(&mut world, 5);
    (a.ssrc, a.sequence, a.timestamp) = (77, 100, a.timestamp.wrapping_sub(1_000_000));
    for _ in 0..20 {
        a.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    a.press(&mut world, 5);
    let digits = world.take_events().into_iter().filter(|e| matches!(e, Event::Digit { .. }));
    assert_eq!(digits.count(), 2);
}

#[test]
fn a_key_of_which_only_the_end_came_is_a_short_tone() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&b, |p| p.dtmf_send_pt = None);
    world.bridge(&a, &b);
    a.say(&mut world, &[0; 160]);
    a.key(&mut world, 5, 800, true);
    world.pass(1_000);
    assert!((5..=8).contains(&world.heard_by(&b).len()), "its 100 ms and the packet before");
}

#[test]
fn keys_are_tones_to_a_peer_without_telephone_event() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut world = world();
        let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, codec));
        world.set(&b, |p| p.dtmf_send_pt = None);
        world.bridge(&a, &b);
        talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
        world.heard_by(&b);
        a.press(&mut world, 5);
        talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 200);
        let heard = world.heard_by(&b);
        assert_one_stream(&heard);
        let pcm = samples(&heard, codec);
        let tone = &pcm[240..720];
        assert!(level(tone, 770) > -12.0 && level(tone, 1_336) > -10.0, "{}", level(tone, 770));
        assert!(level(&pcm[pcm.len() - 480..], 450) > -11.0, "and A is heard again");
    }
}

#[test]
fn a_closed_partner_leaves_nothing_behind() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    let stats = world.close(&b);
    assert!(stats.packets_received == 5 && (5..=6).contains(&stats.packets_sent));
    assert_eq!(a.say(&mut world, &[0; 160]), Disposition::Consumed);
    assert_eq!(b.say(&mut world, &[0; 160]), Disposition::Foreign, "its port rests");
    world.close(&a);
    world.pass(1_000);
    let left = world.plane.counts();
    assert_eq!((left.legs, left.ports, left.clocks, left.recordings), (0, 0, 0, 0));
    assert_eq!(world.plane.next_tick(), Time::NEVER);
}

/// The one that INFO told of is just being sent to the partner.
#[test]
fn a_key_that_begins_while_another_is_sent_is_not_begun_in_its_middle() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    let (leg, digits_sent) = (b.leg, "5".to_owned());
    world.command(Command::SendDigits { leg, digits: digits_sent, on_ms: 60, off_ms: 60 });
    for n in 1..=20 {
        a.key(&mut world, 5, n * 160, n > 17);
        world.pass(20);
    }
    a.timestamp = a.timestamp.wrapping_add(20 * 160);
    a.press(&mut world, 6);
    assert_eq!(digits(&world.heard_by(&b)), "56", "the 5 once, and what comes later");
}

#[test]
fn keys_are_not_passed_on_where_info_carries_them() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&b, |p| (p.dtmf_send_pt, p.key_tones) = (None, false));
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    world.heard_by(&b);
    a.press(&mut world, 5);
    assert!(world.heard_by(&b).is_empty(), "neither as an event nor as a tone");
}

/// A codec that an answer names beside the first.
fn other(codec: Codec) -> Agreed {
    Agreed {
        codec,
        send_pt: pt(codec),
        recv_pt: pt(codec),
        dtmf_send_pt: Some(TO_PHONE),
        dtmf_recv_pt: Some(FROM_PHONE),
        event_clock_hz: 8_000,
    }
}

/// The same of codecs that need other coders: the relay is left and come back to.
#[test]
fn a_peer_that_changes_codec_in_mid_stream_is_heard_in_each_relayed_and_recorded() {
    for codec in [Codec::G722, Codec::Opus, Codec::Pcmu] {
        let mut world = world();
        let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
        world.set(&a, |p| p.others[1] = Some(other(codec)));
        world.bridge(&a, &b);
        world.record(1, &a, Some(&b));
        let mut tone = Tone::new(450);
        let mut heard = Vec::new();
        let first = a.clone();
        for spoken in [Codec::Pcma, codec, Codec::Pcma] {
            a.codec = spoken;
            for n in 0..100 {
                a.say(&mut world, &tone.next());
                world.pass(20);
                if n == 50 {
                    // A negotiation in between, whose answer names them in the old order.
                    world.set(&first, |p| p.others[1] = Some(other(codec)));
                }
            }
            let part = world.heard_by(&b);
            let pcm = samples(&part[20..], Codec::Pcma);
            let heard_at = level(&pcm, 450);
            assert!((-11.5..-9.5).contains(&heard_at), "{codec:?}: {heard_at}");
            heard.extend(part);
        }
        assert!(heard.len() > 290, "{codec:?}: {}", heard.len());
        assert_one_stream(&heard);
        let [left, _] = world.recorded(1);
        let mut pcm = vec![0; left.len()];
        decode(Codec::Pcma, &left, &mut pcm);
        // Two seconds of each, which do not go on in phase.
        for part in pcm.chunks(16_000).take(3) {
            let recorded = level(&part[4_000..15_000], 450);
            assert!((-11.5..-9.5).contains(&recorded), "{codec:?}: {recorded}");
        }
        assert_eq!(world.close(&a).packets_lost, 0);
    }
}

/// Coders are not made for each packet of a peer that changes with each.
#[test]
fn a_peer_that_changes_with_each_packet_is_followed_once_a_second() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&a, |p| p.others[0] = Some(other(Codec::G722)));
    world.bridge(&a, &b);
    for n in 0..200 {
        a.codec = if n % 2 == 0 { Codec::Pcma } else { Codec::G722 };
        a.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    let stats = world.close(&a);
    assert!((90..=100).contains(&stats.packets_dropped), "{stats:?}");
}

/// An answer with two codecs lets its sender change between them (RFC 3264 §6.1).
#[test]
fn the_other_law_is_heard_relayed_and_recorded_in_the_legs_codec() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&a, |p| p.others[0] = Some(other(Codec::Pcmu)));
    world.bridge(&a, &b);
    world.record(1, &a, Some(&b));
    let mut tone = Tone::new(450);
    for n in 0..100 {
        a.codec = if n % 10 < 5 { Codec::Pcma } else { Codec::Pcmu };
        a.say(&mut world, &tone.next());
        world.pass(20);
    }
    let heard = world.heard_by(&b);
    assert_eq!(heard.len(), 100);
    assert_one_stream(&heard);
    let pcm = samples(&heard, Codec::Pcma);
    assert!((-10.5..-9.5).contains(&level(&pcm, 450)), "{}", level(&pcm, 450));
    let [left, _] = world.recorded(1);
    let mut pcm = vec![0; left.len()];
    decode(Codec::Pcma, &left, &mut pcm);
    assert!((-10.5..-9.5).contains(&level(&pcm, 450)), "{}", level(&pcm, 450));
    assert_eq!(world.close(&a).packets_malformed, 0);
}

/// A peer that says nothing in pauses but its noise (RFC 3389): it goes on to a partner that takes it;
/// another's stream has no hole where it was.
#[test]
fn many_changes_at_once_are_made_by_and_by_and_each_is_told() {
    let mut world = world();
    let mut phones: Vec<Phone> = (1..=7).map(|n| world.phone(n, Codec::Pcma)).collect();
    for phone in &mut phones {
        world.set(phone, |p| p.others[0] = Some(other(Codec::G722)));
        phone.say(&mut world, &[0; 160]);
        let packet = phone.packet(pt(Codec::G722), false, &[0; 160]);
        world.datagram(phone.port, phone.addr, &packet);
    }
    world.take_events();
    let mut ticks = Vec::new();
    while ticks.iter().sum::<usize>() < phones.len() {
        let now = world.plane.next_tick().max(world.now);
        assert!(now.since(world.now) <= Duration::from_millis(1), "at once: {ticks:?}");
        world.now = now;
        world.plane.tick(now, &mut world.out);
        let told = core::iter::from_fn(|| world.plane.poll_event());
        let turned = |e: &Event| matches!(e, Event::Figures { codec: Some(Codec::G722), .. });
        ticks.push(told.filter(turned).count());
    }
    assert!(ticks.iter().all(|turns| *turns <= 4), "{ticks:?}");
}

#[test]
fn comfort_noise_is_relayed_to_who_takes_it_and_leaves_no_hole_to_others() {
    for takes in [true, false] {
        let mut world = world();
        let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
        world.set(&b, |p| p.noise = takes);
        world.bridge(&a, &b);
        let mut tone = Tone::new(450);
        for _ in 0..10 {
            for _ in 0..20 {
                a.say(&mut world, &tone.next());
                world.pass(20);
            }
            for _ in 0..3 {
                let noise = a.packet(13, false, &[40]);
                world.datagram(a.port, a.addr, &noise);
                a.timestamp = a.timestamp.wrapping_add(1_600);
                world.pass(200);
            }
        }
        a.say(&mut world, &tone.next());
        let heard = world.heard_by(&b);
        let packets: Vec<_> = heard.iter().map(|s| Packet::parse(&s.bytes).unwrap()).collect();
        let noises = packets.iter().filter(|p| p.payload_type() == 13 && p.payload() == [40]);
        assert_eq!(noises.count(), if takes { 30 } else { 0 });
        assert_eq!(packets.iter().filter(|p| p.payload_type() == 8).count(), 201);
        assert_one_stream(&heard);
        let passed = packets[packets.len() - 1].timestamp().wrapping_sub(packets[0].timestamp());
        assert_eq!(passed, 200 * 160 + 30 * 1_600, "a pause is as long as it was");
        assert_eq!(world.close(&a).packets_lost, 0);
    }
}

/// A party that takes 10 ms in a packet at most gets no more of another that sends 20 (RFC 8866 §6.4).
#[test]
fn packets_longer_than_a_party_takes_are_not_relayed_to_it() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&b, |p| (p.ptime_ms, p.max_ptime_ms) = (10, Some(10)));
    world.bridge(&a, &b);
    let (mut low, mut high) = (Tone::new(450), Tone::new(620));
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    world.heard_by(&b);
    world.heard_by(&a);
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 2_000);
    let heard = world.heard_by(&b);
    assert!(heard.len() >= 199, "{}", heard.len());
    assert!(heard.iter().all(|sent| sent.bytes.len() == HEADER_LEN + 80));
    let pcm = samples(&heard, Codec::Pcma);
    assert!((-10.5..-9.5).contains(&level(&pcm, 450)), "{}", level(&pcm, 450));
    assert_eq!(world.heard_by(&a).len(), 100, "the other way is relayed");
    // A party of another bridge takes them.
    let c = world.phone(3, Codec::Pcma);
    world.bridge(&a, &c);
    a.say(&mut world, &low.next());
    assert_eq!(world.heard_by(&c)[0].bytes.len(), HEADER_LEN + 160);
}

/// Delay and losses that a phone finds by its echo are the line's alone.
#[test]
fn who_is_joined_with_itself_gets_its_packets_and_keys_back_but_for_a_playback() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.bridge(&a, &a);
    let mut spoken = Vec::new();
    for n in 0..50u8 {
        let payload = vec![n; 160];
        let packet = a.packet(8, false, &payload);
        a.timestamp = a.timestamp.wrapping_add(160);
        let given = world.datagram(a.port, a.addr, &packet);
        assert!(matches!(given, Disposition::Forward { to, .. } if to == a.addr), "{given:?}");
        spoken.push(payload);
        world.pass(20);
    }
    let heard = world.heard_by(&a);
    let payloads: Vec<_> = heard.iter().map(|s| s.bytes[HEADER_LEN..].to_vec()).collect();
    assert_eq!(payloads, spoken);
    assert_one_stream(&heard);
    assert_ne!(Packet::parse(&heard[0].bytes).unwrap().ssrc(), a.ssrc, "under a source of our own");

    world.take_events();
    a.press(&mut world, 5);
    assert_eq!(digits(&world.heard_by(&a)), "5");
    assert!(matches!(world.take_events()[..], [Event::Digit { digit: '5', .. }]));

    world.command(Command::Play {
        leg: a.leg,
        play: PlayId(1),
        items: vec![Item::Silence(200)],
        repeat: false,
        stop_on: DigitSet::NONE,
    });
    assert_eq!(a.say(&mut world, &[0; 160]), Disposition::Consumed, "a playback is heard instead");
    world.pass(400);
    assert!(matches!(a.say(&mut world, &[0; 160]), Disposition::Forward { .. }));
    world.command(Command::Unbridge { leg: a.leg });
    assert_eq!(a.say(&mut world, &[0; 160]), Disposition::Consumed);
    assert_eq!(world.plane.counts().commands_dropped, 0);
}

#[test]
fn a_bridge_ends_an_echo() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &a);
    world.bridge(&a, &b);
    let given = a.say(&mut world, &[0; 160]);
    assert!(matches!(given, Disposition::Forward { port, .. } if port == b.port), "{given:?}");
    world.bridge(&b, &b);
    assert_eq!(a.say(&mut world, &[0; 160]), Disposition::Consumed);
}

/// RFC 4961 is not everybody's: a gateway that receives at one port and sends from another.
#[test]
fn an_asymmetric_peer_gets_audio_and_reports_where_its_description_says() {
    for asymmetric in [true, false] {
        let mut world = world();
        let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
        let named = a.addr;
        world.set(&a, |params| params.carriage.asymmetric = asymmetric);
        world.bridge(&a, &b);
        a.addr = SocketAddr::new(named.ip(), named.port() + 1_000);
        for _ in 0..400 {
            a.say(&mut world, &[1_000; 160]);
            b.say(&mut world, &[1_000; 160]);
            world.pass(20);
        }
        let own = |sent: &&Sent| sent.to.ip() == named.ip();
        let sent: Vec<&Sent> = world.out.sent.iter().filter(own).collect();
        let late = sent.iter().filter(|s| s.kind == Kind::Rtp && s.at > Time::from_millis(2_000));
        let to = if asymmetric { named } else { a.addr };
        assert!(late.clone().count() > 300 && late.clone().all(|sent| sent.to == to));
        let reports: Vec<_> = sent.iter().filter(|s| s.kind == Kind::Rtcp).collect();
        let rtcp = SocketAddr::new(named.ip(), named.port() + 1);
        assert!(!reports.is_empty() && reports.iter().all(|sent| sent.to == rtcp));
        assert!(world.out.sent.iter().any(|s| s.kind == Kind::Rtp && s.to == b.addr), "a is heard");
    }
}
