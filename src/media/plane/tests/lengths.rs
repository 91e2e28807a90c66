//! Packet times that two parties do not have in common (RFC 8866 §6.4, RFC 3264 §6.1).

use super::*;

/// Who sends and gets packets of `ms`, and what it says.
struct Party {
    phone: Phone,
    ms: u64,
    tone: Tone,
    due: u64,
}

impl Party {
    fn new(world: &mut World, n: u8, codec: Codec, ms: u8) -> Party {
        let phone = world.phone(n, codec);
        world.set(&phone, |p| p.ptime_ms = ms);
        let tone = Tone::new(if n == 1 { 450 } else { 620 });
        Party { phone, ms: ms.into(), tone, due: 0 }
    }

    /// Says what is due at `at`, ms.
    fn say(&mut self, world: &mut World, at: u64) {
        if at == self.due {
            let mut pcm = vec![0; self.ms as usize * 8];
            self.tone.0.fill(&mut pcm);
            self.phone.say(world, &pcm);
            self.due += self.ms;
        }
    }
}

/// Both speak for `ms`, after `from` of them.
fn speak(world: &mut World, from: u64, ms: u64, a: &mut Party, b: &mut Party) {
    for at in (from..from + ms).step_by(10) {
        a.say(world, at);
        b.say(world, at);
        world.pass(10);
    }
}

/// Slots in each packet of audio, and the steps of their timestamps.
fn lengths(sent: &[Sent], codec: Codec) -> (Vec<usize>, Vec<u32>) {
    let packets: Vec<_> = sent.iter().map(|s| Packet::parse(&s.bytes).unwrap()).collect();
    let audio: Vec<_> = packets.iter().filter(|p| p.payload_type() == pt(codec)).collect();
    let steps = audio.windows(2).map(|w| w[1].timestamp().wrapping_sub(w[0].timestamp()));
    (audio.iter().map(|p| p.payload().len()).collect(), steps.collect())
}

#[test]
fn each_side_gets_packets_of_its_own_time() {
    let codecs = [
        (Codec::Pcma, Codec::Pcma),
        (Codec::Pcma, Codec::Pcmu),
        (Codec::Pcmu, Codec::Pcma),
        (Codec::G722, Codec::G722),
    ];
    for (codec_a, codec_b) in codecs {
        for (ms_a, ms_b) in [(20, 10), (20, 30), (60, 20), (10, 60), (30, 60)] {
            let mut world = world();
            let mut a = Party::new(&mut world, 1, codec_a, ms_a);
            let mut b = Party::new(&mut world, 2, codec_b, ms_b);
            world.bridge(&a.phone, &b.phone);
            world.record(1, &a.phone, Some(&b.phone));
            speak(&mut world, 0, 600, &mut a, &mut b);
            let early = [world.heard_by(&a.phone), world.heard_by(&b.phone)];
            speak(&mut world, 600, 3_000, &mut a, &mut b);
            let late = [world.heard_by(&a.phone), world.heard_by(&b.phone)];
            let row = format!("{codec_a:?} {ms_a} ms, {codec_b:?} {ms_b} ms");
            let sides = [(ms_a, codec_a, 620), (ms_b, codec_b, 450)];
            for ((early, late), (ms, codec, hz)) in early.iter().zip(&late).zip(sides) {
                let slots = usize::from(ms) * 8;
                assert!(lengths(early, codec).0.iter().all(|n| *n <= slots), "{row}: longer");
                let (packets, steps) = lengths(late, codec);
                assert!(packets.iter().all(|n| *n == slots), "{row}: {packets:?}");
                assert!(steps.iter().all(|n| *n as usize == slots), "{row}: {steps:?}");
                let wanted = 3_000 / usize::from(ms);
                assert!(packets.len().abs_diff(wanted) <= 1, "{row}: {}", packets.len());
                let heard = level(&samples(late, codec), hz);
                assert!((-10.6..-9.4).contains(&heard), "{row}: {heard} dBm0");
                let whole: Vec<Sent> = [&early[..], &late[..]].concat();
                let numbers = whole.iter().map(|s| Packet::parse(&s.bytes).unwrap().sequence());
                let numbers: Vec<_> = numbers.collect();
                assert!(numbers.windows(2).all(|w| w[1] == w[0].wrapping_add(1)), "{row}");
            }
            for (side, hz) in world.recorded(1).iter().zip([450, 620]) {
                let mut pcm = vec![0; side.len()];
                decode(Codec::Pcma, side, &mut pcm);
                let recorded = level(&pcm[..28_000], hz);
                assert!((-10.6..-9.4).contains(&recorded), "{row}: {recorded} dBm0 recorded");
            }
        }
    }
}

/// G.711 through samples is what was said, code by code; a packet time later at most.
#[test]
fn nothing_is_left_out_or_put_in_and_it_comes_a_packet_time_later_at_most() {
    for (ms_a, ms_b) in [(60, 20), (20, 60)] {
        let mut world = world();
        let a = Party::new(&mut world, 1, Codec::Pcma, ms_a);
        let b = Party::new(&mut world, 2, Codec::Pcma, ms_b);
        world.bridge(&a.phone, &b.phone);
        let mut a = a.phone;
        let mut rng = Rng::from_seed(7);
        let (mut said, mut heard) = (Vec::new(), Vec::new());
        for _ in 0..6_000 / u64::from(ms_a) {
            let codes: Vec<u8> = (0..u64::from(ms_a) * 8).map(|_| rng.next_u32() as u8).collect();
            let packet = a.packet(8, false, &codes);
            a.timestamp = a.timestamp.wrapping_add(codes.len() as u32);
            world.datagram(a.port, a.addr, &packet);
            said.extend(codes.into_iter().map(|code| (world.now, code)));
            world.pass(ms_a.into());
            for sent in world.heard_by(&b.phone) {
                heard.extend(sent.bytes[HEADER_LEN..].iter().map(|code| (sent.at, *code)));
            }
        }
        // From where samples are heard, by a run that can be nowhere else.
        let codes = |all: &[(Time, u8)]| all.iter().map(|(_, code)| *code).collect::<Vec<_>>();
        let (from, row) = (8_000, format!("{ms_a} to {ms_b} ms"));
        let run = codes(&heard[from..from + 32]);
        let at = codes(&said).windows(32).position(|w| w == run).expect("what was said");
        let rest = (heard.len() - from).min(said.len() - at);
        assert!(rest > 36_000, "{row}: {rest}");
        let same = codes(&heard[from..from + rest]) == codes(&said[at..at + rest]);
        assert!(same, "{row}: other codes than were said");
        let behind = |n: usize| {
            // A code waits for its packet's end at one side, and for its packet's beginning at the other.
            let spoken = said[at + n].0;
            heard[from + n].0.since(spoken).as_millis()
        };
        let most = (0..rest).map(behind).max().unwrap_or(0);
        assert!(most <= ms_a.max(ms_b).into(), "{row}: {most} ms");
    }
}

/// What a gateway did that answered 60 ms to a phone that takes 20.
#[test]
fn no_packet_is_longer_than_its_party_takes_from_the_first_on() {
    for (codec_a, codec_b) in [(Codec::Pcma, Codec::Pcma), (Codec::Pcma, Codec::Pcmu)] {
        let mut world = world();
        let mut a = Party::new(&mut world, 1, codec_a, 60);
        let mut b = Party::new(&mut world, 2, codec_b, 20);
        world.set(&b.phone, |p| p.max_ptime_ms = Some(20));
        world.bridge(&a.phone, &b.phone);
        speak(&mut world, 0, 2_400, &mut a, &mut b);
        let heard = world.heard_by(&b.phone);
        let (packets, steps) = lengths(&heard, codec_b);
        assert!(packets.len() >= 114 && packets.iter().all(|n| *n == 160), "{packets:?}");
        // A pause of the change to samples is one of the timestamps too.
        assert!(steps.iter().all(|n| *n == 160), "{steps:?}");
        assert_one_stream(&heard);
        let back = lengths(&world.heard_by(&a.phone), codec_a).0;
        assert!(back[3..].iter().all(|n| *n == 480), "{back:?}");
    }
}

/// A sender that changes is followed within a few packets; back to the relay only in a pause.
#[test]
fn a_sender_that_changes_its_packet_time_is_followed_without_flapping() {
    let mut world = world();
    let mut a = Party::new(&mut world, 1, Codec::Pcma, 20);
    let mut b = Party::new(&mut world, 2, Codec::Pcma, 20);
    world.bridge(&a.phone, &b.phone);
    speak(&mut world, 0, 400, &mut a, &mut b);
    assert_eq!(world.plane.counts().clocks, 0, "relayed");
    a.ms = 60;
    speak(&mut world, 400, 180, &mut a, &mut b);
    assert_eq!(world.plane.counts().clocks, 1, "after three packets");
    speak(&mut world, 580, 2_060, &mut a, &mut b);
    a.ms = 20;
    speak(&mut world, 2_640, 4_000, &mut a, &mut b);
    assert_eq!(world.plane.counts().clocks, 1, "while it speaks nothing is left out");
    let heard = world.heard_by(&b.phone);
    assert!(lengths(&heard, Codec::Pcma).0.iter().all(|n| *n == 160));
    assert_one_stream(&heard);
    let pcm = samples(&heard, Codec::Pcma);
    assert!((-10.5..-9.5).contains(&level(&pcm, 450)), "{}", level(&pcm, 450));
    for _ in 0..5 {
        a.phone.say(&mut world, &[0; 160]);
        world.pass(20);
    }
    assert_eq!(world.plane.counts().clocks, 0, "relayed again");
    assert!(matches!(a.phone.say(&mut world, &[0; 160]), Disposition::Forward { .. }));
    // One that alternates stays where it is, and is heard as it is to be.
    for n in 0..300 {
        a.phone.say(&mut world, &[0; 240][..160 + n % 2 * 80]);
        world.pass(20 + n as u64 % 2 * 10);
        assert_eq!(world.plane.counts().clocks, 0);
    }
    let heard = world.heard_by(&b.phone);
    assert!(lengths(&heard, Codec::Pcma).0.iter().all(|n| *n <= 160));
    assert_one_numbering(&heard);
}

fn assert_one_numbering(sent: &[Sent]) {
    let numbers: Vec<_> =
        sent.iter().map(|s| Packet::parse(&s.bytes).unwrap().sequence()).collect();
    assert!(numbers.windows(2).all(|w| w[1] == w[0].wrapping_add(1)));
}

/// Opus is coded once: any decoder takes packets of any length (RFC 7587 §4.2).
#[test]
fn opus_of_another_packet_time_is_relayed() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Opus), world.phone(2, Codec::Opus));
    for phone in [&a, &b] {
        world.set(phone, |p| (p.event_clock_hz, p.ptime_ms) = (48_000, 60));
    }
    world.bridge(&a, &b);
    let mut tone = Tone::new(450);
    for _ in 0..100 {
        a.say(&mut world, &tone.next());
        world.pass(20);
    }
    assert_eq!((world.heard_by(&b).len(), world.plane.counts().clocks), (100, 0));
}

/// What the sender's headers bear beside is agreed on with us alone.
#[test]
fn what_a_header_bears_beside_its_fields_is_not_passed_on() {
    let mut world = world();
    let (mut a, b) = (world.phone(1, Codec::Pcma), world.phone(2, Codec::Pcma));
    world.bridge(&a, &b);
    let mut packet = a.packet(8, false, &[]);
    packet[0] |= 0x20 | 0x10 | 1;
    packet.extend([1, 1, 1, 1, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0]);
    packet.extend([0x55; 160]);
    packet.extend([0, 0, 0, 4]);
    world.datagram(a.port, a.addr, &packet);
    let heard = world.heard_by(&b);
    assert_eq!((heard[0].bytes.len(), heard[0].bytes[0]), (HEADER_LEN + 160, 0x80));
    assert_eq!(heard[0].bytes[HEADER_LEN..], [0x55; 160]);
}
