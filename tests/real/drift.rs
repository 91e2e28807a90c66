//! A caller whose clock is 500 ppm fast, for two minutes: what both say at one moment stands at one
//! place of the recording, from its begin to its end (R5).

use belfry::base::{Duration, Time};
use belfry::sim::live::{Live, Which};

use super::appliance::{Appliance, Setup};
use super::audio::{MS, longest_gap, onset, read_wav};
use super::scripted::{await_talk, caller, hang_up, heard, listen, phone};
use super::tones::{ALICE, CALLER};

const PPM: f64 = 500.0;
const TALK: Duration = Duration::from_secs(120);
/// What both say at one moment.
const MARK: f64 = 3_300.0;
const MARK_TIME: Duration = Duration::from_millis(400);
/// How far the channels may be apart.
const APART_MS: f64 = 20.0;

/// Both say the mark; gives by how many milliseconds the caller began to say it later, since a
/// packet that is under way is finished first.
fn mark(live: &Live, [caller, agent]: [Which; 2]) -> f64 {
    let say = |which, hz| {
        live.with(which, |phone, _| {
            let mouth = phone.mouth.as_mut().expect("it talks");
            mouth.hz = hz;
            mouth.next()
        })
    };
    let later = |a: Time, b: Time| (a.as_nanos() as f64 - b.as_nanos() as f64) / 1e6;
    let difference = later(say(caller, MARK), say(agent, MARK));
    std::thread::sleep(MARK_TIME);
    say(caller, CALLER);
    say(agent, ALICE);
    difference
}

/// Where the mark stands behind `from` samples.
fn find(channel: &[i16], from: usize) -> usize {
    from + onset(&channel[from..], MARK).expect("the mark is in the channel")
}

#[test]
fn channels_stay_aligned_for_two_minutes_at_500_ppm() {
    let belfry = Appliance::start(Setup::new());
    let live = Live::new();
    let agent = phone(&live, &belfry, "1001", ALICE);
    let caller = caller(&live, &belfry, CALLER);
    let both = [caller, agent];
    live.with(caller, |phone, now| phone.call(now, "1001"));
    await_talk(&live, both);
    live.with(caller, |phone, _| phone.mouth.as_mut().expect("it talks").set_ppm(PPM));
    std::thread::sleep(Duration::from_secs(1));

    let first = mark(&live, both);
    listen(&live, &both, TALK);
    for which in both {
        let gap = longest_gap(&heard(&live, which));
        assert!(gap <= Duration::from_millis(60), "{gap:?} of silence");
    }
    let last = mark(&live, both);
    std::thread::sleep(Duration::from_millis(300));
    hang_up(&live, both);

    let record = belfry.record_of("1001");
    let channels = read_wav(&belfry.recording(&record.recordings[0].path));
    let [left, right] = &channels[..] else { panic!("{} channels", channels.len()) };
    let apart = |left: usize, right: usize| (left as f64 - right as f64) / MS as f64;
    let (l, r) = (find(left, 0), find(right, 0));
    let at_first = apart(l, r) - first;
    // Behind the first mark and its echoes.
    let behind = 2_000 * MS;
    let (l, r) = (find(left, l + behind), find(right, r + behind));
    let at_last = apart(l, r) - last;
    println!("apart at the begin {at_first:.1} ms, at the end {at_last:.1} ms");
    assert!(at_first.abs() <= APART_MS, "{at_first:.1} ms apart at the begin");
    assert!(at_last.abs() <= APART_MS, "{at_last:.1} ms apart at the end");
    belfry.await_empty();
}
