//! Prompts, tones and digits.

use super::*;

fn clip(hz: u32, ms: usize) -> Item<Arc<Clip>> {
    let mut pcm = vec![0i16; ms * 8];
    Generator::new(&Plan::parse(&hz.to_string(), -10).unwrap()).fill(&mut pcm);
    Item::Clip(Arc::new(Clip::new(pcm)))
}

fn done(leg: LegId, play: u64, end: PlayEnd) -> Event {
    Event::PlayDone { leg, play: PlayId(play), end }
}

#[test]
fn a_prompt_is_heard_and_its_end_told() {
    let mut world = world();
    let a = world.phone(1, Codec::Pcma);
    world.take_events();
    world.play(&a, 1, vec![clip(450, 500), clip(620, 500)], false);
    world.pass(1_100);
    let heard = world.heard_by(&a);
    assert_one_stream(&heard);
    let gaps: Vec<_> = heard.windows(2).map(|w| w[1].at.since(w[0].at).as_millis()).collect();
    assert!(gaps.iter().all(|g| *g == 20));
    let pcm = samples(&heard, Codec::Pcma);
    assert!(level(&pcm[..4_000], 450) > -10.5 && level(&pcm[4_000..8_000], 620) > -10.5);
    assert_eq!(world.take_events(), [done(a.leg, 1, PlayEnd::Finished)]);
}

#[test]
fn every_packet_time_carries_the_prompt_whole() {
    for ptime in [10u8, 20, 30, 40, 50, 60] {
        let mut world = world();
        let a = world.phone(1, Codec::Pcmu);
        world.set(&a, |p| p.ptime_ms = ptime);
        world.play(&a, 1, vec![clip(450, 600)], false);
        world.pass(600);
        let heard = world.heard_by(&a);
        assert!(heard.iter().all(|s| s.bytes.len() == 12 + usize::from(ptime) * 8));
        let pcm = samples(&heard, Codec::Pcmu);
        assert!(level(&pcm[..4_700], 450) > -10.5, "{ptime} ms");
        assert_one_stream_of(&heard, u32::from(ptime) * 8);
    }
}

fn assert_one_stream_of(sent: &[Sent], step: u32) {
    for pair in sent.windows(2) {
        let [a, b] = [0, 1].map(|n| Packet::parse(&pair[n].bytes).unwrap());
        assert_eq!(b.timestamp().wrapping_sub(a.timestamp()), step);
        assert_eq!(b.sequence(), a.sequence().wrapping_add(1));
    }
}

#[test]
fn a_key_stops_the_prompt_and_is_told_first() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.play(&a, 1, vec![clip(450, 5_000)], false);
    world.pass(300);
    world.take_events();
    a.press(&mut world, 1);
    a.press(&mut world, 11);
    let digit = |digit| Event::Digit { leg: a.leg, digit, by: DigitBy::Rfc4733, held: false };
    let events: Vec<_> =
        world.take_events().into_iter().filter(|e| !matches!(e, Event::FirstRtp { .. })).collect();
    assert_eq!(events, [digit('1'), digit('#'), done(a.leg, 1, PlayEnd::Digit('#'))]);
    world.heard_by(&a);
    world.pass(200);
    let after = samples(&world.heard_by(&a), Codec::Pcma);
    assert!(level(&after, 450) < -60.0, "silence goes on being sent: {}", after.len());
    assert!(after.len() >= 1_440);
}

#[test]
fn playbacks_replace_each_other_and_each_end_is_told() {
    let mut world = world();
    let a = world.phone(1, Codec::Pcma);
    world.take_events();
    world.play(&a, 1, vec![clip(450, 100)], true);
    world.pass(1_000);
    world.play(&a, 2, vec![clip(620, 100)], true);
    world.pass(100);
    world.command(Command::StopPlay { leg: a.leg });
    world.command(Command::StopPlay { leg: a.leg });
    world.play(&a, 3, vec![], false);
    world.pass(100);
    world.play(&a, 4, vec![Item::Silence(60_000)], false);
    world.close(&a);
    let ends: Vec<_> =
        world.take_events().into_iter().filter(|e| !matches!(e, Event::Closed { .. })).collect();
    let expected = [
        done(a.leg, 1, PlayEnd::Stopped),
        done(a.leg, 2, PlayEnd::Stopped),
        done(a.leg, 3, PlayEnd::Finished),
        done(a.leg, 4, PlayEnd::Stopped),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn a_playback_on_a_bridge_is_heard_instead_of_the_partner() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    let (mut low, mut high) = (Tone::new(450), Tone::new(620));
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 200);
    world.play(&a, 1, vec![clip(1_000, 400)], false);
    talk(&mut world, (&mut a, &mut low), (&mut b, &mut high), 1_000);
    let heard = world.heard_by(&a);
    assert_one_stream(&heard);
    let pcm = samples(&heard, Codec::Pcma);
    assert!(level(&pcm[..1_600], 620) > -10.5);
    let during = &pcm[2_000..4_000];
    assert!(level(during, 1_000) > -10.5 && level(during, 620) < -50.0);
    assert!(level(&pcm[pcm.len() - 3_000..], 620) > -10.5, "and then the partner again");
    assert_eq!(world.heard_by(&b).len(), 60, "who hears all the time");
}

#[test]
fn a_playback_passes_without_a_way_to_send_it() {
    let mut world = world();
    let a = world.phone(1, Codec::Pcma);
    world.set(&a, |p| p.send = false);
    world.take_events();
    world.play(&a, 1, vec![clip(450, 200)], false);
    world.pass(300);
    assert_eq!(world.take_events(), [done(a.leg, 1, PlayEnd::Finished)]);
    assert!(world.heard_by(&a).is_empty());
}

#[test]
fn digits_are_sent_as_events_by_our_clock() {
    let mut world = world();
    let a = world.phone(1, Codec::Pcma);
    let digits_of =
        |d: &str| Command::SendDigits { leg: a.leg, digits: d.into(), on_ms: 100, off_ms: 80 };
    world.play(&a, 1, vec![clip(450, 300)], false);
    world.pass(100);
    world.take_events();
    world.command(digits_of("12*"));
    world.command(digits_of("D"));
    world.pass(2_000);
    let heard = world.heard_by(&a);
    assert_eq!(digits(&heard), "12*D");
    assert_one_stream(&heard);
    let events = world.take_events();
    assert_eq!(events, [Event::DigitsSent { leg: a.leg }, done(a.leg, 1, PlayEnd::Finished)]);
}

#[test]
fn digits_are_sent_as_tones_where_no_event_was_negotiated() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.set(&b, |p| p.dtmf_send_pt = None);
    world.bridge(&a, &b);
    a.say(&mut world, &[0; 160]);
    world.pass(20);
    world.heard_by(&b);
    let leg = b.leg;
    world.command(Command::SendDigits { leg, digits: "19".into(), on_ms: 100, off_ms: 100 });
    world.pass(600);
    let pcm = samples(&world.heard_by(&b), Codec::Pcma);
    let mut detector = crate::dsp::dtmf_detect::Detector::new();
    let mut found = String::new();
    detector.feed(&pcm, &mut |d| {
        if let crate::dsp::dtmf_detect::Detected::Begin { digit, .. } = d {
            found.push(digit);
        }
    });
    assert_eq!(found, "19");
    assert!(world.take_events().contains(&Event::DigitsSent { leg }));
}

/// Digits as tones from a phone, with or without a bridge.
fn inband(world: &mut World, a: &mut Phone, text: &str) {
    for digit in text.chars() {
        let plan = crate::dsp::dtmf::plan(digit, 100, 100, Default::default()).unwrap();
        let mut generator = Generator::new(&plan);
        for _ in 0..10 {
            let mut pcm = [0; 160];
            generator.fill(&mut pcm);
            a.say(world, &pcm);
            world.pass(20);
        }
    }
    world.pass(200);
}

fn told(events: Vec<Event>, leg: LegId) -> String {
    let digit = |e| match e {
        Event::Digit { leg: l, digit, by: DigitBy::InBand, .. } if l == leg => Some(digit),
        _ => None,
    };
    events.into_iter().filter_map(digit).collect()
}

#[test]
fn tones_in_the_audio_are_digits_alone_and_bridged() {
    for partner in [None, Some(Codec::Pcma), Some(Codec::Pcmu)] {
        let mut world = world();
        let mut a = world.phone(1, Codec::Pcma);
        world.set(&a, |p| (p.inband_dtmf, p.dtmf_recv_pt) = (true, None));
        if let Some(codec) = partner {
            let b = world.phone(2, codec);
            world.bridge(&a, &b);
        }
        inband(&mut world, &mut a, "159#D");
        assert_eq!(told(world.take_events(), a.leg), "159#D", "{partner:?}");
    }
}

#[test]
fn a_key_that_is_heard_both_ways_is_told_once() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.set(&a, |p| p.inband_dtmf = true);
    let mut generator =
        Generator::new(&crate::dsp::dtmf::plan('5', 140, 60, Default::default()).unwrap());
    for n in 1..=10u16 {
        let mut pcm = [0; 160];
        generator.fill(&mut pcm);
        let began = a.timestamp;
        a.say(&mut world, &pcm);
        let next = core::mem::replace(&mut a.timestamp, began.wrapping_sub(160 * u32::from(n - 1)));
        a.key(&mut world, 5, n.min(7) * 160, n >= 7);
        a.timestamp = next;
        world.pass(20);
    }
    world.pass(300);
    let all = world.take_events().iter().filter(|e| matches!(e, Event::Digit { .. })).count();
    assert_eq!(all, 1);
}

/// All digits that were told, in whichever form.
fn all_told(world: &mut World) -> String {
    let digit = |e| match e {
        Event::Digit { digit, .. } => Some(digit),
        _ => None,
    };
    world.take_events().into_iter().filter_map(digit).collect()
}

/// One whole press by telephone-events.
fn press(world: &mut World, a: &mut Phone, code: u8) {
    for n in 1..=6u16 {
        a.key(world, code, n.min(4) * 160, n >= 4);
        world.pass(20);
    }
    a.timestamp = a.timestamp.wrapping_add(6 * 160);
    world.pass(200);
}

#[test]
fn tones_are_keys_until_the_first_telephone_event_and_only_of_who_is_joined_with_nobody() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.set(&a, |p| p.inband_until_event = true);
    inband(&mut world, &mut a, "15");
    assert_eq!(all_told(&mut world), "15");
    let b = world.phone(2, Codec::Pcma);
    world.bridge(&a, &b);
    inband(&mut world, &mut a, "9");
    assert_eq!(all_told(&mut world), "", "in a talk a voice may sound so");
    world.command(Command::Unbridge { leg: a.leg });
    inband(&mut world, &mut a, "#");
    assert_eq!(all_told(&mut world), "#");
    press(&mut world, &mut a, 7);
    inband(&mut world, &mut a, "159#D");
    assert_eq!(all_told(&mut world), "7", "it tells its keys by events");
}

#[test]
fn a_tone_and_the_first_telephone_event_are_one_key() {
    for late in [0, 300] {
        let mut world = world();
        let mut a = world.phone(1, Codec::Pcma);
        world.set(&a, |p| p.inband_until_event = true);
        // The event comes while the tone sounds, or when the key is let go.
        let mut generator =
            Generator::new(&crate::dsp::dtmf::plan('5', 280, 60, Default::default()).unwrap());
        for n in 0..=15u16 {
            let mut pcm = [0; 160];
            generator.fill(&mut pcm);
            let began = a.timestamp;
            a.say(&mut world, &pcm);
            if n * 20 >= late {
                let after =
                    core::mem::replace(&mut a.timestamp, began.wrapping_sub(160 * n as u32));
                a.key(&mut world, 5, (n + 1) * 160, n >= 14);
                a.timestamp = after;
            }
            world.pass(20);
        }
        world.pass(1_000);
        assert_eq!(all_told(&mut world), "5", "{late}");
        press(&mut world, &mut a, 5);
        assert_eq!(all_told(&mut world), "5", "the next press counts");
    }
}
