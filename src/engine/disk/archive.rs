//! Old recordings go, and the disk's level is watched: a thread beside the one that writes, so that a
//! slow removal delays no recording.
//!
//! ```text
//!   every LOOK ─▶ is the clock believed? ─▶ what is known of the date, in `.clock`
//!             ├─▶ how full is the disk? ─▶ DiskEvent::Level, when that changes
//!             └─▶ a batch past its time ─▶ removed ─▶ DiskEvent::Removed, one each
//!                       │ full: another after PACE     └─▶ could not: DiskEvent::NotRemoved, once
//!                       └ the last one: rest until the next LOOK
//! ```
//!
//! What is old is [`record::retention`](crate::record::retention)'s to say, what day it is
//! [`record::clock`](crate::record::clock)'s. A file that has a mark
//! in `.open/` is being written and never goes. One that cannot be removed holds up no other: a sweep
//! goes on behind it, and it is tried again by the next.
//!
//! Told after it is done: should Belfry be killed in between, a record may name a file that has gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::background::{Background, Orders};
use super::days::Days;
use super::space::space;
use super::storage::{below, is_open};
use super::{DiskEvent, Tell};
use crate::base::{Now, Time, Wall};
use crate::record::clock::{Clock, STEADY};
use crate::record::retention::{self, Retention, Space, WhenFull};

/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(60);
/// Files that are removed at once, and the pause between two batches: at most 400 a second, which
/// neither the disk nor the journal notices.
const BATCH: usize = 20;
const PACE: Duration = Duration::from_millis(50);
/// Where the wall time that was believed last stands, below the directory of recordings, and how often
/// it is written.
const CLOCK: &str = ".clock";
const CLOCK_EVERY_MS: u64 = 3_600_000;
/// Characters of `YYYY/MM/DD`.
const DAY_LEN: usize = 10;

/// Starts the thread. Nothing is removed before an order says how long recordings are kept.
pub(in crate::engine) fn start(root: PathBuf, tell: Tell) -> io::Result<Archivist> {
    let shelf = Box::new(Directory { days: Days::new(root) });
    let clock_is_right = Arc::new(AtomicBool::new(false));
    let said = clock_is_right.clone();
    let mut archive = Archive { shelf, tell, state: State::default() };
    let began = Instant::now();
    let thread = Background::start("archive", move |orders: Orders<Retention>| {
        orders.obey(LOOK, move |retention, _| {
            let at = Time::from_nanos(began.elapsed().as_nanos() as u64);
            let wall = Wall(Timestamp::now().as_millisecond());
            archive.look(retention, Now { at, wall }, said.swap(false, Relaxed))
        });
    })?;
    Ok(Archivist { thread, clock_is_right })
}

/// The running thread; it ends when this is dropped.
pub(in crate::engine) struct Archivist {
    thread: Background<Retention>,
    clock_is_right: Arc<AtomicBool>,
}

impl Archivist {
    /// From now on recordings are kept so long. Never waits.
    pub(in crate::engine) fn order(&self, retention: Retention) {
        self.thread.order(retention);
    }

    /// An operator says that the clock is right: ages go by it from the next look on.
    pub(in crate::engine) fn trust_clock(&self) {
        self.clock_is_right.store(true, Relaxed);
    }
}

/// The directory of recordings, as far as old ones are concerned; tests have another.
trait Shelf: Send {
    /// At most `most` recordings of before `first_kept`, in the order of their paths from after
    /// `after` on, without those that are being written.
    fn old(&mut self, first_kept: Date, after: &str, most: usize) -> io::Result<Vec<String>>;
    /// Removes one.
    fn remove(&mut self, path: &str) -> io::Result<()>;
    /// How full the disk is.
    fn space(&mut self) -> io::Result<Space>;
    /// The wall time that was believed last; where none was written down, that of the newest recording.
    fn last_known(&self) -> Option<Wall>;
    /// Writes it down.
    fn know(&mut self, wall: Wall) -> io::Result<()>;
}

struct Archive {
    shelf: Box<dyn Shelf>,
    tell: Tell,
    state: State,
}

/// What was told last, and how far the present sweep has come.
#[derive(Default)]
struct State {
    full: bool,
    used_percent: u8,
    failed: bool,
    /// The path after which the sweep goes on; empty: it begins.
    after: String,
    /// What went wrong first in the present sweep.
    fault: Option<String>,
    clock: Option<Clock>,
    /// What of it was written down last.
    written: Option<Wall>,
    /// What went in the present sweep: how many, the first and the last.
    gone: Option<(usize, String, String)>,
}

impl Archive {
    /// A turn by the day that is believed; `right`: an operator says that it is what the clock says.
    fn look(&mut self, retention: &Retention, now: Now, right: bool) -> Duration {
        let shelf = &self.shelf;
        let clock = self.state.clock.get_or_insert_with(|| Clock::new(shelf.last_known(), now));
        let judged = if right { clock.believe(now) } else { clock.look(now) };
        let known = clock.known(now.at);
        let day = |wall: Wall| {
            let at = Timestamp::from_millisecond(wall.0).unwrap_or(Timestamp::UNIX_EPOCH);
            at.to_zoned(retention.zone.clone()).date()
        };
        let today = day(judged.wall);
        if let Some(ahead) = judged.ahead {
            let (days, steady) = (ahead.as_secs() / 86_400, STEADY.as_secs() / 86_400);
            self.state.fault.get_or_insert_with(|| {
                format!(
                    "the clock says {}, {days} days ahead of what was known: ages go by {today} until \
                     'trust clock' on the console, or until the clock has run on for {steady} days",
                    day(now.wall)
                )
            });
        }
        if self.state.written.is_none_or(|last| last.0.abs_diff(known.0) >= CLOCK_EVERY_MS) {
            match self.shelf.know(known) {
                Ok(()) => self.state.written = Some(known),
                Err(error) => {
                    self.state.fault.get_or_insert_with(|| format!("{CLOCK}: {error}"));
                }
            }
        }
        self.turn(retention, today)
    }

    /// One bounded piece of work; gives the time until the next.
    fn turn(&mut self, retention: &Retention, today: Date) -> Duration {
        let aged = retention::first_kept(today, retention.keep);
        let makes_room = retention.when_full == WhenFull::Oldest && self.is_above(retention);
        let first_kept = if makes_room { aged.max(today) } else { aged };
        let old = match self.shelf.old(first_kept, &self.state.after, BATCH) {
            Ok(old) => old,
            Err(error) => {
                self.state
                    .fault
                    .get_or_insert_with(|| format!("the recordings' directory: {error}"));
                Vec::new()
            }
        };
        for path in &old {
            match self.shelf.remove(path) {
                Ok(()) => {
                    self.state.note_gone(path);
                    (self.tell)(DiskEvent::Removed { path: path.clone() });
                }
                // Somebody was faster; its record is right all the same.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    (self.tell)(DiskEvent::Removed { path: path.clone() });
                }
                Err(error) => {
                    self.state.fault.get_or_insert_with(|| format!("{path}: {error}"));
                }
            }
        }
        let full = self.is_above(retention);
        // What still can go makes room first; only then is the disk said to be full.
        if !(full && makes_room && !old.is_empty()) {
            self.level(full, retention.max_percent);
        }
        match old.last() {
            Some(last) if old.len() == BATCH => {
                self.state.after.clone_from(last);
                PACE
            }
            _ => {
                self.state.log_gone(retention, first_kept, makes_room);
                self.sweep_ended();
                LOOK
            }
        }
    }

    /// Tells what went wrong in a sweep when that is new, and when it is over.
    fn sweep_ended(&mut self) {
        self.state.after.clear();
        let fault = self.state.fault.take();
        if fault.is_some() != self.state.failed {
            self.state.failed = fault.is_some();
            (self.tell)(DiskEvent::NotRemoved { why: fault });
        }
    }

    /// Whether more of the disk is in use than may be; as before, where that cannot be known.
    fn is_above(&mut self, retention: &Retention) -> bool {
        match self.shelf.space() {
            Ok(space) => {
                self.state.used_percent = space.percent();
                space.is_above(retention.max_percent)
            }
            Err(error) => {
                self.state.fault.get_or_insert_with(|| format!("the disk's level: {error}"));
                self.state.full
            }
        }
    }

    /// Tells the disk's level when it has crossed its share.
    fn level(&mut self, full: bool, max_percent: u8) {
        if full != self.state.full {
            self.state.full = full;
            let used_percent = self.state.used_percent;
            (self.tell)(DiskEvent::Level { full, used_percent, max_percent });
        }
    }
}

impl State {
    fn note_gone(&mut self, path: &str) {
        let gone = self.gone.get_or_insert_with(|| (0, path.into(), String::new()));
        gone.0 += 1;
        gone.2 = path.into();
    }

    /// What a sweep removed, and why.
    fn log_gone(&mut self, retention: &Retention, first_kept: Date, makes_room: bool) {
        let Some((count, first, last)) = self.gone.take() else { return };
        let why = match makes_room {
            true => format!("the disk was above {} %", retention.max_percent),
            false => format!("they were of before {first_kept}"),
        };
        tracing::info!("[record]: {count} recordings removed, {first} to {last}: {why}");
    }
}

struct Directory {
    days: Days,
}

impl Directory {
    /// The end of the day of the newest recording.
    fn newest(&self) -> Option<Wall> {
        let day = self.days.newest().ok()??.tomorrow().ok()?;
        let end = day.to_zoned(TimeZone::UTC).ok()?;
        Some(Wall(end.timestamp().as_millisecond()))
    }

    /// The first `most` old recordings of one day. A directory without anything is removed with those above it.
    fn of_day(
        &self,
        day: &str,
        first_kept: Date,
        after: &str,
        most: usize,
    ) -> io::Result<Vec<String>> {
        let names = self.days.names(day)?;
        if names.is_empty() {
            for path in Path::new(day).ancestors().filter(|path| !path.as_os_str().is_empty()) {
                if fs::remove_dir(self.days.root().join(path)).is_err() {
                    break;
                }
            }
        }
        let paths = names.into_iter().map(|name| format!("{day}/{name}"));
        let old = paths
            .filter(|path| path.as_str() > after)
            .filter(|path| retention::past(path, first_kept).is_some());
        Ok(first_closed(old.collect(), most, |path| is_open(self.days.root(), path)))
    }
}

/// The first `most` of `paths` that are not open, in their order. The disk is asked of no more than it takes.
fn first_closed(
    mut paths: Vec<String>,
    most: usize,
    mut is_open: impl FnMut(&str) -> bool,
) -> Vec<String> {
    paths.sort_unstable();
    paths.into_iter().filter(|path| !is_open(path)).take(most).collect()
}

impl Shelf for Directory {
    fn old(&mut self, first_kept: Date, after: &str, most: usize) -> io::Result<Vec<String>> {
        let mut old = Vec::new();
        let first = after.get(..DAY_LEN).unwrap_or("");
        self.days.walk(first, first_kept, |day| {
            old.extend(self.of_day(day, first_kept, after, most - old.len())?);
            Ok(old.len() >= most)
        })?;
        Ok(old)
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        fs::remove_file(below(self.days.root(), path)?)
    }

    fn space(&mut self) -> io::Result<Space> {
        space(self.days.root())
    }

    fn last_known(&self) -> Option<Wall> {
        let text = fs::read_to_string(self.days.root().join(CLOCK)).ok();
        let written = text.and_then(|text| text.trim().parse::<Timestamp>().ok());
        written.map(|at| Wall(at.as_millisecond())).or_else(|| self.newest())
    }

    fn know(&mut self, wall: Wall) -> io::Result<()> {
        let at = Timestamp::from_millisecond(wall.0).map_err(io::Error::other)?;
        // Put in place as a whole: half of it would be no date.
        let (new, path) = (self.days.root().join(".clock.new"), self.days.root().join(CLOCK));
        fs::write(&new, format!("{at}\n"))?;
        fs::rename(new, path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::engine::disk::keys::Keys;
    use crate::engine::disk::storage::{self, Storage};
    use crate::record::retention::Keep;
    use jiff::civil::date;

    const YEAR: Keep = Keep::Months(12);

    fn retention(keep: Keep, max_percent: u8) -> Retention {
        Retention { keep, max_percent, when_full: WhenFull::Stop, zone: TimeZone::UTC }
    }

    type Told = Arc<Mutex<Vec<DiskEvent>>>;

    fn archive(shelf: impl Shelf + 'static) -> (Archive, Told) {
        let told = Told::default();
        let events = told.clone();
        let tell: Tell = Arc::new(move |event| events.lock().unwrap().push(event));
        (Archive { shelf: Box::new(shelf), tell, state: State::default() }, told)
    }

    fn take(told: &Told) -> Vec<DiskEvent> {
        std::mem::take(&mut told.lock().unwrap())
    }

    /// Turns until the sweep has ended; how many there were.
    fn sweep(archive: &mut Archive, keep: Keep, today: Date) -> usize {
        let retention = retention(keep, 100);
        1 + (0..1_000).take_while(|_| archive.turn(&retention, today) == PACE).count()
    }

    fn removed(told: &Told) -> Vec<String> {
        let path = |event| match event {
            DiskEvent::Removed { path } => Some(path),
            _ => None,
        };
        take(told).into_iter().filter_map(path).collect()
    }

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"RIFF").unwrap();
    }

    #[test]
    fn what_is_old_goes_oldest_first_with_its_empty_directories() {
        let root = tempfile::tempdir().unwrap();
        let old = [
            "2024/12/31/0000000000004.wav",
            "2025/03/07/0000000000001-2.wav",
            "2025/03/07/0000000000001.wav",
            "2025/03/08/0000000000002.wav",
        ];
        let kept =
            ["2025/03/09/0000000000003.wav", "2025/03/07/notes.txt", "2025/readme", "x/y.wav"];
        old.iter().chain(&kept).for_each(|path| write(root.path(), path));
        let (mut archive, told) = archive(Directory { days: Days::new(root.path().into()) });
        sweep(&mut archive, YEAR, date(2026, 3, 9));
        assert_eq!(removed(&told), old);
        assert!(kept.iter().all(|path| root.path().join(path).exists()));
        sweep(&mut archive, YEAR, date(2026, 3, 9));
        assert!(!root.path().join("2024").exists() && !root.path().join("2025/03/08").exists());
        assert_eq!(take(&told), []);
        sweep(&mut archive, YEAR, date(2026, 3, 10));
        assert_eq!(removed(&told), [kept[0]], "a day later");
    }

    #[test]
    fn what_is_being_written_never_goes() {
        let root = tempfile::tempdir().unwrap();
        let (mut storage, _) = storage::Directory::open(root.path(), &Keys::default()).unwrap();
        let path = "2025/01/01/0000000000001.wav";
        let file = storage.create(path).unwrap();
        let (mut archive, told) = archive(Directory { days: Days::new(root.path().into()) });
        sweep(&mut archive, YEAR, date(2026, 3, 9));
        assert_eq!(removed(&told), [""; 0]);
        assert!(root.path().join(path).exists());
        file.finish().unwrap();
        sweep(&mut archive, YEAR, date(2026, 3, 9));
        assert_eq!(removed(&told), [path]);
    }

    #[test]
    fn the_disk_is_asked_of_a_batch_and_not_of_a_day() {
        let paths: Vec<String> = (0..1_000).rev().map(|n| format!("{n:04}")).collect();
        let mut asked = Vec::new();
        let first = first_closed(paths, 3, |path| {
            asked.push(path.to_owned());
            path == "0001"
        });
        assert_eq!((first, asked.len()), (["0000", "0002", "0003"].map(String::from).into(), 4));
    }

    #[test]
    fn a_turn_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..BATCH * 2 + 3 {
            write(root.path(), &format!("2025/01/0{}/{n:013}.wav", 1 + n % 3));
        }
        let (mut archive, told) = archive(Directory { days: Days::new(root.path().into()) });
        let retention = retention(Keep::Days(30), 100);
        let turn = |archive: &mut Archive| archive.turn(&retention, date(2025, 6, 1));
        assert_eq!((turn(&mut archive), removed(&told).len()), (PACE, BATCH));
        assert_eq!((turn(&mut archive), removed(&told).len()), (PACE, BATCH));
        assert_eq!((turn(&mut archive), removed(&told).len()), (LOOK, 3));
    }

    /// A shelf of names, of which some cannot be removed.
    struct Fake {
        names: BTreeSet<String>,
        stuck: Arc<Mutex<BTreeSet<String>>>,
        used: Arc<Mutex<u64>>,
    }

    impl Shelf for Fake {
        fn old(&mut self, first: Date, after: &str, most: usize) -> io::Result<Vec<String>> {
            let names = self.names.iter().filter(|n| n.as_str() > after);
            let old = names.filter(|n| retention::past(n, first).is_some());
            Ok(old.take(most).cloned().collect())
        }
        fn remove(&mut self, path: &str) -> io::Result<()> {
            if self.stuck.lock().unwrap().contains(path) {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.names.remove(path);
            Ok(())
        }
        fn space(&mut self) -> io::Result<Space> {
            Ok(Space { total: 100, used: *self.used.lock().unwrap() })
        }
        fn last_known(&self) -> Option<Wall> {
            None
        }
        fn know(&mut self, _: Wall) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_removed_is_told_once_and_holds_up_no_other() {
        let names: BTreeSet<String> = (0..60).map(|n| format!("2025/01/01/{n:013}.wav")).collect();
        let stuck = Arc::new(Mutex::new(names.iter().take(25).cloned().collect::<BTreeSet<_>>()));
        let (stuck_too, used) = (stuck.clone(), Arc::default());
        let (mut archive, told) = archive(Fake { names, stuck: stuck_too, used });
        let today = date(2026, 3, 9);
        sweep(&mut archive, YEAR, today);
        let events = take(&told);
        assert_eq!(events.len(), 35 + 1);
        let DiskEvent::NotRemoved { why: Some(why) } = &events[35] else { panic!("{events:?}") };
        assert!(why.starts_with("2025/01/01/0000000000000.wav: "), "{why}");
        sweep(&mut archive, YEAR, today);
        assert_eq!(take(&told), [], "told once");
        stuck.lock().unwrap().clear();
        sweep(&mut archive, YEAR, today);
        let events = take(&told);
        assert_eq!((events.len(), events.last()), (26, Some(&DiskEvent::NotRemoved { why: None })));
    }

    #[test]
    fn a_disk_above_its_share_is_told_and_takes_no_recording_that_is_kept() {
        let names: BTreeSet<String> = [format!("2026/03/01/{:013}.wav", 1)].into();
        let used = Arc::new(Mutex::new(90));
        let (mut archive, told) =
            archive(Fake { names, stuck: Arc::default(), used: used.clone() });
        let mut at = |percent| {
            *used.lock().unwrap() = percent;
            archive.turn(&retention(YEAR, 90), date(2026, 3, 9));
            take(&told)
        };
        assert_eq!(at(90), []);
        let level = |full, used_percent| DiskEvent::Level { full, used_percent, max_percent: 90 };
        assert_eq!(at(91), [level(true, 91)]);
        assert_eq!(at(99), [], "told once, and nothing removed");
        assert_eq!(at(50), [level(false, 50)]);
    }

    #[test]
    fn the_oldest_make_room_where_that_is_wanted_but_none_of_today() {
        let today = date(2026, 3, 9);
        let of = |day: u32| (0..15).map(move |n| format!("2026/03/0{day}/{n:013}.wav"));
        let names: BTreeSet<String> = (6..=9).flat_map(of).collect();
        let used = Arc::new(Mutex::new(95));
        let (mut archive, told) =
            archive(Fake { names, stuck: Arc::default(), used: used.clone() });
        let retention = Retention { when_full: WhenFull::Oldest, ..retention(YEAR, 90) };
        assert_eq!(archive.turn(&retention, today), PACE);
        let gone = removed(&told);
        assert_eq!((gone.len(), gone[0].as_str()), (BATCH, "2026/03/06/0000000000000.wav"));
        *used.lock().unwrap() = 90;
        archive.turn(&retention, today);
        assert_eq!(take(&told), [], "there is room: what is within its time stays");
        *used.lock().unwrap() = 95;
        for _ in 0..4 {
            archive.turn(&retention, today);
        }
        let events = take(&told);
        assert_eq!(events.len(), 25 + 1, "all but today's, and then the disk is full");
        let full = DiskEvent::Level { full: true, used_percent: 95, max_percent: 90 };
        assert_eq!(events.last(), Some(&full));
    }

    /// One look at the clock, `days` after the last recording of 2026-03-09.
    fn look(archive: &mut Archive, at: u64, days: i64, right: bool) -> usize {
        let wall = date(2026, 3, 9).at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap();
        let wall = Wall(wall.timestamp().as_millisecond() + days * 86_400_000);
        let now = Now { at: Time::from_millis(at * 1_000), wall };
        archive.look(&retention(YEAR, 100), now, right);
        archive.shelf.old(date(9999, 1, 1), "", 100).unwrap().len()
    }

    #[test]
    fn a_clock_that_leaps_removes_nothing_and_is_told_until_it_is_right() {
        let root = tempfile::tempdir().unwrap();
        let paths = ["2024/01/01/0000000000001.wav", "2026/03/09/0000000000002.wav"];
        paths.iter().for_each(|path| write(root.path(), path));
        let new = || archive(Directory { days: Days::new(root.path().into()) });
        let (mut leapt, told) = new();
        assert_eq!(look(&mut leapt, 0, 400, false), 1, "what is past its time by any clock goes");
        let events = take(&told);
        assert_eq!(events[0], DiskEvent::Removed { path: paths[0].into() });
        let DiskEvent::NotRemoved { why: Some(why) } = &events[1] else { panic!("{events:?}") };
        assert!(why.starts_with("the clock says 2027-04-13, 399 days ahead"), "{why}");
        assert_eq!((look(&mut leapt, 60, 400, false), take(&told)), (1, vec![]), "told once");
        let (mut restarted, told) = new();
        assert_eq!(look(&mut restarted, 0, 400, false), 1, "a restart proves nothing");
        assert_eq!(take(&told).len(), 1);
        assert_eq!(look(&mut restarted, 60, 0, false), 1);
        assert_eq!(take(&told), [DiskEvent::NotRemoved { why: None }], "it was put right");
        assert_eq!(look(&mut restarted, 120, 400, false), 1, "it leaps as it runs");
        assert_eq!(look(&mut restarted, 180, 400, true), 0, "an operator says that it is right");
        assert_eq!(look(&mut new().0, 0, 401, false), 0);
        let known = fs::read_to_string(root.path().join(CLOCK)).unwrap();
        assert!(known.starts_with("2027-04-1"), "{known}");
    }

    #[test]
    fn what_is_old_on_a_real_disk_goes_and_the_thread_ends() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), "2001/01/01/0000000000001.wav");
        fs::write(root.path().join(CLOCK), Timestamp::now().to_string()).unwrap();
        let (to, events) = std::sync::mpsc::channel();
        let tell: Tell = Arc::new(move |event| drop(to.send(event)));
        let archivist = start(root.path().into(), tell).unwrap();
        archivist.order(retention(YEAR, 100));
        let path = "2001/01/01/0000000000001.wav".to_owned();
        assert_eq!(events.recv_timeout(Duration::from_secs(20)), Ok(DiskEvent::Removed { path }));
        drop(archivist);
        assert!(events.recv().is_err(), "the thread has ended");
    }
}
