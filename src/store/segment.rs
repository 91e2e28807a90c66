//! The journal's files: their names, their first line, what is found of them at start.
//!
//! ```text
//! journal/lock                                held by the one process that writes
//! journal/000002-00000000000000000001.journal   run 2, first fact 1   ─ applied, then removed
//! journal/000003-00000000000000000017.journal   run 3, first fact 17  ─ the tip
//! ```
//!
//! A *run* is one process's life. Facts are known by (journal, run, number): so a record that a
//! crash cut off and whose number a later process gives again is never taken for it.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use core::fmt;
use core::str::FromStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::{frame, unframe};
use crate::switch::fact::Fact;

/// The format of the segments that this version writes; older ones are read.
pub const FORMAT: u32 = 1;

/// A segment's file name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SegmentName {
    /// Which process wrote it, counted from 1.
    pub run: u32,
    /// The number of its first fact.
    pub first: u64,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}-{:020}.journal", self.run, self.first)
    }
}

/// The name of some other file.
#[derive(Debug, PartialEq, Eq)]
pub struct NoSegment;

impl FromStr for SegmentName {
    type Err = NoSegment;
    fn from_str(name: &str) -> Result<SegmentName, NoSegment> {
        let ends = name.strip_suffix(".journal").and_then(|stem| stem.split_once('-'));
        let (run, first) = ends.ok_or(NoSegment)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| NoSegment);
        Ok(SegmentName {
            run: number(run)?.try_into().map_err(|_| NoSegment)?,
            first: number(first)?,
        })
    }
}

/// A segment's first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub belfry_journal: u32,
    /// The journal's own random number: a new directory is a new journal.
    pub journal: u64,
    /// As in the file's name.
    pub run: u32,
    /// As in the file's name.
    pub first: u64,
}

impl Header {
    /// The header in a record's JSON.
    pub fn read(json: &str) -> Option<Header> {
        serde_json::from_str(json).ok()
    }
    /// The header as a record.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        frame(&serde_json::to_string(self).expect("a struct of numbers is JSON"), &mut line);
        line
    }
}

/// Why the journal cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The directory or a file in it.
    Io(PathBuf, io::Error),
    /// Another process writes there.
    InUse(PathBuf),
    /// A later version wrote it, in this format.
    Newer(PathBuf, u32),
    /// The system gives no thread.
    Thread(io::Error),
    /// The system gives no random number.
    NoEntropy,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io(path, why) => write!(
                f,
                "the journal cannot be kept at {}: {why}; make the directory writable for \
                 Belfry's user, or set [node] data_dir",
                path.display()
            ),
            OpenError::InUse(path) => write!(
                f,
                "another Belfry writes the journal at {}; stop it, or set another [node] data_dir",
                path.display()
            ),
            OpenError::Newer(path, format) => write!(
                f,
                "{} was written by a later version (format {format}, this one knows {FORMAT}); \
                 start that version, or move the file away",
                path.display()
            ),
            OpenError::Thread(why) => write!(f, "the store gets no thread: {why}"),
            OpenError::NoEntropy => f.write_str("the system gives no random number"),
        }
    }
}
impl std::error::Error for OpenError {}

/// The segments in a directory, in the order in which they were written.
pub fn list(dir: &Path) -> io::Result<Vec<SegmentName>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.extend(entry?.file_name().to_str().and_then(|name| name.parse::<SegmentName>().ok()));
    }
    names.sort();
    Ok(names)
}

/// What was found in a directory, and who may go on.
#[derive(Debug)]
pub struct Opened {
    /// The journal's number.
    pub journal: u64,
    /// The run that begins.
    pub run: u32,
    /// The number of its first fact.
    pub next_seq: u64,
    /// Bytes in segments that may not be applied yet.
    pub waiting_bytes: u64,
    /// Bytes that were cut off the last segment.
    pub cut: u64,
    /// Damaged records in the last segment, before its end.
    pub damaged: u64,
    /// Held as long as the process writes; the system releases it when the process dies.
    pub lock: File,
}

/// Whether a process writes to the directory now.
pub fn is_held(dir: &Path) -> bool {
    let lock = OpenOptions::new().write(true).open(dir.join("lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// The newest fact in a directory, by its journal's number and its own, whoever writes there; `None`: there is none.
pub fn newest(dir: &Path) -> io::Result<Option<(u64, u64)>> {
    // A segment is removed once a newer one is there: then that one is read.
    for _ in 0..3 {
        let names = match list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            names => names?,
        };
        let Some(last) = names.last() else { return Ok(None) };
        let bytes = match fs::read(dir.join(last.to_string())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            bytes => bytes?,
        };
        let (found, _) = scan(&bytes);
        let header = found.header.or_else(|| names.iter().rev().find_map(|n| header_of(dir, *n)));
        let seq = found.last_seq.unwrap_or(last.first.saturating_sub(1));
        return Ok(header.map(|header| (header.journal, seq)));
    }
    Ok(None)
}

/// Opens a directory for writing: locks it, cuts a half-written end off its last segment and says
/// where to go on. Earlier segments ended in good order and are left to the reader.
pub fn open(dir: &Path) -> Result<Opened, OpenError> {
    let io_error = |why| OpenError::Io(dir.to_owned(), why);
    fs::create_dir_all(dir).map_err(io_error)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("lock"));
    let lock = lock.map_err(io_error)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(dir.to_owned())),
        Err(TryLockError::Error(why)) => return Err(io_error(why)),
    }
    let names = list(dir).map_err(io_error)?;
    let mut opened = Opened {
        journal: 0,
        run: names.last().map_or(1, |last| last.run.saturating_add(1)),
        next_seq: 1,
        waiting_bytes: 0,
        cut: 0,
        damaged: 0,
        lock,
    };
    let mut header = None;
    if let Some(last) = names.last() {
        let path = dir.join(last.to_string());
        let found = mend(&path).map_err(|why| OpenError::Io(path.clone(), why))?;
        if let Some(newer) = found.header.as_ref().filter(|h| h.belfry_journal > FORMAT) {
            return Err(OpenError::Newer(path, newer.belfry_journal));
        }
        opened.next_seq = last.first.max(found.last_seq.map_or(0, |seq| seq + 1));
        opened.cut = found.cut;
        opened.damaged = found.damaged;
        header = found.header;
    }
    opened.journal = match header.or_else(|| names.iter().rev().find_map(|n| header_of(dir, *n))) {
        Some(header) => header.journal,
        None => random()?,
    };
    for name in &names {
        let bytes = fs::metadata(dir.join(name.to_string())).map_or(0, |meta| meta.len());
        opened.waiting_bytes += bytes;
    }
    Ok(opened)
}

fn header_of(dir: &Path, name: SegmentName) -> Option<Header> {
    let mut start = Vec::new();
    File::open(dir.join(name.to_string())).ok()?.take(512).read_to_end(&mut start).ok()?;
    let line = start.split(|b| *b == b'\n').next()?;
    Header::read(unframe(line)?)
}

fn random() -> Result<u64, OpenError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|_| OpenError::NoEntropy)?;
    Ok(u64::from_le_bytes(bytes))
}

#[derive(Debug, Default)]
struct Mended {
    header: Option<Header>,
    last_seq: Option<u64>,
    cut: u64,
    damaged: u64,
}

/// Reads a segment to its end and cuts off what follows the last whole record. What a crash leaves
/// is at the end; a damaged record with good ones behind it stays where it is and is counted.
fn mend(path: &Path) -> io::Result<Mended> {
    let bytes = fs::read(path)?;
    let (mut mended, good) = scan(&bytes);
    if good < bytes.len() {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(good as u64)?;
        file.sync_all()?;
        mended.cut = (bytes.len() - good) as u64;
    }
    Ok(mended)
}

/// What a segment holds, and up to where its last whole record goes.
fn scan(bytes: &[u8]) -> (Mended, usize) {
    let mut mended = Mended::default();
    let (mut good, mut at, mut bad) = (0, 0, 0);
    while let Some(length) = bytes[at..].iter().position(|b| *b == b'\n') {
        let line = &bytes[at..at + length];
        at += length + 1;
        let Some(json) = unframe(line) else {
            bad += 1;
            continue;
        };
        match serde_json::from_str::<Fact>(json) {
            Ok(fact) => mended.last_seq = mended.last_seq.max(Some(fact.seq)),
            Err(_) => match Header::read(json) {
                Some(header) if good == 0 => mended.header = Some(header),
                _ => bad += 1,
            },
        }
        good = at;
        mended.damaged = bad;
    }
    (mended, good)
}

/// Where segments are made: a directory, or in tests one that fails on demand.
pub(super) trait Medium: Send {
    /// A new, empty segment; one of the same name is overwritten.
    fn create(&mut self, name: SegmentName) -> io::Result<Box<dyn Appending>>;
}

/// A segment being written.
pub(super) trait Appending: Send {
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes them survive a power cut.
    fn sync(&mut self) -> io::Result<()>;
    /// Takes everything after `len` bytes back.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// The real directory.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(dir: &Path) -> Directory {
        Directory(dir.to_owned())
    }
}

impl Medium for Directory {
    fn create(&mut self, name: SegmentName) -> io::Result<Box<dyn Appending>> {
        let path = self.0.join(name.to_string());
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        // The name itself must survive a power cut, not only what is in the file.
        File::open(&self.0)?.sync_all()?;
        Ok(Box::new(file))
    }
}

impl Appending for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_sort_by_age() {
        let name = SegmentName { run: 3, first: 17 };
        assert_eq!(name.to_string(), "000003-00000000000000000017.journal");
        assert_eq!(name.to_string().parse(), Ok(name));
        for other in ["lock", "3.journal", "x-1.journal", "1-2.damaged", "-.journal"] {
            assert_eq!(other.parse::<SegmentName>(), Err(NoSegment), "{other}");
        }
        assert!(SegmentName { run: 2, first: 900 } < name);
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path()).unwrap();
        assert!(matches!(open(dir.path()), Err(OpenError::InUse(_))));
        drop(first);
        assert!(open(dir.path()).is_ok());
    }

    #[test]
    fn a_later_format_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let header = Header { belfry_journal: 9, journal: 1, run: 1, first: 1 };
        let name = SegmentName { run: 1, first: 1 };
        fs::write(dir.path().join(name.to_string()), header.line()).unwrap();
        let why = open(dir.path()).unwrap_err().to_string();
        assert!(why.contains("later version (format 9, this one knows 1)"), "{why}");
    }
}
