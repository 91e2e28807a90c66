use super::super::{Generator, countries};
use super::*;
use crate::base::Noise;
use proptest::prelude::*;

/// What is told of `samples`, and after how many milliseconds.
fn told(country: &str, samples: &[i16]) -> Vec<(Kind, usize)> {
    let mut detector = Detector::new(country).unwrap();
    let mut all = Vec::new();
    for (n, part) in samples.chunks(160).enumerate() {
        all.extend(detector.feed(part).map(|kind| (kind, (n + 1) * 20)));
    }
    all
}

fn sound(plan: &Plan, ms: usize) -> Vec<i16> {
    let mut samples = vec![0; ms * 8];
    Generator::new(plan).fill(&mut samples);
    samples
}

/// Samples of a plan's text with all lengths and frequencies changed, at a level, in noise.
fn bent(text: &str, ms: usize, by: f64, hz: f64, dbm0: f64, noise: i16) -> Vec<i16> {
    let plan = Plan::parse(text, 0).unwrap();
    let peak = 22_827.0 * 10f64.powf(dbm0 / 20.0);
    let mut rng = Noise::from_seed(3);
    let mut out = Vec::new();
    let mut t = 0.0;
    'all: loop {
        for segment in plan.segments() {
            let length = if segment.ms == 0 { ms } else { (f64::from(segment.ms) * by) as usize };
            for _ in 0..length * 8 {
                t += 1.0 / 8_000.0;
                let partials = segment.partials.iter().filter(|p| p.hz > 0);
                let wave = |p: &super::super::Partial| {
                    (t * (f64::from(p.hz) + hz) * core::f64::consts::TAU).sin() * peak
                };
                let noise = (rng.next_u32() % (2 * noise as u32 + 1)) as i16 - noise;
                out.push(partials.map(wave).sum::<f64>() as i16 + noise);
                if out.len() == ms * 8 {
                    break 'all;
                }
            }
        }
    }
    out
}

#[test]
fn every_countrys_tones_are_told_apart() {
    for country in countries() {
        for kind in KINDS {
            let plan = plan(country, kind).unwrap();
            let found = told(country, &sound(&plan, 12_000));
            let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, [kind], "{country}: {found:?}");
        }
    }
}

#[test]
fn chinas_tones_are_known_soon() {
    for (kind, within) in [
        (Kind::Busy, 1_200),
        (Kind::Congestion, 1_700),
        (Kind::Ringback, 2_200),
        (Kind::Unobtainable, 1_400),
    ] {
        let found = told("cn", &sound(&plan("cn", kind).unwrap(), 12_000));
        assert!(found[0].1 <= within, "{kind:?}: {found:?}");
    }
}

#[test]
fn what_networks_send_is_within_the_tolerances() {
    for (by, hz, dbm0, noise) in [
        (1.0, 25.0, -10.0, 10),
        (1.0, -25.0, -13.0, 10),
        (1.1, 10.0, -25.0, 20),
        (0.9, -10.0, -30.0, 10),
        (1.0, 0.0, -7.0, 300),
    ] {
        for (kind, text) in [
            (Kind::Busy, "450/350,0/350"),
            (Kind::Ringback, "450/1000,0/4000"),
            (Kind::Congestion, "450/700,0/700"),
        ] {
            let found = told("cn", &bent(text, 12_000, by, hz, dbm0, noise));
            let kinds: Vec<_> = found.iter().map(|(kind, _)| *kind).collect();
            // Noise above −38 dBm0 is no silence.
            let expected: &[Kind] = if noise > 250 && kinds.is_empty() { &[] } else { &[kind] };
            assert_eq!(kinds, expected, "{text} {by} {hz} {dbm0} {noise}");
        }
    }
}

#[test]
fn one_tone_after_another_and_from_the_middle_on() {
    let ringback = sound(&plan("cn", Kind::Ringback).unwrap(), 11_000);
    let busy = sound(&plan("cn", Kind::Busy).unwrap(), 4_000);
    let both = [&ringback[4_000..], &busy[..]].concat();
    let kinds: Vec<_> = told("cn", &both).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::Ringback, Kind::Busy]);
}

#[test]
fn bursts_of_other_sound_are_no_tone() {
    // A voice's harmonics under an envelope of syllables, and noise in the cadence of busy.
    let voice: Vec<i16> = (0..160_000)
        .map(|n| {
            let t = f64::from(n) / 8_000.0;
            let pitch = 110.0 + 20.0 * (t * 2.1).sin();
            let voiced: f64 = (1..9)
                .map(|h| (t * pitch * f64::from(h) * core::f64::consts::TAU).sin() / f64::from(h))
                .sum();
            (voiced * (t * 9.0).sin().max(0.0) * 4_000.0) as i16
        })
        .collect();
    let mut rng = Noise::from_seed(5);
    let noise: Vec<i16> = (0..80_000)
        .map(|n| if n / 2_800 % 2 == 0 { (rng.next_u32() % 8_000) as i16 - 4_000 } else { 0 })
        .collect();
    for country in countries() {
        assert_eq!(told(country, &voice), []);
        assert_eq!(told(country, &noise), []);
        assert_eq!(told(country, &vec![0; 80_000]), []);
    }
    assert!(Detector::new("xx").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_samples_are_heard_and_pieces_do_not_matter(
        seed in any::<u64>(),
        cuts in prop::collection::vec(1usize..500, 1..20),
    ) {
        let mut rng = Noise::from_seed(seed);
        let tone = sound(&plan("cn", Kind::Busy).unwrap(), 2_000);
        let samples: Vec<i16> = tone.iter().map(|s| match rng.next_u32() % 4_000 {
            0 => rng.next_u32() as i16,
            _ => *s,
        }).collect();
        let mut whole = Detector::new("cn").unwrap();
        let mut pieces = whole.clone();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        a.extend(samples.chunks(80).filter_map(|part| whole.feed(part)));
        let mut rest = &samples[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (part, behind) = rest.split_at((*cut).min(rest.len()));
            rest = behind;
            b.extend(part.chunks(80).filter_map(|part| pieces.feed(part)));
        }
        prop_assert_eq!(a, b);
    }
}
