//! The day's figures, live: the same ledger as the database's, fed by the same facts, kept from midnight on.
//! What they mean is [`report`](crate::report)'s.
//!
//! ```text
//!   before the start ─── fact 40 ──┊── 41 start ─── 57 ─── 90 now
//!   records, as of fact 57:  ├─────┊───────────────┤
//!   own, since the start:          ┊├──────────────┤─ kept ─┤     the queues' day: the first, and what is kept
//! ```
//!
//! Until the records are told, which may be long after the start where the database is away, it is the day since the start.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::base::Duration;
use crate::config;
#[cfg(test)]
use crate::report::book::Book;
use crate::report::period::{By, period};
use crate::report::{Delta, Formula, Kind, Ledger, Measure, Subject, Tally, figures};

use super::Switch;
use super::console::QueueDay;
use super::fact::Fact;

/// What is counted for queues between the start and the records' word at most: some hours of a busy house.
const MOST_UNTOLD: usize = 100_000;

/// What the records have counted for queues, up to a fact.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DaySoFar {
    /// The fact's number.
    pub seq: u64,
    /// What was counted, of a day at least.
    pub rows: Vec<Delta>,
}

/// The figures of the day.
#[derive(Debug)]
pub(super) struct Live {
    ledger: Ledger,
    day: Day,
    /// What was counted for queues, by the number of its fact, until the records are told; `None`: they were, or it
    /// is too much.
    untold: Option<Vec<(u64, Delta)>>,
}

/// What each has had of a day: added up as it comes, for a wallboard asks each few seconds while calls wait.
#[derive(Debug)]
struct Day {
    tallies: BTreeMap<Subject, Tally>,
    #[cfg(test)]
    book: Book,
    /// When it began and when it is over, milliseconds since 1970.
    from: i64,
    until: i64,
}

impl Default for Live {
    fn default() -> Live {
        let day = Day {
            tallies: BTreeMap::new(),
            #[cfg(test)]
            book: Book::default(),
            from: i64::MIN,
            until: i64::MIN,
        };
        Live { ledger: Ledger::default(), day, untold: Some(Vec::new()) }
    }
}

impl Live {
    /// Counts a fact; with the first one of a day what was before it is forgotten. That holds for a clock that is set back,
    /// too: what it called today was none.
    pub(super) fn take(&mut self, fact: &Fact, zone: &TimeZone) {
        if !(self.day.from..self.day.until).contains(&fact.wall.0) {
            let day = period(By::Day, fact.wall.0, zone);
            self.day.begin((day.from, day.until));
        }
        self.ledger.take(fact.wall, fact.happened());
        self.ledger.forget_changes();
        for delta in self.ledger.drain() {
            if let Some(untold) = &mut self.untold
                && delta.subject.kind == Kind::Queue
            {
                untold.push((fact.seq, delta.clone()));
            }
            self.day.add(delta);
        }
        self.untold.take_if(|untold| untold.len() > MOST_UNTOLD);
    }

    /// The records have counted so much up to a fact, which is one of this process: with what came after it, that is the
    /// queues' day.
    pub(super) fn told(&mut self, day: DaySoFar) {
        let Some(untold) = self.untold.take() else { return };
        self.day.forget(Kind::Queue);
        let since = untold.into_iter().filter(|(seq, _)| *seq > day.seq).map(|(_, delta)| delta);
        for delta in day.rows.into_iter().chain(since) {
            self.day.add(delta);
        }
    }

    /// What one has had today; none: nothing.
    fn today(&self, kind: Kind, name: &str) -> Option<&Tally> {
        self.day.tallies.get(&Subject::new(kind, name))
    }

    /// All that is counted.
    #[cfg(test)]
    pub(super) fn book(&self) -> &Book {
        &self.day.book
    }
}

impl Day {
    fn add(&mut self, delta: Delta) {
        #[cfg(test)]
        self.book.add(delta.clone());
        // The part of a state that lasted over midnight is the day's before.
        if delta.start >= self.from {
            self.tallies.entry(delta.subject).or_default().add(delta.measure, delta.value);
        }
    }

    /// Nothing has been counted of such as these.
    fn forget(&mut self, kind: Kind) {
        self.tallies.retain(|subject, _| subject.kind != kind);
        #[cfg(test)]
        self.book.forget(kind);
    }

    /// Another day begins.
    fn begin(&mut self, (from, until): (i64, i64)) {
        (self.from, self.until) = (from, until);
        self.tallies.clear();
        #[cfg(test)]
        self.book.forget_before(from);
    }
}

impl Switch {
    /// What a queue has had today.
    pub(super) fn queue_day(&self, queue: &str) -> QueueDay {
        let none = Tally::default();
        let day = self.figures.today(Kind::Queue, queue).unwrap_or(&none);
        let acd = &self.config.acd;
        let formula = formula(acd.service_formula);
        let (threshold, short) = (seconds(acd.service_level), seconds(acd.short_abandon));
        let speed = figures::speed_of_answer(day);
        QueueDay {
            entered: day.get(Measure::Entered),
            answered: day.get(Measure::Answered),
            abandoned: day.get(Measure::Abandoned),
            service_level: formula.level(day, threshold, short).value(),
            formula: formula.name().to_owned(),
            threshold_s: threshold,
            speed_of_answer_ms: speed.part.checked_div(speed.of),
            max_wait_ms: day.get(Measure::MaxWaitMs),
        }
    }

    /// An agent's calls of today, and how long it has talked in them, in milliseconds.
    pub(super) fn agent_day(&self, number: &str) -> (u64, u64) {
        let day = self.figures.today(Kind::Agent, number);
        let talked = |day: &Tally| day.sum(&[Measure::TalkMs, Measure::HoldMs]);
        day.map_or((0, 0), |day| (figures::handled(day), talked(day)))
    }
}

/// Whole seconds.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// The configuration's word for a formula as the figures know it.
fn formula(word: config::choice::Formula) -> Formula {
    Formula::named(word.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Wall};
    use crate::switch::fact::{FactKind, QueueFact};

    fn queue(seq: u64, call: u64, what: QueueFact) -> Fact {
        let call = CallId::new(Wall(1_000), call);
        let kind = FactKind::Queue { queue: "care".into(), call, what };
        Fact { seq, wall: Wall(NOON + seq as i64 * 1_000), kind }
    }

    /// 2026-01-05, 12:00 in UTC.
    const NOON: i64 = 1_767_614_400_000;

    /// Two lives of the process: callers who come, are answered, hang up, and are lost by the restart.
    fn two_lives() -> Vec<Fact> {
        let entered = || QueueFact::Entered { position: 1, priority: 0 };
        let left = || QueueFact::Left { why: "abandoned".into(), waited_ms: 3_000 };
        let agent = || "7001".to_owned();
        let answered = || QueueFact::Answered {
            agent: agent(),
            waited_ms: 9_000,
            rang_ms: 1,
            back: false,
            by: None,
        };
        let over = || QueueFact::TalkOver { agent: agent(), talk_ms: 1_000, up_ms: None };
        let of = |seq| match seq {
            41 => {
                let (version, node) = (String::new(), String::new());
                let kind = FactKind::Started { version, node, lived_ms: 0 };
                Fact { seq, wall: Wall(NOON + seq as i64 * 1_000), kind }
            }
            seq => match seq % 4 {
                0 => queue(seq, seq / 8 * 2, entered()),
                1 => queue(seq, seq / 8 * 2 + 1, entered()),
                2 => queue(seq, seq / 8 * 2, if seq % 8 == 2 { answered() } else { left() }),
                _ => queue(seq, seq / 8 * 2, over()),
            },
        };
        (1..=120).map(of).collect()
    }

    /// Whenever the records are told, and however far they are by then, the day is the one that a process that never
    /// stopped would show.
    #[test]
    fn the_day_goes_on_over_a_restart() {
        let (zone, facts) = (TimeZone::UTC, two_lives());
        let mut of_yesterday = Vec::new();
        let mut records = |upto: u64| {
            let (mut ledger, mut rows) = (Ledger::default(), Vec::new());
            for fact in facts.iter().filter(|fact| fact.seq <= upto) {
                ledger.take(fact.wall, fact.happened());
                rows.extend(ledger.drain().filter(|delta| delta.subject.kind == Kind::Queue));
            }
            of_yesterday.clone_from(&rows);
            for delta in &mut of_yesterday {
                delta.start -= 86_400_000;
            }
            rows.extend(of_yesterday.iter().cloned());
            DaySoFar { seq: upto, rows }
        };
        let day_of = |live: &Live| live.today(Kind::Queue, "care").cloned().unwrap_or_default();
        let mut never_stopped = Live::default();
        facts.iter().for_each(|fact| never_stopped.take(fact, &zone));
        let whole = day_of(&never_stopped);
        assert!(whole.get(Measure::Answered) > 5 && whole.get(Measure::Lost) > 5);
        for (upto, told_at) in [(41, 41), (41, 90), (57, 90), (90, 90), (120, 120)] {
            let mut live = Live::default();
            for fact in facts.iter().filter(|fact| fact.seq > 40) {
                live.take(fact, &zone);
                if fact.seq == told_at {
                    live.told(records(upto));
                }
            }
            assert_eq!(day_of(&live), whole, "as of {upto}, told at {told_at}");
            // Told again, as after a mistake, it stays.
            live.told(records(41));
            assert_eq!(day_of(&live), whole);
        }
    }

    /// A day's figures are added up as facts come, and a new day begins with nothing of the one before.
    #[test]
    fn the_day_is_counted_from_midnight_on() {
        const HOUR: i64 = 3_600_000;
        let mut live = Live::default();
        let mut seq = 0;
        let mut tell = |live: &mut Live, wall: i64, n: u64, what: QueueFact| {
            seq += 1;
            let call = CallId::new(Wall(1_000), n);
            let kind = FactKind::Queue { queue: "care".into(), call, what };
            live.take(&Fact { seq, wall: Wall(wall), kind }, &TimeZone::UTC);
        };
        let day = 20_000 * 24 * HOUR;
        for n in 1..=3 {
            let at = day + n as i64 * HOUR;
            tell(&mut live, at, n, QueueFact::Entered { position: 1, priority: 0 });
            let agent = "7001".to_owned();
            let what =
                QueueFact::Answered { agent, waited_ms: 4_000, rang_ms: 5, back: false, by: None };
            tell(&mut live, at + 4_000, n, what);
            let what = QueueFact::TalkOver { agent: "7001".into(), talk_ms: 60_000, up_ms: None };
            tell(&mut live, at + 64_000, n, what);
        }
        let counts = |live: &Live| {
            let queue = live.today(Kind::Queue, "care").map(|day| day.get(Measure::Answered));
            let agent = live.today(Kind::Agent, "7001").map(figures::handled);
            (queue, agent)
        };
        assert_eq!(counts(&live), (Some(3), Some(3)));
        assert_eq!(live.today(Kind::Queue, "other"), None);
        let whole = live.book().since(&Subject::new(Kind::Queue, "care"), i64::MIN);
        assert_eq!(live.today(Kind::Queue, "care"), Some(&whole), "as of all its quarters");
        tell(&mut live, day + 24 * HOUR, 9, QueueFact::Entered { position: 1, priority: 0 });
        assert_eq!(live.today(Kind::Queue, "care").map_or(0, |day| day.get(Measure::Answered)), 0);
        assert_eq!(live.today(Kind::Agent, "7001"), None);
    }

    /// R18: a clock that was ahead, by a day or by years, and is set right empties no wallboard until then.
    #[test]
    fn a_clock_that_is_set_back_leaves_no_empty_day() {
        for ahead in [1, 400] {
            let mut live = Live::default();
            let mut tell = |seq: u64, what: QueueFact| {
                let days = if seq == 1 { ahead } else { 0 };
                let mut fact = queue(seq, seq, what);
                fact.wall = Wall(fact.wall.0 + days * 86_400_000);
                live.take(&fact, &TimeZone::UTC);
            };
            tell(1, QueueFact::Entered { position: 1, priority: 0 });
            for seq in 2..=4 {
                tell(seq, QueueFact::Entered { position: 1, priority: 0 });
            }
            let entered = live.today(Kind::Queue, "care").map(|day| day.get(Measure::Entered));
            assert_eq!(entered, Some(3), "{ahead}");
        }
    }

    #[test]
    fn every_word_of_the_configuration_is_a_formula() {
        for (word, name) in config::choice::Formula::ALL {
            assert_eq!(formula(*word).name(), *name);
        }
        assert_eq!(config::choice::Formula::ALL.len(), Formula::ALL.len());
    }
}
