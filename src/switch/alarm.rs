//! Alarms of conditions that show call by call: raised with the first call that meets one, cleared
//! when no call has met it for a while. One fact each, however many calls are hit: a flood of calls
//! must not become a flood of alarms.
//!
//! ```text
//!   calm ──met: raised──▶ standing ──not met for CALM: cleared, with the number of calls──▶ calm
//! ```
//!
//! Alarms whose end somebody else knows (database, gateway, journal) do not come here.

use std::collections::BTreeMap;

use crate::base::{CallId, Duration, Now, Time};

use super::fact::{AlarmWhat, FactKind};
use super::{Level, Switch};

/// An alarm stands until its condition was not met for this long.
const CALM: Duration = Duration::from_secs(60);

/// The alarms that stand.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// By what they are about: when they will be over, and how often they were met.
    standing: BTreeMap<AlarmWhat, (Time, u64)>,
}

impl Alarms {
    /// The condition was met; true: it did not stand yet.
    fn met(&mut self, now: Time, what: AlarmWhat) -> bool {
        let (over, times) = self.standing.entry(what).or_insert((now, 0));
        *over = now + CALM;
        *times += 1;
        *times == 1
    }

    /// When the first may be over.
    pub(super) fn next_wake(&self) -> Option<Time> {
        self.standing.values().map(|(over, _)| *over).min()
    }

    /// One that is over, and how often it was met.
    fn over(&mut self, now: Time) -> Option<(AlarmWhat, u64)> {
        let (what, (_, times)) = self.standing.iter().find(|(_, (over, _))| *over <= now)?;
        let (what, times) = (*what, *times);
        self.standing.remove(&what);
        Some((what, times))
    }
}

impl Switch {
    /// A call met a condition that is worth an alarm, and a line in the log with the first.
    pub(super) fn alarm(
        &mut self,
        now: Now,
        what: AlarmWhat,
        detail: String,
        call: Option<CallId>,
    ) {
        if self.alarms.met(now.at, what) {
            self.log(Level::Error, format!("alarm, {}: {detail}", what.as_str()));
            self.fact(now, FactKind::Alarm { what, raised: true, detail, call });
        }
    }

    /// Clears the alarms that are over.
    pub(super) fn alarms_due(&mut self, now: Now) {
        while let Some((what, times)) = self.alarms.over(now.at) {
            let detail = format!("{times} times");
            self.fact(now, FactKind::Alarm { what, raised: false, detail, call: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_once_and_cleared_when_calm() {
        let mut alarms = Alarms::default();
        let at = |s: u64| Time::from_millis(s * 1_000);
        assert!(alarms.met(at(0), AlarmWhat::NoPorts));
        assert!(!alarms.met(at(30), AlarmWhat::NoPorts));
        assert!(alarms.met(at(40), AlarmWhat::Overload), "each stands for itself");
        assert_eq!((alarms.next_wake(), alarms.over(at(89))), (Some(at(90)), None));
        assert_eq!(alarms.over(at(90)), Some((AlarmWhat::NoPorts, 2)));
        assert_eq!(alarms.over(at(200)), Some((AlarmWhat::Overload, 1)));
        assert_eq!(alarms.next_wake(), None);
        assert!(alarms.met(at(300), AlarmWhat::NoPorts), "raised anew");
    }
}
