//! The journal's writer: facts from the ring, many to one `fsync`, onto the disk.
//!
//! ```text
//!           ┌────────────── all of the batch durable: tip moves ──────────────┐
//!  ring ──► batch ──► append + sync ──┤                    handed on, see handed   └─► next batch
//!                                     └ failed: take back, new segment, same batch again
//! ```
//!
//! A batch is on the disk whole or not at all as far as the tip says. After a failed write or sync
//! the segment is left behind (what a failed `fsync` left in it cannot be known) and the same batch
//! goes into a new one; a record that so stands twice is applied once, by its number.
#![allow(clippy::disallowed_methods, reason = "this floor owns the files and the threads")]

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::sync::watch;

use super::Message;
use super::alive::Alive;
use super::handed::{Hand, Handed};
use super::reader::{Position, Record};
use super::record::frame;
use super::segment::{Appending, FORMAT, Header, Medium, Opened, SegmentName};
use super::state::{Report, State};
use crate::switch::fact::{Fact, FactKind};

/// Most facts in one batch: one `fsync`.
const BATCH_FACTS: usize = 1_024;
/// How long facts gather for one batch. A call makes a dozen within milliseconds, and who waits until a
/// fact is on the disk (a text message's sender) does not notice.
const GATHER: Duration = Duration::from_millis(10);
/// The same when so many come that the disk's work is worth sharing: the batch before had [`MANY`].
const GATHER_MORE: Duration = Duration::from_millis(20);
const MANY: usize = 40;
/// First and longest pause before a failed write is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Tries that a failing disk gets when the process is about to end.
const LAST_TRIES: u32 = 5;

/// How far the journal is durable: so many bytes of this segment, and all segments before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tip {
    pub(super) name: SegmentName,
    pub(super) len: u64,
}

/// The segment being written.
struct Current {
    name: SegmentName,
    file: Box<dyn Appending>,
    /// Durable bytes.
    len: u64,
}

/// Appends batches to segments.
pub(super) struct Writer {
    medium: Box<dyn Medium>,
    journal: u64,
    run: u32,
    /// Number of the last fact taken.
    last_seq: u64,
    /// How long the process before this one lived after its last fact, milliseconds: for the fact of this one's start.
    lived_ms: u64,
    segment_bytes: u64,
    current: Option<Current>,
    buffer: Vec<u8>,
    _lock: File,
}

impl Writer {
    pub(super) fn new(
        medium: Box<dyn Medium>,
        opened: Opened,
        segment_bytes: u64,
        lived_ms: u64,
    ) -> Writer {
        Writer {
            medium,
            journal: opened.journal,
            run: opened.run,
            last_seq: opened.next_seq - 1,
            lived_ms,
            segment_bytes,
            current: None,
            buffer: Vec::new(),
            _lock: opened.lock,
        }
    }

    /// The record of a fact. Its number is made higher than the one before it: it is, unless there is
    /// a fault in the program; such a fact is renumbered, so that it is not taken for a repeated
    /// one and lost.
    fn record(&mut self, mut fact: Fact) -> Record {
        if fact.seq <= self.last_seq {
            tracing::error!(seq = fact.seq, after = self.last_seq, "a fact's number does not rise");
            fact.seq = self.last_seq + 1;
        }
        self.last_seq = fact.seq;
        if let FactKind::Started { lived_ms, .. } = &mut fact.kind {
            *lived_ms = std::mem::take(&mut self.lived_ms);
        }
        let json = serde_json::to_string(&fact).expect("a fact is a map with text for keys");
        let at = Position { journal: self.journal, run: self.run, seq: fact.seq };
        Record { at, fact, json }
    }

    /// Makes a batch durable, whole or not at all; gives the tip and how many bytes it took.
    fn commit(&mut self, batch: &[Record]) -> io::Result<(Tip, u64)> {
        let first = batch.first().expect("the loop commits no empty batch");
        let mut current = match self.current.take() {
            Some(current) if current.len < self.segment_bytes => current,
            _ => {
                let name = SegmentName { run: self.run, first: first.at.seq };
                Current { name, file: self.medium.create(name)?, len: 0 }
            }
        };
        self.buffer.clear();
        if current.len == 0 {
            let SegmentName { run, first } = current.name;
            let header = Header { belfry_journal: FORMAT, journal: self.journal, run, first };
            self.buffer.extend(header.line());
        }
        for record in batch {
            frame(&record.json, &mut self.buffer);
        }
        let written = current.file.append(&self.buffer).and_then(|()| current.file.sync());
        if let Err(why) = written {
            // The segment is left behind; what of the batch stands in it is better gone.
            let _ = current.file.cut(current.len);
            return Err(why);
        }
        let bytes = self.buffer.len() as u64;
        current.len += bytes;
        let tip = Tip { name: current.name, len: current.len };
        self.current = Some(current);
        Ok((tip, bytes))
    }
}

/// The journal's thread.
pub(super) struct Loop {
    pub(super) writer: Writer,
    pub(super) alive: Option<Alive>,
    pub(super) ring: Receiver<Message>,
    pub(super) tip: watch::Sender<Option<Tip>>,
    pub(super) hand: Hand,
    pub(super) state: Arc<State>,
    pub(super) reports: Sender<Report>,
}

impl Loop {
    /// Runs until it is told to stop and the ring is empty.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_FACTS);
        let (mut stop, mut gather) = (false, GATHER);
        while !(stop && self.ring.is_empty()) {
            stop |= self.fill(&mut batch, gather);
            gather = if batch.len() < MANY { GATHER } else { GATHER_MORE };
            if !self.persist(&mut batch) {
                let unread = self.ring.try_iter().filter(|m| matches!(m, Message::Fact(_))).count();
                let lost = (batch.len() + unread) as u64;
                self.state.lost.fetch_add(lost, Relaxed);
                tracing::error!(lost, "facts could not be written down before the end");
                return;
            }
        }
    }

    /// Takes what waits, at least one message; says whether to stop after it.
    fn fill(&mut self, batch: &mut Vec<Record>, gather: Duration) -> bool {
        let mut message = self.next();
        if matches!(message, Some(Message::Fact(_))) && !self.state.stopping.load(Relaxed) {
            std::thread::sleep(gather);
        }
        loop {
            match message {
                Some(Message::Fact(fact)) => batch.push(self.writer.record(*fact)),
                Some(Message::Stop) | None => return true,
            }
            if batch.len() == BATCH_FACTS {
                return false;
            }
            match self.ring.try_recv() {
                Ok(next) => message = Some(next),
                Err(_) => return false,
            }
        }
    }

    /// The next message; while none comes it is noted that the process lives.
    fn next(&mut self) -> Option<Message> {
        while let Some(alive) = &mut self.alive {
            match self.ring.recv_timeout(alive.every()) {
                Ok(message) => return Some(message),
                Err(RecvTimeoutError::Timeout) => alive.mark(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.ring.recv().ok()
    }

    /// Writes the batch, however long the disk takes to allow it. `false`: the process ends and the
    /// disk still does not.
    fn persist(&mut self, batch: &mut Vec<Record>) -> bool {
        let (mut pause, mut tries) = (PAUSE.0, 0);
        while !batch.is_empty() {
            match self.writer.commit(batch) {
                Ok((tip, bytes)) => {
                    *batch = self.committed(std::mem::take(batch), bytes, tip);
                }
                Err(why) => {
                    if !self.state.failing.swap(true, Relaxed) {
                        tracing::error!(%why, "the journal cannot be written: new calls are refused");
                        let _ =
                            self.reports.try_send(Report::JournalStopped { why: why.to_string() });
                    }
                    tries += 1;
                    if self.state.stopping.load(Relaxed) && tries >= LAST_TRIES {
                        return false;
                    }
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
        true
    }

    /// Tells of a durable batch, hands it on, and gives room for the next.
    fn committed(&mut self, batch: Vec<Record>, bytes: u64, tip: Tip) -> Vec<Record> {
        self.state.written_bytes.fetch_add(bytes, Release);
        self.state.durable.fetch_add(batch.len() as u64, Release);
        if let (Some(alive), Some(last)) = (&mut self.alive, batch.last()) {
            alive.wrote(last.at.seq);
        }
        if self.state.failing.swap(false, Relaxed) {
            tracing::info!("the journal can be written again");
            let _ = self.reports.try_send(Report::JournalResumed);
        }
        // Before the tip: who sees that one finds the batch, or that there was no room for it.
        let room = self.hand.give(Handed { start: tip.len - bytes, tip, records: batch });
        let _ = self.tip.send(Some(tip));
        room
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_types, reason = "the test and the writer share the disk")]
mod tests {
    use super::*;
    use crate::base::Wall;
    use crate::switch::fact::FactKind;
    use std::sync::Mutex;

    /// What a test disk does, and what is on it.
    #[derive(Default)]
    struct Disk {
        /// Bytes that still fit; then it is full.
        room: usize,
        /// The next syncs fail.
        bad_syncs: usize,
        segments: Vec<(SegmentName, Vec<u8>)>,
    }

    #[derive(Clone)]
    struct TestDisk(Arc<Mutex<Disk>>);

    struct TestFile(TestDisk, SegmentName);

    impl TestFile {
        fn with<T>(&self, act: impl FnOnce(&mut Disk, usize) -> T) -> T {
            let mut disk = self.0.0.lock().unwrap();
            let at = disk.segments.iter().position(|(name, _)| *name == self.1).unwrap();
            act(&mut disk, at)
        }
    }

    impl Medium for TestDisk {
        fn create(&mut self, name: SegmentName) -> io::Result<Box<dyn Appending>> {
            let mut disk = self.0.lock().unwrap();
            disk.segments.retain(|(other, _)| *other != name);
            disk.segments.push((name, Vec::new()));
            drop(disk);
            Ok(Box::new(TestFile(self.clone(), name)))
        }
    }

    impl Appending for TestFile {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.with(|disk, at| {
                let fits = bytes.len().min(disk.room);
                disk.room -= fits;
                disk.segments[at].1.extend_from_slice(&bytes[..fits]);
                if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
            })
        }
        fn sync(&mut self) -> io::Result<()> {
            self.with(|disk, _| match disk.bad_syncs {
                0 => Ok(()),
                _ => {
                    disk.bad_syncs -= 1;
                    Err(io::Error::other("I/O error"))
                }
            })
        }
        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.with(|disk, at| disk.segments[at].1.truncate(len as usize));
            Ok(())
        }
    }

    fn fact(seq: u64) -> Fact {
        Fact { seq, wall: Wall(5), kind: FactKind::GatewayUp { gateway: format!("gw-{seq}") } }
    }

    fn writer(room: usize, segment_bytes: u64) -> (TestDisk, Writer) {
        let disk = TestDisk(Arc::new(Mutex::new(Disk { room, ..Disk::default() })));
        let lock = tempfile::tempfile().unwrap();
        let opened =
            Opened { journal: 1, run: 1, next_seq: 1, waiting_bytes: 0, cut: 0, damaged: 0, lock };
        (disk.clone(), Writer::new(Box::new(disk), opened, segment_bytes, 0))
    }

    /// Every whole record on the disk, segment by segment.
    fn found(disk: &TestDisk) -> Vec<Vec<u64>> {
        let disk = disk.0.lock().unwrap();
        let of = |bytes: &Vec<u8>| {
            let lines = bytes.split(|b| *b == b'\n').filter_map(super::super::record::unframe);
            lines
                .filter_map(|json| serde_json::from_str::<Fact>(json).ok())
                .map(|f| f.seq)
                .collect()
        };
        disk.segments.iter().map(|(_, bytes)| of(bytes)).collect()
    }

    #[test]
    fn segments_follow_one_another_when_full() {
        let (disk, mut writer) = writer(1 << 20, 300);
        for seq in 1..=9 {
            let record = writer.record(fact(seq));
            writer.commit(&[record]).unwrap();
        }
        let found = found(&disk);
        assert!(found.len() > 1 && found.concat() == (1..=9).collect::<Vec<_>>(), "{found:?}");
    }

    #[test]
    fn a_full_disk_keeps_no_half_batch_and_goes_on_when_there_is_room() {
        let (disk, mut writer) = writer(300, 1 << 20);
        let first = writer.record(fact(1));
        writer.commit(&[first]).unwrap();
        let batch: Vec<Record> = (2..=9).map(|seq| writer.record(fact(seq))).collect();
        assert!(writer.commit(&batch).is_err());
        assert!(writer.commit(&batch).is_err());
        assert_eq!(found(&disk).concat(), [1]);
        disk.0.lock().unwrap().room = 1 << 20;
        let (tip, _) = writer.commit(&batch).unwrap();
        assert_eq!(tip.name.first, 2, "a new segment");
        assert_eq!(found(&disk), [vec![1], (2..=9).collect()]);
    }

    #[test]
    fn after_a_failed_sync_the_batch_stands_in_a_new_segment() {
        let (disk, mut writer) = writer(1 << 20, 1 << 20);
        let (first, second) = (writer.record(fact(1)), [writer.record(fact(2))]);
        writer.commit(&[first]).unwrap();
        disk.0.lock().unwrap().bad_syncs = 1;
        assert!(writer.commit(&second).is_err());
        assert_eq!(writer.commit(&second).unwrap().0.name.first, 2);
        assert_eq!(found(&disk), [vec![1], vec![2]]);
    }

    #[test]
    fn numbers_always_rise() {
        let (_, mut writer) = writer(0, 1);
        let given = [3, 3, 1, 9].map(|seq| writer.record(fact(seq)));
        assert_eq!(given.each_ref().map(|record| record.at.seq), [3, 4, 5, 9]);
        assert!(
            given
                .iter()
                .all(|r| r.fact.seq == r.at.seq
                    && r.json.contains(&format!("\"seq\":{},", r.at.seq)))
        );
    }
}
