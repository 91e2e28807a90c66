//! The disk: one thread that writes all recordings, and one that waits until they are on the disk.
//!
//! ```text
//!  rtp-0 ──pieces──┐              ┌─ RecordingFile ─▶ Storage               DiskEvent::Failed
//!  rtp-1 ──pieces──┼─▶ `disk` ────┤    one for each recording                    ▲
//!  switch ──Open───┘   every 100 ms└─ ended ────────────▶ `disk-sync` ──▶ DiskEvent::Closed
//!                                                          fsync
//! ```
//!
//! Beside them the `archive` thread removes what is past its time ([`archive`]), and the `pack` thread
//! makes the files of calls that are over smaller ([`pack`]); both are a [`background`].
//!
//! A file whose name says so lies there encrypted ([`envelope`]): the disk thread does that, a piece at a time.
//! What lies where in a file the workers have decided ([`layout`](crate::media::tap::layout)). Nothing
//! that happens to a disk reaches a call: what cannot be written is silence, counted and told once.

pub(in crate::engine) mod archive;
pub(in crate::engine) mod background;
mod days;
pub(in crate::engine) mod envelope;
#[cfg(test)]
pub(in crate::engine) mod fake;
mod file;
pub mod keys;
pub(in crate::engine) mod pack;
pub mod reading;
pub(in crate::engine) mod ring;
pub mod seal;
pub mod space;
pub mod storage;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use self::file::{FileState, MOST_FILL, RecordingFile};
use self::ring::{Lost, Tap, TapReceiver};
use self::storage::{Storage, StoredFile};
use crate::base::RecordingId;
use crate::media::control::RecordFormat;

/// How often the rings are emptied while something is recorded.
const ROUND: Duration = Duration::from_millis(100);
/// How often the thread looks around while nothing is.
const IDLE: Duration = Duration::from_millis(500);
/// Bytes of silence that a round writes at most, for all recordings whose holds or holes are filled: some tens of
/// milliseconds.
const MOST_FILL_A_ROUND: u64 = 8 * MOST_FILL;
/// Recordings that can wait to be opened.
const OPENS: usize = 1_024;
/// Files that can wait to be put on the disk; more are put there by the writing thread itself.
const CLOSES: usize = 1_024;

/// A recording is about to begin; comes before its first piece.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenRecording {
    /// Its name.
    pub recording: RecordingId,
    /// Its file, below the directory of recordings.
    pub path: String,
    /// How it holds its samples.
    pub format: RecordFormat,
}

/// What the disk has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiskEvent {
    /// The file is whole and on the disk.
    Closed {
        /// Which recording.
        recording: RecordingId,
        /// Its file, below the directory of recordings.
        path: String,
        /// Samples of one channel.
        samples: u64,
        /// Samples of one channel that could not be kept (full disk, full ring, too late). Silence
        /// stands for them, or the file ends before them, as `fault` says.
        lost: u64,
        /// What is wrong with the file, in words.
        fault: Option<String>,
    },
    /// The recording could not even be asked for: it has no file, and nothing more is told of it.
    NotOpened {
        /// Which recording.
        recording: RecordingId,
        /// Why, in words.
        why: String,
    },
    /// Nothing can be written: the call goes on, and its recording has a hole from here. Told once
    /// a recording, and again at its end if it could not be finished.
    Failed {
        /// Which recording.
        recording: RecordingId,
        /// Why, in words.
        why: String,
    },
    /// A recording was past its time: its file is gone.
    Removed {
        /// Its path below the directory of recordings.
        path: String,
    },
    /// A recording of a call that is over was packed and read back; the file it was is about to go.
    Packed {
        /// What it was, below the directory of recordings.
        path: String,
        /// What it is now.
        packed: String,
        /// The packed file's size.
        bytes: u64,
    },
    /// What a whole file is, to know it by later.
    Sealed {
        /// Its path below the directory of recordings.
        path: String,
        /// Its SHA-256, in hexadecimal digits.
        sha256: String,
        /// Its size.
        bytes: u64,
    },
    /// A recording could not be packed: it stays as it is.
    NotPacked {
        /// Its path below the directory of recordings.
        path: String,
        /// Why, in words.
        why: String,
    },
    /// The disk is now above its share, or below it again.
    Level {
        /// Above.
        full: bool,
        /// The share in use, percent.
        used_percent: u8,
        /// The share that may be.
        max_percent: u8,
    },
    /// Recordings past their time cannot be removed, or all could again (`None`).
    NotRemoved {
        /// Which first, and why.
        why: Option<String>,
    },
}

/// Where events go. May wait: it is never called by an RTP worker.
pub(in crate::engine) type Tell = Arc<dyn Fn(DiskEvent) + Send + Sync>;

/// The running threads; when dropped, all recordings are ended and on the disk.
pub(in crate::engine) struct Disk {
    opens: Option<Sender<OpenRecording>>,
    threads: Vec<JoinHandle<()>>,
}

impl Disk {
    /// Starts them.
    pub(in crate::engine) fn start(
        storage: Box<dyn Storage>,
        rings: Vec<TapReceiver>,
        tell: Tell,
    ) -> io::Result<Disk> {
        let (opens, requests) = bounded(OPENS);
        let (closes, ended) = bounded(CLOSES);
        let sync = std::thread::Builder::new().name("disk-sync".into()).spawn({
            let tell = tell.clone();
            move || ended.iter().for_each(|ended: Ended| ended.settle(&tell))
        })?;
        let (running, ending) = (HashMap::new(), HashMap::new());
        let writer = Writer { storage, rings, running, ending, filled: None, closes, tell };
        let disk =
            std::thread::Builder::new().name("disk".into()).spawn(move || writer.run(&requests))?;
        Ok(Disk { opens: Some(opens), threads: vec![disk, sync] })
    }

    /// Opens a recording. Gives the event if that cannot even be asked for.
    pub(in crate::engine) fn open(&self, open: OpenRecording) -> Option<DiskEvent> {
        let sent = self.opens.as_ref()?.try_send(open);
        let (open, why) = match sent.err()? {
            TrySendError::Full(open) => (open, "the disk is behind by too many recordings"),
            TrySendError::Disconnected(open) => (open, "the disk thread is gone"),
        };
        Some(DiskEvent::NotOpened { recording: open.recording, why: why.into() })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.opens = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A recording whose samples have all been written.
struct Ended {
    recording: RecordingId,
    path: String,
    samples: u64,
    /// Samples of one channel that could not be kept.
    lost: u64,
    /// What is wrong with the file by now.
    fault: Option<String>,
    file: Option<Box<dyn StoredFile>>,
}

impl Ended {
    /// Waits until it is on the disk.
    fn settle(self, tell: &Tell) {
        let Ended { recording, path, samples, lost, mut fault, file } = self;
        if let Some(Err(error)) = file.map(StoredFile::finish) {
            let why = format!("not known to be on the disk: {error}");
            tell(DiskEvent::Failed { recording, why: why.clone() });
            fault = Some(fault.map_or_else(|| why.clone(), |before| format!("{before}; {why}")));
        }
        tell(DiskEvent::Closed { recording, path, samples, lost, fault });
    }
}

/// The state of the disk thread.
struct Writer {
    storage: Box<dyn Storage>,
    rings: Vec<TapReceiver>,
    running: HashMap<RecordingId, FileState>,
    /// Those that have ended and are still being filled: their lengths and losses.
    ending: HashMap<RecordingId, (u64, Lost)>,
    /// Which was filled last.
    filled: Option<RecordingId>,
    closes: Sender<Ended>,
    tell: Tell,
}

impl Writer {
    fn run(mut self, requests: &Receiver<OpenRecording>) {
        loop {
            let wait = if self.running.is_empty() { IDLE } else { ROUND };
            match requests.recv_timeout(wait) {
                Ok(open) => self.open(open),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.round(requests);
        }
        // The workers are gone: what they left in the rings is the last.
        self.round(requests);
        let rest: Vec<_> = self.running.keys().copied().collect();
        for recording in rest {
            self.close(recording, 0, Lost::default());
            while self.ending.contains_key(&recording) {
                self.settle(recording, u64::MAX);
            }
        }
    }

    /// Empties the rings once.
    fn round(&mut self, requests: &Receiver<OpenRecording>) {
        let mut rings = std::mem::take(&mut self.rings);
        for ring in &mut rings {
            while let Some(tap) = ring.next() {
                match tap {
                    Tap::Piece { recording, position, chunk, len } => {
                        self.known(recording, requests);
                        self.write(recording, position, &chunk[..len]);
                        ring.give_back(chunk);
                    }
                    Tap::End { recording, samples, lost } => {
                        self.known(recording, requests);
                        self.close(recording, samples, lost);
                    }
                }
            }
        }
        self.rings = rings;
        self.fill();
    }

    /// Goes on with the silence of long holds and holes, a bounded piece of it.
    fn fill(&mut self) {
        let waits = |(id, state): (&RecordingId, &FileState)| state.waits().then_some(*id);
        let waiting: Vec<_> = self.running.iter().filter_map(waits).collect();
        let ending = self.ending.keys().copied().filter(|id| !waiting.contains(id));
        let mut all: Vec<_> = waiting.iter().copied().chain(ending).collect();
        // By turns: one that cannot be written holds up no other.
        all.sort_unstable();
        let next = all.partition_point(|id| Some(*id) <= self.filled);
        all.rotate_left(next);
        for recording in all.into_iter().take((MOST_FILL_A_ROUND / MOST_FILL) as usize) {
            self.filled = Some(recording);
            if self.ending.contains_key(&recording) {
                self.settle(recording, MOST_FILL);
            } else if let Some(state) = self.running.get_mut(&recording) {
                RecordingFile { state, storage: &mut *self.storage }.go_on(MOST_FILL);
                tell_fault(&self.tell, recording, state);
            }
        }
    }

    /// A recording's opening was asked for before its first piece was sent.
    fn known(&mut self, recording: RecordingId, requests: &Receiver<OpenRecording>) {
        if !self.running.contains_key(&recording) {
            requests.try_iter().for_each(|open| self.open(open));
        }
    }

    fn open(&mut self, open: OpenRecording) {
        let OpenRecording { recording, path, format } = open;
        let mut state = FileState::new(path, format);
        RecordingFile { state: &mut state, storage: &mut *self.storage }.begin();
        tell_fault(&self.tell, recording, &mut state);
        self.running.insert(recording, state);
    }

    fn write(&mut self, recording: RecordingId, position: u64, bytes: &[u8]) {
        if self.ending.contains_key(&recording) {
            return; // its last piece came before its end
        }
        let Some(state) = self.running.get_mut(&recording) else { return };
        RecordingFile { state, storage: &mut *self.storage }.piece(position, bytes);
        tell_fault(&self.tell, recording, state);
    }

    fn close(&mut self, recording: RecordingId, samples: u64, lost: Lost) {
        if self.running.contains_key(&recording) && !self.ending.contains_key(&recording) {
            self.ending.insert(recording, (samples, lost));
            self.settle(recording, MOST_FILL);
        }
    }

    /// Ends a file with at most so many bytes of silence; more comes with the next rounds.
    fn settle(&mut self, recording: RecordingId, most: u64) {
        let Some((samples, lost)) = self.ending.get(&recording).copied() else { return };
        let Some(state) = self.running.get_mut(&recording) else { return };
        let storage = &mut *self.storage;
        if !(RecordingFile { state, storage }.end(samples, most)) {
            return;
        }
        self.ending.remove(&recording);
        let Some(mut state) = self.running.remove(&recording) else { return };
        let samples = state.samples();
        tell_fault(&self.tell, recording, &mut state);
        let fault = state.wrong_with(lost.dropped, lost.late);
        let lost = state.lost_samples(lost.dropped) + lost.late;
        let (path, file) = (state.path().to_owned(), state.take_file());
        let ended = Ended { recording, path, samples, lost, fault, file };
        if let Err(full) = self.closes.try_send(ended) {
            full.into_inner().settle(&self.tell);
        }
    }
}

fn tell_fault(tell: &Tell, recording: RecordingId, state: &mut FileState) {
    if let Some(error) = state.take_fault() {
        tell(DiskEvent::Failed { recording, why: error.to_string() });
    }
}
