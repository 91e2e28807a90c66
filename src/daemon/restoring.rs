//! What was before a start, out of the records and into the exchange, as soon as those can be read.
//!
//! ```text
//!   the journal's former facts are applied ─▶ read, again and again ─▶ Input::Wishes, Registrations, Cases …
//!                 not within COPY_AFTER ─▶ the copy of the subscribers, meanwhile
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::alarms::Alarms;
use super::clock::Clock;
use super::exchange::Inputs;
use super::serve::STORE_LOOK;
use super::{campaigns, homes};
use crate::acd::served::{MOST_RESTORED, RESTORED};
use crate::base::Wall;
use crate::engine::disk::seal::Sealer;
use crate::store::{Journal, Records, Trouble};
use crate::switch::Input;
use crate::switch::calling_back::KeptBack;
use crate::switch::care::{KeptCases, Update};
use crate::switch::messages::Held;
use crate::switch::recovery::KeptBinding;
use crate::switch::signing::SignedIn;

/// The subscribers' copy is taken when the records are not read after so long.
const COPY_AFTER: Duration = Duration::from_secs(2);
/// How often records that cannot be read are tried.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// Recordings without a checksum that are asked for at once, and how often in one run.
const UNSEALED_PAGE: u32 = 500;
const UNSEALED_PAGES: u32 = 1_000;

/// What phones' users wish, which messages are held and who was registered comes from the records, as soon as those have all
/// that was written before the start: however long the database is away.
pub(super) async fn restore(
    journal: Journal,
    (database, copy): (PathBuf, PathBuf),
    inputs: Inputs,
    alarms: Arc<Alarms>,
) {
    let reading = async {
        while !journal.has_former() {
            tokio::time::sleep(STORE_LOOK / 4).await;
        }
        read_at_last((&database, &copy), READ_AGAIN, tell_unread).await
    };
    tokio::pin!(reading);
    let (read, lost) = match tokio::time::timeout(COPY_AFTER, &mut reading).await {
        Ok(read) => read,
        // Whose a bell is is not to wait for the database.
        Err(_) => {
            homes::tell(&copy, &inputs).await;
            reading.await
        }
    };
    let (wishes, held, bindings, cases, agents, backs, subscribers) = read;
    if let Some(alarm) = lost {
        homes::offer(&inputs, alarm).await;
    }
    tokio::spawn(homes::keep(database.clone(), copy.clone(), inputs.clone()));
    alarms.restore(&cases);
    let all = [
        // Where phones are, before anybody is to be rung for what fell due meanwhile.
        Input::Wishes(wishes),
        Input::Registrations(bindings),
        Input::Cases(cases),
        Input::Subscribers(Box::new(subscribers)),
        Input::Messages(held),
        Input::SignedIn(agents),
        Input::CallBacks(backs),
    ];
    for input in all {
        homes::offer(&inputs, input).await;
    }
    // A page of late talks: no bell, and nobody on duty, waits for that, or for what may be wrong with it.
    match served(&database).await {
        Ok(rows) => homes::offer(&inputs, Input::Served(rows)).await,
        Err(why) => tracing::warn!("who served which caller before the start is not known: {why}"),
    }
    while let Err(why) = campaigns::tell(&database, inputs.clone(), true).await {
        tracing::warn!("campaigns wait for the records: {why}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What the records keep, read again and again until it can be. Told are the first trouble, each other one, and the end.
///
/// Of a store that was begun anew the subscribers are those of the copy: with it the alarm that says so.
async fn read_at_last(
    (database, copy): (&Path, &Path),
    pause: Duration,
    mut tell: impl FnMut(Option<&Trouble>),
) -> (KeptRows, Option<Input>) {
    let (mut told, mut lost) = (None, None);
    loop {
        let read = async {
            if let Some(alarm) = homes::put_back(database, copy).await? {
                lost = Some(alarm);
            }
            kept(database).await
        };
        match read.await {
            Ok(kept) => {
                if told.is_some() {
                    tell(None);
                }
                return (kept, lost);
            }
            Err(trouble) => {
                if told.as_ref() != Some(&trouble) {
                    tell(Some(&trouble));
                }
                told = Some(trouble);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn tell_unread(trouble: Option<&Trouble>) {
    match trouble {
        Some(trouble) => tracing::error!(
            "cases, messages, phones, agents, call-backs and subscribers of before the start are not in force \
             yet: {trouble}; the records are read again each second"
        ),
        None => tracing::info!("what was before the start is in force: the records could be read"),
    }
}

/// Has recordings sealed for which the records have no checksum: those that waited for theirs when the last run
/// ended, by and by, the newest first.
pub(super) async fn seal_the_rest(journal: Journal, database: PathBuf, sealer: Sealer) {
    while !journal.has_former() {
        tokio::time::sleep(STORE_LOOK).await;
    }
    let mut before = i64::MAX;
    for _ in 0..UNSEALED_PAGES {
        let page = async { Records::open(&database).await?.unsealed(before, UNSEALED_PAGE).await };
        let page = match page.await {
            Ok(page) => page,
            Err(trouble) => {
                tracing::warn!("recordings without a checksum wait for the next start: {trouble}");
                return;
            }
        };
        let Some((last, _)) = page.last() else { return };
        before = *last;
        for (_, path) in &page {
            while !sealer.seal_old(path) {
                tokio::time::sleep(STORE_LOOK).await;
            }
        }
    }
}

/// What the records keep for the exchange: number, wish and value; messages; registrations; cases; agents;
/// call-backs; subscribers.
type KeptRows = (
    Vec<(String, String, String)>,
    Vec<Held>,
    Vec<KeptBinding>,
    KeptCases,
    Vec<SignedIn>,
    Vec<KeptBack>,
    Update,
);

/// Whom agents answered of late, the last one first.
async fn served(database: &Path) -> Result<Vec<(String, String)>, Trouble> {
    let since = Clock::start().now().wall.0 - RESTORED.as_millis() as i64;
    Records::open(database).await?.served(Wall(since), MOST_RESTORED).await
}

async fn kept(database: &Path) -> Result<KeptRows, Trouble> {
    let records = Records::open(database).await?;
    Ok((
        records.wishes().await?,
        records.held_messages().await?,
        records.kept_bindings().await?,
        records.kept_cases().await?,
        records.signed_in().await?,
        records.call_backs().await?,
        records.all_subscribers().await?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the board stays empty and nobody knows why.
    #[test]
    fn records_that_cannot_be_read_are_told_once_and_read_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("belfry.db");
        let runtime = crate::daemon::serve::start_runtime().unwrap();
        let mut said = Vec::new();
        runtime.block_on(async {
            let copy = dir.path().join("subscribers.copy");
            let reading = read_at_last((&path, &copy), Duration::from_millis(5), |trouble| {
                said.push(trouble.map(Trouble::to_string));
            });
            let mending = async {
                tokio::time::sleep(Duration::from_millis(60)).await;
                drop(crate::store::database::Database::open(&path).await.unwrap());
            };
            let (((.., subscribers), lost), ()) = tokio::join!(reading, mending);
            assert!(lost.is_none());
            assert_eq!(subscribers.put.len(), 0);
        });
        assert!(said[0].as_ref().is_some_and(|why| why.contains("belfry.db")), "{said:?}");
        assert_eq!(said.iter().filter(|said| said.is_none()).count(), 1, "{said:?}");
        assert!(said.last().is_some_and(Option::is_none) && said.len() <= 4, "{said:?}");
    }
}
