//! A campaign's list as a table: a file's rows to numbers with what is known of each (R19).
//!
//! The first row names the columns; the one called `number` (号码, 电话) is dialled, all others are shown to the
//! agent. A row that cannot be called is refused by its number with the reason, and the others are taken: a list
//! of a hundred thousand has faults. A number that stands there twice is called once.

use core::fmt;
use std::collections::BTreeMap;

/// Numbers of one list.
pub const MOST_NUMBERS: usize = 200_000;
/// Bytes of what is known of one number: headings and texts.
pub const MOST_FIELDS: usize = 400;
/// Refused rows that are told one by one.
pub const MOST_TOLD: usize = 200;
/// Digits of a number.
const DIGITS: core::ops::RangeInclusive<usize> = 3..=20;
/// Headings of the column that is dialled.
const NUMBER: [&str; 5] = ["number", "phone", "号码", "电话", "电话号码"];

/// A number of a list, and what is known of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The number, as it is dialled.
    pub number: String,
    /// What the other columns say: a line each, `heading: text`.
    pub fields: String,
}

/// A row that is not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The row, from 1: the heading's.
    pub row: usize,
    /// Why, and what to write.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.row, self.what)
    }
}

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Read {
    /// The numbers, in the order of the file.
    pub entries: Vec<Entry>,
    /// Rows that are not taken, the first of them.
    pub faults: Vec<Fault>,
    /// How many are not taken.
    pub refused: usize,
    /// Of them those whose number stands there already.
    pub twice: usize,
}

/// The number that a text writes: digits, perhaps after `+`; spaces and marks between them are left out.
pub fn number(text: &str) -> Result<String, String> {
    let bare: String =
        text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '/')).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    if bare.is_empty() {
        return Err("it has no number".into());
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let remedy = match digits.contains(['E', 'e']) {
            true => "a spreadsheet has shortened it; give the column the format 'text'",
            false => "write digits, such as 13800138000",
        };
        return Err(format!("'{}' is no number: {remedy}", text.trim().escape_debug()));
    }
    if !DIGITS.contains(&digits.len()) {
        let (least, most) = (DIGITS.start(), DIGITS.end());
        return Err(format!("'{bare}' has {} digits, not {least} to {most}", digits.len()));
    }
    Ok(bare)
}

/// The rows of a file, each with its number. `known` gives what is the same for all ways in which a number is
/// written, or says why it is not called. Err: the file is no list.
pub fn read(
    rows: &[(usize, Vec<String>)],
    known: impl Fn(&str) -> Result<String, String>,
) -> Result<Read, Fault> {
    let Some(((first, headings), rows)) = rows.split_first() else {
        let what = "the file is empty: its first row names the columns, one of them 'number'";
        return Err(Fault { row: 1, what: what.into() });
    };
    let is_number = |heading: &String| {
        let heading = heading.trim().to_lowercase();
        NUMBER.contains(&heading.as_str())
    };
    let Some(at) = headings.iter().position(is_number) else {
        let what = "no column is called 'number': its first row names the columns".into();
        return Err(Fault { row: *first, what });
    };
    if rows.len() > MOST_NUMBERS {
        let what =
            format!("it has {} rows, and a list at most {MOST_NUMBERS}: split it", rows.len());
        return Err(Fault { row: *first, what });
    }
    let mut all = Read::default();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (row, cells) in rows {
        let own = number(cells.get(at).map_or("", String::as_str));
        let own = own.and_then(|number| known(&number).map(|key| (number, key)));
        let own = own.and_then(|own| fields(headings, cells, at).map(|fields| (own, fields)));
        let fault = match own {
            Ok(((number, key), fields)) => match seen.get(&key) {
                Some(first) => {
                    all.twice += 1;
                    format!("number {number} stands in row {first} already")
                }
                None => {
                    seen.insert(key, *row);
                    all.entries.push(Entry { number, fields });
                    continue;
                }
            },
            Err(what) => what,
        };
        all.refused += 1;
        if all.faults.len() < MOST_TOLD {
            all.faults.push(Fault { row: *row, what: fault });
        }
    }
    Ok(all)
}

/// What the other columns say of a row.
fn fields(headings: &[String], cells: &[String], number: usize) -> Result<String, String> {
    let mut text = String::new();
    for (at, cell) in cells.iter().enumerate().filter(|(at, _)| *at != number) {
        let clean = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cell = clean(cell);
        if cell.is_empty() {
            continue;
        }
        let heading = headings.get(at).map(|own| clean(own).replace(':', " ")).unwrap_or_default();
        if heading.is_empty() {
            return Err(format!("column {} has a text and no heading: name it", at + 1));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("{heading}: {cell}");
    }
    match text.len() <= MOST_FIELDS {
        true => Ok(text),
        false => Err(format!("its columns hold {} bytes, and may {MOST_FIELDS}", text.len())),
    }
}

/// Heading and text of each line of an entry's fields.
pub fn pairs(fields: &str) -> impl Iterator<Item = (&str, &str)> {
    fields.lines().filter_map(|line| line.split_once(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Result<Read, Fault> {
        let rows: Vec<(usize, Vec<String>)> = text
            .lines()
            .enumerate()
            .map(|(n, line)| (n + 1, line.split(',').map(str::to_owned).collect()))
            .collect();
        read(&rows, |number| match number {
            "120" => Err("120 is a number for help".into()),
            _ => Ok(number.trim_start_matches("+86").to_owned()),
        })
    }

    #[test]
    fn rows_with_faults_are_refused_by_number_and_the_others_taken() {
        let text = "name,Number,city\nWang,138 0013-8000,Foshan\nLi,1x3,\nZhao,,\nWu,120,\n\
                    Wang,+8613800138000,\nSun,1.38E+10,\nQian,13900139000\n";
        let all = of(text).unwrap();
        let numbers: Vec<&str> = all.entries.iter().map(|own| own.number.as_str()).collect();
        assert_eq!(numbers, ["13800138000", "13900139000"]);
        assert_eq!(all.entries[0].fields, "name: Wang\ncity: Foshan");
        assert_eq!(pairs(&all.entries[0].fields).collect::<Vec<_>>()[1], ("city", "Foshan"));
        let told: Vec<String> = all.faults.iter().map(ToString::to_string).collect();
        assert_eq!((all.refused, all.twice), (5, 1));
        assert!(told[0].starts_with("row 3: '1x3' is no number"), "{told:?}");
        assert_eq!(told[1], "row 4: it has no number");
        assert_eq!(told[2], "row 5: 120 is a number for help");
        assert_eq!(told[3], "row 6: number +8613800138000 stands in row 2 already");
        assert!(told[4].contains("format 'text'"), "{told:?}");
    }

    #[test]
    fn what_is_no_list_says_so() {
        assert!(of("").unwrap_err().what.contains("empty"));
        assert!(of("name,city\nWang,Foshan\n").unwrap_err().what.contains("'number'"));
        assert!(of("号码,姓名\n10086,王\n").unwrap().faults.is_empty());
        let none = of("number\n100,more\n").unwrap();
        assert!(none.faults[0].what.contains("no heading"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9a-z,+ \n号码:]{0,200}") {
            if let Ok(all) = of(&format!("number,a\n{text}")) {
                for own in &all.entries {
                    prop_assert!(number(&own.number).as_ref() == Ok(&own.number));
                    prop_assert!(own.fields.len() <= MOST_FIELDS);
                }
                prop_assert!(all.faults.len() <= all.refused && all.twice <= all.refused);
            }
        }
    }
}
