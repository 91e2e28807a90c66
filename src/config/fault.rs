//! What is wrong in a configuration text, where, and what to write instead.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;

/// More faults than this are counted, not kept: nobody reads them, and a hostile text must not
/// make a report larger than itself.
pub const MAX_FAULTS: usize = 100;

/// Whether a fault keeps the configuration from being used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// The configuration is used; the line says what the writer may not expect.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One thing wrong at one place. The file's name is added by whoever read the file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Refused or only remarked.
    pub severity: Severity,
    /// What is wrong, as half a sentence.
    pub what: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Fault {
    /// `12:7: error: what; remedy`: one line, as compilers print it after the file's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { line, column, severity, what, remedy } = self;
        write!(f, "{line}:{column}: {severity}: {what}; {remedy}")
    }
}

/// Where something stands in the text. It is not part of what the text says, so two places always
/// compare equal: moving a `[[phone]]` down a line changes nothing on reload.
#[derive(Clone, Copy, Debug, Default)]
pub struct At {
    /// Line, from 1; 0 for what no file says.
    pub line: u32,
    /// Column in characters, from 1; 0 for what no file says.
    pub column: u32,
}

impl PartialEq for At {
    fn eq(&self, _: &At) -> bool {
        true
    }
}
impl Eq for At {}

/// Where the keys of sections that stand once are written. Like [`At`] it is no part of what the
/// text says, so any two compare equal.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<(&'static str, &'static str), At>);

impl Places {
    pub(super) fn new(places: impl Iterator<Item = ((&'static str, &'static str), At)>) -> Places {
        Places(places.collect())
    }

    /// The value of `key`, else the header of its section, else the start of the text.
    pub(super) fn of(&self, section: &'static str, key: &'static str) -> At {
        let written = |key| self.0.get(&(section, key)).copied();
        written(key).or_else(|| written("")).unwrap_or(At { line: 1, column: 1 })
    }

    /// Whether the text says anything in a section.
    pub(super) fn has(&self, section: &'static str) -> bool {
        self.0.keys().any(|(own, key)| *own == section && !key.is_empty())
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}

/// Byte offsets to lines and columns.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    /// Offset at which each line starts.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Lines<'t> {
        let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Lines { text, starts: core::iter::once(0).chain(breaks).collect() }
    }

    /// The place of a byte offset; one past the end stands for the end.
    pub(super) fn at(&self, offset: usize) -> At {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        At { line: line as u32, column: column as u32 }
    }
}

/// Collects faults, up to [`MAX_FAULTS`].
#[derive(Debug)]
pub(super) struct Faults<'t> {
    lines: Lines<'t>,
    kept: Vec<Fault>,
    dropped: usize,
    errors: usize,
}

impl<'t> Faults<'t> {
    pub(super) fn new(text: &'t str) -> Faults<'t> {
        Faults { lines: Lines::new(text), kept: Vec::new(), dropped: 0, errors: 0 }
    }

    pub(super) fn at(&self, offset: usize) -> At {
        self.lines.at(offset)
    }

    pub(super) fn error(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.errors += 1;
        self.add(span, Severity::Error, what.into(), remedy.into());
    }

    pub(super) fn warn(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(span, Severity::Warning, what.into(), remedy.into());
    }

    fn add(&mut self, span: &Range<usize>, severity: Severity, what: String, remedy: String) {
        if self.kept.len() == MAX_FAULTS {
            self.dropped += 1;
            return;
        }
        let At { line, column } = self.at(span.start);
        self.kept.push(Fault { line, column, severity, what, remedy });
    }

    /// Whether anything forbids using the configuration.
    pub(super) fn fatal(&self) -> bool {
        self.errors > 0
    }

    /// All of them in the order of the text.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        self.kept.sort();
        self.kept.dedup();
        if self.dropped > 0 {
            let At { line, column } = self.at(usize::MAX);
            self.kept.push(Fault {
                line,
                column,
                severity: if self.fatal() { Severity::Error } else { Severity::Warning },
                what: format!("{} more faults are not shown", self.dropped),
                remedy: "mend those above first".into(),
            });
        }
        self.kept
    }
}

/// The start of a text that a message quotes: whole when short, never with control characters.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters() {
        let lines = Lines::new("a = 1\n名 = 2\n");
        let place = |offset| {
            let At { line, column } = lines.at(offset);
            (line, column)
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(4), (1, 5));
        assert_eq!(place(6), (2, 1));
        assert_eq!(place(7), (2, 1), "inside a character: its start");
        assert_eq!(place(9), (2, 2));
        assert_eq!(place(9_999), (3, 1));
        assert_eq!((Lines::new("").at(5).line, Lines::new("").at(5).column), (1, 1));
    }

    #[test]
    fn a_flood_of_faults_is_bounded_and_counted() {
        let mut faults = Faults::new("x");
        for n in 0..MAX_FAULTS + 7 {
            faults.error(&(0..1), format!("fault {n}"), "mend it");
        }
        let all = faults.finish();
        assert_eq!(all.len(), MAX_FAULTS + 1);
        assert_eq!(all[MAX_FAULTS].what, "7 more faults are not shown");
    }
}
