//! English: numbers in groups of three with "and" after the hundreds, ordinal days, the twelve-hour
//! clock, amounts of yuan as decimals.
//!
//! ```text
//! 1205       one thousand two hundred and five
//! ¥12.50     twelve point five zero yuan
//! 09:05      nine oh five A M
//! 2026-11-22 November twenty-second twenty twenty-six
//! ```

use jiff::civil::{Date, Time};

use super::Grammar;

/// The grammar of English.
pub struct English;

const UNITS: [(i64, &str); 3] =
    [(1_000_000_000, "number/billion"), (1_000_000, "number/million"), (1_000, "number/thousand")];

impl Grammar for English {
    fn digit(&self, c: char) -> Option<&'static str> {
        Some(match c {
            '0' => "digits/0",
            '1' => "digits/1",
            '2' => "digits/2",
            '3' => "digits/3",
            '4' => "digits/4",
            '5' => "digits/5",
            '6' => "digits/6",
            '7' => "digits/7",
            '8' => "digits/8",
            '9' => "digits/9",
            '*' => "digits/star",
            '#' => "digits/hash",
            '+' => "digits/plus",
            _ => return None,
        })
    }

    fn integer(&self, n: i64, out: &mut Vec<String>) {
        let mut rest = n;
        for (size, unit) in UNITS {
            let group = rest / size;
            rest %= size;
            if group > 0 {
                // A billion of billions is counted in billions again.
                if group >= 1_000 {
                    self.integer(group, out)
                } else {
                    three(group, false, out)
                }
                out.push(unit.into());
            }
        }
        if rest > 0 || n == 0 {
            three(rest, n != rest, out);
        }
    }

    fn money(&self, fen: i64, out: &mut Vec<String>) {
        self.integer(fen / 100, out);
        if fen % 100 > 0 {
            out.push("number/point".into());
            super::plain_digits(&format!("{:02}", fen % 100), out);
        }
        out.push("currency/yuan".into());
    }

    fn date(&self, date: Date, out: &mut Vec<String>) {
        out.push(format!("date/month-{}", date.month()));
        out.push(format!("date/day-{}", date.day()));
        year(i64::from(date.year().unsigned_abs()), out);
    }

    fn time(&self, time: Time, out: &mut Vec<String>) {
        let (hour, minute) = (i64::from(time.hour()), i64::from(time.minute()));
        small(if hour % 12 == 0 { 12 } else { hour % 12 }, out);
        if (hour, minute) == (12, 0) {
            out.push("time/noon".into());
            return;
        }
        match minute {
            0 => out.push("time/hour".into()),
            1..=9 => out.extend(["time/oh".into(), format!("digits/{minute}")]),
            _ => small(minute, out),
        }
        out.push(if hour < 12 { "time/am" } else { "time/pm" }.into());
    }

    fn duration(&self, seconds: i64, out: &mut Vec<String>) {
        let parts =
            [(seconds / 3_600, "hour"), (seconds / 60 % 60, "minute"), (seconds % 60, "second")];
        let shown: Vec<_> = parts.into_iter().filter(|(n, _)| *n > 0).collect();
        let shown = if shown.is_empty() { vec![(0, "second")] } else { shown };
        for (n, unit) in shown {
            self.integer(n, out);
            out.push(format!("duration/{unit}{}", if n == 1 { "" } else { "s" }));
        }
    }
}

/// 0 to 99.
fn small(n: i64, out: &mut Vec<String>) {
    out.push(if n < 10 { format!("digits/{n}") } else { format!("number/{n}") });
}

/// 0 to 999; `more`: thousands were said before, so that a lone tail takes "and".
fn three(n: i64, more: bool, out: &mut Vec<String>) {
    if n >= 100 {
        out.extend([format!("digits/{}", n / 100), "number/hundred".into()]);
    }
    if n % 100 > 0 || n == 0 {
        if n >= 100 || more {
            out.push("number/and".into());
        }
        small(n % 100, out);
    }
}

/// 2005 two thousand and five, 2026 twenty twenty-six, 1900 nineteen hundred, 1905 nineteen oh five.
fn year(n: i64, out: &mut Vec<String>) {
    if !(1_000..=9_999).contains(&n) || n % 1_000 < 10 {
        return English.integer(n, out);
    }
    small(n / 100, out);
    match n % 100 {
        0 => out.push("number/hundred".into()),
        tail @ 1..=9 => out.extend(["time/oh".into(), format!("digits/{tail}")]),
        tail => small(tail, out),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::heard;

    fn en(kind: Kind, value: &str) -> String {
        heard(kind, value, "en")
    }

    #[test]
    fn numbers_and_money() {
        for (value, text) in [
            ("0", "zero"),
            ("13", "thirteen"),
            ("21", "twenty-one"),
            ("100", "one hundred"),
            ("105", "one hundred and five"),
            ("1005", "one thousand and five"),
            ("1205", "one thousand two hundred and five"),
            ("1000000", "one million"),
            ("2000000013", "two billion and thirteen"),
            ("-1.50", "minus one point five zero"),
            ("1000000000000", "one thousand billion"),
        ] {
            assert_eq!(en(Kind::Number, value), text, "{value}");
        }
        assert_eq!(en(Kind::Money, "12.5"), "twelve point five zero yuan");
        assert_eq!(en(Kind::Money, "0.05"), "zero point zero five yuan");
        assert_eq!(en(Kind::Digits, "110*"), "one one zero star");
    }

    #[test]
    fn dates_times_and_durations() {
        assert_eq!(en(Kind::Date, "2026-11-22"), "November twenty-second twenty twenty-six");
        assert_eq!(en(Kind::Date, "2005-01-01"), "January first two thousand and five");
        assert_eq!(en(Kind::Date, "1905-01-01"), "January first nineteen oh five");
        assert_eq!(en(Kind::Date, "1900-01-01"), "January first nineteen hundred");
        for (value, text) in [
            ("00:00", "twelve o'clock A M"),
            ("09:00", "nine o'clock A M"),
            ("09:05", "nine oh five A M"),
            ("12:00", "twelve noon"),
            ("12:30", "twelve thirty P M"),
            ("21:10", "nine ten P M"),
        ] {
            assert_eq!(en(Kind::Time, value), text, "{value}");
        }
        assert_eq!(en(Kind::Duration, "3661"), "one hour one minute one second");
        assert_eq!(en(Kind::Duration, "0"), "zero seconds");
    }
}
