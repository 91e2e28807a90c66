//! Goes through the journal in order, up to the tip, and removes what is applied. What the journal's thread has
//! just written comes in memory ([`handed`](super::handed)); all else is read.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::handed::Taken;
use super::journal::Tip;
use super::record::unframe;
use super::segment::{Header, SegmentName, list};
use crate::switch::fact::Fact;

/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// A record longer than this is none: more than a segment and a batch hold.
const LONGEST: usize = 64 << 20;

/// A fact's place: which journal, which process's life, which number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Position {
    pub(super) journal: u64,
    pub(super) run: u32,
    pub(super) seq: u64,
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: Position,
    pub(super) fact: Fact,
    /// As it was written.
    pub(super) json: String,
}

/// A step in the journal.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// Bytes of the journal that are done with once the records are applied.
    pub(super) bytes: u64,
    /// The segment that is done with then.
    finished: Option<Finished>,
}

#[derive(Debug)]
struct Finished {
    name: SegmentName,
    /// Records that could not be read: the file is kept.
    damaged: u64,
}

impl Batch {
    /// Nothing to do until the tip moves.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.finished.is_none()
    }
}

struct Current {
    name: SegmentName,
    file: File,
    /// By the header, or, where that is damaged, by the directory.
    journal: u64,
    offset: u64,
    damaged: u64,
}

/// Goes through the segments from the oldest.
pub(super) struct Reader {
    dir: PathBuf,
    /// The directory's number and the run of this process.
    journal: u64,
    run: u32,
    /// What was written just now.
    taken: Taken,
    current: Option<Current>,
    /// All before and including this one are done with.
    done: Option<SegmentName>,
}

impl Reader {
    pub(super) fn new(dir: impl Into<PathBuf>, (journal, run): (u64, u32), taken: Taken) -> Reader {
        Reader { dir: dir.into(), journal, run, taken, current: None, done: None }
    }

    /// The next records, at most one chunk's, none from beyond the tip. Without a tip (this process
    /// has written nothing yet) those of former processes.
    pub(super) fn next(&mut self, tip: Option<Tip>) -> io::Result<Batch> {
        let durable = |name: &SegmentName| match tip {
            Some(tip) => *name <= tip.name,
            // What is of this run is a segment being made.
            None => name.run < self.run,
        };
        if self.current.is_none() {
            let ahead = |name: &SegmentName| self.done.is_none_or(|done| *name > done);
            let Some(name) = list(&self.dir)?.into_iter().find(ahead).filter(durable) else {
                return Ok(Batch::default());
            };
            let file = File::open(self.dir.join(name.to_string()))?;
            let journal = self.journal;
            self.current = Some(Current { name, file, journal, offset: 0, damaged: 0 });
        }
        let current = self.current.as_mut().expect("opened above");
        let end = match tip {
            Some(tip) if tip.name == current.name => tip.len,
            _ => current.file.metadata()?.len(),
        };
        // The newest segment stays, so that numbers go on from it after a restart. Which that is the
        // directory need be asked only of one that is not the tip's: before anything is read, so that
        // nothing is passed over should it not answer.
        let name = current.name;
        let newer = |other: &SegmentName| *other > name && durable(other);
        let is_tip = tip.is_some_and(|tip| tip.name == name);
        let has_newer = !is_tip && list(&self.dir)?.iter().any(newer);
        let mut batch = Batch::default();
        let start = current.offset;
        if let Some(tip) = tip {
            let bounds = (tip, CHUNK as u64);
            current.offset = self.taken.follow(current.name, start, bounds, &mut batch.records);
        }
        if current.offset == start {
            let before = self.taken.begins(current.name, start).unwrap_or(end);
            current.read(end.min(before), &mut batch.records)?;
        }
        if has_newer && current.offset >= end {
            batch.finished = Some(Finished { name: current.name, damaged: current.damaged });
        }
        batch.bytes = current.offset - start;
        Ok(batch)
    }

    /// The records of a batch are applied: its segment, if it was the last of it, is removed. One
    /// that cannot be removed is read again after the next start, and skipped.
    pub(super) fn applied(&mut self, batch: &Batch) {
        let Some(Finished { name, damaged }) = batch.finished else {
            return;
        };
        self.current = None;
        self.done = Some(name);
        let path = self.dir.join(name.to_string());
        let segment = path.display();
        let removed = if damaged > 0 {
            tracing::error!(%segment, damaged, "damaged records: the segment is kept as *.damaged");
            fs::rename(&path, path.with_extension("damaged"))
        } else {
            fs::remove_file(&path)
        };
        if let Err(why) = removed {
            tracing::warn!(%segment, %why, "an applied segment of the journal cannot be removed");
        }
    }
}

impl Current {
    /// Reads whole lines up to `end`, a chunk of them.
    fn read(&mut self, end: u64, records: &mut Vec<Record>) -> io::Result<()> {
        let mut length = CHUNK;
        loop {
            let left = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let mut bytes = vec![0; length.min(left)];
            self.file.read_exact_at(&mut bytes, self.offset)?;
            match bytes.iter().rposition(|b| *b == b'\n') {
                Some(last) => {
                    bytes.truncate(last + 1);
                    self.take(&bytes, records);
                    self.offset += bytes.len() as u64;
                    return Ok(());
                }
                // No line break in it: a longer line than the chunk, or the end of a segment that
                // a failing disk left behind; its facts stand in the next one.
                None if bytes.len() == left || length >= LONGEST => {
                    self.offset = end;
                    return Ok(());
                }
                None => length *= 2,
            }
        }
    }

    /// The records of whole lines.
    fn take(&mut self, bytes: &[u8], records: &mut Vec<Record>) {
        let mut first = self.offset == 0;
        for line in bytes[..bytes.len() - 1].split(|b| *b == b'\n') {
            let json = unframe(line);
            let fact = json.and_then(|json| serde_json::from_str::<Fact>(json).ok());
            if let (Some(fact), Some(json)) = (fact, json) {
                let at = Position { journal: self.journal, run: self.name.run, seq: fact.seq };
                records.push(Record { at, fact, json: json.to_owned() });
            } else if let Some(header) = json.filter(|_| first).and_then(Header::read) {
                self.journal = header.journal;
            } else {
                self.damaged += 1;
            }
            first = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::handed;
    use super::super::record::frame;
    use super::*;
    use crate::base::Wall;
    use crate::switch::fact::FactKind;
    use std::io::Write;

    /// A directory that does not answer at the moment loses no facts.
    #[test]
    fn nothing_is_passed_over_when_the_directory_cannot_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let (there, away) = (dir.path().join("journal"), dir.path().join("away"));
        fs::create_dir(&there).unwrap();
        let name = SegmentName { run: 1, first: 1 };
        let mut file = File::create(there.join(name.to_string())).unwrap();
        let mut write = |seq: u64| {
            let why = format!("fact {seq}");
            let fact = Fact { seq, wall: Wall(0), kind: FactKind::Stopped { why } };
            let mut line = Vec::new();
            frame(&serde_json::to_string(&fact).unwrap(), &mut line);
            file.write_all(&line).unwrap();
        };
        let (_hand, taken) = handed::way();
        let mut reader = Reader::new(&there, (7, 2), taken);
        let seqs = |batch: Batch| batch.records.iter().map(|r| r.fact.seq).collect::<Vec<_>>();
        write(1);
        assert_eq!(seqs(reader.next(None).unwrap()), [1]);
        write(2);
        fs::rename(&there, &away).unwrap();
        assert!(reader.next(None).is_err());
        fs::rename(&away, &there).unwrap();
        assert_eq!(seqs(reader.next(None).unwrap()), [2]);
        assert_eq!(seqs(reader.next(None).unwrap()), [0; 0]);
    }
}
