//! What a start is told of units: reports by which a repeat is known, and calls that broke off while they were asked.

use crate::base::Wall;
use crate::store::database::Trouble;
use crate::store::query::Records;
use crate::store::row::from_row;
use crate::store::statement::{Statement, query};
use crate::switch::care::Heard;
use crate::switch::care::KeptReception;
use crate::switch::fact::{CareFact, Fact, Meaning};

/// Reports that are looked at, the newest first.
const MOST_HEARD: i64 = 50_000;
/// And how far back, from the newest, milliseconds: `[care] repeats_within` is at most this.
const LOOK_BACK_MS: i64 = 24 * 3_600 * 1_000;

/// A call is asked for its alarm until that is over.
pub(super) fn receptions<'q>(fact: &'q Fact, what: &'q CareFact) -> Vec<Statement<'q>> {
    match what {
        CareFact::ReceptionBegan { call, number } => {
            let insert = "INSERT INTO receptions (call, id, number) VALUES (?, ?, ?) \
                          ON CONFLICT DO NOTHING";
            vec![query(insert).bind(call.to_string()).bind(fact.seq as i64).bind(number)]
        }
        CareFact::ReceptionOver { call } => {
            vec![query("DELETE FROM receptions WHERE call = ?").bind(call.to_string())]
        }
        _ => Vec::new(),
    }
}

impl Records {
    /// Calls that were being asked when the process before ended.
    pub(super) async fn kept_receptions(&self) -> Result<Vec<KeptReception>, Trouble> {
        let select = "SELECT call, id, number FROM receptions ORDER BY id";
        let rows = sqlx::query_as::<_, (String, i64, String)>(select).fetch_all(&self.pool).await;
        let kept = |(call, seq, number): (String, i64, String)| {
            Some(KeptReception { call: call.parse().ok()?, seq: seq.unsigned_abs(), number })
        };
        Ok(rows.map_err(self.sorted())?.into_iter().filter_map(kept).collect())
    }

    /// What was heard of late, the oldest first.
    pub(super) async fn kept_heard(&self) -> Result<Vec<Heard>, Trouble> {
        let select = "SELECT account, reference, \"case\" AS of_case, meaning, of, device, wall FROM reports \
                      WHERE reference <> '' AND repeat = 0 \
                      AND wall > (SELECT max(wall) FROM reports WHERE reference <> '') - ? \
                      ORDER BY id DESC LIMIT ?";
        struct Row {
            account: String,
            reference: String,
            of_case: Option<i64>,
            meaning: String,
            of: String,
            device: String,
            wall: i64,
        }
        from_row!(Row { account, reference, of_case, meaning, of, device, wall });
        let rows = sqlx::query_as::<_, Row>(select).bind(LOOK_BACK_MS).bind(MOST_HEARD);
        let rows = rows.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let heard = |row: Row| {
            let meaning = Meaning::named(&row.meaning, &row.of)?;
            let Row { account, reference, device, .. } = row;
            let case = row.of_case.map(i64::unsigned_abs);
            Some(Heard { account, reference, case, meaning, device, at: Wall(row.wall) })
        };
        Ok(rows.into_iter().rev().filter_map(heard).collect())
    }
}
