//! Recordings of calls that are over are packed, Ogg/Opus for WAV: a thread that runs only where
//! nobody else wants the processor.
//!
//! ```text
//!   every LOOK ─▶ a WAV that is whole, and older than `after`
//!                   │ packed into .pack/, read back beside the WAV (record::pack), on the disk;
//!                   │ where that sounds otherwise, once more with its pauses kept
//!                   ├─▶ not the same: the WAV stays, DiskEvent::NotPacked
//!                   └─▶ renamed beside it ─▶ DiskEvent::Packed ─▶ the WAV goes
//! ```
//!
//! Killed in between, it leaves the WAV, or both: then the packed one, which got its name only when it
//! had been read back, is what stays. A file in `.pack/` is never a recording.
//!
//! Not here: how one file is packed ([`conversion`]), which could not be ([`refused`]).

#![allow(clippy::disallowed_methods, reason = "this floor owns the files")]

mod conversion;
mod refused;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::Date;

use self::conversion::{Fault, convert};
use self::refused::Refused;
use super::background::{Background, Orders};
use super::days::Days;
use super::keys::Keys;
use super::storage::{below, is_open};
use super::{DiskEvent, Tell};
use crate::engine::pinning;
use crate::record::path;

/// How often new work is looked for.
const LOOK: Duration = Duration::from_secs(60);
/// Rest between two recordings.
const PACE: Duration = Duration::from_millis(20);
/// Where packed files are made.
const WORKSHOP: &str = ".pack";

/// Starts the thread. The order says how long a recording has to have been whole before it is packed;
/// without one, or with `None`, nothing is.
pub(in crate::engine) fn start(
    root: PathBuf,
    keys: Keys,
    tell: Tell,
) -> io::Result<Background<Option<Duration>>> {
    Background::start("pack", |orders: Orders<Option<Duration>>| {
        if let Err(error) = pinning::background() {
            tracing::info!("recordings are packed at the usual priority: {error}");
        }
        let mut bench = Bench::new(root, keys, tell);
        orders.obey(LOOK, move |after, stop| match after {
            Some(after) => bench.turn(*after, jiff::Zoned::now().date(), stop),
            None => LOOK,
        });
    })
}

/// Where recordings are packed.
struct Bench {
    days: Days,
    keys: Keys,
    tell: Tell,
    /// The day from which there may be work; no path before it has any.
    from: String,
    refused: Refused,
    /// Found, and still to be packed: a day is read once, not once for each of its recordings.
    found: VecDeque<String>,
}

impl Bench {
    fn new(root: PathBuf, keys: Keys, tell: Tell) -> Bench {
        // What a crash left half made.
        let _ = fs::remove_dir_all(root.join(WORKSHOP));
        Bench {
            refused: Refused::read(&root),
            days: Days::new(root),
            keys,
            tell,
            from: String::new(),
            found: VecDeque::new(),
        }
    }

    /// Packs one recording, if there is one to pack; gives the time until the next turn.
    fn turn(&mut self, after: Duration, today: Date, stop: &dyn Fn() -> bool) -> Duration {
        if self.found.is_empty()
            && let Err(error) = self.find(after, today)
        {
            tracing::warn!("recordings cannot be packed: their directory: {error}");
        }
        let Some(path) = self.found.pop_front() else { return LOOK };
        match self.pack(&path, stop) {
            Ok(Some((packed, bytes))) => {
                (self.tell)(DiskEvent::Packed { path: path.clone(), packed, bytes });
                // Its time may have been over meanwhile: then it has gone already.
                if let Err(error) = below(self.days.root(), &path).and_then(fs::remove_file)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!("{path}: packed, and cannot be removed: {error}");
                    self.refused.add(path, false);
                }
            }
            Ok(None) => {} // told to stop
            Err(fault) => {
                let why = fault.to_string();
                (self.tell)(DiskEvent::NotPacked { path: path.clone(), why });
                self.refused.add(path, fault.lasts());
            }
        }
        PACE
    }

    /// Finds what is to be packed: of the oldest day that has any.
    fn find(&mut self, after: Duration, today: Date) -> io::Result<()> {
        let end = today.saturating_add(1.day());
        let settled = today.saturating_sub(2.days()).to_string().replace('-', "/");
        let mut found = Vec::new();
        let mut done_to = self.from.clone();
        let mut all_done = true;
        let (root, has_keys) = (self.days.root(), !self.keys.ring().is_empty());
        self.days.walk(&self.from, end, |day| {
            let paths = self.days.names(day)?.into_iter().map(|name| format!("{day}/{name}"));
            let ours = |path: &String| path::is_wav(path) && path::read(path).is_some();
            // Without a key an encrypted one waits; whose own key is missing is refused when it is tried.
            let has_key = |path: &String| has_keys || !path::is_encrypted(path);
            let wavs = paths.filter(ours).filter(|path| !self.refused.has(path));
            let ripe = |path: &String| {
                !is_open(root, path) && has_key(path) && age(root, path) >= Some(after)
            };
            let young: Vec<_>;
            (found, young) = wavs.partition(ripe);
            all_done &= found.is_empty() && young.is_empty();
            if all_done && day < settled.as_str() {
                done_to = format!("{day}~"); // after this day, before the next
            }
            Ok(!found.is_empty())
        })?;
        found.sort_unstable();
        (self.from, self.found) = (done_to, found.into());
        Ok(())
    }

    /// Packs the recording at `path`. Gives the packed file's path and size; `None` when told to stop
    /// in between.
    fn pack(&self, path: &str, stop: &dyn Fn() -> bool) -> Result<Option<(String, u64)>, Fault> {
        let packed = path::packed(path);
        let fault = |e: io::Error| Fault::File(e.to_string());
        let (from, to) = (self.at(path)?, self.at(&packed)?);
        if let Ok(there) = fs::metadata(&to) {
            return Ok(Some((packed, there.len()))); // made and read back before a crash
        }
        let workshop = self.days.root().join(WORKSHOP);
        fs::create_dir_all(&workshop).map_err(fault)?;
        let made = workshop.join(packed.replace('/', "_"));
        match convert((&from, &made), path, &self.keys.ring(), stop) {
            Ok(true) => {}
            other => {
                let _ = fs::remove_file(&made);
                return other.map(|_| None);
            }
        }
        let bytes = fs::metadata(&made).map_err(fault)?.len();
        fs::rename(&made, &to).map_err(fault)?;
        let directory = to.parent().unwrap_or(self.days.root());
        File::open(directory).and_then(|d| d.sync_all()).map_err(fault)?;
        Ok(Some((packed, bytes)))
    }

    fn at(&self, path: &str) -> Result<PathBuf, String> {
        below(self.days.root(), path).map_err(|e| e.to_string())
    }
}

/// How long ago a file was last written.
fn age(root: &Path, path: &str) -> Option<Duration> {
    fs::metadata(root.join(path)).ok()?.modified().ok()?.elapsed().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::base::{CallId, Wall};
    use crate::dsp::g711;
    use crate::engine::disk::envelope::Vault;
    use crate::engine::disk::reading::{self, tests::ring};
    use crate::engine::disk::storage::{Directory, Storage};
    use crate::wire::wav;
    use jiff::civil::date;

    const TODAY: Date = date(2026, 3, 11);

    fn bench(root: &Path) -> (Bench, Arc<Mutex<Vec<DiskEvent>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell: Tell = Arc::new({
            let told = told.clone();
            move |event| told.lock().unwrap().push(event)
        });
        (Bench::new(root.to_owned(), Keys::new(ring(1)), tell), told)
    }

    fn tone(seconds: usize) -> Vec<u8> {
        let sample = |n: usize| (f64::sin(n as f64 * 0.35) * 6_000.0) as i16;
        let frame = |n| [g711::alaw_code(sample(n)), g711::ALAW_SILENCE];
        (0..seconds * 8_000).flat_map(frame).collect()
    }

    fn record(root: &Path, nth: u64, day: Date, data: &[u8]) -> String {
        let path = path::path(CallId::new(Wall(1_700_000_000_000), nth), 1, day);
        record_at(root, &path, data);
        path
    }

    fn record_at(root: &Path, path: &str, data: &[u8]) {
        let (storage, _) = Directory::open(root, &Keys::default()).unwrap();
        let mut file = Vault::new(storage, Keys::new(ring(1))).create(path).unwrap();
        let spec = wav::Spec { format: wav::Format::Alaw, channels: 2, rate_hz: 8_000 };
        let bytes = [&spec.header(data.len() as u64)[..], data].concat();
        file.write_at(0, &bytes).unwrap();
        file.finish().unwrap();
    }

    #[test]
    fn an_encrypted_recording_is_packed_into_an_encrypted_file() {
        let root = tempfile::tempdir().unwrap();
        let call = CallId::new(Wall(1_700_000_000_000), 1);
        let path = path::encrypted(&path::path(call, 1, date(2026, 3, 1)));
        record_at(root.path(), &path, &tone(3));
        let (mut bench, told) = bench(root.path());
        let keys = bench.keys.clone();
        bench.keys = Keys::default();
        turns(&mut bench, Duration::ZERO);
        assert!(told.lock().unwrap().is_empty(), "it waits for a key");
        bench.keys = keys;
        turns(&mut bench, Duration::ZERO);
        let told = told.lock().unwrap();
        let [DiskEvent::Packed { packed, bytes, .. }] = &told[..] else { panic!("{told:?}") };
        assert!(packed.ends_with(".opus.enc") && !root.path().join(&path).exists());
        let lies = fs::read(root.path().join(packed)).unwrap();
        assert_eq!(lies.len() as u64, *bytes);
        assert!(!lies.windows(4).any(|four| four == b"OggS" || four == b"Opus"));
        let mut reading = reading::open(root.path(), packed, &ring(1)).unwrap();
        let mut plain = Vec::new();
        reading.read_to_end(&mut plain).unwrap();
        assert!(plain.starts_with(b"OggS"));
    }

    #[test]
    fn an_encrypted_recording_that_was_cut_off_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let call = CallId::new(Wall(1_700_000_000_000), 1);
        let path = path::encrypted(&path::path(call, 1, date(2026, 3, 1)));
        record_at(root.path(), &path, &tone(3));
        let file = fs::OpenOptions::new().write(true).open(root.path().join(&path)).unwrap();
        file.set_len(crate::record::envelope::offset(2)).unwrap();
        let (mut bench, told) = bench(root.path());
        turns(&mut bench, Duration::ZERO);
        let told = told.lock().unwrap();
        let [DiskEvent::NotPacked { why, .. }] = &told[..] else { panic!("{told:?}") };
        assert!(why.contains("ends behind 2 whole chunks"), "{why}");
    }

    fn turns(bench: &mut Bench, after: Duration) {
        while bench.turn(after, TODAY, &|| false) != LOOK {}
    }

    #[test]
    fn recordings_are_packed_oldest_first_and_their_wavs_go() {
        let root = tempfile::tempdir().unwrap();
        let later = record(root.path(), 2, date(2026, 3, 10), &tone(2));
        let first = record(root.path(), 1, date(2026, 3, 1), &tone(3));
        let (mut bench, told) = bench(root.path());
        turns(&mut bench, Duration::ZERO);
        let told = told.lock().unwrap();
        let paths: Vec<_> = told
            .iter()
            .map(|event| match event {
                DiskEvent::Packed { path, packed, bytes } => {
                    let there = fs::metadata(root.path().join(packed)).unwrap();
                    assert_eq!(there.len(), *bytes);
                    assert!(!root.path().join(path).exists());
                    path.clone()
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(paths, [first, later]);
        assert_eq!(fs::read_dir(root.path().join(WORKSHOP)).unwrap().count(), 0);
        assert_eq!(bench.from, "2026/03/01~", "days that are done are not looked at again");
    }

    #[test]
    fn a_steady_tone_is_packed_at_the_second_attempt() {
        let root = tempfile::tempdir().unwrap();
        let path = record(root.path(), 1, date(2026, 3, 1), &tone(20));
        let (mut bench, told) = bench(root.path());
        turns(&mut bench, Duration::ZERO);
        let told = told.lock().unwrap();
        assert!(
            matches!(&told[..], [DiskEvent::Packed { path: of, .. }] if *of == path),
            "{told:?}"
        );
    }

    #[test]
    fn what_is_young_or_open_waits_and_what_is_no_wav_stays() {
        let root = tempfile::tempdir().unwrap();
        let whole = record(root.path(), 1, date(2026, 3, 1), &tone(1));
        let broken = path::path(CallId::new(Wall(1_700_000_000_000), 7), 1, date(2026, 3, 1));
        fs::write(root.path().join(&broken), b"not a wave file").unwrap();
        let (mut storage, _) = Directory::open(root.path(), &Keys::default()).unwrap();
        let open = path::path(CallId::new(Wall(1_700_000_000_000), 8), 1, date(2026, 3, 1));
        let _open = storage.create(&open).unwrap();
        let (mut bench, told) = bench(root.path());
        turns(&mut bench, Duration::from_secs(3_600));
        assert!(told.lock().unwrap().is_empty(), "an hour is not over");
        turns(&mut bench, Duration::ZERO);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told.iter().any(|e| matches!(e, DiskEvent::NotPacked { path, .. } if *path == broken))
        );
        assert!(told.iter().any(|e| matches!(e, DiskEvent::Packed { path, .. } if *path == whole)));
        assert!(root.path().join(&broken).exists() && root.path().join(&open).exists());
    }

    #[test]
    fn what_cannot_be_packed_is_not_tried_again_after_a_restart() {
        let root = tempfile::tempdir().unwrap();
        let broken = record(root.path(), 1, date(2026, 3, 1), &tone(1));
        fs::write(root.path().join(&broken), b"not a wave file").unwrap();
        let tried = || {
            let (mut bench, told) = bench(root.path());
            turns(&mut bench, Duration::ZERO);
            told.lock().unwrap().len()
        };
        assert_eq!([tried(), tried()], [1, 0]);
    }

    #[test]
    fn after_a_crash_the_packed_file_stays_and_the_half_made_one_goes() {
        let root = tempfile::tempdir().unwrap();
        let path = record(root.path(), 1, date(2026, 3, 1), &tone(1));
        fs::write(root.path().join(path::packed(&path)), b"read back before the crash").unwrap();
        fs::create_dir_all(root.path().join(WORKSHOP)).unwrap();
        fs::write(root.path().join(WORKSHOP).join("half"), b"x").unwrap();
        let (mut bench, told) = bench(root.path());
        assert!(!root.path().join(WORKSHOP).exists());
        turns(&mut bench, Duration::ZERO);
        let packed = path::packed(&path);
        let expected = DiskEvent::Packed { path: path.clone(), packed, bytes: 26 };
        assert_eq!(*told.lock().unwrap(), [expected]);
        assert!(!root.path().join(&path).exists());
    }

    #[test]
    fn it_stops_in_the_middle_when_told_to() {
        let root = tempfile::tempdir().unwrap();
        let path = record(root.path(), 1, date(2026, 3, 1), &tone(1));
        let (mut bench, told) = bench(root.path());
        bench.turn(Duration::ZERO, TODAY, &|| true);
        assert!(told.lock().unwrap().is_empty() && root.path().join(&path).exists());
        assert_eq!(fs::read_dir(root.path().join(WORKSHOP)).unwrap().count(), 0);
    }
}
