//! Subscribers' sheets over a restart (R15): of open cases those that could not be sent, of closed ones those that were under
//! way when all ended. What is under way of an open case its plan sends again.

use crate::switch::care::PlanEvent as Event;
use crate::switch::care::sheets::SheetOf;

use super::super::database::Trouble;
use super::super::query::Records;

/// Closed cases that are looked at: the last ones.
const MOST_CLOSED: u32 = 1_000;

impl Records {
    /// Of open cases the sheets whose last attempt was in vain.
    pub(super) async fn unsent_sheets(&self) -> Result<Vec<SheetOf>, Trouble> {
        let select = "SELECT id, \"case\", account, plan, body FROM plan_events AS own WHERE what = 'sent' \
                      AND json_extract(body, '$.why') <> '' \
                      AND \"case\" IN (SELECT id FROM cases WHERE closed IS NULL) \
                      AND NOT EXISTS (SELECT 1 FROM plan_events AS later WHERE later.\"case\" = own.\"case\" \
                      AND later.id > own.id AND later.what IN ('sent', 'sending') \
                      AND json_extract(later.body, '$.to') = json_extract(own.body, '$.to') \
                      AND json_extract(later.body, '$.by') = json_extract(own.body, '$.by')) ORDER BY id";
        let sheets = self.sheets(sqlx::query_as(select)).await?;
        Ok(sheets.into_iter().map(|(_, sheet)| sheet).collect())
    }

    /// Of closed cases the sheets of which nothing says what came of them, each with the number of the fact that it was
    /// under way: what is so since this start is no more than that.
    pub(super) async fn cut_sheets(&self) -> Result<Vec<(u64, SheetOf)>, Trouble> {
        let select = "SELECT id, \"case\", account, plan, body FROM plan_events AS own WHERE what = 'sending' \
                      AND \"case\" IN \
                      (SELECT id FROM cases WHERE closed IS NOT NULL ORDER BY closed DESC LIMIT ?) \
                      AND NOT EXISTS (SELECT 1 FROM plan_events AS later WHERE later.\"case\" = own.\"case\" \
                      AND later.id > own.id AND later.what IN ('sent', 'sending') \
                      AND json_extract(later.body, '$.to') = json_extract(own.body, '$.to') \
                      AND json_extract(later.body, '$.by') = json_extract(own.body, '$.by')) ORDER BY id";
        self.sheets(sqlx::query_as(select).bind(MOST_CLOSED)).await
    }

    async fn sheets<'q>(
        &self,
        query: sqlx::query::QueryAs<'q, sqlx::Sqlite, Row, sqlx::sqlite::SqliteArguments>,
    ) -> Result<Vec<(u64, SheetOf)>, Trouble> {
        let rows = query.fetch_all(&self.pool).await.map_err(self.sorted())?;
        let sheet = |(id, case, account, plan, body): Row| {
            // What a later version says is nothing that this one acts on.
            let (Event::Sending { to, by, .. } | Event::Sent { to, by, .. }) =
                serde_json::from_str(&body).ok()?
            else {
                return None;
            };
            let sheet = SheetOf { case: case.unsigned_abs(), account, plan, to, by };
            Some((id.unsigned_abs(), sheet))
        };
        Ok(rows.into_iter().filter_map(sheet).collect())
    }
}

/// The fact's number, case, account, plan, and the event as JSON.
type Row = (i64, i64, String, String, String);

#[cfg(test)]
mod tests {
    use super::super::super::tests::{block, stored};
    use super::*;
    use crate::switch::care::Channel;
    use crate::switch::care::Need;
    use crate::switch::fact::{CareFact, FactKind, Meaning, Protocol};

    #[test]
    fn what_came_of_sheets_is_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let of = |what| FactKind::Care { account: "77".into(), what };
        let opened = |case| {
            of(CareFact::Reported {
                by: "900".into(),
                protocol: Protocol::Scaip,
                device: String::new(),
                device_type: String::new(),
                meaning: Meaning::Alarm(Need::Fall),
                code: 0,
                priority: 0,
                place: String::new(),
                call_back: None,
                reference: String::new(),
                raw: String::new(),
                case: Some(case),
                opens: true,
                repeat: false,
                home: None,
            })
        };
        let plan = |case, happened| {
            of(CareFact::Plan { case, plan: "bell".into(), step: String::new(), happened })
        };
        let sending = |case, to: &str, by| {
            plan(case, Event::Sending { to: to.into(), by, ordered: String::new() })
        };
        let sent = |case, to: &str, by, why: &str| {
            plan(case, Event::Sent { to: to.into(), by, why: why.into() })
        };
        let (mail, printer) = (Channel::Mail, Channel::Printer);
        let kinds = [
            opened(1),
            opened(2),
            sending(1, "ward", mail),
            sending(1, "ward", printer),
            sending(1, "desk", mail),
            sent(1, "ward", mail, "no"),
            sent(1, "ward", printer, "no paper"),
            sending(1, "ward", printer),
            sent(1, "ward", printer, ""),
            sent(1, "desk", mail, ""),
            sending(2, "ward", mail),
            sending(2, "ward", printer),
            sent(2, "ward", printer, "no"),
            of(CareFact::Closed { case: 2, outcome: "well".into(), by: String::new() }),
        ];
        stored(dir.path(), kinds);
        block(async {
            let records = Records::open(&dir.path().join("belfry.db")).await.unwrap();
            let kept = records.kept_cases().await.unwrap();
            let sheet = |case, by| SheetOf {
                case,
                account: "77".into(),
                plan: "bell".into(),
                to: "ward".into(),
                by,
            };
            assert_eq!(kept.unsent, [sheet(1, mail)]);
            assert_eq!(kept.cut_sheets, [(11, sheet(2, mail))], "the eleventh fact says it");
        });
    }
}
