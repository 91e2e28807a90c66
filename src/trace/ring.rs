//! The files: `<milliseconds after 1970>.trace`, each as long as an eighth of what may be kept, the
//! oldest removed when they are past their time or too many.
//!
//! A disk that cannot be written is told once, and tried again with the next segment.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::record::Record;

/// A write is as long as this, or what came within a second.
const CHUNK: usize = 256 << 10;
/// Segments that what is kept is cut into.
const SEGMENTS: u64 = 8;
/// How often a disk that fails is tried, and old segments are looked for.
const LOOK: Duration = Duration::from_secs(30);

pub(super) struct Ring {
    dir: PathBuf,
    keep: Duration,
    max_bytes: u64,
    /// The segment that is written; none after a failure.
    file: Option<File>,
    /// Its bytes so far.
    len: u64,
    buffer: Vec<u8>,
    failing: bool,
    looked: Instant,
}

/// The segments of a folder by when they begin, milliseconds after 1970, the oldest first.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let begins = |path: &Path| {
        let is_ours = path.extension().is_some_and(|extension| extension == "trace");
        is_ours.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
    };
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(at) = begins(&path) {
            all.push((at, path));
        }
    }
    all.sort();
    Ok(all)
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

impl Ring {
    pub(super) fn open(dir: &Path, keep: Duration, max_bytes: u64) -> io::Result<Ring> {
        fs::create_dir_all(dir)?;
        let mut ring = Ring {
            dir: dir.to_owned(),
            keep,
            max_bytes,
            file: None,
            len: 0,
            buffer: Vec::with_capacity(CHUNK),
            failing: false,
            looked: Instant::now(),
        };
        ring.begin()?;
        ring.remove_old();
        Ok(ring)
    }

    pub(super) fn put(&mut self, record: &Record<'_>) {
        record.write(&mut self.buffer);
        if self.buffer.len() >= CHUNK {
            self.flush();
        }
    }

    /// Writes what lies in memory.
    pub(super) fn flush(&mut self) {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.remove_old();
            if self.file.is_none() {
                let begun = self.begin();
                self.told(begun);
            }
        }
        if self.buffer.is_empty() {
            return;
        }
        if let Some(file) = &mut self.file {
            let written = file.write_all(&self.buffer);
            if written.is_err() {
                // What is half written ends the segment for its readers.
                self.file = None;
            }
            self.len += self.buffer.len() as u64;
            self.told(written);
        }
        self.buffer.clear();
        if self.len >= self.max_bytes / SEGMENTS && self.file.is_some() {
            let begun = self.begin();
            self.told(begun);
            self.remove_old();
        }
    }

    fn begin(&mut self) -> io::Result<()> {
        self.file = None;
        self.len = 0;
        let last = segments(&self.dir)?.last().map_or(0, |(at, _)| *at);
        let path = self.dir.join(format!("{:013}.trace", now_ms().max(last + 1)));
        self.file = Some(File::create_new(path)?);
        Ok(())
    }

    /// Removes the segments whose last message is past its time, and the oldest while they are too many.
    fn remove_old(&mut self) {
        let Ok(all) = segments(&self.dir) else { return };
        let size = |path: &Path| fs::metadata(path).map_or(0, |about| about.len());
        let mut bytes: u64 = all.iter().map(|(_, path)| size(path)).sum();
        let oldest = now_ms().saturating_sub(self.keep.as_millis() as u64);
        // A segment ends where the next begins; the last is being written.
        for pair in all.windows(2) {
            let [(_, path), (ends, _)] = pair else { continue };
            if *ends >= oldest && bytes <= self.max_bytes {
                break;
            }
            bytes -= size(path).min(bytes);
            let _ = fs::remove_file(path);
        }
    }

    fn told(&mut self, result: io::Result<()>) {
        let fails = result.is_err();
        match result {
            Err(error) if !self.failing => {
                let dir = self.dir.display();
                tracing::error!("trace: {dir}: {error}: SIP messages are not kept; calls go on");
            }
            Ok(()) if self.failing => tracing::info!("trace: SIP messages are kept again"),
            _ => {}
        }
        self.failing = fails;
    }
}
