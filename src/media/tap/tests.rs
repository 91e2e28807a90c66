//! Tests of [`Placer`].

use super::*;
use crate::base::{Duration, Rng};
use proptest::prelude::*;

const PACKET: u32 = 160;

/// A sender with a clock of its own and the network behind it.
struct Peer {
    rng: Rng,
    /// Its clock against ours, parts per million.
    ppm: i64,
    jitter_ms: f64,
    loss: f64,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// When, by our clock, its next packet's first sample is spoken; nanoseconds.
    spoken: f64,
}

impl Peer {
    fn new(ppm: i64) -> Peer {
        Peer {
            rng: Rng::from_seed(11),
            ppm,
            jitter_ms: 30.0,
            loss: 0.02,
            ssrc: 1,
            sequence: 65_000,
            timestamp: u32::MAX - 10_000,
            spoken: 0.0,
        }
    }
    /// The sender counts `samples` on.
    fn count(&mut self, samples: u32) {
        self.timestamp = self.timestamp.wrapping_add(samples);
        self.pause(samples);
    }
    /// As long passes, but its timestamp stands still.
    fn pause(&mut self, samples: u32) {
        let seconds = f64::from(samples) / (8_000.0 * (1.0 + self.ppm as f64 / 1e6));
        self.spoken += seconds * 1e9;
    }
    /// Its next packet: (what, arrival, true position). `None`: lost.
    fn speak(&mut self) -> Option<(Heard, Time, f64)> {
        let (ssrc, sequence, timestamp) = (self.ssrc, self.sequence, self.timestamp);
        let heard = Heard { ssrc, sequence, timestamp, samples: PACKET };
        let truth = self.spoken / SAMPLE_NS as f64;
        let jitter = self.rng.below(1_000_000) as f64 * self.jitter_ms;
        let arrival = Time::from_nanos((self.spoken + jitter) as u64);
        self.sequence = self.sequence.wrapping_add(1);
        self.count(PACKET);
        (!self.rng.chance(self.loss)).then_some((heard, arrival, truth))
    }
}

/// The largest error, milliseconds, over `packets` packets; counts jumps.
fn run(peer: &mut Peer, placer: &mut Placer, packets: u32) -> (f64, u32) {
    let (mut worst, mut jumps, mut next) = (0.0f64, 0, None);
    for _ in 0..packets {
        let Some((heard, arrival, truth)) = peer.speak() else {
            next = None;
            continue;
        };
        let placed = placer.place(arrival, heard).expect("in order");
        if let Some(next) = next.filter(|_| !placed.jump) {
            assert_eq!(placed.position, next, "block follows block");
        }
        let length = i64::from(PACKET) + i64::from(placed.adjust);
        next = Some(placed.position + length as u64);
        jumps += u32::from(placed.jump);
        worst = worst.max((placed.position as f64 - truth).abs() / MS as f64);
    }
    (worst, jumps)
}

/// The largest error, milliseconds, where only those packets are placed that were not known before they came; how
/// many were.
fn run_known(peer: &mut Peer, placer: &mut Placer, packets: u32) -> (f64, u32) {
    let (mut worst, mut known, mut ahead, mut next) = (0.0f64, 0, Run::NONE, 0);
    for _ in 0..packets {
        let Some((heard, arrival, truth)) = peer.speak() else { continue };
        let position = match ahead.takes(arrival, heard, Codec::Pcma, PACKET as usize) {
            true => {
                known += 1;
                next
            }
            false => {
                if let Some(came) = ahead.end() {
                    placer.went_on(came);
                    assert_eq!(placer.end(), next, "both know where the stream stands");
                }
                let placed = placer.place(arrival, heard).expect("in order");
                let run = placer.run(arrival, heard, Codec::Pcma);
                ahead = run.map_or(Run::NONE, |run| run.within(0, u64::MAX));
                next = placer.end() - u64::from(PACKET);
                placed.position
            }
        };
        next += u64::from(PACKET);
        worst = worst.max((position as f64 - truth).abs() / MS as f64);
    }
    ahead.end().into_iter().for_each(|came| placer.went_on(came));
    (worst, known)
}

#[test]
fn what_is_known_before_it_comes_lies_as_well() {
    for (ppm, least) in [(-500, 20_000), (0, 90_000), (500, 20_000)] {
        let (mut peer, mut placer) = (Peer::new(ppm), Placer::new(Time::ZERO));
        run(&mut peer, &mut placer, 250);
        let (worst, known) = run_known(&mut peer, &mut placer, 180_000);
        assert!(worst < 5.0 && known > least, "{ppm} ppm: {worst} ms, {known} known");
        // And the placer knows as much of the stream as if it had placed them all.
        peer.count(8_000 * 60);
        let (worst, jumps) = run(&mut peer, &mut placer, 500);
        assert!(worst < 20.0 && jumps == 0, "after a gap: {worst} ms, {jumps} jumps");
    }
}

#[test]
fn an_hour_500_ppm_off_stays_within_5_ms() {
    for ppm in [-500, 0, 500] {
        let (mut peer, mut placer) = (Peer::new(ppm), Placer::new(Time::ZERO));
        let (start, jumps) = run(&mut peer, &mut placer, 250);
        assert!(start <= 30.0 && jumps == 1, "{start} ms, {jumps} jumps");
        let (worst, jumps) = run(&mut peer, &mut placer, 180_000);
        assert!(worst < 5.0 && jumps == 0, "{ppm} ppm: {worst} ms, {jumps} jumps");
    }
}

#[test]
fn without_drift_jitter_moves_next_to_nothing() {
    let (mut peer, mut placer) = (Peer::new(0), Placer::new(Time::ZERO));
    run(&mut peer, &mut placer, 500);
    let mut moved = 0;
    for _ in 0..50_000 {
        if let Some((heard, arrival, _)) = peer.speak() {
            moved += i32::from(placer.place(arrival, heard).unwrap().adjust.abs());
        }
    }
    assert!(moved < 100, "{moved} samples moved in 1,000 s");
}

#[test]
fn a_gap_is_as_long_as_the_timestamp_says() {
    // DTX of 3 s, then a hold of 10 minutes, the peer 500 ppm off.
    let (mut peer, mut placer) = (Peer::new(500), Placer::new(Time::ZERO));
    run(&mut peer, &mut placer, 3_000);
    for gap in [8_000 * 3, 8_000 * 600] {
        peer.count(gap);
        let (worst, jumps) = run(&mut peer, &mut placer, 500);
        assert!(worst < 20.0 && jumps == 0, "after {gap}: {worst} ms, {jumps} jumps");
    }
}

#[test]
fn when_the_timestamp_stood_still_arrival_decides() {
    let (mut peer, mut placer) = (Peer::new(-500), Placer::new(Time::ZERO));
    run(&mut peer, &mut placer, 500);
    peer.pause(8_000 * 60);
    let (worst, jumps) = run(&mut peer, &mut placer, 500);
    assert!(worst <= 31.0 && jumps == 1, "{worst} ms, {jumps} jumps");
    // A short pause shows only after a second.
    peer.pause(8_000 / 2);
    let (_, jumps) = run(&mut peer, &mut placer, 100);
    let (worst, more) = run(&mut peer, &mut placer, 500);
    assert!(worst <= 31.0 && jumps == 1 && more == 0, "{worst} ms, {jumps} jumps");
}

#[test]
fn a_stalled_network_is_no_pause() {
    for stall_ms in [300, 1_500] {
        let (mut peer, mut placer) = (Peer::new(0), Placer::new(Time::ZERO));
        (peer.loss, peer.jitter_ms) = (0.0, 0.0);
        run(&mut peer, &mut placer, 500);
        let held = Time::from_nanos(peer.spoken as u64) + Duration::from_millis(stall_ms);
        let mut wrong = 0;
        while Time::from_nanos(peer.spoken as u64) < held {
            let (heard, _, truth) = peer.speak().unwrap();
            let placed = placer.place(held, heard).unwrap();
            wrong += u32::from((placed.position as f64 - truth).abs() > 1.0);
        }
        assert!(wrong <= 5, "{wrong} packets of the burst misplaced");
        let (worst, jumps) = run(&mut peer, &mut placer, 500);
        assert!(worst < 2.0 && jumps == 0, "{worst} ms, {jumps} jumps");
    }
}

#[test]
fn a_new_ssrc_or_a_leap_of_the_timestamp_is_set_by_arrival() {
    let (mut peer, mut placer) = (Peer::new(200), Placer::new(Time::ZERO));
    run(&mut peer, &mut placer, 500);
    let leaps: [fn(&mut Peer); 4] = [
        |p| (p.ssrc, p.sequence, p.timestamp) = (2, 7, 99),
        |p| p.timestamp = p.timestamp.wrapping_add(0x4000_0000),
        |p| p.timestamp = p.timestamp.wrapping_sub(80_000),
        |p| p.sequence = p.sequence.wrapping_add(20_000),
    ];
    for leap in leaps {
        leap(&mut peer);
        let (worst, jumps) = run(&mut peer, &mut placer, 300);
        assert!(worst <= 31.0 && jumps == 1, "{worst} ms, {jumps} jumps");
        let (worst, jumps) = run(&mut peer, &mut placer, 1_000);
        assert!(worst < 5.0 && jumps == 0, "{worst} ms, {jumps} jumps");
    }
}

#[test]
fn stragglers_and_repeats_lie_where_they_belong() {
    let (mut peer, mut placer) = (Peer::new(500), Placer::new(Time::ZERO));
    (peer.loss, peer.jitter_ms) = (0.0, 0.0);
    run(&mut peer, &mut placer, 500);
    for _ in 0..500 {
        let (first, at, _) = peer.speak().unwrap();
        let (second, later, _) = peer.speak().unwrap();
        let (third, last, _) = peer.speak().unwrap();
        let one = placer.place(at, first).unwrap();
        let three = placer.place(last, third).unwrap();
        let two = placer.place(later, second).unwrap();
        let length = (i64::from(PACKET) + i64::from(one.adjust)) as u64;
        assert_eq!(two.position, one.position + length);
        assert_eq!(two.position + u64::from(PACKET), three.position);
        let again = placer.place(last, third).unwrap();
        assert_eq!((again.position, again.adjust), (three.position, 0));
    }
}

#[test]
fn nothing_lies_before_the_recording() {
    let mut placer = Placer::new(Time::from_millis(1_000));
    let heard = Heard { ssrc: 1, sequence: 10, timestamp: 1_600, samples: PACKET };
    assert_eq!(placer.place(Time::from_millis(1_000), heard).unwrap().position, 0);
    let before = Heard { sequence: 9, timestamp: 1_440, ..heard };
    assert_eq!(placer.place(Time::from_millis(1_001), before), None);
}

proptest! {
    /// Whatever comes: no panic, packets in order lie in order unless the stream jumped (a sender
    /// that lies about lengths can win the few samples of a correction), and none lies further
    /// from its arrival than the limits say.
    #[test]
    fn any_stream_is_placed_in_order_and_near_its_arrival(
        steps in prop::collection::vec(
            (0u64..200, prop_oneof![4 => Just(1u16), 1 => any::<u16>()],
             prop_oneof![4 => Just(160u32), 1 => any::<u32>(), 1 => 0u32..1_000],
             0u32..4, prop_oneof![8 => Just(160u32), 1 => 0u32..2_000]), 1..400)
    ) {
        let mut placer = Placer::new(Time::ZERO);
        let (mut at, mut sequence, mut timestamp) = (0u64, 0u16, 0u32);
        let mut newest_placed: Option<(u16, u64)> = None;
        for (ms, more, counted, ssrc, samples) in steps {
            at += ms;
            sequence = sequence.wrapping_add(more);
            timestamp = timestamp.wrapping_add(counted);
            let heard = Heard { ssrc: ssrc / 3, sequence, timestamp, samples };
            let Some(placed) = placer.place(Time::from_millis(at), heard) else { continue };
            let off = placed.position as i64 - placer.clock(Time::from_millis(at)) as i64;
            prop_assert!(placed.adjust.abs() <= MOST_ADJUST);
            let newest = newest_placed.is_none_or(|(last, _)| diff16(sequence, last) > 0);
            if let Some((_, last)) = newest_placed.filter(|_| newest && !placed.jump) {
                let most = MOST_ADJUST as u64;
                prop_assert!(placed.position + most >= last, "{} after {last}", placed.position);
            }
            if newest || placed.jump {
                prop_assert!((-30 * 8_000..=8_000).contains(&off), "{off} samples off");
                newest_placed = Some((sequence, placed.position));
            }
        }
    }
}
