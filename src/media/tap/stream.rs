//! One run of sequence numbers of one SSRC: what is believed of its timestamps.

use crate::base::seq::{extend16, extend32};

use super::clock::{Drift, LeastDelay, Offsets, SLOT};
use super::run::EARLIEST;
use super::{Heard, MAX_MISORDER, MOST_ADJUST, MS, Placement};

/// An error of the offset that is let be, samples: 1 ms.
const DEAD_BAND: i64 = MS;
const _: () = assert!(EARLIEST <= DEAD_BAND, "what comes early is corrected at once");
/// A packet so much later than the least delay, samples, says little of the next ones.
const PUNCTUAL: i64 = 20 * MS;
/// Above this error [`MOST_ADJUST`] samples are moved in each block (2.5 % of 20 ms): a stream whose
/// first packet was held up comes right within seconds.
const FASTEST_ABOVE: i64 = 20 * MS;
/// Above this error one sample is moved in each block (0.6 %, inaudible), below it one in
/// [`SLOW_PACE`].
const FAST_ABOVE: i64 = 5 * MS;
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
/// Where extended counters begin: so far from zero that stragglers do not run below it.
const FIRST: u64 = 1 << 40;

/// One run of sequence numbers of one SSRC. All lengths are samples of the call's clock.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) ssrc: u32,
    /// Newest sequence number, extended.
    pub(super) sequence: u64,
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
    pub(super) fn new(clock: i64, heard: Heard, end: i64) -> Stream {
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
    pub(super) fn end(&self) -> i64 {
        let end = self.timestamp + u64::from(self.samples);
        end as i64 + self.offsets.at(end)
    }

    /// A packet newer than all before.
    pub(super) fn next(&mut self, clock: i64, heard: Heard) -> Option<Placement> {
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
        let most = if error.abs() > FASTEST_ABOVE { i64::from(MOST_ADJUST) } else { 1 };
        let adjust = error.signum() * most;
        let offset = self.offsets.latest() + adjust;
        self.offsets.push(self.timestamp + u64::from(self.samples), offset);
        self.correct_from = self.timestamp + SLOW_PACE as u64;
        self.placement(adjust as i8, false)
    }

    /// Whether nothing came for long before `clock`. Of a run that lasts it is not known how long it did.
    pub(super) fn has_gap(&self, clock: i64) -> bool {
        clock - self.arrived >= LONG_GAP
    }

    /// By how much the packet `heard` is late, if it is the newest one, and those that follow are not to be
    /// looked at one by one: nothing is open, and nothing to be corrected.
    pub(super) fn punctual(&self, heard: Heard) -> Option<i64> {
        let offset = self.offsets.latest();
        let late = self.arrived - self.timestamp as i64 - offset;
        let steady = self.after_gap == AfterGap::Settled
            && heard.sequence == self.sequence as u16
            && (self.delay.least() - offset).abs() <= DEAD_BAND
            && (-EARLIEST..=PUNCTUAL).contains(&late);
        steady.then_some(late)
    }

    /// So many packets more came as expected, the newest one at `clock`; at `least` with the least delay.
    pub(super) fn went_on(&mut self, packets: u64, clock: i64, least: i64) {
        self.sequence += packets;
        self.timestamp += packets * u64::from(self.samples);
        self.arrived = clock;
        self.delay.note(clock, least - self.timestamp as i64);
        self.drift.note(clock, &self.delay);
    }

    /// A packet that others overtook, or one that came twice.
    pub(super) fn straggler(&self, clock: i64, heard: Heard) -> Option<Placement> {
        let sequence = extend16(heard.sequence, self.sequence);
        let timestamp = extend32(heard.timestamp, self.timestamp);
        let position = timestamp as i64 + self.offsets.at(timestamp);
        let fits = sequence >= self.since
            && timestamp <= self.timestamp
            && (clock - position).abs()
                <= i64::from(MAX_MISORDER) * i64::from(self.samples.max(160));
        let position = u64::try_from(position).ok().filter(|_| fits)?;
        Some(Placement { position, adjust: 0, jump: false, run: 0 })
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

    pub(super) fn placement(&self, adjust: i8, jump: bool) -> Option<Placement> {
        let position = u64::try_from(self.position()).ok()?;
        Some(Placement { position, adjust, jump, run: 0 })
    }
}

/// Where a stream set by arrival begins: at its arrival, or right behind what ended there, when
/// that lies over it by little.
fn behind(clock: i64, end: i64) -> i64 {
    if (0..=OVERLAP).contains(&(end - clock)) { end } else { clock }
}
