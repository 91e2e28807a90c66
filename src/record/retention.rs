//! How long recordings are kept and how much of the disk they may fill (R5: 12 months on 2 TB).
//!
//! ```text
//!   past its time            ─▶ removed, oldest first, a few at a time
//!   within its time          ─▶ kept: it may be evidence
//!   disk above its share     ─▶ no recording begins, an alarm; calls go on; or, if the
//!                               configuration says so, the oldest go until it is below
//! ```
//!
//! Rules only. The engine's `archive` thread looks, removes and measures; it also sees to it that no
//! file goes that is being written.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::path;
use crate::base::CallId;

/// How long a recording is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// So many days.
    Days(u32),
    /// So many months of the calendar.
    Months(u32),
}

/// What happens when the disk is above its share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// No recording begins.
    Stop,
    /// The oldest go, within their time too, but none of today.
    Oldest,
}

/// What the configuration says.
#[derive(Clone, PartialEq, Debug)]
pub struct Retention {
    /// `[record] keep`.
    pub keep: Keep,
    /// `[record] max_disk`, percent.
    pub max_percent: u8,
    /// `[record] when_full`.
    pub when_full: WhenFull,
    /// The zone in which days begin.
    pub zone: TimeZone,
}

/// The disk that holds the recordings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    /// What Belfry's user can have of it in all, bytes.
    pub total: u64,
    /// What is in use, by whatever, bytes.
    pub used: u64,
}

impl Space {
    /// Whether more than `max_percent` of it is in use.
    pub fn is_above(self, max_percent: u8) -> bool {
        u128::from(self.used) * 100 > u128::from(self.total) * u128::from(max_percent)
    }
    /// The share in use, percent, rounded up.
    pub fn percent(self) -> u8 {
        let total = u128::from(self.total.max(1));
        (u128::from(self.used) * 100).div_ceil(total).min(100) as u8
    }
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

/// The call of the recording at `path` when its time was over before `first_kept`. `None`: it is
/// kept, or none of ours.
pub fn past(path: &str, first_kept: Date) -> Option<CallId> {
    path::read(path).filter(|(date, _)| *date < first_kept).map(|(_, call)| call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn what_is_past_its_time_goes_and_nothing_else() {
        let first = first_kept(date(2026, 3, 9), Keep::Months(12));
        for (path, goes) in [
            ("2026/03/09/0000000000003.wav", false),
            ("2025/03/08/0000000000002.wav", true),
            ("2025/03/08/0000000000002-2.wav", true),
            ("2025/03/09/0000000000001.wav", false),
            ("2024/01/01/0000000000009.wav", true),
            ("2001/01/01/somebody's.wav", false),
            (".open/rec-1", false),
        ] {
            assert_eq!(past(path, first).is_some(), goes, "{path}");
        }
    }

    #[test]
    fn a_disk_is_full_above_its_share() {
        let space = |used| Space { total: 1_000, used };
        assert!(!space(900).is_above(90) && space(901).is_above(90));
        assert!(!space(1_000).is_above(100));
        assert!(!Space { total: u64::MAX, used: u64::MAX }.is_above(100), "no overflow");
        assert_eq!((space(901).percent(), space(0).percent()), (91, 0));
        assert_eq!(Space { total: 0, used: 0 }.percent(), 0);
    }

    #[test]
    fn months_are_the_calendars() {
        assert_eq!(first_kept(date(2026, 3, 31), Keep::Months(1)), date(2026, 2, 28));
        assert_eq!(first_kept(date(2026, 3, 1), Keep::Days(1)), date(2026, 2, 28));
        assert_eq!(first_kept(date(1, 1, 1), Keep::Months(u32::MAX)), Date::MIN);
    }
}
