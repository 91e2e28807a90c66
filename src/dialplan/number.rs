//! Number patterns: what a dialled number, a caller or the keys of a menu have to look like.
//!
//! Place: `when = { to = … }`, the keys of a menu, `direct-dial`; the XML reader uses it for
//! FreeSWITCH's `_NXX` expressions. Two spellings:
//!
//! ```text
//! 4008001234      these digits            x  any digit        [15-7]  one of these digits
//! 1xxx            1 and three digits      n  2 to 9           .       one or more of anything
//! 0(.)            0, and $1 is the rest   z  1 to 9           !       none or more of anything
//! /^0(\d+)$/      between slashes: a regular expression (/…/i without regard to case)
//! ```
//!
//! A dial pattern covers the whole number; a regular expression matches anywhere unless it says
//! `^` and `$`, as in FreeSWITCH.

use core::fmt;
use core::ops::Range;

use regex::{Regex, RegexBuilder};

/// The longest pattern, in bytes.
pub const MAX_PATTERN: usize = 1_024;
/// The memory a compiled expression may take, in bytes. Matching is linear in the text (the crate's
/// promise), so this bounds the time of a match too.
const MAX_COMPILED: usize = 1 << 20;
/// The same for one that is compiled while a call waits.
const MAX_COMPILED_LATE: usize = 1 << 16;

/// A pattern that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PatternError {
    /// Nothing to match.
    Empty,
    /// Longer than [`MAX_PATTERN`].
    TooLong,
    /// A character that no dial pattern has.
    Character(char),
    /// A `[` without its `]`, or nothing between them.
    Class,
    /// `(` and `)` do not pair.
    Group,
    /// Something after `.` or `!`.
    AfterTail,
    /// The regular expression is not one; holds the reason.
    Regex(String),
    /// The regular expression looks ahead or behind or back, which no linear-time matcher does.
    LookAround,
}

impl PatternError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match self {
            PatternError::Empty => {
                "write a number such as 1001, a pattern such as 1xxx, or leave it out".into()
            }
            PatternError::TooLong => "split it into several patterns".into(),
            PatternError::Character(c) => format!(
                "a pattern has digits, * # + x n z [..] ( ) . !; write /{}/ for a regular expression",
                regex::escape(&c.to_string())
            ),
            PatternError::Class => "write [1-3] or [159]".into(),
            PatternError::Group => "close each ( with a )".into(),
            PatternError::AfterTail => "'.' and '!' stand last".into(),
            PatternError::Regex(_) => "correct the regular expression".into(),
            PatternError::LookAround => {
                "write two conditions: one that must match and one that must not".into()
            }
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Empty => f.write_str("the pattern is empty"),
            PatternError::TooLong => write!(f, "the pattern is longer than {MAX_PATTERN} bytes"),
            PatternError::Character(c) => write!(f, "'{c}' cannot stand in a number pattern"),
            PatternError::Class => f.write_str("a '[' class is empty, backwards or not closed"),
            PatternError::Group => f.write_str("'(' and ')' do not pair"),
            PatternError::AfterTail => f.write_str("something follows '.' or '!'"),
            PatternError::Regex(why) => write!(f, "the regular expression is wrong: {why}"),
            PatternError::LookAround => f.write_str(
                "the regular expression uses look-around or back-references, which Belfry lacks",
            ),
        }
    }
}

/// Compiles a regular expression within bounds.
pub fn compile(expression: &str, ignore_case: bool) -> Result<Regex, PatternError> {
    compile_within(expression, ignore_case, MAX_COMPILED)
}

/// Compiles one that a variable stands in, while a call waits: within tighter bounds.
pub fn compile_late(expression: &str, ignore_case: bool) -> Result<Regex, PatternError> {
    compile_within(expression, ignore_case, MAX_COMPILED_LATE)
}

fn compile_within(expression: &str, ignore_case: bool, most: usize) -> Result<Regex, PatternError> {
    if expression.len() > MAX_PATTERN {
        return Err(PatternError::TooLong);
    }
    let built = RegexBuilder::new(expression)
        .case_insensitive(ignore_case)
        .size_limit(most)
        .dfa_size_limit(most)
        .nest_limit(50)
        .build();
    built.map_err(|error| {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        if why.contains("look-around") || why.contains("backreferences") {
            PatternError::LookAround
        } else {
            PatternError::Regex(why)
        }
    })
}

/// The groups of a match, group 0 first.
pub fn groups(regex: &Regex, text: &str) -> Option<Vec<String>> {
    let found = regex.captures(text)?;
    let group = |n| found.get(n).map_or(String::new(), |m| m.as_str().to_owned());
    Some((0..found.len().min(10)).map(group).collect())
}

/// A number pattern of either spelling.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Dial(DialPattern),
    Regex(Regex),
    /// The text itself, whatever its letters; and a dial pattern, where it is one too.
    Name(Option<DialPattern>),
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source == other.source
    }
}

impl Pattern {
    /// Reads either spelling.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let kind = match text.strip_prefix('/') {
            Some(rest) => {
                let (expression, flags) = rest.rsplit_once('/').unwrap_or((rest, ""));
                if expression.is_empty() {
                    return Err(PatternError::Empty);
                }
                if let Some(flag) = flags.chars().find(|c| *c != 'i') {
                    return Err(PatternError::Regex(format!("'{flag}' after the last slash")));
                }
                Kind::Regex(compile(expression, flags.contains('i'))?)
            }
            None => Kind::Dial(DialPattern::parse(text)?),
        };
        Ok(Pattern { source: text.into(), kind })
    }

    /// Reads what a name is compared with: `/…/`, or the name as a whole, which may be a dial pattern of numbers too.
    pub fn name(text: &str) -> Result<Pattern, PatternError> {
        if text.starts_with('/') {
            return Pattern::parse(text);
        }
        match text.len() {
            0 => Err(PatternError::Empty),
            len if len > MAX_PATTERN => Err(PatternError::TooLong),
            _ => {
                let kind = Kind::Name(DialPattern::parse(text).ok());
                Ok(Pattern { source: text.into(), kind })
            }
        }
    }

    /// The pattern as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The groups caught (group 0 is the whole text), or `None` when it does not match.
    pub fn matches(&self, text: &str) -> Option<Vec<String>> {
        match &self.kind {
            Kind::Dial(dial) => dial.matches(text),
            Kind::Regex(regex) => groups(regex, text),
            Kind::Name(_) if *self.source == *text => Some(vec![text.to_owned()]),
            Kind::Name(dial) => dial.as_ref().and_then(|dial| dial.matches(text)),
        }
    }

    /// Whether a longer number that begins with `typed` could match.
    pub fn may_continue(&self, typed: &str) -> bool {
        match &self.kind {
            Kind::Dial(dial) => dial.may_continue(typed),
            Kind::Regex(_) => true,
            Kind::Name(_) => self.source.len() > typed.len() && self.source.starts_with(typed),
        }
    }

    /// Whether each number that `other` matches, this one matches too; `false` also where that cannot be told.
    pub fn covers(&self, other: &Pattern) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Dial(wide), Kind::Dial(narrow)) => wide.covers(narrow),
            _ => self == other || other.literal().is_some_and(|only| self.matches(only).is_some()),
        }
    }

    /// A number that both match, where there is one and that can be told.
    pub fn common(&self, other: &Pattern) -> Option<String> {
        match (&self.kind, &other.kind) {
            (Kind::Dial(one), Kind::Dial(two)) => one.common(two),
            (Kind::Regex(_), _) => {
                other.literal().filter(|n| self.matches(n).is_some()).map(Into::into)
            }
            (_, Kind::Regex(_)) => {
                self.literal().filter(|n| other.matches(n).is_some()).map(Into::into)
            }
            _ => (self == other).then(|| self.source.to_string()),
        }
    }

    /// The one number that matches, when there is only one.
    pub fn literal(&self) -> Option<&str> {
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | '+');
        (matches!(self.kind, Kind::Dial(_)) && self.source.chars().all(plain))
            .then_some(&*self.source)
    }

    /// The longest number that matches; `None` when there is no longest, or none that is known.
    pub fn max_len(&self) -> Option<usize> {
        match &self.kind {
            Kind::Dial(dial) => (dial.tail == Tail::None).then_some(dial.digits.len()),
            Kind::Regex(_) => None,
            Kind::Name(_) => Some(self.source.len()),
        }
    }

    /// Whether the pattern catches groups.
    pub fn has_groups(&self) -> bool {
        match &self.kind {
            Kind::Dial(dial) => !dial.groups.is_empty(),
            Kind::Regex(regex) => regex.captures_len() > 1,
            Kind::Name(dial) => dial.as_ref().is_some_and(|dial| !dial.groups.is_empty()),
        }
    }
}

/// A dial pattern: one set of digits for each place, and perhaps an open end.
#[derive(Clone, Debug, PartialEq)]
struct DialPattern {
    /// For each place a bit set over [`ALPHABET`].
    digits: Vec<u32>,
    tail: Tail,
    /// The places of each group; a group that holds the tail ends at `usize::MAX`.
    groups: Vec<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Tail {
    None,
    /// `.`
    OneOrMore,
    /// `!`
    NoneOrMore,
}

const ALPHABET: &str = "0123456789*#+ABCD";

fn bit(c: char) -> Option<u32> {
    ALPHABET.find(c.to_ascii_uppercase()).map(|at| 1 << at)
}

fn digits(range: Range<u32>) -> u32 {
    range.fold(0, |set, digit| set | 1 << digit)
}

impl DialPattern {
    fn parse(text: &str) -> Result<DialPattern, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN {
            return Err(PatternError::TooLong);
        }
        let mut pattern = DialPattern { digits: Vec::new(), tail: Tail::None, groups: Vec::new() };
        let mut open = None;
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if pattern.tail != Tail::None && c != ')' {
                return Err(PatternError::AfterTail);
            }
            let here = pattern.digits.len();
            match c {
                'x' | 'X' => pattern.digits.push(digits(0..10)),
                'n' | 'N' => pattern.digits.push(digits(2..10)),
                'z' | 'Z' => pattern.digits.push(digits(1..10)),
                '.' => pattern.tail = Tail::OneOrMore,
                '!' => pattern.tail = Tail::NoneOrMore,
                '[' => {
                    let set = class(&mut chars).ok_or(PatternError::Class)?;
                    pattern.digits.push(set);
                }
                '(' if open.is_none() => open = Some(here),
                ')' => {
                    let start = open.take().ok_or(PatternError::Group)?;
                    let end = if pattern.tail == Tail::None { here } else { usize::MAX };
                    pattern.groups.push(start..end);
                }
                '(' => return Err(PatternError::Group),
                _ => pattern.digits.push(bit(c).ok_or(PatternError::Character(c))?),
            }
        }
        if open.is_some() {
            return Err(PatternError::Group);
        }
        Ok(pattern)
    }

    /// The fewest characters of a number that it matches.
    fn least(&self) -> usize {
        self.digits.len() + usize::from(self.tail == Tail::OneOrMore)
    }

    fn covers(&self, narrow: &DialPattern) -> bool {
        let lengths = match (self.tail, narrow.tail) {
            (Tail::None, Tail::None) => self.digits.len() == narrow.digits.len(),
            (Tail::None, _) => false,
            (_, Tail::None) => narrow.digits.len() >= self.least(),
            (_, _) => narrow.least() >= self.least() && narrow.digits.len() >= self.digits.len(),
        };
        lengths && self.digits.iter().zip(&narrow.digits).all(|(wide, set)| set & !wide == 0)
    }

    fn common(&self, other: &DialPattern) -> Option<String> {
        let len = self.least().max(other.least());
        let has = |one: &DialPattern| one.tail != Tail::None || one.digits.len() == len;
        if !has(self) || !has(other) {
            return None;
        }
        let all = (1 << ALPHABET.len()) - 1;
        let at = |one: &DialPattern, n: usize| one.digits.get(n).copied().unwrap_or(all);
        let digit = |n| {
            let both: u32 = at(self, n) & at(other, n);
            ALPHABET.chars().nth(both.trailing_zeros() as usize)
        };
        (0..len).map(digit).collect()
    }

    fn begins(&self, text: &str) -> bool {
        let fits = |(set, c): (&u32, char)| bit(c).is_some_and(|b| set & b != 0);
        self.digits.iter().zip(text.chars()).all(fits)
    }

    fn matches(&self, text: &str) -> Option<Vec<String>> {
        let count = text.chars().count();
        let least = self.digits.len();
        let long_enough = match self.tail {
            Tail::None => count == least,
            Tail::OneOrMore => count > least,
            Tail::NoneOrMore => count >= least,
        };
        if !long_enough || !self.begins(text) {
            return None;
        }
        let byte_at = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
        let group = |r: &Range<usize>| text[byte_at(r.start)..byte_at(r.end)].to_owned();
        Some(core::iter::once(text.to_owned()).chain(self.groups.iter().map(group)).collect())
    }

    fn may_continue(&self, typed: &str) -> bool {
        let count = typed.chars().count();
        (count < self.digits.len() || self.tail != Tail::None) && self.begins(typed)
    }
}

/// The set between `[` and `]`; ranges such as `1-3`.
fn class(chars: &mut core::str::Chars<'_>) -> Option<u32> {
    let mut set = 0;
    let mut last: Option<u32> = None;
    loop {
        match chars.next()? {
            ']' => return (set != 0).then_some(set),
            '-' => {
                let (from, to) = (last.take()?, chars.next()?.to_digit(10)?);
                if to < from {
                    return None;
                }
                set |= digits(from..to + 1);
            }
            c => {
                set |= bit(c)?;
                last = c.to_digit(10);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caught(pattern: &str, text: &str) -> Option<Vec<String>> {
        Pattern::parse(pattern).expect("a good pattern").matches(text)
    }

    #[test]
    fn a_name_is_itself_whatever_its_letters_and_a_pattern_of_numbers_too() {
        let takes =
            |name: &str, text: &str| Pattern::name(name).expect("a name").matches(text).is_some();
        assert!(takes("e1-a", "e1-a") && !takes("e1-a", "e1-a2") && !takes("e1-a", "xe1-a"));
        assert!(takes("1zx", "1zx") && takes("1zx", "110"), "a gateway, and phones");
        assert!(takes("10xx", "1001") && !takes("10xx", "1101"));
        assert!(takes("王秀英", "王秀英") && takes("/^王/", "王秀英"));
        assert!(Pattern::name("").is_err() && Pattern::name("/(/").is_err());
        let of = |name: &str| Pattern::name(name).expect("a name");
        assert!(of("e1-a").covers(&of("e1-a")) && !of("e1-a").covers(&of("e1-b")));
        assert_eq!(of("e1-a").common(&of("e1-a")).as_deref(), Some("e1-a"));
        assert_eq!(of("e1-a").common(&of("e1-b")), None);
    }

    #[test]
    fn which_pattern_takes_all_of_another_and_which_only_some() {
        let of = |text: &str| Pattern::parse(text).expect("a good pattern");
        for (wide, narrow, covers) in [
            ("1xxx", "10xx", true),
            ("10xx", "1xxx", false),
            ("1xxx", "1001", true),
            ("1xxx", "1xx", false),
            ("1.", "1xxx", true),
            ("1.", "1", false),
            ("1!", "1.", true),
            ("1.", "1!", false),
            ("1x.", "1.", false),
            ("1xxx", "1.", false),
            ("[1-3]x", "2[0-4]", true),
            ("/^1/", "1001", true),
            ("/^1/", "1xxx", false),
        ] {
            assert_eq!(of(wide).covers(&of(narrow)), covers, "{wide} {narrow}");
        }
        for (one, two, common) in [
            ("10xx", "1x5x", Some("1050")),
            ("1xxx", "2xxx", None),
            ("1.", "12!", Some("12")),
            ("1xx", "1xxx", None),
            ("1xxx", "/^10/", None),
            ("1001", "/^10/", Some("1001")),
        ] {
            assert_eq!(of(one).common(&of(two)).as_deref(), common, "{one} {two}");
            if let Some(number) = common {
                assert!(of(one).matches(number).is_some() && of(two).matches(number).is_some());
            }
        }
    }

    #[test]
    fn dial_patterns_cover_the_whole_number() {
        assert!(caught("4008001234", "4008001234").is_some());
        assert!(caught("4008001234", "40080012345").is_none());
        assert!(caught("1xxx", "1001").is_some() && caught("1xxx", "2001").is_none());
        assert!(caught("nz[15-7]", "916").is_some() && caught("nz[15-7]", "112").is_none());
        assert!(caught("0.", "0").is_none() && caught("0!", "0").is_some());
        assert_eq!(caught("0(.)", "010").unwrap(), ["010", "10"]);
        assert_eq!(caught("(1x)(xx)", "1234").unwrap(), ["1234", "12", "34"]);
        assert!(caught("0.", "0张三").is_some(), "the tail takes anything");
    }

    #[test]
    fn regular_expressions_match_anywhere_and_catch() {
        assert_eq!(caught("/^0(\\d+)$/", "0755").unwrap(), ["0755", "755"]);
        assert!(caught("/ali/i", "Alice").is_some());
        assert_eq!(
            caught("/^(a)|(b)$/", "b").unwrap(),
            ["b", "", "b"],
            "a group not taken is empty"
        );
    }

    #[test]
    fn wrong_patterns_are_refused() {
        let error = |text| Pattern::parse(text).expect_err("wrong");
        assert_eq!(error(""), PatternError::Empty);
        assert_eq!(error("12a4q"), PatternError::Character('q'));
        assert_eq!(error("1[3-"), PatternError::Class);
        assert_eq!(error("1[5-3]"), PatternError::Class);
        assert_eq!(error("1(2"), PatternError::Group);
        assert_eq!(error("1.2"), PatternError::AfterTail);
        assert_eq!(error("/^((?!6000)60\\d{2})$/"), PatternError::LookAround);
        assert!(matches!(error("/(/"), PatternError::Regex(_)));
        assert!(matches!(error("/a/g"), PatternError::Regex(_)));
        assert!(matches!(error("/(((a{500}){500}){500})/"), PatternError::Regex(_)), "too big");
    }

    #[test]
    fn a_prefix_says_whether_more_may_come() {
        let pattern = Pattern::parse("10xx").unwrap();
        assert!(pattern.may_continue("1") && pattern.may_continue("10"));
        assert!(!pattern.may_continue("1001") && !pattern.may_continue("2"));
        assert!(Pattern::parse("0.").unwrap().may_continue("0123"));
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in ".{0,20}|[0-9xnz.!()\\[\\]-]{0,12}", text in "[0-9*#]{0,8}") {
            let read = Pattern::parse(&pattern).ok().filter(|p| p.max_len().is_some());
            if let Some(pattern) = read.filter(|p| p.matches(&text).is_some()) {
                assert!(!pattern.may_continue(&text));
            }
        }
    }
}
