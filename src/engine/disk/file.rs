//! One recording's file: pieces at their places, sizes in the header after some of them, silence where
//! the disk was full.
//!
//! ```text
//!  header │ written ……………………… │ hole: nobody spoke, or the disk was full │ piece │
//!                            whole                                        laid
//! ```
//!
//! At any moment the header announces no more than what is there, so a file that a crash left is
//! valid; what it lacks is announced when the next start makes it whole ([`Directory`](super::storage::Directory)).
//! A header costs the kernel as much as a third of a piece, so it is written with every
//! [`ANNOUNCED`]th only. When a write fails the call goes on: each later piece tries again, beginning with silence
//! for what was missed.

use std::io;

use super::storage::{Storage, StoredFile};
use crate::media::control::RecordFormat;

/// Bytes of silence that one piece may write for others that could not be written; a longer hole is
/// filled by several, so that the disk thread is not held up for long.
const MOST_FILL: u64 = 4 << 20;
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
    /// Bytes of pieces that could not be written.
    lost: u64,
    /// Those of them for which there is no silence yet.
    lost_at_end: u64,
    /// What went wrong first, until it is told.
    fault: Option<io::Error>,
    /// The same in words.
    why: Option<String>,
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

    /// All pieces have come, and it is `samples` long: what is still missing is filled, however long
    /// that takes.
    pub(super) fn end(&mut self, samples: u64) {
        let bytes = samples.saturating_mul(self.state.format.frame_bytes() as u64);
        self.state.laid = self.state.laid.max(bytes);
        let filled = self.ensure().and_then(|()| self.fill(self.state.laid, u64::MAX));
        if self.state.whole == self.state.laid {
            self.state.lost_at_end = 0;
        }
        let filled = filled.and_then(|()| self.announce());
        self.state.note(filled);
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
        let Some(quiet) = at.checked_sub(self.state.laid) else { return };
        self.state.laid = at.saturating_add(bytes.len() as u64);
        let appended = self.append(at, quiet, bytes);
        if self.state.whole >= at {
            self.state.lost_at_end = 0;
        }
        if self.state.whole < self.state.laid {
            self.state.lost += bytes.len() as u64;
            self.state.lost_at_end += bytes.len() as u64;
        }
        self.state.note(appended);
    }

    fn append(&mut self, at: u64, quiet: u64, bytes: &[u8]) -> io::Result<()> {
        self.ensure()?;
        self.fill(at, quiet.saturating_add(MOST_FILL))?;
        if self.state.whole == at {
            self.write(at, bytes)?;
            self.state.whole += bytes.len() as u64;
        }
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
        file.end(0);
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
            file.end(4 * PIECE as u64 / 2);
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
        file.end(0);
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
        file.end(0);
        assert_eq!(disk.bytes("a.wav")[58..], [[0xd5; PIECE], [2; PIECE]].concat());
        assert_eq!(state.lost_samples(0), PIECE as u64 / 2);
    }

    #[test]
    fn a_long_hole_is_filled_by_several_pieces() {
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
        file.end(0);
        let bytes = disk.bytes("a.wav");
        assert_eq!(bytes.len(), 58 + (hole + 4) * PIECE);
        let kept = bytes[58..].iter().filter(|b| **b == 2).count() / PIECE;
        assert_eq!((kept, state.lost_samples(0)), (2, ((hole + 2) * PIECE / 2) as u64));
        assert!(bytes[58..].iter().all(|b| *b == 2 || *b == 0xd5));
    }

    #[test]
    fn a_piece_that_lies_over_another_is_not_taken() {
        let (mut storage, disk) = FakeStorage::new();
        let mut state = state(RecordFormat::Alaw);
        let mut file = RecordingFile { state: &mut state, storage: &mut storage };
        file.piece(0, &[1; PIECE]);
        file.piece(100, &[2; PIECE]);
        file.end(0);
        assert_eq!(disk.bytes("a.wav")[58..], [1; PIECE]);
    }
}
