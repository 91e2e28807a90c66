//! Rooms: phones of all codecs that hear each other, announcements, two workers.

use super::*;
use crate::base::RoomId;
use crate::media::Partial;
use crate::media::control::{Line, Membership};

const ROOM: RoomId = RoomId(1);
const HZ: [u32; 6] = [350, 520, 780, 1_150, 1_700, 2_500];

impl World {
    fn join(&mut self, phone: &Phone, membership: Membership) {
        self.command(Command::Join { leg: phone.leg, room: ROOM, membership });
    }
    fn leave(&mut self, phone: &Phone) {
        self.command(Command::Leave { leg: phone.leg });
    }
    /// Phones with a tone each.
    fn party(&mut self, codecs: &[Codec]) -> Vec<(Phone, Tone)> {
        let phone =
            |(n, codec): (usize, &Codec)| (self.phone(n as u8 + 1, *codec), Tone::new(HZ[n]));
        codecs.iter().enumerate().map(phone).collect()
    }
}

fn speak(world: &mut World, party: &mut [(Phone, Tone)], ms: u64) {
    for _ in 0..ms / 20 {
        for (phone, tone) in party.iter_mut() {
            phone.say(world, &tone.next());
        }
        world.pass(20);
    }
}

/// Which tones a phone hears in the later part of what was sent to it.
fn tones(world: &mut World, phone: &Phone) -> Vec<u32> {
    let sent = world.heard_by(phone);
    assert_one_stream(&sent);
    let heard = samples(&sent, phone.codec);
    let late = &heard[heard.len().saturating_sub(8_000)..];
    HZ.iter().copied().filter(|hz| level(late, *hz) > -25.0).collect()
}

fn others(n: usize, of: usize) -> Vec<u32> {
    (0..of).filter(|m| *m != n).map(|m| HZ[m]).collect()
}

#[test]
fn each_hears_the_others_and_not_itself_in_whatever_codec() {
    let mut world = world();
    let codecs = [Codec::Pcma, Codec::Pcmu, Codec::Opus, Codec::G722];
    let mut party = world.party(&codecs);
    for (phone, _) in &party {
        world.join(phone, Membership::PARTY);
    }
    speak(&mut world, &mut party, 3_000);
    for (n, (phone, _)) in party.iter().enumerate() {
        assert_eq!(tones(&mut world, phone), others(n, 4), "{:?}", phone.codec);
    }
    let (phone, _) = &party[3];
    world.leave(phone);
    speak(&mut world, &mut party, 2_000);
    for (n, (phone, _)) in party[..3].iter().enumerate() {
        assert_eq!(tones(&mut world, phone), others(n, 3), "{:?}", phone.codec);
    }
    assert!(tones(&mut world, &party[3].0).is_empty(), "who left hears nobody");
}

#[test]
fn packet_times_of_all_lengths_meet() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma; 5]);
    for ((phone, _), ptime) in party.iter().zip([10, 20, 30, 40, 60]) {
        world.set(phone, |p| p.ptime_ms = ptime);
        world.join(phone, Membership::PARTY);
    }
    // The loudest four of five are heard, whose order here is that of their names.
    let muted = Membership { muted: true, ..Membership::PARTY };
    world.join(&party[4].0, muted);
    speak(&mut world, &mut party, 3_000);
    for (n, (phone, _)) in party.iter().enumerate() {
        let expected = others(n, 4);
        let packets = world.out.sent.iter().filter(|s| s.to == phone.addr && s.kind == Kind::Rtp);
        let ptime = [80, 160, 240, 320, 480][n];
        assert!(packets.clone().all(|s| s.bytes.len() == HEADER_LEN + ptime), "{n}");
        let sent = 3_000 * 8 / ptime;
        assert!(packets.count().abs_diff(sent) <= 3, "{n}: {sent}");
        assert_eq!(tones_of_any_ptime(&mut world, phone), expected, "member {n}");
    }
}

fn tones_of_any_ptime(world: &mut World, phone: &Phone) -> Vec<u32> {
    let heard = samples(&world.heard_by(phone), phone.codec);
    let late = &heard[heard.len().saturating_sub(8_000)..];
    HZ.iter().copied().filter(|hz| level(late, *hz) > -25.0).collect()
}

#[test]
fn after_a_stall_all_are_in_step_again() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma; 3]);
    for ((phone, _), ptime) in party.iter().zip([40, 60, 60]) {
        world.set(phone, |p| p.ptime_ms = ptime);
        world.join(phone, Membership::PARTY);
    }
    speak(&mut world, &mut party, 1_000);
    world.now += Duration::from_millis(330);
    speak(&mut world, &mut party, 1_000);
    // Whoever begins or ceases to speak goes over from one coding to another.
    for muted in [true, false, true] {
        world.join(&party[1].0, Membership { muted, ..Membership::PARTY });
        speak(&mut world, &mut party, 500);
    }
    world.out.sent.clear();
    speak(&mut world, &mut party, 1_200);
    let heard = [vec![HZ[2]], vec![HZ[0], HZ[2]], vec![HZ[0]]];
    for ((phone, _), heard) in party.iter().zip(heard) {
        let sent = world.heard_by(phone);
        assert!(sent.len() >= 20 - 1 && sent.len() <= 31, "{}", sent.len());
        world.out.sent.extend(sent);
        assert_eq!(tones_of_any_ptime(&mut world, phone), heard);
    }
}

#[test]
fn mute_deaf_and_whisper() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma, Codec::Pcma, Codec::Pcmu]);
    let line = Line::coach(0).unwrap();
    let roles = [Membership::PARTY, Membership::coached(line), Membership::coach(line)];
    for ((phone, _), role) in party.iter().zip(roles) {
        world.join(phone, role);
    }
    speak(&mut world, &mut party, 2_000);
    let heard = |world: &mut World, party: &[(Phone, Tone)]| {
        party.iter().map(|(phone, _)| tones(world, phone)).collect::<Vec<_>>()
    };
    assert_eq!(heard(&mut world, &party), [vec![HZ[1]], vec![HZ[0], HZ[2]], vec![HZ[0], HZ[1]]]);
    world.join(&party[0].0, Membership { muted: true, ..Membership::PARTY });
    world.join(&party[2].0, Membership { deaf: true, ..Membership::PARTY });
    speak(&mut world, &mut party, 2_000);
    assert_eq!(heard(&mut world, &party), [vec![HZ[1], HZ[2]], vec![HZ[2]], vec![]]);
    world.join(&party[0].0, Membership::PARTY);
    world.join(&party[2].0, Membership::LISTENER);
    speak(&mut world, &mut party, 2_000);
    assert_eq!(heard(&mut world, &party), [vec![HZ[1]], vec![HZ[0]], vec![HZ[0], HZ[1]]]);
}

#[test]
fn announcements_to_one_and_to_all() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma, Codec::Pcma]);
    for (phone, _) in &party {
        world.join(phone, Membership::PARTY);
    }
    let tone = |hz: u32| vec![Item::Tone(Plan::parse(&hz.to_string(), -10).unwrap())];
    let (room, play) = (ROOM, PlayId(7));
    world.command(Command::PlayRoom { room, play, items: tone(2_500), repeat: true });
    speak(&mut world, &mut party, 1_500);
    assert_eq!(tones(&mut world, &party[0].0), [HZ[1], 2_500]);
    assert_eq!(tones(&mut world, &party[1].0), [HZ[0], 2_500]);
    world.command(Command::StopPlayRoom { room });
    let done = Event::RoomPlayDone { room, play, end: PlayEnd::Stopped };
    assert!(world.take_events().contains(&done));
    world.play(&party[0].0, 8, tone(1_700), true);
    speak(&mut world, &mut party, 1_500);
    assert_eq!(tones(&mut world, &party[0].0), [1_700], "instead of the room");
    assert_eq!(tones(&mut world, &party[1].0), [HZ[0]], "which hears it all the same");
    world.command(Command::StopPlay { leg: party[0].0.leg });
    speak(&mut world, &mut party, 1_500);
    assert_eq!(tones(&mut world, &party[0].0), [HZ[1]]);
    let end = world.plane.counts();
    world.command(Command::CloseRoom { room });
    world.pass(100);
    assert_eq!((end.rooms, world.plane.counts().rooms), (1, 0));
}

#[test]
fn keys_are_told_and_speakers_too() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma, Codec::Pcma]);
    for (phone, _) in &party {
        world.join(phone, Membership::PARTY);
    }
    let (leg, room) = (party[0].0.leg, ROOM);
    speak(&mut world, &mut party[..1], 400);
    assert!(world.take_events().contains(&Event::Speaking { leg, room, speaks: true }));
    party[0].0.press(&mut world, 5);
    world.pass(1_500);
    let events = world.take_events();
    assert!(events.contains(&Event::Digit { leg, digit: '5', by: DigitBy::Rfc4733, held: false }));
    assert!(events.contains(&Event::Speaking { leg, room, speaks: false }));
}

#[test]
fn all_who_only_listen_are_coded_for_once() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma; 6]);
    for (phone, _) in &party {
        world.join(phone, Membership { muted: true, ..Membership::PARTY });
    }
    world.join(&party[0].0, Membership::PARTY);
    speak(&mut world, &mut party, 400);
    let before = (world.plane.counts().room_codings, world.out.sent.len());
    speak(&mut world, &mut party, 1_000);
    let after = (world.plane.counts().room_codings, world.out.sent.len());
    assert_eq!(after.0 - before.0, 100, "one for the speaker, one for five");
    assert!((295..=310).contains(&(after.1 - before.1)), "{}", after.1 - before.1);
}

#[test]
fn a_call_goes_from_a_bridge_into_a_room_and_back() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma; 3]);
    world.bridge(&party[0].0, &party[1].0);
    speak(&mut world, &mut party, 400);
    for (phone, _) in &party {
        world.join(phone, Membership::PARTY);
    }
    speak(&mut world, &mut party, 2_000);
    for (n, (phone, _)) in party.iter().enumerate() {
        assert_eq!(tones(&mut world, phone), others(n, 3));
    }
    world.bridge(&party[0].0, &party[1].0);
    speak(&mut world, &mut party, 1_500);
    assert_eq!(tones(&mut world, &party[0].0), [HZ[1]]);
    world.close(&party[2].0);
    world.command(Command::CloseRoom { room: ROOM });
    assert_eq!(world.plane.counts().rooms, 0);
}

/// Two planes that hand each other their parts, as workers do.
#[derive(Default)]
struct Post {
    out: Out,
    partials: Vec<(u64, Partial)>,
}

impl Transmit for Post {
    fn send(&mut self, port: PortIndex, kind: Kind, to: SocketAddr, bytes: &[u8]) {
        self.out.send(port, kind, to, bytes);
    }
    fn record(&mut self, part: Recorded<'_>) {
        self.out.record(part);
    }
    fn partial(&mut self, workers: u64, partial: &Partial) {
        self.partials.push((workers, partial.clone()));
    }
}

/// What four phones hear of each other, the first two on one worker, the others on another one.
fn over_two_workers(members: [Membership; 4]) -> Vec<Vec<u32>> {
    let mut worlds = [world(), world()];
    for (n, world) in worlds.iter_mut().enumerate() {
        world.plane.config.worker = n as u8;
    }
    let codecs = [Codec::Pcma, Codec::Opus, Codec::Pcmu, Codec::Pcma];
    let mut parties: Vec<Vec<(Phone, Tone)>> = Vec::new();
    for (n, world) in worlds.iter_mut().enumerate() {
        let places = [2 * n, 2 * n + 1];
        let phones = places.map(|n| (world.phone(n as u8 + 1, codecs[n]), Tone::new(HZ[n])));
        for ((phone, _), n) in phones.iter().zip(places) {
            world.join(phone, members[n]);
        }
        world.command(Command::RoomParts { room: ROOM, workers: 0b11 });
        parties.push(phones.into());
    }
    for _ in 0..150 {
        for (world, party) in worlds.iter_mut().zip(&mut parties) {
            for (phone, tone) in party {
                phone.say(world, &tone.next());
            }
        }
        pass_both(&mut worlds);
    }
    assert!(worlds.iter().all(|w| w.plane.counts().partials_missed <= 1));
    (0..4).map(|n| tones(&mut worlds[n / 2], &parties[n / 2][n % 2].0)).collect()
}

/// 20 ms pass for two workers, which hand each other their parts.
fn pass_both(worlds: &mut [World; 2]) {
    let end = worlds[0].now + Duration::from_millis(20);
    let next = |worlds: &[World; 2]| worlds.iter().map(|w| w.plane.next_tick()).min();
    while let Some(at) = next(worlds).filter(|at| *at <= end) {
        let mut posts = [Post::default(), Post::default()];
        for (world, post) in worlds.iter_mut().zip(&mut posts) {
            (world.now, post.out.now) = (at, at);
            world.plane.tick(at, post);
            world.out.sent.append(&mut post.out.sent);
        }
        for (from, post) in posts.iter().enumerate() {
            for (workers, partial) in &post.partials {
                assert_eq!((*workers, usize::from(partial.from)), (1 << (1 - from), from));
                worlds[1 - from].plane.partial(partial);
            }
        }
    }
    worlds.iter_mut().for_each(|world| world.now = end);
}

#[test]
fn phones_of_two_workers_meet_in_one_room() {
    let heard = over_two_workers([Membership::PARTY; 4]);
    assert_eq!(heard, (0..4).map(|n| others(n, 4)).collect::<Vec<_>>());
}

/// Who is said to be silent, and whether others were heard meanwhile.
fn silences(world: &mut World) -> Vec<(LegId, bool)> {
    world.events.extend(core::iter::from_fn(|| world.plane.poll_event()));
    let told = world.take_events().into_iter().filter_map(|event| match event {
        Event::RtpLost { leg, one_way, .. } => Some((leg, one_way)),
        _ => None,
    });
    told.collect()
}

#[test]
fn audio_that_goes_one_way_is_seen_in_a_room() {
    let mut world = world();
    let mut party = world.party(&[Codec::Pcma; 3]);
    party.iter().for_each(|(phone, _)| world.join(phone, Membership::PARTY));
    speak(&mut world, &mut party[..2], 5_500);
    assert_eq!(silences(&mut world), [(party[2].0.leg, true)]);
    speak(&mut world, &mut [], 12_000);
    let all: Vec<_> = silences(&mut world);
    assert!(all.len() >= 3 && all[1..].iter().all(|(_, one_way)| !one_way), "{all:?}");
}

#[test]
fn audio_that_goes_one_way_is_seen_in_a_call_linked_over_two_workers() {
    for speaks in [true, false] {
        let mut worlds = [world(), world()];
        let mut phones = Vec::new();
        for (n, world) in worlds.iter_mut().enumerate() {
            world.plane.config.worker = n as u8;
            let phone = world.phone(n as u8 + 1, Codec::Pcma);
            world.join(&phone, Membership::PARTY);
            world.command(Command::RoomParts { room: ROOM, workers: 0b11 });
            phones.push(phone);
        }
        let mut tone = Tone::new(HZ[0]);
        for _ in 0..280 {
            if speaks {
                phones[0].say(&mut worlds[0], &tone.next());
            }
            pass_both(&mut worlds);
        }
        assert_eq!(silences(&mut worlds[1]), [(phones[1].leg, speaks)]);
    }
}

#[test]
fn a_whisper_from_another_worker_is_heard_by_the_agent_alone() {
    let line = Line::coach(1).unwrap();
    let (customer, agent) = (Membership::PARTY, Membership::coached(line));
    let heard = over_two_workers([customer, agent, Membership::coach(line), Membership::LISTENER]);
    let talk = vec![HZ[0], HZ[1]];
    assert_eq!(heard, [vec![HZ[1]], vec![HZ[0], HZ[2]], talk.clone(), talk]);
}

/// Wide phones hear of each other what the telephone network cannot carry; a G.711 phone hears the rest.
#[test]
fn wide_phones_hear_each_other_wide() {
    use crate::dsp::rate::Rate;
    let mut world = world();
    let codecs = [Codec::Opus, Codec::G722, Codec::Opus, Codec::Pcma];
    let party = world.party(&codecs);
    let mut phones: Vec<Phone> = party.into_iter().map(|(phone, _)| phone).collect();
    for phone in &phones {
        world.join(phone, Membership::PARTY);
    }
    let (mut encoder, mut at) =
        (Encoder::at(Codec::Opus, Rate::Khz16, Settings::new).unwrap(), 0u32);
    for _ in 0..100 {
        let pcm: Vec<i16> = (at..at + 320)
            .map(|n| {
                let turn = f64::from(n) * core::f64::consts::TAU / 16_000.0;
                (5_000.0 * ((turn * 1_000.0).sin() + (turn * 5_000.0).sin())) as i16
            })
            .collect();
        at += 320;
        let mut payload = [0; 400];
        let bytes = encoder.encode(&pcm, &mut payload).unwrap();
        let packet = phones[0].packet(pt(Codec::Opus), false, &payload[..bytes]);
        phones[0].timestamp = phones[0].timestamp.wrapping_add(960);
        world.datagram(phones[0].port, phones[0].addr, &packet);
        world.pass(20);
    }
    for phone in &phones[1..] {
        let sent = world.heard_by(phone);
        assert_one_stream(&sent);
        let mut decoder = Decoder::at(phone.codec, Rate::Khz16).unwrap();
        let mut heard = Vec::new();
        for packet in &sent {
            let mut pcm = [0; 3_200];
            let payload = Packet::parse(&packet.bytes).unwrap();
            let count = decoder.decode(payload.payload(), &mut pcm).unwrap();
            heard.extend_from_slice(&pcm[..count]);
        }
        let late = &heard[heard.len() / 2..];
        // The measure counts in samples of 8 kHz.
        let (low, high) = (tone_dbm0(late, 500.0), tone_dbm0(late, 2_500.0));
        assert!(low > -16.0, "{:?}: {low}", phone.codec);
        match phone.codec {
            Codec::Pcma => assert!(high < -50.0, "{high}"),
            codec => assert!(high > -20.0, "{codec:?}: {high}"),
        }
    }
}

/// The left and the right side of a recording, in samples.
fn sides(world: &mut World, recording: u64) -> [Vec<i16>; 2] {
    world.recorded(recording).map(|side| {
        let mut pcm = vec![0; side.len()];
        decode(Codec::Pcma, &side, &mut pcm);
        pcm
    })
}

#[test]
fn a_member_is_recorded_with_what_it_says_and_what_it_hears() {
    let mut world = world();
    let codecs = [Codec::Pcma, Codec::Opus, Codec::G722, Codec::Pcmu];
    let mut party = world.party(&codecs);
    // One records before it comes in, the others after.
    world.record(1, &party[0].0, None);
    for (phone, _) in &party {
        world.join(phone, Membership::PARTY);
    }
    world.record(2, &party[1].0, None);
    world.record(3, &party[2].0, None);
    let muted = Membership { muted: true, ..Membership::PARTY };
    world.join(&party[3].0, muted);
    world.record(4, &party[3].0, None);
    speak(&mut world, &mut party, 3_000);
    // It pauses for a second, and the member goes out before the end.
    let (recording, paused) = (RecordingId(1), true);
    world.command(Command::PauseRecord { recording, paused });
    speak(&mut world, &mut party, 1_000);
    world.command(Command::PauseRecord { recording, paused: false });
    speak(&mut world, &mut party, 1_000);
    world.leave(&party[0].0);
    speak(&mut world, &mut party, 1_000);
    let found = |pcm: &[i16]| -> Vec<u32> {
        HZ[..4].iter().copied().filter(|hz| level(pcm, *hz) > -25.0).collect()
    };
    for (n, own) in HZ.into_iter().take(4).enumerate() {
        let [left, right] = sides(&mut world, n as u64 + 1);
        assert!(left.len().abs_diff(right.len()) == 0 && left.len().abs_diff(48_000) < 400);
        let others: Vec<u32> = others(n, 3);
        assert_eq!(found(&left[8_000..20_000]), [own], "{n}: what it says");
        assert_eq!(found(&right[8_000..20_000]), others, "{n}: what it hears");
        if n == 0 {
            for side in [&left, &right] {
                assert!(found(&side[25_000..31_000]).is_empty(), "the pause");
            }
            assert_eq!(found(&right[33_000..39_000]), others, "behind the pause");
            assert_eq!(found(&left[41_000..47_000]), [own]);
            assert!(found(&right[41_000..47_000]).is_empty(), "out of the room");
        }
    }
}

#[test]
fn who_is_recorded_in_a_room_hears_the_tone_and_nobody_else_does() {
    for codec in [Codec::Pcma, Codec::Opus, Codec::G722] {
        let mut world = world();
        let mut party = world.party(&[codec; 3]);
        for (phone, _) in &party {
            world.join(phone, Membership::PARTY);
        }
        let beep = crate::dsp::tone::plan("us", crate::dsp::tone::Kind::Record);
        let (recording, format) = (RecordingId(1), RecordFormat::Alaw);
        let left = party[0].0.leg;
        world.command(Command::Record { recording, format, beep, left, right: None });
        speak(&mut world, &mut party, 600);
        let heard: Vec<bool> = party
            .iter()
            .map(|(phone, _)| {
                let heard = samples(&world.heard_by(phone), codec);
                heard.chunks(800).any(|part| level(part, 1_400) > -24.0)
            })
            .collect();
        assert_eq!(heard, [true, false, false], "{codec:?}");
        let [_, right] = sides(&mut world, 1);
        // Where voices begin there is some of all frequencies; the tone has −20 dBm0.
        let beeps = right.chunks(800).map(|part| level(part, 1_400)).fold(-90.0, f64::max);
        assert!(beeps < -26.0, "{codec:?}: {beeps} dBm0 of the tone on the recording");
        speak(&mut world, &mut party, 16_000);
        assert_eq!(tones(&mut world, &party[0].0), others(0, 3));
    }
}
