//! Until when this process has lived, for the one after it: a mark beside the journal, made anew each second in which no
//! fact was written.
//!
//! ```text
//!   fact 17 ─ 1 s ─▶ "17 1000" ─ 1 s ─▶ "17 2000" ─ kill     the next start: it lived for 2 s after fact 17
//! ```
//!
//! A fact is the better mark, so there is none while facts come. It names the journal and the fact after which it was made:
//! one of another life is none. It is not forced onto the disk: a process that dies leaves it, a power cut may take it back by
//! what the system keeps in memory, and then the last fact counts. Times are of the monotonic clock.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files and the clock")]

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long after its last fact a process is believed to have lived at most, milliseconds: 30 days.
const LONGEST_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// The mark's length: it is written over itself.
const LENGTH: usize = 64;

/// Makes the mark.
#[derive(Debug)]
pub(super) struct Alive {
    path: PathBuf,
    journal: u64,
    every: Duration,
    /// When the last fact was written; none was: the process before this one is still to be told of.
    last: Option<(u64, Instant)>,
    file: Option<File>,
}

impl Alive {
    pub(super) fn new(dir: &Path, journal: u64, every: Duration) -> Alive {
        Alive { path: path(dir), journal, every, last: None, file: None }
    }

    /// How long nothing has to come for a mark to be made.
    pub(super) fn every(&self) -> Duration {
        self.every
    }

    /// Facts up to this number were written in this moment.
    pub(super) fn wrote(&mut self, seq: u64) {
        self.last = Some((seq, Instant::now()));
    }

    /// Makes the mark. What cannot be written leaves the last fact, which is on the disk.
    pub(super) fn mark(&mut self) {
        let Some((seq, at)) = self.last else { return };
        let ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let text = format!("{:<width$}\n", text(self.journal, seq, ms), width = LENGTH - 1);
        let made = self.opened().and_then(|file| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(text.as_bytes())
        });
        if made.is_err() {
            self.file = None;
        }
    }

    fn opened(&mut self) -> std::io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("alive")
}

fn text(journal: u64, seq: u64, ms: u64) -> String {
    format!("{journal:016x} {seq} {ms}")
}

/// How long the process before this one lived after its last fact, which has this number, milliseconds; 0 where that is not
/// known.
pub(super) fn lived(dir: &Path, journal: u64, seq: u64) -> u64 {
    let Ok(mark) = std::fs::read_to_string(path(dir)) else { return 0 };
    let ms = mark.split_whitespace().nth(2).and_then(|ms| ms.parse().ok()).unwrap_or(0);
    let is_its_own = mark.trim_end() == text(journal, seq, ms);
    if is_its_own && ms <= LONGEST_MS { ms } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_mark_of_that_fact_counts() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(lived(dir.path(), 7, 17), 0, "there is none");
        let mut alive = Alive::new(dir.path(), 7, Duration::from_secs(1));
        alive.mark();
        assert!(!path(dir.path()).exists(), "nothing was written yet");
        alive.wrote(17);
        alive.last = alive.last.map(|(seq, at)| (seq, at - Duration::from_secs(5)));
        alive.mark();
        let ms = lived(dir.path(), 7, 17);
        assert!(ms >= 5_000, "{ms}");
        alive.mark();
        assert!(lived(dir.path(), 7, 17) >= ms, "it is written over itself");
        assert_eq!([lived(dir.path(), 7, 18), lived(dir.path(), 8, 17)], [0, 0]);
        for bad in ["", "x", "0000000000000007 17 -5", "0000000000000007 17 99999999999999"] {
            std::fs::write(path(dir.path()), bad).unwrap();
            assert_eq!(lived(dir.path(), 7, 17), 0, "{bad}");
        }
    }
}
