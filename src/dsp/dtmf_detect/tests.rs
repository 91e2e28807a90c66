//! Digits on a line: grids over frequency, twist, level, duration and noise; speech; any samples.

use super::super::dtmf::{COLUMNS, ROWS};
use super::*;
use crate::base::Noise;
use crate::dsp::g711::{alaw_code, alaw_sample};
use crate::dsp::level::sine_peak;
use core::f64::consts::TAU;
use proptest::prelude::*;

/// A digit as it may come down a line.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Deviation of row and column from nominal, as a part, and in Hz on top.
    off: [f64; 2],
    more_hz: f64,
    low_dbm0: f64,
    high_dbm0: f64,
    ms: f64,
    noise_dbm0: f64,
}

const PLAIN: Line = Line {
    off: [0.0, 0.0],
    more_hz: 0.0,
    low_dbm0: -12.0,
    high_dbm0: -12.0,
    ms: 40.0,
    noise_dbm0: -99.0,
};

fn uniform(rng: &mut Noise) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A normally distributed number (Box and Muller).
fn gauss(rng: &mut Noise) -> f64 {
    let radius = (-2.0 * uniform(rng).max(1e-300).ln()).sqrt();
    radius * (TAU * uniform(rng)).cos()
}

impl Line {
    /// `lead` samples of noise, the digit, 100 ms of noise; through A-law.
    fn samples(&self, key: Key, lead: usize, rng: &mut Noise) -> Vec<i16> {
        let on = lead..lead + (self.ms * 8.0).round() as usize;
        let tone = |nominal: u16, off: f64, dbm0: f64, phase: f64| {
            let hz = f64::from(nominal) * (1.0 + off) + self.more_hz * off.signum();
            let peak = sine_peak(dbm0);
            move |n: usize| peak * (TAU * (hz * n as f64 / 8000.0 + phase)).sin()
        };
        let low = tone(ROWS[key.row], self.off[0], self.low_dbm0, uniform(rng));
        let high = tone(COLUMNS[key.column], self.off[1], self.high_dbm0, uniform(rng));
        let noise = sine_peak(self.noise_dbm0) / 2f64.sqrt();
        let mut sample = |n| {
            let tones = if on.contains(&n) { low(n) + high(n) } else { 0.0 };
            alaw_sample(alaw_code((tones + noise * gauss(rng)).round() as i16))
        };
        (0..on.end + 800).map(&mut sample).collect()
    }

    /// How many of all sixteen digits, each at five places against the blocks, were heard
    /// exactly: one beginning and one end, in place, with the right duration.
    fn heard(&self) -> usize {
        let mut rng = Noise::from_seed(24);
        let mut count = 0;
        for (key, place) in keys().flat_map(|key| (0..5).map(move |place| (key, place))) {
            let lead = 400 + 8 * place;
            let events = detect(&self.samples(key, lead, &mut rng));
            let near = |at: u64, ms: f64| (at as f64 - lead as f64 - 8.0 * ms).abs() < 24.0;
            match events[..] {
                [Detected::Begin { digit, at }, Detected::End { digit: same, at: end, ms }] => {
                    assert_eq!((digit, same), (key.digit(), key.digit()), "{self:?}");
                    assert!(near(at, 0.0) && near(end, self.ms), "{self:?} {events:?}");
                    assert!((f64::from(ms) - self.ms).abs() < 4.0, "{self:?} {events:?}");
                    count += 1;
                }
                [] => {}
                _ => panic!("{self:?}: {events:?}"),
            }
        }
        count
    }

    fn taken(&self) {
        assert_eq!(self.heard(), 80, "must be taken: {self:?}");
    }

    fn refused(&self) {
        assert_eq!(self.heard(), 0, "must not be taken: {self:?}");
    }
}

fn keys() -> impl Iterator<Item = Key> {
    (0..4).flat_map(|row| (0..4).map(move |column| Key { row, column }))
}

fn detect(samples: &[i16]) -> Vec<Detected> {
    let mut detector = Detector::new();
    let mut events = Vec::new();
    detector.feed(samples, &mut |event| events.push(event));
    detector.finish(&mut |event| events.push(event));
    events
}

#[test]
fn frequency_limits() {
    for (low, high) in [(0.015, 0.015), (-0.015, -0.015), (0.015, -0.015), (-0.015, 0.015)] {
        Line { off: [low, high], more_hz: 2.0, ..PLAIN }.taken();
        Line { off: [low, high], noise_dbm0: -24.0, ..PLAIN }.taken();
    }
    for off in [0.03, -0.03, 0.035, -0.035] {
        for ms in [40.0, 200.0] {
            Line { off: [off, 0.0], ms, ..PLAIN }.refused();
            Line { off: [0.0, off], ms, ..PLAIN }.refused();
            Line { off: [off, off], ms, ..PLAIN }.refused();
        }
    }
}

#[test]
fn twist_limits() {
    for (twist, taken) in [(-14.0, false), (-10.0, true), (-8.0, true), (4.0, true)]
        .into_iter()
        .chain([(6.0, true), (10.0, false)])
    {
        let line = Line { low_dbm0: -12.0 - twist / 2.0, high_dbm0: -12.0 + twist / 2.0, ..PLAIN };
        if taken { line.taken() } else { line.refused() }
    }
}

#[test]
fn level_limits() {
    for dbm0 in [-29.0, -20.0, -3.0, 0.0] {
        Line { low_dbm0: dbm0, high_dbm0: dbm0, ..PLAIN }.taken();
    }
    // So loud that every wave is cut off.
    Line { low_dbm0: 3.0, high_dbm0: 3.0, ..PLAIN }.taken();
    // The weaker one at the limit, the other 8 dB over it.
    Line { low_dbm0: -21.0, high_dbm0: -29.0, ..PLAIN }.taken();
    Line { low_dbm0: -45.0, high_dbm0: -45.0, ms: 200.0, ..PLAIN }.refused();
}

#[test]
fn duration_limits() {
    for ms in [40.0, 45.0, 70.0, 500.0] {
        Line { ms, ..PLAIN }.taken();
    }
    for ms in [5.0, 10.0, 20.0, 23.0] {
        Line { ms, ..PLAIN }.refused();
        Line { ms, low_dbm0: 0.0, high_dbm0: 0.0, ..PLAIN }.refused();
    }
}

#[test]
fn noise_limits() {
    // Both tones at −13 dBm0 are −10 dBm0 together.
    let line = Line { low_dbm0: -13.0, high_dbm0: -13.0, ..PLAIN };
    Line { noise_dbm0: -22.0, ..line }.taken();
    Line { noise_dbm0: -25.0, off: [0.015, 0.015], low_dbm0: -16.0, ..line }.taken();
    let mut rng = Noise::from_seed(5);
    let hiss: Vec<i16> = (0..480_000).map(|_| (3000.0 * gauss(&mut rng)) as i16).collect();
    assert_eq!(detect(&hiss), []);
}

/// `digits` one after the other, each `on` ms with `off` ms of silence.
fn dial(digits: &[Key], on: f64, off: usize) -> Vec<i16> {
    let mut rng = Noise::from_seed(9);
    let one = |key: &Key| {
        let mut samples = Line { ms: on, ..PLAIN }.samples(*key, 0, &mut rng);
        samples.truncate((on * 8.0) as usize);
        samples.resize(samples.len() + 8 * off, 0);
        samples
    };
    digits.iter().flat_map(one).collect()
}

fn begun(events: &[Detected]) -> String {
    let digit = |event: &Detected| match event {
        Detected::Begin { digit, .. } => Some(*digit),
        Detected::End { .. } => None,
    };
    events.iter().filter_map(digit).collect()
}

#[test]
fn fast_dialling_with_40_ms_pauses() {
    let digits: Vec<Key> = keys().chain(keys().flat_map(|k| [k, k])).collect();
    let expected: String = digits.iter().map(|k| k.digit()).collect();
    for (on, off) in [(40.0, 40), (45.0, 48), (53.0, 40), (200.0, 40)] {
        let events = detect(&dial(&digits, on, off));
        assert_eq!(begun(&events), expected, "{on}/{off}");
        assert_eq!(events.len(), 2 * digits.len());
    }
}

#[test]
fn another_digit_needs_no_pause() {
    let digits: Vec<Key> = keys().collect();
    let expected: String = digits.iter().map(|k| k.digit()).collect();
    let events = detect(&dial(&digits, 60.0, 0));
    assert_eq!(begun(&events), expected);
    // Every digit ends before the next begins.
    for pair in events.chunks(2) {
        assert!(
            matches!(pair, [Detected::Begin { digit: a, .. }, Detected::End { digit: b, .. }] if a == b)
        );
    }
}

#[test]
fn a_10_ms_interruption_is_one_digit() {
    for start in 400..480 {
        let mut samples = dial(&[Key { row: 1, column: 2 }], 150.0, 60);
        samples[start..start + 80].fill(0);
        let events = detect(&samples);
        assert_eq!(begun(&events), "6", "{start}");
        assert!(matches!(events[1], Detected::End { ms: 148..=152, .. }), "{events:?}");
    }
}

/// Something like a vowel: harmonics of a gliding pitch under three moving formants, in
/// syllables; now and then a held note, which is the worst for a detector.
fn babble(seed: u64, seconds: usize) -> Vec<i16> {
    let mut rng = Noise::from_seed(seed);
    let mut out = Vec::new();
    while out.len() < seconds * 8000 {
        let length = 400 + rng.below(2800) as usize;
        let pitch = 80.0 + 320.0 * uniform(&mut rng);
        let glide = if rng.chance(0.3) { 0.0 } else { (uniform(&mut rng) - 0.5) * 0.4 };
        let formants = [
            (250.0 + 700.0 * uniform(&mut rng), 1.0),
            (800.0 + 1500.0 * uniform(&mut rng), uniform(&mut rng)),
            (2200.0 + 900.0 * uniform(&mut rng), 0.3 * uniform(&mut rng)),
        ];
        let width = 50.0 + 100.0 * uniform(&mut rng);
        let strength = |hz: f64| -> f64 {
            formants.iter().map(|(f, a)| a / (1.0 + ((hz - f) / width).powi(2))).sum()
        };
        let mut phase = 0.0;
        for n in 0..length {
            let t = n as f64 / length as f64;
            let hz = pitch * (1.0 + glide * t);
            phase += hz / 8000.0;
            let harmonics = (3900.0 / hz) as usize;
            let wave: f64 = (1..=harmonics)
                .map(|h| strength(h as f64 * hz) * (TAU * phase * h as f64).sin())
                .sum();
            let swell = (core::f64::consts::PI * t).sin().sqrt();
            out.push((6000.0 * swell * wave + 20.0 * gauss(&mut rng)) as i16);
        }
        out.resize(out.len() + rng.below(800) as usize, 0);
    }
    out
}

#[test]
fn speech_is_no_digit() {
    for seed in 0..4 {
        let events = detect(&babble(seed, 60));
        assert!(begun(&events).is_empty(), "seed {seed}: {events:?}");
    }
}

#[test]
fn a_digit_over_quiet_speech_is_heard() {
    let mut samples = babble(11, 3);
    for s in &mut samples {
        *s /= 16;
    }
    let digit = dial(&[Key { row: 3, column: 2 }], 80.0, 0);
    for (s, d) in samples[8000..].iter_mut().zip(digit) {
        *s = s.saturating_add(d);
    }
    assert_eq!(begun(&detect(&samples)), "#");
}

#[test]
fn one_tone_alone_or_three_are_no_digit() {
    let tone = |hz: f64| move |n: usize| 5000.0 * (TAU * hz * n as f64 / 8000.0).sin();
    let mix = |hz: &[f64]| -> Vec<i16> {
        (0..4000).map(|n| hz.iter().map(|&f| tone(f)(n)).sum::<f64>() as i16).collect()
    };
    for hz in [&[697.0][..], &[1209.0], &[697.0, 770.0], &[697.0, 1209.0, 1477.0]] {
        assert_eq!(detect(&mix(hz)), [], "{hz:?}");
    }
    // Call-progress tones, fax and modem answer tones, special information tones.
    for hz in [&[450.0][..], &[350.0, 440.0], &[480.0, 620.0], &[950.0], &[1400.0], &[2100.0]] {
        assert_eq!(detect(&mix(hz)), [], "{hz:?}");
    }
    assert_eq!(begun(&detect(&mix(&[697.0, 1209.0]))), "1");
}

#[test]
fn finish_ends_what_sounds_and_starts_anew() {
    let mut detector = Detector::new();
    let mut events = Vec::new();
    for _ in 0..2 {
        detector.feed(&dial(&[Key { row: 0, column: 0 }], 100.0, 0), &mut |e| events.push(e));
        detector.finish(&mut |e| events.push(e));
    }
    assert_eq!(events.len(), 4);
    assert_eq!(events[..2], events[2..]);
    assert!(matches!(events[1], Detected::End { digit: '1', ms: 98..=102, .. }), "{events:?}");
}

proptest! {
    #[test]
    fn chunks_do_not_change_what_is_heard(
        seed in 0u64..50,
        cuts in prop::collection::vec(0usize..700, 1..60),
    ) {
        let mut samples = dial(&[Key { row: 2, column: 1 }, Key { row: 0, column: 3 }], 60.0, 50);
        samples.extend(babble(seed, 1));
        samples.extend(dial(&[Key { row: 1, column: 1 }], 60.0, 0));
        let mut detector = Detector::new();
        let mut events = Vec::new();
        let mut rest = &samples[..];
        for cut in cuts {
            let (now, later) = rest.split_at(cut.min(rest.len()));
            detector.feed(now, &mut |e| events.push(e));
            rest = later;
        }
        detector.feed(rest, &mut |e| events.push(e));
        detector.finish(&mut |e| events.push(e));
        prop_assert_eq!(events, detect(&samples));
    }

    /// The same rules for any samples: beginnings and ends take turns, and time goes on.
    #[test]
    fn any_samples_give_a_sound_story(samples in prop::collection::vec(any::<i16>(), 0..4000)) {
        let mut last = 0;
        for (index, event) in detect(&samples).into_iter().enumerate() {
            let (at, begins) = match event {
                Detected::Begin { at, .. } => (at, true),
                Detected::End { at, .. } => (at, false),
            };
            prop_assert_eq!(begins, index % 2 == 0);
            prop_assert!(at >= last);
            last = at;
        }
    }
}
