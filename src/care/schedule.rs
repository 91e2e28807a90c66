//! When a subscriber has to report (R11): several times a day, on some days, with pauses, in a time zone of
//! its own.
//!
//! Civil time: "by 08:00" is eight o'clock whatever the clocks were changed to. A time that a change of clocks
//! leaves out is due when the clocks have changed; one that comes twice is due the first time; two that fall
//! together are one.

use core::fmt;

use jiff::civil::{Date, Time as CivilTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::base::Wall;

/// Times of one day.
pub const MOST_TIMES: usize = 24;
/// Pauses of one subscriber.
pub const MOST_PAUSES: usize = 50;
/// Days that are looked through for the next time: a pause may be a year long, and is rarely longer.
const MOST_DAYS: i32 = 800;
/// The days in the order of the week.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Days(u8);

impl Days {
    /// Each day.
    pub const ALL: Days = Days(0x7f);

    fn has(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }

    /// `mon-fri`, `mon wed sat`, `daily`.
    pub fn read(text: &str) -> Result<Days, String> {
        let text = text.trim().to_ascii_lowercase();
        if text.is_empty() || text == "daily" {
            return Ok(Days::ALL);
        }
        let place = |word: &str| {
            DAYS.iter().position(|day| *day == word).ok_or_else(|| {
                format!("'{word}' is no day: write mon-fri, or mon wed sat, or daily")
            })
        };
        let mut days = 0;
        for word in words(&text) {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            let (first, last) = (place(first)?, place(last)?);
            let mut day = first;
            loop {
                days |= 1 << day;
                if day == last {
                    break;
                }
                day = (day + 1) % 7;
            }
        }
        Ok(Days(days))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Days::ALL {
            return f.write_str("daily");
        }
        let words: Vec<&str> = DAYS
            .iter()
            .enumerate()
            .filter(|(n, _)| self.0 & (1 << n) != 0)
            .map(|(_, d)| *d)
            .collect();
        f.write_str(&words.join(" "))
    }
}

/// The ways in which one may report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// A press of the bell, by whatever protocol.
    Bell,
    /// A call and its key: the plan's `check-in` step.
    Call,
    /// The unit's own sign that it lives.
    Heartbeat,
}

impl Way {
    /// All, with their words.
    pub const ALL: [(Way, &'static str); 3] =
        [(Way::Bell, "bell"), (Way::Call, "call"), (Way::Heartbeat, "heartbeat")];
    /// Its word.
    pub fn as_str(self) -> &'static str {
        Way::ALL[self as usize].1
    }
    /// The one that has this word.
    pub fn named(word: &str) -> Option<Way> {
        Way::ALL.iter().find(|(_, own)| *own == word).map(|(way, _)| *way)
    }
}

/// Which ways count for a subscriber. A person's word is none of them: it closes the case, and with that what was missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ways(u8);

impl Ways {
    /// By the bell and by a call.
    pub const USUAL: Ways = Ways(0b011);

    /// Whether one counts.
    pub fn has(self, way: Way) -> bool {
        self.0 & (1 << way as u8) != 0
    }

    /// `bell call heartbeat`.
    pub fn read(text: &str) -> Result<Ways, String> {
        let mut ways = 0;
        for word in words(text) {
            match Way::named(&word.to_ascii_lowercase()) {
                Some(way) => ways |= 1 << way as u8,
                None => {
                    return Err(format!("'{word}' is no way: write bell, call, heartbeat"));
                }
            }
        }
        Ok(if ways == 0 { Ways::USUAL } else { Ways(ways) })
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = Way::ALL.iter().filter(|(way, _)| self.0 & (1 << *way as u8) != 0);
        f.write_str(&own.map(|(_, word)| *word).collect::<Vec<_>>().join(" "))
    }
}

/// Words apart by blanks, commas, semicolons.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', ';', '，', '；']).filter(|word| !word.is_empty())
}

/// When somebody has to report.
#[derive(Clone, PartialEq, Debug)]
pub struct Schedule {
    /// Minutes of the day, in their order.
    times: Vec<u16>,
    /// On which days.
    pub days: Days,
    /// On holidays as well.
    pub on_holidays: bool,
    /// From and until which day nothing is due.
    pauses: Vec<(Date, Date)>,
    /// What counts.
    pub ways: Ways,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule {
            times: Vec::new(),
            days: Days::ALL,
            on_holidays: true,
            pauses: Vec::new(),
            ways: Ways::USUAL,
        }
    }
}

impl Schedule {
    /// Nothing is ever due.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// `08:00 20:30`.
    pub fn set_times(&mut self, text: &str) -> Result<(), String> {
        let read = |word: &str| {
            let word = word.replace('：', ":");
            let (hour, minute) = word.split_once(':')?;
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let mut times = Vec::new();
        for word in words(text) {
            let time =
                read(word).ok_or_else(|| format!("'{word}' is no time of day: write 08:00"))?;
            times.push(time);
        }
        times.sort_unstable();
        times.dedup();
        if times.len() > MOST_TIMES {
            return Err(format!("there are {} times and may be {MOST_TIMES}", times.len()));
        }
        self.times = times;
        Ok(())
    }

    /// As [`Self::set_times`] reads it.
    pub fn times(&self) -> String {
        let all: Vec<String> =
            self.times.iter().map(|time| format!("{:02}:{:02}", time / 60, time % 60)).collect();
        all.join(" ")
    }

    /// `2026-10-01..2026-10-07; 2027-01-01`.
    pub fn set_pauses(&mut self, text: &str) -> Result<(), String> {
        let mut pauses = Vec::new();
        for word in words(text) {
            let (first, last) = word.split_once("..").unwrap_or((word, word));
            let day = |text: &str| {
                text.parse::<Date>()
                    .map_err(|_| format!("'{text}' is no day: write 2026-10-01..2026-10-07"))
            };
            let (first, last) = (day(first)?, day(last)?);
            if last < first {
                return Err(format!("'{word}' ends before it begins"));
            }
            pauses.push((first, last));
        }
        if pauses.len() > MOST_PAUSES {
            return Err(format!("there are {} pauses and may be {MOST_PAUSES}", pauses.len()));
        }
        self.pauses = pauses;
        Ok(())
    }

    /// As [`Self::set_pauses`] reads it.
    pub fn pauses(&self) -> String {
        let pause = |(first, last): &(Date, Date)| match first == last {
            true => first.to_string(),
            false => format!("{first}..{last}"),
        };
        self.pauses.iter().map(pause).collect::<Vec<_>>().join("; ")
    }

    /// The first time after `after` at which something is due. `None`: none within two years.
    pub fn next(
        &self,
        after: Wall,
        zone: &TimeZone,
        holiday: &dyn Fn(Date) -> bool,
    ) -> Option<Wall> {
        if self.is_empty() {
            return None;
        }
        let day = Timestamp::from_millisecond(after.0).ok()?.to_zoned(zone.clone()).date();
        (0..MOST_DAYS).find_map(|n| {
            let day = day.checked_add(Span::new().days(n)).ok()?;
            if !self.is_on(day, holiday) {
                return None;
            }
            let due = self.times.iter().filter_map(|minute| instant(day, *minute, zone));
            due.filter(|due| *due > after).min()
        })
    }

    fn is_on(&self, day: Date, holiday: &dyn Fn(Date) -> bool) -> bool {
        self.days.has(day.weekday())
            && (self.on_holidays || !holiday(day))
            && !self.pauses.iter().any(|(first, last)| (*first..=*last).contains(&day))
    }
}

/// The moment of a day at a minute; what a change of clocks leaves out is after it.
pub(super) fn instant(day: Date, minute: u16, zone: &TimeZone) -> Option<Wall> {
    let time = CivilTime::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
    let zoned = day.to_datetime(time).to_zoned(zone.clone()).ok()?;
    Some(Wall(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn of(times: &str) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.set_times(times).unwrap();
        schedule
    }

    #[test]
    fn what_is_written_is_read() {
        let mut schedule = of("20:00, 8:05；08:05");
        assert_eq!(schedule.times(), "08:05 20:00");
        schedule.set_pauses("2026-10-01..2026-10-07; 2027-01-01").unwrap();
        assert_eq!(schedule.pauses(), "2026-10-01..2026-10-07; 2027-01-01");
        assert_eq!(Days::read("fri-mon wed").unwrap().to_string(), "mon wed fri sat sun");
        assert_eq!(Days::read("daily").unwrap().to_string(), "daily");
        assert_eq!(Ways::read("heartbeat, bell").unwrap().to_string(), "bell heartbeat");
        for wrong in ["24:00", "8", "08:60", "noon"] {
            assert!(schedule.set_times(wrong).is_err(), "{wrong}");
        }
        assert!(schedule.set_pauses("2026-10-07..2026-10-01").is_err());
        assert!(Days::read("mon-xyz").is_err() && Ways::read("person").is_err());
    }

    #[test]
    fn days_holidays_and_pauses() {
        let shanghai = zone("Asia/Shanghai");
        let mut schedule = of("08:00 20:00");
        // Monday, 2026-11-23, 08:00 there is midnight in Greenwich.
        assert_eq!(
            schedule.next(wall("2026-11-23T00:00:00Z"), &shanghai, &|_| false),
            Some(wall("2026-11-23T12:00:00Z"))
        );
        schedule.days = Days::read("mon-fri").unwrap();
        let friday = wall("2026-11-27T12:00:00Z");
        assert_eq!(
            schedule.next(friday, &shanghai, &|_| false),
            Some(wall("2026-11-30T00:00:00Z"))
        );
        schedule.on_holidays = false;
        let holiday = |day: Date| day.to_string() == "2026-11-30";
        assert_eq!(schedule.next(friday, &shanghai, &holiday), Some(wall("2026-12-01T00:00:00Z")));
        schedule.set_pauses("2026-11-28..2026-12-01").unwrap();
        assert_eq!(schedule.next(friday, &shanghai, &holiday), Some(wall("2026-12-02T00:00:00Z")));
        schedule.set_pauses("2026-01-01..2035-01-01").unwrap();
        assert_eq!(schedule.next(friday, &shanghai, &|_| false), None);
        assert_eq!(of("").next(friday, &shanghai, &|_| false), None);
    }

    /// Berlin: 2026-03-29 02:00 becomes 03:00, 2026-10-25 03:00 becomes 02:00.
    #[test]
    fn changes_of_clocks() {
        let berlin = zone("Europe/Berlin");
        let schedule = of("02:30 03:30");
        let spring = wall("2026-03-28T22:00:00Z");
        let due = schedule.next(spring, &berlin, &|_| false).unwrap();
        assert_eq!(due, wall("2026-03-29T01:30:00Z"), "02:30 is left out: 03:30");
        assert_eq!(schedule.next(due, &berlin, &|_| false), Some(wall("2026-03-30T00:30:00Z")));
        let autumn = wall("2026-10-24T22:30:00Z");
        let due = schedule.next(autumn, &berlin, &|_| false).unwrap();
        assert_eq!(due, wall("2026-10-25T00:30:00Z"), "the first 02:30");
        assert_eq!(schedule.next(due, &berlin, &|_| false), Some(wall("2026-10-25T02:30:00Z")));
    }
}
