use super::*;
use crate::base::Noise;
use crate::dsp::level::sine_peak;
use core::f64::consts::TAU;

/// Noise of a level, flat or with a slope of 6 dB an octave.
pub(in crate::dsp) fn noise(rng: &mut Noise, dbm0: f64, sloping: bool, length: usize) -> Vec<i16> {
    let mut last = 0.0;
    let raw: Vec<f64> = (0..length)
        .map(|_| {
            let white = f64::from(rng.next_u32() as i16);
            last = if sloping { 0.8 * last + white } else { white };
            last
        })
        .collect();
    let rms = (raw.iter().map(|s| s * s).sum::<f64>() / length.max(1) as f64).sqrt();
    let factor = sine_peak(dbm0) / 2f64.sqrt() / rms;
    raw.iter().map(|s| (s * factor).round().clamp(-32_768.0, 32_767.0) as i16).collect()
}

/// Loudness of made-up speech at a time: syllables of 250 ms, seven of them, then a pause of 750 ms.
fn envelope(seconds: f64) -> f64 {
    let at = seconds % 2.5;
    if at > 1.75 { 0.0 } else { (TAU / 2.0 * (at % 0.25) / 0.25).sin() }
}

/// Noise in syllables with a level of `dbm0` at their tops.
pub(in crate::dsp) fn speech(rng: &mut Noise, dbm0: f64, rate: Rate, seconds: usize) -> Vec<i16> {
    let mut all = noise(rng, dbm0, true, seconds * rate.samples(1_000));
    for (n, sample) in all.iter_mut().enumerate() {
        *sample = (f64::from(*sample) * envelope(n as f64 / f64::from(rate.hz()))) as i16;
    }
    all
}

fn tones(hz: &[f64], dbm0: f64, rate: Rate, length: usize) -> Vec<i16> {
    let turn = TAU / f64::from(rate.hz());
    let at = |n: usize| hz.iter().map(|hz| (turn * hz * n as f64).sin()).sum::<f64>();
    (0..length).map(|n| (sine_peak(dbm0) * at(n)).round() as i16).collect()
}

fn sum(a: &[i16], b: &[i16]) -> Vec<i16> {
    a.iter().zip(b).map(|(a, b)| a.saturating_add(*b)).collect()
}

fn through_alaw(samples: &[i16]) -> Vec<i16> {
    use crate::dsp::g711::{alaw_code, alaw_sample};
    samples.iter().map(|s| alaw_sample(alaw_code(*s))).collect()
}

fn judged(vad: &mut Vad, samples: &[i16], frame: usize) -> Vec<Heard> {
    samples.chunks_exact(frame).map(|frame| vad.frame(frame)).collect()
}

fn share(heard: &[Heard], activity: Activity) -> f64 {
    heard.iter().filter(|h| h.activity == activity).count() as f64 / heard.len().max(1) as f64
}

/// Each rate with each frame length.
fn shapes() -> impl Iterator<Item = (Rate, u32)> {
    [Rate::Khz8, Rate::Khz16].into_iter().flat_map(|rate| [(rate, 10), (rate, 20)])
}

#[test]
fn noise_of_any_level_is_silence_within_four_seconds() {
    let mut rng = Noise::from_seed(1);
    for (rate, ms) in shapes() {
        for dbm0 in [-80.0, -60.0, -50.0, -40.0, -30.0] {
            for sloping in [false, true] {
                let mut vad = Vad::new(rate);
                let line = noise(&mut rng, dbm0, sloping, 24 * rate.samples(1_000));
                let heard = judged(&mut vad, &line, rate.samples(ms));
                let settled = &heard[4_000 / ms as usize..];
                let wrong = 1.0 - share(settled, Activity::Silence);
                assert!(wrong <= 0.01, "{rate:?} {ms} ms {dbm0} dBm0: {wrong}");
                let floor = f64::from(settled.last().unwrap().floor_dbm0);
                assert!((floor - dbm0.max(-66.0)).abs() < 3.5, "{dbm0}: {floor}");
            }
        }
    }
}

#[test]
fn speech_is_heard_and_its_pauses_too() {
    let mut rng = Noise::from_seed(2);
    for (rate, ms) in shapes() {
        for (level, line) in [(-10.0, -60.0), (-20.0, -45.0), (-30.0, -60.0), (-15.0, -30.0)] {
            let speech = speech(&mut rng, level, rate, 20);
            let mixed = sum(&speech, &noise(&mut rng, line, false, speech.len()));
            let mut vad = Vad::new(rate);
            let heard = judged(&mut vad, &through_alaw(&mixed), rate.samples(ms));
            let at = |n: usize| (n as f64 + 0.5) * f64::from(ms) / 1_000.0;
            let (mut missed, mut syllables, mut false_alarms, mut pauses) = (0, 0, 0, 0);
            for (n, heard) in heard.iter().enumerate().skip(5_000 / ms as usize) {
                if envelope(at(n)) > 0.5 {
                    syllables += 1;
                    missed += usize::from(heard.activity != Activity::Voice);
                } else if envelope(at(n)) == 0.0 && at(n) % 2.5 > 2.0 {
                    pauses += 1;
                    false_alarms += usize::from(heard.activity != Activity::Silence);
                }
            }
            let (missed, alarms) =
                (missed as f64 / syllables as f64, false_alarms as f64 / pauses as f64);
            assert!(missed <= 0.01, "{rate:?} {ms} ms {level} over {line}: {missed} missed");
            assert!(alarms <= 0.01, "{rate:?} {ms} ms {level} over {line}: {alarms} false");
        }
    }
}

#[test]
fn a_word_is_heard_from_its_first_frame_to_200_ms_after_its_last() {
    let (rate, mut rng) = (Rate::Khz8, Noise::from_seed(3));
    let mut vad = Vad::new(rate);
    judged(&mut vad, &noise(&mut rng, -60.0, false, 16_000), 160);
    assert_eq!(vad.frame(&noise(&mut rng, -30.0, true, 160)).activity, Activity::Voice);
    assert_eq!(vad.frame(&noise(&mut rng, -30.0, true, 160)).activity, Activity::Voice);
    let after = judged(&mut vad, &noise(&mut rng, -60.0, false, 1_920), 160);
    assert_eq!(share(&after[..10], Activity::Voice), 1.0);
    assert_eq!(share(&after[10..], Activity::Silence), 1.0);
    // A click is heard, and nothing after it.
    assert_eq!(vad.frame(&noise(&mut rng, -30.0, true, 160)).activity, Activity::Voice);
    assert_eq!(vad.frame(&[0; 160]).activity, Activity::Silence);
}

#[test]
fn a_vowel_within_a_word_is_no_tone_and_a_tone_after_it_is() {
    let (rate, mut rng) = (Rate::Khz8, Noise::from_seed(8));
    let mut vad = Vad::new(rate);
    judged(&mut vad, &noise(&mut rng, -60.0, false, 16_000), 160);
    judged(&mut vad, &noise(&mut rng, -20.0, true, 800), 160);
    let heard = judged(&mut vad, &tones(&[450.0], -16.0, rate, 8_000), 160);
    assert_eq!(share(&heard[..10], Activity::Voice), 1.0, "200 ms");
    assert_eq!(share(&heard[10..], Activity::Tone), 1.0);
}

#[test]
fn tones_are_tones_and_leave_the_floor_alone() {
    let mut rng = Noise::from_seed(4);
    // Dial and ringback tones of China, Europe and North America, busy, keys 1 and D, a modem's.
    let heard_tones: [&[f64]; 8] = [
        &[450.0],
        &[425.0],
        &[440.0, 480.0],
        &[350.0, 440.0],
        &[480.0, 620.0],
        &[697.0, 1209.0],
        &[941.0, 1633.0],
        &[2100.0],
    ];
    for (rate, ms) in shapes() {
        for hz in heard_tones {
            let mut vad = Vad::new(rate);
            let frame = rate.samples(ms);
            let line = noise(&mut rng, -60.0, false, 3 * rate.samples(1_000));
            let before = judged(&mut vad, &line, frame).last().unwrap().floor_dbm0;
            // Half a minute without a break: longer than any floor looks back.
            let tone = tones(hz, -16.0, rate, 30 * rate.samples(1_000));
            let tone = sum(&tone, &noise(&mut rng, -60.0, false, tone.len()));
            let heard = judged(&mut vad, &through_alaw(&tone), frame);
            let found = share(&heard, Activity::Tone);
            assert!(found > 0.97, "{rate:?} {ms} ms {hz:?}: {found}");
            let after = heard.last().unwrap().floor_dbm0;
            assert!((after - before).abs() < 1.0, "{hz:?}: from {before} to {after}");
            // Then a soft voice is heard at once.
            let voice = noise(&mut rng, -40.0, true, frame);
            assert_eq!(vad.frame(&voice).activity, Activity::Voice);
        }
    }
}

#[test]
fn ringback_and_keys_in_their_rhythm_leave_the_floor_alone() {
    let (rate, mut rng) = (Rate::Khz8, Noise::from_seed(5));
    for (hz, on, off) in [(&[450.0][..], 1_000, 4_000), (&[770.0, 1477.0][..], 70, 60)] {
        let mut line = noise(&mut rng, -55.0, false, 20 * 8_000);
        let period = rate.samples(on + off);
        let tone = tones(hz, -12.0, rate, rate.samples(on));
        for start in (3 * 8_000 + 77..line.len() - period).step_by(period) {
            for (place, tone) in line[start..].iter_mut().zip(&tone) {
                *place = place.saturating_add(*tone);
            }
        }
        let heard = judged(&mut Vad::new(rate), &through_alaw(&line), 160);
        let floors = heard[150..].iter().map(|h| h.floor_dbm0);
        let (low, high) = floors.fold((0.0f32, -99.0f32), |(a, b), f| (a.min(f), b.max(f)));
        assert!(low > -59.0 && high < -52.0, "{hz:?}: {low} to {high}");
    }
}

#[test]
fn hum_an_offset_and_a_lost_packet_are_not_speech() {
    let (rate, mut rng) = (Rate::Khz8, Noise::from_seed(6));
    let hum = tones(&[50.0], -40.0, rate, 10 * 8_000);
    let heard = judged(&mut Vad::new(rate), &hum, 160);
    assert_eq!(share(&heard[200..], Activity::Silence), 1.0);

    let mut vad = Vad::new(rate);
    let mut line = noise(&mut rng, -45.0, false, 20 * 8_000);
    line.iter_mut().for_each(|s| *s += 500);
    let heard = judged(&mut vad, &line, 160);
    assert_eq!(share(&heard[200..], Activity::Silence), 1.0);
    let floor = vad.floor.dbm0;
    vad.frame(&[0; 160]);
    assert!((vad.floor.dbm0 - floor).abs() < 0.5, "a frame lost is not a quiet line");
    let mut vad = Vad::new(rate);
    judged(&mut vad, &line, 80);
    let floor = vad.floor.dbm0;
    judged(&mut vad, &[0; 160], 80);
    assert!((vad.floor.dbm0 - floor).abs() < 0.5, "nor are two of 10 ms");
}

#[test]
fn a_louder_room_is_learned_and_forgotten() {
    let (rate, mut rng) = (Rate::Khz8, Noise::from_seed(7));
    let mut vad = Vad::new(rate);
    judged(&mut vad, &noise(&mut rng, -60.0, false, 5 * 8_000), 160);
    let heard = judged(&mut vad, &noise(&mut rng, -40.0, false, 10 * 8_000), 160);
    assert_eq!(heard[10].activity, Activity::Voice, "at first it may be somebody");
    assert_eq!(share(&heard[200..], Activity::Silence), 1.0, "after 4 s it is the room");
    judged(&mut vad, &noise(&mut rng, -60.0, false, 800), 160);
    let soft = noise(&mut rng, -45.0, true, 160);
    assert_eq!(vad.frame(&soft).activity, Activity::Voice, "100 ms later it is quiet again");
}

#[test]
fn odd_frames_do_no_harm() {
    let mut vad = Vad::new(Rate::Khz8);
    for frame in [&[][..], &[1], &[i16::MIN; 7], &[i16::MIN; 160], &[i16::MAX; 5_000], &[0; 160]] {
        let heard = vad.frame(frame);
        assert!(heard.dbm0.is_finite() && heard.floor_dbm0.is_finite());
    }
    let square: Vec<i16> = (0..320).map(|n| if n % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    assert_eq!(vad.frame(&square).activity, Activity::Tone, "4 kHz");
    let mut vad = Vad::new(Rate::Khz8);
    let (floor, heard) = (vad.floor.dbm0, vad.frame(&[]));
    assert_eq!((heard.activity, heard.floor_dbm0), (Activity::Silence, floor));
}
