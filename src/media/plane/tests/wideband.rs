//! Opus and G.722 beside G.711: relayed, transcoded, recorded, with keys in their clocks.

use super::*;
use crate::media::dtmf_rx::{EventPacket, Told};

const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];

/// A phone whose events count as its codec's timestamps do.
fn phone(world: &mut World, n: u8, codec: Codec) -> Phone {
    let phone = world.phone(n, codec);
    world.set(&phone, |p| p.event_clock_hz = codec.clock_rate());
    phone
}

#[test]
fn any_two_codecs_hear_each_other() {
    for of_a in ALL {
        for of_b in ALL {
            let mut world = world();
            let (mut a, mut b) = (phone(&mut world, 1, of_a), phone(&mut world, 2, of_b));
            world.bridge(&a, &b);
            talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 1_000);
            for (who, codec, hz, own) in [(&a, of_a, 620, 450), (&b, of_b, 450, 620)] {
                let heard = world.heard_by(who);
                assert_one_stream(&heard);
                let pcm = samples(&heard, codec);
                assert!(pcm.len() >= 7_680, "{of_a:?} {of_b:?}: {}", pcm.len());
                let (heard, echo) = (level(&pcm[2_000..], hz), level(&pcm[2_000..], own));
                assert!((-11.5..-8.5).contains(&heard), "{of_a:?} {of_b:?}: {heard}");
                assert!(echo < -35.0, "{of_a:?} {of_b:?}: nobody hears himself: {echo}");
            }
            let clocks = world.plane.counts().clocks;
            let relayed = of_a == of_b || of_a.is_g711() && of_b.is_g711();
            assert_eq!(clocks, if relayed { 0 } else { 2 }, "{of_a:?} {of_b:?}");
        }
    }
}

#[test]
fn packets_of_one_codec_go_on_under_the_others_number_bit_for_bit() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut world = world();
        let (mut a, b) = (phone(&mut world, 1, codec), phone(&mut world, 2, codec));
        world.set(&b, |p| {
            (p.send_pt, p.event_clock_hz, p.ptime_ms) = (77, codec.clock_rate(), 40);
        });
        world.bridge(&a, &b);
        let mut tone = Tone::new(450);
        let mut timestamps = Vec::new();
        for n in 0..50 {
            let pcm: Vec<i16> = (0..1 + n % 2).flat_map(|_| tone.next()).collect();
            a.say(&mut world, &pcm);
            timestamps.push(a.timestamp);
            world.pass(20 * (1 + n % 2));
        }
        let heard = world.heard_by(&b);
        assert_eq!(heard.len(), 50);
        let packets: Vec<_> = heard.iter().map(|s| Packet::parse(&s.bytes).unwrap()).collect();
        assert!(packets.iter().all(|p| p.payload_type() == 77));
        let steps = |t: &[u32]| t.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect::<Vec<_>>();
        let sent: Vec<u32> = packets.iter().map(|p| p.timestamp()).collect();
        // `timestamps` are those after each packet.
        assert_eq!(steps(&sent)[1..], steps(&timestamps)[..48], "{codec:?}");
        assert_eq!(world.plane.counts().clocks, 0);
    }
}

#[test]
fn a_peer_that_takes_fewer_bits_than_the_other_may_send_is_transcoded() {
    let mut world = world();
    let (mut a, mut b) = (phone(&mut world, 1, Codec::Opus), phone(&mut world, 2, Codec::Opus));
    world.set(&b, |p| {
        p.event_clock_hz = 48_000;
        p.opus.bit_rate = 8_000;
    });
    world.bridge(&a, &b);
    talk(&mut world, (&mut a, &mut Tone::new(450)), (&mut b, &mut Tone::new(620)), 2_000);
    let heard = world.heard_by(&b);
    let bytes: usize = heard.iter().map(|s| s.bytes.len() - HEADER_LEN).sum();
    assert!(bytes * 4 < 9_000, "{} bit/s", bytes * 4);
    assert!(level(&samples(&heard, Codec::Opus)[4_000..], 450) > -12.0);
    assert_eq!(world.plane.counts().clocks, 1, "the other way is relayed");
}

#[test]
fn every_packet_time_is_made_and_taken() {
    for codec in ALL {
        for ms in [10, 20, 30, 40, 50, 60] {
            let mut world = world();
            let (mut a, b) = (phone(&mut world, 1, codec), phone(&mut world, 2, Codec::G722));
            world.set(&a, |p| {
                p.event_clock_hz = codec.clock_rate();
                p.ptime_ms = ms;
            });
            world.bridge(&a, &b);
            let (mut to_a, mut to_b) = (Tone::new(620), Tone::new(450));
            let mut b = b;
            for _ in 0..1_200 / u64::from(ms) {
                let pcm: Vec<i16> = (0..6).flat_map(|_| to_b.next()).collect();
                // A part of a tone's second is as good as another.
                a.say(&mut world, &pcm[..usize::from(ms) * 8]);
                for _ in 0..ms / 10 {
                    let pcm = to_a.next();
                    b.say(&mut world, &pcm[..80]);
                    b.say(&mut world, &pcm[80..160]);
                    world.pass(10);
                }
            }
            let heard = world.heard_by(&a);
            let ticks = u32::from(ms) * 8 * codec.ticks_per_sample();
            let stamps: Vec<_> =
                heard.iter().map(|s| Packet::parse(&s.bytes).unwrap().timestamp()).collect();
            if codec != Codec::G722 {
                assert!(stamps.windows(2).all(|w| w[1].wrapping_sub(w[0]) == ticks), "{codec:?}");
                assert!(heard.len() as u64 >= 1_100 / u64::from(ms), "{codec:?} {ms} ms");
            }
            assert!(!world.heard_by(&b).is_empty());
            assert_eq!(world.close(&a).packets_malformed, 0);
        }
    }
}

/// One packet of several frames of 10 ms each (RFC 6716 §3.2.5, code 3).
fn of_frames(packets: &[Vec<u8>]) -> Vec<u8> {
    let toc = packets[0][0];
    assert!(packets.iter().all(|packet| packet[0] == toc && toc & 3 == 0), "one configuration");
    let frames: Vec<&[u8]> = packets.iter().map(|packet| &packet[1..]).collect();
    let (_, before) = frames.split_last().unwrap();
    let mut packet = vec![toc | 3, 0x80 | packets.len() as u8];
    packet.extend(before.iter().map(|frame| u8::try_from(frame.len()).unwrap()));
    packet.extend(frames.concat());
    packet
}

/// Packets of 30 and 50 ms, which no single frame has, and of 80 to 120 ms.
#[test]
fn opus_packets_of_several_frames_are_heard_and_recorded() {
    for frames in [3, 5, 8, 12] {
        let mut world = world();
        let (mut a, b) = (phone(&mut world, 1, Codec::Opus), phone(&mut world, 2, Codec::Pcma));
        world.set(&a, |p| p.event_clock_hz = 48_000);
        world.bridge(&a, &b);
        world.record(1, &a, Some(&b));
        let mut encoder = Encoder::new(Codec::Opus, Settings::new).unwrap();
        let mut tone = Tone::new(450);
        let pcm: Vec<i16> = (0..120).flat_map(|_| tone.next()).collect();
        let frame = |pcm: &[i16]| {
            let mut payload = vec![0; 1_000];
            let bytes = encoder.encode(pcm, &mut payload).unwrap();
            payload.truncate(bytes);
            payload
        };
        let coded: Vec<Vec<u8>> = pcm.chunks(80).map(frame).collect();
        for part in coded.chunks_exact(frames) {
            let packet = a.packet(pt(Codec::Opus), false, &of_frames(part));
            world.datagram(a.port, a.addr, &packet);
            a.timestamp = a.timestamp.wrapping_add(480 * frames as u32);
            world.pass(10 * frames as u64);
        }
        let heard = samples(&world.heard_by(&b), Codec::Pcma);
        let late = &heard[heard.len() - 8_000..];
        assert!((-11.0..-9.0).contains(&level(late, 450)), "{frames}: {}", level(late, 450));
        let [left, _] = world.recorded(1);
        let mut pcm = vec![0; left.len()];
        decode(Codec::Pcma, &left, &mut pcm);
        let recorded = level(&pcm[8_000..16_000], 450);
        assert!((-11.0..-9.0).contains(&recorded), "{frames}: {recorded}");
        let stats = world.close(&a);
        assert_eq!((stats.packets_malformed, stats.packets_lost), (0, 0));
    }
}

/// Keys as `rx` is told of them, each with the length it had in the end, ms.
fn keys(sent: &[Sent], codec: Codec) -> Vec<(char, u32)> {
    let mut rx = DtmfRx::default();
    rx.set_clock(codec.clock_rate(), codec.clock_rate());
    let (mut keys, mut digit): (Vec<(char, u32)>, _) = (Vec::new(), ' ');
    for sent in sent {
        let packet = Packet::parse(&sent.bytes).unwrap();
        if packet.payload_type() == TO_PHONE {
            let event = telephone_event::Event::parse(packet.payload()).unwrap();
            let (timestamp, marker) = (packet.timestamp(), packet.marker());
            let told: Told = rx.packet(sent.at, EventPacket { timestamp, marker, event });
            digit = told.began.unwrap_or(digit);
            let ended = told.at_once.or(told.ended.map(|e| e.samples));
            keys.extend(ended.map(|samples| (digit, samples / 8)));
        }
    }
    keys
}

/// A key held for `ms`, in the clock of the phone's codec, with segments where it needs them.
fn hold(world: &mut World, phone: &mut Phone, code: u8, ms: u32) {
    let began = phone.timestamp;
    let pace = 160 * phone.codec.ticks_per_sample();
    let last = ms / 20;
    for n in 1..=last + 2 {
        let ticks = n.min(last) * pace;
        let segments = (ticks - 1) / 65_535;
        let event = telephone_event::Event {
            code,
            end: n >= last,
            volume: 10,
            duration: (ticks - segments * 65_535) as u16,
        };
        phone.timestamp = began.wrapping_add(segments * 65_535);
        let packet = phone.packet(FROM_PHONE, n == 1, &event.to_bytes());
        world.datagram(phone.port, phone.addr, &packet);
        world.pass(20);
    }
    phone.timestamp = began.wrapping_add((last + 2) * pace);
}

#[test]
fn keys_keep_their_length_from_one_clock_to_another() {
    for (of_a, of_b) in [
        (Codec::Opus, Codec::Pcma),
        (Codec::Pcma, Codec::Opus),
        (Codec::Opus, Codec::Opus),
        (Codec::G722, Codec::Opus),
        (Codec::G722, Codec::Pcmu),
    ] {
        let mut world = world();
        let (mut a, mut b) = (phone(&mut world, 1, of_a), phone(&mut world, 2, of_b));
        world.bridge(&a, &b);
        let (mut of_tone_a, mut of_tone_b) = (Tone::new(450), Tone::new(620));
        for (code, ms) in [(5, 100), (5, 200), (11, 3_000)] {
            talk(&mut world, (&mut a, &mut of_tone_a), (&mut b, &mut of_tone_b), 100);
            hold(&mut world, &mut a, code, ms);
        }
        talk(&mut world, (&mut a, &mut of_tone_a), (&mut b, &mut of_tone_b), 100);
        let heard = world.heard_by(&b);
        let expected = [('5', 100), ('5', 200), ('#', 3_000)];
        assert_eq!(keys(&heard, of_b), expected, "{of_a:?} {of_b:?}");
        assert_one_stream(&heard);
        let told = world.take_events();
        let digits = told.iter().filter_map(|e| match e {
            Event::Digit { digit, .. } => Some(*digit),
            _ => None,
        });
        assert_eq!(digits.collect::<String>(), "55#");
    }
}

#[test]
fn our_own_digits_are_events_of_the_negotiated_clock() {
    let mut world = world();
    let a = phone(&mut world, 1, Codec::Opus);
    let (digits, on_ms, off_ms) = ("1#".into(), 2_000, 100);
    world.command(Command::SendDigits { leg: a.leg, digits, on_ms, off_ms });
    world.pass(6_000);
    assert_eq!(keys(&world.heard_by(&a), Codec::Opus), [('1', 2_000), ('#', 2_000)]);
}

#[test]
fn tones_in_the_audio_are_keys_in_any_codec() {
    for codec in ALL {
        let mut world = world();
        let mut a = phone(&mut world, 1, codec);
        world.set(&a, |p| {
            (p.inband_dtmf, p.event_clock_hz) = (true, codec.clock_rate());
            (p.dtmf_send_pt, p.dtmf_recv_pt) = (None, None);
        });
        let plan = crate::dsp::dtmf::plan('7', 100, 100, crate::dsp::dtmf::Levels::default());
        let mut tone = Tone(Generator::new(&plan.unwrap()));
        for _ in 0..20 {
            a.say(&mut world, &tone.next());
            world.pass(20);
        }
        let digit = Event::Digit { leg: a.leg, digit: '7', by: DigitBy::InBand, held: false };
        assert!(world.take_events().contains(&digit), "{codec:?}");
    }
}

#[test]
fn a_play_is_heard_and_the_codec_may_change_in_it() {
    let mut world = world();
    let a = phone(&mut world, 1, Codec::Pcma);
    let item = Item::Tone(Plan::parse("450", -10).unwrap());
    world.play(&a, 1, vec![item], false);
    world.pass(1_000);
    let before = world.heard_by(&a);
    let wide = Phone { codec: Codec::Opus, ..a.clone() };
    world.set(&wide, |p| p.event_clock_hz = 48_000);
    world.pass(1_000);
    let after = world.heard_by(&a);
    assert_one_stream(&[&before[..], &after[..1]].concat());
    assert!(level(&samples(&before, Codec::Pcma), 450) > -10.5);
    assert!(level(&samples(&after, Codec::Opus)[800..], 450) > -11.5);
    let stamps: Vec<_> =
        after.iter().map(|s| Packet::parse(&s.bytes).unwrap().timestamp()).collect();
    assert!(stamps.windows(2).all(|w| w[1].wrapping_sub(w[0]) == 960));
}

#[test]
fn wide_codecs_are_recorded_as_the_telephones_samples() {
    for codec in [Codec::G722, Codec::Opus] {
        let mut world = world();
        let mut a = phone(&mut world, 1, codec);
        a.timestamp = u32::MAX - 20_000; // wraps on the way
        world.record(1, &a, None);
        let mut tone = Tone::new(450);
        for _ in 0..100 {
            a.say(&mut world, &tone.next());
            world.pass(20);
        }
        let [left, right] = world.recorded(1);
        assert!(left.len() == 16_000 && right.iter().all(|code| *code == SILENCE));
        let mut pcm = vec![0; left.len()];
        decode(Codec::Pcma, &left, &mut pcm);
        assert!(level(&pcm[800..], 450) > -11.5, "{codec:?}: {}", level(&pcm[800..], 450));
    }
}

#[test]
fn what_is_no_opus_packet_is_counted_and_goes_nowhere() {
    let mut world = world();
    let (mut a, b) = (phone(&mut world, 1, Codec::Opus), phone(&mut world, 2, Codec::Opus));
    world.bridge(&a, &b);
    a.say(&mut world, &[0; 160]);
    // Code 3 without its count of frames.
    let packet = a.packet(pt(Codec::Opus), false, &[0xff]);
    assert_eq!(world.datagram(a.port, a.addr, &packet), Disposition::Malformed);
    assert_eq!(world.heard_by(&b).len(), 1);
    assert_eq!(world.close(&a).packets_malformed, 1);
}

/// Making a coder of Opus takes as long as a hundred packets.
#[test]
fn no_coder_is_made_in_vain() {
    let mut world = world();
    let made = |world: &World, before: u64| world.plane.coders_made() - before;
    let (a, b) = (world.phone(1, Codec::Opus), world.phone(2, Codec::Opus));
    assert_eq!(made(&world, 0), 2, "what each is told");
    for phone in [&a, &b] {
        world.set(phone, |_| {});
    }
    world.bridge(&a, &b);
    assert_eq!(made(&world, 0), 2, "a refresh is no news, and what is relayed needs none");
    let c = world.phone(3, Codec::G722);
    let before = world.plane.coders_made();
    world.bridge(&a, &c);
    assert_eq!(made(&world, before), 2, "for what is wide: an encoder and an ear");
    // In the wide bridge it negotiates anew: nothing of 8 kHz in between.
    let before = world.plane.coders_made();
    world.set(&Phone { codec: Codec::Pcma, ..a.clone() }, |_| {});
    world.set(&a, |_| {});
    assert_eq!(made(&world, before), 2);
}
