//! What is handed to recordings.

use super::*;
use crate::dsp::tone;

/// A packet of a level that tells it from others: its code in the file.
fn say(world: &mut World, phone: &mut Phone, level: i16) -> u8 {
    phone.say(world, &[level; 160]);
    crate::dsp::g711::alaw_code(level)
}

/// Where in a channel something is, in packets of 20 ms: the code of each.
fn packets(channel: &[u8]) -> Vec<(usize, u8)> {
    let heard = |(n, packet): (usize, &[u8])| {
        let code = *packet.iter().find(|code| **code != SILENCE)?;
        Some((n, code))
    };
    channel.chunks(160).enumerate().filter_map(heard).collect()
}

#[test]
fn both_parties_are_recorded_beside_the_relay() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    world.record(1, &a, Some(&b));
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 10_000);
    world.take_events();
    let channels = world.recorded(1);
    let stopped = Event::RecordStopped { recording: RecordingId(1), samples: 80_000 };
    world.events.extend(core::iter::from_fn(|| world.plane.poll_event()));
    assert_eq!(world.take_events(), [stopped]);
    for (channel, hz) in channels.iter().zip([450, 620]) {
        assert_eq!(channel.len(), 80_000);
        let mut pcm = vec![0; 80_000];
        decode(Codec::Pcma, channel, &mut pcm);
        assert!(pcm.chunks(8_000).all(|second| level(second, hz) > -10.5));
    }
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 5_000);
    assert!(world.out.files.is_empty());
}

#[test]
fn pauses_keys_strangers_and_gone_legs_are_silence() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.record(1, &a, None);
    let first = say(&mut world, &mut a, 500);
    say(&mut world, &mut b, 600);
    let recording = RecordingId(1);
    world.command(Command::SetRecordLegs { recording, left: Some(a.leg), right: Some(b.leg) });
    world.command(Command::PauseRecord { recording, paused: true });
    world.pass(20);
    say(&mut world, &mut a, 700);
    world.command(Command::PauseRecord { recording, paused: false });
    world.pass(20);
    a.press(&mut world, 5);
    let right = say(&mut world, &mut b, 800);
    let mut stranger = a.clone();
    (stranger.addr, stranger.ssrc) = (SocketAddr::from(([203, 0, 113, 9], 9)), 9);
    assert_eq!(stranger.say(&mut world, &[900; 160]), Disposition::Foreign);
    let last = say(&mut world, &mut a, 1_000);
    world.close(&b);
    assert_eq!(b.say(&mut world, &[1_100; 160]), Disposition::Foreign);
    world.pass(20);
    let channels = world.recorded(1).map(|channel| packets(&channel));
    assert_eq!((channels[0].first(), channels[0].len()), (Some(&(0, first)), 2));
    let (at, code) = channels[0][1];
    assert!(code == last && at.abs_diff(9) <= 1, "{at}");
    assert!(channels[1].iter().all(|(_, code)| *code == right) && !channels[1].is_empty());
}

/// A steady stream, of which some are lost, some overtaken, some said in a pause: each packet lies in its place.
#[test]
fn each_packet_lies_in_its_place_whatever_becomes_of_others() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut world = world();
        let mut a = world.phone(1, codec);
        world.record(1, &a, None);
        let (sequence, timestamp) = (a.sequence, a.timestamp);
        let level = |n: u16| (n as i16 % 100 + 1) * 300;
        let mut speak = |world: &mut World, n: u16| {
            a.sequence = sequence.wrapping_add(n);
            a.timestamp = timestamp.wrapping_add(160 * u32::from(n));
            a.say(world, &[level(n); 160]);
        };
        let (lost, paused) = (|n: u16| n % 37 == 5, 200..220);
        for n in 0..400 {
            let recording = RecordingId(1);
            if n == paused.start || n == paused.end {
                let paused = n == paused.start;
                world.command(Command::PauseRecord { recording, paused });
            }
            match n % 50 {
                _ if lost(n) => {}
                20 => {}
                21 => (speak(&mut world, n), speak(&mut world, n - 1)).1,
                _ => speak(&mut world, n),
            }
            world.pass(20);
        }
        let code = |n: u16| {
            let mut code = [0];
            match codec {
                Codec::Pcmu => {
                    crate::dsp::g711::ulaw_encode(&[level(n)], &mut code);
                    crate::dsp::g711::ulaw_to_alaw(&mut code);
                }
                _ => crate::dsp::g711::alaw_encode(&[level(n)], &mut code),
            }
            code[0]
        };
        let kept = (0..400).filter(|n| !lost(*n) && !paused.contains(n));
        let expected: Vec<_> = kept.map(|n| (usize::from(n), code(n))).collect();
        assert_eq!(packets(&world.recorded(1)[0]), expected, "{codec:?}");
    }
}

#[test]
fn two_recorders_take_the_same_call_and_a_third_is_refused() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    for n in 1..=3 {
        world.record(n, &a, None);
    }
    let code = say(&mut world, &mut a, 500);
    for n in 1..=3 {
        let heard = packets(&world.recorded(n)[0]);
        assert_eq!(heard, if n <= 2 { vec![(0, code)] } else { Vec::new() });
    }
    assert_eq!(world.plane.counts().commands_dropped, 1);
}

#[test]
fn a_codec_that_changes_is_recorded_on() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    world.record(1, &a, None);
    let mut tone = Tone::new(450);
    for codec in [Codec::Pcma, Codec::G722, Codec::Opus, Codec::Pcmu] {
        a.codec = codec;
        world.set(&a, |_| {});
        for _ in 0..50 {
            a.say(&mut world, &tone.next());
            world.pass(20);
        }
    }
    let [left, _] = world.recorded(1);
    let mut pcm = vec![0; left.len()];
    decode(Codec::Pcma, &left, &mut pcm);
    for second in pcm.chunks(8_000).take(4) {
        assert!(level(&second[1_600..], 450) > -11.5, "{}", level(&second[1_600..], 450));
    }
}

/// The last pieces of many recordings that end together leave with several ticks, and when they can.
#[test]
fn recordings_that_end_together_wait_for_each_other_and_for_the_disk() {
    let mut world = world();
    let phones: Vec<Phone> = (1..=6).map(|n| world.phone(n, Codec::Pcma)).collect();
    for (n, phone) in phones.into_iter().enumerate() {
        world.record(n as u64, &phone, None);
        say(&mut world, &mut phone.clone(), 500);
    }
    world.out.disk_is_full = true;
    world.plane.end_recordings(world.now);
    world.plane.tick(world.now, &mut world.out);
    assert!(world.plane.is_ending() && world.out.files.is_empty());
    assert!((0..6).all(|n| world.plane.records(RecordingId(n))));
    world.out.disk_is_full = false;
    for (ticks, left) in [(1, 2), (2, 0)] {
        let next = world.plane.next_tick();
        assert_eq!(next, world.now + Duration::from_millis(1), "nobody hurries meanwhile");
        world.now = next;
        world.plane.tick(world.now, &mut world.out);
        assert_eq!(world.out.files.len(), 6 - left, "after {ticks}");
    }
    assert!(!world.plane.is_ending() && world.plane.counts().recordings == 0);
    assert!(!world.plane.records(RecordingId(0)));
}

/// Nobody's samples are needed: every packet goes on as it came.
fn is_relayed(world: &World) -> bool {
    world.plane.counts().clocks == 0
}

#[test]
fn a_beep_is_heard_by_both_and_is_not_on_the_recording() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    let (recording, format) = (RecordingId(1), RecordFormat::Alaw);
    let beep = tone::plan("cn", tone::Kind::Record);
    let (left, right) = (a.leg, Some(b.leg));
    world.command(Command::Record { recording, format, beep, left, right });
    assert!(!is_relayed(&world));
    let mut voices = (Tone::new(450), Tone::new(620));
    talk(&mut world, (&mut a, &mut voices.0), (&mut b, &mut voices.1), 12_000);
    for (phone, hz) in [(&a, 620), (&b, 450)] {
        let heard = samples(&world.heard_by(phone), Codec::Pcma);
        // 0.4 s every 10.4 s, of −20 dBm0, over a voice that stays as loud as it is.
        for (tenth, beeps) in
            [(1, true), (2, true), (6, false), (50, false), (100, false), (106, true)]
        {
            let part = &heard[tenth * 800..][..800];
            assert_eq!(level(part, 1_400) > -22.0, beeps, "{tenth}: {}", level(part, 1_400));
            assert!((-10.6..-9.4).contains(&level(part, hz)), "{tenth}: {}", level(part, hz));
        }
    }
    let pause = |paused| Command::PauseRecord { recording, paused };
    world.command(pause(true));
    assert!(!is_relayed(&world), "the way stays as it is, and the tone is silent");
    talk(&mut world, (&mut a, &mut voices.0), (&mut b, &mut voices.1), 11_000);
    let heard = samples(&world.heard_by(&a), Codec::Pcma);
    assert!(heard[800..].chunks(800).all(|part| level(part, 1_400) < -40.0));
    world.command(pause(false));
    talk(&mut world, (&mut a, &mut voices.0), (&mut b, &mut voices.1), 400);
    let heard = samples(&world.heard_by(&a), Codec::Pcma);
    assert!(level(&heard[800..1_600], 1_400) > -22.0, "it begins anew");
    world.command(Command::SetRecordLegs { recording, left: Some(a.leg), right: None });
    assert_eq!(world.plane.counts().clocks, 1, "only the one who is recorded hears it");
    for side in world.recorded(1) {
        let mut pcm = vec![0; side.len()];
        decode(Codec::Pcma, &side, &mut pcm);
        assert!(level(&pcm[..80_000], 1_400) < -50.0);
    }
    assert!(is_relayed(&world), "the recording is over");
}

#[test]
fn a_beep_is_heard_at_the_width_of_the_call() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::G722), world.phone(2, Codec::G722));
    world.bridge(&a, &b);
    let (recording, format) = (RecordingId(1), RecordFormat::Alaw);
    let beep = tone::plan("us", tone::Kind::Record);
    let (left, right) = (a.leg, Some(b.leg));
    world.command(Command::Record { recording, format, beep, left, right });
    let mut voices = (Tone::new(450), Tone::new(620));
    talk(&mut world, (&mut a, &mut voices.0), (&mut b, &mut voices.1), 1_000);
    let heard = samples(&world.heard_by(&b), Codec::G722);
    assert!(level(&heard[1_600..3_200], 1_400) > -22.5, "{}", level(&heard[1_600..3_200], 1_400));
    assert!(level(&heard[5_600..7_200], 1_400) < -40.0, "{}", level(&heard[5_600..7_200], 1_400));
    assert!(level(&heard[5_600..7_200], 450) > -11.5);
}
