//! Rules for alarms that no single fact shows: several within a while, something that did not follow in time, a
//! clock that leapt, a backlog that stays, audio that is late again and again.

use std::collections::{BTreeMap, VecDeque};

use crate::base::{Duration, Now, Time};

/// Raised when something happens several times within a while, over when it has not happened for as long.
#[derive(Debug)]
pub struct Burst {
    times: usize,
    within: Duration,
    seen: VecDeque<Time>,
    raised: bool,
}

impl Burst {
    /// So many times within this.
    pub fn new(times: usize, within: Duration) -> Burst {
        Burst { times, within, seen: VecDeque::new(), raised: false }
    }

    /// It has happened.
    pub fn seen(&mut self, now: Time) {
        if self.seen.len() >= self.times {
            self.seen.pop_front();
        }
        self.seen.push_back(now);
    }

    /// Raised (true) or over (false), once each.
    pub fn look(&mut self, now: Time) -> Option<bool> {
        let recent = |at: &Time| now.since(*at) < self.within;
        let turn = match self.raised {
            false => self.seen.len() >= self.times && self.seen.iter().all(recent),
            true => !self.seen.iter().any(recent),
        };
        turn.then(|| {
            self.raised = !self.raised;
            self.raised
        })
    }
}

/// Whether what is expected of people follows in time.
#[derive(Debug, Default)]
pub struct Unattended {
    /// By whose it is: its case, by when, whether that was said.
    open: BTreeMap<String, (Option<u64>, Time, bool)>,
}

/// Those that are waited for at once; beyond them the queue of cases itself is what to look at.
const MOST_OPEN: usize = 10_000;

impl Unattended {
    /// Somebody has to see to it by `until`.
    pub fn expect(&mut self, whose: &str, case: Option<u64>, until: Time) {
        if self.open.len() < MOST_OPEN {
            self.open.entry(whose.to_owned()).or_insert((case, until, false));
        }
    }

    /// It is settled. True: its alarm is over.
    pub fn over(&mut self, whose: &str) -> bool {
        self.open.remove(whose).is_some_and(|(_, _, raised)| raised)
    }

    /// Somebody sees to that case. Gives whose, if its alarm is over.
    pub fn seen_to(&mut self, case: u64) -> Option<String> {
        let found = self.open.iter().find(|(_, (of, ..))| *of == Some(case));
        let whose = found.map(|(whose, _)| whose.clone())?;
        self.over(&whose).then_some(whose)
    }

    /// All of that case is settled. Gives whose alarms are over.
    pub fn settled(&mut self, case: u64) -> Vec<String> {
        let own = self.open.iter().filter(|(_, (of, ..))| *of == Some(case));
        let own: Vec<String> = own.map(|(whose, _)| whose.clone()).collect();
        own.into_iter().filter(|whose| self.over(whose)).collect()
    }

    /// Whose time is over now; each once, and at most so many: the rest the next time.
    pub fn due(&mut self, now: Time, most: usize) -> Vec<String> {
        let late = self.open.iter_mut().filter(|(_, (_, until, raised))| !raised && *until <= now);
        late.take(most)
            .map(|(whose, (.., raised))| {
                *raised = true;
                whose.clone()
            })
            .collect()
    }
}

/// Whether the calendar goes on as time does.
#[derive(Debug, Default)]
pub struct ClockWatch {
    last: Option<Now>,
    /// While its alarm stands: when the last step was, and how many were told.
    raised: Option<(Time, u32)>,
}

/// A calendar that is off by so much between two looks has been set.
const STEP_MS: i64 = 2_000;
/// Its alarm is over so long after the last step.
const CLOCK_CALM: Duration = Duration::from_secs(600);
/// Steps that are told while one alarm stands: a clock that leaps every second is one fault, not a thousand.
const MOST_STEPS: u32 = 20;

/// What a look at the clock has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// It was set by so many milliseconds.
    Stepped(i64),
    /// It was set once more, by so many, while the alarm of an earlier time stands.
    SteppedAgain(i64),
    /// It has gone on well for a while.
    Calm,
}

impl ClockWatch {
    /// To be asked every second or so.
    pub fn look(&mut self, now: Now) -> Option<Clock> {
        let last = self.last.replace(now)?;
        let passed = i64::try_from(now.at.since(last.at).as_millis()).unwrap_or(i64::MAX);
        let step = (now.wall.0 - last.wall.0).saturating_sub(passed);
        if step.abs() >= STEP_MS {
            let told = self.raised.map_or(0, |(_, told)| told);
            self.raised = Some((now.at, (told + 1).min(MOST_STEPS)));
            return match told {
                0 => Some(Clock::Stepped(step)),
                MOST_STEPS.. => None,
                _ => Some(Clock::SteppedAgain(step)),
            };
        }
        self.raised.take_if(|(at, _)| now.at.since(*at) >= CLOCK_CALM).map(|_| Clock::Calm)
    }
}

/// Whether a backlog stays above a bound; over when it is below a tenth of that.
#[derive(Debug)]
pub struct Backlog {
    most: u64,
    within: Duration,
    above_since: Option<Time>,
    raised: bool,
}

impl Backlog {
    /// More than so much for so long.
    pub fn new(most: u64, within: Duration) -> Backlog {
        Backlog { most, within, above_since: None, raised: false }
    }

    /// Raised (true) or over (false), once each.
    pub fn look(&mut self, now: Time, amount: u64) -> Option<bool> {
        if amount > self.most {
            let since = *self.above_since.get_or_insert(now);
            let late = !self.raised && now.since(since) >= self.within;
            self.raised |= late;
            return late.then_some(true);
        }
        self.above_since = None;
        let over = self.raised && amount <= self.most / 10;
        self.raised &= !over;
        over.then_some(false)
    }
}

/// What an RTP worker has counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticks {
    /// Its name: `rtp-0`.
    pub worker: String,
    /// Ticks since the start that came more than 10 ms late.
    pub late: u64,
    /// Whether it has a leg: without one nobody hears it.
    pub heard: bool,
}

/// Whether audio is late again and again: something else takes the processor. One late tick is no harm, and a start, a
/// reload or a back-up may bring some seconds of them.
#[derive(Debug, Default)]
pub struct LateAudio {
    /// What each worker had counted at the last look.
    before: BTreeMap<String, u64>,
    /// The seconds in which ticks were late, with the worker that had most of them and how many.
    late: VecDeque<(Time, String, u64)>,
    raised: bool,
}

/// Audio is late when in so many seconds of a window there were late ticks; it is in time again when there were none in
/// such a window.
const LATE_SECONDS: usize = 20;
const LATE_WITHIN: Duration = Duration::from_secs(30);

impl LateAudio {
    /// To be asked every second or so. Raised (true) or over (false), once each, and what is known of it.
    pub fn look(&mut self, now: Time, workers: &[Ticks]) -> Option<(bool, String)> {
        let mut worst: Option<(&str, u64)> = None;
        for Ticks { worker, late, heard } in workers {
            let before = self.before.insert(worker.clone(), *late).unwrap_or(*late);
            let more = late.saturating_sub(before);
            if *heard && more > worst.map_or(0, |(_, most)| most) {
                worst = Some((worker, more));
            }
        }
        if let Some((worker, ticks)) = worst {
            self.late.push_back((now, worker.to_owned(), ticks));
        }
        let old = |(at, ..): &(Time, String, u64)| now.since(*at) >= LATE_WITHIN;
        while self.late.front().is_some_and(old) {
            self.late.pop_front();
        }
        let turn = match self.raised {
            false => self.late.len() >= LATE_SECONDS,
            true => self.late.is_empty(),
        };
        turn.then(|| {
            self.raised = !self.raised;
            (self.raised, self.detail())
        })
    }

    fn detail(&self) -> String {
        let Some((_, worker, _)) = self.late.iter().max_by_key(|(_, _, ticks)| *ticks) else {
            return String::new();
        };
        let (seconds, of) = (self.late.len(), LATE_WITHIN.as_secs());
        let ticks: u64 = self.late.iter().map(|(_, _, ticks)| *ticks).sum();
        format!("{worker}: {ticks} ticks more than 10 ms late, in {seconds} of {of} seconds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Wall;

    fn at(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn three_within_ten_minutes_are_a_burst() {
        let mut burst = Burst::new(3, Duration::from_secs(600));
        for second in [0, 10, 601] {
            burst.seen(at(second));
            assert_eq!(burst.look(at(second)), None, "{second}");
        }
        burst.seen(at(602));
        assert_eq!(burst.look(at(602)), Some(true));
        burst.seen(at(700));
        assert_eq!([burst.look(at(700)), burst.look(at(1_299))], [None, None]);
        assert_eq!([burst.look(at(1_300)), burst.look(at(1_301))], [Some(false), None]);
    }

    /// R29: what takes the processor for long is an alarm; what takes it for a moment is none.
    #[test]
    fn audio_that_is_late_for_long_is_told_once_and_its_end_once() {
        let ticks = |late, heard| {
            let of = |worker: &str, late| Ticks { worker: worker.into(), late, heard };
            [of("rtp-0", 3), of("rtp-1", late)]
        };
        // A start: what was counted before the first look is not of this second.
        let mut audio = LateAudio::default();
        assert_eq!(audio.look(at(0), &ticks(5_000, true)), None);
        // Each second for a while, and then not: no alarm. One tick now and then: none, either.
        let mut late = 5_000;
        for second in 1..600 {
            late += u64::from(second < 12 || second % 3 == 0);
            assert_eq!(audio.look(at(second), &ticks(late, true)), None, "{second}");
        }
        // Without a leg nobody hears it.
        for second in 600..700 {
            late += 7;
            assert_eq!(audio.look(at(second), &ticks(late, false)), None);
        }
        let mut told = Vec::new();
        for second in 700..800 {
            late += if second < 740 { 2 } else { 0 };
            told.extend(audio.look(at(second), &ticks(late, true)).map(|news| (second, news)));
        }
        let detail = "rtp-1: 40 ticks more than 10 ms late, in 20 of 30 seconds".to_owned();
        let over = String::new();
        assert_eq!(told, [(719, (true, detail)), (769, (false, over))]);
    }

    #[test]
    fn what_nobody_sees_to_in_time_is_told_once() {
        let mut open = Unattended::default();
        open.expect("0760", Some(7), at(600));
        open.expect("0761", Some(8), at(600));
        assert!(open.due(at(599), 9).is_empty());
        assert!(!open.over("0761"), "seen to in time: there was no alarm");
        assert_eq!(open.due(at(600), 9), ["0760"]);
        assert!(open.due(at(601), 9).is_empty());
        assert_eq!(open.seen_to(9), None);
        assert_eq!(open.seen_to(7), Some("0760".into()));
        assert_eq!(open.seen_to(7), None);
    }

    #[test]
    fn each_step_of_the_clock_is_told_and_a_drifting_one_not() {
        let mut watch = ClockWatch::default();
        let mut look = |at_ms: u64, wall: i64| {
            watch.look(Now { at: Time::from_millis(at_ms), wall: Wall(wall) })
        };
        assert_eq!(look(0, 1_000_000), None);
        assert_eq!(look(1_000, 1_001_900), None, "less than two seconds: smeared by NTP");
        assert_eq!(look(2_000, 900_000), Some(Clock::Stepped(-102_900)));
        let again = look(3_000, 1_000_000);
        assert_eq!(again, Some(Clock::SteppedAgain(99_000)), "its alarm stands");
        assert_eq!(look(602_999, 1_599_999), None);
        assert_eq!(look(603_000, 1_600_000), Some(Clock::Calm));
        assert_eq!(look(604_000, 2_000_000), Some(Clock::Stepped(399_000)));
        let leaps = (605..705).filter_map(|s: u64| look(s * 1_000, s as i64 * 1_000_000));
        assert_eq!(leaps.count(), MOST_STEPS as usize - 1, "as many as are told of one alarm");
    }

    #[test]
    fn a_backlog_that_stays_is_raised_and_one_that_passes_not() {
        let mut backlog = Backlog::new(10_000, Duration::from_secs(60));
        assert_eq!(backlog.look(at(0), 20_000), None);
        assert_eq!(backlog.look(at(30), 10_000), None);
        assert_eq!(backlog.look(at(60), 20_000), None, "counted anew");
        assert_eq!(backlog.look(at(120), 20_000), Some(true));
        assert_eq!(backlog.look(at(121), 20_000), None);
        assert_eq!(backlog.look(at(122), 1_001), None);
        assert_eq!(backlog.look(at(123), 1_000), Some(false));
    }
}
