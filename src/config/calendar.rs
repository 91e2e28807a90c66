//! The time zone in which days begin, the days that are holidays, and hours of the week.

use core::fmt;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use toml::Spanned;
use toml::de::DeValue;

use super::fault::quoted;
use super::setting::{Reader, Setting, Wrong, nearest, read_text};
use crate::base::week::Window;

/// A time zone of the IANA database, from the copy that is compiled in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of that name, letter case aside; `None` when there is none.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZoneDatabase::bundled().get(name).ok().map(Zone)
    }
    /// The zone itself.
    pub fn time_zone(&self) -> &TimeZone {
        &self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Setting for Zone {
    const WRITE: &'static str = "an IANA time zone, such as \"Asia/Shanghai\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Zone> {
        read_text(value, reader, Self::WRITE, |text| {
            Zone::named(text).ok_or_else(|| {
                let what = format!("there is no time zone {}", quoted(text));
                let known: Vec<String> =
                    TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
                match closest_zone(text, &known) {
                    Some(near) => Wrong::write(what, format!("write \"{near}\"")),
                    None => Wrong::new(what),
                }
            })
        })
    }
}

/// The zone that was meant by a name, or by the city alone.
fn closest_zone<'k>(text: &str, known: &'k [String]) -> Option<&'k str> {
    let city = |name: &str| name.rsplit('/').next().unwrap_or("").to_lowercase();
    let named = text.to_lowercase().replace(' ', "_");
    let by_city = known.iter().find(|name| city(name) == city(&named));
    by_city.map(String::as_str).or_else(|| nearest(text, known.iter().map(String::as_str)))
}

/// One holiday: from its first to its last day, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holiday {
    /// The first day.
    pub first: Date,
    /// The last day; the first again for a single day.
    pub last: Date,
}

impl Holiday {
    /// Whether `day` is one of it.
    pub fn holds(&self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }
}

impl Setting for Holiday {
    const WRITE: &'static str =
        "a day or the first and last day, such as \"2026-10-01..2026-10-07\"";
    const NONE_IS_FINE: bool = true;

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Holiday> {
        // TOML's own date (2026-10-01 without quotes) is a single day.
        let plain = match value.get_ref() {
            DeValue::Datetime(when) if when.time.is_none() => when.date,
            _ => None,
        };
        if let Some(date) = plain {
            let day = Date::new(date.year as i16, date.month as i8, date.day as i8).ok();
            if day.is_none() {
                reader.faults.error(
                    &value.span(),
                    "there is no such day",
                    format!("write {}", Self::WRITE),
                );
            }
            return day.map(|day| Holiday { first: day, last: day });
        }
        read_text(value, reader, Self::WRITE, |text| {
            let day = |part: &str| -> Result<Date, Wrong> {
                let parts: Vec<&str> = part.trim().split('-').collect();
                let [year, month, day] = parts[..] else {
                    return Err(Wrong::not(part, "a day"));
                };
                let date = year.parse().ok().zip(month.parse().ok()).zip(day.parse().ok());
                let date = date.and_then(|((year, month), day)| Date::new(year, month, day).ok());
                date.ok_or_else(|| Wrong::not(part, "a day"))
            };
            let (first, last) = match text.split_once("..") {
                Some((first, last)) => (day(first)?, day(last)?),
                None => (day(text)?, day(text)?),
            };
            if last < first {
                return Err(Wrong::new("the holiday ends before it begins"));
            }
            Ok(Holiday { first, last })
        })
    }
}

impl Setting for Window {
    const WRITE: &'static str =
        "days and hours, such as \"mon-fri 08:00-18:00\", \"sat,sun\" or \"22:00-06:00\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Window> {
        read_text(value, reader, Self::WRITE, |text| Window::parse(text).map_err(Wrong::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(toml: &str) -> Result<T, String> {
        let value = DeValue::parse(toml).expect("the test writes TOML");
        let mut reader = Reader::new(toml);
        T::read(&value, &mut reader).ok_or_else(|| {
            reader.faults.finish().iter().map(|f| format!("{}; {}", f.what, f.remedy)).collect()
        })
    }

    #[test]
    fn zones_are_found_by_name_and_guessed_by_city() {
        assert_eq!(read::<Zone>("'Asia/Shanghai'").unwrap().to_string(), "Asia/Shanghai");
        assert!(read::<Zone>("'Shanghai'").unwrap_err().ends_with("write \"Asia/Shanghai\""));
        assert!(read::<Zone>("'Asia/Shangai'").unwrap_err().ends_with("write \"Asia/Shanghai\""));
        assert!(read::<Zone>("'Mars/Olympus'").unwrap_err().contains("such as \"Asia/Shanghai\""));
    }

    #[test]
    fn holidays_of_one_day_and_of_several() {
        let one = read::<Holiday>("'2026-10-01'").unwrap();
        assert_eq!(Ok(one), read::<Holiday>("2026-10-01"));
        let week = read::<Holiday>("'2026-10-01..2026-10-07'").unwrap();
        let day = |d| Date::new(2026, 10, d).unwrap();
        assert!(one.holds(day(1)) && !one.holds(day(2)));
        assert!(week.holds(day(1)) && week.holds(day(7)) && !week.holds(day(8)));
        for wrong in
            ["'2026-13-01'", "'2026-02-30'", "'10-01'", "''", "7", "'2026-10-07..2026-10-01'"]
        {
            assert!(read::<Holiday>(wrong).is_err(), "{wrong}");
        }
        assert!(read::<Holiday>("2026-10-01T00:00:00Z").is_err(), "a moment is no day");
    }
}
