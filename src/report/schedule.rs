//! Which reports are to be made now (R25): each once, after the day, week or month that it is of.
//!
//! ```text
//!   … ──│── Monday ──│── Tuesday ──┬──│── Wednesday       now, on Tuesday at 03:30:
//!       00:00        00:00         03:30                  Monday's is due, and those before it that are missing
//! ```
//!
//! What is kept says what was made: no second book is kept of that, so that a restart in the middle makes none twice and
//! leaves none out. Knows no files and no clock.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::period::{By, Period, period};

/// Reports of spans that were missed, as while Belfry was off, at most: as many as a month has days.
pub const MOST_MISSED: usize = 31;

/// When a report is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// After which span.
    pub each: By,
    /// At which minute of the day.
    pub minute: u16,
}

impl Schedule {
    /// When the report of a span is due, milliseconds since 1970; `None`: never.
    pub fn due_at(&self, span: &Period, zone: &TimeZone) -> Option<i64> {
        let end = Timestamp::from_millisecond(span.until).ok()?.to_zoned(zone.clone());
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        let at = end.date().at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
        Some(at.timestamp().as_millisecond())
    }

    /// The spans whose reports are due and not there, the oldest first, given the labels of those that are. The first
    /// time it is the last span alone: what was before is not missed.
    pub fn due<'k>(
        &self,
        kept: impl Iterator<Item = &'k str> + Clone,
        now: i64,
        zone: &TimeZone,
    ) -> Vec<Period> {
        let mut span = self.last_before(now, zone);
        let mut due = Vec::new();
        while due.len() < MOST_MISSED && !kept.clone().any(|own| own == span.label) {
            let former = kept.clone().any(|own| self.is_before(own, &span.label));
            let before = period(self.each, span.from.saturating_sub(1), zone);
            due.push(span);
            if !former {
                break;
            }
            span = before;
        }
        due.reverse();
        due
    }

    /// The last span whose report is due.
    fn last_before(&self, now: i64, zone: &TimeZone) -> Period {
        let mut span = period(self.each, now, zone);
        // The one that goes on is not over; the one before it may be due later today.
        while self.due_at(&span, zone).is_none_or(|at| at > now) {
            span = period(self.each, span.from.saturating_sub(1), zone);
        }
        span
    }

    /// When the next one is due after `now`, milliseconds since 1970.
    pub fn next(&self, now: i64, zone: &TimeZone) -> Option<i64> {
        let last = self.last_before(now, zone);
        self.due_at(&period(self.each, last.until, zone), zone)
    }

    /// The labels that may go: of spans before that of `first`, milliseconds since 1970. The last that was due stays,
    /// however short reports are kept: it would be made again.
    pub fn old<'k>(
        &self,
        kept: impl Iterator<Item = &'k str>,
        (first, now): (i64, i64),
        zone: &TimeZone,
    ) -> Vec<&'k str> {
        let oldest = period(self.each, first, zone).label.min(self.last_before(now, zone).label);
        kept.filter(|own| self.is_before(own, &oldest)).collect()
    }

    /// Whether a label is of this schedule, and before another: those of one kind are in the order of the calendar.
    fn is_before(&self, own: &str, other: &str) -> bool {
        self.names(own) && own < other
    }

    /// Whether a label is of a span of this kind.
    pub fn names(&self, label: &str) -> bool {
        let form = match self.each {
            By::Day => "0000-00-00",
            By::Week => "0000-W00",
            By::Month => "0000-00",
            By::Quarter => "0000-Q0",
            By::Year => "0000",
            By::Interval | By::Hour | By::Total => return false,
        };
        let fits =
            |(form, own): (u8, u8)| if form == b'0' { own.is_ascii_digit() } else { form == own };
        form.len() == label.len() && form.bytes().zip(label.bytes()).all(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone() -> TimeZone {
        TimeZone::get("Asia/Shanghai").expect("a zone")
    }
    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a time").as_millisecond()
    }
    fn labels(each: By, kept: &[&str], now: &str) -> Vec<String> {
        let due = Schedule { each, minute: 210 }.due(kept.iter().copied(), at(now), &zone());
        due.into_iter().map(|span| span.label).collect()
    }

    #[test]
    fn a_day_is_reported_once_at_its_hour_on_the_next() {
        let early = "2026-11-24T03:29:59+08:00";
        assert_eq!(labels(By::Day, &[], early), ["2026-11-22"], "the first time: the last alone");
        assert_eq!(labels(By::Day, &["2026-11-22"], early), Vec::<String>::new());
        let due = "2026-11-24T03:30:00+08:00";
        assert_eq!(labels(By::Day, &["2026-11-22"], due), ["2026-11-23"]);
        assert_eq!(labels(By::Day, &["2026-11-22", "2026-11-23"], due), Vec::<String>::new());
        // It was off for some days; one of another kind of span is none of its own.
        let missed = ["2026-11-21", "2026-11-22", "2026-11-23"];
        assert_eq!(labels(By::Day, &["2026-11-20", "2026-10", "2026-W40"], due), missed);
        assert_eq!(labels(By::Day, &["2026-01-01"], due).len(), MOST_MISSED);
    }

    #[test]
    fn longer_spans_are_over_first() {
        let monday = "2026-11-23T04:00:00+08:00";
        assert_eq!(labels(By::Week, &[], monday), ["2026-W47"]);
        assert_eq!(labels(By::Month, &[], monday), ["2026-10"]);
        assert_eq!(labels(By::Month, &["2026-Q3"], "2026-12-01T03:00:00+08:00"), ["2026-10"]);
        assert_eq!(labels(By::Month, &["2026-10"], "2026-12-01T03:30:00+08:00"), ["2026-11"]);
        assert_eq!(labels(By::Quarter, &[], monday), ["2026-Q3"]);
        assert_eq!(labels(By::Year, &[], monday), ["2025"]);
    }

    #[test]
    fn the_next_is_told_and_old_ones_go() {
        let daily = Schedule { each: By::Day, minute: 210 };
        let next = |now| daily.next(at(now), &zone());
        assert_eq!(next("2026-11-24T03:29:00+08:00"), Some(at("2026-11-24T03:30:00+08:00")));
        assert_eq!(next("2026-11-24T03:30:00+08:00"), Some(at("2026-11-25T03:30:00+08:00")));
        let first = at("2026-10-24T00:00:00+08:00");
        let kept = ["2026-10-23", "2026-10-24", "2026-W01", "notes"];
        assert_eq!(
            daily.old(kept.into_iter(), (first, first + 40 * 86_400_000), &zone()),
            ["2026-10-23"]
        );
    }

    proptest! {
        /// Whatever the hour and the zone's changes of clock: what was made is not made again, and the next time comes.
        #[test]
        fn none_is_made_twice(
            days in 0i64..20_000, second in 0i64..86_400, minute in 0u16..1_440, kind in 0usize..5,
        ) {
            let each = [By::Day, By::Week, By::Month, By::Quarter, By::Year][kind];
            let zone = TimeZone::get("Europe/Berlin").expect("a zone");
            let schedule = Schedule { each, minute };
            let now = (days * 86_400 + second) * 1_000;
            let due = schedule.due([].into_iter(), now, &zone);
            prop_assert_eq!(due.len(), 1);
            prop_assert!(due[0].until <= now && schedule.names(&due[0].label));
            let kept = [due[0].label.as_str()];
            prop_assert!(schedule.due(kept.into_iter(), now, &zone).is_empty());
            prop_assert!(schedule.old(kept.into_iter(), (now, now), &zone).is_empty(), "it would come again");
            let next = schedule.next(now, &zone).expect("a time");
            prop_assert!(next > now);
            let then = schedule.due(kept.into_iter(), next, &zone);
            prop_assert_eq!(then.len(), 1);
            prop_assert_eq!(then[0].from, due[0].until);
        }
    }
}
