//! What recordings hold of streams that lose, reorder and repeat packets on their way.

use super::*;
use crate::dsp::level::power;

/// Milliseconds of a packet.
const PACKET_MS: u64 = 20;
/// Packets of a stream: 12 s.
const PACKETS: u64 = 600;

/// Something like speech: harmonics of a gliding pitch in syllables of 200 ms.
fn speech() -> Vec<i16> {
    let mut phase = 0.0f64;
    let mut next = |n: u64| {
        let t = n as f64 / 8_000.0;
        phase += core::f64::consts::TAU * 120.0 * (1.0 + 0.2 * (t * 1.3).sin()) / 8_000.0;
        let wave: f64 = { [1.0, 0.8, 0.9, 0.4, 0.3, 0.2].iter().zip(1..) }
            .map(|(loudness, harmonic)| loudness * (phase * f64::from(harmonic)).sin())
            .sum();
        let syllable = 0.55 - 0.45 * (t * core::f64::consts::TAU * 5.0).cos();
        (3_000.0 * wave * syllable) as i16
    };
    (0..PACKETS * 160).map(&mut next).collect()
}

/// The left side of a recording of `speech`, of which packet n comes so many milliseconds after it was
/// sent as `delays` says, each time; and how many samples of it came too late.
fn recorded(codec: Codec, loss: u8, delays: impl Fn(u64) -> Vec<u64>) -> (Vec<i16>, u64) {
    let mut world = world();
    let mut phone = world.phone(1, codec);
    world.record(1, &phone, None);
    let mut encoder = Encoder::new(codec, Settings::new).unwrap();
    if let Some(opus) = encoder.opus() {
        opus.expect_loss(loss);
    }
    let mut arrivals = Vec::new();
    for (n, pcm) in (0..).zip(speech().chunks_exact(160)) {
        let mut payload = vec![0; 1_000];
        let bytes = encoder.encode(pcm, &mut payload).unwrap();
        let packet = phone.packet(pt(codec), false, &payload[..bytes]);
        phone.timestamp = phone.timestamp.wrapping_add(160 * codec.ticks_per_sample());
        arrivals.extend(delays(n).into_iter().map(|ms| (n * PACKET_MS + ms, packet.clone())));
    }
    arrivals.sort_by_key(|(at, _)| *at);
    let began = world.now;
    for (at, packet) in arrivals {
        world.pass((began + Duration::from_millis(at)).since(world.now).as_millis() as u64);
        world.datagram(phone.port, phone.addr, &packet);
    }
    world
        .pass((began + Duration::from_millis(PACKETS * PACKET_MS)).since(world.now).as_millis()
            as u64);
    let [left, right] = world.recorded(1);
    assert!(right.iter().all(|code| *code == SILENCE));
    let mut pcm = vec![0; left.len()];
    decode(Codec::Pcma, &left, &mut pcm);
    (pcm, world.out.late)
}

fn clean(codec: Codec, loss: u8) -> Vec<i16> {
    let (pcm, late) = recorded(codec, loss, |_| vec![0]);
    assert_eq!((pcm.len() as u64, late), (PACKETS * 160, 0));
    pcm
}

/// Signal to error, dB.
fn snr(clean: &[i16], heard: &[i16]) -> f64 {
    let error: Vec<i16> = clean.iter().zip(heard).map(|(a, b)| a.saturating_sub(*b)).collect();
    10.0 * (power(clean) / power(&error).max(1e-9)).log10()
}

/// By how much any 10 ms are louder than they are in `clean` and around there, dB.
fn worst_burst(clean: &[i16], heard: &[i16]) -> f64 {
    let loudest = |at: usize| {
        let near = &clean[(at * 80).saturating_sub(400)..clean.len().min(at * 80 + 480)];
        near.chunks(80).map(power).fold(1.0, f64::max)
    };
    let above = |(at, part): (usize, &[i16])| 10.0 * (power(part) / loudest(at)).log10();
    heard.chunks(80).enumerate().map(above).fold(f64::MIN, f64::max)
}

#[test]
fn what_is_overtaken_and_repeated_is_recorded_as_if_it_had_come_in_order() {
    for (codec, loss) in [(Codec::Pcma, 0), (Codec::G722, 0), (Codec::Opus, 0), (Codec::Opus, 20)] {
        let clean = clean(codec, loss);
        let overtaken = |n| if n % 7 == 3 { 45 } else { 0 };
        let (heard, late) = recorded(codec, loss, |n| vec![overtaken(n), 90]);
        assert!(heard.starts_with(&clean) && late == 0, "{codec:?}: {}", snr(&clean, &heard));
    }
}

#[test]
fn what_is_lost_is_made_up_without_a_burst_and_all_else_stays_in_its_place() {
    // What is lost: one of ten, and three in a row of 25. Signal to error at least, dB.
    let single = |n| if n % 10 == 7 { vec![] } else { vec![0] };
    let rows = |n| if n % 25 > 21 { vec![] } else { vec![0] };
    for (codec, fec, least) in [
        (Codec::G722, 0, [12.0, 8.0]),
        (Codec::Opus, 0, [11.0, 6.0]),
        (Codec::Opus, 20, [26.0, 8.5]),
    ] {
        let clean = clean(codec, fec);
        for ((heard, late), least) in
            [recorded(codec, fec, single), recorded(codec, fec, rows)].into_iter().zip(least)
        {
            assert_eq!((heard.len(), late), (clean.len(), 0));
            let (snr, burst) = (snr(&clean, &heard), worst_burst(&clean, &heard));
            assert!(
                snr > least && burst < 2.5,
                "{codec:?} {fec}: {snr:.1} dB, burst {burst:.1} dB"
            );
        }
    }
}

#[test]
fn what_comes_too_late_is_counted_and_stays_lost() {
    for codec in [Codec::G722, Codec::Opus] {
        let is_late = |n| n % 50 == 20;
        let (lost, _) = recorded(codec, 0, |n| if is_late(n) { vec![] } else { vec![0] });
        let (heard, late) = recorded(codec, 0, |n| vec![if is_late(n) { 1_000 } else { 0 }]);
        assert_eq!((heard.starts_with(&lost), late), (true, PACKETS / 50 * 160), "{codec:?}");
    }
}

#[test]
fn the_pauses_of_an_opus_sender_are_its_noise() {
    let mut world = world();
    let mut phone = world.phone(1, Codec::Opus);
    world.record(1, &phone, None);
    let mut encoder = Encoder::new(Codec::Opus, Settings::new).unwrap();
    encoder.opus().unwrap().set_dtx(true);
    let mut rng = Rng::from_seed(4);
    let mut pauses = 0;
    let said = speech().into_iter().take(8_000);
    let noise: Vec<i16> = said.chain((0..24_000).map(|_| rng.below(121) as i16 - 60)).collect();
    for pcm in noise.chunks_exact(160) {
        let mut payload = vec![0; 1_000];
        let bytes = encoder.encode(pcm, &mut payload).unwrap();
        if bytes > 0 {
            let packet = phone.packet(pt(Codec::Opus), false, &payload[..bytes]);
            world.datagram(phone.port, phone.addr, &packet);
        }
        pauses += usize::from(bytes == 0);
        phone.timestamp = phone.timestamp.wrapping_add(960);
        world.pass(20);
    }
    assert!(pauses > 50, "{pauses}");
    let [left, _] = world.recorded(1);
    let mut pcm = vec![0; left.len()];
    decode(Codec::Pcma, &left, &mut pcm);
    // Up to where the last packet of noise came.
    let loudness: Vec<f64> = pcm[8_000..28_000].chunks(400).map(power).collect();
    let (least, most) =
        loudness.iter().fold((f64::MAX, 0.0f64), |(a, b), p| (a.min(*p), b.max(*p)));
    // A-law's silence has 64.
    assert!(least > 200.0 && most < 40_000.0, "{least} to {most}");
}

#[test]
fn a_long_key_press_is_silence_and_nothing_is_made_up_for_it() {
    for (codec, fec) in [(Codec::G722, 0), (Codec::Opus, 0), (Codec::Opus, 20)] {
        let mut world = world();
        let mut phone = world.phone(1, codec);
        world.record(1, &phone, None);
        let mut encoder = Encoder::new(codec, Settings::new).unwrap();
        if let Some(opus) = encoder.opus() {
            opus.expect_loss(fec);
        }
        // From packet 50 on one second of a key instead of audio, of which two packets are lost.
        let key = 50..100;
        let mut pressed = 0;
        for (n, pcm) in (0u16..).zip(speech().chunks_exact(160).take(200)) {
            let mut payload = vec![0; 1_000];
            let bytes = encoder.encode(pcm, &mut payload).unwrap();
            let ticks = (160 * codec.ticks_per_sample()) as u16;
            let packet = if key.contains(&n) {
                let event = [5, 10, 0, 0];
                let duration = (n - key.start + 1) * ticks;
                let [high, low] = duration.to_be_bytes();
                phone.timestamp = phone.timestamp.wrapping_sub(u32::from(pressed));
                let packet = phone.packet(101, n == key.start, &[event[0], event[1], high, low]);
                phone.timestamp = phone.timestamp.wrapping_add(u32::from(pressed));
                pressed += ticks;
                packet
            } else {
                phone.packet(pt(codec), false, &payload[..bytes])
            };
            if ![70, 99].contains(&n) {
                world.datagram(phone.port, phone.addr, &packet);
            }
            phone.timestamp = phone.timestamp.wrapping_add(ticks.into());
            world.pass(20);
        }
        let [left, _] = world.recorded(1);
        let mut pcm = vec![0; left.len()];
        decode(Codec::Pcma, &left, &mut pcm);
        let loudness = |seconds: core::ops::Range<f64>| {
            power(&pcm[(seconds.start * 8_000.0) as usize..(seconds.end * 8_000.0) as usize])
        };
        // But for what the decoder still has in it; A-law's silence has 64.
        let during = loudness(1.05..1.95);
        assert!(during < 100.0, "{codec:?} {fec}: {during} while the key was pressed");
        let (before, after) = (loudness(0.2..0.95), loudness(2.05..2.8));
        assert!(before > 100_000.0 && after > 100_000.0, "{codec:?} {fec}: {before}, {after}");
    }
}
