//! Faults: what is wrong in a dialplan file, where, and what to write instead.
//!
//! Place: every reader and check of this folder reports here; `belfry check` prints the list. All
//! faults of all files are collected, not only the first. An [`Severity::Error`] keeps the plan from
//! being used; a [`Severity::Loss`] loses the calls that come there; a [`Severity::Warning`] names a thing that will not do what the file says (a prompt
//! that is not there, a FreeSWITCH application Belfry lacks) while the rest of the plan works.
//!
//! ```text
//! care-line.toml:12:15: error: 'paly' is not an application; write 'play'
//! └ file        │  └ column, in characters, from 1
//!               └ line, from 1
//! ```

use core::fmt;

/// The most faults kept of one load; a file of garbage would otherwise fill memory with complaints.
pub const MAX_FAULTS: usize = 500;
/// The longest text of a fault, in characters: names in a hostile file may be as long as the file.
const MAX_CHARS: usize = 400;

/// The longest name that is compared with the known ones, in bytes.
const MAX_NAME: usize = 100;

/// Whether the plan can be used in spite of the fault.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No plan is made of the files.
    Error,
    /// A plan is made, and calls that come to this place are lost: an error for who checks, and no reason to
    /// refuse all other calls.
    Loss,
    /// A plan is made; what is named does not do what the file says.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Fault {
    /// Whether a plan can be made in spite of it.
    pub severity: Severity,
    /// The file's path as the loader was given it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong, naming the culprit.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error | Severity::Loss => "error",
            Severity::Warning => "warning",
        };
        let Fault { file, line, column, what, remedy, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}: {what}")?;
        if remedy.is_empty() { Ok(()) } else { write!(f, "; {remedy}") }
    }
}

/// A place in the files given to the loader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Index of the file.
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// Bytes of a line between two marks of a [`Source`]. A file may be a single line of megabytes, and
/// each of its steps asks for its place.
const MARK_EVERY: usize = 256;

/// One file's text with marks in it, so that a byte offset becomes a [`Place`].
#[derive(Debug)]
pub struct Source<'a> {
    /// Index of the file.
    pub file: u16,
    /// The whole text.
    pub text: &'a str,
    /// The offset and the place of each line's start and of characters further on, in their order.
    marks: Vec<(usize, Place)>,
}

impl<'a> Source<'a> {
    /// Indexes `text`.
    pub fn new(file: u16, text: &'a str) -> Source<'a> {
        let mut here = Place { file, line: 1, column: 1 };
        let mut marks = vec![(0, here)];
        let mut last = 0;
        for (offset, c) in text.char_indices() {
            if offset - last >= MARK_EVERY {
                marks.push((offset, here));
                last = offset;
            }
            here.column += 1;
            if c == '\n' {
                here = Place { file, line: here.line + 1, column: 1 };
                last = offset + 1;
                marks.push((last, here));
            }
        }
        Source { file, text, marks }
    }

    /// The place of a byte offset; an offset past the end or inside a character is moved back.
    pub fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = self.marks.partition_point(|(at, _)| *at <= offset) - 1;
        let (at, place) = self.marks[before];
        let further = self.text[at..offset].chars().count();
        Place { column: place.column + further as u32, ..place }
    }
}

/// The faults of one load, with the paths of its files.
#[derive(Debug, Default)]
pub struct Faults {
    paths: Vec<String>,
    list: Vec<Fault>,
    errors: usize,
    /// Those beyond [`MAX_FAULTS`].
    dropped: usize,
}

impl Faults {
    /// None yet, for files of these paths.
    pub fn new(paths: Vec<String>) -> Faults {
        Faults { paths, list: Vec::new(), errors: 0, dropped: 0 }
    }

    /// Adds an error.
    pub fn error(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.errors += 1;
        self.add(Severity::Error, place, what.into(), remedy.into());
    }

    /// Adds a warning.
    pub fn warn(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Warning, place, what.into(), remedy.into());
    }

    /// Adds what calls are lost by.
    pub fn lose(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.add(Severity::Loss, place, what.into(), remedy.into());
    }

    fn add(&mut self, severity: Severity, place: Place, what: String, remedy: String) {
        if self.list.len() >= MAX_FAULTS {
            self.dropped += 1;
            return;
        }
        let file = self.paths.get(usize::from(place.file)).cloned().unwrap_or_default();
        let (what, remedy) = (one_line(&what), one_line(&remedy));
        let fault = Fault { severity, file, line: place.line, column: place.column, what, remedy };
        if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    /// Whether no more is kept and no plan can be made, so that the rest need not be read. A file
    /// that only has very many warnings is read to its end: its plan must be whole.
    pub fn is_full(&self) -> bool {
        self.has_errors() && self.list.len() >= MAX_FAULTS
    }

    /// Whether no plan can be made.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All, ordered by file and place; last, how many there are beyond [`MAX_FAULTS`], as an error
    /// when one of them may be.
    pub fn into_sorted(mut self) -> Vec<Fault> {
        self.list.sort_by(|a, b| {
            (&a.file, a.line, a.column, a.severity).cmp(&(&b.file, b.line, b.column, b.severity))
        });
        if let (1.., Some(last)) = (self.dropped, self.list.last()) {
            let severity = if self.has_errors() { Severity::Error } else { Severity::Warning };
            let what = format!("{} faults or more are not shown", self.dropped);
            let remedy = "mend those above first".into();
            self.list.push(Fault { severity, what, remedy, ..last.clone() });
        }
        self.list
    }
}

/// A text of a fault as it is shown: on one line, without control characters, of a bounded length.
/// It may quote a file.
fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(MAX_CHARS).map(blank).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The known name nearest to `wrong`, if one is near enough to be what was meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > MAX_NAME {
        return None;
    }
    let lower = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance <= 1 + name.chars().count().min(wrong.chars().count()) / 3
        })
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// A remedy that names the nearest known name, or lists those there are.
pub fn did_you_mean<'a, I>(wrong: &str, known: I) -> String
where
    I: IntoIterator<Item = &'a str> + Clone,
{
    if let Some(name) = nearest(wrong, known.clone()) {
        return format!("write '{name}'");
    }
    let all: Vec<&str> = known.into_iter().collect();
    match all.len() {
        0 => "none is defined yet".into(),
        1..=12 => format!("known are: {}", all.join(", ")),
        many => format!("known are: {}, … ({many} in all)", all[..8].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_not_bytes() {
        let source = Source::new(3, "a\n请按一=1\n");
        assert_eq!(source.place(0), Place { file: 3, line: 1, column: 1 });
        assert_eq!(source.place(2 + 9), Place { file: 3, line: 2, column: 4 });
        assert_eq!(
            source.place(2 + 4),
            Place { file: 3, line: 2, column: 2 },
            "inside a character"
        );
        assert_eq!(source.place(999).line, 3);
    }

    #[test]
    fn places_in_long_lines_are_found_too() {
        let text = format!("{0}\n{0}", "é中x".repeat(400));
        let source = Source::new(0, &text);
        let mut place = Place { line: 1, column: 1, ..Place::default() };
        for (offset, c) in text.char_indices() {
            assert_eq!(source.place(offset), place);
            place.column += 1;
            if c == '\n' {
                place = Place { line: place.line + 1, column: 1, ..place };
            }
        }
        assert_eq!(source.place(usize::MAX), place);
    }

    #[test]
    fn a_fault_is_one_line_of_a_bounded_length() {
        let mut faults = Faults::new(vec!["a.xml".into()]);
        faults.error(Place::default(), format!("</{}\n\tx>", "é".repeat(3_000)), "close\r\nit");
        let fault = &faults.into_sorted()[0];
        assert!(!fault.to_string().contains(char::is_control), "{fault}");
        assert_eq!(fault.what.chars().count(), MAX_CHARS + 1);
        assert_eq!(fault.remedy, "close  it");
    }

    #[test]
    fn a_flood_of_faults_is_bounded_and_an_error_in_it_is_told() {
        let mut faults = Faults::new(vec!["a.xml".into()]);
        for line in 0..MAX_FAULTS as u32 + 6 {
            faults.warn(Place { line, ..Place::default() }, "odd", "even it");
        }
        assert!(!faults.is_full(), "a plan may still come of it");
        faults.error(Place::default(), "wrong", "right it");
        let all = faults.into_sorted();
        assert_eq!(all.len(), MAX_FAULTS + 1);
        let last = &all[MAX_FAULTS];
        assert_eq!(
            (last.severity, &*last.what),
            (Severity::Error, "7 faults or more are not shown")
        );
    }

    #[test]
    fn a_near_name_is_named_and_a_far_one_is_not() {
        assert_eq!(nearest("paly", ["play", "dial"]), Some("play"));
        assert_eq!(nearest("Hangup", ["hangup"]), Some("hangup"));
        assert_eq!(nearest("conference", ["play", "dial"]), None);
        assert!(did_you_mean("zzz", ["a1", "b2"]).contains("a1, b2"));
    }
}
