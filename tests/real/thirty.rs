//! Thirty calls at once from the gateway to thirty phones, all recorded, each party with a tone of
//! its own: an E1 full of talk (R1, R5, R8).

use std::f64::consts::TAU;

use belfry::base::Duration;
use belfry::dsp::level::dominant_tone;
use belfry::sim::live::{Live, Which};

use super::appliance::{Appliance, Setup};
use super::audio::{MS, longest_gap, read_wav, story};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};

const CALLS: usize = 30;
/// The longest silence that may be heard in a steady tone.
const GAP: Duration = Duration::from_millis(60);

/// The tone of party `n` of 60: multiples of 50 Hz, of which 20 ms hold whole periods.
fn hz(n: usize) -> f64 {
    300.0 + 50.0 * n as f64
}

/// The peak of each party's tone.
const PEAK: f64 = 6_000.0;
/// Samples of a piece, 2.5 ms: a recording whose first packets were late is brought back to the true time by a
/// sample in each 5 ms, so that every other piece at least has no such edge in it, however late they were.
const PIECE: usize = 5 * MS / 2;
/// The least share of pieces that are the party's tone and nothing else. Of a mixture with another party's next to
/// none are, or a fifth where the two tones are neighbours and the sum has now and then the height of one.
const CLEAR: f64 = 0.4;

/// Whether a piece is the sine at `hz` with the parties' peak, of any phase, and nothing else.
fn is_clear(piece: &[i16], hz: f64) -> bool {
    let [mut ss, mut sc, mut cc, mut xs, mut xc, mut xx] = [0.0; 6];
    for (n, sample) in piece.iter().enumerate() {
        let (x, (s, c)) = (f64::from(*sample), (n as f64 * TAU * hz / 8_000.0).sin_cos());
        (ss, sc, cc) = (ss + s * s, sc + s * c, cc + c * c);
        (xs, xc, xx) = (xs + x * s, xc + x * c, xx + x * x);
    }
    // Least squares of a·sin + b·cos.
    let whole = ss * cc - sc * sc;
    let (a, b) = ((xs * cc - xc * sc) / whole, (xc * ss - xs * sc) / whole);
    let unexplained = xx - a * xs - b * xc;
    (0.75..1.25).contains(&(a.hypot(b) / PEAK)) && unexplained < 0.05 * xx
}

/// The share of pieces that are the party's tone and nothing else.
fn clear_share(samples: &[i16], hz: f64) -> f64 {
    let pieces = samples.chunks_exact(PIECE);
    let all = pieces.len().max(1);
    pieces.filter(|piece| is_clear(piece, hz)).count() as f64 / all as f64
}

/// The party speaks all the time, and no packet of anybody else's is among it.
fn assert_only(samples: &[i16], own: f64, what: &str) {
    let all: Vec<f64> = (0..2 * CALLS).map(hz).collect();
    for (n, packet) in samples.chunks_exact(20 * MS).enumerate() {
        let heard = dominant_tone(packet, &all).map(|tone| tone.hz);
        // What leaves four samples out of a packet makes its tone 2.5 % higher: up to 81 Hz.
        let strange = heard.is_some_and(|hz| (hz - own).abs() > 100.0);
        assert!(!strange, "{what} {own} Hz: {heard:?} at {} ms", n * 20);
    }
    let gap = longest_gap(samples);
    assert!(gap <= GAP, "{what} {own} Hz: {gap:?} of silence in {}", story(samples));
    let share = clear_share(samples, own);
    assert!(share > CLEAR, "{what} {own} Hz in {share:.2}: {}", story(samples));
}

#[test]
fn the_judge_forgives_corrections_and_no_mixture() {
    let sine = |hz: f64| -> Vec<i16> {
        (0..8_000).map(|n| ((f64::from(n) * TAU * hz / 8_000.0).sin() * PEAK) as i16).collect()
    };
    for n in 0..2 * CALLS {
        let own = sine(hz(n));
        let hurried: Vec<i16> =
            own.chunks(5 * MS).flat_map(|part| &part[..5 * MS - 1]).copied().collect();
        assert!(clear_share(&own, hz(n)) > 0.99 && clear_share(&hurried, hz(n)) > CLEAR + 0.05);
        for other in [n + 1, n + 7, n + 31] {
            let other = sine(hz(other % (2 * CALLS)));
            let mixed: Vec<i16> = own.iter().zip(&other).map(|(a, b)| a + b).collect();
            assert!(clear_share(&mixed, hz(n)) < CLEAR - 0.1, "{}", clear_share(&mixed, hz(n)));
        }
    }
}

#[test]
fn thirty_calls_do_not_mix() {
    let mut setup = Setup::new();
    setup.phones = (0..CALLS).map(|n| (2_001 + n).to_string()).collect();
    let belfry = Appliance::start(setup.clone());
    let live = Live::new();
    let pairs: Vec<[Which; 2]> = (setup.phones.iter().enumerate())
        .map(|(n, number)| {
            let agent = phone(&live, &belfry, number, hz(2 * n));
            [caller(&live, &belfry, hz(2 * n + 1)), agent]
        })
        .collect();

    for ([caller, _], number) in pairs.iter().zip(&setup.phones) {
        live.with(*caller, |phone, now| phone.call(now, number));
    }
    pairs.iter().for_each(|pair| await_talk(&live, *pair));
    belfry.await_calls(CALLS);
    listen(&live, &pairs.concat(), Duration::from_secs(5));
    for (n, [caller, agent]) in pairs.iter().enumerate() {
        assert_only(&heard(&live, *caller), hz(2 * n), "a caller hears");
        assert_only(&heard(&live, *agent), hz(2 * n + 1), "an agent hears");
    }

    pairs.iter().for_each(|pair| hang_up(&live, *pair));
    for (n, number) in setup.phones.iter().enumerate() {
        let record = belfry.record_of(number);
        assert_eq!(record.call.agent.as_deref(), Some(number.as_str()));
        let [recording] = &record.recordings[..] else { panic!("{:?}", record.recordings) };
        let channels = read_wav(&belfry.recording(&recording.path));
        // The edges are the answer and the hanging up, which are not at one moment for both.
        let inner = |samples: &[i16]| samples[300 * MS..samples.len() - 300 * MS].to_vec();
        assert!(channels[0].len() >= 5_000 * MS, "{number}: {} samples", channels[0].len());
        assert_only(&inner(&channels[0]), hz(2 * n + 1), "left has");
        assert_only(&inner(&channels[1]), hz(2 * n), "right has");
    }
    belfry.await_empty();
    belfry.stop();
}
