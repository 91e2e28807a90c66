//! How long records of calls (`[store] keep`) and of the care line's cases (`[care] keep`) are kept: says the store, every
//! some minutes, which day is the first.
//!
//! The rule of days and months is that of recordings (`record::retention`); what goes and how fast is the store's.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::files::zone_of;
use super::orders::Operator;
use crate::base::Wall;
use crate::config::Period;
use crate::record::retention::{Keep, first_kept};
use crate::store::Journal;

/// How often the day is looked at, and the configuration that may have changed.
const LOOK: Duration = Duration::from_secs(600);

/// Says it for as long as the appliance runs.
pub(super) async fn run(operator: Arc<Operator>, journal: Journal) {
    loop {
        let config = operator.config();
        let (now, zone) = (Timestamp::now(), zone_of(&config));
        if let Some(first) = first_moment(now, config.store.keep, &zone) {
            journal.keep_from(first, &zone);
        }
        if let Some(first) = first_moment(now, config.care.keep, &zone) {
            journal.keep_cases_from(first);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Since when records are kept at `now`; `None`: since ever.
pub(super) fn first_moment(now: Timestamp, keep: Period, zone: &TimeZone) -> Option<Wall> {
    let keep = match keep {
        Period::Days(days) => Keep::Days(days),
        Period::Months(months) => Keep::Months(months),
    };
    let first = first_kept(now.to_zoned(zone.clone()).date(), keep);
    let begins = first.to_zoned(zone.clone()).ok()?;
    Some(Wall(begins.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moment_is_a_midnight_of_the_place() {
        let now: Timestamp = "2026-03-08T17:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let first = |keep| first_moment(now, keep, &zone).map(|wall| wall.as_millis());
        let at = |text: &str| text.parse::<Timestamp>().ok().map(|at| at.as_millisecond());
        assert_eq!(first(Period::Months(12)), at("2025-03-09T00:00:00+08:00"));
        assert_eq!(first(Period::Days(1)), at("2026-03-08T00:00:00+08:00"));
        assert_eq!(first(Period::Months(u32::MAX)), None, "for ever");
    }
}
