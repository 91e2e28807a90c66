//! The directory of recordings as a calendar: `YYYY/MM/DD`, each day's files in it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

/// The directory of recordings.
pub(super) struct Days {
    root: PathBuf,
}

impl Days {
    /// Below `root`.
    pub(super) fn new(root: PathBuf) -> Days {
        Days { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The days from `first` to before `end` of which there is a directory, oldest first, one after
    /// the other to `each` until that is satisfied.
    pub(super) fn walk(
        &self,
        first: &str,
        end: Date,
        mut each: impl FnMut(&str) -> io::Result<bool>,
    ) -> io::Result<()> {
        let last_year = format!("{:04}", end.year().max(0));
        // Paths sort as their dates do.
        for year in self.numbers("", 4, &last_year)? {
            for month in self.numbers(&year, 2, "12")? {
                let month = format!("{year}/{month}");
                for day in self.numbers(&month, 2, "31")? {
                    let day = format!("{month}/{day}");
                    if !is_before(&day, end) {
                        return Ok(());
                    }
                    if day.as_str() >= first && each(&day)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The newest day of which there is a directory.
    pub(super) fn newest(&self) -> io::Result<Option<Date>> {
        for year in self.numbers("", 4, "9999")?.iter().rev() {
            for month in self.numbers(year, 2, "12")?.iter().rev() {
                let month = format!("{year}/{month}");
                for day in self.numbers(&month, 2, "31")?.iter().rev() {
                    if let Ok(date) = format!("{month}/{day}").replace('/', "-").parse() {
                        return Ok(Some(date));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The names in the directory `path` below the root that are numbers of `digits` digits, up to
    /// `last`, in their order.
    fn numbers(&self, path: &str, digits: usize, last: &str) -> io::Result<BTreeSet<String>> {
        let is_number = |n: &String| n.len() == digits && n.bytes().all(|b| b.is_ascii_digit());
        let names = self.names(path)?.into_iter().filter(|n| is_number(n) && n.as_str() <= last);
        Ok(names.collect())
    }

    /// The names in a directory; none when it is not there, or no directory.
    pub(super) fn names(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(path)) {
            Ok(entries) => entries,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

/// Whether the directory `YYYY/MM/DD` is of a date before `end`. One that is no date (the 31st of
/// February) holds nothing of ours and is passed over.
fn is_before(day: &str, end: Date) -> bool {
    day.replace('/', "-").parse::<Date>().map_or(true, |date| date < end)
}
