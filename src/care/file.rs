//! Subscribers as a table: a file's rows to changes, and back.
//!
//! The first row names the fields, in English or Chinese, in any order; each other row is one subscriber. Who is
//! there already keeps what the file has no column for. All or nothing: each fault is named by row and column,
//! and with one of them nothing is changed.

use core::fmt;
use std::collections::BTreeMap;

use crate::base::Wall;

use super::directory::{Directory, Kept};
use super::subscriber::{FIELDS, Field, Subscriber, field, no_field};

/// Faults that are told of one file.
pub const MOST_FAULTS: usize = 200;

/// What is wrong with a cell, a row or the heading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The row, from 1: the heading's.
    pub row: usize,
    /// The column, from 1, and its heading.
    pub column: Option<(usize, String)>,
    /// What is wrong, and what to write.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some((n, heading)) = &self.column {
            write!(f, ", column {n} ({heading})")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What a file changes.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Import {
    /// Who is new.
    pub added: Vec<Subscriber>,
    /// Who is other than before.
    pub changed: Vec<Subscriber>,
    /// How many are as they were.
    pub same: usize,
}

/// The rows of a file, each with its number, against who is there.
pub fn import(
    rows: &[(usize, Vec<String>)],
    there: &Directory,
    now: Wall,
) -> Result<Import, Vec<Fault>> {
    let mut faults = Vec::new();
    let Some(((heading_row, headings), rows)) = rows.split_first() else {
        let what = format!("the file is empty: its first row names the columns: {}", heading());
        return Err(vec![Fault { row: 1, column: None, what }]);
    };
    let columns = columns(*heading_row, headings, &mut faults);
    let mut all = there.clone();
    let mut import = Import::default();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (row, cells) in rows {
        if faults.len() >= MOST_FAULTS {
            break;
        }
        let Some(subscriber) = read(*row, cells, &columns, there, &mut faults) else { continue };
        let fault = |what| Fault { row: *row, column: None, what };
        if let Some(first) = seen.insert(subscriber.number.clone(), *row) {
            let what = format!("number {} stands in row {first} already", subscriber.number);
            faults.push(fault(what));
            continue;
        }
        // Numbers may change hands within one file: whose each is, is asked when all have theirs.
        match there.get(&subscriber.number) {
            Some(kept) if kept.subscriber == subscriber => import.same += 1,
            Some(_) => import.changed.push(subscriber),
            None => import.added.push(subscriber),
        }
    }
    for subscriber in import.changed.iter().chain(&import.added) {
        all.remove(&subscriber.number);
    }
    for subscriber in import.changed.iter().chain(&import.added) {
        if let Err(what) = all.put(Kept { subscriber: subscriber.clone(), since: now }) {
            let row = seen.get(&subscriber.number).copied().unwrap_or(0);
            faults.push(Fault { row, column: None, what });
        }
    }
    faults.sort_by_key(|fault| fault.row);
    faults.truncate(MOST_FAULTS);
    if faults.is_empty() { Ok(import) } else { Err(faults) }
}

/// The columns of a heading: place, and field.
fn columns(
    row: usize,
    headings: &[String],
    faults: &mut Vec<Fault>,
) -> Vec<(usize, &'static Field)> {
    let mut columns: Vec<(usize, &'static Field)> = Vec::new();
    for (at, heading) in headings.iter().enumerate() {
        let column = Some((at + 1, heading.clone()));
        match field(heading) {
            // A column without a name and, as the rows will show, without anything in it.
            None if heading.trim().is_empty() => {}
            None => faults.push(Fault { row, column, what: no_field(heading) }),
            Some(field) if columns.iter().any(|(_, own)| own.name == field.name) => {
                faults.push(Fault { row, column, what: "this column is there twice".into() });
            }
            Some(field) => columns.push((at, field)),
        }
    }
    if !columns.iter().any(|(_, field)| field.name == "number") && faults.is_empty() {
        let what = "there is no column 'number', by which subscribers are known".into();
        faults.push(Fault { row, column: None, what });
    }
    columns
}

/// One row; `None`: it has faults.
fn read(
    row: usize,
    cells: &[String],
    columns: &[(usize, &'static Field)],
    there: &Directory,
    faults: &mut Vec<Fault>,
) -> Option<Subscriber> {
    let before = faults.len();
    // A file that was cut off would empty what stands in the rest.
    let named = columns.iter().map(|(at, _)| at + 1).max().unwrap_or(0);
    if cells.len() < named {
        let what = format!(
            "the row has {} cells and the heading {named}: write the others, empty where a field is to be emptied",
            cells.len()
        );
        faults.push(Fault { row, column: None, what });
        return None;
    }
    let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
    let mut subscriber = Subscriber::default();
    let (at, number) = columns.iter().find(|(_, field)| field.name == "number")?;
    let column = |at: usize, field: &Field| Some((at + 1, field.name.to_owned()));
    if let Err(what) = number.put(&mut subscriber, cell(*at)) {
        faults.push(Fault { row, column: column(*at, number), what });
    }
    if let Some(kept) = there.get(&subscriber.number) {
        subscriber = kept.subscriber.clone();
    }
    for (at, field) in columns.iter().filter(|(_, field)| field.name != "number") {
        if let Err(what) = field.put(&mut subscriber, cell(*at)) {
            faults.push(Fault { row, column: column(*at, field), what });
        }
    }
    for (at, cell) in cells.iter().enumerate() {
        let known = columns.iter().any(|(own, _)| *own == at);
        if !known && !cell.trim().is_empty() && !faults.iter().any(|fault| fault.row == 1) {
            let what = "it stands in a column without a heading: name the column, or empty it";
            let column = Some((at + 1, String::new()));
            faults.push(Fault { row, column, what: what.into() });
        }
    }
    (faults.len() == before).then_some(subscriber)
}

/// All headings.
pub fn heading() -> String {
    FIELDS.iter().map(|field| field.name).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(usize, Vec<String>)> {
        let split = |line: &str| line.split(',').map(str::to_owned).collect();
        text.lines().enumerate().map(|(n, line)| (n + 1, split(line))).collect()
    }

    fn of(text: &str, there: &Directory) -> Result<Import, Vec<String>> {
        import(&rows(text), there, Wall(0))
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn there(text: &str) -> Directory {
        let mut all = Directory::default();
        for subscriber in of(text, &Directory::default()).unwrap().added {
            all.put(Kept { subscriber, since: Wall(0) }).unwrap();
        }
        all
    }

    #[test]
    fn new_changed_and_the_same() {
        let all = there("number,name,region\n100,Wang,south\n200,Li,north\n");
        let import = of("姓名,号码\nWang,100\nLin,200\nZhao,300\n", &all).unwrap();
        assert_eq!(import.same, 1);
        assert_eq!(
            (import.changed[0].name.as_str(), import.changed[0].region.as_str()),
            ("Lin", "north")
        );
        assert_eq!(import.added[0].number, "300");
    }

    #[test]
    fn each_fault_is_named_by_row_and_column() {
        let text = "number,nmae,language\n";
        assert_eq!(
            of(text, &Directory::default()).unwrap_err(),
            ["row 1, column 2 (nmae): there is no field 'nmae'; did you mean 'name'?"]
        );
        let text = "number,name,language,flag\n1x,Wang,fr,\n100,Li,,gold\n100,Li,,\n,No,,\n";
        let faults = of(text, &Directory::default()).unwrap_err();
        let begins = [
            "row 2, column 1 (number): '1x' is no number",
            "row 2, column 3 (language): 'fr' is no language",
            "row 3, column 4 (flag): 'gold' is no flag",
            "row 5, column 1 (number): it is empty",
        ];
        assert_eq!(faults.len(), begins.len(), "{faults:#?}");
        for (fault, begin) in faults.iter().zip(begins) {
            assert!(fault.starts_with(begin), "{fault}");
        }
        assert!(
            of("name\nWang\n", &Directory::default()).unwrap_err()[0]
                .contains("no column 'number'")
        );
        assert!(of("", &Directory::default()).unwrap_err()[0].contains("the file is empty"));
        let foreign = "number,name,notes\n100,Wang\u{7},\n200,Li,no\u{0}te\n";
        let foreign = of(foreign, &Directory::default()).unwrap_err();
        assert!(
            foreign.len() == 2
                && foreign[0].starts_with("row 2, column 2 (name): the character 5 is U+0007")
                && foreign[1].contains("column 3 (notes)"),
            "{foreign:?}"
        );
        let all = there("number,name,contacts\n100,Wang,Li/1\n");
        let short = of("number,name,contacts\n100,Wang\n", &all).unwrap_err();
        assert!(short[0].starts_with("row 2: the row has 2 cells and the heading 3"), "{short:?}");
        let extra = of("number\n100,x\n", &Directory::default()).unwrap_err();
        assert!(
            extra[0].starts_with("row 2, column 2 (): it stands in a column without"),
            "{extra:?}"
        );
    }

    #[test]
    fn numbers_are_one_subscribers() {
        let twice = of("number,further_numbers\n100,\n200,100\n", &Directory::default());
        assert!(twice.unwrap_err()[0].contains("100 is that of subscriber 100"));
        let twice = of("number\n100\n100\n", &Directory::default()).unwrap_err();
        assert_eq!(twice, ["row 3: number 100 stands in row 2 already"]);
        // A number may change hands within one file.
        let all = there("number,further_numbers\n100,9\n200,\n");
        assert_eq!(of("number,further_numbers\n200,9\n100,\n", &all).unwrap().changed.len(), 2);
    }
}
