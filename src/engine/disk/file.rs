//! One recording's file: pieces at their places, sizes in the header after some of them, silence where
//! the disk was full.
//!
//! ```text
//!  header │ written ……………………… │ hole: nobody spoke, or the disk was full │ piece │
//!                            whole                                        laid
//! ```
//!
//! Silence is written a few megabytes at a time, so that one recording's long hold delays no other: pieces behind
//! it wait meanwhile, and so does the end.
//!
//! At any moment the header announces no more than what is there, so a file that a crash left is
//! valid; what it lacks is announced when the next start makes it whole ([`Directory`](super::storage::Directory)).
//! A header costs the kernel as much as a third of a piece, so it is written with every
//! [`ANNOUNCED`]th only. When a write fails the call goes on: each later piece tries again, beginning with silence
//! for what was missed.

use std::collections::VecDeque;
use std::io;

use super::storage::{Storage, StoredFile};
use crate::media::control::RecordFormat;

/// Bytes of silence that are written at once, before a piece and in each round of the disk thread.
pub(super) const MOST_FILL: u64 = 4 << 20;
/// Pieces of one recording that wait until the silence before them is written: 2 MB, two minutes of A-law. More
/// are lost.
const MOST_WAITING: usize = 128;
/// Bytes of sample data by which the header may be behind: four pieces, 4 s of A-law.
const ANNOUNCED: u64 = 64 << 10;
/// Bytes of silence written at once.
const FILL_BYTES: usize = 16 * 1_024;

/// See the module. All offsets are bytes of sample data.
pub(super) struct RecordingFile<'a> {
    pub(super) state: &'a mut FileState,
    pub(super) storage: &'a mut dyn Storage,
}

/// What there is of the file.
pub(super) struct FileState {
    path: String,
    format: RecordFormat,
    file: Option<Box<dyn StoredFile>>,
    /// Up to here all is written.
    whole: u64,
    /// Up to here the header says so.
    announced: u64,
    /// Up to here pieces have come.
    laid: u64,
    /// Pieces before which silence is still to be written.
    waiting: VecDeque<Waiting>,
    /// Bytes of pieces that could not be written.
    lost: u64,
    /// Those of them for which there is no silence yet.
    lost_at_end: u64,
    /// What went wrong first, until it is told.
    fault: Option<io::Error>,
    /// The same in words.
    why: Option<String>,
}

/// A piece that waits for the silence before it.
struct Waiting {
    at: u64,
    bytes: Vec<u8>,
    /// Bytes that were lost before it came.
    lost_before: u64,
}

impl FileState {
    /// Its path below the directory of recordings.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn new(path: String, format: RecordFormat) -> FileState {
        FileState {
            path,
            format,
            file: None,
            whole: 0,
            announced: 0,
            laid: 0,
            waiting: VecDeque::new(),
            lost: 0,
            lost_at_end: 0,
            fault: None,
            why: None,
        }
    }

    /// The first fault, once.
    pub(super) fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Whether pieces wait until silence is written.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Samples of one channel that are in the file.
    pub(super) fn samples(&self) -> u64 {
        self.whole / self.format.frame_bytes() as u64
    }

    /// Samples of one channel that could not be written, or were in `dropped` bytes.
    pub(super) fn lost_samples(&self, dropped: u64) -> u64 {
        (self.lost + dropped) / self.format.frame_bytes() as u64
    }

    /// What is wrong with a file that has ended, in words: holes in which silence stands for what was said,
    /// an end that is missing. `dropped` bytes and `late` samples did not come as far as this.
    pub(super) fn wrong_with(&self, dropped: u64, late: u64) -> Option<String> {
        let frame = self.format.frame_bytes() as u64;
        let missing = (self.laid - self.whole) / frame;
        let holes = (self.lost - self.lost_at_end + dropped) / frame + late;
        let mut wrong = Vec::new();
        if self.file.is_none() {
            wrong.push("there is no file".to_owned());
        } else if missing > 0 {
            wrong.push(format!("its last {missing} samples are missing"));
        }
        if holes > 0 && self.whole > 0 {
            wrong.push(format!("{holes} samples could not be kept; silence stands for them"));
        }
        if wrong.is_empty() {
            return None;
        }
        let why = self.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        Some(wrong.join("; ") + &why)
    }

    /// The finished file, to be put on the disk; `None`: there was never any.
    pub(super) fn take_file(&mut self) -> Option<Box<dyn StoredFile>> {
        self.file.take()
    }

    /// A piece is not kept; silence will stand for it when something is written behind it.
    fn lose(&mut self, bytes: usize) {
        self.lost += bytes as u64;
        self.lost_at_end += bytes as u64;
    }

    fn note(&mut self, result: io::Result<()>) -> bool {
        let Err(error) = result else { return true };
        if self.why.is_none() {
            self.why = Some(error.to_string());
            self.fault = Some(error);
        }
        false
    }
}

impl RecordingFile<'_> {
    /// Makes the file with its header, so that a fault shows at once.
    pub(super) fn begin(&mut self) {
        let begun = self.ensure();
        self.state.note(begun);
    }

    /// All pieces have come, and it is `samples` long: what is still missing is filled, `most` bytes at
    /// once. Whether that is over: else it is to be asked again.
    pub(super) fn end(&mut self, samples: u64, most: u64) -> bool {
        let bytes = samples.saturating_mul(self.state.format.frame_bytes() as u64);
        self.state.laid = self.state.laid.max(bytes);
        let began = self.state.whole;
        let mut filled = self.ensure().and_then(|()| self.write_waiting(most));
        if filled.is_ok() && !self.state.waits() {
            let left = most.saturating_sub(self.state.whole - began);
            filled = self.fill(self.state.laid, left);
        }
        if filled.is_ok() && self.state.whole < self.state.laid {
            return false;
        }
        while let Some(piece) = self.state.waiting.pop_front() {
            self.state.lose(piece.bytes.len());
        }
        if self.state.whole == self.state.laid {
            self.state.lost_at_end = 0;
        }
        let announced = filled.and_then(|()| self.announce());
        self.state.note(announced);
        true
    }

    /// Goes on with silence, and with the pieces that wait for it: about `most` bytes.
    pub(super) fn go_on(&mut self, most: u64) {
        let written = self.ensure().and_then(|()| self.write_waiting(most));
        let written = written.and_then(|()| self.announce_some());
        self.state.note(written);
    }

    fn write_waiting(&mut self, most: u64) -> io::Result<()> {
        let end = self.state.whole.saturating_add(most);
        while let Some(piece) = self.state.waiting.pop_front() {
            let written = self.fill(piece.at, end.saturating_sub(self.state.whole));
            let is_next = self.state.whole == piece.at;
            let written = written.and_then(|()| match is_next {
                true => self.write(piece.at, &piece.bytes),
                false => Ok(()),
            });
            if !is_next || written.is_err() {
                self.state.waiting.push_front(piece);
                return written;
            }
            self.state.whole += piece.bytes.len() as u64;
            self.state.lost_at_end = self.state.lost - piece.lost_before;
        }
        Ok(())
    }

    fn ensure(&mut self) -> io::Result<()> {
        if self.state.file.is_none() {
            let mut file = self.storage.create(&self.state.path)?;
            let header = file.write_at(0, &self.state.format.spec().header(0));
            // Kept even if the header failed: it is written again.
            self.state.file = Some(file);
            header?;
        }
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = self.state.format.spec().header_len() as u64 + at;
        let file = self.state.file.as_mut().expect("`ensure` came before");
        file.write_at(offset, bytes)
    }

    /// Silence up to `to`, as far as `most` bytes go.
    fn fill(&mut self, to: u64, most: u64) -> io::Result<()> {
        let silence = [self.state.format.silence(); FILL_BYTES];
        let end = to.min(self.state.whole.saturating_add(most));
        while self.state.whole < end {
            let len = (end - self.state.whole).min(FILL_BYTES as u64);
            self.write(self.state.whole, &silence[..len as usize])?;
            self.state.whole += len;
        }
        Ok(())
    }

    /// The header says how much is there.
    fn announce(&mut self) -> io::Result<()> {
        let header = self.state.format.spec().header(self.state.whole);
        let file = self.state.file.as_mut().expect("`ensure` came before");
        file.write_at(0, &header)?;
        self.state.announced = self.state.whole;
        Ok(())
    }

    /// Takes the next piece, whose first sample is at `position`. Where nobody spoke before it there is
    /// silence. One that lies before the end of another is none of ours.
    pub(super) fn piece(&mut self, position: u64, bytes: &[u8]) {
        let at = position.saturating_mul(self.state.format.frame_bytes() as u64);
        if at < self.state.laid {
            return;
        }
        self.state.laid = at.saturating_add(bytes.len() as u64);
        if self.state.waits() {
            return self.wait(at, bytes);
        }
        let appended = self.append(at, bytes);
        let is_silent = self.state.whole >= at;
        if is_silent {
            self.state.lost_at_end = 0;
        }
        match &appended {
            Ok(()) if !is_silent => self.wait(at, bytes),
            _ if self.state.whole < self.state.laid => self.state.lose(bytes.len()),
            _ => {}
        }
        self.state.note(appended);
    }

    /// The piece comes when the silence before it is written.
    fn wait(&mut self, at: u64, bytes: &[u8]) {
        if self.state.waiting.len() >= MOST_WAITING {
            return self.state.lose(bytes.len());
        }
        let lost_before = self.state.lost;
        self.state.waiting.push_back(Waiting { at, bytes: bytes.to_vec(), lost_before });
    }

    /// Writes what lies before `at`, or a part of it, and then `bytes`.
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.ensure()?;
        self.fill(at, MOST_FILL)?;
        if self.state.whole == at {
            self.write(at, bytes)?;
            self.state.whole += bytes.len() as u64;
        }
        self.announce_some()
    }

    /// The header says how much is there, when it is far enough behind.
    fn announce_some(&mut self) -> io::Result<()> {
        match self.state.whole - self.state.announced {
            ..ANNOUNCED => Ok(()),
            _ => self.announce(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::FakeStorage;
    use super::*;

    const PIECE: usize = 16_384;

    fn state(format: RecordFormat) -> FileState {
        FileState::new("a.wav".into(), format)
    }

    #[test]
    fn the_header_says_no_more_than_is_there_and_is_four_pieces_behind_at_most() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Pcm16);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        let announced = |bytes: &[u8]| crate::wire::wav::Wav::parse(bytes).unwrap().announced;
        for n in 0..10 {
            let bytes = disk.bytes("a.wav");
            let told = n / 4 * 4;
            assert_eq!((announced(&bytes) as usize, bytes.len()), (told * PIECE, 44 + n * PIECE));
            let reader = hound::WavReader::new(&bytes[..]).unwrap();
            assert_eq!(reader.duration() as usize, told * PIECE / 4);
            file.piece((n * PIECE / 4) as u64, &[n as u8; PIECE]);
        }
        assert!(file.end(0, u64::MAX));
        assert_eq!(announced(&disk.bytes("a.wav")) as usize, 10 * PIECE);
        assert!(state.take_fault().is_none() && state.lost_samples(0) == 0);
        assert_eq!(state.wrong_with(0, 0), None);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_as_it_is() {
        let recorded = |full: &[usize], full_at_end: bool| {
            let (mut storage, disk) = FakeStorage::new();
            let mut state = state(RecordFormat::Alaw);
            let mut file = RecordingFile { state: &mut state, storage: &mut storage };
            for n in 0..4 {
                if full.contains(&n) {
                    disk.fill()
                } else {
                    disk.free()
                }
                if n == 0 {
                    file.begin();
                }
                file.piece((n * PIECE / 2) as u64, &[1; PIECE]);
            }
            if full_at_end {
                disk.fill()
            } else {
                disk.free()
            }
            assert!(file.end(4 * PIECE as u64 / 2, u64::MAX));
            (state.wrong_with(0, 0), state.wrong_with(2 * 5, 3))
        };
        let full = io::Error::from(io::ErrorKind::StorageFull).to_string();
        let said = |wrong: &str| Some(format!("{wrong} ({full})"));
        assert_eq!(recorded(&[], false).0, None);
        let silence = "samples could not be kept; silence stands for them";
        assert_eq!(recorded(&[], false).1, Some(format!("8 {silence}")));
        assert_eq!(
            recorded(&[0], false).0,
            said(&format!("8192 {silence}")),
            "begun on a full disk"
        );
        assert_eq!(recorded(&[1, 3], false).0, said(&format!("16384 {silence}")));
        assert_eq!(recorded(&[2, 3], true).0, said("its last 16384 samples are missing"));
        let both = format!("its last 8192 samples are missing; 8192 {silence}");
        assert_eq!(recorded(&[1, 3], true).0, said(&both));
        assert_eq!(recorded(&[0, 1, 2, 3], true).0, said("there is no file"));
        assert_eq!(recorded(&[0, 1, 2, 3], true).1, said("there is no file"));
    }

    #[test]
    fn a_full_disk_leaves_a_hole_of_silence_and_is_told_once() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        let at = |n: usize| (n * PIECE / 2) as u64;
        file.piece(at(0), &[1; PIECE]);
        disk.fill();
        file.piece(at(1), &[2; PIECE]);
        let fault = file.state.take_fault().unwrap();
        assert_eq!(fault.kind(), io::ErrorKind::StorageFull);
        file.piece(at(2), &[3; PIECE]);
        assert!(file.state.take_fault().is_none());
        disk.free();
        file.piece(at(3), &[4; PIECE]);
        disk.fill();
        file.piece(at(4), &[5; 100]);
        disk.free();
        assert!(file.end(0, u64::MAX));
        let silence = [0xd5; PIECE];
        let expected = [&[1; PIECE][..], &silence, &silence, &[4; PIECE], &[0xd5; 100]].concat();
        let bytes = disk.bytes("a.wav");
        assert_eq!(bytes[58..], expected);
        assert_eq!(bytes[..58], state.format.spec().header(expected.len() as u64));
        assert_eq!(state.lost_samples(0), (2 * PIECE as u64 + 100) / 2);
    }

    #[test]
    fn a_file_that_could_not_be_made_at_first_is_made_later() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        disk.fill();
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.begin();
        assert!(file.state.take_fault().is_some());
        file.piece(0, &[1; PIECE]);
        disk.free();
        file.piece(PIECE as u64 / 2, &[2; PIECE]);
        assert!(file.end(0, u64::MAX));
        assert_eq!(disk.bytes("a.wav")[58..], [[0xd5; PIECE], [2; PIECE]].concat());
        assert_eq!(state.lost_samples(0), PIECE as u64 / 2);
    }

    #[test]
    fn a_long_hole_is_filled_bit_by_bit_while_pieces_wait() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        disk.fill();
        let hole = 2 * MOST_FILL as usize / PIECE + 1;
        let at = |n: usize| (n * PIECE / 2) as u64;
        for n in 0..hole {
            file.piece(at(n), &[1; PIECE]);
        }
        disk.free();
        for n in hole..hole + 4 {
            file.piece(at(n), &[2; PIECE]);
        }
        assert_eq!((file.state.whole, file.state.waiting.len()), (MOST_FILL, 4));
        file.go_on(MOST_FILL);
        assert_eq!((file.state.whole, file.state.waiting.len()), (2 * MOST_FILL, 4));
        assert_eq!(file.state.lost_at_end, file.state.lost, "it is not all silence yet");
        disk.fill();
        file.go_on(MOST_FILL);
        disk.free();
        file.go_on(MOST_FILL);
        assert!(!file.state.waits() && file.state.lost_at_end == 0);
        assert!(file.end(0, MOST_FILL));
        let bytes = disk.bytes("a.wav");
        assert_eq!(bytes.len(), 58 + (hole + 4) * PIECE);
        let kept = bytes[58..].iter().filter(|b| **b == 2).count() / PIECE;
        assert_eq!((kept, state.lost_samples(0)), (4, (hole * PIECE / 2) as u64));
        assert!(bytes[58..].iter().all(|b| *b == 2 || *b == 0xd5));
    }

    /// Two hours on hold are 115 MB.
    #[test]
    fn a_long_hold_is_never_written_in_one_go() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        let hour = 8_000 * 3_600;
        file.piece(0, &[1; PIECE]);
        let mut rounds = 0;
        let mut written = file.state.whole;
        let mut step = |file: &mut RecordingFile<'_>, what: &str| {
            let now = file.state.whole;
            assert!(now - written <= MOST_FILL + 2 * PIECE as u64, "{what}: {}", now - written);
            (written, rounds) = (now, rounds + 1);
        };
        for n in 0..3 {
            file.piece(hour + n * PIECE as u64 / 2, &[2; PIECE]);
            step(&mut file, "a piece");
        }
        while file.state.waits() {
            file.go_on(MOST_FILL);
            step(&mut file, "a round");
        }
        while !file.end(2 * hour, MOST_FILL) {
            step(&mut file, "the end");
        }
        assert!(rounds >= 2 * 2 * hour / MOST_FILL, "{rounds}");
        let bytes = disk.bytes("a.wav");
        assert_eq!(bytes.len() as u64, 58 + 2 * 2 * hour);
        assert_eq!(bytes[..58], state.format.spec().header(4 * hour));
        let from = 58 + 2 * hour as usize;
        assert!(bytes[from..from + 3 * PIECE].iter().all(|byte| *byte == 2));
        assert_eq!((state.lost_samples(0), state.wrong_with(0, 0)), (0, None));
    }

    #[test]
    fn pieces_that_wait_are_bounded_and_what_no_disk_takes_is_lost() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        let at = |n: usize| (4 * MOST_FILL as usize + n * PIECE / 2) as u64;
        for n in 0..MOST_WAITING + 3 {
            file.piece(at(n), &[2; PIECE]);
        }
        let lost = |n: usize| (n * PIECE / 2) as u64;
        assert_eq!(file.state.lost_samples(0), lost(3));
        disk.fill();
        assert!(file.end(0, u64::MAX), "a full disk is not waited for");
        assert_eq!(state.lost_samples(0), lost(MOST_WAITING + 3));
        let wrong = state.wrong_with(0, 0).unwrap();
        assert!(wrong.starts_with("its last ") && !wrong.contains("silence"), "{wrong}");
    }

    #[test]
    fn a_piece_that_lies_over_another_is_not_taken() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.piece(0, &[1; PIECE]);
        file.piece(100, &[2; PIECE]);
        assert!(file.end(0, u64::MAX));
        assert_eq!(disk.bytes("a.wav")[58..], [1; PIECE]);
    }
}
