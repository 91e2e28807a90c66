//! Times of the week as people write them: `mon-fri 08:00-18:00`.
//!
//! Place: opening hours of queues and of campaigns, and the dialplan's conditions on days and hours. Knows no
//! time zone and no date: whoever asks says which week day it is and how late. Week days run from Monday = 1
//! to Sunday = 7 (ISO 8601).

use serde::{Deserialize, Serialize};

/// Seconds of a day.
pub const DAY: u32 = 86_400;
/// The names of the week days, Monday first.
pub const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A moment of the week, in civil time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Moment {
    /// Monday = 1 to Sunday = 7.
    pub weekday: u8,
    /// Seconds since midnight.
    pub second: u32,
}

/// The same hours on some days of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    /// The days on which it begins, bit 1 = Monday.
    days: u32,
    /// From (included) to (not included), in seconds since midnight; to before from: over midnight.
    from: u32,
    to: u32,
}

impl Window {
    /// `mon-fri 08:00-18:00`, `sat,sun` (all day), `22:00-06:00` (each day, over midnight).
    pub fn parse(text: &str) -> Result<Window, String> {
        let text = text.trim();
        let (days, times) = match text.rsplit_once(char::is_whitespace) {
            Some((days, times)) if times.contains(':') => (Some(days.trim()), Some(times)),
            None if text.contains(':') => (None, Some(text)),
            _ => (Some(text), None),
        };
        let days = days.map_or(Ok(0xfe), |days| number_set(days, 1, 7, &WEEKDAYS))?;
        let (from, to) = times.map_or(Ok((0, DAY)), hours)?;
        Ok(Window { days, from, to })
    }

    /// Whether a moment lies in it.
    pub fn holds(&self, at: Moment) -> bool {
        let begins = |weekday: u8| self.days & (1 << weekday) != 0;
        let before = if at.weekday <= 1 { 7 } else { at.weekday - 1 };
        match self.from < self.to {
            true => begins(at.weekday) && (self.from..self.to).contains(&at.second),
            false => {
                (begins(at.weekday) && at.second >= self.from)
                    || (begins(before) && at.second < self.to)
            }
        }
    }

    /// Whether some moment lies in both.
    pub fn meets(&self, other: &Window) -> bool {
        let begins = |own: &Window, other: &Window| {
            let mut days = (1..=7).filter(|day| own.days & (1 << day) != 0);
            days.any(|weekday| other.holds(Moment { weekday, second: own.from }))
        };
        begins(self, other) || begins(other, self)
    }

    /// Seconds from `second` of a day to the next moment at which this may begin or end, or the day does.
    pub fn until_edge(&self, second: u32) -> u32 {
        let edges = [self.from, self.to, DAY].into_iter().filter(|edge| *edge > second);
        edges.min().unwrap_or(DAY).saturating_sub(second).max(1)
    }
}

/// `08:00-18:00` or `22:00-06:00` (over midnight); seconds are optional and 24:00 is the day's end.
pub fn hours(text: &str) -> Result<(u32, u32), String> {
    let (from, to) =
        text.split_once('-').ok_or_else(|| format!("'{text}' is not a range of times"))?;
    match (clock(from), clock(to)) {
        (Some(from), Some(to)) if from != to => Ok((from, to)),
        (Some(_), Some(_)) => Err(format!("'{text}' begins and ends at the same time")),
        (None, _) => Err(format!("there is no time '{}'", from.trim())),
        (_, None) => Err(format!("there is no time '{}'", to.trim())),
    }
}

/// `HH:MM` or `HH:MM:SS` in seconds since midnight, up to 24:00.
pub fn clock(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let mut part = |max: u32| parts.next()?.parse::<u32>().ok().filter(|v| *v <= max);
    let (hour, minute) = (part(24)?, part(59)?);
    let second = match parts.next() {
        None => 0,
        Some(text) => text.parse::<u32>().ok().filter(|v| *v <= 59)?,
    };
    let at = hour * 3_600 + minute * 60 + second;
    (parts.next().is_none() && at <= 86_400).then_some(at)
}

/// A set of numbers from `1-5`, `1,3`, or week day names (`names` gives name → number); a range may
/// wrap (`fri-mon`) when there are names.
pub fn number_set(text: &str, least: u32, most: u32, names: &[&str]) -> Result<u32, String> {
    let mut set = 0u32;
    let number = |part: &str| -> Result<u32, String> {
        let part = part.trim();
        let is_name = part.len() >= 3 && part.bytes().all(|b| b.is_ascii_alphabetic());
        let named = names.iter().position(|n| is_name && part.to_lowercase().starts_with(n));
        let value = named.map(|at| at as u32 + least).or_else(|| part.parse().ok());
        value.filter(|v| (least..=most).contains(v)).ok_or_else(|| {
            format!(
                "'{part}' is not {}",
                if names.is_empty() { format!("{least} to {most}") } else { "a week day".into() }
            )
        })
    };
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(from)?, number(to)?);
        if from <= to {
            set |= (from..=to).fold(0, |s, n| s | 1 << n);
        } else if names.is_empty() {
            return Err(format!("'{}' runs backwards", part.trim()));
        } else {
            set |= (from..=most).chain(least..=to).fold(0, |s, n| s | 1 << n);
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_a_day() {
        assert_eq!(hours("00:00-24:00"), Ok((0, DAY)));
        assert!(hours("25:00-26:00").is_err() && hours("09:60-10:00").is_err());
        assert!(hours("09:00-09:00").is_err() && hours("9").is_err());
    }

    #[test]
    fn sets_take_names_and_wrap() {
        assert_eq!(number_set("mon-fri", 1, 7, &WEEKDAYS), Ok(0b0011_1110));
        assert_eq!(number_set("sat-Monday,3", 1, 7, &WEEKDAYS), Ok(0b1100_1010));
        assert_eq!(number_set("1-3,12", 1, 12, &[]), Ok(0b1_0000_0000_1110));
        assert!(number_set("0", 1, 12, &[]).is_err() && number_set("3-1", 1, 12, &[]).is_err());
        assert!(number_set("someday", 1, 7, &WEEKDAYS).is_err());
    }

    #[test]
    fn windows_that_meet() {
        let meet = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| Window::parse(text).unwrap());
            assert_eq!(a.meets(&b), b.meets(&a));
            a.meets(&b)
        };
        assert!(meet("mon-fri 08:00-18:00", "12:00-13:00"));
        assert!(!meet("08:00-18:00", "18:00-22:00") && !meet("mon", "tue"));
        assert!(meet("fri 22:00-06:00", "sat 05:00-09:00"), "over midnight");
        assert!(!meet("sat 22:00-06:00", "sat 05:00-09:00"));
    }

    #[test]
    fn windows_hold_on_their_days_and_over_midnight() {
        let at = |weekday, hour: u32, minute: u32| Moment {
            weekday,
            second: hour * 3_600 + minute * 60,
        };
        let office = Window::parse("mon-fri 08:00-18:00").unwrap();
        assert!(office.holds(at(1, 8, 0)) && office.holds(at(5, 17, 59)));
        assert!(
            !office.holds(at(5, 18, 0))
                && !office.holds(at(6, 12, 0))
                && !office.holds(at(7, 12, 0))
        );
        let night = Window::parse("fri 22:00-06:00").unwrap();
        assert!(
            night.holds(at(5, 23, 0)) && night.holds(at(6, 5, 59)) && !night.holds(at(6, 6, 0))
        );
        assert!(!night.holds(at(5, 5, 0)), "that is Thursday's night");
        assert!(
            Window::parse("sun 23:00-01:00").unwrap().holds(at(1, 0, 30)),
            "the week has no end"
        );
        let weekend = Window::parse("sat, sun").unwrap();
        assert!(
            weekend.holds(at(7, 0, 0))
                && weekend.holds(at(6, 23, 59))
                && !weekend.holds(at(1, 0, 0))
        );
        assert!(Window::parse("9:00-12:30").unwrap().holds(at(3, 12, 29)));
        for wrong in ["", "mon-fri 8-18", "someday", "mon 25:00-26:00", "08:00"] {
            assert!(Window::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            [0, 28_800, 64_799, 64_800].map(|s| office.until_edge(s)),
            [28_800, 36_000, 1, 21_600]
        );
    }
}
