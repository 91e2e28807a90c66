//! Thirty calls at once from the gateway to thirty phones, all recorded, each party with a tone of
//! its own: an E1 full of talk (R1, R5, R8).

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

/// The least share of packets that are the party's tone and nothing else. The others have an edge in them: a
/// recording whose first packets were late is brought back to the true time by a sample here and there.
const CLEAR: f64 = 0.8;

/// The party speaks all the time, and no packet of anybody else's is among it.
fn assert_only(samples: &[i16], own: f64, what: &str) {
    let all: Vec<f64> = (0..2 * CALLS).map(hz).collect();
    let (mut clear, mut packets) = (0, 0);
    for (n, packet) in samples.chunks_exact(20 * MS).enumerate() {
        let heard = dominant_tone(packet, &all).map(|tone| tone.hz);
        assert!(heard.is_none_or(|hz| hz == own), "{what} {own} Hz: {heard:?} at {} ms", n * 20);
        (clear, packets) = (clear + u32::from(heard.is_some()), packets + 1);
    }
    let gap = longest_gap(samples);
    assert!(gap <= GAP, "{what} {own} Hz: {gap:?} of silence in {}", story(samples));
    let share = f64::from(clear) / f64::from(packets.max(1));
    assert!(share > CLEAR, "{what} {own} Hz in {share:.2}: {}", story(samples));
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
