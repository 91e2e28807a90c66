//! Samples made and judged, 8 kHz: which tone sounds when, where silence is.

use std::path::Path;
use std::time::Duration;

use belfry::dsp::g711;
use belfry::dsp::level::{dbm0, dominant_tone, goertzel_power, power, sine_peak, tone_dbm0};
use belfry::wire::wav::{Format, Spec, Wav};

use super::process::{PATIENCE, wait_for};

/// Samples a millisecond.
pub const MS: usize = 8;
/// How loud the tones are.
const LEVEL_DBM0: f64 = -9.0;
/// One look at the sound: 100 ms, in which every tone of the tests has whole periods.
const LOOK: usize = 100 * MS;
/// A packet's samples, in which multiples of 50 Hz have whole periods.
const PACKET: usize = 20 * MS;

/// A tone.
pub fn tone(hz: f64, seconds: f64) -> Vec<i16> {
    let peak = sine_peak(LEVEL_DBM0);
    let step = std::f64::consts::TAU * hz / 8_000.0;
    (0..(seconds * 8_000.0) as usize).map(|n| ((n as f64 * step).sin() * peak) as i16).collect()
}

/// Keys as a telephone sounds them: both frequencies of each for 100 ms, then 100 ms of silence.
pub fn keys(digits: &str) -> Vec<i16> {
    const ROWS: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const COLUMNS: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
    let mut samples = Vec::new();
    for digit in digits.chars() {
        let at = "123A456B789C*0#D".find(digit).expect("a telephone key");
        let (low, high) = (tone(ROWS[at / 4], 0.1), tone(COLUMNS[at % 4], 0.1));
        samples.extend(low.iter().zip(&high).map(|(a, b)| a + b));
        samples.extend([0; 100 * MS]);
    }
    samples
}

/// Writes 16-bit WAV.
pub fn write_wav(path: &Path, samples: &[i16]) {
    let spec = Spec { format: Format::Pcm16, channels: 1, rate_hz: 8_000 };
    let mut file = spec.header(samples.len() as u64 * 2);
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    let folder = path.parent().expect("a file in a folder");
    std::fs::create_dir_all(folder).expect("a folder for the sound");
    std::fs::write(path, file).expect("the sound is written");
}

/// Writes A-law without a header, as SIPp streams it.
pub fn write_alaw(path: &Path, samples: &[i16]) {
    let mut codes = vec![0; samples.len()];
    g711::alaw_encode(samples, &mut codes);
    std::fs::write(path, codes).expect("the sound is written");
}

/// A WAV file of Belfry's or a client's, also one that is still being written: its channels.
pub fn read_wav(path: &Path) -> Vec<Vec<i16>> {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let wav = Wav::parse(&file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Tones of the tests lie below 4 kHz: of a sound at a higher rate a part of the samples tells all.
    let step = wav.spec.rate_hz as usize / 8_000;
    assert_eq!(wav.spec.rate_hz as usize, step * 8_000, "{}", path.display());
    let data = &file[wav.data_offset..][..wav.data_len(file.len() as u64) as usize];
    let samples: Vec<i16> = match wav.spec.format {
        Format::Pcm16 => data.chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]])).collect(),
        Format::Alaw => {
            let mut samples = vec![0; data.len()];
            g711::alaw_decode(data, &mut samples);
            samples
        }
        Format::Mulaw => {
            let mut samples = vec![0; data.len()];
            g711::ulaw_decode(data, &mut samples);
            samples
        }
    };
    let channels = usize::from(wav.spec.channels);
    let side = |c| samples.iter().skip(c).step_by(channels * step).copied().collect();
    (0..channels).map(side).collect()
}

/// Whether `hz` alone sounds in these samples. Packet by packet, since a recorder or a jitter buffer
/// that follows a clock leaves a sample out here and there: the tone goes on with another phase. A recorder
/// whose first packet came late on a busy machine leaves four out of each packet for some seconds,
/// until it has come right: that is the tone 2.5 % higher, and what lies 50 Hz beside it is counted too.
fn is_alone(look: &[i16], hz: f64) -> bool {
    let packets = look.chunks_exact(PACKET);
    let count = packets.len() as f64;
    let near = [-50.0, 0.0, 50.0].map(|off| hz + off);
    let around = |packet| near.map(|hz| goertzel_power(packet, hz)).iter().sum::<f64>();
    let tone = packets.map(around).sum::<f64>() / count;
    dbm0(look) > -50.0 && tone > 0.7 * power(look)
}

/// For how long `hz` alone is heard at a stretch.
pub fn stretch(samples: &[i16], hz: f64) -> Duration {
    let mut longest = 0;
    let mut run = 0;
    for look in samples.chunks_exact(LOOK) {
        run = if is_alone(look, hz) { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    Duration::from_millis(longest * 100)
}

/// The part of the time in which `hz` alone is heard, 0 to 1.
pub fn share(samples: &[i16], hz: f64) -> f64 {
    let looks = samples.chunks_exact(LOOK);
    let all = looks.len().max(1);
    looks.filter(|look| is_alone(look, hz)).count() as f64 / all as f64
}

/// The loudest 100 ms of `hz` anywhere, in dBm0: −49 or so is what another tone's beginning and end
/// leave in its place; a single packet of a stranger is −25 and more.
pub fn trace(samples: &[i16], hz: f64) -> f64 {
    samples.windows(LOOK).step_by(LOOK / 2).map(|look| tone_dbm0(look, hz)).fold(-100.0, f64::max)
}

/// Above this a tone counts as heard. See [`trace`].
pub const AUDIBLE_DBM0: f64 = -38.0;

/// Fails when `hz` is heard anywhere in the samples.
pub fn assert_unheard(samples: &[i16], hz: f64, where_: &str) {
    let level = trace(samples, hz);
    assert!(level < AUDIBLE_DBM0, "{hz} Hz is heard at {level:.0} dBm0 {where_}");
}

/// Fails when `hz` alone is not heard for `at_least` at a stretch.
pub fn assert_heard(samples: &[i16], hz: f64, at_least: Duration, where_: &str) {
    let heard = stretch(samples, hz);
    assert!(
        heard >= at_least,
        "{hz} Hz is heard for {heard:?} {where_}, not {at_least:?}, in {} ms: {}",
        samples.len() / MS,
        story(samples)
    );
}

/// The level of the loudest 100 ms, in dBm0.
pub fn loudest(samples: &[i16]) -> f64 {
    samples.chunks_exact(LOOK).map(dbm0).fold(-100.0, f64::max)
}

/// The longest silence between the first and the last sound.
pub fn longest_gap(samples: &[i16]) -> Duration {
    const STEP: usize = 5 * MS;
    let loud: Vec<bool> = samples.chunks_exact(STEP).map(|part| dbm0(part) > -45.0).collect();
    let (Some(first), Some(last)) =
        (loud.iter().position(|loud| *loud), loud.iter().rposition(|loud| *loud))
    else {
        return Duration::MAX;
    };
    let mut longest = 0;
    let mut run = 0;
    for loud in &loud[first..last] {
        run = if *loud { 0 } else { run + 1 };
        longest = longest.max(run);
    }
    Duration::from_millis(longest * 5)
}

/// Where in the samples `hz` first sounds for 60 ms: the middle of the first 10 ms of which it
/// fills half.
pub fn onset(samples: &[i16], hz: f64) -> Option<usize> {
    const PART: usize = 10 * MS;
    let half = LEVEL_DBM0 - 6.0;
    let sounds = |at: usize| samples.get(at..at + PART).is_some_and(|p| tone_dbm0(p, hz) > half);
    let step = MS / 2;
    (0..samples.len() / step)
        .map(|n| n * step)
        .find(|at| (0..6).all(|n| sounds(at + n * PART)))
        .map(|at| at + PART / 2)
}

/// What is heard, in words, for a failed test: tones to 50 Hz with their lengths.
pub fn story(samples: &[i16]) -> String {
    let candidates: Vec<f64> = (6..=68).map(|n| f64::from(n) * 50.0).collect();
    let mut parts: Vec<(String, usize)> = Vec::new();
    for look in samples.chunks_exact(LOOK) {
        let name = match dominant_tone(look, &candidates) {
            Some(tone) => format!("{:.0} Hz", tone.hz),
            None if dbm0(look) < -50.0 => "silence".into(),
            None => "mixture".into(),
        };
        match parts.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => parts.push((name, 1)),
        }
    }
    let parts: Vec<String> =
        parts.iter().map(|(name, count)| format!("{name} {:.1} s", *count as f64 / 10.0)).collect();
    parts.join(", ")
}

#[test]
fn the_judge_tells_tones_and_gaps_apart() {
    let mut samples = tone(1_000.0, 1.0);
    samples.extend([0; 70 * MS]);
    samples.extend(tone(2_000.0, 2.0));
    assert_eq!(stretch(&samples, 1_000.0), Duration::from_secs(1));
    assert!(stretch(&samples, 2_000.0) >= Duration::from_millis(1_800));
    assert_eq!(longest_gap(&samples), Duration::from_millis(70));
    let at = onset(&samples, 2_000.0).expect("it sounds");
    assert!(at.abs_diff(1_070 * MS) < 2 * MS, "{at}");
    assert!(trace(&samples, 1_500.0) < AUDIBLE_DBM0 - 5.0, "{}", trace(&samples, 1_500.0));
    // As a recorder that comes right leaves samples out of it.
    let hurried: Vec<i16> =
        tone(1_750.0, 1.0).chunks(40).flat_map(|part| &part[..39]).copied().collect();
    assert!(stretch(&hurried, 1_750.0) >= Duration::from_millis(900), "{}", story(&hurried));
    assert_eq!(stretch(&hurried, 1_950.0), Duration::ZERO);
    // One packet of a stranger.
    for (sample, strange) in samples[500 * MS..].iter_mut().zip(tone(2_350.0, 0.02)) {
        *sample = strange;
    }
    assert!(trace(&samples, 2_350.0) > -30.0, "{}", trace(&samples, 2_350.0));
}

/// Waits until `hz` alone was heard for `time` at a stretch, behind the first `from` samples of what
/// `heard` gives; gives the number of samples heard until then.
pub fn await_tone(heard: impl Fn() -> Vec<i16>, hz: f64, time: Duration, from: usize) -> usize {
    let came = wait_for(PATIENCE, || {
        let heard = heard();
        (stretch(heard.get(from..)?, hz) >= time).then_some(heard.len())
    });
    came.unwrap_or_else(|| {
        let heard = heard();
        let heard = heard.get(from..).unwrap_or_default();
        panic!("{hz} Hz is to be heard for {time:?}, not {}", story(heard))
    })
}
