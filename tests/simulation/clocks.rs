//! Two parties whose clocks run apart: the recording's channels stay together (R5).

use belfry::base::Duration;
use belfry::sim::network::Faults;

use super::house::{CALLER_HZ, House, channels, hz};

/// A-law's smallest level.
const QUIETEST: i16 = 8;

/// What both say from the marked moment on.
const MARK_HZ: f64 = 2_000.0;

/// Where in the channel the mark begins: the first of its blocks of 2 ms that is mostly the mark.
fn mark(samples: &[i16]) -> usize {
    let block = 80;
    let is_mark = |block: &[i16]| {
        belfry::dsp::level::dominant_tone(block, &[MARK_HZ]).is_some_and(|tone| tone.share > 0.8)
    };
    samples.chunks(block).position(is_mark).expect("the mark is there") * block
}

#[test]
fn an_hour_at_500_ppm_leaves_the_channels_together() {
    let mut house = House::new(Faults::NONE, 1);
    house.register(0);
    house.caller_to_agent();
    let (caller, agent) = (house.caller, house.phones[0]);
    for (phone, ppm) in [(caller, 500.0), (agent, -500.0)] {
        house.world.with(phone, |phone, _| {
            phone.mouth.as_mut().expect("it talks").set_ppm(ppm);
        });
    }
    house.world.run(Duration::from_secs(3_600));
    for phone in [caller, agent] {
        house.world.with(phone, |phone, _| {
            phone.mouth.as_mut().expect("it talks still").hz = MARK_HZ;
        });
    }
    house.world.run(Duration::from_secs(2));
    house.hang_up(caller);
    house.ends_clean();
    let [left, right] = channels(house.world.recordings.values().next().expect("recorded"));
    let (a, b) = (mark(&left), mark(&right));
    assert!(a.abs_diff(b) <= 160, "{} ms apart", a.abs_diff(b) / 8);
    // And both at the true time: an hour and what came before it.
    assert!(a.abs_diff(8_000 * 3_600) < 8_000 * 5, "{a}");
    // Before it, the voices are whole: nowhere half a millisecond of silence, each tenth of a second the tone. Not
    // longer ones: 500 ppm beside its nominal hertz the tone runs away from what looks for it.
    let tones = [(&left, CALLER_HZ), (&right, hz(0))];
    for (side, hz) in tones {
        let voice = &side[8_000..a - 8_000];
        let is_quiet = |some: &[i16]| some.iter().all(|sample| sample.abs() <= QUIETEST);
        assert_eq!(voice.windows(4).position(is_quiet), None, "{hz} Hz has holes");
        let is_tone = |tenth: &[i16]| {
            belfry::dsp::level::dominant_tone(tenth, &[hz]).is_some_and(|tone| tone.share > 0.8)
        };
        assert!(voice.chunks_exact(800).all(is_tone), "{hz} Hz is broken");
    }
}
