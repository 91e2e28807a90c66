//! The day's figures, live: the same ledger as the database's, fed by the same facts, kept from midnight on
//! or from the start of the process. What they mean is [`report`](crate::report)'s.

use jiff::tz::TimeZone;

use crate::base::Duration;
use crate::config;
use crate::report::period::{By, period};
use crate::report::{Book, Formula, Kind, Ledger, Measure, Subject, figures};

use super::Switch;
use super::console::QueueDay;
use super::fact::Fact;

/// The figures of the day.
#[derive(Debug, Default)]
pub(super) struct Live {
    ledger: Ledger,
    book: Book,
    /// When the day is over, milliseconds since 1970.
    until: i64,
}

impl Live {
    /// Counts a fact; with the first one of a day what was before it is forgotten.
    pub(super) fn take(&mut self, fact: &Fact, zone: &TimeZone) {
        if fact.wall.0 >= self.until {
            let day = period(By::Day, fact.wall.0, zone);
            self.until = day.until;
            self.book.forget_before(day.from);
        }
        self.ledger.take(fact.wall, fact.happened());
        self.ledger.forget_changes();
        for delta in self.ledger.drain() {
            self.book.add(delta);
        }
    }

    /// All that is counted.
    #[cfg(test)]
    pub(super) fn book(&self) -> &Book {
        &self.book
    }
}

impl Switch {
    /// What a queue has had today.
    pub(super) fn queue_day(&self, queue: &str) -> QueueDay {
        let day = self.figures.book.since(&Subject::new(Kind::Queue, queue), i64::MIN);
        let acd = &self.config.acd;
        let formula = formula(acd.service_formula);
        let (threshold, short) = (seconds(acd.service_level), seconds(acd.short_abandon));
        let speed = figures::speed_of_answer(&day);
        QueueDay {
            entered: day.get(Measure::Entered),
            answered: day.get(Measure::Answered),
            abandoned: day.get(Measure::Abandoned),
            service_level: formula.level(&day, threshold, short).value(),
            formula: formula.name().to_owned(),
            threshold_s: threshold,
            speed_of_answer_ms: speed.part.checked_div(speed.of),
            max_wait_ms: day.get(Measure::MaxWaitMs),
        }
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

    #[test]
    fn every_word_of_the_configuration_is_a_formula() {
        for (word, name) in config::choice::Formula::ALL {
            assert_eq!(formula(*word).name(), *name);
        }
        assert_eq!(config::choice::Formula::ALL.len(), Formula::ALL.len());
    }
}
