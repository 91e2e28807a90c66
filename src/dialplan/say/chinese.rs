//! Mandarin: numbers in groups of four (万, 亿), 零 for gaps, 两 for an initial two before 百, 千, 万
//! and 亿 and before measure words, 幺 in telephone numbers, 元角分, 上午 and 下午.
//!
//! ```text
//! 10205         一万零二百零五          1,0000,0005   一亿零五
//! 22222         两万二千二百二十二      10,5000       十万五千
//! 112           一百一十二              12            十二
//! ¥12.05        十二元零五分            ¥2            两元
//! ```
//!
//! Rules after 吕叔湘, 现代汉语八百词 (二 and 两): 两 opens a number before 百, 千, 万, 亿; inside the
//! number stands 二; before a measure word a lone two is 两.

use jiff::civil::{Date, Time};

use super::Grammar;

/// The grammar of Mandarin.
pub struct Chinese;

const UNITS: [(i64, &str); 3] = [(100_000_000, "number/yi"), (10_000, "number/wan"), (1, "")];

impl Grammar for Chinese {
    fn digit(&self, c: char) -> Option<&'static str> {
        // A one is 幺 in a telephone number, so that it is not taken for a seven (七).
        Some(match c {
            '1' => "digits/yao",
            '0' => "digits/0",
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
        if n == 0 {
            out.push("digits/0".into());
        } else {
            whole(n, out);
        }
    }

    fn money(&self, fen: i64, out: &mut Vec<String>) {
        let (yuan, jiao, fen) = (fen / 100, fen / 10 % 10, fen % 10);
        if yuan > 0 || (jiao == 0 && fen == 0) {
            measured(yuan, "currency/yuan", out);
        }
        if jiao > 0 {
            // 两角 alone, 一元二角 behind the yuan.
            if yuan > 0 {
                counted(jiao, "currency/jiao", out)
            } else {
                measured(jiao, "currency/jiao", out)
            }
        }
        if fen > 0 {
            if yuan > 0 && jiao == 0 {
                out.push("digits/0".into());
            }
            if yuan > 0 || jiao > 0 {
                counted(fen, "currency/fen", out)
            } else {
                measured(fen, "currency/fen", out)
            }
        }
    }

    fn date(&self, date: Date, out: &mut Vec<String>) {
        super::plain_digits(&date.year().unsigned_abs().to_string(), out);
        out.push("date/year".into());
        out.push(format!("date/month-{}", date.month()));
        out.push(format!("date/day-{}", date.day()));
    }

    fn time(&self, time: Time, out: &mut Vec<String>) {
        let (hour, minute) = (i64::from(time.hour()), i64::from(time.minute()));
        let part = match hour {
            0..=5 => "time/dawn",
            6..=11 => "time/am",
            12 => "time/noon",
            13..=17 => "time/pm",
            _ => "time/evening",
        };
        out.push(part.into());
        measured(if hour > 12 { hour - 12 } else { hour }, "time/hour", out);
        if minute > 0 {
            if minute < 10 {
                out.push("digits/0".into());
            }
            counted(minute, "time/minute", out);
        }
    }

    fn duration(&self, seconds: i64, out: &mut Vec<String>) {
        let parts = [
            (seconds / 3_600, "duration/hours"),
            (seconds / 60 % 60, "duration/minutes"),
            (seconds % 60, "duration/seconds"),
        ];
        let before = out.len();
        for (n, unit) in parts.into_iter().filter(|(n, _)| *n > 0) {
            measured(n, unit, out);
        }
        if out.len() == before {
            measured(0, "duration/seconds", out);
        }
    }
}

/// A number before a measure word: a lone two is 两.
fn measured(n: i64, unit: &str, out: &mut Vec<String>) {
    if n == 2 {
        out.extend(["number/liang".into(), unit.into()]);
    } else {
        counted(n, unit, out);
    }
}

/// A number before a unit, a two being 二.
fn counted(n: i64, unit: &str, out: &mut Vec<String>) {
    Chinese.integer(n, out);
    out.push(unit.into());
}

/// A number above 0: its groups of four digits, each with 亿, 万 or nothing behind.
fn whole(n: i64, out: &mut Vec<String>) {
    let mut first = true;
    let mut gap = false;
    let mut rest = n;
    for (size, unit) in UNITS {
        let group = rest / size;
        rest %= size;
        if group == 0 {
            gap = !first;
            continue;
        }
        if !first && (gap || group < 1_000) {
            out.push("digits/0".into());
        }
        if group >= 10_000 {
            // 万亿: the 亿 themselves are counted in 万.
            whole(group, out);
        } else if group == 2 && first && !unit.is_empty() {
            out.push("number/liang".into());
        } else {
            four(group, first, out);
        }
        if !unit.is_empty() {
            out.push(unit.into());
        }
        (first, gap) = (false, false);
    }
}

/// One to four digits. `first`: nothing was said before them.
fn four(n: i64, mut first: bool, out: &mut Vec<String>) {
    let mut said = false;
    let mut gap = false;
    for (size, unit) in [(1_000, "number/thousand"), (100, "number/hundred")] {
        let digit = n / size % 10;
        if digit == 0 {
            gap = said;
            continue;
        }
        if gap {
            out.push("digits/0".into());
            gap = false;
        }
        out.push(if digit == 2 && first {
            "number/liang".into()
        } else {
            format!("digits/{digit}")
        });
        out.push(unit.into());
        (said, first) = (true, false);
    }
    let last = n % 100;
    if last == 0 {
        return;
    }
    if gap || (said && last < 10) {
        out.push("digits/0".into());
    }
    match last {
        1..=9 => out.push(format!("digits/{last}")),
        // 十二 opens a number; inside one it is 一十二.
        10..=19 if !first => out.extend(["digits/1".into(), format!("number/{last}")]),
        _ => out.push(format!("number/{last}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::heard;

    fn zh(kind: Kind, value: &str) -> String {
        heard(kind, value, "zh-CN")
    }

    #[test]
    fn numbers() {
        for (value, text) in [
            ("0", "零"),
            ("2", "二"),
            ("10", "十"),
            ("12", "十二"),
            ("20", "二十"),
            ("22", "二十二"),
            ("100", "一百"),
            ("101", "一百零一"),
            ("110", "一百一十"),
            ("112", "一百一十二"),
            ("200", "两百"),
            ("202", "两百零二"),
            ("1000", "一千"),
            ("1001", "一千零一"),
            ("1010", "一千零一十"),
            ("1011", "一千零一十一"),
            ("1100", "一千一百"),
            ("1101", "一千一百零一"),
            ("2002", "两千零二"),
            ("2222", "两千二百二十二"),
            ("10000", "一万"),
            ("10005", "一万零五"),
            ("10010", "一万零一十"),
            ("10205", "一万零二百零五"),
            ("12000", "一万二千"),
            ("20000", "两万"),
            ("22222", "两万二千二百二十二"),
            ("100000", "十万"),
            ("105000", "十万五千"),
            ("120000", "十二万"),
            ("200002", "二十万零二"),
            ("1000500", "一百万零五百"),
            ("2000000", "两百万"),
            ("20000000", "两千万"),
            ("100000005", "一亿零五"),
            ("100005000", "一亿零五千"),
            ("100010000", "一亿零一万"),
            ("200000000", "两亿"),
            ("123456789", "一亿二千三百四十五万六千七百八十九"),
            ("1000000000000", "一万亿"),
            ("1000100000000", "一万零一亿"),
            ("-5", "负五"),
            ("3.14", "三点一四"),
            ("0.50", "零点五零"),
        ] {
            assert_eq!(zh(Kind::Number, value), text, "{value}");
        }
    }

    #[test]
    fn money() {
        for (value, text) in [
            ("0", "零元"),
            ("2", "两元"),
            ("12", "十二元"),
            ("12.5", "十二元五角"),
            ("12.05", "十二元零五分"),
            ("12.55", "十二元五角五分"),
            ("2.20", "两元二角"),
            ("0.20", "两角"),
            ("0.02", "两分"),
            ("0.22", "两角二分"),
            ("102", "一百零二元"),
            ("10000.01", "一万元零一分"),
            ("-3", "负三元"),
        ] {
            assert_eq!(zh(Kind::Money, value), text, "{value}");
        }
    }

    #[test]
    fn telephone_numbers_dates_times_and_durations() {
        assert_eq!(zh(Kind::Digits, "110"), "幺幺零");
        assert_eq!(zh(Kind::Digits, "+86 755-1#*"), "加号八六七五五幺井号星号");
        assert_eq!(zh(Kind::Date, "2026-10-31"), "二零二六年十月三十一日");
        assert_eq!(zh(Kind::Date, "2011-01-01"), "二零一一年一月一日");
        for (value, text) in [
            ("00:00", "凌晨零点"),
            ("02:02", "凌晨两点零二分"),
            ("09:00", "上午九点"),
            ("09:05", "上午九点零五分"),
            ("12:30", "中午十二点三十分"),
            ("14:45", "下午两点四十五分"),
            ("21:10", "晚上九点十分"),
        ] {
            assert_eq!(zh(Kind::Time, value), text, "{value}");
        }
        assert_eq!(zh(Kind::DateTime, "now"), "二零二六年十一月二十二日晚上九点零五分");
        assert_eq!(zh(Kind::Duration, "7322"), "两小时两分钟两秒");
        assert_eq!(zh(Kind::Duration, "0"), "零秒");
    }
}
