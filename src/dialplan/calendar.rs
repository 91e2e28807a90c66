//! Civil time and the conditions on it: week days, hours, dates, holidays.
//!
//! Place: `when = { days = …, hours = …, holiday = … }` in TOML, the time fields of a FreeSWITCH
//! `<condition>`, and `say`. The wall clock and the time zone come from outside.
//!
//! Week days run from Monday = 1 to Sunday = 7 here (ISO 8601); FreeSWITCH counts Sunday = 1 to
//! Saturday = 7 and the XML reader keeps that in [`Field::WeekDay`].

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

use crate::base::Wall;
pub use crate::base::week::{WEEKDAYS, clock, hours, number_set};

/// The civil time of one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Civil {
    at: DateTime,
    epoch_s: i64,
    /// How far the clock is from UTC.
    offset: Offset,
}

impl Civil {
    /// The civil time at `wall` in `zone`. A time outside the years −9999 to 9999 is the epoch.
    pub fn at(wall: Wall, zone: &TimeZone) -> Civil {
        let stamp = Timestamp::from_millisecond(wall.as_millis()).unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = zone.to_offset(stamp);
        Civil { at: offset.to_datetime(stamp), epoch_s: stamp.as_second(), offset }
    }
    /// From a date and time that somebody wrote; its epoch is reckoned as UTC.
    pub fn of(at: DateTime) -> Civil {
        let epoch = TimeZone::UTC.to_timestamp(at).map_or(0, |stamp| stamp.as_second());
        Civil { at, epoch_s: epoch, offset: Offset::UTC }
    }
    /// The date.
    pub fn date(self) -> Date {
        self.at.date()
    }
    /// Year.
    pub fn year(self) -> i16 {
        self.at.year()
    }
    /// Month, 1 to 12.
    pub fn month(self) -> u8 {
        self.at.month() as u8
    }
    /// Day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.at.day() as u8
    }
    /// Day of the week, Monday = 1 to Sunday = 7.
    pub fn weekday(self) -> u8 {
        self.at.weekday().to_monday_one_offset() as u8
    }
    /// Hour, 0 to 23.
    pub fn hour(self) -> u8 {
        self.at.hour() as u8
    }
    /// Minute, 0 to 59.
    pub fn minute(self) -> u8 {
        self.at.minute() as u8
    }
    /// Seconds since midnight.
    pub fn second_of_day(self) -> u32 {
        let at = self.at;
        at.hour() as u32 * 3_600 + at.minute() as u32 * 60 + at.second() as u32
    }
    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn epoch_seconds(self) -> i64 {
        self.epoch_s
    }
    /// By a `strftime` format, in English. What is no conversion stays as it stands, as in C. `%Z`
    /// is the offset: a civil time does not know the name of its zone.
    pub fn format(self, format: &str) -> String {
        let stamp = Timestamp::from_second(self.epoch_s).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = BrokenDownTime::from(&stamp.to_zoned(TimeZone::fixed(self.offset)));
        let lenient = strtime::Config::new().lenient(true);
        time.to_string_with_config(&lenient, format).unwrap_or_default()
    }
}

/// A day or a run of days, in one year or in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Days {
    /// From the first to the second date, both included.
    Dated(Date, Date),
    /// From the first to the second (month, day) of every year, both included; may run over New Year.
    Yearly((u8, u8), (u8, u8)),
}

impl Days {
    /// `2026-10-01`, `2026-10-01..2026-10-07`, `10-01`, `12-24..01-02`.
    pub fn parse(text: &str) -> Result<Days, String> {
        let (from, to) = text.split_once("..").unwrap_or((text, text));
        let (from, to) = (from.trim(), to.trim());
        match (from.parse::<Date>(), to.parse::<Date>()) {
            (Ok(from), Ok(to)) if from <= to => Ok(Days::Dated(from, to)),
            (Ok(_), Ok(_)) => Err(format!("'{text}' ends before it begins")),
            _ => match (month_day(from), month_day(to)) {
                (Some(from), Some(to)) => Ok(Days::Yearly(from, to)),
                _ => Err(format!("'{text}' is not a date")),
            },
        }
    }

    fn hold(self, date: Date) -> bool {
        match self {
            Days::Dated(from, to) => (from..=to).contains(&date),
            Days::Yearly(from, to) => {
                let today = (date.month() as u8, date.day() as u8);
                if from <= to { (from..=to).contains(&today) } else { today >= from || today <= to }
            }
        }
    }
}

/// `MM-DD` of a leap year, so that 02-29 can be named.
fn month_day(text: &str) -> Option<(u8, u8)> {
    let (month, day) = text.split_once('-')?;
    let (month, day): (i8, i8) = (month.parse().ok()?, day.parse().ok()?);
    Date::new(2024, month, day).ok().map(|_| (month as u8, day as u8))
}

/// One condition on the civil time.
#[derive(Clone, PartialEq, Debug)]
pub enum Calendar {
    /// Week days, bit 0 = Monday.
    WeekDays(u8),
    /// Times of day in seconds, from (included) to (not included); may run over midnight.
    Hours(Vec<(u32, u32)>),
    /// Dates.
    Dates(Vec<Days>),
    /// Months, bit 1 = January.
    Months(u16),
    /// Days of the month, bit 1 = the first.
    MonthDays(u32),
    /// A day of one of these holiday lists; every list when none is named.
    Holiday(Vec<String>),
    /// A FreeSWITCH time field: one of the ranges, both ends included.
    Xml(Field, Vec<(i64, i64)>),
}

/// The time fields of FreeSWITCH's `<condition>`, which are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// `year`, four digits.
    Year,
    /// `yday`, 1 to 366.
    YearDay,
    /// `mon`, 1 to 12.
    Month,
    /// `mday`, 1 to 31.
    MonthDay,
    /// `week`, 1 to 53: seven days each from the first of January.
    Week,
    /// `mweek`, 1 to 6: weeks of the month, which begin on Sunday.
    MonthWeek,
    /// `wday`, Sunday = 1 to Saturday = 7.
    WeekDay,
    /// `hour`, 0 to 23.
    Hour,
    /// `minute`, 0 to 59.
    Minute,
    /// `minute-of-day`, 1 to 1440.
    MinuteOfDay,
    /// `time-of-day`, in seconds, the range's end not included.
    TimeOfDay,
    /// `date-time`, in seconds of civil time since 1970, the range's end included.
    DateTime,
}

impl Field {
    /// The field's attribute, its least and its greatest value.
    pub const ALL: [(&'static str, Field, i64, i64); 12] = [
        ("year", Field::Year, 1, 9_999),
        ("yday", Field::YearDay, 1, 366),
        ("mon", Field::Month, 1, 12),
        ("mday", Field::MonthDay, 1, 31),
        ("week", Field::Week, 1, 53),
        ("mweek", Field::MonthWeek, 1, 6),
        ("wday", Field::WeekDay, 1, 7),
        ("hour", Field::Hour, 0, 23),
        ("minute", Field::Minute, 0, 59),
        ("minute-of-day", Field::MinuteOfDay, 1, 1_440),
        ("time-of-day", Field::TimeOfDay, 0, 86_400),
        ("date-time", Field::DateTime, i64::MIN, i64::MAX),
    ];

    fn of(self, now: Civil) -> i64 {
        let year_day = i64::from(now.at.day_of_year());
        let sunday_zero = i64::from(now.at.weekday().to_sunday_zero_offset());
        match self {
            Field::Year => i64::from(now.year()),
            Field::YearDay => year_day,
            Field::Month => i64::from(now.month()),
            Field::MonthDay => i64::from(now.day()),
            Field::Week => (year_day - 1) / 7 + 1,
            Field::MonthWeek => {
                let day = i64::from(now.day());
                let first = (sunday_zero - (day - 1)).rem_euclid(7);
                (day + first + 6) / 7
            }
            Field::WeekDay => sunday_zero + 1,
            Field::Hour => i64::from(now.hour()),
            Field::Minute => i64::from(now.minute()),
            Field::MinuteOfDay => i64::from(now.hour()) * 60 + i64::from(now.minute()) + 1,
            Field::TimeOfDay => i64::from(now.second_of_day()),
            Field::DateTime => Civil::of(now.at).epoch_s,
        }
    }
}

impl Calendar {
    /// Whether the condition holds; `holidays` gives the days of a named list, or of all.
    pub fn holds(&self, now: Civil, holidays: &dyn Fn(&str, Date) -> bool) -> bool {
        match self {
            Calendar::WeekDays(set) => set & (1 << (now.weekday() - 1)) != 0,
            Calendar::Hours(ranges) => {
                let at = now.second_of_day();
                ranges.iter().any(|(from, to)| {
                    if from < to { (*from..*to).contains(&at) } else { at >= *from || at < *to }
                })
            }
            Calendar::Dates(days) => days.iter().any(|d| d.hold(now.date())),
            Calendar::Months(set) => set & (1 << now.month()) != 0,
            Calendar::MonthDays(set) => set & (1 << now.day()) != 0,
            Calendar::Holiday(lists) if lists.is_empty() => holidays("", now.date()),
            Calendar::Holiday(lists) => lists.iter().any(|l| holidays(l, now.date())),
            Calendar::Xml(field, ranges) => {
                let value = field.of(now);
                let end = i64::from(*field != Field::TimeOfDay);
                ranges.iter().any(|(from, to)| (*from..to.saturating_add(end)).contains(&value))
            }
        }
    }
}

/// Whether `date` is in one of `days`.
pub fn any_holds(days: &[Days], date: Date) -> bool {
    days.iter().any(|d| d.hold(date))
}

/// A civil time of the zone: `2026-12-24 18:30`, or the date alone for its midnight.
pub fn wall_of(text: &str, zone: &TimeZone) -> Option<Wall> {
    let text = text.trim();
    let civil = text
        .parse::<DateTime>()
        .or_else(|_| text.replacen(' ', "T", 1).parse::<DateTime>())
        .or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)))
        .ok()?;
    let zoned = zone.to_ambiguous_zoned(civil).compatible().ok()?;
    Some(Wall(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(text: &str) -> Civil {
        Civil::of(text.parse().expect("a date and time"))
    }
    fn holds(calendar: &Calendar, at: &str) -> bool {
        calendar.holds(civil(at), &|_, _| false)
    }

    #[test]
    fn the_zone_decides_the_day() {
        let wall = Wall(1_763_760_600_000); // 2025-11-21T21:30:00Z
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let there = Civil::at(wall, &zone);
        assert_eq!((there.day(), there.hour(), there.weekday()), (22, 5, 6));
        assert_eq!(there.epoch_seconds(), 1_763_760_600);
    }

    #[test]
    fn hours_run_over_midnight() {
        let night = Calendar::Hours(vec![hours("22:00-06:00").unwrap()]);
        assert!(holds(&night, "2026-01-01T23:59:59") && holds(&night, "2026-01-01T05:59:59"));
        assert!(!holds(&night, "2026-01-01T06:00:00") && !holds(&night, "2026-01-01T21:59:59"));
    }

    #[test]
    fn days_of_a_year_and_of_every_year() {
        let golden_week = Days::parse("2026-10-01..2026-10-07").unwrap();
        assert!(golden_week.hold("2026-10-07".parse().unwrap()));
        assert!(!golden_week.hold("2027-10-01".parse().unwrap()));
        let new_year = Days::parse("12-31..01-02").unwrap();
        assert!(
            new_year.hold("2030-01-01".parse().unwrap())
                && !new_year.hold("2030-01-03".parse().unwrap())
        );
        assert!(Days::parse("02-30").is_err() && Days::parse("2026-02-29").is_err());
        assert!(Days::parse("2026-10-07..2026-10-01").is_err());
    }

    #[test]
    fn freeswitch_fields_count_as_freeswitch_does() {
        // 2026-01-19 is the Monday of the fourth Sunday-to-Saturday week of January 2026, whose
        // first is a Thursday.
        let day = civil("2026-01-19T09:05:30");
        let values = Field::ALL.map(|(_, field, _, _)| field.of(day));
        assert_eq!(values[..10], [2026, 19, 1, 19, 3, 4, 2, 9, 5, 546]);
        assert_eq!(Field::MonthWeek.of(civil("2026-02-01T00:00:00")), 1, "a Sunday begins week 1");
        let tod = Calendar::Xml(Field::TimeOfDay, vec![(32_400, 64_800)]);
        assert!(holds(&tod, "2026-01-01T09:00:00") && !holds(&tod, "2026-01-01T18:00:00"));
        let hour = Calendar::Xml(Field::Hour, vec![(9, 18)]);
        assert!(holds(&hour, "2026-01-01T18:59:59"), "both ends are included");
    }
}
