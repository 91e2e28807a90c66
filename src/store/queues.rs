//! Who is to be called back: a row for each who asked, until an agent has reached it or it is given up.

use crate::base::{CallId, Wall};
use crate::switch::calling_back::KeptBack;
use crate::switch::fact::{Fact, QueueFact};

use super::database::Trouble;
use super::query::Records;
use super::statement::{Statement, query};

/// What a step of a caller in a queue changes.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    queue: &'q str,
    call: CallId,
    what: &'q QueueFact,
) -> Vec<Statement<'q>> {
    let call = call.to_string();
    match what {
        QueueFact::BackWanted { from, number, priority, waited_ms, within_ms } => {
            let insert = "INSERT INTO call_backs (call, queue, \"from\", number, priority, entered, \
                          until, failed) VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING";
            let ms = |ms: &u64| i64::try_from(*ms).unwrap_or(i64::MAX);
            vec![
                query(insert)
                    .bind(call)
                    .bind(queue)
                    .bind(from)
                    .bind(number)
                    .bind(i64::from(*priority))
                    .bind(fact.wall.0.saturating_sub(ms(waited_ms)))
                    .bind(fact.wall.0.saturating_add(ms(within_ms))),
            ]
        }
        QueueFact::BackFailed { failed, .. } => {
            let update = "UPDATE call_backs SET failed = ?, tried = ? WHERE call = ?";
            vec![query(update).bind(i64::from(*failed)).bind(fact.wall.0).bind(call)]
        }
        QueueFact::Answered { .. } | QueueFact::Left { .. } => {
            vec![query("DELETE FROM call_backs WHERE call = ?").bind(call)]
        }
        QueueFact::Entered { .. }
        | QueueFact::Refused { .. }
        | QueueFact::Overflowed { .. }
        | QueueFact::Offered { .. }
        | QueueFact::NotTaken { .. }
        | QueueFact::BackTried { .. }
        | QueueFact::TalkOver { .. } => Vec::new(),
    }
}

/// Who was answered, by whom, the last first; by its index.
pub(super) const SERVED: &str = "SELECT c.caller, json_extract(e.body, '$.agent') FROM events e JOIN calls c ON c.call = e.call \
                      WHERE e.kind = 'queue' AND json_extract(e.body, '$.event') = 'answered' \
                      AND e.wall >= ? AND c.caller <> '' ORDER BY e.wall DESC LIMIT ?";

impl Records {
    /// The numbers of callers whom agents answered since then, with the agents' numbers: at most so many talks, the last
    /// one first.
    pub async fn served(&self, since: Wall, most: u32) -> Result<Vec<(String, String)>, Trouble> {
        let rows = sqlx::query_as::<_, (String, Option<String>)>(SERVED).bind(since.0).bind(most);
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        Ok(rows.into_iter().filter_map(|(number, agent)| Some((number, agent?))).collect())
    }

    /// Who is to be called back, the one first who came first.
    pub async fn call_backs(&self) -> Result<Vec<KeptBack>, Trouble> {
        let select = "SELECT call, queue, \"from\", number, priority, entered, until, failed, tried \
                      FROM call_backs ORDER BY entered, call";
        type Row = (String, String, String, String, i64, i64, i64, i64, Option<i64>);
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let rows = rows.map_err(self.sorted())?;
        let row = |(call, queue, from, number, priority, entered, until, failed, tried): Row| {
            Some(KeptBack {
                call: call.parse().ok()?,
                queue,
                from,
                number,
                priority: i32::try_from(priority).unwrap_or(0),
                entered: Wall(entered),
                until: Wall(until),
                failed: u32::try_from(failed).unwrap_or(0),
                tried: tried.map(Wall),
            })
        };
        Ok(rows.into_iter().filter_map(row).collect())
    }
}
