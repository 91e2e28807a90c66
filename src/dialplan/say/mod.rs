//! Speaking values: a number, digits, money, a date, a time becomes a list of prompt names.
//!
//! Place: the `say` step asks here and plays the prompts one after the other. The rules are data
//! and small functions over prompt names, one file a language; the prompts themselves are listed in
//! `sounds/prompts.tsv`, and a test holds the two together.
//!
//! ```text
//! zh-CN  number 10205   digits/1 number/wan digits/0 digits/2 number/hundred digits/0 digits/5
//! en     number 205     digits/2 number/hundred number/and digits/5
//! ```
//!
//! Not here: which language a call has, and the sound files.

pub mod chinese;
pub mod english;

use jiff::civil::{Date, DateTime, Time};

use super::calendar::Civil;

/// The greatest amount that is spoken as a number; one digit more is read digit by digit.
pub const MAX_NUMBER: i64 = 9_999_999_999_999_999;
/// The most digits that are read out.
const MAX_DIGITS: usize = 64;

/// What a value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Digit by digit, as a telephone number is read.
    Digits,
    /// A number, with decimals and sign.
    Number,
    /// An amount of yuan, with two decimals at most.
    Money,
    /// A day: `now`, `2026-11-22`, or seconds since 1970.
    Date,
    /// A time of day: `now`, `09:05`, or seconds since 1970.
    Time,
    /// A day and a time: `now`, `2026-11-22 09:05`, or seconds since 1970.
    DateTime,
    /// A length of time in seconds.
    Duration,
}

impl Kind {
    /// Every kind with its name in a plan.
    pub const ALL: [(&'static str, Kind); 7] = [
        ("digits", Kind::Digits),
        ("number", Kind::Number),
        ("money", Kind::Money),
        ("date", Kind::Date),
        ("time", Kind::Time),
        ("datetime", Kind::DateTime),
        ("duration", Kind::Duration),
    ];
    /// The kind's name in a plan.
    pub fn name(self) -> &'static str {
        Kind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A value that is not of its kind; holds the value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unspeakable(pub String);

/// The grammar of a language: a value to prompt names.
trait Grammar {
    fn digit(&self, c: char) -> Option<&'static str>;
    fn integer(&self, n: i64, out: &mut Vec<String>);
    fn money(&self, fen: i64, out: &mut Vec<String>);
    fn date(&self, date: Date, out: &mut Vec<String>);
    fn time(&self, time: Time, out: &mut Vec<String>);
    fn duration(&self, seconds: i64, out: &mut Vec<String>);
}

/// Whether there are rules for `language` (`zh…` or `en…`).
pub fn knows(language: &str) -> bool {
    language.starts_with("zh") || language.starts_with("en")
}

/// The prompts that speak `value` in `language`; a language without rules is spoken as English.
/// `now` is the call's civil time; `at` turns seconds since 1970 into civil time.
pub fn say(
    kind: Kind,
    value: &str,
    language: &str,
    now: Civil,
    at: &dyn Fn(i64) -> Civil,
) -> Result<Vec<String>, Unspeakable> {
    let value = value.trim();
    let chinese = chinese::Chinese;
    let english = english::English;
    let grammar: &dyn Grammar = if language.starts_with("zh") { &chinese } else { &english };
    let mut out = Vec::new();
    let wrong = || Unspeakable(value.to_owned());
    match kind {
        Kind::Digits => digits(grammar, value, &mut out).ok_or_else(wrong)?,
        Kind::Number => number(grammar, value, &mut out).ok_or_else(wrong)?,
        Kind::Money => {
            let fen = fen(value).ok_or_else(wrong)?;
            minus(fen < 0, &mut out);
            grammar.money(fen.abs(), &mut out);
        }
        Kind::Date => grammar.date(moment(value, now, at).ok_or_else(wrong)?.date(), &mut out),
        Kind::Time => grammar.time(moment(value, now, at).ok_or_else(wrong)?.time(), &mut out),
        Kind::DateTime => {
            let moment = moment(value, now, at).ok_or_else(wrong)?;
            grammar.date(moment.date(), &mut out);
            grammar.time(moment.time(), &mut out);
        }
        Kind::Duration => {
            let seconds =
                value.parse().ok().filter(|s| (0..=MAX_NUMBER).contains(s)).ok_or_else(wrong)?;
            grammar.duration(seconds, &mut out);
        }
    }
    Ok(out)
}

fn minus(negative: bool, out: &mut Vec<String>) {
    if negative {
        out.push("number/minus".into());
    }
}

/// Digit by digit; blanks, dashes, dots and brackets in a written number are passed over.
fn digits(grammar: &dyn Grammar, value: &str, out: &mut Vec<String>) -> Option<()> {
    for c in value.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).take(MAX_DIGITS) {
        out.push(grammar.digit(c)?.into());
    }
    Some(())
}

/// `-12`, `3.14`, `007`: sign, integer part, decimals one by one. Too big is read digit by digit.
fn number(grammar: &dyn Grammar, value: &str, out: &mut Vec<String>) -> Option<()> {
    let (negative, value) = match value.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if whole.is_empty() || !(whole.bytes().chain(decimals.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    minus(negative, out);
    match whole.parse::<i64>() {
        Ok(n) if n <= MAX_NUMBER => grammar.integer(n, out),
        _ => plain_digits(whole, out),
    }
    if !decimals.is_empty() {
        out.push("number/point".into());
        plain_digits(decimals, out);
    }
    Some(())
}

/// Digits as a number's digits are read (一, not 幺).
fn plain_digits(text: &str, out: &mut Vec<String>) {
    out.extend(text.chars().take(MAX_DIGITS).map(|c| format!("digits/{c}")));
}

/// An amount of yuan in fen; more than two decimals are refused rather than rounded.
fn fen(value: &str) -> Option<i64> {
    let (negative, value) = match value.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let (yuan, decimals) = value.split_once('.').unwrap_or((value, ""));
    let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if yuan.is_empty() || decimals.len() > 2 || !all_digits(yuan) || !all_digits(decimals) {
        return None;
    }
    let yuan = yuan.parse::<i64>().ok().filter(|y| *y <= MAX_NUMBER / 100)?;
    let fen = format!("{decimals:0<2}").parse::<i64>().ok()?;
    let sum = yuan * 100 + fen;
    Some(if negative { -sum } else { sum })
}

/// `now`, `today`, seconds since 1970, a date, a time, or both with a blank or `T` between.
fn moment(value: &str, now: Civil, at: &dyn Fn(i64) -> Civil) -> Option<DateTime> {
    let civil = |c: Civil| {
        let s = c.second_of_day();
        let time = Time::new((s / 3_600) as i8, (s / 60 % 60) as i8, (s % 60) as i8, 0);
        time.map(|t| c.date().to_datetime(t)).ok()
    };
    if matches!(value, "now" | "today") {
        return civil(now);
    }
    if let Ok(seconds) = value.parse::<i64>() {
        return civil(at(seconds));
    }
    if let Ok(time) = value.parse::<Time>() {
        return Some(now.date().to_datetime(time));
    }
    let whole = value.replacen(' ', "T", 1);
    whole
        .parse::<DateTime>()
        .ok()
        .or_else(|| value.parse::<Date>().ok().map(|d| d.to_datetime(Time::midnight())))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The texts of the prompts list, by name: (zh-CN, en).
    pub(crate) fn prompts() -> BTreeMap<&'static str, (&'static str, &'static str)> {
        let list = include_str!("../../../sounds/prompts.tsv");
        let row = |line: &'static str| {
            let mut columns = line.split('\t');
            let mut column = || columns.next().expect("three columns");
            (column(), (column(), column()))
        };
        list.lines().skip(1).map(row).collect()
    }

    /// What a caller hears: the prompts' texts, run together in Chinese, with blanks in English.
    pub(crate) fn heard(kind: Kind, value: &str, language: &str) -> String {
        let now = Civil::of("2026-11-22T21:05:00".parse().expect("a time"));
        let at = |s| Civil::at(crate::base::Wall(s * 1_000), &jiff::tz::TimeZone::UTC);
        let names = say(kind, value, language, now, &at).expect("it can be said");
        let list = prompts();
        let text =
            |name: &String| *list.get(name.as_str()).unwrap_or_else(|| panic!("no prompt {name}"));
        if language.starts_with("zh") {
            names.iter().map(|n| text(n).0).collect()
        } else {
            names.iter().map(|n| text(n).1).collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn what_is_not_of_its_kind_is_refused() {
        let now = Civil::of("2026-11-22T09:05:00".parse().unwrap());
        let say = |kind, value| say(kind, value, "en", now, &|_| now);
        for (kind, value) in [
            (Kind::Digits, "12a"),
            (Kind::Number, ""),
            (Kind::Number, "1,000"),
            (Kind::Number, "--1"),
            (Kind::Money, "1.234"),
            (Kind::Money, "x"),
            (Kind::Date, "2026-02-30"),
            (Kind::Time, "25:00"),
            (Kind::Duration, "-1"),
            (Kind::DateTime, "soon"),
        ] {
            assert_eq!(say(kind, value), Err(Unspeakable(value.into())), "{kind:?} {value}");
        }
        assert_eq!(say(Kind::Digits, ""), Ok(vec![]), "nothing to say");
        assert_eq!(say(Kind::Number, "12345678901234567890").unwrap().len(), 20, "digit by digit");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_has_its_prompts(
            value in "-?[0-9]{1,18}(\\.[0-9]{1,2})?|[0-9]{4}-[01][0-9]-[0-3][0-9]|[0-2][0-9]:[0-5][0-9]|.{0,6}",
            kind in 0usize..7,
            language in proptest::sample::select(vec!["zh-CN", "en", "fr"]),
        ) {
            let now = Civil::of("2026-11-22T00:00:00".parse().unwrap());
            let at = |s: i64| Civil::at(crate::base::Wall(s.saturating_mul(1_000)), &jiff::tz::TimeZone::UTC);
            if let Ok(names) = say(Kind::ALL[kind].1, &value, language, now, &at) {
                let list = prompts();
                for name in names {
                    assert!(list.contains_key(name.as_str()), "no prompt {name}");
                }
            }
        }
    }
}
