//! Senders, networks and hearers in virtual time.

use super::*;
use crate::base::{Duration, Rng};
use crate::dsp::level::tone_dbm0;
use crate::dsp::tone::{Generator, Plan};
use proptest::prelude::*;

/// A buffer of linear samples: what is laid in comes out as it was.
struct Plain(Jitter);

impl Plain {
    fn new() -> Plain {
        Plain(Jitter::new(Codec::L16(Rate::Khz8), Rate::Khz8, 1).unwrap())
    }
    fn insert(&mut self, now: Time, first: bool, timestamp: u32, pcm: &[i16]) {
        let payload: Vec<u8> = pcm.iter().flat_map(|s| s.to_be_bytes()).collect();
        let (slots, payload) = (pcm.len() as u32, &payload[..]);
        let order = if first { Order::Begins } else { Order::Newest };
        self.0.insert(now, Arrived { order, timestamp, slots, payload });
    }
    fn pull(&mut self, now: Time, out: &mut [i16]) {
        self.0.pull(now, out);
    }
    fn figures(&self) -> Figures {
        self.0.figures()
    }
}

/// What happens to packets on their way.
#[derive(Clone, Copy)]
struct Network {
    /// Delay: a constant, and as much again at random, milliseconds.
    delay: u64,
    jitter: u64,
    /// Share of packets that vanish.
    loss: f64,
    /// The sender's clock against ours, parts per million.
    ppm: i64,
    /// Milliseconds in a packet, and in a pull.
    ptime: u64,
    pull: u64,
}

const CLEAN: Network = Network { delay: 30, jitter: 0, loss: 0.0, ppm: 0, ptime: 20, pull: 20 };

/// What was heard, and how.
struct Heard {
    pcm: Vec<i16>,
    /// Playout delay at each pull beyond the network's constant one, milliseconds.
    delays: Vec<i64>,
    figures: Figures,
}

/// Runs a 450 Hz tone through the network for `seconds`.
fn run(network: impl Fn(u64) -> Network, seconds: u64, seed: u64) -> Heard {
    let mut rng = Rng::from_seed(seed);
    let mut tone = Generator::new(&Plan::parse("450", -10).unwrap());
    let mut under_way: Vec<(u64, u32, Vec<i16>)> = Vec::new();
    let (mut jitter, mut pcm, mut delays) = (Plain::new(), Vec::new(), Vec::new());
    let (mut sent_us, mut pulled_us, mut sent) = (0u64, 7_000u64, 0u64);
    let base = u32::MAX - 4_000;
    while pulled_us < seconds * 1_000_000 {
        let n = network(pulled_us / 1_000_000);
        while sent_us <= pulled_us {
            let mut packet = vec![0; n.ptime as usize * 8];
            tone.fill(&mut packet);
            let late = n.delay * 1_000 + rng.below(n.jitter * 1_000 + 1);
            if !rng.chance(n.loss) {
                under_way.push((sent_us + late, base.wrapping_add(sent as u32), packet));
            }
            sent += n.ptime * 8;
            sent_us += (n.ptime as i64 * (1_000_000 - n.ppm) / 1_000) as u64;
        }
        under_way.sort_by_key(|(at, ..)| *at);
        let come = under_way.iter().take_while(|(at, ..)| *at <= pulled_us).count();
        for (at, timestamp, packet) in under_way.drain(..come) {
            jitter.insert(Time::from_nanos(at * 1_000), false, timestamp, &packet);
        }
        let mut out = vec![0; n.pull as usize * 8];
        let now = Time::from_nanos(pulled_us * 1_000);
        jitter.pull(now, &mut out);
        if let State::Playing { next, .. } = jitter.0.state {
            let played = next as i64 - FIRST as i64 - i64::from(base as i32);
            let staged = (jitter.0.lead + jitter.0.ready.slots()) as i64;
            let at_us = (pulled_us + n.pull * 1_000) as i64;
            let spoken_us = (played - staged) * 125 * (1_000_000 - n.ppm) / 1_000_000;
            delays.push((at_us - spoken_us) / 1_000 - n.delay as i64);
        }
        pcm.extend(out);
        pulled_us += n.pull * 1_000;
    }
    Heard { pcm, delays, figures: jitter.figures() }
}

impl Heard {
    /// The greatest step between two samples; the tone itself makes steps of 2,150.
    fn steepest(&self) -> i32 {
        let steps = self.pcm.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
        steps.max().unwrap_or(0)
    }
    /// The least level of the tone over any 100 ms after the first second.
    fn least_level(&self) -> f64 {
        let level = |block: &[i16]| tone_dbm0(block, 450.0);
        self.pcm[8_000..].chunks_exact(800).map(level).fold(0.0, f64::min)
    }
    fn mean_delay(&self) -> i64 {
        let settled = &self.delays[self.delays.len() / 2..];
        settled.iter().sum::<i64>() / settled.len() as i64
    }
}

#[test]
fn a_clean_line_adds_little_and_changes_nothing() {
    for (ptime, pull) in [(20, 20), (10, 20), (60, 20), (20, 60), (30, 20), (20, 10), (60, 60)] {
        let heard = run(|_| Network { ptime, pull, ..CLEAN }, 20, 1);
        let f = heard.figures;
        assert_eq!((f.late, f.concealed, f.stretched), (0, 0, 0), "{ptime} {pull} {f:?}");
        assert!(f.shrunk <= 12, "{ptime} {pull} {f:?}");
        assert!(heard.least_level() > -10.6, "{ptime} {pull}: {}", heard.least_level());
        let most = 25.max(pull as i64 + 5);
        assert!(heard.mean_delay() <= most, "{ptime} {pull}: {}", heard.mean_delay());
    }
}

#[test]
fn jitter_of_60_ms_is_taken_up_within_80() {
    for seed in 0..5 {
        let heard = run(|_| Network { jitter: 60, ..CLEAN }, 60, seed);
        let (f, share) = (heard.figures, 8_000.0 * 60.0);
        assert!(heard.mean_delay() <= 80, "{} {f:?}", heard.mean_delay());
        assert!(f.concealed as f64 / share < 0.01, "{f:?}");
        assert!(heard.least_level() > -12.0, "{}", heard.least_level());
        assert!(heard.steepest() < 4_500, "{}", heard.steepest());
    }
}

#[test]
fn the_delay_grows_at_once_and_comes_back_within_five_seconds() {
    let jitter = |s| if (20..30).contains(&s) { 100 } else { 0 };
    let heard = run(|s| Network { jitter: jitter(s), ..CLEAN }, 50, 3);
    let at = |ms: usize| heard.delays[ms / 20];
    assert!(at(19_900) <= 25, "{}", at(19_900));
    assert!(at(21_000) >= 60, "{}", at(21_000));
    assert!(at(29_000) <= 140, "{}", at(29_000));
    assert!(at(35_200) <= 45, "{}", at(35_200));
    assert!(at(36_500) <= 25, "{}", at(36_500));
}

#[test]
fn losses_are_concealed_without_a_click() {
    for loss in [0.01, 0.05, 0.1] {
        let heard = run(|_| Network { loss, ..CLEAN }, 60, 7);
        let share = heard.figures.concealed as f64 / (8_000.0 * 60.0);
        assert!((loss * 0.7..loss * 1.5).contains(&share), "{loss}: {share}");
        assert!(heard.steepest() < 4_500, "{}", heard.steepest());
        // With the packet after a lost one in time it is made up from both sides.
        assert!(heard.mean_delay() <= 45, "{}", heard.mean_delay());
    }
}

/// An hour with clocks 500 ppm apart: 1.8 s of drift.
#[test]
fn an_hour_of_drift_is_taken_up_by_single_periods() {
    for ppm in [500, -500] {
        let heard = run(|_| Network { ppm, jitter: 5, ..CLEAN }, 3_600, 11);
        let f = heard.figures;
        assert!(f.concealed < 1_600, "{ppm}: {f:?}");
        assert!(f.late <= 3, "{ppm}: {f:?}");
        // 1.8 s in periods of 2.5 to 15 ms.
        let changes = f.shrunk + f.stretched;
        assert!((120..1_000).contains(&changes), "{ppm}: {f:?}");
        assert!(
            heard.delays.iter().all(|d| (0..=60).contains(d)),
            "{:?}",
            heard.delays.iter().max()
        );
        assert!(heard.least_level() > -11.0, "{}", heard.least_level());
    }
}

#[test]
fn reordered_packets_are_played_in_order() {
    // Jitter of more than a packet time reorders; with room for it nothing is lost.
    let heard = run(|_| Network { jitter: 50, ..CLEAN }, 30, 5);
    assert!(heard.figures.late <= 15, "{:?}", heard.figures);
    assert!(heard.least_level() > -12.0);
}

/// A packet of 20 ms of one value.
fn packet(value: i16) -> [i16; 160] {
    [value; 160]
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

#[test]
fn a_pause_of_the_sender_is_silence_and_then_speech_again() {
    let mut jitter = Plain::new();
    for n in 0..50u32 {
        jitter.insert(at(u64::from(n) * 20), false, n * 160, &packet(1_000));
        jitter.pull(at(u64::from(n) * 20 + 5), &mut [0; 160]);
    }
    let mut out = [0; 160];
    for n in 50..250u64 {
        jitter.pull(at(n * 20 + 5), &mut out);
    }
    assert_eq!((out, jitter.0.state), ([0; 160], State::Silent));
    let before = jitter.figures();
    // The timestamps went on meanwhile (DTX), or not (hold): both begin at once.
    for (from, timestamp) in [(250, 250 * 160), (400, 300 * 160)] {
        let mut heard = Vec::new();
        for n in 0..20u32 {
            let ms = (from + u64::from(n)) * 20;
            jitter.insert(at(ms), false, timestamp + n * 160, &packet(1_000));
            jitter.pull(at(ms + 5), &mut out);
            heard.extend(out);
        }
        assert!(heard[800..].iter().all(|s| *s == 1_000));
        for n in 20..60u64 {
            jitter.pull(at((from + n) * 20 + 5), &mut out);
        }
    }
    assert_eq!(jitter.figures().late, before.late);
}

#[test]
fn one_that_sixty_others_overtook_is_late_and_begins_nothing() {
    let mut jitter = Jitter::new(Codec::Pcma, Rate::Khz8, 1).unwrap();
    let mut out = [0; 160];
    let payload = &[0x55u8; 160][..];
    let mut hear = |jitter: &mut Jitter, n: u32| {
        let heard = jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
        assert!(n < 5 || heard == super::Heard::Sound, "{n}");
    };
    for n in 0..200u32 {
        let packet = |n: u32, order| Arrived { order, timestamp: n * 160, slots: 160, payload };
        jitter.insert(at(u64::from(n) * 20), packet(n, Order::Newest));
        if n % 70 == 69 {
            let late = jitter.figures().late;
            jitter.insert(at(u64::from(n) * 20), packet(n - 60, Order::Overtaken));
            assert_eq!(jitter.figures().late, late + 1);
        }
        hear(&mut jitter, n);
    }
    assert_eq!(jitter.figures().concealed, 0);
}

#[test]
fn comfort_noise_is_heard_at_its_level_and_is_no_loss() {
    let mut jitter = Jitter::new(Codec::Pcma, Rate::Khz8, 1).unwrap();
    let (mut out, mut noise) = ([0; 160], Vec::new());
    let talk = |jitter: &mut Jitter, n: u32| {
        let payload = &[0x55u8; 160][..];
        let packet = Arrived { order: Order::Newest, timestamp: n * 160, slots: 160, payload };
        jitter.insert(at(u64::from(n) * 20), packet);
    };
    for n in 0..300u32 {
        match n {
            50 => jitter.insert_noise(n * 160, &[60]),
            51..200 => {}
            _ => talk(&mut jitter, n),
        }
        let heard = jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
        if (60..200).contains(&n) {
            assert_eq!(heard, super::Heard::Noise, "{n}");
            noise.extend(out);
        }
        assert!(n < 205 || heard == super::Heard::Sound, "{n}");
    }
    let level = crate::dsp::level::dbov(&noise);
    assert!((-62.0..-58.0).contains(&level), "{level}");
    assert_eq!(jitter.figures().concealed, 0);
}

#[test]
fn a_pause_of_opus_is_noise_and_no_loss() {
    use crate::dsp::narrow::Encoder;
    use crate::dsp::opus::Settings;
    let settings = |rate| Settings { dtx: true, ..Settings::new(rate) };
    let mut encoder = Encoder::new(Codec::Opus, settings).unwrap();
    let mut jitter = Jitter::new(Codec::Opus, Rate::Khz8, 1).unwrap();
    let (mut out, mut sent) = ([0; 160], 0);
    for n in 0..400u32 {
        // Speech-like for a second, then nearly nothing.
        let loud = if (50..300).contains(&n) { 3.0 } else { 6_000.0 };
        let sample = |k: u32| f64::from((n * 160 + k) % 71) / 71.0 - 0.5;
        let pcm: Vec<i16> = (0..160).map(|k| (sample(k) * loud) as i16).collect();
        let mut payload = [0; 400];
        let bytes = encoder.encode(&pcm, &mut payload).unwrap();
        if bytes > 0 {
            sent += 1;
            let packet = Arrived {
                order: if n == 0 { Order::Begins } else { Order::Newest },
                timestamp: n * 160,
                slots: 160,
                payload: &payload[..bytes],
            };
            jitter.insert(at(u64::from(n) * 20), packet);
        }
        jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
    }
    // The sender says nothing of a pause but by not sending: what is made up for it ends soon.
    assert!(sent < 300, "{sent}");
    assert!(jitter.figures().concealed <= 12 * DRY_LIMIT as u64, "{:?}", jitter.figures());
    assert!(crate::dsp::level::dbm0(&out) > -30.0, "heard again");
}

/// Something like a vowel whose pitch and loudness wander, 16 kHz.
fn vowel(samples: usize) -> Vec<i16> {
    let mut phase = 0.0;
    let wave = |n: usize| {
        let t = n as f64 / 16_000.0;
        phase += core::f64::consts::TAU * (130.0 + 40.0 * (5.0 * t).sin()) / 16_000.0;
        let sum: f64 = (1..12).map(|h| (phase * f64::from(h)).sin() / f64::from(h)).sum();
        ((3_000.0 + 2_000.0 * (21.0 * t).sin()) * sum) as i16
    };
    (0..samples).map(wave).collect()
}

/// What is heard of Opus of 20 ms, `lost` of its packets left out, sent with copies or without; and the
/// cost of the network. Each packet comes 30 ms before it is due, so that the delay need not change.
fn opus_heard(copies: bool, deep: bool, lost: impl Fn(u32) -> bool) -> (Vec<i16>, Duration) {
    use crate::dsp::codec::Encoder;
    use crate::dsp::opus::Settings;
    let loss_percent = if copies { 20 } else { 0 };
    let settings = |rate| Settings { loss_percent, ..Settings::new(rate) };
    let mut encoder = Encoder::new(Codec::Opus, Rate::Khz16, settings).unwrap();
    let mut jitter = Jitter::new(Codec::Opus, Rate::Khz16, 1).unwrap();
    jitter.set_deep(deep);
    let mut heard = Vec::new();
    for (n, pcm) in (0..45u32).zip(vowel(45 * 320).chunks(320)) {
        let mut payload = [0; 400];
        let bytes = encoder.encode(pcm, &mut payload).unwrap();
        let payload = &payload[..bytes];
        if !lost(n) {
            let order = if n == 0 { Order::Begins } else { Order::Newest };
            let packet = Arrived { order, timestamp: n * 160, slots: 160, payload };
            jitter.insert(at(u64::from(n) * 20), packet);
        }
        let mut out = [0; 320];
        jitter.pull(at(u64::from(n) * 20 + 9), &mut out);
        heard.extend(out);
    }
    let f = jitter.figures();
    assert_eq!((f.shrunk, f.stretched, f.late), (0, 0, 0));
    (heard, jitter.deep_cost())
}

#[test]
fn the_copy_in_the_next_packet_is_what_is_heard_of_a_lost_one() {
    let lost = |n: u32| n > 5 && n % 5 == 2;
    let error = |copies: bool| -> f64 {
        let (whole, lossy) =
            (opus_heard(copies, false, |_| false), opus_heard(copies, false, lost));
        let pairs = whole.0.iter().zip(&lossy.0);
        pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let (with, without) = (error(true), error(false));
    assert!(with < 0.4 * without, "{with:.0} with copies, {without:.0} without");
}

#[test]
fn the_network_is_asked_where_no_copy_is_there_and_time_is_left() {
    let one = |n: u32| n == 20;
    let three = |n: u32| (20..23).contains(&n);
    let cost = |copies, deep, lost: fn(u32) -> bool| opus_heard(copies, deep, lost).1;
    assert_eq!(cost(true, true, one), Duration::ZERO);
    assert_eq!(cost(true, false, three), Duration::ZERO);
    let (single, burst) = (cost(false, true, one), cost(true, true, three));
    assert!(single > Duration::from_micros(500), "{single:?}");
    assert!(burst > single && burst < 2 * single, "{burst:?} for two, {single:?} for one");
}

#[test]
fn leaps_and_new_streams_begin_anew() {
    let mut jitter = Plain::new();
    let mut out = [0; 160];
    let mut ms = 0;
    for (stream, start) in [0u32, 5_000_000, 4_000_000_000, 100].into_iter().enumerate() {
        for n in 0..50u32 {
            let first = n == 0 && stream == 3;
            jitter.insert(at(ms), first, start.wrapping_add(n * 160), &packet(500));
            jitter.pull(at(ms + 5), &mut out);
            ms += 20;
        }
        assert_eq!(out, packet(500), "stream {stream}");
    }
    assert!(jitter.figures().concealed < 4 * 480);
}

#[test]
fn odd_packets_are_refused_and_overlaps_are_harmless() {
    let mut jitter = Plain::new();
    jitter.insert(at(0), false, 0, &[]);
    jitter.insert(at(0), false, 0, &[1; LONGEST_PACKET + 1]);
    assert_eq!(jitter.0.state, State::Silent);
    for n in 0..100u32 {
        jitter.insert(at(u64::from(n) * 20), false, n * 160, &[700; LONGEST_PACKET]);
        let mut out = [0; 160];
        jitter.pull(at(u64::from(n) * 20 + 1), &mut out);
        assert!(n < 3 || out == packet(700));
    }
}

#[test]
fn a_stall_is_played_out_when_it_is_short_and_skipped_when_it_is_long() {
    for (stall, content) in [(200u64, true), (3_000, false)] {
        let mut jitter = Plain::new();
        let (mut out, mut heard) = ([0; 160], Vec::new());
        for n in 0..600u64 {
            let ms = n * 20;
            let stalled = |m: u64| (2_000..2_000 + stall).contains(&m);
            let come: Vec<u64> = match ms {
                _ if stalled(ms) => vec![],
                _ if ms == 2_000 + stall => (100..=n).collect(),
                _ => vec![n],
            };
            for k in come {
                jitter.insert(at(ms), false, k as u32 * 160, &packet(k as i16 + 1));
            }
            jitter.pull(at(ms + 5), &mut out);
            heard.push(out[80]);
        }
        let kept = (101..111).filter(|k| heard.contains(k)).count();
        assert_eq!(kept >= 8, content, "{stall} ms: {kept} of 10");
        assert!(*heard.last().unwrap() >= 595, "{stall}: {:?}", heard.last());
    }
}

#[test]
fn a_new_stream_begins_without_a_click() {
    // With some silence before it, and at once.
    for after in [5, 15] {
        let mut jitter = Plain::new();
        let (mut out, mut heard) = ([0; 160], Vec::new());
        for n in 0..100u32 {
            let value = if n < 50 { 8_000 } else { -8_000 };
            jitter.insert(at(u64::from(n) * 20), n == 50, n * 160, &packet(value));
            jitter.pull(at(u64::from(n) * 20 + after), &mut out);
            heard.extend(out);
        }
        let steps = heard.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs());
        assert!(steps.max().unwrap() <= 16_000 / 16);
        assert_eq!(out, packet(-8_000));
    }
}

/// At a buffer of less than a packet each loss is found as nothing being there.
#[test]
fn a_burst_of_losses_costs_its_own_length_and_a_packet_of_delay() {
    let mut jitter = Plain::new();
    let mut out = [0; 160];
    for n in 0..300u32 {
        if n % 100 < 97 {
            jitter.insert(at(u64::from(n) * 20), false, n * 160, &packet(n as i16 + 1));
        }
        jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
    }
    for n in 300..304u32 {
        jitter.insert(at(u64::from(n) * 20), false, n * 160, &packet(n as i16 + 1));
        jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
    }
    let concealed = jitter.figures().concealed;
    assert!((1_360..=1_480).contains(&concealed), "{concealed} of three times 480");
    assert!((303..=304).contains(&out[159]), "{}", out[159]);
}

#[test]
fn the_delay_that_losses_cost_is_gone_within_five_seconds_of_the_last() {
    let loss = |s| if (10..20).contains(&s) { 0.05 } else { 0.0 };
    let heard = run(|s| Network { loss: loss(s), ..CLEAN }, 30, 3);
    let at = |ms: usize| heard.delays[ms / 20];
    assert!(at(9_900) <= 25 && at(25_000) <= 25, "{} {}", at(9_900), at(25_000));
    let all: Vec<i64> = (9..30).map(|s| at(s * 1_000)).collect();
    assert!((30..45).contains(&at(18_000)), "{all:?} {:?}", heard.figures);
}

/// Two losses 9 s apart: neither makes the other a habit.
#[test]
fn the_delay_of_a_loss_that_is_alone_is_gone_after_six_seconds() {
    let mut jitter = Plain::new();
    let mut tone = Generator::new(&Plan::parse("450", -10).unwrap());
    let mut out = [0; 160];
    let mut excess = Vec::new();
    for n in 0..1_500u32 {
        let mut payload = [0; 160];
        tone.fill(&mut payload);
        if n != 500 && n != 950 {
            jitter.insert(at(u64::from(n) * 20), false, n * 160, &payload);
        }
        jitter.pull(at(u64::from(n) * 20 + 5), &mut out);
        if let State::Playing { next, .. } = jitter.0.state {
            let end = u64::from(n + 1) * 160 + FIRST;
            excess.push((end + jitter.0.ready.slots() as u64).saturating_sub(next));
        }
    }
    let played = |n: usize| excess[n];
    assert!(played(600) >= played(490) + 100, "{:?}", &excess[490..760]);
    for lost in [500, 950] {
        assert!(played(lost + 310) <= played(490) + 24, "{:?}", &excess[lost..lost + 320]);
    }
}

#[test]
fn stalls_do_not_add_up_beyond_the_limit() {
    let mut jitter = Plain::new();
    let mut out = [0; 160];
    let mut held_back = Vec::new();
    for n in 0..150u64 {
        held_back.push(n);
        // The network stands still for 300 ms, and for 660 ms.
        if !(50..65).contains(&n) && !(100..133).contains(&n) {
            for k in held_back.drain(..) {
                jitter.insert(at(n * 20), false, k as u32 * 160, &packet(k as i16 + 1));
            }
        }
        jitter.pull(at(n * 20 + 5), &mut out);
        let behind = n as i16 + 1 - out[80];
        assert!(n != 95 || behind >= 10, "{behind}: the first is played out");
        assert!(n != 149 || (18..=22).contains(&behind), "{behind} of 20 ms");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever comes: no panic, and after a second of a steady stream it is heard.
    #[test]
    fn any_packets_are_survived(
        steps in prop::collection::vec(
            (0u64..100, prop_oneof![3 => 0u32..4_000, 1 => any::<u32>()], 0usize..700, any::<bool>(), 1usize..480),
            0..200,
        ),
    ) {
        let mut jitter = Plain::new();
        let mut now = Time::ZERO;
        let mut timestamp = 0u32;
        for (wait, step, length, first, pull) in steps {
            now += Duration::from_millis(wait);
            timestamp = timestamp.wrapping_add(step);
            jitter.insert(now, first && step > 3_000, timestamp, &vec![99; length]);
            jitter.pull(now, &mut vec![0; pull]);
        }
        let mut out = [0; 160];
        for n in 0..150u32 {
            jitter.insert(now, n == 0, n * 160, &packet(1_000));
            jitter.pull(now, &mut out);
            now += Duration::from_millis(20);
        }
        prop_assert_eq!(out, packet(1_000));
    }
}
