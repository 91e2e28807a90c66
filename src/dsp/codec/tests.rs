//! Each codec through the same door.

use super::*;
use crate::dsp::opus::{Line, Settings};
use core::f64::consts::TAU;

const CODECS: [Codec; 6] = [
    Codec::Pcma,
    Codec::Pcmu,
    Codec::G722,
    Codec::Opus,
    Codec::L16(Rate::Khz8),
    Codec::L16(Rate::Khz16),
];

fn coders() -> impl Iterator<Item = (Codec, Rate, Encoder, Decoder)> {
    CODECS.into_iter().flat_map(|codec| {
        let rates = Rate::ALL.into_iter().filter(move |&rate| codec.runs_at(rate));
        rates.map(move |rate| {
            let line = Line { bit_rate: 100_000, header: 40 };
            let settings = |rate| Settings { bit_rate: 48_000, line, ..Settings::new(rate) };
            let encoder = Encoder::new(codec, rate, settings).unwrap();
            (codec, rate, encoder, Decoder::new(codec, rate).unwrap())
        })
    })
}

#[test]
fn every_codec_brings_a_tone_back_at_every_packet_time() {
    for ptime_ms in [10, 20, 30, 40, 60] {
        for (codec, rate, mut encoder, mut decoder) in coders() {
            if !codec.takes_ptime(ptime_ms) {
                assert_eq!((codec, ptime_ms), (Codec::Opus, 30));
                continue;
            }
            let turn = TAU * 400.0 / f64::from(rate.hz());
            let tone: Vec<i16> = (0..rate.samples(1_200))
                .map(|n| (8_000.0 * (turn * n as f64).sin()) as i16)
                .collect();
            let mut heard = Vec::new();
            for frame in tone.chunks_exact(rate.samples(ptime_ms)) {
                let (mut payload, mut out) = ([0; 2_000], [0; 2_880]);
                let bytes = encoder.encode(frame, &mut payload).unwrap();
                assert_eq!(decoder.samples(&payload[..bytes]), Ok(frame.len()));
                assert_eq!(decoder.decode(&payload[..bytes], &mut out), Ok(frame.len()));
                assert_eq!(codec.ticks(frame.len(), rate), codec.clock_rate() / 1_000 * ptime_ms);
                heard.extend_from_slice(&out[..frame.len()]);
            }
            let heard = &heard[rate.samples(600)..];
            let (mut re, mut im, mut power) = (0.0, 0.0, 0.0);
            for (n, &s) in heard.iter().enumerate() {
                re += f64::from(s) * (turn * n as f64).cos();
                im += f64::from(s) * (turn * n as f64).sin();
                power += f64::from(s).powi(2);
            }
            let count = heard.len() as f64;
            let tone = 2.0 * (re * re + im * im) / count / count;
            let rest = power / count - tone;
            assert!(10.0 * (tone / rest).log10() > 15.0, "{codec:?} {rate:?} {ptime_ms}");
            assert!((2.0 * tone).sqrt() / 8_000.0 > 0.85, "{codec:?} {rate:?} {ptime_ms}");
        }
    }
}

#[test]
fn coders_run_at_the_rates_that_the_codec_has() {
    let refused = Decoder::new(Codec::G722, Rate::Khz8).unwrap_err();
    assert_eq!(refused, OpenError::Rate(Codec::G722, Rate::Khz8));
    assert_eq!(refused.to_string(), "G722 does not run at 8000 Hz");
    assert!(Encoder::new(Codec::Pcma, Rate::Khz48, Settings::new).is_err());
    assert_eq!(Codec::G722.clock_rate(), 8_000);
    assert_eq!(Codec::G722.ticks(320, Rate::Khz16), 160);
    assert_eq!(Codec::Opus.ticks(160, Rate::Khz8), 960);
}

#[test]
fn too_little_room_is_said_and_changes_nothing() {
    for (codec, rate, mut encoder, mut decoder) in coders() {
        let frame = vec![500; rate.samples(20)];
        let mut payload = [0; 2_000];
        let bytes = encoder.encode(&frame, &mut payload).unwrap();
        let short = Short { needed: frame.len(), has: frame.len() - 1 };
        let mut out = vec![77; frame.len() - 1];
        let refused = decoder.decode(&payload[..bytes], &mut out);
        assert_eq!(refused, Err(DecodeError::Room(short)), "{codec:?}");
        assert!(out.iter().all(|&s| s == 77));
        let mut payload = [];
        let refused = encoder.encode(&frame, &mut payload);
        assert!(matches!(refused, Err(EncodeError::Room(Short { has: 0, .. }))), "{codec:?}");
    }
}

#[test]
fn halves_of_samples_are_refused() {
    let mut l16 = Decoder::new(Codec::L16(Rate::Khz8), Rate::Khz8).unwrap();
    assert_eq!(l16.decode(&[1, 2, 3], &mut [0; 9]), Err(DecodeError::Malformed { bytes: 3 }));
    let mut out = [0; 2];
    assert_eq!(l16.decode(&[0x12, 0x34, 0xff, 0xfe], &mut out), Ok(2));
    assert_eq!(out, [0x1234, -2]);
    let mut g722 = Encoder::new(Codec::G722, Rate::Khz16, Settings::new).unwrap();
    assert_eq!(g722.encode(&[0; 3], &mut [0; 9]), Err(EncodeError::Frame { samples: 3 }));
}

#[test]
fn only_opus_conceals_itself() {
    for (codec, rate, _, mut decoder) in coders() {
        let mut out = vec![77; rate.samples(20)];
        let made = decoder.conceal(&mut out).unwrap();
        assert_eq!((made, decoder.conceals()), (codec == Codec::Opus, codec == Codec::Opus));
        assert_eq!(out.contains(&77), !made);
    }
}
