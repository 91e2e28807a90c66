//! Facts read back from the records, in their order: for who missed some.
//!
//! The numbers of facts rise with the rows of `events` within one journal, and from one journal to the next unless
//! an earlier version began the next one at 1. So the place of a number is found by halving, without an index of
//! its own, which each fact would have to pay for.

use serde_json::from_str;

use super::database::Trouble;
use super::query::Records;
use crate::base::CallId;
use crate::switch::fact::{Fact, FactKind};

/// The most facts of one call that are read.
const MOST_OF_CALL: i64 = 10_000;
/// Journals before the newest in which a number is looked for: one ends where its directory is lost.
const MOST_JOURNALS: usize = 100;
/// The most facts about agents that are looked at for where each is signed in.
const MOST_OF_AGENTS: i64 = 20_000;

impl Records {
    /// Facts with higher numbers, in their order, at most so many: of the journal that is written now, and of those before it
    /// from which the numbers go on.
    pub async fn facts_after(&self, seq: u64, most: usize) -> Result<Vec<Fact>, Trouble> {
        let Some(from) = self.row_after(seq).await? else { return Ok(Vec::new()) };
        let select = "SELECT body FROM events WHERE id >= ? AND seq > ? ORDER BY id LIMIT ?";
        let query = sqlx::query_scalar::<_, String>(select).bind(from).bind(seq as i64);
        let rows = query.bind(most as i64).fetch_all(&self.pool).await.map_err(self.sorted())?;
        Ok(rows.iter().filter_map(|body| from_str(body).ok()).collect())
    }

    /// The facts of a call up to a number.
    pub async fn facts_of_call(&self, call: CallId, until: u64) -> Result<Vec<Fact>, Trouble> {
        let select = "SELECT body FROM events WHERE call = ? AND seq <= ? ORDER BY id LIMIT ?";
        let query = sqlx::query_scalar::<_, String>(select).bind(call.to_string());
        let query = query.bind(until as i64).bind(MOST_OF_CALL);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        Ok(rows.iter().filter_map(|body| from_str(body).ok()).collect())
    }

    /// The last state of each agent up to a number, the earliest first.
    pub async fn agents_before(&self, until: u64) -> Result<Vec<Fact>, Trouble> {
        let select = "SELECT body FROM events WHERE kind = 'agent' AND seq <= ? \
                      AND json_extract(body, '$.event') = 'state' ORDER BY wall DESC, id DESC LIMIT ?";
        let query = sqlx::query_scalar::<_, String>(select).bind(until as i64).bind(MOST_OF_AGENTS);
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let mut seen = std::collections::BTreeSet::new();
        let facts = rows.iter().filter_map(|body| from_str::<Fact>(body).ok());
        let last = |fact: &Fact| match &fact.kind {
            FactKind::Agent { agent, .. } => seen.insert(agent.clone()),
            _ => false,
        };
        let mut facts: Vec<Fact> = facts.filter(last).collect();
        facts.reverse();
        Ok(facts)
    }

    /// The first row of this journal with a higher number; `None`: there is none.
    async fn row_after(&self, seq: u64) -> Result<Option<i64>, Trouble> {
        let last = "SELECT id, journal, seq FROM events ORDER BY id DESC LIMIT 1";
        let last = sqlx::query_as::<_, (i64, i64, i64)>(last).fetch_optional(&self.pool).await;
        let Some((mut high, journal, newest)) = last.map_err(self.sorted())? else {
            return Ok(None);
        };
        if newest <= seq as i64 {
            return Ok(None);
        }
        let mut low = self.first_row(journal).await?;
        for _ in 0..MOST_JOURNALS {
            if low.1 <= seq as i64 + 1 {
                break;
            }
            let before = "SELECT journal, seq FROM events WHERE id < ? ORDER BY id DESC LIMIT 1";
            let before = sqlx::query_as::<_, (i64, i64)>(before).bind(low.0);
            let before = before.fetch_optional(&self.pool).await.map_err(self.sorted())?;
            match before {
                Some((journal, last)) if last < low.1 && last > seq as i64 => {
                    low = self.first_row(journal).await?;
                }
                _ => break,
            }
        }
        let mut low = low.0;
        // The row sought is in low..=high.
        while low < high {
            let middle = low + (high - low) / 2;
            let at = "SELECT id, seq FROM events WHERE id <= ? ORDER BY id DESC LIMIT 1";
            let at = sqlx::query_as::<_, (i64, i64)>(at).bind(middle).fetch_one(&self.pool).await;
            let (id, number) = at.map_err(self.sorted())?;
            match number > seq as i64 {
                true => high = id,
                false => low = middle + 1,
            }
        }
        Ok(Some(high))
    }

    /// A journal's first row: its id, and its fact's number.
    async fn first_row(&self, journal: i64) -> Result<(i64, i64), Trouble> {
        let first = "SELECT id, seq FROM events WHERE journal = ? ORDER BY run, seq LIMIT 1";
        let first = sqlx::query_as(first).bind(journal).fetch_one(&self.pool);
        first.await.map_err(self.sorted())
    }
}
