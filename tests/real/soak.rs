//! An hour of work (R8, R29): a hundred calls up, five new ones a second, each of two phones that talk, is recorded
//! and packed. Memory and handles are level, and each call is whole.

use std::time::{Duration, Instant};

use belfry::sim::live::{Live, Which};
use belfry::sim::phone::State;

use super::appliance::{Appliance, Setup};
use super::audio::{longest_gap, share};
use super::scripted::{caller, phone};
use super::tones::{ALICE, CALLER};

/// Calls that are up at once.
const CALLS: usize = 100;
/// Between two beginnings: five calls a second, of twenty seconds each.
const STEP: Duration = Duration::from_millis(200);
/// Steps from a call's end to the pair's next one.
const REST: usize = 5;
/// Steps between two looks at memory and handles: half a minute.
const LOOK: usize = 150;
/// The largest growth of memory, bytes an hour, once what has bounds is full.
const SLOPE: f64 = 1_000_000.0;
/// By then tables with bounds, buffers of the store and of the packer are full.
const WARM: Duration = Duration::from_secs(20 * 60);

/// What was seen of the calls that have ended.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    /// More than a tenth of what one side heard was not the other's tone, or 100 ms were missing.
    marred: usize,
    failed: usize,
}

impl Seen {
    /// Looks at a call, ends it and forgets what it sounded like.
    fn end(&mut self, live: &Live, pair: [Which; 2]) {
        let talks = |which: &Which| live.with(*which, |phone, _| phone.state == State::Talking);
        if !pair.iter().all(talks) {
            self.failed += 1;
            let state = pair.map(|which| live.with(which, |phone, _| phone.state));
            println!("a call is {state:?}");
        } else if [(pair[0], ALICE), (pair[1], CALLER)].iter().all(|side| is_good(live, *side)) {
            self.whole += 1;
        } else {
            self.marred += 1;
        }
        live.with(pair[0], |phone, now| phone.hang_up(now));
        pair.iter().for_each(|which| live.with(*which, |phone, _| phone.ear.forget()));
    }
}

fn is_good(live: &Live, (which, hz): (Which, f64)) -> bool {
    let heard = live.with(which, |phone, _| phone.ear.samples().to_vec());
    // The first half second is ringing and the latch.
    let talk = heard.get(4_000..).unwrap_or_default();
    share(talk, hz) > 0.9 && longest_gap(talk) < Duration::from_millis(100)
}

/// Bytes an hour, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len().max(1) as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let over: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let under: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    over / under.max(f64::MIN_POSITIVE)
}

/// The appliance as an installer has it: no log of each message; recordings are packed while others are made.
fn start(setup: &Setup) -> Appliance {
    let mut belfry = Appliance::start(setup.clone());
    let path = belfry.beside("belfry.toml");
    let text = std::fs::read_to_string(&path).expect("it was written by the appliance");
    let text = text
        .replace("20000-20399", "20000-21999")
        .replace("ping = \"0 s\"", "ping = \"0 s\"\nchannels = 150")
        .replace("level = \"debug\"", "level = \"warn\"")
        .replace("[record]\n", "[record]\npack_after = \"1 min\"\n");
    std::fs::write(&path, text).expect("it can be written");
    belfry.crash_and_restart();
    belfry
}

/// For an hour, or as many minutes as `MINUTES` says:
/// `MINUTES=60 cargo test --release --test real_clients -- --ignored an_hour_of_work --nocapture`
#[test]
#[ignore = "takes an hour"]
fn an_hour_of_work_leaves_memory_level() {
    let minutes = std::env::var("MINUTES").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let mut setup = Setup::new();
    setup.phones = (0..CALLS + REST).map(|n| (2_001 + n).to_string()).collect();
    let belfry = start(&setup);
    let live = Live::new();
    let pairs: Vec<[Which; 2]> = (setup.phones.iter())
        .map(|number| [caller(&live, &belfry, CALLER), phone(&live, &belfry, number, ALICE)])
        .collect();
    let (began, mut seen, mut looks) = (Instant::now(), Seen::default(), Vec::new());
    for step in 0.. {
        if began.elapsed() > Duration::from_secs(60 * minutes) {
            break;
        }
        let next = step % pairs.len();
        live.with(pairs[next][0], |phone, now| phone.call(now, &setup.phones[next]));
        if let Some(ends) = (step + 1).checked_sub(CALLS) {
            seen.end(&live, pairs[ends % pairs.len()]);
        }
        if step % LOOK == LOOK - 1 {
            let (hours, bytes) = (began.elapsed().as_secs_f64() / 3_600.0, belfry.resident_bytes());
            let handles = belfry.handles();
            println!("{:5.0} s {:7} kB {handles} handles {seen:?}", hours * 3_600.0, bytes >> 10);
            looks.push((hours, bytes as f64, handles));
        }
        std::thread::sleep((STEP * (step as u32 + 1)).saturating_sub(began.elapsed()));
    }
    let warm: Vec<_> = looks.iter().filter(|look| look.0 > WARM.as_secs_f64() / 3_600.0).collect();
    let points: Vec<(f64, f64)> = warm.iter().map(|look| (look.0, look.1)).collect();
    println!("{seen:?}; memory grows by {:.0} kB an hour", slope(&points) / 1_024.0);
    assert!(seen.failed * 1_000 <= seen.whole, "{seen:?}");
    if let [first, .., last] = &warm[..] {
        assert!(slope(&points) < SLOPE, "memory grows: {points:?}");
        assert!(last.2 <= first.2 + CALLS / 4, "handles grow: {} to {}", first.2, last.2);
    }
    for pair in &pairs {
        live.with(pair[0], |phone, now| phone.hang_up(now));
    }
    belfry.await_empty();
    belfry.stop();
}
