//! Amounts with their units, written as people write them: `"20 s"`, `"12 months"`, `"90 %"`,
//! `"2 GiB"`; and plain numbers, for what is counted.

use core::fmt;
use core::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::setting::{Reader, Setting, Wrong, read_text};

/// Splits `"20 s"` into 20 and `s`.
fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let amount = text[..digits].parse().ok()?;
    Some((amount, text[digits..].trim_start()))
}

/// The multiple of `base` that one of a unit is; singular and plural are one.
fn unit(table: &[(&[&str], u64)], name: &str) -> Option<u64> {
    table.iter().find(|(names, _)| names.contains(&name)).map(|(_, factor)| *factor)
}

impl Setting for Duration {
    const WRITE: &'static str =
        "a duration, such as \"500 ms\", \"20 s\", \"5 min\", \"2 h\" or \"3 days\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Duration> {
        read_text(value, reader, Self::WRITE, |text| {
            const MILLIS: &[(&[&str], u64)] = &[
                (&["ms"], 1),
                (&["s", "second", "seconds"], 1_000),
                (&["min", "minute", "minutes"], 60_000),
                (&["h", "hour", "hours"], 3_600_000),
                (&["d", "day", "days"], 86_400_000),
            ];
            let millis = split(text).and_then(|(n, name)| n.checked_mul(unit(MILLIS, name)?));
            millis.map(Duration::from_millis).ok_or_else(|| Wrong::not(text, "a duration"))
        })
    }

    fn within(&self, low: &Duration, high: &Duration) -> bool {
        (low..=high).contains(&self)
    }
}

/// A span of the calendar, for how long records are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// So many days.
    Days(u32),
    /// So many months, as the calendar counts them.
    Months(u32),
}

impl Period {
    /// About how many days it has: to compare two.
    pub(super) fn days(self) -> u64 {
        match self {
            Period::Days(days) => u64::from(days),
            Period::Months(months) => u64::from(months) * 365 / 12,
        }
    }
}

impl Setting for Period {
    const WRITE: &'static str =
        "a period, such as \"30 days\", \"6 weeks\", \"12 months\" or \"2 years\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Period> {
        read_text(value, reader, Self::WRITE, |text| {
            let parsed = split(text).and_then(|(n, name)| {
                let n = u32::try_from(n).ok().filter(|n| (1..=36_500).contains(n))?;
                Some(match name {
                    "d" | "day" | "days" => Period::Days(n),
                    "week" | "weeks" => Period::Days(n * 7),
                    "month" | "months" => Period::Months(n),
                    "year" | "years" => Period::Months(n * 12),
                    _ => return None,
                })
            });
            parsed.ok_or_else(|| Wrong::not(text, "a period"))
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Days(n) => write!(f, "{n} days"),
            Period::Months(n) => write!(f, "{n} months"),
        }
    }
}

/// A share of a whole, 1 to 100 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Percent(u8);

impl Percent {
    /// The share in hundredths of the whole, 1 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Setting for Percent {
    const WRITE: &'static str = "a share, such as \"90 %\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Percent> {
        read_text(value, reader, Self::WRITE, |text| {
            let share = split(text).filter(|(_, sign)| *sign == "%").map(|(n, _)| n);
            let share = share.filter(|n| (1..=100).contains(n));
            share.map(|n| Percent(n as u8)).ok_or_else(|| Wrong::not(text, "1 to 100 %"))
        })
    }

    fn within(&self, low: &Percent, high: &Percent) -> bool {
        (low..=high).contains(&self)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// An amount of storage in bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size(pub u64);

impl Setting for Size {
    const WRITE: &'static str = "a size, such as \"500 MB\" or \"2 GiB\"";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<Size> {
        read_text(value, reader, Self::WRITE, |text| {
            const BYTES: &[(&[&str], u64)] = &[
                (&["kB", "KB"], 1_000),
                (&["MB"], 1_000_000),
                (&["GB"], 1_000_000_000),
                (&["TB"], 1_000_000_000_000),
                (&["KiB"], 1 << 10),
                (&["MiB"], 1 << 20),
                (&["GiB"], 1 << 30),
                (&["TiB"], 1 << 40),
            ];
            let bytes = split(text).and_then(|(n, name)| n.checked_mul(unit(BYTES, name)?));
            bytes.map(Size).ok_or_else(|| Wrong::not(text, "a size"))
        })
    }

    fn within(&self, low: &Size, high: &Size) -> bool {
        (low..=high).contains(&self)
    }
}

impl Setting for u32 {
    const WRITE: &'static str = "a whole number";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<u32> {
        let Some(number) = value.get_ref().as_integer() else {
            reader.wrong_type(value, Self::WRITE);
            return None;
        };
        let parsed = u32::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none() {
            let remedy = match reader.limits {
                Some((low, high)) => format!("write a value from {low} to {high}"),
                None => format!("write a number from 0 to {}", u32::MAX),
            };
            reader.faults.error(&value.span(), "the number is out of range", remedy);
        }
        parsed
    }

    fn within(&self, low: &u32, high: &u32) -> bool {
        (low..=high).contains(&self)
    }
}

impl Setting for bool {
    const WRITE: &'static str = "true or false";

    fn read(value: &Spanned<DeValue<'_>>, reader: &mut Reader<'_>) -> Option<bool> {
        let read = value.get_ref().as_bool();
        if read.is_none() {
            reader.wrong_type(value, Self::WRITE);
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(toml: &str) -> Option<T> {
        let value = DeValue::parse(toml).expect("the test writes TOML");
        T::read(&value, &mut Reader::new(toml))
    }

    #[test]
    fn durations_have_units_and_do_not_overflow() {
        assert_eq!(read("'20 s'"), Some(Duration::from_secs(20)));
        assert_eq!(read("'500ms'"), Some(Duration::from_millis(500)));
        assert_eq!(read("' 3  days '"), Some(Duration::from_secs(3 * 86_400)));
        assert_eq!(read("'0 s'"), Some(Duration::ZERO));
        for wrong in ["'20'", "'s'", "''", "'-1 s'", "'1.5 s'", "'20 S'", "20", "'1 h 30 min'"] {
            assert_eq!(read::<Duration>(wrong), None, "{wrong}");
        }
        assert_eq!(read::<Duration>("'18446744073709551615 days'"), None);
    }

    #[test]
    fn periods_shares_and_sizes() {
        assert_eq!(read("'12 months'"), Some(Period::Months(12)));
        assert_eq!(read("'2 years'"), Some(Period::Months(24)));
        assert_eq!(read("'6 weeks'"), Some(Period::Days(42)));
        assert_eq!(read::<Period>("'0 days'"), None);
        assert_eq!(read::<Period>("'4000000000 years'"), None);
        assert_eq!(read("'90 %'"), Some(Percent(90)));
        assert_eq!(read("'90%'"), Some(Percent(90)));
        assert_eq!(read::<Percent>("'101 %'"), None);
        assert_eq!(read::<Percent>("'0 %'"), None);
        assert_eq!(read("'2 GiB'"), Some(Size(2 << 30)));
        assert_eq!(read::<Size>("'99999999999 TB'"), None);
    }

    #[test]
    fn numbers_take_every_radix_and_no_sign() {
        assert_eq!(read("30"), Some(30u32));
        assert_eq!(read("0x1e"), Some(30u32));
        assert_eq!(read("1_000"), Some(1_000u32));
        assert_eq!(read::<u32>("-1"), None);
        assert_eq!(read::<u32>("99999999999"), None);
        assert_eq!(read::<u32>("'30'"), None);
    }
}
