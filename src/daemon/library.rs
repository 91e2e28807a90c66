//! What is kept of talks and cases, for the API: the records and the recordings' files.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::api::cases::{self, Archive};
use crate::api::events::Later;
use crate::api::quality::{Library, Sought, Sound};
use crate::base::CallId;
use crate::config::Config;
use crate::engine::disk::keys::Keys;
use crate::engine::disk::reading;
use crate::record::path;
use crate::store::query::MAX_ROWS;
use crate::store::recordings::Wanted;
use crate::store::{Records, Trouble, cases as of_cases, floor, scores, segment};

/// How long the records may take with what is on the disk, and how often that is looked at.
const SETTLES: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// The records, opened when they are first asked.
#[derive(Clone, Default)]
pub(super) struct Shelf(Arc<OnceCell<Records>>);

/// The shelf with the configuration in force.
pub(super) struct Kept {
    pub(super) shelf: Shelf,
    pub(super) config: Config,
    pub(super) keys: Keys,
}

impl Kept {
    fn with<T, F>(&self, ask: impl FnOnce(Records) -> F + Send + 'static) -> Later<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let (cell, path) = (self.shelf.0.clone(), self.config.database());
        Box::pin(async move {
            let opened = cell.get_or_try_init(|| async { Records::open(&path).await }).await;
            let records = opened.map_err(|e| e.to_string())?.clone();
            ask(records).await.map_err(|e| e.to_string())
        })
    }

    /// As the records ask it; `None`: no agent is meant.
    fn sought(&self, sought: Sought) -> Option<scores::Sought> {
        let Sought { call, agent, team, from, until, only, unscored, most } = sought;
        let named = match (agent, team) {
            (Some(agent), Some(team)) => {
                Some(self.members(&team).into_iter().filter(|own| *own == agent).collect())
            }
            (Some(agent), None) => Some(vec![agent]),
            (None, Some(team)) => Some(self.members(&team)),
            (None, None) => None,
        };
        let agents: Option<Vec<String>> = match (named, only) {
            (Some(named), Some(only)) => {
                Some(named.into_iter().filter(|agent| only.contains(agent)).collect())
            }
            (named, only) => named.or(only),
        };
        if agents.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let agents = agents.unwrap_or_default();
        Some(scores::Sought { call, agents, from, until, unscored, most })
    }

    fn members(&self, team: &str) -> Vec<String> {
        let own = self.config.agents.iter();
        let own = own.filter(|agent| agent.team.as_ref().is_some_and(|own| own.as_str() == team));
        let listed = self.config.teams.iter().filter(|own| own.name.as_str() == team);
        let listed = listed.flat_map(|team| team.members.iter().flatten());
        own.map(|agent| agent.number.to_string()).chain(listed.map(ToString::to_string)).collect()
    }
}

fn values<T: serde::Serialize>(rows: &[T]) -> Vec<Value> {
    rows.iter().filter_map(|row| serde_json::to_value(row).ok()).collect()
}

/// A score with its answers as JSON, not as a text of it.
fn score(row: &scores::ScoreRow) -> Value {
    let mut value = serde_json::to_value(row).unwrap_or_default();
    value["answers"] = serde_json::from_str(&row.answers).unwrap_or_default();
    value
}

impl Library for Kept {
    fn talks(&self, sought: Sought) -> Later<Vec<Value>> {
        let sought = self.sought(sought);
        self.with(move |records| async move {
            let Some(sought) = sought else { return Ok(Vec::new()) };
            Ok(values(&records.talks(&sought).await?))
        })
    }
    fn scores(&self, sought: Sought) -> Later<Vec<Value>> {
        let sought = self.sought(sought);
        self.with(move |records| async move {
            let Some(sought) = sought else { return Ok(Vec::new()) };
            Ok(records.scores(&sought).await?.iter().map(score).collect())
        })
    }
    fn score(&self, id: String) -> Later<Option<Value>> {
        self.with(move |records| async move { Ok(records.score(&id).await?.as_ref().map(score)) })
    }
    fn settled(&self) -> Later<bool> {
        let (journal, database) = (self.config.journal_dir(), self.config.database());
        // Each look has the disk's pace, and not the exchange's.
        let look = move || {
            let told = |error: io::Error| format!("{}: {error}", journal.display());
            let Some(newest) = segment::newest(&journal).map_err(told)? else { return Ok(true) };
            let until = Instant::now() + SETTLES;
            loop {
                let waiting = floor::waiting(&journal, newest, &database);
                if waiting.map_err(|trouble| trouble.to_string())? == 0 {
                    return Ok(true);
                }
                if Instant::now() >= until {
                    return Ok(false);
                }
                std::thread::sleep(LOOK);
            }
        };
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(look).await;
            looked.unwrap_or_else(|error| Err(error.to_string()))
        })
    }
    fn figures(&self, by_team: bool, sought: Sought) -> Later<Vec<Value>> {
        let sought = self.sought(sought);
        self.with(move |records| async move {
            let Some(sought) = sought else { return Ok(Vec::new()) };
            Ok(values(&records.score_figures(by_team, &sought).await?))
        })
    }
    fn sound(&self, call: CallId, nth: usize) -> Later<Option<io::Result<Sound>>> {
        let (root, ring) = (self.config.recordings_dir(), self.keys.ring());
        let wanted = Wanted { call: Some(call.to_string()), most: MAX_ROWS, ..Wanted::default() };
        self.with(move |records| async move {
            let found = records.recordings(&wanted).await?;
            let file = nth.checked_sub(1).and_then(|at| found.iter().rev().nth(at));
            let Some(file) = file.filter(|file| file.removed.is_none()) else { return Ok(None) };
            let name = file.path.clone();
            let open = move || {
                let reading = reading::open(&root, &name, &ring)?;
                let kind = if path::is_wav(&name) { "audio/wav" } else { "audio/ogg" };
                Ok(Sound { kind, length: reading.len(), audio: Box::new(reading) })
            };
            let opened = tokio::task::spawn_blocking(open).await;
            Ok(Some(opened.unwrap_or_else(|error| Err(io::Error::other(error)))))
        })
    }
}

impl Archive for Kept {
    fn cases(&self, sought: cases::Sought) -> Later<Vec<Value>> {
        let most = sought.most();
        let cases::Sought { from, until, account, open, most: _ } = sought;
        let wanted = of_cases::Wanted { from, until, account, open, most };
        self.with(move |records| async move { Ok(values(&records.cases(&wanted).await?)) })
    }
    fn case(&self, case: u64) -> Later<Option<Value>> {
        self.with(move |records| async move {
            let record = records.case(case).await?;
            Ok(record.and_then(|record| serde_json::to_value(record).ok()))
        })
    }
}
