//! What the guard knows over a restart: who is locked, who never is, and who has called how often.

use crate::base::Wall;
use crate::store::database::Trouble;
use crate::store::query::Records;
use crate::store::statement::{Statement, query};
use crate::switch::care::{KeptCalled, KeptGuard, Lock};
use crate::switch::fact::{CareFact, Fact};

/// Calls that are looked at, the newest first.
const MOST_CALLS: i64 = 100_000;
/// And how far back, from the newest, milliseconds: the longest `[guard] within`.
const LOOK_BACK_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// What a fact says of the guard.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    account: &'q str,
    what: &'q CareFact,
) -> Vec<Statement<'q>> {
    match what {
        CareFact::GuardLocked { until, why, by } => {
            let upsert = "INSERT INTO guard_locks (number, since, until, why, \"by\") \
                          VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          since = excluded.since, until = excluded.until, why = excluded.why, \
                          \"by\" = excluded.\"by\"";
            let lock = query(upsert).bind(account).bind(fact.wall.0);
            vec![lock.bind(*until).bind(why).bind(by), anew(fact, account)]
        }
        CareFact::GuardLifted { .. } => {
            let delete = query("DELETE FROM guard_locks WHERE number = ?").bind(account);
            vec![delete, anew(fact, account)]
        }
        CareFact::GuardWhite { on: true, by } => {
            let insert = "INSERT INTO guard_white (number, since, \"by\") VALUES (?, ?, ?) \
                          ON CONFLICT DO NOTHING";
            vec![query(insert).bind(account).bind(fact.wall.0).bind(by)]
        }
        CareFact::GuardWhite { on: false, .. } => {
            vec![query("DELETE FROM guard_white WHERE number = ?").bind(account)]
        }
        _ => Vec::new(),
    }
}

/// From here on a number's calls are counted anew.
fn anew<'q>(fact: &'q Fact, account: &'q str) -> Statement<'q> {
    let upsert = "INSERT INTO guard_counted (number, since) VALUES (?, ?) \
                  ON CONFLICT DO UPDATE SET since = excluded.since";
    query(upsert).bind(account).bind(fact.wall.0)
}

impl Records {
    pub(super) async fn kept_guard(&self) -> Result<KeptGuard, Trouble> {
        let select = "SELECT number, since, until, why, \"by\" FROM guard_locks";
        type Row = (String, i64, Option<i64>, String, String);
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let lock = |(number, since, until, why, by): Row| {
            (number, Lock { since: Wall(since), until: until.map(Wall), why, by })
        };
        let locks = rows.map_err(self.sorted())?.into_iter().map(lock).collect();
        let select = "SELECT number FROM guard_white";
        let white = sqlx::query_scalar(select).fetch_all(&self.pool).await;
        let white = white.map_err(self.sorted())?;
        Ok(KeptGuard { locks, white, calls: self.kept_calls().await? })
    }

    /// Who has called when, the oldest first, and since when a number's calls count.
    async fn kept_calls(&self) -> Result<KeptCalled, Trouble> {
        let select = "SELECT caller, begun FROM calls WHERE caller <> '' AND context NOT LIKE 'care-%' \
                      AND NOT EXISTS (SELECT 1 FROM call_fields WHERE call_fields.call = calls.call AND name = 'case') \
                      AND begun > (SELECT max(begun) FROM calls) - ? \
                      ORDER BY begun DESC LIMIT ?";
        let rows = sqlx::query_as::<_, (String, i64)>(select).bind(LOOK_BACK_MS).bind(MOST_CALLS);
        let mut calls = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        calls.reverse();
        let select = "SELECT number, since FROM guard_counted \
                      WHERE since > (SELECT max(begun) FROM calls) - ?";
        let rows = sqlx::query_as::<_, (String, i64)>(select).bind(LOOK_BACK_MS);
        let anew = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let wall = |(number, at): (String, i64)| (number, Wall(at));
        let calls = calls.into_iter().map(wall).collect();
        Ok(KeptCalled { calls, anew: anew.into_iter().map(wall).collect() })
    }
}
