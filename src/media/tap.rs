//! Where each payload of a leg lies on the call's own clock, for the recorder.
//!
//! The tap stands beside both packet paths: what the latch took for the leg's own is placed here,
//! its payload copied into a [`TapBlock`], and floor 3's `record` lays the blocks of two legs side
//! by side. The call's clock counts samples of 8 kHz since the recording began, by *our* monotonic
//! clock; a peer's timestamps run by the peer's crystal, which may be 500 ppm off: 1.8 s an hour.
//!
//! ```text
//!  arrival, in samples
//!    │                 x   x             position = timestamp + offset
//!    │         x    x     x   _,-'       a packet can be late (jitter) but never early, so the
//!    │   x   x   x    _,-'x              least delay of the last seconds shows how the two clocks
//!    │  x    x _,-' x                    lie (the line); `offset` follows it one sample at a time:
//!    │   _,-'x      \ least delay        the block that is a sample longer or shorter says so
//!    └──────────────────── timestamp     in `adjust`
//! ```
//!
//! So jitter moves nothing, and drift is taken up sample by sample, spread out. The stream jumps
//! only when it jumps itself:
//!
//! | What comes | What is believed |
//! |---|---|
//! | the next packets of a steady stream | the timestamp (RFC 3550 §5.1) |
//! | a gap over which timestamps went on (DTX, RFC 3551 §4.1, hold) | the timestamp, and the drift known by then |
//! | a gap over which they stood still | the arrival |
//! | a new SSRC, a sequence restart, a timestamp that leaps or runs back | the arrival |
//! | a late or repeated packet | the timestamp, with the offset of its own time |
//!
//! Not here: whose packet it is (latch), what it holds, writing (record).

use crate::base::seq::{diff16, extend16, extend32};
use crate::base::{RecordingId, Time};
use crate::media::control::Codec;

pub use crate::media::control::Channel;

/// Samples a second of the call's clock, and of all codecs that are recorded today.
pub const CLOCK_HZ: u64 = 8_000;
/// Nanoseconds a sample.
const SAMPLE_NS: u64 = 1_000_000_000 / CLOCK_HZ;
/// Samples a millisecond.
const MS: i64 = CLOCK_HZ as i64 / 1_000;

/// The least delay is taken over this many slots of [`SLOT`] each: long enough to hold a packet
/// that met no queue, short enough that 500 ppm move it by 2 ms only.
const SLOTS: usize = 4;
/// Samples a slot.
const SLOT: i64 = 1_000 * MS;
/// An error of the offset that is let be, samples: 1 ms.
const DEAD_BAND: i64 = MS;
/// Above this error [`MOST_ADJUST`] samples are moved in each block (2.5 % of 20 ms): a stream whose
/// first packet was held up comes right within seconds.
const FASTEST_ABOVE: i64 = 20 * MS;
/// Above this error one sample is moved in each block (0.6 %, inaudible), below it one in
/// [`SLOW_PACE`].
const FAST_ABOVE: i64 = 5 * MS;
/// Most samples by which one block is stretched or shortened.
pub const MOST_ADJUST: i8 = 4;
/// Samples between two corrections of a small error: 1,000 ppm, twice the worst crystal.
const SLOW_PACE: i64 = 1_000;
/// Blocks shorter than this many samples are not stretched.
const SHORTEST_STRETCHED: u32 = 40;

/// No packet for this long is a gap.
const GAP: i64 = 100 * MS;
/// After a gap this long the drift over it is made up for, and the least delay learned anew.
const LONG_GAP: i64 = 1_000 * MS;
/// How far a packet may be from where its timestamp puts it when sequence numbers and timestamps
/// do not agree on what is missing; beyond it the timestamp has jumped.
const SLACK_BROKEN: i64 = 100 * MS;
/// The same for a packet ahead of its time in an unbroken stream.
const SLACK_EARLY: i64 = 500 * MS;
/// The same for one behind its time: the sender paused without counting on, or the network stalled
/// (then a burst follows, and the sender is known to have counted).
const SLACK_LATE: i64 = 1_000 * MS;
/// All packets of the first second after a gap at least this late: the sender did pause.
const PAUSED: i64 = 60 * MS;
/// A jump that would lie over this little of what was placed before begins behind it instead.
const OVERLAP: i64 = 200 * MS;

/// Older than this many packets is no straggler but a restart (RFC 3550 §A.1, MAX_MISORDER).
const MAX_MISORDER: i16 = 100;
/// Newer than this many is a restart too (MAX_DROPOUT).
const MAX_DROPOUT: i16 = 3_000;
/// Offsets kept for stragglers.
const OFFSETS_KEPT: usize = 16;
/// Where extended counters begin: so far from zero that stragglers do not run below it.
const FIRST: u64 = 1 << 40;
/// Samples over which the drift must have been seen before it is believed: 20 s.
const DRIFT_SPAN: i64 = 20_000 * MS;
/// Drift beyond 1 in this many is no crystal but a network that changed: not believed.
const DRIFT_LIMIT: i64 = 1_000;

/// One payload on its way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TapBlock<'a> {
    /// Which recording.
    pub recording: RecordingId,
    /// Which side of it.
    pub channel: Channel,
    /// Where its first sample lies: samples since the recording began.
    pub position: u64,
    /// Samples to insert into the block, or to drop when negative: [`Placement::adjust`].
    pub adjust: i8,
    /// How `payload` is coded.
    pub codec: Codec,
    /// The payload as it came, one byte a sample for G.711.
    pub payload: &'a [u8],
}

/// What the placer needs to know of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 8 kHz.
    pub timestamp: u32,
    /// Samples that the payload holds.
    pub samples: u32,
}

/// Where a block lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    /// Its first sample, in samples since the recording began.
    pub position: u64,
    /// Samples to be put in somewhere inside the block, so that it fills more than it holds; or to
    /// be left out of it, when negative. Nearly always -1, 0 or +1, at most [`MOST_ADJUST`].
    pub adjust: i8,
    /// The stream began, or broke off and was set anew by arrival: what lies before does not
    /// continue here. Only then can the position of an in-order packet lie before the last end.
    pub jump: bool,
}

/// Places the packets of one leg on one recording's clock.
#[derive(Clone, Debug)]
pub struct Placer {
    began: Time,
    stream: Option<Stream>,
}

impl Placer {
    /// For a recording whose clock shows 0 at `began`.
    pub fn new(began: Time) -> Placer {
        Placer {
            began,
            stream: None,
        }
    }

    /// What the recording's clock shows at `at`.
    pub fn clock(&self, at: Time) -> u64 {
        at.since(self.began).as_nanos() as u64 / SAMPLE_NS
    }

    /// Forgets the stream: the leg speaks from another device now, or was silent on purpose.
    pub fn reset(&mut self) {
        self.stream = None;
    }

    /// Where the packet that came at `arrival` belongs. `None`: nowhere, it is a straggler from
    /// before a jump or from before the recording began.
    pub fn place(&mut self, arrival: Time, heard: Heard) -> Option<Placement> {
        let clock = self.clock(arrival) as i64;
        let known = self.stream.as_mut().filter(|s| s.ssrc == heard.ssrc);
        let Some(stream) = known else {
            return self.begin(clock, heard);
        };
        match diff16(heard.sequence, stream.sequence as u16) {
            1..=MAX_DROPOUT => stream.next(clock, heard),
            late if (-MAX_MISORDER..=0).contains(&late) => stream.straggler(clock, heard),
            _ => self.begin(clock, heard),
        }
    }

    /// A new stream: its first packet lies where it arrived, or behind what just ended.
    fn begin(&mut self, clock: i64, heard: Heard) -> Option<Placement> {
        let end = self.stream.as_ref().map_or(0, Stream::end);
        let stream = self.stream.insert(Stream::new(clock, heard, end));
        stream.placement(0, true)
    }
}

/// One run of sequence numbers of one SSRC. All lengths are samples of the call's clock.
#[derive(Clone, Debug)]
struct Stream {
    ssrc: u32,
    /// Newest sequence number, extended.
    sequence: u64,
    /// The first one since the last jump.
    since: u64,
    /// Newest timestamp, extended.
    timestamp: u64,
    /// Samples that the newest packet holds.
    samples: u32,
    /// When the newest packet came.
    arrived: i64,
    offsets: Offsets,
    /// The timestamp from which the next small correction may come.
    correct_from: u64,
    delay: LeastDelay,
    after_gap: AfterGap,
    drift: Drift,
}

/// What is still open about the last gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum AfterGap {
    /// Nothing.
    Settled,
    /// The delay is being learned anew; if all of the first second come late, the sender had
    /// paused. Any lateness is borne until then.
    Learning,
    /// The sender is taken to have paused without counting on. If packets now come early, it had
    /// counted after all and the network had stalled: this was the offset.
    Paused(i64),
}

impl Stream {
    fn new(clock: i64, heard: Heard, end: i64) -> Stream {
        let timestamp = FIRST | u64::from(heard.timestamp);
        let delay = clock - timestamp as i64;
        Stream {
            ssrc: heard.ssrc,
            sequence: FIRST | u64::from(heard.sequence),
            since: FIRST | u64::from(heard.sequence),
            timestamp,
            samples: heard.samples,
            arrived: clock,
            offsets: Offsets::new(behind(clock, end) - timestamp as i64),
            correct_from: timestamp,
            delay: LeastDelay::new(clock, delay),
            after_gap: AfterGap::Settled,
            drift: Drift::default(),
        }
    }

    /// Where the newest packet lies.
    fn position(&self) -> i64 {
        self.timestamp as i64 + self.offsets.at(self.timestamp)
    }

    /// Where the newest packet ends.
    fn end(&self) -> i64 {
        let end = self.timestamp + u64::from(self.samples);
        end as i64 + self.offsets.at(end)
    }

    /// A packet newer than all before.
    fn next(&mut self, clock: i64, heard: Heard) -> Option<Placement> {
        let sequence = extend16(heard.sequence, self.sequence);
        let timestamp = extend32(heard.timestamp, self.timestamp);
        let step = timestamp as i64 - self.timestamp as i64;
        let steady = step == (sequence - self.sequence) as i64 * i64::from(self.samples);
        let quiet = clock - self.arrived;
        let delay = clock - timestamp as i64;
        let end = self.end();
        let expected = self.offsets.latest() + self.drift.over(quiet);
        let late = delay - expected;

        (self.sequence, self.timestamp) = (sequence, timestamp);
        (self.samples, self.arrived) = (heard.samples, clock);
        match (steady, self.after_gap) {
            (true, AfterGap::Paused(counted)) if late < -PAUSED => {
                self.jump_to(timestamp as i64 + counted, clock, delay);
                self.after_gap = AfterGap::Learning;
                return self.placement(0, true);
            }
            (true, AfterGap::Learning) if late >= -SLACK_EARLY => {}
            (true, _) if (-SLACK_EARLY..=SLACK_LATE).contains(&late) => {}
            (false, _) if step > 0 && late.abs() <= SLACK_BROKEN => {}
            _ => {
                let counted = self.offsets.latest();
                self.jump_to(behind(clock, end), clock, delay);
                if steady && late > 0 {
                    self.after_gap = AfterGap::Paused(counted);
                } else {
                    self.rebase(heard.timestamp);
                }
                return self.placement(0, true);
            }
        }
        if quiet >= LONG_GAP {
            // Nothing lies there to be stretched, so the drift over the gap is made up at once. A
            // packet is never early: if it seems so, that much was not drift.
            let offset = expected.min(delay).max(end - timestamp as i64);
            self.offsets.push(timestamp, offset);
        }
        if quiet >= LONG_GAP || (quiet >= GAP && late > PAUSED) {
            self.delay = LeastDelay::new(clock, delay);
            self.after_gap = AfterGap::Learning;
        }
        self.delay.note(clock, delay);
        self.drift.note(clock, &self.delay);
        self.follow(clock, end, delay)
    }

    /// The offset follows the least delay.
    fn follow(&mut self, clock: i64, end: i64, delay: i64) -> Option<Placement> {
        let error = self.delay.least() - self.offsets.latest();
        let settled = self.delay.age(clock) >= SLOT;
        if settled {
            let before = core::mem::replace(&mut self.after_gap, AfterGap::Settled);
            if before == AfterGap::Learning && error > PAUSED {
                self.jump_to(behind(clock, end), clock, delay);
                return self.placement(0, true);
            }
        }
        // That all come late is only known after a while; that one came early is known at once.
        let wait = error.abs() <= FAST_ABOVE && self.timestamp < self.correct_from;
        let early_or_settled = error < 0 || settled;
        if error.abs() <= DEAD_BAND
            || wait
            || !early_or_settled
            || self.samples < SHORTEST_STRETCHED
        {
            return self.placement(0, false);
        }
        let most = if error.abs() > FASTEST_ABOVE {
            i64::from(MOST_ADJUST)
        } else {
            1
        };
        let adjust = error.signum() * most;
        let offset = self.offsets.latest() + adjust;
        self.offsets
            .push(self.timestamp + u64::from(self.samples), offset);
        self.correct_from = self.timestamp + SLOW_PACE as u64;
        self.placement(adjust as i8, false)
    }

    /// A packet that others overtook, or one that came twice.
    fn straggler(&self, clock: i64, heard: Heard) -> Option<Placement> {
        let sequence = extend16(heard.sequence, self.sequence);
        let timestamp = extend32(heard.timestamp, self.timestamp);
        let position = timestamp as i64 + self.offsets.at(timestamp);
        let fits = sequence >= self.since
            && timestamp <= self.timestamp
            && (clock - position).abs()
                <= i64::from(MAX_MISORDER) * i64::from(self.samples.max(160));
        let position = u64::try_from(position).ok().filter(|_| fits)?;
        Some(Placement {
            position,
            adjust: 0,
            jump: false,
        })
    }

    /// Sets the newest packet at `position` and forgets what was learned of the old run.
    fn jump_to(&mut self, position: i64, clock: i64, delay: i64) {
        self.offsets = Offsets::new(position - self.timestamp as i64);
        self.since = self.sequence;
        self.correct_from = self.timestamp;
        self.delay = LeastDelay::new(clock, delay);
        self.after_gap = AfterGap::Settled;
        self.drift = Drift::default();
    }

    /// Puts the extended timestamp back to its beginning, so that no row of leaps carries it out of
    /// its 64 bits. The position stays.
    fn rebase(&mut self, timestamp: u32) {
        let moved = FIRST | u64::from(timestamp);
        let by = self.timestamp as i64 - moved as i64;
        self.timestamp = moved;
        self.correct_from = moved;
        self.offsets = Offsets::new(self.offsets.latest() + by);
        self.delay.shift(by);
    }

    fn placement(&self, adjust: i8, jump: bool) -> Option<Placement> {
        let position = u64::try_from(self.position()).ok()?;
        Some(Placement {
            position,
            adjust,
            jump,
        })
    }
}

/// Where a stream set by arrival begins: at its arrival, or right behind what ended there, when
/// that lies over it by little.
fn behind(clock: i64, end: i64) -> i64 {
    if (0..=OVERLAP).contains(&(end - clock)) {
        end
    } else {
        clock
    }
}

/// The offset from timestamp to position, and its last values, since a straggler belongs to the
/// one of its own time.
#[derive(Clone, Debug)]
struct Offsets {
    /// (first timestamp, offset), oldest first.
    steps: [(u64, i64); OFFSETS_KEPT],
    used: usize,
}

impl Offsets {
    fn new(offset: i64) -> Offsets {
        Offsets {
            steps: [(0, offset); OFFSETS_KEPT],
            used: 1,
        }
    }
    fn latest(&self) -> i64 {
        self.steps[self.used - 1].1
    }
    fn push(&mut self, from: u64, offset: i64) {
        if self.used == OFFSETS_KEPT {
            self.steps.rotate_left(1);
            self.used -= 1;
        }
        self.steps[self.used] = (from, offset);
        self.used += 1;
    }
    fn at(&self, timestamp: u64) -> i64 {
        let steps = &self.steps[..self.used];
        let step = steps.iter().rev().find(|(from, _)| *from <= timestamp);
        step.unwrap_or(&steps[0]).1
    }
}

/// The least delay (arrival less timestamp) of the last [`SLOTS`] slots.
#[derive(Clone, Debug)]
struct LeastDelay {
    began: i64,
    /// Number of the slot of the latest packet, from `began`.
    slot: i64,
    least: [i64; SLOTS],
}

impl LeastDelay {
    fn new(clock: i64, delay: i64) -> LeastDelay {
        let mut least = [i64::MAX; SLOTS];
        least[0] = delay;
        LeastDelay {
            began: clock,
            slot: 0,
            least,
        }
    }
    fn note(&mut self, clock: i64, delay: i64) {
        let slot = self.age(clock) / SLOT;
        for passed in self.slot + 1..=slot.min(self.slot + SLOTS as i64) {
            self.least[passed as usize % SLOTS] = i64::MAX;
        }
        self.slot = slot;
        let least = &mut self.least[slot as usize % SLOTS];
        *least = delay.min(*least);
    }
    fn least(&self) -> i64 {
        self.least.into_iter().min().expect("there are slots")
    }
    /// All delays of before, as seen from a timestamp that is `by` less.
    fn shift(&mut self, by: i64) {
        for least in self.least.iter_mut().filter(|l| **l != i64::MAX) {
            *least += by;
        }
    }
    fn age(&self, clock: i64) -> i64 {
        (clock - self.began).max(0)
    }
}

/// How fast the least delay has moved: the two clocks against each other.
#[derive(Clone, Debug, Default)]
struct Drift {
    /// The first full window's (clock, least delay).
    first: Option<(i64, i64)>,
    last: (i64, i64),
}

impl Drift {
    fn note(&mut self, clock: i64, delay: &LeastDelay) {
        if delay.age(clock) < SLOTS as i64 * SLOT || clock - self.last.0 < SLOT {
            return;
        }
        self.last = (clock, delay.least());
        self.first.get_or_insert(self.last);
    }
    /// What it amounts to over `span`.
    fn over(&self, span: i64) -> i64 {
        let Some(first) = self.first else { return 0 };
        let (seen, moved) = (self.last.0 - first.0, self.last.1 - first.1);
        if span < LONG_GAP || seen < DRIFT_SPAN || moved.abs() > seen / DRIFT_LIMIT {
            return 0;
        }
        (i128::from(moved) * i128::from(span) / i128::from(seen)) as i64
    }
}

#[cfg(test)]
mod tests {
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
            let heard = Heard {
                ssrc,
                sequence,
                timestamp,
                samples: PACKET,
            };
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

    #[test]
    fn an_hour_500_ppm_off_stays_within_5_ms() {
        for ppm in [-500, 0, 500] {
            let (mut peer, mut placer) = (Peer::new(ppm), Placer::new(Time::ZERO));
            let (start, jumps) = run(&mut peer, &mut placer, 250);
            assert!(start <= 30.0 && jumps == 1, "{start} ms, {jumps} jumps");
            let (worst, jumps) = run(&mut peer, &mut placer, 180_000);
            assert!(
                worst < 5.0 && jumps == 0,
                "{ppm} ppm: {worst} ms, {jumps} jumps"
            );
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
            assert!(
                worst < 20.0 && jumps == 0,
                "after {gap}: {worst} ms, {jumps} jumps"
            );
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
        assert!(
            worst <= 31.0 && jumps == 1 && more == 0,
            "{worst} ms, {jumps} jumps"
        );
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
        let heard = Heard {
            ssrc: 1,
            sequence: 10,
            timestamp: 1_600,
            samples: PACKET,
        };
        assert_eq!(
            placer
                .place(Time::from_millis(1_000), heard)
                .unwrap()
                .position,
            0
        );
        let before = Heard {
            sequence: 9,
            timestamp: 1_440,
            ..heard
        };
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
}
