//! What is handed to recordings.

use super::*;

fn record(world: &mut World, left: &Phone, right: Option<&Phone>) {
    let (left, right) = (left.leg, right.map(|p| p.leg));
    world.command(Command::Record { recording: RecordingId(1), left, right });
}

fn of(world: &World, channel: Channel) -> Vec<Tapped> {
    world.out.tapped.iter().filter(|t| t.channel == channel).cloned().collect()
}

#[test]
fn both_parties_are_tapped_beside_the_relay() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    record(&mut world, &a, Some(&b));
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 1_000);
    for (channel, hz) in [(Channel::Left, 450), (Channel::Right, 620)] {
        let blocks = of(&world, channel);
        assert_eq!(blocks.len(), 50);
        assert!(blocks.iter().enumerate().all(|(n, b)| b.position == 160 * n as u64));
        let mut pcm = vec![0; 8_000];
        decode(
            Codec::Pcma,
            &blocks.iter().flat_map(|b| b.payload.clone()).collect::<Vec<_>>(),
            &mut pcm,
        );
        assert!(level(&pcm, hz) > -10.5);
    }
    world.take_events();
    world.command(Command::StopRecord { recording: RecordingId(1) });
    let stopped = Event::RecordStopped { recording: RecordingId(1), samples: 8_000 };
    assert_eq!(world.take_events(), [stopped]);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 100);
    assert_eq!(of(&world, Channel::Left).len(), 50);
}

#[test]
fn pauses_keys_strangers_and_gone_legs_are_silence() {
    let mut world = world();
    let (mut a, mut b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    record(&mut world, &a, None);
    a.say(&mut world, &[0; 160]);
    b.say(&mut world, &[0; 160]);
    assert_eq!((of(&world, Channel::Left).len(), of(&world, Channel::Right).len()), (1, 0));
    let recording = RecordingId(1);
    world.command(Command::SetRecordLegs { recording, left: Some(a.leg), right: Some(b.leg) });
    world.command(Command::PauseRecord { recording, paused: true });
    world.pass(20);
    a.say(&mut world, &[0; 160]);
    world.command(Command::PauseRecord { recording, paused: false });
    world.pass(20);
    a.press(&mut world, 5);
    b.say(&mut world, &[0; 160]);
    let mut stranger = a.clone();
    (stranger.addr, stranger.ssrc) = (SocketAddr::from(([203, 0, 113, 9], 9)), 9);
    assert_eq!(stranger.say(&mut world, &[0; 160]), Disposition::Foreign);
    assert_eq!((of(&world, Channel::Left).len(), of(&world, Channel::Right).len()), (1, 1));
    a.say(&mut world, &[0; 160]);
    let last = world.out.tapped.last().unwrap();
    let expected = 160 * 9;
    assert!(last.position.abs_diff(expected) <= 160, "{}", last.position);
    world.close(&b);
    assert_eq!(b.say(&mut world, &[0; 160]), Disposition::Foreign);
    assert_eq!(of(&world, Channel::Right).len(), 1);
}

#[test]
fn two_recorders_take_the_same_call_and_a_third_is_refused() {
    let mut world = world();
    let mut a = world.phone(1, Codec::Pcma);
    for n in 1..=3 {
        world.command(Command::Record { recording: RecordingId(n), left: a.leg, right: None });
    }
    a.say(&mut world, &[0; 160]);
    let recordings: Vec<_> = world.out.tapped.iter().map(|t| t.recording.0).collect();
    assert_eq!(recordings, [1, 2]);
    assert_eq!(world.plane.counts().commands_dropped, 1);
}
