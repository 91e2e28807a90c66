//! The day's figures over a restart: what the records have of today goes to the switch, whose own begin with its start.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::exchange::Inputs;
use crate::store::{Journal, Records};
use crate::switch::{DaySoFar, Input};

/// How often the records are looked at until they have the start.
const LOOK: Duration = Duration::from_millis(500);
/// The longest day of any time zone, milliseconds, with a quarter of an hour more: which begins with midnight the
/// switch knows.
const DAY_MS: i64 = 25 * 3_600_000 + 900_000;

/// Tells it as soon as the records have all of before the start, and the start itself, whose number is `first`.
pub(super) async fn tell(journal: Journal, database: PathBuf, first: u64, inputs: Inputs) {
    let read = async || {
        let from = Timestamp::now().as_millisecond().saturating_sub(DAY_MS);
        Records::open(&database).await?.figures_of_queues(from).await
    };
    let mut day = loop {
        if journal.has_former() {
            // What keeps the records from being read is told where calls' own rows are.
            match read().await {
                Ok((seq, rows)) if seq >= first => {
                    break Input::Day(Box::new(DaySoFar { seq, rows }));
                }
                _ => {}
            }
        }
        tokio::time::sleep(LOOK).await;
    };
    while let Err(again) = inputs.offer(day) {
        day = again;
        tokio::time::sleep(LOOK).await;
    }
}
