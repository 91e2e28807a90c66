//! Calls on a schedule in the records: rounds, and what became of everybody in them.

use crate::base::Wall;
use crate::store::database::Trouble;
use crate::store::query::Records;
use crate::store::row::from_row;
use crate::store::statement::{Statement, query};
use crate::switch::care::{Began, Called, KeptCalls, State};
use crate::switch::fact::{CareFact, Fact};

/// What a fact says of calls on a schedule.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    account: &'q str,
    what: &'q CareFact,
) -> Vec<Statement<'q>> {
    match what {
        CareFact::CallsBegan { list, day, due, until, region, text, by, people } => {
            // A day that comes twice, after the calendar was set back, is in progress again.
            let upsert = "INSERT INTO care_rounds (list, day, due, until, region, text, \"by\", people) \
                          VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                          due = excluded.due, until = excluded.until, people = excluded.people, \
                          over = NULL";
            let row = query(upsert).bind(list).bind(day).bind(*due).bind(*until).bind(region);
            vec![row.bind(text).bind(by).bind(i64::try_from(*people).unwrap_or(i64::MAX))]
        }
        CareFact::CareCalled { list, day, nth } => {
            let upsert = "INSERT INTO care_calls (list, account, day, state, due, until, attempts, next) \
                          VALUES (?, ?, ?, 'waiting', ?, 0, ?, 0) ON CONFLICT DO UPDATE SET \
                          state = 'waiting', attempts = excluded.attempts, over = NULL";
            let row = query(upsert).bind(list).bind(account).bind(day).bind(fact.wall.0);
            vec![row.bind(i64::from(*nth))]
        }
        CareFact::CareCallOver { list, day, attempts, state, result, answer } => {
            let upsert = "INSERT INTO care_calls (list, account, day, state, due, until, attempts, next, \
                          result, answer, over) VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?, ?, ?) \
                          ON CONFLICT DO UPDATE SET state = excluded.state, \
                          attempts = excluded.attempts, result = excluded.result, \
                          answer = excluded.answer, over = excluded.over";
            let row = query(upsert).bind(list).bind(account).bind(day).bind(state);
            let row = row.bind(fact.wall.0).bind(i64::from(*attempts)).bind(result).bind(answer);
            vec![row.bind(fact.wall.0)]
        }
        CareFact::CallsOver { list, day } => {
            let update = "UPDATE care_rounds SET over = ? WHERE list = ? AND day = ?";
            vec![query(update).bind(fact.wall.0).bind(list).bind(day)]
        }
        _ => Vec::new(),
    }
}

impl Records {
    /// When each list's last round was due, the rounds that are open, and who was called in them.
    pub(super) async fn kept_care_calls(&self) -> Result<KeptCalls, Trouble> {
        let select = "SELECT list, max(due) FROM care_rounds GROUP BY list";
        let rows = sqlx::query_as::<_, (String, i64)>(select).fetch_all(&self.pool).await;
        let last = rows.map_err(self.sorted())?.into_iter().map(|(list, due)| (list, Wall(due)));
        let select = "SELECT list, day, due, until, region, text, \"by\" AS who FROM care_rounds \
                      WHERE over IS NULL ORDER BY due";
        struct Row {
            list: String,
            day: String,
            due: i64,
            until: i64,
            region: String,
            text: String,
            who: String,
        }
        from_row!(Row { list, day, due, until, region, text, who });
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let open = rows.map_err(self.sorted())?.into_iter().map(|row| {
            let (due, until) = (Wall(row.due), Wall(row.until));
            let Row { list, day, region, text, who: by, .. } = row;
            Began { list, day, due, until, region, text, by }
        });
        let select = "SELECT c.list, c.account, c.attempts, c.state FROM care_calls c \
                      JOIN care_rounds r ON r.list = c.list AND r.day = c.day \
                      WHERE r.over IS NULL";
        type Person = (String, String, i64, String);
        let rows = sqlx::query_as::<_, Person>(select).fetch_all(&self.pool).await;
        let called = rows.map_err(self.sorted())?.into_iter().map(|(list, account, n, state)| {
            let attempts = u32::try_from(n).unwrap_or(0);
            Called { list, account, attempts, over: State::named(&state) }
        });
        Ok(KeptCalls { last: last.collect(), open: open.collect(), called: called.collect() })
    }
}
