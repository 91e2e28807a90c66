//! Spans of the calendar into which a report gathers quarters of an hour: hours, days, weeks, months, quarters,
//! years, by the node's time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::interval::{INTERVAL_MS, start_of};

/// By what a report has its rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Quarters of an hour.
    Interval,
    /// Hours.
    Hour,
    /// Days.
    Day,
    /// Weeks, from Monday, numbered by ISO 8601.
    Week,
    /// Months.
    Month,
    /// Quarters of a year.
    Quarter,
    /// Years.
    Year,
    /// All in one.
    Total,
}

impl By {
    /// All, with their words.
    pub const ALL: &[(By, &str)] = &[
        (By::Interval, "interval"),
        (By::Hour, "hour"),
        (By::Day, "day"),
        (By::Week, "week"),
        (By::Month, "month"),
        (By::Quarter, "quarter"),
        (By::Year, "year"),
        (By::Total, "total"),
    ];
    /// By its word.
    pub fn named(word: &str) -> Option<By> {
        By::ALL.iter().find(|(_, known)| *known == word).map(|(by, _)| *by)
    }
}

/// A span of the calendar.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Period {
    /// When it begins, milliseconds since 1970.
    pub from: i64,
    /// When it is over.
    pub until: i64,
    /// Its name: `2026-01-05 09:00`, `2026-01-05`, `2026-W02`, `2026-01`, `2026-Q1`, `2026`.
    pub label: String,
}

/// The period in which the interval that begins at `start` lies. A moment that the calendar does not have
/// (beyond the year 9999) is in a period of its own.
pub fn period(by: By, start: i64, zone: &TimeZone) -> Period {
    let at = Timestamp::from_millisecond(start).unwrap_or_default().to_zoned(zone.clone());
    let date = at.date();
    let (first, next, label) = match by {
        By::Interval | By::Hour => {
            let whole = i64::from(at.minute()) * 60_000;
            let (from, until) = match by {
                By::Hour => (start - whole, start - whole + 3_600_000),
                _ => (start_of(start), start_of(start) + INTERVAL_MS),
            };
            let minute = if by == By::Hour { 0 } else { at.minute() };
            let label = format!("{date} {:02}:{minute:02}", at.hour());
            return Period { from, until, label };
        }
        By::Total => return Period { from: i64::MIN, until: i64::MAX, label: String::new() },
        By::Day => (Some(date), date.checked_add(1.day()).ok(), date.to_string()),
        By::Week => {
            let week = date.iso_week_date();
            let back = i64::from(date.weekday().to_monday_zero_offset());
            let first = date.checked_sub(back.days()).ok();
            let next = first.and_then(|first| first.checked_add(7.days()).ok());
            (first, next, format!("{}-W{:02}", week.year(), week.week()))
        }
        By::Month => months(date, 1, format!("{}-{:02}", date.year(), date.month())),
        By::Quarter => months(date, 3, format!("{}-Q{}", date.year(), (date.month() - 1) / 3 + 1)),
        By::Year => months(date, 12, date.year().to_string()),
    };
    let begin = |date: Option<Date>| {
        date.and_then(|date| date.to_zoned(zone.clone()).ok())
            .map(|z| z.timestamp().as_millisecond())
    };
    let from = begin(first).unwrap_or(start);
    Period { from, until: begin(next).unwrap_or(start + INTERVAL_MS), label }
}

/// The span of so many months in which a date lies.
fn months(date: Date, count: i8, label: String) -> (Option<Date>, Option<Date>, String) {
    let month = (date.month() - 1) / count * count + 1;
    let first = Date::new(date.year(), month, 1).ok();
    let next = first.and_then(|first| first.checked_add(i64::from(count).months()).ok());
    (first, next, label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, zone: &TimeZone) -> i64 {
        let civil: jiff::civil::DateTime = text.parse().unwrap();
        civil.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond()
    }

    #[test]
    fn periods_have_their_names_and_bounds() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let start = at("2026-01-05T09:45", &zone);
        for (by, label, from, until) in [
            (By::Interval, "2026-01-05 09:45", "2026-01-05T09:45", "2026-01-05T10:00"),
            (By::Hour, "2026-01-05 09:00", "2026-01-05T09:00", "2026-01-05T10:00"),
            (By::Day, "2026-01-05", "2026-01-05T00:00", "2026-01-06T00:00"),
            (By::Week, "2026-W02", "2026-01-05T00:00", "2026-01-12T00:00"),
            (By::Month, "2026-01", "2026-01-01T00:00", "2026-02-01T00:00"),
            (By::Quarter, "2026-Q1", "2026-01-01T00:00", "2026-04-01T00:00"),
            (By::Year, "2026", "2026-01-01T00:00", "2027-01-01T00:00"),
        ] {
            let (from, until) = (at(from, &zone), at(until, &zone));
            assert_eq!(period(by, start, &zone), Period { from, until, label: label.into() });
        }
        assert_eq!(period(By::Quarter, at("2026-12-31T23:45", &zone), &zone).label, "2026-Q4");
        assert_eq!(period(By::Week, at("2027-01-01T00:00", &zone), &zone).label, "2026-W53");
    }

    #[test]
    fn days_of_23_and_25_hours_are_whole() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (day, hours) in [("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25)] {
            let period = period(By::Day, at(day, &zone), &zone);
            assert_eq!((period.until - period.from) / 3_600_000, hours, "{day}");
        }
    }
}
