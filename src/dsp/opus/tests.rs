//! libopus as this exchange uses it: round trips, the line's bounds, loss, silence, damage.

use super::*;
use crate::base::Noise;
use core::f64::consts::TAU;
use proptest::prelude::*;

/// Something like a voice: a pitch that wanders, formants, syllables, pauses.
fn voice(rate: Rate, ms: u32) -> Vec<i16> {
    let hz = f64::from(rate.hz());
    let mut phase = 0.0;
    (0..rate.samples(ms))
        .map(|n| {
            let t = n as f64 / hz;
            phase += (120.0 + 30.0 * (TAU * 0.7 * t).sin()) / hz;
            let harmonics: f64 = (1..=20)
                .map(|h| {
                    let f = 120.0 * f64::from(h);
                    let formant = |at: f64, width: f64| 1.0 / (1.0 + ((f - at) / width).powi(2));
                    (formant(550.0, 120.0) + 0.4 * formant(1_500.0, 150.0))
                        * (TAU * phase * f64::from(h)).sin()
                })
                .sum();
            let syllable = (TAU * 2.0 * t).sin().max(0.0);
            (5_000.0 * harmonics * syllable) as i16
        })
        .collect()
}

fn encoder(settings: Settings) -> Encoder {
    Encoder::new(settings).unwrap()
}

/// A stream's packets, none longer than the line allows.
fn packets(encoder: &mut Encoder, samples: &[i16], ptime_ms: u32) -> Vec<Vec<u8>> {
    let settings = encoder.settings();
    samples
        .chunks_exact(settings.rate.samples(ptime_ms))
        .map(|frame| {
            let mut payload = [0; 1_500];
            let bytes = encoder.encode(frame, &mut payload).unwrap();
            assert!(bytes <= settings.line.payload(ptime_ms).unwrap());
            payload[..bytes].to_vec()
        })
        .collect()
}

/// Signal to error in dB, after `delay` samples.
fn snr(sent: &[i16], heard: &[i16], delay: usize) -> f64 {
    let (mut signal, mut noise) = (1.0, 1.0);
    for (sent, heard) in sent.iter().zip(&heard[delay..]) {
        signal += f64::from(*sent).powi(2);
        noise += (f64::from(*sent) - f64::from(*heard)).powi(2);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn speech_comes_back_at_every_rate_and_packet_time() {
    for rate in Rate::ALL {
        for ptime_ms in PTIMES_MS {
            let line = Line { bit_rate: 80_000, header: 40 };
            let settings = Settings { bit_rate: 32_000, line, ..Settings::new(rate) };
            let mut encoder = encoder(settings);
            let mut decoder = Decoder::new(rate).unwrap();
            let sent = voice(rate, 1_200);
            let mut heard = Vec::new();
            for packet in packets(&mut encoder, &sent, ptime_ms) {
                let mut out = [0; LONGEST_DECODED];
                let count = decoder.decode(&packet, &mut out).unwrap();
                assert_eq!(count, rate.samples(ptime_ms));
                heard.extend_from_slice(&out[..count]);
            }
            let delay = encoder.delay();
            let best = (delay.saturating_sub(rate.samples(2))..delay + rate.samples(2))
                .map(|delay| snr(&sent, &heard, delay))
                .fold(f64::MIN, f64::max);
            assert!(best > 9.0, "{rate:?} {ptime_ms} ms: {best} dB");
        }
    }
}

/// R6: 56 kbit/s with headers, whatever the speech and whatever was asked for.
#[test]
fn no_packet_leaves_the_line() {
    let mut rng = Noise::from_seed(6);
    let noise: Vec<i16> = (0..48_000).map(|_| rng.next_u32() as i16).collect();
    for line in [Line::default(), Line { bit_rate: 56_000, header: 70 }] {
        for ptime_ms in [20, 40, 60] {
            let settings = Settings {
                bit_rate: 510_000,
                loss_percent: 30,
                line,
                ..Settings::new(Rate::Khz48)
            };
            for packet in packets(&mut encoder(settings), &noise, ptime_ms) {
                let bits = 8 * (packet.len() as u32 + line.header) * 1_000 / ptime_ms;
                assert!(bits <= 56_000, "{bits} bit/s");
            }
        }
    }
    // With 70 bytes of headers nothing is left of 10 ms.
    let mut encoder = encoder(Settings {
        line: Line { bit_rate: 56_000, header: 70 },
        ..Settings::new(Rate::Khz8)
    });
    let refused = encoder.encode(&[0; 80], &mut [0; 100]);
    assert_eq!(refused, Err(EncodeError::Line { ptime_ms: 10 }));
    assert_eq!(Line::default().payload(20), Some(90));
    assert_eq!(Line::over(true, true).payload(20), Some(64), "IPv6 and AES-GCM");
    assert_eq!(Line { bit_rate: 0, header: 1 }.payload(60), None);
}

#[test]
fn the_bit_rate_can_be_changed_between_packets() {
    // Breath in it: a pure voice takes few bits at any rate.
    let mut rng = Noise::from_seed(8);
    let mut sent = voice(Rate::Khz48, 2_000);
    sent.iter_mut().for_each(|s| *s = s.saturating_add(rng.next_u32() as i16 >> 5));
    let mut encoder = encoder(Settings::new(Rate::Khz48));
    let bytes =
        |encoder: &mut Encoder| -> usize { packets(encoder, &sent, 20).iter().map(Vec::len).sum() };
    let usual = bytes(&mut encoder);
    encoder.set_bit_rate(8_000);
    let little = bytes(&mut encoder);
    encoder.set_bit_rate(32_000);
    let more = bytes(&mut encoder);
    assert!(little * 2 < usual && usual < more, "{little} {usual} {more}");
    // 2 s at 8 kbit/s are 2,000 bytes.
    assert!((1_200..2_800).contains(&little), "{little}");
}

/// Each fifth packet is lost, never two in a row. How near the made-up samples are to what the
/// encoder heard: the copy in the next packet beats concealment.
#[test]
fn the_next_packet_brings_the_lost_one_back() {
    let rate = Rate::Khz16;
    let sent = voice(rate, 4_000);
    let mut encoder = encoder(Settings { loss_percent: 20, ..Settings::new(rate) });
    let packets = packets(&mut encoder, &sent, 20);
    let whole = {
        let mut decoder = Decoder::new(rate).unwrap();
        let mut out = vec![0; rate.samples(20)];
        let decode = |p: &Vec<u8>| {
            decoder.decode(p, &mut out).unwrap();
            out.clone()
        };
        packets.iter().map(decode).collect::<Vec<_>>()
    };
    let error = |recovers: bool| -> f64 {
        let mut decoder = Decoder::new(rate).unwrap();
        let mut out = vec![0; rate.samples(20)];
        let mut sum = 0.0;
        for n in 0..packets.len() - 1 {
            match (n % 5 == 3, recovers) {
                (false, _) => decoder.decode(&packets[n], &mut out),
                (true, true) => decoder.recover(&packets[n + 1], &mut out),
                (true, false) => decoder.conceal(&mut out),
            }
            .unwrap();
            let pairs = out.iter().zip(&whole[n]);
            sum += pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
        }
        sum
    };
    let (recovered, concealed) = (error(true), error(false));
    assert!(recovered < 0.5 * concealed, "{recovered} {concealed}");
}

/// Three packets in a row are lost: the network goes on with the voice, the older means let it fade.
#[test]
fn the_network_holds_a_voice_for_longer() {
    let rate = Rate::Khz16;
    let sent = voice(rate, 2_000);
    let packets = packets(&mut encoder(Settings::new(rate)), &sent, 20);
    let level = |deep: bool, lost: core::ops::Range<usize>| -> f64 {
        let mut decoder = Decoder::new(rate).unwrap();
        decoder.set_deep(deep);
        let (mut out, mut energy) = (vec![0; rate.samples(20)], 0.0);
        for (n, packet) in packets.iter().enumerate().take(12) {
            match (10..12).contains(&n) && lost.contains(&n) {
                true => decoder.conceal(&mut out).unwrap(),
                false => decoder.decode(packet, &mut out).unwrap(),
            };
            if n == 11 {
                energy = out.iter().map(|s| f64::from(*s).powi(2)).sum();
            }
        }
        10.0 * (energy + 1.0f64).log10()
    };
    let (whole, deep, plain) = (level(true, 0..0), level(true, 10..12), level(false, 10..12));
    assert!((deep - whole).abs() < 6.0, "{deep:.1} dB for {whole:.1}");
    assert!((deep - plain).abs() > 0.1, "{deep:.1} and {plain:.1}: the network is not there");
}

#[test]
fn silence_is_not_sent_and_speech_is_at_once() {
    let rate = Rate::Khz16;
    let mut encoder = encoder(Settings { dtx: true, ..Settings::new(rate) });
    let speech = voice(rate, 240); // before its first pause
    assert!(packets(&mut encoder, &speech, 20).iter().all(|p| !p.is_empty()));
    let quiet = packets(&mut encoder, &vec![0; rate.samples(4_000)], 20);
    let sent = quiet.iter().filter(|p| !p.is_empty()).count();
    assert!(sent < 40, "{sent} of 200 packets of silence were sent");
    // Whatever goes before a hole says that it is none.
    for pair in quiet.windows(2).filter(|pair| pair[1].is_empty() && !pair[0].is_empty()) {
        assert!(is_dtx(&pair[0]), "{} bytes before silence", pair[0].len());
    }
    let again = packets(&mut encoder, &speech[rate.samples(40)..], 20);
    assert!(again.iter().all(|p| !p.is_empty()));
    encoder.set_dtx(false);
    assert!(packets(&mut encoder, &vec![0; 6_400], 20).iter().all(|p| !p.is_empty()));
}

/// A stereo packet made by libopus itself: the same voice in both ears, or opposite ones.
#[test]
fn stereo_is_mixed_down() {
    let mono = voice(Rate::Khz48, 1_000);
    let heard = |opposite: bool| -> f64 {
        let mut stereo = libopus::Encoder::new(
            libopus::Channels::Stereo,
            libopus::SampleRate::Hz48000,
            libopus::Application::Audio,
        )
        .unwrap();
        stereo.set_bitrate(libopus::Bitrate::Value(96_000)).unwrap();
        let mut decoder = Decoder::new(Rate::Khz48).unwrap();
        let mut energy = 0.0;
        for frame in mono.chunks_exact(960) {
            let right = |s: i16| if opposite { s.saturating_neg() } else { s };
            let both: Vec<u16> = frame.iter().flat_map(|&s| [s as u16, right(s) as u16]).collect();
            let mut payload = [0; 1_000];
            let bytes = stereo.encode_to_slice(&both, &mut payload).unwrap();
            let mut out = [0; 960];
            assert_eq!(decoder.decode(&payload[..bytes], &mut out), Ok(960));
            energy += out.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
        }
        energy
    };
    assert!(heard(true) < 0.05 * heard(false));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let mut decoder = Decoder::new(Rate::Khz48).unwrap();
    let mut out = [0; 960];
    assert_eq!(decoder.decode(&[], &mut out), Err(DecodeError::Malformed { bytes: 0 }));
    // Code 3 with no frames.
    assert_eq!(decoder.decode(&[0x03, 0], &mut out), Err(DecodeError::Malformed { bytes: 2 }));
    // 60 ms of SILK.
    let short = Short { needed: 2_880, has: 960 };
    assert_eq!(decoder.decode(&[0x18, 1, 2, 3], &mut out), Err(DecodeError::Room(short)));
    for samples in [0, 1, 119, 121, 5_880] {
        let mut out = vec![0; samples];
        assert_eq!(decoder.conceal(&mut out), Err(DecodeError::Gap { samples }));
        assert_eq!(decoder.recover(&[0x18, 1], &mut out), Err(DecodeError::Gap { samples }));
    }
    let mut encoder =
        encoder(Settings { complexity: 200, loss_percent: 255, ..Settings::new(Rate::Khz8) });
    assert_eq!((encoder.settings().complexity, encoder.settings().loss_percent), (10, 100));
    for samples in [0, 79, 81, 200, 960] {
        let refused = encoder.encode(&vec![0; samples], &mut [0; 200]);
        assert_eq!(refused, Err(EncodeError::Frame { samples }));
    }
    let refused = encoder.encode(&[0; 160], &mut []);
    assert_eq!(refused, Err(EncodeError::Room(Short { needed: 90, has: 0 })));
}

#[test]
fn libopus_is_the_one_that_is_bundled() {
    assert!(libopus::version().contains("bundled"), "{}", libopus::version());
}

proptest! {
    /// Any bytes: samples within the room, or an error; and the stream goes on.
    #[test]
    fn hostile_packets_do_no_harm(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..8),
    ) {
        let mut decoder = Decoder::new(Rate::Khz16).unwrap();
        let mut out = [0; Rate::Khz16.samples(LONGEST_MS)];
        for payload in &parts {
            if let Ok(count) = decoder.decode(payload, &mut out) {
                prop_assert!(count > 0 && count <= out.len());
            }
            let _ = decoder.recover(payload, &mut out[..320]);
        }
        prop_assert_eq!(decoder.conceal(&mut out[..320]), Ok(320));
    }
}

/// Packets of frames hold all that was said, also where the bit rate changes between them, and in a pause one
/// says so and none follow.
#[test]
fn packets_of_frames_are_whole_and_rest() {
    for (ptime_ms, rate) in [(30, Rate::Khz8), (50, Rate::Khz48)] {
        let mut encoder = encoder(Settings { dtx: true, ..Settings::new(rate) });
        let mut decoder = Decoder::new(rate).unwrap();
        let mut voiced = voice(rate, 6_000);
        voiced.resize(rate.samples(9_000), 0);
        let (mut last, mut announced) = (0, 0);
        for (n, samples) in voiced.chunks_exact(rate.samples(ptime_ms)).enumerate() {
            if n % 20 == 0 {
                encoder.set_bit_rate([6_000, 24_000, 9_000, 16_000][n / 20 % 4]);
            }
            let (mut payload, mut out) = ([0; 1_500], [0; LONGEST_DECODED]);
            last = encoder.encode(samples, &mut payload).unwrap();
            if last > 2 {
                let decoded = decoder.decode(&payload[..last], &mut out);
                assert_eq!(decoded, Ok(samples.len()), "{ptime_ms} ms, packet {n}");
            }
            announced += usize::from((1..=2).contains(&last));
        }
        assert!(last == 0 && announced > 0, "{ptime_ms} ms: {announced}");
    }
}
