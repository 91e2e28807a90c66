//! Bit-exactness, quality, and what must not matter: how a stream is cut into packets.
//!
//! The Recommendation's own sequences are not in the repository; `tests/itu_g722.rs` runs them from a
//! folder. The sums here were taken from a
//! codec that passes it. The decoder was also compared with an independent one (libg722) on random
//! octets, and the encoder on noise and chirps: the same to the bit, but for squares at full scale,
//! where that one leaves out the limit to 15 bits after the filters.

use super::*;
use crate::base::Noise;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn sha256(bytes: impl IntoIterator<Item = u8>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().collect();
    Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn encoded(samples: &[i16]) -> Vec<u8> {
    let mut codes = vec![0; samples.len() / 2];
    assert_eq!(Encoder::new().encode(samples, &mut codes), codes.len());
    codes
}

fn decoded(codes: &[u8]) -> Vec<i16> {
    let mut samples = vec![0; 2 * codes.len()];
    assert_eq!(Decoder::new().decode(codes, &mut samples), samples.len());
    samples
}

/// Four seconds that visit every corner: silence, steps, chirps in both bands, noise from one unit to
/// full scale, and squares at full scale, which saturate filters, predictors and steps.
fn stream() -> Vec<i16> {
    let mut rng = Noise::from_seed(722);
    let mut noise = move || rng.next_u32() as i16;
    let mut phase = 0u32;
    (0..64_000u32)
        .map(|n| match n / 4_000 {
            0 => 0,
            1 => [3, -3][n as usize / 16 % 2],
            // Triangles that rise from 0 to 8 kHz.
            2..=6 => {
                phase = phase.wrapping_add((n - 8_000) * (u32::MAX / 40_000));
                (((phase >> 15) as i32 - 65_536).abs() - 32_768).clamp(-32_768, 32_767) as i16
            }
            7..=12 => noise() >> (2 * (12 - n / 4_000)),
            13 => [i16::MIN, i16::MAX][n as usize / 20 % 2],
            14 => [i16::MIN, i16::MAX][n as usize % 2],
            _ => [i16::MIN, i16::MAX][usize::from(noise() > 0)],
        })
        .collect()
}

#[test]
fn a_made_up_stream_is_exact() {
    let stream = stream();
    let codes = encoded(&stream);
    assert_eq!(
        [
            sha256(stream.iter().flat_map(|s| s.to_le_bytes())),
            sha256(codes.iter().copied()),
            sha256(decoded(&codes).into_iter().flat_map(i16::to_le_bytes)),
        ],
        [
            "dbe40f3d7ee4d00c5b132b809b97246e24513460411126bb84f71f45eb0505bd",
            "1494dbba3b094269ae97c134b1d39d31ab19df738e051e9de908f5f9c286e06b",
            "d104270a748c9de97bbd041eda7943329ba2fd16a11a00856bfcc28c79ca6a21",
        ]
    );
}

/// Any octets: what a stranger may send. The decoder's own corners, beyond what an encoder makes.
#[test]
fn made_up_codes_are_exact() {
    let mut rng = Noise::from_seed(227);
    let codes: Vec<u8> = (0..64_000)
        .map(|n| match n / 16_000 {
            0 => rng.next_u32() as u8,
            1 => [0x84, 0x20][n / 50 % 2], // the largest differences, both ways
            2 => (n / 64) as u8,
            _ => rng.next_u32() as u8 & 0xcf,
        })
        .collect();
    let sums = [
        sha256(codes.iter().copied()),
        sha256(decoded(&codes).into_iter().flat_map(i16::to_le_bytes)),
    ];
    assert_eq!(
        sums,
        [
            "3dddb7867c32e2eb7f98a98ee1405b3ffcc7d923f5ee29d6c76bc4d3c779b916",
            "fc83d6a578d7d252b6a39250d3761dd6625962c45c6cce4c6595b9ca8dcd0645",
        ]
    );
}

#[test]
fn silence_stays_silent() {
    assert!(decoded(&encoded(&[0; 3_200])).iter().all(|s| s.unsigned_abs() <= 4));
}

/// Signal to noise after the delay of both filters, in dB.
fn snr(hz: f64, peak: f64) -> f64 {
    let sine: Vec<i16> = (0..16_000)
        .map(|n| (peak * (core::f64::consts::TAU * hz * f64::from(n) / 16_000.0).sin()) as i16)
        .collect();
    let out = decoded(&encoded(&sine));
    const DELAY: usize = 22;
    let (mut signal, mut noise) = (0.0, 0.0);
    for n in 1_600..sine.len() {
        let sent = f64::from(sine[n - DELAY]);
        signal += sent * sent;
        noise += (f64::from(out[n]) - sent).powi(2);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn tones_come_back() {
    for (hz, least) in [(300.0, 30.0), (1_000.0, 30.0), (3_000.0, 25.0), (5_500.0, 12.0)] {
        for peak in [1_000.0, 10_000.0] {
            assert!(snr(hz, peak) > least, "{hz} at {peak}: {}", snr(hz, peak));
        }
    }
}

#[test]
fn odd_lengths_and_little_room_are_cut_short() {
    let mut codes = [7; 4];
    assert_eq!(Encoder::new().encode(&[1; 5], &mut codes), 2);
    assert_eq!(codes[2..], [7, 7]);
    assert_eq!(Encoder::new().encode(&[1; 100], &mut codes), 4);
    let mut samples = [7; 5];
    assert_eq!(Decoder::new().decode(&[0; 9], &mut samples), 4);
    assert_eq!(samples[4], 7);
}

proptest! {
    #[test]
    fn the_cut_into_packets_changes_nothing(
        cuts in prop::collection::vec(1usize..500, 1..12),
        seed: u64,
    ) {
        let mut rng = Noise::from_seed(seed);
        let samples: Vec<i16> =
            (0..2 * cuts.iter().sum::<usize>()).map(|_| rng.next_u32() as i16).collect();
        let whole = encoded(&samples);
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        let (mut codes, mut out) = (Vec::new(), Vec::new());
        let mut rest = &samples[..];
        for cut in cuts {
            let (part, after) = rest.split_at(2 * cut);
            rest = after;
            let mut packet = vec![0; cut];
            encoder.encode(part, &mut packet);
            let mut heard = vec![0; 2 * cut];
            decoder.decode(&packet, &mut heard);
            codes.extend(packet);
            out.extend(heard);
        }
        prop_assert_eq!(&codes, &whole);
        prop_assert_eq!(out, decoded(&whole));
    }
}
