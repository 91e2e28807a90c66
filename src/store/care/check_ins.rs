//! Check-ins in the records: up to where each is settled, what became of each that was due.

use crate::base::Wall;
use crate::store::database::Trouble;
use crate::store::query::Records;
use crate::store::statement::{Statement, query};
use crate::switch::care::{MOST_CONTACTS, Missed};
use crate::switch::fact::{CareFact, Fact};

/// Up to where each is settled, and what is open.
type Kept = (Vec<(String, Wall)>, Vec<(String, Missed)>);

const REPORTED: &str = "INSERT INTO check_ins (account, due, state, \"by\", reported) \
                        VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET \
                        state = excluded.state, \"by\" = excluded.\"by\", \
                        reported = excluded.reported";

/// What a fact says of check-ins.
pub(super) fn statements<'q>(
    fact: &'q Fact,
    account: &'q str,
    what: &'q CareFact,
) -> Vec<Statement<'q>> {
    match what {
        CareFact::CheckedIn { due, settled, by, late, .. } => {
            let state = if *late { "late" } else { "reported" };
            let row = query(REPORTED).bind(account).bind(*due).bind(state).bind(by);
            let row = row.bind(fact.wall.0);
            // Whoever has reported has done so for all that was missed before.
            let others =
                "UPDATE check_ins SET state = 'late' WHERE account = ? AND state = 'missed'";
            vec![row, query(others).bind(account), settles(account, *settled)]
        }
        CareFact::CheckInMissed { due, .. } => {
            let insert = "INSERT INTO check_ins (account, due, state) VALUES (?, ?, 'missed') \
                          ON CONFLICT DO UPDATE SET state = 'missed', \"by\" = '', reported = NULL, \
                          reminders = 0, task = NULL, contacts = 0, accepted = NULL \
                          WHERE state <> 'missed'";
            vec![query(insert).bind(account).bind(*due), settles(account, *due)]
        }
        CareFact::CheckInTask { due, case } => {
            let update = "UPDATE check_ins SET task = ? WHERE account = ? AND due = ?";
            vec![query(update).bind(case.map_or(0, |case| case as i64)).bind(account).bind(*due)]
        }
        CareFact::CheckInAccepted { due, number } => {
            // As many as there can be: none is called any more, after a restart as well.
            let update =
                "UPDATE check_ins SET accepted = ?, contacts = ? WHERE account = ? AND due = ?";
            let all = MOST_CONTACTS as i64;
            vec![query(update).bind(number).bind(all).bind(account).bind(*due)]
        }
        CareFact::CheckInsDueAgain { after, until } => {
            let update = "UPDATE check_ins_settled SET due = ? WHERE due > ? AND (due > ? OR NOT EXISTS \
                          (SELECT 1 FROM check_ins WHERE check_ins.account = check_ins_settled.account \
                          AND check_ins.due = check_ins_settled.due AND reported IS NOT NULL))";
            vec![query(update).bind(*after).bind(*after).bind(*until)]
        }
        CareFact::CheckInClosed { .. } => {
            let update =
                "UPDATE check_ins SET state = 'closed' WHERE account = ? AND state = 'missed'";
            vec![query(update).bind(account)]
        }
        CareFact::CalledOut { why, due: Some(due), nth, .. } => {
            let update = match why.as_str() {
                "reminder" => "UPDATE check_ins SET reminders = ? WHERE account = ? AND due = ?",
                _ => "UPDATE check_ins SET contacts = ? WHERE account = ? AND due = ?",
            };
            vec![query(update).bind(i64::from(*nth)).bind(account).bind(*due)]
        }
        _ => Vec::new(),
    }
}

fn settles<'q>(account: &'q str, due: i64) -> Statement<'q> {
    let upsert = "INSERT INTO check_ins_settled (account, due) VALUES (?, ?) \
                  ON CONFLICT DO UPDATE SET due = excluded.due";
    query(upsert).bind(account).bind(due)
}

impl Records {
    /// Missed ones that are a person's task to which nobody has seen: whose, the case, and by when it was to be reported.
    pub(super) async fn kept_tasks(&self) -> Result<Vec<(String, Option<u64>, Wall)>, Trouble> {
        let select = "SELECT account, task, due FROM check_ins WHERE state = 'missed' AND task IS NOT NULL \
                      AND NOT EXISTS (SELECT 1 FROM cases WHERE id = check_ins.task \
                      AND (talked IS NOT NULL OR closed IS NOT NULL)) ORDER BY due";
        let rows = sqlx::query_as::<_, (String, i64, i64)>(select).fetch_all(&self.pool).await;
        let task = |(account, case, due): (String, i64, i64)| {
            (account, (case > 0).then_some(case.unsigned_abs()), Wall(due))
        };
        Ok(rows.map_err(self.sorted())?.into_iter().map(task).collect())
    }

    /// Whose check-in is a task still whose case was closed: the process ended between the two.
    pub(super) async fn kept_closed_tasks(&self) -> Result<Vec<String>, Trouble> {
        let select = "SELECT DISTINCT account FROM check_ins WHERE state = 'missed' AND EXISTS \
                      (SELECT 1 FROM cases WHERE id = check_ins.task AND closed IS NOT NULL)";
        let rows = sqlx::query_scalar::<_, String>(select).fetch_all(&self.pool).await;
        rows.map_err(self.sorted())
    }

    /// Up to where the check-ins of each are settled, and those that were missed and are nobody's yet: of each
    /// the first.
    pub(super) async fn kept_check_ins(&self) -> Result<Kept, Trouble> {
        let select = "SELECT account, due FROM check_ins_settled";
        let rows = sqlx::query_as::<_, (String, i64)>(select).fetch_all(&self.pool).await;
        let settled = rows.map_err(self.sorted())?.into_iter();
        let select = "SELECT account, due, reminders, task IS NOT NULL, contacts FROM check_ins \
                      WHERE state = 'missed' ORDER BY due";
        type Row = (String, i64, i64, bool, i64);
        let rows = sqlx::query_as::<_, Row>(select).fetch_all(&self.pool).await;
        let missed = rows.map_err(self.sorted())?.into_iter().map(
            |(account, due, reminders, task, contacts)| {
                let reminders = u32::try_from(reminders).unwrap_or(0);
                let contacts = usize::try_from(contacts).unwrap_or(0);
                (account, Missed { due: Wall(due), reminders, task, contacts })
            },
        );
        Ok((settled.map(|(account, due)| (account, Wall(due))).collect(), missed.collect()))
    }
}
