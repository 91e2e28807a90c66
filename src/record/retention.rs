//! How long recordings are kept and how much of the disk they may fill (R5: 12 months on 2 TB).
//!
//! A pure function over a listing: what is past its time goes, oldest first; what is within it
//! never goes, however full the disk is, since it may be evidence. When the disk is full by then,
//! no recording begins and an alarm is raised; calls go on.

use jiff::ToSpan;
use jiff::civil::Date;

use super::path;

/// How long a recording is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// So many days.
    Days(u32),
    /// So many months of the calendar.
    Months(u32),
}

/// One file below the directory of recordings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its path below the directory.
    pub path: String,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// The disk that holds the recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// What it can hold, bytes.
    pub total: u64,
    /// What is in use, by whatever, bytes.
    pub used: u64,
    /// The share that may be in use, percent.
    pub max_percent: u8,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Paths to remove, oldest first.
    pub remove: Vec<String>,
    /// The disk is above its share even after that: no recording shall begin.
    pub full: bool,
}

/// More months than the calendar has: for ever.
const FOR_EVER_MONTHS: u32 = 20_000 * 12 - 24;
/// More days than the calendar has.
const FOR_EVER_DAYS: u32 = 7_300_000;

/// The first date whose recordings are still kept on `today`.
pub fn first_kept(today: Date, keep: Keep) -> Date {
    match keep {
        Keep::Days(days) => today.saturating_sub(i64::from(days.min(FOR_EVER_DAYS)).days()),
        Keep::Months(months) => {
            today.saturating_sub(i64::from(months.min(FOR_EVER_MONTHS)).months())
        }
    }
}

/// Decides over `files`. Files that are not recordings (by their path) are left alone.
pub fn decide(files: &[Listed], today: Date, keep: Keep, disk: Disk) -> Verdict {
    let first = first_kept(today, keep);
    let dated = files.iter().filter_map(|f| Some((path::read(&f.path)?, f)));
    let mut old: Vec<_> = dated.filter(|((date, _), _)| *date < first).collect();
    old.sort_by_key(|(dated, _)| *dated);
    let freed: u64 = old.iter().map(|(_, f)| f.bytes).sum();
    let used = u128::from(disk.used.saturating_sub(freed)) * 100;
    Verdict {
        remove: old.into_iter().map(|(_, f)| f.path.clone()).collect(),
        full: used > u128::from(disk.total) * u128::from(disk.max_percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const GB: u64 = 1 << 30;

    fn listed(path: &str) -> Listed {
        Listed { path: path.into(), bytes: GB }
    }
    fn disk(used: u64) -> Disk {
        Disk { total: 100 * GB, used: used * GB, max_percent: 90 }
    }

    #[test]
    fn what_is_past_its_time_goes_and_nothing_else() {
        let files = [
            listed("2026/03/09/0000000000003.wav"),
            listed("2025/03/08/0000000000002.wav"),
            listed("2025/03/09/0000000000001.wav"),
            listed("2024/01/01/0000000000009.wav"),
            listed("2001/01/01/somebody's.wav"),
            listed(".open/rec-1"),
        ];
        let verdict = decide(&files, date(2026, 3, 9), Keep::Months(12), disk(50));
        let old = ["2024/01/01/0000000000009.wav", "2025/03/08/0000000000002.wav"];
        assert_eq!(verdict, Verdict { remove: old.map(String::from).to_vec(), full: false });
    }

    #[test]
    fn a_full_disk_stops_recordings_and_removes_none_that_is_kept() {
        let files =
            [listed("2026/03/08/0000000000003.wav"), listed("2024/03/08/0000000000002.wav")];
        let at = |used| decide(&files, date(2026, 3, 9), Keep::Days(30), disk(used));
        assert!(!at(91).full, "the old one makes room");
        assert!(at(92).full);
        assert_eq!(at(92).remove.len(), 1);
    }

    #[test]
    fn months_are_the_calendars() {
        assert_eq!(first_kept(date(2026, 3, 31), Keep::Months(1)), date(2026, 2, 28));
        assert_eq!(first_kept(date(2026, 3, 1), Keep::Days(1)), date(2026, 2, 28));
        assert_eq!(first_kept(date(1, 1, 1), Keep::Months(u32::MAX)), Date::MIN);
    }
}
